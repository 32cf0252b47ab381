/*
 * lacking.h
 *	  From a table that a subscription lacks to the table.
 *
 *	  open -> awaiting_approval -> needs_human (made: REFRESH is a person's)
 *	             '-> needs_human (rejected, or nothing can be made of it)
 *	  any of these -> healed (the subscription has the table)
 *	               -> dismissed (it does not stall for it any more)
 *
 * One incident (class missing_table, of no table) and one plan per table that
 * an apply worker names. approve() makes it as the subscription's owner. From
 * then on the apply worker passes over its rows until the publication is
 * refreshed, which copies them all: ALTER SUBSCRIPTION ... REFRESH PUBLICATION,
 * which no transaction block can hold and which waits for the publisher, so
 * that a person runs it. The incident is open until he has.
 */
#ifndef SELFHEAL_LACKING_H
#define SELFHEAL_LACKING_H

#include "postgres.h"

#include "decide/docket.h"
#include "decide/replication.h"
#include "record/audit.h"

#define LACKING_CLASS "missing_table"

/* For replication_collect: makes incident and plan, once. */
extern void lacking_told(const LackingTable *table);

/* The worker's part, in the current transaction between two rounds: what has
 * become of the tables. */
extern void lacking_collect(void);

/* Is this a plan for a table that a subscription lacks? */
extern bool lacking_is_plan(const PlanRow *row);

/* Raises 42501 when the caller is not as good as the subscription's owner,
 * 55000 when there is no such subscription any more. */
extern void lacking_check_right(const PlanRow *row);

/* Name the table in an audit entry about such a plan. */
extern void lacking_entry(AuditEntry *entry, const PlanRow *row);

/* Make the table of an approved plan. Raises 55000 when it cannot be made any
 * more. Audit: applied. */
extern void lacking_make(const PlanRow *row);

#endif							/* SELFHEAL_LACKING_H */
