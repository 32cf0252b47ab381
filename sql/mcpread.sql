-- Resources by MCP: what a role may read, page by page; URIs; share_values.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mcpread;
SET search_path = mcpread, public;
CREATE ROLE mcpread_reader;
CREATE ROLE mcpread_stranger;
CREATE ROLE mcpread_pager;
SELECT selfheal.grant_to(r, 'viewer') FROM unnest('{mcpread_reader,mcpread_stranger,mcpread_pager}'::name[]) r;
GRANT USAGE ON SCHEMA mcpread TO mcpread_reader, mcpread_stranger, mcpread_pager;

-- asks in the modern era unless told otherwise; the result, or the fault
CREATE FUNCTION ask(method text, params jsonb DEFAULT '{}', modern boolean DEFAULT true) RETURNS jsonb LANGUAGE sql AS $$
	SELECT coalesce(r -> 'result', r - 'jsonrpc' - 'id') FROM selfheal.mcp(jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', method, 'params',
		params || CASE WHEN modern THEN '{"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}}'::jsonb ELSE '{}' END)) r
$$;
CREATE FUNCTION read(uri text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT ask('resources/read', jsonb_build_object('uri', uri))
$$;
CREATE FUNCTION body(uri text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT (read(uri) #>> '{contents,0,text}')::jsonb
$$;
-- ids and instants are those of this run
CREATE FUNCTION plain(t text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(t, '\d{8}T\d{6}Z_selfheal_\d+', 'TIME_selfheal_N'), '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', 'TIME', 'g'),
		'(incident|migration)/\d+', '\1/N', 'g'), '(incident|plan) \d+', '\1 N', 'gi')
$$;
-- all pages
CREATE FUNCTION pages(method text, key text) RETURNS TABLE (page int, n bigint, entry jsonb) LANGUAGE plpgsql AS $$
DECLARE
	answer jsonb;
	cursor_ text;
BEGIN
	FOR i IN 1..500 LOOP
		answer := ask(method, CASE WHEN cursor_ IS NULL THEN '{}' ELSE jsonb_build_object('cursor', cursor_) END);
		RETURN QUERY SELECT i, e.n, e.entry FROM jsonb_array_elements(answer -> key) WITH ORDINALITY e(entry, n);
		cursor_ := answer ->> 'nextCursor';
		EXIT WHEN cursor_ IS NULL;
	END LOOP;
END
$$;

CREATE TABLE orders (id bigint PRIMARY KEY, customer varchar(8) NOT NULL, at date, amount numeric(8,2) DEFAULT 0 CHECK (amount >= 0));
CREATE TABLE secrets (id bigint PRIMARY KEY, word varchar(8), code int);
SELECT selfheal.watch('orders');
SELECT selfheal.watch('secrets');
INSERT INTO orders_intake VALUES ('{"id": 1, "customer": "Canary Countess", "at": "2026-11-21"}'), ('{"id": 2, "customer": "Ada", "coupon": "GOTO-10"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
INSERT INTO orders_intake VALUES ('{"id": 3, "customer": "Ada", "at": "the canary 31 of xyz"}');
INSERT INTO secrets_intake VALUES ('{"id": 1, "word": "Canary Countess"}'), ('{"id": 2, "code": "canary forty-two"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
GRANT SELECT ON orders TO mcpread_reader;

-- the list: what the role may read, in its order
SET ROLE mcpread_reader;
SELECT plain(r ->> 'uri') AS uri, plain(r ->> 'name') AS name, plain(r ->> 'title') AS title, r ->> 'mimeType' AS type,
	r #>> '{annotations,lastModified}' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$' AS modified
FROM pages('resources/list', 'resources') p (page, n, r) WHERE r ->> 'uri' = 'selfheal://errors' OR r ->> 'title' LIKE '%mcpread.%';
SELECT ask('resources/list') - '{resources,nextCursor}'::text[] AS modern, ask('resources/list', '{}', false) - '{resources,nextCursor}'::text[] AS legacy;
SELECT jsonb_pretty(ask('resources/templates/list') -> 'resourceTemplates');
-- each of them can be read, under the URI that the list has
SELECT plain(r ->> 'uri') AS uri, c ->> 'uri' = r ->> 'uri' AS same_uri, c ->> 'mimeType' = r ->> 'mimeType' AS same_type, length(c ->> 'text') > 50 AS has_text
FROM pages('resources/list', 'resources') p (page, n, r), LATERAL jsonb_array_elements(read(r ->> 'uri') -> 'contents') c
WHERE r ->> 'uri' = 'selfheal://errors' OR r ->> 'title' LIKE '%mcpread.%';
RESET ROLE;
-- a stranger has the error log, and no error in it
SET ROLE mcpread_stranger;
SELECT string_agg(r ->> 'uri', ' ') AS uris FROM pages('resources/list', 'resources') p (page, n, r) WHERE r ->> 'uri' = 'selfheal://errors' OR r::text LIKE '%mcpread%';
SELECT count(*) AS errors FROM jsonb_array_elements(body('selfheal://errors') -> 'errors') e WHERE e ->> 'table' LIKE '%mcpread%';
RESET ROLE;
-- what is forbidden is as if it were not there, in both eras
SELECT array_agg(DISTINCT r ->> 'uri') AS uris FROM pages('resources/list', 'resources') p (page, n, r) WHERE r ->> 'title' LIKE '%mcpread.%' \gset
SET ROLE mcpread_stranger;
SELECT count(*) > 8 AS several, bool_and(read(u) -> 'error' = jsonb_build_object('code', -32602, 'message', read('selfheal://table/no.such') #> '{error,message}', 'data', jsonb_build_object('uri', u))) AS same,
	bool_and(ask('resources/read', jsonb_build_object('uri', u), false) #> '{error,code}' = '-32002') AS legacy
FROM unnest(:'uris'::text[] || '{selfheal://table/mcpread.orders/history,selfheal://errors/mcpread.orders}') u;
RESET ROLE;
SET ROLE mcpread_reader;
SELECT plain(u) AS uri FROM unnest(:'uris'::text[]) u WHERE NOT read(u) ? 'error' ORDER BY 1;
RESET ROLE;

-- texts: a table, its versions, its errors
SET ROLE mcpread_reader;
SELECT jsonb_pretty(body('selfheal://table/mcpread.orders') #- '{table,bytes}' #- '{table,constraints}');
SELECT jsonb_pretty(jsonb_agg(v - 'at' - 'plan' - 'hash' - 'role')) FROM jsonb_array_elements(body('selfheal://table/mcpread.orders/history') -> 'versions') v;
SELECT body('selfheal://table/mcpread.orders/history?before=2') -> 'versions' -> 0 -> 'version' AS version, body('selfheal://table/mcpread.orders/history?before=1') AS none;
SELECT e - 'id' - 'at' - 'incident' AS error FROM jsonb_array_elements(body('selfheal://errors') -> 'errors') e WHERE e ->> 'table' LIKE 'mcpread%';
SELECT jsonb_agg(e) = body('selfheal://errors/mcpread.orders') -> 'errors' AS same FROM jsonb_array_elements(body('selfheal://errors') -> 'errors') e WHERE e ->> 'table' LIKE 'mcpread%';
SELECT (e ->> 'id')::bigint AS newest FROM jsonb_array_elements(body('selfheal://errors/mcpread.orders') -> 'errors') e LIMIT 1 \gset
SELECT jsonb_array_length(body('selfheal://errors/mcpread.orders?before=' || :newest) -> 'errors') AS older, body('selfheal://errors?before=1') AS none;
RESET ROLE;

-- share_values: none, masked, full; full only to who may read all of the table
SELECT id AS incident FROM selfheal.incident WHERE relid = 'orders'::regclass AND state = 'needs_human' \gset
SELECT id AS healed FROM selfheal.incident WHERE relid = 'orders'::regclass AND class = 'too_long' \gset
CREATE FUNCTION told(incident bigint, healed bigint) RETURNS TABLE (what text, leaks boolean) LANGUAGE sql AS $$
	SELECT k, t ~* 'canary|countess|GOTO-10' FROM (VALUES
		('incident', read('selfheal://incident/' || incident)::text), ('healed', read('selfheal://incident/' || healed)::text),
		('errors', read('selfheal://errors/mcpread.orders')::text), ('all errors', read('selfheal://errors')::text),
		('table', read('selfheal://table/mcpread.orders')::text), ('history', read('selfheal://table/mcpread.orders/history')::text),
		('list', ask('resources/list')::text),
		('migration', (SELECT string_agg(read(r ->> 'uri')::text, '') FROM pages('resources/list', 'resources') p (page, n, r) WHERE r ->> 'uri' LIKE '%migration%')),
		('triage', ask('prompts/get', '{"name": "morning_triage"}')::text),
		('diagnose', ask('prompts/get', jsonb_build_object('name', 'diagnose_incident', 'arguments', jsonb_build_object('incident', incident::text)))::text),
		('fix', ask('prompts/get', '{"name": "write_permanent_fix", "arguments": {"table": "mcpread.orders"}}')::text)) v(k, t)
$$;
SET ROLE mcpread_reader;
SELECT string_agg(what, ' ') FILTER (WHERE leaks) AS leaks, count(*) AS looked_at FROM told(:incident, :healed);
SELECT body('selfheal://incident/' || :incident) #>> '{incident,reason}' AS reason;
RESET ROLE;
SELECT selfheal.watch('orders', share_values => 'none');
SET ROLE mcpread_reader;
SELECT string_agg(what, ' ') FILTER (WHERE leaks) AS leaks FROM told(:incident, :healed);
SELECT body('selfheal://incident/' || :incident) #>> '{incident,reason}' AS reason;
RESET ROLE;
SELECT selfheal.watch('orders', share_values => 'full');
SET ROLE mcpread_reader;
SELECT string_agg(what, ' ') FILTER (WHERE leaks) AS tells FROM told(:incident, :healed);
RESET ROLE;
SELECT selfheal.watch('orders', share_values => 'default');
-- the packet's fences: another mark each time
SELECT count(DISTINCT substring(p FROM '<(data-[0-9a-f]{24}) ')) AS marks FROM generate_series(1, 3) g, LATERAL (SELECT body('selfheal://incident/' || (:incident + g * 0)) #>> '{packet,0}' AS p) x;

-- what no playbook may know: names
CREATE SCHEMA "mcp/read.2";
CREATE TABLE "mcp/read.2"."a.b" (id int);
CREATE TABLE "mcp/read.2"."with space, ""quotes"", % and ?x=#y" (id int);
CREATE TABLE "mcp/read.2"."line
-- feed" (id int);
CREATE TABLE "mcp/read.2"."übergröße_€_🦆" (id int);
CREATE TABLE "mcp/read.2"."%41" (id int);
CREATE TABLE "mcp/read.2"."Upper" (id int);
CREATE TABLE "mcp/read.2"."user" (id int);
CREATE TABLE "mcp/read.2"."../../etc/passwd" (id int);
CREATE TABLE "mcp/read.2".aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg (id int);
SELECT count(selfheal.watch(c.oid)) AS watched FROM pg_class c WHERE relnamespace = '"mcp/read.2"'::regnamespace AND relkind = 'r';
GRANT USAGE ON SCHEMA "mcp/read.2" TO mcpread_pager;
GRANT SELECT ON ALL TABLES IN SCHEMA "mcp/read.2" TO mcpread_pager;
SET ROLE mcpread_pager;
SELECT r ->> 'uri' AS uri, body(r ->> 'uri') #>> '{table,table}' = r ->> 'name' AS reads, body(body(r ->> 'uri') ->> 'history') ->> 'table' = r ->> 'name' AS history,
	body(body(r ->> 'uri') ->> 'errors') ->> 'table' = r ->> 'name' AS errors
FROM pages('resources/list', 'resources') p (page, n, r) WHERE r ->> 'uri' LIKE '%/table/%' ORDER BY r ->> 'uri' COLLATE "C";
-- as people write them: not encoded, folded, quoted without need
SELECT u, read(u) #>> '{contents,0,uri}' AS is FROM unnest(ARRAY['selfheal://table/"mcp%2Fread.2"."a.b"', 'SELFHEAL://table/%22mcp%2fread.2%22.%22Upper%22',
	'selfheal://table/%22mcp%2Fread.2%22.user', 'selfheal://table/%22mcp%2Fread.2%22.USER', 'selfheal://table/%22mcp%2Fread.2%22.%22übergröße_€_🦆%22']) u;
-- and none of ours
SELECT u, read(u) #>> '{error,code}' AS code, ask('resources/read', jsonb_build_object('uri', u), false) #>> '{error,code}' AS legacy FROM unnest(ARRAY['', 'selfheal:', 'selfheal://', 'selfheal://x', 'http://table/public.orders', 'file:///etc/passwd',
	'selfheal://errors/', 'selfheal://errors/x', 'selfheal://errors//mcpread.orders', 'selfheal://errors/mcpread.orders/x', 'selfheal://table', 'selfheal://table/', 'selfheal://table/orders', 'selfheal://table/a.b.c',
	'selfheal://table/mcpread.orders/', 'selfheal://table/mcpread.orders/History', 'selfheal://table/mcpread.orders/history/x', 'selfheal://table/mcpread%2Eorders%00', 'selfheal://table/%00', 'selfheal://table/%',
	'selfheal://table/%4', 'selfheal://table/%zz.a', 'selfheal://table/%22mcp%252Fread.2%22.%22a.b%22', 'selfheal://table/%22mcp/read.2%22.%22a.b%22', 'selfheal://table/%22mcp%2Fread.2%22.%22Upper', 'selfheal://table/%22mcp%2Fread.2%22.Upper',
	'selfheal://table/%22mcp%2Fread.2%22.%2522', 'selfheal://table/%C0%AF.a', 'selfheal://table/%ED%A0%80.a', 'selfheal://table/%F8%88%80%80%80.a', 'selfheal://table/%FF', 'selfheal://table/%22%22.%22%22', 'selfheal://table/.', 'selfheal://table/1.2',
	'selfheal://table/pg_catalog.pg_class', 'selfheal://table/selfheal.incident', 'selfheal://table/mcpread.orders?before=1', 'selfheal://table/mcpread.orders/history?before=0', 'selfheal://table/mcpread.orders/history?after=1',
	'selfheal://table/mcpread.orders#x', 'selfheal://incident/', 'selfheal://incident/0', 'selfheal://incident/-1', 'selfheal://incident/+1', 'selfheal://incident/01', 'selfheal://incident/1x', 'selfheal://incident/%31',
	'selfheal://incident/99999999999999999999', 'selfheal://incident/9223372036854775807', 'selfheal://incident/1/', 'selfheal://incident/1?before=2', 'selfheal://migration/9223372036854775808', 'selfheal://migration/1;DROP']) u;
SELECT read('selfheal://table/' || repeat('%41', 10000)) #>> '{error,code}' AS long, read('selfheal://errors?before=' || repeat('9', 10000)) #>> '{error,code}' AS digits;
SELECT p, ask('resources/read', p::jsonb) -> 'error' AS error FROM unnest('{"{}","{\"uri\": 5}","{\"uri\": null}","{\"uri\": [\"selfheal://errors\"]}"}'::text[]) p;
RESET ROLE;

-- pages: each entry once, in order, 50 at a time; also where the last page is full
CREATE FUNCTION make(first int, last int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN first..last LOOP
		EXECUTE format('CREATE TABLE mcpread.p%s (id int)', i);
		EXECUTE format('GRANT SELECT ON mcpread.p%s TO mcpread_pager', i);
		PERFORM selfheal.watch(format('mcpread.p%s', i)::regclass);
	END LOOP;
	RETURN last;
END
$$;
SET ROLE mcpread_pager;
SELECT 100 - count(*) AS room FROM pages('resources/list', 'resources') \gset
RESET ROLE;
SELECT make(1, :room) > 50 AS several;
SET ROLE mcpread_pager;
SELECT page, count(*), count(DISTINCT entry ->> 'uri') FROM pages('resources/list', 'resources') GROUP BY page ORDER BY page;
SELECT array_agg(entry ->> 'name' ORDER BY page, n) = array_agg(entry ->> 'name' ORDER BY entry ->> 'name' COLLATE "C") AS sorted
FROM pages('resources/list', 'resources') WHERE entry ->> 'name' LIKE 'mcpread.p%';
RESET ROLE;
SELECT make(:room + 1, :room + 1) > 50 AS one_more;
SET ROLE mcpread_pager;
SELECT page, count(*) FROM pages('resources/list', 'resources') GROUP BY page ORDER BY page;
-- what comes or goes between two pages shifts nothing
SELECT ask('resources/list') ->> 'nextCursor' AS cursor \gset
SELECT entry ->> 'name' AS next FROM pages('resources/list', 'resources') WHERE page = 2 AND n = 1 \gset
RESET ROLE;
DROP TABLE p1;
SET ROLE mcpread_pager;
SELECT r ->> 'name' = :'next' AS next FROM jsonb_array_elements(ask('resources/list', jsonb_build_object('cursor', :'cursor')) -> 'resources') r LIMIT 1;
-- cursors that are none
SELECT left(p, 60) AS p, ask('resources/list', p::jsonb) #>> '{error,code}' AS list, ask('resources/templates/list', p::jsonb) #>> '{error,code}' AS templates, ask('prompts/list', p::jsonb) #>> '{error,code}' AS prompts
FROM (SELECT '{"cursor": 5}' UNION ALL SELECT jsonb_build_object('cursor', c)::text FROM unnest(ARRAY['', 'x', '====', encode('resources', 'base64'), encode('resources:', 'base64'),
	encode('resources:x', 'base64'), encode('resources:tfoo', 'base64'), encode('resources:i-1', 'base64'), encode('resources:i0', 'base64'), encode('resources:m1', 'base64'),
	encode('resources:m1.', 'base64'), encode('resources:m99999999999999999999.1', 'base64'), encode('resources:m9223372036854775807.1', 'base64'), encode('tools:t', 'base64'),
	encode('\x7265736f75726365733a74ff', 'base64'), repeat('A', 5000)]) c) x(p) WHERE length(p) < 100 OR p LIKE '%AAAA%' ORDER BY left(p, 80) COLLATE "C";
RESET ROLE;

DROP SCHEMA "mcp/read.2" CASCADE;
DROP SCHEMA mcpread CASCADE;
DROP OWNED BY mcpread_reader, mcpread_stranger, mcpread_pager;
DROP ROLE mcpread_reader, mcpread_stranger, mcpread_pager;
