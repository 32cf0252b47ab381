/*
 * mapset.h
 *	  By which mappings a row came: mostly the same as the row before.
 */
#ifndef SELFHEAL_MAPSET_H
#define SELFHEAL_MAPSET_H

#include "postgres.h"

#include "observe/mapping.h"
#include "observe/store.h"

/* Of a set with so many mappings the next row is told at a glance to be of it. */
#define MAPSET_LAST 8

/* Sets that were met so far. Zero to begin with, and when cxt is reset. */
typedef struct MapSets
{
	int			n;
	const StoreMapped **sets;
	int			nlast;			/* places of the one that was found last */
	int			last[MAPSET_LAST];
} MapSets;

/*
 * The set of these mappings (places in the list), which lives in cxt. Sets that
 * many rows share are found again; one is made anew when too many were met.
 */
extern const StoreMapped *mapset_find(MapSets *sets, MemoryContext cxt, const List *mappings,
									  const int *used, int n);

#endif							/* SELFHEAL_MAPSET_H */
