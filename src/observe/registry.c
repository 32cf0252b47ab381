/*
 * registry.c
 *	  The schema registry: every shape that a watched table has had.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/locks.h"
#include "base/spi.h"
#include "observe/registry.h"
#include "observe/snapshot.h"
#include "observe/watch.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_schema_diff);

/* The newest that is kept of a table. */
typedef struct Newest
{
	int			version;		/* 0: none */
	char	   *hash;
	bool		whole;			/* the table is watched, and not being
								 * restored */
} Newest;

/* Inside spi_open. */
static Newest
newest(Oid relid)
{
	static SPIPlanPtr plan = NULL;
	Newest		result = {0};
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_read_newest(&plan, "SELECT coalesce(s.version, 0), s.hash,"
						"  EXISTS (SELECT FROM selfheal.settled z WHERE z.relid = w.relid)"
						" FROM selfheal.watched w LEFT JOIN LATERAL (SELECT v.version, v.hash FROM selfheal.schema_snapshot v"
						"  WHERE v.relid = w.relid ORDER BY v.version DESC LIMIT 1) s ON true WHERE w.relid = $1", &args) == 0)
		return result;
	result.version = (int) spi_get_int8(0, 1, NULL);
	result.hash = spi_get_text(0, 2, CurrentMemoryContext);
	result.whole = spi_get_bool(0, 3, NULL);
	return result;
}

/* Inside spi_open. */
static void
insert(Oid relid, const char *schema, const char *table, int version, const RegistryCause *cause,
	   const Jsonb *shape, const List *changes, bool breaks)
{
	static SPIPlanPtr plan = NULL;
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, schema);
	spi_arg_text(&args, table);
	spi_arg_int8(&args, version);
	spi_arg_text(&args, cause->role);
	if (cause->role != NULL)
		spi_arg_bool(&args, cause->healer);
	else
		spi_arg_null(&args, BOOLOID);
	if (cause->plan != 0)
		spi_arg_int8(&args, cause->plan);
	else
		spi_arg_null(&args, INT8OID);
	if (cause->command != 0)
		spi_arg_int8(&args, cause->command);
	else
		spi_arg_null(&args, INT8OID);
	spi_arg_text(&args, shape ? snapshot_hash(shape) : NULL);
	spi_arg_jsonb(&args, shape);
	spi_arg_jsonb(&args, snapshot_changes(changes));
	spi_arg_bool(&args, breaks);
	spi_exec_kept(&plan, "INSERT INTO selfheal.schema_snapshot (relid, schema_name, table_name, version, role, healer, plan, command, hash,"
				  "  snapshot, changes, breaks) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT DO NOTHING", &args);
}

static bool
any_breaks(const List *changes)
{
	const ListCell *lc;

	foreach(lc, changes)
	{
		if (((const SnapshotChange *) lfirst(lc))->breaks)
			return true;
	}
	return false;
}

/* Of registry_keep. */
typedef struct Keeping
{
	Oid			relid;
	const RegistryCause *cause;
	MemoryContext cxt;
	RegistryEntry *entry;
} Keeping;

/*
 * Body of a subtransaction. Who keeps the next shape of a table goes alone to
 * the end of his transaction; and to read an expression takes a lock on its
 * table, or partition. The worker is done in no time; another transaction that
 * changes a type of the table, or a partition, may be open all day.
 */
static void
keep(void *arg)
{
	Keeping    *k = arg;
	LOCKTAG		tag = locks_tag(LOCKS_SHAPE, k->relid, 0);
	Jsonb	   *shape;
	Newest		last;
	SpiUser		saved;

	spi_open(&saved);
	spi_set_local("lock_timeout", "500ms");
	(void) LockAcquire(&tag, ExclusiveLock, false, false);
	last = newest(k->relid);
	shape = last.whole ? snapshot_of(k->relid) : NULL;
	if (shape != NULL && (last.hash == NULL || strcmp(last.hash, snapshot_hash(shape)) != 0))
	{
		const Jsonb *before = registry_snapshot(k->relid, last.version);
		MemoryContext spi = MemoryContextSwitchTo(k->cxt);

		k->entry = palloc0(sizeof(RegistryEntry));
		k->entry->version = last.version + 1;
		k->entry->changes = before ? snapshot_diff(before, shape, k->cause->renamed) : NIL;
		k->entry->breaks = any_breaks(k->entry->changes);
		MemoryContextSwitchTo(spi);
		insert(k->relid, get_namespace_name(get_rel_namespace(k->relid)), get_rel_name(k->relid),
			   k->entry->version, k->cause, shape, k->entry->changes, k->entry->breaks);
	}
	spi_close(&saved);
}

