/*
 * heal.c
 *	  The whole story on one page: observe, orient, decide, act, record.
 *
 * A stage is called, its outcome goes to the audit, the next is called. One
 * round for a table is
 *
 *	  claim     its due incidents, attempts charged             (own commit)
 *	  plan      diagnose all held rows, remedies, vet, forecast,
 *	            rule, dry run: what runs by itself              (own commit)
 *	  apply     gate, lock, one ALTER, first chunk of rows,
 *	            states and audit                                (own commit)
 *	  replay    further chunks                                  (a commit each)
 *	  ask       plan what needs a person, dry run, wait         (own commit)
 *
 * Two kinds of rows leave the round after the claim, since no plan helps them:
 * duplicates are tried by duplicates.c, and rows whose foreign key misses its
 * parent are looked at by waiting.c when parents come.
 *
 * Plans may be lost in a crash (synchronous_commit off): they are made again. An
 * apply may not, nor a claim, by which a heal that takes the server down comes to
 * its end.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/giveway.h"
#include "base/guc.h"
#include "base/holders.h"
#include "base/spi.h"
#include "base/trouble.h"
#include "decide/replication.h"
#include "decide/vet.h"
#include "miscadmin.h"
#include "observe/restore.h"
#include "observe/sharing.h"
#include "observe/unseen.h"
#include "observe/watch.h"
#include "orient/awaiting.h"
#include "orient/foresee.h"
#include "orient/forgiven.h"
#include "orient/incident.h"
#include "serve/approved.h"
#include "serve/breaker.h"
#include "serve/carry.h"
#include "serve/consult.h"
#include "serve/deaths.h"
#include "serve/duplicates.h"
#include "serve/errands.h"
#include "serve/heal.h"
#include "serve/inorder.h"
#include "serve/lacking.h"
#include "serve/learning.h"
#include "serve/reopen.h"
#include "serve/round.h"
#include "serve/statements.h"
#include "serve/tolerance.h"
#include "serve/waiting.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

/* How often a pass looks again before the worker takes a breath. */
#define MAX_ROUNDS 16

/* One round for one table; see the head of the file. */
static void
heal_table(Round *round)
{
	MemoryContext cxt = CurrentMemoryContext;
	int64	   *ids;
	int			n;
	PlanRow    *row = NULL;
	VettedPlan *vetted = NULL;
	char	   *reason = NULL;
	bool		empty_handed = false;
	bool		ran = true;

	/* claim */
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	deaths_of_heals(round->relid);
	if (watch_get(round->relid, &round->watch))
		round->claimed = inorder_claimed(round->relid, incident_claim(round->relid));
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	/* not with the claim, which must stand if somebody holds the table */
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	waiting_claim(round);
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	/* should what comes take the server down, the attempt is counted */
	if (round->claimed != NIL)
		spi_flush();
	duplicates_try(round);
	if (round->claimed == NIL)
		return;

	/* plan what runs by itself */
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	round_orient(round);
	ids = palloc(sizeof(int64) * list_length(round->claimed));
	for (;;)
	{
		n = round_covered(round, round->now, true, ids);
		if (n > 0)
			row = round_plan(round, round->now, ids, n, false, &vetted, &reason, &empty_handed);
		if (n == 0 || row != NULL || reason != NULL || round->now == NIL)
			break;
		/* what is left of it is a plan of its own */
	}
	if (row == NULL && empty_handed && round->later != NIL)
	{
		/* no row is helped without what a person must approve: one plan */
		round->later = list_concat(list_copy(round->now), round->later);
		round->now = NIL;
	}
	else if (row == NULL && reason != NULL && !learning_failed(round, round->now, ids, n, reason))
		round_refuse(round, ids, n, reason);
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);

	if (row != NULL)
		ran = carry_out(row, vetted, false, round_held(round, row->incidents, row->nincidents));
	if (row != NULL && ran && row->sql != NULL)
		reopen_table(round->relid, false, "the table was healed: what waits for approval is planned anew");
	if (round->later == NIL)
		return;

	/* ask about the rest, as the table is now */
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	n = round_covered(round, round->later, round->now == NIL && row == NULL, ids);
	if (!ran)
	{
		IncidentNote note = {
			.reason = "the table is busy",
			.next_try = carry_next_try(round->relid),
			.uncharge = true
		};

		for (int i = 0; i < n; i++)
			incident_move(ids[i], INCIDENT_WAITING_LOCK, &note);
	}
	else if (n > 0 && !round_asks_first(round, ids, n))
	{
		row = round_plan(round, round->later, ids, n, true, &vetted, &reason, &empty_handed);
		if (row == NULL && !learning_failed(round, round->later, ids, n, reason))
			round_refuse(round, ids, n, reason);
		else if (row != NULL)
		{
			IncidentNote note = {.plan = row->id};

			for (int i = 0; i < n; i++)
			{
				note.reason = round_caution(round, ids[i]);
				if (note.reason == NULL)
					note.reason = row->reason;
				incident_move(ids[i], INCIDENT_AWAITING_APPROVAL, &note);
			}
		}
	}
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
}

