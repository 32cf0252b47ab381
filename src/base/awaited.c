/*
 * awaited.c
 *	  Tables that held rows wait for, and who has written to them.
 *
 * The set stands in shared memory, for all databases in one short array. A
 * commit that finds its table there marks it and wakes the worker, unless it
 * is marked already: then a wake was sent that the worker has not followed
 * yet. So a parent into which a thousand sessions write costs one wake for
 * each time that the worker looks.
 *
 * The commit callback raises nothing and allocates nothing, as in shmem.c.
 * What a savepoint has rolled back is noted all the same: a look too many.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "base/awaited.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "parser/parsetree.h"
#include "replication/logicalworker.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
#include "tcop/utility.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

#define LOCK_TRANCHE "selfheal awaited"

/* Tables of the whole server that can be told apart; beyond that any table of
 * the database that found no room is one that is waited for. */
#define MAX_AWAITED 1024

/* Tables that one transaction's writing is told apart for. */
#define MAX_WRITTEN 16

typedef struct AwaitedEntry
{
	Oid			dbid;
	Oid			relid;			/* InvalidOid: the database's own entry */
	Oid			parent;
	bool		written;		/* the database's: something, we know not what */
	bool		any;			/* the database's: every table counts */
} AwaitedEntry;

typedef struct AwaitedState
{
	LWLock	   *lock;
	int			n;				/* read without the lock as well */
	AwaitedEntry entries[MAX_AWAITED];
} AwaitedState;

static AwaitedState *state = NULL;

static Oid	written[MAX_WRITTEN];	/* by this transaction */
static int	nwritten = 0;
static bool more_written = false;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
static ExecutorEnd_hook_type prev_executor_end = NULL;
static ProcessUtility_hook_type prev_utility = NULL;

/* ---- what a transaction has stored ---- */

/* One of them; false when it is known already. */
static bool
note(Oid relid)
{
	for (int i = nwritten - 1; i >= 0; i--)
		if (written[i] == relid)
			return false;
	if (nwritten < MAX_WRITTEN)
		written[nwritten++] = relid;
	else
		more_written = true;
	return !more_written;
}

/* See the header. A partition may be younger than what was published. */
void
awaited_wrote(Oid relid)
{
	if (note(relid) && get_rel_relispartition(relid))
	{
		List	   *ancestors = get_partition_ancestors(relid);
		ListCell   *lc;

		foreach(lc, ancestors)
			(void) note(lfirst_oid(lc));
		list_free(ancestors);
	}
}

/*
 * A statement ends: into which tables has it stored rows? A count is kept of
 * the main statement only, not of what its WITH clauses write.
 */
static void
executor_end(QueryDesc *desc)
{
	const PlannedStmt *stmt = desc->plannedstmt;

	if (stmt->resultRelations != NIL && desc->estate != NULL &&
		(stmt->hasModifyingCTE ||
		 (desc->estate->es_processed > 0 && desc->operation != CMD_DELETE)))
	{
		ListCell   *lc;

		foreach(lc, stmt->resultRelations)
		{
			const RangeTblEntry *rte = rt_fetch(lfirst_int(lc), stmt->rtable);

			if (rte->rtekind == RTE_RELATION &&
				(rte->relkind == RELKIND_RELATION || rte->relkind == RELKIND_PARTITIONED_TABLE))
				awaited_wrote(rte->relid);
		}
	}
	if (prev_executor_end)
		prev_executor_end(desc);
	else
		standard_ExecutorEnd(desc);
}

/* Does the statement bring rows with a partition? */
static bool
attaches(const Node *stmt)
{
	ListCell   *lc;

	if (!IsA(stmt, AlterTableStmt))
		return false;
	foreach(lc, ((const AlterTableStmt *) stmt)->cmds)
		if (((const AlterTableCmd *) lfirst(lc))->subtype == AT_AttachPartition)
		return true;
	return false;
}

