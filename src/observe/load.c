/*
 * load.c
 *	  One row per load: who sent it, when, under which settings.
 *
 * The row is written when the load ends, in the producer's transaction; its
 * id is taken at the start, since held rows point at it before. Every load
 * has one, a single INSERT too, so it is appended without SQL.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/load.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* So many loads, and the worker looks for what is old (retention.c). */
#define WAKE_EVERY 1000

PG_FUNCTION_INFO_V1(selfheal_last_load_ids);

/* The last load at one level of nested transactions. */
typedef struct LastLoad
{
	int			level;			/* 0: committed */
	int64		id;
	int64		first_error;	/* its reasons are between these; 0 = none */
	int64		last_error;
	Oid			role;			/* of the session then: see last_load_ids */
	struct LastLoad *outer;
} LastLoad;

/* The innermost one. Those of open transactions live in their memory. */
static LastLoad committed = {0};
static LastLoad *last = &committed;

static const char *const source_names[] = {"insert", "copy", "ingest", "report", "statement"};

/* See the header. */
int64
load_next_id(void)
{
	return append_next_id("load_id_seq");
}

/*
 * Address of the client, or null over a local socket and in background
 * workers. Asked of inet_client_addr, so that no file of ours needs the
 * port's structure.
 */
static Datum
client_address(bool *isnull)
{
	LOCAL_FCINFO(fcinfo, 0);
	Datum		inet;

	*isnull = true;
	if (MyProcPort == NULL)
		return (Datum) 0;
	InitFunctionCallInfoData(*fcinfo, NULL, 0, InvalidOid, NULL, NULL);
	inet = inet_client_addr(fcinfo);
	if (fcinfo->isnull)
		return (Datum) 0;
	*isnull = false;
	return DirectFunctionCall1(network_show, inet);
}

/* A setting as text datum; it always exists. */
static Datum
setting(const char *name)
{
	return CStringGetTextDatum(GetConfigOption(name, false, false));
}

/* ---- the session's last load ---- */

/* The load that has just ended is the last one at this level. */
static void
remember_last(int64 id, const LoadCounts *counts)
{
	int			level = GetCurrentTransactionNestLevel();

	if (last->level != level)
	{
		LastLoad   *inner = MemoryContextAlloc(TopTransactionContext, sizeof(LastLoad));

		inner->level = level;
		inner->outer = last;
		last = inner;
	}
	last->id = id;
	last->first_error = counts->first_error;
	last->last_error = counts->last_error;
	last->role = GetOuterUserId();
}

/* A load that belongs to the level above from now on. */
static void
take_over(LastLoad *outer, const LastLoad *inner)
{
	outer->id = inner->id;
	outer->first_error = inner->first_error;
	outer->last_error = inner->last_error;
	outer->role = inner->role;
}

/* What was done at the last level belongs to the one above it now. */
static void
hand_up(int level)
{
	LastLoad   *inner = last;

	if (inner->outer->level == level - 1)
	{
		last = inner->outer;
		take_over(last, inner);
		pfree(inner);
	}
	else
		inner->level = level - 1;
}

static void
subxact_callback(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	int			level = GetCurrentTransactionNestLevel();

	if (last->level < level)
		return;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		hand_up(level);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		LastLoad   *inner = last;

		last = inner->outer;
		pfree(inner);
	}
}

/* A prepared transaction is as good as committed to who prepared it: should
 * it be rolled back, its load is not there to be told of. */
static void
xact_callback(XactEvent event, void *arg)
{
	if (last == &committed)
		return;
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE)
		take_over(&committed, last);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE ||
		event == XACT_EVENT_ABORT)
		last = &committed;
}

/*
 * last_load_ids(): the session's last load that was not rolled back, or nulls.
 * Nobody is told of a load that the session made in another role: a pool
 * hands it from one user to the next.
 */
Datum
selfheal_last_load_ids(PG_FUNCTION_ARGS)
{
	bool		none = last->id == 0 || last->role != GetOuterUserId();
	Datum		values[3];
	bool		nulls[3] = {none, none, none};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "last_load_ids must return a record");
	values[0] = Int64GetDatum(last->id);
	values[1] = Int64GetDatum(last->first_error);
	values[2] = Int64GetDatum(last->last_error);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}

/* See the header. */
void
load_init(void)
{
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}

/* ---- the row ---- */

