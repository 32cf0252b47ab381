/*
 * infer.c
 *	  Which type do these values have? Learnt value by value.
 *
 * The new column must take every value that was seen, as it was written, and
 * surprise nobody: an integer column is bigint, never smaller, since the next
 * value may be bigger; a number that was ever written with a fraction, 1.0
 * included, is numeric, never a float; text has no limit. A string is taken
 * for a date, an instant or a uuid only if every value is one in its plain
 * form. A time without a zone stays text: which instant it is was not said,
 * and a timestamp column would pretend that it was.
 */
#include "postgres.h"

#include "read/datetime.h"
#include "read/fit.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "orient/infer.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define UUID_CHARS 36

void
infer_init(Evidence *e)
{
	memset(e, 0, sizeof(*e));
	e->fits_int2 = true;
	e->fits_int4 = true;
}

/* 8-4-4-4-12 hexadecimal digits: the only form that leaves no doubt. */
static bool
plain_uuid(const char *s, int len)
{
	int			i;

	if (len != UUID_CHARS)
		return false;
	for (i = 0; i < UUID_CHARS; i++)
	{
		if (i == 8 || i == 13 || i == 18 || i == 23)
		{
			if (s[i] != '-')
				return false;
		}
		else if (!isxdigit((unsigned char) s[i]))
			return false;
	}
	return true;
}

static void infer_number(Evidence *e, const char *val, int len);

static void
infer_string(Evidence *e, const char *val, int len)
{
	IsoTime		iso;

	e->max_second_digits = Max(e->max_second_digits, datetime_fraction(val, len));
	if (datetime_iso(val, len, &iso) == ISO_FINE)
	{
		if (!iso.has_time)
		{
			e->dates++;
			return;
		}
		if (iso.has_zone && iso.frac_digits <= MAX_TIMESTAMP_PRECISION)
		{
			e->timestamps++;
			return;
		}
	}
	if (plain_uuid(val, len))
		e->uuids++;
	else
	{
		e->words++;
		/* a number written as a string counts for a column of numbers */
		infer_number(e, val, len);
	}
}

static void
infer_number(Evidence *e, const char *val, int len)
{
	NumberShape n;

	if (!fit_number(val, len, &n))
		return;
	e->max_int_digits = Max(e->max_int_digits, n.int_digits);
	e->max_frac_digits = Max(e->max_frac_digits, n.frac_digits);
	if (n.frac_digits > 0 || memchr(val, '.', len) != NULL)
		e->fractions++;
	else if (!n.fits_int8)
		e->beyond_bigint++;
	e->fits_int2 = e->fits_int2 && n.fits_int2;
	e->fits_int4 = e->fits_int4 && n.fits_int4;
}

/* Learn from one value; val as the scanner gives it (json.h). */
void
infer_value(Evidence *e, JsonKind kind, const char *val, int len)
{
	int			chars = len;

	e->kinds[kind]++;
	if (kind == JSON_NULL)
	{
		e->nulls++;
		return;
	}
	e->values++;
	if (kind == JSON_STRING)
		infer_string(e, val, len);
	else if (kind == JSON_NUMBER)
		infer_number(e, val, len);
	if (len > e->max_chars && kind != JSON_NUMBER && kind != JSON_BOOL)
		chars = pg_mbstrlen_with_len(val, len);
	e->max_chars = Max(e->max_chars, chars);
}

/*
 * The type for a new column. Scalars of two families become text; beside an
 * object or an array they can stay what they are in a jsonb.
 */
Oid
infer_type(const Evidence *e)
{
	int64		strings = e->kinds[JSON_STRING];
	int64		numbers = e->kinds[JSON_NUMBER];

	if (e->values == 0)
		return InvalidOid;
	if (e->kinds[JSON_OBJECT] > 0 || e->kinds[JSON_ARRAY] > 0)
		return JSONBOID;
	if (e->kinds[JSON_BOOL] == e->values)
		return BOOLOID;
	if (numbers == e->values)
		return e->fractions > 0 || e->beyond_bigint > 0 ? NUMERICOID : INT8OID;
	if (strings != e->values)
		return TEXTOID;
	if (e->dates == strings)
		return DATEOID;
	if (e->timestamps == strings)
		return TIMESTAMPTZOID;
	if (e->uuids == strings)
		return UUIDOID;
	return TEXTOID;
}

/* One count of the packet, left out when it is zero. */
static void
put_count(StringInfo out, const char *name, int64 count)
{
	if (count != 0)
		appendStringInfo(out, "%s\"%s\":" INT64_FORMAT,
						 out->data[out->len - 1] == '{' ? "" : ",", name, count);
}

/*
 * What was seen, as shapes and counts: no value of the payload is in it, so
 * that it can stand in a packet that leaves the house. In the current context.
 */
Jsonb *
infer_shape(const Evidence *e)
{
	static const char *const kinds[] = {
		"null", "boolean", "number", "string", "object", "array"
	};
	StringInfoData out;
	Datum		result;
	int			i;

	initStringInfo(&out);
	appendStringInfo(&out, "{\"values\":" INT64_FORMAT ",\"nulls\":" INT64_FORMAT
					 ",\"kinds\":{", e->values, e->nulls);
	for (i = 0; i < (int) lengthof(kinds); i++)
		put_count(&out, kinds[i], e->kinds[i]);
	appendStringInfoChar(&out, '}');
	put_count(&out, "longest", e->max_chars);
	put_count(&out, "words", e->words);
	put_count(&out, "dates", e->dates);
	put_count(&out, "timestamps", e->timestamps);
	put_count(&out, "uuids", e->uuids);
	put_count(&out, "fractions", e->fractions);
	put_count(&out, "beyond_bigint", e->beyond_bigint);
	put_count(&out, "int_digits", e->max_int_digits);
	put_count(&out, "frac_digits", e->max_frac_digits);
	appendStringInfoChar(&out, '}');
	result = DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
	pfree(out.data);
	return DatumGetJsonbP(result);
}
