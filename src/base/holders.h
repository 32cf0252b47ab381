/*
 * holders.h
 *	  Who holds a table now?
 *
 * JSON: [{"pid", "query", "age_s", "mode", "application"}], oldest
 * transaction first, one entry for each holder with its strongest mode on any
 * of the tables. A prepared transaction has no process and no query: pid is
 * null and its name stands in their place. Queries of others are empty for who
 * may not read them in pg_stat_activity either (pg_read_all_stats).
 */
#ifndef SELFHEAL_HOLDERS_H
#define SELFHEAL_HOLDERS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef enum HoldersOf
{
	HOLDERS_GATE,				/* the gate of the table: its running loads */
	HOLDERS_TREE,				/* the table, its partitions and children */
	HOLDERS_TREE_AND_CATALOG,	/* those, and the catalog's rows about them */
	HOLDERS_TREE_AND_KEYS		/* the tree, and the other sides of its
								 * foreign keys */
} HoldersOf;

/*
 * All others that hold any lock there: what an ALTER TABLE wants conflicts
 * with each. They may be gone by now; an empty list is an answer. more: Oids
 * of relations that are wanted as well; objects: of functions whose rows in
 * the catalog are. Result in the current context; opens SPI.
 */
extern Jsonb *holders_now(Oid relid, HoldersOf what, const List *more, const List *objects);

#endif							/* SELFHEAL_HOLDERS_H */
