/*
 * checklist.h
 *	  More literals in a CHECK (column IN (...)).
 *
 * What such a list is stands in inlist.h; all else is a rule of the business
 * that no step touches. The new constraint has the name, the state and the
 * comment of the old one.
 *
 * Args of a step: {"constraint": name, "add": ["x", "y"]}, at the end of the
 * list; of an integer column, too, as strings.
 */
#ifndef SELFHEAL_CHECKLIST_H
#define SELFHEAL_CHECKLIST_H

#include "postgres.h"

#include "decide/forms.h"
#include "decide/remedy.h"

/*
 * The builder, of rows that CHECKs refused: a step for each list that lacks
 * what selfheal.list_rows of them or more brought, if that is no other
 * spelling of what it has. Reads pg_constraint.
 */
extern void checklist_extend(Remedy *r, const Evidence *e);

/*
 * The builder behind it: words that may be another spelling of a literal of
 * the list become that literal, by a mapping that a person approves.
 */
extern void checklist_respell(Remedy *r, const Evidence *e);

extern bool checklist_check(const StepSite *site, const PlanStep *step, bool *true_already,
							char **reason);
extern void checklist_clause(StringInfo buf, Oid target, const PlanStep *step);

/* The comment of the constraint, which is lost with the old one. */
extern List *checklist_statements(Oid relid, const PlanStep *step);
extern void checklist_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

/* Does this table of the tree have the constraint, and are its rows read to
 * make it again? Not those of a constraint that was never validated. */
extern bool checklist_scans(Oid relid, const PlanStep *step);

/* Name of the step's constraint. */
extern char *checklist_name(const PlanStep *step);

#endif							/* SELFHEAL_CHECKLIST_H */
