--
-- From failure to stored row: the playbooks, one ALTER for all that the held
-- rows need, what is held and changes nothing, and the modes.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA heal;
SET search_path = heal, public;

-- varchar(32) and a value of 200 characters: varchar(256), under ten seconds
CREATE TABLE wide (id int, v varchar(32));
SELECT selfheal.watch('heal.wide');
INSERT INTO wide_intake VALUES (format('{"id": 1, "v": "%s"}', repeat('x', 200)));
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, length(v) FROM wide;
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'heal.wide'::regclass AND attname = 'v';
SELECT class, column_name, state, rows_seen, rows_held, sql, seconds < 10 AS in_time
FROM selfheal.incidents WHERE table_name = 'heal.wide';

-- the ladder
CREATE TABLE ladder (n int, v varchar(5));
CREATE TABLE rungs (n int, type text);
SELECT selfheal.watch('heal.ladder');
\set QUIET on
INSERT INTO ladder_intake SELECT format('{"n": 6, "v": "%s"}', repeat('x', 6));
SELECT 1 FROM selfheal.wait_idle('180s') \g /dev/null
INSERT INTO rungs SELECT 6, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'heal.ladder'::regclass AND attname = 'v';
INSERT INTO ladder_intake SELECT format('{"n": 33, "v": "%s"}', repeat('x', 33));
SELECT 1 FROM selfheal.wait_idle('180s') \g /dev/null
INSERT INTO rungs SELECT 33, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'heal.ladder'::regclass AND attname = 'v';
INSERT INTO ladder_intake SELECT format('{"n": 1025, "v": "%s"}', repeat('x', 1025));
SELECT 1 FROM selfheal.wait_idle('180s') \g /dev/null
INSERT INTO rungs SELECT 1025, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'heal.ladder'::regclass AND attname = 'v';
INSERT INTO ladder_intake SELECT format('{"n": 4097, "v": "%s"}', repeat('x', 4097));
SELECT 1 FROM selfheal.wait_idle('180s') \g /dev/null
INSERT INTO rungs SELECT 4097, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'heal.ladder'::regclass AND attname = 'v';
\set QUIET off
SELECT n, type FROM rungs ORDER BY n;
SELECT n, length(v) FROM ladder ORDER BY n;

