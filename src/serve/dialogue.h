/*
 * dialogue.h
 *	  One conversation's next steps: what to send, what to do with what comes.
 *
 *	  packet -> request -> reply -> calls of tools -> results -> request ...
 *	  until a plan is proposed and tried, Claude says that none is safe, a limit
 *	  is reached or it cannot be asked.
 *
 * Each step is committed before the next. Called outside a transaction; no
 * transaction is open when a function returns, and none while anybody waits
 * for the network.
 */
#ifndef SELFHEAL_DIALOGUE_H
#define SELFHEAL_DIALOGUE_H

#include "postgres.h"

#include "base/http.h"
#include "serve/conversation.h"

/*
 * Go on with a conversation until there is something to wait for: a transfer
 * that was begun, or NULL when it is paused or has ended. Memory: the current
 * context, which the caller resets.
 */
extern HttpTransfer *dialogue_advance(int64 id);

/* A request has got this answer: stored, and judged. Then advance. */
extern void dialogue_answered(int64 id, const HttpReply *http);

/* A step has raised this: tried again after a while, and given up at last. */
extern void dialogue_broke(int64 id, const ErrorData *edata);

#endif							/* SELFHEAL_DIALOGUE_H */
