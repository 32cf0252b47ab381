/*
 * defaults.c
 *	  Evaluate the defaults of columns whose key is absent.
 *
 * The expression is prepared when it is first needed, since preparing checks
 * EXECUTE on its functions: a producer who always sends the key needs no right
 * on its default. A constant is rendered once for the whole load.
 *
 * A value travels as text to COPY's input function. Text that depends on
 * DateStyle, IntervalStyle or extra_float_digits may not come back as the same
 * value (an abbreviated zone, a shortened double), so such types are rendered
 * with settings whose output every setting reads back unchanged.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "observe/defaults.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/float.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

typedef struct ColumnDefault
{
	bool		prepared;
	bool		plain;			/* output does not depend on settings */
	ExprState  *expr;			/* NULL: no default, or rendered */
	char	   *rendered;		/* of a constant; NULL: null */
	Oid			output;
} ColumnDefault;

struct Defaults
{
	const Shape *shape;
	const int  *columns;
	EState	   *estate;
	ColumnDefault *of;			/* by position in the list */
};

/* See the header. */
Defaults *
defaults_open(Relation rel, const Shape *shape, const int *columns, int ncolumns)
{
	Defaults   *d = palloc0(sizeof(Defaults));

	d->shape = shape;
	d->columns = columns;
	d->estate = CreateExecutorState();
	d->of = palloc0(sizeof(ColumnDefault) * Max(ncolumns, 1));
	return d;
}

/* Does a type's output read the same under all settings? */
static bool
plain_output(Oid type)
{
	switch (type)
	{
		case BOOLOID:
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case UUIDOID:
		case JSONOID:
		case JSONBOID:
			return true;
		default:
			return false;
	}
}

/*
 * Render a value in the current memory context, with ISO dates, intervals of
 * one sign per field and floats in full where the session has it otherwise.
 */
static char *
render(ColumnDefault *c, Datum value)
{
	int			nest = -1;
	char	   *text;

	if (!c->plain &&
		(DateStyle != USE_ISO_DATES || IntervalStyle != INTSTYLE_POSTGRES ||
		 extra_float_digits < 1))
	{
		nest = NewGUCNestLevel();
		(void) set_config_option("datestyle", "ISO", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
		(void) set_config_option("intervalstyle", "postgres", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
		(void) set_config_option("extra_float_digits", "1", PGC_USERSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	text = OidOutputFunctionCall(c->output, value);
	if (nest >= 0)
		AtEOXact_GUC(true, nest);
	return text;
}

/* Find and prepare a column's default, its type's included. */
static void
prepare(Defaults *d, Relation rel, int i)
{
	const FitColumn *col = &d->shape->cols[d->columns[i]];
	ColumnDefault *c = &d->of[i];
	MemoryContext old = MemoryContextSwitchTo(d->estate->es_query_cxt);
	Node	   *expr = build_column_default(rel, col->attnum);
	bool		varlena;

	if (expr)
	{
		getTypeOutputInfo(col->type, &c->output, &varlena);
		c->plain = plain_output(col->basetype);
		expr = (Node *) expression_planner((Expr *) expr);
		if (!IsA(expr, Const))
			c->expr = ExecPrepareExpr((Expr *) expr, d->estate);
		else if (!((Const *) expr)->constisnull)
			c->rendered = render(c, ((Const *) expr)->constvalue);
	}
	MemoryContextSwitchTo(old);
	c->prepared = true;
}

/* See the header. */
void
defaults_field(Defaults *d, Relation rel, int i, CopyLines *lines)
{
	ColumnDefault *c = &d->of[i];
	ExprContext *econtext;
	MemoryContext old;
	Datum		value;
	bool		isnull;

	if (!c->prepared)
		prepare(d, rel, i);
	if (c->expr == NULL)
	{
		if (c->rendered)
			copyin_field(lines, c->rendered, strlen(c->rendered));
		else
			copyin_field_null(lines);
		return;
	}

	econtext = GetPerTupleExprContext(d->estate);
	value = ExecEvalExprSwitchContext(c->expr, econtext, &isnull);
	if (isnull)
		copyin_field_null(lines);
	else
	{
		char	   *text;

		old = MemoryContextSwitchTo(econtext->ecxt_per_tuple_memory);
		text = render(c, value);
		MemoryContextSwitchTo(old);
		copyin_field(lines, text, strlen(text));
	}
	ResetExprContext(econtext);
}

/* See the header. */
void
defaults_close(Defaults *d)
{
	FreeExecutorState(d->estate);
}
