/*
 * standin.h
 *	  Make the clone of a table: its structure, its members, its rows.
 */
#ifndef SELFHEAL_STANDIN_H
#define SELFHEAL_STANDIN_H

#include "postgres.h"

#include "act/clone.h"

/*
 * Make what clone_describe has described, with a sample of the table's rows.
 * altering: an ALTER TABLE will be tried on it. Takes from clone->gaps what
 * the clone has.
 */
extern void standin_make(Clone *clone, bool altering);

/*
 * The table's policies, onto the clone: after an ALTER TABLE, which they would
 * stop, before rows are stored as their loaders. One that means something else
 * on the clone leaves COVERAGE_ROW_SECURITY in the gaps.
 */
extern void standin_secure(Clone *clone);

#endif							/* SELFHEAL_STANDIN_H */
