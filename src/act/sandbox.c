/*
 * sandbox.c
 *	  Dry run: the plan on a clone, with the rows that failed and with rows
 *	  that are stored already. Everything is rolled back.
 *
 * The real table is read under ACCESS SHARE and not touched: a rolled-back
 * ALTER on it would keep everybody out for the whole trial. What the trial
 * does not show (coverage.c), triggers first of all, is said in the result,
 * since the first chunk of the replay is its proof.
 *
 * The ALTER runs as the table's owner, restricted; the held rows are put in as
 * their loading role (heldtrial.c).
 */
#include "postgres.h"

#include "act/assertions.h"
#include "act/heldtrial.h"
#include "act/newparts.h"
#include "act/sandbox.h"
#include "act/standin.h"
#include "act/trace.h"
#include "base/progress.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "decide/convert.h"
#include "decide/forms.h"
#include "decide/render.h"
#include "miscadmin.h"
#include "observe/ddl_watch.h"
#include "parser/parse_coerce.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

/* What a row may lack that a plan for its values cannot give it: a parent
 * comes by itself, a partition and a sequence's numbers have playbooks of
 * their own, which see the row when it fits otherwise. */
#define COMES_LATER \
	((UINT64CONST(1) << FIT_FOREIGN_KEY) | (UINT64CONST(1) << FIT_PARTITION) | \
	 (UINT64CONST(1) << FIT_SEQUENCE))

typedef struct Trial
{
	const HealPlan *plan;
	const int64 *incidents;
	int			nincidents;
	DryRun	   *result;
	MemoryContext cxt;			/* of the result */
	const char *doing;			/* names the step in the reason */
	uint32		gaps;			/* COVERAGE_* */
	char	   *traced;			/* JSON; NULL when no ALTER ran */
	HeldTrial	held;
	Assertions *checks;			/* of the team */

	Clone	   *clone;			/* lives as long as the trial */
} Trial;

/*
 * A deferrable unique constraint comes along to the clone; a restricted
 * operation refuses to leave its check for later. Called as the caller, before
 * any switch: what the session has pending is fired as himself. The rollback
 * brings back both the events and the setting.
 */
static void
constraints_immediate(void)
{
	ConstraintsSetStmt *stmt = makeNode(ConstraintsSetStmt);

	stmt->constraints = NIL;
	stmt->deferred = false;
	AfterTriggerSetState(stmt);
}

/*
 * A clone's column as text of the type it had before: numeric(12,2) widened
 * to numeric(14,4) prints 1.5000 for 1.50 and has lost nothing. A value that
 * does not come back the same was changed. Where no cast leads back the text
 * must be the same.
 */
static char *
as_before(const Clone *clone, const CloneColumn *col)
{
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			func;

	get_atttypetypmodcoll(clone->oid, get_attnum(clone->oid, col->name),
						  &type, &typmod, &collation);
	if ((type == col->type && typmod == col->typmod) ||
		(type != col->type &&
		 find_coercion_pathway(col->type, type, COERCION_EXPLICIT, &func) == COERCION_PATH_NONE))
		return psprintf("%s::text", col->quoted);
	return psprintf("%s::%s::text", col->quoted,
					format_type_extended(col->type, col->typmod,
										 FORMAT_TYPE_TYPEMOD_GIVEN |
										 FORMAT_TYPE_FORCE_QUALIFY));
}

/* Count the rows of the stage that the clone does not have any more. */
static int64
count_broken(const Clone *clone)
{
	StringInfoData before;
	StringInfoData after;
	ListCell   *lc;
	int64		lost;
	int64		kept;
	char	   *rows = clone_own_rows(clone, clone->name);

	if (clone->history == 0)
		return 0;
	initStringInfo(&before);
	initStringInfo(&after);
	foreach(lc, clone->columns)
	{
		CloneColumn *col = lfirst(lc);
		const char *comma = before.len ? ", " : "";

		appendStringInfo(&before, "%s%s::text", comma, col->quoted);
		appendStringInfo(&after, "%s%s", comma, as_before(clone, col));
	}
	clone_as_owner(clone,
				   psprintf("SELECT (SELECT count(*) FROM (SELECT ROW(%s)::text FROM %s"
							" EXCEPT ALL SELECT ROW(%s)::text FROM %s) AS lost),"
							" (SELECT count(*) FROM %s)",
							before.data, clone->stage, after.data, rows, rows), NULL);
	lost = spi_get_int8(0, 1, NULL);
	kept = spi_get_int8(0, 2, NULL);
	/* rows that came from nowhere count as well */
	return Max(lost, kept - clone->history);
}

