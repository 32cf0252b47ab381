/*
 * follow.h
 *	  What is kept of a watched table goes where the table goes.
 *
 * Swap loads (rename t to backup, rename or create new as t, in one
 * transaction) mean "this name is the table": a name that a watched table
 * left in this transaction and another table took moves the watch, the view
 * with its grants, and the held rows to that table.
 */
#ifndef SELFHEAL_FOLLOW_H
#define SELFHEAL_FOLLOW_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Names of these watched tables (Oid) against the catalog, and their views with
 * them. Inside spi_open. */
extern void follow_renames(const List *relids);

/* Has a watched table left its name in this transaction? */
extern bool follow_pending(void);

/* Did another table take such a name? What is noted of the one (TouchedTable)
 * is then about the other. Inside spi_open. */
extern void follow_swaps(List **tables);

/* In ddl_command_end: columns that were renamed are still the ones that mappings
 * mean. Inside spi_open. */
extern void follow_columns(void);

/* What we keep about one table is about another now, or (InvalidOid) about a
 * table that is gone: the names beside it stay. Inside spi_open. */
extern void follow_repoint(Oid from, Oid to);

/*
 * For the worker: if this watched table was renamed or moved where nobody saw
 * it, all that follows. Raises 55P03 when its view is in somebody's hand for
 * half a second.
 */
extern void follow_renamed(Oid relid);

#endif							/* SELFHEAL_FOLLOW_H */
