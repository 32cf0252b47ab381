/*
 * watch_row.c
 *	  What the owner of a table asked for: its row of selfheal.watched.
 *
 * Every load asks, so it is read as the catalogs are, without SQL.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "observe/append.h"
#include "observe/ordering.h"
#include "observe/watch.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Columns of selfheal.watched by position, from 1. */
enum
{
	WATCHED_RELID = 1,
	WATCHED_SCHEMA_NAME,
	WATCHED_TABLE_NAME,
	WATCHED_INTAKE,
	WATCHED_MODE,
	WATCHED_OWNER,
	WATCHED_PAUSED,
	WATCHED_WATCHED_AT,
	WATCHED_WATCHED_BY,
	WATCHED_ON_CONFLICT,
	WATCHED_REJECT_LIMIT,
	WATCHED_RETHINK,
	WATCHED_KEEP_PAYLOAD,
	WATCHED_ORDERING_KEY,
	WATCHED_SHARE_VALUES,
	WATCHED_RESTRAINT,
	WATCHED_REPLAY_STATEMENTS
};

/* A text column of a row of ours, or NULL; copied. */
static char *
get_text(HeapTuple tup, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tup, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* The row of selfheal.watched as a value. */
static void
read_watch(HeapTuple tup, TupleDesc desc, Watch *out)
{
	bool		isnull;
	char	   *limit = get_text(tup, desc, WATCHED_REJECT_LIMIT);
	char	   *share = get_text(tup, desc, WATCHED_SHARE_VALUES);
	char	   *restraint = get_text(tup, desc, WATCHED_RESTRAINT);
	Datum		key = heap_getattr(tup, WATCHED_ORDERING_KEY, desc, &isnull);

	if (!isnull)
		out->ordering_key = ordering_columns(key);

	out->intake = DatumGetObjectId(heap_getattr(tup, WATCHED_INTAKE, desc, &isnull));
	if (isnull)
		out->intake = InvalidOid;
	out->said_mode = options_mode(get_text(tup, desc, WATCHED_MODE));
	out->mode = out->said_mode == WATCH_AUTO && restraint && strcmp(restraint, "propose") == 0 ?
		WATCH_PROPOSE : out->said_mode;
	out->paused = DatumGetBool(heap_getattr(tup, WATCHED_PAUSED, desc, &isnull));
	out->owner = get_text(tup, desc, WATCHED_OWNER);
	out->on_conflict = options_conflict(get_text(tup, desc, WATCHED_ON_CONFLICT));
	if (limit)
		out->reject_limit = options_reject_limit(limit);
	out->keep_payload = options_keep(get_text(tup, desc, WATCHED_KEEP_PAYLOAD));
	out->replay_statements = DatumGetBool(heap_getattr(tup, WATCHED_REPLAY_STATEMENTS, desc, &isnull));
	if (share)
		out->share_values = options_share(share);
}

/*
 * The row by one of its indexes, as the catalogs are read: the lock goes with
 * the look, since every DDL looks, and its transaction may be long.
 */
typedef struct Look
{
	Relation	rel;
	Snapshot	snapshot;
	SysScanDesc scan;
} Look;

static HeapTuple
look(Look *l, const char *index, AttrNumber column, Oid value)
{
	ScanKeyData key;

	l->rel = table_open(append_relation("watched"), AccessShareLock);
	l->snapshot = RegisterSnapshot(GetLatestSnapshot());
	ScanKeyInit(&key, column, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(value));
	l->scan = systable_beginscan(l->rel, append_relation(index), true, l->snapshot, 1, &key);
	return systable_getnext(l->scan);
}

static void
looked(Look *l)
{
	systable_endscan(l->scan);
	UnregisterSnapshot(l->snapshot);
	table_close(l->rel, AccessShareLock);
}

/* See the header. */
Oid
watch_naming_intake(Oid viewid)
{
	Look		l;
	HeapTuple	tup = look(&l, "watched_intake", WATCHED_INTAKE, viewid);
	bool		isnull;
	Oid			relid = HeapTupleIsValid(tup) ?
	DatumGetObjectId(heap_getattr(tup, WATCHED_RELID, RelationGetDescr(l.rel), &isnull)) : InvalidOid;

	looked(&l);
	return relid;
}

/* See the header. */
bool
watch_get(Oid relid, Watch *out)
{
	Look		l;
	HeapTuple	tup;
	bool		found;

	memset(out, 0, sizeof(Watch));
	out->relid = relid;
	out->mode = out->said_mode = WATCH_AUTO;
	out->on_conflict = ROW_CONFLICT_HOLD;
	out->share_values = SHARE_BY_SETTING;

	tup = look(&l, "watched_pkey", WATCHED_RELID, relid);
	found = HeapTupleIsValid(tup);
	if (found)
		read_watch(tup, RelationGetDescr(l.rel), out);
	looked(&l);
	return found;
}

/* See the header. */
RowConflict
watch_replay_conflict(Oid relid)
{
	Watch		watch;

	(void) watch_get(relid, &watch);
	return watch.on_conflict == ROW_CONFLICT_HOLD ? ROW_CONFLICT_SKIP :
		watch.on_conflict;
}
