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

#include "decide/remedy.h"

/* One remedy per finding, in the same order. */
extern List *playbook_remedies(const Diagnosis *d);

/* Does the table's contract, as it is now, forbid that a plan of ours takes one
 * of these steps? */
extern bool playbook_frozen(const HealPlan *plan);

#endif							/* SELFHEAL_PLAYBOOK_H */
