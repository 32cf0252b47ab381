/*
 * dropped.h
 *	  Whose the things were that a command has dropped.
 *
 * When an event trigger hears of a drop the catalog has forgotten it: of an
 * index or a partition only a name is left. So it is looked up before, by the
 * hook that PostgreSQL calls for each object that goes: a few cached lookups,
 * no SQL, and nothing at all for temporary tables.
 */
#ifndef SELFHEAL_DROPPED_H
#define SELFHEAL_DROPPED_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct Dropped
{
	Oid			relid;			/* the relation that lost something */
	bool		gone;			/* it is gone itself */
	bool		view;			/* and was a view */
	bool		helps;			/* rows may be stored that were refused */
} Dropped;

/* At preload: without it nothing is noted. */
extern void dropped_init(void);

/* Is it noted in this server? */
extern bool dropped_noted(void);

/*
 * What has been noted since this was asked last, or since the transaction
 * began: Dropped *, each relation once, in the current context. What was
 * rolled back to a savepoint may be among it too. A unique index, constraint,
 * trigger, policy, default or column stands as its table (or partition), a
 * partition as itself and as its root.
 */
extern List *dropped_take(void);

#endif							/* SELFHEAL_DROPPED_H */
