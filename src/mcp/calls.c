/*
 * calls.c
 *	  tools/list and tools/call: the registry of tools for clients of MCP.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "mcp/calls.h"
#include "serve/toolaudit.h"
#include "serve/toolpage.h"
#include "serve/tools.h"
#include "serve/verbs.h"
#include "utils/builtins.h"

McpAnswer *
mcp_tools_list(const McpRequest *req)
{
	StringInfoData buf;
	char	   *place;

	if (!mcp_cursor_of(req, "tools", &place) || place != NULL)
		return mcp_bad_cursor();	/* there is one page only */
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_json(&buf, "tools", tools_schema_json(TOOL_AUDIENCE_MCP, false));
	appendStringInfoChar(&buf, '}');
	return mcp_listed(buf.data);
}

static ToolContext
context_of(const McpRequest *req)
{
	ToolContext ctx = {.audience = TOOL_AUDIENCE_MCP,.share = SHARE_FULL,.actor = verbs_caller(),.client = req->client};

	return ctx;
}

McpAnswer *
mcp_tools_call(const McpRequest *req)
{
	ToolContext ctx = context_of(req);
	bool		wrong;
	char	   *name = mcp_text(req->params, "name", &wrong);
	Jsonb	   *args;
	ToolResult *result;
	StringInfoData buf;

	if (name == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "params.name must be the name of a tool: tools/list has them");
	args = mcp_object(req->params, "arguments", &wrong);
	if (wrong)
		return mcp_fault(MCP_INVALID_PARAMS, "params.arguments must be an object");
	/* who tries names is to be seen in the audit, too */
	result = tools_call_audited(&ctx, name, args);
	if (tools_find(TOOL_AUDIENCE_MCP, name) == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "unknown tool: %s",
						 pnstrdup(name, pg_mbcliplen(name, (int) strlen(name), NAMEDATALEN)));
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"content\":[{\"type\":\"text\"");
	toolpage_text(&buf, "text", result->text);
	appendStringInfoString(&buf, "}]");
	if (!result->is_error)
		toolpage_json(&buf, "structuredContent", result->text);
	toolpage_bool(&buf, "isError", result->is_error);
	appendStringInfoChar(&buf, '}');
	return mcp_result(buf.data);
}

/* See the header. */
void
mcp_tools_call_undone(const McpRequest *req, bool cancelled)
{
	ToolContext ctx = context_of(req);
	bool		wrong;
	char	   *name = mcp_text(req->params, "name", &wrong);
	Jsonb	   *args = mcp_object(req->params, "arguments", &wrong);

	if (name == NULL)
		return;
	if (cancelled)
		toolaudit_cancelled(&ctx, name, args, 0);
	else
		toolaudit_call(&ctx, name, args, "error", 0);
}
