--
-- Options of COPY that say what is to become of a load and not how its file is
-- written: ON_ERROR, REJECT_LIMIT, LOG_VERBOSITY, FREEZE, WHERE.
-- Alike on every version.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA copyopts;
SET search_path = copyopts, public;
SELECT setting || '/regress_copyopts.data' AS file, 'rm "' || setting || '/regress_copyopts.data"' AS rm
	FROM pg_settings WHERE name = 'data_directory' \gset
CREATE FUNCTION put(file text, bytes bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	o oid := lo_from_bytea(0, bytes);
BEGIN
	PERFORM lo_export(o, file);
	PERFORM lo_unlink(o);
END $$;
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1);
CREATE TABLE t (id int PRIMARY KEY, v varchar(4), p int REFERENCES parent, CHECK (id <> 66)) PARTITION BY RANGE (id);
CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (100);
SELECT selfheal.watch('t', 'observe');
-- load these lines; the SQLSTATE, what is stored, and what is held
CREATE FUNCTION try(file text, lines text, options jsonb, OUT state text, OUT column_name text, OUT constraint_name text,
	OUT said text, OUT stored bigint, OUT held bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT coalesce(max(id), 0) FROM selfheal.quarantine WHERE relid = 't'::regclass);
BEGIN
	PERFORM put(file, convert_to(lines, 'UTF8'));
	TRUNCATE t;
	BEGIN
		SELECT format('%s stored, %s held', c.stored, c.held) INTO said FROM selfheal.copy_from('t', file, options => options) c;
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, column_name = COLUMN_NAME, constraint_name = CONSTRAINT_NAME, said = PG_EXCEPTION_DETAIL;
	END;
	stored := (SELECT count(*) FROM t);
	held := (SELECT count(*) FROM selfheal.quarantine WHERE relid = 't'::regclass AND id > before);
END $$;

-- ---- ON_ERROR ----
-- ignore: what does not fit is held; so it is without a word
SELECT * FROM try(:'file', E'1,a,1\n2,too long,\n3,c,\n', '{"format": "csv", "on_error": "ignore"}');
SELECT * FROM try(:'file', E'1,a,1\n2,too long,\n3,c,\n', '{"format": "csv"}');
-- stop: nothing is stored or held, whatever it is that a row does not fit
SELECT o.what, t.* FROM (VALUES (1, 'width', E'1,a,1\n2,too long,\n3,c,\n'), (2, 'type', E'1,a,1\nx,b,\n'), (3, 'null', E'1,a,1\n,b,\n'),
		(4, 'unique', E'1,a,1\n1,b,\n'), (5, 'foreign key', E'1,a,1\n2,b,7\n'), (6, 'check', E'1,a,1\n66,b,\n'),
		(7, 'partition', E'1,a,1\n200,b,\n'), (8, 'fields', E'1,a,1\n2\n'), (9, 'the first one counts', E'1,a,1\n2,b,\nx,b,\n66,b,\n'),
		(10, 'none', E'1,a,1\n2,b,\n')) AS o(n, what, lines),
	LATERAL try(:'file', lines, '{"format": "csv", "on_error": "STOP"}') AS t ORDER BY n;
-- of a load that was stopped nothing is left to be healed
SELECT count(*) FROM selfheal.load WHERE relid = 't'::regclass AND stored + held = 0;

-- ---- REJECT_LIMIT ----
SELECT n, t.* FROM unnest(ARRAY['1', '2', '"2"', '3']::jsonb[]) AS n,
	LATERAL try(:'file', E'1,a,1\n2,too long,\n200,c,\n4,d,\n5,longer,\n', jsonb_build_object('format', 'csv', 'reject_limit', n, 'on_error', 'ignore')) AS t;
-- the table's own limit counts as well
SELECT selfheal.watch('t', reject_limit => '2');
SELECT state, stored, held FROM try(:'file', E'1,a,1\n2,too long,\n200,c,\n4,longer,\n', '{"format": "csv", "reject_limit": 3}');
SELECT selfheal.watch('t', reject_limit => 'none');

