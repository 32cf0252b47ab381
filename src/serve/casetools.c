/*
 * casetools.c
 *	  Tools about incidents: list_incidents, retry_incident, report_failure.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "orient/incident.h"
#include "serve/casetools.h"
#include "serve/inspect.h"
#include "serve/telling.h"
#include "serve/toolargs.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Payloads of one report. */
#define MAX_REPORTED 20

/* What comes next where a person is needed: the ways that the role has. */
static const char *
next_of_person(Oid role, const char *reason_kind)
{
	bool		change = tools_offered_to(role, "apply_safe_ddl");
	bool		mapping = tools_offered_to(role, "add_mapping");
	const char *retry = tools_offered_to(role, "retry_incident") ? " When the cause is gone, retry_incident." : "";

	if (reason_kind && strcmp(reason_kind, "no_payload") == 0)
		return tools_offered_to(role, "report_failure") ?
			"The report brought no row: report_failure again with the payload, or let a person dismiss it." :
			"The report brought no row: whoever reported it does so again with the payload, or a person dismisses it.";
	if (reason_kind && strcmp(reason_kind, "restricted") == 0)
		return "A trigger needs what the healer may not do: the table's owner puts the rows in with selfheal.replay().";
	if (reason_kind && strcmp(reason_kind, "deadly") == 0)
		return psprintf("The server died each time it was worked on: the server log tells of what, and a trigger, a check or an extension of the table is to be mended first.%s", retry);
	if (reason_kind && strcmp(reason_kind, "contradictory_evidence") == 0 && (change || mapping))
		return psprintf("The values do not agree: look at them with sample_payloads, then %s%s%s.",
						mapping ? "say how they are read (add_mapping)" : "", mapping && change ? " or " : "",
						change ? "propose a change (apply_safe_ddl)" : "");
	if (reason_kind && strcmp(reason_kind, "contradictory_evidence") == 0)
		return "The values do not agree: look at them with sample_payloads. How they are read, or a change of the table, is for another role to say.";
	if (!change && !mapping)
		return psprintf("Look at the rows with sample_payloads and at the table with inspect_schema. A change of the table, a mapping for how payloads are read,"
						" or corrected rows are for another role.%s", retry);
	return psprintf("Look at the rows with sample_payloads and at the table with inspect_schema; then %s%s%s, or a person corrects the rows.%s",
					change ? "apply_safe_ddl with a change of the table" : "", change && mapping ? ", " : "",
					mapping ? "add_mapping for how payloads are read" : "", retry);
}

/* See the header. */
const char *
casetools_next(Oid role, const char *state, const char *reason_kind, int64 plan)
{
	if (strcmp(state, "healed") == 0)
		return "Nothing is left to do. get_audit_trail tells what was done.";
	if (strcmp(state, "dismissed") == 0)
		return psprintf("Somebody has closed it; its rows stay held.%s",
						tools_offered_to(role, "retry_incident") ? " retry_incident takes it back." : "");
	if (strcmp(state, "awaiting_approval") == 0)
		return psprintf("Plan " INT64_FORMAT " waits for a person: look at it with list_pending_plans%s", plan,
						!tools_offered_to(role, "reject_plan") ? ". Another role approves or rejects it." :
						tools_offered_to(role, "approve_plan") ? ", then approve_plan or reject_plan." :
						", then reject_plan, or another role approves it.");
	if (strcmp(state, "waiting_lock") == 0)
		return "Another session holds the table; it is tried again by itself at next_try.";
	if (strcmp(state, "awaiting_parent") == 0)
		return "Its rows refer to rows that are missing; when those are stored they go in by themselves.";
	if (strcmp(state, "awaiting_order") == 0)
		return "Its rows wait behind an earlier held row of their key: look at the other incidents of the table.";
	if (strcmp(state, "asking") == 0)
		return "Claude is asked about it. Ask again in a minute.";
	if (strcmp(state, "failed") == 0)
		return tools_offered_to(role, "retry_incident") ?
			"It is tried again by itself at next_try; retry_incident tries it now." : "It is tried again by itself at next_try.";
	if (strcmp(state, "needs_human") != 0)
		return "It is the healer's turn. Ask again in a moment (wait_seconds).";
	return next_of_person(role, reason_kind);
}

/* ---- list_incidents ---- */

