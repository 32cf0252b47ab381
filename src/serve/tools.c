/*
 * tools.c
 *	  What a model may ask for: the registry, and calls by it.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/spi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/sharing.h"
#include "orient/incident.h"
#include "read/phrase.h"
#include "record/audit.h"
#include "serve/inspect.h"
#include "serve/toolargs.h"
#include "serve/plantools.h"
#include "serve/tools.h"
#include "serve/verbs.h"
#include "utils/builtins.h"
#include "utils/json.h"

PG_FUNCTION_INFO_V1(selfheal_tool);
PG_FUNCTION_INFO_V1(selfheal_agent_tool);
PG_FUNCTION_INFO_V1(selfheal_tools);
PG_FUNCTION_INFO_V1(selfheal_tool_arguments);

/* All tools, in the order of their names. */
static const Tool *const registry[] = {
	&plantools_dry_run,
	&inspect_schema_tool,
	&plantools_propose,
	&read_error_log_tool,
	&sample_payloads_tool,
};

static bool
is_for(const Tool *tool, ToolAudience audience)
{
	return audience == TOOL_AUDIENCE_AGENT ? tool->for_agent : tool->for_mcp;
}

/* See the header. */
List *
tools_list(ToolAudience audience)
{
	List	   *result = NIL;

	for (int i = 0; i < (int) lengthof(registry); i++)
		if (is_for(registry[i], audience))
			result = lappend(result, unconstify(Tool *, registry[i]));
	return result;
}

/* See the header. */
const Tool *
tools_find(ToolAudience audience, const char *name)
{
	for (int i = 0; i < (int) lengthof(registry); i++)
		if (is_for(registry[i], audience) && strcmp(registry[i]->name, name) == 0)
			return registry[i];
	return NULL;
}

/* The names that there are, for who asked for another. */
static char *
names_text(ToolAudience audience)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, tools_list(audience))
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? ", " : "", ((const Tool *) lfirst(lc))->name);
	return buf.data;
}

/* ---- as JSON ---- */

static void
add_text(StringInfo buf, const char *key, const char *value)
{
	appendStringInfo(buf, "\"%s\":", key);
	escape_json(buf, value);
}

static const char *
truth(bool value)
{
	return value ? "true" : "false";
}

/* See the header. */
char *
tools_schema_json(ToolAudience audience, bool strict)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, tools_list(audience))
	{
		const Tool *tool = lfirst(lc);

		appendStringInfoString(&buf, buf.len > 0 ? ",{" : "[{");
		add_text(&buf, "name", tool->name);
		if (audience == TOOL_AUDIENCE_MCP)
		{
			appendStringInfoChar(&buf, ',');
			add_text(&buf, "title", tool->title);
		}
		appendStringInfoChar(&buf, ',');
		add_text(&buf, "description", tool->description);
		if (audience == TOOL_AUDIENCE_AGENT)
			appendStringInfo(&buf, ",\"input_schema\":%s%s}", tool->input_schema,
							 strict ? ",\"strict\":true" : "");
		else
			appendStringInfo(&buf, ",\"inputSchema\":%s,\"outputSchema\":%s,\"annotations\":"
							 "{\"readOnlyHint\":%s,\"destructiveHint\":%s,\"idempotentHint\":%s,\"openWorldHint\":false}}",
							 tool->input_schema, tool->output_schema, truth(tool->read_only),
							 truth(tool->destructive), truth(tool->idempotent));
	}
	appendStringInfoString(&buf, buf.len > 0 ? "]" : "[]");
	return buf.data;
}

/* ---- answers ---- */

static char *
json_text(Jsonb *json)
{
	return JsonbToCString(NULL, &json->root, VARSIZE(json));
}

static Jsonb *
json_of(const char *text)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text)));
}

/* See the header. */
ToolResult *
tools_answer(Jsonb *structured)
{
	ToolResult *result = palloc0(sizeof(ToolResult));

	result->structured = structured;
	result->text = json_text(structured);
	return result;
}

/* See the header. */
ToolResult *
tools_error(const char *fmt,...)
{
	ToolResult *result = palloc0(sizeof(ToolResult));
	StringInfoData buf;

	initStringInfo(&buf);
	for (;;)
	{
		va_list		ap;
		int			needed;

		va_start(ap, fmt);
		needed = appendStringInfoVA(&buf, fmt, ap);
		va_end(ap);
		if (needed == 0)
			break;
		enlargeStringInfo(&buf, needed);
	}
	result->is_error = true;
	result->text = buf.data;
	return result;
}

