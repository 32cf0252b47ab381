/*
 * reading.c
 *	  The texts of resources: tables, their versions, errors, incidents.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "mcp/answer.h"
#include "mcp/reading.h"
#include "observe/expected.h"
#include "observe/snapshot.h"
#include "orient/packet.h"
#include "orient/tabledoc.h"
#include "read/phrase.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* A list ends before its answer is longer than it may be: one entry more, and
 * what stands around them. */
#define LIST_BYTES (MCP_ANSWER_BYTES - 20000)

/* Differences from a baseline that are told. */
#define DIFFERENCES 200
#define DEFINITION_BYTES 1000

static char *
get(uint64 row, int col)
{
	return spi_get_text(row, col, CurrentMemoryContext);
}

static void
open_list(StringInfo buf, const char *key)
{
	toolpage_json(buf, key, "[");
}

/* A comma, where something stands before in this list. */
static void
next(StringInfo buf)
{
	if (buf->data[buf->len - 1] != '[')
		appendStringInfoChar(buf, ',');
}

/* ---- a table ---- */

/* A definition as far as it is told. */
static char *
clipped(const char *text)
{
	int			len = text ? (int) strlen(text) : 0;

	if (len <= DEFINITION_BYTES)
		return unconstify(char *, text);
	return psprintf("%.*s...", pg_mbcliplen(text, len, DEFINITION_BYTES), text);
}

/* How it differs from what expect() says of it. */
static void
add_differences(StringInfo buf, Oid relid)
{
	Jsonb	   *actual = snapshot_of(relid);
	List	   *differences = NIL;
	int			told = 0;
	ListCell   *lc;

	if (actual == NULL || !expected_differences(relid, actual, &differences, NULL))
		return;
	open_list(buf, "baseline");
	foreach(lc, differences)
	{
		const SnapshotChange *change = lfirst(lc);

		if (told++ == DIFFERENCES || buf->len > MCP_ANSWER_BYTES / 4)
			break;
		next(buf);
		appendStringInfoChar(buf, '{');
		toolpage_text(buf, "kind", change->kind);
		toolpage_text(buf, "name", change->name);
		toolpage_text(buf, "expected", clipped(change->was));
		toolpage_text(buf, "actual", clipped(change->now));
		toolpage_bool(buf, "breaks", change->breaks);
		appendStringInfoChar(buf, '}');
	}
	appendStringInfoChar(buf, ']');
}

/* What stands beside its definition. */
static void
add_beside(StringInfo buf, McpReader *reader, Oid relid)
{
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	toolpage_json(buf, "drift", "{");
	add_differences(buf, relid);
	open_list(buf, "incidents");
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	n = spi_exec("SELECT " MCP_INCIDENT_COLUMNS " FROM selfheal.incident i WHERE i.relid = $1 AND i.class = '" EXPECTED_CLASS "'"
				 " AND i.state NOT IN ('healed', 'dismissed') ORDER BY i.id DESC LIMIT 50", &args);
	for (uint64 i = 0; i < n; i++)
	{
		next(buf);
		mcp_add_incident(buf, reader, i);
	}
	appendStringInfoString(buf, "]}");
	if (spi_exec("SELECT jsonb_strip_nulls(jsonb_build_object('mode', w.mode, 'paused', w.paused, 'restraint', w.restraint, 'owner', w.owner))::text,"
				 " (SELECT max(s.version) FROM selfheal.schema_snapshot s WHERE s.relid = w.relid)"
				 " FROM selfheal.watched w WHERE w.relid = $1", &args) > 0)
	{
		toolpage_json(buf, "watched", get(0, 1));
		mcp_add_number(buf, "version", 0, 2);
	}
	spi_close(&saved);
}

/*
 * The definition without the longest of its lists that is not named in cut yet,
 * which is named there then; of its columns names and types stay, since they are
 * what is asked for. NULL: there is no more to leave out.
 */
static Jsonb *
shortened(Jsonb *doc, StringInfo cut)
{
	Jsonb	   *result = NULL;
	SpiUser		saved;
	SpiArgs		args;
	MemoryContext cxt = CurrentMemoryContext;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_jsonb(&args, doc);
	spi_arg_text(&args, cut->data);
	if (spi_exec("SELECT m.key, CASE WHEN m.key <> 'columns' THEN $1 - m.key ELSE jsonb_set($1, '{columns}',"
				 " (SELECT jsonb_agg(jsonb_build_object('name', c -> 'name', 'type', c -> 'type') ORDER BY n)"
				 "  FROM jsonb_array_elements(m.value) WITH ORDINALITY x(c, n))) END"
				 " FROM jsonb_each($1) m WHERE jsonb_typeof(m.value) = 'array' AND m.key <> ALL (string_to_array($2, ', '))"
				 " ORDER BY length(m.value::text) DESC LIMIT 1", &args) > 0)
	{
		appendStringInfo(cut, "%s%s", cut->len > 0 ? ", " : "", get(0, 1));
		result = spi_get_jsonb(0, 2, cxt);
	}
	spi_close(&saved);
	return result;
}

