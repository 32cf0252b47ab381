/*
 * value.h
 *	  One value against one column: the checks behind fit_row.
 */
#ifndef SELFHEAL_VALUE_H
#define SELFHEAL_VALUE_H

#include "postgres.h"

#include "read/shape.h"

/*
 * Does this value (not null) fit? If so the cell holds its text as the type's
 * input function would read it. If not, *out is filled but for column and
 * field; its strings are in the current context. May throw what the input
 * function throws.
 */
extern bool value_fits(const Shape *shape, int col, const JsonField *field,
					   FitCell *cell, Misfit *out);

/* The misfit of a value that its type's input function refused. */
extern void value_refused(const Shape *shape, int col, const ErrorData *edata,
						  Misfit *out);

/* Fill a misfit. need may be NULL; both strings in the current context.
 * Always false, so that a check can end with it. */
extern bool value_misfit(Misfit *out, FitClass class, int sqlstate, char *need,
						 const char *fmt,...) pg_attribute_printf(5, 6);

/* The misfit of a value of another family than the column's type. */
extern bool value_wrong_type(const Shape *shape, int col,
							 const JsonField *field, Misfit *out);

/* The cell's value is this text. Always true, as above. */
static inline bool
value_take(FitCell *cell, const char *val, int len)
{
	cell->state = CELL_TEXT;
	cell->val = val;
	cell->len = len;
	return true;
}

/* The same, and the text means this value; by reference in the shape's row
 * context. */
static inline bool
value_take_ready(FitCell *cell, const char *val, int len, Datum value)
{
	cell->ready = true;
	cell->value = value;
	return value_take(cell, val, len);
}

/*
 * A value for a column that the database computes: a misfit, unless it is of a
 * generated column and may be just what comes out. Then it is in the cell, to
 * be compared where the row is formed.
 */
extern bool value_computed(const Shape *shape, int col, const JsonField *field,
						   FitCell *cell, Misfit *out);

#endif							/* SELFHEAL_VALUE_H */
