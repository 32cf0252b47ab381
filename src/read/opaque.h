/*
 * opaque.h
 *	  Types that only their own input function can judge.
 */
#ifndef SELFHEAL_OPAQUE_H
#define SELFHEAL_OPAQUE_H

#include "postgres.h"

#include "read/shape.h"

/* value_fits for columns of TYPE_OTHER. */
extern bool opaque_fits(const Shape *shape, int col, const JsonField *field,
						FitCell *cell, Misfit *out);

/*
 * Ask the declared type's input function for a text, or (val NULL) a domain
 * for a null. What the function refuses is thrown, or (from PostgreSQL 16 on)
 * is a misfit. *result lives until the next call.
 */
extern bool opaque_input(const Shape *shape, int col, const char *val, int len,
						 Datum *result, Misfit *out);

/* The same when only the answer counts. */
extern bool opaque_accepts(const Shape *shape, int col, const char *val,
						   int len, Misfit *out);

#endif							/* SELFHEAL_OPAQUE_H */
