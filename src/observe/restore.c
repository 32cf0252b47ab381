/*
 * restore.c
 *	  A database that is being restored, and the tables in it that rest.
 *
 * The locks are advisory ones. Who restores has his for the session: it
 * outlives transactions, errors among them, and ends with the session, however
 * that ends. The worker and the agent have theirs for each transaction
 * (spi_xact_begin).
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/healing.h"
#include "base/locks.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "observe/registry.h"
#include "observe/restore.h"
#include "observe/snapshot.h"
#include "observe/touched.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* When a table that only waits for a session to end is looked at again. */
#define AGAIN_MS 1000

/* The last look found such a one. */
static TimestampTz look_again = 0;

PG_FUNCTION_INFO_V1(selfheal_watched_loaded);
PG_FUNCTION_INFO_V1(selfheal_restored);

/* This session restores the table (InvalidOid: the database), from now on. The
 * worker looks when it has ended. */
static void
mark(Oid relid)
{
	LOCKTAG		tag = locks_tag(LOCKS_RESTORE, relid, 0);

	if (LockAcquire(&tag, LOCKS_RESTORES, true, false) == LOCKACQUIRE_ALREADY_HELD)
		(void) LockRelease(&tag, LOCKS_RESTORES, true); /* once is enough */
	shmem_wake_at_commit();
}

/* This session has restored it. */
static void
unmark(Oid relid)
{
	LOCKTAG		tag = locks_tag(LOCKS_RESTORE, relid, 0);

	if (compat_lock_held(&tag, LOCKS_RESTORES))
		(void) LockRelease(&tag, LOCKS_RESTORES, true);
}

/* Is nobody else restoring it? */
static bool
nobody_restores(Oid relid)
{
	LOCKTAG		tag = locks_tag(LOCKS_RESTORE, relid, 0);

	if (LockAcquire(&tag, LOCKS_HEALS, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	(void) LockRelease(&tag, LOCKS_HEALS, true);
	return true;
}

/* See the header. */
bool
restore_under_way(void)
{
	return !nobody_restores(InvalidOid);
}

/* Is the table half restored? Inside spi_open. */
static bool
rests(Oid relid)
{
	static SPIPlanPtr plan = NULL;
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	return spi_exec_kept(&plan, "SELECT FROM selfheal.resting WHERE relid = $1", &args) > 0;
}

/* Does it bring the column? A dump names all of them. */
static bool
brings(const CopyStmt *stmt, const char *column)
{
	ListCell   *lc;

	foreach(lc, stmt->attlist)
	{
		if (strcmp(strVal(lfirst(lc)), column) == 0)
			return true;
	}
	return false;
}

/*
 * See the header. A failure is reported by selfheal.error, which anybody may
 * have been granted, and who reports has no number for it; nothing else of
 * ours is loaded but by a restore.
 */
void
restore_see_copy(const CopyStmt *stmt)
{
	Oid			relid;

	if (!stmt->is_from || stmt->relation == NULL || shmem_state == NULL)
		return;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (OidIsValid(relid) && get_rel_namespace(relid) == get_namespace_oid("selfheal", true) &&
		(strcmp(get_rel_name(relid), "error") != 0 || brings(stmt, "id")))
		mark(InvalidOid);
}

/* BEFORE INSERT on selfheal.watched, per statement: watch() inserts as we
 * always do, a restore does not. */
Datum
selfheal_watched_loaded(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("selfheal.watched_loaded can only be called as a trigger")));
	if (shmem_state != NULL && !IsBinaryUpgrade && !InLocalUserIdChange())
		mark(InvalidOid);
	return PointerGetDatum(NULL);
}

/*
 * See the header. A dump of rows alone may switch the triggers of a table off
 * while it loads it, selfheal.watched among them. Every DDL of this database
 * comes here: no table is asked about but those that the command was about.
 */
void
restore_see_ddl(const Touched *touched)
{
	const ListCell *lc;
	List	   *oids;

	if (shmem_state == NULL || healing_process() || creating_extension)
		return;
	if (touched->watches)
		mark(InvalidOid);
	oids = list_concat_unique_oid(touched_oids(touched->tables), touched->intakes);
	foreach(lc, oids)
	{
		if (rests(lfirst_oid(lc)))
			mark(lfirst_oid(lc));
	}
}

/* See the header. */
bool
restore_lets_pass(void)
{
	look_again = 0;
	return !restore_under_way();
}

/* See the header. */
void
restore_settle(Oid relid, const char *role)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, role);
	spi_exec("INSERT INTO selfheal.settled (relid, role) VALUES ($1, $2) ON CONFLICT DO NOTHING", &args);
}

/* What is looked at, and what came of it. */
typedef struct Looking
{
	Oid			relid;
	Oid			intake;
	bool		alone;			/* who restored it has left */
	bool		whole;
} Looking;

