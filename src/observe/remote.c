/*
 * remote.c
 *	  What the other side of a foreign table says of its columns.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "observe/remote.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

#define REMOTE_SCHEMA "selfheal_sandbox"

/* One comparison, as spi_trial's argument. */
typedef struct Comparison
{
	Oid			relid;
	Oid			userid;			/* who asks */
	MemoryContext cxt;			/* of the result */
	char	   *differences;	/* NULL: none */
	bool		listed;			/* as rows, instead */
	const char *prefix;			/* of their names */
	List	   *rows;			/* RemoteDifference * */
} Comparison;

/* Digits before and after the point; no limit is more than any. */
static void
numeric_digits(int32 typmod, int *whole, int *fraction)
{
	int32		bits = typmod - (int32) VARHDRSZ;

	*whole = *fraction = INT_MAX;
	if (typmod < 0)
		return;
	/* 11 bits for the scale, signed (numeric.c) */
	*fraction = ((bits & 0x7ff) ^ 1024) - 1024;
	*whole = ((bits >> 16) & 0xffff) - *fraction;
}

/* Does the type there keep every value that the type here takes? */
static bool
keeps(Oid here, int32 heremod, Oid there, int32 theremod)
{
	int			whole[2];
	int			fraction[2];

	if (here != there)
		return (here == INT2OID && (there == INT4OID || there == INT8OID)) ||
			(here == INT4OID && there == INT8OID) ||
			(here == FLOAT4OID && there == FLOAT8OID) ||
			(here == VARCHAROID && there == TEXTOID) ||
			(here == TEXTOID && there == VARCHAROID && theremod < 0);
	if (heremod == theremod || theremod < 0)
		return true;
	switch (here)
	{
		case NUMERICOID:
			numeric_digits(heremod, &whole[0], &fraction[0]);
			numeric_digits(theremod, &whole[1], &fraction[1]);
			return whole[1] >= whole[0] && fraction[1] >= fraction[0];
		case VARCHAROID:
			return heremod >= 0 && theremod >= heremod;
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return theremod >= (heremod < 0 ? 6 : heremod);
		default:
			return false;
	}
}

