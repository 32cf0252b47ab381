--
-- Producers as they are: they send again what may have arrived, want to know
-- what became of it, and must not fill the disk.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA producers;
SET search_path = producers;
CREATE TABLE t (id int, v varchar(3));
SELECT selfheal.watch('t', 'observe');
CREATE FUNCTION counts(OUT stored bigint, OUT held bigint, OUT lines bigint) LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM selfheal.quarantine WHERE relid = 't'::regclass),
		(SELECT coalesce(sum(length(digests) / 32), 0) FROM selfheal.load_line WHERE relid = 't'::regclass)
$$;

--
-- selfheal.load_id: what was brought is not taken again, by whichever door
--
SELECT stored, held, already FROM selfheal.last_load();
INSERT INTO t_intake VALUES ('{"id": 0}');
SELECT * FROM counts();
SET selfheal.load_id = 'dag/run/insert';
INSERT INTO t_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "longer"}'), (NULL), (' '), ('no JSON');
SELECT stored, held, already, skipped FROM selfheal.last_load();
SET selfheal.load_id = 'dag/run/insert';
SET client_min_messages = notice;
INSERT INTO t_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "longer"}'), (NULL), (' '), ('no JSON');
SET client_min_messages = warning;
SELECT stored, held, already, skipped FROM selfheal.last_load();
SELECT * FROM counts();
-- each line's place and sha256 are what anyone can compute
SELECT first, substr(digests, 1, 32) = sha256('{"id": 1}') AS one, substr(digests, 33, 32) = sha256('{"id": 2, "v": "longer"}') AS two,
	substr(digests, 65, 64) = decode(repeat('00', 64), 'hex') AS none, substr(digests, 129) = sha256('no JSON') AS five
FROM selfheal.load_line WHERE load_id = 'dag/run/insert';

SET selfheal.load_id = 'dag/run/ndjson';
COPY t_intake FROM STDIN (FORMAT ndjson);
{"id": 3}
{"id": 4, "v": "C:\\new"}

{"id": 5}
\.
SET selfheal.load_id = 'dag/run/ndjson';
COPY t_intake FROM STDIN (FORMAT ndjson);
{"id": 3}
{"id": 4, "v": "C:\\new"}

{"id": 5}
\.
SELECT stored, held, already, skipped FROM selfheal.last_load();
SET selfheal.load_id = 'dag/run/text';
COPY t_intake FROM STDIN (FORMAT text);
{"id": 6}
{"id": 7, "v": "longer"}
\.
SET selfheal.load_id = 'dag/run/text';
COPY t_intake FROM STDIN (FORMAT csv);
"{""id"": 6}"
"{""id"": 7, ""v"": ""longer""}"
\.
SELECT stored, held, already, skipped FROM selfheal.last_load();
SET selfheal.load_id = 'dag/run/csv';
COPY t_intake FROM STDIN (FORMAT csv);
"{""id"": 8}"
\.
SET selfheal.load_id = 'dag/run/csv';
SELECT * FROM selfheal.ingest('t', ARRAY['{"id": 8}', '{"id": 9}']);
SET selfheal.load_id = 'dag/run/csv';
SELECT * FROM selfheal.ingest('t', ARRAY['{"id": 8}', '{"id": 9}']);
SELECT stored, held, already, skipped FROM selfheal.last_load();
SELECT * FROM counts();
SELECT id, count(*) FROM t GROUP BY 1 HAVING count(*) > 1;
-- another table, another name, no name: another load
CREATE TABLE u (LIKE t);
SELECT selfheal.watch('u', 'observe');
SET selfheal.load_id = 'dag/run/insert';
INSERT INTO u_intake VALUES ('{"id": 1}');
SET selfheal.load_id = 'dag/run/INSERT';
INSERT INTO t_intake VALUES ('{"id": 1}');
RESET selfheal.load_id;
INSERT INTO t_intake VALUES ('{"id": 1}');
SELECT (SELECT count(*) FROM t WHERE id = 1) AS t, (SELECT count(*) FROM u) AS u;

