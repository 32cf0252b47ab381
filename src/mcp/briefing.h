/*
 * briefing.h
 *	  The facts that a prompt is given, as they stand now.
 *
 * JSON objects, for this role, as far as share_values allows; incidents and
 * plans are as facts.h has them.
 *
 *	triage	{"hours", "now", "healer": {"stopped_since", "sqlstate"}, "paused":
 *			 [table], "open": [incident], "open_in_all", "pending": [plan],
 *			 "pending_in_all", "applied": [plan], "applied_in_all", "healed":
 *			 [incident], "healed_in_all"}; applied and healed in these hours
 *	plan	{"plan", "lock", "forecast", "dry_run", "impact": [text],
 *			 "incidents": [incident], "incidents_in_all"}; of forecast and dry run what is a number, or yes or no
 *	fix		{"table", "migrations": [{"uri", "name", "plan", "applied"}],
 *			 "mappings": [{"id", "kind", "key", "column"}], "open": [incident],
 *			 "open_in_all"}
 */
#ifndef SELFHEAL_MCP_BRIEFING_H
#define SELFHEAL_MCP_BRIEFING_H

#include "mcp/facts.h"

/* Entries of each list. */
#define BRIEFING_ROWS 30

extern char *briefing_triage(McpReader *reader, int64 hours);

/* NULL: there is no such plan, or it is not for this role. */
extern char *briefing_plan(McpReader *reader, int64 id);

/* Of a table that he may read. */
extern char *briefing_fix(McpReader *reader, Oid relid);

/* The table of an incident that he may see, or InvalidOid. */
extern Oid	briefing_table(const McpReader *reader, int64 incident);

#endif							/* SELFHEAL_MCP_BRIEFING_H */
