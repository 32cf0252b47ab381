/*
 * forecast.c
 *	  What would this plan cost on this very table? From its catalog.
 *
 * No rule by statement form can know: widening a varchar is a change of the
 * catalog on one table and a rebuild of an index for seconds on the next.
 * Each claim here was measured on PostgreSQL 15 by comparing relfilenodes and
 * the server's own debug messages before and after (docs/SAFETY.md), and
 * sql/vet.sql measures the steps again wherever the tests run:
 *
 *	- The heap is rewritten when the old and the new type store differently
 *	  (lattice.c). All indexes of the table are then built again.
 *	- Else the heap is scanned when a valid CHECK names the column, since the
 *	  constraint is made again and checked.
 *	- Else an index is built again when it depends on the column and has an
 *	  expression or a predicate, whichever column that is about
 *	  (CheckIndexCompatible in indexcmds.c gives up on both).
 *	- A foreign key on the column, in either direction, is dropped and made
 *	  again. That takes ACCESS EXCLUSIVE on the other table too. Its rows are
 *	  checked again when the heap is rewritten.
 *	- Views, rules, generated columns, triggers, policies, publications'
 *	  filters, functions with a parsed body, and columns of the table's row
 *	  type make PostgreSQL refuse the change. Most of them can be taken away
 *	  and made again around it (rebuild.c).
 *
 * All partitions and children are looked at, since ALTER goes on to them.
 * Locks are the weakest and given back at once, as in vet.c.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/partition.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_publication.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "decide/checklist.h"
#include "decide/forecast.h"
#include "decide/impact.h"
#include "decide/lattice.h"
#include "decide/partition.h"
#include "decide/partition_locks.h"
#include "decide/rebuild.h"
#include "decide/subscribers.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static void add_dependent(Forecast *f, const ObjectAddress *object,
						  const char *kind);
static Oid	rule_relation(Oid rule);
static Oid	default_of(Oid relid, const PlanStep *step);
static void what_is_locked(Forecast *f, const HealPlan *plan);
static void cost_of_widening(Forecast *f, ForecastStep *cost, Relation member);
static void cost_of_constraint(Forecast *f, ForecastStep *cost, Oid constraint,
							   Oid relid);
static void cost_of_rewrite(ForecastStep *cost, Relation member);
static void row_type_users(Forecast *f, Oid type);
static void published_by(Forecast *f, Relation member);
static void what_is_made_again(Forecast *f, const HealPlan *plan);

void
forecast_add_once(List **list, const char *text)
{
	ListCell   *lc;

	foreach(lc, *list)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return;
	}
	*list = lappend(*list, pstrdup(text));
}

/* "schema.name" of a relation; elog when it is gone, which a lock excludes. */
static char *
relation_name(Oid relid)
{
	char	   *name = plan_relation_name(relid);

	if (name == NULL)
		elog(ERROR, "relation %u is gone", relid);
	return name;
}

/* What a step costs on one more member of the tree. */
static void
add_cost(ForecastStep *sum, const ForecastStep *here)
{
	sum->rewrite |= here->rewrite;
	sum->scan |= here->scan;
	sum->indexes = list_concat(sum->indexes, here->indexes);
	if (sum->rewrite)
		sum->why = "the new type is stored otherwise: table and indexes are "
			"written anew";
	else if (sum->scan)
		sum->why = sum->step->kind == STEP_ATTACH_PARTITION ?
			"the default partition is read once: it must have no row of the new one" :
			"a constraint names the column: every row is read once";
	else if (sum->indexes != NIL)
		sum->why = "an index on the column has an expression or a predicate: "
			"it is built anew";
}

/* What a step costs on this member, and what the plan does. */
static void
add_to_member(ForecastMember *m, ForecastStep *sum, const ForecastStep *here)
{
	ListCell   *lc;

	add_cost(sum, here);
	if (!here->rewrite && !here->scan && here->indexes == NIL)
		return;
	m->rewrite |= here->rewrite;
	m->scan |= here->scan;
	foreach(lc, here->indexes)
		forecast_add_once(&m->indexes, lfirst(lc));
	if (m->extent == NULL)
		m->extent = extent_of(m->relid);
	if (m->extent != NULL)
		extent_work(m->extent, here->rewrite, here->scan, here->indexes,
					&sum->work, &sum->bytes_read, &sum->bytes_written);
}

