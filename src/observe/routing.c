/*
 * routing.c
 *	  Which partition would a payload go to?
 *
 * Only the columns of partition keys are made into values. No step of ours
 * changes their types, so that the clone's values are the table's.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "observe/routing.h"
#include "optimizer/optimizer.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/memutils.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "write/defaults.h"

/* Rows whose values may throw before we ask no further. */
#define THROWS_MAX 10

/* One partitioned table of the tree. */
typedef struct Level
{
	Relation	rel;
	PartitionKey key;
	PartitionDesc desc;
	List	   *exprs;			/* ExprState * of the key */
	Bitmapset  *used;			/* attribute numbers, from 1, of its columns */
	TupleTableSlot *slot;
} Level;

/* One walk over the rows, as spi_try's argument. */
struct Walk
{
	const RouteWalk *way;
	const StoreRow *rows;
	int			n;
	int			at;

	/* of one subtransaction */
	Relation	rel;			/* whose columns are filled */
	Shape	   *shape;
	JsonScanner *scanner;
	Defaults   *defaults;
	EState	   *estate;
	PartitionDirectory directory;
	List	   *levels;			/* Level * */
	MemoryContext row_cxt;
};

typedef struct Walk Walk;

/* The level of a partitioned table, opened when a row comes to it. */
static Level *
level_of(Walk *w, Oid relid)
{
	Level	   *level;
	MemoryContext old;
	ListCell   *lc;

	foreach(lc, w->levels)
	{
		level = lfirst(lc);
		if (RelationGetRelid(level->rel) == relid)
			return level;
	}
	old = MemoryContextSwitchTo(w->estate->es_query_cxt);
	level = palloc0(sizeof(Level));
	level->rel = table_open(relid, AccessShareLock);
	level->key = RelationGetPartitionKey(level->rel);
	level->desc = PartitionDirectoryLookup(w->directory, level->rel);
	level->exprs = ExecPrepareExprList(level->key->partexprs, w->estate);
	level->slot = MakeSingleTupleTableSlot(RelationGetDescr(level->rel), &TTSOpsVirtual);
	for (int i = 0; i < level->key->partnatts; i++)
		if (level->key->partattrs[i] != 0)
			level->used = bms_add_member(level->used, level->key->partattrs[i]);
	foreach(lc, pull_var_clause((Node *) level->key->partexprs, 0))
		level->used = bms_add_member(level->used, castNode(Var, lfirst(lc))->varattno);
	w->levels = lappend(w->levels, level);
	MemoryContextSwitchTo(old);
	return level;
}

/* The value that the row would have in a column. */
static Datum
column_value(Walk *w, const FitRow *fit, const char *name, bool *isnull)
{
	int			i = fit_column(w->shape, name, (int) strlen(name));
	Datum		value = (Datum) 0;

	*isnull = true;
	if (i < 0)
		return value;
	if (fit->cells[i].state == CELL_TEXT)
	{
		value = fit_value(w->shape, i, &fit->cells[i]);
		*isnull = false;
	}
	else if (fit->cells[i].state == CELL_ABSENT && w->shape->cols[i].has_default)
		value = defaults_value(w->defaults, w->rel, i, isnull);
	return value;
}

/* The partition key of the row at one level. */
static void
key_values(Walk *w, Level *level, const FitRow *fit, Datum *values, bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(level->rel);
	ExprContext *econtext = GetPerTupleExprContext(w->estate);
	ListCell   *expr = list_head(level->exprs);
	int			attnum = -1;

	ExecClearTuple(level->slot);
	memset(level->slot->tts_isnull, true, sizeof(bool) * desc->natts);
	while ((attnum = bms_next_member(level->used, attnum)) >= 0)
		level->slot->tts_values[attnum - 1] =
			column_value(w, fit, NameStr(TupleDescAttr(desc, attnum - 1)->attname),
						 &level->slot->tts_isnull[attnum - 1]);
	ExecStoreVirtualTuple(level->slot);
	econtext->ecxt_scantuple = level->slot;
	for (int i = 0; i < level->key->partnatts; i++)
	{
		AttrNumber	key = level->key->partattrs[i];

		if (key != 0)
		{
			values[i] = level->slot->tts_values[key - 1];
			nulls[i] = level->slot->tts_isnull[key - 1];
			continue;
		}
		values[i] = ExecEvalExpr((ExprState *) lfirst(expr), econtext, &nulls[i]);
		expr = lnext(level->exprs, expr);
	}
}

/* Position of the partition for a key among the level's, or -1. */
static int
find_partition(const Level *level, Datum *values, bool *nulls)
{
	PartitionKey key = level->key;
	PartitionBoundInfo bounds = level->desc->boundinfo;
	bool		equal = false;
	int			found = -1;
	int			at;

	if (level->desc->nparts == 0)
		return -1;
	switch (key->strategy)
	{
		case PARTITION_STRATEGY_HASH:
			return bounds->indexes[compute_partition_hash_value(key->partnatts, key->partsupfunc,
																key->partcollation, values,
																nulls) % bounds->nindexes];
		case PARTITION_STRATEGY_LIST:
			/* a partition by list has one key */
			Assert(key->partnatts == 1);
			if (nulls[0])
				found = bounds->null_index;
			else
			{
				at = partition_list_bsearch(key->partsupfunc, key->partcollation,
											bounds, values[0], &equal);
				if (at >= 0 && equal)
					found = bounds->indexes[at];
			}
			break;
		case PARTITION_STRATEGY_RANGE:
			for (int i = 0; i < key->partnatts; i++)
				if (nulls[i])
					return bounds->default_index;
			at = partition_range_datum_bsearch(key->partsupfunc, key->partcollation,
											   bounds, key->partnatts, values, &equal);
			found = bounds->indexes[at + 1];
			break;
	}
	return found >= 0 ? found : bounds->default_index;
}

