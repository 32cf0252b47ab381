/*
 * sandbox.h
 *	  Dry run: the plan on a clone, with the rows that failed and with rows
 *	  that are stored already. Everything is rolled back.
 *
 * JSON: {"ok": bool, "held_tried": n, "held_stored": n, "history_tried": n,
 *        "history_broken": n, "rewrote": bool, "reason": text or null,
 *        "traced": what the ALTER did to the clone's files (trace.h), or null,
 *        "not_covered": ["triggers", "foreign keys of other tables", ...], "ms": n,
 *        "checks": [...]} (assertions.h)
 * The words of not_covered are those of coverage.c.
 */
#ifndef SELFHEAL_SANDBOX_H
#define SELFHEAL_SANDBOX_H

#include "postgres.h"

#include "decide/forecast.h"
#include "decide/vet.h"

typedef struct DryRun
{
	bool		ok;				/* the plan may run */
	int64		held_tried;
	int64		held_stored;
	int64		history_tried;
	int64		history_broken;
	bool		refused_by_check;	/* of the team's; reason names it */
	char	   *reason;			/* why not ok */
	Traced	   *traced;			/* for forecast_correct; NULL when no ALTER
								 * ran to its end */
	Jsonb	   *json;
} DryRun;

/* Try a plan with the held rows of these incidents (all of the table's when
 * nincidents is 0). Leaves nothing behind; result in the current context. */
extern DryRun *sandbox_try(const VettedPlan *plan, const int64 *incidents, int nincidents);

#endif							/* SELFHEAL_SANDBOX_H */
