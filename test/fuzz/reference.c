/*
 * reference.c
 *	  The scanner's promises, kept in another way. Shares no code with it.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "reference.h"

/* Where we are in the document. A hard fault ends the reading: every function
 * that gives false has set it. */
typedef struct Reader
{
	const unsigned char *in;
	size_t		len;
	size_t		at;
	int			encoding;
	JsonFault	hard;
	JsonFault	soft;			/* the first one */
	int			open;			/* containers around us within this field */
	bool		wild;
	bool		differs;
	RefText    *text;			/* where a string's text goes, or NULL */
} Reader;

static bool value(Reader *r, JsonKind *kind);

static bool
hard(Reader *r, JsonFault fault)
{
	r->hard = fault;
	return false;
}

static void
soft(Reader *r, JsonFault fault)
{
	if (r->soft == JSON_FINE)
		r->soft = fault;
}

/* The byte here, -1 at the end. */
static int
peek(const Reader *r)
{
	return r->at < r->len ? r->in[r->at] : -1;
}

/* Something else should stand here. */
static bool
wrong(Reader *r)
{
	return hard(r, peek(r) == 0 ? JSON_NUL : JSON_BROKEN);
}

static bool
expect(Reader *r, int c)
{
	if (peek(r) != c)
		return wrong(r);
	r->at++;
	return true;
}

static void
ws(Reader *r)
{
	while (r->at < r->len && strchr(" \t\r\n", r->in[r->at]) && r->in[r->at])
		r->at++;
}

static void
put(RefText *text, int c)
{
	if (text == NULL)
		return;
	/* room for the next 64 whenever the last 64 are full */
	if (text->len % 64 == 0)
		text->data = realloc(text->data, text->len + 64);
	if (text->data == NULL)
		abort();
	text->data[text->len++] = (char) c;
}

/* A character in the server's encoding. */
static void
put_code(Reader *r, unsigned code)
{
	if (code < 0x80)
		put(r->text, (int) code);
	else if (r->encoding == PG_LATIN1 && code < 0x100)
		put(r->text, (int) code);
	else if (r->encoding != PG_UTF8)
		soft(r, JSON_UNTRANSLATABLE);
	else
	{
		int			more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
		static const int lead[] = {0, 0xC0, 0xE0, 0xF0};

		put(r->text, lead[more] | (int) (code >> (6 * more)));
		while (more-- > 0)
			put(r->text, 0x80 | (int) ((code >> (6 * more)) & 0x3F));
	}
}

/* Four hexadecimal digits at this offset, or -1. */
static long
hex(const Reader *r, size_t at)
{
	char		digits[5] = {0};

	if (at + 4 > r->len)
		return -1;
	memcpy(digits, r->in + at, 4);
	if (strspn(digits, "0123456789abcdefABCDEF") != 4)
		return -1;
	return strtol(digits, NULL, 16);
}

/* unicode = "\u" and four digits; the "\" and "u" are read. */
static bool
unicode(Reader *r)
{
	long		code = hex(r, r->at);
	long		low;

	if (code < 0)
	{
		/* the scanner looks at the "u" */
		r->at--;
		return wrong(r);
	}
	r->at += 4;
	if (code == 0)
		soft(r, JSON_NUL);
	else if (code >= 0xDC00 && code < 0xE000)
		soft(r, JSON_SURROGATE);
	else if (code >= 0xD800 && code < 0xDC00)
	{
		if (r->at + 6 <= r->len && r->in[r->at] == '\\' && r->in[r->at + 1] == 'u' &&
			(low = hex(r, r->at + 2)) >= 0xDC00 && low < 0xE000)
		{
			r->at += 6;
			put_code(r, (unsigned) (0x10000 + (code - 0xD800) * 0x400 + (low - 0xDC00)));
		}
		else
			soft(r, JSON_SURROGATE);
	}
	else
		put_code(r, (unsigned) code);
	return true;
}

