/*
 * store.c
 *	  Put payload rows into a table; tell for each whether it is stored.
 *
 * A flush has two passes. The first scans each payload, checks its fit and
 * forms its tuple; it runs in one subtransaction, since the input function of
 * an unusual type, or a default, may throw: that row is held, and a new
 * subtransaction goes on behind it. The second writes the rows that fit
 * (windows.c). Where a default may look at the table, the rows before it are
 * written first.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/json.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/contract.h"
#include "observe/discards.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "observe/mapset.h"
#include "observe/misfits.h"
#include "observe/order.h"
#include "observe/store.h"
#include "observe/target.h"
#include "observe/windows.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "write/defaults.h"
#include "write/tuples.h"

struct Store
{
	Oid			relid;
	Oid			hinted;			/* whose hints and contract count: the table,
								 * not its clone */
	MemoryContext cxt;
	MemoryContext shape_cxt;	/* what is built from the table's columns */
	MemoryContext misfit_cxt;	/* until store_reset */
	MemoryContext row_cxt;		/* of one row's check */
	JsonScanner *scanner;
	Tuples		tuples;
	Discards   *discards;		/* made when the contract first takes a value
								 * or a row */
	List	   *candidates;		/* mappings that are tried */
	MapSets		mapsets;		/* by which rows came, until store_reset */
	bool		has_mapped;		/* some row has */
	Order	   *order;			/* NULL: rows are stored as they come */
	bool		ask_order;		/* rows that fit may have to wait */

	/* in shape_cxt, made anew when the table's columns have changed */
	TupleDesc	desc;
	Shape	   *shape;
	List	   *mappings;		/* in the shape, by number */
	int		   *columns;		/* that rows may fill: indexes into
								 * shape->cols */
	int			ncolumns;
	bool	   *denied;			/* by index into shape->cols: no privilege */
	Defaults   *defaults;
	bool		by_sql;			/* this flush: the statement knows defaults */
	Datum	   *values;			/* of one row, by attribute */
	bool	   *nulls;
	bool	   *present;		/* by index into shape->cols: has a key */
	WindowTarget target;
};

/* The first pass, as spi_try's argument. */
typedef struct ScanPass
{
	Store	   *store;
	Relation	rel;
	StoreRow   *rows;
	int			n;
	int			at;				/* row that is being scanned */
	const JsonDoc *doc;			/* its document */
	Misfit	   *thrown;			/* of its values that threw, in misfit_cxt */
	int			nthrown;
	bool		again;			/* some have: go on without them */
	int			decoded;		/* the mapping that has made text of its
								 * bytes, or -1 */
	bool		in_fit;
	bool		refused;		/* its value could not be made: it is held */
	bool		full;			/* what is formed must be written first */
	FitRow		fit;			/* what its check has found */
	const FitColumn *forming;	/* its value is being made */
} ScanPass;

/* ---- opening ---- */

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
}

