/*
 * partition_grid.c
 *	  What the ranges of partitions have in common, and where the next one is.
 *
 * A value has a position in each unit; a bound has one only if it stands
 * exactly there (the first of a month, a midnight, a whole number).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "decide/partition_grid.h"
#include "decide/plan.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/fmgrprotos.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* Midnight and before: the part of a timestamp that is not its day. */
typedef struct Moment
{
	struct pg_tm tm;
	int64		in_day;			/* microseconds */
} Moment;

static bool
is_number(Oid type)
{
	return type == INT2OID || type == INT4OID || type == INT8OID || type == NUMERICOID;
}

static bool
is_time(Oid type)
{
	return type == DATEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

/* ---- positions ---- */

/* A date or timestamp taken apart; false for infinity. */
static bool
moment_of(const PartitionGrid *grid, Datum value, Moment *m)
{
	fsec_t		fsec;
	int			tz;

	memset(m, 0, sizeof(Moment));
	if (grid->type == DATEOID)
	{
		DateADT		date = DatumGetDateADT(value);

		if (DATE_NOT_FINITE(date))
			return false;
		j2date(date + POSTGRES_EPOCH_JDATE, &m->tm.tm_year, &m->tm.tm_mon, &m->tm.tm_mday);
		return true;
	}
	if (TIMESTAMP_NOT_FINITE(DatumGetTimestamp(value)))
		return false;
	if (timestamp2tm(DatumGetTimestamp(value), grid->type == TIMESTAMPTZOID ? &tz : NULL,
					 &m->tm, &fsec, NULL, grid->zone) != 0)
		return false;
	m->in_day = ((m->tm.tm_hour * 60 + m->tm.tm_min) * 60 + m->tm.tm_sec) * INT64CONST(1000000) + fsec;
	return true;
}

/* The whole number at or below a numeric; false when there is none in 64
 * bits. */
static bool
whole_number(Numeric n, int64 *whole, bool *exact)
{
	Datum		floor_of;
	Datum		least = DirectFunctionCall1(int8_numeric, Int64GetDatum(PG_INT64_MIN));
	Datum		most = DirectFunctionCall1(int8_numeric, Int64GetDatum(PG_INT64_MAX));

	if (numeric_is_nan(n) || numeric_is_inf(n))
		return false;
	floor_of = DirectFunctionCall1(numeric_floor, NumericGetDatum(n));
	if (DatumGetBool(DirectFunctionCall2(numeric_lt, floor_of, least)) ||
		DatumGetBool(DirectFunctionCall2(numeric_gt, floor_of, most)))
		return false;
	*exact = DatumGetBool(DirectFunctionCall2(numeric_eq, floor_of, NumericGetDatum(n)));
	*whole = DatumGetInt64(DirectFunctionCall1(numeric_int8, floor_of));
	return true;
}

/*
 * Where is a value in the grid's unit, and does it stand exactly there? False
 * when it is nowhere.
 */
static bool
position(const PartitionGrid *grid, Datum value, int64 *at, bool *exact)
{
	Moment		m;

	*exact = true;
	if (grid->unit == GRID_NUMBERS)
	{
		switch (grid->type)
		{
			case INT2OID:
				*at = DatumGetInt16(value);
				return true;
			case INT4OID:
				*at = DatumGetInt32(value);
				return true;
			case INT8OID:
				*at = DatumGetInt64(value);
				return true;
			default:
				return whole_number(DatumGetNumeric(value), at, exact);
		}
	}
	if (grid->unit == GRID_MICROSECONDS)
	{
		*at = DatumGetTimestamp(value);
		return !TIMESTAMP_NOT_FINITE(*at);
	}
	if (!moment_of(grid, value, &m))
		return false;
	if (grid->unit == GRID_DAYS)
	{
		*at = date2j(m.tm.tm_year, m.tm.tm_mon, m.tm.tm_mday);
		*exact = m.in_day == 0;
		return true;
	}
	*at = (int64) m.tm.tm_year * MONTHS_PER_YEAR + m.tm.tm_mon - 1;
	*exact = m.in_day == 0 && m.tm.tm_mday == grid->day;
	if (m.tm.tm_mday < grid->day)
		(*at)--;
	return true;
}

static int64
floor_div(int64 a, int64 b)
{
	return a / b - (a % b < 0);
}

/* A midnight of the calendar as a value of the type. */
static bool
midnight(const PartitionGrid *grid, struct pg_tm *tm, Datum *value)
{
	Timestamp	result;
	int			tz;

	if (!IS_VALID_JULIAN(tm->tm_year, tm->tm_mon, tm->tm_mday))
		return false;
	if (grid->type == DATEOID)
	{
		DateADT		date = date2j(tm->tm_year, tm->tm_mon, tm->tm_mday) - POSTGRES_EPOCH_JDATE;

		*value = DateADTGetDatum(date);
		return IS_VALID_DATE(date);
	}
	if (grid->type == TIMESTAMPTZOID)
		tz = DetermineTimeZoneOffset(tm, grid->zone);
	if (tm2timestamp(tm, 0, grid->type == TIMESTAMPTZOID ? &tz : NULL, &result) != 0)
		return false;
	*value = TimestampGetDatum(result);
	return true;
}

/* The value at a position; false when the type has none there. */
static bool
value_at(const PartitionGrid *grid, int64 at, Datum *value)
{
	struct pg_tm tm = {0};

	switch (grid->unit)
	{
		case GRID_NUMBERS:
			if (grid->type == NUMERICOID)
				*value = DirectFunctionCall1(int8_numeric, Int64GetDatum(at));
			else if (grid->type == INT8OID)
				*value = Int64GetDatum(at);
			else if (grid->type == INT4OID)
				*value = Int32GetDatum((int32) at);
			else
				*value = Int16GetDatum((int16) at);
			return grid->type == NUMERICOID || grid->type == INT8OID ||
				(grid->type == INT4OID && at >= PG_INT32_MIN && at <= PG_INT32_MAX) ||
				(grid->type == INT2OID && at >= PG_INT16_MIN && at <= PG_INT16_MAX);
		case GRID_MICROSECONDS:
			*value = TimestampGetDatum(at);
			return IS_VALID_TIMESTAMP(at);
		case GRID_DAYS:
			if (at < 0 || at > PG_INT32_MAX)
				return false;
			j2date((int) at, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
			return midnight(grid, &tm, value);
		case GRID_MONTHS:
			break;
	}
	tm.tm_year = (int) floor_div(at, MONTHS_PER_YEAR);
	tm.tm_mon = (int) (at - (int64) tm.tm_year * MONTHS_PER_YEAR) + 1;
	tm.tm_mday = grid->day;
	return midnight(grid, &tm, value);
}

/* ---- learning ---- */

/* Do all finite ranges stand on one raster of this unit? */
static bool
fits_unit(const PartitionLevel *level, PartitionGrid *grid)
{
	bool		first = true;

	for (int i = 0; i < level->nranges; i++)
	{
		const LevelRange *range = &level->ranges[i];
		int64		from;
		int64		to;
		bool		exact;
		Moment		m;

		if (range->from_min || range->to_max)
			continue;
		if (first && grid->unit == GRID_MONTHS)
		{
			if (!moment_of(grid, range->lower, &m) || m.tm.tm_mday > 28)
				return false;
			grid->day = m.tm.tm_mday;
		}
		if (!position(grid, range->lower, &from, &exact) || !exact ||
			!position(grid, range->upper, &to, &exact) || !exact)
			return false;
		if (first)
		{
			if (pg_sub_s64_overflow(to, from, &grid->width) || grid->width <= 0)
				return false;
			grid->phase = from - floor_div(from, grid->width) * grid->width;
			first = false;
		}
		else if (pg_sub_s64_overflow(to, from, &to) || to != grid->width ||
				 from - floor_div(from, grid->width) * grid->width != grid->phase)
			return false;
	}
	return !first;
}

/* Months before days, days before microseconds: February alone is a month. */
static bool
fits_calendar(const PartitionLevel *level, PartitionGrid *grid, bool *ambiguous)
{
	PartitionGrid days = *grid;

	days.unit = GRID_DAYS;
	grid->unit = GRID_MONTHS;
	if (fits_unit(level, grid))
	{
		*ambiguous = grid->day != 1 && fits_unit(level, &days);
		return true;
	}
	if (!fits_unit(level, &days))
		return false;
	*grid = days;
	return true;
}

bool
partition_grid(const PartitionLevel *level, const List *zones, PartitionGrid *grid, char **reason)
{
	int			finite = 0;
	bool		ambiguous = false;
	bool		found = false;

	memset(grid, 0, sizeof(PartitionGrid));
	grid->type = level->type;
	if (!is_number(level->type) && !is_time(level->type))
		return plan_refuse(reason, "how wide a partition is cannot be told of type %s",
						   format_type_be(level->type));
	if (!level->decided)
		return plan_refuse(reason, "more than the first part of the key decides where a row belongs");
	for (int i = 0; i < level->nranges; i++)
		finite += !level->ranges[i].from_min && !level->ranges[i].to_max;
	if (finite == 0)
		return plan_refuse(reason, "there is no partition with two bounds to learn from");

	if (is_number(level->type))
	{
		grid->unit = GRID_NUMBERS;
		found = fits_unit(level, grid);
	}
	else if (level->type == TIMESTAMPTZOID)
	{
		const ListCell *lc;

		foreach(lc, zones)
		{
			grid->zone = pg_tzset(lfirst(lc));
			found = grid->zone != NULL && fits_calendar(level, grid, &ambiguous);
			if (found)
				break;
		}
	}
	else
		found = fits_calendar(level, grid, &ambiguous);
	if (!found && (level->type == TIMESTAMPOID || level->type == TIMESTAMPTZOID))
	{
		grid->unit = GRID_MICROSECONDS;
		if (level->type == TIMESTAMPTZOID)
			grid->zone = pg_tzset("UTC");
		found = fits_unit(level, grid);

		/*
		 * A day from somebody's midnight to the next may have 23 hours; whose
		 * it is was not found
		 */
		if (found && grid->zone != NULL && grid->width > USECS_PER_HOUR && grid->phase != 0)
			return plan_refuse(reason, "its bounds are midnights neither of the server's time zone, nor of the load's, nor of UTC: a person makes it, or the rows are sent again under the time zone that they are of");
	}
	if (!found)
		return plan_refuse(reason, "its partitions are not all of one width, so that the next one's would be a guess");
	if (ambiguous)
		return plan_refuse(reason, "its partitions may be of a month or of so many days");
	return true;
}

/* ---- using ---- */

bool
partition_grid_slot(const PartitionGrid *grid, Datum value, int64 *slot)
{
	int64		at;
	bool		exact;

	if (!position(grid, value, &at, &exact) || pg_sub_s64_overflow(at, grid->phase, &at))
		return false;
	*slot = floor_div(at, grid->width);
	return true;
}

bool
partition_grid_bounds(const PartitionGrid *grid, int64 slot, Datum *lower, Datum *upper)
{
	int64		from;
	int64		to;

	return !pg_mul_s64_overflow(slot, grid->width, &from) &&
		!pg_add_s64_overflow(from, grid->phase, &from) &&
		!pg_add_s64_overflow(from, grid->width, &to) &&
		value_at(grid, from, lower) && value_at(grid, to, upper);
}

GridTime
partition_grid_time(const PartitionGrid *grid, Datum value)
{
	GridTime	time = {0};
	Moment		m;

	if (moment_of(grid, value, &m))
	{
		time.year = m.tm.tm_year;
		time.month = m.tm.tm_mon;
		time.day = m.tm.tm_mday;
		time.hour = m.tm.tm_hour;
		time.minute = m.tm.tm_min;
	}
	return time;
}

int64
partition_grid_number(const PartitionGrid *grid, Datum value)
{
	int64		at = 0;
	bool		exact;

	(void) position(grid, value, &at, &exact);
	return at;
}

char *
partition_grid_width(const PartitionGrid *grid)
{
	static const char *const units[] = {"month", "day", "microsecond"};

	if (grid->unit == GRID_NUMBERS)
		return psprintf(INT64_FORMAT, grid->width);
	if (grid->unit == GRID_MICROSECONDS)
	{
		Interval	span = {.time = grid->width};

		return DatumGetCString(DirectFunctionCall1(interval_out, IntervalPGetDatum(&span)));
	}
	return psprintf(INT64_FORMAT " %s%s", grid->width, units[grid->unit],
					grid->width == 1 ? "" : "s");
}
