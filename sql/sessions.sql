--
-- The session of a load: its settings and its role are the load's, in replay
-- too; whatever a session does around a load, what was rolled back is neither
-- stored nor held, the rest is, and nothing is left in a buffer.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA sessions;
SET search_path = sessions, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all

\set VERBOSITY terse

-- TimeZone, DateStyle, IntervalStyle: the same text is another value under each
-- of them, in the load that stores it as in the replay of what was held
CREATE TABLE styles (id int, tz timestamptz, d date, i interval, v varchar(3), note text DEFAULT current_setting('TimeZone'));
SELECT selfheal.watch('styles', 'observe');
CREATE FUNCTION load_styles(first int) RETURNS void LANGUAGE sql AS $$
	INSERT INTO sessions.styles_intake SELECT format('{"id": %s, "tz": "2026-07-01 00:00", "d": "02/03/2026", "i": "-1 2:00:00", "v": "%s"}', first + i, CASE i WHEN 0 THEN 'fit' ELSE 'too long' END)
	FROM generate_series(0, 1) i
$$;
BEGIN;
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = 'sql_standard';
SELECT load_styles(10);
COMMIT;
BEGIN;
SET LOCAL TimeZone = 'America/New_York';
SET LOCAL DateStyle = 'Postgres, MDY';
SET LOCAL IntervalStyle = 'postgres';
SELECT load_styles(20);
SAVEPOINT a;
SET LOCAL TimeZone = 'Asia/Kolkata';
ROLLBACK TO a;
SELECT load_styles(30);
COMMIT;
-- a function's own settings are those of its loads
CREATE FUNCTION load_there(first int) RETURNS void LANGUAGE sql SET TimeZone = 'Pacific/Auckland' SET DateStyle = 'ISO, DMY' AS $$ SELECT sessions.load_styles(first) $$;
SET DateStyle = 'ISO, MDY';
SELECT load_there(40);
SELECT load_styles(50);
SET DateStyle = 'ISO, YMD';
SELECT timezone, datestyle, intervalstyle, stored, held FROM selfheal.load WHERE relid = 'styles'::regclass ORDER BY id;
SELECT selfheal.watch('styles', 'auto');
SELECT selfheal.wake();
:idle
SET IntervalStyle = 'postgres';
SELECT * FROM styles ORDER BY id;
SELECT a.id, (a.tz, a.d, a.i, a.note) = (b.tz, b.d, b.i, b.note) AS same FROM styles a JOIN styles b ON b.id = a.id + 1 AND a.v = 'fit' ORDER BY 1;
-- in the session of a person who replays, likewise
CREATE TABLE styles2 (id int, tz timestamptz, v varchar(3));
SELECT selfheal.watch('styles2', 'observe');
SET TimeZone = 'Asia/Tokyo';
INSERT INTO styles2_intake VALUES ('{"id": 1, "tz": "2026-07-01 00:00", "v": "abcd"}');
SET TimeZone = 'UTC';
ALTER TABLE styles2 ALTER v TYPE text;
SELECT replayed, held FROM selfheal.replay('styles2');
SELECT *, current_setting('TimeZone') AS zone FROM styles2;
RESET IntervalStyle;

-- what else a session may have set does not change a value
CREATE TABLE odd (id int, a int[], f float8, b bytea, x text, v varchar(3));
SELECT selfheal.watch('odd');
SET array_nulls = off;
SET bytea_output = 'escape';
SET extra_float_digits = -5;
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SET quote_all_identifiers = on;
SET transform_null_equals = on;
SET default_transaction_isolation = 'repeatable read';
SET lc_numeric = 'C';
SET enable_seqscan = off;
INSERT INTO odd_intake VALUES (json_build_object('id', 1, 'a', '[1, null]'::json, 'f', 0.1234567890123456, 'b', E'\\x00ff', 'x', E'a\\b', 'v', 'abc')::text),
	(json_build_object('id', 2, 'a', '[1, null]'::json, 'f', 0.1234567890123456, 'b', E'\\x00ff', 'x', E'a\\b', 'v', 'abcd')::text);
