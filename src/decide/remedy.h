/*
 * remedy.h
 *	  What a playbook has to say of one finding: a step, or why there is none.
 */
#ifndef SELFHEAL_REMEDY_H
#define SELFHEAL_REMEDY_H

#include "postgres.h"

#include "decide/plan.h"
#include "observe/hint.h"
#include "orient/diagnose.h"

typedef struct Remedy
{
	const Diagnosis *diagnosis;
	const Finding *finding;
	const char *playbook;		/* name, or NULL when none knows the class */
	PlanStep   *step;			/* NULL: nothing to change */
	List	   *also;			/* PlanStep *: no use without them, so that
								 * they run together or not at all */
	bool		certain;		/* without a step: no row of it can be stored
								 * as the table is, so that a replay is no use */
	const PlanStep *settled_by; /* the step that makes these values fit: its
								 * own, or that of an earlier remedy for the
								 * same column; NULL = none */
	bool		replay_only;	/* the rows fit once other steps are done, or
								 * already (a key with nulls only) */
	const Hint *hint;			/* the step is what the team said, or NULL */
	const char *alike;			/* the new column may be another spelling of
								 * this column or new key, and the team has
								 * not said otherwise; or NULL */
	uint64		reads;			/* a mapping's: 1 << FitClass of the findings
								 * of its column that it reads values of */
	char	   *question;		/* a mapping's: what only a person can say, so
								 * that it waits for him; or NULL */
	int64		learnt;			/* learnt playbook that gave the steps, or 0 */
	char	   *explanation;	/* one or two sentences for people */
	List	   *options;		/* RemedyOption * */
} Remedy;

typedef struct RemedyOption
{
	char	   *option;
	bool		taken;
	char	   *why;
} RemedyOption;

/* Note one option that was considered for the finding's column. The texts are
 * copied. */
extern void remedy_option(Remedy *r, bool taken, const char *what, const char *why);

/* Is it known only by statements that failed and whose rows are not known? */
extern bool remedy_is_stated(const Finding *f);

/* Does a step of it add a column? */
extern bool remedy_adds_column(const Remedy *r);

/* "1 row brings" or "12 rows bring" */
extern char *remedy_rows_bring(const Finding *f);

/* [{"option","taken","why"}] of several remedies; one that asks a question has
 * {"option": the question, "taken": false, "why", "rows": ids of held rows that
 * show it} before them. */
extern Jsonb *remedy_options(const List *remedies);

#endif							/* SELFHEAL_REMEDY_H */
