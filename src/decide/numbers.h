/*
 * numbers.h
 *	  The playbooks of columns that number their rows: a sequence that is used
 *	  up, an identity that somebody gives a value.
 */
#ifndef SELFHEAL_NUMBERS_H
#define SELFHEAL_NUMBERS_H

#include "postgres.h"

#include "decide/remedy.h"

/* extend_sequence, with widen_type where the column is as narrow. Reads the
 * catalog and where the sequence stands. */
extern void numbers_extend(Remedy *r, const Evidence *e);

/* set_generated_by_default */
extern void numbers_by_default(Remedy *r, const Evidence *e);

#endif							/* SELFHEAL_NUMBERS_H */
