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

static char *
copy_string(MemoryContext cxt, const char *s)
{
	return s ? MemoryContextStrdup(cxt, s) : NULL;
}

/* Is a's field before b's in the payload? Those without a field come last. */
static bool
comes_first(const Misfit *a, const Misfit *b)
{
	return a->field != 0 && (b->field == 0 || a->field < b->field);
}

/* See the header. */
void
misfits_keep(MemoryContext cxt, StoreRow *row, const Misfit *a, int na,
			 const Misfit *b, int nb)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	int			ia = 0;
	int			ib = 0;

	row->stored = false;
	row->nmisfits = na + nb;
	row->misfits = palloc(sizeof(Misfit) * (na + nb));
	for (int i = 0; i < na + nb; i++)
	{
		bool		from_b = ia == na ||
		(ib < nb && comes_first(&b[ib], &a[ia]));
		const Misfit *from = from_b ? &b[ib++] : &a[ia++];

		row->misfits[i] = *from;
		row->misfits[i].column = copy_string(cxt, from->column);
		row->misfits[i].need = copy_string(cxt, from->need);
		row->misfits[i].message = copy_string(cxt, from->message);
		row->misfits[i].error = from->error ? fit_copy_error(from->error) : NULL;
	}
	MemoryContextSwitchTo(old);
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
