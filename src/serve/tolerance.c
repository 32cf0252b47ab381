/*
 * tolerance.c
 *	  How much a table may change and hold before somebody is told, or the
 *	  healer holds back.
 *
 * What is measured, and how, stands in the view selfheal.measured. Nothing is
 * kept of it but the incident: when the cause is gone, by a heal, a person or
 * an hour that has passed, so is the restraint.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "observe/capture.h"
#include "observe/watch.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "serve/tolerance.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

PG_FUNCTION_INFO_V1(selfheal_set_tolerance);
PG_FUNCTION_INFO_V1(selfheal_drop_tolerance);

#define TOLERANCE_CLASS "tolerance"

/* Measures of a busy hour may take a while: they are not taken again before
 * twenty times as long. Process memory: a new worker begins anew. */
#define LOOK_SHARE 20
#define LOOK_FREE 250			/* ms that are nothing */

/* A share that sinks with every minute is not looked at more often than this. */
#define AGAIN_MS 10000

static const char *const pasts[] = {"report", "pause", "propose"};

static TimestampTz not_before = 0;
static TimestampTz next = 0;

/* ---- the worker's side ---- */

/* One table as it was measured. */
typedef struct Measured
{
	Oid			relid;
	char	   *past;			/* NULL: it has no tolerance any more */
	char	   *exceeded;		/* in words; NULL: it is within it */
	char	   *restraint;		/* what is done to the healer now, or NULL */
	bool		paused;			/* by whomever */
	int64		incident;		/* that is open; 0: none */
	bool		new_incident;	/* nobody has settled it yet */
} Measured;

/* Have its incident opened, by the next incident_collect. */
static void
capture(const Measured *m)
{
	CaptureRow	row;

	capture_row_init(&row);
	capture_set(&row, CAPTURE_ID, Int64GetDatum(capture_next_id()));
	capture_set_who(&row, m->relid);
	capture_set_text(&row, CAPTURE_DOOR, "watch");
	capture_set_text(&row, CAPTURE_CLASS, TOLERANCE_CLASS);
	capture_set(&row, CAPTURE_ROWS, Int64GetDatum(0));
	capture_set_text(&row, CAPTURE_MESSAGE, m->exceeded);
	capture_append(&row);
	ereport(LOG,
			(errmsg("selfheal: table %s is past its tolerance",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(m->relid)),
											   get_rel_name(m->relid))),
			 errdetail("%s.", m->exceeded),
			 strcmp(m->past, "pause") == 0 ?
			 errhint("The healer rests on it until that is over, or until selfheal.resume('...').") :
			 errhint("See selfheal.incidents.")));
}

static void
record(Oid relid, const char *event, int64 incident, const char *result)
{
	AuditEntry	entry;

	audit_entry(&entry, event);
	entry.relid = relid;
	entry.incident = incident;
	entry.result = result;
	audit_write(&entry);
}

/*
 * Hold the healer back, or let it go: to is what counts now, or NULL. A pause
 * of a person's is his: it is neither taken over nor taken back. Where the mode
 * is another one by it, what waits is looked at again.
 */
static void
restrain(const Measured *m, const char *to)
{
	bool		ours = m->restraint && strcmp(m->restraint, "pause") == 0;
	bool		pause = to && strcmp(to, "pause") == 0;
	SpiArgs		args;

	if (pause && !ours && m->paused)
		to = NULL;
	if (strcmp(to ? to : "", m->restraint ? m->restraint : "") == 0)
		return;
	spi_args(&args);
	spi_arg_relid(&args, m->relid);
	spi_arg_text(&args, to);
	spi_arg_bool(&args, to && pause);
	spi_arg_bool(&args, ours);
	spi_exec("UPDATE selfheal.watched SET restraint = $2, paused = CASE WHEN $3 THEN true WHEN $4 THEN false ELSE paused END,"
			 " rethink = rethink OR 'propose' IN (coalesce(restraint, ''), coalesce($2, '')) WHERE relid = $1", &args);
	if (to && pause)
		record(m->relid, "paused", m->incident, m->exceeded);
	else if (ours)
		record(m->relid, "resumed", m->incident, "the table is within its tolerance again");
	shmem_wake_at_commit();
}

