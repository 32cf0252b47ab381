/*
 * failscope.h
 *	  Which errors of which processes are copied.
 *
 * Asked in the error path: nothing is looked up, allocated, locked or raised.
 */
#ifndef SELFHEAL_FAILSCOPE_H
#define SELFHEAL_FAILSCOPE_H

#include "postgres.h"

#include "base/failring.h"

/* The place of this process's database in the ring, if a failure of this
 * process would be copied now, else NULL. */
extern FailDatabase *failscope_database(void);
extern bool failscope_wanted(void);

/* May an error with this SQLSTATE say something of a statement and its data? */
extern bool failscope_of_a_statement(int sqlerrcode);

#endif							/* SELFHEAL_FAILSCOPE_H */
