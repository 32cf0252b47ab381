/*
 * sandbox.c
 *	  Dry run: the plan on a clone, with the rows that failed and with rows
 *	  that are stored already. Everything is rolled back.
 *
 * The real table is read under ACCESS SHARE and not touched: a rolled-back
 * ALTER on it would keep everybody out for the whole trial. What the clone
 * (clone.c) leaves out, triggers, foreign keys, partitions, row security, is
 * said in the result, since the first chunk of the replay is its proof.
 *
 * The ALTER runs as the table's owner, restricted. The held rows are put in
 * as their loading role, which is granted INSERT on the clone if it has it on
 * the table: under the load's search_path, which the loader chose, code must
 * not run as anybody else.
 */
#include "postgres.h"

#include "act/assertions.h"
#include "act/clone.h"
#include "act/sandbox.h"
#include "act/trace.h"
#include "base/guc.h"
#include "base/spi.h"
#include "commands/trigger.h"
#include "decide/labels.h"
#include "decide/rebuild.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "observe/loader.h"
#include "observe/route.h"
#include "observe/watch.h"
#include "parser/parse_coerce.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

typedef struct Trial
{
	const HealPlan *plan;
	const int64 *incidents;
	int			nincidents;
	DryRun	   *result;
	MemoryContext cxt;			/* of the result */
	const char *doing;			/* names the step in the reason */
	char	   *not_covered;	/* JSON array */
	char	   *traced;			/* JSON; NULL when no ALTER ran */
	char	   *first_miss;		/* why the first held row was not stored */
	Assertions *checks;			/* of the team */

	/* these live as long as the trial */
	Clone	   *clone;
	List	   *granted;		/* Oid of roles that may load the clone */
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
 * What this trial cannot show, from the catalog: a reader of the result must
 * know what it does not rest on. (Of a default's functions only the user's
 * have an entry in pg_depend; builtin ones are pinned.)
 */
static void
list_not_covered(Trial *t)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, t->plan->relid);
	spi_arg_bool(&args, OidIsValid(route_foreign(t->plan->relid, true)));
	spi_arg_bool(&args, labels_sql(t->plan) != NIL);
	spi_arg_bool(&args, rebuild_outline(t->plan)->items != NIL);
	spi_exec("SELECT coalesce(jsonb_agg(what), '[]') FROM ("
			 " SELECT 'triggers' AS what WHERE EXISTS (SELECT FROM pg_trigger"
			 "   WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled <> 'D')"
			 " UNION ALL SELECT 'foreign keys' WHERE EXISTS (SELECT FROM pg_constraint"
			 "   WHERE conrelid = $1 AND contype = 'f')"
			 " UNION ALL SELECT 'foreign keys of other tables' WHERE EXISTS (SELECT FROM pg_constraint"
			 "   WHERE confrelid = $1 AND contype = 'f' AND conrelid <> $1)"
			 " UNION ALL SELECT 'unique and exclusion constraints against rows outside the sample'"
			 "   WHERE EXISTS (SELECT FROM pg_index WHERE indrelid = $1 AND (indisunique OR indisexclusion))"
			 " UNION ALL SELECT 'partition routing' FROM pg_class WHERE oid = $1 AND relkind = 'p'"
			 " UNION ALL SELECT 'inheriting tables' FROM pg_class WHERE oid = $1 AND relkind <> 'p'"
			 "   AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = $1)"
			 " UNION ALL SELECT 'foreign tables: their rows, and what their servers refuse' WHERE $2"
			 " UNION ALL SELECT 'new enum labels: one that is there stood in their place' WHERE $3"
			 " UNION ALL SELECT 'row security' FROM pg_class WHERE oid = $1 AND relrowsecurity"
			 " UNION ALL SELECT 'lasting effects of default functions' WHERE EXISTS (SELECT FROM pg_attrdef d"
			 "   JOIN pg_depend x ON x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid"
			 "     AND x.refclassid = 'pg_proc'::regclass"
			 "   JOIN pg_proc f ON f.oid = x.refobjid AND f.provolatile = 'v' WHERE d.adrelid = $1)"
			 " UNION ALL SELECT 'rules' WHERE EXISTS (SELECT FROM pg_rewrite WHERE ev_class = $1)"
			 " UNION ALL SELECT 'views and other dependents: made again in the transaction of the change, compared before commit'"
			 "   WHERE $4"
			 ") AS w", &args);
	t->not_covered = spi_get_text(0, 1, t->cxt);
}

