/*
 * lacking.c
 *	  From a table that a subscription lacks to the table.
 */
#include "postgres.h"

#include "base/spi.h"
#include "base/stalls.h"
#include "decide/rules.h"
#include "decide/subtable.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "orient/incident.h"
#include "serve/lacking.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* A stall of which nothing was heard for so long is over. */
#define SILENT_MS 60000

/* Statements as the subscription's owner, as spi_try's argument. */
typedef struct AsOwner
{
	Oid			owner;
	const List *sql;
} AsOwner;

static void
run_as_owner(void *arg)
{
	const AsOwner *job = arg;
	SpiUser		saved;
	const ListCell *lc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	spi_become(&saved, job->owner, SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, true);
	spi_set_local("default_tablespace", "");
	spi_set_local("default_table_access_method", "heap");
	foreach(lc, job->sql)
		spi_exec(lfirst(lc), NULL);
	spi_resume(&saved);
	SPI_finish();
}

/* The owner of a subscription of this database, or InvalidOid. */
static Oid
owner_of(const char *subscription)
{
	Oid			owner = InvalidOid;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, subscription);
	if (spi_exec("SELECT s.subowner FROM pg_subscription s JOIN pg_database d ON d.oid = s.subdbid"
				 " WHERE d.datname = current_database() AND s.subname = $1", &args) > 0)
		owner = spi_get_oid(0, 1, NULL);
	spi_close(&saved);
	return owner;
}

/* "CREATE ...; ALTER ..." */
static char *
joined(const List *sql)
{
	StringInfoData buf;
	const ListCell *lc;

	initStringInfo(&buf);
	foreach(lc, sql)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "; " : "", (char *) lfirst(lc));
	return buf.data;
}

static char *
refresh_sql(const char *subscription)
{
	return psprintf("ALTER SUBSCRIPTION %s REFRESH PUBLICATION",
					subscription ? quote_identifier(subscription) : "...");
}

/* ---- incident and plan ---- */

/* The live incident of a table, or 0. */
static int64
live_incident(const char *schema, const char *table)
{
	int64		id = 0;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, schema);
	spi_arg_text(&args, table);
	if (spi_exec("SELECT id FROM selfheal.incident WHERE class = '" LACKING_CLASS "' AND schema_name = $1"
				 " AND table_name = $2 AND state NOT IN ('healed', 'dismissed')", &args) > 0)
		id = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return id;
}

/* Audit: captured. */
static int64
open_incident(const LackingTable *table)
{
	int64		id;
	AuditEntry	entry;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, table->schema);
	spi_arg_text(&args, table->table);
	spi_exec("INSERT INTO selfheal.incident (schema_name, table_name, class, first_seen, last_seen)"
			 " VALUES ($1, $2, '" LACKING_CLASS "', clock_timestamp(), clock_timestamp()) RETURNING id", &args);
	id = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	audit_entry(&entry, "captured");
	entry.incident = id;
	entry.schema_name = table->schema;
	entry.table_name = table->table;
	entry.sqlstate = "55000";
	entry.result = psprintf("opened: subscription %s stalls", quote_identifier(table->subscription));
	audit_write(&entry);
	return id;
}

static int64
write_plan(const LackingTable *table, const PlanStep *step, int64 incident, const char *sql)
{
	HealPlan	plan = {InvalidOid, list_make1(unconstify(PlanStep *, step))};
	char	   *name = quote_qualified_identifier(table->schema, table->table);
	const char *why;
	int64		id;
	SpiUser		saved;
	SpiArgs		args;

	(void) rules_built_in(STEP_CREATE_TABLE, COST_METADATA, &why);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, table->schema);
	spi_arg_text(&args, table->table);
	spi_arg_int8(&args, incident);
	spi_arg_jsonb(&args, plan_to_jsonb(&plan));
	spi_arg_text(&args, sql);
	spi_arg_text(&args, psprintf("-- the rows copied into it are lost, and the subscription stalls again\nDROP TABLE %s", name));
	spi_arg_text(&args, psprintf("%s: %s", plan_step_name(STEP_CREATE_TABLE), why));
	spi_arg_text(&args, plan_hash(&plan, "", ""));
	spi_arg_text(&args, psprintf("Subscription %s stalls since there is no table %s here: made as the publisher has it (columns, "
								 "types, NOT NULL, key), as the subscription's owner. The subscription then goes on and passes "
								 "over rows of the table until somebody runs %s, which copies all of them and which no "
								 "transaction block can hold: run it right after approve().",
								 quote_identifier(table->subscription), name, refresh_sql(table->subscription)));
	spi_exec("INSERT INTO selfheal.plan (schema_name, table_name, incidents, steps, sql, inverse, state, verdict, reason,"
			 " policy, hash, schema_hash, explanation, playbook, proposed_by, dry_run)"
			 " VALUES ($1, $2, ARRAY[$3], $4, $5, $6, 'awaiting_approval', 'review', $7, 'step-review', $8, '', $9,"
			 " '" SUBTABLE_PLAYBOOK "', 'selfheal', '{\"ok\": true}') RETURNING id", &args);
	id = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return id;
}

