/*
 * render.h
 *	  From a plan's steps to the SQL that runs, and to what would undo it.
 *
 * SQL is rendered from the steps here and in the rooms that forms.h names, and
 * nowhere else: names through quote_identifier, types from their oids, so that
 * no text that somebody proposed can reach the executor. One plan is one ALTER
 * TABLE, for the lock is then taken once and the table is rewritten at most
 * once.
 */
#ifndef SELFHEAL_RENDER_H
#define SELFHEAL_RENDER_H

#include "postgres.h"

#include "decide/plan.h"

/* One ALTER TABLE with all STEP_IN_ALTER steps on target (the plan's own
 * table, or a clone), in the current context. NULL when there are none. 42P01
 * when target is gone. */
extern char *render_alter(const HealPlan *plan, Oid target);

/* The statements (char *) of the plan's steps that are made there (STEP_BEFORE
 * or STEP_BESIDE), in order; beside stands also what the ALTER TABLE's own
 * steps say anew after it. Of STEP_IN_MAPPING what they amount to.
 * Must be asked before the plan is applied. */
extern List *render_statements(const HealPlan *plan, StepPlace place);

/* All that a plan runs, for people: statements before, the ALTER TABLE,
 * statements beside, the calls that its mappings amount to, each ended but the
 * last. NULL without any. */
extern char *render_text(const HealPlan *plan);

/* What would undo it, as text for the record; a comment line where it cannot
 * be undone without loss. NULL without steps. Must be asked before the plan is
 * applied. */
extern char *render_inverse(const HealPlan *plan);

#endif							/* SELFHEAL_RENDER_H */
