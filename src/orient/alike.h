/*
 * alike.h
 *	  Is a new key another spelling of a name that is there already?
 *
 * Two names are alike when they are equal without regard to case, blanks,
 * underscores, hyphens and dots; or, if both have four letters or more, when
 * one letter is added, left out, changed or swapped with its neighbour. Names
 * that differ only in a number that both have (col_1, col_2) are a series and
 * not alike. Whoever sends both names in one payload means two things.
 */
#ifndef SELFHEAL_ALIKE_H
#define SELFHEAL_ALIKE_H

#include "postgres.h"

#include "read/fit.h"

typedef struct Alike Alike;

/* Look at the columns of a table; everything lives in the context given. */
extern Alike *alike_begin(const Shape *shape, MemoryContext cxt);

/* A key that no column has, met for the first time. Returns its number. */
extern int	alike_key(Alike *a, const char *key);

/* These new keys, and the columns of this row that are not absent, came in
 * one payload. */
extern void alike_together(Alike *a, const int *keys, int n, const FitRow *row);

/*
 * The column, or the new key met before this one, that this key may be another
 * spelling of: alike, and never in one payload with it. NULL: none.
 */
extern const char *alike_of(const Alike *a, int key);

/* Are these two names alike? The rule itself. */
extern bool alike_names(const char *a, const char *b);

#endif							/* SELFHEAL_ALIKE_H */
