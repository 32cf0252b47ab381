/*
 * documents.c
 *	  JSON documents, nearly right or nearly wrong, by a seed.
 */
#include "documents.h"

#include <stdio.h>
#include <string.h>

#define COUNT(array) (uint32_t) (sizeof(array) / sizeof((array)[0]))

uint32_t
dice(Dice *d, uint32_t n)
{
	/* xorshift64*: good enough, and the same everywhere */
	d->state ^= d->state >> 12;
	d->state ^= d->state << 25;
	d->state ^= d->state >> 27;
	return (uint32_t) ((d->state * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

void
document_put(Out *out, const void *bytes, size_t len)
{
	if (len > out->size - out->len)
		len = out->size - out->len;
	if (len > 0)
		memcpy(out->data + out->len, bytes, len);
	out->len += len;
}

static void
put(Out *out, const char *text)
{
	document_put(out, text, strlen(text));
}

/* Mostly none. */
static void
blanks(Dice *d, Out *out)
{
	static const char *const some[] = {" ", "  ", "\t", "\n", "\r\n", " \t\r\n ", "\v", "\xC2\xA0"};

	if (dice(d, 6) == 0)
		put(out, some[dice(d, dice(d, 20) ? 6 : COUNT(some))]);
}

/* A piece of a string's inside; the last ones are not allowed there. */
static const char *const pieces[] = {
	"a", "id", "name", "0123456", "01234567", "a sentence of more than sixteen bytes",
	"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\x7F", "/", "'", " ", "",
	"\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t",
	"\\u0041", "\\u00e9", "\\u00FF", "\\u0100", "\\u20ac", "\\uFFFF", "\\u007f", "\\u0001", "\\ud83d\\ude00", "\\uDBFF\\uDFFF",
	"\\u0000", "\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x", "\\ud83d\\u0041", "\\ud83d\\n",
	"\\", "\\x", "\\u", "\\u12", "\\u12g4", "\\U0041", "\"", "\n", "\t", "\x01", "\x1F", "\xFF", "\xC3", "\xED\xA0\x80"
};
#define GOOD_PIECES 32
#define SOFT_PIECES 39

/* Plain bytes with any one byte among them: the scanner takes eight at once. */
static void
run(Dice *d, Out *out)
{
	uint8_t		bytes[24];
	uint32_t	n = 8 + dice(d, 17);

	memset(bytes, 'x', n);
	bytes[dice(d, n)] = (uint8_t) (dice(d, 2) ? dice(d, 0x24) : dice(d, 0x100));
	document_put(out, bytes, n);
}

static void
string(Dice *d, Out *out)
{
	uint32_t	n = dice(d, 4) ? dice(d, 3) : dice(d, 12);
	uint32_t	kinds = dice(d, 8) ? (dice(d, 2) ? 14 : GOOD_PIECES) :
	dice(d, 3) ? SOFT_PIECES : COUNT(pieces);

	put(out, "\"");
	if (kinds == COUNT(pieces) && dice(d, 2))
		run(d, out);
	while (n-- > 0)
	{
		if (kinds == COUNT(pieces) && dice(d, 60) == 0)
			document_put(out, "\0", 1);
		else
			put(out, pieces[dice(d, kinds)]);
	}
	put(out, "\"");
}

static void
number(Dice *d, Out *out)
{
	static const char *const odd[] = {
		"0", "-0", "0.0", "-0.0e-0", "1e5", "1E+5", "1e-5", "9223372036854775807", "9223372036854775808",
		"-9223372036854775809", "2147483648", "1.7976931348623157e308", "1e400", "1e-400", "1e99999", "1e999999999999",
		"0.1000", "100000000000000000000000000000.000000000000000001", "5e-324",
		"00", "01", "-", "+1", ".5", "5.", "1e", "1e+", "0x1F", "1_000", "NaN", "Infinity", "--1", "1.2.3", "1e5.5"
	};
	char		text[32];
	uint32_t	i;

	switch (dice(d, 6))
	{
		case 0:
			put(out, odd[dice(d, dice(d, 8) ? 19 : COUNT(odd))]);
			break;
		case 1:
			if (dice(d, 40) != 0)
			{
				put(out, "7");
				break;
			}
			/* around the thousand digits from which a number is wild */
			put(out, "1");
			for (i = 995 + dice(d, 10); i > 0; i--)
				put(out, "2");
			break;
		case 2:
			snprintf(text, sizeof(text), "%s%u.%u", dice(d, 2) ? "-" : "", dice(d, 100000), dice(d, 1000));
			put(out, text);
			break;
		default:
			snprintf(text, sizeof(text), "%u", dice(d, 1000));
			put(out, text);
			break;
	}
}

/* Many brackets, around as many as are allowed. */
static void
nest(Dice *d, Out *out)
{
	uint32_t	n = dice(d, 3) ? dice(d, 40) : 996 + dice(d, 8);
	uint32_t	closed = dice(d, 20) ? n : dice(d, n + 1);
	int			object = dice(d, 4) == 0;
	uint32_t	i;

	for (i = 0; i < n; i++)
		put(out, object ? "{\"\":" : "[");
	if (object || dice(d, 2))
		put(out, "1");
	for (i = 0; i < closed; i++)
		put(out, object ? "}" : "]");
}

void
document_value(Dice *d, Out *out, int depth)
{
	static const char *const words[] = {"true", "false", "null", "True", "nul", "nullx", "tru", "undefined", "'a'", ""};
	uint32_t	n;

	switch (dice(d, depth > 6 ? 6 : 9))
	{
		case 0:
		case 1:
			string(d, out);
			break;
		case 2:
		case 3:
			number(d, out);
			break;
		case 4:
		case 5:
			put(out, words[dice(d, dice(d, 30) ? 3 : COUNT(words))]);
			break;
		case 6:
			n = dice(d, 4);
			put(out, "[");
			blanks(d, out);
			for (uint32_t i = 0; i < n; i++)
			{
				document_value(d, out, depth + 1);
				blanks(d, out);
				if (i + 1 < n || dice(d, 60) == 0)
					put(out, ",");
				blanks(d, out);
			}
			put(out, dice(d, 60) ? "]" : "}");
			break;
		case 7:
			n = dice(d, 4);
			put(out, "{");
			blanks(d, out);
			for (uint32_t i = 0; i < n; i++)
			{
				document_field(d, out, depth + 1);
				if (i + 1 < n || dice(d, 60) == 0)
					put(out, ",");
				blanks(d, out);
			}
			put(out, dice(d, 60) ? "}" : "]");
			break;
		default:
			if (dice(d, 10) == 0)
				nest(d, out);
			else
				string(d, out);
			break;
	}
}

void
document_field(Dice *d, Out *out, int depth)
{
	static const char *const keys[] = {
		"\"id\"", "\"a\"", "\"b\"", "\"name\"", "\"payload\"", "\"\"", "\"A\"", "\"\\u0061\"", "\"\xC3\xA9\"", "\"\\u00e9\"",
		"\"a key that is longer than the sixty-three bytes that a name may have in PostgreSQL\"", "\"a\\\"b\"",
		"a", "1", "'a'", ""
	};

	if (dice(d, 5) == 0)
		string(d, out);
	else
		put(out, keys[dice(d, dice(d, 40) ? 12 : COUNT(keys))]);
	blanks(d, out);
	if (dice(d, 80))
		put(out, ":");
	blanks(d, out);
	document_value(d, out, depth);
	blanks(d, out);
}

void
document_make(Dice *d, Out *out)
{
	uint32_t	n = dice(d, 3) ? dice(d, 6) : dice(d, 3) ? dice(d, 30) : dice(d, 150);

	blanks(d, out);
	if (dice(d, 25) == 0)
		document_value(d, out, 0);
	else
	{
		put(out, "{");
		blanks(d, out);
		for (uint32_t i = 0; i < n; i++)
		{
			document_field(d, out, 0);
			if (i + 1 < n || dice(d, 100) == 0)
				put(out, ",");
			blanks(d, out);
		}
		put(out, "}");
	}
	blanks(d, out);
	if (dice(d, 50) == 0)
		document_value(d, out, 5);
}

/* Where the string that starts here ends. */
static size_t
string_end(const uint8_t *data, size_t len, size_t at)
{
	for (at++; at < len && data[at] != '"'; at++)
		if (data[at] == '\\')
			at++;
	return at < len ? at + 1 : len;
}

static int
add_span(Span *spans, int n, size_t start, size_t end)
{
	spans[n].start = start;
	spans[n].end = end;
	return n + 1;
}

int
document_spans(const uint8_t *data, size_t len, Span *spans, int max)
{
	static const char plain[] = "+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	int			open[64];
	int			depth = 0;
	int			n = 0;
	size_t		at = 0;

	while (at < len && n < max)
	{
		size_t		start = at;

		switch (data[at])
		{
			case '{':
			case '[':
				if (depth < 64)
				{
					open[depth++] = n;
					n = add_span(spans, n, start, len);
				}
				at++;
				break;
			case '}':
			case ']':
				at++;
				if (depth > 0)
					spans[open[--depth]].end = at;
				break;
			case '"':
				at = string_end(data, len, at);
				n = add_span(spans, n, start, at);
				break;
			default:
				while (at < len && data[at] != 0 && strchr(plain, data[at]))
					at++;
				if (at > start)
					n = add_span(spans, n, start, at);
				else
					at++;
				break;
		}
	}
	return n;
}
