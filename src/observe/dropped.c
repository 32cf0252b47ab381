/*
 * dropped.c
 *	  Whose the things were that a command has dropped (dropped.h).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "base/compat.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaccess.h"
#include "catalog/partition.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_trigger.h"
#include "observe/dropped.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static object_access_hook_type next_hook = NULL;
static bool installed = false;

/* In TopMemoryContext: DROP INDEX CONCURRENTLY is more than one transaction.
 * A relation may stand there more than once. */
static Dropped *noted = NULL;
static int	noted_n = 0;
static int	noted_room = 0;
static bool concurrently = false;

static void
forget(void)
{
	if (noted_room > 1024)
	{
		pfree(noted);
		noted = NULL;
		noted_room = 0;
	}
	noted_n = 0;
	concurrently = false;
}

/* All columns of a table may go one after the other. */
static void
note(Oid relid, bool gone, bool view, bool helps)
{
	if (!OidIsValid(relid))
		return;
	if (noted_n > 0 && noted[noted_n - 1].relid == relid)
	{
		noted[noted_n - 1].gone |= gone;
		noted[noted_n - 1].view |= view;
		noted[noted_n - 1].helps |= helps;
		return;
	}
	if (noted_n == noted_room)
	{
		int			room = Max(64, noted_room * 2);

		noted = noted ? repalloc_huge(noted, room * sizeof(Dropped)) :
			MemoryContextAlloc(TopMemoryContext, room * sizeof(Dropped));
		noted_room = room;
	}
	noted[noted_n].relid = relid;
	noted[noted_n].gone = gone;
	noted[noted_n].view = view;
	noted[noted_n].helps = helps;
	noted_n++;
}

/* An index that refuses nothing is nobody's business. */
static void
note_index(Oid index)
{
	HeapTuple	tup = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));

	if (!HeapTupleIsValid(tup))
		return;
	if (((Form_pg_index) GETSTRUCT(tup))->indisunique)
		note(((Form_pg_index) GETSTRUCT(tup))->indrelid, false, false, true);
	ReleaseSysCache(tup);
}

static void
note_relation(Oid relid, int column)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	char		kind;
	bool		partition;
	bool		triggers;
	bool		temporary;

	if (!HeapTupleIsValid(tup))
		return;
	kind = ((Form_pg_class) GETSTRUCT(tup))->relkind;
	partition = ((Form_pg_class) GETSTRUCT(tup))->relispartition;
	triggers = ((Form_pg_class) GETSTRUCT(tup))->relhastriggers;
	temporary = ((Form_pg_class) GETSTRUCT(tup))->relpersistence == RELPERSISTENCE_TEMP;
	ReleaseSysCache(tup);
	if (temporary)
		return;
	switch (kind)
	{
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			note_index(relid);
			return;
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
			if (column == 0 && partition)
			{
				List	   *above = get_partition_ancestors(relid);

				if (above != NIL)
					note(llast_oid(above), false, false, false);
			}
			note(relid, column == 0, false, false);
			return;
		case RELKIND_VIEW:
			/* an intake has triggers, or had them: that stays noted */
			if (column == 0 && triggers)
				note(relid, true, true, false);
			return;
	}
}

/* Of a catalog's row that has no cache, the relation that it names. */
static Oid
relation_in(Oid catalog, Oid index, AttrNumber key_attribute, Oid object)
{
	Relation	rel = table_open(catalog, AccessShareLock);
	Oid			relid = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, key_attribute, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(object));
	scan = systable_beginscan(rel, index, true, NULL, 1, &key);
	tup = systable_getnext(scan);
	if (!HeapTupleIsValid(tup))
		relid = InvalidOid;
	else if (catalog == AttrDefaultRelationId)
		relid = ((Form_pg_attrdef) GETSTRUCT(tup))->adrelid;
	else if (catalog == PolicyRelationId)
		relid = ((Form_pg_policy) GETSTRUCT(tup))->polrelid;
	else if (!((Form_pg_trigger) GETSTRUCT(tup))->tgisinternal)
		relid = ((Form_pg_trigger) GETSTRUCT(tup))->tgrelid;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return relid;
}

static Oid
relation_of_constraint(Oid constraint)
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

static bool
is_temporary(Oid relid)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		temporary = false;

	if (HeapTupleIsValid(tup))
	{
		temporary = ((Form_pg_class) GETSTRUCT(tup))->relpersistence == RELPERSISTENCE_TEMP;
		ReleaseSysCache(tup);
	}
	return temporary;
}

static void
note_part(Oid relid, bool helps)
{
	if (OidIsValid(relid) && !is_temporary(relid))
		note(relid, false, false, helps);
}

/* What PostgreSQL drops for itself, and makes anew at once, no event trigger
 * hears of either. */
static void
before_drop(ObjectAccessType access, Oid class, Oid object, int sub, void *arg)
{
	int			flags;

	if (next_hook)
		next_hook(access, class, object, sub, arg);
	if (access != OAT_DROP)
		return;
	flags = arg ? ((ObjectAccessDrop *) arg)->dropflags : 0;
	if (flags & PERFORM_DELETION_INTERNAL)
		return;
	/* the only one of its command */
	if (concurrently || (flags & PERFORM_DELETION_CONCURRENTLY))
		forget();
	concurrently = (flags & PERFORM_DELETION_CONCURRENTLY) != 0;
	switch (class)
	{
		case RelationRelationId:
			note_relation(object, sub);
			break;
		case ConstraintRelationId:
			note_part(relation_of_constraint(object), true);
			break;
		case TriggerRelationId:
			note_part(relation_in(class, TriggerOidIndexId, Anum_pg_trigger_oid, object), true);
			break;
		case PolicyRelationId:
			note_part(relation_in(class, PolicyOidIndexId, Anum_pg_policy_oid, object), true);
			break;
		case AttrDefaultRelationId:
			note_part(relation_in(class, AttrDefaultOidIndexId, Anum_pg_attrdef_oid, object), false);
			break;
	}
}

/* Where event triggers are off nobody asks. */
static void
at_xact_end(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT || (event == XACT_EVENT_COMMIT && !concurrently) ||
		event == XACT_EVENT_PREPARE)
		forget();
}

/* See the header. */
void
dropped_init(void)
{
	next_hook = object_access_hook;
	object_access_hook = before_drop;
	RegisterXactCallback(at_xact_end, NULL);
	installed = true;
}

/* See the header. */
bool
dropped_noted(void)
{
	return installed;
}

static int
by_relid(const void *a, const void *b)
{
	Oid			x = ((const Dropped *) a)->relid;
	Oid			y = ((const Dropped *) b)->relid;

	return x < y ? -1 : x > y;
}

/* See the header. */
List *
dropped_take(void)
{
	List	   *result = NIL;

	if (noted_n > 1)
		qsort(noted, noted_n, sizeof(Dropped), by_relid);
	for (int i = 0; i < noted_n; i++)
	{
		Dropped    *last = result ? llast(result) : NULL;

		if (last != NULL && last->relid == noted[i].relid)
		{
			last->gone |= noted[i].gone;
			last->view |= noted[i].view;
			last->helps |= noted[i].helps;
			continue;
		}
		last = palloc(sizeof(Dropped));
		*last = noted[i];
		result = lappend(result, last);
	}
	forget();
	return result;
}
