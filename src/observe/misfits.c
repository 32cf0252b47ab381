/*
 * misfits.c
 *	  Why a row is held, noted on the row itself.
 *
 * fit makes misfits in short-lived memory; what is noted on a row lives until
 * the store is reset, when the quarantine has written it.
 */
#include "postgres.h"

#include "observe/misfits.h"
#include "utils/memutils.h"

/* Bytes that a string takes with its end, 0 when there is none. */
static inline Size
string_size(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

/* Copy a string behind what *to has already, and step over it. */
static inline char *
put_string(char **to, const char *s)
{
	Size		size = string_size(s);
	char	   *at = *to;

	if (size == 0)
		return NULL;
	memcpy(at, s, size);
	*to += size;
	return at;
}

/* Bytes of the strings of some misfits. */
static Size
strings_size(const Misfit *misfits, int n)
{
	Size		size = 0;

	for (int i = 0; i < n; i++)
		size += string_size(misfits[i].column) + string_size(misfits[i].need) +
			string_size(misfits[i].message);
	return size;
}

/* Is a's field before b's in the payload? Those without a field come last. */
static bool
comes_first(const Misfit *a, const Misfit *b)
{
	return a->field != 0 && (b->field == 0 || a->field < b->field);
}

/* See the header. All of it in one piece of memory: a load in which no row
 * fits comes here for each. */
void
misfits_keep(MemoryContext cxt, StoreRow *row, const Misfit *a, int na,
			 const Misfit *b, int nb)
{
	Size		fixed = sizeof(Misfit) * (na + nb);
	char	   *strings;
	int			ia = 0;
	int			ib = 0;

	row->stored = false;
	row->nmisfits = na + nb;
	row->misfits = MemoryContextAlloc(cxt, fixed + strings_size(a, na) +
									  strings_size(b, nb));
	strings = (char *) row->misfits + fixed;
	for (int i = 0; i < na + nb; i++)
	{
		bool		from_b = ia == na ||
		(ib < nb && comes_first(&b[ib], &a[ia]));
		const Misfit *from = from_b ? &b[ib++] : &a[ia++];
		Misfit	   *to = &row->misfits[i];

		*to = *from;
		to->column = put_string(&strings, from->column);
		to->need = put_string(&strings, from->need);
		to->message = put_string(&strings, from->message);
		if (from->error)
		{
			MemoryContext old = MemoryContextSwitchTo(cxt);

			to->error = fit_copy_error(from->error);
			MemoryContextSwitchTo(old);
		}
	}
}

/* See the header. */
void
misfits_merge(FitRow *fit, const List *thrown)
{
	Misfit	   *all;
	int			n = 0;
	int			next = 0;
	ListCell   *lc;

	if (thrown == NIL)
		return;
	all = palloc(sizeof(Misfit) * (list_length(thrown) + fit->nmisfits));
	foreach(lc, thrown)
	{
		while (next < fit->nmisfits && comes_first(&fit->misfits[next], lfirst(lc)))
			all[n++] = fit->misfits[next++];
		all[n++] = *(const Misfit *) lfirst(lc);
	}
	while (next < fit->nmisfits)
		all[n++] = fit->misfits[next++];
	fit->misfits = all;
	fit->nmisfits = n;
}

/* See the header. */
void
misfits_keep_reason(MemoryContext cxt, StoreRow *row, FitClass class,
					int sqlstate, const char *column, const char *message)
{
	Misfit		misfit = {0};

	misfit.class = class;
	misfit.column = unconstify(char *, column);
	misfit.sqlstate = sqlstate;
	misfit.message = unconstify(char *, message);
	misfits_keep(cxt, row, &misfit, 1, NULL, 0);
}

/* See the header. */
void
misfits_keep_error(MemoryContext cxt, StoreRow *row, ErrorData *edata)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);

	row->stored = false;
	row->nmisfits = 1;
	row->misfits = palloc0(sizeof(Misfit));
	fit_from_error(edata, row->misfits);
	row->edata = edata;
	MemoryContextSwitchTo(old);
}
