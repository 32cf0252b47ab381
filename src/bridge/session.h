/*
 * session.h
 *	  The one connection to the database: nothing here waits.
 *
 * Whoever runs the loop polls session_socket() and calls session_work() with
 * what came, which says what has happened:
 *
 *	  DOWN --connect--> CONNECTING --> READY --send--> BUSY --> READY
 *	    ^------- REFUSED ----'           '---- LOST ----'
 */
#ifndef SELFHEAL_BRIDGE_SESSION_H
#define SELFHEAL_BRIDGE_SESSION_H

#include <signal.h>
#include <stdbool.h>

#include "libpq-fe.h"

typedef enum SessionState
{
	SESSION_DOWN,
	SESSION_CONNECTING,
	SESSION_READY,
	SESSION_BUSY
} SessionState;

typedef enum SessionEvent
{
	SESSION_NOTHING,
	SESSION_CONNECTED,
	SESSION_REFUSED,			/* could not connect: session_trouble() */
	SESSION_FINISHED,			/* session_result() */
	SESSION_LOST				/* was READY or BUSY; what ran may or may not
								 * have taken effect */
} SessionEvent;

/* Which notices are ours, and their text. */
typedef void (*SessionTold) (const char *json);

/* The parameters, as for PQconnectdbParams, are kept, not copied. */
extern void session_init(const char *const *keywords, const char *const *values, SessionTold told);

extern SessionState session_state(void);

/* What to poll: a descriptor, or -1; and until when, in milliseconds of the
 * clock below, or -1. */
extern int	session_socket(short *events);
extern long session_deadline(void);

/* DOWN -> CONNECTING */
extern void session_connect(void);

/* READY -> BUSY. A query with one parameter. */
extern void session_send(const char *query, const char *parameter);

/* Go on. Call it again until nothing has happened. */
extern SessionEvent session_work(bool readable);

/* Of the last SESSION_FINISHED, until the next call of session_work: an error
 * where any came, else rows. */
extern const PGresult *session_result(void);

/* Of the last SESSION_REFUSED or SESSION_LOST: what libpq said, what to do
 * about it or NULL, and whether trying again soon may help. */
extern const char *session_trouble(void);
extern const char *session_hint(void);
extern bool session_may_retry(void);

/* Ask the server to stop what runs; it ends as anything does, or is LOST when
 * it does not end in time. */
extern void session_cancel(void);

/* Such a request is on its way: the next call has to wait. session_cancelled
 * is to be called when the descriptor comes to its end. */
extern int	session_cancel_socket(void);
extern void session_cancelled(void);

/* What the connection says of itself, for messages. */
extern const char *session_user(void);
extern const char *session_database(void);

/* Cancels what runs. */
extern void session_close(void);

/* On while libpq connects, which may wait for a name server: nothing runs in the
 * database then, and a signal need not wait for it. */
extern volatile sig_atomic_t session_is_connecting;

/* Milliseconds of a clock that only goes forward. */
extern long clock_ms(void);

#endif
