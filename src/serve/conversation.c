/*
 * conversation.c
 *	  Conversations with Claude as rows.
 */
#include "postgres.h"

#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "decide/plan.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "serve/conversation.h"
#include "utils/lsyscache.h"

static const char *const outcome_names[] = {
	"proposed", "no_plan", "budget", "refused", "failed", "too_long", "superseded"
};

StaticAssertDecl(lengthof(outcome_names) == OUTCOME_SUPERSEDED + 1, "every outcome has a name");

#define COLUMNS \
	"v.id, v.incident, coalesce(c.oid, 0), v.asked_because, v.small, v.model, v.system, v.tools::text," \
	" v.marker, v.retries, v.bare_429, v.nudges, v.calls, v.tokens, v.cost, v.beside_plan, v.incidents, v.state = 'ended'," \
	" coalesce(v.next_try > clock_timestamp(), false)," \
	" coalesce((SELECT t.kind = 'failure' AND t.status IN (400, 404) FROM selfheal.agent_turn t WHERE t.conversation = v.id" \
	"  ORDER BY t.id DESC LIMIT 1), false), v.share_values"

/* Rows that were counted for these incidents. */
#define ROWS_OF(ids) "SELECT sum(i.rows) FROM selfheal.incident i WHERE i.id = ANY (" ids ")"

/*
 * What was asked about this incident and this table already, and no person has
 * had taken up again since. $1, $2: incident, hash of the table.
 */
#define ASKED(is_its) \
	"FROM selfheal.conversation v LEFT JOIN selfheal.plan p ON p.id = v.plan WHERE " is_its " AND v.state = 'ended'" \
	" AND v.outcome <> 'superseded' AND v.schema_hash = $2 AND NOT EXISTS" \
	" (SELECT FROM selfheal.audit a WHERE a.incident = $1 AND a.event = 'retried' AND a.at > v.ended_at)" \
	" ORDER BY v.id DESC LIMIT 1"

/* What goes on, is not busy ($1) and rests in no restored table. */
#define LIVE \
	"v.state <> 'ended' AND v.id <> ALL ($1)" \
	" AND NOT EXISTS (SELECT FROM selfheal.resting r WHERE r.relid = v.relid)"

/* How long what a person has in hand is let alone. */
#define BUSY_MS 2000

/* Row 0 of COLUMNS. */
static Conversation *
from_row(MemoryContext cxt)
{
	Conversation *c = MemoryContextAllocZero(cxt, sizeof(Conversation));
	const char *share;
	bool		isnull;

	c->id = spi_get_int8(0, 1, NULL);
	c->incident = spi_get_int8(0, 2, NULL);
	c->relid = spi_get_oid(0, 3, NULL);
	c->asked_because = spi_get_text(0, 4, cxt);
	c->small = spi_get_bool(0, 5, NULL);
	c->model = spi_get_text(0, 6, cxt);
	c->system = spi_get_text(0, 7, cxt);
	c->tools = spi_get_text(0, 8, cxt);
	c->marker = spi_get_text(0, 9, cxt);
	c->retry.retries = (int) spi_get_int8(0, 10, NULL);
	c->retry.bare_429 = (int) spi_get_int8(0, 11, NULL);
	c->nudges = (int) spi_get_int8(0, 12, NULL);
	c->calls = (int) spi_get_int8(0, 13, NULL);
	c->tokens = spi_get_int8(0, 14, NULL);
	c->cost = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 15, &isnull));
	c->beside_plan = spi_get_bool(0, 16, NULL);
	c->incidents = spi_get_int8_array(0, 17, &c->nincidents, cxt);
	c->ended = spi_get_bool(0, 18, NULL);
	c->paused = spi_get_bool(0, 19, NULL);
	c->not_taken = spi_get_bool(0, 20, NULL);
	share = spi_get_text(0, 21, cxt);
	c->told = share ? options_share(share) : SHARE_NONE;
	return c;
}

