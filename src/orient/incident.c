/*
 * incident.c
 *	  One incident per (table, class, column or key), however many rows.
 *
 * Producers only insert rows of selfheal.error. The worker joins them to
 * incidents here, in a transaction of its own, so that parallel loads never
 * wait for each other's commit on a shared counter.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "orient/awaiting.h"
#include "orient/forgiven.h"
#include "orient/incident.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static const char *const state_names[] = {
	"open", "planning", "awaiting_approval", "applying", "waiting_lock",
	"awaiting_parent", "healed", "needs_human", "failed", "dismissed", "awaiting_order",
	"asking"
};

static const char *const human_names[] = {
	"no_safe_plan", "no_playbook", "refused", "budget",
	"contradictory_evidence", "waited_too_long", "restricted", "no_payload", "deadly"
};

StaticAssertDecl(lengthof(state_names) == INCIDENT_ASKING + 1,
				 "every state has a name");
StaticAssertDecl(lengthof(human_names) == HUMAN_REASONS,
				 "every reason has a name");

/* The diagram of incident.h, as sets of states a state may follow. */
#define FROM(s) (1 << (s))
static const int may_follow[] = {
	/* open */
	FROM(INCIDENT_OPEN) | FROM(INCIDENT_AWAITING_APPROVAL) |
	FROM(INCIDENT_NEEDS_HUMAN) | FROM(INCIDENT_FAILED) |
	FROM(INCIDENT_WAITING_LOCK) | FROM(INCIDENT_APPLYING) | FROM(INCIDENT_PLANNING) |
	FROM(INCIDENT_AWAITING_PARENT) | FROM(INCIDENT_AWAITING_ORDER) | FROM(INCIDENT_DISMISSED) |
	FROM(INCIDENT_ASKING),
	/* planning */
	FROM(INCIDENT_OPEN) | FROM(INCIDENT_FAILED) | FROM(INCIDENT_WAITING_LOCK) |
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_APPLYING),
	/* awaiting_approval */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_AWAITING_APPROVAL) | FROM(INCIDENT_ASKING),
	/* applying */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_AWAITING_APPROVAL) |
	FROM(INCIDENT_APPLYING) | FROM(INCIDENT_WAITING_LOCK) |
	FROM(INCIDENT_NEEDS_HUMAN) | FROM(INCIDENT_FAILED) | FROM(INCIDENT_OPEN) |
	FROM(INCIDENT_AWAITING_ORDER) | FROM(INCIDENT_ASKING),
	/* waiting_lock */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_APPLYING) |
	FROM(INCIDENT_AWAITING_APPROVAL) | FROM(INCIDENT_WAITING_LOCK),
	/* awaiting_parent */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_AWAITING_PARENT) |
	FROM(INCIDENT_NEEDS_HUMAN),
	/* healed */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_APPLYING) | FROM(INCIDENT_OPEN) |
	FROM(INCIDENT_NEEDS_HUMAN) | FROM(INCIDENT_FAILED) |
	FROM(INCIDENT_AWAITING_APPROVAL) | FROM(INCIDENT_WAITING_LOCK) |
	FROM(INCIDENT_AWAITING_PARENT) | FROM(INCIDENT_AWAITING_ORDER) |
	FROM(INCIDENT_ASKING),
	/* needs_human */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_APPLYING) |
	FROM(INCIDENT_AWAITING_APPROVAL) | FROM(INCIDENT_NEEDS_HUMAN) |
	FROM(INCIDENT_AWAITING_PARENT) | FROM(INCIDENT_AWAITING_ORDER) |
	FROM(INCIDENT_ASKING),
	/* failed */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_APPLYING) | FROM(INCIDENT_FAILED),
	/* dismissed */
	FROM(INCIDENT_OPEN) | FROM(INCIDENT_PLANNING) | FROM(INCIDENT_APPLYING) |
	FROM(INCIDENT_AWAITING_APPROVAL) | FROM(INCIDENT_WAITING_LOCK) |
	FROM(INCIDENT_AWAITING_PARENT) | FROM(INCIDENT_NEEDS_HUMAN) | FROM(INCIDENT_FAILED) |
	FROM(INCIDENT_AWAITING_ORDER) | FROM(INCIDENT_ASKING),
	/* awaiting_order */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_APPLYING),
	/* asking */
	FROM(INCIDENT_PLANNING) | FROM(INCIDENT_NEEDS_HUMAN)
};

