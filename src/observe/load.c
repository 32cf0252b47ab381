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

static const char *const source_names[] = {"insert", "copy", "ingest", "report"};

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

/* See the header. */
void
load_write(int64 id, Oid relid, LoadSource source, const LoadCounts *counts)
{
	Appender   *a = append_open("load");
	Datum		values[20];
	bool		nulls[20] = {0};
	char	   *schema = get_namespace_name(get_rel_namespace(relid));
	char	   *table = get_rel_name(relid);

	if (schema == NULL || table == NULL)
		elog(ERROR, "table %u vanished under its load", relid);

	values[0] = Int64GetDatum(id);
	values[1] = ObjectIdGetDatum(relid);
	values[2] = CStringGetTextDatum(schema);
	values[3] = CStringGetTextDatum(table);
	values[4] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[5] = CStringGetTextDatum(source_names[source]);
	values[6] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	values[7] = CStringGetTextDatum(application_name ? application_name : "");
	nulls[7] = application_name == NULL || application_name[0] == '\0';
	values[8] = client_address(&nulls[8]);
	values[9] = setting("TimeZone");
	values[10] = setting("DateStyle");
	values[11] = setting("IntervalStyle");
	values[12] = setting("search_path");
	values[13] = Int64GetDatum(counts->stored);
	values[14] = Int64GetDatum(counts->held);
	values[15] = Int64GetDatum(counts->skipped);
	values[16] = Int64GetDatum(counts->already);
	values[17] = CStringGetTextDatum(guc_load_id ? guc_load_id : "");
	nulls[17] = guc_load_id == NULL || guc_load_id[0] == '\0';
	values[18] = Int64GetDatum(counts->discarded_rows);
	values[19] = Int64GetDatum(counts->discarded_values);
	append_row(a, 20, values, nulls);
	append_close(a);
	if (source != LOAD_REPORT)
		remember_last(id, counts);
	if (id % WAKE_EVERY == 0)
		shmem_wake_at_commit();
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
	groups = spi_exec("SELECT l.role, l.timezone, l.datestyle, l.intervalstyle, l.search_path, array_agg(w.n)"
					  " FROM unnest($1) WITH ORDINALITY AS w(id, n) JOIN selfheal.load l ON l.id = w.id"
					  " GROUP BY 1, 2, 3, 4, 5", &args);
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
}
