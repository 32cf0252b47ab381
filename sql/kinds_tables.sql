--
-- Kinds of tables: partitioned, inherited, unlogged, typed; constraints of
-- every kind, row security and column privileges. For each a row that fits, one
-- that drifts, one that the table refuses; the cure; each row stored once.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA kinds_tables;
SET search_path = kinds_tables, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
-- a table as one reads it: its rows, the rows held for it, its incidents, and
-- whether loads and replays account for all of them
CREATE FUNCTION tell(t regclass) RETURNS TABLE (what text, "row" text) LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
BEGIN
	RETURN QUERY EXECUTE format('SELECT ''stored'', "the row"::text FROM %s %s "the row" ORDER BY "the row"::text COLLATE "C"',
		CASE WHEN (SELECT relkind FROM pg_class WHERE oid = t) <> 'p' THEN 'ONLY' END, t);
	GET DIAGNOSTICS rows = ROW_COUNT;
	RETURN QUERY SELECT rtrim(format('held %s %s', e.class, e.column_name)), q.payload
		FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
		WHERE q.relid = t AND q.state = 'held' ORDER BY q.id;
	RETURN QUERY SELECT CASE WHEN i.state = 'failed' THEN 'tried again' ELSE i.state END, string_agg(DISTINCT rtrim(format('%s %s', i.class, i.column_name)) COLLATE "C", ', ')
		FROM selfheal.incident i WHERE i.relid = t GROUP BY 1 ORDER BY 1 DESC;
	IF rows IS DISTINCT FROM (SELECT coalesce(sum(stored), 0) FROM selfheal.load WHERE relid = t)
			+ (SELECT coalesce(sum(r.rows), 0) FROM selfheal.replayed r WHERE r.relid = t) THEN
		RETURN QUERY SELECT 'rows are missing, or stored twice', rows::text;
	END IF;
END $$;
-- how a table's columns are declared
CREATE FUNCTION columns(t regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = t AND attnum > 0 AND NOT attisdropped
$$;
-- a person says: look again
CREATE FUNCTION retry(t regclass) RETURNS void LANGUAGE sql AS $$
	SELECT selfheal.retry(id) FROM selfheal.incident WHERE relid = t AND state IN ('needs_human', 'awaiting_approval')
$$;
-- a person corrects the held row whose payload has this in it
CREATE FUNCTION amend(t regclass, which text, payload text) RETURNS void LANGUAGE sql AS $$
	SELECT selfheal.amend(id, amend.payload, 'corrected') FROM selfheal.quarantine q
	WHERE relid = t AND state = 'held' AND strpos(q.payload, which) > 0
$$;
\set idle 'SELECT selfheal.wait_idle(\'30s\') ->> \'idle\' AS idle;'

-- partitions of partitions, with columns in another order and holes among
-- them, with checks and keys of their own
CREATE TABLE sales (id int NOT NULL, region text, day date, v varchar(3), n smallint) PARTITION BY RANGE (day);
CREATE TABLE sales_25 PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE sales_26 PARTITION OF sales FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (region);
CREATE TABLE sales_26_eu (n smallint, gone text, v varchar(3), day date, also_gone int, region text CHECK (region <> 'nowhere'), id int NOT NULL);
ALTER TABLE sales_26_eu DROP gone, DROP also_gone;
ALTER TABLE sales_26 ATTACH PARTITION sales_26_eu FOR VALUES IN ('eu', 'nowhere', NULL);
CREATE UNIQUE INDEX ON sales_26_eu (id);
ALTER TABLE sales_25 ADD CHECK (n < 100), ALTER v SET NOT NULL;
SELECT selfheal.watch('sales');
COPY sales_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "region": "eu", "day": "2026-05-01", "v": "abc", "n": 1}
{"id": 2, "region": "us", "day": "2025-05-01", "v": "abc", "n": 2}
{"id": 3, "day": "2026-05-01"}
{"id": 4, "region": "eu", "day": "2026-05-01", "v": "abcd"}
{"id": 5, "region": "us", "day": "2025-05-01", "v": "abcd"}
{"id": 6, "region": "eu", "day": "2026-05-01", "n": 40000}
{"id": 7, "region": "eu", "day": "2026-05-01", "k": true}
{"id": 1, "region": "eu", "day": "2026-06-01"}
{"id": 8, "region": "nowhere", "day": "2026-05-01"}
{"id": 9, "day": "2025-05-01", "v": "x", "n": 100}
{"id": 10, "day": "2025-05-01"}
{"id": 11, "day": "2024-05-01"}
{"id": 12, "region": "us", "day": "2026-05-01", "v": "abcd"}
{"id": 13}
{"id": null, "region": "eu", "day": "2026-05-01"}
\.
:idle
SELECT columns('sales'), columns('sales_26_eu');
SELECT * FROM tell('sales');
SELECT tableoid::regclass, count(*) FROM sales GROUP BY 1 ORDER BY tableoid::regclass::text COLLATE "C";
-- the partitions that are missing; a default one that is partitioned itself
BEGIN;
CREATE TABLE sales_26_us PARTITION OF sales_26 FOR VALUES IN ('us');
CREATE TABLE sales_rest PARTITION OF sales DEFAULT PARTITION BY HASH (id);
CREATE TABLE sales_rest_0 PARTITION OF sales_rest FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT retry('sales');
COMMIT;
:idle
SELECT * FROM tell('sales') WHERE what <> 'stored';
SELECT tableoid::regclass, id, region, day, v, n FROM sales WHERE id >= 11 ORDER BY id;
-- loaded while partitions come and go
INSERT INTO sales_intake VALUES ('{"id": 20, "day": "1999-01-01"}');
BEGIN;
ALTER TABLE sales DETACH PARTITION sales_rest;
INSERT INTO sales_intake VALUES ('{"id": 21, "day": "1999-01-01"}'), ('{"id": 22, "region": "us", "day": "2026-01-01"}');
ALTER TABLE sales ATTACH PARTITION sales_rest DEFAULT;
INSERT INTO sales_intake VALUES ('{"id": 23, "day": "1999-01-01"}');
COMMIT;
:idle
SELECT tableoid::regclass, id FROM sales WHERE id >= 20 ORDER BY id;
SELECT retry('sales');
:idle
SELECT tableoid::regclass, id FROM sales WHERE id = 21;
SELECT what, "row" FROM tell('sales') WHERE what <> 'stored' AND what NOT LIKE 'held%';

