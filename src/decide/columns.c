/*
 * columns.c
 *	  Steps on one column: new, wider, nullable.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "read/unseen.h"
#include "catalog/pg_index.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_type.h"
#include "decide/columns.h"
#include "decide/lattice.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* See the header. */
Form_pg_attribute
columns_get(Oid relid, const char *name)
{
	HeapTuple	tup = SearchSysCacheCopyAttName(relid, name);

	return HeapTupleIsValid(tup) ? (Form_pg_attribute) GETSTRUCT(tup) : NULL;
}

/*
 * "TYPE x" of a column of target. ALTER COLUMN TYPE without COLLATE would set
 * the type's default collation, silently sort otherwise and rebuild indexes;
 * a collation of the column's own is therefore said again.
 */
void
columns_say_type(StringInfo buf, Oid target, const char *column, Oid type,
				 int32 typmod)
{
	HeapTuple	tup = SearchSysCacheAttName(target, column);
	Oid			collation = InvalidOid;

	if (HeapTupleIsValid(tup))
	{
		collation = ((Form_pg_attribute) GETSTRUCT(tup))->attcollation;
		ReleaseSysCache(tup);
	}
	appendStringInfo(buf, "TYPE %s", plan_type_sql(type, typmod));
	if (OidIsValid(collation) && OidIsValid(get_typcollation(type)) &&
		collation != get_typcollation(type))
		appendStringInfo(buf, " COLLATE %s", plan_collation_sql(collation));
}

/* See the header. */
void
columns_add(StringInfo buf, Oid target, const PlanStep *step)
{
	appendStringInfo(buf, "ADD COLUMN %s %s", quote_identifier(step->column),
					 plan_type_sql(step->type, step->typmod));
}

/* See the header. */
void
columns_widen(StringInfo buf, Oid target, const PlanStep *step)
{
	appendStringInfo(buf, "ALTER COLUMN %s ", quote_identifier(step->column));
	columns_say_type(buf, target, step->column, step->type, step->typmod);
}

/* See the header. */
void
columns_drop_not_null(StringInfo buf, Oid target, const PlanStep *step)
{
	appendStringInfo(buf, "ALTER COLUMN %s DROP NOT NULL", quote_identifier(step->column));
}

/* See the header. */
void
columns_undo_add(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		const PlanStep *other = lfirst(lc);

		/* keys of more than one producer, and nowhere else */
		if (other->kind != STEP_OVERFLOW_TO_JSONB || strcmp(other->column, step->column) != 0)
			continue;
		appendStringInfo(&undo->notes, "-- %s: the column stays, with the keys that are stored in it\n",
						 undo->shown);
		return;
	}
	appendStringInfo(&undo->notes, "-- %s: the values stored in it are lost\n", undo->shown);
	appendStringInfo(&undo->clause, "DROP COLUMN %s", quote_identifier(step->column));
}

/* What going back to the old type would do to values stored since. */
static const char *
narrowing_loss(Oid old_type, Oid new_type)
{
	if (old_type == FLOAT4OID)
		return "rounds values to six digits";
	if (new_type == NUMERICOID)
		return "rounds values that have more digits after the point, and "
			"fails while a value has more before it";
	if (new_type == VARCHAROID || new_type == TEXTOID)
		return "fails while a value is longer";
	if (new_type == INT4OID || new_type == INT8OID)
		return "fails while a value is out of the old range";
	return "rounds values that have more digits";
}

/* See the header. */
void
columns_undo_widen(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	HeapTuple	tup = SearchSysCacheAttName(plan->relid, step->column);
	Form_pg_attribute att;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "column \"%s\" of relation %u is gone", step->column, plan->relid);
	att = (Form_pg_attribute) GETSTRUCT(tup);
	appendStringInfo(&undo->notes, "-- %s: %s\n", undo->shown,
					 narrowing_loss(att->atttypid, step->type));
	appendStringInfo(&undo->clause, "ALTER COLUMN %s ", quote_identifier(step->column));
	columns_say_type(&undo->clause, plan->relid, step->column, att->atttypid,
					 att->atttypmod);
	ReleaseSysCache(tup);
}