/* Build, or build again, all that depends on the table's columns. */
static void
read_shape(Store *store, Relation rel)
{
	MemoryContext old;

	if (store->defaults)
		defaults_close(store->defaults);
	if (store->target.checks)
		checks_close(store->target.checks);
	MemoryContextReset(store->shape_cxt);
	store->defaults = NULL;
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
store_in_order(Store *store, Order *order)
{
	store->order = store->target.order = order;
	if (order)
		order_shape(order, store->shape, store->desc);
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
	if (store->target.checks)
		checks_close(store->target.checks);
	json_scanner_free(store->scanner);
	MemoryContextDelete(store->cxt);
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

/* ---- first pass: scan, check, form ---- */

/* Does the row take the column's default, and do we evaluate it? */
static bool
takes_default(const Store *store, const FitRow *fit, int i)
{
	const FitColumn *column = &store->shape->cols[i];

	return fit->cells[i].state == CELL_ABSENT && column->has_default &&
		TupleDescAttr(store->desc, column->attnum - 1)->attgenerated == '\0' &&
		!(store->by_sql && (column->computed || store->denied[i]));
}

/* Form the tuple of a row that fits. */
static void
form_row(ScanPass *scan, const FitRow *fit)
{
	Store	   *store = scan->store;
	Shape	   *shape = store->shape;

	for (int i = 0; store->tuples.n > 0 && i < shape->ncols; i++)
	{
		scan->forming = &shape->cols[i];
		if (takes_default(store, fit, i) &&
			defaults_look(store->defaults, scan->rel, i))
		{
			scan->forming = NULL;
			scan->full = true;
			return;
		}
	}
	memset(store->nulls, true, sizeof(bool) * store->desc->natts);
	if (store->target.conflict != ROW_CONFLICT_HOLD)
		for (int i = 0; i < shape->ncols; i++)
			store->present[i] = fit->cells[i].state != CELL_ABSENT;
	for (int i = 0; i < shape->ncols; i++)
	{
		const FitColumn *column = &shape->cols[i];
		const FitCell *cell = &fit->cells[i];
		int			at = column->attnum - 1;

		scan->forming = column;
		if (cell->state == CELL_TEXT)
		{
			store->values[at] = fit_value(shape, i, cell);
			store->nulls[at] = false;
		}
		else if (takes_default(store, fit, i))
			store->values[at] = defaults_value(store->defaults, scan->rel, i,
											   &store->nulls[at]);
	}
	scan->forming = NULL;
	tuples_add(&store->tuples, store->desc, store->values, store->nulls, scan->at,
			   store->target.conflict != ROW_CONFLICT_HOLD ? store->present : NULL,
			   shape->ncols);
}

/*
 * Is the row held without a look into it? Else *bytes and *len are its text:
 * what a mapping has made of bytes that are none stays until store_reset.
 */
static bool
held_unread(ScanPass *scan, StoreRow *row, const char **bytes, size_t *len)
{
	Store	   *store = scan->store;

	*bytes = row->bytes;
	*len = row->len;
	scan->decoded = -1;
	if (unlikely(row->bad_encoding) && row->len <= (size_t) guc_max_payload * 1024)
	{
		MemoryContext old = MemoryContextSwitchTo(store->misfit_cxt);

		scan->decoded = fit_decode(store->shape, row->bytes, row->len, bytes, len);
		MemoryContextSwitchTo(old);
		if (scan->decoded >= 0)
			return false;
	}
	if (row->len > (size_t) guc_max_payload * 1024)
		misfits_keep_reason(store->misfit_cxt, row, FIT_TOO_LARGE,
							ERRCODE_PROGRAM_LIMIT_EXCEEDED, NULL,
							"the payload is larger than selfheal.max_payload");
	else if (row->bad_encoding)
		misfits_keep_reason(store->misfit_cxt, row, FIT_BAD_ENCODING,
							ERRCODE_CHARACTER_NOT_IN_REPERTOIRE, NULL,
							"the bytes are not valid in the load's encoding");
	else
		return false;
	return true;
}

/* What the contract takes away is collected from here on. */
static Discards *
collect(Store *store)
{
	if (store->discards == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(store->cxt);

		store->discards = discards_begin(store->relid);
		MemoryContextSwitchTo(old);
	}
	return store->discards;
}

/* Note which values the row is to be stored without: those that threw, and
 * those that the check has found. */
static void
leave_out(ScanPass *scan, const FitRow *fit)
{
	StoreRow   *row = &scan->rows[scan->at];
	int			n = scan->nthrown + fit->nleft;

	if (likely(n == 0))
		return;
	row->left = MemoryContextAlloc(scan->store->misfit_cxt, sizeof(Discard *) * n);
	for (int i = 0; i < n; i++)
		row->left[row->nleft++] =
			discards_find(collect(scan->store), false,
						  i < scan->nthrown ? &scan->thrown[i] :
						  &fit->left[i - scan->nthrown]);
}

/* Take those that are left out from the misfits that threw. Returns how many
 * are left of these, which stand first; the others stand behind them. */
static int
sort_thrown(ScanPass *scan)
{
	int			kept = 0;

	for (int i = 0; i < scan->nthrown; i++)
		if (fit_term(scan->store->shape, &scan->thrown[i]) != TERM_DISCARD_VALUE)
		{
			Misfit		misfit = scan->thrown[i];

			scan->thrown[i] = scan->thrown[kept];
			scan->thrown[kept++] = misfit;
		}
	return kept;
}

/* The row does not fit. Is it held, or does the contract discard it? */
static void
refuse(ScanPass *scan, int kept, const FitRow *fit)
{
	Store	   *store = scan->store;
	StoreRow   *row = &scan->rows[scan->at];

	misfits_keep(store->misfit_cxt, row, scan->thrown, kept, fit->misfits, fit->nmisfits);
	if (likely(store->shape->columns != TERM_DISCARD_ROW && store->shape->types != TERM_DISCARD_ROW))
		return;
	for (int i = 0; i < row->nmisfits && !row->discarded; i++)
		if (fit_term(store->shape, &row->misfits[i]) == TERM_DISCARD_ROW)
		{
			(void) collect(store);
			row->misfits[0] = row->misfits[i];
			row->nmisfits = 1;
			row->discarded = true;
		}
}

/* Note by which mappings the row came, or would. */
static void
note_mapped(ScanPass *scan, const FitRow *fit)
{
	Store	   *store = scan->store;
	int		   *used = palloc(sizeof(int) * (fit->nused + 1));
	int			n = fit->nused;

	if (n > 0)
		memcpy(used, fit->used, sizeof(int) * n);
	if (scan->decoded >= 0)
		used[n++] = scan->decoded;
	scan->rows[scan->at].mapped = mapset_find(&store->mapsets, store->misfit_cxt,
											  store->mappings, used, n);
	store->has_mapped = true;
}

/* In an order: has the row, which fits, to wait? */
static bool
must_wait(ScanPass *scan, const FitRow *fit)
{
	Store	   *store = scan->store;
	bool		wait;

	/* what a key's functions throw is the row's own fault */
	scan->forming = &store->shape->cols[0];
	wait = order_waits(store->order, &scan->rows[scan->at], scan->at, fit, store->misfit_cxt);
	scan->forming = NULL;
	return wait;
}

/* In an order: the row is held, and others wait for it. */
static void
make_wait(ScanPass *scan, const FitRow *fit)
{
	Store	   *store = scan->store;
	StoreRow   *row = &scan->rows[scan->at];

	if (row->discarded)
		return;
	scan->forming = &store->shape->cols[0];
	order_refused(store->order, row, scan->at, fit, store->misfit_cxt);
	scan->forming = NULL;
	store->ask_order = order_asks(store->order);
}

/*
 * Scan one row: a tuple more, or its misfits. When a value has thrown we come
 * here again for the same row, to find what else does not fit.
 */
static void
scan_row(ScanPass *scan)
{
	Store	   *store = scan->store;
	StoreRow   *row = &scan->rows[scan->at];
	const char *bytes;
	size_t		len;
	int			kept = 0;
	bool		fits;

	if (unlikely(scan->refused))
	{
		make_wait(scan, &scan->fit);
		return;
	}
	if (!scan->again)
	{
		row->stored = false;
		row->already = false;
		row->discarded = false;
		row->nleft = 0;
		row->left = NULL;
		row->mapped = NULL;
		row->nmisfits = 0;
		row->misfits = NULL;
		row->edata = NULL;
		row->key = NULL;
		row->keyed = false;
		if (held_unread(scan, row, &bytes, &len))
			return;
		scan->doc = json_scan(store->scanner, bytes, len);
		scan->in_fit = true;
		fits = fit_row(store->shape, scan->doc, &scan->fit);
	}
	else
	{
		scan->in_fit = true;
		fits = fit_row_again(store->shape, scan->doc, &scan->fit);
	}
	scan->in_fit = false;
	if (unlikely(scan->fit.nused > 0 || scan->decoded >= 0))
		note_mapped(scan, &scan->fit);

	if (scan->again)
	{
		kept = sort_thrown(scan);
		if (kept == 0)
			row->edata = NULL;
	}
	if (kept > 0 || !fits)
		refuse(scan, kept, &scan->fit);
	else if (!target_sends_denied(store->shape, store->denied, &scan->fit, row, store->misfit_cxt))
	{
		if (unlikely(store->ask_order) && must_wait(scan, &scan->fit))
			return;
		leave_out(scan, &scan->fit);
		form_row(scan, &scan->fit);
		return;
	}
	if (store->order)
		make_wait(scan, &scan->fit);
}

/* Body of the first pass's subtransaction: from scan->at to the end. */
static void
scan_body(void *arg)
{
	ScanPass   *scan = arg;
	MemoryContext row_cxt = scan->store->row_cxt;

	MemoryContextSwitchTo(row_cxt);
	for (; scan->at < scan->n; scan->at++)
	{
		CHECK_FOR_INTERRUPTS();
		scan_row(scan);
		MemoryContextReset(row_cxt);
		if (scan->full)
			break;
		scan->nthrown = 0;
		scan->again = scan->refused = false;
	}
}

/* A value of the row has thrown: note it, and scan the row again without it. */
static void
value_threw(ScanPass *scan, ErrorData *edata)
{
	Store	   *store = scan->store;
	MemoryContext old = MemoryContextSwitchTo(store->misfit_cxt);

	if (scan->nthrown == 0)
		scan->thrown = palloc(sizeof(Misfit));
	else
		scan->thrown = repalloc(scan->thrown, sizeof(Misfit) * (scan->nthrown + 1));
	fit_culprit(store->shape, edata, &scan->thrown[scan->nthrown++]);
	scan->again = true;
	MemoryContextSwitchTo(old);

	/*
	 * each once, and once more where a value that was left out must not be
	 * null
	 */
	if (scan->nthrown > 2 * store->shape->ncols)
		elog(ERROR, "the check of a payload does not end");
}

/* A column's default or input function has thrown: hold the row. */
static void
forming_threw(ScanPass *scan, ErrorData *edata)
{
	Store	   *store = scan->store;
	StoreRow   *row = &scan->rows[scan->at];
	MemoryContext old = MemoryContextSwitchTo(store->row_cxt);
	Misfit		misfit = {0};

	fit_from_error(edata, &misfit);
	misfit.column = NameStr(unconstify(FitColumn *, scan->forming)->name);
	misfits_keep(store->misfit_cxt, row, &misfit, 1, NULL, 0);
	row->edata = edata;
	scan->forming = NULL;
	MemoryContextSwitchTo(old);
}

/*
 * The first pass, from row number at on; returns the first that it has not
 * come to. The scanner itself never throws for what a payload holds: an error
 * from elsewhere is the server's trouble and goes on.
 */
static int
scan_rows(Store *store, Relation rel, StoreRow *rows, int n, int at)
{
	ScanPass	scan = {0};

	scan.store = store;
	scan.rel = rel;
	scan.rows = rows;
	scan.n = n;
	scan.at = at;
	tuples_reset(&store->tuples);
	while (scan.at < n && !scan.full)
	{
		MemoryContext old = MemoryContextSwitchTo(store->misfit_cxt);
		ErrorData  *edata = spi_try(scan_body, &scan);

		MemoryContextSwitchTo(old);
		if (edata == NULL)
			continue;
		MemoryContextReset(store->row_cxt);
		if (scan.in_fit)
		{
			value_threw(&scan, edata);
			if (scan.nthrown == 1)
				rows[scan.at].edata = edata;
			scan.in_fit = false;
		}
		else if (scan.forming)
		{
			forming_threw(&scan, edata);
			/* once more, for its key; but not twice */
			scan.refused = store->order != NULL && !scan.refused;
			scan.at += !scan.refused;
		}
		else
			ReThrowError(edata);
	}
	return scan.at;
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

/* See the header. */
int64
store_rows(Store *store, StoreRow *rows, int n)
{
	Relation	rel = table_open(store->relid, RowExclusiveLock);
	int			nest = pin_array_nulls();
	int64		stored = 0;

	/* a trigger, or the session between two flushes, may have altered it */
	if (!equalTupleDescs(store->desc, RelationGetDescr(rel)))
		read_shape(store, rel);

	store->by_sql = attempts_by_sql(store->target.attempts, rel);
	store->target.rel = rel;
	if (store->order)
	{
		order_batch(store->order, n);
		store->ask_order = order_asks(store->order);
	}
	for (int at = 0; at < n;)
	{
		at = scan_rows(store, rel, rows, n, at);
		stored += windows_write(&store->target, &store->tuples, rows);
		store->ask_order = store->order && order_asks(store->order);
		tuples_reset(&store->tuples);
	}
	if (nest >= 0)
		AtEOXact_GUC(true, nest);
	table_close(rel, NoLock);
	return stored;
}
