/*
 * clone.h
 *	  A stand-in for a table in schema selfheal_sandbox: what it is made of.
 *
 * Made (standin.c) and used inside a subtransaction that is rolled back
 * (sandbox.c), with SPI connected, the extension's owner as current user and
 * the search_path pinned; lives as long as that SPI connection.
 */
#ifndef SELFHEAL_CLONE_H
#define SELFHEAL_CLONE_H

#include "postgres.h"

#include "act/coverage.h"
#include "base/spi.h"
#include "decide/plan.h"
#include "read/fit.h"
#include "nodes/pg_list.h"

#define CLONE_SCHEMA "selfheal_sandbox"

/* A column that has values of its own: every one that is not generated. */
typedef struct CloneColumn
{
	AttrNumber	attnum;			/* in the real table */
	char	   *name;
	char	   *quoted;
	Oid			type;			/* as in the real table */
	int32		typmod;
	bool		identity;
} CloneColumn;

/* A sequence that the clone draws from in the place of the real one. */
typedef struct CloneSequence
{
	char	   *name;			/* qualified and quoted */
	Oid			real;			/* InvalidOid: not known before it is drawn */
	bool		identity;		/* drawn from without a privilege */
} CloneSequence;

typedef struct Clone
{
	Oid			relid;			/* of the real table */
	Oid			parent;			/* of a member: the real table right above it */
	char	   *bound;			/* of a partition: FOR VALUES ..., or DEFAULT */
	char	   *partition_by;	/* "RANGE (day)"; NULL: the clone is not */
	Oid			owner;			/* a member's is its root's */
	char		relkind;
	char	   *table;			/* qualified and quoted, as name and stage */
	char	   *name;
	char	   *relname;		/* of the table and its clone, bare */
	char	   *stage;			/* the sampled rows as they are in the table */
	List	   *columns;		/* CloneColumn * */
	char	   *column_list;	/* quoted, comma-separated */
	Oid			oid;			/* of the clone; InvalidOid: not made */
	int64		history;		/* rows of the stage, all in the clone */
	bool		lacks_key;		/* a unique index that is not valid, but
								 * refuses new rows */

	/* of the root alone */
	List	   *sequences;		/* CloneSequence * */
	List	   *members;		/* Clone *: partitions, or tables that
								 * inherit, each behind its parent */
	bool		flat;			/* partitioned, and the clone is not */
	bool		partial;		/* the table has members that the clone lacks */
	bool		whole;			/* the stages hold all rows of the table */
	bool		secured;		/* the table's policies are on the clone */
	uint32	   *gaps;			/* COVERAGE_*: not covered so far */
} Clone;

/*
 * Look at the table (AccessShareLock, the only one taken on it) and give its
 * parts; 42P01 when it is gone.
 */
extern Clone *clone_describe(Oid relid);

/* One statement of ours as the table's owner, restricted, path pinned.
 * Returns SPI_processed. */
extern uint64 clone_as_owner(const Clone *clone, const char *sql, SpiArgs *args);

/* The same, past FORCE ROW LEVEL SECURITY: for statements that run none of the
 * table's code but operators. */
extern uint64 clone_past_rls(const Clone *clone, const char *sql, SpiArgs *args);

/* The member that stands for this table (or the root itself); NULL: none. */
extern Clone *clone_member(Clone *clone, Oid relid);

/*
 * CREATE TABLE like the real one, by the clone's name, with these words behind
 * INCLUDING ALL. An index that is not valid (rows may break it) is not kept.
 */
extern void clone_create(Clone *clone, const char *but);

/* A label that the plan adds can be used only once that is committed: in a
 * trial one that is there already stands in its place. */
extern void clone_let_stand_in(const Clone *clone, const HealPlan *plan, Shape *shape);

/* Do all unique indexes of the table and its members stand on the clone? */
extern bool clone_has_keys(const Clone *clone);

/* "ONLY x", or x alone when it is partitioned: its own rows. */
extern char *clone_own_rows(const Clone *clone, const char *table);

#endif							/* SELFHEAL_CLONE_H */
