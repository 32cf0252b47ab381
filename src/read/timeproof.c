/*
 * timeproof.c
 *	  What a list of texts proves about the notation of dates and times.
 *
 * A notation is a date form, and what follows it: nothing, or a time of day
 * with a zone perhaps. All forms of a family have the same shape and differ in
 * the order of day and month, so that values of one family decide for each
 * other: 13/02/2024 says what 03/04/2024 is. Families do not decide for each
 * other: with other signs between it is another producer's notation.
 *
 * Years of two digits are known here only to say why they are not read.
 */
#include "postgres.h"

#include "read/shown.h"
#include "read/timestamps.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* Years that an order of digits without signs between them may mean. */
#define FIRST_YEAR 1600
#define LAST_YEAR 2400

typedef struct DateForm
{
	int			family;
	bool		month_first;
	const char *format;
} DateForm;

#define FOUR_ORDERS(family, sign) \
	{family, false, "DD" sign "MM" sign "YYYY"}, \
	{family, true, "MM" sign "DD" sign "YYYY"}, \
	{family, false, "FMDD" sign "FMMM" sign "YYYY"}, \
	{family, true, "FMMM" sign "FMDD" sign "YYYY"}

/* Of one order, the stricter form before the looser one. */
static const DateForm date_forms[] = {
	FOUR_ORDERS(0, "."),
	FOUR_ORDERS(1, "/"),
	FOUR_ORDERS(2, "-"),
	FOUR_ORDERS(3, " "),
	FOUR_ORDERS(4, ". "),
	{5, false, "YYYY-MM-DD"}, {5, false, "YYYY-FMMM-FMDD"},
	{6, false, "YYYY/MM/DD"}, {6, false, "YYYY/FMMM/FMDD"},
	{7, false, "YYYY.MM.DD"}, {7, false, "YYYY.FMMM.FMDD"},
	{8, false, "YYYYMMDD"}, {8, false, "DDMMYYYY"}, {8, true, "MMDDYYYY"},
	{9, false, "DD Mon YYYY"}, {9, false, "FMDD Mon YYYY"},
	{10, false, "DD-Mon-YYYY"}, {10, false, "FMDD-Mon-YYYY"},
	{11, false, "DD/Mon/YYYY"},
	{12, false, "DDMonYYYY"},
	{13, false, "DD Month YYYY"}, {13, false, "FMDD Month YYYY"},
	{14, false, "FMDD. Month YYYY"},
	{15, false, "Mon DD, YYYY"}, {15, false, "Mon FMDD, YYYY"},
	{16, false, "Month DD, YYYY"}, {16, false, "Month FMDD, YYYY"},
	{17, false, "Dy, DD Mon YYYY"}, {17, false, "Dy, FMDD Mon YYYY"},
	{18, false, "Day, Month FMDD, YYYY"},
	{19, false, "Day, FMDD Month YYYY"},
	{20, false, "YYYY-Mon-DD"},
	{21, false, "YYYY\xE5\xB9\xB4" "FMMM\xE6\x9C\x88" "FMDD\xE6\x97\xA5"},
	{22, false, "YYYYMMDDHH24MISS"}, {22, false, "YYYYMMDDHH24MI"},
	{22, false, "YYYYMMDDHH24MISSTZ"}
};

#define DATE_FORMS ((int) lengthof(date_forms))
#define FAMILIES 23
#define DIGITS_FAMILY 8			/* whose parts only their places tell */
#define KANJI_FAMILY 21
#define LONG_DIGITS_FAMILY 22

StaticAssertDecl(DATE_FORMS <= 64, "a set of date forms has 64 bits");

static const char *const two_digit_years[] = {
	"FMDD.FMMM.YY", "FMMM/FMDD/YY", "FMDD/FMMM/YY", "FMDD-FMMM-YY",
	"FMMM-FMDD-YY", "YY-MM-DD", "YY/MM/DD", "FMDD-Mon-YY", "FMDD Mon YY", "YYMMDD"
};

/* Between date and time. The last is that of a web server's log. */
static const char *const joints[] = {" ", "T", ", ", ":"};

static const char *const times[] = {
	"HH24:MI:SS", "HH24:MI", "HH24:MI:SS.FF", "HH24:MI:SS,FF",
	"FMHH24:MI:SS", "FMHH24:MI", "HH24.MI.SS", "HH24.MI", "HH24MISS", "HH24MI",
	"HH12:MI:SS AM", "HH12:MI AM", "FMHH12:MI:SS AM", "FMHH12:MI AM",
	"HH12:MI:SSAM", "HH12:MIAM", "FMHH12:MI:SSAM", "FMHH12:MIAM"
};

static const char *const zones[] = {"", "TZ", " TZ"};

#define TAILS (1 + (int) (lengthof(joints) * lengthof(times) * lengthof(zones)))

typedef struct Tail
{
	TimeFormat	format;
	char	   *text;
} Tail;

