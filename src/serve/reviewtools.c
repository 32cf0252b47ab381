/*
 * reviewtools.c
 *	  Tools about plans that wait: list_pending_plans, approve_plan,
 *	  reject_plan.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "decide/docket.h"
#include "miscadmin.h"
#include "observe/watch.h"
#include "serve/casestory.h"
#include "serve/foureyes.h"
#include "serve/judging.h"
#include "serve/reviewtools.h"
#include "serve/telling.h"
#include "serve/toolargs.h"
#include "serve/toolpage.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* ---- list_pending_plans ---- */

/* The page is cut out first. One plan that is asked for by its number is told
 * in whatever state it is. */
#define PLANS \
	"SELECT p.id, p.relid::oid, format('%I.%I', p.schema_name, p.table_name), p.hash, p.state, p.sql, p.verdict, p.policy," \
	" p.reason, p.explanation, p.why, p.proposed_by, p.proposed_client, p.agent," \
	SPI_UTC("p.at") ", h.held, h.witnesses, p.incidents[1:20]," \
	" ARRAY(SELECT translate(concat(l ->> 'kind', ' ', l ->> 'object', ': ', l ->> 'effect'), E'\\n\\r', '  ')" \
	"  FROM jsonb_array_elements(p.impact) WITH ORDINALITY x(l, n) ORDER BY n LIMIT 6)," \
	" " JUDGING_FORECAST("p.forecast") ", " JUDGING_DRY_RUN("p.dry_run") ", p.steps," \
	" p.dry_run ->> 'reason', p.decided_by, " JUDGING_RULES \
	" FROM (SELECT * FROM selfheal.plan p WHERE ($1 = 0 OR p.id < $1)" \
	"  AND CASE WHEN $2 > 0 THEN p.id = $2 ELSE p.state IN ('awaiting_approval', 'approved') AND ($3 IS NULL OR p.state = $3) END" \
	"  AND ($4 IS NULL OR p.relid = $4) AND ($5 OR has_table_privilege($6, p.relid::oid, 'SELECT'))" \
	"  ORDER BY p.id DESC LIMIT $7) p," \
	" LATERAL (SELECT coalesce(sum(h.rows), 0)::bigint AS held, coalesce(sum(h.witnesses), 0)::bigint AS witnesses" \
	"  FROM selfheal.held_count h WHERE h.incident = ANY (p.incidents)) h ORDER BY p.id DESC"

static void
add_list(StringInfo buf, const char *key, int64 *ids, int n)
{
	toolpage_key(buf, key);
	appendStringInfoChar(buf, '[');
	for (int i = 0; i < n; i++)
		appendStringInfo(buf, "%s" INT64_FORMAT, i > 0 ? "," : "", ids[i]);
	appendStringInfoChar(buf, ']');
}

/* Who feels it: an array of texts about objects of the database, no values. */
static void
add_impact(StringInfo buf, uint64 row)
{
	bool		isnull;
	Datum		array = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 19, &isnull);
	Datum	   *texts;
	int			n;

	if (isnull)
		return;
	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &n);
	if (n == 0)
		return;
	toolpage_key(buf, "impact");
	appendStringInfoChar(buf, '[');
	for (int i = 0; i < n; i++)
	{
		StringInfoData one;

		/* as a member, for its cut, without the member's name */
		initStringInfo(&one);
		appendStringInfoChar(&one, '{');
		toolpage_cut(&one, "x", TextDatumGetCString(texts[i]), 200);
		appendStringInfo(buf, "%s%s", i > 0 ? "," : "", one.data + strlen("{\"x\":"));
	}
	appendStringInfoChar(buf, ']');
}

