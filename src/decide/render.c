/*
 * render.c
 *	  From a plan's steps to the SQL that runs, and to what would undo it.
 */
#include "postgres.h"

#include "decide/forms.h"
#include "decide/render.h"
#include "utils/builtins.h"

/* See the header. */
char *
render_alter(const HealPlan *plan, Oid target)
{
	StringInfoData buf;
	char	   *name = plan_relation_name(target);
	const char *sep = " ";
	ListCell   *lc;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", target)));
	if (!plan_has(plan, STEP_IN_ALTER))
		return NULL;
	initStringInfo(&buf);
	appendStringInfo(&buf, "ALTER TABLE %s", name);
	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (plan_step_place(step->kind) != STEP_IN_ALTER)
			continue;
		appendStringInfoString(&buf, sep);
		sep = ", ";
		form_of(step->kind)->clause(&buf, target, step);
	}
	return buf.data;
}

/* See the header. */
List *
render_statements(const HealPlan *plan, StepPlace place)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		StepPlace	own = plan_step_place(step->kind);

		if ((own == place || (own == STEP_IN_ALTER && place == STEP_BESIDE)) &&
			form_of(step->kind)->statements != NULL)
			result = list_concat(result, form_of(step->kind)->statements(plan->relid, step));
	}
	return result;
}

/* See the header. */
char *
render_text(const HealPlan *plan)
{
	StringInfoData buf;
	List	   *all = render_statements(plan, STEP_BEFORE);
	char	   *alter = render_alter(plan, plan->relid);
	ListCell   *lc;

	if (alter != NULL)
		all = lappend(all, alter);
	all = list_concat(all, render_statements(plan, STEP_BESIDE));
	all = list_concat(all, render_statements(plan, STEP_IN_MAPPING));
	initStringInfo(&buf);
	foreach(lc, all)
		appendStringInfo(&buf, "%s%s", buf.len ? "; " : "", (char *) lfirst(lc));
	return buf.len ? buf.data : NULL;
}

/*
 * The opposite, last step first, with a comment line for each loss. It is a
 * record for people: nothing here runs it.
 */
char *
render_inverse(const HealPlan *plan)
{
	StepUndo	undo = {0};
	StringInfoData alter;
	char	   *name = plan_relation_name(plan->relid);

	if (plan->steps == NIL || name == NULL)
		return NULL;
	initStringInfo(&undo.notes);
	initStringInfo(&undo.clause);
	initStringInfo(&undo.after);
	initStringInfo(&alter);
	for (int i = list_length(plan->steps) - 1; i >= 0; i--)
	{
		const PlanStep *step = list_nth(plan->steps, i);

		/* a name may hold a newline, and a comment ends there */
		undo.shown = (strpbrk(step->column, "\r\n") != NULL) ?
			"the column" : quote_identifier(step->column);
		resetStringInfo(&undo.clause);
		if (form_of(step->kind)->undo != NULL)
			form_of(step->kind)->undo(plan, step, &undo);
		if (undo.clause.len > 0)
			appendStringInfo(&alter, "%s%s", alter.len > 0 ? ", " : "", undo.clause.data);
	}
	if (alter.len > 0)
		appendStringInfo(&undo.notes, "ALTER TABLE %s %s%s", name, alter.data,
						 undo.after.len > 0 ? ";\n" : "");
	appendStringInfoString(&undo.notes, undo.after.data);
	return undo.notes.data;
}