/*
 * Forecast a vetted plan; result in the current context. Reads catalogs and
 * file sizes only. A member of the tree that goes away meanwhile is left out.
 */
Forecast *
forecast_cost(const VettedPlan *plan)
{
	const HealPlan *p = vetted_plan(plan);
	Forecast   *f = palloc0(sizeof(Forecast));
	List	   *defaults = NIL; /* Oid, of each step */
	ListCell   *lc;
	ListCell   *lc2;

	f->relid = p->relid;
	f->estimated_rows = -1;
	foreach(lc, p->steps)
	{
		ForecastStep *cost = palloc0(sizeof(ForecastStep));

		cost->step = lfirst(lc);
		cost->why = cost->step->kind == STEP_ATTACH_PARTITION ?
			"a new table beside this one, attached when it is made" :
			plan_step_place(cost->step->kind) == STEP_IN_MAPPING ?
			"no change of the table: payloads are read otherwise" :
			"a change of the catalog alone";
		f->drops_not_null |= (cost->step->kind == STEP_DROP_NOT_NULL);
		f->steps = lappend(f->steps, cost);
		defaults = lappend_oid(defaults, default_of(p->relid, cost->step));
	}

	foreach(lc, find_all_inheritors(p->relid, NoLock, NULL))
	{
		Relation	rel = try_relation_open(lfirst_oid(lc), AccessShareLock);
		ForecastMember *m;

		if (rel == NULL)
			continue;
		if (rel->rd_rel->reltuples >= 0 &&
			rel->rd_rel->relkind == RELKIND_RELATION)
			f->estimated_rows = Max(f->estimated_rows, 0) + rel->rd_rel->reltuples;
		published_by(f, rel);
		m = palloc0(sizeof(ForecastMember));
		m->relid = RelationGetRelid(rel);
		foreach(lc2, f->steps)
		{
			ForecastStep *cost = lfirst(lc2);
			ForecastStep here;

			memset(&here, 0, sizeof(here));
			here.step = cost->step;
			if (plan_changes_type(cost->step))
				cost_of_widening(f, &here, rel);
			else if (cost->step->kind == STEP_EXTEND_CHECK_LIST)
				here.scan = checklist_scans(m->relid, cost->step);
			else if (defaults != NIL && list_nth_oid(defaults, foreach_current_index(lc2)) == m->relid)
				here.scan = true;
			else
				continue;
			add_to_member(m, cost, &here);
		}
		f->members = lappend(f->members, m);
		relation_close(rel, AccessShareLock);
	}
	what_is_made_again(f, p);
	what_is_locked(f, p);
	forecast_sum(f);

	/* a column list may leave out what is changed */
	f->published = (f->publications != NIL);
	if (f->published)
		f->publications = subscribers_reached(p);
	f->impact = impact_of(plan, f, false);
	return f;
}

Forecast *
forecast_plan(const VettedPlan *plan)
{
	Forecast   *f = forecast_cost(plan);

	forecast_tell(f);
	return f;
}

/* A default partition is read for each new one: it must have no row of it. */
static Oid
default_of(Oid relid, const PlanStep *step)
{
	NewPartition spec;
	char	   *reason;

	if (step->kind != STEP_ATTACH_PARTITION || !partition_read(relid, step, &spec, &reason))
		return InvalidOid;
	return get_default_partition_oid(spec.parent);
}

/* Tables that ATTACH locks beside the parent of the new partition. */
static void
what_is_locked(Forecast *f, const HealPlan *plan)
{
	ListCell   *lc;

	foreach(lc, partition_locks(plan))
	{
		const PartitionLock *lock = lfirst(lc);
		char	   *name = plan_relation_name(lock->relid);

		if (lock->mode > ShareUpdateExclusiveLock && name != NULL && lock->relid != plan->relid)
			forecast_add_once(&f->also_locks, name);
	}
}

/* What PostgreSQL would refuse the change for, up to the last view above. */
static void
what_is_made_again(Forecast *f, const HealPlan *plan)
{
	Rebuild    *rebuild = rebuild_outline(plan);
	ListCell   *lc;

	foreach(lc, rebuild->items)
		forecast_add_once(&f->rebuilt, ((const RebuildItem *) lfirst(lc))->name);
	f->cannot_rebuild = rebuild->refusal;
	f->refused = rebuild->refused;
	if (f->rebuilt == NIL && f->dependents != NIL && f->cannot_rebuild == NULL)
		f->cannot_rebuild = psprintf("%s: it is not made again", (const char *) linitial(f->dependents));
	f->rebuilt_relations = rebuild->relations;
	f->rebuilt_bytes = rebuild->bytes;
}

