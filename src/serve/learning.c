/*
 * learning.c
 *	  A plan of Claude's that helped again and again becomes a playbook.
 *
 * Whoever proposed the steps once, here they are steps like any other: what a
 * playbook gives is vetted for this table, proven on the rows that are held
 * now, and judged by this table's policy. That a person has promoted it opens
 * no door that is shut for the others.
 */
#include "postgres.h"

#include "access/xact.h"
#include "act/sandbox.h"
#include "base/compat.h"
#include "base/giveway.h"
#include "base/guc.h"
#include "base/guc_claude.h"
#include "base/spi.h"
#include "decide/mapsteps.h"
#include "miscadmin.h"
#include "observe/sharing.h"
#include "serve/deaths.h"
#include "serve/learning.h"
#include "serve/proving.h"
#include "serve/rehearse.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

PG_FUNCTION_INFO_V1(selfheal_promote);
PG_FUNCTION_INFO_V1(selfheal_demote);

/* May something be due? At first nobody knows. */
static bool look = true;

/* See the header. */
void
learning_kept(const PlanRow *row, const LearntPattern *pattern)
{
	learnt_keep(row, pattern);
	look = true;
}

/* ---- asked ---- */

/* The claimed incident that a remedy is for, or NULL. */
static const Incident *
incident_of(const Round *round, const Remedy *r)
{
	ListCell   *lc;

	foreach(lc, round->claimed)
	{
		const Incident *inc = lfirst(lc);
		const char *column = r->finding->column;

		if (strcmp(fit_class_name(r->finding->class), inc->class) == 0 &&
			(column == NULL || inc->column == NULL ? column == inc->column : strcmp(column, inc->column) == 0))
			return inc;
	}
	return NULL;
}

/* The steps with one that adds a column first, since that is what limits and
 * cautions look at. */
static void
take_steps(Remedy *r, const HealPlan *plan)
{
	ListCell   *lc;

	r->step = NULL;
	r->also = NIL;
	foreach(lc, plan->steps)
	{
		PlanStep   *step = plan_step_copy(lfirst(lc));

		if (r->step == NULL)
			r->step = step;
		else if (step->kind == STEP_ADD_COLUMN && r->step->kind != STEP_ADD_COLUMN)
		{
			r->also = lappend(r->also, r->step);
			r->step = step;
		}
		else
			r->also = lappend(r->also, step);
	}
	r->settled_by = r->step;
}

/* Has this playbook something to say of the finding? *r becomes that. */
static bool
give(Round *round, Remedy *r, int64 id)
{
	HealPlan   *plan = learnt_plan(id, round->relid, r->finding->column);
	Vetting		vetting = {NULL, NULL};
	Learnt	   *learnt = learnt_get(id, false);
	Remedy		given = *r;
	List	   *cautions;

	if (plan == NULL || learnt == NULL)
		return false;
	vetting = vet_plan(plan);
	if (vetting.plan == NULL || vetted_plan(vetting.plan)->steps == NIL ||
		playbook_frozen(vetted_plan(vetting.plan)) ||
		policy_rule(vetting.plan, forecast_cost(vetting.plan), round->watch.mode, NIL).verdict == VERDICT_REFUSE)
		return false;
	take_steps(&given, vetted_plan(vetting.plan));
	given.learnt = id;
	given.playbook = learnt_name(id);
	given.certain = false;
	given.question = NULL;
	given.options = NIL;
	given.explanation = psprintf("Learnt: the same change was applied " INT64_FORMAT " times as Claude proposed it, and promoted.",
								 learnt->plans);
	if (proving_refuses(round->relid, &given) != NULL)
		return false;
	cautions = proving_cautions(vetted_plan(vetting.plan));
	if (cautions != NIL && given.question == NULL)
		given.question = unconstify(char *, ((const Caution *) linitial(cautions))->question);
	remedy_option(&given, true, given.playbook, given.explanation);
	*r = given;
	return true;
}

