/*
 * agent.c
 *	  One background process per database that talks with Claude.
 *
 * Several conversations go on at a time. Between their steps the process
 * sleeps on its latch and on the sockets of its requests, without a
 * transaction, a snapshot or a lock: loads, heals and DROP DATABASE never wait
 * for a model. It changes no table: what it proposes the healer carries out.
 *
 * It is started when the healer leaves an incident to Claude, stays while
 * there is something to wait for, and a little longer. A conversation that it
 * leaves unfinished, however it ends, goes on where its last committed step
 * was.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/giveway.h"
#include "base/guc.h"
#include "base/guc_claude.h"
#include "base/http.h"
#include "base/memory.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "observe/restore.h"
#include "observe/sharing.h"
#include "pgstat.h"
#include "postmaster/interrupt.h"
#include "serve/agent.h"
#include "serve/claude.h"
#include "serve/conversation.h"
#include "serve/dialogue.h"
#include "serve/slot.h"
#include "serve/turns.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/backend_status.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* How long it stays without anything to do: the next incident of the same load
 * comes soon. */
#define LINGER_MS 5000

/* How long until it looks again whether the database is still being restored. */
#define RESTORE_MS 1000

/* Errors outside any conversation in a row before the process gives up. */
#define MAX_FAILURES 5

typedef struct Talk
{
	int64		conversation;
	HttpTransfer *transfer;
} Talk;

/* The configuration was reloaded: what the database's own settings say now, the
 * next process sees, so this one asks nothing more. */
static bool stale = false;

static Talk talks[HTTP_MAX_TRANSFERS];
static int	ntalks = 0;
static MemoryContext step_context = NULL;

/* The extension that this process talks for. Dropped and created anew it has
 * conversations of the same numbers, which are others. */
static Oid	extension = InvalidOid;

/* What one step of a conversation does, with its errors charged to it. */
static HttpTransfer *
fenced(int64 id, const HttpReply *http)
{
	HttpTransfer *volatile transfer = NULL;
	ErrorData  *volatile edata = NULL;

	MemoryContextSwitchTo(step_context);
	if (guc_statement_timeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, guc_statement_timeout);
	PG_TRY();
	{
		if (http != NULL)
			dialogue_answered(id, http);
		if (!stale)
			transfer = dialogue_advance(id);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(step_context);
		debug_query_string = NULL;
		edata = CopyErrorData();
		FlushErrorState();
		spi_xact_abort();
	}
	PG_END_TRY();
	if (guc_statement_timeout > 0)
		disable_timeout(STATEMENT_TIMEOUT, false);
	MemoryContextSwitchTo(step_context);
	if (edata)
	{
		claude_not_asked();
		if (!giveway_was(edata))
			sharing_emit(edata);
		dialogue_broke(id, edata);
	}
	return transfer;
}

/* Put a transfer among those that are waited for. */
static void
keep(int64 conversation, HttpTransfer *transfer)
{
	if (transfer == NULL)
		return;
	talks[ntalks].conversation = conversation;
	talks[ntalks++].transfer = transfer;
}

/* Answers that have come: each conversation goes on. */
static void
take_answers(void)
{
	int			i = 0;

	while (i < ntalks)
	{
		Talk		talk = talks[i];
		HttpReply	http;

		MemoryContextSwitchTo(step_context);
		if (!http_done(talk.transfer, &http))
		{
			i++;
			continue;
		}
		http_end(talk.transfer);
		talks[i] = talks[--ntalks];
		keep(talk.conversation, fenced(talk.conversation, &http));
		MemoryContextReset(step_context);
	}
}

/*
 * Begin what is due, as many as may go on at a time. The next is due then.
 * What waits is looked at again by each process that starts, since it may have
 * other settings of its database, and after each reload.
 */
static TimestampTz
begin_due(void)
{
	static TimestampTz loaded = 0;
	TimestampTz due = 0;

	if (loaded == 0)
	{
		bool		more = true;

		/* once in a process: an agent that is not used has nothing to forget */
		for (int i = 0; i < 100 && more; i++)
		{
			spi_xact_begin();
			more = turns_forget();
			spi_xact_commit(true);
			MemoryContextSwitchTo(step_context);
		}
	}
	if (loaded != PgReloadTime)
	{
		spi_xact_begin();
		conversation_look_again(Max(PgReloadTime, MyStartTimestamp));
		spi_xact_commit(true);
		MemoryContextSwitchTo(step_context);
		loaded = PgReloadTime;
	}

	while (!stale && ntalks < Min(guc_max_conversations, HTTP_MAX_TRANSFERS) && http_free_slots() > 0)
	{
		int64		busy[HTTP_MAX_TRANSFERS];
		Conversation *c;
		int64		id = 0;

		for (int i = 0; i < ntalks; i++)
			busy[i] = talks[i].conversation;
		spi_xact_begin();
		MemoryContextSwitchTo(step_context);
		c = conversation_next(busy, ntalks, &due);
		if (c != NULL)
			id = c->id;
		spi_xact_commit(true);
		MemoryContextSwitchTo(step_context);
		if (id == 0)
			break;
		keep(id, fenced(id, NULL));
		MemoryContextReset(step_context);
	}
	return due;
}

