/*
 * approved.c
 *	  An approved plan: still what was approved? Then it is run.
 */
#include "postgres.h"

#include "act/sandbox.h"
#include "base/spi.h"
#include "decide/docket.h"
#include "decide/forecast.h"
#include "decide/policy.h"
#include "decide/rebuild.h"
#include "decide/vet.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "serve/approved.h"
#include "serve/carry.h"
#include "serve/deaths.h"
#include "serve/reopen.h"

/* Did the trial do more than stood in the forecast that was approved? Why the
 * approval is void then, or NULL. */
static const char *
beyond_approval(const PlanRow *row, const VettedPlan *plan, const Traced *seen)
{
	Forecast   *cost = forecast_cost(plan);
	Ruling		ruling;
	char	   *more;

	forecast_correct(cost, seen);
	ruling = policy_rule(plan, cost, WATCH_AUTO, NIL);
	if (ruling.verdict == VERDICT_REFUSE)
		return ruling.reason;
	more = row->forecast ? forecast_beyond(cost, row->forecast) : NULL;
	return more ? psprintf("the dry run did more than was approved: %s", more) : NULL;
}

/* Does another person have an incident of the plan in hand? What he decides
 * comes first. The others are the round's. */
static bool
is_in_hand(Round *round, const PlanRow *row)
{
	round->claimed = NIL;
	for (int i = 0; i < row->nincidents; i++)
	{
		if (!incident_is_free(row->incidents[i]))
		{
			docket_wait(row->id, carry_pause(5000, 0, 5000));
			return true;
		}
		round->claimed = lappend(round->claimed, incident_get(row->incidents[i]));
	}
	return false;
}

/* What an approved plan died at with each attempt is for a person: no row of
 * it has gone in, and nothing was changed. */
static void
give_up_plan(const Round *round, int64 id)
{
	ListCell   *lc;
	bool		told = false;

	docket_move(id, PLAN_FAILED, NULL,
				psprintf("%s; approve another one when the cause is gone", deaths_reason("to run it")));
	foreach(lc, round->claimed)
	{
		const Incident *inc = lfirst(lc);

		if (inc->state != INCIDENT_AWAITING_APPROVAL)
			continue;
		deaths_give_up(inc->id, round->relid, id, "its approved plan");
		told = true;
	}
	if (!told)
	{
		AuditEntry	entry;

		audit_entry(&entry, "apply_failed");
		entry.relid = round->relid;
		entry.plan = id;
		entry.result = deaths_reason("to run it");
		audit_write(&entry);
	}
}

/* Charge an approved plan before it runs. False when it is not to run now. */
static bool
claim_approved(Round *round, int64 id)
{
	MemoryContext cxt = CurrentMemoryContext;
	PlanRow    *row;
	bool		charged = false;

	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	row = docket_get(id, true);
	round->plan = id;
	round->relid = row->relid;
	if (row->state == PLAN_APPROVED && !is_in_hand(round, row))
	{
		charged = deaths_charge(DEATHS_OF_PLAN, id);
		if (!charged)
			give_up_plan(round, id);
	}
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	if (charged)
		spi_flush();
	return charged;
}

/* See the header. */
void
approved_run(Round *round, int64 id)
{
	MemoryContext cxt = CurrentMemoryContext;
	PlanRow    *row;
	Vetting		vetting = {NULL, NULL};
	const char *stale = NULL;
	bool		by_check = false;
	IncidentNote again = {0};

	if (!claim_approved(round, id))
		return;
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	row = docket_get(id, true);
	if (row->state != PLAN_APPROVED || is_in_hand(round, row))
	{
		deaths_none(DEATHS_OF_PLAN, id);
		spi_xact_commit(true);
		MemoryContextSwitchTo(cxt);
		return;
	}
	if (!OidIsValid(row->relid))
		stale = "the table is gone";
	else
	{
		vetting = vet_plan(row->plan);
		if (vetting.plan == NULL)
			stale = psprintf("the table changed: %s", vetting.reason);
		else if (strcmp(rebuild_schema_hash(row->plan), row->schema_hash) != 0)
			stale = "the table changed after the plan was made";
		else
			stale = round_void(row);
	}
	if (!stale)
	{
		/* approved is not proven: rows came since it was made */
		DryRun	   *trial = sandbox_try(vetting.plan, row->incidents, row->nincidents);
		AuditEntry	entry;

		row->dry_run = trial->json;
		docket_set_dry_run(id, trial->json, NULL);
		round_entry(&entry, "dry_run", row);
		entry.result = trial->ok ? "ok" : trial->reason;
		entry.rows_held = trial->held_tried;
		entry.rows_replayed = trial->held_stored;
		audit_write(&entry);
		if (!trial->ok)
			stale = psprintf("the dry run failed: %s", trial->reason);
		else if (trial->traced)
			stale = beyond_approval(row, vetting.plan, trial->traced);
		by_check = trial->refused_by_check;
	}
	if (stale)
	{
		AuditEntry	entry;

		/* somebody's approval is void: that is an event of its own */
		docket_move(id, PLAN_SUPERSEDED, NULL, stale);
		round_entry(&entry, "refused", row);
		entry.verdict = "refuse";
		if (by_check)
			entry.policy = "check";
		entry.result = stale;
		audit_write(&entry);
		again.reason = stale;
		for (int i = 0; i < row->nincidents; i++)
			if (incident_get(row->incidents[i])->state == INCIDENT_AWAITING_APPROVAL)
				incident_move(row->incidents[i], INCIDENT_OPEN, &again);
	}
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	if (!stale && carry_out(row, vetting.plan, true, -1) && row->sql != NULL)
		reopen_table(row->relid, row->nincidents == 0, "an approved plan was applied");
}
