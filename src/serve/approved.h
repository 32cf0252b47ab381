/*
 * approved.h
 *	  An approved plan: still what was approved? Then it is run.
 *
 *	  charge    the plan, an attempt                            (own commit)
 *	  prove     vetted, ruled and tried as it stands now        (own commit)
 *	  apply     carry_out
 */
#ifndef SELFHEAL_APPROVED_H
#define SELFHEAL_APPROVED_H

#include "postgres.h"

#include "serve/round.h"

/*
 * Run one, in transactions of its own; superseded when it is not what was
 * approved, put off when somebody has its table or an incident of it in hand.
 * Raises what PostgreSQL raised. The round says what it is about then.
 */
extern void approved_run(Round *round, int64 id);

#endif							/* SELFHEAL_APPROVED_H */
