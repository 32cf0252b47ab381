-- The Model Context Protocol: envelopes, eras, codes.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mcp;
SET search_path = mcp, public;

-- what a client gets: a result's keys, or the fault
CREATE FUNCTION says(request text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN r IS NULL THEN 'nothing'
		WHEN jsonb_typeof(r) = 'array' THEN 'batch of ' || jsonb_array_length(r)
		WHEN r ? 'error' THEN concat_ws(' ', r ->> 'id', r -> 'error' ->> 'code', r -> 'error' ->> 'data')
		ELSE concat_ws(' ', r -> 'id', (SELECT string_agg(k, ' ' ORDER BY k) FROM jsonb_object_keys(r -> 'result') k)) END
	FROM selfheal.mcp(request::jsonb) r
$$;
CREATE FUNCTION modern(method text, params jsonb DEFAULT '{}', id text DEFAULT '1') RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_build_object('jsonrpc', '2.0', 'id', id::jsonb, 'method', method, 'params', params || jsonb_build_object('_meta',
		'{"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
		  "io.modelcontextprotocol/clientInfo": {"name": "regress", "version": "9"}}'::jsonb))::text
$$;
CREATE FUNCTION legacy(method text, params jsonb DEFAULT NULL, id text DEFAULT '1') RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_strip_nulls(jsonb_build_object('jsonrpc', '2.0', 'id', id::jsonb, 'method', method, 'params', params))::text
$$;

-- messages that are none
SELECT request, says(request) FROM unnest('{
	"1", "null", "\"text\"", "[]", "{}", "{\"jsonrpc\":\"2.0\"}",
	"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", "{\"id\":1,\"method\":\"ping\"}",
	"{\"jsonrpc\":\"2.0\",\"id\":1}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":5}",
	"{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"ping\"}", "{\"jsonrpc\":\"2.0\",\"id\":1.5,\"method\":\"ping\"}",
	"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"ping\"}", "{\"jsonrpc\":\"2.0\",\"id\":true,\"method\":\"ping\"}",
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":[]}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\",\"params\":7}",
	"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]"}'::text[]) request;
SELECT selfheal.mcp(NULL) IS NULL AS nothing;

-- messages that need no answer
SELECT request, says(request) FROM unnest('{
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}",
	"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":1}}",
	"{\"jsonrpc\":\"2.0\",\"method\":\"tools/list\"}",
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}", "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":1,\"message\":\"no\"}}"}'::text[]) request;

-- ids come back as they were sent
SELECT id, selfheal.mcp(legacy('ping', NULL, id)::jsonb) -> 'id' = id::jsonb AS same, selfheal.mcp(legacy('ping', NULL, id)::jsonb) ->> 'id' AS sent
FROM unnest('{0,-1,1,123456789012345678901234567890,"\"\"","\"a\\nb\"","\"1\"","\"\\u00e9\\u20ac\""}'::text[]) id;

-- methods that are not there, or not in that era
SELECT m, says(legacy(m)) AS legacy, says(modern(m)) AS modern
FROM unnest('{"",none,"tools/List",rpc.discover,"notifications/initialized",ping,initialize,server/discover,logging/setLevel,resources/subscribe,subscriptions/listen,sampling/createMessage,tasks/get}'::text[]) m;

