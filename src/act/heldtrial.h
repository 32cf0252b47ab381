/*
 * heldtrial.h
 *	  Held rows on the clone of their table.
 */
#ifndef SELFHEAL_HELDTRIAL_H
#define SELFHEAL_HELDTRIAL_H

#include "postgres.h"

#include "act/clone.h"
#include "decide/plan.h"

typedef struct HeldTrial
{
	int64		tried;			/* those left out are not among them */
	int64		stored;			/* and their keys allow it */
	char	   *first_miss;		/* why the first was not; NULL: none */
	uint64		misses;			/* 1 << FitClass of what they were not for */
} HeldTrial;

/*
 * Put held rows of these incidents (all of the table's when nincidents is 0)
 * onto the clone, which stands after the plan's ALTER: up to
 * selfheal.dry_run_rows of them. Takes from clone->gaps what this has proven.
 * result->first_miss is made in cxt.
 */
extern void heldtrial_run(Clone *clone, const HealPlan *plan,
						  const int64 *incidents, int nincidents,
						  MemoryContext cxt, HeldTrial *result);

#endif							/* SELFHEAL_HELDTRIAL_H */
