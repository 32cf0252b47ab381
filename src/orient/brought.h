/*
 * brought.h
 *	  Which values did held rows bring in the column that a CHECK is about?
 *
 * An insert's error says which constraint refused the row, and not which value.
 * Looked at are rows that fit the table's columns, refused by a CHECK of the
 * table itself that names one column.
 */
#ifndef SELFHEAL_BROUGHT_H
#define SELFHEAL_BROUGHT_H

#include "postgres.h"

#include "read/fit.h"
#include "nodes/pg_list.h"

/* Different values that are kept of one constraint. */
#define BROUGHT_VALUES 32

typedef struct BroughtValue
{
	char	   *text;			/* as the column's input function reads it */
	int64		rows;
} BroughtValue;

typedef struct Brought
{
	const Shape *shape;
	char	   *constraint;
	char	   *column;
	int			col;			/* of the shape; -1: none */
	List	   *values;			/* BroughtValue *, in order of appearance */
	bool		more;			/* there were more than are kept */
} Brought;

typedef struct BroughtAll BroughtAll;

/* The CHECKs of one column that live incidents of the table are about; in this
 * context. NULL: none. */
extern BroughtAll *brought_begin(const Shape *shape, MemoryContext cxt);

/* A row that fits, held for this error. */
extern void brought_note(BroughtAll *all, int64 error, const FitRow *fit);

/* What the rows brought that this constraint refused, or NULL. */
extern const Brought *brought_of(const BroughtAll *all, const char *constraint);

#endif							/* SELFHEAL_BROUGHT_H */
