/*
 * sharing.h
 *	  What is told of a table's values: its share_values (watch), and by it
 *	  the masking of read/mask.h and read/phrase.h.
 *
 * It binds what leaves for those who may not read the table: a model, the
 * server log, notifications. The views of selfheal and the notices of a
 * producer's own session are for those who may.
 */
#ifndef SELFHEAL_SHARING_H
#define SELFHEAL_SHARING_H

#include "postgres.h"

#include "read/mask.h"

/* Bytes of one payload that are told, at most. */
#define SHARING_SHOWN 2000

/* What the table's owner said by watch(), else selfheal.share_values; also of
 * InvalidOid: no table is known. Of a table that is gone nothing is told: what
 * its owner said went with it. */
extern ShareValues sharing_of(Oid relid);

/* Does row security keep rows of this table from this role? Then it is told of
 * none that is held in full: nobody knows whose it would be. False when it is gone. */
extern bool sharing_keeps_rows(Oid relid, Oid role);

/*
 * The names of a table that are metadata: schema, table, columns, their types,
 * constraints, indexes and the tables that its foreign keys refer to. From the
 * catalog alone, no SQL; empty when it is gone. In the current context.
 */
extern MaskNames *sharing_names(Oid relid);

/* A message about rows of a table as the server log may have it. */
extern char *sharing_message(Oid relid, const char *message);

/* Is the log not to have the statement either, in which payloads may stand, nor
 * the context, in which COPY tells the line? For errhidestmt, errhidecontext. */
extern bool sharing_hides(Oid relid);

/*
 * Report an error that was caught to the server log, with what its message,
 * detail, hint and context tell of values masked. Outside a transaction: the
 * failed one is aborted already. What the server says of itself (disk, memory,
 * internal errors) is reported as it is.
 */
extern void sharing_report(const ErrorData *edata, Oid relid);

/* The same for an error that no table is known of, wherever we are: nothing
 * of values is told, unless all is by the setting. */
extern void sharing_emit(const ErrorData *edata);

#endif							/* SELFHEAL_SHARING_H */
