-- Rows of one ordering key are stored in the order in which they came: one
-- that comes after a held row of its key waits behind it; other keys pass.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA ordering;
SET search_path = ordering;
SET timezone = 'UTC';
-- what is held, and why
CREATE FUNCTION held() RETURNS bigint LANGUAGE sql AS
$$ SELECT count(*) FROM selfheal.quarantine q JOIN pg_class c ON c.oid = q.relid WHERE q.state = 'held' AND c.relnamespace = 'ordering'::regnamespace $$;
\set held 'SELECT 1 AS idle FROM selfheal.wait_idle(\'180s\'); SELECT held();'
CREATE FUNCTION kept(want regclass) RETURNS TABLE (class text, key text, payload text) LANGUAGE sql AS
$$ SELECT e.class, q.ordering_key, q.payload FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
   WHERE q.relid = want AND q.state = 'held' ORDER BY q.id $$;
CREATE FUNCTION incidents(want regclass) RETURNS TABLE (class text, column_name text, state text, held bigint, keys bigint) LANGUAGE sql AS
$$ SELECT class, column_name, state, rows_held, keys_blocked FROM selfheal.incidents
   WHERE table_name = format('ordering.%I', (SELECT relname FROM pg_class WHERE oid = want)) AND state NOT IN ('healed', 'dismissed') ORDER BY id $$;

-- within one load and over loads; the plan that helps the first of a key stores
-- those behind it too, in order
CREATE TABLE orders (n serial, customer_id int, note varchar(5), step int);
SELECT selfheal.watch('orders', ordering_key => 'customer_id');
SELECT selfheal.pause('orders');
INSERT INTO orders_intake VALUES
	('{"customer_id": 1, "note": "fits", "step": 1}'),
	('{"customer_id": 1, "note": "too long", "step": 2}'),
	('{"customer_id": 2, "step": 1}'),
	('{"customer_id": "1", "step": 3}'),			-- one key, however it is written
	('{"customer_id": 1.0, "step": 4}'),
	('{"customer_id": null, "step": 0}'),			-- no key: no order
	('{"step": 0}');
INSERT INTO orders_intake VALUES
	('{"customer_id": 1, "step": 5}'),
	('{"customer_id": 1, "note": "too long as well", "step": 6}'),
	('{"customer_id": 2, "step": 2}');
SELECT selfheal.ingest('orders', ARRAY['{"customer_id": 1, "step": 7}', '{"customer_id": 3, "step": 1}']);
SELECT customer_id, step FROM orders ORDER BY n;
SELECT * FROM kept('orders');
SELECT count(DISTINCT ordering_hash) AS keys FROM selfheal.quarantine WHERE relid = 'orders'::regclass;
SELECT table_name, ordering_key, key, rows_waiting, since IS NOT NULL AS since, behind = (SELECT min(id) FROM selfheal.quarantine WHERE relid = 'orders'::regclass) AS behind,
	class, over_limit FROM selfheal.waiting WHERE table_name = 'ordering.orders';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT selfheal.resume('orders');
:held
SELECT customer_id, step FROM orders WHERE customer_id = 1 ORDER BY n;
SELECT class, state FROM selfheal.incident WHERE relid = 'orders'::regclass ORDER BY id;
SELECT rows_replayed, rows_left FROM selfheal.audit WHERE schema_name = 'ordering' AND event = 'replayed' AND table_name = 'orders' ORDER BY id;

