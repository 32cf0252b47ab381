/*
 * spi.c
 *	  Transactions, subtransactions, the switch of user, and our own SQL.
 *
 * Everything that changes who we are, or what a failed step leaves behind,
 * stands in this file, so that it can be read at one sitting. Rests on
 * xact.c (internal subtransactions, the way plpgsql's EXCEPTION blocks use
 * them), miscinit.c (security contexts) and spi.c of PostgreSQL.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/giveway.h"
#include "base/keptplans.h"
#include "base/locks.h"
#include "base/spi.h"
#include "base/trouble.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/ipc.h"
#include "storage/lock.h"
#include "storage/pmsignal.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

/*
 * Become another role until spi_resume; see the header. The new setting level
 * is opened in any case, so that spi_set_local has a place to end.
 */
void
spi_become(SpiUser *saved, Oid userid, int flags, bool pin_path)
{
	GetUserIdAndSecContext(&saved->userid, &saved->sec_context);
	saved->guc_nest = NewGUCNestLevel();
	SetUserIdAndSecContext(userid, saved->sec_context | flags);
	if (pin_path)
		spi_set_local("search_path", "pg_catalog, pg_temp");
}

/*
 * Undo spi_become: settings first, as they were set under the other role. All
 * of them go back, also what code of a user changed by a plain SET (a trigger,
 * a check): as at the end of a function with SET clauses it would outlive the
 * switch, and meet the next user's rows.
 */
void
spi_resume(const SpiUser *saved)
{
	AtEOXact_GUC(false, saved->guc_nest);
	SetUserIdAndSecContext(saved->userid, saved->sec_context);
}

/*
 * Set a setting at the innermost level. It is our own choice, not the
 * session's, so it is made with superuser rights, as functions' SET clauses
 * made by a superuser are.
 */
void
spi_set_local(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_SUSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/* Oid of the extension in this database. */
Oid
spi_extension_oid(bool missing_ok)
{
	Oid			oid = get_extension_oid("selfheal", true);

	if (!OidIsValid(oid) && !missing_ok)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"selfheal\" is not installed in this database"),
				 errhint("Run CREATE EXTENSION selfheal.")));
	return oid;
}

/*
 * Hold the extension until the transaction ends, if it is there and nobody is
 * dropping it. It is known by its catalog entry, not by a schema's name. Its
 * lock is what DROP EXTENSION takes first, before that of any member: with
 * it no deadlock over our tables is possible, in which the user's DROP could
 * be the one that fails; and as it is never waited for, a worker is in
 * nobody's way.
 */
SpiExtension
spi_hold_extension(void)
{
	Oid			oid = spi_extension_oid(true);
	LOCKTAG		tag;

	if (!OidIsValid(oid))
		return SPI_EXTENSION_ABSENT;
	SET_LOCKTAG_OBJECT(tag, MyDatabaseId, ExtensionRelationId, oid, 0);
	if (LockAcquire(&tag, AccessShareLock, false, true) == LOCKACQUIRE_NOT_AVAIL)
		return SPI_EXTENSION_BUSY;
	AcceptInvalidationMessages();
	return spi_extension_oid(true) == oid ? SPI_EXTENSION_HELD : SPI_EXTENSION_BUSY;
}

/*
 * Owner of the extension: a superuser, since the control file asks for one.
 * Read from pg_extension each time: ALTER ROLE and DROP EXTENSION may come
 * between two calls, and a lookup costs less than an invalidation scheme.
 */
Oid
spi_extension_owner(void)
{
	Oid			extoid = spi_extension_oid(false);
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	Oid			owner;

	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extoid));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tup = systable_getnext(scan);
	if (!HeapTupleIsValid(tup))
		elog(ERROR, "extension %u vanished", extoid);
	owner = ((Form_pg_extension) GETSTRUCT(tup))->extowner;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return owner;
}

/* Connect SPI as the extension's owner, pinned; see the header. */
void
spi_open(SpiUser *saved)
{
	Oid			owner = spi_extension_owner();

	spi_become(saved, owner,
			   SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS, true);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
}

void
spi_close(const SpiUser *saved)
{
	SPI_finish();
	spi_resume(saved);
}

/* See the header. */
void
spi_open_caller(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
}

