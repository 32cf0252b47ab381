--
-- Rows that wait: for the row that they refer to, for a person, for nothing
-- (dismissed). What ends the wait, and what does not.
--
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA waiting;
SET search_path = waiting;
CREATE FUNCTION states(want regclass) RETURNS TABLE (class text, state text, reason_kind text, reason text, held bigint) LANGUAGE sql AS
$$ SELECT i.class, i.state, i.reason_kind, regexp_replace(i.reason, 'retry\(\d+\)', 'retry(N)'),
	(SELECT count(*) FROM selfheal.held h WHERE h.incident = i.id)
	FROM selfheal.incident i WHERE i.relid = want ORDER BY i.id $$;
CREATE FUNCTION kept(want text) RETURNS TABLE (payload text, class text, waits_for text) LANGUAGE sql AS
$$ SELECT payload, class, waits_for FROM selfheal.quarantined WHERE table_name = 'waiting.' || want AND state = 'held' ORDER BY id $$;
\set idle 'SELECT selfheal.wait_idle(''180s'') ->> ''idle'' AS idle;'

-- the incident says what it waits for; nothing of it needs a person
CREATE TABLE country (code text PRIMARY KEY);
CREATE TABLE customer (id int PRIMARY KEY, country text REFERENCES country);
CREATE TABLE item (shop int, id int, PRIMARY KEY (shop, id));
CREATE TABLE orders (id serial, customer int REFERENCES customer, item_shop int, item int, gift int REFERENCES customer DEFERRABLE INITIALLY DEFERRED,
	FOREIGN KEY (item_shop, item) REFERENCES item (shop, id));
SELECT selfheal.watch('orders'), selfheal.watch('customer');
INSERT INTO orders_intake VALUES
	('{"customer": 1}'), ('{"customer": 1, "gift": 2}'), ('{"customer": 2, "item_shop": 1, "item": 7}'),
	('{"item_shop": 1, "item": 7}'), ('{"item_shop": 1, "item": null}'), ('{"customer": 3}');
:idle
SELECT * FROM states('orders');
SELECT waiting FROM selfheal.incidents WHERE table_name = 'waiting.orders';
SELECT * FROM kept('orders');
SELECT attempts, next_try > now() AS later FROM selfheal.incidents WHERE table_name = 'waiting.orders';
SELECT event, result FROM selfheal.history WHERE table_name = 'waiting.orders' ORDER BY id;

-- a plain statement: what it brings goes in, the others are not tried. The
-- sequence shows who was: those two that are stored, nobody else
SELECT last_value FROM orders_id_seq \gset before_
INSERT INTO customer VALUES (1);
:idle
SELECT customer, item, gift FROM orders ORDER BY id;
SELECT last_value - :before_last_value AS tried FROM orders_id_seq;
SELECT reason FROM states('orders');
-- several keys of one row: all must be there
INSERT INTO customer VALUES (2);
:idle
SELECT payload FROM kept('orders');
WITH i AS (INSERT INTO item VALUES (1, 7) RETURNING shop) SELECT count(*) FROM i;
:idle
SELECT payload FROM kept('orders');
-- COPY
COPY customer FROM STDIN;
3	\N
\.
:idle
SELECT * FROM states('orders');
SELECT count(*), count(DISTINCT id) FROM orders;

-- grandchildren: a chain goes in when its first comes, by the parents' own intake
INSERT INTO orders_intake VALUES ('{"customer": 10}');
INSERT INTO customer_intake VALUES ('{"id": 10, "country": "nl"}');
:idle
SELECT class, state, reason FROM states('orders') OFFSET 1;
SELECT class, state, reason FROM states('customer');
INSERT INTO country VALUES ('nl');
:idle
SELECT class, state FROM states('orders') UNION ALL SELECT class, state FROM states('customer');

-- an UPDATE of the key, a function's INSERT, a trigger's
INSERT INTO orders_intake VALUES ('{"customer": 20}'), ('{"customer": 21}'), ('{"customer": 22}');
:idle
INSERT INTO customer VALUES (19);
UPDATE customer SET id = 20 WHERE id = 19;
:idle
SELECT payload FROM kept('orders');
CREATE FUNCTION add_customer(int) RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO waiting.customer VALUES ($1); END $$;
SELECT add_customer(21);
:idle
SELECT payload FROM kept('orders');
CREATE TABLE arrivals (id int);
CREATE FUNCTION arrive() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO waiting.customer VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER arrive BEFORE INSERT ON arrivals FOR EACH ROW EXECUTE FUNCTION arrive();
INSERT INTO arrivals VALUES (22);
:idle
SELECT payload FROM kept('orders');

