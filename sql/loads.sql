--
-- The intake: INSERT and ingest(), what is stored, what is held and why.
-- Nothing is lost, nothing changed, what was rolled back leaves no trace.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA loads;
SET search_path = loads, public;
CREATE VIEW held AS
	SELECT table_name, position, class, column_name, need, sqlstate, payload, id FROM selfheal.quarantined;
-- each load as source stored+held+skipped; do table and quarantine agree?
CREATE FUNCTION account(t regclass, OUT loads text, OUT in_table bigint, OUT in_quarantine bigint, OUT adds_up boolean)
LANGUAGE plpgsql AS $$
DECLARE
	s bigint;
	h bigint;
BEGIN
	SELECT string_agg(format('%s %s+%s+%s', source, stored, held, skipped), ', ' ORDER BY id),
		coalesce(sum(stored), 0), coalesce(sum(held), 0)
		INTO loads, s, h FROM selfheal.load WHERE relid = t;
	EXECUTE format('SELECT count(*) FROM %s', t) INTO in_table;
	SELECT count(*) INTO in_quarantine FROM selfheal.quarantine WHERE relid = t AND state = 'held';
	adds_up := in_table = s AND in_quarantine = h;
END $$;

-- INSERT ... VALUES with many rows: the NOTICE says what came of it
CREATE TABLE t (id int, v varchar(5), d date);
SELECT selfheal.watch('t', 'observe');
SET client_min_messages = notice;
\set VERBOSITY default
INSERT INTO t_intake VALUES ('{"id": 1, "v": "abc", "d": "2026-01-31"}'), ('{"id": 2}'), ('{}');
INSERT INTO t_intake VALUES
	('{"id": 3, "v": "ok"}'), ('{"id": 4, "v": "longer"}'), (NULL), (''), (E' \t\r\n '),
	('{"id": 5, "new": true}'), ('{"id": 6, "d": "2026-02-30"}'), ('{"id": 7}');
SET client_min_messages = warning;
SELECT * FROM t ORDER BY id;
SELECT position, class, column_name, need, sqlstate, payload FROM held WHERE table_name = 'loads.t' ORDER BY id;
SELECT q.state, q.position, e.door, e.class, e.column_name, e.need, e.rows, e.position AS first, e.sample, e.sqlstate,
	e.role = current_user AS role, q.load = l.id AS load, l.source, now() - l.at < '1 min' AS loaded
FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error JOIN selfheal.load l ON l.id = e.load
WHERE q.relid = 't'::regclass ORDER BY q.id;
SELECT message FROM selfheal.error WHERE relid = 't'::regclass ORDER BY id;
SELECT * FROM account('t');
-- the settings under which the text means what it means
BEGIN;
SET LOCAL TimeZone = 'Asia/Tokyo';
SET LOCAL DateStyle = 'SQL, DMY';
SET LOCAL IntervalStyle = 'iso_8601';
SET LOCAL application_name = 'a producer';
INSERT INTO t_intake VALUES ('{"id": 8, "d": "02/03/2026"}');
SELECT timezone, datestyle, intervalstyle, search_path, application, role = current_user AS role FROM selfheal.load
WHERE relid = 't'::regclass ORDER BY id DESC LIMIT 1;
COMMIT;
SELECT d FROM t WHERE id = 8;

-- INSERT ... SELECT, more rows than one batch takes: positions are the load's
CREATE TABLE big (id int, v varchar(5));
SELECT selfheal.watch('big', 'observe');
INSERT INTO big_intake
SELECT CASE WHEN i IN (1, 65535, 65536, 65537, 70000) THEN format('{"id": %s, "v": "too long"}', i)
	WHEN i IN (2, 66000) THEN '' ELSE format('{"id": %s, "v": "v"}', i) END
FROM generate_series(1, 70000) i;
SELECT position, class, payload FROM held WHERE table_name = 'loads.big' ORDER BY id;
SELECT count(*), count(DISTINCT id), min(id), max(id) FROM big;
SELECT rows, position FROM selfheal.error WHERE relid = 'big'::regclass;
SELECT * FROM account('big');
-- no row, no load
INSERT INTO big_intake SELECT '{}' WHERE false;
SELECT * FROM account('big');

