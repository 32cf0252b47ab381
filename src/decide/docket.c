/*
 * docket.c
 *	  Plans as rows: stored, read, moved along their states.
 *
 * The steps are stored as JSON and read back through plan_from_stored; the SQL
 * beside them is for people and is never run.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "decide/docket.h"
#include "decide/impact.h"
#include "decide/render.h"
#include "decide/rebuild.h"
#include "decide/subtable.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static const char *const state_names[] = {
	"planned", "awaiting_approval", "approved", "applied",
	"rejected", "refused", "failed", "superseded"
};

#define FROM(s) (1 << (s))
static const int may_follow[] = {
	/* planned */
	0,
	/* awaiting_approval */
	FROM(PLAN_PLANNED),
	/* approved */
	FROM(PLAN_AWAITING_APPROVAL),
	/* applied */
	FROM(PLAN_PLANNED) | FROM(PLAN_APPROVED),
	/* rejected */
	FROM(PLAN_AWAITING_APPROVAL),
	/* refused */
	FROM(PLAN_PLANNED) | FROM(PLAN_APPROVED),
	/* failed */
	FROM(PLAN_PLANNED) | FROM(PLAN_APPROVED),
	/* superseded */
	FROM(PLAN_PLANNED) | FROM(PLAN_AWAITING_APPROVAL) | FROM(PLAN_APPROVED)
};

const char *
docket_state_name(DocketState state)
{
	return state_names[state];
}

static DocketState
state_from_name(const char *name)
{
	for (int i = 0; i < (int) lengthof(state_names); i++)
		if (strcmp(name, state_names[i]) == 0)
			return (DocketState) i;
	elog(ERROR, "unknown plan state \"%s\"", name);
}

PlanRow *
docket_draft(const VettedPlan *plan, const Forecast *cost, const Ruling *ruling)
{
	const HealPlan *steps = vetted_plan(plan);
	PlanRow    *row = palloc0(sizeof(PlanRow));

	row->relid = steps->relid;
	row->state = PLAN_PLANNED;
	row->plan = unconstify(HealPlan *, steps);
	row->sql = render_text(steps);
	row->inverse = render_inverse(steps);
	row->verdict = pstrdup(policy_verdict_name(ruling->verdict));
	row->reason = ruling->reason ? pstrdup(ruling->reason) : NULL;
	row->policy = pstrdup(ruling->policy);
	row->schema_hash = rebuild_schema_hash(steps);
	row->hash = plan_hash(steps, row->schema_hash, ruling->state);
	row->forecast = cost->json;
	row->impact = effect_json(impact_of(plan, cost, true));
	row->proposed_by = "selfheal";
	return row;
}

