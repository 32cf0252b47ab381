/*
 * plantools.c
 *	  The tools with which a model tries a change and proposes one.
 */
#include "postgres.h"

#include "act/sandbox.h"
#include "base/guc.h"
#include "base/guc_claude.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "decide/docket.h"
#include "decide/forecast.h"
#include "decide/mapsteps.h"
#include "decide/rebuild.h"
#include "decide/render.h"
#include "decide/vet.h"
#include "mb/pg_wchar.h"
#include "observe/sharing.h"
#include "observe/watch.h"
#include "orient/incident.h"
#include "serve/judging.h"
#include "serve/plantools.h"
#include "serve/proving.h"
#include "serve/round.h"
#include "serve/toolargs.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

#define DRY_RUN_SCHEMA \
	"{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"ddl\", \"steps\"], \"properties\": {" \
	JUDGING_CHANGE "}}"

#define PROPOSE_SCHEMA \
	"{\"type\": \"object\", \"additionalProperties\": false," \
	" \"required\": [\"ddl\", \"steps\", \"intent\", \"explanation\", \"confidence\", \"options\"], \"properties\": {" \
	JUDGING_CHANGE "," \
	"\"intent\": {\"type\": \"string\", \"description\": \"what the change is for, in one sentence\"}," \
	"\"explanation\": {\"type\": \"string\", \"description\": \"why it is right for these rows and those to come, or what a person has to decide\"}," \
	"\"confidence\": {\"type\": \"number\", \"description\": \"from 0 to 1\"}," \
	"\"options\": {\"type\": \"array\", \"description\": \"what was considered\", \"items\": {\"type\": \"object\"," \
	" \"additionalProperties\": false, \"required\": [\"option\", \"taken\", \"why\"], \"properties\": {" \
	"\"option\": {\"type\": \"string\"}, \"taken\": {\"type\": \"boolean\"}, \"why\": {\"type\": \"string\"}}}}}}"

/* Longest text of a model's that is kept of one argument. */
#define TEXT_BYTES 4000

static ToolResult *dry_run(const ToolContext *ctx, Jsonb *args);
static ToolResult *propose(const ToolContext *ctx, Jsonb *args);

const Tool	plantools_dry_run = {
	.name = "execute_dry_run_migration",
	.title = "Dry run of a change",
	.description = "Tries a change of the incident's table (schema migration, ALTER TABLE, or how payloads are to be read) "
	"on a clone, with the rows that failed and with rows that are stored already, and rolls everything back. Use it to test "
	"an idea before propose_plan. Gives what the change costs (lock, rewrite, scan), what policy would say, how many held rows "
	"could be stored and how many stored rows would break; or, as an error, why it is refused or failed.",
	.input_schema = DRY_RUN_SCHEMA,
	.output_schema = JUDGING_RESULT,
	.read_only = true,
	.idempotent = true,
	.for_agent = true,
	.run = dry_run
};

const Tool	plantools_propose = {
	.name = "propose_plan",
	.title = "Propose a plan",
	.description = "Ends your work on the incident: proposes the change that you think right, with its reasons, how sure you "
	"are and the options you considered. It is stored, tried on a clone, and then applied or put before a person as the team's "
	"policy says. With empty ddl and no steps: that no change is safe, and what a person has to decide. If it is refused or its "
	"dry run fails you are told why, and may propose another.",
	.input_schema = PROPOSE_SCHEMA,
	.output_schema = JUDGING_RESULT,
	.for_agent = true,
	.run = propose
};

/* The end of a text that is kept, at a character's border. */
static char *
kept_text(char *text)
{
	if (text != NULL && strlen(text) > TEXT_BYTES)
		text[pg_mbcliplen(text, (int) strlen(text), TEXT_BYTES)] = '\0';
	return text;
}

/* The incident's table, or an answer that says there is none. */
static Oid
table_of(int64 incident, ToolResult **error)
{
	Incident   *inc = incident != 0 ? incident_get(incident) : NULL;

	*error = NULL;
	if (inc != NULL && OidIsValid(inc->relid) && plan_relation_name(inc->relid) != NULL)
		return inc->relid;
	*error = tools_error("the incident's table is gone: there is nothing to change");
	return InvalidOid;
}

