/*
 * retry.h
 *	  Is a request to be made again, and when? Pure: what time it is and which
 *	  number was drawn are arguments.
 *
 * Two parts: RetryState belongs to one request and its repetitions,
 * RetryBreaker to a server that all requests go to. Both are plain values that
 * may be stored; all zero is the state to begin with.
 *
 * Times are milliseconds since 1970 (retry_now_ms).
 */
#ifndef SELFHEAL_RETRY_H
#define SELFHEAL_RETRY_H

#include "postgres.h"

#include "base/http.h"

typedef struct RetryPolicy
{
	int			max_retries;	/* repetitions of one request */
	int			max_bare_429;	/* 429 without a time to wait, in a row: a
								 * spent budget looks like this, and stays */
	int64		first_ms;		/* backoff: first_ms * 2^n ... */
	int64		longest_ms;		/* ... up to this, less up to a quarter */
	int64		obey_ms;		/* a longer retry-after is not waited for */
	int			breaker_failures;	/* in a row that open the breaker */
	int64		breaker_ms;		/* how long; doubled by each failed trial ... */
	int64		breaker_longest_ms; /* ... up to this */
} RetryPolicy;

typedef struct RetryState
{
	int			retries;		/* repetitions that were granted */
	int			bare_429;		/* in a row */
} RetryState;

typedef enum RetryVerdict
{
	RETRY_SUCCESS,				/* a whole reply with a 2xx status */
	RETRY_AGAIN,				/* after wait_ms */
	RETRY_REFUSED,				/* this request will never be taken */
	RETRY_USED_UP,				/* max_retries */
	RETRY_BUDGET_SPENT,			/* max_bare_429 */
	RETRY_TOO_LONG				/* asked to wait longer than obey_ms; wait_ms
								 * says how long */
} RetryVerdict;

typedef struct RetryAnswer
{
	RetryVerdict verdict;
	int64		wait_ms;
	bool		asked;			/* the server said how long */
} RetryAnswer;

/* 2 retries, 3 bare 429s, 0.5 s doubled up to 8 s, obeys up to an hour; opens
 * after 5 failures for 30 s, up to 15 minutes. */
extern const RetryPolicy retry_defaults;

extern int64 retry_now_ms(void);
extern const char *retry_verdict_name(RetryVerdict verdict);

/*
 * What follows from a reply; the state is carried on. dice is drawn from
 * [0, 1) by the caller.
 *
 * A fault is tried again if it may pass (connection, name, time, a reply that
 * broke off or was garbled); not when it is the request's, the certificate's or
 * the size's. Of statuses 408, 409, 429 and 500 and above are tried again.
 * x-should-retry overrules both ways, but 400, 401 and 403 are never repeated.
 * The wait is retry-after-ms, else retry-after (seconds or an HTTP date), else
 * the backoff.
 */
extern RetryAnswer retry_decide(const RetryPolicy *policy, RetryState *state,
								const HttpReply *reply, double dice, int64 now_ms);

/* The value of a retry-after header in ms from now: seconds (a fraction may
 * follow), or one of HTTP's three date notations. False: it is neither. A date
 * that is over gives 0. */
extern bool retry_after_ms(const char *value, int64 now_ms, int64 *wait_ms);

/*
 * closed --n failures in a row--> open --open_until--> half-open: one request
 * half-open --success--> closed; --failure--> open, twice as long
 */
typedef struct RetryBreaker
{
	int			failures;		/* in a row */
	int			reopened;		/* failed trials in a row */
	int64		open_until;		/* 0: closed */
	int64		trial_since;	/* 0: nobody tries */
} RetryBreaker;

/*
 * May a request go out now? Half-open, true is answered once, and its asker
 * has to report; one that never does is forgotten after breaker_longest_ms.
 * wait_ms (may be NULL): with false, after how long to ask again.
 */
extern bool retry_breaker_may(const RetryPolicy *policy, RetryBreaker *breaker,
							  int64 now_ms, int64 *wait_ms);

/* A request ended. A failure is what speaks against the server as such, or our
 * way to it: a fault (but a reply that is too large), 401, 403, 429 or 500 and
 * above; any other reply is a success. */
extern void retry_breaker_report(const RetryPolicy *policy, RetryBreaker *breaker,
								 bool failed, int64 now_ms);
extern bool retry_breaker_failure(const HttpReply *reply);

/* A trial that was granted is not made after all. */
extern void retry_breaker_release(RetryBreaker *breaker);

#endif							/* SELFHEAL_RETRY_H */
