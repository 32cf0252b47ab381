/*
 * nullerrors.h
 *	  Which held rows an insert has refused for a null.
 */
#ifndef SELFHEAL_NULLERRORS_H
#define SELFHEAL_NULLERRORS_H

#include "postgres.h"

#include "read/fit.h"

typedef struct NullErrors NullErrors;

/* Of this table, in cxt; NULL where the fit sees nulls by itself. There are as
 * many as there were loads with such rows. */
extern NullErrors *nullerrors_read(Oid relid, const Shape *shape, MemoryContext cxt);

/* The column that an insert of a row with this error found null, or -1. */
extern int	nullerrors_column(const NullErrors *nulls, int64 error);

#endif							/* SELFHEAL_NULLERRORS_H */
