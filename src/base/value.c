/*
 * value.c
 *	  One value against one column: the checks behind fit_row.
 *
 * PostgreSQL's input functions refuse what a type cannot hold, but some of
 * them change a value instead: an integer column rounds 34.5 when it is
 * given as a number, numeric(4,2) rounds 1.239, varchar(n) cuts trailing
 * blanks, real keeps six digits, a date forgets the time of day. Here such a
 * value is a misfit. The common types are judged without calling anything, so
 * that neither the clean row nor the one that drifts costs a function call or
 * a subtransaction; for the rest the input function has the last word.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/datetime.h"
#include "base/guc.h"
#include "base/number.h"
#include "base/value.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* What an unconstrained numeric can hold (documented limits). */
#define NUMERIC_INT_MAX		131072
#define NUMERIC_FRAC_MAX	16383

/* What a column can declare. */
#define NUMERIC_TYPMOD_MAX	1000

const char *
value_kind_name(JsonKind kind)
{
	static const char *const names[] = {
		"null", "boolean", "number", "string", "object", "array"
	};

	return names[kind];
}

bool
value_misfit(Misfit *out, FitClass class, int sqlstate, char *need,
			 const char *fmt,...)
{
	char		message[512];
	va_list		args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);

	memset(out, 0, sizeof(*out));
	out->class = class;
	out->sqlstate = sqlstate;
	out->need = need;
	out->message = pstrdup(message);
	return false;
}

static bool
wrong_type(const Shape *shape, int col, const JsonField *field, Misfit *out)
{
	return value_misfit(out, FIT_WRONG_TYPE, ERRCODE_INVALID_TEXT_REPRESENTATION,
						NULL, "this JSON %s is not valid for type %s",
						value_kind_name(field->kind),
						shape_type_name(shape, col));
}

static inline bool
take(FitCell *cell, const char *val, int len)
{
	cell->state = CELL_TEXT;
	cell->val = val;
	cell->len = len;
	return true;
}

/*
 * Ask the declared type's input function. text NULL asks a domain for a null.
 * The result lives in the scratch context until the next call. What the
 * function refuses is thrown, or (from PostgreSQL 16 on) is a misfit.
 */
static bool
ask_input(const Shape *shape, int col, const char *val, int len,
		  Datum *result, Misfit *out)
{
	FitColumn  *column = &shape->cols[col];
	char	   *text = val ? shape_cstring(shape, val, len) : NULL;
	ErrorData  *error = NULL;
	MemoryContext old;
	bool		taken;

	MemoryContextReset(shape->work->scratch);
	old = MemoryContextSwitchTo(shape->work->scratch);
	taken = compat_input(&column->in, text, column->ioparam, column->typmod,
						 result, &error);
	MemoryContextSwitchTo(old);
	if (!taken)
		fit_from_error(error, out);
	return taken;
}

/* A character column: all characters count, trailing blanks too. */
static bool
check_limited(const Shape *shape, int col, const JsonField *field,
			  FitCell *cell, Misfit *out)
{
	int			limit = shape->cols[col].basetypmod - VARHDRSZ;
	int			chars;

	if (field->len <= limit)
		return take(cell, field->val, field->len);
	chars = pg_mbstrlen_with_len(field->val, field->len);
	if (chars <= limit)
		return take(cell, field->val, field->len);
	if (chars > guc_max_width)
		return value_misfit(out, FIT_TOO_WIDE,
							ERRCODE_STRING_DATA_RIGHT_TRUNCATION, NULL,
							"%d characters are more than selfheal.max_width (%d) allows for type %s",
							chars, guc_max_width, shape_type_name(shape, col));
	return value_misfit(out, FIT_TOO_LONG, ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
						psprintf("varchar(%d)", chars),
						"%d characters are too many for type %s",
						chars, shape_type_name(shape, col));
}

