/*
 * brought.c
 *	  Which values did held rows bring in the column that a CHECK is about?
 */
#include "postgres.h"

#include "base/spi.h"
#include "orient/brought.h"
#include "utils/memutils.h"

/* An error by which a CHECK refused rows. */
typedef struct CheckError
{
	int64		error;
	Brought    *brought;
} CheckError;

struct BroughtAll
{
	MemoryContext cxt;
	List	   *constraints;	/* Brought * */
	CheckError *errors;			/* in order of error */
	int			n;
};

static int
by_error(const void *a, const void *b)
{
	const CheckError *x = a;
	const CheckError *y = b;

	return x->error < y->error ? -1 : x->error > y->error;
}

/* The entry of a constraint, made when it is the first. */
static Brought *
entry_of(BroughtAll *all, const Shape *shape, const char *constraint, const char *column)
{
	Brought    *brought = unconstify(Brought *, brought_of(all, constraint));

	if (brought == NULL)
	{
		brought = palloc0(sizeof(Brought));
		brought->shape = shape;
		brought->constraint = pstrdup(constraint);
		brought->column = pstrdup(column);
		brought->col = fit_column(shape, column, (int) strlen(column));
		all->constraints = lappend(all->constraints, brought);
	}
	return brought;
}

/*
 * See the header. A partition says its own name in the error, and has the
 * constraint of its root by the same name.
 */
BroughtAll *
brought_begin(const Shape *shape, MemoryContext cxt)
{
	BroughtAll *all = NULL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, shape->relid);
	n = spi_exec("WITH RECURSIVE tree AS (SELECT $1::oid AS oid UNION"
				 "  SELECT h.inhrelid FROM tree t JOIN pg_inherits h ON h.inhparent = t.oid)"
				 " SELECT e.id, k.conname, a.attname FROM selfheal.incident i"
				 " JOIN selfheal.error e ON e.incident = i.id"
				 " JOIN pg_constraint k ON k.conrelid = $1 AND k.contype = 'c' AND k.conname = e.context ->> 'constraint'"
				 "  AND cardinality(k.conkey) = 1"
				 " JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]"
				 " WHERE i.relid = $1 AND i.class = 'check' AND i.state NOT IN ('healed', 'dismissed')"
				 " AND EXISTS (SELECT FROM tree t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace s ON s.oid = c.relnamespace"
				 "  WHERE c.relname = e.context ->> 'table' AND s.nspname = e.context ->> 'schema')", &args);
	if (n > 0)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		all = palloc0(sizeof(BroughtAll));
		all->cxt = cxt;
		all->errors = MemoryContextAllocHuge(cxt, sizeof(CheckError) * n);
		for (uint64 i = 0; i < n; i++)
		{
			CheckError *e = &all->errors[all->n++];

			e->error = spi_get_int8(i, 1, NULL);
			e->brought = entry_of(all, shape, spi_get_text(i, 2, CurrentMemoryContext),
								  spi_get_text(i, 3, CurrentMemoryContext));
		}
		qsort(all->errors, all->n, sizeof(CheckError), by_error);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return all;
}

/* See the header. */
void
brought_note(BroughtAll *all, int64 error, const FitRow *fit)
{
	CheckError	key = {error, NULL};
	const CheckError *found = bsearch(&key, all->errors, all->n, sizeof(CheckError), by_error);
	Brought    *brought = found ? found->brought : NULL;
	const FitCell *cell;
	MemoryContext old;
	BroughtValue *value;
	ListCell   *lc;

	if (brought == NULL || brought->col < 0)
		return;
	cell = &fit->cells[brought->col];
	if (cell->state != CELL_TEXT)
		return;
	foreach(lc, brought->values)
	{
		value = lfirst(lc);
		if ((int) strlen(value->text) == cell->len && memcmp(value->text, cell->val, cell->len) == 0)
		{
			value->rows++;
			return;
		}
	}
	if (list_length(brought->values) == BROUGHT_VALUES)
	{
		brought->more = true;
		return;
	}
	old = MemoryContextSwitchTo(all->cxt);
	value = palloc(sizeof(BroughtValue));
	value->text = pnstrdup(cell->val, cell->len);
	value->rows = 1;
	brought->values = lappend(brought->values, value);
	MemoryContextSwitchTo(old);
}

/* See the header. */
const Brought *
brought_of(const BroughtAll *all, const char *constraint)
{
	ListCell   *lc;

	if (all == NULL || constraint == NULL)
		return NULL;
	foreach(lc, all->constraints)
	{
		if (strcmp(((const Brought *) lfirst(lc))->constraint, constraint) == 0)
			return lfirst(lc);
	}
	return NULL;
}