/* What all samples together have shown of one family. */
typedef struct Family
{
	uint64		forms;			/* that read all of its samples so far */
	const TransformSample *first;
	const TransformSample *open;	/* one of these */
} Family;

typedef struct Proof
{
	TimeFormat	dates[DATE_FORMS];
	Tail	   *tails;			/* with a joint, behind a date */
	int			ntails;
	TimeFormat	units[2];		/* unix, unix_ms */
	bool		units_seen[2];
	Family		families[FAMILIES];
	/* for a family, the tails that its samples had */
	bool		tails_seen[FAMILIES][TAILS];
	bool		times_seen[TAILS];	/* of a time column */
} Proof;

/* ---- the closed list, compiled ---- */

static void
compile(const char *text, TimeFormat *out)
{
	TransformFault fault;

	if (!timeformat_compile(text, out, &fault))
		elog(ERROR, "format %s is broken: %s", text, fault.message);
}

/* A part of a format may be no whole one: it is compiled behind a date. */
static void
compile_tail(Tail *tail, const char *text)
{
	const int	ndate = 3;

	tail->text = pstrdup(text);
	compile(psprintf("YYYYMMDD%s", text), &tail->format);
	tail->format.has_date = false;
	tail->format.n -= ndate;
	memmove(tail->format.parts, tail->format.parts + ndate,
			tail->format.n * sizeof(TimeFormatPart));
}

static Proof *
make_proof(bool time_only)
{
	Proof	   *proof = palloc0(sizeof(Proof));

	for (int i = 0; i < DATE_FORMS; i++)
		compile(date_forms[i].format, &proof->dates[i]);
	compile("unix", &proof->units[0]);
	compile("unix_ms", &proof->units[1]);
	proof->tails = palloc0(TAILS * sizeof(Tail));
	if (!time_only)
		proof->tails[proof->ntails++].text = pstrdup("");
	for (int t = 0; t < (int) lengthof(times); t++)
		for (int z = 0; z < (int) lengthof(zones); z++)
		{
			if (time_only)
			{
				Tail	   *tail = &proof->tails[proof->ntails++];

				tail->text = psprintf("%s%s", times[t], zones[z]);
				compile(tail->text, &tail->format);
				continue;
			}
			for (int j = 0; j < (int) lengthof(joints); j++)
				compile_tail(&proof->tails[proof->ntails++],
							 psprintf("%s%s%s", joints[j], times[t], zones[z]));
		}
	return proof;
}

/* ---- one sample ---- */

/* The tail that reads all of a rest, or -1. */
static int
find_tail(const Proof *proof, const char *rest, int len)
{
	TimeReading r;
	int			used;

	for (int i = 0; i < proof->ntails; i++)
	{
		if (proof->tails[i].format.n == 0 ? len == 0 :
			timeformat_read_part(&proof->tails[i].format, 0, rest, len, &r, &used) && used == len)
			return i;
	}
	return -1;
}

static bool
same_day(const TimeReading *a, const TimeReading *b)
{
	return a->year == b->year && a->month == b->month && a->day == b->day;
}

/* Could this form be meant by the value at all? */
static bool
plausible(int form, JsonKind kind, const TimeReading *r)
{
	int			family = date_forms[form].family;
	bool		digits = family == DIGITS_FAMILY || family == LONG_DIGITS_FAMILY;

	if (kind == JSON_NUMBER && !digits)
		return false;
	if (family == KANJI_FAMILY && GetDatabaseEncoding() != PG_UTF8)
		return false;
	return !digits || (r->year >= FIRST_YEAR && r->year <= LAST_YEAR);
}

/*
 * Read a sample by every date form. A value belongs to the family of the first
 * form that reads it; no two families read one text.
 */
static bool
note_date(Proof *proof, const TransformSample *s)
{
	uint64		forms = 0;
	int			family = -1;
	TimeReading first = {0};
	bool		open = false;

	for (int i = 0; i < DATE_FORMS; i++)
	{
		TimeReading r;
		int			used;
		int			tail;

		if (!timeformat_read_part(&proof->dates[i], 0, s->val, s->len, &r, &used) ||
			!plausible(i, s->kind, &r) ||
			(tail = find_tail(proof, s->val + used, s->len - used)) < 0 ||
			(proof->dates[i].has_time && proof->tails[tail].format.has_time))
			continue;
		if (family < 0)
		{
			family = date_forms[i].family;
			first = r;
		}
		else if (date_forms[i].family != family)
			continue;
		open |= !same_day(&first, &r);
		forms |= UINT64CONST(1) << i;
		proof->tails_seen[family][tail] = true;
	}
	if (family < 0)
		return false;
	if (proof->families[family].first == NULL)
	{
		proof->families[family].first = s;
		proof->families[family].forms = forms;
	}
	proof->families[family].forms &= forms;
	if (open)
		proof->families[family].open = s;
	return true;
}

