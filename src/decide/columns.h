/*
 * columns.h
 *	  Steps on one column: new, wider, nullable.
 */
#ifndef SELFHEAL_COLUMNS_H
#define SELFHEAL_COLUMNS_H

#include "postgres.h"

#include "decide/forms.h"

/* A column by name, copied; NULL when the table lacks it. */
extern Form_pg_attribute columns_get(Oid relid, const char *name);

/*
 * "TYPE x" of a column of target, with a collation of the column's own, which
 * ALTER COLUMN TYPE without COLLATE would silently take away.
 */
extern void columns_say_type(StringInfo buf, Oid target, const char *column, Oid type,
							 int32 typmod);

/* Is the column part of how this table, or one below, is partitioned? Then it
 * is refused. */
extern bool columns_check_partition_key(const List *tree, const char *column, char **reason);

/* A new, empty, nullable column. */
extern bool columns_check_add(const StepSite *site, const PlanStep *step, bool *true_already,
							  char **reason);
extern void columns_add(StringInfo buf, Oid target, const PlanStep *step);
extern void columns_undo_add(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

/* More room in the same type. */
extern bool columns_check_widen(const StepSite *site, const PlanStep *step, bool *true_already,
								char **reason);
extern void columns_widen(StringInfo buf, Oid target, const PlanStep *step);
extern void columns_undo_widen(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

/* NULL becomes a value of the column. */
extern bool columns_check_drop_not_null(const StepSite *site, const PlanStep *step,
										bool *true_already, char **reason);
extern void columns_drop_not_null(StringInfo buf, Oid target, const PlanStep *step);
extern void columns_undo_drop_not_null(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

#endif							/* SELFHEAL_COLUMNS_H */
