/*
 * trace.c
 *	  What an ALTER TABLE does to the files of a table, seen on a clone.
 *
 * A heap, a TOAST table or an index that is written anew gets another file; an
 * index that PostgreSQL keeps is a new relation after ALTER COLUMN TYPE, of
 * the same name and with the old file. Reads are counted by the statistics of
 * this backend's own transaction, which are exact and do not wait for
 * anybody.
 *
 * Building an index reads the heap once, checking an exclusion constraint
 * once more. What is read beyond that was read to check rows. Access methods
 * of extensions read as often as they like: beside one of those that was
 * built, a read says nothing.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "act/trace.h"
#include "base/spi.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "portability/instr_time.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

typedef struct IndexPicture
{
	char	   *name;
	char	   *key;			/* extent_index_key */
	Oid			file;
	int			reads;			/* of the heap, when it is built; -1: who
								 * knows */
} IndexPicture;

typedef struct Picture
{
	Oid			relid;
	char	   *name;
	bool		stored;			/* has rows of its own */
	Oid			file;
	Oid			toast_file;
	int64		reads;
	int64		rows_written;
	double		rows;
	List	   *indexes;		/* IndexPicture * */
} Picture;

struct Trace
{
	Oid			relid;
	instr_time	start;
	List	   *before;			/* Picture * */
};

/* The file that holds a relation; a rewrite gives it another. */
static Oid
file_of(Oid relid)
{
	HeapTuple	tup;
	Oid			file;

	if (!OidIsValid(relid))
		return InvalidOid;
	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	file = ((Form_pg_class) GETSTRUCT(tup))->relfilenode;
	ReleaseSysCache(tup);
	return file;
}

static int64
counter(PGFunction function, Oid relid)
{
	return DatumGetInt64(DirectFunctionCall1(function, ObjectIdGetDatum(relid)));
}

/* How often building this index reads the heap. */
static int
reads_of_build(Relation index)
{
	switch (index->rd_rel->relam)
	{
		case BTREE_AM_OID:
		case HASH_AM_OID:
		case GIST_AM_OID:
		case GIN_AM_OID:
		case SPGIST_AM_OID:
		case BRIN_AM_OID:
			return index->rd_index->indisexclusion ? 2 : 1;
		default:
			return -1;
	}
}

/* Rows that are in a clone: it was filled in this transaction. */
static double
rows_in(Oid relid)
{
	return (double) (counter(pg_stat_get_xact_tuples_inserted, relid) -
					 counter(pg_stat_get_xact_tuples_deleted, relid));
}

static Picture *
picture_of(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	Picture    *p = palloc0(sizeof(Picture));
	ListCell   *lc;

	p->relid = relid;
	p->name = plan_relation_name(relid);
	p->stored = rel->rd_rel->relkind == RELKIND_RELATION;
	p->file = file_of(relid);
	p->toast_file = file_of(rel->rd_rel->reltoastrelid);
	p->reads = counter(pg_stat_get_xact_numscans, relid);
	p->rows_written = counter(pg_stat_get_xact_tuples_inserted, relid) +
		counter(pg_stat_get_xact_tuples_updated, relid) +
		counter(pg_stat_get_xact_tuples_deleted, relid);
	p->rows = Max(rows_in(relid), 0);
	foreach(lc, RelationGetIndexList(rel))
	{
		Relation	index = relation_open(lfirst_oid(lc), AccessShareLock);
		IndexPicture *i;

		if (index->rd_rel->relkind == RELKIND_INDEX)
		{
			i = palloc(sizeof(IndexPicture));
			i->name = plan_relation_name(lfirst_oid(lc));
			i->key = extent_index_key(lfirst_oid(lc));
			i->file = file_of(lfirst_oid(lc));
			i->reads = reads_of_build(index);
			p->indexes = lappend(p->indexes, i);
		}
		relation_close(index, NoLock);
	}
	relation_close(rel, NoLock);
	return p;
}

static List *
pictures_of(Oid relid)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, AccessShareLock, NULL))
		result = lappend(result, picture_of(lfirst_oid(lc)));
	return result;
}

