/*
 * session.c
 *	  The one connection to the database: nothing here waits.
 */
#include "bridge/session.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bridge/buffer.h"
#include "bridge/cancel.h"
#include "bridge/limits.h"
#include "bridge/log.h"

/* A notice that tells of progress. */
#define PROGRESS_SQLSTATE "SH001"

volatile sig_atomic_t session_is_connecting = 0;

static const char *const *with_keywords;
static const char *const *with_values;
static SessionTold tell;

static PGconn *conn;
static SessionState state = SESSION_DOWN;
static PostgresPollingStatusType wants;
static bool spoke;				/* the server answered at all */
static bool doomed;				/* the server said that it ends the session */
static bool flushing;
static PGresult *result;
static long deadline = -1;
static int	cancelling = -1;
static Buffer trouble;
static const char *hint;
static bool may_retry;
static bool away;				/* the server was, at the last attempt */

static SessionEvent work_connecting(bool readable);
static SessionEvent work_ready(bool readable);
static SessionEvent work_busy(bool readable);
static SessionEvent refused(void);
static SessionEvent lost(void);
static void note_trouble(const char *fallback);
static void drop(void);
static void notice(void *arg, const PGresult *res);

long
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000L + now.tv_nsec / 1000000L;
}

void
session_init(const char *const *keywords, const char *const *values, SessionTold told)
{
	with_keywords = keywords;
	with_values = values;
	tell = told;
	buffer_init(&trouble);
}

SessionState
session_state(void)
{
	return state;
}

int
session_socket(short *events)
{
	*events = POLLIN;
	if (state == SESSION_DOWN || PQsocket(conn) < 0)
		return -1;
	if (state == SESSION_CONNECTING)
		*events = (wants == PGRES_POLLING_READING) ? POLLIN : POLLOUT;
	else if (flushing)
		*events = POLLIN | POLLOUT;
	return PQsocket(conn);
}

long
session_deadline(void)
{
	return deadline;
}

void
session_connect(void)
{
	session_is_connecting = 1;
	conn = PQconnectStartParams(with_keywords, with_values, 1);
	session_is_connecting = 0;
	state = SESSION_CONNECTING;
	wants = PGRES_POLLING_WRITING;
	spoke = doomed = false;
	deadline = clock_ms() + CONNECT_PATIENCE;
	if (conn == NULL)
		out_of_memory();
	PQsetNoticeReceiver(conn, notice, NULL);

	/*
	 * statements and rows at which a backend was when it ended are not for
	 * the client
	 */
	PQsetErrorContextVisibility(conn, PQSHOW_CONTEXT_NEVER);
}

void
session_send(const char *query, const char *parameter)
{
	const char *values[1];

	values[0] = parameter;
	PQclear(result);
	result = NULL;
	state = SESSION_BUSY;
	/* what fails here is seen when the answer is looked for */
	if (PQsendQueryParams(conn, query, 1, NULL, values, NULL, NULL, 0))
		flushing = (PQflush(conn) == 1);
}

SessionEvent
session_work(bool readable)
{
	SessionEvent event;

	switch (state)
	{
		case SESSION_CONNECTING:
			session_is_connecting = 1;
			event = work_connecting(readable);
			session_is_connecting = 0;
			return event;
		case SESSION_READY:
			return work_ready(readable);
		case SESSION_BUSY:
			return work_busy(readable);
		case SESSION_DOWN:
			break;
	}
	return SESSION_NOTHING;
}

static SessionEvent
work_connecting(bool ready)
{
	if (PQstatus(conn) == CONNECTION_BAD)
		return refused();
	if (!ready)
	{
		if (clock_ms() < deadline)
			return SESSION_NOTHING;
		buffer_reset(&trouble);
		buffer_add(&trouble, "could not connect to the server: it did not answer in time");
		hint = "Is the address right, and is there a network?";
		may_retry = false;
		drop();
		return SESSION_REFUSED;
	}
	if (PQstatus(conn) == CONNECTION_AWAITING_RESPONSE || PQstatus(conn) == CONNECTION_AUTH_OK)
		spoke = true;
	wants = PQconnectPoll(conn);
	if (wants == PGRES_POLLING_FAILED)
		return refused();
	if (wants != PGRES_POLLING_OK)
		return SESSION_NOTHING;
	deadline = -1;
	flushing = false;
	if (PQsetnonblocking(conn, 1) != 0)
		return refused();
	state = SESSION_READY;
	away = false;
	log_line("connected to database \"%s\" as \"%s\"", session_database(), session_user());
	return SESSION_CONNECTED;
}

