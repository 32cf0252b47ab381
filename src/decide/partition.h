/*
 * partition.h
 *	  The step attach_partition: one partition more, beside its siblings.
 *
 * The partition is made as a table of its own with a CHECK of its bounds, and
 * then attached: no lock keeps readers and writers of the parent out. It takes
 * after the newest of its siblings: tablespace, storage, row security, replica
 * identity. What nobody may take from another table it does not get: grants,
 * policies, triggers of that sibling alone.
 */
#ifndef SELFHEAL_PARTITION_H
#define SELFHEAL_PARTITION_H

#include "postgres.h"

#include "decide/forms.h"
#include "decide/partition_args.h"
#include "decide/partition_level.h"

extern bool partition_check(const StepSite *site, const PlanStep *step, bool *true_already,
							char **reason);

/* Are these bounds by range, or values of a list, that a table may have as its
 * partition's? Whether others share them is not looked at. */
extern bool partition_check_bounds(const PartitionLevel *level, const NewPartition *spec,
								   char **reason);

/* FOR VALUES ..., or DEFAULT */
extern char *partition_bound_sql(const NewPartition *spec);

/* May these two be made by one plan? */
extern bool partition_check_pair(Oid relid, const PlanStep *a, const PlanStep *b, char **reason);

/* None where the parent has such a partition by now. */
extern List *partition_statements(Oid relid, const PlanStep *step);
extern void partition_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

/*
 * The same statements for a stand-in: a table like "parent" (SQL name), by
 * another name, attached to it; rows move out of "from" (NULL: none do).
 */
extern List *partition_statements_on(const NewPartition *spec, const char *parent,
									 const char *from, const char *schema, const char *name);

/* Can the plan's partitions be made as it says? Else somebody has made others
 * meanwhile. */
extern bool partition_current(const HealPlan *plan);

/* The condition of a spec's rows, over the columns of its parent. */
extern char *partition_condition(const PartitionLevel *level, const NewPartition *spec);

#endif							/* SELFHEAL_PARTITION_H */
