/*
 * plan.c
 *	  A plan's steps and their two other forms, SQL and jsonb.
 *
 * The steps are the plan. SQL is rendered from them here and nowhere else:
 * names through quote_identifier, types from their oids, so that no text that
 * somebody proposed can reach the executor. One plan is one ALTER TABLE, for
 * the lock is then taken once and the table is rewritten at most once.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "decide/lattice.h"
#include "decide/plan.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

static const char *const step_names[] = {
	[STEP_ADD_COLUMN] = "add_column",
	[STEP_WIDEN_TYPE] = "widen_type",
	[STEP_DROP_NOT_NULL] = "drop_not_null",
	[STEP_ADD_ENUM_LABEL] = "add_enum_label",
};

pg_noreturn static void bad_plan(const char *path, const char *what);
static PlanStep *step_of_container(JsonbContainer *object, const char *path);

/* Does a step of this kind name a type? */
static bool
names_type(StepKind kind)
{
	return kind == STEP_ADD_COLUMN || kind == STEP_WIDEN_TYPE;
}

/* A step in the current context; column is copied. */
PlanStep *
plan_step(StepKind kind, const char *column, Oid type, int32 typmod)
{
	PlanStep   *step = palloc0(sizeof(PlanStep));

	step->kind = kind;
	step->column = pstrdup(column);
	step->type = names_type(kind) ? type : InvalidOid;
	step->typmod = names_type(kind) ? typmod : -1;
	return step;
}

/* A copy of a step in the current context. */
PlanStep *
plan_step_copy(const PlanStep *step)
{
	PlanStep   *copy = plan_step(step->kind, step->column, step->type, step->typmod);
	ListCell   *lc;

	foreach(lc, step->labels)
		copy->labels = lappend(copy->labels, pstrdup(lfirst(lc)));
	return copy;
}

/* The word of a kind, as in the JSON. */
const char *
plan_step_name(StepKind kind)
{
	return step_names[kind];
}

/* "schema.table", quoted, in the current context; NULL when it is gone. */
char *
plan_relation_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *nsp = (name == NULL) ? NULL :
	get_namespace_name(get_rel_namespace(relid));

	if (nsp == NULL)
		return NULL;
	return quote_qualified_identifier(nsp, name);
}

/* A type as SQL that means the same under every search_path. */
char *
plan_type_sql(Oid type, int32 typmod)
{
	return format_type_extended(type, typmod,
								FORMAT_TYPE_TYPEMOD_GIVEN |
								FORMAT_TYPE_FORCE_QUALIFY);
}

/* A collation as SQL; elog when it is gone, which a lock excludes. */
char *
plan_collation_sql(Oid collation)
{
	HeapTuple	tup = SearchSysCache1(COLLOID, ObjectIdGetDatum(collation));
	Form_pg_collation form;
	char	   *result;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for collation %u", collation);
	form = (Form_pg_collation) GETSTRUCT(tup);
	result = quote_qualified_identifier(get_namespace_name(form->collnamespace),
										NameStr(form->collname));
	ReleaseSysCache(tup);
	return result;
}

/*
 * "TYPE x" of a column of target. ALTER COLUMN TYPE without COLLATE would set
 * the type's default collation, silently sort otherwise and rebuild indexes;
 * a collation of the column's own is therefore said again.
 */
static void
append_type(StringInfo buf, Oid target, const char *column, Oid type,
			int32 typmod)
{
	HeapTuple	tup = SearchSysCacheAttName(target, column);
	Oid			collation = InvalidOid;

	if (HeapTupleIsValid(tup))
	{
		collation = ((Form_pg_attribute) GETSTRUCT(tup))->attcollation;
		ReleaseSysCache(tup);
	}
	appendStringInfo(buf, "TYPE %s", plan_type_sql(type, typmod));
	if (OidIsValid(collation) && OidIsValid(get_typcollation(type)) &&
		collation != get_typcollation(type))
		appendStringInfo(buf, " COLLATE %s", plan_collation_sql(collation));
}

