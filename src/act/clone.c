/*
 * clone.c
 *	  A stand-in for a table in schema selfheal_sandbox: what it is made of.
 *
 * All code of the table (defaults, checks, index expressions, casts) runs as
 * the table's owner in a restricted operation.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "act/clone.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "decide/labels.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* See the header; more_flags are SECURITY_* besides the two. */
static uint64
as_owner(const Clone *clone, int more_flags, const char *sql, SpiArgs *args)
{
	SpiUser		saved;
	uint64		n;

	spi_become(&saved, clone->owner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE |
			   more_flags, true);
	n = spi_exec(sql, args);
	spi_resume(&saved);
	return n;
}

uint64
clone_as_owner(const Clone *clone, const char *sql, SpiArgs *args)
{
	return as_owner(clone, 0, sql, args);
}

uint64
clone_past_rls(const Clone *clone, const char *sql, SpiArgs *args)
{
	return as_owner(clone, SECURITY_NOFORCE_RLS, sql, args);
}

/*
 * Look at the table: owner, kind, columns. Takes the only lock on it, kept to
 * the end of the trial. Raises 42P01 when it is gone.
 */
Clone *
clone_describe(Oid relid)
{
	Clone	   *clone = palloc0(sizeof(Clone));
	Relation	rel = try_table_open(relid, AccessShareLock);
	StringInfoData list;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid)));
	clone->relid = relid;
	clone->owner = rel->rd_rel->relowner;
	clone->relkind = rel->rd_rel->relkind;
	clone->table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
											  RelationGetRelationName(rel));
	/* the table's own name: what fails on the clone reads like the table's */
	clone->relname = pstrdup(RelationGetRelationName(rel));
	clone->name = quote_qualified_identifier(CLONE_SCHEMA, clone->relname);
	clone->stage = psprintf(CLONE_SCHEMA ".rows_%u", relid);

	initStringInfo(&list);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);
		CloneColumn *col;

		if (att->attisdropped || att->attgenerated != '\0')
			continue;
		col = palloc(sizeof(CloneColumn));
		col->attnum = att->attnum;
		col->name = pstrdup(NameStr(att->attname));
		col->quoted = pstrdup(quote_identifier(col->name));
		col->type = att->atttypid;
		col->typmod = att->atttypmod;
		col->identity = att->attidentity != '\0';
		clone->columns = lappend(clone->columns, col);
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", col->quoted);
	}
	clone->column_list = list.data;
	table_close(rel, NoLock);
	return clone;
}

Clone *
clone_member(Clone *clone, Oid relid)
{
	ListCell   *lc;

	if (clone->relid == relid)
		return clone;
	foreach(lc, clone->members)
	{
		if (((Clone *) lfirst(lc))->relid == relid)
			return lfirst(lc);
	}
	return NULL;
}

/*
 * A unique index whose building has failed is none that all rows satisfy, and
 * LIKE would make it one. It is found by its place: LIKE goes through the
 * indexes in order of oid.
 */
static void
drop_invalid(Clone *clone)
{
	SpiArgs		args;
	uint64		n;
	SpiRows		rows;

	spi_args(&args);
	spi_arg_relid(&args, clone->relid);
	spi_arg_relid(&args, clone->oid);
	n = spi_exec("SELECT c.indexrelid::regclass, r.indisready FROM"
				 " (SELECT *, row_number() OVER (ORDER BY indexrelid) AS n FROM pg_index WHERE indrelid = $1) AS r"
				 " JOIN (SELECT *, row_number() OVER (ORDER BY indexrelid) AS n FROM pg_index WHERE indrelid = $2) AS c"
				 "   ON c.n = r.n AND c.indisunique = r.indisunique"
				 " WHERE NOT r.indisvalid AND (r.indisunique OR r.indisexclusion)", &args);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&rows);
		clone->lacks_key |= spi_get_bool(i, 2, NULL);
		clone_as_owner(clone, psprintf("DROP INDEX %s",
									   spi_get_text(i, 1, CurrentMemoryContext)), NULL);
	}
}

/* Has the table an index that is not valid? Mostly not. */
static bool
has_invalid(const Clone *clone)
{
	Relation	rel = table_open(clone->relid, NoLock);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
	{
		HeapTuple	tup = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tup))
			continue;
		found |= !((Form_pg_index) GETSTRUCT(tup))->indisvalid;
		ReleaseSysCache(tup);
	}
	table_close(rel, NoLock);
	return found;
}

void
clone_create(Clone *clone, const char *but)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "CREATE TABLE %s (LIKE %s INCLUDING ALL"
					 " EXCLUDING STATISTICS EXCLUDING COMMENTS%s)",
					 clone->name, clone->table, but);
	if (clone->partition_by)
		appendStringInfo(&sql, " PARTITION BY %s", clone->partition_by);
	clone_as_owner(clone, sql.data, NULL);
	clone->oid = get_relname_relid(clone->relname,
								   get_namespace_oid(CLONE_SCHEMA, false));
	if (!OidIsValid(clone->oid))
		elog(ERROR, "clone of table %u was not made", clone->relid);
	if (has_invalid(clone))
		drop_invalid(clone);
}

void
clone_let_stand_in(const Clone *clone, const HealPlan *plan, Shape *shape)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		char	   *existing = step->labels ? labels_stand_in(clone->relid, step) : NULL;

		if (existing == NULL)
			continue;
		foreach(lc2, step->labels)
			fit_stand_in(shape, step->column, lfirst(lc2), existing);
	}
}

bool
clone_has_keys(const Clone *clone)
{
	ListCell   *lc;

	foreach(lc, clone->members)
	{
		if (((Clone *) lfirst(lc))->lacks_key)
			return false;
	}
	return !clone->flat && !clone->lacks_key;
}

char *
clone_own_rows(const Clone *clone, const char *table)
{
	return psprintf("%s%s", clone->relkind == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					table);
}
