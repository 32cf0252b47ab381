--
-- Foreign tables and foreign partitions, with postgres_fdw and this server as
-- its own remote: what fits is stored there once, what does not is held here,
-- also when it is the other side that refuses. Nothing that a heal could run
-- changes the other side, so a person does; the rows follow by themselves.
--
SET client_min_messages = warning;
SELECT count(*) = 0 AS skip FROM pg_available_extensions WHERE name = 'postgres_fdw' \gset
\if :skip
\echo skipped: postgres_fdw is not available
\quit
\endif
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE EXTENSION postgres_fdw;
-- a wait between the two sides is seen by no deadlock check
SET statement_timeout = '120s';
CREATE SCHEMA far;
CREATE SCHEMA near;
SET search_path = near;
SELECT coalesce(nullif(split_part(current_setting('unix_socket_directories'), ',', 1), ''), 'localhost') AS host,
	current_setting('port') AS port, current_database() AS db \gset
CREATE SERVER regress_far FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'host', port :'port', dbname :'db');
CREATE USER MAPPING FOR CURRENT_USER SERVER regress_far;
CREATE VIEW held AS SELECT table_name, class, column_name, payload FROM selfheal.quarantined
WHERE table_name LIKE 'near.%' AND state = 'held';
CREATE VIEW incidents AS SELECT class, column_name, state, rows_held FROM selfheal.incidents WHERE table_name LIKE 'near.%';

--
-- a foreign table
--
CREATE TABLE far.orders (
	id int PRIMARY KEY, note varchar(20) NOT NULL, amount numeric(6, 2), n int CHECK (n > 0)
);
CREATE FOREIGN TABLE orders (id int, note varchar(10), amount numeric(6, 2), n int)
	SERVER regress_far OPTIONS (schema_name 'far', table_name 'orders');
SELECT selfheal.watch('orders');
-- what fits is stored there once, by each way in
INSERT INTO orders_intake VALUES ('{"id": 1, "note": "one", "amount": 1.50}'), ('{"id": 2, "note": "two"}');
COPY orders_intake FROM STDIN (FORMAT ndjson);
{"id": 3, "note": "three\tof\\three"}

{"id": 4, "note": "four", "n": 4}
\.
SELECT * FROM selfheal.ingest('orders', ARRAY['{"id": 5, "note": "five"}']);
SELECT * FROM far.orders ORDER BY id;
-- a rolled back load is neither stored nor held
BEGIN;
INSERT INTO orders_intake VALUES ('{"id": 6, "note": "six"}'), ('{"id": "six"}');
SELECT count(*) FROM orders;
ROLLBACK;
SELECT count(*) FROM far.orders;
SELECT count(*) FROM held;
BEGIN;
INSERT INTO orders_intake VALUES ('{"id": 10, "note": "ten"}');
SAVEPOINT s;
INSERT INTO orders_intake VALUES ('{"id": 11, "note": "eleven"}'), ('{"id": 12, "n": "x"}');
ROLLBACK TO s;
INSERT INTO orders_intake VALUES ('{"id": 12, "note": "twelve"}'), ('{"id": 1, "note": "again"}');
SAVEPOINT t;
INSERT INTO orders_intake VALUES ('{"id": 13, "note": "thirteen"}');
RELEASE t;
COMMIT;
SELECT array_agg(id ORDER BY id) FROM far.orders;
SELECT * FROM held;

-- the other side refuses a row: that row alone is held, with its error
INSERT INTO orders_intake VALUES
	('{"id": 20, "note": "fits"}'),
	('{"id": 21, "note": null}'),
	('{"id": 22, "note": "a check", "n": -1}'),
	('{"id": 2, "note": "a key"}'),
	('{"id": 23, "note": "too long for this side"}'),
	('{"id": 24, "note": "digits", "amount": 1.239}'),
	('{"id": 25, "note": "new key", "colour": "red"}'),
	('{"id": 26, "note": "fits too"}');
SELECT array_agg(id ORDER BY id) FROM far.orders WHERE id >= 20;
SELECT class, column_name, sqlstate, context LIKE '%remote SQL command%' AS from_afar
FROM (SELECT class, column_name, sqlstate, context::text FROM selfheal.error WHERE schema_name = 'near' AND table_name = 'orders') e ORDER BY class;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents ORDER BY class;
-- nothing is planned that would change one side alone, and a person is told what to do
SELECT reason FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class IN ('too_long', 'unknown_key', 'scale') ORDER BY class;
SELECT reason ~ 'server of the foreign table refused' AS told FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class = 'null_value';
SELECT count(*) FILTER (WHERE sql IS NOT NULL) AS changes FROM selfheal.plan WHERE schema_name = 'near' AND table_name = 'orders';
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'note';
SELECT verdict, reason FROM selfheal.vet('orders', 'ALTER TABLE orders ADD z int');
SELECT plan_id, verdict FROM selfheal.propose('orders', 'ALTER TABLE orders ALTER note TYPE text', 'a test');

