/*
 * defaults.h
 *	  Evaluate the defaults of columns that a payload does not fill.
 */
#ifndef SELFHEAL_DEFAULTS_H
#define SELFHEAL_DEFAULTS_H

#include "postgres.h"

#include "read/fit.h"
#include "utils/rel.h"

typedef struct Defaults Defaults;

/* For the columns of the shape; lives in the current memory context until
 * defaults_close. Nothing is evaluated yet. */
extern Defaults *defaults_open(const Shape *shape);

/*
 * The default of column number col of the shape, identity included; null when
 * it has none. Runs the expression as the current user and throws what it
 * throws. A value by reference lives in the current memory context or longer.
 */
extern Datum defaults_value(Defaults *d, Relation rel, int col, bool *isnull);

/*
 * Does this default call a volatile function in a language that has queries?
 * It may look at the table, and must then find the rows before its own there.
 */
extern bool defaults_look(Defaults *d, Relation rel, int col);

/* Does this default, which has been asked for, draw from a sequence? */
extern bool defaults_draws(const Defaults *d, int col);

extern void defaults_close(Defaults *d);

#endif							/* SELFHEAL_DEFAULTS_H */
