/*
 * points.c
 *	  Positions in declared notations, made into a point: (x,y).
 *
 * All readers go over bytes that may be anything: the JSON of an array or
 * object is the scanner's, but nothing here relies on it.
 */
#include "postgres.h"

#include <math.h>

#include "read/coordinate.h"
#include "read/points.h"
#include "catalog/pg_type.h"
#include "utils/builtins.h"

struct Points
{
	PointSpec	spec;
	int			xlen;
	int			ylen;
	char		out[2 * COORDINATE_BYTES + 4];
};

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

/* A number in JSON, which may stand in quotes. */
static bool
read_json_number(TextCursor *c, Coordinate *out)
{
	bool		quoted = cursor_take(c, "\"");

	if (!coordinate_number(c, out) || (quoted && !cursor_take(c, "\"")))
		return false;
	cursor_blanks(c);
	return true;
}

static bool
read_array(TextCursor *c, Coordinate *first, Coordinate *second)
{
	if (!cursor_take(c, "["))
		return false;
	cursor_blanks(c);
	if (!read_json_number(c, first) || !cursor_take(c, ","))
		return false;
	cursor_blanks(c);
	return read_json_number(c, second) && cursor_take(c, "]") && c->p == c->end;
}

/* A key without escapes, and the colon behind it. */
static bool
read_key(TextCursor *c, const char **key, int *len)
{
	if (!cursor_take(c, "\""))
		return false;
	*key = c->p;
	while (c->p < c->end && *c->p != '"' && *c->p != '\\')
		c->p++;
	*len = (int) (c->p - *key);
	if (!cursor_take(c, "\""))
		return false;
	cursor_blanks(c);
	if (!cursor_take(c, ":"))
		return false;
	cursor_blanks(c);
	return true;
}

typedef struct Member
{
	const char *key;
	int			len;
	Coordinate	at;
} Member;

static bool
read_members(TextCursor *c, Member *a, Member *b)
{
	if (!cursor_take(c, "{"))
		return false;
	cursor_blanks(c);
	if (!read_key(c, &a->key, &a->len) || !read_json_number(c, &a->at) || !cursor_take(c, ","))
		return false;
	cursor_blanks(c);
	return read_key(c, &b->key, &b->len) && read_json_number(c, &b->at) &&
		cursor_take(c, "}") && c->p == c->end;
}

static bool
is_key(const Member *m, const char *key, int len)
{
	return m->len == len && memcmp(m->key, key, len) == 0;
}

static bool
read_object(const Points *t, TextCursor *c, Coordinate *x, Coordinate *y)
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
separator(TextCursor *c)
{
	static const char *const signs[] = {",", ";", "/"};
	const char *start = c->p;

	cursor_blanks(c);
	if (cursor_take_any(c, signs, lengthof(signs)))
		cursor_blanks(c);
	return c->p > start;
}

static bool
read_text(TextCursor *c, Coordinate *first, Coordinate *second)
{
	const char *close = cursor_take(c, "(") ? ")" : cursor_take(c, "[") ? "]" : "";

	cursor_blanks(c);
	if (!coordinate_number(c, first) || !separator(c) || !coordinate_number(c, second))
		return false;
	cursor_blanks(c);
	return cursor_take(c, close) && c->p == c->end;
}

static inline bool
is_latitude(const Coordinate *c)
{
	return c->letter == 'N' || c->letter == 'S';
}

static bool
read_dms(TextCursor *c, Coordinate *first, Coordinate *second)
{
	if (!coordinate_angle(c, first))
		return false;
	(void) separator(c);
	if (!coordinate_angle(c, second))
		return false;
	cursor_blanks(c);
	if (c->p < c->end || (first->letter == 0) != (second->letter == 0))
		return false;
	return first->letter == 0 || is_latitude(first) != is_latitude(second);
}

/* Both numbers in the order of the text (of an object: x, y). */
static bool
read_pair(const Points *t, JsonKind kind, const char *val, int len,
		  Coordinate *first, Coordinate *second)
{
	TextCursor	c = {val, val + len};

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
	pair[0] = coordinate_value(&first);
	pair[1] = coordinate_value(&second);
	*letters = first.letter != 0;
	return true;
}

bool
points_keys(const char *val, int len, const char *keys[2], int lens[2])
{
	TextCursor	c = {val, val + len};
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
	return fabs(coordinate_value(x)) <= 180 && fabs(coordinate_value(y)) <= 90;
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
