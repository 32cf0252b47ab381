/*
 * json.c
 *	  JSON as far as the bridge reads it.
 *
 * One pass checks a text and needs a bit for each open bracket. Looking for a
 * member afterwards trusts the check: strings end, brackets close.
 */
#include "bridge/json.h"

#include <string.h>

#include "bridge/limits.h"

/* What may come next. */
typedef enum Expect
{
	EXPECT_VALUE,
	EXPECT_ELEMENT,				/* a value, or the end of an array */
	EXPECT_KEY,
	EXPECT_MEMBER,				/* a key, or the end of an object */
	EXPECT_COLON,
	EXPECT_COMMA,				/* or the end of what is open */
	EXPECT_NOTHING
} Expect;

static const char *skip_blanks(const char *at, const char *end);
static const char *check_string(const char *at, const char *end);
static const char *check_number(const char *at, const char *end);
static const char *check_word(const char *at, const char *end);
static const char *skip_string(const char *at, const char *end);
static const char *skip_value(const char *at, const char *end);
static const char *next_char(const char *at, const char *end, unsigned *code);

size_t
json_utf8(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *) text;
	unsigned	code;
	size_t		bytes,
				i;

	if (len == 0)
		return 0;
	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] < 0xe0)
		bytes = 2;
	else if (s[0] >= 0xe0 && s[0] < 0xf0)
		bytes = 3;
	else if (s[0] >= 0xf0 && s[0] < 0xf5)
		bytes = 4;
	else
		return 0;
	if (len < bytes)
		return 0;
	code = s[0] & (0xff >> (bytes + 1));
	for (i = 1; i < bytes; i++)
	{
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = (code << 6) | (s[i] & 0x3f);
	}
	/* spelled longer than need be, half of a pair, beyond Unicode */
	if ((bytes == 3 && code < 0x800) || (bytes == 4 && code < 0x10000) ||
		(code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
		return 0;
	return bytes;
}

JsonVerdict
json_check(const char *text, size_t len)
{
	const char *at = text,
			   *end = text + len;
	bool		object[DEPTH_LIMIT];
	size_t		depth = 0;
	bool		deep = false;
	Expect		expect = EXPECT_VALUE;

	for (;;)
	{
		at = skip_blanks(at, end);
		if (at == end)
			break;

		/*
		 * Where it is too deep nothing is read any more but strings and
		 * brackets, so that the id that may stand behind it is found.
		 */
		if (depth > DEPTH_LIMIT)
		{
			if (*at == '"')
				at = check_string(at, end);
			else if (*at == '{' || *at == '[')
			{
				depth++;
				at++;
			}
			else if (*at == '}' || *at == ']')
			{
				depth--;
				at++;
			}
			else if ((unsigned char) *at < 0x20 || (unsigned char) *at >= 0x7f)
				return JSON_BROKEN;
			else
				at++;
			if (at == NULL)
				return JSON_BROKEN;
			expect = EXPECT_COMMA;
			continue;
		}

		switch (*at)
		{
			case '{':
			case '[':
				if (expect != EXPECT_VALUE && expect != EXPECT_ELEMENT)
					return JSON_BROKEN;
				if (depth < DEPTH_LIMIT)
					object[depth] = (*at == '{');
				else
					deep = true;
				depth++;
				expect = (*at == '{') ? EXPECT_MEMBER : EXPECT_ELEMENT;
				at++;
				break;
			case '}':
			case ']':
				if (depth == 0 || object[depth - 1] != (*at == '}') ||
					(expect != EXPECT_COMMA &&
					 expect != (*at == '}' ? EXPECT_MEMBER : EXPECT_ELEMENT)))
					return JSON_BROKEN;
				depth--;
				expect = (depth == 0) ? EXPECT_NOTHING : EXPECT_COMMA;
				at++;
				break;
			case ':':
				if (expect != EXPECT_COLON)
					return JSON_BROKEN;
				expect = EXPECT_VALUE;
				at++;
				break;
			case ',':
				if (expect != EXPECT_COMMA)
					return JSON_BROKEN;
				expect = object[depth - 1] ? EXPECT_KEY : EXPECT_VALUE;
				at++;
				break;
			case '"':
				if (expect == EXPECT_KEY || expect == EXPECT_MEMBER)
					expect = EXPECT_COLON;
				else if (expect == EXPECT_VALUE || expect == EXPECT_ELEMENT)
					expect = (depth == 0) ? EXPECT_NOTHING : EXPECT_COMMA;
				else
					return JSON_BROKEN;
				at = check_string(at, end);
				break;
			default:
				if (expect != EXPECT_VALUE && expect != EXPECT_ELEMENT)
					return JSON_BROKEN;
				expect = (depth == 0) ? EXPECT_NOTHING : EXPECT_COMMA;
				if (*at == '-' || (*at >= '0' && *at <= '9'))
					at = check_number(at, end);
				else
					at = check_word(at, end);
				break;
		}
		if (at == NULL)
			return JSON_BROKEN;
	}
	if (expect != EXPECT_NOTHING || depth > 0)
		return JSON_BROKEN;
	return deep ? JSON_TOO_DEEP : JSON_FINE;
}

static const char *
skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n'))
		at++;
	return at;
}

