/*
 * hinting.h
 *	  How the team says what a key means: hint() and unhint().
 *
 * Both want the table's owner, leave an audit row (policy_changed) and wake
 * the worker, which looks again at everything of the table that waits or had
 * given up: the team's word counts for rows that are held already as for those
 * to come.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_HINTING_H
#define SELFHEAL_HINTING_H

#include "postgres.h"

#endif							/* SELFHEAL_HINTING_H */