-- ingest(): stored and held
SELECT * FROM selfheal.ingest('t', ARRAY['{"id": 9}', '{"id": "nine"}', NULL, '', '{"id": 10, "v": "ten"}']);
SELECT * FROM selfheal.ingest('t', '{}');
SELECT stored, held FROM selfheal.ingest('t', ARRAY[['{"id": 11}', '{"id": 12}'], ['{"id": 13}', '[]']]);
SELECT position, class, column_name, payload FROM held WHERE table_name = 'loads.t' ORDER BY id DESC LIMIT 2;
SELECT * FROM account('t');

-- payloads that cannot be taken apart, or keys that no column can have
CREATE TABLE docs (id int, v text, j jsonb);
SELECT selfheal.watch('docs', 'observe');
INSERT INTO docs_intake VALUES
	('no json'), ('{"id": 1'), ('{"id": 1} {"id": 2}'), ('[{"id": 1}]'), ('"text"'), ('null'), ('{"id": 01}'), ('{"id": 1,}'),
	('{"id": 1, "id": 2}'), ('{"v": "a\u0000b"}'), ('{"j": {"a": "a\u0000b"}}'), ('{"v": "\ud83d"}'), ('{"v": "\udc00\ud83d"}'),
	(E'{"v": "raw\ttab"}'), (E'{"v": "raw\x01byte"}'), ('{"v": "\x"}'), ('{"": 1}'), ('{"ctid": "(0,1)"}'),
	(format('{"%s": 1}', repeat('k', 64))), (format('{"%s": 1}', repeat('k', 63))),
	(repeat('[', 100000) || repeat(']', 100000)), (format('{"j": %s}', repeat('[', 100000) || repeat(']', 100000)));
SELECT position, class, column_name, need, sqlstate, left(payload, 40) AS payload FROM held
WHERE table_name = 'loads.docs' ORDER BY id;
-- what is odd, and right
INSERT INTO docs_intake VALUES
	(E' \n{ "id" :\t1 , "v" : "\\"quoted\\" \\\\ \\/ \\b\\f\\n\\r\\t \\u00e4 \\u20ac \\ud83d\\ude00" }\r\n'),
	('{"\u0069d": 2, "v": "escaped key"}'), ('{"id": 3, "v": {"b": [1, 2], "a" : "x" }}'), ('{"id": 4, "v": 1.50}'), ('{"id": 5, "v": true}'),
	('{"id": 6, "j": {"z": 1.10, "a": [null, "\\", "\"", {}]}}'), ('{"id": 7, "v": "", "j": "text"}'), ('{"id": 8, "j": null, "unknown": null}');
SELECT id, v, j FROM docs ORDER BY id;
SELECT v = E'"quoted" \\ / \b\f\n\r\t \u00e4 \u20ac \U0001F600' AS same FROM docs WHERE id = 1;
SELECT id, j IS NULL AS is_null FROM docs WHERE id = 8;
SELECT * FROM account('docs');

-- numbers: each digit is kept, or the row is held
CREATE TABLE num (id int, n numeric, m numeric(4,2), i integer, b bigint, s smallint, r real, d double precision, j jsonb);
SELECT selfheal.watch('num', 'observe');
INSERT INTO num_intake VALUES
	('{"id": 1, "n": 12345678901234567890.123456789012345678901234567890, "b": 9223372036854775807, "s": -32768}'),
	('{"id": 2, "n": 1e-30, "m": 12.3, "i": 1e3, "b": -9223372036854775808}'),
	('{"id": 3, "n": -0.0, "m": 12.30, "i": 34.0, "r": 0.1, "d": 0.1}'),
	('{"id": 4, "j": {"n": 12345678901234567890.10, "e": 1E40}}'),
	('{"id": 5, "n": "1.50", "i": " 7 ", "m": "1.5"}'),
	('{"id": 11, "i": 34.5}'), ('{"id": 12, "m": 1.239}'), ('{"id": 13, "m": 123.4}'), ('{"id": 14, "i": 2147483648}'),
	('{"id": 15, "b": 9223372036854775808}'), ('{"id": 16, "s": 32768}'), ('{"id": 17, "r": 16777217}'),
	('{"id": 18, "d": 9007199254740993}'), ('{"id": 19, "r": 1e39}'), ('{"id": 20, "d": 1e309}'), ('{"id": 21, "i": "1e3"}'),
	('{"id": 22, "i": "34.5"}'), ('{"id": 23, "i": true}'), ('{"id": 24, "i": "word"}'), ('{"id": 25, "i": {}}'), ('{"id": 26, "n": 1e999999}');
