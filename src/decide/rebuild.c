/*
 * rebuild.c
 *	  What must be made again around a change of a column's type.
 *
 * The catalog is asked in one go. What depends on a column that is widened, or
 * on a constraint that is made anew with it, is the first layer; each view in
 * it has a layer of its own above: what depends on the view, or on the type of
 * its rows. Of everything that is found we know what it is and how it is made
 * again, or the plan is refused: no object can be lost because nobody thought
 * of its kind. That is why dependencies of all sorts are looked at, also those
 * that DROP ... RESTRICT would silently take along (a sequence that a view's
 * column owns).
 *
 * Rules, triggers and defaults of a view that is made again, and indexes and
 * statistics of a materialized one, belong to its definition (definition.c).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/canon.h"
#include "base/spi.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_statistic_ext.h"
#include "catalog/pg_type.h"
#include "decide/definition.h"
#include "decide/rebuild.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* More than that is not the business of one transaction. */
#define MAX_ITEMS 500

/* One word per kind in the answer of the closure. */
static const char *const kind_words[REBUILD_KINDS] = {
	[REBUILD_POLICY] = "policy",
	[REBUILD_PUBLICATION] = "publication",
	[REBUILD_FUNCTION] = "function",
	[REBUILD_TRIGGER] = "trigger",
	[REBUILD_RULE] = "rule",
	[REBUILD_VIEW] = "view",
};

/*
 * $1, $2: the columns, as table and number; $3: the table with those below it.
 * An answer is kind (null: none that we know how to make again), oid, level,
 * name, relation to be locked, bytes (of the first file of a materialized
 * view: to ask for the size of a relation is to lock it), refusal. Of a trigger on a partitioned
 * table the root of its copies is meant.
 */
