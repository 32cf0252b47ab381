/*
 * nullerrors.c
 *	  Which held rows did an insert refuse for a null that no payload shows?
 */
#include "postgres.h"

#include "base/fills.h"
#include "base/spi.h"
#include "orient/nullerrors.h"
#include "utils/memutils.h"

/* An error by which an insert said that a column was null. */
typedef struct NullError
{
	int64		error;
	int			col;
} NullError;

struct NullErrors
{
	NullError  *errors;			/* in order of error */
	int			n;
};

static int
by_error(const void *a, const void *b)
{
	const NullError *x = a;
	const NullError *y = b;

	return x->error < y->error ? -1 : x->error > y->error;
}

/* See the header. */
NullErrors *
nullerrors_read(const Shape *shape, MemoryContext cxt)
{
	NullErrors *all;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	if (!fills_nulls(shape->relid))
		return NULL;
	all = MemoryContextAllocZero(cxt, sizeof(NullErrors));
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, shape->relid);
	n = spi_exec("SELECT DISTINCT e.id, e.column_name FROM selfheal.quarantine q"
				 " JOIN selfheal.error e ON e.id = q.error"
				 " WHERE q.relid = $1 AND q.state = 'held' AND e.class = 'null_value'"
				 " AND e.column_name IS NOT NULL AND e.context IS NOT NULL ORDER BY e.id", &args);
	all->errors = MemoryContextAllocHuge(cxt, sizeof(NullError) * (n + 1));
	for (uint64 i = 0; i < n; i++)
	{
		char	   *column = spi_get_text(i, 2, CurrentMemoryContext);
		NullError  *e = &all->errors[all->n++];

		e->error = spi_get_int8(i, 1, NULL);
		e->col = fit_column(shape, column, (int) strlen(column));
	}
	spi_close(&saved);
	return all;
}

/* See the header. */
int
nullerrors_column(const NullErrors *all, int64 error)
{
	NullError	key = {error, -1};
	NullError  *found = NULL;

	if (all != NULL && all->n > 0)
		found = bsearch(&key, all->errors, all->n, sizeof(NullError), by_error);
	return found ? found->col : -1;
}
