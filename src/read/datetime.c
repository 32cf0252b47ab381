/*
 * datetime.c
 *	  Dates and times in ISO 8601 form, read without a throw.
 *
 * Only what plainly means one instant is judged here. What PostgreSQL reads
 * in a way of its own (24:00, a leap second, a zone beyond 14 hours, a year
 * of five digits) is called another notation and goes to its input function.
 */
#include "postgres.h"

#include <limits.h>

#include "base/compat.h"
#include "read/datetime.h"
#include "pgtime.h"
#include "utils/datetime.h"

/* n digits as a number, or -1. */
static int
digits(const char *s, int n)
{
	int			value = 0;
	int			i;

	for (i = 0; i < n; i++)
	{
		if (s[i] < '0' || s[i] > '9')
			return -1;
		value = value * 10 + (s[i] - '0');
	}
	return value;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

/* Z, +hh, +hhmm or +hh:mm up to the end. */
static bool
iso_zone(const char *s, int len, IsoTime *out)
{
	int			hours;
	int			minutes = 0;

	out->has_zone = true;
	if (len == 1 && *s == 'Z')
		return true;
	if (len < 3 || (*s != '+' && *s != '-'))
		return false;
	hours = digits(s + 1, 2);
	if (len == 5)
		minutes = digits(s + 3, 2);
	else if (len == 6 && s[3] == ':')
		minutes = digits(s + 4, 2);
	else if (len != 3)
		return false;
	if (hours < 0 || hours > 14 || minutes < 0 || minutes > 59)
		return false;
	out->zone = (hours * 60 + minutes) * (*s == '-' ? -1 : 1);
	return true;
}

IsoResult
datetime_iso(const char *s, int len, IsoTime *out)
{
	const char *end = s + len;
	bool		possible;

	memset(out, 0, sizeof(*out));
	out->midnight = true;
	if (len < 10 || s[4] != '-' || s[7] != '-')
		return ISO_NONE;
	out->year = digits(s, 4);
	out->month = digits(s + 5, 2);
	out->day = digits(s + 8, 2);
	if (out->year < 0 || out->month < 0 || out->day < 0)
		return ISO_NONE;
	possible = out->year >= 1 && out->month >= 1 && out->month <= 12 && out->day >= 1 &&
		out->day <= days_in_month(out->year, out->month);
	if (len == 10)
		return possible ? ISO_FINE : ISO_IMPOSSIBLE;

	if (len < 16 || (s[10] != 'T' && s[10] != ' ') || s[13] != ':')
		return ISO_NONE;
	out->hour = digits(s + 11, 2);
	out->minute = digits(s + 14, 2);
	if (out->hour < 0 || out->minute < 0)
		return ISO_NONE;
	out->has_time = true;
	s += 16;
	if (s < end && *s == ':')
	{
		if (end - s < 3 || (out->second = digits(s + 1, 2)) < 0)
			return ISO_NONE;
		s += 3;
		if (s < end && *s == '.')
		{
			const char *start = ++s;
			const char *last = s;

			for (int unit = 100000; s < end && *s >= '0' && *s <= '9'; unit /= 10)
			{
				out->micros += (*s - '0') * unit;
				if (*s++ != '0')
					last = s;
			}
			if (s == start)
				return ISO_NONE;
			out->frac_digits = last - start;
		}
	}
	if (s < end && !iso_zone(s, end - s, out))
		return ISO_NONE;
	if (out->hour == 24 || out->second == 60)
		return ISO_NONE;
	if (!possible || out->hour > 24 || out->minute > 59 || out->second > 60)
		return ISO_IMPOSSIBLE;
	out->midnight = out->hour == 0 && out->minute == 0 && out->second == 0 &&
		out->frac_digits == 0;
	return ISO_FINE;
}

int
datetime_fraction(const char *s, int len)
{
	const char *end = s + len;
	int			most = 0;

	while ((s = memchr(s, '.', end - s)) != NULL)
	{
		const char *start = ++s;
		const char *last = s;

		while (s < end && *s >= '0' && *s <= '9')
		{
			if (*s++ != '0')
				last = s;
		}
		most = Max(most, (int) (last - start));
	}
	return most;
}

bool
datetime_plausible(const char *s, int len)
{
	static const char *const words[] = {
		"infinity", "-infinity", "epoch", "now", "today", "tomorrow",
		"yesterday", "allballs", "+infinity"
	};
	int			i;

	for (i = 0; i < len; i++)
	{
		if (s[i] >= '0' && s[i] <= '9')
			return true;
	}
	while (len > 0 && (*s == ' ' || (*s >= '\t' && *s <= '\r')))
	{
		s++;
		len--;
	}
	while (len > 0 && (s[len - 1] == ' ' || (s[len - 1] >= '\t' && s[len - 1] <= '\r')))
		len--;
	for (i = 0; i < (int) lengthof(words); i++)
	{
		if (len == (int) strlen(words[i]) && pg_strncasecmp(s, words[i], len) == 0)
			return true;
	}
	return false;
}

/* Is there no digit in it? */
static bool
is_word(const char *text)
{
	return text[strcspn(text, "0123456789")] == '\0';
}

/* Read a text as PostgreSQL does, in a session of this time zone. */
static bool
decode(const char *text, bool time_only, pg_tz *zone, struct pg_tm *tm,
	   fsec_t *fsec, int *tz)
{
	pg_tz	   *session = session_timezone;
	char		work[MAXDATELEN + MAXDATEFIELDS];
	char	   *fields[MAXDATEFIELDS];
	int			types[MAXDATEFIELDS];
	int			nfields;
	int			dtype;
	bool		fine = false;

	if (ParseDateTime(text, work, sizeof(work), fields, types, MAXDATEFIELDS,
					  &nfields) != 0)
		return false;
	PG_TRY();
	{
		session_timezone = zone;
		fine = (time_only ?
				compat_decode_time(fields, types, nfields, &dtype, tm, fsec, tz) :
				compat_decode_datetime(fields, types, nfields, &dtype, tm, fsec, tz)) == 0;
	}
	PG_FINALLY();
	{
		session_timezone = session;
	}
	PG_END_TRY();
	return fine && (time_only || dtype == DTK_DATE);
}

/*
 * See the header. Whether the zone is the text's own shows when the text is
 * read in two zones; the date of a time is left alone where there is none.
 */
void
datetime_parts(const char *text, bool time_only, DateTimeParts *out)
{
	struct pg_tm tm = {0};
	struct pg_tm other = {0};
	fsec_t		fsec = 0;
	int			east;
	int			west;

	memset(out, 0, sizeof(*out));
	out->midnight = true;
	tm.tm_year = tm.tm_mon = tm.tm_mday = INT_MIN;
	if (is_word(text) ||
		!decode(text, time_only, pg_tzset_offset(-SECS_PER_HOUR), &other, &fsec, &east) ||
		!decode(text, time_only, pg_tzset_offset(SECS_PER_HOUR), &tm, &fsec, &west))
		return;
	out->has_date = tm.tm_year != INT_MIN || tm.tm_mon != INT_MIN ||
		tm.tm_mday != INT_MIN;
	out->midnight = tm.tm_hour == 0 && tm.tm_min == 0 && tm.tm_sec == 0 &&
		fsec == 0;
	out->has_zone = (east == west);
	out->zone = west;
}

/*
 * Is a fraction of this many units whole months, or whole microseconds? The
 * fraction is the digits that count behind the point.
 */
static bool
unit_exact(const char *unit, int len, const char *fraction, int ndigits)
{
	char		word[TOKMAXLEN + 1];
	int64		value = 0;
	int64		scale = 1;
	int			val;
	int			i;

	if (ndigits == 0)
		return true;
	if (ndigits > MAX_INTERVAL_PRECISION)
		return false;
	for (i = 0; i < len && i < TOKMAXLEN; i++)
		word[i] = (char) pg_tolower((unsigned char) unit[i]);
	word[i] = '\0';
	if (i == 0 || DecodeUnits(0, word, &val) != UNITS)
		return true;
	switch (val)
	{
		case DTK_MICROSEC:
			return false;
		case DTK_MILLISEC:
			return ndigits <= 3;
		case DTK_YEAR:
			val = 12;
			break;
		case DTK_DECADE:
			val = 120;
			break;
		case DTK_CENTURY:
			val = 1200;
			break;
		case DTK_MILLENNIUM:
			val = 12000;
			break;
		default:
			return true;
	}
	for (i = 0; i < ndigits; i++)
	{
		value = value * 10 + (fraction[i] - '0');
		scale *= 10;
	}
	return value * val % scale == 0;
}

bool
datetime_interval_exact(const char *s, int len)
{
	const char *end = s + len;
	bool		iso;

	while (s < end && *s == ' ')
		s++;
	/* P1.5Y: a unit is one letter */
	iso = s < end && (*s == 'P' || *s == 'p');
	while ((s = memchr(s, '.', end - s)) != NULL)
	{
		const char *fraction = ++s;
		const char *last = s;
		const char *unit;

		while (s < end && *s >= '0' && *s <= '9')
		{
			if (*s++ != '0')
				last = s;
		}
		while (s < end && *s == ' ')
			s++;
		unit = s;
		while (s < end && isalpha((unsigned char) *s) && !(iso && s > unit))
			s++;
		if (!unit_exact(unit, s - unit, fraction, last - fraction))
			return false;
	}
	return true;
}
