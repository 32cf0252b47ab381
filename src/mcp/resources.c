/*
 * resources.c
 *	  What an agent may read by MCP: the list, the templates, the reading.
 */
#include "postgres.h"

#include "mcp/answer.h"
#include "mcp/facts.h"
#include "mcp/migration.h"
#include "mcp/reading.h"
#include "mcp/resources.h"
#include "mcp/uri.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"

#define JSON_TYPE "application/json"
#define SQL_TYPE "application/sql"

/* The list, and its sections: a cursor is the letter of one, and behind which
 * of its entries to go on. */
#define LIST "resources"
#define TABLES 't'
#define INCIDENTS 'i'
#define MIGRATIONS 'm'

/* A page that is being filled. */
typedef struct ListPage
{
	McpReader  *reader;
	StringInfoData buf;
	int			n;
	bool		more;			/* there is an entry that it has no room for */
	char	   *last;			/* the cursor's place behind its last entry */
	MemoryContext cxt;
} ListPage;

static char *
get(uint64 row, int col)
{
	return spi_get_text(row, col, CurrentMemoryContext);
}

/* False: the page is full. */
static bool
entry(ListPage *page, char *place, const char *uri, const char *name, const char *title,
	  const char *description, const char *type, const char *modified)
{
	StringInfo	buf = &page->buf;

	if (page->n == MCP_PAGE)
	{
		page->more = true;
		return false;
	}
	appendStringInfoString(buf, page->n++ > 0 ? ",{" : "{");
	toolpage_text(buf, "uri", uri);
	toolpage_text(buf, "name", name);
	toolpage_text(buf, "title", title);
	toolpage_text(buf, "description", description);
	toolpage_text(buf, "mimeType", type);
	if (modified != NULL)
	{
		toolpage_json(buf, "annotations", "{");
		toolpage_text(buf, "lastModified", modified);
		appendStringInfoChar(buf, '}');
	}
	appendStringInfoChar(buf, '}');
	page->last = MemoryContextStrdup(page->cxt, place);
	return true;
}

/* Rows of one section: what the page has room for, and one more. */
static void
section_args(const ListPage *page, SpiArgs *args)
{
	mcp_reader_args(page->reader, args);
	spi_arg_int8(args, MCP_PAGE + 1 - page->n);
}

/* Watched tables by their names, behind this one. */
static void
tables(ListPage *page, const char *schema, const char *table)
{
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	section_args(page, &args);
	spi_arg_text(&args, schema);
	spi_arg_text(&args, table);
	n = spi_exec("SELECT w.schema_name, w.table_name, (SELECT " SPI_UTC("s.at") " FROM selfheal.schema_snapshot s"
				 "  WHERE s.relid = w.relid ORDER BY s.version DESC LIMIT 1)"
				 " FROM (SELECT * FROM selfheal.watched w"
				 "  WHERE ($4 IS NULL OR (w.schema_name COLLATE \"C\", w.table_name COLLATE \"C\") > ($4, $5)) AND " MCP_MAY_READ("w.relid")
				 "  ORDER BY w.schema_name COLLATE \"C\", w.table_name COLLATE \"C\" LIMIT $3) w"
				 " ORDER BY w.schema_name COLLATE \"C\", w.table_name COLLATE \"C\"", &args);
	for (uint64 i = 0; i < n; i++)
	{
		char	   *name = quote_qualified_identifier(get(i, 1), get(i, 2));

		if (!entry(page, psprintf("%c%s", TABLES, name), mcp_uri_of_table(MCP_URI_TABLE, get(i, 1), get(i, 2)),
				   name, psprintf("Table %s", name),
				   "Definition of a watched table, its payload mappings, how it differs from what is expected of it, and where its versions and errors are read",
				   JSON_TYPE, get(i, 3)))
			break;
	}
	spi_close(&saved);
}

