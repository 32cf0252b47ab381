/*
 * byhand.c
 *	  What people do with held rows by SQL: replay, discard, amend.
 *
 * Rows that are stored meanwhile, by the healer or by somebody else, are
 * waited for and then said to be gone. replay runs in the caller's own session
 * and name; the others only write down what he decided, and wake the worker.
 */
#include "postgres.h"

#include "act/replay.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/capture.h"
#include "observe/discards.h"
#include "observe/held.h"
#include "observe/heldref.h"
#include "observe/restore.h"
#include "observe/watch.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "serve/byhand.h"
#include "serve/telling.h"
#include "serve/verbs.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_replay);
PG_FUNCTION_INFO_V1(selfheal_discard);
PG_FUNCTION_INFO_V1(selfheal_discard_incident);
PG_FUNCTION_INFO_V1(selfheal_amend);

/* The table of a row that is still held, and its incident (0: not assigned
 * yet); raises 42704 or 55000. */
static Oid
held_row(int64 id, int64 *incident)
{
	SpiUser		saved;
	SpiArgs		args;
	Oid			relid = InvalidOid;
	char	   *state = NULL;
	MemoryContext cxt = CurrentMemoryContext;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	/* the key begins with the table, of which there are few */
	if (spi_exec("WITH RECURSIVE t(relid) AS ("
				 "  SELECT min(relid::oid) FROM selfheal.quarantine UNION ALL"
				 "  SELECT (SELECT min(q.relid::oid) FROM selfheal.quarantine q WHERE q.relid > t.relid)"
				 "  FROM t WHERE t.relid IS NOT NULL)"
				 " SELECT q.relid::oid, q.state, e.incident FROM t JOIN selfheal.quarantine q ON q.relid = t.relid AND q.id = $1"
				 " LEFT JOIN selfheal.error e ON e.id = q.error", &args) > 0)
	{
		relid = spi_get_oid(0, 1, NULL);
		state = spi_get_text(0, 2, cxt);
		*incident = spi_get_int8(0, 3, NULL);
	}
	spi_close(&saved);
	if (state == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("held row " INT64_FORMAT " does not exist", id),
				 errhint("Ids stand in the view selfheal.quarantined; a row that was replayed is in its table.")));
	if (strcmp(state, "held") != 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("row " INT64_FORMAT " is %s already", id, state)));
	if (telling_is_gone(relid))
		telling_check_gone("held row", id);
	else
		watch_check_table(relid, WATCH_NEED_READ);
	return relid;
}

/* A held row that was here when we looked is not any more: somebody stored,
 * amended or discarded it while we waited for him. Says which. */
static void
row_went(int64 id)
{
	int64		incident = 0;

	(void) held_row(id, &incident);
	elog(ERROR, "held row " INT64_FORMAT " could not be changed", id);
}

/* Has it given up, or does it wait for an approval, a parent, an answer? */
static bool
rests(const Incident *inc)
{
	return inc->state == INCIDENT_NEEDS_HUMAN || inc->state == INCIDENT_FAILED ||
		inc->state == INCIDENT_AWAITING_APPROVAL || inc->state == INCIDENT_AWAITING_PARENT ||
		inc->state == INCIDENT_ASKING;
}

/*
 * Rows of this table were changed by a person: incidents that rest are looked
 * at again by the worker, which settles those without rows. One that somebody
 * else has closed while we waited for him stays closed.
 */
static void
reopen(Oid relid)
{
	ListCell   *lc;

	foreach(lc, incident_live(relid))
	{
		Incident   *inc = lfirst(lc);

		if (rests(inc) && rests(incident_lock(inc->id)))
		{
			IncidentNote note = {.reason = "rows were changed by a person"};

			incident_move(inc->id, INCIDENT_OPEN, &note);
		}
	}
	if (shmem_state != NULL)
		shmem_wake_at_commit();
}

/*
 * replay("table"): put the held rows in now, in the caller's own name and
 * session, unrestricted: the way out for triggers that a restricted operation
 * refuses. Returns how many went in and how many are left.
 */
