--
-- What the tools of MCP tell of values: by share_values, whatever the tool and
-- whoever asks; in pages that are never too long; and names that bite.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mv;
CREATE ROLE mv_reader;
GRANT USAGE ON SCHEMA mv TO mv_reader;
SELECT selfheal.grant_to('mv_reader', 'operator');
CREATE TYPE mv.mood AS ENUM ('ok', 'bad');
CREATE TABLE mv.parents (id integer PRIMARY KEY);
CREATE TABLE mv.orders (
	id integer PRIMARY KEY, parent integer REFERENCES mv.parents, email varchar(8), amount numeric(6,2), placed date, mood mv.mood,
	CONSTRAINT positive CHECK (amount > 0));
CREATE FUNCTION mv.complain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.email = 'trigger' THEN RAISE EXCEPTION 'customer Canary Trigger 4711 is not wanted' USING DETAIL = 'She said Canary Detail.', HINT = 'Ask Canary Hint.'; END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER complain BEFORE INSERT ON mv.orders FOR EACH ROW EXECUTE FUNCTION mv.complain();
INSERT INTO mv.parents VALUES (1);
SELECT selfheal.watch('mv.orders', 'propose');
INSERT INTO mv.orders_intake VALUES
	('{"id": 1, "email": "canary.long@example.org"}'), ('{"id": 2, "placed": "Canary 31.12."}'), ('{"id": 3, "mood": "canarymood"}'), ('{"id": 4, "amount": -471147}'),
	('{"id": 5, "parent": 471148}'), ('{"id": 6, "email": "trigger"}'), ('{"id": "canaryid"}'), ('{"id": 8, "amount": -1}'), ('{"id": 9, "canary.key@example.org": "Canary Key"}'),
	('{"id": 10, "nick": "Canary Nick"}'), ('{"id": 11, "amount": 471149.50}'), ('{"id": 10, "nick": "Canary Again"}');
SELECT selfheal.report_failure('mv.orders', NULL, 'P0001', 'report of Canary Report', '{"source": "Canary Source"}') IS NOT NULL AS reported;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
-- words of people
SELECT plan_id AS proposal FROM selfheal.propose('mv.orders', $$ALTER TABLE mv.orders ADD COLUMN hint text$$, 'since Canary Person said so') \gset
SELECT selfheal.reject(:proposal, 'no: Canary Person was wrong');
SELECT selfheal.dismiss((SELECT min(id) FROM selfheal.incident WHERE schema_name = 'mv' AND class = 'trigger'), 'Canary Person does not care');

-- everything that a reader can be told of these tables
CREATE FUNCTION mv.told() RETURNS TABLE (tool text, answer jsonb) LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
BEGIN
	RETURN QUERY SELECT v.t, selfheal.tool(v.t, v.a::jsonb) FROM (VALUES ('list_incidents', '{"table": "mv.orders", "limit": 50}'), ('list_pending_plans', '{"table": "mv.orders"}'),
		('read_error_log', '{"table": "mv.orders", "limit": 50}'), ('read_error_log', '{"limit": 50, "since_hours": 1}'), ('get_audit_trail', '{"table": "mv.orders", "limit": 50}'),
		('execute_dry_run_migration', '{"table": "mv.orders", "ddl": "ALTER TABLE mv.orders ALTER email TYPE text"}'),
		('execute_dry_run_migration', '{"table": "mv.orders", "ddl": "ALTER TABLE mv.orders ALTER amount TYPE integer"}'),
		('execute_dry_run_migration', '{"table": "mv.orders", "ddl": "ALTER TABLE mv.orders ALTER email TYPE date"}')) v(t, a);
	FOR i IN SELECT id FROM selfheal.incidents WHERE table_name IN ('mv.orders', 'mv.keyed') LOOP
		RETURN QUERY SELECT t, selfheal.tool(t, jsonb_build_object('incident', i)) FROM unnest(ARRAY['explain_incident', 'sample_payloads', 'read_error_log', 'get_audit_trail']) t;
	END LOOP;
	RETURN QUERY SELECT 'list_pending_plans'::text, selfheal.tool('list_pending_plans', jsonb_build_object('plan', p.id)) FROM selfheal.plan p WHERE p.schema_name = 'mv';
	RETURN QUERY SELECT t, selfheal.tool(t, '{"table": "mv.keyed"}') FROM unnest(ARRAY['list_incidents', 'read_error_log', 'get_audit_trail']) t;