/* The learnt reading of a column is one of all of its values. */
static const Remedy *
read_already(const Round *round, const Remedy *r)
{
	ListCell   *lc;

	foreach(lc, round->remedies)
	{
		const Remedy *other = lfirst(lc);

		if (other != r && other->learnt != 0 && mapsteps_is(other->step) &&
			r->finding->column != NULL && other->finding->column != NULL &&
			strcmp(r->finding->column, other->finding->column) == 0)
			return other;
	}
	return NULL;
}

/* See the header. */
void
learning_ask(Round *round)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, round->remedies)
	{
		Remedy	   *r = lfirst(lc);
		const Incident *inc = incident_of(round, r);
		const Remedy *other;

		if (inc == NULL || r->step != NULL || r->settled_by != NULL || r->replay_only ||
			r->finding->contract != NULL)
			continue;
		other = read_already(round, r);
		if (other != NULL)
		{
			r->playbook = other->playbook;
			r->settled_by = other->step;
			r->replay_only = true;
			continue;
		}
		foreach(lc2, learnt_for(inc, 0))
		{
			if (give(round, r, *(int64 *) lfirst(lc2)))
				break;
		}
	}
}

/* Is one of these mappings about the column or key of a finding? */
static bool
is_about(const List *mappings, const Finding *f)
{
	ListCell   *lc;

	foreach(lc, mappings)
	{
		const Mapping *m = lfirst(lc);

		if (f->column != NULL && ((m->field != NULL && strcmp(m->field, f->column) == 0) ||
								  (m->column != NULL && strcmp(m->column, f->column) == 0)))
			return true;
	}
	return false;
}

/* Steps of a remedy leave the list of those that wait. */
static void
take_back(Round *round, const Remedy *r)
{
	ListCell   *lc;

	round->later = list_delete_ptr(round->later, r->step);
	foreach(lc, r->also)
	{
		round->later = list_delete_ptr(round->later, lfirst(lc));
	}
}

/* See the header. */
bool
learning_instead(Round *round, const int64 *ids, int n)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, round->remedies)
	{
		Remedy	   *r = lfirst(lc);
		const Incident *inc = incident_of(round, r);
		Remedy		before = *r;
		List	   *mappings;
		bool		given = false;

		for (int i = 0; i < n && inc != NULL && r->learnt == 0 && r->finding->contract == NULL && !given; i++)
		{
			foreach(lc2, ids[i] == inc->id ? learnt_for(inc, 0) : NIL)
			{
				if (give(round, r, *(int64 *) lfirst(lc2)))
				{
					given = true;
					break;
				}
			}
		}
		if (!given)
			continue;
		take_back(round, &before);
		r->replay_only = false;
		mappings = mapsteps_mappings(round->relid, list_concat(list_make1(r->step), r->also));
		foreach(lc2, round->remedies)
		{
			Remedy	   *other = lfirst(lc2);

			if (other == r || other->learnt != 0 || !is_about(mappings, other->finding))
				continue;
			take_back(round, other);
			other->step = NULL;
			other->also = NIL;
			other->playbook = r->playbook;
			other->settled_by = r->step;
			other->replay_only = true;
		}
		round->later = list_concat(list_concat(list_make1(r->step), r->also), round->later);
		return true;
	}
	return false;
}

/* ---- failed ---- */

/* Not used any more, and why. */
static void
demote(int64 id, const char *by, const char *reason, int64 incident, Oid relid, Jsonb *dry_run)
{
	AuditEntry	entry;

	learnt_set(id, LEARNT_DEMOTED, by, reason);
	audit_entry(&entry, "playbook_demoted");
	entry.incident = incident;
	entry.relid = relid;
	entry.playbook = learnt_name(id);
	entry.dry_run = dry_run;
	entry.result = reason;
	audit_write(&entry);
}

/* Does the round see more than one thing that is wrong, so that rows may be
 * left for another's sake? */
static bool
others_wrong(const Round *round)
{
	ListCell   *lc;

	foreach(lc, round->remedies)
	{
		const Remedy *r = lfirst(lc);

		if (r->learnt == 0 && read_already(round, r) == NULL)
			return true;
	}
	return false;
}

/* Would the other steps do by themselves? Then it is the learnt ones that
 * fail. */
