/*
 * calls.h
 *	  tools/list and tools/call: the registry of tools for clients of MCP.
 *
 * What is listed, and what may be called, is what the role's rights and
 * selfheal.mcp_read_only leave (serve/tools.h). Each call leaves an audit row.
 */
#ifndef SELFHEAL_MCP_CALLS_H
#define SELFHEAL_MCP_CALLS_H

#include "mcp/answer.h"

/* All tools on one page: {"tools": [...]}. */
extern McpAnswer *mcp_tools_list(const McpRequest *req);

/*
 * {"content", "structuredContent", "isError"}. A tool that is not there is a
 * fault; arguments that its schema refuses, and what it raises, are results
 * with isError, since a model can mend them.
 */
extern McpAnswer *mcp_tools_call(const McpRequest *req);

/* Of a call that was undone, since its answer could not be made or it was
 * cancelled outside its tool: what is to stay of it in the audit. */
extern void mcp_tools_call_undone(const McpRequest *req, bool cancelled);

#endif							/* SELFHEAL_MCP_CALLS_H */
