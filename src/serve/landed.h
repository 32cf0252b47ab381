/*
 * landed.h
 *	  From rows of an unknown table to the table.
 *
 *	  open -> awaiting_approval -> healed (the table is there, and has the rows)
 *	             '-> needs_human (rejected, or nothing can be made of it)
 *
 * One incident (class unknown_table, of no table) and one plan per name. The
 * plan's columns are those of all rows that were there; it is made again when
 * their number has doubled. approve() makes the table at once, as the owner of
 * the landing schema, and watches it; the worker then loads the rows, each as
 * the role that brought it, by the front door: what does not fit by then is
 * held and healed like any other. A role that may not INSERT into the table
 * keeps its rows waiting until it may (ALTER DEFAULT PRIVILEGES in the schema
 * says so beforehand): nothing here grants. What takes the server down
 * each time is left to a person (deaths.h).
 */
#ifndef SELFHEAL_LANDED_H
#define SELFHEAL_LANDED_H

#include "postgres.h"

#include "decide/docket.h"
#include "record/audit.h"

/* The worker's part, in the current transaction between two rounds. Loads, and
 * trials of tables, are charged by it and done by landed_do when that is
 * committed: in transactions of their own. */
extern void landed_collect(void);
extern void landed_do(void);

/* Is this a plan for a table that is yet to be made? */
extern bool landed_is_plan(const PlanRow *row);

/* Raises 42501 when the caller could not make tables in the landing schema
 * himself, 55000 when there is none. */
extern void landed_check_right(void);

/* Name the table in an audit entry about such a plan. */
extern void landed_entry(AuditEntry *entry, const PlanRow *row);

/* Make and watch the table of an approved plan. Raises 55000 when it cannot be
 * made any more. Audit: applied. */
extern void landed_make(const PlanRow *row, const char *by);

#endif							/* SELFHEAL_LANDED_H */
