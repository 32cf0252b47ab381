/*
 * number.c
 *	  Numbers as they are written: which digits count, and do they survive?
 *
 * Only digits between the first and the last that is not zero count: 1.2300
 * needs two digits behind the point, 1e3 none. Everything that a column's
 * type promises (precision, scale, range) can be said about these digits and
 * the place of the point, without arithmetic on the value.
 */
#include "postgres.h"

#include <float.h>
#include <limits.h>
#include <math.h>

#include "read/number.h"
#include "common/shortest_dec.h"

/* Exponents beyond this are equally impossible for every type. */
#define EXPONENT_MAX	100000000

static inline bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(const char *s, int len, const char *word)
{
	return len == (int) strlen(word) && pg_strncasecmp(s, word, len) == 0;
}

static int
clamp_int(int64 v)
{
	return (int) Min(Max(v, 0), INT_MAX);
}

/* The three words that numeric and the floats know. */
static bool
parse_special(const char *s, const char *end, Number *out)
{
	bool		signed_word = (s < end && (*s == '-' || *s == '+'));

	if (signed_word)
	{
		out->shape.negative = (*s == '-');
		s++;
	}
	if (!is_word(s, end - s, "infinity") && !is_word(s, end - s, "inf") &&
		(signed_word || !is_word(s, end - s, "nan")))
		return false;
	out->shape.special = true;
	return true;
}

/* What follows from magnitude, lowest and value. */
static void
fill_shape(Number *n)
{
	NumberShape *shape = &n->shape;
	uint64		sign = shape->negative ? 1 : 0;

	shape->int_digits = clamp_int(n->magnitude);
	shape->frac_digits = clamp_int(-n->lowest);
	if (n->has_value)
	{
		shape->fits_int2 = n->value <= (uint64) PG_INT16_MAX + sign;
		shape->fits_int4 = n->value <= (uint64) PG_INT32_MAX + sign;
		shape->fits_int8 = n->value <= (uint64) PG_INT64_MAX + sign;
	}
}

bool
number_parse(const char *s, int len, Number *out)
{
	const char *end = s + len;
	const char *p;
	const char *first = NULL;	/* digits that count */
	const char *point = NULL;
	int64		ndigits = 0;	/* of the mantissa, so far */
	int64		nint = -1;		/* digits before the point */
	int64		first_at = 0;
	int64		last_at = 0;
	int64		exponent = 0;
	uint64		value = 0;
	int			i;

	memset(out, 0, sizeof(*out));
	while (s < end && is_blank(*s))
		s++;
	while (end > s && is_blank(end[-1]))
		end--;

	p = s;
	if (p < end && (*p == '-' || *p == '+'))
		out->shape.negative = (*p++ == '-');
	out->plain = true;
	for (; p < end; p++)
	{
		if (is_digit(*p))
		{
			if (*p != '0')
			{
				if (first == NULL)
				{
					first = p;
					first_at = ndigits;
				}
				last_at = ndigits;
			}
			ndigits++;
		}
		else if (*p == '.' && point == NULL)
		{
			point = p;
			nint = ndigits;
			out->plain = false;
		}
		else
			break;
	}
	if (ndigits == 0)
	{
		memset(out, 0, sizeof(*out));
		return parse_special(s, end, out);
	}
	if (nint < 0)
		nint = ndigits;
	if (p < end)
	{
		bool		minus = false;

		if (*p != 'e' && *p != 'E')
			return false;
		out->plain = false;
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			minus = (*p++ == '-');
		if (p == end)
			return false;
		for (; p < end; p++)
		{
			if (!is_digit(*p))
				return false;
			if (exponent < EXPONENT_MAX)
				exponent = exponent * 10 + (*p - '0');
		}
		if (minus)
			exponent = -exponent;
	}

	if (first == NULL)
	{
		/* zero: no digit counts, and every type holds it */
		out->has_value = true;
		fill_shape(out);
		return true;
	}
	out->digits = first;
	out->magnitude = nint - first_at + exponent;
	out->lowest = nint - 1 - last_at + exponent;
	out->shape.significant = clamp_int(last_at - first_at + 1);
	if (out->lowest >= 0 && out->magnitude <= 19)
	{
		for (p = first, i = 0; i < out->shape.significant; p++)
		{
			if (*p == '.')
				continue;
			value = value * 10 + (*p - '0');
			i++;
		}
		for (i = 0; i < (int) out->lowest; i++)
			value *= 10;
		out->value = value;
		out->has_value = true;
	}
	fill_shape(out);
	return true;
}

bool
fit_number(const char *s, int len, NumberShape *out)
{
	Number		n;

	if (!number_parse(s, len, &n))
		return false;
	*out = n.shape;
	return true;
}

/* Are these the same number? Neither is special. */
static bool
same_number(const Number *a, const Number *b)
{
	const char *p = a->digits;
	const char *q = b->digits;
	int			i;

	if (a->shape.significant != b->shape.significant)
		return false;
	if (a->shape.significant == 0)
		return true;
	if (a->shape.negative != b->shape.negative || a->magnitude != b->magnitude)
		return false;
	for (i = 0; i < a->shape.significant; i++)
	{
		if (*p == '.')
			p++;
		if (*q == '.')
			q++;
		if (*p++ != *q++)
			return false;
	}
	return true;
}

/*
 * Would real (single) or double precision give this number back?
 *
 * Any decimal of up to FLT_DIG (DBL_DIG) digits within the normal range comes
 * back as it was written; that is what these constants say. They say it of a
 * printer that rounds to that many digits. PostgreSQL prints the shortest
 * text strictly between the neighbours' middles, so a number that is such a
 * middle (9e9 in a real) is printed as another one, 8.999999e+09. No number
 * of so few digits below 10^7 (10^15) is one: it would need a bit more than
 * the type has.
 *
 * Others are read as float4in and float8in do (strtof, strtod), printed by the
 * routine that PostgreSQL prints with, and compared digit by digit.
 */
FloatFit
number_float(const Number *n, const char *s, int len, bool single)
{
	int			limit = single ? FLT_MAX_10_EXP : DBL_MAX_10_EXP;
	char		stack[128];
	char		printed[DOUBLE_SHORTEST_DECIMAL_LEN];
	char	   *text = stack;
	double		value;
	int			printed_len;
	Number		back;

	if (n->shape.special || n->shape.significant == 0)
		return FLOAT_EXACT;
	if (n->shape.significant <= (single ? FLT_DIG : DBL_DIG) &&
		n->magnitude <= (single ? FLT_DIG + 1 : DBL_DIG) &&
		n->magnitude >= 2 - limit)
		return FLOAT_EXACT;
	if (n->magnitude > limit + 1 || n->magnitude < -400)
		return FLOAT_OVERFLOW;

	if (len >= (int) sizeof(stack))
		text = palloc(len + 1);
	memcpy(text, s, len);
	text[len] = '\0';
	value = single ? strtof(text, NULL) : strtod(text, NULL);
	if (text != stack)
		pfree(text);
	if (value == 0 || isinf(value))
		return FLOAT_OVERFLOW;

	if (single)
		printed_len = float_to_shortest_decimal_bufn((float) value, printed);
	else
		printed_len = double_to_shortest_decimal_bufn(value, printed);
	if (number_parse(printed, printed_len, &back) && same_number(n, &back))
		return FLOAT_EXACT;
	return FLOAT_INEXACT;
}
