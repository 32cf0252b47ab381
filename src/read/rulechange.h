/*
 * rulechange.h
 *	  Does a constraint refuse more than it did?
 *
 * Both are given as the server writes them (pg_get_constraintdef, with arrays
 * as snapshot.h says), so that those which are gone can be asked about.
 */
#ifndef SELFHEAL_RULECHANGE_H
#define SELFHEAL_RULECHANGE_H

#include "postgres.h"

/* Is it asked of new rows at all? (18 has such that are not.) */
extern bool rule_is_enforced(const char *definition);

/*
 * May a new row that was let in by the one be refused by the other? Not when
 * all that came is that stored rows were looked at, or not; nor when the list
 * of x IN (...) has got longer. Of any other change nobody can tell: true.
 */
extern bool rule_refuses_more(const char *was, const char *now);

#endif							/* SELFHEAL_RULECHANGE_H */
