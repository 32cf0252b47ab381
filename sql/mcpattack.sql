-- Attacks on MCP from inside of its lines: row security, names of tools that are
-- guessed, methods that are not there, and what a refusal says of numbers.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mcpattack;
SET search_path = mcpattack, public;
CREATE ROLE mcpattack_owner;
CREATE ROLE mcpattack_tenant;
CREATE ROLE mcpattack_reader;
CREATE ROLE mcpattack_auditor;
GRANT pg_read_all_data TO mcpattack_auditor;
SELECT selfheal.grant_to(r, 'viewer') FROM unnest('{mcpattack_owner,mcpattack_tenant,mcpattack_reader,mcpattack_auditor}'::name[]) r;
GRANT USAGE ON SCHEMA mcpattack TO mcpattack_owner, mcpattack_tenant, mcpattack_reader;

-- the text of the whole answer
CREATE FUNCTION ask(method text, params jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT selfheal.mcp(jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', method, 'params', params))
$$;
CREATE FUNCTION tool(name text, arguments jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT ask('tools/call', jsonb_build_object('name', name, 'arguments', arguments))
$$;

-- Row security keeps rows of a table from a role. Whose a row that is held would be
-- nobody knows, and so he is told of none of them in full.
CREATE TABLE orders (id integer PRIMARY KEY, tenant text, day date);
ALTER TABLE orders OWNER TO mcpattack_owner;
GRANT SELECT ON orders TO mcpattack_tenant, mcpattack_reader;
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders TO mcpattack_tenant, mcpattack_reader USING (tenant = 'a');
SELECT selfheal.watch('orders', share_values => 'full');
INSERT INTO orders_intake VALUES ('{"id": 1, "tenant": "b", "day": "zulukumquat"}') \g /dev/null
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id AS incident FROM selfheal.incidents WHERE table_name = 'mcpattack.orders' \gset

-- everything that answers about it, and where the value is told
CREATE FUNCTION answers(incident bigint) RETURNS TABLE (what text, answer jsonb) LANGUAGE sql AS $$
	SELECT t, tool(t, jsonb_build_object('incident', incident)) FROM unnest('{explain_incident,sample_payloads,read_error_log,get_audit_trail}'::text[]) t
	UNION ALL SELECT t || ' of the table', tool(t, '{"table": "mcpattack.orders"}') FROM unnest('{list_incidents,read_error_log,list_pending_plans,get_audit_trail,inspect_schema}'::text[]) t
	UNION ALL SELECT u, ask('resources/read', jsonb_build_object('uri', u || CASE WHEN u LIKE '%/' THEN incident::text ELSE '' END))
		FROM unnest('{selfheal://errors,selfheal://errors/mcpattack.orders,selfheal://table/mcpattack.orders,selfheal://table/mcpattack.orders/history,selfheal://incident/}'::text[]) u
	UNION ALL SELECT 'resources', ask('resources/list', '{}')
	UNION ALL SELECT p, ask('prompts/get', jsonb_build_object('name', p, 'arguments', jsonb_build_object('incident', incident::text))) FROM unnest('{diagnose_incident,write_permanent_fix}'::text[]) p
	UNION ALL SELECT 'morning_triage', ask('prompts/get', '{"name": "morning_triage"}')
$$;
CREATE FUNCTION told(incident bigint) RETURNS TABLE (answers bigint, good bigint, tell bigint) LANGUAGE sql AS $$
	SELECT count(*), count(*) FILTER (WHERE answer -> 'result' -> 'isError' IS DISTINCT FROM 'true' AND NOT answer ? 'error'),
		count(*) FILTER (WHERE answer::text LIKE '%zulukumquat%') FROM answers(incident)
$$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mcpattack TO PUBLIC;
GRANT USAGE ON SCHEMA mcpattack TO mcpattack_auditor;
SET ROLE mcpattack_tenant;
SELECT * FROM told(:incident);
SELECT selfheal.packet(:incident, 'a-marker')::text LIKE '%zulukumquat%' AS packet_tells, tool('sample_payloads', jsonb_build_object('incident', :incident)) #>> '{result,structuredContent,share_values}' AS share_values;
SELECT count(*) AS held FROM selfheal.quarantined WHERE table_name = 'mcpattack.orders';
SET row_security = off;
SELECT tell FROM told(:incident);
SELECT count(*) AS held FROM selfheal.quarantined WHERE table_name = 'mcpattack.orders';
RESET row_security;
-- reading all data is not to be above row security
SET ROLE mcpattack_auditor;
SELECT tell FROM told(:incident);
SELECT count(*) AS held FROM selfheal.quarantined WHERE table_name = 'mcpattack.orders';
-- its owner sees them all
SET ROLE mcpattack_owner;
SELECT tell > 5 AS tells FROM told(:incident);
SELECT count(*) AS held FROM selfheal.quarantined WHERE table_name = 'mcpattack.orders';
-- unless it binds him as well
RESET ROLE;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
SET ROLE mcpattack_owner;
SELECT tell FROM told(:incident);
SELECT count(*) AS held FROM selfheal.quarantined WHERE table_name = 'mcpattack.orders';
-- without row security who may read the table may read what is held
RESET ROLE;
ALTER TABLE orders DISABLE ROW LEVEL SECURITY;
SET ROLE mcpattack_reader;
SELECT tell > 5 AS tells FROM told(:incident);
SELECT count(*) AS held FROM selfheal.quarantined WHERE table_name = 'mcpattack.orders';

-- Who tries names of tools is seen.
SET ROLE mcpattack_reader;
SELECT tool(n) #>> '{error,message}' AS fault FROM unnest('{drop_table,propose_plan,Approve_plan,"x''; DROP TABLE orders; --"}'::text[]) n;
RESET ROLE;
SELECT actor_role, tools #>> '{0,name}' AS name, tools #>> '{0,outcome}' AS outcome, length(tools #>> '{0,arguments_sha256}') AS hash
FROM selfheal.audit WHERE event = 'tool_called' AND actor_role = 'mcpattack_reader' ORDER BY id DESC LIMIT 4;

-- A method that is not there is that, whatever its parameters: JSON-RPC has arrays.
SELECT m, p, ask(m, p) #> '{error,code}' AS code FROM unnest('{no/such,tools/list}'::text[]) m, unnest('{[],7,"null",x}'::text[]) t, to_jsonb(t) x,
	LATERAL (SELECT CASE WHEN t = 'x' THEN x ELSE t::jsonb END AS p) y ORDER BY m, p::text COLLATE "C";

-- A refusal counts what it says it counts.
SELECT tool('execute_dry_run_migration', jsonb_build_object('table', 'mcpattack.orders', 'ddl', d)) #>> '{result,content,0,text}' AS said
FROM unnest('{"ALTER TABLE mcpattack.orders ADD a int; ALTER TABLE mcpattack.orders ADD b int", "SELECT 1; SELECT 2; SELECT 3", "-- nothing"}'::text[]) d;

-- Nor are words of ours a value's.
SELECT selfheal.shared_message('orders', 'policy lets it run by itself', 'masked');

SELECT selfheal.unwatch('orders') \g /dev/null
DROP SCHEMA mcpattack CASCADE;
DROP OWNED BY mcpattack_owner, mcpattack_tenant, mcpattack_reader, mcpattack_auditor;
DROP ROLE mcpattack_owner, mcpattack_tenant, mcpattack_reader, mcpattack_auditor;
