/*
 * resources.h
 *	  What an agent may read by MCP: tables, incidents, errors, migrations.
 *
 *	selfheal://table/{table}		definition of a watched table (JSON)
 *	selfheal://table/{table}/history	its versions and what changed (JSON)
 *	selfheal://incident/{id}		an incident's packet (JSON)
 *	selfheal://errors				the newest errors of all tables (JSON)
 *	selfheal://errors/{table}		of one table (JSON)
 *	selfheal://migration/{id}		what an applied heal ran, as a file for a
 *									repository (application/sql)
 *
 * {table} is schema.name, each part as SQL quotes it, percent-encoded. Rights
 * and share_values are those of the tools.
 */
#ifndef SELFHEAL_MCP_RESOURCES_H
#define SELFHEAL_MCP_RESOURCES_H

#include "mcp/answer.h"

extern McpAnswer *mcp_resources_list(const McpRequest *req);
extern McpAnswer *mcp_resources_templates(const McpRequest *req);
extern McpAnswer *mcp_resources_read(const McpRequest *req);

/* The text of a resource by its URI, the URI as the list has it, and its MIME
 * type. NULL: there is none, or it is not for the current role. */
extern char *resources_text(const char *text, char **uri, const char **type);

#endif							/* SELFHEAL_MCP_RESOURCES_H */
