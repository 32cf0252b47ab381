/*
 * coordinate.c
 *	  One coordinate as it is written: a number, or degrees, minutes, seconds.
 *
 * All of it goes over bytes that may be anything.
 */
#include "postgres.h"

#include "read/blanks.h"
#include "read/coordinate.h"
#include "read/number.h"
#include "common/shortest_dec.h"

#define FRACTION_SCALE	1000000 /* a millionth of a minute or second */

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

void
cursor_blanks(TextCursor *c)
{
	int			step;

	while ((step = blanks_first(c->p, c->end)) > 0)
		c->p += step;
}

bool
cursor_take(TextCursor *c, const char *what)
{
	int			len = (int) strlen(what);

	if (c->end - c->p < len || memcmp(c->p, what, len) != 0)
		return false;
	c->p += len;
	return true;
}

bool
cursor_take_any(TextCursor *c, const char *const *signs, int n)
{
	for (int i = 0; i < n; i++)
		if (cursor_take(c, signs[i]))
			return true;
	return false;
}

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && is_digit(*p))
		p++;
	return p;
}

/* The end of a number: digits, a fraction, an exponent; NULL: it is none. */
static const char *
number_end(const char *p, const char *end)
{
	const char *start;

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	start = p;
	p = skip_digits(p, end);
	if (p == start)
		return NULL;
	if (end - p >= 2 && *p == '.' && is_digit(p[1]))
		p = skip_digits(p + 1, end);
	if (end - p >= 2 && (*p == 'e' || *p == 'E'))
	{
		const char *exponent = p + 1 + (p[1] == '-' || p[1] == '+');
		const char *rest = skip_digits(exponent, end);

		if (rest > exponent)
			p = rest;
	}
	return p;
}

/* A number as it is written, if a double precision keeps all of it. */
static bool
keep_number(Coordinate *out, bool negative, const char *p, int len)
{
	Number		n;

	if (len <= 0 || len + negative >= COORDINATE_BYTES)
		return false;
	if (*p == '+')
	{
		p++;
		len--;
	}
	out->text[0] = '-';
	memcpy(out->text + negative, p, len);
	out->len = len + negative;
	out->text[out->len] = '\0';
	return number_parse(out->text, out->len, &n) && !n.shape.special &&
		number_float(&n, out->text, out->len, false) == FLOAT_EXACT;
}

double
coordinate_value(const Coordinate *c)
{
	return strtod(c->text, NULL);
}

bool
coordinate_number(TextCursor *c, Coordinate *out)
{
	const char *end = number_end(c->p, c->end);

	out->letter = 0;
	if (end == NULL || !keep_number(out, false, c->p, (int) (end - c->p)))
		return false;
	c->p = end;
	return true;
}

static bool
take_letter(TextCursor *c, char *letter)
{
	if (c->p == c->end || *c->p == '\0' || strchr("NSEWnsew", *c->p) == NULL)
		return false;
	*letter = pg_ascii_toupper((unsigned char) *c->p++);
	return true;
}

/* Whole units and millionths; false: more digits than that. */
static bool
read_units(TextCursor *c, int64 *units, int *millionths, bool *fraction)
{
	const char *start = c->p;
	const char *end = skip_digits(start, c->end);
	int			scale = FRACTION_SCALE / 10;

	*units = 0;
	*millionths = 0;
	*fraction = false;
	if (end == start || end - start > 3)
		return false;
	for (const char *p = start; p < end; p++)
		*units = *units * 10 + (*p - '0');
	c->p = end;
	if (c->end - end < 2 || *end != '.' || !is_digit(end[1]))
		return true;
	*fraction = true;
	for (c->p = end + 1; c->p < c->end && is_digit(*c->p); c->p++, scale /= 10)
	{
		if (scale == 0 && *c->p != '0')
			return false;
		*millionths += (*c->p - '0') * scale;
	}
	return true;
}

/* Minutes and seconds behind whole degrees, as a decimal number of degrees. */
static bool
read_sixtieths(TextCursor *c, bool negative, int64 degrees, Coordinate *out)
{
	static const char *const minute_signs[] = {"'", "\xE2\x80\xB2", "\xE2\x80\x99"};
	static const char *const second_signs[] = {"\"", "''", "\xE2\x80\xB3", "\xE2\x80\x9D"};
	int64		minutes;
	int64		seconds = 0;
	int			millionths;
	bool		fraction;
	double		per = 60.0 * FRACTION_SCALE;
	double		total;

	if (!read_units(c, &minutes, &millionths, &fraction) || minutes > 59 ||
		!cursor_take_any(c, minute_signs, lengthof(minute_signs)))
		return false;
	total = (double) ((degrees * 60 + minutes) * FRACTION_SCALE + millionths);
	cursor_blanks(c);
	if (!fraction && c->p < c->end && is_digit(*c->p))
	{
		const char *start = c->p;

		/* the digits of the next number, where no sign of seconds follows */
		if (read_units(c, &seconds, &millionths, &fraction) && seconds < 60 &&
			cursor_take_any(c, second_signs, lengthof(second_signs)))
		{
			total = (double) (((degrees * 60 + minutes) * 60 + seconds) * FRACTION_SCALE + millionths);
			per *= 60;
			cursor_blanks(c);
		}
		else
			c->p = start;
	}
	out->len = double_to_shortest_decimal_bufn((negative ? -total : total) / per, out->text);
	out->text[out->len] = '\0';
	return true;
}

/* One of the two: letter, sign, degrees, minutes, seconds, letter. */
bool
coordinate_angle(TextCursor *c, Coordinate *out)
{
	static const char *const degree_signs[] = {"\xC2\xB0", "\xC2\xBA"};
	const char *start;
	const char *end;
	bool		negative;
	bool		sign;
	int64		degrees = 0;

	out->letter = 0;
	if (take_letter(c, &out->letter))
		cursor_blanks(c);
	negative = cursor_take(c, "-");
	if ((negative || cursor_take(c, "+")) && out->letter)
		return false;
	start = c->p;
	end = number_end(start, c->end);
	if (end == NULL || !is_digit(*start))
		return false;
	c->p = end;
	sign = cursor_take_any(c, degree_signs, lengthof(degree_signs));
	cursor_blanks(c);
	if (out->letter == 'S' || out->letter == 'W')
		negative = true;
	if (sign && c->p < c->end && is_digit(*c->p) && skip_digits(start, end) == end && end - start <= 3)
	{
		const char *back = c->p;
		Coordinate	kept = *out;

		for (const char *p = start; p < end; p++)
			degrees = degrees * 10 + (*p - '0');
		if (!read_sixtieths(c, negative, degrees, out))
		{
			*out = kept;
			c->p = back;
			if (!keep_number(out, negative, start, (int) (end - start)))
				return false;
		}
	}
	else if (!keep_number(out, negative, start, (int) (end - start)))
		return false;
	if (out->letter == 0 && take_letter(c, &out->letter) &&
		(out->letter == 'S' || out->letter == 'W'))
	{
		/* minus and south say it twice, or take it back */
		if (negative || out->len + 1 >= COORDINATE_BYTES)
			return false;
		memmove(out->text + 1, out->text, out->len + 1);
		out->text[0] = '-';
		out->len++;
	}
	else if (out->letter && negative && (out->letter == 'N' || out->letter == 'E'))
		return false;
	return sign || out->letter;
}
