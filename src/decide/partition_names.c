/*
 * partition_names.c
 *	  How partitions are named, learnt from those that are there.
 *
 * A token of a name may be one of several parts of a bound (the 01 of
 * 2026_01_01 is a month or a day); all ways to read the newest sibling's name
 * are tried on the others, up to a limit, and the best one wins.
 */
#include "postgres.h"

#include <ctype.h>

#include "base/canon.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "decide/partition_names.h"
#include "decide/plan.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#define TOKENS_MAX 16
#define READINGS_MAX 4096
#define SIBLINGS_MAX 64			/* whose names a reading is tried on */
#define NUMBERS_MAX 99			/* behind a name that is taken */

/* What a token may say of a bound. First those that are meant most often. */
typedef enum Part
{
	PART_YYYYMMDDHHMI,
	PART_YYYYMMDDHH,
	PART_YYYYMMDD,
	PART_YYYYMM,
	PART_YYMMDD,
	PART_YYYY,
	PART_YYMM,
	PART_MM,
	PART_DD,
	PART_HH,
	PART_MI,
	PART_IYYY,
	PART_IW,
	PART_YY,
	PART_DDD,
	PART_Q,
	PART_MONTH_NUMBER,			/* without a zero */
	PART_mon,
	PART_Mon,
	PART_MON,
	PART_month,
	PART_Month,
	PART_MONTH,
	PART_LOWER,					/* of numbers */
	PART_UPPER,
	PART_LAST,
	PART_NTH,					/* from 0 */
	PART_NTH_1,					/* from 1 */
	PART_LITERAL
} Part;

/* Which day of the range a part is of. */
typedef enum Edge
{
	EDGE_LOWER,
	EDGE_LAST,
	EDGE_UPPER
} Edge;

typedef struct Reading
{
	Part		part;
	Edge		edge;
} Reading;

typedef struct Token
{
	char	   *text;
	Reading		ways[(PART_LITERAL + 1) * 3];
	int			nways;
} Token;

/* One range, ready to be named. */
typedef struct Subject
{
	const char *name;			/* of a sibling */
	GridTime	edges[3];
	int64		lower;
	int64		upper;
} Subject;

typedef struct Pattern
{
	const PartitionGrid *grid;
	Token		tokens[TOKENS_MAX];
	int			ntokens;
	int			way[TOKENS_MAX];
} Pattern;

/* ---- ranges ---- */

static Subject
subject_of(const PartitionGrid *grid, const char *name, Datum lower, Datum upper)
{
	Subject		s = {.name = name};
	int			day;

	if (grid->unit == GRID_NUMBERS)
	{
		s.lower = partition_grid_number(grid, lower);
		s.upper = partition_grid_number(grid, upper);
		return s;
	}
	s.edges[EDGE_LOWER] = partition_grid_time(grid, lower);
	s.edges[EDGE_UPPER] = s.edges[EDGE_LAST] = partition_grid_time(grid, upper);
	day = date2j(s.edges[EDGE_UPPER].year, s.edges[EDGE_UPPER].month, s.edges[EDGE_UPPER].day);
	j2date(day - 1, &s.edges[EDGE_LAST].year, &s.edges[EDGE_LAST].month, &s.edges[EDGE_LAST].day);
	return s;
}

static char *
cased(const char *word, int len, bool first, bool all)
{
	char	   *text = pnstrdup(word, len);

	for (int i = 0; text[i] != '\0'; i++)
		text[i] = all || (first && i == 0) ? pg_toupper((unsigned char) text[i]) :
			pg_tolower((unsigned char) text[i]);
	return text;
}

