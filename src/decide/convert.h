/*
 * convert.h
 *	  A column that gets a type of another family, since what comes is no
 *	  longer of the one it has.
 *
 * One bad word among good rows makes no text of a number. So it takes a share
 * of the rows that came, and enough of them (share.h), until it is proposed,
 * but for a column that selfheal itself added by a few values (taught.h);
 * and a person approves it in any case, for readers that counted and compared
 * will read text. The cast is one of PostgreSQL's own that takes every value
 * and from which each can be read again (lattice_conversion).
 */
#ifndef SELFHEAL_CONVERT_H
#define SELFHEAL_CONVERT_H

#include "postgres.h"

#include "decide/forms.h"
#include "decide/remedy.h"

/* The builder, of values of another type than the column's and of words too
 * long for character(n): a step, or what is still missing for one. */
extern void convert_type(Remedy *r, const Evidence *e);

/* Is this finding one for which the column's family is given up? Then no step
 * widens the type that it has. */
extern bool convert_due(const Finding *f);

/*
 * May the column have the type? What would not survive (a key, a foreign key,
 * a CHECK, an index with an expression or of a kind that text has not, an
 * identity, a default of a date or a time) refuses it.
 */
extern bool convert_check(const StepSite *site, const PlanStep *step, bool *true_already,
						  char **reason);
extern void convert_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

/* Has the plan such a step? Then say dates and numbers, until the innermost
 * level of settings ends, in the one form from which each comes back. */
extern void convert_pin(const HealPlan *plan);

#endif							/* SELFHEAL_CONVERT_H */