RESET ALL;
SET client_min_messages = warning;
SET search_path = sessions, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
:idle
SELECT * FROM odd ORDER BY id;

-- search_path and role: what a trigger finds by an unqualified name
CREATE SCHEMA sessions_a;
CREATE SCHEMA sessions_b;
CREATE FUNCTION sessions_a.which() RETURNS text LANGUAGE sql AS $$ SELECT 'a' $$;
CREATE FUNCTION sessions_b.which() RETURNS text LANGUAGE sql AS $$ SELECT 'b' $$;
CREATE TABLE paths (id int, v varchar(3), which text, who text);
CREATE FUNCTION which_path() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.which := which(); NEW.who := current_user; RETURN NEW; END $$;
CREATE TRIGGER a BEFORE INSERT ON paths FOR EACH ROW EXECUTE FUNCTION which_path();
SELECT selfheal.watch('paths');
CREATE ROLE regress_one;
CREATE ROLE regress_two;
GRANT USAGE ON SCHEMA sessions, sessions_a, sessions_b TO regress_one, regress_two;
GRANT INSERT ON paths, paths_intake TO regress_one, regress_two;
BEGIN;
SET LOCAL ROLE regress_one;
SET LOCAL search_path = sessions_a, sessions;
INSERT INTO paths_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "abcd"}');
SET LOCAL ROLE regress_two;
INSERT INTO paths_intake VALUES ('{"id": 3}'), ('{"id": 4, "v": "abcd"}');
SET LOCAL search_path = sessions_b, sessions;
INSERT INTO paths_intake VALUES ('{"id": 5}'), ('{"id": 6, "v": "abcd"}');
COMMIT;
-- a function that loads as its owner
CREATE FUNCTION load_as_owner() RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = sessions_b, sessions AS $$
	INSERT INTO paths_intake VALUES ('{"id": 7}'), ('{"id": 8, "v": "abcd"}') $$;
ALTER FUNCTION load_as_owner() OWNER TO regress_two;
SET ROLE regress_one;
SELECT load_as_owner();
RESET ROLE;
SET SESSION AUTHORIZATION regress_one;
SET search_path = sessions_a;
INSERT INTO sessions.paths_intake VALUES ('{"id": 9}'), ('{"id": 10, "v": "abcd"}');
RESET SESSION AUTHORIZATION;
SET search_path = sessions, public;
:idle
SELECT * FROM paths ORDER BY id;
SELECT * FROM tell('paths') WHERE what <> 'stored';

-- as a replica: refused, also where only the function that loads is one; and
-- when a statement becomes one half-way its rows are not lost without a word
CREATE TABLE tx (id int, v varchar(3));
SELECT selfheal.watch('tx', 'observe');
CREATE FUNCTION load_as_replica() RETURNS void LANGUAGE sql SET session_replication_role = replica AS $$ INSERT INTO sessions.tx_intake VALUES ('{"id": 1}') $$;
SELECT load_as_replica();
\echo :SQLSTATE
BEGIN;
SET LOCAL session_replication_role = replica;
PREPARE as_replica AS INSERT INTO tx_intake VALUES ('{"id": 1}');
EXECUTE as_replica;
\echo :SQLSTATE
ROLLBACK;
DEALLOCATE as_replica;
SET session_replication_role = local;
INSERT INTO tx_intake VALUES ('{"id": 2}'), ('{"id": 3, "v": "abcd"}');
RESET session_replication_role;
INSERT INTO tx_intake SELECT CASE i WHEN 2 THEN set_config('session_replication_role', 'replica', false) ELSE '{"id": 1}' END FROM generate_series(1, 3) i;
\echo :SQLSTATE
RESET session_replication_role;
SELECT * FROM tell('tx') WHERE what ~ '^(stored|held|rows)';

