/*
 * blame.h
 *	  Can a column of this type be why a statement failed so?
 *
 * For values that are not known: the error's SQLSTATE, and what its message
 * says in every language, rule out most columns.
 */
#ifndef SELFHEAL_BLAME_H
#define SELFHEAL_BLAME_H

#include "postgres.h"

#include "base/failures.h"
#include "read/fit.h"

/* Does the input of, or the coercion into, such a type raise this SQLSTATE? */
extern bool blame_type(int sqlstate, Oid type, int32 typmod);

/* The same for the coercion from another type (InvalidOid: of text). */
extern bool blame_coercion(int sqlstate, Oid from, int32 fromtypmod, Oid type, int32 typmod);

/* Does the message name no type at all that could be told? Where it names one,
 * a column of another is not to blame. */
extern bool blame_silent(const Failure *failure);

/* Do message or detail name this type and no other? BLAME_SILENT: they name
 * none that can be told without reading. */
typedef enum BlameWord
{
	BLAME_SILENT,
	BLAME_NAMED
} BlameWord;
extern BlameWord blame_word(const Failure *failure, Oid type, int32 typmod);

/* May a value with a misfit of this class have raised it? */
extern bool blame_class(int sqlstate, FitClass class);

/* The class of a value of such a type that is not known. */
extern FitClass blame_unknown(const Failure *failure, Oid type, int32 typmod);

#endif							/* SELFHEAL_BLAME_H */
