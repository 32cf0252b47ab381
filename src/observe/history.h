/*
 * history.h
 *	  What was done to watched tables goes when it is old.
 */
#ifndef SELFHEAL_HISTORY_H
#define SELFHEAL_HISTORY_H

#include "postgres.h"

/*
 * Remove a little of what is older than selfheal.schema_retention, or more than
 * HISTORY_MOST of one table: versions (selfheal.schema_snapshot), and commands
 * (selfheal.ddl) that no version names. What stays, however old: a table's
 * newest version; the one that expect() names, and those after it, by which its
 * columns' names are followed; all since a day before an incident of the table
 * was seen first that is open; commands that the worker has yet to answer. What
 * stays, however many: the version that expect() names. True: there is more.
 * SPI is open. Looks once an hour in a process, and when the setting has
 * changed: what stays is not passed over in no time.
 */
extern bool history_remove(void);

/* Versions of one table, and commands, that are kept at most. */
#define HISTORY_MOST 1000

#endif							/* SELFHEAL_HISTORY_H */
