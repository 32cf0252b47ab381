/*
 * timestamps.c
 *	  Texts in declared notations, made into ISO 8601 for a column's type.
 *
 * The session's zone is never asked: what is made of a text does not depend
 * on who makes it, be it the intake, a dry run or a replay.
 */
#include "postgres.h"

#include "read/shown.h"
#include "read/timestamps.h"
#include "read/zones.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#define ISO_BYTES 64

struct Timestamps
{
	Oid			type;
	int			century;
	Zone	   *zone;			/* or NULL */
	bool		ordered;		/* a format says whether the day or the month
								 * comes first */
	int			n;
	TimeFormat *formats;
	char		out[2][ISO_BYTES];
};

/* ---- making ---- */

static bool
check_type(Oid type, TransformFault *fault)
{
	switch (type)
	{
		case DATEOID:
		case TIMEOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return true;
		default:
			return fault_is(fault, psprintf("cannot feed a column of type %s", format_type_be(type)),
							"It makes values for date, time, timestamp and timestamptz.");
	}
}

/*
 * A name of the time zone database. What PostgreSQL takes beside these counts
 * hours west ("UTC+3" is three hours before UTC), which is not what whoever
 * writes it means.
 */
static bool
find_zone(const char *name, MemoryContext cxt, Zone **zone, TransformFault *fault)
{
	pg_tz	   *tz;
	bool		digit = strpbrk(name, "0123456789<") != NULL;

	tz = digit && pg_strncasecmp(name, "Etc/", 4) != 0 ? NULL : pg_tzset(name);
	if (tz == NULL || !pg_tz_acceptable(tz))
		return fault_is(fault, psprintf("unknown time zone %s", shown_value(name, (int) strlen(name))),
						"Take a name from pg_timezone_names, as Europe/Berlin or UTC.");
	*zone = zone_make(tz, cxt);
	return true;
}

/* Can a column of this type take all that the format reads? */
static bool
check_format(const Timestamps *t, const TimeFormat *f, TransformFault *fault)
{
	const char *shown = timeformat_text(f);

	if (f->has_century && t->century == 0)
		return fault_is(fault, psprintf("format \"%s\" has a year of two digits", shown),
						"Say what it is added to: {\"century\": 2000}.");
	if (t->type == TIMEOID && (f->has_date || f->has_zone))
		return fault_is(fault, psprintf("format \"%s\" reads more than a time column keeps", shown),
						"Take a format of hours, minutes and seconds alone, or change the column's type.");
	if (t->type != TIMEOID && !f->has_date)
		return fault_is(fault, psprintf("format \"%s\" has no date", shown),
						"A time of day alone is for a time column.");
	if (f->has_zone && t->type != TIMESTAMPTZOID && t->zone == NULL)
		return fault_is(fault, psprintf("format \"%s\" reads an instant, whose zone a column of type %s would drop",
										shown, format_type_be(t->type)),
						"Say whose clock the column shows: {\"zone\": \"UTC\"}; or make it timestamptz.");
	return true;
}

/* Is everything that was said of use for some format? */
static bool
check_use(const Timestamps *t, TransformFault *fault)
{
	bool		zone_used = false;
	bool		century_used = t->century == 0;

	for (int i = 0; i < t->n; i++)
	{
		zone_used |= t->formats[i].has_zone != (t->type == TIMESTAMPTZOID);
		century_used |= t->formats[i].has_century;
	}
	if (t->zone && (!zone_used || t->type == TIMEOID))
		return fault_is(fault, "no format needs \"zone\"",
						"It is for values without a zone in a timestamptz column, and for instants in a timestamp or date column.");
	if (!century_used)
		return fault_is(fault, "no format needs \"century\"", "It is for formats with YY.");
	return true;
}

/* Day and month as numbers, before the year? */
static bool
says_order(const TimeFormat *f)
{
	const char *text = timeformat_text(f);
	const char *year = strstr(text, "YY");
	const char *month = strstr(text, "MM");
	const char *day = strstr(text, "DD");

	return year && month && day && (month < year || day < year);
}