/*
 * A clone's column as text of the type it had before: numeric(12,2) widened
 * to numeric(14,4) prints 1.5000 for 1.50 and has lost nothing. A value that
 * does not come back the same was changed. Where no cast leads back the text
 * must be the same.
 */
static char *
as_before(const Trial *t, const CloneColumn *col)
{
	Oid			type;
	int32		typmod;
	Oid			collation;
	Oid			func;

	get_atttypetypmodcoll(t->clone->oid, get_attnum(t->clone->oid, col->name),
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
static void
compare_history(Trial *t)
{
	StringInfoData before;
	StringInfoData after;
	ListCell   *lc;
	int64		lost;
	int64		kept;

	if (t->clone->history == 0)
		return;
	initStringInfo(&before);
	initStringInfo(&after);
	foreach(lc, t->clone->columns)
	{
		CloneColumn *col = lfirst(lc);
		const char *comma = before.len ? ", " : "";

		appendStringInfo(&before, "%s%s::text", comma, col->quoted);
		appendStringInfo(&after, "%s%s", comma, as_before(t, col));
	}
	clone_as_owner(t->clone,
				   psprintf("SELECT (SELECT count(*) FROM (SELECT ROW(%s)::text FROM %s"
							" EXCEPT ALL SELECT ROW(%s)::text FROM %s) AS lost),"
							" (SELECT count(*) FROM %s)",
							before.data, t->clone->stage, after.data,
							t->clone->name, t->clone->name), NULL);
	lost = spi_get_int8(0, 1, NULL);
	kept = spi_get_int8(0, 2, NULL);
	/* rows that came from nowhere count as well */
	t->result->history_broken = Max(lost, kept - t->clone->history);
}

/* A run of held rows on its way into the clone. */
typedef struct TrialRun
{
	Trial	   *t;
	const LoaderRun *loader;
	const HeldRow *rows;
	int64		stored;
} TrialRun;

/*
 * Let the run's role load the clone as it may load the table: INSERT, and the
 * sandbox's sequences. Raises 42501 when it may not load the table. Runs in
 * the run's subtransaction; who is admitted already is known by t->granted.
 */
static void
admit_loader(const Trial *t, Oid role)
{
	char	   *name = GetUserNameFromId(role, false);
	ListCell   *lc;

	if (superuser_arg(role) || list_member_oid(t->granted, role))
		return;
	if (pg_class_aclcheck(t->plan->relid, role, ACL_INSERT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(t->plan->relid, role, ACL_INSERT, ACLMASK_ANY) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\", which loaded these rows, may not insert into table %s",
						name, t->clone->table)));
	spi_exec(psprintf("GRANT USAGE ON SCHEMA " CLONE_SCHEMA " TO %s", quote_identifier(name)), NULL);
	spi_exec(psprintf("GRANT INSERT ON %s TO %s", t->clone->name, quote_identifier(name)), NULL);
	foreach(lc, t->clone->sequences)
		spi_exec(psprintf("GRANT USAGE ON SEQUENCE %s TO %s",
						  (char *) lfirst(lc), quote_identifier(name)), NULL);
}

/* A label that the plan adds can be used only once that is committed: in the
 * trial one that is there already stands in its place. */
static void
let_stand_in(const Trial *t, Store *store)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, t->plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		char	   *existing = step->labels ? labels_stand_in(t->plan->relid, step) : NULL;

		if (existing == NULL)
			continue;
		foreach(lc2, step->labels)
			fit_stand_in(store_shape(store), step->column, lfirst(lc2), existing);
	}
}

/* Body of a run's subtransaction: the same steps as a replay's. */
static void
try_run(void *arg)
{
	TrialRun   *run = arg;
	int			n = run->loader->n;
	StoreRow   *tried = palloc(sizeof(StoreRow) * n);
	Store	   *store;
	SpiUser		saved;

	for (int i = 0; i < n; i++)
		tried[i] = run->rows[run->loader->first + i].row;
	loader_require(run->loader);
	admit_loader(run->t, run->loader->role);
	loader_become(&saved, run->loader);
	store = store_open(run->t->clone->oid,
					   watch_replay_conflict(run->t->plan->relid));
	store_stands_for(store, run->t->plan->relid);
	let_stand_in(run->t, store);
	run->stored = store_rows(store, tried, n);
	spi_resume(&saved);

	/* what the contract gives up need not be held any longer either */
	for (int i = 0; i < n; i++)
		run->stored += tried[i].discarded;
	for (int i = 0; i < n && run->t->first_miss == NULL; i++)
		if (!tried[i].stored && !tried[i].discarded && tried[i].nmisfits > 0)
		{
			fit_words(&tried[i].misfits[0]);
			run->t->first_miss = MemoryContextStrdup(run->t->cxt,
													 tried[i].misfits[0].message);
		}
	store_close(store);
}

