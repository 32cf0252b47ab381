-- Conversations with Claude: each step is a committed row before the next.

CREATE SEQUENCE selfheal.conversation_id_seq;
COMMENT ON SEQUENCE selfheal.conversation_id_seq IS 'ids of conversations';
CREATE TABLE selfheal.conversation (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.conversation_id_seq'),
	incident bigint NOT NULL,
	incidents bigint[] NOT NULL,
	relid regclass,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'waiting', 'ended')),
	outcome text CHECK (outcome IN ('proposed', 'no_plan', 'budget', 'refused', 'failed', 'too_long', 'superseded')),
	reason text,
	asked_because text NOT NULL,
	small boolean NOT NULL DEFAULT false,
	beside_plan boolean NOT NULL DEFAULT false,
	model text,
	prompt_hash text,
	share_values text,
	system text,
	tools json,
	marker text NOT NULL DEFAULT encode(sha256(uuid_send(gen_random_uuid())), 'hex'),
	schema_hash text NOT NULL,
	rows bigint NOT NULL DEFAULT 0,
	started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	ended_at timestamptz,
	next_try timestamptz,
	paused_at timestamptz,
	retries integer NOT NULL DEFAULT 0,
	bare_429 integer NOT NULL DEFAULT 0,
	nudges integer NOT NULL DEFAULT 0,
	calls integer NOT NULL DEFAULT 0,
	tokens bigint NOT NULL DEFAULT 0,
	cost double precision NOT NULL DEFAULT 0,
	plan bigint,
	confidence double precision,
	explanation text,
	options jsonb,
	CHECK ((state = 'ended') = (outcome IS NOT NULL))
);
ALTER SEQUENCE selfheal.conversation_id_seq OWNED BY selfheal.conversation.id;
CREATE UNIQUE INDEX conversation_live ON selfheal.conversation (incident) WHERE state <> 'ended';
CREATE INDEX conversation_incident ON selfheal.conversation (incident);
COMMENT ON TABLE selfheal.conversation IS 'what Claude was asked: one conversation about one incident';
COMMENT ON COLUMN selfheal.conversation.id IS 'number of the conversation';
COMMENT ON COLUMN selfheal.conversation.incident IS 'incident it is about';
COMMENT ON COLUMN selfheal.conversation.incidents IS 'it, and the other incidents of the same rows that a plan would be for';
COMMENT ON COLUMN selfheal.conversation.relid IS 'its table; null once that is gone';
COMMENT ON COLUMN selfheal.conversation.schema_name IS 'schema of the table then';
COMMENT ON COLUMN selfheal.conversation.table_name IS 'name of the table then';
COMMENT ON COLUMN selfheal.conversation.state IS 'open: it is Claude''s turn or ours; waiting: for a budget, or until Claude can be reached (next_try); ended';
COMMENT ON COLUMN selfheal.conversation.outcome IS
'proposed: a plan that was tried; no_plan: Claude knows none that is safe; budget: a limit was reached; refused: Claude refused to answer; failed: it could not be asked; too_long: what it was told did not fit its window; superseded: somebody or something else was quicker';
COMMENT ON COLUMN selfheal.conversation.reason IS 'why it waits or ended, in words';
COMMENT ON COLUMN selfheal.conversation.asked_because IS 'what the incident would have needed a person for: as selfheal.incident.reason_kind';
COMMENT ON COLUMN selfheal.conversation.small IS 'told less, since the first time was too long';
COMMENT ON COLUMN selfheal.conversation.beside_plan IS 'a playbook has a plan that a person is to approve: asked first, since what was sent looks renamed or restructured; the plan is made when Claude knows none';
COMMENT ON COLUMN selfheal.conversation.model IS 'model that is asked';
COMMENT ON COLUMN selfheal.conversation.prompt_hash IS 'sha256 of the system prompt';
COMMENT ON COLUMN selfheal.conversation.share_values IS 'the most that was told of values in it; when less may be told it is begun anew';
COMMENT ON COLUMN selfheal.conversation.system IS 'the system prompt as it was sent: a conversation goes on with what it began with';
COMMENT ON COLUMN selfheal.conversation.tools IS 'the tools as they were offered';
COMMENT ON COLUMN selfheal.conversation.marker IS 'fence around data in this conversation''s messages; nobody who writes data can guess it';
COMMENT ON COLUMN selfheal.conversation.schema_hash IS 'sha256 of the table''s definition when it began: asked once, an incident is asked about again only of another table, or when a person retries it';
COMMENT ON COLUMN selfheal.conversation.rows IS 'rows that its incidents had when it was begun: where there are more in the end the table is looked at again';
COMMENT ON COLUMN selfheal.conversation.started_at IS 'when it was begun';
COMMENT ON COLUMN selfheal.conversation.ended_at IS 'when it ended';
COMMENT ON COLUMN selfheal.conversation.next_try IS 'not before this time';
COMMENT ON COLUMN selfheal.conversation.paused_at IS 'when it was put off; one that waits is looked at again when the configuration is reloaded after that';
COMMENT ON COLUMN selfheal.conversation.retries IS 'repetitions of the request that is under way';
COMMENT ON COLUMN selfheal.conversation.bare_429 IS 'rate limits in a row that did not say for how long';
COMMENT ON COLUMN selfheal.conversation.nudges IS 'how often an answer was of no use and was asked for again';
COMMENT ON COLUMN selfheal.conversation.calls IS 'requests that were made';
COMMENT ON COLUMN selfheal.conversation.tokens IS 'tokens of all requests and replies';
COMMENT ON COLUMN selfheal.conversation.cost IS 'dollars, by selfheal.prices';
COMMENT ON COLUMN selfheal.conversation.plan IS 'plan it led to';
COMMENT ON COLUMN selfheal.conversation.confidence IS 'how sure Claude was, from 0 to 1';
COMMENT ON COLUMN selfheal.conversation.explanation IS 'what Claude said last';
COMMENT ON COLUMN selfheal.conversation.options IS 'what it considered: [{"option", "taken", "why"}]';
COMMENT ON INDEX selfheal.conversation_live IS 'one at a time for an incident';
COMMENT ON INDEX selfheal.conversation_incident IS 'conversations of an incident';

