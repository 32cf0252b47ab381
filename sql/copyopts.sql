--
-- Options of COPY that say what is to become of a load and not how its file is
-- written: ON_ERROR, REJECT_LIMIT, LOG_VERBOSITY. Alike on every version.
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
SELECT selfheal.wait_idle() ->> 'idle' AS idle;
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

COPY parent TO PROGRAM :'rm';
DROP SCHEMA copyopts CASCADE;
