/*
 * partition_search.h
 *	  Which partitions do held rows lack?
 *
 * The error says the key of one row; the others are taken from their payloads
 * once more, in batches, as who loaded them: the value of the key, or of its
 * expression, at the table where their way ends. A value asks for a slot on
 * the raster of the partitions that are there. Slots that are far from all of
 * them are bad values, not partitions.
 */
#ifndef SELFHEAL_PARTITION_SEARCH_H
#define SELFHEAL_PARTITION_SEARCH_H

#include "postgres.h"

#include "decide/partition_grid.h"
#include "decide/partition_level.h"
#include "observe/loader.h"

/* One partition that rows ask for. */
typedef struct Fresh
{
	int64		rows;			/* that ask for it */
	int64		refused;		/* of them that no partition of its own takes */
	bool		isnull;			/* of a list */
	Datum		value;			/* of a list */
	int64		slot;			/* of ranges */
	Datum		lower;
	Datum		upper;
	Oid			like;			/* partitioned as this sibling, or InvalidOid */
	struct Want *below;			/* what rows ask of its own partitions: those
								 * of the sibling, and new ones */
	List	   *copies;			/* Oid: the sibling's that rows would go to */
} Fresh;

/* What rows ask of one partitioned table. */
typedef struct Want
{
	PartitionLevel *level;
	PartitionGrid grid;			/* of ranges */
	int64	   *slots;			/* of the finite ranges, in order */
	int			nslots;
	bool		nested;			/* its partitions are partitioned themselves */
	char	   *refusal;		/* nothing is learnt from its partitions */
	Fresh	   *fresh;			/* room for guc_max_new_partitions */
	int			nfresh;
	bool		by_length;		/* the key's values are by reference */
	int16		length;
} Want;

typedef struct PartitionSearch
{
	Oid			relid;
	Oid			root;			/* of a partition: rows may go through it */
	MemoryContext cxt;			/* of the result */
	char	   *zone;			/* of this process */
	const LoaderRun *run;		/* whose rows are looked at */
	List	   *wants;			/* Want * */
	int			room;			/* partitions that may still be made */
	bool		asked;			/* by a person: however far */
	int64		placed;			/* rows that have a partition by now */
	int64		strange;		/* rows that do not fit otherwise */
	int64		beyond;			/* rows that are for a person */
	char	   *why;			/* the first of them is */
	int64		over;			/* rows beyond selfheal.max_new_partitions */
} PartitionSearch;

/* Look at all held rows of these incidents, by the partitions of root: the
 * table itself, or what stands above it. */
extern void partition_search(PartitionSearch *s, Oid root, const int64 *incidents, int n);

/* What a table's partitions teach; NULL when it is partitioned no more. */
extern Want *partition_search_level(PartitionSearch *s, Oid parent);

/* One value of its key: adds to its fresh ones, and returns that which is for
 * it; or says why not, and returns NULL. */
extern Fresh *partition_search_value(PartitionSearch *s, Want *w, bool isnull, Datum value);

/* All partitions of a fresh one that is to be like a sibling: when nobody has
 * rows that say which. False with a reason. */
extern bool partition_search_copy_all(Want *w, Fresh *fresh, char **reason);

#endif							/* SELFHEAL_PARTITION_SEARCH_H */
