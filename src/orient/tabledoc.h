/*
 * tabledoc.h
 *	  A table as its catalog describes it, for a model or a person who is to
 *	  decide about it.
 */
#ifndef SELFHEAL_TABLEDOC_H
#define SELFHEAL_TABLEDOC_H

#include "postgres.h"

#include "utils/jsonb.h"

/*
 * From the catalog alone: no row is read and no code of a user runs. Names,
 * comments, defaults and definitions are cut to a length; of columns, indexes,
 * partitions and labels the first so many are listed, and the column focus
 * (may be NULL) in any case. What there is none of is left out. JSON:
 * {"table", "comment", "kind", "estimated_rows", "bytes",
 *  "columns": [{"name","type","not_null","default","generated","identity",
 *               "comment","labels": [text]}], "columns_in_all",
 *  "constraints": [{"name","definition"}], "indexes": [text],
 *  "partition_by", "partitions": [{"name","bound"}], "partitions_in_all",
 *  "refers_to": [text],
 *  "mappings": [{"id","kind","key","column","args"}]}
 * In the current context; NULL when the table is gone.
 */
extern Jsonb *tabledoc_read(Oid relid, const char *focus);

/* The same as lines of text, without mappings: fewer tokens. */
extern char *tabledoc_text(Jsonb *doc);

#endif							/* SELFHEAL_TABLEDOC_H */
