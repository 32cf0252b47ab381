/*
 * nulls.h
 *	  The playbook of a null, or no value at all, where one must be.
 */
#ifndef SELFHEAL_NULLS_H
#define SELFHEAL_NULLS_H

#include "postgres.h"

#include "decide/remedy.h"

/* DROP NOT NULL, or why not. Asks no catalog. */
extern void nulls_allow(Remedy *r, const Evidence *e);

/* set_default, of a key that is missing and for which the team has named a
 * value; else nothing is said. */
extern void nulls_default(Remedy *r, const Evidence *e);

#endif							/* SELFHEAL_NULLS_H */
