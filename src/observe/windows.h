/*
 * windows.h
 *	  Write rows in windows: as many together as their errors allow.
 */
#ifndef SELFHEAL_WINDOWS_H
#define SELFHEAL_WINDOWS_H

#include "postgres.h"

#include "observe/store.h"
#include "write/attempt.h"
#include "write/checks.h"
#include "write/fkmiss.h"

/* What is to be written, and where; and what is known of rows of this load
 * that were refused before. */
typedef struct WindowTarget
{
	Relation	rel;
	TupleDesc	desc;
	const Shape *shape;
	const int  *columns;		/* that rows may fill: indexes into
								 * shape->cols */
	int			ncolumns;
	Attempts   *attempts;
	MemoryContext cxt;			/* for misfits and errors of rows */
	MemoryContext long_cxt;		/* outlives the flush */
	Checks	   *checks;			/* NULL: none that can be asked */
	bool		failed_check;	/* rows have failed some of them */
	RowConflict conflict;		/* what becomes of a row that meets another */
	ErrorData  *met_stored;		/* unique key at which rows have met a stored
								 * one; in long_cxt */
	ErrorData  *missing_parent; /* foreign key that rows have missed; in
								 * long_cxt */
	ParentsAsk	ask;			/* windows_ask: what */
	List	  **orphans;		/* Orphans *, what was found so */
	MemoryContext orphans_cxt;
	bool		by_row;			/* rows have failed for what names none */
	Order	   *order;			/* NULL: rows are written as they come */
} WindowTarget;

/*
 * Write the rows; FormedRow.row is the index into rows. Each is stored, or has
 * its misfit, afterwards. The order of the tuples is lost. Returns how many
 * are stored.
 */
extern int64 windows_write(WindowTarget *target, Tuples *tuples, StoreRow *rows);

/*
 * Write nothing, but ask which rows miss a parent (target->ask); these get the
 * misfit that an insert would have given them, and those of their ordering key
 * behind them are to wait.
 */
extern void windows_ask(WindowTarget *target, const Tuples *tuples, StoreRow *rows);

#endif							/* SELFHEAL_WINDOWS_H */
