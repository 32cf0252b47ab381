/*
 * jsontext.h
 *	  The grammar of JSON (RFC 8259): strings, numbers, nested values.
 *
 * Every function takes a place in the text and returns the place behind what
 * it has read, or NULL after a hard fault, which stands in the JsonText. A
 * soft fault is noted there and the reading goes on.
 */
#ifndef SELFHEAL_JSONTEXT_H
#define SELFHEAL_JSONTEXT_H

#include "postgres.h"

#include "read/json.h"

typedef struct JsonText
{
	const char *base;			/* the text */
	const char *end;

	JsonFault	fault;			/* and where it was found */
	const char *fault_key;
	int			fault_keylen;
	size_t		fault_at;

	const char *key;			/* top-level key we are in, or NULL */
	int			keylen;
	bool		wild;			/* a number with an exponent or very many
								 * digits was read since this was reset */
	bool		unsure;			/* an object whose keys nobody has found to be
								 * distinct was read since this was reset */

	MemoryContext cxt;			/* of the arena */
	char	   *arena;			/* unescaped strings of this text */
	size_t		arena_size;
	size_t		arena_used;

	int			encoding;		/* the server's */
	Oid			from_utf8;		/* conversion to it, if it needs one */
} JsonText;

/* Zero t and find out about the server's encoding; strings go to cxt. */
extern void jsontext_init(JsonText *t, MemoryContext cxt);

/* Start with a text. Strings of the one before are gone. */
extern void jsontext_start(JsonText *t, const char *bytes, size_t len);

/* End with a hard fault; note a soft one (the first counts). */
extern const char *jsontext_fault(JsonText *t, const char *at, JsonFault fault);
extern void jsontext_note(JsonText *t, const char *at, JsonFault fault);

/* A byte, or the end, that should not be here. */
extern const char *jsontext_unexpected(JsonText *t, const char *p);

extern const char *jsontext_number(JsonText *t, const char *p);
extern const char *jsontext_word(JsonText *t, const char *p,
								 const char *word, int len);

/* An object or array, validated and skipped; p on its opening bracket. */
extern const char *jsontext_container(JsonText *t, const char *p);

/* The rest of a string that is more than plain bytes (see jsontext_string). */
extern const char *jsontext_string_rest(JsonText *t, const char *start,
										const char *p, const char **val,
										int *len);

static inline const char *
jsontext_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

#define JSONTEXT_BYTES(b)	(UINT64CONST(0x0101010101010101) * (b))

/*
 * The first byte from p on that a string cannot simply contain: quote,
 * backslash or control character. Eight bytes at a time; the word test may
 * not tell which byte it was, so the last word is looked at byte by byte.
 */
static inline const char *
jsontext_plain(const char *p, const char *end)
{
	while (end - p >= 8)
	{
		uint64		word;
		uint64		quote;
		uint64		slash;
		uint64		hits;

		memcpy(&word, p, 8);
		quote = word ^ JSONTEXT_BYTES('"');
		slash = word ^ JSONTEXT_BYTES('\\');
		hits = ((word - JSONTEXT_BYTES(0x20)) & ~word) |
			((quote - JSONTEXT_BYTES(0x01)) & ~quote) |
			((slash - JSONTEXT_BYTES(0x01)) & ~slash);
		if (hits & JSONTEXT_BYTES(0x80))
			break;
		p += 8;
	}
	while (p < end && (unsigned char) *p >= 0x20 && *p != '"' && *p != '\\')
		p++;
	return p;
}

/*
 * A string; p stands behind its opening quote. Its text is left in *val, in
 * place or unescaped in the arena; val NULL: only validated.
 */
static inline const char *
jsontext_string(JsonText *t, const char *p, const char **val, int *len)
{
	const char *start = p;

	p = jsontext_plain(p, t->end);
	if (p >= t->end || *p != '"')
		return jsontext_string_rest(t, start, p, val, len);
	if (val)
	{
		*val = start;
		*len = (int) (p - start);
	}
	return p + 1;
}

/*
 * Any value; p stands on its first byte. Fills all of the field but its key.
 */
static inline const char *
jsontext_value(JsonText *t, const char *p, JsonField *field)
{
	const char *start = p;

	t->wild = false;
	t->unsure = false;
	field->val = NULL;
	switch (*p)
	{
		case '"':
			field->kind = JSON_STRING;
			p = jsontext_string(t, p + 1, &field->val, &field->len);
			break;
		case '{':
			field->kind = JSON_OBJECT;
			p = jsontext_container(t, p);
			break;
		case '[':
			field->kind = JSON_ARRAY;
			p = jsontext_container(t, p);
			break;
		case 't':
			field->kind = JSON_BOOL;
			p = jsontext_word(t, p, "true", 4);
			break;
		case 'f':
			field->kind = JSON_BOOL;
			p = jsontext_word(t, p, "false", 5);
			break;
		case 'n':
			field->kind = JSON_NULL;
			p = jsontext_word(t, p, "null", 4);
			break;
		default:
			field->kind = JSON_NUMBER;
			p = jsontext_number(t, p);
			break;
	}
	if (p == NULL)
		return NULL;
	field->raw = start;
	field->rawlen = (int) (p - start);
	if (field->val == NULL)
	{
		field->val = start;
		field->len = field->rawlen;
	}
	field->wild = t->wild;
	field->unsure = t->unsure;
	return p;
}

#endif							/* SELFHEAL_JSONTEXT_H */