static ToolResult *
dry_run(const ToolContext *ctx, Jsonb *args)
{
	ToolResult *error;
	Oid			relid = table_of(ctx->incident, &error);
	int64	   *incidents;
	int			n;
	Judged		j;
	DryRun	   *trial;

	if (error)
		return error;
	j = judging_of(relid, judging_vet(relid, args));
	if (j.reason != NULL)
		return tools_error("refused: %s", tools_told(relid, ctx->share, args, j.reason));
	incidents = conversation_incidents(ctx->incident, &n);
	trial = judging_try(&j, incidents, n);
	if (!trial->ok)
		return tools_error("the dry run failed: %s (held rows tried " INT64_FORMAT ", stored " INT64_FORMAT
						   "; stored rows tried " INT64_FORMAT ", broken " INT64_FORMAT ")",
						   trial->reason ? tools_told(relid, ctx->share, NULL, trial->reason) : "no held row could be stored",
						   trial->held_tried, trial->held_stored, trial->history_tried, trial->history_broken);
	return judging_answer(relid, &j, trial);
}

/* Only a conversation proposes: it calls the two halves itself. */
static ToolResult *
propose(const ToolContext *ctx, Jsonb *args)
{
	return tools_error("propose_plan ends a conversation, and can be called in one only");
}

/* What was asked and is not done, as audit.options has it: words of the
 * model's, which are data and never run. */
static Jsonb *
refused_option(Jsonb *args, const char *why)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		a;
	Jsonb	   *json;

	spi_open(&saved);
	spi_args(&a);
	spi_arg_jsonb(&a, args);
	spi_arg_text(&a, why);
	spi_exec("SELECT jsonb_build_array(jsonb_build_object('option', left(coalesce(nullif($1 ->> 'ddl', ''), $1 ->> 'steps'), 4000),"
			 " 'taken', false, 'why', $2))", &a);
	json = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return json;
}

/* What it considered, at most JUDGING_STEPS of it. */
static Jsonb *
options_of(Jsonb *args)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		a;
	Jsonb	   *json;

	spi_open(&saved);
	spi_args(&a);
	spi_arg_jsonb(&a, args);
	spi_arg_int8(&a, JUDGING_STEPS);
	spi_exec("SELECT coalesce(jsonb_agg(jsonb_build_object('option', left(o ->> 'option', 1000), 'taken', o -> 'taken',"
			 " 'why', left(o ->> 'why', 1000)) ORDER BY n), '[]')"
			 " FROM jsonb_array_elements($1 -> 'options') WITH ORDINALITY x(o, n) WHERE n <= $2", &a);
	json = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return json;
}

/* A number from 0 to 1; what is none is no confidence. */
static double
confidence_of(Jsonb *args)
{
	JsonbValue	v;
	double		d;

	if (getKeyJsonValueFromContainer(&args->root, "confidence", 10, &v) == NULL || v.type != jbvNumeric)
		return 0;
	d = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(v.val.numeric)));
	return d >= 0 && d <= 1 ? d : 0;
}

Proposal
plantools_store(const Conversation *c, Jsonb *args, int64 *plan, ToolResult **result)
{
	double		confidence = confidence_of(args);
	char	   *explanation = kept_text(toolargs_text(args, "explanation"));
	char	   *intent = kept_text(toolargs_text(args, "intent"));
	Jsonb	   *options = options_of(args);
	AuditEntry	entry;
	Judged		j;
	PlanRow    *row;

	if (judging_is_blank(toolargs_text(args, "ddl")) && judging_step_count(args) == 0)
	{
		conversation_says(c, 0, confidence, explanation, options);
		return PROPOSAL_NONE;
	}
	j = judging_of(c->relid, judging_vet(c->relid, args));
	if (j.reason != NULL)
	{
		conversation_entry(&entry, "refused", c);
		entry.verdict = "refuse";
		entry.confidence = confidence;
		entry.explanation = explanation;
		entry.options = refused_option(args, j.reason);
		entry.result = j.reason;
		audit_write(&entry);
		/* no plan, but what it thinks: all there is if no other comes */
		conversation_says(c, 0, confidence, explanation, options);
		*result = tools_error("refused: %s", tools_told(c->relid, SHARE_FULL, args, j.reason));
		return PROPOSAL_WRONG;
	}
	forecast_tell(j.cost);
	row = docket_draft(j.plan, j.cost, &j.ruling);
	row->incidents = c->incidents;
	row->nincidents = c->nincidents;
	row->proposed_by = c->model;
	row->why = intent;
	row->explanation = explanation;
	row->options = options;
	row->conversation = c->id;
	row->confidence = confidence;
	*plan = docket_add(row, false);
	conversation_says(c, *plan, confidence, explanation, options);
	conversation_entry(&entry, "proposed", c);
	entry.plan = row->id;
	entry.confidence = confidence;
	entry.options = options;
	entry.explanation = explanation;
	entry.sql_run = row->sql;
	entry.inverse = row->inverse;
	entry.verdict = row->verdict;
	entry.policy = row->policy;
	entry.forecast = row->forecast;
	entry.schema_hash_before = row->schema_hash;
	entry.result = intent;
	audit_write(&entry);
	return PROPOSAL_STORED;
}

