/*
 * fkmiss.h
 *	  Which of these rows miss their foreign key's parent? One query.
 *
 * A foreign key's error names no row. Looking for it by halves costs many
 * subtransactions; an anti-join of the rows' keys against the parent finds
 * all of them at once.
 */
#ifndef SELFHEAL_FKMISS_H
#define SELFHEAL_FKMISS_H

#include "postgres.h"

#include "write/tuples.h"

/*
 * Mark in missing[] the rows whose key has no parent, for the foreign key
 * that edata names. Returns how many; 0 when there is none or when this
 * foreign key is not one that a query can stand in for (the caller then goes
 * row by row). *detail[i] is set to the row's own error detail.
 */
extern int	fkmiss_find(Relation rel, const ErrorData *edata, TupleDesc desc,
						const Shape *shape, const int *columns, int ncolumns,
						const FormedRow *rows, int n, bool *missing,
						char **detail);

#endif							/* SELFHEAL_FKMISS_H */
