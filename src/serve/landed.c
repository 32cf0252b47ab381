/*
 * landed.c
 *	  From rows of an unknown table to the table.
 *
 * Rows leave selfheal.arrival in the transaction that loads them, so that none is
 * stored twice or lost, whatever happens to the worker. The tables' own code runs
 * then: so each name is loaded for itself, and was charged for it before
 * (deaths.h).
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_namespace.h"
#include "decide/newcolumns.h"
#include "decide/newtable.h"
#include "decide/rules.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "observe/landing.h"
#include "observe/watch.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "serve/deaths.h"
#include "serve/landed.h"
#include "serve/landload.h"
#include "serve/verbs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_discard_arrivals);

/* One name that is waited for. */
typedef struct Waiting
{
	const char *schema;
	Oid			nsp;
	char	   *table;
	Oid			relid;			/* InvalidOid: there is none */
	int64		incident;		/* live; 0: none yet */
	char	   *state;
	int64		plan;			/* that it had last, 0: none */
	int64		planned_for;	/* rows that this plan was made for */
	int64		rows;
	bool		deadly;			/* its load has taken the server down */
	bool		charged;		/* for a load, or a trial of the table */
} Waiting;

/* Is there one that was charged? Process memory: who has charged it does it. */
static bool to_do = false;

/* Names with arrivals, each once. */
static List *
waiting_names(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *names = NIL;
	SpiUser		saved;
	uint64		n;

	spi_open(&saved);
	n = spi_exec("WITH RECURSIVE t(name) AS (SELECT min(table_name) FROM selfheal.arrival UNION ALL"
				 "  SELECT (SELECT min(a.table_name) FROM selfheal.arrival a WHERE a.table_name > t.name)"
				 "  FROM t WHERE t.name IS NOT NULL)"
				 " SELECT name FROM t WHERE name IS NOT NULL", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		names = lappend(names, spi_get_text(i, 1, cxt));
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return names;
}

/*
 * What is known of a name. The table is looked for with a snapshot: who has
 * just made it wakes us before he tells the caches, and they remember that
 * there was none.
 */
static void
look_up(Waiting *w)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	bool		isnull;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, w->table);
	spi_exec("SELECT count(*) FROM selfheal.arrival WHERE table_name = $1", &args);
	w->rows = spi_get_int8(0, 1, NULL);
	spi_arg_int8(&args, w->nsp);
	w->relid = spi_exec("SELECT oid FROM pg_class WHERE relname = $1 AND relnamespace = $2::oid", &args) > 0 ?
		spi_get_oid(0, 1, NULL) : InvalidOid;
	spi_args(&args);
	spi_arg_text(&args, w->table);
	spi_arg_text(&args, LANDING_CLASS);
	if (spi_exec("SELECT i.id, i.state, p.id, (p.dry_run ->> 'held_tried')::int8, coalesce(i.reason_kind = 'deadly', false), i.attempts > 0"
				 " FROM selfheal.incident i"
				 " LEFT JOIN selfheal.plan p ON p.id = i.plan"
				 " WHERE i.class = $2 AND i.table_name = $1 AND i.state NOT IN ('healed', 'dismissed')", &args) > 0)
	{
		w->incident = spi_get_int8(0, 1, NULL);
		w->state = spi_get_text(0, 2, cxt);
		w->plan = spi_get_int8(0, 3, &isnull);
		w->planned_for = spi_get_int8(0, 4, &isnull);
		w->deadly = spi_get_bool(0, 5, NULL);
		w->charged = spi_get_bool(0, 6, NULL);
	}
	spi_close(&saved);
}

/* The incident of the name, with its rows as they are; made when it is the
 * first. Audit: captured. */
