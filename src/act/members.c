/*
 * members.c
 *	  What stands below a table, below its clone: partitions with the same
 *	  bounds, tables that inherit.
 *
 * Rows come to a partition by way of the root, whose defaults and identity
 * they take: a member's own sequences are never drawn from.
 */
#include "postgres.h"

#include "access/table.h"
#include "act/members.h"
#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "decide/render.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* ---- choosing ---- */

/* A member of the clone, not made yet. */
static Clone *
describe(const Clone *clone, Oid relid)
{
	Clone	   *member = clone_describe(relid);
	SpiArgs		args;

	member->owner = clone->owner;
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT inhparent, pg_get_expr(relpartbound, oid), pg_get_partkeydef(oid)"
				 " FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhrelid = $1"
				 " ORDER BY inhseqno LIMIT 1", &args) == 0)
		elog(ERROR, "table %u has no parent", relid);
	member->parent = spi_get_oid(0, 1, NULL);
	member->bound = spi_get_text(0, 2, CurrentMemoryContext);
	member->partition_by = spi_get_text(0, 3, CurrentMemoryContext);
	return member;
}

/* Does the table hold anything? Its size says so at the price of a look at
 * the file. */
static bool
has_rows(Oid relid)
{
	Relation	rel = try_table_open(relid, AccessShareLock);
	bool		rows;

	if (rel == NULL)
		return false;
	rows = rel->rd_rel->relkind == RELKIND_RELATION && RelationGetNumberOfBlocks(rel) > 0;
	table_close(rel, NoLock);
	return rows;
}

/* Members in which somebody else keeps the rows are not for a clone. */
static bool
is_foreign(List *relids)
{
	ListCell   *lc;

	foreach(lc, relids)
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			return true;
	}
	return false;
}

/*
 * May the table's owner alter all of them? An ALTER TABLE asks that of each;
 * rows go their way without it, so that a trial that only stores rows leaves
 * the members out.
 */
static bool
may_alter(const Clone *clone, List *relids, bool altering)
{
	ListCell   *lc;

	foreach(lc, relids)
	{
		if (compat_class_ownercheck(lfirst_oid(lc), clone->owner))
			continue;
		if (altering)
			aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, get_rel_name(lfirst_oid(lc)));
		return false;
	}
	return true;
}

/* Partitions that hold rows, some of many, spread over them. */
static List *
choose_partitions(const Clone *clone, List *leaves)
{
	List	   *filled = NIL;
	List	   *chosen = NIL;
	ListCell   *lc;
	int			n;

	foreach(lc, leaves)
	{
		CHECK_FOR_INTERRUPTS();
		if (has_rows(lfirst_oid(lc)))
			filled = lappend_oid(filled, lfirst_oid(lc));
	}
	n = Min(list_length(filled), MEMBERS_EAGER);
	for (int i = 0; i < n; i++)
	{
		Oid			leaf = list_nth_oid(filled, (int) ((int64) i * list_length(filled) / n));
		List	   *above = get_partition_ancestors(leaf);

		/* root first: a member stands behind its parent */
		for (int k = list_length(above) - 1; k >= 0; k--)
			if (list_nth_oid(above, k) != clone->relid)
				chosen = list_append_unique_oid(chosen, list_nth_oid(above, k));
		chosen = lappend_oid(chosen, leaf);
	}
	return chosen;
}

/* See the header. find_all_inheritors gives parents before children. */
void
members_choose(Clone *clone, bool altering)
{
	bool		parted = clone->relkind == RELKIND_PARTITIONED_TABLE;
	List	   *all;
	List	   *leaves = NIL;
	ListCell   *lc;

	if (!parted && (!altering || !has_subclass(clone->relid)))
		return;
	all = list_delete_first(find_all_inheritors(clone->relid, AccessShareLock, NULL));
	if (is_foreign(all) || !may_alter(clone, all, altering))
	{
		clone->flat = parted;
		clone->partial = !parted;
		return;
	}
	foreach(lc, all)
	{
		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_PARTITIONED_TABLE)
			leaves = lappend_oid(leaves, lfirst_oid(lc));
	}
	if (list_length(leaves) > MEMBERS_EAGER)
	{
		clone->partial = true;
		all = parted ? choose_partitions(clone, leaves) :
			list_truncate(all, MEMBERS_EAGER);
	}
	foreach(lc, all)
	{
		Clone	   *member = describe(clone, lfirst_oid(lc));

		/* no bound: it is being detached */
		if (!parted || member->bound)
			clone->members = lappend(clone->members, member);
	}
	if (parted)
	{
		SpiArgs		args;

		spi_args(&args);
		spi_arg_relid(&args, clone->relid);
		spi_exec("SELECT pg_get_partkeydef($1)", &args);
		clone->partition_by = spi_get_text(0, 1, CurrentMemoryContext);
	}
}

/* ---- making ---- */

/*
 * A table of its own, for now. Its bare name is its table's, so that errors
 * read alike, unless another relation of this trial has it.
 */
static void
make_alone(Clone *member)
{
	Oid			sandbox = get_namespace_oid(CLONE_SCHEMA, false);

	if (OidIsValid(get_relname_relid(member->relname, sandbox)))
	{
		member->relname = psprintf("part_%u", member->relid);
		member->name = quote_qualified_identifier(CLONE_SCHEMA, member->relname);
	}
	clone_create(member, " EXCLUDING IDENTITY");
}

/* Under its parent, as it stands under the real one. */
static void
link_member(Clone *clone, Clone *member)
{
	Clone	   *parent = clone_member(clone, member->parent);

	if (parent == NULL)
		elog(ERROR, "table %u stands below none of the clone's", member->relid);
	if (clone->relkind != RELKIND_PARTITIONED_TABLE)
	{
		clone_as_owner(clone, psprintf("ALTER TABLE %s INHERIT %s", member->name,
									   parent->name), NULL);
		return;
	}
	clone_as_owner(clone, psprintf("ALTER TABLE %s ATTACH PARTITION %s %s",
								   parent->name, member->name,
								   member->bound), NULL);
}

void
members_make(Clone *clone)
{
	ListCell   *lc;

	foreach(lc, clone->members)
	{
		make_alone(lfirst(lc));
		link_member(clone, lfirst(lc));
	}
}

/* See the header. The ALTER TABLE has come to the others already. */
bool
members_add(Clone *clone, Oid leaf, const HealPlan *plan)
{
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(clone));
	List	   *missing = list_make1_oid(leaf);
	bool		room;
	ListCell   *lc;

	foreach(lc, get_partition_ancestors(leaf))
	{
		if (clone_member(clone, lfirst_oid(lc)))
			break;
		missing = lcons_oid(lfirst_oid(lc), missing);
	}
	room = list_length(clone->members) + list_length(missing) <= MEMBERS_MAX;
	foreach(lc, room ? missing : NIL)
	{
		Clone	   *member = describe(clone, lfirst_oid(lc));
		char	   *sql;

		make_alone(member);
		sql = render_alter(plan, member->oid);
		if (sql)
			clone_as_owner(clone, sql, NULL);
		clone->members = lappend(clone->members, member);
		link_member(clone, member);
	}
	MemoryContextSwitchTo(old);
	return room;
}
