/*
 * plan.c
 *	  A plan's steps and their jsonb.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/words.h"
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

/* The word of each kind, where it is made, and what its JSON carries. */
static const struct
{
	const char *name;
	StepPlace	place;
	bool		type;
	bool		labels;
	bool		args;
}			kinds[PLAN_STEP_KINDS] =

{
	[STEP_ADD_COLUMN] = {"add_column", STEP_IN_ALTER,.type = true},
	[STEP_WIDEN_TYPE] = {"widen_type", STEP_IN_ALTER,.type = true},
	[STEP_DROP_NOT_NULL] = {"drop_not_null", STEP_IN_ALTER,.type = false},
	[STEP_ADD_ENUM_LABEL] = {"add_enum_label", STEP_BEFORE,.labels = true},
	[STEP_SET_DEFAULT] = {"set_default", STEP_IN_ALTER,.args = true},
	[STEP_SET_GENERATED_BY_DEFAULT] = {"set_generated_by_default", STEP_IN_ALTER,.type = false},
	[STEP_CONVERT_TYPE] = {"convert_type", STEP_IN_ALTER,.type = true},
	[STEP_EXTEND_CHECK_LIST] = {"extend_check_list", STEP_IN_ALTER,.args = true},
	[STEP_ATTACH_PARTITION] = {"attach_partition", STEP_BESIDE,.args = true},
	[STEP_EXTEND_SEQUENCE] = {"extend_sequence", STEP_BESIDE,.args = true},
	[STEP_CREATE_TABLE] = {"create_table", STEP_BESIDE,.args = true},
	[STEP_MAP_FIELD] = {"map_field", STEP_IN_MAPPING,.args = true},
	[STEP_IGNORE_FIELD] = {"ignore_field", STEP_IN_MAPPING,.args = true},
	[STEP_STRIP_NUL] = {"strip_nul", STEP_IN_MAPPING,.args = true},
	[STEP_TRIM] = {"trim", STEP_IN_MAPPING,.args = true},
	[STEP_NULL_IF] = {"null_if", STEP_IN_MAPPING,.args = true},
	[STEP_MAP_VALUE] = {"map_value", STEP_IN_MAPPING,.args = true},
	[STEP_PARSE_TIMESTAMP] = {"parse_timestamp", STEP_IN_MAPPING,.args = true},
	[STEP_PARSE_NUMBER] = {"parse_number", STEP_IN_MAPPING,.args = true},
	[STEP_PARSE_POINT] = {"parse_point", STEP_IN_MAPPING,.args = true},
	[STEP_DECODE_TEXT] = {"decode_text", STEP_IN_MAPPING,.args = true},
	[STEP_OVERFLOW_TO_JSONB] = {"overflow_to_jsonb", STEP_IN_MAPPING,.args = true},
};

pg_noreturn static void bad_plan(const char *path, const char *what);
static PlanStep *step_of_container(JsonbContainer *object, const char *path);

/* A step in the current context; column is copied. */
PlanStep *
plan_step(StepKind kind, const char *column, Oid type, int32 typmod)
{
	PlanStep   *step = palloc0(sizeof(PlanStep));

	step->kind = kind;
	step->column = pstrdup(column);
	step->type = kinds[kind].type ? type : InvalidOid;
	step->typmod = kinds[kind].type ? typmod : -1;
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
	copy->evidence = step->evidence;
	if (step->args != NULL)
		copy->args = DatumGetJsonbPCopy(JsonbPGetDatum(step->args));
	return copy;
}

/* The word of a kind, as in the JSON. */
const char *
plan_step_name(StepKind kind)
{
	return kinds[kind].name;
}

StepPlace
plan_step_place(StepKind kind)
{
	return kinds[kind].place;
}

/* See the header. */
bool
plan_changes_type(const PlanStep *step)
{
	return step->kind == STEP_WIDEN_TYPE || step->kind == STEP_CONVERT_TYPE;
}

/* See the header. */
bool
plan_has(const HealPlan *plan, StepPlace place)
{
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		if (plan_step_place(((const PlanStep *) lfirst(lc))->kind) == place)
			return true;
	}
	return false;
}

/* See the header. */
bool
plan_changes_table(const HealPlan *plan)
{
	return plan_has(plan, STEP_IN_ALTER) || plan_has(plan, STEP_BEFORE) ||
		plan_has(plan, STEP_BESIDE);
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
		if (kinds[step->kind].type)
		{
			appendStringInfoString(&buf, ", \"type\": ");
			escape_json(&buf, lattice_name(step->type, step->typmod));
		}
		if (kinds[step->kind].labels)
			append_labels(&buf, step->labels);
		if (step->args != NULL)
			appendStringInfo(&buf, ", \"args\": %s",
							 JsonbToCString(NULL, &step->args->root, VARSIZE(step->args)));
		if (step->evidence > 0)
			appendStringInfo(&buf, ", \"evidence\": " INT64_FORMAT, step->evidence);
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
	va_list		args;

	va_start(args, fmt);
	*reason = words_formatted(fmt, args);
	va_end(args);
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

/* The count in a JSON value, or the complaint that it is none. */
static int64
json_count(const JsonbValue *v, const char *path)
{
	int64		count = 0;

	if (v->type == jbvNumeric)
		count = DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
	if (count <= 0)
		bad_plan(path, "must be a number above 0");
	return count;
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
	Jsonb	   *args = NULL;
	int64		evidence = 0;
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
		else if (strcmp(key, "args") == 0)
		{
			if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
				bad_plan(at, "must be an object");
			args = JsonbValueToJsonb(&v);
		}
		else if (strcmp(key, "evidence") == 0)
			evidence = json_count(&v, at);
		else
			bad_plan(at, "unknown key");
	}

	if (kind == NULL)
		bad_plan(path, "\"kind\" is missing");
	if (column == NULL)
		bad_plan(path, "\"column\" is missing");
	for (i = 0; i < PLAN_STEP_KINDS; i++)
		if (strcmp(kind, kinds[i].name) == 0)
			break;
	if (i == PLAN_STEP_KINDS)
		bad_plan(psprintf("%s.kind", path),
				 psprintf("\"%s\" is not a kind of step", kind));
	if (kinds[i].type)
	{
		if (type == NULL)
			bad_plan(path, "\"type\" is missing");
		parse_type(type, psprintf("%s.type", path), &typid, &typmod);
	}
	else if (type != NULL)
		bad_plan(psprintf("%s.type", path), "unknown key");
	if (has_labels != kinds[i].labels)
		bad_plan(has_labels ? psprintf("%s.labels", path) : path,
				 has_labels ? "unknown key" : "\"labels\" is missing");
	if (args != NULL && !kinds[i].args)
		bad_plan(psprintf("%s.args", path), "unknown key");
	if (evidence > 0 && i != STEP_ADD_COLUMN)
		bad_plan(psprintf("%s.evidence", path), "unknown key");
	step = plan_step((StepKind) i, column, typid, typmod);
	step->evidence = evidence;
	step->labels = labels;
	step->args = args;
	return step;
}
