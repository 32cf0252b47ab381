/*
 * timeformat.c
 *	  Notations of dates and times: a small closed vocabulary, read strictly.
 */
#include "postgres.h"

#include "read/shown.h"
#include "read/timeformat.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"
#include "utils/datetime.h"

#define MAX_FORMAT_BYTES 100
#define UNIX_FROM	INT64CONST(315532800)	/* 1980-01-01 */
#define UNIX_BEFORE INT64CONST(4102444800)	/* 2100-01-01 */
#define MAX_ZONE_HOURS 15

typedef enum Part
{
	PART_LITERAL,
	PART_YEAR,
	PART_YEAR2,
	PART_MONTH,
	PART_MONTH3,
	PART_MONTH_NAME,
	PART_DAY,
	PART_WEEKDAY3,
	PART_WEEKDAY_NAME,
	PART_HOUR24,
	PART_HOUR12,
	PART_MERIDIEM,
	PART_MINUTE,
	PART_SECOND,
	PART_MILLIS,
	PART_MICROS,
	PART_FRACTION,
	PART_ZONE,
	PART_UNIX,
	PART_UNIX_MS,
	PART_KINDS
} Part;

/* Longer words before those that they start with. */
static const struct
{
	const char *word;
	Part		part;
}			vocabulary[] = {
	{"YYYY", PART_YEAR}, {"YY", PART_YEAR2},
	{"Month", PART_MONTH_NAME}, {"MONTH", PART_MONTH_NAME}, {"month", PART_MONTH_NAME},
	{"Mon", PART_MONTH3}, {"MON", PART_MONTH3}, {"mon", PART_MONTH3},
	{"MM", PART_MONTH}, {"MI", PART_MINUTE}, {"MS", PART_MILLIS},
	{"Day", PART_WEEKDAY_NAME}, {"DAY", PART_WEEKDAY_NAME}, {"day", PART_WEEKDAY_NAME},
	{"Dy", PART_WEEKDAY3}, {"DY", PART_WEEKDAY3}, {"dy", PART_WEEKDAY3},
	{"DD", PART_DAY},
	{"HH24", PART_HOUR24}, {"HH12", PART_HOUR12}, {"HH", PART_HOUR12},
	{"AM", PART_MERIDIEM}, {"PM", PART_MERIDIEM}, {"am", PART_MERIDIEM}, {"pm", PART_MERIDIEM},
	{"SS", PART_SECOND}, {"US", PART_MICROS}, {"FF", PART_FRACTION},
	{"TZ", PART_ZONE}
};

/* One spelling for each. */
static const char *const spellings[PART_KINDS] = {
	[PART_YEAR] = "YYYY",[PART_YEAR2] = "YY",[PART_MONTH] = "MM",
	[PART_MONTH3] = "Mon",[PART_MONTH_NAME] = "Month",[PART_DAY] = "DD",
	[PART_WEEKDAY3] = "Dy",[PART_WEEKDAY_NAME] = "Day",[PART_HOUR24] = "HH24",
	[PART_HOUR12] = "HH12",[PART_MERIDIEM] = "AM",[PART_MINUTE] = "MI",
	[PART_SECOND] = "SS",[PART_MILLIS] = "MS",[PART_MICROS] = "US",
	[PART_FRACTION] = "FF",[PART_ZONE] = "TZ",[PART_UNIX] = "unix",
	[PART_UNIX_MS] = "unix_ms"
};

static const char vocabulary_hint[] =
"Parts are YYYY, YY, MM, DD, Mon, Month, Dy, Day, HH24, HH12 with AM, MI, SS, MS, US, FF and TZ, FM before MM, DD and hours for one or two digits, text in double quotes, or all of it unix or unix_ms.";

static const char *const month_names[] = {
	"january", "february", "march", "april", "may", "june", "july",
	"august", "september", "october", "november", "december"
};
static const char *const weekday_names[] = {
	"sunday", "monday", "tuesday", "wednesday", "thursday", "friday",
	"saturday"
};

/* ---- compiling ---- */

static bool
bad_format(TransformFault *fault, const char *text, const char *what,
		   const char *hint)
{
	return fault_is(fault, psprintf("format %s %s", shown_value(text, (int) strlen(text)), what),
					hint);
}

static inline bool
part_has(uint32 seen, Part part)
{
	return (seen & (1u << part)) != 0;
}

/* Can the part be followed by one more digit than it has? */
static bool
open_ended(const TimeFormatPart *p)
{
	return p->loose || p->part == PART_FRACTION || p->part == PART_ZONE;
}