/* See the header. */
RegistryEntry *
registry_keep(Oid relid, const RegistryCause *cause)
{
	Keeping		k = {relid, cause, CurrentMemoryContext, NULL};
	ErrorData  *edata = spi_try_locked(keep, &k);

	if (edata == NULL)
		return k.entry;
	if (edata->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE && edata->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED)
		ereport(WARNING,
				(errcode(edata->sqlerrcode),
				 errmsg("selfheal could not keep the shape of a table"),
				 errdetail("%s", edata->message),
				 errhint("The command itself is not affected. The worker looks at the table again when it is started.")));
	return NULL;
}

/* See the header. */
void
registry_gone(Oid relid, const char *schema, const char *table, const RegistryCause *cause)
{
	SpiUser		saved;
	SpiArgs		args;
	List	   *changes;
	int			version = registry_newest(relid);
	Jsonb	   *before = version > 0 ? registry_snapshot(relid, version) : NULL;

	if (before == NULL)
		return;
	changes = snapshot_diff(before, NULL, NULL);
	spi_open(&saved);
	spi_args(&args);
	insert(relid, schema, table, version + 1, cause, NULL, changes, true);
	spi_close(&saved);
}

/*
 * See the header. What the other had of its own, from a time when it was
 * watched under another name, is history of a name that is no table's now. And
 * that the one was renamed in this transaction, to make room, is no change of
 * the name's: nobody else can have seen it.
 */
void
registry_repoint(Oid from, Oid to)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, to);
	if (OidIsValid(to))
		spi_exec("UPDATE selfheal.schema_snapshot SET relid = NULL WHERE relid = $1", &args);
	spi_args(&args);
	spi_arg_relid(&args, from);
	if (OidIsValid(to))
		spi_exec("DELETE FROM selfheal.schema_snapshot WHERE relid = $1 AND at >= pg_catalog.now()"
				 " AND changes -> 0 ->> 'kind' = 'table_renamed' AND jsonb_array_length(changes) = 1", &args);
	spi_args(&args);
	spi_arg_relid(&args, from);
	spi_arg_relid(&args, to);
	spi_exec("UPDATE selfheal.schema_snapshot SET relid = $2 WHERE relid = $1", &args);
}

/* See the header. */
Jsonb *
registry_snapshot(Oid relid, int version)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *result = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, version);
	if (spi_read_newest(&plan, "SELECT snapshot FROM selfheal.schema_snapshot WHERE relid = $1 AND version = $2", &args) > 0)
		result = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return result;
}

/* See the header. */
int
registry_newest(Oid relid)
{
	SpiUser		saved;
	SpiArgs		args;
	int			version;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("SELECT coalesce(max(version), 0)::int8 FROM selfheal.schema_snapshot WHERE relid = $1", &args);
	version = (int) spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return version;
}

/* See the header. */
int
registry_seen_before(Oid relid, int version)
{
	int			result = version - 1;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, version);
	n = spi_exec("SELECT version::int8, xmin::text::int8 FROM selfheal.schema_snapshot WHERE relid = $1 AND version < $2"
				 " ORDER BY version DESC LIMIT 200", &args);
	for (uint64 i = 0; i < n; i++)
	{
		result = (int) spi_get_int8(i, 1, NULL);
		if (!TransactionIdIsCurrentTransactionId((TransactionId) spi_get_int8(i, 2, NULL)))
			break;
	}
	spi_close(&saved);
	return result;
}

/* A pair of names of one column. */
typedef struct Rename
{
	char	   *first;
	char	   *last;
} Rename;