-- keys over partitions, computed keys, identity on the root
CREATE TABLE keyed (id int GENERATED BY DEFAULT AS IDENTITY, k text, v varchar(3), PRIMARY KEY (k, id)) PARTITION BY LIST (k);
CREATE TABLE keyed_a PARTITION OF keyed FOR VALUES IN ('a');
CREATE TABLE keyed_b PARTITION OF keyed FOR VALUES IN ('b');
SELECT selfheal.watch('keyed');
INSERT INTO keyed_intake VALUES ('{"k": "a"}'), ('{"k": "b", "v": "abcd"}'), ('{"k": "a", "id": 1, "v": "dup"}'), ('{"k": "c"}'), ('{"k": null}'), ('{"k": "b", "id": 1}');
:idle
SELECT k, v, id > 0 AS id FROM keyed ORDER BY k, v;
SELECT * FROM tell('keyed') WHERE what <> 'stored';
BEGIN;
CREATE TABLE keyed_c PARTITION OF keyed FOR VALUES IN ('c');
SELECT amend('keyed', '"id": 1', '{"k": "a", "id": 1000}');
COMMIT;
:idle
SELECT retry('keyed');
:idle
SELECT k, v, CASE WHEN id < 1000 THEN id > 0 END AS id FROM keyed ORDER BY k, v;
SELECT * FROM tell('keyed') WHERE what <> 'stored';
CREATE TABLE hourly (at timestamptz, v varchar(3)) PARTITION BY RANGE (date_part('hour', at AT TIME ZONE 'UTC'));
CREATE TABLE hourly_am PARTITION OF hourly FOR VALUES FROM (0) TO (12);
SELECT selfheal.watch('hourly');
INSERT INTO hourly_intake VALUES ('{"at": "2026-01-01T03:00:00Z"}'), ('{"at": "2026-01-01T03:00:00Z", "v": "abcd"}'), ('{"at": "2026-01-01T15:00:00Z"}'), ('{}');
:idle
SELECT * FROM tell('hourly');

-- more partitions than are written at a time, their rows mixed
CREATE TABLE wide_parent (id int PRIMARY KEY);
INSERT INTO wide_parent VALUES (1);
CREATE TABLE wide (id int, k int, v varchar(3), p int REFERENCES wide_parent) PARTITION BY LIST (k);
SELECT format('CREATE TABLE wide_%s PARTITION OF wide FOR VALUES IN (%s)', i, i) FROM generate_series(0, 39) i \gexec
CREATE INDEX ON wide (v);
SELECT selfheal.watch('wide');
INSERT INTO wide_intake SELECT format('{"id": %s, "k": %s, "p": %s%s}', i, i % 41, CASE WHEN i % 997 = 0 THEN 2 ELSE 1 END, CASE WHEN i % 100 = 7 THEN ', "v": "abcd"' END) FROM generate_series(1, 3000) i;
:idle
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE tableoid <> ('wide_' || k)::regclass) AS misplaced, count(v) FROM wide;
SELECT what, count(*) FROM tell('wide') WHERE what ~ 'held' GROUP BY 1 ORDER BY 1;
SELECT * FROM tell('wide') WHERE what !~ 'held|stored';

