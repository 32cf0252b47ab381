/*
 * append.h
 *	  Rows straight into one of our own tables, without SQL.
 *
 * Producers have no privilege on our tables and should not pay for a parsed
 * statement per load; quarantine, capture and load therefore write tuples
 * themselves, many at a time. No trigger, check or default of the table is
 * run: whoever appends gives every column and keeps the table's rules.
 */
#ifndef SELFHEAL_APPEND_H
#define SELFHEAL_APPEND_H

#include "postgres.h"

typedef struct Appender Appender;

/* Oid of a sequence or table of ours; raises 55000 when the extension is not
 * installed in this database. */
extern Oid	append_relation(const char *name);

/* The next value of one of our sequences, whoever is the current user. */
extern int64 append_next_id(const char *sequence);

/*
 * The first of n values of one of our sequences that follow one another: later
 * than all that were given out before, and nobody else's. Whoever takes from
 * that sequence takes by this function.
 */
extern int64 append_take_ids(const char *sequence, int64 n);

/* Open a table of ours (lock: RowExclusiveLock, kept), below the current
 * memory context. */
extern Appender *append_open(const char *table);

/*
 * Add one row: natts values by position; columns beyond them become null.
 * The values are copied.
 */
extern void append_row(Appender *a, int natts, Datum *values, bool *nulls);

/* Write what is left, end, and make the rows visible to the next command. */
extern void append_close(Appender *a);

#endif							/* SELFHEAL_APPEND_H */
