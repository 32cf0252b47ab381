/*
 * prompts.h
 *	  Prompts with arguments that MCP clients offer to people.
 */
#ifndef SELFHEAL_MCP_PROMPTS_H
#define SELFHEAL_MCP_PROMPTS_H

#include "mcp/answer.h"

extern McpAnswer *mcp_prompts_list(const McpRequest *req);
extern McpAnswer *mcp_prompts_get(const McpRequest *req);

#endif							/* SELFHEAL_MCP_PROMPTS_H */
