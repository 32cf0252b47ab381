/*
 * partition_move.h
 *	  Rows that move out of the default partition into a new one.
 *
 * ATTACH refuses a partition of which the default has rows. They are moved in
 * its transaction, before it: deleted there, inserted here. That is exact only
 * where nobody else notices: a DELETE trigger, a rule, or a foreign key that
 * refers to the rows refuses the step.
 */
#ifndef SELFHEAL_PARTITION_MOVE_H
#define SELFHEAL_PARTITION_MOVE_H

#include "postgres.h"

/* May rows be moved out of the default partition of parent? Also when it has
 * none. */
extern bool partition_move_check(Oid parent, char **reason);

/* The statement: from the default partition "from" (SQL name; its columns are
 * those of last_resort) to "to", the rows of this condition. */
extern char *partition_move_sql(Oid last_resort, const char *from, const char *to,
								const char *condition);

#endif							/* SELFHEAL_PARTITION_MOVE_H */
