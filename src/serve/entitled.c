/*
 * entitled.c
 *	  Might a failed statement have succeeded, but for its values?
 */
#include "postgres.h"

#include "access/relation.h"
#include "base/compat.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "orient/behind.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "serve/entitled.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* May the role write to this relation, or to a column of it? */
static bool
may_write(Oid relid, Oid role)
{
	return pg_class_aclcheck(relid, role, ACL_INSERT) == ACLCHECK_OK ||
		pg_class_aclcheck(relid, role, ACL_UPDATE) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relid, role, ACL_INSERT, ACLMASK_ANY) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relid, role, ACL_UPDATE, ACLMASK_ANY) == ACLCHECK_OK;
}

/*
 * What PostgreSQL writes when a view is written that it updates by itself, and
 * as whom; InvalidOid: none, triggers or rules decide.
 */
static Oid
below_view(Oid view, Oid role, Oid *as)
{
	Relation	rel = try_relation_open(view, AccessShareLock);
	Query	   *query;
	Oid			base = InvalidOid;

	if (rel == NULL)
		return InvalidOid;
	query = rel->rd_rel->relkind == RELKIND_VIEW ? get_view_query(rel) : NULL;
	if (query != NULL && view_query_is_auto_updatable(query, false) == NULL)
	{
		RangeTblRef *from = linitial_node(RangeTblRef, query->jointree->fromlist);

		base = rt_fetch(from->rtindex, query->rtable)->relid;
		*as = RelationHasSecurityInvoker(rel) ? role : rel->rd_rel->relowner;
	}
	relation_close(rel, AccessShareLock);
	return base;
}

/* May the role write the relation, and whoever it stands for what is behind
 * it, down to the table? *table: that one, or InvalidOid. */
static bool
may_down(Oid relid, Oid role, Oid *table)
{
	*table = relid;
	check_stack_depth();
	if (!may_write(relid, role))
		return false;
	if (get_rel_relkind(relid) == RELKIND_VIEW)
	{
		Oid			as = InvalidOid;
		Oid			base = below_view(relid, role, &as);

		*table = InvalidOid;
		return !OidIsValid(base) || may_down(base, as, table);
	}
	return true;
}

/* Either of the two roles that a statement may run as. */
static bool
may(const Failure *f, Oid relid, Oid *table)
{
	return may_down(relid, f->role, table) || may_down(relid, f->outer_role, table);
}

/* Does one of the targets lead to this table? */
static bool
through(const Failure *f, const Located *located, Oid table)
{
	Oid			root = behind_root(table);
	ListCell   *lc;

	foreach(lc, located->targets)
	{
		Oid			reached;

		if (lfirst_oid(lc) != table && may(f, lfirst_oid(lc), &reached) &&
			OidIsValid(reached) && behind_root(reached) == root)
			return true;
	}
	return false;
}

bool
entitled_to(const Failure *f, const Located *located, Oid table)
{
	Oid			reached;

	return may(f, table, &reached) || through(f, located, table);
}

bool
entitled_to_all(const Failure *f, const Located *located)
{
	ListCell   *lc;

	foreach(lc, located->targets)
	{
		if (!entitled_to(f, located, lfirst_oid(lc)))
			return false;
	}
	return located->targets != NIL;
}
