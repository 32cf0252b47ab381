/*
 * errands.h
 *	  What the worker does beside the heals, each for itself.
 *
 * It reads tables for it, one of which may be in somebody's hands. Then the
 * errand is left, and done when its pause is over, which doubles each time; the
 * other errands and the heals go on. Which one rests, and for how long, is the
 * process's own memory.
 */
#ifndef SELFHEAL_ERRANDS_H
#define SELFHEAL_ERRANDS_H

#include "postgres.h"

#include "base/spi.h"
#include "utils/timestamp.h"

typedef enum ErrandKind
{
	ERRAND_SEQUENCES,			/* that come to their end */
	ERRAND_REPLICATION,			/* stalls of subscriptions */
	ERRAND_COLLECT,				/* errands_collect */
	ERRAND_GONE,				/* tables that are no more */
	ERRAND_RELINK,				/* intakes that a restore has made */
	ERRAND_RESTORED,			/* tables that a restore has made */
	ERRAND_PARENTS,				/* that rows wait for */
	ERRAND_DRIFT,
	ERRAND_TOLERANCE,
	ERRAND_LANDED,				/* rows that wait for their table */
	ERRAND_LACKING,				/* tables that a subscription lacks */
	ERRAND_TOLD,				/* what the team has said */
	ERRAND_ORDER,				/* rows that wait behind others */
	ERRAND_LEARNING,
	ERRANDS
} ErrandKind;

/*
 * Run one that has transactions of its own, if it does not rest; it rests
 * afterwards when it met somebody's lock. What else it throws is thrown on.
 * False when it rests.
 */
extern bool errands_run(ErrandKind kind, SpiBody body, void *arg);

/*
 * Between two rounds: join new errors to incidents, each that got rows is an
 * event; settle those that need no heal; take back plans that nobody's rows
 * wait for any more; before that, what happened to tables unseen. In
 * transactions of its own; each step but the joining is an errand. Behind it, rows
 * whose table is there by now are loaded, and tables that rows wait for planned.
 */
extern void errands_collect(void *arg);

/* When the first of those that rest is due; 0: none rests. */
extern TimestampTz errands_due(void);

/* Until when the joining rests; 0: it does not. Until then what was committed
 * is not dealt with, and nothing says that it waits. */
extern TimestampTz errands_put_off(void);

#endif							/* SELFHEAL_ERRANDS_H */
