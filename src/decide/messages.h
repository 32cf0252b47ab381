/*
 * messages.h
 *	  The wire of the Messages API: a request's body from what was said so far,
 *	  and what a reply says. Reads and writes nothing but text.
 *
 * Rests on the Messages API of the version in selfheal.api_version
 * (https://platform.claude.com/docs/en/api/messages): the history is only ever
 * appended to, and what the model said is sent back word for word, since newer
 * models bind their thinking to all that stands before it.
 *
 * Texts here are in the database's encoding; messages_to_wire and
 * messages_from_wire stand between it and UTF-8.
 */
#ifndef SELFHEAL_MESSAGES_H
#define SELFHEAL_MESSAGES_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* One message of the history. */
typedef struct Message
{
	bool		of_model;		/* role assistant; else user */
	const char *content;		/* JSON array of blocks, never empty */
} Message;

/* What a request is made of. The three texts are JSON. */
typedef struct MessagesRequest
{
	const char *model;
	int			max_tokens;
	const char *effort;			/* NULL: not said */
	const char *system;			/* text of the system prompt */
	const char *tools;			/* array of tools; NULL: none */
	List	   *history;		/* Message *; begins and ends with the user's */
	bool		cached;			/* with marks for the prompt cache */
} MessagesRequest;

/*
 * {"model", "max_tokens", "output_config": {"effort"}, "system": [block],
 *  "tools": [...], "messages": [{"role", "content": [block]}]}
 * Messages of the same role that follow each other become one. With cached the
 * system block and the last block of the history carry cache_control.
 */
extern char *messages_request(const MessagesRequest *request);

/* Blocks of a user's message, as JSON. */
extern char *messages_text_block(const char *text);
extern char *messages_result_block(const char *tool_use, const char *text, bool is_error);

typedef enum StopReason
{
	STOP_END_TURN,
	STOP_TOOL_USE,
	STOP_MAX_TOKENS,			/* cut: what it calls is not to be run */
	STOP_REFUSAL,
	STOP_CONTEXT_EXCEEDED,
	STOP_UNKNOWN				/* any other word: not a success */
} StopReason;

/* By the API's word; NULL and new words are unknown. */
extern StopReason messages_stop(const char *word);

typedef struct ToolUse
{
	char	   *id;
	char	   *name;
	char	   *input;			/* JSON text as it came */
} ToolUse;

typedef struct MessagesReply
{
	StopReason	stop;
	char	   *stop_word;		/* as it came; may be cut */
	char	   *model;
	char	   *content;		/* what is sent back of it: JSON array of its
								 * blocks word for word, without texts of
								 * nothing, which the API gives and does not
								 * take; "[]" if empty */
	char	   *text;			/* of its text blocks, joined; characters that
								 * this database lacks are left out */
	bool		torn;			/* half a character is in it: not to be sent
								 * back */
	List	   *calls;			/* ToolUse *, in their order */
	int64		input_tokens;	/* not those of the cache */
	int64		output_tokens;
	int64		cache_read_tokens;
	int64		cache_write_tokens;
} MessagesReply;

/*
 * What a reply with status 200 says. NULL with *why (half a sentence) when it
 * is not a message. Raises nothing for what the text says. In a transaction;
 * result in the current context.
 */
extern MessagesReply *messages_reply(const char *body, const char **why);

/* The type and error_code of an error body, "type/code" or "type", only of
 * harmless letters; NULL when it is no such body. */
extern char *messages_error_type(const char *body);

/*
 * Why a request was refused as invalid (status 400), where the words of the
 * error name it: the prompt is too long, something in the history, or a setting
 * is at fault (NULL: none is named). Not a word of them is passed on. In a
 * transaction.
 */
extern bool messages_too_long(const char *body);
extern bool messages_history_refused(const char *body);
extern const char *messages_setting_hint(const char *body);

/*
 * From UTF-8 and back. A character that the database's encoding lacks stands
 * as its JSON escape, which means the same within JSON; in SQL_ASCII, bytes
 * that are no UTF-8 go out as U+FFFD. from_wire gives NULL when the bytes are
 * not UTF-8, or have a NUL among them.
 */
extern char *messages_to_wire(const char *json);
extern char *messages_from_wire(const char *bytes, size_t len);

#endif							/* SELFHEAL_MESSAGES_H */