-- several statements in one message are one transaction
INSERT INTO tx_intake VALUES ('{"id": 10}'), ('{"id": 11, "v": "abcd"}') \; INSERT INTO tx_intake VALUES ('{"id": 12}') \; SELECT 1 / 0;
INSERT INTO tx_intake VALUES ('{"id": 13}'), ('{"id": 14, "v": "abcd"}') \; INSERT INTO tx_intake VALUES ('{"id": 15}') \; SELECT 'done' AS done;
-- an error aborts the transaction with all its loads, whoever raises it
BEGIN;
INSERT INTO tx_intake VALUES ('{"id": 20}'), ('{"id": 21, "v": "abcd"}');
SELECT 1 / 0;
INSERT INTO tx_intake VALUES ('{"id": 22}');
COMMIT;
WITH a AS (INSERT INTO tx_intake VALUES ('{"id": 23}'), ('{"id": 24, "v": "abcd"}') RETURNING payload) SELECT 1 / (count(*) - 2) FROM a;
CREATE TABLE plain (id int CHECK (id > 0));
WITH a AS (INSERT INTO tx_intake VALUES ('{"id": 25}'), ('{"id": 26, "v": "abcd"}')) INSERT INTO plain VALUES (0);
WITH a AS (INSERT INTO tx_intake VALUES ('{"id": 27}')), b AS (INSERT INTO plain VALUES (27)) UPDATE tx SET v = 'up' WHERE id = 13;
-- savepoints in savepoints: what is released goes the way of its parent
BEGIN;
SAVEPOINT a;
INSERT INTO tx_intake VALUES ('{"id": 30}'), ('{"id": 31, "v": "abcd"}');
SAVEPOINT b;
INSERT INTO tx_intake VALUES ('{"id": 32}'), ('{"id": 33, "v": "abcd"}');
SAVEPOINT c;
INSERT INTO tx_intake VALUES ('{"id": 34}'), ('{"id": 35, "v": "abcd"}');
RELEASE b;
ROLLBACK TO a;
INSERT INTO tx_intake VALUES ('{"id": 36}'), ('{"id": 37, "v": "abcd"}');
SAVEPOINT d;
INSERT INTO tx_intake SELECT CASE i WHEN 3 THEN (1 / (i - 3))::text ELSE '{"id": 38}' END FROM generate_series(1, 4) i;
ROLLBACK TO d;
SAVEPOINT e;
INSERT INTO tx_intake VALUES ('{"id": 39}'), ('{"id": 40, "v": "abcd"}');
RELEASE e;
COMMIT;
SELECT * FROM tell('tx') WHERE what ~ '^(stored|held|rows)';

-- cancelled by a timeout in the middle of a load: nothing of it is left, and
-- the session goes on
SET statement_timeout = '100ms';
INSERT INTO tx_intake SELECT CASE i WHEN 100000 THEN pg_sleep(60)::text ELSE format('{"id": %s%s}', 1000 + i, CASE WHEN i % 2 = 0 THEN ', "v": "abcd"' END) END FROM generate_series(1, 100000) i;
\echo :SQLSTATE
BEGIN;
INSERT INTO tx_intake VALUES ('{"id": 50}'), ('{"id": 51, "v": "abcd"}');
SAVEPOINT a;
INSERT INTO tx_intake SELECT CASE i WHEN 3 THEN pg_sleep(60)::text ELSE '{"id": 52}' END FROM generate_series(1, 3) i;
\echo :SQLSTATE
ROLLBACK TO a;
INSERT INTO tx_intake VALUES ('{"id": 53}');
COMMIT;
RESET statement_timeout;
SELECT what, "row" FROM tell('tx') WHERE "row" ~ '(50|51|52|53|1\d\d\d)';