Timestamps *
timestamps_make(const TimestampSpec *spec, Oid basetype, MemoryContext cxt,
				TransformFault *fault)
{
	Timestamps *t = MemoryContextAllocZero(cxt, sizeof(Timestamps));

	t->type = basetype;
	t->century = spec->century;
	if (!check_type(basetype, fault))
		return NULL;
	if (spec->formats.n == 0)
	{
		fault_is(fault, "\"formats\" names no format",
				 "Say how the values are written: {\"formats\": [\"DD.MM.YYYY\"]}.");
		return NULL;
	}
	if (spec->zone && !find_zone(spec->zone, cxt, &t->zone, fault))
		return NULL;
	t->n = spec->formats.n;
	t->formats = MemoryContextAllocZero(cxt, t->n * sizeof(TimeFormat));
	for (int i = 0; i < t->n; i++)
		if (!timeformat_compile(spec->formats.texts[i], &t->formats[i], fault) ||
			!check_format(t, &t->formats[i], fault))
			return NULL;
	for (int i = 0; i < t->n; i++)
		t->ordered |= says_order(&t->formats[i]);
	return check_use(t, fault) ? t : NULL;
}

void
timestamps_canonical(const Timestamps *t, TimestampSpec *spec)
{
	spec->century = t->century;
	spec->zone = t->zone ? pstrdup(zone_name(t->zone)) : NULL;
	spec->formats.n = 0;
	spec->formats.texts = palloc(t->n * sizeof(char *));
	for (int i = 0; i < t->n; i++)
	{
		char	   *text = timeformat_text(&t->formats[i]);
		bool		twice = false;

		for (int k = 0; k < spec->formats.n; k++)
			twice |= strcmp(spec->formats.texts[k], text) == 0;
		if (!twice)
			spec->formats.texts[spec->formats.n++] = text;
	}
}

/* ---- zones ---- */

static int64
seconds_of(const TimeReading *r)
{
	return (int64) (date2j(r->year, r->month, r->day) - UNIX_EPOCH_JDATE) * SECS_PER_DAY +
		r->hour * SECS_PER_HOUR + r->minute * SECS_PER_MINUTE + r->second;
}

/* An instant as the zone's clock shows it. */
static bool
to_wall(Zone *zone, TimeReading *r)
{
	int64		at = seconds_of(r) - r->zone;
	int64		day;
	int			offset;
	int			of_day;

	if (!zone_offset(zone, at, &offset))
		return false;
	at += offset;
	day = at / SECS_PER_DAY - (at % SECS_PER_DAY < 0);
	of_day = (int) (at - day * SECS_PER_DAY);
	j2date((int) day + UNIX_EPOCH_JDATE, &r->year, &r->month, &r->day);
	r->hour = of_day / SECS_PER_HOUR;
	r->minute = of_day / SECS_PER_MINUTE % MINS_PER_HOUR;
	r->second = of_day % SECS_PER_MINUTE;
	return r->year >= 1 && r->year <= 9999;
}

/* ---- writing ---- */

/* 00 to 99 */
static const char two_digits[] =
"0001020304050607080910111213141516171819"
"2021222324252627282930313233343536373839"
"4041424344454647484950515253545556575859"
"6061626364656667686970717273747576777879"
"8081828384858687888990919293949596979899";

static inline char *
put_two(char *p, int value)
{
	memcpy(p, &two_digits[value * 2], 2);
	return p + 2;
}

static inline char *
put_date(char *p, const TimeReading *r)
{
	p = put_two(p, r->year / 100);
	p = put_two(p, r->year % 100);
	*p++ = '-';
	p = put_two(p, r->month);
	*p++ = '-';
	return put_two(p, r->day);
}

