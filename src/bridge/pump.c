/*
 * pump.c
 *	  The loop between the client and the database.
 *
 * Lines are read while a call runs, so that it can be cancelled. Calls run one
 * after the other, in the order in which they came, on one connection. A call
 * that was sent is never sent again: when the connection is lost the client is
 * told that nobody knows. One that still waits goes over the next connection.
 */
#include "bridge/pump.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridge/calls.h"
#include "bridge/fault.h"
#include "bridge/handshake.h"
#include "bridge/limits.h"
#include "bridge/log.h"
#include "bridge/session.h"
#include "bridge/wire.h"

#define CALL_QUERY "SELECT selfheal.mcp($1::pg_catalog.jsonb)"

/* The setting is made anew by each call, before it: nothing that an earlier
 * one has run can have taken it back. */
#define READ_ONLY_QUERY CALL_QUERY \
	" FROM pg_catalog.set_config('selfheal.mcp_read_only', 'on', true)"

static const Span nothing = {NULL, 0};

static const char *call_query;
static int	greeting;			/* the step of the handshake that a new
								 * connection is told next, or now */

static Call *running;			/* NULL while a greeting runs */
static bool at_end;				/* of stdin */
static long waits_since = -1;	/* the first call waits for a connection */
static long pause_until;
static int	failures;			/* in a row */

static int	signal_pipe[2];

static void take_line(const char *line, size_t len);
static void take_batch(Span array, JsonVerdict verdict);
static void take_message(const Message *message, Batch *batch);
static void cancel(Span id);
static void serve(void);
static bool greet(void);
static void happened(SessionEvent event);
static void finished(void);
static void lost(void);
static void refused(void);
static void refuse_waiting(const char *text, const char *hint);
static void told(const char *json);
static bool wait_for_something(long end);

/* A signal, which the loop sees as input, if it is not in libpq. */
static void
on_signal(int number)
{
	if (session_is_connecting)
		_exit(0);
	if (write(signal_pipe[1], "x", 1) < 0)
		return;
}

