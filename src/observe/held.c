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
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/held.h"
#include "observe/reasons.h"
#include "storage/lock.h"
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
	AttrNumber	load;
	AttrNumber	error;

	/* which incidents' rows are wanted; all when there are none */
	const int64 *incidents;
	int			nincidents;
	Reader		errors;
	AttrNumber	incident;
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
	f->load = column(&f->held, "load");
	f->error = column(&f->held, "error");
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&keys[1], 2, BTGreaterStrategyNumber, F_INT8GT, Int64GetDatum(after));
	index_rescan(f->held.scan, keys, 2, NULL, 0);
	if (f->nincidents == 0)
		return;

	reader_open(&f->errors, "error", "error_pkey", AccessShareLock, f->snapshot, 1);
	f->incident = column(&f->errors, "incident");
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

/* Keep the payload of a row, or else the raw one. */
static void
keep_payload(Fetch *f, HeldRow *out, Datum payload, bool isnull, Datum raw, bool raw_isnull)
{
	struct varlena *bytes;

	if (isnull && raw_isnull)
		elog(ERROR, "held row " INT64_FORMAT " has no payload", out->id);
	out->row.bad_encoding = isnull;
	if (isnull)
		payload = raw;
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
	bool		isnull;
	bool		raw_isnull;
	Datum		payload = slot_getattr(f->held.slot, f->payload, &isnull);
	Datum		raw = slot_getattr(f->held.slot, f->payload_raw, &raw_isnull);

	out->load = number(&f->held, f->load);
	keep_payload(f, out, payload, isnull, raw, raw_isnull);
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
void
held_fetch(Oid relid, const int64 *incidents, int nincidents, int64 after,
		   int limit, bool to_store, HeldBatch *batch)
{
	Fetch		f = {.incidents = incidents,.nincidents = nincidents};
	int			max = 0;
	int			looks = 0;
	Size		bytes = 0;

	memset(batch, 0, sizeof(HeldBatch));
	batch->last = after;
	fetch_open(&f, relid, after, to_store ? RowExclusiveLock : AccessShareLock);
	while (index_getnext_slot(f.held.scan, ForwardScanDirection, f.held.slot))
	{
		HeldRow    *row;
		int64		error;

		CHECK_FOR_INTERRUPTS();
		if (batch->n >= limit || bytes >= FETCH_BYTES || looks >= FETCH_LOOKS)
		{
			batch->more = true;
			break;
		}
		batch->last = number(&f.held, f.id);
		error = number(&f.held, f.error);
		if (!wanted(&f, error))
		{
			looks++;
			continue;
		}
		if (batch->n == max)
		{
			max = Max(256, max * 2);
			batch->rows = max == 256 ?
				MemoryContextAlloc(f.cxt, sizeof(HeldRow) * max) :
				repalloc_huge(batch->rows, sizeof(HeldRow) * max);
		}
		row = &batch->rows[batch->n];
		memset(row, 0, sizeof(HeldRow));
		row->id = batch->last;
		row->error = error;
		row->tid = f.held.slot->tts_tid;
		if (to_store && !untouched(&f.held) && held_lock(row, 1) == 0)
		{
			batch->busy++;
			continue;
		}
		read_held(&f, row);
		bytes += row->row.len;
		batch->n++;
	}
	fetch_close(&f);
	if (batch->rows == NULL)
		batch->rows = palloc(sizeof(HeldRow));
}

/* ---- taking ---- */

/* A lock space that neither SQL functions nor the intake's gate use. */
static LOCKTAG
turn_tag(Oid relid)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relid, 0x5348 /* SH */ , 4);
	return tag;
}

/* See the header. */
bool
held_turn(Oid relid)
{
	LOCKTAG		tag = turn_tag(relid);

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
	LOCKTAG		tag = turn_tag(relid);

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

/* ---- by error ---- */

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
held_tally(const HeldRow *rows, int n, int *ntallies)
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

/* The same with class and column. SPI is open. */
static void
read_errors(HeldErrors *all, const HeldRow *rows, int n, MemoryContext cxt)
{
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));
	SpiArgs		args;

	collect_errors(all, rows, n, ids);
	spi_args(&args);
	spi_arg_int8_array(&args, ids, all->n);
	spi_exec("SELECT w.n, e.class, e.column_name"
			 " FROM unnest($1) WITH ORDINALITY AS w(id, n)"
			 " JOIN selfheal.error e ON e.id = w.id", &args);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeldError  *e = &all->errors[spi_get_int8(i, 1, NULL) - 1];
		char	   *class = spi_get_text(i, 2, cxt);

		e->known = class != NULL;
		e->class = class ? fit_class_from_name(class) : FIT_OTHER;
		e->column = spi_get_text(i, 3, cxt);
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

/* Does the row stand under what is its first misfit now? */
static bool
same_reason(const HeldRow *row, const HeldError *e)
{
	const Misfit *now = row->row.misfits;

	return e->known && e->class == now->class &&
		(e->column == now->column ||
		 (e->column && now->column && strcmp(e->column, now->column) == 0));
}

/*
 * See the header. Error rows are made anew: an incident that was healed does
 * not get more rows behind its back. Rows are locked before they are counted.
 */
int64
held_rehold(Oid relid, const HeldRow *rows, int n)
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
			!same_reason(&rows[i], error_of(&old, &rows[i])))
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
	spi_close(&saved);
	reasons_write(reasons);
	return changed;
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
	spi_exec("SELECT q.id, q.load, q.error, q.payload, q.payload_raw FROM"
			 " (SELECT h.*, sum(octet_length(coalesce(h.payload, '')) + octet_length(coalesce(h.payload_raw, '')))"
			 "   OVER (ORDER BY h.id) AS bytes"
			 "  FROM (SELECT * FROM selfheal.held WHERE incident = $1 LIMIT $2) h) q"
			 " WHERE q.bytes < 8388608 ORDER BY q.id", &args);
	*n = (int) SPI_processed;
	rows = MemoryContextAllocZero(f.cxt, sizeof(HeldRow) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		HeapTuple	tup = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;
		bool		raw_isnull;
		Datum		payload = SPI_getbinval(tup, desc, 4, &isnull);
		Datum		raw = SPI_getbinval(tup, desc, 5, &raw_isnull);

		rows[i].id = spi_get_int8(i, 1, NULL);
		rows[i].load = spi_get_int8(i, 2, NULL);
		rows[i].error = spi_get_int8(i, 3, NULL);
		keep_payload(&f, &rows[i], payload, isnull, raw, raw_isnull);
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
