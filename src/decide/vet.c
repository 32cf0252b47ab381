/*
 * vet.c
 *	  Turns a proposal into a vetted plan, or refuses with a reason.
 *
 * SQL and JSON have both become steps before they come here (statement.c,
 * plan.c); each step is checked against the table as it is now. Sandbox and
 * apply run what plan.c renders from the steps that pass, so what was thrown
 * away on the way cannot come back. A refusal is a value, not an error.
 *
 * Locks are taken in the weakest mode and given back at once: this runs in
 * the transaction that may later take ACCESS EXCLUSIVE, and a lock kept until
 * then would be an upgrade, hence a deadlock in waiting. What was seen is
 * bound by the schema hash instead.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/transam.h"
#include "base/compat.h"
#include "base/unseen.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_partitioned_table.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "decide/labels.h"
#include "decide/lattice.h"
#include "decide/statement.h"
#include "decide/vet.h"
#include "foreign/foreign.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "write/route.h"

struct VettedPlan
{
	HealPlan	plan;
};

static bool check_table(Relation rel, char **reason);
static bool check_changeable(Relation rel, char **reason);
static bool check_tree(const List *tree, Oid owner, char **reason);
static bool check_pairs(const List *steps, char **reason);
static bool check_room(const List *tree, const List *steps, char **reason);
static bool check_foreign(const HealPlan *plan, char **reason);
static bool check_step(Relation rel, const List *tree, const PlanStep *step,
					   bool *true_already, char **reason);

/* The steps inside; good as long as the vetted plan. */
const HealPlan *
vetted_plan(const VettedPlan *v)
{
	return &v->plan;
}

/*
 * Vet one statement; result in the current context. Must run in a transaction
 * and with the proposer's search_path, since an unqualified name means what
 * it means to him. Throws only what has nothing to do with the text.
 */
Vetting
vet_sql(Oid relid, const char *sql)
{
	Vetting		result = {NULL, NULL};
	HealPlan   *plan = statement_read(relid, sql, &result.reason);

	return (plan == NULL) ? result : vet_plan(plan);
}

/*
 * Vet steps against the table as it is now; result in the current context. A
 * step that is already true is left out, so that what remains is what runs.
 */
Vetting
vet_plan(const HealPlan *plan)
{
	Vetting		result = {NULL, NULL};
	VettedPlan *vetted = palloc0(sizeof(VettedPlan));
	Relation	rel = try_relation_open(plan->relid, AccessShareLock);
	List	   *tree;
	ListCell   *lc;
	bool		good;

	if (rel == NULL)
	{
		plan_refuse(&result.reason, "the table does not exist any more");
		return result;
	}

	vetted->plan.relid = plan->relid;
	tree = find_all_inheritors(plan->relid, NoLock, NULL);
	good = check_table(rel, &result.reason) &&
		(plan->steps == NIL ||
		 (check_changeable(rel, &result.reason) &&
		  check_tree(tree, rel->rd_rel->relowner, &result.reason) &&
		  check_pairs(plan->steps, &result.reason)));
	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		bool		true_already = false;

		if (!good)
			break;
		good = check_step(rel, tree, step, &true_already, &result.reason);
		if (good && !true_already)
			vetted->plan.steps = lappend(vetted->plan.steps, plan_step_copy(step));
	}
	relation_close(rel, AccessShareLock);

	if (good && check_room(tree, vetted->plan.steps, &result.reason) &&
		check_foreign(&vetted->plan, &result.reason))
		result.plan = vetted;
	return result;
}