static void
keep_incident(Waiting *w)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		opened = w->incident == 0;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, w->table);
	spi_arg_text(&args, w->schema);
	spi_arg_int8(&args, w->rows);
	spi_arg_text(&args, LANDING_CLASS);
	if (opened)
		spi_exec("INSERT INTO selfheal.incident (schema_name, table_name, class, rows, first_seen, last_seen)"
				 " SELECT $2, $1, $4, $3, min(at), max(at) FROM selfheal.arrival WHERE table_name = $1 RETURNING id", &args);
	else
		spi_exec("UPDATE selfheal.incident SET rows = greatest(rows, $3), last_seen ="
				 " greatest(last_seen, (SELECT max(at) FROM selfheal.arrival WHERE table_name = $1))"
				 " WHERE class = $4 AND table_name = $1 AND state NOT IN ('healed', 'dismissed') RETURNING id", &args);
	w->incident = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	if (opened)
	{
		AuditEntry	entry;

		w->state = "open";
		audit_entry(&entry, "captured");
		entry.incident = w->incident;
		entry.schema_name = w->schema;
		entry.table_name = w->table;
		entry.sqlstate = "42P01";
		entry.rows_held = w->rows;
		entry.result = "opened";
		audit_write(&entry);
	}
}

/* Bring the incident where it belongs, by the way that incident.h has. */
static void
move(const Waiting *w, IncidentState to, const char *reason, int64 plan)
{
	IncidentNote note = {.reason = reason,.plan = plan};

	if (strcmp(w->state, "open") != 0)
		incident_move(w->incident, INCIDENT_OPEN, NULL);
	incident_move(w->incident, INCIDENT_PLANNING, NULL);
	incident_move(w->incident, to, &note);
}

/* A statement as the owner of the landing schema, as spi_try's argument. */
typedef struct AsOwner
{
	Oid			owner;
	const char *sql;
} AsOwner;

static void
run_as_owner(void *arg)
{
	const AsOwner *job = arg;
	SpiUser		saved;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	spi_become(&saved, job->owner, SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, true);
	spi_set_local("default_tablespace", "");
	spi_set_local("default_table_access_method", "heap");
	spi_exec(job->sql, NULL);
	spi_resume(&saved);
	SPI_finish();
}

static Oid
schema_owner(Oid nsp)
{
	HeapTuple	tup = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(nsp));
	Oid			owner;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for schema %u", nsp);
	owner = ((Form_pg_namespace) GETSTRUCT(tup))->nspowner;
	ReleaseSysCache(tup);
	return owner;
}

/* Store the plan; in place of the one before. */
static int64
write_plan(const Waiting *w, const PlanStep *step, const char *sql)
{
	HealPlan	plan = {InvalidOid, list_make1(unconstify(PlanStep *, step))};
	Jsonb	   *steps = plan_to_jsonb(&plan);
	char	   *undo = psprintf("-- the rows stored in it are lost\nDROP TABLE %s",
								quote_qualified_identifier(w->schema, w->table));
	const char *why;
	int64		id;
	SpiUser		saved;
	SpiArgs		args;

	(void) rules_built_in(STEP_CREATE_TABLE, COST_METADATA, &why);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, w->plan);
	spi_exec("UPDATE selfheal.plan SET state = 'superseded', reason = 'more rows came'"
			 " WHERE id = $1 AND state = 'awaiting_approval'", &args);
	spi_args(&args);
	spi_arg_text(&args, w->schema);
	spi_arg_text(&args, w->table);
	spi_arg_int8(&args, w->incident);
	spi_arg_jsonb(&args, steps);
	spi_arg_text(&args, sql);
	spi_arg_text(&args, undo);
	spi_arg_text(&args, psprintf("%s: %s", plan_step_name(STEP_CREATE_TABLE), why));
	spi_arg_text(&args, plan_hash(&plan, "", ""));
	spi_arg_text(&args, psprintf(INT64_FORMAT " rows came for %s, which does not exist: a table with a nullable "
								 "column for each key, of the type that all its values prove, owned by the "
								 "owner of the landing schema.", w->rows,
								 quote_qualified_identifier(w->schema, w->table)));
	spi_arg_int8(&args, w->rows);
	spi_exec("INSERT INTO selfheal.plan (schema_name, table_name, incidents, steps, sql, inverse, state, verdict, reason,"
			 " policy, hash, schema_hash, explanation, playbook, proposed_by, dry_run)"
			 " VALUES ($1, $2, ARRAY[$3], $4, $5, $6, 'awaiting_approval', 'review', $7, 'step-review', $8, '', $9,"
			 " '" LANDING_PLAYBOOK "', 'selfheal', jsonb_build_object('ok', true, 'held_tried', $10)) RETURNING id", &args);
	id = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return id;
}

