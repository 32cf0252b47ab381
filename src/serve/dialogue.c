/*
 * dialogue.c
 *	  One conversation's next steps.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/canon.h"
#include "base/giveway.h"
#include "base/guc.h"
#include "base/guc_claude.h"
#include "base/retry.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "common/pg_prng.h"
#include "decide/docket.h"
#include "decide/messages.h"
#include "decide/plan.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "observe/sharing.h"
#include "orient/incident.h"
#include "orient/packet.h"
#include "record/audit.h"
#include "serve/budget.h"
#include "serve/claude.h"
#include "serve/dialogue.h"
#include "serve/plantools.h"
#include "serve/prompt.h"
#include "serve/toolargs.h"
#include "serve/tools.h"
#include "serve/turns.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Answers of no use (cut, refused, without a call, with an unknown stop) that
 * are asked for again. */
#define MAX_NUDGES 2

/* A step that met somebody's lock is taken again after this. */
#define LOCK_PAUSE_MS 5000

/* Calls of one answer that are run. */
#define MAX_CALLS 16

/* How often a call is begun that never came to its end. */
#define MAX_RUNS 3

/* Is there anything to go on with? */
static bool
is_live(const Conversation *c)
{
	return c != NULL && !c->ended;
}

/* The incident's reason before Claude was asked. */
static HumanReason
asked_because(const Conversation *c)
{
	for (int i = 0; i < HUMAN_REASONS; i++)
		if (strcmp(incident_human_name((HumanReason) i), c->asked_because) == 0)
			return (HumanReason) i;
	return HUMAN_NO_PLAYBOOK;
}

/* The end without a plan: a person is needed after all, or the plan that a
 * playbook has is put before one. */
static void
give_up(const Conversation *c, Outcome outcome, const char *reason)
{
	IncidentNote note = {
		.reason = psprintf("Claude was asked: %s", reason),
		.human = outcome == OUTCOME_BUDGET ? HUMAN_BUDGET : asked_because(c),
		.uncharge = c->beside_plan
	};

	conversation_end(c, outcome, reason);
	if (outcome == OUTCOME_TOO_LONG && !c->small)
		return;					/* and begun anew */
	conversation_leave(c, c->beside_plan ? INCIDENT_OPEN : INCIDENT_NEEDS_HUMAN, &note);
	shmem_wake_at_commit();
}

/* The same, in Claude's own words, which are no more than that. */
static void
no_plan(const Conversation *c)
{
	char	   *said = conversation_words(c);

	give_up(c, OUTCOME_NO_PLAN, said ? psprintf("it knows no safe change, and says \"%s\"", said) :
			"it knows no safe change");
}

/* Not now; a person sees it meanwhile, and may be quicker. */
static void
put_off(Conversation *c, HumanReason human, const char *reason, TimestampTz again)
{
	IncidentNote note = {.reason = reason,.human = human};

	if (c->beside_plan)
	{
		/* there is a plan without it, and rows wait */
		give_up(c, human == HUMAN_BUDGET ? OUTCOME_BUDGET : OUTCOME_FAILED, reason);
		return;
	}
	conversation_pause(c, again, true, reason);
	conversation_leave(c, INCIDENT_NEEDS_HUMAN, &note);
}

/* The array of one text block. */
static char *
one_text(const char *text)
{
	return psprintf("[%s]", messages_text_block(text));
}

/* What brings an answer of no use back to the matter. */
static const char *
nudge(const Conversation *c)
{
	StopReason	stop = turns_last_stop(c);

	if (stop == STOP_MAX_TOKENS)
		return "Your answer was cut off at the limit of its length. Think less and answer with one small tool call.";
	if (stop == STOP_REFUSAL)
		return "This is the operator's own database, and what is asked for is a change of a table's definition, "
			"vetted and tried before anything is done. If you cannot help, call propose_plan with empty ddl and no steps.";
	return "Nothing was proposed. Go on by calling a tool; if no change is safe, call propose_plan with empty ddl and no steps, "
		"and say in the explanation what a person has to decide.";
}

/* The first message; one that was too long is told without values. */
static char *
packet_message(const Conversation *c)
{
	Jsonb	   *blocks = packet_blocks(c->incident, c->small ? SHARE_NONE : sharing_of(c->relid), c->marker);

	return JsonbToCString(NULL, &blocks->root, VARSIZE(blocks));
}

/* The tools as they are offered to a conversation that begins now. */
static char *
tools_now(void)
{
	return tools_schema_json(TOOL_AUDIENCE_AGENT, (guc_api_omitted() & API_OMIT_STRICT) == 0);
}