/*
 * One ALTER TABLE with all steps about the table on target, in the current
 * context; NULL without such a step. Raises 42P01 when target is gone.
 */
char *
plan_sql(const HealPlan *plan, Oid target)
{
	StringInfoData buf;
	char	   *name;
	const char *sep = " ";
	ListCell   *lc;

	name = plan_relation_name(target);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", target)));

	initStringInfo(&buf);
	appendStringInfo(&buf, "ALTER TABLE %s", name);
	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		const char *column = quote_identifier(step->column);

		if (step->kind == STEP_ADD_ENUM_LABEL)
			continue;
		appendStringInfoString(&buf, sep);
		sep = ", ";
		switch (step->kind)
		{
			case STEP_ADD_COLUMN:
				appendStringInfo(&buf, "ADD COLUMN %s %s", column,
								 plan_type_sql(step->type, step->typmod));
				break;
			case STEP_WIDEN_TYPE:
				appendStringInfo(&buf, "ALTER COLUMN %s ", column);
				append_type(&buf, target, step->column, step->type,
							step->typmod);
				break;
			case STEP_DROP_NOT_NULL:
				appendStringInfo(&buf, "ALTER COLUMN %s DROP NOT NULL",
								 column);
				break;
			case STEP_ADD_ENUM_LABEL:
				break;
		}
	}
	return sep[0] == ' ' ? NULL : buf.data;
}

/* What going back to the old type would do to values stored since. */
static const char *
narrowing_loss(Oid old_type, Oid new_type)
{
	if (old_type == FLOAT4OID)
		return "rounds values to six digits";
	if (new_type == NUMERICOID)
		return "rounds values that have more digits after the point, and "
			"fails while a value has more before it";
	if (new_type == VARCHAROID || new_type == TEXTOID)
		return "fails while a value is longer";
	if (new_type == INT4OID || new_type == INT8OID)
		return "fails while a value is out of the old range";
	return "rounds values that have more digits";
}

/*
 * The opposite statement, last step first, with a comment line for each loss.
 * It is a record for people: nothing here runs it. In the current context;
 * NULL without steps. Reads the columns as they are before the plan.
 */
char *
plan_inverse(const HealPlan *plan)
{
	StringInfoData notes;
	StringInfoData body;
	char	   *name = plan_relation_name(plan->relid);
	int			i;

	if (plan->steps == NIL || name == NULL)
		return NULL;

	initStringInfo(&notes);
	initStringInfo(&body);
	for (i = list_length(plan->steps) - 1; i >= 0; i--)
	{
		const PlanStep *step = list_nth(plan->steps, i);
		const char *column = quote_identifier(step->column);
		HeapTuple	tup;
		Form_pg_attribute att;

		/* a name may hold a newline, and a comment ends there */
		const char *shown = (strpbrk(step->column, "\r\n") != NULL) ?
		"the column" : column;

		if (step->kind == STEP_ADD_ENUM_LABEL)
		{
			appendStringInfo(&notes, "-- %s: a label cannot be taken away from its type again\n",
							 shown);
			continue;
		}
		if (body.len > 0)
			appendStringInfoString(&body, ", ");
		switch (step->kind)
		{
			case STEP_ADD_COLUMN:
				appendStringInfo(&notes,
								 "-- %s: the values stored in it are lost\n",
								 shown);
				appendStringInfo(&body, "DROP COLUMN %s", column);
				break;
			case STEP_WIDEN_TYPE:
				tup = SearchSysCacheAttName(plan->relid, step->column);
				if (!HeapTupleIsValid(tup))
					elog(ERROR, "column \"%s\" of relation %u is gone",
						 step->column, plan->relid);
				att = (Form_pg_attribute) GETSTRUCT(tup);
				appendStringInfo(&notes, "-- %s: %s\n", shown,
								 narrowing_loss(att->atttypid, step->type));
				appendStringInfo(&body, "ALTER COLUMN %s ", column);
				append_type(&body, plan->relid, step->column, att->atttypid,
							att->atttypmod);
				ReleaseSysCache(tup);
				break;
			case STEP_DROP_NOT_NULL:
				appendStringInfo(&notes,
								 "-- %s: fails while a value is null\n",
								 shown);
				appendStringInfo(&body, "ALTER COLUMN %s SET NOT NULL",
								 column);
				break;
			case STEP_ADD_ENUM_LABEL:
				break;
		}
	}
	if (body.len == 0)
		return notes.data;
	return psprintf("%sALTER TABLE %s %s", notes.data, name, body.data);
}