/*
 * Something that PostgreSQL would refuse for, by its kind and its qualified
 * name. A view is known to people by its own name, not by that of its rule.
 */
static void
add_dependent(Forecast *f, const ObjectAddress *object, const char *kind)
{
	char	   *identity;

	if (object->classId == RewriteRelationId)
	{
		Oid			view = rule_relation(object->objectId);
		char		relkind = get_rel_relkind(view);

		if (relkind == RELKIND_VIEW || relkind == RELKIND_MATVIEW)
		{
			forecast_add_once(&f->dependents,
							  psprintf("%s %s", relkind == RELKIND_VIEW ?
									   "view" : "materialized view",
									   relation_name(view)));
			return;
		}
	}
	identity = getObjectIdentity(object, true);
	if (identity != NULL)
		forecast_add_once(&f->dependents,
						  psprintf("%s %s",
								   kind ? kind : getObjectTypeDescription(object, true),
								   identity));
}

/* The relation that a rule belongs to, or InvalidOid. */
static Oid
rule_relation(Oid rule)
{
	Relation	rewrite = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	Oid			result = InvalidOid;

	ScanKeyInit(&key, Anum_pg_rewrite_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(rule));
	scan = systable_beginscan(rewrite, RewriteOidIndexId, true, NULL, 1, &key);
	tup = systable_getnext(scan);
	if (HeapTupleIsValid(tup))
		result = ((Form_pg_rewrite) GETSTRUCT(tup))->ev_class;
	systable_endscan(scan);
	table_close(rewrite, AccessShareLock);
	return result;
}

/* An index on the column: is it built again although the heap stays? */
static void
cost_of_index(ForecastStep *cost, Oid index)
{
	HeapTuple	tup = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));

	if (!HeapTupleIsValid(tup))
		return;
	if (get_rel_relkind(index) == RELKIND_INDEX &&
		(!heap_attisnull(tup, Anum_pg_index_indexprs, NULL) ||
		 !heap_attisnull(tup, Anum_pg_index_indpred, NULL) ||
		 !((Form_pg_index) GETSTRUCT(tup))->indisvalid))
		forecast_add_once(&cost->indexes, relation_name(index));
	ReleaseSysCache(tup);
}

/*
 * Walk what depends on one column of one member of the tree, the way
 * ATExecAlterColumnType does; what we do not know is a dependent that
 * PostgreSQL would refuse.
 */
static void
cost_of_widening(Forecast *f, ForecastStep *cost, Relation member)
{
	Oid			relid = RelationGetRelid(member);
	HeapTuple	atttup = SearchSysCacheAttName(relid, cost->step->column);
	Form_pg_attribute att;
	Relation	depend;
	SysScanDesc scan;
	ScanKeyData key[3];
	HeapTuple	tup;
	AttrNumber	attnum;
	char	   *why;

	if (!HeapTupleIsValid(atttup))
		return;
	att = (Form_pg_attribute) GETSTRUCT(atttup);
	attnum = att->attnum;
	if (att->atttypid == FLOAT4OID && cost->step->kind == STEP_WIDEN_TYPE)
		f->reads_otherwise = true;
	if (cost->step->kind == STEP_CONVERT_TYPE ||
		lattice_widening(att->atttypid, att->atttypmod, cost->step->type,
						 cost->step->typmod, &why) == WIDENING_REWRITE)
		cost->rewrite = true;
	ReleaseSysCache(atttup);

	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	ScanKeyInit(&key[2], Anum_pg_depend_refobjsubid, BTEqualStrategyNumber,
				F_INT4EQ, Int32GetDatum((int32) attnum));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 3,
							  key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_depend dep = (Form_pg_depend) GETSTRUCT(tup);
		ObjectAddress object;

		ObjectAddressSubSet(object, dep->classid, dep->objid, dep->objsubid);
		switch (dep->classid)
		{
			case RelationRelationId:
				switch (get_rel_relkind(dep->objid))
				{
					case RELKIND_INDEX:
					case RELKIND_PARTITIONED_INDEX:
						cost_of_index(cost, dep->objid);
						continue;
					case RELKIND_SEQUENCE:
						continue;	/* owned by the column */
				}
				break;
			case ConstraintRelationId:
				cost_of_constraint(f, cost, dep->objid, relid);
				continue;
			case StatisticExtRelationId:
				continue;		/* made again by ALTER */
			case AttrDefaultRelationId:
				object = GetAttrDefaultColumnAddress(dep->objid);
				/* its own default; anything else is a generated column */
				if (object.objectId == relid && object.objectSubId == attnum)
					continue;
				break;
			default:
				break;
		}
		add_dependent(f, &object, dep->classid == AttrDefaultRelationId ?
					  "generated column" : NULL);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);

	row_type_users(f, member->rd_rel->reltype);
	if (cost->rewrite)
		cost_of_rewrite(cost, member);
}