static void
add_pending(StringInfo entry, uint64 row, Telling *t, void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	int			n;
	int64	   *incidents = spi_get_int8_array(row, 18, &n, cxt);

	appendStringInfoChar(entry, '{');
	toolpage_int8(entry, "plan", spi_get_int8(row, 1, NULL));
	toolpage_text(entry, "plan_hash", spi_get_text(row, 4, cxt));
	toolpage_cut(entry, "table", spi_get_text(row, 3, cxt), 300);
	toolpage_text(entry, "state", spi_get_text(row, 5, cxt));
	telling_sql(entry, t, "sql", spi_get_text(row, 6, cxt), 1000);
	casestory_steps(entry, t, spi_get_jsonb(row, 22, cxt));
	toolpage_text(entry, "verdict", spi_get_text(row, 7, cxt));
	toolpage_text(entry, "policy", spi_get_text(row, 8, cxt));
	telling_text(entry, t, "reason", spi_get_text(row, 9, cxt), 500);
	toolpage_json(entry, "rules", spi_get_text(row, 25, cxt));
	telling_text(entry, t, "explanation", spi_get_text(row, 10, cxt), 500);
	telling_text(entry, t, "why", spi_get_text(row, 11, cxt), 300);
	toolpage_cut(entry, "proposed_by", spi_get_text(row, 12, cxt), 100);
	toolpage_cut(entry, "proposed_client", spi_get_text(row, 13, cxt), 100);
	toolpage_bool(entry, "agent", spi_get_bool(row, 14, NULL));
	toolpage_text(entry, "at", spi_get_text(row, 15, cxt));
	toolpage_cut(entry, "decided_by", spi_get_text(row, 24, cxt), 100);
	toolpage_int8(entry, "rows_waiting", spi_get_int8(row, 16, NULL));
	toolpage_int8(entry, "witnesses", spi_get_int8(row, 17, NULL));
	add_list(entry, "incidents", incidents, n);
	add_impact(entry, row);
	toolpage_json(entry, "forecast", spi_get_text(row, 20, cxt));
	toolpage_json(entry, "dry_run", spi_get_text(row, 21, cxt));
	telling_text(entry, t, "dry_run_reason", spi_get_text(row, 23, cxt), 300);
	appendStringInfoChar(entry, '}');
}

static ToolResult *
run_list_pending_plans(const ToolContext *ctx, Jsonb *args)
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

	if (!telling_page_asked(&page, ctx, args, "plans", &fault))
		return fault;
	if (table && !OidIsValid(relid = telling_table(table, &fault)))
		return fault;
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"plans\":[");
	spi_open(&saved);
	spi_args(&sql);
	spi_arg_int8(&sql, page.cursor);
	spi_arg_int8(&sql, toolargs_int8(args, "plan"));
	spi_arg_text(&sql, toolargs_text(args, "state"));
	spi_arg_relid(&sql, relid);
	spi_arg_bool(&sql, page.all);
	spi_arg_oid(&sql, page.caller);
	spi_arg_int8(&sql, page.limit + 1);
	n = spi_exec_kept(&plan, PLANS, &sql);
	return telling_page(&page, &buf, n, &saved, add_pending, NULL);
}

/* ---- approve_plan, reject_plan ---- */

/* {"plan", "plan_hash", "state", "decided_by", "next_step"} */
static ToolResult *
decided(int64 id, const char *next)
{
	PlanRow    *row = docket_get(id, false);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_int8(&buf, "plan", id);
	toolpage_text(&buf, "plan_hash", row->hash);
	toolpage_text(&buf, "state", docket_state_name(row->state));
	toolpage_text(&buf, "decided_by", row->decided_by);
	toolpage_text(&buf, "next_step", next);
	appendStringInfoChar(&buf, '}');
	return toolpage_answer(&buf);
}

/* The plan that is to be decided, locked; NULL: *fault says why not. A number in
 * an error that is raised would be masked. */