/* Columns of selfheal.load by position, from 0. */
enum
{
	COLUMN_ID,
	COLUMN_RELID,
	COLUMN_SCHEMA_NAME,
	COLUMN_TABLE_NAME,
	COLUMN_AT,
	COLUMN_SOURCE,
	COLUMN_ROLE,
	COLUMN_APPLICATION,
	COLUMN_CLIENT,
	COLUMN_TIMEZONE,
	COLUMN_DATESTYLE,
	COLUMN_INTERVALSTYLE,
	COLUMN_SEARCH_PATH,
	COLUMN_STORED,
	COLUMN_HELD,
	COLUMN_SKIPPED,
	COLUMN_ALREADY,
	COLUMN_LOAD_ID,
	COLUMN_DISCARDED_ROWS,
	COLUMN_DISCARDED_VALUES,
	COLUMN_CLIENT_ENCODING,
	COLUMN_BYTEA_OUTPUT,
	COLUMN_XMLOPTION,
	COLUMN_EXCLUDED,
	COLUMN_CONDITION,
	COLUMNS						/* how many there are */
};

/* What every load has: number, table, time, source and counts; the others are
 * null. */
static void
begin_row(Datum *values, bool *nulls, int64 id, Oid relid, LoadSource source,
		  TimestampTz at, const LoadCounts *counts)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	char	   *table = get_rel_name(relid);

	if (schema == NULL || table == NULL)
		elog(ERROR, "table %u vanished under its load", relid);
	memset(nulls, false, sizeof(bool) * COLUMNS);
	values[COLUMN_ID] = Int64GetDatum(id);
	values[COLUMN_RELID] = ObjectIdGetDatum(relid);
	values[COLUMN_SCHEMA_NAME] = CStringGetTextDatum(schema);
	values[COLUMN_TABLE_NAME] = CStringGetTextDatum(table);
	values[COLUMN_AT] = TimestampTzGetDatum(at);
	values[COLUMN_SOURCE] = CStringGetTextDatum(source_names[source]);
	values[COLUMN_STORED] = Int64GetDatum(counts->stored);
	values[COLUMN_HELD] = Int64GetDatum(counts->held);
	values[COLUMN_SKIPPED] = Int64GetDatum(counts->skipped);
	values[COLUMN_ALREADY] = Int64GetDatum(counts->already);
	values[COLUMN_DISCARDED_ROWS] = Int64GetDatum(counts->discarded_rows);
	values[COLUMN_DISCARDED_VALUES] = Int64GetDatum(counts->discarded_values);
	values[COLUMN_EXCLUDED] = Int64GetDatum(counts->excluded);
	nulls[COLUMN_CONDITION] = counts->condition == NULL;
	if (counts->condition)
		values[COLUMN_CONDITION] = CStringGetTextDatum(counts->condition);
}

static void
set_text(Datum *values, bool *nulls, int column, const char *value)
{
	nulls[column] = value == NULL || value[0] == '\0';
	values[column] = nulls[column] ? (Datum) 0 : CStringGetTextDatum(value);
}

static void
write_row(Datum *values, bool *nulls)
{
	Appender   *a = append_open("load");

	append_row(a, COLUMNS, values, nulls);
	append_close(a);
}

/* See the header. */
void
load_write(int64 id, Oid relid, LoadSource source, const LoadCounts *counts)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];

	begin_row(values, nulls, id, relid, source, GetCurrentTimestamp(), counts);
	values[COLUMN_ROLE] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	set_text(values, nulls, COLUMN_APPLICATION, application_name);
	values[COLUMN_CLIENT] = client_address(&nulls[COLUMN_CLIENT]);
	values[COLUMN_TIMEZONE] = setting("TimeZone");
	values[COLUMN_DATESTYLE] = setting("DateStyle");
	values[COLUMN_INTERVALSTYLE] = setting("IntervalStyle");
	values[COLUMN_SEARCH_PATH] = setting("search_path");
	set_text(values, nulls, COLUMN_LOAD_ID, guc_load_id);
	nulls[COLUMN_CLIENT_ENCODING] = nulls[COLUMN_BYTEA_OUTPUT] = nulls[COLUMN_XMLOPTION] = true;
	write_row(values, nulls);
	if (source != LOAD_REPORT)
		remember_last(id, counts);
	if (id % WAKE_EVERY == 0)
		shmem_wake_at_commit();
}