/* A constraint that names the column, of this table or of another. */
static void
cost_of_constraint(Forecast *f, ForecastStep *cost, Oid constraint, Oid relid)
{
	HeapTuple	tup = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint con;

	if (!HeapTupleIsValid(tup))
		return;
	con = (Form_pg_constraint) GETSTRUCT(tup);
	switch (con->contype)
	{
		case CONSTRAINT_CHECK:
			if (con->convalidated && !cost->rewrite)
				cost->scan = true;
			break;
		case CONSTRAINT_FOREIGN:
			if (OidIsValid(con->conparentid))
				break;			/* the parent's is looked at as well */
			forecast_add_once(&f->foreign_keys,
							  psprintf("%s on %s",
									   quote_identifier(NameStr(con->conname)),
									   relation_name(con->conrelid)));
			if (con->conrelid != con->confrelid)
				forecast_add_once(&f->also_locks,
								  relation_name(con->conrelid == relid ?
												con->confrelid : con->conrelid));
			if (cost->rewrite && con->convalidated)
			{
				cost->scan = true;
				f->checks_keys = true;
			}
			break;
		default:
			/* the index of a key or exclusion depends on the constraint */
			if (OidIsValid(con->conindid))
				cost_of_index(cost, con->conindid);
			break;
	}
	ReleaseSysCache(tup);
}

/* A heap that is written anew takes all its indexes with it. */
static void
cost_of_rewrite(ForecastStep *cost, Relation member)
{
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(member))
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_INDEX)
		forecast_add_once(&cost->indexes, relation_name(lfirst_oid(lc)));
}

/*
 * Columns of the table's row type, or of an array of it: PostgreSQL refuses
 * to change a type below stored values. Domains over it are taken for users
 * without looking further.
 */
static void
row_type_users(Forecast *f, Oid type)
{
	Relation	depend;
	int			i;
	Oid			types[2];

	types[0] = type;
	types[1] = OidIsValid(type) ? get_array_type(type) : InvalidOid;
	depend = table_open(DependRelationId, AccessShareLock);
	for (i = 0; i < (int) lengthof(types); i++)
	{
		ScanKeyData key[2];
		SysScanDesc scan;
		HeapTuple	tup;

		if (!OidIsValid(types[i]))
			continue;
		ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(TypeRelationId));
		ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
					F_OIDEQ, ObjectIdGetDatum(types[i]));
		scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL,
								  2, key);
		while (HeapTupleIsValid(tup = systable_getnext(scan)))
		{
			Form_pg_depend dep = (Form_pg_depend) GETSTRUCT(tup);
			ObjectAddress object;

			if (!(dep->classid == RelationRelationId && dep->objsubid != 0) &&
				!(dep->classid == TypeRelationId && dep->objid != types[1]))
				continue;
			/* columns of views have no values of their own */
			if (dep->classid == RelationRelationId &&
				get_rel_relkind(dep->objid) == RELKIND_VIEW)
				continue;
			ObjectAddressSubSet(object, dep->classid, dep->objid,
								dep->objsubid);
			add_dependent(f, &object, NULL);
		}
		systable_endscan(scan);
	}
	table_close(depend, AccessShareLock);
}

/* Publications that carry a member of the tree, however they came to it. */
static void
published_by(Forecast *f, Relation member)
{
	List	   *pubs;
	ListCell   *lc;

	if (member->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		return;
	pubs = GetRelationPublications(RelationGetRelid(member));
	pubs = list_concat(pubs,
					   GetSchemaPublications(RelationGetNamespace(member)));
	pubs = list_concat(pubs, GetAllTablesPublications());
	foreach(lc, pubs)
	{
		char	   *name = get_publication_name(lfirst_oid(lc), true);

		if (name != NULL)
			forecast_add_once(&f->publications, name);
	}
}
