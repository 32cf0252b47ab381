/*
 * locate.h
 *	  What was a failed statement about: which table, which row, which column?
 *
 * The errors of the main classes name neither table nor column, and those of
 * parse analysis and Bind come before anything is planned. So the statement is
 * parsed once more, its targets are looked up as its session would have, and
 * the row that it wrote is fitted value by value, as a payload is. No value is
 * evaluated: what is neither a literal, a parameter nor a line of COPY is
 * unknown.
 */
#ifndef SELFHEAL_LOCATE_H
#define SELFHEAL_LOCATE_H

#include "postgres.h"

#include "base/failures.h"
#include "nodes/pg_list.h"
#include "read/fit.h"

/* One thing that may be why it failed. */
typedef struct Suspect
{
	Oid			relid;			/* the table that would be healed: a
								 * partition's root, a view's base */
	FitClass	class;
	char	   *column;			/* column or key; NULL: the row */
	char	   *need;			/* what the value would need, or NULL */
	char	   *constraint;		/* that was violated, or NULL */
	char	   *value;			/* the value as text; NULL: unknown */
} Suspect;

typedef struct Located
{
	List	   *targets;		/* Oid: what the statement writes, as named */
	List	   *suspects;		/* Suspect *; the first is the likeliest */
	bool		certain;		/* there is one suspect, and statement and
								 * catalog decide */
	char	   *payload;		/* the row that failed, as a JSON object by
								 * column names, of relid of the first
								 * suspect; NULL: not known */
	bool		whole;			/* payload has every value that the statement
								 * gave, and the statement gave one row */
	const char *opaque;			/* why the payload is not whole, or NULL */
} Located;

/*
 * Locate a failure among this database's tables. In a transaction; what the
 * statement says is parsed, and types' input functions run, as the failure's
 * role in a restricted operation. Result in the current context; never NULL:
 * what is not found is an empty list.
 */
extern Located *locate(const Failure *failure);

#endif							/* SELFHEAL_LOCATE_H */
