/*
 * briefing.c
 *	  The facts that a prompt is given, as they stand now.
 */
#include "postgres.h"

#include "mcp/answer.h"
#include "mcp/briefing.h"
#include "mcp/migration.h"
#include "mcp/uri.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

/* Columns that stand behind those of facts.h. */
#define BEHIND_INCIDENT 17
#define BEHIND_PLAN 20

/* What waits for a person first. */
#define OPEN_FIRST \
	"array_position(ARRAY['needs_human', 'failed', 'awaiting_approval', 'waiting_lock', 'awaiting_parent', 'awaiting_order'], i.state), i.id DESC"

static char *
get(uint64 row, int col)
{
	return spi_get_text(row, col, CurrentMemoryContext);
}

static void
next(StringInfo buf)
{
	if (buf->data[buf->len - 1] != '[')
		appendStringInfoChar(buf, ',');
}

/* Up to BRIEFING_ROWS incidents, and how many there are in all. */
static void
add_incidents(StringInfo buf, McpReader *reader, const char *key, const char *sql, SpiArgs *args)
{
	uint64		n = spi_exec(sql, args);

	toolpage_json(buf, key, "[");
	for (uint64 i = 0; i < n; i++)
	{
		next(buf);
		mcp_add_incident(buf, reader, i);
	}
	appendStringInfoChar(buf, ']');
	toolpage_json(buf, psprintf("%s_in_all", key), n > 0 ? get(0, BEHIND_INCIDENT) : "0");
}

/* The same of plans. */
static void
add_plans(StringInfo buf, McpReader *reader, const char *key, const char *sql, SpiArgs *args)
{
	uint64		n = spi_exec(sql, args);

	toolpage_json(buf, key, "[");
	for (uint64 i = 0; i < n; i++)
	{
		next(buf);
		mcp_add_plan(buf, reader, i);
	}
	appendStringInfoChar(buf, ']');
	toolpage_json(buf, psprintf("%s_in_all", key), n > 0 ? get(0, BEHIND_PLAN) : "0");
}

/* ---- the morning ---- */

static void
add_healer(StringInfo buf, SpiArgs *args)
{
	uint64		n;

	toolpage_json(buf, "healer", "{");
	if (spi_exec("SELECT " SPI_UTC("s.since") ", s.sqlstate FROM selfheal.stopped s", NULL) > 0)
	{
		toolpage_text(buf, "stopped_since", get(0, 1));
		toolpage_text(buf, "sqlstate", get(0, 2));
	}
	appendStringInfoChar(buf, '}');
	n = spi_exec("SELECT format('%I.%I', w.schema_name, w.table_name) FROM selfheal.watched w WHERE w.paused AND " MCP_MAY_READ("w.relid")
				 " AND $3 IS NOT NULL AND $4 IS NOT NULL ORDER BY 1 LIMIT $4", args);
	toolpage_json(buf, "paused", "[");
	for (uint64 i = 0; i < n; i++)
	{
		next(buf);
		escape_json(buf, get(i, 1));
	}
	appendStringInfoChar(buf, ']');
}

