/*
 * waiting.c
 *	  Held rows whose foreign key misses its parent: they wait for it.
 *
 * A look reads all rows of the incident and asks one query for each foreign
 * key and chunk, but writes nothing for those that wait on. So what it costs
 * grows with the rows that wait, not with those that others hold, and a parent
 * into which much is written must not make us look all the time: after a look
 * that took long, or after several that found nothing, the next one waits ten
 * times as long as the last one took.
 */
#include "postgres.h"

#include "act/replay.h"
#include "base/awaited.h"
#include "base/guc.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "orient/awaiting.h"
#include "serve/carry.h"
#include "serve/deaths.h"
#include "serve/waiting.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Looks in a row that found nothing before they are put off. */
#define FRUITLESS 10

/* A look that takes longer is put off even if it finds something. */
#define LONG_LOOK_MS 100
#define SHORTEST_PAUSE_MS 200
#define PAUSE_TIMES 10

/* Process memory: a new worker begins anew. */
static bool published = false;
static bool in_vain = false;	/* there was no room for what is waited for */
static int	fruitless = 0;
static TimestampTz not_before = 0;

/* ---- who is to be told ---- */

/* Let everybody know which tables are waited for: those of all incidents that
 * wait, or those of one more table, whatever its rows miss. */
static void
publish(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *tables = NIL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_bool(&args, OidIsValid(relid));
	n = spi_exec("SELECT DISTINCT r.relid::oid, a.parent::oid FROM"
				 " (SELECT parent FROM selfheal.awaited WHERE NOT $2"
				 "  UNION SELECT confrelid FROM pg_constraint WHERE $2 AND contype = 'f' AND (conrelid = $1"
				 "   OR conrelid IN (SELECT t.relid FROM pg_partition_tree($1) t))) a"
				 " CROSS JOIN LATERAL (SELECT a.parent AS relid UNION SELECT t.relid FROM pg_partition_tree(a.parent) t"
				 "  UNION SELECT x.relid FROM pg_partition_ancestors(a.parent) x (relid)) r", &args);
	for (uint64 i = 0; i < n; i++)
	{
		AwaitedTable *t = MemoryContextAlloc(cxt, sizeof(AwaitedTable));
		MemoryContext old = MemoryContextSwitchTo(cxt);

		t->relid = spi_get_oid(i, 1, NULL);
		t->parent = spi_get_oid(i, 2, NULL);
		tables = lappend(tables, t);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	awaited_publish(tables, !OidIsValid(relid));
}

/* Do rows wait though no table is published? They came with a restore, which
 * may not have come to their foreign keys yet: so they are not looked at. */
static bool
unpublished(void)
{
	SpiUser		saved;
	bool		waits;

	if (in_vain || !awaited_none())
		return false;
	spi_open(&saved);
	waits = spi_exec("SELECT FROM selfheal.awaited LIMIT 1", NULL) > 0;
	spi_close(&saved);
	return waits;
}

/*
 * See the header. When nothing is published, the server has just started: what
 * was stored meanwhile nobody has noted.
 */
void
waiting_collect(void)
{
	static bool under_way = false;	/* and when we begin: cut short last time */
	bool		again = under_way;
	List	   *parents;
	bool		all;

	if (not_before > GetCurrentTimestamp())
		return;
	under_way = true;
	if ((!awaited_take(&parents, &all) && !published) || again)
	{
		publish(InvalidOid);
		all = true;
	}
	else if (unpublished())
	{
		publish(InvalidOid);
		in_vain = awaited_none();
	}
	published = true;
	if (all)
		awaiting_parents_came(NIL);
	else if (parents != NIL)
		awaiting_parents_came(parents);
	under_way = false;
}

/* See the header. */
TimestampTz
waiting_put_off(void)
{
	return not_before != 0 && awaited_pending() ? not_before : 0;
}

/* ---- into the state ---- */

/* See the header. Reports that brought no payload have nothing that waits. */
void
waiting_claim(Round *round)
{
	ListCell   *lc;

	foreach(lc, round->claimed)
	{
		Incident   *inc = lfirst(lc);
		IncidentNote note = {
			.reason = "it is asked which parents are missing",
			.next_try = GetCurrentTimestamp(),
			.uncharge = true
		};
		AuditEntry	entry;
		int			n;

		if (fit_class_from_name(inc->class) != FIT_FOREIGN_KEY)
			continue;
		(void) held_of_incident(inc->id, 1, &n);
		if (n == 0)
			continue;
		audit_entry(&entry, "diagnosed");
		entry.incident = inc->id;
		entry.relid = round->relid;
		entry.packet = incident_packet(inc, NULL);
		entry.explanation = "A foreign key misses its parent: the rows wait for it.";
		entry.ms_since_capture = round_ms_since(inc->first_seen);
		entry.result = incident_state_name(INCIDENT_AWAITING_PARENT);
		audit_write(&entry);
		incident_move(inc->id, INCIDENT_AWAITING_PARENT, &note);
		round->claimed = foreach_delete_current(round->claimed, lc);
	}
}

/* ---- a look ---- */

/* What is known of one look. */
typedef struct Look
{
	Round	   *round;
	ReplayWait	wait;
	int64	   *ids;
	int			n;
	int64		replayed;
	int64		left;			/* still held, for the reason they had */
	bool		busy;			/* some are in somebody's hands */
	bool		by_parent;		/* since parents came */
	char	   *refusal;
} Look;

/* Incidents of the table that are due. In the round's context. */
static void
find_due(Look *look)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;
	int64	   *ids;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, look->round->relid);
	n = spi_exec("SELECT id, coalesce(waiting ? 'came', false) FROM selfheal.incident WHERE relid = $1 AND state = 'awaiting_parent'"
				 " AND next_try <= clock_timestamp() ORDER BY id FOR UPDATE SKIP LOCKED", &args);
	ids = MemoryContextAlloc(cxt, sizeof(int64) * Max(n, 1));
	look->by_parent = n > 0;
	for (uint64 i = 0; i < n; i++)
	{
		ids[i] = spi_get_int8(i, 1, NULL);
		look->by_parent &= spi_get_bool(i, 2, NULL);
	}
	spi_close(&saved);
	look->ids = ids;
	look->n = (int) n;
	for (int i = 0; i < look->n; i++)
		look->round->claimed = lappend(look->round->claimed, incident_get(ids[i]));
}