/* , "labels": ["a", "b"] */
static void
append_labels(StringInfo buf, const List *labels)
{
	ListCell   *lc;

	appendStringInfoString(buf, ", \"labels\": [");
	foreach(lc, labels)
	{
		if (lc != list_head(labels))
			appendStringInfoString(buf, ", ");
		escape_json(buf, lfirst(lc));
	}
	appendStringInfoChar(buf, ']');
}

/* The documented JSON of a plan, in the current context. */
Jsonb *
plan_to_jsonb(const HealPlan *plan)
{
	StringInfoData buf;
	char	   *name = plan_relation_name(plan->relid);
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	if (name != NULL)
	{
		appendStringInfoString(&buf, "\"relation\": ");
		escape_json(&buf, name);
		appendStringInfoString(&buf, ", ");
	}
	appendStringInfoString(&buf, "\"steps\": [");
	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (lc != list_head(plan->steps))
			appendStringInfoString(&buf, ", ");
		appendStringInfo(&buf, "{\"kind\": \"%s\", \"column\": ",
						 plan_step_name(step->kind));
		escape_json(&buf, step->column);
		if (names_type(step->kind))
		{
			appendStringInfoString(&buf, ", \"type\": ");
			escape_json(&buf, lattice_name(step->type, step->typmod));
		}
		if (step->kind == STEP_ADD_ENUM_LABEL)
			append_labels(&buf, step->labels);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoString(&buf, "]}");
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(buf.data)));
}

/* Set a reason, formatted in the current context; always false. */
bool
plan_refuse(char **reason, const char *fmt,...)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (;;)
	{
		va_list		args;
		int			needed;

		va_start(args, fmt);
		needed = appendStringInfoVA(&buf, fmt, args);
		va_end(args);
		if (needed == 0)
			break;
		enlargeStringInfo(&buf, needed);
	}
	*reason = buf.data;
	return false;
}

/* One message for everything that is wrong with a plan's JSON. */
static void
bad_plan(const char *path, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid plan at %s: %s", path, what),
			 errhint("A plan is {\"relation\": \"schema.table\", \"steps\": "
					 "[{\"kind\": \"add_column\", \"column\": \"x\", "
					 "\"type\": \"text\"}, ...]}.")));
}

/* The string of a JSON value, or the complaint that it is none. */
static char *
json_string(const JsonbValue *v, const char *path)
{
	if (v->type != jbvString)
		bad_plan(path, "must be a string");
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/*
 * Read a plan that we stored; its relid tells which table it is about, and the
 * name in it may be the one from before a RENAME. Strict: an unknown key is an
 * error, since a plan that says more than we understand must not be taken for
 * less. Result in the current context.
 */
HealPlan *
plan_from_stored(Oid relid, const Jsonb *json)
{
	HealPlan   *plan = palloc0(sizeof(HealPlan));
	JsonbContainer *root = &unconstify(Jsonb *, json)->root;
	JsonbContainer *steps = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	const char *key = "";
	int			n = 0;

	if (!JsonContainerIsObject(root))
		bad_plan("$", "must be an object");
	plan->relid = relid;
	it = JsonbIteratorInit(root);
	(void) JsonbIteratorNext(&it, &v, false);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			key = json_string(&v, "$");
		if (token != WJB_VALUE || strcmp(key, "relation") == 0)
			continue;
		if (strcmp(key, "steps") != 0)
			bad_plan(psprintf("$.%s", key), "unknown key");
		if (v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
			bad_plan("$.steps", "must be an array");
		steps = v.val.binary.data;
	}
	if (steps == NULL)
		bad_plan("$.steps", "is missing");

	it = JsonbIteratorInit(steps);
	(void) JsonbIteratorNext(&it, &v, false);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *path;

		if (token != WJB_ELEM)
			continue;
		path = psprintf("$.steps[%d]", n++);
		if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
			bad_plan(path, "must be an object");
		plan->steps = lappend(plan->steps,
							  step_of_container(v.val.binary.data, path));
	}
	return plan;
}

