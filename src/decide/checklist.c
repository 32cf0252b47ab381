/*
 * checklist.c
 *	  More literals in a CHECK (column IN (...)).
 *
 * The new clause is written from the constants that were read (inlist.h), so
 * that nothing of the old one is parsed again.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/canon.h"
#include "base/guc.h"
#include "read/inlist.h"
#include "read/unseen.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/comment.h"
#include "decide/checklist.h"
#include "decide/respell.h"
#include "orient/brought.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Literals that a list may have; one of more is a table. */
#define LIST_LITERALS 1000

/* A string of the step's args, or NULL. */
static const JsonbValue *
arg_of(const PlanStep *step, const char *key, JsonbValue *v)
{
	return step->args == NULL ? NULL :
		getKeyJsonValueFromContainer(&step->args->root, key, (int) strlen(key), v);
}

/* See the header. */
char *
checklist_name(const PlanStep *step)
{
	JsonbValue	v;

	if (arg_of(step, "constraint", &v) == NULL || v.type != jbvString)
		return NULL;
	return pnstrdup(v.val.string.val, v.val.string.len);
}

/* The literals that the step adds; NIL when its args are not as they should
 * be. */
static List *
added_by(const PlanStep *step)
{
	JsonbValue	v;
	List	   *result = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;

	if (arg_of(step, "add", &v) == NULL || v.type != jbvBinary ||
		!JsonContainerIsArray(v.val.binary.data))
		return NIL;
	it = JsonbIteratorInit(v.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (v.type != jbvString)
			return NIL;
		result = lappend(result, pnstrdup(v.val.string.val, v.val.string.len));
	}
	return result;
}

/* The list that a constraint of the table is, or NULL. In the current
 * context. */
static InList *
list_of(Oid relid, const char *name)
{
	List	   *lists = name ? inlist_all(relid, name, 0) : NIL;

	return lists == NIL ? NULL : linitial(lists);
}

/* Is this how an integer is written, by PostgreSQL too? */
static bool
is_plain_integer(const char *value)
{
	char	   *end;
	int64		number;

	errno = 0;
	number = strtoll(value, &end, 10);
	return errno == 0 && strcmp(psprintf(INT64_FORMAT, number), value) == 0;
}

/*
 * May this literal be added? The reason is a clause; NULL: it may. Words: all
 * that are to be in the list.
 */
static char *
unfit(const InList *list, const List *words, const char *value)
{
	const char *other;

	if (value[0] == '\0' || strlen(value) >= NAMEDATALEN)
		return psprintf("a literal of a list has from 1 to %d bytes", NAMEDATALEN - 1);
	if (inlist_is_integer(list->type))
		return is_plain_integer(value) ? NULL : pstrdup("it is no integer");
	if (unseen_in(value))
		return pstrdup("it holds a character that is not seen, or that turns what is read");
	other = respell_of(list->values, value);
	if (other == NULL)
		other = respell_of(words, value);
	return other ? psprintf("it may be another spelling of \"%s\"", other) : NULL;
}

/* {"constraint": name, "add": [...]} */
static Jsonb *
args_of(const char *constraint, const List *add)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"constraint\": ");
	escape_json(&buf, constraint);
	appendStringInfoString(&buf, ", \"add\": [");
	foreach(lc, add)
	{
		if (lc != list_head(add))
			appendStringInfoString(&buf, ", ");
		escape_json(&buf, lfirst(lc));
	}
	appendStringInfoString(&buf, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/* "a", "b" */
static char *
quoted(const List *values)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, values)
		appendStringInfo(&buf, "%s\"%s\"", buf.len ? ", " : "", (const char *) lfirst(lc));
	return buf.data;
}

/* What of the values brought is new to the list, and enough; the rest is said
 * in *why. */
static List *
fresh_values(Remedy *r, const InList *list, const Brought *brought, char **why)
{
	List	   *words = NIL;
	List	   *fresh = NIL;
	ListCell   *lc;

	foreach(lc, brought->values)
		words = lappend(words, ((const BroughtValue *) lfirst(lc))->text);
	foreach(lc, brought->values)
	{
		const BroughtValue *value = lfirst(lc);
		char	   *reason = NULL;

		if (inlist_has(list->values, value->text))
			continue;
		if (value->rows < guc_list_rows)
			reason = psprintf(INT64_FORMAT " rows are fewer than selfheal.list_rows", value->rows);
		else
			reason = unfit(list, words, value->text);
		if (reason == NULL)
			fresh = lappend(fresh, value->text);
		else
		{
			remedy_option(r, false, psprintf("\"%s\" in %s", value->text, brought->constraint), reason);
			*why = psprintf("\"%s\" is not added to the list of %s: %s", value->text,
							quote_identifier(brought->constraint), reason);
		}
	}
	return fresh;
}