--
-- the place counts, and the content: what is new is taken, each version once
--
TRUNCATE t;
SET selfheal.load_id = 'versions';
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 100) i;
SET selfheal.load_id = 'versions';
INSERT INTO t_intake SELECT format('{"id": %s}', CASE WHEN i IN (7, 33, 64, 65) THEN -i ELSE i END) FROM generate_series(1, 110) i;
SELECT stored, already FROM selfheal.last_load();
SET selfheal.load_id = 'versions';
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 100) i;
SELECT stored, already FROM selfheal.last_load();
SET selfheal.load_id = 'versions';
INSERT INTO t_intake SELECT format('{"id": %s}', CASE WHEN i IN (7, 33, 64, 65) THEN -i ELSE i END) FROM generate_series(1, 110) i;
SELECT stored, already FROM selfheal.last_load();
SET selfheal.load_id = 'versions';
INSERT INTO t_intake SELECT format('{"id": %s}', i + 1) FROM generate_series(1, 100) i;
SELECT stored, already FROM selfheal.last_load();
-- in other pieces than before
SET selfheal.load_id = 'versions';
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 14) i;
SELECT stored, already FROM selfheal.last_load();
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(15, 15) i;
SELECT stored, already FROM selfheal.last_load();
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(16, 100) i;
SELECT stored, already FROM selfheal.last_load();
-- more than a batch; runs that begin anywhere
TRUNCATE t;
SET selfheal.load_id = 'big';
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 13) i;
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(14, 70000) i;
SET selfheal.load_id = 'big';
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 140001) i;
SELECT stored, already FROM selfheal.last_load();
SELECT count(*), count(DISTINCT id) FROM t;
SELECT count(*) AS rows, sum(length(digests) / 32) AS lines, count(*) FILTER (WHERE (first - 1) / 32 <> (first + length(digests) / 32 - 2) / 32) AS across
FROM selfheal.load_line WHERE load_id = 'big';

--
-- numbers go on over statements and transactions, and back at ROLLBACK
--
TRUNCATE t;
SET selfheal.load_id = 'transaction';
BEGIN;
INSERT INTO t_intake VALUES ('{"id": 1}'), ('{"id": 1}');
INSERT INTO t_intake VALUES ('{"id": 1}'), ('{"id": 2}');
INSERT INTO u_intake VALUES ('{"id": 1}');
COMMIT;
INSERT INTO t_intake VALUES ('{"id": 1}');
SELECT count(*) FROM t;
-- the connection was lost before COMMIT's answer: the client sends it all again
\c -
SET client_min_messages = warning;
SET search_path = producers;
SET selfheal.load_id = 'transaction';
BEGIN;
INSERT INTO t_intake VALUES ('{"id": 1}'), ('{"id": 1}');
INSERT INTO t_intake VALUES ('{"id": 1}'), ('{"id": 2}');
INSERT INTO u_intake VALUES ('{"id": 1}');
COMMIT;
INSERT INTO t_intake VALUES ('{"id": 1}');
INSERT INTO t_intake VALUES ('{"id": 3}');
SELECT id, count(*) FROM t GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM u WHERE id = 1;
-- rolled back, as a whole or in part: tried again at once, without SET
BEGIN;
INSERT INTO t_intake VALUES ('{"id": 4}');
ROLLBACK;
BEGIN;
INSERT INTO t_intake VALUES ('{"id": 4}');
SAVEPOINT a;
INSERT INTO t_intake VALUES ('{"id": 5}');
SAVEPOINT b;
INSERT INTO t_intake VALUES ('{"id": 6}');
RELEASE b;
ROLLBACK TO a;
INSERT INTO t_intake VALUES ('{"id": 7}');
SAVEPOINT c;
INSERT INTO t_intake VALUES ('{"id": 8}');
RELEASE c;
COMMIT;
SELECT max(first) AS numbers FROM selfheal.load_line WHERE load_id = 'transaction' AND relid = 't'::regclass;
SET selfheal.load_id = 'transaction';
SELECT stored FROM selfheal.ingest('t', ARRAY['{"id": 1}', '{"id": 1}', '{"id": 1}', '{"id": 2}', '{"id": 1}', '{"id": 3}',
	'{"id": 4}', '{"id": 7}', '{"id": 8}', '{"id": 9}']);
SELECT id, count(*) FROM t GROUP BY 1 ORDER BY 1;
-- a block that fails gives its numbers back, too
DO $$
BEGIN
	FOR i IN 1..3 LOOP
		BEGIN
			INSERT INTO producers.t_intake VALUES (format('{"id": %s}', 10 + i));
			IF i = 2 THEN RAISE EXCEPTION 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN NULL;
		END;
	END LOOP;
