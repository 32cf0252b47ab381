--
-- What was sent, of rows that were stored otherwise: byte for byte, however
-- the payloads of a load resemble each other, and no more of it than
-- selfheal.kept_max.
--
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA kept;
SET search_path = kept, public;
SET TimeZone = 'UTC';
\set VERBOSITY sqlstate
\pset null '-'

-- Every line of a load as it was sent. Lines are told apart by their places.
CREATE TABLE t (id int, v text, rest jsonb);
SELECT selfheal.watch('t', 'observe', keep_payload => 'all');
SELECT selfheal.add_mapping('t', 'overflow_to_jsonb', NULL, column_name => 'rest') > 0 AS added;
CREATE TABLE sent (line bigint, payload text);
CREATE FUNCTION load(OUT stored bigint, OUT kept bigint, OUT wrong bigint) LANGUAGE plpgsql AS $$
DECLARE
	last bigint;
BEGIN
	SELECT i.stored INTO stored FROM selfheal.ingest('t', ARRAY(SELECT payload FROM sent ORDER BY line)) i;
	SELECT load INTO last FROM selfheal.last_load();
	SELECT count(*) INTO kept FROM selfheal.originals WHERE load = last;
	SELECT count(*) INTO wrong FROM sent s FULL JOIN (SELECT position, payload FROM selfheal.originals WHERE load = last) o
		ON o.position = s.line AND o.payload = s.payload WHERE (o.position IS NULL AND s.payload <> '') OR s.line IS NULL;
END $$;

-- alike but for their values
INSERT INTO sent SELECT i, format('{"id": %s, "v": "value %s", "city": "%s", "flag": %s}', i, i % 17, repeat('x', i % 9), (i % 3 = 0)::text) FROM generate_series(1, 5000) i;
SELECT * FROM load();
-- so they take little room
SELECT count(*) < 40 AS few, sum(length(payloads)) * 3 < (SELECT sum(length(payload)) FROM sent) AS small FROM selfheal.kept WHERE load = (SELECT load FROM selfheal.last_load());
-- the same again and again, and lines that are none between them
TRUNCATE sent;
INSERT INTO sent SELECT i, CASE WHEN i % 100 = 0 THEN '' ELSE '{"id": 1, "v": "the same"}' END FROM generate_series(1, 3500) i;
SELECT * FROM load();
SELECT max(rows) AS rows FROM selfheal.kept WHERE load = (SELECT load FROM selfheal.last_load());
-- keys that come and go, and change their places; other kinds of values; blanks and escapes
TRUNCATE sent;
INSERT INTO sent SELECT i, '{"id": ' || i || (SELECT coalesce(string_agg(format(',%s"%s%s":%s%s', repeat(' ', h % 3), repeat('long', h % 4), k,
			repeat(E'\t', h % 2), (ARRAY['null', '"ü\u00fc\\ \" ], }, "', '[1, "a,b", {"c": "]"}]', '{"x": {"y": ","}}', '1.50e2', '"' || md5(h::text) || '"', '""', 'true'])[1 + h % 8]), '' ORDER BY h), '')
			FROM generate_series(1, 12) k, abs(hashint4(i * 31 + k)) h WHERE h % 5 < 3) || '}' || repeat(' ', i % 2)
	FROM generate_series(1, 3000) i;
SELECT * FROM load();
-- nothing in common
TRUNCATE sent;
INSERT INTO sent SELECT i, format('{"id": %s, "v": "%s"}', i, (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, i % 40) j)) FROM generate_series(1, 1000) i;
SELECT * FROM load();
-- as large as a page, a little less, a little more, and much larger, alike and not
TRUNCATE sent;
INSERT INTO sent SELECT i, format('{"id": %s, "v": "%s"}', i, CASE WHEN i % 3 = 0 THEN repeat('y', 7500 + i) ELSE (SELECT left(string_agg(md5(i || ' ' || j), ''), 7500 + i) FROM generate_series(1, 300) j) END) FROM generate_series(1, 400) i;
INSERT INTO sent SELECT 400 + i, format('{"id": %s, "v": "%s"}', i, repeat('z', 100000 * i)) FROM generate_series(1, 5) i;
INSERT INTO sent VALUES (406, '{}'), (407, '{}'), (408, '{"v":""}');
SELECT * FROM load();

-- Of more mappings than are told apart at once.
CREATE TABLE m (id int, v text);
SELECT selfheal.watch('m', 'observe');
SELECT count(selfheal.add_mapping('m', 'ignore_field', 'k' || i)) FROM generate_series(0, 6) i;
INSERT INTO m_intake SELECT format('{"id": %s%s}', i, (SELECT string_agg(format(', "k%s": %s', k, i), '') FROM generate_series(0, 6) k WHERE i >> k & 1 = 1)) FROM generate_series(1, 2000) i;
SELECT count(*), count(*) FILTER (WHERE cardinality(mappings) = length(replace((position % 128)::int::bit(7)::text, '0', ''))
	AND payload = format('{"id": %s%s}', position, (SELECT string_agg(format(', "k%s": %s', k, position), '') FROM generate_series(0, 6) k WHERE position >> k & 1 = 1))) AS right
	FROM selfheal.originals WHERE table_name = 'kept.m';

