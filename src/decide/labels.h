/*
 * labels.h
 *	  New labels of an enum: the playbook, and what may be one.
 *
 * A label cannot be taken away again, and every table with a column of the
 * type gets it. So a spelling of a label that is there already is none, and a
 * column that brings more than a few new ones is not about labels.
 */
#ifndef SELFHEAL_LABELS_H
#define SELFHEAL_LABELS_H

#include "postgres.h"

#include "decide/forms.h"
#include "decide/remedy.h"
#include "nodes/parsenodes.h"

/*
 * The builder: one step with all new labels of the finding's column that are
 * no other spelling of one another or of one that is there; or why there is
 * none. Reads pg_enum.
 */
extern void labels_add(Remedy *r, const Evidence *e);

/*
 * The builder behind it: words that may be another spelling of a label that is
 * there become that label, by a mapping that a person approves. Of words that
 * are alike another new one it says nothing.
 */
extern void labels_respell(Remedy *r, const Evidence *e);

/*
 * ALTER TYPE ... ADD VALUE as a step of a column of relid that has the type;
 * NULL with a reason when it is anything else. May raise what a look-up of
 * the type's name raises.
 */
extern PlanStep *labels_read(Oid relid, const AlterEnumStmt *stmt, char **reason);

/* May the step's labels be added to the type of this column? The owner of the
 * table must own the type as well. */
extern bool labels_check(const StepSite *site, const PlanStep *step, bool *true_already,
						 char **reason);

/* Its ALTER TYPE statements. The names are quoted and qualified; a label that
 * is there is passed over. */
extern List *labels_statements(Oid relid, const PlanStep *step);

extern void labels_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

/* A label that stands in for a new one in a trial, or NULL: the type has
 * none. */
extern char *labels_stand_in(Oid relid, const PlanStep *step);

#endif							/* SELFHEAL_LABELS_H */
