/*
 * byhand.h
 *	  What people do with held rows by SQL: replay, discard, amend.
 *
 * Rights and audit as in verbs.h. A row that somebody else has in hand is
 * waited for by discard and amend, and passed over by replay.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_BYHAND_H
#define SELFHEAL_BYHAND_H

#include "postgres.h"

#endif							/* SELFHEAL_BYHAND_H */
