/*
 * routing.h
 *	  Which partition would a payload go to? By a table's bounds, without
 *	  writing.
 */
#ifndef SELFHEAL_ROUTING_H
#define SELFHEAL_ROUTING_H

#include "postgres.h"

#include "read/fit.h"
#include "nodes/pg_list.h"
#include "observe/store.h"

/* Where a row's way from the root ends. */
typedef struct Route
{
	Oid			leaf;			/* its partition, or InvalidOid */
	Oid			parent;			/* without a leaf: the partitioned table that
								 * has none for it; InvalidOid: the row does
								 * not fit, or its key is not known, so that
								 * nobody can tell */
	const Datum *values;		/* with a parent: the row's key there, until
								 * the next row */
	const bool *nulls;
	struct Walk *walk;			/* for routing_key_at */
	const FitRow *fit;
} Route;

/*
 * The row's key at another partitioned table with the same columns (a sibling
 * of the partition that is missing): its first part, and whether any part is
 * null. Only from note, for a route with a parent; locks as the walk does.
 */
extern Datum routing_key_at(const Route *route, Oid relid, bool *isnull, bool *any_null);

typedef struct RouteWalk
{
	Oid			relid;			/* whose partitions are looked at */
	Oid			shaped;			/* whose columns the rows fill: the same, or a
								 * clone */
	Oid			said;			/* of whose keys the team's words count: hints
								 * and mappings */
	List	   *mappings;		/* Mapping * that count as well: those that
								 * are tried */
	void		(*prepare) (void *arg, Shape *shape);	/* or NULL */
	void		(*note) (void *arg, int row, const Route *route);
	void	   *arg;
} RouteWalk;

/*
 * Call note for each row, in order; for none that throws. Runs defaults, key
 * expressions and input functions as the current user, each row's errors
 * apart; takes AccessShareLock. After a few rows that throw the rest is left
 * out.
 */
extern void routing_walk(const RouteWalk *walk, const StoreRow *rows, int n);

#endif							/* SELFHEAL_ROUTING_H */
