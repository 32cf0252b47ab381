/*
 * dedupe.c
 *	  Lines that a load of the same name has brought already.
 *
 * Digests stand in rows of up to RUN lines that never reach over a multiple
 * of RUN: the rows that can have a batch's lines are then those whose first
 * number is within the batch, or at most RUN - 1 before it. Several rows may
 * have the same line, when its content was another at an earlier load.
 *
 * A name that is set, left for another (SET LOCAL, a function's SET) and then
 * comes back must go on counting where it was, else two different lines would
 * get one number, and a line that equals an old one by chance would be lost.
 * guc.c tells which SET a value comes from (guc.h); the last numbers are kept
 * by it, in the session's memory.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "base/guc.h"
#include "base/locks.h"
#include "common/cryptohash.h"
#include "common/hashfn.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/dedupe.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#define DIGEST PG_SHA256_DIGEST_LENGTH

/* Lines of one row of selfheal.load_line: about 1 kB. */
#define RUN 32

/* Numberings that a session keeps before it drops those not in use. */
#define MAX_NUMBERINGS 4096

/* Columns of selfheal.load_line by position, from 1. */
enum
{
	LINE_RELID = 1,
	LINE_LOAD_ID,
	LINE_FIRST,
	LINE_LOAD,
	LINE_DIGESTS
};

/* The lines of one SET of selfheal.load_id into one table. */
typedef struct NumberingKey
{
	uint64		serial;			/* of the SET */
	uint64		relid;			/* an Oid, without a gap behind it */
} NumberingKey;

typedef struct Numbering
{
	NumberingKey key;
	int64		last;			/* number given */
} Numbering;

/* What a numbering goes back to when the (sub)transaction is rolled back. */
typedef struct Mark
{
	int			level;			/* of nested transactions */
	NumberingKey key;
	int64		last;
	struct Mark *next;
} Mark;

struct Dedupe
{
	Oid			relid;
	int64		load;
	Datum		load_id;
	Numbering  *numbering;
	MemoryContext cxt;			/* of a batch */
};

/* By NumberingKey, in TopMemoryContext: lives as long as the settings. */
static HTAB *numberings = NULL;

/* Numberings of SETs before this one may have been dropped. */
static uint64 dropped_before = 0;

static Mark *marks = NULL;		/* newest first; in TopTransactionContext */

/* ---- numbers ---- */

/*
 * A session that sets a thousand names keeps what it must, not all: what is
 * not of the current SET goes, while no transaction has a mark. Should one of
 * those come back after all, it is refused, since its lines have no numbers.
 */
static void
drop_numberings(uint64 current)
{
	HASH_SEQ_STATUS scan;
	Numbering  *n;

	if (marks || hash_get_num_entries(numberings) < MAX_NUMBERINGS)
		return;
	hash_seq_init(&scan, numberings);
	while ((n = hash_seq_search(&scan)) != NULL)
		if (n->key.serial != current)
			hash_search(numberings, &n->key, HASH_REMOVE, NULL);
	dropped_before = current;
}

/* The numbering of the current SET for a table. */
static Numbering *
find_numbering(Oid relid)
{
	NumberingKey key = {.serial = guc_load_id_set->serial,.relid = relid};
	Numbering  *n;
	bool		found;

	if (numberings == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = sizeof(NumberingKey);
		ctl.entrysize = sizeof(Numbering);
		ctl.hcxt = TopMemoryContext;
		numberings = hash_create("selfheal load lines", 64, &ctl,
								 HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	drop_numberings(key.serial);
	n = hash_search(numberings, &key, HASH_FIND, NULL);
	if (n)
		return n;
	if (guc_load_id_set->used && key.serial < dropped_before)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the place within load \"%s\" is not known any more",
						guc_load_id),
				 errdetail("This session has set too many other names in between."),
				 errhint("SET selfheal.load_id again, and send the load from its first line.")));
	n = hash_search(numberings, &key, HASH_ENTER, &found);
	n->last = 0;
	guc_load_id_set->used = true;
	return n;
}

static bool
same_key(const NumberingKey *a, const NumberingKey *b)
{
	return a->serial == b->serial && a->relid == b->relid;
}