/* A plan for a name that has no table. */
static void
plan_table(const Waiting *w)
{
	List	   *columns = newcolumns_learn(w->table);
	PlanStep   *step = newtable_step(w->table, columns);
	AsOwner		job = {.owner = schema_owner(w->nsp)};
	char	   *reason = NULL;
	ErrorData  *edata;
	AuditEntry	entry;
	int64		plan;

	if (columns == NIL)
		reason = "no row is a JSON object with a value under a key that a column could have";
	else if (newtable_vet(w->schema, step, &reason))
	{
		/* a trial: everything but the rows, which taught the types */
		job.sql = newtable_sql(w->schema, step);
		edata = spi_trial(run_as_owner, &job);
		if (edata != NULL)
			reason = edata->message;
	}
	audit_entry(&entry, reason ? "refused" : "planned");
	entry.incident = w->incident;
	entry.schema_name = w->schema;
	entry.table_name = w->table;
	entry.playbook = LANDING_PLAYBOOK;
	entry.sql_run = job.sql;
	entry.verdict = reason ? "refuse" : "review";
	entry.result = reason;
	entry.rows_held = w->rows;
	if (reason != NULL)
	{
		audit_write(&entry);
		move(w, INCIDENT_NEEDS_HUMAN, psprintf("no safe plan: %s", reason), 0);
		return;
	}
	plan = write_plan(w, step, job.sql);
	entry.plan = plan;
	audit_write(&entry);
	move(w, INCIDENT_AWAITING_APPROVAL, "a table that nobody has made waits for approval", plan);
}

/* Does a row wait whose role may bring it? Without one no code of the table's
 * runs. */
static bool
some_may(const Waiting *w)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		some;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, w->table);
	spi_arg_relid(&args, w->relid);
	some = spi_exec("SELECT FROM (SELECT DISTINCT role FROM selfheal.arrival WHERE table_name = $1) a"
					" JOIN pg_roles r ON r.rolname = a.role WHERE has_table_privilege(r.oid, $2::oid, 'INSERT') LIMIT 1",
					&args) > 0;
	spi_close(&saved);
	return some;
}

/* Its rows are loaded into it. */
static void
load_table(Waiting *w, Oid relid)
{
	LandLoad	batch = landload_run(w->table, relid);
	AuditEntry	entry;

	if (batch.loaded > 0)
	{
		audit_entry(&entry, "replayed");
		entry.incident = w->incident;
		entry.relid = relid;
		entry.rows_replayed = batch.loaded;
		entry.rows_left = w->rows - batch.loaded;
		entry.result = "rows that waited for the table were loaded into it";
		audit_write(&entry);
	}
	if (w->rows == batch.loaded)
		move(w, INCIDENT_HEALED, NULL, 0);
	else if (batch.why != NULL && strcmp(w->state, "needs_human") != 0)
		move(w, INCIDENT_NEEDS_HUMAN, batch.why, 0);
	if (batch.more && batch.loaded > 0)
		shmem_wake_at_commit();
}

/* Is a plan for it to be made, or made again? */
static bool
wants_plan(const Waiting *w)
{
	return !OidIsValid(w->relid) &&
		(strcmp(w->state, "open") == 0 ||
		 (strcmp(w->state, "awaiting_approval") == 0 && w->rows >= 2 * w->planned_for));
}

