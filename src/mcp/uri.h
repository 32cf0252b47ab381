/*
 * uri.h
 *	  The URIs of resources (resources.h), read and written.
 *
 * A URI comes from a stranger: what is not exactly one of ours is none of
 * ours, whatever is wrong with it. Percent-encoded bytes are UTF-8, whatever
 * the server's encoding is; they are decoded once, and never before the path
 * was split, so that a slash within a name is no slash of the path.
 */
#ifndef SELFHEAL_MCP_URI_H
#define SELFHEAL_MCP_URI_H

#include "postgres.h"

typedef enum McpUriKind
{
	MCP_URI_ERRORS,
	MCP_URI_TABLE_ERRORS,
	MCP_URI_TABLE,
	MCP_URI_HISTORY,
	MCP_URI_INCIDENT,
	MCP_URI_MIGRATION
} McpUriKind;

typedef struct McpUri
{
	McpUriKind	kind;
	char	   *schema;			/* of those about a table, else NULL */
	char	   *table;
	int64		id;				/* incident or migration */
	int64		before;			/* ?before= of errors and versions: those with
								 * a lower number; 0: from the newest */
} McpUri;

/* False: it is none of ours. Never raises for what it holds. */
extern bool mcp_uri_read(const char *text, McpUri *uri);

/* As resources/list has it, with ?before= where that is not 0. */
extern char *mcp_uri_text(const McpUri *uri);

/* The same of one kind. */
extern char *mcp_uri_of_table(McpUriKind kind, const char *schema, const char *table);
extern char *mcp_uri_of_id(McpUriKind kind, int64 id);

/*
 * "schema.table", each part as SQL writes it: quoted, or a plain word that is
 * folded to small letters. False: it is not of that form.
 */
extern bool mcp_table_name(const char *text, char **schema, char **table);

/* A number from 1 on, without sign, blanks or leading zeros. */
extern bool mcp_number(const char *text, int64 *number);

#endif							/* SELFHEAL_MCP_URI_H */