Datum
selfheal_replay(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Watch		watch;
	int64		replayed = 0;
	int64		left = 0;
	int64		todo;
	int64		discarded = 0;
	int64		left_out = 0;
	int64		after = 0;
	ReplayResult *chunk;
	List	   *chunks = NIL;
	ListCell   *lc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	watch_check_table(relid, WATCH_NEED_READ);
	watch_check_watched(relid, &watch);
	restore_refuse(relid);
	do
	{
		CHECK_FOR_INTERRUPTS();
		chunk = replay_chunk(relid, NULL, 0, after, guc_replay_chunk, 0, true);
		after = chunk->last_id;
		replayed += chunk->replayed;
		left += chunk->left + chunk->busy;
		discarded += chunk->discarded;
		left_out += chunk->left_out;
		chunks = lappend(chunks, chunk);
	} while (chunk->more);
	/* the healer, or another person, is just at it: not all were tried */
	if (chunk->busy < 0)
		left = held_count(relid, NULL, 0);

	todo = replayed + left;
	foreach(lc, chunks)
	{
		AuditEntry	entry;

		chunk = lfirst(lc);
		if (chunk->replayed == 0)
			continue;
		audit_entry(&entry, "replayed");
		entry.relid = relid;
		entry.payload_ref = chunk->payload_ref;
		entry.rows_held = todo;
		entry.rows_replayed = chunk->replayed;
		entry.rows_left = todo -= chunk->replayed;
		entry.result = "by a person, in his own session";
		audit_write(&entry);
	}
	discards_notice(relid, left_out, discarded);
	/* incidents without rows are settled by the worker */
	reopen(relid);
	values[0] = Int64GetDatum(replayed);
	values[1] = Int64GetDatum(left);
	return verbs_one_row(fcinfo, values, nulls);
}

/* Take up to max rows out of the way, by row or by incident. */
static int64
discard_rows(const char *sql, int64 key, int64 max, const char *why, Oid relid, int64 incident)
{
	const char *by = verbs_caller();
	SpiUser		saved;
	SpiArgs		args;
	AuditEntry	entry;
	int64		n;
	char	   *ref;
	MemoryContext cxt = CurrentMemoryContext;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, key);
	spi_arg_int8(&args, max);
	spi_arg_text(&args, by);
	spi_arg_text(&args, why);
	spi_arg_relid(&args, relid);
	spi_exec(sql, &args);
	n = spi_get_int8(0, 1, NULL);
	ref = spi_get_text(0, 2, cxt);
	spi_close(&saved);
	if (n > 0)
	{
		audit_entry(&entry, "discarded");
		entry.relid = relid;
		entry.incident = incident;
		entry.explanation = why;
		entry.payload_ref = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(ref)));
		entry.rows_left = OidIsValid(relid) ? held_count(relid, NULL, 0) : AUDIT_UNKNOWN;
		audit_write(&entry);
	}
	return n;
}

#define DISCARD(which) \
	"WITH d AS (UPDATE selfheal.quarantine q SET state = 'discarded', relid = 0, changed_by = $3," \
	" changed_at = clock_timestamp(), why = $4 WHERE (q.relid, q.id) IN (" which ")" \
	" RETURNING q.id, coalesce(convert_to(q.payload, getdatabaseencoding()), q.payload_raw, q.line) AS bytes)" \
	" SELECT count(*), jsonb_build_object('ids', (SELECT coalesce(jsonb_agg(jsonb_build_array(lower(r), upper(r) - 1)), '[]')" \
	" FROM (SELECT unnest(range_agg(int8range(id, id, '[]'))) AS r FROM d) u), 'rows', count(*)," \
	" 'sha256', encode(sha256(coalesce(string_agg(bytes || '\\x0a'::bytea, ''::bytea ORDER BY id), ''::bytea)), 'hex')) FROM d"

/* An incident of which nothing is held any more is given up with its rows,
 * unless somebody else has closed it meanwhile. */
static void
dismiss_if_empty(const Incident *inc, const char *why)
{
	IncidentNote note = {0};
	AuditEntry	entry;

	if (inc->state == INCIDENT_HEALED || inc->state == INCIDENT_DISMISSED ||
		held_count(inc->relid, &inc->id, 1) > 0)
		return;
	inc = incident_lock(inc->id);
	if (inc->state == INCIDENT_HEALED || inc->state == INCIDENT_DISMISSED)
		return;
	note.by = verbs_caller();
	note.why = why;
	incident_move(inc->id, INCIDENT_DISMISSED, &note);
	audit_entry(&entry, "dismissed");
	entry.incident = inc->id;
	entry.relid = inc->relid;
	entry.explanation = why;
	audit_write(&entry);
}

/* discard(quarantine_id, why): one row; its bytes stay, it is not replayed. */
Datum
selfheal_discard(PG_FUNCTION_ARGS)
{
	char	   *why = verbs_text_arg(fcinfo, 1);
	int64		incident = 0;
	int64		id;
	Oid			relid;

	verbs_require_arg(fcinfo, 0, "quarantine_id", "Ids stand in the view selfheal.quarantined.");
	verbs_require_arg(fcinfo, 1, "why", "Say in a sentence why: it stands in the audit.");
	id = PG_GETARG_INT64(0);
	relid = held_row(id, &incident);
	if (discard_rows(DISCARD("SELECT relid, id FROM selfheal.quarantine"
							 " WHERE relid = coalesce($5, 0::regclass) AND id = $1"
							 " AND state = 'held' LIMIT $2 FOR UPDATE"),
					 id, 1, why, relid, incident) == 0)
		row_went(id);
	if (incident != 0)
		dismiss_if_empty(incident_get(incident), why);
	if (OidIsValid(relid))
		reopen(relid);
	PG_RETURN_VOID();
}

