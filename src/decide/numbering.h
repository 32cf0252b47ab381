/*
 * numbering.h
 *	  Steps on what numbers a table's rows: the sequence of a column, and who
 *	  may choose an identity's values.
 *
 * extend_sequence: "args": {"max": n}, or {"min": n} of one that counts down;
 *   "as": "bigint" gives the sequence that type as well.
 * set_generated_by_default: no args.
 */
#ifndef SELFHEAL_NUMBERING_H
#define SELFHEAL_NUMBERING_H

#include "postgres.h"

#include "decide/forms.h"

/* The sequence from which a column's default draws. */
typedef struct ColumnSequence
{
	Oid			oid;
	bool		identity;
	Oid			type;
	Oid			column_type;
	int64		increment;		/* below 0: it counts down */
	int64		min;
	int64		max;
	bool		cycle;
} ColumnSequence;

/* False: the column has none of its own (a default that calls nextval() on
 * what is no constant included). Reads the catalog alone. */
extern bool numbering_sequence(Oid relid, const char *column, ColumnSequence *out);

/* The column's default as it is stored (the type's is none), or NULL. */
extern Node *numbering_default(Oid relid, AttrNumber attnum);

/* The last number that an integer type has, in the direction in which the
 * sequence counts. */
extern int64 numbering_limit(Oid type, int64 increment);

/* The number that the sequence gave last; false: none yet. In a transaction;
 * needs no privilege. */
extern bool numbering_last(Oid sequence, int64 *last);

/* A step that lets the column's sequence count to limit. */
extern PlanStep *numbering_extend(const char *column, int64 increment, int64 limit, bool as_bigint);

/* Why a person should look before the sequence is extended: who else draws
 * from it, and that somebody set its limit (char *). */
extern List *numbering_concerns(Oid relid, const char *column);

extern bool numbering_check_extend(const StepSite *site, const PlanStep *step,
								   bool *true_already, char **reason);

/* ALTER SEQUENCE, for the sequence of the column of relid (a clone as well);
 * none when it counts as far by now. */
extern List *numbering_extend_statements(Oid relid, const PlanStep *step);
extern void numbering_undo_extend(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

extern bool numbering_check_by_default(const StepSite *site, const PlanStep *step,
									   bool *true_already, char **reason);
extern void numbering_by_default(StringInfo buf, Oid target, const PlanStep *step);
extern void numbering_undo_by_default(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

#endif							/* SELFHEAL_NUMBERING_H */
