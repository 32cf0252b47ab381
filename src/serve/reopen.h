/*
 * reopen.h
 *	  Between two rounds: what is looked at again, and what need not wait any
 *	  more.
 *
 * Incidents that wait for a person, or had given up, are open again when the
 * ground of that may be gone: the table has changed, or the team has said
 * something of it. A person's no to a plan outlasts what we change ourselves;
 * a hint or a mapping of the very key, or a person's DDL, ends it. What
 * another transaction holds is passed over, never waited for.
 */
#ifndef SELFHEAL_REOPEN_H
#define SELFHEAL_REOPEN_H

#include "postgres.h"

/*
 * The table was changed: plan anew what waits for approval, since its plan is
 * for the table as it was; all: also what had given up, since the change was
 * made for none of them and may have helped. In a transaction of its own;
 * skips what a person's open one holds.
 */
extern void reopen_table(Oid relid, bool all, const char *reason);

/* The team has said something of tables: look again at what waits, or had
 * given up, of those. In the current transaction, between two rounds. */
extern void reopen_told(void);

/*
 * A person changed tables that incidents wait for a person at: open those
 * again, so that their rows are tried on the table as it is now. In the
 * current transaction, between two rounds; skips what a person's open one
 * holds. Audit: retried.
 */
extern void reopen_altered(void);

/* Supersede plans that will not run: of ours, if they await approval though no
 * incident of theirs waits for it (their rows were stored, amended or given up
 * meanwhile); anybody's, if the table is gone; and what a worker that died had
 * planned. In the current transaction, between two rounds. Audit: refused. */
extern void reopen_retire_plans(void);

#endif							/* SELFHEAL_REOPEN_H */
