/*
 * ddltools.c
 *	  Tools of MCP that change a table: execute_dry_run_migration and
 *	  apply_safe_ddl.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "decide/docket.h"
#include "decide/render.h"
#include "decide/rules.h"
#include "miscadmin.h"
#include "observe/watch.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "serve/casestory.h"
#include "serve/ddltools.h"
#include "serve/foureyes.h"
#include "serve/inspect.h"
#include "serve/judging.h"
#include "serve/round.h"
#include "serve/telling.h"
#include "serve/toolargs.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* ---- what both do ---- */

/* The table that is meant: by its name, or an incident's. Raises what its
 * privileges do. */
static Oid
table_meant(const ToolContext *ctx, Jsonb *args, int64 *incident, ToolResult **fault)
{
	char	   *name = toolargs_text(args, "table");
	Oid			relid = InvalidOid;
	Watch		watch;

	*fault = NULL;
	*incident = toolargs_int8(args, "incident");
	if (name != NULL && *incident != 0)
		*fault = tools_error("give \"table\" or \"incident\", not both");
	else if (name != NULL)
		relid = telling_table(name, fault);
	else
	{
		if (*incident == 0)
			*incident = ctx->incident;
		if (*incident == 0)
			*fault = tools_error("argument \"table\" is missing, and no incident is meant. Give schema and name, as in public.orders.");
		else
		{
			Incident   *about = inspect_incident(*incident, fault);

			if (about == NULL)
				return InvalidOid;
			relid = about->relid;
			if (!OidIsValid(relid) || get_rel_name(relid) == NULL)
				*fault = tools_error("the table of incident " INT64_FORMAT " is gone: there is nothing to change", *incident);
		}
	}
	if (*fault)
		return InvalidOid;
	tools_about(relid);
	watch_check_table(relid, WATCH_NEED_READ);
	watch_check_watched(relid, &watch);
	return relid;
}

/* "forecast" and "dry_run": their numbers; what they say in words is masked. */
static void
add_trial(StringInfo buf, Telling *t, const Judged *j, const DryRun *trial)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *forecast;
	char	   *dry_run;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_jsonb(&args, j->cost->json);
	spi_arg_jsonb(&args, trial->json);
	spi_exec("SELECT " JUDGING_FORECAST("$1") ", " JUDGING_DRY_RUN("$2"), &args);
	forecast = spi_get_text(0, 1, cxt);
	dry_run = spi_get_text(0, 2, cxt);
	spi_close(&saved);
	toolpage_json(buf, "forecast", forecast);
	toolpage_json(buf, "dry_run", dry_run);
	buf->data[--buf->len] = '\0';	/* open it again */
	telling_text(buf, t, "reason", trial->reason, 500);
	appendStringInfoChar(buf, '}');
}

/* The change as it would run. It is what the caller has given, read and written
 * anew, so that its literals are his own words. */
static void
add_change(StringInfo buf, Telling *t, const Judged *j)
{
	toolpage_cut(buf, "sql", render_text(vetted_plan(j->plan)), 4000);
	casestory_steps(buf, t, plan_to_jsonb(vetted_plan(j->plan)));
}

static ToolResult *
refused(Telling *t, Jsonb *args, const Judged *j)
{
	return tools_error("refused: %s.%s Nothing was changed.", tools_told(t->relid, t->share, args, j->reason),
					   judging_denied_by(&j->ruling));
}

static ToolResult *
trial_failed(Telling *t, const DryRun *trial)
{
	return tools_error("the dry run failed: %s (held rows tried " INT64_FORMAT ", stored " INT64_FORMAT
					   "; stored rows tried " INT64_FORMAT ", broken " INT64_FORMAT "). Nothing was changed.",
					   trial->reason ? tools_told(t->relid, t->share, NULL, trial->reason) : "no held row could be stored",
					   trial->held_tried, trial->held_stored, trial->history_tried, trial->history_broken);
}

/* ---- execute_dry_run_migration ---- */