/* Charge those that are looked at; what a look has died at each time is left to
 * a person. False when none is left. */
static bool
claim(Look *look)
{
	ListCell   *lc;

	look->n = 0;
	foreach(lc, look->round->claimed)
	{
		const Incident *inc = lfirst(lc);

		if (deaths_charge(DEATHS_OF_INCIDENT, inc->id))
			look->ids[look->n++] = inc->id;
		else
		{
			deaths_give_up(inc->id, inc->relid, 0, "the look whether its parents are there");
			look->round->claimed = foreach_delete_current(look->round->claimed, lc);
		}
	}
	return look->n > 0;
}

/*
 * What can be asked of the parents. A row trigger of the table may change the
 * key: then a query says nothing, and the rows themselves are tried, though
 * not each time that somebody writes to a parent.
 */
static ParentsAsk
what_to_ask(const Look *look)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		changes;

	if (look->by_parent)
		return PARENTS_STORED;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, look->round->relid);
	spi_exec("SELECT EXISTS (SELECT FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' AND tgtype & 7 = 7"
			 " AND (tgrelid = $1 OR tgrelid IN (SELECT t.relid FROM pg_partition_tree($1) t)))", &args);
	changes = spi_get_bool(0, 1, NULL);
	spi_close(&saved);
	return changes ? PARENTS_UNASKED : PARENTS_OF_OTHERS;
}

/* What the rows that are left wait for: the JSON that incident.sql describes
 * and a sentence; false when no foreign key is known that they miss. */
