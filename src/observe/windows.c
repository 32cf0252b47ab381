/*
 * windows.c
 *	  Write rows in windows: as many together as their errors allow.
 *
 *	 - All rows are tried at once.
 *	 - An error that has its row costs that row. Those before it in the window
 *	   have passed and are written together; the windows behind it are small
 *	   and double with each success.
 *	 - What can be asked of all rows is asked of all rows: after a CHECK has
 *	   refused a row, it is evaluated for the others (checks.c); after a
 *	   foreign key has, one query finds the others that miss their parent
 *	   (fkmiss.c); where that is wished, another finds those that are stored
 *	   already (present.c). Later flushes of the load ask first.
 *	 - After any other error without a row, rows are written one by one within
 *	   their window, each with its triggers, so that the next error has its
 *	   row. Where that cannot be, the windows shrink until it is alone.
 *	 - After three rows with the same error and nothing stored between, we ask
 *	   whether it is theirs.
 *	 - A row refused as a duplicate is tried once more, alone, when those
 *	   before it are stored: the row it met may be one that is held itself.
 *	 - Where rows have an order (order.h), those that come after a row of their
 *	   key which was refused are held before they are tried.
 *
 * Where one row in a hundred fails, windows of 16 to 64 rows cost least: a
 * subtransaction is cheap beside the rows that are written again.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "observe/misfits.h"
#include "observe/order.h"
#include "observe/windows.h"
#include "utils/memutils.h"
#include "write/fkmiss.h"
#include "write/present.h"

/* Rows of a window after an error: at least, at most. */
#define WINDOW_LOW 16
#define WINDOW_HIGH 64

/* Rows with the same error in a row before we ask whether it is theirs. */
#define WINDOW_SAME 3

/* What of the rows is still to be written. */
typedef struct Write
{
	WindowTarget *target;
	FormedRow  *formed;
	StoreRow   *rows;
	int			n;
	int			at;				/* first row not decided */
	int			passed;			/* so many from there have passed already */
	bool		alone;			/* behind them stands one to try alone */
	int			window;			/* rows to try together */
	bool		by_row;
	int			same;			/* rows in a row with the same error */
	ErrorData  *last;			/* that error */
	int64		stored;
} Write;

/* Hold a row for an error. */
static void
hold(Write *w, const FormedRow *row, ErrorData *edata)
{
	WindowTarget *t = w->target;
	StoreRow   *held = &w->rows[row->row];

	misfits_keep_error(t->cxt, held, edata);
	if (t->order)
		order_formed_refused(t->order, held, row->tuple, t->cxt);
}

/* Take row k out of what is to be written; those before it in the window move
 * up, in their order. */
static void
take_out(Write *w, int k)
{
	FormedRow	row = w->formed[k];

	memmove(&w->formed[w->at + 1], &w->formed[w->at],
			sizeof(FormedRow) * (k - w->at));
	w->formed[w->at++] = row;
}

/* Those of the next n rows that are marked, which are "found", are decided; the
 * others move to the end, in their order. */
static void
set_aside(Write *w, int n, const bool *marked, int found)
{
	FormedRow  *from = w->formed + w->at;
	FormedRow  *out = palloc(sizeof(FormedRow) * found);
	int			to = n;
	int			nout = found;

	for (int i = n - 1; i >= 0; i--)
	{
		if (marked[i])
			out[--nout] = from[i];
		else
			from[--to] = from[i];
	}
	memcpy(from, out, sizeof(FormedRow) * found);
	pfree(out);
	w->at += found;
}

/* Hold those of the next n rows that have an error, which are "found". */
static void
take_out_all(Write *w, int n, ErrorData **why, int found)
{
	bool	   *marked = MemoryContextAllocHuge(w->target->cxt, sizeof(bool) * n);

	for (int i = 0; i < n; i++)
	{
		marked[i] = why[i] != NULL;
		if (marked[i])
			hold(w, &w->formed[w->at + i], why[i]);
	}
	set_aside(w, n, marked, found);
	pfree(marked);
	w->passed = 0;
}

/* Remember, or forget, a constraint that rows of this load fail. */
static void
remember(WindowTarget *t, ErrorData **which, const ErrorData *edata)
{
	MemoryContext old = MemoryContextSwitchTo(t->long_cxt);

	*which = edata ? fit_copy_error(edata) : NULL;
	MemoryContextSwitchTo(old);
}

/*
 * Take out all rows left that stand in the table already, by the unique key
 * that the error names. Returns how many.
 */
