/*
 * kept.h
 *	  The bytes of rows that were stored otherwise than they were sent.
 *
 * A row that came by a mapping is in its table as the mapping has made it; what
 * was sent is kept here (selfheal.kept), as the table's owner says with
 * watch(keep_payload => ...): of such rows (transformed), of all, or of none.
 * It is removed with what else is known of old loads (selfheal.load_retention),
 * or before, the oldest first, when it is more than selfheal.kept_max.
 */
#ifndef SELFHEAL_KEPT_H
#define SELFHEAL_KEPT_H

#include "postgres.h"

#include "observe/held.h"
#include "observe/options.h"
#include "observe/store.h"
#include "utils/timestamp.h"

/* Keep those of a load's rows that were stored; positions are theirs in the
 * load. Needs no privilege of the producer's. */
extern void kept_load(Oid relid, KeepPayload keep, const StoreRow *rows,
					  const int64 *positions, int n, int64 load);

/* The same of rows that were held until now: tried[i] is what became of
 * held[i]. */
extern void kept_replay(Oid relid, KeepPayload keep, const HeldRow *held,
						const StoreRow *tried, int n);

/* Remove some of what was kept before, or is too much; true: there may be more.
 * Inside spi_open. */
extern bool kept_remove(TimestampTz before);

#endif							/* SELFHEAL_KEPT_H */
