/*
 * drift.c
 *	  What a person has changed of a table against what is expected of it.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/expected.h"
#include "observe/remote.h"
#include "observe/watch.h"
#include "orient/drift.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_drift);

/* What is asked of one table at a time. */
typedef struct Case
{
	Oid			relid;
	Jsonb	   *actual;			/* its shape now; NULL: it is gone */
	bool		has_baseline;
	List	   *differences;	/* from that: SnapshotChange * */
	TimestampTz said_at;		/* when the baseline was said */
} Case;

static void
open_case(Case *c, Oid relid)
{
	memset(c, 0, sizeof(Case));
	c->relid = relid;
	c->actual = snapshot_of(relid);
	if (c->actual)
		c->has_baseline = expected_differences(relid, c->actual, &c->differences, &c->said_at);
}

/* The breaking difference of a column or type, or NULL. */
static const SnapshotChange *
breaking(const List *differences, const char *name)
{
	ListCell   *lc;

	foreach(lc, differences)
	{
		const SnapshotChange *change = lfirst(lc);

		if (expected_breaks(change) && strcmp(change->name, name) == 0)
			return change;
	}
	return NULL;
}

/* An incident with the error that opened it. */
typedef struct Drifted
{
	int64		id;
	Oid			relid;
	char	   *name;
	bool		is_new;			/* nobody has settled it yet */
	char	   *message;
	char	   *role;
	char	   *statement;
	TimestampTz at;
	Jsonb	   *expected;
	char	   *renamed;		/* to this; NULL: it was not */
} Drifted;

/*
 * Does the change stand? Against the baseline, where there is one; and against
 * what producers sent, unless a baseline was said since. Returns what differs,
 * or NULL.
 */
static const SnapshotChange *
stands(const Case *c, const Drifted *d)
{
	const SnapshotChange *change = breaking(c->differences, d->name);

	if (change != NULL || c->actual == NULL || (c->has_baseline && c->said_at > d->at))
		return change;
	change = breaking(expected_part_differences(c->actual, d->expected), d->name);
	return change == NULL || expected_elsewhere(c->relid, d->name) ? NULL : change;
}

/* The first error of an incident tells what was expected; i: incidents. */
#define DRIFTED \
	"SELECT i.id, i.relid::oid, i.column_name, i.state = 'open', e.message, e.role, e.context ->> 'statement'," \
	" e.at, e.context -> 'expected', CASE WHEN e.context ->> 'kind' = 'column_renamed' THEN e.context ->> 'now' END" \
	" FROM selfheal.incident i CROSS JOIN LATERAL (SELECT * FROM selfheal.error e WHERE e.incident = i.id ORDER BY e.at, e.id LIMIT 1) e" \
	" WHERE i.class = '" EXPECTED_CLASS "' AND i.state NOT IN ('healed', 'dismissed')" \
	" AND i.column_name IS NOT NULL AND e.context ? 'expected'"

/* Row i of DRIFTED, in cxt. */
static Drifted *
drifted_from_row(uint64 i, MemoryContext cxt)
{
	Drifted    *d = MemoryContextAllocZero(cxt, sizeof(Drifted));

	d->id = spi_get_int8(i, 1, NULL);
	d->relid = spi_get_oid(i, 2, NULL);
	d->name = spi_get_text(i, 3, cxt);
	d->is_new = spi_get_bool(i, 4, NULL);
	d->message = spi_get_text(i, 5, cxt);
	d->role = spi_get_text(i, 6, cxt);
	d->statement = spi_get_text(i, 7, cxt);
	d->at = spi_get_int8(i, 8, NULL);
	d->expected = spi_get_jsonb(i, 9, cxt);
	d->renamed = spi_get_text(i, 10, cxt);
	return d;
}

static void
settle(const Case *c, const Drifted *d)
{
	IncidentNote note = {.human = HUMAN_NO_PLAYBOOK};
	AuditEntry	entry;

	if (c->actual == NULL)
		return;
	if (stands(c, d) != NULL)
	{
		if (!d->is_new)
			return;
		note.reason = psprintf("%s, by %s: %s", d->message, d->role ? d->role : "somebody",
							   d->statement ? d->statement : "the statement is not known");
		incident_move(d->id, INCIDENT_PLANNING, &note);
		incident_move(d->id, INCIDENT_NEEDS_HUMAN, &note);
		return;
	}
	note.reason = "the table is as it is expected to be again";
	incident_move(d->id, INCIDENT_HEALED, &note);
	audit_entry(&entry, "diagnosed");
	entry.relid = d->relid;
	entry.incident = d->id;
	entry.result = note.reason;
	audit_write(&entry);
}

