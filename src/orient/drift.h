/*
 * drift.h
 *	  What a person has changed of a table against what is expected of it.
 *
 * One incident of class drift for each column (or type) of a table, in state
 * needs_human as long as the change stands: a person meant it, so nothing is
 * altered for it, and what a plan would do to such a column waits for approval.
 * It is healed when the table fits what was expected again, however that came,
 * or when expect() says that something else is expected now.
 */
#ifndef SELFHEAL_DRIFT_H
#define SELFHEAL_DRIFT_H

#include "postgres.h"

#include "nodes/pg_list.h"

/*
 * Between two rounds, behind incident_collect: give each open incident its
 * reason, and close what fits again. In the current transaction. Audit:
 * diagnosed.
 */
extern void drift_settle(void);

/* Columns that a person has dropped, renamed, narrowed or made NOT NULL, and
 * that are not settled (char *), in the current context. */
extern List *drift_columns(Oid relid);

#endif							/* SELFHEAL_DRIFT_H */
