/*
 * quarantine.h
 *	  Rows that did not fit, kept with their reason (selfheal.quarantine), and
 *	  the reasons, one per load, class and column (selfheal.error).
 *
 *	  held -> replayed (the row leaves the table; selfheal.replayed keeps its
 *	          id range and hash)
 *	  held -> discarded (by a person, with a reason; by the table's contract,
 *	          which may discard a row on arrival as well)
 */
#ifndef SELFHEAL_QUARANTINE_H
#define SELFHEAL_QUARANTINE_H

#include "postgres.h"

#include "observe/append.h"
#include "observe/store.h"

/*
 * Collects the misfits of one load; made at its start, ended with
 * quarantine_end, which writes selfheal.error. All in the producer's
 * transaction, as the extension's owner, without a privilege of his.
 */
typedef struct QuarantineWriter QuarantineWriter;
extern QuarantineWriter *quarantine_begin(Oid relid, int64 load, const char *door);

/* Hold rows[i] for each i with neither stored nor discarded. position[i] is the 1-based position in
 * the load. Returns how many were held. */
extern int64 quarantine_hold(QuarantineWriter *w, const StoreRow *rows,
							 const int64 *positions, int n);

/* Message of the first reason so far, and its position; NULL when none. */
extern const char *quarantine_first_reason(const QuarantineWriter *w, int64 *position);

/* The first reasons, a line each, with first row and number of rows; and
 * between which ids of selfheal.error they all are. */
extern char *quarantine_reasons(const QuarantineWriter *w, int max);
extern void quarantine_errors(const QuarantineWriter *w, int64 *first, int64 *last);
extern void quarantine_end(QuarantineWriter *w);

/* What stands in witness of one that is never stored. */
#define QUARANTINE_WHOLE "whole"
#define QUARANTINE_PART "part"

/* What stands in changed_by of a row that a contract has discarded. */
#define QUARANTINE_BY_CONTRACT "contract"
/* And of one that the WHERE of its load leaves out. */
#define QUARANTINE_BY_WHERE "where"

/* Append one that is discarded on arrival; entry: its row of selfheal.discard. */
extern void quarantine_append_discarded(Appender *a, int64 id, const StoreRow *row,
										int64 load, int64 entry, int64 position);

/* Append one held row to an open selfheal.quarantine: for the doors that know
 * the reason already. id comes from quarantine_id_seq (append_take_ids). */
extern void quarantine_append(Appender *a, int64 id, Oid relid,
							  const StoreRow *row, int64 load, int64 error,
							  int64 position, bool bulk);

#endif							/* SELFHEAL_QUARANTINE_H */
