/*
 * launcher.c
 *	  Static background worker: starts a worker for each database that wants
 *	  one.
 *
 * The launcher is the only one who starts workers. They are registered never
 * to be restarted by the postmaster, so that there is one owner per process:
 * the slot in shared memory says what a database needs, the handle in the
 * launcher's own memory says what has become of the process it registered.
 *
 * It reads shared catalogs only and is connected to no database, so it can
 * block no DROP DATABASE. It holds a transaction just for the scan of
 * pg_database. It never exits by itself: exit code 0 would unregister it for
 * good. With selfheal.enabled off it sleeps.
 *
 * At its start it looks into each database once (a probe), a few at a time: a
 * worker that finds no extension ends at once, one that finds work does it.
 * That is how what was waiting before a restart goes on.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/failures.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_database.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "serve/launcher.h"
#include "serve/slot.h"
#include "serve/vacate.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"

/* What a slot's process is called, by its kind. */
static const struct
{
	const char *function;
	const char *type;
}			kinds[WORKER_KINDS] = {
	{"worker_main", "selfheal worker"},
	{"agent_main", "selfheal agent"}
};

/* Probes that may be starting at once: a restart of a server with hundreds of
 * databases is not to take all its worker slots. */
#define PROBES_AT_ONCE 3

/* A worker that had not read selfheal.enabled = on yet may leave after the
 * launcher has; owed wakes are looked for once more so much later. */
#define RECHECK_MS 5000

/* What this process knows of the worker that it registered for a slot. */
typedef struct Started
{
	BackgroundWorkerHandle *handle; /* NULL = none */
	uint32		generation;
} Started;

typedef enum DatabaseFate
{
	DATABASE_OPEN,
	DATABASE_CLOSED,			/* there, but allows no connections */
	DATABASE_GONE
} DatabaseFate;

static MemoryContext turn_context = NULL;
static Started *started;		/* by slot number; lives as long as we do */
static Oid *to_probe;			/* databases not looked into yet */
static int	nto_probe = 0;
static TimestampTz recheck_at = 0;
static bool no_room = false;	/* the next probe waits for one of our slots */
static bool no_slot_said = false;	/* until nobody waits for one any more */
static bool full_said = false;

