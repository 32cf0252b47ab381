/*
 * store.c
 *	  Put payload rows into a table; tell for each whether it is stored.
 *
 * A flush has two passes. The first scans each payload, checks its fit and
 * forms its tuple (scan.c). The second writes the rows that fit (windows.c).
 * Where a default may look at the table, the rows before it are written first.
 * What is here is what both need of the table, read once for many flushes, and
 * the order of the passes.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/awaited.h"
#include "observe/contract.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "observe/scan.h"
#include "observe/target.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* What the team has said of the table: of its keys, by its contract, and by
 * its mappings. */
static void
read_words(Store *store)
{
	hint_apply(hint_list(store->hinted), store->shape);
	contract_apply(store->hinted, store->shape);
	store->mappings = mapping_list(store->hinted);
	if (store->candidates != NIL)
		store->mappings = mapping_with(store->mappings, store->candidates);
	if (store->mappings != NIL)
		mapping_apply(store->mappings, store->shape);
	/* sets stay, but their numbers are those of the list before */
	store->mapsets.nlast = 0;
}

/* Build, or build again, all that depends on the table's columns. */
static void
read_shape(Store *store, Relation rel)
{
	MemoryContext old;

	if (store->defaults)
		defaults_close(store->defaults);
	if (store->generated)
		generated_close(store->generated);
	if (store->condition)
		condition_close(store->condition);
	if (store->target.checks)
		checks_close(store->target.checks);
	MemoryContextReset(store->shape_cxt);
	store->defaults = NULL;
	store->generated = NULL;
	store->condition = NULL;
	store->target.checks = NULL;

	old = MemoryContextSwitchTo(store->shape_cxt);
	store->desc = CreateTupleDescCopyConstr(RelationGetDescr(rel));
	store->shape = fit_shape(rel, store->shape_cxt);
	read_words(store);
	store->columns = palloc(sizeof(int) * Max(store->shape->ncols, 1));
	store->denied = palloc0(sizeof(bool) * Max(store->shape->ncols, 1));
	target_privileges(rel, store->shape, store->denied);
	store->ncolumns = 0;
	for (int i = 0; i < store->shape->ncols; i++)
		if (!store->shape->cols[i].computed && !store->denied[i])
			store->columns[store->ncolumns++] = i;
	store->values = palloc(sizeof(Datum) * Max(store->desc->natts, 1));
	store->nulls = palloc(sizeof(bool) * Max(store->desc->natts, 1));
	store->present = palloc(sizeof(bool) * Max(store->shape->ncols, 1));
	store->target.desc = store->desc;
	store->target.shape = store->shape;
	store->target.columns = store->columns;
	store->target.ncolumns = store->ncolumns;
	store->target.attempts = attempts_open(rel, store->desc, store->shape,
										   store->columns, store->ncolumns,
										   store->target.conflict);
	store->target.cxt = store->misfit_cxt;
	store->target.long_cxt = store->shape_cxt;
	store->target.checks = checks_open(rel, store->desc);
	store->target.failed_check = false;
	store->target.missing_parent = NULL;
	store->target.met_stored = NULL;
	store->defaults = defaults_open(store->shape);
	if (store->order)
		order_shape(store->order, store->shape, store->desc);
	if (store->shape->comparable)
		store->generated = generated_open(store->shape, store->desc);
	if (store->where)
		store->condition = condition_open(rel, store->desc, store->where, store->where_role);
	MemoryContextSwitchTo(old);
}

/* See the header. */
Store *
store_open(Oid relid, RowConflict conflict)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "selfheal store",
											  ALLOCSET_DEFAULT_SIZES);
	Store	   *store = MemoryContextAllocZero(cxt, sizeof(Store));
	Relation	rel = try_table_open(relid, RowExclusiveLock);

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid),
				 errhint("It may have been dropped a moment ago.")));
	target_check(rel);
	options_check_conflict(relid, conflict);
	store->relid = relid;
	store->target.conflict = conflict;
	store->hinted = relid;
	store->cxt = cxt;
	store->shape_cxt = AllocSetContextCreate(cxt, "selfheal store shape",
											 ALLOCSET_DEFAULT_SIZES);
	store->misfit_cxt = AllocSetContextCreate(cxt, "selfheal store misfits",
											  ALLOCSET_DEFAULT_SIZES);
	store->row_cxt = AllocSetContextCreate(cxt, "selfheal store row",
										   ALLOCSET_DEFAULT_SIZES);
	store->scanner = json_scanner(cxt);
	tuples_init(&store->tuples, cxt);
	read_shape(store, rel);
	table_close(rel, NoLock);
	return store;
}

/* See the header. Of the clone itself nobody has said anything. */
void
store_stands_for(Store *store, Oid relid)
{
	MemoryContext old = MemoryContextSwitchTo(store->shape_cxt);

	store->hinted = relid;
	read_words(store);
	MemoryContextSwitchTo(old);
}

/* See the header. */
void
store_try_mappings(Store *store, List *candidates)
{
	Relation	rel = table_open(store->relid, RowExclusiveLock);

	store->candidates = candidates;
	read_shape(store, rel);
	table_close(rel, NoLock);
}

/* See the header. */
void
store_where(Store *store, const char *condition, Oid role)
{
	Relation	rel = table_open(store->relid, RowExclusiveLock);
	MemoryContext old = MemoryContextSwitchTo(store->cxt);

	store->where = pstrdup(condition);
	store->where_role = role;
	MemoryContextSwitchTo(store->shape_cxt);
	store->condition = condition_open(rel, store->desc, store->where, role);
	MemoryContextSwitchTo(old);
	table_close(rel, NoLock);
}

/*
 * Where a statement stores the rows, some columns are its own to fill: what
 * it will put there the condition does not see.
 */
