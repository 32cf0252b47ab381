/*
 * turns.c
 *	  A conversation's steps as rows.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/guc_claude.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "serve/turns.h"
#include "utils/timestamp.h"

/* Rows of this many steps at most make a history: far more than max_turns
 * gives. */
#define MAX_STEPS "10000"

static List *calls_left(const Conversation *c);

NextStep
turns_step(const Conversation *c, List **calls)
{
	MemoryContext cxt = CurrentMemoryContext;
	static SPIPlanPtr plan = NULL;
	SpiUser		saved;
	SpiArgs		args;
	char	   *kind = NULL;
	bool		usable = false;
	bool		called = false;

	*calls = NIL;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	/* what failed is no step: the one before it is taken again */
	if (spi_exec_kept(&plan, "SELECT kind, usable, stop_reason = 'tool_use' FROM selfheal.agent_turn WHERE conversation = $1"
					  " AND kind <> 'failure' ORDER BY id DESC LIMIT 1", &args) > 0)
	{
		bool		isnull;

		kind = spi_get_text(0, 1, cxt);
		usable = spi_get_bool(0, 2, NULL);
		called = spi_get_bool(0, 3, &isnull);
		called = called && !isnull;
	}
	spi_close(&saved);
	if (kind == NULL)
		return NEXT_BEGIN;
	if (strcmp(kind, "request") == 0)
		return usable ? NEXT_REQUEST : NEXT_NUDGE;
	if (strcmp(kind, "reply") == 0 && !(usable && called))
		return NEXT_NUDGE;
	*calls = calls_left(c);
	return *calls == NIL ? NEXT_ANSWER : NEXT_CALLS;
}

StopReason
turns_last_stop(const Conversation *c)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	char	   *word = NULL;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	if (spi_exec("SELECT stop_reason FROM selfheal.agent_turn WHERE conversation = $1 AND kind = 'reply' ORDER BY id DESC LIMIT 1",
				 &args) > 0)
		word = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return messages_stop(word);
}

/* What goes back of a reply that was read once already. */
static const char *
said(const char *body)
{
	const char *why;
	const MessagesReply *reply = messages_reply(body, &why);

	if (reply == NULL)
		elog(ERROR, "a stored reply is not a message");
	return reply->content;
}

List *
turns_history(const Conversation *c)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	List	   *history = NIL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	n = spi_exec_kept(&plan, "SELECT kind = 'reply', body::text FROM selfheal.agent_turn WHERE conversation = $1 AND usable"
					  " AND kind IN ('request', 'reply') AND body IS NOT NULL ORDER BY id LIMIT " MAX_STEPS, &args);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		Message    *m = palloc(sizeof(Message));

		m->of_model = spi_get_bool(i, 1, NULL);
		m->content = spi_get_text(i, 2, cxt);
		if (m->of_model)
			m->content = said(m->content);
		history = lappend(history, m);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return history;
}

void
turns_request(Conversation *c, const char *blocks)
{
	static SPIPlanPtr insert = NULL;
	static SPIPlanPtr update = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_arg_text(&args, blocks);
	spi_exec_kept(&insert, "INSERT INTO selfheal.agent_turn (conversation, kind, body) VALUES ($1, 'request', $2::json)", &args);
	spi_exec_kept(&update, "UPDATE selfheal.conversation SET calls = calls + 1, next_try = NULL WHERE id = $1", &args);
	spi_close(&saved);
	c->calls++;
}

/* What HTTP tells of an answer, behind the first arguments. */
static void
http_args(SpiArgs *args, const HttpReply *http)
{
	if (http->status > 0)
		spi_arg_int8(args, http->status);
	else
		spi_arg_null(args, INT8OID);
	spi_arg_text(args, http->request_id);
	spi_arg_int8(args, http->latency_ms);
}

