/*
 * calls.c
 *	  Calls that wait for the database, and the answers to a batch.
 */
#include "bridge/calls.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/limits.h"
#include "bridge/wire.h"

static Call *first;
static Call **last = &first;
static size_t waiting;
static size_t waiting_bytes;

Batch *
batch_begin(void)
{
	Batch	   *batch = must_alloc(sizeof(Batch));

	buffer_init(&batch->out);
	batch->open = 1;
	return batch;
}

void
batch_end(Batch *batch)
{
	if (batch == NULL || --batch->open > 0)
		return;
	if (batch->out.len > 0)
	{
		buffer_add(&batch->out, "]");
		wire_give(batch->out.data, batch->out.len);
	}
	buffer_free(&batch->out);
	free(batch);
}

void
calls_answer(Batch *batch, const char *text, size_t len)
{
	char	   *line = must_copy(text, len);
	size_t		i;

	for (i = 0; i < len; i++)
	{
		if (line[i] == '\n' || line[i] == '\r')
			line[i] = ' ';
	}
	if (batch != NULL)
	{
		buffer_add(&batch->out, batch->out.len == 0 ? "[" : ",");
		buffer_append(&batch->out, line, len);
	}
	else
		wire_give(line, len);
	free(line);
}

void
calls_refuse(Batch *batch, Span id, int code, const char *text, const char *hint)
{
	Buffer		answer;

	buffer_init(&answer);
	message_error(&answer, id, code, text, hint, NULL);
	calls_answer(batch, answer.data, answer.len);
	buffer_free(&answer);
}

/* The same bytes in the copy. */
static Span
moved(Span span, const Message *message, const char *text)
{
	if (span.at != NULL)
		span.at = text + (span.at - message->text.at);
	return span;
}

bool
calls_push(const Message *message, Batch *batch)
{
	Call	   *call;

	if (waiting >= QUEUE_LIMIT || waiting_bytes + message->text.len > QUEUE_BYTES)
		return false;
	call = must_alloc(sizeof(Call));
	memset(call, 0, sizeof(Call));
	call->text = must_copy(message->text.at, message->text.len);
	call->message = *message;
	call->message.text.at = call->text;
	call->message.id = moved(message->id, message, call->text);
	call->message.method = moved(message->method, message, call->text);
	call->message.params = moved(message->params, message, call->text);
	call->message.token = moved(message->token, message, call->text);
	call->batch = batch;
	call->told = -1;
	if (batch != NULL)
		batch->open++;
	*last = call;
	last = &call->next;
	waiting++;
	waiting_bytes += message->text.len;
	return true;
}

const Call *
calls_first(void)
{
	return first;
}

/* Out of the list. */
static Call *
unlink_call(Call **link)
{
	Call	   *call = *link;

	*link = call->next;
	if (last == &call->next)
		last = link;
	call->next = NULL;
	waiting--;
	waiting_bytes -= call->message.text.len;
	return call;
}

Call *
calls_pop(void)
{
	return first != NULL ? unlink_call(&first) : NULL;
}

void
calls_drop(Span id)
{
	Call	  **link = &first;

	while (*link != NULL)
	{
		if (json_same((*link)->message.id, id))
			call_end(unlink_call(link));
		else
			link = &(*link)->next;
	}
}

void
call_end(Call *call)
{
	batch_end(call->batch);
	free(call->text);
	free(call);
}
