/*
 * facts.c
 *	  What a role may be told by MCP.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "mb/pg_wchar.h"
#include "mcp/answer.h"
#include "mcp/facts.h"
#include "mcp/uri.h"
#include "miscadmin.h"
#include "observe/sharing.h"
#include "observe/watch.h"
#include "orient/packet.h"
#include "read/phrase.h"
#include "serve/toolpage.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Bytes of a key or column that are told: a key may have any length. */
#define NAME_BYTES 200

/* Steps of one plan that are listed. */
#define STEPS 50

/* See the header. */
McpReader *
mcp_reader(void)
{
	McpReader  *reader = palloc0(sizeof(McpReader));

	reader->role = GetUserId();
	reader->all = is_member_of_role(reader->role, ROLE_PG_READ_ALL_DATA);
	reader->cxt = CurrentMemoryContext;
	return reader;
}

/* See the header. */
void
mcp_reader_args(const McpReader *reader, SpiArgs *args)
{
	spi_args(args);
	spi_arg_int8(args, reader->role);
	spi_arg_bool(args, reader->all);
}

/* See the header. */
bool
mcp_may_read(const McpReader *reader, Oid relid)
{
	return reader->all ||
		(OidIsValid(relid) && get_rel_name(relid) != NULL &&
		 pg_class_aclcheck(relid, reader->role, ACL_SELECT) == ACLCHECK_OK);
}

/* See the header. */
const McpView *
mcp_view(McpReader *reader, Oid relid)
{
	MemoryContext old;
	McpView    *view;
	ListCell   *lc;

	foreach(lc, reader->views)
	{
		view = lfirst(lc);
		if (view->relid == relid)
			return view;
	}
	old = MemoryContextSwitchTo(reader->cxt);
	view = palloc0(sizeof(McpView));
	view->relid = relid;
	/* what its owner said of a table went with it */
	if (!OidIsValid(relid) || get_rel_name(relid) == NULL)
		view->share = SHARE_NONE;
	else
	{
		view->share = sharing_of(relid);
		if (view->share == SHARE_FULL && pg_class_aclcheck(relid, reader->role, ACL_SELECT) != ACLCHECK_OK)
			view->share = SHARE_MASKED;
	}
	if (view->share != SHARE_FULL)
	{
		view->names = sharing_names(relid);
		packet_our_words(view->names);
	}
	reader->views = lappend(reader->views, view);
	MemoryContextSwitchTo(old);
	return view;
}

/* See the header. */
Oid
mcp_watched_table(const McpReader *reader, const char *schema, const char *table)
{
	Oid			nsp = get_namespace_oid(schema, true);
	Oid			relid = OidIsValid(nsp) ? get_relname_relid(table, nsp) : InvalidOid;
	Watch		watch;

	return OidIsValid(relid) && mcp_may_read(reader, relid) && watch_get(relid, &watch) ? relid : InvalidOid;
}

/* ---- as far as it may be told ---- */

/* See the header. Names of the table itself are masked, too, where they look
 * like data: to know them it would have to be opened. */
char *
mcp_told_name(const McpReader *reader, Oid relid, const char *name)
{
	ShareValues share;
	char	   *told;

	if (name == NULL)
		return NULL;
	share = OidIsValid(relid) ? sharing_of(relid) : SHARE_NONE;
	if (share == SHARE_FULL && !mcp_may_read(reader, relid))
		share = SHARE_MASKED;
	told = share != SHARE_FULL && mask_looks_like_data(name, (int) strlen(name)) ?
		mask_key(share, NULL, name) : pstrdup(name);
	if (strlen(told) > NAME_BYTES)
		told = psprintf("%.*s...", pg_mbcliplen(told, (int) strlen(told), NAME_BYTES), told);
	return told;
}

/* See the header. */
char *
mcp_told(McpReader *reader, Oid relid, const char *message)
{
	const McpView *view = mcp_view(reader, relid);

	return phrase_mask(view->share, view->names, message);
}

/* See the header. */
char *
mcp_told_sql(McpReader *reader, Oid relid, const char *sql)
{
	return sql ? phrase_sql(mcp_view(reader, relid)->share, sql) : NULL;
}

/* A key that is shown beside a text may be named in it, unless it looks like
 * data. */
static void
know(McpReader *reader, Oid relid, const char *name)
{
	const McpView *view = mcp_view(reader, relid);

	if (name != NULL && view->names != NULL && !mask_looks_like_data(name, (int) strlen(name)))
		mask_name(view->names, name);
}

/* ---- objects ---- */

static char *
get(uint64 row, int col)
{
	return spi_get_text(row, col, CurrentMemoryContext);
}

