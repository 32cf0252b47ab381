/*
 * inlist.h
 *	  CHECK (column IN (...)), read from PostgreSQL's own tree of it.
 *
 * Such a list is an enum that was written as a rule. Nothing but a column of
 * type text, varchar or an integer, equal to one of a list of constants, is
 * understood: all else is a rule of the business.
 */
#ifndef SELFHEAL_INLIST_H
#define SELFHEAL_INLIST_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/pg_list.h"

typedef struct InList
{
	Oid			constraint;
	AttrNumber	attnum;
	Oid			type;			/* of the column */
	List	   *values;			/* char *, in their order; integers as text */
	bool		valid;			/* no stored row breaks it */
	bool		no_inherit;
	bool		of_parent;
} InList;

/* text and varchar; smallint, integer and bigint. */
extern bool inlist_is_word(Oid type);
extern bool inlist_is_integer(Oid type);

/* The enforced lists of a table (InList *): those by this name (NULL: any) and
 * of this column (0: any). In the current context. */
extern List *inlist_all(Oid relid, const char *name, AttrNumber attnum);

/* Is this text among the values (char *)? */
extern bool inlist_has(const List *values, const char *value);

#endif							/* SELFHEAL_INLIST_H */