void
turns_failure(Conversation *c, const HttpReply *http, const char *fault)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	http_args(&args, http);
	spi_arg_text(&args, fault);
	spi_arg_int8(&args, c->retry.retries);
	spi_arg_int8(&args, c->retry.bare_429);
	spi_exec("INSERT INTO selfheal.agent_turn (conversation, kind, status, request_id, latency_ms, fault)"
			 " VALUES ($1, 'failure', $2, $3, $4, $5)", &args);
	spi_exec("UPDATE selfheal.conversation SET retries = $6, bare_429 = $7 WHERE id = $1", &args);
	spi_close(&saved);
}

void
turns_reply(Conversation *c, const HttpReply *http, const MessagesReply *reply,
			const char *body, bool usable)
{
	static SPIPlanPtr insert = NULL;
	static SPIPlanPtr update = NULL;
	SpiUser		saved;
	SpiArgs		args;
	ApiPrice	price;
	double		cost;
	int64		tokens = reply->input_tokens + reply->output_tokens +
	reply->cache_read_tokens + reply->cache_write_tokens;

	(void) guc_price(c->model, &price);
	cost = (reply->input_tokens * price.input + reply->output_tokens * price.output +
			reply->cache_read_tokens * price.cache_read +
			reply->cache_write_tokens * price.cache_write) / 1e6;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	http_args(&args, http);
	spi_arg_text(&args, body);
	spi_arg_bool(&args, usable);
	spi_arg_text(&args, reply->stop_word);
	spi_arg_int8(&args, reply->input_tokens);
	spi_arg_int8(&args, reply->output_tokens);
	spi_arg_int8(&args, reply->cache_read_tokens);
	spi_arg_int8(&args, reply->cache_write_tokens);
	spi_arg_float8(&args, cost);
	spi_arg_float8(&args, (reply->cache_read_tokens * (price.input - price.cache_read) -
						   reply->cache_write_tokens * (price.cache_write - price.input)) / 1e6);
	spi_exec_kept(&insert, "INSERT INTO selfheal.agent_turn (conversation, kind, status, request_id, latency_ms, body, usable, stop_reason,"
				  " input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost, saved)"
				  " VALUES ($1, 'reply', $2, $3, $4, $5::json, $6, $7, $8, $9, $10, $11, $12, $13)", &args);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_arg_int8(&args, tokens);
	spi_arg_float8(&args, cost);
	spi_exec_kept(&update, "UPDATE selfheal.conversation SET tokens = tokens + $2, cost = cost + $3, retries = 0, bare_429 = 0 WHERE id = $1", &args);
	spi_close(&saved);
	c->tokens += tokens;
	c->cost += cost;
	memset(&c->retry, 0, sizeof(c->retry));
}

#define LAST_REPLY \
	"(SELECT max(id) FROM selfheal.agent_turn WHERE conversation = $1 AND kind = 'reply' AND usable)"

bool
turns_unsay(const Conversation *c)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		was;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	was = spi_exec("UPDATE selfheal.agent_turn SET usable = false WHERE conversation = $1 AND kind IN ('request', 'reply')"
				   " AND id >= " LAST_REPLY, &args) > 0;
	spi_close(&saved);
	return was;
}

/* The calls of the last reply that have no result yet (ToolUse *). */
static List *
calls_left(const Conversation *c)
{
	static SPIPlanPtr last = NULL;
	static SPIPlanPtr result = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	MessagesReply *reply = NULL;
	char	   *body = NULL;
	const char *why;
	List	   *left = NIL;
	ListCell   *lc;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	if (spi_exec_kept(&last, "SELECT body::text FROM selfheal.agent_turn WHERE id = " LAST_REPLY, &args) > 0)
		body = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	if (body != NULL)
		reply = messages_reply(body, &why);
	if (reply == NULL || reply->stop != STOP_TOOL_USE)
		return NIL;
	spi_open(&saved);
	foreach(lc, reply->calls)
	{
		ToolUse    *use = lfirst(lc);

		spi_args(&args);
		spi_arg_int8(&args, c->id);
		spi_arg_text(&args, use->id);
		if (spi_exec_kept(&result, "SELECT FROM selfheal.agent_turn WHERE conversation = $1 AND kind = 'tool_result' AND tool_use = $2"
						  " AND id > " LAST_REPLY, &args) == 0)
		{
			MemoryContext old = MemoryContextSwitchTo(cxt);

			left = lappend(left, use);
			MemoryContextSwitchTo(old);
		}
	}
	spi_close(&saved);
	return left;
}

