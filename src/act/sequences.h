/*
 * sequences.h
 *	  A clone draws numbers from sequences of its own.
 */
#ifndef SELFHEAL_SEQUENCES_H
#define SELFHEAL_SEQUENCES_H

#include "postgres.h"

#include "act/clone.h"

/*
 * Give the clone, which is made, sandbox sequences in the place of those that
 * its defaults and identity columns draw from: with the same type, step and
 * bounds, and from the number where the real one stands. The real ones are
 * read, not moved. Fills clone->sequences.
 */
extern void sequences_detach(Clone *clone);

#endif							/* SELFHEAL_SEQUENCES_H */