/* See the header. */
char *
reading_table(McpReader *reader, const McpUri *uri)
{
	Oid			relid = mcp_watched_table(reader, uri->schema, uri->table);
	Jsonb	   *doc = OidIsValid(relid) ? tabledoc_read(relid, NULL) : NULL;
	StringInfoData rest;
	StringInfoData cut;
	StringInfoData buf;
	char	   *text;

	if (doc == NULL)
		return NULL;
	initStringInfo(&rest);
	appendStringInfoChar(&rest, '{');
	add_beside(&rest, reader, relid);
	toolpage_text(&rest, "history", mcp_uri_of_table(MCP_URI_HISTORY, uri->schema, uri->table));
	toolpage_text(&rest, "errors", mcp_uri_of_table(MCP_URI_TABLE_ERRORS, uri->schema, uri->table));

	initStringInfo(&cut);
	text = JsonbToCString(NULL, &doc->root, VARSIZE(doc));
	while (strlen(text) + rest.len > LIST_BYTES && (doc = shortened(doc, &cut)) != NULL)
		text = JsonbToCString(NULL, &doc->root, VARSIZE(doc));
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_json(&buf, "table", text);
	if (cut.len > 0)
		toolpage_text(&buf, "cut", psprintf("left out or shortened, since the answer would be longer than %d bytes: %s. "
											"SELECT selfheal.snapshot(...) has all of the table.", MCP_ANSWER_BYTES, cut.data));
	appendStringInfo(&buf, ",%s}", rest.data + 1);
	return buf.data;
}

/* ---- its versions ---- */

/* See the header. */
char *
reading_history(McpReader *reader, const McpUri *uri)
{
	Oid			relid = mcp_watched_table(reader, uri->schema, uri->table);
	McpUri		older = *uri;
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;
	uint64		i;

	if (!OidIsValid(relid))
		return NULL;
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_text(&buf, "table", quote_qualified_identifier(uri->schema, uri->table));
	open_list(&buf, "versions");
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, uri->before > 0 ? Min(uri->before, PG_INT32_MAX) : PG_INT32_MAX);
	spi_arg_int8(&args, READING_ROWS + 1);
	n = spi_exec("SELECT s.version, " SPI_UTC("s.at") ", CASE WHEN s.healer THEN 'healer' WHEN NOT s.healer THEN 'person' END,"
				 " s.role, s.plan, d.statement, s.breaks::text, s.hash, s.changes::text"
				 " FROM selfheal.schema_snapshot s LEFT JOIN selfheal.ddl d ON d.id = s.command"
				 " WHERE s.relid = $1 AND s.version < $2::integer ORDER BY s.version DESC LIMIT $3", &args);
	for (i = 0; i < n && i < READING_ROWS; i++)
	{
		char	   *changes = get(i, 9);

		if (i > 0 && buf.len + (int) strlen(changes) > LIST_BYTES)
			break;
		next(&buf);
		appendStringInfoChar(&buf, '{');
		mcp_add_number(&buf, "version", i, 1);
		toolpage_text(&buf, "at", get(i, 2));
		toolpage_text(&buf, "by", get(i, 3));
		toolpage_text(&buf, "role", get(i, 4));
		mcp_add_number(&buf, "plan", i, 5);
		telling_sql(&buf, mcp_telling(reader, relid), "statement", get(i, 6), PHRASE_BYTES);
		toolpage_json(&buf, "breaks", get(i, 7));
		toolpage_text(&buf, "hash", get(i, 8));
		if (strlen(changes) <= LIST_BYTES)
			toolpage_json(&buf, "changes", changes);
		else
			toolpage_text(&buf, "cut", psprintf("its changes are longer than %d bytes: SELECT changes FROM selfheal.schema_version has them",
												MCP_ANSWER_BYTES));
		appendStringInfoChar(&buf, '}');
		older.before = spi_get_int8(i, 1, NULL);
	}
	spi_close(&saved);
	appendStringInfoChar(&buf, ']');
	if (i < n)
		toolpage_text(&buf, "older", mcp_uri_text(&older));
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* ---- errors ---- */

static void
add_error(StringInfo buf, McpReader *reader, uint64 row)
{
	Telling    *t = mcp_telling(reader, spi_get_oid(row, 3, NULL));

	appendStringInfoChar(buf, '{');
	mcp_add_number(buf, "id", row, 1);
	toolpage_text(buf, "at", get(row, 2));
	toolpage_text(buf, "table", get(row, 4));
	mcp_add_number(buf, "incident", row, 5);
	toolpage_text(buf, "door", get(row, 6));
	toolpage_text(buf, "class", get(row, 7));
	telling_column(buf, t, "column", get(row, 8));
	telling_text(buf, t, "need", get(row, 9), PHRASE_BYTES);
	mcp_add_number(buf, "rows", row, 10);
	toolpage_text(buf, "sqlstate", get(row, 11));
	telling_text(buf, t, "message", get(row, 12), PHRASE_BYTES);
	telling_text(buf, t, "detail", get(row, 13), PHRASE_BYTES);
	telling_text(buf, t, "hint", get(row, 14), PHRASE_BYTES);
	toolpage_text(buf, "constraint", get(row, 15));
	appendStringInfoChar(buf, '}');
}

