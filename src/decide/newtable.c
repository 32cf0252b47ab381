/*
 * newtable.c
 *	  A table for rows of which there is none: in the landing schema.
 */
#include "postgres.h"

#include "base/guc.h"
#include "read/unseen.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "decide/lattice.h"
#include "decide/newtable.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

/* See the header. */
PlanStep *
newtable_step(const char *table, const List *columns)
{
	PlanStep   *step = plan_step(STEP_CREATE_TABLE, table, InvalidOid, -1);
	StringInfoData buf;
	const ListCell *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"columns\": [");
	foreach(lc, columns)
	{
		const NewColumn *column = lfirst(lc);

		appendStringInfoString(&buf, lc == list_head(columns) ? "[" : ", [");
		escape_json(&buf, column->name);
		appendStringInfoString(&buf, ", ");
		escape_json(&buf, lattice_name(column->type, -1));
		appendStringInfoChar(&buf, ']');
	}
	appendStringInfoString(&buf, "]}");
	step->args = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
	return step;
}

/* The columns of a step (NewColumn *); NIL when its args are no list of pairs.
 * May throw what lattice_parse throws. */
static List *
columns_of(const PlanStep *step)
{
	List	   *result = NIL;
	JsonbValue	v;
	JsonbIterator *it;
	JsonbIteratorToken token;
	char	   *name = NULL;
	int			depth = 0;

	if (step->args == NULL ||
		getKeyJsonValueFromContainer(&step->args->root, "columns", 7, &v) == NULL ||
		v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
		return NIL;
	it = JsonbIteratorInit(v.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		char	   *text;

		if (token == WJB_BEGIN_ARRAY)
		{
			depth++;
			name = NULL;
		}
		else if (token == WJB_END_ARRAY)
			depth--;
		else if (token != WJB_ELEM || depth != 2 || v.type != jbvString)
			return NIL;
		else
		{
			text = pnstrdup(v.val.string.val, v.val.string.len);
			if (name == NULL)
				name = text;
			else
			{
				NewColumn  *column = palloc(sizeof(NewColumn));
				int32		typmod;

				column->name = name;
				lattice_parse(text, &column->type, &typmod);
				result = lappend(result, column);
			}
		}
	}
	return result;
}

/* Can a column, or a table, have this name? */
static bool
is_name(const char *name)
{
	return name[0] != '\0' && strlen(name) < NAMEDATALEN && !unseen_in(name);
}

/* See the header. */
bool
newtable_vet(const char *schema, const PlanStep *step, char **reason)
{
	Oid			nsp = get_namespace_oid(schema, true);
	List	   *columns = columns_of(step);
	List	   *names = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	if (!OidIsValid(nsp))
		return plan_refuse(reason, "schema %s does not exist", quote_identifier(schema));
	if (!guc_schema_allowed(schema))
		return plan_refuse(reason, "schema %s is not in selfheal.allowed_schemas",
						   quote_identifier(schema));
	if (!is_name(step->column))
		return plan_refuse(reason, "no table can have the name");
	if (OidIsValid(get_relname_relid(step->column, nsp)))
		return plan_refuse(reason, "%s is there already",
						   quote_qualified_identifier(schema, step->column));
	if (columns == NIL || list_length(columns) > MaxHeapAttributeNumber)
		return plan_refuse(reason, "a table has from 1 to %d columns", MaxHeapAttributeNumber);
	foreach(lc, columns)
	{
		const NewColumn *column = lfirst(lc);
		char	   *why = lattice_refuses_new(column->type, -1);

		if (!is_name(column->name) || SystemAttributeByName(column->name) != NULL)
			return plan_refuse(reason, "no column can have the name \"%s\"", column->name);
		foreach(lc2, names)
		{
			if (strcmp(lfirst(lc2), column->name) == 0)
				return plan_refuse(reason, "column \"%s\" is named twice", column->name);
		}
		names = lappend(names, column->name);
		if (why != NULL)
			return plan_refuse(reason, "column \"%s\": %s", column->name, why);
	}
	return true;
}

/* See the header. */
char *
newtable_sql(const char *schema, const PlanStep *step)
{
	StringInfoData buf;
	List	   *columns = columns_of(step);
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfo(&buf, "CREATE TABLE %s (", quote_qualified_identifier(schema, step->column));
	foreach(lc, columns)
	{
		const NewColumn *column = lfirst(lc);

		appendStringInfo(&buf, "%s%s %s", lc == list_head(columns) ? "" : ", ",
						 quote_identifier(column->name), plan_type_sql(column->type, -1));
	}
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* See the header. */
bool
newtable_check(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	return plan_refuse(reason, "a table is made for rows that landed without one, and for no other");
}
