/*
 * mapapply.h
 *	  Writes the mappings of a vetted plan.
 */
#ifndef SELFHEAL_MAPAPPLY_H
#define SELFHEAL_MAPAPPLY_H

#include "postgres.h"

#include "act/apply.h"

/* Where the mappings come from. */
typedef struct MapSource
{
	int64		plan;
	int64		incident;		/* 0: none */
	int64		proven;			/* held rows that the trial stored with them */
	char	   *by;				/* role */
	char	   *why;			/* or NULL */
} MapSource;

/*
 * In the current transaction, which is that of the plan's ALTER, behind it.
 * Each mapping is checked once more, beside those that are there by now; STALE
 * when one may not be added any more, or when a plan that changes no table is
 * for another one than this (it then locks the table ACCESS SHARE; NO_LOCK when
 * that cannot be had at once). result is what apply_plan gave: sql gets the
 * calls that were made, behind what has run.
 */
extern void mapapply_add(const VettedPlan *plan, const char *expected_hash,
						 const MapSource *source, ApplyResult *result);

#endif							/* SELFHEAL_MAPAPPLY_H */
