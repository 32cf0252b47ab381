/*
 * ndjson.h
 *	  COPY <intake> FROM file | PROGRAM | STDIN (FORMAT ndjson).
 *
 * One line (LF or CRLF) is one payload, byte for byte: nothing is un-escaped,
 * "\." is a line like any other. The utility hook takes only COPYs into an
 * intake view; everything else is passed on untouched.
 */
#ifndef SELFHEAL_NDJSON_H
#define SELFHEAL_NDJSON_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "tcop/cmdtag.h"

/*
 * Called by the utility hook for each COPY FROM. Returns false when it is not
 * ours (no intake, or text, csv, binary named). Raises 22023 with the choices
 * when an intake is named without a FORMAT.
 */
extern bool ndjson_copy(const CopyStmt *stmt, QueryCompletion *qc);

/* From _PG_init: the utility hook. */
extern void ndjson_init(void);

#endif							/* SELFHEAL_NDJSON_H */