/* Charge a failure to the incidents it belongs to, in a new transaction. What
 * has stopped the healer stays due, so that the trial of the stop meets it. */
static void
record_failure(Round *round, const ErrorData *edata, bool approved, bool looking, bool stopped)
{
	bool		busy = (edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
						edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED);
	bool		passes = trouble_passes(edata->sqlerrcode) || trouble_stops(edata);
	bool		second = trouble_was_first(edata->sqlerrcode);
	bool		out_of_reach = ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_CONNECTION_EXCEPTION;
	const char *words = edata->message;
	Jsonb	   *holders = NULL;
	TimestampTz next_try = stopped ? GetCurrentTimestamp() :
	passes || looking ? carry_later(round->relid) : 0;
	MemoryContext cxt = CurrentMemoryContext;
	ListCell   *lc;
	AuditEntry	entry;

	/*
	 * if what follows cannot say so: somebody may have the plan in hand, or
	 * an incident
	 */
	foreach(lc, (busy || passes) && !looking ? round->claimed : NIL)
		forgiven_add(((Incident *) lfirst(lc))->id);
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	if (looking)
	{
		waiting_failed(round, busy ? psprintf("somebody holds what its rows need: %s", edata->message) : edata->message, busy, next_try);
		spi_xact_commit(true);
		return;
	}
	audit_entry(&entry, "apply_failed");
	entry.relid = get_rel_name(round->relid) ? round->relid : InvalidOid;
	entry.plan = round->plan;
	entry.sqlstate = unpack_sql_state(edata->sqlerrcode);
	entry.result = edata->message;
	if (round->claimed)
		entry.incident = ((Incident *) linitial(round->claimed))->id;
	audit_write(&entry);
	if (round->plan)
	{
		PlanRow    *row = docket_get(round->plan, true);

		/* an approval outlives a busy table */
		if (row->state == PLAN_APPROVED && passes)
		{
			docket_wait(round->plan, next_try);
			deaths_none(DEATHS_OF_PLAN, round->plan);
		}
		else if (row->state == PLAN_PLANNED || row->state == PLAN_APPROVED)
		{
			docket_move(round->plan, PLAN_FAILED, NULL, edata->message);
			if (row->conversation != 0)
				words = psprintf("plan " INT64_FORMAT " of Claude's went well on a clone and failed on the table: %s",
								 row->id, edata->message);
		}
	}
	if (busy && get_rel_name(round->relid))
		holders = holders_now(round->relid, HOLDERS_TREE_AND_KEYS, NIL, NIL);
	foreach(lc, round->claimed)
	{
		Incident   *inc = incident_get(((Incident *) lfirst(lc))->id);
		IncidentNote note = {.reason = words};

		if (!incident_is_free(inc->id))
			continue;			/* a person's open transaction has it */
		if (inc->state == INCIDENT_AWAITING_APPROVAL && approved && second)
			incident_move(inc->id, INCIDENT_OPEN, &note);
		else if (inc->state == INCIDENT_AWAITING_APPROVAL && approved && !passes)
			incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &note);
		if (inc->state != INCIDENT_PLANNING && inc->state != INCIDENT_APPLYING)
			continue;
		if (busy)
		{
			/* somebody else's lock, met while planning: not an attempt */
			if (holders != NULL && JB_ROOT_COUNT(holders) > 0)
			{
				note.reason = psprintf("somebody holds the table: %s", words);
				note.waiting = holders;
			}
			note.next_try = next_try;
			note.uncharge = true;
			incident_move(inc->id, INCIDENT_WAITING_LOCK, &note);
		}
		else if (passes)
			carry_pass(inc, edata->message, next_try);
		else if (second && inc->attempts < guc_max_attempts)
		{
			/* who was quicker may have helped: charged, so that it ends */
			note.reason = psprintf("%s: somebody else was first, planned again", edata->message);
			incident_move(inc->id, INCIDENT_OPEN, &note);
		}
		else if (inc->attempts >= guc_max_attempts && !out_of_reach)
		{
			note.human = HUMAN_BUDGET;
			incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &note);
		}
		else
		{
			/* a server of foreign tables is waited for until it is back */
			note.next_try = carry_pause(1000, inc->attempts, 3600000);
			incident_move(inc->id, INCIDENT_FAILED, &note);
		}
	}
	spi_xact_commit(true);
}