static int
take_out_present(Write *w, ErrorData *edata)
{
	WindowTarget *t = w->target;
	FormedRow  *from = w->formed + w->at;
	int			n = w->n - w->at;
	bool	   *there = MemoryContextAllocHuge(t->cxt, sizeof(bool) * Max(n, 1));
	int			found;

	found = present_find(t->rel, edata, t->desc, t->shape, t->columns,
						 t->ncolumns, from, n, there);
	for (int i = 0; found > 0 && i < n; i++)
	{
		if (!there[i])
			continue;
		w->rows[from[i].row].stored = true;
		w->rows[from[i].row].already = true;
	}
	if (found > 0)
		set_aside(w, n, there, found);
	pfree(there);
	w->stored += found;
	return found;
}

/*
 * Take out all of the next n rows that miss the parent of the foreign key
 * that the error names, by one query. Returns how many; 0: look otherwise.
 */
static int
take_out_missing(Write *w, int n, ErrorData *edata)
{
	WindowTarget *t = w->target;
	bool	   *missing = MemoryContextAllocHuge(t->cxt, sizeof(bool) * n);
	char	  **detail = MemoryContextAllocHuge(t->cxt, sizeof(char *) * n);
	ErrorData **why = MemoryContextAllocHuge(t->cxt, sizeof(ErrorData *) * n);
	int			found;

	found = fkmiss_find(t->rel, edata, t->desc, t->shape, t->columns,
						t->ncolumns, w->formed + w->at, n, missing, detail);
	if (found > 0)
	{
		for (int i = 0; i < n; i++)
		{
			why[i] = NULL;
			if (missing[i])
			{
				why[i] = palloc(sizeof(ErrorData));
				*why[i] = *edata;
				why[i]->detail = detail[i];
			}
		}
		take_out_all(w, n, why, found);
	}
	pfree(missing);
	pfree(detail);
	pfree(why);
	return found;
}

/* Take out all rows left that fail a CHECK known to be failed. */
static void
take_out_unchecked(Write *w)
{
	WindowTarget *t = w->target;
	int			n = w->n - w->at;
	ErrorData **why;
	int			found;

	if (n == 0)
		return;
	why = MemoryContextAllocHuge(t->cxt, sizeof(ErrorData *) * n);
	found = checks_find(t->checks, w->formed + w->at, n, why);
	if (found > 0)
		take_out_all(w, n, why, found);
	pfree(why);
}

/*
 * Three rows have failed alike. Is the error theirs? A statement trigger's
 * error comes without any row as well; a privilege is missing for each row
 * alike (but under row security it is the row that is refused).
 */
static bool
fails_without_rows(Write *w, const ErrorData *edata)
{
	WindowTarget *t = w->target;
	ErrorData  *empty;
	int			culprit;

	if (edata->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE &&
		w->stored == 0 && attempts_tell(t->attempts, t->rel))
		return true;
	empty = attempts_write(t->attempts, t->rel, NULL, 0, false, &culprit);
	return empty != NULL && empty->sqlerrcode == edata->sqlerrcode;
}

/* Smaller windows after an error. */
static void
narrow(Write *w)
{
	w->window = Max(WINDOW_LOW, Min(w->window / 2, WINDOW_HIGH));
}

/* Was a row refused for one that it met, in the table or in the load? */
static bool
refused_for_another(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_UNIQUE_VIOLATION ||
		edata->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION;
}

/* Row k of what is left has failed; after three alike the rest is held too,
 * if the error is not theirs. */
static void
row_failed(Write *w, int k, ErrorData *edata)
{
	bool		alike;

	alike = (k == 0 && w->last != NULL &&
			 w->last->sqlerrcode == edata->sqlerrcode &&
			 strcmp(w->last->message, edata->message) == 0);
	w->same = alike ? w->same + 1 : 1;
	w->last = edata;
	hold(w, &w->formed[w->at + k], edata);
	take_out(w, w->at + k);
	w->passed = k;
	w->alone = false;
	narrow(w);
	if (w->same == WINDOW_SAME && w->at < w->n && fails_without_rows(w, edata))
	{
		while (w->at < w->n)
			hold(w, &w->formed[w->at++], edata);
	}
	else if (w->target->checks && checks_learn(w->target->checks, edata) &&
			 !w->target->failed_check)
	{
		w->target->failed_check = true;
		take_out_unchecked(w);
		w->window = w->n;
	}
}

/* Row k of what is left has failed: it is there already, or it is held. */
static void
row_refused(Write *w, int k, ErrorData *edata)
{
	WindowTarget *t = w->target;

	if (t->conflict == ROW_CONFLICT_SKIP &&
		edata->sqlerrcode == ERRCODE_UNIQUE_VIOLATION &&
		take_out_present(w, edata) > 0)
	{
		w->alone = false;
		remember(t, &t->met_stored, edata);
	}
	else
		row_failed(w, k, edata);
}

/* The next n rows are stored. */
static void
window_stored(Write *w, int n)
{
	for (int i = 0; i < n; i++)
		w->rows[w->formed[w->at + i].row].stored = true;
	w->at += n;
	w->stored += n;
	w->same = 0;
	if (w->passed > 0)
		w->passed = 0;
	else if (w->alone)
		w->alone = false;
	else
		w->window = Min(w->window * 2, w->n);
}