int64
docket_add(PlanRow *row, bool supersede)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, row->relid);
	spi_arg_text(&args, row->hash);
	spi_arg_int8_array(&args, row->incidents, row->nincidents);
	spi_arg_jsonb(&args, row->impact);
	/* equal but for how many values taught a type, by now */
	spi_arg_jsonb(&args, plan_to_jsonb(row->plan));
	if (row->state == PLAN_AWAITING_APPROVAL &&
		spi_exec("UPDATE selfheal.plan SET incidents ="
				 "  (SELECT coalesce(array_agg(DISTINCT i ORDER BY i), '{}') FROM unnest(incidents || $3) i), impact = $4, steps = $5"
				 " WHERE id = (SELECT id FROM selfheal.plan WHERE relid = $1 AND hash = $2"
				 "  AND state = 'awaiting_approval' LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id", &args) > 0)
		row->id = spi_get_int8(0, 1, NULL);
	else
	{
		spi_args(&args);
		spi_arg_relid(&args, row->relid);
		spi_arg_int8_array(&args, row->incidents, row->nincidents);
		spi_arg_jsonb(&args, plan_to_jsonb(row->plan));
		spi_arg_text(&args, row->sql);
		spi_arg_text(&args, row->inverse);
		spi_arg_text(&args, state_names[row->state]);
		spi_arg_text(&args, row->verdict);
		spi_arg_text(&args, row->reason);
		spi_arg_text(&args, row->policy);
		spi_arg_text(&args, row->hash);
		spi_arg_text(&args, row->schema_hash);
		spi_arg_jsonb(&args, row->options);
		spi_arg_text(&args, row->explanation);
		spi_arg_text(&args, row->playbook);
		spi_arg_jsonb(&args, row->forecast);
		spi_arg_jsonb(&args, row->dry_run);
		spi_arg_text(&args, row->proposed_by);
		spi_arg_text(&args, row->why);
		spi_arg_jsonb(&args, row->impact);
		if (row->conversation != 0)
		{
			spi_arg_int8(&args, row->conversation);
			spi_arg_float8(&args, row->confidence);
		}
		else
		{
			spi_arg_null(&args, INT8OID);
			spi_arg_null(&args, FLOAT8OID);
		}
		spi_exec("INSERT INTO selfheal.plan (relid, schema_name, table_name, incidents, steps, sql, inverse,"
				 " state, verdict, reason, policy, hash, schema_hash, options, explanation, playbook,"
				 " forecast, dry_run, proposed_by, why, impact, conversation, confidence)"
				 " SELECT $1, n.nspname, c.relname, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,"
				 " $15, $16, $17, $18, $19, $20, $21 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
				 " WHERE c.oid = $1 RETURNING id", &args);
		row->id = spi_get_int8(0, 1, NULL);
	}
	if (supersede)
	{
		spi_args(&args);
		spi_arg_relid(&args, row->relid);
		spi_arg_int8(&args, row->id);
		spi_exec("UPDATE selfheal.plan SET state = 'superseded', reason = 'a newer plan of this table replaces it'"
				 " WHERE id IN (SELECT id FROM selfheal.plan WHERE relid = $1 AND id <> $2"
				 "  AND state = 'awaiting_approval' AND proposed_by = 'selfheal' FOR UPDATE SKIP LOCKED)", &args);
	}
	spi_close(&saved);
	return row->id;
}

PlanRow *
docket_get(int64 id, bool lock)
{
	MemoryContext cxt = CurrentMemoryContext;
	PlanRow    *row = NULL;
	Jsonb	   *steps = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (spi_exec(lock ?
				 "SELECT relid::oid, state, steps, sql, inverse, verdict, reason, policy, hash, schema_hash,"
				 " options, explanation, playbook, forecast, dry_run, proposed_by, why, decided_by, incidents, impact,"
				 " coalesce(conversation, 0), coalesce(confidence, 0) FROM selfheal.plan WHERE id = $1 FOR UPDATE" :
				 "SELECT relid::oid, state, steps, sql, inverse, verdict, reason, policy, hash, schema_hash,"
				 " options, explanation, playbook, forecast, dry_run, proposed_by, why, decided_by, incidents, impact,"
				 " coalesce(conversation, 0), coalesce(confidence, 0) FROM selfheal.plan WHERE id = $1", &args) > 0)
	{
		bool		isnull;
		MemoryContext old = MemoryContextSwitchTo(cxt);

		row = palloc0(sizeof(PlanRow));
		row->id = id;
		row->relid = spi_get_oid(0, 1, NULL);
		row->state = state_from_name(spi_get_text(0, 2, cxt));
		steps = spi_get_jsonb(0, 3, cxt);
		row->sql = spi_get_text(0, 4, cxt);
		row->inverse = spi_get_text(0, 5, cxt);
		row->verdict = spi_get_text(0, 6, cxt);
		row->reason = spi_get_text(0, 7, cxt);
		row->policy = spi_get_text(0, 8, cxt);
		row->hash = spi_get_text(0, 9, cxt);
		row->schema_hash = spi_get_text(0, 10, cxt);
		row->options = spi_get_jsonb(0, 11, cxt);
		row->explanation = spi_get_text(0, 12, cxt);
		row->playbook = spi_get_text(0, 13, cxt);
		row->forecast = spi_get_jsonb(0, 14, cxt);
		row->dry_run = spi_get_jsonb(0, 15, cxt);
		row->proposed_by = spi_get_text(0, 16, cxt);
		row->why = spi_get_text(0, 17, cxt);
		row->decided_by = spi_get_text(0, 18, cxt);
		row->impact = spi_get_jsonb(0, 20, cxt);
		row->conversation = spi_get_int8(0, 21, NULL);
		row->confidence = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0],
													   SPI_tuptable->tupdesc, 22, &isnull));
		row->incidents = spi_get_int8_array(0, 19, &row->nincidents, cxt);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	if (row == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("plan " INT64_FORMAT " does not exist", id),
				 errhint("Ids stand in the view selfheal.pending.")));
	if (OidIsValid(row->relid) && get_rel_name(row->relid) == NULL)
		row->relid = InvalidOid;
	/* that of a table which is yet to be made stands without one */
	if (OidIsValid(row->relid) ||
		(row->playbook && (strcmp(row->playbook, plan_step_name(STEP_CREATE_TABLE)) == 0 ||
						   strcmp(row->playbook, SUBTABLE_PLAYBOOK) == 0)))
		row->plan = plan_from_stored(row->relid, steps);
	return row;
}

