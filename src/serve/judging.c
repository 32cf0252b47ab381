/*
 * judging.c
 *	  A change that somebody asks for by a tool: vetted, costed, tried, judged.
 */
#include "postgres.h"

#include "base/spi.h"
#include "decide/mapsteps.h"
#include "decide/rebuild.h"
#include "decide/render.h"
#include "decide/rules.h"
#include "serve/judging.h"
#include "serve/proving.h"
#include "serve/toolargs.h"
#include "utils/builtins.h"

/* Steps as a model gives them, as the plan's own JSON. Inside spi_open. */
static Jsonb *
plan_json(Jsonb *args, MemoryContext cxt)
{
	SpiArgs		a;

	spi_args(&a);
	spi_arg_jsonb(&a, args);
	spi_exec("SELECT jsonb_build_object('steps', coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object("
			 "  'kind', s ->> 'kind', 'column', s ->> 'column', 'type', nullif(s ->> 'type', ''),"
			 "  'labels', CASE WHEN s ->> 'kind' = 'add_enum_label' THEN s -> 'labels' END,"
			 "  'args', nullif((CASE WHEN coalesce(s ->> 'args', '') ~ '^\\s*$' THEN '{}' ELSE s ->> 'args' END)::jsonb, '{}')))"
			 "  ORDER BY n), '[]'))"
			 " FROM jsonb_array_elements($1 -> 'steps') WITH ORDINALITY x(s, n)", &a);
	return spi_get_jsonb(0, 1, cxt);
}

typedef struct Reading
{
	Oid			relid;
	Jsonb	   *args;
	HealPlan   *plan;
	MemoryContext cxt;
} Reading;

/* The arguments of mappings in their one spelling, which the vetter asks for.
 * What is wrong with them it says itself. */
static void
spell(HealPlan *plan)
{
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		PlanStep   *step = lfirst(lc);
		List	   *others = list_delete_ptr(list_copy(plan->steps), step);
		char	   *reason;
		char	   *hint;
		Mapping    *m;

		if (!mapsteps_is(step))
			continue;
		m = mapsteps_mapping(plan->relid, step);
		if (mapping_check(plan->relid, mapping_with(mapping_list(plan->relid), mapsteps_mappings(plan->relid, others)),
						  m, &reason, &hint))
			lfirst(lc) = mapsteps_make(m->kind, m->field, m->column, m->args);
	}
}

static void
read_steps(void *arg)
{
	Reading    *r = arg;
	SpiUser		saved;
	Jsonb	   *json;
	MemoryContext old;

	spi_open(&saved);
	json = plan_json(r->args, r->cxt);
	spi_close(&saved);
	old = MemoryContextSwitchTo(r->cxt);
	r->plan = plan_from_stored(r->relid, json);
	spell(r->plan);
	MemoryContextSwitchTo(old);
}

/* See the header. */
int
judging_step_count(Jsonb *args)
{
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(&args->root, "steps", 5, &v) == NULL || v.type != jbvBinary)
		return 0;
	return (int) JsonContainerSize(v.val.binary.data);
}

bool
judging_is_blank(const char *text)
{
	return text == NULL || text[strspn(text, " \t\r\n;")] == '\0';
}

/* See the header. */
Vetting
judging_vet(Oid relid, Jsonb *args)
{
	Vetting		result = {NULL, NULL};
	char	   *ddl = toolargs_text(args, "ddl");
	int			steps = judging_step_count(args);
	Reading		r = {relid, args, NULL, CurrentMemoryContext};
	ErrorData  *edata;

	if (!judging_is_blank(ddl) && steps > 0)
		result.reason = "ddl and steps are both given: give one, and leave the other empty";
	else if (steps > JUDGING_STEPS)
		result.reason = psprintf("more than %d steps", JUDGING_STEPS);
	else if (!judging_is_blank(ddl))
		return vet_sql(relid, ddl);
	else
	{
		edata = spi_try(read_steps, &r);
		if (edata != NULL)
			result.reason = edata->message;
		else
			return vet_plan(r.plan);
	}
	return result;
}