/* What is due now; a state of work that nobody works on is left by a worker
 * that died (there is one worker per database). */
#define DUE \
	"(i.class NOT IN " INCIDENT_FOR_PEOPLE " AND (i.state IN ('open', 'planning', 'applying')" \
	" OR (i.state IN ('failed', 'waiting_lock') AND i.next_try <= clock_timestamp())))"

/* A pile of bad values has grown by a tenth, or is small: more of them may prove
 * how they are to be read. So a million are looked at a hundred times, however
 * many loads bring them. */
#define GREW \
	"i.rows < 100 OR floor(ln(i.rows + g.fresh_rows) / ln(1.1)) > floor(ln(i.rows) / ln(1.1))"

/*
 * What those before could not be helped for says nothing of a row that comes
 * now: a plan may be right for it that stored none of them, and it may lack a
 * partition that can be made. A pile of them is looked at as it grows, and
 * some time after each row that comes, so that no good one is kept for ever by
 * a bad one before it.
 */
#define BLAMELESS \
	"i.class <> 'awaiting_order' AND (g.came OR g.moved AND i.reason_kind <> 'budget') AND (i.reason_kind = 'no_safe_plan'" \
	"  OR i.class = 'no_partition' AND i.reason_kind NOT IN ('restricted', 'no_payload', 'deadly'))"

/* Classes that only the insert finds. The others were all found, and counted,
 * when the row came; a replay that meets them again has no new row. */
#define INSERT_CLASSES \
	"'unique', 'foreign_key', 'check', 'exclusion', 'no_partition', 'permission', 'trigger', 'retry', 'limit', 'other', 'sequence'"

/*
 * Columns that a packet lists: the first, and the incident's own. A load may
 * open a thousand incidents of a table with a thousand columns.
 */
#define PACKET_COLUMNS "100"

/* Characters of the SQL of an earlier heal: the plan has all of it. */
#define PACKET_SQL "2000"

#define COLUMNS \
	"i.id, i.relid, i.class, i.column_name, i.state, i.attempts, i.first_seen, i.rows, i.passing_since"

const char *
incident_state_name(IncidentState state)
{
	return state_names[state];
}

const char *
incident_human_name(HumanReason reason)
{
	return human_names[reason];
}

static IncidentState
state_from_name(const char *name)
{
	for (int i = 0; i < (int) lengthof(state_names); i++)
		if (strcmp(name, state_names[i]) == 0)
			return (IncidentState) i;
	elog(ERROR, "unknown incident state \"%s\"", name);
}

/* One row of COLUMNS, allocated in cxt. */
static Incident *
incident_from_row(uint64 row, MemoryContext cxt)
{
	Incident   *inc = MemoryContextAllocZero(cxt, sizeof(Incident));
	bool		isnull;

	inc->id = spi_get_int8(row, 1, NULL);
	inc->relid = spi_get_oid(row, 2, NULL);
	inc->class = spi_get_text(row, 3, cxt);
	inc->column = spi_get_text(row, 4, cxt);
	inc->state = state_from_name(spi_get_text(row, 5, cxt));
	inc->attempts = (int) spi_get_int8(row, 6, NULL);
	inc->first_seen = spi_get_int8(row, 7, NULL);	/* a timestamp is an int64 */
	inc->rows = spi_get_int8(row, 8, NULL);
	inc->passing_since = spi_get_int8(row, 9, &isnull);
	if (isnull)
		inc->passing_since = 0;
	return inc;
}

static List *
incidents_from_rows(uint64 n, MemoryContext cxt)
{
	List	   *result = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		Incident   *inc = incident_from_row(i, cxt);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		result = lappend(result, inc);
		MemoryContextSwitchTo(old);
	}
	return result;
}

/*
 * How often was it looked, by this many rows, whether they are so many that the
 * table is to change for them? At each doubling: more often would have every
 * row read all that are held.
 */
#define LOOKS(rows, from) \
	"CASE WHEN " rows " < " from " THEN 0 ELSE 1 + floor(log(2.0, ((" rows ") / " from ")::numeric)) END"