/* See the header. What a person's open transaction holds is left. */
void
drift_settle(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *all = NIL;
	Case		c = {.relid = InvalidOid};
	SpiUser		saved;
	ListCell   *lc;
	uint64		n;

	spi_open(&saved);
	n = spi_exec(DRIFTED " AND NOT EXISTS (SELECT FROM selfheal.resting r WHERE r.relid = i.relid)"
				 " ORDER BY i.relid::oid, i.id FOR UPDATE OF i SKIP LOCKED", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		Drifted    *d = drifted_from_row(i, cxt);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		all = lappend(all, d);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	foreach(lc, all)
	{
		Drifted    *d = lfirst(lc);

		if (d->relid != c.relid)
			open_case(&c, d->relid);
		settle(&c, d);
	}
}

/* See the header. */
List *
drift_columns(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	static SPIPlanPtr plan = NULL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	/* policy asks for each step that is planned */
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	n = spi_exec_kept(&plan, "SELECT i.column_name FROM selfheal.incident i WHERE i.relid = $1 AND i.class = '" EXPECTED_CLASS "'"
					  " AND i.state NOT IN ('healed', 'dismissed') AND i.column_name IS NOT NULL", &args);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *name = spi_get_text(i, 1, cxt);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		result = lappend(result, name);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

/* ---- drift() ---- */

/* One row; at 0 and strings NULL: not known. */
typedef struct Row
{
	const char *source;
	const char *kind;
	const char *name;
	const char *expected;
	const char *actual;
	int			breaks;			/* -1: not known */
	TimestampTz since;
	const char *statement;
	const char *role;
} Row;

static void
put(ReturnSetInfo *rsinfo, const Row *row)
{
	bool		nullable = strcmp(row->kind, "not_null_added") == 0;
	bool		no_null = strcmp(row->kind, "not_null_removed") == 0;
	const char *texts[] = {row->source, row->kind, row->name,
		nullable ? "nullable" : no_null ? "NOT NULL" : row->expected,
	nullable ? "NOT NULL" : no_null ? "nullable" : row->actual};
	Datum		values[9] = {0};
	bool		nulls[9] = {false};

	for (int i = 0; i < (int) lengthof(texts); i++)
	{
		nulls[i] = texts[i] == NULL;
		if (texts[i])
			values[i] = CStringGetTextDatum(texts[i]);
	}
	nulls[5] = row->breaks < 0;
	values[5] = BoolGetDatum(row->breaks > 0);
	nulls[6] = row->since == 0;
	values[6] = TimestampTzGetDatum(row->since);
	nulls[7] = row->statement == NULL;
	if (row->statement)
		values[7] = CStringGetTextDatum(row->statement);
	nulls[8] = row->role == NULL;
	if (row->role)
		values[8] = CStringGetTextDatum(row->role);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/* The open incidents of a table. */
static List *
drifted_of(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	n = spi_exec(DRIFTED " AND i.relid = $1 ORDER BY i.id", &args);
	for (uint64 i = 0; i < n; i++)
	{
		Drifted    *d = drifted_from_row(i, cxt);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		result = lappend(result, d);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

/*
 * Since when, by which statement and by whom a difference from the baseline is
 * there: the last change of the table that names it.
 */
static void
find_change(Oid relid, const char *name, Row *row)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, name);
	if (spi_exec("SELECT s.at, d.statement, s.role FROM selfheal.schema_snapshot s LEFT JOIN selfheal.ddl d ON d.id = s.command"
				 " WHERE s.relid = $1 AND EXISTS (SELECT FROM jsonb_array_elements(s.changes) c"
				 "  WHERE c ->> 'name' = $2 OR c ->> 'kind' = 'column_renamed' AND c ->> 'now' = $2)"
				 " ORDER BY s.version DESC LIMIT 1", &args) > 0)
	{
		row->since = spi_get_int8(0, 1, NULL);
		row->statement = spi_get_text(0, 2, cxt);
		row->role = spi_get_text(0, 3, cxt);
	}
	spi_close(&saved);
}

/*
 * drift("table"): how it differs from what is expected. Errors: those of a
 * table argument, 42704 when it is not watched.
 */
Datum
selfheal_drift(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Watch		watch;
	Case		c;
	ListCell   *lc;

	watch_check_table(relid, WATCH_NEED_READ);
	watch_check_watched(relid, &watch);
	InitMaterializedSRF(fcinfo, 0);
	open_case(&c, relid);
	foreach(lc, c.differences)
	{
		const SnapshotChange *change = lfirst(lc);
		Row			row = {.source = "baseline",.kind = change->kind,.name = change->name,
		.expected = change->was,.actual = change->now,.breaks = change->breaks};

		find_change(relid, change->name, &row);
		put(rsinfo, &row);
	}
	foreach(lc, drifted_of(relid))
	{
		const Drifted *d = lfirst(lc);
		const SnapshotChange *change = breaking(c.differences, d->name) ? NULL : stands(&c, d);
		Row			row = {.source = "producers",.name = d->name,.breaks = 1,.since = d->at,
		.statement = d->statement,.role = d->role};

		if (change == NULL)
			continue;
		row.kind = change->kind;
		row.expected = change->was;
		row.actual = change->now;
		if (d->renamed && strcmp(change->kind, "column_dropped") == 0 &&
			get_attnum(relid, d->renamed) != InvalidAttrNumber)
		{
			row.kind = "column_renamed";
			row.actual = d->renamed;
		}
		put(rsinfo, &row);
	}
	foreach(lc, remote_differences(relid))
	{
		const RemoteDifference *there = lfirst(lc);
		Row			row = {.source = "server",.kind = there->kind,.name = there->name,
		.expected = there->here,.actual = there->there,.breaks = there->breaks};

		if (strcmp(there->kind, "unreachable") == 0)
			row.breaks = -1;
		put(rsinfo, &row);
	}
	return (Datum) 0;
}