/* ---- calls ---- */

typedef struct Call
{
	const ToolContext *ctx;
	const Tool *tool;
	Jsonb	   *args;
	MemoryContext cxt;
	ToolResult *result;
} Call;

static void
run(void *arg)
{
	Call	   *call = arg;
	MemoryContext old = MemoryContextSwitchTo(call->cxt);

	call->result = call->tool->run(call->ctx, call->args);
	MemoryContextSwitchTo(old);
}

/* What the caller has written himself is no news to him: words of his that
 * could be names. */
static void
add_words(MaskNames *names, const char *text)
{
	while (*text)
	{
		const char *start = text;

		while (*text && (IS_HIGHBIT_SET(*text) || isalnum((unsigned char) *text) || *text == '_'))
			text++;
		if (text > start && text - start < NAMEDATALEN)
			mask_name(names, pnstrdup(start, text - start));
		if (*text)
			text++;
	}
}

/* See the header. */
char *
tools_told(Oid relid, ShareValues share, Jsonb *args, const char *message)
{
	MaskNames  *names = sharing_names(relid);

	if (args != NULL)
		add_words(names, json_text(args));
	return phrase_mask(Min(share, sharing_of(relid)), names, message);
}

/* What a tool has raised, as far as it may be told. */
static ToolResult *
raised(const ToolContext *ctx, const Tool *tool, Jsonb *args, const ErrorData *edata)
{
	Oid			relid = ctx->incident ? incident_get(ctx->incident)->relid : InvalidOid;
	ShareValues share = Min(ctx->share, sharing_of(relid));
	MaskNames  *names = sharing_names(relid);
	char	   *detail;
	char	   *hint;

	add_words(names, json_text(args));
	detail = phrase_mask(share, names, edata->detail);
	hint = phrase_mask(share, names, edata->hint);
	return tools_error("%s: %s (SQLSTATE %s)%s%s%s%s", tool->name,
					   phrase_mask(share, names, edata->message), unpack_sql_state(edata->sqlerrcode),
					   detail ? "\n" : "", detail ? detail : "", hint ? "\n" : "", hint ? hint : "");
}

/* See the header. */
char *
tools_check(const Tool *tool, Jsonb *args, Jsonb **out)
{
	return toolargs_check(json_of(tool->input_schema), args, out);
}

/* See the header. */
ToolResult *
tools_call(const ToolContext *ctx, const char *name, Jsonb *args)
{
	Call		call = {.ctx = ctx,.cxt = CurrentMemoryContext};
	ErrorData  *edata;
	char	   *fault;

	call.tool = tools_find(ctx->audience, name);
	if (call.tool == NULL)
		return tools_error("there is no tool \"%s\". Use one of: %s.",
						   pnstrdup(name, pg_mbcliplen(name, (int) strlen(name), NAMEDATALEN)), names_text(ctx->audience));
	if (args == NULL)
		args = json_of("{}");
	fault = tools_check(call.tool, args, &call.args);
	if (fault)
		return tools_error("%s: %s", call.tool->name, fault);
	edata = spi_try(run, &call);
	if (edata)
		return raised(ctx, call.tool, args, edata);
	if (strlen(call.result->text) > TOOLS_ANSWER_BYTES)
		return tools_error("%s: the answer would be longer than %d bytes. Ask for less: a smaller limit, or one column.",
						   call.tool->name, TOOLS_ANSWER_BYTES);
	return call.result;
}

/* ---- by SQL ---- */

/* A viewer may call tool(), but not what others may do by their own functions
 * alone. */
static void
check_right(const Tool *tool)
{
	Oid			function = InvalidOid;

	if (tool->same_right)
		function = DatumGetObjectId(DirectFunctionCall1(to_regprocedure, PointerGetDatum(cstring_to_text(tool->same_right))));
	else if (tool->read_only)
		return;
	if (!OidIsValid(function) ||
		!DatumGetBool(DirectFunctionCall2(has_function_privilege_id, ObjectIdGetDatum(function),
										  PointerGetDatum(cstring_to_text("EXECUTE")))))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for tool %s", tool->name),
				 tool->same_right ? errhint("It needs the right to EXECUTE %s.", tool->same_right) : 0));
}

