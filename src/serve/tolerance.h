/*
 * tolerance.h
 *	  How much a table may change and hold before somebody is told, or the
 *	  healer holds back.
 *
 * A table past its tolerance has one incident of class tolerance, in state
 * needs_human, as long as it is. past => 'pause' is pause() by the healer
 * itself, past => 'propose' mode propose, both for as long: what rests or waits
 * then is seen in selfheal.watched.restraint. Loads notice none of it.
 */
#ifndef SELFHEAL_TOLERANCE_H
#define SELFHEAL_TOLERANCE_H

#include "postgres.h"

#include "utils/timestamp.h"

/*
 * Between two rounds, behind incident_collect: take the measures of all tables
 * that have a tolerance, open and close their incidents, restrain the healer
 * and let it go. True when an incident is to be opened: incident_collect, and
 * this, are to be called once more. In the current transaction.
 */
extern bool tolerance_look(void);

/* When a table that is past its tolerance may be within it again by itself; 0:
 * none is, or only people and heals end it. */
extern TimestampTz tolerance_next(void);

/*
 * A person has answered (resume, dismiss): what was before counts no more, and
 * the incident that is open, if any, is dismissed in his name for this reason.
 * In the current transaction.
 */
extern void tolerance_answered(Oid relid, const char *why);

#endif							/* SELFHEAL_TOLERANCE_H */
