/*
 * messages_reply.c
 *	  The wire of the Messages API: what is answered.
 *
 * A reply is taken apart without being changed (jsonwalk.h): what goes back to
 * the model is what it said, byte by byte, whatever characters it used.
 */
#include "postgres.h"

#include <math.h>

#include "decide/messages.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "read/jsonwalk.h"

/* Longest stop_reason, model, error type or id that is kept. */
#define WORD_BYTES 100

/* Longest name of a tool: the API's own limit. */
#define NAME_BYTES 128

/* Calls of one reply: far more than a model makes. */
#define MAX_CALLS 256

/* Tokens that a reply may say it has cost: budgets add them up. */
#define MAX_TOKENS 1e9

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

/* ---- what a reply says ---- */

/* A character that is read as nothing, by code point. */
static bool
is_space(unsigned int c)
{
	return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
		(c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Is there nothing in this string of JSON (with its quotes)? */
static bool
is_blank(const char *raw, int len)
{
	const char *p = raw + 1;
	const char *end = raw + len - 1;

	while (p < end)
	{
		unsigned int c = (unsigned char) *p;

		if (c == '\\' && p + 1 < end)
		{
			if (p[1] == 'u' && end - p >= 6)
			{
				char		digits[5] = {p[2], p[3], p[4], p[5], '\0'};

				c = (unsigned int) strtoul(digits, NULL, 16);
				p += 6;
			}
			else
			{
				c = p[1] == 'n' || p[1] == 'r' || p[1] == 't' || p[1] == 'f' ? ' ' : (unsigned char) p[1];
				p += 2;
			}
		}
		else if (c < 0x80)
			p++;
		else if (GetDatabaseEncoding() == PG_UTF8 && end - p >= pg_utf_mblen((const unsigned char *) p))
		{
			c = utf8_to_unicode((const unsigned char *) p);
			p += pg_utf_mblen((const unsigned char *) p);
		}
		if (!is_space(c))
			return false;
	}
	return true;
}

/* One block of a reply. */
typedef struct Block
{
	JsonField	type;
	JsonField	text;
	JsonField	id;
	JsonField	name;
	JsonField	input;
} Block;

/* False: it is no block. */
static bool
read_block(JsonWalk *w, const JsonField *element, Block *block)
{
	JsonField	f;

	memset(block, 0, sizeof(*block));
	if (element->kind != JSON_OBJECT || !jsonwalk_start(w, element->raw, element->rawlen))
		return false;
	while (jsonwalk_next(w, &f))
	{
		if (jsonwalk_named(&f, "type"))
			block->type = f;
		else if (jsonwalk_named(&f, "text"))
			block->text = f;
		else if (jsonwalk_named(&f, "id"))
			block->id = f;
		else if (jsonwalk_named(&f, "name"))
			block->name = f;
		else if (jsonwalk_named(&f, "input"))
			block->input = f;
	}
	return jsonwalk_whole(w) && block->type.val != NULL && block->type.kind == JSON_STRING;
}

/* A call, among those before it. False: it has no id of its own, no name or no
 * object of arguments. */
static bool
add_call(MessagesReply *reply, const Block *block)
{
	ToolUse    *use = palloc0(sizeof(ToolUse));
	ListCell   *lc;

	use->id = jsonwalk_text(&block->id, WORD_BYTES + 1);
	use->name = jsonwalk_text(&block->name, NAME_BYTES + 1);
	if (use->id == NULL || use->name == NULL || block->input.kind != JSON_OBJECT ||
		strlen(use->id) > WORD_BYTES || strlen(use->name) > NAME_BYTES ||
		list_length(reply->calls) >= MAX_CALLS)
		return false;
	use->input = pnstrdup(block->input.raw, block->input.rawlen);
	foreach(lc, reply->calls)
	{
		if (strcmp(((ToolUse *) lfirst(lc))->id, use->id) == 0)
			return false;
	}
	reply->calls = lappend(reply->calls, use);
	return true;
}

/* Its blocks; what is to be sent back of them, word for word. False: they are
 * none. */
static bool
read_content(const JsonField *content, MessagesReply *reply)
{
	StringInfoData back;
	StringInfoData text;
	JsonWalk	blocks;
	JsonWalk	members;
	JsonField	element;
	bool		texts = false;

	initStringInfo(&back);
	initStringInfo(&text);
	jsonwalk_init(&blocks, CurrentMemoryContext);
	jsonwalk_init(&members, CurrentMemoryContext);
	if (content->kind != JSON_ARRAY || !jsonwalk_start(&blocks, content->raw, content->rawlen))
		return false;
	while (jsonwalk_next(&blocks, &element))
	{
		Block		block;

		if (!read_block(&members, &element, &block))
			return false;
		if (jsonwalk_says(&block.type, "text") && block.text.kind == JSON_STRING && block.text.val != NULL)
		{
			if (is_blank(block.text.raw, block.text.rawlen))
				continue;
			if (texts)
				appendStringInfoChar(&text, '\n');
			appendBinaryStringInfo(&text, block.text.val, block.text.len);
			texts = true;
		}
		else if (jsonwalk_says(&block.type, "tool_use") && !add_call(reply, &block))
			return false;
		appendStringInfoString(&back, back.len > 0 ? ", " : "[");
		appendBinaryStringInfo(&back, element.raw, element.rawlen);
	}
	appendStringInfoString(&back, back.len > 0 ? "]" : "[]");
	reply->content = back.data;
	reply->text = text.data;
	reply->torn = blocks.text.fault == JSON_SURROGATE;
	return jsonwalk_whole(&blocks);
}

/* A count of tokens; null and absent are none, what is not to be counted is the
 * most there can be. False: it is no number. */
static bool
read_tokens(const JsonField *field, int64 *tokens)
{
	char	   *text;
	char	   *end;
	double		n;

	if (field->kind == JSON_NULL)
		return true;
	if (field->kind != JSON_NUMBER && field->kind != JSON_STRING)
		return false;
	text = pnstrdup(field->val, field->len);
	n = strtod(text, &end);
	if (end == text || *end != '\0')
		return false;
	*tokens = isnan(n) || n > MAX_TOKENS ? (int64) MAX_TOKENS : n > 0 ? (int64) n : 0;
	return true;
}

static bool
read_usage(const JsonField *usage, MessagesReply *reply)
{
	JsonWalk	w;
	JsonField	f;
	bool		good = true;

	jsonwalk_init(&w, CurrentMemoryContext);
	if (usage->kind != JSON_OBJECT || !jsonwalk_start(&w, usage->raw, usage->rawlen))
		return true;
	while (good && jsonwalk_next(&w, &f))
	{
		if (jsonwalk_named(&f, "input_tokens"))
			good = read_tokens(&f, &reply->input_tokens);
		else if (jsonwalk_named(&f, "output_tokens"))
			good = read_tokens(&f, &reply->output_tokens);
		else if (jsonwalk_named(&f, "cache_read_input_tokens"))
			good = read_tokens(&f, &reply->cache_read_tokens);
		else if (jsonwalk_named(&f, "cache_creation_input_tokens"))
			good = read_tokens(&f, &reply->cache_write_tokens);
	}
	return good;
}

static bool
read_reply(const char *body, MessagesReply *reply)
{
	JsonWalk	w;
	JsonField	f;
	JsonField	content = {0};
	JsonField	usage = {0};
	bool		message = false;
	bool		of_model = false;

	jsonwalk_init(&w, CurrentMemoryContext);
	if (!jsonwalk_start(&w, body, strlen(body)) || w.close != '}')
		return false;
	while (jsonwalk_next(&w, &f))
	{
		if (jsonwalk_named(&f, "type"))
			message = jsonwalk_says(&f, "message");
		else if (jsonwalk_named(&f, "role"))
			of_model = jsonwalk_says(&f, "assistant");
		else if (jsonwalk_named(&f, "stop_reason"))
			reply->stop_word = jsonwalk_text(&f, WORD_BYTES);
		else if (jsonwalk_named(&f, "model"))
			reply->model = jsonwalk_text(&f, WORD_BYTES);
		else if (jsonwalk_named(&f, "content"))
			content = f;
		else if (jsonwalk_named(&f, "usage"))
			usage = f;
	}
	return jsonwalk_whole(&w) && message && of_model && read_content(&content, reply) &&
		read_usage(&usage, reply);
}

MessagesReply *
messages_reply(const char *body, const char **why)
{
	MessagesReply *reply = palloc0(sizeof(MessagesReply));

	*why = NULL;
	if (!read_reply(body, reply))
	{
		*why = "the reply is not a message";
		return NULL;
	}
	reply->stop = messages_stop(reply->stop_word);
	/* a call that is not waited for would stay without its result */
	if ((reply->stop == STOP_TOOL_USE) != (reply->calls != NIL) &&
		(reply->stop == STOP_TOOL_USE || reply->stop == STOP_END_TURN))
		reply->stop = STOP_UNKNOWN;
	return reply;
}

/* ---- what an error says ---- */

/* The member of an object; false: there is none. */
static bool
member_of(const char *object, size_t len, const char *name, JsonField *member)
{
	JsonWalk	w;
	JsonField	f;
	bool		found = false;

	jsonwalk_init(&w, CurrentMemoryContext);
	if (!jsonwalk_start(&w, object, len) || w.close != '}')
		return false;
	while (jsonwalk_next(&w, &f))
	{
		if (jsonwalk_named(&f, name))
		{
			*member = f;
			found = true;
		}
	}
	return found && jsonwalk_whole(&w);
}

/* A string within the error of an error's body, cut at so many bytes; NULL:
 * there is none. */
static char *
error_text(const char *body, const char *name, int most)
{
	JsonField	error;
	JsonField	f;

	if (!member_of(body, strlen(body), "error", &error) || !member_of(error.raw, error.rawlen, name, &f))
		return NULL;
	return jsonwalk_text(&f, most);
}

/* Lower case letters and low lines, some of them. */
static bool
is_word(const char *text)
{
	return text != NULL && text[0] != '\0' && strspn(text, "abcdefghijklmnopqrstuvwxyz_") == strlen(text);
}

char *
messages_error_type(const char *body)
{
	JsonField	error;
	JsonField	details;
	JsonField	f;
	char	   *type = error_text(body, "type", WORD_BYTES);
	char	   *code = NULL;

	if (!is_word(type))
		return NULL;
	if (member_of(body, strlen(body), "error", &error) &&
		member_of(error.raw, error.rawlen, "details", &details) &&
		member_of(details.raw, details.rawlen, "error_code", &f))
		code = jsonwalk_text(&f, WORD_BYTES);
	return is_word(code) ? psprintf("%s/%s", type, code) : type;
}

/* What it says, its beginning, in small letters. Never NULL. */
static const char *
error_message(const char *body)
{
	char	   *message = error_text(body, "message", 200);

	for (char *p = message; p != NULL && *p; p++)
		*p = pg_ascii_tolower((unsigned char) *p);
	return message ? message : "";
}

bool
messages_too_long(const char *body)
{
	/* the API's own words, older ones, and those of other servers */
	static const char *const words[] = {
		"prompt is too long", "prompt too long", "input is too long", "exceed context limit",
		"context length", "context size", "context window"
	};
	const char *message = error_message(body);

	for (int i = 0; i < (int) lengthof(words); i++)
		if (strstr(message, words[i]) != NULL)
			return true;
	return false;
}

bool
messages_history_refused(const char *body)
{
	return strncmp(error_message(body), "messages", strlen("messages")) == 0;
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