/* A new row; one that is live already stays as it is, but is due. */
static void
insert(const int64 *incidents, int n, Oid relid, const char *because, bool small, bool beside_plan)
{
	SpiUser		saved;
	SpiArgs		args;
	char	   *hash = plan_schema_hash(relid);

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incidents[0]);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, because);
	spi_arg_bool(&args, small);
	spi_arg_text(&args, hash);
	spi_arg_bool(&args, beside_plan);
	spi_arg_int8_array(&args, incidents, n);
	spi_exec("INSERT INTO selfheal.conversation (incident, relid, schema_name, table_name, asked_because, small, schema_hash, beside_plan, incidents, rows)"
			 " SELECT $1, $2, n.nspname, c.relname, $3, $4, $5, $6, $7, coalesce((" ROWS_OF("$7") "), 0)"
			 " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
			 " WHERE c.oid = $2 ON CONFLICT (incident) WHERE state <> 'ended' DO UPDATE SET next_try = NULL, incidents = $7, rows = excluded.rows", &args);
	spi_close(&saved);
	shmem_wake_agent_at_commit();
}

bool
conversation_open(const int64 *incidents, int n, Oid relid, HumanReason because, bool beside_plan)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	Conversation *stale = NULL;
	char	   *hash = plan_schema_hash(relid);
	bool		asked;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incidents[0]);
	spi_arg_text(&args, hash);
	if (spi_exec("SELECT " COLUMNS " FROM selfheal.conversation v LEFT JOIN pg_class c ON c.oid = v.relid"
				 " WHERE v.incident = $1 AND v.state <> 'ended' AND v.schema_hash <> $2 FOR UPDATE OF v", &args) > 0)
		stale = from_row(cxt);
	spi_close(&saved);
	if (stale != NULL)
		conversation_end(stale, OUTCOME_SUPERSEDED, "the table was changed meanwhile");

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incidents[0]);
	spi_arg_text(&args, hash);
	asked = spi_exec("SELECT " ASKED("v.incident = $1"), &args) > 0;
	spi_close(&saved);
	if (asked)
		return false;
	insert(incidents, n, relid, incident_human_name(because), false, beside_plan);
	return true;
}

char *
conversation_came_to(int64 incident, Oid relid, bool *budget)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *hash = plan_schema_hash(relid);
	char	   *words = NULL;
	SpiUser		saved;
	SpiArgs		args;

	*budget = false;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incident);
	spi_arg_text(&args, hash);
	if (spi_exec("SELECT CASE WHEN v.outcome <> 'proposed' THEN v.reason WHEN p.state IN ('failed', 'superseded')"
				 "  THEN format('it proposed plan %s, of which nothing came: %s', p.id, p.reason) END, v.outcome = 'budget' "
				 ASKED("$1 = ANY (v.incidents)"), &args) > 0)
	{
		words = spi_get_text(0, 1, cxt);
		*budget = words != NULL && spi_get_bool(0, 2, NULL);
	}
	spi_close(&saved);
	return words;
}

bool
conversation_any(void)
{
	SpiUser		saved;
	bool		any;

	spi_open(&saved);
	any = spi_exec("SELECT FROM selfheal.conversation WHERE state <> 'ended' LIMIT 1", NULL) > 0;
	spi_close(&saved);
	return any;
}

void
conversation_look_again(TimestampTz at)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_timestamptz(&args, at);
	spi_exec("UPDATE selfheal.conversation SET next_try = NULL WHERE state = 'waiting' AND next_try IS NOT NULL AND paused_at < $1", &args);
	spi_close(&saved);
}

Conversation *
conversation_next(const int64 *busy, int nbusy, TimestampTz *due)
{
	static SPIPlanPtr next = NULL;
	static SPIPlanPtr later = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	Conversation *c = NULL;
	SpiUser		saved;
	SpiArgs		args;
	bool		isnull;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8_array(&args, busy, nbusy);
	*due = 0;
	if (spi_exec_kept(&next, "SELECT " COLUMNS " FROM selfheal.conversation v LEFT JOIN pg_class c ON c.oid = v.relid"
					  " WHERE " LIVE " AND (v.next_try IS NULL OR v.next_try <= clock_timestamp())"
					  " ORDER BY v.id LIMIT 1 FOR UPDATE OF v SKIP LOCKED", &args) > 0)
		c = from_row(cxt);
	else
	{
		/*
		 * one that is due and was not taken is in somebody's hand: nobody may
		 * wake us when it is let go
		 */
		spi_arg_int8(&args, BUSY_MS);
		spi_exec_kept(&later, "SELECT min(CASE WHEN v.next_try > at THEN v.next_try ELSE at + $2 * interval '1 ms' END)"
					  " FROM selfheal.conversation v, clock_timestamp() at WHERE " LIVE, &args);
		*due = spi_get_int8(0, 1, &isnull);
		if (isnull)
			*due = 0;
	}
	spi_close(&saved);
	return c;
}