-- what is rolled back has not come; what a savepoint kept has
INSERT INTO orders_intake VALUES ('{"customer": 30}'), ('{"customer": 31}');
:idle
BEGIN;
INSERT INTO customer VALUES (30);
ROLLBACK;
BEGIN;
SAVEPOINT a;
INSERT INTO customer VALUES (30);
ROLLBACK TO a;
INSERT INTO customer VALUES (31);
COMMIT;
:idle
SELECT payload FROM kept('orders');
-- a parent that goes again before anybody looked is waited for on
BEGIN;
INSERT INTO customer VALUES (30);
DELETE FROM customer WHERE id = 30;
COMMIT;
:idle
SELECT * FROM states('orders') OFFSET 4;
SELECT count(*) FROM customer WHERE id = 30;
DELETE FROM customer WHERE id = 19;
TRUNCATE arrivals;
:idle
SELECT payload FROM kept('orders');
INSERT INTO customer VALUES (30);
:idle

-- partitioned on both sides; into a leaf, and through the root
CREATE TABLE pp (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
CREATE TABLE pp1 PARTITION OF pp FOR VALUES FROM (0) TO (10);
CREATE TABLE pp2 (v text, id int NOT NULL);
ALTER TABLE pp ATTACH PARTITION pp2 FOR VALUES FROM (10) TO (20);
CREATE TABLE pc (id int, p int REFERENCES pp, leaf int REFERENCES pp1 (id)) PARTITION BY HASH (id);
CREATE TABLE pc0 PARTITION OF pc FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE pc1 PARTITION OF pc FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT selfheal.watch('pc');
INSERT INTO pc_intake SELECT format('{"id": %s, "p": %s}', g, g % 3 + 9) FROM generate_series(1, 9) g;
INSERT INTO pc_intake VALUES ('{"id": 10, "leaf": 5}');
:idle
SELECT reason FROM states('pc');
INSERT INTO pp2 VALUES ('x', 11);
:idle
SELECT count(*) FROM pc;
INSERT INTO pp VALUES (9), (5);
:idle
SELECT count(*) FROM pc;
INSERT INTO pp VALUES (10);
:idle
SELECT state, held FROM states('pc');
SELECT count(*), count(DISTINCT id) FROM pc;

-- a table that is its own parent: level by level, and a circle that only
-- holds when all of it goes in
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree);
SELECT selfheal.watch('tree');
INSERT INTO tree_intake VALUES ('{"id": 4, "up": 3}'), ('{"id": 3, "up": 2}');
INSERT INTO tree_intake VALUES ('{"id": 2, "up": 1}');
INSERT INTO tree_intake VALUES ('{"id": 8, "up": 9}');
:idle
SELECT state, held FROM states('tree');
INSERT INTO tree_intake VALUES ('{"id": 1}');
:idle
SELECT id FROM tree ORDER BY id;
INSERT INTO tree_intake VALUES ('{"id": 9, "up": 8}');
:idle
SELECT payload FROM kept('tree');
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'waiting.tree' AND state = 'awaiting_parent';
:idle
SELECT payload FROM kept('tree');
SELECT id FROM tree ORDER BY id;

-- a trigger that gives the row its key: a query cannot tell, the row itself can
CREATE TABLE keyed (id int, customer int DEFAULT 40 REFERENCES customer);
CREATE FUNCTION other_key() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.customer := NEW.customer + 1; RETURN NEW; END $$;
CREATE TRIGGER other_key BEFORE INSERT ON keyed FOR EACH ROW EXECUTE FUNCTION other_key();
SELECT selfheal.watch('keyed');
INSERT INTO keyed_intake VALUES ('{"id": 1, "customer": 40}'), ('{"id": 2}');
:idle
SELECT reason FROM states('keyed');
INSERT INTO customer VALUES (41);
:idle
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'waiting.keyed' AND state = 'awaiting_parent';
:idle
SELECT * FROM keyed ORDER BY id;

