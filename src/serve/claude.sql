-- What is seen of the conversations with Claude.

CREATE VIEW selfheal.conversations WITH (security_barrier) AS
SELECT v.id, v.incident, format('%I.%I', v.schema_name, v.table_name) AS table_name, v.state, v.outcome, selfheal.told(v.relid, v.reason) AS reason,
	v.plan AS plan_id, v.confidence, selfheal.told(v.relid, v.explanation) AS explanation, selfheal.told_json(v.relid, v.options) AS options, v.model, v.prompt_hash, v.calls, v.tokens,
	round(v.cost::numeric, 6) AS dollars, v.started_at, v.ended_at, v.next_try
FROM selfheal.conversation v
WHERE selfheal.may_see(v.relid)
ORDER BY v.id;
COMMENT ON VIEW selfheal.conversations IS 'what Claude was asked, what came of it and what it cost';

CREATE VIEW selfheal.turns WITH (security_barrier) AS
SELECT t.id, t.conversation, v.incident, t.at, t.kind, t.tool, t.is_error, t.stop_reason, t.status, t.fault, t.request_id,
	t.latency_ms, t.input_tokens, t.output_tokens, t.cache_read_tokens, t.cache_write_tokens,
	round(t.cost::numeric, 6) AS dollars, t.plan AS plan_id,
	CASE WHEN selfheal.told_all(v.relid) THEN t.body END AS body
FROM selfheal.agent_turn t JOIN selfheal.conversation v ON v.id = t.conversation
WHERE selfheal.may_see(v.relid)
ORDER BY t.id;
COMMENT ON VIEW selfheal.turns IS 'conversations with Claude step by step: what was sent, what came, which tools were called';

-- What the cache has saved: tokens that were read from it at its price instead
-- of the input's, less what it cost to write them.
CREATE VIEW selfheal.stat AS
SELECT s.item, s.value FROM (
	SELECT 1 AS n, 'rows stored by replay' AS item, coalesce(sum(rows), 0)::numeric AS value FROM selfheal.replayed
	UNION ALL SELECT 2, 'rows held', count(*) FROM selfheal.quarantine WHERE state = 'held' AND witness IS NULL
	UNION ALL SELECT 3, 'incidents', count(*) FROM selfheal.incident
	UNION ALL SELECT 4, 'incidents healed', count(*) FROM selfheal.incident WHERE state = 'healed'
	UNION ALL SELECT 5, 'plans applied', count(*) FROM selfheal.plan WHERE state = 'applied'
	UNION ALL SELECT 6, 'plans applied of Claude''s', count(*) FROM selfheal.plan WHERE state = 'applied' AND conversation IS NOT NULL
	UNION ALL SELECT 7, 'conversations', count(*) FROM selfheal.conversation
	UNION ALL SELECT 8, 'requests to Claude', coalesce(sum(calls), 0) FROM selfheal.conversation
	UNION ALL SELECT 9, 'tokens read anew', coalesce(sum(input_tokens), 0) FROM selfheal.agent_turn
	UNION ALL SELECT 10, 'tokens written to the prompt cache', coalesce(sum(cache_write_tokens), 0) FROM selfheal.agent_turn
	UNION ALL SELECT 11, 'tokens read from the prompt cache', coalesce(sum(cache_read_tokens), 0) FROM selfheal.agent_turn
	UNION ALL SELECT 12, 'tokens answered', coalesce(sum(output_tokens), 0) FROM selfheal.agent_turn
	UNION ALL SELECT 13, 'dollars', coalesce(round(sum(cost)::numeric, 6), 0) FROM selfheal.conversation
	UNION ALL SELECT 14, 'dollars saved by the prompt cache', coalesce(round(sum(saved)::numeric, 6), 0) FROM selfheal.agent_turn
) s ORDER BY s.n;
COMMENT ON VIEW selfheal.stat IS 'what selfheal has done in this database, in numbers, as far back as its records go';