-- inheritance: a load goes to the parent alone; its columns are the children's
CREATE TABLE city (id int PRIMARY KEY, name varchar(3));
CREATE TABLE capital (state varchar(2), name varchar(3)) INHERITS (city);
CREATE TABLE village (CHECK (id > 100)) INHERITS (city);
SELECT selfheal.watch('city'), selfheal.watch('capital');
INSERT INTO city_intake VALUES ('{"id": 1, "name": "abc"}'), ('{"id": 2, "name": "abcd"}'), ('{"id": 3, "mayor": "x"}'), ('{"id": 1, "name": "dup"}'), ('{"id": 4, "state": "de"}');
:idle
SELECT columns('city'), columns('village'), columns('capital');
SELECT * FROM tell('city');
-- a child's own column may grow; what it shares with its parent is the parent's
INSERT INTO capital_intake VALUES ('{"id": 1, "state": "de"}'), ('{"id": 2, "state": "usa"}'), ('{"id": 3, "name": "abcdefghijabcdefghijabcdefghijabcdefghij"}'), ('{"id": 4, "zip": 1}');
:idle
SELECT columns('city'), columns('capital');
SELECT * FROM tell('capital');
BEGIN;
ALTER TABLE city ALTER name TYPE text;
ALTER TABLE capital ALTER state TYPE text, ADD zip int;
SELECT retry('capital');
COMMIT;
:idle
SELECT * FROM tell('capital');

-- unlogged, and typed: a typed table's columns are its type's
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, v varchar(3));
CREATE TYPE typ AS (id int, v varchar(3));
CREATE TABLE typed OF typ (PRIMARY KEY (id), v WITH OPTIONS DEFAULT 'def');
SELECT selfheal.watch('unlogged'), selfheal.watch('typed');
INSERT INTO unlogged_intake VALUES ('{"id": 1, "v": "abc"}'), ('{"id": 2, "v": "abcd"}'), ('{"id": 3, "k": 1}'), ('{"id": 1, "v": "dup"}');
INSERT INTO typed_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "abcd"}'), ('{"id": 3, "k": 1}'), ('{"id": 1, "v": "dup"}');
:idle
SELECT relpersistence FROM pg_class WHERE oid = 'unlogged'::regclass;
SELECT * FROM tell('unlogged');
SELECT * FROM tell('typed');
ALTER TYPE typ ALTER ATTRIBUTE v TYPE varchar(10) CASCADE, ADD ATTRIBUTE k int CASCADE;
SELECT retry('typed');
:idle
SELECT * FROM tell('typed');

-- dropped columns before, between and behind; a NOT VALID check; what the
-- table computes for the row by itself
CREATE TABLE holes (a int, id int, b text NOT NULL, v varchar(3) DEFAULT 'def', c int, at timestamptz DEFAULT now());
INSERT INTO holes VALUES (1, 0, 'b', 'bad', 3);
ALTER TABLE holes DROP a, DROP b, DROP c, ADD n int DEFAULT 7, ADD CHECK (v <> 'bad') NOT VALID;
SELECT selfheal.watch('holes');
INSERT INTO holes_intake VALUES ('{"id": 1}'), ('{"id": 2, "n": 8, "v": null}'), ('{"id": 3, "v": "abcd"}'), ('{"id": 4, "v": "bad"}'), ('{"id": 5, "a": 1}'), ('{"id": 6, "c": "x"}');
:idle
SELECT columns('holes');
SELECT to_jsonb(h) - 'at' AS "row", at <= now() AS at FROM holes h ORDER BY id;
SELECT * FROM tell('holes') WHERE what !~ '^(stored|rows)';