/* Does the part start with a digit? */
static bool
numeric_part(const TimeFormatPart *p)
{
	switch (p->part)
	{
		case PART_LITERAL:
		case PART_MONTH3:
		case PART_MONTH_NAME:
		case PART_WEEKDAY3:
		case PART_WEEKDAY_NAME:
		case PART_MERIDIEM:
		case PART_ZONE:
			return false;
		default:
			return true;
	}
}

/* Do the parts make a date, a time of day or both? */
static bool
check_parts(const char *text, TimeFormat *f, uint32 seen, TransformFault *fault)
{
	bool		year = part_has(seen, PART_YEAR) || part_has(seen, PART_YEAR2);
	int			months = part_has(seen, PART_MONTH) + part_has(seen, PART_MONTH3) +
	part_has(seen, PART_MONTH_NAME);
	bool		day = part_has(seen, PART_DAY);
	bool		weekday = part_has(seen, PART_WEEKDAY3) || part_has(seen, PART_WEEKDAY_NAME);
	bool		hour24 = part_has(seen, PART_HOUR24);
	bool		hour12 = part_has(seen, PART_HOUR12);
	int			fractions = part_has(seen, PART_MILLIS) + part_has(seen, PART_MICROS) +
	part_has(seen, PART_FRACTION);

	f->has_century = part_has(seen, PART_YEAR2);
	f->has_date = year || months > 0 || day || weekday;
	f->has_time = hour24 || hour12;
	f->has_zone = part_has(seen, PART_ZONE);
	if (f->has_date && (!year || months == 0 || !day))
		return bad_format(fault, text, "has only a part of a date",
						  "A date needs a year, a month and a day: none of them is made up.");
	if (months > 1 || (part_has(seen, PART_YEAR) && part_has(seen, PART_YEAR2)) ||
		(part_has(seen, PART_WEEKDAY3) && part_has(seen, PART_WEEKDAY_NAME)) ||
		(hour24 && hour12) || fractions > 1)
		return bad_format(fault, text, "has a part twice", vocabulary_hint);
	if (hour12 != part_has(seen, PART_MERIDIEM))
		return bad_format(fault, text, "has one of HH12 and AM, which need each other",
						  "Hours of 0 to 23 are HH24; hours of 1 to 12 are HH12, with AM for the letters behind them.");
	if ((part_has(seen, PART_MINUTE) && !f->has_time) ||
		(part_has(seen, PART_SECOND) && !part_has(seen, PART_MINUTE)) ||
		(fractions > 0 && !part_has(seen, PART_SECOND)) || (f->has_zone && !f->has_time))
		return bad_format(fault, text, "has only a part of a time",
						  "Minutes need hours, seconds need minutes, a fraction needs seconds, a zone needs a time.");
	if (!f->has_date && !f->has_time)
		return bad_format(fault, text, "has neither a date nor a time", vocabulary_hint);
	for (int i = 0; i + 1 < f->n; i++)
	{
		const TimeFormatPart *next = &f->parts[i + 1];

		if (open_ended(&f->parts[i]) &&
			(numeric_part(next) || next->part == PART_ZONE ||
			 (f->parts[i].part == PART_ZONE && next->part == PART_LITERAL && next->literal == ':')) &&
			!(f->parts[i].part == PART_FRACTION && next->part == PART_ZONE))
			return bad_format(fault, text, psprintf("does not say where %s ends", spellings[f->parts[i].part]),
							  "A part of one or two digits, FF and TZ need something else than digits behind them.");
	}
	return true;
}

static bool
add_part(TimeFormat *f, Part part, bool loose, char literal)
{
	if (f->n == TIMEFORMAT_PARTS)
		return false;
	f->parts[f->n].part = part;
	f->parts[f->n].loose = loose;
	f->parts[f->n].literal = literal;
	f->n++;
	return true;
}

/* The word of the vocabulary that p starts with, or NULL. */
static const char *
next_word(const char *p, Part *part)
{
	for (int i = 0; i < (int) lengthof(vocabulary); i++)
	{
		size_t		len = strlen(vocabulary[i].word);

		if (strncmp(p, vocabulary[i].word, len) == 0)
		{
			*part = vocabulary[i].part;
			return p + len;
		}
	}
	return NULL;
}

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Parts of a fixed number of digits: where each belongs, and what it may be. */
static const struct
{
	uint8		digits;			/* 0: none of them */
	uint8		field;			/* by ints of a TimeReading */
	int16		least;
	int16		most;
}			fixed_parts[PART_KINDS] = {
	[PART_YEAR] = {4, offsetof(TimeReading, year) / sizeof(int), 1, 9999},
	[PART_MONTH] = {2, offsetof(TimeReading, month) / sizeof(int), 1, 12},
	[PART_DAY] = {2, offsetof(TimeReading, day) / sizeof(int), 1, 31},
	[PART_HOUR24] = {2, offsetof(TimeReading, hour) / sizeof(int), 0, 23},
	[PART_MINUTE] = {2, offsetof(TimeReading, minute) / sizeof(int), 0, 59},
	[PART_SECOND] = {2, offsetof(TimeReading, second) / sizeof(int), 0, 59}
};

