/*
 * timeformat.h
 *	  Notations of dates and times: a small closed vocabulary, read strictly.
 *
 *	YYYY		four digits, 0001 to 9999
 *	YY			two digits, added to a century that the caller gives
 *	MM DD		month, day: two digits; FMMM FMDD: one or two
 *	Mon Month	English name: three letters, whole
 *	Dy Day		English day of the week, which must be the date's
 *	HH24 FMHH24	hour 00 to 23
 *	HH12 FMHH12	hour 01 to 12, with AM or PM (HH is HH12)
 *	MI SS		two digits
 *	MS US		three, six digits of a fraction
 *	FF			one to nine; those beyond the sixth must be zero
 *	TZ			Z, UTC, GMT, +hh, +hhmm or +hh:mm, up to 15:59
 *	"text"		itself; so is T, and every other character that is no letter
 *				and no digit
 *	unix		seconds since 1970, unix_ms milliseconds: digits, with a
 *				fraction perhaps; from 1980 to 2100, so that the one is never
 *				taken for the other
 *
 * Names of months and days are read in any case. Every part must match to the
 * last character, no day is made up, nothing wraps.
 */
#ifndef SELFHEAL_TIMEFORMAT_H
#define SELFHEAL_TIMEFORMAT_H

#include "postgres.h"

#include "read/transformspec.h"

#define TIMEFORMAT_PARTS 48

typedef struct TimeFormatPart
{
	uint8		part;			/* timeformat.c's own */
	bool		loose;			/* FM: a digit less will do */
	char		literal;
	uint8		at;				/* where it stands, if the format is fixed */
} TimeFormatPart;

typedef struct TimeFormat
{
	int			n;
	TimeFormatPart parts[TIMEFORMAT_PARTS];
	bool		has_date;
	bool		has_time;
	bool		has_zone;		/* in the value itself */
	bool		has_century;	/* YY */
	bool		unix_time;		/* unix, unix_ms */
	int			fixed;			/* bytes of every text, when each part has its
								 * place; else 0 */
} TimeFormat;

/* What a text says. Of a format without a date, the date is 0. */
typedef struct TimeReading
{
	int			year;
	int			month;			/* from 1 */
	int			day;
	int			hour;
	int			minute;
	int			second;
	int			micros;
	int			zone;			/* seconds east of UTC; of unix: 0 */
} TimeReading;

/* Take a format apart; false with a fault. */
extern bool timeformat_compile(const char *text, TimeFormat *out,
							   TransformFault *fault);

/* The format in one spelling; in the current context. */
extern char *timeformat_text(const TimeFormat *f);

/* Read all of a text. */
extern bool timeformat_read(const TimeFormat *f, int century, const char *s,
							int len, TimeReading *out);

/* Read what the text starts with; *used is how much. Not for unix. */
extern bool timeformat_read_part(const TimeFormat *f, int century,
								 const char *s, int len, TimeReading *out,
								 int *used);

#endif							/* SELFHEAL_TIMEFORMAT_H */