/* The step for one constraint, or NULL. */
static PlanStep *
step_for(Remedy *r, const Brought *brought, char **why)
{
	InList	   *list = brought ? list_of(brought->shape->relid, brought->constraint) : NULL;
	List	   *fresh;
	PlanStep   *step;

	if (list == NULL)
		return NULL;
	if (brought->more)
	{
		*why = psprintf("more than %d different values are no list", BROUGHT_VALUES);
		remedy_option(r, false, psprintf("more literals in %s", brought->constraint), *why);
		return NULL;
	}
	fresh = fresh_values(r, list, brought, why);
	if (fresh == NIL)
		return NULL;
	step = plan_step(STEP_EXTEND_CHECK_LIST, brought->column, InvalidOid, -1);
	step->args = args_of(brought->constraint, fresh);
	remedy_option(r, true, psprintf("%s in %s", quoted(fresh), brought->constraint),
				  "the rows can be stored as they were sent");
	return step;
}

/* See the header. One step a column: a plan names a column once for a kind. */
void
checklist_extend(Remedy *r, const Evidence *e)
{
	List	   *columns = NIL;
	List	   *seen = NIL;
	StringInfoData all;
	char	   *why = NULL;
	ListCell   *lc;

	initStringInfo(&all);
	foreach(lc, r->finding->refused)
	{
		const Brought *brought = ((const Refused *) lfirst(lc))->brought;
		PlanStep   *step;

		if (brought == NULL || list_member_ptr(seen, brought) || inlist_has(columns, brought->column))
			continue;
		seen = lappend(seen, unconstify(Brought *, brought));
		step = step_for(r, brought, &why);
		if (step == NULL)
			continue;
		columns = lappend(columns, brought->column);
		if (r->step == NULL)
			r->step = step;
		else
			r->also = lappend(r->also, step);
		appendStringInfo(&all, "%s%s of %s gets %s", all.len ? "; " : "",
						 quote_identifier(brought->constraint), quote_identifier(brought->column),
						 quoted(added_by(step)));
	}
	if (r->step != NULL)
		r->explanation = psprintf("%s a value that a list lacks. What the list means does not "
								  "change, its end does: %s.", remedy_rows_bring(r->finding), all.data);
	else if (why != NULL)
		r->explanation = psprintf("A constraint is a rule of the business: %s.", why);
}

/* The words that rows brought and that may be another spelling of one of the
 * list: word, literal, word, ... */
static List *
spellings(const Brought *brought)
{
	const InList *list = list_of(brought->shape->relid, brought->constraint);
	List	   *pairs = NIL;
	ListCell   *lc;

	if (list == NULL || !list->valid || !inlist_is_word(list->type) || brought->more)
		return NIL;
	foreach(lc, brought->values)
	{
		char	   *word = ((const BroughtValue *) lfirst(lc))->text;
		const char *literal = inlist_has(list->values, word) ? NULL : respell_of(list->values, word);

		if (literal != NULL)
			pairs = lappend(lappend(pairs, word), unconstify(char *, literal));
	}
	return pairs;
}

/* See the header. One step a column, as above. */
void
checklist_respell(Remedy *r, const Evidence *e)
{
	List	   *columns = NIL;
	StringInfoData all;
	ListCell   *lc;

	initStringInfo(&all);
	foreach(lc, r->finding->refused)
	{
		const Brought *brought = ((const Refused *) lfirst(lc))->brought;
		List	   *pairs = brought == NULL || inlist_has(columns, brought->column) ? NIL : spellings(brought);
		PlanStep   *step;

		if (pairs == NIL)
			continue;
		columns = lappend(columns, brought->column);
		step = respell_step(r, brought->column, pairs);
		if (r->step == NULL)
			r->step = step;
		else
			r->also = lappend(r->also, step);
		appendStringInfo(&all, "%s%s for column %s", all.len ? "; " : "", respell_words(pairs),
						 quote_identifier(brought->column));
	}
	if (r->step == NULL)
		return;
	r->reads = UINT64CONST(1) << r->finding->class;
	r->explanation = psprintf("%s what may be another spelling of a value that a list of a CHECK has: "
							  "read as that value if a person says so: %s. What was sent is kept.",
							  remedy_rows_bring(r->finding), all.data);
}