static char *
part_of_time(Part part, const GridTime *t)
{
	const char *month = t->month > 0 ? months[t->month - 1] : "";
	static const char *const full[] = {
		"January", "February", "March", "April", "May", "June", "July",
		"August", "September", "October", "November", "December"
	};
	const char *whole = t->month > 0 ? full[t->month - 1] : "";

	switch (part)
	{
		case PART_YYYYMMDDHHMI:
			return psprintf("%04d%02d%02d%02d%02d", t->year, t->month, t->day, t->hour, t->minute);
		case PART_YYYYMMDDHH:
			return psprintf("%04d%02d%02d%02d", t->year, t->month, t->day, t->hour);
		case PART_YYYYMMDD:
			return psprintf("%04d%02d%02d", t->year, t->month, t->day);
		case PART_YYYYMM:
			return psprintf("%04d%02d", t->year, t->month);
		case PART_YYMMDD:
			return psprintf("%02d%02d%02d", t->year % 100, t->month, t->day);
		case PART_YYYY:
			return psprintf("%04d", t->year);
		case PART_YYMM:
			return psprintf("%02d%02d", t->year % 100, t->month);
		case PART_MM:
			return psprintf("%02d", t->month);
		case PART_DD:
			return psprintf("%02d", t->day);
		case PART_HH:
			return psprintf("%02d", t->hour);
		case PART_MI:
			return psprintf("%02d", t->minute);
		case PART_IYYY:
			return psprintf("%04d", date2isoyear(t->year, t->month, t->day));
		case PART_IW:
			return psprintf("%02d", date2isoweek(t->year, t->month, t->day));
		case PART_YY:
			return psprintf("%02d", t->year % 100);
		case PART_DDD:
			return psprintf("%03d", date2j(t->year, t->month, t->day) - date2j(t->year, 1, 1) + 1);
		case PART_Q:
			return psprintf("%d", (t->month - 1) / 3 + 1);
		case PART_MONTH_NUMBER:
			return psprintf("%d", t->month);
		case PART_mon:
			return cased(month, 3, false, false);
		case PART_Mon:
			return cased(month, 3, true, false);
		case PART_MON:
			return cased(month, 3, false, true);
		case PART_month:
			return cased(whole, 9, false, false);
		case PART_Month:
			return cased(whole, 9, true, false);
		case PART_MONTH:
			return cased(whole, 9, false, true);
		default:
			return pstrdup("");
	}
}

/* A part of a number's range; as many digits as the token has where that
 * begins with a zero. */
static char *
part_of_number(Part part, const PartitionGrid *grid, const Subject *s, const char *like)
{
	int64		n = s->lower;
	int			width = like[0] == '0' ? (int) strlen(like) : 1;

	if (part == PART_UPPER)
		n = s->upper;
	else if (part == PART_LAST)
		n = s->upper - 1;
	else if (part == PART_NTH || part == PART_NTH_1)
		n = s->lower / grid->width + (part == PART_NTH_1);
	if (n < 0)
		return psprintf("m%0*lld", width, (long long) -n);
	return psprintf("%0*lld", width, (long long) n);
}

static char *
say_token(const PartitionGrid *grid, const Token *token, int way, const Subject *s)
{
	const Reading *r = &token->ways[way];

	if (r->part == PART_LITERAL)
		return token->text;
	if (grid->unit == GRID_NUMBERS)
		return part_of_number(r->part, grid, s, token->text);
	return part_of_time(r->part, &s->edges[r->edge]);
}

static char *
say_name(const Pattern *p, const Subject *s)
{
	StringInfoData buf;

	initStringInfo(&buf);
	for (int i = 0; i < p->ntokens; i++)
		appendStringInfoString(&buf, say_token(p->grid, &p->tokens[i], p->way[i], s));
	return buf.data;
}

/* What kind of character; tokens are runs of one. */
static int
kind_of(unsigned char c)
{
	return isdigit(c) ? 1 : isalpha(c) || IS_HIGHBIT_SET(c) ? 2 : 3;
}

/* Take the newest sibling's name apart; false when it has too many parts. */
static bool
take_apart(Pattern *p, const Subject *newest)
{
	const char *at = newest->name;

	while (*at != '\0')
	{
		Token	   *token = &p->tokens[p->ntokens];
		int			kind = kind_of((unsigned char) *at);
		int			len = 0;
		Part		first = p->grid->unit == GRID_NUMBERS ? PART_LOWER : PART_YYYYMMDDHHMI;
		Part		last = p->grid->unit == GRID_NUMBERS ? PART_NTH_1 : PART_MONTH;

		if (p->ntokens == TOKENS_MAX)
			return false;
		while (at[len] != '\0' && kind_of((unsigned char) at[len]) == kind)
			len++;
		token->text = pnstrdup(at, len);
		for (int edge = EDGE_LOWER; kind != 3 && edge <= EDGE_UPPER; edge++)
			for (int part = first; part <= (int) last; part++)
			{
				Reading    *r = &token->ways[token->nways];

				if (edge > EDGE_LOWER && p->grid->unit == GRID_NUMBERS)
					break;
				r->part = (Part) part;
				r->edge = (Edge) edge;
				if (strcmp(say_token(p->grid, token, token->nways, newest), token->text) == 0)
					token->nways++;
			}
		token->ways[token->nways].part = PART_LITERAL;
		token->ways[token->nways++].edge = EDGE_LOWER;
		p->ntokens++;
		at += len;
	}
	return true;
}

