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

#endif							/* SELFHEAL_NULLS_H */
