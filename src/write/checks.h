/*
 * checks.h
 *	  Which of these rows fail a CHECK that others have failed?
 *
 * The executor throws at the first row that fails. Once a constraint is known
 * to be failed, it is evaluated here before rows are written, so that bad
 * rows cost no subtransaction.
 */
#ifndef SELFHEAL_CHECKS_H
#define SELFHEAL_CHECKS_H

#include "postgres.h"

#include "write/tuples.h"

typedef struct Checks Checks;

/*
 * The CHECK constraints of a table, for the lifetime of the current memory
 * context; NULL when there is none, or when a row is not the same by the time
 * the executor checks it (BEFORE ROW triggers, generated columns, partitions).
 */
extern Checks *checks_open(Relation rel, TupleDesc desc);
extern void checks_close(Checks *c);

/* A row was refused with this error. True when it was one of these
 * constraints: from now on it is looked at. Copies what it keeps. */
extern bool checks_learn(Checks *c, const ErrorData *edata);

/*
 * Set why[i] to the error of the constraint that row i fails, or NULL; how
 * many fail. The errors are the constraint's own, without the row's values,
 * and live as long as c. Evaluates in a subtransaction; when that throws, we
 * do not know: 0.
 */
extern int	checks_find(Checks *c, const FormedRow *rows, int n, ErrorData **why);

#endif							/* SELFHEAL_CHECKS_H */
