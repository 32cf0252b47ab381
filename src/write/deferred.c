/*
 * deferred.c
 *	  Fire a table's deferred constraints before a subtransaction ends.
 *
 * SET CONSTRAINTS name IMMEDIATE fires, name DEFERRED sets back. The session
 * does not tell how it has set a constraint, but whether events are pending
 * does: events pend only on a constraint that is deferred now. So nothing is
 * touched when nothing pends; constraints that are INITIALLY DEFERRED are
 * fired first; only if events still pend has the session deferred others, and
 * those are fired and set back as well. What is lost: a session that sets one
 * of several INITIALLY DEFERRED constraints of a table IMMEDIATE finds it
 * deferred again after a load.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "nodes/makefuncs.h"
#include "partitioning/partdesc.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "write/deferred.h"

struct Deferred
{
	List	   *relids;			/* the table and its partitions */
	List	   *initially;		/* RangeVar *: INITIALLY DEFERRED */
	List	   *others;			/* RangeVar *: deferrable */
	bool		busy;			/* events of others pend: fire nothing of
								 * "others" */
	bool		leave;			/* what pended before cannot be fired */
};

/*
 * Could setting a constraint of this name DEFERRED fail? SET CONSTRAINTS means
 * all constraints of a name in a schema, and raises an error when one of them
 * is not deferrable. Names are unique per table only.
 */
static bool
name_is_clear(Relation pg_constraint, Form_pg_constraint con)
{
	ScanKeyData keys[2];
	SysScanDesc scan;
	HeapTuple	tup;
	bool		clear = true;

	ScanKeyInit(&keys[0], Anum_pg_constraint_conname, BTEqualStrategyNumber,
				F_NAMEEQ, NameGetDatum(&con->conname));
	ScanKeyInit(&keys[1], Anum_pg_constraint_connamespace, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(con->connamespace));
	scan = systable_beginscan(pg_constraint, ConstraintNameNspIndexId, true,
							  NULL, 2, keys);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
		if (!((Form_pg_constraint) GETSTRUCT(tup))->condeferrable)
			clear = false;
	systable_endscan(scan);
	return clear;
}

/* Note the deferrable constraints of one relation. */
static void
collect(Deferred *d, Relation pg_constraint, Oid relid)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(pg_constraint, ConstraintRelidTypidNameIndexId,
							  true, NULL, 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tup);
		RangeVar   *name;

		/* one that is inherited is reached through its parent */
		if (!con->condeferrable || OidIsValid(con->conparentid) ||
			!name_is_clear(pg_constraint, con))
			continue;
		name = makeRangeVar(get_namespace_name(con->connamespace),
							pstrdup(NameStr(con->conname)), -1);
		if (con->condeferred)
			d->initially = lappend(d->initially, name);
		else
			d->others = lappend(d->others, name);
	}
	systable_endscan(scan);
}

/* Has the relation a trigger that an INSERT could defer? */
static bool
has_deferrable_trigger(Relation rel)
{
	TriggerDesc *desc = rel->trigdesc;

	for (int i = 0; desc && i < desc->numtriggers; i++)
		if (desc->triggers[i].tgdeferrable)
			return true;
	return false;
}

/*
 * The table and its partitions. With a thousand of them to search pg_inherits
 * is most of what a small load costs, and the relcache has them at hand.
 */
static List *
members(Relation rel)
{
	List	   *result = list_make1_oid(RelationGetRelid(rel));
	PartitionDesc parts;

	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
		return result;
	parts = RelationGetPartitionDesc(rel, true);
	for (int i = 0; i < parts->nparts; i++)
	{
		if (parts->is_leaf[i])
			result = lappend_oid(result, parts->oids[i]);
		else
			result = list_concat(result, find_all_inheritors(parts->oids[i], NoLock, NULL));
	}
	return result;
}

/* A deferrable constraint has triggers, and pg_class says whether there are. */
static bool
may_have_triggers(Oid relid)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		has = false;

	if (HeapTupleIsValid(tup))
	{
		has = ((Form_pg_class) GETSTRUCT(tup))->relhastriggers;
		ReleaseSysCache(tup);
	}
	return has;
}

/* See the header. Most tables are done after a look at their triggers. */
Deferred *
deferred_open(Relation rel)
{
	bool		parent = rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;
	Deferred   *d;
	Relation	pg_constraint;
	ListCell   *lc;

	if (!parent && !has_deferrable_trigger(rel))
		return NULL;

	d = palloc0(sizeof(Deferred));
	d->relids = members(rel);
	pg_constraint = table_open(ConstraintRelationId, AccessShareLock);
	foreach(lc, d->relids)
	{
		if (may_have_triggers(lfirst_oid(lc)))
			collect(d, pg_constraint, lfirst_oid(lc));
	}
	table_close(pg_constraint, AccessShareLock);
	if (d->initially == NIL && d->others == NIL)
		return NULL;
	return d;
}

/* Are events pending on the table? */
static bool
pending(const Deferred *d)
{
	ListCell   *lc;

	foreach(lc, d->relids)
	{
		if (AfterTriggerPendingOnRel(lfirst_oid(lc)))
			return true;
	}
	return false;
}

/* SET CONSTRAINTS names IMMEDIATE or DEFERRED. */
static void
set_constraints(List *names, bool deferred)
{
	ConstraintsSetStmt *stmt;

	if (names == NIL)
		return;
	stmt = makeNode(ConstraintsSetStmt);
	stmt->constraints = names;
	stmt->deferred = deferred;
	AfterTriggerSetState(stmt);
}

/* Fire and set back; as a subtransaction's body and within one. */
static void
fire(void *arg)
{
	Deferred   *d = arg;

	if (!pending(d))
		return;
	set_constraints(d->initially, false);
	if (!d->busy && pending(d))
	{
		set_constraints(d->others, false);
		set_constraints(d->others, true);
	}
	set_constraints(d->initially, true);
}

/* See the header. */
void
deferred_begin(Deferred *d)
{
	d->busy = false;
	d->leave = false;
	if (!pending(d))
		return;
	d->leave = spi_try(fire, d) != NULL;
	/* what still pends belongs to a statement that has not ended yet */
	d->busy = pending(d);
}

/* See the header. */
void
deferred_fire(Deferred *d)
{
	if (!d->leave)
		fire(d);
}