/* Four hexadecimal digits, or false. */
static bool
hex4(const char *at, const char *end, unsigned *code)
{
	int			i;

	if (end - at < 4)
		return false;
	*code = 0;
	for (i = 0; i < 4; i++)
	{
		unsigned	digit;

		if (at[i] >= '0' && at[i] <= '9')
			digit = at[i] - '0';
		else if (at[i] >= 'a' && at[i] <= 'f')
			digit = at[i] - 'a' + 10;
		else if (at[i] >= 'A' && at[i] <= 'F')
			digit = at[i] - 'A' + 10;
		else
			return false;
		*code = *code * 16 + digit;
	}
	return true;
}

/* From the quote that begins a string to behind the one that ends it, or NULL. */
static const char *
check_string(const char *at, const char *end)
{
	for (at++; at < end;)
	{
		unsigned char c = (unsigned char) *at;
		unsigned	code;
		size_t		bytes;

		if (c == '"')
			return at + 1;
		if (c == '\\')
		{
			if (end - at < 2)
				return NULL;
			if (at[1] == 'u')
			{
				if (!hex4(at + 2, end, &code))
					return NULL;
				bytes = 6;
			}
			else if (at[1] == '\0' || strchr("\"\\/bfnrt", at[1]) == NULL)
				return NULL;
			else
				bytes = 2;
		}
		else if (c < 0x20 || (bytes = json_utf8(at, end - at)) == 0)
			return NULL;
		at += bytes;
	}
	return NULL;
}

static const char *
skip_digits(const char *at, const char *end)
{
	const char *from = at;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return (at == from) ? NULL : at;
}

static const char *
check_number(const char *at, const char *end)
{
	if (*at == '-')
		at++;
	if (at < end && *at == '0')
		at++;
	else if ((at = skip_digits(at, end)) == NULL)
		return NULL;
	if (at < end && *at == '.' && (at = skip_digits(at + 1, end)) == NULL)
		return NULL;
	if (at < end && (*at == 'e' || *at == 'E'))
	{
		at++;
		if (at < end && (*at == '+' || *at == '-'))
			at++;
		at = skip_digits(at, end);
	}
	return at;
}

static const char *
check_word(const char *at, const char *end)
{
	static const char *const words[] = {"true", "false", "null"};
	int			i;

	for (i = 0; i < 3; i++)
	{
		size_t		len = strlen(words[i]);

		if ((size_t) (end - at) >= len && memcmp(at, words[i], len) == 0)
			return at + len;
	}
	return NULL;
}

