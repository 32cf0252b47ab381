/*
 * newlabels.h
 *	  Adds the new labels of a vetted plan to their enums.
 *
 * In a transaction of its own, before the rest of the plan: no row may use a
 * label before the transaction that added it has committed (55P04).
 */
#ifndef SELFHEAL_NEWLABELS_H
#define SELFHEAL_NEWLABELS_H

#include "postgres.h"

#include "act/apply.h"

/*
 * Run the plan's ALTER TYPE statements as the table's owner, restricted, under
 * selfheal.lock_timeout, in a subtransaction. DONE with sql NULL when the plan
 * has none. No lock on a table is taken; the caller commits.
 */
extern ApplyResult *newlabels_apply(const VettedPlan *plan, const char *expected_hash);

#endif							/* SELFHEAL_NEWLABELS_H */