-- the person changes there, then here: rows go by themselves; those that the
-- other side refuses still are tried once more and held, once
ALTER TABLE far.orders ALTER note TYPE varchar(40), ALTER amount TYPE numeric(8, 4), ADD colour text;
ALTER FOREIGN TABLE orders ALTER note TYPE varchar(40), ALTER amount TYPE numeric(8, 4), ADD colour text;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM far.orders WHERE id BETWEEN 20 AND 26 ORDER BY id;
SELECT class, count(*) FROM held GROUP BY 1 ORDER BY 1;
SELECT class, state, attempts, reason FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class IN ('check', 'unique') ORDER BY class;
-- a cure that only the other side sees: retry
ALTER TABLE far.orders DROP CONSTRAINT orders_n_check;
SELECT selfheal.retry(id) FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class = 'check';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT id, n FROM far.orders WHERE id = 22;
SELECT coalesce(left(result, 24), 'by a person') AS retried, count(DISTINCT incident) FROM selfheal.audit
WHERE schema_name = 'near' AND table_name = 'orders' AND event = 'retried' GROUP BY 1 ORDER BY 1;
SELECT count(*) AS twice FROM (SELECT id FROM far.orders GROUP BY id HAVING count(*) > 1) d;

-- replay in a session of one's own
ALTER TABLE far.orders ALTER note DROP NOT NULL;
SELECT replayed FROM selfheal.replay('orders');
SELECT class, count(*) FROM held GROUP BY 1 ORDER BY 1;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.discard(id, 'they are duplicates', 10) AS discarded FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class = 'unique';

--
-- batches
--
CREATE TABLE far.batch (id int PRIMARY KEY CHECK (id % 100 <> 7), v text);
CREATE FOREIGN TABLE one (id int, v text) SERVER regress_far OPTIONS (schema_name 'far', table_name 'batch', batch_size '1');
CREATE FOREIGN TABLE hundred (id int, v text) SERVER regress_far OPTIONS (schema_name 'far', table_name 'batch', batch_size '100');
SELECT selfheal.watch('one'), selfheal.watch('hundred');
INSERT INTO one_intake SELECT format('{"id": %s, "v": "one"}', i) FROM generate_series(1, 300) i;
INSERT INTO hundred_intake SELECT format('{"id": %s, "v": "hundred"}', i) FROM generate_series(301, 600) i;
INSERT INTO hundred_intake SELECT format('{"id": %s, "v": "hundred"}', CASE WHEN i % 50 = 0 THEN i - 300 ELSE i + 300 END) FROM generate_series(301, 600) i;
SELECT v, count(*), count(DISTINCT id) FROM far.batch GROUP BY v;
SELECT table_name, class, count(*) FROM held WHERE table_name <> 'near.orders' GROUP BY 1, 2 ORDER BY 1, 2;

--
-- what the other side rounds or cuts, no error tells: watch says where it may.
-- A declaration that leaves no more room than the server's holds such a row.
--
CREATE TABLE far.round (id bigint, amount numeric(6, 2), at timestamp(0), v varchar(5), j json, "A b" real, gone int);
CREATE FOREIGN TABLE loose (id int, amount numeric, at timestamp, v text, j jsonb, b float8 OPTIONS (column_name 'A b'), extra int)
	SERVER regress_far OPTIONS (schema_name 'far', table_name 'round');
CREATE FOREIGN TABLE tight (id int, amount numeric(5, 2), at timestamp(0), v varchar(4), b real OPTIONS (column_name 'A b'))
	SERVER regress_far OPTIONS (schema_name 'far', table_name 'round');