void
spi_close_caller(void)
{
	SPI_finish();
}

void
spi_args(SpiArgs *args)
{
	args->n = 0;
}

/* Append one argument; the array is sized for the widest statement of ours. */
static void
arg(SpiArgs *args, Oid type, Datum value, bool isnull)
{
	if (args->n >= SPI_MAX_ARGS)
		elog(ERROR, "too many arguments for one statement");
	args->types[args->n] = type;
	args->values[args->n] = value;
	args->nulls[args->n] = isnull ? 'n' : ' ';
	args->n++;
}

void
spi_arg_int8(SpiArgs *args, int64 value)
{
	arg(args, INT8OID, Int64GetDatum(value), false);
}

void
spi_arg_float8(SpiArgs *args, double value)
{
	arg(args, FLOAT8OID, Float8GetDatum(value), false);
}

void
spi_arg_timestamptz(SpiArgs *args, TimestampTz value)
{
	arg(args, TIMESTAMPTZOID, TimestampTzGetDatum(value), false);
}

void
spi_arg_bool(SpiArgs *args, bool value)
{
	arg(args, BOOLOID, BoolGetDatum(value), false);
}

void
spi_arg_text(SpiArgs *args, const char *value)
{
	if (value == NULL)
		spi_arg_null(args, TEXTOID);
	else
		arg(args, TEXTOID, CStringGetTextDatum(value), false);
}

void
spi_arg_textn(SpiArgs *args, const char *value, int len)
{
	arg(args, TEXTOID, PointerGetDatum(cstring_to_text_with_len(value, len)), false);
}

void
spi_arg_jsonb(SpiArgs *args, const Jsonb *value)
{
	if (value == NULL)
		spi_arg_null(args, JSONBOID);
	else
		arg(args, JSONBOID, PointerGetDatum(value), false);
}

void
spi_arg_relid(SpiArgs *args, Oid relid)
{
	arg(args, REGCLASSOID, ObjectIdGetDatum(relid), !OidIsValid(relid));
}

void
spi_arg_oid(SpiArgs *args, Oid value)
{
	arg(args, OIDOID, ObjectIdGetDatum(value), false);
}

void
spi_arg_int8_array(SpiArgs *args, const int64 *values, int n)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elems[i] = Int64GetDatum(values[i]);
	arg(args, INT8ARRAYOID,
		PointerGetDatum(construct_array(elems, n, INT8OID, sizeof(int64),
										FLOAT8PASSBYVAL, TYPALIGN_DOUBLE)),
		false);
}

void
spi_arg_oids(SpiArgs *args, const List *oids)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(list_length(oids), 1));
	ListCell   *lc;

	foreach(lc, oids)
		elems[foreach_current_index(lc)] = ObjectIdGetDatum(lfirst_oid(lc));
	arg(args, OIDARRAYOID,
		PointerGetDatum(construct_array(elems, list_length(oids), OIDOID,
										sizeof(Oid), true, TYPALIGN_INT)),
		false);
}

void
spi_arg_null(SpiArgs *args, Oid type)
{
	arg(args, type, (Datum) 0, true);
}

/* Run one statement of ours; SPI_execute throws by itself for SQL errors. */
uint64
spi_exec(const char *sql, SpiArgs *args)
{
	int			n = args ? args->n : 0;
	SPIPlanPtr	plan = keptplans_get(sql, n, args ? args->types : NULL);
	int			rc;

	if (plan != NULL)
		rc = SPI_execute_plan(plan, n > 0 ? args->values : NULL, n > 0 ? args->nulls : NULL, false, 0);
	else if (n == 0)
		rc = SPI_execute(sql, false, 0);
	else
		rc = SPI_execute_with_args(sql, args->n, args->types, args->values,
								   args->nulls, false, 0);
	if (rc < 0)
		elog(ERROR, "own statement failed (%s): %s",
			 SPI_result_code_string(rc), sql);
	return SPI_processed;
}

/* See the header. Whatever the plan rests on may change, or be dropped and
 * made anew: PostgreSQL then plans the same text again. */
