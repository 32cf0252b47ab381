/*
 * points.c
 *	  Positions in declared notations, made into a point: (x,y).
 *
 * All readers go over bytes that may be anything: the JSON of an array or
 * object is the scanner's, but nothing here relies on it.
 */
#include "postgres.h"

#include <math.h>

#include "base/blanks.h"
#include "base/number.h"
#include "base/points.h"
#include "base/shown.h"
#include "catalog/pg_type.h"
#include "common/shortest_dec.h"
#include "utils/builtins.h"

#define COORDINATE_BYTES 40		/* of one number; longer ones are left */
#define FRACTION_SCALE	1000000 /* a millionth of a minute or second */

typedef struct Coordinate
{
	char		text[COORDINATE_BYTES]; /* with its NUL */
	int			len;
	char		letter;			/* N, S, E, W or 0 */
} Coordinate;

struct Points
{
	PointSpec	spec;
	int			xlen;
	int			ylen;
	char		out[2 * COORDINATE_BYTES + 4];
};

typedef struct Cursor
{
	const char *p;
	const char *end;
} Cursor;

/* ---- making ---- */

void
points_canonical(PointSpec *spec)
{
	if (spec->form != POINT_DMS)
		return;
	spec->geographic = true;
	if (spec->order == POINT_OPEN)
		spec->order = POINT_LETTERS;
}

static bool
check_object(const PointSpec *spec, TransformFault *fault)
{
	static const char hint[] = "Name the two keys of the object: {\"form\": \"object\", \"x\": \"lon\", \"y\": \"lat\"}.";

	if (spec->order != POINT_OPEN)
		return fault_is(fault, "\"order\" says nothing of an object", hint);
	if (spec->x == NULL || spec->y == NULL)
		return fault_is(fault, "an object needs the keys \"x\" and \"y\"", hint);
	if (strcmp(spec->x, spec->y) == 0)
		return fault_is(fault, "\"x\" and \"y\" are the same key", hint);
	return true;
}

Points *
points_make(const PointSpec *spec, Oid basetype, MemoryContext cxt,
			TransformFault *fault)
{
	Points	   *t;

	if (basetype != POINTOID)
	{
		fault_is(fault, psprintf("cannot feed a column of type %s", format_type_be(basetype)),
				 "It makes values for point.");
		return NULL;
	}
	if (spec->form == POINT_OBJECT && !check_object(spec, fault))
		return NULL;
	if (spec->form != POINT_OBJECT && (spec->x || spec->y))
	{
		fault_is(fault, "\"x\" and \"y\" name the keys of an object",
				 "Leave them out, or say \"form\": \"object\".");
		return NULL;
	}
	if ((spec->form == POINT_ARRAY || spec->form == POINT_TEXT) &&
		spec->order != POINT_XY && spec->order != POINT_YX)
	{
		fault_is(fault, "\"order\" is missing, and it is never assumed",
				 "Say \"xy\" where the first number is x (longitude), \"yx\" where it is y (latitude).");
		return NULL;
	}
	t = MemoryContextAllocZero(cxt, sizeof(Points));
	t->spec = *spec;
	points_canonical(&t->spec);
	if (spec->form == POINT_OBJECT)
	{
		t->spec.x = MemoryContextStrdup(cxt, spec->x);
		t->spec.y = MemoryContextStrdup(cxt, spec->y);
		t->xlen = (int) strlen(t->spec.x);
		t->ylen = (int) strlen(t->spec.y);
	}
	return t;
}

/* ---- reading ---- */

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
skip_blanks(Cursor *c)
{
	int			step;

	while ((step = blanks_first(c->p, c->end)) > 0)
		c->p += step;
}

static bool
take(Cursor *c, const char *what)
{
	int			len = (int) strlen(what);

	if (c->end - c->p < len || memcmp(c->p, what, len) != 0)
		return false;
	c->p += len;
	return true;
}

