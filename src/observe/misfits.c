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

/* See the header. */
void
misfits_keep(MemoryContext cxt, StoreRow *row, const Misfit *a, int na,
			 const Misfit *b, int nb)
{
	row->stored = false;
	row->nmisfits = na + nb;
	row->misfits = MemoryContextAlloc(cxt, sizeof(Misfit) * (na + nb));
	for (int i = 0; i < na + nb; i++)
	{
		const Misfit *from = i < na ? &a[i] : &b[i - na];

		row->misfits[i] = *from;
		row->misfits[i].column = copy_string(cxt, from->column);
		row->misfits[i].need = copy_string(cxt, from->need);
		row->misfits[i].message = copy_string(cxt, from->message);
	}
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

/* See the header. */
ErrorData *
misfits_copy_error(const ErrorData *from)
{
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *to = palloc0(sizeof(ErrorData));

	to->sqlerrcode = from->sqlerrcode;
	to->message = copy_string(cxt, from->message);
	to->detail = copy_string(cxt, from->detail);
	to->hint = copy_string(cxt, from->hint);
	to->context = copy_string(cxt, from->context);
	to->schema_name = copy_string(cxt, from->schema_name);
	to->table_name = copy_string(cxt, from->table_name);
	to->column_name = copy_string(cxt, from->column_name);
	to->datatype_name = copy_string(cxt, from->datatype_name);
	to->constraint_name = copy_string(cxt, from->constraint_name);
	return to;
}
