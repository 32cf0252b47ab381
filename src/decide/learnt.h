/*
 * learnt.h
 *	  What applied plans of Claude's have in common, as rows (selfheal.learnt).
 *
 *	  noticed -> offered -> promoted -> demoted -> promoted
 *	      '-> demoted         (rehearsed, and failed)
 *	                offered -> demoted;  demoted -> offered (learnt once more)
 *
 * A signature is the SQLSTATE and class of a misfit, what the catalog says of
 * its column and table, and the shape of the change: its steps with a hole
 * where the column's name stands. What names something else keeps the name: a
 * playbook about a key that is no column is about that key.
 */
#ifndef SELFHEAL_LEARNT_H
#define SELFHEAL_LEARNT_H

#include "postgres.h"

#include "decide/docket.h"
#include "orient/incident.h"

/* The signature of a plan, as the table was before it. */
typedef struct LearntPattern
{
	int64		incident;
	char	   *sqlstate;		/* or NULL */
	char	   *class;
	char	   *column;			/* or NULL */
	char	   *subject;
	Jsonb	   *catalog;
	Jsonb	   *steps;
} LearntPattern;

typedef enum LearntState
{
	LEARNT_NOTICED,
	LEARNT_OFFERED,
	LEARNT_PROMOTED,
	LEARNT_DEMOTED
} LearntState;

typedef struct Learnt
{
	int64		id;
	LearntState state;
	int64		plans;			/* applied of its signature */
	bool		failed;			/* its rehearsal */
} Learnt;

/* A plan that one applied, for the rehearsal. */
typedef struct Lesson
{
	int64		plan;
	int64		incident;
	Oid			relid;			/* InvalidOid: the table is gone */
	char	   *column;
} Lesson;

/* The name that plans and audit have for it, in the current context. */
extern char *learnt_name(int64 id);

/*
 * The signature of a plan of Claude's that is about to be applied; NULL when
 * nothing can be learnt of it: it is nobody's but the healer's own, or its steps
 * name what its incident is not about. In the current context.
 */
extern LearntPattern *learnt_pattern(const PlanRow *row);

/* The plan was applied: remember it. In the transaction that applies it. */
extern void learnt_keep(const PlanRow *row, const LearntPattern *pattern);

/* Ids (int64 *) of those that were noticed (or demoted) and whose plans were
 * applied selfheal.promote_after times (since): at most 10. */
extern List *learnt_due(void);

/* One, its row locked when lock; NULL: there is none. In the current context. */
extern Learnt *learnt_get(int64 id, bool lock);

/* Its plans (Lesson *), the newest first, up to limit. */
extern List *learnt_lessons(int64 id, int limit);

/* The live incidents (Lesson *, plan 0) of its SQLSTATE and class that hold
 * rows, up to limit. */
extern List *learnt_live(int64 id, int limit);

/* Ids (int64 *) of those whose signature fits an incident: promoted ones, or
 * only this one, whatever its state, when only is not 0. */
extern List *learnt_for(const Incident *incident, int64 only);

/* Its steps about this column: a plan to be vetted. NULL when it has steps of
 * types that are gone. In the current context. */
extern HealPlan *learnt_plan(int64 id, Oid relid, const char *column);

/* by and reason may be NULL. */
extern void learnt_set(int64 id, LearntState state, const char *by, const char *reason);
extern void learnt_set_rehearsal(int64 id, const Jsonb *rehearsal);

extern const char *learnt_state_name(LearntState state);

#endif							/* SELFHEAL_LEARNT_H */