/* Remember where a numbering is, once for each level. */
static void
mark(const Numbering *n)
{
	int			level = GetCurrentTransactionNestLevel();
	Mark	   *m;

	for (m = marks; m && m->level >= level; m = m->next)
		if (m->level == level && same_key(&m->key, &n->key))
			return;
	m = MemoryContextAlloc(TopTransactionContext, sizeof(Mark));
	m->level = level;
	m->key = n->key;
	m->last = n->last;
	m->next = marks;
	marks = m;
}

/* Take back what was numbered at this level and deeper. */
static void
restore(int level)
{
	while (marks && marks->level >= level)
	{
		Mark	   *m = marks;
		Numbering  *n = hash_search(numberings, &m->key, HASH_FIND, NULL);

		if (n)
			n->last = m->last;
		marks = m->next;
		pfree(m);
	}
}

/* What was marked at this level belongs to the one above, whose own mark, if
 * it has one, is the older. */
static void
hand_up(int level)
{
	Mark	  **link = &marks;

	while (*link && (*link)->level >= level)
	{
		Mark	   *m = *link;
		Mark	   *older;

		m->level = level - 1;
		for (older = m->next; older && older->level >= level - 1; older = older->next)
			if (same_key(&older->key, &m->key))
				break;
		if (older && older->level >= level - 1)
		{
			*link = m->next;
			pfree(m);
		}
		else
			link = &m->next;
	}
}

static void
subxact_callback(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	if (marks == NULL)
		return;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		restore(GetCurrentTransactionNestLevel());
	else if (event == SUBXACT_EVENT_COMMIT_SUB)
		hand_up(GetCurrentTransactionNestLevel());
}

static void
xact_callback(XactEvent event, void *arg)
{
	if (marks == NULL)
		return;
	if (event == XACT_EVENT_ABORT)
		restore(0);
	else if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		marks = NULL;
}

/* ---- a load ---- */

/* One load of a name into a table at a time, to the end of the transaction.
 * Two names that hash alike only wait for each other. */
static void
exclude_others(Oid relid)
{
	uint32		hash = hash_bytes((const unsigned char *) guc_load_id,
								  strlen(guc_load_id));
	LOCKTAG		tag = locks_tag(LOCKS_LOAD_ID, relid, hash);

	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* See the header. */
Dedupe *
dedupe_begin(Oid relid, int64 load)
{
	Dedupe	   *d;

	if (guc_load_id == NULL || guc_load_id[0] == '\0' || guc_load_id_set == NULL)
		return NULL;
	exclude_others(relid);
	d = palloc0(sizeof(Dedupe));
	d->relid = relid;
	d->load = load;
	d->load_id = CStringGetTextDatum(guc_load_id);
	d->numbering = find_numbering(relid);
	d->cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal load lines",
								   ALLOCSET_DEFAULT_SIZES);
	mark(d->numbering);
	return d;
}

/* See the header. */
int64
dedupe_number(Dedupe *d)
{
	return ++d->numbering->last;
}

/* The digests of n lines, one after the other. */
static uint8 *
digests_of(const StoreRow *rows, int n)
{
	uint8	   *digests = palloc((Size) n * DIGEST);
	pg_cryptohash_ctx *sha = pg_cryptohash_create(PG_SHA256);
	bool		ok = sha != NULL;

	for (int i = 0; ok && i < n; i++)
		ok = pg_cryptohash_init(sha) >= 0 &&
			pg_cryptohash_update(sha, (const uint8 *) rows[i].bytes, rows[i].len) >= 0 &&
			pg_cryptohash_final(sha, digests + (Size) i * DIGEST, DIGEST) >= 0;
	if (!ok)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not compute the sha256 of a line")));
	pg_cryptohash_free(sha);
	return digests;
}

/* The first of n ascending numbers that is not below this one. */
static int
lower_bound(const int64 *numbers, int n, int64 number)
{
	int			low = 0;

	while (n > 0)
	{
		int			half = n / 2;

		if (numbers[low + half] < number)
		{
			low += half + 1;
			n -= half + 1;
		}
		else
			n = half;
	}
	return low;
}

