/*
 * docket.h
 *	  Plans as rows (selfheal.plan): what was decided, and what waits.
 *
 *	  planned -> applied | failed | refused | superseded
 *	  planned -> awaiting_approval -> approved -> applied | failed | superseded
 *	                    |-> rejected  |-> superseded
 *	  refused, rejected, applied, failed, superseded: final
 */
#ifndef SELFHEAL_DOCKET_H
#define SELFHEAL_DOCKET_H

#include "postgres.h"

#include "decide/plan.h"
#include "decide/policy.h"

typedef enum DocketState
{
	PLAN_PLANNED,
	PLAN_AWAITING_APPROVAL,
	PLAN_APPROVED,
	PLAN_APPLIED,
	PLAN_REJECTED,
	PLAN_REFUSED,
	PLAN_FAILED,
	PLAN_SUPERSEDED
} DocketState;

typedef struct PlanRow
{
	int64		id;
	Oid			relid;
	DocketState state;
	HealPlan   *plan;
	int			nincidents;
	int64	   *incidents;
	char	   *sql;			/* NULL: a replay, no steps */
	char	   *inverse;
	char	   *verdict;
	char	   *reason;
	char	   *policy;
	char	   *hash;			/* what an approval binds */
	char	   *schema_hash;
	Jsonb	   *options;
	char	   *explanation;
	char	   *playbook;
	Jsonb	   *forecast;
	Jsonb	   *impact;			/* effect.h; NULL: nothing feels it */
	Jsonb	   *dry_run;
	char	   *proposed_by;
	char	   *why;
	char	   *decided_by;
	int64		conversation;	/* with Claude that it came of; 0: none */
	double		confidence;		/* Claude's; of no account without a
								 * conversation */
} PlanRow;

/* A row for a vetted plan with its cost and ruling, not stored yet; incidents
 * and texts are the caller's to fill. Strings in the current context. */
extern PlanRow *docket_draft(const VettedPlan *plan, const Forecast *cost,
							 const Ruling *ruling);

/*
 * Store a plan. A plan of the same table with the same hash that still awaits
 * approval is kept under its id with the new incidents joined to it: what a
 * person reads in the morning does not change its number with every load.
 * Other plans of the table that await approval are superseded when
 * supersede. Sets and returns row->id.
 */
extern int64 docket_add(PlanRow *row, bool supersede);

/* Read one (current context); lock: FOR UPDATE. Raises 42704. Plans of
 * dropped tables have relid InvalidOid and plan NULL. */
extern PlanRow *docket_get(int64 id, bool lock);

/* Change the state along the diagram (55000 otherwise); by and reason may be
 * NULL. */
extern void docket_move(int64 id, DocketState to, const char *by, const char *reason);

/* What its dry run has shown; forecast, corrected by it: NULL leaves it. */
extern void docket_set_dry_run(int64 id, const Jsonb *dry_run, const Jsonb *forecast);

/* Ids of approved plans whose table is watched and not paused, oldest first,
 * and that are not waiting for a lock's pause. *next as incident_due_tables. */
extern List *docket_approved(TimestampTz *next);

/* An approved plan missed its lock: try again not before. */
extern void docket_wait(int64 id, TimestampTz next_try);

extern const char *docket_state_name(DocketState state);

#endif							/* SELFHEAL_DOCKET_H */
