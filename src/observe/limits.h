/*
 * limits.h
 *	  How much a load may hold: the owner's reject_limit, and the bytes that
 *	  selfheal.quarantine_max grants a table.
 *
 * Past either the load fails as a whole: nothing of it is stored or held, and
 * whoever runs it learns so by an error.
 */
#ifndef SELFHEAL_LIMITS_H
#define SELFHEAL_LIMITS_H

#include "postgres.h"

#include "observe/discards.h"
#include "observe/options.h"
#include "observe/quarantine.h"

/*
 * Raises 22000 when more of a load's rows do not fit, held or discarded by
 * contract, than the table's owner lets them. A share is judged when the load
 * has ended. w and d have the reasons; each may be NULL.
 */
extern void limits_reject(const RejectLimit *limit, Oid relid,
						  const QuarantineWriter *w, const Discards *d,
						  int64 misfits, int64 rows, bool ended);

/*
 * Raises 53400 when a table's held rows, with so many bytes more, would take
 * more than selfheal.quarantine_max. Called before they are written. Cheap as
 * long as the held rows of all tables together take less. Rows that are
 * discarded belong to no table (InvalidOid): those of all together may take as
 * much.
 */
extern void limits_hold(Oid relid, Size bytes);

#endif							/* SELFHEAL_LIMITS_H */
