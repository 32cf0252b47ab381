/*
 * freeze.h
 *	  COPY's FREEZE: the rows that a load has stored need no VACUUM any more.
 *
 * COPY writes frozen rows. A load of ours cannot: it writes in
 * subtransactions, since a row that does not fit must cost that row alone, and
 * a row that is frozen when it is written outlives the rollback of the
 * subtransaction that has written it. So the rows are frozen where they stand
 * when the load has ended, under the same conditions as COPY's: whoever rolls
 * back what follows rolls back the table's file with it.
 */
#ifndef SELFHEAL_FREEZE_H
#define SELFHEAL_FREEZE_H

#include "postgres.h"

/*
 * Can the rows of this table be frozen here and now? Raises what COPY raises:
 * 0A000 for a partitioned or foreign table (and one that is not in the heap),
 * 25000 when somebody in this session has a snapshot or a cursor that would
 * see rows it must not, 55000 unless the table was created or truncated in
 * this very subtransaction. And 55006 when the calling statement reads the
 * table itself.
 */
extern void freeze_check(Oid relid);

/*
 * Freeze what this transaction has written into the table, and its large
 * values: all rows of a page that nobody has touched since, and the page is
 * then marked as all-visible and all-frozen. Asks freeze_check again first.
 */
extern void freeze_rows(Oid relid);

#endif							/* SELFHEAL_FREEZE_H */
