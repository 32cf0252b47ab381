-- Resources by MCP: what is long is cut with a mark, or goes on under another
-- URI; tables that are gone; lists wait for no lock.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mcplong;
SET search_path = mcplong, public;
CREATE ROLE mcplong_reader;
SELECT selfheal.grant_to('mcplong_reader', 'viewer');
GRANT USAGE ON SCHEMA mcplong TO mcplong_reader;
CREATE FUNCTION ask(method text, params jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT coalesce(r -> 'result', r - 'jsonrpc' - 'id') FROM selfheal.mcp(jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', method, 'params', params)) r
$$;
CREATE FUNCTION content(uri text) RETURNS text LANGUAGE sql AS $$
	SELECT ask('resources/read', jsonb_build_object('uri', uri)) #>> '{contents,0,text}'
$$;
-- a list to its end, by the URIs that it gives
CREATE FUNCTION parts(uri text, key text) RETURNS TABLE (part int, n int, bytes int) LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	FOR i IN 1..50 LOOP
		answer := content(uri);
		RETURN QUERY SELECT i, jsonb_array_length(answer::jsonb -> key), octet_length(answer);
		uri := answer::jsonb ->> 'older';
		EXIT WHEN uri IS NULL;
	END LOOP;
END
$$;

-- a table with more to say than fits
DO $$
BEGIN
	EXECUTE 'CREATE TYPE mcplong.kind AS ENUM (' || (SELECT string_agg(quote_literal(repeat('x', 58) || i), ', ') FROM generate_series(1, 60) i) || ')';
	EXECUTE 'CREATE TABLE mcplong.wide (' || (SELECT string_agg(format('c%s mcplong.kind DEFAULT %L', i, repeat('x', 58) || 1), ', ') FROM generate_series(1, 120) i) || ')';
	FOR i IN 1..120 LOOP
		EXECUTE format('COMMENT ON COLUMN mcplong.wide.c%s IS %L', i, repeat('comment ', 60));
	END LOOP;
END $$;
SELECT selfheal.watch('wide');
SELECT octet_length(t) <= 200000 AS bounded, t::jsonb ->> 'cut' AS cut, t::jsonb #> '{table,columns,0}' AS first, jsonb_array_length(t::jsonb #> '{table,columns}') AS columns, t::jsonb #> '{table,columns_in_all}' AS in_all
FROM content('selfheal://table/mcplong.wide') t;

-- the longest goes first, and no more than must
CREATE TABLE ruled (id int, v text);
DO $$
BEGIN
	FOR i IN 1..30 LOOP
		EXECUTE format('CREATE INDEX ON mcplong.ruled (id) WHERE v <> %L', repeat('y', 500));
	END LOOP;
END $$;
SELECT selfheal.watch('ruled');
SELECT t ? 'cut' AS cut, jsonb_array_length(t #> '{table,indexes}') AS indexes FROM (SELECT content('selfheal://table/mcplong.ruled')::jsonb AS t) x;

-- versions and errors, in parts
CREATE TABLE many (id int, v varchar(8));
SELECT selfheal.watch('many');
DO $$
BEGIN
	FOR i IN 1..60 LOOP
		EXECUTE format('ALTER TABLE mcplong.many ADD c%s text', i);
	END LOOP;
END $$;
SELECT part, n FROM parts('selfheal://table/mcplong.many/history', 'versions');
INSERT INTO selfheal.error (id, relid, schema_name, table_name, class, column_name, message, detail, hint, incident)
	SELECT nextval('selfheal.error_id_seq'), 'many'::regclass, 'mcplong', 'many', 'too_long', 'v', repeat('the value is too long ', 100), repeat('the value is too long ', 100), repeat('the value is too long ', 100), 0 FROM generate_series(1, 130) i;
SELECT part, n, bytes <= 200000 AS bounded FROM parts('selfheal://errors/mcplong.many', 'errors');
SELECT max(id) - 129 AS first FROM selfheal.error WHERE table_name = 'many' AND schema_name = 'mcplong' \gset
SELECT (content('selfheal://errors/mcplong.many?before=' || (:first + 1))::jsonb #>> '{errors,0,id}')::bigint = :first AS first, content('selfheal://errors/mcplong.many?before=' || :first)::jsonb AS none;

-- a migration that is too long to be given is not given in part
INSERT INTO selfheal.plan (relid, schema_name, table_name, steps, sql, inverse, state, verdict, hash, schema_hash, proposed_by, applied_at)
	VALUES ('many'::regclass, 'mcplong', 'many', '{"steps": []}', 'ALTER TABLE mcplong.many ' || repeat('ADD x text, ', 15000), repeat('-- lost' || E'\n', 5000), 'applied', 'auto', 'h', 'h', 'selfheal', '2026-01-02 03:04:05+00'),
	('many'::regclass, 'mcplong', 'many', '{"steps": []}', 'ALTER TABLE mcplong.many ' || repeat('ADD x text, ', 20000), NULL, 'applied', 'auto', 'h', 'h', 'selfheal', '2026-01-02 03:04:05+00');
SELECT min(id) AS fits, max(id) AS too_long FROM selfheal.plan WHERE relid = 'many'::regclass \gset
SELECT octet_length(t) <= 200000 AS bounded, t LIKE '%What would undo it%' AS inverse, t LIKE '%ADD x text, ;%' AS whole FROM content('selfheal://migration/' || :fits) t;
SELECT octet_length(t) <= 200000 AS bounded, regexp_replace(t, '(plan |plan = |selfheal_)' || :'too_long' || '(?!\d)', '\1N', 'g') AS text FROM content('selfheal://migration/' || :too_long) t;

-- a key that is longer than a name, and looks like data
INSERT INTO selfheal.incident (relid, schema_name, table_name, class, column_name, state, first_seen, last_seen)
	VALUES ('many'::regclass, 'mcplong', 'many', 'unknown_key', repeat('ada@example.com ', 500), 'open', now(), now());
SELECT max(id) AS incident FROM selfheal.incident WHERE relid = 'many'::regclass \gset
SELECT replace(r ->> 'title', :'incident', 'N') AS title FROM jsonb_array_elements(ask('resources/list', jsonb_build_object('cursor', encode(convert_to('resources:i' || (:incident + 1), 'UTF8'), 'base64'))) -> 'resources') r LIMIT 1;
SELECT octet_length(content('selfheal://incident/' || :incident)) < 20000 AS bounded;

-- a list waits for no lock of a table
GRANT SELECT ON many TO mcplong_reader;
\setenv PGDATABASE :DBNAME
BEGIN;
LOCK TABLE many IN ACCESS EXCLUSIVE MODE;
\! psql -X -q -A -t -c "SET lock_timeout = '3s'; SET ROLE mcplong_reader; SELECT count(*) > 0 FROM jsonb_array_elements(selfheal.mcp('{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"resources/list\"}') #> '{result,resources}') r WHERE r ->> 'title' LIKE '%mcplong.many%'"
COMMIT;

-- a table that is gone: nobody's but who reads everything, and no value of it
UPDATE selfheal.incident SET column_name = 'v', reason = 'value "ada" is gone' WHERE id = :incident;
DROP TABLE many;
SELECT content('selfheal://incident/' || :incident)::jsonb -> 'incident' ->> 'reason' AS reason, content('selfheal://incident/' || :incident) LIKE '%ada%' AS leaks;
SET ROLE mcplong_reader;
SELECT content('selfheal://incident/' || :incident) AS none, content('selfheal://migration/' || :fits) AS neither;
RESET ROLE;

DELETE FROM selfheal.incident WHERE schema_name = 'mcplong';
DELETE FROM selfheal.plan WHERE schema_name = 'mcplong';
DELETE FROM selfheal.error WHERE schema_name = 'mcplong';
DROP SCHEMA mcplong CASCADE;
DROP OWNED BY mcplong_reader;
DROP ROLE mcplong_reader;
