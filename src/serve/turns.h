/*
 * turns.h
 *	  A conversation's steps as rows (selfheal.agent_turn).
 *
 * A request stores only what it adds; what came before stands in the rows
 * before it, word for word. So a conversation that a killed process left is
 * sent again as it was, and its store does not grow with the square of its
 * length. A request without an answer is made again, a call without a result
 * is run again.
 */
#ifndef SELFHEAL_TURNS_H
#define SELFHEAL_TURNS_H

#include "postgres.h"

#include "base/http.h"
#include "decide/messages.h"
#include "serve/conversation.h"

/* What is to be done next in one. */
typedef enum NextStep
{
	NEXT_BEGIN,					/* nothing was said yet */
	NEXT_REQUEST,				/* make the last request (again) */
	NEXT_CALLS,					/* run what the last reply calls */
	NEXT_ANSWER,				/* send the results of all of its calls */
	NEXT_NUDGE					/* the last reply is of no use, or was unsaid:
								 * ask again */
} NextStep;

/* NEXT_CALLS: *calls are those of the last reply that have no result yet
 * (ToolUse *); else NIL. */
extern NextStep turns_step(const Conversation *c, List **calls);

/* Why the last reply stopped. */
extern StopReason turns_last_stop(const Conversation *c);

/* Everything said so far, ready to be sent (Message *). */
extern List *turns_history(const Conversation *c);

/* A request is about to be made; blocks: the array it adds, NULL when it is
 * made again. */
extern void turns_request(Conversation *c, const char *blocks);

/* It failed: fault is in words without a text of the reply's. */
extern void turns_failure(Conversation *c, const HttpReply *http, const char *fault);

/* A reply that is a message. usable: the conversation goes on from it. */
extern void turns_reply(Conversation *c, const HttpReply *http, const MessagesReply *reply,
						const char *body, bool usable);

/* The server does not take back what it said last: neither that nor what was
 * answered to it is sent any more. False: it has said nothing yet. */
extern bool turns_unsay(const Conversation *c);

/* A call is about to be run, the how-manieth time by *runs. Returns the plan
 * that it stored when it was run before, and was cut short; 0: none. */
extern int64 turns_call(const Conversation *c, const ToolUse *use, int *runs);
extern void turns_call_plan(const Conversation *c, const ToolUse *use, int64 plan);
extern void turns_result(const Conversation *c, const ToolUse *use, const char *block,
						 bool is_error);

/* The array of result blocks of the last reply's calls. */
extern char *turns_results(const Conversation *c);

/* Steps of conversations that ended before selfheal.load_retention go, some at
 * a time; what they came to stays. True: there may be more. */
extern bool turns_forget(void);

#endif							/* SELFHEAL_TURNS_H */