/* Begin: model, prompt, tools and the packet, as they are now. */
static char *
begin(Conversation *c)
{
	char	   *blocks;
	AuditEntry	entry;

	if (!c->small)
		conversation_tells(c, sharing_of(c->relid));
	conversation_begin(c, guc_model, prompt_system, canon_sha256(prompt_system),
					   tools_now());
	blocks = packet_message(c);
	conversation_entry(&entry, "asked", c);
	entry.packet = incident_stored_packet(c->incident);
	entry.result = psprintf("%s; sha256 of what was sent: %s", c->model, canon_sha256(blocks));
	audit_write(&entry);
	return blocks;
}

/* What the next request adds, by the step; *text NULL: nothing. False when the
 * conversation ends here. */
static bool
next_blocks(Conversation *c, NextStep step, char **blocks)
{
	*blocks = NULL;
	if (step == NEXT_BEGIN)
		*blocks = begin(c);
	else if (step == NEXT_ANSWER)
		*blocks = turns_results(c);
	else if (step == NEXT_NUDGE)
	{
		StopReason	stop = turns_last_stop(c);

		if (c->nudges >= MAX_NUDGES)
		{
			if (stop == STOP_END_TURN)
				no_plan(c);
			else
				give_up(c, stop == STOP_REFUSAL ? OUTCOME_REFUSED : OUTCOME_FAILED,
						stop == STOP_REFUSAL ? "it refused to answer" :
						stop == STOP_MAX_TOKENS ? "its answers were cut off at selfheal.max_tokens" :
						"its answers ended for a reason that is not known here");
			return false;
		}
		conversation_nudged(c);
		*blocks = one_text(nudge(c));
	}
	return true;
}

/*
 * The request of this step as it goes over the wire, stored and committed; in
 * cxt. NULL: paused or ended.
 */
static char *
prepare(Conversation *c, NextStep step, MemoryContext cxt)
{
	MessagesRequest request = {0};
	int			omitted = guc_api_omitted();
	char	   *blocks;
	char	   *reason;
	char	   *wire;
	TimestampTz again;
	MemoryContext old;

	if (step != NEXT_BEGIN && sharing_of(c->relid) < c->told)
	{
		/* what was told is in each request anew */
		conversation_renew(c, "less may be told of values now");
		return NULL;
	}
	if (step == NEXT_REQUEST && c->not_taken && strcmp(c->model, guc_model) != 0)
	{
		/* what one model has thought is of no use to another */
		conversation_renew(c, psprintf("%s is not served, and %s is set now", c->model, guc_model));
		return NULL;
	}
	if (step == NEXT_REQUEST && c->not_taken && strcmp(c->tools, tools_now()) != 0)
	{
		conversation_renew(c, "the tools are offered in another form now");
		return NULL;
	}
	if (!claude_may(&reason, &again))
	{
		put_off(c, asked_because(c), psprintf("Claude is unavailable: %s", reason), again);
		return NULL;
	}
	if (!budget_allows(c, &reason, &again))
	{
		claude_not_asked();
		if (again == 0)
			give_up(c, OUTCOME_BUDGET, reason);
		else
			put_off(c, HUMAN_BUDGET, reason, again);
		return NULL;
	}
	if (!next_blocks(c, step, &blocks))
	{
		claude_not_asked();
		return NULL;
	}
	turns_request(c, blocks);
	request.model = c->model;
	request.max_tokens = guc_max_tokens;
	request.effort = (omitted & API_OMIT_OUTPUT_CONFIG) == 0 ? guc_effort_name(guc_effort) : NULL;
	request.system = c->system;
	request.tools = c->tools;
	request.cached = (omitted & API_OMIT_CACHE_CONTROL) == 0;
	request.history = turns_history(c);
	old = MemoryContextSwitchTo(cxt);
	wire = pstrdup(messages_to_wire(messages_request(&request)));
	MemoryContextSwitchTo(old);
	return wire;
}

/* The arguments of a call as jsonb; NULL when they are none. */
typedef struct Arguments
{
	const char *text;
	Jsonb	   *args;
	MemoryContext cxt;
} Arguments;

static void
read_arguments(void *arg)
{
	Arguments  *a = arg;
	MemoryContext old = MemoryContextSwitchTo(a->cxt);

	a->args = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(a->text)));
	MemoryContextSwitchTo(old);
}

/* A proposal of nothing is an answer as well. */
static const ToolResult understood = {.text = "understood: a person decides"};

