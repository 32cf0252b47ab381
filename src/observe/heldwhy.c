/*
 * heldwhy.c
 *	  Why held rows are held: their incidents, and reasons that have changed.
 */
#include "postgres.h"

#include "base/spi.h"
#include "observe/heldwhy.h"
#include "observe/reasons.h"
#include "utils/memutils.h"

/* Until spi_close: row by row through the primary key, however little is known
 * of a table's size. */
static void
by_primary_key(void)
{
	spi_set_local("enable_seqscan", "off");
	spi_set_local("enable_bitmapscan", "off");
	spi_set_local("enable_hashjoin", "off");
	spi_set_local("enable_mergejoin", "off");
}

/* What is known of an error that rows point at. */
typedef struct HeldError
{
	int64		error;
	int64		rows;			/* of them */
	FitClass	class;
	char	   *column;
	char	   *constraint;
	bool		known;			/* the class is */
} HeldError;

typedef struct HeldErrors
{
	HeldError  *errors;			/* each once, in order */
	int			n;
	int			last;			/* that was asked for last */
} HeldErrors;

static int
by_error(const void *a, const void *b)
{
	int64		x = ((const HeldError *) a)->error;
	int64		y = ((const HeldError *) b)->error;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* The errors of these rows, with how many rows each has; ids has room for n. */
static void
collect_errors(HeldErrors *all, const HeldRow *rows, int n, int64 *ids)
{
	HeldError  *e = palloc0(sizeof(HeldError) * Max(n, 1));
	int			kept = 0;

	for (int i = 0; i < n; i++)
	{
		if (kept == 0 || e[kept - 1].error != rows[i].error)
			e[kept++].error = rows[i].error;
		e[kept - 1].rows++;
	}
	qsort(e, kept, sizeof(HeldError), by_error);
	all->errors = e;
	all->n = all->last = 0;
	for (int i = 0; i < kept; i++)
	{
		if (all->n > 0 && e[all->n - 1].error == e[i].error)
		{
			e[all->n - 1].rows += e[i].rows;
			continue;
		}
		e[all->n] = e[i];
		ids[all->n++] = e[i].error;
	}
}

/* See the header. */
HeldTally *
heldwhy_tally(const HeldRow *rows, int n, int *ntallies)
{
	MemoryContext cxt = CurrentMemoryContext;
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));
	int64	   *counts = palloc(sizeof(int64) * Max(n, 1));
	HeldErrors	all;
	HeldTally  *tallies;
	SpiUser		saved;
	SpiArgs		args;

	collect_errors(&all, rows, n, ids);
	for (int i = 0; i < all.n; i++)
		counts[i] = all.errors[i].rows;
	spi_open(&saved);
	by_primary_key();
	spi_args(&args);
	spi_arg_int8_array(&args, ids, all.n);
	spi_arg_int8_array(&args, counts, all.n);
	*ntallies = (int) spi_exec("SELECT e.incident, sum(w.rows)::bigint FROM unnest($1, $2) AS w(id, rows)"
							   " JOIN selfheal.error e ON e.id = w.id GROUP BY 1", &args);
	tallies = MemoryContextAlloc(cxt, sizeof(HeldTally) * Max(*ntallies, 1));
	for (int i = 0; i < *ntallies; i++)
	{
		tallies[i].incident = spi_get_int8(i, 1, NULL);
		tallies[i].rows = spi_get_int8(i, 2, NULL);
	}
	spi_close(&saved);
	return tallies;
}

/* See the header. */
int64 *
heldwhy_wanted(Oid relid, int *n)
{
	MemoryContext cxt = CurrentMemoryContext;
	int64	   *ids = NULL;
	SpiUser		saved;
	SpiArgs		args;

	*n = 0;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT FROM selfheal.incident i WHERE i.relid = $1 AND i.state = 'dismissed'"
				 " AND EXISTS (SELECT FROM selfheal.held h WHERE h.incident = i.id) LIMIT 1", &args) > 0)
	{
		*n = (int) spi_exec("SELECT 0::int8 UNION ALL SELECT id FROM selfheal.incident"
							" WHERE relid = $1 AND state <> 'dismissed'", &args);
		ids = MemoryContextAlloc(cxt, sizeof(int64) * *n);
		for (int i = 0; i < *n; i++)
			ids[i] = spi_get_int8(i, 1, NULL);
	}
	spi_close(&saved);
	return ids;
}

