/*
 * inorder.c
 *	  Incidents of rows that wait behind a held row of their ordering key.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/watch.h"
#include "serve/inorder.h"
#include "serve/round.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* A look at all that a table holds in order may take long when that is much,
 * and each wake asks for one. So it is not begun again before ten times as
 * long as it took. Process memory: a new worker begins anew. */
#define LOOK_SHARE 10
#define LOOK_FREE 250			/* ms that are nothing */

/* How a reason begins that leaves the incident to a person and to us: when the
 * rows may go in, nobody need say so. */
#define CROWDED "more than selfheal.max_waiting"

typedef struct Look
{
	Oid			relid;
	TimestampTz next;
} Look;
static List *looks = NIL;

static bool
is_ours(const Incident *inc)
{
	return fit_class_from_name(inc->class) == FIT_AWAITING_ORDER;
}

/*
 * Has a row of the incident nothing before it, or the incident no row? The
 * first row of a key, then, is held for no other reason than that it waits.
 * Key after key, through the index; of a table that has no order any more
 * every row is free.
 */
static bool
is_free(int64 incident, Oid relid)
{
	Watch		watch;
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	if (!watch_get(relid, &watch) || watch.ordering_key == NIL)
		return true;
	spi_open(&saved);
	spi_set_local("enable_seqscan", "off");
	spi_args(&args);
	spi_arg_relid(&args, relid);
	found = spi_exec("WITH RECURSIVE k(hash) AS ("
					 "  SELECT min(ordering_hash) FROM selfheal.quarantine WHERE relid = $1 AND ordering_hash IS NOT NULL"
					 "  UNION ALL SELECT (SELECT min(q.ordering_hash) FROM selfheal.quarantine q"
					 "   WHERE q.relid = $1 AND q.ordering_hash > k.hash) FROM k WHERE k.hash IS NOT NULL)"
					 " SELECT FROM k CROSS JOIN LATERAL (SELECT q.error FROM selfheal.quarantine q"
					 "  WHERE q.relid = $1 AND q.ordering_hash = k.hash ORDER BY q.id LIMIT 1) h"
					 " JOIN selfheal.error e ON e.id = h.error WHERE e.class = 'awaiting_order' LIMIT 1",
					 &args) > 0;
	spi_arg_int8(&args, incident);
	if (!found)
		found = spi_exec("SELECT FROM selfheal.held WHERE incident = $2 AND $1 IS NOT NULL LIMIT 1", &args) == 0;
	spi_close(&saved);
	return found;
}

/* Keys of the table with more rows than may wait, in words, or NULL. */
static char *
crowded(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *reason = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, guc_max_waiting);
	if (spi_exec("SELECT count(*), max(n), (array_agg(key ORDER BY n DESC, key))[1] FROM"
				 " (SELECT min(ordering_key) AS key, count(*) - 1 AS n FROM selfheal.quarantine"
				 "  WHERE relid = $1 AND ordering_hash IS NOT NULL"
				 "  GROUP BY ordering_hash HAVING count(*) - 1 > $2) s HAVING count(*) > 0", &args) > 0)
	{
		int64		keys = spi_get_int8(0, 1, NULL);
		char	   *text = psprintf(CROWDED " (%d) rows wait behind a held row of key (%s): " INT64_FORMAT,
									guc_max_waiting, spi_get_text(0, 3, CurrentMemoryContext),
									spi_get_int8(0, 2, NULL));

		if (keys > 1)
			text = psprintf("%s; keys like it: " INT64_FORMAT, text, keys - 1);
		reason = MemoryContextStrdup(cxt, psprintf("%s; see selfheal.waiting, and heal, amend or discard what they wait for",
												   text));
	}
	spi_close(&saved);
	return reason;
}

/* When the table may be looked at next. */
static TimestampTz *
next_look(Oid relid)
{
	MemoryContext old;
	Look	   *look;
	ListCell   *lc;

	foreach(lc, looks)
	{
		look = lfirst(lc);
		if (look->relid == relid)
			return &look->next;
	}
	/* at most one entry per watched table of this database */
	old = MemoryContextSwitchTo(TopMemoryContext);
	look = palloc0(sizeof(Look));
	look->relid = relid;
	looks = lappend(looks, look);
	MemoryContextSwitchTo(old);
	return &look->next;
}