static const char *const closure_sql =
"WITH RECURSIVE col AS (SELECT a::oid AS relid, b::int4 AS attnum FROM unnest($1, $2) AS x(a, b)),"
" tree AS (SELECT x::oid AS oid FROM unnest($3) AS x),"
" seed AS ("
"  SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.deptype FROM pg_depend d JOIN col c"
"    ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.relid AND d.refobjsubid = c.attnum"
"  UNION SELECT e.classid, e.objid, e.objsubid, e.refclassid, e.refobjid, e.deptype FROM pg_depend d JOIN col c"
"    ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.relid AND d.refobjsubid = c.attnum"
"    JOIN pg_depend e ON e.refclassid = d.classid AND e.refobjid = d.objid"
"   WHERE d.classid = 'pg_constraint'::regclass AND e.deptype = 'n' AND e.classid <> d.classid),"
" above(oid, level) AS ("
"  SELECT r.ev_class, 1 FROM seed s JOIN pg_rewrite r ON r.oid = s.objid"
"   WHERE s.classid = 'pg_rewrite'::regclass AND r.rulename = '_RETURN'"
"  UNION SELECT r.ev_class, a.level + 1 FROM above a JOIN pg_class c ON c.oid = a.oid"
"    JOIN pg_type t ON t.oid = c.reltype,"
"    LATERAL (VALUES ('pg_class'::regclass::oid, c.oid), ('pg_type'::regclass::oid, t.oid),"
"      ('pg_type'::regclass::oid, t.typarray)) AS x(class, obj)"
"    JOIN pg_depend d ON d.refclassid = x.class AND d.refobjid = x.obj"
"    JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'"
"   WHERE d.classid = 'pg_rewrite'::regclass AND r.ev_class <> a.oid AND a.level < 100),"
" view AS (SELECT oid, max(level) AS level FROM above GROUP BY oid),"
/* all that hangs on a column or on a view, whatever it is */
" found AS ("
"  SELECT s.*, false AS of_view FROM seed s"
"  UNION SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.deptype, true FROM view v"
"    JOIN pg_class c ON c.oid = v.oid JOIN pg_type t ON t.oid = c.reltype,"
"    LATERAL (VALUES ('pg_class'::regclass::oid, c.oid), ('pg_type'::regclass::oid, t.oid),"
"      ('pg_type'::regclass::oid, t.typarray)) AS x(class, obj)"
"    JOIN pg_depend d ON d.refclassid = x.class AND d.refobjid = x.obj"
"   WHERE NOT (d.classid = 'pg_type'::regclass AND d.deptype = 'i')"
/* who stores rows of the table itself */
"  UNION SELECT d.classid, d.objid, d.objsubid, d.refclassid, d.refobjid, d.deptype, true FROM tree"
"    JOIN pg_class c ON c.oid = tree.oid JOIN pg_type t ON t.oid = c.reltype"
"    JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)"
"    LEFT JOIN pg_class u ON d.classid = 'pg_class'::regclass AND u.oid = d.objid"
"   WHERE d.deptype <> 'i' AND (d.classid = 'pg_type'::regclass"
"      OR d.classid = 'pg_class'::regclass AND d.objsubid <> 0 AND u.relkind <> 'v')),"
" sorted AS ("
"  SELECT f.*, r.ev_class, t.tgrelid, root.oid AS tgroot, root.tgisinternal, p.polrelid, pr.prrelid, pr.prpubid,"
"    ad.adrelid, ad.adnum, c.relkind,"
"    CASE f.classid"
"     WHEN 'pg_rewrite'::regclass THEN CASE WHEN r.rulename = '_RETURN' OR r.ev_class IN (SELECT oid FROM view)"
"      THEN 'known' ELSE 'rule' END"
"     WHEN 'pg_trigger'::regclass THEN CASE WHEN t.tgrelid IN (SELECT oid FROM view) THEN 'known' ELSE 'trigger' END"
"     WHEN 'pg_policy'::regclass THEN 'policy'"
"     WHEN 'pg_publication_rel'::regclass THEN 'publication'"
"     WHEN 'pg_proc'::regclass THEN CASE WHEN f.refclassid <> 'pg_type'::regclass THEN 'function' END"
"     WHEN 'pg_attrdef'::regclass THEN CASE WHEN ad.adrelid IN (SELECT oid FROM view)"
"        OR (ad.adrelid, ad.adnum) IN (SELECT relid, attnum FROM col) THEN 'known' END"
"     WHEN 'pg_constraint'::regclass THEN CASE WHEN NOT of_view THEN 'known' END"
"     WHEN 'pg_statistic_ext'::regclass THEN 'known'"
"     WHEN 'pg_class'::regclass THEN CASE"
"      WHEN f.objsubid <> 0 AND f.objid IN (SELECT oid FROM view) THEN 'known'"
"      WHEN f.objsubid = 0 AND c.relkind IN ('i', 'I', 't') THEN 'known'"
"      WHEN f.objsubid = 0 AND c.relkind = 'S' AND NOT of_view THEN 'known' END"
"    END AS kind"
"  FROM found f"
"  LEFT JOIN pg_rewrite r ON f.classid = 'pg_rewrite'::regclass AND r.oid = f.objid"
"  LEFT JOIN pg_trigger t ON f.classid = 'pg_trigger'::regclass AND t.oid = f.objid"
"  LEFT JOIN LATERAL (WITH RECURSIVE up AS (SELECT t.oid, t.tgparentid, t.tgisinternal WHERE t.oid IS NOT NULL"
"     UNION ALL SELECT q.oid, q.tgparentid, q.tgisinternal FROM up JOIN pg_trigger q ON q.oid = up.tgparentid)"
"     SELECT oid, tgisinternal FROM up WHERE tgparentid = 0) AS root ON true"
"  LEFT JOIN pg_policy p ON f.classid = 'pg_policy'::regclass AND p.oid = f.objid"
"  LEFT JOIN pg_publication_rel pr ON f.classid = 'pg_publication_rel'::regclass AND pr.oid = f.objid"
"  LEFT JOIN pg_attrdef ad ON f.classid = 'pg_attrdef'::regclass AND ad.oid = f.objid"
"  LEFT JOIN pg_class c ON f.classid = 'pg_class'::regclass AND c.oid = f.objid),"
" item AS ("
"  SELECT DISTINCT kind, NULL AS called, classid, coalesce(tgroot, objid) AS oid, 0 AS level,"
"    coalesce(ev_class, polrelid) AS relid,"
"    CASE WHEN kind = 'trigger' AND tgisinternal THEN 'it is internal' END AS refusal FROM sorted WHERE kind <> 'known'"
"  UNION ALL SELECT DISTINCT NULL, CASE WHEN adrelid IS NOT NULL THEN 'generated column' END, CASE WHEN adrelid IS NULL THEN classid ELSE 'pg_class'::regclass END,"
"    coalesce(adrelid, objid), coalesce(adnum, objsubid), NULL::oid,"
"    CASE WHEN classid = 'pg_attrdef'::regclass THEN 'it would change its place in the table'"
"     WHEN classid = 'pg_class'::regclass AND objsubid <> 0 THEN 'it holds values of a row type that would change'"
"     WHEN classid = 'pg_proc'::regclass THEN 'a function takes or returns rows of a view that would be another'"
"     ELSE 'objects of this kind are not made again' END FROM sorted WHERE kind IS NULL"
"  UNION ALL SELECT 'view', NULL, 'pg_class'::regclass, oid, level, oid, NULL FROM view)"
" SELECT * FROM (SELECT i.kind, i.oid, CASE WHEN i.kind IS NULL THEN 0 ELSE i.level END AS level,"
"  (SELECT concat_ws(' ', coalesce(i.called, d.type), d.identity) FROM pg_identify_object(i.classid, i.oid,"
"    CASE WHEN i.kind IS NULL THEN i.level ELSE 0 END) d) AS name,"
"  i.relid, CASE WHEN i.kind = 'view' THEN coalesce((pg_stat_file(pg_relation_filepath(i.oid), true)).size, 0) ELSE 0 END,"
"  coalesce(i.refusal,"
"   (SELECT format('it %s the extension %I', CASE d.deptype WHEN 'e' THEN 'belongs to' ELSE 'goes with' END, e.extname) FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid"
"     WHERE d.classid = i.classid AND d.objid = i.oid AND d.refclassid = 'pg_extension'::regclass"
"       AND (d.deptype = 'e' OR d.deptype = 'x' AND i.kind <> 'trigger') LIMIT 1),"
"   (SELECT 'it has a security label' FROM pg_seclabel s WHERE s.classoid = i.classid AND s.objoid = i.oid LIMIT 1),"
"   CASE i.kind WHEN 'view' THEN (SELECT CASE"
"      WHEN c.relpersistence = 't' THEN 'it is temporary'"
"      WHEN NOT has_schema_privilege(c.relowner, c.relnamespace, 'CREATE')"
"       THEN format('its owner %I may not create in schema %I', pg_get_userbyid(c.relowner), n.nspname)"
"      WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgenabled <> 'O')"
"       THEN 'it has a trigger in a state that no command can give it'"
"      WHEN EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.ev_enabled <> 'O')"
"       THEN 'it has a rule in a state that no command can give it'"
"      WHEN EXISTS (SELECT FROM pg_index x WHERE x.indrelid = c.oid AND NOT (x.indisvalid AND x.indisready))"
"       THEN 'it has an index that is not valid'"
"      WHEN EXISTS (SELECT FROM pg_type t WHERE t.oid = c.reltype AND (t.typacl IS NOT NULL"
"         OR EXISTS (SELECT FROM pg_description d WHERE d.classoid = 'pg_type'::regclass AND d.objoid = t.oid)"
"         OR EXISTS (SELECT FROM pg_seclabel s WHERE s.classoid = 'pg_type'::regclass AND s.objoid = t.oid)))"
"       THEN 'the type of its rows has privileges, a comment or a label of its own'"
"      WHEN EXISTS (SELECT FROM pg_init_privs p WHERE p.classoid = i.classid AND p.objoid = c.oid)"
"       THEN 'its privileges are those of an extension'"
"      WHEN EXISTS (SELECT FROM pg_depend d JOIN pg_class x ON x.oid = d.objid JOIN pg_depend e"
"         ON e.classid = 'pg_class'::regclass AND e.objid = x.oid AND e.refclassid = 'pg_extension'::regclass"
"         WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.classid = 'pg_class'::regclass AND x.relkind = 'i')"
"       THEN 'it has an index that goes with an extension'"
/* REFRESH runs all that it reads from as its owner */
"      WHEN c.relkind = 'm' AND c.relispopulated AND (SELECT rolsuper FROM pg_roles o WHERE o.oid = c.relowner) AND EXISTS ("
"       WITH RECURSIVE down(class, obj) AS (SELECT 'pg_class'::regclass::oid, c.oid"
"         UNION SELECT 'pg_class'::regclass, x.indexrelid FROM pg_index x WHERE x.indrelid = c.oid"
"         UNION SELECT n.class, n.obj FROM down, LATERAL ("
"          SELECT 'pg_rewrite'::regclass::oid AS class, w.oid AS obj FROM pg_rewrite w JOIN pg_class k ON k.oid = w.ev_class"
"           WHERE down.class = 'pg_class'::regclass AND w.ev_class = down.obj AND k.relkind IN ('v', 'm')"
"          UNION ALL SELECT d.refclassid, d.refobjid FROM pg_depend d WHERE d.classid = down.class AND d.objid = down.obj"
"           AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)"
"           AND (down.class <> 'pg_class'::regclass OR EXISTS (SELECT FROM pg_class k WHERE k.oid = down.obj AND k.relkind = 'i'))) n)"
"       SELECT FROM down LEFT JOIN pg_class k ON down.class = 'pg_class'::regclass AND k.oid = down.obj AND k.relkind IN ('v', 'm')"
"        LEFT JOIN pg_proc f ON down.class = 'pg_proc'::regclass AND f.oid = down.obj"
"        LEFT JOIN pg_operator p ON down.class = 'pg_operator'::regclass AND p.oid = down.obj"
"        LEFT JOIN pg_type t ON down.class = 'pg_type'::regclass AND t.oid = down.obj"
"        JOIN pg_roles o ON o.oid = coalesce(k.relowner, f.proowner, p.oprowner, t.typowner) AND NOT o.rolsuper)"
"       THEN 'it belongs to a superuser, as whom code of others would run to fill it' END"
"     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = i.oid)"
"    WHEN 'trigger' THEN (SELECT 'the constraint of it has a comment' FROM pg_trigger t JOIN pg_description d"
"      ON d.classoid = 'pg_constraint'::regclass AND d.objoid = t.tgconstraint WHERE t.oid = i.oid AND t.tgconstraint <> 0)"
"    WHEN 'publication' THEN (SELECT format('the publication''s owner %I does not own the table', pg_get_userbyid(b.pubowner))"
"      FROM pg_publication_rel pr JOIN pg_publication b ON b.oid = pr.prpubid JOIN pg_class c ON c.oid = pr.prrelid"
"      WHERE pr.oid = i.oid AND NOT pg_has_role(b.pubowner, c.relowner, 'USAGE'))"
"    WHEN 'function' THEN (SELECT CASE WHEN pg_get_function_sqlbody(f.oid) IS NULL THEN 'it has no body of SQL'"
"       WHEN NOT has_schema_privilege(f.proowner, f.pronamespace, 'CREATE')"
"       THEN format('its owner %I may not create in schema %s', pg_get_userbyid(f.proowner), f.pronamespace::regnamespace) END"
"      FROM pg_proc f WHERE f.oid = i.oid) END)"
" FROM item i) x"
" ORDER BY array_position(ARRAY['policy', 'publication', 'function', 'trigger', 'rule', 'view'], kind),"
"  level DESC, name COLLATE \"C\"";

