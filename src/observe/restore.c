/*
 * restore.c
 *	  A database that is being restored, and the tables in it that rest.
 *
 * The locks are advisory ones of a session: they outlive transactions, errors
 * among them, and end with the session, however that ends. Of the database (no
 * table) it is shared by who restores and taken alone by the worker for a
 * pass; of a table it is shared by who has run DDL on it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/healing.h"
#include "base/locks.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/namespace.h"
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

PG_FUNCTION_INFO_V1(selfheal_watched_loaded);
PG_FUNCTION_INFO_V1(selfheal_restored);

/* This session restores the table (InvalidOid: the database), from now on. The
 * worker looks when it has ended. */
static void
mark(Oid relid)
{
	LOCKTAG		tag = locks_tag(LOCKS_RESTORE, relid, 0);

	if (LockAcquire(&tag, ShareLock, true, false) == LOCKACQUIRE_ALREADY_HELD)
		(void) LockRelease(&tag, ShareLock, true);	/* once is enough */
	shmem_wake_at_commit();
}

/* Is nobody else restoring it? */
static bool
nobody_restores(Oid relid)
{
	LOCKTAG		tag = locks_tag(LOCKS_RESTORE, relid, 0);

	if (LockAcquire(&tag, ExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL)
		return false;
	(void) LockRelease(&tag, ExclusiveLock, true);
	return true;
}

/*
 * See the header. A failure is reported by selfheal.error, which anybody may
 * have been granted; nothing else of ours is loaded but by a restore.
 */
void
restore_see_copy(const CopyStmt *stmt)
{
	Oid			relid;

	if (!stmt->is_from || stmt->relation == NULL || shmem_state == NULL)
		return;
	relid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (OidIsValid(relid) && get_rel_namespace(relid) == get_namespace_oid("selfheal", true) &&
		strcmp(get_rel_name(relid), "error") != 0)
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

/* See the header. */
void
restore_see_ddl(const List *tables)
{
	static SPIPlanPtr any = NULL;
	const ListCell *lc;
	SpiArgs		args;
	SpiRows		rows;
	uint64		n;

	if (shmem_state == NULL || healing_process())
		return;
	spi_args(&args);
	if (spi_exec_kept(&any, "SELECT FROM selfheal.resting LIMIT 1", &args) == 0)
		return;
	n = spi_exec("SELECT r.relid::oid, r.intake::oid FROM selfheal.resting r WHERE EXISTS"
				 " (SELECT FROM pg_event_trigger_ddl_commands() d LEFT JOIN pg_trigger g"
				 "   ON d.classid = 'pg_trigger'::regclass AND g.oid = d.objid"
				 "  WHERE g.tgrelid = r.intake OR (d.classid = 'pg_class'::regclass AND d.objid IN (r.intake, r.relid)))",
				 NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&rows);
		mark(spi_get_oid(i, 1, NULL));
	}
	foreach(lc, tables)
	{
		const TouchedTable *table = lfirst(lc);

		spi_args(&args);
		spi_arg_relid(&args, table->relid);
		if (spi_exec("SELECT FROM selfheal.resting WHERE relid = $1", &args) > 0)
			mark(table->relid);
	}
}

/* See the header. */
bool
restore_pass_begin(void)
{
	LOCKTAG		tag = locks_tag(LOCKS_RESTORE, InvalidOid, 0);

	return LockAcquire(&tag, ExclusiveLock, true, true) != LOCKACQUIRE_NOT_AVAIL;
}

/* See the header. */
void
restore_pass_end(void)
{
	LOCKTAG		tag = locks_tag(LOCKS_RESTORE, InvalidOid, 0);

	(void) LockRelease(&tag, ExclusiveLock, true);
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
	if (l->whole)
		restore_settle(l->relid, NULL);
	spi_close(&saved);
}

/* See the header. Who has changed the table is asked first: what he has done
 * is committed then, and the shape is read after it. */
void
restore_look(void)
{
	SpiUser		saved;
	SpiRows		rows;
	uint64		n;

	spi_open(&saved);
	n = spi_exec("SELECT relid::oid, intake::oid FROM selfheal.resting ORDER BY 1", NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		Looking		l = {InvalidOid, InvalidOid, false};

		CHECK_FOR_INTERRUPTS();
		spi_use(&rows);
		l.relid = spi_get_oid(i, 1, NULL);
		l.intake = spi_get_oid(i, 2, NULL);
		if (nobody_restores(l.relid))
			(void) spi_try(look, &l);
	}
	spi_close(&saved);
}

/* Processes that restore the table, or the database; NULL: none but us. */
static char *
who_restores(Oid relid)
{
	SpiArgs		args;

	if (nobody_restores(InvalidOid) && nobody_restores(relid))
		return NULL;
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, LOCKS_RESTORE);
	spi_exec("SELECT coalesce(string_agg(DISTINCT pid::text, ', '), 'that has just ended') FROM pg_locks WHERE locktype = 'advisory'"
			 " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
			 " AND classid IN (0, $1::oid) AND objsubid = $2 AND mode = 'ShareLock' AND granted AND pid <> pg_backend_pid()", &args);
	return spi_get_text(0, 1, CurrentMemoryContext);
}

/* See the header. */
bool
restore_said(Oid relid)
{
	char	   *role = GetUserNameFromId(GetUserId(), false);
	char	   *others;
	RegistryCause cause = {.role = role};
	LOCKTAG		mine[2] = {locks_tag(LOCKS_RESTORE, InvalidOid, 0), locks_tag(LOCKS_RESTORE, relid, 0)};
	AuditEntry	entry;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT FROM selfheal.resting WHERE relid = $1", &args) == 0)
	{
		spi_close(&saved);
		return false;
	}
	others = who_restores(relid);
	if (others != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("table %s is being restored",
						quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid))),
				 errdetail("By the session of process %s, which has not ended.", others),
				 errhint("Wait for it to end, or end it: pg_terminate_backend().")));
	restore_settle(relid, role);
	for (int i = 0; i < 2; i++)
	{
		LOCKTAG		tag = mine[i];

		if (LockHeldByMe(&tag, ShareLock))
			(void) LockRelease(&tag, ShareLock, true);
	}
	spi_close(&saved);
	audit_entry(&entry, "resumed");
	entry.relid = relid;
	entry.result = "restored";
	audit_write(&entry);
	(void) registry_keep(relid, &cause);
	shmem_wake_at_commit();
	return true;
}

/* restored("table"): see the SQL comment. Errors: watch_check_table's, 55006. */
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
		watch_check_table(PG_GETARG_OID(0), WATCH_NEED_OWNER);
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
	PG_RETURN_INT64(done);
}
