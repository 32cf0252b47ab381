/*
 * shmem.c
 *	  What backends, launcher and workers share: two slots per database.
 *
 * The way from a commit to a worker is this: a transaction that left work
 * behind arms a flag; the commit callback numbers the wake in its database's
 * slot and sets a latch, the worker's if there is one, else the launcher's.
 * Nothing is polled.
 *
 * The commit callback runs after the commit record is written: an error there
 * is a PANIC. It allocates nothing and calls nothing that raises for a reason
 * that can happen. It does take one LWLock, as PostgreSQL itself does in that
 * place (AtEOXact_LogicalRepWorkers): a slot is found by its database's oid
 * and may have to be made, which single atomics could not do; LWLockAcquire
 * raises only when a backend already holds 200 of them, and every section
 * under this lock is a walk over a short array. Under this lock nobody
 * raises, allocates or waits.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "storage/shmem.h"
#include "utils/timestamp.h"

#define LOCK_TRANCHE "selfheal"
#define LONGEST_BACKOFF_S 60

SharedState *shmem_state = NULL;

static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;

static bool callback_registered = false;
static bool wake_armed[WORKER_KINDS];	/* this transaction's */
static bool later_armed = false;
static bool own_wakes = false;	/* we are a worker */
static bool own_wake = false;	/* and have left ourselves work */

static Size
memory_needed(void)
{
	return add_size(offsetof(SharedState, slots),
					mul_size(mul_size(guc_max_databases, WORKER_KINDS),
							 sizeof(WorkerSlot)));
}

/* Ask for memory and lock; the settings are final at this point. */
static void
request_memory(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(memory_needed());
	RequestNamedLWLockTranche(LOCK_TRANCHE, 2);
}

/* Make or find the shared state; also after a crash restart, when it is made
 * anew and every slot is free. */
static void
attach_memory(void)
{
	bool		found;
	Size		size = memory_needed();

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();

	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	shmem_state = ShmemInitStruct("selfheal", size, &found);
	if (!found)
	{
		LWLockPadded *locks = GetNamedLWLockTranche(LOCK_TRANCHE);

		memset(shmem_state, 0, size);
		shmem_state->lock = &locks[0].lock;
		shmem_state->ids = &locks[1].lock;
		shmem_state->launcher_pgprocno = -1;
		ConditionVariableInit(&shmem_state->idle);
		shmem_state->nslots = guc_max_databases * WORKER_KINDS;
		for (int i = 0; i < shmem_state->nslots; i++)
			shmem_state->slots[i].kind = (WorkerKind) (i / guc_max_databases);
		shmem_state->wakes = 1; /* 0 is no number */
	}
	LWLockRelease(AddinShmemInitLock);
}

/* Install both hooks; each chains to whoever came before. */
void
shmem_init(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
}

void
shmem_require(void)
{
	if (shmem_state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("selfheal is not loaded through shared_preload_libraries"),
				 errhint("Add selfheal to shared_preload_libraries in postgresql.conf and restart the server.")));
}

/*
 * May a slot be given to another database? Nothing runs, nothing is owed and
 * nothing waits for a time. What waits for a person needs no slot.
 */
static bool
recyclable(const WorkerSlot *slot)
{
	return slot->state == SLOT_IDLE && slot->wakes_sent == slot->wakes_done &&
		slot->due == 0 && slot->later == 0;
}

/*
 * Find a database's slot, or make it: a free one first, then one that is idle
 * with nothing owed. Raises nothing: the commit callback calls it.
 */
WorkerSlot *
shmem_slot(Oid dbid, WorkerKind kind, bool create)
{
	WorkerSlot *made = NULL;
	int			each = shmem_state->nslots / WORKER_KINDS;

	Assert(LWLockHeldByMe(shmem_state->lock));

	for (int i = (int) kind * each; i < ((int) kind + 1) * each; i++)
	{
		WorkerSlot *slot = &shmem_state->slots[i];

		if (slot->state == SLOT_FREE)
		{
			if (made == NULL || made->state != SLOT_FREE)
				made = slot;
		}
		else if (slot->dbid == dbid)
			return slot;
		else if (made == NULL && recyclable(slot))
			made = slot;
	}

	if (!create || made == NULL)
		return NULL;

	if (made->state == SLOT_IDLE)
		shmem_slot_move(made, SLOT_FREE);
	made->dbid = dbid;
	made->wakes_sent = made->wakes_done = shmem_state->wakes;
	shmem_slot_move(made, SLOT_IDLE);
	return made;
}

/*
 * Change a slot's state. What belongs to the old state and not to the new one
 * is cleared here, so that no caller can forget it; the generation stays for
 * ever, since late starters are told by it.
 */
void
shmem_slot_move(WorkerSlot *slot, SlotState to)
{
	SlotState	from PG_USED_FOR_ASSERTS_ONLY = slot->state;

	Assert(LWLockHeldByMeInMode(shmem_state->lock, LW_EXCLUSIVE));
	switch (to)
	{
		case SLOT_FREE:
			Assert(from == SLOT_IDLE || from == SLOT_WANTED);
			{
				uint32		generation = slot->generation;
				WorkerKind	kind = slot->kind;

				memset(slot, 0, sizeof(WorkerSlot));
				slot->generation = generation;
				slot->kind = kind;
			}
			break;
		case SLOT_IDLE:
			Assert(from == SLOT_FREE || from == SLOT_RUNNING ||
				   from == SLOT_STOPPING);
			break;
		case SLOT_WANTED:
			Assert(from == SLOT_IDLE || from == SLOT_STARTING ||
				   from == SLOT_RUNNING || from == SLOT_STOPPING);
			break;
		case SLOT_STARTING:
			Assert(from == SLOT_WANTED);
			slot->generation++;
			break;
		case SLOT_RUNNING:
			Assert(from == SLOT_STARTING);
			slot->pid = MyProcPid;
			slot->pgprocno = compat_my_procno();
			slot->no_slot_logged = false;
			break;
		case SLOT_STOPPING:
			Assert(from != SLOT_FREE);
			break;
	}
	slot->state = to;
}