SELECT * FROM num ORDER BY id;
SELECT class, column_name, need, sqlstate, payload FROM held WHERE table_name = 'loads.num' ORDER BY id;
SELECT * FROM account('num');

-- dates, times, uuid, bytea, arrays: what the type takes
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE DOMAIN must AS text NOT NULL;
CREATE TABLE types (id int, d date, ts timestamp, tz timestamptz, t3 timestamp(3), u uuid, a int[], m mood, p positive, b boolean, c char(3), x bytea, o must DEFAULT 'x');
SELECT selfheal.watch('types', 'observe');
SET TimeZone = 'UTC';
INSERT INTO types_intake VALUES
	('{"id": 1, "d": "2026-01-31", "ts": "2026-01-31T10:00:00.123456", "tz": "2026-01-31T10:00:00+02:00", "t3": "2026-01-31 10:00:00.123", "u": "6ecd8c99-4036-403d-bf84-cf8400f67836", "a": [1, null, 3], "m": "good", "p": 1, "b": "yes", "c": "ab", "x": "\\x00ff"}'),
	('{"id": 2, "d": "2026-02-30"}'), ('{"id": 3, "d": "soon"}'), ('{"id": 4, "tz": "25:00"}'), ('{"id": 5, "t3": "2026-01-31T10:00:00.123456"}'),
	('{"id": 6, "u": "no uuid"}'), ('{"id": 7, "a": ["x"]}'), ('{"id": 8, "m": "ugly"}'), ('{"id": 9, "p": 0}'), ('{"id": 10, "b": "perhaps"}'),
	('{"id": 11, "c": "abcd"}'), ('{"id": 12, "o": null}'), ('{"id": 13, "x": "\\xzz"}'), ('{"id": 14, "d": 20260131}'), ('{"id": 15, "a": [[1, 2], [3, 4]]}');
SELECT * FROM types ORDER BY id;
SELECT class, column_name, need, sqlstate, payload FROM held WHERE table_name = 'loads.types' ORDER BY id;
SELECT * FROM account('types');

-- one row, several reasons: each is noted, the first on the row
INSERT INTO types_intake VALUES ('{"id": 16, "m": "ugly", "p": -1, "c": "abcd", "d": "never", "new": 1}');
SELECT class, column_name FROM held WHERE table_name = 'loads.types' ORDER BY id DESC LIMIT 1;
SELECT class, column_name, rows FROM selfheal.error WHERE relid = 'types'::regclass
AND load = (SELECT max(id) FROM selfheal.load) ORDER BY id;

-- constraints: a miss is a held row with its class; the others are stored
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1), (2);
CREATE TABLE con (
	id int PRIMARY KEY,
	u int UNIQUE,
	f int REFERENCES parent,
	g int REFERENCES parent DEFERRABLE INITIALLY DEFERRED,
	c int CONSTRAINT even CHECK (c % 2 = 0),
	n text NOT NULL DEFAULT 'n',
	l int UNIQUE DEFERRABLE INITIALLY DEFERRED,
	r int4range,
	EXCLUDE USING gist (r WITH &&));
SELECT selfheal.watch('con', 'observe');
INSERT INTO con_intake VALUES
	('{"id": 1, "u": 1, "f": 1, "g": 2, "c": 2, "l": 1, "r": "[1,5)"}'), ('{"id": 1, "u": 2}'), ('{"id": 2, "u": 1}'), ('{"id": 3, "f": 3}'),
	('{"id": 4, "g": 4}'), ('{"id": 5, "c": 5}'), ('{"id": 6, "n": null}'), ('{"id": 7, "l": 1}'), ('{"id": 8, "r": "[4,6)"}'), ('{"u": 9}'),
	('{"id": 10, "u": 10, "f": 2, "g": 1, "c": 10, "n": "ten", "l": 10, "r": "[10,11)"}');