/* Policy, on what is known by now. */
static void
rule(Judged *j)
{
	j->ruling = policy_rule(j->plan, j->cost, j->mode, j->cautions);
	if (j->ruling.verdict == VERDICT_REFUSE)
		j->reason = pstrdup(j->ruling.reason);
}

Judged
judging_of(Oid relid, Vetting vetting)
{
	Judged		j = {0};
	Watch		watch;

	j.plan = vetting.plan;
	j.reason = vetting.reason;
	if (j.plan == NULL)
		return j;
	if (vetted_plan(j.plan)->steps == NIL)
		j.reason = "the table is like this already";
	else if (!watch_get(relid, &watch))
		j.reason = "the table is not watched any more";
	else
	{
		j.mode = watch.mode;
		j.cost = forecast_cost(j.plan);
		j.cautions = proving_cautions(vetted_plan(j.plan));
		rule(&j);
	}
	return j;
}

/* Trial, and policy once more on what it has shown. */
DryRun *
judging_try(Judged *j, const int64 *incidents, int n)
{
	DryRun	   *trial = sandbox_try(j->plan, incidents, n);

	if (trial->traced)
	{
		forecast_correct(j->cost, trial->traced);
		rule(j);
	}
	forecast_tell(j->cost);
	return trial;
}

/* See the header. */
void
judging_rules(StringInfo buf, const Ruling *ruling)
{
	ListCell   *lc;

	if (ruling->rules == NIL)
		return;
	toolpage_json(buf, "rules", "[");
	foreach(lc, ruling->rules)
	{
		const PolicyRule *rule = lfirst(lc);

		appendStringInfoString(buf, foreach_current_index(lc) > 0 ? ",{" : "{");
		toolpage_text(buf, "of", rule->of_table ? "table" : "all tables");
		toolpage_text(buf, "step", rules_step_name(rule->step));
		toolpage_text(buf, "cost", rules_cost_name(rule->cost));
		toolpage_text(buf, "verdict", rules_verdict_name(rule->verdict));
		toolpage_cut(buf, "set_by", rule->set_by, 100);
		toolpage_cut(buf, "set_login", rule->set_login, 100);
		/* "2026-11-22 12:00:00 UTC" as JSON writes it */
		toolpage_text(buf, "set_at", psprintf("%.10sT%.8sZ", rule->when, rule->when + 11));
		appendStringInfoChar(buf, '}');
	}
	appendStringInfoChar(buf, ']');
}

/* See the header. */
char *
judging_denied_by(const Ruling *ruling)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	if (ruling->policy == NULL || strcmp(ruling->policy, "policy-deny") != 0)
		return buf.data;
	foreach(lc, ruling->rules)
	{
		const PolicyRule *rule = lfirst(lc);

		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : " That was set by ", quote_identifier(rule->set_by));
		if (strcmp(rule->set_by, rule->set_login) != 0)
			appendStringInfo(&buf, " (logged in as %s)", quote_identifier(rule->set_login));
	}
	if (buf.len > 0)
		appendStringInfoChar(&buf, '.');
	return buf.data;
}

/* {"verdict", "sql", "policy", "reason", "forecast", "dry_run"}: dry_run as in
 * sandbox.h, its reason as far as values may be told. */
ToolResult *
judging_answer(Oid relid, const Judged *j, const DryRun *trial)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	char	   *json;

	/* without a reason against it there is a forecast (judge) */
	Assert(j->cost != NULL);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, policy_verdict_name(j->ruling.verdict));
	spi_arg_text(&args, render_text(vetted_plan(j->plan)));
	spi_arg_text(&args, j->ruling.policy);
	spi_arg_text(&args, j->ruling.reason);
	spi_arg_jsonb(&args, j->cost->json);
	spi_arg_jsonb(&args, trial->json);
	spi_arg_text(&args, trial->reason ? tools_told(relid, SHARE_FULL, NULL, trial->reason) : NULL);
	spi_exec("SELECT jsonb_build_object('verdict', $1, 'sql', $2, 'policy', $3, 'reason', $4, 'forecast', $5,"
			 " 'dry_run', ($6 - 'checks') || jsonb_build_object('reason', $7))", &args);
	json = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return tools_answer(json);
}