Conversation *
conversation_get(int64 id)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	Conversation *c = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, id);
	if (spi_exec_kept(&plan, "SELECT " COLUMNS " FROM selfheal.conversation v LEFT JOIN pg_class c ON c.oid = v.relid"
					  " WHERE v.id = $1 FOR UPDATE OF v", &args) > 0)
		c = from_row(cxt);
	spi_close(&saved);
	return c;
}

bool
conversation_wanted(Conversation *c)
{
	static SPIPlanPtr select = NULL;
	static SPIPlanPtr update = NULL;
	SpiUser		saved;
	SpiArgs		args;
	Watch		watch;
	bool		watched = OidIsValid(c->relid) && watch_get(c->relid, &watch);
	bool		asking = false;
	bool		waits = false;
	IncidentNote again = {.reason = "what was asked about it is void",.uncharge = true};

	if (!incident_is_free(c->incident))
	{
		/* a person's transaction may stay open over lunch */
		conversation_pause(c, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), BUSY_MS), false,
						   "a person has the incident in hand");
		return false;
	}
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->incident);
	spi_arg_int8(&args, c->id);
	if (spi_exec_kept(&select, "SELECT i.state = 'asking', i.state = 'needs_human' AND v.state = 'waiting'"
					  " FROM selfheal.incident i, selfheal.conversation v WHERE i.id = $1 AND v.id = $2 FOR UPDATE OF i", &args) > 0)
	{
		asking = spi_get_bool(0, 1, NULL);
		waits = spi_get_bool(0, 2, NULL);
	}
	spi_exec_kept(&update, "UPDATE selfheal.conversation SET state = 'open', next_try = NULL, reason = NULL WHERE id = $2 AND state = 'waiting'", &args);
	spi_close(&saved);
	if (watched && asking)
		return true;
	if (watched && waits)
	{
		incident_move(c->incident, INCIDENT_ASKING, NULL);
		return true;
	}
	conversation_end(c, OUTCOME_SUPERSEDED, !OidIsValid(c->relid) ? "the table is gone" :
					 watched ? "the incident does not wait for it any more" : "the table is not watched any more");
	/* those that were asked about with it are planned again */
	conversation_move_incidents(c, INCIDENT_OPEN, &again);
	return false;
}

void
conversation_nudged(Conversation *c)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_exec("UPDATE selfheal.conversation SET nudges = nudges + 1 WHERE id = $1", &args);
	spi_close(&saved);
	c->nudges++;
}

char *
conversation_words(const Conversation *c)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	char	   *words;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_exec("SELECT nullif(left(explanation, 500), '') FROM selfheal.conversation WHERE id = $1", &args);
	words = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return words;
}

void
conversation_begin(Conversation *c, const char *model, const char *system,
				   const char *prompt_hash, const char *tools)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_arg_text(&args, model);
	spi_arg_text(&args, system);
	spi_arg_text(&args, prompt_hash);
	spi_arg_text(&args, tools);
	spi_exec("UPDATE selfheal.conversation SET model = $2, system = $3, prompt_hash = $4, tools = $5::json WHERE id = $1", &args);
	spi_close(&saved);
	c->model = pstrdup(model);
	c->system = pstrdup(system);
	c->tools = pstrdup(tools);
}

void
conversation_tells(Conversation *c, ShareValues share)
{
	SpiUser		saved;
	SpiArgs		args;

	if (share <= c->told)
		return;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_arg_text(&args, options_share_name(share));
	spi_exec("UPDATE selfheal.conversation SET share_values = $2 WHERE id = $1", &args);
	spi_close(&saved);
	c->told = share;
}

void
conversation_pause(Conversation *c, TimestampTz next_try, bool waits, const char *reason)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_arg_timestamptz(&args, next_try);
	spi_arg_bool(&args, waits);
	spi_arg_text(&args, reason);
	spi_exec("UPDATE selfheal.conversation SET next_try = $2, state = CASE WHEN $3 THEN 'waiting' ELSE state END,"
			 " paused_at = clock_timestamp(), reason = $4 WHERE id = $1", &args);
	spi_close(&saved);
}

