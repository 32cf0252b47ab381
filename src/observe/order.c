/*
 * order.c
 *	  Which rows must wait, since a row of their ordering key is held.
 *
 * The keys of held rows stand in selfheal.quarantine as 64-bit hashes, with an
 * index by (table, hash, id). Of two different keys with one hash the later
 * waits for the other's row, which costs it time and nothing else.
 *
 * A batch of a load begins with a look into that index: mostly the table has
 * no entry there, and then no key of the batch is ever computed, unless a row
 * of it is refused. Else as many entries are read as the batch has rows, when
 * the first row that fits asks; if these are not all, keys are looked up one
 * by one when they are met.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "base/compat.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/misfits.h"
#include "observe/order.h"
#include "observe/orderkey.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Entries of the index that a small batch reads before it looks keys up. */
#define ORDER_LEAST 16

/* No row of the batch waits. */
#define ORDER_FREE INT_MAX

/* What is known of a key in this batch. */
typedef struct OrderEntry
{
	int64		hash;			/* key of the table */
	int			after;			/* rows behind this one wait; ORDER_FREE */
} OrderEntry;

struct Order
{
	Oid			relid;
	List	   *names;			/* char * */
	char	   *words;			/* the same, for people */
	MemoryContext shape_cxt;	/* of columns */
	MemoryContext batch_cxt;	/* of keys */
	MemoryContext scan_cxt;		/* of one look at what is held */

	OrderColumns *columns;		/* NULL: one of them is gone: no order */

	HTAB	   *keys;			/* of OrderEntry; NULL: none yet */
	int			rows;			/* of the batch */
	bool		unread;			/* the index was not read for this batch */
	bool		complete;		/* a key that is not there has no held row */
	bool		watching;		/* a key may have to wait */
	bool		refused;		/* a formed row was */

	/* a replay's rows */
	const int64 *ids;
	const OrderKey *lined_up;
	int			nids;
	bool		first;			/* no row is held before them */
};

/* See the header. */
Order *
order_begin(Oid relid, const List *columns)
{
	Order	   *o;
	StringInfoData words;
	ListCell   *lc;

	if (columns == NIL)
		return NULL;
	o = palloc0(sizeof(Order));
	o->relid = relid;
	initStringInfo(&words);
	foreach(lc, columns)
	{
		o->names = lappend(o->names, pstrdup(lfirst(lc)));
		appendStringInfo(&words, "%s%s", words.len ? ", " : "", (char *) lfirst(lc));
	}
	/* it stands where a column's name stands, and is no longer than one */
	words.data[pg_mbcliplen(words.data, words.len, NAMEDATALEN - 1)] = '\0';
	o->words = words.data;
	o->shape_cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal order",
										 ALLOCSET_SMALL_SIZES);
	o->batch_cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal order keys",
										 ALLOCSET_DEFAULT_SIZES);
	o->scan_cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal order scan",
										ALLOCSET_SMALL_SIZES);
	return o;
}

/* See the header. */
void
order_line_up(Order *o, const int64 *ids, const OrderKey *keys, int n, bool first)
{
	o->first = first;
	o->ids = ids;
	o->lined_up = keys;
	o->nids = n;
}

/* See the header. */
void
order_shape(Order *o, const Shape *shape, TupleDesc desc)
{
	MemoryContext old;

	MemoryContextReset(o->shape_cxt);
	old = MemoryContextSwitchTo(o->shape_cxt);
	o->columns = orderkey_columns(o->names, shape, desc);
	MemoryContextSwitchTo(old);
}

/* ---- who is held ---- */