CREATE FOREIGN TABLE nowhere (id int) SERVER regress_far OPTIONS (schema_name 'far', table_name 'no such');
CREATE SERVER regress_down FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host :'host', port '1');
CREATE USER MAPPING FOR CURRENT_USER SERVER regress_down;
CREATE TABLE half (id int, v text) PARTITION BY RANGE (id);
CREATE TABLE half1 PARTITION OF half FOR VALUES FROM (0) TO (10);
CREATE FOREIGN TABLE half2 PARTITION OF half FOR VALUES FROM (10) TO (20) SERVER regress_down;
SELECT selfheal.watch('loose');
SELECT selfheal.watch('tight');
SELECT selfheal.watch('nowhere');
\set VERBOSITY terse
SELECT selfheal.watch('half');
\set VERBOSITY default
SELECT count(*) AS left_behind FROM pg_class WHERE relnamespace = 'selfheal_sandbox'::regnamespace;
SELECT has_schema_privilege('public', 'selfheal_sandbox', 'usage') AS open;
-- a column that the server lacks fails every row, until it is the same again
INSERT INTO loose_intake VALUES ('{"id": 1, "amount": 1.239}');
SELECT class, payload FROM held WHERE table_name = 'near.loose';

ALTER FOREIGN TABLE loose DROP extra;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
INSERT INTO tight_intake VALUES ('{"id": 2, "amount": 1.239}');
SELECT id, amount FROM far.round;
SELECT table_name, class, column_name FROM held WHERE table_name IN ('near.loose', 'near.tight');

--
-- defaults, generated columns, triggers
--
CREATE TABLE far.kinds (id int, d text DEFAULT 'far', twice int GENERATED ALWAYS AS (id * 2) STORED, at timestamptz);
CREATE SEQUENCE ids;
CREATE FOREIGN TABLE kinds (
	id int DEFAULT nextval('ids'), d text DEFAULT 'near', twice int GENERATED ALWAYS AS (id * 2) STORED,
	at timestamptz DEFAULT '2026-01-01 00:00+00'
) SERVER regress_far OPTIONS (schema_name 'far', table_name 'kinds');
CREATE TABLE log (what text);
CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF TG_LEVEL = 'STATEMENT' THEN
		INSERT INTO log VALUES ('statement');
		RETURN NULL;
	END IF;
	IF NEW.d = 'refused' THEN
		RAISE EXCEPTION 'no' USING ERRCODE = 'P0001';
	END IF;
	INSERT INTO log VALUES (TG_WHEN || ' ' || NEW.id);
	NEW.d := NEW.d || '!';
	RETURN NEW;
END $$;
CREATE TRIGGER before BEFORE INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION logs();
CREATE TRIGGER after AFTER INSERT ON kinds FOR EACH ROW EXECUTE FUNCTION logs();
CREATE TRIGGER whole AFTER INSERT ON kinds FOR EACH STATEMENT EXECUTE FUNCTION logs();
SELECT selfheal.watch('kinds');
INSERT INTO kinds_intake VALUES ('{}'), ('{"id": 50, "d": null}'), ('{"id": 51, "twice": 3}'), ('{"id": 52, "d": "sent", "at": "2026-02-02 00:00+00"}');
SELECT id, d, twice, at AT TIME ZONE 'UTC' AS at FROM far.kinds ORDER BY id;
SELECT * FROM log ORDER BY what;
TRUNCATE log;
INSERT INTO kinds_intake VALUES ('{"id": 60, "d": "a"}'), ('{"id": 61, "d": "refused"}'), ('{"id": 62, "d": "b"}');
SELECT id, d FROM far.kinds WHERE id >= 60 ORDER BY id;
SELECT what, count(*) FROM log WHERE what LIKE 'AFTER%' GROUP BY 1 ORDER BY 1;
SELECT class, payload FROM held WHERE table_name = 'near.kinds' ORDER BY class;

--
-- a foreign partition
--
CREATE TABLE far.old (y int, id int NOT NULL, v varchar(5));
CREATE TABLE events (y int, id int, v varchar(5)) PARTITION BY LIST (y);
CREATE TABLE events_now PARTITION OF events FOR VALUES IN (2026);
CREATE FOREIGN TABLE events_old PARTITION OF events FOR VALUES IN (2025)
	SERVER regress_far OPTIONS (schema_name 'far', table_name 'old');
SELECT selfheal.watch('events');
INSERT INTO events_intake VALUES
	('{"y": 2026, "id": 1, "v": "a"}'), ('{"y": 2025, "id": 2, "v": "b"}'),
	('{"y": 2026, "id": 3, "v": "longer"}'), ('{"y": 2025, "id": 4, "v": "longer too"}'),
	('{"y": 2025, "v": "no id"}'), ('{"y": 2024, "id": 6}'), ('{"y": 2026, "id": 7, "k": 1}'),
	('{"y": 2026, "id": 8, "v": "c"}');
