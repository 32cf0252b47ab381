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
	char	   *sql;			/* as run, NULL without steps; comment lines
								 * say what was made again around it */
	char	   *schema_hash;	/* what rebuild_schema_hash gives when DONE */
	ErrorData  *edata;			/* of a failure */
	Jsonb	   *blockers;		/* [{"pid","query","age_s","mode",
								 * "application"}] when NO_LOCK */
} ApplyResult;

/*
 * In the current transaction: gate, table lock, rebuild_schema_hash against
 * expected, then the one ALTER as the table's owner under
 * SECURITY_RESTRICTED_OPERATION, in a subtransaction of its own, with what
 * depends on a column's type taken away before and made again after it. The
 * gate and the locks are kept to the end of the transaction when DONE.
 */
extern ApplyResult *apply_plan(const VettedPlan *plan, const char *expected_hash);

#endif							/* SELFHEAL_APPLY_H */