END
$$;
SELECT max(first) AS numbers FROM selfheal.load_line WHERE load_id = 'transaction' AND relid = 't'::regclass;
-- a name comes back to where it was when it was put aside
TRUNCATE t;
SET selfheal.load_id = 'outer';
INSERT INTO t_intake VALUES ('{"id": 1}');
BEGIN;
SET LOCAL selfheal.load_id = 'inner';
INSERT INTO t_intake VALUES ('{"id": 2}');
COMMIT;
INSERT INTO t_intake VALUES ('{"id": 1}');
CREATE FUNCTION inner_load() RETURNS void LANGUAGE plpgsql SET selfheal.load_id = 'function' AS $$
BEGIN
	INSERT INTO producers.t_intake VALUES ('{"id": 3}'), ('{"id": 4}');
END
$$;
SELECT inner_load(), inner_load();
INSERT INTO t_intake VALUES ('{"id": 1}');
BEGIN;
SET selfheal.load_id = 'undone';
ROLLBACK;
INSERT INTO t_intake VALUES ('{"id": 1}');
SELECT load_id, first, length(digests) / 32 AS lines FROM selfheal.load_line
WHERE load_id IN ('outer', 'inner', 'function', 'undone') ORDER BY 1, 2;
SELECT id, count(*) FROM t GROUP BY 1 ORDER BY 1;
-- a session with more names than it keeps places for says so, and takes nothing
DO $$
BEGIN
	FOR i IN 1..6000 LOOP
		PERFORM set_config('selfheal.load_id', 'many ' || i, true);
		INSERT INTO producers.t_intake VALUES (format('{"id": %s}', i));
		IF i % 1000 = 0 THEN COMMIT; END IF;
	END LOOP;
END
$$;
\set VERBOSITY terse
INSERT INTO t_intake VALUES ('{"id": 1}');
\set VERBOSITY default
SELECT count(*) FROM t WHERE id = 1;
SET selfheal.load_id = 'outer';
INSERT INTO t_intake VALUES ('{"id": 1}'), ('{"id": 1}'), ('{"id": 1}'), ('{"id": 1}'), ('{"id": 99999}');
SELECT stored, already FROM selfheal.last_load();

-- what a load sets off comes with the row that set it off, and no more
CREATE TABLE chain (id int, depth int);
SELECT selfheal.watch('chain', 'observe');
CREATE FUNCTION chain_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.depth < 3 THEN
		INSERT INTO producers.chain_intake VALUES (format('{"id": %s, "depth": %s}', new.id, new.depth + 1));
	END IF;
	RETURN NULL;
END
$$;
CREATE TRIGGER chain_on AFTER INSERT ON chain FOR EACH ROW EXECUTE FUNCTION chain_on();
SET selfheal.load_id = 'chain';
INSERT INTO chain_intake VALUES ('{"id": 1, "depth": 1}'), ('{"id": 2, "depth": 1}');
SELECT count(*) FROM chain;
SET selfheal.load_id = 'chain';
INSERT INTO chain_intake VALUES ('{"id": 1, "depth": 1}'), ('{"id": 2, "depth": 1}'), ('{"id": 3, "depth": 2}');
SELECT id, count(*) FROM chain GROUP BY 1 ORDER BY 1;
SELECT sum(length(digests) / 32) AS lines FROM selfheal.load_line WHERE load_id = 'chain';

-- two intakes in one statement, the same one twice
SET selfheal.load_id = 'both';
WITH a AS (INSERT INTO t_intake VALUES ('{"id": -1}') RETURNING 1), b AS (INSERT INTO t_intake VALUES ('{"id": -2}') RETURNING 1)
INSERT INTO u_intake VALUES ('{"id": -1}');
SET selfheal.load_id = 'both';
WITH a AS (INSERT INTO t_intake VALUES ('{"id": -1}') RETURNING 1), b AS (INSERT INTO t_intake VALUES ('{"id": -2}') RETURNING 1)
INSERT INTO u_intake VALUES ('{"id": -1}');
SELECT (SELECT count(*) FROM t WHERE id < 0) AS t, (SELECT count(*) FROM u WHERE id < 0) AS u;

