/*
 * replication.h
 *	  Subscriptions that stall since their table is not what is published.
 *
 * The third door: no row comes through it, for the publisher keeps what its
 * subscriber could not store and sends it again. It is enough to make the table
 * fit; the apply worker then goes on by itself, at the same place.
 */
#ifndef SELFHEAL_REPLICATION_H
#define SELFHEAL_REPLICATION_H

#include "postgres.h"

#include "decide/remedy.h"

/* A published table that is not here, in a transaction. */
typedef struct LackingTable
{
	Oid			subid;
	const char *subscription;
	const char *message;		/* of the apply worker */
	const char *schema;
	const char *table;
	const List *columns;		/* PublishedColumn *, those of an enum once
								 * for each label */
} LackingTable;

/*
 * For each subscription that has newly stalled ask its publisher which columns
 * it sends, and capture (door "apply") what the watched tables among its targets
 * lack: columns and labels; and columns whose type is too narrow, if the error
 * names them. A published table that is not here and that the error names is
 * told to lacks. Must be called without a transaction; makes its own, and none is
 * open while the publisher is waited for.
 */
extern void replication_collect(void (*lacks) (const LackingTable *table));

/* Builders: the publisher's own type for a column that is missing, or too
 * narrow. Leave alone what no apply worker has met. */
extern void replication_add(Remedy *r, const Evidence *e);
extern void replication_widen(Remedy *r, const Evidence *e);

#endif							/* SELFHEAL_REPLICATION_H */