/* The call is over. Audit: tool_called. */
static void
close_call(const Conversation *c, const ToolUse *use, const ToolResult *result)
{
	AuditEntry	entry;

	turns_result(c, use, messages_result_block(use->id, result->text, result->is_error),
				 result->is_error);
	conversation_entry(&entry, "tool_called", c);
	entry.explanation = psprintf("%s, arguments sha256 %s", use->name, canon_sha256(use->input));
	entry.result = result->is_error ? result->text : "ok";
	audit_write(&entry);
}

/* The conversation, locked by the transaction that was just begun; NULL when it
 * has ended, or is not wanted any more. */
static Conversation *
wanted(int64 id)
{
	Conversation *c = conversation_get(id);

	return is_live(c) && conversation_wanted(c) ? c : NULL;
}

/* A call that failed in the middle, or ended its process, again and again: it is
 * not run any more, nor is what it left tried. */
static ToolResult *
cut_short(int64 plan, int runs)
{
	if (plan != 0 && docket_get(plan, true)->state == PLAN_PLANNED)
		docket_move(plan, PLAN_FAILED, NULL, "it was tried again and again, and never to the end");
	return tools_error("this call was begun %d times and never came to its end: it is not run again", runs);
}

typedef enum CallStep
{
	CALL_OVER,					/* it has its result */
	CALL_GOES_ON,
	CALL_ENDS					/* the conversation has ended by it, or before */
} CallStep;

/* Write a call down before it is run: that it ends the process each time would
 * not be known otherwise. *plan is what an earlier run of it has stored. */
static CallStep
begin_call(int64 id, const ToolUse *use, bool too_many, int64 *plan)
{
	Conversation *c = wanted(id);
	ToolResult *result = NULL;
	int			runs;

	if (c == NULL)
		return CALL_ENDS;
	*plan = turns_call(c, use, &runs);
	if (too_many)
		result = tools_error("more than %d calls in one answer: call it again in the next", MAX_CALLS);
	else if (runs > MAX_RUNS)
		result = cut_short(*plan, runs - 1);
	if (result == NULL)
		return CALL_GOES_ON;
	close_call(c, use, result);
	return CALL_OVER;
}

/* Any tool but propose_plan; and of that one, what comes before its dry run. */
static CallStep
do_call(int64 id, const ToolUse *use, Arguments *a, int64 *plan)
{
	Conversation *c = wanted(id);
	ToolResult *result = NULL;
	Proposal	proposal = PROPOSAL_WRONG;

	if (c == NULL)
		return CALL_ENDS;
	if (spi_try(read_arguments, a) != NULL)
		result = tools_error("the arguments are no JSON that this database can hold: %s", toolargs_unfit(use->input));
	else if (strcmp(use->name, plantools_propose.name) != 0)
	{
		ToolContext ctx = {TOOL_AUDIENCE_AGENT, c->incident, sharing_of(c->relid), c->model, NULL};

		conversation_tells(c, ctx.share);
		result = tools_call(&ctx, use->name, a->args);
	}
	else if (*plan != 0)
		proposal = PROPOSAL_STORED; /* by a process that was killed */
	else
	{
		Jsonb	   *args = NULL;
		char	   *wrong = tools_check(&plantools_propose, a->args, &args);

		if (wrong != NULL)
			result = tools_error("%s: %s", use->name, wrong);
		else
			proposal = plantools_store(c, args, plan, &result);
		if (proposal == PROPOSAL_STORED)
			turns_call_plan(c, use, *plan);
	}
	if (proposal == PROPOSAL_STORED)
		return CALL_GOES_ON;
	if (proposal == PROPOSAL_NONE)
	{
		close_call(c, use, &understood);
		no_plan(c);
		return CALL_ENDS;
	}
	close_call(c, use, result);
	return CALL_OVER;
}

/* The plan is stored; now it is tried. */
static CallStep
try_plan(int64 id, const ToolUse *use, Jsonb *args, int64 plan)
{
	Conversation *c = wanted(id);
	bool		accepted;

	if (c == NULL)
		return CALL_ENDS;
	close_call(c, use, plantools_try(c, args, plan, &accepted));
	if (!accepted)
		return CALL_OVER;
	conversation_end(c, OUTCOME_PROPOSED, psprintf("plan " INT64_FORMAT, plan));
	return CALL_ENDS;
}

/*
 * Run one call, in as many transactions as it takes. False when the
 * conversation has ended by it, or is not wanted any more.
 */