-- ---- LOG_VERBOSITY ----
SET client_min_messages = notice;
SELECT said FROM try(:'file', E'1,a,1\n2,too long,\n3,b\n4,d,\nx,e,y\n200,f,\n', '{"format": "csv"}');
SELECT said FROM try(:'file', E'1,a,1\n2,too long,\n3,b\n4,d,\nx,e,y\n200,f,\n', '{"format": "csv", "log_verbosity": "default"}');
SELECT said FROM try(:'file', E'1,a,1\n2,too long,\n3,b\n4,d,\nx,e,y\n200,f,\n', '{"format": "csv", "log_verbosity": "verbose"}');
SELECT said FROM try(:'file', E'1,a,1\n2,too long,\n3,b\n4,d,\nx,e,y\n200,f,\n', '{"format": "csv", "log_verbosity": "silent"}');
-- what a contract discards did not fit either
SELECT selfheal.set_contract('t', types => 'discard_row');
SELECT said FROM try(:'file', E'1,a,1\n2,too long,\n3,c,\n', '{"format": "csv", "log_verbosity": "verbose"}');
SELECT said FROM try(:'file', E'1,a,1\n2,too long,\n3,c,\n', '{"format": "csv", "log_verbosity": "silent"}');
SELECT state, stored FROM try(:'file', E'1,a,1\n2,too long,\n3,c,\n', '{"format": "csv", "on_error": "stop"}');
SELECT state, stored FROM try(:'file', E'1,a,1\n2,too long,\n3,longer,\n', '{"format": "csv", "reject_limit": 1}');
SELECT selfheal.set_contract('t', types => 'default');

-- ---- by COPY into the intake, lines of JSON too ----
TRUNCATE t;
\set VERBOSITY sqlstate
COPY t_intake (id, v) FROM STDIN (FORMAT csv, ON_ERROR stop);
1,a
2,too long
\.
\set VERBOSITY terse
COPY t_intake (id, v) FROM STDIN (FORMAT csv, ON_ERROR ignore, REJECT_LIMIT 1, LOG_VERBOSITY verbose);
1,a
2,too long
\.
\set VERBOSITY sqlstate
COPY t_intake FROM STDIN (FORMAT ndjson, ON_ERROR stop);
{"id": 2, "v": "b"}
{"id": 3, "v": "too long"}
\.
COPY t_intake FROM STDIN (FORMAT ndjson, REJECT_LIMIT 1);
{"id": 2, "v": "too long"}
{"id": 3, "v": "too long"}
\.
\set VERBOSITY terse
COPY t_intake FROM STDIN (FORMAT ndjson, LOG_VERBOSITY silent);
{"id": 2, "v": "b"}
{"id": 3, "v": "too long"}
\.
SELECT id, v FROM t ORDER BY id;
-- a load that was stopped is a COPY that has failed: its table is looked after
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT DISTINCT class, column_name FROM selfheal.error WHERE relid = 't'::regclass AND door = 'statement';

-- ---- values that are none ----
SELECT selfheal.copy_from('t', :'file', options => '{"on_error": "set_null"}');
SELECT selfheal.copy_from('t', :'file', options => '{"on_error": true}');
SELECT selfheal.copy_from('t', :'file', options => '{"reject_limit": 0}');
SELECT selfheal.copy_from('t', :'file', options => '{"reject_limit": -1}');
SELECT selfheal.copy_from('t', :'file', options => '{"reject_limit": "some"}');
SELECT selfheal.copy_from('t', :'file', options => '{"reject_limit": 1.5}');
SELECT selfheal.copy_from('t', :'file', options => '{"reject_limit": 1, "on_error": "stop"}');
SELECT selfheal.copy_from('t', :'file', options => '{"log_verbosity": "loud"}');
COPY t_intake (id, v) FROM '/dev/null' (FORMAT csv, ON_ERROR ignore, ON_ERROR ignore);
COPY t_intake (id, v) FROM '/dev/null' (FORMAT csv, REJECT_LIMIT 1, REJECT_LIMIT 1);
COPY t_intake (id, v) FROM '/dev/null' (FORMAT csv, LOG_VERBOSITY silent, LOG_VERBOSITY 'default');
COPY t_intake FROM '/dev/null' (FORMAT ndjson, FREEZE);
\set VERBOSITY default
SET client_min_messages = warning;

