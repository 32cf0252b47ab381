/*
 * carry.h
 *	  Carry a plan out: apply, put the rows in, settle the incidents.
 */
#ifndef SELFHEAL_CARRY_H
#define SELFHEAL_CARRY_H

#include "postgres.h"

#include "decide/docket.h"
#include "decide/vet.h"
#include "orient/incident.h"
#include "utils/timestamp.h"

/*
 * Run a stored plan in transactions of its own: apply with the first chunk in
 * one, further chunks each in their own, then settle the incidents. Audit:
 * applied, replayed. held: rows that the incidents have, as far as is known;
 * -1: not known. Returns false when the table was busy (incidents wait
 * for the lock) or not what was rehearsed (they are planned again). Raises
 * what PostgreSQL raised for the ALTER.
 */
extern bool carry_out(const PlanRow *row, VettedPlan *vetted, bool approved, int64 held);

/* When to try a busy table again: the pause doubles with each miss. */
extern TimestampTz carry_next_try(Oid relid);

/* The same after a failure that is to pass by itself, which counts as a miss. */
extern TimestampTz carry_later(Oid relid);

/*
 * An incident was kept by what passes by itself: it is tried again at next_try
 * (carry_later), and no attempt is charged; after selfheal.max_wait of this a
 * person is told.
 */
extern void carry_pass(const Incident *inc, const char *reason, TimestampTz next_try);

/* The sentence for an incident whose rows were tried and are still held: how
 * many, of which class, and what PostgreSQL said of the newest. */
extern char *carry_left(const Incident *inc, int64 left);

/* now + base_ms doubled n times, at most cap_ms, give or take a quarter. */
extern TimestampTz carry_pause(int base_ms, int n, int cap_ms);

#endif							/* SELFHEAL_CARRY_H */
