--
-- The clone tells the truth: what a trial says of the held rows is what the
-- replay then does; what a trial did not cover stands in its result.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA clone;
SET search_path = clone, public;
CREATE ROLE regress_clone_loader;
GRANT USAGE ON SCHEMA clone TO regress_clone_loader;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
-- the newest plan of a table, tried
CREATE FUNCTION trial(t regclass, OUT ok boolean, OUT tried int, OUT stored int, OUT history int, OUT not_covered jsonb)
	LANGUAGE sql AS $$
	SELECT (r ->> 'ok')::boolean, (r ->> 'held_tried')::int, (r ->> 'held_stored')::int,
		(r ->> 'history_tried')::int, r -> 'not_covered'
	FROM (SELECT selfheal.dry_run(max(id)) AS r FROM selfheal.plan WHERE relid = t OFFSET 0) d
$$;
-- a person lets it run
CREATE FUNCTION let(t regclass) RETURNS boolean LANGUAGE sql AS $$
	SELECT bool_and(selfheal.approve(id) IS NOT NULL) FROM selfheal.plan WHERE relid = t AND state = 'awaiting_approval'
$$;
-- what the replay made of the rows that the trial had
CREATE FUNCTION replayed(t regclass) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s stored, %s left', (SELECT coalesce(sum(rows), 0) FROM selfheal.replayed WHERE relid = t),
		(SELECT count(*) FROM selfheal.quarantine WHERE relid = t AND state = 'held'))
$$;

--
-- foreign keys: simple, of two columns, MATCH FULL, deferred, to a partitioned
-- parent, to the table itself, on a column whose type the plan changes, one
-- that is disabled
--
CREATE TABLE parent (id int PRIMARY KEY, a int, b text, UNIQUE (a, b));
INSERT INTO parent VALUES (1, 1, 'x'), (2, 2, 'y');
CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
INSERT INTO parted VALUES (1);
CREATE TABLE child (id int PRIMARY KEY, v varchar(4),
	simple int REFERENCES parent,
	a int, b text, FOREIGN KEY (a, b) REFERENCES parent (a, b) MATCH FULL,
	late int REFERENCES parent DEFERRABLE INITIALLY DEFERRED,
	part int REFERENCES parted,
	boss int REFERENCES child);
INSERT INTO child VALUES (1, 'a');
SELECT selfheal.watch('child', 'propose');
COPY child_intake FROM STDIN (FORMAT ndjson);
{"id": 2, "v": "longer"}
{"id": 3, "v": "longer", "simple": 1, "a": 1, "b": "x", "late": 2, "part": 1, "boss": 1}
{"id": 4, "v": "longer", "simple": 3}
{"id": 5, "v": "longer", "a": 1, "b": "y"}
{"id": 6, "v": "longer", "a": 1}
{"id": 7, "v": "longer", "late": 3}
{"id": 8, "v": "longer", "part": 2}
{"id": 9, "v": "longer", "boss": 2}
{"id": 10, "v": "longer", "boss": 99}
{"id": 11, "v": "longer", "boss": 10}
{"id": 12, "v": "longer", "boss": 12}
\.
:idle
SELECT * FROM trial('child');
SELECT let('child');
:idle
SELECT replayed('child');
SELECT array_agg(id ORDER BY id) FROM child;
-- none of the rows, but they lack the parent alone: the change is made, and they wait for it
CREATE TABLE orphan (id int, v varchar(4), p int CONSTRAINT orphan_has_parent REFERENCES parent);
SELECT selfheal.watch('orphan');
INSERT INTO orphan_intake VALUES ('{"id": 1, "v": "longer", "p": 77}');
:idle
SELECT state, reason FROM selfheal.incidents WHERE table_name = 'clone.orphan';
INSERT INTO parent VALUES (77);
SELECT retry('orphan');
:idle
SELECT * FROM tell('orphan');
-- a row that came when the table was another one is told by its replay why it is held by now
CREATE TABLE stale (id int, v varchar(4), p int REFERENCES parent);
SELECT selfheal.watch('stale', 'observe');
INSERT INTO stale_intake VALUES ('{"id": 1, "v": "longer", "p": 99}');
:idle
SELECT * FROM tell('stale');
ALTER TABLE stale ALTER v TYPE text;
SELECT selfheal.watch('stale', 'auto'), selfheal.wake();
:idle
SELECT * FROM tell('stale');
-- a key whose type changes is compared all the same
CREATE TABLE wider (id int, p int REFERENCES parent, self int, UNIQUE (id), FOREIGN KEY (self) REFERENCES wider (id));
SELECT selfheal.watch('wider', 'propose');
INSERT INTO wider_intake VALUES ('{"id": 3000000000, "p": 1, "self": 3000000000}'), ('{"id": 3000000001, "p": 3000000000}'),
	('{"id": 3000000002, "p": 2}'), ('{"id": 3000000003, "self": 3000000009}'), ('{"id": 3000000004, "self": 3000000000}');
