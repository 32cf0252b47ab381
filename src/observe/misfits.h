/*
 * misfits.h
 *	  Why a row is held, noted on the row itself.
 */
#ifndef SELFHEAL_MISFITS_H
#define SELFHEAL_MISFITS_H

#include "postgres.h"

#include "observe/store.h"

/* Note the misfits of a row, from two lists, copied into cxt. */
extern void misfits_keep(MemoryContext cxt, StoreRow *row,
						 const Misfit *a, int na, const Misfit *b, int nb);

/* Note one reason that was found without a look into the payload. */
extern void misfits_keep_reason(MemoryContext cxt, StoreRow *row, FitClass class,
								int sqlstate, const char *column,
								const char *message);

/*
 * Note the error by which the table has refused a row. It is kept as well: it
 * must live as long as cxt, and may be shared by many rows.
 */
extern void misfits_keep_error(MemoryContext cxt, StoreRow *row, ErrorData *edata);

/* Copy the fields of an error that are ever stored, in the current context. */
extern ErrorData *misfits_copy_error(const ErrorData *from);

#endif							/* SELFHEAL_MISFITS_H */
