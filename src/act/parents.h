/*
 * parents.h
 *	  Foreign keys of a clone, which has none: held rows that miss a parent.
 *
 * A foreign key on the clone would lock the parent against writers. Instead
 * the keys of the rows that were stored are compared with the real parent, by
 * the constraint's own operators and as the parent's owner, as PostgreSQL's
 * check does it.
 */
#ifndef SELFHEAL_PARENTS_H
#define SELFHEAL_PARENTS_H

#include "postgres.h"

#include "access/transam.h"
#include "act/clone.h"

typedef struct Parents Parents;

/*
 * The foreign keys that count for rows of this clone, after the ALTER; NULL
 * when there are none, or when the table's own code may change a row's key
 * before it is checked (then COVERAGE_FOREIGN_KEYS stays).
 */
extern Parents *parents_open(Clone *clone);

/*
 * Take the rows that were written since this transaction began (a
 * subtransaction's id) and have no parent off the clone again. Returns how
 * many; *why becomes the first one's reason when it is NULL. An error means
 * that we do not know: then parents_known is false.
 */
extern int64 parents_evict(Parents *parents, TransactionId since, char **why);

/* Has every question been answered so far? */
extern bool parents_known(const Parents *parents);

#endif							/* SELFHEAL_PARENTS_H */