/* Its incident: what a person sees of it. */
static void
settle(const Measured *m)
{
	IncidentNote note = {.human = HUMAN_REFUSED};

	if (m->exceeded != NULL)
	{
		if (!m->new_incident)
			return;
		note.reason = psprintf("%s: %s", m->exceeded,
							   strcmp(m->past, "pause") == 0 ? "the healer rests on this table until that is over, or resume() is called" :
							   strcmp(m->past, "propose") == 0 ? "plans for this table wait for approval until that is over" :
							   "it is reported, and nothing else is done");
		incident_move(m->incident, INCIDENT_PLANNING, &note);
		incident_move(m->incident, INCIDENT_NEEDS_HUMAN, &note);
		return;
	}
	note.reason = m->past ? "the table is within its tolerance again" : "its tolerance was taken back";
	incident_move(m->incident, INCIDENT_HEALED, &note);
	record(m->relid, "diagnosed", m->incident, note.reason);
}

/* Incidents of tables that are not watched any more end with the watch. */
static void
dismiss_unwatched(void)
{
	uint64		n = spi_exec("SELECT i.id FROM selfheal.incident i WHERE i.class IN " INCIDENT_FOR_PEOPLE
							 " AND i.state NOT IN ('healed', 'dismissed')"
							 " AND NOT EXISTS (SELECT FROM selfheal.watched w WHERE w.relid = i.relid)"
							 " ORDER BY i.id FOR UPDATE SKIP LOCKED", NULL);
	SpiRows		rows = spi_keep();

	for (uint64 i = 0; i < n; i++)
	{
		IncidentNote note = {.by = "selfheal",.why = "the table is not watched any more"};

		spi_use(&rows);
		incident_move(spi_get_int8(i, 1, NULL), INCIDENT_DISMISSED, &note);
	}
}

/* Is there anything to measure, or to take back? Nearly always not. */
static bool
is_wanted(void)
{
	spi_exec("SELECT EXISTS (SELECT FROM selfheal.tolerance) OR EXISTS (SELECT FROM selfheal.watched WHERE restraint IS NOT NULL)"
			 " OR EXISTS (SELECT FROM selfheal.incident WHERE class IN " INCIDENT_FOR_PEOPLE
			 " AND state NOT IN ('healed', 'dismissed'))", NULL);
	return spi_get_bool(0, 1, NULL);
}

/* See the header. What a person's open transaction holds is left. */
bool
tolerance_look(void)
{
	TimestampTz start = GetCurrentTimestamp();
	bool		again = false;
	SpiUser		saved;
	SpiRows		rows;
	uint64		n;
	int64		took;

	if (start < not_before)
	{
		next = not_before;
		return false;
	}
	next = 0;
	spi_open(&saved);
	/* compiling it would take longer than to take the measures */
	spi_set_local("jit", "off");
	if (!is_wanted())
	{
		spi_close(&saved);
		return false;
	}
	dismiss_unwatched();
	n = spi_exec("SELECT w.relid::oid, m.past, m.exceeded, w.restraint, w.paused, i.id, i.state = 'open', m.until"
				 " FROM selfheal.watched w JOIN selfheal.settled USING (relid) LEFT JOIN selfheal.measured m USING (relid)"
				 " LEFT JOIN selfheal.incident i ON i.relid = w.relid AND i.class = '" TOLERANCE_CLASS "'"
				 "  AND i.state NOT IN ('healed', 'dismissed')"
				 " WHERE m.relid IS NOT NULL OR w.restraint IS NOT NULL OR i.id IS NOT NULL"
				 " ORDER BY w.relid::oid FOR UPDATE OF w SKIP LOCKED", NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		Measured	m = {0};
		TimestampTz until;
		bool		isnull;

		spi_use(&rows);
		m.relid = spi_get_oid(i, 1, NULL);
		m.past = spi_get_text(i, 2, CurrentMemoryContext);
		m.exceeded = spi_get_text(i, 3, CurrentMemoryContext);
		m.restraint = spi_get_text(i, 4, CurrentMemoryContext);
		m.paused = spi_get_bool(i, 5, NULL);
		m.incident = spi_get_int8(i, 6, &isnull);
		if (isnull)
			m.incident = 0;
		m.new_incident = m.incident != 0 && spi_get_bool(i, 7, NULL);
		until = spi_get_int8(i, 8, &isnull);
		if (!isnull && (next == 0 || until < next))
			next = until;
		if (m.incident != 0 && !incident_is_free(m.incident))
			continue;
		if (m.exceeded != NULL && m.incident == 0)
		{
			capture(&m);
			again = true;
			continue;
		}
		restrain(&m, m.exceeded != NULL && strcmp(m.past, "report") != 0 ? m.past : NULL);
		if (m.incident != 0)
			settle(&m);
	}
	spi_close(&saved);
	if (next != 0)
		next = Max(next, TimestampTzPlusMilliseconds(start, AGAIN_MS));
	took = (GetCurrentTimestamp() - start) / 1000;
	not_before = took > LOOK_FREE && !again ?
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_SHARE * took) : 0;
	return again;
}