static bool
string(Reader *r)
{
	static const char names[] = "\"\\/bfnrt";
	static const char bytes[] = "\"\\/\b\f\n\r\t";

	if (!expect(r, '"'))
		return false;
	for (;;)
	{
		int			c = peek(r);
		const char *name;

		if (c < 0x20)
			return wrong(r);
		r->at++;
		if (c == '"')
			return true;
		if (c != '\\')
		{
			put(r->text, c);
			continue;
		}
		c = peek(r);
		if (c <= 0)
			return wrong(r);
		name = strchr(names, c);
		if (name == NULL && c != 'u')
			return wrong(r);
		r->at++;
		if (name)
			put(r->text, bytes[name - names]);
		else if (!unicode(r))
			return false;
	}
}

static bool
digits(Reader *r)
{
	size_t		start = r->at;

	while (peek(r) >= '0' && peek(r) <= '9')
		r->at++;
	return r->at > start || wrong(r);
}

static bool
number(Reader *r)
{
	size_t		start = r->at;

	if (peek(r) == '-')
		r->at++;
	if (peek(r) == '0')
		r->at++;
	else if (!digits(r))
		return false;
	if (peek(r) == '.')
	{
		r->at++;
		if (!digits(r))
			return false;
	}
	if (peek(r) == 'e' || peek(r) == 'E')
	{
		r->at++;
		if (peek(r) == '+' || peek(r) == '-')
			r->at++;
		if (!digits(r))
			return false;
		r->wild = true;
	}
	if (r->at - start > 1000)
		r->wild = true;
	return true;
}

/* The scanner blames the first byte of a word for all of it. */
static bool
word(Reader *r, const char *expected)
{
	size_t		n = strlen(expected);

	if (r->at + n > r->len || memcmp(r->in + r->at, expected, n) != 0)
		return wrong(r);
	r->at += n;
	return true;
}

static bool
array(Reader *r)
{
	JsonKind	kind;

	r->at++;
	ws(r);
	if (peek(r) == ']')
	{
		r->at++;
		return true;
	}
	for (;;)
	{
		ws(r);
		if (!value(r, &kind))
			return false;
		ws(r);
		if (peek(r) == ']')
		{
			r->at++;
			return true;
		}
		if (!expect(r, ','))
			return false;
	}
}

