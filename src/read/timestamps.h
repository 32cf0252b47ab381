/*
 * timestamps.h
 *	  Texts in declared notations, made into ISO 8601 for a column's type.
 *
 *	{"formats": [...], "zone": name, "century": year}
 *
 * formats	one or several (timeformat.h). A value that two of them read in two
 *			ways is torn, so that their order does not matter. So is one that
 *			begins with day and month as numbers, and is of no format, where a
 *			format says which comes first: not DateStyle is to say it then.
 * zone		a name of the time zone database ("Europe/Berlin").
 *			timestamptz: where values without a zone were written; an hour that
 *			the zone skips or has twice is torn. Not said: the zone of the
 *			session that stores them decides, as for any such value.
 *			timestamp, date: whose wall clock an instant (unix, TZ) is shown by.
 *			Without it such formats are refused: the column would drop the zone.
 * century	what YY is added to; YY is refused without it.
 *
 * A date column takes a time of day only if it is midnight, a time column takes
 * no date and no zone, and nothing is rounded.
 */
#ifndef SELFHEAL_TIMESTAMPS_H
#define SELFHEAL_TIMESTAMPS_H

#include "postgres.h"

#include "read/timeformat.h"
#include "read/transformspec.h"

typedef struct Timestamps Timestamps;

/* In cxt; NULL with a fault. */
extern Timestamps *timestamps_make(const TimestampSpec *spec, Oid basetype,
								   MemoryContext cxt, TransformFault *fault);

/* The spec in one spelling: formats and zone. In the current context. */
extern void timestamps_canonical(const Timestamps *t, TimestampSpec *spec);

/* As transform_apply; but true also when the text was ISO 8601 already. False
 * and *torn: which instant or day it is stays open. */
extern bool timestamps_read(Timestamps *t, JsonKind kind, const char *val,
							int len, const char **out, int *outlen, bool *torn);

/* timeproof.c: what a list of values proves. Zone_open: the formats are proven
 * but whose clock it is must be said by a person. */
extern bool timestamps_infer(const TransformSample *samples, int n,
							 Oid basetype, TimestampSpec *spec,
							 bool *zone_open, char **why_not);

#endif							/* SELFHEAL_TIMESTAMPS_H */