-- foreign keys, seen from the child: the parent comes later
CREATE TABLE parent (id int PRIMARY KEY, code varchar(3) UNIQUE);
CREATE TABLE child (id int PRIMARY KEY, p int REFERENCES parent, code varchar(3) REFERENCES parent (code) ON DELETE SET NULL, v varchar(3),
	later int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT selfheal.watch('child'), selfheal.watch('parent');
INSERT INTO parent_intake VALUES ('{"id": 1, "code": "one"}');
INSERT INTO child_intake VALUES
	('{"id": 1, "p": 1, "code": "one", "later": 1}'), ('{"id": 2}'), ('{"id": 3, "p": 2}'), ('{"id": 4, "code": "two"}'), ('{"id": 5, "later": 3}'),
	('{"id": 6, "p": 2, "v": "abcd"}'), ('{"id": 7, "p": 1, "v": "abcd"}'), ('{"id": 8, "code": "four"}'), ('{"id": 9, "p": 9}');
:idle
SELECT * FROM tell('child');
INSERT INTO parent_intake VALUES ('{"id": 2, "code": "two"}'), ('{"id": 3}');
SELECT retry('child');
:idle
SELECT * FROM tell('child');
-- and from the parent: what others refer to is widened with a person's word
INSERT INTO parent_intake VALUES ('{"id": 1, "code": "dup"}'), ('{"id": 4, "code": "four"}'), ('{"id": 3000000000}'), ('{"id": 5, "k": 1}');
:idle
SELECT * FROM tell('parent');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name IN ('kinds_tables.parent', 'kinds_tables.child') ORDER BY plan_id;
:idle
SELECT columns('parent'), columns('child');
SELECT * FROM tell('parent');
SELECT retry('child');
:idle
SELECT * FROM tell('child');
-- each the other's parent; a table that is its own; of two columns
CREATE TABLE hen (id int PRIMARY KEY, egg int);
CREATE TABLE egg (id int PRIMARY KEY, hen int REFERENCES hen DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE hen ADD FOREIGN KEY (egg) REFERENCES egg DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE tree (a int, b int, up_a int, up_b int, v varchar(3), PRIMARY KEY (a, b), FOREIGN KEY (up_a, up_b) REFERENCES tree);
SELECT selfheal.watch('hen'), selfheal.watch('egg'), selfheal.watch('tree');
BEGIN;
INSERT INTO hen_intake VALUES ('{"id": 1, "egg": 1}'), ('{"id": 2}');
INSERT INTO egg_intake VALUES ('{"id": 1, "hen": 2}'), ('{"id": 2, "hen": 1}');
COMMIT;
:idle
SELECT * FROM tell('hen');
SELECT * FROM tell('egg');
SELECT retry('hen');
:idle
SELECT retry('egg');
:idle
SELECT * FROM tell('hen');
SELECT * FROM tell('egg');
COPY tree_intake FROM STDIN (FORMAT ndjson);
{"a": 2, "b": 1, "up_a": 1, "up_b": 1}
{"a": 1, "b": 1}
{"a": 3, "b": 1, "up_a": 4, "up_b": 1}
{"a": 4, "b": 1, "v": "abcd"}
{"a": 5, "b": 1, "up_a": 9}
{"a": 6, "b": 1, "up_a": 9, "up_b": 9}
\.
:idle
SELECT retry('tree');
:idle
SELECT * FROM tell('tree');
-- to and from partitioned tables
CREATE TABLE pparent (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE pparent_1 PARTITION OF pparent FOR VALUES FROM (0) TO (10);
CREATE TABLE pchild (id int, p int REFERENCES pparent, q int REFERENCES parent) PARTITION BY RANGE (id);
CREATE TABLE pchild_1 PARTITION OF pchild FOR VALUES FROM (0) TO (100);
INSERT INTO pparent VALUES (1);
SELECT selfheal.watch('pchild');
INSERT INTO pchild_intake SELECT format('{"id": %s, "p": %s, "q": %s}', i, CASE i WHEN 7 THEN 2 ELSE 1 END, CASE i WHEN 8 THEN 77 ELSE 1 END) FROM generate_series(1, 12) i;
:idle
SELECT * FROM tell('pchild') WHERE what <> 'stored';
INSERT INTO pparent VALUES (2);
INSERT INTO parent VALUES (77);
SELECT retry('pchild');
:idle
SELECT count(*), count(DISTINCT id) FROM pchild;
SELECT * FROM tell('pchild') WHERE what <> 'stored';

-- names that must be quoted, in all that is asked about parents and stored rows
CREATE TABLE "Par ent" ("I""d" int, "select" text, PRIMARY KEY ("select", "I""d"));
CREATE TABLE "Chi ld" ("I d" int PRIMARY KEY, "P d" int, "from" text, "v v" varchar(3), FOREIGN KEY ("from", "P d") REFERENCES "Par ent" ("select", "I""d"));
INSERT INTO "Par ent" VALUES (1, 'a'), (2, 'b');
SELECT selfheal.watch('"Chi ld"', on_conflict => 'skip_identical');
SELECT * FROM selfheal.ingest('"Chi ld"', (SELECT array_agg(format('{"I d": %s, "P d": %s, "from": "%s", "v v": "%s"}', i, 1 + i % 2, CASE WHEN i % 20 = 0 THEN 'c' WHEN i % 2 = 1 THEN 'b' ELSE 'a' END,
	CASE WHEN i % 33 = 0 THEN 'long' ELSE 'abc' END)) FROM generate_series(1, 300) i));
:idle
SELECT * FROM selfheal.ingest('"Chi ld"', ARRAY['{"I d": 1, "P d": 2, "from": "b", "v v": "abc"}', '{"I d": 1, "v v": "xyz"}', '{"I d": 2}']);
:idle
SELECT count(*), count(DISTINCT "I d"), count(*) FILTER (WHERE "v v" = 'long') AS long FROM "Chi ld";
SELECT what, count(*) FROM tell('"Chi ld"') WHERE what ~ 'held' GROUP BY 1 ORDER BY 1;

-- unique and exclusion constraints: on expressions, partial, nulls, deferred
CREATE TABLE uniq (id int, e text, part int, live bool, nn int UNIQUE NULLS NOT DISTINCT, d int UNIQUE DEFERRABLE INITIALLY DEFERRED, di int UNIQUE DEFERRABLE,
	r int4range, x int4range, EXCLUDE USING gist (r WITH &&), EXCLUDE USING gist (x WITH &&) WHERE (live) DEFERRABLE INITIALLY DEFERRED);
CREATE UNIQUE INDEX ON uniq (lower(e));
CREATE UNIQUE INDEX ON uniq (part) WHERE live;
SELECT selfheal.watch('uniq');
COPY uniq_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "e": "A", "part": 1, "live": true, "nn": 1, "d": 1, "di": 1, "r": "[1,5)", "x": "[1,5)"}
{"id": 2}
{"id": 3}
{"id": 4, "e": "a", "nn": 4}
{"id": 5, "part": 1, "nn": 5}
{"id": 6, "part": 1, "live": true, "nn": 6}
{"id": 7, "d": 1, "nn": 7}
{"id": 8, "di": 1, "nn": 8}
{"id": 9, "r": "[4,6)", "nn": 9}
{"id": 10, "x": "[4,6)", "nn": 10}
{"id": 11, "x": "[4,6)", "live": true, "nn": 11}
\.
:idle
SELECT * FROM tell('uniq');
-- who stands in the way goes; the first of two goes in
DELETE FROM uniq WHERE id IN (1, 2);
SELECT retry('uniq');
:idle
SELECT * FROM tell('uniq') WHERE what !~ '^rows';
-- a check over several columns, one that calls a function, a constraint trigger
CREATE FUNCTION odd(n int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN n % 2 = 1; END $$;
CREATE FUNCTION balanced() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT sum(amount) FROM kinds_tables.ledger WHERE tx = NEW.tx) <> 0 THEN
		RAISE EXCEPTION 'not balanced' USING ERRCODE = 'check_violation';
	END IF;
	RETURN NULL;
END $$;
CREATE TABLE ledger (tx int, amount int, lo int, hi int, o int CHECK (kinds_tables.odd(o)), v varchar(3), CHECK (lo < hi));
CREATE CONSTRAINT TRIGGER balanced AFTER INSERT ON ledger DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION balanced();
SELECT selfheal.watch('ledger');
INSERT INTO ledger_intake VALUES ('{"tx": 1, "amount": 5}'), ('{"tx": 1, "amount": -5, "lo": 1, "hi": 2, "o": 3}');
INSERT INTO ledger_intake VALUES ('{"tx": 2, "amount": 5}'), ('{"tx": 3, "amount": 0, "lo": 2, "hi": 1}'), ('{"tx": 4, "amount": 0, "o": 2}'), ('{"tx": 5, "amount": 0, "v": "abcd"}');
:idle
SELECT * FROM tell('ledger');
-- what the session has left open is made good by the load
BEGIN;
INSERT INTO ledger VALUES (6, -5);
INSERT INTO ledger_intake VALUES ('{"tx": 6, "amount": 5}');
COMMIT;
SELECT count(*) FROM ledger WHERE tx = 6;

SELECT ok FROM selfheal.verify_audit();
SET client_min_messages = error;
DROP SCHEMA kinds_tables CASCADE;