/* The same with class, column and constraint. SPI is open. */
static void
read_errors(HeldErrors *all, const HeldRow *rows, int n, MemoryContext cxt)
{
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));
	SpiArgs		args;

	collect_errors(all, rows, n, ids);
	spi_args(&args);
	spi_arg_int8_array(&args, ids, all->n);
	spi_exec("SELECT w.n, e.class, e.column_name, e.context ->> 'constraint'"
			 " FROM unnest($1) WITH ORDINALITY AS w(id, n)"
			 " JOIN selfheal.error e ON e.id = w.id", &args);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeldError  *e = &all->errors[spi_get_int8(i, 1, NULL) - 1];
		char	   *class = spi_get_text(i, 2, cxt);

		e->known = class != NULL;
		e->class = class ? fit_class_from_name(class) : FIT_OTHER;
		e->column = spi_get_text(i, 3, cxt);
		e->constraint = spi_get_text(i, 4, cxt);
	}
}

/* The error that a row points at. */
static const HeldError *
error_of(HeldErrors *all, const HeldRow *row)
{
	HeldError	key = {.error = row->error};

	if (all->errors[all->last].error != row->error)
		all->last = (HeldError *) bsearch(&key, all->errors, all->n,
										  sizeof(HeldError), by_error) - all->errors;
	return &all->errors[all->last];
}

static bool
same_name(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Does the row stand under what is its first misfit now? */
static bool
same_reason(const HeldRow *row, const HeldError *e)
{
	const Misfit *now = row->row.misfits;
	const char *constraint = reasons_constraint(now, &row->row);

	return e->known && e->class == now->class && same_name(e->column, now->column) &&
		(constraint == NULL || same_name(e->constraint, constraint));
}

/* Has the row, as it was tried now, another ordering key than it was held
 * with? */
static bool
other_key(const HeldRow *row)
{
	return row->row.key != NULL &&
		(row->key.text == NULL || row->key.hash != row->row.key->hash);
}

/* Keep such keys. They are rare: a hint or an amendment has changed them. */
static void
renew_keys(Oid relid, const HeldRow *rows, int n)
{
	for (int i = 0; i < n; i++)
	{
		SpiArgs		args;

		if (!other_key(&rows[i]))
			continue;
		spi_args(&args);
		spi_arg_relid(&args, relid);
		spi_arg_int8(&args, rows[i].id);
		spi_arg_int8(&args, rows[i].row.key->hash);
		spi_arg_text(&args, rows[i].row.key->text);
		spi_exec("UPDATE selfheal.quarantine SET ordering_hash = $3, ordering_key = $4"
				 " WHERE relid = $1 AND id = $2", &args);
	}
}

/*
 * See the header. Error rows are made anew: an incident that was healed does
 * not get more rows behind its back. Rows are locked before they are counted.
 */
int64
heldwhy_renew(Oid relid, const HeldRow *rows, int n)
{
	MemoryContext cxt = CurrentMemoryContext;
	MemoryContext spi;
	SpiUser		saved;
	SpiArgs		args;
	HeldErrors	old;
	Reasons    *reasons;
	HeldRow    *change;
	int64	   *ids;
	int64	   *errors;
	int64		load;
	int			changed = 0;

	if (n == 0)
		return 0;
	spi_open(&saved);
	read_errors(&old, rows, n, CurrentMemoryContext);
	change = palloc(sizeof(HeldRow) * n);
	for (int i = 0; i < n; i++)
		if (!rows[i].row.stored && rows[i].row.nmisfits > 0 &&
			(other_key(&rows[i]) || !same_reason(&rows[i], error_of(&old, &rows[i]))))
			change[changed++] = rows[i];
	changed = held_lock(change, changed);
	if (changed == 0)
	{
		spi_close(&saved);
		return 0;
	}

	load = change[0].load;
	for (int i = 1; i < changed; i++)
		if (change[i].load != load)
			load = 0;
	spi = MemoryContextSwitchTo(cxt);	/* they are written when SPI is closed */
	reasons = reasons_begin(relid, load, "replay");
	MemoryContextSwitchTo(spi);
	ids = palloc(sizeof(int64) * changed);
	errors = palloc(sizeof(int64) * changed);
	for (int i = 0; i < changed; i++)
	{
		ids[i] = change[i].id;
		errors[i] = reasons_note(reasons, &change[i].row, 0);
	}
	by_primary_key();
	spi_args(&args);
	spi_arg_int8_array(&args, ids, changed);
	spi_arg_int8_array(&args, errors, changed);
	spi_arg_relid(&args, relid);
	if (spi_exec("UPDATE selfheal.quarantine q SET error = c.error, bulk = false"
				 " FROM unnest($1, $2) AS c(id, error)"
				 " WHERE q.relid = $3 AND q.id = c.id AND q.state = 'held'", &args) != (uint64) changed)
		elog(ERROR, "held rows vanished under their locks");
	renew_keys(relid, change, changed);
	spi_close(&saved);
	reasons_write(reasons);
	return changed;
}
