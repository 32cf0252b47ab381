/*
 * conversation.h
 *	  Conversations with Claude as rows (selfheal.conversation, agent_turn).
 *
 *	  open <-> waiting (for a budget, or until Claude can be reached)
 *	  open, waiting -> ended(outcome)
 *
 * All in the current transaction. Its steps are those of turns.h.
 */
#ifndef SELFHEAL_CONVERSATION_H
#define SELFHEAL_CONVERSATION_H

#include "postgres.h"

#include "base/retry.h"
#include "observe/options.h"
#include "orient/incident.h"
#include "record/audit.h"

typedef enum Outcome
{
	OUTCOME_PROPOSED,
	OUTCOME_NO_PLAN,
	OUTCOME_BUDGET,
	OUTCOME_REFUSED,
	OUTCOME_FAILED,
	OUTCOME_TOO_LONG,
	OUTCOME_SUPERSEDED
} Outcome;

typedef struct Conversation
{
	int64		id;
	int64		incident;		/* the one with the rows */
	int64	   *incidents;		/* it, and those that its plan is for too */
	int			nincidents;
	bool		ended;
	bool		paused;			/* it is not due yet */
	bool		not_taken;		/* the last answer: there is no such model, or
								 * a request of this form is refused */
	Oid			relid;			/* InvalidOid: gone */
	char	   *asked_because;
	bool		small;
	bool		beside_plan;
	ShareValues told;			/* of values, at most */
	char	   *model;			/* NULL before the first request */
	char	   *system;
	char	   *tools;
	char	   *marker;
	RetryState	retry;
	int			nudges;
	int			calls;
	int64		tokens;
	double		cost;
} Conversation;

/*
 * Ask about incidents of a table, the first of which has the rows, that were to
 * need a person for this reason, or (beside_plan) one to approve a playbook's
 * plan: a conversation is begun, or the one that is live goes on, unless it is
 * about the table as it was before a change. False when it was asked about
 * already and nothing has changed since. The agent is woken at commit.
 */
extern bool conversation_open(const int64 *incidents, int n, Oid relid, HumanReason because, bool beside_plan);

/* What came of it when this incident of the table, as it is now, was asked
 * about, in words; NULL: it was not, or its plan stands. *budget: a limit ended
 * it. */
extern char *conversation_came_to(int64 incident, Oid relid, bool *budget);

/* Is anything to be talked about, now or later? */
extern bool conversation_any(void);

/* What waits since before then is due: a key, a model or a limit may have
 * changed, or the server answers again. */
extern void conversation_look_again(TimestampTz at);

/*
 * Take the next that is due and not among these (an array of ids); locked to
 * the end of the transaction. NULL when there is none; *due is when the next
 * will be, 0 = none.
 */
extern Conversation *conversation_next(const int64 *busy, int nbusy, TimestampTz *due);

/* One by its id, locked; also one that has ended. NULL: there is none. */
extern Conversation *conversation_get(int64 id);

/* Ends it, and begins anew with what is set now. */
extern void conversation_renew(const Conversation *c, const char *reason);

/*
 * Is it still wanted: is the table watched, and does its incident wait for it? An incident that waits for
 * a person since Claude could not be asked is made to wait for it again. Ends
 * the conversation when not, and says false; also, without ending it, when a
 * person has the incident in hand just now.
 */
extern bool conversation_wanted(Conversation *c);

/* One more answer of no use was asked for again. */
extern void conversation_nudged(Conversation *c);

/* What Claude said last, as far as it fits a reason; NULL: nothing. */
extern char *conversation_words(const Conversation *c);

/* Its first step: what it begins with, and goes on with to its end. */
extern void conversation_begin(Conversation *c, const char *model, const char *system,
							   const char *prompt_hash, const char *tools);

/* This much of values is told in it from here on. */
extern void conversation_tells(Conversation *c, ShareValues share);

/* Not before then; with a state of its own, which it keeps, when it is a person
 * who waits. */
extern void conversation_pause(Conversation *c, TimestampTz next_try, bool waits, const char *reason);

/* What the model says of its thoughts: kept with the conversation. */
extern void conversation_says(const Conversation *c, int64 plan, double confidence,
							  const char *explanation, const Jsonb *options);

/* What becomes of its incidents, as far as they still wait for it. */
extern void conversation_move_incidents(const Conversation *c, IncidentState to, const IncidentNote *note);

/* The same when they are left to a person: where rows have joined them since it
 * was begun, at which nobody has looked, they are open for one more round. */
extern void conversation_leave(const Conversation *c, IncidentState to, const IncidentNote *note);

/* The incidents that the conversation about this one is for; just it, when
 * there is none. *n: how many. In the current context. */
extern int64 *conversation_incidents(int64 incident, int *n);

/* The end. Audit: answered. What becomes of the incident is the caller's. One
 * that was too long is begun anew, and told less, once. */
extern void conversation_end(const Conversation *c, Outcome outcome, const char *reason);

/* An audit entry of the conversation: model, prompt and number in tools. */
extern void conversation_entry(AuditEntry *entry, const char *event, const Conversation *c);

#endif							/* SELFHEAL_CONVERSATION_H */
