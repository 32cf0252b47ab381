/*
 * history.h
 *	  Rows that stand in the table, for its clone.
 */
#ifndef SELFHEAL_HISTORY_H
#define SELFHEAL_HISTORY_H

#include "postgres.h"

#include "act/clone.h"

/*
 * Before the clone is made: take rows of the table into the stage, at least
 * selfheal.dry_run_history of them, spread over its pages, or all when it has
 * fewer (then clone->whole). Of a table whose members are chosen already the
 * rows come from those; a table that inherits has a stage of its own.
 */
extern void history_sample(Clone *clone);

/* Into the clone, with all its members: by way of the root where it is
 * partitioned. Sets history. */
extern void history_load(Clone *clone);

#endif							/* SELFHEAL_HISTORY_H */
