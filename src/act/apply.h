/*
 * apply.h
 *	  Runs a vetted plan on the real table, under a lock budget.
 */
#ifndef SELFHEAL_APPLY_H
#define SELFHEAL_APPLY_H

#include "postgres.h"

#include "decide/vet.h"

typedef enum ApplyOutcome
{
	APPLY_DONE,
	APPLY_NO_LOCK,				/* somebody holds the table: try again later */
	APPLY_STALE,				/* the table is not what was vetted: plan
								 * again */
	APPLY_FAILED				/* PostgreSQL refused it */
} ApplyOutcome;

typedef struct ApplyResult
{
	ApplyOutcome outcome;
	char	   *sql;			/* as run, NULL without steps */
	ErrorData  *edata;			/* of a failure */
	Jsonb	   *blockers;		/* [{"pid","query","age_s","mode",
								 * "application"}] when NO_LOCK */
} ApplyResult;

/*
 * In the current transaction: gate, table lock, schema hash against
 * expected, then the one ALTER as the table's owner under
 * SECURITY_RESTRICTED_OPERATION, in a subtransaction of its own. The gate and
 * the lock are kept to the end of the transaction when DONE.
 */
extern ApplyResult *apply_plan(const VettedPlan *plan, const char *expected_hash);

#endif							/* SELFHEAL_APPLY_H */
