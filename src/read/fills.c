/*
 * fills.c
 *	  May the table's own code still put a value where a row has none?
 *
 * The catalog is asked, not the relcache: partitions need not be opened for
 * it. Most tables have neither triggers nor rules and are done after a look
 * at their pg_class row.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "read/fills.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_rewrite.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Has the relation a BEFORE INSERT row trigger that fires in a load? */
static bool
has_trigger(Oid relid)
{
	Relation	pg_trigger = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_trigger, TriggerRelidNameIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_trigger t = (Form_pg_trigger) GETSTRUCT(tup);

		found = TRIGGER_FOR_ROW(t->tgtype) && TRIGGER_FOR_BEFORE(t->tgtype) &&
			TRIGGER_FOR_INSERT(t->tgtype) &&
			(t->tgenabled == TRIGGER_FIRES_ON_ORIGIN ||
			 t->tgenabled == TRIGGER_FIRES_ALWAYS);
	}
	systable_endscan(scan);
	table_close(pg_trigger, AccessShareLock);
	return found;
}

/* Has the relation a rule for INSERT? */
static bool
has_rule(Oid relid)
{
	Relation	pg_rewrite = table_open(RewriteRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	bool		found = false;

	ScanKeyInit(&key, Anum_pg_rewrite_ev_class, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_rewrite, RewriteRelRulenameIndexId, true, NULL, 1, &key);
	while (!found && HeapTupleIsValid(tup = systable_getnext(scan)))
		found = ((Form_pg_rewrite) GETSTRUCT(tup))->ev_type == '0' + CMD_INSERT;
	systable_endscan(scan);
	table_close(pg_rewrite, AccessShareLock);
	return found;
}

/* See the header. A partition's own triggers fire for rows that are routed to
 * it, its rules do not. */
bool
fills_nulls(Oid relid)
{
	List	   *relids = list_make1_oid(relid);
	ListCell   *lc;

	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		relids = find_all_inheritors(relid, NoLock, NULL);
	foreach(lc, relids)
	{
		Oid			member = lfirst_oid(lc);
		HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(member));
		bool		triggers;
		bool		rules;

		if (!HeapTupleIsValid(tup))
			continue;
		triggers = ((Form_pg_class) GETSTRUCT(tup))->relhastriggers;
		rules = member == relid && ((Form_pg_class) GETSTRUCT(tup))->relhasrules;
		ReleaseSysCache(tup);
		if ((triggers && has_trigger(member)) || (rules && has_rule(member)))
			return true;
	}
	return false;
}
