/*
 * shmem.h
 *	  What backends, launcher and workers share: two slots per database, one
 *	  for its healer and one for its agent.
 *
 * Shared memory holds values only, never pointers or descriptors of a
 * process. A slot's life:
 *
 *	  FREE -> IDLE -> WANTED -> STARTING -> RUNNING
 *	   ^       | ^      ^ ^        |         |  |
 *	   +-------+ |      | +--------+         |  |   could not start
 *	   |         |      +--------------------+  |   a wake came meanwhile
 *	   |         +------------------------------+   nothing to do any more
 *	   +---------------- WANTED                     database is gone
 *
 *	  any but FREE -> STOPPING -> IDLE | WANTED     DROP DATABASE and friends
 *
 * Wakes are numbered by one counter for the whole server: a commit that asks
 * for work writes the next number into its slot's wakes_sent; wakes_done is
 * what the worker had seen before the pass that found nothing runnable any
 * more. wait_idle waits until wakes_done has reached the wakes_sent it read.
 * Since the numbers only grow, a slot that was given to another database in
 * between, and back, cannot be mistaken for one that has not caught up.
 */
#ifndef SELFHEAL_SHMEM_H
#define SELFHEAL_SHMEM_H

#include "postgres.h"

#include "storage/condition_variable.h"
#include "storage/lwlock.h"
#include "utils/timestamp.h"

typedef enum SlotState
{
	SLOT_FREE = 0,				/* no database */
	SLOT_IDLE,					/* known database, no worker, nothing to do
								 * now (or workers are switched off) */
	SLOT_WANTED,				/* a worker is to be started */
	SLOT_STARTING,				/* registered, has not attached yet */
	SLOT_RUNNING,				/* attached */
	SLOT_STOPPING				/* told to go; not started again until
								 * released */
} SlotState;

/*
 * The healer plans and changes tables; the agent talks with Claude, which takes
 * minutes, so it is a process of its own and nobody waits for it. Each has its
 * slot and its wakes.
 */
typedef enum WorkerKind
{
	WORKER_HEALER,
	WORKER_AGENT
} WorkerKind;
#define WORKER_KINDS (WORKER_AGENT + 1)

typedef struct WorkerSlot
{
	Oid			dbid;
	WorkerKind	kind;			/* by its place in the array: never changes */
	SlotState	state;
	int			pid;			/* of the worker; 0 = none attached */
	int			pgprocno;		/* its PGPROC number, for SetLatch */
	uint32		generation;		/* grows with every start */
	uint64		wakes_sent;
	uint64		wakes_done;
	TimestampTz due;			/* something waits for this time; 0 = nothing */
	TimestampTz later;			/* what is in no hurry has its pass then; 0 =
								 * there is none */
	TimestampTz backoff_until;	/* no start before; 0 = at once */
	int			failed_starts;	/* in a row; 0 again after a pass without
								 * error */
	int			stoppers;		/* transactions that keep the worker away */
	bool		probe;			/* started to look, not by a wake: does not
								 * linger */
	bool		no_slot_logged; /* max_worker_processes was reached */
} WorkerSlot;

typedef struct SharedState
{
	LWLock	   *ids;			/* one at a time takes ids (append.c) */
	LWLock	   *lock;			/* guards all below */
	int			launcher_pgprocno;	/* -1 = not running */
	int			launcher_pid;
	ConditionVariable idle;		/* broadcast when a wakes_done grows or a
								 * worker has gone */
	uint64		wakes;			/* the last number given */
	bool		slots_full;		/* a database found no slot */
	bool		shortage;		/* somebody waits for a slot, here or among
								 * the server's workers: do not linger */
	int			nslots;
	WorkerSlot	slots[FLEXIBLE_ARRAY_MEMBER];
} SharedState;

/* NULL when the library is not in shared_preload_libraries. */
extern SharedState *shmem_state;

/* From _PG_init: request memory and lock, install the startup hooks. */
extern void shmem_init(void);

/* Raises 55000 with the hint that says how to load us, when not preloaded. */
extern void shmem_require(void);

/*
 * Arm a wake for this transaction's commit. The commit callback only counts
 * and sets a latch: an error there would be a PANIC. PREPARE TRANSACTION
 * clears it; the utility hook calls shmem_wake_now after COMMIT PREPARED.
 * Does nothing when the library is not preloaded.
 */
extern void shmem_wake_at_commit(void);
extern void shmem_wake_now(Oid dbid);

/*
 * The same for what is in no hurry: it has a pass of its own after
 * SHMEM_LATER_MS, if none comes before. Agents that only read would have the
 * healer at work all the time. wait_idle waits for that as well.
 */
#define SHMEM_LATER_MS 1000
extern void shmem_wake_later_at_commit(void);

/* The same for the database's agent. */
extern void shmem_wake_agent_at_commit(void);

/* From a commit callback: this commit has left work behind. */
extern void shmem_wake_committed(void);

/*
 * A worker's own commits do not wake itself through shared memory: after
 * shmem_own_wakes they are only noted in the process, and shmem_take_own_wake
 * tells (once) that there was one: another pass is due.
 */
extern void shmem_own_wakes(void);
extern bool shmem_take_own_wake(void);

/* The slot of a database's healer or agent; made when create. NULL when none
 * is left (or none is there). The caller holds shmem_state->lock. */
extern WorkerSlot *shmem_slot(Oid dbid, WorkerKind kind, bool create);

/* The only writer of a slot's state; asserts the diagram above. The caller
 * holds shmem_state->lock exclusively. */
extern void shmem_slot_move(WorkerSlot *slot, SlotState to);

/* A start failed or a worker died: no start before a pause that doubles from
 * 1 s to 60 s. The caller holds shmem_state->lock exclusively. */
extern void shmem_slot_backoff(WorkerSlot *slot);

/* Set the launcher's latch; spurious ones do no harm. */
extern void shmem_wake_launcher(void);

#endif							/* SELFHEAL_SHMEM_H */
