/*
 * duplicates.c
 *	  Held rows that met a stored row at a unique key: each is tried once.
 *
 * Whether a row equals the stored one is for the replay to say (present.c). A
 * hundred thousand rows that differ are not to be tried again for each that
 * comes: their errors are marked.
 */
#include "postgres.h"

#include "act/replay.h"
#include "base/guc.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "serve/carry.h"
#include "serve/duplicates.h"
#include "utils/memutils.h"

/* What became of an incident's rows. */
typedef struct Attempted
{
	bool		busy;			/* all were tried but for those in somebody's
								 * hands */
	char	   *refusal;
} Attempted;

/* All errors that belong to it now were among those that were tried: nobody but
 * us gives it more. */
static void
mark_tried(int64 incident)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incident);
	spi_exec("UPDATE selfheal.error SET tried = true WHERE incident = $1 AND tried IS NOT TRUE", &args);
	spi_close(&saved);
}

/* Where the incident stands now. */
static void
settle(const Incident *inc, const Attempted *tried)
{
	int64		left = held_count(inc->relid, &inc->id, 1);
	IncidentNote note = {.human = HUMAN_NO_PLAYBOOK,.uncharge = true};

	if (left == 0)
	{
		incident_move(inc->id, INCIDENT_HEALED, NULL);
		return;
	}
	if (tried->busy)
	{
		note.reason = "somebody has rows of it in hand";
		note.next_try = carry_later(inc->relid);
		note.uncharge = true;
		incident_move(inc->id, INCIDENT_WAITING_LOCK, &note);
		return;
	}
	note.reason = psprintf("unique: " INT64_FORMAT " row%s a stored row by key and %s not known to equal it: amend() or "
						   "discard() what is held, or change what is stored and retry()",
						   left, left == 1 ? " meets" : "s meet", left == 1 ? "is" : "are");
	if (tried->refusal)
	{
		note.reason = tried->refusal;
		note.human = HUMAN_RESTRICTED;
	}
	else
		mark_tried(inc->id);
	incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &note);
}

/* One audit row for a chunk of rows that went in, or are there. */
static void
record(const Incident *inc, const ReplayResult *chunk)
{
	AuditEntry	entry;

	if (chunk->replayed == 0)
		return;
	audit_entry(&entry, "replayed");
	entry.relid = inc->relid;
	entry.incident = inc->id;
	entry.payload_ref = chunk->payload_ref;
	entry.rows_replayed = chunk->replayed;
	entry.rows_left = held_count(inc->relid, &inc->id, 1);
	entry.rows_held = entry.rows_left + chunk->replayed;
	entry.result = "there already, or without a rival now";
	entry.ms_since_capture = round_ms_since(inc->first_seen);
	audit_write(&entry);
}

/* Try the rows of one incident that were not tried yet. */
static void
try_incident(const Incident *inc)
{
	MemoryContext cxt = CurrentMemoryContext;
	MemoryContext chunk_cxt = AllocSetContextCreate(cxt, "selfheal duplicates chunk",
													ALLOCSET_DEFAULT_SIZES);
	Attempted	tried = {0};
	int64		after = 0;
	bool		more = true;

	while (more)
	{
		ReplayResult *chunk;

		CHECK_FOR_INTERRUPTS();
		spi_xact_begin();
		MemoryContextSwitchTo(chunk_cxt);
		chunk = replay_untried(inc->relid, inc->id, after, guc_replay_chunk);
		after = chunk->last_id;
		tried.busy |= chunk->busy != 0;
		if (chunk->refusal)
			tried.refusal = MemoryContextStrdup(cxt, chunk->refusal);
		record(inc, chunk);
		more = chunk->more;
		if (!more)
			settle(inc, &tried);
		spi_xact_commit(chunk->replayed == 0);
		MemoryContextReset(chunk_cxt);
	}
	MemoryContextSwitchTo(cxt);
	MemoryContextDelete(chunk_cxt);
}

/* See the header. A report without a payload has no row to try. */
void
duplicates_try(Round *round)
{
	MemoryContext cxt = CurrentMemoryContext;
	ListCell   *lc;

	foreach(lc, round->claimed)
	{
		const Incident *inc = lfirst(lc);
		AuditEntry	entry;
		int			n;

		if (fit_class_from_name(inc->class) != FIT_UNIQUE)
			continue;
		spi_xact_begin();
		MemoryContextSwitchTo(cxt);
		(void) held_of_incident(inc->id, 1, &n);
		if (n > 0)
		{
			audit_entry(&entry, "diagnosed");
			entry.incident = inc->id;
			entry.relid = round->relid;
			entry.packet = incident_packet(inc, NULL);
			entry.explanation = "A row has met a stored one at a unique key: one that equals it is there already, another is held.";
			entry.ms_since_capture = round_ms_since(inc->first_seen);
			entry.result = "tried";
			audit_write(&entry);
		}
		spi_xact_commit(true);
		MemoryContextSwitchTo(cxt);
		if (n == 0)
			continue;
		try_incident(inc);
		round->claimed = foreach_delete_current(round->claimed, lc);
	}
}
