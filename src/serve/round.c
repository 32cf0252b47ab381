/*
 * round.c
 *	  One table's round: from its claimed incidents to plans that may run.
 *
 * Each remedy's step is judged alone first: what policy lets run goes into
 * one plan, what a person must approve into another, so that nobody's rows
 * wait for another's approval.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "decide/effect.h"
#include "decide/forecast.h"
#include "decide/overflow.h"
#include "miscadmin.h"
#include "observe/mapping.h"
#include "orient/refused.h"
#include "serve/consult.h"
#include "serve/learning.h"
#include "serve/proving.h"
#include "serve/round.h"
#include "write/route.h"

double
round_ms_since(TimestampTz then)
{
	return (GetCurrentTimestamp() - then) / 1000.0;
}

/* What a plan costs and who feels it, as it is recorded when it is made. */
static Jsonb *
forecast_of(const PlanRow *row, const char *event)
{
	if (row->impact == NULL || row->forecast == NULL ||
		(strcmp(event, "planned") != 0 && strcmp(event, "proposed") != 0))
		return row->forecast;
	return effect_join(row->forecast, row->impact);
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
	entry->forecast = forecast_of(row, event);
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

		/*
		 * what an insert refused and no step cures: the held rows fit, as far
		 * as can be seen without one, unless the playbook is certain
		 */
		if (r->finding->refused != NIL && r->settled_by == NULL && !r->replay_only &&
			!r->certain && ((const Refused *) llast(r->finding->refused))->need == NULL)
			continue;
		if (strcmp(fit_class_name(r->finding->class), inc->class) == 0 &&
			((column == NULL && inc->column == NULL) ||
			 (column && inc->column && strcmp(column, inc->column) == 0)))
			return r;
	}
	return NULL;
}

/* A step that will not be taken, and why. */
static void
refuse_step(Round *round, const PlanStep *step, char *reason)
{
	Refusal    *refusal = palloc(sizeof(Refusal));

	refusal->step = step;
	refusal->reason = reason;
	round->refused = lappend(round->refused, refusal);
}

/* New columns that the table may still get today by itself. */
static int
column_quota(Oid relid)
{
	SpiUser		saved;
	SpiArgs		args;
	int64		added;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("SELECT count(*) FROM selfheal.plan p, jsonb_array_elements(p.steps -> 'steps') s"
			 " WHERE p.relid = $1 AND p.state = 'applied' AND p.applied_at > clock_timestamp() - interval '24 hours'"
			 " AND p.verdict = 'auto' AND s ->> 'kind' = 'add_column'", &args);
	added = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return (int) Max(guc_max_new_columns - added, 0);
}

/* What a person must say before a mapping is used. */
static void
note_question(Round *round, const Remedy *remedy)
{
	Caution    *caution = palloc0(sizeof(Caution));

	caution->column = remedy->step->column;
	caution->question = remedy->question;
	round->cautions = lappend(round->cautions, caution);
}

/* What is to be said of a new column before policy is asked. What the team
 * has said itself is not cautioned against. */
static void
note_caution(Round *round, const Remedy *remedy)
{
	Caution    *caution;
	bool		beyond;

	if (remedy->step->kind != STEP_ADD_COLUMN || remedy->hint != NULL)
		return;
	beyond = remedy->alike == NULL && round->quota-- <= 0;
	if (remedy->alike == NULL && !beyond)
		return;
	caution = palloc0(sizeof(Caution));
	caution->column = remedy->step->column;
	caution->alike = remedy->alike;
	caution->beyond = beyond;
	round->cautions = lappend(round->cautions, caution);
}

/* Would policy let this step run by itself, alone? */
static bool
runs_alone(void *arg, PlanStep *step)
{
	Round	   *round = arg;
	HealPlan	single = {round->relid, list_make1(step)};
	Vetting		vetting = vet_plan(&single);

	return vetting.plan && vetted_plan(vetting.plan)->steps != NIL &&
		policy_rule(vetting.plan, forecast_cost(vetting.plan), round->watch.mode,
					round->cautions).verdict == VERDICT_AUTO;
}

/*
 * A remedy's step and what goes with it, behind those of others. A column that
 * two of them make wider is made so once, to what both need: what goes with a
 * step makes room for it and no more.
 */