SELECT * FROM con ORDER BY id;
SELECT class, column_name, sqlstate, payload FROM held WHERE table_name = 'loads.con' ORDER BY id;
SELECT class, message, detail, context ->> 'constraint' AS "constraint" FROM selfheal.error
WHERE relid = 'con'::regclass AND context ? 'constraint' ORDER BY id;
SELECT * FROM account('con');
-- many misses among many: each good row is stored, each bad one held
CREATE TABLE many (id int PRIMARY KEY, f int REFERENCES parent);
SELECT selfheal.watch('many', 'observe');
INSERT INTO many_intake SELECT format('{"id": %s, "f": %s}', i - (i % 10 = 9)::int, CASE WHEN i % 7 = 0 THEN 3 ELSE 1 END) FROM generate_series(1, 3000) i;
SELECT class FROM selfheal.error WHERE relid = 'many'::regclass ORDER BY class COLLATE "C";
SELECT count(*) FILTER (WHERE i % 7 <> 0 AND i % 10 NOT IN (8, 9)) AS not_in_doubt FROM generate_series(1, 3000) i;
SELECT count(*) FILTER (WHERE id % 10 <> 8) AS not_in_doubt, count(*) = count(DISTINCT id) AS distinct FROM many;
SELECT in_table + in_quarantine AS total, adds_up FROM account('many');
-- no partition
CREATE TABLE parts (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
SELECT selfheal.watch('parts', 'observe');
INSERT INTO parts_intake VALUES ('{"id": 1}'), ('{"id": 10}'), ('{"v": "null key"}'), ('{"id": 9}');
SELECT class, column_name, sqlstate, payload FROM held WHERE table_name = 'loads.parts' ORDER BY id;
SELECT * FROM account('parts');

-- generated and identity columns, defaults
CREATE TABLE gen (
	id int GENERATED BY DEFAULT AS IDENTITY,
	a int GENERATED ALWAYS AS IDENTITY,
	n int,
	g int GENERATED ALWAYS AS (n * 2) STORED,
	s serial,
	d text DEFAULT 'default',
	t timestamptz DEFAULT now());
SELECT selfheal.watch('gen', 'observe');
INSERT INTO gen_intake VALUES ('{"n": 1}'), ('{"id": 100, "n": 2, "d": null}'), ('{"n": 3, "g": 6}'), ('{"n": 4, "a": 4}'), ('{"n": 5, "d": "given", "s": 50}');
SELECT id, a, n, g, s, d, t <= now() AS t FROM gen ORDER BY n;
SELECT class, column_name, sqlstate, payload FROM held WHERE table_name = 'loads.gen' ORDER BY id;
SELECT * FROM account('gen');

-- triggers act as for INSERT: one changes, one refuses, one leaves out
CREATE TABLE trig (id int, v text, seen text);
CREATE FUNCTION trig() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v = 'refuse' THEN
		RAISE EXCEPTION 'not this one' USING ERRCODE = 'P0001', DETAIL = 'A detail.', HINT = 'A hint.';
	ELSIF NEW.v = 'divide' THEN
		NEW.id := 1 / 0;
	ELSIF NEW.v = 'leave out' THEN
		RETURN NULL;
	END IF;
	NEW.seen := format('%s %s', TG_WHEN, upper(NEW.v));
	RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE INSERT ON trig FOR EACH ROW EXECUTE FUNCTION trig();
SELECT selfheal.watch('trig', 'observe');
INSERT INTO trig_intake VALUES ('{"id": 1, "v": "a"}'), ('{"id": 2, "v": "refuse"}'), ('{"id": 3, "v": "divide"}'), ('{"id": 4, "v": "b"}');
SELECT * FROM trig ORDER BY id;
SELECT position, class, column_name, sqlstate, payload FROM held WHERE table_name = 'loads.trig' ORDER BY id;
SELECT message, detail, hint FROM selfheal.error WHERE relid = 'trig'::regclass ORDER BY id;
SELECT * FROM account('trig');
INSERT INTO trig_intake VALUES ('{"id": 5, "v": "leave out"}'), ('{"id": 6, "v": "c"}');
SELECT * FROM trig ORDER BY id;
-- an error of the statement is every row's
CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'closed for today' USING ERRCODE = 'P0001';
END $$;
CREATE TRIGGER stop AFTER INSERT ON trig FOR EACH STATEMENT EXECUTE FUNCTION stop();
SELECT * FROM selfheal.ingest('trig', (SELECT array_agg(format('{"id": %s, "v": "s"}', i)) FROM generate_series(100, 349) i));
SELECT count(*) FROM trig WHERE id >= 100;
SELECT class, message, rows, position FROM selfheal.error WHERE relid = 'trig'::regclass ORDER BY id DESC LIMIT 1;
DROP TRIGGER stop ON trig;

-- a table that changes between two loads of one transaction
CREATE TABLE alt (id int, v varchar(2));
SELECT selfheal.watch('alt', 'observe');
BEGIN;
INSERT INTO alt_intake VALUES ('{"id": 1, "v": "long"}'), ('{"id": 2, "k": "new"}');
ALTER TABLE alt ALTER v TYPE varchar(8), ADD k text;
INSERT INTO alt_intake VALUES ('{"id": 3, "v": "long"}'), ('{"id": 4, "k": "new"}');
ALTER TABLE alt DROP k;
INSERT INTO alt_intake VALUES ('{"id": 5, "v": "long"}'), ('{"id": 6, "k": "new"}');
COMMIT;
SELECT * FROM alt ORDER BY id;
SELECT * FROM account('alt');

-- transactions: what was rolled back is neither stored nor held
CREATE TABLE tx (id int, v varchar(2));
SELECT selfheal.watch('tx', 'observe');
BEGIN;
INSERT INTO tx_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "long"}');
SAVEPOINT one;
INSERT INTO tx_intake VALUES ('{"id": 3}'), ('{"id": 4, "v": "long"}');
SAVEPOINT two;
INSERT INTO tx_intake VALUES ('{"id": 5}'), ('{"id": 6, "v": "long"}');
RELEASE two;
SELECT * FROM account('tx');
ROLLBACK TO one;
SELECT * FROM account('tx');
INSERT INTO tx_intake VALUES ('{"id": 7}'), ('{"id": 8, "v": "long"}');
SAVEPOINT three;
-- an error in the middle of a statement: its rows are gone, the intake goes on
INSERT INTO tx_intake SELECT format('{"id": %s}', 10 / (i - 3)) FROM generate_series(1, 5) i;
ROLLBACK TO three;
INSERT INTO tx_intake VALUES ('{"id": 9}');
COMMIT;
SELECT * FROM tx ORDER BY id;
SELECT payload FROM held WHERE table_name = 'loads.tx' ORDER BY id;
SELECT * FROM account('tx');
BEGIN;
INSERT INTO tx_intake VALUES ('{"id": 20}'), ('{"id": 21, "v": "long"}');
ROLLBACK;
SELECT * FROM account('tx');
-- in plpgsql: an EXCEPTION block takes back what was loaded in it
DO $$
BEGIN
	INSERT INTO tx_intake VALUES ('{"id": 30}'), ('{"id": 31, "v": "long"}');
	BEGIN
		INSERT INTO tx_intake VALUES ('{"id": 32}'), ('{"id": 33, "v": "long"}');
		RAISE EXCEPTION 'no';
	EXCEPTION WHEN raise_exception THEN
		INSERT INTO tx_intake VALUES ('{"id": 34}');
	END;
