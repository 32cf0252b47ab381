/*
 * named.c
 *	  What in the catalog names a column of a table, or has its row type?
 *
 * pg_depend says who; each class of objects then says whether it is a copy of
 * what stands at the table itself. It is read as forecast.c reads it, since
 * each plan asks and most find nothing.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/spi.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_index.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_publication_rel.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "decide/named.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Add an object once, unless it went away meanwhile; kind NULL: as PostgreSQL
 * calls it. */
static void
add(List **named, const ObjectAddress *object, const char *kind)
{
	NamedBy    *entry;
	ListCell   *lc;
	char	   *identity = getObjectIdentity(object, true);
	char	   *type = kind ? pstrdup(kind) :
	getObjectTypeDescription(object, true);

	if (identity == NULL || type == NULL)
		return;
	foreach(lc, *named)
	{
		entry = lfirst(lc);
		if (strcmp(entry->kind, type) == 0 &&
			strcmp(entry->object, identity) == 0)
			return;
	}
	entry = palloc(sizeof(NamedBy));
	entry->kind = type;
	entry->object = identity;
	*named = lappend(*named, entry);
}

static int
by_name(const ListCell *a, const ListCell *b)
{
	const NamedBy *x = lfirst(a);
	const NamedBy *y = lfirst(b);
	int			kinds = strcmp(x->kind, y->kind);

	return kinds != 0 ? kinds : strcmp(x->object, y->object);
}

/* The one row of a catalog with this oid, copied; NULL when it is gone. */
static HeapTuple
row_of(Oid catalog, Oid index, AttrNumber oid_column, Oid oid)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, oid_column, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(oid));
	scan = systable_beginscan(rel, index, true, NULL, 1, &key);
	tup = systable_getnext(scan);
	if (HeapTupleIsValid(tup))
		tup = heap_copytuple(tup);
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return tup;
}

/* Is this trigger on a partition the root's own? */
static bool
is_copied_trigger(Oid trigger)
{
	HeapTuple	tup = row_of(TriggerRelationId, TriggerOidIndexId,
							 Anum_pg_trigger_oid, trigger);

	return HeapTupleIsValid(tup) &&
		OidIsValid(((Form_pg_trigger) GETSTRUCT(tup))->tgparentid);
}

/* Is this the rule that makes a view? */
static bool
is_view_rule(Oid rule)
{
	HeapTuple	tup = row_of(RewriteRelationId, RewriteOidIndexId,
							 Anum_pg_rewrite_oid, rule);
	char		relkind;

	if (!HeapTupleIsValid(tup))
		return true;
	relkind = get_rel_relkind(((Form_pg_rewrite) GETSTRUCT(tup))->ev_class);
	return relkind == RELKIND_VIEW || relkind == RELKIND_MATVIEW;
}

/* A check of the table itself, not one that a child has from it? */
static bool
is_own_check(Oid constraint)
{
	HeapTuple	tup = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	bool		own;

	if (!HeapTupleIsValid(tup))
		return false;
	own = ((Form_pg_constraint) GETSTRUCT(tup))->contype == CONSTRAINT_CHECK &&
		((Form_pg_constraint) GETSTRUCT(tup))->coninhcount == 0;
	ReleaseSysCache(tup);
	return own;
}

/* An index with an expression or a predicate, not a partition's share of one?
 */
static bool
is_computed_index(Oid relid)
{
	HeapTuple	tup = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(relid));
	bool		computed;

	if (!HeapTupleIsValid(tup))
		return false;
	computed = !heap_attisnull(tup, Anum_pg_index_indexprs, NULL) ||
		!heap_attisnull(tup, Anum_pg_index_indpred, NULL);
	ReleaseSysCache(tup);
	return computed && !get_rel_relispartition(relid);
}

/* A generated column that another one of the table is, not a child's copy? */
static bool
is_own_generated(const ObjectAddress *generated, Oid relid, AttrNumber attnum)
{
	HeapTuple	tup;
	bool		own;

	/* a default of the column itself */
	if (generated->objectId == relid && generated->objectSubId == attnum)
		return false;
	tup = SearchSysCache2(ATTNUM, ObjectIdGetDatum(generated->objectId),
						  Int16GetDatum(generated->objectSubId));
	if (!HeapTupleIsValid(tup))
		return false;
	own = ((Form_pg_attribute) GETSTRUCT(tup))->attinhcount == 0;
	ReleaseSysCache(tup);
	return own;
}