-- prepared: known once it is committed
BEGIN;
SET LOCAL selfheal.load_id = 'prepared';
INSERT INTO t_intake VALUES ('{"id": -3}');
PREPARE TRANSACTION 'regress_producers';
SET lock_timeout = '100ms';
SET selfheal.load_id = 'prepared';
\set VERBOSITY sqlstate
INSERT INTO t_intake VALUES ('{"id": -3}');
\set VERBOSITY default
RESET lock_timeout;
COMMIT PREPARED 'regress_producers';
INSERT INTO t_intake VALUES ('{"id": -3}');
SELECT count(*) FROM t WHERE id = -3;

-- what a name may be
\set VERBOSITY terse
SET selfheal.load_id = 'this one is too long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx';
ALTER SYSTEM SET selfheal.load_id = 'everybody';
\set VERBOSITY default
SELECT set_config('selfheal.load_id', repeat('é', 128), false) = repeat('é', 128) AS fits;
INSERT INTO t_intake VALUES ('{"id": -4}');
SELECT load_id = repeat('é', 128) AS same FROM selfheal.last_load();
SET selfheal.load_id = '';
-- the table's lines go with it, and follow it where the watch does
BEGIN;
ALTER TABLE u RENAME TO u_old;
CREATE TABLE u (id int, v text);
COMMIT;
SET selfheal.load_id = 'transaction';
INSERT INTO u_intake VALUES ('{"id": 1}');
SELECT count(*) FROM u;
SELECT 'u'::regclass::oid AS u, 'u_old'::regclass::oid AS u_old \gset
SELECT count(*) FROM selfheal.load_line WHERE relid::oid IN (:u, :u_old);
DROP TABLE u, u_old;
SELECT count(*) FROM selfheal.load_line WHERE relid::oid IN (:u, :u_old);
RESET selfheal.load_id;

--
-- last_load(): what was not rolled back, and nobody else's
--
TRUNCATE t;
\c -
SET client_min_messages = warning;
SET search_path = producers;
SELECT count(*) FROM selfheal.last_load();
BEGIN;
INSERT INTO t_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "longer"}'), ('{"id": 3, "v": "longest"}'), ('{"id": "x"}'), ('');
SELECT table_name, load_id, stored, held, already, skipped, incidents FROM selfheal.last_load();
COMMIT;
SELECT r ->> 'class' AS class, r ->> 'column' AS "column", r ->> 'rows' AS rows, r ->> 'first' AS first, r ->> 'message' AS message
FROM selfheal.last_load(), jsonb_array_elements(reasons) r;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT i.class, i.column_name FROM selfheal.last_load() l JOIN selfheal.incidents i ON i.id = ANY (l.incidents) ORDER BY i.id;
SELECT count(*) = 2 AS told FROM selfheal.last_load() l, jsonb_array_elements(l.reasons) r WHERE (r ->> 'incident')::bigint = ANY (l.incidents);
SELECT load AS first_load FROM selfheal.last_load() \gset
BEGIN;
INSERT INTO t_intake VALUES ('{"id": 10}');
SELECT stored, load > :first_load AS newer FROM selfheal.last_load();
SAVEPOINT a;
INSERT INTO t_intake VALUES ('{"id": 11}'), ('{"id": 12}');
SELECT stored FROM selfheal.last_load();
SAVEPOINT b;
INSERT INTO t_intake VALUES ('{"id": 13}'), ('{"id": 14}'), ('{"id": 15}');
RELEASE b;
SELECT stored FROM selfheal.last_load();
ROLLBACK TO a;
SELECT stored FROM selfheal.last_load();
ROLLBACK;
SELECT load = :first_load AS the_first FROM selfheal.last_load();
BEGIN;
SAVEPOINT a;
INSERT INTO t_intake VALUES ('{"id": 13}'), ('{"id": 14}'), ('{"id": 15}');
RELEASE a;
COMMIT;
SELECT stored FROM selfheal.last_load();
-- equal to what is stored: there already, with a name and without
CREATE TABLE k (id int PRIMARY KEY, v text);
SELECT selfheal.watch('k', 'observe', on_conflict => 'skip_identical');
INSERT INTO k_intake VALUES ('{"id": 1, "v": "a"}'), ('{"id": 2}');
SET selfheal.load_id = 'with a key';
INSERT INTO k_intake VALUES ('{"id": 1, "v": "a"}'), ('{"id": 2, "v": "b"}'), ('{"id": 3}');
SELECT stored, held, already FROM selfheal.last_load();
SET selfheal.load_id = 'with a key';
INSERT INTO k_intake VALUES ('{"id": 1, "v": "a"}'), ('{"id": 2, "v": "b"}'), ('{"id": 3}'), ('{"id": 3}');
SELECT stored, held, already FROM selfheal.last_load();
RESET selfheal.load_id;
-- of the role that loaded
CREATE ROLE regress_etl;
CREATE ROLE regress_other;
SELECT selfheal.grant_to('regress_etl', 'producer');
SELECT selfheal.grant_to('regress_other', 'producer');
GRANT USAGE ON SCHEMA producers TO regress_etl;
GRANT INSERT ON t, t_intake TO regress_etl;
SET ROLE regress_etl;
SELECT count(*) FROM selfheal.last_load();
SELECT * FROM selfheal.ingest('t', ARRAY['{"id": 20}', '{"id": 21, "k": 1}']);
SELECT stored, held, reasons -> 0 ->> 'class' AS class FROM selfheal.last_load();
SET ROLE regress_other;
SELECT count(*) FROM selfheal.last_load();
RESET ROLE;
SELECT count(*) FROM selfheal.last_load();

