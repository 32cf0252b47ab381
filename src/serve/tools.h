/*
 * tools.h
 *	  What a model may ask for: one registry, for our own agent and for MCP.
 *
 * A tool is a const value: its name, the words that a model reads, the JSON
 * Schema of its arguments and of its answer, and a function. The registry
 * (tools.c) is a list of them in the order of their names, which never changes
 * while the server runs: a prompt that begins with it is cached. A room with
 * tools of its own (intools.c, plantools.c) exports them, and has them in that
 * list.
 *
 * Whatever the model promises, arguments are checked by us against the schema
 * before a tool sees them (toolargs.h). Whatever a tool raises becomes an
 * answer with is_error, so that the model can try again; only what ends the
 * session (cancel, shutdown, a server that is unwell) goes on upwards.
 *
 * Over MCP a tool may be called by who may EXECUTE the function that does the
 * same by SQL (same_right); the tables' own privileges are checked by what
 * runs. No tool applies a change. What a tool tells of values is bound by the
 * table's share_values, and by the context's, whichever tells less.
 */
#ifndef SELFHEAL_TOOLS_H
#define SELFHEAL_TOOLS_H

#include "postgres.h"

#include "base/guc.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* Who asks. Also the shape of tools_schema_json. */
typedef enum ToolAudience
{
	TOOL_AUDIENCE_AGENT,		/* our own conversation about one incident */
	TOOL_AUDIENCE_MCP			/* somebody by MCP or by selfheal.tool() */
} ToolAudience;

/* On whose behalf, and how much may be told. */
typedef struct ToolContext
{
	ToolAudience audience;
	int64		incident;		/* 0: none. The agent's tools are bound to its
								 * table and what its foreign keys refer to */
	ShareValues share;			/* at most; a table's own setting counts where
								 * it tells less */
	const char *actor;			/* who, for the audit: never NULL */
	const char *client;			/* the program that calls, for the audit of
								 * calls; NULL: application_name and address */
} ToolContext;

/*
 * An answer, in the context of the caller of tools_call. With is_error text
 * says what was wrong and what to do next; else it is JSON that follows the
 * tool's output_schema.
 */
typedef struct ToolResult
{
	bool		is_error;
	bool		cancelled;		/* tools_call_audited alone: somebody has
								 * cancelled it; also is_error */
	char	   *text;
} ToolResult;

typedef struct Tool
{
	const char *name;			/* [a-z_]+, also under MCP */
	const char *title;			/* a few words for people */
	const char *description;	/* for the model: what, when, what comes back */
	const char *input_schema;	/* JSON text; see toolargs.h for what it may
								 * use */
	const char *output_schema;	/* JSON text */
	bool		read_only;		/* changes nothing */
	bool		destructive;	/* may take something away */
	bool		idempotent;		/* a second call with the same changes nothing
								 * more */
	const char *same_right;		/* over MCP it may be called by who may
								 * EXECUTE this function, "selfheal.f(types)".
								 * NULL: read_only ones by all, others by
								 * nobody */
	bool		for_agent;
	bool		for_mcp;

	/*
	 * Runs in a subtransaction of tools_call, as the current user, whose
	 * privileges it checks. args have passed input_schema: an object (never
	 * NULL), enums in the schema's own letters. May raise; or returns
	 * tools_error() for what the model can mend.
	 */
	ToolResult *(*run) (const ToolContext *ctx, Jsonb *args);
} Tool;

/*
 * The tools of an audience (const Tool *), in the order of their names. MCP:
 * those that the current role may call, and under selfheal.mcp_read_only only
 * those that read.
 */
extern List *tools_list(ToolAudience audience);

/* Is this tool of MCP offered to that role? For what is told of what comes
 * next. */
extern bool tools_offered_to(Oid role, const char *name);

/* By name, for this audience, or NULL; whether it may be called or not. */
extern const Tool *tools_find(ToolAudience audience, const char *name);

/*
 * The same list as JSON text, byte for byte the same at each call by the same
 * role.
 * Agent: the array "tools" of a request to the Messages API
 *  [{"name","description","input_schema","strict":true}], strict where asked.
 * MCP: the array "tools" of tools/list
 *  [{"name","title","description","inputSchema","outputSchema","annotations":
 *    {"readOnlyHint","destructiveHint","idempotentHint","openWorldHint"}}].
 */
extern char *tools_schema_json(ToolAudience audience, bool strict);

/*
 * Call a tool. In a transaction, with a snapshot. A name that is unknown, a
 * tool of MCP that the current role may not call, arguments that break the
 * schema, and what the tool raises are results with is_error. args NULL: {}.
 * What a tool raised tells values only as far as the context and the table that
 * the call is about (tools_about, else the incident's) allow.
 */
extern ToolResult *tools_call(const ToolContext *ctx, const char *name, Jsonb *args);

/*
 * The same, and the call is an event of the audit (toolaudit.h).
 *
 * A query cancel (57014, statement_timeout too) while the tool runs is a result
 * with cancelled: what the tool did is rolled back, the event stays, and it is
 * the caller's to end the statement. What else ends a session goes upwards.
 *
 * The commit waits for the disk only if somebody has written more than the
 * events of reading tools.
 */
extern ToolResult *tools_call_audited(const ToolContext *ctx, const char *name, Jsonb *args);

/* For a tool while it runs: its call is about rows of this table, whose
 * share_values binds what is told of an error. */
extern void tools_about(Oid relid);

/* Arguments by a tool's own schema, as toolargs_check says it: for whoever does
 * what the tool is for by himself. */
extern char *tools_check(const Tool *tool, Jsonb *args, Jsonb **out);

/* Answers, for the tools themselves. */
extern ToolResult *tools_answer(char *json);
extern ToolResult *tools_error(const char *fmt,...) pg_attribute_printf(1, 2);

/* A message about a table as far as its values may be told. What the arguments
 * say themselves the model knows: NULL where the message may quote rows, whose
 * values it could guess so. */
extern char *tools_told(Oid relid, ShareValues share, Jsonb *args, const char *message);

/* No answer is longer than this, in bytes of its text. */
#define TOOLS_ANSWER_BYTES 24000

#endif							/* SELFHEAL_TOOLS_H */
