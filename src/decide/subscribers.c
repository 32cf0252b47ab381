/*
 * subscribers.c
 *	  Who follows the changes of a table: publications, logical slots, and
 *	  what identifies its rows to them.
 *
 * What a subscriber has cannot be seen from here; what is sent to him can. A
 * publication is by table, by schema or for all; a table's own may have a
 * column list and a row filter. Where one table of a tree is published
 * otherwise than the next, the change reaches a subscriber if any carries it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xlog.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_subscription.h"
#include "catalog/pg_subscription_rel.h"
#include "decide/partition.h"
#include "decide/subscribers.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

List *
subscribers_published(const List *tree, const char *column)
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
	n = spi_exec("SELECT quote_ident(p.pubname), bool_or(s.attrs IS NULL OR coalesce(a.attnum = ANY (s.attrs), false)),"
				 " bool_or(coalesce(a.attnum = ANY (s.attrs), false)),"
				 " bool_or(coalesce(s.filter ~ format(':varattno %s ', a.attnum), false)), p.pubviaroot, p.pubname::text"
				 " FROM unnest($1) m(relid) JOIN pg_class c ON c.oid = m.relid AND c.relpersistence = 'p'"
				 " CROSS JOIN pg_publication p CROSS JOIN LATERAL"
				 "  (SELECT r.prattrs AS attrs, r.prqual::text AS filter FROM pg_publication_rel r"
				 "    WHERE r.prpubid = p.oid AND r.prrelid = c.oid"
				 "   UNION ALL SELECT NULL, NULL FROM pg_publication_namespace n"
				 "    WHERE n.pnpubid = p.oid AND n.pnnspid = c.relnamespace"
				 "   UNION ALL SELECT NULL, NULL WHERE p.puballtables) s"
				 " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped"
				 " GROUP BY p.oid, p.pubname, p.pubviaroot ORDER BY p.pubname", &args);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		PublishedBy *pub = palloc(sizeof(PublishedBy));

		pub->name = spi_get_text(i, 1, cxt);
		pub->carries = spi_get_bool(i, 2, NULL);
		pub->lists = spi_get_bool(i, 3, NULL);
		pub->filters = spi_get_bool(i, 4, NULL);
		pub->as_root = spi_get_bool(i, 5, NULL);
		pub->bare = spi_get_text(i, 6, cxt);
		result = lappend(result, pub);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

/* See the header. What is above the parent counts as the parent does. */
List *
subscribers_of_partition(Oid parent, Oid schema)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, parent);
	spi_arg_int8(&args, schema);
	n = spi_exec("SELECT p.pubname::text, quote_ident(p.pubname), s.sends, p.pubviaroot"
				 " FROM pg_publication p CROSS JOIN LATERAL (SELECT p.puballtables"
				 "   OR EXISTS (SELECT FROM pg_publication_namespace n WHERE n.pnpubid = p.oid AND (n.pnnspid::int8 = $2"
				 "     OR n.pnnspid IN (SELECT c.relnamespace FROM pg_partition_ancestors($1) a JOIN pg_class c ON c.oid = a.relid)))"
				 "   OR EXISTS (SELECT FROM pg_publication_rel r JOIN pg_partition_ancestors($1) a ON a.relid = r.prrelid"
				 "     WHERE r.prpubid = p.oid) AS sends) s"
				 " WHERE s.sends OR EXISTS (SELECT FROM pg_publication_rel r JOIN pg_inherits i ON i.inhrelid = r.prrelid"
				 "   WHERE r.prpubid = p.oid AND i.inhparent = $1)"
				 " ORDER BY p.pubname", &args);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		PublishesNew *pub = palloc(sizeof(PublishesNew));

		pub->bare = spi_get_text(i, 1, cxt);
		pub->name = spi_get_text(i, 2, cxt);
		pub->sends = spi_get_bool(i, 3, NULL);
		pub->as_root = spi_get_bool(i, 4, NULL);
		result = lappend(result, pub);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

static void
add_name(List **names, char *name)
{
	ListCell   *lc;

	foreach(lc, *names)
	{
		if (strcmp(lfirst(lc), name) == 0)
			return;
	}
	*names = lappend(*names, name);
}