/*
 * Is the extension there? In a transaction without anything of ours in it. One
 * that was created anew is not for us: answers that are under way belong to the
 * one before.
 */
static SpiExtension
look(void)
{
	SpiExtension state;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	state = spi_hold_extension();
	if (state == SPI_EXTENSION_HELD)
	{
		Oid			oid = spi_extension_oid(false);

		if (OidIsValid(extension) && extension != oid)
			proc_exit(0);		/* a wake that is owed starts the next */
		extension = oid;
	}
	CommitTransactionCommand();
	return state;
}

/* One look at all conversations; false after an error outside any of them. */
static bool
turn(SpiExtension *state, TimestampTz *due)
{
	volatile bool ok = false;

	MemoryContextSwitchTo(step_context);
	pgstat_report_activity(STATE_RUNNING, "selfheal: asking Claude");
	PG_TRY();
	{
		*state = look();
		if (*state == SPI_EXTENSION_HELD)
		{
			take_answers();
			*due = begin_due();
		}
		ok = true;
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		HOLD_INTERRUPTS();
		disable_all_timeouts(false);
		QueryCancelPending = false;
		MemoryContextSwitchTo(step_context);
		edata = CopyErrorData();
		FlushErrorState();
		if (giveway_was(edata))
			*state = SPI_EXTENSION_BUSY;
		else
			sharing_emit(edata);
		spi_xact_abort();
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(TopMemoryContext);
	MemoryContextReset(step_context);
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
	return ok;
}

/* Until when may it sleep? In ms from now, -1 without end. */
static int
pause_until(TimestampTz due, TimestampTz stay)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz until = due;

	if (ntalks == 0 && (until == 0 || stay < until))
		until = stay;
	if (until == 0)
		return -1;
	return (int) Min(TimestampDifferenceMilliseconds(now, until), INT_MAX);
}

/*
 * Sleep until something happens, for so many ms at most. After a look that
 * failed there may be an answer that nobody has taken: http_wait would come
 * back at once, again and again, so it is the latch and the time alone then.
 */
static void
rest(bool answered, int ms)
{
	if (answered)
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_EXIT_ON_PM_DEATH | (ms >= 0 ? WL_TIMEOUT : 0),
						 ms, PG_WAIT_EXTENSION);
	else
		(void) http_wait(ms);
}

static void
work(void)
{
	bool		may_linger;
	bool		must_go;
	bool		wanted = true;
	int			failures = 0;
	uint64		done = 0;
	TimestampTz due = 0;
	TimestampTz not_before = 0;
	TimestampTz loaded = PgReloadTime;
	TimestampTz last_work = GetCurrentTimestamp();

	for (;;)
	{
		TimestampTz stay;
		uint64		seen;
		bool		answered = false;
		TimestampTz now;

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
		stale |= loaded != PgReloadTime;
		if (stale && ntalks == 0)
		{
			slot_note_done(done, now);
			return;
		}
		for (int i = 0; i < ntalks; i++)
			answered |= http_done(talks[i].transfer, NULL);
		wanted |= loaded != PgReloadTime;
		loaded = PgReloadTime;
		if (now >= not_before && (wanted || answered || seen != done || (due != 0 && due <= now)))
		{
			SpiExtension state = SPI_EXTENSION_BUSY;
			bool		ok;

			if (restore_under_way())
			{
				wanted = true;
				not_before = TimestampTzPlusMilliseconds(now, RESTORE_MS);
				continue;
			}
			ok = turn(&state, &due);
			last_work = GetCurrentTimestamp();
			wanted = !ok || state == SPI_EXTENSION_BUSY;
			if (ok && state == SPI_EXTENSION_ABSENT)
			{
				slot_note_done(seen, 0);
				return;
			}
			if (wanted)
			{
				slot_note_failed();
				if (++failures >= MAX_FAILURES)
					proc_exit(1);
				not_before = TimestampTzPlusMilliseconds(last_work, 1000 << failures);
				continue;
			}
			failures = 0;
			not_before = 0;
			done = seen;
			if (ntalks == 0)
			{
				slot_note_done(done, due);
				memory_give_back();
			}
			continue;
		}
		stay = TimestampTzPlusMilliseconds(last_work, may_linger ? LINGER_MS : 0);
		if (not_before > now)
			stay = not_before;
		else if (ntalks == 0 && now >= stay)
			return;				/* what is due later, the launcher knows */
		rest(answered, pause_until(not_before > now ? not_before : due, stay));
	}
}

void
agent_main(Datum arg)
{
	memory_keep();
	slot_connect(WORKER_AGENT);
	step_context = AllocSetContextCreate(TopMemoryContext, "selfheal agent step",
										 ALLOCSET_DEFAULT_SIZES);
	work();
	proc_exit(0);
}