-- ---- FREEZE ----
-- What COPY stores frozen a load freezes when it has ended, if COPY would.
CREATE TABLE f (id int PRIMARY KEY, v varchar(4), big text) WITH (autovacuum_enabled = false, toast.autovacuum_enabled = false);
ALTER TABLE f ALTER big SET STORAGE EXTERNAL;
CREATE TABLE g (id int) WITH (autovacuum_enabled = false);
SELECT selfheal.watch('f', 'observe'), selfheal.watch('g', 'observe');
-- every page that has a row; a file may end in pages that have none
CREATE FUNCTION marked(t regclass, OUT pages boolean, OUT frozen boolean) LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('SELECT count(DISTINCT (ctid::text::point)[0]) > 0, count(DISTINCT (ctid::text::point)[0]) = (SELECT relallvisible FROM pg_class WHERE oid = %s) FROM %s',
		t::oid, t) INTO pages, frozen;
END $$;
SELECT put(:'file', convert_to(string_agg(i || ',' || CASE WHEN i % 100 = 0 THEN 'too long' ELSE 'a' END || ',' || repeat(md5(i::text), CASE i % 50 WHEN 7 THEN 400 ELSE 1 END) || E'\n', ''), 'UTF8'))
	FROM generate_series(1, 1000) i;
BEGIN;
TRUNCATE f;
SELECT * FROM selfheal.copy_from('f', :'file', options => '{"format": "csv", "freeze": true}');
SELECT count(*), sum(length(big)) FROM f;
COMMIT;
SELECT 'pg_toast.pg_toast_' || 'f'::regclass::oid AS toast \gset
ANALYZE f;
SELECT * FROM marked('f');
-- its large values too: their table has a map of what is frozen
SELECT pg_relation_size(oid) > 0 AS pages, pg_relation_size(oid, 'vm') > 0 AS map FROM pg_class WHERE oid = :'toast'::regclass;
SELECT count(*), sum(length(big)) FROM f;
-- rows that meet another, which are known when they are in the table, are held as well
BEGIN;
TRUNCATE f;
SELECT * FROM selfheal.copy_from('f', program => 'seq 1 500; seq 450 510', options => '{"columns": ["id"], "freeze": "on"}');
COMMIT;
SELECT count(*), max(id) FROM f;
UPDATE f SET v = 'b' WHERE id = 9;
DELETE FROM f WHERE id > 100;
SELECT count(*), max(id), max(v) FROM f;
-- without it, and with false, nothing is
BEGIN;
TRUNCATE f;
SELECT * FROM selfheal.copy_from('f', program => 'seq 1 500', options => '{"columns": ["id"], "freeze": false}');
COMMIT;
ANALYZE f;
SELECT * FROM marked('f');
-- by COPY, in a transaction that made the table, at another isolation level
BEGIN ISOLATION LEVEL REPEATABLE READ;
CREATE TABLE h (id int) WITH (autovacuum_enabled = false);
SELECT selfheal.watch('h', 'observe');
COPY h_intake (id) FROM PROGRAM 'seq 1 2000' (FORMAT csv, FREEZE);
COMMIT;
ANALYZE h;
SELECT * FROM marked('h');
-- where COPY refuses it, so do we: each by COPY first
\set VERBOSITY sqlstate
\set ON_ERROR_ROLLBACK off
COPY g FROM PROGRAM 'seq 1 3' (FREEZE);
SELECT selfheal.copy_from('g', program => 'seq 1 3', options => '{"freeze": true}');
BEGIN;
TRUNCATE g;
SAVEPOINT s;
COPY g FROM PROGRAM 'seq 1 3' (FREEZE);
ROLLBACK TO s;
SELECT selfheal.copy_from('g', program => 'seq 1 3', options => '{"freeze": true}');
ROLLBACK;
BEGIN;
TRUNCATE g;
DECLARE c CURSOR FOR SELECT 1;
COPY g FROM PROGRAM 'seq 1 3' (FREEZE);
ROLLBACK;
BEGIN;
TRUNCATE g;
DECLARE c CURSOR FOR SELECT 1;
SELECT selfheal.copy_from('g', program => 'seq 1 3', options => '{"freeze": true}');
ROLLBACK;
COPY t FROM PROGRAM 'seq 1 3' (FREEZE);
SELECT selfheal.copy_from('t', program => 'seq 1 3', options => '{"freeze": true}');
-- and where our statement does more than COPY's can
BEGIN;
TRUNCATE g;
SELECT selfheal.copy_from('g', program => 'seq 1 3', options => '{"freeze": true}'), (SELECT count(*) FROM g);
ROLLBACK;
BEGIN;
TRUNCATE g;
DO $$ BEGIN PERFORM (SELECT max(id) FROM g), selfheal.copy_from('g', program => 'seq 1 3', options => '{"freeze": true}'); END $$;
ROLLBACK;
\set VERBOSITY default
-- what is rolled back is gone
BEGIN;
TRUNCATE g;
SELECT selfheal.copy_from('g', program => 'seq 1 3', options => '{"freeze": true}');
ROLLBACK;
SELECT count(*) FROM g;