void
conversation_says(const Conversation *c, int64 plan, double confidence,
				  const char *explanation, const Jsonb *options)
{
	static SPIPlanPtr update = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	if (plan != 0)
		spi_arg_int8(&args, plan);
	else
		spi_arg_null(&args, INT8OID);
	if (confidence >= 0)
		spi_arg_float8(&args, confidence);
	else
		spi_arg_null(&args, FLOAT8OID);
	spi_arg_text(&args, explanation);
	spi_arg_jsonb(&args, options);
	spi_exec_kept(&update, "UPDATE selfheal.conversation SET plan = coalesce($2, plan), confidence = coalesce($3, confidence),"
				  " explanation = coalesce(left($4, 4000), explanation), options = coalesce($5, options) WHERE id = $1", &args);
	spi_close(&saved);
}

void
conversation_entry(AuditEntry *entry, const char *event, const Conversation *c)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;

	audit_entry(entry, event);
	entry->incident = c->incident;
	entry->relid = c->relid;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_exec_kept(&plan, "SELECT jsonb_build_object('conversation', id, 'model', model, 'prompt', prompt_hash, 'calls', calls,"
				  " 'tokens', tokens, 'dollars', round(cost::numeric, 6)) FROM selfheal.conversation WHERE id = $1", &args);
	entry->tools = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
}

void
conversation_move_incidents(const Conversation *c, IncidentState to, const IncidentNote *note)
{
	for (int i = 0; i < c->nincidents; i++)
		if (incident_get(c->incidents[i])->state == INCIDENT_ASKING)
			incident_move(c->incidents[i], to, note);
}

/* Did rows join its incidents since it was begun? */
static bool
more_rows(const Conversation *c)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		more;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	more = spi_exec("SELECT FROM selfheal.conversation v WHERE v.id = $1 AND (" ROWS_OF("v.incidents") ") > v.rows", &args) > 0;
	spi_close(&saved);
	return more;
}

void
conversation_leave(const Conversation *c, IncidentState to, const IncidentNote *note)
{
	IncidentNote again = {.reason = "more rows came while Claude was asked",.uncharge = true};
	bool		more = more_rows(c);

	for (int i = 0; i < c->nincidents; i++)
	{
		if (incident_get(c->incidents[i])->state != INCIDENT_ASKING)
			continue;
		incident_move(c->incidents[i], to, note);
		if (more && to != INCIDENT_OPEN)
			incident_move(c->incidents[i], INCIDENT_OPEN, &again);
	}
	if (more)
		shmem_wake_at_commit();
}

int64 *
conversation_incidents(int64 incident, int *n)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	int64	   *ids = NULL;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incident);
	if (spi_exec("SELECT incidents FROM selfheal.conversation WHERE incident = $1 AND state <> 'ended'", &args) > 0)
		ids = spi_get_int8_array(0, 1, n, cxt);
	spi_close(&saved);
	if (ids == NULL)
	{
		ids = palloc(sizeof(int64));
		ids[0] = incident;
		*n = 1;
	}
	return ids;
}

void
conversation_end(const Conversation *c, Outcome outcome, const char *reason)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	AuditEntry	entry;
	bool		isnull;

	conversation_entry(&entry, "answered", c);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_arg_text(&args, outcome_names[outcome]);
	spi_arg_text(&args, reason);
	spi_exec("UPDATE selfheal.conversation SET state = 'ended', outcome = $2, reason = $3, ended_at = clock_timestamp(),"
			 " next_try = NULL WHERE id = $1 RETURNING plan, confidence, explanation, options", &args);
	entry.plan = spi_get_int8(0, 1, &isnull);
	if (isnull)
		entry.plan = 0;
	entry.confidence = DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	if (isnull)
		entry.confidence = -1;
	entry.explanation = spi_get_text(0, 3, cxt);
	entry.options = spi_get_jsonb(0, 4, cxt);
	spi_close(&saved);
	entry.result = psprintf("%s: %s", outcome_names[outcome], reason);
	audit_write(&entry);
	if (outcome == OUTCOME_TOO_LONG && !c->small)
		insert(c->incidents, c->nincidents, c->relid, c->asked_because, true, c->beside_plan);
}

void
conversation_renew(const Conversation *c, const char *reason)
{
	conversation_end(c, OUTCOME_SUPERSEDED, reason);
	insert(c->incidents, c->nincidents, c->relid, c->asked_because, c->small, c->beside_plan);
}
