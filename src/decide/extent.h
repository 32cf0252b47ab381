/*
 * extent.h
 *	  How large is a table: heap, TOAST, each index, rows.
 */
#ifndef SELFHEAL_EXTENT_H
#define SELFHEAL_EXTENT_H

#include "postgres.h"

#include "base/rates.h"
#include "nodes/pg_list.h"

typedef struct ExtentIndex
{
	char	   *name;			/* qualified and quoted */
	char	   *key;			/* see extent_index_key */
	int64		bytes;
	Oid			tablespace;		/* InvalidOid: the database's own */
	bool		computed;		/* over expressions or texts: slower to build */
} ExtentIndex;

typedef struct Extent
{
	Oid			relid;
	int64		heap;			/* bytes */
	int64		toast;
	double		rows;			/* as the planner would guess them now */
	Oid			tablespace;
	List	   *indexes;		/* ExtentIndex * */
} Extent;

/*
 * Measure one table (not its partitions or children) by file sizes and the
 * catalog; NULL when it is gone. The weakest locks, given back at once.
 */
extern Extent *extent_of(Oid relid);

/*
 * What an index is, without its name: access method, columns, operator
 * classes, collations, predicate. Equal for an index and for its likeness on
 * a clone or a partition. NULL when it is gone.
 */
extern char *extent_index_key(Oid index);

/*
 * Work on one table, added to *work: the whole heap is rewritten, or it is
 * read, and these indexes (char *, names; with rewrite: all) are built anew.
 * Also the bytes that are read and written.
 */
extern void extent_work(const Extent *extent, bool rewrite, bool scan, const List *indexes,
						RatesWork *work, int64 *bytes_read, int64 *bytes_written);

#endif							/* SELFHEAL_EXTENT_H */
