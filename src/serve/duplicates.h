/*
 * duplicates.h
 *	  Held rows that met a stored row at a unique key: each is tried once.
 *
 * One that equals the stored row is there already and leaves the quarantine;
 * another stays held, for a person. No plan is made: no step of ours touches
 * a constraint. Rows that come later are tried as well, they alone.
 */
#ifndef SELFHEAL_DUPLICATES_H
#define SELFHEAL_DUPLICATES_H

#include "postgres.h"

#include "serve/round.h"

/* Try the rows of the claimed incidents of this class, in transactions of its
 * own; the incidents are settled and leave the round. */
extern void duplicates_try(Round *round);

#endif							/* SELFHEAL_DUPLICATES_H */