static bool
take_one(Cursor *c, const char *const *signs, int n)
{
	for (int i = 0; i < n; i++)
		if (take(c, signs[i]))
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

static double
value_of(const Coordinate *c)
{
	return strtod(c->text, NULL);
}

static bool
read_number(Cursor *c, Coordinate *out)
{
	const char *end = number_end(c->p, c->end);

	out->letter = 0;
	if (end == NULL || !keep_number(out, false, c->p, (int) (end - c->p)))
		return false;
	c->p = end;
	return true;
}

/* A number in JSON, which may stand in quotes. */
static bool
read_json_number(Cursor *c, Coordinate *out)
{
	bool		quoted = take(c, "\"");

	if (!read_number(c, out) || (quoted && !take(c, "\"")))
		return false;
	skip_blanks(c);
	return true;
}

static bool
read_array(Cursor *c, Coordinate *first, Coordinate *second)
{
	if (!take(c, "["))
		return false;
	skip_blanks(c);
	if (!read_json_number(c, first) || !take(c, ","))
		return false;
	skip_blanks(c);
	return read_json_number(c, second) && take(c, "]") && c->p == c->end;
}

/* A key without escapes, and the colon behind it. */
static bool
read_key(Cursor *c, const char **key, int *len)
{
	if (!take(c, "\""))
		return false;
	*key = c->p;
	while (c->p < c->end && *c->p != '"' && *c->p != '\\')
		c->p++;
	*len = (int) (c->p - *key);
	if (!take(c, "\""))
		return false;
	skip_blanks(c);
	if (!take(c, ":"))
		return false;
	skip_blanks(c);
	return true;
}

typedef struct Member
{
	const char *key;
	int			len;
	Coordinate	at;
} Member;

static bool
read_members(Cursor *c, Member *a, Member *b)
{
	if (!take(c, "{"))
		return false;
	skip_blanks(c);
	if (!read_key(c, &a->key, &a->len) || !read_json_number(c, &a->at) || !take(c, ","))
		return false;
	skip_blanks(c);
	return read_key(c, &b->key, &b->len) && read_json_number(c, &b->at) &&
		take(c, "}") && c->p == c->end;
}

static bool
is_key(const Member *m, const char *key, int len)
{
	return m->len == len && memcmp(m->key, key, len) == 0;
}

static bool
read_object(const Points *t, Cursor *c, Coordinate *x, Coordinate *y)
{
	Member		a;
	Member		b;

	if (!read_members(c, &a, &b))
		return false;
	if (is_key(&a, t->spec.x, t->xlen) && is_key(&b, t->spec.y, t->ylen))
	{
		*x = a.at;
		*y = b.at;
		return true;
	}
	if (is_key(&a, t->spec.y, t->ylen) && is_key(&b, t->spec.x, t->xlen))
	{
		*x = b.at;
		*y = a.at;
		return true;
	}
	return false;
}

/* Blanks, or one sign with blanks around it. */
static bool
separator(Cursor *c)
{
	static const char *const signs[] = {",", ";", "/"};
	const char *start = c->p;

	skip_blanks(c);
	if (take_one(c, signs, lengthof(signs)))
		skip_blanks(c);
	return c->p > start;
}

static bool
read_text(Cursor *c, Coordinate *first, Coordinate *second)
{
	const char *close = take(c, "(") ? ")" : take(c, "[") ? "]" : "";

	skip_blanks(c);
	if (!read_number(c, first) || !separator(c) || !read_number(c, second))
		return false;
	skip_blanks(c);
	return take(c, close) && c->p == c->end;
}

static bool
take_letter(Cursor *c, char *letter)
{
	if (c->p == c->end || *c->p == '\0' || strchr("NSEWnsew", *c->p) == NULL)
		return false;
	*letter = pg_ascii_toupper((unsigned char) *c->p++);
	return true;
}

/* Whole units and millionths; false: more digits than that. */
static bool
read_units(Cursor *c, int64 *units, int *millionths, bool *fraction)
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
read_sixtieths(Cursor *c, bool negative, int64 degrees, Coordinate *out)
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
		!take_one(c, minute_signs, lengthof(minute_signs)))
		return false;
	total = (double) ((degrees * 60 + minutes) * FRACTION_SCALE + millionths);
	skip_blanks(c);
	if (!fraction && c->p < c->end && is_digit(*c->p))
	{
		const char *start = c->p;

		/* the digits of the next number, where no sign of seconds follows */
		if (read_units(c, &seconds, &millionths, &fraction) && seconds < 60 &&
			take_one(c, second_signs, lengthof(second_signs)))
		{
			total = (double) (((degrees * 60 + minutes) * 60 + seconds) * FRACTION_SCALE + millionths);
			per *= 60;
			skip_blanks(c);
		}
		else
			c->p = start;
	}
	out->len = double_to_shortest_decimal_bufn((negative ? -total : total) / per, out->text);
	out->text[out->len] = '\0';
	return true;
}

