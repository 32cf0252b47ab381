/*
 * jsontext.c
 *	  The grammar of JSON (RFC 8259): strings, numbers, nested values.
 *
 * Strings are searched eight bytes at a time for what ends them and are not
 * copied unless an escape forces it; numbers are validated, not parsed.
 * Nesting is followed with a bit per level instead of recursion, so no text
 * can exhaust the stack.
 *
 * Server encodings never use an ASCII byte inside a multibyte character, so
 * bytes can be compared one by one whatever the encoding is.
 */
#include "postgres.h"

#include "read/jsonkeys.h"
#include "read/jsontext.h"
#include "catalog/namespace.h"
#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* An arena larger than this is given back when it is not needed any more. */
#define ARENA_KEEP		(1024 * 1024)

/* More digits than this are nothing to promise about without numeric_in. */
#define WILD_DIGITS		1000

void
jsontext_init(JsonText *t, MemoryContext cxt)
{
	memset(t, 0, sizeof(*t));
	t->cxt = cxt;
	t->encoding = GetDatabaseEncoding();
	if (t->encoding != PG_UTF8 && t->encoding != PG_SQL_ASCII)
		t->from_utf8 = FindDefaultConversionProc(PG_UTF8, t->encoding);
	while (unlikely(keyprint_seed == 0))
		keyprint_seed = pg_prng_uint64(&pg_global_prng_state);
}

void
jsontext_start(JsonText *t, const char *bytes, size_t len)
{
	t->base = bytes;
	t->end = bytes + len;
	t->fault = JSON_FINE;
	t->fault_key = NULL;
	t->fault_keylen = 0;
	t->fault_at = 0;
	t->key = NULL;
	t->keylen = 0;
	t->wild = false;
	t->unsure = false;
	t->arena_used = 0;
	if (t->arena_size > ARENA_KEEP && len < ARENA_KEEP / 2)
	{
		pfree(t->arena);
		t->arena = NULL;
		t->arena_size = 0;
	}
}

/* End the scan with a hard fault. Returns NULL for the caller to pass on. */
const char *
jsontext_fault(JsonText *t, const char *at, JsonFault fault)
{
	t->fault = fault;
	t->fault_key = t->key;
	t->fault_keylen = t->keylen;
	t->fault_at = at - t->base;
	return NULL;
}

/* Note a soft fault; the first one of a document counts. */
void
jsontext_note(JsonText *t, const char *at, JsonFault fault)
{
	if (t->fault == JSON_FINE)
		(void) jsontext_fault(t, at, fault);
}

/* What is wrong at a byte that should not be here (or at the end). */
const char *
jsontext_unexpected(JsonText *t, const char *p)
{
	if (p < t->end && *p == '\0')
		return jsontext_fault(t, p, JSON_NUL);
	return jsontext_fault(t, p, JSON_BROKEN);
}

/* Four hexadecimal digits, or -1. */
static int
hex4(const char *p, const char *end)
{
	int			value = 0;
	int			i;

	if (end - p < 4)
		return -1;
	for (i = 0; i < 4; i++)
	{
		char		c = p[i];

		value <<= 4;
		if (c >= '0' && c <= '9')
			value |= c - '0';
		else if (c >= 'a' && c <= 'f')
			value |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			value |= c - 'A' + 10;
		else
			return -1;
	}
	return value;
}

/*
 * Write a character in the server's encoding. Returns how many bytes, 0 when
 * the encoding lacks it. The conversion is asked not to throw: a producer's
 * character must not cost the load.
 */
static int
put_char(JsonText *t, pg_wchar c, char *out)
{
	unsigned char utf8[8];
	unsigned char converted[MAX_CONVERSION_GROWTH * 4 + 1];
	int			len;

	if (c < 0x80)
	{
		out[0] = (char) c;
		return 1;
	}
	unicode_to_utf8(c, utf8);
	len = pg_utf_mblen(utf8);
	if (t->encoding != PG_UTF8)
	{
		if (!OidIsValid(t->from_utf8))
			return 0;
		utf8[len] = '\0';
		if (pg_do_encoding_conversion_buf(t->from_utf8, PG_UTF8, t->encoding,
										  utf8, len, converted,
										  sizeof(converted), true) != len)
			return 0;
		len = (int) strlen((char *) converted);
		memcpy(out, converted, len);
		return len;
	}
	memcpy(out, utf8, len);
	return len;
}

