/*
 * stalls.h
 *	  Subscriptions whose apply worker fails, as its own error path saw them.
 *
 * An apply worker that cannot store a row raises, ends and is started again,
 * every few seconds, for ever. Its error is seen where it is logged
 * (emit_log_hook), in a process that is about to end: there it is only copied,
 * into one entry per subscription in shared memory, and the database's worker
 * is woken. Nothing is looked up, allocated or thrown there.
 */
#ifndef SELFHEAL_STALLS_H
#define SELFHEAL_STALLS_H

#include "postgres.h"

#include "utils/timestamp.h"

#define STALLS_MAX 64			/* subscriptions of all databases */
#define STALL_TEXT 512			/* bytes of a text that are kept */

typedef struct Stall
{
	Oid			dbid;			/* InvalidOid: the entry is free */
	Oid			subid;
	int			sqlstate;
	int64		times;			/* the same error, in a row */
	TimestampTz since;			/* its first */
	TimestampTz last;
	TimestampTz told;			/* when the worker was woken for it */
	bool		fresh;			/* the worker has not looked yet */
	char		message[STALL_TEXT];
	char		context[STALL_TEXT];
} Stall;

/* From _PG_init, behind shmem_init. */
extern void stalls_init(void);

/*
 * Copies of this database's entries into out (room for STALLS_MAX); how many.
 * take: only fresh ones, which are not fresh any more. None when the library
 * is not preloaded.
 */
extern int	stalls_read(Stall *out, bool take);

/* A subscription that is not there any more. */
extern void stalls_forget(Oid subid);

#endif							/* SELFHEAL_STALLS_H */
