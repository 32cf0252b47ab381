/*
 * numerals.h
 *	  Numbers in declared notations, made into plain digits.
 *
 *	{"decimal": ",", "group": ["."], "strip": ["€"], "grouping": "thousands",
 *	 "parentheses": false, "trailing_minus": false}
 *
 * decimal		"." or ","; null: no fraction is read. Not said: ".".
 * group		signs between groups of digits, a list or one of them: . , ' a
 *				space, U+2019, U+00A0, U+2009, U+202F. One number has one of
 *				them, and each group is whole: 1.234.567, not 1.23 and not 0.123.
 * grouping		"thousands", or "indian": 12,34,567
 * strip		what may stand before or behind the number, once, with a blank
 *				between perhaps: "€", "EUR", "%". Nothing is stripped unless it
 *				is listed, since it may say what the number counts.
 * parentheses	true: (5) is -5
 * trailing_minus  true: 5- is -5
 *
 * A leading + or - (also U+2212) is read without being told. Every digit is
 * kept: no number is computed. For an integer column a fraction of zeros is
 * left out. Exponents are left to the type.
 */
#ifndef SELFHEAL_NUMERALS_H
#define SELFHEAL_NUMERALS_H

#include "postgres.h"

#include "read/transformspec.h"

/* Longer ones are left: no producer writes them, and no type of ours takes
 * them in another notation. */
#define NUMERAL_BYTES 2000

typedef struct Numerals Numerals;

/* In cxt; NULL with a fault. */
extern Numerals *numerals_make(const NumeralSpec *spec, Oid basetype,
							   MemoryContext cxt, TransformFault *fault);

/* As transform_apply; but true also when the text was plain already. */
extern bool numerals_read(Numerals *t, JsonKind kind, const char *val, int len,
						  const char **out, int *outlen);

/*
 * Of a value that is not read: would the type take its point for a decimal
 * sign, which it is not in this notation? "1.5" where groups have points, or
 * fractions a comma.
 */
extern bool numerals_torn(const Numerals *t, JsonKind kind, const char *val, int len);

/*
 * What a list of values proves: the decimal sign by a value that no other sign
 * can explain. "1.234" alone is 1234 or 1.234; "1.234,5", "1.234.567" and
 * "12,5" have one reading. In the current context; false with a reason.
 */
extern bool numerals_infer(const TransformSample *samples, int n, Oid basetype,
						   NumeralSpec *spec, char **why_not);

#endif							/* SELFHEAL_NUMERALS_H */
