/*
 * hint.h
 *	  What the team has said about a key of a table: which type its column is
 *	  to have, that it is to be left out, that it goes to another column, or
 *	  what rows get that lack it.
 *
 * The team's word comes before whatever is inferred from values. It is read
 * anew whenever a table's shape is built, so it counts for loads, dry runs,
 * replays and diagnoses alike, from the commit of hint() on.
 */
#ifndef SELFHEAL_HINT_H
#define SELFHEAL_HINT_H

#include "postgres.h"

#include "read/fit.h"
#include "nodes/pg_list.h"

/* Exactly one of type, ignored, rename_to and default_value is set. */
typedef struct Hint
{
	char	   *key;
	char	   *type;			/* as format_type gives it */
	bool		ignored;
	char	   *rename_to;		/* a column, which may be gone by now */
	char	   *default_value;	/* for rows without the key, once the column's
								 * default is set to it */
} Hint;

/* Hints of a table (Hint *), in the current context; NIL for most tables,
 * at the price of one index look-up. In a transaction; needs no privilege. */
extern List *hint_list(Oid relid);

/* The hint about this key, or NULL. */
extern const Hint *hint_find(const List *hints, const char *key);

/* Tell the shape of a table, or of a clone of it, what was said of the
 * table's keys: it counts before the table's contract. A key whose column is
 * gone stays unknown. */
extern void hint_apply(const List *hints, Shape *shape);

/*
 * Say it, in place of what was said of the key before; one of type, ignored,
 * rename_to and default_value. The table is watched. Like hint_unset it leaves word for the
 * worker (watched.rethink): what waits may not have to wait any more.
 */
extern void hint_set(Oid relid, const Hint *hint, const char *by);

/* Take it back; false when nothing was said. */
extern bool hint_unset(Oid relid, const char *key);

/*
 * Leave word for the worker that the team has said something of a watched
 * table: hints do, and whatever else makes it look again. Inside spi_open.
 */
extern void hint_leave_word(Oid relid);

/* Tables (Oid) of which something was said since the last call. In the current
 * transaction; tables that an open one of a person holds are left for later. */
extern List *hint_changed(void);

#endif							/* SELFHEAL_HINT_H */
