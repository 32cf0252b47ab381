/*
 * toolaudit.h
 *	  The event of a call of a tool: tool_called, with the role, the client, the
 *	  context's incident, result (the outcome), and
 *	  tools [{"name", "arguments_sha256", "outcome", "ms"}].
 *
 * Not the arguments, which may quote values: the hash is over their text as
 * jsonb prints it, and null for those that are toolargs_outsized. Where nothing
 * can be written (a standby, a transaction that is read only) the event stands
 * in the server log instead.
 */
#ifndef SELFHEAL_TOOLAUDIT_H
#define SELFHEAL_TOOLAUDIT_H

#include "postgres.h"

#include "serve/tools.h"
#include "utils/jsonb.h"

/* outcome: ok, error or cancelled; ms: how long the tool ran; args NULL: {}. */
extern void toolaudit_call(const ToolContext *ctx, const char *name, Jsonb *args, const char *outcome, double ms);

/* A query cancel has ended the call. One more of them does not keep the event
 * from being written; the next one is raised. */
extern void toolaudit_cancelled(const ToolContext *ctx, const char *name, Jsonb *args, double ms);

#endif							/* SELFHEAL_TOOLAUDIT_H */
