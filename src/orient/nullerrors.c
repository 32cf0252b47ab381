/*
 * nullerrors.c
 *	  Which held rows an insert has refused for a null.
 */
#include "postgres.h"

#include "base/spi.h"
#include "orient/nullerrors.h"
#include "read/fills.h"
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
	uint64		n;
};

static int
compare_null_errors(const void *a, const void *b)
{
	const NullError *x = a;
	const NullError *y = b;

	return x->error < y->error ? -1 : x->error > y->error;
}

/* See the header. */
NullErrors *
nullerrors_read(Oid relid, const Shape *shape, MemoryContext cxt)
{
	NullErrors *nulls;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	if (!fills_nulls(relid))
		return NULL;
	nulls = MemoryContextAllocZero(cxt, sizeof(NullErrors));
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	n = spi_exec("SELECT DISTINCT e.id, e.column_name FROM selfheal.quarantine q"
				 " JOIN selfheal.error e ON e.id = q.error"
				 " WHERE q.relid = $1 AND q.state = 'held' AND e.class = 'null_value'"
				 " AND e.column_name IS NOT NULL AND e.context IS NOT NULL ORDER BY e.id", &args);
	nulls->errors = MemoryContextAllocHuge(cxt, sizeof(NullError) * (n + 1));
	for (uint64 i = 0; i < n; i++)
	{
		char	   *column = spi_get_text(i, 2, CurrentMemoryContext);
		NullError  *e = &nulls->errors[nulls->n++];

		e->error = spi_get_int8(i, 1, NULL);
		e->col = fit_column(shape, column, (int) strlen(column));
	}
	spi_close(&saved);
	return nulls;
}

/* See the header. */
int
nullerrors_column(const NullErrors *nulls, int64 error)
{
	NullError	key = {error, -1};
	NullError  *found = NULL;

	if (nulls != NULL && nulls->n > 0)
		found = bsearch(&key, nulls->errors, nulls->n, sizeof(NullError),
						compare_null_errors);
	return found ? found->col : -1;
}
