/*
 * telling.c
 *	  What a tool tells of a table, and to whom.
 */
#include "postgres.h"

#include <ctype.h>

#include "base/compat.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "observe/sharing.h"
#include "orient/packet.h"
#include "read/phrase.h"
#include "serve/telling.h"
#include "serve/toolpage.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/* See the header. */
Telling *
telling_of(const ToolContext *ctx, Oid role, Oid relid, List **cache)
{
	Telling    *t;
	ListCell   *lc;

	foreach(lc, cache ? *cache : NIL)
	{
		t = lfirst(lc);
		if (t->relid == relid)
			return t;
	}
	t = palloc0(sizeof(Telling));
	t->relid = relid;
	t->share = Min(ctx->share, sharing_of(relid));
	if (t->share == SHARE_FULL &&
		(!OidIsValid(relid) || pg_class_aclcheck(relid, role, ACL_SELECT) != ACLCHECK_OK))
		t->share = SHARE_MASKED;
	t->names = sharing_names(relid);
	packet_our_words(t->names);
	mask_name(t->names, "four_eyes");
	if (cache)
		*cache = lappend(*cache, t);
	return t;
}

void
telling_text(StringInfo buf, const Telling *t, const char *key, const char *text, int max)
{
	toolpage_cut(buf, key, phrase_mask(t->share, t->names, text), max);
}

void
telling_column(StringInfo buf, Telling *t, const char *key, const char *column)
{
	if (column == NULL)
		return;
	toolpage_cut(buf, key, mask_key(t->share, t->names, column), 200);
	if (!mask_looks_like_data(column, strlen(column)))
		mask_name(t->names, column);
}

/* A statement without its data (phrase_sql), in which names that look like data
 * are masked as the key of a payload is: a column may have been named by one. */
static char *
names_masked(const Telling *t, const char *sql)
{
	StringInfoData out;

	initStringInfo(&out);
	while (*sql)
	{
		StringInfoData name;
		bool		quoted = *sql == '"';
		const char *p = sql + quoted;

		initStringInfo(&name);
		if (quoted)
			for (; *p && (*p != '"' || p[1] == '"'); p++)
			{
				appendStringInfoChar(&name, *p);
				p += *p == '"';
			}
		else if (!isdigit((unsigned char) *p))
			for (; IS_HIGHBIT_SET(*p) || isalnum((unsigned char) *p) || *p == '_'; p++)
				appendStringInfoChar(&name, *p);
		if (name.len == 0 || !mask_looks_like_data(name.data, name.len))
		{
			/* as it is; of what is no name one sign, or a number */
			if (name.len == 0 && isdigit((unsigned char) *p))
				p += strspn(p, "0123456789");
			else if (name.len == 0)
				p = sql + 1;
			else if (quoted && *p)
				p++;
			appendBinaryStringInfo(&out, sql, (int) (p - sql));
		}
		else
		{
			appendStringInfo(&out, "\"%s\"", mask_key(t->share, t->names, name.data));
			p += quoted && *p;
		}
		sql = p;
	}
	return out.data;
}

void
telling_sql(StringInfo buf, const Telling *t, const char *key, const char *sql, int max)
{
	if (sql == NULL)
		return;
	/* phrase_sql tells a beginning alone, also of what may be told */
	if (t->share != SHARE_FULL)
		sql = psprintf("%s%s", names_masked(t, phrase_sql(t->share, sql)), strlen(sql) > PHRASE_BYTES ? "..." : "");
	toolpage_cut(buf, key, sql, max);
}

Oid
telling_table(const char *name, ToolResult **fault)
{
	Oid			relid = RangeVarGetRelid(makeRangeVarFromNameList(textToQualifiedNameList(cstring_to_text(name))),
										 NoLock, true);

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

bool
telling_sees_all(void)
{
	return is_member_of_role(GetUserId(), ROLE_PG_READ_ALL_DATA);
}
