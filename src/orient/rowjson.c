/*
 * rowjson.c
 *	  The row that failed, as a JSON object.
 *
 * Values are what the statement would have stored: 34.5 in an integer column
 * is 35, as SQL has it. Where the coercion fails it is the value as given.
 * What parse analysis refused is put back in its place.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "orient/fitting.h"
#include "orient/rowjson.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* What the literal or expression was that analysis refused here. */
static const Fault *
fault_of(const Scene *scene, const Cell *cell)
{
	ListCell   *lc;

	foreach(lc, scene->analysed->faults)
	{
		Fault	   *fault = lfirst(lc);

		if (fault->offset >= 0 && fault->offset == cell->offset && fault->value != NULL)
			return fault;
	}
	return NULL;
}

/* The value of a cell; NULL: not known, or none that JSON could say. */
static char *
value_of(const Scene *scene, const Cell *cell)
{
	const Fault *fault = fault_of(scene, cell);
	char	   *text;
	bool		isnull;
	Oid			type;
	int32		typmod;
	Oid			column;

	if (fault == NULL)
		return cell->known ? given_json(cell->text, cell->isnull, cell->type) : NULL;
	if (!given_literal(fault->value, scene->failure, &text, &isnull, &type))
		return NULL;
	column = getBaseType(fitting_type(cell->behind->relid, cells_column(cell), &typmod));
	return given_json(text, isnull, column == JSONOID || column == JSONBOID ? column : type);
}

/* Why the value of this column is not known; param: its number, if it is one,
 * and no name in a function, which has a larger one than the protocol has. */
static const char *
why_unknown(const char *column, int param)
{
	return param > 0 && param <= PG_UINT16_MAX ?
		psprintf("the value of column \"%s\" is the parameter $%d, which is not known", column, param) :
		psprintf("the value of column \"%s\" is neither literal nor parameter", column);
}

static void
put(StringInfo buf, const char *column, const char *json)
{
	if (buf->len > 1)
		appendStringInfoChar(buf, ',');
	escape_json(buf, column);
	appendStringInfo(buf, ":%s", json);
}

/* Values for columns that the table lacks. */
static void
put_unknown(StringInfo buf, Located *out, const Scene *scene)
{
	ListCell   *lc;

	foreach(lc, scene->analysed->faults)
	{
		Fault	   *fault = lfirst(lc);
		char	   *text;
		bool		isnull;
		Oid			type;

		if (!fault->placed || fault->at.row >= 0 || fault->column == NULL)
			continue;
		if (given_literal(fault->value, scene->failure, &text, &isnull, &type))
			put(buf, fault->column, given_json(text, isnull, type));
		else
		{
			out->whole = false;
			out->opaque = why_unknown(fault->column, fault->value && IsA(fault->value, ParamRef) ?
									  ((ParamRef *) fault->value)->number : 0);
		}
	}
}

/* Does the source of an INSERT say more than one row of values: where they come
 * from, or whether? */
static bool
has_source(const InsertStmt *insert)
{
	const SelectStmt *s = (const SelectStmt *) insert->selectStmt;

	return s != NULL &&
		(s->op != SETOP_NONE || s->fromClause != NIL || s->whereClause != NULL || s->groupClause != NIL ||
		 s->havingClause != NULL || s->lockingClause != NIL || s->limitCount != NULL || s->limitOffset != NULL);
}

/* Is an INSERT of this row all that the statement is? NULL: it is. */
static const char *
why_not_whole(const Scene *scene)
{
	Write	   *write = linitial(scene->written->writes);

	if (scene->names)
		return "the statement stands in a function";
	if (scene->several)
		return "the text has several statements";
	if (write->command != CMD_INSERT || write->insert == NULL)
		return "the statement does not give a row of its own";
	if (list_length(scene->written->writes) > 1 || !IsA(scene->written->stmt, InsertStmt))
		return "the statement writes more than one row of one table";
	if (write->insert->onConflictClause != NULL || write->insert->override != OVERRIDING_NOT_SET ||
		write->insert->withClause != NULL ||
		(write->insert->selectStmt != NULL && ((SelectStmt *) write->insert->selectStmt)->withClause != NULL))
		return "the statement says more than a row does";
	if (scene->written->within)
		return "the statement stands in another one";
	if (has_source(write->insert))
		return "the row comes from a query";
	if (list_length(write->rows) != 1)
		return "the statement has several rows";
	if (get_rel_relkind(write->relid) == RELKIND_VIEW)
		return "the statement writes through a view";
	return NULL;
}

static char
identity_of(Oid relid, const char *column)
{
	HeapTuple	tup = SearchSysCacheAttName(relid, column);
	char		identity = HeapTupleIsValid(tup) ? ((Form_pg_attribute) GETSTRUCT(tup))->attidentity : '\0';

	if (HeapTupleIsValid(tup))
		ReleaseSysCache(tup);
	return identity;
}

/* Does the statement say that this is to be stored in a column which makes its
 * own values, or that it is not? The row alone could not say so. */
static bool
overrides(const Scene *scene, Oid relid, const char *column)
{
	const Write *write = linitial(scene->written->writes);

	return write->insert != NULL && write->insert->override != OVERRIDING_NOT_SET &&
		identity_of(relid, column) != '\0';
}

void
rowjson_make(Located *out, const Scene *scene)
{
	Suspect    *first = linitial(out->suspects);
	const Cell *of = NULL;
	int			rows = 0;
	StringInfoData buf;
	ListCell   *lc;

	out->opaque = why_not_whole(scene);
	out->whole = out->opaque == NULL;
	if (scene->cells == NIL)
	{
		out->whole = false;
		if (out->opaque == NULL)
			out->opaque = "the statement could not be analysed";
		return;
	}
	foreach(lc, scene->cells)
	{
		Cell	   *cell = lfirst(lc);

		if (cell->behind->relid != first->relid || (of != NULL && cell->write != of->write) ||
			(scene->write >= 0 && cell->write != scene->write))
			continue;
		if (of == NULL)
			of = cell;
		rows = Max(rows, cell->row + 1);
	}
	if (of == NULL || (rows > 1 && scene->row < 0))
		return;
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	foreach(lc, scene->cells)
	{
		Cell	   *cell = lfirst(lc);
		char	   *column = cell->write == of->write ? cells_column(cell) : NULL;
		char	   *json;

		if (column == NULL || cell->isdefault || (rows > 1 && cell->row != scene->row) ||
			overrides(scene, first->relid, column))
			continue;
		json = cell->every ? NULL : value_of(scene, cell);
		if (json != NULL)
		{
			put(&buf, column, json);
			continue;
		}
		out->whole = false;
		out->opaque = why_unknown(column, cell->param);
	}
	put_unknown(&buf, out, scene);
	appendStringInfoChar(&buf, '}');
	if (buf.len > 2 || out->whole)
		out->payload = buf.data;
}
