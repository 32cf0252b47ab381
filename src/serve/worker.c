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
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/failures.h"
#include "base/giveway.h"
#include "base/guc.h"
#include "base/keptplans.h"
#include "base/memory.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "observe/restore.h"
#include "observe/retention.h"
#include "observe/sharing.h"
#include "pgstat.h"
#include "record/audit.h"
#include "serve/heal.h"
#include "serve/slot.h"
#include "serve/worker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
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

static MemoryContext pass_context = NULL;

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
	AuditHead	head;

	while (n == SEAL_AT_ONCE)
	{
		CHECK_FOR_INTERRUPTS();
		spi_xact_begin();
		n = audit_seal(SEAL_AT_ONCE, &head);
		spi_xact_commit(true);
		if (n > 0)
			audit_say(&head);
	}
}

/* Remove what is old, until there is a wake that the pass has not seen. */
static void
remove_old(uint64 seen)
{
	bool		ignored;
	bool		more = true;

	for (int i = 0; more && i < MAX_OLD_STEPS && slot_wakes(&ignored, &ignored) == seen; i++)
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

/* Did the pass meet somebody else's lock? */
static bool
held_up(void)
{
	MemoryContext old = MemoryContextSwitchTo(pass_context);
	bool		result = giveway_was(CopyErrorData());

	MemoryContextSwitchTo(old);
	return result;
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

	keptplans_begin();
	MemoryContextSwitchTo(pass_context);
	pgstat_report_activity(STATE_RUNNING, "selfheal: healing");
	PG_TRY();
	{
		*state = look();
		if (*state == SPI_EXTENSION_HELD && !restore_lets_pass())
			*state = SPI_EXTENSION_BUSY;
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
		if (held_up())
		{
			/* somebody has what is ours: no failure, and soon tried again */
			*state = SPI_EXTENSION_BUSY;
			ok = true;
		}
		else
			report_error();
		spi_xact_abort();
		MemoryContextSwitchTo(pass_context);
		FlushErrorState();
		if (restore_under_way())
		{
			*state = SPI_EXTENSION_BUSY;
			ok = true;
		}
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
		TimestampTz later;
		bool		run;

		slot_take_breath();
		if (!guc_enabled)
		{
			slot_switched_off();
			return;
		}

		seen = slot_wakes(&may_linger, &must_go);
		if (must_go)
			return;
		now = GetCurrentTimestamp();
		later = slot_later();
		run = wanted || seen != done || (due != 0 && due <= now) || (later != 0 && later <= now);

		/* a wake ends the first pause: DROP EXTENSION's commit may be it */
		if (failed <= 1 && seen != paused_at)
			not_before = 0;

		if (run && now >= not_before)
		{
			SpiExtension state = SPI_EXTENSION_BUSY;
			TimestampTz began = now;
			bool		ok;

			slot_begin();
			ok = run_pass(seen, &state, &due);

			now = GetCurrentTimestamp();
			wanted = false;
			not_before = 0;
			if (ok && state == SPI_EXTENSION_ABSENT)
			{
				/* a CREATE EXTENSION that commits from here on wakes anew */
				failures_want(false);
				slot_note_done(seen, 0);
				return;
			}
			if (!ok)
			{
				slot_note_failed();
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
				slot_note_done(done, due);
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
			if (later != 0 && later < until)
				until = later;
		}
		(void) WaitLatch(MyLatch,
						 WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
						 TimestampDifferenceMilliseconds(now, until),
						 PG_WAIT_EXTENSION);
	}
}

/* Entry point. */
void
worker_main(Datum arg)
{
	memory_keep();
	slot_connect(WORKER_HEALER);
	shmem_own_wakes();

	pass_context = AllocSetContextCreate(TopMemoryContext,
										 "selfheal worker pass",
										 ALLOCSET_DEFAULT_SIZES);
	work();
	proc_exit(0);
}