/* The same for the clone and for what inherits from it. */
static void
compare_history(Trial *t)
{
	ListCell   *lc;

	t->result->history_broken = count_broken(t->clone);
	foreach(lc, t->clone->members)
		t->result->history_broken += count_broken(lfirst(lc));
}

/* Rows that are tried, those of what inherits included. */
static void
count_history(Trial *t)
{
	ListCell   *lc;

	t->result->history_tried = t->clone->history;
	foreach(lc, t->clone->members)
		t->result->history_tried += ((Clone *) lfirst(lc))->history;
}

/* The clone draws from sequences of its own: they count as far. */
static void
extend_sequences(Trial *t)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, t->plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (step->kind != STEP_EXTEND_SEQUENCE)
			continue;
		t->doing = "the change failed on the clone";
		foreach(lc2, form_of(step->kind)->statements(t->clone->oid, step))
			clone_as_owner(t->clone, lfirst(lc2), NULL);
	}
}

/*
 * Body of the trial. Between the switches to owner and loaders we are the
 * extension's owner, with a pinned path for all that is deparsed.
 */
static void
run_trial(void *arg)
{
	static const char *const asking = "checks could not be asked";
	Trial	   *t = arg;
	SpiUser		saved;
	char	   *sql;

	constraints_immediate();
	spi_become(&saved, spi_extension_owner(), SECURITY_LOCAL_USERID_CHANGE, true);
	convert_pin(t->plan);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");

	t->doing = "no clone of the table could be made";
	progress_tell("making a clone of the table");
	t->clone = clone_describe(t->plan->relid);
	sql = render_alter(t->plan, t->plan->relid);
	t->gaps = coverage_missing(t->plan, sql != NULL);
	t->clone->gaps = &t->gaps;
	standin_make(t->clone, sql != NULL);
	count_history(t);

	t->doing = asking;
	assertions_ask(t->checks, t->clone, ASSERTION_BEFORE);

	t->doing = "the change failed on the clone";
	sql = render_alter(t->plan, t->clone->oid);
	if (sql != NULL)
	{
		Trace	   *trace = trace_begin(t->clone->oid);

		progress_tell("making the change on the clone");
		clone_as_owner(t->clone, sql, NULL);
		t->result->traced = trace_end(trace, t->cxt, &t->traced);
		t->doing = "rows in the table could not be compared after the change";
		progress_tell("comparing stored rows");
		compare_history(t);
		t->doing = asking;
		assertions_ask(t->checks, t->clone, ASSERTION_AFTER_STEP);
	}
	extend_sequences(t);
	t->doing = "the new partitions could not be made on the clone";
	newparts_make(t->clone, t->plan);
	standin_secure(t->clone);

	t->doing = "held rows could not be tried";
	progress_tell("trying held rows");
	heldtrial_run(t->clone, t->plan, t->incidents, t->nincidents, t->cxt, &t->held);
	t->doing = asking;
	assertions_ask(t->checks, t->clone, ASSERTION_AFTER_ROWS);

	SPI_finish();
	spi_resume(&saved);
}

/* Were rows refused for something else than what they are held for? */
static bool
is_news(const Trial *t)
{
	uint64		known = 0;
	SpiArgs		args;
	SpiUser		saved;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8_array(&args, t->incidents, t->nincidents);
	n = spi_exec("SELECT DISTINCT class FROM selfheal.incident WHERE id = ANY ($1)", &args);
	for (uint64 i = 0; i < n; i++)
		known |= UINT64CONST(1) << fit_class_from_name(spi_get_text(i, 1, CurrentMemoryContext));
	spi_close(&saved);
	return (t->held.misses & ~known) != 0;
}

