/*
 * inlist.c
 *	  CHECK (column IN (...)), read from PostgreSQL's own tree of it.
 *
 * What is understood is told from the nodes and the functions behind them, not
 * from the text; what is not listed here is not understood. Read with plain
 * scans of the catalog: no code of anybody runs.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/transam.h"
#include "base/compat.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "read/inlist.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* See the header. */
bool
inlist_is_integer(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID;
}

/* See the header. */
bool
inlist_is_word(Oid type)
{
	return type == TEXTOID || type == VARCHAROID;
}

/* A cast that changes no value: varchar to text, or between them. */
static const Node *
below_relabel(const Node *expr)
{
	while (IsA(expr, RelabelType) && inlist_is_word(((const RelabelType *) expr)->resulttype))
		expr = (const Node *) ((const RelabelType *) expr)->arg;
	return expr;
}

/* The column that an expression is, or NULL. */
static const Var *
column_of(const Node *expr)
{
	const Var  *var = (const Var *) below_relabel(expr);

	if (!IsA(var, Var) || var->varno != 1 || var->varlevelsup != 0 || var->varattno <= 0)
		return NULL;
	return inlist_is_word(var->vartype) || inlist_is_integer(var->vartype) ? var : NULL;
}

/* One constant, as text; false when it is null, or of another type. */
static bool
take_datum(InList *list, Oid type, Datum value, bool isnull)
{
	if (isnull || inlist_is_word(type) != inlist_is_word(list->type))
		return false;
	if (inlist_is_word(type))
		list->values = lappend(list->values, TextDatumGetCString(value));
	else if (type == INT2OID)
		list->values = lappend(list->values, psprintf("%d", DatumGetInt16(value)));
	else if (type == INT4OID)
		list->values = lappend(list->values, psprintf("%d", DatumGetInt32(value)));
	else if (type == INT8OID)
		list->values = lappend(list->values, psprintf(INT64_FORMAT, DatumGetInt64(value)));
	else
		return false;
	return true;
}

/* One element of the list: a constant, or an integer made wider. */
static bool
take_element(InList *list, const Node *expr)
{
	const Const *value;

	if (IsA(expr, FuncExpr))
	{
		const FuncExpr *cast = (const FuncExpr *) expr;

		if (cast->funcid >= FirstGenbkiObjectId || list_length(cast->args) != 1 ||
			cast->funcformat == COERCE_EXPLICIT_CALL || !inlist_is_integer(cast->funcresulttype))
			return false;
		expr = linitial(cast->args);
		if (!IsA(expr, Const) || !inlist_is_integer(((const Const *) expr)->consttype))
			return false;
	}
	value = (const Const *) below_relabel(expr);
	return IsA(value, Const) &&
		take_datum(list, value->consttype, value->constvalue, value->constisnull);
}

/* The list itself: an ARRAY[...] of constants, or a constant array. */
static bool
take_array(InList *list, const Node *expr)
{
	ListCell   *lc;

	if (IsA(expr, RelabelType))
		expr = (const Node *) ((const RelabelType *) expr)->arg;
	if (IsA(expr, ArrayCoerceExpr))
	{
		const ArrayCoerceExpr *cast = (const ArrayCoerceExpr *) expr;

		if (!IsA(below_relabel((const Node *) cast->elemexpr), CaseTestExpr))
			return false;
		expr = (const Node *) cast->arg;
	}
	if (IsA(expr, Const))
	{
		const Const *array = (const Const *) expr;
		Oid			type = get_element_type(array->consttype);
		Datum	   *values;
		bool	   *nulls;
		int			n;
		int16		len;
		bool		byval;
		char		align;

		if (array->constisnull || (!inlist_is_word(type) && !inlist_is_integer(type)))
			return false;
		get_typlenbyvalalign(type, &len, &byval, &align);
		deconstruct_array(DatumGetArrayTypeP(array->constvalue), type, len, byval, align,
						  &values, &nulls, &n);
		for (int i = 0; i < n; i++)
			if (!take_datum(list, type, values[i], nulls[i]))
				return false;
		return n > 0;
	}
	if (!IsA(expr, ArrayExpr) || ((const ArrayExpr *) expr)->multidims)
		return false;
	foreach(lc, ((const ArrayExpr *) expr)->elements)
	{
		if (!take_element(list, lfirst(lc)))
			return false;
	}
	return list->values != NIL;
}

/* Is this function PostgreSQL's own "="? */
static bool
is_equality(Oid operator)
{
	switch (get_opcode(operator))
	{
		case F_TEXTEQ:
		case F_INT2EQ:
		case F_INT4EQ:
		case F_INT8EQ:
		case F_INT24EQ:
		case F_INT28EQ:
		case F_INT42EQ:
		case F_INT48EQ:
		case F_INT82EQ:
		case F_INT84EQ:
			return true;
		default:
			return false;
	}
}

/* Take a CHECK's expression apart. False: it is no list. */
static bool
read_expression(InList *list, const Node *expr)
{
	const List *args;
	Oid			operator;
	const Var  *var;

	if (IsA(expr, ScalarArrayOpExpr) && ((const ScalarArrayOpExpr *) expr)->useOr)
	{
		operator = ((const ScalarArrayOpExpr *) expr)->opno;
		args = ((const ScalarArrayOpExpr *) expr)->args;
	}
	else if (IsA(expr, OpExpr))
	{
		operator = ((const OpExpr *) expr)->opno;
		args = ((const OpExpr *) expr)->args;
	}
	else
		return false;
	if (!is_equality(operator) || list_length(args) != 2)
		return false;
	var = column_of(linitial(args));
	if (var == NULL)
		return false;
	list->attnum = var->varattno;
	list->type = var->vartype;
	return IsA(expr, OpExpr) ? take_element(list, lsecond(args)) : take_array(list, lsecond(args));
}

/* A constraint as a list, or NULL. */
static InList *
read_constraint(HeapTuple tup, TupleDesc desc)
{
	Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tup);
	InList	   *list;
	Datum		expr;
	bool		isnull;

	if (con->contype != CONSTRAINT_CHECK || !compat_constraint_enforced(con))
		return NULL;
	expr = heap_getattr(tup, Anum_pg_constraint_conbin, desc, &isnull);
	if (isnull)
		return NULL;
	list = palloc0(sizeof(InList));
	list->constraint = con->oid;
	list->valid = con->convalidated;
	list->no_inherit = con->connoinherit;
	list->of_parent = !con->conislocal || con->coninhcount > 0;
	return read_expression(list, stringToNode(TextDatumGetCString(expr))) ? list : NULL;
}

/* See the header. */
List *
inlist_all(Oid relid, const char *name, AttrNumber attnum)
{
	Relation	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	List	   *result = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_constraint, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		InList	   *list;

		if (name != NULL && strcmp(NameStr(((Form_pg_constraint) GETSTRUCT(tup))->conname), name) != 0)
			continue;
		list = read_constraint(tup, RelationGetDescr(pg_constraint));
		if (list != NULL && (attnum == 0 || list->attnum == attnum))
			result = lappend(result, list);
	}
	systable_endscan(scan);
	table_close(pg_constraint, AccessShareLock);
	return result;
}

/* See the header. */
bool
inlist_has(const List *values, const char *value)
{
	ListCell   *lc;

	foreach(lc, values)
	{
		if (strcmp(lfirst(lc), value) == 0)
			return true;
	}
	return false;
}
