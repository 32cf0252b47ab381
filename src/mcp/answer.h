/*
 * answer.h
 *	  What a method of MCP answers: a result or a fault; pages and their cursors.
 *
 * Source: modelcontextprotocol.io, specification, "Base Protocol" and
 * "Utilities: Pagination"; JSON-RPC 2.0, section 5.
 */
#ifndef SELFHEAL_MCP_ANSWER_H
#define SELFHEAL_MCP_ANSWER_H

#include "postgres.h"

#include "utils/jsonb.h"

/* Codes of JSON-RPC 2.0 and of MCP. */
#define MCP_INVALID_REQUEST		(-32600)
#define MCP_METHOD_NOT_FOUND	(-32601)
#define MCP_INVALID_PARAMS		(-32602)
#define MCP_INTERNAL_ERROR		(-32603)
#define MCP_RESOURCE_NOT_FOUND	(-32002)	/* up to 2025-11-25 */
#define MCP_UNKNOWN_VERSION		(-32022)	/* since 2026-07-28 */

/* A request that is being answered. */
typedef struct McpRequest
{
	const char *method;
	Jsonb	   *params;			/* an object, {} when none was sent */
	const char *version;		/* the revision that governs the answer */
	bool		modern;			/* 2026-07-28 or later: without a session */
	const char *client;			/* who asks, as "name version"; NULL: it does
								 * not say */
} McpRequest;

/* An answer, in the context that was current when it was made. */
typedef struct McpAnswer
{
	char	   *result;			/* text of an object, that ends with its
								 * brace; what an era adds to all results
								 * (resultType, ttlMs) is not in it yet. NULL:
								 * a fault */
	bool		listed;			/* modern: may be kept for a while (ttlMs and
								 * cacheScope are added) */
	int			code;
	char	   *message;
	Jsonb	   *data;			/* of a fault, or NULL */
} McpAnswer;

/* json: text of an object, that becomes the answer's. It is not read again:
 * selfheal.mcp() parses the whole answer, once. */
extern McpAnswer *mcp_result(char *json);
extern McpAnswer *mcp_listed(char *json);
extern McpAnswer *mcp_fault(int code, const char *fmt,...) pg_attribute_printf(2, 3);

/* The fault of a resource that is not there, or not for this role, by the
 * revision's own code; data {"uri"}. */
extern McpAnswer *mcp_no_resource(const McpRequest *req, const char *uri);

/*
 * Members of params. A string, NULL when it is not there; *wrong when it is
 * there and is none. An object of the current context likewise.
 */
extern char *mcp_text(Jsonb *object, const char *key, bool *wrong);
extern Jsonb *mcp_object(Jsonb *object, const char *key, bool *wrong);

/*
 * Opaque cursors of lists: what the list itself needs to go on, wrapped with
 * the name of the list. mcp_cursor_of returns false where params.cursor is
 * none of that list's, and NULL in *place where there is none.
 */
extern char *mcp_cursor(const char *list, const char *place);
extern bool mcp_cursor_of(const McpRequest *req, const char *list, char **place);
extern McpAnswer *mcp_bad_cursor(void);

/* Entries of one page of a list. */
#define MCP_PAGE 50

/* Longest text that one answer may carry, in bytes. */
#define MCP_ANSWER_BYTES 200000

#endif							/* SELFHEAL_MCP_ANSWER_H */
