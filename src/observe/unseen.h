/*
 * unseen.h
 *	  Changes of watched tables that no event trigger saw.
 *
 * The session was a replica, the event triggers or the library were off, the
 * server was in single-user mode, somebody wrote to the catalog: the worker
 * finds the change when it looks next, keeps the shape (registry.h) with
 * neither role nor statement, and tells what it breaks (expected.h).
 *
 * It looks at each table once in a process, and again when PostgreSQL says that
 * the table, or a type of people's, has changed: of a table that stays as it is
 * nothing is read. Where other types change, tables that are made of any are
 * looked at. One between two steps of a command with CONCURRENTLY is left until
 * that is done. A constraint that somebody gives to a partition alone, unseen, is
 * found by the next process.
 */
#ifndef SELFHEAL_UNSEEN_H
#define SELFHEAL_UNSEEN_H

#include "postgres.h"

/*
 * Before anything is planned: the tables that have a failure which no incident
 * has, or an incident that is open. What the table lost unseen is not to be
 * given back to it as if it had never been there. For the worker, outside a
 * transaction; each table in one of its own.
 */
extern void unseen_troubled(void);

/* After it: all others, some at a time. True: more are left. */
extern bool unseen_others(void);

#endif							/* SELFHEAL_UNSEEN_H */
