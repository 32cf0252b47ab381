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

#include "utils/hsearch.h"
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

/* What is asked of the parents of rows that wait for theirs. */
typedef enum ParentsAsk
{
	PARENTS_UNASKED,			/* nothing: the rows are tried */
	PARENTS_OF_OTHERS,			/* a row that refers to a row of its own table
								 * may have its parent among those that are
								 * tried with it */
	PARENTS_STORED				/* all parents must be there already */
} ParentsAsk;

/* What rows miss at one foreign key, over several calls. */
typedef struct Orphans
{
	Oid			constraint;
	Oid			parent;
	int64		rows;
	HTAB	   *keys;			/* hashes of the keys that are missing */
} Orphans;

/*
 * Which rows miss a parent, at any foreign key of the table, as far as a query
 * can tell: nothing is written. why[] (zeroed by the caller) gets the error
 * that the insert would have raised. Adds to *orphans (Orphans *, in
 * long_cxt). Returns how many rows.
 */
extern int	fkmiss_orphans(Relation rel, ParentsAsk ask, TupleDesc desc,
						   const Shape *shape, const int *columns, int ncolumns,
						   const FormedRow *rows, int n, ErrorData **why,
						   List **orphans, MemoryContext long_cxt);

#endif							/* SELFHEAL_FKMISS_H */
