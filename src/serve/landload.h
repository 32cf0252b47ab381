/*
 * landload.h
 *	  Rows that waited for a table go into it, by the front door.
 */
#ifndef SELFHEAL_LANDLOAD_H
#define SELFHEAL_LANDLOAD_H

#include "postgres.h"

typedef struct LandLoad
{
	char	   *why;			/* what keeps rows waiting, or NULL */
	int64		loaded;
	bool		more;			/* rows were left for the next call */
} LandLoad;

/*
 * Load arrivals of a name into its table, some thousand at most, each as the role
 * that brought it, and remove them; in the current transaction, all or, on an
 * error, none. The table's own code runs. Strings in the current context.
 */
extern LandLoad landload_run(const char *table, Oid relid);

#endif							/* SELFHEAL_LANDLOAD_H */
