/*
 * rowkey.h
 *	  Would a second copy of a row be refused by a key?
 *
 * By a unique constraint or index that is checked at once, for all rows, and
 * whose parts are columns. Where a row brings values for all of them, its copy
 * meets it there, whoever comes second.
 */
#ifndef SELFHEAL_ROWKEY_H
#define SELFHEAL_ROWKEY_H

#include "postgres.h"

/* Has the table such a key? */
extern bool rowkey_exists(Oid relid);

/* Has this payload (a JSON object) values for all columns of one? */
extern bool rowkey_brought(Oid relid, const char *payload);

#endif							/* SELFHEAL_ROWKEY_H */
