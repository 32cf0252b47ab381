/*
 * tools.c
 *	  What a model may ask for: the registry, and calls by it.
 */
#include "postgres.h"

#include "base/asynccommit.h"
#include "base/compat.h"
#include "base/spi.h"
#include "base/words.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/sharing.h"
#include "orient/incident.h"
#include "portability/instr_time.h"
#include "read/phrase.h"
#include "serve/audittools.h"
#include "serve/casestory.h"
#include "serve/casetools.h"
#include "serve/ddltools.h"
#include "serve/inspect.h"
#include "serve/plantools.h"
#include "serve/reviewtools.h"
#include "serve/settools.h"
#include "serve/toolargs.h"
#include "serve/toolaudit.h"
#include "serve/tools.h"
#include "serve/verbs.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(selfheal_tool);
PG_FUNCTION_INFO_V1(selfheal_agent_tool);
PG_FUNCTION_INFO_V1(selfheal_tools);
PG_FUNCTION_INFO_V1(selfheal_tool_arguments);

/* All tools, in the order of their names. */
static const Tool *const registry[] = {
	&add_mapping_tool,
	&apply_safe_ddl_tool,
	&approve_plan_tool,
	&plantools_dry_run,
	&execute_dry_run_tool,
	&explain_incident_tool,
	&get_audit_trail_tool,
	&inspect_schema_tool,
	&list_incidents_tool,
	&list_pending_plans_tool,
	&plantools_propose,
	&read_error_log_tool,
	&reject_plan_tool,
	&report_failure_tool,
	&retry_incident_tool,
	&sample_payloads_tool,
	&set_policy_tool,
	&verify_audit_tool,
};

static bool
is_for(const Tool *tool, ToolAudience audience)
{
	return audience == TOOL_AUDIENCE_AGENT ? tool->for_agent : tool->for_mcp;
}

/* A function by "selfheal.f(types)"; InvalidOid: there is none. The types are
 * PostgreSQL's, whatever search_path says. */
static Oid
function_of(const char *signature)
{
	LOCAL_FCINFO(fcinfo, 1);
	SpiUser		saved;
	Datum		found;

	spi_become(&saved, GetUserId(), 0, true);
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = CStringGetTextDatum(signature);
	fcinfo->args[0].isnull = false;
	found = to_regprocedure(fcinfo);
	spi_resume(&saved);
	return fcinfo->isnull ? InvalidOid : DatumGetObjectId(found);
}

/* May the role call it over MCP? What others may do by their functions alone,
 * who may use tool() may not by that. */
static bool
has_right(Oid role, const Tool *tool)
{
	Oid			function;

	if (tool->same_right == NULL)
		return tool->read_only;
	function = function_of(tool->same_right);
	return OidIsValid(function) &&
		DatumGetBool(DirectFunctionCall3(has_function_privilege_id_id, ObjectIdGetDatum(role), ObjectIdGetDatum(function),
										 PointerGetDatum(cstring_to_text("EXECUTE"))));
}

static bool
is_offered(Oid role, const Tool *tool, ToolAudience audience)
{
	return is_for(tool, audience) &&
		(audience == TOOL_AUDIENCE_AGENT || ((tool->read_only || !guc_mcp_read_only) && has_right(role, tool)));
}

/* See the header. */
bool
tools_offered_to(Oid role, const char *name)
{
	const Tool *tool = tools_find(TOOL_AUDIENCE_MCP, name);

	return tool != NULL && is_offered(role, tool, TOOL_AUDIENCE_MCP);
}

