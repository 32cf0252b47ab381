/*
 * present.c
 *	  Which of these rows are in the table already? One query.
 *
 * The stored row is found by the operators of the unique index that refused
 * the row; whether the two are equal is asked of their bytes (the image of a
 * record), so that 1.0 is not 1.00 and no operator of a user's type is
 * asked. The query runs as the table's owner under restriction, since a
 * producer need not be allowed to read; all that he learns is that a row he
 * has sent is there.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "write/present.h"

/* The question, as spi_try's argument. */
typedef struct Question
{
	Relation	rel;
	TupleDesc	desc;
	const Shape *shape;
	const int  *columns;
	int			ncolumns;
	const FormedRow *rows;
	int			n;
	int			nkeys;
	AttrNumber	keys[INDEX_MAX_KEYS];	/* of rel */
	Oid			ops[INDEX_MAX_KEYS];
	bool		nulls_meet;		/* NULLS NOT DISTINCT */
	char	   *predicate;		/* of a partial index: rows outside of it met
								 * nobody; NULL: none */
	bool	   *there;
	int			found;
} Question;

/* The unique index that the error names: of the table, or of a partition. */
static Oid
named_index(const ErrorData *edata)
{
	Oid			schema;
	Oid			index;

	if (edata->constraint_name == NULL || edata->schema_name == NULL)
		return InvalidOid;
	schema = get_namespace_oid(edata->schema_name, true);
	index = get_relname_relid(edata->constraint_name, schema);
	return OidIsValid(index) && get_rel_relkind(index) == RELKIND_INDEX ?
		index : InvalidOid;
}

/* Is the relation our table or a partition of it? A trigger's own INSERT may
 * have met a row of another table. */
static bool
is_ours(const Question *q, Oid heap)
{
	return heap == RelationGetRelid(q->rel) ||
		(get_rel_relispartition(heap) &&
		 list_member_oid(get_partition_ancestors(heap), RelationGetRelid(q->rel)));
}

/* What a partial index says of its rows, in the words of a query that runs
 * under a pinned path; NULL: it has all rows. */
static char *
predicate_of(Oid indexid, Oid heap)
{
	HeapTuple	tup = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(indexid));
	char	   *predicate = NULL;
	bool		isnull = true;
	Datum		tree = 0;
	SpiUser		saved;

	if (!HeapTupleIsValid(tup))
		return NULL;
	tree = SysCacheGetAttr(INDEXRELID, tup, Anum_pg_index_indpred, &isnull);
	if (!isnull)
	{
		spi_become(&saved, GetUserId(), 0, true);
		predicate = TextDatumGetCString(DirectFunctionCall2(pg_get_expr, tree,
															ObjectIdGetDatum(heap)));
		spi_resume(&saved);
	}
	ReleaseSysCache(tup);
	return predicate;
}

/*
 * Columns of our table and operators by which the index compares; false when
 * it is not our table's, or has a key that is no column. A partition's columns
 * are found by name.
 */
static bool
read_keys(Question *q, Oid indexid)
{
	Relation	index = index_open(indexid, AccessShareLock);
	Oid			heap = index->rd_index->indrelid;
	bool		good = index->rd_index->indisunique && is_ours(q, heap);

	q->nkeys = index->rd_index->indnkeyatts;
	q->nulls_meet = index->rd_index->indnullsnotdistinct;
	for (int i = 0; good && i < q->nkeys; i++)
	{
		AttrNumber	attnum = index->rd_index->indkey.values[i];
		char	   *name = attnum > 0 ? get_attname(heap, attnum, true) : NULL;

		q->keys[i] = name ? get_attnum(RelationGetRelid(q->rel), name) : 0;
		q->ops[i] = get_opfamily_member(index->rd_opfamily[i],
										index->rd_opcintype[i],
										index->rd_opcintype[i],
										BTEqualStrategyNumber);
		good = q->keys[i] > 0 && OidIsValid(q->ops[i]);
	}
	index_close(index, NoLock);
	if (good)
		q->predicate = predicate_of(indexid, heap);
	return good;
}