/* Has each part its place, whatever the text says? */
static void
find_places(TimeFormat *f)
{
	int			at = 0;

	for (int i = 0; i < f->n; i++)
	{
		TimeFormatPart *p = &f->parts[i];

		if (p->part != PART_LITERAL && (p->loose || fixed_parts[p->part].digits == 0))
			return;
		p->at = (uint8) at;
		at += p->part == PART_LITERAL ? 1 : fixed_parts[p->part].digits;
	}
	f->fixed = at;
}

bool
timeformat_compile(const char *text, TimeFormat *f, TransformFault *fault)
{
	const char *p = text;
	bool		quoted = false;
	uint32		seen = 0;

	memset(f, 0, sizeof(*f));
	if (strcmp(text, "unix") == 0 || strcmp(text, "unix_ms") == 0)
	{
		f->unix_time = f->has_date = f->has_time = f->has_zone = true;
		return add_part(f, text[4] ? PART_UNIX_MS : PART_UNIX, false, 0);
	}
	if (strlen(text) > MAX_FORMAT_BYTES)
		return bad_format(fault, text, psprintf("is longer than %d bytes", MAX_FORMAT_BYTES), vocabulary_hint);
	while (*p)
	{
		bool		loose = !quoted && strncmp(p, "FM", 2) == 0;
		Part		part;
		const char *next = quoted ? NULL : next_word(loose ? p + 2 : p, &part);
		bool		fine = true;

		if (next == NULL && !loose && *p == '"')
		{
			quoted = !quoted;
			p++;
			continue;
		}
		if (next != NULL)
		{
			if (loose && part != PART_MONTH && part != PART_DAY &&
				part != PART_HOUR24 && part != PART_HOUR12)
				next = NULL;
			else if (part_has(seen, part))
				return bad_format(fault, text, psprintf("has %s twice", spellings[part]),
								  vocabulary_hint);
			else
			{
				seen |= 1u << part;
				fine = add_part(f, part, loose, 0);
				p = next;
			}
		}
		else if (!loose && !is_digit(*p) && (unsigned char) *p >= 0x20 && *p != 0x7F &&
				 (quoted || *p == 'T' || !is_letter(*p)))
		{
			fine = add_part(f, PART_LITERAL, false, *p);
			next = ++p;
		}
		if (next == NULL)
			return bad_format(fault, text, psprintf("has an unknown part at %s", shown_value(p, (int) strlen(p))),
							  vocabulary_hint);
		if (!fine)
			return bad_format(fault, text, psprintf("has more than %d parts", TIMEFORMAT_PARTS), vocabulary_hint);
	}
	if (quoted)
		return bad_format(fault, text, "has a double quote that is not closed", vocabulary_hint);
	if (!check_parts(text, f, seen, fault))
		return false;
	find_places(f);
	return true;
}

char *
timeformat_text(const TimeFormat *f)
{
	StringInfoData out;
	bool		quoted = false;

	initStringInfo(&out);
	for (int i = 0; i < f->n; i++)
	{
		const TimeFormatPart *p = &f->parts[i];
		bool		letter = p->part == PART_LITERAL && is_letter(p->literal);

		if (letter != quoted)
		{
			appendStringInfoChar(&out, '"');
			quoted = letter;
		}
		if (p->part == PART_LITERAL)
			appendStringInfoChar(&out, p->literal);
		else
			appendStringInfo(&out, "%s%s", p->loose ? "FM" : "", spellings[p->part]);
	}
	if (quoted)
		appendStringInfoChar(&out, '"');
	return out.data;
}

/* ---- reading ---- */

typedef struct Cursor
{
	const char *p;
	const char *end;
	int			weekday;		/* -1: not said */
	int			meridiem;		/* hours to add; -1: not said */
} Cursor;

/* From least to most digits; -1: there are not so many. */
static inline int
read_digits(Cursor *c, int least, int most)
{
	int			value = 0;
	int			n = 0;

	while (n < most && c->p < c->end && is_digit(*c->p))
	{
		value = value * 10 + (*c->p++ - '0');
		n++;
	}
	return n < least ? -1 : value;
}