static PlanRow *
plan_asked(Jsonb *args, ToolResult **fault)
{
	int64		id = toolargs_int8(args, "plan");
	PlanRow    *row;
	SpiUser		saved;
	SpiArgs		sql;
	Oid			caller = GetUserId();
	bool		all = telling_sees_all();
	bool		found;

	spi_open(&saved);
	spi_args(&sql);
	spi_arg_int8(&sql, id);
	spi_arg_oid(&sql, caller);
	spi_arg_bool(&sql, all);

	/*
	 * of a table that the role may not read, or that is gone, there is none,
	 * as in the list
	 */
	found = spi_exec("SELECT FROM selfheal.plan p WHERE p.id = $1 AND ($3 OR has_any_column_privilege($2, p.relid::oid, 'SELECT')"
					 " OR pg_has_role($2, (SELECT c.relowner FROM pg_class c WHERE c.oid = p.relid), 'USAGE'))", &sql) > 0;
	spi_close(&saved);
	*fault = NULL;
	if (!found)
		*fault = tools_error("argument \"plan\": there is no plan " INT64_FORMAT ", or it is not for this role. list_pending_plans has those that wait.", id);
	if (*fault)
		return NULL;
	row = docket_get(id, true);
	tools_about(row->relid);
	if (!telling_is_gone(row->relid))
		watch_check_table(row->relid, WATCH_NEED_READ);
	if (row->state == PLAN_AWAITING_APPROVAL)
		return row;
	*fault = tools_error("plan " INT64_FORMAT " does not await approval: it is %s. list_pending_plans has those that do.",
						 id, docket_state_name(row->state));
	return NULL;
}

static ToolResult *
run_approve_plan(const ToolContext *ctx, Jsonb *args)
{
	int64		id = toolargs_int8(args, "plan");
	char	   *hash = toolargs_text(args, "plan_hash");
	ToolResult *fault;
	PlanRow    *row = plan_asked(args, &fault);
	const char *why = NULL;
	char	   *role;
	SpiArgs		sql;

	if (fault)
		return fault;
	if ((role = foureyes_proposer(row, &why)) != NULL)
		return tools_error("approve_plan: plan " INT64_FORMAT " was proposed by role \"%s\", which cannot approve it. %s", id, role, why);
	if (strcmp(row->hash, hash) != 0)
		return tools_error("approve_plan: plan " INT64_FORMAT " has another plan_hash: it, the table or the policy has changed since you looked, or the hash is of another plan."
						   " Read it again with list_pending_plans, and approve what it says now.", id);
	spi_open_caller();
	spi_args(&sql);
	spi_arg_int8(&sql, id);
	spi_exec("SELECT selfheal.approve($1)", &sql);
	spi_close_caller();
	return decided(id, "The healer compares the table with the plan, tries it once more and applies it, when this call is over. How it ends: explain_incident of its"
				   " incidents with wait_seconds, or list_pending_plans with this plan.");
}

static ToolResult *
run_reject_plan(const ToolContext *ctx, Jsonb *args)
{
	int64		id = toolargs_int8(args, "plan");
	ToolResult *fault;
	SpiArgs		sql;

	if (plan_asked(args, &fault) == NULL)
		return fault;
	spi_open_caller();
	spi_args(&sql);
	spi_arg_int8(&sql, id);
	spi_arg_text(&sql, toolargs_text(args, "why"));
	spi_exec("SELECT selfheal.reject($1, $2)", &sql);
	spi_close_caller();
	return decided(id, "Its rows stay held, and its incidents need a person: another change (apply_safe_ddl), a mapping (add_mapping), or corrected rows.");
}

/* ---- the tools ---- */

#define DECIDED_SCHEMA "{\"type\":\"object\",\"properties\":{" TOOLPAGE_INTEGER("plan") "," TOOLPAGE_STRING("plan_hash") "," TOOLPAGE_STRING("state") "," TOOLPAGE_STRING("decided_by") "," TOOLPAGE_STRING("next_step") \
	"},\"required\":[\"plan\",\"plan_hash\",\"state\",\"next_step\"],\"additionalProperties\":false}"

