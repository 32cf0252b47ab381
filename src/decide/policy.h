/*
 * policy.h
 *	  Verdict = kind of step x cost on this table x the table's mode.
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
} Ruling;

/*
 * What the default policy says of a vetted plan with this cost. What runs by
 * itself is split from what waits by asking it of single-step plans.
 */
extern Ruling policy_rule(const VettedPlan *plan, const Forecast *cost, WatchMode mode);

extern const char *policy_verdict_name(Verdict verdict);

#endif							/* SELFHEAL_POLICY_H */
