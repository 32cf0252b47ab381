/*
 * publisher.h
 *	  What the other side of a subscription publishes.
 */
#ifndef SELFHEAL_PUBLISHER_H
#define SELFHEAL_PUBLISHER_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* A column of a published table; for an enum one entry per label. */
typedef struct PublishedColumn
{
	char	   *schema;
	char	   *table;
	char	   *name;
	char	   *type;			/* format_type() there, with an empty
								 * search_path */
	char	   *label;			/* or NULL */
	bool		notnull;
	int			key;			/* its place in the primary key, else in the
								 * index of the replica identity, from 1; 0:
								 * it is in none */
	int			nkey;			/* columns of that key */
	bool		full;			/* the table's replica identity is FULL */
} PublishedColumn;

/*
 * Ask the publisher, by the subscription's own connection string, which columns
 * these publications (char *) carry; in the current context. NIL with *error
 * (its words, without the string) when it could not be asked within
 * selfheal.publisher_timeout. must_use_password: the subscription's owner is
 * no superuser, and the server's own identity is not his to connect with.
 * Must be called without a transaction: it waits for the network.
 */
extern List *publisher_columns(const char *conninfo, const List *publications,
							   bool must_use_password, char **error);

#endif							/* SELFHEAL_PUBLISHER_H */