/* How well does the reading at hand explain the siblings' names? 0: not at
 * all. No part twice, and more of the name from the bound, is better. */
static int
judge(const Pattern *p, const Subject *subjects, int n)
{
	uint64		seen = 0;
	int			said = 0;
	bool		twice = false;
	int			explained = 0;

	for (int i = 0; i < p->ntokens; i++)
	{
		const Reading *r = &p->tokens[i].ways[p->way[i]];
		uint64		bit = UINT64CONST(1) << r->part;

		if (r->part == PART_LITERAL)
			continue;
		said++;
		twice |= (seen & bit) != 0 && r->edge == EDGE_LOWER;
		seen |= bit;
	}
	if (said == 0)
		return 0;
	for (int i = 0; i < n; i++)
		explained += strcmp(say_name(p, &subjects[i]), subjects[i].name) == 0;
	if (explained < Min(n, 2))
		return 0;
	return explained * 100 + (twice ? 0 : 50) + said;
}

/* The next way to read all tokens; false after the last. */
static bool
next_reading(Pattern *p)
{
	for (int i = p->ntokens - 1; i >= 0; i--)
	{
		if (++p->way[i] < p->tokens[i].nways)
			return true;
		p->way[i] = 0;
	}
	return false;
}

/* Learn how the siblings are named. The first subject is the newest. */
static bool
learn(Pattern *p, const Subject *subjects, int n)
{
	int			best[TOKENS_MAX] = {0};
	int			score = 0;
	int			tries = 0;
	MemoryContext cxt;
	MemoryContext old;

	if (n == 0 || !take_apart(p, &subjects[0]))
		return false;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal names", ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	do
	{
		int			here = judge(p, subjects, n);

		CHECK_FOR_INTERRUPTS();
		if (here > score)
		{
			score = here;
			memcpy(best, p->way, sizeof(best));
		}
		MemoryContextReset(cxt);
	} while (next_reading(p) && ++tries < READINGS_MAX);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	memcpy(p->way, best, sizeof(best));
	return score > 0;
}

/* Where nothing is learnt: the parent's name and the bound. */
static char *
plain_range(const PartitionLevel *level, const PartitionGrid *grid, const Subject *s)
{
	char	   *parent = get_rel_name(level->relid);
	const GridTime *t = &s->edges[EDGE_LOWER];

	if (grid->unit == GRID_NUMBERS)
		return psprintf("%s_%s", parent, part_of_number(PART_LOWER, grid, s, ""));
	if (grid->unit == GRID_MONTHS && grid->day == 1)
		return psprintf("%s_%04d_%02d", parent, t->year, t->month);
	if (grid->unit == GRID_MICROSECONDS)
		return psprintf("%s_%s", parent, part_of_time(PART_YYYYMMDDHHMI, t));
	return psprintf("%s_%04d_%02d_%02d", parent, t->year, t->month, t->day);
}

/* See the header. */
char *
partition_names_range(const PartitionLevel *level, const PartitionGrid *grid,
					  Datum lower, Datum upper)
{
	Subject		subjects[SIBLINGS_MAX];
	int			n = 0;
	Subject		fresh = subject_of(grid, NULL, lower, upper);
	Pattern    *p = palloc0(sizeof(Pattern));
	char	   *name;

	p->grid = grid;
	for (int i = level->nranges - 1; i >= 0 && n < SIBLINGS_MAX; i--)
	{
		const LevelRange *range = &level->ranges[i];
		char	   *sibling = get_rel_name(range->relid);

		if (sibling != NULL && !range->from_min && !range->to_max)
			subjects[n++] = subject_of(grid, sibling, range->lower, range->upper);
	}
	if (n == 0 || !learn(p, subjects, n))
		return plain_range(level, grid, &fresh);
	name = say_name(p, &fresh);
	/* a name that does not tell two ranges apart is none */
	return strcmp(name, subjects[0].name) == 0 ? plain_range(level, grid, &fresh) : name;
}

