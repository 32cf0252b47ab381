-- Arguments of tools that are wrong, or odd: the answer names the argument and
-- says what it may be, and none of our own words is masked as a value.
\set VERBOSITY terse
SET client_min_messages = error;
\pset format unaligned
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mcpargs;
SET search_path = mcpargs;
CREATE ROLE mcpargs_agent;
SELECT selfheal.grant_to('mcpargs_agent', 'operator') \g /dev/null
GRANT USAGE ON SCHEMA mcpargs TO mcpargs_agent;
CREATE TABLE orders (id int, amount numeric(8, 2) NOT NULL);
SELECT selfheal.watch('orders') \g /dev/null
GRANT SELECT, INSERT ON orders TO mcpargs_agent;
INSERT INTO orders_intake VALUES ('{"id": 1, "amount": "Zanzibar88"}'), ('{"id": 2, "amount": null}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
CREATE FUNCTION tool(name text, arguments jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN (r #>> '{result,isError}')::boolean THEN 'error: ' || (r #>> '{result,content,0,text}')
		ELSE coalesce('events ' || (jsonb_array_length(r #> '{result,structuredContent,events}') > 0),
			'incidents ' || jsonb_array_length(r #> '{result,structuredContent,incidents}'), 'errors ' || jsonb_array_length(r #> '{result,structuredContent,errors}'),
			'plans ' || jsonb_array_length(r #> '{result,structuredContent,plans}'), 'columns ' || (r #>> '{result,structuredContent,columns_in_all}'), r ->> 'result') END
	FROM selfheal.mcp(jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', 'tools/call', 'params', jsonb_build_object('name', name, 'arguments', arguments))) r $$;
GRANT EXECUTE ON FUNCTION tool(text, jsonb) TO mcpargs_agent;
SET ROLE mcpargs_agent;

-- of how many hours: any number
SELECT t, h, tool(t, jsonb_build_object('table', 'mcpargs.orders', 'since_hours', h)) AS says
FROM unnest('{list_incidents,read_error_log,get_audit_trail}'::text[]) t, unnest('{9223372036854775807,-9223372036854775808,1}'::bigint[]) h ORDER BY t, h;

-- by the name of its intake, for who loads by that; by what is no name
SELECT t, tool(t, '{"table": "mcpargs.orders_intake"}') AS says FROM unnest('{list_incidents,list_pending_plans,read_error_log,get_audit_trail,inspect_schema}'::text[]) t;
SELECT tool(t, jsonb_build_object('table', name)) AS says FROM unnest('{list_incidents,list_pending_plans,read_error_log,get_audit_trail,inspect_schema}'::text[]) t,
	unnest(ARRAY['"x', '', '.', 'a..b', 'a.b.c', 'a.b.c.d', format('%I.mcpargs.orders', current_database())]) WITH ORDINALITY n(name, o) WHERE t = 'list_incidents' OR o = 1 ORDER BY t, o;
SELECT tool('report_failure', '{"table": "mcpargs.\"orders", "message": "x"}') AS says;

-- in a schema that is not for him: which grant is forgotten
RESET ROLE;
REVOKE USAGE ON SCHEMA mcpargs FROM mcpargs_agent;
CREATE FUNCTION public.mcpargs_tool(name text, arguments jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT r #>> '{result,content,0,text}' FROM selfheal.mcp(jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', 'tools/call', 'params', jsonb_build_object('name', name, 'arguments', arguments))) r $$;
SET ROLE mcpargs_agent;
SELECT public.mcpargs_tool(t, '{"table": "mcpargs.orders"}') AS says FROM unnest('{list_incidents,inspect_schema,report_failure}'::text[]) t;
SELECT public.mcpargs_tool('list_incidents', '{"table": "orders"}') AS says;
RESET ROLE;
GRANT USAGE ON SCHEMA mcpargs TO mcpargs_agent;
DROP FUNCTION public.mcpargs_tool(text, jsonb);
SET ROLE mcpargs_agent;

-- of the audit's head: what it has to be
SELECT tool('verify_audit', a) AS says FROM unnest(ARRAY['{"seq": -1, "head": "x"}', '{"seq": 1, "head": "x"}', jsonb_build_object('seq', 1, 'head', repeat('x', 64)), '{"seq": 1}']::jsonb[]) a;

-- a reason is asked for, and a blank is none
RESET ROLE;
SELECT max(id) AS plan FROM selfheal.plan WHERE relid = 'orders'::regclass AND state = 'awaiting_approval' \gset
SET ROLE mcpargs_agent;
SELECT regexp_replace(tool('reject_plan', jsonb_build_object('plan', :plan, 'why', why)), '\d+', 'N') AS says FROM unnest(ARRAY['', E' \n']) why;
SELECT selfheal.reject(:plan, '');
RESET ROLE;

-- our reasons in words, where values are masked
SELECT selfheal.shared_message('orders', i.reason, 'masked') AS masked FROM selfheal.incident i WHERE relid = 'orders'::regclass AND state = 'needs_human' ORDER BY column_name;
SELECT selfheal.shared_message('orders', 'value "05.06.07" has a year of two digits: a format with YY and its century must be said', 'masked') AS masked;

DELETE FROM selfheal.incident WHERE schema_name = 'mcpargs';
DELETE FROM selfheal.plan WHERE schema_name = 'mcpargs';
DELETE FROM selfheal.error WHERE schema_name = 'mcpargs';
SELECT selfheal.unwatch('orders') \g /dev/null
DROP SCHEMA mcpargs CASCADE;
DROP OWNED BY mcpargs_agent;
DROP ROLE mcpargs_agent;
