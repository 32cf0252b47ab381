/*
 * worker.c
 *	  One background worker per database: looks what is to be done, has it
 *	  done by heal.c, seals the audit, removes what is old, waits a while,
 *	  ends.
 *
 * The launcher starts it when a commit asked for work, when something that
 * waited for a time is due, or to look once after a restart of the server. A
 * worker that is not there blocks no DROP DATABASE, holds no memory and
 * occupies no slot, so it stays only for selfheal.worker_linger after its
 * last work.
 *
 * Between transactions it holds no lock and no snapshot. It sleeps on its
 * latch alone and takes every interrupt in its loop; SIGTERM is die(), as in
 * an ordinary session. What heal_pass does not catch itself ends the pass:
 * the error is reported, the pass is tried again after a pause that doubles,
 * and after a few in a row the process ends with code 1 and leaves the rest
 * to the launcher, which pauses too.
 *
 * The slot is given back in an on_shmem_exit callback, registered before the
 * connection is made: such callbacks run in the reverse order, so by then the
 * transaction is aborted and the process is out of the list of sessions, and
 * a DROP DATABASE that waited for the slot finds nobody.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/memory.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "observe/retention.h"
#include "observe/sharing.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "record/audit.h"
#include "serve/heal.h"
#include "serve/worker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* Audit rows that are sealed in one transaction. */
#define SEAL_AT_ONCE 5000

/* Steps of removing what is old in one pass; each takes some milliseconds,
 * and whoever waits for the worker to be idle waits for them. */
#define MAX_OLD_STEPS 100

/* Passes that failed in a row before the process gives up. */
#define MAX_FAILED_PASSES 5

/* Passes that left themselves work in a row before there is a pause between
 * two: a heal that never comes to rest is not to burn a processor. */
#define MAX_BUSY_PASSES 100

/* Pause after the first failed pass; doubles. Also between busy passes. */
#define PAUSE_MS 1000

/* This process's slot; NULL until attached. */
static WorkerSlot *my_slot = NULL;
static uint32 my_generation = 0;
static bool switched_off = false;	/* we end since selfheal.enabled is off */

static MemoryContext pass_context = NULL;

/*
 * ---------------------------------------------------------------------------
 * The slot
 * ---------------------------------------------------------------------------
 */

/*
 * Give the slot back, if it is still ours. If a wake came after the last
 * look, the launcher starts a successor. A death counts as a failed start;
 * but not one that was asked for by DROP DATABASE and friends.
 */
static void
release_slot(int code, Datum arg)
{
	bool		ours;

	if (my_slot == NULL)
		return;

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	ours = my_slot->pid == MyProcPid && my_slot->generation == my_generation;
	if (ours)
	{
		bool		owed = my_slot->wakes_sent > my_slot->wakes_done;

		my_slot->pid = 0;
		my_slot->pgprocno = -1;
		if (my_slot->state == SLOT_RUNNING && code != 0)
			shmem_slot_backoff(my_slot);
		if (my_slot->state == SLOT_RUNNING || my_slot->stoppers == 0)
			shmem_slot_move(my_slot, owed && !switched_off ?
							SLOT_WANTED : SLOT_IDLE);
	}
	LWLockRelease(shmem_state->lock);
	if (!ours)
		return;
	ConditionVariableBroadcast(&shmem_state->idle);
	shmem_wake_launcher();
}

/*
 * Take the slot that we were started for. False when it is no longer meant
 * for us: another start was made since, or the database is to be left alone.
 */
static bool
attach_slot(const WorkerExtra *extra)
{
	WorkerSlot *slot;
	bool		ours;

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	slot = shmem_slot(extra->dbid, false);
	ours = slot != NULL && slot->state == SLOT_STARTING &&
		slot->generation == extra->generation;
	if (ours)
	{
		shmem_slot_move(slot, SLOT_RUNNING);
		my_slot = slot;
		my_generation = extra->generation;
	}
	LWLockRelease(shmem_state->lock);
	shmem_wake_launcher();		/* it counts those that are starting */
	return ours;
}

/* Which wakes are there? Read before a pass; what comes later is for the
 * next one. May we stay when there is nothing to do, and must we go now? */
static uint64
wakes_sent(bool *may_linger, bool *must_go)
{
	uint64		sent;

	LWLockAcquire(shmem_state->lock, LW_SHARED);
	sent = my_slot->wakes_sent;
	*must_go = my_slot->state == SLOT_STOPPING;
	*may_linger = !my_slot->probe && !shmem_state->shortage;
	LWLockRelease(shmem_state->lock);
	return sent;
}

