/*
 * toolaudit.c
 *	  The event of a call of a tool.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/canon.h"
#include "base/spi.h"
#include "mb/pg_wchar.h"
#include "record/audit.h"
#include "serve/toolargs.h"
#include "serve/toolaudit.h"
#include "serve/toolpage.h"
#include "utils/fmgrprotos.h"

/* Names and clients come from outside. */
#define AUDITED_NAME_BYTES 200

static char *
clipped(const char *text)
{
	return pnstrdup(text, pg_mbcliplen(text, (int) strlen(text), AUDITED_NAME_BYTES));
}

/* See the header. */
void
toolaudit_call(const ToolContext *ctx, const char *name, Jsonb *args, const char *outcome, double ms)
{
	AuditEntry	entry;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "[{");
	toolpage_text(&buf, "name", clipped(name));
	if (args != NULL && toolargs_outsized(args))
		toolpage_json(&buf, "arguments_sha256", "null");
	else
		toolpage_text(&buf, "arguments_sha256",
					  canon_sha256(args ? JsonbToCString(NULL, &args->root, VARSIZE(args)) : "{}"));
	toolpage_text(&buf, "outcome", outcome);
	appendStringInfo(&buf, ",\"ms\":%.3f}]", ms);
	if (XactReadOnly)
	{
		ereport(LOG_SERVER_ONLY,
				(errmsg("selfheal: a tool was called and cannot be recorded in the audit: %s by role \"%s\"%s%s",
						buf.data, ctx->actor, ctx->client ? " with " : "", ctx->client ? clipped(ctx->client) : ""),
				 errdetail_log("The transaction is read only."),
				 errhidestmt(true), errhidecontext(true)));
		return;
	}
	audit_entry(&entry, "tool_called");
	entry.incident = ctx->incident;
	entry.actor_role = ctx->actor;
	entry.actor_client = ctx->client ? clipped(ctx->client) : NULL;
	entry.result = outcome;
	entry.tools = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
	entry.no_hurry = true;
	audit_write(&entry);
}

/* A call that was cancelled. */
typedef struct Cancelled
{
	const ToolContext *ctx;
	const char *name;
	Jsonb	   *args;
	double		ms;
} Cancelled;

/* Body of a subtransaction. */
static void
note_cancelled(void *arg)
{
	Cancelled  *call = arg;

	toolaudit_call(call->ctx, call->name, call->args, "cancelled", call->ms);
}

/*
 * See the header. A client's cancel is two signals, since the postmaster signals
 * the process and its group (postmaster.c, signal_child): the second must not
 * take from the audit what the first has ended.
 */
void
toolaudit_cancelled(const ToolContext *ctx, const char *name, Jsonb *args, double ms)
{
	Cancelled	call = {.ctx = ctx,.name = name,.args = args,.ms = ms};
	bool		again;
	ErrorData  *edata = spi_try_cancelled(note_cancelled, &call, &again);

	if (again)
		edata = spi_try(note_cancelled, &call);
	if (edata != NULL)
		ReThrowError(edata);
}