/*
 * Set-based, since a load may bring thousands of new keys: groups of new
 * errors find their live incident or open one, and are pointed at it. New
 * rows wake what waits for a person's approval, since the plan may not cover
 * them; what needs a person anyhow only counts them. New words of an enum are
 * looked at all the same, unless a person has said no to one: they need not be
 * of the kind that he is to decide about; and a duplicate is one of the stored
 * row, or is not, whatever became of those before; and so with rows of which
 * none could be stored, or that lack a partition. Rows that miss a parent are all
 * looked at again: it may have come while the new ones were held. But what takes
 * the server down is not tried for a row's sake.
 *
 * An incident that an open transaction of a person holds (retry) is not
 * waited for: its errors are joined when that commit wakes us.
 */
List *
incident_collect(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	uint64		n;
	List	   *result = NIL;
	SpiArgs		args;

	spi_open(&saved);

	/*
	 * An incident whose table is gone is dismissed. It may have been opened
	 * just when another table took the name (ddl_watch.c): errors that were
	 * moved to that table find a new incident below.
	 */
	spi_exec("WITH gone AS (UPDATE selfheal.incident i SET state = 'dismissed', reason_kind = NULL, relid = NULL, closed_by = 'selfheal',"
			 "  closed_at = clock_timestamp(), why = 'table dropped'"
			 "  WHERE i.state NOT IN ('healed', 'dismissed') AND i.class NOT IN ('unknown_table', 'missing_table')"
			 "  AND (i.relid IS NULL OR NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = i.relid)) RETURNING i.id)"
			 " UPDATE selfheal.error e SET incident = NULL FROM gone g, pg_class c"
			 " WHERE e.incident = g.id AND c.oid = e.relid", NULL);

	/* what half of the rows show as another class may make up the share */
	spi_args(&args);
	spi_arg_int8(&args, guc_list_rows);
	n = spi_exec("WITH fresh AS MATERIALIZED ("
				 "  SELECT e.id, e.relid, e.class, coalesce(e.column_name, '') AS col, e.column_name, e.rows, e.at,"
				 "   CASE WHEN e.door <> 'replay' OR e.class IN (" INSERT_CLASSES ") THEN e.rows ELSE 0 END AS fresh_rows,"
				 "   e.door NOT IN ('replay', 'apply') AND e.rows > 0 AS came,"
				 "   e.door = 'replay' AND e.class IN (" INSERT_CLASSES ") AS moved"
				 "  FROM selfheal.error e JOIN pg_class c ON c.oid = e.relid"
				 "  WHERE e.incident IS NULL AND e.noted IS NOT TRUE AND e.class IS NOT NULL),"
				 " groups AS MATERIALIZED ("
				 "  SELECT relid, class, col, min(column_name) AS column_name, sum(rows)::bigint AS rows, sum(fresh_rows)::bigint AS fresh_rows, bool_or(came) AS came, bool_or(moved) AS moved,"
				 "   min(at) AS first_seen, max(at) AS last_seen, min(id) AS oldest, max(id) AS newest"
				 "  FROM fresh GROUP BY relid, class, col),"
				 " locked AS MATERIALIZED ("
				 "  SELECT i.id, i.relid, i.class, coalesce(i.column_name, '') AS col,"
				 "   i.state = 'awaiting_approval' OR i.state = 'needs_human'"
				 "    AND (i.class IN ('enum_label', 'unique') OR i.class IN ('wrong_type', 'bad_value', 'bad_encoding') AND (" GREW ")"
				 "     OR i.class = 'check' AND " LOOKS("i.rows + g.fresh_rows", "$1") " > " LOOKS("i.rows", "$1")
				 "     OR " BLAMELESS " AND (" GREW "))"
				 "    AND i.reason_kind IS DISTINCT FROM 'deadly'"
				 "    AND NOT EXISTS (SELECT FROM selfheal.plan p WHERE p.incidents @> ARRAY[i.id]"
				 "     AND p.relid = i.relid AND p.state = 'rejected') AS again,"
				 "   i.state = 'needs_human' AND " BLAMELESS
				 "    AND NOT EXISTS (SELECT FROM selfheal.plan p WHERE p.incidents @> ARRAY[i.id]"
				 "     AND p.relid = i.relid AND p.state = 'rejected') AS blameless, g.came,"
				 "   i.state = 'awaiting_parent' OR i.class = 'foreign_key' AND i.state = 'needs_human' AND i.reason_kind = 'waited_too_long' AS waits"
				 "  FROM selfheal.incident i JOIN groups g ON g.relid = i.relid AND g.class = i.class"
				 "   AND g.col = coalesce(i.column_name, '')"
				 "  WHERE i.state NOT IN ('healed', 'dismissed') FOR UPDATE OF i SKIP LOCKED),"
				 " joined AS ("
				 "  UPDATE selfheal.incident i SET rows = i.rows + g.fresh_rows, last_seen = greatest(i.last_seen, g.last_seen),"
				 "   first_seen = least(i.first_seen, g.first_seen),"
				 "   state = CASE WHEN l.again THEN 'open' WHEN l.waits THEN 'awaiting_parent' WHEN l.blameless THEN 'failed' ELSE i.state END,"
				 "   reason_kind = CASE WHEN NOT (l.again OR l.waits OR l.blameless) THEN i.reason_kind END,"
				 "   attempts = CASE WHEN l.blameless AND l.came THEN 0 ELSE i.attempts END,"
				 "   next_try = CASE WHEN l.waits THEN clock_timestamp() WHEN l.again OR NOT l.blameless THEN i.next_try"
				 "    ELSE clock_timestamp() + interval '1 minute' * least(greatest(i.rows / 10000.0, 1), 60) END,"
				 "   " AWAITING_CAME_IF("l.waits")
				 "  FROM locked l JOIN groups g USING (relid, class, col) WHERE i.id = l.id"
				 "  RETURNING " COLUMNS ", false AS opened, g.rows AS new_rows, g.oldest, g.newest, g.col),"
				 " opened AS ("
				 "  INSERT INTO selfheal.incident AS i (relid, schema_name, table_name, class, column_name, rows, first_seen, last_seen)"
				 "  SELECT g.relid, n.nspname, c.relname, g.class, g.column_name, g.rows, g.first_seen, g.last_seen"
				 "  FROM groups g JOIN pg_class c ON c.oid = g.relid JOIN pg_namespace n ON n.oid = c.relnamespace"
				 "  WHERE NOT EXISTS (SELECT FROM selfheal.incident l WHERE l.relid = g.relid AND l.class = g.class"
				 "   AND coalesce(l.column_name, '') = g.col AND l.state NOT IN ('healed', 'dismissed'))"
				 "  ORDER BY g.oldest"
				 "  RETURNING " COLUMNS ", coalesce(i.column_name, '') AS col),"
				 " touched AS ("
				 "  SELECT * FROM joined UNION ALL"
				 "  SELECT o.id, o.relid, o.class, o.column_name, o.state, o.attempts, o.first_seen, o.rows, o.passing_since, true,"
				 "   g.rows, g.oldest, g.newest, g.col"
				 "  FROM opened o JOIN groups g ON g.relid = o.relid AND g.class = o.class AND g.col = o.col),"
				 " pointed AS ("
				 "  UPDATE selfheal.error e SET incident = t.id FROM fresh f JOIN touched t"
				 "   ON t.relid = f.relid AND t.class = f.class AND t.col = f.col WHERE e.id = f.id)"
				 " SELECT t.id, t.relid::oid, t.class, t.column_name, t.state, t.attempts, t.first_seen, t.rows, t.passing_since,"
				 "  t.opened, t.new_rows, e.sqlstate, jsonb_strip_nulls(jsonb_build_object('sqlstate', e.sqlstate,"
				 "  'message', e.message, 'detail', e.detail, 'hint', e.hint, 'context', e.context - 'statement' - 'inner' - 'candidates', 'need', e.need,"
				 "  'door', e.door, 'load', e.load, 'position', e.position))"
				 " FROM touched t JOIN selfheal.error e ON e.id = t.newest ORDER BY t.oldest", &args);
	for (uint64 i = 0; i < n; i++)
	{
		Incident   *inc = incident_from_row(i, cxt);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		inc->opened = spi_get_bool(i, 10, NULL);
		inc->new_rows = spi_get_int8(i, 11, NULL);
		inc->sqlstate = spi_get_text(i, 12, cxt);
		inc->error = spi_get_jsonb(i, 13, cxt);
		result = lappend(result, inc);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

List *
incident_due_tables(TimestampTz *next)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	uint64		n;
	bool		isnull;

	spi_open(&saved);
	n = spi_exec("SELECT i.relid::oid, min(i.id) FROM selfheal.incident i JOIN selfheal.tended w USING (relid)"
				 " WHERE " DUE " AND NOT w.paused AND w.mode <> 'observe' GROUP BY 1 ORDER BY 2", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		result = lappend_oid(result, spi_get_oid(i, 1, NULL));
		MemoryContextSwitchTo(old);
	}
	spi_exec("SELECT min(i.next_try) FROM selfheal.incident i JOIN selfheal.tended w USING (relid)"
			 " WHERE i.state IN ('failed', 'waiting_lock') AND i.next_try > clock_timestamp()"
			 " AND NOT w.paused AND w.mode <> 'observe'", NULL);
	*next = spi_get_int8(0, 1, &isnull);
	if (isnull)
		*next = 0;
	spi_close(&saved);
	return result;
}

List *
incident_claim(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result;
	ListCell   *lc;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	forgiven_arg(&args);
	n = spi_exec("UPDATE selfheal.incident i SET state = 'planning',"
				 " attempts = i.attempts + CASE WHEN i.state IN ('planning', 'applying') AND i.id = ANY ($2) THEN 0 ELSE 1 END,"
				 " next_try = NULL, waiting = NULL"
				 " FROM (SELECT i.id FROM selfheal.incident i WHERE i.relid = $1 AND " DUE
				 "  ORDER BY i.id FOR UPDATE SKIP LOCKED) d"
				 " WHERE i.id = d.id RETURNING " COLUMNS, &args);
	result = incidents_from_rows(n, cxt);
	spi_close(&saved);
	foreach(lc, result)
		forgiven_drop(((Incident *) lfirst(lc))->id);
	return result;
}

/* See the header. Those that somebody holds are left to the next round. */
int64 *
incident_deadly(Oid relid, int *n)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	int64	   *ids;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, guc_max_attempts);
	*n = (int) spi_exec("SELECT i.id FROM selfheal.incident i WHERE i.relid = $1"
						" AND i.state IN ('planning', 'applying') AND i.attempts >= $2"
						" ORDER BY i.id FOR UPDATE SKIP LOCKED", &args);
	ids = MemoryContextAlloc(cxt, sizeof(int64) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		ids[i] = spi_get_int8(i, 1, NULL);
	spi_close(&saved);
	return ids;
}

