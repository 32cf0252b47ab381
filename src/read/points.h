/*
 * points.h
 *	  Positions in declared notations, made into a point: (x,y).
 *
 *	{"form": "array"|"object"|"text"|"dms", "order": "xy"|"yx"|"letters",
 *	 "x": key, "y": key, "geographic": false}
 *
 * form		array	[13.4, 52.5]
 *			object	{"lon": 13.4, "lat": 52.5}: the two keys that x and y name
 *					and no other, which would be lost
 *			text	"52.5, 13.4": two numbers, a comma, semicolon, slash or
 *					blanks between them, perhaps in parentheses or brackets
 *			dms		"52°31'12"N 13°24'18"E": degrees, minutes and seconds, or
 *					only the first of them, as whole numbers but for the last
 * order	xy: longitude first; yx: latitude first. Of an object the keys say
 *			it; of dms N, S, E and W behind (or before) the numbers may:
 *			"letters", which is what dms does when it is not said. Never
 *			assumed for the others.
 * geographic  true: x lies within 180 degrees and y within 90, else the value is
 *			left. dms is always so.
 *
 * Numbers are kept digit by digit; one that a double precision would change is
 * left. Degrees are computed exactly and rounded once, to the nearest double.
 */
#ifndef SELFHEAL_POINTS_H
#define SELFHEAL_POINTS_H

#include "postgres.h"

#include "read/transformspec.h"

typedef struct Points Points;

/* In cxt; NULL with a fault. */
extern Points *points_make(const PointSpec *spec, Oid basetype,
						   MemoryContext cxt, TransformFault *fault);

/* What is not said, spelled out. */
extern void points_canonical(PointSpec *spec);

/* As transform_apply. */
extern bool points_read(Points *t, JsonKind kind, const char *val, int len,
						const char **out, int *outlen);

/* The two numbers of a value in the order of its text (of an object: x, y),
 * whatever "order" says, and whether letters name them. */
extern bool points_pair(const Points *t, JsonKind kind, const char *val,
						int len, double pair[2], bool *letters);

/* The two keys of an object that holds two numbers and nothing else. */
extern bool points_keys(const char *val, int len, const char *keys[2],
						int lens[2]);

/*
 * pointproof.c: what a list of values proves: the form; the order by keys or
 * letters, or by a number beyond 90 where all are positions on earth with some
 * precision. True and *why_not: the order is open (POINT_OPEN) and a person
 * must say it. In the current context.
 */
extern bool points_infer(const TransformSample *samples, int n, Oid basetype,
						 PointSpec *spec, char **why_not);

#endif							/* SELFHEAL_POINTS_H */
