/*
 * mask.c
 *	  What a value looks like, without what it says.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "read/mask.h"
#include "utils/memutils.h"

/* ---- characters ---- */

/* Zeros of the scripts whose ten digits stand in a row. */
static const pg_wchar zeros[] = {
	0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6,
	0x0C66, 0x0CE6, 0x0D66, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810,
	0xFF10
};

/* Signs and blanks beyond ASCII, first and last. Letters, digits and what is
 * nobody's sign (also ª, ², ½) are not among them. */
static const pg_wchar signs[][2] = {
	{0x00A0, 0x00A9}, {0x00AB, 0x00B1}, {0x00B4, 0x00B4}, {0x00B6, 0x00B8},
	{0x00BB, 0x00BB}, {0x00BF, 0x00BF}, {0x00D7, 0x00D7}, {0x00F7, 0x00F7},
	{0x060C, 0x060C}, {0x066A, 0x066C}, {0x1680, 0x1680}, {0x2000, 0x200B},
	{0x2010, 0x2029}, {0x202F, 0x205F}, {0x20A0, 0x20CF}, {0x2212, 0x2212},
	{0x3000, 0x3002}, {0xFEFF, 0xFEFF}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF20},
	{0xFFFD, 0xFFFD}
};

/* Capitals that stand together, and those of which each is followed by its
 * small letter (step 2). */
static const pg_wchar capitals[][3] = {
	{0x00C0, 0x00DE, 1}, {0x0100, 0x0136, 2}, {0x0139, 0x0147, 2},
	{0x014A, 0x0176, 2}, {0x0178, 0x0178, 1}, {0x0179, 0x017D, 2},
	{0x0386, 0x0386, 1}, {0x0388, 0x038F, 1}, {0x0391, 0x03AB, 1},
	{0x0400, 0x042F, 1}, {0x0460, 0x0480, 2}, {0x048A, 0x04BE, 2},
	{0x04D0, 0x052E, 2}, {0x0531, 0x0556, 1}, {0x1E00, 0x1E94, 2},
	{0x1EA0, 0x1EFE, 2}, {0xFF21, 0xFF3A, 1}
};

/* What stands for a code point: a, A, 9, or 0: itself. */
static char
class_of(pg_wchar c)
{
	if (c < 0x80)
	{
		if (c >= 'a' && c <= 'z')
			return 'a';
		if (c >= 'A' && c <= 'Z')
			return 'A';
		return c >= '0' && c <= '9' ? '9' : 0;
	}
	for (int i = 0; i < (int) lengthof(zeros); i++)
		if (c >= zeros[i] && c < zeros[i] + 10)
			return '9';
	for (int i = 0; i < (int) lengthof(signs); i++)
		if (c >= signs[i][0] && c <= signs[i][1])
			return 0;
	for (int i = 0; i < (int) lengthof(capitals); i++)
		if (c >= capitals[i][0] && c <= capitals[i][1] &&
			(c - capitals[i][0]) % capitals[i][2] == 0)
			return 'A';
	return 'a';
}

/* Bytes of the character at p, never past the end. */
static int
char_len(const char *p, const char *end)
{
	int			n = IS_HIGHBIT_SET(*p) ? pg_encoding_mblen(GetDatabaseEncoding(), p) : 1;

	return n < 1 ? 1 : (int) Min(n, end - p);
}

/* The same of a character of n bytes in the server's encoding. */
static char
class_at(const char *p, int n)
{
	if (!IS_HIGHBIT_SET(*p))
		return class_of((unsigned char) *p);
	if (GetDatabaseEncoding() == PG_UTF8 && n > 1)
		return class_of(utf8_to_unicode((const unsigned char *) p));
	if (GetDatabaseEncoding() == PG_LATIN1)
		return class_of((unsigned char) *p);
	return 'a';
}

/* A character as it may be read in a log or by a model: no control. */
static void
append_plain(StringInfo buf, const char *p, int n)
{
	if (n == 1 && ((unsigned char) *p < 0x20 || *p == 0x7F) &&
		*p != '\n' && *p != '\t' && *p != '\r')
		appendStringInfoChar(buf, '?');
	else
		appendBinaryStringInfo(buf, p, n);
}

/* See the header. */
void
mask_append(StringInfo buf, const char *text, int len)
{
	const char *end = text + len;

	while (text < end)
	{
		int			n = char_len(text, end);
		char		class = class_at(text, n);

		if (class)
			appendStringInfoChar(buf, class);
		else
			append_plain(buf, text, n);
		text += n;
	}
}

