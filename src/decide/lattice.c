/*
 * lattice.c
 *	  Which built-in types a plan may name, and which change of type is a
 *	  widening.
 *
 * The lattice is small and closed on purpose. What it allows is what has been
 * measured on PostgreSQL 15 (docs/SAFETY.md has the table); a pair of types
 * that is not in it is refused, whatever PostgreSQL's casts would do with the
 * values. Two rules rule most pairs out: no value that is stored may change,
 * and no column may come to mean something else (a word is not a number, an
 * instant is not a wall clock's time).
 *
 * Types are compared by oid, never by name: a user's type that is called
 * "text" is another type.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_type.h"
#include "decide/lattice.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* Digits before the point that hold every value of an integer type. */
#define INT2_DIGITS 5
#define INT4_DIGITS 10
#define INT8_DIGITS 19

static char *why_not(Oid from, int32 from_mod, Oid to, int32 to_mod,
					 const char *reason);
static Widening widen_varchar(int32 from_mod, Oid to, int32 to_mod,
							  const char **reason);
static Widening widen_integer(Oid from, Oid to, int32 to_mod,
							  const char **reason);
static Widening widen_numeric(int32 from_mod, Oid to, int32 to_mod,
							  const char **reason);
static Widening widen_seconds(Oid type, int32 from_mod, Oid to, int32 to_mod,
							  const char **reason);

/*
 * Type name with its modifier, for people and for a plan's JSON. What
 * format_type() prints; in the current context.
 */
char *
lattice_name(Oid type, int32 typmod)
{
	return format_type_with_typemod(type, typmod);
}

/*
 * Take the typmod of a numeric apart. The layout is numeric.c's: precision
 * above, eleven bits of signed scale below, all shifted by the header's size.
 */
bool
lattice_numeric(int32 typmod, int *precision, int *scale)
{
	int32		bits = typmod - (int32) VARHDRSZ;

	if (bits < 0)
		return false;
	*precision = (bits >> 16) & 0xffff;
	*scale = ((bits & 0x7ff) ^ 1024) - 1024;
	return true;
}

/* The other way round. */
int32
lattice_numeric_typmod(int precision, int scale)
{
	return ((precision << 16) | (scale & 0x7ff)) + VARHDRSZ;
}

/* See the header. */
int
lattice_second_digits(Oid type, int32 typmod)
{
	if (typmod < 0)
		return MAX_TIMESTAMP_PRECISION;
	if (type == INTERVALOID)
	{
		int			precision = INTERVAL_PRECISION(typmod);

		return (precision == INTERVAL_FULL_PRECISION) ?
			MAX_INTERVAL_PRECISION : precision;
	}
	return typmod;
}

/*
 * What is this change of type? Looks at nothing but the types; the caller
 * knows whether the column is one that may be changed at all.
 */
Widening
lattice_widening(Oid from, int32 from_mod, Oid to, int32 to_mod, char **why)
{
	const char *reason = "that is another type, not more room in the same";
	Widening	result = WIDENING_REFUSED;

	*why = NULL;
	if (from == to && from_mod == to_mod)
		return WIDENING_SAME;

	switch (from)
	{
		case VARCHAROID:
			result = widen_varchar(from_mod, to, to_mod, &reason);
			break;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			result = widen_integer(from, to, to_mod, &reason);
			break;
		case NUMERICOID:
			result = widen_numeric(from_mod, to, to_mod, &reason);
			break;
		case FLOAT4OID:
			if (to == FLOAT8OID)
				result = WIDENING_REWRITE;
			break;
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case INTERVALOID:
			result = widen_seconds(from, from_mod, to, to_mod, &reason);
			break;
		case BPCHAROID:
			reason = "character(n) is padded with blanks, and a change of it "
				"rewrites the table and changes what comparisons see";
			break;
		case TEXTOID:
			reason = "text holds every text already";
			break;
		default:
			break;
	}

	if (result == WIDENING_REFUSED)
		*why = why_not(from, from_mod, to, to_mod, reason);
	return result;
}

/*
 * See the header. Not to jsonb: no cast of PostgreSQL's leads there from a
 * scalar but through text, which fails on most words.
 */