/* How many tables this one inherits from. */
static int
count_parents(Oid relid)
{
	Relation	inh = table_open(InheritsRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	int			n = 0;

	ScanKeyInit(&key, Anum_pg_inherits_inhrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(inh, InheritsRelidSeqnoIndexId, true, NULL, 1,
							  &key);
	while (HeapTupleIsValid(systable_getnext(scan)))
		n++;
	systable_endscan(scan);
	table_close(inh, AccessShareLock);
	return n;
}

/* Is this a table that a plan may be about at all? */
static bool
check_table(Relation rel, char **reason)
{
	Oid			relid = RelationGetRelid(rel);
	char	   *name = plan_relation_name(relid);
	char	   *nsp = get_namespace_name(RelationGetNamespace(rel));

	if (nsp == NULL || name == NULL)
		return plan_refuse(reason, "the table does not exist any more");
	if (strcmp(nsp, "selfheal") == 0 || strcmp(nsp, "selfheal_sandbox") == 0)
		return plan_refuse(reason, "%s belongs to selfheal itself", name);
	if (relid < FirstNormalObjectId || IsCatalogRelation(rel) ||
		IsSystemRelation(rel))
		return plan_refuse(reason, "%s belongs to PostgreSQL itself", name);
	if (rel->rd_rel->relkind != RELKIND_RELATION &&
		rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
		rel->rd_rel->relkind != RELKIND_FOREIGN_TABLE)
		return plan_refuse(reason, "%s is not a table", name);
	if (rel->rd_rel->relpersistence == RELPERSISTENCE_TEMP)
		return plan_refuse(reason, "%s is temporary: it ends with its session",
						   name);
	return true;
}

/* May its definition be changed? A plan without steps does not ask. */
static bool
check_changeable(Relation rel, char **reason)
{
	Oid			relid = RelationGetRelid(rel);
	char	   *name = plan_relation_name(relid);
	Oid			extension = getExtensionOfObject(RelationRelationId, relid);

	if (OidIsValid(extension))
		return plan_refuse(reason, "%s belongs to the extension %s, and a dump "
						   "would lose the change", name,
						   quote_identifier(get_extension_name(extension)));
	if (OidIsValid(rel->rd_rel->reloftype))
		return plan_refuse(reason, "%s gets its columns from the type %s", name,
						   format_type_be_qualified(rel->rd_rel->reloftype));
	if (rel->rd_rel->relispartition)
		return plan_refuse(reason, "%s is a partition: a change is made to the "
						   "table it is a part of", name);
	if (count_parents(relid) > 0)
		return plan_refuse(reason, "%s inherits its columns: a change is made to "
						   "its parent", name);
	return true;
}

/* The tables below, to which ALTER TABLE goes on by itself. */
static bool
check_tree(const List *tree, Oid owner, char **reason)
{
	ListCell   *lc;

	for_each_from(lc, tree, 1)
	{
		Oid			relid = lfirst_oid(lc);
		char	   *name = plan_relation_name(relid);

		/* dropped since the tree was read: the schema hash is not about it */
		if (name == NULL)
			continue;
		if (get_rel_persistence(relid) == RELPERSISTENCE_TEMP)
			return plan_refuse(reason, "%s is temporary and inherits from the "
							   "table", name);
		if (count_parents(relid) > 1)
			return plan_refuse(reason, "%s has another parent as well", name);
		if (!compat_class_ownercheck(relid, owner))
			return plan_refuse(reason, "%s belongs to another role, as which the "
							   "owner of the table may not act", name);
	}
	return true;
}

/* A column is named once for its type, and once for NOT NULL. */
static bool
check_pairs(const List *steps, char **reason)
{
	ListCell   *lc;
	ListCell   *lc2;

	if (list_length(steps) > MaxHeapAttributeNumber)
		return plan_refuse(reason, "more than %d steps", MaxHeapAttributeNumber);
	foreach(lc, steps)
	{
		const PlanStep *a = lfirst(lc);

		for_each_from(lc2, steps, foreach_current_index(lc) + 1)
		{
			const PlanStep *b = lfirst(lc2);

			if (strcmp(a->column, b->column) == 0 &&
				(a->kind == b->kind || a->kind == STEP_ADD_COLUMN ||
				 b->kind == STEP_ADD_COLUMN))
				return plan_refuse(reason, "column \"%s\" is changed twice",
								   a->column);
		}
	}
	return true;
}

/* A column by name, copied; NULL when the table lacks it. */
static Form_pg_attribute
get_column(Oid relid, const char *name)
{
	HeapTuple	tup = SearchSysCacheCopyAttName(relid, name);

	return HeapTupleIsValid(tup) ? (Form_pg_attribute) GETSTRUCT(tup) : NULL;
}

/* Is there room for the new columns? Dropped ones count for ever. */
static bool
check_room(const List *tree, const List *steps, char **reason)
{
	int			more = 0;
	ListCell   *lc;

	foreach(lc, steps)
	{
		if (((const PlanStep *) lfirst(lc))->kind == STEP_ADD_COLUMN)
			more++;
	}
	if (more == 0)
		return true;
	foreach(lc, tree)
	{
		HeapTuple	tup = SearchSysCache1(RELOID,
										  ObjectIdGetDatum(lfirst_oid(lc)));
		int			natts;

		if (!HeapTupleIsValid(tup))
			continue;
		natts = ((Form_pg_class) GETSTRUCT(tup))->relnatts;
		ReleaseSysCache(tup);
		if (natts + more > MaxHeapAttributeNumber)
			return plan_refuse(reason, "%s has %d columns, counting dropped "
							   "ones, and PostgreSQL's limit is %d",
							   plan_relation_name(lfirst_oid(lc)), natts,
							   MaxHeapAttributeNumber);
	}
	return true;
}

/*
 * ALTER changes no more of a foreign table than what is said of it here. Run
 * before its server knows the change, it would make reads of a new column
 * fail, and the server would refuse the wider value; no dry run here can tell
 * whether it does know. So a person goes first, there and then here. A plan
 * without steps changes nothing: rows may be put in again.
 */
static bool
check_foreign(const HealPlan *plan, char **reason)
{
	Oid			member = InvalidOid;
	char	   *name;

	if (plan->steps != NIL)
		member = route_foreign(plan->relid, false);
	if (!OidIsValid(member))
		return true;
	name = plan_relation_name(member);
	if (name == NULL)
		return true;			/* dropped a moment ago */
	return plan_refuse(reason, "%s is a foreign table: make the change on server "
					   "%s first, then run here: %s; rows that wait for it are "
					   "stored then", name,
					   quote_identifier(GetForeignServer(GetForeignTable(member)->serverid)->servername),
					   labels_plan_text(plan));
}

/* A new, empty, nullable column. */
static bool
check_add(Relation rel, const List *tree, const PlanStep *step,
		  bool *true_already, char **reason)
{
	Oid			relid = RelationGetRelid(rel);
	Form_pg_attribute att = get_column(relid, step->column);
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
	if (SearchSysCacheExists2(ATTNAME, ObjectIdGetDatum(relid),
							  CStringGetDatum(step->column)))
		return plan_refuse(reason, "column \"%s\": the name is that of a column that "
						   "was dropped", step->column);
	why = lattice_refuses_new(step->type, step->typmod);
	if (why != NULL)
		return plan_refuse(reason, "column \"%s\": %s", step->column, why);
	for_each_from(lc, tree, 1)
	{
		if (get_column(lfirst_oid(lc), step->column) != NULL)
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

/* Is the column part of how this table (or one below) is partitioned? */
static bool
check_partition_key(const List *tree, const char *column, char **reason)
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

/* More room in the same type. */
static bool
check_widen(const List *tree, const PlanStep *step,
			Form_pg_attribute att, bool *true_already, char **reason)
{
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
	if (!check_partition_key(tree, step->column, reason))
		return false;

	if (step->type == NUMERICOID && att->atttypid != NUMERICOID)
		return check_references(tree, step->column, reason);
	return true;
}

/* NULL becomes a value of the column. */
static bool
check_drop_not_null(const List *tree, const PlanStep *step,
					Form_pg_attribute att, bool *true_already, char **reason)
{
	ListCell   *lc;

	if (!att->attnotnull)
	{
		*true_already = true;
		return true;
	}
	if (att->attidentity != '\0')
		return plan_refuse(reason, "column \"%s\" is an identity and is never null",
						   step->column);
	if (!check_partition_key(tree, step->column, reason))
		return false;

	/* indexes are read from the catalog: no lock on them is needed */
	foreach(lc, tree)
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

/* One step against the table as it is now. */
static bool
check_step(Relation rel, const List *tree, const PlanStep *step,
		   bool *true_already, char **reason)
{
	Form_pg_attribute att;

	if (step->column[0] == '\0')
		return plan_refuse(reason, "a column needs a name");
	if (strlen(step->column) >= NAMEDATALEN)
		return plan_refuse(reason, "column \"%s\": the name is longer than %d "
						   "bytes and would be cut", step->column,
						   NAMEDATALEN - 1);

	if (step->kind == STEP_ADD_COLUMN)
		return check_add(rel, tree, step, true_already, reason);

	att = get_column(RelationGetRelid(rel), step->column);
	if (att == NULL)
		return plan_refuse(reason, "there is no column \"%s\"", step->column);
	if (att->attnum <= 0)
		return plan_refuse(reason, "column \"%s\" is one of PostgreSQL's system "
						   "columns", step->column);
	if (att->attinhcount > 0)
		return plan_refuse(reason, "column \"%s\" is inherited: a change is made "
						   "to the parent", step->column);
	switch (step->kind)
	{
		case STEP_WIDEN_TYPE:
			return check_widen(tree, step, att, true_already, reason);
		case STEP_DROP_NOT_NULL:
			return check_drop_not_null(tree, step, att, true_already, reason);
		case STEP_ADD_ENUM_LABEL:
			return labels_check(step, att, rel->rd_rel->relowner, true_already, reason);
		case STEP_ADD_COLUMN:
			break;
	}
	return plan_refuse(reason, "unknown kind of step");
}
