/*
 * policy.h
 *	  Verdict = kind of step x cost on this table x the table's mode x what
 *	  people have said of both (rules.h).
 */
#ifndef SELFHEAL_POLICY_H
#define SELFHEAL_POLICY_H

#include "postgres.h"

#include "decide/caution.h"
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
	List	   *rules;			/* of those, what set_policy() has said for
								 * this verdict (PolicyRule *, rules.h) */
} Ruling;

/*
 * What the policy says of a vetted plan with this cost; cautions
 * (Caution *) are what is known of its new columns and mappings. What runs by itself is
 * split from what waits by asking it of single-step plans.
 */
extern Ruling policy_rule(const VettedPlan *plan, const Forecast *cost, WatchMode mode,
						  const List *cautions);

extern const char *policy_verdict_name(Verdict verdict);

#endif							/* SELFHEAL_POLICY_H */
