/*
 * generated.c
 *	  Is a value that was sent for a generated column what the table computes?
 *
 * Many producers send back whole rows as they have read them. What PostgreSQL
 * would compute all the same is no loss when it is left out.
 */
#include "postgres.h"

#include "access/transam.h"
#include "catalog/pg_collation.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"
#include "write/generated.h"

/* Bytes of a value that a message shows. */
#define SHOWN 100

typedef struct GeneratedColumn
{
	ExprState  *expr;			/* NULL: not prepared yet */
	FmgrInfo	equal;			/* fn_oid InvalidOid: byte by byte */
	bool		byval;
	int16		len;
} GeneratedColumn;

struct Generated
{
	const Shape *shape;
	EState	   *estate;
	TupleTableSlot *slot;
	GeneratedColumn *of;		/* by index into shape->cols */
};

/* See the header. */
Generated *
generated_open(const Shape *shape, TupleDesc desc)
{
	Generated  *g = palloc0(sizeof(Generated));
	MemoryContext old;

	g->shape = shape;
	g->estate = CreateExecutorState();
	g->of = palloc0(sizeof(GeneratedColumn) * Max(shape->ncols, 1));
	old = MemoryContextSwitchTo(g->estate->es_query_cxt);
	g->slot = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
	MemoryContextSwitchTo(old);
	return g;
}

/* Find the column's expression, and how its type compares. */
static void
prepare(Generated *g, Relation rel, int col)
{
	GeneratedColumn *c = &g->of[col];
	MemoryContext old = MemoryContextSwitchTo(g->estate->es_query_cxt);
	Node	   *expr = build_column_default(rel, g->shape->cols[col].attnum);
	TypeCacheEntry *type = lookup_type_cache(g->shape->cols[col].basetype, TYPECACHE_EQ_OPR_FINFO);

	if (expr == NULL)
		elog(ERROR, "column \"%s\" computes nothing", NameStr(g->shape->cols[col].name));
	if (OidIsValid(type->eq_opr_finfo.fn_oid) && type->eq_opr_finfo.fn_oid < FirstNormalObjectId)
		fmgr_info_copy(&c->equal, &type->eq_opr_finfo, g->estate->es_query_cxt);
	get_typlenbyval(g->shape->cols[col].type, &c->len, &c->byval);
	c->expr = ExecPrepareExpr(expression_planner((Expr *) expr), g->estate);
	MemoryContextSwitchTo(old);
}

static bool
alike(const GeneratedColumn *c, Datum a, bool a_null, Datum b, bool b_null)
{
	if (a_null || b_null)
		return a_null && b_null;
	if (datum_image_eq(a, b, c->byval, c->len))
		return true;
	/* by bytes of text, whatever the column's collation takes for equal */
	return OidIsValid(c->equal.fn_oid) &&
		DatumGetBool(FunctionCall2Coll(unconstify(FmgrInfo *, &c->equal), C_COLLATION_OID, a, b));
}

/* A value as text, cut. */
static char *
shown(const FitColumn *column, Datum value, bool isnull)
{
	Oid			output;
	bool		varlena;
	char	   *text;

	if (isnull)
		return "null";
	getTypeOutputInfo(column->type, &output, &varlena);
	text = OidOutputFunctionCall(output, value);
	if (strlen(text) > SHOWN)
		text = psprintf("%.*s...", pg_mbcliplen(text, strlen(text), SHOWN), text);
	return text;
}

/* What the row computes for a column. */
static Datum
compute(Generated *g, Relation rel, int col, const Datum *values, const bool *nulls, bool *isnull)
{
	ExprContext *econtext = GetPerTupleExprContext(g->estate);
	int			natts = g->slot->tts_tupleDescriptor->natts;
	Datum		computed;

	if (g->of[col].expr == NULL)
		prepare(g, rel, col);
	ExecClearTuple(g->slot);
	memcpy(g->slot->tts_values, values, sizeof(Datum) * natts);
	memcpy(g->slot->tts_isnull, nulls, sizeof(bool) * natts);
	ExecStoreVirtualTuple(g->slot);
	g->slot->tts_tableOid = RelationGetRelid(rel);
	econtext->ecxt_scantuple = g->slot;
	computed = ExecEvalExpr(g->of[col].expr, econtext, isnull);
	ExecClearTuple(g->slot);
	return computed;
}

/* See the header. */
bool
generated_next(Generated *g, Relation rel, const FitRow *fit, const Datum *values, const bool *nulls,
			   int *col, const FitColumn **forming, bool *is_alike, Misfit *out)
{
	for (; *col < g->shape->ncols; (*col)++)
	{
		FitColumn  *column = &g->shape->cols[*col];
		const FitCell *cell = &fit->cells[*col];
		bool		sent_null = cell->state == CELL_NULL;
		Datum		sent = 0;
		Datum		computed;
		bool		isnull;

		if (!column->generated || cell->state == CELL_ABSENT)
			continue;
		*forming = column;
		if (!sent_null)
			sent = fit_value(g->shape, *col, cell);
		computed = compute(g, rel, *col, values, nulls, &isnull);
		memset(out, 0, sizeof(*out));
		out->class = FIT_GENERATED;
		out->column = NameStr(column->name);
		out->sqlstate = ERRCODE_GENERATED_ALWAYS;
		out->field = 1;			/* one of the payload's, whichever */
		*is_alike = alike(&g->of[*col], sent, sent_null, computed, isnull);
		if (!*is_alike)
			out->message = psprintf("column \"%s\" is computed by the database: the row brings %s, and it computes %s",
									NameStr(column->name), shown(column, sent, sent_null),
									shown(column, computed, isnull));
		*forming = NULL;
		return true;
	}
	return false;
}

/* See the header. */
void
generated_close(Generated *g)
{
	ExecDropSingleTupleTableSlot(g->slot);
	FreeExecutorState(g->estate);
}
