/*
 * wording.c
 *	  What the texts of an error say beside its fields.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "orient/wording.h"

/* What COPY shows of a value or line before it clips it. */
#define COPY_SHOWN 100

/* Marks of the server's translations; in other encodings than UTF-8 only the
 * first pair is looked for. */
static const struct
{
	const char *open;
	const char *close;
}			marks[] = {
	{"\"", "\""},
	{"\302\253", "\302\273"},	/* « » */
	{"\302\273", "\302\253"},	/* » « */
	{"\342\200\236", "\342\200\235"},	/* low „ and ” */
	{"\342\200\236", "\342\200\234"},	/* low „ and “ */
	{"\342\200\234", "\342\200\235"},	/* “ ” */
};

static int
nmarks(void)
{
	return GetDatabaseEncoding() == PG_UTF8 ? (int) lengthof(marks) : 1;
}

/* The pair that opens here, or -1. */
static int
opens(const char *s)
{
	for (int i = 0; i < nmarks(); i++)
		if (strncmp(s, marks[i].open, strlen(marks[i].open)) == 0)
			return i;
	return -1;
}

/* Bytes of the character, none of them behind the end of the text. */
static int
step(const char *s)
{
	return (int) strnlen(s, pg_mblen(s));
}

/* The last place of needle, which is not empty, or NULL. */
static const char *
last_of(const char *s, const char *needle)
{
	const char *found = NULL;

	Assert(*needle != '\0');

	for (s = strstr(s, needle); s != NULL; s = strstr(s + 1, needle))
		found = s;
	return found;
}

/*
 * The end of what mark i opens at s, at its last closing mark; of two pairs
 * that open alike the one that closes. *start: behind the mark.
 */
static const char *
closes(const char *s, int i, const char **start)
{
	*start = s + strlen(marks[i].open);
	for (int other = i; other < nmarks(); other++)
	{
		const char *end;

		if (strcmp(marks[other].open, marks[i].open) != 0)
			continue;
		end = last_of(*start, marks[other].close);
		if (end != NULL)
			return end;
	}
	return NULL;
}

static bool
is_space(const char *s)
{
	return *s == ' ' || strncmp(s, "\302\240", 2) == 0 || strncmp(s, "\342\200\257", 3) == 0;
}

/* Without the blanks that French sets inside its marks, which are no part of
 * what is quoted. */
static char *
without_frame(int mark, const char *start, const char *end)
{
	char	   *s;
	char	   *last;

	if (mark != 1)
		return pnstrdup(start, end - start);
	if (is_space(start))
		start += step(start);
	s = pnstrdup(start, Max(end - start, 0));
	last = s;
	for (char *p = s; *p; p += step(p))
		last = p;
	if (is_space(last))
		*last = '\0';
	return s;
}

char *
wording_quoted(const char *text)
{
	if (text == NULL)
		return NULL;
	for (const char *s = text; *s; s += step(s))
	{
		const char *start;
		const char *end;
		int			i = opens(s);

		if (i < 0)
			continue;
		end = closes(s, i, &start);
		return end == NULL ? NULL : without_frame(i, start, end);
	}
	return NULL;
}

static bool
is_word(char c)
{
	return isalnum((unsigned char) c) || c == '_' || IS_HIGHBIT_SET(c);
}

bool
wording_mentions(const char *text, const char *word)
{
	size_t		len = strlen(word);
	const char *open = NULL;
	const char *close = NULL;

	if (text == NULL || len == 0)
		return false;
	for (const char *s = text; *s && open == NULL; s += step(s))
	{
		const char *start;
		int			i = opens(s);

		/* a type's own name may be quoted: that of one "MiXeD" */
		if (i >= 0 && strncmp(s, word, len) != 0)
		{
			open = s;
			close = closes(s, i, &start);
		}
	}
	for (const char *s = strstr(text, word); s != NULL; s = strstr(s + 1, word))
	{
		if (open != NULL && close != NULL && s > open && s < close)
			continue;
		if ((s == text || !is_word(s[-1])) && !is_word(s[len]) && s[len] != '(')
			return true;
	}
	return false;
}

