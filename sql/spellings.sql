--
-- Other spellings of what a CHECK (column IN (...)) takes: never added to the
-- list, and read as the value that they mean if a person says so.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA spellings;
SET search_path = spellings, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
CREATE VIEW waiting AS SELECT table_name, sql, verdict, policy, rows_waiting FROM selfheal.pending WHERE table_name LIKE 'spellings.%';
CREATE FUNCTION approve(t text) RETURNS void LANGUAGE sql AS $$
	SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'spellings.' || t
$$;

-- case, blanks, one letter: asked about, and never added to the list
CREATE TABLE orders (id int PRIMARY KEY, state varchar(20) CONSTRAINT states CHECK (state IN ('paid', 'shipped', 'cancelled')), kind text CONSTRAINT kinds CHECK (kind = ANY ('{retail,bulk}')));
SELECT selfheal.watch('orders');
INSERT INTO orders_intake VALUES ('{"id": 1, "state": "paid"}'), ('{"id": 2, "state": "Paid"}'), ('{"id": 3, "state": " shipped "}'), ('{"id": 4, "state": "canceled"}'), ('{"id": 5, "state": "shiped", "kind": "BULK"}');
:idle
SELECT * FROM waiting;
SELECT explanation, options FROM selfheal.plan WHERE relid = 'orders'::regclass AND state = 'awaiting_approval';
SELECT approve('orders');
:idle
SELECT * FROM tell('orders');
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'orders'::regclass AND conname = 'states';
-- what was sent is kept, and what comes next is stored at once
SELECT payload, mappings <> '{}' AS by_mapping FROM selfheal.originals WHERE table_name = 'spellings.orders' ORDER BY payload;
INSERT INTO orders_intake VALUES ('{"id": 6, "state": "Paid"}'), ('{"id": 7, "state": "paid", "kind": "BULK"}');
SELECT stored, held FROM selfheal.last_load();
-- a new word takes the round before a spelling; then the spelling joins those that are read
INSERT INTO orders_intake VALUES ('{"id": 8, "state": "PAID"}'), ('{"id": 9, "state": "returned"}');
:idle
SELECT sql FROM waiting;
SELECT approve('orders');
:idle
SELECT sql FROM waiting;
SELECT approve('orders');
:idle
SELECT * FROM tell('orders');
SELECT column_name, args -> 'words' AS words, state FROM selfheal.mapping WHERE relid = 'orders'::regclass ORDER BY id;
-- a person puts the word into the list after all: it is stored as it is sent; without the list everything is
ALTER TABLE orders DROP CONSTRAINT states, ADD CONSTRAINT states CHECK (state IN ('paid', 'shipped', 'cancelled', 'returned', 'PAID'));
INSERT INTO orders_intake VALUES ('{"id": 10, "state": "PAID"}'), ('{"id": 11, "state": "Paid"}');
ALTER TABLE orders DROP CONSTRAINT states;
INSERT INTO orders_intake VALUES ('{"id": 12, "state": "PAID"}'), ('{"id": 13, "state": "Paid"}'), ('{"id": 14, "state": "paid", "kind": "BULK"}');
SELECT id, state, kind FROM orders WHERE id >= 10 ORDER BY id;
-- undone by one call
SELECT selfheal.remove_mapping(id) FROM selfheal.mapping WHERE relid = 'orders'::regclass AND column_name = 'kind' AND state = 'active';
INSERT INTO orders_intake VALUES ('{"id": 15, "kind": "BULK"}');
:idle
SELECT sql FROM waiting;
SELECT what, "row" FROM tell('orders') WHERE what <> 'stored';

-- a person says it himself; what no list bounds, or what it does not have, is refused
CREATE DOMAIN word AS text;
CREATE TABLE said (id int, state text CHECK (state IN ('open', 'done')), free text, wide word CHECK (wide IN ('open', 'done')), n int CHECK (n IN (1, 2)), old text, twice text CHECK (twice IN ('aa', 'bb')), CONSTRAINT other CHECK (twice IN ('bb', 'cc')));
INSERT INTO said (id, old) VALUES (1, 'Aa');
ALTER TABLE said ADD CONSTRAINT olds CHECK (old IN ('aa')) NOT VALID;
SELECT selfheal.watch('said');
\set VERBOSITY terse
SELECT selfheal.add_mapping('said', 'map_value', 'state', '{"words": {"finished": "done"}}') > 0 AS added;
SELECT selfheal.add_mapping('said', 'map_value', 'state', '{"words": {"finished": "over"}}');
SELECT selfheal.add_mapping('said', 'map_value', 'state', '{"words": {"open": "done"}}');
SELECT selfheal.add_mapping('said', 'map_value', 'free', '{"words": {"a": "b"}}');
SELECT selfheal.add_mapping('said', 'map_value', 'wide', '{"words": {"Open": "open"}}');
SELECT selfheal.add_mapping('said', 'map_value', 'n', '{"words": {"one": "1"}}');
SELECT selfheal.add_mapping('said', 'map_value', 'old', '{"words": {"Aa": "aa"}}');
SELECT selfheal.add_mapping('said', 'map_value', 'twice', '{"words": {"Aa": "aa"}}');
SELECT selfheal.add_mapping('said', 'map_value', 'twice', '{"words": {"aa": "bb"}}') > 0 AS added;
\set VERBOSITY default
INSERT INTO said_intake VALUES ('{"id": 2, "state": "finished"}'), ('{"id": 3, "twice": "aa"}');
:idle
SELECT * FROM said ORDER BY id;
-- a list that was never validated is not asked about: stored rows may have the word
INSERT INTO said_intake VALUES ('{"id": 4, "old": "AA"}');
:idle
SELECT sql FROM waiting;
-- no word for a person under a contract that keeps types either is void: a list is no type
CREATE TABLE kept (id int, state text CHECK (state IN ('open', 'done')));
SELECT selfheal.watch('kept'), selfheal.set_contract('kept', types => 'freeze');
INSERT INTO kept_intake VALUES ('{"id": 1, "state": "Open"}');
:idle
SELECT approve('kept');
:idle
SELECT * FROM tell('kept');
-- partitions have the list of their root
CREATE TABLE parted (id int, state text CHECK (state IN ('open', 'done'))) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
SELECT selfheal.watch('parted');
INSERT INTO parted_intake VALUES ('{"id": 1, "state": "Open"}');
:idle
SELECT approve('parted');
:idle
SELECT * FROM tell('parted');
-- no: it is not asked again
CREATE TABLE nope (id int, state text CHECK (state IN ('open', 'done')));
SELECT selfheal.watch('nope');
INSERT INTO nope_intake VALUES ('{"id": 1, "state": "Open"}');
:idle
SELECT selfheal.reject(plan_id, 'another state') FROM selfheal.pending WHERE table_name = 'spellings.nope';
:idle
SELECT * FROM tell('nope');
SELECT count(selfheal.discard(q.id, 'end of the test')) > 0 AS discarded FROM selfheal.quarantine q JOIN pg_class c ON c.oid = q.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE q.state = 'held' AND n.nspname = 'spellings';
DROP SCHEMA spellings CASCADE;
:idle