Span
json_value(const char *text, size_t len)
{
	const char *end = text + len;
	Span		value;

	text = skip_blanks(text, end);
	while (end > text && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r' || end[-1] == '\n'))
		end--;
	value.at = (end > text) ? text : NULL;
	value.len = end - text;
	return value;
}

/* The text was checked: a quote follows. */
static const char *
skip_string(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
	{
		if (*at == '\\')
			at++;
	}
	return at < end ? at + 1 : end;
}

static const char *
skip_value(const char *at, const char *end)
{
	size_t		depth = 0;

	do
	{
		if (*at == '"')
			at = skip_string(at, end);
		else
		{
			if (*at == '{' || *at == '[')
				depth++;
			else if (*at == '}' || *at == ']')
				depth--;
			at++;
			/* a number or a word ends where something else begins */
			if (depth == 0 && at[-1] != '}' && at[-1] != ']')
			{
				while (at < end && strchr(" \t\r\n,]}", *at) == NULL)
					at++;
			}
		}
	} while (depth > 0 && at < end);
	return at;
}

Span
json_member(Span object, const char *key)
{
	Span		found = {NULL, 0};
	const char *at,
			   *end;

	if (object.at == NULL || *object.at != '{')
		return found;
	end = object.at + object.len;
	at = skip_blanks(object.at + 1, end);
	while (at < end && *at == '"')
	{
		Span		name;
		const char *from;

		name.at = at;
		at = skip_string(at, end);
		name.len = at - name.at;
		at = skip_blanks(at, end);	/* the colon */
		from = skip_blanks(at + 1, end);
		at = skip_value(from, end);
		if (json_string_is(name, key))
		{
			found.at = from;
			found.len = at - from;
		}
		at = skip_blanks(at, end);
		if (at < end && *at == ',')
			at = skip_blanks(at + 1, end);
	}
	return found;
}

bool
json_next(Span array, size_t *at, Span *element)
{
	const char *from,
			   *end;

	if (array.at == NULL || *array.at != '[')
		return false;
	end = array.at + array.len;
	from = skip_blanks(array.at + (*at == 0 ? 1 : *at), end);
	if (from < end && *from == ',')
		from = skip_blanks(from + 1, end);
	if (from >= end || *from == ']')
		return false;
	element->at = from;
	from = skip_value(from, end);
	element->len = from - element->at;
	*at = from - array.at;
	return true;
}

/* One character of a string's inside, escapes understood. */
static const char *
next_char(const char *at, const char *end, unsigned *code)
{
	static const char from[] = "bfnrt",
				to[] = "\b\f\n\r\t";
	const char *plain;

	*code = (unsigned char) *at++;
	if (*code != '\\' || at >= end)
		return at;
	if (*at == 'u' && hex4(at + 1, end, code))
		return at + 5;
	plain = strchr(from, *at);
	*code = (plain != NULL) ? (unsigned) to[plain - from] : (unsigned char) *at;
	return at + 1;
}

bool
json_is_string(Span value)
{
	return value.at != NULL && *value.at == '"';
}

/* Only for texts of ours, which are ASCII. */
bool
json_string_is(Span value, const char *text)
{
	const char *at,
			   *end;
	unsigned	code;

	if (!json_is_string(value))
		return false;
	at = value.at + 1;
	end = value.at + value.len - 1;
	while (at < end)
	{
		at = next_char(at, end, &code);
		if (*text == '\0' || code != (unsigned char) *text)
			return false;
		text++;
	}
	return *text == '\0';
}

bool
json_is_number(Span value)
{
	return value.at != NULL && (*value.at == '-' || (*value.at >= '0' && *value.at <= '9'));
}

bool
json_is_integer(Span value)
{
	size_t		i;

	if (!json_is_number(value))
		return false;
	for (i = 1; i < value.len; i++)
	{
		if (value.at[i] < '0' || value.at[i] > '9')
			return false;
	}
	return true;
}

/*
 * A character spelled \u00e9 here and as itself there is not the same: it is
 * the client who spells both, and it does so in one way.
 */
bool
json_same(Span one, Span other)
{
	const char *a,
			   *b;

	if (one.at == NULL || other.at == NULL)
		return false;
	if (!json_is_string(one) || !json_is_string(other))
		return one.len == other.len && memcmp(one.at, other.at, one.len) == 0;
	a = one.at + 1;
	b = other.at + 1;
	while (a < one.at + one.len - 1 && b < other.at + other.len - 1)
	{
		unsigned	in_a,
					in_b;

		a = next_char(a, one.at + one.len - 1, &in_a);
		b = next_char(b, other.at + other.len - 1, &in_b);
		if (in_a != in_b)
			return false;
	}
	return a == one.at + one.len - 1 && b == other.at + other.len - 1;
}