/* Up to 18 digits with perhaps a minus, as nearly every integer comes. */
static inline bool
plain_integer(const char *s, int len, int64 *value)
{
	bool		minus = (len > 0 && *s == '-');
	int64		v = 0;
	int			i;

	i = minus ? 1 : 0;
	if (len - i < 1 || len - i > 18)
		return false;
	for (; i < len; i++)
	{
		unsigned	digit = (unsigned char) s[i] - '0';

		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	*value = minus ? -v : v;
	return true;
}

/* Notations of newer versions (0x1F, 1_000) are the input function's. */
static bool
maybe_literal(const JsonField *field)
{
	const char *s = field->val;
	int			i;

	if (field->kind != JSON_STRING || field->len > 1000)
		return false;
	for (i = 1; i < field->len; i++)
	{
		if (s[i] == '_' ||
			(s[i - 1] == '0' && strchr("xXoObB", s[i]) && s[i] != '\0'))
			return true;
	}
	return false;
}

/*
 * An integer column. A JSON number may be written in any way as long as it is
 * integral (34.0, 1e3); the text in a JSON string must be what the input
 * function takes, since "1E3" may just as well be a code as a number.
 */
static bool
check_integer(const Shape *shape, int col, const JsonField *field,
			  FitCell *cell, Misfit *out)
{
	TypeClass	class = shape->cols[col].tclass;
	Number		n;
	int64		value;
	bool		fits;
	Datum		ignored;

	if (field->kind != JSON_NUMBER && field->kind != JSON_STRING)
		return wrong_type(shape, col, field, out);
	if (plain_integer(field->val, field->len, &value) &&
		(class == TYPE_INT8 ||
		 (class == TYPE_INT4 && value >= PG_INT32_MIN && value <= PG_INT32_MAX) ||
		 (value >= PG_INT16_MIN && value <= PG_INT16_MAX)))
		return take(cell, field->val, field->len);

	if (!number_parse(field->val, field->len, &n))
	{
		if (maybe_literal(field) &&
			ask_input(shape, col, field->val, field->len, &ignored, out))
			return take(cell, field->val, field->len);
		return wrong_type(shape, col, field, out);
	}
	if (n.shape.special)
		return wrong_type(shape, col, field, out);
	if (field->kind == JSON_STRING && !n.plain &&
		(memchr(field->val, 'e', field->len) || memchr(field->val, 'E', field->len)))
		return wrong_type(shape, col, field, out);
	if (n.lowest < 0 || (field->kind == JSON_STRING && !n.plain))
		return value_misfit(out, FIT_FRACTION,
							ERRCODE_INVALID_TEXT_REPRESENTATION, pstrdup("numeric"),
							"a number with a fraction does not fit type %s",
							shape_type_name(shape, col));

	fits = class == TYPE_INT2 ? n.shape.fits_int2 :
		class == TYPE_INT4 ? n.shape.fits_int4 : n.shape.fits_int8;
	if (!fits)
		return value_misfit(out, FIT_OUT_OF_RANGE,
							ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							pstrdup(n.shape.fits_int4 ? "integer" :
									n.shape.fits_int8 ? "bigint" : "numeric"),
							"a number of %d digits is out of range for type %s",
							n.shape.int_digits, shape_type_name(shape, col));
	if (n.plain)
		return take(cell, field->val, field->len);
	else
	{
		char	   *text = MemoryContextAlloc(shape->work->row, 32);
		int			len;

		len = snprintf(text, 32, "%s" UINT64_FORMAT,
					   n.shape.negative && n.value != 0 ? "-" : "", n.value);
		return take(cell, text, len);
	}
}

/* The smallest numeric(p,s) that holds both what the column does and n. */
static char *
numeric_need(int precision, int scale, const Number *n)
{
	int64		need_scale = Max((int64) scale, n->lowest < 0 ? -n->lowest : 0);
	int64		need_int = Max((int64) precision - scale, n->magnitude);
	int64		need_precision;

	/* A negative scale gives way only as far as it has to. */
	if (scale < 0 && n->lowest >= 0)
		need_scale = Max((int64) scale, -n->lowest);
	need_precision = Max(need_int + need_scale, 1);
	if (need_precision > NUMERIC_TYPMOD_MAX || need_scale > NUMERIC_TYPMOD_MAX)
		return pstrdup("numeric");
	return psprintf("numeric(%d,%d)", (int) need_precision, (int) need_scale);
}

/* A numeric column: the digits that count decide, none is rounded away. */
static bool
check_numeric(const Shape *shape, int col, const JsonField *field,
			  FitCell *cell, Misfit *out)
{
	int32		typmod = shape->cols[col].basetypmod;
	int			precision = 0;
	int			scale = 0;
	Number		n;
	Datum		ignored;

	if (field->kind != JSON_NUMBER && field->kind != JSON_STRING)
		return wrong_type(shape, col, field, out);
	if (!number_parse(field->val, field->len, &n))
	{
		if (typmod < 0 && maybe_literal(field) &&
			ask_input(shape, col, field->val, field->len, &ignored, out))
			return take(cell, field->val, field->len);
		return wrong_type(shape, col, field, out);
	}
	if (n.magnitude > NUMERIC_INT_MAX || -n.lowest > NUMERIC_FRAC_MAX)
		return value_misfit(out, FIT_BAD_VALUE, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							NULL, "no numeric can hold a number of this size");
	if (typmod < VARHDRSZ)
		return take(cell, field->val, field->len);

	/* precision in the upper half, scale in eleven bits with sign below */
	precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	if (n.shape.special)
	{
		const char *s = field->val;
		int			i;

		/* of the special values, one with a limit takes NaN alone */
		for (i = 0; i < field->len; i++)
		{
			if (s[i] == 'n' || s[i] == 'N')
				break;
		}
		if (i + 1 < field->len && (s[i + 1] == 'a' || s[i + 1] == 'A'))
			return take(cell, field->val, field->len);
		return value_misfit(out, FIT_PRECISION, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							pstrdup("numeric"),
							"an infinite number does not fit type %s",
							shape_type_name(shape, col));
	}
	if (n.shape.significant == 0)
		return take(cell, field->val, field->len);
	if (n.magnitude > precision - scale)
		return value_misfit(out, FIT_PRECISION, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							numeric_need(precision, scale, &n),
							"a number of %d digits before the point does not fit type %s",
							n.shape.int_digits, shape_type_name(shape, col));
	if (-n.lowest > scale)
		return value_misfit(out, FIT_SCALE, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							numeric_need(precision, scale, &n),
							"a number of %d digits behind the point does not fit type %s without rounding",
							n.shape.frac_digits, shape_type_name(shape, col));
	return take(cell, field->val, field->len);
}

/* Real and double precision: the number must come back as it was written. */
static bool
check_float(const Shape *shape, int col, const JsonField *field,
			FitCell *cell, Misfit *out)
{
	bool		single = (shape->cols[col].tclass == TYPE_FLOAT4);
	Number		n;
	FloatFit	fit;
	char	   *need = "numeric";

	if ((field->kind != JSON_NUMBER && field->kind != JSON_STRING) ||
		!number_parse(field->val, field->len, &n))
		return wrong_type(shape, col, field, out);
	fit = number_float(&n, field->val, field->len, single);
	if (fit == FLOAT_EXACT)
		return take(cell, field->val, field->len);
	if (single &&
		number_float(&n, field->val, field->len, false) == FLOAT_EXACT)
		need = "double precision";
	if (fit == FLOAT_OVERFLOW)
		return value_misfit(out, FIT_OUT_OF_RANGE,
							ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, pstrdup(need),
							"a number is out of range for type %s",
							shape_type_name(shape, col));
	return value_misfit(out, FIT_INEXACT, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						pstrdup(need),
						"a number of %d digits would be changed by type %s",
						n.shape.significant, shape_type_name(shape, col));
}

/* true and false, and the words that boolin knows. */
static bool
check_bool(const Shape *shape, int col, const JsonField *field,
		   FitCell *cell, Misfit *out)
{
	const char *s = field->val;
	const char *end = s + field->len;
	bool		ignored;

	if (field->kind == JSON_BOOL)
		return take(cell, field->val, field->len);
	if (field->kind != JSON_STRING && field->kind != JSON_NUMBER)
		return wrong_type(shape, col, field, out);
	while (s < end && (*s == ' ' || (*s >= '\t' && *s <= '\r')))
		s++;
	while (end > s && (end[-1] == ' ' || (end[-1] >= '\t' && end[-1] <= '\r')))
		end--;
	if (!parse_bool_with_len(s, end - s, &ignored))
		return wrong_type(shape, col, field, out);
	return take(cell, field->val, field->len);
}

/*
 * Thirty-two hexadecimal digits, in braces or not, with hyphens after any
 * group of four: what the manual's "UUID Type" promises to take.
 */
static bool
is_uuid(const char *s, int len)
{
	int			ndigits = 0;
	int			i;

	if (len > 2 && s[0] == '{' && s[len - 1] == '}')
	{
		s++;
		len -= 2;
	}
	for (i = 0; i < len; i++)
	{
		if (s[i] == '-')
		{
			if (ndigits % 4 != 0 || ndigits == 0 || ndigits == 32 || s[i - 1] == '-')
				return false;
		}
		else if (isxdigit((unsigned char) s[i]))
			ndigits++;
		else
			return false;
	}
	return ndigits == 32;
}

/*
 * Labels that were seen are remembered. An unknown one is looked up each
 * time: no lock of ours keeps ALTER TYPE from adding it.
 */
static bool
check_enum(const Shape *shape, int col, const JsonField *field,
		   FitCell *cell, Misfit *out)
{
	ShapeColumn *more = &shape->work->cols[col];
	NameData	label;
	int			i;

	if (field->kind == JSON_OBJECT || field->kind == JSON_ARRAY)
		return wrong_type(shape, col, field, out);
	if (field->len < NAMEDATALEN)
	{
		memset(&label, 0, sizeof(label));
		memcpy(NameStr(label), field->val, field->len);
		for (i = 0; i < more->nlabels; i++)
		{
			if (memcmp(&more->labels[i], &label, sizeof(label)) == 0)
				return take(cell, field->val, field->len);
		}
		if (SearchSysCacheExists2(ENUMTYPOIDNAME,
								  ObjectIdGetDatum(shape->cols[col].basetype),
								  CStringGetDatum(NameStr(label))))
		{
			if (more->nlabels < LABELS_MAX)
				more->labels[more->nlabels++] = label;
			return take(cell, field->val, field->len);
		}
	}
	if (field->len == 0 || field->len >= NAMEDATALEN)
		return value_misfit(out, FIT_BAD_VALUE,
							ERRCODE_INVALID_TEXT_REPRESENTATION, NULL,
							"no label of type %s can be a text of %d bytes",
							shape_type_name(shape, col), field->len);
	return value_misfit(out, FIT_ENUM_LABEL, ERRCODE_INVALID_TEXT_REPRESENTATION,
						pnstrdup(field->val, field->len),
						"type %s has no label \"%s\"",
						shape_type_name(shape, col), NameStr(label));
}

/* A second with more digits than the column keeps. */
static bool
fraction_misfit(const Shape *shape, int col, int digits, Misfit *out)
{
	return value_misfit(out, FIT_INEXACT, ERRCODE_DATETIME_FIELD_OVERFLOW,
						pstrdup(digits > MAX_TIMESTAMP_PRECISION ? "text" :
								format_type_be(shape->cols[col].basetype)),
						"a fraction of %d digits would be rounded by type %s",
						digits, shape_type_name(shape, col));
}

/* A date or timestamp column given a plainly valid ISO text. */
static bool
check_iso(const Shape *shape, int col, const IsoTime *iso, Misfit *out)
{
	OtherKind	kind = shape->work->cols[col].other;
	int32		typmod = shape->cols[col].basetypmod;

	if (kind == OTHER_DATE)
	{
		if (iso->midnight && iso->zone == 0)
			return true;
		return value_misfit(out, FIT_INEXACT, ERRCODE_DATETIME_FIELD_OVERFLOW,
							pstrdup(iso->has_zone ? "timestamp with time zone" :
									"timestamp without time zone"),
							"type %s would drop the time of day",
							shape_type_name(shape, col));
	}
	if (kind == OTHER_TIMESTAMP && iso->zone != 0)
		return value_misfit(out, FIT_INEXACT, ERRCODE_DATETIME_FIELD_OVERFLOW,
							pstrdup("timestamp with time zone"),
							"type %s would drop the time zone",
							shape_type_name(shape, col));
	if (iso->frac_digits > (typmod < 0 ? MAX_TIMESTAMP_PRECISION : typmod))
		return fraction_misfit(shape, col, iso->frac_digits, out);
	return true;
}

/* Does any of the floats in this text lose a digit? */
static bool
floats_exact(const char *s, int len, bool single)
{
	const char *end = s + len;

	while (s < end)
	{
		const char *start;
		Number		n;

		if (*s == '\0' || strchr("+-.0123456789", *s) == NULL)
		{
			s++;
			continue;
		}
		start = s;
		while (s < end && *s != '\0' && strchr("+-.0123456789eE", *s))
			s++;
		if (number_parse(start, s - start, &n) &&
			number_float(&n, start, s - start, single) != FLOAT_EXACT)
			return false;
	}
	return true;
}

/* Types whose input function would cut or round, before it is asked. */
static bool
check_silent(const Shape *shape, int col, const JsonField *field,
			 const char *val, int len, Misfit *out)
{
	OtherKind	kind = shape->work->cols[col].other;
	int			digits;

	switch (kind)
	{
		case OTHER_PLAIN:
			return true;
		case OTHER_DATE:
		case OTHER_TIMESTAMP:
		case OTHER_TIMESTAMPTZ:
		case OTHER_TIME:
		case OTHER_TIMES:
			digits = datetime_fraction(val, len);
			if (kind != OTHER_DATE && digits > MAX_TIMESTAMP_PRECISION)
				return fraction_misfit(shape, col, digits, out);
			if (shape->cols[col].basetype == TIMEOID &&
				(memchr(val, '-', len) || memchr(val, '+', len)))
				return value_misfit(out, FIT_INEXACT, ERRCODE_DATETIME_FIELD_OVERFLOW,
									pstrdup("timestamp with time zone"),
									"type %s would drop the date or the time zone",
									shape_type_name(shape, col));
			return true;
		case OTHER_FLOATS:
		case OTHER_REALS:
			if (floats_exact(val, len, kind == OTHER_REALS))
				return true;
			return value_misfit(out, FIT_INEXACT, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
								NULL, "a number would be changed by type %s",
								shape_type_name(shape, col));
		case OTHER_NAME:
		case OTHER_CHAR:
			if (len <= (kind == OTHER_NAME ? NAMEDATALEN - 1 : 1))
				return true;
			return value_misfit(out, FIT_TOO_LONG,
								ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
								pstrdup("text"), "%d bytes are too many for type %s",
								len, shape_type_name(shape, col));
		case OTHER_MONEY:
			if (datetime_fraction(val, len) <= 2)
				return true;
			return value_misfit(out, FIT_INEXACT, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
								pstrdup("numeric"), "type %s would round the number",
								shape_type_name(shape, col));
		case OTHER_OID:
			if (memchr(val, '-', len) == NULL)
				return true;
			return value_misfit(out, FIT_BAD_VALUE,
								ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, NULL,
								"a negative number is out of range for type %s",
								shape_type_name(shape, col));
	}
	return true;
}

/*
 * Has the type's modifier changed the value? The same text without it must
 * give an equal value: true for bit(n), which refuses, false for time(0) and
 * numeric(4,2)[], which round.
 */
static bool
check_typmod(const Shape *shape, int col, Datum value, Misfit *out)
{
	ShapeColumn *more = &shape->work->cols[col];
	MemoryContext old;
	Datum		whole;
	bool		equal;

	old = MemoryContextSwitchTo(shape->work->scratch);
	whole = InputFunctionCall(&more->base_in, shape->work->buf,
							  more->base_ioparam, -1);
	if (OidIsValid(more->equal.fn_oid))
		equal = DatumGetBool(FunctionCall2Coll(&more->equal, DEFAULT_COLLATION_OID,
											   value, whole));
	else
		equal = datumIsEqual(value, whole, more->typbyval, more->typlen);
	MemoryContextSwitchTo(old);
	if (equal)
		return true;
	return value_misfit(out, FIT_INEXACT, ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
						pstrdup(format_type_be(shape->cols[col].basetype)),
						"type %s would change the value",
						shape_type_name(shape, col));
}

/* A date in a notation of its own: is there a time of day that would go? */
static bool
check_midnight(const Shape *shape, int col, Misfit *out)
{
	MemoryContext old;
	Timestamp	at;

	old = MemoryContextSwitchTo(shape->work->scratch);
	at = DatumGetTimestamp(DirectFunctionCall3(timestamp_in,
											   CStringGetDatum(shape->work->buf),
											   ObjectIdGetDatum(InvalidOid),
											   Int32GetDatum(-1)));
	MemoryContextSwitchTo(old);
	if (TIMESTAMP_NOT_FINITE(at) || at % USECS_PER_DAY == 0)
		return true;
	return value_misfit(out, FIT_INEXACT, ERRCODE_DATETIME_FIELD_OVERFLOW,
						pstrdup("timestamp without time zone"),
						"type %s would drop the time of day",
						shape_type_name(shape, col));
}

/* Any other type: what would change in silence, then the input function. */
static bool
check_other(const Shape *shape, int col, const JsonField *field,
			FitCell *cell, Misfit *out)
{
	ShapeColumn *more = &shape->work->cols[col];
	const char *val = field->val;
	int			len = field->len;
	Datum		value;

	switch (more->other)
	{
		case OTHER_DATE:
		case OTHER_TIMESTAMP:
		case OTHER_TIMESTAMPTZ:
			{
				IsoTime		iso;

				/* 20240101 is a day to PostgreSQL, and so would be seconds */
				if (field->kind != JSON_STRING || !datetime_plausible(val, len))
					return wrong_type(shape, col, field, out);
				switch (datetime_iso(val, len, &iso))
				{
					case ISO_FINE:
						if (!check_iso(shape, col, &iso, out))
							return false;
						if (!more->constrained)
							return take(cell, val, len);
						break;
					case ISO_IMPOSSIBLE:
						return value_misfit(out, FIT_BAD_VALUE,
											ERRCODE_DATETIME_FIELD_OVERFLOW, NULL,
											"there is no such date or time");
					case ISO_NONE:
						break;
				}
			}
			break;
		case OTHER_TIME:
			if (field->kind != JSON_STRING || !datetime_plausible(val, len))
				return wrong_type(shape, col, field, out);
			break;
		case OTHER_TIMES:
			if (field->kind != JSON_STRING && shape->cols[col].basetype == INTERVALOID)
				return wrong_type(shape, col, field, out);
			break;
		default:
			break;
	}

	if (!check_silent(shape, col, field, val, len, out))
		return false;
	if (!ask_input(shape, col, val, len, &value, out))
		return false;
	if (shape->cols[col].basetypmod >= 0 && !check_typmod(shape, col, value, out))
		return false;
	if (more->other == OTHER_DATE && memchr(val, ':', len) &&
		!check_midnight(shape, col, out))
		return false;
	return take(cell, val, len);
}

bool
value_fits(const Shape *shape, int col, const JsonField *field,
		   FitCell *cell, Misfit *out)
{
	bool		fits = false;
	Datum		ignored;

	switch (shape->cols[col].tclass)
	{
		case TYPE_TEXT:
			fits = take(cell, field->val, field->len);
			break;
		case TYPE_VARCHAR:
		case TYPE_BPCHAR:
			fits = check_limited(shape, col, field, cell, out);
			break;
		case TYPE_INT2:
		case TYPE_INT4:
		case TYPE_INT8:
			fits = check_integer(shape, col, field, cell, out);
			break;
		case TYPE_NUMERIC:
			fits = check_numeric(shape, col, field, cell, out);
			break;
		case TYPE_FLOAT4:
		case TYPE_FLOAT8:
			fits = check_float(shape, col, field, cell, out);
			break;
		case TYPE_BOOL:
			fits = check_bool(shape, col, field, cell, out);
			break;
		case TYPE_UUID:
			if (field->kind == JSON_STRING && is_uuid(field->val, field->len))
				fits = take(cell, field->val, field->len);
			else
				fits = wrong_type(shape, col, field, out);
			break;
		case TYPE_JSON:
			fits = take(cell, field->raw, field->rawlen);
			break;
		case TYPE_JSONB:
			fits = take(cell, field->raw, field->rawlen);
			if (field->wild && !shape->work->cols[col].constrained)
				fits = ask_input(shape, col, cell->val, cell->len, &ignored, out);
			break;
		case TYPE_ENUM:
			fits = check_enum(shape, col, field, cell, out);
			break;
		case TYPE_OTHER:
			return check_other(shape, col, field, cell, out);
	}
	if (fits && shape->work->cols[col].constrained)
		fits = ask_input(shape, col, cell->val, cell->len, &ignored, out);
	return fits;
}

bool
value_null_fits(const Shape *shape, int col, Misfit *out)
{
	Datum		ignored;

	return ask_input(shape, col, NULL, 0, &ignored, out);
}
