/*
 * opaque.c
 *	  Types that only their own input function can judge.
 *
 * Dates, intervals, addresses, arrays, ranges, composites, user types. Most
 * input functions take a text as it is or refuse it. Some change it without a
 * word: a date forgets the time of day, a timestamp the zone, every time
 * rounds its second, an array of real its digits, name cuts after 63 bytes,
 * and a type modifier rounds or cuts in its own way. These are looked for
 * before and after the function is asked. Dates and times in ISO form, the
 * only form most producers use, are judged without asking it.
 *
 * What is not looked into: the fields of a composite.
 */
#include "postgres.h"

#include "base/arraytext.h"
#include "base/compat.h"
#include "base/datetime.h"
#include "base/number.h"
#include "base/opaque.h"
#include "base/value.h"
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
check_silent(const Shape *shape, int col, const FitCell *cell, Misfit *out)
{
	OtherKind	kind = shape->work->cols[col].other;
	const char *val = cell->val;
	int			len = cell->len;
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

/* A JSON array for an array column, as the column reads it. */
static bool
array_cell(const Shape *shape, int col, const JsonField *field, FitCell *cell)
{
	ShapeColumn *more = &shape->work->cols[col];
	Oid			element = getBaseType(more->element);
	MemoryContext old = MemoryContextSwitchTo(shape->work->row);
	char	   *text;
	int			len;

	text = arraytext_literal(&shape->work->text, field->val, field->len,
							 more->delimiter,
							 element == JSONOID || element == JSONBOID, &len);
	MemoryContextSwitchTo(old);
	return text != NULL && value_take(cell, text, len);
}

/*
 * Is the JSON value of a kind that the type can be written as? A number is no
 * date: 20240101 would be a day to PostgreSQL, and so would seconds since
 * 1970 that happen to look like one. The cell is filled with what to ask.
 */
static bool
right_kind(const Shape *shape, int col, const JsonField *field, FitCell *cell)
{
	ShapeColumn *more = &shape->work->cols[col];

	value_take(cell, field->val, field->len);
	if (OidIsValid(more->element))
	{
		if (field->kind == JSON_ARRAY)
			return array_cell(shape, col, field, cell);
		return field->kind == JSON_STRING;
	}
	switch (more->other)
	{
		case OTHER_DATE:
		case OTHER_TIMESTAMP:
		case OTHER_TIMESTAMPTZ:
		case OTHER_TIME:
			return field->kind == JSON_STRING &&
				datetime_plausible(field->val, field->len);
		case OTHER_TIMES:
			return field->kind == JSON_STRING || field->kind == JSON_ARRAY;
		default:
			return true;
	}
}

bool
opaque_accepts(const Shape *shape, int col, const char *val, int len,
			   Misfit *out)
{
	Datum		ignored;

	return opaque_input(shape, col, val, len, &ignored, out);
}

bool
opaque_fits(const Shape *shape, int col, const JsonField *field,
			FitCell *cell, Misfit *out)
{
	ShapeColumn *more = &shape->work->cols[col];
	Datum		value;

	if (!right_kind(shape, col, field, cell))
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

	if (!check_silent(shape, col, cell, out) ||
		!opaque_input(shape, col, cell->val, cell->len, &value, out))
		return false;
	if (shape->cols[col].basetypmod >= 0 && !check_typmod(shape, col, value, out))
		return false;
	return more->other != OTHER_DATE || !memchr(cell->val, ':', cell->len) ||
		check_midnight(shape, col, out);
}
