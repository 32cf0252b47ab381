/*
 * attempt.h
 *	  One attempt to write some rows into a table, in a subtransaction.
 *
 * windows.c decides which rows to try together and what an error means; this
 * room chooses the way of a flush and tells which row was to blame.
 */
#ifndef SELFHEAL_ATTEMPT_H
#define SELFHEAL_ATTEMPT_H

#include "postgres.h"

#include "write/conflict.h"
#include "write/tuples.h"

typedef struct Attempts Attempts;

/*
 * Prepare to write into an open relation, for the lifetime of the current
 * memory context. desc: a copy of its row type with that lifetime. columns:
 * those that rows may fill, indexes into shape->cols. With conflict "update" a
 * row takes the place of the stored one.
 */
extern Attempts *attempts_open(Relation rel, TupleDesc desc, const Shape *shape,
							   const int *columns, int ncolumns,
							   RowConflict conflict);

/*
 * Before the rows of a flush are formed: choose the way. By SQL, the defaults
 * of columns that rows may not fill are the statement's; else they are to be
 * in the tuples.
 */
extern bool attempts_by_sql(Attempts *a, Relation rel);

/* Before they are written: fire what is pending of the session's own earlier
 * statements, so that it is not blamed on these rows. */
extern void attempts_begin(Attempts *a);

/* Can an attempt tell the row of nearly every error? */
extern bool attempts_tell(const Attempts *a, Relation rel);

/*
 * Write n rows (none: the statement triggers fire alone) in a subtransaction,
 * deferred constraints of the table fired before it ends. by_row: one by one,
 * where attempts_tell. NULL when they are written; else the error, in the
 * current context, and in *culprit the index of the row to blame, or -1 when
 * the error does not tell. An error that says nothing of the rows (a deadlock,
 * the session's lock_timeout) is thrown.
 */
extern ErrorData *attempts_write(Attempts *a, Relation rel, const FormedRow *rows,
								 int n, bool by_row, int *culprit);

#endif							/* SELFHEAL_ATTEMPT_H */