static bool
same(const RefText *a, const RefText *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* One member of a nested object; val: a string's text, else as written. */
typedef struct Member
{
	RefText		key;
	JsonKind	kind;
	RefText		val;
} Member;

static bool
member(Reader *r, Member *m)
{
	size_t		start;

	ws(r);
	r->text = &m->key;
	if (!string(r))
		return false;
	ws(r);
	if (!expect(r, ':'))
		return false;
	ws(r);
	start = r->at;
	r->text = &m->val;
	if (!value(r, &m->kind))
		return false;
	r->text = &m->val;
	if (m->kind != JSON_STRING)
		for (size_t i = start; i < r->at; i++)
			put(r->text, r->in[i]);
	return true;
}

static bool
members(Reader *r, Member **all, int *n)
{
	r->at++;
	ws(r);
	if (peek(r) == '}')
	{
		r->at++;
		return true;
	}
	for (;;)
	{
		Member	   *m;

		*all = realloc(*all, sizeof(Member) * (*n + 1));
		if (*all == NULL)
			abort();
		m = &(*all)[(*n)++];
		memset(m, 0, sizeof(Member));
		if (!member(r, m))
			return false;
		for (Member *other = *all; other < m; other++)
			if (same(&other->key, &m->key) &&
				(other->kind != m->kind || !same(&other->val, &m->val)))
				r->differs = true;
		ws(r);
		if (peek(r) == '}')
		{
			r->at++;
			return true;
		}
		if (!expect(r, ','))
			return false;
	}
}

static bool
object(Reader *r)
{
	Member	   *all = NULL;
	int			n = 0;
	bool		good = members(r, &all, &n);

	for (int i = 0; i < n; i++)
	{
		free(all[i].key.data);
		free(all[i].val.data);
	}
	free(all);
	return good;
}

static bool
value(Reader *r, JsonKind *kind)
{
	RefText    *text = r->text;
	bool		good;

	switch (peek(r))
	{
		case '"':
			*kind = JSON_STRING;
			return string(r);
		case 't':
			*kind = JSON_BOOL;
			return word(r, "true");
		case 'f':
			*kind = JSON_BOOL;
			return word(r, "false");
		case 'n':
			*kind = JSON_NULL;
			return word(r, "null");
		case '{':
		case '[':
			*kind = peek(r) == '{' ? JSON_OBJECT : JSON_ARRAY;
			if (r->open == JSON_MAX_DEPTH)
				return hard(r, JSON_DEEP);
			r->open++;
			r->text = NULL;
			good = *kind == JSON_OBJECT ? object(r) : array(r);
			r->text = text;
			r->open--;
			return good;
		default:
			*kind = JSON_NUMBER;
			return number(r);
	}
}

/* A field that was read: kept, unless its key is there already. */
static void
keep(Reader *r, RefDoc *doc, RefField *field)
{
	for (int i = 0; i < doc->nfields; i++)
	{
		if (!same(&doc->fields[i].key, &field->key))
			continue;
		if (doc->fields[i].kind != field->kind || !same(&doc->fields[i].val, &field->val))
			soft(r, JSON_DUPLICATE);
		free(field->key.data);
		free(field->val.data);
		return;
	}
	doc->fields = realloc(doc->fields, sizeof(RefField) * (doc->nfields + 1));
	if (doc->fields == NULL)
		abort();
	doc->fields[doc->nfields++] = *field;
}

static bool
fields(Reader *r, RefDoc *doc)
{
	if (!expect(r, '{'))
		return false;
	ws(r);
	if (peek(r) == '}')
	{
		r->at++;
		return true;
	}
	for (;;)
	{
		RefField	f = {0};
		bool		good;

		ws(r);
		r->text = &f.key;
		good = string(r);
		if (good)
		{
			ws(r);
			good = expect(r, ':');
		}
		if (good)
		{
			ws(r);
			f.raw = r->at;
			r->wild = false;
			r->differs = false;
			r->text = &f.val;
			good = value(r, &f.kind);
		}
		r->text = NULL;
		if (!good)
		{
			free(f.key.data);
			free(f.val.data);
			return false;
		}
		f.rawlen = r->at - f.raw;
		f.wild = r->wild;
		f.differs = r->differs;
		if (f.kind != JSON_STRING)
			for (size_t i = 0; i < f.rawlen; i++)
				put(&f.val, r->in[f.raw + i]);
		keep(r, doc, &f);
		ws(r);
		if (peek(r) == '}')
		{
			r->at++;
			return true;
		}
		if (!expect(r, ','))
			return false;
	}
}

RefDoc *
reference_read(const char *bytes, size_t len, int encoding)
{
	RefDoc	   *doc = calloc(1, sizeof(RefDoc));
	Reader		r = {.in = (const unsigned char *) bytes,.len = len,.encoding = encoding};
	bool		is_object;
	JsonKind	kind;

	if (doc == NULL)
		abort();
	ws(&r);
	is_object = peek(&r) == '{';
	if (is_object ? fields(&r, doc) : value(&r, &kind))
	{
		ws(&r);
		if (r.at < r.len)
			(void) wrong(&r);
	}
	if (r.hard != JSON_FINE)
		doc->fault = r.hard;
	else
		doc->fault = is_object ? r.soft : JSON_NOT_OBJECT;
	return doc;
}

void
reference_free(RefDoc *doc)
{
	for (int i = 0; i < doc->nfields; i++)
	{
		free(doc->fields[i].key.data);
		free(doc->fields[i].val.data);
	}
	free(doc->fields);
	free(doc);
}
