/*
 * windows.c
 *	  Write lines in windows: as many together as their errors allow.
 *
 *	 - All lines are tried at once.
 *	 - An error that names its line costs that line; the rest is tried again
 *	   without it, 100 lines wide, doubling with each success.
 *	 - A foreign key's error is looked up by one query for the whole window;
 *	   once rows of a load have missed a parent, later flushes ask first.
 *	 - Any other error makes the window 100 lines, then 10, then one. Tens cost
 *	   a tenth of the subtransactions where few rows are bad, and a tenth more
 *	   where all are.
 *	 - After three single rows with the same error we ask whether it is theirs.
 *	 - Rows refused as duplicates are tried once more when others were held:
 *	   the row they met may be one of those.
 *
 * Windows of 100 or of many thousand lines cost least per row; about 1,000
 * cost most, since COPY makes its slots anew each time.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "observe/fkmiss.h"
#include "observe/misfits.h"
#include "observe/windows.h"
#include "utils/memutils.h"

/* Lines of a window after the first error, and after an error without a line
 * among so many. */
#define WINDOW_SMALL 100
#define WINDOW_TINY 10

/* Single rows with the same error before we ask whether it is theirs. */
#define WINDOW_SAME 3

/* What of the lines is still to be written. */
typedef struct Write
{
	WindowTarget *target;
	const CopyLines *data;
	CopyLine   *lines;
	StoreRow   *rows;
	int			n;
	int			at;				/* first line not decided */
	int			window;			/* lines to try together */
	int			tiny_until;		/* before this line: ten by ten */
	int			single_until;	/* before this line: one by one */
	int			same;			/* single rows in a row with the same error */
	ErrorData  *last;			/* that error */
	int64		stored;
} Write;

/* Hold the row of a line for an error. */
static void
hold(Write *w, const CopyLine *line, ErrorData *edata)
{
	misfits_keep_error(w->target->cxt, &w->rows[line->row], edata);
}

/* Take line k out of what is to be written; those before it in the window
 * move up, in their order. */
static void
take_out(Write *w, int k)
{
	CopyLine	line = w->lines[k];

	memmove(&w->lines[w->at + 1], &w->lines[w->at],
			sizeof(CopyLine) * (k - w->at));
	w->lines[w->at++] = line;
}

/*
 * Take out all of the next n lines that miss the parent of the foreign key
 * that the error names, by one query. Returns how many; 0: look otherwise.
 */
static int
take_out_missing(Write *w, int n, ErrorData *edata)
{
	WindowTarget *t = w->target;
	CopyLine   *from = w->lines + w->at;
	bool	   *missing = MemoryContextAllocHuge(t->cxt, sizeof(bool) * n);
	char	  **detail = MemoryContextAllocHuge(t->cxt, sizeof(char *) * n);
	int			found;
	int			to = n;

	found = fkmiss_find(t->rel, edata, t->shape, t->columns, t->ncolumns,
						w->data, from, n, missing, detail);
	/* those that stay move to the end, in their order */
	for (int i = n - 1; found > 0 && i >= 0; i--)
	{
		if (missing[i])
		{
			ErrorData  *own = palloc(sizeof(ErrorData));

			*own = *edata;
			own->detail = detail[i];
			hold(w, &from[i], own);
		}
		else
			from[--to] = from[i];
	}
	w->at += found;
	pfree(missing);
	pfree(detail);
	return found;
}

/* Remember, or forget, the foreign key that rows of this load miss. */
static void
remember_parent(WindowTarget *t, const ErrorData *edata)
{
	MemoryContext old = MemoryContextSwitchTo(t->long_cxt);

	t->missing_parent = edata ? fit_copy_error(edata) : NULL;
	MemoryContextSwitchTo(old);
}

/*
 * Three single rows have failed alike. Is the error theirs? A statement
 * trigger's error comes without any row as well; a privilege is missing for
 * each row alike (but under row security it is the row that is refused).
 */
static bool
fails_without_rows(Write *w, const ErrorData *edata)
{
	CopyIn	   *copy = w->target->copy;
	ErrorData  *empty;
	int			culprit;

	if (edata->sqlerrcode == ERRCODE_INSUFFICIENT_PRIVILEGE &&
		w->stored == 0 && !copyin_by_sql(copy))
		return true;
	empty = copyin_write(copy, w->target->rel, w->data, NULL, 0, &culprit);
	return empty != NULL && empty->sqlerrcode == edata->sqlerrcode;
}

/* A single row has failed; after three alike the rest is held too, if the
 * error is not theirs. */