-- functions: EXCEPTION blocks around loads, in a loop, nested, re-raised
TRUNCATE tx;
SELECT count(*) > 0 AS discarded FROM (SELECT selfheal.discard(id, 'next') FROM selfheal.quarantine WHERE relid = 'tx'::regclass AND state = 'held') d;
CREATE TABLE ex (id int, v varchar(3));
SELECT selfheal.watch('ex', 'observe');
DO $$
BEGIN
	FOR i IN 1 .. 300 LOOP
		BEGIN
			INSERT INTO sessions.ex_intake VALUES (format('{"id": %s}', i)), (format('{"id": %s, "v": "abcd"}', i));
			IF i % 3 = 0 THEN
				RAISE EXCEPTION 'no';
			END IF;
			BEGIN
				INSERT INTO sessions.ex_intake SELECT format('{"id": %s}', 1000 + i / (i % 5));
			EXCEPTION WHEN division_by_zero THEN
				INSERT INTO sessions.ex_intake VALUES (format('{"id": %s}', 2000 + i));
			END;
		EXCEPTION WHEN raise_exception THEN
			NULL;
		END;
	END LOOP;
END $$;
SELECT count(*) FILTER (WHERE id <= 300) AS first, count(*) FILTER (WHERE id BETWEEN 1000 AND 1999) AS second, count(*) FILTER (WHERE id > 2000) AS third,
	count(*) FILTER (WHERE id <= 300 AND id % 3 = 0) AS none FROM ex;
SELECT count(*), count(DISTINCT (payload::jsonb ->> 'id')::int), count(*) FILTER (WHERE (payload::jsonb ->> 'id')::int % 3 = 0) AS none FROM selfheal.quarantine WHERE relid = 'ex'::regclass;
SELECT * FROM tell('ex') WHERE what ~ '^rows';
-- EXIT from a loop over INSERT ... RETURNING; a set-returning function that is
-- read for its first row only: the statement has loaded all of its rows
DO $$
DECLARE
	p text;
BEGIN
	FOR p IN INSERT INTO sessions.ex_intake SELECT format('{"id": %s}', 3000 + i) FROM generate_series(1, 5) i RETURNING payload LOOP
		EXIT;
	END LOOP;
END $$;
CREATE FUNCTION load_set() RETURNS SETOF text LANGUAGE sql AS $$
	INSERT INTO sessions.ex_intake SELECT format('{"id": %s}', 3100 + i) FROM generate_series(1, 5) i RETURNING payload $$;
SELECT load_set() LIMIT 1;
SELECT count(*) FILTER (WHERE id BETWEEN 3001 AND 3099) AS loop, count(*) FILTER (WHERE id > 3100) AS function FROM ex WHERE id > 3000;
-- procedures and DO that commit and roll back between loads
CREATE PROCEDURE load_and_commit() LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. 6 LOOP
		INSERT INTO sessions.ex_intake VALUES (format('{"id": %s}', 4000 + i)), (format('{"id": %s, "v": "abcd"}', 4000 + i));
		IF i % 3 = 0 THEN
			ROLLBACK;
		ELSE
			COMMIT;
		END IF;
	END LOOP;
	INSERT INTO sessions.ex_intake VALUES ('{"id": 4007}');
	RAISE EXCEPTION 'after all';
END $$;
CALL load_and_commit();
SELECT id FROM ex WHERE id > 4000 ORDER BY id;
SELECT payload FROM selfheal.quarantine WHERE relid = 'ex'::regclass AND payload ~ '"id": 4\d\d\d' ORDER BY id;

-- cursors: one that is held over commits and one that is open see their own
-- snapshot; the rows of a cursor go into an intake
CREATE TABLE cur (id int, v varchar(3));
INSERT INTO cur VALUES (1), (2);
SELECT selfheal.watch('cur');
DECLARE held CURSOR WITH HOLD FOR SELECT id FROM cur ORDER BY id;
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM cur ORDER BY id;
FETCH c;
INSERT INTO cur_intake VALUES ('{"id": 3}'), ('{"id": 4, "v": "abcd"}');
FETCH ALL c;
MOVE ABSOLUTE 0 c;
INSERT INTO cur_intake VALUES ('{"id": 5}');
FETCH ALL c;
COMMIT;
:idle
FETCH ALL held;
CLOSE held;
SELECT * FROM cur ORDER BY id;
DO $$
DECLARE
	c CURSOR FOR SELECT id FROM sessions.cur ORDER BY id;
