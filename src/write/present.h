/*
 * present.h
 *	  Which of these rows are in the table already? One query.
 *
 * A producer that sends a batch twice is refused at the unique key for each of
 * its rows. Those that equal the stored row need no hold and no person.
 */
#ifndef SELFHEAL_PRESENT_H
#define SELFHEAL_PRESENT_H

#include "postgres.h"

#include "write/tuples.h"

/*
 * Mark in there[] the rows that met a stored row at the unique key which edata
 * (23505) names and equal it in every column that they have a key for, digit
 * by digit. Returns how many; 0 as well when we cannot tell (an expression in
 * the key, a query that fails). Rows must know their present keys.
 */
extern int	present_find(Relation rel, const ErrorData *edata, TupleDesc desc,
						 const Shape *shape, const int *columns, int ncolumns,
						 const FormedRow *rows, int n, bool *there);

#endif							/* SELFHEAL_PRESENT_H */