/* The columns that the plan widens, on the table and on those below it. */
static void
widened_columns(const HealPlan *plan, SpiArgs *args, List **tree)
{
	int			nsteps = list_length(plan->steps);
	int64	   *relids;
	int64	   *attnums;
	int64	   *members;
	int			n = 0;
	int			m = 0;
	ListCell   *lc;
	ListCell   *lc2;

	*tree = find_all_inheritors(plan->relid, NoLock, NULL);
	relids = palloc(sizeof(int64) * list_length(*tree) * nsteps);
	attnums = palloc(sizeof(int64) * list_length(*tree) * nsteps);
	members = palloc(sizeof(int64) * list_length(*tree));
	foreach(lc, *tree)
	{
		members[m++] = lfirst_oid(lc);
		foreach(lc2, plan->steps)
		{
			const PlanStep *step = lfirst(lc2);
			AttrNumber	attnum;

			if (!plan_changes_type(step))
				continue;
			attnum = get_attnum(lfirst_oid(lc), step->column);
			if (attnum == InvalidAttrNumber)
				continue;
			relids[n] = lfirst_oid(lc);
			attnums[n++] = attnum;
		}
	}
	spi_args(args);
	spi_arg_int8_array(args, relids, n);
	spi_arg_int8_array(args, attnums, n);
	spi_arg_int8_array(args, members, m);
}

