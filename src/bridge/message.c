/*
 * message.c
 *	  What one JSON-RPC message is, and messages of the bridge's own.
 */
#include "bridge/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/limits.h"

static Message faulty(Message message, int code, const char *fault);

int
message_check(const char *line, size_t len, JsonVerdict *verdict, const char **fault)
{
	*verdict = json_check(line, len);
	if (*verdict != JSON_BROKEN)
		return 0;
	*fault = "the line is not one JSON text in UTF-8";
	return RPC_PARSE_ERROR;
}

/* A string, or an integer: null, fractions and all else are no ids. */
static bool
is_id(Span value)
{
	return (json_is_string(value) || json_is_integer(value)) && value.len <= ID_LIMIT;
}

Message
message_read(Span text, JsonVerdict verdict)
{
	Message		message;
	Span		id,
				meta;
	bool		is_ours = json_string_is(json_member(text, "jsonrpc"), "2.0");

	memset(&message, 0, sizeof(message));
	message.text = text;
	if (*text.at != '{')
		return faulty(message, RPC_INVALID_REQUEST, "a message is an object");

	id = json_member(text, "id");
	if (is_id(id))
		message.id = id;
	message.method = json_member(text, "method");
	message.params = json_member(text, "params");

	/*
	 * whatever its id: one of null is how a client says that it could not
	 * read ours, and two that answer such lines would never stop
	 */
	if (is_ours && message.method.at == NULL &&
		(json_member(text, "result").at != NULL || json_member(text, "error").at != NULL))
	{
		message.kind = MESSAGE_RESPONSE;
		return message;
	}
	if (id.at != NULL && message.id.at == NULL)
		return faulty(message, RPC_INVALID_REQUEST,
					  id.len > ID_LIMIT ? "the id is too long" : "an id is a string or an integer");
	if (verdict == JSON_TOO_DEEP)
		return faulty(message, RPC_INVALID_REQUEST, "the message is nested too deeply");
	if (!is_ours)
		return faulty(message, RPC_INVALID_REQUEST, "\"jsonrpc\" must be \"2.0\"");
	if (!json_is_string(message.method))
		return faulty(message, RPC_INVALID_REQUEST, "\"method\" must be a string");
	message.kind = (message.id.at != NULL) ? MESSAGE_REQUEST : MESSAGE_NOTIFICATION;

	meta = json_member(message.params, "_meta");
	message.token = json_member(meta, "progressToken");
	if (!is_id(message.token))
		message.token.at = NULL;
	return message;
}

static Message
faulty(Message message, int code, const char *fault)
{
	message.kind = MESSAGE_FAULTY;
	message.code = code;
	message.fault = fault;
	return message;
}

bool
message_is_stateless(const Message *message)
{
	static const char *const keys[] = {
		"io.modelcontextprotocol/protocolVersion",
		"io.modelcontextprotocol/clientCapabilities",
		"io.modelcontextprotocol/clientInfo",
		"io.modelcontextprotocol/logLevel"
	};
	Span		meta = json_member(message->params, "_meta");
	size_t		i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		if (json_member(meta, keys[i]).at != NULL)
			return true;
	}
	return false;
}

void
message_error(Buffer *out, Span id, int code, const char *text,
			  const char *hint, const char *sqlstate)
{
	char		number[32];
	bool		ended;
	Buffer		message;

	buffer_add(out, "{\"jsonrpc\":\"2.0\",\"id\":");
	if (id.at != NULL)
		buffer_append(out, id.at, id.len);
	else
		buffer_add(out, "null");
	snprintf(number, sizeof(number), "%d", code);
	buffer_add(out, ",\"error\":{\"code\":");
	buffer_add(out, number);
	buffer_add(out, ",\"message\":");
	/* clients show the message to their people, and data to nobody */
	buffer_init(&message);
	buffer_add(&message, text);
	if (hint != NULL)
	{
		/* some of libpq's texts end with a question */
		ended = message.len > 0 && strchr(".?!", message.data[message.len - 1]) != NULL;
		buffer_add(&message, ended ? " " : ". ");
		buffer_add(&message, hint);
	}
	buffer_add_json(out, message.data);
	buffer_free(&message);
	if (hint != NULL || sqlstate != NULL)
	{
		buffer_add(out, ",\"data\":{");
		if (hint != NULL)
		{
			buffer_add(out, "\"hint\":");
			buffer_add_json(out, hint);
		}
		if (sqlstate != NULL)
		{
			buffer_add(out, hint != NULL ? ",\"sqlstate\":" : "\"sqlstate\":");
			buffer_add_json(out, sqlstate);
		}
		buffer_add(out, "}");
	}
	buffer_add(out, "}}");
}

bool
message_progress(Buffer *out, Span token, const char *json, double *last)
{
	Span		text = json_value(json, strlen(json)),
				progress,
				total,
				message;
	double		value;

	if (token.at == NULL || text.len > TEXT_LIMIT || json_check(json, strlen(json)) != JSON_FINE)
		return false;
	progress = json_member(text, "progress");
	total = json_member(text, "total");
	message = json_member(text, "message");
	if (!json_is_number(progress))
		return false;
	value = strtod(progress.at, NULL);
	if (value <= *last)
		return false;
	*last = value;

	buffer_add(out, "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":");
	buffer_append(out, token.at, token.len);
	buffer_add(out, ",\"progress\":");
	buffer_append(out, progress.at, progress.len);
	if (json_is_number(total))
	{
		buffer_add(out, ",\"total\":");
		buffer_append(out, total.at, total.len);
	}
	if (json_is_string(message))
	{
		buffer_add(out, ",\"message\":");
		buffer_append(out, message.at, message.len);
	}
	buffer_add(out, "}}");
	return true;
}
