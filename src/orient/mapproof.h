/*
 * mapproof.h
 *	  What would a mapping do to the rows that are held?
 *
 * The held rows of a table are fitted as if the mapping were there, as whoever
 * loaded them, restricted, under the settings they had. Nothing is written. A
 * mapping is about a row that it does something to, and about one that does
 * not fit at its key or column; one that takes a part of a key's object, to one
 * at its column.
 */
#ifndef SELFHEAL_MAPPROOF_H
#define SELFHEAL_MAPPROOF_H

#include "postgres.h"

#include "observe/held.h"
#include "observe/mapping.h"

typedef struct MapProof
{
	int64		rows;			/* held rows that were looked at */
	int64		about;			/* of these the mapping is about */
	int64		fits;			/* of those that it makes fit at its key and
								 * column, whatever else is wrong with them */
	char	   *left;			/* why the first of the others does not fit,
								 * or NULL */
	bool		all;			/* there were no more */
} MapProof;

/*
 * Prove a mapping that was checked, beside those that are present, on the
 * first held rows of its table, up to limit. In the current context. Throws
 * when the table is gone.
 */
extern MapProof *mapproof_held(Oid relid, const List *present, const Mapping *m, int64 limit);

/* The same on rows that were held once: id, load and row are read, and a line
 * feed stands behind the bytes of each. */
extern MapProof *mapproof_rows(Oid relid, const List *present, const Mapping *m,
							   const HeldRow *rows, int n);

#endif							/* SELFHEAL_MAPPROOF_H */
