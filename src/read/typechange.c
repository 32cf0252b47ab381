/*
 * typechange.c
 *	  Does what fitted one type fit another?
 */
#include "postgres.h"

#include <limits.h>

#include "read/typechange.h"

/* A type without its modifiers, which are -1 where none are given. */
typedef struct TypeWords
{
	char		name[NAMEDATALEN + 32];
	int			first;
	int			second;
	int			dimensions;
} TypeWords;

/* Types that hold whole numbers of so many digits; the last has any. */
static const struct
{
	const char *name;
	int			digits;
}			integers[] = {
	{"smallint", 5},
	{"integer", 10},
	{"bigint", 19},
};

/* Scalars whose every value can be written as a word and means no more. */
static const char *const plain[] = {
	"smallint", "integer", "bigint", "numeric", "real", "double precision", "boolean", "uuid", "date",
	"timestamp without time zone", "timestamp with time zone", "time without time zone",
	"time with time zone", "interval", "inet", "cidr", "macaddr", "macaddr8"
};

/* Whose first modifier is a count of digits of a second, of six. */
static const char *const clocks[] = {
	"timestamp without time zone", "timestamp with time zone", "time without time zone",
	"time with time zone", "interval"
};

/* One type whose values are among those of another. */
static const struct
{
	const char *narrow;
	const char *wide;
}			within[] = {
	{"real", "double precision"},
	{"smallint", "real"},
	{"smallint", "double precision"},
	{"integer", "double precision"},
	{"date", "timestamp without time zone"},
	{"jsonb", "json"},
	{"cidr", "inet"},
	{"macaddr", "macaddr8"},
};

/* Take a type apart; false for one that is longer than any of the server's. */
static bool
read_words(const char *type, TypeWords *out)
{
	size_t		len = strlen(type);
	const char *open;
	const char *shut;

	out->first = -1;
	out->second = 0;
	out->dimensions = 0;
	while (len > 2 && strncmp(type + len - 2, "[]", 2) == 0)
	{
		len -= 2;
		out->dimensions++;
	}
	if (len >= sizeof(out->name))
		return false;
	memcpy(out->name, type, len);
	out->name[len] = '\0';
	open = strchr(out->name, '(');
	shut = open ? strchr(open, ')') : NULL;
	if (shut != NULL && out->name[0] != '"')
	{
		if (sscanf(open, "(%d,%d)", &out->first, &out->second) < 1)
			return false;
		memmove(out->name + (open - out->name), shut + 1, strlen(shut + 1) + 1);
	}
	return true;
}

static bool
is_one_of(const char *name, const char *const *list, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (strcmp(list[i], name) == 0)
			return true;
	}
	return false;
}

/* Digits of a type of whole numbers, or 0. */
static int
integer_digits(const char *name)
{
	for (int i = 0; i < (int) lengthof(integers); i++)
	{
		if (strcmp(integers[i].name, name) == 0)
			return integers[i].digits;
	}
	return 0;
}

static TypeChange
by_size(int was, int now)
{
	return now == was ? TYPE_SAME : now > was ? TYPE_WIDENED : TYPE_NARROWED;
}

/* Length of a word type; INT_MAX: any; 0: no word type. */
static int
word_length(const TypeWords *type)
{
	if (strcmp(type->name, "text") == 0)
		return INT_MAX;
	if (strcmp(type->name, "character varying") == 0 || strcmp(type->name, "character") == 0)
		return type->first < 0 ? INT_MAX : type->first;
	return 0;
}

static TypeChange
words_change(const TypeWords *was, const TypeWords *now)
{
	bool		pads = strcmp(now->name, "character") == 0;
	TypeChange	change = by_size(word_length(was), word_length(now));

	if (pads && strcmp(was->name, "character") != 0)
		return TYPE_OTHER;		/* blanks come to it */
	/* text and varchar without a length are two names of the same */
	if (change == TYPE_SAME && strcmp(was->name, now->name) != 0)
		return TYPE_WIDENED;
	return change;
}

static TypeChange
numbers_change(const TypeWords *was, const TypeWords *now)
{
	int			whole_was = integer_digits(was->name);
	int			whole_now = integer_digits(now->name);
	int			scale_was = 0;
	int			scale_now = 0;

	if (whole_was > 0 && whole_now > 0)
		return by_size(whole_was, whole_now);
	if (whole_now == 0 && now->first < 0)
		return was->first < 0 && whole_was == 0 ? TYPE_SAME : TYPE_WIDENED;
	if (whole_was == 0 && was->first < 0)
		return TYPE_NARROWED;
	if (whole_now > 0)
		whole_now--;			/* of numbers of ten digits some are too big */
	else
	{
		scale_now = now->second;
		whole_now = now->first - scale_now;
	}
	if (whole_was == 0)
	{
		scale_was = was->second;
		whole_was = was->first - scale_was;
	}
	if (whole_was == whole_now && scale_was == scale_now)
		return strcmp(was->name, now->name) == 0 ? TYPE_SAME : TYPE_WIDENED;
	return whole_now >= whole_was && scale_now >= scale_was ? TYPE_WIDENED : TYPE_NARROWED;
}

/* See the header. */
TypeChange
type_change(const char *was, const char *now)
{
	TypeWords	a;
	TypeWords	b;

	if (strcmp(was, now) == 0)
		return TYPE_SAME;
	if (!read_words(was, &a) || !read_words(now, &b) || a.dimensions != b.dimensions)
		return TYPE_OTHER;
	if (word_length(&a) > 0 && word_length(&b) > 0)
		return words_change(&a, &b);
	if ((integer_digits(a.name) > 0 || strcmp(a.name, "numeric") == 0) &&
		(integer_digits(b.name) > 0 || strcmp(b.name, "numeric") == 0))
		return numbers_change(&a, &b);
	if (strcmp(a.name, b.name) == 0)
	{
		if (is_one_of(a.name, clocks, lengthof(clocks)))
			return by_size(a.first < 0 ? 6 : a.first, b.first < 0 ? 6 : b.first);
		if (strcmp(a.name, "bit varying") == 0)
			return by_size(a.first < 0 ? INT_MAX : a.first, b.first < 0 ? INT_MAX : b.first);
		return TYPE_OTHER;
	}
	for (int i = 0; i < (int) lengthof(within); i++)
	{
		if (strcmp(a.name, within[i].narrow) == 0 && strcmp(b.name, within[i].wide) == 0)
			return b.first < 0 ? TYPE_WIDENED : TYPE_OTHER;
		if (strcmp(b.name, within[i].narrow) == 0 && strcmp(a.name, within[i].wide) == 0)
			return TYPE_NARROWED;
	}
	if (strcmp(a.name, "real") == 0 || strcmp(a.name, "double precision") == 0)
	{
		if (strcmp(b.name, "numeric") == 0)
			return b.first < 0 ? TYPE_WIDENED : TYPE_NARROWED;
		if (integer_digits(b.name) > 0)
			return TYPE_NARROWED;
	}
	if (a.dimensions == 0 && word_length(&b) == INT_MAX && is_one_of(a.name, plain, lengthof(plain)))
		return TYPE_WIDENED;
	return TYPE_OTHER;
}

/* See the header. */
bool
type_is_word(const char *type)
{
	TypeWords	words;

	return read_words(type, &words) && words.dimensions == 0 && word_length(&words) > 0;
}
