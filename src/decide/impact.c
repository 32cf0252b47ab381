/*
 * impact.c
 *	  Who downstream feels a plan: lines for people, and for the policy.
 *
 * Each source of lines is asked for each step; what would be said of several
 * columns in the same words is one line. What cannot be seen from here is
 * said (prepared statements of other sessions) or left out (foreign tables of
 * other servers that point at this one).
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "decide/checklist.h"
#include "decide/constant.h"
#include "decide/followers.h"
#include "decide/impact.h"
#include "decide/lattice.h"
#include "decide/lineage.h"
#include "decide/mentions.h"
#include "decide/named.h"
#include "decide/numbering.h"
#include "decide/rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Does the step change what the column's values look like to its readers? What
 * numbers rows, or fills them, does not. */
static bool
changes_values(const PlanStep *step)
{
	return step->kind != STEP_EXTEND_SEQUENCE && step->kind != STEP_SET_DEFAULT &&
		step->kind != STEP_SET_GENERATED_BY_DEFAULT && step->kind != STEP_ATTACH_PARTITION;
}

/* Is the change refused for this, since it cannot be made again? */
static bool
is_refused(const Survey *s, const char *kind, const char *object)
{
	char	   *name = psprintf("%s %s", kind, object);
	ListCell   *lc;

	foreach(lc, s->cost->refused)
		if (strcmp(lfirst(lc), name) == 0)
		return true;
	return false;
}

/* What the columns of a view become. */
static const char *
view_effect(const PlanStep *step, const ViewReach *reach)
{
	StringInfoData buf;
	bool		types = plan_changes_type(step);
	bool		one;

	initStringInfo(&buf);
	if (reach->carried != NIL)
	{
		one = list_length(reach->carried) == 1;
		appendStringInfo(&buf, "its column%s %s ", one ? "" : "s",
						 effect_some_of(reach->carried, true));
		if (types)
			appendStringInfo(&buf, "become%s %s", one ? "s" : "",
							 lattice_name(step->type, step->typmod));
		else
			appendStringInfoString(&buf, "may be null");
	}
	if (reach->computed != NIL)
		appendStringInfo(&buf, "%s%s, computed from it, may %s",
						 buf.len > 0 ? "; " : "",
						 effect_some_of(reach->computed, true),
						 types ? "become another type" : "be null");
	if (buf.len == 0)
		appendStringInfo(&buf, "uses %s; what it shows stays as it is",
						 quote_identifier(step->column));
	if (reach->materialized)
		appendStringInfoString(&buf, types ? "; its rows are computed anew" :
							   "; its rows are those of its last REFRESH");
	return buf.data;
}

/* Views over the column, nearest first. Who stands on a view that PostgreSQL
 * would not let change is in its way as well. */
static void
survey_views(Survey *s, const PlanStep *step)
{
	bool		cut;
	List	   *reached = lineage_of_step(s->tree, step, &cut);
	List	   *refused = NIL;	/* oids */
	ListCell   *lc;

	foreach(lc, reached)
	{
		const ViewReach *reach = lfirst(lc);
		const char *kind = reach->materialized ? "materialized view" : "view";
		char	   *name = plan_relation_name(reach->view);
		ImpactLevel level = IMPACT_NOTE;

		if (name == NULL)
			continue;
		if (plan_changes_type(step))
		{
			if (is_refused(s, kind, name) ||
				list_member_oid(refused, reach->through))
			{
				level = IMPACT_REFUSE;
				refused = lappend_oid(refused, reach->view);
			}
			else if (reach->carried != NIL || reach->computed != NIL)
				level = IMPACT_REVIEW;
		}
		effect_add(&s->drafts, kind, name, step, level, reach->depth,
				   view_effect(step, reach), NULL);
	}
	if (cut)
		survey_add(s, "view", "and more", step, plan_changes_type(step) ?
				   IMPACT_REVIEW : IMPACT_NOTE,
				   psprintf("more than %d stand on the column: the rest was not looked at",
							LINEAGE_MAX_VIEWS), NULL);
}

/* Views that show every column show none that is new. */
static void
survey_full_views(Survey *s, const PlanStep *step, const List *views)
{
	ListCell   *lc;

	foreach(lc, views)
	{
		const ViewReach *reach = lfirst(lc);
		char	   *name = plan_relation_name(reach->view);

		if (name != NULL)
			survey_add(s, reach->materialized ? "materialized view" : "view", name,
					   step, IMPACT_NOTE, "shows every column there is, and "
					   "will not show ", " until it is made anew");
	}
}

