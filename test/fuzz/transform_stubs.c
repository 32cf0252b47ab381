/*
 * transform_stubs.c
 *	  The little of the server that the rooms of transforms call, beside what
 *	  the scanner does (stubs.c). Days are counted in another way than the
 *	  server's, and the one zone there is has its summer every year alike.
 */
#include "postgres.h"

#include <strings.h>

#include "common/shortest_dec.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "pgtime.h"
#include "stubs.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/memutils.h"

#undef printf
#undef snprintf
#undef vsnprintf

struct pg_tz
{
	const char *name;
};

extern bool stub_errstart(int elevel, const char *domain) __asm__("errstart_cold");
extern bool stub_errstart_warm(int elevel, const char *domain) __asm__("errstart");

volatile sig_atomic_t InterruptPending = false;
const int	day_tab[2][13] = {
	{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0},
	{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 0}
};

void
ProcessInterrupts(void)
{
}

bool
stub_errstart(int elevel, const char *domain)
{
	fprintf(stderr, "an error was thrown\n");
	abort();
}

bool
stub_errstart_warm(int elevel, const char *domain)
{
	return stub_errstart(elevel, domain);
}

void
errfinish(const char *filename, int lineno, const char *funcname)
{
	abort();
}

int
errmsg_internal(const char *fmt,...)
{
	return 0;
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

char *
MemoryContextStrdup(MemoryContext context, const char *string)
{
	size_t		len = strlen(string) + 1;

	return memcpy(MemoryContextAlloc(context, len), string, len);
}

char *
pnstrdup(const char *in, Size len)
{
	size_t		n = strnlen(in, len);
	char	   *out = palloc(n + 1);

	memcpy(out, in, n);
	out[n] = '\0';
	return out;
}

char *
pstrdup(const char *in)
{
	return pnstrdup(in, strlen(in));
}

char *
psprintf(const char *fmt,...)
{
	va_list		args;
	char	   *out;
	int			len;

	va_start(args, fmt);
	len = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	out = palloc(len + 1);
	va_start(args, fmt);
	(void) vsnprintf(out, len + 1, fmt, args);
	va_end(args);
	return out;
}

/* A format's text is short. */
void
initStringInfo(StringInfo str)
{
	str->maxlen = 4096;
	str->data = palloc(str->maxlen);
	str->data[0] = '\0';
	str->len = 0;
}

void
appendStringInfo(StringInfo str, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	str->len += vsnprintf(str->data + str->len, str->maxlen - str->len, fmt, args);
	va_end(args);
	if (str->len >= str->maxlen)
		abort();
}

#undef appendStringInfoCharMacro
void
appendStringInfoChar(StringInfo str, char ch)
{
	appendStringInfo(str, "%c", ch);
}

char *
format_type_be(Oid type_oid)
{
	return psprintf("%u", type_oid);
}

int
pg_mbcliplen(const char *mbstr, int len, int limit)
{
	return Min(len, limit);
}

int
pg_strncasecmp(const char *s1, const char *s2, size_t n)
{
	return strncasecmp(s1, s2, n);
}

unsigned char
pg_ascii_toupper(unsigned char ch)
{
	return ch >= 'a' && ch <= 'z' ? ch - 'a' + 'A' : ch;
}

/* Not the shortest, but the same number. */
int
double_to_shortest_decimal_bufn(double f, char *result)
{
	return snprintf(result, DOUBLE_SHORTEST_DECIMAL_LEN, "%.17g", f);
}

int
float_to_shortest_decimal_bufn(float f, char *result)
{
	return snprintf(result, FLOAT_SHORTEST_DECIMAL_LEN, "%.9g", f);
}

/* Days since 4714-11-24 BC, year by year. */
static int
days_before(int year)
{
	return year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
}

int
date2j(int year, int month, int day)
{
	int			days = days_before(year) + day + 1721059;

	for (int m = 1; m < month; m++)
		days += day_tab[isleap(year)][m - 1];
	return days;
}

void
j2date(int jd, int *year, int *month, int *day)
{
	for (*year = (jd - 1721060) / 366; date2j(*year + 1, 1, 1) <= jd; (*year)++)
		;
	for (*month = 1; *month < 12 && date2j(*year, *month + 1, 1) <= jd; (*month)++)
		;
	*day = jd - date2j(*year, *month, 1) + 1;
}

int
j2day(int jd)
{
	return (jd + 1) % 7;
}

pg_tz *
pg_tzset(const char *tzname)
{
	static struct pg_tz summer = {"Fuzz/Summer"};

	return strcmp(tzname, summer.name) == 0 ? &summer : NULL;
}

bool
pg_tz_acceptable(pg_tz *tz)
{
	return true;
}

const char *
pg_get_timezone_name(pg_tz *tz)
{
	return tz->name;
}

/* One hour east of UTC, two from day 90 to day 300 of each year. */
struct pg_tm *
pg_localtime(const pg_time_t *timep, const pg_tz *tz)
{
	static struct pg_tm tm;
	int64		day = *timep / SECS_PER_DAY - (*timep % SECS_PER_DAY < 0);
	int64		seconds;
	int			year;
	int			month;
	int			mday;

	if (day < -719162 || day > 2932896)
		return NULL;
	j2date((int) day + UNIX_EPOCH_JDATE, &year, &month, &mday);
	tm.tm_yday = (int) day + UNIX_EPOCH_JDATE - date2j(year, 1, 1);
	tm.tm_gmtoff = tm.tm_yday >= 90 && tm.tm_yday < 300 ? 7200 : 3600;
	seconds = *timep + tm.tm_gmtoff;
	day = seconds / SECS_PER_DAY - (seconds % SECS_PER_DAY < 0);
	seconds -= day * SECS_PER_DAY;
	j2date((int) day + UNIX_EPOCH_JDATE, &year, &month, &mday);
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = mday;
	tm.tm_hour = (int) (seconds / 3600);
	tm.tm_min = (int) (seconds / 60 % 60);
	tm.tm_sec = (int) (seconds % 60);
	return &tm;
}

/* The same zone: its next change after that time, at midnight UTC. */
int
pg_next_dst_boundary(const pg_time_t *timep, long int *before_gmtoff, int *before_isdst,
					 pg_time_t *boundary, long int *after_gmtoff, int *after_isdst, const pg_tz *tz)
{
	int64		day = *timep / SECS_PER_DAY - (*timep % SECS_PER_DAY < 0);
	int			year;
	int			month;
	int			mday;
	bool		summer;
	int64		change;
	int			yday;

	if (day < -719162 || day > 2932896 - 366)
		return -1;
	j2date((int) day + UNIX_EPOCH_JDATE, &year, &month, &mday);
	yday = (int) day + UNIX_EPOCH_JDATE - date2j(year, 1, 1);
	summer = yday >= 90 && yday < 300;
	change = date2j(yday < 300 ? year : year + 1, 1, 1) + (summer ? 300 : 90) - UNIX_EPOCH_JDATE;
	*before_gmtoff = summer ? 7200 : 3600;
	*after_gmtoff = summer ? 3600 : 7200;
	*before_isdst = summer;
	*after_isdst = !summer;
	*boundary = change * SECS_PER_DAY;
	return 1;
}
