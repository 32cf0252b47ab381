/*
 * conflict.h
 *	  What becomes of a row whose key is stored already.
 */
#ifndef SELFHEAL_CONFLICT_H
#define SELFHEAL_CONFLICT_H

typedef enum RowConflict
{
	ROW_CONFLICT_HOLD,			/* it is held, as any row that does not fit */
	ROW_CONFLICT_SKIP,			/* one that equals the stored row counts as
								 * present; another is held */
	ROW_CONFLICT_UPDATE			/* it takes the stored row's place, by primary
								 * key */
} RowConflict;

#endif							/* SELFHEAL_CONFLICT_H */
