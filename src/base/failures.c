/*
 * failures.c
 *	  The ring of failed statements in shared memory.
 *
 * Writers are sessions in their error path: they find a slot in a bounded
 * number of looks, or count a drop. A database may hold three quarters of the
 * slots, so that one whose worker does not come leaves room for others, and
 * gets as many failures a second as selfheal.capture_rate says, so that its
 * worker stays a small part of the machine however many statements fail.
 */
#include "postgres.h"

#include "base/failring.h"
#include "base/failures.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "miscadmin.h"
#include "port/atomics.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"

/* A slot's phases. */
#define FREE 0
#define WRITING 1
#define READY 2

/* Looks at most: for a database's place, and for a free slot. */
#define DATABASE_LOOKS 64
#define SLOT_LOOKS 32

/* The pause after a wake: from the shortest to the longest, as long as failures
 * keep coming; none after so long without. */
#define SHORTEST_PAUSE_MS 20
#define LONGEST_PAUSE_MS 1000
#define CALM_MS 2000

typedef struct Ring
{
	pg_atomic_uint64 number;	/* of the last failure */
	pg_atomic_uint32 next;		/* where a writer begins to look */
	int			ndatabases;
	int			nslots;
	Size		slot_size;
	Size		slots;			/* where they begin, from here */
	FailDatabase databases[FLEXIBLE_ARRAY_MEMBER];
} Ring;

static Ring *ring = NULL;
static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

static FailSlot *
slot_at(uint32 i)
{
	return (FailSlot *) ((char *) ring + ring->slots + ring->slot_size * i);
}

/* ---- memory ---- */

static Size
databases_size(void)
{
	return MAXALIGN(add_size(offsetof(Ring, databases),
							 mul_size(guc_max_databases, sizeof(FailDatabase))));
}

static Size
slot_size(void)
{
	return MAXALIGN(offsetof(FailSlot, bytes) + guc_capture_bytes);
}

static Size
memory_needed(void)
{
	return add_size(databases_size(), mul_size(guc_capture_slots, slot_size()));
}

static void
request_memory(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(memory_needed());
}

static void
make_database(FailDatabase *db)
{
	pg_atomic_init_u32(&db->dbid, InvalidOid);
	pg_atomic_init_u32(&db->wanted, 0);
	pg_atomic_init_u32(&db->held, 0);
	pg_atomic_init_u64(&db->seen, 0);
	pg_atomic_init_u64(&db->told, 0);
	pg_atomic_init_u64(&db->full, 0);
	pg_atomic_init_u64(&db->repeated, 0);
	pg_atomic_init_u64(&db->due, 0);
	db->woken = 0;
	db->pause_ms = 0;
}

static void
attach_memory(void)
{
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	ring = ShmemInitStruct("selfheal failures", memory_needed(), &found);
	if (!found)
	{
		pg_atomic_init_u64(&ring->number, 0);
		pg_atomic_init_u32(&ring->next, 0);
		ring->ndatabases = guc_max_databases;
		ring->nslots = guc_capture_slots;
		ring->slot_size = slot_size();
		ring->slots = databases_size();
		for (int i = 0; i < ring->ndatabases; i++)
			make_database(&ring->databases[i]);
		for (int i = 0; i < ring->nslots; i++)
		{
			pg_atomic_init_u32(&slot_at(i)->phase, FREE);
			slot_at(i)->dbid = InvalidOid;
		}
	}
	LWLockRelease(AddinShmemInitLock);
}

