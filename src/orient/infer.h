/*
 * infer.h
 *	  Which type do these values have? Learnt value by value.
 *
 *	  null < boolean < bigint < numeric; date, timestamptz, uuid only where
 *	  every value proves it; object and array: jsonb; else text. Never
 *	  varchar(n). A key with nulls only teaches nothing.
 */
#ifndef SELFHEAL_INFER_H
#define SELFHEAL_INFER_H

#include "postgres.h"

#include "read/json.h"
#include "utils/jsonb.h"

typedef struct Evidence
{
	int64		values;			/* not null */
	int64		nulls;
	int64		kinds[JSON_ARRAY + 1];
	int64		words;			/* strings that are none of the below */
	int64		dates;			/* strings that are an ISO date */
	int64		timestamps;		/* ISO 8601 with time and zone */
	int64		uuids;
	int64		beyond_bigint;	/* numbers that no bigint holds */
	int64		fractions;
	int			max_chars;		/* longest text, in characters */
	int			max_int_digits;
	int			max_frac_digits;
	int			max_second_digits;	/* behind a point in a string: of a
									 * second, where it is a time */
	bool		fits_int2;
	bool		fits_int4;
} Evidence;

extern void infer_init(Evidence *e);
extern void infer_value(Evidence *e, JsonKind kind, const char *val, int len);

/* The type for a new column, or InvalidOid when only nulls were seen. */
extern Oid	infer_type(const Evidence *e);

/* {"values":n,"nulls":n,"kinds":{...},"longest":n,...}: shapes, no values. */
extern Jsonb *infer_shape(const Evidence *e);

#endif							/* SELFHEAL_INFER_H */