-- add_column: the type is what every value proves
CREATE TABLE keys (id int);
SELECT selfheal.watch('heal.keys');
INSERT INTO keys_intake VALUES
	('{"id": 1, "bool": true, "int": 1, "num": 1.5, "big": 12345678901234567890123, "date": "2026-01-31", "ts": "2026-01-31T10:00:00Z", "uuid": "6ecd8c99-4036-403d-bf84-cf8400f67836", "obj": {"a": 1}, "arr": [1, 2], "word": "w", "never": null, "mixed": 1, "notdate": "2026-01-31"}'),
	('{"id": 2, "bool": null, "int": -2, "num": 2, "big": 1, "date": "2025-02-01", "ts": "2026-01-31T10:00:00.5+02:00", "uuid": "00000000-0000-0000-0000-000000000000", "obj": [], "arr": [], "word": "1", "never": null, "mixed": "one", "notdate": "2026-02-31"}'),
	('{"id": 3}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'heal.keys'::regclass AND attnum > 1 AND NOT attisdropped ORDER BY attname;
SET TimeZone = 'UTC';
SELECT to_jsonb(k) FROM keys k ORDER BY id;
-- one planning pass, one ALTER TABLE for all of it
SELECT count(DISTINCT p.id) AS plans, count(DISTINCT i.id) AS incidents
FROM selfheal.plan p, selfheal.incident i WHERE p.relid = 'heal.keys'::regclass AND i.relid = 'heal.keys'::regclass;

-- a key with nulls only adds nothing and its row is stored
CREATE TABLE nulls (id int);
SELECT selfheal.watch('heal.nulls');
INSERT INTO nulls_intake VALUES ('{"id": 1, "nothing": null}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT to_jsonb(n) FROM nulls n;

-- integers and numerics
CREATE TABLE numbers (id int, s smallint, i integer, b bigint, n numeric(4,2), p numeric(4,2));
SELECT selfheal.watch('heal.numbers');
INSERT INTO numbers_intake VALUES
	('{"id": 1, "s": 40000, "i": 3000000000, "b": 9223372036854775808, "n": 1.239, "p": 12345.6}'),
	('{"id": 2, "s": 1, "i": 34.5, "b": 1, "n": 1.20, "p": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'heal.numbers'::regclass AND attnum > 1 ORDER BY attnum;
SELECT * FROM numbers ORDER BY id;

-- drop_not_null: by approval only; a bad value is held and changes nothing;
-- rows that need neither do not wait for them
CREATE TABLE approve (id int, must text NOT NULL, d date, v varchar(3));
SELECT selfheal.watch('heal.approve', owner => 'team blue');
INSERT INTO approve_intake VALUES
	('{"id": 1, "must": null}'), ('{"id": 2}'), ('{"id": 3, "must": "x", "d": "2026-02-30"}'),
	('{"id": 4, "must": "x", "v": "long one"}'), ('{"id": 5, "must": "x", "d": "a word"}'), ('{"id": 6, "must": "fits"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, v FROM approve ORDER BY id;
SELECT class, column_name, state, rows_held, owner FROM selfheal.incidents
WHERE table_name = 'heal.approve' ORDER BY class, column_name;
SELECT table_name, sql, verdict, rows_waiting FROM selfheal.pending WHERE table_name = 'heal.approve';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'heal.approve';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, must FROM approve ORDER BY id;
SELECT id - min(id) OVER () AS row, class, column_name, position, need, payload FROM selfheal.quarantined
WHERE table_name = 'heal.approve' ORDER BY id;

-- mode observe holds and records; propose plans but asks; then auto
CREATE TABLE modes (id int);
SELECT selfheal.watch('heal.modes', 'observe');
INSERT INTO modes_intake VALUES ('{"id": 1, "new": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, plan_id FROM selfheal.incidents WHERE table_name = 'heal.modes';
SELECT selfheal.watch('heal.modes', 'propose');
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, sql FROM selfheal.incidents WHERE table_name = 'heal.modes';
SELECT verdict, policy, rows_waiting FROM selfheal.pending WHERE table_name = 'heal.modes';
-- more rows join the plan that waits; it keeps its number
INSERT INTO modes_intake VALUES ('{"id": 2, "new": 2}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT count(*) AS plans, sum(rows_waiting) AS rows FROM selfheal.pending WHERE table_name = 'heal.modes';
SELECT selfheal.reject(plan_id, 'not wanted') FROM selfheal.pending WHERE table_name = 'heal.modes';
SELECT class, column_name, state, reason ~ 'was rejected: not wanted' AS reason, rows_held
FROM selfheal.incidents WHERE table_name = 'heal.modes';
-- a no stays one, whatever the mode is now
SELECT selfheal.watch('heal.modes', 'auto');
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM modes ORDER BY id;
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'heal.modes' AND state = 'needs_human';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM modes ORDER BY id;

-- a storm of one failure: one incident, one plan
CREATE TABLE storm (id int, v varchar(4));
SELECT selfheal.watch('heal.storm');
INSERT INTO storm_intake SELECT format('{"id": %s, "v": "too long"}', i) FROM generate_series(1, 25000) i;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT count(*), count(DISTINCT id), min(v), max(v) FROM storm;
SELECT count(*) AS held FROM selfheal.quarantine WHERE relid = 'heal.storm'::regclass;
SELECT count(*) AS incidents, sum(rows_seen) AS rows FROM selfheal.incidents WHERE table_name = 'heal.storm';
SELECT count(*) AS plans FROM selfheal.plan WHERE relid = 'heal.storm'::regclass;
SELECT count(*) AS errors, sum(rows) AS rows FROM selfheal.error WHERE relid = 'heal.storm'::regclass;
SELECT sum(rows) AS replayed FROM selfheal.replayed WHERE relid = 'heal.storm'::regclass;

-- the packet of an incident
SELECT jsonb_object_keys(packet) AS packet FROM selfheal.incident WHERE relid = 'heal.wide'::regclass ORDER BY 1;
SELECT packet ->> 'class' AS class, packet ->> 'column' AS column, packet -> 'error' ->> 'sqlstate' AS sqlstate,
	packet -> 'table' ->> 'name' AS "table", jsonb_array_length(packet -> 'table' -> 'columns') AS columns,
	packet -> 'values' AS "values", packet -> 'rows' AS rows
FROM selfheal.incident WHERE relid = 'heal.wide'::regclass;
-- of a table with many columns it lists the first hundred, and its own
DO $$ BEGIN
	EXECUTE (SELECT format('CREATE TABLE broad (%s)', string_agg(format('c%s varchar(4)', i), ', ')) FROM generate_series(1, 150) i);
END $$;
COMMENT ON COLUMN broad.c140 IS 'a note';
SELECT selfheal.watch('broad');
INSERT INTO broad_intake VALUES ('{"c1": "a", "c140": "longer"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT jsonb_array_length(packet -> 'table' -> 'columns') AS columns, packet -> 'table' -> 'columns' -> 100 ->> 'name' AS last,
	packet -> 'table' -> 'columns' -> 100 ->> 'comment' AS comment,
	packet -> 'table' -> 'columns_in_all' AS in_all FROM selfheal.incident WHERE relid = 'broad'::regclass;
SELECT ok FROM selfheal.verify_audit();
SELECT selfheal.unwatch_all() > 5 AS unwatched;
DROP SCHEMA heal CASCADE;
