/*
 * forms.h
 *	  The forms of a step: for each kind how it is vetted, said and undone.
 *
 * One entry per kind (forms.c), each with the room that makes it. A kind
 * without a check is refused by the vetter.
 */
#ifndef SELFHEAL_FORMS_H
#define SELFHEAL_FORMS_H

#include "postgres.h"

#include "catalog/pg_attribute.h"
#include "decide/plan.h"
#include "lib/stringinfo.h"

/* What the name in "column" is of. */
typedef enum StepAbout
{
	ABOUT_COLUMN,				/* a column that the table has of its own */
	ABOUT_NEW_COLUMN,			/* any name that a column could have */
	ABOUT_KEY,					/* a key of the payload, however long */
	ABOUT_TABLE					/* nothing: the check looks at it itself */
} StepAbout;

/* Where a step is checked. */
typedef struct StepSite
{
	const HealPlan *plan;		/* with all of its steps */
	Oid			relid;
	Oid			owner;
	const List *tree;			/* the table and all that inherits from it */
	Form_pg_attribute att;		/* of the column; NULL: there is none */
} StepSite;

/* What would undo a plan, as far as it was told. */
typedef struct StepUndo
{
	StringInfoData notes;		/* comment lines: what is lost */
	StringInfoData clause;		/* of this step, for an ALTER TABLE; empty:
								 * none */
	StringInfoData after;		/* statements of their own, each with ";\n" */
	const char *shown;			/* the column's name, fit for a comment line */
} StepUndo;

typedef struct StepForm
{
	StepAbout	about;
	bool		approval_only;	/* no policy lets it run by itself */
	const char *lock;			/* on the table; NULL: none */

	/*
	 * May the step be taken on this table, as it is now? False with a reason;
	 * *true_already when there is nothing to do. Must take no lock that
	 * stays.
	 */
	bool		(*check) (const StepSite *site, const PlanStep *step,
						  bool *true_already, char **reason);

	/* STEP_IN_ALTER: its clause of the ALTER TABLE on target. */
	void		(*clause) (StringInfo buf, Oid target, const PlanStep *step);

	/*
	 * STEP_BEFORE, STEP_BESIDE: its statements (char *) on the table;
	 * STEP_IN_ALTER: what is said anew after it, read before. NULL: none.
	 * STEP_IN_MAPPING: what it amounts to, for people; never run.
	 */
	List	   *(*statements) (Oid relid, const PlanStep *step);

	/* What would undo it. Reads the catalog as it is before the plan. */
	void		(*undo) (const HealPlan *plan, const PlanStep *step, StepUndo *undo);
} StepForm;

extern const StepForm *form_of(StepKind kind);

#endif							/* SELFHEAL_FORMS_H */
