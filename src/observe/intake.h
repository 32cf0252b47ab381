/*
 * intake.h
 *	  The front door: <table>_intake takes any payload and answers at once.
 *
 * A load is gathered in memory, bounded in bytes, and flushed when it is full
 * and at its end. INSERTs come by the view's triggers (inserts.h), COPY ...
 * (FORMAT ndjson) by ndjson.c without a trigger call per row, ingest() by its
 * array.
 */
#ifndef SELFHEAL_INTAKE_H
#define SELFHEAL_INTAKE_H

#include "postgres.h"

#include "observe/load.h"
#include "observe/onmisfit.h"
#include "utils/array.h"

typedef struct Intake Intake;

/*
 * Open a load into a watched table, below the current memory context. Takes
 * the gate lock in share mode, then the table's. Raises 42501 without the
 * INSERT privilege on the table, 25006 in a read-only transaction.
 */
extern Intake *intake_begin(Oid relid, LoadSource source);

/* What its statement says of rows that do not fit; before the first one. */
extern void intake_on_misfit(Intake *in, const OnMisfit *on);

/* Rows for which a condition (parse tree, condition.h) is not true are left out
 * and counted; before the first one. */
extern void intake_where(Intake *in, Node *condition);

/* Take one payload; bytes are copied. Flushes by itself when full. An empty
 * or blank line (or NULL bytes) is skipped and counted. */
extern void intake_row(Intake *in, const char *bytes, size_t len, bool bad_encoding);

/* Hold a part of a line that is too long to be taken as one; its first part
 * counts as a line. */
extern void intake_part(Intake *in, const char *bytes, size_t len, bool first);

/* One line of a file, and the payload that was made of its fields. */
typedef struct IntakeLine
{
	const char *payload;		/* NULL: none could be made */
	size_t		len;
	bool		whole;			/* the line is one payload, not made of fields */
	const char *raw;			/* the line itself */
	size_t		rawlen;
	int64		position;		/* its number in the file */
	int			fault_state;	/* without payload: SQLSTATE, and what is
								 * wrong */
	const char *fault;			/* with it; good until intake_end */
} IntakeLine;

/* Take one; bytes are copied. Without a payload the line is held. */
extern void intake_line(Intake *in, const IntakeLine *line);

/* Skip one, and count it. */
extern void intake_skip(Intake *in);

/* Flush, write load, errors and discards, say NOTICE when rows were held or
 * anything was discarded (unless its statement says otherwise), arm the wake;
 * frees the intake. Raises 22000 past the table's reject_limit. counts may be
 * NULL. */
extern void intake_end(Intake *in, LoadCounts *counts);

/* Forget a load whose (sub)transaction is aborted; frees the intake. */
extern void intake_drop(Intake *in);

/* A load of the texts of an array; a null is skipped. */
extern void intake_array(Oid relid, ArrayType *payloads, LoadCounts *counts);

/* Gate of a table: loads share it, the healer takes it alone. In its own
 * lock space (advisory class that SQL functions cannot reach). */
extern void intake_gate(Oid relid, bool exclusive);

#endif							/* SELFHEAL_INTAKE_H */