/* Nobody asked for anything: what comes is the end, or of no interest. */
static SessionEvent
work_ready(bool readable)
{
	PGnotify   *unasked;

	if (readable && !PQconsumeInput(conn))
		return lost();
	while ((unasked = PQnotifies(conn)) != NULL)
		PQfreemem(unasked);
	if (doomed || PQstatus(conn) == CONNECTION_BAD)
		return lost();
	return SESSION_NOTHING;
}

static SessionEvent
work_busy(bool readable)
{
	PGresult   *next;

	if (flushing)
		flushing = (PQflush(conn) == 1);
	if (readable)
		PQconsumeInput(conn);
	if (deadline >= 0 && clock_ms() >= deadline)
		return lost();
	while (!PQisBusy(conn))
	{
		next = PQgetResult(conn);
		if (next == NULL)
		{
			/* until the server is ready again nothing is committed */
			if (PQstatus(conn) == CONNECTION_BAD || result == NULL)
				return lost();
			state = SESSION_READY;
			deadline = -1;
			return SESSION_FINISHED;
		}
		if (result == NULL || PQresultStatus(result) == PGRES_TUPLES_OK)
		{
			PQclear(result);
			result = next;
		}
		else
			PQclear(next);
		/* nothing of ours copies, but such a state would never end */
		if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_FATAL_ERROR)
			return lost();
	}
	if (PQstatus(conn) == CONNECTION_BAD)
		return lost();
	return SESSION_NOTHING;
}

/*
 * A server that says no will say it again: bad role, database or password. One
 * that starts, stops or is not there may be another in a moment.
 */
static SessionEvent
refused(void)
{
	note_trouble("could not connect to the server");
	hint = NULL;
	if (PQconnectionNeedsPassword(conn))
	{
		may_retry = false;
		hint = "Put the password into ~/.pgpass, or into PGPASSWORD: stdin is the protocol, nobody is asked.";
	}
	else if (spoke && PQconnectionUsedPassword(conn))
		may_retry = away = false;
	else if (spoke)
	{
		PGPing		ping = PQpingParams(with_keywords, with_values, 1);

		/* one that was away may have come up between its no and the ping */
		may_retry = ping == PQPING_REJECT || (ping == PQPING_OK && away);
		away = ping == PQPING_REJECT;
	}
	else
	{
		may_retry = away = true;
		hint = "Is the server running, and are host, port and database right? The next call tries again.";
	}
	drop();
	return SESSION_REFUSED;
}

static SessionEvent
lost(void)
{
	note_trouble("the server ended the session");
	hint = NULL;
	may_retry = true;
	log_line("connection lost: %s", trouble.data);
	drop();
	return SESSION_LOST;
}

static void
note_trouble(const char *fallback)
{
	const char *said = PQerrorMessage(conn);

	buffer_reset(&trouble);
	buffer_add(&trouble, (said != NULL && said[0] != '\0') ? said : fallback);
	while (trouble.len > 0 && trouble.data[trouble.len - 1] == '\n')
		trouble.data[--trouble.len] = '\0';
}

static void
drop(void)
{
	PQclear(result);
	result = NULL;
	PQfinish(conn);
	conn = NULL;
	state = SESSION_DOWN;
	flushing = false;
	deadline = -1;
	session_cancelled();
}

const PGresult *
session_result(void)
{
	return result;
}

const char *
session_trouble(void)
{
	return trouble.data;
}

const char *
session_hint(void)
{
	return hint;
}

bool
session_may_retry(void)
{
	return may_retry;
}

void
session_cancel(void)
{
	if (state != SESSION_BUSY || cancelling >= 0)
		return;
	cancelling = cancel_start(conn);
	deadline = clock_ms() + CANCEL_PATIENCE;
}

int
session_cancel_socket(void)
{
	return cancelling;
}

void
session_cancelled(void)
{
	if (cancelling >= 0)
		close(cancelling);
	cancelling = -1;
}

const char *
session_user(void)
{
	const char *user = conn != NULL ? PQuser(conn) : NULL;

	return user != NULL ? user : "";
}

const char *
session_database(void)
{
	const char *database = conn != NULL ? PQdb(conn) : NULL;

	return database != NULL ? database : "";
}

void
session_close(void)
{
	session_cancel();
	if (conn != NULL)
		drop();
	buffer_free(&trouble);
}

static void
notice(void *arg, const PGresult *res)
{
	const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *text = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);

	/* an error that nobody asked for comes as a notice, and then the end */
	if (state == SESSION_READY && severity != NULL &&
		(strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0))
		doomed = true;
	if (state == SESSION_BUSY && text != NULL && sqlstate != NULL &&
		strcmp(sqlstate, PROGRESS_SQLSTATE) == 0)
		tell(text);
}