static bool
run_call(int64 id, const ToolUse *use, bool too_many)
{
	MemoryContext cxt = CurrentMemoryContext;
	Arguments	a = {use->input, NULL, cxt};
	CallStep	step = CALL_GOES_ON;
	int64		plan = 0;

	for (int i = 0; i < 3 && step == CALL_GOES_ON; i++)
	{
		spi_xact_begin();
		MemoryContextSwitchTo(cxt);
		step = i == 0 ? begin_call(id, use, too_many, &plan) :
			i == 1 ? do_call(id, use, &a, &plan) :
			try_plan(id, use, a.args, plan);
		spi_xact_commit(false);
		MemoryContextSwitchTo(cxt);
	}
	return step == CALL_OVER;
}

/* The file or environment has no key, or the address is none: somebody must
 * mend it, and nothing is lost meanwhile. */
static void
not_sent(int64 id, const char *why)
{
	MemoryContext cxt = CurrentMemoryContext;
	Conversation *c;

	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	claude_unavailable(why);
	c = conversation_get(id);
	if (is_live(c) && conversation_wanted(c))
	{
		TimestampTz again;

		if (claude_down_until(&again))
			put_off(c, asked_because(c), psprintf("Claude is unavailable: %s", why), again);
	}
	spi_xact_commit(false);
	MemoryContextSwitchTo(cxt);
}

HttpTransfer *
dialogue_advance(int64 id)
{
	MemoryContext cxt = CurrentMemoryContext;
	HttpTransfer *transfer;
	const char *why;

	for (;;)
	{
		Conversation *c;
		NextStep	step = NEXT_BEGIN;
		char	   *body = NULL;
		List	   *calls = NIL;
		ListCell   *lc;

		CHECK_FOR_INTERRUPTS();
		spi_xact_begin();
		MemoryContextSwitchTo(cxt);
		c = conversation_get(id);
		if (is_live(c) && !c->paused && conversation_wanted(c))
		{
			step = turns_step(c, &calls);
			if (step != NEXT_CALLS)
				body = prepare(c, step, cxt);
		}
		spi_xact_commit(false);
		MemoryContextSwitchTo(cxt);
		if (body != NULL)
		{
			transfer = claude_post(body, &why);
			if (transfer == NULL)
				not_sent(id, why);
			return transfer;
		}
		if (calls == NIL)
			return NULL;
		foreach(lc, calls)
		{
			if (!run_call(id, lfirst(lc), foreach_current_index(lc) >= MAX_CALLS))
				return NULL;
		}
	}
}

/*
 * What somebody has to change before it is of use to go on, for this incident or
 * any other: the key, the model, the address or another setting. NULL: nothing
 * that is known; "": nothing that is a setting.
 */
static const char *
ours_to_mend(const HttpReply *http)
{
	if (http->fault == HTTP_FAULT_TLS || http->fault == HTTP_FAULT_REQUEST)
		return "see selfheal.api_url and selfheal.api_ca_file";
	if (http->fault != HTTP_FAULT_NONE)
		return NULL;
	switch (http->status)
	{
		case 400:
			if (messages_error_type(http->body) == NULL)
				return "what answers is no Messages API: see selfheal.api_url";
			return messages_too_long(http->body) ? NULL : messages_setting_hint(http->body);
		case 401:
			return "see selfheal.api_key_file and selfheal.api_auth";
		case 402:
		case 403:
			return "";
		case 404:
			return "see selfheal.model and the path of selfheal.api_url";
		case 405:
			return "what answers is no Messages API: see selfheal.api_url";
		default:
			return http->status >= 300 && http->status < 400 ?
				"it says to ask elsewhere, which is not done: see selfheal.api_url" : NULL;
	}
}

/* An answer that is none: again, later, or given up. A server that is down is
 * waited for, however long: that is no matter of this incident. */
