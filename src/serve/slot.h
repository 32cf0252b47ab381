/*
 * slot.h
 *	  A background process and its slot in shared memory: how it begins, what
 *	  it has seen, how it ends.
 *
 * Healer and agent are begun the same way, by the launcher. Whoever waits for
 * them reads the slot.
 */
#ifndef SELFHEAL_SLOT_H
#define SELFHEAL_SLOT_H

#include "postgres.h"

#include "base/shmem.h"
#include "utils/timestamp.h"

/* What the launcher gives a process on its way, in bgw_extra. */
typedef struct WorkerExtra
{
	Oid			dbid;
	Oid			roleid;			/* to connect as; InvalidOid = bootstrap user */
	uint32		generation;		/* of the slot: a late starter is told by it */
} WorkerExtra;

/*
 * First thing in the process: signals, slot, connection, name, settings that
 * must not be followed; from here on it gives way (giveway.h). Ends the process (code 0) when the slot is no longer
 * meant for it.
 */
extern void slot_connect(WorkerKind kind);

/* Which wakes are there? Read before a pass; what comes later is for the
 * next one. May we stay when there is nothing to do, and must we go now? */
extern uint64 slot_wakes(bool *may_linger, bool *must_go);

/* When what is in no hurry has its pass, or 0; a pass begins, which is that. */
extern TimestampTz slot_later(void);
extern void slot_begin(void);

/* Everything up to this wake is done; the next thing is due then (0 = no
 * time). Whoever waits for us to be idle looks again. */
extern void slot_note_done(uint64 seen, TimestampTz due);

/* A pass ended in an error: wait_idle says so while it is tried again. */
extern void slot_note_failed(void);

/* We end since selfheal.enabled is off: what is owed stays owed, and nobody is
 * to be started for it. */
extern void slot_switched_off(void);

/* What a pass does of its own accord: interrupts, a changed configuration,
 * invalidations that nobody took. Resets the latch first. */
extern void slot_take_breath(void);

#endif							/* SELFHEAL_SLOT_H */