/* The next n rows have failed together, and none is to blame. */
static void
window_failed(Write *w, int n, ErrorData *edata)
{
	WindowTarget *t = w->target;

	w->passed = 0;
	w->alone = false;
	if (edata->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION &&
		take_out_missing(w, n, edata) > 0)
		remember(t, &t->missing_parent, edata); /* the same window again */
	else if (!w->by_row && attempts_tell(t->attempts, t->rel))
	{
		w->by_row = true;
		w->window = Min(w->window, WINDOW_HIGH);
	}
	else
		w->window = Max(1, n / 8);
}

/* How many rows to try next. */
static int
next_window(const Write *w)
{
	if (w->passed > 0)
		return w->passed;
	return w->alone ? 1 : Min(w->window, w->n - w->at);
}

/*
 * Take those of the next n rows out that wait for one which was refused.
 * Returns how many. Rows that have passed already stood before it.
 */
static int
take_out_waiting(Write *w, int n)
{
	WindowTarget *t = w->target;
	int			taken = 0;
	bool	   *out;

	if (t->order == NULL || w->passed > 0 || !order_any_refused(t->order))
		return 0;
	out = MemoryContextAllocHuge(t->cxt, sizeof(bool) * n);
	for (int i = 0; i < n; i++)
	{
		const FormedRow *row = &w->formed[w->at + i];

		out[i] = order_formed_waits(t->order, &w->rows[row->row], row->tuple, t->cxt);
		taken += out[i];
	}
	if (taken > 0)
	{
		set_aside(w, n, out, taken);
		w->alone = false;
	}
	pfree(out);
	return taken;
}

/* Try the next window, and decide what its outcome means. */
static void
write_window(Write *w)
{
	WindowTarget *t = w->target;
	int			n = next_window(w);
	int			culprit;
	ErrorData  *edata;

	if (take_out_waiting(w, n) > 0)
		return;
	edata = attempts_write(t->attempts, t->rel, w->formed + w->at, n,
						   w->by_row, &culprit);
	if (edata == NULL)
		window_stored(w, n);
	else if (culprit > 0 && refused_for_another(edata))
	{
		w->passed = culprit;
		w->alone = true;
		narrow(w);
	}
	else if (culprit >= 0 || n == 1)
		row_refused(w, Max(culprit, 0), edata);
	else
		window_failed(w, n, edata);
}

/* See the header. */
int64
windows_write(WindowTarget *target, Tuples *tuples, StoreRow *rows)
{
	MemoryContext old;
	Write		w = {0};

	if (tuples->n == 0)
		return 0;
	w.target = target;
	w.formed = tuples->rows;
	w.rows = rows;
	w.n = tuples->n;
	w.by_row = target->by_row && attempts_tell(target->attempts, target->rel);
	w.window = w.by_row ? WINDOW_HIGH : w.n;
	old = MemoryContextSwitchTo(target->cxt);
	attempts_begin(target->attempts);
	if (target->failed_check)
		take_out_unchecked(&w);
	if (target->missing_parent && w.n - w.at > 1 &&
		take_out_missing(&w, w.n - w.at, target->missing_parent) == 0)
		remember(target, &target->missing_parent, NULL);
	if (target->met_stored && take_out_present(&w, target->met_stored) == 0)
		remember(target, &target->met_stored, NULL);
	while (w.at < w.n)
	{
		CHECK_FOR_INTERRUPTS();
		write_window(&w);
	}
	target->by_row = w.by_row && w.last != NULL;
	MemoryContextSwitchTo(old);
	return w.stored;
}

/* See the header. */
void
windows_ask(WindowTarget *target, const Tuples *tuples, StoreRow *rows)
{
	MemoryContext old = MemoryContextSwitchTo(target->cxt);
	ErrorData **why = MemoryContextAllocHuge(target->cxt, sizeof(ErrorData *) * Max(tuples->n, 1));

	memset(why, 0, sizeof(ErrorData *) * tuples->n);
	if (fkmiss_orphans(target->rel, target->ask, target->desc, target->shape, target->columns,
					   target->ncolumns, tuples->rows, tuples->n, why, target->orphans,
					   target->orphans_cxt) > 0)
		for (int i = 0; i < tuples->n; i++)
		{
			const FormedRow *formed = &tuples->rows[i];
			StoreRow   *row = &rows[formed->row];

			if (why[i] == NULL)
				continue;
			misfits_keep_error(target->cxt, row, why[i]);
			if (target->order)
				order_formed_refused(target->order, row, formed->tuple, target->cxt);
		}
	pfree(why);
	MemoryContextSwitchTo(old);
}