bool
lattice_conversion(Oid from, int32 from_mod, Oid to, int32 to_mod, char **why)
{
	const char *reason = "only text takes all values of another type";

	switch (from)
	{
		case BPCHAROID:
			if (to == TEXTOID || (to == VARCHAROID && (to_mod < 0 || to_mod >= from_mod)))
				return true;
			if (to == VARCHAROID)
				reason = "that is narrower";
			break;
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case UUIDOID:
			if (to == TEXTOID)
				return true;
			break;
		default:
			reason = "its values are not known to come back from text as they were";
			break;
	}
	*why = psprintf("%s to %s is no conversion that is made: %s",
					lattice_name(from, from_mod), lattice_name(to, to_mod), reason);
	return false;
}

/* varchar(n) may grow to varchar(m), varchar and text. */
static Widening
widen_varchar(int32 from_mod, Oid to, int32 to_mod, const char **reason)
{
	if (to == TEXTOID)
		return WIDENING_CATALOG;
	if (to != VARCHAROID)
		return WIDENING_REFUSED;
	/* the equal pair is gone: an unlimited source could only narrow */
	if (from_mod >= 0 && (to_mod < 0 || to_mod > from_mod))
		return WIDENING_CATALOG;
	*reason = "that is narrower";
	return WIDENING_REFUSED;
}

/* smallint < integer < bigint < numeric, and a numeric(p,s) with room. */
static Widening
widen_integer(Oid from, Oid to, int32 to_mod, const char **reason)
{
	int			precision;
	int			scale;
	int			digits = (from == INT2OID) ? INT2_DIGITS :
	(from == INT4OID) ? INT4_DIGITS : INT8_DIGITS;

	switch (to)
	{
		case INT2OID:
			break;
		case INT4OID:
			if (from == INT2OID)
				return WIDENING_REWRITE;
			break;
		case INT8OID:
			return WIDENING_REWRITE;
		case NUMERICOID:
			if (!lattice_numeric(to_mod, &precision, &scale))
				return WIDENING_REWRITE;
			if (scale >= 0 && precision - scale >= digits)
				return WIDENING_REWRITE;
			break;
		case FLOAT4OID:
		case FLOAT8OID:
			*reason = "a floating-point number does not keep every digit";
			return WIDENING_REFUSED;
		default:
			return WIDENING_REFUSED;
	}
	*reason = "that is narrower";
	return WIDENING_REFUSED;
}

/*
 * More digits before or after the point, fewer on neither side. Only the same
 * scale is stored alike (numeric_support in numeric.c decides so).
 */
static Widening
widen_numeric(int32 from_mod, Oid to, int32 to_mod, const char **reason)
{
	int			old_precision;
	int			old_scale;
	int			precision;
	int			scale;

	if (to == FLOAT4OID || to == FLOAT8OID)
	{
		*reason = "a floating-point number does not keep every digit";
		return WIDENING_REFUSED;
	}
	if (to != NUMERICOID)
		return WIDENING_REFUSED;
	if (!lattice_numeric(from_mod, &old_precision, &old_scale))
	{
		*reason = "numeric without limits holds every number already";
		return WIDENING_REFUSED;
	}
	if (!lattice_numeric(to_mod, &precision, &scale))
		return WIDENING_CATALOG;
	if (scale < old_scale)
	{
		*reason = "digits after the point would be rounded";
		return WIDENING_REFUSED;
	}
	if (precision - scale < old_precision - old_scale)
	{
		*reason = "digits before the point would be lost";
		return WIDENING_REFUSED;
	}
	return (scale == old_scale) ? WIDENING_CATALOG : WIDENING_REWRITE;
}

/* More digits of a second, of the same type and the same interval fields. */
static Widening
widen_seconds(Oid type, int32 from_mod, Oid to, int32 to_mod,
			  const char **reason)
{
	if (to != type)
	{
		if ((type == TIMESTAMPOID && to == TIMESTAMPTZOID) ||
			(type == TIMESTAMPTZOID && to == TIMESTAMPOID))
			*reason = "a time without zone and an instant are not the same "
				"thing: what each stored value means would depend on the "
				"session's TimeZone";
		return WIDENING_REFUSED;
	}
	if (type == INTERVALOID)
	{
		int			old_range = (from_mod < 0) ? INTERVAL_FULL_RANGE :
		INTERVAL_RANGE(from_mod);
		int			range = (to_mod < 0) ? INTERVAL_FULL_RANGE :
		INTERVAL_RANGE(to_mod);

		if (range != old_range)
		{
			*reason = "the interval would have other fields";
			return WIDENING_REFUSED;
		}
	}
	if (lattice_second_digits(type, to_mod) > lattice_second_digits(type, from_mod))
		return WIDENING_CATALOG;
	*reason = (lattice_second_digits(type, to_mod) == lattice_second_digits(type, from_mod)) ?
		"it holds the same digits already" : "that is narrower";
	return WIDENING_REFUSED;
}