BEGIN
	FOR r IN c LOOP
		INSERT INTO sessions.cur_intake VALUES (format('{"id": %s}', 10 + r.id));
	END LOOP;
END $$;
SELECT count(*), count(DISTINCT id) FROM cur;

-- prepared statements over a heal, over DISCARD, with generic plans
CREATE TABLE prep (id int, v varchar(3));
SELECT selfheal.watch('prep');
SET plan_cache_mode = force_generic_plan;
PREPARE load(int, text) AS INSERT INTO prep_intake VALUES (json_build_object('id', $1, 'v', $2)::text);
PREPARE load_all(text[]) AS SELECT * FROM selfheal.ingest('prep', $1);
EXECUTE load(1, 'abc');
EXECUTE load(2, 'abcd');
EXECUTE load_all(ARRAY['{"id": 3}', '{"id": 4, "k": 1}']);
:idle
EXECUTE load(5, 'abcd');
EXECUTE load_all(ARRAY['{"id": 6, "k": 1}', '{"id": "x"}']);
-- unwatched and watched again in between: the view is another
SELECT selfheal.unwatch('prep');
EXECUTE load(7, 'abc');
SELECT selfheal.watch('prep');
EXECUTE load(8, 'abc');
ALTER TABLE prep RENAME TO prepared;
EXECUTE load(9, 'abc');
EXECUTE load_all(ARRAY['{"id": 10}']);
\echo :SQLSTATE
ALTER TABLE prepared RENAME TO prep;
EXECUTE load(11, 'abc');
RESET plan_cache_mode;
-- DISCARD ALL and RESET ALL, as a pool sends them between its clients
DISCARD ALL;
SET search_path = sessions, public;
SET client_min_messages = warning;
INSERT INTO prep_intake VALUES ('{"id": 12}'), ('{"id": 13, "w": "abcd"}');
DISCARD ALL;
INSERT INTO sessions.prep_intake VALUES ('{"id": 14}');
BEGIN;
INSERT INTO sessions.prep_intake VALUES ('{"id": 15}');
DISCARD PLANS;
DISCARD SEQUENCES;
INSERT INTO sessions.prep_intake VALUES ('{"id": 16}');
DISCARD ALL;
ROLLBACK;
SET search_path = sessions, public;
SET client_min_messages = warning;
:idle
SELECT * FROM tell('prep');

-- loads from triggers of other tables: each row, each statement, at COMMIT
CREATE TABLE fan (id int, v varchar(3));
SELECT selfheal.watch('fan', 'observe');
CREATE TABLE orders (id int PRIMARY KEY, v text, CHECK (id < 100));
CREATE FUNCTION fan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_LEVEL = 'ROW' THEN
		INSERT INTO sessions.fan_intake VALUES (json_build_object('id', NEW.id + TG_ARGV[0]::int, 'v', NEW.v)::text);
	ELSE
		INSERT INTO sessions.fan_intake SELECT json_build_object('id', id + TG_ARGV[0]::int, 'v', v)::text FROM batch;
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION fan('1000');
CREATE TRIGGER b AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION fan('2000');
CREATE TRIGGER c AFTER INSERT ON orders REFERENCING NEW TABLE AS batch FOR EACH STATEMENT EXECUTE FUNCTION fan('3000');
CREATE CONSTRAINT TRIGGER d AFTER INSERT ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fan('4000');
INSERT INTO orders VALUES (1, 'a'), (2, 'abcd');
INSERT INTO orders VALUES (3, 'c'), (100, 'd');
INSERT INTO orders VALUES (4, 'd'), (1, 'dup') ON CONFLICT DO NOTHING;
INSERT INTO orders VALUES (1, 'e') ON CONFLICT (id) DO UPDATE SET v = 'up';
BEGIN;
INSERT INTO orders VALUES (5, 'f');
SAVEPOINT a;
INSERT INTO orders VALUES (6, 'abcd');
ROLLBACK TO a;
SELECT count(*) FROM fan WHERE id > 4000;
COMMIT;
SELECT * FROM tell('fan') WHERE what ~ '^(stored|held|rows)';
-- a deferred load that fails takes the transaction with it
CREATE OR REPLACE FUNCTION fan() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO sessions.fan_intake VALUES (format('{"id": %s}', 1 / (NEW.id - 7)));
	RETURN NULL;
