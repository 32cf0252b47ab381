/*
 * samples.h
 *	  The different values behind a finding: what proves how to read them.
 *
 * A value that came a million times is kept once. What is kept is bounded; a
 * proof that rests on less than all of them is tried on all held rows anyhow,
 * before it is used.
 */
#ifndef SELFHEAL_SAMPLES_H
#define SELFHEAL_SAMPLES_H

#include "postgres.h"

#include "read/transform.h"

#define SAMPLES_MAX 100000
#define SAMPLES_MAX_BYTES (16 * 1024 * 1024)

/* Held rows that can be shown to a person. */
#define SAMPLES_ROWS 3

typedef struct Samples
{
	MemoryContext cxt;
	TransformSample *values;	/* different ones, in order of appearance */
	int			n;
	size_t		bytes;
	bool		cut;			/* there were more */
	int64		rows[SAMPLES_ROWS]; /* held rows of the first values */
	struct SampleTable *table;
} Samples;

/* An empty one, in a context of its own below parent. */
extern Samples *samples_open(MemoryContext parent);

/* Keep a value of this held row, unless it is there; it is copied. */
extern void samples_note(Samples *s, JsonKind kind, const char *val, size_t len,
						 int64 row);

/* The values of both, each once, in the current context. Either may be NULL. */
extern Samples *samples_join(const Samples *a, const Samples *b);

/* Those values that are of this kind or of any (-1), without null. In the
 * current context; the values themselves are the set's own. */
extern TransformSample *samples_of(const Samples *s, int kind, int *n);

#endif							/* SELFHEAL_SAMPLES_H */