void
docket_move(int64 id, DocketState to, const char *by, const char *reason)
{
	SpiUser		saved;
	SpiArgs		args;
	DocketState from;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (spi_exec("SELECT state FROM selfheal.plan WHERE id = $1 FOR UPDATE", &args) == 0)
		elog(ERROR, "plan " INT64_FORMAT " vanished", id);
	from = state_from_name(spi_get_text(0, 1, CurrentMemoryContext));
	if (!(may_follow[to] & FROM(from)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("plan " INT64_FORMAT " cannot go from %s to %s",
						id, state_names[from], state_names[to])));
	spi_arg_text(&args, state_names[to]);
	spi_arg_text(&args, by);
	spi_arg_text(&args, reason);
	spi_exec("UPDATE selfheal.plan SET state = $2, decided_by = coalesce($3, decided_by),"
			 " decided_at = CASE WHEN $3 IS NULL THEN decided_at ELSE clock_timestamp() END,"
			 " reason = coalesce($4, reason), next_try = NULL,"
			 " applied_at = CASE WHEN $2 = 'applied' THEN clock_timestamp() ELSE applied_at END"
			 " WHERE id = $1", &args);
	spi_close(&saved);
}

void
docket_set_dry_run(int64 id, const Jsonb *dry_run, const Jsonb *forecast)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_jsonb(&args, dry_run);
	spi_arg_jsonb(&args, forecast);
	spi_exec("UPDATE selfheal.plan SET dry_run = $2, forecast = coalesce($3, forecast) WHERE id = $1", &args);
	spi_close(&saved);
}

List *
docket_approved(TimestampTz *next)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	uint64		n;
	bool		isnull;

	spi_open(&saved);
	n = spi_exec("SELECT p.id FROM selfheal.plan p JOIN selfheal.tended w USING (relid)"
				 " WHERE p.state = 'approved' AND NOT w.paused"
				 " AND (p.next_try IS NULL OR p.next_try <= clock_timestamp()) ORDER BY p.id", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		int64	   *id = palloc(sizeof(int64));

		*id = spi_get_int8(i, 1, NULL);
		result = lappend(result, id);
		MemoryContextSwitchTo(old);
	}
	spi_exec("SELECT min(p.next_try) FROM selfheal.plan p JOIN selfheal.tended w USING (relid)"
			 " WHERE p.state = 'approved' AND NOT w.paused AND p.next_try > clock_timestamp()", NULL);
	*next = spi_get_int8(0, 1, &isnull);
	if (isnull)
		*next = 0;
	spi_close(&saved);
	return result;
}

void
docket_wait(int64 id, TimestampTz next_try)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_timestamptz(&args, next_try);
	spi_exec("UPDATE selfheal.plan SET next_try = $2 WHERE id = $1", &args);
	spi_close(&saved);
}
