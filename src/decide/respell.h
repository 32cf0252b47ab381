/*
 * respell.h
 *	  The step of words that may be another spelling of what a column takes.
 *
 * Labels of an enum (labels.h) and literals of a CHECK (column IN (...))
 * (checklist.h) both know such words. Which one is meant, a person says.
 */
#ifndef SELFHEAL_RESPELL_H
#define SELFHEAL_RESPELL_H

#include "postgres.h"

#include "decide/remedy.h"

/* Another text of the list (char *) that this one may be a spelling of, or
 * NULL. */
extern const char *respell_of(const List *texts, const char *text);

/*
 * A map_value of the column for these words, beside those that a mapping of it
 * reads already. Pairs: word, what it means, word, ... (char *). Notes the
 * option in the remedy. In the current context.
 */
extern PlanStep *respell_step(Remedy *r, const char *column, const List *pairs);

/* "Paid" for "paid", ... */
extern char *respell_words(const List *pairs);

#endif							/* SELFHEAL_RESPELL_H */