/* See the header. */
void
lacking_told(const LackingTable *table)
{
	PlanStep   *step = subtable_step(table);
	AsOwner		job = {.owner = owner_of(table->subscription)};
	SubTable	sub;
	List	   *sql = NIL;
	char	   *reason = NULL;
	int64		incident;
	AuditEntry	entry;
	IncidentNote note = {0};

	if (!OidIsValid(job.owner) || live_incident(table->schema, table->table) != 0)
		return;
	incident = open_incident(table);
	if (subtable_vet(step, &sub, &sql, &reason))
	{
		ErrorData  *edata;

		/* a trial: may the owner make it? */
		job.sql = sql;
		edata = spi_trial(run_as_owner, &job);
		if (edata != NULL)
			reason = edata->message;
	}
	audit_entry(&entry, reason ? "refused" : "planned");
	entry.incident = incident;
	entry.schema_name = table->schema;
	entry.table_name = table->table;
	entry.playbook = SUBTABLE_PLAYBOOK;
	entry.sql_run = sql ? joined(sql) : NULL;
	entry.verdict = reason ? "refuse" : "review";
	entry.result = reason;
	incident_move(incident, INCIDENT_PLANNING, NULL);
	if (reason != NULL)
	{
		note.reason = psprintf("no safe plan: %s; then %s", reason, refresh_sql(table->subscription));
		audit_write(&entry);
		incident_move(incident, INCIDENT_NEEDS_HUMAN, &note);
		return;
	}
	entry.plan = note.plan = write_plan(table, step, incident, joined(sql));
	note.reason = "a table that the subscription lacks waits for approval";
	audit_write(&entry);
	incident_move(incident, INCIDENT_AWAITING_APPROVAL, &note);
}

/* ---- what becomes of it ---- */

/* Does an apply worker of this database still name the table? */
static bool
still_stalls(const char *schema, const char *table)
{
	Stall	   *stalls = palloc(sizeof(Stall) * STALLS_MAX);
	int			n = stalls_read(stalls, false);
	char	   *name = psprintf("%s.%s", schema, table);

	for (int i = 0; i < n; i++)
		if (strstr(stalls[i].message, name) != NULL &&
			!TimestampDifferenceExceeds(stalls[i].last, GetCurrentTimestamp(), SILENT_MS))
			return true;
	return false;
}

/* The plan waits for nobody any more. */
static void
retire_plan(int64 plan, const char *why)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, plan);
	spi_arg_text(&args, why);
	spi_exec("UPDATE selfheal.plan SET state = 'superseded', reason = $2 WHERE id = $1 AND state = 'awaiting_approval'",
			 &args);
	spi_close(&saved);
}

/* By the way that incident.h has. */
static void
move(int64 incident, const char *state, IncidentState to, IncidentNote *note)
{
	if (strcmp(state, "open") != 0)
		incident_move(incident, INCIDENT_OPEN, NULL);
	if (to != INCIDENT_DISMISSED)
		incident_move(incident, INCIDENT_PLANNING, NULL);
	incident_move(incident, to, note);
}

/* One live incident, and what is here of its table. */
typedef struct Lacked
{
	int64		incident;
	char	   *state;
	char	   *schema;
	char	   *table;
	int64		plan;
	char	   *subscription;
	bool		there;
	bool		subscribed;
	bool		told;			/* that the publication is to be refreshed */
} Lacked;

static void
settle(const Lacked *l)
{
	IncidentNote note = {0};

	if (l->subscribed)
	{
		retire_plan(l->plan, "the subscription has the table");
		move(l->incident, l->state, INCIDENT_HEALED, NULL);
	}
	else if (l->there && !l->told)
	{
		retire_plan(l->plan, "the table is there");
		note.reason = psprintf("the table is there, and the subscription passes over its rows until somebody runs %s",
							   refresh_sql(l->subscription));
		note.human = HUMAN_NO_PLAYBOOK;
		note.plan = l->plan;
		move(l->incident, l->state, INCIDENT_NEEDS_HUMAN, &note);
	}
	else if (!l->there && !still_stalls(l->schema, l->table))
	{
		retire_plan(l->plan, "no subscription stalls for the table any more");
		note.by = "selfheal";
		note.why = "no subscription stalls for the table any more";
		move(l->incident, l->state, INCIDENT_DISMISSED, &note);
	}
}