/* A text with letters and digits replaced. */
static char *
mask_text(const char *text, int len)
{
	StringInfoData buf;

	initStringInfo(&buf);
	mask_append(&buf, text, len);
	return buf.data;
}

/* ---- keys ---- */

/* See the header. */
bool
mask_looks_like_data(const char *key, int len)
{
	const char *end = key + len;
	int			digits = 0;
	int			letters = 0;
	int			run = 0;

	if (len >= NAMEDATALEN)
		return true;
	while (key < end)
	{
		int			n = char_len(key, end);
		char		class = class_at(key, n);

		run = class == '9' ? run + 1 : 0;
		digits += class == '9';
		letters += class == 'a' || class == 'A';
		if (run >= 6 || *key == '@' || *key == '\\' || (unsigned char) *key < 0x20)
			return true;
		key += n;
	}
	return digits > letters;
}

/* May a key be shown as it is? */
static bool
may_show_key(ShareValues share, const MaskNames *names, const char *key, int len, bool valid)
{
	if (share == SHARE_FULL || mask_is_name(names, key, len))
		return true;
	return valid && !mask_looks_like_data(key, len) &&
		!mask_names_crowd(names);
}

/* See the header. */
char *
mask_key(ShareValues share, const MaskNames *names, const char *key)
{
	if (may_show_key(share, names, key, strlen(key), true))
		return pstrdup(key);
	return mask_text(key, strlen(key));
}

/* ---- payloads ---- */

/* A walk over JSON, or over what was meant to be. */
typedef struct Walk
{
	const char *p;
	const char *end;
	ShareValues share;
	const MaskNames *names;
	MaskNames  *note;			/* only count keys: into these */
	StringInfo	out;
	StringInfoData open;		/* the brackets we are in */
	bool		valid;
	bool		key;			/* a string here is a key */
} Walk;

/* The closing quote of a string from p on, or the end. */
static const char *
string_end(const char *p, const char *end)
{
	while (p < end && *p != '"')
		p += *p == '\\' && p + 1 < end ? 2 : 1;
	return Min(p, end);
}

/* Four hex digits; -1: they are none. */
static int
hex4(const char *p, const char *end)
{
	int			value = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++)
	{
		int			d = (unsigned char) p[i];

		if (d >= '0' && d <= '9')
			d -= '0';
		else if ((d | 0x20) >= 'a' && (d | 0x20) <= 'f')
			d = (d | 0x20) - 'a' + 10;
		else
			return -1;
		value = value * 16 + d;
	}
	return value;
}

/*
 * One character of a string as it is written, an escape included: its bytes,
 * and its class. Halves of a surrogate pair are one letter.
 */
static int
string_char(const char *p, const char *end, char *class)
{
	int			n;

	if (*p == '\\' && end - p >= 2)
	{
		int			c = p[1] == 'u' ? hex4(p + 2, end) : -1;

		*class = 0;
		/* what is no escape of JSON's is a backslash, and then a character */
		if (c < 0)
			return strchr("\"\\/bfnrt", p[1]) != NULL && p[1] ? 2 : 1;
		*class = class_of(c);
		if (c >= 0xD800 && c < 0xDC00 && end - p >= 12 && p[6] == '\\' && p[7] == 'u')
			return 12;
		return 6;
	}
	n = char_len(p, end);
	*class = class_at(p, n);
	return n;
}

/* The inside of a string that is a value. Beyond so many characters their
 * number says the rest. */
static void
append_string(StringInfo out, ShareValues share, const char *p, const char *end)
{
	int64		chars = 0;

	if (share == SHARE_NONE)
	{
		char		class;

		while (p < end)
		{
			p += string_char(p, end, &class);
			chars++;
		}
		appendStringInfo(out, "string of " INT64_FORMAT " character%s", chars, chars == 1 ? "" : "s");
		return;
	}
	while (p < end)
	{
		char		class;
		int			n = string_char(p, end, &class);

		if (++chars <= MASK_VALUE_CHARS)
		{
			if (class && share == SHARE_MASKED)
				appendStringInfoChar(out, class);
			else
				append_plain(out, p, n);
		}
		p += n;
	}
	if (chars > MASK_VALUE_CHARS)
		appendStringInfo(out, "... (" INT64_FORMAT " characters)", chars);
}

