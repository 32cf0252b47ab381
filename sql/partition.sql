--
-- Rows that no partition takes: the partition is made beside its siblings, as
-- wide and named as they are, near them, and attached.
--
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO, YMD';
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA partition;
SET search_path = partition, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
CREATE FUNCTION bounds(t regclass) RETURNS TABLE (name text, bound text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE r record;
BEGIN
	FOR r IN SELECT relid FROM pg_partition_tree(t) p WHERE p.isleaf LOOP
		name := r.relid::regclass::text;
		bound := (SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = r.relid);
		EXECUTE format('SELECT count(*) FROM %s', r.relid::regclass) INTO rows;
		RETURN NEXT;
	END LOOP;
END $$;
CREATE FUNCTION why(t regclass) RETURNS TABLE (state text, reason text) LANGUAGE sql AS $$
	SELECT state, reason FROM selfheal.incident WHERE relid = t AND class = 'no_partition' ORDER BY id DESC LIMIT 1
$$;

-- months; one after the last, one before the first, one in a gap, two too far
CREATE TABLE orders (id int, day date NOT NULL, amount numeric DEFAULT 7, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE orders_2026_01 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE orders_2026_02 PARTITION OF orders FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') WITH (fillfactor = 70);
CREATE TABLE orders_2026_05 PARTITION OF orders FOR VALUES FROM ('2026-05-01') TO ('2026-06-01') WITH (fillfactor = 71, toast.autovacuum_enabled = off);
CREATE INDEX ON orders (amount);
SELECT selfheal.watch('orders');
INSERT INTO orders_intake VALUES ('{"id": 1, "day": "2026-01-31"}'), ('{"id": 2, "day": "2026-06-01"}'), ('{"id": 3, "day": "2026-06-30"}'),
	('{"id": 4, "day": "2025-12-31"}'), ('{"id": 5, "day": "2026-04-01"}'), ('{"id": 6, "day": "2206-01-01"}'),
	('{"id": 7, "day": "1026-01-01"}'), ('{"id": 8, "day": "infinity"}');
:idle
SELECT * FROM bounds('orders');
SELECT * FROM tell('orders') WHERE what <> 'stored';
SELECT * FROM why('orders');
SELECT sql_run FROM selfheal.audit WHERE schema_name = 'partition' AND table_name = 'orders' AND event = 'applied';
SELECT verdict, policy, dry_run ->> 'held_stored' AS tried_well, dry_run -> 'not_covered' AS not_covered, inverse
FROM selfheal.plan WHERE relid = 'orders'::regclass;
SELECT steps -> 'steps' -> 0 AS step FROM selfheal.plan WHERE relid = 'orders'::regclass;
-- the new one is like its siblings
SELECT c.relname, c.reloptions, t.reloptions AS toast, count(i.indexrelid) AS indexes,
	(SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c') AS checks
FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid JOIN pg_index i ON i.indrelid = c.oid
WHERE c.relname IN ('orders_2026_05', 'orders_2026_06') AND c.relnamespace = 'partition'::regnamespace GROUP BY c.oid, t.oid ORDER BY 1;
-- days, weeks, quarters, years, hours; their names
CREATE TABLE days (at timestamp) PARTITION BY RANGE (at);
CREATE TABLE p20261121 PARTITION OF days FOR VALUES FROM ('2026-11-21') TO ('2026-11-22');
CREATE TABLE weeks (at date) PARTITION BY RANGE (at);
CREATE TABLE weeks_2026w47 PARTITION OF weeks FOR VALUES FROM ('2026-11-16') TO ('2026-11-23');
CREATE TABLE weeks_2026w48 PARTITION OF weeks FOR VALUES FROM ('2026-11-23') TO ('2026-11-30');
CREATE TABLE quarters (at timestamp) PARTITION BY RANGE (at);
CREATE TABLE quarters_2026q3 PARTITION OF quarters FOR VALUES FROM ('2026-07-01') TO ('2026-10-01');
CREATE TABLE "Years" (at date) PARTITION BY RANGE (at);
CREATE TABLE "Years of 2026" PARTITION OF "Years" FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE hours (at timestamp) PARTITION BY RANGE (at);
CREATE TABLE hours_2026112106 PARTITION OF hours FOR VALUES FROM ('2026-11-21 06:00') TO ('2026-11-21 12:00');
CREATE TABLE months (at date) PARTITION BY RANGE (at);
CREATE TABLE months_y2026m11 PARTITION OF months FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
CREATE TABLE words (at date) PARTITION BY RANGE (at);
CREATE TABLE words_nov_2026 PARTITION OF words FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
CREATE TABLE spans (at date) PARTITION BY RANGE (at);
CREATE TABLE spans_20261101_20261130 PARTITION OF spans FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
CREATE TABLE nameless (at date) PARTITION BY RANGE (at);
CREATE TABLE newest PARTITION OF nameless FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
SELECT count(selfheal.watch(t::regclass)) FROM unnest('{days,weeks,quarters,"\"Years\"",hours,months,words,spans,nameless}'::text[]) t;
INSERT INTO days_intake VALUES ('{"at": "2026-11-22 23:59:59.999999"}');
INSERT INTO weeks_intake VALUES ('{"at": "2026-12-01"}'), ('{"at": "2027-01-03"}');
INSERT INTO quarters_intake VALUES ('{"at": "2026-12-31 12:00"}');
INSERT INTO "Years_intake" VALUES ('{"at": "2027-02-03"}');
INSERT INTO hours_intake VALUES ('{"at": "2026-11-21 12:00"}'), ('{"at": "2026-11-20 23:00"}');
INSERT INTO months_intake VALUES ('{"at": "2027-01-01"}');
INSERT INTO words_intake VALUES ('{"at": "2026-12-24"}');
INSERT INTO spans_intake VALUES ('{"at": "2026-12-24"}');
INSERT INTO nameless_intake VALUES ('{"at": "2026-12-24"}');
:idle
SELECT t, b.* FROM unnest('{days,weeks,quarters,"\"Years\"",hours,months,words,spans,nameless}'::text[]) t, bounds(t::regclass) b;

-- time zones: bounds are midnights of the server's zone, of the load's, of UTC
SET timezone = 'Europe/Berlin';
CREATE TABLE berlin (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE berlin_2026_09 PARTITION OF berlin FOR VALUES FROM ('2026-09-01') TO ('2026-10-01');
CREATE TABLE berlin_2026_10 PARTITION OF berlin FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');
CREATE TABLE winter (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE winter_d20261024 PARTITION OF winter FOR VALUES FROM ('2026-10-24') TO ('2026-10-25');
SELECT selfheal.watch('berlin');
SELECT selfheal.watch('winter');
INSERT INTO berlin_intake VALUES ('{"at": "2026-11-30 23:59"}'), ('{"at": "2026-03-28 12:00"}');
INSERT INTO winter_intake VALUES ('{"at": "2026-10-25 23:30"}'), ('{"at": "2026-10-26 00:30"}');
SET timezone = 'UTC';
CREATE TABLE utc (at timestamptz) PARTITION BY RANGE (at);
CREATE TABLE utc_2026_10 PARTITION OF utc FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');
SELECT selfheal.watch('utc');
SET timezone = 'America/New_York';
INSERT INTO utc_intake VALUES ('{"at": "2026-11-30 23:00"}');
SET timezone = 'UTC';
:idle
SELECT * FROM bounds('berlin');
SELECT * FROM bounds('winter');
SELECT * FROM bounds('utc');

-- numbers
CREATE TABLE parts (id bigint) PARTITION BY RANGE (id);
CREATE TABLE parts_p00 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_p01 PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
CREATE TABLE amounts (a numeric) PARTITION BY RANGE (a);
CREATE TABLE amounts_0_100 PARTITION OF amounts FOR VALUES FROM (0) TO (100);
CREATE TABLE small (a smallint) PARTITION BY RANGE (a);
CREATE TABLE small_32000 PARTITION OF small FOR VALUES FROM (32000) TO (32500);
SELECT count(selfheal.watch(t::regclass)) FROM unnest('{parts,amounts,small}'::text[]) t;
INSERT INTO parts_intake VALUES ('{"id": 5999}'), ('{"id": -1}'), ('{"id": 9223372036854775807}');
INSERT INTO amounts_intake VALUES ('{"a": 100}'), ('{"a": 299.99}'), ('{"a": -0.01}'), ('{"a": "NaN"}');
INSERT INTO small_intake VALUES ('{"a": 32600}'), ('{"a": 31999}');
:idle
SELECT * FROM bounds('parts');
SELECT * FROM bounds('amounts');
SELECT * FROM bounds('small');
SELECT reason FROM why('small');

-- what is not guessed
CREATE TABLE uneven (d date) PARTITION BY RANGE (d);
CREATE TABLE uneven_1 PARTITION OF uneven FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE uneven_2 PARTITION OF uneven FOR VALUES FROM ('2026-02-01') TO ('2026-02-11');
CREATE TABLE bare (d date) PARTITION BY RANGE (d);
CREATE TABLE openended (d date) PARTITION BY RANGE (d);
CREATE TABLE openended_old PARTITION OF openended FOR VALUES FROM (MINVALUE) TO ('2026-01-15');
CREATE TABLE openended_3 PARTITION OF openended FOR VALUES FROM ('2026-03-01') TO ('2026-04-01');
CREATE TABLE pairs (d date, k int) PARTITION BY RANGE (d, k);
CREATE TABLE pairs_1 PARTITION OF pairs FOR VALUES FROM ('2026-01-01', 1) TO ('2026-02-01', 5);
CREATE TABLE letters (t text) PARTITION BY RANGE (t);
CREATE TABLE letters_a PARTITION OF letters FOR VALUES FROM ('a') TO ('b');
CREATE TABLE hashed (k int) PARTITION BY HASH (k);
CREATE TABLE hashed_0 PARTITION OF hashed FOR VALUES WITH (MODULUS 2, REMAINDER 0);

CREATE TABLE nested (r text, d date) PARTITION BY LIST (r);
CREATE TABLE nested_a PARTITION OF nested FOR VALUES IN ('a') PARTITION BY RANGE (d);
CREATE TABLE nested_a_2026_01 PARTITION OF nested_a FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
SELECT count(selfheal.watch(t::regclass)) FROM unnest('{uneven,bare,openended,pairs,letters,hashed,nested}'::text[]) t;
INSERT INTO uneven_intake VALUES ('{"d": "2026-03-01"}');
INSERT INTO bare_intake VALUES ('{"d": "2026-03-01"}');
INSERT INTO openended_intake VALUES ('{"d": "2026-01-20"}'), ('{"d": "2026-02-20"}');
INSERT INTO pairs_intake VALUES ('{"d": "2026-03-01", "k": 1}');
INSERT INTO letters_intake VALUES ('{"t": "c"}');
INSERT INTO hashed_intake SELECT format('{"k": %s}', i) FROM generate_series(1, 8) i;
INSERT INTO nested_intake VALUES ('{"r": "a", "d": "2026-02-01"}'), ('{"r": "b", "d": "2026-02-01"}');
:idle
SELECT t, state, reason FROM unnest('{uneven,bare,openended,pairs,letters,hashed,nested}'::text[]) t, why(t::regclass);
SELECT * FROM bounds('openended');
SELECT * FROM bounds('nested');

-- lists: one value each, another spelling, a null, an expression's value
CREATE TABLE sales (region text, n int) PARTITION BY LIST (region);
CREATE TABLE sales_north PARTITION OF sales FOR VALUES IN ('north');
CREATE TABLE sales_south PARTITION OF sales FOR VALUES IN ('south');
CREATE TABLE lowered (a text) PARTITION BY LIST (lower(a));
CREATE TABLE lowered_de PARTITION OF lowered FOR VALUES IN ('de');
CREATE TABLE mixed (a text) PARTITION BY LIST (a);
CREATE TABLE mixed_1 PARTITION OF mixed FOR VALUES IN ('a', 'b');
CREATE TYPE shade AS ENUM ('light', 'dark', 'darker');
CREATE TABLE shades (s shade) PARTITION BY LIST (s);
CREATE TABLE shades_light PARTITION OF shades FOR VALUES IN ('light');
CREATE TABLE yearly (d date) PARTITION BY RANGE (extract(year from d));
CREATE TABLE yearly_2025 PARTITION OF yearly FOR VALUES FROM (2025) TO (2026);
CREATE TABLE truncated (at timestamp) PARTITION BY RANGE (date_trunc('month', at));
CREATE TABLE truncated_2026_11 PARTITION OF truncated FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
CREATE TABLE paired (d date, k int) PARTITION BY RANGE (d, k);
CREATE TABLE paired_2026_01 PARTITION OF paired FOR VALUES FROM ('2026-01-01', MINVALUE) TO ('2026-02-01', MINVALUE);
SELECT count(selfheal.watch(t::regclass)) FROM unnest('{sales,lowered,mixed,shades,yearly,truncated,paired}'::text[]) t;
INSERT INTO sales_intake VALUES ('{"region": "west"}'), ('{"region": "it''s \\ \"Far East\""}'), ('{"region": null}'), ('{"region": "North"}'),
	('{"region": ""}'), ('{"region": "nor\u200bthwest"}'), (format('{"region": "%s"}', repeat('x', 80)));
INSERT INTO lowered_intake VALUES ('{"a": "EE"}'), ('{"a": "ee"}');
INSERT INTO mixed_intake VALUES ('{"a": "c"}');
INSERT INTO shades_intake VALUES ('{"s": "darker"}'), ('{"s": "dark"}');
INSERT INTO yearly_intake VALUES ('{"d": "2026-05-05"}');
INSERT INTO truncated_intake VALUES ('{"at": "2026-12-24 18:00"}');
INSERT INTO paired_intake VALUES ('{"d": "2026-02-28", "k": -5}'), ('{"d": "2026-02-01", "k": null}');
:idle
SELECT t, b.* FROM unnest('{sales,lowered,mixed,shades,yearly,truncated,paired}'::text[]) t, bounds(t::regclass) b;
SELECT t, state, reason FROM unnest('{sales,mixed,paired}'::text[]) t, why(t::regclass);

-- a name that is taken, a name near the limit, below a partition
CREATE TABLE taken (d date) PARTITION BY RANGE (d);
CREATE TABLE taken_2026_01 PARTITION OF taken FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE taken_2026_02 (x int);
CREATE TYPE taken_2026_03 AS (x int);
CREATE TABLE a_table_with_a_name_that_is_nearly_as_long_as_one_may_be_in_2026 (k text) PARTITION BY LIST (k);
CREATE TABLE a_table_with_a_name_that_is_nearly_as_long_as_one_may_be_in_x PARTITION OF a_table_with_a_name_that_is_nearly_as_long_as_one_may_be_in_2026 FOR VALUES IN ('x');
CREATE TABLE deep (r text, d date) PARTITION BY LIST (r);
CREATE TABLE deep_eu PARTITION OF deep FOR VALUES IN ('eu') PARTITION BY RANGE (d);
CREATE TABLE deep_eu_2026_01 PARTITION OF deep_eu FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
SELECT count(selfheal.watch(t::regclass)) FROM unnest('{taken,a_table_with_a_name_that_is_nearly_as_long_as_one_may_be_in_2026,deep}'::text[]) t;
INSERT INTO taken_intake VALUES ('{"d": "2026-02-02"}'), ('{"d": "2026-03-03"}');
SELECT selfheal.ingest('a_table_with_a_name_that_is_nearly_as_long_as_one_may_be_in_2026', '{"{\"k\": \"something longer\"}"}');
INSERT INTO deep_intake VALUES ('{"r": "eu", "d": "2026-02-02"}');
:idle
SELECT t, b.* FROM unnest('{taken,a_table_with_a_name_that_is_nearly_as_long_as_one_may_be_in_2026,deep}'::text[]) t, bounds(t::regclass) b;

-- rows that were sent to another partition than theirs go through the root
CREATE TABLE routed (id int, day date, v text) PARTITION BY RANGE (day);
CREATE TABLE routed_2026_01 (LIKE routed);
CREATE TABLE routed_2026_02 PARTITION OF routed FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
CREATE ROLE regress_leaf_only;
CREATE ROLE regress_both;
GRANT USAGE ON SCHEMA partition TO regress_leaf_only, regress_both;
SELECT selfheal.watch('routed_2026_01');
ALTER TABLE routed ATTACH PARTITION routed_2026_01 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
GRANT INSERT ON routed_2026_01, routed_2026_01_intake TO regress_leaf_only, regress_both;
GRANT INSERT ON routed TO regress_both;
SET ROLE regress_both;
INSERT INTO routed_2026_01_intake VALUES ('{"id": 1, "day": "2026-01-02"}'), ('{"id": 2, "day": "2026-02-02", "v": "x"}');
RESET ROLE;
:idle
SELECT tableoid::regclass, * FROM routed ORDER BY id;
SELECT * FROM tell('routed_2026_01') WHERE what <> 'stored' AND what NOT LIKE 'rows are%';
SELECT event, result, playbook, explanation FROM selfheal.audit WHERE table_name = 'routed_2026_01' AND event IN ('diagnosed', 'replayed') ORDER BY id;
-- not by who may not insert into the root, nor where the root has no place
SET ROLE regress_leaf_only;
INSERT INTO routed_2026_01_intake VALUES ('{"id": 3, "day": "2026-02-03"}');
RESET ROLE;
:idle
SELECT * FROM why('routed_2026_01');
SELECT count(*) FROM routed;
SELECT selfheal.discard(id, 'test') FROM selfheal.quarantine WHERE relid = 'routed_2026_01'::regclass AND state = 'held';
:idle
SET ROLE regress_both;
INSERT INTO routed_2026_01_intake VALUES ('{"id": 4, "day": "2026-07-04"}');
RESET ROLE;
:idle
SELECT * FROM why('routed_2026_01');

-- what a new partition takes over, and what it does not
CREATE TABLE kept (d date, at int GENERATED ALWAYS AS IDENTITY, c int CHECK (c > 0), g int GENERATED ALWAYS AS (c * 2) STORED, v text COLLATE "C" DEFAULT 'x') PARTITION BY RANGE (d);
CREATE UNLOGGED TABLE kept_2026_01 PARTITION OF kept FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
ALTER TABLE kept_2026_01 ENABLE ROW LEVEL SECURITY, REPLICA IDENTITY FULL;
CREATE POLICY all_of_it ON kept_2026_01 USING (true);
GRANT SELECT ON kept_2026_01 TO regress_both;
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := NEW.v || '!'; RETURN NEW; END $$;
CREATE TRIGGER note BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION note();
CREATE TABLE other (id int PRIMARY KEY);
ALTER TABLE kept ADD FOREIGN KEY (c) REFERENCES other;
INSERT INTO other VALUES (1);
CREATE INDEX ON kept (lower(v));
SELECT selfheal.watch('kept', mode => 'propose');
INSERT INTO kept_intake VALUES ('{"d": "2026-02-28", "c": 1}');
:idle
SELECT * FROM tell('kept');
SELECT p.verdict, p.policy, p.forecast ->> 'lock' AS lock, p.forecast -> 'also_locks' AS also_locks, p.forecast -> 'scan' AS scan
FROM selfheal.plan p WHERE relid = 'kept'::regclass;
SELECT unnest(impact) AS impact FROM selfheal.pending WHERE table_name = 'partition.kept';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'partition.kept';
:idle
SELECT tableoid::regclass, * FROM kept;
SELECT c.relname, relpersistence, relrowsecurity, relreplident, (SELECT string_agg(format('%s %s', x.grantee::regrole, x.privilege_type), ', ' ORDER BY 1) FROM aclexplode(c.relacl) x WHERE x.grantee <> c.relowner) AS granted, attidentity, attgenerated,
	(SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT tgisinternal) AS triggers,
	(SELECT array_agg(contype ORDER BY contype) FROM pg_constraint WHERE conrelid = c.oid AND contype <> 'n') AS constraints
FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attname = 'g' WHERE relname ~ '^kept_2026_0.$' AND relnamespace = 'partition'::regnamespace ORDER BY 1;

-- rows of the default partition that a new one is for move into it, when a
-- person says so
CREATE TABLE catchall (id int, day date NOT NULL, g int GENERATED ALWAYS AS (id * 2) STORED, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE catchall_2026_01 PARTITION OF catchall FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE catchall_rest (g int GENERATED ALWAYS AS (id * 2) STORED, day date NOT NULL, gone int, id int NOT NULL);
ALTER TABLE catchall_rest DROP gone;
ALTER TABLE catchall ATTACH PARTITION catchall_rest DEFAULT;
SELECT selfheal.watch('catchall');
INSERT INTO catchall_intake SELECT format('{"id": %s, "day": "2026-%s-01"}', i, 1 + i % 3) FROM generate_series(1, 9) i;
SELECT * FROM bounds('catchall');
SELECT verdict, reason FROM selfheal.propose_partition('catchall', '2026-02-28', 'February has come');
SELECT forecast ->> 'lock' AS lock, forecast -> 'also_locks' AS also_locks, forecast -> 'scan' AS scan, dry_run ->> 'ok' AS ok, dry_run ->> 'reason' AS reason, sql, impact
FROM selfheal.pending WHERE table_name = 'partition.catchall';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'partition.catchall';
:idle
SELECT * FROM bounds('catchall');
SELECT tableoid::regclass, * FROM catchall ORDER BY id;
-- there already; no value of the key; not by a person who may not; not a table with partitions
SELECT verdict, reason FROM selfheal.propose_partition('catchall', '2026-02-01', 'again');
SELECT verdict, reason FROM selfheal.propose_partition('catchall', 'x', 'no date');
SELECT verdict, reason FROM selfheal.propose_partition('catchall', null, 'a null');
SELECT verdict, reason FROM selfheal.propose_partition('catchall', 'infinity', 'no end');
SELECT verdict, reason FROM selfheal.propose_partition('routed_2026_01', '2026-02-01', 'not partitioned');
-- somebody would notice: a trigger, a foreign key
CREATE FUNCTION mourn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$;
CREATE TRIGGER mourn BEFORE DELETE ON catchall_rest FOR EACH ROW EXECUTE FUNCTION mourn();
SELECT verdict, reason FROM selfheal.propose_partition('catchall', '2026-03-01', 'March');
DROP TRIGGER mourn ON catchall_rest;
CREATE TABLE refers (id int, day date, FOREIGN KEY (id, day) REFERENCES catchall ON DELETE CASCADE);
INSERT INTO refers SELECT id, day FROM catchall;
SELECT verdict, reason FROM selfheal.propose_partition('catchall', '2026-03-01', 'March');
SELECT count(*) FROM refers;
DROP TABLE refers;
-- a distance that no load gets
SELECT verdict, reason FROM selfheal.propose_partition('catchall', '2036-03-01', 'far away');

-- keys on both sides, and to the table itself
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent VALUES (1);
CREATE TABLE middle (id int, k int, p int REFERENCES parent, boss_k int, boss int, PRIMARY KEY (k, id), FOREIGN KEY (boss_k, boss) REFERENCES middle) PARTITION BY RANGE (k);
CREATE TABLE middle_0 PARTITION OF middle FOR VALUES FROM (0) TO (10);
CREATE TABLE below (k int, id int, FOREIGN KEY (k, id) REFERENCES middle);
SELECT selfheal.watch('middle');
INSERT INTO middle_intake VALUES ('{"id": 1, "k": 15, "p": 1}'), ('{"id": 2, "k": 15, "p": 2}'), ('{"id": 3, "k": 16, "boss_k": 15, "boss": 1}');
:idle
SELECT * FROM tell('middle');
SELECT forecast -> 'also_locks' AS also_locks FROM selfheal.plan WHERE relid = 'middle'::regclass;
INSERT INTO below VALUES (15, 1);
INSERT INTO below VALUES (19, 1);

-- an owner who may not create, a foreign sibling, a temporary one
CREATE ROLE regress_part_owner;
CREATE SCHEMA closed;
CREATE TABLE closed.t (k int) PARTITION BY RANGE (k);
CREATE TABLE closed.t_0 PARTITION OF closed.t FOR VALUES FROM (0) TO (10);
ALTER TABLE closed.t OWNER TO regress_part_owner;
ALTER TABLE closed.t_0 OWNER TO regress_part_owner;
GRANT USAGE ON SCHEMA closed TO regress_part_owner;
SELECT selfheal.watch('closed.t');
INSERT INTO closed.t_intake VALUES ('{"k": 10}');
:idle
SELECT * FROM why('closed.t');
GRANT CREATE ON SCHEMA closed TO regress_part_owner;
SELECT retry('closed.t');
:idle
SELECT b.*, (SELECT relowner::regrole FROM pg_class WHERE oid = b.name::regclass) AS owner FROM bounds('closed.t') b;

-- its own key's function is the owner's, and never the superuser's
GRANT CREATE, USAGE ON SCHEMA partition TO regress_part_owner;
SET ROLE regress_part_owner;
CREATE FUNCTION whose(k int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	IF current_user NOT IN ('regress_part_owner', 'regress_both') THEN RAISE 'ran as %', current_user; END IF;
	RETURN k / 10;
END $$;
CREATE TABLE hostile (k int, "x'; DROP TABLE orders; --" int) PARTITION BY RANGE (whose(k));
CREATE TABLE "hostile'; SELECT 1; --0" PARTITION OF hostile FOR VALUES FROM (0) TO (1);
GRANT INSERT ON hostile TO regress_both;
RESET ROLE;
SELECT selfheal.watch('hostile');
GRANT INSERT ON hostile_intake TO regress_both;
SET ROLE regress_both;
INSERT INTO hostile_intake VALUES ('{"k": 15}');
RESET ROLE;
:idle
SELECT * FROM bounds('hostile');
SELECT * FROM tell('hostile') WHERE what <> 'stored';

SELECT number, verdict, playbooks FROM selfheal.classes() WHERE number IN (14, 15, 16);

-- publications: of the root, of partitions one by one; a foreign sibling
SET client_min_messages = error;
CREATE TABLE pub_root (d int) PARTITION BY RANGE (d);
CREATE TABLE pub_root_0 PARTITION OF pub_root FOR VALUES FROM (0) TO (10);
CREATE TABLE pub_each (d int) PARTITION BY RANGE (d);
CREATE TABLE pub_each_0 PARTITION OF pub_each FOR VALUES FROM (0) TO (10);
CREATE TABLE pub_some (d int) PARTITION BY RANGE (d);
CREATE TABLE pub_some_0 PARTITION OF pub_some FOR VALUES FROM (0) TO (10);
CREATE PUBLICATION regress_part_root FOR TABLE pub_root WITH (publish_via_partition_root = true);
CREATE PUBLICATION regress_part_each FOR TABLE pub_each;
CREATE PUBLICATION regress_part_some FOR TABLE pub_some_0;
CREATE FOREIGN DATA WRAPPER regress_part_fdw;
CREATE SERVER regress_part_server FOREIGN DATA WRAPPER regress_part_fdw;
CREATE TABLE far (d int) PARTITION BY RANGE (d);
CREATE TABLE far_0 PARTITION OF far FOR VALUES FROM (0) TO (10);
CREATE FOREIGN TABLE far_10 PARTITION OF far FOR VALUES FROM (10) TO (20) SERVER regress_part_server;
SELECT count(selfheal.watch(t::regclass)) FROM unnest('{pub_root,pub_each,pub_some,far}'::text[]) t;
INSERT INTO pub_root_intake VALUES ('{"d": 15}');
INSERT INTO pub_each_intake VALUES ('{"d": 15}');
INSERT INTO pub_some_intake VALUES ('{"d": 15}');
INSERT INTO far_intake VALUES ('{"d": 25}');
:idle
SELECT t, b.* FROM unnest('{pub_root,pub_each,pub_some}'::text[]) t, bounds(t::regclass) b;
SELECT table_name, policy, impact FROM selfheal.pending WHERE table_name ~ '^partition.pub' ORDER BY 1;
SELECT * FROM why('far');
DROP PUBLICATION regress_part_root, regress_part_each, regress_part_some;
DROP TABLE far;
DROP SERVER regress_part_server;
DROP FOREIGN DATA WRAPPER regress_part_fdw;
DROP SCHEMA partition, closed CASCADE;
DROP OWNED BY regress_leaf_only, regress_both, regress_part_owner;
DROP ROLE regress_leaf_only, regress_both, regress_part_owner;
