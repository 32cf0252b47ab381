-- What goes wrong with us is an answer of JSON-RPC, with the id and what came
-- before in the transaction kept; what was called has done nothing then.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mcpfaults;
SET search_path = mcpfaults, public;

CREATE FUNCTION request(id jsonb, method text, params jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('jsonrpc', '2.0', 'id', id, 'method', method, 'params', params)
$$;
-- an answer without what differs between answers
CREATE FUNCTION says(answer jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', answer -> 'id', answer -> 'jsonrpc', coalesce(answer #>> '{error,code}', 'result'), answer #>> '{error,message}')
$$;

-- a text of ours that is no JSON: a number that JSON does not have, set by hand
CREATE TABLE orders (id integer PRIMARY KEY, day date);
SELECT selfheal.watch('orders');
INSERT INTO orders_intake VALUES ('{"id": 1, "day": "never"}') \g /dev/null
SELECT selfheal.wait_idle() ->> 'idle' AS idle;
SELECT id AS incident FROM selfheal.incidents WHERE table_name = 'mcpfaults.orders' \gset
UPDATE selfheal.incident SET seconds = 'NaN' WHERE id = :incident;
CREATE FUNCTION listed() RETURNS jsonb LANGUAGE sql AS $$
	SELECT '{"name": "list_incidents", "arguments": {"table": "mcpfaults.orders"}}'::jsonb
$$;
BEGIN;
CREATE TABLE stays (n integer);
SELECT says(selfheal.mcp(request('"list 7"', 'tools/call', listed())));
SELECT says(selfheal.mcp(request('8', 'resources/read', jsonb_build_object('uri', 'selfheal://incident/' || :incident))));
SELECT says(selfheal.mcp(request('9', 'ping')));
COMMIT;
SELECT count(*) AS stays FROM stays;
-- the same in the era without a session
SELECT says(selfheal.mcp(request('10', 'tools/call', listed() || '{"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}')));
-- one of several is that one's
SELECT says(selfheal.mcp(request('1', 'initialize', '{"protocolVersion": "2025-03-26"}')));
SELECT says(a) FROM jsonb_array_elements(selfheal.mcp(jsonb_build_array(request('1', 'ping'), request('2', 'tools/call', listed()),
	'{"jsonrpc": "2.0", "method": "notifications/initialized"}'::jsonb, request('"3"', 'ping'), '7'::jsonb))) WITH ORDINALITY x(a, n) ORDER BY n;
SELECT says(selfheal.mcp(request('1', 'initialize', '{"protocolVersion": "2025-11-25"}')));

-- such calls are events of the audit, too
UPDATE selfheal.incident SET seconds = NULL WHERE id = :incident;
SELECT says(selfheal.mcp(request('12', 'tools/call', listed())));
SELECT a.tools #>> '{0,name}' AS name, a.tools #>> '{0,outcome}' AS outcome, count(*) FROM selfheal.audit a
WHERE a.event = 'tool_called' AND a.tools #>> '{0,arguments_sha256}' = encode(sha256(convert_to((listed() -> 'arguments')::text, 'UTF8')), 'hex')
GROUP BY 1, 2 ORDER BY 2;

-- what was sent comes back cut: there is no room for all of it
SELECT length(selfheal.mcp(request('1', 'tools/list', jsonb_build_object('_meta', jsonb_build_object('io.modelcontextprotocol/protocolVersion', repeat('x', 10000000)))))::text) < 1000 AS version,
	length(selfheal.mcp(request('1', 'resources/read', jsonb_build_object('uri', repeat('x', 10000000))))::text) < 4000 AS uri,
	length(selfheal.mcp(request('1', repeat('x', 10000000)))::text) < 1000 AS method,
	length(selfheal.mcp(request('1', 'prompts/get', jsonb_build_object('name', repeat('x', 10000000))))::text) < 1000 AS prompt,
	length(selfheal.mcp(request('1', 'tools/call', jsonb_build_object('name', repeat('q', 10000000))))::text) < 1000 AS tool;
-- numbers of a few bytes that print as 131 kilobytes each are not printed
SELECT selfheal.mcp(request('1', 'tools/call', format('{"name": "list_incidents", "arguments": {"limit": [%s]}}', repeat('1e131000, ', 20000) || '1')::jsonb)) #>> '{result,content,0,text}' AS outsized,
	selfheal.tool('list_incidents', '{"limit": 1e-16000}') ->> 'text' AS small,
	selfheal.tool('list_incidents', '{"limit": 1e999}') ->> 'text' LIKE '%more than%' AS printed;
SELECT tools -> 0 -> 'arguments_sha256' AS hash, tools #>> '{0,outcome}' AS outcome FROM selfheal.audit WHERE event = 'tool_called' ORDER BY id DESC LIMIT 1 OFFSET 2;
-- what is raised all the same ends a statement: a cancel
SET statement_timeout = '1';
SELECT count(selfheal.mcp(request('1', 'tools/list'))) FROM generate_series(1, 1000000);
RESET statement_timeout;

SELECT selfheal.unwatch('orders') \g /dev/null
DROP SCHEMA mcpfaults CASCADE;