-- Of rows that were held: under the numbers that they had.
CREATE TABLE h (id int, d date);
SELECT selfheal.watch('h', 'propose');
INSERT INTO h_intake SELECT format('{"id": %s, "d": "%s"}', i, CASE WHEN i % 3 = 0 THEN '20_11_2026' ELSE '2026-11-20' END) FROM generate_series(1, 300) i;
CREATE TABLE was AS SELECT id, payload FROM selfheal.quarantine WHERE relid = 'h'::regclass;
SELECT count(*) FROM was;
SELECT selfheal.add_mapping('h', 'parse_timestamp', 'd', '{"formats": ["DD_MM_YYYY"]}') > 0 AS added;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) AS held, count(*) FILTER (WHERE o.payload = w.payload) AS right FROM was w JOIN selfheal.originals o ON o.held = w.id AND o.table_name = 'kept.h';
SELECT count(*), count(DISTINCT d) AS days FROM h;

-- The bytes themselves: numbers that go back, and what is none of ours.
SELECT number, convert_from(payload, 'UTF8') AS payload FROM selfheal.kept_rows(7, '\x0002002061620503021053bc010303');
SELECT * FROM selfheal.kept_rows(7, '');
SELECT * FROM selfheal.kept_rows(7, '\x0002');
SELECT * FROM selfheal.kept_rows(7, '\x00ffffffffffffffffff01');
SELECT * FROM selfheal.kept_rows(7, '\x000201');
SELECT * FROM selfheal.kept_rows(7, '\x00020022616200');
-- cut off anywhere, or with any byte another one: other payloads or an error
CREATE FUNCTION read(block bytea, OUT was text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM FROM selfheal.kept_rows(1, block);
	was := 'read';
EXCEPTION WHEN data_corrupted THEN
	was := 'refused';
END $$;
SELECT payloads AS block FROM selfheal.kept WHERE table_name = 'm' AND schema_name = 'kept' ORDER BY length(payloads) LIMIT 1 \gset
SELECT r.was, count(*) > 0 AS some FROM generate_series(0, length(:'block'::bytea)) i, read(substring(:'block'::bytea FOR i)) r GROUP BY 1 ORDER BY 1;
SELECT r.was, count(*) > 10 AS some FROM generate_series(0, least(length(:'block'::bytea), 400) - 1) i, unnest(ARRAY[0, 1, 15, 127, 128, 240, 255]) b, read(set_byte(:'block'::bytea, i, b)) r GROUP BY 1 ORDER BY 1;
-- whoever may read the view may read what it reads
CREATE ROLE regress_reader;
SELECT selfheal.grant_to('regress_reader', 'viewer');
GRANT USAGE ON SCHEMA kept TO regress_reader;
GRANT SELECT ON t TO regress_reader;
SET ROLE regress_reader;
SELECT DISTINCT table_name FROM selfheal.originals WHERE table_name LIKE 'kept.%';
SELECT count(*) FROM selfheal.kept;
RESET ROLE;
SELECT has_function_privilege('public', 'selfheal.kept_rows(bigint, bytea)', 'EXECUTE') AS everyone;

-- No more than selfheal.kept_max: the oldest go.
SHOW selfheal.kept_max;
SELECT count(*) FROM selfheal.status WHERE item = 'originals' AND note IS NULL;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
DELETE FROM selfheal.kept;
VACUUM selfheal.kept;
TRUNCATE sent;
INSERT INTO sent SELECT i, format('{"id": %s, "v": "%s"}', i, (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 32) j)) FROM generate_series(1, 600) i;
CREATE FUNCTION loads(n int) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM selfheal.ingest('t', ARRAY(SELECT payload FROM sent ORDER BY line));
		RETURN NEXT (SELECT load FROM selfheal.last_load());
	END LOOP;
END $$;
SELECT min(l) AS first, max(l) AS last FROM loads(6) l \gset
SELECT count(DISTINCT load) AS loads, sum(length(payloads)) > 3500000 AS much FROM selfheal.kept;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(DISTINCT load) AS loads FROM selfheal.kept;
ALTER SYSTEM SET selfheal.kept_max = '2MB';
SELECT pg_reload_conf();
-- loads of which every row is stored wake nobody but for this
\c -
SET client_min_messages = error;
SET search_path = kept, public;
SHOW selfheal.kept_max;
SELECT count(*) AS again FROM loads(1);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(DISTINCT load) AS loads, min(load) > :first AS oldest_gone, max(load) > :last AS newest_there, sum(length(payloads)) BETWEEN 1000000 AND 2097152 AS bounded,
	count(DISTINCT load) = max(load) - min(load) + 1 AS no_gap FROM selfheal.kept;
-- what is left is whole
SELECT count(*) % 600 AS rest, count(*) FILTER (WHERE o.payload <> s.payload) AS wrong FROM selfheal.originals o JOIN sent s ON s.line = o.position;
SELECT note FROM selfheal.status WHERE item = 'originals';
-- also when loads are kept for ever; 0: there is no limit
ALTER SYSTEM SET selfheal.load_retention = -1;
ALTER SYSTEM SET selfheal.kept_max = '1MB';
SELECT pg_reload_conf();
\c -
SHOW selfheal.kept_max;
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT sum(length(payloads)) < 1048576 AS bounded FROM selfheal.kept;
ALTER SYSTEM SET selfheal.kept_max = 0;
SELECT pg_reload_conf();
\c -
SET client_min_messages = error;
SET search_path = kept, public;
SHOW selfheal.kept_max;
SELECT count(*) AS again FROM loads(3);
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(DISTINCT load) >= 4 AS "all" FROM selfheal.kept;
ALTER SYSTEM RESET selfheal.kept_max;
ALTER SYSTEM RESET selfheal.load_retention;
SELECT pg_reload_conf();

SELECT count(selfheal.unwatch(c::regclass)) FROM unnest('{t,m,h}'::text[]) c;
DELETE FROM selfheal.kept;
DROP SCHEMA kept CASCADE;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;