static ToolResult *
run_execute_dry_run(const ToolContext *ctx, Jsonb *args)
{
	ToolResult *fault;
	int64		incident;
	Oid			relid = table_meant(ctx, args, &incident, &fault);
	StringInfoData buf;
	Telling    *t;
	DryRun	   *trial;
	Judged		j;

	if (fault)
		return fault;
	if (judging_is_blank(toolargs_text(args, "ddl")) && judging_step_count(args) == 0)
		return tools_error("nothing is to be tried: give \"ddl\" (one ALTER TABLE statement) or \"steps\".");
	t = telling_of(ctx->share, GetUserId(), relid, NULL);
	j = judging_of(relid, judging_vet(relid, args));
	if (j.reason != NULL)
		return refused(t, args, &j);
	trial = judging_try(&j, &incident, incident != 0 ? 1 : 0);
	if (!trial->ok)
		return trial_failed(t, trial);
	if (j.reason != NULL)
		return refused(t, args, &j);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_text(&buf, "table", telling_name(relid));
	toolpage_text(&buf, "verdict", policy_verdict_name(j.ruling.verdict));
	toolpage_text(&buf, "policy", j.ruling.policy);
	add_change(&buf, t, &j);
	telling_text(&buf, t, "reason", j.ruling.reason, 600);
	judging_rules(&buf, &j.ruling);
	add_trial(&buf, t, &j, trial);
	toolpage_text(&buf, "next_step", tools_offered_to(GetUserId(), "apply_safe_ddl") ?
				  "Nothing was changed. apply_safe_ddl with the same ddl applies it, or puts it before a person." :
				  "Nothing was changed. To propose it is for another role.");
	appendStringInfoChar(&buf, '}');
	return toolpage_answer(&buf);
}

/* ---- apply_safe_ddl ---- */

/* A live plan of the table with this hash, or 0. */
static int64
same_plan(Oid relid, const char *hash)
{
	SpiUser		saved;
	SpiArgs		args;
	int64		id = 0;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, hash);
	if (spi_exec("SELECT id FROM selfheal.plan WHERE relid = $1 AND hash = $2 AND state IN ('awaiting_approval', 'approved')"
				 " ORDER BY id LIMIT 1", &args) > 0)
		id = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return id;
}

/* Has the one who asks set a rule himself by which changes of this table run,
 * under whatever role? */
static bool
rule_of_his_own(Oid relid)
{
	Oid			roles[] = {GetAuthenticatedUserId(), GetSessionUserId(), GetUserId()};
	ListCell   *lc;

	foreach(lc, rules_read(relid))
	{
		const PolicyRule *rule = lfirst(lc);

		for (int i = 0; rule->verdict == RULE_AUTO && i < (int) lengthof(roles); i++)
		{
			char	   *role = GetUserNameFromId(roles[i], false);

			if (strcmp(rule->set_by, role) == 0 || strcmp(rule->set_login, role) == 0)
				return true;
		}
	}
	return false;
}

/* Why a person is asked, or NULL: policy lets it run. */
static const char *
why_wait(Oid relid, const Ruling *ruling)
{
	if (ruling->verdict != VERDICT_AUTO)
		return ruling->reason;
	if (guc_four_eyes)
		return "selfheal.four_eyes is on: a person approves it";
	if (rule_of_his_own(relid))
		return "the policy by which it would run was set by the role that asks for it: somebody else approves";
	return NULL;
}

/* What becomes of a plan that is there, proposed by this call or before. */
static ToolResult *
stands(const ToolContext *ctx, int64 id, Telling *t, const Judged *j, const DryRun *trial, bool is_new)
{
	PlanRow    *row = docket_get(id, false);
	bool		waits = row->state == PLAN_AWAITING_APPROVAL;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_text(&buf, "table", telling_name(t->relid));
	toolpage_int8(&buf, "plan", id);
	toolpage_text(&buf, "plan_hash", row->hash);
	toolpage_text(&buf, "state", docket_state_name(row->state));
	toolpage_bool(&buf, "is_new", is_new);
	toolpage_text(&buf, "verdict", row->verdict);
	toolpage_text(&buf, "policy", row->policy);
	toolpage_text(&buf, "waits_for", waits ? "awaiting_approval" : "awaiting_healer");
	add_change(&buf, t, j);
	telling_text(&buf, t, "reason", row->reason, 600);
	judging_rules(&buf, &j->ruling);
	if (trial)
		add_trial(&buf, t, j, trial);
	toolpage_text(&buf, "next_step", waits ?
				  "A person decides: approve_plan with this plan and plan_hash by another role, or reject_plan. Tell the person what it changes and why." :
				  "The healer applies it and stores the held rows that fit, when this call is over. How it ends: list_pending_plans with this plan.");
	appendStringInfoChar(&buf, '}');
	return toolpage_answer(&buf);
}