END $$;
SELECT id FROM tx WHERE id >= 30 ORDER BY id;
SELECT * FROM account('tx');

-- two intakes in one statement, twice the same, and one that feeds the other
CREATE TABLE a (id int, v varchar(2));
CREATE TABLE b (id int, v varchar(2));
SELECT selfheal.watch('a', 'observe');
SELECT selfheal.watch('b', 'observe');
WITH x AS (INSERT INTO a_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "long"}') RETURNING payload),
	y AS (INSERT INTO a_intake VALUES ('{"id": 3}'))
INSERT INTO b_intake SELECT payload FROM x UNION ALL SELECT '{"id": 4}';
SELECT * FROM a ORDER BY id;
SELECT * FROM b ORDER BY id;
SELECT 'a' AS "table", * FROM account('a') UNION ALL SELECT 'b', * FROM account('b');

-- a function that loads, called by a statement that loads
CREATE FUNCTION feed(n int) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO b_intake VALUES (format('{"id": %s}', 100 + n)), (format('{"id": %s, "v": "long"}', 100 + n));
	INSERT INTO a_intake VALUES (format('{"id": %s}', 200 + n));
	RETURN format('{"id": %s}', 300 + n);
END $$;
INSERT INTO a_intake SELECT feed(i) FROM generate_series(1, 3) i;
SELECT id FROM a WHERE id > 100 ORDER BY id;
SELECT id FROM b WHERE id > 100 ORDER BY id;
SELECT 'a' AS "table", * FROM account('a') UNION ALL SELECT 'b', * FROM account('b');

