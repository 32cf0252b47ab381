/*
 * runbook.c
 *	  The team's own words about a watched table.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/runbook.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(selfheal_set_runbook);
PG_FUNCTION_INFO_V1(selfheal_runbook);

/* See the header. */
char *
runbook_get(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *text = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT text FROM selfheal.runbook WHERE relid = $1", &args) > 0)
		text = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return text;
}

/* The table, which the caller may do this with, and is watched. */
static Oid
table_arg(FunctionCallInfo fcinfo, WatchNeed need)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Watch		watch;

	watch_check_table(relid, need);
	watch_check_watched(relid, &watch);
	return relid;
}

/*
 * set_runbook("table", text): null or '' takes it away. Errors: the table's,
 * 42704 (not watched), 22023 (too long).
 */
Datum
selfheal_set_runbook(PG_FUNCTION_ARGS)
{
	Oid			relid = table_arg(fcinfo, WATCH_NEED_OWNER);
	const char *by = GetUserNameFromId(GetUserId(), false);
	char	   *words = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	char	   *before = runbook_get(relid);
	AuditEntry	entry;
	SpiUser		saved;
	SpiArgs		args;

	if (words && words[0] == '\0')
		words = NULL;
	if (words && strlen(words) > RUNBOOK_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the runbook has %zu bytes", strlen(words)),
				 errhint("It may have %d: it is read whole with each incident of the table.", RUNBOOK_BYTES)));
	if (strcmp(words ? words : "", before ? before : "") == 0)
		PG_RETURN_VOID();
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (words == NULL)
		spi_exec("DELETE FROM selfheal.runbook WHERE relid = $1", &args);
	else
	{
		spi_arg_text(&args, words);
		spi_arg_text(&args, by);
		spi_exec("INSERT INTO selfheal.runbook (relid, text, written_by) VALUES ($1, $2, $3)"
				 " ON CONFLICT (relid) DO UPDATE SET text = $2, written_by = $3, written_at = clock_timestamp()", &args);
	}
	spi_close(&saved);
	audit_entry(&entry, "policy_changed");
	entry.relid = relid;
	entry.result = words ? "runbook written" : "runbook taken away";
	entry.explanation = words;
	audit_write(&entry);
	PG_RETURN_VOID();
}

/* runbook("table"): the text, or null. Errors: as above. */
Datum
selfheal_runbook(PG_FUNCTION_ARGS)
{
	char	   *words = runbook_get(table_arg(fcinfo, WATCH_NEED_READ));

	if (words == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(words));
}
