/*
 * restore.h
 *	  A database that is being restored, and the tables in it that rest.
 *
 * A dump brings watches, held rows and open incidents before the tables they
 * are about have their keys, triggers and policies, perhaps before their rows.
 * A heal, or a held row that is stored, would not only be wrong then: it could
 * make what the restore still has to do fail.
 *
 * Two rules, each by what the server itself knows:
 *
 * A session that loads tables of ours (COPY, or an INSERT into
 * selfheal.watched) is restoring this database until it ends: it holds a lock
 * of ours, and while anybody does the worker does nothing in this database.
 *
 * A watched table that is not in selfheal.settled, which no dump contains,
 * rests: its rows are held and stored by loads as ever, but the worker neither
 * diagnoses nor changes it, nor stores what is held. It is settled when
 *	 - its intake has its triggers, which a dump has behind all data,
 *	 - its shape (snapshot.h) is the newest that the registry has of it,
 *	 - no session that has run DDL on it, or its intake, while it rested is
 *	   still there: what such a one has not made yet, privileges and
 *	   publications among it, is no part of the shape;
 * or when a person says so: selfheal.restored(), or watch() again.
 *
 * A restore in several steps may leave a gap between them in which nobody is
 * there: then the shape tells. What it cannot tell is whether a table's own
 * rows are still to come by a later, separate command, after its watch and its
 * definition are complete; restore schema selfheal last then.
 */
#ifndef SELFHEAL_RESTORE_H
#define SELFHEAL_RESTORE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "observe/touched.h"
#include "utils/timestamp.h"

/* A COPY that is about to run: is it a restore's? From the utility hook. */
extern void restore_see_copy(const CopyStmt *stmt);

/* After a command: it may be a restore's. Inside spi_open, in an event trigger
 * on ddl_command_end. */
extern void restore_see_ddl(const Touched *touched);

/* Is this database being restored by a session that is there? By ours, too. */
extern bool restore_under_way(void);

/* Processes that restore this table, or the database, but for ours; of
 * InvalidOid all that restore anything here. NULL: none. In the current context. */
extern char *restore_who(Oid relid);

/*
 * May the worker make a pass? False when this database is being restored. If a
 * restore begins during the pass, it waits for the worker's transaction to end,
 * and the next one ends the pass with 55006.
 */
extern bool restore_lets_pass(void);

/* A table was watched here. Inside spi_open. */
extern void restore_settle(Oid relid, const char *role);

/* Settle the tables that are whole. By the worker, in a transaction, during a
 * pass. */
extern void restore_look(void);

/* When the next look is due since a table, whole as it is, waits for who has
 * restored it to leave; 0: none does. */
extern TimestampTz restore_look_again(void);

/* Raises 55000 for a table that rests. */
extern void restore_refuse(Oid relid);

/* Its owner says that a resting table is as it is meant to be; false when it
 * does not rest. Raises 55006 while another session restores it. */
extern bool restore_said(Oid relid);

#endif							/* SELFHEAL_RESTORE_H */
