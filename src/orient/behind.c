/*
 * behind.c
 *	  The table that stands behind the name which a statement writes.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/primnodes.h"
#include "observe/watch.h"
#include "orient/behind.h"
#include "parser/parsetree.h"
#include "rewrite/prs2lock.h"
#include "rewrite/rewriteHandler.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* More views upon views than this nobody has. */
#define VIEWS_MAX 32

Oid
behind_root(Oid relid)
{
	List	   *above;

	if (!get_rel_relispartition(relid))
		return relid;
	above = get_partition_ancestors(relid);
	return above == NIL ? relid : llast_oid(above);
}

Oid
behind_fields(const char *schema, const char *table)
{
	Oid			nsp;

	if (schema == NULL || table == NULL)
		return InvalidOid;
	nsp = get_namespace_oid(schema, true);
	return OidIsValid(nsp) ? get_relname_relid(table, nsp) : InvalidOid;
}

/* Rules that act when rows are written. */
static bool
has_rules(Relation rel)
{
	for (int i = 0; rel->rd_rules && i < rel->rd_rules->numLocks; i++)
		if (rel->rd_rules->rules[i]->event != CMD_SELECT)
			return true;
	return false;
}

bool
behind_rules(Oid named)
{
	Relation	rel = try_relation_open(named, AccessShareLock);
	bool		has = rel != NULL && has_rules(rel);

	if (rel != NULL)
		relation_close(rel, NoLock);
	return has;
}

/* Rules, or triggers in the writer's place. */
static bool
goes_elsewhere(Relation rel)
{
	TriggerDesc *triggers = rel->trigdesc;

	return (triggers && (triggers->trig_insert_instead_row || triggers->trig_update_instead_row)) ||
		has_rules(rel);
}

static void behind_view(Behind *b, Relation view, int depth);

/* Fill in what stands behind; columns are those of the relation itself. */
static void
look(Behind *b, Oid named, int depth)
{
	Relation	rel = try_relation_open(named, AccessShareLock);
	TupleDesc	desc;

	check_stack_depth();
	if (rel == NULL)
		return;
	desc = RelationGetDescr(rel);
	b->natts = desc->natts;
	b->columns = palloc0(sizeof(char *) * Max(desc->natts, 1));
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped)
			b->columns[i] = pstrdup(NameStr(TupleDescAttr(desc, i)->attname));
	if (goes_elsewhere(rel))
		b->elsewhere = true;
	switch (rel->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_FOREIGN_TABLE:
			b->relid = behind_root(named);
			break;
		case RELKIND_VIEW:
			if (OidIsValid(watch_table_of_intake(named)))
				b->intake = true;
			else if (depth < VIEWS_MAX)
				behind_view(b, rel, depth);
			break;
		default:
			break;
	}
	relation_close(rel, NoLock);
}

/*
 * A view that PostgreSQL itself writes through: one table, or another such
 * view, whose columns it shows under names of its own.
 */
static void
behind_view(Behind *b, Relation view, int depth)
{
	Query	   *query = get_view_query(view);
	Behind		base = {0};
	RangeTblRef *from;
	ListCell   *lc;

	if (b->elsewhere || view_query_is_auto_updatable(query, false) != NULL)
		return;
	from = linitial_node(RangeTblRef, query->jointree->fromlist);
	look(&base, rt_fetch(from->rtindex, query->rtable)->relid, depth + 1);
	b->relid = base.relid;
	b->elsewhere = base.elsewhere;
	foreach(lc, query->targetList)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Var		   *var = (Var *) entry->expr;

		if (entry->resjunk || entry->resno > b->natts)
			continue;
		b->columns[entry->resno - 1] =
			IsA(var, Var) && var->varno == from->rtindex && var->varattno > 0 &&
			var->varattno <= base.natts ? base.columns[var->varattno - 1] : NULL;
	}
}

Behind *
behind_name(Oid named)
{
	Behind	   *b = palloc0(sizeof(Behind));

	look(b, named, 0);
	return b;
}