/*
 * One table's heal, or the look at its waiting rows, fenced: an ERROR in it is recorded after the abort and
 * does not stop the others. The time limit is armed here, since
 * statement_timeout does nothing in a background worker. False when the healer
 * has stopped: nothing else may be done.
 */
static bool
fenced(Oid relid, int64 approved_plan, bool look)
{
	volatile bool stopped = false;
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(outer, "selfheal round", ALLOCSET_DEFAULT_SIZES);
	Round	   *round;
	ErrorData  *volatile edata = NULL;

	MemoryContextSwitchTo(cxt);
	round = palloc0(sizeof(Round));
	round->relid = relid;
	if (guc_statement_timeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, guc_statement_timeout);
	spi_locks_throw(true);
	PG_TRY();
	{
		if (approved_plan)
			approved_run(round, approved_plan);
		else if (look)
			waiting_look(round);
		else
			heal_table(round);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		debug_query_string = NULL;
		edata = CopyErrorData();
		FlushErrorState();
		spi_xact_abort();
	}
	PG_END_TRY();
	spi_locks_throw(false);
	if (guc_statement_timeout > 0)
		disable_timeout(STATEMENT_TIMEOUT, false);
	MemoryContextSwitchTo(cxt);
	if (edata)
	{
		if (!giveway_was(edata))
			sharing_report(edata, round->relid);
		/* first what stops us: if the disk is full, it may be the last word */
		stopped = breaker_trips(edata, round->relid);
		record_failure(round, edata, approved_plan != 0, look, stopped);
	}
	else
		breaker_well(round->relid);
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(cxt);
	return !stopped;
}

static void
collect_replication(void *arg)
{
	replication_collect(lacking_told);
}

static void
look_at_order(void *arg)
{
	*(TimestampTz *) arg = inorder_look();
}

static void
look_at_sequences(void *arg)
{
	*(TimestampTz *) arg = foresee_sequences();
}

static void
offer_learnt(void *arg)
{
	learning_pass();
}

/* Collect, fenced as well. False when nothing is to be healed without it. */
static bool
fenced_collect(void)
{
	volatile bool done = false;
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *volatile edata = NULL;

	spi_locks_throw(true);
	PG_TRY();
	{
		(void) errands_run(ERRAND_REPLICATION, collect_replication, NULL);
		done = errands_run(ERRAND_COLLECT, errands_collect, NULL);
	}
	PG_CATCH();
	{
		spi_locks_throw(false);
		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		if (!trouble_stops(edata) && !trouble_internal(edata))
			PG_RE_THROW();
		EmitErrorReport();
		FlushErrorState();
		spi_xact_abort();
	}
	PG_END_TRY();
	spi_locks_throw(false);
	MemoryContextSwitchTo(cxt);
	if (edata == NULL)
	{
		breaker_well(InvalidOid);
		return done;
	}
	if (!breaker_trips(edata, InvalidOid))
		ReThrowError(edata);
	return false;
}

