/*
 * vacate.c
 *	  Databases that are dropped, renamed, moved or copied have no worker.
 *
 * Any session in a database makes these statements fail, and a worker is a
 * session that nobody thinks of. The utility hook marks the database's slot
 * STOPPING before the statement, tells its worker to end and waits for it,
 * not for ever; the end of the transaction, commit or abort, takes the mark
 * away. A worker that was told to end finds its unfinished work again in the
 * tables: it comes back if the database does.
 *
 * The same hook announces two more things that no commit of ours does: COMMIT
 * PREPARED (what the prepared transaction left is visible now) and DROP
 * EXTENSION (a lingering worker has no reason to stay).
 */
#include "postgres.h"

#include <signal.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/awaited.h"
#include "base/compat.h"
#include "base/failures.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "pgstat.h"
#include "serve/vacate.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* How long the statement waits for the worker to leave. Then it goes on and
 * says itself who is still there. */
#define STOP_WAIT_MS 5000

/* A worker that only lingers is asked; so much later it is told. */
#define ASK_MS 500

static ProcessUtility_hook_type prev_utility = NULL;

/* Databases that this transaction keeps healers and agents away from, in
 * TopTransactionContext. */
static List *stopped[WORKER_KINDS];

/*
 * End of a transaction that kept workers away, whatever its end. PREPARE too:
 * from then on the prepared transaction's lock on the database keeps them
 * waiting at their start. Raises nothing.
 */
static void
release_stopped(XactEvent event, void *arg)
{
	ListCell   *lc;
	bool		any = false;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;

	for (int kind = 0; kind < WORKER_KINDS; kind++)
	{
		if (stopped[kind] == NIL)
			continue;
		any = true;
		LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
		foreach(lc, stopped[kind])
		{
			WorkerSlot *slot = shmem_slot(lfirst_oid(lc), kind, false);

			if (slot == NULL || slot->stoppers == 0 || --slot->stoppers > 0)
				continue;
			/* If it did not leave in time, it lives on: the statement failed. */
			if (slot->pid == 0)
				shmem_slot_move(slot, slot->wakes_sent > slot->wakes_done ?
								SLOT_WANTED : SLOT_IDLE);
		}
		LWLockRelease(shmem_state->lock);
		stopped[kind] = NIL;	/* its memory goes with the transaction */
	}
	if (any)
		shmem_wake_launcher();
}

/*
 * Keep one kind of process away from a database until the end of this
 * transaction.
 */
static void
hold_slot(Oid dbid, WorkerKind kind)
{
	MemoryContext old;
	WorkerSlot *slot;

	/* Memory before the mark: once marked, nothing may fail but the wait. */
	old = MemoryContextSwitchTo(TopTransactionContext);
	stopped[kind] = lappend_oid(stopped[kind], dbid);
	MemoryContextSwitchTo(old);

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	slot = shmem_slot(dbid, kind, true);
	if (slot != NULL)
	{
		slot->stoppers++;
		if (slot->state != SLOT_STOPPING)
			shmem_slot_move(slot, SLOT_STOPPING);
	}
	LWLockRelease(shmem_state->lock);

	/*
	 * Every slot is busy with another database: nobody to stop, and nobody
	 * can be started while that is so.
	 */
	if (slot == NULL)
		stopped[kind] = list_delete_last(stopped[kind]);
}

/*
 * Is the database without healer and agent? If not, ask the one that lingers
 * to leave (that is no line in the log), tell the one at work, or when
 * insisting any, by SIGTERM. It is signalled under the lock: it gives its slot
 * back under the same lock, so the pid is its own.
 */
static bool
tell_to_go(Oid dbid, bool insist)
{
	bool		gone = true;

	LWLockAcquire(shmem_state->lock, LW_SHARED);
	for (int kind = 0; kind < WORKER_KINDS; kind++)
	{
		WorkerSlot *slot = shmem_slot(dbid, kind, false);

		if (slot == NULL || slot->pid == 0 || slot->pid == MyProcPid)
			continue;
		gone = false;
		if (insist || slot->wakes_sent > slot->wakes_done)
			kill(slot->pid, SIGTERM);
		else
			SetLatch(&GetPGProcByNumber(slot->pgprocno)->procLatch);
	}
	LWLockRelease(shmem_state->lock);
	return gone;
}

/*
 * Keep workers away from a database until the end of this transaction, and
 * wait, not for ever, until the one that is there has left.
 */