/* What depends on one column of one table. */
static void
add_dependents(List **named, Oid relid, AttrNumber attnum)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[3];
	SysScanDesc scan;
	HeapTuple	tup;

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
			case PublicationRelRelationId:
				break;
			case AttrDefaultRelationId:
				object = GetAttrDefaultColumnAddress(dep->objid);
				if (is_own_generated(&object, relid, attnum))
					add(named, &object, "generated column");
				break;
			case ConstraintRelationId:
				if (is_own_check(dep->objid))
					add(named, &object, "check");
				break;
			case RelationRelationId:
				if (is_computed_index(dep->objid))
					add(named, &object, NULL);
				break;
			case RewriteRelationId:
				if (!is_view_rule(dep->objid))
					add(named, &object, NULL);
				break;
			case TriggerRelationId:
				if (!is_copied_trigger(dep->objid))
					add(named, &object, NULL);
				break;
			default:
				add(named, &object, NULL);
		}
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

List *
named_column(const List *tree, const char *column)
{
	List	   *named = NIL;
	ListCell   *lc;

	foreach(lc, tree)
	{
		AttrNumber	attnum = get_attnum(lfirst_oid(lc), column);

		if (attnum != InvalidAttrNumber)
			add_dependents(&named, lfirst_oid(lc), attnum);
	}
	list_sort(named, by_name);
	return named;
}

List *
named_foreign_keys(const List *tree, const char *column)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_oids(&args, tree);
	spi_arg_text(&args, column);
	n = spi_exec("SELECT DISTINCT format('%I on %s', f.name, f.on_table::regclass), f.refers,"
				 " format('%s.%I', o.attrelid::regclass, o.attname), format_type(o.atttypid, o.atttypmod)"
				 " FROM unnest($1) m(relid)"
				 " JOIN pg_attribute a ON a.attrelid = m.relid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped"
				 " CROSS JOIN LATERAL"
				 "  (SELECT k.conname AS name, k.conrelid AS on_table, true AS refers, k.confrelid AS relid,"
				 "    k.confkey[array_position(k.conkey, a.attnum)] AS attnum FROM pg_constraint k"
				 "    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.conrelid = a.attrelid AND a.attnum = ANY (k.conkey)"
				 "   UNION ALL SELECT k.conname, k.conrelid, false, k.conrelid,"
				 "    k.conkey[array_position(k.confkey, a.attnum)] FROM pg_constraint k"
				 "    WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = a.attrelid AND a.attnum = ANY (k.confkey)) f"
				 " JOIN pg_attribute o ON o.attrelid = f.relid AND o.attnum = f.attnum"
				 " ORDER BY 1, 2, 3", &args);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		NamedKey   *key = palloc(sizeof(NamedKey));

		key->object = spi_get_text(i, 1, cxt);
		key->refers = spi_get_bool(i, 2, NULL);
		key->other = spi_get_text(i, 3, cxt);
		key->other_type = spi_get_text(i, 4, cxt);
		result = lappend(result, key);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

/* What has columns, arguments or results of a type; array: its array type.
 * Not the columns of this name in the tree, if one is given. */
static void
add_users(List **named, Oid type, Oid array, const List *tree,
		  const char *column)
{
	Relation	depend;
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tup;

	if (!OidIsValid(type))
		return;
	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(TypeRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(type));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2,
							  key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_depend dep = (Form_pg_depend) GETSTRUCT(tup);
		ObjectAddress object;

		ObjectAddressSubSet(object, dep->classid, dep->objid, dep->objsubid);
		if (dep->classid == RelationRelationId && column != NULL &&
			list_member_oid(tree, dep->objid) &&
			get_attnum(dep->objid, column) == dep->objsubid)
			continue;
		if ((dep->classid == RelationRelationId && dep->objsubid != 0) ||
			dep->classid == ProcedureRelationId ||
			(dep->classid == TypeRelationId && dep->objid != array))
			add(named, &object, NULL);
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
}

List *
named_row_type(const List *tree)
{
	List	   *named = NIL;
	ListCell   *lc;

	foreach(lc, tree)
	{
		Oid			type = get_rel_type_id(lfirst_oid(lc));
		Oid			array = OidIsValid(type) ? get_array_type(type) : InvalidOid;

		add_users(&named, type, array, NIL, NULL);
		add_users(&named, array, InvalidOid, NIL, NULL);
	}
	list_sort(named, by_name);
	return named;
}

List *
named_column_type(const List *tree, const char *column)
{
	List	   *named = NIL;
	Oid			root = linitial_oid(tree);
	AttrNumber	attnum = get_attnum(root, column);
	Oid			type;
	Oid			array;

	if (attnum == InvalidAttrNumber)
		return NIL;
	type = get_atttype(root, attnum);
	array = get_array_type(type);
	add_users(&named, type, array, tree, column);
	add_users(&named, array, InvalidOid, tree, column);
	list_sort(named, by_name);
	return named;
}
