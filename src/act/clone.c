/*
 * clone.c
 *	  A stand-in for a table in schema selfheal_sandbox: what it is made of.
 *
 * All code of the table (defaults, checks, index expressions, casts) runs as
 * the table's owner in a restricted operation.
 */
#include "postgres.h"

#include "access/table.h"
#include "act/clone.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

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

char *
clone_partition_by(const Clone *clone)
{
	return clone->partition_by ? psprintf(" PARTITION BY %s", clone->partition_by) : "";
}

char *
clone_own_rows(const Clone *clone, const char *table)
{
	return psprintf("%s%s", clone->relkind == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
					table);
}
