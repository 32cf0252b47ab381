/*
 * incident.h
 *	  One incident per (table, class, column or key), however many rows.
 *
 *	  open -> planning -> awaiting_approval -> applying -> healed
 *	              |-> applying                    |-> waiting_lock -> planning
 *	              |-> healed (nothing left)       |-> needs_human(reason)
 *	              |-> needs_human(reason)         |-> failed (retry later)
 *	              |-> failed (retry later)        '-> open (plan again)
 *	              |-> awaiting_order (its rows wait behind held ones)
 *	                     |-> needs_human (too many wait)
 *	  any but healed and dismissed -> dismissed(by, why)
 *	  awaiting_approval, needs_human, failed, waiting_lock, awaiting_order ->
 *	      open (more rows, retry by a person, a plan that is stale, a row that
 *	      others waited behind is gone)
 *	  planning, applying -> planning (the worker that had it died)
 *	  healed, dismissed: final; the next failure opens a new incident.
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
	INCIDENT_HEALED,
	INCIDENT_NEEDS_HUMAN,
	INCIDENT_FAILED,
	INCIDENT_DISMISSED,
	INCIDENT_AWAITING_ORDER
} IncidentState;

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
	bool		opened;			/* incident_collect: made by this call */
	int64		new_rows;		/* incident_collect: that joined it now */
	char	   *sqlstate;		/* of the newest error, or NULL */
	Jsonb	   *error;			/* its fields */
} Incident;

/* What incident_move may say beside the state; all may be zero. */
typedef struct IncidentNote
{
	const char *reason;
	Jsonb	   *waiting;
	TimestampTz next_try;
	int64		plan;
	bool		uncharge;		/* this was not an attempt: a missed lock */
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

/* Claim all due incidents of one table: attempts + 1, state planning; skips
 * what others hold. */
extern List *incident_claim(Oid relid);

/* All live incidents of a table that are not claimed here, for a plan that
 * covers them as well. */
extern List *incident_live(Oid relid);

/* One incident; raises 42704 when there is none. */
extern Incident *incident_get(int64 id);

/* Has our own check found it of a row? Else only an insert has said so. */
extern bool incident_of_check(int64 id);

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

#endif							/* SELFHEAL_INCIDENT_H */