END
$$;
ALTER FUNCTION mv.told() SECURITY DEFINER;
-- a column that was named by a payload's key which looks like data
CREATE TABLE mv.keyed (id integer);
SELECT selfheal.watch('mv.keyed', 'propose');
INSERT INTO mv.keyed_intake VALUES ('{"id": 1, "canary.key@example.org": 1, "c4711471": 2, "fine": 3}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT p ->> 'sql' AS sql, p -> 'steps' AS steps, p ->> 'explanation' AS explanation FROM jsonb_array_elements(selfheal.tool('list_pending_plans', '{"table": "mv.keyed"}') #> '{structured,plans}') p;
-- masked, as it is by default: not even to a superuser, in whose name this runs
SELECT count(*) > 30 AS asked, bool_and(NOT (answer ->> 'is_error')::boolean OR tool = 'execute_dry_run_migration') AS answered FROM mv.told();
SELECT tool, m[1] AS leak FROM mv.told(), regexp_matches(answer::text, '(.{30}(?:[Cc]anary|47114).{20})', 'g') m;
SELECT selfheal.watch('mv.orders', share_values => 'none');
SELECT tool, m[1] AS leak FROM mv.told(), regexp_matches(answer::text, '(.{30}(?:[Cc]anary|47114).{20})', 'g') m;
-- with full it is there, in what tells of values: else the two above would say nothing
SELECT selfheal.watch('mv.orders', share_values => 'full');
SELECT tool, count(*) > 0 AS tells FROM mv.told() WHERE answer::text ~ '[Cc]anary|47114' GROUP BY tool ORDER BY tool;
-- full needs SELECT on the whole table; the error of a tool is bound as well
GRANT SELECT (id) ON mv.orders TO mv_reader;
SELECT id AS i_long FROM selfheal.incident WHERE schema_name = 'mv' AND class = 'too_long' \gset
SET ROLE mv_reader;
SELECT r #>> '{structured,share_values}' AS shared, r::text ~ '[Cc]anary' AS leaks FROM selfheal.tool('explain_incident', jsonb_build_object('incident', :i_long)) r;
SELECT selfheal.tool('read_error_log', jsonb_build_object('incident', :i_long))::text ~ '[Cc]anary' AS leaks;
RESET ROLE;
-- notices of the functions beneath do not reach the client
SELECT selfheal.watch('mv.orders', share_values => 'masked');
RESET client_min_messages;
SELECT r ->> 'is_error' AS is_error, r::text ~ '[Cc]anary' AS leaks FROM selfheal.tool('add_mapping', '{"table": "mv.orders", "kind": "null_if", "field": "placed", "args": "{\"values\": [\"Canary 31.12.\"]}", "why": "a test"}') r;
SET client_min_messages = warning;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
-- the errors of add_mapping quote rows
SELECT r ->> 'text' ~ 'would not make any held row fit' AS refused, r::text ~ '[Cc]anary' AS leaks FROM selfheal.tool('add_mapping', '{"table": "mv.orders", "kind": "null_if", "field": "mood", "args": "{\"values\": [\"x\"]}"}') r;

--
-- pages
--
INSERT INTO mv.orders_intake SELECT format('{"id": %s, "k%s": 1}', 100 + n, n) FROM generate_series(1, 70) n;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
CREATE FUNCTION mv.pages(tool text, list text, id text, args jsonb) RETURNS TABLE (pages int, entries bigint, different bigint, falling boolean, longest int) LANGUAGE plpgsql AS $$
DECLARE
	r jsonb;
	ids bigint[] := '{}';
	cursor text;
BEGIN
	pages := 0;
	longest := 0;
	LOOP
		r := selfheal.tool(tool, args || CASE WHEN cursor IS NULL THEN '{}' ELSE jsonb_build_object('cursor', cursor) END);
		IF (r ->> 'is_error')::boolean THEN RAISE EXCEPTION '%', r ->> 'text'; END IF;
		pages := pages + 1;
		longest := greatest(longest, length(r ->> 'structured'));
		ids := ids || ARRAY(SELECT (e ->> id)::bigint FROM jsonb_array_elements(r -> 'structured' -> list) WITH ORDINALITY x(e, n) ORDER BY n);
		cursor := r #>> '{structured,next_cursor}';
		IF (r #>> '{structured,has_more}')::boolean <> (cursor IS NOT NULL) THEN RAISE EXCEPTION 'has_more and next_cursor differ'; END IF;
		EXIT WHEN cursor IS NULL OR pages > 200;
	END LOOP;
	entries := cardinality(ids);
	SELECT count(DISTINCT i), bool_and(i < before IS NOT FALSE) INTO different, falling FROM (SELECT i, lag(i) OVER (ORDER BY n) AS before FROM unnest(ids) WITH ORDINALITY u(i, n)) x;
	RETURN NEXT;
END
$$;
SELECT p.entries = p.different AND p.falling AS in_order, p.entries = (SELECT count(*) FROM selfheal.incident WHERE schema_name = 'mv' AND table_name = 'orders') AS whole, p.pages > 10 AS pages, p.longest < 24000 AS bounded
FROM mv.pages('list_incidents', 'incidents', 'incident', '{"table": "mv.orders", "limit": 7}') p;
SELECT p.entries = p.different AND p.falling AS in_order, p.entries = (SELECT count(*) FROM selfheal.error WHERE schema_name = 'mv' AND table_name = 'orders') AS whole, p.longest < 24000 AS bounded
FROM mv.pages('read_error_log', 'errors', 'id', '{"table": "mv.orders", "limit": 50}') p;
SELECT p.entries = p.different AND p.falling AS in_order, p.entries = (SELECT count(*) FROM selfheal.audit WHERE schema_name = 'mv' AND table_name = 'orders') AS whole, p.longest < 24000 AS bounded
FROM mv.pages('get_audit_trail', 'events', 'id', '{"table": "mv.orders", "limit": 50}') p;
-- how many: 20 when none is said, 50 at most
SELECT a, n = 20 AS twenty, n BETWEEN 21 AND 50 AS more, n = 1 AS one FROM (SELECT a, jsonb_array_length(selfheal.tool('list_incidents', a::jsonb) #> '{structured,incidents}') AS n FROM (VALUES ('{"table": "mv.orders"}'), ('{"table": "mv.orders", "limit": 1000}'), ('{"table": "mv.orders", "limit": 1}'), ('{"table": "mv.orders", "limit": -3}')) v(a)) x;
-- a cursor is its tool's own
SELECT selfheal.tool(t, jsonb_build_object('cursor', c)) ->> 'text' AS text
FROM (VALUES ('list_incidents', 'plans:5'), ('list_pending_plans', '5'), ('get_audit_trail', 'audit:'), ('read_error_log', 'errors:-5'), ('list_incidents', 'incidents:99999999999999999999'), ('list_incidents', 'incidents:5; DROP TABLE x')) v(t, c);
-- long texts are cut, with a mark, and a page ends in time
CREATE TABLE mv.wide (id integer);
SELECT selfheal.watch('mv.wide', 'propose', share_values => 'full');
INSERT INTO mv.wide_intake SELECT jsonb_build_object('id', repeat(E'\x01"long', 300) || n)::text FROM generate_series(1, 60) n;
INSERT INTO mv.wide_intake SELECT jsonb_build_object('id', repeat(E'\x01"long', 300) || n, 'x', 1)::text FROM generate_series(1, 60) n;
SELECT count(selfheal.report_failure('mv.wide', NULL, '22001', repeat(E'\x01', 20000))) AS reported FROM generate_series(1, 30);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT p.entries > 30 AS entries, p.entries = p.different AS whole, p.pages > 2 AS pages, p.longest < 24000 AS bounded FROM mv.pages('read_error_log', 'errors', 'id', '{"table": "mv.wide", "limit": 50}') p;
SELECT right(e ->> 'message', 40) AS cut FROM jsonb_array_elements(selfheal.tool('read_error_log', '{"table": "mv.wide", "limit": 1}') #> '{structured,errors}') e;
SELECT p.longest < 24000 AS bounded FROM mv.pages('sample_payloads', 'payloads', 'row', jsonb_build_object('limit', 50, 'incident', (SELECT min(id) FROM selfheal.incident WHERE schema_name = 'mv' AND table_name = 'wide'))) p;
SELECT bool_and(NOT (selfheal.tool('explain_incident', jsonb_build_object('incident', id)) ->> 'is_error')::boolean) AS explained FROM selfheal.incident WHERE schema_name = 'mv' AND table_name = 'wide';
-- so is the description of a wide table with many words
DO $$ BEGIN
	EXECUTE (SELECT 'CREATE TABLE mv.words (' || string_agg(format('%I text DEFAULT %L CHECK (%I <> %L)', 'a_long_name_of_a_column_' || n, repeat('d', 200), 'a_long_name_of_a_column_' || n, repeat('c', 300)), ', ') || ')' FROM generate_series(1, 150) n);
	FOR i IN 1..150 LOOP
		EXECUTE format('COMMENT ON COLUMN mv.words.a_long_name_of_a_column_%s IS %L', i, repeat('w', 500));
		EXECUTE format('CREATE INDEX ON mv.words (lower(a_long_name_of_a_column_%s)) WHERE a_long_name_of_a_column_%s <> %L', i, i, repeat('i', 300));
	END LOOP;
END $$;
SELECT r ->> 'text' AS text, r #>> '{structured,shortened}' AS shortened, jsonb_array_length(r #> '{structured,columns}') AS columns, length(r ->> 'structured') < 24000 AS bounded FROM selfheal.tool('inspect_schema', '{"table": "mv.words"}') r;

--
-- names with quotes, line feeds, and statements in them
--
CREATE SCHEMA "mv ""odd""; DROP TABLE mv.orders; --";
CREATE TABLE "mv ""odd""; DROP TABLE mv.orders; --"."t'able
""\" ("id" integer, "c""ol'umn; --
\" varchar(3));
SELECT selfheal.watch('"mv ""odd""; DROP TABLE mv.orders; --"."t''able
""\"'::regclass, 'propose') IS NOT NULL AS watched;
SELECT selfheal.ingest('"mv ""odd""; DROP TABLE mv.orders; --"."t''able
""\"', ARRAY[jsonb_build_object('id', 1, E'c"ol''umn; --\n\\', 'too long')::text, jsonb_build_object('id', 2, E'key"; DROP TABLE mv.orders; --', 5)::text]) IS NOT NULL AS sent;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT i ->> 'table' AS table_name, i ->> 'column' AS column_name, i ->> 'class' AS class
FROM jsonb_array_elements(selfheal.tool('list_incidents', jsonb_build_object('table', '"mv ""odd""; DROP TABLE mv.orders; --"."t''able
""\"')) #> '{structured,incidents}') i;
SELECT a ->> 'text' AS text, a #>> '{structured,sql}' AS sql, a #>> '{structured,state}' AS state FROM selfheal.tool('apply_safe_ddl', jsonb_build_object('table', '"mv ""odd""; DROP TABLE mv.orders; --"."t''able
""\"', 'ddl', 'ALTER TABLE "mv ""odd""; DROP TABLE mv.orders; --"."t''able
""\" ADD COLUMN "new""; DROP TABLE mv.orders; --" text', 'why', '''; DROP TABLE mv.orders; --')) a;
SELECT selfheal.tool(t, a) ->> 'text' AS text FROM (VALUES ('inspect_schema', '{"table": "mv.orders; DROP TABLE mv.orders"}'::jsonb), ('inspect_schema', '{"table": "\"mv"}'), ('list_incidents', '{"table": "x'' OR true"}'),
	('list_incidents', '{"class": "'' OR true; --"}'), ('set_policy', '{"table": "mv.orders''; --", "verdict": "auto"}'), ('drop"; --', '{}'), (repeat('x', 500), '{}')) v(t, a);
SELECT count(*) AS still_there FROM pg_class WHERE oid = 'mv.orders'::regclass;
SELECT length(c ->> 'name') AS clipped FROM selfheal.audit a, jsonb_array_elements(a.tools) c WHERE event = 'tool_called' AND c ->> 'name' LIKE 'xxx%';

SELECT count(selfheal.unwatch(relid)) AS unwatched FROM selfheal.watched WHERE schema_name LIKE 'mv%';
DROP SCHEMA mv, "mv ""odd""; DROP TABLE mv.orders; --" CASCADE;
DROP OWNED BY mv_reader;
DROP ROLE mv_reader;