/* Everything up to this wake is done; the next thing is due then (0 = no
 * time). Whoever waits for us to be idle looks again. */
static void
note_done(uint64 seen, TimestampTz due)
{
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	my_slot->wakes_done = seen;
	my_slot->due = due;
	my_slot->failed_starts = 0;
	my_slot->backoff_until = 0;
	LWLockRelease(shmem_state->lock);
	ConditionVariableBroadcast(&shmem_state->idle);
}

/* A pass ended in an error: wait_idle says so while it is tried again. */
static void
note_failed(void)
{
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	my_slot->failed_starts++;
	LWLockRelease(shmem_state->lock);
}

/*
 * ---------------------------------------------------------------------------
 * One pass
 * ---------------------------------------------------------------------------
 */

/* Seal what is committed, a chunk a transaction. */
static void
seal_audit(void)
{
	int64		n = SEAL_AT_ONCE;

	while (n == SEAL_AT_ONCE)
	{
		CHECK_FOR_INTERRUPTS();
		spi_xact_begin();
		n = audit_seal(SEAL_AT_ONCE);
		spi_xact_commit(true);
	}
}

/* Remove what is old, until there is a wake that the pass has not seen. */
static void
remove_old(uint64 seen)
{
	bool		ignored;
	bool		more = true;

	for (int i = 0; more && i < MAX_OLD_STEPS && wakes_sent(&ignored, &ignored) == seen; i++)
	{
		CHECK_FOR_INTERRUPTS();
		spi_xact_begin();
		more = retention_step();
		spi_xact_commit(true);
	}
}

/* Look whether the extension is there, in a transaction without anything of
 * ours in it, since it may be gone. */
static SpiExtension
look(void)
{
	SpiExtension state;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	state = spi_hold_extension();
	CommitTransactionCommand();
	return state;
}

/*
 * Report an error of a pass, unless it is the same as the last one: a fault
 * that stays is said once, not once a second.
 */
static void
report_error(void)
{
	static char last[256] = "";
	ErrorData  *edata;
	MemoryContext old = MemoryContextSwitchTo(pass_context);

	edata = CopyErrorData();
	MemoryContextSwitchTo(old);
	if (strncmp(last, edata->message ? edata->message : "", sizeof(last) - 1) != 0)
	{
		strlcpy(last, edata->message ? edata->message : "", sizeof(last));
		sharing_emit(edata);
	}
}

/*
 * One pass over all that is runnable. Returns false when it ended in an
 * error; then the transaction is aborted and everything it held released.
 * FATAL is not caught.
 */
