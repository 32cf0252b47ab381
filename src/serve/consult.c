/*
 * consult.c
 *	  What the healer leaves to Claude, and what to a person.
 */
#include "postgres.h"

#include "base/shmem.h"
#include "base/spi.h"
#include "decide/docket.h"
#include "observe/held.h"
#include "read/fit.h"
#include "serve/claude.h"
#include "serve/consult.h"
#include "serve/conversation.h"

/* Other incidents that a conversation about one is for, at most. */
#define MOST_BESIDE 16

/* Could a change that a plan may make help rows of this class? What is about
 * keys, privileges and order is for people, or passes by itself. */
static bool
may_be_shape(FitClass class)
{
	switch (class)
	{
		case FIT_UNIQUE:
		case FIT_FOREIGN_KEY:
		case FIT_EXCLUSION:
		case FIT_PERMISSION:
		case FIT_RETRY:
		case FIT_AWAITING_ORDER:
			return false;
		default:
			return true;
	}
}

/*
 * The incident, and where its rows stand under others of the table (a row stands
 * under the first of its misfits), those: a plan is tried with them. Returns
 * how many; 0: no row is held.
 */
static int
with_rows(const Incident *incident, int64 *ids)
{
	int			n = 1;
	bool		rows;
	ListCell   *lc;

	ids[0] = incident->id;
	rows = held_count(incident->relid, ids, 1) > 0;
	foreach(lc, rows ? NIL : incident_live(incident->relid))
	{
		int64		id = ((const Incident *) lfirst(lc))->id;

		if (id == incident->id || n > MOST_BESIDE || held_count(incident->relid, &id, 1) == 0)
			continue;
		ids[n++] = id;
		rows = true;
	}
	return rows ? n : 0;
}

/* A plan of Claude's for these incidents that a person has not decided about, or
 * 0; *reason is why it waits. */
static int64
undecided(Oid relid, const int64 *ids, int n, char **reason)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	int64		plan = 0;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT id, reason FROM selfheal.plan WHERE $1 <@ incidents AND relid = $2"
				 " AND conversation IS NOT NULL AND state = 'awaiting_approval' ORDER BY id DESC LIMIT 1", &args) > 0)
	{
		plan = spi_get_int8(0, 1, NULL);
		*reason = spi_get_text(0, 2, cxt);
	}
	spi_close(&saved);
	return plan;
}

void
consult_or_human(const Incident *incident, const IncidentNote *note)
{
	bool		open = note->human == HUMAN_NO_PLAYBOOK || note->human == HUMAN_NO_SAFE_PLAN ||
	note->human == HUMAN_CONTRADICTORY_EVIDENCE;
	IncidentNote asking = {.reason = note->reason};
	int64		ids[MOST_BESIDE + 1];
	int			n;
	char	   *why = NULL;
	bool		budget = false;
	int64		plan = open ? undecided(incident->relid, &incident->id, 1, &why) : 0;

	if (open && may_be_shape(fit_class_from_name(incident->class)) && claude_configured() &&
		(n = with_rows(incident, ids)) > 0 &&
		conversation_open(ids, n, incident->relid, note->human, false))
	{
		if (plan != 0)
			docket_move(plan, PLAN_SUPERSEDED, NULL, "Claude is asked again");
		incident_move(incident->id, INCIDENT_ASKING, &asking);
	}
	else if (plan != 0)
	{
		/* more rows have come: his decision is for them as well */
		asking.reason = why;
		asking.plan = plan;
		incident_move(incident->id, INCIDENT_AWAITING_APPROVAL, &asking);
	}
	else
	{
		IncidentNote asked = *note;

		/* more rows have come: what was learnt of the first ones stands */
		why = open ? conversation_came_to(incident->id, incident->relid, &budget) : NULL;
		if (why != NULL)
			asked.reason = psprintf("Claude was asked: %s", why);
		if (budget)
			asked.human = HUMAN_BUDGET;
		incident_move(incident->id, INCIDENT_NEEDS_HUMAN, &asked);
	}
}

/* A row stands under the first of its misfits: the incident that has the most
 * of the rows comes first. False when none has any. */
static bool
most_rows_first(Oid relid, int64 *ids, int n)
{
	int64		most = 0;

	for (int i = 0; i < n; i++)
	{
		int64		id = ids[i];
		int64		held = held_count(relid, &id, 1);

		if (held <= most)
			continue;
		most = held;
		ids[i] = ids[0];
		ids[0] = id;
	}
	return most > 0;
}

bool
consult_before_person(Oid relid, const int64 *ids, int n)
{
	int64	   *all = palloc(sizeof(int64) * n);
	IncidentNote asking = {.reason = "a key may have been renamed or restructured"};
	IncidentNote waits = {0};
	char	   *why = NULL;

	waits.plan = undecided(relid, ids, n, &why);
	waits.reason = why;
	if (waits.plan != 0)
	{
		/* more rows have come: his decision is for them as well */
		for (int i = 0; i < n; i++)
			incident_move(ids[i], INCIDENT_AWAITING_APPROVAL, &waits);
		return true;
	}
	memcpy(all, ids, sizeof(int64) * n);
	if (!claude_configured() || !most_rows_first(relid, all, n) ||
		!conversation_open(all, n, relid, HUMAN_NO_SAFE_PLAN, true))
		return false;
	for (int i = 0; i < n; i++)
		incident_move(all[i], INCIDENT_ASKING, &asking);
	return true;
}

void
consult_go_on(void)
{
	if (claude_configured() && conversation_any())
		shmem_wake_agent_at_commit();
}
