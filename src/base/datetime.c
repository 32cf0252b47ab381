/*
 * datetime.c
 *	  Dates and times in ISO 8601 form, read without a throw.
 *
 * Only what plainly means one instant is judged here. What PostgreSQL reads
 * in a way of its own (24:00, a leap second, a zone beyond 14 hours, a year
 * of five digits) is called another notation and goes to its input function.
 */
#include "postgres.h"

#include "base/datetime.h"

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
