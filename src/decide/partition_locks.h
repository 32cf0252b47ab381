/*
 * partition_locks.h
 *	  What PostgreSQL locks when a partition is attached.
 */
#ifndef SELFHEAL_PARTITION_LOCKS_H
#define SELFHEAL_PARTITION_LOCKS_H

#include "postgres.h"

#include "decide/plan.h"
#include "storage/lockdefs.h"

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

#endif							/* SELFHEAL_PARTITION_LOCKS_H */