/* See the header. */
char *
briefing_triage(McpReader *reader, int64 hours)
{
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		args;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_int8(&buf, "hours", hours);
	spi_open(&saved);
	spi_exec("SELECT " SPI_UTC("clock_timestamp()"), NULL);
	toolpage_text(&buf, "now", get(0, 1));
	mcp_reader_args(reader, &args);
	spi_arg_timestamptz(&args, GetCurrentTimestamp() - hours * USECS_PER_HOUR);
	spi_arg_int8(&args, BRIEFING_ROWS);
	add_healer(&buf, &args);
	add_incidents(&buf, reader, "open",
				  "SELECT " MCP_INCIDENT_COLUMNS ", i.in_all FROM (SELECT i.*, count(*) OVER () AS in_all FROM selfheal.incident i"
				  " WHERE i.state NOT IN ('healed', 'dismissed') AND $3 IS NOT NULL AND " MCP_MAY_READ("i.relid")
				  " ORDER BY " OPEN_FIRST " LIMIT $4) i ORDER BY " OPEN_FIRST, &args);
	add_plans(&buf, reader, "pending",
			  "SELECT " MCP_PLAN_COLUMNS ", p.in_all FROM (SELECT p.*, count(*) OVER () AS in_all FROM selfheal.plan p"
			  " WHERE p.state IN ('awaiting_approval', 'approved') AND $3 IS NOT NULL AND " MCP_MAY_READ("p.relid")
			  " ORDER BY p.id LIMIT $4) p ORDER BY p.id", &args);
	add_plans(&buf, reader, "applied",
			  "SELECT " MCP_PLAN_COLUMNS ", p.in_all FROM (SELECT p.*, count(*) OVER () AS in_all FROM selfheal.plan p"
			  " WHERE " MIGRATION_IS " AND p.applied_at >= $3 AND " MCP_MAY_READ("p.relid")
			  " ORDER BY p.applied_at DESC, p.id DESC LIMIT $4) p ORDER BY p.applied_at DESC, p.id DESC", &args);
	add_incidents(&buf, reader, "healed",
				  "SELECT " MCP_INCIDENT_COLUMNS ", i.in_all FROM (SELECT i.*, count(*) OVER () AS in_all FROM selfheal.incident i"
				  " WHERE i.state = 'healed' AND i.closed_at >= $3 AND " MCP_MAY_READ("i.relid")
				  " ORDER BY i.id DESC LIMIT $4) i ORDER BY i.id DESC", &args);
	spi_close(&saved);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* ---- a plan ---- */

/* Members that are numbers, or yes or no: texts may tell values. */
#define PLAIN(column) \
	"(SELECT jsonb_object_agg(m.key, m.value)::text FROM jsonb_each(CASE WHEN jsonb_typeof(" column ") = 'object' THEN " column " END) m" \
	" WHERE jsonb_typeof(m.value) IN ('number', 'boolean'))"

/* See the header. */
char *
briefing_plan(McpReader *reader, int64 id)
{
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	spi_open(&saved);
	mcp_reader_args(reader, &args);
	spi_arg_int8(&args, id);
	if (spi_exec("SELECT " MCP_PLAN_COLUMNS ", " PLAIN("p.forecast") ", p.forecast ->> 'lock', " PLAIN("p.dry_run")
				 " FROM selfheal.plan p WHERE p.id = $3 AND " MCP_MAY_READ("p.relid"), &args) == 0)
	{
		spi_close(&saved);
		return NULL;
	}
	toolpage_json(&buf, "plan", "");
	mcp_add_plan(&buf, reader, 0);
	toolpage_text(&buf, "lock", get(0, BEHIND_PLAN + 1));
	toolpage_json(&buf, "forecast", get(0, BEHIND_PLAN));
	toolpage_json(&buf, "dry_run", get(0, BEHIND_PLAN + 2));
	n = spi_exec("SELECT left(concat(l ->> 'kind', ' ', l ->> 'object', ': ', l ->> 'effect', ' (', l ->> 'level', ')'), 500)"
				 " FROM selfheal.plan p, jsonb_array_elements(p.impact) WITH ORDINALITY x(l, n) WHERE p.id = $3 AND "
				 MCP_MAY_READ("p.relid") " ORDER BY n LIMIT 30", &args);
	toolpage_json(&buf, "impact", "[");
	for (uint64 i = 0; i < n; i++)
	{
		next(&buf);
		escape_json(&buf, get(i, 1));
	}
	appendStringInfoChar(&buf, ']');
	add_incidents(&buf, reader, "incidents",
				  "SELECT " MCP_INCIDENT_COLUMNS ", i.in_all FROM (SELECT i.*, count(*) OVER () AS in_all"
				  " FROM selfheal.plan p JOIN selfheal.incident i ON i.id = ANY (p.incidents) WHERE p.id = $3 AND " MCP_MAY_READ("i.relid")
				  " ORDER BY i.id LIMIT 30) i ORDER BY i.id", &args);
	spi_close(&saved);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* ---- what stays of heals ---- */

/* See the header. */
Oid
briefing_table(const McpReader *reader, int64 incident)
{
	Oid			relid = InvalidOid;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	mcp_reader_args(reader, &args);
	spi_arg_int8(&args, incident);
	if (spi_exec("SELECT coalesce(i.relid::oid, 0) FROM selfheal.incident i WHERE i.id = $3 AND " MCP_MAY_READ("i.relid"), &args) > 0)
		relid = spi_get_oid(0, 1, NULL);
	spi_close(&saved);
	return OidIsValid(relid) && get_rel_name(relid) != NULL ? relid : InvalidOid;
}

/* See the header. */
char *
briefing_fix(McpReader *reader, Oid relid)
{
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_text(&buf, "table", quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid)));
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	n = spi_exec("SELECT " MIGRATION_NAME_COLUMNS ", " SPI_UTC("p.applied_at") " FROM selfheal.plan p WHERE p.relid = $1 AND " MIGRATION_IS
				 " ORDER BY p.applied_at DESC, p.id DESC LIMIT 30", &args);
	toolpage_json(&buf, "migrations", "[");
	for (uint64 i = 0; i < n; i++)
	{
		next(&buf);
		appendStringInfoChar(&buf, '{');
		toolpage_text(&buf, "uri", mcp_uri_of_id(MCP_URI_MIGRATION, spi_get_int8(i, 1, NULL)));
		toolpage_text(&buf, "name", migration_name(i));
		mcp_add_number(&buf, "plan", i, 1);
		toolpage_text(&buf, "applied", get(i, 5));
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	n = spi_exec("SELECT m.id, m.kind, left(m.field, 1000), m.column_name FROM selfheal.mapping m WHERE m.relid = $1 AND m.state = 'active'"
				 " ORDER BY m.id DESC LIMIT 30", &args);
	toolpage_json(&buf, "mappings", "[");
	for (uint64 i = 0; i < n; i++)
	{
		next(&buf);
		appendStringInfoChar(&buf, '{');
		mcp_add_number(&buf, "id", i, 1);
		toolpage_text(&buf, "kind", get(i, 2));
		toolpage_text(&buf, "key", mcp_told_name(reader, relid, get(i, 3)));
		toolpage_text(&buf, "column", get(i, 4));
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	add_incidents(&buf, reader, "open",
				  "SELECT " MCP_INCIDENT_COLUMNS ", i.in_all FROM (SELECT i.*, count(*) OVER () AS in_all FROM selfheal.incident i"
				  " WHERE i.relid = $1 AND i.state NOT IN ('healed', 'dismissed')"
				  " ORDER BY " OPEN_FIRST " LIMIT 30) i ORDER BY " OPEN_FIRST, &args);
	spi_close(&saved);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}
