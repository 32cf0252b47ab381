/*
 * defaults.c
 *	  Evaluate the defaults of columns that a payload does not fill.
 *
 * The expression is prepared when it is first needed, since preparing checks
 * EXECUTE on its functions: a producer who always sends the key needs no right
 * on its default. A constant is evaluated once for the whole load.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "observe/defaults.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/memutils.h"

typedef struct ColumnDefault
{
	bool		prepared;
	ExprState  *expr;			/* NULL: the constant below */
	Datum		value;
	bool		isnull;
} ColumnDefault;

struct Defaults
{
	const Shape *shape;
	EState	   *estate;
	ColumnDefault *of;			/* by index into shape->cols */
};

/* See the header. */
Defaults *
defaults_open(const Shape *shape)
{
	Defaults   *d = palloc0(sizeof(Defaults));

	d->shape = shape;
	d->estate = CreateExecutorState();
	d->of = palloc0(sizeof(ColumnDefault) * Max(shape->ncols, 1));
	return d;
}

/* Find and prepare a column's default, its type's included. */
static void
prepare(Defaults *d, Relation rel, int col)
{
	ColumnDefault *c = &d->of[col];
	MemoryContext old = MemoryContextSwitchTo(d->estate->es_query_cxt);
	Node	   *expr = build_column_default(rel, d->shape->cols[col].attnum);

	c->isnull = true;
	if (expr)
	{
		expr = (Node *) expression_planner((Expr *) expr);
		if (IsA(expr, Const))
		{
			c->value = ((Const *) expr)->constvalue;
			c->isnull = ((Const *) expr)->constisnull;
		}
		else
			c->expr = ExecPrepareExpr((Expr *) expr, d->estate);
	}
	MemoryContextSwitchTo(old);
	c->prepared = true;
}

/* See the header. The expression is evaluated in the caller's memory: its
 * context is one row's as well. */
Datum
defaults_value(Defaults *d, Relation rel, int col, bool *isnull)
{
	ColumnDefault *c = &d->of[col];

	if (!c->prepared)
		prepare(d, rel, col);
	if (c->expr == NULL)
	{
		*isnull = c->isnull;
		return c->value;
	}
	return ExecEvalExpr(c->expr, GetPerTupleExprContext(d->estate), isnull);
}

/* See the header. */
void
defaults_close(Defaults *d)
{
	FreeExecutorState(d->estate);
}
