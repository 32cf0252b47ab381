/*
 * unsent.c
 *	  What a row leaves to its table, and the table to the session that sends it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "nodes/nodeFuncs.h"
#include "observe/unsent.h"
#include "read/json.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* A function that asks the session, by check_functions_in_node. */
static bool
asks(Oid func, void *arg)
{
	HeapTuple	tup;
	bool		may;

	switch (func)
	{
		case F_CURRENT_SETTING_TEXT:
		case F_CURRENT_SETTING_TEXT_BOOL:
		case F_SESSION_USER:
		case F_PG_BACKEND_PID:
		case F_INET_CLIENT_ADDR:
		case F_INET_CLIENT_PORT:
		case F_INET_SERVER_ADDR:
		case F_INET_SERVER_PORT:
			return true;
		default:
			break;
	}
	if (func < FirstNormalObjectId)
		return false;
	tup = SearchSysCache1(PROCOID, ObjectIdGetDatum(func));
	if (!HeapTupleIsValid(tup))
		return true;
	may = ((Form_pg_proc) GETSTRUCT(tup))->provolatile != PROVOLATILE_IMMUTABLE &&
		((Form_pg_proc) GETSTRUCT(tup))->prolang != ClanguageId;
	ReleaseSysCache(tup);
	return may;
}

static bool
asks_within(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, SQLValueFunction) && ((SQLValueFunction *) node)->op == SVFOP_SESSION_USER)
		return true;
	return check_functions_in_node(node, asks, arg) ||
		expression_tree_walker(node, asks_within, arg);
}

static bool
has(const JsonDoc *doc, const char *key)
{
	int			len = (int) strlen(key);

	for (int i = 0; i < doc->nfields; i++)
		if (doc->fields[i].keylen == len && memcmp(doc->fields[i].key, key, len) == 0)
			return true;
	return false;
}

/* See the header. */
bool
unsent_asks_session(Oid relid, const char *payload)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	TupleDesc	desc = RelationGetDescr(rel);
	JsonScanner *scanner = json_scanner(CurrentMemoryContext);
	const JsonDoc *doc = json_scan(scanner, payload, strlen(payload));
	bool		found = false;

	for (int i = 0; i < desc->natts && !found; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && att->attgenerated == '\0' && !has(doc, NameStr(att->attname)))
			found = asks_within(build_column_default(rel, i + 1), NULL);
	}
	json_scanner_free(scanner);
	relation_close(rel, NoLock);
	return found;
}