/* The kind of a word of the answer. */
static RebuildKind
kind_of(const char *word)
{
	for (int i = 0; i < REBUILD_KINDS; i++)
		if (strcmp(word, kind_words[i]) == 0)
			return (RebuildKind) i;
	elog(ERROR, "unknown kind of dependent \"%s\"", word);
}

/*
 * Does anything depend on an object that ALTER does not see to by itself? More
 * is taken for it than the closure finds in the end.
 */
static bool
depended_upon(Oid classid, Oid objid, int32 sub)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple	tup;
	bool		found = false;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(classid));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(objid));
	ScanKeyInit(&key[2], Anum_pg_depend_refobjsubid, BTEqualStrategyNumber,
				F_INT4EQ, Int32GetDatum(sub));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 3, key);
	while (!found && HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_depend dep = (Form_pg_depend) GETSTRUCT(tup);
		ObjectAddress own;
		char		kind;

		switch (dep->classid)
		{
			case RelationRelationId:
				kind = get_rel_relkind(dep->objid);
				found = dep->objsubid != 0 ||
					(kind != RELKIND_INDEX && kind != RELKIND_PARTITIONED_INDEX &&
					 kind != RELKIND_SEQUENCE);
				break;
			case ConstraintRelationId:
				found = classid == RelationRelationId &&
					depended_upon(ConstraintRelationId, dep->objid, 0);
				break;
			case StatisticExtRelationId:
				break;
			case AttrDefaultRelationId:
				own = GetAttrDefaultColumnAddress(dep->objid);
				found = own.objectId != objid || own.objectSubId != sub;
				break;
			default:
				/* a foreign key's triggers, a type's array */
				found = dep->deptype != DEPENDENCY_INTERNAL;
				break;
		}
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return found;
}