const Tool	list_pending_plans_tool = {
	.name = "list_pending_plans",
	.title = "List plans that wait",
	.description = "List the changes (plans: schema migrations, ALTER TABLE, payload mappings) that wait for approval or for the healer, newest first: what needs my decision,"
	" what is about to change and why, who proposed it, what it costs (lock, rewrite, scan), who downstream feels it, what the dry run on a clone showed, how many"
	" rejected rows wait for it. Each has a plan_hash, which approve_plan wants. With \"plan\" one plan is shown in whatever state it is now: that tells"
	" how an approved change ended (applied, superseded, failed).",
	.input_schema = "{\"type\":\"object\",\"properties\":{"
	"\"plan\":{\"type\":\"integer\",\"description\":\"one plan, in whatever state\"},"
	"\"table\":{\"type\":\"string\",\"description\":\"Schema and name, as in public.orders\"},"
	"\"state\":{\"type\":\"string\",\"enum\":[\"awaiting_approval\",\"approved\"],\"description\":\"awaiting_approval: for a person; approved: for the healer\"},"
	TOOLPAGE_PROPERTIES "},\"required\":[],\"additionalProperties\":false}",
	.output_schema = "{\"type\":\"object\",\"properties\":{\"plans\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
	TOOLPAGE_INTEGER("plan") "," TOOLPAGE_STRING("plan_hash") "," TOOLPAGE_STRING("table") "," TOOLPAGE_STRING("state") "," TOOLPAGE_STRING("sql")
	"," CASESTORY_STEPS_SCHEMA "," JUDGING_RULES_SCHEMA ","
	TOOLPAGE_STRING("verdict") "," TOOLPAGE_STRING("policy") "," TOOLPAGE_STRING("reason") "," TOOLPAGE_STRING("explanation") "," TOOLPAGE_STRING("why") "," TOOLPAGE_STRING("proposed_by") "," TOOLPAGE_STRING("proposed_client") "," TOOLPAGE_BOOLEAN("agent") ","
	TOOLPAGE_STRING("at") "," TOOLPAGE_STRING("decided_by") "," TOOLPAGE_INTEGER("rows_waiting") "," TOOLPAGE_INTEGER("witnesses") ",\"incidents\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}"
	",\"impact\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"
	",\"forecast\":{\"type\":\"object\",\"properties\":{" JUDGING_FORECAST_PROPERTIES "},\"additionalProperties\":false}"
	",\"dry_run\":{\"type\":\"object\",\"properties\":{" JUDGING_DRY_RUN_PROPERTIES
	"},\"additionalProperties\":false}," TOOLPAGE_STRING("dry_run_reason") "},"
	"\"required\":[\"plan\",\"plan_hash\",\"state\",\"proposed_by\",\"agent\",\"rows_waiting\",\"incidents\"],\"additionalProperties\":false}},"
	TOOLPAGE_END_SCHEMA "},\"required\":[\"plans\",\"has_more\"],\"additionalProperties\":false}",
	.read_only = true,
	.idempotent = true,
	.for_mcp = true,
	.run = run_list_pending_plans
};

const Tool	approve_plan_tool = {
	.name = "approve_plan",
	.title = "Approve a plan",
	.description = "Approve a change that waits (list_pending_plans): the healer then applies the ALTER TABLE or mapping and stores the held rows. Give the plan's number and the"
	" plan_hash that you have read: a plan that was made anew since has another one, and is not approved; one whose table or policy has changed is not applied, but made anew. Only on the word of a person who has seen"
	" the plan, unless the team says otherwise: a plan that an agent proposed (agent: true) cannot be approved by the role that proposed it.",
	.input_schema = "{\"type\":\"object\",\"properties\":{\"plan\":{\"type\":\"integer\",\"description\":\"number of the plan\"},"
	"\"plan_hash\":{\"type\":\"string\",\"description\":\"plan_hash as list_pending_plans showed it\"}},\"required\":[\"plan\",\"plan_hash\"],\"additionalProperties\":false}",
	.output_schema = DECIDED_SCHEMA,
	.destructive = true,
	.idempotent = true,
	.same_right = "selfheal.approve(bigint)",
	.for_mcp = true,
	.run = run_approve_plan
};

const Tool	reject_plan_tool = {
	.name = "reject_plan",
	.title = "Reject a plan",
	.description = "Turn a change that waits down for good, with the reason, which stands in the audit. Nothing is changed in the table; its rows stay held, and the incidents need a person.",
	.input_schema = "{\"type\":\"object\",\"properties\":{\"plan\":{\"type\":\"integer\",\"description\":\"number of the plan\"},"
	"\"why\":{\"type\":\"string\",\"description\":\"why not, in a sentence\"}},\"required\":[\"plan\",\"why\"],\"additionalProperties\":false}",
	.output_schema = DECIDED_SCHEMA,
	.idempotent = true,
	.same_right = "selfheal.reject(bigint,text)",
	.for_mcp = true,
	.run = run_reject_plan
};