/* A text option of a foreign table, or what stands for it when not given. */
static char *
option(const ForeignTable *table, const char *name, char *otherwise)
{
	ListCell   *lc;

	foreach(lc, table->options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return otherwise;
}

/* Note a column that differs. */
static void
note_difference(Comparison *c, const char *column, const char *here, const char *there)
{
	MemoryContext old = MemoryContextSwitchTo(c->cxt);

	c->differences = psprintf("%s%s%s is %s here and %s there",
							  c->differences ? c->differences : "",
							  c->differences ? "; " : "",
							  quote_identifier(column), here, there);
	MemoryContextSwitchTo(old);
}

/* Compare what was imported with what is declared; inside SPI. A column that
 * the other side alone has is its own business. */
static void
compare_columns(Comparison *c, const char *imported)
{
	SpiArgs		args;
	uint64		n;

	spi_args(&args);
	spi_arg_relid(&args, c->relid);
	spi_arg_text(&args, imported);
	n = spi_exec("SELECT h.attname, h.atttypid, h.atttypmod::bigint, t.atttypid, t.atttypmod::bigint,"
				 " format_type(h.atttypid, h.atttypmod), format_type(t.atttypid, t.atttypmod)"
				 " FROM pg_attribute h LEFT JOIN pg_attribute t"
				 " ON t.attrelid = $2::regclass AND t.attnum > 0 AND NOT t.attisdropped AND t.attname = coalesce("
				 "  (SELECT option_value FROM pg_options_to_table(h.attfdwoptions) WHERE option_name = 'column_name'), h.attname)"
				 " WHERE h.attrelid = $1 AND h.attnum > 0 AND NOT h.attisdropped AND h.attgenerated = ''"
				 " ORDER BY h.attnum", &args);
	for (uint64 i = 0; i < n; i++)
	{
		bool		missing;
		Oid			there = spi_get_oid(i, 4, &missing);

		if (missing || !keeps(spi_get_oid(i, 2, NULL), (int32) spi_get_int8(i, 3, NULL),
							  there, (int32) spi_get_int8(i, 5, NULL)))
			note_difference(c, spi_get_text(i, 1, CurrentMemoryContext),
							spi_get_text(i, 6, CurrentMemoryContext),
							missing ? "missing" : spi_get_text(i, 7, CurrentMemoryContext));
	}
}

/* A difference as a row; what is given is copied. */
static void
add_row(Comparison *c, const char *kind, const char *name, const char *here,
		const char *there, bool breaks)
{
	MemoryContext old = MemoryContextSwitchTo(c->cxt);
	RemoteDifference *row = palloc0(sizeof(RemoteDifference));

	row->kind = kind;
	row->name = psprintf("%s%s", c->prefix, name);
	row->here = here ? pstrdup(here) : NULL;
	row->there = there ? pstrdup(there) : NULL;
	row->breaks = breaks;
	c->rows = lappend(c->rows, row);
	MemoryContextSwitchTo(old);
}

/*
 * Columns of the table there that must be sent: NOT NULL, and nothing fills
 * them in. As their server's information_schema has them, which shows what the
 * mapped user may know. In the sandbox, as who asks.
 */
#define REMOTE_COLUMNS REMOTE_SCHEMA ".selfheal_remote_columns"
static List *
required_there(const char *server, const char *schema, const char *table)
{
	List	   *result = NIL;
	SpiArgs		args;
	uint64		n;

	spi_exec(psprintf("CREATE FOREIGN TABLE " REMOTE_COLUMNS " (table_schema text, table_name text, column_name text,"
					  " column_default text, is_nullable text, is_identity text, is_generated text) SERVER %s"
					  " OPTIONS (schema_name 'information_schema', table_name 'columns')", quote_identifier(server)), NULL);
	spi_args(&args);
	spi_arg_text(&args, schema);
	spi_arg_text(&args, table);
	n = spi_exec("SELECT column_name FROM " REMOTE_COLUMNS " WHERE table_schema = $1 AND table_name = $2"
				 " AND column_default IS NULL AND is_nullable = 'NO' AND is_identity = 'NO' AND is_generated = 'NEVER'", &args);
	for (uint64 i = 0; i < n; i++)
		result = lappend(result, makeString(spi_get_text(i, 1, CurrentMemoryContext)));
	return result;
}

/* The same as compare_columns, as rows, with NOT NULL and what is only there. */
static void
list_columns(Comparison *c, const char *imported, const List *required)
{
	SpiArgs		args;
	uint64		n;

	spi_args(&args);
	spi_arg_relid(&args, c->relid);
	spi_arg_text(&args, imported);
	n = spi_exec("SELECT h.attname, h.atttypid, h.atttypmod::bigint, t.atttypid, t.atttypmod::bigint,"
				 " format_type(h.atttypid, h.atttypmod), format_type(t.atttypid, t.atttypmod), t.attname, h.attnotnull, t.attnotnull"
				 " FROM (SELECT *, coalesce((SELECT option_value FROM pg_options_to_table(attfdwoptions)"
				 "   WHERE option_name = 'column_name'), attname) AS remote"
				 "  FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attgenerated = '') h"
				 " FULL JOIN (SELECT * FROM pg_attribute WHERE attrelid = $2::regclass AND attnum > 0 AND NOT attisdropped) t"
				 " ON t.attname = h.remote ORDER BY h.attnum, t.attnum", &args);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *here = spi_get_text(i, 1, CurrentMemoryContext);
		char	   *there = spi_get_text(i, 8, CurrentMemoryContext);
		char	   *type_here = spi_get_text(i, 6, CurrentMemoryContext);
		char	   *type_there = spi_get_text(i, 7, CurrentMemoryContext);

		if (there == NULL)
			add_row(c, "column_missing", here, type_here, NULL, true);
		else if (here == NULL)
			add_row(c, "column_there", there, NULL, type_there, list_member(required, makeString(there)));
		else
		{
			if (strcmp(type_here, type_there) != 0)
				add_row(c, "type", here, type_here, type_there,
						!keeps(spi_get_oid(i, 2, NULL), (int32) spi_get_int8(i, 3, NULL),
							   spi_get_oid(i, 4, NULL), (int32) spi_get_int8(i, 5, NULL)));
			if (spi_get_bool(i, 10, NULL) && !spi_get_bool(i, 9, NULL))
				add_row(c, "not_null", here, NULL, "NOT NULL", true);
		}
	}
}

