/*
 * rivals.h
 *	  Stored rows outside the sample that held rows would meet.
 *
 * A clone has some of the table's rows. A held row whose key belongs to one of
 * the others is stored there, and is not in the replay. So those rows are
 * looked for, by the table's own unique and exclusion constraints, and brought
 * onto the clone before the held rows are tried again.
 */
#ifndef SELFHEAL_RIVALS_H
#define SELFHEAL_RIVALS_H

#include "postgres.h"

#include "access/transam.h"
#include "act/clone.h"

typedef struct Rivals Rivals;

/*
 * The constraints of this clone's table, after the ALTER; NULL when nothing
 * needs to be looked for (COVERAGE_KEYS is no gap) or when the table's own
 * code may change a row's key first.
 */
extern Rivals *rivals_open(Clone *clone);

/*
 * Look for the rivals of rows that were written since this transaction began
 * (a subtransaction's id). True when there are some: the caller rolls those
 * rows back and calls rivals_bring.
 */
extern bool rivals_find(Rivals *rivals, TransactionId since);

/* Put those that were found onto the clone. */
extern void rivals_bring(Rivals *rivals);

/* Has every question been answered so far? */
extern bool rivals_known(const Rivals *rivals);

#endif							/* SELFHEAL_RIVALS_H */