/* What a step does to something that names the column, by its kind. */
static void
add_named(Survey *s, const PlanStep *step, const char *kind, const char *object)
{
	if (step->kind == STEP_ADD_ENUM_LABEL)
	{
		if (strcmp(kind, "statistics object") != 0)
			survey_add(s, kind, object, step, IMPACT_NOTE, "names ",
					   ", which may have a new label then");
	}
	else if (step->kind == STEP_DROP_NOT_NULL)
	{
		if (strcmp(kind, "check") == 0)
			survey_add(s, kind, object, step, IMPACT_NOTE, "names ",
					   ": a null passes what is neither true nor false of it");
		else if (strcmp(kind, "index") != 0 &&
				 strcmp(kind, "statistics object") != 0)
			survey_add(s, kind, object, step, IMPACT_NOTE, "names ",
					   ", which may be null then");
	}
	else if (is_refused(s, kind, object))
		survey_add(s, kind, object, step, IMPACT_REFUSE, "names ",
				   ": PostgreSQL refuses a new type, and it cannot be made again exactly");
	else if (strcmp(kind, "check") == 0)
		survey_add(s, kind, object, step, IMPACT_NOTE, "names ",
				   " and is made anew");
	else if (strcmp(kind, "index") == 0)
		survey_add(s, kind, object, step, IMPACT_NOTE, "names ",
				   " in an expression or a predicate and is built anew");
	else if (strcmp(kind, "statistics object") == 0)
		survey_add(s, kind, object, step, IMPACT_NOTE, "covers ",
				   " and knows nothing of it until the next ANALYZE");
	else
		survey_add(s, kind, object, step, IMPACT_NOTE, "names ",
				   " and is made anew");
}

/* Triggers, policies, rules, generated columns, checks and the like. */
static void
survey_dependents(Survey *s, const PlanStep *step)
{
	ListCell   *lc;

	foreach(lc, named_column(s->tree, step->column))
	{
		const NamedBy *named = lfirst(lc);

		add_named(s, step, named->kind, named->object);
	}
}

/* Foreign keys of the column and to it. */
static void
survey_foreign_keys(Survey *s, const PlanStep *step)
{
	ListCell   *lc;

	foreach(lc, named_foreign_keys(s->tree, step->column))
	{
		const NamedKey *key = lfirst(lc);

		if (plan_changes_type(step))
			survey_add(s, "foreign key", key->object, step, IMPACT_REVIEW,
					   "is made anew for ",
					   psprintf("; %s stays %s", key->other, key->other_type));
		else if (step->kind == STEP_DROP_NOT_NULL && key->refers)
			survey_add(s, "foreign key", key->object, step, IMPACT_NOTE, "a null in ",
					   psprintf(" refers to nothing in %s and is not checked",
								key->other));
	}
}

/* Columns elsewhere and functions that have the table's row type. */
static void
survey_row_type(Survey *s, const PlanStep *step, const List *users)
{
	ListCell   *lc;

	foreach(lc, users)
	{
		const NamedBy *user = lfirst(lc);
		const char *rows = strcmp(user->kind, "function") == 0 ?
		"takes or returns rows of this table, " : "has rows of this table, ";

		if (step->kind == STEP_ADD_COLUMN)
			survey_add(s, user->kind, user->object, step, IMPACT_NOTE,
					   psprintf("%sfrom then on with ", rows), "");
		else if (step->kind == STEP_DROP_NOT_NULL)
			survey_add(s, user->kind, user->object, step, IMPACT_NOTE,
					   psprintf("%sin which ", rows), " may be null then");
		else if (is_refused(s, user->kind, user->object))
			survey_add(s, user->kind, user->object, step, IMPACT_REFUSE,
					   psprintf("%sso that PostgreSQL refuses a new type of ", rows), "");
		else
			survey_add(s, user->kind, user->object, step, IMPACT_NOTE,
					   psprintf("%sin which ", rows), " gets its new type");
	}
}

/* What a reader of the column meets once it has another type. */
static void
survey_readers(Survey *s, const PlanStep *step)
{
	AttrNumber	attnum = get_attnum(s->plan->relid, step->column);

	if (attnum != InvalidAttrNumber && get_atttype(s->plan->relid, attnum) == BPCHAROID)
		survey_add(s, "readers", "of the table", step, IMPACT_NOTE, "find ",
				   " without the blanks it was padded with: length() and || see the difference");
	else
		survey_add(s, "readers", "of the table", step, IMPACT_NOTE, "sort and compare ",
				   " as text from then on: 10 stands before 9, and what calculates with it fails until it casts");
}

