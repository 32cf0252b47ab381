/*
 * bysql.h
 *	  Write formed rows by an INSERT of SQL, as the current user.
 *
 * For tables whose rows the executor's parts alone must not write: row
 * security, rules, tables of other servers or of extensions that route rows
 * themselves; and for rows that may replace those that are there.
 */
#ifndef SELFHEAL_BYSQL_H
#define SELFHEAL_BYSQL_H

#include "postgres.h"

#include "write/deferred.h"
#include "write/tuples.h"

/* The rows' table, and the columns that they fill. */
typedef struct BySql
{
	TupleDesc	desc;
	const Shape *shape;
	const int  *columns;		/* indexes into shape->cols */
	int			ncolumns;
} BySql;

/*
 * INSERT n rows by one statement, in the caller's subtransaction and the
 * current memory context. A row filled in no column takes every default.
 * Throws what the statement throws.
 */
extern void bysql_insert(const BySql *by, Relation rel, const FormedRow *rows,
						 int n);

/*
 * Write n rows, one statement each in their order, over those that have their
 * primary key: columns that a row has a key for are set, the others stay; a
 * row whose key is new is inserted. As above; *at is the row at hand. Rows
 * must know their present keys; by_row and deferred as in writer.h.
 */
extern void bysql_upsert(const BySql *by, Relation rel, const FormedRow *rows,
						 int n, bool by_row, Deferred *deferred,
						 volatile int *at);

#endif							/* SELFHEAL_BYSQL_H */
