/*
 * idle.c
 *	  wake() and wait_idle(): a session and the worker of its database.
 *
 * Neither touches the worker itself: they read and write its slot in shared
 * memory, and wait on a condition variable that the worker signals when a
 * pass has come to its end.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/compat.h"
#include "base/failures.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "observe/restore.h"
#include "storage/condition_variable.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

PG_FUNCTION_INFO_V1(selfheal_wake);
PG_FUNCTION_INFO_V1(selfheal_wait_idle);

/* Both functions need a server that can write and has us loaded. */
static void
require_worker(void)
{
	if (RecoveryInProgress())
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("selfheal does not work on a standby"),
				 errhint("Call it on the primary server.")));
	shmem_require();
}

/*
 * wake(): ask for a pass at this transaction's commit. The install script
 * calls it too; without preload there is nobody to wake, which is no reason
 * for CREATE EXTENSION to fail.
 */
Datum
selfheal_wake(PG_FUNCTION_ARGS)
{
	if (creating_extension && shmem_state == NULL)
		PG_RETURN_VOID();
	require_worker();
	shmem_wake_at_commit();
	PG_RETURN_VOID();
}

/* The time at which an interval from now ends; refuses what has none. */
static TimestampTz
end_of(const Interval *timeout)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz end;
	Datum		sum = DirectFunctionCall2(timestamptz_pl_interval,
										  TimestampTzGetDatum(now),
										  IntervalPGetDatum(timeout));

	end = DatumGetTimestampTz(sum);
	if (end < now)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must not be negative"),
				 errhint("Give an interval such as '30s'.")));
	return end;
}

/*
 * Has this database's process of a kind come to rest since the wake that
 * target names? If not, why, as far as it is known: a literal.
 */
static bool
is_idle(WorkerKind kind, uint64 target, const char **why)
{
	WorkerSlot *slot;
	bool		idle;

	LWLockAcquire(shmem_state->lock, LW_SHARED);
	slot = shmem_slot(MyDatabaseId, kind, false);
	/* no slot: it was idle, and has been given to another database */
	idle = slot == NULL || slot->wakes_done >= target;
	if (idle)
		*why = NULL;
	else if (!guc_enabled)
		*why = "selfheal.enabled is off";
	else if (shmem_state->launcher_pid == 0)
		*why = "the launcher is not running";
	else if (slot->state == SLOT_STOPPING)
		*why = "the database is being renamed, moved or copied";
	else if (slot->state == SLOT_IDLE)
		*why = "selfheal.enabled is off";
	else if (slot->no_slot_logged)
		*why = "no worker slot is free: raise max_worker_processes";
	else if (slot->failed_starts > 0)
		*why = "the worker could not start or ended with an error: see the server log";
	else if (slot->state == SLOT_RUNNING)
		*why = kind == WORKER_AGENT ? "Claude is being asked" : "the worker is still at work";
	else
		*why = "the worker is about to start";
	LWLockRelease(shmem_state->lock);
	return idle;
}

/* What is in no hurry is in one when somebody waits. */
static void
hurry(void)
{
	WorkerSlot *slot;
	bool		later;

	LWLockAcquire(shmem_state->lock, LW_SHARED);
	slot = shmem_slot(MyDatabaseId, WORKER_HEALER, false);
	later = slot != NULL && slot->later != 0;
	LWLockRelease(shmem_state->lock);
	if (later)
		shmem_wake_now(MyDatabaseId);
}

/*
 * The wake to wait for: the last one sent, and one for failures of other
 * sessions that nobody was woken for yet. A database without a slot has not
 * been looked into since the server started, or not for long: then we ask for
 * a look. 0 when every slot is taken by other databases.
 */
static uint64
wake_to_wait_for(void)
{
	uint64		target = 0;

	failures_wake_mine();
	hurry();
	for (int i = 0; i < 2; i++)
	{
		WorkerSlot *slot;

		if (i > 0)
			shmem_wake_now(MyDatabaseId);
		LWLockAcquire(shmem_state->lock, LW_SHARED);
		slot = shmem_slot(MyDatabaseId, WORKER_HEALER, false);
		if (slot != NULL)
			target = slot->wakes_sent;
		LWLockRelease(shmem_state->lock);
		if (slot != NULL)
			break;
	}
	return target;
}

/* The last wake that was sent to the agent; 0 when there was none. */
static uint64
agent_wake(void)
{
	WorkerSlot *slot;
	uint64		sent = 0;

	LWLockAcquire(shmem_state->lock, LW_SHARED);
	slot = shmem_slot(MyDatabaseId, WORKER_AGENT, false);
	if (slot != NULL)
		sent = slot->wakes_sent;
	LWLockRelease(shmem_state->lock);
	return sent;
}