/*
 * Read one escape; p stands behind the backslash. Its text goes to out (at
 * least 4 bytes, never more than the escape is long). Returns where it ends,
 * NULL after a hard fault.
 */
static const char *
scan_escape(JsonText *t, const char *p, char *out, int *outlen)
{
	static const char plain[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	const char *start = p - 1;
	int			code;
	int			i;

	*outlen = 0;
	if (p >= t->end)
		return jsontext_unexpected(t, p);
	for (i = 0; plain[i] != '\0'; i += 2)
	{
		if (*p == plain[i])
		{
			out[0] = plain[i + 1];
			*outlen = 1;
			return p + 1;
		}
	}
	if (*p != 'u' || (code = hex4(p + 1, t->end)) < 0)
		return jsontext_unexpected(t, p);
	p += 5;

	if (code >= 0xD800 && code <= 0xDBFF)
	{
		int			low = -1;

		if (t->end - p >= 6 && p[0] == '\\' && p[1] == 'u')
			low = hex4(p + 2, t->end);
		if (low < 0xDC00 || low > 0xDFFF)
		{
			jsontext_note(t, start, JSON_SURROGATE);
			return p;
		}
		code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
		p += 6;
	}
	else if (code >= 0xDC00 && code <= 0xDFFF)
	{
		jsontext_note(t, start, JSON_SURROGATE);
		return p;
	}
	else if (code == 0)
	{
		jsontext_note(t, start, JSON_NUL);
		return p;
	}

	*outlen = put_char(t, (pg_wchar) code, out);
	if (*outlen == 0)
		jsontext_note(t, start, JSON_UNTRANSLATABLE);
	return p;
}

/*
 * Room in the arena. An escape is never shorter than what it stands for, so
 * as many bytes as the document has are enough for all of its strings, and
 * what was handed out never moves.
 */
static char *
arena_room(JsonText *t)
{
	size_t		need = t->end - t->base;

	if (t->arena_size < need)
	{
		Assert(t->arena_used == 0);
		if (t->arena)
			pfree(t->arena);
		t->arena = NULL;
		t->arena_size = 0;
		t->arena = MemoryContextAlloc(t->cxt, need + 1024);
		t->arena_size = need + 1024;
	}
	return t->arena + t->arena_used;
}

/*
 * The rest of a string that is more than plain bytes: start is its first
 * byte, p the first that is special. val may be NULL (nested strings, which
 * are only validated).
 */
const char *
jsontext_string_rest(JsonText *t, const char *start, const char *p,
					 const char **val, int *len)
{
	char	   *text = NULL;
	char	   *to = NULL;
	char		discard[8];

	if (val)
	{
		text = to = arena_room(t);
		memcpy(to, start, p - start);
		to += p - start;
	}
	for (;;)
	{
		const char *run;
		int			n;

		if (p >= t->end || (unsigned char) *p < 0x20)
			return jsontext_unexpected(t, p);
		if (*p == '"')
			break;
		Assert(*p == '\\');
		p = scan_escape(t, p + 1, to ? to : discard, &n);
		if (p == NULL)
			return NULL;
		run = p;
		p = jsontext_plain(p, t->end);
		if (to)
		{
			to += n;
			memcpy(to, run, p - run);
			to += p - run;
		}
	}
	if (val)
	{
		*val = text;
		*len = (int) (to - text);
		t->arena_used = to - t->arena;
	}
	return p + 1;
}

static inline const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* A number by RFC 8259's grammar. What follows is the caller's to judge. */
const char *
jsontext_number(JsonText *t, const char *p)
{
	const char *end = t->end;
	const char *start = p;
	const char *digits;

	if (*p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else
	{
		digits = p;
		p = skip_digits(p, end);
		if (p == digits)
			return jsontext_unexpected(t, p);
	}
	if (p < end && *p == '.')
	{
		digits = ++p;
		p = skip_digits(p, end);
		if (p == digits)
			return jsontext_unexpected(t, p);
	}
	if (p < end && (*p == 'e' || *p == 'E'))
	{
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		p = skip_digits(p, end);
		if (p == digits)
			return jsontext_unexpected(t, p);
		t->wild = true;
	}
	if (p - start > WILD_DIGITS)
		t->wild = true;
	return p;
}

const char *
jsontext_word(JsonText *t, const char *p, const char *word, int len)
{
	if (t->end - p < len || memcmp(p, word, len) != 0)
		return jsontext_unexpected(t, p);
	return p + len;
}

/*
 * An object or array, validated and skipped; p stands on its opening bracket.
 * One bit per open level says which of the two it is.
 */
const char *
jsontext_container(JsonText *t, const char *p)
{
	enum
	{
		VALUE, VALUE_OR_END, KEY, KEY_OR_END, COMMA_OR_END
	}			want = VALUE;
	uint8		objects[JSON_MAX_DEPTH / 8 + 1] = {0};
	KeyPrint	prints[JSON_MAX_DEPTH]; /* of the open objects */
	int			depth = 0;
	bool		in_object = false;

	for (;;)
	{
		const char *key;
		bool		closed = false;

		p = jsontext_blank(p, t->end);
		if (p >= t->end)
			return jsontext_unexpected(t, p);
		switch (want)
		{
			case VALUE_OR_END:
				if (*p == ']')
				{
					closed = true;
					break;
				}
				/* FALLTHROUGH */
			case VALUE:
				want = COMMA_OR_END;
				switch (*p)
				{
					case '{':
					case '[':
						if (depth >= JSON_MAX_DEPTH)
							return jsontext_fault(t, p, JSON_DEEP);
						in_object = (*p == '{');
						if (in_object)
						{
							objects[depth / 8] |= (uint8) (1 << (depth % 8));
							keyprint_start(&prints[depth]);
						}
						else
							objects[depth / 8] &= (uint8) ~(1 << (depth % 8));
						depth++;
						want = in_object ? KEY_OR_END : VALUE_OR_END;
						p++;
						break;
					case '"':
						p = jsontext_string(t, p + 1, NULL, NULL);
						break;
					case 't':
						p = jsontext_word(t, p, "true", 4);
						break;
					case 'f':
						p = jsontext_word(t, p, "false", 5);
						break;
					case 'n':
						p = jsontext_word(t, p, "null", 4);
						break;
					default:
						p = jsontext_number(t, p);
						break;
				}
				break;
			case KEY_OR_END:
				if (*p == '}')
				{
					closed = true;
					break;
				}
				/* FALLTHROUGH */
			case KEY:
				if (*p != '"')
					return jsontext_unexpected(t, p);
				key = p + 1;
				p = jsontext_string(t, key, NULL, NULL);
				if (p == NULL)
					return NULL;
				keyprint_add(&prints[depth - 1], key, p - 1 - key);
				p = jsontext_blank(p, t->end);
				if (p >= t->end || *p != ':')
					return jsontext_unexpected(t, p);
				p++;
				want = VALUE;
				break;
			case COMMA_OR_END:
				if (*p == ',')
				{
					p++;
					want = in_object ? KEY : VALUE;
				}
				else if (*p == (in_object ? '}' : ']'))
					closed = true;
				else
					return jsontext_unexpected(t, p);
				break;
		}
		if (p == NULL)
			return NULL;
		if (closed)
		{
			Assert(depth > 0);
			p++;
			depth--;
			if (in_object && !keyprint_known(&prints[depth]))
				t->unsure = true;
			if (depth == 0)
				return p;
			in_object = (objects[(depth - 1) / 8] >> ((depth - 1) % 8)) & 1;
			want = COMMA_OR_END;
		}
	}
}