/* Body of a subtransaction: to read a shape may need a lock. */
static void
look(void *arg)
{
	Looking    *l = arg;
	SpiUser		saved;
	SpiArgs		args;
	Jsonb	   *shape;

	spi_open(&saved);
	spi_set_local("lock_timeout", "100ms");
	if (ConditionalLockRelationOid(l->relid, AccessShareLock) &&
		watch_table_of_intake(l->intake) == l->relid &&
		(shape = snapshot_of(l->relid)) != NULL)
	{
		spi_args(&args);
		spi_arg_relid(&args, l->relid);
		spi_arg_text(&args, snapshot_hash(shape));
		l->whole = spi_exec("SELECT FROM selfheal.schema_snapshot s WHERE s.relid = $1 AND s.hash = $2"
							" AND s.version = (SELECT max(n.version) FROM selfheal.schema_snapshot n WHERE n.relid = $1)",
							&args) > 0;
	}
	if (l->whole && l->alone)
	{
		restore_settle(l->relid, NULL);
		shmem_wake_agent_at_commit();
	}
	spi_close(&saved);
}

/*
 * See the header. Who may have changed the table is asked first: what he has
 * done is committed then, and the shape is read after it. A table that only
 * waits for him to leave is looked at soon again: nobody tells of that.
 */
void
restore_look(void)
{
	SpiUser		saved;
	SpiRows		rows;
	uint64		n;

	look_again = 0;
	spi_open(&saved);
	n = spi_exec("SELECT relid::oid, intake::oid FROM selfheal.resting ORDER BY 1", NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		Looking		l = {InvalidOid, InvalidOid, false, false};
		ErrorData  *edata;

		CHECK_FOR_INTERRUPTS();
		spi_use(&rows);
		l.relid = spi_get_oid(i, 1, NULL);
		l.intake = spi_get_oid(i, 2, NULL);
		l.alone = nobody_restores(l.relid);
		edata = spi_try_locked(look, &l);
		if (edata != NULL || (l.whole && !l.alone))
			look_again = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), AGAIN_MS);
	}
	spi_close(&saved);
}

/* See the header. */
TimestampTz
restore_look_again(void)
{
	return look_again;
}

/* See the header. */
char *
restore_who(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	char	   *who;

	spi_open(&saved);
	spi_args(&args);
	if (OidIsValid(relid))
		spi_arg_relid(&args, relid);
	else
		spi_arg_null(&args, REGCLASSOID);
	spi_arg_int8(&args, LOCKS_RESTORE);
	spi_exec("SELECT string_agg(DISTINCT pid::text, ', ') FROM pg_locks WHERE locktype = 'advisory'"
			 " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
			 " AND (classid = 0 OR $1 IS NULL OR classid = $1) AND objsubid = $2 AND mode = 'ShareLock' AND granted"
			 " AND ($1 IS NULL OR pid <> pg_backend_pid())", &args);
	who = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return who;
}

/* Name of a table for messages. */
static char *
name_of(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid));
}

/* See the header. */
void
restore_refuse(Oid relid)
{
	SpiUser		saved;
	bool		found;

	spi_open(&saved);
	found = rests(relid);
	spi_close(&saved);
	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table %s is being restored", name_of(relid)),
				 errdetail("It is not yet what it was when it was dumped."),
				 errhint("Finish the restore, or SELECT selfheal.restored('%s') if it is as it is meant to be.", name_of(relid))));
}

/* See the header. */
bool
restore_said(Oid relid)
{
	char	   *role = GetUserNameFromId(GetUserId(), false);
	RegistryCause cause = {.role = role};
	AuditEntry	entry;
	SpiUser		saved;
	bool		found;

	spi_open(&saved);
	found = rests(relid);
	spi_close(&saved);
	if (!found)
		return false;
	if (!nobody_restores(InvalidOid) || !nobody_restores(relid))
	{
		char	   *who = restore_who(relid);

		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("table %s is being restored", name_of(relid)),
				 who ? errdetail("By the session of process %s, which has not ended.", who) : 0,
				 errhint("Wait for it to end, or end it with pg_terminate_backend().")));
	}
	spi_open(&saved);
	restore_settle(relid, role);
	spi_close(&saved);
	unmark(relid);
	audit_entry(&entry, "resumed");
	entry.relid = relid;
	entry.result = "restored";
	audit_write(&entry);
	(void) registry_keep(relid, &cause);
	shmem_wake_at_commit();
	shmem_wake_agent_at_commit();
	return true;
}

/* restored("table"): see the SQL comment. Errors: watch_check_table's, 42704, 55006. */
Datum
selfheal_restored(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = CurrentMemoryContext;
	Oid			caller = GetUserId();
	List	   *tables = NIL;
	ListCell   *lc;
	int64		done = 0;
	SpiUser		saved;
	uint64		n;

	if (!PG_ARGISNULL(0))
	{
		Watch		watch;

		watch_check_table(PG_GETARG_OID(0), WATCH_NEED_OWNER);
		watch_check_watched(PG_GETARG_OID(0), &watch);
		PG_RETURN_INT64(restore_said(PG_GETARG_OID(0)) ? 1 : 0);
	}
	spi_open(&saved);
	n = spi_exec("SELECT relid::oid FROM selfheal.resting ORDER BY 1", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext spi = MemoryContextSwitchTo(cxt);

		tables = lappend_oid(tables, spi_get_oid(i, 1, NULL));
		MemoryContextSwitchTo(spi);
	}
	spi_close(&saved);
	foreach(lc, tables)
	{
		if (get_rel_relkind(lfirst_oid(lc)) != '\0' && compat_class_ownercheck(lfirst_oid(lc), caller))
			done += restore_said(lfirst_oid(lc));
	}
	/* his own session has done its part, even if there was no table in it */
	unmark(InvalidOid);
	shmem_wake_at_commit();
	PG_RETURN_INT64(done);
}
