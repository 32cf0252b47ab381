/*
 * routing.h
 *	  Which partition would a payload go to? By the real table's bounds,
 *	  without writing.
 */
#ifndef SELFHEAL_ROUTING_H
#define SELFHEAL_ROUTING_H

#include "postgres.h"

#include "act/clone.h"
#include "observe/store.h"

/*
 * Set leaf[i] to the partition of the real table that row i belongs to; to
 * InvalidOid when the table has none for it, or when the row does not fit the
 * clone, so that nobody can tell. Runs defaults, key expressions and input
 * functions as the current user, each row's errors apart; takes
 * AccessShareLock.
 */
extern void routing_find(const Clone *clone, const HealPlan *plan,
						 const StoreRow *rows, int n, Oid *leaf);

#endif							/* SELFHEAL_ROUTING_H */