void
failures_init(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

/* ---- databases ---- */

/* The i-th place to look for a database. */
static FailDatabase *
place(Oid dbid, int i)
{
	return &ring->databases[(dbid + i) % ring->ndatabases];
}

static FailDatabase *
find_database(Oid dbid)
{
	for (int i = 0; i < Min(DATABASE_LOOKS, ring->ndatabases); i++)
		if (pg_atomic_read_u32(&place(dbid, i)->dbid) == dbid)
			return place(dbid, i);
	return NULL;
}

/*
 * Find it or make it: in a free place, or in that of a database from which
 * nothing is wanted and held any more. The worker alone asks, one of each
 * database, so that two never make the same.
 */
static FailDatabase *
make_found(Oid dbid)
{
	FailDatabase *db = find_database(dbid);

	for (int i = 0; db == NULL && i < Min(DATABASE_LOOKS, ring->ndatabases); i++)
	{
		FailDatabase *at = place(dbid, i);
		uint32		was = pg_atomic_read_u32(&at->dbid);

		if (was != InvalidOid && (pg_atomic_read_u32(&at->wanted) ||
								  pg_atomic_read_u32(&at->held)))
			continue;
		if (!pg_atomic_compare_exchange_u32(&at->dbid, &was, dbid))
			continue;
		pg_atomic_write_u64(&at->full, 0);
		pg_atomic_write_u64(&at->repeated, 0);
		pg_atomic_write_u64(&at->due, 0);
		db = at;
	}
	return db;
}

/* See the header. */
FailDatabase *
failring_database(void)
{
	FailDatabase *db;

	if (ring == NULL || !OidIsValid(MyDatabaseId))
		return NULL;
	db = find_database(MyDatabaseId);
	return db != NULL && pg_atomic_read_u32(&db->wanted) ? db : NULL;
}

/* ---- writing ---- */

/*
 * May one more come now? Those that came at the rate, with a burst before it.
 * The time at which the next one is due moves on with each; a writer that
 * others outrun a few times counts as one too many.
 */
static bool
within_rate(FailDatabase *db, TimestampTz now)
{
	uint64		step = USECS_PER_SEC / guc_capture_rate;
	uint64		burst = step * Max(ring->nslots / 2, 1);
	uint64		due = pg_atomic_read_u64(&db->due);

	for (int i = 0; i < 4; i++)
	{
		uint64		from = Max(due, (uint64) now);

		/* a clock that was set back would stop it for as long */
		if (from > now + burst + step)
			from = now;
		else if (from > now + burst)
			return false;
		if (pg_atomic_compare_exchange_u64(&db->due, &due, from + step))
			return true;
	}
	return false;
}

/* See the header. */
FailSlot *
failring_reserve(FailDatabase *db, TimestampTz now)
{
	uint32		share = Max(ring->nslots / 4 * 3, 1);

	if (!within_rate(db, now))
		goto dropped;
	if (pg_atomic_fetch_add_u32(&db->held, 1) >= share)
		goto given_back;
	for (int i = 0; i < SLOT_LOOKS; i++)
	{
		uint32		n = pg_atomic_fetch_add_u32(&ring->next, 1) % ring->nslots;
		FailSlot   *slot = slot_at(n);
		uint32		phase = FREE;

		if (pg_atomic_read_u32(&slot->phase) == FREE &&
			pg_atomic_compare_exchange_u32(&slot->phase, &phase, WRITING))
		{
			slot->dbid = MyDatabaseId;
			slot->at = now;
			return slot;
		}
	}
given_back:
	pg_atomic_fetch_sub_u32(&db->held, 1);
dropped:
	pg_atomic_fetch_add_u64(&db->full, 1);
	return NULL;
}

/* See the header. */
void
failring_publish(FailDatabase *db, FailSlot *slot)
{
	slot->number = pg_atomic_add_fetch_u64(&ring->number, 1);
	pg_write_barrier();
	pg_atomic_write_u32(&slot->phase, READY);
	pg_atomic_fetch_add_u64(&db->seen, 1);	/* a full barrier */
	shmem_wake_launcher();
}

/* ---- reading ---- */

/* The oldest that is READY for a database; NULL when there is none. */
static FailSlot *
oldest(Oid dbid)
{
	FailSlot   *best = NULL;

	for (int i = 0; i < ring->nslots; i++)
	{
		FailSlot   *slot = slot_at(i);

		if (pg_atomic_read_u32(&slot->phase) != READY)
			continue;
		pg_read_barrier();
		if (slot->dbid == dbid && (best == NULL || slot->number < best->number))
			best = slot;
	}
	return best;
}

/* Take a slot that was READY for a database; false when somebody else has. */
static bool
take(FailSlot *slot, Oid dbid)
{
	uint32		phase = READY;

	if (!pg_atomic_compare_exchange_u32(&slot->phase, &phase, WRITING))
		return false;
	if (slot->dbid == dbid)
		return true;
	pg_atomic_write_u32(&slot->phase, READY);
	return false;
}

static void
give_back(FailDatabase *db, FailSlot *slot)
{
	pg_memory_barrier();
	pg_atomic_write_u32(&slot->phase, FREE);
	pg_atomic_fetch_sub_u32(&db->held, 1);
}

static char *
text_of(FailSlot *slot, FailText which)
{
	return slot->texts[which] < 0 ? NULL : slot->bytes + slot->texts[which];
}

/* The parameters of a copied slot; their data stays where it is. */
static FailureParam *
params_of(FailSlot *slot)
{
	FailureParam *params = palloc0(sizeof(FailureParam) * slot->nparams);
	char	   *at = slot->bytes + slot->params;

	for (int i = 0; i < slot->nparams; i++)
	{
		FailParam  *p = (FailParam *) at;

		at += MAXALIGN(sizeof(FailParam));
		params[i].type = p->type;
		params[i].known = p->known;
		params[i].isnull = p->isnull;
		params[i].len = p->len;
		params[i].data = p->known && !p->isnull ? at : NULL;
		at += params[i].data ? MAXALIGN(p->len) : 0;
	}
	return params;
}

/* See the header. */
bool
failure_temporary(const Failure *failure, const char *name)
{
	uint32		hash = failring_name(name);

	for (int i = 0; i < FAILURE_TEMPORARY; i++)
		if (failure->temporary[i] == hash)
			return true;
	return false;
}

/* A failure whose texts stand in a copied slot. */
static Failure *
failure_of(FailSlot *slot)
{
	Failure    *f = palloc0(sizeof(Failure));

	f->number = slot->number;
	f->at = slot->at;
	f->pid = slot->pid;
	f->role = slot->role;
	f->outer_role = slot->outer_role;
	f->session_role = slot->session_role;
	f->sqlstate = slot->sqlstate;
	f->message = text_of(slot, FAIL_MESSAGE);
	f->detail = text_of(slot, FAIL_DETAIL);
	f->hint = text_of(slot, FAIL_HINT);
	f->context = text_of(slot, FAIL_CONTEXT);
	f->schema_name = text_of(slot, FAIL_SCHEMA_NAME);
	f->table_name = text_of(slot, FAIL_TABLE_NAME);
	f->column_name = text_of(slot, FAIL_COLUMN_NAME);
	f->datatype_name = text_of(slot, FAIL_DATATYPE_NAME);
	f->constraint_name = text_of(slot, FAIL_CONSTRAINT_NAME);
	f->statement = text_of(slot, FAIL_STATEMENT);
	f->statement_clipped = slot->statement_clipped;
	f->alone = slot->alone;
	f->start = slot->start;
	f->length = slot->length;
	f->position = slot->position;
	f->inner = text_of(slot, FAIL_INNER);
	f->inner_clipped = slot->inner_clipped;
	f->inner_position = slot->inner_position;
	f->application = text_of(slot, FAIL_APPLICATION);
	f->search_path = text_of(slot, FAIL_SEARCH_PATH);
	f->timezone = text_of(slot, FAIL_TIMEZONE);
	f->datestyle = text_of(slot, FAIL_DATESTYLE);
	f->intervalstyle = text_of(slot, FAIL_INTERVALSTYLE);
	f->client_encoding = text_of(slot, FAIL_CLIENT_ENCODING);
	f->bytea_output = text_of(slot, FAIL_BYTEA_OUTPUT);
	f->xmloption = text_of(slot, FAIL_XMLOPTION);
	f->escapes = slot->escapes;
	memcpy(f->temporary, slot->temporary, sizeof(f->temporary));
	f->target = slot->target;
	f->nparams = slot->nparams;
	f->params = params_of(slot);
	return f;
}

/* See the header. The memory is there before a slot is taken: nothing can
 * raise while it is WRITING. */
Failure *
failures_take(void)
{
	FailDatabase *db = ring ? find_database(MyDatabaseId) : NULL;
	FailSlot   *copy = NULL;
	FailSlot   *slot;

	if (db == NULL || pg_atomic_read_u32(&db->held) == 0)
		return NULL;
	for (;;)
	{
		CHECK_FOR_INTERRUPTS();
		slot = oldest(MyDatabaseId);
		if (slot == NULL)
			return NULL;
		if (copy == NULL)
			copy = palloc(ring->slot_size);
		if (take(slot, MyDatabaseId))
			break;
	}
	memcpy(copy, slot, offsetof(FailSlot, bytes) + slot->used);
	give_back(db, slot);
	return failure_of(copy);
}

/* Throw away what a database has in the ring. */
static void
empty(FailDatabase *db, Oid dbid)
{
	for (int i = 0; i < ring->nslots; i++)
		if (pg_atomic_read_u32(&slot_at(i)->phase) == READY && take(slot_at(i), dbid))
			give_back(db, slot_at(i));
}

/* See the header. */
void
failures_dropped(uint64 *full, uint64 *repeated)
{
	FailDatabase *db = ring ? find_database(MyDatabaseId) : NULL;

	*full = db ? pg_atomic_read_u64(&db->full) : 0;
	*repeated = db ? pg_atomic_read_u64(&db->repeated) : 0;
}

/* See the header. */
void
failures_want(bool wanted)
{
	FailDatabase *db;

	if (ring == NULL)
		return;
	db = wanted ? make_found(MyDatabaseId) : find_database(MyDatabaseId);
	if (db == NULL)
		return;
	pg_atomic_write_u32(&db->wanted, wanted ? 1 : 0);
	if (!wanted)
		empty(db, MyDatabaseId);
}

/* See the header. */
void
failures_forget(Oid dbid)
{
	FailDatabase *db = ring ? find_database(dbid) : NULL;

	if (db == NULL)
		return;
	pg_atomic_write_u32(&db->wanted, 0);
	empty(db, dbid);
}

/* ---- waking ---- */

/* Wake the worker of a database that has failures it was not woken for. The
 * number is read before and written after the wake, so that who sees both
 * equal knows that the wake has been sent. */
static void
wake(FailDatabase *db)
{
	uint64		seen = pg_atomic_read_u64(&db->seen);

	if (seen == pg_atomic_read_u64(&db->told))
		return;
	pg_memory_barrier();
	shmem_wake_now(pg_atomic_read_u32(&db->dbid));
	pg_memory_barrier();
	pg_atomic_write_u64(&db->told, seen);
}

/*
 * Wake it now, or when the pause is over that follows a wake. A pass of the
 * worker costs far more than to take one failure more, so a storm is taken in
 * heaps; the first failure after a calm is not kept waiting.
 */
static TimestampTz
wake_in_time(FailDatabase *db, TimestampTz now)
{
	TimestampTz due = TimestampTzPlusMilliseconds(db->woken, db->pause_ms);

	if (pg_atomic_read_u64(&db->seen) == pg_atomic_read_u64(&db->told))
		return 0;
	if (now >= db->woken && now < due)
		return due;
	wake(db);
	if (now < db->woken || now > TimestampTzPlusMilliseconds(due, CALM_MS))
		db->pause_ms = 0;
	else
		db->pause_ms = Min(Max(db->pause_ms * 2, SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
	db->woken = now;
	return 0;
}

/* See the header. */
TimestampTz
failures_wake_workers(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz next = 0;

	for (int i = 0; ring != NULL && i < ring->ndatabases; i++)
	{
		TimestampTz due = 0;

		if (pg_atomic_read_u32(&ring->databases[i].wanted))
			due = wake_in_time(&ring->databases[i], now);
		if (due != 0 && (next == 0 || due < next))
			next = due;
	}
	return next;
}

/* See the header. */
void
failures_wake_mine(void)
{
	FailDatabase *db = failring_database();

	if (db != NULL)
		wake(db);
}