/*
 * Body of the trial. The import runs as who asks, by his user mapping and with
 * no right but his; only the sandbox is opened for him.
 */
static void
compare(void *arg)
{
	Comparison *c = arg;
	ForeignTable *table = GetForeignTable(c->relid);
	char	   *remote_schema = option(table, "schema_name",
									   get_namespace_name(get_rel_namespace(c->relid)));
	char	   *remote_table = option(table, "table_name", get_rel_name(c->relid));
	List	   *required = NIL;
	SpiUser		saved;
	SpiUser		asks;

	spi_open(&saved);
	if (!superuser_arg(c->userid))
		spi_exec(psprintf("GRANT USAGE, CREATE ON SCHEMA " REMOTE_SCHEMA " TO %s",
						  quote_identifier(GetUserNameFromId(c->userid, false))), NULL);
	spi_become(&asks, c->userid,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, true);
	spi_exec(psprintf("IMPORT FOREIGN SCHEMA %s LIMIT TO (%s) FROM SERVER %s INTO " REMOTE_SCHEMA
					  " OPTIONS (import_collate 'false', import_not_null 'true')",
					  quote_identifier(remote_schema), quote_identifier(remote_table),
					  quote_identifier(GetForeignServer(table->serverid)->servername)), NULL);
	if (c->listed)
		required = required_there(GetForeignServer(table->serverid)->servername, remote_schema, remote_table);
	spi_resume(&asks);
	if (!OidIsValid(get_relname_relid(remote_table, get_namespace_oid(REMOTE_SCHEMA, false))))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the server shows no table %s",
						quote_qualified_identifier(remote_schema, remote_table))));
	if (c->listed)
		list_columns(c, quote_qualified_identifier(REMOTE_SCHEMA, remote_table), required);
	else
		compare_columns(c, quote_qualified_identifier(REMOTE_SCHEMA, remote_table));
	spi_close(&saved);
}

/* The time for asking is over; as a cancel by the user, which every wait heeds. */
static volatile sig_atomic_t time_is_up = false;

static void
on_time_up(void)
{
	time_is_up = true;
	InterruptPending = true;
	QueryCancelPending = true;
	SetLatch(MyLatch);
}

/* Compare one foreign table with its server; NULL or what went wrong. The
 * trial is over when a server that is out of reach has thrown. */
static char *
try_comparison(Comparison *c)
{
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *volatile edata = NULL;

	PG_TRY();
	{
		edata = spi_trial(compare, c);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) != ERRCODE_CONNECTION_EXCEPTION &&
			!(time_is_up && edata->sqlerrcode == ERRCODE_QUERY_CANCELED))
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	if (edata && time_is_up && edata->sqlerrcode == ERRCODE_QUERY_CANCELED)
		return "its server did not answer in time";
	return edata ? edata->message : NULL;
}

/* Does the foreign table belong to the wrapper that we know? */
static bool
is_postgres_fdw(Oid relid)
{
	ForeignServer *server = GetForeignServer(GetForeignTable(relid)->serverid);

	return strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "postgres_fdw") == 0;
}

