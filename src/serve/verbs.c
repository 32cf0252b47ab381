/*
 * verbs.c
 *	  What people decide by SQL of plans, incidents and tables: propose,
 *	  dry_run, approve, reject, retry, dismiss, pause, resume.
 *
 * These functions only write down what somebody decided, and wake the worker;
 * the healing itself is heal.c's. dry_run alone runs in the caller's own
 * session, and is rolled back.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "act/sandbox.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "decide/docket.h"
#include "decide/partition_plan.h"
#include "decide/vet.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "observe/landing.h"
#include "observe/watch.h"
#include "orient/incident.h"
#include "serve/foureyes.h"
#include "serve/lacking.h"
#include "serve/landed.h"
#include "serve/round.h"
#include "serve/telling.h"
#include "serve/tolerance.h"
#include "serve/verbs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_propose);
PG_FUNCTION_INFO_V1(selfheal_propose_partition);
PG_FUNCTION_INFO_V1(selfheal_dry_run);
PG_FUNCTION_INFO_V1(selfheal_approve);
PG_FUNCTION_INFO_V1(selfheal_reject);
PG_FUNCTION_INFO_V1(selfheal_retry);
PG_FUNCTION_INFO_V1(selfheal_dismiss);
PG_FUNCTION_INFO_V1(selfheal_pause);
PG_FUNCTION_INFO_V1(selfheal_resume);

/* See the header. */
void
verbs_require_arg(FunctionCallInfo fcinfo, int n, const char *name, const char *hint)
{
	if (PG_ARGISNULL(n))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be null", name),
				 errhint("%s", hint)));
}

char *
verbs_text_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

const char *
verbs_caller(void)
{
	return GetUserNameFromId(GetUserId(), false);
}

/* A plan the caller may act on: locked, its table there and readable. */
static PlanRow *
plan_arg(FunctionCallInfo fcinfo, bool lock)
{
	PlanRow    *row;

	verbs_require_arg(fcinfo, 0, "plan_id", "Ids stand in the view selfheal.pending.");
	row = docket_get(PG_GETARG_INT64(0), lock);
	if (landed_is_plan(row))
	{
		landed_check_right();
		return row;
	}
	if (lacking_is_plan(row))
	{
		lacking_check_right(row);
		return row;
	}
	if (telling_is_gone(row->relid))
	{
		telling_check_gone("plan", row->id);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the table of plan " INT64_FORMAT " is gone", row->id),
				 errhint("Nothing can be done with this plan any more.")));
	}
	watch_check_table(row->relid, WATCH_NEED_READ);
	return row;
}

static void
require_awaiting(const PlanRow *row)
{
	if (row->state != PLAN_AWAITING_APPROVAL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("plan " INT64_FORMAT " does not await approval", row->id),
				 errdetail("It is %s.", docket_state_name(row->state)),
				 errhint("Plans that do stand in the view selfheal.pending.")));
}

/* {"by": role, "login": role that logged in, "at", "hash": plan hash}: what the
 * person saw is what he approved. */
static Jsonb *
approval_json(const PlanRow *row, const char *by)
{
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *json;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, by);
	spi_arg_text(&args, row->hash);
	spi_arg_text(&args, foureyes_login());
	spi_exec("SELECT jsonb_build_object('by', $1, 'login', $3, 'at', clock_timestamp(), 'hash', $2)", &args);
	json = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return json;
}

/* What was proposed and why it was not taken, as audit.options has it: the
 * words of whoever asked, which are data and never run. */
static Jsonb *
refused_option(const char *ddl, const char *why)
{
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *json;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, ddl);
	spi_arg_text(&args, why);
	spi_exec("SELECT jsonb_build_array(jsonb_build_object('option', $1, 'taken', false, 'why', $2))", &args);
	json = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return json;
}

/* See the header. */
Datum
verbs_one_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

static Datum proposed(FunctionCallInfo fcinfo, Oid relid, const Watch *watch, Vetting vetting,
					  const char *ddl);

/*
 * propose("table", ddl, why): a person's own change. Vetted as any other; it
 * always waits for approve(), in every mode. A refusal is recorded and
 * returned (plan_id null, verdict refuse, the reason).
 */
Datum
selfheal_propose(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	char	   *ddl = verbs_text_arg(fcinfo, 1);
	Watch		watch;

	watch_check_table(relid, WATCH_NEED_READ);
	verbs_require_arg(fcinfo, 1, "ddl", "Give one ALTER TABLE statement.");
	verbs_require_arg(fcinfo, 2, "why", "Say in a sentence what it is for: it stands in the audit.");
	watch_check_watched(relid, &watch);
	return proposed(fcinfo, relid, &watch, vet_sql(relid, ddl), ddl);
}