/*
 * Reason of a trial that ran to its end, NULL when the plan may run. A plan
 * that was made for incidents must help one of their rows; a person's own
 * proposal need not help any. A row that fits the changed table and lacks but
 * its parent, its partition or its number is helped: it waits for that, as any
 * such row does, and what only an insert can find is what the next round plans
 * for. A replay that changes nothing may also say of a row why it is held by
 * now: it came when the table was another one.
 */
static char *
judge(const Trial *t)
{
	const DryRun *r = t->result;

	if (r->history_broken > 0)
		return psprintf(INT64_FORMAT " of " INT64_FORMAT " rows in the table would be changed",
						r->history_broken, r->history_tried);
	if (r->refused_by_check)
		return assertions_refusal(t->checks);
	if (t->nincidents > 0 && r->held_tried > 0 && r->held_stored == 0 &&
		(t->plan->steps != NIL ? (t->held.misses & COMES_LATER) == 0 : !is_news(t)))
		return psprintf("none of " INT64_FORMAT " held rows could be stored: %s",
						r->held_tried,
						t->held.first_miss ? t->held.first_miss : "no reason was given");
	return NULL;
}

/* The documented JSON; see the header. */
static Jsonb *
result_json(const Trial *t, double ms)
{
	const DryRun *r = t->result;
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfo(&json,
					 "{\"ok\": %s, \"held_tried\": " INT64_FORMAT
					 ", \"held_stored\": " INT64_FORMAT
					 ", \"history_tried\": " INT64_FORMAT
					 ", \"history_broken\": " INT64_FORMAT
					 ", \"rewrote\": %s, \"traced\": %s, \"not_covered\": %s, \"checks\": %s, \"ms\": %.1f, \"reason\": ",
					 r->ok ? "true" : "false", r->held_tried, r->held_stored,
					 r->history_tried, r->history_broken,
					 r->traced && r->traced->rewrite ? "true" : "false",
					 t->traced ? t->traced : "null", coverage_json(t->gaps),
					 assertions_json(t->checks), ms);
	if (r->reason)
		escape_json(&json, r->reason);
	else
		appendStringInfoString(&json, "null");
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* The trial; what it does to the clone is no news of a watched table. */
static ErrorData *
try_quietly(Trial *t)
{
	ErrorData  *volatile edata = NULL;

	ddl_watch_rest(true);
	PG_TRY();
	{
		edata = spi_trial(run_trial, t);
	}
	PG_FINALLY();
	{
		ddl_watch_rest(false);
	}
	PG_END_TRY();
	return edata;
}

/*
 * See the header. A lock that could not be had, a deadlock or a serialization
 * failure says nothing of the plan: it is thrown on, to be tried again.
 */
DryRun *
sandbox_try(const VettedPlan *plan, const int64 *incidents, int nincidents)
{
	Trial		t = {0};
	ErrorData  *edata;
	instr_time	start;
	instr_time	end;

	t.result = palloc0(sizeof(DryRun));
	t.cxt = CurrentMemoryContext;
	t.plan = vetted_plan(plan);
	t.incidents = incidents;
	t.nincidents = nincidents;
	t.doing = "the dry run could not begin";
	t.checks = assertions_of(t.plan->relid);

	INSTR_TIME_SET_CURRENT(start);
	edata = try_quietly(&t);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);

	if (edata && (edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
				  ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK))
		ReThrowError(edata);
	t.result->refused_by_check = edata == NULL && t.result->history_broken == 0 &&
		assertions_refusal(t.checks) != NULL;
	t.result->held_tried = t.held.tried;
	t.result->held_stored = t.held.stored;
	t.result->reason = edata ? psprintf("%s: %s", t.doing, edata->message) : judge(&t);
	t.result->ok = t.result->reason == NULL;
	t.result->json = result_json(&t, INSTR_TIME_GET_MILLISEC(end));
	return t.result;
}
