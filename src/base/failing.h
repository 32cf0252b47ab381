/*
 * failing.h
 *	  The error path of a session whose statement fails: a copy of its bytes.
 *
 * Runs where PostgreSQL logs an error, before the transaction is aborted, with
 * whatever locks the statement had: nothing is looked up, allocated, locked or
 * raised here.
 */
#ifndef SELFHEAL_FAILING_H
#define SELFHEAL_FAILING_H

#include "postgres.h"

/* From _PG_init, behind failures_init. */
extern void failing_init(void);

#endif							/* SELFHEAL_FAILING_H */