static List *
add_steps(List *list, const Remedy *remedy)
{
	List	   *more = list_concat(list_make1(remedy->step), remedy->also);
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, more)
	{
		PlanStep   *step = lfirst(lc);
		bool		there = false;

		foreach(lc2, list)
		{
			PlanStep   *other = lfirst(lc2);

			if (step->kind != STEP_WIDEN_TYPE || other->kind != STEP_WIDEN_TYPE ||
				strcmp(step->column, other->column) != 0)
				continue;
			there = true;
			if (other->type == INT2OID || other->type == INT4OID)
				other->type = step->type;
			else if (step->type == INT2OID || step->type == INT4OID)
				step->type = other->type;
			if (step == remedy->step)
				lfirst(lc2) = step;
		}
		if (!there)
			list = lappend(list, step);
	}
	return list;
}

/* Ask vet, forecast and policy about one remedy's step alone (and what goes
 * with it). */
static void
sort_step(Round *round, Remedy *remedy)
{
	PlanStep   *step = remedy->step;
	HealPlan	single = {round->relid, list_concat(list_make1(step), remedy->also)};
	Vetting		vetting;
	Ruling		ruling;
	List	   *part;
	char	   *hopeless;

	if (remedy_adds_column(remedy) && !overflow_takes(remedy) && round->room-- <= 0)
	{
		refuse_step(round, step,
					psprintf("the table would come within %d columns of PostgreSQL's limit of %d, where only a person's own propose() adds any",
							 OVERFLOW_COLUMNS_KEPT, MaxHeapAttributeNumber));
		return;
	}
	hopeless = proving_hopeless(round->remedies, remedy);
	if (hopeless != NULL)
	{
		refuse_step(round, step, hopeless);
		return;
	}
	note_caution(round, remedy);
	vetting = vet_plan(&single);
	if (vetting.plan && vetted_plan(vetting.plan)->steps == NIL)
		return;					/* already so */
	if (vetting.plan)
		vetting.reason = proving_refuses(round->relid, remedy);
	if (vetting.plan && vetting.reason)
		vetting.plan = NULL;
	if (vetting.plan && remedy->question)
		note_question(round, remedy);
	if (vetting.plan)
	{
		ruling = policy_rule(vetting.plan, forecast_cost(vetting.plan), round->watch.mode,
							 round->cautions);
		if (ruling.verdict == VERDICT_AUTO)
		{
			round->now = add_steps(round->now, remedy);
			return;
		}

		/*
		 * what cannot run by itself need not keep back what can: it is for
		 * the rows that are left, and planned again with them
		 */
		part = ruling.verdict == VERDICT_REVIEW ? proving_part(remedy, runs_alone, round) : NIL;
		if (part != NIL)
		{
			round->now = list_concat(round->now, part);
			return;
		}
		if (ruling.verdict == VERDICT_REVIEW)
		{
			round->later = add_steps(round->later, remedy);
			return;
		}
	}
	refuse_step(round, step, vetting.plan ? pstrdup(ruling.reason) : vetting.reason);
}

/* Did a person change the table, so that it may help, after the newest row of
 * this incident was refused? */
static bool
changed_since(const Incident *inc)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		changed;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, inc->id);
	changed = spi_exec("SELECT FROM selfheal.incident i JOIN selfheal.ddl d ON d.relid = i.relid"
					   " AND d.at > i.last_seen AND d.answered IS NOT NULL WHERE i.id = $1 LIMIT 1", &args) > 0;
	spi_close(&saved);
	return changed;
}

/* What a playbook says that looked at what inserts refused, and took no step;
 * NULL when none had anything to say. */
static const char *
looked_at(const Round *round, FitClass class)
{
	ListCell   *lc;

	foreach(lc, round->remedies)
	{
		const Remedy *r = lfirst(lc);

		if (r->finding->class == class && r->finding->refused != NIL && r->step == NULL &&
			r->options != NIL)
			return r->explanation;
	}
	return NULL;
}

