/*
 * jsonwalk.c
 *	  An object's members or an array's elements one after the other.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "read/jsonwalk.h"
#include "utils/memutils.h"

void
jsonwalk_init(JsonWalk *w, MemoryContext cxt)
{
	memset(w, 0, sizeof(*w));
	jsontext_init(&w->text, cxt);
}

bool
jsonwalk_start(JsonWalk *w, const char *bytes, size_t len)
{
	const char *p;

	w->whole = false;
	w->first = true;
	w->p = NULL;
	/* nothing longer can be a text, nor can its strings be had */
	if (len >= MaxAllocSize - 1024)
		return false;
	jsontext_start(&w->text, bytes, len);
	p = jsontext_blank(bytes, w->text.end);
	if (p >= w->text.end || (*p != '{' && *p != '['))
		return false;
	w->close = *p == '{' ? '}' : ']';
	w->p = p + 1;
	return true;
}

/* The end of the walk; p stands behind the bracket. */
static bool
ended(JsonWalk *w, const char *p)
{
	w->whole = jsontext_blank(p, w->text.end) == w->text.end;
	w->p = NULL;
	return false;
}

bool
jsonwalk_next(JsonWalk *w, JsonField *field)
{
	const char *end = w->text.end;
	const char *p;

	if (w->p == NULL)
		return false;
	memset(field, 0, sizeof(*field));
	p = jsontext_blank(w->p, end);
	w->p = NULL;
	if (p < end && *p == w->close)
		return ended(w, p + 1);
	if (!w->first)
	{
		if (p >= end || *p != ',')
			return false;
		p = jsontext_blank(p + 1, end);
	}
	w->first = false;
	if (w->close == '}')
	{
		if (p >= end || *p != '"')
			return false;
		p = jsontext_string(&w->text, p + 1, &field->key, &field->keylen);
		if (p == NULL)
			return false;
		p = jsontext_blank(p, end);
		if (p >= end || *p != ':')
			return false;
		p = jsontext_blank(p + 1, end);
	}
	if (p >= end)
		return false;
	w->p = jsontext_value(&w->text, p, field);
	return w->p != NULL;
}

bool
jsonwalk_whole(const JsonWalk *w)
{
	return w->whole;
}

bool
jsonwalk_named(const JsonField *field, const char *name)
{
	return field->key != NULL && field->keylen == (int) strlen(name) &&
		memcmp(field->key, name, field->keylen) == 0;
}

bool
jsonwalk_says(const JsonField *field, const char *text)
{
	return field->kind == JSON_STRING && field->val != NULL && field->len == (int) strlen(text) &&
		memcmp(field->val, text, field->len) == 0;
}

char *
jsonwalk_text(const JsonField *field, int most)
{
	if (field->kind != JSON_STRING || field->val == NULL)
		return NULL;
	return pnstrdup(field->val, field->len <= most ? field->len :
					pg_mbcliplen(field->val, field->len, most));
}