--
-- reject_limit: past it nothing is stored, nothing held, and it is said why
--
CREATE TABLE r (id int, v varchar(3), n numeric(4,2), d date);
SELECT selfheal.watch('r', 'observe', reject_limit => '2');
CREATE FUNCTION left_of_r() RETURNS text LANGUAGE sql AS $$
	SELECT concat((SELECT count(*) FROM r), ' stored, ', (SELECT count(*) FROM selfheal.quarantine WHERE relid = 'r'::regclass), ' held, ',
		(SELECT count(*) FROM selfheal.error WHERE relid = 'r'::regclass), ' errors, ', (SELECT count(*) FROM selfheal.load WHERE relid = 'r'::regclass), ' loads')
$$;
INSERT INTO r_intake VALUES ('{"id": 1, "v": "longer"}'), ('{"id": 2, "v": "longer"}'), ('{"id": 3}');
SELECT left_of_r();
INSERT INTO r_intake VALUES ('{"id": 4}'), ('{"id": 5, "v": "longer"}'), ('{"id": 6, "k": 1}'), ('{"id": 7, "d": "soon"}'),
	('{"id": 8, "n": 1.239}'), ('{"id": 9, "v": "longer"}');
SELECT left_of_r();
COPY r_intake FROM STDIN (FORMAT ndjson);
{"id": 4}
{"id": 5, "v": "longer"}
{"id": 6, "v": "longer"}
{"id": 7, "v": "longer"}
\.
SELECT * FROM selfheal.ingest('r', ARRAY['1', '2', '3']);
SELECT left_of_r();
-- the load before is still the last one
SELECT stored, held FROM selfheal.last_load();
-- a number is judged by each batch, a share at the end
SELECT selfheal.watch('r', reject_limit => '10 %');
\set VERBOSITY terse
INSERT INTO r_intake SELECT format('{"id": %s, "v": "%s"}', i, CASE WHEN i <= 10 THEN 'longer' END) FROM generate_series(1, 99) i;
INSERT INTO r_intake SELECT format('{"id": %s, "v": "%s"}', i, CASE WHEN i <= 10 THEN 'longer' END) FROM generate_series(1, 100) i;
INSERT INTO r_intake SELECT format('{"id": %s, "v": "%s"}', i, CASE WHEN i % 50 = 0 THEN 'longer' END) FROM generate_series(1, 70000) i;
SELECT stored, held FROM selfheal.last_load();
SELECT selfheal.watch('r', reject_limit => '1000');
INSERT INTO r_intake SELECT format('{"id": %s, "v": "%s"}', i, CASE WHEN i % 50 = 0 THEN 'longer' END) FROM generate_series(1, 70000) i;
SELECT selfheal.watch('r', reject_limit => '0');
INSERT INTO r_intake VALUES ('{"id": 1}'), ('{}'), (NULL), ('');
INSERT INTO r_intake VALUES ('{"id": 1}'), ('{"k": 1}');
\set VERBOSITY default
-- whoever catches it goes on; what he tries again under a name is new
DO $$
BEGIN
	INSERT INTO producers.r_intake VALUES ('{"k": 1}');
