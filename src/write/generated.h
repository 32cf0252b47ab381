/*
 * generated.h
 *	  Is a value that was sent for a generated column what the table computes?
 */
#ifndef SELFHEAL_GENERATED_H
#define SELFHEAL_GENERATED_H

#include "postgres.h"

#include "read/fit.h"
#include "utils/rel.h"

typedef struct Generated Generated;

/* For the generated columns of the shape; lives in the current memory context
 * until generated_close. Nothing is evaluated yet. */
extern Generated *generated_open(const Shape *shape, TupleDesc desc);

/*
 * The next generated column, from *col on, for which a row brings a value
 * (fit); false: there is none. values and nulls are what the row will be, by
 * attribute. *alike: it is what the row computes, as the type compares where
 * that is PostgreSQL's own code, and byte by byte elsewhere; two nulls are
 * alike. *out is the misfit that it is otherwise, and says both (current
 * context). Runs the column's expression as the current user, as an INSERT
 * would, and throws what it throws; *forming is the column then, else NULL.
 */
extern bool generated_next(Generated *g, Relation rel, const FitRow *fit, const Datum *values,
						   const bool *nulls, int *col, const FitColumn **forming,
						   bool *alike, Misfit *out);

extern void generated_close(Generated *g);

#endif							/* SELFHEAL_GENERATED_H */
