/*
 * publisher.c
 *	  What the other side of a subscription publishes.
 *
 * Plain libpq, not blocking: every wait is on the latch as well, takes
 * interrupts and ends at one deadline. (But libpq looks a host's name up while
 * we wait, for as long as the resolver takes; hostaddr spares that.) The connection string holds a password
 * and is in no message of ours; libpq's own messages do not repeat it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/guc.h"
#include "libpq-fe.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/publisher.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

/* Nobody publishes more; it bounds what a hostile publisher can send. */
#define MAX_COLUMNS 100000
#define MAX_NAME 1000

/* Tables of the publications $1 (a JSON array of names), column by column. The
 * filter is for a publisher that knows column lists, or not. */
#define COLUMNS_SQL(filter) \
	"SELECT n.nspname, c.relname, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), e.enumlabel," \
	" a.attnotnull, pg_catalog.array_position(k.indkey::pg_catalog.int2[], a.attnum) - pg_catalog.array_lower(k.indkey::pg_catalog.int2[], 1) + 1," \
	" c.relreplident = 'f', k.indnkeyatts" \
	" FROM pg_catalog.pg_publication_tables p" \
	" JOIN pg_catalog.pg_namespace n ON n.nspname = p.schemaname" \
	" JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename" \
	" JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped" filter \
	" LEFT JOIN LATERAL (SELECT i.indkey, i.indnkeyatts FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisvalid" \
	"  AND (i.indisprimary OR i.indisreplident) ORDER BY i.indisprimary DESC LIMIT 1) k ON true" \
	" LEFT JOIN pg_catalog.pg_enum e ON e.enumtypid = a.atttypid" \
	" WHERE p.pubname = ANY (ARRAY(SELECT pg_catalog.json_array_elements_text($1::pg_catalog.json)))" \
	" GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, a.attnum, e.enumsortorder ORDER BY 1, 2, a.attnum, e.enumsortorder"

/* One conversation. */
typedef struct Talk
{
	PGconn	   *conn;
	TimestampTz deadline;
	char	   *error;
} Talk;

/* Remember what went wrong; libpq ends its messages with a newline. */
static bool
failed(Talk *talk, const char *what)
{
	int			len = strlen(what);

	while (len > 0 && isspace((unsigned char) what[len - 1]))
		len--;
	talk->error = pnstrdup(what, pg_mbcliplen(what, len, MAX_NAME));
	return false;
}

/* Wait for the socket until the deadline. */
static bool
wait_for(Talk *talk, int event)
{
	long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(), talk->deadline);

	if (left <= 0)
		return failed(talk, "the publisher did not answer in time");
	(void) WaitLatchOrSocket(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH | event,
							 PQsocket(talk->conn), left, PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
	return true;
}

static bool
open_connection(Talk *talk, const char *conninfo, bool must_use_password)
{
	const char *const keywords[] = {"dbname", "fallback_application_name", "client_encoding", NULL};
	const char *const values[] = {conninfo, "selfheal", GetDatabaseEncodingName(), NULL};
	PostgresPollingStatusType poll = PGRES_POLLING_WRITING;

	talk->conn = PQconnectStartParams(keywords, values, true);
	if (talk->conn == NULL)
		return failed(talk, "out of memory");
	if (PQstatus(talk->conn) == CONNECTION_BAD)
		return failed(talk, PQerrorMessage(talk->conn));
	while (poll != PGRES_POLLING_OK)
	{
		if (poll == PGRES_POLLING_FAILED)
			return failed(talk, PQerrorMessage(talk->conn));
		if (!wait_for(talk, poll == PGRES_POLLING_READING ? WL_SOCKET_READABLE : WL_SOCKET_WRITEABLE))
			return false;
		poll = PQconnectPoll(talk->conn);
	}
	if (must_use_password && !PQconnectionUsedPassword(talk->conn))
		return failed(talk, "the publisher asked for no password, and the subscription's owner is no superuser");
	return true;
}

