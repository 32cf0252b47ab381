/*
 * cells.h
 *	  What an analysed statement puts into which column, and which of it fails.
 *
 * A cell is one expression with the coercions that end in its column's type.
 * Where it is made of literals and parameters alone, the coercions of
 * PostgreSQL are tried: they raise what the statement raised. Nothing else is
 * evaluated.
 */
#ifndef SELFHEAL_CELLS_H
#define SELFHEAL_CELLS_H

#include "postgres.h"

#include "base/failures.h"
#include "nodes/parsenodes.h"
#include "orient/behind.h"
#include "orient/given.h"

typedef struct Cell
{
	int			write;			/* counts what the statement writes, from 0 */
	CmdType		command;		/* CMD_INSERT or CMD_UPDATE */
	Oid			named;			/* the relation, as named */
	const Behind *behind;		/* what stands behind that name */
	AttrNumber	attnum;			/* its column */
	int			row;			/* of several, from 0 */
	bool		every;			/* the row is one of a query's: there may be
								 * any number of its like */
	Node	   *expr;
	Node	   *source;			/* below the coercions that an assignment
								 * makes by itself */
	int			offset;			/* of source in the text, or -1 */
	int			param;			/* source is $param; else 0 */
	bool		isdefault;		/* DEFAULT */

	bool		known;			/* made of literals and parameters */
	bool		isnull;
	char	   *text;			/* known: as the column would have it, or,
								 * where the coercion fails, as it was given */
	Oid			type;			/* of text, below domains */
	ErrorData  *error;			/* that the coercion raises */
} Cell;

/* Cells (Cell *) of a query and those within it, tried. As the current user. */
extern List *cells_of(Query *query, const Failure *failure);

/* Name of its column in the table that is healed, or NULL. */
extern char *cells_column(const Cell *cell);

#endif							/* SELFHEAL_CELLS_H */