-- the modern era: each request says so
SELECT says(modern('server/discover'));
SELECT r - 'instructions' - 'capabilities' #- '{_meta,io.modelcontextprotocol/serverInfo,version}' AS result, jsonb_object_keys(r -> 'capabilities') AS capability
FROM (SELECT selfheal.mcp(modern('server/discover')::jsonb) -> 'result' AS r) x ORDER BY 2;
SELECT says(modern('tools/list'));
SELECT meta, says(legacy('server/discover', jsonb_build_object('_meta', meta::jsonb))) AS discover, says(legacy('tools/list', jsonb_build_object('_meta', meta::jsonb))) AS list
FROM unnest('{
	"7", "[]", "{}",
	"{\"io.modelcontextprotocol/protocolVersion\": 20260728, \"io.modelcontextprotocol/clientCapabilities\": {}}",
	"{\"io.modelcontextprotocol/protocolVersion\": \"2026-07-28\"}",
	"{\"io.modelcontextprotocol/protocolVersion\": \"2026-07-28\", \"io.modelcontextprotocol/clientCapabilities\": []}",
	"{\"io.modelcontextprotocol/clientCapabilities\": {}}",
	"{\"io.modelcontextprotocol/protocolVersion\": \"2099-01-01\", \"io.modelcontextprotocol/clientCapabilities\": {}}",
	"{\"io.modelcontextprotocol/protocolVersion\": \"2025-11-25\", \"io.modelcontextprotocol/clientCapabilities\": {}}",
	"{\"io.modelcontextprotocol/protocolVersion\": \"\", \"io.modelcontextprotocol/clientCapabilities\": {}}",
	"{\"progressToken\": 1}"}'::text[]) meta;

-- the old ones: by initialize, for the session
SELECT asked, r -> 'result' ->> 'protocolVersion' AS agreed, r -> 'result' -> 'serverInfo' ->> 'name' AS name,
	r -> 'result' ? 'resultType' AS modern, length(r -> 'result' ->> 'instructions') > 200 AS instructed, r -> 'error' ->> 'code' AS code
FROM unnest('{"\"2024-11-05\"","\"2025-03-26\"","\"2025-06-18\"","\"2025-11-25\"","\"2026-07-28\"","\"1999-01-01\"","\"\"","7","null"}'::text[]) asked,
	LATERAL (SELECT selfheal.mcp(legacy('initialize', jsonb_build_object('protocolVersion', asked::jsonb, 'capabilities', '{}'::jsonb,
		'clientInfo', '{"name": "regress", "version": "1"}'::jsonb))::jsonb) AS r) x;
SELECT says(legacy('initialize')), says(legacy('initialize', '{"protocolVersion": "2025-11-25"}'));
SELECT says(legacy('tools/list'));

-- several at once, in the one revision that had it
SELECT says(legacy('initialize', '{"protocolVersion": "2025-03-26", "capabilities": {}}'));
SELECT says('[' || legacy('ping') || ',' || legacy('none', NULL, '"b"') || ',{"jsonrpc":"2.0","method":"notifications/initialized"},7]'), says('[{"jsonrpc":"2.0","method":"notifications/initialized"}]'), says('[]');
SELECT says(('[' || string_agg(legacy('ping', NULL, i::text), ',') || ']')) FROM generate_series(1, 101) i;
SELECT jsonb_pretty(selfheal.mcp(('[' || legacy('ping') || ',' || legacy('none', NULL, '"b"') || ']')::jsonb));
SELECT says(legacy('initialize', '{"protocolVersion": "2025-11-25", "capabilities": {}}'));
SELECT says('[' || legacy('ping') || ']');

-- lists and their cursors
SELECT c, says(legacy('tools/list', jsonb_build_object('cursor', c::jsonb))) FROM unnest('{"\"\"","\"dG9vbHM6\"","\"x\"","7","{}","null"}'::text[]) c;

-- calls
SELECT params, says(legacy('tools/call', params::jsonb)) AS legacy, says(modern('tools/call', params::jsonb)) AS modern
FROM unnest('{"{}","{\"name\": 7}","{\"name\": \"\"}","{\"name\": \"drop_table\"}","{\"name\": \"propose_plan\"}",
	"{\"name\": \"inspect_schema\", \"arguments\": []}", "{\"name\": \"inspect_schema\", \"arguments\": \"{}\"}"}'::text[]) params;
CREATE TABLE seen (id int PRIMARY KEY, "a'b""c" varchar(8) NOT NULL);
SELECT selfheal.watch('seen');
SELECT r -> 'result' ->> 'isError' AS is_error, r -> 'result' -> 'structuredContent' ->> 'table' AS about,
	(r -> 'result' -> 'content' -> 0 ->> 'text')::jsonb = r -> 'result' -> 'structuredContent' AS text_says_the_same, jsonb_array_length(r -> 'result' -> 'content') AS parts
