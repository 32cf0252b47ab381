/*
 * heal.h
 *	  The whole story on one page: observe, orient, decide, act, record.
 */
#ifndef SELFHEAL_HEAL_H
#define SELFHEAL_HEAL_H

#include "postgres.h"

#include "utils/timestamp.h"

/*
 * One pass over everything that is runnable in this database; called by the
 * worker outside a transaction. Returns when the next waiting thing is due
 * (0 = nothing waits for time). An ERROR of one table's heal is caught,
 * recorded and charged to its incidents; FATAL is not.
 */
extern TimestampTz heal_pass(void);

/* Work that a commit has asked for and that the last pass has put off, since
 * it costs much or met somebody's lock before any incident could say so: until
 * when. 0: none. Until then the wake is not done. */
extern TimestampTz heal_put_off(void);

#endif							/* SELFHEAL_HEAL_H */
