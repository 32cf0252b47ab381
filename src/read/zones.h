/*
 * zones.h
 *	  Offsets of a time zone, by instant and by what its clock shows.
 *
 * A load has many values of few days, and the time zone database is searched
 * from its beginning for each of them: stretches of time between two changes
 * of the clock are remembered.
 */
#ifndef SELFHEAL_ZONES_H
#define SELFHEAL_ZONES_H

#include "postgres.h"

#include "pgtime.h"

typedef struct Zone Zone;

/* A zone's offsets, in cxt. */
extern Zone *zone_make(pg_tz *tz, MemoryContext cxt);

/* Its name as the database spells it. */
extern const char *zone_name(const Zone *zone);

/* Seconds east of UTC that the zone has at an instant (seconds since 1970);
 * false: the database does not say. */
extern bool zone_offset(Zone *zone, int64 instant, int *offset);

/* The same when its clock shows these seconds since 1970; false also when it
 * never did, or twice. */
extern bool zone_wall_offset(Zone *zone, int64 wall, int *offset);

#endif							/* SELFHEAL_ZONES_H */