static bool
note_sample(Proof *proof, const TransformSample *s, bool time_only)
{
	TimeReading r;
	int			tail;

	if (time_only)
	{
		tail = s->kind == JSON_STRING ? find_tail(proof, s->val, s->len) : -1;
		if (tail >= 0)
			proof->times_seen[tail] = true;
		return tail >= 0;
	}
	for (int i = 0; i < 2; i++)
		if (timeformat_read(&proof->units[i], 0, s->val, s->len, &r))
		{
			proof->units_seen[i] = true;
			return true;
		}
	return note_date(proof, s);
}

/* Why no notation reads it. */
static char *
unreadable(const TransformSample *s)
{
	char	   *shown = shown_value(s->val, s->len);

	for (int i = 0; i < (int) lengthof(two_digit_years); i++)
	{
		TimeFormat	f;
		TimeReading r;
		int			used;

		compile(two_digit_years[i], &f);
		if (s->kind == JSON_STRING &&
			timeformat_read_part(&f, 2000, s->val, s->len, &r, &used) &&
			(used == s->len || strchr(" T,", s->val[used]) != NULL))
			return psprintf("value %s has a year of two digits: a format with YY and its century must be said", shown);
	}
	return psprintf("value %s is in no notation of dates and times that is known", shown);
}

/* ---- all of them ---- */

static bool
add_format(SpecList *formats, char *text, char **why_not)
{
	for (int i = 0; i < formats->n; i++)
		if (strcmp(formats->texts[i], text) == 0)
			return true;
	if (formats->n == SPEC_SHORT_LIST_MAX)
	{
		*why_not = psprintf("the values are in more than %d notations", SPEC_SHORT_LIST_MAX);
		return false;
	}
	formats->texts[formats->n++] = text;
	return true;
}

/* The formats of a family: the first form of each order that is left. Of two
 * orders no sample may be read differently. */
static bool
add_family(Proof *proof, int family, SpecList *formats, char **why_not)
{
	const Family *f = &proof->families[family];
	bool		month_first = false;
	bool		day_first = false;

	if (f->forms == 0)
	{
		*why_not = psprintf("values like %s cannot all be read with one order of day and month",
							shown_value(f->first->val, f->first->len));
		return false;
	}
	for (int i = 0; i < DATE_FORMS; i++)
	{
		bool	   *done = date_forms[i].month_first ? &month_first : &day_first;

		if ((f->forms & (UINT64CONST(1) << i)) == 0 || *done)
			continue;
		*done = true;
		for (int t = 0; t < proof->ntails; t++)
			if (proof->tails_seen[family][t] &&
				!add_format(formats, psprintf("%s%s", date_forms[i].format, proof->tails[t].text), why_not))
				return false;
	}
	if (month_first && day_first && f->open)
	{
		*why_not = psprintf("value %s can be read with day or month first, and no other value of its notation decides",
							shown_value(f->open->val, f->open->len));
		return false;
	}
	return true;
}

static bool
collect_formats(Proof *proof, SpecList *formats, char **why_not)
{
	for (int i = 0; i < 2; i++)
		if (proof->units_seen[i] && !add_format(formats, pstrdup(i == 0 ? "unix" : "unix_ms"), why_not))
			return false;
	for (int i = 0; i < FAMILIES; i++)
		if (proof->families[i].first && !add_family(proof, i, formats, why_not))
			return false;
	for (int t = 0; t < proof->ntails; t++)
		if (proof->times_seen[t] && !add_format(formats, proof->tails[t].text, why_not))
			return false;
	if (formats->n > 0)
		return true;
	*why_not = pstrdup("there is no value to learn from");
	return false;
}

/* Does any format read an instant? */
static bool
has_instants(const SpecList *formats)
{
	for (int i = 0; i < formats->n; i++)
	{
		TimeFormat	f;

		compile(formats->texts[i], &f);
		if (f.has_zone)
			return true;
	}
	return false;
}

/* See the header. */
bool
timestamps_infer(const TransformSample *samples, int n, Oid basetype,
				 TimestampSpec *spec, bool *zone_open, char **why_not)
{
	bool		time_only = basetype == TIMEOID;
	Proof	   *proof = make_proof(time_only);

	memset(spec, 0, sizeof(*spec));
	*zone_open = false;
	spec->formats.texts = palloc(SPEC_SHORT_LIST_MAX * sizeof(char *));
	for (int i = 0; i < n; i++)
	{
		const TransformSample *s = &samples[i];

		CHECK_FOR_INTERRUPTS();
		if (s->kind == JSON_NULL)
			continue;
		if (s->kind != JSON_STRING && s->kind != JSON_NUMBER)
			*why_not = psprintf("value %s is no date or time", shown_value(s->val, s->len));
		else if (!note_sample(proof, s, time_only))
			*why_not = unreadable(s);
		if (*why_not)
			return false;
	}
	if (!collect_formats(proof, &spec->formats, why_not))
		return false;
	if (basetype == TIMESTAMPOID && has_instants(&spec->formats))
	{
		*zone_open = true;
		*why_not = pstrdup("the values are instants and the column keeps no zone: somebody must say whose clock it shows");
	}
	return true;
}
