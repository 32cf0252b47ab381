/*
 * partition_names.h
 *	  How partitions are named, learnt from those that are there.
 *
 * A sibling's name is taken apart into words and numbers; those that are a
 * part of its bound are so in the next name too. What explains the names of
 * most siblings counts. Where nothing does, the name is the parent's with the
 * bound behind it.
 */
#ifndef SELFHEAL_PARTITION_NAMES_H
#define SELFHEAL_PARTITION_NAMES_H

#include "postgres.h"

#include "decide/partition_grid.h"

/* The name of a partition from lower to upper, however long. */
extern char *partition_names_range(const PartitionLevel *level, const PartitionGrid *grid,
								   Datum lower, Datum upper);

/* The same for one value; NULL: null. */
extern char *partition_names_value(const PartitionLevel *level, const char *value);

/*
 * That name, cut where it is longer than PostgreSQL's limit (then with a hash
 * of all of it), and with a number where a relation or type of the schema, or
 * one of taken (char *), has it already. NULL: there is none.
 */
extern char *partition_names_free(const char *name, Oid schema, const List *taken);

/* Has a relation or type of this schema the name? */
extern bool partition_names_taken(const char *name, Oid schema);

#endif							/* SELFHEAL_PARTITION_NAMES_H */
