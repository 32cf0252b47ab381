/*
 * forgiven.h
 *	  Claims that were nobody's fault and could not be taken back.
 *
 * A claim charges an incident before the work, so that what kills the worker is
 * counted. A round that ends since somebody has a lock takes the charge back;
 * it cannot where somebody has the incident itself in hand, or the plan, in an
 * open transaction. Such an incident stays in its state of work, and this
 * process claims it the next time without another charge.
 */
#ifndef SELFHEAL_FORGIVEN_H
#define SELFHEAL_FORGIVEN_H

#include "postgres.h"

#include "base/spi.h"

/* The claim of this incident is to be forgiven if it cannot be taken back. */
extern void forgiven_add(int64 incident);

/* It was claimed anew: what comes of that is charged. */
extern void forgiven_drop(int64 incident);

/* All of them, as one argument: bigint[]. */
extern void forgiven_arg(SpiArgs *args);

#endif							/* SELFHEAL_FORGIVEN_H */