/* See the header. */
Datum
routing_key_at(const Route *route, Oid relid, bool *isnull, bool *any_null)
{
	Level	   *level = level_of(route->walk, relid);
	Datum		values[PARTITION_MAX_KEYS];
	bool		nulls[PARTITION_MAX_KEYS];

	key_values(route->walk, level, route->fit, values, nulls);
	*isnull = nulls[0];
	*any_null = false;
	for (int i = 0; i < level->key->partnatts; i++)
		*any_null |= nulls[i];
	return values[0];
}

/* Is all of the row's key at one level known? Not of every witness. */
static bool
key_is_known(const Walk *w, const Level *level, const FitRow *fit)
{
	TupleDesc	desc = RelationGetDescr(level->rel);
	int			attnum = -1;

	while (w->shape->partial && (attnum = bms_next_member(level->used, attnum)) >= 0)
	{
		const char *name = NameStr(TupleDescAttr(desc, attnum - 1)->attname);
		int			i = fit_column(w->shape, name, (int) strlen(name));

		if (i < 0 || fit->cells[i].state == CELL_ABSENT)
			return false;
	}
	return true;
}

/* One row's way from the root. */
static void
route_row(Walk *w, const StoreRow *row)
{
	Route		route = {.walk = w,.fit = NULL};
	Datum		values[PARTITION_MAX_KEYS];
	bool		nulls[PARTITION_MAX_KEYS];
	Oid			relid = w->way->relid;
	FitRow		fit;
	const char *bytes = row->bytes;
	size_t		len = row->len;

	w->shape->partial = row->witness == WITNESS_PART;
	if (row->torn ||
		(row->bad_encoding && fit_decode(w->shape, bytes, len, &bytes, &len) < 0) ||
		!fit_row(w->shape, store_scan(w->scanner, row, bytes, len), &fit))
	{
		w->way->note(w->way->arg, w->at, &route);
		return;
	}
	route.fit = &fit;
	while (!OidIsValid(route.leaf))
	{
		Level	   *level = level_of(w, relid);
		int			at;

		if (!key_is_known(w, level, &fit))
			break;
		key_values(w, level, &fit, values, nulls);
		at = find_partition(level, values, nulls);
		if (at < 0)
		{
			route.parent = relid;
			route.values = values;
			route.nulls = nulls;
			break;
		}
		relid = level->desc->oids[at];
		if (level->desc->is_leaf[at])
			route.leaf = relid;
	}
	w->way->note(w->way->arg, w->at, &route);
}

/* Body of the subtransaction: from w->at to the end. */
static void
walk(void *arg)
{
	Walk	   *w = arg;
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal routing",
											  ALLOCSET_DEFAULT_SIZES);
	ListCell   *lc;

	MemoryContextSwitchTo(cxt);
	w->rel = table_open(w->way->shaped, AccessShareLock);
	w->shape = fit_shape(w->rel, cxt);
	hint_apply(hint_list(w->way->said), w->shape);
	mapping_apply(mapping_with(mapping_list(w->way->said), w->way->mappings), w->shape);
	if (w->way->prepare)
		w->way->prepare(w->way->arg, w->shape);
	w->scanner = json_scanner(cxt);
	w->defaults = defaults_open(w->shape);
	w->estate = CreateExecutorState();
	w->directory = CreatePartitionDirectory(cxt, true);
	w->levels = NIL;
	w->row_cxt = AllocSetContextCreate(cxt, "selfheal routing row", ALLOCSET_DEFAULT_SIZES);
	for (; w->at < w->n; w->at++)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(w->row_cxt);
		ResetPerTupleExprContext(w->estate);
		MemoryContextSwitchTo(w->row_cxt);
		route_row(w, &w->rows[w->at]);
	}
	MemoryContextSwitchTo(cxt);
	foreach(lc, w->levels)
	{
		Level	   *level = lfirst(lc);

		ExecDropSingleTupleTableSlot(level->slot);
		table_close(level->rel, NoLock);
	}
	DestroyPartitionDirectory(w->directory);
	FreeExecutorState(w->estate);
	defaults_close(w->defaults);
	json_scanner_free(w->scanner);
	table_close(w->rel, NoLock);
}

/* See the header. */
void
routing_walk(const RouteWalk *way, const StoreRow *rows, int n)
{
	Walk		w = {.way = way,.rows = rows,.n = n};

	for (int thrown = 0; w.at < n && thrown < THROWS_MAX; thrown++)
	{
		if (spi_try(walk, &w) == NULL)
			return;
		w.at++;
	}
}