static void
check_condition(const Store *store)
{
	for (int i = 0; i < store->shape->ncols; i++)
		if ((store->shape->cols[i].computed || store->denied[i]) &&
			bms_is_member(store->shape->cols[i].attnum, condition_columns(store->condition)))
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("column \"%s\" is not supported in WHERE here",
							NameStr(store->shape->cols[i].name)),
					 errdetail("Rows of this table are stored by an INSERT statement, which fills the column."),
					 errhint("Leave it out of the condition, or filter before the load.")));
}

/* See the header. */
void
store_in_order(Store *store, Order *order)
{
	store->order = store->target.order = order;
	if (order)
		order_shape(order, store->shape, store->desc);
}

void
store_ask_parents(Store *store, ParentsAsk ask, List **orphans, MemoryContext cxt)
{
	store->target.ask = ask;
	store->target.orphans = orphans;
	store->target.orphans_cxt = cxt;
}

void
store_reset(Store *store)
{
	MemoryContextReset(store->misfit_cxt);
	memset(&store->mapsets, 0, sizeof(MapSets));
}

void
store_close(Store *store)
{
	defaults_close(store->defaults);
	if (store->generated)
		generated_close(store->generated);
	if (store->condition)
		condition_close(store->condition);
	if (store->target.checks)
		checks_close(store->target.checks);
	json_scanner_free(store->scanner);
	MemoryContextDelete(store->cxt);
}

/* See the header. */
const JsonDoc *
store_scan(JsonScanner *scanner, const StoreRow *row, const char *bytes, size_t len)
{
	return row->fields ? json_scan_fields(scanner, bytes, len) : json_scan(scanner, bytes, len);
}

Shape *
store_shape(Store *store)
{
	return store->shape;
}

Discards *
store_discards(Store *store)
{
	return store->discards;
}

bool
store_has_mapped(const Store *store)
{
	return store->has_mapped;
}

/*
 * A null in a JSON array is a null, also in a session that has array_nulls
 * off: there is no other word for it in an array's text. Returns the level to
 * end, or -1.
 */
static int
pin_array_nulls(void)
{
	int			nest = -1;

	if (unlikely(!Array_nulls))
	{
		nest = NewGUCNestLevel();
		(void) set_config_option("array_nulls", "on", PGC_USERSET, PGC_S_SESSION,
								 GUC_ACTION_SAVE, true, 0, false);
	}
	return nest;
}

/* Scan rows and write those that fit, as many at a time as defaults allow. */
static int64
write_rows(Store *store, Relation rel, StoreRow *rows, int n)
{
	int64		stored = 0;

	for (int at = 0; at < n;)
	{
		at = scan_rows(store, rel, rows, n, at);
		stored += windows_write(&store->target, &store->tuples, rows);
		store->ask_order = store->order && order_asks(store->order);
		tuples_reset(&store->tuples);
	}
	return stored;
}

/* Which columns are part of a foreign key? */
static void
read_keys(Store *store, Relation rel)
{
	ListCell   *lc;

	store->keys = MemoryContextAllocZero(store->shape_cxt,
										 sizeof(bool) * Max(store->shape->ncols, 1));
	foreach(lc, RelationGetFKeyList(rel))
	{
		const ForeignKeyCacheInfo *fk = lfirst(lc);

		for (int k = 0; k < fk->nkeys; k++)
			for (int i = 0; i < store->shape->ncols; i++)
				store->keys[i] |= store->shape->cols[i].attnum == fk->conkey[k];
	}
}

/*
 * Rows that wait for their parents: ask, and try those that do not miss one.
 * The others are scanned, but nothing is evaluated for them that only a row
 * that is stored needs.
 */
static int64
ask_and_write(Store *store, Relation rel, StoreRow *rows, int n)
{
	StoreRow   *tried = MemoryContextAllocHuge(store->misfit_cxt, sizeof(StoreRow) * Max(n, 1));
	int			ntried = 0;
	int64		stored;

	read_keys(store, rel);
	store->asking = true;
	for (int at = 0; at < n;)
	{
		at = scan_rows(store, rel, rows, n, at);
		windows_ask(&store->target, &store->tuples, rows);
		store->ask_order = store->order && order_asks(store->order);
		tuples_reset(&store->tuples);
	}
	store->asking = false;
	for (int i = 0; i < n; i++)
		if (rows[i].nmisfits == 0)
			tried[ntried++] = rows[i];
	stored = write_rows(store, rel, tried, ntried);
	for (int i = 0, k = 0; i < n; i++)
		if (rows[i].nmisfits == 0)
			rows[i] = tried[k++];
	return stored;
}

/* See the header. */
int64
store_rows(Store *store, StoreRow *rows, int n)
{
	Relation	rel = table_open(store->relid, RowExclusiveLock);
	int			nest = pin_array_nulls();
	int64		stored;

	/* a trigger, or the session between two flushes, may have altered it */
	if (!equalTupleDescs(store->desc, RelationGetDescr(rel)))
		read_shape(store, rel);

	store->by_sql = attempts_by_sql(store->target.attempts, rel);
	if (store->condition && store->by_sql)
		check_condition(store);
	store->target.rel = rel;
	if (store->order)
	{
		order_batch(store->order, n);
		store->ask_order = order_asks(store->order);
		for (int i = 0; i < n; i++)
			rows[i].place = i;
	}
	stored = store->target.ask == PARENTS_UNASKED ?
		write_rows(store, rel, rows, n) : ask_and_write(store, rel, rows, n);
	if (nest >= 0)
		AtEOXact_GUC(true, nest);
	/* rows may wait for these: the executor's end does not see them */
	if (stored > 0)
		awaited_wrote(store->relid);
	table_close(rel, NoLock);
	return stored;
}
