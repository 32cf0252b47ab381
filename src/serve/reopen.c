/*
 * reopen.c
 *	  Between two rounds: what is looked at again, and what need not wait any
 *	  more.
 */
#include "postgres.h"

#include "base/spi.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "orient/incident.h"
#include "record/audit.h"
#include "serve/reopen.h"

/* Incidents that wait for approval, or all that rest, are open again, but for
 * those of a plan that a person has rejected: his no stays until he, or a hint
 * or a mapping of the very key, says otherwise. It is not an attempt that failed:
 * uncharged, unless it is to be one more. */
static void
reopen(Oid relid, bool all, bool charge, const char *reason)
{
	SpiUser		saved;
	SpiArgs		args;
	SpiRows		rows;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_bool(&args, all);
	n = spi_exec("SELECT i.id FROM selfheal.incident i WHERE i.relid = $1"
				 " AND i.class NOT IN " INCIDENT_FOR_PEOPLE " AND (i.state = 'awaiting_approval'"
				 " OR ($2 AND i.state IN ('needs_human', 'asking', 'failed', 'awaiting_parent')))"
				 " AND NOT EXISTS (SELECT FROM selfheal.plan p WHERE p.id = i.plan AND p.state = 'rejected'"
				 "  AND NOT EXISTS (SELECT FROM selfheal.hint h WHERE h.relid = i.relid AND h.key = i.column_name"
				 "   AND h.hinted_at > p.decided_at)"
				 "  AND NOT EXISTS (SELECT FROM selfheal.mapping m WHERE m.relid = i.relid AND m.added_at > p.decided_at"
				 "   AND (m.field = i.column_name OR m.column_name = i.column_name OR m.field IS NULL)))"
				 " ORDER BY i.id FOR UPDATE OF i SKIP LOCKED", &args);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		IncidentNote note = {.reason = reason,.uncharge = !charge};

		spi_use(&rows);
		incident_move(spi_get_int8(i, 1, NULL), INCIDENT_OPEN, &note);
	}
	spi_close(&saved);
}

/* See the header. */
void
reopen_table(Oid relid, bool all, const char *reason)
{
	MemoryContext cxt = CurrentMemoryContext;

	spi_xact_begin();
	reopen(relid, all, false, reason);
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
}

/* See the header. Where mappings may have made another row of what was sent it
 * is charged as an attempt: what an insert has refused is tried once more. */
void
reopen_told(void)
{
	ListCell   *lc;

	foreach(lc, hint_changed())
		reopen(lfirst_oid(lc), true, mapping_list(lfirst_oid(lc)) != NIL,
			   "the team has said something new of this table");
}

/* See the header. It is charged as an attempt: what no playbook knows, a
 * constraint's error say, is tried once more. */
void
reopen_altered(void)
{
	SpiUser		saved;
	SpiRows		rows;
	uint64		n;

	spi_open(&saved);
	n = spi_exec("WITH seen AS (UPDATE selfheal.ddl d SET answered = true FROM"
				 "  (SELECT id FROM selfheal.ddl WHERE NOT answered ORDER BY id FOR UPDATE SKIP LOCKED) u"
				 "  WHERE d.id = u.id RETURNING d.id, d.relid, d.role)"
				 " SELECT i.id, i.relid::oid, s.role FROM selfheal.incident i"
				 " JOIN (SELECT DISTINCT ON (relid) relid, role FROM seen ORDER BY relid, id DESC) s USING (relid)"
				 " JOIN pg_class c ON c.oid = i.relid"
				 " WHERE i.state IN ('needs_human', 'asking', 'failed', 'awaiting_approval', 'awaiting_parent')"
				 " AND i.class NOT IN " INCIDENT_FOR_PEOPLE
				 " ORDER BY i.id FOR UPDATE OF i SKIP LOCKED", NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		IncidentNote note = {0};
		AuditEntry	entry;

		spi_use(&rows);
		audit_entry(&entry, "retried");
		entry.incident = spi_get_int8(i, 1, NULL);
		entry.relid = spi_get_oid(i, 2, NULL);
		note.reason = psprintf("the table was changed by %s",
							   spi_get_text(i, 3, CurrentMemoryContext));
		entry.result = note.reason;
		incident_move(entry.incident, INCIDENT_OPEN, &note);
		audit_write(&entry);
	}
	spi_close(&saved);
}

/* See the header. An incident that is open or at work may yet want its plan:
 * then the plan keeps its number. */
void
reopen_retire_plans(void)
{
	SpiUser		saved;
	SpiRows		rows;
	uint64		n;

	spi_open(&saved);
	n = spi_exec("UPDATE selfheal.plan u SET state = 'superseded', reason = d.why FROM"
				 " (SELECT p.id, CASE WHEN p.state = 'planned' THEN 'the worker ended before it ran'"
				 "   WHEN c.oid IS NULL THEN 'the table is gone' ELSE 'no row waits for it any more' END AS why"
				 "  FROM selfheal.plan p LEFT JOIN pg_class c ON c.oid = p.relid"
				 "  WHERE (p.state = 'planned' AND NOT EXISTS (SELECT FROM selfheal.conversation v WHERE v.id = p.conversation AND v.state <> 'ended'))"
				 "  OR (p.state IN ('awaiting_approval', 'approved') AND c.oid IS NULL AND coalesce(p.playbook, '') NOT IN ('create_table', 'subscriber_table'))"
				 "  OR (p.state = 'awaiting_approval' AND (p.proposed_by = 'selfheal' OR p.conversation IS NOT NULL)"
				 "   AND NOT EXISTS (SELECT FROM selfheal.incident i WHERE i.id = ANY (p.incidents)"
				 "    AND i.state NOT IN ('healed', 'dismissed', 'needs_human')))"
				 "  FOR UPDATE OF p SKIP LOCKED) d WHERE u.id = d.id"
				 " RETURNING u.id, u.schema_name, u.table_name, u.incidents[1], u.reason", NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		AuditEntry	entry;

		spi_use(&rows);
		audit_entry(&entry, "refused");
		entry.plan = spi_get_int8(i, 1, NULL);
		entry.schema_name = spi_get_text(i, 2, CurrentMemoryContext);
		entry.table_name = spi_get_text(i, 3, CurrentMemoryContext);
		entry.incident = spi_get_int8(i, 4, NULL);
		entry.result = spi_get_text(i, 5, CurrentMemoryContext);
		audit_write(&entry);
	}
	spi_close(&saved);
}