static uint64
exec_kept(SPIPlanPtr *plan, const char *sql, SpiArgs *args, bool read_only)
{
	int			rc;

	if (*plan == NULL)
	{
		SPIPlanPtr	made = SPI_prepare_cursor(sql, args->n, args->types,
											  CURSOR_OPT_GENERIC_PLAN);

		if (made == NULL || SPI_keepplan(made) != 0)
			elog(ERROR, "own statement could not be prepared (%s): %s",
				 SPI_result_code_string(SPI_result), sql);
		*plan = made;
	}
	rc = SPI_execute_plan(*plan, args->values, args->nulls, read_only, 0);
	if (rc < 0)
		elog(ERROR, "own statement failed (%s): %s",
			 SPI_result_code_string(rc), sql);
	return SPI_processed;
}

uint64
spi_exec_kept(SPIPlanPtr *plan, const char *sql, SpiArgs *args)
{
	return exec_kept(plan, sql, args, false);
}

uint64
spi_read_newest(SPIPlanPtr *plan, const char *sql, SpiArgs *args)
{
	uint64		n;

	PushActiveSnapshot(GetLatestSnapshot());
	n = exec_kept(plan, sql, args, true);
	PopActiveSnapshot();
	return n;
}

SpiRows
spi_keep(void)
{
	SpiRows		rows = {SPI_tuptable, SPI_processed};

	return rows;
}

void
spi_use(const SpiRows *rows)
{
	SPI_tuptable = rows->table;
	SPI_processed = rows->n;
}

/* One field of SPI_tuptable. */
static Datum
field(uint64 row, int col, bool *isnull)
{
	if (SPI_tuptable == NULL || row >= SPI_processed)
		elog(ERROR, "no row " UINT64_FORMAT " in own result", row);
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col, isnull);
}

int64
spi_get_int8(uint64 row, int col, bool *isnull)
{
	bool		null;
	Datum		d = field(row, col, &null);

	if (isnull)
		*isnull = null;
	if (null)
		return 0;
	/* counts come as bigint, attempts as integer */
	if (SPI_gettypeid(SPI_tuptable->tupdesc, col) == INT4OID)
		return DatumGetInt32(d);
	return DatumGetInt64(d);
}

bool
spi_get_bool(uint64 row, int col, bool *isnull)
{
	bool		null;
	Datum		d = field(row, col, &null);

	if (isnull)
		*isnull = null;
	return !null && DatumGetBool(d);
}

Oid
spi_get_oid(uint64 row, int col, bool *isnull)
{
	bool		null;
	Datum		d = field(row, col, &null);

	if (isnull)
		*isnull = null;
	return null ? InvalidOid : DatumGetObjectId(d);
}

TimestampTz
spi_get_timestamptz(uint64 row, int col, bool *isnull)
{
	bool		null;
	Datum		d = field(row, col, &null);

	if (isnull)
		*isnull = null;
	return null ? 0 : DatumGetTimestampTz(d);
}

char *
spi_get_text(uint64 row, int col, MemoryContext cxt)
{
	char	   *s;
	char	   *copy;

	if (SPI_tuptable == NULL || row >= SPI_processed)
		elog(ERROR, "no row " UINT64_FORMAT " in own result", row);
	s = SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, col);
	if (s == NULL)
		return NULL;
	copy = MemoryContextStrdup(cxt, s);
	pfree(s);
	return copy;
}

Jsonb *
spi_get_jsonb(uint64 row, int col, MemoryContext cxt)
{
	bool		null;
	Datum		d = field(row, col, &null);
	MemoryContext old;
	Jsonb	   *copy;

	if (null)
		return NULL;
	old = MemoryContextSwitchTo(cxt);
	copy = DatumGetJsonbPCopy(d);
	MemoryContextSwitchTo(old);
	return copy;
}

int64 *
spi_get_int8_array(uint64 row, int col, int *n, MemoryContext cxt)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	bool		isnull;
	Datum	   *elems;
	int64	   *values;

	deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
													   col, &isnull)),
					  INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elems, NULL, n);
	values = palloc(sizeof(int64) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
		values[i] = DatumGetInt64(elems[i]);
	pfree(elems);
	MemoryContextSwitchTo(old);
	return values;
}

/*
 * Errors that are not about the step that was tried: somebody wants us to
 * stop, the server is unwell, or another one that holds a foreign table is not
 * to be reached. They are never swallowed; but a trigger that raises such a
 * SQLSTATE says nothing of the kind.
 */
