/*
 * awaiting.h
 *	  Incidents whose rows wait for a parent: state awaiting_parent.
 */
#ifndef SELFHEAL_AWAITING_H
#define SELFHEAL_AWAITING_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/timestamp.h"

/*
 * Tables with rows that wait for a parent and are to be looked at now (Oid).
 * *next: when the earliest of the others is due, 0 = none.
 */
extern List *awaiting_due(TimestampTz *next);

/*
 * Rows that wait for these parents (oids) are to be looked at now; NIL: all
 * rows that wait. Those that have waited too long, too. Returns how many
 * incidents.
 */
extern int64 awaiting_parents_came(List *parents);

/* For who joins rows to incidents (i): rows that wait for a parent are to be
 * asked about once more, if the condition holds; it may be there by now. */
#define AWAITING_CAME_IF(condition) \
	"waiting = CASE WHEN " condition " THEN coalesce(i.waiting, '{}') || '{\"came\": true}' ELSE i.waiting END"

#endif							/* SELFHEAL_AWAITING_H */
