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
#include "read/unseen.h"
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
#include "decide/columns.h"
#include "decide/forms.h"
#include "decide/partition.h"
#include "decide/render.h"
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
static bool check_pairs(Oid relid, const List *steps, char **reason);
static bool check_room(const List *tree, const List *steps, char **reason);
static bool check_foreign(const HealPlan *plan, char **reason);
static bool check_step(const HealPlan *plan, Relation rel, const List *tree,
					   const PlanStep *step, bool *true_already, char **reason);

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
	good = check_table(rel, &result.reason) && check_pairs(plan->relid, plan->steps, &result.reason) &&
		(!plan_changes_table(plan) ||
		 (check_changeable(rel, &result.reason) &&
		  check_tree(tree, rel->rd_rel->relowner, &result.reason)));
	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		bool		true_already = false;

		if (!good)
			break;
		good = check_step(plan, rel, tree, step, &true_already, &result.reason);
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

/* May its definition be changed? A plan that does not change it does not ask. */
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

/* A column is named once for its type, and once for NOT NULL. Mappings of a
 * key are each of another kind. */
static bool
check_pairs(Oid relid, const List *steps, char **reason)
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
			bool		adds = a->kind == STEP_ADD_COLUMN || b->kind == STEP_ADD_COLUMN;
			bool		maps = plan_step_place(a->kind) == STEP_IN_MAPPING ||
			plan_step_place(b->kind) == STEP_IN_MAPPING;

			if (a->kind == STEP_ATTACH_PARTITION || b->kind == STEP_ATTACH_PARTITION)
			{
				if (a->kind == b->kind && !partition_check_pair(relid, a, b, reason))
					return false;
				continue;
			}
			if (strcmp(a->column, b->column) == 0 &&
				(a->kind == b->kind || (adds && !maps) ||
				 (plan_changes_type(a) && plan_changes_type(b))))
				return plan_refuse(reason, "column \"%s\" is changed twice",
								   a->column);
		}
	}
	return true;
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

	if (plan_changes_table(plan))
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
					   render_text(plan));
}

/* One step against the table as it is now. */
static bool
check_step(const HealPlan *plan, Relation rel, const List *tree,
		   const PlanStep *step, bool *true_already, char **reason)
{
	const StepForm *form = form_of(step->kind);
	StepSite	site = {.plan = plan,.relid = RelationGetRelid(rel),
		.owner = rel->rd_rel->relowner,.tree = tree
	};

	if (form->check == NULL)
		return plan_refuse(reason, "%s is a step that is not made yet", plan_step_name(step->kind));
	if (form->about == ABOUT_TABLE)
		return form->check(&site, step, true_already, reason);
	if (step->column[0] == '\0')
		return plan_refuse(reason, "a column needs a name");
	if (form->about == ABOUT_KEY)
		return form->check(&site, step, true_already, reason);
	if (strlen(step->column) >= NAMEDATALEN)
		return plan_refuse(reason, "column \"%s\": the name is longer than %d "
						   "bytes and would be cut", step->column,
						   NAMEDATALEN - 1);
	site.att = columns_get(site.relid, step->column);
	if (form->about == ABOUT_NEW_COLUMN)
		return form->check(&site, step, true_already, reason);
	if (site.att == NULL)
		return plan_refuse(reason, "there is no column \"%s\"", step->column);
	if (site.att->attnum <= 0)
		return plan_refuse(reason, "column \"%s\" is one of PostgreSQL's system "
						   "columns", step->column);
	if (site.att->attinhcount > 0)
		return plan_refuse(reason, "column \"%s\" is inherited: a change is made "
						   "to the parent", step->column);
	return form->check(&site, step, true_already, reason);
}