List *
incident_live(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	n = spi_exec("SELECT " COLUMNS " FROM selfheal.incident i WHERE i.relid = $1"
				 " AND i.state NOT IN ('healed', 'dismissed') ORDER BY i.id", &args);
	result = incidents_from_rows(n, cxt);
	spi_close(&saved);
	return result;
}

/* See the header. Its errors are pointed at the live one, and so its rows. */
int64
incident_take_back(int64 id, const char *reason)
{
	SpiUser		saved;
	SpiArgs		args;
	int64		live = id;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (spi_exec("SELECT FROM selfheal.held WHERE incident = $1 LIMIT 1", &args) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("incident " INT64_FORMAT " is dismissed, and none of its rows is held", id),
				 errhint("A new failure opens a new incident.")));
	if (spi_exec("SELECT l.id FROM selfheal.incident i JOIN selfheal.incident l ON l.relid = i.relid AND l.class = i.class"
				 " AND coalesce(l.column_name, '') = coalesce(i.column_name, '') AND l.state NOT IN ('healed', 'dismissed')"
				 " WHERE i.id = $1 FOR UPDATE OF l", &args) > 0)
	{
		live = spi_get_int8(0, 1, NULL);
		spi_arg_int8(&args, live);
		spi_exec("WITH moved AS (UPDATE selfheal.error SET incident = $2 WHERE incident = $1 RETURNING rows)"
				 " UPDATE selfheal.incident SET rows = rows + (SELECT coalesce(sum(rows), 0) FROM moved) WHERE id = $2", &args);
	}
	spi_close(&saved);
	if (incident_get(live)->state != INCIDENT_PLANNING && incident_get(live)->state != INCIDENT_APPLYING)
	{
		IncidentNote note = {.reason = reason};

		incident_move(live, INCIDENT_OPEN, &note);
	}
	return live;
}

