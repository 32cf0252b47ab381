/*
 * notations.h
 *	  The playbooks of values that are only written in another notation.
 *
 * A reading is proposed when all different values that are held prove it and
 * none has a second one. What they leave open (the order of a pair, whose clock
 * a time is of) is a question for a person: then the step waits for him.
 */
#ifndef SELFHEAL_NOTATIONS_H
#define SELFHEAL_NOTATIONS_H

#include "postgres.h"

#include "decide/remedy.h"

/*
 * Values that the column's type does not read: blanks around them (trim), words
 * for nothing (null_if), another notation of a time, a number or a point. Steps
 * of up to three kinds, the reading first. Leaves the remedy without a step,
 * with an explanation where there is something to be said of the values.
 */
extern void notations_read(Remedy *r, const Evidence *e);

/* The same of words that an enum lacks: labels with blanks around them. */
extern void notations_label(Remedy *r, const Evidence *e);

/*
 * The same of numbers with more digits behind a point than the column keeps,
 * where other values of the column show that the point is no decimal sign. Says
 * nothing else.
 */
extern void notations_beside(Remedy *r, const Evidence *e);

/*
 * Of a finding of texts with digits behind a point: a value held for the same
 * column in which the point is no decimal sign, "1.234.567", shortened for
 * people; or NULL. No type is to be widened for what may be no fraction.
 */
extern char *notations_contested(const Remedy *r);

/*
 * The character \u0000 in values of a text or JSON column: left out, where a
 * policy of the table or of all tables names strip_nul and does not deny it.
 */
extern void notations_strip(Remedy *r, const Evidence *e);

/* Bytes that are text in one of the encodings of selfheal.encodings. */
extern void notations_decode(Remedy *r, const Evidence *e);

#endif							/* SELFHEAL_NOTATIONS_H */