/* See the header. Counting must be on, whatever the session says. */
Trace *
trace_begin(Oid relid)
{
	Trace	   *trace = palloc0(sizeof(Trace));

	spi_set_local("track_counts", "on");
	trace->relid = relid;
	trace->before = pictures_of(relid);
	INSTR_TIME_SET_CURRENT(trace->start);
	return trace;
}

static const Picture *
picture_in(const List *pictures, Oid relid)
{
	ListCell   *lc;

	foreach(lc, pictures)
	{
		if (((Picture *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	return NULL;
}

static const IndexPicture *
index_in(const List *indexes, const char *name)
{
	ListCell   *lc;

	foreach(lc, indexes)
	{
		if (strcmp(((IndexPicture *) lfirst(lc))->name, name) == 0)
			return lfirst(lc);
	}
	return NULL;
}

/* "a", "b" */
static void
append_name(StringInfo json, const char *name, bool first)
{
	if (!first)
		appendStringInfoString(json, ", ");
	escape_json(json, name);
}

/* What became of one table. */
static void
compare(Traced *seen, const Picture *before, const Picture *after, StringInfo json)
{
	bool		rewritten = before->file != after->file;

	/* a column may give a table its first TOAST table */
	bool		toast_rewritten = OidIsValid(before->toast_file) &&
	before->toast_file != after->toast_file;
	int64		reads = after->reads - before->reads;
	int64		rows_written = after->rows_written - before->rows_written;
	int64		to_build = 0;
	bool		unsure = false;
	bool		first = true;
	int			kept = 0;
	ListCell   *lc;

	appendStringInfoString(json, "{\"relation\": ");
	escape_json(json, after->name);
	appendStringInfo(json, ", \"rewritten\": %s, \"toast_rewritten\": %s, \"reads\": " INT64_FORMAT
					 ", \"rows_written\": " INT64_FORMAT ", \"indexes_built\": [",
					 rewritten ? "true" : "false",
					 toast_rewritten ? "true" : "false",
					 reads, rows_written);
	foreach(lc, after->indexes)
	{
		const IndexPicture *now = lfirst(lc);
		const IndexPicture *was = index_in(before->indexes, now->name);

		if (was != NULL && was->file == now->file)
		{
			seen->kept = lappend(seen->kept, pstrdup(was->key));
			kept++;
			continue;
		}
		append_name(json, now->name, first);
		first = false;
		if (was != NULL)
			seen->built = lappend(seen->built, pstrdup(was->key));
		else
			seen->made = lappend(seen->made, pstrdup(now->name));
		to_build += Max(now->reads, 0);
		unsure |= now->reads < 0;
	}
	appendStringInfo(json, "], \"indexes_kept\": %d}", kept);

	/* rows that are changed in place cost what new ones cost */
	seen->rewrite |= rewritten || toast_rewritten || rows_written != 0;
	seen->scan |= !rewritten && !unsure && reads > to_build;
	seen->tables += after->stored;
	seen->rows += before->rows;
}

/* See the header. */
Traced *
trace_end(Trace *trace, MemoryContext cxt, char **json)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Traced	   *seen = palloc0(sizeof(Traced));
	StringInfoData relations;
	StringInfoData all;
	instr_time	end;
	ListCell   *lc;

	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, trace->start);
	seen->ms = INSTR_TIME_GET_MILLISEC(end);

	initStringInfo(&relations);
	foreach(lc, pictures_of(trace->relid))
	{
		const Picture *after = lfirst(lc);
		const Picture *before = picture_in(trace->before, after->relid);

		/* a table that was made meanwhile is nobody's cost */
		if (before == NULL)
			continue;
		if (relations.len > 0)
			appendStringInfoString(&relations, ", ");
		compare(seen, before, after, &relations);
	}
	if (seen->rewrite)
		seen->scan = false;
	initStringInfo(&all);
	appendStringInfo(&all, "{\"ms\": %.2f, \"rewrite\": %s, \"scan\": %s, \"relations\": [%s]}",
					 seen->ms, seen->rewrite ? "true" : "false",
					 seen->scan ? "true" : "false", relations.data);
	*json = all.data;
	MemoryContextSwitchTo(old);
	return seen;
}
