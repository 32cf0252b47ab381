/*
 * nullerrors.h
 *	  Which held rows did an insert refuse for a null that no payload shows?
 *
 * A trigger or a generated key may leave a column null that the payload has.
 */
#ifndef SELFHEAL_NULLERRORS_H
#define SELFHEAL_NULLERRORS_H

#include "postgres.h"

#include "base/fit.h"

typedef struct NullErrors NullErrors;

/*
 * Read what inserts said of held rows of the shape's table, where the fit
 * cannot see it by itself (fills.h); there are as many as there were loads with
 * such rows. In this context; NULL: none.
 */
extern NullErrors *nullerrors_read(const Shape *shape, MemoryContext cxt);

/* The column that an insert found null in a row held for this error, or -1. */
extern int	nullerrors_column(const NullErrors *all, int64 error);

#endif							/* SELFHEAL_NULLERRORS_H */
