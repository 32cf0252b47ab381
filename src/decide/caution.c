/*
 * caution.c
 *	  What makes a new column, or a mapping, wait for a person, whatever it
 *	  costs.
 */
#include "postgres.h"

#include "base/guc.h"
#include "decide/caution.h"
#include "utils/lsyscache.h"

/* See the header. */
char *
caution_words(Oid relid, const Caution *caution)
{
	if (caution->question != NULL)
		return pstrdup(caution->question);
	if (caution->alike == NULL)
		return psprintf("beyond the %d new columns a day of selfheal.max_new_columns",
						guc_max_new_columns);
	return psprintf("\"%s\" is a suspected rename of %s \"%s\"", caution->column,
					get_attnum(relid, caution->alike) != InvalidAttrNumber ?
					"column" : "the new key", caution->alike);
}

/* Is this column one that the plan adds? */
static bool
adds(const HealPlan *plan, const char *column)
{
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (step->kind == STEP_ADD_COLUMN && strcmp(step->column, column) == 0)
			return true;
	}
	return false;
}

/* See the header. */
List *
caution_renames(const HealPlan *plan, const List *cautions)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, cautions)
	{
		const Caution *caution = lfirst(lc);

		if (caution->alike != NULL && adds(plan, caution->column))
			result = lappend(result, caution_words(plan->relid, caution));
	}
	return result;
}

/* See the header. */
List *
caution_questions(const HealPlan *plan, const List *cautions)
{
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, cautions)
	{
		const Caution *caution = lfirst(lc);

		foreach(lc2, plan->steps)
		{
			const PlanStep *step = lfirst(lc2);

			if (caution->question != NULL && plan_step_place(step->kind) == STEP_IN_MAPPING &&
				strcmp(step->column, caution->column) == 0)
			{
				result = lappend(result, caution_words(plan->relid, caution));
				break;
			}
		}
	}
	return result;
}

/* See the header. */
List *
caution_beyond(const HealPlan *plan, const List *cautions)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, cautions)
	{
		const Caution *caution = lfirst(lc);

		if (caution->beyond && adds(plan, caution->column))
			result = lappend(result, unconstify(char *, caution->column));
	}
	return result;
}

/* See the header. */
List *
caution_strange(const HealPlan *plan, const List *cautions)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, cautions)
	{
		const Caution *caution = lfirst(lc);

		if (caution->strange && adds(plan, caution->column))
			result = lappend(result, unconstify(char *, caution->column));
	}
	return result;
}