static void
single_failed(Write *w, ErrorData *edata)
{
	bool		alike;

	alike = (w->last != NULL &&
			 w->last->sqlerrcode == edata->sqlerrcode &&
			 strcmp(w->last->message, edata->message) == 0);
	w->same = alike ? w->same + 1 : 1;
	w->last = edata;
	hold(w, &w->lines[w->at++], edata);
	if (w->same == WINDOW_SAME && w->at < w->n && fails_without_rows(w, edata))
		while (w->at < w->n)
			hold(w, &w->lines[w->at++], edata);
}

/* How many lines to try next. */
static int
next_window(const Write *w)
{
	if (w->at < w->single_until)
		return 1;
	if (w->at < w->tiny_until)
		return Min(WINDOW_TINY, w->tiny_until - w->at);
	return Min(w->window, w->n - w->at);
}

/* The next n lines are stored. */
static void
window_stored(Write *w, int n)
{
	for (int i = 0; i < n; i++)
		w->rows[w->lines[w->at + i].row].stored = true;
	w->at += n;
	w->stored += n;
	w->same = 0;
	if (w->at >= w->tiny_until && w->at >= w->single_until)
		w->window = Min(w->window * 2, w->n);
}

/* The next n lines have failed together, and no line is to blame. */
static void
window_failed(Write *w, int n, ErrorData *edata)
{
	if (edata->sqlerrcode == ERRCODE_FOREIGN_KEY_VIOLATION &&
		take_out_missing(w, n, edata) > 0)
	{
		remember_parent(w->target, edata);
		return;					/* the same window again, without them */
	}
	w->window = WINDOW_SMALL;
	if (n <= WINDOW_TINY)
		w->single_until = w->at + n;
	else if (n <= WINDOW_SMALL)
		w->tiny_until = w->at + n;
}

/* Try the next window, and decide what its outcome means. */
static void
write_window(Write *w)
{
	int			n = next_window(w);
	int			culprit;
	ErrorData  *edata;

	edata = copyin_write(w->target->copy, w->target->rel, w->data,
						 w->lines + w->at, n, &culprit);
	if (edata == NULL)
		window_stored(w, n);
	else if (n == 1)
		single_failed(w, edata);
	else if (culprit >= 0)
	{
		hold(w, &w->lines[w->at + culprit], edata);
		take_out(w, w->at + culprit);
		w->window = WINDOW_SMALL;
	}
	else
		window_failed(w, n, edata);
}

/* Was this row refused for a row it met, in the table or in the load? */
static bool
refused_for_another(const StoreRow *row)
{
	return !row->stored && row->edata != NULL &&
		(row->edata->sqlerrcode == ERRCODE_UNIQUE_VIOLATION ||
		 row->edata->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION);
}

/*
 * A row may have been refused for one that is not stored after all: unique
 * keys are looked at before foreign keys are. Where rows of this flush were
 * held for anything else, those are tried once more, each alone.
 */
static void
try_again(Write *w)
{
	bool		others = false;

	for (int i = 0; i < w->n && !others; i++)
	{
		const StoreRow *row = &w->rows[w->lines[i].row];

		others = !row->stored && !refused_for_another(row);
	}
	for (int i = 0; i < w->n && others; i++)
	{
		StoreRow   *row = &w->rows[w->lines[i].row];
		int			culprit;

		CHECK_FOR_INTERRUPTS();
		if (!refused_for_another(row) ||
			copyin_write(w->target->copy, w->target->rel, w->data,
						 &w->lines[i], 1, &culprit) != NULL)
			continue;
		row->stored = true;
		row->nmisfits = 0;
		row->misfits = NULL;
		row->edata = NULL;
		w->stored++;
	}
}

/* See the header. */
int64
windows_write(WindowTarget *target, CopyLines *lines, StoreRow *rows)
{
	MemoryContext old;
	Write		w = {0};

	if (lines->n == 0)
		return 0;
	w.target = target;
	w.data = lines;
	w.lines = lines->lines;
	w.rows = rows;
	w.n = lines->n;
	w.window = w.n;
	old = MemoryContextSwitchTo(target->cxt);
	copyin_begin(target->copy, target->rel);
	if (target->missing_parent && w.n > 1 &&
		take_out_missing(&w, w.n, target->missing_parent) == 0)
		remember_parent(target, NULL);
	while (w.at < w.n)
	{
		CHECK_FOR_INTERRUPTS();
		write_window(&w);
	}
	try_again(&w);
	MemoryContextSwitchTo(old);
	return w.stored;
}
