/*
 * partition_like.h
 *	  What a new partition takes over from its newest sibling, beside what
 *	  LIKE and ATTACH bring.
 */
#ifndef SELFHEAL_PARTITION_LIKE_H
#define SELFHEAL_PARTITION_LIKE_H

#include "postgres.h"

#include "nodes/pg_list.h"

typedef struct PartitionLikeness
{
	Oid			sibling;		/* InvalidOid: there is none */
	Oid			schema;			/* of it, or of the parent */
	bool		unlogged;
	char	   *storage;		/* " USING heap WITH (fillfactor='70')
								 * TABLESPACE fast", or "" */
	List	   *after;			/* char *: clauses of ALTER TABLE */
	List	   *lacks;			/* char *: what it has and no step of ours
								 * gives, for people */
} PartitionLikeness;

/* By the catalog as it is, in the current context. The default partition is
 * nobody's model where there is another. */
extern PartitionLikeness *partition_like(Oid parent);

/* The tablespace that it is put into, InvalidOid for the database's own. */
extern Oid	partition_like_tablespace(Oid parent);

#endif							/* SELFHEAL_PARTITION_LIKE_H */
