/*
 * facts.c
 *	  What a role may be told by MCP.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "mcp/answer.h"
#include "mcp/facts.h"
#include "mcp/uri.h"
#include "miscadmin.h"
#include "observe/watch.h"
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
	reader->all = telling_sees_all();
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
Telling *
mcp_telling(McpReader *reader, Oid relid)
{
	MemoryContext old = MemoryContextSwitchTo(reader->cxt);
	Telling    *t = telling_of(SHARE_FULL, reader->role, relid, &reader->tellings);

	MemoryContextSwitchTo(old);
	return t;
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

/* See the header. */
char *
mcp_told_name(McpReader *reader, Oid relid, const char *name)
{
	char	   *told;

	if (name == NULL)
		return NULL;
	told = mask_key(mcp_telling(reader, relid)->share, NULL, name);
	if (strlen(told) > NAME_BYTES)
		told = psprintf("%.*s...", pg_mbcliplen(told, (int) strlen(told), NAME_BYTES), told);
	return told;
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
	Telling    *t = mcp_telling(reader, spi_get_oid(row, 2, NULL));

	appendStringInfoChar(buf, '{');
	mcp_add_number(buf, "id", row, 1);
	toolpage_text(buf, "uri", mcp_uri_of_id(MCP_URI_INCIDENT, spi_get_int8(row, 1, NULL)));
	toolpage_text(buf, "table", get(row, 3));
	toolpage_text(buf, "class", get(row, 4));
	telling_column(buf, t, "column", get(row, 5));
	toolpage_text(buf, "state", get(row, 6));
	toolpage_text(buf, "reason_kind", get(row, 7));
	telling_text(buf, t, "reason", get(row, 8), PHRASE_BYTES);
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
add_steps(StringInfo buf, Telling *t, Jsonb *plan)
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

		appendStringInfoString(buf, i > 0 ? ",{" : "{");
		toolpage_text(buf, "kind", step_text(step, "kind"));
		telling_column(buf, t, "column", step_text(step, "column"));
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
	Telling    *t = mcp_telling(reader, spi_get_oid(row, 2, NULL));
	char	   *state = get(row, 4);
	char	   *sql = get(row, 8);

	appendStringInfoChar(buf, '{');
	mcp_add_number(buf, "id", row, 1);
	toolpage_text(buf, "table", get(row, 3));
	toolpage_text(buf, "state", state);
	toolpage_text(buf, "verdict", get(row, 5));
	toolpage_text(buf, "policy", get(row, 6));
	telling_sql(buf, t, "sql", sql, PHRASE_BYTES);
	add_steps(buf, t, spi_get_jsonb(row, 9, CurrentMemoryContext));
	telling_text(buf, t, "reason", get(row, 7), PHRASE_BYTES);
	telling_text(buf, t, "explanation", get(row, 10), PHRASE_BYTES);
	toolpage_text(buf, "proposed_by", get(row, 11));
	telling_text(buf, t, "why", get(row, 12), PHRASE_BYTES);
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