static void
catch_signals(void)
{
	static const int ends[] = {SIGTERM, SIGINT, SIGHUP};
	struct sigaction action;
	int			i;

	if (pipe(signal_pipe) != 0)
	{
		perror("selfheal-mcp: pipe");
		exit(1);
	}
	for (i = 0; i < 2; i++)
	{
		fcntl(signal_pipe[i], F_SETFD, FD_CLOEXEC);
		fcntl(signal_pipe[i], F_SETFL, O_NONBLOCK);
	}
	memset(&action, 0, sizeof(action));
	sigemptyset(&action.sa_mask);
	action.sa_handler = on_signal;
	for (i = 0; i < 3; i++)
		sigaction(ends[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);	/* whoever cancels is not waited for */
}

void
pump_run(const char *const *keywords, const char *const *values, bool read_only)
{
	long		end = -1;

	call_query = read_only ? READ_ONLY_QUERY : CALL_QUERY;
	catch_signals();
	wire_init(take_line);
	session_init(keywords, values, told);
	for (;;)
	{
		serve();
		if (at_end)
		{
			if (end < 0)
				end = clock_ms() + END_PATIENCE;
			if (clock_ms() >= end ||
				(running == NULL && calls_first() == NULL && wire_waiting() == 0))
				break;
		}
		if (!wait_for_something(end))
			break;
	}
	session_close();
	if (running != NULL)
		call_end(running);
	while (calls_first() != NULL)
		call_end(calls_pop());
	handshake_forget();
	wire_end();
}

/* One line from the client; NULL for one that was too long. */
static void
take_line(const char *line, size_t len)
{
	JsonVerdict verdict;
	const char *fault = NULL;
	Message		message;
	Span		text;
	int			code;

	if (line == NULL)
	{
		calls_refuse(NULL, nothing, RPC_INVALID_REQUEST, "the line is longer than 4 MB", NULL);
		return;
	}
	text = json_value(line, len);
	if (text.at == NULL)
		return;
	code = message_check(text.at, text.len, &verdict, &fault);
	if (code != 0)
		calls_refuse(NULL, nothing, code, fault, NULL);
	else if (*text.at == '[')
		take_batch(text, verdict);
	else
	{
		message = message_read(text, verdict);
		take_message(&message, NULL);
	}
}

/* An array of messages, which one revision has and all others do not. */
static void
take_batch(Span array, JsonVerdict verdict)
{
	const char *fault = NULL;
	Batch	   *batch;
	Span		element;
	size_t		at = 0;
	int			count = 0;

	while (count <= BATCH_LIMIT && json_next(array, &at, &element))
		count++;
	if (!handshake_has_batches())
		fault = "a line holds one message: only revision 2025-03-26 has batches";
	else if (verdict == JSON_TOO_DEEP)
		fault = "the batch is nested too deeply";
	else if (count == 0)
		fault = "the batch is empty";
	else if (count > BATCH_LIMIT)
		fault = "the batch holds too many messages";
	if (fault != NULL)
	{
		calls_refuse(NULL, nothing, RPC_INVALID_REQUEST, fault, NULL);
		return;
	}

	batch = batch_begin();
	for (at = 0; json_next(array, &at, &element);)
	{
		Message		message = message_read(element, json_check(element.at, element.len));

		if (message.kind == MESSAGE_REQUEST && json_string_is(message.method, "initialize"))
			calls_refuse(batch, message.id, RPC_INVALID_REQUEST,
						 "\"initialize\" can not be part of a batch", NULL);
		else
			take_message(&message, batch);
	}
	batch_end(batch);
}

static void
take_message(const Message *message, Batch *batch)
{
	if (message->kind == MESSAGE_RESPONSE)
		return;
	if (message->kind == MESSAGE_FAULTY)
	{
		calls_refuse(batch, message->id, message->code, message->fault, NULL);
		return;
	}
	if (message->kind == MESSAGE_NOTIFICATION &&
		json_string_is(message->method, "notifications/cancelled"))
	{
		cancel(json_member(message->params, "requestId"));
		return;
	}

	/* asked in order to learn whether we live: not to wait for a call */
	if (message->kind == MESSAGE_REQUEST && json_string_is(message->method, "ping") &&
		!message_is_stateless(message))
	{
		Buffer		answer;

		buffer_init(&answer);
		buffer_add(&answer, "{\"jsonrpc\":\"2.0\",\"id\":");
		buffer_append(&answer, message->id.at, message->id.len);
		buffer_add(&answer, ",\"result\":{}}");
		calls_answer(batch, answer.data, answer.len);
		buffer_free(&answer);
		return;
	}
	if (!calls_push(message, batch) && message->kind == MESSAGE_REQUEST)
		calls_refuse(batch, message->id, RPC_INTERNAL_ERROR, "too many calls are waiting",
					 "Wait for the answers to earlier calls.");
}

/* The handshake can not be cancelled. */
static void
cancel(Span id)
{
	if (running != NULL && !running->dropped && json_same(running->message.id, id))
	{
		if (json_string_is(running->message.method, "initialize"))
			return;
		running->dropped = true;
		session_cancel();
		return;
	}
	calls_drop(id);
}

/* Begin what can be begun, and see what has come of it. */
static void
serve(void)
{
	SessionEvent event;

	for (;;)
	{
		if (running == NULL && calls_first() == NULL)
			waits_since = -1;
		if (running == NULL && calls_first() != NULL && wire_waiting() < OUT_LIMIT)
		{
			if (session_state() == SESSION_DOWN && clock_ms() >= pause_until)
				session_connect();
			else if (session_state() == SESSION_READY && session_cancel_socket() < 0)
			{
				/* what a dead connection was given would be called lost */
				event = session_work(true);
				if (event != SESSION_NOTHING)
				{
					happened(event);
					continue;
				}
				if (!greet())
				{
					running = calls_pop();
					session_send(call_query, running->text);
				}
			}
			if (session_state() == SESSION_DOWN || session_state() == SESSION_CONNECTING)
				waits_since = (waits_since < 0) ? clock_ms() : waits_since;
		}
		event = session_work(false);
		if (event == SESSION_NOTHING)
			break;
		happened(event);
	}
}

/* Tell a new connection the next thing that it has to know; false when it
 * knows all. */
static bool
greet(void)
{
	const char *line;

	line = handshake_line(&greeting);
	if (line != NULL)
		session_send(call_query, line);
	return line != NULL;
}

static void
happened(SessionEvent event)
{
	switch (event)
	{
		case SESSION_CONNECTED:
			greeting = 0;
			break;
		case SESSION_REFUSED:
			refused();
			break;
		case SESSION_LOST:
			lost();
			break;
		case SESSION_FINISHED:
			finished();
			break;
		case SESSION_NOTHING:
			break;
	}
}

static void
finished(void)
{
	const PGresult *result = session_result();
	Call	   *call = running;
	Buffer		answer;

	if (call == NULL)
	{
		/*
		 * what fails here fails again in the call that follows, which says
		 * why
		 */
		if (PQresultStatus(result) != PGRES_TUPLES_OK)
			log_line("could not repeat the handshake on the new connection");
		greeting++;
		return;
	}
	running = NULL;
	failures = 0;
	waits_since = -1;
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
	{
		bool		none = PQntuples(result) != 1 || PQgetisnull(result, 0, 0);
		size_t		len = none ? 0 : PQgetlength(result, 0, 0);

		handshake_remember(call, none ? "" : PQgetvalue(result, 0, 0), len);
		if (call->dropped || call->message.kind != MESSAGE_REQUEST)
			 /* nobody waits for it */ ;
		else if (none)
			calls_refuse(call->batch, call->message.id, RPC_INTERNAL_ERROR,
						 "the database gave no answer", NULL);
		else if (len > ANSWER_LIMIT || (call->batch != NULL && call->batch->out.len + len > BATCH_BYTES))
			calls_refuse(call->batch, call->message.id, RPC_INTERNAL_ERROR,
						 "the answer is too long to be sent",
						 "Ask for less: fewer rows, a shorter time, one table.");
		else
			calls_answer(call->batch, PQgetvalue(result, 0, 0), len);
	}
	else if (!call->dropped && call->message.kind == MESSAGE_REQUEST)
	{
		buffer_init(&answer);
		fault_answer(&answer, call->message.id, result);
		calls_answer(call->batch, answer.data, answer.len);
		buffer_free(&answer);
	}
	call_end(call);
}

static void
pause_before_next(void)
{
	long		pause = PAUSE_LEAST;
	int			i;

	for (i = 0; i < failures && pause < PAUSE_MOST; i++)
		pause *= 2;
	failures++;
	pause_until = clock_ms() + (pause < PAUSE_MOST ? pause : PAUSE_MOST);
}

static bool
waited_enough(void)
{
	return waits_since >= 0 && clock_ms() - waits_since >= SERVER_PATIENCE;
}

static void
lost(void)
{
	Call	   *call = running;
	Buffer		text;

	pause_before_next();
	if (call == NULL)
	{
		/* those that wait were never sent: over the next one, if it comes */
		if (waited_enough())
			refuse_waiting(session_trouble(), NULL);
		return;
	}
	running = NULL;
	waits_since = -1;
	if (!call->dropped && call->message.kind == MESSAGE_REQUEST)
	{
		buffer_init(&text);
		buffer_add(&text, "the connection to the database was lost while the call ran,"
				   " so it is not known whether it took effect: ");
		buffer_add(&text, session_trouble());
		calls_refuse(call->batch, call->message.id, RPC_INTERNAL_ERROR, text.data,
					 "Look what has become of it before calling it again; the next call connects anew.");
		buffer_free(&text);
	}
	call_end(call);
}

static void
refused(void)
{
	log_line("%s", session_trouble());
	pause_before_next();
	if (!session_may_retry() || waited_enough())
		refuse_waiting(session_trouble(), session_hint());
}

/* All that wait are told why; the next call tries anew. */
static void
refuse_waiting(const char *text, const char *hint)
{
	Call	   *call;

	waits_since = -1;
	while ((call = calls_pop()) != NULL)
	{
		if (call->message.kind == MESSAGE_REQUEST)
			calls_refuse(call->batch, call->message.id, RPC_INTERNAL_ERROR, text, hint);
		call_end(call);
	}
}

/* The database tells how far the call is. */
static void
told(const char *json)
{
	Buffer		line;

	if (running == NULL || running->dropped || wire_waiting() > OUT_PROGRESS)
		return;
	buffer_init(&line);
	if (message_progress(&line, running->message.token, json, &running->told))
		wire_give(line.data, line.len);
	buffer_free(&line);
}

/* The sooner of two times, -1 being never. */
static long
sooner(long one, long other)
{
	if (one < 0 || (other >= 0 && other < one))
		return other;
	return one;
}

/*
 * Wait until something comes, and see to it. False when a signal did, or
 * nobody reads stdout any more.
 */
static bool
wait_for_something(long end)
{
	struct pollfd fds[5];
	long		until = sooner(end, session_deadline());
	long		left;

	if (calls_first() != NULL && session_state() == SESSION_DOWN && wire_waiting() < OUT_LIMIT)
		until = sooner(until, pause_until);
	left = (until < 0) ? -1 : until - clock_ms();
	if (until >= 0 && left < 0)
		left = 0;

	fds[0].fd = signal_pipe[0];
	fds[0].events = POLLIN;
	fds[1].fd = (at_end || wire_waiting() > OUT_LIMIT) ? -1 : STDIN_FILENO;
	fds[1].events = POLLIN;
	fds[2].fd = STDOUT_FILENO;
	fds[2].events = (wire_waiting() > 0) ? POLLOUT : 0;
	fds[3].fd = session_socket(&fds[3].events);
	fds[4].fd = session_cancel_socket();
	fds[4].events = POLLIN;
	if (poll(fds, 5, (int) left) <= 0)
		return true;

	if (fds[0].revents != 0)
		return false;
	if (fds[4].revents != 0)
		session_cancelled();
	if (fds[2].revents & POLLOUT)
	{
		if (!wire_write())
			return false;
	}
	else if (fds[2].revents & (POLLERR | POLLHUP | POLLNVAL))
		return false;
	if (fds[3].revents != 0)
		happened(session_work(true));
	if (fds[1].revents != 0)
		at_end = !wire_read();
	return true;
}