/* See the header. */
List *
tools_list(ToolAudience audience)
{
	List	   *result = NIL;

	for (int i = 0; i < (int) lengthof(registry); i++)
		if (is_offered(GetUserId(), registry[i], audience))
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
tools_answer(char *json)
{
	ToolResult *result = palloc0(sizeof(ToolResult));

	result->text = json;
	return result;
}

/* See the header. */
ToolResult *
tools_error(const char *fmt,...)
{
	ToolResult *result = palloc0(sizeof(ToolResult));
	va_list		words;

	va_start(words, fmt);
	result->text = words_formatted(fmt, words);
	va_end(words);
	result->is_error = true;
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
	Oid			about;			/* a table, or InvalidOid */
} Call;

/* The call that runs, or NULL. */
static Call *running = NULL;

/* See the header. */
void
tools_about(Oid relid)
{
	if (running)
		running->about = relid;
}

static void
run(void *arg)
{
	Call	   *call = arg;
	MemoryContext old = MemoryContextSwitchTo(call->cxt);
	SpiUser		saved;

	/* notices tell values, and their reader is a model */
	spi_become(&saved, GetUserId(), 0, false);
	if (call->ctx->audience == TOOL_AUDIENCE_MCP)
		spi_set_local("client_min_messages", "error");
	call->result = call->tool->run(call->ctx, call->args);
	spi_resume(&saved);
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

/* How much of the table's values who calls may be told, and this at most. */
static ShareValues
share_with(Oid relid, ShareValues share)
{
	share = Min(share, sharing_of(relid));
	return sharing_keeps_rows(relid, GetUserId()) ? Min(share, SHARE_MASKED) : share;
}

/* See the header. */
char *
tools_told(Oid relid, ShareValues share, Jsonb *args, const char *message)
{
	MaskNames  *names = sharing_names(relid);

	if (args != NULL)
		add_words(names, json_text(args));
	return phrase_mask(share_with(relid, share), names, message);
}

/* What a tool has raised, as far as it may be told. */
static ToolResult *
raised(const Call *call, const ErrorData *edata)
{
	int64		incident = call->ctx->incident;
	Oid			relid = OidIsValid(call->about) || incident == 0 ? call->about : incident_get(incident)->relid;
	ShareValues share = share_with(relid, call->ctx->share);
	MaskNames  *names = sharing_names(relid);
	char	   *detail;
	char	   *hint;

	/* functions that hints speak of */
	for (int i = 0; i < (int) lengthof(registry); i++)
		mask_name(names, registry[i]->name);
	mask_name(names, "set_self_approval");
	/* the table of their examples */
	mask_name(names, "public.orders");
	add_words(names, json_text(call->args));
	detail = phrase_mask(share, names, edata->detail);
	hint = phrase_mask(share, names, edata->hint);
	return tools_error("%s: %s (SQLSTATE %s)%s%s%s%s", call->tool->name,
					   phrase_mask(share, names, edata->message), unpack_sql_state(edata->sqlerrcode),
					   detail ? "\n" : "", detail ? detail : "", hint ? "\n" : "", hint ? hint : "");
}

/* A tool's schema of arguments, read once in a process. */
static Jsonb *
input_schema(const Tool *tool)
{
	static Jsonb *read[lengthof(registry)];
	int			i = 0;

	while (registry[i] != tool)
		i++;
	if (read[i] == NULL)
	{
		MemoryContext old;
		Jsonb	   *schema = json_of(tool->input_schema);

		/* as long as the process: the tools are its own */
		old = MemoryContextSwitchTo(TopMemoryContext);
		read[i] = (Jsonb *) PG_DETOAST_DATUM_COPY(PointerGetDatum(schema));
		MemoryContextSwitchTo(old);
	}
	return read[i];
}

/* See the header. */
char *
tools_check(const Tool *tool, Jsonb *args, Jsonb **out)
{
	return toolargs_check(input_schema(tool), args, out);
}

/* Run the call in a subtransaction. *cancelled (may be NULL: then that goes
 * upwards too): somebody has cancelled it, and the subtransaction is undone. */
static ErrorData *
attempt(Call *call, bool *cancelled)
{
	Call	   *outer = running;
	ErrorData  *volatile edata = NULL;

	PG_TRY();
	{
		running = call;
		edata = cancelled ? spi_try_cancelled(run, call, cancelled) : spi_try(run, call);
	}
	PG_FINALLY();
	{
		running = outer;
	}
	PG_END_TRY();
	return edata;
}

/* A call, of a tool (NULL: there is none of this name). */
static ToolResult *
call_tool(const ToolContext *ctx, const Tool *tool, const char *name, Jsonb *args, bool *cancelled)
{
	Call		call = {.ctx = ctx,.tool = tool,.cxt = CurrentMemoryContext};
	ErrorData  *edata;
	char	   *fault;

	if (tool == NULL)
		return tools_error("there is no tool \"%s\". Use one of: %s.",
						   pnstrdup(name, pg_mbcliplen(name, (int) strlen(name), NAMEDATALEN)), names_text(ctx->audience));
	if (!is_offered(GetUserId(), tool, ctx->audience))
	{
		if (!has_right(GetUserId(), tool))
			return tools_error("permission denied for tool %s%s%s.", tool->name,
							   tool->same_right ? ": it needs the right to EXECUTE " : "", tool->same_right ? tool->same_right : "");
		return tools_error("%s changes something, and selfheal.mcp_read_only is on.", tool->name);
	}
	if (toolargs_outsized(args))
		return tools_error("%s: a number in the arguments has more than %d digits.", tool->name, TOOLARGS_DIGITS);
	fault = tools_check(tool, args, &call.args);
	if (fault)
		return tools_error("%s: %s", tool->name, fault);
	edata = attempt(&call, cancelled);
	if (cancelled && *cancelled)
		return tools_error("%s: it was cancelled, by somebody or by the role's statement_timeout, and nothing of it stays.", tool->name);
	if (edata)
		return raised(&call, edata);
	if (strlen(call.result->text) > TOOLS_ANSWER_BYTES)
		return tools_error("%s: the answer would be longer than %d bytes. Ask for less: a smaller limit, or one column.",
						   tool->name, TOOLS_ANSWER_BYTES);
	return call.result;
}

/* See the header. */
ToolResult *
tools_call(const ToolContext *ctx, const char *name, Jsonb *args)
{
	return call_tool(ctx, tools_find(ctx->audience, name), name, args ? args : json_of("{}"), NULL);
}

/* See the header. */
ToolResult *
tools_call_audited(const ToolContext *ctx, const char *name, Jsonb *args)
{
	const Tool *tool = tools_find(ctx->audience, name);
	bool		no_hurry = (tool == NULL || tool->read_only) && asynccommit_possible();
	bool		cancelled = false;
	ToolResult *result;
	instr_time	start;
	instr_time	end;
	double		ms;

	if (args == NULL)
		args = json_of("{}");
	INSTR_TIME_SET_CURRENT(start);
	result = call_tool(ctx, tool, name, args, &cancelled);
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	ms = INSTR_TIME_GET_MILLISEC(end);
	result->cancelled = cancelled;
	if (cancelled)
		toolaudit_cancelled(ctx, name, args, ms);
	else
		toolaudit_call(ctx, name, args, result->is_error ? "error" : "ok", ms);
	if (no_hurry)
		asynccommit_so_far();
	return result;
}

/* ---- by SQL ---- */

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

/* The arguments of both functions. */
static char *
arguments(FunctionCallInfo fcinfo, ToolContext *ctx, Jsonb **args)
{
	verbs_require_arg(fcinfo, 0, "name", "Tools are listed by selfheal.tools().");
	*args = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	if (!PG_ARGISNULL(2))
	{
		ctx->incident = PG_GETARG_INT64(2);
		inspect_check_incident(ctx->incident);
	}
	return verbs_text_arg(fcinfo, 0);
}

/*
 * tool(name, arguments, incident): what MCP will answer, in the caller's own
 * name: {"is_error": false, "structured": ...} or {"is_error": true, "text"}.
 * With an incident the tool is about that, if the caller may read its table.
 * Each call leaves an audit row. Errors: 22023, 42704, 42501.
 */
Datum
selfheal_tool(PG_FUNCTION_ARGS)
{
	ToolContext ctx = {.audience = TOOL_AUDIENCE_MCP,.share = SHARE_FULL,.actor = verbs_caller()};
	Jsonb	   *args;
	char	   *name = arguments(fcinfo, &ctx, &args);

	PG_RETURN_JSONB_P(result_json(tools_call_audited(&ctx, name, args)));
}

/* agent_tool(name, arguments, incident): what our own agent would be answered
 * in its conversation about an incident. */
Datum
selfheal_agent_tool(PG_FUNCTION_ARGS)
{
	ToolContext ctx = {.audience = TOOL_AUDIENCE_AGENT,.share = SHARE_FULL,.actor = verbs_caller()};
	Jsonb	   *args;
	char	   *name;

	verbs_require_arg(fcinfo, 2, "incident", "Ids stand in the view selfheal.incidents.");
	name = arguments(fcinfo, &ctx, &args);
	PG_RETURN_JSONB_P(result_json(tools_call(&ctx, name, args)));
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