/* Send one query and wait for its only result; NULL when it failed. */
static PGresult *
ask(Talk *talk, const char *sql, const char *argument)
{
	PGresult   *result = NULL;
	PGresult   *next;

	if (!PQsendQueryParams(talk->conn, sql, argument ? 1 : 0, NULL, &argument, NULL, NULL, 0))
	{
		failed(talk, PQerrorMessage(talk->conn));
		return NULL;
	}
	for (;;)
	{
		while (PQisBusy(talk->conn))
		{
			if (!wait_for(talk, WL_SOCKET_READABLE) || !PQconsumeInput(talk->conn))
			{
				if (talk->error == NULL)
					failed(talk, PQerrorMessage(talk->conn));
				PQclear(result);
				return NULL;
			}
		}
		next = PQgetResult(talk->conn);
		if (next == NULL)
			break;
		PQclear(result);
		result = next;
	}
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		return result;
	failed(talk, PQresultErrorMessage(result));
	PQclear(result);
	return NULL;
}

/* ["a", "b"] */
static char *
names_json(const List *names)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	foreach(lc, names)
	{
		if (lc != list_head(names))
			appendStringInfoString(&buf, ", ");
		escape_json(&buf, lfirst(lc));
	}
	appendStringInfoChar(&buf, ']');
	return buf.data;
}

static List *
columns_of(const PGresult *result)
{
	List	   *columns = NIL;

	for (int i = 0; i < Min(PQntuples(result), MAX_COLUMNS); i++)
	{
		PublishedColumn *column = palloc0(sizeof(PublishedColumn));

		column->schema = pstrdup(PQgetvalue(result, i, 0));
		column->table = pstrdup(PQgetvalue(result, i, 1));
		column->name = pstrdup(PQgetvalue(result, i, 2));
		column->type = pnstrdup(PQgetvalue(result, i, 3), MAX_NAME);
		if (!PQgetisnull(result, i, 4))
			column->label = pstrdup(PQgetvalue(result, i, 4));
		column->notnull = strcmp(PQgetvalue(result, i, 5), "t") == 0;
		column->nkey = PQgetisnull(result, i, 8) ? 0 : atoi(PQgetvalue(result, i, 8));
		column->key = PQgetisnull(result, i, 6) ? 0 : atoi(PQgetvalue(result, i, 6));
		if (column->key > column->nkey)
			column->key = 0;	/* INCLUDE */
		column->full = strcmp(PQgetvalue(result, i, 7), "t") == 0;
		columns = lappend(columns, column);
	}
	return columns;
}

/* See the header. */
List *
publisher_columns(const char *conninfo, const List *publications,
				  bool must_use_password, char **error)
{
	Talk	   *talk = palloc0(sizeof(Talk));
	List	   *columns = NIL;
	PGresult   *volatile result = NULL;

	Assert(!IsTransactionState());
	talk->deadline = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), guc_publisher_timeout);
	if (!AcquireExternalFD())
	{
		*error = "no file descriptor is left for a connection";
		return NIL;
	}
	PG_TRY();
	{
		if (open_connection(talk, conninfo, must_use_password))
			result = ask(talk, "SELECT pg_catalog.set_config('search_path', '', false)", NULL);
		if (result != NULL)
		{
			int			version = PQserverVersion(talk->conn);

			PQclear(result);
			/* up to 17 generated columns are listed and not sent */
			result = ask(talk, version >= 180000 ? COLUMNS_SQL(" AND a.attname = ANY (p.attnames)") :
						 version >= 150000 ? COLUMNS_SQL(" AND a.attname = ANY (p.attnames) AND a.attgenerated = ''") :
						 COLUMNS_SQL(" AND a.attgenerated = ''"), names_json(publications));
		}
		if (result != NULL)
			columns = columns_of(result);
	}
	PG_FINALLY();
	{
		PQclear(result);
		if (talk->conn != NULL)
			PQfinish(talk->conn);
		ReleaseExternalFD();
	}
	PG_END_TRY();
	*error = talk->error;
	return columns;
}
