/*
 * waiting.h
 *	  Held rows whose foreign key misses its parent: they wait for it.
 *
 * No plan is made for them and no attempt is charged. They are looked at when
 * somebody has stored rows in a table that they wait for (awaited.h), when
 * more of them come, when a person asks, and at selfheal.parent_retry_interval.
 * One query for each foreign key tells which of them have their parents now;
 * those alone are tried.
 */
#ifndef SELFHEAL_WAITING_H
#define SELFHEAL_WAITING_H

#include "postgres.h"

#include "serve/round.h"

/* Between two rounds: which waiting rows are to be looked at, since parents
 * came. In the current transaction. */
extern void waiting_collect(void);

/* Of the claimed incidents, those whose rows wait for a parent leave the
 * round: no plan is made for them. In the current transaction. */
extern void waiting_claim(Round *round);

/* Look at the waiting rows of a table, in transactions of its own. */
extern void waiting_look(Round *round);

/* A look has failed, held_up: at a lock. The incidents wait on, and are looked
 * at again at next_try. In the current transaction. */
extern void waiting_failed(Round *round, const char *reason, bool held_up, TimestampTz next_try);

/* When a look is due that was put off, since looks cost much; 0: none. */
extern TimestampTz waiting_put_off(void);

#endif							/* SELFHEAL_WAITING_H */
