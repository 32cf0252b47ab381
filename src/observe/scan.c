/*
 * scan.c
 *	  The first pass of a flush: scan each payload, check its fit, form its
 *	  tuple.
 *
 * It runs in one subtransaction, since the input function of an unusual type,
 * or a default, may throw: that row is held, and a new subtransaction goes on
 * behind it. A value that throws in the check does not hide what else does not
 * fit: the row is checked again without it.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/misfits.h"
#include "observe/scan.h"
#include "observe/target.h"
#include "utils/memutils.h"

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

/*
 * Does the row take the column's default, and do we evaluate it? A row that
 * is only asked about uses no number of a sequence up.
 */
static bool
takes_default(const Store *store, const FitRow *fit, int i)
{
	const FitColumn *column = &store->shape->cols[i];

	return fit->cells[i].state == CELL_ABSENT && column->has_default &&
		(!store->asking || store->keys[i]) &&
		TupleDescAttr(store->desc, column->attnum - 1)->attgenerated == '\0' &&
		!(store->by_sql && (column->computed || store->denied[i]));
}

/* What rows are stored without is collected from here on. */
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

/* One value more that the row is stored without. */
static void
leave_out(ScanPass *scan, Discard *entry)
{
	StoreRow   *row = &scan->rows[scan->at];
	Discard   **left = MemoryContextAlloc(scan->store->misfit_cxt, sizeof(Discard *) * (row->nleft + 1));

	if (row->nleft > 0)
		memcpy(left, row->left, sizeof(Discard *) * row->nleft);
	left[row->nleft++] = entry;
	row->left = left;
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

/*
 * What was sent for generated columns: the row is stored without what they
 * compute alike. False: it is not stored.
 */
static bool
check_generated(ScanPass *scan, const FitRow *fit)
{
	Store	   *store = scan->store;
	FitRow		refused = *fit;
	Misfit		misfit;
	bool		alike;

	for (int col = 0; generated_next(store->generated, scan->rel, fit, store->values, store->nulls,
									 &col, &scan->forming, &alike, &misfit); col++)
	{
		if (alike)
			leave_out(scan, discards_find_alike(collect(store), &misfit));
		else if (fit_term(store->shape, &misfit) == TERM_DISCARD_VALUE)
			leave_out(scan, discards_find(collect(store), false, &misfit));
		else
		{
			scan->rows[scan->at].nleft = 0;
			refused.misfits = &misfit;
			refused.nmisfits = 1;
			refuse(scan, 0, &refused);
			return false;
		}
	}
	return true;
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

		if (column->generated)
			continue;
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
	if (unlikely(store->condition != NULL) && !store->asking &&
		!condition_holds(store->condition, store->values, store->nulls))
	{
		scan->rows[scan->at].excluded = true;
		return;
	}
	if (store->generated && !check_generated(scan, fit))
		return;
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
	if (unlikely(row->bad_encoding) && !row->torn && row->len <= (size_t) guc_max_payload * 1024)
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
							row->torn && row->fault ? row->fault :
							"the payload is larger than selfheal.max_payload");
	else if (row->torn)
		misfits_keep_reason(store->misfit_cxt, row, FIT_BAD_LINE,
							row->fault_state ? row->fault_state : ERRCODE_BAD_COPY_FILE_FORMAT,
							NULL, row->fault ? row->fault : FIT_BAD_LINE_WORDS);
	else if (row->bad_encoding)
		misfits_keep_reason(store->misfit_cxt, row, FIT_BAD_ENCODING,
							ERRCODE_CHARACTER_NOT_IN_REPERTOIRE, NULL,
							"the bytes are not valid in the load's encoding");
	else
		return false;
	return true;
}

/* Note which values the row is to be stored without: those that threw, and
 * those that the check has found. */
static void
leave_out_all(ScanPass *scan, const FitRow *fit)
{
	for (int i = 0; i < scan->nthrown; i++)
		leave_out(scan, discards_find(collect(scan->store), false, &scan->thrown[i]));
	for (int i = 0; i < fit->nleft; i++)
		leave_out(scan, discards_find(collect(scan->store), false, &fit->left[i]));
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

/* Note by which mappings the row came, or would. */
static void
note_mapped(ScanPass *scan, const FitRow *fit)
{
	Store	   *store = scan->store;
	const int  *used = fit->used;
	int			n = fit->nused;

	if (unlikely(scan->decoded >= 0))
	{
		int		   *all = palloc(sizeof(int) * (n + 1));

		if (n > 0)
			memcpy(all, used, sizeof(int) * n);
		all[n++] = scan->decoded;
		used = all;
	}
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
	wait = order_waits(store->order, &scan->rows[scan->at], fit, store->misfit_cxt);
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
	order_refused(store->order, row, fit, store->misfit_cxt);
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
		row->excluded = false;
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
		scan->doc = store_scan(store->scanner, row, bytes, len);
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
		leave_out_all(scan, &scan->fit);
		form_row(scan, &scan->fit);
		if (row->nmisfits == 0)
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
	/* a number that the column does not hold any more ends it as well */
	if (edata->sqlerrcode == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE &&
		defaults_draws(store->defaults, scan->forming - store->shape->cols))
		misfit.class = FIT_SEQUENCE;
	misfits_keep(store->misfit_cxt, row, &misfit, 1, NULL, 0);
	row->edata = edata;
	scan->forming = NULL;
	MemoryContextSwitchTo(old);
}

/* See the header. The scanner itself never throws for what a payload holds: an
 * error from elsewhere is the server's trouble and goes on. */
int
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