-- a trigger of the table that loads, into another intake and into its own
CREATE TABLE chain (id int, v varchar(2));
CREATE FUNCTION chain() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO b_intake VALUES (format('{"id": %s, "v": %s}', 1000 + NEW.id, coalesce(to_json(NEW.v), 'null')));
	IF NEW.id < 3 THEN
		INSERT INTO chain_intake VALUES (format('{"id": %s}', NEW.id + 1)), (format('{"id": %s, "v": "long"}', NEW.id));
	END IF;
	IF NEW.v = 'no' THEN
		RAISE EXCEPTION 'after all, no';
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER after AFTER INSERT ON chain FOR EACH ROW EXECUTE FUNCTION chain();
SELECT selfheal.watch('chain', 'observe');
INSERT INTO chain_intake VALUES ('{"id": 1}'), ('{"id": 10, "v": "ok"}'), ('{"id": 11, "v": "no"}'), ('{"id": 12}');
SELECT * FROM chain ORDER BY id;
SELECT * FROM b WHERE id > 1000 ORDER BY id;
SELECT class, payload FROM held WHERE table_name = 'loads.chain' ORDER BY payload COLLATE "C";
SELECT in_table, in_quarantine, adds_up FROM account('chain');
SELECT in_table, in_quarantine, adds_up FROM account('b');

-- prepared, RETURNING, DEFAULT, ON CONFLICT; what an intake is not
PREPARE load(text) AS INSERT INTO a_intake VALUES ($1);
EXECUTE load('{"id": 400}');
EXECUTE load('{"id": 401, "v": "long"}');
INSERT INTO a_intake VALUES ('{"id": 402}') RETURNING payload;
INSERT INTO a_intake DEFAULT VALUES;
INSERT INTO a_intake VALUES ('{"id": 403}') ON CONFLICT DO NOTHING;
SELECT id FROM a WHERE id >= 400 ORDER BY id;
SELECT in_table, in_quarantine, adds_up FROM account('a');
SELECT * FROM a_intake;
\set VERBOSITY terse
UPDATE a_intake SET payload = 'x';
DELETE FROM a_intake;
TRUNCATE a_intake;
SELECT count(*) FROM a;
\set VERBOSITY default

-- as a replica the triggers would be passed over: refused, also in a CTE
SET session_replication_role = replica;
INSERT INTO a_intake VALUES ('{"id": 500}');
WITH x AS (INSERT INTO a_intake VALUES ('{"id": 500}')) SELECT 1;
INSERT INTO a_intake SELECT '{"id": 500}' WHERE false;
SELECT * FROM selfheal.ingest('a', ARRAY['{"id": 501}']);
RESET session_replication_role;
BEGIN READ ONLY;
INSERT INTO a_intake VALUES ('{"id": 502}');
ROLLBACK;
BEGIN READ ONLY;
SELECT * FROM selfheal.ingest('a', ARRAY['{"id": 502}']);
ROLLBACK;
SELECT id FROM a WHERE id >= 500;