/* What is known of a key; made when it is the first. */
static OrderEntry *
entry_of(Order *o, int64 hash, bool *found)
{
	if (o->keys == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(int64);
		ctl.entrysize = sizeof(OrderEntry);
		ctl.hcxt = o->batch_cxt;
		o->keys = hash_create("selfheal ordering keys", 256, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	return hash_search(o->keys, &hash, HASH_ENTER, found);
}

/* A scan of what is held, by (relid, ordering_hash, id). */
typedef struct OrderScan
{
	Relation	rel;
	Relation	index;
	IndexScanDesc scan;
	TupleTableSlot *slot;
	Snapshot	snapshot;
	AttrNumber	hash;
	AttrNumber	id;
} OrderScan;

/* Whatever is committed now counts, under every isolation level: what a row
 * must wait for is no matter of the transaction's own view. */
static void
scan_open(OrderScan *s)
{
	s->rel = table_open(append_relation("quarantine"), AccessShareLock);
	s->index = index_open(append_relation("quarantine_order"), AccessShareLock);
	s->snapshot = RegisterSnapshot(GetLatestSnapshot());
	s->scan = compat_index_beginscan(s->rel, s->index, s->snapshot, 3);
	s->slot = table_slot_create(s->rel, NULL);
	s->hash = get_attnum(RelationGetRelid(s->rel), "ordering_hash");
	s->id = get_attnum(RelationGetRelid(s->rel), "id");
}

static void
scan_close(OrderScan *s)
{
	ExecDropSingleTupleTableSlot(s->slot);
	index_endscan(s->scan);
	UnregisterSnapshot(s->snapshot);
	index_close(s->index, AccessShareLock);
	table_close(s->rel, NoLock);
}

/* Held rows of the table, of one key or of all, up to this id. */
static void
scan_begin(OrderScan *s, Oid relid, const int64 *hash, int64 last)
{
	ScanKeyData keys[3];

	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	if (hash)
		ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(*hash));
	else
		ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_INT8GE, Int64GetDatum(PG_INT64_MIN));
	ScanKeyInit(&keys[2], 3, BTLessEqualStrategyNumber, F_INT8LE, Int64GetDatum(last));
	index_rescan(s->scan, keys, 3, NULL, 0);
}

/* The next of them; false at the end. */
static bool
scan_next(OrderScan *s, int64 *hash, int64 *id)
{
	bool		isnull;

	if (!index_getnext_slot(s->scan, ForwardScanDirection, s->slot))
		return false;
	*hash = DatumGetInt64(slot_getattr(s->slot, s->hash, &isnull));
	*id = DatumGetInt64(slot_getattr(s->slot, s->id, &isnull));
	return true;
}