/* See the header. */
bool
checklist_check(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	char	   *name = checklist_name(step);
	List	   *add = added_by(step);
	InList	   *list;
	ListCell   *lc;

	if (name == NULL || add == NIL)
		return plan_refuse(reason, "column \"%s\": the step has no constraint, or no literals to add",
						   step->column);
	list = list_of(site->relid, name);
	if (list == NULL || list->attnum != site->att->attnum)
		return plan_refuse(reason, "column \"%s\": constraint %s is not a CHECK that the column is one "
						   "of a list, and nothing else", step->column, quote_identifier(name));
	if (list->of_parent)
		return plan_refuse(reason, "constraint %s is inherited", quote_identifier(name));
	if (list_length(list->values) + list_length(add) > LIST_LITERALS)
		return plan_refuse(reason, "constraint %s: a list of more than %d literals is a table",
						   quote_identifier(name), LIST_LITERALS);
	*true_already = true;
	foreach(lc, add)
	{
		char	   *why;

		if (inlist_has(list->values, lfirst(lc)))
			continue;
		why = unfit(list, add, lfirst(lc));
		if (why != NULL)
			return plan_refuse(reason, "constraint %s, \"%s\": %s", quote_identifier(name),
							   (char *) lfirst(lc), why);
		*true_already = false;
	}
	for_each_from(lc, list->no_inherit ? NIL : site->tree, 1)
	{
		Oid			oid = get_relation_constraint_oid(lfirst_oid(lc), name, true);
		HeapTuple	tup = OidIsValid(oid) ? SearchSysCache1(CONSTROID, ObjectIdGetDatum(oid)) : NULL;
		bool		own;

		if (!HeapTupleIsValid(tup))
			continue;
		own = ((Form_pg_constraint) GETSTRUCT(tup))->conislocal;
		ReleaseSysCache(tup);
		if (own)
			return plan_refuse(reason, "%s has a constraint %s of its own as well",
							   plan_relation_name(lfirst_oid(lc)), quote_identifier(name));
	}
	return true;
}

/* See the header. */
void
checklist_clause(StringInfo buf, Oid target, const PlanStep *step)
{
	const char *name = checklist_name(step);
	const InList *list = list_of(target, name);
	List	   *values;
	ListCell   *lc;

	if (list == NULL)
		elog(ERROR, "constraint \"%s\" of relation %u is no list any more", name, target);
	values = list_copy(list->values);
	foreach(lc, added_by(step))
	{
		if (!inlist_has(values, lfirst(lc)))
			values = lappend(values, lfirst(lc));
	}
	name = quote_identifier(name);
	appendStringInfo(buf, "DROP CONSTRAINT %s, ADD CONSTRAINT %s CHECK (%s IN (", name, name,
					 quote_identifier(step->column));
	foreach(lc, values)
		appendStringInfo(buf, "%s%s", lc == list_head(values) ? "" : ", ",
						 inlist_is_word(list->type) ? quote_literal_cstr(lfirst(lc)) : (char *) lfirst(lc));
	appendStringInfo(buf, "))%s%s", list->no_inherit ? " NO INHERIT" : "",
					 list->valid ? "" : " NOT VALID");
}

/* See the header. */
List *
checklist_statements(Oid relid, const PlanStep *step)
{
	const char *name = checklist_name(step);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		const InList *list = list_of(lfirst_oid(lc), name);
		char	   *comment = list ? GetComment(list->constraint, ConstraintRelationId, 0) : NULL;
		char	   *table = plan_relation_name(lfirst_oid(lc));

		if (comment != NULL && table != NULL &&
			(lfirst_oid(lc) == relid || list->of_parent))
			result = lappend(result,
							 psprintf("COMMENT ON CONSTRAINT %s ON %s IS %s", quote_identifier(name),
									  table, quote_literal_cstr(comment)));
	}
	return result;
}

/* See the header. */
bool
checklist_scans(Oid relid, const PlanStep *step)
{
	const InList *list = list_of(relid, checklist_name(step));

	return list != NULL && list->valid;
}

/* See the header. */
void
checklist_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	const char *name = checklist_name(step);
	const InList *list = list_of(plan->relid, name);
	int			nest = canon_pin_settings();

	if (list == NULL)
		elog(ERROR, "constraint \"%s\" of relation %u is gone", name, plan->relid);
	appendStringInfo(&undo->notes, "-- %s: fails while a row has a value that the list lacked\n",
					 undo->shown);
	name = quote_identifier(name);
	appendStringInfo(&undo->clause, "DROP CONSTRAINT %s, ADD CONSTRAINT %s %s", name, name,
					 TextDatumGetCString(DirectFunctionCall1(pg_get_constraintdef,
															 ObjectIdGetDatum(list->constraint))));
	AtEOXact_GUC(false, nest);
}
