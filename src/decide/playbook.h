/*
 * playbook.h
 *	  What we know by heart: from findings to steps.
 *
 * A table of rows (class, name, builder) that reads like the documentation.
 * A builder looks at one finding and gives the smallest step that would make
 * all its values fit, with the options it considered and why each was not
 * taken; or the reason why a person is needed. What the team has said of a
 * key (hint.h) comes before what its values prove.
 */
#ifndef SELFHEAL_PLAYBOOK_H
#define SELFHEAL_PLAYBOOK_H

#include "postgres.h"

#include "decide/plan.h"
#include "observe/hint.h"
#include "orient/diagnose.h"

typedef struct Remedy
{
	const Finding *finding;
	const char *playbook;		/* name, or NULL when none knows the class */
	PlanStep   *step;			/* NULL: nothing to change */
	const PlanStep *settled_by; /* the step that makes these values fit: its
								 * own, or that of an earlier remedy for the
								 * same column; NULL = none */
	bool		replay_only;	/* the rows fit once other steps are done, or
								 * already (a key with nulls only) */
	const Hint *hint;			/* the step is what the team said, or NULL */
	const char *alike;			/* the new column may be another spelling of
								 * this column or new key, and the team has
								 * not said otherwise; or NULL */
	char	   *explanation;	/* one or two sentences for people */
	List	   *options;		/* PlaybookOption * */
} Remedy;

typedef struct PlaybookOption
{
	char	   *option;
	bool		taken;
	char	   *why;
} PlaybookOption;

/* One remedy per finding, in the same order. */
extern List *playbook_remedies(const Diagnosis *d);

/* [{"option","taken","why"}] of several remedies. */
extern Jsonb *playbook_options(const List *remedies);

#endif							/* SELFHEAL_PLAYBOOK_H */
