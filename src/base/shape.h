/*
 * shape.h
 *	  What the fit rooms know of a table beside the public Shape.
 *
 * Private to shape.c, value.c and fit.c. Everything lives in the shape's
 * context; what changes from row to row hangs under FitWork, so that a
 * const Shape can be handed around.
 */
#ifndef SELFHEAL_SHAPE_H
#define SELFHEAL_SHAPE_H

#include "postgres.h"

#include "base/fit.h"
#include "base/jsontext.h"

/* Types of TYPE_OTHER that would change a value without saying so. */
typedef enum OtherKind
{
	OTHER_PLAIN,				/* takes a text as it is, or refuses it */
	OTHER_DATE,					/* drops the time of day */
	OTHER_TIMESTAMP,			/* drops the zone, rounds the second */
	OTHER_TIMESTAMPTZ,			/* rounds the second */
	OTHER_TIME,					/* drops the date, rounds the second */
	OTHER_TIMES,				/* intervals, arrays and ranges of the above:
								 * round the second */
	OTHER_FLOATS,				/* geometry, arrays of double precision */
	OTHER_REALS,				/* arrays of real */
	OTHER_NAME,					/* cuts after 63 bytes */
	OTHER_CHAR,					/* "char": cuts after one byte */
	OTHER_MONEY,				/* rounds to cents */
	OTHER_OID					/* takes -1 as 4294967295 */
} OtherKind;

#define LABELS_MAX 32

typedef struct ShapeColumn
{
	int			namelen;
	int			follow;			/* column whose key came next last time */
	bool		constrained;	/* a domain that checks: its input function
								 * has the last word, for nulls as well */
	OtherKind	other;
	Oid			element;		/* of an array, else InvalidOid */
	char		delimiter;		/* between the elements of an array */
	char	   *type_name;		/* made when first needed */

	/* to find out whether a typmod changes a value (see value.c) */
	FmgrInfo	base_in;
	Oid			base_ioparam;
	FmgrInfo	equal;			/* fn_oid invalid: compare bytes */
	int16		typlen;
	bool		typbyval;

	/* labels of an enum that were seen so far */
	int			nlabels;
	NameData   *labels;
} ShapeColumn;

typedef struct FitWork
{
	ShapeColumn *cols;			/* by index, as shape->cols */
	FitCell    *cells;
	int			first;			/* column whose key came first last time */
	int			nrequired;		/* NOT NULL, no default, not computed, or a
								 * constrained domain without default */
	int		   *required;
	int			fills;			/* fills_nulls(), -1 = not asked yet */
	int			checking;		/* column under check, -1 = none */
	int			checking_field;
	bool	   *threw;			/* by column: its value threw in this row */
	bool		any_threw;
	char	   *buf;			/* NUL-terminated copy of one value */
	size_t		bufsize;
	JsonText	text;			/* of array elements */
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
