/*
 * number.h
 *	  Numbers as they are written: which digits count, and do they survive?
 *
 * A number is never turned into a float to find out about it: it is looked at
 * digit by digit, so that every digit that the producer wrote is accounted
 * for. fit_number (fit.h) gives the part of this that others need.
 */
#ifndef SELFHEAL_NUMBER_H
#define SELFHEAL_NUMBER_H

#include "postgres.h"

#include "read/fit.h"

typedef struct Number
{
	NumberShape shape;
	const char *digits;			/* first digit that counts, NULL for zero */
	int64		magnitude;		/* digits before the point; below 0: zeros
								 * behind it before the first that counts */
	int64		lowest;			/* power of ten of the last digit that counts */
	bool		plain;			/* nothing but a sign and digits: an integer's
								 * input function takes it as it is */
	bool		has_value;		/* integral, and below 10^19: */
	uint64		value;			/* without sign */
} Number;

/* False: not a number. Blanks around it, a plus sign, ".5" and "5." are fine,
 * as they are for numeric_in; JSON's own grammar is the scanner's business. */
extern bool number_parse(const char *s, int len, Number *out);

typedef enum FloatFit
{
	FLOAT_EXACT,				/* printed back it is the same number */
	FLOAT_INEXACT,
	FLOAT_OVERFLOW				/* beyond the type's range, or underflow to 0 */
} FloatFit;

/* Would real (single) or double precision give this number back? */
extern FloatFit number_float(const Number *n, const char *s, int len, bool single);

#endif							/* SELFHEAL_NUMBER_H */