/* See the header. */
void
columns_undo_drop_not_null(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	appendStringInfo(&undo->notes, "-- %s: fails while a value is null\n", undo->shown);
	appendStringInfo(&undo->clause, "ALTER COLUMN %s SET NOT NULL",
					 quote_identifier(step->column));
}

/* See the header. */
bool
columns_check_add(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	Form_pg_attribute att = site->att;
	char	   *why;
	ListCell   *lc;

	if (att != NULL)
	{
		if (att->attnum > 0 && att->atttypid == step->type &&
			att->atttypmod == step->typmod)
		{
			*true_already = true;
			return true;
		}
		if (att->attnum <= 0)
			return plan_refuse(reason, "column \"%s\": the name is one of "
							   "PostgreSQL's system columns", step->column);
		return plan_refuse(reason, "column \"%s\" exists with type %s",
						   step->column,
						   lattice_name(att->atttypid, att->atttypmod));
	}
	if (unseen_in(step->column))
		return plan_refuse(reason, "column \"%s\": the name holds a character that "
						   "is not seen, or that turns what is read", step->column);
	if (SearchSysCacheExists2(ATTNAME, ObjectIdGetDatum(site->relid),
							  CStringGetDatum(step->column)))
		return plan_refuse(reason, "column \"%s\": the name is that of a column that "
						   "was dropped", step->column);
	why = lattice_refuses_new(step->type, step->typmod);
	if (why != NULL)
		return plan_refuse(reason, "column \"%s\": %s", step->column, why);
	for_each_from(lc, site->tree, 1)
	{
		if (columns_get(lfirst_oid(lc), step->column) != NULL)
			return plan_refuse(reason, "%s has a column \"%s\" of its own",
							   plan_relation_name(lfirst_oid(lc)), step->column);
	}
	return true;
}

/*
 * Does the partition key name the column? Read from the catalog: to ask the
 * relcache is to have it fold the key's expressions, which runs functions of
 * the table's owner as whoever asks (RelationBuildPartitionKey).
 */
static bool
in_partition_key(Oid relid, AttrNumber attnum)
{
	HeapTuple	tup = SearchSysCache1(PARTRELID, ObjectIdGetDatum(relid));
	Form_pg_partitioned_table form;
	Datum		exprs;
	bool		isnull;
	bool		found = false;

	if (!HeapTupleIsValid(tup))
		return false;
	form = (Form_pg_partitioned_table) GETSTRUCT(tup);
	for (int i = 0; i < form->partnatts; i++)
		found |= form->partattrs.values[i] == attnum;
	exprs = SysCacheGetAttr(PARTRELID, tup,
							Anum_pg_partitioned_table_partexprs, &isnull);
	if (!isnull)
	{
		Bitmapset  *attrs = NULL;

		pull_varattnos(stringToNode(TextDatumGetCString(exprs)), 1, &attrs);
		found |= bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, attrs) ||
			bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);
	}
	ReleaseSysCache(tup);
	return found;
}

/* See the header. */
bool
columns_check_partition_key(const List *tree, const char *column, char **reason)
{
	ListCell   *lc;

	foreach(lc, tree)
	{
		Relation	member = try_relation_open(lfirst_oid(lc), AccessShareLock);
		AttrNumber	attnum;
		bool		found;

		if (member == NULL)
			continue;
		attnum = get_attnum(RelationGetRelid(member), column);
		found = attnum != InvalidAttrNumber &&
			in_partition_key(RelationGetRelid(member), attnum);
		relation_close(member, AccessShareLock);
		if (found)
			return plan_refuse(reason, "column \"%s\" is part of the partition key "
							   "of %s", column,
							   plan_relation_name(lfirst_oid(lc)));
	}
	return true;
}

