/*
 * analysed.h
 *	  What parse analysis makes of a statement that failed, and what it does
 *	  not like about it.
 *
 * Analysis stops at the first thing that it refuses. So that is taken out, a
 * literal or an expression becomes a null, a column that is not there goes,
 * and the rest is analysed once more.
 */
#ifndef SELFHEAL_ANALYSED_H
#define SELFHEAL_ANALYSED_H

#include "postgres.h"

#include "orient/writes.h"

/* One thing that analysis refused. */
typedef struct Fault
{
	ErrorData  *error;
	int			offset;			/* where in the text, or -1 */
	bool		placed;			/* at is known */
	WritePlace	at;				/* as the tree was then */
	char	   *column;			/* name of the column there */
	Node	   *value;			/* of the row at hand, or of the first for a
								 * column: as it was written */
} Fault;

typedef struct Analysed
{
	Query	   *query;			/* NULL: there is more than could be taken out */
	List	   *faults;			/* Fault * */
} Analysed;

/*
 * Analyse it; changes the tree. types are those of the parameters. With names,
 * what is no column may be a variable of the function that the statement
 * stands in. As the current user; nothing is executed but the input functions
 * of literals.
 */
extern Analysed *analysed(const char *text, Written *written, const Oid *types, int ntypes,
						  bool names);

/* Type of an expression by itself, as the output of a query over the same
 * tables; InvalidOid when that is not to be had. */
extern Oid	analysed_type(const char *text, const Write *write, Node *value,
						  const Oid *types, int ntypes);

#endif							/* SELFHEAL_ANALYSED_H */