/* What was asked and is refused, for the audit: words that never run. */
static Jsonb *
refused_option(const char *ddl, const char *why)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "[{");
	toolpage_cut(&buf, "option", ddl, 4000);
	toolpage_bool(&buf, "taken", false);
	toolpage_cut(&buf, "why", why, 4000);
	appendStringInfoString(&buf, "}]");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

static void
record_refusal(Oid relid, Jsonb *args, const char *reason)
{
	AuditEntry	entry;

	audit_entry(&entry, "refused");
	entry.relid = relid;
	entry.verdict = "refuse";
	entry.explanation = toolargs_text(args, "why");
	entry.options = refused_option(toolargs_text(args, "ddl"), reason);
	entry.result = reason;
	audit_write(&entry);
}

/* The plan is stored, with what its trial has shown. */
static PlanRow *
store(const ToolContext *ctx, PlanRow *row, const Judged *j, const DryRun *trial, char *why)
{
	AuditEntry	entry;

	row->dry_run = trial->json;
	row->proposed_by = pstrdup(ctx->actor);
	row->why = why;
	row->explanation = why;
	docket_add(row, false);
	foureyes_proposed_by_agent(row->id, ctx->client);
	round_entry(&entry, "proposed", row);
	entry.result = row->reason;
	audit_write(&entry);
	round_entry(&entry, "dry_run", row);
	entry.result = trial->ok ? "ok" : trial->reason;
	entry.rows_held = trial->held_tried;
	entry.rows_replayed = trial->held_stored;
	audit_write(&entry);
	return row;
}

/* Before a person, or approved by policy. */
static void
put_forward(PlanRow *row, const Judged *j)
{
	const char *wait = why_wait(row->relid, &j->ruling);
	AuditEntry	entry;

	docket_move(row->id, PLAN_AWAITING_APPROVAL, NULL, wait);
	if (wait != NULL)
		return;
	docket_move(row->id, PLAN_APPROVED, "selfheal", "policy lets it run by itself");
	round_entry(&entry, "approved", row);
	entry.result = j->ruling.reason;
	audit_write(&entry);
	shmem_wake_at_commit();
}

static ToolResult *
run_apply_safe_ddl(const ToolContext *ctx, Jsonb *args)
{
	ToolResult *fault;
	int64		incident;
	Oid			relid = table_meant(ctx, args, &incident, &fault);
	Telling    *t;
	PlanRow    *row;
	DryRun	   *trial;
	Judged		j;
	int64		same;

	if (fault)
		return fault;
	shmem_require();
	if (judging_is_blank(toolargs_text(args, "why")))
		return tools_error("argument \"why\" is empty. Say in a sentence what the change is for: it stands in the audit.");
	if (judging_is_blank(toolargs_text(args, "ddl")))
		return tools_error("argument \"ddl\" is empty. Give one ALTER TABLE statement.");
	t = telling_of(ctx->share, GetUserId(), relid, NULL);
	j = judging_of(relid, judging_vet(relid, args));
	if (j.reason == NULL &&
		(same = same_plan(relid, docket_draft(j.plan, j.cost, &j.ruling)->hash)) != 0)
		return stands(ctx, same, t, &j, NULL, false);
	if (j.reason != NULL)
	{
		record_refusal(relid, args, j.reason);
		return refused(t, args, &j);
	}
	trial = judging_try(&j, NULL, 0);
	if (j.reason != NULL)
	{
		record_refusal(relid, args, j.reason);
		return refused(t, args, &j);
	}
	row = store(ctx, docket_draft(j.plan, j.cost, &j.ruling), &j, trial, toolargs_text(args, "why"));
	if (!trial->ok)
	{
		docket_move(row->id, PLAN_FAILED, NULL, trial->reason);
		return trial_failed(t, trial);
	}
	put_forward(row, &j);
	return stands(ctx, row->id, t, &j, trial, true);
}

