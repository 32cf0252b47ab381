/*
 * complete.h
 *	  Values that an argument of a prompt or of a resource's template may have.
 */
#ifndef SELFHEAL_MCP_COMPLETE_H
#define SELFHEAL_MCP_COMPLETE_H

#include "mcp/answer.h"

extern McpAnswer *mcp_complete(const McpRequest *req);

#endif							/* SELFHEAL_MCP_COMPLETE_H */