-- a foreign key of another table, into which a trigger writes; and one that
-- nobody has, which waits for a person
CREATE TABLE side (customer int CONSTRAINT side_customer REFERENCES customer);
CREATE FUNCTION to_side() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.id = 99 THEN RAISE EXCEPTION 'no such thing' USING ERRCODE = '23503'; END IF; INSERT INTO waiting.side VALUES (NEW.id); RETURN NEW; END $$;
CREATE TABLE front (id int);
CREATE TRIGGER to_side BEFORE INSERT ON front FOR EACH ROW EXECUTE FUNCTION to_side();
SELECT selfheal.watch('front');
INSERT INTO front_intake VALUES ('{"id": 50}');
:idle
SELECT * FROM states('front');
INSERT INTO customer VALUES (50);
:idle
SELECT * FROM states('front');
INSERT INTO front_intake VALUES ('{"id": 99}');
:idle
SELECT * FROM states('front') OFFSET 1;

-- paused and observed tables: looked at when that ends
INSERT INTO orders_intake VALUES ('{"customer": 60}');
:idle
SELECT selfheal.pause('orders');
INSERT INTO customer VALUES (60);
:idle
SELECT count(*) FROM orders WHERE customer = 60;
SELECT selfheal.resume('orders');
:idle
SELECT count(*) FROM orders WHERE customer = 60;

-- the constraint goes: so does what was waited for
CREATE TABLE free (id int, customer int CONSTRAINT free_fk REFERENCES customer);
SELECT selfheal.watch('free');
INSERT INTO free_intake VALUES ('{"id": 1, "customer": 70}');
:idle
ALTER TABLE free DROP CONSTRAINT free_fk;
:idle
SELECT * FROM free;

-- rows of other classes in the same load have their own way; new ones join
CREATE TABLE mixed (id int, v varchar(3), customer int REFERENCES customer);
SELECT selfheal.watch('mixed');
INSERT INTO mixed_intake VALUES ('{"id": 1, "v": "long", "customer": 80}'), ('{"id": 2, "v": "long", "customer": 1}'), ('{"id": 3, "customer": 80}');
:idle
SELECT * FROM states('mixed');
INSERT INTO mixed_intake VALUES ('{"id": 4, "customer": 81}');
INSERT INTO customer VALUES (80), (81);
:idle
SELECT state, held FROM states('mixed');
SELECT id, v FROM mixed ORDER BY id;

--
-- duplicates, by each door: equal is there, different is held
--
CREATE TABLE dup (a int PRIMARY KEY, b int UNIQUE, c text, at timestamptz DEFAULT clock_timestamp(), n serial, twice int GENERATED ALWAYS AS (a * 2) STORED);
SELECT selfheal.watch('dup');
INSERT INTO dup_intake VALUES ('{"a": 1, "b": 1, "c": "x"}');
INSERT INTO dup_intake VALUES ('{"a": 1, "b": 1, "c": "x"}'), ('{"a": 1, "b": 1, "c": "y"}'), ('{"a": 2, "b": 1, "c": "x"}'), ('{"a": 1, "c": "x"}');
SELECT count(*) FROM selfheal.ingest('dup', ARRAY['{"a": 1, "b": 1}']);
COPY dup_intake FROM STDIN (FORMAT ndjson);
{"b": 1, "a": 1, "c": "x"}
\.
:idle
SELECT a, b, c, twice FROM dup;
SELECT payload, class, waits_for FROM kept('dup');
SELECT * FROM states('dup');
-- a row that was held for another reason meets one that came meanwhile
BEGIN;
INSERT INTO dup_intake VALUES ('{"a": 5, "b": 5, "c": "x", "k": 1}');
INSERT INTO dup VALUES (5, 5, 'x');
COMMIT;
:idle
SELECT payload, class FROM kept('dup') OFFSET 2;
-- a partial index: only rows within it are met; an expression, through which
-- nobody looks; a partitioned key
CREATE TABLE part (id int, live boolean DEFAULT true, v text);
CREATE UNIQUE INDEX ON part (id) WHERE live;
CREATE TABLE expr (v text);
CREATE UNIQUE INDEX ON expr (lower(v));
CREATE TABLE hashed (id int PRIMARY KEY, v text) PARTITION BY HASH (id);
CREATE TABLE hashed0 PARTITION OF hashed FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT selfheal.watch('part'), selfheal.watch('expr'), selfheal.watch('hashed');
INSERT INTO part_intake VALUES ('{"id": 1, "live": false, "v": "a"}'), ('{"id": 1, "v": "b"}');
INSERT INTO part_intake VALUES ('{"id": 1, "v": "a"}'), ('{"id": 1, "v": "b"}'), ('{"id": 1, "live": true, "v": "a"}');
INSERT INTO expr_intake VALUES ('{"v": "a"}');
INSERT INTO expr_intake VALUES ('{"v": "A"}'), ('{"v": "a"}');
INSERT INTO hashed_intake VALUES ('{"id": 1, "v": "a"}');
INSERT INTO hashed_intake VALUES ('{"id": 1, "v": "a"}'), ('{"id": 1, "v": "b"}');
:idle
SELECT payload, class FROM kept('part') UNION ALL SELECT payload, class FROM kept('expr') UNION ALL SELECT payload, class FROM kept('hashed');
-- what excludes it goes: the row goes in when somebody says so
CREATE TABLE room (during int4range, EXCLUDE USING gist (during WITH &&));
SELECT selfheal.watch('room');
INSERT INTO room_intake VALUES ('{"during": "[1,5)"}');
INSERT INTO room_intake VALUES ('{"during": "[4,6)"}');
:idle
SELECT class, state, reason_kind FROM states('room');
DELETE FROM room;
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'waiting.room';
:idle
SELECT * FROM room;