/* Register the launcher. */
void
launcher_init(void)
{
	BackgroundWorker worker;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = 5;
	strlcpy(worker.bgw_library_name, "selfheal", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "launcher_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "selfheal launcher", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "selfheal launcher", sizeof(worker.bgw_type));
	RegisterBackgroundWorker(&worker);
	vacate_init();
}

/* Undo what launcher_main wrote, if it is still ours. */
static void
sign_off(int code, Datum arg)
{
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	if (shmem_state->launcher_pid == MyProcPid)
	{
		shmem_state->launcher_pid = 0;
		shmem_state->launcher_pgprocno = -1;
	}
	LWLockRelease(shmem_state->lock);
}

/* Forget a handle; the process goes on without us knowing. */
static void
forget(int slotno)
{
	if (started[slotno].handle != NULL)
		pfree(started[slotno].handle);
	started[slotno].handle = NULL;
}

/*
 * Read pg_database. With a list, collect the connectable databases that are
 * no templates; else tell what became of one, and its name. A sequential scan
 * since a process without a database has few relation descriptors; it is read
 * when something is started, not in between.
 */
static DatabaseFate
read_databases(Oid dbid, char **name, List **all)
{
	DatabaseFate fate = DATABASE_GONE;
	Relation	rel;
	TableScanDesc scan;
	HeapTuple	tup;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	(void) GetTransactionSnapshot();
	rel = table_open(DatabaseRelationId, AccessShareLock);
	scan = table_beginscan_catalog(rel, 0, NULL);
	while (HeapTupleIsValid(tup = heap_getnext(scan, ForwardScanDirection)))
	{
		Form_pg_database db = (Form_pg_database) GETSTRUCT(tup);
		bool		open = db->datallowconn && db->datconnlimit != -2;
		MemoryContext old = MemoryContextSwitchTo(turn_context);

		/* -2: a DROP DATABASE that was interrupted */
		if (all != NULL && open && !db->datistemplate)
			*all = lappend_oid(*all, db->oid);
		else if (all == NULL && db->oid == dbid)
		{
			fate = open ? DATABASE_OPEN : DATABASE_CLOSED;
			*name = pstrdup(NameStr(db->datname));
		}
		MemoryContextSwitchTo(old);
	}
	table_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(turn_context);
	return fate;
}

/* The role workers connect as, from selfheal.worker_role. False when there is
 * no such role. Empty means the bootstrap user. */
static bool
worker_role(Oid *roleid)
{
	Relation	rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tup;

	*roleid = InvalidOid;
	if (guc_worker_role == NULL || guc_worker_role[0] == '\0')
		return true;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	rel = table_open(AuthIdRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_authid_rolname, BTEqualStrategyNumber, F_NAMEEQ,
				CStringGetDatum(guc_worker_role));
	scan = systable_beginscan(rel, InvalidOid, false, NULL, 1, &key);
	tup = systable_getnext(scan);
	if (HeapTupleIsValid(tup))
		*roleid = ((Form_pg_authid) GETSTRUCT(tup))->oid;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	CommitTransactionCommand();
	MemoryContextSwitchTo(turn_context);
	return OidIsValid(*roleid);
}

/* Note every database to be looked into. */
static void
plan_probes(void)
{
	List	   *all = NIL;
	ListCell   *lc;

	(void) read_databases(InvalidOid, NULL, &all);

	/* TopMemoryContext: the list is worked off over many turns */
	if (to_probe != NULL)
		pfree(to_probe);
	to_probe = MemoryContextAlloc(TopMemoryContext,
								  sizeof(Oid) * Max(list_length(all), 1));
	nto_probe = 0;
	foreach(lc, all)
		to_probe[nto_probe++] = lfirst_oid(lc);
}

/* Did its last start fail for want of one of the server's worker slots? */
static bool
waits_for_slot(const WorkerSlot *slot)
{
	return slot->state == SLOT_WANTED && slot->no_slot_logged;
}

/* Want workers for databases not looked into yet, a few at a time. */
static void
feed_probes(void)
{
	int			starting = 0;
	TimestampTz now = GetCurrentTimestamp();

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shmem_state->nslots; i++)
	{
		WorkerSlot *slot = &shmem_state->slots[i];

		if (slot->state == SLOT_STARTING ||
			waits_for_slot(slot) ||
			(slot->state == SLOT_WANTED && slot->backoff_until <= now))
			starting++;
	}

	no_room = false;
	while (nto_probe > 0 && starting < PROBES_AT_ONCE)
	{
		WorkerSlot *slot = shmem_slot(to_probe[nto_probe - 1], WORKER_HEALER, true);

		if (slot == NULL)
		{
			no_room = true;		/* until a worker leaves: it wakes us */
			break;
		}
		nto_probe--;
		if (slot->state == SLOT_IDLE)
		{
			slot->wakes_sent = ++shmem_state->wakes;
			slot->probe = true;
			shmem_slot_move(slot, SLOT_WANTED);
			starting++;
		}
	}
	LWLockRelease(shmem_state->lock);
}

/*
 * Workers that were registered and ended, or never came to life, without
 * having attached: the postmaster could not fork, the library could not be
 * loaded, the role may not log in. An attached one gives its slot back itself.
 * Each that has ended makes room for one that found no worker slot.
 */
static void
check_started(void)
{
	bool		room = false;

	for (int i = 0; i < shmem_state->nslots; i++)
	{
		pid_t		pid;
		WorkerSlot *slot = &shmem_state->slots[i];

		if (started[i].handle == NULL ||
			GetBackgroundWorkerPid(started[i].handle, &pid) != BGWH_STOPPED)
			continue;
		LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
		if (slot->state == SLOT_STARTING &&
			slot->generation == started[i].generation)
		{
			shmem_slot_backoff(slot);
			shmem_slot_move(slot, SLOT_WANTED);
		}
		LWLockRelease(shmem_state->lock);
		forget(i);
		room = true;
	}
	if (!room)
		return;

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shmem_state->nslots; i++)
		if (waits_for_slot(&shmem_state->slots[i]))
			shmem_state->slots[i].backoff_until = 0;
	LWLockRelease(shmem_state->lock);
}

/*
 * Somebody waits for a worker slot of the server, or for one of our own:
 * workers that only linger are to leave. The end of it is a state change too:
 * the next shortage is said again.
 */
static void
note_shortage(void)
{
	bool		no_slot = false;

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shmem_state->nslots; i++)
		if (waits_for_slot(&shmem_state->slots[i]))
			no_slot = true;
	shmem_state->shortage = no_slot || no_room;
	for (int i = 0; shmem_state->shortage && i < shmem_state->nslots; i++)
	{
		WorkerSlot *slot = &shmem_state->slots[i];

		if (slot->state == SLOT_RUNNING && slot->wakes_sent == slot->wakes_done)
			SetLatch(&GetPGProcByNumber(slot->pgprocno)->procLatch);
	}
	LWLockRelease(shmem_state->lock);
	if (!no_slot)
		no_slot_said = false;
}

