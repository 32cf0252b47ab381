/*
 * shape.h
 *	  What the fit rooms know of a table beside the public Shape.
 *
 * Private to the fit rooms. Everything lives in the shape's context; what changes from row to row hangs under FitWork, so that a
 * const Shape can be handed around.
 */
#ifndef SELFHEAL_SHAPE_H
#define SELFHEAL_SHAPE_H

#include "postgres.h"

#include "read/fit.h"
#include "read/jsontext.h"
#include "read/literal.h"
#include "nodes/pg_list.h"

/* How a type of TYPE_OTHER could change a value without saying so. */
typedef enum OtherKind
{
	OTHER_PLAIN,				/* takes a text as it is, or refuses it */
	OTHER_DATE,					/* drops the time of day */
	OTHER_TIMESTAMP,			/* drops the zone, rounds the second */
	OTHER_TIMESTAMPTZ,			/* rounds the second */
	OTHER_TIME,					/* drops the date and the zone, rounds */
	OTHER_TIMETZ,				/* drops the date, rounds */
	OTHER_INTERVAL,				/* rounds seconds and parts of a year */
	OTHER_FLOATS,				/* geometry: numbers of double precision */
	OTHER_NAME,					/* cuts after 63 bytes */
	OTHER_CHAR,					/* "char": cuts after one byte */
	OTHER_MONEY,				/* rounds to cents */
	OTHER_OID,					/* takes -1 as 4294967295, and from 16 on 010
								 * as eight */
	OTHER_XID,					/* takes whatever begins with a number, 010 as
								 * eight; up to 32 bits */
	OTHER_XID8,					/* the same, up to 64 bits */
	OTHER_TID,					/* takes what stands around the brackets */
	OTHER_REG,					/* a catalog's object: a number in place of
								 * its name is read as an oid's is, and a name
								 * cut after 63 bytes */
	OTHER_REGTYPE				/* the same; drops a modifier */
} OtherKind;

#define LABELS_MAX 32

typedef struct ShapeColumn
{
	int			namelen;
	int			follow;			/* column whose key came next last time */
	bool		constrained;	/* a domain that checks: its input function
								 * has the last word, for nulls as well */
	bool		hinted;			/* see fit_hinted */
	struct MappedValue *transforms; /* of its values, in order (mapped.c) */
	int			strip_nul;		/* mapping that leaves \u0000 out, from 1; 0:
								 * none (nulchars.h) */
	OtherKind	other;

	/*
	 * Of a type that is made of others, their shape, else NULL: one column
	 * for the elements of an array, the bounds of a range and the ranges of a
	 * multirange; one for each attribute of a composite.
	 */
	struct Shape *parts;
	LiteralForm form;
	char		delimiter;		/* between the elements of an array */

	char	   *type_name;		/* made when first needed */

	int16		typlen;			/* of TYPE_OTHER */
	bool		typbyval;

	/* to find out whether a typmod changes a value (see opaque.c) */
	FmgrInfo	base_in;
	Oid			base_ioparam;
	FmgrInfo	equal;			/* fn_oid invalid: bytes decide */

	/* labels of an enum that were seen so far */
	int			nlabels;
	NameData   *labels;
	List	   *stand_ins;		/* char *: a label that is not there, and the
								 * one in its place, in turn */
} ShapeColumn;

typedef struct FitWork
{
	ShapeColumn *cols;			/* by index, as shape->cols */
	FitCell    *cells;
	const JsonDoc *doc;			/* of the row at hand, as it is checked */
	int			first;			/* column whose key came first last time */
	int			nrequired;		/* NOT NULL, no default, not computed, or a
								 * constrained domain without default */
	int		   *required;
	int			fills;			/* fills_nulls(), -1 = not asked yet */
	int			checking;		/* column under check, -1 = none */
	int			checking_field;
	bool	   *threw;			/* by column: its value threw in this row */
	bool	   *left;			/* by column, where it threw: it is left out */
	bool		any_threw;
	char	   *buf;			/* NUL-terminated copy of one value */
	size_t		bufsize;
	JsonText	text;			/* of parts */
	struct NulChars *nuls;		/* NULL: no column has strip_nul */
	MemoryContext row;			/* cells that are not in the document */
	MemoryContext scratch;		/* of one input function call */
} FitWork;

typedef struct FitKeyTable
{
	uint32		mask;
	int		   *slots;			/* column index, -1 = empty */
} FitKeyTable;

/* The declared type in words: "character varying(32)". */
extern const char *shape_type_name(const Shape *shape, int col);

/* A NUL-terminated copy, good until the next call. */
extern char *shape_cstring(const Shape *shape, const char *val, int len);

#endif							/* SELFHEAL_SHAPE_H */
