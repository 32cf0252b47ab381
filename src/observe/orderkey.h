/*
 * orderkey.h
 *	  The ordering key of a row: a hash that equal keys have in common, and a
 *	  text for people.
 */
#ifndef SELFHEAL_ORDERKEY_H
#define SELFHEAL_ORDERKEY_H

#include "postgres.h"

#include "access/htup.h"
#include "nodes/pg_list.h"
#include "observe/store.h"

typedef struct OrderColumns OrderColumns;

/* Where a row's values are. */
typedef struct OrderValues
{
	const FitRow *fit;			/* of a row that was checked, else */
	HeapTuple	tuple;			/* of one that was formed */
} OrderValues;

/* The columns with these names (char *), in the current context; shape and
 * desc must stay. NULL when one is gone, or of a type that tells no equality. */
extern OrderColumns *orderkey_columns(const List *names, const Shape *shape, TupleDesc desc);

/* Can keys be told by this type? It needs an equality that hashes. */
extern bool orderkey_tells(Oid type);

/* Are keys hashed as they are written in this type, and so alike in all types
 * of which this is true? */
extern bool orderkey_as_written(Oid type, Oid collation);

/* Has one of them a default? Then a tuple does not tell whether the payload
 * said the key. */
extern bool orderkey_defaults(const OrderColumns *o);

/* Does the payload say the whole key? */
extern bool orderkey_said(const OrderColumns *o, const FitRow *fit);

/* The same of a row that does not fit, in which two keys may say different
 * things of a column. */
extern bool orderkey_sure(const OrderColumns *o, const FitRow *fit);

/*
 * The key of a row whose payload says it; in cxt, with its text, unless that
 * is NULL. False when a value is null after all. May throw what the functions
 * of its types throw.
 */
extern bool orderkey_make(OrderColumns *o, const OrderValues *from, MemoryContext cxt,
						  OrderKey *key);

#endif							/* SELFHEAL_ORDERKEY_H */