/* The settings have changed: want a worker again for whatever is owed since
 * workers were switched off, and end the pauses after failed starts. */
static void
want_owed(void)
{
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	for (int i = 0; i < shmem_state->nslots; i++)
	{
		WorkerSlot *slot = &shmem_state->slots[i];

		if (slot->state == SLOT_IDLE && slot->wakes_sent > slot->wakes_done)
			shmem_slot_move(slot, SLOT_WANTED);
		if (slot->state == SLOT_WANTED)
			slot->backoff_until = 0;
		/* an agent may have waited for a key */
		if (slot->state == SLOT_IDLE && slot->kind == WORKER_AGENT && slot->due != 0)
			slot->due = GetCurrentTimestamp();
	}
	LWLockRelease(shmem_state->lock);
}

/*
 * A database found no slot. Which one is not known, so all are looked into
 * again as slots come free; while that is going on the flag is left alone, so
 * that whoever is turned away meanwhile is not forgotten. Said once.
 */
static void
note_full(void)
{
	bool		full;

	if (nto_probe > 0)
		return;
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	full = shmem_state->slots_full;
	shmem_state->slots_full = false;
	LWLockRelease(shmem_state->lock);
	if (!full)
		return;
	plan_probes();
	if (!full_said)
		ereport(LOG,
				(errmsg("selfheal has work in more than %d databases at once, some must wait",
						guc_max_databases),
				 errhint("Raise selfheal.max_databases.")));
	full_said = true;
}

/* The start of a slot did not come off; say so (once, the callers see to it)
 * and try again after a pause. */
static void
put_off(WorkerSlot *slot, Oid dbid, SlotState from, bool no_slot)
{
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	if (slot->dbid == dbid && slot->state == from)
	{
		shmem_slot_backoff(slot);
		slot->no_slot_logged = no_slot;
		if (from == SLOT_STARTING)
			shmem_slot_move(slot, SLOT_WANTED);
	}
	LWLockRelease(shmem_state->lock);
}

/*
 * Start the worker of a WANTED slot. The lock is not held while the catalog
 * is read and the worker registered; each step looks again whether the slot
 * is still what it was.
 */
static void
launch(int slotno)
{
	WorkerSlot *slot = &shmem_state->slots[slotno];
	BackgroundWorker worker;
	WorkerExtra extra;
	char	   *name = NULL;
	DatabaseFate fate;
	bool		go;
	bool		first_try;

	LWLockAcquire(shmem_state->lock, LW_SHARED);
	extra.dbid = slot->dbid;
	first_try = slot->failed_starts == 0;
	go = slot->state == SLOT_WANTED;
	LWLockRelease(shmem_state->lock);
	if (!go)
		return;

	fate = read_databases(extra.dbid, &name, NULL);
	if (fate == DATABASE_GONE)
	{
		LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
		if (slot->state == SLOT_WANTED && slot->dbid == extra.dbid)
			shmem_slot_move(slot, SLOT_FREE);
		LWLockRelease(shmem_state->lock);
		return;
	}
	if (fate == DATABASE_CLOSED)
	{
		if (first_try)
			ereport(LOG,
					(errmsg("selfheal has work in database \"%s\", which allows no connections",
							name)));
		put_off(slot, extra.dbid, SLOT_WANTED, false);
		return;
	}
	if (!worker_role(&extra.roleid))
	{
		if (first_try)
			ereport(LOG,
					(errmsg("selfheal could not start a worker for database \"%s\": role \"%s\" does not exist",
							name, guc_worker_role),
					 errhint("Correct selfheal.worker_role.")));
		put_off(slot, extra.dbid, SLOT_WANTED, false);
		return;
	}

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	go = slot->state == SLOT_WANTED && slot->dbid == extra.dbid;
	if (go)
		shmem_slot_move(slot, SLOT_STARTING);
	extra.generation = slot->generation;
	LWLockRelease(shmem_state->lock);
	if (!go)
		return;

	memset(&worker, 0, sizeof(worker));
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "selfheal", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, kinds[slot->kind].function, sizeof(worker.bgw_function_name));
	snprintf(worker.bgw_name, sizeof(worker.bgw_name), "%s for database %u",
			 kinds[slot->kind].type, extra.dbid);
	strlcpy(worker.bgw_type, kinds[slot->kind].type, sizeof(worker.bgw_type));
	memcpy(worker.bgw_extra, &extra, sizeof(extra));

	forget(slotno);
	/* TopMemoryContext: the handle outlives the turn */
	MemoryContextSwitchTo(TopMemoryContext);
	go = RegisterDynamicBackgroundWorker(&worker, &started[slotno].handle);
	MemoryContextSwitchTo(turn_context);
	started[slotno].generation = extra.generation;

	if (!go)
	{
		started[slotno].handle = NULL;
		if (!no_slot_said)
			ereport(LOG,
					(errmsg("selfheal could not start a worker for database \"%s\": no worker slot is free",
							name),
					 errhint("Raise max_worker_processes. Until then starts are tried again, without saying so each time.")));
		no_slot_said = true;
		put_off(slot, extra.dbid, SLOT_STARTING, true);
	}
}

