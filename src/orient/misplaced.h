/*
 * misplaced.h
 *	  Failures of a statement that are about its columns, not about a value.
 *
 * A column that is not there, more or fewer expressions than columns, a value
 * for what the database computes, a sequence that is used up. Private to
 * locate.c and its rooms.
 */
#ifndef SELFHEAL_MISPLACED_H
#define SELFHEAL_MISPLACED_H

#include "postgres.h"

#include "orient/suspects.h"

/* Find the suspects where the SQLSTATE is one of these; false: it is none. */
extern bool misplaced_find(Scene *scene);

/* COPY: what its CONTEXT names. False: the context is of no COPY of this
 * statement's table. */
extern bool misplaced_copy(Scene *scene);

/* Names of a relation's columns (char *), in order. */
extern List *misplaced_columns(Oid relid);

#endif							/* SELFHEAL_MISPLACED_H */
