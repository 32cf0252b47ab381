/*
 * rulechange.c
 *	  Does a constraint refuse more than it did?
 */
#include "postgres.h"

#include "nodes/pg_list.h"
#include "read/rulechange.h"

static bool
ends_with(const char *text, const char *tail)
{
	size_t		n = strlen(text);
	size_t		m = strlen(tail);

	return n >= m && strcmp(text + n - m, tail) == 0;
}

/* A definition without the mark that stored rows were not looked at. */
static char *
without_not_valid(const char *definition)
{
	static const char mark[] = " NOT VALID";
	size_t		n = strlen(definition);

	return pnstrdup(definition, ends_with(definition, mark) ? n - strlen(mark) : n);
}

/* See the header. */
bool
rule_is_enforced(const char *definition)
{
	return !ends_with(definition, " NOT ENFORCED");
}

/* The elements of a list that ends with ]; *tail is what follows it. */
static List *
list_elements(const char *list, const char **tail)
{
	List	   *result = NIL;
	const char *from = list;
	int			depth = 0;

	for (const char *p = list; *p != '\0'; p++)
	{
		if (*p == '\'')
		{
			/* a doubled quote ends one word and begins another: no harm */
			for (p++; *p != '\0' && *p != '\''; p++)
				;
			if (*p == '\0')
				break;
		}
		else if (*p == '(' || *p == '[')
			depth++;
		else if (depth > 0 && (*p == ')' || *p == ']'))
			depth--;
		else if (depth == 0 && (*p == ',' || *p == ']'))
		{
			while (*from == ' ')
				from++;
			result = lappend(result, pnstrdup(from, p - from));
			from = p + 1;
			if (*p == ']')
			{
				*tail = from;
				return result;
			}
		}
	}
	return NIL;
}

/*
 * CHECK (x IN (...)) that has more literals than before: it allows more. Only
 * where nothing stands around it that could turn that about.
 */
static bool
allows_more(const char *was, const char *now)
{
	static const char any[] = " = ANY (ARRAY[";
	const char *a = strstr(was, any);
	const char *b = strstr(now, any);
	const char *tail_a = NULL;
	const char *tail_b = NULL;
	List	   *old;
	List	   *new;
	ListCell   *lc;

	if (a == NULL || b == NULL || a - was != b - now || strncmp(was, now, a - was) != 0 ||
		strspn(was, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_(): .") < (size_t) (a - was))
		return false;
	for (const char *p = was; p + 4 <= a; p++)
	{
		if (strncmp(p, "NOT ", 4) == 0)
			return false;
	}
	old = list_elements(a + strlen(any), &tail_a);
	new = list_elements(b + strlen(any), &tail_b);
	if (old == NIL || new == NIL || strcmp(tail_a, tail_b) != 0 || strspn(tail_a, ")") != strlen(tail_a))
		return false;
	foreach(lc, old)
	{
		bool		found = false;
		ListCell   *other;

		foreach(other, new)
			found |= strcmp(lfirst(lc), lfirst(other)) == 0;
		if (!found)
			return false;
	}
	return true;
}

/* See the header. */
bool
rule_refuses_more(const char *was, const char *now)
{
	char	   *a = without_not_valid(was);
	char	   *b = without_not_valid(now);

	return rule_is_enforced(now) && strcmp(a, b) != 0 && !allows_more(a, b);
}