/* A load, or the trial of a table, is charged; it comes when that is on disk. */
static void
claim(const Waiting *w)
{
	if (deaths_charge(DEATHS_OF_INCIDENT, w->incident))
	{
		to_do = true;
		return;
	}
	if (strcmp(w->state, "open") == 0)
		incident_move(w->incident, INCIDENT_PLANNING, NULL);
	deaths_give_up(w->incident, w->relid, 0,
				   OidIsValid(w->relid) ? "the load of its rows" : "the trial of its table");
}

/* See the header. */
void
landed_collect(void)
{
	char	   *schema;
	Oid			nsp;
	ListCell   *lc;

	nsp = landing_schema(&schema);
	if (!OidIsValid(nsp))
		return;
	foreach(lc, waiting_names())
	{
		Waiting		w = {.schema = schema,.nsp = nsp,.table = lfirst(lc)};
		Watch		watch;

		look_up(&w);
		keep_incident(&w);
		if (OidIsValid(w.relid) && !watch_get(w.relid, &watch))
		{
			if (strcmp(w.state, "needs_human") != 0)
				move(&w, INCIDENT_NEEDS_HUMAN, "the table is there and is not watched: run selfheal.watch()", 0);
		}
		else if (OidIsValid(w.relid) && w.deadly)
			continue;			/* until a person says retry() */
		else if (OidIsValid(w.relid) && !some_may(&w))
			load_table(&w, w.relid);	/* which says so */
		else if (OidIsValid(w.relid) || wants_plan(&w))
			claim(&w);
	}
}

/* One name that was charged; nothing is left to do when a person was quicker. */
static void
do_name(const char *schema, Oid nsp, char *table)
{
	Waiting		w = {.schema = schema,.nsp = nsp,.table = table};
	Watch		watch;

	look_up(&w);
	if (!w.charged || w.deadly)
		return;
	if (wants_plan(&w))
		plan_table(&w);
	else if (OidIsValid(w.relid) && watch_get(w.relid, &watch))
		load_table(&w, w.relid);
	deaths_none(DEATHS_OF_INCIDENT, w.incident);
}

/* None of them has died: what was charged is taken back. */
static void
uncharge(void)
{
	SpiUser		saved;

	spi_xact_begin();
	spi_open(&saved);
	spi_exec("UPDATE selfheal.incident SET attempts = 0 WHERE class = '" LANDING_CLASS "' AND attempts > 0"
			 " AND state NOT IN ('healed', 'dismissed') AND reason_kind IS DISTINCT FROM 'deadly'", NULL);
	spi_close(&saved);
	spi_xact_commit(true);
}

static void
do_names(MemoryContext cxt)
{
	char	   *schema;
	Oid			nsp;
	List	   *names;
	ListCell   *lc;

	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	nsp = landing_schema(&schema);
	names = OidIsValid(nsp) ? waiting_names() : NIL;
	spi_xact_commit(true);
	foreach(lc, names)
	{
		CHECK_FOR_INTERRUPTS();
		spi_xact_begin();
		do_name(schema, nsp, lfirst(lc));
		spi_xact_commit(true);
	}
}

/* See the header. */
void
landed_do(void)
{
	MemoryContext cxt = CurrentMemoryContext;

	if (!to_do)
		return;
	to_do = false;
	spi_flush();
	PG_TRY();
	{
		do_names(cxt);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		FlushErrorState();
		spi_xact_abort();
		uncharge();
		MemoryContextSwitchTo(cxt);
		ReThrowError(edata);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
}

/* See the header. */
bool
landed_is_plan(const PlanRow *row)
{
	return !OidIsValid(row->relid) && row->playbook != NULL &&
		strcmp(row->playbook, LANDING_PLAYBOOK) == 0;
}

/* See the header. */
void
landed_check_right(void)
{
	char	   *schema;
	Oid			nsp = landing_schema(&schema);

	if (!OidIsValid(nsp))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("there is no landing schema any more"),
				 errhint("An admin names one: SELECT selfheal.set_landing('landing').")));
	if (compat_namespace_aclcheck(nsp, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schema %s", quote_identifier(schema)),
				 errhint("Who decides about its tables may make some himself: GRANT CREATE ON SCHEMA.")));
}

