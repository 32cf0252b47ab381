/*
 * foresee.h
 *	  What will fail before long: sequences that come to their end.
 */
#ifndef SELFHEAL_FORESEE_H
#define SELFHEAL_FORESEE_H

#include "postgres.h"

#include "utils/timestamp.h"

/*
 * Look where the sequences of watched tables stand. One that has come past
 * selfheal.sequence_watch percent of its way is captured as an error of no row
 * (door "watch"), which the next collecting makes an incident: once for the
 * limit that the sequence has, and not while an incident of it lives.
 * In transactions of its own, between two rounds. Returns when to look again
 * (0: there is nothing to look at).
 */
extern TimestampTz foresee_sequences(void);

#endif							/* SELFHEAL_FORESEE_H */
