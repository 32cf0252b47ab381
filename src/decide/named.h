/*
 * named.h
 *	  What in the catalog names a column of a table, or has its row type?
 *
 * Views and publications are not in it: see lineage.h and subscribers.h.
 */
#ifndef SELFHEAL_NAMED_H
#define SELFHEAL_NAMED_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct NamedBy
{
	char	   *kind;			/* as in impact.h */
	char	   *object;			/* qualified and quoted */
} NamedBy;

typedef struct NamedKey
{
	char	   *object;			/* "fk on public.child" */
	bool		refers;			/* the column refers; else it is referred to */
	char	   *other;			/* schema.table.column at the other side */
	char	   *other_type;
} NamedKey;

/*
 * Each takes the oids of a table and of all below it; results are in the
 * current context, by kind and name. Copies on partitions and children of
 * what the table itself has are left out.
 */

/* NamedBy *: triggers, policies, rules, generated columns, checks, statistics
 * objects, parsed functions, and indexes with an expression or predicate. */
extern List *named_column(const List *tree, const char *column);

/* NamedKey *: foreign keys of the column and to it. */
extern List *named_foreign_keys(const List *tree, const char *column);

/* NamedBy *: columns, domains and functions with the table's row type. */
extern List *named_row_type(const List *tree);

/* The same for the type of a column, without the tree's own columns of that
 * name. */
extern List *named_column_type(const List *tree, const char *column);

#endif							/* SELFHEAL_NAMED_H */
