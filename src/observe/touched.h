/*
 * touched.h
 *	  Which watched tables a command was about: for event triggers.
 *
 * A partition stands for its root, a type for the tables that have a column
 * made of it, a sequence for those that draw from it, an index, trigger or
 * policy for its table, a table for what inherits from it.
 */
#ifndef SELFHEAL_TOUCHED_H
#define SELFHEAL_TOUCHED_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef struct TouchedTable
{
	Oid			relid;			/* watched */
	bool		helps;			/* rows may be stored that were refused */
	Jsonb	   *renamed;		/* {"old column": "new"}, or NULL */
	int64		command;		/* selfheal.ddl.id, or 0: not kept yet */
} TouchedTable;

/* All of it. */
typedef struct Touched
{
	List	   *tables;			/* TouchedTable */
	List	   *intakes;		/* Oid: watched tables whose intake view, or a
								 * trigger of it, the command was about */
	bool		watches;		/* it was about selfheal.watched itself */
} Touched;

/*
 * In ddl_command_end, inside spi_open; in the current context. all: every
 * watched table, whatever the command says (ALTER SCHEMA). What a GRANT touches
 * are tables whose rows wait for that privilege. A command on what others have
 * leaves no lock on tables of ours.
 */
extern Touched touched_by_command(bool all);

/* The tables' oids. */
extern List *touched_oids(const List *tables);

/* The same of what was dropped (dropped.h), in sql_drop; a table that is gone
 * itself is not among them. No SQL. */
extern List *touched_by_drop(const List *dropped);

/* Find a table in the list, or add it. */
extern TouchedTable *touched_add(List **tables, Oid watched, bool helps);

/* The watch of one table is another's now: so is what is in the list. */
extern void touched_moved(List **tables, Oid from, Oid to);

#endif							/* SELFHEAL_TOUCHED_H */
