/*
 * uri.c
 *	  The URIs of resources, read and written.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/string.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "mcp/uri.h"
#include "utils/builtins.h"

#define SCHEME "selfheal://"

/* A name has 63 bytes, each two when quoted, each three when encoded: no URI
 * of ours comes near this. */
#define URI_BYTES 2000

/* ---- encodings ---- */

/* A text of another encoding, or NULL where it has no such text. Conversions of
 * PostgreSQL raise; this one says how far it came. */
static char *
converted(const char *text, int len, int from, int to)
{
	Oid			proc;
	char	   *result;
	int			room;

	if (!pg_verify_mbstr(from, text, len, true))
		return NULL;
	if (from == to || from == PG_SQL_ASCII || to == PG_SQL_ASCII)
		return pg_verify_mbstr(to, text, len, true) ? pnstrdup(text, len) : NULL;
	proc = FindDefaultConversionProc(from, to);
	if (!OidIsValid(proc))
		return NULL;
	room = len * MAX_CONVERSION_GROWTH + 1;
	result = palloc0(room);
	if (pg_do_encoding_conversion_buf(proc, from, to, (unsigned char *) unconstify(char *, text), len,
									  (unsigned char *) result, room, true) != len)
		return NULL;
	return result;
}

static void
encode(StringInfo buf, const char *name)
{
	char	   *utf8 = converted(name, (int) strlen(name), GetDatabaseEncoding(), PG_UTF8);

	/* in a database of encoding SQL_ASCII a name may be no text at all */
	for (const char *p = utf8 ? utf8 : name; *p; p++)
	{
		unsigned char c = (unsigned char) *p;

		if (isalnum(c) && c < 0x80)
			appendStringInfoChar(buf, *p);
		else if (strchr("-._~", c) != NULL)
			appendStringInfoChar(buf, *p);
		else
			appendStringInfo(buf, "%%%02X", c);
	}
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One segment of the path, decoded once, in the server's encoding; NULL where
 * it is malformed. */
static char *
decode(const char *segment, int len)
{
	char	   *bytes = palloc(len + 1);
	char	   *result;
	int			n = 0;

	for (int i = 0; i < len; i++)
	{
		if (segment[i] != '%')
		{
			bytes[n++] = segment[i];
			continue;
		}
		if (i + 2 >= len || hex_digit(segment[i + 1]) < 0 || hex_digit(segment[i + 2]) < 0)
			return NULL;
		bytes[n] = (char) (hex_digit(segment[i + 1]) << 4 | hex_digit(segment[i + 2]));
		if (bytes[n++] == '\0')
			return NULL;
		i += 2;
	}
	bytes[n] = '\0';
	result = converted(bytes, n, PG_UTF8, GetDatabaseEncoding());
	/* what we could not say in UTF-8 above comes back as it went */
	if (result == NULL && GetDatabaseEncoding() == PG_SQL_ASCII)
		result = bytes;
	return result;
}

/* ---- names and numbers ---- */

/* See the header. */
bool
mcp_number(const char *text, int64 *number)
{
	char	   *end;

	if (text[0] < '1' || text[0] > '9' || strspn(text, "0123456789") != strlen(text))
		return false;
	errno = 0;
	*number = strtoi64(text, &end, 10);
	return errno == 0 && *end == '\0';
}

/* One part of a name, up to the dot or the end; NULL: it is none. */
static char *
name_part(const char **p)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (**p == '"')
	{
		for ((*p)++;; (*p)++)
		{
			if (**p == '\0')
				return NULL;
			if (**p == '"' && *++(*p) != '"')
				break;
			appendStringInfoChar(&buf, **p);
		}
	}
	else
	{
		if (isdigit((unsigned char) **p) || **p == '$')
			return NULL;
		for (; isalnum((unsigned char) **p) || **p == '_' || **p == '$' || IS_HIGHBIT_SET(**p); (*p)++)
			appendStringInfoChar(&buf, **p >= 'A' && **p <= 'Z' ? **p - 'A' + 'a' : **p);
	}
	return buf.len > 0 && buf.len < NAMEDATALEN ? buf.data : NULL;
}

/* See the header. */
bool
mcp_table_name(const char *text, char **schema, char **table)
{
	const char *p = text;

	*table = NULL;
	*schema = name_part(&p);
	if (*schema == NULL || *p++ != '.')
		return false;
	*table = name_part(&p);
	return *table != NULL && *p == '\0';
}

