/*
 * opaque.c
 *	  Types that only their own input function can judge.
 *
 * Dates, intervals, addresses, user types; and, once its parts are known to
 * fit (container.c), what is made of parts. Most input functions take a text
 * as it is or refuse it. Some change it without a word: a date forgets the time
 * of day, a timestamp the zone, every time rounds its second, name cuts after
 * 63 bytes, and a type modifier rounds or cuts in its own way. These are looked
 * for before and after the function is asked. Dates and times in ISO form, the
 * only form most producers use, are judged without asking it.
 */
#include "postgres.h"

#include "access/transam.h"
#include "base/compat.h"
#include "read/container.h"
#include "read/datetime.h"
#include "read/number.h"
#include "read/opaque.h"
#include "read/value.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

bool
opaque_input(const Shape *shape, int col, const char *val, int len,
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
		value_refused(shape, col, error, out);
	return taken;
}

/* A second with more digits than the column keeps, or than any type does. */
static bool
fraction_misfit(const Shape *shape, int col, int digits, Misfit *out)
{
	if (digits > MAX_TIMESTAMP_PRECISION)
		return value_misfit(out, FIT_BAD_VALUE, ERRCODE_DATETIME_FIELD_OVERFLOW,
							pstrdup("text"),
							"a fraction of %d digits would be rounded: no type of time keeps more than %d",
							digits, MAX_TIMESTAMP_PRECISION);
	return value_misfit(out, FIT_INEXACT, ERRCODE_DATETIME_FIELD_OVERFLOW,
						pstrdup(format_type_be(shape->cols[col].basetype)),
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

/*
 * The value of a plainly valid ISO text. One without a zone is an instant in
 * the session's own.
 */
static Datum
iso_value(OtherKind kind, const IsoTime *iso)
{
	struct pg_tm tm = {0};
	int			zone = -iso->zone * SECS_PER_MINUTE;
	Timestamp	result;

	if (kind == OTHER_DATE)
		return DateADTGetDatum(date2j(iso->year, iso->month, iso->day) -
							   POSTGRES_EPOCH_JDATE);
	tm.tm_year = iso->year;
	tm.tm_mon = iso->month;
	tm.tm_mday = iso->day;
	tm.tm_hour = iso->hour;
	tm.tm_min = iso->minute;
	tm.tm_sec = iso->second;
	if (kind == OTHER_TIMESTAMPTZ && !iso->has_zone)
		zone = DetermineTimeZoneOffset(&tm, session_timezone);
	/* cannot fail: the year has four digits */
	(void) tm2timestamp(&tm, iso->micros,
						kind == OTHER_TIMESTAMPTZ ? &zone : NULL, &result);
	return TimestampGetDatum(result);
}

/* Does any of the numbers in this text lose a digit? */
static bool
floats_exact(const char *s, int len)
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
			number_float(&n, start, s - start, false) != FLOAT_EXACT)
			return false;
	}
	return true;
}

/*
 * Money has a point and a number of digits that the session's locale says. A
 * JSON number is not written in that locale, so it gets the locale's point.
 */
static bool
check_money(const Shape *shape, int col, const JsonField *field, FitCell *cell,
			Misfit *out)
{
	struct lconv *locale = PGLC_localeconv();
	int			keeps = (unsigned char) locale->frac_digits;
	char		point = *locale->mon_decimal_point;
	const char *p;
	int			ndigits = 0;
	int			count = 0;

	if (keeps > 10)
		keeps = 2;
	if (point == '\0' || locale->mon_decimal_point[1] != '\0')
		point = '.';
	if (field->kind == JSON_NUMBER && point != '.')
	{
		char	   *text = MemoryContextAlloc(shape->work->row, cell->len);

		for (int i = 0; i < cell->len; i++)
			text[i] = cell->val[i] == '.' ? point : cell->val[i];
		value_take(cell, text, cell->len);
	}
	p = memchr(cell->val, point, cell->len);
	for (; p != NULL && p < cell->val + cell->len; p++)
	{
		if (*p < '0' || *p > '9')
			continue;
		count++;
		if (*p != '0')
			ndigits = count;
	}
	if (ndigits <= keeps)
		return true;
	return value_misfit(out, FIT_INEXACT, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						pstrdup("numeric"), "type %s would round the number",
						shape_type_name(shape, col));
}

/* Take blanks away from both ends. */
static void
trim(const char **s, int *len)
{
	while (*len > 0 && (**s == ' ' || (**s >= '\t' && **s <= '\r')))
	{
		(*s)++;
		(*len)--;
	}
	while (*len > 0 && ((*s)[*len - 1] == ' ' ||
						((*s)[*len - 1] >= '\t' && (*s)[*len - 1] <= '\r')))
		(*len)--;
}

