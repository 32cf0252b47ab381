/*
 * widen.h
 *	  The playbook of a column that is too small for its values.
 */
#ifndef SELFHEAL_WIDEN_H
#define SELFHEAL_WIDEN_H

#include "postgres.h"

#include "decide/remedy.h"

/*
 * Give the remedy the smallest type in which every value that was seen fits,
 * or say why there is none. e: what is known of all values that share the
 * step. Asks no catalog.
 */
extern void widen_type(Remedy *r, const Evidence *e);

/* The typmod of the first rung of the ladder of varchar with room for so many
 * characters; -1: text. */
extern int32 widen_rung(int chars);

#endif							/* SELFHEAL_WIDEN_H */
