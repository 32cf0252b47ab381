/*
 * breaker.c
 *	  The healer of a database stops when the server is in trouble.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "base/trouble.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "record/audit.h"
#include "serve/breaker.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_resume_healer);

/* Internal errors of one table in a row that are no accident: the first may
 * come from a race with somebody's DDL. */
#define INTERNAL_ERRORS 2

static int	internal_errors = 0;
static Oid	internal_relid = InvalidOid;	/* of which table the last one was */

/* A stop that is not written down yet. Process memory: a new worker finds out
 * for itself. */
typedef struct Trip
{
	bool		pending;
	int			sqlerrcode;
	Oid			relid;
	char		message[512];
} Trip;
static Trip trip = {0};

/* May it be tried again by itself? What is used up comes back; what is corrupt
 * does not mend itself. */
static bool
comes_back(int sqlerrcode)
{
	return ERRCODE_TO_CATEGORY(sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES;
}

/* Write the stop down. A trial that fails leaves the first date and waits
 * twice as long, up to an hour. */
static void
write_down(void)
{
	SpiUser		saved;
	SpiArgs		args;
	AuditEntry	entry;
	bool		first;

	spi_xact_begin();
	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, unpack_sql_state(trip.sqlerrcode));
	spi_arg_text(&args, trip.message);
	if (get_rel_name(trip.relid))
		spi_arg_relid(&args, trip.relid);
	else
		spi_arg_null(&args, REGCLASSOID);
	if (comes_back(trip.sqlerrcode) && guc_trial_interval > 0)
		spi_arg_float8(&args, guc_trial_interval);
	else
		spi_arg_null(&args, FLOAT8OID);
	spi_exec("INSERT INTO selfheal.stopped AS s (sqlstate, reason, relid, trial_at)"
			 " VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 second')"
			 " ON CONFLICT (one) DO UPDATE SET sqlstate = $1, reason = $2, relid = $3, trials = s.trials + 1,"
			 " trial_at = clock_timestamp() + least($4 * power(2, least(s.trials + 1, 10)), greatest($4, 3600)) * interval '1 second'"
			 " RETURNING trials = 0", &args);
	first = spi_get_bool(0, 1, NULL);
	spi_close(&saved);
	audit_entry(&entry, "stopped");
	entry.relid = get_rel_name(trip.relid) ? trip.relid : InvalidOid;
	entry.sqlstate = unpack_sql_state(trip.sqlerrcode);
	entry.result = first ? trip.message : psprintf("the trial failed: %s", trip.message);
	audit_write(&entry);
	spi_xact_commit(false);
	trip.pending = false;
}

/* Was the table dropped under our hands? Then an internal error says no more
 * than that. */
static bool
is_gone(Oid relid)
{
	bool		gone;

	if (!OidIsValid(relid))
		return false;
	spi_xact_begin();
	gone = get_rel_name(relid) == NULL;
	spi_xact_commit(true);
	return gone;
}

/* See the header. */
bool
breaker_trips(const ErrorData *edata, Oid relid)
{
	if (!trouble_stops(edata))
	{
		if (!trouble_internal(edata) || is_gone(relid))
			return false;
		internal_errors = relid == internal_relid ? internal_errors + 1 : 1;
		internal_relid = relid;
		if (internal_errors < INTERNAL_ERRORS)
			return false;
	}
	internal_errors = 0;
	trip.pending = true;
	trip.sqlerrcode = edata->sqlerrcode;
	trip.relid = relid;
	strlcpy(trip.message, edata->message ? edata->message : "error without a message", sizeof(trip.message));
	ereport(LOG,
			(errcode(trip.sqlerrcode),
			 errmsg("selfheal stops healing in this database: %s", trip.message),
			 errhint("Loads still hold what does not fit. See the view selfheal.status for what to do.")));
	write_down();
	return true;
}

/* See the header. */
BreakerState
breaker_state(TimestampTz *trial)
{
	BreakerState state = BREAKER_RUNNING;
	SpiUser		saved;
	bool		isnull;

	*trial = 0;
	if (trip.pending)
		write_down();
	spi_xact_begin();
	spi_open(&saved);
	if (spi_exec("SELECT trial_at, trial_at <= clock_timestamp() FROM selfheal.stopped", NULL) > 0)
	{
		state = BREAKER_STOPPED;
		*trial = spi_get_int8(0, 1, &isnull);
		if (isnull)
			*trial = 0;
		else if (spi_get_bool(0, 2, NULL))
			state = BREAKER_TRIAL;
	}
	spi_close(&saved);
	spi_xact_commit(true);
	return state;
}

/* The healer goes on. Returns whether it was stopped. */
static bool
go_on(const char *why)
{
	SpiUser		saved;
	uint64		n;
	AuditEntry	entry;

	spi_open(&saved);
	n = spi_exec("DELETE FROM selfheal.stopped", NULL);
	spi_close(&saved);
	if (n == 0)
		return false;
	audit_entry(&entry, "resumed");
	entry.result = why;
	audit_write(&entry);
	return true;
}

/* See the header. */
void
breaker_well(Oid relid)
{
	if (relid == internal_relid)
		internal_errors = 0;
}

void
breaker_close(void)
{
	spi_xact_begin();
	(void) go_on("a trial went well");
	spi_xact_commit(false);
}

/* resume(): the trouble is over, heal again. */
Datum
selfheal_resume_healer(PG_FUNCTION_ARGS)
{
	shmem_require();
	if (go_on("the healer of the database"))
		shmem_wake_at_commit();
	PG_RETURN_VOID();
}