static bool
rest_does(const Round *round, List *rest, const int64 *ids, int n)
{
	HealPlan	draft = {round->relid, rest};
	Vetting		vetting = vet_plan(&draft);

	return vetting.plan != NULL && sandbox_try(vetting.plan, ids, n)->ok;
}

/*
 * See the header. A dry run that only stored no row shows nothing where the
 * rows have something else wrong with them.
 */
bool
learning_failed(Round *round, const List *steps, const int64 *ids, int n, const char *reason)
{
	List	   *learnt = NIL;
	List	   *rest = list_copy(steps);
	JsonbValue	v;
	bool		broke;
	IncidentNote again = {.uncharge = true};
	ListCell   *lc;

	foreach(lc, round->remedies)
	{
		Remedy	   *r = lfirst(lc);
		ListCell   *lc2;

		if (r->learnt == 0 || !list_member_ptr(steps, r->step))
			continue;
		learnt = lappend(learnt, r);
		rest = list_delete_ptr(rest, r->step);
		foreach(lc2, r->also)
		{
			rest = list_delete_ptr(rest, lfirst(lc2));
		}
	}
	if (learnt == NIL || round->refused_trial == NULL)
		return false;
	broke = round->refused_by_check ||
		(getKeyJsonValueFromContainer(&round->refused_trial->root, "history_broken", 14, &v) != NULL &&
		 v.type == jbvNumeric &&
		 DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v.val.numeric))) > 0);
	if (rest != NIL ? !rest_does(round, rest, ids, n) : (!broke && others_wrong(round)))
		return false;
	foreach(lc, learnt)
	{
		const Remedy *r = lfirst(lc);

		demote(r->learnt, "selfheal", psprintf("the dry run failed: %s", reason), ids[0], round->relid,
			   round->refused_trial);
	}
	again.reason = psprintf("%s failed its dry run: planned again without it",
							((const Remedy *) linitial(learnt))->playbook);
	for (int i = 0; i < n; i++)
		incident_move(ids[i], INCIDENT_OPEN, &again);
	return true;
}

/* ---- offered ---- */

/* Rehearse one that is due and say so. */
static void
offer(int64 id)
{
	Learnt	   *learnt = learnt_get(id, true);
	bool		failed = false;
	Jsonb	   *rehearsal;
	AuditEntry	entry;

	if (learnt == NULL || (learnt->state != LEARNT_NOTICED && learnt->state != LEARNT_DEMOTED))
		return;
	rehearsal = rehearse_learnt(id, &failed);
	learnt_set_rehearsal(id, rehearsal);
	if (failed)
	{
		demote(id, "selfheal", "its rehearsal failed", 0, InvalidOid, rehearsal);
		return;
	}
	learnt_set(id, LEARNT_OFFERED, NULL, NULL);
	audit_entry(&entry, "playbook_offered");
	entry.playbook = learnt_name(id);
	entry.dry_run = rehearsal;
	entry.result = psprintf("applied " INT64_FORMAT " times; selfheal.promote(" INT64_FORMAT ") puts it to use",
							learnt->plans, id);
	audit_write(&entry);
}

/* Ids of what is due, in the current context. */
static List *
due(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *ids;

	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	ids = learnt_due();
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	return ids;
}

/* It did not die at it, whatever else became of it. */
static void
uncharge(int64 id)
{
	spi_xact_begin();
	deaths_none(DEATHS_OF_LEARNT, id);
	spi_xact_commit(true);
}

/* Charge one before its rehearsal. False: this is not done any more. */
static bool
claim(int64 id)
{
	bool		charged;

	spi_xact_begin();
	charged = deaths_charge(DEATHS_OF_LEARNT, id);
	if (!charged)
		demote(id, "selfheal", deaths_reason("its rehearsal"), 0, InvalidOid, NULL);
	spi_xact_commit(true);
	if (charged)
		spi_flush();
	return charged;
}

/*
 * One, fenced: what goes wrong is said in the log, and tried again when its plan
 * is applied once more or the worker starts anew.
 */
