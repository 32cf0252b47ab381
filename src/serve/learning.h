/*
 * learning.h
 *	  A plan of Claude's that helped again and again becomes a playbook.
 *
 * What was applied selfheal.promote_after times for one signature (learnt.h) is
 * rehearsed on what is kept of the payloads of past incidents, and offered.
 * Nothing runs by it before a person has said promote(); then it is asked after
 * the built-in playbooks, and what it gives is vetted, proven, judged by policy
 * and tried like any other step.
 *
 * promote(id) and demote(id, why) are for admins. The functions have no C
 * callers.
 */
#ifndef SELFHEAL_LEARNING_H
#define SELFHEAL_LEARNING_H

#include "postgres.h"

#include "decide/learnt.h"
#include "serve/round.h"

/* A plan with this signature was applied (learnt_keep); the pass that is under
 * way looks whether that was often enough. */
extern void learning_kept(const PlanRow *row, const LearntPattern *pattern);

/*
 * Ask the promoted playbooks about claimed incidents for which no built-in one
 * has a step. One whose steps are refused (vet, contract, policy), are there
 * already, or would make no held row fit has nothing to say. A question of the
 * proof becomes the remedy's, so that the step waits for a person.
 */
extern void learning_ask(Round *round);

/*
 * A plan of a built-in playbook would wait for a person, and Claude would be
 * asked first: has a promoted playbook what these incidents (or one of them)
 * were answered before? Then its steps wait in the place of those: true.
 */
extern bool learning_instead(Round *round, const int64 *ids, int n);

/*
 * The dry run of a plan of these steps failed. Where that is the fault of
 * learnt playbooks in it they are demoted, and the incidents are open again,
 * for a round without them: true. Audit: playbook_demoted. In the current
 * transaction.
 */
extern bool learning_failed(Round *round, const List *steps, const int64 *ids, int n,
							const char *reason);

/*
 * Rehearse and offer what is due. In transactions of its own; never throws but
 * what ends the worker. Audit: playbook_offered, playbook_demoted.
 */
extern void learning_pass(void);

#endif							/* SELFHEAL_LEARNING_H */