-- the first of a key needs a person: those behind it wait for him, and come
-- when he has discarded it
INSERT INTO orders_intake VALUES ('{"customer_id": 4, "step": "a"}'), ('{"customer_id": 4, "step": 2}'), ('{"customer_id": 5, "step": 1}');
INSERT INTO orders_intake VALUES ('{"customer_id": 4, "step": 3}');
:held
SELECT * FROM incidents('orders');
SELECT blocked_since <= now() AS blocked_since FROM selfheal.incidents WHERE class = 'awaiting_order' AND state = 'awaiting_order';
SELECT key, rows_waiting, class FROM selfheal.waiting WHERE table_name ~ '^ordering';
-- a retry cannot help: it waits on
SELECT selfheal.retry(id) FROM selfheal.incident WHERE class = 'awaiting_order' AND state = 'awaiting_order';
:held
SELECT * FROM incidents('orders');
SELECT replayed, held FROM selfheal.replay('orders') AS r (replayed, held);
SELECT selfheal.discard((SELECT min(id) FROM selfheal.quarantine WHERE relid = 'orders'::regclass), 'no number');
:held
SELECT customer_id, step FROM orders WHERE customer_id IN (4, 5) ORDER BY n;
SELECT * FROM incidents('orders');
-- or has corrected it: it keeps its place
INSERT INTO orders_intake VALUES ('{"customer_id": 6, "step": "a"}'), ('{"customer_id": 6, "step": 2}');
:held
SELECT selfheal.amend((SELECT min(id) FROM selfheal.quarantine WHERE relid = 'orders'::regclass), '{"customer_id": 6, "step": 1}', 'it was the first');
:held
SELECT step FROM orders WHERE customer_id = 6 ORDER BY n;
-- a row in the middle is discarded: nothing else moves
INSERT INTO orders_intake VALUES ('{"customer_id": 7, "step": "a"}'), ('{"customer_id": 7, "step": 2}'), ('{"customer_id": 7, "step": 3}');
SELECT selfheal.discard((SELECT min(id) + 1 FROM selfheal.quarantine WHERE relid = 'orders'::regclass), 'not this one');
:held
SELECT * FROM kept('orders');
SELECT selfheal.discard((SELECT min(id) FROM selfheal.quarantine WHERE relid = 'orders'::regclass), 'nor this');
:held
SELECT step FROM orders WHERE customer_id = 7 ORDER BY n;

-- two reasons in turn within one key: the row behind waits for both
INSERT INTO orders_intake VALUES ('{"customer_id": 8, "step": 1, "new": true}'), ('{"customer_id": 8, "step": "a"}'),
	('{"customer_id": 8, "step": 3, "new": false}'), ('{"customer_id": 8, "step": 4}'), ('{"customer_id": 9, "step": 1, "new": true}');
:held
SELECT customer_id, step FROM orders WHERE customer_id IN (8, 9) ORDER BY n;
SELECT * FROM kept('orders');
SELECT * FROM incidents('orders');
SELECT selfheal.amend((SELECT min(id) FROM selfheal.quarantine WHERE relid = 'orders'::regclass), '{"customer_id": 8, "step": 2}', 'a was 2');
:held
SELECT step FROM orders WHERE customer_id = 8 ORDER BY n;

-- amended to another key, and still no good: it blocks that one, and its own no
-- more
INSERT INTO orders_intake VALUES ('{"customer_id": 20, "step": "a"}'), ('{"customer_id": 20, "step": 2}');
:held
SELECT selfheal.amend((SELECT min(id) FROM selfheal.quarantine WHERE relid = 'orders'::regclass), '{"customer_id": 21, "step": "b"}', 'it was of 21');
:held
:held
INSERT INTO orders_intake VALUES ('{"customer_id": 20, "step": 3}'), ('{"customer_id": 21, "step": 2}');
SELECT * FROM kept('orders');
SELECT step FROM orders WHERE customer_id = 20 ORDER BY n;
SELECT selfheal.discard(id, 'done with') FROM selfheal.quarantine WHERE relid = 'orders'::regclass;
:held
SELECT * FROM incidents('orders');

