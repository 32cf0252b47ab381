/*
 * round.c
 *	  One table's round: from its claimed incidents to plans that may run.
 *
 * Each remedy's step is judged alone first: what policy lets run goes into
 * one plan, what a person must approve into another, so that nobody's rows
 * wait for another's approval.
 */
#include "postgres.h"

#include "act/sandbox.h"
#include "base/spi.h"
#include "decide/forecast.h"
#include "miscadmin.h"
#include "observe/quarantine.h"
#include "orient/diagnose.h"
#include "serve/round.h"

double
round_ms_since(TimestampTz then)
{
	return (GetCurrentTimestamp() - then) / 1000.0;
}

void
round_entry(AuditEntry *entry, const char *event, const PlanRow *row)
{
	audit_entry(entry, event);
	entry->plan = row->id;
	entry->relid = row->relid;
	entry->incident = row->nincidents > 0 ? row->incidents[0] : 0;
	entry->options = row->options;
	entry->explanation = row->explanation;
	entry->playbook = row->playbook;
	entry->sql_run = row->sql;
	entry->inverse = row->inverse;
	entry->verdict = row->verdict;
	entry->policy = row->policy;
	entry->forecast = row->forecast;
	entry->dry_run = row->dry_run;
	entry->schema_hash_before = row->schema_hash;
}

static const Remedy *
remedy_of(const Round *round, const Incident *inc)
{
	ListCell   *lc;

	foreach(lc, round->remedies)
	{
		const Remedy *r = lfirst(lc);
		const char *column = r->finding->column;

		if (strcmp(fit_class_name(r->finding->class), inc->class) == 0 &&
			((column == NULL && inc->column == NULL) ||
			 (column && inc->column && strcmp(column, inc->column) == 0)))
			return r;
	}
	return NULL;
}

/* Ask vet, forecast and policy about one step alone. */
static void
sort_step(Round *round, PlanStep *step)
{
	HealPlan	single = {round->relid, list_make1(step)};
	Vetting		vetting = vet_plan(&single);
	Ruling		ruling;

	if (vetting.plan && vetted_plan(vetting.plan)->steps == NIL)
		return;					/* already so */
	if (vetting.plan)
	{
		ruling = policy_rule(vetting.plan, forecast_plan(vetting.plan), round->watch.mode);
		if (ruling.verdict == VERDICT_AUTO)
		{
			round->now = lappend(round->now, step);
			return;
		}
		if (ruling.verdict == VERDICT_REVIEW)
		{
			round->later = lappend(round->later, step);
			return;
		}
	}
	{
		Refusal    *refusal = palloc(sizeof(Refusal));

		refusal->step = step;
		refusal->reason = vetting.plan ? pstrdup(ruling.reason) : vetting.reason;
		round->refused = lappend(round->refused, refusal);
	}
}

/* Why no step of ours will help these rows, or NULL when one may. */
static const char *
hopeless(const Round *round, const Incident *inc, const Remedy *remedy)
{
	const PlanStep *step = remedy ? remedy->settled_by : NULL;
	ListCell   *lc;

	foreach(lc, round->refused)
		if (((Refusal *) lfirst(lc))->step == step && step != NULL)
			return ((Refusal *) lfirst(lc))->reason;
	if (remedy != NULL)
		return remedy->playbook == NULL && !remedy->replay_only ?
			remedy->explanation : NULL;

	/*
	 * No finding: the rows fit the table's columns. What the insert itself
	 * refused is tried again only when somebody asked for it, or when it is
	 * of the kind that passes.
	 */
	if (inc->attempts <= 1 && !fit_is_drift(fit_class_from_name(inc->class)) &&
		fit_class_from_name(inc->class) >= FIT_UNIQUE &&
		fit_class_from_name(inc->class) != FIT_RETRY)
		return psprintf("%s: no playbook changes a table for this; selfheal.retry(" INT64_FORMAT ") when the cause is gone",
						inc->class, inc->id);
	return NULL;
}

/* Which claimed incidents does this list of steps (or a replay) cover? */
int
round_covered(const Round *round, const List *steps, bool replays, int64 *ids)
{
	int			n = 0;
	ListCell   *lc;

	foreach(lc, round->claimed)
	{
		const Incident *inc = lfirst(lc);
		const Remedy *remedy = remedy_of(round, inc);
		const PlanStep *step = remedy ? remedy->settled_by : NULL;

		if (hopeless(round, inc, remedy))
			continue;
		if (step ? list_member_ptr(steps, step) || (replays && !list_member_ptr(round->later, step))
			: replays)
			ids[n++] = inc->id;
	}
	return n;
}

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
	row->options = playbook_options(used);
	row->explanation = used ? why.data : "The table fits these rows now: they are put in without a change.";
	row->playbook = books.len ? books.data : "replay";
}

