/*
 * held.c
 *	  Held rows on their way back.
 *
 * The quarantine is read and emptied here as COPY writes it: tuple by tuple,
 * without SQL, since a row on its way back should cost little more than the
 * storing of it. Reading takes no row locks, which would write every tuple
 * once more; that a row is stored once rests on three things:
 *	  1. one at a time stores the held rows of a table (held_turn);
 *	  2. what he stored he deletes by the version that he read, and a version
 *		 that is gone, changed or locked makes him roll back (held_delete);
 *	  3. a row that another transaction has deleted, changed or locked is
 *		 seen by its xmax and passed over (held_fetch).
 *
 * What is rare (a row that needs another reason, counting) is plain SQL.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/locks.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/held.h"
#include "observe/quarantine.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define FETCH_BYTES (8 * 1024 * 1024)
#define FETCH_BLOCK (1024 * 1024)

/* Rows of other incidents that one fetch looks at: a replay may hold the
 * table's lock meanwhile. */
#define FETCH_LOOKS 100000

/* ---- reading ---- */

/* An index scan of one of our tables. */
typedef struct Reader
{
	Relation	rel;
	Relation	index;
	IndexScanDesc scan;
	TupleTableSlot *slot;
} Reader;

/* Which incident an error belongs to, as far as it was asked. */
typedef struct ErrorEntry
{
	int64		error;			/* key */
	bool		wanted;
} ErrorEntry;

typedef struct Fetch
{
	MemoryContext cxt;			/* of the result */
	MemoryContext row_cxt;		/* reset for each row */
	Snapshot	snapshot;
	Reader		held;
	AttrNumber	id;
	AttrNumber	payload;
	AttrNumber	payload_raw;
	AttrNumber	line;
	AttrNumber	original;
	AttrNumber	load;
	AttrNumber	error;
	AttrNumber	ordering_hash;
	AttrNumber	witness;

	/* which incidents' rows are wanted; all when there are none */
	const int64 *incidents;
	int			nincidents;
	Reader		errors;
	AttrNumber	incident;
	bool		untried;		/* only errors that were not tried in vain */
	AttrNumber	tried;
	HTAB	   *known;			/* of ErrorEntry */
	ErrorEntry *last;

	char	   *block;			/* bytes are laid down here */
	Size		room;
} Fetch;

static void
reader_open(Reader *r, const char *table, const char *index, LOCKMODE lock,
			Snapshot snapshot, int nkeys)
{
	r->rel = table_open(append_relation(table), lock);
	r->index = index_open(append_relation(index), AccessShareLock);
	r->scan = compat_index_beginscan(r->rel, r->index, snapshot, nkeys);
	r->slot = table_slot_create(r->rel, NULL);
}

static void
reader_close(Reader *r)
{
	ExecDropSingleTupleTableSlot(r->slot);
	index_endscan(r->scan);
	index_close(r->index, AccessShareLock);
	table_close(r->rel, NoLock);
}

/* A column of our own table, wherever it stands. */
static AttrNumber
column(const Reader *r, const char *name)
{
	AttrNumber	attnum = get_attnum(RelationGetRelid(r->rel), name);

	if (attnum == InvalidAttrNumber)
		elog(ERROR, "column %s of selfheal.%s is missing", name,
			 RelationGetRelationName(r->rel));
	return attnum;
}