-- a row that waited, and then does not fit either: it is the first of its key
CREATE TABLE positive (n serial, k int, step int CHECK (step > 0));
SELECT selfheal.watch('positive', ordering_key => 'k');
INSERT INTO positive_intake VALUES ('{"k": 1, "step": "x"}'), ('{"k": 1, "step": 0}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM kept('positive');
SELECT selfheal.discard((SELECT min(id) FROM selfheal.quarantine WHERE relid = 'positive'::regclass), 'no number');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM kept('positive');
SELECT * FROM incidents('positive');
INSERT INTO positive_intake VALUES ('{"k": 1, "step": 3}'), ('{"k": 2, "step": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM incidents('positive');
SELECT k, step FROM positive ORDER BY n;
-- two incidents of one table in one round, one of which no plan helps: rows of
-- the other do not overtake its rows
INSERT INTO positive_intake VALUES ('{"k": 3, "step": 1, "new": 1}'), ('{"k": 3, "step": 0}'), ('{"k": 3, "step": 2, "new": 2}'), ('{"k": 4, "step": 1, "new": 3}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT k, step FROM positive ORDER BY n;
SELECT * FROM kept('positive');
SELECT selfheal.discard(id, 'done with') FROM selfheal.quarantine WHERE relid = 'positive'::regclass ORDER BY id LIMIT 1;

-- a key that cannot be known blocks nobody
BEGIN;
INSERT INTO orders_intake VALUES ('{"customer_id": 10, "step": 1'), ('{"customer_id": "ten", "step": 1}'), ('{"customer_id": 99999999999, "step": 1}'),
	('{"step": "x"}'), ('{"customer_id": null, "step": "x"}'), ('{"customer_id": 10, "customer_id": 11, "step": 1}'), ('{"customer_id": 10, "step": 2}');
SELECT class, key FROM kept('orders');
SELECT step FROM orders WHERE customer_id = 10 ORDER BY n;
COMMIT;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;

-- what only the insert refuses blocks its key as well: a CHECK, a unique key,
-- a foreign key, a trigger, a default
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1);
CREATE FUNCTION refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.v = 'trigger' THEN RAISE 'no'; END IF; RETURN NEW; END $$;
CREATE FUNCTION fails() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE 'no default'; END $$;
CREATE TABLE refused (n serial, k text, id int UNIQUE, p int REFERENCES parent, v text CHECK (v <> 'check'), d int DEFAULT fails());
CREATE TRIGGER refuses BEFORE INSERT ON refused FOR EACH ROW EXECUTE FUNCTION refuses();
SELECT selfheal.watch('refused', 'observe', ordering_key => 'k');
INSERT INTO refused_intake VALUES
	('{"d": 1, "k": "check", "v": "check"}'), ('{"d": 1, "k": "free", "v": "1"}'), ('{"d": 1, "k": "check", "v": "2"}'),
	('{"d": 1, "k": "unique", "id": 1}'), ('{"d": 1, "k": "unique", "id": 1}'), ('{"d": 1, "k": "unique", "id": 2}'), ('{"d": 1, "k": "free", "v": "2"}'),
	('{"d": 1, "k": "parent", "p": 1}'), ('{"d": 1, "k": "parent", "p": 2}'), ('{"d": 1, "k": "parent", "p": 1}'), ('{"d": 1, "k": "free", "v": "3"}'),
	('{"d": 1, "k": "trigger", "v": "trigger"}'), ('{"d": 1, "k": "trigger", "v": "5"}'), ('{"d": 1, "k": "free", "v": "4"}'),
	('{"k": "default"}'), ('{"d": 1, "k": "default"}'), ('{"d": 1, "k": "free", "v": "5"}');
SELECT k, id, p, v FROM refused ORDER BY n;
SELECT * FROM kept('refused');
-- as many as make the windows of a load
INSERT INTO refused_intake SELECT format('{"d": 1, "k": "k%s", "v": "%s"}', g % 100, CASE WHEN g % 100 < 30 AND g > 500 AND g < 600 THEN 'check' ELSE g::text END) FROM generate_series(1, 3000) g;
SELECT class, count(*), count(DISTINCT key) AS keys FROM kept('refused') WHERE key ~ '^k\d' GROUP BY 1 ORDER BY 1;
SELECT count(*), count(DISTINCT k) FILTER (WHERE v::int > 600) AS keys_later, bool_and(v::int < 600 OR substr(k, 2)::int NOT BETWEEN 1 AND 29) AS in_order FROM refused WHERE k ~ '^k\d';

-- and a replay keeps it, though the rows of a key are held for many reasons
ALTER TABLE refused DROP CONSTRAINT refused_v_check, DROP CONSTRAINT refused_p_fkey, DROP CONSTRAINT refused_id_key;
DROP TRIGGER refuses ON refused;
SELECT held FROM selfheal.replay('refused') AS r (replayed, held);
SELECT * FROM kept('refused');
SELECT bool_and(ok) AS in_order FROM (SELECT v::int > coalesce(lag(v::int) OVER (PARTITION BY k ORDER BY n), 0) AS ok FROM refused WHERE k ~ '^k\d' AND v <> 'check') s;
SELECT k, id, p, v FROM refused WHERE k !~ '^k\d' AND k <> 'free' ORDER BY n;

-- several columns; names as they are; values that are equal to their type
CREATE TABLE sorts (n serial, region text, "Customer" numeric, d date, u uuid, c char(4), t timestamptz, f float8, b bool, step int);
SELECT selfheal.watch('sorts', 'observe', ordering_key => 'region, "Customer"');
SELECT ordering_key FROM selfheal.watched WHERE relid = 'sorts'::regclass;
INSERT INTO sorts_intake VALUES ('{"region": "eu", "Customer": 1.50, "step": "x"}'), ('{"region": "eu", "Customer": "1.5", "step": 2}'),
	('{"region": "eu", "Customer": 15e-1, "step": 3}'), ('{"region": "EU", "Customer": 1.5, "step": 1}'), ('{"region": "eu", "Customer": 15, "step": 1}'),
	('{"region": "eu", "step": 1}'), ('{"region": "e", "Customer": "NaN", "step": "x"}'), ('{"region": "e", "Customer": "nan", "step": 2}');
SELECT * FROM kept('sorts');
CREATE FUNCTION one_key(col text, first text, VARIADIC others text[]) RETURNS TABLE (class text, key text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM selfheal.discard(q.id, 'next') FROM selfheal.quarantine q WHERE q.relid = 'sorts'::regclass;
	PERFORM selfheal.watch('sorts', ordering_key => col);
	PERFORM selfheal.ingest('sorts', ARRAY[format('{"%s": %s, "step": "x"}', col, first)] ||
		ARRAY(SELECT format('{"%s": %s}', col, o) FROM unnest(others) o));
	RETURN QUERY SELECT k.class, k.key FROM kept('sorts') k;
END $$;
SELECT * FROM one_key('d', '"2026-01-02"', '"January 2, 2026"', '"2026-01-03"');
SELECT * FROM one_key('u', '"A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11"', '"a0eebc999c0b4ef8bb6d6bb9bd380a11"', '"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12"');
SELECT * FROM one_key('c', '"ab"', '"ab  "', '"abc"');
SELECT * FROM one_key('t', '"2026-01-02 12:00+02"', '"2026-01-02 10:00Z"', '"2026-01-02 12:00Z"');
SELECT * FROM one_key('f', '0.1', '"1e-1"', '0.10000000000000001', '0.11');
SELECT * FROM one_key('f', '0', '-0.0', '1');
SELECT * FROM one_key('b', 'true', '"t"', '"yes"', 'false');

-- a key that has gone another way: renamed by a hint, put right by its column
CREATE TABLE hinted (n serial, customer_id int, step int);
SELECT selfheal.watch('hinted', 'observe', ordering_key => 'customer_id');
SELECT selfheal.hint('hinted', 'custId', rename_to => 'customer_id');
INSERT INTO hinted_intake VALUES ('{"custId": 1, "step": "x"}'), ('{"customer_id": 1, "step": 2}'), ('{"custId": 1, "step": 3}'), ('{"custId": 2, "step": 1}');
SELECT * FROM kept('hinted');
-- two keys that say different things of it: it is not known
INSERT INTO hinted_intake VALUES ('{"custId": 5, "customer_id": 6, "step": 1}'), ('{"customer_id": 5, "step": 1}'), ('{"customer_id": 6, "step": 1}');
SELECT * FROM kept('hinted') OFFSET 3;
SELECT selfheal.discard(max(id), 'unclear') FROM selfheal.quarantine WHERE relid = 'hinted'::regclass;

-- and what a mapping makes of it is the key
CREATE TABLE mapped (n serial, customer_id int, step int);
SELECT selfheal.watch('mapped', 'observe', ordering_key => 'customer_id');
SELECT selfheal.add_mapping('mapped', 'map_field', 'cust', column_name => 'customer_id') > 0 AS added;
SELECT selfheal.add_mapping('mapped', 'parse_number', 'customer_id', '{"decimal": ".", "group": ","}') > 0 AS added;
INSERT INTO mapped_intake VALUES ('{"customer_id": "1,000", "step": "x"}'), ('{"cust": 1000, "step": 2}'), ('{"customer_id": 1000, "step": 3}'), ('{"cust": 1, "step": 1}');
SELECT * FROM kept('mapped');
SELECT customer_id, step FROM mapped ORDER BY n;

-- wider while rows are held: they keep their keys
ALTER TABLE hinted ALTER customer_id TYPE numeric(20,2);
INSERT INTO hinted_intake VALUES ('{"customer_id": 1, "step": 4}'), ('{"customer_id": 1.25, "step": 1}');
ALTER TABLE hinted ALTER customer_id TYPE text;
INSERT INTO hinted_intake VALUES ('{"customer_id": "1", "step": 5}'), ('{"customer_id": "x", "step": 1}');
SELECT class, key, payload FROM kept('hinted') OFFSET 3;

-- the option follows its column and goes with it; held rows are then tried
ALTER TABLE hinted RENAME customer_id TO client;
SELECT ordering_key FROM selfheal.watched WHERE relid = 'hinted'::regclass;
INSERT INTO hinted_intake VALUES ('{"client": "1", "step": 6}');
SELECT class, key, payload FROM kept('hinted') OFFSET 5;
ALTER TABLE hinted DROP client;
SELECT ordering_key FROM selfheal.watched WHERE relid = 'hinted'::regclass;
SELECT result FROM selfheal.audit WHERE schema_name = 'ordering' AND table_name = 'hinted' AND event = 'policy_changed' ORDER BY id;
SELECT count(ordering_key) AS with_key, count(*) AS held FROM selfheal.quarantine WHERE relid = 'hinted'::regclass;
INSERT INTO hinted_intake VALUES ('{"step": 7}');
SELECT step FROM hinted WHERE step = 7;
CREATE TABLE family (id int, k int);
CREATE TABLE child (step int) INHERITS (family);
SELECT selfheal.watch('child', ordering_key => 'k');
ALTER TABLE family RENAME k TO kk;
SELECT ordering_key FROM selfheal.watched WHERE relid = 'child'::regclass;

-- taken away by the owner: what waits is tried at once
CREATE TABLE away (n serial, k int, step int);
SELECT selfheal.watch('away', ordering_key => 'k');
INSERT INTO away_intake VALUES ('{"k": 1, "step": "x"}'), ('{"k": 1, "step": 2}'), ('{"k": 1, "step": 3}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT count(*) FROM away;
SELECT selfheal.watch('away', 'auto');
SELECT ordering_key FROM selfheal.watched WHERE relid = 'away'::regclass;
SELECT selfheal.watch('away', ordering_key => '');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT step FROM away ORDER BY n;
SELECT * FROM incidents('away');

-- another key: what waited by the old one is tried, and waits by the new one
-- where it must
CREATE TABLE other (n serial, k int, l int, step int);
SELECT selfheal.watch('other', ordering_key => 'k');
INSERT INTO other_intake VALUES ('{"k": 1, "l": 1, "step": "x"}'), ('{"k": 1, "l": 2, "step": 2}'), ('{"k": 1, "l": 2, "step": 3}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT selfheal.watch('other', ordering_key => 'l');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
INSERT INTO other_intake VALUES ('{"k": 1, "l": 3, "step": 4}');
SELECT step FROM other ORDER BY n;
SELECT * FROM kept('other');
SELECT * FROM incidents('other');

-- more than may wait: a person is told, and they are held all the same
CREATE TABLE many (n serial, k int, step int);
SELECT selfheal.watch('many', ordering_key => 'k');
INSERT INTO many_intake SELECT format('{"k": %s, "step": %s}', g % 2, CASE WHEN g < 2 THEN '"x"' ELSE g::text END) FROM generate_series(0, 20001) g;
INSERT INTO many_intake VALUES ('{"k": 2, "step": "x"}'), ('{"k": 2, "step": 1}'), ('{"k": 3, "step": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM incidents('many');
INSERT INTO many_intake VALUES ('{"k": 1, "step": 30000}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state, reason FROM selfheal.incident WHERE relid = 'many'::regclass AND class = 'awaiting_order';
SELECT key, rows_waiting, over_limit FROM selfheal.waiting WHERE table_name = 'ordering.many' ORDER BY key;
INSERT INTO many_intake VALUES ('{"k": 0, "step": 40000}'), ('{"k": 4, "step": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state, reason FROM selfheal.incident WHERE relid = 'many'::regclass AND class = 'awaiting_order';
SELECT count(*) FROM many;
SELECT selfheal.discard(i.id, 'no numbers', 3) FROM selfheal.incident i WHERE relid = 'many'::regclass AND class = 'wrong_type';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT k, count(*), array_agg(step ORDER BY n) = array_agg(step ORDER BY step) AS in_order FROM many GROUP BY k ORDER BY k;
SELECT * FROM incidents('many');

-- rows of one key by two roles, in turn: one after the other all the same
CREATE ROLE regress_ordering_a;
CREATE ROLE regress_ordering_b;
CREATE TABLE shared (n serial, k int, v varchar(3), step int);
SELECT selfheal.watch('shared', 'observe', ordering_key => 'k');
GRANT USAGE ON SCHEMA ordering TO regress_ordering_a, regress_ordering_b;
GRANT INSERT ON shared, shared_intake TO regress_ordering_a, regress_ordering_b;
GRANT USAGE ON SEQUENCE shared_n_seq TO regress_ordering_a, regress_ordering_b;
DO $$ BEGIN
	FOR i IN 1 .. 6 LOOP
		EXECUTE format('SET LOCAL ROLE regress_ordering_%s', CASE WHEN i % 2 = 0 THEN 'a' ELSE 'b' END);
		INSERT INTO shared_intake VALUES (format('{"k": 1, "step": %s, "v": "%s"}', i, CASE WHEN i IN (1, 4) THEN 'long' ELSE 'ok' END));
		RESET ROLE;
	END LOOP;
END $$;
SELECT class, key, payload FROM kept('shared');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
REVOKE INSERT ON shared FROM regress_ordering_a;
ALTER TABLE shared ALTER v TYPE text;
SELECT selfheal.watch('shared', 'auto');
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT step FROM shared ORDER BY n;
SELECT class, payload FROM kept('shared');
-- (a GRANT alone is enough: it is tried again)
BEGIN;
GRANT INSERT ON shared TO regress_ordering_a;
SELECT selfheal.retry(id) FROM selfheal.incident WHERE relid = 'shared'::regclass AND state NOT IN ('healed', 'dismissed');
COMMIT;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT step FROM shared ORDER BY n;
SELECT * FROM incidents('shared');

-- update: an older row that was held no longer goes over a newer one
CREATE TABLE latest (id int PRIMARY KEY, v varchar(3), at int);
SELECT selfheal.watch('latest', on_conflict => 'update', ordering_key => 'id');
SELECT selfheal.pause('latest');
INSERT INTO latest_intake VALUES ('{"id": 1, "v": "old", "at": 1}'), ('{"id": 1, "v": "older", "at": 2}'), ('{"id": 1, "v": "new", "at": 3}'), ('{"id": 2, "v": "a", "at": 1}');
INSERT INTO latest_intake VALUES ('{"id": 1, "at": 4}');
SELECT * FROM latest ORDER BY id;
SELECT selfheal.resume('latest');
SELECT selfheal.wait_idle('180s') -> 'held' >= '0' AS done;
SELECT * FROM latest ORDER BY id;

-- what the contract discards does not block; a row it would discard is not held
CREATE TABLE given_up (n serial, k int, step int);
SELECT selfheal.watch('given_up', 'observe', ordering_key => 'k');
SELECT selfheal.set_contract('given_up', types => 'discard_row');
INSERT INTO given_up_intake VALUES ('{"k": 1, "step": "x"}'), ('{"k": 1, "step": 2}'), ('{"k": 1, "new": 1}'), ('{"k": 1, "step": "y"}'), ('{"k": 1, "step": 3}');
SELECT k, step FROM given_up ORDER BY n;
SELECT * FROM kept('given_up');
-- held rows that it gives up free their keys
SELECT selfheal.set_contract('given_up', columns => 'discard_row');
SELECT held FROM selfheal.replay('given_up') AS r (replayed, held);
SELECT k, step FROM given_up ORDER BY n;
-- a value it leaves out is no key
SELECT selfheal.set_contract('given_up', columns => 'evolve', types => 'discard_value');
INSERT INTO given_up_intake VALUES ('{"k": "x", "step": 4, "new": 1}'), ('{"k": 5, "step": "y"}'), ('{"k": 5, "step": 5}');
SELECT k, step FROM given_up ORDER BY n;
SELECT * FROM kept('given_up');

-- a load that is sent again holds its rows once; limits count rows that wait
CREATE TABLE limited (n serial, k int, step int);
SELECT selfheal.watch('limited', 'observe', ordering_key => 'k');
SET selfheal.load_id = 'monday';
INSERT INTO limited_intake VALUES ('{"k": 1, "step": "x"}'), ('{"k": 1, "step": 2}'), ('{"k": 2, "step": 1}');
SET selfheal.load_id = 'monday';
INSERT INTO limited_intake VALUES ('{"k": 1, "step": "x"}'), ('{"k": 1, "step": 2}'), ('{"k": 2, "step": 1}'), ('{"k": 1, "step": 3}');
RESET selfheal.load_id;
SELECT * FROM kept('limited');
SELECT stored, held, already FROM selfheal.load WHERE relid = 'limited'::regclass ORDER BY id;
SELECT selfheal.watch('limited', reject_limit => 2);
\set VERBOSITY sqlstate
INSERT INTO limited_intake VALUES ('{"k": 1, "step": 4}'), ('{"k": 1, "step": 5}');
INSERT INTO limited_intake VALUES ('{"k": 1, "step": 6}'), ('{"k": 1, "step": 7}'), ('{"k": 1, "step": 8}');
SELECT count(*) FROM kept('limited');

-- rolled back is not held
SELECT selfheal.watch('limited', reject_limit => 'none');
BEGIN;
INSERT INTO limited_intake VALUES ('{"k": 9, "step": "x"}'), ('{"k": 9, "step": 2}');
SAVEPOINT s;
INSERT INTO limited_intake VALUES ('{"k": 9, "step": 3}');
ROLLBACK TO s;
SELECT key, payload FROM kept('limited') WHERE key = '9';
ROLLBACK;
INSERT INTO limited_intake VALUES ('{"k": 9, "step": 4}');
SELECT k, step FROM limited WHERE k = 9;
-- a snapshot of before sees rows that are held by now
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT count(*) FROM limited;
INSERT INTO limited_intake VALUES ('{"k": 10, "step": "x"}');
INSERT INTO limited_intake VALUES ('{"k": 10, "step": 2}');
COMMIT;
SELECT class, payload FROM kept('limited') WHERE key = '10';

-- partitions; a table that takes the SQL way
CREATE TABLE parts (n serial, k int, day date, step int) PARTITION BY RANGE (day);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
SELECT selfheal.watch('parts', 'observe', ordering_key => 'k');
INSERT INTO parts_intake VALUES ('{"k": 1, "day": "2026-03-01", "step": 1}'), ('{"k": 1, "day": "2026-01-01", "step": 2}'), ('{"k": 2, "day": "2026-01-01", "step": 1}');
SELECT k, step FROM parts ORDER BY n;
SELECT class, key FROM kept('parts');
CREATE TABLE parts_3 PARTITION OF parts FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
SELECT held FROM selfheal.replay('parts') AS r (replayed, held);
SELECT k, step FROM parts ORDER BY n;
CREATE TABLE ruled (n serial, k int, step int CHECK (step > 0));
CREATE TABLE ruled_log (k int);
CREATE RULE logged AS ON INSERT TO ruled DO ALSO INSERT INTO ruled_log VALUES (NEW.k);
SELECT selfheal.watch('ruled', 'observe', ordering_key => 'k');
INSERT INTO ruled_intake VALUES ('{"k": 1, "step": 0}'), ('{"k": 2, "step": 0}'), ('{"k": 1, "step": 2}'), ('{"k": 3, "step": 1}'), ('{"k": 2, "step": 3}');
SELECT k, step FROM ruled ORDER BY n;
SELECT class, key FROM kept('ruled');

-- what is no ordering key
CREATE TABLE bad (id int, g int GENERATED ALWAYS AS (id + 1) STORED, i int GENERATED ALWAYS AS IDENTITY, j json, x xml, p point, a int[], dropped int);
ALTER TABLE bad DROP dropped;
\set VERBOSITY terse
SELECT selfheal.watch('bad', ordering_key => 'nothing');
SELECT selfheal.watch('bad', ordering_key => 'dropped');
SELECT selfheal.watch('bad', ordering_key => 'ctid');
SELECT selfheal.watch('bad', ordering_key => 'g');
SELECT selfheal.watch('bad', ordering_key => 'i');
SELECT selfheal.watch('bad', ordering_key => 'j');
SELECT selfheal.watch('bad', ordering_key => 'p');
SELECT selfheal.watch('bad', ordering_key => 'id, ID');
SELECT selfheal.watch('bad', ordering_key => 'id,');
SELECT selfheal.watch('bad', ordering_key => '"id');
SELECT selfheal.watch('bad', ordering_key => 'id id');
SELECT selfheal.watch('bad', ordering_key => '"ID"');
SELECT selfheal.watch('bad', ordering_key => 'id'';DROP TABLE bad');
SELECT count(*) FROM selfheal.watched WHERE relid = 'bad'::regclass;
SELECT selfheal.watch('bad', 10::bigint, ordering_key => 'a');
SELECT reject_limit, ordering_key FROM selfheal.watched WHERE relid = 'bad'::regclass;
-- a type that tells nothing any more: no order
ALTER TABLE bad ALTER a TYPE json USING NULL;
SELECT selfheal.ingest('bad', ARRAY['{"a": [1], "id": "x"}', '{"a": [1], "id": 2}']);

SET client_min_messages = error;
SELECT selfheal.unwatch_all() > 0 AS done;
DROP SCHEMA ordering CASCADE;
DROP ROLE regress_ordering_a, regress_ordering_b;