/* See the header. */
void
mcp_add_number(StringInfo buf, const char *key, uint64 row, int col)
{
	toolpage_json(buf, key, get(row, col));
}

/* See the header. */
void
mcp_add_incident(StringInfo buf, McpReader *reader, uint64 row)
{
	Oid			relid = spi_get_oid(row, 2, NULL);

	know(reader, relid, get(row, 5));
	appendStringInfoChar(buf, '{');
	mcp_add_number(buf, "id", row, 1);
	toolpage_text(buf, "uri", mcp_uri_of_id(MCP_URI_INCIDENT, spi_get_int8(row, 1, NULL)));
	toolpage_text(buf, "table", get(row, 3));
	toolpage_text(buf, "class", get(row, 4));
	toolpage_text(buf, "column", mcp_told_name(reader, relid, get(row, 5)));
	toolpage_text(buf, "state", get(row, 6));
	toolpage_text(buf, "reason_kind", get(row, 7));
	toolpage_text(buf, "reason", mcp_told(reader, relid, get(row, 8)));
	mcp_add_number(buf, "rows", row, 9);
	mcp_add_number(buf, "rows_held", row, 10);
	mcp_add_number(buf, "attempts", row, 11);
	mcp_add_number(buf, "plan", row, 12);
	toolpage_text(buf, "first_seen", get(row, 13));
	toolpage_text(buf, "last_seen", get(row, 14));
	toolpage_text(buf, "closed", get(row, 15));
	mcp_add_number(buf, "seconds", row, 16);
	appendStringInfoChar(buf, '}');
}

/* A member of a step that is a string. */
static char *
step_text(Jsonb *step, const char *key)
{
	bool		wrong;

	return mcp_text(step, key, &wrong);
}

/* The kinds of a plan's steps: what its SQL says without its literals. */
static void
add_steps(StringInfo buf, McpReader *reader, Oid relid, Jsonb *plan)
{
	JsonbValue	v;
	int			n;

	if (plan == NULL ||
		getKeyJsonValueFromContainer(&plan->root, "steps", (int) strlen("steps"), &v) == NULL ||
		v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
		return;
	toolpage_json(buf, "steps", "[");
	n = (int) JsonContainerSize(v.val.binary.data);
	for (int i = 0; i < Min(n, STEPS); i++)
	{
		JsonbValue *element = getIthJsonbValueFromContainer(v.val.binary.data, i);
		Jsonb	   *step = JsonbValueToJsonb(element);

		know(reader, relid, step_text(step, "column"));
		appendStringInfoString(buf, i > 0 ? ",{" : "{");
		toolpage_text(buf, "kind", step_text(step, "kind"));
		toolpage_text(buf, "column", mcp_told_name(reader, relid, step_text(step, "column")));
		toolpage_text(buf, "type", step_text(step, "type"));
		appendStringInfoChar(buf, '}');
	}
	appendStringInfoChar(buf, ']');
	if (n > STEPS)
		toolpage_int8(buf, "steps_in_all", n);
}

/* See the header. */
void
mcp_add_plan(StringInfo buf, McpReader *reader, uint64 row)
{
	Oid			relid = spi_get_oid(row, 2, NULL);
	char	   *state = get(row, 4);
	char	   *sql = get(row, 8);

	appendStringInfoChar(buf, '{');
	mcp_add_number(buf, "id", row, 1);
	toolpage_text(buf, "table", get(row, 3));
	toolpage_text(buf, "state", state);
	toolpage_text(buf, "verdict", get(row, 5));
	toolpage_text(buf, "policy", get(row, 6));
	toolpage_text(buf, "sql", mcp_told_sql(reader, relid, sql));
	add_steps(buf, reader, relid, spi_get_jsonb(row, 9, CurrentMemoryContext));
	toolpage_text(buf, "reason", mcp_told(reader, relid, get(row, 7)));
	toolpage_text(buf, "explanation", mcp_told(reader, relid, get(row, 10)));
	toolpage_text(buf, "proposed_by", get(row, 11));
	toolpage_text(buf, "why", mcp_told(reader, relid, get(row, 12)));
	mcp_add_number(buf, "confidence", row, 13);
	toolpage_text(buf, "decided_by", get(row, 14));
	toolpage_text(buf, "made", get(row, 15));
	toolpage_text(buf, "applied", get(row, 16));
	toolpage_json(buf, "incidents", get(row, 17));
	toolpage_text(buf, "plan_hash", get(row, 18));
	mcp_add_number(buf, "rows_waiting", row, 19);
	if (sql != NULL && strcmp(state, "applied") == 0)
		toolpage_text(buf, "migration", mcp_uri_of_id(MCP_URI_MIGRATION, spi_get_int8(row, 1, NULL)));
	appendStringInfoChar(buf, '}');
}