/* Put the held rows in, up to selfheal.dry_run_rows of them. */
static void
try_held(Trial *t)
{
	MemoryContext own = CurrentMemoryContext;
	MemoryContext chunk = AllocSetContextCreate(own, "selfheal dry run chunk",
												ALLOCSET_DEFAULT_SIZES);
	HeldBatch	batch = {.more = true};

	while (batch.more && t->result->held_tried < guc_dry_run_rows)
	{
		LoaderRun	run_of = {0};
		TrialRun	run = {t, &run_of, NULL, 0};
		Loader	   *loader;

		MemoryContextReset(chunk);
		MemoryContextSwitchTo(chunk);
		held_fetch(t->plan->relid, t->incidents, t->nincidents, batch.last,
				   (int) (guc_dry_run_rows - t->result->held_tried), false, &batch);
		run.rows = batch.rows;
		loader = loader_open(batch.rows, batch.n);
		while (loader_next(loader, &run_of))
		{
			ErrorData  *edata;

			CHECK_FOR_INTERRUPTS();
			edata = spi_try(try_run, &run);
			if (edata == NULL)
			{
				t->result->held_stored += run.stored;
				MemoryContextSwitchTo(own);
				t->granted = list_append_unique_oid(t->granted, run_of.role);
				MemoryContextSwitchTo(chunk);
			}
			else if (t->first_miss == NULL)
				t->first_miss = MemoryContextStrdup(t->cxt, edata->message);
		}
		t->result->held_tried += batch.n;
	}
	MemoryContextSwitchTo(own);
	MemoryContextDelete(chunk);
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
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");

	t->doing = "no clone of the table could be made";
	t->clone = clone_describe(t->plan->relid);
	list_not_covered(t);
	clone_fill(t->clone);
	t->result->history_tried = t->clone->history;

	t->doing = asking;
	assertions_ask(t->checks, t->clone, ASSERTION_BEFORE);

	t->doing = "the change failed on the clone";
	sql = plan_sql(t->plan, t->clone->oid);
	if (sql != NULL)
	{
		Trace	   *trace = trace_begin(t->clone->oid);

		clone_as_owner(t->clone, sql, NULL);
		t->result->traced = trace_end(trace, t->cxt, &t->traced);
		t->doing = "rows in the table could not be compared after the change";
		compare_history(t);
		t->doing = asking;
		assertions_ask(t->checks, t->clone, ASSERTION_AFTER_STEP);
	}

	t->doing = "held rows could not be tried";
	try_held(t);
	t->doing = asking;
	assertions_ask(t->checks, t->clone, ASSERTION_AFTER_ROWS);

	SPI_finish();
	spi_resume(&saved);
}

/*
 * Reason of a trial that ran to its end, NULL when the plan may run. A plan
 * that was made for incidents must help one of their rows; a person's own
 * proposal need not help any.
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
	if (t->nincidents > 0 && r->held_tried > 0 && r->held_stored == 0)
		return psprintf("none of " INT64_FORMAT " held rows could be stored: %s",
						r->held_tried,
						t->first_miss ? t->first_miss : "no reason was given");
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
					 t->traced ? t->traced : "null", t->not_covered,
					 assertions_json(t->checks), ms);
	if (r->reason)
		escape_json(&json, r->reason);
	else
		appendStringInfoString(&json, "null");
	appendStringInfoChar(&json, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
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
	t.not_covered = "[]";
	t.doing = "the dry run could not begin";
	t.checks = assertions_of(t.plan->relid);

	INSTR_TIME_SET_CURRENT(start);
	edata = spi_trial(run_trial, &t);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);

	if (edata && (edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
				  ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK))
		ReThrowError(edata);
	t.result->refused_by_check = edata == NULL && t.result->history_broken == 0 &&
		assertions_refusal(t.checks) != NULL;
	t.result->reason = edata ? psprintf("%s: %s", t.doing, edata->message) : judge(&t);
	t.result->ok = t.result->reason == NULL;
	t.result->json = result_json(&t, INSTR_TIME_GET_MILLISEC(end));
	return t.result;
}
