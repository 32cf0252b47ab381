/*
 * ordering.h
 *	  The ordering key of a watched table: which columns make it (watched.
 *	  ordering_key), as its owner has said by watch().
 *
 * What the key does is order.h's.
 */
#ifndef SELFHEAL_ORDERING_H
#define SELFHEAL_ORDERING_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The stored array as a list (char *), in the current context. */
extern List *ordering_columns(Datum array);

/*
 * Set the key of a watched table: 'customer_id', or several columns as in
 * 'region, "Customer"'; '' takes it away. Nothing happens when it is the key
 * already (before: what it was). Rows that are held already lose their places
 * and are tried again; running loads are waited for. Audit: policy_changed.
 * Errors: 22023 (no list of names), 42701, 42703 (no such column), 42809 (a
 * column that the database computes, or whose type cannot tell equal values).
 */
extern void ordering_set(Oid relid, const char *text, const List *before);

/* After a command on these watched tables (Oid; event trigger, inside
 * spi_open): follow columns that were renamed; of those that were dropped, or
 * whose type tells no equality any more, take the key away, with an audit row.
 * A type by which held rows are not found any more is told, too. */
extern void ordering_follow(const List *relids);
extern void ordering_forget(const List *relids);

#endif							/* SELFHEAL_ORDERING_H */
