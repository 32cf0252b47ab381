/*
 * ask.c
 *	  What people ask by SQL: vet, preview, explain. Nothing is changed.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/spi.h"
#include "decide/forecast.h"
#include "decide/impact.h"
#include "decide/render.h"
#include "decide/playbook.h"
#include "decide/policy.h"
#include "decide/vet.h"
#include "miscadmin.h"
#include "observe/contract.h"
#include "observe/watch.h"
#include "orient/diagnose.h"
#include "orient/incident.h"
#include "serve/ask.h"
#include "serve/telling.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(selfheal_vet);
PG_FUNCTION_INFO_V1(selfheal_preview);
PG_FUNCTION_INFO_V1(selfheal_explain);

/* Text or null into a result row. */
static void
put_text(Datum *values, bool *nulls, int i, const char *text)
{
	nulls[i] = text == NULL;
	if (text)
		values[i] = CStringGetTextDatum(text);
}

/* Mode under which policy is asked: the table's, or auto if not watched. */
static WatchMode
mode_of(Oid relid)
{
	Watch		watch;

	return watch_get(relid, &watch) ? watch.mode : WATCH_AUTO;
}

/*
 * vet(relation, ddl): verdict, reason, steps, SQL as it would run, forecast,
 * who feels it.
 * A refusal is a row, not an error.
 */