/* One of the two: letter, sign, degrees, minutes, seconds, letter. */
static bool
read_angle(Cursor *c, Coordinate *out)
{
	static const char *const degree_signs[] = {"\xC2\xB0", "\xC2\xBA"};
	const char *start;
	const char *end;
	bool		negative;
	bool		sign;
	int64		degrees = 0;

	out->letter = 0;
	if (take_letter(c, &out->letter))
		skip_blanks(c);
	negative = take(c, "-");
	if ((negative || take(c, "+")) && out->letter)
		return false;
	start = c->p;
	end = number_end(start, c->end);
	if (end == NULL || !is_digit(*start))
		return false;
	c->p = end;
	sign = take_one(c, degree_signs, lengthof(degree_signs));
	skip_blanks(c);
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

static inline bool
is_latitude(const Coordinate *c)
{
	return c->letter == 'N' || c->letter == 'S';
}

static bool
read_dms(Cursor *c, Coordinate *first, Coordinate *second)
{
	if (!read_angle(c, first))
		return false;
	(void) separator(c);
	if (!read_angle(c, second))
		return false;
	skip_blanks(c);
	if (c->p < c->end || (first->letter == 0) != (second->letter == 0))
		return false;
	return first->letter == 0 || is_latitude(first) != is_latitude(second);
}

/* Both numbers in the order of the text (of an object: x, y). */
static bool
read_pair(const Points *t, JsonKind kind, const char *val, int len,
		  Coordinate *first, Coordinate *second)
{
	Cursor		c = {val, val + len};

	switch (t->spec.form)
	{
		case POINT_ARRAY:
			return kind == JSON_ARRAY && read_array(&c, first, second);
		case POINT_OBJECT:
			return kind == JSON_OBJECT && read_object(t, &c, first, second);
		case POINT_TEXT:
			return kind == JSON_STRING && read_text(&c, first, second);
		case POINT_DMS:
			return kind == JSON_STRING && read_dms(&c, first, second);
	}
	return false;
}

bool
points_pair(const Points *t, JsonKind kind, const char *val, int len,
			double pair[2], bool *letters)
{
	Coordinate	first;
	Coordinate	second;

	if (!read_pair(t, kind, val, len, &first, &second))
		return false;
	pair[0] = value_of(&first);
	pair[1] = value_of(&second);
	*letters = first.letter != 0;
	return true;
}

bool
points_keys(const char *val, int len, const char *keys[2], int lens[2])
{
	Cursor		c = {val, val + len};
	Member		a;
	Member		b;

	if (!read_members(&c, &a, &b))
		return false;
	keys[0] = a.key;
	lens[0] = a.len;
	keys[1] = b.key;
	lens[1] = b.len;
	return true;
}

static bool
on_earth(const Coordinate *x, const Coordinate *y)
{
	return fabs(value_of(x)) <= 180 && fabs(value_of(y)) <= 90;
}

bool
points_read(Points *t, JsonKind kind, const char *val, int len,
			const char **out, int *outlen)
{
	Coordinate	first;
	Coordinate	second;
	const Coordinate *x = &first;
	const Coordinate *y = &second;
	char	   *p = t->out;
	bool		swapped = t->spec.order == POINT_YX;

	if (!read_pair(t, kind, val, len, &first, &second))
		return false;
	if (t->spec.form == POINT_DMS)
	{
		if (first.letter == 0 && t->spec.order == POINT_LETTERS)
			return false;
		if (first.letter != 0)
		{
			bool		latitude = is_latitude(&first);

			/* letters that contradict what was said */
			if (t->spec.order != POINT_LETTERS && latitude != swapped)
				return false;
			swapped = latitude;
		}
	}
	if (swapped)
	{
		x = &second;
		y = &first;
	}
	if (t->spec.geographic && !on_earth(x, y))
		return false;
	*p++ = '(';
	memcpy(p, x->text, x->len);
	p += x->len;
	*p++ = ',';
	memcpy(p, y->text, y->len);
	p += y->len;
	*p++ = ')';
	*out = t->out;
	*outlen = (int) (p - t->out);
	return true;
}