/* Incidents, newest first, behind this one. */
static void
incidents(ListPage *page, int64 before)
{
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	section_args(page, &args);
	spi_arg_int8(&args, before);
	n = spi_exec("SELECT i.id, coalesce(i.relid::oid, 0), format('%I.%I', i.schema_name, i.table_name), i.class, i.column_name, i.state,"
				 " " SPI_UTC("greatest(i.last_seen, i.closed_at)")
				 " FROM selfheal.incident i WHERE i.id < $4 AND " MCP_MAY_READ("i.relid") " ORDER BY i.id DESC LIMIT $3", &args);
	for (uint64 i = 0; i < n; i++)
	{
		int64		id = spi_get_int8(i, 1, NULL);
		char	   *column = mcp_told_name(page->reader, spi_get_oid(i, 2, NULL), get(i, 5));

		if (!entry(page, psprintf("%c" INT64_FORMAT, INCIDENTS, id), mcp_uri_of_id(MCP_URI_INCIDENT, id),
				   psprintf("incident " INT64_FORMAT, id),
				   psprintf("Incident " INT64_FORMAT ": %s%s%s in %s", id, get(i, 4), column ? " of " : "",
							column ? column : "", get(i, 3)),
				   psprintf("state %s; what broke, why, what was considered, and rows that show it", get(i, 6)),
				   JSON_TYPE, get(i, 7)))
			break;
	}
	spi_close(&saved);
}

/* Migrations by when they were applied, newest first, behind this one. */
static void
migrations(ListPage *page, int64 applied, int64 before)
{
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	section_args(page, &args);
	spi_arg_timestamptz(&args, applied);
	spi_arg_int8(&args, before);
	n = spi_exec("SELECT " MIGRATION_NAME_COLUMNS ", p.applied_at, " SPI_UTC("p.applied_at") ", format('%I.%I', p.schema_name, p.table_name)"
				 " FROM selfheal.plan p WHERE " MIGRATION_IS " AND (p.applied_at, p.id) < ($4, $5)"
				 " AND " MCP_MAY_READ(MIGRATION_TABLE) " ORDER BY p.applied_at DESC, p.id DESC LIMIT $3", &args);
	for (uint64 i = 0; i < n; i++)
	{
		int64		id = spi_get_int8(i, 1, NULL);

		if (!entry(page, psprintf("%c" INT64_FORMAT "." INT64_FORMAT, MIGRATIONS, spi_get_int8(i, 5, NULL), id),
				   mcp_uri_of_id(MCP_URI_MIGRATION, id), migration_name(i),
				   psprintf("Migration of plan " INT64_FORMAT " on %s", id, get(i, 7)),
				   "What an applied heal ran, as a file for a pull request in the team's repository",
				   SQL_TYPE, get(i, 6)))
			break;
	}
	spi_close(&saved);
}

/* Where a page goes on: the section, and behind which of its entries. */
typedef struct Place
{
	char		section;		/* 0: from the start */
	char	   *schema;
	char	   *table;
	int64		id;
	int64		applied;
} Place;

/* False: no page of ours ended there. */
static bool
read_place(char *text, Place *place)
{
	char	   *dot;

	memset(place, 0, sizeof(Place));
	place->id = PG_INT64_MAX;
	place->applied = PG_INT64_MAX;
	if (text == NULL)
		return true;
	place->section = text[0];
	switch (text[0])
	{
		case TABLES:
			return mcp_table_name(text + 1, &place->schema, &place->table);
		case INCIDENTS:
			return mcp_number(text + 1, &place->id);
		case MIGRATIONS:
			if ((dot = strchr(text, '.')) == NULL)
				return false;
			*dot = '\0';
			errno = 0;
			place->applied = strtoi64(text + 1, NULL, 10);
			return errno == 0 && IS_VALID_TIMESTAMP(place->applied) && mcp_number(dot + 1, &place->id);
		default:
			return false;
	}
}

/* See the header. */
McpAnswer *
mcp_resources_list(const McpRequest *req)
{
	ListPage	page = {.reader = mcp_reader(),.cxt = CurrentMemoryContext};
	char	   *text;
	Place		place;

	if (!mcp_cursor_of(req, LIST, &text) || !read_place(text, &place))
		return mcp_bad_cursor();
	initStringInfo(&page.buf);
	appendStringInfoChar(&page.buf, '{');
	toolpage_json(&page.buf, "resources", "[");
	if (place.section == 0)
		(void) entry(&page, "", "selfheal://errors", "errors", "Error log",
					 "The newest captured errors of all tables that this role may read", JSON_TYPE, NULL);
	if (place.section == 0 || place.section == TABLES)
		tables(&page, place.schema, place.table);
	if (!page.more && place.section != MIGRATIONS)
		incidents(&page, place.section == INCIDENTS ? place.id : PG_INT64_MAX);
	if (!page.more)
		migrations(&page, place.section == MIGRATIONS ? place.applied : DT_NOEND,
				   place.section == MIGRATIONS ? place.id : PG_INT64_MAX);
	appendStringInfoChar(&page.buf, ']');
	if (page.more)
		toolpage_text(&page.buf, "nextCursor", mcp_cursor(LIST, page.last));
	appendStringInfoChar(&page.buf, '}');
	return mcp_listed(page.buf.data);
}

