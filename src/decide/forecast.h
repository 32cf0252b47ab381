/*
 * forecast.h
 *	  What would this plan cost on this very table? From its catalog.
 *
 * JSON: {"lock": "ACCESS EXCLUSIVE", "rewrite": bool, "scan": bool,
 *        "indexes": [names rebuilt], "dependents": ["view public.v", ...],
 *        "rebuilt": [all that is made again around the change],
 *        "cannot_rebuild": why it is refused, or null,
 *        "publications": [that carry it], "foreign_keys": ["fk on public.child", ...],
 *        "also_locks": ["public.child", ...], "bytes": n,
 *        "estimated_rows": n or null, "statistics_lost": [columns],
 *        "steps": [{"kind","column","rewrite","scan","indexes","why"}]}
 * Rests on the measured table of ALTER TABLE's costs (see docs/SAFETY.md).
 */
#ifndef SELFHEAL_FORECAST_H
#define SELFHEAL_FORECAST_H

#include "postgres.h"

#include "decide/vet.h"

/* What one step of the plan costs by itself. */
typedef struct StepForecast
{
	StepKind	kind;
	bool		rewrite;
	bool		scan;
	bool		index;
} StepForecast;

typedef struct Forecast
{
	List	   *steps;			/* StepForecast *, in the plan's order */
	bool		rewrite;
	bool		scan;
	List	   *indexes;		/* char *, rebuilt */
	List	   *dependents;		/* char *, would be refused by PostgreSQL */
	List	   *rebuilt;		/* char *, taken away and made again around it */
	char	   *cannot_rebuild; /* why that cannot be done exactly, or NULL */
	List	   *refused;		/* char *, names of what cannot be made again */
	bool		published;		/* by any publication */
	List	   *publications;	/* char *, that carry what is changed */
	List	   *foreign_keys;	/* char *, made anew, and checked again when
								 * the heap is rewritten */
	List	   *also_locks;		/* char *, other tables that are locked */
	int64		bytes;			/* of what is rewritten or scanned */
	bool		drops_not_null;
	bool		reads_otherwise;	/* stored values print with more digits */
	List	   *impact;			/* ImpactLine * (effect.h) that decide: no
								 * notes */
	Jsonb	   *json;
} Forecast;

extern Forecast *forecast_plan(const VettedPlan *plan);

#endif							/* SELFHEAL_FORECAST_H */