/*
 * One look. The healer has left the agent something to do before it comes to
 * rest, and the agent the healer, so they are waited for in turn until neither
 * had anything. *waits_for is whose turn it is.
 */
static bool
both_idle(WorkerKind *waits_for, uint64 target[WORKER_KINDS], const char **why)
{
	for (;;)
	{
		if (!is_idle(*waits_for, target[*waits_for], why))
			return false;
		if (*waits_for == WORKER_AGENT)
		{
			*waits_for = WORKER_HEALER;
			target[WORKER_HEALER] = wake_to_wait_for();
			continue;
		}
		target[WORKER_AGENT] = agent_wake();
		if (is_idle(WORKER_AGENT, target[WORKER_AGENT], why))
			return true;
		*waits_for = WORKER_AGENT;
	}
}

/*
 * wait_idle(timeout): wait until everything that was committed before the
 * call is dealt with and nothing is runnable now; a conversation with Claude
 * that is going on is not idle. What waits for approval, a lock, a time or a
 * person counts as idle, and is counted in the result.
 *
 * Refused inside a transaction: what it has not committed the worker cannot
 * see, and what it has locked the worker would wait for, without a deadlock
 * that anyone could detect.
 */
Datum
selfheal_wait_idle(PG_FUNCTION_ARGS)
{
	TimestampTz end;
	uint64		target[WORKER_KINDS] = {0, 0};
	WorkerKind	waits_for = WORKER_HEALER;
	bool		idle = false;
	const char *why = NULL;
	SpiUser		user;
	SpiArgs		args;
	Jsonb	   *result;
	MemoryContext cxt = CurrentMemoryContext;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("timeout must not be null"),
				 errhint("Give an interval such as '30s'.")));
	end = end_of(PG_GETARG_INTERVAL_P(0));
	require_worker();
	if (IsTransactionBlock() || IsSubTransaction() ||
		TransactionIdIsValid(GetTopTransactionIdIfAny()))
		ereport(ERROR,
				(errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
				 errmsg("wait_idle cannot run inside a transaction"),
				 errdetail("The worker sees only what is committed, and may need what this transaction has locked."),
				 errhint("Commit first, then call it as a statement of its own.")));

	ConditionVariablePrepareToSleep(&shmem_state->idle);
	for (;;)
	{
		long		left;

		CHECK_FOR_INTERRUPTS();
		if (target[WORKER_HEALER] == 0)
			target[WORKER_HEALER] = wake_to_wait_for();
		if (target[WORKER_HEALER] == 0)
			why = "all slots are taken by other databases: raise selfheal.max_databases";
		else
			idle = both_idle(&waits_for, target, &why);
		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), end);
		if (idle || left <= 0)
			break;
		(void) ConditionVariableTimedSleep(&shmem_state->idle, left,
										   PG_WAIT_EXTENSION);
	}
	ConditionVariableCancelSleep();

	/*
	 * SPI's statements take a snapshot of their own, so they see what the
	 * worker has committed while we waited.
	 */
	if (!idle && restore_who(InvalidOid) != NULL)
		why = psprintf("the session of process %s restores this database and has not ended: SELECT selfheal.restored() there, or end it",
					   restore_who(InvalidOid));
	spi_open(&user);
	spi_args(&args);
	spi_arg_bool(&args, idle);
	spi_arg_text(&args, why);
	(void) spi_exec("SELECT jsonb_strip_nulls(jsonb_build_object("
					" 'idle', $1, 'why', $2,"
					" 'awaiting_approval', count(*) FILTER (WHERE state = 'awaiting_approval'),"
					" 'awaiting_parent', count(*) FILTER (WHERE state = 'awaiting_parent'),"
					" 'asking', count(*) FILTER (WHERE state = 'asking'),"
					" 'waiting_lock', count(*) FILTER (WHERE state = 'waiting_lock'),"
					" 'failed', count(*) FILTER (WHERE state = 'failed'),"
					" 'needs_human', count(*) FILTER (WHERE state = 'needs_human'),"
					" 'stopped', (SELECT s.reason FROM selfheal.stopped s),"
					" 'held', (SELECT count(*) FROM selfheal.quarantine WHERE state = 'held' AND witness IS NULL)))"
					" FROM selfheal.incident", &args);
	result = spi_get_jsonb(0, 1, cxt);
	spi_close(&user);
	PG_RETURN_JSONB_P(result);
}
