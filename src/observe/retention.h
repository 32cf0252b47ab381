/*
 * retention.h
 *	  What was kept about loads goes when it is old.
 */
#ifndef SELFHEAL_RETENTION_H
#define SELFHEAL_RETENTION_H

#include "postgres.h"

/*
 * Remove a little of what is older than selfheal.load_retention: rows of
 * selfheal.load of which nothing is in selfheal.quarantine any more, rows of
 * selfheal.load_line, and payloads that were kept; of these also what is more
 * than selfheal.kept_max. And of what was done to tables (history.h). Called by
 * the worker when it has nothing better to do, in a transaction of its own.
 * True: there is more.
 */
extern bool retention_step(void);

#endif							/* SELFHEAL_RETENTION_H */
