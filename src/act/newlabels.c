/*
 * newlabels.c
 *	  Adds the new labels of a vetted plan to their enums.
 *
 * A crash after it leaves labels that nobody uses yet: the plan is still
 * there, the labels are passed over when it runs again.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "act/newlabels.h"
#include "base/guc.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "decide/rebuild.h"
#include "decide/render.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/syscache.h"

typedef struct NewLabels
{
	Oid			owner;
	const List *statements;
} NewLabels;

/* Body of the subtransaction. */
static void
add_labels(void *arg)
{
	NewLabels  *job = arg;
	SpiUser		saved;
	char		timeout[16];
	ListCell   *lc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	spi_become(&saved, job->owner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, true);
	snprintf(timeout, sizeof(timeout), "%d", Max(guc_lock_timeout, 1));
	spi_set_local("lock_timeout", timeout);
	foreach(lc, job->statements)
		spi_exec(lfirst(lc), NULL);
	spi_resume(&saved);
	SPI_finish();
}

/* See the header. */
ApplyResult *
newlabels_apply(const VettedPlan *plan, const char *expected_hash)
{
	const HealPlan *p = vetted_plan(plan);
	ApplyResult *result = palloc0(sizeof(ApplyResult));
	NewLabels	job = {.statements = render_statements(p, STEP_BEFORE)};
	StringInfoData text;
	HeapTuple	tup;
	ErrorData  *edata;
	ListCell   *lc;

	result->outcome = APPLY_DONE;
	if (job.statements == NIL)
		return result;
	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(p->relid));
	if (!HeapTupleIsValid(tup) ||
		strcmp(rebuild_schema_hash(p), expected_hash) != 0)
	{
		if (HeapTupleIsValid(tup))
			ReleaseSysCache(tup);
		result->outcome = APPLY_STALE;
		return result;
	}
	job.owner = ((Form_pg_class) GETSTRUCT(tup))->relowner;
	ReleaseSysCache(tup);

	edata = spi_try_locked(add_labels, &job);
	if (edata != NULL)
	{
		result->edata = edata;
		result->outcome = edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
			edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ?
			APPLY_NO_LOCK : APPLY_FAILED;
		return result;
	}
	initStringInfo(&text);
	foreach(lc, job.statements)
		appendStringInfo(&text, "%s%s", text.len ? "; " : "", (char *) lfirst(lc));
	result->sql = text.data;
	return result;
}
