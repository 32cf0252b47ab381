/*
 * load.c
 *	  One row per load: who sent it, when, under which settings.
 *
 * The row is written when the load ends, in the producer's transaction; its
 * id is taken at the start, since held rows point at it before. Every load
 * has one, a single INSERT too, so it is appended without SQL.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/load.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

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

/* See the header. */
void
load_write(int64 id, Oid relid, LoadSource source, int64 stored, int64 held,
		   int64 skipped)
{
	Appender   *a = append_open("load");
	Datum		values[16];
	bool		nulls[16] = {0};
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
	values[13] = Int64GetDatum(stored);
	values[14] = Int64GetDatum(held);
	values[15] = Int64GetDatum(skipped);
	append_row(a, 16, values, nulls);
	append_close(a);
}

/* See the header. */
bool
load_settings(int64 id, LoadSettings *out)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	found = spi_exec("SELECT role, timezone, datestyle, intervalstyle, search_path"
					 " FROM selfheal.load WHERE id = $1", &args) > 0;
	if (found)
	{
		out->role = spi_get_text(0, 1, cxt);
		out->timezone = spi_get_text(0, 2, cxt);
		out->datestyle = spi_get_text(0, 3, cxt);
		out->intervalstyle = spi_get_text(0, 4, cxt);
		out->search_path = spi_get_text(0, 5, cxt);
	}
	spi_close(&saved);
	return found;
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