EXCEPTION WHEN data_exception THEN
	RAISE WARNING 'rejected with %', sqlstate;
END
$$;
SET selfheal.load_id = 'rejected';
\set VERBOSITY sqlstate
INSERT INTO r_intake VALUES ('{"id": 100001}'), ('{"k": 1}');
\set VERBOSITY default
INSERT INTO r_intake VALUES ('{"id": 100001}'), ('{"id": 100002}');
SELECT stored, already FROM selfheal.last_load();
SET selfheal.load_id = '';
SELECT count(*) FROM r WHERE id > 100000;
SELECT selfheal.watch('r', reject_limit => 'none');
INSERT INTO r_intake VALUES ('1');
SELECT stored, held FROM selfheal.last_load();

--
-- selfheal.quarantine_max: bytes a table, whatever others have
--
CREATE TABLE full_up (id int);
CREATE TABLE beside (id int);
SELECT selfheal.watch('full_up', 'observe'), selfheal.watch('beside', 'observe');
SHOW selfheal.quarantine_max;
SET selfheal.quarantine_max = '2MB';
CREATE FUNCTION payload(i int) RETURNS text LANGUAGE sql AS $$
	SELECT format('{"id": "%s"}', (SELECT string_agg(md5(i::text || '/' || j), '') FROM generate_series(1, 32) j))
$$;
DO $$
BEGIN
	FOR i IN 1..20 LOOP
		INSERT INTO producers.full_up_intake SELECT producers.payload(i * 1000 + j) FROM generate_series(1, 200) j;
	END LOOP;
EXCEPTION WHEN configuration_limit_exceeded THEN
	RAISE WARNING 'refused with %', sqlstate;
END
$$;
-- a DO block is one transaction: nothing is left
SELECT count(*) FROM selfheal.quarantine WHERE relid = 'full_up'::regclass;
CREATE PROCEDURE fill(n int) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1..n LOOP
		INSERT INTO producers.full_up_intake SELECT producers.payload(i * 1000 + j) FROM generate_series(1, 200) j;
		COMMIT;
	END LOOP;
END
$$;
\set VERBOSITY sqlstate
CALL fill(20);
\set VERBOSITY default
SELECT count(*) BETWEEN 1200 AND 2000 AS up_to_the_limit FROM selfheal.quarantine WHERE relid = 'full_up'::regclass;
-- rows that fit are stored, with it a load of another table, and one giant load is refused
INSERT INTO full_up_intake VALUES ('{"id": 1}');
INSERT INTO beside_intake VALUES ('{"id": "one"}');
SELECT stored, held FROM selfheal.last_load();
\set VERBOSITY sqlstate
INSERT INTO beside_intake SELECT payload(j) FROM generate_series(1, 3000) j;
INSERT INTO full_up_intake SELECT payload(j) FROM generate_series(1, 200) j;
SELECT selfheal.report_failure('full_up', payload(1) || repeat(' ', 1000000), '22P02', 'no number', NULL);
\set VERBOSITY default
SET selfheal.quarantine_max = 0;
INSERT INTO full_up_intake SELECT payload(j) FROM generate_series(1, 200) j;
SELECT held FROM selfheal.last_load();
RESET selfheal.quarantine_max;
-- what others hold is not counted, also where only a part of the rows is looked at
SET selfheal.quarantine_max = '4MB';
INSERT INTO beside_intake SELECT payload(-j) FROM generate_series(1, 1000) j;
SELECT held FROM selfheal.last_load();
SET selfheal.quarantine_max = 0;
INSERT INTO full_up_intake SELECT payload(-j) FROM generate_series(1, 7000) j;
SET selfheal.quarantine_max = '4MB';
SELECT pg_relation_size('selfheal.quarantine') > 8 * 1024 * 1024 AS large;
INSERT INTO beside_intake SELECT payload(-j) FROM generate_series(1, 1000) j;
SELECT held FROM selfheal.last_load();
\set VERBOSITY sqlstate
INSERT INTO full_up_intake VALUES ('{"id": "one"}');
INSERT INTO beside_intake SELECT payload(-j) FROM generate_series(1, 4000) j;
\set VERBOSITY default
-- what was given up and put away is not counted
DELETE FROM selfheal.quarantine WHERE relid = 'full_up'::regclass;
INSERT INTO full_up_intake VALUES ('{"id": "one"}');
SELECT held FROM selfheal.last_load();
RESET selfheal.quarantine_max;
-- nothing that a producer may set
SET ROLE regress_etl;
\set VERBOSITY sqlstate
SET selfheal.quarantine_max = 0;
SET selfheal.load_retention = 0;
\set VERBOSITY default
RESET ROLE;

