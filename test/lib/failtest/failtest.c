/*
 * failtest.c
 *	  The ring of failed statements, seen from SQL; and another library that
 *	  has a log hook.
 *
 * The ring is found in shared memory by its name, through a copy of
 * base/failures.c that is part of this module.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/failures.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

PG_FUNCTION_INFO_V1(failtest_want);
PG_FUNCTION_INFO_V1(failtest_take);
PG_FUNCTION_INFO_V1(failtest_dropped);
PG_FUNCTION_INFO_V1(failtest_forget);
PG_FUNCTION_INFO_V1(failtest_seen);

/* What the copied room asks of others. */
int			guc_max_databases;
int			guc_capture_slots;
int			guc_capture_bytes;
int			guc_capture_rate;

static emit_log_hook_type prev_emit_log = NULL;
static int64 seen = 0;

void
shmem_wake_now(Oid dbid)
{
}

void
shmem_wake_launcher(void)
{
}

/* The other library: it counts errors, and logs a line from inside the hook,
 * by which every hook is called once more, inside itself. */
static void
emit_log(ErrorData *edata)
{
	static bool inside = false;

	if (edata->elevel == ERROR)
	{
		seen++;
		if (!inside)
		{
			inside = true;
			ereport(LOG, (errmsg("failtest has seen an error"), errhidestmt(true)));
			inside = false;
		}
	}
	if (prev_emit_log)
		prev_emit_log(edata);
}

void
_PG_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	prev_emit_log = emit_log_hook;
	emit_log_hook = emit_log;
}

static int
setting(const char *name)
{
	return atoi(GetConfigOption(name, false, false));
}

/* Find the ring, by the room's own startup hook, which is run alone. */
static void
attach(void)
{
	static bool attached = false;
	shmem_request_hook_type request = shmem_request_hook;
	shmem_startup_hook_type startup = shmem_startup_hook;

	guc_capture_rate = setting("selfheal.capture_rate");
	if (attached)
		return;
	guc_max_databases = setting("selfheal.max_databases");
	guc_capture_slots = setting("selfheal.capture_slots");
	guc_capture_bytes = setting("selfheal.capture_bytes");
	shmem_startup_hook = NULL;
	failures_init();
	shmem_startup_hook();
	shmem_startup_hook = startup;
	shmem_request_hook = request;
	attached = true;
}

Datum
failtest_want(PG_FUNCTION_ARGS)
{
	attach();
	failures_want(PG_GETARG_BOOL(0));
	PG_RETURN_VOID();
}

Datum
failtest_forget(PG_FUNCTION_ARGS)
{
	attach();
	failures_forget(PG_GETARG_OID(0));
	PG_RETURN_VOID();
}

Datum
failtest_seen(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64(seen);
}

Datum
failtest_dropped(PG_FUNCTION_ARGS)
{
	uint64		full;
	uint64		repeated;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	attach();
	failures_dropped(&full, &repeated);
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "no row is asked for");
	values[0] = Int64GetDatum(full);
	values[1] = Int64GetDatum(repeated);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

/* ---- one failure as JSON ---- */

static void
add_text(StringInfo out, const char *name, const char *value)
{
	appendStringInfo(out, "%s\"%s\": ", out->len > 1 ? ", " : "", name);
	if (value)
		escape_json(out, value);
	else
		appendStringInfoString(out, "null");
}

static void
add_number(StringInfo out, const char *name, int64 value)
{
	appendStringInfo(out, ", \"%s\": " INT64_FORMAT, name, value);
}

/* The value of a parameter, by its type's output function. */
static char *
shown(const FailureParam *p)
{
	Oid			output;
	bool		varlena;
	Datum		datum;

	if (!p->known)
		return "?";
	if (p->isnull)
		return NULL;
	getTypeOutputInfo(p->type, &output, &varlena);
	if (get_typbyval(p->type))
		memcpy(&datum, p->data, sizeof(datum));
	else
		datum = PointerGetDatum(p->data);
	return OidOutputFunctionCall(output, datum);
}

static char *
as_json(const Failure *f)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	add_text(&out, "sqlstate", unpack_sql_state(f->sqlstate));
	add_text(&out, "at", timestamptz_to_str(f->at));
	add_text(&out, "role", GetUserNameFromId(f->role, false));
	add_text(&out, "outer_role", GetUserNameFromId(f->outer_role, false));
	add_text(&out, "session_role", GetUserNameFromId(f->session_role, false));
	add_text(&out, "message", f->message);
	add_text(&out, "detail", f->detail);
	add_text(&out, "hint", f->hint);
	add_text(&out, "context", f->context);
	add_text(&out, "schema_name", f->schema_name);
	add_text(&out, "table_name", f->table_name);
	add_text(&out, "column_name", f->column_name);
	add_text(&out, "datatype_name", f->datatype_name);
	add_text(&out, "constraint_name", f->constraint_name);
	add_text(&out, "statement", f->statement);
	add_text(&out, "inner", f->inner);
	add_text(&out, "application", f->application);
	add_text(&out, "search_path", f->search_path);
	add_text(&out, "timezone", f->timezone);
	add_text(&out, "datestyle", f->datestyle);
	add_text(&out, "intervalstyle", f->intervalstyle);
	add_text(&out, "client_encoding", f->client_encoding);
	add_text(&out, "bytea_output", f->bytea_output);
	add_text(&out, "xmloption", f->xmloption);
	add_text(&out, "target", OidIsValid(f->target) ? get_rel_name(f->target) : NULL);
	add_number(&out, "number", f->number);
	add_number(&out, "pid", f->pid);
	add_number(&out, "start", f->start);
	add_number(&out, "length", f->length);
	add_number(&out, "position", f->position);
	add_number(&out, "inner_position", f->inner_position);
	add_number(&out, "alone", f->alone);
	add_number(&out, "escapes", f->escapes);
	add_number(&out, "clipped", f->statement_clipped);
	add_number(&out, "inner_clipped", f->inner_clipped);
	appendStringInfoString(&out, ", \"params\": [");
	for (int i = 0; i < f->nparams; i++)
	{
		char	   *value = shown(&f->params[i]);

		if (i > 0)
			appendStringInfoString(&out, ", ");
		if (value)
			escape_json(&out, value);
		else
			appendStringInfoString(&out, "null");
	}
	appendStringInfoString(&out, "]}");
	return out.data;
}

Datum
failtest_take(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Failure    *f;

	attach();
	InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
	while ((f = failures_take()) != NULL)
	{
		bool		null = false;
		Datum		json = DirectFunctionCall1(jsonb_in, CStringGetDatum(as_json(f)));

		tuplestore_putvalues(result->setResult, result->setDesc, &json, &null);
	}
	return (Datum) 0;
}
