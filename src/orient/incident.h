/*
 * incident.h
 *	  One incident per (table, class, column or key), however many rows.
 *
 *	  open -> planning -> awaiting_approval -> applying -> healed
 *	              |-> applying                    |-> waiting_lock -> planning
 *	              |-> healed (nothing left)       |-> needs_human(reason)
 *	              |-> needs_human(reason)         |-> failed (retry later)
 *	              |-> failed (retry later)        '-> open (plan again)
 *	              |-> asking (Claude is asked: no playbook knows it)
 *	                     |-> awaiting_approval (of a plan of Claude's)
 *	                     |-> needs_human (Claude knows no plan either)
 *	              |-> awaiting_order (its rows wait behind held ones)
 *	                     |-> needs_human (too many wait)
 *	  planning -> awaiting_parent -> healed | needs_human(waited_too_long)
 *	      (rows whose foreign key misses its parent: looked at when that is
 *	      written, and now and then; no plan is made for them)
 *	  needs_human -> asking (Claude can be asked again)
 *	  needs_human(waited_too_long) -> awaiting_parent (a parent came after all)
 *	  needs_human -> failed (one row more of many: looked at before long)
 *	  any but healed and dismissed -> dismissed(by, why)
 *	  awaiting_approval, awaiting_parent, awaiting_order, needs_human, asking,
 *	      failed, waiting_lock -> open (more rows, retry by a person, a plan that is
 *	      stale, a row that others waited behind is gone)
 *	  planning, applying -> planning (the worker that had it died)
 *	  healed, dismissed: final; the next failure opens a new incident. But a
 *	      person who has dismissed one may take it back: dismissed -> open
 *
 * What the healer concludes of an incident that a person has meanwhile opened
 * again (retry, a change of the table) or dismissed is void: it stays so.
 *
 * incident_move is the only writer of the state of a live incident (claim is
 * its bulk form); it refuses (elog) a transition that the diagram lacks. A
 * CHECK in incident.sql has the same words.
 */
#ifndef SELFHEAL_INCIDENT_H
#define SELFHEAL_INCIDENT_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "orient/diagnose.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

typedef enum IncidentState
{
	INCIDENT_OPEN,
	INCIDENT_PLANNING,
	INCIDENT_AWAITING_APPROVAL,
	INCIDENT_APPLYING,
	INCIDENT_WAITING_LOCK,
	INCIDENT_AWAITING_PARENT,
	INCIDENT_HEALED,
	INCIDENT_NEEDS_HUMAN,
	INCIDENT_FAILED,
	INCIDENT_DISMISSED,
	INCIDENT_AWAITING_ORDER,
	INCIDENT_ASKING
} IncidentState;

/*
 * Why an incident needs a person: a closed list, beside the reason in words.
 * A CHECK in incident.sql has the same words.
 */
typedef enum HumanReason
{
	HUMAN_NO_SAFE_PLAN = 0,		/* no_safe_plan: what was planned, or could
								 * be, would not make the rows fit */
	HUMAN_NO_PLAYBOOK,			/* no_playbook: no step of ours changes a
								 * table for this class */
	HUMAN_REFUSED,				/* refused: by policy, a contract or the
								 * vetter, or a person has rejected the plan */
	HUMAN_BUDGET,				/* budget: all attempts are used up */
	HUMAN_CONTRADICTORY_EVIDENCE,	/* contradictory_evidence: the values do
									 * not agree on what they need */
	HUMAN_WAITED_TOO_LONG,		/* waited_too_long: selfheal.max_wait */
	HUMAN_RESTRICTED,			/* restricted: the table's own code needs what
								 * a replay in the background refuses */
	HUMAN_NO_PAYLOAD,			/* no_payload: a report that brought none */
	HUMAN_DEADLY				/* deadly: its process has died at it so often
								 * as there are attempts */
} HumanReason;

#define HUMAN_REASONS (HUMAN_DEADLY + 1)

/*
 * Classes without rows, which no plan is made for: what a person has changed
 * (drift), and a table past what is tolerated of it (tolerance). Never due; who
 * opens them settles them between two rounds.
 */
