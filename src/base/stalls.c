/*
 * stalls.c
 *	  Subscriptions whose apply worker fails, as its own error path saw them.
 *
 * The apply worker has aborted its transaction and given back its locks when
 * its error is logged (start_apply in worker.c), so that the one lock taken
 * here, for some hundred bytes, is never waited for with another in hand.
 */
#include "postgres.h"

#include "base/shmem.h"
#include "base/stalls.h"
#include "miscadmin.h"
#include "replication/logicalworker.h"
#include "replication/worker_internal.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "storage/spin.h"

/* The same error again is told to the worker once in so many milliseconds. */
#define TELL_AGAIN_MS 60000

typedef struct StallsState
{
	slock_t		lock;
	Stall		stalls[STALLS_MAX];
} StallsState;

static StallsState *state = NULL;
static shmem_request_hook_type prev_shmem_request_hook = NULL;
static shmem_startup_hook_type prev_shmem_startup_hook = NULL;
static emit_log_hook_type prev_emit_log = NULL;

/* The entry of a subscription, or a free one, or the one that has been silent
 * longest. Under the lock. */
static Stall *
entry_of(Oid subid)
{
	Stall	   *best = NULL;

	for (int i = 0; i < STALLS_MAX; i++)
	{
		Stall	   *s = &state->stalls[i];

		if (s->dbid == MyDatabaseId && s->subid == subid)
			return s;
		if (best == NULL || !OidIsValid(s->dbid) ||
			(OidIsValid(best->dbid) && s->last < best->last))
			best = s;
	}
	return best;
}

/* Copy the error of an apply worker. */
static void
note(const ErrorData *edata)
{
	const char *message = edata->message ? edata->message : "";
	const char *context = edata->context ? edata->context : "";
	Oid			subid = MyLogicalRepWorker->subid;
	TimestampTz now = GetCurrentTimestamp();
	bool		tell;
	Stall	   *s;

	SpinLockAcquire(&state->lock);
	s = entry_of(subid);
	if (s->dbid != MyDatabaseId || s->subid != subid ||
		s->sqlstate != edata->sqlerrcode ||
		strncmp(s->message, message, STALL_TEXT - 1) != 0)
	{
		memset(s, 0, sizeof(Stall));
		s->dbid = MyDatabaseId;
		s->subid = subid;
		s->sqlstate = edata->sqlerrcode;
		s->since = now;
		strlcpy(s->message, message, STALL_TEXT);
	}
	strlcpy(s->context, context, STALL_TEXT);
	s->times++;
	s->last = now;
	tell = !s->fresh && TimestampDifferenceExceeds(s->told, now, TELL_AGAIN_MS);
	if (tell)
	{
		s->fresh = true;
		s->told = now;
	}
	SpinLockRelease(&state->lock);
	if (tell)
		shmem_wake_now(MyDatabaseId);
}

/* A lost connection, a shutdown, a server in trouble, and a worker whose
 * predecessor has not quite ended, pass without us. */
static bool
is_ours(const ErrorData *edata)
{
	if (edata->elevel != ERROR || !IsLogicalWorker() || MyLogicalRepWorker == NULL)
		return false;
	if (edata->sqlerrcode == ERRCODE_OBJECT_IN_USE)
		return false;
	switch (ERRCODE_TO_CATEGORY(edata->sqlerrcode))
	{
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return false;
		default:
			return true;
	}
}

static void
emit_log(ErrorData *edata)
{
	if (unlikely(edata->elevel == ERROR) && state != NULL && is_ours(edata))
		note(edata);
	if (prev_emit_log)
		prev_emit_log(edata);
}

static void
request_memory(void)
{
	if (prev_shmem_request_hook)
		prev_shmem_request_hook();
	RequestAddinShmemSpace(sizeof(StallsState));
}

static void
attach_memory(void)
{
	bool		found;

	if (prev_shmem_startup_hook)
		prev_shmem_startup_hook();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	state = ShmemInitStruct("selfheal stalls", sizeof(StallsState), &found);
	if (!found)
	{
		memset(state, 0, sizeof(StallsState));
		SpinLockInit(&state->lock);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
stalls_init(void)
{
	prev_shmem_request_hook = shmem_request_hook;
	shmem_request_hook = request_memory;
	prev_shmem_startup_hook = shmem_startup_hook;
	shmem_startup_hook = attach_memory;
	prev_emit_log = emit_log_hook;
	emit_log_hook = emit_log;
}

/* See the header. */
int
stalls_read(Stall *out, bool take)
{
	int			n = 0;

	if (state == NULL)
		return 0;
	SpinLockAcquire(&state->lock);
	for (int i = 0; i < STALLS_MAX; i++)
	{
		Stall	   *s = &state->stalls[i];

		if (s->dbid != MyDatabaseId || (take && !s->fresh))
			continue;
		out[n++] = *s;
		if (take)
			s->fresh = false;
	}
	SpinLockRelease(&state->lock);
	return n;
}

void
stalls_forget(Oid subid)
{
	if (state == NULL)
		return;
	SpinLockAcquire(&state->lock);
	for (int i = 0; i < STALLS_MAX; i++)
		if (state->stalls[i].dbid == MyDatabaseId && state->stalls[i].subid == subid)
			memset(&state->stalls[i], 0, sizeof(Stall));
	SpinLockRelease(&state->lock);
}
