/*
 * caution.h
 *	  What makes a new column, or a mapping, wait for a person, whatever it
 *	  costs.
 *
 * Cautions are made where remedies are sorted; the policy has a rule for each
 * kind of them. A caution about a step that a plan does not have says nothing
 * of that plan.
 */
#ifndef SELFHEAL_CAUTION_H
#define SELFHEAL_CAUTION_H

#include "postgres.h"

#include "decide/plan.h"

/*
 * What makes a new column wait, whatever it costs: nobody but the team knows
 * what its key means, or a producer has brought too many; or a mapping: what
 * was sent leaves a question open. Whoever proposes a column that nobody sent
 * chooses its name, and a name is read by everybody: it could carry what was in
 * a payload. Of steps that the plan does not have it says
 * nothing.
 */
typedef struct Caution
{
	const char *column;			/* the new column, or a mapping's key */
	const char *alike;			/* may be another spelling of this name */
	bool		beyond;			/* more than selfheal.max_new_columns in a day */
	const char *question;		/* of a mapping: what a person must say */
	bool		strange;		/* no held payload has such a key */
} Caution;

/* The reason why this new column, or mapping, waits, for people. */
extern char *caution_words(Oid relid, const Caution *caution);

/* Of the plan's new columns, those that may be another spelling of a name:
 * the words of each (char *). */
extern List *caution_renames(const HealPlan *plan, const List *cautions);

/* Of the plan's mappings, what only a person can answer (char *). */
extern List *caution_questions(const HealPlan *plan, const List *cautions);

/* Of the plan's new columns, those beyond selfheal.max_new_columns: their
 * names. */
extern List *caution_beyond(const HealPlan *plan, const List *cautions);

/* Of the plan's new columns, those that no held payload has a key for: their
 * names. */
extern List *caution_strange(const HealPlan *plan, const List *cautions);

#endif							/* SELFHEAL_CAUTION_H */
