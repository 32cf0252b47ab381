/*
 * clone.h
 *	  A stand-in for a table in schema selfheal_sandbox, with a sample of its
 *	  rows.
 *
 * Made and used inside a subtransaction that is rolled back (sandbox.c), with
 * SPI connected, the extension's owner as current user and the search_path
 * pinned; lives as long as that SPI connection.
 */
#ifndef SELFHEAL_CLONE_H
#define SELFHEAL_CLONE_H

#include "postgres.h"

#include "base/spi.h"
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

typedef struct Clone
{
	Oid			relid;			/* of the real table */
	Oid			owner;
	char		relkind;
	char	   *table;			/* qualified and quoted, as name and stage */
	char	   *name;
	char	   *relname;		/* of the table and its clone, bare */
	char	   *stage;			/* the sampled rows as they are in the table */
	List	   *columns;		/* CloneColumn * */
	char	   *column_list;	/* quoted, comma-separated */
	Oid			oid;			/* of the clone */
	List	   *sequences;		/* char *: what its defaults draw from */
	int64		history;		/* rows of the stage, all in the clone */
} Clone;

/*
 * Look at the table (AccessShareLock, the only one taken on it) and give its
 * parts; 42P01 when it is gone. clone_fill then makes stage and clone and
 * puts the rows in.
 */
extern Clone *clone_describe(Oid relid);
extern void clone_fill(Clone *clone);

/* One statement of ours as the table's owner, restricted, path pinned.
 * Returns SPI_processed. */
extern uint64 clone_as_owner(const Clone *clone, const char *sql, SpiArgs *args);

#endif							/* SELFHEAL_CLONE_H */
