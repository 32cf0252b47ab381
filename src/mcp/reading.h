/*
 * reading.h
 *	  The texts of resources: tables, their versions, errors, incidents.
 *
 * Each is one JSON object of at most MCP_ANSWER_BYTES. What is left out for
 * its length is said in the member "cut"; a list that goes on has "older", the
 * URI of the next part.
 *
 *	table		{"table": as tabledoc.h has it, "watched": {"mode", "paused",
 *				 "restraint", "owner"}, "version", "drift": {"baseline":
 *				 [{"kind", "name", "expected", "actual", "breaks"}],
 *				 "incidents": [as facts.h has them, of class drift]},
 *				 "history": URI, "errors": URI}
 *	history		{"table", "versions": [{"version", "at", "by", "role", "plan",
 *				 "statement", "changes": [{"kind", "name", "was", "now",
 *				 "breaks"}], "breaks", "hash"}], "older"}, newest first
 *	errors		{"table", "errors": [{"id", "at", "table", "incident", "door",
 *				 "class", "column", "need", "rows", "sqlstate", "message",
 *				 "detail", "hint", "constraint"}], "older"}, newest first
 *	incident	{"incident": as facts.h has it, "plan": likewise, "packet":
 *				 [text, as packet.h has it]}
 *
 * NULL: there is none, or it is not for this role.
 */
#ifndef SELFHEAL_MCP_READING_H
#define SELFHEAL_MCP_READING_H

#include "mcp/facts.h"
#include "mcp/uri.h"

extern char *reading_table(McpReader *reader, const McpUri *uri);
extern char *reading_history(McpReader *reader, const McpUri *uri);
extern char *reading_errors(McpReader *reader, const McpUri *uri);
extern char *reading_incident(McpReader *reader, int64 id);

/* A mark that nobody who has written a payload can know, to fence data with. */
extern char *reading_marker(void);

/* Entries of one answer. */
#define READING_ROWS 50

#endif							/* SELFHEAL_MCP_READING_H */
