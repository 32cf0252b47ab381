/*
 * mentions.c
 *	  Which functions name a column? Best effort.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/proclang.h"
#include "common/keywords.h"
#include "decide/mentions.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/regproc.h"
#include "utils/rel.h"

/* May this byte stand in a name that has no quotes? */
static bool
in_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}

/* Is this a name that needs quotes only for being a keyword? *after_dot: and
 * may stand without them after a dot alone. */
static bool
is_keyword(const char *name, bool *after_dot)
{
	int			kind = ScanKeywordLookup(name, &ScanKeywords);
	const char *at;

	if (kind < 0)
		return false;
	for (at = name; *at != '\0'; at++)
		if (*at >= 'A' && *at <= 'Z')
			return false;
	*after_dot = ScanKeywordCategories[kind] == RESERVED_KEYWORD ||
		ScanKeywordCategories[kind] == TYPE_FUNC_NAME_KEYWORD;
	return true;
}

bool
mentions_word(const char *text, const char *name)
{
	const char *quoted = quote_identifier(name);
	size_t		len = strlen(name);
	bool		after_dot = false;
	const char *at;

	if (quoted[0] == '"')
	{
		if (strstr(text, quoted) != NULL)
			return true;
		if (!is_keyword(name, &after_dot))
			return false;
	}
	for (at = text; *at != '\0'; at++)
	{
		if ((at > text && in_word(at[-1])) ||
			pg_strncasecmp(at, name, len) != 0 || in_word(at[len]))
			continue;
		if (!after_dot || (at > text && at[-1] == '.'))
			return true;
	}
	return false;
}

/* Functions that the table's own triggers call. */
static List *
trigger_functions(Oid relid)
{
	Relation	trigger = table_open(TriggerRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	List	   *functions = NIL;

	ScanKeyInit(&key, Anum_pg_trigger_tgrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	scan = systable_beginscan(trigger, TriggerRelidNameIndexId, true, NULL, 1,
							  &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_trigger form = (Form_pg_trigger) GETSTRUCT(tup);

		if (!form->tgisinternal)
			functions = list_append_unique_oid(functions, form->tgfoid);
	}
	systable_endscan(scan);
	table_close(trigger, AccessShareLock);
	return functions;
}

/* The columns that a function's text names. */
static List *
named_in(const char *text, const char *table, bool of_trigger,
		 const List *columns)
{
	List	   *named = NIL;
	ListCell   *lc;

	if (!of_trigger && !mentions_word(text, table))
		return NIL;
	foreach(lc, columns)
		if (mentions_word(text, lfirst(lc)))
		named = lappend(named, lfirst(lc));
	return named;
}

static int
by_name(const ListCell *a, const ListCell *b)
{
	return strcmp(((const Mention *) lfirst(a))->function,
				  ((const Mention *) lfirst(b))->function);
}

List *
mentions_in_functions(Oid relid, const List *columns, int *more, bool *cut)
{
	char	   *table = get_rel_name(relid);
	Oid			sql = get_language_oid("sql", true);
	Oid			plpgsql = get_language_oid("plpgsql", true);
	Oid			schema = get_namespace_oid("information_schema", true);
	Oid			ours = get_namespace_oid("selfheal", true);
	List	   *called = trigger_functions(relid);
	List	   *found = NIL;
	Relation	proc;
	SysScanDesc scan;
	HeapTuple	tup;
	int			functions = 0;
	Size		bytes = 0;

	*more = 0;
	*cut = false;
	if (table == NULL || columns == NIL)
		return NIL;
	proc = table_open(ProcedureRelationId, AccessShareLock);
	scan = systable_beginscan(proc, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_proc form = (Form_pg_proc) GETSTRUCT(tup);
		Datum		source;
		bool		isnull;
		char	   *body;
		List	   *named;

		if ((form->prolang != sql && form->prolang != plpgsql) ||
			form->pronamespace == PG_CATALOG_NAMESPACE ||
			form->pronamespace == schema || form->pronamespace == ours)
			continue;
		CHECK_FOR_INTERRUPTS();
		source = heap_getattr(tup, Anum_pg_proc_prosrc,
							  RelationGetDescr(proc), &isnull);
		if (isnull)
			continue;
		body = TextDatumGetCString(source);
		bytes += strlen(body);
		if (++functions > MENTIONS_MAX_FUNCTIONS || bytes > MENTIONS_MAX_BYTES)
		{
			*cut = true;
			break;
		}
		named = named_in(body, table, list_member_oid(called, form->oid),
						 columns);
		if (named != NIL)
		{
			Mention    *mention = palloc(sizeof(Mention));

			mention->function = format_procedure_qualified(form->oid);
			mention->columns = named;
			found = lappend(found, mention);
		}
		pfree(body);
	}
	systable_endscan(scan);
	table_close(proc, AccessShareLock);
	list_sort(found, by_name);
	*more = Max(list_length(found) - MENTIONS_MAX_FOUND, 0);
	return list_truncate(found, MENTIONS_MAX_FOUND);
}
