/*
 * alike.c
 *	  Is a new key another spelling of a name that is there already?
 *
 * Each key is compared once, when it is met first, with all columns and with
 * the new keys before it; the few names that are alike are kept with it and
 * taken away again when one payload has both. Keys beyond what a table can
 * have columns are not compared: they become none.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_collation.h"
#include "mb/pg_wchar.h"
#include "orient/alike.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

/* A letter more or less says nothing in a shorter name. */
#define EDIT_MIN_CHARS 4

/* Alike names that are kept with one key. */
#define MAX_CANDIDATES 16

/* A name as it is compared: lower case, without what is between words. */
typedef struct PlainName
{
	const char *name;			/* as written */
	int			n;
	pg_wchar	chars[NAMEDATALEN];
} PlainName;

typedef struct NewKey
{
	PlainName	plain;
	int64		payload;		/* the last one that had it */
	int			n;
	int			candidates[MAX_CANDIDATES]; /* a column's index; a key's
											 * number behind the columns */
} NewKey;

struct Alike
{
	MemoryContext cxt;
	int			ncols;
	PlainName  *cols;
	bool	   *computed;		/* columns that no load fills */
	int			nkeys;			/* met so far; only the first
								 * MaxHeapAttributeNumber are kept */
	NewKey	  **keys;
	int64		payload;		/* number of the one at hand */
};

static bool
is_digit(pg_wchar c)
{
	return c >= '0' && c <= '9';
}

/* Fill a plain name; the written one must live as long. */
static void
make_plain(PlainName *plain, const char *name)
{
	int			len = (int) Min(strlen(name), NAMEDATALEN - 1);
	char	   *lower = str_tolower(name, len, DEFAULT_COLLATION_OID);
	int			lowerlen = (int) strlen(lower);
	pg_wchar   *wide = palloc((lowerlen + 1) * sizeof(pg_wchar));
	int			n = pg_mb2wchar_with_len(lower, wide, lowerlen);

	plain->name = name;
	plain->n = 0;
	for (int i = 0; i < n && plain->n < NAMEDATALEN; i++)
	{
		if (wide[i] == ' ' || wide[i] == '_' || wide[i] == '-' || wide[i] == '.')
			continue;
		plain->chars[plain->n++] = wide[i];
	}
	pfree(wide);
	pfree(lower);
}

/* Is the one edit a change of a number that both names have there? from: the
 * first character that differs; longer and shorter differ in length by more. */
static bool
is_number_edit(const PlainName *longer, const PlainName *shorter, int from, int more)
{
	if (!is_digit(longer->chars[from]))
		return false;
	if (more == 0)
		return is_digit(shorter->chars[from]);
	return (from > 0 && is_digit(longer->chars[from - 1])) ||
		(from + 1 < longer->n && is_digit(longer->chars[from + 1]));
}

/* See the header. */
static bool
plain_alike(const PlainName *a, const PlainName *b)
{
	const PlainName *longer = a->n >= b->n ? a : b;
	const PlainName *shorter = a->n >= b->n ? b : a;
	int			more = longer->n - shorter->n;
	int			from = 0;
	int			rest;

	if (more > 1)
		return false;
	while (from < shorter->n && longer->chars[from] == shorter->chars[from])
		from++;
	if (from == longer->n)
		return true;
	if (shorter->n < EDIT_MIN_CHARS)
		return false;

	/* what follows the edit must be the same */
	rest = shorter->n - from - (1 - more);
	if (memcmp(longer->chars + from + 1, shorter->chars + from + 1 - more,
			   rest * sizeof(pg_wchar)) == 0)
		return !is_number_edit(longer, shorter, from, more);

	/* two neighbours that changed places */
	return more == 0 && from + 1 < shorter->n &&
		longer->chars[from] == shorter->chars[from + 1] &&
		longer->chars[from + 1] == shorter->chars[from] &&
		!(is_digit(longer->chars[from]) && is_digit(longer->chars[from + 1])) &&
		memcmp(longer->chars + from + 2, shorter->chars + from + 2,
			   (shorter->n - from - 2) * sizeof(pg_wchar)) == 0;
}

bool
alike_names(const char *a, const char *b)
{
	PlainName	plain_a;
	PlainName	plain_b;

	make_plain(&plain_a, a);
	make_plain(&plain_b, b);
	return plain_alike(&plain_a, &plain_b);
}

Alike *
alike_begin(const Shape *shape, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Alike	   *a = palloc0(sizeof(Alike));

	a->cxt = cxt;
	a->ncols = shape->ncols;
	a->cols = palloc(sizeof(PlainName) * Max(shape->ncols, 1));
	a->computed = palloc(sizeof(bool) * Max(shape->ncols, 1));
	for (int i = 0; i < shape->ncols; i++)
	{
		make_plain(&a->cols[i], NameStr(shape->cols[i].name));
		a->computed[i] = shape->cols[i].computed;
	}
	a->keys = palloc(sizeof(NewKey *) * MaxHeapAttributeNumber);
	MemoryContextSwitchTo(old);
	return a;
}

static void
add_candidate(NewKey *key, int number)
{
	if (key->n < MAX_CANDIDATES)
		key->candidates[key->n++] = number;
}

int
alike_key(Alike *a, const char *key)
{
	MemoryContext old;
	NewKey	   *k;

	if (a->nkeys >= MaxHeapAttributeNumber)
		return a->nkeys++;
	old = MemoryContextSwitchTo(a->cxt);
	k = palloc0(sizeof(NewKey));
	make_plain(&k->plain, pstrdup(key));
	MemoryContextSwitchTo(old);

	for (int i = 0; i < a->ncols; i++)
	{
		if (!a->computed[i] && plain_alike(&k->plain, &a->cols[i]))
			add_candidate(k, i);
	}
	for (int i = 0; i < a->nkeys; i++)
	{
		if (plain_alike(&k->plain, &a->keys[i]->plain))
			add_candidate(k, a->ncols + i);
	}
	a->keys[a->nkeys] = k;
	return a->nkeys++;
}

void
alike_together(Alike *a, const int *keys, int n, const FitRow *row)
{
	a->payload++;
	for (int i = 0; i < n; i++)
	{
		if (keys[i] < MaxHeapAttributeNumber)
			a->keys[keys[i]]->payload = a->payload;
	}
	for (int i = 0; i < n; i++)
	{
		NewKey	   *k = keys[i] < MaxHeapAttributeNumber ? a->keys[keys[i]] : NULL;
		int			left = 0;

		for (int j = 0; k != NULL && j < k->n; j++)
		{
			int			other = k->candidates[j];
			bool		both = other < a->ncols ?
			row->cells[other].state != CELL_ABSENT :
			a->keys[other - a->ncols]->payload == a->payload;

			if (!both)
				k->candidates[left++] = other;
		}
		if (k != NULL)
			k->n = left;
	}
}

const char *
alike_of(const Alike *a, int key)
{
	const NewKey *k = key < MaxHeapAttributeNumber ? a->keys[key] : NULL;

	if (k == NULL || k->n == 0)
		return NULL;
	return k->candidates[0] < a->ncols ? a->cols[k->candidates[0]].name :
		a->keys[k->candidates[0] - a->ncols]->plain.name;
}
