/*
 * telling.c
 *	  What a tool tells of a table, and to whom.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/dbcommands.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "observe/sharing.h"
#include "observe/watch.h"
#include "orient/packet.h"
#include "read/phrase.h"
#include "serve/telling.h"
#include "serve/toolpage.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

static Telling *
make(Oid relid, ShareValues share)
{
	Telling    *t = palloc0(sizeof(Telling));

	t->relid = relid;
	t->share = share;
	t->cxt = CurrentMemoryContext;
	return t;
}

/* See the header. */
Telling *
telling_of(ShareValues most, Oid role, Oid relid, List **cache)
{
	Telling    *t;
	ListCell   *lc;

	foreach(lc, cache ? *cache : NIL)
	{
		t = lfirst(lc);
		if (t->relid == relid)
			return t;
	}
	t = make(relid, OidIsValid(relid) ? Min(most, sharing_of(relid)) : SHARE_NONE);
	if (t->share == SHARE_FULL && (pg_class_aclcheck(relid, role, ACL_SELECT) != ACLCHECK_OK || sharing_keeps_rows(relid, role)))
		t->share = SHARE_MASKED;
	if (cache)
		*cache = lappend(*cache, t);
	return t;
}

/* See the header. In full nothing is told that no table's owner has allowed. */
Telling *
telling_general(ShareValues most)
{
	return make(InvalidOid, Min(Min(most, sharing_of(InvalidOid)), SHARE_MASKED));
}

/* See the header. */
MaskNames *
telling_names(Telling *t)
{
	MemoryContext old = MemoryContextSwitchTo(t->cxt);

	if (t->names == NULL)
	{
		t->names = sharing_names(t->relid);
		packet_our_words(t->names);
		mask_name(t->names, "four_eyes");
	}
	MemoryContextSwitchTo(old);
	return t->names;
}

/* The names, where something is masked. */
static MaskNames *
names_of(Telling *t)
{
	return t->share == SHARE_FULL ? NULL : telling_names(t);
}

/* See the header. */
char *
telling_message(Telling *t, const char *text)
{
	return text ? phrase_mask(t->share, names_of(t), text) : NULL;
}

char *
telling_statement(Telling *t, const char *sql)
{
	return sql ? phrase_sql(t->share, names_of(t), sql) : NULL;
}

void
telling_text(StringInfo buf, Telling *t, const char *key, const char *text, int max)
{
	toolpage_cut(buf, key, telling_message(t, text), max);
}

void
telling_column(StringInfo buf, Telling *t, const char *key, const char *column)
{
	if (column == NULL)
		return;
	toolpage_cut(buf, key, mask_key(t->share, names_of(t), column), 200);
	if (t->share != SHARE_FULL && !mask_looks_like_data(column, strlen(column)))
		mask_name(telling_names(t), column);
}

void
telling_sql(StringInfo buf, Telling *t, const char *key, const char *sql, int max)
{
	toolpage_cut(buf, key, telling_statement(t, sql), max);
}

/* ---- a page ---- */

/* See the header. */
bool
telling_page_asked(TellingPage *page, const ToolContext *ctx, Jsonb *args, const char *tool, ToolResult **fault)
{
	page->tool = tool;
	page->ctx = ctx;
	page->caller = GetUserId();
	page->all = telling_sees_all();
	page->limit = toolpage_limit(args);
	return toolpage_cursor(args, tool, &page->cursor, fault);
}

/* See the header. */
ToolResult *
telling_page(const TellingPage *page, StringInfo buf, uint64 n, const SpiUser *saved,
			 void (*add) (StringInfo entry, uint64 row, Telling *t, void *arg), void *arg)
{
	SpiRows		rows = spi_keep();
	List	   *tellings = NIL;
	StringInfoData entry;
	int64		last = 0;
	uint64		told;

	initStringInfo(&entry);
	for (told = 0; told < n && told < (uint64) page->limit; told++)
	{
		Telling    *t = telling_of(page->ctx->share, page->caller, spi_get_oid(told, 2, NULL), &tellings);

		spi_use(&rows);
		resetStringInfo(&entry);
		add(&entry, told, t, arg);
		spi_use(&rows);
		if (!toolpage_entry(buf, entry.data))
			break;
		last = spi_get_int8(told, 1, NULL);
	}
	spi_close(saved);
	return toolpage_end(buf, page->tool, told < n, last);
}

/* ---- tables ---- */

/* What a role may SELECT from and cannot name the lists tell of all the same:
 * say which grant is forgotten. */
static bool
lacks_schema(const char *schema, ToolResult **fault)
{
	Oid			nsp = get_namespace_oid(schema, true);

	if (!OidIsValid(nsp) || compat_namespace_aclcheck(nsp, GetUserId(), ACL_USAGE) == ACLCHECK_OK)
		return false;
	*fault = tools_error("argument \"table\": permission denied for schema %s. Somebody who may has to GRANT USAGE ON SCHEMA %s to this role.",
						 quote_identifier(schema), quote_identifier(schema));
	return true;
}

/* See the header. */
Oid
telling_table(const char *name, ToolResult **fault)
{
	List	   *parts;
	List	   *names = NIL;
	ListCell   *lc;
	Oid			relid = InvalidOid;
	Oid			behind;

	/*
	 * What is no name at all is none of a table: an error that is raised
	 * would not say which argument it was.
	 */
	if (SplitIdentifierString(pstrdup(name), '.', &parts) && parts != NIL &&
		(list_length(parts) <= 2 ||
		 (list_length(parts) == 3 && strcmp(linitial(parts), get_database_name(MyDatabaseId)) == 0)))
	{
		foreach(lc, parts)
			names = lappend(names, makeString(lfirst(lc)));
		if (list_length(parts) > 1 && lacks_schema(list_nth(parts, list_length(parts) - 2), fault))
			return InvalidOid;
		relid = RangeVarGetRelid(makeRangeVarFromNameList(names), NoLock, true);
	}
	/* who loads by an intake knows that name */
	if (OidIsValid(relid) && OidIsValid(behind = watch_naming_intake(relid)))
		relid = behind;
	*fault = OidIsValid(relid) ? NULL :
		tools_error("argument \"table\": there is no table %s. Give schema and name, as in public.orders.", name);
	return relid;
}

char *
telling_name(Oid relid)
{
	char	   *name = OidIsValid(relid) ? get_rel_name(relid) : NULL;

	return name ? quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), name) : NULL;
}

/* See the header. A member that does not inherit may not read, either, before
 * he takes the role. */
bool
telling_sees_all(void)
{
	return has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_DATA);
}

/* ---- those that are gone ---- */

/* See the header. Where no event trigger saw the DROP its number is left. */
bool
telling_is_gone(Oid relid)
{
	return !OidIsValid(relid) || get_rel_name(relid) == NULL;
}

void
telling_check_gone(const char *what, int64 id)
{
	if (!telling_sees_all())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the table of %s " INT64_FORMAT " is gone", what, id),
				 errhint("Who is a member of pg_read_all_data may ask about it.")));
}
