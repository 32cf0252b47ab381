/*
 * kept.c
 *	  The bytes of rows that were stored otherwise than they were sent.
 *
 * A load in which every row comes by a mapping writes here as many bytes as
 * there, so there is no index but a BRIN, which costs nothing per row.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "observe/append.h"
#include "observe/kept.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define KEPT_COLUMNS 10

/* Rows that one step removes. */
#define STEP_ROWS 5000

typedef struct Keeping
{
	Appender   *a;
	Datum		at;
	Datum		schema;
	Datum		table;
	const StoreMapped *mapped;	/* of the last row */
	Datum		ids;
	Datum		versions;
} Keeping;

static Keeping *
keeping_begin(Oid relid)
{
	Keeping    *k = palloc0(sizeof(Keeping));

	k->a = append_open("kept");
	k->at = TimestampTzGetDatum(GetCurrentTimestamp());
	k->schema = CStringGetTextDatum(get_namespace_name(get_rel_namespace(relid)));
	k->table = CStringGetTextDatum(get_rel_name(relid));
	return k;
}

/* The mappings as arrays: mostly those of the row before. */
static void
name_mappings(Keeping *k, const StoreMapped *mapped)
{
	Datum	   *elems;

	if (mapped == NULL || mapped == k->mapped)
		return;
	k->mapped = mapped;
	elems = palloc(sizeof(Datum) * mapped->n);
	for (int i = 0; i < mapped->n; i++)
		elems[i] = Int64GetDatum(mapped->ids[i]);
	k->ids = PointerGetDatum(construct_array(elems, mapped->n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
	for (int i = 0; i < mapped->n; i++)
		elems[i] = Int32GetDatum(mapped->versions[i]);
	k->versions = PointerGetDatum(construct_array(elems, mapped->n, INT4OID, 4, true, TYPALIGN_INT));
	pfree(elems);
}

/* One row; position and held 0: not known. */
static void
keep_row(Keeping *k, const StoreRow *row, int64 load, int64 position, int64 held)
{
	Datum		values[KEPT_COLUMNS];
	bool		nulls[KEPT_COLUMNS] = {0};
	Datum		payload = PointerGetDatum(cstring_to_text_with_len(row->bytes, row->len));

	name_mappings(k, row->mapped);
	values[0] = k->at;
	values[1] = k->schema;
	values[2] = k->table;
	values[3] = Int64GetDatum(load);
	values[4] = Int64GetDatum(position);
	nulls[4] = position == 0;
	values[5] = Int64GetDatum(held);
	nulls[5] = held == 0;
	/* text and bytea look alike in storage */
	values[6] = values[7] = payload;
	nulls[row->bad_encoding ? 6 : 7] = true;
	values[8] = k->ids;
	values[9] = k->versions;
	nulls[8] = nulls[9] = row->mapped == NULL;
	append_row(k->a, KEPT_COLUMNS, values, nulls);
	pfree(DatumGetPointer(payload));
}

/* Is what was sent to be kept of this row? */
static inline bool
is_kept(KeepPayload keep, const StoreRow *row)
{
	return row->stored && !row->already && (row->mapped != NULL || keep == KEEP_ALL);
}

/* See the header. */
void
kept_load(Oid relid, KeepPayload keep, const StoreRow *rows, const int64 *positions,
		  int n, int64 load)
{
	Keeping    *k = NULL;

	if (keep == KEEP_NONE)
		return;
	for (int i = 0; i < n; i++)
	{
		if (!is_kept(keep, &rows[i]))
			continue;
		if (k == NULL)
			k = keeping_begin(relid);
		keep_row(k, &rows[i], load, positions[i], 0);
	}
	if (k != NULL)
		append_close(k->a);
}

/* See the header. */
void
kept_replay(Oid relid, KeepPayload keep, const HeldRow *held, const StoreRow *tried, int n)
{
	Keeping    *k = NULL;

	if (keep == KEEP_NONE)
		return;
	for (int i = 0; i < n; i++)
	{
		if (!is_kept(keep, &tried[i]))
			continue;
		if (k == NULL)
			k = keeping_begin(relid);
		keep_row(k, &tried[i], held[i].load, 0, held[i].id);
	}
	if (k != NULL)
		append_close(k->a);
}

/* See the header. */
bool
kept_remove(TimestampTz before)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_timestamptz(&args, before);
	spi_arg_int8(&args, STEP_ROWS);
	return spi_exec("DELETE FROM selfheal.kept WHERE ctid = ANY (ARRAY("
					" SELECT ctid FROM selfheal.kept WHERE at < $1 LIMIT $2))", &args) == STEP_ROWS;
}