/* A number of the row at hand; 0 when it is null. */
static int64
number(const Reader *r, AttrNumber attnum)
{
	bool		isnull;
	Datum		value = slot_getattr(r->slot, attnum, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static bool
is_true(const Reader *r, AttrNumber attnum)
{
	bool		isnull;
	Datum		value = slot_getattr(r->slot, attnum, &isnull);

	return !isnull && DatumGetBool(value);
}

static void
fetch_open(Fetch *f, Oid relid, int64 after, LOCKMODE lock)
{
	ScanKeyData keys[2];
	HASHCTL		ctl = {0};

	f->cxt = CurrentMemoryContext;
	f->row_cxt = AllocSetContextCreate(f->cxt, "selfheal held row",
									   ALLOCSET_DEFAULT_SIZES);
	f->snapshot = RegisterSnapshot(GetTransactionSnapshot());
	reader_open(&f->held, "quarantine", "quarantine_held", lock, f->snapshot, 2);
	f->id = column(&f->held, "id");
	f->payload = column(&f->held, "payload");
	f->payload_raw = column(&f->held, "payload_raw");
	f->line = column(&f->held, "line");
	f->original = column(&f->held, "original");
	f->load = column(&f->held, "load");
	f->error = column(&f->held, "error");
	f->ordering_hash = column(&f->held, "ordering_hash");
	f->witness = column(&f->held, "witness");
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], 2, BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(after));
	index_rescan(f->held.scan, keys, 2, NULL, 0);
	if (f->nincidents == 0)
		return;

	reader_open(&f->errors, "error", "error_pkey", AccessShareLock, f->snapshot, 1);
	f->incident = column(&f->errors, "incident");
	f->tried = column(&f->errors, "tried");
	ctl.keysize = sizeof(int64);
	ctl.entrysize = sizeof(ErrorEntry);
	ctl.hcxt = f->cxt;
	f->known = hash_create("selfheal errors", 64, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
fetch_close(Fetch *f)
{
	if (f->nincidents > 0)
	{
		hash_destroy(f->known);
		reader_close(&f->errors);
	}
	reader_close(&f->held);
	UnregisterSnapshot(f->snapshot);
	MemoryContextDelete(f->row_cxt);
}

/* Does this error belong to a wanted incident? Rows of one load share theirs,
 * so that few are looked up. */
static bool
wanted(Fetch *f, int64 error)
{
	ScanKeyData key;
	bool		found;

	if (f->nincidents == 0)
		return true;
	if (f->last != NULL && f->last->error == error)
		return f->last->wanted;
	f->last = hash_search(f->known, &error, HASH_ENTER, &found);
	if (found)
		return f->last->wanted;

	f->last->wanted = false;
	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(error));
	index_rescan(f->errors.scan, &key, 1, NULL, 0);
	if (index_getnext_slot(f->errors.scan, ForwardScanDirection, f->errors.slot))
	{
		int64		incident = number(&f->errors, f->incident);

		for (int i = 0; i < f->nincidents; i++)
			f->last->wanted |= f->incidents[i] == incident;
		if (f->untried && is_true(&f->errors, f->tried))
			f->last->wanted = false;
	}
	return f->last->wanted;
}

/* Lay bytes down where the last ones end. */
static char *
lay_down(Fetch *f, const char *bytes, Size len)
{
	char	   *copy;

	if (f->block == NULL || f->room < len + 1)
	{
		f->room = Max(len + 1, FETCH_BLOCK);
		f->block = MemoryContextAllocHuge(f->cxt, f->room);
	}
	copy = f->block;
	memcpy(copy, bytes, len);
	copy[len] = '\n';
	f->block += len + 1;
	f->room -= len + 1;
	return copy;
}

/* What a held row may have of a payload: what came first of these is it. */
typedef struct HeldBytes
{
	NullableDatum payload;
	NullableDatum raw;
	NullableDatum line;			/* of a file */
} HeldBytes;

/*
 * Keep the payload of a row, or else the raw one, or else its line. What a
 * person has amended is a payload like any other, wherever it came from.
 */
static void
keep_payload(Fetch *f, HeldRow *out, const HeldBytes *held, bool amended)
{
	struct varlena *bytes;
	Datum		payload = held->payload.value;

	if (held->payload.isnull && held->raw.isnull && held->line.isnull)
		elog(ERROR, "held row " INT64_FORMAT " has no payload", out->id);
	out->row.bad_encoding = held->payload.isnull;
	out->row.fields = !held->line.isnull && !held->payload.isnull && !amended;
	out->row.torn = held->payload.isnull && held->raw.isnull;
	if (held->payload.isnull)
		payload = held->raw.isnull ? held->line.value : held->raw.value;
	bytes = PG_DETOAST_DATUM_PACKED(payload);
	out->row.len = VARSIZE_ANY_EXHDR(bytes);
	out->row.bytes = lay_down(f, VARDATA_ANY(bytes), out->row.len);
	if ((Pointer) bytes != DatumGetPointer(payload))
		pfree(bytes);
}

/* The rest of a held row, from the row at hand. */
static void
read_held(Fetch *f, HeldRow *out)
{
	MemoryContext old = MemoryContextSwitchTo(f->row_cxt);
	HeldBytes	held;
	Datum		witness;
	bool		isnull;

	held.payload.value = slot_getattr(f->held.slot, f->payload, &held.payload.isnull);
	held.raw.value = slot_getattr(f->held.slot, f->payload_raw, &held.raw.isnull);
	held.line.value = slot_getattr(f->held.slot, f->line, &held.line.isnull);
	out->load = number(&f->held, f->load);
	out->key.hash = number(&f->held, f->ordering_hash);
	out->key.text = slot_attisnull(f->held.slot, f->ordering_hash) ? NULL : "";
	keep_payload(f, out, &held, !slot_attisnull(f->held.slot, f->original));
	witness = slot_getattr(f->held.slot, f->witness, &isnull);
	if (unlikely(!isnull))
		out->row.witness = strcmp(TextDatumGetCString(witness), QUARANTINE_PART) == 0 ?
			WITNESS_PART : WITNESS_WHOLE;
	MemoryContextSwitchTo(old);
	MemoryContextReset(f->row_cxt);
}

/* Does no transaction of another seem to be at the row? One that ended is at
 * none, but only a lock tells. */
static bool
untouched(Reader *r)
{
	bool		isnull;
	Datum		xmax = slot_getsysattr(r->slot, MaxTransactionIdAttributeNumber, &isnull);

	return !isnull && !TransactionIdIsValid(DatumGetTransactionId(xmax));
}

/*
 * See the header. Rows come one by one, and large payloads are read from
 * their TOAST table then, so that the limit of bytes holds whatever the limit
 * of rows is.
 */
static void
fetch(Fetch *f, Oid relid, int64 after, int limit, bool to_store, HeldBatch *batch)
{
	int			max = 0;
	int			looks = 0;
	Size		bytes = 0;

	memset(batch, 0, sizeof(HeldBatch));
	batch->last = after;
	fetch_open(f, relid, after, to_store ? RowExclusiveLock : AccessShareLock);
	while (index_getnext_slot(f->held.scan, ForwardScanDirection, f->held.slot))
	{
		HeldRow    *row;
		int64		error;

		CHECK_FOR_INTERRUPTS();
		if (batch->n >= limit || bytes >= FETCH_BYTES || looks >= FETCH_LOOKS)
		{
			batch->more = true;
			break;
		}
		batch->last = number(&f->held, f->id);
		error = number(&f->held, f->error);
		if (!wanted(f, error))
		{
			looks++;
			batch->others++;
			continue;
		}
		if (batch->n == max)
		{
			max = Max(256, max * 2);
			batch->rows = max == 256 ?
				MemoryContextAlloc(f->cxt, sizeof(HeldRow) * max) :
				repalloc_huge(batch->rows, sizeof(HeldRow) * max);
		}
		row = &batch->rows[batch->n];
		memset(row, 0, sizeof(HeldRow));
		row->id = batch->last;
		row->error = error;
		row->tid = f->held.slot->tts_tid;
		if (to_store && !untouched(&f->held) && held_lock(row, 1) == 0)
		{
			batch->busy++;
			continue;
		}
		read_held(f, row);
		bytes += row->row.len;
		batch->n++;
	}
	fetch_close(f);
	if (batch->rows == NULL)
		batch->rows = palloc(sizeof(HeldRow));
}

void
held_fetch(Oid relid, const int64 *incidents, int nincidents, int64 after,
		   int limit, bool to_store, HeldBatch *batch)
{
	Fetch		f = {.incidents = incidents,.nincidents = nincidents};

	fetch(&f, relid, after, limit, to_store, batch);
}

void
held_fetch_untried(Oid relid, int64 incident, int64 after, int limit, HeldBatch *batch)
{
	Fetch		f = {.incidents = &incident,.nincidents = 1,.untried = true};

	fetch(&f, relid, after, limit, true, batch);
}

/* ---- taking ---- */

/* See the header. */
bool
held_turn(Oid relid)
{
	LOCKTAG		tag = locks_tag(LOCKS_TURN, relid, 0);

	switch (LockAcquire(&tag, ExclusiveLock, false, true))
	{
		case LOCKACQUIRE_NOT_AVAIL:
			return false;
		case LOCKACQUIRE_OK:
			return true;
		default:
			/* a trigger of the table that we are at replays it, too */
			LockRelease(&tag, ExclusiveLock, false);
			return false;
	}
}

void
held_turn_end(Oid relid)
{
	LOCKTAG		tag = locks_tag(LOCKS_TURN, relid, 0);

	LockRelease(&tag, ExclusiveLock, false);
}

/* A change that this transaction's snapshot cannot see. */
static void
check_serialization(TM_Result result)
{
	if (IsolationUsesXactSnapshot() &&
		(result == TM_Updated || result == TM_Deleted))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent update"),
				 errdetail("A held row was replayed, amended or discarded by somebody else."),
				 errhint("Try the transaction again.")));
}

