/*
 * kept.c
 *	  The bytes of rows that were stored otherwise than they were sent.
 *
 * A load in which every row comes by a mapping writes here as many bytes as
 * there. So payloads go in blocks, those of the same mappings together, as they
 * are (to compress them would cost more than to write them), and the only
 * index is a BRIN.
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

#define KEPT_COLUMNS 11

/* Rows of one step of removal. */
#define STEP_ROWS 5000

/* A block is to fit a page beside its other columns; so many bytes of it go
 * with each row. A larger payload has a block of its own, and TOAST takes it. */
#define BLOCK_BYTES 7700
#define ROW_BYTES (sizeof(int64) + sizeof(int32))
#define BLOCK_ROWS ((int) (BLOCK_BYTES / ROW_BYTES))

/* Blocks that are filled at the same time. */
#define MAX_BLOCKS 64

/* Payloads of one load that came by the same mappings. */
typedef struct KeptBlock
{
	const StoreMapped *mapped;
	bool		raw;
	int64		load;
	int			n;
	Size		bytes;
	const StoreRow **rows;		/* room for k->room */
	int64	   *numbers;
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
	int			room;			/* rows of one block at most */
	int			nblocks;
	KeptBlock	blocks[MAX_BLOCKS];
	int			next;			/* to be written when there is no room */
} Keeping;

static Keeping *
keeping_begin(Oid relid, bool replayed, int n)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal kept",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Keeping    *k = palloc0(sizeof(Keeping));

	k->cxt = cxt;
	k->block_cxt = AllocSetContextCreate(cxt, "selfheal kept block", ALLOCSET_DEFAULT_SIZES);
	k->a = append_open("kept");
	k->at = TimestampTzGetDatum(GetCurrentTimestamp());
	k->schema = CStringGetTextDatum(get_namespace_name(get_rel_namespace(relid)));
	k->table = CStringGetTextDatum(get_rel_name(relid));
	k->replayed = replayed;
	k->room = Min(n, BLOCK_ROWS);
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

/* Write a block down. */
static void
write_block(Keeping *k, KeptBlock *b)
{
	MemoryContext old = MemoryContextSwitchTo(k->block_cxt);
	Datum		values[KEPT_COLUMNS];
	bool		nulls[KEPT_COLUMNS] = {0};
	bytea	   *payloads = palloc(VARHDRSZ + b->bytes);
	char	   *to = VARDATA(payloads);
	int		   *lengths = palloc(sizeof(int) * Max(b->n, 1));

	if (b->n > 0)
	{
		for (int i = 0; i < b->n; i++)
		{
			lengths[i] = (int) b->rows[i]->len;
			memcpy(to, b->rows[i]->bytes, b->rows[i]->len);
			to += b->rows[i]->len;
		}
		SET_VARSIZE(payloads, VARHDRSZ + b->bytes);
		values[0] = k->at;
		values[1] = k->schema;
		values[2] = k->table;
		values[3] = Int64GetDatum(b->load);
		values[4] = BoolGetDatum(k->replayed);
		values[5] = int8_array(b->numbers, b->n);
		values[6] = int4_array(lengths, b->n);
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
	}
	b->n = 0;
	b->bytes = 0;
	MemoryContextSwitchTo(old);
	MemoryContextReset(k->block_cxt);
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
		b->rows = MemoryContextAlloc(k->cxt, sizeof(StoreRow *) * k->room);
		b->numbers = MemoryContextAlloc(k->cxt, sizeof(int64) * k->room);
	}
	else
	{
		b = &k->blocks[k->next++ % MAX_BLOCKS];
		write_block(k, b);
	}
	b->mapped = row->mapped;
	b->raw = row->bad_encoding;
	b->load = load;
	return b;
}

/* Take one row; its bytes stay where they are until keeping_end. */
static void
keep_row(Keeping *k, const StoreRow *row, int64 load, int64 number)
{
	KeptBlock  *b = block_of(k, row, load);

	if (b->n == k->room || (b->n > 0 && b->bytes + row->len + (b->n + 1) * ROW_BYTES > BLOCK_BYTES))
		write_block(k, b);
	b->rows[b->n] = row;
	b->numbers[b->n++] = number;
	b->bytes += row->len;
}

static void
keeping_end(Keeping *k)
{
	for (int i = 0; i < k->nblocks; i++)
		write_block(k, &k->blocks[i]);
	append_close(k->a);
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
			k = keeping_begin(relid, false, n);
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
			k = keeping_begin(relid, true, n);
		keep_row(k, &tried[i], held[i].load, held[i].id);
	}
	if (k != NULL)
		keeping_end(k);
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
