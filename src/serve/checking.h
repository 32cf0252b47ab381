/*
 * checking.h
 *	  How the team says what must stay true of a table: check() and uncheck().
 *
 * A check can only refuse a plan, so that any operator who may read the table
 * may ask for one. It is in the way of plans until it is taken back: by who
 * asked for it (or may act as him) or by the table's owner. Both leave an
 * audit row (policy_changed) with the check's text and wake the worker, which
 * tries anew what waits, or was refused.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_CHECKING_H
#define SELFHEAL_CHECKING_H

#include "postgres.h"

#endif							/* SELFHEAL_CHECKING_H */
