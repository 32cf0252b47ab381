/*
 * mapstored.h
 *	  Would values that are stored have been stored otherwise under a mapping?
 */
#ifndef SELFHEAL_MAPSTORED_H
#define SELFHEAL_MAPSTORED_H

#include "postgres.h"

#include "observe/mapping.h"

/* Stored values that one check reads at most. */
#define MAPSTORED_ROWS 100000

/*
 * A sentence for people (no full stop) when they would, else NULL: a stored
 * value of the key that would be mapped away, a stored text that trim or
 * null_if would change. Of other mappings nothing stored can tell. Reads the
 * first rows of the table only, as its owner, restricted; foreign tables are
 * not asked. What that raises is the answer, too.
 */
extern char *mapstored_differs(Oid relid, const Mapping *m);

#endif							/* SELFHEAL_MAPSTORED_H */