bool
wording_numbers(const char *text, int *first, int *second)
{
	int			found = 0;

	for (const char *s = text; s && *s && found < 2; s++)
	{
		if (!isdigit((unsigned char) *s))
			continue;
		*(found == 0 ? first : second) = atoi(s) * (s > text && s[-1] == '-' ? -1 : 1);
		found++;
		while (isdigit((unsigned char) s[1]))
			s++;
	}
	return found == 2;
}

/* Behind the quoted text that begins here, whose quotes are doubled; NULL: it
 * is cut off. *text: what it says. */
static const char *
quoted_end(const char *s, char **text)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (s++; *s; s++)
	{
		if (*s == '\'' && *++s != '\'')
		{
			*text = buf.data;
			return s;
		}
		appendStringInfoChar(&buf, *s);
	}
	*text = NULL;
	return NULL;
}

/* Does a colon stand before this, but for blanks? */
static bool
behind_colon(const char *start, const char *s)
{
	static const char *const ends[] = {" ", "\302\240", "\342\200\257", ":", "\357\274\232"};
	int			i;

	do
	{
		for (i = 0; i < (int) lengthof(ends); i++)
		{
			size_t		len = strlen(ends[i]);

			if ((size_t) (s - start) >= len && strncmp(s - len, ends[i], len) == 0)
			{
				s -= len;
				break;
			}
		}
	} while (i < 3);
	return i < (int) lengthof(ends);
}

/*
 * Does what the server says of parameters begin with this "$1", and go to the
 * end? "$2 = 'x'", or "$2" alone, is of Bind; ": $1 = 'x', $2 = NULL" lists all.
 */
static bool
is_portal(const char *line, const char *s, int *number, char **value)
{
	const char *t = s + 1 + strspn(s + 1, "0123456789");
	char	   *text = NULL;

	if (strncmp(t, " = ", 3) == 0)
	{
		t += 3;
		if (*t == '\'')
			t = quoted_end(t, &text);
		else if (strncmp(t, "NULL", 4) == 0)
			t += 4;
		else if (opens(t) >= 0)
			t = NULL;
		else
			return false;
		if (t != NULL && *t != '\0' && strncmp(t, ", $", 3) != 0)
			return false;
	}
	else if (*t != '\0')
		return false;
	*number = (t != NULL && *t != '\0') || behind_colon(line, s) ? 0 : atoi(s + 1);
	if (*number > 0 && text != NULL &&
		(strlen(text) < 3 || strcmp(text + strlen(text) - 3, "...") != 0))
		*value = text;
	return true;
}

char *
wording_portal(const char *context, int *number, char **value)
{
	const char *line = context;

	*number = 0;
	*value = NULL;
	for (const char *s = context; s != NULL && *s; s++)
	{
		if (*s == '\n')
			line = s + 1;
		if (*s == '$' && isdigit((unsigned char) s[1]) && is_portal(line, s, number, value))
			return line > context ? pnstrdup(context, line - 1 - context) : NULL;
	}
	return context ? pstrdup(context) : NULL;
}

/* The line's or the column's text, which stands in quotes behind at. */
static void
take_value(const char *at, CopyWhere *out)
{
	const char *end;

	for (; *at && *at != '\n'; at += step(at))
	{
		const char *start;
		int			i = opens(at);

		if (i < 0)
			continue;
		end = closes(at, i, &start);
		if (end == NULL)
			return;
		out->value = without_frame(i, start, end);
		end = out->value + strlen(out->value);
		if (end - out->value >= COPY_SHOWN && strcmp(end - 3, "...") == 0)
			out->clipped = true;
		return;
	}
}

/*
 * Where the context names this column: between a blank and, but for another
 * blank, a colon or the end of the line. NULL: it does not.
 */