/* The CHECK whose list gets longer. */
static void
survey_list(Survey *s, const PlanStep *step)
{
	char	   *name = checklist_name(step);

	if (name != NULL)
		survey_add(s, "check", quote_identifier(name), step, IMPACT_NOTE, "takes more values of ",
				   ": what decides by them meets new ones");
}

/* What else has the enum's labels. */
static void
survey_labels(Survey *s, const PlanStep *step)
{
	ListCell   *lc;

	foreach(lc, named_column_type(s->tree, step->column))
	{
		const NamedBy *user = lfirst(lc);

		survey_add(s, user->kind, user->object, step, IMPACT_NOTE,
				   "has the type of ", " and gets its new labels");
	}
}

/* Functions by their words. All steps at once: their texts are read once. */
static void
survey_functions(Survey *s)
{
	List	   *columns = NIL;
	int			more;
	bool		cut;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, s->plan->steps)
		if (changes_values(lfirst(lc)))
		columns = lappend(columns, ((PlanStep *) lfirst(lc))->column);
	if (columns == NIL)
		return;
	foreach(lc, mentions_in_functions(s->plan->relid, columns, &more,
									  &cut))
	{
		const Mention *mention = lfirst(lc);

		foreach(lc2, s->plan->steps)
		{
			const PlanStep *step = lfirst(lc2);

			/* the list has the steps' own names */
			if (!list_member_ptr(mention->columns, step->column))
				continue;
			survey_add(s, "function", mention->function, step, IMPACT_NOTE,
					   "best effort: its text is about the table and has the word ",
					   step->kind == STEP_ADD_COLUMN ?
					   "; a variable of that name becomes ambiguous (42702)" :
					   plan_changes_type(step) ?
					   "; a variable or a cast of the old type may be too small" :
					   step->kind == STEP_DROP_NOT_NULL ?
					   ", which may be null then" :
					   step->kind == STEP_EXTEND_CHECK_LIST ?
					   ", which may have a new value then" :
					   ", which may have a new label then");
		}
	}
	if (more > 0)
		survey_add(s, "function", psprintf("and %d more", more), NULL, IMPACT_NOTE,
				   "best effort: likewise", NULL);
	if (cut)
		survey_add(s, "function", "and maybe more", NULL, IMPACT_NOTE,
				   psprintf("best effort: no more than %d functions were looked at",
							MENTIONS_MAX_FUNCTIONS), NULL);
}

/* Partitions and children, slots and what is prepared concern the whole plan. */
static void
survey_whole(Survey *s)
{
	bool		partitioned = get_rel_relkind(s->plan->relid) == RELKIND_PARTITIONED_TABLE;
	bool		adds = false;
	List	   *names = NIL;
	ListCell   *lc;

	foreach(lc, s->tree)
		if (lfirst_oid(lc) != s->plan->relid)
	{
		char	   *name = plan_relation_name(lfirst_oid(lc));

		if (name != NULL)
			names = lappend(names, name);
	}
	if (names != NIL && plan_has(s->plan, STEP_IN_ALTER))
		survey_add(s, partitioned ? "partitions" : "child tables",
				   effect_some_of(names, false), NULL, IMPACT_NOTE,
				   list_length(names) == 1 ? "the change goes on to it" :
				   psprintf("the change goes on to all %d", list_length(names)), NULL);

	foreach(lc, plan_has(s->plan, STEP_IN_ALTER) ? s->slots : NIL)
		survey_add(s, "slot", lfirst(lc), NULL, IMPACT_NOTE,
				   "what it decodes has rows of another shape after the change", NULL);
	foreach(lc, subscribers_feeding(s->tree))
		survey_add(s, "subscription", lfirst(lc), NULL, IMPACT_NOTE,
				   "writes into this table; its publisher is not changed", NULL);

	foreach(lc, s->plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		adds |= (step->kind == STEP_ADD_COLUMN);
		if (plan_changes_type(step))
			survey_add(s, "prepared statements", "of other sessions", step, IMPACT_NOTE,
					   "cannot be seen from here; those that return ",
					   " fail with 0A000 (cached plan must not change result type) until prepared again");
	}
	if (adds)
		survey_add(s, "prepared statements", "of other sessions", NULL, IMPACT_NOTE,
				   "cannot be seen from here; those that return * of the table fail "
				   "with 0A000 (cached plan must not change result type) until "
				   "prepared again", NULL);
}

