/*
 * handshake.c
 *	  What client and database agreed on, so that a new connection can be told.
 */
#include "bridge/handshake.h"

#include <stdlib.h>

/* The revision that has batches; those before and after it have none. */
#define BATCH_REVISION "2025-03-26"

#define STEPS 2

static char *lines[STEPS];		/* initialize, notifications/initialized */
static bool has_batches;

static void
keep(int step, const Call *call)
{
	free(lines[step]);
	lines[step] = must_copy(call->text, call->message.text.len);
}

void
handshake_remember(const Call *call, const char *answer, size_t len)
{
	const Message *message = &call->message;
	Span		text = {answer, len},
				result;

	if (message->kind == MESSAGE_REQUEST && json_string_is(message->method, "initialize"))
	{
		result = json_member(text, "result");
		if (result.at == NULL)
			return;
		handshake_forget();
		keep(0, call);
		has_batches = json_string_is(json_member(result, "protocolVersion"), BATCH_REVISION);
	}
	else if (lines[0] != NULL && json_string_is(message->method, "notifications/initialized"))
		keep(1, call);
}

const char *
handshake_line(int *step)
{
	while (*step < STEPS && lines[*step] == NULL)
		(*step)++;
	return *step < STEPS ? lines[*step] : NULL;
}

bool
handshake_has_batches(void)
{
	return has_batches;
}

void
handshake_forget(void)
{
	int			i;

	for (i = 0; i < STEPS; i++)
	{
		free(lines[i]);
		lines[i] = NULL;
	}
	has_batches = false;
}