/* Two digits, or one where that will do; mostly two. */
static inline int
read_two(Cursor *c, int least)
{
	const char *p = c->p;

	if (unlikely(c->end - p < 2 || !is_digit(p[0]) || !is_digit(p[1])))
		return read_digits(c, least, 2);
	c->p = p + 2;
	return (p[0] - '0') * 10 + (p[1] - '0');
}

/* Four digits, or -1. */
static inline int
read_four(Cursor *c)
{
	int			high = read_two(c, 2);
	int			low = high < 0 ? -1 : read_two(c, 2);

	return low < 0 ? -1 : high * 100 + low;
}

/* The name that comes, by its place; its first letters when it is short. */
static int
read_name(Cursor *c, const char *const *names, int n, int letters)
{
	for (int i = 0; i < n; i++)
	{
		int			len = letters > 0 ? letters : (int) strlen(names[i]);
		int			at = 0;

		while (at < len && c->p + at < c->end && (c->p[at] | 0x20) == names[i][at])
			at++;
		/* more letters behind it: another word */
		if (at == len && (c->p + at == c->end || !is_letter(c->p[at])))
		{
			c->p += len;
			return i;
		}
	}
	return -1;
}

/* Digits of a fraction as microseconds; those beyond the sixth must be 0. */
static int
read_fraction(Cursor *c, int least, int most)
{
	int			micros = 0;
	int			unit = 100000;
	int			n = 0;

	for (; n < most && c->p < c->end && is_digit(*c->p); n++, unit /= 10)
	{
		if (n >= 6 && *c->p != '0')
			return -1;
		micros += (*c->p++ - '0') * unit;
	}
	return n < least ? -1 : micros;
}

static bool
read_zone(Cursor *c, int *zone)
{
	static const char *const words[] = {"z", "utc", "gmt"};
	int			sign;
	int			hours;
	int			minutes = 0;

	*zone = 0;
	if (c->p < c->end && is_letter(*c->p))
		return read_name(c, words, lengthof(words), 0) >= 0;
	if (c->p == c->end || (*c->p != '+' && *c->p != '-'))
		return false;
	sign = *c->p++ == '-' ? -1 : 1;
	if ((hours = read_digits(c, 2, 2)) < 0)
		return false;
	if (c->p < c->end && *c->p == ':')
	{
		c->p++;
		minutes = read_digits(c, 2, 2);
	}
	else if (c->p < c->end && is_digit(*c->p))
		minutes = read_digits(c, 2, 2);
	if (minutes < 0 || minutes > 59 || hours > MAX_ZONE_HOURS)
		return false;
	*zone = sign * (hours * 60 + minutes) * 60;
	return true;
}

static bool
read_meridiem(Cursor *c)
{
	if (c->end - c->p < 2 || (c->p[1] | 0x20) != 'm')
		return false;
	if ((c->p[0] | 0x20) == 'a')
		c->meridiem = 0;
	else if ((c->p[0] | 0x20) == 'p')
		c->meridiem = 12;
	else
		return false;
	c->p += 2;
	return true;
}

static inline bool
within(int value, int least, int most)
{
	return value >= least && value <= most;
}

static inline bool
read_part(const TimeFormatPart *part, int century, Cursor *c, TimeReading *out)
{
	int			least = part->loose ? 1 : 2;

	switch ((Part) part->part)
	{
		case PART_YEAR:
			return (out->year = read_four(c)) >= 1;
		case PART_YEAR2:
			out->year = read_two(c, 2);
			if (out->year < 0)
				return false;
			out->year += century;
			return true;
		case PART_MONTH:
			return within(out->month = read_two(c, least), 1, 12);
		case PART_MONTH3:
			return (out->month = read_name(c, month_names, 12, 3) + 1) > 0;
		case PART_MONTH_NAME:
			return (out->month = read_name(c, month_names, 12, 0) + 1) > 0;
		case PART_DAY:
			return within(out->day = read_two(c, least), 1, 31);
		case PART_WEEKDAY3:
			return (c->weekday = read_name(c, weekday_names, 7, 3)) >= 0;
		case PART_WEEKDAY_NAME:
			return (c->weekday = read_name(c, weekday_names, 7, 0)) >= 0;
		case PART_HOUR24:
			return within(out->hour = read_two(c, least), 0, 23);
		case PART_HOUR12:
			return within(out->hour = read_two(c, least), 1, 12);
		case PART_MERIDIEM:
			return read_meridiem(c);
		case PART_MINUTE:
			return within(out->minute = read_two(c, 2), 0, 59);
		case PART_SECOND:
			return within(out->second = read_two(c, 2), 0, 59);
		case PART_MILLIS:
			return (out->micros = read_fraction(c, 3, 3)) >= 0;
		case PART_MICROS:
			return (out->micros = read_fraction(c, 6, 6)) >= 0;
		case PART_FRACTION:
			return (out->micros = read_fraction(c, 1, 9)) >= 0;
		case PART_ZONE:
			return read_zone(c, &out->zone);
		default:
			return false;
	}
}

