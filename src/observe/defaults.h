/*
 * defaults.h
 *	  Evaluate the defaults of columns whose key is absent.
 *
 * COPY on 15 cannot say "default" in a field, so we say the value; the column
 * list of a load never changes and rows keep their order.
 */
#ifndef SELFHEAL_DEFAULTS_H
#define SELFHEAL_DEFAULTS_H

#include "postgres.h"

#include "observe/copyin.h"
#include "utils/rel.h"

typedef struct Defaults Defaults;

/* For the given columns of the shape; lives in the current memory context
 * until defaults_close. Nothing is evaluated yet. */
extern Defaults *defaults_open(Relation rel, const Shape *shape,
							   const int *columns, int ncolumns);

/*
 * Append the default of the i-th listed column as a field. Runs the
 * expression as the current user and throws what it throws.
 */
extern void defaults_field(Defaults *d, Relation rel, int i, CopyLines *lines);

extern void defaults_close(Defaults *d);

#endif							/* SELFHEAL_DEFAULTS_H */
