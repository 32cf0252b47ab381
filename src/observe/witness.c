/*
 * witness.c
 *	  Would the table take this row? Of rows that are looked at and never
 *	  stored.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "observe/contract.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "observe/misfits.h"
#include "observe/routing.h"
#include "observe/witness.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* The look, as spi_try's argument. */
typedef struct Looking
{
	const WitnessLook *look;
	StoreRow   *rows;
	int			n;
	int			at;
	Shape	   *shape;
	JsonScanner *scanner;
	const JsonDoc *doc;			/* of the row at hand */
	MemoryContext cxt;			/* of the misfits */
	MemoryContext row_cxt;
	Misfit	   *thrown;			/* of its values that threw, in cxt */
	int			nthrown;
} Looking;

/* See the header. */
bool
witness_curable(FitClass class)
{
	return (fit_is_drift(class) && class != FIT_NULL_VALUE && class != FIT_MISSING_KEY) ||
		class == FIT_PARTITION || class == FIT_GENERATED || class == FIT_SEQUENCE;
}

/* See the header. */
const Misfit *
witness_hopeless(const StoreRow *row)
{
	for (int i = 0; i < row->nmisfits; i++)
		if (!witness_curable(row->misfits[i].class))
			return &row->misfits[i];
	return NULL;
}

/* Keep what does not fit of the row at hand, but for what a contract leaves
 * out: that is not held for it. */
static void
keep(Looking *l, const FitRow *fit)
{
	StoreRow   *row = &l->rows[l->at];

	row->stored = true;
	row->nmisfits = 0;
	for (int i = 0; i < fit->nmisfits; i++)
		fit_words(&fit->misfits[i]);
	for (int i = 0; i < fit->nmisfits; i++)
		if (fit_term(l->shape, &fit->misfits[i]) == TERM_DISCARD_ROW)
			return;
	for (int i = 0; i < l->nthrown; i++)
		if (fit_term(l->shape, &l->thrown[i]) == TERM_DISCARD_ROW)
			return;
	if (fit->nmisfits + l->nthrown > 0)
		misfits_keep(l->cxt, row, l->thrown, l->nthrown, fit->misfits, fit->nmisfits);
}

/* Fit rows from l->at on: the body of a subtransaction. */
static void
fit_rows(void *arg)
{
	Looking    *l = arg;
	MemoryContext old = MemoryContextSwitchTo(l->row_cxt);

	for (; l->at < l->n; l->at++)
	{
		FitRow		fit;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(l->row_cxt);
		l->shape->partial = l->rows[l->at].witness == WITNESS_PART;
		if (l->nthrown > 0)
			(void) fit_row_again(l->shape, l->doc, &fit);
		else
		{
			l->doc = json_scan(l->scanner, l->rows[l->at].bytes, l->rows[l->at].len);
			(void) fit_row(l->shape, l->doc, &fit);
		}
		keep(l, &fit);
		l->nthrown = 0;
	}
	MemoryContextSwitchTo(old);
}

/* A row that fits has a partition, too? */
static void
note_route(void *arg, int row, const Route *route)
{
	Looking    *l = arg;

	if (l->rows[row].stored && OidIsValid(route->parent))
		misfits_keep_reason(l->cxt, &l->rows[row], FIT_PARTITION, ERRCODE_CHECK_VIOLATION, NULL,
							psprintf("no partition of relation \"%s\" takes the row",
									 get_rel_name(route->parent)));
}

/* The look's own word about a shape that routing makes. */
static void
prepare_shape(void *arg, Shape *shape)
{
	const WitnessLook *look = ((Looking *) arg)->look;

	if (look->prepare)
		look->prepare(look->arg, shape);
}

/* The shape as the team's words have made it. */
static Shape *
shape_of(const WitnessLook *look, MemoryContext cxt)
{
	Relation	rel = table_open(look->relid, AccessShareLock);
	Shape	   *shape = fit_shape(rel, cxt);

	hint_apply(hint_list(look->said), shape);
	contract_apply(look->said, shape);
	mapping_apply(mapping_with(mapping_list(look->said), look->mappings), shape);
	if (look->prepare)
		look->prepare(look->arg, shape);
	table_close(rel, NoLock);
	return shape;
}

/* See the header. */
int64
witness_look(const WitnessLook *look, StoreRow *rows, int n)
{
	MemoryContext cxt = CurrentMemoryContext;
	MemoryContext own = AllocSetContextCreate(cxt, "selfheal witness", ALLOCSET_DEFAULT_SIZES);
	Looking		l = {.look = look,.rows = rows,.n = n,.cxt = cxt};
	int64		taken = 0;
	ErrorData  *edata;

	MemoryContextSwitchTo(own);
	l.shape = shape_of(look, own);
	l.scanner = json_scanner(own);
	l.row_cxt = AllocSetContextCreate(own, "selfheal witness row", ALLOCSET_DEFAULT_SIZES);
	l.thrown = palloc0(sizeof(Misfit) * (l.shape->ncols + 1));
	while ((edata = spi_try(fit_rows, &l)) != NULL)
	{
		/* not a value's fault: nothing else would stop this loop */
		if (l.nthrown > l.shape->ncols ||
			!fit_culprit(l.shape, edata, &l.thrown[l.nthrown]))
			ReThrowError(edata);
		l.nthrown++;
		FreeErrorData(edata);
	}
	if (get_rel_relkind(look->relid) == RELKIND_PARTITIONED_TABLE)
	{
		RouteWalk	way = {
			.relid = look->relid,.shaped = look->relid,.said = look->said,
			.mappings = look->mappings,.prepare = prepare_shape,.note = note_route,.arg = &l
		};

		routing_walk(&way, rows, n);
	}
	for (int i = 0; i < n; i++)
		taken += rows[i].stored;
	MemoryContextSwitchTo(cxt);
	MemoryContextDelete(own);
	return taken;
}
