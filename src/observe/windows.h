/*
 * windows.h
 *	  Write lines in windows: as many together as their errors allow.
 */
#ifndef SELFHEAL_WINDOWS_H
#define SELFHEAL_WINDOWS_H

#include "postgres.h"

#include "observe/copyin.h"
#include "observe/store.h"

/* What is to be written, and where. */
typedef struct WindowTarget
{
	Relation	rel;
	const Shape *shape;
	const int  *columns;		/* listed: indexes into shape->cols */
	int			ncolumns;
	CopyIn	   *copy;
	MemoryContext cxt;			/* for misfits and errors of rows */
	MemoryContext long_cxt;		/* outlives the flush */
	ErrorData  *missing_parent; /* foreign key that rows of this load have
								 * missed before; in long_cxt */
} WindowTarget;

/*
 * Write the lines; line->row is the index into rows. Each row is stored, or
 * has its misfit, afterwards. The order of the lines' array is lost. Returns
 * how many are stored.
 */
extern int64 windows_write(WindowTarget *target, CopyLines *lines, StoreRow *rows);

#endif							/* SELFHEAL_WINDOWS_H */
