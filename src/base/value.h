/*
 * value.h
 *	  One value against one column: the checks behind fit_row.
 */
#ifndef SELFHEAL_VALUE_H
#define SELFHEAL_VALUE_H

#include "postgres.h"

#include "base/shape.h"

/*
 * Does this value (not null) fit? If so the cell holds its text as the type's
 * input function would read it. If not, *out is filled but for column and
 * field; its strings are in the current context. May throw what the input
 * function throws.
 */
extern bool value_fits(const Shape *shape, int col, const JsonField *field,
					   FitCell *cell, Misfit *out);

/* Does a constrained domain take a null? As above. */
extern bool value_null_fits(const Shape *shape, int col, Misfit *out);

/* Fill a misfit. need may be NULL; both strings in the current context.
 * Always false, so that a check can end with it. */
extern bool value_misfit(Misfit *out, FitClass class, int sqlstate, char *need,
						 const char *fmt,...) pg_attribute_printf(5, 6);

extern const char *value_kind_name(JsonKind kind);

#endif							/* SELFHEAL_VALUE_H */
