/*
 * messages.c
 *	  The wire of the Messages API.
 *
 * A reply is read with PostgreSQL's own json functions, over the type json:
 * that one keeps the text of what it is given, and so a part of it is the part
 * as it came.
 */
#include "postgres.h"

#include "base/spi.h"
#include "decide/messages.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"

#define CACHE_MARK ", \"cache_control\": {\"type\": \"ephemeral\"}"

/* Longest stop_reason, model, error type or id that is kept. */
#define WORD_BYTES 100

/* Longest name of a tool: the API's own limit. */
#define NAME_BYTES 128

/* Calls of one reply: far more than a model makes. */
#define MAX_CALLS "256"

/* Tokens that a reply may say it has cost: budgets add them up. */
#define TOKENS(member) \
	"least(greatest(coalesce((u ->> '" member "')::numeric, 0), 0), 1000000000)::bigint"

/* The JSON array of blocks without its brackets. */
static void
append_blocks(StringInfo buf, const char *array)
{
	const char *from = strchr(array, '[') + 1;
	const char *to = strrchr(array, ']');

	appendBinaryStringInfo(buf, from, (int) (to - from));
}

/*
 * Mark the last block of the buffer for the cache: the block is an object that
 * we made ourselves, so what ends the buffer is its brace.
 */
static void
mark_last_block(StringInfo buf)
{
	while (buf->len > 0 && buf->data[buf->len - 1] != '}')
		buf->len--;
	buf->data[--buf->len] = '\0';
	appendStringInfoString(buf, CACHE_MARK "}");
}

char *
messages_request(const MessagesRequest *request)
{
	StringInfoData buf;
	const Message *before = NULL;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"model\": ");
	escape_json(&buf, request->model);
	appendStringInfo(&buf, ", \"max_tokens\": %d", request->max_tokens);
	if (request->effort != NULL)
		appendStringInfo(&buf, ", \"output_config\": {\"effort\": \"%s\"}", request->effort);
	appendStringInfoString(&buf, ", \"system\": [{\"type\": \"text\", \"text\": ");
	escape_json(&buf, request->system);
	appendStringInfo(&buf, "%s}]", request->cached ? CACHE_MARK : "");
	if (request->tools != NULL)
		appendStringInfo(&buf, ", \"tools\": %s", request->tools);
	appendStringInfoString(&buf, ", \"messages\": [");
	foreach(lc, request->history)
	{
		const Message *m = lfirst(lc);

		if (before != NULL && before->of_model == m->of_model)
			appendStringInfoString(&buf, ", ");
		else
			appendStringInfo(&buf, "%s{\"role\": \"%s\", \"content\": [",
							 before ? "]}, " : "", m->of_model ? "assistant" : "user");
		append_blocks(&buf, m->content);
		before = m;
	}
	if (request->cached && before != NULL && !before->of_model)
		mark_last_block(&buf);
	appendStringInfoString(&buf, "]}]}");
	return buf.data;
}

char *
messages_text_block(const char *text)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"type\": \"text\", \"text\": ");
	escape_json(&buf, text);
	appendStringInfoChar(&buf, '}');
	return buf.data;
}

char *
messages_result_block(const char *tool_use, const char *text, bool is_error)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"type\": \"tool_result\", \"tool_use_id\": ");
	escape_json(&buf, tool_use);
	appendStringInfoString(&buf, ", \"content\": ");
	/* an error must say something */
	escape_json(&buf, text[0] != '\0' ? text : "(nothing)");
	appendStringInfo(&buf, "%s}", is_error ? ", \"is_error\": true" : "");
	return buf.data;
}

StopReason
messages_stop(const char *word)
{
	static const struct
	{
		const char *word;
		StopReason	stop;
	}			words[] = {
		{"end_turn", STOP_END_TURN},
		{"tool_use", STOP_TOOL_USE},
		{"max_tokens", STOP_MAX_TOKENS},
		{"refusal", STOP_REFUSAL},
		{"model_context_window_exceeded", STOP_CONTEXT_EXCEEDED}
	};

	for (int i = 0; word != NULL && i < (int) lengthof(words); i++)
		if (strcmp(word, words[i].word) == 0)
			return words[i].stop;
	return STOP_UNKNOWN;
}

typedef struct Reading
{
	const char *body;
	MessagesReply *reply;
	MemoryContext cxt;
} Reading;

