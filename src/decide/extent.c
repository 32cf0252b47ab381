/*
 * extent.c
 *	  How large is a table: heap, TOAST, each index, rows.
 *
 * Sizes are those of the main fork as it is now, the planner's own base for
 * its guess of rows: what was counted by the last ANALYZE may be long past.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "decide/extent.h"
#include "decide/plan.h"
#include "miscadmin.h"
#include "optimizer/plancat.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

/* Main fork of a relation that has one; 0 when it is gone. */
static int64
bytes_of(Oid relid)
{
	Relation	rel = OidIsValid(relid) ? try_relation_open(relid, AccessShareLock) : NULL;
	int64		bytes = 0;

	if (rel == NULL)
		return 0;
	if (RELKIND_HAS_STORAGE(rel->rd_rel->relkind))
		bytes = (int64) RelationGetNumberOfBlocks(rel) * BLCKSZ;
	relation_close(rel, AccessShareLock);
	return bytes;
}

/* Is one of the index's keys an expression, or compared under a collation? */
static bool
is_computed(Relation index)
{
	if (!heap_attisnull(index->rd_indextuple, Anum_pg_index_indexprs, NULL))
		return true;
	for (int i = 0; i < IndexRelationGetNumberOfKeyAttributes(index); i++)
		if (OidIsValid(index->rd_indcollation[i]))
			return true;
	return false;
}

char *
extent_index_key(Oid index)
{
	HeapTuple	tup = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	HeapTuple	classtup;
	Form_pg_index form;
	StringInfoData buf;
	Datum		d;
	bool		isnull;

	if (!HeapTupleIsValid(tup))
		return NULL;
	classtup = SearchSysCache1(RELOID, ObjectIdGetDatum(index));
	if (!HeapTupleIsValid(classtup))
	{
		ReleaseSysCache(tup);
		return NULL;
	}
	form = (Form_pg_index) GETSTRUCT(tup);
	initStringInfo(&buf);
	appendStringInfo(&buf, "%u %d %d %d (%s)",
					 ((Form_pg_class) GETSTRUCT(classtup))->relam,
					 form->indisunique, form->indisexclusion, form->indnkeyatts,
					 pg_get_indexdef_columns(index, false));
	d = SysCacheGetAttr(INDEXRELID, tup, Anum_pg_index_indclass, &isnull);
	appendStringInfo(&buf, " %s", DatumGetCString(DirectFunctionCall1(oidvectorout, d)));
	d = SysCacheGetAttr(INDEXRELID, tup, Anum_pg_index_indcollation, &isnull);
	appendStringInfo(&buf, " %s", DatumGetCString(DirectFunctionCall1(oidvectorout, d)));
	d = SysCacheGetAttr(INDEXRELID, tup, Anum_pg_index_indoption, &isnull);
	appendStringInfo(&buf, " %s", DatumGetCString(DirectFunctionCall1(int2vectorout, d)));
	d = SysCacheGetAttr(INDEXRELID, tup, Anum_pg_index_indpred, &isnull);
	if (!isnull)
		appendStringInfo(&buf, " WHERE %s",
						 TextDatumGetCString(DirectFunctionCall2(pg_get_expr, d,
																 ObjectIdGetDatum(form->indrelid))));
	ReleaseSysCache(classtup);
	ReleaseSysCache(tup);
	return buf.data;
}

Extent *
extent_of(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	Extent	   *extent;
	SpiUser		saved;
	ListCell   *lc;

	if (rel == NULL)
		return NULL;
	extent = palloc0(sizeof(Extent));
	extent->relid = relid;
	if (RELKIND_HAS_TABLE_AM(rel->rd_rel->relkind))
	{
		BlockNumber pages;
		double		allvisible;

		estimate_rel_size(rel, NULL, &pages, &extent->rows, &allvisible);
		extent->heap = (int64) RelationGetNumberOfBlocks(rel) * BLCKSZ;
		extent->toast = bytes_of(rel->rd_rel->reltoastrelid);
		extent->tablespace = rel->rd_rel->reltablespace;
	}

	/* keys are compared as text, so they are deparsed under one path */
	spi_become(&saved, GetUserId(), 0, true);
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = try_relation_open(lfirst_oid(lc), AccessShareLock);
		ExtentIndex *entry;

		if (index == NULL)
			continue;
		if (index->rd_rel->relkind == RELKIND_INDEX)
		{
			entry = palloc0(sizeof(ExtentIndex));
			entry->name = plan_relation_name(lfirst_oid(lc));
			entry->key = extent_index_key(lfirst_oid(lc));
			entry->bytes = (int64) RelationGetNumberOfBlocks(index) * BLCKSZ;
			entry->tablespace = index->rd_rel->reltablespace;
			entry->computed = is_computed(index);
			extent->indexes = lappend(extent->indexes, entry);
		}
		relation_close(index, AccessShareLock);
	}
	spi_resume(&saved);
	relation_close(rel, AccessShareLock);
	return extent;
}

/* See the header. An index is built by reading the heap. */
void
extent_work(const Extent *extent, bool rewrite, bool scan, const List *indexes,
			RatesWork *work, int64 *bytes_read, int64 *bytes_written)
{
	double		pages = (double) extent->heap / BLCKSZ;
	ListCell   *lc;
	ListCell   *lc2;

	if (rewrite)
	{
		work->rewritten_rows += extent->rows;
		work->rewritten_pages += pages + (double) extent->toast / BLCKSZ;
		work->written_pages += pages + (double) extent->toast / BLCKSZ;
		*bytes_read += extent->heap + extent->toast;
		*bytes_written += extent->heap + extent->toast;
	}
	else if (scan)
	{
		work->read_rows += extent->rows;
		work->read_pages += pages;
		*bytes_read += extent->heap;
	}
	foreach(lc, extent->indexes)
	{
		const ExtentIndex *index = lfirst(lc);
		bool		built = rewrite;

		foreach(lc2, indexes)
			built |= strcmp(lfirst(lc2), index->name) == 0;
		if (!built)
			continue;
		rates_add_index(work, extent->rows, index->computed);
		work->written_pages += (double) index->bytes / BLCKSZ;
		*bytes_read += extent->heap;
		*bytes_written += index->bytes;
	}
}