/* What each step does to what stands on the table, for people. Of columns that
 * are not there yet the catalog says the same, whatever their names. */
static void
survey_notes(Survey *s)
{
	List	   *users = named_row_type(s->tree);
	List	   *full = NIL;
	RowIdentity identity = IDENTITY_OTHER;
	bool		asked = false;
	bool		cut;
	ListCell   *lc;
	ListCell   *lc2;

	s->slots = subscribers_slots();
	foreach(lc, s->plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (step->kind == STEP_ATTACH_PARTITION || plan_step_place(step->kind) == STEP_IN_MAPPING ||
			!changes_values(step))
			continue;
		if (step->kind == STEP_EXTEND_CHECK_LIST)
			survey_list(s, step);
		else if (step->kind != STEP_ADD_COLUMN)
		{
			if (step->kind == STEP_DROP_NOT_NULL)
				survey_views(s, step);
			if (step->kind == STEP_DROP_NOT_NULL ||
				(plan_changes_type(step) && s->cost->foreign_keys != NIL))
				survey_foreign_keys(s, step);
			if (step->kind == STEP_CONVERT_TYPE)
				survey_readers(s, step);
			survey_dependents(s, step);
			if (step->kind == STEP_ADD_ENUM_LABEL)
			{
				survey_labels(s, step);
				continue;
			}
			followers_identity(s, step,
							   subscribers_identity(s->tree, step->column,
													s->cost->published ||
													s->slots != NIL));
		}
		else
		{
			if (!asked)
			{
				foreach(lc2, s->tree)
					full = list_concat(full, lineage_of_all(lfirst_oid(lc2), &cut));
				identity = subscribers_identity(s->tree, step->column, false);
				asked = true;
			}
			survey_full_views(s, step, full);
			followers_identity(s, step, identity);
		}
		survey_row_type(s, step, users);
	}
	survey_functions(s);
	survey_whole(s);
}

/* What a person should know of a sequence, or of a default that is there. */
static void
survey_numbers(Survey *s, const PlanStep *step)
{
	ColumnSequence seq;
	char	   *present;
	ListCell   *lc;

	if (step->kind == STEP_EXTEND_SEQUENCE && numbering_sequence(s->plan->relid, step->column, &seq))
		foreach(lc, numbering_concerns(s->plan->relid, step->column))
			survey_add(s, "sequence", plan_relation_name(seq.oid), step, IMPACT_REVIEW, lfirst(lc), NULL);
	if (step->kind != STEP_SET_DEFAULT)
		return;
	present = constant_present(s->plan->relid, step->column);
	if (present != NULL)
		survey_add(s, "default", present, step, IMPACT_REVIEW, "rows without a value for ",
				   " get it now, and would get another");
}

List *
impact_of(const VettedPlan *plan, const Forecast *cost, bool notes)
{
	Survey		s = {0};
	List	   *published = NIL;
	bool		asked = false;
	ListCell   *lc;

	s.plan = vetted_plan(plan);
	s.cost = cost;
	/* mappings are felt by nobody downstream: rows come as they ever did */
	if (!plan_changes_table(s.plan))
		return NIL;
	s.tree = find_all_inheritors(s.plan->relid, NoLock, NULL);
	if (cost->published)
		s.rules = rules_read(s.plan->relid);
	foreach(lc, s.plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (step->kind == STEP_ATTACH_PARTITION)
		{
			followers_of_partition(&s, step, notes);
			continue;
		}
		if (plan_step_place(step->kind) == STEP_IN_MAPPING)
			continue;
		if (plan_changes_type(step))
			survey_views(&s, step);
		if (!changes_values(step))
		{
			survey_numbers(&s, step);
			continue;
		}
		if (!cost->published || (cost->publications == NIL && !notes))
			continue;
		if (step->kind != STEP_ADD_COLUMN)
			followers_of_column(&s, step,
								subscribers_published(s.tree, step->column));
		else
		{
			if (!asked)
				published = subscribers_published(s.tree, step->column);
			asked = true;
			followers_of_column(&s, step, published);
		}
	}
	if (notes)
		survey_notes(&s);
	return effect_lines(s.drafts, notes);
}