/* COPY and ATTACH PARTITION pass no executor. */
static void
utility(COMPAT_UTILITY_ARGS)
{
	const Node *stmt = pstmt->utilityStmt;
	const RangeVar *into = NULL;

	if (IsA(stmt, CopyStmt) && ((const CopyStmt *) stmt)->is_from)
		into = ((const CopyStmt *) stmt)->relation;
	else if (attaches(stmt))
		into = ((const AlterTableStmt *) stmt)->relation;

	if (prev_utility)
		prev_utility(COMPAT_UTILITY_PASS);
	else
		standard_ProcessUtility(COMPAT_UTILITY_PASS);

	if (into && state != NULL)
	{
		Oid			relid = RangeVarGetRelid(into, NoLock, true);

		if (OidIsValid(relid))
			awaited_wrote(relid);
	}
}

/* ---- the set ---- */

/* This database's own entry, or NULL. */
static AwaitedEntry *
own_entry(Oid dbid)
{
	for (int i = 0; i < state->n; i++)
		if (state->entries[i].dbid == dbid && !OidIsValid(state->entries[i].relid))
			return &state->entries[i];
	return NULL;
}

/* Have we locked the table to write in it? The lock manager asks for no more
 * of a relation than its number. */
static bool
locked_to_write(Oid relid)
{
	RelationData rel;

	rel.rd_lockInfo.lockRelId.dbId = MyDatabaseId;
	rel.rd_lockInfo.lockRelId.relId = relid;
	return CheckRelationLockedByMe(&rel, RowExclusiveLock, false);
}

/* Has this transaction stored rows in it? */
static bool
has_written(Oid relid)
{
	if (IsLogicalWorker() && locked_to_write(relid))
		return true;
	for (int i = 0; i < nwritten; i++)
		if (written[i] == relid)
			return true;
	return more_written;
}

/*
 * Our transaction is committed and visible. Mark what it has brought; true
 * when that was news. The wake is sent under the lock, so that whoever finds
 * a mark knows that its wake is out.
 */
static void
tell(void)
{
	bool		news = false;

	LWLockAcquire(state->lock, LW_SHARED);
	for (int i = 0; i < state->n && !news; i++)
	{
		const AwaitedEntry *e = &state->entries[i];

		news = e->dbid == MyDatabaseId && !e->written &&
			(OidIsValid(e->relid) ? has_written(e->relid) : e->any);
	}
	LWLockRelease(state->lock);
	if (!news)
		return;

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < state->n; i++)
	{
		AwaitedEntry *e = &state->entries[i];

		if (e->dbid == MyDatabaseId &&
			(OidIsValid(e->relid) ? has_written(e->relid) : e->any))
			e->written = true;
	}
	shmem_wake_committed();
	LWLockRelease(state->lock);
}

/* End of transaction. What a prepared one has stored is told by COMMIT
 * PREPARED, in whichever session that is. */
static void
at_xact_end(XactEvent event, void *arg)
{
	if (nwritten == 0 && !IsLogicalWorker())
		return;
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (state != NULL)
			{
				pg_memory_barrier();
				if (state->n > 0)
					tell();
			}
			/* FALLTHROUGH */
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			nwritten = 0;
			more_written = false;
			break;
		default:
			break;
	}
}

/* Take out all of this database's, but for its own entry. */
static void
clear(Oid dbid)
{
	int			kept = 0;

	for (int i = 0; i < state->n; i++)
		if (state->entries[i].dbid != dbid || !OidIsValid(state->entries[i].relid))
			state->entries[kept++] = state->entries[i];
	state->n = kept;
}

