/*
 * carry.c
 *	  Carry a plan out: apply, put the rows in, settle the incidents.
 */
#include "postgres.h"

#include <math.h>

#include "access/table.h"
#include "act/ahead.h"
#include "act/apply.h"
#include "act/mapapply.h"
#include "act/newlabels.h"
#include "act/replay.h"
#include "base/guc.h"
#include "base/healing.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "orient/incident.h"
#include "orient/refused.h"
#include "pgstat.h"
#include "serve/carry.h"
#include "serve/deaths.h"
#include "serve/inorder.h"
#include "serve/learning.h"
#include "serve/round.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "write/route.h"

/* Rows that are put in under the lock of the ALTER, at most: they prove it,
 * and everybody waits for them. */
#define LOCKED_ROWS 10000

/* Consecutive missed locks by table: the pause doubles. Process memory: a new
 * worker begins anew. */
typedef struct Misses
{
	Oid			relid;
	int			n;
} Misses;
static List *lock_misses = NIL;

/* now + what base_ms doubled n times gives, at most cap_ms, +- 25 %. */
TimestampTz
carry_pause(int base_ms, int n, int cap_ms)
{
	double		ms = Min((double) base_ms * pow(2, Min(n, 20)), (double) cap_ms);

	ms *= 0.75 + 0.5 * pg_prng_double(&pg_global_prng_state);
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), (int64) ms);
}

