/*
 * literal.h
 *	  PostgreSQL's own text of a value that is made of values, part by part.
 *
 * The grammar is the manual's ("Array Input and Output Syntax", "Composite
 * Type Input and Output Syntax", "Range Input"). Nothing is judged here: a
 * text that the type's input function takes is read as that function reads it,
 * and of any other text it is enough that the reading ends.
 */
#ifndef SELFHEAL_LITERAL_H
#define SELFHEAL_LITERAL_H

#include "postgres.h"

#include "lib/stringinfo.h"

typedef enum LiteralForm
{
	LITERAL_ARRAY,				/* {1,"a b",{NULL}}: elements, row by row */
	LITERAL_VECTOR,				/* 1 2 3: of an int2vector or oidvector */
	LITERAL_RECORD,				/* (1,"a b",): fields */
	LITERAL_RANGE,				/* [1,"b"): two bounds; of "empty" none */
	LITERAL_MULTIRANGE			/* {[1,2),empty}: ranges */
} LiteralForm;

typedef enum LiteralPart
{
	LITERAL_VALUE,				/* its text is in val, len */
	LITERAL_NULL,				/* a null; of a range, no bound */
	LITERAL_END,				/* no part is left */
	LITERAL_BROKEN				/* this is no text of this form */
} LiteralPart;

typedef struct Literal
{
	LiteralForm form;
	MemoryContext cxt;
	const char *p;
	const char *end;
	const char *val;			/* of the part that was read: in the text, or,
								 * without its quotes, in cxt */
	int			len;
	char		delimiter;		/* between the elements of an array */
	int			depth;			/* open braces of an array */
	bool		more;			/* another field or bound follows */
} Literal;

/* Start with a text. False: it is no text of this form. */
extern bool literal_start(Literal *l, MemoryContext cxt, LiteralForm form,
						  char delimiter, const char *s, int len);

/* The next part. */
extern LiteralPart literal_next(Literal *l);

/* Write a part in quotes, so that no text can be taken for NULL or for the end
 * of the part. All forms but the vector read it so. */
extern void literal_put(StringInfo out, const char *s, int len);

#endif							/* SELFHEAL_LITERAL_H */