/*
 * Is there anything to look for? Most columns have no dependents, and a heal
 * should not pay for the question: the closure's query takes as long to plan
 * as all else that is asked of a plan.
 */
static bool
has_dependents(const HealPlan *plan)
{
	bool		widens = false;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, plan->steps)
		widens |= plan_changes_type(lfirst(lc));
	if (!widens)
		return false;
	foreach(lc, find_all_inheritors(plan->relid, NoLock, NULL))
	{
		Oid			relid = lfirst_oid(lc);
		Oid			type = get_rel_type_id(relid);
		Oid			array = OidIsValid(type) ? get_array_type(type) : InvalidOid;

		if ((OidIsValid(type) && depended_upon(TypeRelationId, type, 0)) ||
			(OidIsValid(array) && depended_upon(TypeRelationId, array, 0)))
			return true;
		foreach(lc2, plan->steps)
		{
			const PlanStep *step = lfirst(lc2);
			AttrNumber	attnum = plan_changes_type(step) ?
			get_attnum(relid, step->column) : InvalidAttrNumber;

			if (attnum != InvalidAttrNumber &&
				depended_upon(RelationRelationId, relid, attnum))
				return true;
		}
	}
	return false;
}

/* Indexes of a materialized view, from the catalog: no lock is taken. */
static List *
indexes_of(Oid relid)
{
	Relation	index = table_open(IndexRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	List	   *result = NIL;

	ScanKeyInit(&key, Anum_pg_index_indrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(index, IndexIndrelidIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
		result = lappend_oid(result, ((Form_pg_index) GETSTRUCT(tup))->indexrelid);
	systable_endscan(scan);
	table_close(index, AccessShareLock);
	return result;
}

/* Items, locks and refusal, inside spi_open; results in cxt. */
static void
outline(Rebuild *result, const HealPlan *plan, MemoryContext cxt)
{
	SpiArgs		args;
	List	   *tree;
	uint64		n;
	MemoryContext old;

	/* to compile so large a query takes longer than to run it */
	spi_set_local("jit", "off");
	widened_columns(plan, &args, &tree);
	n = spi_exec(closure_sql, &args);
	old = MemoryContextSwitchTo(cxt);
	if (n > MAX_ITEMS)
		plan_refuse(&result->refusal, "more than %d objects depend on the column's type", MAX_ITEMS);
	for (uint64 i = 0; i < n && n <= MAX_ITEMS; i++)
	{
		char	   *word = spi_get_text(i, 1, cxt);
		char	   *name = spi_get_text(i, 4, cxt);
		char	   *refusal = spi_get_text(i, 7, cxt);
		bool		none;
		Oid			relid = spi_get_oid(i, 5, &none);
		RebuildItem *item;

		if (name == NULL)
		{
			/* dropped a moment ago: the plan's hash is about it */
			if (result->refusal == NULL)
				plan_refuse(&result->refusal, "what depends on the column changes right now");
			continue;
		}
		if (word == NULL || refusal != NULL)
		{
			if (result->refusal == NULL)
				plan_refuse(&result->refusal, "%s: %s", name, refusal);
			result->refused = lappend(result->refused, name);
			continue;
		}
		item = palloc0(sizeof(RebuildItem));
		item->kind = kind_of(word);
		item->objid = spi_get_oid(i, 2, NULL);
		item->level = (int) spi_get_int8(i, 3, NULL);
		item->name = name;
		result->items = lappend(result->items, item);
		result->bytes += spi_get_int8(i, 6, NULL);

		/* views from above, as who reads them takes his locks; then others */
		if (none || list_member_oid(tree, relid))
			continue;
		result->relations = list_append_unique_oid(result->relations, relid);
		if (get_rel_relkind(relid) == RELKIND_MATVIEW)
			result->relations = list_concat_unique_oid(result->relations, indexes_of(relid));
	}
	MemoryContextSwitchTo(old);
}

/* See the header. */
Rebuild *
rebuild_outline(const HealPlan *plan)
{
	MemoryContext cxt = CurrentMemoryContext;
	Rebuild    *result = palloc0(sizeof(Rebuild));
	SpiUser		saved;

	if (!has_dependents(plan))
		return result;
	spi_open(&saved);
	outline(result, plan, cxt);
	spi_close(&saved);
	return result;
}

/* list_sort comparator of texts, by bytes. */
static int
compare_texts(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* Digest of an item whose lines are sorted. */
static char *
item_digest(const RebuildItem *item)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfo(&buf, "selfheal dependent 1\n%s\n", item->name);
	foreach(lc, item->lines)
		appendStringInfo(&buf, "%s\n", (const char *) lfirst(lc));
	return canon_sha256(buf.data);
}

/* See the header. */
Rebuild *
rebuild_find(const HealPlan *plan)
{
	MemoryContext cxt = CurrentMemoryContext;
	Rebuild    *result = palloc0(sizeof(Rebuild));
	SpiUser		saved;
	int			nest;
	ListCell   *lc;

	if (!has_dependents(plan))
		return result;
	spi_open(&saved);
	nest = canon_pin_settings();
	outline(result, plan, cxt);
	if (result->refusal == NULL)
	{
		for (int kind = 0; kind < REBUILD_KINDS; kind++)
			definition_read((RebuildKind) kind, result->items, cxt);
	}
	AtEOXact_GUC(false, nest);
	spi_close(&saved);

	foreach(lc, result->items)
	{
		RebuildItem *item = lfirst(lc);

		list_sort(item->lines, compare_texts);
		item->digest = item_digest(item);
	}
	return result;
}

/* See the header. */
char *
rebuild_hash(const HealPlan *plan, const Rebuild *rebuild)
{
	char	   *table = plan_schema_hash(plan->relid);
	StringInfoData buf;
	ListCell   *lc;

	if (rebuild->items == NIL && rebuild->refusal == NULL)
		return table;
	initStringInfo(&buf);
	appendStringInfo(&buf, "selfheal schema and dependents 1\n%s\n%s\n", table,
					 rebuild->refusal ? rebuild->refusal : "");
	foreach(lc, rebuild->items)
	{
		const RebuildItem *item = lfirst(lc);
		ListCell   *lc2;

		appendStringInfo(&buf, "%s\n", item->digest);
		foreach(lc2, item->types)
			appendStringInfo(&buf, "%s\n", (const char *) lfirst(lc2));
	}
	return canon_sha256(buf.data);
}

char *
rebuild_schema_hash(const HealPlan *plan)
{
	return rebuild_hash(plan, rebuild_find(plan));
}

/* The item of the same name, or NULL. */
static const RebuildItem *
same_item(const Rebuild *rebuild, const RebuildItem *item)
{
	ListCell   *lc;

	foreach(lc, rebuild->items)
	{
		const RebuildItem *other = lfirst(lc);

		if (other->kind == item->kind && strcmp(other->name, item->name) == 0)
			return other;
	}
	return NULL;
}

/* What one item has that the other has not, in words; NULL when they are
 * alike. */
static char *
line_difference(const RebuildItem *old, const RebuildItem *new)
{
	int			n = Min(list_length(old->lines), list_length(new->lines));
	int			i;
	const char *was;
	const char *is;

	for (i = 0; i < n; i++)
	{
		if (!definition_alike(list_nth(old->lines, i), list_nth(new->lines, i)))
			break;
	}
	was = i < list_length(old->lines) ? list_nth(old->lines, i) : NULL;
	is = i < list_length(new->lines) ? list_nth(new->lines, i) : NULL;
	if (was == NULL && is == NULL)
		return NULL;
	/* lines are sorted: the lesser one is not in the other list */
	if (is == NULL || (was != NULL && strcmp(was, is) < 0))
		return psprintf("%s would lose: %s", old->name, was);
	return psprintf("%s would get: %s", old->name, is);
}

/* See the header. */
char *
rebuild_difference(const Rebuild *before, const Rebuild *after)
{
	ListCell   *lc;

	if (after->refusal != NULL)
		return after->refusal;
	foreach(lc, before->items)
	{
		const RebuildItem *old = lfirst(lc);
		const RebuildItem *new = same_item(after, old);
		char	   *difference = new ? line_difference(old, new) : NULL;

		if (new == NULL)
			return psprintf("%s is not there any more", old->name);
		if (difference != NULL)
			return difference;
		if (list_length(old->types) != list_length(new->types))
			return psprintf("%s would not have the same columns", old->name);
	}
	foreach(lc, after->items)
	{
		const RebuildItem *new = lfirst(lc);

		if (same_item(before, new) == NULL)
			return psprintf("%s was not there before", new->name);
	}
	return NULL;
}

/* See the header. */
List *
rebuild_retyped(const Rebuild *before, const Rebuild *after)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, before->items)
	{
		const RebuildItem *old = lfirst(lc);
		const RebuildItem *new = same_item(after, old);

		for (int i = 0; new != NULL && i + 1 < list_length(old->types) && i + 1 < list_length(new->types); i += 2)
		{
			const char *column = list_nth(old->types, i);
			const char *type = list_nth(old->types, i + 1);
			const char *now = list_nth(new->types, i + 1);

			if (strcmp(type, now) != 0)
				result = lappend(result, psprintf("%s: %s -> %s", column, type, now));
		}
	}
	return result;
}