/* See the header. */
Incident *
incident_find(int64 id)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	Incident   *inc = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (spi_exec_kept(&plan, "SELECT " COLUMNS " FROM selfheal.incident i WHERE i.id = $1", &args) > 0)
		inc = incident_from_row(0, cxt);
	spi_close(&saved);
	return inc;
}

Incident *
incident_get(int64 id)
{
	Incident   *inc = incident_find(id);

	if (inc == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("incident " INT64_FORMAT " does not exist", id),
				 errhint("Ids stand in the view selfheal.incidents.")));
	return inc;
}

/* See the header. */
Incident *
incident_lock(int64 id)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	(void) spi_exec("SELECT FROM selfheal.incident WHERE id = $1 FOR UPDATE", &args);
	spi_close(&saved);
	return incident_get(id);
}

/* See the header. The errors of an insert have a context. */
bool
incident_of_check(int64 id)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	found = spi_exec("SELECT FROM selfheal.error WHERE incident = $1 AND context IS NULL LIMIT 1", &args) > 0;
	spi_close(&saved);
	return found;
}

/* See the header. */
bool
incident_is_free(int64 id)
{
	static SPIPlanPtr plan = NULL;
	SpiUser		saved;
	SpiArgs		args;
	bool		is_free;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	is_free = spi_exec_kept(&plan, "SELECT FROM selfheal.incident WHERE id = $1 FOR UPDATE SKIP LOCKED", &args) > 0;
	spi_close(&saved);
	return is_free;
}