/* ---- lists ---- */

/* The ways in which a value may stand in a name. */
static char *
value_as(const char *value, int way)
{
	char	   *text = pstrdup(value);

	for (int i = 0; text[i] != '\0'; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (way % 3 == 1)
			text[i] = pg_tolower(c);
		else if (way % 3 == 2)
			text[i] = pg_toupper(c);
		if (way >= 3 && !isalnum(c) && !IS_HIGHBIT_SET(c))
			text[i] = '_';
	}
	return text;
}

#define VALUE_WAYS 6

/* The one value of a partition as text, NULL when it has more or a null. */
static char *
only_value(const PartitionLevel *level, int at)
{
	const LevelValue *value = &level->values[at];

	if (value->isnull)
		return NULL;
	for (int i = 0; i < level->nvalues; i++)
		if (i != at && level->values[i].relid == value->relid)
			return NULL;
	return partition_level_text(level, value->value);
}

/* How many of the siblings' names are before, their value, after? */
static int
count_named(char *const *names, char *const *values, int n, const char *before, int len,
			const char *after, int way)
{
	int			count = 0;

	for (int i = 0; i < n; i++)
		count += strcmp(names[i], psprintf("%.*s%s%s", len, before, value_as(values[i], way),
										   after)) == 0;
	return count;
}

/* See the header. */
char *
partition_names_value(const PartitionLevel *level, const char *value)
{
	char	   *names[SIBLINGS_MAX];
	char	   *values[SIBLINGS_MAX];
	int			n = 0;
	int			best = 0;
	const char *shown = value ? value : "null";
	char	   *name = psprintf("%s_%s", get_rel_name(level->relid), value_as(shown, 4));

	for (int i = 0; i < level->nvalues && n < SIBLINGS_MAX; i++)
	{
		values[n] = only_value(level, i);
		names[n] = get_rel_name(level->values[i].relid);
		n += values[n] != NULL && names[n] != NULL && values[n][0] != '\0';
	}
	for (int i = 0; i < n; i++)
		for (int way = 0; way < VALUE_WAYS; way++)
		{
			char	   *said = value_as(values[i], way);
			char	   *at = strstr(names[i], said);
			int			count;

			/* the last place: a short value may stand in the table's name */
			for (char *next = at; next != NULL; next = strstr(next + 1, said))
				at = next;
			if (at == NULL)
				continue;
			count = count_named(names, values, n, names[i], (int) (at - names[i]),
								at + strlen(said), way);
			if (count <= best)
				continue;
			best = count;
			/* nothing but letters, digits and _ goes into a name unasked */
			name = psprintf("%.*s%s%s", (int) (at - names[i]), names[i],
							value_as(shown, way % 3 + 3), at + strlen(said));
		}
	return name;
}

/* ---- names that may be had ---- */

bool
partition_names_taken(const char *name, Oid schema)
{
	/* a table's row type has its name as well */
	return OidIsValid(get_relname_relid(name, schema)) ||
		SearchSysCacheExists2(TYPENAMENSP, CStringGetDatum(name), ObjectIdGetDatum(schema));
}

/* As many bytes as a name may have; what is cut is told by a hash. */
static char *
fitting(const char *name, const char *end)
{
	int			room = NAMEDATALEN - 1 - (int) strlen(end);
	int			len = (int) strlen(name);

	if (len <= room)
		return psprintf("%s%s", name, end);
	room -= 9;
	return psprintf("%.*s_%.8s%s", pg_mbcliplen(name, len, room), name, canon_sha256(name), end);
}

/* See the header. */
char *
partition_names_free(const char *name, Oid schema, const List *taken)
{
	for (int i = 1; i <= NUMBERS_MAX; i++)
	{
		char	   *candidate = fitting(name, i == 1 ? "" : psprintf("_%d", i));
		bool		used = partition_names_taken(candidate, schema);
		const ListCell *lc;

		foreach(lc, taken)
			used |= strcmp(lfirst(lc), candidate) == 0;
		if (!used)
			return candidate;
	}
	return NULL;
}
