/*
 * quarantine.h
 *	  Rows that did not fit, kept with their reason (selfheal.quarantine), and
 *	  the reasons, one per load, class and column (selfheal.error).
 *
 *	  held -> replayed (the row leaves the table; selfheal.replayed keeps its
 *	          id range and hash)
 *	  held -> discarded (by a person, with a reason)
 */
#ifndef SELFHEAL_QUARANTINE_H
#define SELFHEAL_QUARANTINE_H

#include "postgres.h"

#include "observe/append.h"
#include "observe/load.h"
#include "observe/store.h"
#include "utils/jsonb.h"
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
 * Collects the misfits of one load; made at its start, ended with
 * quarantine_end, which writes selfheal.error. All in the producer's
 * transaction, as the extension's owner, without a privilege of his.
 */
typedef struct QuarantineWriter QuarantineWriter;
extern QuarantineWriter *quarantine_begin(Oid relid, int64 load, const char *door);

/* Hold rows[i] for each i with !stored. position[i] is the 1-based position in
 * the load. Returns how many were held. */
extern int64 quarantine_hold(QuarantineWriter *w, const StoreRow *rows,
							 const int64 *positions, int n);

/* Message of the first reason so far, and its position; NULL when none. */
extern const char *quarantine_first_reason(const QuarantineWriter *w, int64 *position);
extern void quarantine_end(QuarantineWriter *w);

/* Append one held row to an open selfheal.quarantine: for the doors that know
 * the reason already. sequence is quarantine_id_seq. */
extern void quarantine_append(Appender *a, Oid sequence, Oid relid,
							  const StoreRow *row, int64 load, int64 error,
							  int64 position);

/*
 * Held rows of a table with id > after, in order of id, up to limit rows or
 * 8 MB of payload; locked FOR UPDATE SKIP LOCKED when lock. Only rows whose
 * error belongs to one of the incidents when nincidents > 0; rows with a raw
 * payload are given too. Result in the current context.
 */
extern HeldRow *quarantine_fetch(Oid relid, const int64 *incidents, int nincidents,
								 int64 after, int limit, bool lock, int *n);

/* These held rows are stored now: they leave, and selfheal.replayed gets one
 * row with ranges, count and sha256. plan 0 = by a person. */
extern void quarantine_replayed(Oid relid, const HeldRow *rows, int n, int64 plan,
								const char *role);

/*
 * These held rows still do not fit: point them at (new or existing) error
 * rows of door 'replay' made from their misfits, so that the incident of the
 * reason that is left takes them over. Returns how many changed reason.
 */
extern int64 quarantine_rehold(Oid relid, HeldRow *rows, int n);

/* The first held rows of one incident, by its errors: up to limit rows or
 * 8 MB of payload. Cheap however many rows other incidents hold. */
extern HeldRow *quarantine_of_incident(int64 incident, int limit, int *n);

extern int64 quarantine_count(Oid relid, const int64 *incidents, int nincidents);

/* {"ids": [[first,last],...], "rows": n, "sha256": hex over the payloads in
 * order of id, each followed by LF}. At most 100 ranges are listed. */
extern Jsonb *quarantine_ref(const HeldRow *rows, int n);

#endif							/* SELFHEAL_QUARANTINE_H */
