/*
 * expected.h
 *	  What a table is expected to look like, and what breaks that.
 *
 * Two things are expected: what expect() says of a table, and what its
 * producers send, of which all that is known is that the table took it until
 * somebody changed it. A change by a person that breaks either is an error of
 * class drift (selfheal.error), written in the transaction of the change,
 * before a load can fail of it. Its column is the column as it was called, its
 * context
 *
 *	{"kind": a word of snapshot.h, "source": "baseline" | "producers",
 *	 "was":, "now":, "statement":,
 *	 "expected": {"columns": {name: its element of the snapshot}},
 *				 {"types": {name: its member of the snapshot}}, or, of a column
 *				 that must be sent, {"columns": {}, "without": [name]}}
 */
#ifndef SELFHEAL_EXPECTED_H
#define SELFHEAL_EXPECTED_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "observe/snapshot.h"
#include "utils/timestamp.h"

#define EXPECTED_CLASS "drift"

/*
 * How a table of this shape differs from its baseline (SnapshotChange, was:
 * expected, now: actual), in the current context. False when nothing is said of
 * the table. *since: when it was said (may be NULL).
 */
extern bool expected_differences(Oid relid, const Jsonb *actual, List **differences,
								 TimestampTz *since);

/* The same of a part that was as told in a drift's context ("expected"). */
extern List *expected_part_differences(const Jsonb *actual, const Jsonb *expected);

/* Is this a change that a person must know of: a column dropped, renamed,
 * narrowed, made NOT NULL, or one that must be sent? */
extern bool expected_breaks(const SnapshotChange *change);

/* Has the team said (hint) that what is sent under this name goes to another
 * column, or nowhere? Then no producer misses its column. */
extern bool expected_elsewhere(Oid relid, const char *name);

/*
 * A person has changed a watched table to this version (registry.h), by these
 * changes (SnapshotChange) and this command (selfheal.ddl.id; 0: not known):
 * capture what breaks. In the transaction of his
 * command, as the extension's owner or as anybody.
 */
extern void expected_changed(Oid relid, int version, const List *changes,
							 const char *role, int64 command);

/* A change in words: column "v" was narrowed from ... to ... */
extern char *expected_words(const SnapshotChange *change);

#endif							/* SELFHEAL_EXPECTED_H */
