/*
 * partition.h
 *	  The step attach_partition: one partition more, beside its siblings.
 *
 * "args": {"parent": "public.orders", "schema": "public",
 *          "name": "orders_2026_12",
 *          "from": ["2026-12-01"], "to": ["2027-01-01"]}    by range, or
 *         {..., "values": ["ee", null]}                      by list
 *
 * parent is the table or a partition of it that is partitioned itself, quoted
 * as SQL has it. Bounds are texts as the key's type prints them, time in UTC;
 * a null in from and to is MINVALUE, and stands behind the first part of the
 * key alone. "column" is the key's first column, "" for an expression.
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
#include "decide/partition_level.h"
#include "storage/lockdefs.h"

typedef struct NewPartition
{
	Oid			parent;
	char	   *schema;
	char	   *name;
	bool		by_list;
	List	   *from;			/* char *; NULL: MINVALUE */
	List	   *to;
	List	   *values;			/* char *; NULL: null */
} NewPartition;

/* A step from what its args are to say; spec->parent must be there. */
extern PlanStep *partition_step(const NewPartition *spec);

/* The opposite; false with a reason when the args are not as documented, or
 * name no partitioned table at or below relid. */
extern bool partition_read(Oid relid, const PlanStep *step, NewPartition *spec, char **reason);

extern bool partition_check(const StepSite *site, const PlanStep *step, bool *true_already,
							char **reason);

/* May these two be made by one plan? */
extern bool partition_check_pair(Oid relid, const PlanStep *a, const PlanStep *b, char **reason);

/* None where the parent has such a partition by now. */
extern List *partition_statements(Oid relid, const PlanStep *step);
extern void partition_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

/*
 * The same statements for a stand-in: a table like "like" (SQL name), by
 * another name, attached to "parent" (SQL name).
 */
extern List *partition_statements_on(const NewPartition *spec, const char *parent,
									 const char *like, const char *schema, const char *name);

/*
 * What ATTACH locks: the parent (ShareUpdateExclusiveLock), the tables on the
 * other side of its foreign keys (ShareRowExclusiveLock), its default partition
 * (AccessExclusiveLock); PartitionLock *, in the order of locking.
 */
typedef struct PartitionLock
{
	Oid			relid;
	LOCKMODE	mode;
} PartitionLock;
extern List *partition_locks(const HealPlan *plan);

/* Can the plan's partitions be made as it says? Else somebody has made others
 * meanwhile. */
extern bool partition_current(const HealPlan *plan);

/* The condition of a spec's rows, over the columns of its parent. */
extern char *partition_condition(const PartitionLevel *level, const NewPartition *spec);

#endif							/* SELFHEAL_PARTITION_H */