--
-- selfheal.load_retention: what is old goes, but for loads of held rows
--
SHOW selfheal.load_retention;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SET selfheal.load_id = 'goes';
INSERT INTO t_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 320) i;
SET selfheal.load_id = 'holds';
INSERT INTO t_intake VALUES ('{"id": "x"}');
SET selfheal.load_id = 'young';
INSERT INTO t_intake VALUES ('{"id": 1}');
SET selfheal.load_id = 'behind it';
INSERT INTO t_intake VALUES ('{"id": 1}');
RESET selfheal.load_id;
CREATE FUNCTION kept() RETURNS TABLE (load_id text, loads bigint, lines bigint, aside bigint) LANGUAGE sql AS $$
	SELECT n, (SELECT count(*) FROM selfheal.load l WHERE l.load_id = n), (SELECT count(*) FROM selfheal.load_line l WHERE l.load_id = n),
		(SELECT count(*) FROM selfheal.load_kept k JOIN selfheal.load l ON l.id = k.load WHERE l.load_id = n)
	FROM unnest(ARRAY['goes', 'holds', 'young', 'behind it']) n
$$;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
UPDATE selfheal.load SET at = at - interval '31 days'
WHERE id < (SELECT id FROM selfheal.load WHERE load_id = 'young') OR load_id = 'behind it';
SELECT * FROM kept();
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM kept();
SELECT count(*) AS orphans FROM selfheal.quarantine q WHERE NOT EXISTS (SELECT FROM selfheal.load l WHERE l.id = q.load);
SELECT count(*) AS clean FROM selfheal.load WHERE schema_name = 'producers' AND at < now() - interval '30 days' AND held = 0;
-- given up and put away, a day or two later
DELETE FROM selfheal.quarantine WHERE load = (SELECT id FROM selfheal.load WHERE load_id = 'holds');
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM kept();
UPDATE selfheal.load_kept SET at = at - interval '49 hours' WHERE load IN (SELECT load FROM selfheal.quarantine);
SELECT count(*) > 0 AS with_rows FROM selfheal.load_kept WHERE load IN (SELECT load FROM selfheal.quarantine) \gset
UPDATE selfheal.load_kept SET at = at - interval '49 hours' WHERE load = (SELECT id FROM selfheal.load WHERE load_id = 'holds');
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM kept();
SELECT :'with_rows' AS with_rows, count(*) FILTER (WHERE at < now() - interval '1 day') AS not_looked_at FROM selfheal.load_kept WHERE load IN (SELECT load FROM selfheal.quarantine);
SELECT count(*) AS orphans FROM selfheal.quarantine q WHERE NOT EXISTS (SELECT FROM selfheal.load l WHERE l.id = q.load);
-- loads of which none fails wake nobody, but for every thousandth
INSERT INTO selfheal.load (relid, schema_name, table_name, at, source, role, timezone, datestyle, intervalstyle, search_path, stored, held, skipped, load_id)
SELECT NULL, 's', 't', now() - interval '31 days', 'insert', 'r', 'UTC', 'ISO', 'postgres', '', 1, 0, 0, 'of long ago' FROM generate_series(1, 5000);
UPDATE selfheal.load SET at = at - interval '31 days' WHERE load_id = 'young';
DO $$ BEGIN FOR i IN 1..1000 LOOP INSERT INTO producers.t_intake VALUES ('{"id": 1}'); END LOOP; END $$;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) AS of_long_ago FROM selfheal.load WHERE load_id = 'of long ago';
SELECT * FROM kept();
-- a load that is forgotten is a new one
SET selfheal.load_id = 'goes';
INSERT INTO t_intake VALUES ('{"id": 1}');
SELECT stored, already FROM selfheal.last_load();
RESET selfheal.load_id;

SELECT selfheal.unwatch_all() > 4 AS unwatched;
DROP SCHEMA producers CASCADE;
DROP OWNED BY regress_etl, regress_other;
DROP ROLE regress_etl, regress_other;
