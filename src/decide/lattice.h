/*
 * lattice.h
 *	  Which built-in types a plan may name, and which change of type is a
 *	  widening.
 *
 * A widening is a change under which every value that the column can hold
 * keeps its value: more characters, more digits, more range of the same
 * family. Everything else is refused here, each with its reason, and nothing
 * is decided from the form of a statement.
 */
#ifndef SELFHEAL_LATTICE_H
#define SELFHEAL_LATTICE_H

#include "postgres.h"

#include "nodes/parsenodes.h"

typedef enum Widening
{
	WIDENING_REFUSED,			/* not a widening: *why says what it is */
	WIDENING_SAME,				/* the very same type */
	WIDENING_CATALOG,			/* stored alike: the heap is not touched */
	WIDENING_REWRITE			/* stored otherwise: the heap is rewritten */
} Widening;

/* What a change of type is. *why is set (current context) when refused. */
extern Widening lattice_widening(Oid from, int32 from_mod, Oid to, int32 to_mod,
								 char **why);

/*
 * May a column be converted so: into another family, by a cast of PostgreSQL's
 * own that takes every value and from which each can be read again? It is text
 * that can say them all; a character(n) may also become varchar(n) or wider.
 * *why is set (current context) when not.
 */
extern bool lattice_conversion(Oid from, int32 from_mod, Oid to, int32 to_mod, char **why);

/* NULL when a new column may have this type, else the reason why not. */
extern char *lattice_refuses_new(Oid type, int32 typmod);

/*
 * Resolve a type name of the raw parser. Only built-in base types are found;
 * anything else raises 22023 (42704 when there is no such type at all). No
 * code of a user-defined type is called.
 */
extern void lattice_resolve(const TypeName *name, Oid *type, int32 *typmod);

/* The same for the text of a type, as in a plan's JSON. */
extern void lattice_parse(const char *text, Oid *type, int32 *typmod);

/* The name for people: "character varying(64)". */
extern char *lattice_name(Oid type, int32 typmod);

/* numeric(p,s) and its typmod. False: numeric without limits. */
extern bool lattice_numeric(int32 typmod, int *precision, int *scale);
extern int32 lattice_numeric_typmod(int precision, int scale);

/* Digits of a second that a time type keeps; none given means six, the most
 * there is. */
extern int	lattice_second_digits(Oid type, int32 typmod);

#endif							/* SELFHEAL_LATTICE_H */