/* A string, from its opening quote on. */
static void
walk_string(Walk *w)
{
	const char *start = w->p + 1;
	const char *close = string_end(start, w->end);
	bool		key = w->key && w->valid;

	if (!w->valid)
	{
		/* what could be a key is one only if we know it */
		const char *after = close + (close < w->end);

		while (after < w->end && *after == ' ')
			after++;
		key = after < w->end && *after == ':';
	}
	w->p = close + (close < w->end);
	if (w->note)
	{
		if (key)
			mask_note_name(w->note, start, (int) (close - start));
		return;
	}
	appendStringInfoChar(w->out, '"');
	if (key && may_show_key(w->share, w->names, start, (int) (close - start), w->valid))
		appendBinaryStringInfo(w->out, start, (int) (close - start));
	else
		append_string(w->out, key && w->share == SHARE_NONE ? SHARE_MASKED : w->share, start, close);
	if (close < w->end)
		appendStringInfoChar(w->out, '"');
}

/* A number or a word: up to what ends it. */
static void
walk_scalar(Walk *w)
{
	const char *start = w->p;
	int			len;

	while (w->p < w->end && strchr(" \t\r\n,:]}[{\"", *w->p) == NULL)
		w->p += char_len(w->p, w->end);
	if (w->p == start)
		w->p++;					/* a NUL byte, which strchr finds everywhere */
	len = (int) (w->p - start);
	if (w->note)
		return;
	if (w->valid && *start == 'n')
		appendStringInfoString(w->out, "null");
	else if (w->share == SHARE_FULL)
		for (const char *p = start; p < w->p;)
		{
			int			n = char_len(p, w->p);

			append_plain(w->out, p, n);
			p += n;
		}
	else if (w->valid && (*start == 't' || *start == 'f'))
		appendStringInfoString(w->out, w->share == SHARE_NONE ? "\"boolean\"" : "true");
	else if (w->share == SHARE_NONE)
		appendStringInfo(w->out, "\"%s of %d character%s\"", w->valid ? "number" : "text",
						 len, len == 1 ? "" : "s");
	else if (w->valid)
		/* the e of an exponent is part of the notation */
		for (int i = 0; i < len; i++)
			appendStringInfoChar(w->out, start[i] >= '0' && start[i] <= '9' ? '9' : start[i]);
	else
		mask_append(w->out, start, len);
}

/* Walk to the end, or until as many bytes are written. */
static void
walk(Walk *w, int max_bytes)
{
	initStringInfo(&w->open);
	while (w->p < w->end && (w->out == NULL || w->out->len < max_bytes))
	{
		char		c = *w->p;

		switch (c)
		{
			case '"':
				walk_string(w);
				w->key = false;
				continue;
			case '{':
			case '[':
				appendStringInfoChar(&w->open, c);
				w->key = c == '{';
				break;
			case '}':
			case ']':
				if (w->open.len > 0)
					w->open.data[--w->open.len] = '\0';
				w->key = false;
				break;
			case ',':
				w->key = w->open.len > 0 && w->open.data[w->open.len - 1] == '{';
				break;
			case ':':
			case ' ':
			case '\t':
			case '\r':
			case '\n':
				break;
			default:
				walk_scalar(w);
				continue;
		}
		if (w->out)
			appendStringInfoChar(w->out, c);
		w->p++;
	}
	pfree(w->open.data);
}

/* A scalar up to the byte behind it: a number's signs and digits, or one of
 * the three words. NULL: neither. */
static const char *
scalar_end(const char *p, const char *end)
{
	static const char *const words[] = {"true", "false", "null"};
	const char *start = p;

	for (int i = 0; i < (int) lengthof(words); i++)
	{
		size_t		n = strlen(words[i]);

		if ((size_t) (end - p) >= n && memcmp(p, words[i], n) == 0)
		{
			p += n;
			break;
		}
	}
	if (p == start)
		while (p < end && *p && strchr("0123456789+-.eE", *p))
			p++;
	if (p == start || (p < end && (*p == '\0' || strchr(" \t\r\n,]}", *p) == NULL)))
		return NULL;
	return p;
}

/* Is it JSON? Brackets, quotes and scalars in the places where they may be;
 * PostgreSQL's own parser would be exact, but it throws. */
