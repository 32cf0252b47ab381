/*
 * round.h
 *	  One table's round: from its claimed incidents to plans that may run.
 *
 * The round lives in a context of its own; everything here is allocated in
 * the current one, which must be that.
 */
#ifndef SELFHEAL_ROUND_H
#define SELFHEAL_ROUND_H

#include "postgres.h"

#include "decide/docket.h"
#include "decide/playbook.h"
#include "decide/policy.h"
#include "decide/vet.h"
#include "observe/watch.h"
#include "orient/diagnose.h"
#include "orient/incident.h"
#include "record/audit.h"

typedef struct Refusal
{
	const PlanStep *step;
	char	   *reason;
} Refusal;

typedef struct Round
{
	Oid			relid;
	Watch		watch;
	List	   *claimed;		/* Incident * */
	List	   *partly;			/* of them: no step helps, but rows of theirs
								 * fit now */
	Diagnosis  *diagnosis;		/* of round_orient */
	List	   *remedies;		/* Remedy * */
	List	   *now;			/* PlanStep *, runs by itself */
	List	   *later;			/* PlanStep *, waits for a person */
	List	   *refused;		/* Refusal * */
	List	   *cautions;		/* Caution *, why new columns wait */
	int			room;			/* columns that may still be added */
	int			quota;			/* of them today, without approval */
	int64		plan;			/* of the step at work, for the error path */
	Jsonb	   *refused_trial;	/* dry run that refused the last plan, if it
								 * was one */
	bool		refused_by_check;	/* of the team's, in it */
	HumanReason human;			/* why the last plan came to nothing */
} Round;

/*
 * Diagnose all held rows of the table, find remedies, sort their steps by
 * what policy says of each alone; incidents that no step can help are moved
 * to needs_human. Audit: diagnosed. In the current transaction.
 */
extern void round_orient(Round *round);

/* Why the new column of this incident waits beside what the plan says of all
 * that wait with it, or NULL. */
extern char *round_caution(const Round *round, int64 incident);

/* Ids of the claimed incidents that these steps cover; with replays also
 * those whose rows need no step. Returns how many; ids has room for all. */
extern int	round_covered(const Round *round, const List *steps, bool replays, int64 *ids);

/* Held rows of these incidents when the table was diagnosed. */
extern int64 round_held(const Round *round, const int64 *ids, int n);

/*
 * From steps to a stored plan with its dry run. Audit: planned, vetted,
 * dry_run. Returns NULL when nothing may run, and *reason says why (NULL:
 * steps were moved to later, since together, or by what the trial has shown,
 * they need a person; those that are still in now are to be planned anew);
 * *empty_handed: only because the trial stored no held row. ask: the plan
 * waits for a person.
 */
extern PlanRow *round_plan(Round *round, List *steps, const int64 *ids, int n,
						   bool ask, VettedPlan **vetted, char **reason,
						   bool *empty_handed);

/*
 * Of incidents whose plan would wait for a person: does what was sent look as if
 * a key had been renamed or restructured, and is Claude asked about it first?
 * Then they wait for that (asking), and are planned again when it knows no
 * better. Where it was answered often enough, a learnt playbook's steps take
 * the place of those that wait.
 */
extern bool round_asks_first(Round *round, const int64 *ids, int n);

/* A plan that came to nothing: audit refused, incidents to needs_human. */
extern void round_refuse(Round *round, const int64 *ids, int n, const char *reason);

/* Why a plan, of a table that is what it was, is not what policy lets run any
 * more; or NULL. A plan without steps is never void. */
extern const char *round_void(const PlanRow *row);

/* An audit entry about a plan: its SQL, verdict, forecast and the rest. */
extern void round_entry(AuditEntry *entry, const char *event, const PlanRow *row);

/* Milliseconds from then to now. */
extern double round_ms_since(TimestampTz then);

#endif							/* SELFHEAL_ROUND_H */
