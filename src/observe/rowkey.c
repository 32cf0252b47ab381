/*
 * rowkey.c
 *	  Would a second copy of a row be refused by a key?
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "observe/rowkey.h"
#include "read/json.h"
#include "utils/rel.h"
#include "utils/relcache.h"

/* Has the document a value that is not null under this key? */
static bool
has_value(const JsonDoc *doc, const char *key)
{
	int			len = (int) strlen(key);

	for (int i = 0; i < doc->nfields; i++)
		if (doc->fields[i].kind != JSON_NULL && doc->fields[i].keylen == len &&
			memcmp(doc->fields[i].key, key, len) == 0)
			return true;
	return false;
}

/* Is it a key as the header says, and, with a document, brought by that? */
static bool
is_key(Relation rel, Oid indexid, const JsonDoc *doc)
{
	Relation	index = index_open(indexid, AccessShareLock);
	Form_pg_index form = index->rd_index;
	bool		fits = form->indisunique && form->indimmediate && form->indisvalid &&
	RelationGetIndexPredicate(index) == NIL;

	for (int i = 0; i < form->indnkeyatts && fits; i++)
	{
		AttrNumber	attnum = form->indkey.values[i];

		fits = attnum > 0 &&
			(doc == NULL || has_value(doc, NameStr(TupleDescAttr(RelationGetDescr(rel), attnum - 1)->attname)));
	}
	index_close(index, AccessShareLock);
	return fits;
}

static bool
any_key(Oid relid, const JsonDoc *doc)
{
	Relation	rel = table_open(relid, AccessShareLock);
	bool		found = false;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(rel))
		found |= is_key(rel, lfirst_oid(lc), doc);
	table_close(rel, NoLock);
	return found;
}

/* See the header. */
bool
rowkey_exists(Oid relid)
{
	return any_key(relid, NULL);
}

/* See the header. */
bool
rowkey_brought(Oid relid, const char *payload)
{
	JsonScanner *scanner = json_scanner(CurrentMemoryContext);
	bool		found = any_key(relid, json_scan(scanner, payload, strlen(payload)));

	json_scanner_free(scanner);
	return found;
}
