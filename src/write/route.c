/*
 * route.c
 *	  Does somebody else than PostgreSQL's own writer decide where rows of
 *	  this table are stored?
 *
 * An extension that routes by hooks leaves no mark in PostgreSQL's catalog
 * that all its versions share (TimescaleDB's trigger ts_insert_blocker is not
 * made any more since late 2025), so its own catalog is asked. That is read
 * with a plain scan: no privilege is needed, and none of its functions,
 * planner hooks or row policies run. A table counts as an extension's catalog
 * only when it is a member of that extension: anybody may make a schema with
 * such a name, but not a member.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "write/route.h"

/* How rows come into a table. */
typedef enum Route
{
	ROUTE_TUPLES,				/* by the executor's own parts */
	ROUTE_STATEMENT,			/* by an INSERT */
	ROUTE_PARAMETER				/* by one that brings them as a parameter */
} Route;

/* Where an extension lists the tables whose rows it routes: by OID, or by
 * schema and name. */
typedef struct Router
{
	const char *extension;
	const char *schema;
	const char *table;
	const char *relid_column;
	const char *schema_column;
	const char *name_column;
	Route		route;
} Router;

static const Router routers[] = {
	{"citus", "pg_catalog", "pg_dist_partition", "logicalrelid", NULL, NULL,
	ROUTE_PARAMETER},
	{"timescaledb", "_timescaledb_catalog", "hypertable", NULL, "schema_name", "table_name",
	ROUTE_STATEMENT},
};

/* What was found out about one table. */
typedef struct Answer
{
	Oid			relid;			/* hash key */
	Route		route;
} Answer;

/* Lives as long as the process, as relcache callbacks cannot be taken back;
 * emptied after each change of any relation. */
static HTAB *answers = NULL;
static bool answers_stale = false;
static uint64 changes = 0;		/* told of since the process began */

/* A relation has changed: its own kind, its partitions, or an extension's
 * word about it. Which one it was does not tell which answers still hold. */
static void
forget_answers(Datum arg, Oid relid)
{
	answers_stale = true;
	changes++;
}

/* The table of answers, empty when anything has changed. */
static HTAB *
remembered(void)
{
	static bool registered = false;
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Answer)};

	if (!registered)
	{
		CacheRegisterRelcacheCallback(forget_answers, (Datum) 0);
		registered = true;
	}
	if (answers != NULL && answers_stale)
	{
		hash_destroy(answers);
		answers = NULL;
	}
	if (answers == NULL)
		answers = hash_create("selfheal routes", 16, &ctl, HASH_ELEM | HASH_BLOBS);
	answers_stale = false;
	return answers;
}

/* The extension's list, or InvalidOid: the extension is not here. */
static Oid
router_list(const Router *router)
{
	Oid			nsp = get_namespace_oid(router->schema, true);
	Oid			list = OidIsValid(nsp) ? get_relname_relid(router->table, nsp) : InvalidOid;
	Oid			extension;

	if (!OidIsValid(list))
		return InvalidOid;
	extension = get_extension_oid(router->extension, true);
	if (!OidIsValid(extension) ||
		getExtensionOfObject(RelationRelationId, list) != extension)
		return InvalidOid;
	return list;
}

/* A scan key for one column of a list; false when the list has no such column
 * of that type. */
static bool
list_key(Oid list, const char *column, Oid type, Datum value, ScanKey key)
{
	AttrNumber	attnum = get_attnum(list, column);
	Oid			has = attnum == InvalidAttrNumber ? InvalidOid : get_atttype(list, attnum);

	/* an OID may be declared as a regclass: they compare alike */
	if (has != type && !(type == OIDOID && has == REGCLASSOID))
		return false;
	ScanKeyInit(key, attnum, BTEqualStrategyNumber,
				type == OIDOID ? F_OIDEQ : F_NAMEEQ, value);
	return true;
}

/*
 * Does the extension list this table? A list that looks otherwise than we
 * know it says yes: an INSERT is right for every table, only slower.
 */
static bool
router_has(const Router *router, Relation rel)
{
	NameData	schema;
	ScanKeyData key[2];
	int			nkeys = 1;
	bool		known;
	Oid			list = router_list(router);
	Relation	listrel;
	SysScanDesc scan;
	bool		found;

	if (!OidIsValid(list))
		return false;
	if (router->relid_column)
		known = list_key(list, router->relid_column, OIDOID,
						 ObjectIdGetDatum(RelationGetRelid(rel)), &key[0]);
	else
	{
		namestrcpy(&schema, get_namespace_name(RelationGetNamespace(rel)));
		known = list_key(list, router->schema_column, NAMEOID,
						 NameGetDatum(&schema), &key[0]) &&
			list_key(list, router->name_column, NAMEOID,
					 NameGetDatum(&rel->rd_rel->relname), &key[1]);
		nkeys = 2;
	}
	if (!known || get_rel_relkind(list) != RELKIND_RELATION)
		return true;
	listrel = try_table_open(list, AccessShareLock);
	if (listrel == NULL)
		return false;
	scan = systable_beginscan(listrel, InvalidOid, false, NULL, nkeys, key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	table_close(listrel, AccessShareLock);
	return found;
}

/* Is this table, or partition, stored otherwise than PostgreSQL's own are? */
static bool
stored_elsewhere(Oid relid)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class form;
	bool		elsewhere;

	if (!HeapTupleIsValid(tup))
		return false;			/* a partition that has just gone */
	form = (Form_pg_class) GETSTRUCT(tup);
	elsewhere = form->relkind == RELKIND_FOREIGN_TABLE ||
		(form->relkind == RELKIND_RELATION && form->relam != HEAP_TABLE_AM_OID);
	ReleaseSysCache(tup);
	return elsewhere;
}

/* Look it up. Only partitions are looked at, not what merely inherits: an
 * INSERT does not go on to those. */
static Route
find_out(Relation rel)
{
	List	   *members = list_make1_oid(RelationGetRelid(rel));
	ListCell   *lc;

	for (int i = 0; i < (int) lengthof(routers); i++)
		if (router_has(&routers[i], rel))
			return routers[i].route;
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		members = find_all_inheritors(RelationGetRelid(rel), NoLock, NULL);
	foreach(lc, members)
	{
		if (stored_elsewhere(lfirst_oid(lc)))
			return ROUTE_STATEMENT;
	}
	return ROUTE_TUPLES;
}

/* The answer for a table. It is kept only when nothing has changed while it
 * was looked up. */
static Route
route_of(Relation rel)
{
	Oid			relid = RelationGetRelid(rel);
	Answer	   *answer = hash_search(remembered(), &relid, HASH_FIND, NULL);
	uint64		before;
	Route		route;

	if (answer)
		return answer->route;
	before = changes;
	route = find_out(rel);
	if (before == changes)
	{
		answer = hash_search(remembered(), &relid, HASH_ENTER, NULL);
		answer->route = route;
	}
	return route;
}

/* See the header. */
bool
route_by_sql(Relation rel)
{
	return route_of(rel) != ROUTE_TUPLES;
}

/* See the header. */
bool
route_by_parameter(Relation rel)
{
	return route_of(rel) == ROUTE_PARAMETER;
}

/* See the header. No lock is taken: a member that goes meanwhile is none. */
Oid
route_foreign(Oid relid, bool inserts)
{
	ListCell   *lc;

	if (inserts && get_rel_relkind(relid) == RELKIND_RELATION)
		return InvalidOid;
	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			return lfirst_oid(lc);
	}
	return InvalidOid;
}