/* One sentence for all refusals of a change of type. */
static char *
why_not(Oid from, int32 from_mod, Oid to, int32 to_mod, const char *reason)
{
	return psprintf("%s to %s is not a widening: %s",
					lattice_name(from, from_mod), lattice_name(to, to_mod),
					reason);
}

/*
 * May a new column have this type? A short list: types that hold what payloads
 * bring without changing it.
 */
char *
lattice_refuses_new(Oid type, int32 typmod)
{
	int			precision;
	int			scale;

	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case FLOAT8OID:
		case TEXTOID:
		case VARCHAROID:
		case DATEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
		case TIMEOID:
		case UUIDOID:
		case JSONBOID:
		case INETOID:
		case BYTEAOID:
			return NULL;
		case NUMERICOID:
			if (lattice_numeric(typmod, &precision, &scale) &&
				(scale < 0 || scale > precision))
				return pstrdup("a new numeric column needs a scale between 0 "
							   "and its precision");
			return NULL;
		case FLOAT4OID:
			return pstrdup("real keeps six digits: use double precision or "
						   "numeric");
		case BPCHAROID:
			return pstrdup("character(n) pads with blanks: use text or "
						   "varchar(n)");
		case JSONOID:
			return pstrdup("json keeps the text but not the equality of "
						   "values: use jsonb");
		default:
			return psprintf("%s is not on the list of types for a new column",
							lattice_name(type, typmod));
	}
}

/*
 * Resolve a type name. The oid is looked up first and without its modifiers,
 * since these are read by the type's own function: for a built-in type that
 * is PostgreSQL's code, for another one we never get there. May throw 22023,
 * 42704, and what a built-in typmod function says of a wrong modifier.
 */
void
lattice_resolve(const TypeName *name, Oid *type, int32 *typmod)
{
	TypeName   *copy = copyObject(unconstify(TypeName *, name));
	const char *last = (copy->names == NIL) ? "" : strVal(llast(copy->names));
	List	   *modifiers;
	HeapTuple	tup;
	Oid			oid;

	if (copy->setof || copy->pct_type)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a column cannot have the type %s",
						TypeNameToString(copy))));
	if (copy->arrayBounds != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is an array, and no step makes one: use jsonb",
						TypeNameToString(copy))));
	if (strcmp(last, "serial") == 0 || strcmp(last, "bigserial") == 0 ||
		strcmp(last, "smallserial") == 0 || strcmp(last, "serial2") == 0 ||
		strcmp(last, "serial4") == 0 || strcmp(last, "serial8") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s makes a sequence and a volatile default, which "
						"rewrites the table", last)));

	/* LookupTypeName has the modifiers read as well, whoever's type it is */
	modifiers = copy->typmods;
	copy->typmods = NIL;
	tup = LookupTypeName(NULL, copy, NULL, false);
	copy->typmods = modifiers;
	if (tup == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("type \"%s\" does not exist",
						TypeNameToString(copy))));
	oid = ((Form_pg_type) GETSTRUCT(tup))->oid;
	ReleaseSysCache(tup);

	/* types that initdb's SQL scripts make have larger numbers */
	if (oid >= FirstGenbkiObjectId || get_typtype(oid) != TYPTYPE_BASE ||
		OidIsValid(get_element_type(oid)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is not a built-in base type",
						format_type_be_qualified(oid))));

	typenameTypeIdAndMod(NULL, copy, type, typmod);
}

/*
 * Resolve the text of a type through PostgreSQL's raw parser. A plan's JSON
 * reads the same in every session: a bare name is a built-in type, whatever
 * the search_path. Throws 42601 on what is no type, and what lattice_resolve
 * throws.
 */
void
lattice_parse(const char *text, Oid *type, int32 *typmod)
{
	List	   *tree = raw_parser(text, RAW_PARSE_TYPE_NAME);
	TypeName   *name;

	if (list_length(tree) != 1 || !IsA(linitial(tree), TypeName))
		ereport(ERROR,
				(errcode(ERRCODE_SYNTAX_ERROR),
				 errmsg("\"%s\" is not a type", text)));
	name = linitial_node(TypeName, tree);
	if (list_length(name->names) == 1)
		name->names = lcons(makeString(pstrdup("pg_catalog")), name->names);
	lattice_resolve(name, type, typmod);
}
