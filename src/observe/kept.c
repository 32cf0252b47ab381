/*
 * kept.c
 *	  The bytes of rows that were stored otherwise than they were sent.
 *
 * A load in which every row comes by a mapping would write here as many bytes as
 * there. So payloads go in blocks that fill a page, those of the same mappings
 * together, each as what it has not in common with the one before (delta.h),
 * and the only index is a BRIN.
 *
 * A block is, for each payload, its number less what would come next, twice,
 * one less when that is negative (0, -1, 1, -2 are 0, 1, 2, 3); its length;
 * and its bytes. The number that would come next is the one behind that of the
 * payload before; for the first, the block's own.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/delta.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "common/pg_prng.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/kept.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(selfheal_kept_rows);

#define KEPT_COLUMNS 11

/* Rows of one step of removal. */
#define STEP_ROWS 5000

/* A block is to fit a page beside its other columns. A larger payload has a
 * block of its own, and TOAST takes it. */
#define BLOCK_BYTES 7700
#define ROW_BYTES (2 * DELTA_NUMBER)
#define BLOCK_ROWS 1000

/* Blocks that are filled at the same time. */
#define MAX_BLOCKS 64

/* Payloads of one load that came by the same mappings. */
typedef struct KeptBlock
{
	const StoreMapped *mapped;
	bool		raw;
	int64		load;
	int			n;
	int64		first;			/* number of the first */
	int64		next;			/* what would come next */
	const StoreRow *last;
	Size		bytes;
	char	   *data;			/* BLOCK_BYTES, and a bit for what a row that
								 * has as many needs beside them */
} KeptBlock;

typedef struct Keeping
{
	MemoryContext cxt;
	MemoryContext block_cxt;	/* reset for each block that is written */
	Appender   *a;
	Datum		at;
	Datum		schema;
	Datum		table;
	bool		replayed;
	int			nblocks;
	KeptBlock	blocks[MAX_BLOCKS];
	int			victim;			/* to be written when there is no room */
	int64		written;		/* bytes */
	char		row[ROW_BYTES + DELTA_ROOM(BLOCK_BYTES)];	/* one on its way */
} Keeping;

static Keeping *
keeping_begin(Oid relid, bool replayed)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal kept",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Keeping    *k = palloc(sizeof(Keeping));

	k->cxt = cxt;
	k->block_cxt = AllocSetContextCreate(cxt, "selfheal kept block", ALLOCSET_DEFAULT_SIZES);
	k->a = append_open("kept");
	k->at = TimestampTzGetDatum(GetCurrentTimestamp());
	k->schema = CStringGetTextDatum(get_namespace_name(get_rel_namespace(relid)));
	k->table = CStringGetTextDatum(get_rel_name(relid));
	k->replayed = replayed;
	k->nblocks = 0;
	k->victim = 0;
	k->written = 0;
	MemoryContextSwitchTo(old);
	return k;
}

