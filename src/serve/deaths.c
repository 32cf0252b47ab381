/*
 * deaths.c
 *	  Works that may take the server down are counted before they begin.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "serve/deaths.h"

/* Where the attempts stand. */
static const char *const tables[] = {
	"selfheal.incident", "selfheal.plan", "selfheal.learnt"
};

StaticAssertDecl(lengthof(tables) == DEATHS_OF_LEARNT + 1,
				 "every work has a table");

/* See the header. */
bool
deaths_charge(DeathsOf what, int64 id)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		charged;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_int8(&args, guc_max_attempts);
	charged = spi_exec(psprintf("UPDATE %s w SET attempts = CASE WHEN o.attempts < $2 THEN o.attempts + 1 ELSE $2 - 1 END"
								" FROM (SELECT id, attempts FROM %s WHERE id = $1 FOR UPDATE) o WHERE w.id = o.id"
								" RETURNING o.attempts < $2", tables[what], tables[what]), &args) > 0 &&
		spi_get_bool(0, 1, NULL);
	spi_close(&saved);
	return charged;
}

/* See the header. */
void
deaths_none(DeathsOf what, int64 id)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_exec(psprintf("UPDATE %s SET attempts = 0 WHERE id = $1 AND attempts > 0", tables[what]), &args);
	spi_close(&saved);
}

/* See the header. */
char *
deaths_reason(const char *work)
{
	return psprintf("%s ended with the death of its process %d times: see the server log", work, guc_max_attempts);
}

/* See the header. */
void
deaths_give_up(int64 incident, Oid relid, int64 plan, const char *work)
{
	IncidentNote note = {.human = HUMAN_DEADLY};
	AuditEntry	entry;

	audit_entry(&entry, "apply_failed");
	entry.relid = relid;
	entry.incident = incident;
	entry.plan = plan;
	entry.result = deaths_reason(work);
	audit_write(&entry);
	note.reason = psprintf("%s; retry() when the cause is gone", entry.result);
	incident_move(incident, INCIDENT_NEEDS_HUMAN, &note);
}

/* See the header. */
void
deaths_of_heals(Oid relid)
{
	int			n;
	int64	   *ids = incident_deadly(relid, &n);

	for (int i = 0; i < n; i++)
		deaths_give_up(ids[i], relid, 0, "its heal");
}