#define INCIDENT_FOR_PEOPLE "('drift', 'tolerance')"

typedef struct Incident
{
	int64		id;
	Oid			relid;
	char	   *class;
	char	   *column;			/* NULL = the row */
	IncidentState state;
	int			attempts;
	TimestampTz first_seen;
	int64		rows;
	TimestampTz passing_since;	/* since when failures that pass by themselves
								 * have kept it; 0: none does */
	bool		opened;			/* incident_collect: made by this call */
	int64		new_rows;		/* incident_collect: that joined it now */
	char	   *sqlstate;		/* of the newest error, or NULL */
	Jsonb	   *error;			/* its fields */
} Incident;

/* What incident_move may say beside the state; all may be zero. */
typedef struct IncidentNote
{
	const char *reason;
	HumanReason human;			/* for needs_human */
	Jsonb	   *waiting;
	TimestampTz next_try;
	int64		plan;
	bool		uncharge;		/* this was not an attempt: a missed lock */
	bool		passing;		/* nor was this, and it is to pass by itself */
	const char *by;				/* dismissed: who and why */
	const char *why;
} IncidentNote;

/*
 * Join new rows of selfheal.error to incidents and open what is new; dismiss
 * incidents whose table is gone. In the current transaction. Returns the
 * incidents that were opened or got more rows (Incident *).
 */
extern List *incident_collect(void);

/* Tables with something to do now (Oid). *next: when the earliest that waits
 * for time is due, 0 = none. Paused tables and mode observe have none. */
extern List *incident_due_tables(TimestampTz *next);

/*
 * Incidents of a table that are in work though nobody is at it, each attempt
 * used up: the worker, or the server with it, has died at them so often. Their
 * numbers, locked; *n of them.
 */
extern int64 *incident_deadly(Oid relid, int *n);

/* Claim all due incidents of one table: attempts + 1 (but of what is forgiven,
 * forgiven.h), state planning; skips what others hold. */
extern List *incident_claim(Oid relid);

/* All live incidents of a table that are not claimed here, for a plan that
 * covers them as well. */
extern List *incident_live(Oid relid);

/* One incident; NULL: there is none, and incident_get raises 42704. */
extern Incident *incident_find(int64 id);
extern Incident *incident_get(int64 id);

/* incident_get, once nobody else is at it: what is read before that says
 * nothing of where it stands. It is ours until the end of this transaction. */
extern Incident *incident_lock(int64 id);

/*
 * A dismissed incident is taken back: it is open again, or, when the same has
 * opened another one meanwhile, its rows join that. Returns the id of the one
 * that is open. Raises 55000 when none of its rows is held any more.
 */
extern int64 incident_take_back(int64 id, const char *reason);

/* Has our own check found it of a row? Else only an insert has said so. */
extern bool incident_of_check(int64 id);

/* Is no other transaction at this incident? Then it is ours until the end of
 * this one. Not to be waited for: a person's may stay open over lunch. */
extern bool incident_is_free(int64 id);

extern void incident_move(int64 id, IncidentState to, const IncidentNote *note);

/*
 * The packet: what a person, or a model, needs to decide. Built from the
 * catalog, the errors and the finding (may be NULL), stored with the incident
 * and returned. JSON:
 * {"version": 1, "incident", "class", "column", "rows", "first_seen",
 *  "last_seen", "loads", "owner",
 *  "error": {"sqlstate", "message", "detail", "hint", "context"},
 *  "table": {"schema", "name", "estimated_rows", "bytes",
 *            "columns": [{"name","type","not_null","default","comment"}],
 *            "constraints": [{"name","definition"}], "indexes": [text]},
 *  "fit": {"message", "rows", "column_type"}, "values": shapes, never values,
 *  "earlier_heals": [{"at","sql","rows"}], "ddl_24h": [{"at","role","statement"}]}
 */
extern Jsonb *incident_packet(const Incident *incident, const Finding *finding);

/* The packet as it was stored last, or NULL. */
extern Jsonb *incident_stored_packet(int64 id);

extern const char *incident_state_name(IncidentState state);
extern const char *incident_human_name(HumanReason reason);

#endif							/* SELFHEAL_INCIDENT_H */
