/*
 * given.h
 *	  The values that a failed statement was given: literals and parameters.
 */
#ifndef SELFHEAL_GIVEN_H
#define SELFHEAL_GIVEN_H

#include "postgres.h"

#include "base/failures.h"
#include "nodes/primnodes.h"

/* A value as JSON: numbers and booleans as such, json as it is. NULL: a json
 * that is none. */
extern char *given_json(const char *text, bool isnull, Oid type);

/* A raw literal or parameter as text; false: it is none. */
extern bool given_literal(Node *value, const Failure *failure, char **text, bool *isnull,
						  Oid *type);

/* Text of a bound parameter, from 1. False: not known. */
extern bool given_param(const Failure *failure, int number, char **text, bool *isnull,
						Oid *type);

/* Is this one of the parameters of which we have the value, and that as a
 * constant. Throws for bytes that are no value of its type. */
extern bool given_known(const Failure *failure, int number);
extern Const *given_const(const Failure *failure, int number);

/*
 * Evaluate an expression that has nothing but constants and their coercions.
 * The text of the result is in cxt, dates and times in ISO form. Throws what
 * the coercions throw.
 */
extern void given_evaluate(Node *expr, MemoryContext cxt, char **text, bool *isnull);

#endif							/* SELFHEAL_GIVEN_H */