static const char *
names_column(const char *s, const char *column)
{
	size_t		len = strlen(column);

	for (const char *at = strstr(s, column); at != NULL; at = strstr(at + 1, column))
	{
		const char *behind = at + len;

		for (const char *p = s; p < at; p += step(p))
			if (opens(p) >= 0)
				return NULL;
		if (at == s || !(at[-1] == ' ' || IS_HIGHBIT_SET(at[-1])))
			continue;
		if (is_space(behind))
			behind += step(behind);
		if (*behind == ':' || *behind == '\0' || *behind == '\n' ||
			strncmp(behind, "\357\274\232", 3) == 0)
			return at + len;
	}
	return NULL;
}

bool
wording_copy(const char *context, const char *table, const List *columns, CopyWhere *out)
{
	char	   *start = psprintf("COPY %s", table);
	const char *s = context;
	const char *behind = NULL;
	ListCell   *lc;

	memset(out, 0, sizeof(*out));
	while (s != NULL && strncmp(s, start, strlen(start)) != 0)
		s = (s = strchr(s, '\n')) ? s + 1 : NULL;
	if (s == NULL || is_word(s[strlen(start)]))
		return false;
	s += strlen(start);
	while (*s && *s != '\n' && !isdigit((unsigned char) *s))
		s++;
	out->line = strtoll(s, NULL, 10);
	while (isdigit((unsigned char) *s))
		s++;
	foreach(lc, columns)
	{
		const char *at = names_column(s, lfirst(lc));

		/* of "b" and "a b" the longer */
		if (at != NULL && (out->column == NULL || strlen(out->column) < strlen(lfirst(lc))))
		{
			out->column = lfirst(lc);
			behind = at;
		}
	}
	take_value(behind ? behind : s, out);
	out->isnull = behind && *behind == ':' && out->value == NULL;
	return true;
}

char *
wording_key(const char *detail, const char *column)
{
	char	   *start = psprintf("(%s)", column);
	const char *s = detail ? strstr(detail, start) : NULL;
	const char *end;

	if (s == NULL)
		return NULL;
	s = strstr(s + strlen(start), "=");
	s = s ? strchr(s, '(') : NULL;
	end = s ? strrchr(s, ')') : NULL;
	return end ? pnstrdup(s + 1, end - s - 1) : NULL;
}

char *
wording_statement(const char *context)
{
	static const char *const words[] = {"insert", "update", "merge", "copy", "with"};
	const char *line = context;

	while (line != NULL && *line)
	{
		for (const char *s = line; *s && *s != '\n'; s += step(s))
		{
			int			i = opens(s);
			const char *start;
			const char *first;
			const char *end;

			if (i < 0)
				continue;
			start = s + strlen(marks[i].open);
			for (first = start; isspace((unsigned char) *first); first++)
				;
			for (int w = 0; w < (int) lengthof(words); w++)
			{
				if (pg_strncasecmp(first, words[w], strlen(words[w])) != 0)
					continue;

				/* it ends with a mark at the end of a line */
				for (end = strstr(start, marks[i].close); end != NULL;
					 end = strstr(end + 1, marks[i].close))
				{
					const char *behind = end + strlen(marks[i].close);

					if (*behind == '\0' || *behind == '\n')
						return pnstrdup(start, end - start);
				}
			}
			break;
		}
		line = strchr(line, '\n');
		if (line)
			line++;
	}
	return NULL;
}

char *
wording_function(const char *context, int *statement)
{
	const char *end = context ? strchr(context, '\n') : NULL;
	char	   *line = context ? pnstrdup(context, end ? (size_t) (end - context) : strlen(context)) : NULL;
	char	   *name = wording_quoted(line);
	const char *behind;

	if (name == NULL || *name == '\0')
		return NULL;
	behind = last_of(line, name) + strlen(name);
	while (*behind && !isdigit((unsigned char) *behind))
		behind++;
	*statement = atoi(behind);
	return *statement > 0 && strchr(name, ' ') == NULL ? name : NULL;
}