static void
fenced_offer(int64 id, MemoryContext cxt)
{
	volatile bool charged = false;
	ErrorData  *volatile edata = NULL;

	if (guc_statement_timeout > 0)
		enable_timeout_after(STATEMENT_TIMEOUT, guc_statement_timeout);
	PG_TRY();
	{
		charged = claim(id);
		if (charged)
		{
			spi_xact_begin();
			offer(id);
			deaths_none(DEATHS_OF_LEARNT, id);
			spi_xact_commit(true);
		}
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		FlushErrorState();
		spi_xact_abort();
	}
	PG_END_TRY();
	if (guc_statement_timeout > 0)
		disable_timeout(STATEMENT_TIMEOUT, false);
	MemoryContextSwitchTo(cxt);
	if (edata != NULL && charged)
	{
		uncharge(id);
		MemoryContextSwitchTo(cxt);
	}
	if (edata != NULL && giveway_was(edata))
	{
		look = true;			/* somebody has the table: not for long */
		ReThrowError(edata);
	}
	if (edata != NULL)
		sharing_report(edata, InvalidOid);
}

/* See the header. */
void
learning_pass(void)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext cxt;
	ListCell   *lc;

	if (!look || guc_promote_after == 0)
		return;
	look = false;
	cxt = AllocSetContextCreate(outer, "selfheal learning", ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	foreach(lc, due())
	{
		CHECK_FOR_INTERRUPTS();
		fenced_offer(*(int64 *) lfirst(lc), cxt);
	}
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(cxt);
}

/* ---- by a person ---- */

/* The playbook that the first argument names, its row locked; raises. */
static Learnt *
learnt_arg(FunctionCallInfo fcinfo)
{
	Learnt	   *learnt;

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("id must not be null"),
				 errhint("Ids stand in the view selfheal.playbooks.")));
	learnt = learnt_get(PG_GETARG_INT64(0), true);
	if (learnt == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("learnt playbook " INT64_FORMAT " does not exist", PG_GETARG_INT64(0)),
				 errhint("Ids stand in the view selfheal.playbooks.")));
	return learnt;
}

/*
 * promote(id): 55000 when it was not offered, is in use already, or failed its
 * rehearsal.
 */
Datum
selfheal_promote(PG_FUNCTION_ARGS)
{
	Learnt	   *learnt = learnt_arg(fcinfo);
	AuditEntry	entry;

	if (learnt->failed || learnt->state == LEARNT_NOTICED || learnt->state == LEARNT_PROMOTED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 learnt->failed && learnt->state != LEARNT_PROMOTED ?
				 errmsg("learnt playbook " INT64_FORMAT " failed its rehearsal", learnt->id) :
				 errmsg("learnt playbook " INT64_FORMAT " is %s", learnt->id, learnt_state_name(learnt->state)),
				 learnt->state == LEARNT_NOTICED ?
				 errhint("It is offered when its plan has been applied selfheal.promote_after times.") :
				 learnt->state == LEARNT_PROMOTED ? errhint("selfheal.demote() does without it.") :
				 errhint("What failed stands in selfheal.playbooks.rehearsal.")));
	learnt_set(learnt->id, LEARNT_PROMOTED, GetUserNameFromId(GetUserId(), false), NULL);
	audit_entry(&entry, "playbook_promoted");
	entry.playbook = learnt_name(learnt->id);
	entry.result = psprintf("its plan was applied " INT64_FORMAT " times", learnt->plans);
	audit_write(&entry);
	PG_RETURN_VOID();
}

/* demote(id, why): 55000 when it is neither offered nor promoted. */
Datum
selfheal_demote(PG_FUNCTION_ARGS)
{
	Learnt	   *learnt = learnt_arg(fcinfo);

	if (learnt->state != LEARNT_OFFERED && learnt->state != LEARNT_PROMOTED)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("learnt playbook " INT64_FORMAT " is %s", learnt->id, learnt_state_name(learnt->state)),
				 errhint("Nothing is done by it.")));
	demote(learnt->id, GetUserNameFromId(GetUserId(), false),
		   PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)), 0, InvalidOid, NULL);
	PG_RETURN_VOID();
}