static inline char *
put_time(char *p, const TimeReading *r)
{
	p = put_two(p, r->hour);
	*p++ = ':';
	p = put_two(p, r->minute);
	*p++ = ':';
	p = put_two(p, r->second);
	if (likely(r->micros == 0))
		return p;
	*p++ = '.';
	p = put_two(p, r->micros / 10000);
	p = put_two(p, r->micros / 100 % 100);
	p = put_two(p, r->micros % 100);
	while (p[-1] == '0')
		p--;
	return p;
}

static inline char *
put_offset(char *p, int east)
{
	int			seconds = abs(east);

	*p++ = east < 0 ? '-' : '+';
	p = put_two(p, seconds / SECS_PER_HOUR);
	*p++ = ':';
	p = put_two(p, seconds / SECS_PER_MINUTE % MINS_PER_HOUR);
	if (seconds % SECS_PER_MINUTE != 0)
	{
		*p++ = ':';
		p = put_two(p, seconds % SECS_PER_MINUTE);
	}
	return p;
}

/* What the column takes of a reading; 0: it would have to drop something, or
 * (torn) the zone's clock never showed it, or twice. */
static int
write_value(const Timestamps *t, const TimeFormat *f, TimeReading *r, char *out,
			bool *torn)
{
	char	   *p = out;
	int			east = r->zone;
	bool		zone = f->has_zone;

	if (t->type == TIMEOID)
		return (int) (put_time(p, r) - out);
	if (t->type == TIMESTAMPTZOID)
	{
		if (!zone && t->zone)
		{
			*torn = !zone_wall_offset(t->zone, seconds_of(r), &east);
			if (*torn)
				return 0;
			zone = true;
		}
	}
	else if (zone)
	{
		if (!to_wall(t->zone, r))
			return 0;
		zone = false;
	}
	p = put_date(p, r);
	if (t->type == DATEOID)
		return r->hour == 0 && r->minute == 0 && r->second == 0 && r->micros == 0 ? (int) (p - out) : 0;
	if (f->has_time || zone)
	{
		*p++ = 'T';
		p = put_time(p, r);
	}
	if (zone)
		p = put_offset(p, east);
	return (int) (p - out);
}

static bool
all_digits(const char *s, int len)
{
	for (int i = 0; i < len; i++)
		if (s[i] < '0' || s[i] > '9')
			return false;
	return true;
}

/* Skip one or two digits and the sign behind them. */
static bool
skip_number(const char **p, const char *end)
{
	const char *start = *p;

	while (*p < end && **p >= '0' && **p <= '9')
		(*p)++;
	if (*p == start || *p - start > 2 || *p == end || strchr("./- ", **p) == NULL)
		return false;
	(*p)++;
	return *p < end && **p >= '0' && **p <= '9';
}

/* "3/4/2026", whatever stands behind it: day and month, or month and day. */
static bool
needs_order(const char *val, int len)
{
	const char *p = val;
	const char *end = val + len;

	while (p < end && *p == ' ')
		p++;
	return skip_number(&p, end) && skip_number(&p, end);
}

bool
timestamps_read(Timestamps *t, JsonKind kind, const char *val, int len,
				const char **out, int *outlen, bool *torn)
{
	int			found = 0;		/* bytes of the first reading */

	*torn = false;
	if (kind != JSON_STRING && kind != JSON_NUMBER)
		return false;
	for (int i = 0; i < t->n; i++)
	{
		const TimeFormat *f = &t->formats[i];
		TimeReading r;
		int			written;

		/* A JSON number's point is no sign between hours and minutes. */
		if ((kind == JSON_NUMBER && !f->unix_time && !all_digits(val, len)) ||
			!timeformat_read(f, t->century, val, len, &r))
			continue;
		written = write_value(t, f, &r, t->out[found > 0], torn);
		if (written == 0)
			return false;
		*torn = found > 0 && (written != found || memcmp(t->out[0], t->out[1], found) != 0);
		if (*torn)
			return false;
		found = written;
	}
	*out = t->out[0];
	*outlen = found;
	*torn = found == 0 && t->ordered && kind == JSON_STRING && needs_order(val, len);
	return found > 0;
}