/* It waits, or a person is told that too many do. It was no attempt. */
static void
rest(int64 id, Oid relid)
{
	IncidentNote note = {.uncharge = true};

	note.reason = crowded(relid);
	if (note.reason)
	{
		incident_move(id, INCIDENT_NEEDS_HUMAN, &note);
		return;
	}
	note.reason = "its rows wait behind held rows of their ordering key: see selfheal.waiting";
	incident_move(id, INCIDENT_AWAITING_ORDER, &note);
}

/* One incident that waits, or whose many rows a person was told of. */
static void
look_at(int64 id, Oid relid, bool waits)
{
	IncidentNote note = {.reason = "rows that waited may go in now"};

	if (is_free(id, relid))
	{
		incident_move(id, INCIDENT_OPEN, &note);
		return;
	}
	note.reason = waits ? crowded(relid) : NULL;
	if (note.reason)
		incident_move(id, INCIDENT_NEEDS_HUMAN, &note);
}

/* See the header. What a person's open transaction holds is left. */
TimestampTz
inorder_look(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	TimestampTz soonest = 0;
	SpiUser		saved;
	SpiRows		rows;
	uint64		n;

	spi_xact_begin();
	spi_open(&saved);
	n = spi_exec("SELECT i.id, i.relid::oid, i.state = 'awaiting_order' FROM selfheal.incident i"
				 " JOIN selfheal.tended w USING (relid)"
				 " WHERE i.class = 'awaiting_order' AND (i.state = 'awaiting_order'"
				 "  OR i.state = 'needs_human' AND starts_with(i.reason, '" CROWDED "'))"
				 " AND NOT w.paused AND w.mode <> 'observe' ORDER BY i.id FOR UPDATE OF i SKIP LOCKED", NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		TimestampTz start = GetCurrentTimestamp();
		TimestampTz *next;
		int64		took;
		Oid			relid;

		CHECK_FOR_INTERRUPTS();
		spi_use(&rows);
		relid = spi_get_oid(i, 2, NULL);
		next = next_look(relid);
		if (*next > start)
		{
			soonest = soonest == 0 ? *next : Min(soonest, *next);
			continue;
		}
		look_at(spi_get_int8(i, 1, NULL), relid, spi_get_bool(i, 3, NULL));
		took = (GetCurrentTimestamp() - start) / 1000;
		*next = took > LOOK_FREE ?
			TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_SHARE * took) : 0;
	}
	spi_close(&saved);
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	return soonest;
}

/* See the header. */
List *
inorder_claimed(Oid relid, List *claimed)
{
	ListCell   *lc;

	foreach(lc, claimed)
	{
		Incident   *inc = lfirst(lc);
		IncidentNote note = {.uncharge = true};

		if (!is_ours(inc))
			continue;
		if (!is_free(inc->id, relid))
			rest(inc->id, relid);
		else if (list_length(claimed) == 1)
			continue;
		else
			incident_move(inc->id, INCIDENT_OPEN, &note);
		claimed = foreach_delete_current(claimed, lc);
	}
	return claimed;
}

/* See the header. */
const PlanRow *
inorder_along(const PlanRow *row)
{
	ListCell   *lc;

	if (row->nincidents == 0)
		return row;				/* it is for all that is held */
	foreach(lc, incident_live(row->relid))
	{
		const Incident *inc = lfirst(lc);
		PlanRow    *along;
		bool		own = false;

		for (int i = 0; i < row->nincidents; i++)
			own |= row->incidents[i] == inc->id;
		if (own || !is_ours(inc) || !incident_is_free(inc->id))
			continue;
		along = palloc(sizeof(PlanRow));
		*along = *row;
		along->incidents = palloc(sizeof(int64) * (row->nincidents + 1));
		memcpy(along->incidents, row->incidents, sizeof(int64) * row->nincidents);
		along->incidents[along->nincidents++] = inc->id;
		return along;
	}
	return row;
}

/* See the header. */
void
inorder_rest(const Incident *incident)
{
	IncidentNote note = {.reason = "rows that waited may go in now"};

	if (!is_free(incident->id, incident->relid))
		rest(incident->id, incident->relid);
	else if (incident->attempts < guc_max_attempts)
		incident_move(incident->id, INCIDENT_OPEN, &note);
	else
	{
		note.reason = psprintf("rows that need not wait still do after %d attempts", incident->attempts);
		incident_move(incident->id, INCIDENT_NEEDS_HUMAN, &note);
	}
}