/* {"first": "last"}, or the other way round. */
static Jsonb *
renames_json(const List *renames, bool back)
{
	StringInfoData out;
	const ListCell *lc;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	foreach(lc, renames)
	{
		const Rename *r = lfirst(lc);

		if (out.len > 1)
			appendStringInfoChar(&out, ',');
		escape_json(&out, back ? r->last : r->first);
		appendStringInfoChar(&out, ':');
		escape_json(&out, back ? r->first : r->last);
	}
	appendStringInfoChar(&out, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

/* The renames between two versions, one after the other: a column that was
 * renamed twice has its first and its last name. One that came meanwhile has
 * no first name. */
static List *
renames(Oid relid, int from, int to)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, from);
	spi_arg_int8(&args, to);
	n = spi_exec("SELECT c ->> 'kind', c ->> 'name', c ->> 'now' FROM selfheal.schema_snapshot s, jsonb_array_elements(s.changes) WITH ORDINALITY x(c, n)"
				 " WHERE s.relid = $1 AND s.version > $2 AND s.version <= $3"
				 " AND c ->> 'kind' IN ('column_renamed', 'column_added', 'column_dropped') ORDER BY s.version, n", &args);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(cxt);
		char	   *kind = spi_get_text(i, 1, cxt);
		char	   *name = spi_get_text(i, 2, cxt);
		Rename	   *known = NULL;
		ListCell   *lc;

		foreach(lc, result)
		{
			Rename	   *r = lfirst(lc);

			if (r->last != NULL && strcmp(r->last, name) == 0)
				known = r;
		}
		if (strcmp(kind, "column_renamed") == 0 && known != NULL)
			known->last = spi_get_text(i, 3, cxt);
		else if (strcmp(kind, "column_dropped") == 0)
		{
			if (known != NULL)
				known->last = NULL;
		}
		else
		{
			known = palloc0(sizeof(Rename));
			known->first = strcmp(kind, "column_added") == 0 ? NULL : name;
			known->last = known->first ? spi_get_text(i, 3, cxt) : name;
			result = lappend(result, known);
		}
		MemoryContextSwitchTo(spi);
	}
	spi_close(&saved);
	for (int i = list_length(result) - 1; i >= 0; i--)
	{
		const Rename *r = list_nth(result, i);

		if (r->first == NULL || r->last == NULL || strcmp(r->first, r->last) == 0)
			result = list_delete_nth_cell(result, i);
	}
	return result;
}

/* See the header. */
Jsonb *
registry_renamed(Oid relid, int from, int to)
{
	List	   *list = renames(relid, from, to);

	return list != NIL ? renames_json(list, false) : NULL;
}

/* A version that was asked for, or an error that says which there are. */
static int
given_version(FunctionCallInfo fcinfo, int arg, int newest_version, int missing)
{
	int			version = PG_ARGISNULL(arg) ? missing : PG_GETARG_INT32(arg);

	if (!PG_ARGISNULL(arg) && (version < 1 || version > newest_version))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("there is no version %d of the table", version),
				 errhint("The versions are 1 to %d; see selfheal.schema_version.", newest_version)));
	return version;
}

static Jsonb *
kept_version(Oid relid, int version)
{
	Jsonb	   *result = registry_snapshot(relid, version);

	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version %d of the table is not kept any more", version),
				 errhint("Those that are stand in selfheal.schema_version; what is old goes by selfheal.schema_retention.")));
	return result;
}

Datum
selfheal_schema_diff(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	int			count;
	int			from;
	int			to;
	Jsonb	   *was;
	Jsonb	   *now;
	List	   *list;
	ListCell   *lc;

	watch_check_table(relid, WATCH_NEED_READ);
	InitMaterializedSRF(fcinfo, 0);
	count = registry_newest(relid);
	if (count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("no version of table \"%s\" is known", get_rel_name(relid)),
				 errhint("Versions are kept from SELECT selfheal.watch('%s') on.", get_rel_name(relid))));
	to = given_version(fcinfo, 2, count, count);
	from = given_version(fcinfo, 1, count, to - 1);
	if (from < 1 || from == to)
		PG_RETURN_NULL();
	was = kept_version(relid, from);
	now = kept_version(relid, to);
	list = renames(relid, Min(from, to), Max(from, to));
	list = snapshot_diff(was, now, list != NIL ? renames_json(list, from > to) : NULL);
	foreach(lc, list)
	{
		const SnapshotChange *change = lfirst(lc);
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum(change->kind);
		values[1] = CStringGetTextDatum(change->name);
		nulls[2] = change->was == NULL;
		values[2] = nulls[2] ? (Datum) 0 : CStringGetTextDatum(change->was);
		nulls[3] = change->now == NULL;
		values[3] = nulls[3] ? (Datum) 0 : CStringGetTextDatum(change->now);
		values[4] = BoolGetDatum(change->breaks);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	PG_RETURN_NULL();
}