static void
stop_worker(Oid dbid)
{
	static bool registered = false;
	TimestampTz start = GetCurrentTimestamp();

	if (!registered)
	{
		RegisterXactCallback(release_stopped, NULL);
		registered = true;
	}

	for (int kind = 0; kind < WORKER_KINDS; kind++)
		hold_slot(dbid, kind);

	ConditionVariablePrepareToSleep(&shmem_state->idle);
	for (;;)
	{
		long		waited = TimestampDifferenceMilliseconds(start, GetCurrentTimestamp());
		bool		insist = waited >= ASK_MS;

		if (tell_to_go(dbid, insist) || waited >= STOP_WAIT_MS)
			break;
		(void) ConditionVariableTimedSleep(&shmem_state->idle,
										   (insist ? STOP_WAIT_MS : ASK_MS) - waited,
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();
}

/* The value of an option of CREATE or ALTER DATABASE, or NULL. */
static char *
option_value(List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *opt = lfirst_node(DefElem, lc);

		if (strcmp(opt->defname, name) == 0 && opt->arg != NULL)
			return defGetString(opt);
	}
	return NULL;
}

/* CREATEDB, from the catalog: dbcommands.c shows its own check to others in
 * some minor releases only. */
static bool
may_create_databases(void)
{
	HeapTuple	tup;
	bool		may;

	if (superuser())
		return true;
	tup = SearchSysCache1(AUTHOID, ObjectIdGetDatum(GetUserId()));
	if (!HeapTupleIsValid(tup))
		return false;
	may = ((Form_pg_authid) GETSTRUCT(tup))->rolcreatedb;
	ReleaseSysCache(tup);
	return may;
}

/*
 * Which database does this statement need for itself? Only when the user may
 * run it: else anyone could stop anyone's worker. The statement's own checks
 * follow and decide.
 */
static Oid
database_needed(Node *stmt)
{
	const char *name = NULL;
	bool		copies = false;
	Oid			dbid;

	switch (nodeTag(stmt))
	{
		case T_DropdbStmt:
			name = ((DropdbStmt *) stmt)->dbname;
			break;
		case T_RenameStmt:
			if (((RenameStmt *) stmt)->renameType == OBJECT_DATABASE)
				name = ((RenameStmt *) stmt)->subname;
			break;
		case T_AlterDatabaseStmt:
			if (option_value(((AlterDatabaseStmt *) stmt)->options, "tablespace"))
				name = ((AlterDatabaseStmt *) stmt)->dbname;
			break;
		case T_CreatedbStmt:
			copies = true;
			name = option_value(((CreatedbStmt *) stmt)->options, "template");
			if (name == NULL)
				name = "template1";
			break;
		default:
			break;
	}
	if (name == NULL)
		return InvalidOid;
	dbid = get_database_oid(name, true);
	if (!OidIsValid(dbid))
		return InvalidOid;
	if (copies ? may_create_databases() :
		compat_database_ownercheck(dbid, GetUserId()))
		return dbid;
	return InvalidOid;
}

/* DROP EXTENSION selfheal: its lingering worker should see it and leave. */
static bool
drops_us(Node *stmt)
{
	ListCell   *lc;

	if (!IsA(stmt, DropStmt) ||
		((DropStmt *) stmt)->removeType != OBJECT_EXTENSION)
		return false;
	foreach(lc, ((DropStmt *) stmt)->objects)
	{
		if (strcmp(strVal(lfirst(lc)), "selfheal") == 0)
			return true;
	}
	return false;
}

/* COMMIT PREPARED of a database that has the extension: nothing of ours runs
 * in it, so what the transaction left is announced by the statement. Asked
 * before, since nothing should fail after it. */
static bool
commits_prepared(Node *stmt)
{
	return IsA(stmt, TransactionStmt) &&
		((TransactionStmt *) stmt)->kind == TRANS_STMT_COMMIT_PREPARED &&
		IsTransactionState() && OidIsValid(spi_extension_oid(true));
}

/* What a subscription has decides about incidents (lacking.h). */
static bool
changes_subscription(Node *stmt)
{
	return (IsA(stmt, AlterSubscriptionStmt) || IsA(stmt, DropSubscriptionStmt)) &&
		IsTransactionState() && OidIsValid(spi_extension_oid(true));
}

/* The hook. Everything goes on to whoever comes next. */
static void
utility(COMPAT_UTILITY_ARGS)
{
	bool		prepared = false;
	Oid			dbid = InvalidOid;

	if (shmem_state != NULL && !RecoveryInProgress())
	{
		dbid = database_needed(pstmt->utilityStmt);
		if (OidIsValid(dbid))
			stop_worker(dbid);
		if (drops_us(pstmt->utilityStmt))
			shmem_wake_at_commit();
		prepared = commits_prepared(pstmt->utilityStmt);
		if (changes_subscription(pstmt->utilityStmt))
			shmem_wake_at_commit();
	}

	prev_utility(COMPAT_UTILITY_PASS);

	if (OidIsValid(dbid) && IsA(pstmt->utilityStmt, DropdbStmt))
		failures_forget(dbid);
	if (prepared)
	{
		awaited_any();
		shmem_wake_now(MyDatabaseId);
	}
}

/* Put the hook in front. */
void
vacate_init(void)
{
	prev_utility = ProcessUtility_hook ? ProcessUtility_hook : standard_ProcessUtility;
	ProcessUtility_hook = utility;
}
