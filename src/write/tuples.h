/*
 * tuples.h
 *	  Rows of a flush, formed and waiting to be written.
 *
 * A row that fits becomes a tuple of its table as soon as it is checked, so
 * that writing it again (after an error of another row) costs no more than
 * the write.
 */
#ifndef SELFHEAL_TUPLES_H
#define SELFHEAL_TUPLES_H

#include "postgres.h"

#include "access/htup.h"
#include "read/fit.h"
#include "utils/hsearch.h"
#include "utils/rel.h"

typedef struct FormedRow
{
	HeapTuple	tuple;			/* of the table's row type */
	int			row;			/* the caller's number for it */
	const bool *present;		/* by index into shape->cols: the payload has
								 * the key; equal sets are one; NULL: nobody
								 * asks */
} FormedRow;

typedef struct Tuples
{
	MemoryContext cxt;			/* of the list */
	MemoryContext tuple_cxt;	/* of the tuples; empty after each reset */
	FormedRow  *rows;
	int			n;
	int			max;
	HTAB	   *sets;			/* of present keys; in tuple_cxt */
} Tuples;

extern void tuples_init(Tuples *t, MemoryContext cxt);
extern void tuples_reset(Tuples *t);

/* Form one more. values and nulls by attribute, as heap_form_tuple wants;
 * present (or NULL) has ncols entries. Everything is copied. */
extern void tuples_add(Tuples *t, TupleDesc desc, Datum *values, bool *nulls,
					   int row, const bool *present, int ncols);

/* ---- as a table for a query of our own ---- */

/* Name under which the rows stand in the FROM clause. */
#define TUPLES_NAME "selfheal_rows"

/*
 * Make rows[0 .. n-1] known to the SPI connection at hand as a relation
 * TUPLES_NAME of the columns c1 .. ck, the listed ones in their types and
 * order, and n, the index of the row. columns: indexes into shape->cols.
 * Everything lives in the current memory context, until SPI_finish.
 */
extern void tuples_register(const FormedRow *rows, int n, TupleDesc desc,
							const Shape *shape, const int *columns,
							int ncolumns);

/*
 * Run a SELECT of one column, n, over the rows as tuples_register makes them
 * known, as this role under restriction, and set mark[n] of each row that it
 * gives. Returns how many those are. Raises what the query raises: for a
 * subtransaction.
 */
extern int	tuples_mark(const char *sql, Oid role, const FormedRow *rows, int n,
						TupleDesc desc, const Shape *shape, const int *columns,
						int ncolumns, bool *mark);

#endif							/* SELFHEAL_TUPLES_H */