/* See the header. */
char *
reading_errors(McpReader *reader, const McpUri *uri)
{
	bool		one = uri->kind == MCP_URI_TABLE_ERRORS;
	Oid			relid = one ? mcp_watched_table(reader, uri->schema, uri->table) : InvalidOid;
	McpUri		older = *uri;
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;
	uint64		i;

	if (one && !OidIsValid(relid))
		return NULL;
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	if (one)
		toolpage_text(&buf, "table", quote_qualified_identifier(uri->schema, uri->table));
	open_list(&buf, "errors");
	spi_open(&saved);
	mcp_reader_args(reader, &args);
	spi_arg_int8(&args, uri->before > 0 ? uri->before : PG_INT64_MAX);
	spi_arg_int8(&args, READING_ROWS + 1);
	spi_arg_relid(&args, relid);
#define ERROR_COLUMNS \
	"SELECT e.id, " SPI_UTC("e.at") ", coalesce(e.relid::oid, 0), format('%I.%I', e.schema_name, e.table_name), e.incident," \
	" e.door, e.class, left(e.column_name, 1000), e.need, e.rows, e.sqlstate, e.message, e.detail, e.hint," \
	" e.context ->> 'constraint' FROM selfheal.error e WHERE e.id < $3 AND " MCP_MAY_READ("e.relid")
	n = spi_exec(one ? ERROR_COLUMNS " AND e.relid = $5 ORDER BY e.id DESC LIMIT $4" :
				 ERROR_COLUMNS " AND $5 IS NOT DISTINCT FROM $5 ORDER BY e.id DESC LIMIT $4", &args);
	for (i = 0; i < n && i < READING_ROWS && buf.len < LIST_BYTES; i++)
	{
		next(&buf);
		add_error(&buf, reader, i);
		older.before = spi_get_int8(i, 1, NULL);
	}
	spi_close(&saved);
	appendStringInfoChar(&buf, ']');
	if (i < n)
		toolpage_text(&buf, "older", mcp_uri_text(&older));
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

/* ---- an incident ---- */

/* See the header. */
char *
reading_marker(void)
{
	unsigned char bytes[12];
	StringInfoData buf;

	if (!pg_strong_random(bytes, sizeof(bytes)))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not draw a random number")));
	initStringInfo(&buf);
	appendStringInfoString(&buf, "data-");
	for (int i = 0; i < (int) sizeof(bytes); i++)
		appendStringInfo(&buf, "%02x", bytes[i]);
	return buf.data;
}

/* The blocks of the packet, as texts. */
static void
add_packet(StringInfo buf, int64 id, ShareValues share)
{
	Jsonb	   *blocks = packet_blocks(id, share, reading_marker());

	open_list(buf, "packet");
	for (uint32 i = 0; i < JB_ROOT_COUNT(blocks); i++)
	{
		JsonbValue *block = getIthJsonbValueFromContainer(&blocks->root, i);
		bool		wrong;

		next(buf);
		escape_json(buf, mcp_text(JsonbValueToJsonb(block), "text", &wrong));
	}
	appendStringInfoChar(buf, ']');
}

/* See the header. */
char *
reading_incident(McpReader *reader, int64 id)
{
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		args;
	Oid			relid;
	int64		plan;
	bool		no_plan;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	spi_open(&saved);
	mcp_reader_args(reader, &args);
	spi_arg_int8(&args, id);
	if (spi_exec("SELECT " MCP_INCIDENT_COLUMNS " FROM selfheal.incident i WHERE i.id = $3 AND " MCP_MAY_READ("i.relid"), &args) == 0)
	{
		spi_close(&saved);
		return NULL;
	}
	relid = spi_get_oid(0, 2, NULL);
	plan = spi_get_int8(0, 12, &no_plan);
	toolpage_json(&buf, "incident", "");
	mcp_add_incident(&buf, reader, 0);
	if (!no_plan)
	{
		mcp_reader_args(reader, &args);
		spi_arg_int8(&args, plan);
		if (spi_exec("SELECT " MCP_PLAN_COLUMNS " FROM selfheal.plan p WHERE p.id = $3 AND " MCP_MAY_READ("p.relid"), &args) > 0)
		{
			toolpage_json(&buf, "plan", "");
			mcp_add_plan(&buf, reader, 0);
		}
	}
	spi_close(&saved);
	add_packet(&buf, id, mcp_telling(reader, relid)->share);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}
