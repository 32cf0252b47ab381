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

/* Would a failure of this process be copied now? */
extern bool failing_wanted(void);

/* May an error with this SQLSTATE say something of a statement and its data? */
extern bool failing_of_a_statement(int sqlerrcode);

#endif							/* SELFHEAL_FAILING_H */