void
incident_move(int64 id, IncidentState to, const IncidentNote *note)
{
	static const IncidentNote nothing = {0};
	bool		final = to == INCIDENT_HEALED || to == INCIDENT_DISMISSED;
	SpiUser		saved;
	SpiArgs		args;
	IncidentState from;

	if (note == NULL)
		note = &nothing;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (spi_exec("SELECT state FROM selfheal.incident WHERE id = $1 FOR UPDATE", &args) == 0)
		elog(ERROR, "incident " INT64_FORMAT " vanished", id);
	from = state_from_name(spi_get_text(0, 1, CurrentMemoryContext));
	if (!(may_follow[to] & FROM(from)) &&
		(from == INCIDENT_OPEN || from == INCIDENT_DISMISSED) &&
		to != INCIDENT_OPEN && to != INCIDENT_DISMISSED)
	{
		/* a person was quicker: it is looked at again, or given up */
		spi_close(&saved);
		return;
	}
	if (!(may_follow[to] & FROM(from)))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("incident " INT64_FORMAT " cannot go from %s to %s",
						id, state_names[from], state_names[to]),
				 errhint("The healer may have been at it a moment ago: look at selfheal.incidents again.")));

	spi_arg_text(&args, state_names[to]);
	spi_arg_text(&args, note->reason);
	spi_arg_jsonb(&args, note->waiting);
	if (note->next_try)
		spi_arg_timestamptz(&args, note->next_try);
	else
		spi_arg_null(&args, TIMESTAMPTZOID);
	if (note->plan)
		spi_arg_int8(&args, note->plan);
	else
		spi_arg_null(&args, INT8OID);
	spi_arg_bool(&args, note->uncharge || note->passing);
	spi_arg_bool(&args, final);
	spi_arg_text(&args, note->by);
	spi_arg_text(&args, note->why);
	spi_arg_text(&args, to == INCIDENT_NEEDS_HUMAN ? human_names[note->human] : NULL);
	spi_arg_bool(&args, note->passing);
	spi_exec("UPDATE selfheal.incident SET state = $2, reason = $3, waiting = $4, next_try = $5,"
			 " plan = coalesce($6, plan), attempts = attempts - CASE WHEN $7 AND attempts > 0 THEN 1 ELSE 0 END,"
			 " closed_at = CASE WHEN $8 THEN clock_timestamp() END,"
			 " seconds = CASE WHEN $8 THEN extract(epoch FROM clock_timestamp() - first_seen) END,"
			 " closed_by = $9, why = $10, reason_kind = $11,"
			 " passing_since = CASE WHEN $12 THEN coalesce(passing_since, clock_timestamp())"
			 "  WHEN $2 IN ('planning', 'applying') THEN passing_since END WHERE id = $1", &args);
	if (to == INCIDENT_OPEN)
	{
		/* what was tried in vain is tried again */
		spi_args(&args);
		spi_arg_int8(&args, id);
		spi_exec("UPDATE selfheal.error SET tried = NULL WHERE incident = $1 AND tried", &args);
	}
	spi_close(&saved);
}