/* The earlier of two times, where 0 is never. */
static TimestampTz
earlier(TimestampTz a, TimestampTz b)
{
	if (a == 0 || b == 0)
		return Max(a, b);
	return Min(a, b);
}

/*
 * One turn: see what became of the started, start what is wanted. Returns
 * when there is something to do next, 0 = when somebody sets the latch.
 */
static TimestampTz
turn(void)
{
	TimestampTz next = 0;

	check_started();
	next = failures_wake_workers();
	note_full();
	if (recheck_at != 0 && GetCurrentTimestamp() >= recheck_at)
	{
		recheck_at = 0;
		want_owed();
	}
	feed_probes();

	for (int i = 0; i < shmem_state->nslots; i++)
	{
		WorkerSlot *slot = &shmem_state->slots[i];
		TimestampTz now = GetCurrentTimestamp();
		TimestampTz at;
		bool		wanted;

		CHECK_FOR_INTERRUPTS();
		LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
		at = slot->state == SLOT_IDLE ? earlier(slot->due, slot->later) : 0;
		if (at != 0 && at <= now)
		{
			shmem_slot_move(slot, SLOT_WANTED);
			at = 0;
		}
		wanted = slot->state == SLOT_WANTED;
		if (wanted && slot->backoff_until > now)
			at = slot->backoff_until;
		LWLockRelease(shmem_state->lock);

		if (wanted && at == 0)
		{
			launch(i);
			/* a start that was put off has a time of its own now */
			LWLockAcquire(shmem_state->lock, LW_SHARED);
			if (slot->state == SLOT_WANTED)
				at = Max(slot->backoff_until, now + 1);
			LWLockRelease(shmem_state->lock);
		}
		next = earlier(next, at);
	}
	note_shortage();
	return earlier(next, recheck_at);
}

/* Entry point. */
void
launcher_main(Datum arg)
{
	on_shmem_exit(sign_off, (Datum) 0);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(NULL, NULL, 0);

	turn_context = AllocSetContextCreate(TopMemoryContext,
										 "selfheal launcher turn",
										 ALLOCSET_DEFAULT_SIZES);
	started = MemoryContextAllocZero(TopMemoryContext,
									 sizeof(Started) * shmem_state->nslots);

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	shmem_state->launcher_pid = MyProcPid;
	shmem_state->launcher_pgprocno = compat_my_procno();

	/*
	 * Started by a launcher that died: nobody holds their handles any more.
	 * If one of them still comes, its generation is not the slot's.
	 */
	for (int i = 0; i < shmem_state->nslots; i++)
		if (shmem_state->slots[i].state == SLOT_STARTING)
			shmem_slot_move(&shmem_state->slots[i], SLOT_WANTED);
	LWLockRelease(shmem_state->lock);

	MemoryContextSwitchTo(turn_context);
	plan_probes();
	want_owed();

	for (;;)
	{
		TimestampTz next = 0;
		long		timeout = -1;
		int			events = WL_LATCH_SET | WL_EXIT_ON_PM_DEATH;

		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
		if (ConfigReloadPending)
		{
			ConfigReloadPending = false;
			ProcessConfigFile(PGC_SIGHUP);
			if (guc_enabled)
			{
				want_owed();
				recheck_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
														 RECHECK_MS);
			}
		}
		if (catchupInterruptPending)
			ProcessCatchupInterrupt();

		MemoryContextSwitchTo(turn_context);
		MemoryContextReset(turn_context);
		if (guc_enabled)
			next = turn();
		if (next != 0)
		{
			timeout = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), next);
			events |= WL_TIMEOUT;
		}
		(void) WaitLatch(MyLatch, events, timeout, PG_WAIT_EXTENSION);
	}
}