/* See the header. */
TimestampTz
tolerance_next(void)
{
	return next;
}

/* ---- people's side ---- */

/* See the header. */
void
tolerance_answered(Oid relid, const char *why)
{
	const char *by = GetUserNameFromId(GetUserId(), false);
	SpiUser		saved;
	SpiArgs		args;
	int64		incident = 0;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("UPDATE selfheal.tolerance SET counted_from = clock_timestamp() WHERE relid = $1", &args);
	if (spi_exec("SELECT id FROM selfheal.incident WHERE relid = $1 AND class = '" TOLERANCE_CLASS "'"
				 " AND state NOT IN ('healed', 'dismissed') FOR UPDATE", &args) > 0)
		incident = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	if (incident != 0)
	{
		IncidentNote note = {.by = by,.why = why};

		incident_move(incident, INCIDENT_DISMISSED, &note);
	}
}

/* What is said of a table. */
typedef struct Tolerance
{
	int			columns;		/* -1: any number */
	char	   *percent;		/* NULL: all */
	bool		changes;
	int			past;			/* in pasts */
} Tolerance;

static int
past_of(const char *word)
{
	for (int i = 0; i < (int) lengthof(pasts); i++)
		if (strcmp(word, pasts[i]) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("past must be report, pause or propose, not \"%s\"", word),
			 errhint("report: an incident tells; pause: the healer rests on the table; propose: its plans wait for approval.")));
}

/* Inside spi_open. False: nothing is said of the table, and out is that. */
static bool
read_tolerance(Oid relid, MemoryContext cxt, Tolerance *out)
{
	SpiArgs		args;
	bool		isnull;

	out->columns = -1;
	out->percent = NULL;
	out->changes = true;
	out->past = 0;
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT new_columns_per_day::int8, held_percent::text, structural_changes, past"
				 " FROM selfheal.tolerance WHERE relid = $1 FOR UPDATE", &args) == 0)
		return false;
	out->columns = (int) spi_get_int8(0, 1, &isnull);
	if (isnull)
		out->columns = -1;
	out->percent = spi_get_text(0, 2, cxt);
	out->changes = spi_get_bool(0, 3, NULL);
	out->past = past_of(spi_get_text(0, 4, CurrentMemoryContext));
	return true;
}

/* "2 new columns a day, 10 % of an hour's rows held, no structural changes;
 * past it: pause" */
static char *
words_of(const Tolerance *t)
{
	return psprintf("%s new columns a day, %s %% of an hour's rows held, %s structural changes; past it: %s",
					t->columns < 0 ? "any number of" : psprintf("%d", t->columns),
					t->percent ? t->percent : "100", t->changes ? "any" : "no", pasts[t->past]);
}