/* The page is cut out first; what is counted is counted of that alone. */
#define INCIDENTS \
	"SELECT i.id, i.relid::oid, format('%I.%I', i.schema_name, i.table_name), i.class, i.column_name, i.state," \
	" CASE WHEN i.state NOT IN ('healed', 'dismissed') THEN selfheal.waits_for(i.state) END, i.reason, i.reason_kind, i.rows, h.held, h.witnesses, i.plan, " \
	SPI_UTC("i.first_seen") ", " SPI_UTC("i.last_seen") ", round(i.seconds::numeric, 3)::text, i.attempts, " SPI_UTC("i.next_try") \
	" FROM (SELECT * FROM selfheal.incident i WHERE ($1 = 0 OR i.id < $1) AND ($2 IS NULL OR i.relid = $2)" \
	"  AND ($3 IS NULL OR CASE $3 WHEN 'live' THEN i.state NOT IN ('healed', 'dismissed') ELSE i.state = $3 END)" \
	"  AND ($4 IS NULL OR i.class = $4)" \
	"  AND ($5 <= 0 OR i.last_seen >= clock_timestamp() - $5 * interval '1 hour')" \
	"  AND ($6 OR has_table_privilege($7, i.relid::oid, 'SELECT'))" \
	"  ORDER BY i.id DESC LIMIT $8) i," \
	" LATERAL (SELECT count(*) FILTER (WHERE h.witness IS NULL) AS held, count(*) FILTER (WHERE h.witness IS NOT NULL) AS witnesses" \
	"  FROM selfheal.held h WHERE h.incident = i.id) h ORDER BY i.id DESC"

static void
add_incident(StringInfo entry, uint64 row, Telling *t, void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	bool		isnull;
	int64		plan = spi_get_int8(row, 13, &isnull);

	appendStringInfoChar(entry, '{');
	toolpage_int8(entry, "incident", spi_get_int8(row, 1, NULL));
	toolpage_cut(entry, "table", spi_get_text(row, 3, cxt), 300);
	toolpage_text(entry, "class", spi_get_text(row, 4, cxt));
	telling_column(entry, t, "column", spi_get_text(row, 5, cxt));
	toolpage_text(entry, "state", spi_get_text(row, 6, cxt));
	toolpage_text(entry, "waits_for", spi_get_text(row, 7, cxt));
	telling_text(entry, t, "reason", spi_get_text(row, 8, cxt), 400);
	toolpage_text(entry, "reason_kind", spi_get_text(row, 9, cxt));
	toolpage_int8(entry, "rows_seen", spi_get_int8(row, 10, NULL));
	toolpage_int8(entry, "rows_held", spi_get_int8(row, 11, NULL));
	toolpage_int8(entry, "witnesses", spi_get_int8(row, 12, NULL));
	if (!isnull)
		toolpage_int8(entry, "plan", plan);
	toolpage_text(entry, "first_seen", spi_get_text(row, 14, cxt));
	toolpage_text(entry, "last_seen", spi_get_text(row, 15, cxt));
	toolpage_json(entry, "seconds", spi_get_text(row, 16, cxt));
	toolpage_int8(entry, "attempts", spi_get_int8(row, 17, NULL));
	toolpage_text(entry, "next_try", spi_get_text(row, 18, cxt));
	appendStringInfoChar(entry, '}');
}

static ToolResult *
run_list_incidents(const ToolContext *ctx, Jsonb *args)
{
	static SPIPlanPtr plan = NULL;
	char	   *table = toolargs_text(args, "table");
	TellingPage page;
	ToolResult *fault;
	Oid			relid = InvalidOid;
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		sql;
	uint64		n;

	if (!telling_page_asked(&page, ctx, args, "incidents", &fault))
		return fault;
	if (table && !OidIsValid(relid = telling_table(table, &fault)))
		return fault;
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"incidents\":[");
	spi_open(&saved);
	spi_args(&sql);
	spi_arg_int8(&sql, page.cursor);
	spi_arg_relid(&sql, relid);
	spi_arg_text(&sql, toolargs_text(args, "state"));
	spi_arg_text(&sql, toolargs_text(args, "class"));
	spi_arg_int8(&sql, toolpage_hours(args));
	spi_arg_bool(&sql, page.all);
	spi_arg_oid(&sql, page.caller);
	spi_arg_int8(&sql, page.limit + 1);
	n = spi_exec_kept(&plan, INCIDENTS, &sql);
	return telling_page(&page, &buf, n, &saved, add_incident, NULL);
}

/* ---- retry_incident ---- */

/* {"incident", "state", "next_step"} */
static ToolResult *
stands_now(int64 id)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *state;
	char	   *kind;
	bool		isnull;
	int64		plan;
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		sql;

	spi_open(&saved);
	spi_args(&sql);
	spi_arg_int8(&sql, id);
	spi_exec("SELECT state, reason_kind, plan FROM selfheal.incident WHERE id = $1", &sql);
	state = spi_get_text(0, 1, cxt);
	kind = spi_get_text(0, 2, cxt);
	plan = spi_get_int8(0, 3, &isnull);
	spi_close(&saved);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_int8(&buf, "incident", id);
	toolpage_text(&buf, "state", state);
	toolpage_text(&buf, "next_step", casetools_next(GetUserId(), state, kind, plan));
	appendStringInfoChar(&buf, '}');
	return toolpage_answer(&buf);
}