SELECT tableoid::regclass, * FROM events ORDER BY id;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, column_name, state, reason FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'events' AND class IN ('too_long', 'unknown_key') ORDER BY class;
SELECT class, state FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'events' AND class NOT IN ('too_long', 'unknown_key') ORDER BY class;
-- the person changes there, then the root; a partition for the last row
ALTER TABLE far.old ALTER v TYPE varchar(20), ADD k bigint;
ALTER TABLE events ALTER v TYPE varchar(20), ADD k bigint;
CREATE TABLE events_older PARTITION OF events FOR VALUES IN (2024);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT tableoid::regclass, * FROM events ORDER BY id;
SELECT payload FROM held WHERE table_name = 'near.events';
-- what the dry runs of these replays did not show
SELECT table_name, dry_run ->> 'not_covered' AS not_covered, dry_run ->> 'history_tried' AS history FROM selfheal.plan
WHERE schema_name = 'near' AND table_name IN ('events', 'orders') GROUP BY 1, 2, 3 ORDER BY 1;
-- a table that merely has a foreign child is written as ever; its ALTER would reach the child
CREATE TABLE parent (id int, v varchar(5));
CREATE FOREIGN TABLE child (extra int) INHERITS (parent) SERVER regress_far OPTIONS (schema_name 'far', table_name 'old');
SELECT selfheal.watch('parent');
INSERT INTO parent_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, reason FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'parent';
DROP FOREIGN TABLE child;
SELECT selfheal.retry(id) FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'parent';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM parent ORDER BY id;

--
-- who loads: the user mapping is his, for the load and for the replay
--
CREATE ROLE regress_foreign_loader;
GRANT USAGE ON SCHEMA near TO regress_foreign_loader;
GRANT INSERT ON orders, orders_intake TO regress_foreign_loader;
SET ROLE regress_foreign_loader;
INSERT INTO orders_intake SELECT format('{"id": %s}', i) FROM generate_series(100, 110) i;
RESET ROLE;
SELECT class, sqlstate, rows FROM selfheal.error WHERE schema_name = 'near' AND table_name = 'orders' AND role = 'regress_foreign_loader';
SELECT count(*) FROM far.orders WHERE id >= 100;
-- without a password he may not, unless a superuser says so
CREATE USER MAPPING FOR regress_foreign_loader SERVER regress_far OPTIONS (user :'USER');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.retry(id) FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND state = 'needs_human';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) FROM far.orders WHERE id >= 100;
SELECT class, state, rows_held FROM selfheal.incidents WHERE table_name = 'near.orders' AND rows_held > 0 AND state NOT IN ('healed', 'dismissed');
ALTER USER MAPPING FOR regress_foreign_loader SERVER regress_far OPTIONS (ADD password_required 'false');
SELECT selfheal.retry(id) FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND state = 'needs_human';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*), count(DISTINCT id) FROM far.orders WHERE id >= 100;
SET ROLE regress_foreign_loader;
INSERT INTO orders_intake VALUES ('{"id": 120}'), ('{"id": 121.5}'), ('{"id": 100}');
RESET ROLE;
SELECT id FROM far.orders WHERE id >= 120;
SELECT class FROM held WHERE table_name = 'near.orders' ORDER BY class;

--
-- a server that is not there: the producer hears of it, nothing is lost
--
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) AS loads FROM selfheal.load \gset
SELECT count(*) AS held FROM selfheal.quarantine \gset
ALTER SERVER regress_far OPTIONS (SET port '1');
\set VERBOSITY sqlstate
INSERT INTO orders_intake VALUES ('{"id": 200}'), ('{"id": "no"}');
INSERT INTO events_intake VALUES ('{"y": 2025, "id": 200}');
\set VERBOSITY default
-- a partition that is here goes on
INSERT INTO events_intake VALUES ('{"y": 2026, "id": 201}');
SELECT count(*) - :loads AS loads FROM selfheal.load;
SELECT count(*) - :held AS held FROM selfheal.quarantine;
-- the replay waits for it, however often it was tried
SELECT selfheal.amend(id, '{"id": 122}', 'a test') FROM selfheal.quarantined WHERE table_name = 'near.orders' AND class = 'fraction';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
UPDATE selfheal.incident SET attempts = 100 WHERE schema_name = 'near' AND table_name = 'orders' AND class = 'retry';
SELECT selfheal.retry(id) FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class = 'retry';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, attempts, next_try > clock_timestamp() AS later FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class = 'retry';
SELECT DISTINCT sqlstate FROM selfheal.audit WHERE event = 'apply_failed' AND schema_name = 'near' AND table_name = 'orders';
ALTER SERVER regress_far OPTIONS (SET port :'port');
SELECT selfheal.retry(id) FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class = 'retry';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state FROM selfheal.incident WHERE schema_name = 'near' AND table_name = 'orders' AND class = 'retry';
SELECT id FROM far.orders WHERE id > 120;

