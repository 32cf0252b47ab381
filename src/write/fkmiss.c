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
#include "base/spi.h"
#include "catalog/pg_constraint.h"
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
	const int  *cols;			/* of each key column in the shape */
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
		ReleaseSysCache(tup);
		return match == FKCONSTR_MATCH_SIMPLE ? fk : NULL;
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
						   q->cols, fk->nkeys, q->missing);
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

/* See the header. An error of the query means that we do not know: 0. */
int
fkmiss_find(Relation rel, const ErrorData *edata, TupleDesc desc,
			const Shape *shape, const int *columns, int ncolumns,
			const FormedRow *rows, int n, bool *missing, char **detail)
{
	const ForeignKeyCacheInfo *fk = named_key(rel, edata);
	int			cols[INDEX_MAX_KEYS];
	FkQuery		q = {fk, desc, shape, cols, rows, n, missing, 0};
	MemoryContext cxt;
	MemoryContext old;
	ErrorData  *failed;

	memset(missing, 0, sizeof(bool) * n);
	if (fk == NULL)
		return 0;
	for (int k = 0; k < fk->nkeys; k++)
	{
		int			i = 0;

		while (i < ncolumns && shape->cols[columns[i]].attnum != fk->conkey[k])
			i++;
		if (i == ncolumns)
			return 0;
		cols[k] = columns[i];
	}

	cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal foreign key",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	failed = spi_try(run, &q);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	if (failed)
	{
		memset(missing, 0, sizeof(bool) * n);
		return 0;
	}
	for (int i = 0; i < n; i++)
		if (missing[i])
			detail[i] = key_detail(&q, &rows[i]);
	return q.found;
}