static bool
is_json(const char *payload, int len)
{
	const char *p = payload;
	const char *end = payload + len;
	StringInfoData open;
	bool		value = true;	/* a value may come */
	bool		after = false;	/* one has come */
	bool		key = false;
	bool		comma = false;	/* the last that came */
	bool		good = true;

	initStringInfo(&open);
	for (; p < end && good; p++)
	{
		char		in = open.len > 0 ? open.data[open.len - 1] : 0;

		switch (*p)
		{
			case ' ':
			case '\t':
			case '\r':
			case '\n':
				break;
			case '"':
				p = string_end(p + 1, end);
				good = (value || key) && p < end;
				after = !key;
				/* a colon must follow a key */
				if (key)
				{
					for (p++; p < end && strchr(" \t\r\n", *p) && *p; p++);
					good = p < end && *p == ':';
				}
				value = key;
				key = false;
				break;
			case '{':
			case '[':
				good = value;
				appendStringInfoChar(&open, *p);
				value = *p == '[';
				key = *p == '{';
				after = false;
				comma = false;
				break;
			case '}':
			case ']':
				/* closed after a value, or empty: not after a comma */
				good = in == (*p == '}' ? '{' : '[') && (after || !comma) && !(*p == '}' && value);
				if (good)
					open.data[--open.len] = '\0';
				value = key = false;
				after = true;
				break;
			case ',':
				good = after && in != 0;
				value = in == '[';
				key = in == '{';
				after = false;
				comma = true;
				break;
			default:
				{
					const char *behind = value ? scalar_end(p, end) : NULL;

					good = behind != NULL;
					p = good ? behind - 1 : p;
				}
				value = false;
				after = true;
				break;
		}
	}
	good = good && open.len == 0 && after;
	pfree(open.data);
	return good;
}

static void
walk_begin(Walk *w, const char *payload, int len)
{
	memset(w, 0, sizeof(Walk));
	w->p = payload;
	w->end = payload + len;
	w->valid = is_json(payload, len);
}

/* See the header. */
void
mask_note_keys(MaskNames *names, const char *payload, int len)
{
	Walk		w;

	walk_begin(&w, payload, len);
	if (!w.valid)
		return;
	w.note = names;
	walk(&w, 0);
}

/* Bytes that are no text: which of them are not, and what they are when all
 * may be told. */
static void
append_bytes(StringInfo buf, ShareValues share, const char *bytes, int len, int max)
{
	if (share == SHARE_NONE)
	{
		appendStringInfo(buf, "%d bytes that are no text", len);
		return;
	}
	for (int i = 0; i < len && buf->len < max; i++)
	{
		if (IS_HIGHBIT_SET(bytes[i]) && share == SHARE_FULL)
			appendStringInfo(buf, "\\x%02x", (unsigned char) bytes[i]);
		else if (IS_HIGHBIT_SET(bytes[i]))
			appendStringInfoString(buf, "\\xhh");
		else if (share == SHARE_FULL)
			append_plain(buf, bytes + i, 1);
		else
			mask_append(buf, bytes + i, 1);
	}
}

/* See the header. */
char *
mask_payload(ShareValues share, const MaskNames *names, const char *payload, int len, int max_bytes)
{
	StringInfoData buf;
	Walk		w;
	int			all = len;
	bool		cut;

	initStringInfo(&buf);
	while (len > 0 && strchr(" \t\r\n", payload[len - 1]) && payload[len - 1])
		len--;
	if (!pg_verify_mbstr(GetDatabaseEncoding(), payload, len, true))
	{
		append_bytes(&buf, share, payload, len, max_bytes);
		cut = buf.len >= max_bytes;
	}
	else
	{
		walk_begin(&w, payload, len);
		if (!w.valid && share == SHARE_NONE)
		{
			appendStringInfo(&buf, "text of %d characters that is no JSON",
							 pg_mbstrlen_with_len(payload, len));
			return buf.data;
		}
		w.share = share;
		w.names = names;
		w.out = &buf;
		walk(&w, max_bytes);
		cut = w.p < w.end;
	}
	if (buf.len > max_bytes)
	{
		buf.len = pg_mbcliplen(buf.data, buf.len, max_bytes);
		buf.data[buf.len] = '\0';
		cut = true;
	}
	if (cut)
		appendStringInfo(&buf, "... (%d bytes in all)", all);
	return buf.data;
}

/* See the header. */
char *
mask_shape(const MaskNames *names, const char *payload, int len)
{
	char	   *masked = mask_payload(SHARE_MASKED, names, payload, len, 8192);
	char	   *to = masked;

	for (const char *from = masked; *from; from++)
		if (to == masked || to[-1] != *from || strchr("aA9", *from) == NULL)
			*to++ = *from;
	*to = '\0';
	return masked;
}