/* Why a plan that policy would let run waits for a person all the same, or
 * NULL. */
static const char *
unsure(const PlanRow *row)
{
	if (guc_four_eyes)
		return "selfheal.four_eyes is on: a person approves what Claude proposes";
	if (row->confidence < guc_auto_confidence)
		return psprintf("Claude's confidence of %.2f is below selfheal.auto_confidence (%.2f)",
						row->confidence, guc_auto_confidence);
	return NULL;
}

/* The plan is proven: approved by policy, or put before a person. */
static void
put_forward(const Conversation *c, PlanRow *row, const Judged *j)
{
	const char *wait = j->ruling.verdict == VERDICT_AUTO ? unsure(row) : j->ruling.reason;
	IncidentNote note = {.reason = wait ? wait : "a plan of Claude's that policy approves",.plan = row->id};
	AuditEntry	entry;

	docket_move(row->id, PLAN_AWAITING_APPROVAL, NULL, wait);
	if (wait != NULL)
	{
		conversation_leave(c, INCIDENT_AWAITING_APPROVAL, &note);
		return;
	}
	conversation_move_incidents(c, INCIDENT_AWAITING_APPROVAL, &note);
	docket_move(row->id, PLAN_APPROVED, "selfheal", "policy lets it run by itself");
	conversation_entry(&entry, "approved", c);
	entry.plan = row->id;
	entry.sql_run = row->sql;
	entry.verdict = "auto";
	entry.policy = j->ruling.policy;
	entry.confidence = row->confidence;
	entry.result = j->ruling.reason;
	audit_write(&entry);
	shmem_wake_at_commit();
}

ToolResult *
plantools_try(const Conversation *c, Jsonb *args, int64 plan, bool *accepted)
{
	PlanRow    *row = docket_get(plan, true);
	Judged		j = {0};
	DryRun	   *trial;
	AuditEntry	entry;

	*accepted = false;
	if (row->state != PLAN_PLANNED)
		return tools_error("plan " INT64_FORMAT " is %s", plan, docket_state_name(row->state));
	if (row->plan != NULL)
		j = judging_of(c->relid, vet_plan(row->plan));
	if (j.reason == NULL && j.plan != NULL &&
		strcmp(rebuild_schema_hash(row->plan), row->schema_hash) != 0)
		j.reason = "the table was changed meanwhile: look at it again";
	if (j.plan == NULL || j.reason != NULL)
	{
		docket_move(plan, PLAN_REFUSED, NULL, j.reason ? j.reason : "the table is gone");
		return tools_error("refused: %s", j.reason ? tools_told(c->relid, SHARE_FULL, args, j.reason) : "the table is gone");
	}
	trial = judging_try(&j, c->incidents, c->nincidents);
	docket_set_dry_run(plan, trial->json, j.cost->json);
	conversation_entry(&entry, "dry_run", c);
	entry.plan = plan;
	entry.sql_run = row->sql;
	entry.dry_run = trial->json;
	entry.result = trial->ok ? "ok" : trial->reason;
	entry.rows_held = trial->held_tried;
	entry.rows_replayed = trial->held_stored;
	audit_write(&entry);
	if (!trial->ok || j.reason != NULL)
	{
		const char *why = j.reason ? j.reason : trial->reason ? trial->reason : "no held row could be stored";

		docket_move(plan, PLAN_FAILED, NULL, why);
		return tools_error("the dry run failed: %s (held rows tried " INT64_FORMAT ", stored " INT64_FORMAT
						   "; stored rows tried " INT64_FORMAT ", broken " INT64_FORMAT ")",
						   tools_told(c->relid, SHARE_FULL, NULL, why),
						   trial->held_tried, trial->held_stored, trial->history_tried, trial->history_broken);
	}
	put_forward(c, row, &j);
	*accepted = true;
	return judging_answer(c->relid, &j, trial);
}
