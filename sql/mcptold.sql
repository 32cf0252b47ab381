-- By MCP tools and resources tell the same of a table: names that look like
-- data are masked, in statements too; of a table that is gone no value is told.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mcptold;
SET search_path = mcptold, public;
CREATE FUNCTION ask(method text, params jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT coalesce(r -> 'result', r - 'jsonrpc' - 'id') FROM selfheal.mcp(jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', method, 'params', params)) r
$$;
CREATE FUNCTION tool(name text, args jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ask('tools/call', jsonb_build_object('name', name, 'arguments', args)) -> 'structuredContent'
$$;
CREATE FUNCTION resource(uri text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT (ask('resources/read', jsonb_build_object('uri', uri)) #>> '{contents,0,text}')::jsonb
$$;
CREATE FUNCTION prompt(name text, args jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ask('prompts/get', jsonb_build_object('name', name, 'arguments', args)) -> 'messages'
$$;

-- a payload's keys that look like data are columns of a plan, and of statements
CREATE TABLE keyed (id integer);
SELECT selfheal.watch('keyed', 'propose');
ALTER TABLE keyed ADD COLUMN "old.kookaburra@example.org" text DEFAULT 'Kookaburra Default';
ALTER TABLE keyed DROP COLUMN "old.kookaburra@example.org";
INSERT INTO keyed_intake VALUES ('{"id": 1, "key.kookaburra@example.org": "Kookaburra Key", "c5813217": 2, "fine": 3}'), ('{"id": "kookaburra id"}');
SELECT selfheal.report_failure('keyed', NULL, 'P0001', 'customer Kookaburra Report is not wanted') IS NOT NULL AS reported;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT id AS plan, incidents[1] AS incident FROM selfheal.plan WHERE relid = 'keyed'::regclass \gset
SELECT sql ~ 'key\.kookaburra@' AND sql ~ 'c5813217' AS there FROM selfheal.plan WHERE id = :plan;

-- all that is told of it, as one who may read everything; instants aside
CREATE FUNCTION told(tables text, plan bigint) RETURNS TABLE (door text, what text, answer text) LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
BEGIN
	RETURN QUERY SELECT 'tool', t, tool(t, a)::text FROM (VALUES ('list_pending_plans', jsonb_build_object('plan', plan)), ('read_error_log', '{"limit": 50}'), ('list_incidents', '{"limit": 50}'),
		('get_audit_trail', '{"limit": 50, "since_hours": 1}'), ('get_audit_trail', jsonb_build_object('plan', plan))) v(t, a);
	FOR i IN SELECT n.id FROM selfheal.incident n WHERE n.schema_name = 'mcptold' AND n.table_name = tables ORDER BY n.id LOOP
		RETURN QUERY SELECT 'tool', t, tool(t, jsonb_build_object('incident', i))::text FROM unnest('{explain_incident,read_error_log,get_audit_trail}'::text[]) t;
		RETURN QUERY SELECT 'resource', 'incident', (resource('selfheal://incident/' || i) - 'packet')::text;
		RETURN QUERY SELECT 'resource', 'packet', (resource('selfheal://incident/' || i) -> 'packet')::text WHERE to_regclass('mcptold.' || tables) IS NOT NULL;
		RETURN QUERY SELECT 'prompt', 'diagnose', prompt('diagnose_incident', jsonb_build_object('incident', i::text))::text WHERE to_regclass('mcptold.' || tables) IS NOT NULL;
	END LOOP;
	RETURN QUERY SELECT 'resource', 'errors', resource('selfheal://errors')::text;
	RETURN QUERY SELECT 'resource', 'statements', jsonb_path_query_array(resource('selfheal://table/mcptold.' || tables || '/history'), '$.versions[*].statement')::text;
	RETURN QUERY SELECT 'prompt', 'triage', prompt('morning_triage', '{"hours": "1"}')::text;
	RETURN QUERY SELECT 'prompt', 'review', prompt('review_pending_plan', jsonb_build_object('plan', plan::text))::text;
END
$$;
CREATE FUNCTION leaks(tables text, plan bigint) RETURNS TABLE (many boolean, silent bigint, leak text) LANGUAGE sql AS $$
	SELECT count(*) > 20, count(*) FILTER (WHERE answer IS NULL), string_agg(DISTINCT concat_ws(' ', door, what), ', ' ORDER BY concat_ws(' ', door, what)) FILTER (WHERE answer ~ '[Kk]ookaburra|5813217') FROM told(tables, plan)
$$;
SELECT * FROM leaks('keyed', :plan);
-- by the same rule
SELECT resource('selfheal://incident/' || :incident) #>> '{plan,sql}' AS sql, resource('selfheal://incident/' || :incident) #> '{plan,steps}' AS steps;
SELECT tool('list_pending_plans', jsonb_build_object('plan', :plan)) #>> '{plans,0,sql}' = resource('selfheal://incident/' || :incident) #>> '{plan,sql}' AS same_sql,
	tool('list_pending_plans', jsonb_build_object('plan', :plan)) #> '{plans,0,steps}' = resource('selfheal://incident/' || :incident) #> '{plan,steps}' AS same_steps;
SELECT v ->> 'statement' AS statement FROM jsonb_array_elements(resource('selfheal://table/mcptold.keyed/history') -> 'versions') v WHERE v ? 'statement';
SELECT m[1] AS packet FROM jsonb_array_elements_text(resource('selfheal://incident/' || :incident) -> 'packet') p, regexp_matches(p, '- [^\n]*(ALTER TABLE keyed [^\n]*)', 'g') m;
SELECT selfheal.watch('keyed', share_values => 'none');
SELECT * FROM leaks('keyed', :plan);
SELECT tool('list_pending_plans', jsonb_build_object('plan', :plan)) #>> '{plans,0,sql}' = resource('selfheal://incident/' || :incident) #>> '{plan,sql}' AS same_sql;
-- in full it is all there, else this would say nothing
SELECT selfheal.watch('keyed', share_values => 'full');
SELECT replace(leak, 'prompt triage, ', '') AS tells FROM leaks('keyed', :plan);
-- what has become the name of a column is one
SELECT selfheal.watch('keyed', share_values => 'default');
BEGIN;
ALTER TABLE keyed ADD COLUMN c5813217 integer;
SELECT tool('list_pending_plans', jsonb_build_object('plan', :plan)) #>> '{plans,0,sql}' AS tool, resource('selfheal://incident/' || :incident) #>> '{plan,sql}' AS resource;
ROLLBACK;

-- what comes next is told by what the role may call
CREATE ROLE mcptold_viewer;
CREATE ROLE mcptold_operator;
SELECT selfheal.grant_to('mcptold_viewer', 'viewer');
SELECT selfheal.grant_to('mcptold_operator', 'operator');
GRANT USAGE ON SCHEMA mcptold TO mcptold_viewer, mcptold_operator;
GRANT SELECT ON keyed TO mcptold_viewer, mcptold_operator;
CREATE FUNCTION next() RETURNS TABLE (state text, next_step text) LANGUAGE sql AS $$
	SELECT DISTINCT e ->> 'state', regexp_replace(e ->> 'next_step', 'Plan \d+', 'Plan N') FROM jsonb_array_elements(tool('list_incidents', '{"table": "mcptold.keyed"}') -> 'incidents') i,
		LATERAL tool('explain_incident', jsonb_build_object('incident', i -> 'incident')) e ORDER BY 1, 2
$$;
SET ROLE mcptold_viewer;
SELECT * FROM next();
SET ROLE mcptold_operator;
SELECT * FROM next();
SET selfheal.mcp_read_only = on;
SELECT * FROM next();
RESET selfheal.mcp_read_only;
RESET ROLE;

-- a table that is gone, to who may read everything: its structure, no value,
-- whatever was said of it and whatever the setting is
CREATE TABLE gone (id integer, v varchar(5));
SELECT selfheal.watch('gone', 'propose', share_values => 'full');
INSERT INTO gone_intake VALUES ('{"id": 1, "v": "Kookaburra Value"}'), ('{"id": "kookaburra id"}'), ('{"id": 2, "key.kookaburra@example.org": "Kookaburra Key"}');
SELECT selfheal.report_failure('gone', NULL, 'P0001', 'customer Kookaburra Report is not wanted') IS NOT NULL AS reported;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT id AS plan, incidents[1] AS incident FROM selfheal.plan WHERE relid = 'gone'::regclass \gset
SELECT replace(leak, 'prompt triage, ', '') AS tells FROM leaks('gone', :plan);
DROP TABLE gone;
SELECT selfheal.unwatch('keyed');
DROP TABLE keyed;
SELECT * FROM leaks('gone', :plan);
SET selfheal.share_values = 'full';
SELECT * FROM leaks('gone', :plan);
RESET selfheal.share_values;
-- nothing, and not a mask of it
SELECT DISTINCT d.door, substring(answer FROM '"message": ?"(customer [^"]*)"') AS message FROM told('gone', :plan) d WHERE what IN ('errors', 'read_error_log') AND answer ~ 'customer' ORDER BY 1, 2;
SELECT count(*) AS payloads, bool_or(p::text ~ '[Kk]ookaburra|Aaaaaa') AS leak FROM selfheal.incident i, jsonb_array_elements(tool('sample_payloads', jsonb_build_object('incident', i.id)) -> 'payloads') p WHERE i.schema_name = 'mcptold' AND i.table_name = 'gone';
-- what is about no table is not about one that is gone
SELECT selfheal.set_policy(NULL, 'extend_sequence', 'metadata', 'review');
SELECT e ->> 'event' AS event, e ? 'table' AS of_table, e ->> 'result' AS result FROM jsonb_array_elements(tool('get_audit_trail', '{"event": "policy_changed", "limit": 1}') -> 'events') e;
SELECT selfheal.drop_policy(NULL, 'extend_sequence', 'metadata');

DELETE FROM selfheal.incident WHERE schema_name = 'mcptold';
DELETE FROM selfheal.plan WHERE schema_name = 'mcptold';
DELETE FROM selfheal.error WHERE schema_name = 'mcptold';
DROP SCHEMA mcptold CASCADE;
DROP OWNED BY mcptold_viewer, mcptold_operator;
DROP ROLE mcptold_viewer, mcptold_operator;
