/*
 * fkmiss.c
 *	  Which of these rows miss their foreign key's parent? One query.
 *
 * The keys of the rows are read from a tuplestore; the comparison uses the
 * operators of the foreign key itself, and the query runs as the parent's
 * owner under restriction, as PostgreSQL's own check does: the producer needs
 * no right on the parent.
 *
 * The query must say what the check would say. Where it might not, we do not
 * ask: MATCH FULL, a table that references itself (the batch holds its own
 * parents), BEFORE ROW triggers (they may change the key), partitioned tables
 * (their partitions may have such triggers), keys among columns that we do not
 * write.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/pg_constraint.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "write/fkmiss.h"

/* The query's parts, as spi_try's argument. */
typedef struct FkQuery
{
	const ForeignKeyCacheInfo *fk;
	TupleDesc	desc;
	const Shape *shape;
	const int  *cols;			/* of each key column in the shape; with
								 * among, those referred to behind them */
	bool		among;			/* the parent may be one of the rows */
	const FormedRow *rows;
	int			n;
	bool	   *missing;
	int			found;
} FkQuery;

/* The foreign key that the error names, when a query can stand in for it. */
static const ForeignKeyCacheInfo *
named_key(Relation rel, const ErrorData *edata)
{
	ListCell   *lc;

	if (edata->constraint_name == NULL || edata->table_name == NULL ||
		strcmp(edata->table_name, RelationGetRelationName(rel)) != 0 ||
		rel->rd_rel->relkind != RELKIND_RELATION ||
		(rel->trigdesc && rel->trigdesc->trig_insert_before_row))
		return NULL;

	foreach(lc, RelationGetFKeyList(rel))
	{
		ForeignKeyCacheInfo *fk = lfirst(lc);
		char	   *name = get_constraint_name(fk->conoid);
		HeapTuple	tup;
		char		match;

		if (name == NULL || strcmp(name, edata->constraint_name) != 0)
			continue;
		if (fk->confrelid == RelationGetRelid(rel))
			return NULL;
		tup = SearchSysCache1(CONSTROID, ObjectIdGetDatum(fk->conoid));
		if (!HeapTupleIsValid(tup))
			return NULL;
		match = ((Form_pg_constraint) GETSTRUCT(tup))->confmatchtype;
		if (compat_fk_period((Form_pg_constraint) GETSTRUCT(tup)))
			match = '\0';
		ReleaseSysCache(tup);
		return match == FKCONSTR_MATCH_SIMPLE ? copyObject(fk) : NULL;
	}
	return NULL;
}

/*
 * SELECT the ordinals whose key is whole (a null in it satisfies the
 * constraint) and whose parent is not there.
 */
static char *
miss_sql(const FkQuery *q)
{
	const ForeignKeyCacheInfo *fk = q->fk;
	bool		parted = get_rel_relkind(fk->confrelid) == RELKIND_PARTITIONED_TABLE;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT k.n FROM " TUPLES_NAME " AS k WHERE ");
	for (int i = 0; i < fk->nkeys; i++)
		appendStringInfo(&sql, "k.c%d IS NOT NULL AND ", i + 1);
	appendStringInfo(&sql, "NOT EXISTS (SELECT 1 FROM %s%s p WHERE ",
					 parted ? "" : "ONLY ",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(fk->confrelid)),
												get_rel_name(fk->confrelid)));
	for (int i = 0; i < fk->nkeys; i++)
	{
		appendStringInfoString(&sql, i ? " AND " : "");
		generate_operator_clause(&sql,
								 psprintf("p.%s", quote_identifier(get_attname(fk->confrelid, fk->confkey[i], false))),
								 get_atttype(fk->confrelid, fk->confkey[i]),
								 fk->conpfeqop[i], psprintf("k.c%d", i + 1),
								 q->shape->cols[q->cols[i]].type);
	}
	appendStringInfoString(&sql, ")");
	if (q->among)
	{
		appendStringInfoString(&sql, " AND NOT EXISTS (SELECT 1 FROM " TUPLES_NAME " AS b WHERE ");
		for (int i = 0; i < fk->nkeys; i++)
		{
			appendStringInfoString(&sql, i ? " AND " : "");
			generate_operator_clause(&sql, psprintf("b.c%d", fk->nkeys + i + 1),
									 get_atttype(fk->confrelid, fk->confkey[i]),
									 fk->conpfeqop[i], psprintf("k.c%d", i + 1),
									 q->shape->cols[q->cols[i]].type);
		}
		appendStringInfoString(&sql, ")");
	}
	return sql.data;
}