/* Put the arguments in; raises 22023. */
static void
take_arguments(FunctionCallInfo fcinfo, Tolerance *t)
{
	if (!PG_ARGISNULL(1))
	{
		t->columns = PG_GETARG_INT32(1);
		if (t->columns < -1)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("new_columns_per_day must not be negative"),
					 errhint("-1 alone says that any number is tolerated.")));
	}
	if (!PG_ARGISNULL(2))
	{
		Datum		percent = PG_GETARG_DATUM(2);
		double		value = numeric_is_nan(DatumGetNumeric(percent)) ? -1 :
		DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, percent));

		if (value < 0 || value > 100)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("held_percent must be between 0 and 100"),
					 errhint("100 says that all rows may be held.")));
		t->percent = DatumGetCString(DirectFunctionCall1(numeric_out, percent));
		if (value == 100)
			t->percent = NULL;
	}
	if (!PG_ARGISNULL(3))
		t->changes = PG_GETARG_BOOL(3);
	if (!PG_ARGISNULL(4))
		t->past = past_of(text_to_cstring(PG_GETARG_TEXT_PP(4)));
}

/* May the caller say it of this table? */
static void
check_caller(Oid relid)
{
	Watch		watch;

	watch_check_table(relid, WATCH_NEED_OWNER);
	watch_check_watched(relid, &watch);
}

/*
 * set_tolerance(relation, new_columns_per_day, held_percent,
 * structural_changes, past): says it, and returns what counts now. Errors:
 * 22023, 42704, and those of a table argument.
 */
Datum
selfheal_set_tolerance(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	const char *by = GetUserNameFromId(GetUserId(), false);
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	Tolerance	t;
	char	   *before;
	char	   *now;
	bool		is_new;

	if (PG_ARGISNULL(1) && PG_ARGISNULL(2) && PG_ARGISNULL(3) && PG_ARGISNULL(4))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a tolerance says something"),
				 errhint("For example: SELECT selfheal.set_tolerance('orders', held_percent => 10, past => 'pause').")));
	check_caller(relid);
	spi_open(&saved);
	is_new = !read_tolerance(relid, cxt, &t);
	before = MemoryContextStrdup(cxt, words_of(&t));
	take_arguments(fcinfo, &t);
	now = MemoryContextStrdup(cxt, words_of(&t));
	if (is_new || strcmp(before, now) != 0)
	{
		spi_args(&args);
		spi_arg_relid(&args, relid);
		if (t.columns < 0)
			spi_arg_null(&args, INT8OID);
		else
			spi_arg_int8(&args, t.columns);
		spi_arg_text(&args, t.percent);
		spi_arg_bool(&args, t.changes);
		spi_arg_text(&args, pasts[t.past]);
		spi_arg_text(&args, by);
		spi_exec("INSERT INTO selfheal.tolerance (relid, new_columns_per_day, held_percent, structural_changes, past, set_by)"
				 " VALUES ($1, $2, $3::numeric, $4, $5, $6) ON CONFLICT (relid) DO UPDATE SET new_columns_per_day = $2,"
				 " held_percent = $3::numeric, structural_changes = $4, past = $5, set_by = $6, set_at = clock_timestamp()", &args);
	}
	spi_close(&saved);
	if (is_new || strcmp(before, now) != 0)
	{
		record(relid, "policy_changed", 0,
			   is_new ? psprintf("tolerance: %s", now) : psprintf("tolerance: %s; was: %s", now, before));
		shmem_wake_at_commit();
	}
	PG_RETURN_TEXT_P(cstring_to_text(now));
}

/* drop_tolerance(relation): 42704 when there is none. */
Datum
selfheal_drop_tolerance(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	Tolerance	t;
	bool		found;

	check_caller(relid);
	spi_open(&saved);
	found = read_tolerance(relid, cxt, &t);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("DELETE FROM selfheal.tolerance WHERE relid = $1", &args);
	spi_close(&saved);
	if (!found)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("nothing is said of what is tolerated of table %s",
						quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid))),
				 errhint("What is said of tables stands in the view selfheal.tolerances.")));
	record(relid, "policy_changed", 0, psprintf("no tolerance; was: %s", words_of(&t)));
	shmem_wake_at_commit();
	PG_RETURN_VOID();
}
