/*
 * writer.h
 *	  Write formed rows into a table by the executor's own parts.
 *
 * What an INSERT does to a row is done: BEFORE triggers, generated columns,
 * checks, the way to its partition, indexes, foreign keys, AFTER triggers.
 * Two things an INSERT looks at are not: row security and rules; tables that
 * have either are not for this room (attempt.c chooses).
 */
#ifndef SELFHEAL_WRITER_H
#define SELFHEAL_WRITER_H

#include "postgres.h"

#include "write/deferred.h"
#include "write/tuples.h"

typedef struct Writer Writer;

/*
 * Prepare to write into an open relation, for the lifetime of the current
 * memory context. desc: a copy of its row type with that lifetime. columns:
 * those that the rows fill, for the texts of errors.
 */
extern Writer *writer_open(Relation rel, TupleDesc desc, const Shape *shape,
						   const int *columns, int ncolumns);

/* Can rows of this table be written one by one so that each error has its
 * row? Not where a trigger wants a transition table. */
extern bool writer_tells(Relation rel);

/*
 * Write n rows (none: the statement triggers fire alone) as one statement, in
 * the caller's subtransaction and the current memory context, which it may
 * reset afterwards. Throws what the table throws; *at is then the index of the
 * row that was at hand, or -1 when it was none in particular.
 *
 * by_row: each row is written with all its triggers before the next, and
 * deferred constraints (deferred NULL: none) are fired for it, so that nearly
 * every error has its row.
 */
extern void writer_write(Writer *w, Relation rel, const FormedRow *rows, int n,
						 bool by_row, Deferred *deferred, volatile int *at);

#endif							/* SELFHEAL_WRITER_H */
