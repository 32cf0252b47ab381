/*
 * jsonkeys.c
 *	  One key twice in a nested object: does a value get lost?
 *
 * The text is walked once more, this time with all pairs of the objects that
 * are open on a stack. When an object closes, its pairs are compared: the few
 * of most objects with each other, many after sorting them by key. Where keys
 * are data (a map by id) this is done for each row, so it has to be quick.
 */
#include "postgres.h"

#include "read/jsonkeys.h"

uint64		keyprint_seed;
uint64		keyprints_known[KEYPRINT_ROWS][KEYPRINT_WAYS];

/* One pair of an object that is open. */
typedef struct Pair
{
	const char *key;			/* unescaped */
	const char *val;			/* as it is written */
	int			keylen;
	int			len;
} Pair;

/* One object or array that is open. */
typedef struct Level
{
	bool		object;
	int			first;			/* pair */
	KeyPrint	print;
} Level;

#define PAIRS_FEW 12

typedef struct Walk
{
	JsonText   *t;
	Pair	   *pairs;
	int			npairs;
	int			maxpairs;
	int			depth;
	Level	   *levels;			/* JSON_MAX_DEPTH of them */
	Pair	   *own;			/* OWN_PAIRS of them, as long as they are
								 * enough */
} Walk;

#define OWN_PAIRS 64

static int
compare_pairs(const void *a, const void *b)
{
	const Pair *p = a;
	const Pair *q = b;

	if (p->keylen != q->keylen)
		return p->keylen < q->keylen ? -1 : 1;
	return memcmp(p->key, q->key, p->keylen);
}

/* Are these two values the same? Strings may be escaped in two ways. */
static bool
same_value(JsonText *t, const Pair *a, const Pair *b)
{
	size_t		used = t->arena_used;
	const char *x;
	const char *y;
	int			xlen;
	int			ylen;
	bool		same;

	if (a->len == b->len && memcmp(a->val, b->val, a->len) == 0)
		return true;
	if (*a->val != '"' || *b->val != '"')
		return false;
	same = jsontext_string(t, a->val + 1, &x, &xlen) != NULL &&
		jsontext_string(t, b->val + 1, &y, &ylen) != NULL &&
		xlen == ylen && memcmp(x, y, xlen) == 0;
	/* the arena has room for each string of the text once */
	t->arena_used = used;
	return same;
}

/* Is a key among these pairs there twice? 2: with different values. */
static int
twice(JsonText *t, Pair *pairs, int n)
{
	int			found = 0;

	if (n > PAIRS_FEW)
		qsort(pairs, n, sizeof(Pair), compare_pairs);
	for (int i = 1; i < n; i++)
	{
		for (int j = i - 1; j >= (n > PAIRS_FEW ? i - 1 : 0); j--)
		{
			if (pairs[i].keylen != pairs[j].keylen ||
				memcmp(pairs[i].key, pairs[j].key, pairs[i].keylen) != 0)
				continue;
			if (!same_value(t, &pairs[i], &pairs[j]))
				return 2;
			found = 1;
		}
	}
	return found;
}

/* The innermost object closes. Has it one key with two values? */
static bool
close_object(Walk *w)
{
	Level	   *level = &w->levels[w->depth - 1];
	int			found;

	Assert(w->depth > 0);
	found = twice(w->t, w->pairs + level->first, w->npairs - level->first);
	w->npairs = level->first;
	if (found == 0 && !keyprint_known(&level->print))
	{
		uint64	   *row = keyprints_known[level->print.hash % KEYPRINT_ROWS];

		memmove(row + 1, row, sizeof(uint64) * (KEYPRINT_WAYS - 1));
		row[0] = level->print.hash;
	}
	return found == 2;
}

/* Room for more pairs than a walk has of its own. */
static void
more_pairs(Walk *w)
{
	w->maxpairs *= 2;
	if (w->pairs == w->own)
	{
		w->pairs = palloc(sizeof(Pair) * w->maxpairs);
		memcpy(w->pairs, w->own, sizeof(Pair) * OWN_PAIRS);
	}
	else
		w->pairs = repalloc_huge(w->pairs, sizeof(Pair) * w->maxpairs);
}

/* A key of the innermost object; p stands behind its opening quote. */
static const char *
add_key(Walk *w, const char *p)
{
	const char *start = p;
	Pair	   *pair;

	if (w->npairs == w->maxpairs)
		more_pairs(w);
	pair = &w->pairs[w->npairs++];
	pair->val = NULL;
	pair->len = 0;
	p = jsontext_string(w->t, p, &pair->key, &pair->keylen);
	keyprint_add(&w->levels[w->depth - 1].print, start, p - 1 - start);
	return p;
}

/*
 * The value of the pair that was added last to the innermost object ends at p.
 * Its pairs on the stack are gone by now, so that is the pair on top.
 */
static void
end_value(Walk *w, const char *p)
{
	Pair	   *pair = &w->pairs[w->npairs - 1];

	Assert(w->npairs > 0 && pair->val != NULL);
	pair->len = (int) (p - pair->val);
}

/*
 * Walk over the one object or array. The text is known to be right, so a string
 * behind a colon is a value, and one behind a brace or a comma in an object a
 * key; the walk ends with the bracket that it began with.
 */
static bool
walk(Walk *w, const char *p, const char *end)
{
	bool		want_key = false;

	while (p < end)
	{
		Level	   *level;

		switch (*p)
		{
			case '{':
			case '[':
				level = &w->levels[w->depth++];
				level->object = want_key = (*p++ == '{');
				level->first = w->npairs;
				keyprint_start(&level->print);
				continue;
			case '}':
				if (close_object(w))
					return true;
				/* FALLTHROUGH */
			case ']':
				if (--w->depth < 1)
					return false;
				p++;
				break;
			case '"':
				if (want_key)
				{
					p = jsontext_blank(add_key(w, p + 1), end);
					Assert(*p == ':');
					p = jsontext_blank(p + 1, end);
					w->pairs[w->npairs - 1].val = p;
					want_key = false;
					continue;
				}
				p = jsontext_string(w->t, p + 1, NULL, NULL);
				break;
			case ',':
				want_key = w->depth > 0 && w->levels[w->depth - 1].object;
				p++;
				continue;
			case ' ':
			case '\t':
			case '\n':
			case '\r':
				p++;
				continue;
			default:
				while (p < end && *p != ',' && *p != ']' && *p != '}' &&
					   (unsigned char) *p > ' ')
					p++;
				break;
		}
		/* a value ends here */
		if (w->depth > 0 && w->levels[w->depth - 1].object)
			end_value(w, p);
	}
	return false;
}

/* See the header. */
bool
jsonkeys_differ(JsonText *t, const char *raw, int rawlen)
{
	Level		levels[JSON_MAX_DEPTH];
	Pair		own[OWN_PAIRS];
	Walk		w = {0};
	bool		differ;

	jsontext_start(t, raw, rawlen);
	w.t = t;
	w.levels = levels;
	w.own = w.pairs = own;
	w.maxpairs = OWN_PAIRS;
	differ = walk(&w, raw, raw + rawlen);
	if (w.pairs != w.own)
		pfree(w.pairs);
	return differ;
}