-- ---- WHERE ----
CREATE TABLE w (id int, v varchar(4), d date DEFAULT '2020-01-01', n numeric, g int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE wcore (LIKE w INCLUDING ALL);
SELECT selfheal.watch('w', 'auto');
-- the same rows as COPY has them, by both ways in
CREATE FUNCTION same_where(file text, condition text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said record;
	differ bigint;
BEGIN
	TRUNCATE w, wcore;
	EXECUTE format('COPY wcore (id, v, n) FROM %L (FORMAT csv) WHERE %s', file, condition);
	SELECT * INTO said FROM selfheal.copy_from('w', file, options => jsonb_build_object('format', 'csv', 'columns', '["id", "v", "n"]'::jsonb, 'where', condition));
	SELECT count(*) INTO differ FROM ((TABLE w EXCEPT ALL TABLE wcore) UNION ALL (TABLE wcore EXCEPT ALL TABLE w)) x;
	TRUNCATE w;
	EXECUTE format('COPY w_intake (id, v, n) FROM %L (FORMAT csv) WHERE %s', file, condition);
	differ := differ + (SELECT count(*) FROM ((TABLE w EXCEPT ALL TABLE wcore) UNION ALL (TABLE wcore EXCEPT ALL TABLE w)) x);
	RETURN format('%s of 200 stored, %s held, %s differ', said.stored, said.held, differ);
END $$;
SELECT put(:'file', convert_to(string_agg(concat_ws(',', i, CASE WHEN i % 7 > 0 THEN 'v' || i % 5 ELSE '' END, CASE WHEN i % 3 > 0 THEN (i / 4.0)::text ELSE '' END) || E'\n', ''), 'UTF8'))
	FROM generate_series(1, 200) i;
CREATE FUNCTION odd(int) RETURNS boolean LANGUAGE sql AS 'SELECT $1 % 2 = 1';
SELECT c, same_where(:'file', c) FROM unnest(ARRAY['id > 100', 'v IN (''v1'', ''v2'')', 'n IS NULL', 'n < 20 OR v = ''v3''', '(n > 5) IS NOT TRUE', 'odd(id) AND copyopts.odd(id / 2)',
	'd = ''2020-01-01''', 'd <> ''2020-01-01''', 'true', 'null', 'id BETWEEN 3 AND 9 -- a comment', '(v COLLATE "C") > ''v2''', 'coalesce(n, 0) * 2 = id / 2.0', 'length(v) = 2']) c;
SELECT held, excluded, condition FROM selfheal.load WHERE relid = 'w'::regclass AND condition LIKE '%odd%' ORDER BY id;
-- what is none, is more than one expression, or more than COPY allows
\set VERBOSITY sqlstate
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', ''));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', 'true; DROP TABLE w'));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', 'true FROM w'));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', 'true, false'));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', 'true AS x'));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', 'true UNION SELECT true'));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', 'true ORDER BY 1'));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', 'DISTINCT true'));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', '['));
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', '["id > 1"]'::jsonb));
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE id;
SELECT selfheal.copy_from('w', :'file', options => jsonb_build_object('where', 'id'));
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE nothing > 1;
COPY wcore (id) FROM '/dev/null' (FORMAT csv) WHERE id IN (SELECT 1);
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE id IN (SELECT 1);
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE max(id) > 1;
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE generate_series(1, id) > 1;
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE row_number() OVER () > 1;
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE $1;
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE g > 1;
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE xmin = '1';
COPY w_intake (id) FROM '/dev/null' (FORMAT csv) WHERE w IS NOT NULL;
-- what it throws is the load's error, as COPY's
COPY wcore (id) FROM PROGRAM 'seq 0 3' (FORMAT csv) WHERE 1 / id > 0;
COPY w_intake (id) FROM PROGRAM 'seq 0 3' (FORMAT csv) WHERE 1 / id > 0;
\set VERBOSITY default
-- it is told how many were left out
SET client_min_messages = notice;
TRUNCATE w;
SELECT * FROM selfheal.copy_from('w', program => 'seq 1 5', options => '{"columns": ["id"], "where": "id > 3"}');
SELECT * FROM selfheal.copy_from('w', program => 'seq 1 5', options => '{"columns": ["id"], "where": "id > 4", "log_verbosity": "silent"}');
SET client_min_messages = warning;
SELECT id, d, g FROM w ORDER BY 1;
-- rows that do not fit are held whatever it says, since it cannot be asked of them; when they fit it is
TRUNCATE w;
SET datestyle = 'ISO, DMY';
SELECT * FROM selfheal.copy_from('w', program => 'printf "1,a,03/04/2020\n2,longer,03/04/2020\n3,longer,04/03/2020\n4,b,04/03/2020\n5,too long,03/04/2020\n"',
	options => '{"format": "csv", "columns": ["id", "v", "d"], "where": "d > ''01/04/2020'' AND odd(id)"}');
RESET datestyle;
SET search_path = pg_catalog;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SET search_path = copyopts, public;
SELECT id, v, d FROM w ORDER BY 1;
SELECT q.position, q.state, changed_by, why FROM selfheal.quarantine q JOIN selfheal.load l ON l.id = q.load
	WHERE l.relid = 'w'::regclass AND l.condition LIKE '%odd%' AND l.held > 0 ORDER BY q.id;
SELECT state FROM selfheal.incidents WHERE table_name = 'copyopts.w';
-- in a session of somebody else's, too, the condition runs as the role that has loaded
CREATE ROLE regress_where;
GRANT USAGE, CREATE ON SCHEMA copyopts TO regress_where;
SELECT selfheal.watch('w', 'observe');
ALTER TABLE w ALTER v TYPE varchar(4) USING left(v, 4);
GRANT INSERT ON w, w_intake TO regress_where;
CREATE TABLE ran (as_whom text);
GRANT INSERT ON ran TO regress_where;
SET ROLE regress_where;
CREATE FUNCTION who(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN INSERT INTO copyopts.ran VALUES (current_user); PERFORM set_config('work_mem', '77MB', false); RETURN $1 > 1; END $$;
COPY w_intake (id, v) FROM STDIN (FORMAT csv) WHERE who(id);
1,far too long
2,far too long
3,fits
\.
RESET ROLE;
RESET work_mem;
ALTER TABLE w ALTER v TYPE text;
SELECT * FROM selfheal.replay('w');
SELECT current_setting('work_mem') = '77MB' AS has_changed;
SELECT * FROM ran;
SELECT id, v FROM w WHERE v ~ 'f' ORDER BY 1;
DROP OWNED BY regress_where;
DROP ROLE regress_where;

-- ---- options that only some servers know: each takes what its own COPY takes, to the same end ----
CREATE TABLE a (n int, t text DEFAULT 'dflt', u text DEFAULT 'x y');
CREATE TABLE acore (LIKE a INCLUDING ALL);
SELECT selfheal.watch('a', 'observe');
CREATE FUNCTION alike(file text, lines text, words text, options jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	core text := 'no error';
	ours text := 'no error';
	differ bigint;
BEGIN
	PERFORM put(file, convert_to(lines, 'UTF8'));
	TRUNCATE a, acore;
	BEGIN
		EXECUTE format('COPY acore FROM %L (FORMAT csv, %s)', file, words);
	EXCEPTION WHEN OTHERS THEN
		core := SQLSTATE;
	END;
	BEGIN
		PERFORM selfheal.copy_from('a', file, options => options || '{"format": "csv"}');
	EXCEPTION WHEN OTHERS THEN
		ours := SQLSTATE;
	END;
	SELECT count(*) INTO differ FROM ((TABLE a EXCEPT ALL TABLE acore) UNION ALL (TABLE acore EXCEPT ALL TABLE a)) x;
	RETURN CASE WHEN core = ours AND differ = 0 THEN 'as COPY' ELSE format('COPY: %s, copy_from: %s, %s rows differ', core, ours, differ) END;
END $$;
SELECT words, alike(:'file', E'1,\\D,""\n2,"\\D",\n3,"",NULL\n4,NULL,"NULL"\n', words, options) FROM (VALUES
	(1, 'DEFAULT ''\D''', '{"default": "\\D"}'::jsonb), (2, 'FORCE_NULL *, NULL ''NULL''', '{"force_null": "*", "null": "NULL"}'),
	(3, 'FORCE_NOT_NULL (t, u), NULL ''NULL''', '{"force_not_null": ["t", "u"], "null": "NULL"}'), (4, 'FORCE_NOT_NULL *', '{"force_not_null": "*"}'),
	(5, 'FORCE_NULL (t), NULL ''NULL''', '{"force_null": ["t"], "null": "NULL"}'), (6, 'FORCE_QUOTE *', '{"force_quote": "*"}'), (7, 'HEADER match', '{"header": "match"}'),
	(8, 'DEFAULT ''"''', '{"default": "\""}'), (9, 'NULL E''\n''', '{"null": "\n"}'), (10, 'ENCODING ''none''', '{"encoding": "none"}'), (11, 'ESCAPE ''ab''', '{"escape": "ab"}'), (12, 'NULL ''NULL'', DEFAULT ''NULL''', '{"null": "NULL", "default": "NULL"}'))
	AS o(n, words, options) ORDER BY n;
-- where COPY can skip what is no value of its type, the same rows are stored, and those are held
SELECT CASE WHEN current_setting('server_version_num')::int >= 170000
	THEN alike(:'file', E'1,a,b\nx,c,d\n2,e,f\n', 'ON_ERROR ignore', '{"on_error": "ignore"}') ELSE 'as COPY' END AS on_error,
	CASE WHEN current_setting('server_version_num')::int >= 180000
	THEN alike(:'file', E'1,a,b\nx,c,d\n2,e,f\ny,,\n', 'ON_ERROR ignore, REJECT_LIMIT 1', '{"on_error": "ignore", "reject_limit": 1}') ELSE 'as COPY' END AS reject_limit;
SELECT alike(:'file', E'1,a,b\nx,c,d\n2,e,f\n', 'QUOTE ''"''', '{"on_error": "stop"}') AS on_error_stop;

-- what a contract has taken away outlives its table
DELETE FROM selfheal.discard WHERE relid = 't'::regclass;
COPY parent TO PROGRAM :'rm';
DROP SCHEMA copyopts CASCADE;