/* Publications whose subscribers must have a new partition, or miss it. */
static void
reached_by_partition(Oid relid, const PlanStep *step, List **names)
{
	NewPartition spec;
	char	   *reason;
	ListCell   *lc;

	if (!partition_read(relid, step, &spec, &reason))
		return;
	foreach(lc, subscribers_of_partition(spec.parent, get_namespace_oid(spec.schema, true)))
	{
		const PublishesNew *pub = lfirst(lc);

		if (!pub->sends || !pub->as_root)
			add_name(names, pub->bare);
	}
}

List *
subscribers_reached(const HealPlan *plan)
{
	List	   *tree = find_all_inheritors(plan->relid, NoLock, NULL);
	List	   *names = NIL;
	bool		asked = false;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (step->kind == STEP_ATTACH_PARTITION)
		{
			reached_by_partition(plan->relid, step, &names);
			continue;
		}
		/* of columns that are not there yet the answer is the same */
		if (step->kind == STEP_ADD_COLUMN && asked)
			continue;
		asked |= (step->kind == STEP_ADD_COLUMN);
		foreach(lc2, subscribers_published(tree, step->column))
		{
			const PublishedBy *pub = lfirst(lc2);

			if (pub->carries)
				add_name(&names, pub->bare);
		}
	}
	return names;
}

/* Has anybody said what identifies rows? */
static bool
chosen_identity(const List *tree)
{
	ListCell   *lc;

	foreach(lc, tree)
	{
		HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));
		char		chosen;

		if (!HeapTupleIsValid(tup))
			continue;
		chosen = ((Form_pg_class) GETSTRUCT(tup))->relreplident;
		ReleaseSysCache(tup);
		if (chosen == REPLICA_IDENTITY_FULL || chosen == REPLICA_IDENTITY_INDEX)
			return true;
	}
	return false;
}

RowIdentity
subscribers_identity(const List *tree, const char *column, bool key_too)
{
	RowIdentity identity;
	SpiUser		saved;
	SpiArgs		args;

	if (!key_too && !chosen_identity(tree))
		return IDENTITY_OTHER;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_oids(&args, tree);
	spi_arg_text(&args, column);
	spi_exec("SELECT coalesce(max(CASE WHEN c.relreplident = 'f' THEN 3 WHEN i.indisreplident THEN 2 WHEN i.indisprimary THEN 1 END), 0)::int8"
			 " FROM unnest($1) m(relid) JOIN pg_class c ON c.oid = m.relid AND c.relkind = 'r'"
			 " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped"
			 " LEFT JOIN pg_index i ON i.indrelid = c.oid AND a.attnum = ANY (i.indkey)"
			 "  AND CASE c.relreplident WHEN 'i' THEN i.indisreplident WHEN 'd' THEN i.indisprimary ELSE false END", &args);
	identity = (RowIdentity) spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return identity;
}

List *
subscribers_slots(void)
{
	List	   *result = NIL;
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	uint64		n;

	/* a server that does not log for them has none */
	if (!XLogLogicalInfoActive())
		return NIL;
	spi_open(&saved);
	n = spi_exec("SELECT format('%I (%s%s)', slot_name, plugin, CASE WHEN active THEN ', in use' END)"
				 " FROM pg_replication_slots WHERE slot_type = 'logical' AND database = current_database()"
				 " ORDER BY slot_name", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		result = lappend(result, spi_get_text(i, 1, cxt));
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

static int
by_text(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

List *
subscribers_feeding(const List *tree)
{
	Relation	rel = table_open(SubscriptionRelRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List	   *oids = NIL;
	List	   *result = NIL;
	HeapTuple	tup;
	ListCell   *lc;

	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_subscription_rel form = (Form_pg_subscription_rel) GETSTRUCT(tup);

		if (list_member_oid(tree, form->srrelid))
			oids = list_append_unique_oid(oids, form->srsubid);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	foreach(lc, oids)
	{
		char	   *name = get_subscription_name(lfirst_oid(lc), true);

		if (name != NULL)
			result = lappend(result, pstrdup(quote_identifier(name)));
	}
	list_sort(result, by_text);
	return result;
}
