/*
 * pointproof.c
 *	  What a list of positions proves about how to read them.
 *
 * Which of two numbers is the latitude cannot be seen from most pairs, and a
 * swapped position is still a position: nobody would notice. So the order is
 * proven or left open, and never taken from what is usual.
 */
#include "postgres.h"

#include <math.h>

#include "read/points.h"
#include "read/shown.h"
#include "miscadmin.h"

/* Keys that name a coordinate, in pairs that belong together. */
static const struct
{
	const char *x;
	const char *y;
	bool		geographic;
}			known_keys[] = {
	{"lon", "lat", true}, {"lng", "lat", true}, {"long", "lat", true},
	{"longitude", "latitude", true}, {"x", "y", false}
};

static bool
same_key(const char *key, int len, const char *known)
{
	return len == (int) strlen(known) && pg_strncasecmp(key, known, len) == 0;
}

/* The keys of an object as they are spelt, if they are known. */
static bool
find_keys(const TransformSample *s, PointSpec *spec)
{
	const char *keys[2];
	int			lens[2];

	if (!points_keys(s->val, s->len, keys, lens))
		return false;
	for (int i = 0; i < (int) lengthof(known_keys); i++)
		for (int x = 0; x < 2; x++)
			if (same_key(keys[x], lens[x], known_keys[i].x) &&
				same_key(keys[1 - x], lens[1 - x], known_keys[i].y))
			{
				spec->x = pnstrdup(keys[x], lens[x]);
				spec->y = pnstrdup(keys[1 - x], lens[1 - x]);
				spec->geographic = known_keys[i].geographic;
				return true;
			}
	return false;
}

/* The form of the first value that is not null. */
static bool
find_form(const TransformSample *samples, int n, Oid basetype, PointSpec *spec,
		  char **why_not)
{
	const TransformSample *s = samples;
	TransformFault fault;
	double		pair[2];
	bool		letters;
	Points	   *dms;

	while (s < samples + n && s->kind == JSON_NULL)
		s++;
	if (s == samples + n)
	{
		*why_not = pstrdup("there is no value to learn from");
		return false;
	}
	spec->order = POINT_XY;
	switch (s->kind)
	{
		case JSON_ARRAY:
			spec->form = POINT_ARRAY;
			return true;
		case JSON_OBJECT:
			spec->form = POINT_OBJECT;
			spec->order = POINT_OPEN;
			if (find_keys(s, spec))
				return true;
			*why_not = psprintf("value %s is no object of two numbers whose keys name them",
								shown_value(s->val, s->len));
			return false;
		case JSON_STRING:
			spec->form = POINT_DMS;
			dms = points_make(spec, basetype, CurrentMemoryContext, &fault);
			if (dms && !points_pair(dms, s->kind, s->val, s->len, pair, &letters))
				spec->form = POINT_TEXT;
			return true;
		default:
			*why_not = psprintf("value %s is no position", shown_value(s->val, s->len));
			return false;
	}
}

/* What the pairs show, in the order of their texts. */
typedef struct Pairs
{
	int			lettered;
	int			bare;			/* without letters */
	const TransformSample *beyond[2];	/* a sample whose first, second number
										 * is beyond 90 */
	bool		off_earth;		/* beyond 180, or both beyond 90 */
	bool		precise;		/* a number of more than two decimals */
	const TransformSample *not_geographic;	/* in the order x, y */
} Pairs;

static void
note_pair(Pairs *p, const TransformSample *s, const double pair[2], bool letters)
{
	if (letters)
		p->lettered++;
	else
		p->bare++;
	for (int i = 0; i < 2; i++)
	{
		if (fabs(pair[i]) > 90)
			p->beyond[i] = s;
		p->off_earth |= fabs(pair[i]) > 180;
		p->precise |= fabs(pair[i] * 100 - rint(pair[i] * 100)) > 1e-6;
	}
	p->off_earth |= fabs(pair[0]) > 90 && fabs(pair[1]) > 90;
	if (fabs(pair[0]) > 180 || fabs(pair[1]) > 90)
		p->not_geographic = s;
}

static bool
read_pairs(const TransformSample *samples, int n, Oid basetype,
		   const PointSpec *spec, Pairs *pairs, char **why_not)
{
	TransformFault fault;
	Points	   *reader = points_make(spec, basetype, CurrentMemoryContext, &fault);

	if (reader == NULL)
	{
		*why_not = pstrdup(fault.message);
		return false;
	}
	memset(pairs, 0, sizeof(*pairs));
	for (int i = 0; i < n; i++)
	{
		const TransformSample *s = &samples[i];
		double		pair[2];
		bool		letters;

		CHECK_FOR_INTERRUPTS();
		if (s->kind == JSON_NULL)
			continue;
		if (!points_pair(reader, s->kind, s->val, s->len, pair, &letters))
		{
			*why_not = psprintf("value %s is no position in the notation of the others",
								shown_value(s->val, s->len));
			return false;
		}
		note_pair(pairs, s, pair, letters);
	}
	return true;
}

/* The order of pairs that nothing names. */
static void
find_order(const Pairs *p, PointSpec *spec, char **why_not)
{
	bool		x_first = p->beyond[0] != NULL;
	bool		y_first = p->beyond[1] != NULL;

	spec->order = POINT_OPEN;
	if (x_first && y_first && !p->off_earth)
		*why_not = psprintf("values %s and %s cannot be in one order, if they are positions on earth",
							shown_value(p->beyond[0]->val, p->beyond[0]->len),
							shown_value(p->beyond[1]->val, p->beyond[1]->len));
	else if (p->off_earth || !p->precise || x_first == y_first)
		*why_not = pstrdup("no value shows which of its numbers is x (longitude) and which is y (latitude): somebody must say it");
	else
	{
		spec->order = x_first ? POINT_XY : POINT_YX;
		spec->geographic = true;
	}
}

/* See the header. */
bool
points_infer(const TransformSample *samples, int n, Oid basetype,
			 PointSpec *spec, char **why_not)
{
	Pairs		pairs;

	memset(spec, 0, sizeof(*spec));
	if (!find_form(samples, n, basetype, spec, why_not) ||
		!read_pairs(samples, n, basetype, spec, &pairs, why_not))
		return false;
	if (spec->form == POINT_OBJECT)
	{
		if (!spec->geographic || pairs.not_geographic == NULL)
			return true;
		*why_not = psprintf("value %s is no longitude and latitude: its keys may be swapped",
							shown_value(pairs.not_geographic->val, pairs.not_geographic->len));
		return false;
	}
	if (pairs.lettered > 0 && pairs.bare > 0)
	{
		*why_not = pstrdup("some values have letters for north and east and some have none");
		return false;
	}
	if (pairs.lettered > 0)
		spec->order = POINT_LETTERS;
	else
		find_order(&pairs, spec, why_not);
	spec->geographic |= spec->form == POINT_DMS;
	return true;
}
