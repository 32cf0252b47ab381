/*
 * held.h
 *	  Held rows on their way back into their table (selfheal.quarantine).
 *
 *	  held -> replayed (the row leaves the table; selfheal.replayed keeps its
 *	          id range and hash)
 *	  held -> discarded (by a person, with a reason)
 */
#ifndef SELFHEAL_HELD_H
#define SELFHEAL_HELD_H

#include "postgres.h"

#include "observe/store.h"
#include "utils/jsonb.h"

/* One held row on its way back. Bytes in the fetch's context. */
typedef struct HeldRow
{
	int64		id;
	int64		load;
	int64		error;
	StoreRow	row;			/* bytes, len, bad_encoding are filled */
} HeldRow;

/*
 * Held rows of a table with id > after, in order of id, up to limit rows or
 * 8 MB of payload; locked FOR UPDATE SKIP LOCKED when lock. Only rows whose
 * error belongs to one of the incidents when nincidents > 0; rows with a raw
 * payload are given too. Result in the current context.
 */
extern HeldRow *held_fetch(Oid relid, const int64 *incidents, int nincidents,
						   int64 after, int limit, bool lock, int *n);

/* These held rows are stored now: they leave, and selfheal.replayed gets one
 * row with ranges, count and sha256. plan 0 = by a person. */
extern void held_replayed(Oid relid, const HeldRow *rows, int n, int64 plan,
						  const char *role);

/*
 * These held rows still do not fit: point them at (new or existing) error
 * rows of door 'replay' made from their misfits, so that the incident of the
 * reason that is left takes them over. Returns how many changed reason.
 */
extern int64 held_rehold(Oid relid, HeldRow *rows, int n);

/* The first held rows of one incident, by its errors: up to limit rows or
 * 8 MB of payload. Cheap however many rows other incidents hold. */
extern HeldRow *held_of_incident(int64 incident, int limit, int *n);

extern int64 held_count(Oid relid, const int64 *incidents, int nincidents);

/* {"ids": [[first,last],...], "rows": n, "sha256": hex over the payloads in
 * order of id, each followed by LF}. At most 100 ranges are listed. */
extern Jsonb *held_ref(const HeldRow *rows, int n);

#endif							/* SELFHEAL_HELD_H */