static void
add(Oid relid, Oid parent, bool is_written)
{
	for (int i = 0; i < state->n; i++)
	{
		AwaitedEntry *e = &state->entries[i];

		if (e->dbid == MyDatabaseId && e->relid == relid && e->parent == parent)
		{
			e->written |= is_written;
			return;
		}
	}
	if (state->n < MAX_AWAITED)
	{
		AwaitedEntry *e = &state->entries[state->n];

		e->dbid = MyDatabaseId;
		e->relid = relid;
		e->parent = parent;
		e->written = is_written;
		e->any = false;
		state->n++;
	}
	else
	{
		AwaitedEntry *own = own_entry(MyDatabaseId);

		if (own)
		{
			own->any = true;
			own->written |= is_written;
		}
	}
}

/* See the header. A mark that nobody has taken yet stays. */
void
awaited_publish(const List *tables, bool replace)
{
	AwaitedEntry *own;
	ListCell   *lc;

	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	if (own_entry(MyDatabaseId) == NULL)
		add(InvalidOid, InvalidOid, false);
	own = own_entry(MyDatabaseId);
	if (replace && own)
	{
		/* which of them were marked is asked anew: all, to be safe */
		for (int i = 0; i < state->n; i++)
			if (state->entries[i].dbid == MyDatabaseId && state->entries[i].written)
				own->written = true;
		own->any = false;
		clear(MyDatabaseId);
	}
	foreach(lc, tables)
	{
		const AwaitedTable *t = lfirst(lc);

		add(t->relid, t->parent, false);
	}
	LWLockRelease(state->lock);
}

/* See the header. */
bool
awaited_take(List **parents, bool *all)
{
	Oid			found[MAX_AWAITED];
	int			n = 0;
	AwaitedEntry *own;

	*parents = NIL;
	*all = false;
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	own = own_entry(MyDatabaseId);
	if (own)
	{
		*all = own->written;
		own->written = false;
	}
	for (int i = 0; i < state->n; i++)
	{
		AwaitedEntry *e = &state->entries[i];

		if (e->dbid == MyDatabaseId && e->written)
		{
			e->written = false;
			found[n++] = e->parent;
		}
	}
	LWLockRelease(state->lock);
	for (int i = 0; i < n; i++)
		*parents = list_append_unique_oid(*parents, found[i]);
	return own != NULL;
}

/* See the header. */
bool
awaited_none(void)
{
	bool		none = true;

	LWLockAcquire(state->lock, LW_SHARED);
	for (int i = 0; i < state->n && none; i++)
		none = state->entries[i].dbid != MyDatabaseId ||
			(!OidIsValid(state->entries[i].relid) && !state->entries[i].any);
	LWLockRelease(state->lock);
	return none;
}

/* See the header. */
bool
awaited_pending(void)
{
	bool		pending = false;

	LWLockAcquire(state->lock, LW_SHARED);
	for (int i = 0; i < state->n && !pending; i++)
		pending = state->entries[i].dbid == MyDatabaseId && state->entries[i].written;
	LWLockRelease(state->lock);
	return pending;
}

/* See the header. Nothing is published: then nobody waits. */
void
awaited_any(void)
{
	AwaitedEntry *own;

	if (state == NULL)
		return;
	LWLockAcquire(state->lock, LW_EXCLUSIVE);
	own = own_entry(MyDatabaseId);
	if (own)
		own->written = true;
	LWLockRelease(state->lock);
}

/* ---- from _PG_init ---- */

static void
request_memory(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(sizeof(AwaitedState));
	RequestNamedLWLockTranche(LOCK_TRANCHE, 1);
}

static void
attach_memory(void)
{
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	state = ShmemInitStruct("selfheal awaited", sizeof(AwaitedState), &found);
	if (!found)
	{
		memset(state, 0, sizeof(AwaitedState));
		state->lock = &GetNamedLWLockTranche(LOCK_TRANCHE)->lock;
	}
	LWLockRelease(AddinShmemInitLock);
}

/* See the header. */
void
awaited_init(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
	prev_executor_end = ExecutorEnd_hook;
	ExecutorEnd_hook = executor_end;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
	RegisterXactCallback(at_xact_end, NULL);
}