/* ---- templates ---- */

typedef struct Template
{
	const char *uri;
	const char *name;
	const char *title;
	const char *description;
	const char *type;
} Template;

#define NAMING "{table} is schema.name, each part as SQL quotes it, as in public.orders."

static const Template templates[] = {
	{"selfheal://table/{table}", "table", "Table",
		"Definition of a watched table: columns, constraints, indexes, partitions, payload mappings, and how it differs from what is expected. " NAMING,
	JSON_TYPE},
	{"selfheal://table/{table}/history", "table history", "Versions of a table",
		"Every shape that a watched table has had, newest first: since when, by whom, by which statement, what changed, and whether that breaks producers. " NAMING,
	JSON_TYPE},
	{"selfheal://incident/{id}", "incident", "Incident",
	"One incident: what broke, its diagnosis, its plan, what was considered, and rows that show it.", JSON_TYPE},
	{"selfheal://errors/{table}", "table errors", "Errors of a table",
	"The newest captured errors of one watched table. " NAMING, JSON_TYPE},
	{"selfheal://migration/{id}", "migration", "Migration",
	"What the applied plan with this number ran, as a file for a pull request in the team's repository.", SQL_TYPE},
};

/* See the header. */
McpAnswer *
mcp_resources_templates(const McpRequest *req)
{
	StringInfoData buf;
	char	   *place;

	/* one page: no cursor is of this list */
	if (!mcp_cursor_of(req, "templates", &place) || place != NULL)
		return mcp_bad_cursor();
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_json(&buf, "resourceTemplates", "[");
	for (int i = 0; i < (int) lengthof(templates); i++)
	{
		appendStringInfoString(&buf, i > 0 ? ",{" : "{");
		toolpage_text(&buf, "uriTemplate", templates[i].uri);
		toolpage_text(&buf, "name", templates[i].name);
		toolpage_text(&buf, "title", templates[i].title);
		toolpage_text(&buf, "description", templates[i].description);
		toolpage_text(&buf, "mimeType", templates[i].type);
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoString(&buf, "]}");
	return mcp_listed(buf.data);
}

/* ---- reading ---- */

/* See the header. */
char *
resources_text(const char *text, char **uri, const char **type)
{
	McpReader  *reader = mcp_reader();
	McpUri		asked;

	*type = JSON_TYPE;
	if (!mcp_uri_read(text, &asked))
		return NULL;
	*uri = mcp_uri_text(&asked);
	switch (asked.kind)
	{
		case MCP_URI_TABLE:
			return reading_table(reader, &asked);
		case MCP_URI_HISTORY:
			return reading_history(reader, &asked);
		case MCP_URI_ERRORS:
		case MCP_URI_TABLE_ERRORS:
			return reading_errors(reader, &asked);
		case MCP_URI_INCIDENT:
			return reading_incident(reader, asked.id);
		case MCP_URI_MIGRATION:
			*type = SQL_TYPE;
			return migration_text(reader, asked.id);
	}
	return NULL;
}

/* See the header. */
McpAnswer *
mcp_resources_read(const McpRequest *req)
{
	bool		wrong;
	char	   *text = mcp_text(req->params, "uri", &wrong);
	char	   *uri;
	const char *type;
	char	   *content;
	StringInfoData buf;

	if (text == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "params.uri %s", wrong ? "is not a string" : "is missing");
	content = resources_text(text, &uri, &type);
	if (content == NULL)
		return mcp_no_resource(req, text);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_json(&buf, "contents", "[{");
	toolpage_text(&buf, "uri", uri);
	toolpage_text(&buf, "mimeType", type);
	toolpage_text(&buf, "text", content);
	appendStringInfoString(&buf, "}]}");
	return mcp_listed(buf.data);
}