/* Why no step of ours will help these rows, or NULL when one may. */
static const char *
hopeless(const Round *round, const Incident *inc, const Remedy *remedy)
{
	const PlanStep *step = remedy ? remedy->settled_by : NULL;
	FitClass	class = fit_class_from_name(inc->class);
	const char *said;
	ListCell   *lc;

	if (list_member_ptr(round->partly, inc))
		return NULL;
	foreach(lc, round->refused)
	{
		if (((Refusal *) lfirst(lc))->step == step && step != NULL)
			return ((Refusal *) lfirst(lc))->reason;
	}
	if (remedy != NULL)
		return remedy->playbook == NULL && !remedy->replay_only ?
			remedy->explanation : NULL;

	/*
	 * No finding: the rows fit the table's columns. What the insert itself
	 * refused is tried again only when somebody asked for it, or changed the
	 * table meanwhile, or when it is of the kind that passes. A duplicate may
	 * equal the stored row: then it is there already. What looks like drift
	 * may come from a trigger, and is tried; but where the server of a
	 * foreign table says it, the table there is too narrow. (What our check
	 * has found fits by now, since the team has said so.)
	 */
	if (inc->attempts > 1 || changed_since(inc))
		return NULL;
	if (!fit_is_drift(class) && class > FIT_UNIQUE && class != FIT_RETRY &&
		looked_at(round, class))
		return psprintf("%s selfheal.retry(" INT64_FORMAT ") when the cause is gone",
						looked_at(round, class), inc->id);
	said = refused_said(inc->id);
	if (!fit_is_drift(class) && class > FIT_UNIQUE && class != FIT_RETRY &&
		class != FIT_AWAITING_ORDER)
		return psprintf("%s: no playbook changes a table for this%s%s; amend() or discard() the rows, or selfheal.retry(" INT64_FORMAT ") when the cause is gone",
						inc->class, said ? ": " : "", said ? said : "", inc->id);
	if (fit_is_drift(class) && OidIsValid(route_foreign(round->relid, true)) &&
		!incident_of_check(inc->id))
		return psprintf("%s: the server of the foreign table refused the rows: change the table there, "
						"then here with ALTER FOREIGN TABLE, or selfheal.retry(" INT64_FORMAT ")",
						inc->class, inc->id);
	return NULL;
}

/* The same as one of a closed list. */
static HumanReason
hopeless_kind(const Round *round, const Incident *inc, const Remedy *remedy)
{
	ListCell   *lc;

	foreach(lc, round->refused)
	{
		if (remedy && remedy->settled_by && ((Refusal *) lfirst(lc))->step == remedy->settled_by)
			return HUMAN_REFUSED;
	}
	if (remedy && remedy->finding->contract)
		return HUMAN_REFUSED;
	return fit_class_from_name(inc->class) == FIT_WRONG_TYPE ?
		HUMAN_CONTRADICTORY_EVIDENCE : HUMAN_NO_PLAYBOOK;
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

/* See the header. */
int64
round_held(const Round *round, const int64 *ids, int n)
{
	int64		held = 0;

	for (int i = 0; i < n; i++)
		held += diagnose_held(round->diagnosis, ids[i]);
	return held;
}

char *
round_caution(const Round *round, int64 incident)
{
	const Remedy *remedy = NULL;
	ListCell   *lc;

	foreach(lc, round->claimed)
	{
		const Incident *inc = lfirst(lc);

		if (inc->id == incident)
			remedy = remedy_of(round, inc);
	}
	if (remedy == NULL || remedy->step == NULL)
		return NULL;
	foreach(lc, round->cautions)
	{
		const Caution *caution = lfirst(lc);

		if (strcmp(caution->column, remedy->step->column) == 0)
			return caution_words(round->relid, caution);
	}
	return NULL;
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
	entry.policy = round->refused_by_check ? "check" : "no-safe-plan";
	entry.dry_run = round->refused_trial;
	entry.result = reason;
	audit_write(&entry);
	for (int i = 0; i < n; i++)
	{
		IncidentNote note = {
			.reason = psprintf("no safe plan: %s", reason),
			.human = round->human
		};

		consult_or_human(incident_get(ids[i]), &note);
	}
}

/*
 * Did this incident only ever have reports that brought no payload, or plain
 * statements whose row is not known? Then there is nothing to plan from and
 * nothing to put in: in words, what was said instead; or NULL. What a person
 * has changed since (again) may have been the cure of a statement.
 */
static char *
no_row(const Incident *inc, bool again)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *why = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, inc->id);
	if (spi_exec("SELECT FROM selfheal.error WHERE incident = $1 HAVING bool_and(door = 'report' AND payload IS NULL)",
				 &args) > 0)
		why = MemoryContextStrdup(cxt, "a report without a payload: there is nothing to plan from");
	else if (!again &&
			 spi_exec("SELECT concat(l.message, ': the row of the statement is not known', ' (' || (l.context ->> 'opaque') || ')',"
					  "  '; it may have been ' || (SELECT string_agg(concat(c ->> 'class', ' of ', c ->> 'table', ', column ' || (c ->> 'column'),"
					  "   ', which would need ' || (c ->> 'need')), ', or ' ORDER BY n)"
					  "   FROM jsonb_array_elements(l.context -> 'candidates') WITH ORDINALITY x(c, n)),"
					  "  '; change the table, then selfheal.retry(', $1::text, '), or selfheal.dismiss() it')"
					  " FROM selfheal.error l WHERE l.incident = $1"
					  " AND NOT EXISTS (SELECT FROM selfheal.error o WHERE o.incident = $1 AND (o.door <> 'statement' OR o.load IS NOT NULL))"
					  " ORDER BY l.id DESC LIMIT 1", &args) > 0)
		why = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return why;
}