static bool
must_rethrow(const ErrorData *edata)
{
	int			sqlerrcode = edata->sqlerrcode;
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	if (trouble_raised_by_code(edata))
		return false;
	return category == ERRCODE_OPERATOR_INTERVENTION ||
		category == ERRCODE_INSUFFICIENT_RESOURCES ||
		category == ERRCODE_CONNECTION_EXCEPTION ||
		sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		sqlerrcode == ERRCODE_INDEX_CORRUPTED;
}

/* See the header. */
static bool locks_throw = false;

void
spi_locks_throw(bool on)
{
	locks_throw = on;
}

/*
 * Body of spi_try and its like. The subtransaction is ended on every way
 * out; the copy of the error is made in the caller's context before the
 * abort frees the subtransaction's.
 */
static ErrorData *
attempt(SpiBody body, void *arg_, bool keep, bool throw_locks, bool *cancelled)
{
	MemoryContext cxt = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData  *volatile edata = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(cxt);

	PG_TRY();
	{
		body(arg_);
		MemoryContextSwitchTo(cxt);
		if (keep)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(cxt);
		CurrentResourceOwner = owner;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		FlushErrorState();
		RollbackAndReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(cxt);
		CurrentResourceOwner = owner;
	}
	PG_END_TRY();

	if (cancelled != NULL)
	{
		*cancelled = edata != NULL && edata->sqlerrcode == ERRCODE_QUERY_CANCELED && must_rethrow(edata);
		if (*cancelled)
			return edata;
	}
	if (edata != NULL && (must_rethrow(edata) || (throw_locks && giveway_was(edata))))
		ReThrowError(edata);
	return edata;
}

ErrorData *
spi_try(SpiBody body, void *arg_)
{
	return attempt(body, arg_, true, locks_throw, NULL);
}

ErrorData *
spi_try_cancelled(SpiBody body, void *arg_, bool *cancelled)
{
	return attempt(body, arg_, true, locks_throw, cancelled);
}

ErrorData *
spi_try_locked(SpiBody body, void *arg_)
{
	return attempt(body, arg_, true, false, NULL);
}

ErrorData *
spi_trial(SpiBody body, void *arg_)
{
	return attempt(body, arg_, false, locks_throw, NULL);
}

/*
 * Begin a worker's transaction. Isolation and access mode are ours whatever
 * the server's defaults: each statement of a heal must see the latest state.
 */
void
spi_xact_begin(void)
{
	LOCKTAG		restore = locks_tag(LOCKS_RESTORE, InvalidOid, 0);

	/*
	 * of a pass that never waits no latch tells that the postmaster is gone;
	 * and none can be started before we are
	 */
	if (IsUnderPostmaster && !PostmasterIsAlive())
		proc_exit(1);

	/* nothing is waited for for long: the heal of other tables must go on */
	giveway_begin();
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	XactIsoLevel = XACT_READ_COMMITTED;
	XactReadOnly = false;
	XactDeferrable = false;
	if (spi_hold_extension() != SPI_EXTENSION_HELD)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"selfheal\" is being dropped")));
	if (LockAcquire(&restore, LOCKS_HEALS, false, true) == LOCKACQUIRE_NOT_AVAIL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("this database is being restored")));
	PushActiveSnapshot(GetTransactionSnapshot());
}

/*
 * Advisory locks of the session are none of ours: a trigger took one, and the
 * session that would give it back is the worker's. The gate is a lock of the
 * transaction.
 */
static void
drop_session_locks(void)
{
	LockReleaseSession(USER_LOCKMETHOD);
}

/* Commit it. async: the next crash may forget it, and nothing else depends
 * on it (plans; claims until spi_flush); an apply is never async. */
void
spi_xact_commit(bool async)
{
	if (async)
		(void) set_config_option("synchronous_commit", "off", PGC_SUSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	PopActiveSnapshot();
	CommitTransactionCommand();
	giveway_end();
	drop_session_locks();
	pgstat_report_stat(false);
}

/* See the header. Waits for no standby. */
void
spi_flush(void)
{
	XLogFlush(XactLastCommitEnd);
}

void
spi_xact_abort(void)
{
	AbortOutOfAnyTransaction();
	giveway_end();
	drop_session_locks();
}
