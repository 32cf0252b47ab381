/*
 * behind.h
 *	  The table that stands behind the name which a statement writes.
 *
 * What is healed is a partition's root and a view's base table, and a column
 * of a view may have another name there.
 */
#ifndef SELFHEAL_BEHIND_H
#define SELFHEAL_BEHIND_H

#include "postgres.h"

typedef struct Behind
{
	Oid			relid;			/* InvalidOid: no table of ours to heal */
	bool		intake;			/* the name is an intake view */
	bool		elsewhere;		/* triggers or rules in its place may write
								 * somewhere else */
	int			natts;
	char	  **columns;		/* by number of the named relation's column
								 * from 1: name in relid, or NULL */
} Behind;

/* Look at a relation; needs no privilege. */
extern Behind *behind_name(Oid named);

/* Has it rules that write something else, or more? */
extern bool behind_rules(Oid named);

/* The table that is healed for this one: its root, or itself. */
extern Oid	behind_root(Oid relid);

/* The relation that an error's fields name, or InvalidOid. Asks for no
 * privilege. */
extern Oid	behind_fields(const char *schema, const char *table);

#endif							/* SELFHEAL_BEHIND_H */
