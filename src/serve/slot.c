/*
 * slot.c
 *	  A background process and its slot in shared memory.
 *
 * The slot is given back in an on_shmem_exit callback, registered before the
 * connection is made: such callbacks run in the reverse order, so by then the
 * transaction is aborted and the process is out of the list of sessions, and
 * a DROP DATABASE that waited for the slot finds nobody.
 */
#include "postgres.h"

#include "base/giveway.h"
#include "base/guc.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "serve/slot.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/sinval.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"

/* This process's slot; NULL until attached. */
static WorkerSlot *my_slot = NULL;
static uint32 my_generation = 0;
static bool switched_off = false;	/* we end since selfheal.enabled is off */

/*
 * Give the slot back, if it is still ours. If a wake came after the last
 * look, the launcher starts a successor. A death counts as a failed start;
 * but not one that was asked for by DROP DATABASE and friends.
 */
static void
release_slot(int code, Datum arg)
{
	bool		ours;

	if (my_slot == NULL)
		return;

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	ours = my_slot->pid == MyProcPid && my_slot->generation == my_generation;
	if (ours)
	{
		bool		owed = my_slot->wakes_sent > my_slot->wakes_done;

		my_slot->pid = 0;
		my_slot->pgprocno = -1;
		if (my_slot->state == SLOT_RUNNING && code != 0)
			shmem_slot_backoff(my_slot);
		if (my_slot->state == SLOT_RUNNING || my_slot->stoppers == 0)
			shmem_slot_move(my_slot, owed && !switched_off ?
							SLOT_WANTED : SLOT_IDLE);
	}
	LWLockRelease(shmem_state->lock);
	if (!ours)
		return;
	ConditionVariableBroadcast(&shmem_state->idle);
	shmem_wake_launcher();
}

/*
 * Take the slot that we were started for. False when it is no longer meant
 * for us: another start was made since, or the database is to be left alone.
 */
static bool
attach_slot(const WorkerExtra *extra, WorkerKind kind)
{
	WorkerSlot *slot;
	bool		ours;

	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	slot = shmem_slot(extra->dbid, kind, false);
	ours = slot != NULL && slot->state == SLOT_STARTING &&
		slot->generation == extra->generation;
	if (ours)
	{
		shmem_slot_move(slot, SLOT_RUNNING);
		my_slot = slot;
		my_generation = extra->generation;
	}
	LWLockRelease(shmem_state->lock);
	shmem_wake_launcher();		/* it counts those that are starting */
	return ours;
}

uint64
slot_wakes(bool *may_linger, bool *must_go)
{
	uint64		sent;

	LWLockAcquire(shmem_state->lock, LW_SHARED);
	sent = my_slot->wakes_sent;
	*must_go = my_slot->state == SLOT_STOPPING;
	*may_linger = !my_slot->probe && !shmem_state->shortage;
	LWLockRelease(shmem_state->lock);
	return sent;
}

TimestampTz
slot_later(void)
{
	TimestampTz later;

	LWLockAcquire(shmem_state->lock, LW_SHARED);
	later = my_slot->later;
	LWLockRelease(shmem_state->lock);
	return later;
}

void
slot_begin(void)
{
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	my_slot->later = 0;
	LWLockRelease(shmem_state->lock);
}

void
slot_note_done(uint64 seen, TimestampTz due)
{
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	my_slot->wakes_done = seen;
	my_slot->due = due;
	my_slot->failed_starts = 0;
	my_slot->backoff_until = 0;
	LWLockRelease(shmem_state->lock);
	ConditionVariableBroadcast(&shmem_state->idle);
}

void
slot_note_failed(void)
{
	LWLockAcquire(shmem_state->lock, LW_EXCLUSIVE);
	my_slot->failed_starts++;
	LWLockRelease(shmem_state->lock);
}

void
slot_switched_off(void)
{
	switched_off = true;
}

/*
 * Settings that ALTER DATABASE or ALTER ROLE may have changed for sessions, and
 * that a heal must not follow: rows would be stored past their foreign keys
 * and triggers (replica), refused where their own session would have stored
 * them (row_security, xmloption, default_tablespace), stored with another
 * value (array_nulls), or an error that costs a row would end the process.
 * What a load is to be read under comes with the load.
 */
static const char *const pinned_settings[][2] = {
	{"session_replication_role", "origin"},
	{"row_security", "on"},
	{"array_nulls", "on"},
	{"xmloption", "content"},
	{"exit_on_error", "off"},
	{"standard_conforming_strings", "on"},
	{"transform_null_equals", "off"},
	{"quote_all_identifiers", "off"},
	{"default_tablespace", ""},
	{"selfheal.load_id", ""},
};

static void
pin_settings(void)
{
	for (int i = 0; i < (int) lengthof(pinned_settings); i++)
		SetConfigOption(pinned_settings[i][0], pinned_settings[i][1],
						PGC_SUSET, PGC_S_OVERRIDE);
}

/* Order matters, see the head of this file. */
void
slot_connect(WorkerKind kind)
{
	WorkerExtra extra;

	memcpy(&extra, MyBgworkerEntry->bgw_extra, sizeof(extra));
	on_shmem_exit(release_slot, (Datum) 0);
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	if (!attach_slot(&extra, kind))
		proc_exit(0);
	BackgroundWorkerInitializeConnectionByOid(extra.dbid, extra.roleid, 0);
	SetConfigOption("application_name", MyBgworkerEntry->bgw_type, PGC_USERSET, PGC_S_SESSION);
	pin_settings();
	giveway_process();
}

void
slot_take_breath(void)
{
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	if (ConfigReloadPending)
	{
		ConfigReloadPending = false;
		ProcessConfigFile(PGC_SIGHUP);
	}
	if (catchupInterruptPending)
		ProcessCatchupInterrupt();
}
