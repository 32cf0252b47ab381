/*
 * partition_level.h
 *	  A partitioned table and the bounds of its partitions, as values.
 *
 * To ask for a partition key is to have its expressions folded, which runs
 * functions of the table's owner: it is done as the owner, restricted.
 * Comparing and printing is done by PostgreSQL's own functions alone; a level
 * with others is said to be of a kind that nothing is learnt from.
 */
#ifndef SELFHEAL_PARTITION_LEVEL_H
#define SELFHEAL_PARTITION_LEVEL_H

#include "postgres.h"

#include "fmgr.h"
#include "nodes/parsenodes.h"

/* One partition by range. Columns of the key behind the first are left out. */
typedef struct LevelRange
{
	Oid			relid;
	bool		from_min;		/* MINVALUE: lower is not set */
	bool		to_max;
	Datum		lower;
	Datum		upper;			/* not in it */
} LevelRange;

/* One value of a partition by list. */
typedef struct LevelValue
{
	Oid			relid;
	bool		isnull;
	Datum		value;
} LevelValue;

typedef struct PartitionLevel
{
	Oid			relid;
	char		strategy;		/* PARTITION_STRATEGY_* */
	int			nkeys;
	char	   *column;			/* the key's first column, or "" for an
								 * expression */
	char	   *expression;		/* the key's first part as SQL */
	Oid			type;			/* of that part */
	int32		typmod;
	Oid			collation;
	FmgrInfo	compare;
	bool		foreign_code;	/* type or comparison is not PostgreSQL's own */
	bool		decided;		/* range: all bounds have MINVALUE behind the
								 * first part, so that it alone decides */
	Oid			default_relid;	/* the default partition, or InvalidOid */
	List	   *children;		/* Oid: all partitions, the default too */
	int			nranges;
	LevelRange *ranges;			/* in order */
	int			nvalues;
	LevelValue *values;			/* in order, null last */
} PartitionLevel;

/* Read it, in the current context; NULL when it is no partitioned table (any
 * more). The lock (AccessShareLock) is given back. */
extern PartitionLevel *partition_level(Oid relid);

extern int	partition_level_compare(const PartitionLevel *level, Datum a, Datum b);

/* A value of the first part as text that reads the same everywhere: under
 * pinned settings, time in UTC. */
extern char *partition_level_text(const PartitionLevel *level, Datum value);

/*
 * The opposite. False with a reason when the text is no value of the type, or
 * not as the type prints it.
 */
extern bool partition_level_read(const PartitionLevel *level, const char *text, Datum *value,
								 char **reason);

/* The same of a text that the type reads in any way, under the session's
 * settings. */
extern bool partition_level_input(const PartitionLevel *level, const char *text, Datum *value,
								  char **reason);

/* Does a partition, other than the default, take this value? */
extern bool partition_level_has(const PartitionLevel *level, bool isnull, Datum value);

#endif							/* SELFHEAL_PARTITION_LEVEL_H */