FROM selfheal.mcp(legacy('tools/call', '{"name": "inspect_schema", "arguments": {"table": "mcp.seen"}}')::jsonb) r;
-- what the model can mend is a result
SELECT r -> 'result' ->> 'isError' AS is_error, r -> 'result' ? 'structuredContent' AS structured, r -> 'result' -> 'content' -> 0 ->> 'text' <> '' AS says_why
FROM unnest('{"{\"table\": \"mcp.nowhere\"}","{\"tabel\": \"x\"}","{\"table\": 7}","{\"table\": \"mcp.seen; DROP TABLE mcp.seen\"}"}'::jsonb[]) a,
	LATERAL selfheal.mcp(legacy('tools/call', jsonb_build_object('name', 'inspect_schema', 'arguments', a))::jsonb) r;

-- who called what is in the audit, without the arguments
SELECT actor_client, tools -> 0 ->> 'name' AS tool, tools -> 0 ->> 'outcome' AS outcome, length(tools -> 0 ->> 'arguments_sha256') AS hash, (tools -> 0 ->> 'ms')::float >= 0 AS ms
FROM selfheal.audit WHERE event = 'tool_called' AND tools -> 0 ->> 'arguments_sha256' = encode(sha256(convert_to('{"table": "mcp.seen"}', 'UTF8')), 'hex') ORDER BY id DESC LIMIT 1;
SELECT says(modern('tools/call', '{"name": "inspect_schema", "arguments": {"table": "mcp.seen" }}'));
SELECT actor_client FROM selfheal.audit WHERE event = 'tool_called' ORDER BY id DESC LIMIT 1;

-- the tools' list: names that clients take, schemas of objects, annotations, a stable order
SELECT count(*) > 2 AS some, bool_and(t ->> 'name' ~ '^[a-z_]{1,64}$') AS names, bool_and(t -> 'inputSchema' ->> 'type' = 'object' AND t -> 'outputSchema' ->> 'type' = 'object') AS schemas,
	bool_and(jsonb_typeof(t -> 'annotations' -> 'readOnlyHint') = 'boolean' AND jsonb_typeof(t -> 'annotations' -> 'destructiveHint') = 'boolean') AS annotated,
	bool_and(length(t ->> 'description') BETWEEN 50 AND 1500) AS described
FROM jsonb_array_elements(selfheal.mcp(legacy('tools/list')::jsonb) -> 'result' -> 'tools') t;
SELECT selfheal.mcp(legacy('tools/list')::jsonb) -> 'result' -> 'tools' = selfheal.mcp(modern('tools/list')::jsonb) -> 'result' -> 'tools' AS same;

-- who asks to be told how far a call is, is told, and nobody else
INSERT INTO seen_intake VALUES ('{"id": 1, "a''b\"c": "longer than eight"}') \g /dev/null
\set VERBOSITY sqlstate
CREATE FUNCTION tries(meta jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT says(legacy('tools/call', '{"name": "execute_dry_run_migration", "arguments": {"table": "mcp.seen", "ddl": "ALTER TABLE mcp.seen ALTER \"a''b\"\"c\" TYPE varchar(64)"}}'::jsonb || jsonb_build_object('_meta', meta)))
$$;
SELECT tries('{"progressToken": 7}');
SELECT tries('{"progressToken": "t"}') = tries('{}') AS same;
SELECT tries('{"progressToken": null}');
\set VERBOSITY terse
-- a client's long and odd name is cut, and stays data
SELECT says(legacy('initialize', jsonb_build_object('protocolVersion', '2025-11-25', 'capabilities', '{}'::jsonb, 'clientInfo', jsonb_build_object('name', E'x\n''"; DROP' || repeat('é', 300), 'version', '1'))));
SELECT says(legacy('tools/call', '{"name": "inspect_schema", "arguments": {"table": "mcp.seen"}}'));
SELECT octet_length(actor_client) <= 128 AS cut, left(actor_client, 10) AS begins FROM selfheal.audit WHERE event = 'tool_called' ORDER BY id DESC LIMIT 1;

SELECT selfheal.unwatch_all() \g /dev/null
DROP SCHEMA mcp CASCADE;