CREATE SEQUENCE selfheal.agent_turn_id_seq;
COMMENT ON SEQUENCE selfheal.agent_turn_id_seq IS 'ids of turns';
CREATE TABLE selfheal.agent_turn (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.agent_turn_id_seq'),
	conversation bigint NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	kind text NOT NULL CHECK (kind IN ('request', 'reply', 'failure', 'tool_call', 'tool_result')),
	body json,
	usable boolean NOT NULL DEFAULT true,
	stop_reason text,
	tool text,
	tool_use text,
	is_error boolean,
	plan bigint,
	status integer,
	fault text,
	request_id text,
	latency_ms bigint,
	input_tokens bigint,
	output_tokens bigint,
	cache_read_tokens bigint,
	cache_write_tokens bigint,
	cost double precision,
	saved double precision
);
ALTER SEQUENCE selfheal.agent_turn_id_seq OWNED BY selfheal.agent_turn.id;
CREATE INDEX agent_turn_conversation ON selfheal.agent_turn (conversation, id);
CREATE INDEX agent_turn_spent ON selfheal.agent_turn (at) WHERE kind = 'request' OR cost IS NOT NULL;
COMMENT ON TABLE selfheal.agent_turn IS 'conversations with Claude step by step, each committed before the next: what was sent, what came, what was done';
COMMENT ON COLUMN selfheal.agent_turn.id IS 'order of the steps';
COMMENT ON COLUMN selfheal.agent_turn.conversation IS 'conversation it belongs to';
COMMENT ON COLUMN selfheal.agent_turn.at IS 'when it was committed, but for the moment that takes';
COMMENT ON COLUMN selfheal.agent_turn.kind IS 'request, reply, failure (no reply that is a message), tool_call (once more when the process that ran it was killed), tool_result';
COMMENT ON COLUMN selfheal.agent_turn.body IS 'request: the blocks that it adds to what was said before, null when it is only made again; reply: the message as it came; tool_call: the arguments; tool_result: the block that is sent back';
COMMENT ON COLUMN selfheal.agent_turn.usable IS 'false: a reply that is not gone on from, since it was cut or empty, or not taken when it was sent back; and what was answered to that';
COMMENT ON COLUMN selfheal.agent_turn.stop_reason IS 'why the model stopped';
COMMENT ON COLUMN selfheal.agent_turn.tool IS 'tool that was called';
COMMENT ON COLUMN selfheal.agent_turn.tool_use IS 'the model''s number of the call';
COMMENT ON COLUMN selfheal.agent_turn.is_error IS 'did the call fail?';
COMMENT ON COLUMN selfheal.agent_turn.plan IS 'tool_call: plan that was stored for it';
COMMENT ON COLUMN selfheal.agent_turn.status IS 'HTTP status';
COMMENT ON COLUMN selfheal.agent_turn.fault IS 'what went wrong, without a word of the reply';
COMMENT ON COLUMN selfheal.agent_turn.request_id IS 'the API''s number of the request';
COMMENT ON COLUMN selfheal.agent_turn.latency_ms IS 'from the request to its end';
COMMENT ON COLUMN selfheal.agent_turn.input_tokens IS 'tokens that were read anew';
COMMENT ON COLUMN selfheal.agent_turn.output_tokens IS 'tokens that were written, thinking included';
COMMENT ON COLUMN selfheal.agent_turn.cache_read_tokens IS 'tokens that the prompt cache had';
COMMENT ON COLUMN selfheal.agent_turn.cache_write_tokens IS 'tokens that it took in';
COMMENT ON COLUMN selfheal.agent_turn.cost IS 'dollars, by selfheal.prices';
COMMENT ON COLUMN selfheal.agent_turn.saved IS 'dollars that the prompt cache saved: less than nothing where it was only written to';
COMMENT ON INDEX selfheal.agent_turn_conversation IS 'a conversation''s steps';
COMMENT ON INDEX selfheal.agent_turn_spent IS 'what was spent lately';

CREATE TABLE selfheal.claude_down (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	since timestamptz NOT NULL DEFAULT clock_timestamp(),
	reason text NOT NULL,
	checked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	try_at timestamptz NOT NULL
);
COMMENT ON TABLE selfheal.claude_down IS 'a row while Claude cannot be asked: playbooks go on';
COMMENT ON COLUMN selfheal.claude_down.one IS 'there is one row at most';
COMMENT ON COLUMN selfheal.claude_down.since IS 'since when';
COMMENT ON COLUMN selfheal.claude_down.reason IS 'why';
COMMENT ON COLUMN selfheal.claude_down.checked_at IS 'when it was tried last';
COMMENT ON COLUMN selfheal.claude_down.try_at IS 'when it is tried again; also when the configuration is reloaded';

SELECT pg_catalog.pg_extension_config_dump('selfheal.conversation', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.conversation_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.agent_turn', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.agent_turn_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.claude_down', '');

CREATE FUNCTION selfheal.claude_state(OUT state text, OUT why text)
AS 'MODULE_PATHNAME', 'selfheal_claude_state' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.claude_state() IS
'could Claude be asked, by the settings and the key''s file: ready, off (selfheal.claude), no key, unavailable (why); what it answers is no part of it';
REVOKE ALL ON FUNCTION selfheal.claude_state() FROM PUBLIC;