/*
 * propose_partition("table", value, why): the partition that the value belongs
 * to, as the others are; rows of it in the default partition move there.
 */
Datum
selfheal_propose_partition(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	char	   *value = verbs_text_arg(fcinfo, 1);
	Vetting		vetting = {NULL, NULL};
	Watch		watch;
	HealPlan   *plan;

	watch_check_table(relid, WATCH_NEED_READ);
	verbs_require_arg(fcinfo, 2, "why", "Say in a sentence what it is for: it stands in the audit.");
	watch_check_watched(relid, &watch);
	plan = partition_for(relid, value, &vetting.reason);
	if (plan != NULL)
		vetting = vet_plan(plan);
	return proposed(fcinfo, relid, &watch, vetting,
					psprintf("the partition of %s", value ? quote_literal_cstr(value) : "null"));
}

/* What becomes of a proposal that was vetted; argument 2 says why. */
static Datum
proposed(FunctionCallInfo fcinfo, Oid relid, const Watch *watch, Vetting vetting, const char *ddl)
{
	char	   *why = verbs_text_arg(fcinfo, 2);
	const char *by = verbs_caller();
	Datum		values[3];
	bool		nulls[3] = {false, false, false};
	AuditEntry	entry;
	PlanRow    *row;
	Forecast   *cost;
	Ruling		ruling;
	DryRun	   *trial = NULL;

	if (vetting.plan)
	{
		cost = forecast_cost(vetting.plan);
		ruling = policy_rule(vetting.plan, cost, watch->mode, NIL);
		if (vetted_plan(vetting.plan)->steps != NIL && ruling.verdict != VERDICT_REFUSE)
		{
			/* who approves is to know what the clone knows */
			trial = sandbox_try(vetting.plan, NULL, 0);
			if (trial->traced)
			{
				forecast_correct(cost, trial->traced);
				ruling = policy_rule(vetting.plan, cost, watch->mode, NIL);
			}
		}
		if (vetted_plan(vetting.plan)->steps == NIL)
		{
			vetting.plan = NULL;
			vetting.reason = "the table is like this already";
		}
		else if (ruling.verdict == VERDICT_REFUSE)
		{
			vetting.plan = NULL;
			vetting.reason = pstrdup(ruling.reason);
		}
	}
	if (vetting.plan == NULL)
	{
		audit_entry(&entry, "refused");
		entry.relid = relid;
		entry.verdict = "refuse";
		entry.explanation = why;
		entry.options = refused_option(ddl, vetting.reason);
		entry.result = vetting.reason;
		audit_write(&entry);
		nulls[0] = true;
		values[1] = CStringGetTextDatum("refuse");
		values[2] = CStringGetTextDatum(vetting.reason);
		return verbs_one_row(fcinfo, values, nulls);
	}

	forecast_tell(cost);
	row = docket_draft(vetting.plan, cost, &ruling);
	row->state = PLAN_AWAITING_APPROVAL;
	row->dry_run = trial ? trial->json : NULL;
	row->verdict = "review";
	row->reason = "a proposal always waits for approval";
	row->proposed_by = pstrdup(by);
	row->why = why;
	row->explanation = why;
	docket_add(row, false);
	foureyes_proposed(row->id);
	round_entry(&entry, "proposed", row);
	entry.approval = approval_json(row, by);
	entry.result = row->reason;
	audit_write(&entry);

	values[0] = Int64GetDatum(row->id);
	values[1] = CStringGetTextDatum(row->verdict);
	values[2] = CStringGetTextDatum(row->reason);
	return verbs_one_row(fcinfo, values, nulls);
}

/* dry_run(plan_id): the plan on a clone, now, in this session; rolled back. */
Datum
selfheal_dry_run(PG_FUNCTION_ARGS)
{
	PlanRow    *row = plan_arg(fcinfo, false);
	Vetting		vetting = vet_plan(row->plan);
	AuditEntry	entry;
	DryRun	   *trial;

	if (vetting.plan == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("plan " INT64_FORMAT " does not fit its table any more", row->id),
				 errdetail("%s", vetting.reason),
				 errhint("The healer plans again by itself at the next pass: SELECT selfheal.wake().")));
	trial = sandbox_try(vetting.plan, row->incidents, row->nincidents);
	round_entry(&entry, "dry_run", row);
	entry.dry_run = trial->json;
	entry.result = trial->ok ? "ok" : trial->reason;
	entry.rows_held = trial->held_tried;
	entry.rows_replayed = trial->held_stored;
	audit_write(&entry);
	PG_RETURN_JSONB_P(trial->json);
}

