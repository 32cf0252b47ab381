/*
 * constant.c
 *	  The step that gives a column a constant for its default.
 *
 * The list of types is short: those whose input function is PostgreSQL's and
 * reads a text alike in every session. A date must be written as ISO 8601 has
 * it, since DateStyle decides what else it may be; "now" and its like are a
 * day of the planner's choice, and an interval is read otherwise under another
 * IntervalStyle.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/canon.h"
#include "base/spi.h"
#include "read/datetime.h"
#include "read/number.h"
#include "read/unseen.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "decide/columns.h"
#include "decide/constant.h"
#include "decide/lattice.h"
#include "decide/numbering.h"
#include "nodes/parsenodes.h"
#include "parser/parse_type.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

/* A default of more bytes is a document, and no default. */
#define MAX_CONSTANT 1000

/* ---- the value ---- */

/* A value on its way through its type's input function. */
typedef struct Taken
{
	const FormData_pg_attribute *att;
	const char *value;
	bool		changed;		/* the type's modifier would change it */
} Taken;

/* Body of the subtransaction: the input function may throw. */
static void
take_value(void *arg)
{
	Taken	   *t = arg;
	Oid			type = t->att->atttypid;
	Oid			input;
	Oid			ioparam;
	TypeCacheEntry *cache;
	Datum		value;
	Datum		whole;

	getTypeInputInfo(type, &input, &ioparam);
	value = OidInputFunctionCall(input, unconstify(char *, t->value), ioparam, t->att->atttypmod);
	if (t->att->atttypmod < 0)
		return;
	whole = OidInputFunctionCall(input, unconstify(char *, t->value), ioparam, -1);
	cache = lookup_type_cache(type, TYPECACHE_EQ_OPR_FINFO);
	t->changed = OidIsValid(cache->eq_opr_finfo.fn_oid) &&
		!DatumGetBool(FunctionCall2Coll(&cache->eq_opr_finfo, C_COLLATION_OID, value, whole));
}

/* Is it written as every session reads it, whatever its settings? */
static bool
means_one_thing(Oid type, const char *value)
{
	int			len = strlen(value);
	IsoTime		iso;
	Number		n;

	switch (type)
	{
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			if (strcmp(value, "infinity") == 0 || strcmp(value, "-infinity") == 0)
				return true;
			if (datetime_iso(value, len, &iso) != ISO_FINE || iso.frac_digits > MAX_TIMESTAMP_PRECISION)
				return false;
			if (type == DATEOID)
				return !iso.has_time;
			return iso.has_zone == (type == TIMESTAMPTZOID);
		case TIMEOID:
			return strspn(value, "0123456789:.") == (size_t) len &&
				datetime_fraction(value, len) <= MAX_TIMESTAMP_PRECISION;
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
			return number_parse(value, len, &n) && !n.shape.special;
		case FLOAT4OID:
		case FLOAT8OID:
			return number_parse(value, len, &n) && !n.shape.special &&
				number_float(&n, value, len, type == FLOAT4OID) == FLOAT_EXACT;
		default:
			return true;
	}
}

/* Types of which a default can be named. */
static bool
is_listed(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case UUIDOID:
		case JSONOID:
		case JSONBOID:
		case INETOID:
		case CIDROID:
		case MACADDROID:
			return true;
		default:
			return get_typtype(type) == TYPTYPE_ENUM;
	}
}

/* See the header. */
bool
constant_fits(const FormData_pg_attribute *att, const char *value, char **reason)
{
	const char *column = NameStr(att->attname);
	Taken		t = {att, value, false};
	ErrorData  *edata;

	if (!is_listed(att->atttypid))
		return plan_refuse(reason, "column \"%s\" is of type %s, of which no default is set", column,
						   lattice_name(att->atttypid, att->atttypmod));
	if (strlen(value) > MAX_CONSTANT)
		return plan_refuse(reason, "column \"%s\": a default has %d bytes at most", column,
						   MAX_CONSTANT);
	if (unseen_in(value))
		return plan_refuse(reason, "column \"%s\": the default holds a character that is not seen, or "
						   "that turns what is read", column);
	if (!means_one_thing(att->atttypid, value))
		return plan_refuse(reason, "column \"%s\": \"%s\" is not written as every session reads a value "
						   "of type %s", column, value, lattice_name(att->atttypid, att->atttypmod));
	edata = spi_try(take_value, &t);
	if (edata != NULL)
		return plan_refuse(reason, "column \"%s\": PostgreSQL does not accept the default: %s", column,
						   edata->message);
	if (t.changed)
		return plan_refuse(reason, "column \"%s\": type %s would change \"%s\"", column,
						   lattice_name(att->atttypid, att->atttypmod), value);
	return true;
}