/* A numeric cannot refer to an integer key: there is no operator for it. */
static bool
check_references(const List *tree, const char *column, char **reason)
{
	ListCell   *lc;

	foreach(lc, tree)
	{
		Relation	member = try_relation_open(lfirst_oid(lc), AccessShareLock);
		Oid			target = InvalidOid;
		AttrNumber	attnum;
		ListCell   *lc2;

		if (member == NULL)
			continue;
		attnum = get_attnum(RelationGetRelid(member), column);
		foreach(lc2, RelationGetFKeyList(member))
		{
			const ForeignKeyCacheInfo *fk = lfirst(lc2);
			int			i;

			for (i = 0; i < fk->nkeys; i++)
				if (fk->conkey[i] == attnum)
					target = fk->confrelid;
		}
		relation_close(member, AccessShareLock);
		if (OidIsValid(target))
			return plan_refuse(reason, "column \"%s\" refers to %s, and a "
							   "numeric cannot refer to an integer", column,
							   plan_relation_name(target));
	}
	return true;
}

/* See the header. */
bool
columns_check_widen(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	Form_pg_attribute att = site->att;
	char	   *why;

	if (get_typtype(att->atttypid) == TYPTYPE_DOMAIN)
		return plan_refuse(reason, "column \"%s\" is of the domain %s, which other "
						   "columns may share", step->column,
						   lattice_name(att->atttypid, att->atttypmod));
	if (att->attgenerated != '\0')
		return plan_refuse(reason, "column \"%s\" is computed by the database",
						   step->column);
	switch (lattice_widening(att->atttypid, att->atttypmod, step->type,
							 step->typmod, &why))
	{
		case WIDENING_SAME:
			*true_already = true;
			return true;
		case WIDENING_REFUSED:
			return plan_refuse(reason, "column \"%s\": %s", step->column, why);
		case WIDENING_CATALOG:
		case WIDENING_REWRITE:
			break;
	}
	if (att->attidentity != '\0' && step->type == NUMERICOID)
		return plan_refuse(reason, "column \"%s\" is an identity, and PostgreSQL "
						   "has none of type numeric", step->column);
	if (!columns_check_partition_key(site->tree, step->column, reason))
		return false;

	if (step->type == NUMERICOID && att->atttypid != NUMERICOID)
		return check_references(site->tree, step->column, reason);
	return true;
}

/* See the header. */
bool
columns_check_drop_not_null(const StepSite *site, const PlanStep *step, bool *true_already,
							char **reason)
{
	Form_pg_attribute att = site->att;
	ListCell   *lc;

	if (!att->attnotnull)
	{
		*true_already = true;
		return true;
	}
	if (att->attidentity != '\0')
		return plan_refuse(reason, "column \"%s\" is an identity and is never null",
						   step->column);
	if (!columns_check_partition_key(site->tree, step->column, reason))
		return false;

	/* indexes are read from the catalog: no lock on them is needed */
	foreach(lc, site->tree)
	{
		Relation	member = try_relation_open(lfirst_oid(lc), AccessShareLock);
		AttrNumber	attnum;
		List	   *indexes;
		ListCell   *lc2;
		const char *role = NULL;

		if (member == NULL)
			continue;
		attnum = get_attnum(RelationGetRelid(member), step->column);
		indexes = RelationGetIndexList(member);
		relation_close(member, AccessShareLock);
		foreach(lc2, indexes)
		{
			HeapTuple	tup = SearchSysCache1(INDEXRELID,
											  ObjectIdGetDatum(lfirst_oid(lc2)));
			Form_pg_index index;
			int			i;

			if (!HeapTupleIsValid(tup))
				continue;
			index = (Form_pg_index) GETSTRUCT(tup);
			for (i = 0; i < index->indnkeyatts; i++)
			{
				if (index->indkey.values[i] != attnum)
					continue;
				if (index->indisprimary)
					role = "primary key";
				else if (index->indisreplident)
					role = "replica identity";
			}
			ReleaseSysCache(tup);
		}
		if (role != NULL)
			return plan_refuse(reason, "column \"%s\" is part of the %s of %s",
							   step->column, role,
							   plan_relation_name(lfirst_oid(lc)));
	}
	return true;
}
