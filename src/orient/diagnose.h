/*
 * diagnose.h
 *	  What do all held payloads of a table need, column by column?
 *
 * Reads every held row of the table and fits it against the table as it is
 * now. The result feeds the playbooks and the incident's packet.
 */
#ifndef SELFHEAL_DIAGNOSE_H
#define SELFHEAL_DIAGNOSE_H

#include "postgres.h"

#include "read/fit.h"
#include "nodes/pg_list.h"
#include "orient/infer.h"
#include "orient/refused.h"
#include "orient/samples.h"
#include "orient/share.h"

/* Words that are kept of one enum column; more are no labels. */
#define FINDING_LABELS 32

/* What one column (or new key, or the row) needs. */
typedef struct Finding
{
	FitClass	class;
	char	   *column;			/* column or key; NULL = the row */
	const FitColumn *target;	/* the column as it is, NULL if there is none */
	int64		rows;
	int64		first_id;		/* of a held row that shows it */
	int64		last_id;		/* of the newest that does */
	Evidence	evidence;		/* over the values that do not fit; for a new
								 * key over all its values */
	bool		alone;			/* drift: some row shows it that has no bad
								 * value besides */
	List	   *beside;			/* drift: bad values that rows with it have,
								 * Finding * */
	char	   *message;		/* of the first misfit */
	FitTerm		term;			/* the table's contract for it */
	char	   *contract;		/* what the contract says, in words, where
								 * that is not TERM_EVOLVE: nobody looks for a
								 * step; else NULL */
	Share		share;			/* wrong_type, bad_value: of the rows that
								 * came last; zeros when too few are held */
	int64		taught;			/* so few values taught selfheal the type of
								 * this column, which it added (taught.h); 0:
								 * another's column, or enough of them */
	int			key;			/* unknown_key: its number (alike.h) */
	const char *alike;			/* unknown_key: column, or new key that came
								 * before, that it may be another spelling of;
								 * NULL = none */
	List	   *labels;			/* enum_label: the different words (char *),
								 * in order of appearance */
	bool		many_labels;	/* there were more */
	int			sqlstate;		/* what PostgreSQL raises for it */
	List	   *refused;		/* Refused *: an insert has found it, no look
								 * at the payload; first_id is 0, and there is
								 * no evidence */
	Samples    *samples;		/* the different values that do not fit, where
								 * another notation may be why; key_too_long:
								 * the keys; bad_encoding: the payloads. NULL:
								 * none are kept */
} Finding;

typedef struct Diagnosis
{
	Oid			relid;
	Shape	   *shape;
	List	   *hints;			/* Hint *, as they were when the rows were
								 * read */
	List	   *findings;		/* Finding *, in order of first appearance */
	int64		rows;			/* held rows read */
	int64		fitting;		/* of them fit the table as it is now */
	List	   *held;			/* HeldTally *, of diagnose_table */
} Diagnosis;

/* Diagnose a table (lock: AccessShareLock for the transaction). Runs in a
 * transaction; result in the current context. What the table's contract
 * discards is no finding: such rows need nothing but a replay. Behind what the
 * payloads show stands what only inserts have found. */
extern Diagnosis *diagnose_table(Oid relid);

/* How many held rows an incident had when its table was diagnosed. */
extern int64 diagnose_held(const Diagnosis *diagnosis, int64 incident);

/* Does a held row of this incident fit the table as it is now? Ends with the
 * first that does; lock as above. */
extern bool diagnose_fits(Oid relid, int64 incident);

/* The same for one payload that is not stored: preview(). What the contract
 * would discard is a finding as well. No transaction of its own; the lock is
 * given back. */
extern Diagnosis *diagnose_payload(Oid relid, const char *bytes, size_t len);

#endif							/* SELFHEAL_DIAGNOSE_H */