/* Run the query as the parent's owner; body of a subtransaction. */
static void
run(void *arg)
{
	FkQuery    *q = arg;
	const ForeignKeyCacheInfo *fk = q->fk;
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(fk->confrelid));
	Oid			owner;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for relation %u", fk->confrelid);
	owner = ((Form_pg_class) GETSTRUCT(tup))->relowner;
	ReleaseSysCache(tup);
	q->found = tuples_mark(miss_sql(q), owner, q->rows, q->n, q->desc, q->shape,
						   q->cols, fk->nkeys * (q->among ? 2 : 1), q->missing);
}

/* "Key (a, b)=(x, y) ..." of one row, as PostgreSQL words it. */
static char *
key_detail(const FkQuery *q, const FormedRow *row)
{
	StringInfoData names;
	StringInfoData vals;

	initStringInfo(&names);
	initStringInfo(&vals);
	for (int k = 0; k < q->fk->nkeys; k++)
	{
		const FitColumn *col = &q->shape->cols[q->cols[k]];
		Oid			output;
		bool		varlena;
		bool		isnull;
		Datum		value = heap_getattr(row->tuple, col->attnum, q->desc, &isnull);

		getTypeOutputInfo(col->type, &output, &varlena);
		appendStringInfo(&names, "%s%s", k ? ", " : "", NameStr(col->name));
		appendStringInfo(&vals, "%s%s", k ? ", " : "",
						 OidOutputFunctionCall(output, value));
	}
	return psprintf("Key (%s)=(%s) is not present in table \"%s\".",
					names.data, vals.data, get_rel_name(q->fk->confrelid));
}

/* Where these columns of the table stand in the shape; false when rows do not
 * fill one of them. */
static bool
find_columns(const Shape *shape, const int *columns, int ncolumns,
			 const AttrNumber *attnums, int n, int *cols)
{
	for (int k = 0; k < n; k++)
	{
		int			i = 0;

		while (i < ncolumns && shape->cols[columns[i]].attnum != attnums[k])
			i++;
		if (i == ncolumns)
			return false;
		cols[k] = columns[i];
	}
	return true;
}

/* Ask; false when the query fails: then we do not know. */
static bool
ask(FkQuery *q)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "selfheal foreign key",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	ErrorData  *failed = spi_try(run, q);

	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	if (failed)
		memset(q->missing, 0, sizeof(bool) * q->n);
	return failed == NULL;
}

/* See the header. An error of the query means that we do not know: 0. */
int
fkmiss_find(Relation rel, const ErrorData *edata, TupleDesc desc,
			const Shape *shape, const int *columns, int ncolumns,
			const FormedRow *rows, int n, bool *missing, char **detail)
{
	const ForeignKeyCacheInfo *fk = named_key(rel, edata);
	int			cols[INDEX_MAX_KEYS];
	FkQuery		q = {fk, desc, shape, cols, false, rows, n, missing, 0};

	memset(missing, 0, sizeof(bool) * n);
	if (fk == NULL || !find_columns(shape, columns, ncolumns, fk->conkey, fk->nkeys, cols) ||
		!ask(&q))
		return 0;
	for (int i = 0; i < n; i++)
		if (missing[i])
			detail[i] = key_detail(&q, &rows[i]);
	return q.found;
}

/* ---- rows that wait ---- */

/* Of which table is the constraint? InvalidOid when there is none. */
static Oid
table_of(Oid constraint)
{
	HeapTuple	tup = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Oid			relid = InvalidOid;

	if (HeapTupleIsValid(tup))
	{
		relid = ((Form_pg_constraint) GETSTRUCT(tup))->conrelid;
		ReleaseSysCache(tup);
	}
	return relid;
}

/*
 * Can a query say whether a row misses its parent at this foreign key? To a
 * partitioned parent there is one constraint that is checked, and below it one
 * of the same table for each partition, which no row need satisfy.
 */
static bool
can_ask(const ForeignKeyCacheInfo *fk)
{
	HeapTuple	tup = SearchSysCache1(CONSTROID, ObjectIdGetDatum(fk->conoid));
	Form_pg_constraint con;
	Oid			above;
	bool		can;

	if (!HeapTupleIsValid(tup))
		return false;
	con = (Form_pg_constraint) GETSTRUCT(tup);
	above = con->conparentid;
	can = compat_fk_checked(fk) && !compat_fk_period(con);
	ReleaseSysCache(tup);
	return can && !(OidIsValid(above) && table_of(above) == fk->conrelid);
}

