/*
 * dedupe.h
 *	  Lines that a load of the same name has brought already.
 *
 * With selfheal.load_id set, each line of a load into an intake has a number
 * and a digest. Both are kept in selfheal.load_line, in the transaction that
 * stores or holds the line; a line whose number and digest are there for this
 * table and name is not taken again. So a producer that does not know how far
 * it came sends everything once more.
 *
 * Numbers are those of a name and a table: they begin with 1 at each SET of
 * selfheal.load_id, go on over statements and transactions, and are given
 * back by ROLLBACK. Lines that are skipped (blank, null) have one too.
 *
 * Loads of one name into one table exclude each other until the end of the
 * transaction: what the first has stored is known to the second, what it has
 * rolled back is not.
 */
#ifndef SELFHEAL_DEDUPE_H
#define SELFHEAL_DEDUPE_H

#include "postgres.h"

#include "observe/store.h"

typedef struct Dedupe Dedupe;

/*
 * For the load with this id, below the current memory context; NULL when
 * selfheal.load_id is empty. Waits for another load of the name to end.
 */
extern Dedupe *dedupe_begin(Oid relid, int64 load);

/* The number of the next line. */
extern int64 dedupe_number(Dedupe *d);

/*
 * Which of n lines, with their ascending numbers, are known? Sets known[i],
 * keeps the others, and returns how many are known. n is a batch at most: its
 * digests are in memory, and one row of those kept.
 */
extern int	dedupe_batch(Dedupe *d, const StoreRow *rows, const int64 *numbers,
						 int n, bool *known);

/* From _PG_init: (sub)transaction callbacks. */
extern void dedupe_init(void);

#endif							/* SELFHEAL_DEDUPE_H */
