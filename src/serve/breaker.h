/*
 * breaker.h
 *	  The healer of a database stops when the server is in trouble.
 *
 *	  running -> stopped        disk, memory or connections are used up, the
 *	                            disk fails, data is corrupt; an internal error
 *	                            that came again
 *	  stopped -> trial          of what is used up only, after
 *	                            selfheal.trial_interval: one table is healed
 *	  trial -> running | stopped
 *	  stopped -> running        selfheal.resume()
 *
 * Loads are not stopped: they hold what does not fit, or fail as PostgreSQL
 * says. The state is one row of selfheal.stopped, or none.
 */
#ifndef SELFHEAL_BREAKER_H
#define SELFHEAL_BREAKER_H

#include "postgres.h"

#include "utils/timestamp.h"

typedef enum BreakerState
{
	BREAKER_RUNNING,
	BREAKER_TRIAL,
	BREAKER_STOPPED
} BreakerState;

/*
 * In a transaction of its own. Stopped: *trial is when it may be tried, 0 =
 * only when a person says so. A stop that could not be written down before
 * (the disk is full) is written first, and what keeps it from that is raised.
 */
extern BreakerState breaker_state(TimestampTz *trial);

/* This was raised while healing (relid: of which table, or InvalidOid), and its
 * transaction is aborted. Is it trouble? Then it is written down, in a
 * transaction of its own: no further work in this pass. */
extern bool breaker_trips(const ErrorData *edata, Oid relid);

/* A table was looked after without trouble. */
extern void breaker_well(Oid relid);

/* A trial went well: the healer goes on. In a transaction of its own. */
extern void breaker_close(void);

#endif							/* SELFHEAL_BREAKER_H */