void
shmem_slot_backoff(WorkerSlot *slot)
{
	int			seconds = 1 << Min(slot->failed_starts, 6);

	slot->failed_starts++;
	slot->backoff_until =
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
									Min(seconds, LONGEST_BACKOFF_S) * 1000);
}

/*
 * Number a wake and set the latch of whoever is to act on it. Raises nothing.
 * The latch is set after the lock is released; the process that owned the
 * PGPROC may have gone by then, and whoever has it now looks at its own state
 * after a spurious wake-up, as every latch's owner must.
 *
 * With selfheal.enabled off the wake is owed but nobody is started: the
 * launcher looks for owed wakes when the setting comes back.
 */
static void
wake(Oid dbid, WorkerKind kind)
{
	WorkerSlot *slot;
	int			worker = -1;
	bool		launcher = false;

	if (shmem_state == NULL)
		return;

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	slot = shmem_slot(dbid, kind, true);
	if (slot == NULL)
	{
		launcher = !shmem_state->slots_full;
		shmem_state->slots_full = true;
	}
	else
	{
		slot->wakes_sent = ++shmem_state->wakes;
		slot->probe = false;
		if (slot->state == SLOT_RUNNING)
			worker = slot->pgprocno;
		else if (slot->state == SLOT_IDLE && guc_enabled)
		{
			shmem_slot_move(slot, SLOT_WANTED);
			launcher = true;
		}
	}
	LWLockRelease(shmem_state->lock);

	if (worker >= 0)
		SetLatch(&GetPGProcByNumber(worker)->procLatch);
	if (launcher)
		shmem_wake_launcher();
}

void
shmem_wake_now(Oid dbid)
{
	wake(dbid, WORKER_HEALER);
}

/* The same without a number; whoever is to act on it is told of the first one
 * alone. */
static void
wake_later(Oid dbid)
{
	WorkerSlot *slot;
	int			worker = -1;
	bool		launcher = false;

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	slot = shmem_slot(dbid, WORKER_HEALER, true);
	if (slot != NULL && slot->later == 0)
	{
		slot->later = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), SHMEM_LATER_MS);
		if (slot->state == SLOT_RUNNING)
			worker = slot->pgprocno;
		launcher = slot->state == SLOT_IDLE;
	}
	LWLockRelease(shmem_state->lock);
	if (slot == NULL)
		shmem_wake_now(dbid);
	if (worker >= 0)
		SetLatch(&GetPGProcByNumber(worker)->procLatch);
	if (launcher)
		shmem_wake_launcher();
}

/* Unlocked read: a launcher that comes or goes right now looks at every slot
 * when it starts. */
void
shmem_wake_launcher(void)
{
	int			procno = shmem_state->launcher_pgprocno;

	if (procno >= 0)
		SetLatch(&GetPGProcByNumber(procno)->procLatch);
}

/* See the header. */
void
shmem_wake_committed(void)
{
	if (own_wakes)
		own_wake = true;
	else
		shmem_wake_now(MyDatabaseId);
}

static void
disarm(void)
{
	for (int i = 0; i < WORKER_KINDS; i++)
		wake_armed[i] = false;
	later_armed = false;
}

/*
 * End of transaction. Parallel workers never arm. PREPARE disarms: what the
 * prepared transaction left is visible only after COMMIT PREPARED, perhaps in
 * another session, and that statement wakes by itself.
 */
static void
at_xact_end(XactEvent event, void *arg)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
			if (wake_armed[WORKER_HEALER])
				shmem_wake_committed();
			else if (later_armed)
				wake_later(MyDatabaseId);
			if (wake_armed[WORKER_AGENT])
				wake(MyDatabaseId, WORKER_AGENT);
			disarm();
			break;
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			disarm();
			break;
		default:
			break;
	}
}

/*
 * The callback is registered once per backend and the flag armed per
 * transaction: a callback per transaction would make the list grow for ever.
 * An aborted subtransaction leaves the flag armed: a wake too many costs one
 * empty pass.
 */
static void
arm(bool *armed)
{
	if (shmem_state == NULL || IsParallelWorker())
		return;
	if (!callback_registered)
	{
		RegisterXactCallback(at_xact_end, NULL);
		callback_registered = true;
	}
	*armed = true;
}

void
shmem_wake_at_commit(void)
{
	arm(&wake_armed[WORKER_HEALER]);
}

void
shmem_wake_agent_at_commit(void)
{
	arm(&wake_armed[WORKER_AGENT]);
}

/* A worker's own pass sees to it. */
void
shmem_wake_later_at_commit(void)
{
	arm(own_wakes ? &wake_armed[WORKER_HEALER] : &later_armed);
}

void
shmem_own_wakes(void)
{
	own_wakes = true;
}

bool
shmem_take_own_wake(void)
{
	bool		result = own_wake;

	own_wake = false;
	return result;
}
