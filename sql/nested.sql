--
-- A new partition beside siblings that are partitioned themselves: like the
-- next of them, with all of its partitions by hash, else with those that the
-- held rows need.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA nested;
SET search_path = nested, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
CREATE FUNCTION tree(t regclass) RETURNS TABLE (part text, bound text, by text) LANGUAGE sql AS $$
	SELECT repeat('  ', level - 1) || relname, pg_get_expr(relpartbound, c.oid), pg_get_partkeydef(c.oid)
	FROM pg_partition_tree(t) p JOIN pg_class c ON c.oid = p.relid WHERE level > 0 ORDER BY relname COLLATE "C"
$$;
CREATE FUNCTION why(t regclass) RETURNS TABLE (state text, reason text) LANGUAGE sql AS $$
	SELECT i.state, i.reason FROM selfheal.incident i WHERE i.relid = t ORDER BY i.id
$$;

-- by month, and in each by hash: all of them, though a row needs but one
CREATE TABLE orders (id bigint, at date NOT NULL, note varchar(8) CHECK (note <> 'x'), PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE customers (id bigint PRIMARY KEY);
ALTER TABLE orders ADD customer bigint REFERENCES customers;
CREATE TABLE orders_2026_01 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY HASH (id);
CREATE TABLE orders_2026_01_h0 PARTITION OF orders_2026_01 FOR VALUES WITH (MODULUS 2, REMAINDER 0) WITH (fillfactor = 70);
CREATE TABLE orders_2026_01_h1 PARTITION OF orders_2026_01 FOR VALUES WITH (MODULUS 2, REMAINDER 1) WITH (fillfactor = 70);
CREATE TABLE orders_2026_02 PARTITION OF orders FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY HASH (id);
CREATE TABLE orders_2026_02_h0 PARTITION OF orders_2026_02 FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE orders_2026_02_h1 PARTITION OF orders_2026_02 FOR VALUES WITH (MODULUS 3, REMAINDER 1) WITH (fillfactor = 70);
CREATE TABLE orders_2026_02_h2 PARTITION OF orders_2026_02 FOR VALUES WITH (MODULUS 3, REMAINDER 2) WITH (fillfactor = 80);
SELECT selfheal.watch('orders');
INSERT INTO orders_intake VALUES ('{"id": 1, "at": "2026-02-10"}'), ('{"id": 2, "at": "2026-03-10", "note": "n"}'), ('{"id": 3, "at": "2026-03-11"}'), ('{"id": 4, "at": "2025-12-31"}');
:idle
SELECT * FROM tell('orders');
SELECT * FROM tree('orders');
SELECT sql, inverse, explanation, verdict, forecast -> 'lock' AS lock, forecast -> 'also_locks' AS also, dry_run -> 'held_stored' AS tried FROM selfheal.plan WHERE relid = 'orders'::regclass;
SELECT steps -> 'steps' -> 0 AS step FROM selfheal.plan WHERE relid = 'orders'::regclass;
-- what LIKE and ATTACH bring, and nothing else
SELECT conrelid::regclass, conname, contype FROM pg_constraint WHERE conrelid IN ('orders_2026_03'::regclass, 'orders_2026_03_h1'::regclass) AND contype <> 'n' ORDER BY 1, 2;
SELECT relname, reloptions, relowner = (SELECT relowner FROM pg_class WHERE oid = 'orders'::regclass) AS own FROM pg_class WHERE relname LIKE 'orders_2026_03%' AND relnamespace = 'nested'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1;

-- by region, and in each by month: those that the rows need, like the sibling's or on their raster
CREATE TABLE sales (region text, d date, n int) PARTITION BY LIST (region);
CREATE TABLE sales_north PARTITION OF sales FOR VALUES IN ('north') PARTITION BY RANGE (d);
CREATE TABLE sales_north_2026_01 PARTITION OF sales_north FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE sales_north_2026_02 PARTITION OF sales_north FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT selfheal.watch('sales');
INSERT INTO sales_intake VALUES ('{"region": "south", "d": "2026-02-03", "n": 1}'), ('{"region": "south", "d": "2026-04-03", "n": 2}'), ('{"region": "north", "d": "2026-03-03", "n": 3}'), ('{"region": "west", "d": "2099-04-03", "n": 4}');
:idle
SELECT * FROM tell('sales');
SELECT * FROM tree('sales');
SELECT * FROM why('sales');
-- what comes to it later is beside its own, when a person has looked at what is held
INSERT INTO sales_intake VALUES ('{"region": "south", "d": "2026-05-03", "n": 5}');
SELECT retry('sales');
:idle
SELECT * FROM tree('sales_south');

-- both by one column: days within months, where the month says how far; a default among the sibling's; lists
CREATE TABLE days (at timestamptz, n int) PARTITION BY RANGE (at);
SET TimeZone = 'UTC';
CREATE TABLE days_2026_01 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY RANGE (at);
CREATE TABLE days_2026_01_01 PARTITION OF days_2026_01 FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE days_2026_01_02 PARTITION OF days_2026_01 FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
CREATE TABLE kinds (d date, kind text) PARTITION BY RANGE (d);
CREATE TABLE kinds_1 PARTITION OF kinds FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (kind);
CREATE TABLE kinds_1_ab PARTITION OF kinds_1 FOR VALUES IN ('a', 'b');
CREATE TABLE kinds_1_none PARTITION OF kinds_1 FOR VALUES IN (NULL);
CREATE TABLE kinds_1_rest PARTITION OF kinds_1 DEFAULT;
SELECT selfheal.watch('days'), selfheal.watch('kinds');
INSERT INTO days_intake VALUES ('{"at": "2026-02-27 10:00", "n": 1}'), ('{"at": "2026-02-28 23:59:59", "n": 2}');
INSERT INTO kinds_intake VALUES ('{"d": "2026-02-01", "kind": "b"}'), ('{"d": "2026-02-02", "kind": "zz"}'), ('{"d": "2026-03-02"}');
:idle
SELECT * FROM tell('days');
SELECT count(*) FROM selfheal.plan WHERE relid = 'days'::regclass AND state = 'applied';
SELECT * FROM tree('days');
SELECT * FROM tell('kinds');
SELECT * FROM tree('kinds');
SELECT * FROM why('kinds');

-- asked for by a person: rows of the default partition move; all of the sibling's
CREATE TABLE moved (k int, id int) PARTITION BY LIST (k);
CREATE TABLE moved_1 PARTITION OF moved FOR VALUES IN (1) PARTITION BY HASH (id);
CREATE TABLE moved_1_0 PARTITION OF moved_1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE moved_rest PARTITION OF moved DEFAULT;
INSERT INTO moved VALUES (2, 1), (2, 2), (3, 3);
SELECT selfheal.watch('moved');
SELECT verdict, reason FROM selfheal.propose_partition('moved', '2', 'a region of its own');
SELECT sql FROM selfheal.pending WHERE table_name = 'nested.moved';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'nested.moved';
:idle
SELECT tableoid::regclass, * FROM moved ORDER BY 3;

-- a person is asked: two kinds of siblings, three levels, an end that is none, nothing to learn from
CREATE TABLE both_kinds (r text, d date) PARTITION BY LIST (r);
CREATE TABLE both_a PARTITION OF both_kinds FOR VALUES IN ('a') PARTITION BY RANGE (d);
CREATE TABLE both_b PARTITION OF both_kinds FOR VALUES IN ('b');
CREATE TABLE three (r text, d date, k int) PARTITION BY LIST (r);
CREATE TABLE three_a PARTITION OF three FOR VALUES IN ('a') PARTITION BY RANGE (d);
CREATE TABLE three_a_1 PARTITION OF three_a FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY HASH (k);
CREATE TABLE three_a_1_0 PARTITION OF three_a_1 FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE endless (r text, d date) PARTITION BY LIST (r);
CREATE TABLE endless_a PARTITION OF endless FOR VALUES IN ('a') PARTITION BY RANGE (d);
CREATE TABLE endless_a_1 PARTITION OF endless_a FOR VALUES FROM (MINVALUE) TO ('2026-02-01');
CREATE TABLE emptied (r text, d date) PARTITION BY LIST (r);
CREATE TABLE emptied_a PARTITION OF emptied FOR VALUES IN ('a') PARTITION BY RANGE (d);
SELECT count(selfheal.watch(t::regclass)) FROM unnest('{both_kinds,three,endless,emptied}'::text[]) t;
INSERT INTO both_kinds_intake VALUES ('{"r": "cc", "d": "2026-01-01"}');
INSERT INTO three_intake VALUES ('{"r": "cc", "d": "2026-01-01", "k": 1}');
INSERT INTO endless_intake VALUES ('{"r": "cc", "d": "2026-01-01"}');
INSERT INTO emptied_intake VALUES ('{"r": "cc", "d": "2026-01-01"}');
:idle
SELECT t, why.* FROM unnest('{both_kinds,three,endless,emptied}'::text[]) t, why(t::regclass);
SELECT count(selfheal.discard(q.id, 'end of the test')) > 0 AS discarded FROM selfheal.quarantine q JOIN pg_class c ON c.oid = q.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE q.state = 'held' AND n.nspname = 'nested';
DROP SCHEMA nested CASCADE;
:idle