/* A result as the functions return it. */
static Jsonb *
result_json(const ToolResult *result)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"is_error\":%s,", truth(result->is_error));
	if (result->is_error)
		add_text(&buf, "text", result->text);
	else
		appendStringInfo(&buf, "\"structured\":%s", result->text);
	appendStringInfoChar(&buf, '}');
	return json_of(buf.data);
}

/* A tool that changes something was called. */
static void
audit_call(const ToolContext *ctx, const Tool *tool, Jsonb *args, const ToolResult *result)
{
	AuditEntry	entry;
	StringInfoData buf;

	audit_entry(&entry, "tool_called");
	entry.incident = ctx->incident;
	entry.result = result->is_error ? "error" : "done";
	initStringInfo(&buf);
	appendStringInfoString(&buf, "[{");
	add_text(&buf, "name", tool->name);
	appendStringInfo(&buf, ",\"arguments\":%s}]", args ? json_text(args) : "{}");
	entry.tools = json_of(buf.data);
	audit_write(&entry);
}

/* The arguments of both functions, and the call. */
static Datum
call_by_sql(FunctionCallInfo fcinfo, ToolAudience audience)
{
	ToolContext ctx = {.audience = audience,.share = SHARE_FULL,.actor = verbs_caller()};
	Jsonb	   *args = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	char	   *name;
	const Tool *tool;
	ToolResult *result;

	verbs_require_arg(fcinfo, 0, "name", "Tools are listed by selfheal.tools().");
	name = verbs_text_arg(fcinfo, 0);
	if (!PG_ARGISNULL(2))
	{
		ctx.incident = PG_GETARG_INT64(2);
		inspect_check_incident(ctx.incident);
	}
	tool = tools_find(audience, name);
	if (tool)
		check_right(tool);
	result = tools_call(&ctx, name, args);
	if (tool && !tool->read_only)
		audit_call(&ctx, tool, args, result);
	PG_RETURN_JSONB_P(result_json(result));
}

/*
 * tool(name, arguments, incident): what MCP will answer, in the caller's own
 * name: {"is_error": false, "structured": ...} or {"is_error": true, "text"}.
 * With an incident the tool is about that, if the caller may read its table.
 * A tool that changes something leaves an audit row. Errors: 22023, 42704,
 * 42501.
 */
Datum
selfheal_tool(PG_FUNCTION_ARGS)
{
	return call_by_sql(fcinfo, TOOL_AUDIENCE_MCP);
}

/* agent_tool(name, arguments, incident): what our own agent would be answered
 * in its conversation about an incident. */
Datum
selfheal_agent_tool(PG_FUNCTION_ARGS)
{
	verbs_require_arg(fcinfo, 2, "incident", "Ids stand in the view selfheal.incidents.");
	return call_by_sql(fcinfo, TOOL_AUDIENCE_AGENT);
}

/* tools(): the tools that there are, as MCP lists them. */
Datum
selfheal_tools(PG_FUNCTION_ARGS)
{
	PG_RETURN_JSONB_P(json_of(tools_schema_json(TOOL_AUDIENCE_MCP, false)));
}

/*
 * tool_arguments(schema, arguments): what a tool with that schema would get:
 * {"arguments"}, {"fault"}, or {"schema_fault"} where the schema itself is
 * more than a strict tool may have. Errors: 22023.
 */
Datum
selfheal_tool_arguments(PG_FUNCTION_ARGS)
{
	Jsonb	   *schema;
	Jsonb	   *args = NULL;
	char	   *fault;
	StringInfoData buf;

	verbs_require_arg(fcinfo, 0, "schema", "Give a JSON Schema.");
	verbs_require_arg(fcinfo, 1, "arguments", "Give a JSON object.");
	schema = PG_GETARG_JSONB_P(0);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	if ((fault = toolargs_check_schema(schema)) != NULL)
		add_text(&buf, "schema_fault", fault);
	else if ((fault = toolargs_check(schema, PG_GETARG_JSONB_P(1), &args)) != NULL)
		add_text(&buf, "fault", fault);
	else
		appendStringInfo(&buf, "\"arguments\":%s", json_text(args));
	appendStringInfoChar(&buf, '}');
	PG_RETURN_JSONB_P(json_of(buf.data));
}
