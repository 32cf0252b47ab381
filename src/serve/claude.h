/*
 * claude.h
 *	  Can Claude be asked? Of this server, with this key, now.
 *
 * One process at a time asks (the database's agent); what it finds stands in
 * selfheal.claude_down, so that people see it and a restart does not forget it.
 */
#ifndef SELFHEAL_CLAUDE_H
#define SELFHEAL_CLAUDE_H

#include "postgres.h"

#include "base/http.h"
#include "base/secret.h"
#include "utils/timestamp.h"

/* Is asking wanted at all, and is there a key (or none needed)? */
extern bool claude_configured(void);

/*
 * May a request be made now? False with why (current context) and when to look
 * again. A server that failed is tried by one request at a time, and at once
 * when the configuration was reloaded since. In the current transaction.
 */
extern bool claude_may(char **why, TimestampTz *again);

/* What came of a request: it went well, or one more failed. Several in a row
 * (or one after which no more are made for its incident, where nobody is there) are a server that is down; when it answers again, all that waits for it is
 * due. In the current transaction. */
extern void claude_went_well(void);
extern void claude_failed(const char *why, bool last);

/* It is no use to go on before somebody has changed something (a key, a
 * model), but for a look now and then. */
extern void claude_unavailable(const char *why);

/* Is nobody asked before then? */
extern bool claude_down_until(TimestampTz *again);

/* A request that claude_may allowed is not made after all. */
extern void claude_not_asked(void);

/* The request, with the key in a header: NULL with why when there is no key
 * that may be used, or when it would go over http:// to another machine. body
 * must live as long as http_begin takes. */
extern HttpTransfer *claude_post(const char *body, const char **why);

#endif							/* SELFHEAL_CLAUDE_H */
