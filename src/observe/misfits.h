/*
 * misfits.h
 *	  Why a row is held, noted on the row itself.
 */
#ifndef SELFHEAL_MISFITS_H
#define SELFHEAL_MISFITS_H

#include "postgres.h"

#include "observe/store.h"

/*
 * Note the misfits of a row, copied into cxt, from two lists in the payload's
 * order: values that threw and what else did not fit. Which values throw
 * differs from version to version; the order in which they are noted, and so
 * the first reason, does not.
 */
extern void misfits_keep(MemoryContext cxt, StoreRow *row,
						 const Misfit *a, int na, const Misfit *b, int nb);

/*
 * The same for a row that is only looked at: put misfits that threw (Misfit *)
 * among those that fit_row_again has found. Made in the current memory context.
 */
extern void misfits_merge(FitRow *fit, const List *thrown);

/* Note one reason that was found without a look into the payload. */
extern void misfits_keep_reason(MemoryContext cxt, StoreRow *row, FitClass class,
								int sqlstate, const char *column,
								const char *message);

/*
 * Note the error by which the table has refused a row. It is kept as well: it
 * must live as long as cxt, and may be shared by many rows.
 */
extern void misfits_keep_error(MemoryContext cxt, StoreRow *row, ErrorData *edata);

#endif							/* SELFHEAL_MISFITS_H */