/* approve(plan_id): binds the plan as it is now; the worker runs it. */
Datum
selfheal_approve(PG_FUNCTION_ARGS)
{
	PlanRow    *row = plan_arg(fcinfo, true);
	Watch		watch;
	AuditEntry	entry;

	shmem_require();
	require_awaiting(row);
	if (!landed_is_plan(row) && !lacking_is_plan(row))
		watch_check_watched(row->relid, &watch);
	foureyes_check(row);
	docket_move(row->id, PLAN_APPROVED, verbs_caller(), NULL);
	foureyes_decided(row->id);
	round_entry(&entry, "approved", row);
	if (landed_is_plan(row))
		landed_entry(&entry, row);
	else if (lacking_is_plan(row))
		lacking_entry(&entry, row);
	entry.approval = approval_json(row, verbs_caller());
	audit_write(&entry);
	if (landed_is_plan(row))
		landed_make(row, verbs_caller());
	else if (lacking_is_plan(row))
		lacking_make(row);
	shmem_wake_at_commit();
	PG_RETURN_VOID();
}

/* A reason, for who reads the audit. */
static void
require_why(const char *why)
{
	if (why == NULL || why[strspn(why, " \t\r\n")] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("why must not be empty"),
				 errhint("Say in a sentence why: it stands in the audit.")));
}

/* reject(plan_id, why): final; its incidents need a person now. */
Datum
selfheal_reject(PG_FUNCTION_ARGS)
{
	PlanRow    *row = plan_arg(fcinfo, true);
	char	   *why = verbs_text_arg(fcinfo, 1);
	AuditEntry	entry;

	require_why(why);
	require_awaiting(row);
	docket_move(row->id, PLAN_REJECTED, verbs_caller(), why);
	foureyes_decided(row->id);
	for (int i = 0; i < row->nincidents; i++)
	{
		Incident   *inc = incident_lock(row->incidents[i]);

		if (inc->state == INCIDENT_AWAITING_APPROVAL)
		{
			IncidentNote note = {0};

			note.reason = psprintf("plan " INT64_FORMAT " was rejected: %s", row->id, why);
			note.human = HUMAN_REFUSED;
			incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &note);
		}
	}
	round_entry(&entry, "rejected", row);
	if (landed_is_plan(row))
		landed_entry(&entry, row);
	else if (lacking_is_plan(row))
		lacking_entry(&entry, row);
	entry.result = why;
	entry.approval = approval_json(row, verbs_caller());
	audit_write(&entry);
	PG_RETURN_VOID();
}

/* The plan of an incident, or NULL. */
static PlanRow *
plan_of_incident(int64 id)
{
	SpiUser		saved;
	SpiArgs		args;
	int64		plan = 0;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (spi_exec("SELECT plan FROM selfheal.incident WHERE id = $1 AND plan IS NOT NULL", &args) > 0)
		plan = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return plan != 0 ? docket_get(plan, false) : NULL;
}

/*
 * See the header. Of a table that is gone, who sees all; of one that is yet to be
 * made he too, and who decides about its plan.
 */
Incident *
verbs_incident_arg(FunctionCallInfo fcinfo)
{
	Incident   *inc;
	PlanRow    *row;

	verbs_require_arg(fcinfo, 0, "incident_id", "Ids stand in the view selfheal.incidents.");
	inc = incident_get(PG_GETARG_INT64(0));
	if (!telling_is_gone(inc->relid))
		watch_check_table(inc->relid, WATCH_NEED_READ);
	else if (telling_sees_all())
		return inc;
	else if (strcmp(inc->class, LANDING_CLASS) == 0)
		landed_check_right();
	else if (strcmp(inc->class, LACKING_CLASS) == 0 && (row = plan_of_incident(inc->id)) != NULL && lacking_is_plan(row))
		lacking_check_right(row);
	else
		telling_check_gone("incident", inc->id);
	return inc;
}

/* The names in an incident of no table: of one that is gone, or is yet to be
 * made. */
static void
name_incident(AuditEntry *entry)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, entry->incident);
	spi_exec("SELECT schema_name, table_name FROM selfheal.incident WHERE id = $1", &args);
	entry->schema_name = spi_get_text(0, 1, cxt);
	entry->table_name = spi_get_text(0, 2, cxt);
	spi_close(&saved);
}