/*
 * From steps to a stored plan with its dry run; audit rows planned, vetted,
 * dry_run (or refused). Returns NULL when nothing may run; *reason says why.
 * *empty_handed: the trial stored no held row.
 */
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
	if (vetting.plan == NULL)
	{
		*reason = vetting.reason;
		audit_entry(&entry, "refused");
		entry.incident = n > 0 ? ids[0] : 0;
		entry.relid = round->relid;
		entry.result = vetting.reason;
		entry.verdict = "refuse";
		audit_write(&entry);
		return NULL;
	}
	cost = forecast_plan(vetting.plan);
	ruling = policy_rule(vetting.plan, cost, round->watch.mode);
	if (steps == NIL)
	{
		/* rows that the table takes as it is change nothing in any mode */
		ruling.verdict = VERDICT_AUTO;
		ruling.policy = "replay";
		ruling.reason = "the table fits these rows already";
	}
	row = docket_draft(vetting.plan, cost, &ruling);
	row->incidents = unconstify(int64 *, ids);
	row->nincidents = n;
	row->state = ask ? PLAN_AWAITING_APPROVAL : PLAN_PLANNED;
	describe(round, steps, row);

	trial = sandbox_try(vetting.plan, ids, n);
	row->dry_run = trial->json;
	if (!trial->ok)
	{
		*reason = trial->reason ? trial->reason : "the dry run failed";
		*empty_handed = trial->held_tried > 0 && trial->held_stored == 0 &&
			trial->history_broken == 0;
		return NULL;
	}

	round->plan = docket_add(row, ask);
	round_entry(&entry, "planned", row);
	audit_write(&entry);
	round_entry(&entry, "vetted", row);
	entry.result = row->reason;
	audit_write(&entry);
	round_entry(&entry, "dry_run", row);
	entry.result = "ok";
	entry.rows_held = trial->held_tried;
	entry.rows_replayed = trial->held_stored;
	audit_write(&entry);
	*vetted = vetting.plan;
	return row;
}

/* A plan that came to nothing is a decision too. */
void
round_refuse(Round *round, const int64 *ids, int n, const char *reason)
{
	AuditEntry	entry;

	audit_entry(&entry, "refused");
	entry.relid = round->relid;
	entry.incident = n > 0 ? ids[0] : 0;
	entry.verdict = "refuse";
	entry.policy = "dry run";
	entry.result = reason;
	audit_write(&entry);
	for (int i = 0; i < n; i++)
	{
		IncidentNote note = {.reason = psprintf("no safe plan: %s", reason)};

		incident_move(ids[i], INCIDENT_NEEDS_HUMAN, &note);
	}
}

/* Claim, diagnose, sort remedies; what is hopeless says so. */
void
round_orient(Round *round)
{
	MemoryContext cxt = CurrentMemoryContext;
	Diagnosis  *diagnosis;
	ListCell   *lc;

	diagnosis = diagnose_table(round->relid);
	round->remedies = playbook_remedies(diagnosis);
	foreach(lc, round->remedies)
	{
		Remedy	   *r = lfirst(lc);

		if (r->step)
			sort_step(round, r->step);
	}
	foreach(lc, round->claimed)
	{
		Incident   *inc = lfirst(lc);
		const Remedy *remedy = remedy_of(round, inc);
		const char *why = hopeless(round, inc, remedy);
		AuditEntry	entry;

		audit_entry(&entry, "diagnosed");
		entry.incident = inc->id;
		entry.relid = round->relid;
		entry.packet = incident_packet(inc, remedy ? remedy->finding : NULL);
		entry.explanation = remedy ? remedy->explanation : why;
		entry.playbook = remedy ? remedy->playbook : NULL;
		entry.rows_held = quarantine_count(round->relid, &inc->id, 1);
		entry.ms_since_capture = round_ms_since(inc->first_seen);
		entry.result = why ? "needs_human" : "plan";
		audit_write(&entry);
		if (why)
			incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &(IncidentNote) {.reason = why});
	}
	MemoryContextSwitchTo(cxt);
}

