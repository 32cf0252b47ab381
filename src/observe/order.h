/*
 * order.h
 *	  Which rows of a load or a replay must wait, since a row of their ordering
 *	  key is held (watch(..., ordering_key => ...)).
 *
 * Rows of one key are stored in the order in which they came: in a load that
 * of its lines, between loads that of their commits. A row whose key has a
 * held row before it is held behind that, with reason awaiting_order, whether
 * it fits or not. Keys do not wait for each other.
 *
 * The key of a row is what would be stored in the key's columns: all of them
 * must be in the payload, fit, and not be null, else the row has no key, waits
 * for none and is waited for by none. Two keys are one when their types say
 * that they are equal.
 *
 * A load sees the rows that others hold when a batch of it begins: of two that
 * run at the same time neither waits for the other's rows. Nothing here takes
 * a lock. A replay sees, of each key, the first held row that it has not in
 * hand: what came after that one waits.
 */
#ifndef SELFHEAL_ORDER_H
#define SELFHEAL_ORDER_H

#include "postgres.h"

#include "access/htup.h"
#include "nodes/pg_list.h"
#include "observe/store.h"

/* Order by these columns (char *), below the current memory context; NULL when
 * there are none. */
extern Order *order_begin(Oid relid, const List *columns);

/*
 * The rows of the next batch are held ones, with these ids in ascending order
 * and the keys that they were held with (text NULL: none). The arrays stay the
 * caller's, until order_line_up with other ones. first: no other row of the
 * table is held before the last of them.
 */
extern void order_line_up(Order *o, const int64 *ids, const OrderKey *keys, int n, bool first);

/* The table's columns, anew. They must stay until the next call. */
extern void order_shape(Order *o, const Shape *shape, TupleDesc desc);

/* A batch of n rows begins: what others hold counts as of now. */
extern void order_batch(Order *o, int n);

/* Must a row that fits be asked about at all? Mostly not: nothing is held. May
 * change with each batch and each row that is refused. */
extern bool order_asks(const Order *o);

/* Has a row, which fits, to wait? Then it has its misfit, in cxt. Which rows
 * are before it its place tells. May throw what the functions of the key's
 * types throw. */
extern bool order_waits(Order *o, StoreRow *row, const FitRow *fit, MemoryContext cxt);

/* The row is held: those of its key that come after it wait. May throw like
 * order_waits. */
extern void order_refused(Order *o, StoreRow *row, const FitRow *fit, MemoryContext cxt);

/* The same of a row that was formed since order_waits said no. */
extern bool order_formed_waits(Order *o, StoreRow *row, HeapTuple tuple, MemoryContext cxt);
extern void order_formed_refused(Order *o, StoreRow *row, HeapTuple tuple, MemoryContext cxt);

/* Was a row of this batch refused after it was formed? */
extern bool order_any_refused(const Order *o);

#endif							/* SELFHEAL_ORDER_H */