END $$;
DROP TRIGGER a ON orders;
DROP TRIGGER b ON orders;
DROP TRIGGER c ON orders;
BEGIN;
INSERT INTO orders VALUES (7);
INSERT INTO fan_intake VALUES ('{"id": 7}'), ('{"id": 8, "v": "abcd"}');
COMMIT;
SELECT count(*) FILTER (WHERE id IN (7, 8)) AS none FROM fan;
SELECT count(*) AS none FROM selfheal.quarantine WHERE relid = 'fan'::regclass AND payload ~ '"id": 8,';

-- many calls in one statement, and what an INSERT may say of a view
CREATE TABLE calls (id int, v varchar(3));
SELECT selfheal.watch('calls', 'observe');
SELECT i, n.* FROM generate_series(1, 3) i, selfheal.ingest('calls', ARRAY[format('{"id": %s}', i), format('{"id": %s, "v": "abcd"}', i)]) n;
SELECT (selfheal.ingest('calls', ARRAY[format('{"id": %s}', 10 + i)])).stored FROM generate_series(1, 3) i;
SELECT (SELECT stored FROM selfheal.ingest('calls', ARRAY['{"id": 20}'])), (SELECT stored FROM selfheal.ingest('calls', ARRAY['{"id": 21}']));
SELECT proname, provolatile, proparallel FROM pg_proc WHERE oid = 'selfheal.ingest'::regproc;
INSERT INTO calls_intake (payload) VALUES ('{"id": 30}') ON CONFLICT DO NOTHING RETURNING payload;
INSERT INTO calls_intake AS c (payload) VALUES ('{"id": 31}') RETURNING c.payload::jsonb ->> 'id' AS id;
INSERT INTO calls_intake OVERRIDING USER VALUE VALUES ('{"id": 32}');
INSERT INTO calls_intake VALUES ('{"id": 33}') ON CONFLICT (payload) DO NOTHING;
INSERT INTO calls_intake VALUES ('{"id": 33}') ON CONFLICT (payload) DO UPDATE SET payload = 'x';
INSERT INTO calls_intake (payload, id) VALUES ('{}', 1);
INSERT INTO calls_intake VALUES ('{"id": 34}'::jsonb::text), (json_build_object('id', 35, 'v', repeat('x', 4))::text);
EXPLAIN (COSTS OFF) INSERT INTO calls_intake VALUES ('{"id": 36}');
SELECT * FROM tell('calls') WHERE what ~ '^(stored|held|rows)';

