/*
 * message.h
 *	  What one JSON-RPC message is, and messages of the bridge's own.
 */
#ifndef SELFHEAL_BRIDGE_MESSAGE_H
#define SELFHEAL_BRIDGE_MESSAGE_H

#include "bridge/buffer.h"
#include "bridge/json.h"

#define RPC_PARSE_ERROR (-32700)
#define RPC_INVALID_REQUEST (-32600)
#define RPC_INVALID_PARAMS (-32602)
#define RPC_INTERNAL_ERROR (-32603)

typedef enum MessageKind
{
	MESSAGE_REQUEST,			/* wants an answer with its id */
	MESSAGE_NOTIFICATION,
	MESSAGE_RESPONSE,			/* to what we never ask: ignored */
	MESSAGE_FAULTY				/* code and fault say what is wrong with it */
} MessageKind;

/* The spans point into the line that was read. */
typedef struct Message
{
	MessageKind kind;
	Span		text;			/* the whole */
	Span		id;				/* none: a fault is answered with null */
	Span		method;
	Span		params;
	Span		token;			/* of progress, when it is wanted */
	int			code;
	const char *fault;
} Message;

/*
 * Which fault makes the line unfit to be taken apart: none (0), or the code,
 * and why. What can still be answered with its own id is no such fault:
 * *verdict goes to message_read then.
 */
extern int	message_check(const char *line, size_t len, JsonVerdict *verdict, const char **fault);

/* Read one object, of a line that was checked with this verdict. */
extern Message message_read(Span text, JsonVerdict verdict);

/* Is it of the revision without handshake, which names itself in each request? */
extern bool message_is_stateless(const Message *message);

/*
 * An error as one line without its newline. Hint and sqlstate may be NULL; an
 * id of none is null. The hint is the end of its message and stands in its
 * data.
 */
extern void message_error(Buffer *out, Span id, int code, const char *text,
						  const char *hint, const char *sqlstate);

/*
 * A notification of progress, from what the database tells: an object with
 * "progress", "total" and "message". False when nothing is to be said: nobody
 * asked (no token), it is no such object, or it does not rise above *last.
 */
extern bool message_progress(Buffer *out, Span token, const char *json, double *last);

#endif