static Misses *
misses_of(Oid relid)
{
	MemoryContext old;
	Misses	   *m;
	ListCell   *lc;

	foreach(lc, lock_misses)
	{
		if (((Misses *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	/* at most one entry per watched table of this database */
	old = MemoryContextSwitchTo(TopMemoryContext);
	m = palloc0(sizeof(Misses));
	m->relid = relid;
	lock_misses = lappend(lock_misses, m);
	MemoryContextSwitchTo(old);
	return m;
}

TimestampTz
carry_next_try(Oid relid)
{
	return carry_pause(guc_lock_timeout, misses_of(relid)->n, 60000);
}

/* See the header. */
TimestampTz
carry_later(Oid relid)
{
	return carry_pause(Max(guc_lock_timeout, 1000), misses_of(relid)->n++, 60000);
}

/* See the header. */
void
carry_pass(const Incident *inc, const char *reason, TimestampTz next_try)
{
	IncidentNote note = {.reason = reason};

	if (guc_max_wait > 0 && inc->passing_since != 0 &&
		GetCurrentTimestamp() - inc->passing_since > (TimestampTz) guc_max_wait * USECS_PER_SEC)
	{
		note.reason = psprintf("%s: for longer than selfheal.max_wait", reason);
		note.human = HUMAN_WAITED_TOO_LONG;
		incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &note);
		return;
	}
	note.next_try = next_try;
	note.passing = true;
	incident_move(inc->id, INCIDENT_FAILED, &note);
}

/* Row estimate of a table as the planner has it; AUDIT_UNKNOWN if never
 * analyzed. */
static int64
row_estimate(Oid relid)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	float4		tuples = -1;

	if (HeapTupleIsValid(tup))
	{
		tuples = ((Form_pg_class) GETSTRUCT(tup))->reltuples;
		ReleaseSysCache(tup);
	}
	return tuples < 0 ? AUDIT_UNKNOWN : (int64) tuples;
}

/* What became of a plan's rows. */
typedef struct Outcome
{
	int64		left;			/* still held, at most */
	int64		moved;			/* of them for a new reason, which will be
								 * another incident's */
	int64		tried;			/* and still held, for the reason they had */
	int64		replayed;		/* or released: they need not be held */
	int64		discarded;		/* by contract */
	bool		busy;			/* some are in somebody's hands */
	char	   *refusal;
} Outcome;

/*
 * Rows that the plan's incidents may have still. They join an incident in no
 * transaction but our own collecting, so when all that were held are accounted
 * for there is nothing to count.
 */
static int64
outcome_left(const Outcome *outcome)
{
	return outcome->left - outcome->moved;
}

/* See the header. */
char *
carry_left(const Incident *inc, int64 left)
{
	char	   *said = refused_said(inc->id);

	return psprintf("%s could not be stored (%s)%s%s; amend() or discard() %s, or retry() when the cause is gone",
					left == 1 ? "1 row" : psprintf(INT64_FORMAT " rows", left), inc->class,
					said ? ": " : "", said ? said : "", left == 1 ? "it" : "them");
}

/*
 * Where an incident stands when its plan has run and its rows were tried:
 * healed when none is left; what somebody has in hand is tried again when he
 * may be done. Drift that is left is looked at anew: at once where the table
 * was changed, later where rows came meanwhile; so are what a longer list of a
 * CHECK has left, which may be another spelling, the rows that a mapping has
 * left, since they may need another one, and drift, or a row without its
 * partition, that was left when others of its rows fitted the table as it is;
 * where nothing was changed and no row came, the same would come of it. That, and anything else, needs a
 * person.
 */
static void
settle(const Incident *inc, const Outcome *outcome, bool changed, bool mapped, bool more_rows)
{
	int64		id = inc->id;
	int64		left = outcome_left(outcome) > 0 ? held_count(inc->relid, &id, 1) : 0;
	FitClass	class = fit_class_from_name(inc->class);
	bool		again = (fit_is_drift(class) && (changed || more_rows)) ||
	(class == FIT_PARTITION && changed) ||
	(class == FIT_CHECK && changed && outcome->replayed > 0) ||
	(outcome->replayed > 0 && (mapped || ((fit_is_drift(class) || class == FIT_PARTITION) && !changed)));
	IncidentNote note = {0};

	if (left == 0 && outcome->replayed == 0 && outcome->discarded > 0)
	{
		note.by = "selfheal";
		note.why = "the table's contract discards its rows";
		incident_move(id, INCIDENT_DISMISSED, &note);
		return;
	}
	if (left == 0)
	{
		incident_move(id, INCIDENT_HEALED, NULL);
		return;
	}
	note.human = HUMAN_NO_PLAYBOOK;
	if (outcome->refusal)
	{
		note.reason = outcome->refusal;
		note.human = HUMAN_RESTRICTED;
	}
	else if (outcome->busy)
	{
		note.reason = "somebody has rows of it in hand";
		note.next_try = carry_next_try(inc->relid);
		note.uncharge = true;
		incident_move(id, INCIDENT_WAITING_LOCK, &note);
		return;
	}
	else if (class == FIT_AWAITING_ORDER)
	{
		inorder_rest(inc);
		return;
	}
	else if (class == FIT_RETRY)
	{
		carry_pass(inc, psprintf(INT64_FORMAT " rows are tried again", left), carry_later(inc->relid));
		return;
	}
	else if (again && inc->attempts < guc_max_attempts)
	{
		note.reason = psprintf(INT64_FORMAT " rows still do not fit", left);
		if (more_rows)
			note.next_try = carry_pause(500, inc->attempts, 3600000);
		incident_move(id, note.next_try ? INCIDENT_FAILED : INCIDENT_OPEN, &note);
		return;
	}
	else if (again)
	{
		note.reason = psprintf(INT64_FORMAT " rows still do not fit after %d attempts",
							   left, inc->attempts);
		note.human = HUMAN_BUDGET;
	}
	else
		note.reason = carry_left(inc, left);
	incident_move(id, INCIDENT_NEEDS_HUMAN, &note);
}

/* Settle all of a plan's incidents, when the last rows were tried. */
static void
settle_all(const PlanRow *row, const List *incidents, const Outcome *outcome)
{
	bool		more_rows = outcome_left(outcome) > 0 &&
	held_count(row->relid, row->incidents, row->nincidents) > outcome->tried;
	const ListCell *lc;

	int			misses = misses_of(row->relid)->n;

	foreach(lc, incidents)
		settle(lfirst(lc), outcome, row->sql != NULL,
			   row->plan != NULL && plan_has(row->plan, STEP_IN_MAPPING), more_rows);
	if (outcome->busy)
		misses_of(row->relid)->n++;
	else if (misses_of(row->relid)->n == misses)
		misses_of(row->relid)->n = 0;	/* nothing that is to pass was left */
}

/* Nobody is to blame for a busy table: wait and say for whom. */
static void
wait_for_lock(const PlanRow *row, const ApplyResult *result, bool approved)
{
	Misses	   *m = misses_of(row->relid);
	TimestampTz next = carry_next_try(row->relid);

	m->n++;
	spi_xact_begin();
	if (approved)
	{
		docket_wait(row->id, next);
		deaths_none(DEATHS_OF_PLAN, row->id);
	}
	else
		docket_move(row->id, PLAN_SUPERSEDED, NULL, "the table was busy: planned again");
	for (int i = 0; i < row->nincidents; i++)
	{
		Incident   *inc = incident_get(row->incidents[i]);
		IncidentNote note = {
			.reason = "somebody holds the table",
			.waiting = result->blockers,
			.next_try = next,
			.uncharge = true
		};

		if (inc->state == INCIDENT_PLANNING || inc->state == INCIDENT_APPLYING)
			incident_move(inc->id, INCIDENT_WAITING_LOCK, &note);
		else if (inc->state == INCIDENT_AWAITING_APPROVAL && approved)
		{
			/* the approval stands, and the plan knows when it is tried again */
			note.reason = "approved; somebody holds the table";
			note.next_try = 0;
			note.uncharge = false;
			incident_move(inc->id, INCIDENT_AWAITING_APPROVAL, &note);
		}
	}
	spi_xact_commit(true);
}

/* Add a chunk to the outcome, which stands in cxt. */
static void
note_chunk(Outcome *outcome, const ReplayResult *chunk, MemoryContext cxt)
{
	outcome->left -= chunk->replayed + chunk->released + chunk->discarded;
	outcome->replayed += chunk->replayed + chunk->released;
	outcome->discarded += chunk->discarded;
	outcome->moved += chunk->moved;
	outcome->tried += chunk->left - chunk->moved;
	outcome->busy |= chunk->busy != 0;
	if (chunk->refusal)
		outcome->refusal = MemoryContextStrdup(cxt, chunk->refusal);
}

/* One audit row for a chunk of rows that went in. */
static void
record_replay(const PlanRow *row, const ReplayResult *chunk, int64 left, double ms)
{
	AuditEntry	entry;

	round_entry(&entry, "replayed", row);
	entry.payload_ref = chunk->payload_ref;
	entry.rows_held = chunk->replayed + left;
	entry.rows_replayed = chunk->replayed;
	entry.rows_left = left;
	entry.result = chunk->refusal;
	if (chunk->rerouted > 0 && chunk->refusal == NULL)
		entry.result = psprintf(INT64_FORMAT " rows were stored through %s: they belong to other partitions",
								chunk->rerouted, chunk->root);
	if (chunk->excluded > 0 && entry.result == NULL)
		entry.result = psprintf("rows that the WHERE of their load leaves out: " INT64_FORMAT,
								chunk->excluded);
	if (chunk->released > 0 && entry.result == NULL)
		entry.result = psprintf("witnesses that are not needed any longer: " INT64_FORMAT "; their clients have had the error and send the rows again",
								chunk->released);
	entry.ms_since_capture = ms;
	audit_write(&entry);
}

/*
 * Keys that were sent for an identity are stored: its sequence must not come to
 * them. Asked by the incidents and not by the plan's steps: rows that were
 * left when it ran are put in by a later plan.
 */
static void
keep_ahead(const PlanRow *row, const List *incidents, const ReplayResult *chunk)
{
	const ListCell *lc;

	foreach(lc, chunk->replayed > 0 ? incidents : NIL)
	{
		const Incident *inc = lfirst(lc);
		char	   *sql;
		AuditEntry	entry;

		if (inc->column == NULL || fit_class_from_name(inc->class) != FIT_GENERATED)
			continue;
		sql = ahead_keep(row->relid, inc->column);
		if (sql == NULL)
			continue;
		round_entry(&entry, "applied", row);
		entry.sql_run = sql;
		entry.result = "the sequence goes on above the keys that were sent";
		audit_write(&entry);
	}
}

/* Do rows of the table go to another server, which commits them before us? */
static bool
stored_elsewhere(Oid relid)
{
	Relation	rel = try_table_open(relid, AccessShareLock);
	bool		elsewhere = rel && route_by_sql(rel);

	if (rel)
		table_close(rel, NoLock);
	return elsewhere;
}

/*
 * Further chunks, each in a transaction and in memory of its own. A crash may
 * forget the last of them: their rows are held again then, and nothing says
 * that they were stored. What says that all is done waits for the disk; so
 * does each chunk whose rows another server may have committed with it.
 */
static void
carry_rest(const PlanRow *row, const List *incidents, int64 after,
		   Outcome *outcome, double ms)
{
	MemoryContext cxt = CurrentMemoryContext;
	MemoryContext chunk_cxt = AllocSetContextCreate(cxt, "selfheal chunk",
													ALLOCSET_DEFAULT_SIZES);
	bool		more = true;

	while (more)
	{
		ReplayResult *chunk;

		CHECK_FOR_INTERRUPTS();
		spi_xact_begin();
		MemoryContextSwitchTo(chunk_cxt);
		chunk = replay_chunk(row->relid, row->incidents, row->nincidents,
							 after, guc_replay_chunk, row->id, false);
		note_chunk(outcome, chunk, cxt);
		record_replay(row, chunk, outcome->left, ms);
		keep_ahead(row, incidents, chunk);
		after = chunk->last_id;
		more = chunk->more;
		if (!more)
			settle_all(row, incidents, outcome);
		spi_xact_commit(more && !stored_elsewhere(row->relid));
		MemoryContextReset(chunk_cxt);
	}
	MemoryContextSwitchTo(cxt);
	MemoryContextDelete(chunk_cxt);
}

/* What was rehearsed is void, and why. Called after the abort, in the context
 * of the round. */
static void
plan_again(const PlanRow *row, const char *why)
{
	IncidentNote changed = {.reason = psprintf("%s: planned again", why)};
	AuditEntry	entry;

	spi_xact_begin();
	docket_move(row->id, PLAN_SUPERSEDED, NULL, why);
	round_entry(&entry, "refused", row);
	entry.verdict = "refuse";
	entry.result = why;
	audit_write(&entry);
	for (int i = 0; i < row->nincidents; i++)
	{
		Incident   *inc = incident_get(row->incidents[i]);

		if (inc->state != INCIDENT_OPEN && inc->state != INCIDENT_HEALED &&
			inc->state != INCIDENT_DISMISSED)
			incident_move(inc->id, INCIDENT_OPEN, &changed);
	}
	spi_xact_commit(true);
}

/* Why what has just run must not be committed, or NULL: what was said while it
 * waited for a lock counts as well. */
static const char *
last_look(const PlanRow *row, const ApplyResult *result)
{
	if (result->outcome == APPLY_STALE)
		return "the table changed after the dry run";
	return result->outcome == APPLY_DONE ? round_void(row) : NULL;
}

static bool
adds_labels(const VettedPlan *vetted)
{
	ListCell   *lc;

	foreach(lc, vetted_plan(vetted)->steps)
	{
		if (((const PlanStep *) lfirst(lc))->kind == STEP_ADD_ENUM_LABEL)
			return true;
	}
	return false;
}

/* Did the forecast that was weighed say that a table is written anew? */
static bool
announces_rewrite(const PlanRow *row)
{
	JsonbValue	v;

	return row->forecast != NULL && getKeyJsonValueFromContainer(&row->forecast->root, "rewrite", 7, &v) != NULL &&
		v.type == jbvBool && v.val.boolean;
}

/* New labels come first, in a transaction of their own. False when the plan
 * cannot go on now. */
static bool
carry_labels(const PlanRow *row, VettedPlan *vetted, bool approved)
{
	MemoryContext cxt = CurrentMemoryContext;
	ApplyResult *result;
	const char *void_by;
	AuditEntry	entry;

	if (!adds_labels(vetted))
		return true;
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	healing_begin(row->id, announces_rewrite(row));
	debug_query_string = row->sql;
	result = newlabels_apply(vetted, row->schema_hash);
	debug_query_string = NULL;
	healing_end();
	void_by = last_look(row, result);
	if (result->outcome == APPLY_DONE && void_by == NULL)
	{
		round_entry(&entry, "applied", row);
		entry.sql_run = result->sql;
		entry.result = "labels added";
		audit_write(&entry);
		spi_xact_commit(false);
		MemoryContextSwitchTo(cxt);
		return true;
	}
	if (result->outcome == APPLY_FAILED)
		ReThrowError(result->edata);
	spi_xact_abort();
	MemoryContextSwitchTo(cxt);
	if (result->outcome == APPLY_NO_LOCK)
		wait_for_lock(row, result, approved);
	else
		plan_again(row, void_by);
	return false;
}

/* Whom the plan's mappings come from, and what they were found to do. */
static MapSource
map_source(const PlanRow *row, bool approved)
{
	MapSource	source = {.plan = row->id,.why = row->explanation,.by = "selfheal"};
	JsonbValue	v;

	if (row->nincidents > 0)
		source.incident = row->incidents[0];
	if (approved && row->decided_by != NULL)
		source.by = row->decided_by;
	if (row->dry_run != NULL &&
		getKeyJsonValueFromContainer(&row->dry_run->root, "held_stored",
									 (int) strlen("held_stored"), &v) != NULL &&
		v.type == jbvNumeric)
		source.proven = DatumGetInt64(DirectFunctionCall1(numeric_int8,
														  NumericGetDatum(v.val.numeric)));
	return source;
}

bool
carry_out(const PlanRow *row, VettedPlan *vetted, bool approved, int64 held)
{
	const char *void_by;
	IncidentNote planned = {.plan = row->id};
	MemoryContext cxt = CurrentMemoryContext;
	List	   *incidents = NIL;
	ApplyResult *result;
	ReplayResult *chunk;
	Outcome		outcome = {0};
	AuditEntry	entry;
	MapSource	source;
	LearntPattern *pattern;
	double		ms = 0;
	int			own = row->nincidents;

	if (!carry_labels(row, vetted, approved))
		return false;
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	row = inorder_along(row);
	for (int i = 0; i < row->nincidents; i++)
	{
		Incident   *inc = incident_get(row->incidents[i]);

		if (inc->state == INCIDENT_HEALED || inc->state == INCIDENT_DISMISSED)
			continue;
		incident_move(inc->id, INCIDENT_APPLYING, &planned);
		incidents = lappend(incidents, inc);
		ms = Max(ms, round_ms_since(inc->first_seen));
	}
	outcome.left = held >= 0 && row->nincidents == own ? held :
		held_count(row->relid, row->incidents, row->nincidents);
	round_entry(&entry, "applied", row);
	entry.rows_held = outcome.left;
	entry.estimate_before = row_estimate(row->relid);

	/* who looks at the server, and our own event trigger, sees what runs */
	debug_query_string = row->sql;
	pgstat_report_activity(STATE_RUNNING, row->sql);
	pattern = learnt_pattern(row);
	healing_begin(row->id, announces_rewrite(row));
	result = apply_plan(vetted, row->schema_hash);
	source = map_source(row, approved);
	mapapply_add(vetted, row->schema_hash, &source, result);
	healing_end();
	debug_query_string = NULL;
	pgstat_report_activity(STATE_RUNNING, NULL);
	if (result->outcome == APPLY_NO_LOCK)
	{
		spi_xact_abort();
		MemoryContextSwitchTo(cxt);
		wait_for_lock(row, result, approved);
		return false;
	}
	void_by = last_look(row, result);
	if (void_by)
	{
		spi_xact_abort();
		MemoryContextSwitchTo(cxt);
		plan_again(row, void_by);
		return false;
	}
	if (result->outcome == APPLY_FAILED)
		ReThrowError(result->edata);

	docket_move(row->id, PLAN_APPLIED, NULL, NULL);
	if (pattern != NULL)
		learning_kept(row, pattern);
	/* what the rows' own code meets is no reason to take the ALTER back */
	spi_locks_throw(result->sql == NULL);
	chunk = replay_chunk(row->relid, row->incidents, row->nincidents, 0,
						 Min(guc_replay_chunk, LOCKED_ROWS), row->id, false);
	spi_locks_throw(true);
	note_chunk(&outcome, chunk, cxt);

	entry.sql_run = result->sql;
	entry.schema_hash_after = result->schema_hash ? result->schema_hash : plan_schema_hash(row->relid);
	entry.estimate_after = row_estimate(row->relid);
	entry.payload_ref = chunk->payload_ref;
	entry.rows_replayed = chunk->replayed;
	entry.rows_left = outcome.left;
	entry.result = "applied";
	entry.ms_since_capture = ms;
	if (row->nincidents > 0)
		entry.packet = incident_stored_packet(row->incidents[0]);
	if (approved)
	{
		SpiUser		saved;
		SpiArgs		args;

		spi_open(&saved);
		spi_args(&args);
		spi_arg_int8(&args, row->id);
		spi_exec("SELECT jsonb_build_object('by', decided_by, 'login', decided_login, 'at', decided_at, 'hash', hash)"
				 " FROM selfheal.plan WHERE id = $1", &args);
		entry.approval = spi_get_jsonb(0, 1, cxt);
		spi_close(&saved);
	}
	if (result->sql)
		audit_write(&entry);
	if (chunk->replayed > 0 || chunk->released > 0 || result->sql == NULL)
		record_replay(row, chunk, outcome.left, ms);
	keep_ahead(row, incidents, chunk);
	if (!chunk->more)
		settle_all(row, incidents, &outcome);
	spi_xact_commit(false);
	MemoryContextSwitchTo(cxt);
	if (chunk->more)
		carry_rest(row, incidents, chunk->last_id, &outcome, ms);
	return true;
}