/* Compare a batch with one row of selfheal.load_line. */
static void
compare(int64 first, const bytea *kept, const uint8 *digests,
		const int64 *numbers, int n, bool *known)
{
	int			nkept = VARSIZE_ANY_EXHDR(kept) / DIGEST;
	const uint8 *at = (const uint8 *) VARDATA_ANY(kept);

	for (int i = lower_bound(numbers, n, first);
		 i < n && numbers[i] < first + nkept; i++)
		if (memcmp(at + (numbers[i] - first) * DIGEST,
				   digests + (Size) i * DIGEST, DIGEST) == 0)
			known[i] = true;
}

/*
 * Find the lines of a batch that are kept. The snapshot is taken now, since
 * the statement's own may be older than the end of the load we waited for.
 */
static void
find_known(Dedupe *d, const uint8 *digests, const int64 *numbers, int n,
		   bool *known)
{
	Relation	rel = table_open(append_relation("load_line"), AccessShareLock);
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	int64		from = numbers[0] - (numbers[0] - 1) % RUN;
	ScanKeyData keys[4];
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&keys[0], LINE_RELID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(d->relid));
	ScanKeyInit(&keys[1], LINE_LOAD_ID, BTEqualStrategyNumber, F_TEXTEQ,
				d->load_id);
	ScanKeyInit(&keys[2], LINE_FIRST, BTGreaterEqualStrategyNumber, F_INT8GE,
				Int64GetDatum(from));
	ScanKeyInit(&keys[3], LINE_FIRST, BTLessEqualStrategyNumber, F_INT8LE,
				Int64GetDatum(numbers[n - 1]));
	scan = systable_beginscan(rel, append_relation("load_line_pkey"), true,
							  snapshot, 4, keys);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		bool		isnull;
		int64		first = DatumGetInt64(heap_getattr(tup, LINE_FIRST,
													   RelationGetDescr(rel), &isnull));
		bytea	   *kept = DatumGetByteaPP(heap_getattr(tup, LINE_DIGESTS,
														RelationGetDescr(rel), &isnull));

		CHECK_FOR_INTERRUPTS();
		compare(first, kept, digests, numbers, n, known);
	}
	systable_endscan(scan);
	UnregisterSnapshot(snapshot);
	table_close(rel, NoLock);
}

/* Keep the lines that are not known. */
static void
keep(Dedupe *d, const uint8 *digests, const int64 *numbers, int n,
	 const bool *known)
{
	Appender   *a = append_open("load_line");
	bytea	   *run = palloc(VARHDRSZ + RUN * DIGEST);
	int			i = 0;

	while (i < n)
	{
		int64		first = numbers[i];
		int64		beyond = first - (first - 1) % RUN + RUN;
		int64		last = first;
		Datum		values[LINE_DIGESTS];
		bool		nulls[LINE_DIGESTS] = {0};

		if (known[i])
		{
			i++;
			continue;
		}
		memset(VARDATA(run), 0, RUN * DIGEST);
		for (; i < n && numbers[i] < beyond; i++)
		{
			if (known[i])
				continue;
			memcpy(VARDATA(run) + (numbers[i] - first) * DIGEST,
				   digests + (Size) i * DIGEST, DIGEST);
			last = numbers[i];
		}
		SET_VARSIZE(run, VARHDRSZ + (last - first + 1) * DIGEST);
		values[LINE_RELID - 1] = ObjectIdGetDatum(d->relid);
		values[LINE_LOAD_ID - 1] = d->load_id;
		values[LINE_FIRST - 1] = Int64GetDatum(first);
		values[LINE_LOAD - 1] = Int64GetDatum(d->load);
		values[LINE_DIGESTS - 1] = PointerGetDatum(run);
		append_row(a, LINE_DIGESTS, values, nulls);
	}
	append_close(a);
}

/* See the header. */
int
dedupe_batch(Dedupe *d, const StoreRow *rows, const int64 *numbers, int n,
			 bool *known)
{
	MemoryContext old = MemoryContextSwitchTo(d->cxt);
	uint8	   *digests = digests_of(rows, n);
	int			nknown = 0;

	memset(known, 0, sizeof(bool) * n);
	find_known(d, digests, numbers, n, known);
	for (int i = 0; i < n; i++)
		nknown += known[i];
	if (nknown < n)
		keep(d, digests, numbers, n, known);
	MemoryContextSwitchTo(old);
	MemoryContextReset(d->cxt);
	return nknown;
}

/* See the header. */
void
dedupe_init(void)
{
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}