/* Conversation, number of the call and name of the tool as $1 to $3. */
static void
use_args(SpiArgs *args, const Conversation *c, const ToolUse *use)
{
	spi_args(args);
	spi_arg_int8(args, c->id);
	spi_arg_text(args, use->id);
	spi_arg_text(args, use->name);
}

int64
turns_call(const Conversation *c, const ToolUse *use, int *runs)
{
	static SPIPlanPtr insert = NULL;
	SpiUser		saved;
	SpiArgs		args;
	int64		plan;
	bool		isnull;

	spi_open(&saved);
	use_args(&args, c, use);
	spi_arg_text(&args, use->input);
	spi_exec_kept(&insert, "WITH before AS (SELECT count(*) AS runs, max(plan) AS plan FROM selfheal.agent_turn"
				  " WHERE conversation = $1 AND kind = 'tool_call' AND tool_use = $2 AND id > " LAST_REPLY "),"
				  " now AS (INSERT INTO selfheal.agent_turn (conversation, kind, tool_use, tool, body, plan)"
				  " SELECT $1, 'tool_call', $2, left($3, 200), $4::json, plan FROM before)"
				  " SELECT plan, runs + 1 FROM before", &args);
	plan = spi_get_int8(0, 1, &isnull);
	if (isnull)
		plan = 0;
	*runs = (int) spi_get_int8(0, 2, NULL);
	spi_close(&saved);
	return plan;
}

void
turns_call_plan(const Conversation *c, const ToolUse *use, int64 plan)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	spi_arg_text(&args, use->id);
	spi_arg_int8(&args, plan);
	spi_exec("UPDATE selfheal.agent_turn SET plan = $3 WHERE conversation = $1 AND kind = 'tool_call' AND tool_use = $2"
			 " AND id > " LAST_REPLY, &args);
	spi_close(&saved);
}

void
turns_result(const Conversation *c, const ToolUse *use, const char *block, bool is_error)
{
	static SPIPlanPtr plan = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	use_args(&args, c, use);
	spi_arg_text(&args, block);
	spi_arg_bool(&args, is_error);
	spi_exec_kept(&plan, "INSERT INTO selfheal.agent_turn (conversation, kind, tool_use, tool, body, is_error)"
				  " VALUES ($1, 'tool_result', $2, left($3, 200), $4::json, $5)", &args);
	spi_close(&saved);
}

char *
turns_results(const Conversation *c)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, c->id);
	n = spi_exec_kept(&plan, "SELECT body::text FROM selfheal.agent_turn WHERE conversation = $1 AND kind = 'tool_result'"
					  " AND id > " LAST_REPLY " ORDER BY id", &args);
	for (uint64 i = 0; i < n; i++)
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "", spi_get_text(i, 1, cxt));
	spi_close(&saved);
	appendStringInfoChar(&buf, ']');
	return buf.data;
}

bool
turns_forget(void)
{
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	if (guc_load_retention < 0)
		return false;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_timestamptz(&args, GetCurrentTimestamp() - guc_load_retention * USECS_PER_MINUTE);
	n = spi_exec("DELETE FROM selfheal.agent_turn WHERE id IN (SELECT t.id FROM selfheal.agent_turn t"
				 " JOIN selfheal.conversation v ON v.id = t.conversation"
				 " WHERE v.state = 'ended' AND v.ended_at < $1 ORDER BY t.id LIMIT 1000)", &args);
	spi_close(&saved);
	return n > 0;
}
