/*
 * transformspec.h
 *	  What a transform is told, in plain fields: between the JSON of its
 *	  arguments and the rooms that read values.
 *
 * The reading rooms (blanks, timestamps, numerals, points) take these and know
 * nothing of jsonb; they say what is wrong with a spec by a TransformFault and
 * never throw.
 */
#ifndef SELFHEAL_TRANSFORMSPEC_H
#define SELFHEAL_TRANSFORMSPEC_H

#include "postgres.h"

#include "base/compat.h"
#include "read/transform.h"

/* More of anything is no notation but an attack on whoever reads it. */
#define SPEC_LIST_MAX 100		/* words of null_if, of map_value */
#define SPEC_SHORT_LIST_MAX 16	/* formats, signs */
#define SPEC_TEXT_MAX 200		/* bytes of one text */

/* Why a spec is no good: both are constants or in the current context. */
typedef struct TransformFault
{
	const char *message;		/* without the kind's name before it */
	const char *hint;
} TransformFault;

/* Note a fault; for return fault_is(...). Always false. */
static inline bool
fault_is(TransformFault *fault, const char *message, const char *hint)
{
	fault->message = message;
	fault->hint = hint;
	return false;
}

typedef struct SpecList
{
	int			n;
	char	  **texts;
} SpecList;

typedef struct NullIfSpec
{
	SpecList	values;
	bool		ignore_case;	/* of ASCII letters */
} NullIfSpec;

typedef struct SpellingSpec
{
	SpecList	words;			/* as they are sent */
	SpecList	labels;			/* what each of them means */
} SpellingSpec;

typedef struct TimestampSpec
{
	SpecList	formats;
	char	   *zone;			/* or NULL */
	int			century;		/* 1900: what YY is added to; 0: not said */
} TimestampSpec;

typedef struct NumeralSpec
{
	char		decimal;		/* '.', ',' or 0: no fraction is read */
	SpecList	groups;			/* signs between groups of digits */
	SpecList	strip;			/* signs before or behind the number */
	bool		indian;			/* 12,34,567 */
	bool		parentheses;	/* (5) is -5 */
	bool		trailing_minus; /* 5- is -5 */
} NumeralSpec;

typedef enum PointForm
{
	POINT_ARRAY,
	POINT_OBJECT,
	POINT_TEXT,
	POINT_DMS
} PointForm;

typedef enum PointOrder
{
	POINT_OPEN,					/* nobody has said */
	POINT_XY,
	POINT_YX,
	POINT_LETTERS				/* each value says it: N, S, E, W */
} PointOrder;

typedef struct PointSpec
{
	PointForm	form;
	PointOrder	order;
	char	   *x;				/* keys of an object */
	char	   *y;
	bool		geographic;		/* x is within 180, y within 90 degrees */
} PointSpec;

typedef struct TextSpec
{
	int			n;
	int			encodings[TRANSFORM_ENCODINGS_MAX];
} TextSpec;

typedef struct TransformSpec
{
	TransformKind kind;
	union
	{
		NullIfSpec	null_if;
		SpellingSpec spelling;
		TimestampSpec timestamp;
		NumeralSpec number;
		PointSpec	point;
		TextSpec	text;
	}			u;
} TransformSpec;

/* Read arguments; texts are in the current context. Throws 22023 for keys and
 * JSON types; what the values mean together is checked by the reading rooms. */
extern void transformspec_read(TransformKind kind, const Jsonb *args,
							   TransformSpec *spec);

/* Write them, all of them, in the current context. */
extern Jsonb *transformspec_write(const TransformSpec *spec);

/* Throw a fault of a spec as 22023. */
pg_noreturn extern void transformspec_throw(TransformKind kind,
											const TransformFault *fault);

#endif							/* SELFHEAL_TRANSFORMSPEC_H */
