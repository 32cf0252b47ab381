/*
 * partition_locks.c
 *	  What PostgreSQL locks when a partition is attached.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/partition.h"
#include "decide/partition.h"
#include "decide/partition_locks.h"
#include "utils/lsyscache.h"

static int
by_relid(const ListCell *a, const ListCell *b)
{
	Oid			x = ((PartitionLock *) lfirst(a))->relid;
	Oid			y = ((PartitionLock *) lfirst(b))->relid;

	return x < y ? -1 : x > y;
}

static void
add_lock(List **locks, Oid relid, LOCKMODE mode)
{
	PartitionLock *lock;
	ListCell   *lc;

	foreach(lc, *locks)
	{
		lock = lfirst(lc);
		if (lock->relid == relid)
		{
			lock->mode = Max(lock->mode, mode);
			return;
		}
	}
	lock = palloc(sizeof(PartitionLock));
	lock->relid = relid;
	lock->mode = mode;
	*locks = lappend(*locks, lock);
}

/*
 * What ATTACH to this parent locks for foreign keys: those that go on to the
 * partition, with all partitions of what they refer to; and those of others
 * that refer to the parent.
 */
static void
add_keys(List **locks, Oid parent)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, parent);
	n = spi_exec("SELECT DISTINCT t.relid FROM pg_constraint c CROSS JOIN LATERAL"
				 " (SELECT confrelid UNION SELECT relid FROM pg_partition_tree(confrelid)) t(relid)"
				 " WHERE conrelid = $1 AND contype = 'f'"
				 " UNION SELECT conrelid FROM pg_constraint c WHERE confrelid = $1 AND contype = 'f'"
				 "   AND NOT EXISTS (SELECT FROM pg_constraint u WHERE u.oid = c.conparentid AND u.confrelid = $1)", &args);
	for (uint64 i = 0; i < n; i++)
	{
		Oid			relid = spi_get_oid(i, 1, NULL);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		add_lock(locks, relid, ShareRowExclusiveLock);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
}

/* See the header. */
List *
partition_locks(const HealPlan *plan)
{
	List	   *locks = NIL;
	List	   *parents = NIL;
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		NewPartition spec;
		Oid			last_resort;
		char	   *reason;

		if (step->kind != STEP_ATTACH_PARTITION ||
			!partition_read(plan->relid, step, &spec, &reason) ||
			list_member_oid(parents, spec.parent))
			continue;
		parents = lappend_oid(parents, spec.parent);
		add_lock(&locks, spec.parent, ShareUpdateExclusiveLock);
		last_resort = get_default_partition_oid(spec.parent);
		if (OidIsValid(last_resort))
			add_lock(&locks, last_resort, AccessExclusiveLock);
		add_keys(&locks, spec.parent);
	}
	list_sort(locks, by_relid);
	return locks;
}