/* Digits that mean the same in every notation, up to a limit. */
static bool
plain_unsigned(const char *s, int len, uint64 limit)
{
	uint64		value = 0;

	if (len < 1 || len > 20 || (len > 1 && *s == '0'))
		return false;
	for (int i = 0; i < len; i++)
	{
		uint64		digit = (unsigned char) s[i] - '0';

		if (digit > 9 || value > (limit - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	return true;
}

/* Does it begin as a number of base 8 or 16 does? An oid's input function reads
 * it as such from 16 on: 010 is eight. */
static bool
in_another_base(const char *s, int len)
{
	trim(&s, &len);
	if (len > 0 && *s == '+')
	{
		s++;
		len--;
	}
	return len > 1 && *s == '0';
}

/* The number of an object whose name was expected, begun with a zero. What is
 * not all digits is a name. */
static bool
padded_number(const char *s, int len)
{
	for (int i = 0; i < len; i++)
	{
		if (s[i] < '0' || s[i] > '9')
			return false;
	}
	return in_another_base(s, len);
}

/* Would one of a name's parts be cut, which may name another object? */
static bool
part_cut(const char *s, int len)
{
	bool		quoted = false;
	int			part = 0;

	for (int i = 0; i < len && part < NAMEDATALEN; i++)
	{
		if (s[i] == '"')
		{
			quoted = !quoted;
			/* two of them are one of the name */
			part += quoted && i > 0 && s[i - 1] == '"';
		}
		else if (!quoted && strchr(".,() []", s[i]) != NULL)
			part = 0;
		else
			part++;
	}
	return part >= NAMEDATALEN;
}

/* Transaction numbers and row addresses: their input functions, up to 15, read
 * a number where one is and do not look further. */
static bool
plain_system_value(OtherKind kind, const char *s, int len)
{
	const char *comma;

	trim(&s, &len);
	if (kind == OTHER_XID)
		return plain_unsigned(s, len, PG_UINT32_MAX);
	if (kind == OTHER_XID8)
		return plain_unsigned(s, len, PG_UINT64_MAX);
	if (len < 5 || s[0] != '(' || s[len - 1] != ')')
		return false;
	comma = memchr(s, ',', len);
	return comma != NULL &&
		plain_unsigned(s + 1, comma - s - 1, PG_UINT32_MAX) &&
		plain_unsigned(comma + 1, s + len - 1 - (comma + 1), PG_UINT16_MAX);
}

/* Types whose input function would cut or round, before it is asked. */
static bool
check_silent(const Shape *shape, int col, const JsonField *field, FitCell *cell,
			 Misfit *out)
{
	OtherKind	kind = shape->work->cols[col].other;
	const char *val = cell->val;
	int			len = cell->len;
	int			digits;

	switch (kind)
	{
		case OTHER_PLAIN:
		case OTHER_DATE:
			return true;
		case OTHER_TIMESTAMP:
		case OTHER_TIMESTAMPTZ:
		case OTHER_TIME:
		case OTHER_TIMETZ:
			digits = datetime_fraction(val, len);
			return digits <= MAX_TIMESTAMP_PRECISION ||
				fraction_misfit(shape, col, digits, out);
		case OTHER_INTERVAL:
			digits = datetime_fraction(val, len);
			if (digits > MAX_INTERVAL_PRECISION)
				return fraction_misfit(shape, col, digits, out);
			if (datetime_interval_exact(val, len))
				return true;
			return value_misfit(out, FIT_INEXACT, ERRCODE_DATETIME_FIELD_OVERFLOW,
								pstrdup("text"),
								"type %s would round to whole months or microseconds",
								shape_type_name(shape, col));
		case OTHER_FLOATS:
			if (floats_exact(val, len))
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
			return check_money(shape, col, field, cell, out);
		case OTHER_OID:
			if (in_another_base(val, len))
				return value_wrong_type(shape, col, field, out);
			if (memchr(val, '-', len) == NULL)
				return true;
			return value_misfit(out, FIT_BAD_VALUE,
								ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, NULL,
								"a negative number is out of range for type %s",
								shape_type_name(shape, col));
		case OTHER_XID:
		case OTHER_XID8:
		case OTHER_TID:
			return plain_system_value(kind, val, len) ||
				value_wrong_type(shape, col, field, out);
		case OTHER_REG:
		case OTHER_REGTYPE:
			if (padded_number(val, len))
				return value_wrong_type(shape, col, field, out);
			if (part_cut(val, len))
				return value_misfit(out, FIT_BAD_VALUE, ERRCODE_NAME_TOO_LONG, NULL,
									"a name would be cut after %d bytes by type %s",
									NAMEDATALEN - 1, shape_type_name(shape, col));
			if (kind == OTHER_REG || memchr(val, '(', len) == NULL)
				return true;
			return value_misfit(out, FIT_INEXACT, ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
								pstrdup("text"), "type %s would drop the modifier",
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
	equal = datumIsEqual(value, whole, more->typbyval, more->typlen) ||
		(OidIsValid(more->equal.fn_oid) &&
		 DatumGetBool(FunctionCall2Coll(&more->equal, DEFAULT_COLLATION_OID,
										value, whole)));
	MemoryContextSwitchTo(old);
	if (equal)
		return true;
	return value_misfit(out, FIT_INEXACT, ERRCODE_STRING_DATA_RIGHT_TRUNCATION,
						pstrdup(format_type_be(shape->cols[col].basetype)),
						"type %s would change the value",
						shape_type_name(shape, col));
}

/* A date or time in a notation of its own: what of it would be left out? */
static bool
check_left_out(const Shape *shape, int col, Misfit *out)
{
	OtherKind	kind = shape->work->cols[col].other;
	DateTimeParts parts;
	const char *what;

	if (kind != OTHER_DATE && kind != OTHER_TIMESTAMP && kind != OTHER_TIME &&
		kind != OTHER_TIMETZ)
		return true;
	datetime_parts(shape->work->buf, kind == OTHER_TIME || kind == OTHER_TIMETZ,
				   &parts);
	if (kind == OTHER_DATE && !parts.midnight)
		what = "time of day";
	else if (kind != OTHER_DATE && kind != OTHER_TIMESTAMP && parts.has_date)
		what = "date";
	else if (kind != OTHER_TIMETZ && parts.has_zone &&
			 (parts.zone != 0 || kind == OTHER_TIME))
		what = "time zone";
	else
		return true;
	return value_misfit(out, FIT_INEXACT, ERRCODE_DATETIME_FIELD_OVERFLOW,
						pstrdup(parts.has_zone ? "timestamp with time zone" :
								"timestamp without time zone"),
						"type %s would drop the %s",
						shape_type_name(shape, col), what);
}

/*
 * Is the JSON value of a kind that the type can be written as? A number is no
 * date: 20240101 would be a day to PostgreSQL, and so would seconds since
 * 1970 that happen to look like one. An object or array is a document, and no
 * built-in type reads one as what it is but those with parts; some would take
 * its text for something else (a lexeme, bytes with escapes).
 */
static bool
right_kind(const Shape *shape, int col, const JsonField *field)
{
	switch (shape->work->cols[col].other)
	{
		case OTHER_DATE:
		case OTHER_TIMESTAMP:
		case OTHER_TIMESTAMPTZ:
		case OTHER_TIME:
		case OTHER_TIMETZ:
			return field->kind == JSON_STRING &&
				datetime_plausible(field->val, field->len);
		case OTHER_INTERVAL:
			return field->kind == JSON_STRING;
		case OTHER_FLOATS:
		case OTHER_NAME:
			return true;
		default:
			return (field->kind != JSON_OBJECT && field->kind != JSON_ARRAY) ||
				shape->cols[col].basetype >= FirstNormalObjectId ||
				shape->cols[col].basetype == REFCURSOROID;
	}
}

bool
opaque_accepts(const Shape *shape, int col, const char *val, int len,
			   Misfit *out)
{
	Datum		ignored;

	return opaque_input(shape, col, val, len, &ignored, out);
}

/* What was checked is what is stored: the text is not read again. A part's
 * value goes into the text of the whole and is not needed. */
static bool
keep_value(const Shape *shape, int col, FitCell *cell, Datum value)
{
	const ShapeColumn *more = &shape->work->cols[col];
	MemoryContext old;

	if (!OidIsValid(shape->relid))
		return true;
	old = MemoryContextSwitchTo(shape->work->row);
	value = datumCopy(value, more->typbyval, more->typlen);
	MemoryContextSwitchTo(old);
	return value_take_ready(cell, cell->val, cell->len, value);
}

bool
opaque_fits(const Shape *shape, int col, const JsonField *field,
			FitCell *cell, Misfit *out)
{
	ShapeColumn *more = &shape->work->cols[col];
	Datum		value;

	if (more->parts != NULL)
		return container_fits(shape, col, field, cell, out) &&
			opaque_input(shape, col, cell->val, cell->len, &value, out) &&
			keep_value(shape, col, cell, value);

	value_take(cell, field->val, field->len);
	if (!right_kind(shape, col, field))
		return value_wrong_type(shape, col, field, out);

	if (more->other == OTHER_DATE || more->other == OTHER_TIMESTAMP ||
		more->other == OTHER_TIMESTAMPTZ)
	{
		IsoTime		iso;
		IsoResult	result = datetime_iso(cell->val, cell->len, &iso);

		if (result == ISO_IMPOSSIBLE)
			return value_misfit(out, FIT_BAD_VALUE,
								ERRCODE_DATETIME_FIELD_OVERFLOW, NULL,
								"there is no such date or time");
		if (result == ISO_FINE)
			return check_iso(shape, col, &iso, out) &&
				(!more->constrained ||
				 opaque_accepts(shape, col, cell->val, cell->len, out)) &&
				value_take_ready(cell, cell->val, cell->len,
								 iso_value(more->other, &iso));
	}

	return check_silent(shape, col, field, cell, out) &&
		opaque_input(shape, col, cell->val, cell->len, &value, out) &&
		(shape->cols[col].basetypmod < 0 || check_typmod(shape, col, value, out)) &&
		check_left_out(shape, col, out) &&
		keep_value(shape, col, cell, value);
}
