/*
 * impact.h
 *	  Who downstream feels a plan?
 *
 * Views and what stands on them, whatever names a column in the catalog,
 * functions by their words, partitions, those who follow the table's changes,
 * prepared statements. The lines are described in effect.h.
 */
#ifndef SELFHEAL_IMPACT_H
#define SELFHEAL_IMPACT_H

#include "postgres.h"

#include "decide/effect.h"
#include "decide/forecast.h"

/*
 * ImpactLine *, gravest first, in the current context. cost is the plan's
 * forecast: what it lists as dependents is refused. notes: all of it, for
 * people; else only what decides, which costs next to nothing where nothing
 * is published and no view stands on a changed column. Reads catalogs; no
 * code of a user runs, no relation of one is locked.
 */
extern List *impact_of(const VettedPlan *plan, const Forecast *cost, bool notes);

#endif							/* SELFHEAL_IMPACT_H */
