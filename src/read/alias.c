/*
 * alias.c
 *	  Keys of a payload that are no column and go elsewhere.
 *
 * A hash by the bytes of the key, with places that are tried one after the
 * other. It grows with what is put in and lives as long as its shape.
 */
#include "postgres.h"

#include "read/alias.h"
#include "read/shape.h"
#include "common/hashfn.h"
#include "utils/memutils.h"

typedef struct AliasEntry
{
	char	   *key;
	int			len;
	int			col;			/* index into shape->cols, FIT_NOWHERE, or one
								 * of the header's */
	int			number;			/* of the mapping that says so, or -1 */
} AliasEntry;

/* Places of a document at which keys are remembered. */
#define ALIAS_PLACES 64

struct AliasTable
{
	int			n;
	int			max;
	AliasEntry *entries;
	uint32		mask;
	int		   *slots;			/* index of an entry, -1 = empty */
	bool		shared;			/* two keys go to one column */
	int			expected[ALIAS_PLACES]; /* by place: the entry that stood
										 * there last, counted from 1 */
};

static uint32
hash_key(const char *key, int len)
{
	return hash_bytes((const unsigned char *) key, len);
}

/* The slot that has this key, or the empty one where it belongs. */
static int *
find_slot(const AliasTable *t, const char *key, int len)
{
	uint32		at = hash_key(key, len) & t->mask;

	for (; t->slots[at] >= 0; at = (at + 1) & t->mask)
	{
		const AliasEntry *e = &t->entries[t->slots[at]];

		if (e->len == len && memcmp(e->key, key, len) == 0)
			break;
	}
	return &t->slots[at];
}

/* Room for one entry more; at most half of the slots are taken. */
static void
make_room(Shape *shape, AliasTable *t)
{
	if (t->n < t->max)
		return;
	t->max = t->max == 0 ? 8 : t->max * 2;
	if (t->entries == NULL)
		t->entries = MemoryContextAlloc(shape->cxt, t->max * sizeof(AliasEntry));
	else
	{
		t->entries = repalloc(t->entries, t->max * sizeof(AliasEntry));
		pfree(t->slots);
	}
	t->mask = (uint32) t->max * 2 - 1;
	t->slots = MemoryContextAlloc(shape->cxt, (t->mask + 1) * sizeof(int));
	memset(t->slots, -1, (t->mask + 1) * sizeof(int));
	for (int i = 0; i < t->n; i++)
		*find_slot(t, t->entries[i].key, t->entries[i].len) = i;
}

/* See the header. */
void
alias_enter(Shape *shape, const char *key, int len, int col, int number)
{
	AliasTable *t = shape->aliases;
	AliasEntry *e;
	int		   *slot;

	if (t == NULL)
		t = shape->aliases = MemoryContextAllocZero(shape->cxt, sizeof(AliasTable));
	make_room(shape, t);
	slot = find_slot(t, key, len);
	if (*slot < 0)
	{
		e = &t->entries[t->n];
		e->key = MemoryContextAlloc(shape->cxt, len + 1);
		memcpy(e->key, key, len);
		e->key[len] = '\0';
		e->len = len;
		*slot = t->n++;
	}
	for (int i = 0; i < t->n; i++)
		t->shared |= i != *slot && col >= 0 && t->entries[i].col == col;
	t->entries[*slot].col = col;
	t->entries[*slot].number = number;
}

void
fit_alias(Shape *shape, const char *key, int len, int col)
{
	alias_enter(shape, key, len, col, -1);
}

void
fit_hinted(Shape *shape, const char *key, int len)
{
	int			col = fit_column(shape, key, len);

	if (col >= 0)
		shape->work->cols[col].hinted = true;
	else
		fit_alias(shape, key, len, ALIAS_HINTED);
}

int
alias_column(const Shape *shape, const char *key, int len, int *number)
{
	const AliasTable *t = shape->aliases;
	int			slot = t == NULL ? -1 : *find_slot(t, key, len);

	if (number)
		*number = slot < 0 ? -1 : t->entries[slot].number;
	return slot < 0 ? ALIAS_UNKNOWN : t->entries[slot].col;
}

/* What was expected at this place, if it is this key; else NULL. */
static inline const AliasEntry *
expected_at(const AliasTable *t, const JsonField *field, int at)
{
	const AliasEntry *e;

	if (at >= ALIAS_PLACES || t->expected[at] == 0)
		return NULL;
	e = &t->entries[t->expected[at] - 1];
	return e->len == field->keylen && memcmp(e->key, field->key, e->len) == 0 ? e : NULL;
}

bool
alias_expected(const Shape *shape, const JsonField *field, int at)
{
	return shape->aliases != NULL && expected_at(shape->aliases, field, at) != NULL;
}

int
alias_field(const Shape *shape, const JsonField *field, int at, int *number)
{
	AliasTable *t = shape->aliases;
	const AliasEntry *e;
	int			slot;

	*number = -1;
	if (t == NULL)
		return ALIAS_UNKNOWN;
	e = expected_at(t, field, at);
	if (e == NULL)
	{
		slot = *find_slot(t, field->key, field->keylen);
		if (slot < 0)
			return ALIAS_UNKNOWN;
		if (at < ALIAS_PLACES)
			t->expected[at] = slot + 1;
		e = &t->entries[slot];
	}
	*number = e->number;
	return e->col;
}

int
alias_rival(const Shape *shape, const JsonDoc *doc, int at, int col)
{
	const char *name = NameStr(shape->cols[col].name);
	int			namelen = shape->work->cols[col].namelen;

	for (int i = 0; i < doc->nfields; i++)
	{
		const JsonField *field = &doc->fields[i];

		if (field->keylen == namelen && field->key[0] == name[0] && i != at &&
			memcmp(field->key, name, namelen) == 0)
			return i;
	}
	for (int i = 0; shape->aliases->shared && i < at; i++)
	{
		const JsonField *field = &doc->fields[i];

		if (alias_column(shape, field->key, field->keylen, NULL) == col &&
			fit_column(shape, field->key, field->keylen) < 0)
			return i;
	}
	return -1;
}