/* retry(incident_id): look at it again now; one that was dismissed is taken
 * back. */
Datum
selfheal_retry(PG_FUNCTION_ARGS)
{
	Incident   *inc = verbs_incident_arg(fcinfo);
	Watch		watch;
	AuditEntry	entry;
	IncidentNote note = {0};

	shmem_require();
	if (inc->state == INCIDENT_HEALED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("incident " INT64_FORMAT " is healed already", inc->id),
				 errhint("A new failure opens a new incident.")));
	if (OidIsValid(inc->relid) && get_rel_name(inc->relid))
		watch_check_watched(inc->relid, &watch);
	note.reason = psprintf("retry by %s", verbs_caller());
	audit_entry(&entry, "retried");
	entry.incident = inc->id;
	if (inc->state == INCIDENT_DISMISSED)
	{
		int64		live = incident_take_back(inc->id, note.reason);

		entry.result = live == inc->id ? "taken back" :
			psprintf("its rows belong to incident " INT64_FORMAT " now", live);
	}
	else if (inc->state != INCIDENT_PLANNING && inc->state != INCIDENT_APPLYING)
		incident_move(inc->id, INCIDENT_OPEN, &note);
	entry.relid = inc->relid;
	if (!OidIsValid(inc->relid))
		name_incident(&entry);
	audit_write(&entry);
	shmem_wake_at_commit();
	PG_RETURN_VOID();
}

/*
 * dismiss(incident_id, why): nobody is to look at it any more. What is held of
 * it stays held, and is counted: dismiss() says that the incident is closed,
 * discard() that rows are given up. No plan is made from these rows.
 */
Datum
selfheal_dismiss(PG_FUNCTION_ARGS)
{
	Incident   *inc = verbs_incident_arg(fcinfo);
	char	   *why = verbs_text_arg(fcinfo, 1);
	IncidentNote note = {0};
	AuditEntry	entry;

	require_why(why);
	inc = incident_lock(inc->id);
	if (inc->state == INCIDENT_HEALED || inc->state == INCIDENT_DISMISSED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("incident " INT64_FORMAT " is %s already", inc->id,
						incident_state_name(inc->state)),
				 inc->state == INCIDENT_HEALED ?
				 errhint("Nothing is left to dismiss: a new failure opens a new incident.") :
				 errhint("Its held rows can be tried again with selfheal.retry(" INT64_FORMAT "), or given up with selfheal.discard().",
						 inc->id)));
	note.by = verbs_caller();
	note.why = why;
	incident_move(inc->id, INCIDENT_DISMISSED, &note);
	/* what it measured is not to be measured again */
	if (strcmp(inc->class, "tolerance") == 0)
		tolerance_answered(inc->relid, why);
	audit_entry(&entry, "dismissed");
	entry.incident = inc->id;
	entry.relid = get_rel_name(inc->relid) ? inc->relid : InvalidOid;
	if (!OidIsValid(entry.relid))
		name_incident(&entry);
	entry.explanation = why;
	entry.rows_left = OidIsValid(inc->relid) ? held_count(inc->relid, &inc->id, 1) : 0;
	entry.result = "its rows stay held";
	audit_write(&entry);
	shmem_wake_at_commit();
	PG_RETURN_VOID();
}

/* pause and resume: rows are held in any case; nothing is planned meanwhile.
 * A pause that the table's tolerance has made becomes a person's by pause(), and
 * is answered by resume(). */
static void
set_paused(FunctionCallInfo fcinfo, bool paused)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Watch		watch;
	SpiUser		saved;
	SpiArgs		args;
	AuditEntry	entry;
	bool		changed;

	watch_check_table(relid, WATCH_NEED_READ);
	watch_check_watched(relid, &watch);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_bool(&args, paused);
	changed = spi_exec("UPDATE selfheal.watched SET paused = $2, restraint = nullif(restraint, 'pause')"
					   " WHERE relid = $1 AND (paused <> $2 OR $2 AND restraint = 'pause')", &args) > 0;
	spi_close(&saved);
	if (!changed)
		return;
	if (!paused)
		tolerance_answered(relid, "resumed");
	audit_entry(&entry, paused ? "paused" : "resumed");
	entry.relid = relid;
	audit_write(&entry);
	shmem_wake_at_commit();
}

Datum
selfheal_pause(PG_FUNCTION_ARGS)
{
	set_paused(fcinfo, true);
	PG_RETURN_VOID();
}

Datum
selfheal_resume(PG_FUNCTION_ARGS)
{
	set_paused(fcinfo, false);
	PG_RETURN_VOID();
}