/* The first row in hand, from this one on, whose id is not below. */
static int
next_in_hand(const Order *o, int from, int64 id)
{
	int			to = o->nids;

	while (from < to)
	{
		int			middle = from + (to - from) / 2;

		if (o->ids[middle] < id)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/*
 * Of a key of the batch: behind which row do its rows wait? In a load behind
 * whatever is held. In a replay behind the first held row that is not in hand.
 */
static int
look_up(Order *o, OrderScan *s, int64 hash)
{
	int64		id;
	int64		same;
	int			in_hand = 0;

	scan_begin(s, o->relid, &hash, o->nids > 0 ? o->ids[o->nids - 1] : PG_INT64_MAX);
	while (scan_next(s, &same, &id))
	{
		CHECK_FOR_INTERRUPTS();
		in_hand = next_in_hand(o, in_hand, id);
		if (o->nids == 0 || o->ids[in_hand] != id)
			return in_hand - 1;
	}
	return ORDER_FREE;
}

/* Does the table hold any row that has a key? */
static bool
holds_any(Order *o)
{
	OrderScan	s;
	int64		hash;
	int64		id;
	bool		any;

	scan_open(&s);
	scan_begin(&s, o->relid, NULL, PG_INT64_MAX);
	any = scan_next(&s, &hash, &id);
	scan_close(&s);
	return any;
}

/* Read the keys that have held rows, if they are not many more than the rows
 * of the batch. */
static void
read_held(Order *o)
{
	OrderScan	s;
	int64		hash;
	int64		id;
	int			looks = 0;

	scan_open(&s);
	scan_begin(&s, o->relid, NULL, PG_INT64_MAX);
	o->complete = true;
	while (scan_next(&s, &hash, &id))
	{
		bool		found;

		CHECK_FOR_INTERRUPTS();
		if (looks++ >= Max(o->rows, ORDER_LEAST))
		{
			o->complete = false;
			break;
		}
		entry_of(o, hash, &found)->after = -1;
	}
	scan_close(&s);
}

/* The row behind which those of this key wait. */
static int
waits_after(Order *o, int64 hash)
{
	bool		found;
	OrderEntry *entry;

	if (o->unread)
		read_held(o);
	o->unread = false;
	if (o->keys == NULL && o->complete)
		return ORDER_FREE;
	entry = entry_of(o, hash, &found);
	if (!found)
	{
		entry->after = ORDER_FREE;
		if (!o->complete)
		{
			OrderScan	s;

			scan_open(&s);
			entry->after = look_up(o, &s, hash);
			scan_close(&s);
		}
	}
	return entry->after;
}

/* Look the keys of a replay's rows up, with one scan. */
static void
read_lined_up(Order *o)
{
	OrderScan	s;

	if (o->first)
		return;
	o->watching = true;
	o->complete = false;
	scan_open(&s);
	for (int i = 0; i < o->nids; i++)
	{
		OrderEntry *entry;
		bool		found;

		if (o->lined_up[i].text == NULL)
			continue;
		entry = entry_of(o, o->lined_up[i].hash, &found);
		if (!found)
			entry->after = look_up(o, &s, o->lined_up[i].hash);
	}
	scan_close(&s);
}

/* See the header. */
void
order_batch(Order *o, int n)
{
	MemoryContext old = MemoryContextSwitchTo(o->scan_cxt);

	MemoryContextReset(o->batch_cxt);
	o->keys = NULL;
	o->rows = n;
	o->watching = o->refused = o->unread = false;
	o->complete = true;
	if (o->columns == NULL)
		 /* no order any more */ ;
	else if (o->ids)
		read_lined_up(o);
	else
		o->watching = o->unread = holds_any(o);
	MemoryContextSwitchTo(old);
	MemoryContextReset(o->scan_cxt);
}

/* ---- rows ---- */

/* The row has this key. */
static void
keep_key(StoreRow *row, const OrderKey *key, MemoryContext cxt)
{
	row->key = MemoryContextAlloc(cxt, sizeof(OrderKey));
	*row->key = *key;
}

/* The row with this key waits: if it has to. */
static bool
waits(Order *o, StoreRow *row, const OrderValues *from, MemoryContext cxt)
{
	OrderKey	key;

	if (!orderkey_make(o->columns, from, NULL, &key) || row->place <= waits_after(o, key.hash))
		return false;
	misfits_keep_reason(cxt, row, FIT_AWAITING_ORDER, ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE,
						o->words, "it waits behind a held row of its ordering key");
	if (orderkey_make(o->columns, from, cxt, &key))
		keep_key(row, &key, cxt);
	return true;
}

/* The row is held: those of its key behind it will wait. */
static void
refused(Order *o, StoreRow *row, const OrderValues *from, MemoryContext cxt)
{
	OrderKey	key;
	OrderEntry *entry;
	bool		found;

	if (!orderkey_make(o->columns, from, cxt, &key))
		return;
	keep_key(row, &key, cxt);
	o->watching = true;
	/* a key that was not looked up had no row in this batch that fits */
	entry = entry_of(o, key.hash, &found);
	if (!found || row->place < entry->after)
		entry->after = row->place;
}

/* See the header. */
bool
order_asks(const Order *o)
{
	return o->columns != NULL && (o->watching || orderkey_defaults(o->columns));
}

/* See the header. */
bool
order_waits(Order *o, StoreRow *row, const FitRow *fit, MemoryContext cxt)
{
	OrderValues from = {.fit = fit};

	row->keyed = orderkey_said(o->columns, fit);
	return o->watching && row->keyed && waits(o, row, &from, cxt);
}

/* See the header. */
void
order_refused(Order *o, StoreRow *row, const FitRow *fit, MemoryContext cxt)
{
	OrderValues from = {.fit = fit};

	if (o->columns != NULL && orderkey_sure(o->columns, fit))
		refused(o, row, &from, cxt);
}

/* May a row that was formed have a key? It has none where a column is null. */
static inline bool
may_have_key(const Order *o, const StoreRow *row)
{
	return o->columns != NULL && (row->keyed || !orderkey_defaults(o->columns));
}

/* See the header. */
bool
order_formed_waits(Order *o, StoreRow *row, HeapTuple tuple, MemoryContext cxt)
{
	OrderValues from = {.tuple = tuple};

	return may_have_key(o, row) && waits(o, row, &from, cxt);
}

/* See the header. */
void
order_formed_refused(Order *o, StoreRow *row, HeapTuple tuple, MemoryContext cxt)
{
	OrderValues from = {.tuple = tuple};

	if (may_have_key(o, row))
	{
		refused(o, row, &from, cxt);
		o->refused = true;
	}
}

/* See the header. */
bool
order_any_refused(const Order *o)
{
	return o->refused;
}
