/*
 * newparts.h
 *	  New partitions of a plan, below the clone of their table.
 */
#ifndef SELFHEAL_NEWPARTS_H
#define SELFHEAL_NEWPARTS_H

#include "postgres.h"

#include "act/clone.h"
#include "decide/plan.h"

/*
 * Make them as the plan would, with the same bounds, under stand-ins of their
 * parents; of a clone without partitions there is nothing to make. Where the
 * parent has a default partition, its rows are looked at: 23514 when some
 * belong to a new one. Raises what the plan's own statements raise.
 */
extern void newparts_make(Clone *clone, const HealPlan *plan);

#endif							/* SELFHEAL_NEWPARTS_H */
