/*
 * deferred.h
 *	  Fire a table's deferred constraints before a subtransaction ends.
 *
 * A deferred constraint that fails at COMMIT takes the whole load with it.
 * Fired inside the flush's subtransaction it costs the row alone.
 */
#ifndef SELFHEAL_DEFERRED_H
#define SELFHEAL_DEFERRED_H

#include "postgres.h"

#include "utils/rel.h"

typedef struct Deferred Deferred;

/* The table's deferrable constraints (its partitions' own included); NULL when
 * there is none. Lives in the current memory context. */
extern Deferred *deferred_open(Relation rel);

/*
 * Before a flush: fire what earlier statements of the session left pending on
 * the table, in a subtransaction. If that fails, it is the session's own
 * affair until its COMMIT, and this flush's rows cannot be told from it:
 * deferred_fire then leaves them deferred as well.
 */
extern void deferred_begin(Deferred *d);

/* Fire what is pending on the table and set the constraints back. Raises the
 * first violation. */
extern void deferred_fire(Deferred *d);

#endif							/* SELFHEAL_DEFERRED_H */
