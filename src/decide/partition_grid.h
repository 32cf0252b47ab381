/*
 * partition_grid.h
 *	  What the ranges of partitions have in common, and where the next one is.
 *
 * Ranges of equal width that stand on one raster: so many months, days,
 * microseconds, or numbers. Months and days of a timestamp with time zone are
 * those of the zone in which all bounds are midnights. What does not stand on
 * a raster teaches nothing, and nothing is guessed.
 */
#ifndef SELFHEAL_PARTITION_GRID_H
#define SELFHEAL_PARTITION_GRID_H

#include "postgres.h"

#include "decide/partition_level.h"
#include "pgtime.h"

typedef enum GridUnit
{
	GRID_MONTHS,
	GRID_DAYS,
	GRID_MICROSECONDS,
	GRID_NUMBERS
} GridUnit;

typedef struct PartitionGrid
{
	Oid			type;
	GridUnit	unit;
	int64		width;			/* in units */
	int64		phase;			/* a bound is phase + n * width */
	int			day;			/* of the month, for months */
	pg_tz	   *zone;			/* for timestamptz */
} PartitionGrid;

/* A bound as people read a calendar. */
typedef struct GridTime
{
	int			year;
	int			month;
	int			day;
	int			hour;
	int			minute;
} GridTime;

/*
 * Learn from the level's ranges; for timestamptz zones (char *) are tried in
 * order. False with a reason.
 */
extern bool partition_grid(const PartitionLevel *level, const List *zones,
						   PartitionGrid *grid, char **reason);

/* The number of the slot that a value belongs to; false when it is none that
 * has one (infinity). */
extern bool partition_grid_slot(const PartitionGrid *grid, Datum value, int64 *slot);

/* The bounds of a slot; false when the type cannot hold them. */
extern bool partition_grid_bounds(const PartitionGrid *grid, int64 slot,
								  Datum *lower, Datum *upper);

/* A value as a date (not of numbers), or as a number (of numbers alone). */
extern GridTime partition_grid_time(const PartitionGrid *grid, Datum value);
extern int64 partition_grid_number(const PartitionGrid *grid, Datum value);

/* "1 month", "7 days", "1000" */
extern char *partition_grid_width(const PartitionGrid *grid);

#endif							/* SELFHEAL_PARTITION_GRID_H */
