/*
 * intake.h
 *	  The front door: <table>_intake takes any payload and answers at once.
 *
 * Buffers are a list by (intake, nest level), bounded in bytes, below the
 * transaction; an aborted (sub)transaction drops its own. INSERTs come by the
 * view's triggers, COPY ... (FORMAT ndjson) by ndjson.c without a trigger
 * call per row, ingest() by its array; all end in intake_flush.
 */
#ifndef SELFHEAL_INTAKE_H
#define SELFHEAL_INTAKE_H

#include "postgres.h"

#include "observe/load.h"
#include "utils/array.h"

typedef struct Intake Intake;

/*
 * Open a load into a watched table, below the current memory context. Takes
 * the gate lock in share mode, then the table's. Raises 42501 without the
 * INSERT privilege on the table, 25006 in a read-only transaction.
 */
extern Intake *intake_begin(Oid relid, LoadSource source);

/* Raises 55000 under session_replication_role = replica, in which the triggers
 * of an intake would be passed over and the rows vanish. */
extern void intake_refuse_replica(Oid viewid);

/* Take one payload; bytes are copied. Flushes by itself when full. An empty
 * or blank line (or NULL bytes) is skipped and counted. */
extern void intake_row(Intake *in, const char *bytes, size_t len, bool bad_encoding);

/* Flush, write load, errors and discards, say NOTICE when rows were held or
 * anything was discarded, arm the wake;
 * frees the intake. Raises 22000 past the table's reject_limit. counts may be
 * NULL. */
extern void intake_end(Intake *in, LoadCounts *counts);

/* A load of the texts of an array; a null is skipped. */
extern void intake_array(Oid relid, ArrayType *payloads, LoadCounts *counts);

/* Gate of a table: loads share it, the healer takes it alone. In its own
 * lock space (advisory class that SQL functions cannot reach). */
extern void intake_gate(Oid relid, bool exclusive);

/* From _PG_init: (sub)transaction callbacks, executor-start hook. */
extern void intake_init(void);

#endif							/* SELFHEAL_INTAKE_H */