--
-- dismiss: closed by a person; the rows stay
--
CREATE TABLE dis (id int, v varchar(3), n int CHECK (n > 0));
SELECT selfheal.watch('dis');
INSERT INTO dis_intake VALUES ('{"id": 1, "n": -1}'), ('{"id": 2, "n": -2}');
:idle
SELECT * FROM states('dis');
SELECT id FROM selfheal.incidents WHERE table_name = 'waiting.dis' \gset
\set VERBOSITY sqlstate
SELECT selfheal.dismiss(NULL, 'x');
SELECT selfheal.dismiss(:id, NULL);
SELECT selfheal.dismiss(:id, '  ');
SELECT selfheal.dismiss(-1, 'x');
\set VERBOSITY default
SELECT selfheal.dismiss(:id, 'these come from a test system');
SELECT state, closed_by IS NOT NULL AS by, why, rows_held FROM selfheal.incidents WHERE id = :id;
SELECT * FROM kept('dis');
SELECT event, explanation, result, rows_left FROM selfheal.history WHERE incident = :id ORDER BY id DESC LIMIT 1;
\set VERBOSITY sqlstate
SELECT selfheal.dismiss(:id, 'once more');
\set VERBOSITY default
-- nothing is planned from such rows: their long v widens nothing
CREATE TABLE dis2 (id int, v varchar(3));
SELECT selfheal.watch('dis2', mode => 'propose');
INSERT INTO dis2_intake VALUES ('{"id": 1, "v": "a very long text"}');
:idle
SELECT selfheal.dismiss(id, 'garbage') FROM selfheal.incidents WHERE table_name = 'waiting.dis2';
SELECT 1 AS done FROM selfheal.watch('dis2', mode => 'auto');
INSERT INTO dis2_intake VALUES ('{"id": 2, "v": "five5"}');
:idle
SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'dis2'::regclass AND attname = 'v';
SELECT * FROM kept('dis2');
-- more of the same opens a new incident; retry takes the old rows along
INSERT INTO dis_intake VALUES ('{"id": 3, "n": -3}');
:idle
SELECT class, state, held FROM states('dis');
ALTER TABLE dis DROP CONSTRAINT dis_n_check;
:idle
SELECT id FROM dis ORDER BY id;
SELECT selfheal.retry(:id);
:idle
SELECT id FROM dis ORDER BY id;
SELECT class, state, held FROM states('dis');
\set VERBOSITY sqlstate
SELECT selfheal.retry(:id);
SELECT selfheal.dismiss(:id, 'too late');
\set VERBOSITY default

-- the words stand in a closed list
\set VERBOSITY sqlstate
UPDATE selfheal.incident SET reason_kind = 'because' WHERE state = 'needs_human';
UPDATE selfheal.incident SET reason_kind = NULL WHERE state = 'needs_human';
\set VERBOSITY default
SELECT count(*) AS without FROM selfheal.incident WHERE state = 'needs_human' AND reason IS NULL;

SET search_path = public;
DROP SCHEMA waiting CASCADE;
