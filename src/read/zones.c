/*
 * zones.c
 *	  Offsets of a time zone, by instant and by what its clock shows.
 */
#include "postgres.h"

#include "datatype/timestamp.h"
#include "read/zones.h"
#include "utils/memutils.h"

/* Times of one such span (24 days) share a place in what is remembered. */
#define SPAN_BITS 21
#define SPANS 64

/* Changes of the clock that are passed in one span before it is given up. */
#define MAX_CHANGES 16

/* Instants at which the offset is the same. */
typedef struct Stretch
{
	int64		from;
	int64		before;			/* not after from: nothing is remembered */
	int			offset;
} Stretch;

struct Zone
{
	pg_tz	   *tz;
	Stretch		stretches[SPANS];
};

Zone *
zone_make(pg_tz *tz, MemoryContext cxt)
{
	Zone	   *zone = MemoryContextAllocZero(cxt, sizeof(Zone));

	zone->tz = tz;
	return zone;
}

const char *
zone_name(const Zone *zone)
{
	return pg_get_timezone_name(zone->tz);
}

/* As the database says. */
static bool
look_up(const Zone *zone, int64 instant, int *offset)
{
	pg_time_t	at = instant;
	struct pg_tm *tm = pg_localtime(&at, zone->tz);

	if (tm == NULL)
		return false;
	*offset = (int) tm->tm_gmtoff;
	return true;
}

static inline bool
holds(const Stretch *s, int64 instant)
{
	return instant >= s->from && instant < s->before;
}

static inline Stretch *
place_of(Zone *zone, int64 instant)
{
	return &zone->stretches[((uint64) instant >> SPAN_BITS) % SPANS];
}

/*
 * Remember the stretch that an instant belongs to, as far as it reaches from
 * two days before the instant's span on. Where it ends is the database's word
 * for the next change; the offset is that of the instant itself.
 */
static bool
remember(const Zone *zone, Stretch *s, int64 instant)
{
	pg_time_t	at = (instant & ~((INT64CONST(1) << SPAN_BITS) - 1)) - 2 * SECS_PER_DAY;
	pg_time_t	change;
	long int	gmtoff;
	int			isdst;

	s->from = s->before = 0;
	for (int i = 0; i < MAX_CHANGES; i++)
	{
		int			more = pg_next_dst_boundary(&at, &gmtoff, &isdst, &change, &gmtoff, &isdst, zone->tz);

		if (more < 0)
			return false;
		if (more > 0 && change <= instant)
		{
			at = change;
			continue;
		}
		if (!look_up(zone, instant, &s->offset))
			return false;
		s->from = at;
		s->before = more > 0 ? change : PG_INT64_MAX;
		return true;
	}
	return false;
}

bool
zone_offset(Zone *zone, int64 instant, int *offset)
{
	Stretch    *s = place_of(zone, instant);

	if (unlikely(!holds(s, instant)) && !remember(zone, s, instant))
		return look_up(zone, instant, offset);
	*offset = s->offset;
	return true;
}

/*
 * The offsets of the day before and the day after are tried; where both make
 * the clock show this time, it did so twice, where none does, never.
 */
static bool
try_around(const Zone *zone, int64 wall, int *offset)
{
	int			before;
	int			after;
	int			back;
	bool		first;
	bool		second;

	if (!look_up(zone, wall - SECS_PER_DAY, &before) ||
		!look_up(zone, wall + SECS_PER_DAY, &after))
		return false;
	*offset = before;
	if (!look_up(zone, wall - before, &back))
		return false;
	first = back == before;
	if (before == after)
		return first;
	if (!look_up(zone, wall - after, &back))
		return false;
	second = back == after;
	if (second)
		*offset = after;
	return first != second;
}

/* Where one offset holds from the day before to the day after, it is the one,
 * since none is as large as a day. */
bool
zone_wall_offset(Zone *zone, int64 wall, int *offset)
{
	Stretch    *s = place_of(zone, wall);

	if (unlikely(!holds(s, wall)))
		(void) remember(zone, s, wall);
	if (unlikely(!holds(s, wall - SECS_PER_DAY) || !holds(s, wall + SECS_PER_DAY)))
		return try_around(zone, wall, offset);
	*offset = s->offset;
	return true;
}
