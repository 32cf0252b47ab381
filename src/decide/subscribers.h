/*
 * subscribers.h
 *	  Who follows the changes of a table: publications, logical slots, and
 *	  what identifies its rows to them.
 */
#ifndef SELFHEAL_SUBSCRIBERS_H
#define SELFHEAL_SUBSCRIBERS_H

#include "postgres.h"

#include "decide/plan.h"

/* A publication that carries the table, a partition or a child of it. */
typedef struct PublishedBy
{
	char	   *name;			/* quoted */
	char	   *bare;			/* not quoted */
	bool		carries;		/* the column too: no column list leaves it
								 * out */
	bool		lists;			/* a column list names it */
	bool		filters;		/* a row filter names it */
	bool		as_root;		/* partitions are published as their root */
} PublishedBy;

/* By name; column need not exist yet. tree: oids of the table and of all below
 * it. In the current context. */
extern List *subscribers_published(const List *tree, const char *column);

/* char *: names of the publications that carry what the plan changes. */
extern List *subscribers_reached(const HealPlan *plan);

/* How a publication takes a partition that is not there yet. */
typedef struct PublishesNew
{
	char	   *bare;			/* not quoted */
	char	   *name;			/* quoted */
	bool		sends;			/* its rows; else it lists siblings alone */
	bool		as_root;		/* as rows of a table above: a subscriber
								 * needs nothing for it */
} PublishesNew;

/* Of the publications that carry the parent or a partition of it, for a
 * partition of this schema; in the current context. */
extern List *subscribers_of_partition(Oid parent, Oid schema);

typedef enum RowIdentity
{
	IDENTITY_OTHER,				/* a key without the column, or none */
	IDENTITY_KEY,				/* the primary key has it */
	IDENTITY_INDEX,				/* the index of REPLICA IDENTITY has it */
	IDENTITY_FULL				/* the whole row */
} RowIdentity;

/* What tells subscribers which row an UPDATE or DELETE is about; the primary
 * key only when key_too, since every table has one and few are followed. */
extern RowIdentity subscribers_identity(const List *tree, const char *column, bool key_too);

/* char *: "name (plugin, in use)" of logical slots of this database. */
extern List *subscribers_slots(void);

/* char *: subscriptions that write into a table of the tree, quoted. */
extern List *subscribers_feeding(const List *tree);

#endif							/* SELFHEAL_SUBSCRIBERS_H */