-- the producer's privileges
CREATE ROLE regress_loader;
GRANT USAGE ON SCHEMA loads TO regress_loader;
CREATE TABLE priv (id int, v varchar(2), secret int, s serial);
SELECT selfheal.watch('priv', 'observe');
SET ROLE regress_loader;
INSERT INTO priv_intake VALUES ('{"id": 1}');
RESET ROLE;
GRANT INSERT ON priv_intake TO regress_loader;
SET ROLE regress_loader;
INSERT INTO priv_intake VALUES ('{"id": 2}');
RESET ROLE;
-- on some columns: payloads that keep to them are stored
GRANT INSERT (id, v) ON priv TO regress_loader;
SET ROLE regress_loader;
INSERT INTO priv_intake VALUES ('{"id": 3}'), ('{"id": 4, "v": "long"}'), ('{"id": 5, "secret": 5}');
RESET ROLE;
SELECT class, column_name, sqlstate, payload FROM held WHERE table_name = 'loads.priv' ORDER BY id;
-- a serial's default asks for its sequence, as for any INSERT
SELECT message FROM selfheal.error WHERE relid = 'priv'::regclass AND class = 'permission' ORDER BY id;
GRANT USAGE ON SEQUENCE priv_s_seq TO regress_loader;
SET ROLE regress_loader;
INSERT INTO priv_intake VALUES ('{"id": 6}');
SELECT count(*) FROM selfheal.quarantine;
SELECT selfheal.ingest('priv', '{}');
RESET ROLE;
SELECT id, v, secret, s FROM priv ORDER BY id;
SELECT role, stored, held FROM selfheal.load WHERE relid = 'priv'::regclass ORDER BY id;
SELECT DISTINCT role FROM selfheal.error WHERE relid = 'priv'::regclass;

-- row security: the policy decides about each row
CREATE TABLE rls (id int, who text DEFAULT current_user, v varchar(2));
ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON rls FOR INSERT WITH CHECK (who = current_user);
SELECT selfheal.watch('rls', 'observe');
GRANT INSERT ON rls, rls_intake TO regress_loader;
SET ROLE regress_loader;
INSERT INTO rls_intake VALUES ('{"id": 1}'), ('{"id": 2, "who": "regress_loader"}'), ('{"id": 3, "who": "somebody"}'), ('{"id": 4, "v": "long"}'), ('{"id": 5}');
RESET ROLE;
SELECT * FROM rls ORDER BY id;
SELECT position, class, column_name, sqlstate, payload FROM held WHERE table_name = 'loads.rls' ORDER BY id;
SELECT * FROM account('rls');
-- nobody but the policy's own may
DROP POLICY own ON rls;
SET ROLE regress_loader;
INSERT INTO rls_intake VALUES ('{"id": 6}');
RESET ROLE;
SELECT * FROM account('rls');

-- a row is not held for one that is never stored
CREATE TABLE meets_parent (id int PRIMARY KEY);
INSERT INTO meets_parent VALUES (1);
CREATE TABLE meets (id int PRIMARY KEY, f int REFERENCES meets_parent);
SELECT selfheal.watch('meets', 'observe');
INSERT INTO meets_intake VALUES ('{"id": 1, "f": 9}'), ('{"id": 1, "f": 1}'), ('{"id": 1, "f": 1}');
SELECT * FROM meets;
SELECT class, position FROM selfheal.quarantined WHERE table_name = 'loads.meets' ORDER BY position;

-- the rows that were held go in when the table fits: each once
SELECT selfheal.watch('t', 'auto');
SELECT selfheal.watch('tx', 'auto');
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, v, d, to_jsonb(t) -> 'new' AS new FROM t ORDER BY id;
SELECT * FROM tx ORDER BY id;
SELECT count(*) FROM selfheal.quarantine WHERE relid = 'tx'::regclass;

RESET TimeZone;
SELECT selfheal.unwatch_all() > 10 AS unwatched;
DROP SCHEMA loads CASCADE;
DROP ROLE regress_loader;