Jsonb *
incident_packet(const Incident *incident, const Finding *finding)
{
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *shape = finding ? infer_shape(&finding->evidence) : NULL;
	Jsonb	   *packet;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incident->id);
	spi_arg_text(&args, finding ? finding->message : NULL);
	if (finding)
		spi_arg_int8(&args, finding->rows);
	else
		spi_arg_null(&args, INT8OID);
	spi_arg_jsonb(&args, shape);
	spi_exec(
			 "UPDATE selfheal.incident i SET packet = jsonb_build_object("
			 "'version', 1, 'incident', i.id, 'class', i.class, 'column', i.column_name, 'rows', i.rows,"
			 "'first_seen', i.first_seen, 'last_seen', i.last_seen,"
			 "'loads', (SELECT count(DISTINCT e.load) FROM selfheal.error e WHERE e.incident = i.id),"
			 "'owner', (SELECT w.owner FROM selfheal.watched w WHERE w.relid = i.relid),"
			 "'error', (SELECT jsonb_strip_nulls(jsonb_build_object('sqlstate', e.sqlstate, 'message', e.message,"
			 "  'detail', e.detail, 'hint', e.hint, 'context', e.context))"
			 "  FROM selfheal.error e WHERE e.incident = i.id ORDER BY e.id DESC LIMIT 1),"
			 "'table', (SELECT jsonb_build_object('schema', n.nspname, 'name', c.relname,"
			 "  'estimated_rows', c.reltuples::bigint, 'bytes', pg_relation_size(c.oid),"
			 "  'columns', (SELECT jsonb_agg(jsonb_build_object('name', a.attname,"
			 "     'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,"
			 "     'default', pg_get_expr(d.adbin, d.adrelid), 'comment', m.description) ORDER BY a.attnum)"
			 "     FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
			 "     LEFT JOIN pg_description m ON m.objoid = a.attrelid AND m.classoid = 'pg_class'::regclass AND m.objsubid = a.attnum"
			 "     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
			 "     AND (a.attnum <= " PACKET_COLUMNS " OR a.attname = i.column_name)),"
			 "  'columns_in_all', (SELECT count(*) FROM pg_attribute a"
			 "     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),"
			 "  'constraints', (SELECT coalesce(jsonb_agg(jsonb_build_object('name', k.conname,"
			 "     'definition', pg_get_constraintdef(k.oid)) ORDER BY k.conname), '[]') FROM pg_constraint k WHERE k.conrelid = c.oid),"
			 "  'indexes', (SELECT coalesce(jsonb_agg(pg_get_indexdef(x.indexrelid) ORDER BY x.indexrelid), '[]')"
			 "     FROM pg_index x WHERE x.indrelid = c.oid))"
			 "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = i.relid),"
			 "'fit', jsonb_build_object('message', $2, 'rows', $3, 'column_type',"
			 "  (SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
			 "   WHERE a.attrelid = i.relid AND a.attname = i.column_name AND a.attnum > 0 AND NOT a.attisdropped)),"
			 "'values', $4,"
			 "'earlier_heals', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', p.applied_at, 'sql', left(p.sql, " PACKET_SQL "), 'plan', p.id) ORDER BY p.id), '[]')"
			 "  FROM (SELECT * FROM selfheal.plan p WHERE p.relid = i.relid AND p.state = 'applied' ORDER BY p.id DESC LIMIT 20) p),"
			 "'ddl_24h', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', d.at, 'role', d.role, 'statement', d.statement) ORDER BY d.id), '[]')"
			 "  FROM (SELECT * FROM selfheal.ddl d WHERE d.relid = i.relid AND d.at > clock_timestamp() - interval '24 hours' ORDER BY d.id DESC LIMIT 50) d)"
			 ") WHERE i.id = $1 RETURNING i.packet", &args);
	packet = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return packet;
}

Jsonb *
incident_stored_packet(int64 id)
{
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *packet = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (spi_exec("SELECT packet FROM selfheal.incident WHERE id = $1", &args) > 0)
		packet = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return packet;
}
