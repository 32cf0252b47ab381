/*
 * hint.c
 *	  What the team has said about a key of a table.
 *
 * Each flush of a load asks, so what is read is read like a catalog: by a
 * scan of the primary key, without planner or executor. Most tables have no
 * hint and pay for one look into an index.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "observe/hint.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Columns of selfheal.hint, in the order of hint.sql. */
#define HINT_RELID 1
#define HINT_KEY 2
#define HINT_TYPE 3
#define HINT_IGNORED 4
#define HINT_RENAME_TO 5
#define HINT_DEFAULT_VALUE 8

/* Said of one table at most: each flush of its loads reads them all. */
#define MAX_HINTS 10000

static char *
text_or_null(HeapTuple tup, int column, TupleDesc desc)
{
	bool		isnull;
	Datum		value = heap_getattr(tup, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

List *
hint_list(Oid relid)
{
	Oid			nsp = get_namespace_oid("selfheal", true);
	Oid			table = OidIsValid(nsp) ? get_relname_relid("hint", nsp) : InvalidOid;
	List	   *result = NIL;
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	/* not there while the extension is made, dropped or of an older version */
	rel = OidIsValid(table) ? try_table_open(table, AccessShareLock) : NULL;
	if (rel == NULL)
		return NIL;
	ScanKeyInit(&key, HINT_RELID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(rel, get_relname_relid("hint_pkey", nsp), true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Hint	   *hint = palloc0(sizeof(Hint));
		TupleDesc	desc = RelationGetDescr(rel);
		bool		isnull;

		hint->key = text_or_null(tup, HINT_KEY, desc);
		hint->type = text_or_null(tup, HINT_TYPE, desc);
		hint->ignored = DatumGetBool(heap_getattr(tup, HINT_IGNORED, desc, &isnull));
		hint->rename_to = text_or_null(tup, HINT_RENAME_TO, desc);
		hint->default_value = text_or_null(tup, HINT_DEFAULT_VALUE, desc);
		result = lappend(result, hint);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

const Hint *
hint_find(const List *hints, const char *key)
{
	ListCell   *lc;

	foreach(lc, hints)
	{
		const Hint *hint = lfirst(lc);

		if (strcmp(hint->key, key) == 0)
			return hint;
	}
	return NULL;
}

void
hint_apply(const List *hints, Shape *shape)
{
	ListCell   *lc;

	foreach(lc, hints)
	{
		const Hint *hint = lfirst(lc);
		int			col = FIT_NOWHERE;

		if (hint->default_value != NULL)
			continue;			/* says nothing of values that are sent */
		if (hint->rename_to != NULL)
			col = fit_column(shape, hint->rename_to, (int) strlen(hint->rename_to));
		if (col >= 0 || hint->ignored)
			fit_alias(shape, hint->key, (int) strlen(hint->key), col);
		else
			fit_hinted(shape, hint->key, (int) strlen(hint->key));
	}
}

/*
 * The worker may just be planning for this table, from the hints as they were.
 * So its incidents are not touched here: it finds the word when it is done.
 * Inside spi_open.
 */
void
hint_leave_word(Oid relid)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("UPDATE selfheal.watched SET rethink = true WHERE relid = $1", &args);
}

List *
hint_changed(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	uint64		n;

	spi_open(&saved);
	n = spi_exec("UPDATE selfheal.watched SET rethink = false WHERE relid IN"
				 " (SELECT relid FROM selfheal.watched WHERE rethink FOR NO KEY UPDATE SKIP LOCKED)"
				 " RETURNING relid::oid", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		result = lappend_oid(result, spi_get_oid(i, 1, NULL));
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

void
hint_set(Oid relid, const Hint *hint, const char *by)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, hint->key);
	spi_arg_text(&args, hint->type);
	spi_arg_bool(&args, hint->ignored);
	spi_arg_text(&args, hint->rename_to);
	spi_arg_text(&args, by);
	spi_arg_text(&args, hint->default_value);
	spi_exec("INSERT INTO selfheal.hint (relid, key, type, ignored, rename_to, hinted_by, default_value)"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (relid, key) DO UPDATE"
			 " SET type = $3, ignored = $4, rename_to = $5, hinted_by = $6, default_value = $7, hinted_at = clock_timestamp()",
			 &args);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("SELECT count(*) FROM selfheal.hint WHERE relid = $1", &args);
	if (spi_get_int8(0, 1, NULL) > MAX_HINTS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a table can have %d hints at most", MAX_HINTS),
				 errhint("Take hints back that are not needed any more: SELECT selfheal.unhint(...).")));
	hint_leave_word(relid);
	spi_close(&saved);
}

bool
hint_unset(Oid relid, const char *key)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, key);
	found = spi_exec("DELETE FROM selfheal.hint WHERE relid = $1 AND key = $2", &args) > 0;
	if (found)
		hint_leave_word(relid);
	spi_close(&saved);
	return found;
}