static Datum
int8_array(const int64 *values, int n)
{
	Datum	   *elems = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		elems[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(elems, n, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static Datum
int4_array(const int *values, int n)
{
	Datum	   *elems = palloc(sizeof(Datum) * n);

	for (int i = 0; i < n; i++)
		elems[i] = Int32GetDatum(values[i]);
	return PointerGetDatum(construct_array(elems, n, INT4OID, 4, true, TYPALIGN_INT));
}

/* Write a block down, which is empty then. */
static void
write_block(Keeping *k, KeptBlock *b)
{
	MemoryContext old;
	Datum		values[KEPT_COLUMNS];
	bool		nulls[KEPT_COLUMNS] = {0};
	bytea	   *payloads;

	if (b->n == 0)
		return;
	old = MemoryContextSwitchTo(k->block_cxt);
	payloads = palloc(VARHDRSZ + b->bytes);
	memcpy(VARDATA(payloads), b->data, b->bytes);
	SET_VARSIZE(payloads, VARHDRSZ + b->bytes);
	values[0] = k->at;
	values[1] = k->schema;
	values[2] = k->table;
	values[3] = Int64GetDatum(b->load);
	values[4] = BoolGetDatum(k->replayed);
	values[5] = Int64GetDatum(b->first);
	values[6] = Int32GetDatum(b->n);
	values[7] = BoolGetDatum(b->raw);
	values[8] = PointerGetDatum(payloads);
	nulls[9] = nulls[10] = b->mapped == NULL;
	if (b->mapped)
	{
		values[9] = int8_array(b->mapped->ids, b->mapped->n);
		values[10] = int4_array(b->mapped->versions, b->mapped->n);
	}
	/* what the appender makes must outlive the block */
	MemoryContextSwitchTo(k->cxt);
	append_row(k->a, KEPT_COLUMNS, values, nulls);
	MemoryContextSwitchTo(old);
	MemoryContextReset(k->block_cxt);
	k->written += b->bytes;
	b->n = 0;
	b->bytes = 0;
}

/* The block that a row belongs to. */
static KeptBlock *
block_of(Keeping *k, const StoreRow *row, int64 load)
{
	KeptBlock  *b;

	for (int i = 0; i < k->nblocks; i++)
	{
		b = &k->blocks[i];
		if (b->mapped == row->mapped && b->raw == row->bad_encoding && b->load == load)
			return b;
	}
	if (k->nblocks < MAX_BLOCKS)
	{
		b = &k->blocks[k->nblocks++];
		b->data = MemoryContextAlloc(k->cxt, ROW_BYTES + DELTA_ROOM(0) + BLOCK_BYTES);
		b->n = 0;
		b->bytes = 0;
	}
	else
	{
		b = &k->blocks[k->victim++ % MAX_BLOCKS];
		write_block(k, b);
	}
	b->mapped = row->mapped;
	b->raw = row->bad_encoding;
	b->load = load;
	return b;
}

/* A row as it stands in its block; returns its bytes. */
static Size
put_row(char *to, const KeptBlock *b, const StoreRow *row, int64 number)
{
	int64		off = b->n > 0 ? number - b->next : 0;
	char	   *p = delta_put_number(to, off < 0 ? ((uint64) -(off + 1) << 1) + 1 : (uint64) off << 1);

	p = delta_put_number(p, row->len);
	p += b->n > 0 ? delta_write(p, b->last->bytes, b->last->len, row->bytes, row->len)
		: delta_write(p, "", 0, row->bytes, row->len);
	return p - to;
}

/* A payload that is larger than a block: it is one. */
static void
keep_large(Keeping *k, KeptBlock *b, const StoreRow *row, int64 number)
{
	char	   *data = b->data;

	b->data = MemoryContextAllocHuge(k->cxt, ROW_BYTES + DELTA_ROOM(0) + row->len);
	b->bytes = put_row(b->data, b, row, number);
	b->first = number;
	b->n = 1;
	write_block(k, b);
	pfree(b->data);
	b->data = data;
}

/* Take one row; its bytes stay where they are until keeping_end. */
static void
keep_row(Keeping *k, const StoreRow *row, int64 load, int64 number)
{
	KeptBlock  *b = block_of(k, row, load);
	Size		bytes;

	if (unlikely(row->len > BLOCK_BYTES))
	{
		write_block(k, b);
		keep_large(k, b, row, number);
		return;
	}
	bytes = put_row(k->row, b, row, number);
	if (b->n == BLOCK_ROWS || (b->n > 0 && b->bytes + bytes > BLOCK_BYTES))
	{
		write_block(k, b);
		bytes = put_row(k->row, b, row, number);
	}
	if (b->n++ == 0)
		b->first = number;
	memcpy(b->data + b->bytes, k->row, bytes);
	b->bytes += bytes;
	b->next = number + 1;
	b->last = row;
}

/* Past selfheal.kept_max the worker is woken, some sixty times while as much
 * again is written: loads of which every row is stored do not wake it. */
static void
wake_sometimes(int64 written)
{
	double		max = guc_kept_max * 1024.0;

	if (max == 0 || pg_prng_double(&pg_global_prng_state) >= written * 64 / max)
		return;
	if (DatumGetInt64(DirectFunctionCall1(pg_total_relation_size,
										  ObjectIdGetDatum(append_relation("kept")))) > max)
		shmem_wake_at_commit();
}

static void
keeping_end(Keeping *k)
{
	for (int i = 0; i < k->nblocks; i++)
		write_block(k, &k->blocks[i]);
	append_close(k->a);
	wake_sometimes(k->written);
	MemoryContextDelete(k->cxt);
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
			k = keeping_begin(relid, false);
		keep_row(k, &rows[i], load, positions[i]);
	}
	if (k != NULL)
		keeping_end(k);
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
			k = keeping_begin(relid, true);
		keep_row(k, &tried[i], held[i].load, held[i].id);
	}
	if (k != NULL)
		keeping_end(k);
}

/* ---- the way back ---- */

/* One payload of a block, in the current context; returns where the next one
 * starts. */
static const char *
get_row(const char *p, const char *end, const bytea *before, int64 *number, bytea **payload)
{
	uint64		off;
	uint64		len;

	p = delta_get_number(p, end, &off);
	if (p != NULL)
		p = delta_get_number(p, end, &len);
	if (p == NULL || len > MaxAllocSize - VARHDRSZ)
		return NULL;
	*number += (off & 1) ? -(int64) (off >> 1) - 1 : (int64) (off >> 1);
	*payload = palloc(VARHDRSZ + len);
	SET_VARSIZE(*payload, VARHDRSZ + len);
	return delta_read(p, end, before ? VARDATA(before) : NULL, before ? VARSIZE(before) - VARHDRSZ : 0,
					  VARDATA(*payload), len);
}

/* kept_rows(first, payloads): a block's payloads, each with its number. */
Datum
selfheal_kept_rows(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int64		number = PG_GETARG_INT64(0);
	bytea	   *block = PG_GETARG_BYTEA_PP(1);
	const char *p = VARDATA_ANY(block);
	const char *end = p + VARSIZE_ANY_EXHDR(block);
	bytea	   *before = NULL;

	InitMaterializedSRF(fcinfo, 0);
	while (p < end)
	{
		Datum		values[2];
		bool		nulls[2] = {false, false};
		bytea	   *payload;

		CHECK_FOR_INTERRUPTS();
		p = get_row(p, end, before, &number, &payload);
		if (p == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("payloads cannot be read"),
					 errdetail("The bytes are not those of a row of selfheal.kept."),
					 errhint("Give the columns first_number and payloads of one row as they are.")));
		values[0] = Int64GetDatum(number++);
		values[1] = PointerGetDatum(payload);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
		if (before != NULL)
			pfree(before);
		before = payload;
	}
	return (Datum) 0;
}