/* The earlier of two times; 0 is none. */
static TimestampTz
earliest(TimestampTz a, TimestampTz b)
{
	return b == 0 || (a != 0 && a < b) ? a : b;
}

/*
 * One round of a pass over what is runnable. False when the pass is to end:
 * nothing was, or the healer has stopped. next_order, in the first round: when
 * rows that wait behind others are looked at again.
 */
static bool
one_round(bool trial, TimestampTz *next_order, TimestampTz *due)
{
	TimestampTz next_incident = 0;
	TimestampTz next_plan = 0;
	TimestampTz next_look = 0;
	List	   *approved;
	List	   *tables;
	List	   *waiting;
	MemoryContext cxt = CurrentMemoryContext;
	ListCell   *lc;

	if (!fenced_collect())
		return false;
	if (next_order != NULL)
		(void) errands_run(ERRAND_ORDER, look_at_order, next_order);
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	approved = docket_approved(&next_plan);
	tables = incident_due_tables(&next_incident);
	waiting = awaiting_due(&next_look);
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	*due = earliest(earliest(next_incident, next_plan), next_look);

	/* what a person has approved comes first: rows wait for it */
	foreach(lc, approved)
	{
		if (!fenced(InvalidOid, *(int64 *) lfirst(lc), false))
			return false;
		if (trial)
			return true;
	}
	if (approved != NIL)
		return true;
	foreach(lc, tables)
	{
		if (!fenced(lfirst_oid(lc), 0, false))
			return false;
		if (trial)
			return true;
	}
	foreach(lc, waiting)
	{
		if (!fenced(lfirst_oid(lc), 0, true))
			return false;
		if (trial)
			return true;
	}
	return tables != NIL || waiting != NIL;
}

/* Once in a process: what was talked about before a restart goes on. */
static void
consult_pass(void)
{
	static bool looked = false;

	if (looked)
		return;
	looked = true;
	spi_xact_begin();
	consult_go_on();
	spi_xact_commit(true);
}

TimestampTz
heal_pass(void)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(outer, "selfheal pass", ALLOCSET_DEFAULT_SIZES);
	TimestampTz due = 0;
	TimestampTz next_ends = 0;
	TimestampTz next_order = 0;
	TimestampTz trial_at;
	BreakerState state = breaker_state(&trial_at);
	bool		more = state != BREAKER_STOPPED;
	bool		left = false;

	if (more)
		statements_want();
	for (int i = 0; i < MAX_ROUNDS && more; i++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(cxt);
		MemoryContextSwitchTo(cxt);
		if (i == 0)
		{
			consult_pass();
			MemoryContextSwitchTo(cxt);
		}
		left = statements_drain();
		more = one_round(state == BREAKER_TRIAL, i == 0 ? &next_order : NULL, &due) || left;
		if (state == BREAKER_TRIAL && breaker_state(&trial_at) != BREAKER_STOPPED)
		{
			/* one went well, or nothing is left that could go wrong */
			breaker_close();
			state = BREAKER_RUNNING;
			more = true;
		}
	}
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(cxt);
	/* what no row waits for comes behind the heals */
	if (state == BREAKER_RUNNING && breaker_state(&trial_at) == BREAKER_RUNNING)
	{
		(void) errands_run(ERRAND_LEARNING, offer_learnt, NULL);
		(void) errands_run(ERRAND_SEQUENCES, look_at_sequences, &next_ends);
	}
	left |= unseen_others();
	due = earliest(earliest(due, errands_due()), earliest(earliest(next_order, next_ends), tolerance_next()));
	if (left)
		due = GetCurrentTimestamp();
	return breaker_state(&trial_at) == BREAKER_RUNNING ? due : trial_at;
}

/* See the header. */
TimestampTz
heal_put_off(void)
{
	return earliest(earliest(waiting_put_off(), restore_look_again()), errands_put_off());
}
