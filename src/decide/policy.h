/*
 * policy.h
 *	  Verdict = kind of step x cost on this table x the table's mode x what
 *	  people have said of both (rules.h).
 */
#ifndef SELFHEAL_POLICY_H
#define SELFHEAL_POLICY_H

#include "postgres.h"

#include "decide/forecast.h"
#include "observe/watch.h"

typedef enum Verdict
{
	VERDICT_AUTO,
	VERDICT_REVIEW,
	VERDICT_REFUSE
} Verdict;

typedef struct Ruling
{
	Verdict		verdict;
	const char *reason;			/* for people */
	const char *policy;			/* the rule that gave it, a stable name */
	const char *state;			/* all of the policy it rests on
								 * (rules_state): what an approval binds */
} Ruling;

/*
 * What makes a new column wait, whatever it costs: nobody but the team knows
 * what its key means, or a producer has brought too many; or a mapping: what
 * was sent leaves a question open. Of steps that the plan does not have it says
 * nothing.
 */
typedef struct Caution
{
	const char *column;			/* the new column, or a mapping's key */
	const char *alike;			/* may be another spelling of this name */
	bool		beyond;			/* more than selfheal.max_new_columns in a day */
	const char *question;		/* of a mapping: what a person must say */
} Caution;

/*
 * What the policy says of a vetted plan with this cost; cautions
 * (Caution *) are what is known of its new columns. What runs by itself is
 * split from what waits by asking it of single-step plans.
 */
extern Ruling policy_rule(const VettedPlan *plan, const Forecast *cost, WatchMode mode,
						  const List *cautions);

/* The reason why this new column, or mapping, waits, for people. */
extern char *policy_caution(Oid relid, const Caution *caution);

extern const char *policy_verdict_name(Verdict verdict);

#endif							/* SELFHEAL_POLICY_H */
