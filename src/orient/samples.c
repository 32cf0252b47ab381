/*
 * samples.c
 *	  The different values behind a finding: what proves how to read them.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "orient/samples.h"
#include "utils/memutils.h"

/* A value's place in the array. */
typedef struct SampleEntry
{
	int			at;
	uint32		hash;
	char		status;
} SampleEntry;

#define SH_PREFIX sampletable
#define SH_ELEMENT_TYPE SampleEntry
#define SH_KEY_TYPE int
#define SH_KEY at
#define SH_HASH_KEY(tb, key) hash_at((Samples *) (tb)->private_data, key)
#define SH_EQUAL(tb, a, b) same_at((Samples *) (tb)->private_data, a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, a) (a)->hash
#define SH_SCOPE static inline
#define SH_DEFINE
#define SH_DECLARE

static uint32
hash_at(const Samples *s, int at)
{
	const TransformSample *v = &s->values[at];

	return hash_combine((uint32) v->kind,
						hash_bytes((const unsigned char *) v->val, v->len));
}

static bool
same_at(const Samples *s, int a, int b)
{
	const TransformSample *x = &s->values[a];
	const TransformSample *y = &s->values[b];

	return x->kind == y->kind && x->len == y->len && memcmp(x->val, y->val, x->len) == 0;
}

#include "lib/simplehash.h"

struct SampleTable
{
	sampletable_hash *hash;
};

/* See the header. */
Samples *
samples_open(MemoryContext parent)
{
	MemoryContext cxt = AllocSetContextCreate(parent, "selfheal samples",
											  ALLOCSET_DEFAULT_SIZES);
	Samples    *s = MemoryContextAllocZero(cxt, sizeof(Samples));

	s->cxt = cxt;
	s->values = MemoryContextAlloc(cxt, sizeof(TransformSample) * 16);
	s->table = MemoryContextAlloc(cxt, sizeof(struct SampleTable));
	s->table->hash = sampletable_create(cxt, 16, s);
	return s;
}

/* Room for one more: at 16, 32, 64, ... */
static void
make_room(Samples *s)
{
	if (s->n >= 16 && (s->n & (s->n - 1)) == 0)
		s->values = repalloc(s->values, sizeof(TransformSample) * 2 * s->n);
}

/* See the header. */
void
samples_note(Samples *s, JsonKind kind, const char *val, size_t len, int64 row)
{
	TransformSample *v;
	bool		found;
	char	   *copy;

	if (s->n >= SAMPLES_MAX || len > SAMPLES_MAX_BYTES - s->bytes)
	{
		s->cut = true;
		return;
	}
	make_room(s);
	v = &s->values[s->n];
	v->kind = kind;
	v->val = val;
	v->len = (int) len;
	(void) sampletable_insert(s->table->hash, s->n, &found);
	if (found)
		return;
	copy = MemoryContextAlloc(s->cxt, len + 1);
	memcpy(copy, val, len);
	copy[len] = '\0';
	v->val = copy;
	if (s->n < SAMPLES_ROWS)
		s->rows[s->n] = row;
	s->n++;
	s->bytes += len;
}

/* See the header. */
Samples *
samples_join(const Samples *a, const Samples *b)
{
	Samples    *s = samples_open(CurrentMemoryContext);

	for (int i = 0; a != NULL && i < a->n; i++)
		samples_note(s, a->values[i].kind, a->values[i].val, a->values[i].len,
					 i < SAMPLES_ROWS ? a->rows[i] : 0);
	for (int i = 0; b != NULL && i < b->n; i++)
		samples_note(s, b->values[i].kind, b->values[i].val, b->values[i].len,
					 i < SAMPLES_ROWS ? b->rows[i] : 0);
	s->cut |= (a != NULL && a->cut) || (b != NULL && b->cut);
	return s;
}

/* See the header. */
TransformSample *
samples_of(const Samples *s, int kind, int *n)
{
	TransformSample *result = palloc(sizeof(TransformSample) * (s->n + 1));

	*n = 0;
	for (int i = 0; i < s->n; i++)
	{
		if (s->values[i].kind != JSON_NULL && (kind < 0 || (int) s->values[i].kind == kind))
			result[(*n)++] = s->values[i];
	}
	return result;
}