static void
warn_of_one(Oid relid)
{
	Comparison	c = {.relid = relid,.userid = GetUserId(),.cxt = CurrentMemoryContext};
	char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												  get_rel_name(relid));
	char	   *failure;

	if (!is_postgres_fdw(relid))
		return;
	failure = try_comparison(&c);
	if (failure)
		ereport(WARNING,
				(errmsg("the columns of foreign table %s could not be compared with those on its server",
						name),
				 errdetail("%s", failure),
				 errhint("Where the two differ, a value that fits here may be rounded or cut there unseen.")));
	else if (c.differences)
		ereport(WARNING,
				(errmsg("foreign table %s is declared otherwise than on its server", name),
				 errdetail("Column %s.", c.differences),
				 errhint("A value that fits here may be rounded or cut there unseen: declare the types that the server has.")));
}

/*
 * A foreign table takes rows only if its wrapper can write, and is allowed to
 * (postgres_fdw's option updatable). Asking reaches out to no server.
 */
static void
check_insertable(Oid relid)
{
	int			events;

	if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE)
		return;
	events = DatumGetInt32(DirectFunctionCall2(pg_relation_is_updatable,
											   ObjectIdGetDatum(relid),
											   BoolGetDatum(false)));
	if ((events & (1 << CMD_INSERT)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("foreign table %s takes no rows",
						quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid))),
				 errhint("Its foreign-data wrapper cannot insert, or an option (updatable) says that it must not.")));
}

/* See the header. */
void
remote_check(Oid relid)
{
	ListCell   *lc;
	List	   *members = get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ?
	find_all_inheritors(relid, NoLock, NULL) : list_make1_oid(relid);

	check_insertable(relid);
	foreach(lc, members)
	{
		CHECK_FOR_INTERRUPTS();
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			warn_of_one(lfirst_oid(lc));
	}
}

/*
 * Ask about one table within ms milliseconds. PostgreSQL 15 waits for a
 * connection where no cancel reaches it; libpq takes its own limit for that
 * from the environment, when the server's options have none.
 */
static void
list_one(Comparison *c, int ms)
{
	static bool registered = false;
	static TimeoutId timeout;
	bool		limited = getenv("PGCONNECT_TIMEOUT") == NULL;
	char	   *volatile failure = NULL;

	if (!registered)
		timeout = RegisterTimeout(USER_TIMEOUT, on_time_up);
	registered = true;
	time_is_up = false;
	if (limited)
		setenv("PGCONNECT_TIMEOUT", psprintf("%d", Max(ms / 1000, 2)), 1);
	PG_TRY();
	{
		enable_timeout_after(timeout, ms);
		failure = try_comparison(c);
	}
	PG_FINALLY();
	{
		disable_timeout(timeout, false);
		if (limited)
			unsetenv("PGCONNECT_TIMEOUT");
	}
	PG_END_TRY();
	/* it may have been up when all was said */
	if (time_is_up)
		QueryCancelPending = false;
	time_is_up = false;
	if (failure)
		add_row(c, "unreachable", get_rel_name(c->relid), NULL, failure, false);
}

/* See the header. */
List *
remote_differences(Oid relid)
{
	TimestampTz deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), guc_publisher_timeout);
	List	   *result = NIL;
	ListCell   *lc;
	List	   *members = get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ?
	find_all_inheritors(relid, NoLock, NULL) : list_make1_oid(relid);

	foreach(lc, members)
	{
		Comparison	c = {.relid = lfirst_oid(lc),.userid = GetUserId(),.cxt = CurrentMemoryContext,.listed = true};
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline);

		CHECK_FOR_INTERRUPTS();
		if (get_rel_relkind(c.relid) != RELKIND_FOREIGN_TABLE || !is_postgres_fdw(c.relid))
			continue;
		c.prefix = c.relid == relid ? "" : psprintf("%s.", quote_identifier(get_rel_name(c.relid)));
		if (left <= 0)
			add_row(&c, "unreachable", get_rel_name(c.relid), NULL, "there was no time left to ask its server", false);
		else
			list_one(&c, (int) left);
		result = list_concat(result, c.rows);
	}
	return result;
}