/* The tally of a foreign key, made at first sight. */
static Orphans *
orphans_of(const ForeignKeyCacheInfo *fk, List **orphans, MemoryContext long_cxt)
{
	MemoryContext old;
	HASHCTL		ctl = {0};
	Orphans    *o;
	ListCell   *lc;

	foreach(lc, *orphans)
	{
		if (((Orphans *) lfirst(lc))->constraint == fk->conoid)
			return lfirst(lc);
	}
	old = MemoryContextSwitchTo(long_cxt);
	o = palloc0(sizeof(Orphans));
	o->constraint = fk->conoid;
	o->parent = fk->confrelid;
	ctl.keysize = ctl.entrysize = sizeof(uint64);
	ctl.hcxt = long_cxt;
	o->keys = hash_create("selfheal missing keys", 256, &ctl,
						  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	*orphans = lappend(*orphans, o);
	MemoryContextSwitchTo(old);
	return o;
}

/* The error of a row that misses its parent, as PostgreSQL words it. */
static ErrorData *
missing_error(Relation rel, const ForeignKeyCacheInfo *fk, char *detail)
{
	ErrorData  *edata = palloc0(sizeof(ErrorData));

	edata->elevel = ERROR;
	edata->sqlerrcode = ERRCODE_FOREIGN_KEY_VIOLATION;
	edata->constraint_name = get_constraint_name(fk->conoid);
	edata->schema_name = get_namespace_name(RelationGetNamespace(rel));
	edata->table_name = pstrdup(RelationGetRelationName(rel));
	edata->message = psprintf("insert or update on table \"%s\" violates foreign key constraint \"%s\"",
							  edata->table_name, edata->constraint_name);
	edata->detail = detail;
	return edata;
}

/* Ask for one foreign key, and note what is missing. */
static int
find_orphans(Relation rel, FkQuery *q, ErrorData **why, List **orphans,
			 MemoryContext long_cxt)
{
	ErrorData  *first = NULL;
	Orphans    *tally;
	int			found = 0;

	if (!ask(q) || q->found == 0)
		return 0;
	tally = orphans_of(q->fk, orphans, long_cxt);
	tally->rows += q->found;
	for (int i = 0; i < q->n; i++)
	{
		char	   *detail;
		uint64		hash;

		if (!q->missing[i])
			continue;
		detail = key_detail(q, &q->rows[i]);
		hash = hash_bytes_extended((const unsigned char *) detail, strlen(detail), 0);
		(void) hash_search(tally->keys, &hash, HASH_ENTER, NULL);
		if (why[i] != NULL)
			continue;
		found++;
		if (first == NULL)
			first = missing_error(rel, q->fk, detail);
		why[i] = palloc(sizeof(ErrorData));
		*why[i] = *first;
		why[i]->detail = detail;
	}
	return found;
}

/* See the header. */
int
fkmiss_orphans(Relation rel, ParentsAsk how, TupleDesc desc, const Shape *shape,
			   const int *columns, int ncolumns, const FormedRow *rows, int n,
			   ErrorData **why, List **orphans, MemoryContext long_cxt)
{
	bool	   *missing;
	int			found = 0;
	ListCell   *lc;

	if (how == PARENTS_UNASKED || n == 0)
		return 0;
	missing = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(bool) * n);
	/* a copy: our queries may have the relation's cache built anew */
	foreach(lc, copyObject(RelationGetFKeyList(rel)))
	{
		ForeignKeyCacheInfo *fk = lfirst(lc);
		int			cols[2 * INDEX_MAX_KEYS];
		FkQuery		q = {fk, desc, shape, cols, false, rows, n, missing, 0};

		if (!can_ask(fk) ||
			!find_columns(shape, columns, ncolumns, fk->conkey, fk->nkeys, cols))
			continue;
		if (fk->confrelid == RelationGetRelid(rel) && how == PARENTS_OF_OTHERS)
		{
			if (!find_columns(shape, columns, ncolumns, fk->confkey, fk->nkeys, cols + fk->nkeys))
				continue;
			q.among = true;
		}
		memset(missing, 0, sizeof(bool) * n);
		found += find_orphans(rel, &q, why, orphans, long_cxt);
	}
	pfree(missing);
	return found;
}
