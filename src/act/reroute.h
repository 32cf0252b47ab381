/*
 * reroute.h
 *	  Rows that were sent to one partition and belong to another.
 *
 * Such a row goes in through the root, which knows where it belongs: as it was
 * sent, and only where its loader may insert into the root himself.
 */
#ifndef SELFHEAL_REROUTE_H
#define SELFHEAL_REROUTE_H

#include "postgres.h"

#include "observe/store.h"

typedef struct Reroute
{
	Oid			root;			/* InvalidOid: no row was tried there */
	Store	   *store;			/* its misfits are the rows' */
	int64		stored;
} Reroute;

/*
 * Of these rows of a table, which store_rows has tried, store those that its
 * own bounds refused, as the current user; what the root refuses them for is
 * their reason then. reroute_end when nobody reads the misfits any more.
 */
extern void reroute_rows(Reroute *r, Oid relid, StoreRow *rows, int n);
extern void reroute_end(Reroute *r);

#endif							/* SELFHEAL_REROUTE_H */
