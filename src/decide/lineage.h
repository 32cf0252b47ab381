/*
 * lineage.h
 *	  Which columns of which views come from a column of a table?
 *
 * Read from the stored queries of views and materialized views, over as many
 * levels as there are. No view is opened or locked, and nothing of it runs.
 */
#ifndef SELFHEAL_LINEAGE_H
#define SELFHEAL_LINEAGE_H

#include "postgres.h"

#include "decide/plan.h"

/* Views that one question looks at, at most. */
#define LINEAGE_MAX_VIEWS 1000

typedef struct ViewReach
{
	Oid			view;
	bool		materialized;
	int			depth;			/* 1: it names the table itself */
	Oid			through;		/* the view of the level above; InvalidOid at
								 * 1 */
	List	   *carried;		/* char *: its columns that are the column */
	List	   *computed;		/* char *: made from it, and changed with it */
} ViewReach;

/*
 * Views that name this column of the tables of a tree (list of oids), and those
 * that stand on their columns that change with it: ViewReach *, nearest level
 * first, in the current context. What changes is what the step changes: a
 * column's type, or whether it may be null. computed is cautious: a column
 * whose type may follow is in it. *cut: LINEAGE_MAX_VIEWS was reached.
 */
extern List *lineage_of_step(const List *tree, const PlanStep *step, bool *cut);

/* Views that show every column of this table under its own value, as SELECT *
 * does: ViewReach * without columns. A new column is not in them. */
extern List *lineage_of_all(Oid relid, bool *cut);

#endif							/* SELFHEAL_LINEAGE_H */
