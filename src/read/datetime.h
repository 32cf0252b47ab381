/*
 * datetime.h
 *	  Dates and times in ISO 8601 form, read without a throw.
 *
 * Producers of JSON write "2024-02-29T12:34:56.789Z". DateStyle cannot change
 * what that means (a year of four digits in front settles it), so it can be
 * judged here; every other notation is left to the type's input function.
 */
#ifndef SELFHEAL_DATETIME_H
#define SELFHEAL_DATETIME_H

#include "postgres.h"

typedef enum IsoResult
{
	ISO_NONE,					/* another notation, or no date at all */
	ISO_IMPOSSIBLE,				/* the form is right, but no such day or hour */
	ISO_FINE
} IsoResult;

typedef struct IsoTime
{
	int			year;
	int			month;			/* from 1 */
	int			day;
	int			hour;
	int			minute;
	int			second;
	int			micros;			/* the first six digits of the fraction */
	bool		has_time;
	bool		midnight;		/* no time, or 00:00:00 */
	int			frac_digits;	/* of the second, that count */
	bool		has_zone;
	int			zone;			/* minutes east of UTC */
} IsoTime;

/* YYYY-MM-DD, then perhaps T or a blank and HH:MM[:SS[.f]][Z|+hh[[:]mm]]. */
extern IsoResult datetime_iso(const char *s, int len, IsoTime *out);

/* Digits that count behind any point in the text: of a time in whatever
 * notation, the fraction that a type of six digits would round away. */
extern int	datetime_fraction(const char *s, int len);

/*
 * What a date or time says in a notation that only PostgreSQL can tell, so that
 * it can be seen what a type would leave out. The text must be one that the
 * input function has taken; of time (or time with time zone: time_only) or of
 * date and timestamp. Words without a digit ("now", "infinity") say nothing.
 */
typedef struct DateTimeParts
{
	bool		has_date;		/* of a time: beside it */
	bool		midnight;		/* no time of day, or 00:00:00 */
	bool		has_zone;
	int			zone;			/* seconds west of UTC */
} DateTimeParts;

extern void datetime_parts(const char *text, bool time_only, DateTimeParts *out);

/*
 * Is each number of an interval in a unit of which the interval keeps all of
 * it? It keeps whole months and microseconds: 1.5 years yes, 1.51 years no.
 */
extern bool datetime_interval_exact(const char *s, int len);

/* Can this be a date at all: a digit in it, or a word that PostgreSQL knows
 * ("infinity", "today")? Spares the input function plain words. */
extern bool datetime_plausible(const char *s, int len);

#endif							/* SELFHEAL_DATETIME_H */
