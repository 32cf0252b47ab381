/*
 * errands.c
 *	  What the worker does beside the heals, each for itself.
 */
#include "postgres.h"

#include "base/giveway.h"
#include "miscadmin.h"
#include "observe/ddl_watch.h"
#include "observe/held.h"
#include "observe/heldref.h"
#include "observe/restore.h"
#include "observe/unseen.h"
#include "observe/watch.h"
#include "orient/drift.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "serve/carry.h"
#include "serve/errands.h"
#include "serve/lacking.h"
#include "serve/landed.h"
#include "serve/reopen.h"
#include "serve/round.h"
#include "serve/tolerance.h"
#include "serve/waiting.h"

/* What met somebody's lock rests for so long; it doubles. */
#define PAUSE_MS 1000
#define LONGEST_PAUSE_MS 60000

typedef struct Errand
{
	int			misses;			/* in a row */
	TimestampTz not_before;		/* 0: it was done */
} Errand;

static Errand errands[ERRANDS];

static bool
errand_rests(ErrandKind kind)
{
	return errands[kind].not_before > GetCurrentTimestamp();
}

/* It was done, or somebody has what it needs. */
static void
errand_note(ErrandKind kind, bool held_up)
{
	Errand	   *errand = &errands[kind];

	errand->not_before = held_up ? carry_pause(PAUSE_MS, errand->misses, LONGEST_PAUSE_MS) : 0;
	errand->misses = held_up ? errand->misses + 1 : 0;
}

/* See the header. */
TimestampTz
errands_due(void)
{
	TimestampTz due = 0;

	for (int i = 0; i < ERRANDS; i++)
		if (errands[i].not_before != 0 && (due == 0 || errands[i].not_before < due))
			due = errands[i].not_before;
	return due;
}

/* See the header. */
TimestampTz
errands_put_off(void)
{
	return errands[ERRAND_COLLECT].not_before;
}

/* One, within the transaction of errands_collect. */
static void
run_errand(ErrandKind kind, SpiBody body, void *arg)
{
	ErrorData  *edata;

	if (errand_rests(kind))
		return;
	edata = spi_try_locked(body, arg);
	if (edata != NULL && !giveway_was(edata))
		ReThrowError(edata);
	errand_note(kind, edata != NULL);
}

/* See the header. */
bool
errands_run(ErrandKind kind, SpiBody body, void *arg)
{
	MemoryContext cxt = CurrentMemoryContext;
	volatile bool done = true;

	if (errand_rests(kind))
		return false;
	PG_TRY();
	{
		body(arg);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		if (!giveway_was(edata))
			PG_RE_THROW();
		FlushErrorState();
		spi_xact_abort();
		done = false;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
	errand_note(kind, !done);
	return done;
}

static void
forget_gone(void *arg)
{
	ddl_watch_catch_up();
}

static void
relink(void *arg)
{
	watch_relink();
}

static void
look_at_restored(void *arg)
{
	restore_look();
}

static void
look_for_parents(void *arg)
{
	waiting_collect();
}

static void
settle_drift(void *arg)
{
	drift_settle();
}

static void
look_at_tolerance(void *arg)
{
	List	  **touched = arg;
	List	   *more;

	if (!tolerance_look())
		return;
	more = incident_collect();
	(void) tolerance_look();
	*touched = list_concat(*touched, more);
}

static void
collect_landed(void *arg)
{
	landed_collect();
}

static void
do_landed(void *arg)
{
	landed_do();
}

static void
collect_lacking(void *arg)
{
	lacking_collect();
}

static void
look_at_told(void *arg)
{
	reopen_told();
}

/* See the header. */
void
errands_collect(void *arg)
{
	List	   *touched;
	ListCell   *lc;

	unseen_troubled();
	spi_xact_begin();
	run_errand(ERRAND_GONE, forget_gone, NULL);
	run_errand(ERRAND_RELINK, relink, NULL);
	run_errand(ERRAND_RESTORED, look_at_restored, NULL);
	reopen_altered();
	run_errand(ERRAND_PARENTS, look_for_parents, NULL);
	touched = incident_collect();
	run_errand(ERRAND_DRIFT, settle_drift, NULL);
	run_errand(ERRAND_TOLERANCE, look_at_tolerance, &touched);
	run_errand(ERRAND_LANDED, collect_landed, NULL);
	run_errand(ERRAND_LACKING, collect_lacking, NULL);
	run_errand(ERRAND_TOLD, look_at_told, NULL);
	reopen_retire_plans();
	foreach(lc, touched)
	{
		Incident   *inc = lfirst(lc);
		AuditEntry	entry;
		HeldRow    *rows;
		int			n;

		audit_entry(&entry, "captured");
		entry.incident = inc->id;
		entry.relid = inc->relid;
		entry.sqlstate = inc->sqlstate;
		entry.error = inc->error;
		rows = held_of_incident(inc->id, 1000, &n);
		if (n > 0)
			entry.payload_ref = heldref_json(rows, n, NULL);
		entry.rows_held = inc->new_rows;
		entry.result = inc->opened ? "opened" : "more rows";
		entry.ms_since_capture = round_ms_since(inc->first_seen);
		audit_write(&entry);
	}
	spi_xact_commit(true);
	/* what code of people's runs in: for itself */
	(void) errands_run(ERRAND_LANDED, do_landed, NULL);
}