/* ---- the tools ---- */

#define CHANGE_SCHEMA \
	TOOLPAGE_STRING("table") ",\"verdict\":{\"type\":\"string\",\"enum\":[\"auto\",\"review\"]}," TOOLPAGE_STRING("policy") "," TOOLPAGE_STRING("reason") "," TOOLPAGE_STRING("sql") \
	"," CASESTORY_STEPS_SCHEMA "," JUDGING_RULES_SCHEMA \
	",\"forecast\":{\"type\":\"object\",\"properties\":{" JUDGING_FORECAST_PROPERTIES "},\"additionalProperties\":false}" \
	",\"dry_run\":{\"type\":\"object\",\"properties\":{" JUDGING_DRY_RUN_PROPERTIES "," TOOLPAGE_STRING("reason") "},\"additionalProperties\":false}," TOOLPAGE_STRING("next_step")

const Tool	execute_dry_run_tool = {
	.name = "execute_dry_run_migration",
	.title = "Dry run of a change",
	.description = "Try a change of a watched table (schema migration, ALTER TABLE, or how payloads are to be read) on a clone, with the rejected rows that are held and with rows that are"
	" stored already, and roll everything back: would this fix it, what would it lock, rewrite or scan, would it break stored rows, would it run by itself or need approval? Give the"
	" table, or an incident for its table and its rows alone, and either ddl or typed steps. Or, as an error, why it is refused or failed. Nothing is changed.",
	.input_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[],\"properties\":{"
	"\"table\":{\"type\":\"string\",\"description\":\"Schema and name, as in public.orders\"},"
	"\"incident\":{\"type\":\"integer\",\"description\":\"instead of the table: an incident of it (list_incidents)\"},"
	JUDGING_CHANGE "}}",
	.output_schema = "{\"type\":\"object\",\"properties\":{" CHANGE_SCHEMA "},\"required\":[\"table\",\"verdict\",\"dry_run\",\"next_step\"],\"additionalProperties\":false}",
	.read_only = true,
	.idempotent = true,
	.same_right = "selfheal.dry_run(bigint)",
	.for_mcp = true,
	.run = run_execute_dry_run
};

const Tool	apply_safe_ddl_tool = {
	.name = "apply_safe_ddl",
	.title = "Apply a safe change",
	.description = "Change a watched table safely (ALTER TABLE: add a column, widen a type, drop NOT NULL, set a default, add an enum label, attach a partition, convert a type): the statement"
	" is vetted, tried on a clone with the rejected rows that are held, and judged by the team's policy. What policy lets run is applied by the healer under a lock budget, and the held rows"
	" are stored; else it waits for a person's approval (state awaiting_approval). Never runs a string: anything that drops, renames, narrows or weakens is refused, with the reason."
	" The same ddl again while it waits gives the same plan. Fix the cause of an incident with it, after execute_dry_run_migration.",
	.input_schema = "{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"table\",\"ddl\",\"why\"],\"properties\":{"
	"\"table\":{\"type\":\"string\",\"description\":\"Schema and name, as in public.orders\"},"
	"\"ddl\":{\"type\":\"string\",\"description\":\"one ALTER TABLE of that table, or ALTER TYPE ... ADD VALUE\"},"
	"\"why\":{\"type\":\"string\",\"description\":\"what it is for, in a sentence: it stands in the audit\"}}}",
	.output_schema = "{\"type\":\"object\",\"properties\":{" TOOLPAGE_INTEGER("plan") "," TOOLPAGE_STRING("plan_hash") ",\"state\":{\"type\":\"string\",\"enum\":[\"awaiting_approval\",\"approved\"]},"
	TOOLPAGE_BOOLEAN("is_new") "," TOOLPAGE_STRING("waits_for") "," CHANGE_SCHEMA "},\"required\":[\"table\",\"plan\",\"plan_hash\",\"state\",\"is_new\",\"waits_for\",\"next_step\"],\"additionalProperties\":false}",
	.destructive = true,
	.same_right = "selfheal.propose(regclass,text,text)",
	.for_mcp = true,
	.run = run_apply_safe_ddl
};
