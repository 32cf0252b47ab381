--
-- The tools of MCP: which a role is offered, that each answers by its
-- outputSchema, its ways and its errors.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE ROLE mt_viewer;
CREATE ROLE mt_operator;
CREATE ROLE mt_admin;
CREATE ROLE mt_stranger;
CREATE SCHEMA mt;
GRANT USAGE, CREATE ON SCHEMA mt TO mt_admin;
GRANT USAGE ON SCHEMA mt TO mt_viewer, mt_operator;
SELECT selfheal.grant_to('mt_viewer', 'viewer'), selfheal.grant_to('mt_operator', 'operator'), selfheal.grant_to('mt_admin', 'admin');

-- What a value breaks of a schema: type, properties, required, additionalProperties, items, enum.
CREATE FUNCTION mt.faults(schema jsonb, v jsonb, path text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	k text;
	i int := 0;
	e jsonb;
	types jsonb := CASE WHEN jsonb_typeof(schema -> 'type') = 'array' THEN schema -> 'type' ELSE jsonb_build_array(schema -> 'type') END;
	kind text := jsonb_typeof(v);
BEGIN
	IF NOT (types ? kind OR (types ? 'integer' AND kind = 'number' AND v::text ~ '^-?[0-9]+$')) THEN
		RETURN NEXT format('%s: %s instead of %s', path, kind, types);
		RETURN;
	END IF;
	IF schema ? 'enum' AND NOT (schema -> 'enum') @> v THEN
		RETURN NEXT format('%s: %s is not in the enum', path, v);
	END IF;
	IF kind = 'object' THEN
		FOR k IN SELECT jsonb_array_elements_text(schema -> 'required') LOOP
			IF NOT v ? k THEN RETURN NEXT format('%s: no %s', path, k); END IF;
		END LOOP;
		FOR k, e IN SELECT * FROM jsonb_each(v) LOOP
			IF schema -> 'properties' ? k THEN RETURN QUERY SELECT mt.faults(schema -> 'properties' -> k, e, path || '.' || k);
			ELSIF schema -> 'additionalProperties' = 'false' THEN RETURN NEXT format('%s: %s is not said', path, k); END IF;
		END LOOP;
	ELSIF kind = 'array' AND schema ? 'items' THEN
		FOR e IN SELECT jsonb_array_elements(v) LOOP
			RETURN QUERY SELECT mt.faults(schema -> 'items', e, format('%s[%s]', path, i));
			i := i + 1;
		END LOOP;
	END IF;
END
$$;
-- the check itself: it finds what is wrong
SELECT mt.faults('{"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}}, "b": {"type": "string", "enum": ["x"]}}, "required": ["c"], "additionalProperties": false}',
	'{"a": [1, "2", 3.5], "b": "y", "d": 1}', '$');
-- A call: the answer, or what the error says; another answer than its schema promises is an exception.
CREATE FUNCTION mt.ask(tool text, args jsonb DEFAULT NULL) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	r jsonb := selfheal.tool(tool, args);
	wrong text;
BEGIN
	IF (r ->> 'is_error')::boolean THEN RETURN to_jsonb(regexp_replace(r ->> 'text', '(plan|incident) [0-9]+', '\1 N', 'g')); END IF;
	SELECT string_agg(f, '; ') INTO wrong FROM jsonb_array_elements(selfheal.tools()) t, mt.faults(t -> 'outputSchema', r -> 'structured', '$') f WHERE t ->> 'name' = tool;
	IF wrong IS NOT NULL THEN RAISE EXCEPTION '% breaks its outputSchema: %', tool, wrong; END IF;
	IF length(r ->> 'structured') > 24000 THEN RAISE EXCEPTION '% answers % bytes', tool, length(r ->> 'structured'); END IF;
	RETURN r -> 'structured';
END
$$;

--
-- what a role is offered
--
CREATE FUNCTION mt.offered() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(t ->> 'name', ' ' ORDER BY n) FROM jsonb_array_elements(selfheal.tools()) WITH ORDINALITY x(t, n) $$;
SET ROLE mt_viewer;
SELECT mt.offered() AS viewer;
SET ROLE mt_operator;
SELECT mt.offered() AS operator;
SET selfheal.mcp_read_only = on;
SELECT mt.offered() AS reading;
SELECT mt.ask('retry_incident', '{"incident": 1}');
SET selfheal.mcp_read_only = off;
RESET ROLE;
SELECT mt.offered() = (SELECT string_agg(n, ' ' ORDER BY n COLLATE "C") FROM unnest(ARRAY['inspect_schema', 'read_error_log', 'sample_payloads', 'execute_dry_run_migration', 'apply_safe_ddl',
	'report_failure', 'list_incidents', 'explain_incident', 'list_pending_plans', 'approve_plan', 'reject_plan', 'retry_incident', 'set_policy', 'add_mapping', 'get_audit_trail', 'verify_audit']) n) AS all_names;
-- a type of the caller's own changes nothing in what he is offered
CREATE SCHEMA mt_evil;
CREATE DOMAIN mt_evil.text AS pg_catalog.text;
GRANT USAGE ON SCHEMA mt_evil TO mt_operator;
SET ROLE mt_operator;
SET search_path = mt_evil, pg_catalog;
SELECT mt.offered() LIKE '%reject_plan%' AS offered;
RESET search_path;
RESET ROLE;
-- hints for clients
SELECT t ->> 'name' AS tool, t ->> 'title' AS title, a ->> 'readOnlyHint' AS reads, a ->> 'destructiveHint' AS destructive, a ->> 'idempotentHint' AS idempotent, a ->> 'openWorldHint' AS open
FROM jsonb_array_elements(selfheal.tools()) WITH ORDINALITY x(t, n), LATERAL (SELECT t -> 'annotations' AS a) y ORDER BY n;
-- schemas: arguments strict everywhere, answers open nowhere but in the description of a table; texts short enough
SELECT t ->> 'name' AS tool FROM jsonb_array_elements(selfheal.tools()) t
WHERE t #> '{inputSchema,additionalProperties}' IS DISTINCT FROM 'false' OR t #>> '{inputSchema,type}' <> 'object' OR t #>> '{outputSchema,type}' <> 'object'
	OR (t #> '{outputSchema,additionalProperties}' IS DISTINCT FROM 'false' AND t ->> 'name' <> 'inspect_schema') OR length(t ->> 'description') NOT BETWEEN 150 AND 1000;
SELECT w AS word, (SELECT count(*) > 0 FROM jsonb_array_elements(selfheal.tools()) t WHERE strpos(t ->> 'description', w) > 0) AS found
FROM unnest(ARRAY['why did last night''s load fail', 'schema drift', 'rejected rows', 'dead letter', 'quarantine', 'ALTER TABLE', 'what changed', 'who changed this column']) w;

--
-- a viewer reads, and no more
--
SET ROLE mt_admin;
CREATE TABLE mt.orders (id integer PRIMARY KEY, email varchar(8), amount numeric(6,2), placed date);
CREATE TABLE mt.hidden (id integer, note varchar(4));
SELECT selfheal.watch('mt.orders', 'propose', 'team orders'), selfheal.watch('mt.hidden');
GRANT SELECT ON mt.orders TO mt_viewer, mt_operator;
INSERT INTO mt.orders VALUES (1, 'x', 1, '2026-01-01');
INSERT INTO mt.orders_intake VALUES ('{"id": 2, "email": "somebody@example.org"}'), ('{"id": 3, "email": "x", "nick": "y"}'), ('{"id": 4, "placed": "31.12.2026 or so"}');
INSERT INTO mt.hidden_intake VALUES ('{"id": "no number"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
RESET ROLE;
SELECT id AS i_long FROM selfheal.incident WHERE schema_name = 'mt' AND class = 'too_long' \gset
SELECT id AS i_date FROM selfheal.incident WHERE schema_name = 'mt' AND column_name = 'placed' \gset
SELECT id AS i_hidden FROM selfheal.incident WHERE schema_name = 'mt' AND table_name = 'hidden' \gset
-- an agent's call about it is an event of no table
INSERT INTO selfheal.audit (event, incident, actor_role, actor_client, lsn) VALUES ('tool_called', :i_hidden, 'mt_admin', 'agent', pg_current_wal_lsn());
SELECT id AS plan, hash AS hash FROM selfheal.plan WHERE schema_name = 'mt' AND state = 'awaiting_approval' \gset
SET ROLE mt_viewer;
SELECT i - '{incident,first_seen,last_seen,seconds,plan}'::text[] AS incident FROM jsonb_array_elements(mt.ask('list_incidents', '{"table": "mt.orders"}') -> 'incidents') i;
SELECT bool_and(i ->> 'table' <> 'mt.hidden') AS hidden FROM jsonb_array_elements(mt.ask('list_incidents', '{"limit": 50}') -> 'incidents') i;
SELECT mt.ask('list_incidents', '{"table": "mt.hidden"}') -> 'incidents' AS none;
SELECT mt.ask('explain_incident', jsonb_build_object('incident', :i_hidden));
SELECT mt.ask('list_pending_plans', '{"table": "mt.hidden"}') -> 'plans' AS none;
SELECT mt.ask('read_error_log', '{"table": "mt.hidden"}');
SELECT bool_and(e ->> 'table' <> 'mt.hidden') AS hidden FROM jsonb_array_elements(mt.ask('read_error_log', '{"limit": 50}') -> 'errors') e;
SELECT mt.ask('get_audit_trail', '{"table": "mt.hidden"}') -> 'events' AS none;
SELECT mt.ask('get_audit_trail', jsonb_build_object('incident', :i_hidden));
-- what writes is not his, said by which function
SELECT mt.ask(t, '{}') FROM unnest(ARRAY['add_mapping', 'apply_safe_ddl', 'approve_plan', 'execute_dry_run_migration', 'reject_plan', 'report_failure', 'retry_incident', 'set_policy']) t;
SET ROLE mt_operator;
SELECT mt.ask('set_policy', '{"table": "mt.orders", "verdict": "auto"}');
-- and of an operator only where his tables' privileges let him
SELECT mt.ask('apply_safe_ddl', '{"table": "mt.hidden", "ddl": "ALTER TABLE mt.hidden ADD x int", "why": "a test"}');
SELECT mt.ask('execute_dry_run_migration', '{"table": "mt.hidden", "ddl": "ALTER TABLE mt.hidden ADD x int"}');
SELECT mt.ask('report_failure', '{"table": "mt.hidden", "payloads": ["{}"]}');
SELECT mt.ask('retry_incident', jsonb_build_object('incident', :i_hidden));
SELECT mt.ask('add_mapping', '{"table": "mt.orders", "kind": "trim", "field": "email"}');
RESET ROLE;
-- a stranger has no tool at all
SET ROLE mt_stranger;
\set VERBOSITY terse
SELECT selfheal.tool('list_incidents');
\set VERBOSITY default
RESET ROLE;

--
-- explain_incident
--
SET ROLE mt_operator;
SELECT a - '{incident,first_seen,last_seen,plan,story,next_step}'::text[] AS facts, a #>> '{plan,plan}' = :'plan' AS plan, a #>> '{plan,plan_hash}' = :'hash' AS hash,
	(a -> 'plan') - '{plan,plan_hash}'::text[] AS about_plan
FROM mt.ask('explain_incident', jsonb_build_object('incident', :i_long)) a;
SELECT s - 'at' AS event FROM jsonb_array_elements(mt.ask('explain_incident', jsonb_build_object('incident', :i_long, 'wait_seconds', 5)) -> 'story') s;
SELECT a ->> 'state' AS state, a ->> 'reason_kind' AS kind, a ->> 'waits_for' AS waits_for, a ->> 'next_step' AS next_step FROM mt.ask('explain_incident', jsonb_build_object('incident', :i_date)) a;
SELECT mt.ask('explain_incident', '{"incident": 999999999}'), mt.ask('explain_incident', '{}'), mt.ask('explain_incident', '{"incident": "1"}');
SELECT mt.ask('list_incidents', '{"state": "sleeping"}');
SELECT count(*) FROM jsonb_array_elements(mt.ask('list_incidents', '{"table": "mt.orders", "state": "live", "class": "too_long", "since_hours": 1}') -> 'incidents');
SELECT count(*) FROM jsonb_array_elements(mt.ask('list_incidents', '{"table": "mt.orders", "state": "healed"}') -> 'incidents');

--
-- plans: dry run, apply, approve, reject
--
SELECT p - '{plan,plan_hash,at,incidents,impact,forecast}'::text[] AS plan, p #>> '{forecast,lock}' AS lock, jsonb_array_length(p -> 'incidents') AS incidents, jsonb_array_length(p -> 'impact') > 0 AS impact
FROM jsonb_array_elements(mt.ask('list_pending_plans', '{"table": "mt.orders"}') -> 'plans') p;
SELECT a - '{forecast}'::text[] AS tried FROM mt.ask('execute_dry_run_migration', '{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders ALTER email TYPE varchar(40)"}') a;
SELECT a #> '{dry_run,held_tried}' AS rows_of_one_incident FROM mt.ask('execute_dry_run_migration', jsonb_build_object('incident', :i_long, 'steps', '[{"kind": "widen_type", "column": "email", "type": "text", "labels": [], "args": ""}]'::jsonb)) a;
SELECT mt.ask('execute_dry_run_migration', a::jsonb) FROM (VALUES ('{"table": "mt.orders"}'), ('{"ddl": "ALTER TABLE mt.orders ADD x int"}'),
	('{"table": "mt.orders", "ddl": "DROP TABLE mt.orders"}'), ('{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders DROP email"}'), ('{"table": "mt.orders", "ddl": "ALTER TABLE mt.hidden ADD x int"}'),
	('{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders ADD x int; DROP TABLE mt.orders"}'), ('{"table": "mt.orders", "ddl": "this is no SQL"}'),
	('{"table": "mt.nothing", "ddl": "ALTER TABLE mt.orders ADD x int"}'), ('{"table": "mt.orders", "incident": 1, "ddl": "ALTER TABLE mt.orders ADD x int"}'),
	('{"table": "mt.orders", "steps": [{"kind": "drop_column", "column": "x", "type": "", "labels": [], "args": ""}]}'),
	('{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders ADD x int NOT NULL"}'), ('{"table": "mt.faults"}'), ('{"table": "pg_class", "ddl": "ALTER TABLE pg_class ADD x int"}')) v(a);
-- nothing of it is there
SELECT count(*) FROM pg_attribute WHERE attrelid = 'mt.orders'::regclass AND attname = 'x';
-- by the mode of the table it waits; the same again is the same
SELECT a - '{plan,plan_hash,forecast}'::text[] AS applied FROM mt.ask('apply_safe_ddl', '{"table": "mt.orders", "ddl": "alter table mt.orders add channel text", "why": "the shop sends it from May on"}') a;
SELECT a ->> 'is_new' AS is_new, a ->> 'state' AS state FROM mt.ask('apply_safe_ddl', '{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders ADD COLUMN channel pg_catalog.text", "why": "once more"}') a;
SELECT mt.ask('apply_safe_ddl', a::jsonb) FROM (VALUES ('{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders DROP email", "why": "a test"}'),
	('{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders ADD x int", "why": " "}'), ('{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders ADD x int"}'), ('{"table": "mt.orders", "ddl": "", "why": "x"}'),
	('{"table": "mt.orders", "ddl": "ALTER TABLE mt.orders ADD email text", "why": "x"}'), ('{"table": "mt.faults", "ddl": "ALTER TABLE x ADD y int", "why": "x"}')) v(a);
-- approval wants what was seen
SELECT mt.ask('approve_plan', jsonb_build_object('plan', :plan, 'plan_hash', repeat('0', 64)));
SELECT mt.ask('approve_plan', jsonb_build_object('plan', :plan));
SELECT a ->> 'state' AS state, a ->> 'decided_by' AS by FROM mt.ask('approve_plan', jsonb_build_object('plan', :plan, 'plan_hash', :'hash')) a;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT mt.ask('approve_plan', jsonb_build_object('plan', :plan, 'plan_hash', :'hash'));
SELECT p ->> 'state' AS how_it_ended FROM jsonb_array_elements(mt.ask('list_pending_plans', jsonb_build_object('plan', :plan)) -> 'plans') p;
SELECT a ->> 'state' AS state, a ->> 'next_step' AS next_step FROM mt.ask('explain_incident', jsonb_build_object('incident', :i_long, 'wait_seconds', 10)) a;
SELECT mt.ask('approve_plan', '{"plan": 999999999, "plan_hash": "x"}');
SELECT a ->> 'state' AS state FROM mt.ask('reject_plan', jsonb_build_object('plan', (SELECT (p ->> 'plan')::bigint FROM jsonb_array_elements(mt.ask('list_pending_plans', '{"table": "mt.orders"}') -> 'plans') p), 'why', 'not now')) a;
SELECT mt.ask('reject_plan', jsonb_build_object('plan', :plan, 'why', 'too late'));
RESET ROLE;
SELECT sql, state, agent, proposed_by, proposed_client, proposed_login = session_user AS login, decided_by, why FROM selfheal.plan WHERE schema_name = 'mt' ORDER BY id;

--
-- incidents: retry, report
--
SET ROLE mt_operator;
SELECT mt.ask('retry_incident', jsonb_build_object('incident', :i_long));
SELECT a - 'incident' AS retried FROM mt.ask('retry_incident', jsonb_build_object('incident', :i_date)) a;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
RESET ROLE;
SET ROLE mt_admin;
SELECT a ->> 'payloads_held' AS held, jsonb_array_length(a -> 'errors') AS errors
FROM mt.ask('report_failure', '{"table": "mt.orders", "payloads": ["{\"id\": 20, \"amount\": 1}", "{\"id\": 21, \"amount\": \"many\"}"], "sqlstate": "22P02", "message": "invalid input", "source": "nightly/orders, run 5"}') a;
SELECT a - 'errors' - 'next_step' AS without_rows FROM mt.ask('report_failure', '{"table": "mt.orders", "sqlstate": "53100", "message": "no space"}') a;
SELECT mt.ask('report_failure', a::jsonb) FROM (VALUES ('{"table": "mt.orders"}'), ('{"table": "mt.orders", "payloads": [1]}'), ('{"table": "mt.orders", "sqlstate": "x"}'), ('{"payloads": []}'),
	('{"table": "mt.faults", "payloads": ["{}"]}')) v(a);
SELECT mt.ask('report_failure', jsonb_build_object('table', 'mt.orders', 'payloads', (SELECT jsonb_agg('{}'::text) FROM generate_series(1, 21))));
SELECT 1 AS done FROM selfheal.wait_idle('180s');
RESET ROLE;
SELECT context ->> 'source' AS source, count(*) FROM selfheal.error WHERE schema_name = 'mt' AND door = 'report' GROUP BY 1 ORDER BY 1;

--
-- what is to be: policy, mappings
--
SET ROLE mt_admin;
SELECT mt.ask('set_policy', '{"table": "mt.orders", "step": "add_column", "cost": "metadata", "verdict": "review"}') - 'next_step' #- '{effective,0,set_at}' #- '{effective,0,set_login}' AS policy;
SELECT jsonb_array_length(mt.ask('set_policy', '{"table": "mt.orders", "subscribers_heal": true}') -> 'effective') AS published;
SELECT mt.ask('set_policy', a::jsonb) FROM (VALUES ('{"table": "mt.orders"}'), ('{"table": "mt.orders", "verdict": "yes"}'), ('{"verdict": "deny"}'), ('{"table": null, "verdict": "deny"}'),
	('{"table": "mt.orders", "step": "convert_type", "verdict": "auto"}'), ('{"table": "mt.orders", "step": "add_column", "cost": "rewrite", "verdict": "deny"}'), ('{"table": "mt.faults", "verdict": "deny"}')) v(a);
SELECT a - 'mapping' AS mapping FROM mt.ask('add_mapping', '{"table": "mt.orders", "kind": "null_if", "field": "amount", "args": "{\"values\": [\"many\"]}", "why": "the shop says many for not known"}') a;
SELECT mt.ask('add_mapping', a::jsonb) FROM (VALUES ('{"table": "mt.orders", "kind": "null_if", "field": "placed", "args": "{\"values\": [\"never\"]}"}'), ('{"table": "mt.orders", "kind": "null_if", "field": "placed", "args": "no JSON"}'),
	('{"table": "mt.orders", "kind": "rename"}'), ('{"table": "mt.faults", "kind": "trim"}'), ('{"kind": "trim"}')) v(a);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT id, amount FROM mt.orders WHERE id >= 20 ORDER BY id;
RESET ROLE;

--
-- the audit
--
SET ROLE mt_operator;
SELECT e ->> 'event' AS event, CASE e ->> 'client' WHEN 'selfheal worker' THEN 'the worker' ELSE e ->> 'by' END AS by, e ->> 'result' AS result, e ->> 'approved_hash' = :'hash' AS hash, e ->> 'sql' AS sql
FROM jsonb_array_elements(mt.ask('get_audit_trail', jsonb_build_object('plan', :plan, 'limit', 50)) -> 'events') WITH ORDINALITY x(e, n) ORDER BY n;
SELECT count(*) > 5 AS events, bool_and(e ->> 'table' = 'mt.orders') AS all_its FROM jsonb_array_elements(mt.ask('get_audit_trail', '{"table": "mt.orders", "limit": 50}') -> 'events') e;
SELECT DISTINCT e ->> 'event' AS event FROM jsonb_array_elements(mt.ask('get_audit_trail', jsonb_build_object('incident', :i_long, 'event', 'approved')) -> 'events') e;
SELECT mt.ask('get_audit_trail', '{"incident": 1, "plan": 1}'), mt.ask('get_audit_trail', '{"event": "nothing"}');
SELECT a ->> 'ok' AS ok, (a ->> 'sealed')::bigint > 0 AS sealed, length(a ->> 'head') AS head FROM mt.ask('verify_audit') a;
SELECT mt.ask('verify_audit', '{"seq": 1}');
SELECT a ->> 'ok' AS ok FROM mt.ask('verify_audit', jsonb_build_object('seq', 1, 'head', repeat('0', 64))) a;
RESET ROLE;
-- whatever is asked for, in whichever combination, is what a plain reading of the record has; who may read less is told less
INSERT INTO selfheal.audit (event, incident, schema_name, table_name, actor_role, actor_client, lsn, at) VALUES
	('captured', :i_long, 'mt', 'orders', 'mt_admin', 'a test', '0/0', '2020-02-29 23:59:59.9876+00'),
	('captured', NULL, 'mt', 'gone', 'mt_admin', 'a test', '0/0', now() - interval '2 hours');
CREATE FUNCTION mt.trail(role name, args jsonb) RETURNS bigint[] LANGUAGE sql SECURITY DEFINER AS $$
	SELECT coalesce(array_agg(id ORDER BY id DESC), '{}') FROM (SELECT a.id FROM selfheal.audit a
	WHERE (NOT args ? 'incident' OR a.incident = (args ->> 'incident')::bigint OR EXISTS (SELECT FROM selfheal.plan p WHERE p.id = a.plan AND (args ->> 'incident')::bigint = ANY (p.incidents)))
		AND (NOT args ? 'plan' OR a.plan = (args ->> 'plan')::bigint)
		AND (NOT args ? 'table' OR quote_ident(a.schema_name) || '.' || quote_ident(a.table_name) = args ->> 'table')
		AND (NOT args ? 'cursor' OR a.id < substr(args ->> 'cursor', 7)::bigint) AND (NOT args ? 'event' OR a.event = args ->> 'event')
		AND (NOT args ? 'since_hours' OR a.at >= now() - least((args ->> 'since_hours')::numeric, 1000000)::int * interval '1 hour')
		AND (a.table_name IS NULL OR (SELECT rolsuper FROM pg_roles WHERE rolname = role) OR has_table_privilege(role, to_regclass(quote_ident(a.schema_name) || '.' || quote_ident(a.table_name)), 'SELECT'))
	ORDER BY a.id DESC LIMIT 10) x
$$;
CREATE FUNCTION mt.trails(last bigint, wholes jsonb[]) RETURNS TABLE (calls bigint, others jsonb, events boolean) LANGUAGE sql AS $$
	SELECT count(*), jsonb_agg(a) FILTER (WHERE told <> mt.trail(current_user, a)), min(cardinality(told)) = 0 AND max(cardinality(told)) > 5
	FROM unnest(wholes) w, (VALUES ('{}'::jsonb), ('{"event": "captured"}')) e(e), (VALUES ('{}'::jsonb), ('{"since_hours": 1}'), ('{"since_hours": 1000000}'), ('{"since_hours": 9000000000000000000}')) h(h),
		(VALUES (last), (last - 5), (20)) c(c), jsonb_strip_nulls(w || e || h || jsonb_build_object('limit', 10, 'cursor', 'audit:' || c)) a,
		LATERAL (SELECT ARRAY(SELECT (v ->> 'id')::bigint FROM jsonb_array_elements(mt.ask('get_audit_trail', a) -> 'events') WITH ORDINALITY x(v, n) ORDER BY n) AS told) t
$$;
SELECT max(id) + 1 AS last FROM selfheal.audit \gset
SET ROLE mt_operator;
SELECT * FROM mt.trails(:last, ARRAY['{}', jsonb_build_object('incident', :i_long), jsonb_build_object('plan', :plan), '{"table": "mt.orders"}', '{"table": "mt.hidden"}']);
RESET ROLE;
SELECT * FROM mt.trails(:last, ARRAY['{}', jsonb_build_object('incident', :i_long), jsonb_build_object('plan', :plan), '{"table": "mt.orders"}', '{"table": "mt.hidden"}']);
SELECT e ->> 'at' AS at FROM jsonb_array_elements(mt.ask('get_audit_trail', jsonb_build_object('incident', :i_long, 'event', 'captured', 'limit', 50)) -> 'events') e WHERE e ->> 'client' = 'a test';
-- every call is in it: the reading ones, those that failed, those that were refused; never what was asked
SELECT c ->> 'name' AS tool, a.result, count(*) > 0 AS there FROM selfheal.audit a, jsonb_array_elements(a.tools) c
WHERE a.event = 'tool_called' AND a.actor_role IN ('mt_viewer', 'mt_operator', 'mt_admin') GROUP BY 1, 2 ORDER BY (c ->> 'name') COLLATE "C", 2;
SELECT count(*) FROM selfheal.audit WHERE event = 'tool_called' AND actor_role LIKE 'mt\_%' AND to_jsonb(audit)::text ~ 'the shop|nightly|many for|31\.12';

SELECT selfheal.unwatch('mt.orders'), selfheal.unwatch('mt.hidden');
DROP SCHEMA mt, mt_evil CASCADE;
DROP OWNED BY mt_viewer, mt_operator, mt_admin, mt_stranger;
DROP ROLE mt_viewer, mt_operator, mt_admin, mt_stranger;