/* Position of a column of the table among the listed ones, from 1; 0: none. */
static int
position(const Question *q, AttrNumber attnum)
{
	for (int i = 0; i < q->ncolumns; i++)
		if (q->shape->cols[q->columns[i]].attnum == attnum)
			return i + 1;
	return 0;
}

/* SELECT those rows with these present keys that stand in the table; NULL
 * when the key is none of the columns that rows fill. */
static char *
question_sql(const Question *q, const bool *present)
{
	StringInfoData sql;
	StringInfoData ours;
	StringInfoData theirs;
	int			n = 0;

	initStringInfo(&sql);
	initStringInfo(&ours);
	initStringInfo(&theirs);
	for (int i = 0; i < q->ncolumns; i++)
	{
		if (!present[q->columns[i]])
			continue;
		appendStringInfo(&ours, "%sr.c%d", n ? ", " : "", i + 1);
		appendStringInfo(&theirs, "%st.%s", n++ ? ", " : "",
						 quote_identifier(NameStr(q->shape->cols[q->columns[i]].name)));
	}
	appendStringInfo(&sql, "SELECT r.n FROM " TUPLES_NAME " AS r WHERE EXISTS (SELECT 1 FROM %s AS t WHERE ",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(q->rel)),
												RelationGetRelationName(q->rel)));
	for (int i = 0; i < q->nkeys; i++)
	{
		int			at = position(q, q->keys[i]);
		Oid			type = get_atttype(RelationGetRelid(q->rel), q->keys[i]);
		char	   *key = psprintf("t.%s", quote_identifier(get_attname(RelationGetRelid(q->rel),
																		q->keys[i], false)));

		if (at == 0)
			return NULL;
		appendStringInfoChar(&sql, '(');
		generate_operator_clause(&sql, key, type, q->ops[i], psprintf("r.c%d", at), type);
		if (q->nulls_meet)
			appendStringInfo(&sql, " OR (%s IS NULL AND r.c%d IS NULL)", key, at);
		appendStringInfoString(&sql, ") AND ");
	}
	if (q->predicate)
		appendStringInfo(&sql, "(%s) AND ", q->predicate);
	appendStringInfo(&sql, "pg_catalog.record_image_eq(ROW(%s), ROW(%s)))",
					 theirs.data, ours.data);
	return sql.data;
}

/* Body of the subtransaction: one question for each run of rows that have the
 * same present keys. */
static void
ask(void *arg)
{
	Question   *q = arg;
	int			from = 0;

	for (int to = 1; to <= q->n; to++)
	{
		char	   *sql;

		if (to < q->n && q->rows[to].present == q->rows[from].present)
			continue;
		sql = question_sql(q, q->rows[from].present);
		if (sql)
			q->found += tuples_mark(sql, q->rel->rd_rel->relowner,
									q->rows + from, to - from, q->desc, q->shape,
									q->columns, q->ncolumns, q->there + from);
		from = to;
	}
}

/* See the header. */
int
present_find(Relation rel, const ErrorData *edata, TupleDesc desc,
			 const Shape *shape, const int *columns, int ncolumns,
			 const FormedRow *rows, int n, bool *there)
{
	Question	q = {.rel = rel,.desc = desc,.shape = shape,.columns = columns,
	.ncolumns = ncolumns,.rows = rows,.n = n,.there = there};
	Oid			index = named_index(edata);
	MemoryContext cxt;
	MemoryContext old;
	ErrorData  *failed;

	memset(there, 0, sizeof(bool) * n);
	if (n == 0 || rows[0].present == NULL || !OidIsValid(index) || !read_keys(&q, index))
		return 0;
	cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal present",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	failed = spi_try(ask, &q);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	if (failed == NULL)
		return q.found;
	memset(there, 0, sizeof(bool) * n);
	return 0;
}