/* ---- the step ---- */

/* See the header. */
PlanStep *
constant_step(const char *column, const char *value)
{
	PlanStep   *step = plan_step(STEP_SET_DEFAULT, column, InvalidOid, -1);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"value\": ");
	escape_json(&json, value);
	appendStringInfoChar(&json, '}');
	step->args = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
	return step;
}

/* The value of the step; NULL when its args are not what is documented. */
static char *
value_of(const PlanStep *step)
{
	JsonbContainer *object = step->args ? &step->args->root : NULL;
	JsonbValue	v;

	if (object == NULL || JsonContainerSize(object) != 1 ||
		getKeyJsonValueFromContainer(object, "value", 5, &v) == NULL || v.type != jbvString)
		return NULL;
	return pnstrdup(v.val.string.val, v.val.string.len);
}

/* A default that was stored as a constant, whatever PostgreSQL put around it
 * to make it one of the column's type. */
static Const *
stored_constant(Node *def)
{
	while (def != NULL)
	{
		if (IsA(def, Const))
			return castNode(Const, def);
		if (IsA(def, RelabelType))
			def = (Node *) castNode(RelabelType, def)->arg;
		else if (IsA(def, FuncExpr) && castNode(FuncExpr, def)->funcformat != COERCE_EXPLICIT_CALL &&
				 castNode(FuncExpr, def)->args != NIL)
			def = linitial(castNode(FuncExpr, def)->args);
		else
			break;
	}
	return NULL;
}

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
}

/* Has the column this very default? Its text, as the type writes it, says. */
static bool
has_default(Oid relid, const FormData_pg_attribute *att, const char *value)
{
	Const	   *c = att->atthasdef ? stored_constant(numbering_default(relid, att->attnum)) : NULL;
	Oid			input;
	Oid			ioparam;
	Oid			output;
	Oid			present;
	bool		varlena;
	Datum		wanted;

	if (c == NULL || c->constisnull ||
		(c->consttype != att->atttypid && !(is_number(c->consttype) && is_number(att->atttypid))))
		return false;
	getTypeInputInfo(att->atttypid, &input, &ioparam);
	getTypeOutputInfo(att->atttypid, &output, &varlena);
	wanted = OidInputFunctionCall(input, unconstify(char *, value), ioparam, -1);
	getTypeOutputInfo(c->consttype, &present, &varlena);
	return strcmp(OidOutputFunctionCall(output, wanted), OidOutputFunctionCall(present, c->constvalue)) == 0;
}

/* See the header. */
bool
constant_check(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	const FormData_pg_attribute *att = site->att;
	char	   *value = value_of(step);

	if (value == NULL)
		return plan_refuse(reason, "column \"%s\": \"args\" are {\"value\": \"...\"}", step->column);
	if (att->attidentity != '\0')
		return plan_refuse(reason, "column \"%s\" is an identity, which has numbers of its own",
						   step->column);
	if (att->attgenerated != '\0')
		return plan_refuse(reason, "column \"%s\" is computed by the database", step->column);
	if (get_typtype(att->atttypid) == TYPTYPE_DOMAIN)
		return plan_refuse(reason, "column \"%s\" is of the domain %s, whose own checks would run",
						   step->column, lattice_name(att->atttypid, att->atttypmod));
	if (!constant_fits(att, value, reason))
		return false;
	*true_already = has_default(site->relid, att, value);
	return true;
}

/* See the header. A bare literal is of the column's own type, also where the
 * same statement gives it another. */
void
constant_clause(StringInfo buf, Oid target, const PlanStep *step)
{
	char	   *value = value_of(step);

	if (value == NULL)
		elog(ERROR, "the default of column \"%s\" is not there", step->column);
	appendStringInfo(buf, "ALTER COLUMN %s SET DEFAULT %s", quote_identifier(step->column),
					 quote_literal_cstr(value));
}