static void
failed(Conversation *c, const HttpReply *http, const char *fault)
{
	RetryPolicy policy = retry_defaults;
	HttpReply	seen = *http;
	const char *mend = ours_to_mend(http);
	bool		too_long = http->status == 413 || (http->status == 400 && messages_too_long(http->body));
	bool		unsaid = false;
	bool		nobody_there = http->fault == HTTP_FAULT_RESOLVE || http->fault == HTTP_FAULT_CONNECT;
	RetryAnswer answer;
	TimestampTz again;

	/* a success that is no message may be one the next time */
	if (http->fault == HTTP_FAULT_NONE && http->status >= 200 && http->status < 300)
		seen.status = 502;
	policy.max_retries = guc_api_retries;
	answer = retry_decide(&policy, &c->retry, &seen,
						  pg_prng_double(&pg_global_prng_state), retry_now_ms());
	turns_failure(c, http, fault);
	if (http->status == 400 && mend == NULL && !too_long && messages_history_refused(http->body) &&
		c->nudges < MAX_NUDGES)
		unsaid = turns_unsay(c);
	if (mend != NULL)
		claude_unavailable(fault);
	else if (retry_breaker_failure(&seen) || (http->status == 400 && !too_long && !unsaid))
		claude_failed(fault, nobody_there && answer.verdict == RETRY_USED_UP);
	else
		claude_went_well();
	if (c->ended || !conversation_wanted(c))
		return;
	if ((answer.verdict == RETRY_USED_UP || mend != NULL) && claude_down_until(&again))
		put_off(c, asked_because(c), psprintf("Claude is unavailable: %s", fault), again);
	else if (too_long)
		give_up(c, OUTCOME_TOO_LONG, "what it was to be told is too long");
	else if (unsaid)
		return;					/* and asked again */
	else if (answer.verdict == RETRY_AGAIN)
		conversation_pause(c, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), answer.wait_ms), false, fault);
	else
		give_up(c, OUTCOME_FAILED, fault);
}

/* What went wrong, for people: no text of the reply but the type of its error. */
static char *
fault_words(const HttpReply *http)
{
	const char *mend = ours_to_mend(http);
	const char *type = http->fault == HTTP_FAULT_NONE ? messages_error_type(http->body) : NULL;
	StringInfoData buf;

	initStringInfo(&buf);
	if (http->fault != HTTP_FAULT_NONE)
		appendStringInfoString(&buf, http->why);
	else
		appendStringInfo(&buf, "HTTP status %d", http->status);
	if (type != NULL)
		appendStringInfo(&buf, " (%s)", type);
	if (mend != NULL && mend[0] != '\0')
		appendStringInfo(&buf, ": %s", mend);
	return buf.data;
}

void
dialogue_answered(int64 id, const HttpReply *http)
{
	MemoryContext cxt = CurrentMemoryContext;
	Conversation *c;
	MessagesReply *reply = NULL;
	char	   *body = NULL;
	const char *why = NULL;

	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	c = conversation_get(id);
	if (c == NULL)
		claude_not_asked();		/* the extension was dropped, and made anew */
	else if (http->fault != HTTP_FAULT_NONE || http->status < 200 || http->status >= 300)
		failed(c, http, fault_words(http));
	else
	{
		body = messages_from_wire(http->body, http->body_len);
		if (body != NULL)
			reply = messages_reply(body, &why);
		if (reply == NULL)
			failed(c, http, why ? why : "the reply is not text in UTF-8");
	}
	if (reply != NULL)
	{
		/* a text of nothing, or half a character, cannot be sent back */
		bool		said = reply->text[0] != '\0';
		bool		usable = !reply->torn &&
		(reply->stop == STOP_TOOL_USE || (reply->stop == STOP_END_TURN && said));

		claude_went_well();
		turns_reply(c, http, reply, body, usable);
		if (said)
			conversation_says(c, 0, -1, reply->text, NULL);
		/* what nobody waits for any more is paid for all the same */
		if (!c->ended && conversation_wanted(c) && reply->stop == STOP_CONTEXT_EXCEEDED)
			give_up(c, OUTCOME_TOO_LONG, "the conversation does not fit the model's window");
	}
	spi_xact_commit(false);
	MemoryContextSwitchTo(cxt);
}

void
dialogue_broke(int64 id, const ErrorData *edata)
{
	MemoryContext cxt = CurrentMemoryContext;
	Conversation *c;
	HttpReply	none = {0};

	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	c = conversation_get(id);
	if (is_live(c) && conversation_wanted(c))
	{
		const char *words = sharing_message(c->relid, edata->message);

		if (giveway_was(edata))
		{
			/* somebody has what the next step reads: nothing has failed */
			conversation_pause(c, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOCK_PAUSE_MS), false, words);
			spi_xact_commit(false);
			MemoryContextSwitchTo(cxt);
			return;
		}
		c->retry.retries++;
		turns_failure(c, &none, words);
		if (c->retry.retries > guc_api_retries)
			give_up(c, OUTCOME_FAILED, words);
		else
			conversation_pause(c, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), 1000L << Min(c->retry.retries, 10)),
							   false, words);
	}
	spi_xact_commit(false);
	MemoryContextSwitchTo(cxt);
}
