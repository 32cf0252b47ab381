/*
 * newcolumns.h
 *	  What the rows of an unknown table teach of its columns.
 *
 * All rows that have arrived for a name are read, and a key becomes a column
 * of the type that all its values prove. A key that no column can be named by
 * becomes none, nor does one that has only nulls; nor do those that come when
 * there are very many already.
 */
#ifndef SELFHEAL_NEWCOLUMNS_H
#define SELFHEAL_NEWCOLUMNS_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* The columns that the rows of a name have (NewColumn * of newtable.h), in
 * order of appearance; in the current context. */
extern List *newcolumns_learn(const char *table);

#endif							/* SELFHEAL_NEWCOLUMNS_H */
