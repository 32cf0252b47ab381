/*
 * refused.h
 *	  What inserts have refused held rows for.
 *
 * A constraint, a missing partition, a trigger: nothing in the payload shows
 * it, and only the error that PostgreSQL raised says what it was.
 */
#ifndef SELFHEAL_REFUSED_H
#define SELFHEAL_REFUSED_H

#include "postgres.h"

#include "read/fit.h"
#include "nodes/pg_list.h"

typedef struct Refused
{
	int64		incident;
	FitClass	class;
	char	   *column;			/* as the incident has it, or NULL */
	int			sqlstate;
	char	   *schema;			/* of the table that the error is of: a
								 * partition or another table may be; or NULL */
	char	   *table;
	char	   *constraint;		/* or NULL */
	char	   *datatype;		/* of a domain's constraint, or NULL */
	char	   *message;		/* of the newest */
	char	   *detail;			/* of the newest, or NULL */
	char	   *need;			/* found by a subscription's apply worker: the
								 * type that the publisher has, or the label;
								 * else NULL */
	bool		foreseen;		/* no row has met it yet (foresee.h), or the
								 * statement's that has is not known */
	int			longest;		/* characters that a statement's value has at
								 * most, which is not known else; 0: nobody
								 * knows */
	int64		seen;			/* rows that showed it, held or not */
	const struct Brought *brought;	/* check: what held rows brought
									 * (brought.h), or NULL */
} Refused;

/*
 * The different errors of the table's live incidents that are of a class which
 * only inserts find (FIT_UNIQUE and behind), or that a subscription's apply
 * worker has met, or of statements whose row is not known, the newest last; in the current context. At most 1,000.
 */
extern List *refused_read(Oid relid);

/*
 * What PostgreSQL said of the newest rows of an incident, in its words, clipped;
 * of a domain's rule also which columns the domain is the type of, since
 * whoever changes it changes them all. NULL when nothing was said.
 */
extern char *refused_said(int64 incident);

#endif							/* SELFHEAL_REFUSED_H */
