/*
 * statements.h
 *	  The door of plain statements: what failed in other sessions is taken out
 *	  of the ring, located, and becomes an incident where a step may end it.
 */
#ifndef SELFHEAL_STATEMENTS_H
#define SELFHEAL_STATEMENTS_H

#include "postgres.h"

/* Say whether failures of this database are wanted: whether a table is watched.
 * In a transaction of its own. */
extern void statements_want(void);

/*
 * Take failures out of the ring, for a bounded time, each in a transaction of
 * its own: one that cannot be understood is passed over. True: more are left.
 */
extern bool statements_drain(void);

#endif							/* SELFHEAL_STATEMENTS_H */