-- a trigger of the target that loads in every way: INSERT, ingest, COPY; into
-- its own intake and into another; whose own block catches what fails
CREATE TABLE deep (id int, v varchar(3), p int);
CREATE TABLE side (id int, v varchar(3));
SELECT selfheal.watch('deep', 'observe'), selfheal.watch('side', 'observe');
CREATE FUNCTION deep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.id = 1 THEN
		COPY sessions.deep_intake FROM PROGRAM 'echo \{\"id\": 101\}; echo \{\"id\": 102, \"v\": \"abcd\"\}' (FORMAT ndjson);
	ELSIF NEW.id = 2 THEN
		PERFORM selfheal.ingest('sessions.deep', ARRAY['{"id": 103}', '{"id": 104, "v": "abcd"}']);
	ELSIF NEW.id = 3 THEN
		BEGIN
			INSERT INTO sessions.side_intake SELECT CASE i WHEN 3 THEN (1 / (i - 3))::text ELSE '{"id": 1}' END FROM generate_series(1, 4) i;
		EXCEPTION WHEN division_by_zero THEN
			INSERT INTO sessions.side_intake VALUES ('{"id": 2}'), ('{"id": 3, "v": "abcd"}');
		END;
	ELSIF NEW.id = 4 THEN
		INSERT INTO sessions.side_intake VALUES ('{"id": 4}'), ('{"id": 5, "v": "abcd"}');
		RAISE EXCEPTION 'not this one';
	ELSIF NEW.id = 5 THEN
		WITH a AS (INSERT INTO sessions.deep_intake VALUES ('{"id": 105}') RETURNING payload) INSERT INTO sessions.side_intake SELECT payload FROM a;
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER a BEFORE INSERT ON deep FOR EACH ROW EXECUTE FUNCTION deep();
COPY deep_intake FROM STDIN (FORMAT ndjson);
{"id": 1}
{"id": 2}
{"id": 3}
{"id": 4}
{"id": 5}
{"id": 6, "v": "abcd"}
\.
SELECT * FROM tell('deep') WHERE what ~ '^(stored|held|rows)';
SELECT * FROM tell('side') WHERE what ~ '^(stored|held|rows)';
DROP TRIGGER a ON deep;
CREATE TRIGGER a AFTER INSERT ON deep FOR EACH ROW EXECUTE FUNCTION deep();
TRUNCATE deep, side;
SELECT count(*) AS discarded FROM (SELECT selfheal.discard(id, 'next') FROM selfheal.quarantine WHERE relid IN ('deep'::regclass, 'side'::regclass) AND state = 'held') d;
SELECT * FROM selfheal.ingest('deep', ARRAY['{"id": 1}', '{"id": 2}', '{"id": 3}', '{"id": 4}', '{"id": 5}', '{"id": 6, "v": "abcd"}']);
SELECT * FROM tell('deep') WHERE what ~ '^(stored|held)';
SELECT * FROM tell('side') WHERE what ~ '^(stored|held)';

-- tables that are made, watched, emptied, renamed and dropped around a load
BEGIN;
CREATE TABLE young (id int, v varchar(3));
SELECT selfheal.watch('young');
INSERT INTO young_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "too young"}');
ROLLBACK;
SELECT count(*) AS none FROM selfheal.quarantine WHERE payload ~ 'too young';
BEGIN;
CREATE TABLE young (id int, v varchar(3));
SAVEPOINT a;
SELECT selfheal.watch('young', 'observe');
ROLLBACK TO a;
INSERT INTO young_intake VALUES ('{"id": 1}');
\echo :SQLSTATE
ROLLBACK TO a;
SELECT selfheal.watch('young');
INSERT INTO young_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "abcd"}');
TRUNCATE young;
INSERT INTO young_intake VALUES ('{"id": 3}'), ('{"id": 4, "v": "abcd"}');
ALTER TABLE young RENAME TO old;
INSERT INTO old_intake VALUES ('{"id": 5}'), ('{"id": 6, "k": 1}');
CREATE INDEX ON old (id);
COPY old_intake FROM PROGRAM 'echo \{\"id\": 7\}; echo \{\"id\": 8, \"k\": 1\}' (FORMAT ndjson);
COMMIT;
:idle
SELECT * FROM tell('old') WHERE what !~ '^rows';
BEGIN;
INSERT INTO old_intake VALUES ('{"id": 9}'), ('{"id": 10, "w": "too old"}');
DROP TABLE old;
COMMIT;
:idle
SELECT state, payload FROM selfheal.quarantine WHERE payload ~ 'too old';
BEGIN;
INSERT INTO calls_intake VALUES ('{"id": 40}'), ('{"id": 41, "v": "abcd"}');
SELECT selfheal.unwatch('calls');
COMMIT;
:idle
SELECT payload FROM selfheal.quarantine WHERE relid = 'calls'::regclass AND payload ~ '"id": 41';

SELECT ok FROM selfheal.verify_audit();
SET client_min_messages = error;
DROP SCHEMA sessions, sessions_a, sessions_b CASCADE;
DROP ROLE regress_one, regress_two;
