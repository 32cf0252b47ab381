/*
 * asynccommit.h
 *	  Commits that need not wait for the disk.
 *
 * A transaction that has written nothing but what nobody waits for (the record
 * of a question that was answered) commits as with synchronous_commit = off.
 * It is decided when it commits, by what it has written: one write of anybody
 * else in it, before or after, and the commit is what the session's setting
 * says.
 */
#ifndef SELFHEAL_ASYNCCOMMIT_H
#define SELFHEAL_ASYNCCOMMIT_H

#include "postgres.h"

/* Has this transaction written nothing so far, but what was said to be in no
 * hurry? To be asked before the write that is. */
extern bool asynccommit_possible(void);

/* All that this transaction has written up to here is in no hurry. */
extern void asynccommit_so_far(void);

#endif							/* SELFHEAL_ASYNCCOMMIT_H */