/* ---- URIs ---- */

/* What stands behind the segment, or NULL where it is another one. */
static const char *
behind(const char *path, const char *segment)
{
	size_t		len = strlen(segment);

	return strncmp(path, segment, len) == 0 ? path + len : NULL;
}

/* The table of a segment that ends at end. */
static bool
table_of(const char *segment, const char *end, McpUri *uri)
{
	char	   *name = decode(segment, (int) (end - segment));

	return name != NULL && mcp_table_name(name, &uri->schema, &uri->table);
}

/* See the header. */
bool
mcp_uri_read(const char *text, McpUri *uri)
{
	int			len = (int) strlen(text);
	char	   *utf8;
	char	   *query;
	const char *path;
	const char *rest;
	const char *end;

	memset(uri, 0, sizeof(McpUri));
	if (len > URI_BYTES || pg_strncasecmp(text, SCHEME, strlen(SCHEME)) != 0)
		return false;
	utf8 = converted(text, len, GetDatabaseEncoding(), PG_UTF8);
	if (utf8 == NULL || strchr(utf8, '#') != NULL)
		return false;
	if ((query = strchr(utf8, '?')) != NULL)
		*query++ = '\0';
	path = utf8 + strlen(SCHEME);
	end = path + strlen(path);

	if (strcmp(path, "errors") == 0)
		uri->kind = MCP_URI_ERRORS;
	else if ((rest = behind(path, "errors/")) != NULL)
	{
		uri->kind = MCP_URI_TABLE_ERRORS;
		if (strchr(rest, '/') != NULL || !table_of(rest, end, uri))
			return false;
	}
	else if ((rest = behind(path, "table/")) != NULL)
	{
		const char *slash = strchr(rest, '/');

		uri->kind = slash ? MCP_URI_HISTORY : MCP_URI_TABLE;
		if ((slash && strcmp(slash, "/history") != 0) || !table_of(rest, slash ? slash : end, uri))
			return false;
	}
	else if ((rest = behind(path, "incident/")) != NULL)
	{
		uri->kind = MCP_URI_INCIDENT;
		if (!mcp_number(rest, &uri->id))
			return false;
	}
	else if ((rest = behind(path, "migration/")) != NULL)
	{
		uri->kind = MCP_URI_MIGRATION;
		if (!mcp_number(rest, &uri->id))
			return false;
	}
	else
		return false;
	if (query == NULL)
		return true;
	rest = behind(query, "before=");
	return rest != NULL && mcp_number(rest, &uri->before) &&
		(uri->kind == MCP_URI_ERRORS || uri->kind == MCP_URI_TABLE_ERRORS || uri->kind == MCP_URI_HISTORY);
}

/* See the header. */
char *
mcp_uri_text(const McpUri *uri)
{
	static const char *const roots[] = {
		[MCP_URI_ERRORS] = "errors",
		[MCP_URI_TABLE_ERRORS] = "errors/",
		[MCP_URI_TABLE] = "table/",
		[MCP_URI_HISTORY] = "table/",
		[MCP_URI_INCIDENT] = "incident/",
		[MCP_URI_MIGRATION] = "migration/"
	};
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, SCHEME "%s", roots[uri->kind]);
	if (uri->table != NULL)
		encode(&buf, quote_qualified_identifier(uri->schema, uri->table));
	if (uri->id > 0)
		appendStringInfo(&buf, INT64_FORMAT, uri->id);
	if (uri->kind == MCP_URI_HISTORY)
		appendStringInfoString(&buf, "/history");
	if (uri->before > 0)
		appendStringInfo(&buf, "?before=" INT64_FORMAT, uri->before);
	return buf.data;
}

/* See the header. */
char *
mcp_uri_of_table(McpUriKind kind, const char *schema, const char *table)
{
	McpUri		uri = {.kind = kind,.schema = unconstify(char *, schema),.table = unconstify(char *, table)};

	return mcp_uri_text(&uri);
}

/* See the header. */
char *
mcp_uri_of_id(McpUriKind kind, int64 id)
{
	McpUri		uri = {.kind = kind,.id = id};

	return mcp_uri_text(&uri);
}