/* See the header. */
char *
constant_present(Oid relid, const char *column)
{
	Form_pg_attribute att = columns_get(relid, column);
	Node	   *def = att && att->atthasdef ? numbering_default(relid, att->attnum) : NULL;
	char	   *table = get_rel_name(relid);
	char	   *result;
	int			nest;

	if (def == NULL || table == NULL)
		return NULL;
	nest = canon_pin_settings();
	result = deparse_expression(def, deparse_context_for(table, relid), false, false);
	AtEOXact_GUC(false, nest);
	return result;
}

/* See the header. */
void
constant_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	char	   *present = constant_present(plan->relid, step->column);

	appendStringInfo(&undo->notes, "-- %s: rows that have the default keep it\n", undo->shown);
	if (present != NULL)
		appendStringInfo(&undo->clause, "ALTER COLUMN %s SET DEFAULT %s",
						 quote_identifier(step->column), present);
	else
		appendStringInfo(&undo->clause, "ALTER COLUMN %s DROP DEFAULT",
						 quote_identifier(step->column));
}

/* ---- from SQL ---- */

/* Does the cast name the column's own type, with its modifier or without one?
 * No code of a user's type is called. */
static bool
names_own_type(const TypeName *name, const FormData_pg_attribute *att)
{
	TypeName   *bare = copyObject(unconstify(TypeName *, name));
	Oid			type;
	int32		typmod;

	if (bare->setof || bare->pct_type || bare->arrayBounds != NIL)
		return false;
	bare->typmods = NIL;
	if (LookupTypeNameOid(NULL, bare, true) != att->atttypid)
		return false;
	if (name->typmods == NIL)
		return true;
	lattice_resolve(name, &type, &typmod);
	return type == att->atttypid && typmod == att->atttypmod;
}

/* Is a constant of this kind one of the column's type? A number is no text. */
static bool
is_of_kind(const A_Const *c, Oid type)
{
	char		category;
	bool		preferred;

	get_type_category_preferred(type, &category, &preferred);
	switch (nodeTag(&c->val))
	{
		case T_String:
			return true;
		case T_Integer:
		case T_Float:
			return category == TYPCATEGORY_NUMERIC;
		case T_Boolean:
			return type == BOOLOID;
		default:
			return false;
	}
}

static char *
constant_text(A_Const *c)
{
	switch (nodeTag(&c->val))
	{
		case T_Integer:
			return psprintf("%d", intVal(&c->val));
		case T_Float:
			return pstrdup(castNode(Float, &c->val)->fval);
		case T_Boolean:
			return pstrdup(boolVal(&c->val) ? "true" : "false");
		default:
			return pstrdup(strVal(&c->val));
	}
}

/* See the header. */
PlanStep *
constant_read(Oid relid, const char *column, Node *expr, char **reason)
{
	Form_pg_attribute att = strlen(column) < NAMEDATALEN ? columns_get(relid, column) : NULL;
	A_Const    *c;

	if (expr == NULL)
	{
		plan_refuse(reason, "column \"%s\": DROP DEFAULT takes away what rows without the key get", column);
		return NULL;
	}
	if (att == NULL)
	{
		plan_refuse(reason, "there is no column \"%s\"", column);
		return NULL;
	}
	if (IsA(expr, TypeCast))
	{
		const TypeCast *cast = castNode(TypeCast, expr);

		if (!names_own_type(cast->typeName, att))
		{
			plan_refuse(reason, "column \"%s\": a default is a constant, cast to nothing but the column's own type",
						column);
			return NULL;
		}
		expr = cast->arg;
	}
	if (!IsA(expr, A_Const))
	{
		plan_refuse(reason, "column \"%s\": a default is a constant: nothing is computed", column);
		return NULL;
	}
	c = castNode(A_Const, expr);
	if (c->isnull)
	{
		plan_refuse(reason, "column \"%s\": null is no default", column);
		return NULL;
	}
	if (!is_of_kind(c, att->atttypid))
	{
		plan_refuse(reason, "column \"%s\": the constant is not of type %s", column,
					lattice_name(att->atttypid, att->atttypmod));
		return NULL;
	}
	return constant_step(column, constant_text(c));
}
