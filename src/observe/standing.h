/*
 * standing.h
 *	  What a person has changed of a table against what is expected of it, and
 *	  what is not settled yet.
 *
 * An open incident of class drift stands, and so does an error that is about to
 * become one; selfheal.error.context has what was expected (expected.h).
 */
#ifndef SELFHEAL_STANDING_H
#define SELFHEAL_STANDING_H

#include "postgres.h"

#include "observe/snapshot.h"

/* Does a drift of this table stand, or is one about to be opened? Inside
 * spi_open. */
extern bool standing_any(Oid relid);

/*
 * Is it known already? The first change of a column tells what was expected of
 * it; who renames a column back breaks nothing that anybody was promised.
 * Inside spi_open.
 */
extern bool standing_known(Oid relid, const SnapshotChange *change);

/*
 * Of these changes (SnapshotChange), types that have another name, or schema,
 * from now on: so has what stands of them. Inside spi_open.
 */
extern void standing_follow_types(Oid relid, const List *changes);

/* And columns that stand because they were renamed, and are once more; when
 * standing_known has been asked about them. Inside spi_open. */
extern void standing_follow_columns(Oid relid, const List *changes);

#endif							/* SELFHEAL_STANDING_H */
