/*
 * quotes.c
 *	  Quotation marks in messages of any language.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "read/quotes.h"

/* Quotes as languages have them, in UTF-8. Of marks that open in one language
 * and close in another the one that comes first opens. */
static const Quotes quotes[] = {
	{"\"", {"\""}},
	{"'", {"'"}},
	{"`", {"`", "'"}},
	{"\302\253", {"\302\273"}},
	{"\302\273", {"\302\253", "\302\273"}},
	{"\342\200\234", {"\342\200\235"}},
	{"\342\200\235", {"\342\200\235"}},
	{"\342\200\236", {"\342\200\234", "\342\200\235"}},
	{"\342\200\230", {"\342\200\231"}},
	{"\342\200\232", {"\342\200\230", "\342\200\231"}},
	{"\342\200\271", {"\342\200\272"}},
	{"\342\200\272", {"\342\200\271"}},
	{"\343\200\214", {"\343\200\215"}},
	{"\343\200\216", {"\343\200\217"}}
};

static bool
stands(const char *mark, const char *p, const char *end)
{
	return mark != NULL && p < end && *p == *mark && (Size) (end - p) >= strlen(mark) && memcmp(p, mark, strlen(mark)) == 0;
}

/* See the header. */
const Quotes *
quotes_at(const char *p, const char *end)
{
	/* asked of each byte of a message, and most are letters */
	if (p < end && !IS_HIGHBIT_SET(*p) && *p != '"' && *p != '\'' && *p != '`')
		return NULL;
	for (int i = 0; i < (int) lengthof(quotes); i++)
		if (stands(quotes[i].opens, p, end))
			return &quotes[i];
	return NULL;
}

/* A byte of a word: an apostrophe before it closes nothing. */
static bool
is_word(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
}

/* See the header. */
const char *
quotes_close(const Quotes *q, const char *p, const char *end, int *len)
{
	for (; p < end; p++)
		for (int i = 0; i < (int) lengthof(q->closes); i++)
			if (stands(q->closes[i], p, end) &&
				!(*p == '\'' && p + 1 < end && is_word(p[1])))
			{
				*len = (int) strlen(q->closes[i]);
				return p;
			}
	return NULL;
}

/* A blank at p: its length, or 0. */
static int
blank(const char *p, const char *end)
{
	static const char *const blanks[] = {" ", "\302\240", "\342\200\257"};

	for (int i = 0; i < (int) lengthof(blanks); i++)
		if (stands(blanks[i], p, end))
			return (int) strlen(blanks[i]);
	return 0;
}

/* See the header. */
void
quotes_trim(const char **from, const char **to)
{
	while (blank(*from, *to) > 0)
		*from += blank(*from, *to);
	for (int n = 1; n <= 3; n++)
	{
		if (*to - *from > n && blank(*to - n, *to) == n)
		{
			*to -= n;
			n = 0;
		}
	}
}
