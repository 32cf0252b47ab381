/*
 * blame.c
 *	  Can a column of this type be why a statement failed so?
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "orient/blame.h"
#include "orient/wording.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* The type that a value of this one is made of: below domains and arrays. */
static Oid
ground(Oid type, int32 *typmod)
{
	Oid			element;

	type = getBaseTypeAndTypmod(type, typmod);
	element = get_element_type(type);
	return OidIsValid(element) ? getBaseTypeAndTypmod(element, typmod) : type;
}

static bool
is_text(Oid type)
{
	return type == TEXTOID || type == VARCHAROID || type == BPCHAROID || type == NAMEOID ||
		type == CHAROID || type == UNKNOWNOID;
}

/* Its messages name the limit as well. */
static bool
is_limited(Oid type)
{
	return type == VARCHAROID || type == BPCHAROID || type == BITOID || type == VARBITOID;
}

static bool
is_time(Oid type)
{
	return type == DATEOID || type == TIMEOID || type == TIMETZOID || type == TIMESTAMPOID ||
		type == TIMESTAMPTZOID || type == INTERVALOID;
}

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID ||
		type == FLOAT4OID || type == FLOAT8OID;
}

/* numeric(p,s) as its modifier says it. */
static void
numeric_limits(int32 typmod, int *precision, int *scale)
{
	*precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	*scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
}

/* Its parts may raise what it does not: a composite, a range. */
static bool
is_made_of_parts(Oid type)
{
	char		kind = get_typtype(type);

	return kind == TYPTYPE_COMPOSITE || kind == TYPTYPE_RANGE || kind == TYPTYPE_MULTIRANGE;
}

bool
blame_type(int sqlstate, Oid type, int32 typmod)
{
	type = ground(type, &typmod);
	if (is_made_of_parts(type))
		return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_DATA_EXCEPTION;
	switch (sqlstate)
	{
		case ERRCODE_STRING_DATA_RIGHT_TRUNCATION:
			return typmod >= 0 && (type == VARCHAROID || type == BPCHAROID || type == VARBITOID);
		case ERRCODE_STRING_DATA_LENGTH_MISMATCH:
			return type == BITOID;
		case ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE:
			return (is_number(type) && (type != NUMERICOID || typmod >= VARHDRSZ)) ||
				type == MONEYOID || type == OIDOID;
		case ERRCODE_INVALID_TEXT_REPRESENTATION:
			return !is_text(type) && type != BYTEAOID;
		case ERRCODE_INVALID_DATETIME_FORMAT:
		case ERRCODE_DATETIME_FIELD_OVERFLOW:
		case ERRCODE_INVALID_TIME_ZONE_DISPLACEMENT_VALUE:
			return is_time(type);
		case ERRCODE_INTERVAL_FIELD_OVERFLOW:
			return type == INTERVALOID;
		case ERRCODE_UNTRANSLATABLE_CHARACTER:
		case ERRCODE_DUPLICATE_JSON_OBJECT_KEY_VALUE:
		case ERRCODE_INVALID_JSON_TEXT:
			return type == JSONBOID || type == JSONOID;
		case ERRCODE_INVALID_XML_CONTENT:
		case ERRCODE_INVALID_XML_DOCUMENT:
			return type == XMLOID;
		case ERRCODE_CHARACTER_NOT_IN_REPERTOIRE:
			return is_text(type) || type == JSONOID || type == JSONBOID;
		default:
			return ERRCODE_TO_CATEGORY(sqlstate) == ERRCODE_DATA_EXCEPTION && !is_text(type);
	}
}

/* Digits before the point that a number of this type may have. */
static int
integer_digits(Oid type, int32 typmod)
{
	int			precision;
	int			scale;

	switch (type)
	{
		case INT2OID:
			return 5;
		case INT4OID:
			return 10;
		case INT8OID:
			return 19;
		case NUMERICOID:
			if (typmod < VARHDRSZ)
				return PG_INT32_MAX;
			numeric_limits(typmod, &precision, &scale);
			return precision - scale;
		default:
			return PG_INT32_MAX;
	}
}

bool
blame_coercion(int sqlstate, Oid from, int32 fromtypmod, Oid type, int32 typmod)
{
	if (!blame_type(sqlstate, type, typmod))
		return false;
	type = ground(type, &typmod);
	if (!OidIsValid(from))
		return true;
	from = ground(from, &fromtypmod);
	switch (sqlstate)
	{
		case ERRCODE_STRING_DATA_RIGHT_TRUNCATION:
			return !(from == type || is_text(from)) || fromtypmod < 0 || fromtypmod > typmod;
		case ERRCODE_STRING_DATA_LENGTH_MISMATCH:
			return from != type || fromtypmod != typmod;
		case ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE:
			if (from == type && typmod < 0)
				return false;
			if (is_number(from) && is_number(type) && type != FLOAT4OID && type != FLOAT8OID)
				return from == type ? integer_digits(from, fromtypmod) > integer_digits(type, typmod) ||
					fromtypmod != typmod : integer_digits(from, fromtypmod) > integer_digits(type, typmod) ||
					integer_digits(from, fromtypmod) == PG_INT32_MAX;
			return !(is_number(from) && type == FLOAT8OID);

			/* no other coercion of an assignment reads a text */
		case ERRCODE_INVALID_TEXT_REPRESENTATION:
		case ERRCODE_INVALID_DATETIME_FORMAT:
			return from != type && is_text(from);
		default:
			return from != type;
	}
}

