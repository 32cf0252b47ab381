/*
 * entitled.h
 *	  Might a failed statement have succeeded, but for its values?
 *
 * A missing column, or a literal that does not fit, is found before any
 * privilege is looked at, and a function may raise what it likes, with the
 * names of any table in it. Who may write nothing of a table is not to change
 * it by an error.
 */
#ifndef SELFHEAL_ENTITLED_H
#define SELFHEAL_ENTITLED_H

#include "postgres.h"

#include "base/failures.h"
#include "orient/locate.h"

/* May the failure's roles write all that its statement names? False also when
 * it names nothing. */
extern bool entitled_to_all(const Failure *f, const Located *located);

/*
 * May they write this table, which is suspected: itself, one of its partitions
 * that the statement names, or through a view that it names, where the view's
 * owner (or, of a security_invoker one, the role) may write on?
 */
extern bool entitled_to(const Failure *f, const Located *located, Oid table);

#endif							/* SELFHEAL_ENTITLED_H */
