/*
 * overflow.h
 *	  New keys of a table that is near PostgreSQL's limit of columns.
 *
 * A table has 1600 columns at most, and those that were dropped count for ever.
 * The last of them are left to people: keys that would go beyond share one
 * column of type jsonb instead (overflow_to_jsonb, mapping.h). Keys within the
 * room get columns of their own.
 */
#ifndef SELFHEAL_OVERFLOW_H
#define SELFHEAL_OVERFLOW_H

#include "postgres.h"

#include "decide/remedy.h"

/* Columns below PostgreSQL's limit that are left to people; the one that new
 * keys share is one of them, and is approved by one. */
#define OVERFLOW_COLUMNS_KEPT 100

/* How many columns may still be added to the table and to those below it, which
 * get them too. Below 1: none. */
extern int	overflow_room(Oid relid);

/*
 * What becomes of new keys for which there is no room: the first such remedy
 * gets the one column and its mapping, the others are settled by its step. A
 * key of which the team has said that it is to have a column stays as it is,
 * and so do all where even one column more is too many. In the current context.
 */
extern void overflow_share(const Diagnosis *d, List *remedies);

/* Is it the remedy that brings the shared column, or its mapping? */
extern bool overflow_takes(const Remedy *r);

#endif							/* SELFHEAL_OVERFLOW_H */