/* See the header. */
int
held_lock(HeldRow *rows, int n)
{
	Relation	rel = table_open(append_relation("quarantine"), RowExclusiveLock);
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	CommandId	cid = GetCurrentCommandId(true);
	int			kept = 0;

	for (int i = 0; i < n; i++)
	{
		TM_Result	result = TM_Ok;
		TM_FailureData failure;

		CHECK_FOR_INTERRUPTS();
		if (!rows[i].locked)
			result = table_tuple_lock(rel, &rows[i].tid, GetActiveSnapshot(), slot, cid,
									  LockTupleExclusive, LockWaitSkip, 0, &failure);
		check_serialization(result);
		if (result != TM_Ok)
			continue;
		rows[i].locked = true;
		if (kept != i)
			rows[kept] = rows[i];
		kept++;
	}
	ExecDropSingleTupleTableSlot(slot);
	table_close(rel, NoLock);
	return kept;
}

/* See the header. */
bool
held_exclude(Oid relid, HeldRow *rows, int n)
{
	int64	   *ids;
	SpiUser		saved;
	SpiArgs		args;

	if (held_lock(rows, n) < n)
		return false;
	ids = palloc(sizeof(int64) * Max(n, 1));
	for (int i = 0; i < n; i++)
		ids[i] = rows[i].id;
	spi_open(&saved);
	spi_set_local("enable_seqscan", "off");
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8_array(&args, ids, n);
	spi_arg_text(&args, QUARANTINE_BY_WHERE);
	if (spi_exec("UPDATE selfheal.quarantine q SET state = 'discarded', relid = 0, bulk = false,"
				 " changed_by = $3, changed_at = clock_timestamp(), why = 'the WHERE of its load leaves it out'"
				 " WHERE q.relid = $1 AND q.id = ANY ($2) AND q.state = 'held'", &args) != (uint64) n)
		elog(ERROR, "held rows vanished under their locks");
	spi_close(&saved);
	return true;
}

