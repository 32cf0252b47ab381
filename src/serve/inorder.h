/*
 * inorder.h
 *	  Incidents of rows that wait behind a held row of their ordering key
 *	  (class awaiting_order; what the key does is observe/order.h's).
 *
 * There is nothing to plan for them: their rows are tried along with the other
 * held rows of their table, since those may be the ones that they wait for,
 * and by themselves when such a row has gone another way (a person's discard,
 * another key).
 */
#ifndef SELFHEAL_INORDER_H
#define SELFHEAL_INORDER_H

#include "postgres.h"

#include "decide/docket.h"
#include "nodes/pg_list.h"
#include "orient/incident.h"
#include "utils/timestamp.h"

/*
 * Open those whose rows may go in by now, because what they waited behind has
 * gone; tell a person of keys with more rows than selfheal.max_waiting, once.
 * In transactions of its own, at the start of a pass: whatever frees a key
 * wakes the worker when it is committed. Returns when to look again, 0: at the
 * next wake.
 */
extern TimestampTz inorder_look(void);

/*
 * Of the incidents that were claimed of a table those that are worth a round:
 * what can only wait goes back to it, and so does what will be tried along
 * with the others. In the transaction of the claim; the list is changed.
 */
extern List *inorder_claimed(Oid relid, List *claimed);

/* The plan, with the incident of its table's waiting rows behind its own, if
 * there is one that nobody has in hand: they are put in with the others, in
 * order. In the current context. */
extern const PlanRow *inorder_along(const PlanRow *row);

/* Rows of the incident were tried, and some wait still: it waits too; open when
 * one of them could go in by now. */
extern void inorder_rest(const Incident *incident);

#endif							/* SELFHEAL_INORDER_H */