:idle
SELECT sql FROM selfheal.pending WHERE table_name = 'clone.wider';
SELECT * FROM trial('wider');
SELECT let('wider');
:idle
SELECT replayed('wider');
-- what nothing checks is not missed; what a trigger may change is not judged
CREATE TABLE loose (id int, v varchar(4), p int REFERENCES parent);
ALTER TABLE loose DISABLE TRIGGER ALL;
SELECT selfheal.watch('loose', 'propose');
INSERT INTO loose_intake VALUES ('{"id": 1, "v": "longer", "p": 88}');
:idle
SELECT * FROM trial('loose');
CREATE TABLE mended (id int, v varchar(4), p int REFERENCES parent);
CREATE FUNCTION mend() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.p := 1; RETURN NEW; END';
CREATE TRIGGER mend BEFORE INSERT ON mended FOR EACH ROW EXECUTE FUNCTION mend();
SELECT selfheal.watch('mended', 'propose');
INSERT INTO mended_intake VALUES ('{"id": 1, "v": "longer", "p": 88}');
:idle
SELECT * FROM trial('mended');
SELECT let('mended');
:idle
SELECT replayed('mended');

--
-- partitions: bounds, partitions of partitions, a default one, what a
-- partition has for itself
--
CREATE FUNCTION half(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n / 2';
CREATE TABLE sales (id int NOT NULL, gone text, day date, region text COLLATE "C", v varchar(4), n int)
	PARTITION BY RANGE (day);
ALTER TABLE sales DROP gone;
CREATE TABLE sales_25 PARTITION OF sales FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE sales_26 (n int, region text COLLATE "C", v varchar(4), day date, id int NOT NULL) PARTITION BY LIST (upper(region) COLLATE "C" text_pattern_ops);
ALTER TABLE sales ATTACH PARTITION sales_26 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE sales_26_eu PARTITION OF sales_26 FOR VALUES IN ('EU', NULL) PARTITION BY RANGE (half(id));
CREATE TABLE sales_26_eu_low PARTITION OF sales_26_eu FOR VALUES FROM (MINVALUE) TO (100);
CREATE TABLE sales_26_eu_high PARTITION OF sales_26_eu FOR VALUES FROM (100) TO (1000);
CREATE TABLE sales_26_rest PARTITION OF sales_26 DEFAULT PARTITION BY HASH (id);
CREATE TABLE sales_26_rest_0 PARTITION OF sales_26_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE sales_26_rest_1 PARTITION OF sales_26_rest FOR VALUES WITH (MODULUS 2, REMAINDER 1);
ALTER TABLE sales_25 ADD CONSTRAINT few CHECK (n < 100), ALTER region SET NOT NULL;
CREATE UNIQUE INDEX ON sales_26_eu_low (n);
ALTER TABLE sales_26_eu_high ADD FOREIGN KEY (n) REFERENCES parent;
INSERT INTO sales VALUES (1, '2025-05-05', 'eu', 'v', 1), (2, '2026-05-05', 'eu', 'v', 2), (300, '2026-05-05', 'eu', 'v', 1), (3, '2026-05-05', 'us', 'v', 3);
SELECT selfheal.watch('sales', 'propose');
COPY sales_intake FROM STDIN (FORMAT ndjson);
{"id": 11, "day": "2025-05-05", "region": "eu", "v": "longer", "n": 1}
{"id": 12, "day": "2025-05-05", "v": "longer", "n": 1}
{"id": 13, "day": "2025-05-05", "region": "eu", "v": "longer", "n": 100}
{"id": 14, "day": "2024-05-05", "region": "eu", "v": "longer", "n": 1}
{"id": 15, "day": "2026-05-05", "region": "eu", "v": "longer", "n": 15}
{"id": 16, "day": "2026-05-05", "region": "Eu", "v": "longer", "n": 2}
{"id": 17, "day": "2026-05-05", "v": "longer", "n": 17}
{"id": 301, "day": "2026-05-05", "v": "longer", "n": 1}
{"id": 302, "day": "2026-05-05", "v": "longer", "n": 66}
{"id": 5000, "day": "2026-05-05", "v": "longer", "n": 1}
{"id": 18, "day": "2026-05-05", "region": "us", "v": "longer", "n": 1}
{"id": 19, "region": "us", "v": "longer", "n": 1}
\.
:idle
SELECT * FROM trial('sales');
SELECT let('sales');
:idle
SELECT replayed('sales');
SELECT tableoid::regclass, id FROM sales WHERE id > 3 ORDER BY id;
-- stored rows that a NOT VALID constraint would not let in any more: of the root, of a partition
CREATE TABLE aged (id int, v varchar(4), n int) PARTITION BY LIST (id);
CREATE TABLE aged_1 PARTITION OF aged FOR VALUES IN (1);
CREATE TABLE aged_2 PARTITION OF aged FOR VALUES IN (2);
INSERT INTO aged VALUES (1, 'v', -1), (2, 'v', -2);
ALTER TABLE aged ADD CONSTRAINT positive CHECK (n > 0) NOT VALID;
ALTER TABLE aged_2 ADD CONSTRAINT more CHECK (n > 10) NOT VALID;
SELECT selfheal.watch('aged', 'propose');
INSERT INTO aged_intake VALUES ('{"id": 1, "v": "longer", "n": 1}'), ('{"id": 1, "v": "longer", "n": 0}'), ('{"id": 2, "v": "longer", "n": 1}'), ('{"id": 2, "v": "longer", "n": 11}');
:idle
SELECT * FROM trial('aged');
SELECT let('aged');
:idle
SELECT replayed('aged');
-- many: some that hold rows, and those that the held rows belong to
CREATE TABLE days (id int, day date DEFAULT '2026-01-01', v varchar(4), PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
DO $$ BEGIN
	FOR i IN 0 .. 99 LOOP
		EXECUTE format('CREATE TABLE day_%s PARTITION OF days FOR VALUES FROM (%L) TO (%L)', i, date '2026-01-01' + i, date '2026-01-02' + i);
	END LOOP;
END $$;
ALTER TABLE day_77 ADD CONSTRAINT short CHECK (length(v) < 10);
INSERT INTO days SELECT g, date '2026-01-01' + g % 40, 'v' FROM generate_series(1, 400) g;
SELECT selfheal.watch('days', 'propose');
COPY days_intake FROM STDIN (FORMAT ndjson);
{"id": 1001, "day": "2026-03-15", "v": "longer"}
{"id": 1002, "day": "2026-03-19", "v": "longer"}
{"id": 1003, "day": "2026-03-19", "v": "much longer than ten"}
{"id": 1004, "day": "2026-06-01", "v": "longer"}
{"id": 1005, "v": "longer"}
{"id": 1006, "day": "no day", "v": "longer"}
{"id": 7, "day": "2026-01-08", "v": "longer"}
\.
:idle
SELECT ok, tried, stored, history BETWEEN 100 AND 399 AS some, not_covered FROM trial('days');
-- with a row for each day more partitions than a clone has: those rows are left out, and to nobody's blame
INSERT INTO days_intake SELECT jsonb_build_object('id', 2000 + i, 'day', date '2026-01-01' + i, 'v', 'longer') FROM generate_series(0, 99) i;
INSERT INTO days_intake VALUES ('{"id": 3000, "v": "longer"}');
:idle
SELECT ok, tried = stored + 3 AS none_blamed, tried BETWEEN 50 AND 75 AS bounded, not_covered FROM trial('days');
SELECT let('days');
:idle
SELECT replayed('days');
-- a partition of somebody else's: rows go there, an ALTER TABLE would not
CREATE ROLE regress_clone_owner;
GRANT USAGE ON SCHEMA clone TO regress_clone_owner;
CREATE TABLE theirs (id int, v varchar(4)) PARTITION BY LIST (id);
CREATE TABLE theirs_1 PARTITION OF theirs FOR VALUES IN (1);
ALTER TABLE theirs OWNER TO regress_clone_owner;
SELECT selfheal.watch('theirs', 'propose');
INSERT INTO theirs_intake VALUES ('{"id": 2, "v": "v"}');
:idle
CREATE TABLE theirs_2 PARTITION OF theirs FOR VALUES IN (2);
ALTER TABLE theirs_2 OWNER TO regress_clone_loader;
SELECT retry('theirs');
:idle
SELECT dry_run ->> 'held_stored' AS stored, dry_run -> 'not_covered' AS not_covered FROM selfheal.plan WHERE relid = 'theirs'::regclass;
SELECT replayed('theirs');
DROP TABLE theirs;

-- of many partitions by hash, none is guessed; a default one takes only what is its own
CREATE TABLE hashed (id int, v varchar(4)) PARTITION BY HASH (id);
CREATE TABLE listed (id int, v varchar(4)) PARTITION BY LIST (id);
CREATE TABLE listed_rest PARTITION OF listed (CHECK (id > 1000)) DEFAULT;
DO $$ BEGIN
	FOR i IN 0 .. 29 LOOP
		EXECUTE format('CREATE TABLE hashed_%s PARTITION OF hashed FOR VALUES WITH (MODULUS 30, REMAINDER %1$s)', i);
		EXECUTE format('CREATE TABLE listed_%s PARTITION OF listed FOR VALUES IN (%1$s)', i);
	END LOOP;
END $$;
INSERT INTO hashed SELECT g, 'v' FROM generate_series(1, 20) g;
INSERT INTO listed SELECT g, 'v' FROM generate_series(1, 20) g;
INSERT INTO listed VALUES (2000, 'v');
SELECT selfheal.watch('hashed', 'propose'), selfheal.watch('listed', 'propose');
BEGIN;
INSERT INTO hashed_intake SELECT jsonb_build_object('id', g, 'v', 'longer') FROM generate_series(1, 200) g;
INSERT INTO listed_intake SELECT jsonb_build_object('id', g, 'v', 'longer') FROM generate_series(1, 2000, 10) g;
INSERT INTO listed_intake SELECT jsonb_build_object('id', g, 'v', 'longer') FROM generate_series(0, 29) g;
COMMIT;
:idle
SELECT ok, tried, stored, not_covered FROM trial('hashed');
SELECT ok, tried, stored, not_covered FROM trial('listed');
SELECT let('hashed'), let('listed');
:idle
SELECT replayed('hashed'), replayed('listed');

--
-- tables that inherit: the ALTER goes on to them
--
CREATE TABLE base (id int, n int);
CREATE TABLE derived (extra text NOT NULL, CONSTRAINT narrow CHECK (pg_column_size(n) = 4)) INHERITS (base);
CREATE TABLE derived_more (more serial) INHERITS (derived);
INSERT INTO base VALUES (1, 1);
INSERT INTO derived_more VALUES (2, 2, 'x');
SELECT selfheal.watch('base', 'propose');
INSERT INTO base_intake VALUES ('{"id": 3, "n": 3000000000}');
:idle
SELECT state, reason FROM selfheal.incidents WHERE table_name = 'clone.base';
ALTER TABLE derived DROP CONSTRAINT narrow;
ALTER TABLE derived ADD CONSTRAINT positive CHECK (n > 5) NOT VALID;
SELECT retry('base');
:idle
SELECT * FROM trial('base');
SELECT let('base');
:idle
SELECT replayed('base'), columns('derived_more');
-- more of them than a trial copies
DO $$ BEGIN FOR i IN 1 .. 20 LOOP EXECUTE format('CREATE TABLE derived_%s () INHERITS (base)', i); END LOOP; END $$;
SELECT plan_id FROM selfheal.propose('base', 'ALTER TABLE base ADD extra_2 text', 'a test') \gset
SELECT ok, history, not_covered FROM trial('base');

--
-- rows outside the sample: one key, two keys, an expression, a partial index,
-- an exclusion constraint; a row that equals the stored one
--
CREATE TABLE many (id int PRIMARY KEY, code text, v varchar(4), live boolean DEFAULT true, span int4range,
	late int UNIQUE DEFERRABLE INITIALLY DEFERRED, EXCLUDE USING gist (span WITH &&));
CREATE UNIQUE INDEX ON many (lower(code)) WHERE live;
INSERT INTO many SELECT g, 'Code' || g, 'v', true, int4range(g * 10, g * 10 + 5), g FROM generate_series(1, 30000) g;
ANALYZE many;
SELECT selfheal.watch('many', 'propose');
SET selfheal.dry_run_history = 10;
BEGIN;
INSERT INTO many_intake SELECT jsonb_build_object('id', i, 'v', 'longer') FROM generate_series(1, 30000, 3000) i;
INSERT INTO many_intake SELECT jsonb_build_object('id', 40000 + i, 'code', 'CODE' || i, 'live', i % 2 = 0, 'v', 'longer') FROM generate_series(1000, 1009) i;
INSERT INTO many_intake SELECT jsonb_build_object('id', 50000 + i, 'span', format('[%s,%s]', i * 10 + (i % 2) * 6, i * 10 + (i % 2) * 6 + 1), 'v', 'longer') FROM generate_series(2000, 2009) i;
INSERT INTO many_intake SELECT jsonb_build_object('id', 60000 + i, 'late', i, 'v', 'longer') FROM generate_series(3000, 3009) i;
INSERT INTO many_intake VALUES ('{"id": 90001, "v": "longer"}'), ('{"id": 90002, "code": "none", "v": "longer"}');
COMMIT;
:idle
SELECT ok, tried, stored, history < 30000 AS sampled, not_covered FROM trial('many');
SELECT let('many');
:idle
SELECT replayed('many');
RESET selfheal.dry_run_history;
-- an index's functions run as the table's owner, and as nobody more
CREATE FUNCTION spy(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		RAISE 'as a superuser';
	END IF;
	RETURN 0;
END $$;
GRANT CREATE ON SCHEMA clone TO regress_clone_owner;
SET SESSION AUTHORIZATION regress_clone_owner;
CREATE TABLE clone.spied (id int, v varchar(4));
CREATE UNIQUE INDEX ON clone.spied ((id + clone.spy(1)));
INSERT INTO clone.spied SELECT g, 'v' FROM generate_series(1, 5000) g;
ANALYZE clone.spied;
RESET SESSION AUTHORIZATION;
SELECT selfheal.watch('spied', 'propose');
SET SESSION AUTHORIZATION regress_clone_owner;
INSERT INTO clone.spied_intake VALUES ('{"id": 2500, "v": "longer"}'), ('{"id": 5001, "v": "longer"}');
RESET SESSION AUTHORIZATION;
:idle
\c -
SET search_path = clone, public;
SET client_min_messages = warning;
SET selfheal.dry_run_history = 10;
SELECT ok, tried, stored, not_covered FROM trial('spied');
RESET selfheal.dry_run_history;
-- a held row takes the place of one outside the sample
CREATE TABLE latest (id int PRIMARY KEY, v varchar(4) NOT NULL, n int CHECK (n > 0));
INSERT INTO latest SELECT g, 'v', 1 FROM generate_series(1, 30000) g;
ANALYZE latest;
SELECT selfheal.watch('latest', 'propose', on_conflict => 'update');
BEGIN;
INSERT INTO latest_intake SELECT jsonb_build_object('id', i, 'v', 'longer', 'n', i % 2) FROM generate_series(20001, 20010) i;
INSERT INTO latest_intake VALUES ('{"id": 25000, "v": null}');
COMMIT;
:idle
SET selfheal.dry_run_history = 10;
SELECT ok, tried, stored, not_covered FROM trial('latest');
RESET selfheal.dry_run_history;
SELECT let('latest');
:idle
SELECT replayed('latest');
-- an index that could not be built: stored rows break it, so the clone has none
CREATE TABLE twice (id int, v varchar(4));
INSERT INTO twice VALUES (1, 'v'), (1, 'v');
CREATE UNIQUE INDEX CONCURRENTLY twice_once ON twice (id);
SELECT selfheal.watch('twice', 'propose');
INSERT INTO twice_intake VALUES ('{"id": 2, "v": "longer"}');
:idle
SELECT * FROM trial('twice');

--
-- row security: the policies count, for whom they count
--
CREATE TABLE rooms (tenant int, name text);
INSERT INTO rooms VALUES (1, 'blue');
CREATE TABLE stays (id int, tenant int, room text, v varchar(4));
INSERT INTO stays VALUES (0, 9, 'none', 'v');
ALTER TABLE stays ENABLE ROW LEVEL SECURITY;
ALTER TABLE stays FORCE ROW LEVEL SECURITY;
CREATE POLICY mine ON stays FOR INSERT TO regress_clone_loader WITH CHECK (tenant < 5 AND EXISTS (SELECT FROM rooms r WHERE r.tenant = stays.tenant AND name = room));
CREATE POLICY "not 13" ON stays AS RESTRICTIVE WITH CHECK (id <> 13);
SELECT selfheal.watch('stays', 'propose');
GRANT SELECT ON rooms TO regress_clone_loader;
GRANT INSERT ON stays, stays_intake TO regress_clone_loader;
SET SESSION AUTHORIZATION regress_clone_loader;
INSERT INTO stays_intake VALUES ('{"id": 1, "tenant": 1, "room": "blue", "v": "longer"}'), ('{"id": 2, "tenant": 2, "room": "blue", "v": "longer"}'),
	('{"id": 3, "tenant": 9, "room": "none", "v": "longer"}'), ('{"id": 13, "tenant": 1, "room": "blue", "v": "longer"}');
RESET SESSION AUTHORIZATION;
:idle
SELECT * FROM trial('stays');
SELECT let('stays');
:idle
SELECT replayed('stays');

--
-- the loader may do with the clone what he may do with the table
--
CREATE TABLE rights (id serial, v varchar(4), secret text);
SELECT selfheal.watch('rights', 'propose');
GRANT INSERT (id, v) ON rights TO regress_clone_loader;
GRANT INSERT ON rights_intake TO regress_clone_loader;
SET SESSION AUTHORIZATION regress_clone_loader;
INSERT INTO rights_intake VALUES ('{"id": 1, "v": "longer"}'), ('{"v": "longer"}'), ('{"id": 2, "v": "longer", "secret": "x"}'), ('{"id": 3, "fresh": 1}');
RESET SESSION AUTHORIZATION;
:idle
SELECT sql FROM selfheal.pending WHERE table_name = 'clone.rights';
SELECT * FROM trial('rights');
SELECT let('rights');
:idle
SELECT replayed('rights');

--
-- what a trial did not cover
--
CREATE TABLE plain (id int, v varchar(4));
SELECT selfheal.watch('plain', 'propose');
SELECT plan_id FROM selfheal.propose('plain', 'ALTER TABLE plain ALTER v TYPE text', 'a test') \gset
SELECT not_covered FROM trial('plain');
-- triggers that the rows would fire
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER t AFTER DELETE ON plain EXECUTE FUNCTION nothing();
SELECT not_covered FROM trial('plain');
CREATE TRIGGER u AFTER INSERT ON plain EXECUTE FUNCTION nothing();
SELECT not_covered FROM trial('plain');
ALTER TABLE plain DISABLE TRIGGER u;
SELECT not_covered FROM trial('plain');
-- rules
CREATE RULE r AS ON INSERT TO plain DO ALSO NOTIFY plain;
SELECT not_covered FROM trial('plain');
DROP RULE r ON plain;
-- functions of a default
CREATE FUNCTION volatile_one() RETURNS int VOLATILE LANGUAGE sql AS 'SELECT 1';
ALTER TABLE plain ALTER id SET DEFAULT volatile_one();
SELECT not_covered FROM trial('plain');
ALTER TABLE plain ALTER id DROP DEFAULT;
-- of a check; of a domain, and of the domain below it
ALTER TABLE plain ADD CONSTRAINT c CHECK (id <> volatile_one());
SELECT not_covered FROM trial('plain');
ALTER TABLE plain DROP CONSTRAINT c;
CREATE DOMAIN under AS int CHECK (VALUE <> volatile_one());
CREATE DOMAIN over AS under;
ALTER TABLE plain ADD o over;
SELECT not_covered FROM trial('plain');
ALTER TABLE plain DROP o;
-- a sequence that a check draws from
CREATE SEQUENCE counted;
ALTER TABLE plain ADD CONSTRAINT c CHECK (nextval('counted') > 0);
SELECT not_covered FROM trial('plain');
ALTER TABLE plain DROP CONSTRAINT c;
SELECT not_covered FROM trial('plain');
-- event triggers of others
CREATE FUNCTION nothing_again() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER regress_clone ON ddl_command_start EXECUTE FUNCTION nothing_again();
SELECT not_covered FROM trial('plain');
DROP EVENT TRIGGER regress_clone;
-- another access method
CREATE ACCESS METHOD regress_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE elsewhere (id int, v varchar(4)) USING regress_heap;
SELECT selfheal.watch('elsewhere', 'propose');
SELECT plan_id FROM selfheal.propose('elsewhere', 'ALTER TABLE elsewhere ALTER v TYPE text', 'a test') \gset
SELECT not_covered FROM trial('elsewhere');
-- tables that refer to a column whose type changes
CREATE TABLE referred (id int PRIMARY KEY, v varchar(4));
CREATE TABLE referring (id int REFERENCES referred);
SELECT selfheal.watch('referred', 'propose');
SELECT plan_id FROM selfheal.propose('referred', 'ALTER TABLE referred ALTER v TYPE text', 'a test') \gset
SELECT not_covered FROM trial('referred');
SELECT plan_id FROM selfheal.propose('referred', 'ALTER TABLE referred ALTER id TYPE bigint', 'a test') \gset
SELECT not_covered FROM trial('referred');
-- a policy that means another row type on the clone
CREATE TABLE whole (id int, v varchar(4));
CREATE FUNCTION fine(w whole) RETURNS boolean LANGUAGE sql AS 'SELECT w.id > 0';
ALTER TABLE whole ENABLE ROW LEVEL SECURITY;
CREATE POLICY fine ON whole USING (fine(whole.*));
SELECT selfheal.watch('whole', 'propose');
SELECT plan_id FROM selfheal.propose('whole', 'ALTER TABLE whole ADD extra text', 'a test') \gset
SELECT ok, not_covered FROM trial('whole');
-- nulls that are not distinct, among rows that the clone lacks; not asked when it has them all
CREATE TABLE alike (id int UNIQUE NULLS NOT DISTINCT, v varchar(4));
INSERT INTO alike SELECT g, 'v' FROM generate_series(1, 5000) g;
ANALYZE alike;
SELECT selfheal.watch('alike', 'propose');
INSERT INTO alike_intake VALUES ('{"v": "longer"}');
:idle
SET selfheal.dry_run_history = 10;
SELECT ok, stored, not_covered FROM trial('alike');
SET selfheal.dry_run_history = 10000;
SELECT ok, stored, history, not_covered FROM trial('alike');
RESET selfheal.dry_run_history;
-- held rows past the limit
INSERT INTO plain_intake SELECT '{"v": "longer"}' FROM generate_series(1, 5);
:idle
SET selfheal.dry_run_rows = 3;
SELECT * FROM trial('plain');
RESET selfheal.dry_run_rows;
SELECT * FROM trial('plain');
-- and nothing is left
SELECT count(*) AS in_sandbox FROM pg_class WHERE relnamespace = 'selfheal_sandbox'::regnamespace;

DROP SCHEMA clone CASCADE;
DROP ACCESS METHOD regress_heap;
DROP ROLE regress_clone_owner;
DROP ROLE regress_clone_loader;