/* Does the remedy's step wait for a person? */
static bool
waits(const Round *round, const Remedy *remedy)
{
	return remedy != NULL && remedy->settled_by != NULL &&
		list_member_ptr(round->later, remedy->settled_by);
}

/* Not in this round: the next will ask of the rows that are left. */
static void
ask_later(Round *round, const Remedy *remedy)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (!waits(round, remedy))
		return;
	foreach(lc, round->remedies)
	{
		const Remedy *r = lfirst(lc);

		if (r->step == NULL || r->step != remedy->settled_by)
			continue;
		round->later = list_delete_ptr(round->later, r->step);
		foreach(lc2, r->also)
		{
			round->later = list_delete_ptr(round->later, lfirst(lc2));
		}
	}
}

/* Claim, diagnose, sort remedies; what is hopeless says so, and what has no
 * row left to heal is done. */
void
round_orient(Round *round)
{
	MemoryContext cxt = CurrentMemoryContext;
	bool		mapped;
	ListCell   *lc;

	round->diagnosis = diagnose_table(round->relid);
	mapped = round->diagnosis->fitting > 0 && mapping_list(round->relid) != NIL;
	round->remedies = playbook_remedies(round->diagnosis);
	learning_ask(round);
	round->room = overflow_room(round->relid);
	round->quota = column_quota(round->relid);
	foreach(lc, round->remedies)
	{
		Remedy	   *r = lfirst(lc);

		if (r->step)
			sort_step(round, r);
	}
	foreach(lc, round->claimed)
	{
		Incident   *inc = lfirst(lc);
		const Remedy *remedy = remedy_of(round, inc);
		int64		held = diagnose_held(round->diagnosis, inc->id);
		bool		empty = remedy == NULL && held == 0;
		const char *why = NULL;
		HumanReason human = hopeless_kind(round, inc, remedy);
		AuditEntry	entry;

		if (!empty)
			why = hopeless(round, inc, remedy);
		else
		{
			why = no_row(inc, inc->attempts > 1 || changed_since(inc));
			human = HUMAN_NO_PAYLOAD;
		}

		/*
		 * looked at again: the cure may be one for some of its rows only, as
		 * a mapping may be that came before the first look. Those need not
		 * wait for what a person is to be asked about the others. (What an
		 * insert refused always seems to fit.)
		 */
		if ((why || (waits(round, remedy) && remedy->finding->refused == NIL)) &&
			remedy && !remedy->certain && held > 0 &&
			(inc->attempts > 1 || (mapped && remedy->finding->refused == NIL)) &&
			diagnose_fits(round->relid, inc->id))
		{
			round->partly = lappend(round->partly, inc);
			ask_later(round, remedy);
			why = NULL;
		}

		audit_entry(&entry, "diagnosed");
		entry.incident = inc->id;
		entry.relid = round->relid;
		entry.packet = incident_packet(inc, remedy ? remedy->finding : NULL);
		entry.explanation = remedy ? remedy->explanation : why;
		entry.playbook = remedy ? remedy->playbook : NULL;
		/* a row stands under the first of its misfits, and shows them all */
		entry.rows_held = remedy ? Max(held, remedy->finding->rows) : held;
		entry.ms_since_capture = round_ms_since(inc->first_seen);
		entry.result = why ? "needs_human" : empty ? "nothing left" : "plan";
		audit_write(&entry);
		if (why)
		{
			IncidentNote note = {.reason = why,.human = human};

			consult_or_human(inc, &note);
		}
		else if (empty)
			incident_move(inc->id, INCIDENT_HEALED, NULL);
		if (empty)
			round->claimed = foreach_delete_current(round->claimed, lc);
	}
	MemoryContextSwitchTo(cxt);
}

/*
 * Does what a person would be asked look as if a key had been renamed or
 * restructured: a column's key is gone from rows that bring an unknown one, or a
 * new key is spelt nearly like a known one? Then the playbook's own plan is the
 * second best.
 */
static bool
restructured(const Round *round)
{
	bool		unknown = false;
	bool		gone = false;
	ListCell   *lc;

	foreach(lc, round->remedies)
	{
		const Remedy *r = lfirst(lc);

		unknown |= r->finding->class == FIT_UNKNOWN_KEY;
		gone |= r->finding->class == FIT_MISSING_KEY && waits(round, r);
		if (r->alike != NULL && waits(round, r))
			return true;
	}
	return unknown && gone;
}

bool
round_asks_first(Round *round, const int64 *ids, int n)
{
	return restructured(round) && !learning_instead(round, ids, n) && consult_before_person(round->relid, ids, n);
}
