/*
 * governance.h
 *	  What may run by itself: set_policy(), drop_policy(), policy_effective().
 *
 * Rules of one table are its owner's, as its mode is; those of all tables
 * belong to whom the extension belongs to, as the settings do. Each change
 * leaves an audit row (policy_changed) with what was and what is, and the
 * worker looks again at everything that waits or had given up.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_GOVERNANCE_H
#define SELFHEAL_GOVERNANCE_H

#include "postgres.h"

#endif							/* SELFHEAL_GOVERNANCE_H */