/* discard(incident_id, why, max_rows): the incident's held rows, at most so
 * many; returns how many. An incident without any (a report that brought no
 * payload) is dismissed too: nothing else would ever close it. */
Datum
selfheal_discard_incident(PG_FUNCTION_ARGS)
{
	Incident   *inc = verbs_incident_arg(fcinfo);
	char	   *why = verbs_text_arg(fcinfo, 1);
	int64		n;

	verbs_require_arg(fcinfo, 1, "why", "Say in a sentence why: it stands in the audit.");
	verbs_require_arg(fcinfo, 2, "max_rows", "Say how many rows at most may be discarded.");
	if (PG_GETARG_INT64(2) < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("max_rows must be at least 1"),
				 errhint("Say how many rows at most may be discarded.")));
	n = discard_rows(DISCARD("SELECT q.relid, q.id FROM selfheal.quarantine q"
							 " JOIN (SELECT relid, id, error FROM selfheal.held WHERE incident = $1"
							 "  ORDER BY id LIMIT $2) h USING (relid, id, error)"
							 " WHERE q.state = 'held' ORDER BY q.id LIMIT $2 FOR UPDATE OF q"),
					 inc->id, PG_GETARG_INT64(2), why, inc->relid, inc->id);
	dismiss_if_empty(inc, why);
	/* others may have waited behind them */
	if (n > 0 && shmem_state != NULL)
		shmem_wake_at_commit();
	PG_RETURN_INT64(n);
}

/*
 * A reason of its own for a row that was amended: what held the old text says
 * nothing of the new one, and the row is not to wait for an approval that
 * others of its old incident need. The replay gives it the reason it has now.
 */
static int64
amended_reason(Oid relid)
{
	CaptureRow	row;
	int64		id = capture_next_id();

	capture_row_init(&row);
	capture_set(&row, CAPTURE_ID, Int64GetDatum(id));
	capture_set_who(&row, relid);
	capture_set_text(&row, CAPTURE_DOOR, "replay");
	capture_set_text(&row, CAPTURE_CLASS, fit_class_name(FIT_RETRY));
	capture_set(&row, CAPTURE_ROWS, Int64GetDatum(1));
	capture_set_text(&row, CAPTURE_MESSAGE, "the payload was amended");
	capture_append(&row);
	return id;
}

/* amend(quarantine_id, payload, why): a person's correction of one held row;
 * the first text is kept beside it. The worker tries it again. */
Datum
selfheal_amend(PG_FUNCTION_ARGS)
{
	char	   *payload = verbs_text_arg(fcinfo, 1);
	char	   *why = verbs_text_arg(fcinfo, 2);
	const char *by = verbs_caller();
	SpiUser		saved;
	SpiArgs		args;
	AuditEntry	entry;
	int64		incident = 0;
	int64		id;
	Oid			relid;

	verbs_require_arg(fcinfo, 0, "quarantine_id", "Ids stand in the view selfheal.quarantined.");
	verbs_require_arg(fcinfo, 1, "payload", "Give the whole corrected JSON object.");
	verbs_require_arg(fcinfo, 2, "why", "Say in a sentence why: it stands in the audit.");
	id = PG_GETARG_INT64(0);
	relid = held_row(id, &incident);

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_text(&args, payload);
	spi_arg_text(&args, by);
	spi_arg_text(&args, why);
	spi_arg_int8(&args, amended_reason(relid));
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT FROM selfheal.quarantine WHERE relid = coalesce($6, 0::regclass) AND id = $1"
				 " AND witness IS NOT NULL AND ($2, $3, $4, $5) IS NOT NULL", &args) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("held row " INT64_FORMAT " is a witness of a statement that failed: it is never stored", id),
				 errhint("Its client has had the error, and sends the row again.")));
	if (spi_exec("UPDATE selfheal.quarantine SET original = coalesce(original, payload, encode(coalesce(payload_raw, line), 'escape')),"
				 " payload = $2, payload_raw = NULL, changed_by = $3, changed_at = clock_timestamp(), why = $4,"
				 " error = $5, bulk = false WHERE relid = coalesce($6, 0::regclass) AND id = $1"
				 " AND state = 'held'", &args) == 0)
		row_went(id);
	spi_close(&saved);
	audit_entry(&entry, "amended");
	entry.relid = relid;
	entry.incident = incident;
	entry.explanation = why;
	{
		HeldBatch	batch;

		held_fetch(relid, NULL, 0, id - 1, 1, false, &batch);
		if (batch.n == 1)
			entry.payload_ref = heldref_json(batch.rows, 1, NULL);
	}
	audit_write(&entry);
	if (OidIsValid(relid))
		reopen(relid);
	PG_RETURN_VOID();
}
