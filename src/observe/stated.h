/*
 * stated.h
 *	  What a plain statement that failed leaves: a row of selfheal.error, and
 *	  its own row as a witness (witness.h).
 *
 * However many like it fail, an incident gets WITNESSES_MAX of them, and the
 * rest is a count. What only its client can mend is noted, once an hour for
 * each class, column, constraint and role, and opens no incident.
 */
#ifndef SELFHEAL_STATED_H
#define SELFHEAL_STATED_H

#include "postgres.h"

#include "base/failures.h"
#include "observe/store.h"
#include "read/fit.h"

typedef struct Stated
{
	const Failure *failure;
	Oid			relid;
	const Misfit *misfit;		/* class, column and need */
	const char *constraint;		/* or NULL */
	const char *payload;		/* the row, as a JSON object; NULL: unknown */
	Witness		witness;		/* what the payload is; WITNESS_NONE: a row
								 * that is to be stored */
	const char *candidates;		/* a JSON array, or NULL */
	const char *opaque;			/* why the row is not all known, or NULL */
	bool		noted;			/* it opens no incident */
} Stated;

/*
 * Write it down, or count it with what is like it, in the current transaction.
 * Returns the id of the row of selfheal.error.
 */
extern int64 stated_write(const Stated *stated);

/* So many more like that, the last at this time. */
extern void stated_count(int64 error, int64 rows, TimestampTz at);

/* Remove what was noted before this time, some of it, and witnesses from
 * before it or of incidents that are dismissed. True: more is left. SPI is
 * open. */
extern bool stated_remove(TimestampTz before);

#endif							/* SELFHEAL_STATED_H */
