/*
 * constant.h
 *	  The step that gives a column a constant for its default.
 *
 * set_default: "args": {"value": "EU"}, the text of the constant in whatever
 *   notation of its type means the same under all settings.
 *
 * A value that nobody sent: somebody of the team names it, the type's own
 * input function reads it, and nothing is computed from it.
 */
#ifndef SELFHEAL_CONSTANT_H
#define SELFHEAL_CONSTANT_H

#include "postgres.h"

#include "decide/forms.h"

extern PlanStep *constant_step(const char *column, const char *value);

/*
 * What SET DEFAULT says in SQL, expr as the raw parser gives it (NULL: DROP
 * DEFAULT); NULL with a reason when it is no constant. Throws what a type's
 * name that cannot be resolved throws.
 */
extern PlanStep *constant_read(Oid relid, const char *column, Node *expr, char **reason);

/* Can this text be the default of the column? Else false, with a reason. In a
 * transaction. */
extern bool constant_fits(const FormData_pg_attribute *att, const char *value, char **reason);

/* The column's default as SQL has it, for people; NULL: it has none. */
extern char *constant_present(Oid relid, const char *column);

extern bool constant_check(const StepSite *site, const PlanStep *step, bool *true_already,
						   char **reason);
extern void constant_clause(StringInfo buf, Oid target, const PlanStep *step);
extern void constant_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

#endif							/* SELFHEAL_CONSTANT_H */