static bool
run_pass(uint64 seen, SpiExtension *state, TimestampTz *due)
{
	volatile bool ok = false;

	MemoryContextSwitchTo(pass_context);
	pgstat_report_activity(STATE_RUNNING, "selfheal: healing");
	PG_TRY();
	{
		*state = look();
		if (*state == SPI_EXTENSION_HELD)
		{
			*due = heal_pass();
			MemoryContextSwitchTo(pass_context);
			seal_audit();
			MemoryContextSwitchTo(pass_context);
			remove_old(seen);
		}
		ok = true;
	}
	PG_CATCH();
	{
		HOLD_INTERRUPTS();
		disable_all_timeouts(false);	/* that the pass had armed */
		QueryCancelPending = false;
		report_error();
		spi_xact_abort();
		MemoryContextSwitchTo(pass_context);
		FlushErrorState();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();

	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextReset(pass_context);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return ok;
}

/*
 * The loop. A pass is run at the start, after a wake, when something is due
 * and after a pass that left itself work. Returns when there is no reason to
 * stay.
 */
static void
work(void)
{
	bool		wanted = true;	/* a pass, for a reason that is not a wake */
	bool		may_linger;
	bool		must_go;
	int			failed = 0;
	int			busy = 0;
	uint64		seen = 0;
	uint64		done = 0;
	uint64		paused_at = 0;
	TimestampTz due = 0;
	TimestampTz not_before = 0;
	TimestampTz last_work = GetCurrentTimestamp();

	for (;;)
	{
		TimestampTz now;
		TimestampTz until;
		bool		run;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
		}
		if (catchupInterruptPending)
			ProcessCatchupInterrupt();
		if (!guc_enabled)
		{
			switched_off = true;
			return;
		}

		seen = wakes_sent(&may_linger, &must_go);
		if (must_go)
			return;
		now = GetCurrentTimestamp();
		run = wanted || seen != done || (due != 0 && due <= now);

		/* a wake ends the first pause: DROP EXTENSION's commit may be it */
		if (failed <= 1 && seen != paused_at)
			not_before = 0;

		if (run && now >= not_before)
		{
			SpiExtension state = SPI_EXTENSION_BUSY;
			TimestampTz began = now;
			bool		ok = run_pass(seen, &state, &due);

			now = GetCurrentTimestamp();
			wanted = false;
			not_before = 0;
			if (ok && state == SPI_EXTENSION_ABSENT)
			{
				/* a CREATE EXTENSION that commits from here on wakes anew */
				note_done(seen, 0);
				return;
			}
			if (!ok)
			{
				note_failed();
				if (++failed >= MAX_FAILED_PASSES)
				{
					ereport(LOG,
							(errmsg("selfheal worker gives up after %d errors in a row",
									failed),
							 errhint("It is started again by itself after a pause.")));
					proc_exit(1);
				}
			}
			if (!ok || state == SPI_EXTENSION_BUSY)
			{
				wanted = true;
				paused_at = seen;
				not_before = TimestampTzPlusMilliseconds(now, PAUSE_MS << Max(failed - 1, 0));
			}
			else if (shmem_take_own_wake() || (due != 0 && due <= now))
			{
				/* not at rest yet: what it did may have made more to do */
				failed = 0;
				wanted = true;
				if (++busy >= MAX_BUSY_PASSES)
				{
					paused_at = seen;
					not_before = TimestampTzPlusMilliseconds(now, PAUSE_MS);
				}
			}
			else if (heal_put_off() != 0)
			{
				/* whoever waits for us to be idle waits for that as well */
				failed = busy = 0;
				wanted = true;
				paused_at = seen;
				not_before = heal_put_off();
			}
			else
			{
				failed = busy = 0;
				done = seen;
				note_done(done, due);
				/* much to do has taken much memory */
				if (now - began > USECS_PER_SEC)
					memory_give_back();
			}
			last_work = now;
			continue;
		}

		/* nothing to do right now: until when may we sleep? */
		if (run)
			until = not_before;
		else
		{
			until = TimestampTzPlusMilliseconds(last_work,
												may_linger ? guc_worker_linger : 0);
			if (until <= now)
				return;			/* what is due later, the launcher knows */
			if (due != 0 && due < until)
				until = due;
		}
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 TimestampDifferenceMilliseconds(now, until),
						 PG_WAIT_EXTENSION);
	}
}

/*
 * Settings that ALTER DATABASE or ALTER ROLE may have changed for sessions, and
 * that a heal must not follow: rows would be stored past their foreign keys
 * and triggers (replica), refused where their own session would have stored
 * them (row_security, xmloption, default_tablespace), stored with another
 * value (array_nulls), or an error that costs a row would end the process.
 * What a load is to be read under comes with the load.
 */
static const char *const pinned_settings[][2] = {
	{"session_replication_role", "origin"},
	{"row_security", "on"},
	{"array_nulls", "on"},
	{"xmloption", "content"},
	{"exit_on_error", "off"},
	{"standard_conforming_strings", "on"},
	{"transform_null_equals", "off"},
	{"quote_all_identifiers", "off"},
	{"default_tablespace", ""},
	{"selfheal.load_id", ""},
};

static void
pin_settings(void)
{
	for (int i = 0; i < (int) lengthof(pinned_settings); i++)
		SetConfigOption(pinned_settings[i][0], pinned_settings[i][1],
						PGC_SUSET, PGC_S_OVERRIDE);
}

/* Entry point: order matters, see the head of this file. */
void
worker_main(Datum arg)
{
	WorkerExtra extra;

	memcpy(&extra, MyBgworkerEntry->bgw_extra, sizeof(extra));
	on_shmem_exit(release_slot, (Datum) 0);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	memory_keep();

	if (!attach_slot(&extra))
		proc_exit(0);
	shmem_own_wakes();
	BackgroundWorkerInitializeConnectionByOid(extra.dbid, extra.roleid, 0);
	SetConfigOption("application_name", "selfheal worker", PGC_USERSET,
					PGC_S_SESSION);
	pin_settings();

	pass_context = AllocSetContextCreate(TopMemoryContext,
										 "selfheal worker pass",
										 ALLOCSET_DEFAULT_SIZES);
	work();
	proc_exit(0);
}