/* See the header. */
void
load_write_statement(int64 id, Oid relid, const LoadSettings *settings,
					 const char *application, TimestampTz at)
{
	LoadCounts	counts = {.held = 1};
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];

	begin_row(values, nulls, id, relid, LOAD_STATEMENT, at, &counts);
	values[COLUMN_ROLE] = CStringGetTextDatum(settings->role);
	set_text(values, nulls, COLUMN_APPLICATION, application);
	nulls[COLUMN_CLIENT] = nulls[COLUMN_LOAD_ID] = true;
	values[COLUMN_TIMEZONE] = CStringGetTextDatum(settings->timezone);
	values[COLUMN_DATESTYLE] = CStringGetTextDatum(settings->datestyle);
	values[COLUMN_INTERVALSTYLE] = CStringGetTextDatum(settings->intervalstyle);
	values[COLUMN_SEARCH_PATH] = CStringGetTextDatum(settings->search_path);
	set_text(values, nulls, COLUMN_CLIENT_ENCODING, settings->client_encoding);
	set_text(values, nulls, COLUMN_BYTEA_OUTPUT, settings->bytea_output);
	set_text(values, nulls, COLUMN_XMLOPTION, settings->xmloption);
	write_row(values, nulls);
}

/* See the header. Whoever sends one row per transaction has as many loads as
 * rows, but hardly more settings than anybody else. */
const LoadSettings **
load_settings_of(const int64 *ids, int n)
{
	MemoryContext cxt = CurrentMemoryContext;
	const LoadSettings **all = palloc0(sizeof(LoadSettings *) * Max(n, 1));
	SpiUser		saved;
	SpiArgs		args;
	uint64		groups;

	spi_open(&saved);
	spi_set_local("enable_seqscan", "off");
	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	spi_arg_timestamptz(&args, GetCurrentTimestamp() - (TimestampTz) guc_replay_window * USECS_PER_SEC);
	groups = spi_exec("SELECT l.role, l.timezone, l.datestyle, l.intervalstyle, l.search_path, array_agg(w.n),"
					  " l.client_encoding, l.bytea_output, l.xmloption, l.source = 'statement' AS statement, l.source = 'statement' AND l.at < $2 AS expired, l.condition"
					  " FROM unnest($1) WITH ORDINALITY AS w(id, n) JOIN selfheal.load l ON l.id = w.id"
					  " GROUP BY 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12", &args);
	for (uint64 i = 0; i < groups; i++)
	{
		LoadSettings *settings = MemoryContextAlloc(cxt, sizeof(LoadSettings));
		Datum	   *positions;
		int			npositions;
		bool		isnull;

		settings->role = spi_get_text(i, 1, cxt);
		settings->timezone = spi_get_text(i, 2, cxt);
		settings->datestyle = spi_get_text(i, 3, cxt);
		settings->intervalstyle = spi_get_text(i, 4, cxt);
		settings->search_path = spi_get_text(i, 5, cxt);
		settings->client_encoding = spi_get_text(i, 7, cxt);
		settings->bytea_output = spi_get_text(i, 8, cxt);
		settings->xmloption = spi_get_text(i, 9, cxt);
		settings->statement = spi_get_bool(i, 10, NULL);
		settings->expired = spi_get_bool(i, 11, NULL);
		settings->condition = spi_get_text(i, 12, cxt);
		deconstruct_array(DatumGetArrayTypeP(SPI_getbinval(SPI_tuptable->vals[i],
														   SPI_tuptable->tupdesc, 6, &isnull)),
						  INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
						  &positions, NULL, &npositions);
		for (int j = 0; j < npositions; j++)
			all[DatumGetInt64(positions[j]) - 1] = settings;
	}
	spi_close(&saved);
	return all;
}

/* See the header. The values were in force in a session once, so they are
 * valid; a time zone that was removed since raises 22023. */
void
load_apply_settings(const LoadSettings *settings)
{
	spi_set_local("TimeZone", settings->timezone);
	spi_set_local("DateStyle", settings->datestyle);
	spi_set_local("IntervalStyle", settings->intervalstyle);
	spi_set_local("search_path", settings->search_path);
	if (settings->client_encoding)
		spi_set_local("client_encoding", settings->client_encoding);
	if (settings->bytea_output)
		spi_set_local("bytea_output", settings->bytea_output);
	if (settings->xmloption)
		spi_set_local("xmloption", settings->xmloption);
}
