/*
 * assertread.h
 *	  What does the text of a check do? Nothing but read, or it is refused.
 */
#ifndef SELFHEAL_ASSERTREAD_H
#define SELFHEAL_ASSERTREAD_H

#include "postgres.h"

#include "executor/spi.h"

/*
 * The plan of a check about this table, or an error (22023, 42501, and what
 * PostgreSQL says of the text). Within SPI, as the role that asks and under its
 * settings; rows are registered under the name that the text knows the table
 * by. Done anew each time it is asked, since views and functions change.
 */
extern SPIPlanPtr assertread_prepare(Oid relid, const char *known_as, const char *sql);

#endif							/* SELFHEAL_ASSERTREAD_H */
