/*
 * checks.c
 *	  Which of these rows fail a CHECK that others have failed?
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/spi.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "write/checks.h"

struct Checks
{
	MemoryContext cxt;
	TupleDesc	desc;
	TupleConstr *constr;		/* desc's own */
	EState	   *estate;
	TupleTableSlot *slot;
	ExprState **exprs;			/* by constraint; NULL: not looked at */
	ErrorData **errors;			/* of those */
};

/* One search, as spi_try's argument. */
typedef struct Search
{
	Checks	   *c;
	const FormedRow *rows;
	int			n;
	ErrorData **why;
	int			found;
} Search;

/* See the header. */
Checks *
checks_open(Relation rel, TupleDesc desc)
{
	TupleConstr *constr = desc->constr;
	Checks	   *c;

	if (constr == NULL || constr->num_check == 0 ||
		rel->rd_rel->relkind != RELKIND_RELATION || compat_has_generated(constr) ||
		(rel->trigdesc && rel->trigdesc->trig_insert_before_row))
		return NULL;
	c = palloc0(sizeof(Checks));
	c->cxt = CurrentMemoryContext;
	c->desc = desc;
	c->constr = constr;
	c->estate = CreateExecutorState();
	c->slot = MakeTupleTableSlot(desc, &TTSOpsHeapTuple);
	c->exprs = palloc0(sizeof(ExprState *) * constr->num_check);
	c->errors = palloc0(sizeof(ErrorData *) * constr->num_check);
	return c;
}

void
checks_close(Checks *c)
{
	FreeExecutorState(c->estate);
}

/* See the header. */
bool
checks_learn(Checks *c, const ErrorData *edata)
{
	if (edata->sqlerrcode != ERRCODE_CHECK_VIOLATION || edata->constraint_name == NULL)
		return false;
	for (int i = 0; i < c->constr->num_check; i++)
	{
		MemoryContext old;

		if (strcmp(c->constr->check[i].ccname, edata->constraint_name) != 0)
			continue;
		if (c->exprs[i])
			return true;
		old = MemoryContextSwitchTo(c->cxt);
		c->errors[i] = fit_copy_error(edata);
		c->errors[i]->detail = NULL;
		MemoryContextSwitchTo(c->estate->es_query_cxt);
		c->exprs[i] = ExecPrepareExpr(stringToNode(c->constr->check[i].ccbin),
									  c->estate);
		MemoryContextSwitchTo(old);
		return true;
	}
	return false;
}

/* Body of the subtransaction. */
static void
search(void *arg)
{
	Search	   *s = arg;
	Checks	   *c = s->c;
	ExprContext *econtext = GetPerTupleExprContext(c->estate);

	econtext->ecxt_scantuple = c->slot;
	for (int r = 0; r < s->n; r++)
	{
		CHECK_FOR_INTERRUPTS();
		ExecStoreHeapTuple(s->rows[r].tuple, c->slot, false);
		for (int i = 0; i < c->constr->num_check && s->why[r] == NULL; i++)
			if (c->exprs[i] && !ExecCheck(c->exprs[i], econtext))
				s->why[r] = c->errors[i];
		s->found += s->why[r] != NULL;
		ResetExprContext(econtext);
	}
	ExecClearTuple(c->slot);
}

/* See the header. */
int
checks_find(Checks *c, const FormedRow *rows, int n, ErrorData **why)
{
	Search		s = {c, rows, n, why, 0};

	memset(why, 0, sizeof(ErrorData *) * n);
	if (spi_try(search, &s) != NULL)
	{
		memset(why, 0, sizeof(ErrorData *) * n);
		return 0;
	}
	return s.found;
}