--
-- a key of the other side is none to us: such a row cannot be written over
--
SELECT selfheal.watch('orders', on_conflict => 'update');
SELECT selfheal.watch('orders', on_conflict => 'skip_identical');
INSERT INTO orders_intake SELECT payload FROM (SELECT to_json(o)::text AS payload FROM far.orders o WHERE id = 1) j;
SELECT class FROM held WHERE table_name = 'near.orders' AND payload ~ '"id":1,';

--
-- what the other side finds at its commit fails the whole load, as it does for
-- an INSERT: the producer hears of it, nothing is stored or held
--
CREATE TABLE far.late (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED);
CREATE FOREIGN TABLE late (id int) SERVER regress_far OPTIONS (schema_name 'far', table_name 'late');
SELECT selfheal.watch('late');
\set VERBOSITY sqlstate
INSERT INTO late_intake VALUES ('{"id": 1}'), ('{"id": 1}'), ('{"id": "x"}');
\set VERBOSITY default
SELECT count(*) FROM far.late;
SELECT count(*) FROM held WHERE table_name = 'near.late';
INSERT INTO late_intake VALUES ('{"id": 1}'), ('{"id": "x"}');
SELECT count(*) FROM far.late;
SELECT count(*) FROM held WHERE table_name = 'near.late';

--
-- held rows follow the team's word at once: nothing is refused over there
--
CREATE TABLE far.words (id int, v varchar(4));
CREATE FOREIGN TABLE words (id int, v varchar(4)) SERVER regress_far OPTIONS (schema_name 'far', table_name 'words');
SELECT selfheal.watch('words');
INSERT INTO words_intake VALUES ('{"id": 1, "x": 1}'), ('{"id": 2, "y": 1}'), ('{"id": 3, "v": "longer"}'), ('{"id": 4, "z": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state FROM selfheal.incidents WHERE table_name = 'near.words' ORDER BY id;
SELECT selfheal.hint('words', 'x', ignore => true);
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM far.words ORDER BY id;
SELECT selfheal.set_contract('words', columns => 'discard_value', types => 'discard_value');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM far.words ORDER BY id;
SELECT class, column_name, state FROM selfheal.incidents WHERE table_name = 'near.words' ORDER BY id;
-- and loads do
INSERT INTO words_intake VALUES ('{"id": 11, "x": 1, "y": 1}'), ('{"id": 12, "v": "longer"}'), ('{"id": 13}');
SELECT stored, held, discarded_rows, discarded_values FROM selfheal.last_load();
SELECT door, what, class, column_name, rows FROM selfheal.discarded WHERE table_name = 'near.words' ORDER BY id;

--
-- what cannot be watched; what happens to what is
--
CREATE FOREIGN TABLE readonly (id int) SERVER regress_far OPTIONS (schema_name 'far', table_name 'batch', updatable 'false');
SELECT selfheal.watch('readonly');
SELECT selfheal.watch('events_old');
ALTER FOREIGN TABLE orders RENAME TO bestellungen;
SELECT relid, intake FROM selfheal.watched WHERE schema_name = 'near' AND table_name = 'bestellungen';
BEGIN;
ALTER FOREIGN TABLE bestellungen RENAME TO backup;
CREATE FOREIGN TABLE bestellungen (id int, note text) SERVER regress_far OPTIONS (schema_name 'far', table_name 'orders');
COMMIT;
INSERT INTO bestellungen_intake VALUES ('{"id": 300, "note": "in the new one"}');
SELECT note FROM far.orders WHERE id = 300;
SELECT relid, intake FROM selfheal.watched WHERE schema_name = 'near' AND table_name = 'bestellungen';
DROP FOREIGN TABLE bestellungen;
SELECT to_regclass('bestellungen_intake') AS gone;

DROP SCHEMA near CASCADE;
DROP SCHEMA far CASCADE;
DROP OWNED BY regress_foreign_loader;
DROP SERVER regress_far CASCADE;
DROP SERVER regress_down CASCADE;
DROP ROLE regress_foreign_loader;
DROP EXTENSION postgres_fdw;