/* In a subtransaction: what is not as it should be raises. */
static void
read_reply(void *arg)
{
	static SPIPlanPtr whole = NULL;
	static SPIPlanPtr texts = NULL;
	static SPIPlanPtr calls = NULL;
	Reading    *r = arg;
	MessagesReply *reply = r->reply;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, r->body);
	spi_exec_kept(&whole, "SELECT left(b ->> 'stop_reason', 100), left(b ->> 'model', 100), b ->> 'type' = 'message' AND b ->> 'role' = 'assistant'"
				  "  AND json_typeof(b -> 'content') = 'array', (b -> 'content')::text,"
				  TOKENS("input_tokens") "," TOKENS("output_tokens") ","
				  TOKENS("cache_read_input_tokens") "," TOKENS("cache_creation_input_tokens")
				  " FROM (SELECT $1::json AS b) x, LATERAL (SELECT CASE WHEN json_typeof(b -> 'usage') = 'object' THEN b -> 'usage' END AS u) y",
				  &args);
	if (!spi_get_bool(0, 3, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_JSON_TEXT),
				 errmsg("it is not a message")));
	reply->stop_word = spi_get_text(0, 1, r->cxt);
	reply->model = spi_get_text(0, 2, r->cxt);
	reply->content = spi_get_text(0, 4, r->cxt);
	reply->input_tokens = spi_get_int8(0, 5, NULL);
	reply->output_tokens = spi_get_int8(0, 6, NULL);
	reply->cache_read_tokens = spi_get_int8(0, 7, NULL);
	reply->cache_write_tokens = spi_get_int8(0, 8, NULL);
	spi_args(&args);
	spi_arg_text(&args, reply->content);
	spi_exec_kept(&texts, "SELECT coalesce(string_agg(e ->> 'text', E'\\n' ORDER BY n) FILTER (WHERE e ->> 'type' = 'text'), ''),"
				  " coalesce(bool_and(json_typeof(e -> 'type') IS NOT DISTINCT FROM 'string'"
				  "  AND (e ->> 'type' <> 'tool_use' OR json_typeof(e -> 'input') IS NOT DISTINCT FROM 'object')), true),"
				  " count(*) FILTER (WHERE e ->> 'type' = 'tool_use') <= " MAX_CALLS
				  " AND count(DISTINCT e ->> 'id') FILTER (WHERE e ->> 'type' = 'tool_use') = count(*) FILTER (WHERE e ->> 'type' = 'tool_use')"
				  " FROM json_array_elements($1::json) WITH ORDINALITY x(e, n)", &args);
	reply->text = spi_get_text(0, 1, r->cxt);
	if (!spi_get_bool(0, 2, NULL) || !spi_get_bool(0, 3, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_JSON_TEXT),
				 errmsg("what it holds is no list of blocks with a call of each id and objects of arguments")));
	n = spi_exec_kept(&calls, "SELECT e ->> 'id', e ->> 'name', (e -> 'input')::text"
					  " FROM json_array_elements($1::json) WITH ORDINALITY x(e, n) WHERE e ->> 'type' = 'tool_use' ORDER BY n", &args);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(r->cxt);
		ToolUse    *use = palloc0(sizeof(ToolUse));

		use->id = spi_get_text(i, 1, r->cxt);
		use->name = spi_get_text(i, 2, r->cxt);
		use->input = spi_get_text(i, 3, r->cxt);
		if (use->id == NULL || use->name == NULL || strlen(use->id) > WORD_BYTES ||
			strlen(use->name) > NAME_BYTES)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_JSON_TEXT),
					 errmsg("a tool call in it has no id or no name")));
		reply->calls = lappend(reply->calls, use);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
}

MessagesReply *
messages_reply(const char *body, const char **why)
{
	Reading		r = {body, palloc0(sizeof(MessagesReply)), CurrentMemoryContext};

	*why = NULL;
	if (spi_try(read_reply, &r) != NULL)
	{
		/* the error may quote the reply: it is not passed on */
		*why = "the reply is not a message";
		return NULL;
	}
	r.reply->stop = messages_stop(r.reply->stop_word);
	/* a call that is not waited for would stay without its result */
	if ((r.reply->stop == STOP_TOOL_USE) != (r.reply->calls != NIL) &&
		(r.reply->stop == STOP_TOOL_USE || r.reply->stop == STOP_END_TURN))
		r.reply->stop = STOP_UNKNOWN;
	return r.reply;
}