static ToolResult *
run_retry_incident(const ToolContext *ctx, Jsonb *args)
{
	int64		id = toolargs_int8(args, "incident");
	ToolResult *fault;
	Incident   *incident = inspect_incident(id, &fault);
	SpiArgs		sql;

	if (fault)
		return fault;
	if (incident->state == INCIDENT_HEALED)
		return tools_error("retry_incident: incident " INT64_FORMAT " is healed already. A new failure opens a new incident.", id);
	spi_open_caller();
	spi_args(&sql);
	spi_arg_int8(&sql, id);
	spi_exec("SELECT selfheal.retry($1)", &sql);
	spi_close_caller();
	return stands_now(id);
}

/* ---- report_failure ---- */

/* {"source": ...}, or NULL. */
static Jsonb *
reported_context(Jsonb *args)
{
	char	   *source = toolargs_text(args, "source");
	StringInfoData buf;

	if (source == NULL)
		return NULL;
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_cut(&buf, "source", source, 500);
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* One report; its number in selfheal.error. */
static int64
report(Oid relid, const char *payload, Jsonb *args)
{
	SpiArgs		sql;
	int64		id;

	spi_open_caller();
	spi_args(&sql);
	spi_arg_relid(&sql, relid);
	spi_arg_text(&sql, payload);
	spi_arg_text(&sql, toolargs_text(args, "sqlstate"));
	spi_arg_text(&sql, toolargs_text(args, "message"));
	spi_arg_jsonb(&sql, reported_context(args));
	spi_exec("SELECT selfheal.report_failure($1, $2, $3, $4, $5)", &sql);
	id = spi_get_int8(0, 1, NULL);
	spi_close_caller();
	return id;
}

static ToolResult *
run_report_failure(const ToolContext *ctx, Jsonb *args)
{
	JsonbValue *payloads = getKeyJsonValueFromContainer(&args->root, "payloads", 8, NULL);
	uint32		n = payloads ? JsonContainerSize(payloads->val.binary.data) : 0;
	ToolResult *fault;
	Oid			relid = telling_table(toolargs_text(args, "table"), &fault);
	StringInfoData buf;

	if (fault)
		return fault;
	if (n > MAX_REPORTED)
		return tools_error("argument \"payloads\" has %u rows. Give %d at most in one call.", n, MAX_REPORTED);
	tools_about(relid);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_text(&buf, "table", telling_name(relid));
	appendStringInfoString(&buf, ",\"errors\":[");
	for (uint32 i = 0; i < Max(n, 1); i++)
	{
		JsonbValue *v = n > 0 ? getIthJsonbValueFromContainer(payloads->val.binary.data, i) : NULL;

		appendStringInfo(&buf, "%s" INT64_FORMAT, i > 0 ? "," : "",
						 report(relid, v ? pnstrdup(v->val.string.val, v->val.string.len) : NULL, args));
	}
	appendStringInfoChar(&buf, ']');
	toolpage_int8(&buf, "payloads_held", n);
	toolpage_text(&buf, "next_step", "The healer opens an incident of it, or joins it to one: list_incidents with this table.");
	appendStringInfoChar(&buf, '}');
	return toolpage_answer(&buf);
}

/* ---- the tools ---- */

#define INCIDENT_STATES \
	"\"open\",\"planning\",\"awaiting_approval\",\"applying\",\"waiting_lock\",\"awaiting_parent\",\"healed\"," \
	"\"needs_human\",\"failed\",\"dismissed\",\"awaiting_order\",\"asking\""

const Tool	list_incidents_tool = {
	.name = "list_incidents",
	.title = "List incidents",
	.description = "List what broke in the watched tables and what became of it, newest first: why did last night's load fail, which rows were rejected"
	" (dead letter, quarantine), where is schema drift, what waits for a person, what healed by itself. One incident stands for all rows of a table"
	" that failed the same way: class (too_long, unknown_key, out_of_range, wrong_type, bad_value, null_value, missing_key, enum_label,"
	" foreign_key, unique, no_partition, drift, ...), column or key, state, rows seen and still held, plan, times. Filters: table, state (\"live\": all that are not closed), class,"
	" since_hours. explain_incident tells the story of one.",
	.input_schema = "{\"type\":\"object\",\"properties\":{"
	"\"table\":{\"type\":\"string\",\"description\":\"Schema and name, as in public.orders. Left out: all that you may read.\"},"
	"\"state\":{\"type\":\"string\",\"enum\":[\"live\"," INCIDENT_STATES "],\"description\":\"live: neither healed nor dismissed\"},"
	"\"class\":{\"type\":\"string\",\"description\":\"class of misfit, as the list has it\"},"
	"\"since_hours\":{\"type\":\"integer\",\"description\":\"only with rows in the last so many hours\"},"
	TOOLPAGE_PROPERTIES "},\"required\":[],\"additionalProperties\":false}",
	.output_schema = "{\"type\":\"object\",\"properties\":{\"incidents\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
	TOOLPAGE_INTEGER("incident") "," TOOLPAGE_STRING("table") "," TOOLPAGE_STRING("class") "," TOOLPAGE_STRING("column") ","
	"\"state\":{\"type\":\"string\",\"enum\":[" INCIDENT_STATES "]}," TOOLPAGE_STRING("waits_for") "," TOOLPAGE_STRING("reason") ","
	TOOLPAGE_STRING("reason_kind") "," TOOLPAGE_INTEGER("rows_seen") "," TOOLPAGE_INTEGER("rows_held") "," TOOLPAGE_INTEGER("witnesses") ","
	TOOLPAGE_INTEGER("plan") "," TOOLPAGE_STRING("first_seen") "," TOOLPAGE_STRING("last_seen") "," TOOLPAGE_NUMBER("seconds") ","
	TOOLPAGE_INTEGER("attempts") "," TOOLPAGE_STRING("next_try") "},"
	"\"required\":[\"incident\",\"table\",\"class\",\"state\",\"rows_seen\",\"rows_held\"],\"additionalProperties\":false}},"
	TOOLPAGE_END_SCHEMA "},\"required\":[\"incidents\",\"has_more\"],\"additionalProperties\":false}",
	.read_only = true,
	.idempotent = true,
	.for_mcp = true,
	.run = run_list_incidents
};

const Tool	retry_incident_tool = {
	.name = "retry_incident",
	.title = "Retry an incident",
	.description = "Let the healer look at an incident again now: after its cause is gone (a table was changed, a parent row was stored, a setting was raised),"
	" or instead of waiting for its next attempt. Held rows are put in if they fit, a plan is made if one helps. An incident that was dismissed is taken back."
	" A healed one cannot be retried. The healer works after this call: explain_incident with wait_seconds tells how it ended.",
	.input_schema = "{\"type\":\"object\",\"properties\":{\"incident\":{\"type\":\"integer\",\"description\":\"number of the incident (list_incidents)\"}},"
	"\"required\":[\"incident\"],\"additionalProperties\":false}",
	.output_schema = "{\"type\":\"object\",\"properties\":{" TOOLPAGE_INTEGER("incident") ",\"state\":{\"type\":\"string\",\"enum\":[" INCIDENT_STATES "]},"
	TOOLPAGE_STRING("next_step") "},\"required\":[\"incident\",\"state\",\"next_step\"],\"additionalProperties\":false}",
	.same_right = "selfheal.retry(bigint)",
	.for_mcp = true,
	.run = run_retry_incident
};

const Tool	report_failure_tool = {
	.name = "report_failure",
	.title = "Report a failed row",
	.description = "Report rows of your own that could not be loaded into a watched table (a script, a pipeline task or a job failed): they are held in the quarantine"
	" byte for byte, an incident is opened or joined, and they are stored after the heal. Give each row as the JSON object that was to be stored, and what"
	" the database said (SQLSTATE, message). Each call reports again: do not repeat it for the same rows.",
	.input_schema = "{\"type\":\"object\",\"properties\":{"
	"\"table\":{\"type\":\"string\",\"description\":\"Schema and name, as in public.orders\"},"
	"\"payloads\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"the rows that failed, each a JSON object as text, 20 at most\"},"
	"\"sqlstate\":{\"type\":\"string\",\"description\":\"five characters, as 22001\"},"
	"\"message\":{\"type\":\"string\",\"description\":\"what the database or the tool said\"},"
	"\"source\":{\"type\":\"string\",\"description\":\"what failed: task, job, script, or the address of its run\"}},"
	"\"required\":[\"table\"],\"additionalProperties\":false}",
	.output_schema = "{\"type\":\"object\",\"properties\":{" TOOLPAGE_STRING("table") ",\"errors\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}},"
	TOOLPAGE_INTEGER("payloads_held") "," TOOLPAGE_STRING("next_step") "},"
	"\"required\":[\"table\",\"errors\",\"payloads_held\",\"next_step\"],\"additionalProperties\":false}",
	.same_right = "selfheal.report_failure(regclass,text,text,text,jsonb)",
	.for_mcp = true,
	.run = run_report_failure
};