/* See the header. */
void
landed_entry(AuditEntry *entry, const PlanRow *row)
{
	char	   *schema;

	(void) landing_schema(&schema);
	entry->schema_name = schema;
	entry->table_name = ((const PlanStep *) linitial(row->plan->steps))->column;
}

/* See the header. */
void
landed_make(const PlanRow *row, const char *by)
{
	char	   *schema;
	Oid			nsp = landing_schema(&schema);
	const PlanStep *step = linitial(row->plan->steps);
	char	   *reason;
	AsOwner		job;
	Oid			relid;
	AuditEntry	entry;
	SpiUser		saved;
	SpiArgs		args;

	if (strcmp(newtable_sql(schema, step), row->sql) != 0)
		reason = "the landing schema is another one by now";
	else if (newtable_vet(schema, step, &reason))
		reason = NULL;
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the table of plan " INT64_FORMAT " cannot be made: %s", row->id, reason),
				 errhint("Nothing was changed.")));
	job.owner = schema_owner(nsp);
	job.sql = newtable_sql(schema, step);
	run_as_owner(&job);
	CommandCounterIncrement();
	relid = get_relname_relid(step->column, nsp);
	if (!OidIsValid(relid))
		elog(ERROR, "the table was not made");
	audit_entry(&entry, "applied");
	entry.plan = row->id;
	entry.incident = row->nincidents > 0 ? row->incidents[0] : 0;
	entry.relid = relid;
	entry.playbook = row->playbook;
	entry.sql_run = job.sql;
	entry.inverse = row->inverse;
	audit_write(&entry);

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("SELECT selfheal.watch($1)", &args);
	spi_arg_int8(&args, row->id);
	spi_exec("UPDATE selfheal.plan SET relid = $1, state = 'applied', applied_at = clock_timestamp() WHERE id = $2", &args);
	spi_close(&saved);
}

/* discard_arrivals(table_name, why) */
Datum
selfheal_discard_arrivals(PG_FUNCTION_ARGS)
{
	char	   *table;
	char	   *why;
	int64		n;
	int64		incident = 0;
	char	   *schema;
	AuditEntry	entry;
	SpiUser		saved;
	SpiArgs		args;

	shmem_require();
	verbs_require_arg(fcinfo, 0, "table_name", "Names stand in the view selfheal.arrivals.");
	verbs_require_arg(fcinfo, 1, "why", "Say in a sentence why: it stands in the audit.");
	landed_check_right();
	table = verbs_text_arg(fcinfo, 0);
	why = verbs_text_arg(fcinfo, 1);
	(void) landing_schema(&schema);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, table);
	n = spi_exec("DELETE FROM selfheal.arrival WHERE table_name = $1", &args);
	spi_arg_text(&args, LANDING_CLASS);
	if (spi_exec("SELECT id FROM selfheal.incident WHERE class = $2 AND table_name = $1"
				 " AND state NOT IN ('healed', 'dismissed') FOR UPDATE", &args) > 0)
		incident = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no row waits for a table \"%s\"", table),
				 errhint("Names stand in the view selfheal.arrivals.")));
	if (incident > 0)
	{
		IncidentNote note = {.by = verbs_caller(),.why = why};

		incident_move(incident, INCIDENT_DISMISSED, &note);
	}
	audit_entry(&entry, "discarded");
	entry.incident = incident;
	entry.schema_name = schema;
	entry.table_name = table;
	entry.rows_held = n;
	entry.result = why;
	audit_write(&entry);
	shmem_wake_at_commit();
	PG_RETURN_INT64(n);
}