/* ---- how much is kept ---- */

/* Blocks that are looked into: some milliseconds, and a few per cent exact. */
#define SAMPLE 1024

/*
 * From when on what is kept has selfheal.kept_max bytes: what is from before
 * goes. Files do not shrink by that, so the bytes in them are estimated; they
 * are not looked into as long as the files are small enough.
 */
static bool
too_much(TimestampTz *before)
{
	SpiArgs		args;
	bool		isnull;
	double		share;
	int64		blocks;

	if (guc_kept_max == 0)
		return false;
	spi_args(&args);
	spi_arg_int8(&args, (int64) guc_kept_max * 1024);
	spi_arg_int8(&args, BLCKSZ);
	spi_exec("SELECT CASE WHEN pg_total_relation_size('selfheal.kept') > $1"
			 " THEN pg_relation_size('selfheal.kept') / $2 END", &args);
	blocks = spi_get_int8(0, 1, &isnull);
	if (isnull || blocks == 0)
		return false;
	share = blocks <= SAMPLE ? 100.0 : 100.0 * SAMPLE / blocks;
	spi_args(&args);
	spi_arg_float8(&args, share);
	spi_arg_int8(&args, (int64) guc_kept_max * 1024);
	spi_exec("SELECT max(at) FROM (SELECT at, sum(pg_column_size(payloads) + 200) OVER (ORDER BY at DESC) * 100.0 / $1 AS bytes"
			 "  FROM selfheal.kept TABLESAMPLE SYSTEM ($1)) s WHERE bytes > $2", &args);
	*before = spi_get_int8(0, 1, &isnull) + 1;
	return !isnull;
}

/* See the header. */
bool
kept_remove(TimestampTz before)
{
	SpiArgs		args;
	TimestampTz large;

	if (too_much(&large) && large > before)
		before = large;
	spi_args(&args);
	spi_arg_timestamptz(&args, before);
	spi_arg_int8(&args, STEP_ROWS);
	return spi_exec("DELETE FROM selfheal.kept WHERE ctid = ANY (ARRAY("
					" SELECT ctid FROM selfheal.kept WHERE at < $1 LIMIT $2))", &args) == STEP_ROWS;
}
