/*
 * defaults.c
 *	  Evaluate the defaults of columns that a payload does not fill.
 *
 * The expression is prepared when it is first needed, since preparing checks
 * EXECUTE on its functions: a producer who always sends the key needs no right
 * on its default. A constant is evaluated once for the whole load.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "write/defaults.h"

typedef struct ColumnDefault
{
	bool		prepared;
	bool		looks;
	bool		draws;			/* from a sequence */
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

/* A function that a query may hide behind, by check_functions_in_node. */
static bool
may_query(Oid func, void *arg)
{
	HeapTuple	tup;
	bool		may;

	if (func < FirstNormalObjectId)
		return false;
	tup = SearchSysCache1(PROCOID, ObjectIdGetDatum(func));
	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for function %u", func);
	may = ((Form_pg_proc) GETSTRUCT(tup))->provolatile == PROVOLATILE_VOLATILE &&
		((Form_pg_proc) GETSTRUCT(tup))->prolang != ClanguageId;
	ReleaseSysCache(tup);
	return may;
}

static bool
looks(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	return check_functions_in_node(node, may_query, arg) ||
		expression_tree_walker(node, looks, arg);
}

static bool
draws(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	return IsA(node, NextValueExpr) ||
		(IsA(node, FuncExpr) && castNode(FuncExpr, node)->funcid == F_NEXTVAL) ||
		expression_tree_walker(node, draws, arg);
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
		c->looks = looks(expr, NULL);
		c->draws = draws(expr, NULL);
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
bool
defaults_look(Defaults *d, Relation rel, int col)
{
	if (!d->of[col].prepared)
		prepare(d, rel, col);
	return d->of[col].looks;
}

/* See the header. */
bool
defaults_draws(const Defaults *d, int col)
{
	return d->of[col].prepared && d->of[col].draws;
}

/* See the header. */
void
defaults_close(Defaults *d)
{
	FreeExecutorState(d->estate);
}
