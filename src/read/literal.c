/*
 * literal.c
 *	  PostgreSQL's own text of a value that is made of values, part by part.
 */
#include "postgres.h"

#include "read/literal.h"

static inline bool
is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
skip_blank(Literal *l)
{
	while (l->p < l->end && is_blank(*l->p))
		l->p++;
}

/* Is this byte next? Then read it. */
static bool
take(Literal *l, char c)
{
	if (l->p >= l->end || *l->p != c)
		return false;
	l->p++;
	return true;
}

/*
 * The part's text without quotes and backslashes. Within quotes two quotes are
 * one, but in an array, where the part ends at the first.
 */
static void
unquote(Literal *l, const char *from, const char *to)
{
	char	   *out = MemoryContextAlloc(l->cxt, to - from + 1);
	bool		inside = false;

	l->val = out;
	while (from < to)
	{
		char		c = *from++;

		if (c == '\\' && from < to)
			*out++ = *from++;
		else if (c != '"')
			*out++ = c;
		else if (inside && from < to && *from == '"' && l->form != LITERAL_ARRAY)
			*out++ = *from++;
		else
			inside = !inside;
	}
	l->len = (int) (out - l->val);
}

/*
 * Read up to a byte of stops that stands outside quotes, or to the end. Blanks
 * around an element of an array do not belong to it. Returns whether anything
 * in it was quoted.
 */
static bool
read_part(Literal *l, const char *stops)
{
	const char *from = l->p;
	const char *kept = l->p;	/* end of what is no blank */
	bool		quoted = false;
	bool		inside = false;

	for (; l->p < l->end; l->p++)
	{
		char		c = *l->p;

		if (!inside && c != '\0' && strchr(stops, c) != NULL)
			break;
		if (c == '"')
			inside = !inside;
		if (c == '"' || c == '\\')
			quoted = true;
		if (c == '\\' && l->p + 1 < l->end)
			l->p++;
		else if (!inside && is_blank(c))
			continue;
		kept = l->p + 1;
	}
	if (l->form != LITERAL_ARRAY)
		kept = l->p;
	l->val = from;
	l->len = (int) (kept - from);
	if (quoted)
		unquote(l, from, kept);
	return quoted;
}

/* Lower bounds of an array, "[0:1][-2:5]=", tell nothing about its elements. */
static void
skip_dimensions(Literal *l)
{
	const char *p;

	if (l->p >= l->end || *l->p != '[')
		return;
	p = memchr(l->p, '=', l->end - l->p);
	if (p != NULL)
		l->p = p + 1;
	skip_blank(l);
}

bool
literal_start(Literal *l, MemoryContext cxt, LiteralForm form,
			  char delimiter, const char *s, int len)
{
	memset(l, 0, sizeof(*l));
	l->form = form;
	l->cxt = cxt;
	l->delimiter = delimiter;
	l->p = s;
	l->end = s + len;
	skip_blank(l);
	switch (form)
	{
		case LITERAL_ARRAY:
			skip_dimensions(l);
			return l->p < l->end && *l->p == '{';
		case LITERAL_VECTOR:
			return true;
		case LITERAL_RECORD:
			l->more = true;
			return take(l, '(');
		case LITERAL_RANGE:
			if (l->end - l->p >= 5 && pg_strncasecmp(l->p, "empty", 5) == 0)
				return true;
			l->more = true;
			return take(l, '[') || take(l, '(');
		case LITERAL_MULTIRANGE:
			return take(l, '{');
	}
	return false;
}

static LiteralPart
next_element(Literal *l)
{
	char		stops[4] = {l->delimiter, '{', '}', '\0'};

	for (;;)
	{
		skip_blank(l);
		if (l->p >= l->end)
			return l->depth == 0 ? LITERAL_END : LITERAL_BROKEN;
		if (take(l, '{'))
			l->depth++;
		else if (l->depth == 0)
			return LITERAL_BROKEN;
		else if (take(l, '}'))
			l->depth--;
		else if (!take(l, l->delimiter))
		{
			if (!read_part(l, stops) && l->len == 4 &&
				pg_strncasecmp(l->val, "NULL", 4) == 0)
				return LITERAL_NULL;
			return LITERAL_VALUE;
		}
	}
}

static LiteralPart
next_number(Literal *l)
{
	skip_blank(l);
	if (l->p >= l->end)
		return LITERAL_END;
	l->val = l->p;
	while (l->p < l->end && !is_blank(*l->p))
		l->p++;
	l->len = (int) (l->p - l->val);
	return LITERAL_VALUE;
}

/* A field of a composite or a bound of a range: nothing at all is a null. */
static LiteralPart
next_field(Literal *l, const char *stops)
{
	const char *from = l->p;

	if (!l->more)
		return LITERAL_END;
	(void) read_part(l, stops);
	if (l->p >= l->end)
		return LITERAL_BROKEN;
	l->more = (*l->p == ',');
	return l->p++ == from ? LITERAL_NULL : LITERAL_VALUE;
}

/* One range, quotes and all: to be read as a range then. */
static LiteralPart
next_range(Literal *l)
{
	bool		inside = false;
	bool		open = false;

	skip_blank(l);
	if (take(l, ','))
		skip_blank(l);
	if (take(l, '}'))
		return LITERAL_END;
	l->val = l->p;
	while (l->p < l->end)
	{
		char		c = *l->p;

		if (!inside && !open && (c == ',' || c == '}'))
			break;				/* behind "empty" */
		l->p++;
		if (c == '\\' && l->p < l->end)
			l->p++;
		else if (c == '"')
			inside = !inside;
		else if (!inside && (c == '[' || c == '('))
			open = true;
		else if (!inside && (c == ']' || c == ')'))
			break;
	}
	l->len = (int) (l->p - l->val);
	return l->p < l->end && l->len > 0 ? LITERAL_VALUE : LITERAL_BROKEN;
}

LiteralPart
literal_next(Literal *l)
{
	switch (l->form)
	{
		case LITERAL_ARRAY:
			return next_element(l);
		case LITERAL_VECTOR:
			return next_number(l);
		case LITERAL_RECORD:
			return next_field(l, ",)");
		case LITERAL_RANGE:
			return next_field(l, ",])");
		case LITERAL_MULTIRANGE:
			return next_range(l);
	}
	return LITERAL_BROKEN;
}

void
literal_put(StringInfo out, const char *s, int len)
{
	int			i;

	enlargeStringInfo(out, len + 2);
	appendStringInfoCharMacro(out, '"');
	for (i = 0; i < len; i++)
	{
		if (s[i] == '"' || s[i] == '\\')
			appendStringInfoCharMacro(out, '\\');
		appendStringInfoCharMacro(out, s[i]);
	}
	appendStringInfoCharMacro(out, '"');
}