static bool
tell_missing(const Look *look, int64 incident, Jsonb **waiting, char **reason)
{
	MemoryContext cxt = CurrentMemoryContext;
	int			n = list_length(look->wait.orphans);
	int64	   *keys = palloc(sizeof(int64) * (n + 1));
	int64	   *rows = palloc(sizeof(int64) * (n + 1));
	List	   *constraints = NIL;
	SpiUser		saved;
	SpiArgs		args;
	ListCell   *lc;

	foreach(lc, look->wait.orphans)
	{
		const Orphans *o = lfirst(lc);

		rows[list_length(constraints)] = o->rows;
		keys[list_length(constraints)] = hash_get_num_entries(o->keys);
		constraints = lappend_oid(constraints, o->constraint);
	}
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incident);
	spi_arg_oids(&args, constraints);
	spi_arg_int8_array(&args, rows, n);
	spi_arg_int8_array(&args, keys, n);
	spi_arg_int8(&args, look->left);
	spi_exec("WITH asked AS (SELECT k.conname, k.confrelid, m.rows, m.keys FROM unnest($2, $3, $4) m (con, rows, keys)"
			 "  JOIN pg_constraint k ON k.oid = m.con),"
			 " told AS (SELECT DISTINCT k.conname, k.confrelid FROM (SELECT context FROM selfheal.error"
			 "   WHERE incident = $1 AND NOT EXISTS (SELECT FROM asked) ORDER BY id DESC LIMIT 100) e"
			 "  JOIN pg_namespace s ON s.nspname = e.context ->> 'schema'"
			 "  JOIN pg_class t ON t.relnamespace = s.oid AND t.relname = e.context ->> 'table'"
			 "  JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f' AND k.conname = e.context ->> 'constraint'),"
			 " missing AS (SELECT * FROM asked UNION ALL SELECT conname, confrelid, NULL, NULL FROM told)"
			 " SELECT jsonb_build_object('rows', $5, 'parents', jsonb_agg(jsonb_build_object('table', p.name,"
			 "   'constraint', m.conname, 'rows', m.rows, 'keys', m.keys) ORDER BY m.conname)),"
			 "  string_agg(coalesce(m.keys || CASE m.keys WHEN 1 THEN ' row' ELSE ' rows' END || ' of ', '') || p.name, ', ' ORDER BY m.conname)"
			 " FROM missing m JOIN pg_class c ON c.oid = m.confrelid JOIN pg_namespace n ON n.oid = c.relnamespace,"
			 " LATERAL (SELECT format('%I.%I', n.nspname, c.relname) AS name) p", &args);
	*waiting = spi_get_jsonb(0, 1, cxt);
	*reason = spi_get_text(0, 2, cxt);
	spi_close(&saved);
	if (*reason == NULL)
		return false;
	*reason = psprintf(INT64_FORMAT " %s for %s", look->left,
					   look->left == 1 ? "row waits" : "rows wait", *reason);
	return true;
}

/* Until when its oldest row may wait; 0: for ever. */
static TimestampTz
end_of_waiting(const Look *look)
{
	SpiUser		saved;
	SpiArgs		args;
	TimestampTz since = 0;

	if (guc_max_wait == 0 || look->wait.oldest_load == 0)
		return 0;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, look->wait.oldest_load);
	if (spi_exec("SELECT at FROM selfheal.load WHERE id = $1", &args) > 0)
		since = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return since == 0 ? 0 : since + (TimestampTz) guc_max_wait * USECS_PER_SEC;
}

/* Where an incident stands after a look at its rows. */
static void
settle(const Look *look, const Incident *inc)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz end = end_of_waiting(look);
	IncidentNote note = {0};
	char	   *missing = NULL;

	if (look->left == 0 && !look->busy && look->refusal == NULL)
	{
		incident_move(inc->id, INCIDENT_HEALED, NULL);
		return;
	}
	if (look->refusal)
	{
		note.reason = look->refusal;
		note.human = HUMAN_RESTRICTED;
		incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &note);
		return;
	}
	if (!tell_missing(look, inc->id, &note.waiting, &missing) && !look->busy)
	{
		note.reason = psprintf("foreign_key: it is not known which rows are missing; selfheal.retry(" INT64_FORMAT ") when they are there",
							   inc->id);
		note.human = HUMAN_NO_PLAYBOOK;
		note.waiting = NULL;
		incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &note);
		return;
	}
	note.reason = missing ? missing : "somebody has rows of it in hand";
	if (end != 0 && end <= now && !look->busy)
	{
		note.reason = psprintf("%s, the oldest for longer than selfheal.max_wait", missing);
		note.human = HUMAN_WAITED_TOO_LONG;
		incident_move(inc->id, INCIDENT_NEEDS_HUMAN, &note);
		return;
	}
	if (look->busy)
		note.next_try = carry_next_try(inc->relid);
	else if (guc_parent_retry_interval > 0)
		note.next_try = now + (TimestampTz) guc_parent_retry_interval * USECS_PER_SEC;
	if (end != 0 && (note.next_try == 0 || end < note.next_try))
		note.next_try = end;
	incident_move(inc->id, INCIDENT_AWAITING_PARENT, &note);
}