/*
 * See the header. The indexes are left to vacuum, as by any DELETE. A row
 * lock of our own looks like anybody's at first sight, and is told apart only
 * by a delete that may wait, which with the lock it will not.
 */
bool
held_delete(HeldRow *rows, int n)
{
	Relation	rel = table_open(append_relation("quarantine"), RowExclusiveLock);
	CommandId	cid = GetCurrentCommandId(true);
	bool		all = true;

	for (int i = 0; i < n && all; i++)
	{
		TM_FailureData failure;
		TM_Result	result;

		CHECK_FOR_INTERRUPTS();
		result = table_tuple_delete(rel, &rows[i].tid, cid, GetActiveSnapshot(),
									InvalidSnapshot, rows[i].locked, &failure, false);
		check_serialization(result);
		all = result == TM_Ok;
	}
	table_close(rel, NoLock);
	CommandCounterIncrement();
	return all;
}

/* See the header. */
HeldRow *
held_of_incident(int64 incident, int limit, int *n)
{
	Fetch		f = {.cxt = CurrentMemoryContext};
	SpiUser		saved;
	SpiArgs		args;
	HeldRow    *rows;

	spi_open(&saved);
	spi_set_local("enable_seqscan", "off");
	spi_args(&args);
	spi_arg_int8(&args, incident);
	spi_arg_int8(&args, limit);
	/* sizes first: a thousand documents may be more than memory */
	spi_exec("SELECT q.id, q.load, q.error, q.payload, q.payload_raw, q.line, q.original IS NOT NULL FROM"
			 " (SELECT h.*, sum(octet_length(coalesce(h.payload, '')) + octet_length(coalesce(h.payload_raw, h.line, '')))"
			 "   OVER (ORDER BY h.id) AS bytes"
			 "  FROM (SELECT * FROM selfheal.held WHERE incident = $1 LIMIT $2) h) q"
			 " WHERE q.bytes < 8388608 ORDER BY q.id", &args);
	*n = (int) SPI_processed;
	rows = MemoryContextAllocZero(f.cxt, sizeof(HeldRow) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		HeapTuple	tup = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		HeldBytes	held;

		held.payload.value = SPI_getbinval(tup, desc, 4, &held.payload.isnull);
		held.raw.value = SPI_getbinval(tup, desc, 5, &held.raw.isnull);
		held.line.value = SPI_getbinval(tup, desc, 6, &held.line.isnull);
		rows[i].id = spi_get_int8(i, 1, NULL);
		rows[i].load = spi_get_int8(i, 2, NULL);
		rows[i].error = spi_get_int8(i, 3, NULL);
		keep_payload(&f, &rows[i], &held, spi_get_bool(i, 7, NULL));
	}
	spi_close(&saved);
	return rows;
}

int64
held_count(Oid relid, const int64 *incidents, int nincidents)
{
	SpiUser		saved;
	SpiArgs		args;
	int64		count;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (nincidents > 0)
	{
		/* by the incidents' errors: what others hold is not looked at */
		spi_set_local("enable_seqscan", "off");
		spi_arg_int8_array(&args, incidents, nincidents);
		/* OFFSET: not by way of all that the table holds */
		spi_exec("SELECT count(*) FROM (SELECT relid FROM selfheal.held"
				 " WHERE incident = ANY ($2) OFFSET 0) h WHERE h.relid = $1", &args);
	}
	else
		/* a row that was discarded belongs to no table any more */
		spi_exec("SELECT count(*) FROM selfheal.quarantine WHERE relid = $1", &args);
	count = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return count;
}