Datum
selfheal_vet(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	TupleDesc	desc;
	Datum		values[6] = {0};
	bool		nulls[6] = {true, true, true, true, true, true};
	Vetting		vetting;

	watch_check_table(relid, WATCH_NEED_READ);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("ddl must not be null"),
				 errhint("Give one ALTER TABLE statement.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	vetting = vet_sql(relid, text_to_cstring(PG_GETARG_TEXT_PP(1)));
	if (vetting.plan == NULL)
	{
		put_text(values, nulls, 0, "refuse");
		put_text(values, nulls, 1, vetting.reason);
	}
	else
	{
		const HealPlan *plan = vetted_plan(vetting.plan);
		Forecast   *cost = forecast_plan(vetting.plan);
		Ruling		ruling = policy_rule(vetting.plan, cost, mode_of(relid), NIL);
		Jsonb	   *impact;

		put_text(values, nulls, 0, policy_verdict_name(ruling.verdict));
		put_text(values, nulls, 1, ruling.reason);
		values[2] = JsonbPGetDatum(plan_to_jsonb(plan));
		nulls[2] = false;
		put_text(values, nulls, 3, render_text(plan));
		values[4] = JsonbPGetDatum(cost->json);
		nulls[4] = false;
		impact = effect_json(impact_of(vetting.plan, cost, true));
		if (impact != NULL)
		{
			values[5] = JsonbPGetDatum(impact);
			nulls[5] = false;
		}
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/*
 * preview("table", payload): what would this payload need? One row for each
 * thing that does not fit; none when it fits. Stores nothing.
 */
Datum
selfheal_preview(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Diagnosis  *diagnosis;
	text	   *payload;
	WatchMode	mode;
	ListCell   *lc;

	watch_check_table(relid, WATCH_NEED_READ);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("payload must not be null"),
				 errhint("Give one JSON object.")));
	payload = PG_GETARG_TEXT_PP(1);
	InitMaterializedSRF(fcinfo, 0);
	diagnosis = diagnose_payload(relid, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload));
	mode = mode_of(relid);

	foreach(lc, playbook_remedies(diagnosis))
	{
		Remedy	   *r = lfirst(lc);
		Datum		values[6] = {0};
		bool		nulls[6] = {true, true, true, true, true, true};

		put_text(values, nulls, 0, fit_class_name(r->finding->class));
		put_text(values, nulls, 1, r->finding->column);
		put_text(values, nulls, 2, r->finding->message);
		put_text(values, nulls, 3, r->playbook);
		if (r->finding->term != TERM_EVOLVE)
			put_text(values, nulls, 5, contract_word(r->finding->term));
		else if (r->step)
		{
			HealPlan	single = {relid, list_concat(list_make1(r->step), r->also)};
			Vetting		vetting = vet_plan(&single);

			if (vetting.plan == NULL)
				put_text(values, nulls, 5, "refuse");
			else
			{
				Caution		caution = {.column = r->step->column,.alike = r->alike,.question = r->question};
				Ruling		ruling = policy_rule(vetting.plan, forecast_cost(vetting.plan), mode,
												 list_make1(&caution));

				put_text(values, nulls, 4, render_text(&single));
				put_text(values, nulls, 5, policy_verdict_name(ruling.verdict));
			}
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/*
 * explain(incident_id): the whole case as text: what broke, what was found,
 * what was decided and done, in order of time.
 */
Datum
selfheal_explain(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	StringInfoData out;
	Incident   *inc;
	Oid			caller;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("incident_id must not be null"),
				 errhint("Ids stand in the view selfheal.incidents.")));
	inc = incident_get(PG_GETARG_INT64(0));
	if (telling_is_gone(inc->relid))
		telling_check_gone("incident", inc->id);
	else
		watch_check_table(inc->relid, WATCH_NEED_READ);

	initStringInfo(&out);
	caller = GetUserId();
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, inc->id);
	spi_arg_relid(&args, inc->relid);
	spi_arg_oid(&args, caller);
	spi_exec("SELECT format('Incident %s: %s in %I.%I%s, state %s%s.', i.id, i.class, i.schema_name, i.table_name,"
			 "  CASE WHEN i.column_name IS NOT NULL THEN ', column or key ' || quote_ident(selfheal.told_name($2, i.column_name, $3)) ELSE '' END,"
			 "  i.state, coalesce(' (' || selfheal.told($2, i.reason, $3) || ')', '')),"
			 " format('%s rows showed it, first at %s, last at %s.', i.rows,"
			 "  to_char(i.first_seen, 'YYYY-MM-DD HH24:MI:SS TZ'), to_char(i.last_seen, 'YYYY-MM-DD HH24:MI:SS TZ'))"
			 " FROM selfheal.incident i WHERE i.id = $1", &args);
	appendStringInfo(&out, "%s\n%s\n", spi_get_text(0, 1, cxt), spi_get_text(0, 2, cxt));
	n = spi_exec("SELECT concat(to_char(a.at, 'HH24:MI:SS.MS'), '  ', rpad(a.event, greatest(10, length(a.event))), ' ',"
				 " concat_ws(E'\n                         ',"
				 "  CASE WHEN a.event IN ('planned', 'proposed', 'discarded', 'amended', 'dismissed') THEN selfheal.told($2, a.explanation, $3)"
				 "   WHEN a.event = 'diagnosed' THEN selfheal.told($2, coalesce(a.explanation, a.result), $3) END,"
				 "  CASE WHEN a.event IN ('planned', 'proposed') THEN"
				 "   (SELECT string_agg(translate(concat('felt by ', l ->> 'kind', ' ', l ->> 'object', ': ', l ->> 'effect'), E'\\n\\r', '  '),"
				 "     E'\n                         ' ORDER BY n)"
				 "    FROM jsonb_array_elements(a.forecast -> 'impact') WITH ORDINALITY x(l, n)"
				 "    WHERE l ->> 'level' <> 'note') END,"
				 "  CASE WHEN a.event = 'vetted' THEN concat(a.verdict, ' by policy ', a.policy) END,"
				 "  CASE WHEN a.event IN ('planned', 'proposed', 'applied') THEN selfheal.told_sql($2, a.sql_run, $3) END,"
				 "  CASE WHEN a.event NOT IN ('diagnosed', 'planned', 'applied') THEN selfheal.told($2, a.result, $3) END,"
				 "  CASE WHEN a.event IN ('approved', 'rejected', 'retried', 'proposed', 'discarded', 'amended', 'dismissed')"
				 "   THEN 'by ' || a.actor_role END,"
				 "  CASE WHEN a.rows_replayed IS NOT NULL THEN format('%s rows %s%s', a.rows_replayed,"
				 "   CASE a.event WHEN 'dry_run' THEN 'stored in the clone' ELSE 'stored' END,"
				 "   ', ' || a.rows_left || ' left') END))"
				 " FROM selfheal.audit a WHERE a.incident = $1 OR a.plan = ANY (ARRAY"
				 "  (SELECT p.id FROM selfheal.plan p WHERE p.incidents @> ARRAY[$1])) ORDER BY a.id", &args);
	for (uint64 i = 0; i < n; i++)
		appendStringInfo(&out, "%s\n", spi_get_text(i, 1, cxt));
	spi_close(&saved);
	PG_RETURN_TEXT_P(cstring_to_text_with_len(out.data, out.len));
}