/* One audit row for a chunk of rows whose parents came. */
static void
record(const Look *look, const ReplayResult *chunk)
{
	const Incident *inc = linitial(look->round->claimed);
	AuditEntry	entry;

	if (chunk->replayed == 0)
		return;
	audit_entry(&entry, "replayed");
	entry.relid = look->round->relid;
	entry.incident = inc->id;
	entry.payload_ref = chunk->payload_ref;
	entry.rows_replayed = chunk->replayed;
	entry.rows_left = held_count(inc->relid, look->ids, look->n);
	entry.rows_held = entry.rows_left + chunk->replayed;
	entry.result = "their parents are there";
	entry.ms_since_capture = round_ms_since(inc->first_seen);
	audit_write(&entry);
}

/* Keep looks that others set off from taking the whole day. */
static void
pace(const Look *look, TimestampTz began)
{
	TimestampTz now = GetCurrentTimestamp();
	long		ms = TimestampDifferenceMilliseconds(began, now);

	if (!look->by_parent)
		return;
	fruitless = look->replayed > 0 ? 0 : fruitless + 1;
	if (ms >= LONG_LOOK_MS || fruitless >= FRUITLESS)
		not_before = TimestampTzPlusMilliseconds(now, Max(ms * PAUSE_TIMES, SHORTEST_PAUSE_MS));
}

/*
 * See the header. What is waited for is published before the first snapshot:
 * all that the table refers to, until it is known what is missing.
 */
void
waiting_look(Round *round)
{
	MemoryContext cxt = CurrentMemoryContext;
	MemoryContext chunk_cxt = AllocSetContextCreate(cxt, "selfheal waiting chunk",
													ALLOCSET_DEFAULT_SIZES);
	TimestampTz began = GetCurrentTimestamp();
	Look		look = {.round = round};
	int64		after = 0;
	bool		more = true;

	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	publish(round->relid);
	find_due(&look);
	if (claim(&look))
		look.wait.ask = what_to_ask(&look);
	look.wait.cxt = cxt;
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	if (look.n == 0)
		return;
	spi_flush();

	while (more)
	{
		ReplayResult *chunk;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		spi_xact_begin();
		MemoryContextSwitchTo(chunk_cxt);
		chunk = replay_waiting(round->relid, look.ids, look.n, after, guc_replay_chunk, &look.wait);
		look.replayed += chunk->replayed;
		look.left += chunk->left - chunk->moved;
		look.busy |= chunk->busy != 0;
		if (chunk->refusal)
			look.refusal = MemoryContextStrdup(cxt, chunk->refusal);
		record(&look, chunk);
		after = chunk->last_id;
		more = chunk->more;
		if (!more)
		{
			foreach(lc, round->claimed)
			{
				const Incident *inc = lfirst(lc);

				deaths_none(DEATHS_OF_INCIDENT, inc->id);
				settle(&look, inc);
			}
			publish(InvalidOid);
		}
		/* a row that went in is gone from the quarantine: that must last */
		spi_xact_commit(chunk->replayed == 0);
		MemoryContextReset(chunk_cxt);
	}
	MemoryContextSwitchTo(cxt);
	MemoryContextDelete(chunk_cxt);
	pace(&look, began);
}

/* See the header. What the error says is tried again when it may have passed:
 * nothing of it is the rows' fault. It may be a lock that was met before it was
 * known which incidents are looked at; what else comes so early is of the server,
 * and the look stays due. */
void
waiting_failed(Round *round, const char *reason, bool held_up, TimestampTz next_try)
{
	Look		look = {.round = round};
	ListCell   *lc;

	if (held_up && round->claimed == NIL)
		find_due(&look);
	foreach(lc, round->claimed)
	{
		Incident   *inc = incident_get(((Incident *) lfirst(lc))->id);
		IncidentNote note = {
			.reason = reason,
			.next_try = next_try
		};

		if (inc->state != INCIDENT_AWAITING_PARENT || !incident_is_free(inc->id))
			continue;
		deaths_none(DEATHS_OF_INCIDENT, inc->id);
		incident_move(inc->id, INCIDENT_AWAITING_PARENT, &note);
	}
}