/* The labels of a step: an array of strings. */
static List *
json_labels(const JsonbValue *v, const char *path)
{
	List	   *labels = NIL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	label;

	if (v->type != jbvBinary || !JsonContainerIsArray(v->val.binary.data))
		bad_plan(path, "must be an array");
	it = JsonbIteratorInit(v->val.binary.data);
	(void) JsonbIteratorNext(&it, &label, false);
	while ((token = JsonbIteratorNext(&it, &label, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			labels = lappend(labels, json_string(&label, path));
	}
	return labels;
}

/* Resolving a type's text, for the guard below. */
static void
parse_type(const char *text, const char *path, Oid *type, int32 *typmod)
{
	MemoryContext caller = CurrentMemoryContext;

	/*
	 * The parser and the type lookup change nothing that an abort would have
	 * to undo, so their error may be caught here and raised again with the
	 * path and with the class that every wrong plan has. Only what the text
	 * itself did wrong is taken: a cancel goes on as it is.
	 */
	PG_TRY();
	{
		lattice_parse(text, type, typmod);
	}
	PG_CATCH();
	{
		ErrorData  *edata;
		int			category;

		MemoryContextSwitchTo(caller);
		edata = CopyErrorData();
		category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);
		if (category != ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
			category != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		bad_plan(path, edata->message);
	}
	PG_END_TRY();
}

/* One step object. */
static PlanStep *
step_of_container(JsonbContainer *object, const char *path)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	v;
	const char *key = "";
	char	   *kind = NULL;
	char	   *column = NULL;
	char	   *type = NULL;
	List	   *labels = NIL;
	bool		has_labels = false;
	Oid			typid = InvalidOid;
	int32		typmod = -1;
	PlanStep   *step;
	int			i;

	(void) JsonbIteratorNext(&it, &v, false);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *at;

		if (token == WJB_KEY)
			key = json_string(&v, path);
		if (token != WJB_VALUE)
			continue;
		at = psprintf("%s.%s", path, key);
		if (strcmp(key, "kind") == 0)
			kind = json_string(&v, at);
		else if (strcmp(key, "column") == 0)
			column = json_string(&v, at);
		else if (strcmp(key, "type") == 0)
			type = json_string(&v, at);
		else if (strcmp(key, "labels") == 0)
		{
			labels = json_labels(&v, at);
			has_labels = true;
		}
		else
			bad_plan(at, "unknown key");
	}

	if (kind == NULL)
		bad_plan(path, "\"kind\" is missing");
	if (column == NULL)
		bad_plan(path, "\"column\" is missing");
	for (i = 0; i < (int) lengthof(step_names); i++)
		if (strcmp(kind, step_names[i]) == 0)
			break;
	if (i == (int) lengthof(step_names))
		bad_plan(psprintf("%s.kind", path),
				 psprintf("\"%s\" is not a kind of step", kind));
	if (names_type(i))
	{
		if (type == NULL)
			bad_plan(path, "\"type\" is missing");
		parse_type(type, psprintf("%s.type", path), &typid, &typmod);
	}
	else if (type != NULL)
		bad_plan(psprintf("%s.type", path), "unknown key");
	if (has_labels != (i == STEP_ADD_ENUM_LABEL))
		bad_plan(has_labels ? psprintf("%s.labels", path) : path,
				 has_labels ? "unknown key" : "\"labels\" is missing");
	step = plan_step((StepKind) i, column, typid, typmod);
	step->labels = labels;
	return step;
}
