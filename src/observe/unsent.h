/*
 * unsent.h
 *	  What a row leaves to its table, and the table to the session that sends it.
 */
#ifndef SELFHEAL_UNSENT_H
#define SELFHEAL_UNSENT_H

#include "postgres.h"

/*
 * Would the default of a column that this payload (a JSON object) does not have
 * say something else in our session than in the sender's: his settings, his
 * connection, whom he logged in as? A function of users that is not immutable
 * may ask for any of them, unless it is written in C.
 */
extern bool unsent_asks_session(Oid relid, const char *payload);

#endif							/* SELFHEAL_UNSENT_H */
