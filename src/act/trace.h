/*
 * trace.h
 *	  What an ALTER TABLE does to the files of a table, seen on a clone.
 *
 * A picture before, the ALTER, a picture after: no knowledge of statements or
 * of types is needed to read what was written anew.
 *
 * JSON: {"ms": n, "rewrite": bool, "scan": bool, "relations": [
 *          {"relation": "schema.name", "rewritten": bool,
 *           "toast_rewritten": bool, "reads": n, "rows_written": n,
 *           "indexes_built": [names], "indexes_kept": n}]}
 * Names are the clone's. reads are sequential scans of the heap, building an
 * index being one; rows_written are rows put, changed or taken in place,
 * which no ALTER TABLE does, but what hangs on it may.
 */
#ifndef SELFHEAL_TRACE_H
#define SELFHEAL_TRACE_H

#include "postgres.h"

#include "decide/forecast.h"
#include "lib/stringinfo.h"

typedef struct Trace Trace;

/*
 * The picture before: the table, its partitions and children, and all their
 * indexes. Below a spi_become, whose settings level it uses; the picture is
 * in the current context.
 */
extern Trace *trace_begin(Oid relid);

/*
 * The picture after, and what is different. Takes the time since
 * trace_begin for that of the ALTER. Result and *json in cxt.
 */
extern Traced *trace_end(Trace *trace, MemoryContext cxt, char **json);

#endif							/* SELFHEAL_TRACE_H */
