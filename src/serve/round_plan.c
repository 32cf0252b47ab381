/*
 * round_plan.c
 *	  From a round's steps to a stored plan that was tried, or to why not.
 *
 * Policy is asked twice: of what the catalog says before the trial, and of
 * what the trial has shown after it.
 */
#include "postgres.h"

#include "act/sandbox.h"
#include "decide/forecast.h"
#include "decide/rules.h"
#include "serve/round.h"

/* Texts of the remedies that these steps come from. */
static void
describe(const Round *round, const List *steps, PlanRow *row)
{
	List	   *used = NIL;
	StringInfoData why;
	StringInfoData books;
	ListCell   *lc;

	initStringInfo(&why);
	initStringInfo(&books);
	foreach(lc, round->remedies)
	{
		Remedy	   *r = lfirst(lc);

		if (r->step == NULL || !list_member_ptr(steps, r->step))
			continue;
		used = lappend(used, r);
		appendStringInfo(&why, "%s%s", why.len ? " " : "", r->explanation);
		if (r->playbook && strstr(books.data, r->playbook) == NULL)
			appendStringInfo(&books, "%s%s", books.len ? ", " : "", r->playbook);
	}
	row->options = remedy_options(used);
	row->explanation = used ? why.data : "The table fits these rows now: they are put in without a change.";
	row->playbook = books.len ? books.data : "replay";
}

/*
 * Has the team asked for every one of these steps? Then they are taken though
 * no row that is held fits them: those that fit may come later, and would wait
 * behind an incident that had been given up.
 */
static bool
all_hinted(const Round *round, const List *steps)
{
	ListCell   *lc;

	foreach(lc, round->remedies)
	{
		const Remedy *r = lfirst(lc);

		if (r->step != NULL && list_member_ptr(steps, r->step) && r->hint == NULL)
			return false;
	}
	return steps != NIL;
}

/* What is no use without a step that is left goes with it. */
static void
keep_together(const Round *round, List **left, List **rest)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, round->remedies)
	{
		const Remedy *r = lfirst(lc);
		List	   *all = r->also == NIL ? NIL : lcons(r->step, list_copy(r->also));
		bool		any = false;

		foreach(lc2, all)
			any |= list_member_ptr(*left, lfirst(lc2));
		foreach(lc2, any ? all : NIL)
		{
			if (!list_member_ptr(*rest, lfirst(lc2)))
				continue;
			*rest = list_delete_ptr(*rest, lfirst(lc2));
			*left = lappend(*left, lfirst(lc2));
		}
	}
}

/*
 * Leave to a person what together may not run by itself: all of the steps, or
 * where a trial has shown it, those that change a type, since they are what a
 * trial knows more of. The rest is planned again.
 */
static void
leave_to_person(Round *round, List *steps, bool tried)
{
	List	   *left = NIL;
	List	   *rest = NIL;
	ListCell   *lc;

	foreach(lc, steps)
	{
		if (plan_changes_type(lfirst(lc)))
			left = lappend(left, lfirst(lc));
		else
			rest = lappend(rest, lfirst(lc));
	}
	keep_together(round, &left, &rest);
	if (!tried || left == NIL)
	{
		left = list_copy(steps);
		rest = NIL;
	}
	round->later = list_concat(left, round->later);
	round->now = rest;
}

/*
 * What policy says of a plan with this cost, which a trial has shown when
 * tried. False when it may not run, or not without a person who has not been
 * asked: then steps of it wait for one, and *reason is NULL.
 */
static bool
may_run(Round *round, List *steps, const VettedPlan *plan, const Forecast *cost, bool ask,
		bool tried, Ruling *ruling, char **reason)
{
	*ruling = policy_rule(plan, cost, round->watch.mode, round->cautions);
	if (steps == NIL)
	{
		/* rows that the table takes as it is change nothing in any mode */
		ruling->verdict = VERDICT_AUTO;
		ruling->policy = "replay";
		ruling->reason = "the table fits these rows already";
	}
	if (ruling->verdict == VERDICT_REFUSE)
	{
		*reason = pstrdup(ruling->reason);
		return false;
	}
	if (!ask && ruling->verdict == VERDICT_REVIEW)
	{
		leave_to_person(round, steps, tried);
		*reason = NULL;
		return false;
	}
	return true;
}

/* See the header. */
PlanRow *
round_plan(Round *round, List *steps, const int64 *ids, int n, bool ask,
		   VettedPlan **vetted, char **reason, bool *empty_handed)
{
	HealPlan	draft = {round->relid, steps};
	Vetting		vetting = vet_plan(&draft);
	Forecast   *cost;
	Ruling		ruling;
	PlanRow    *row;
	AuditEntry	entry;
	DryRun	   *trial;

	*empty_handed = false;
	round->refused_trial = NULL;
	round->refused_by_check = false;
	round->human = HUMAN_REFUSED;
	if (vetting.plan == NULL)
	{
		*reason = vetting.reason;
		return NULL;
	}
	cost = forecast_cost(vetting.plan);
	if (!may_run(round, steps, vetting.plan, cost, ask, false, &ruling, reason))
		return NULL;

	/*
	 * its hash is of the table as it is now: what changes during the trial
	 * makes it stale
	 */
	row = docket_draft(vetting.plan, cost, &ruling);
	row->incidents = unconstify(int64 *, ids);
	row->nincidents = n;
	row->state = ask ? PLAN_AWAITING_APPROVAL : PLAN_PLANNED;
	describe(round, steps, row);

	trial = sandbox_try(vetting.plan, ids, n);
	if (trial->traced)
	{
		/* the clone knows what the catalog does not: policy has another look */
		forecast_correct(cost, trial->traced);
		if (!may_run(round, steps, vetting.plan, cost, ask, true, &ruling, reason))
			return NULL;
		row->verdict = pstrdup(policy_verdict_name(ruling.verdict));
		row->reason = pstrdup(ruling.reason);
		row->policy = pstrdup(ruling.policy);
	}
	forecast_tell(cost);
	row->forecast = cost->json;
	row->dry_run = trial->json;
	if (!trial->ok)
	{
		*reason = trial->reason ? trial->reason : "the dry run failed";
		*empty_handed = trial->held_tried > 0 && trial->held_stored == 0 &&
			trial->history_broken == 0 && !trial->refused_by_check;
		round->refused_trial = trial->json;
		round->refused_by_check = trial->refused_by_check;
		if (!trial->refused_by_check)
			round->human = HUMAN_NO_SAFE_PLAN;
		if (!*empty_handed || !all_hinted(round, steps))
			return NULL;
	}

	round->plan = docket_add(row, ask);
	round_entry(&entry, "planned", row);
	audit_write(&entry);
	round_entry(&entry, "vetted", row);
	entry.result = row->reason;
	audit_write(&entry);
	round_entry(&entry, "dry_run", row);
	entry.result = trial->ok ? "ok" : trial->reason;
	entry.rows_held = trial->held_tried;
	entry.rows_replayed = trial->held_stored;
	audit_write(&entry);
	*vetted = vetting.plan;
	return row;
}

const char *
round_void(const PlanRow *row)
{
	if (row->sql == NULL)
		return NULL;
	if (strcmp(plan_hash(row->plan, row->schema_hash, rules_state_now(row->relid)), row->hash) != 0)
		return "the policy of the table changed after the plan was made";
	if (strcmp(row->proposed_by, "selfheal") == 0 && playbook_frozen(row->plan))
		return "the contract of the table changed after the plan was made";
	return rules_outside(row->relid);
}