/* What messages call a type that the catalog calls by more words. */
static const char *
short_name(Oid type)
{
	return type == TIMESTAMPOID ? "timestamp" : type == TIMEOID ? "time" : NULL;
}

/* Is one of a composite's parts of the type that is named? */
static bool
part_named(const Failure *failure, Oid type)
{
	TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);
	bool		named = false;

	check_stack_depth();
	for (int i = 0; i < desc->natts && !named; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		named = !att->attisdropped &&
			blame_word(failure, att->atttypid, att->atttypmod) == BLAME_NAMED;
	}
	ReleaseTupleDesc(desc);
	return named;
}

BlameWord
blame_word(const Failure *failure, Oid type, int32 typmod)
{
	int			precision;
	int			scale;
	int			p;
	int			s;

	type = ground(type, &typmod);
	if (type == NUMERICOID && failure->sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE)
	{
		if (typmod < VARHDRSZ || !wording_numbers(failure->detail, &p, &s))
			return BLAME_SILENT;
		numeric_limits(typmod, &precision, &scale);
		return p == precision && s == scale ? BLAME_NAMED : BLAME_SILENT;
	}
	if (get_typtype(type) == TYPTYPE_COMPOSITE && part_named(failure, type))
		return BLAME_NAMED;
	return wording_mentions(failure->message, format_type_with_typemod(type, typmod)) ||
		((typmod < 0 || !is_limited(type)) && wording_mentions(failure->message, format_type_be(type)) &&
		 !wording_mentions(failure->message, psprintf("%s varying", format_type_be(type)))) ||
		(short_name(type) != NULL && wording_mentions(failure->message, short_name(type)) &&
		 !wording_mentions(failure->message, psprintf("%s with time zone", short_name(type)))) ?
		BLAME_NAMED : BLAME_SILENT;
}

bool
blame_silent(const Failure *failure)
{
	static const char *const types[] = {
		"smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "uuid",
		"inet", "cidr", "money", "oid", "bytea", "xid", "macaddr", "point", "bit", "json"
	};
	static const char *const times[] = {"date", "timestamp", "time", "interval"};
	static const char *const limited[] = {"character varying(", "character(", "bit varying(", "bit("};

	/* "numeric field overflow" may be any numeric's */
	if (failure->sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE &&
		wording_mentions(failure->message, "numeric") && failure->detail == NULL)
		return true;
	if (failure->sqlstate == ERRCODE_INVALID_TEXT_REPRESENTATION ||
		failure->sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE)
		for (int i = 0; i < (int) lengthof(types); i++)
			if (wording_mentions(failure->message, types[i]))
				return false;
	if (failure->sqlstate == ERRCODE_INVALID_TEXT_REPRESENTATION ||
		failure->sqlstate == ERRCODE_INVALID_DATETIME_FORMAT)
		for (int i = 0; i < (int) lengthof(times); i++)
			if (wording_mentions(failure->message, times[i]))
				return false;
	if (failure->sqlstate == ERRCODE_STRING_DATA_RIGHT_TRUNCATION && failure->message != NULL)
		for (int i = 0; i < (int) lengthof(limited); i++)
			if (strstr(failure->message, limited[i]) != NULL)
				return false;
	return true;
}

bool
blame_class(int sqlstate, FitClass class)
{
	switch (sqlstate)
	{
		case ERRCODE_STRING_DATA_RIGHT_TRUNCATION:
		case ERRCODE_STRING_DATA_LENGTH_MISMATCH:
			return class == FIT_TOO_LONG || class == FIT_BAD_VALUE || class == FIT_TOO_WIDE;
		case ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE:
			return class == FIT_OUT_OF_RANGE || class == FIT_PRECISION || class == FIT_SCALE ||
				class == FIT_BAD_VALUE;
		case ERRCODE_INVALID_TEXT_REPRESENTATION:
			return class == FIT_WRONG_TYPE || class == FIT_ENUM_LABEL || class == FIT_BAD_VALUE ||
				class == FIT_FRACTION || class == FIT_BAD_JSON || class == FIT_NUL ||
				class == FIT_SURROGATE;
		case ERRCODE_UNTRANSLATABLE_CHARACTER:
			return class == FIT_NUL || class == FIT_BAD_VALUE || class == FIT_SURROGATE;
		case ERRCODE_CHECK_VIOLATION:
			return class == FIT_CHECK;
		case ERRCODE_NOT_NULL_VIOLATION:
			return class == FIT_NULL_VALUE;
		default:
			return class == FIT_WRONG_TYPE || class == FIT_BAD_VALUE || class == FIT_OTHER;
	}
}

FitClass
blame_unknown(const Failure *failure, Oid type, int32 typmod)
{
	ErrorData	edata = {.sqlerrcode = failure->sqlstate,.message = failure->message};
	Misfit		misfit;

	type = ground(type, &typmod);
	edata.constraint_name = failure->constraint_name;
	fit_from_error(&edata, &misfit);
	if (misfit.class == FIT_OUT_OF_RANGE && type == NUMERICOID)
		return FIT_PRECISION;
	if (misfit.class == FIT_WRONG_TYPE && get_typtype(type) == TYPTYPE_ENUM)
		return FIT_ENUM_LABEL;
	if (misfit.class == FIT_BAD_VALUE && failure->sqlstate == ERRCODE_UNTRANSLATABLE_CHARACTER)
		return FIT_NUL;
	return misfit.class;
}
