/*
 * awaited.h
 *	  Tables that held rows wait for, and who has written to them.
 *
 * A row whose foreign key misses its parent is tried again when the parent
 * has come. No trigger tells us of that: the hooks note which tables a
 * transaction has stored rows in, and its commit looks whether anybody waits
 * for one of them. While nobody does, that is one comparison.
 *
 * Nobody is forgotten: a worker publishes what its rows are to wait for before
 * it takes the snapshot in which it finds that the parent is missing, and a
 * commit looks after it has become visible. So either the worker sees the
 * parent, or the commit sees that it is awaited.
 *
 * What logical replication stores passes no hook: of its transactions it
 * counts which tables they have locked to write in. What is not seen: what it
 * stores in two phases. For that the worker looks now and then.
 */
#ifndef SELFHEAL_AWAITED_H
#define SELFHEAL_AWAITED_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* Rows stored in relid may be rows of parent: of a partition in its root, or
 * the other way. */
typedef struct AwaitedTable
{
	Oid			relid;
	Oid			parent;
} AwaitedTable;

/* From _PG_init: shared memory, hooks, callbacks. */
extern void awaited_init(void);

/* This transaction has stored rows in the table, and so in those that it is a
 * partition of. Cheap; for those ways of storing that pass no executor. */
extern void awaited_wrote(Oid relid);

/* Rows of this database wait for these tables (AwaitedTable *); with
 * replace, for no others. Holds at once, not at commit. */
extern void awaited_publish(const List *tables, bool replace);

/*
 * For which parents has something been stored since the last call (Oid)?
 * *all: we cannot tell, it may be any. False when nothing was published since
 * the server started: then nobody has looked, either.
 */
extern bool awaited_take(List **parents, bool *all);

/* Is no table of this database published? */
extern bool awaited_none(void);

/* Would awaited_take have something to tell? */
extern bool awaited_pending(void);

/* A transaction of this database was committed of which we do not know what
 * it has stored (COMMIT PREPARED). Wakes nobody. */
extern void awaited_any(void);

#endif							/* SELFHEAL_AWAITED_H */