typedef struct ErrorReading
{
	const char *body;
	char	   *type;
	char	   *message;		/* its beginning, in small letters */
	MemoryContext cxt;
} ErrorReading;

static void
read_error(void *arg)
{
	ErrorReading *r = arg;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, r->body);
	spi_exec("SELECT left(concat_ws('/', e ->> 'type', e -> 'details' ->> 'error_code'), 100)"
			 " FROM (SELECT $1::json -> 'error' AS e) x WHERE json_typeof(e) = 'object'"
			 " AND concat_ws('/', e ->> 'type', e -> 'details' ->> 'error_code') ~ '^[a-z_/]+$'", &args);
	if (SPI_processed > 0)
		r->type = spi_get_text(0, 1, r->cxt);
	spi_close(&saved);
}

char *
messages_error_type(const char *body)
{
	ErrorReading r = {.body = body,.cxt = CurrentMemoryContext};

	(void) spi_try(read_error, &r);
	return r.type;
}

static void
read_error_message(void *arg)
{
	ErrorReading *r = arg;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, r->body);
	spi_exec("SELECT lower(left($1::json -> 'error' ->> 'message', 200))", &args);
	r->message = spi_get_text(0, 1, r->cxt);
	spi_close(&saved);
}

/* Never NULL. */
static const char *
error_message(const char *body)
{
	ErrorReading r = {.body = body,.cxt = CurrentMemoryContext};

	if (spi_try(read_error_message, &r) != NULL || r.message == NULL)
		return "";
	return r.message;
}

bool
messages_too_long(const char *body)
{
	return strncmp(error_message(body), "prompt is too long", strlen("prompt is too long")) == 0;
}

const char *
messages_setting_hint(const char *body)
{
	static const struct
	{
		const char *word;
		const char *hint;
	}			words[] = {
		{"cache_control", "the server takes no cache_control: add it to selfheal.api_omit"},
		{"strict", "the server takes no strict tools for this model: add strict to selfheal.api_omit"},
		{"effort", "the model does not take this selfheal.effort: default leaves it to the model"},
		{"output_config", "the server takes no output_config: add it to selfheal.api_omit, or set selfheal.effort to default"},
		{"max_tokens", "the model does not take this selfheal.max_tokens"},
		{"anthropic-version", "the server does not know this selfheal.api_version"},
		{"anthropic_version", "the server does not know this selfheal.api_version"},
		{"credit balance", "the credit of the key's account is used up"},
		{"usage limit", "the spend limit of the key's account is reached"},
		{"extra inputs are not permitted", "the server does not know a field of the request: see selfheal.api_omit and selfheal.api_version"},
		{"model", "the server does not take this selfheal.model"}
	};
	const char *message = error_message(body);

	for (int i = 0; i < (int) lengthof(words); i++)
	{
		/*
		 * what was said may stand behind a path into it: no setting is there
		 * but this
		 */
		if (strncmp(message, "messages", strlen("messages")) == 0 && i > 0)
			break;
		if (strstr(message, words[i].word) != NULL)
			return words[i].hint;
	}
	return NULL;
}

char *
messages_to_wire(const char *json)
{
	return pg_server_to_any(json, (int) strlen(json), PG_UTF8);
}

char *
messages_from_wire(const char *bytes, size_t len)
{
	StringInfoData buf;

	if (memchr(bytes, '\0', len) != NULL ||
		pg_encoding_verifymbstr(PG_UTF8, bytes, (int) len) != (int) len)
		return NULL;
	if (GetDatabaseEncoding() == PG_UTF8)
		return pnstrdup(bytes, len);

	/* other than ASCII can only stand in a string, where an escape can, too */
	initStringInfo(&buf);
	for (size_t i = 0; i < len;)
	{
		int			l = pg_utf_mblen((const unsigned char *) bytes + i);
		pg_wchar	c;

		if (l == 1)
			appendStringInfoChar(&buf, bytes[i]);
		else
		{
			c = utf8_to_unicode((const unsigned char *) bytes + i);
			if (c < 0x10000)
				appendStringInfo(&buf, "\\u%04x", c);
			else
				appendStringInfo(&buf, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
								 0xdc00 + ((c - 0x10000) & 0x3ff));
		}
		i += l;
	}
	return buf.data;
}
