/*
 * giveway.h
 *	  Where one of our processes and a person wait for each other, ours gives
 *	  way.
 *
 * PostgreSQL looks for a deadlock once in a wait, deadlock_timeout after it
 * began; whoever looks when the circle is closed gets the error. A healer that
 * has looked before a person closed it would leave the error to him. So a
 * process of ours
 *	  - looks early, in case that it closes the circle itself,
 *	  - looks again and again for as long as it waits, and
 *	  - waits for no lock longer than giveway_limit, which is shorter than a
 *		person's deadlock_timeout; only the waits of an apply have limits of
 *		their own (selfheal.gate_timeout, selfheal.lock_timeout).
 * In a person's session nothing of this holds: his settings rule.
 */
#ifndef SELFHEAL_GIVEWAY_H
#define SELFHEAL_GIVEWAY_H

#include "postgres.h"

/* From now on this process gives way. Once, when it is connected. */
extern void giveway_process(void);

/* Longest wait for a lock in ms: the shorter one of selfheal.lock_timeout and
 * three quarters of the server's deadlock_timeout. */
extern int	giveway_limit(void);

/* When a wait of a process of ours that lasts up to so many ms looks for a
 * deadlock first, in ms. */
extern int	giveway_first_look(int lock_ms);

/* A transaction of such a process begins, or has ended in any way. */
extern void giveway_begin(void);
extern void giveway_end(void);

/* Was it that somebody else has a lock, and not the code of a user that says
 * so? Then nothing is wrong: it is tried again. */
extern bool giveway_was(const ErrorData *edata);

#endif							/* SELFHEAL_GIVEWAY_H */
