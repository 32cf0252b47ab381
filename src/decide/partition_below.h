/*
 * partition_below.h
 *	  Partitions of a new partition, where its siblings are partitioned
 *	  themselves.
 *
 * The new one is partitioned as the sibling next to it (spec->like): by the
 * same key; by hash with all of the sibling's partitions, else with those that
 * rows need, with bounds that the sibling has or that stand on the raster of
 * its bounds. One level, and no more than PARTITIONS_BELOW of them.
 */
#ifndef SELFHEAL_PARTITION_BELOW_H
#define SELFHEAL_PARTITION_BELOW_H

#include "postgres.h"

#include "decide/partition_args.h"
#include "decide/partition_level.h"

#define PARTITIONS_BELOW 64

/* Are a level's partitions, but for the default, partitioned themselves? */
typedef enum LevelNesting
{
	NESTED_NONE,
	NESTED_ALL,
	NESTED_SOME
} LevelNesting;

extern LevelNesting partition_below_nesting(const PartitionLevel *level);

/* "HASH (id)": by what it is partitioned; NULL when it is not (any more). */
extern char *partition_below_key(Oid relid);

/* A part with the bound of this partition of the sibling; NULL with a reason:
 * it is one without an end, or no plain table. Its name is the sibling's. */
extern NewPartition *partition_below_copy(const PartitionLevel *sibling, Oid child, char **reason);

/* The name of a part: as the sibling's is called, below its new parent, whose
 * name it may have already. */
extern char *partition_below_name(const char *name, const char *sibling, const char *parent);

/* May the spec's partition have these of its own? Its bounds are not looked
 * at. level: of its parent. */
extern bool partition_below_check(const PartitionLevel *level, const NewPartition *spec,
								  Oid owner, char **reason);

/* Is the sibling what the spec says it is, still? */
extern bool partition_below_current(const PartitionLevel *level, const NewPartition *spec,
									char **reason);

/* Statements that make them below "table" (SQL name), which is made. */
extern List *partition_below_statements(const NewPartition *spec, const char *schema,
										const char *table);

/* What ALTER TABLE gives them when the table is attached. */
extern List *partition_below_after(const NewPartition *spec, const char *schema);

#endif							/* SELFHEAL_PARTITION_BELOW_H */
