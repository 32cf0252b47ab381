/*
 * chain.h
 *	  The hash chain over selfheal.audit: canonical text, hash, verification.
 *
 * hash(row) = hex(sha256("selfheal audit 1" LF, seq LF, prev_hash LF,
 * canonical text)). The canonical text has one part per column of
 * CHAIN_COLUMNS, in that order: name TAB octets TAB value LF, or
 * name TAB - LF for null. docs/AUDIT.md has the form of each type.
 *
 * A new column would change every hash: it needs a version 2 of the first
 * line, chosen by seq. So does a change of order or of a form.
 */
#ifndef SELFHEAL_CHAIN_H
#define SELFHEAL_CHAIN_H

#include "postgres.h"

#include "access/htup.h"
#include "access/tupdesc.h"

#define CHAIN_VERSION "selfheal audit 1\n"

/* What is hashed, in the documented order; then the chain's own columns. */
#define CHAIN_COLUMNS \
	"id, at, event, incident, plan, schema_name, table_name, actor_role, " \
	"actor_client, sqlstate, error, payload_ref, packet, options, " \
	"explanation, confidence, playbook, tools, sql_run, inverse, verdict, " \
	"policy, forecast, dry_run, approval, result, rows_held, rows_replayed, " \
	"rows_left, estimate_before, estimate_after, schema_hash_before, " \
	"schema_hash_after, lsn, ms_since_capture"
#define CHAIN_LINKS "seq, prev_hash, hash"

#define CHAIN_NCOLUMNS 35
#define CHAIN_SEQ (CHAIN_NCOLUMNS + 1)
#define CHAIN_PREV (CHAIN_NCOLUMNS + 2)
#define CHAIN_HASH (CHAIN_NCOLUMNS + 3)

/* A hash in hex, and what stands for one before the first row. */
#define CHAIN_HEX 64
#define CHAIN_ORIGIN \
	"0000000000000000000000000000000000000000000000000000000000000000"

/* The digest context and a memory context that is reset for each row. */
typedef struct Chain Chain;

extern Chain *chain_begin(void);
extern void chain_end(Chain *chain);

/*
 * Hash of one row as CHAIN_COLUMNS selects it (more columns may follow), at
 * this place of the chain. Writes CHAIN_HEX digits and a NUL to out, which
 * may be prev itself. Raises elog for a column of a type it does not know.
 */
extern void chain_hash(Chain *chain, HeapTuple row, TupleDesc desc, int64 seq,
					   const char *prev, char *out);

#endif							/* SELFHEAL_CHAIN_H */