/* See the header. */
void
lacking_collect(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *lacked = NIL;
	SpiUser		saved;
	uint64		n;
	ListCell   *lc;

	spi_open(&saved);
	n = spi_exec("SELECT i.id, i.state, i.schema_name, i.table_name, i.plan, p.steps -> 'steps' -> 0 -> 'args' ->> 'subscription',"
				 " c.oid IS NOT NULL, EXISTS (SELECT FROM pg_subscription_rel r WHERE r.srrelid = c.oid),"
				 " coalesce(i.state = 'needs_human' AND i.reason_kind = 'no_playbook', false)"
				 " FROM selfheal.incident i LEFT JOIN selfheal.plan p ON p.id = i.plan"
				 " LEFT JOIN pg_namespace s ON s.nspname = i.schema_name"
				 " LEFT JOIN pg_class c ON c.relnamespace = s.oid AND c.relname = i.table_name"
				 " WHERE i.class = '" LACKING_CLASS "' AND i.state NOT IN ('healed', 'dismissed')", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		Lacked	   *l = palloc0(sizeof(Lacked));
		bool		isnull;

		l->incident = spi_get_int8(i, 1, NULL);
		l->state = spi_get_text(i, 2, cxt);
		l->schema = spi_get_text(i, 3, cxt);
		l->table = spi_get_text(i, 4, cxt);
		l->plan = spi_get_int8(i, 5, &isnull);
		l->subscription = spi_get_text(i, 6, cxt);
		l->there = spi_get_bool(i, 7, NULL);
		l->subscribed = spi_get_bool(i, 8, NULL);
		l->told = spi_get_bool(i, 9, NULL);
		lacked = lappend(lacked, l);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	foreach(lc, lacked)
		settle(lfirst(lc));
}

/* ---- approving ---- */

/* See the header. */
bool
lacking_is_plan(const PlanRow *row)
{
	return row->playbook != NULL && strcmp(row->playbook, SUBTABLE_PLAYBOOK) == 0;
}

/* The plan's step, taken apart and vetted once more. */
static bool
read_plan(const PlanRow *row, SubTable *sub, List **sql, char **reason)
{
	return subtable_vet(linitial(row->plan->steps), sub, sql, reason);
}

/* See the header. */
void
lacking_check_right(const PlanRow *row)
{
	SubTable	sub;
	List	   *sql;
	char	   *reason;
	Oid			owner;

	(void) read_plan(row, &sub, &sql, &reason);
	owner = sub.subscription ? owner_of(sub.subscription) : InvalidOid;
	if (!OidIsValid(owner))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the subscription of plan " INT64_FORMAT " is gone", row->id),
				 errhint("Nothing can be done with this plan any more.")));
	if (!has_privs_of_role(GetUserId(), owner))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for subscription %s", quote_identifier(sub.subscription)),
				 errhint("The table is made as its owner: who decides about it must have that role.")));
}

/* See the header. */
void
lacking_entry(AuditEntry *entry, const PlanRow *row)
{
	SubTable	sub;
	List	   *sql;
	char	   *reason;

	(void) read_plan(row, &sub, &sql, &reason);
	entry->schema_name = sub.schema;
	entry->table_name = sub.table;
}

/* See the header. */
void
lacking_make(const PlanRow *row)
{
	SubTable	sub;
	AsOwner		job;
	List	   *sql;
	char	   *reason = NULL;
	AuditEntry	entry;
	SpiUser		saved;
	SpiArgs		args;

	if (read_plan(row, &sub, &sql, &reason) && strcmp(joined(sql), row->sql) != 0)
		reason = "a type or schema is another one by now";
	if (reason != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the table of plan " INT64_FORMAT " cannot be made: %s", row->id, reason),
				 errhint("Nothing was changed.")));
	job.owner = owner_of(sub.subscription);
	job.sql = sql;
	run_as_owner(&job);
	audit_entry(&entry, "applied");
	entry.plan = row->id;
	entry.incident = row->nincidents > 0 ? row->incidents[0] : 0;
	entry.schema_name = sub.schema;
	entry.table_name = sub.table;
	entry.playbook = row->playbook;
	entry.sql_run = row->sql;
	entry.inverse = row->inverse;
	audit_write(&entry);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, row->id);
	spi_exec("UPDATE selfheal.plan SET state = 'applied', applied_at = clock_timestamp() WHERE id = $1", &args);
	spi_close(&saved);
	ereport(NOTICE,
			(errmsg("selfheal: the table is made, and empty: run %s now", refresh_sql(sub.subscription)),
			 errdetail("Until then the subscription passes over rows of it; the refresh copies all of them.")));
}