static int
days_in_month(int year, int month)
{
	return day_tab[isleap(year)][month - 1];
}

/* Seconds or milliseconds with a fraction, within the years that tell them
 * apart. */
static bool
read_unix(const char *s, int len, bool millis, TimeReading *out)
{
	Cursor		c = {s, s + len, -1, -1};
	int64		value = 0;
	int			micros = 0;
	int			per = millis ? 1000 : 1;
	int			of_day;

	for (int n = 0; c.p < c.end && is_digit(*c.p); n++)
	{
		if (n == 13)
			return false;
		value = value * 10 + (*c.p++ - '0');
	}
	if (c.p == s || *s == '0')
		return false;
	if (c.p < c.end)
	{
		if (*c.p++ != '.' || (micros = read_fraction(&c, 1, 9)) < 0 || c.p < c.end)
			return false;
		if (millis)
		{
			if (micros % 1000 != 0)
				return false;
			micros /= 1000;
		}
	}
	if (value < UNIX_FROM * per || value >= UNIX_BEFORE * per)
		return false;
	if (millis)
	{
		micros += (int) (value % 1000) * 1000;
		value /= 1000;
	}
	j2date((int) (value / SECS_PER_DAY) + UNIX_EPOCH_JDATE, &out->year, &out->month, &out->day);
	of_day = (int) (value % SECS_PER_DAY);
	out->hour = of_day / SECS_PER_HOUR;
	out->minute = of_day / SECS_PER_MINUTE % MINS_PER_HOUR;
	out->second = of_day % SECS_PER_MINUTE;
	out->micros = micros;
	return true;
}

bool
timeformat_read_part(const TimeFormat *f, int century, const char *s, int len,
					 TimeReading *out, int *used)
{
	Cursor		c = {s, s + len, -1, -1};

	memset(out, 0, sizeof(*out));
	for (int i = 0; i < f->n; i++)
	{
		const TimeFormatPart *part = &f->parts[i];

		if (part->part == PART_LITERAL)
		{
			if (c.p == c.end || *c.p++ != part->literal)
				return false;
		}
		else if (!read_part(part, century, &c, out))
			return false;
	}
	if (f->has_date && out->day > days_in_month(out->year, out->month))
		return false;
	if (c.weekday >= 0 && j2day(date2j(out->year, out->month, out->day)) != c.weekday)
		return false;
	if (c.meridiem >= 0)
		out->hour = out->hour % 12 + c.meridiem;
	*used = (int) (c.p - s);
	return true;
}

/* Two digits, or more than any part may be. */
static inline unsigned
two_digits(const char *s)
{
	unsigned	high = (unsigned char) s[0] - '0';
	unsigned	low = (unsigned char) s[1] - '0';

	return high <= 9 && low <= 9 ? high * 10 + low : 10000;
}

/* The same as timeformat_read_part for a text of f->fixed bytes. */
static bool
read_fixed(const TimeFormat *f, const char *s, TimeReading *out)
{
	memset(out, 0, sizeof(*out));
	for (int i = 0; i < f->n; i++)
	{
		const TimeFormatPart *p = &f->parts[i];
		unsigned	value;

		if (p->part == PART_LITERAL)
		{
			if (s[p->at] != p->literal)
				return false;
			continue;
		}
		value = two_digits(s + p->at);
		if (p->part == PART_YEAR)
			value = value * 100 + two_digits(s + p->at + 2);
		if (value < (unsigned) fixed_parts[p->part].least || value > (unsigned) fixed_parts[p->part].most)
			return false;
		((int *) out)[fixed_parts[p->part].field] = (int) value;
	}
	return !f->has_date || out->day <= days_in_month(out->year, out->month);
}

bool
timeformat_read(const TimeFormat *f, int century, const char *s, int len,
				TimeReading *out)
{
	int			used;

	if (f->unix_time)
	{
		memset(out, 0, sizeof(*out));
		return read_unix(s, len, f->parts[0].part == PART_UNIX_MS, out);
	}
	if (f->fixed > 0)
		return len == f->fixed && read_fixed(f, s, out);
	return timeformat_read_part(f, century, s, len, out, &used) && used == len;
}
