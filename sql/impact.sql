--
-- impact: who downstream feels a plan, line by line, and whether it is true
--
SET client_min_messages = error;	-- wal_level is none of our business
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA im;
SET search_path = im, public;
CREATE FUNCTION public.felt(name regclass, change text, OUT level text, OUT line text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT l ->> 'level', concat(l ->> 'kind', ' ', l ->> 'object', ' (level ' || (l ->> 'depth') || ')', ': ', l ->> 'effect')
	FROM selfheal.vet(name, format('ALTER TABLE %s %s', name, change)) v, jsonb_array_elements(v.impact) WITH ORDINALITY x(l, n)
	WHERE l ->> 'kind' NOT IN ('prepared statements', 'slot') ORDER BY n
$$;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

-- nobody stands on it: what is left is what cannot be seen
CREATE TABLE alone (id int, v varchar(8) NOT NULL, n numeric(8,2));
SELECT l ->> 'level', l - 'level' FROM selfheal.vet('alone', 'ALTER TABLE alone ADD a text, ADD b int, ALTER v TYPE text, ALTER n TYPE numeric'),
	jsonb_array_elements(impact) WITH ORDINALITY x(l, n) WHERE l ->> 'kind' <> 'slot' ORDER BY x.n;
SELECT * FROM felt('alone', 'ADD a text, ALTER v TYPE text, ALTER v DROP NOT NULL');
SELECT verdict, impact IS NULL FROM selfheal.vet('alone', 'ALTER TABLE alone ALTER v DROP NOT NULL, ADD IF NOT EXISTS v text');
-- and it is so: such a statement fails until it is prepared again, others do not
PREPARE all_of AS SELECT * FROM alone;
PREPARE v_of AS SELECT v FROM alone;
PREPARE id_of AS SELECT id FROM alone;
EXECUTE all_of; EXECUTE v_of; EXECUTE id_of;
\set VERBOSITY sqlstate
ALTER TABLE alone ADD a text;
EXECUTE all_of;
EXECUTE all_of;
EXECUTE v_of;
ALTER TABLE alone ALTER v TYPE varchar(9);
EXECUTE v_of;
EXECUTE id_of;
DEALLOCATE all_of;
PREPARE all_of AS SELECT * FROM alone;
EXECUTE all_of;
DEALLOCATE ALL;
\set VERBOSITY default

--
-- Views, three levels of them
--
CREATE TABLE t (id int PRIMARY KEY, amount numeric(8,2) NOT NULL, note varchar(16), small smallint, at timestamp(3));
CREATE VIEW v_all AS SELECT * FROM t;
CREATE VIEW v_some AS SELECT id, amount FROM t;
CREATE VIEW v_net AS SELECT id, amount AS net, amount * 2 AS twice, note || '!' AS loud FROM v_all;
CREATE MATERIALIZED VIEW v_top AS SELECT net, count(*) AS n FROM v_net GROUP BY net;
CREATE VIEW v_where AS SELECT id FROM t WHERE note = 'x' ORDER BY amount;
CREATE VIEW v_other AS SELECT id FROM t;
SELECT * FROM felt('t', 'ALTER amount TYPE numeric(12,2)');
SELECT * FROM felt('t', 'ALTER note TYPE varchar(32)');
SELECT * FROM felt('t', 'ALTER amount DROP NOT NULL');
SELECT * FROM felt('t', 'ADD extra int, ADD "More; of it" text');
DROP VIEW v_all, v_some, v_where, v_other CASCADE;

-- What is said of views is what becomes of them. Views of many forms; each
-- widening is forecast, then done by hand with all views made anew, and the
-- types of their columns compared: each that changed was named, each of which
-- it was said for certain did change, and of the rest nothing was said.
CREATE VIEW w01 AS SELECT t.note, t.amount, t.small, t.at FROM t;
CREATE VIEW w02 AS SELECT s.n, s.a, s.sm FROM (SELECT note AS n, amount AS a, small AS sm FROM t) s;
CREATE VIEW w03 AS WITH c AS (SELECT note, amount, small FROM t) SELECT c.note, c.amount, d.small FROM c, c d;
CREATE VIEW w04 AS SELECT note, amount, small FROM t UNION SELECT 'a', 1.5, 2::smallint;
CREATE VIEW w05 AS SELECT note FROM t UNION ALL SELECT note FROM t;
CREATE VIEW w06 AS SELECT coalesce(note, 'a') AS note, coalesce(amount, 1) AS amount, coalesce(small, 1::smallint) AS small FROM t;
CREATE VIEW w07 AS SELECT upper(note) AS u, amount + 1 AS a, small + 1::smallint AS s, small * 2 AS d FROM t;
CREATE VIEW w08 AS SELECT max(note) AS x, sum(amount) AS s, sum(small) AS ss, count(small) AS c, avg(small) AS av, min(small) AS m FROM t;
CREATE VIEW w09 AS SELECT note, small, count(*) AS n FROM t GROUP BY note, small HAVING max(amount) > 1;
CREATE VIEW w10 AS SELECT c.note, b.amount, id FROM t a JOIN t b USING (id) FULL JOIN t c USING (id);
CREATE VIEW w11 AS SELECT (SELECT note FROM t x WHERE x.id = t.id) AS one, ARRAY(SELECT small FROM t) AS many, EXISTS (SELECT FROM t y WHERE y.small > 1) AS e FROM t;
CREATE VIEW w12 AS SELECT small > 1 AS bigger, note IS NULL AS no, small::text AS word, note::text AS txt, amount::int AS whole, small::int8 AS long, note::varchar(5) AS cut FROM t;
CREATE VIEW w13 AS SELECT CASE WHEN id > 1 THEN note ELSE 'x' END AS c, CASE WHEN small > 1 THEN 'a' ELSE 'b' END AS d, CASE WHEN id > 1 THEN small END AS s FROM t;
CREATE VIEW w14 AS SELECT row_number() OVER (ORDER BY small) AS r, lag(note) OVER (ORDER BY id) AS l, first_value(amount) OVER (ORDER BY id) AS f, lag(small) OVER () AS ls FROM t;
CREATE VIEW w15 AS SELECT DISTINCT ON (note) id, small FROM t ORDER BY note, small;
CREATE VIEW w16 AS SELECT x.v, y.n FROM t, LATERAL (VALUES (note), ('b')) x(v), LATERAL (SELECT small AS n) y;
CREATE VIEW w17 AS SELECT g FROM t, LATERAL generate_series(1, small) g;
CREATE VIEW w18 AS SELECT f FROM t, LATERAL unnest(ARRAY[small, 2::smallint]) f;
CREATE VIEW w19 AS WITH RECURSIVE r(n, s, k) AS (SELECT note, small, 1::smallint FROM t UNION ALL SELECT n, s, k FROM r WHERE s < 1) SELECT n, s, k FROM r;
CREATE VIEW w20 AS SELECT w01.note, w01.amount, w07.s, w06.small FROM w01, w07, w06;
CREATE VIEW w21 AS SELECT note AS same, s AS n, small FROM w20;
CREATE VIEW w22 AS SELECT t AS whole, (t).small AS part, row_to_json(t) AS doc FROM t;
CREATE VIEW w23 AS SELECT ARRAY[note] AS notes, ARRAY[small] AS smalls, to_jsonb(small) AS j, jsonb_build_object('n', note) AS o FROM t;
CREATE MATERIALIZED VIEW w24 AS SELECT note, small, amount FROM t;
CREATE VIEW w25 AS SELECT w24.note, w24.small + 0::smallint AS s FROM w24 WHERE amount > 1;
CREATE VIEW w26 AS SELECT at, at + '1 day' AS next, date_trunc('day', at) AS day, at::date AS d, (note, small) IS NOT NULL AS b FROM t;
CREATE VIEW w27 AS SELECT string_agg(note, ',') AS s, array_agg(small) AS a, array_agg(note) AS n, percentile_disc(0.5) WITHIN GROUP (ORDER BY small) AS p FROM t;
CREATE VIEW w28 AS SELECT note COLLATE "C" AS c, nullif(note, '') AS nn, greatest(amount, 1) AS g, abs(small) AS ab FROM t GROUP BY 1, note, amount, small;
CREATE VIEW w29 AS SELECT x.note FROM (SELECT note FROM t UNION SELECT 'longer than it') x JOIN (SELECT note FROM t EXCEPT SELECT 'y') z USING (note);
CREATE VIEW w30 AS SELECT id FROM w20 RIGHT JOIN t USING (note) WHERE w20.s > 1;
CREATE FUNCTION told(change text) RETURNS TABLE (what text) LANGUAGE plpgsql AS $$
DECLARE
	defs text[];
	names text[];
	before jsonb;
	after jsonb;
	lines jsonb;
	i int;
BEGIN
	SELECT array_agg(format('CREATE %s VIEW im.%I AS %s', CASE relkind WHEN 'm' THEN 'MATERIALIZED' ELSE '' END, relname, pg_get_viewdef(oid)) ORDER BY relname),
		array_agg(relname ORDER BY relname) INTO defs, names FROM pg_class WHERE relnamespace = 'im'::regnamespace AND relkind IN ('v', 'm');
	SELECT jsonb_object_agg(relname || '.' || attname, format_type(atttypid, atttypmod)) INTO before
	FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 WHERE relnamespace = 'im'::regnamespace AND relkind IN ('v', 'm');
	SELECT impact INTO lines FROM selfheal.vet('im.t', 'ALTER TABLE im.t ' || change);
	FOR i IN REVERSE cardinality(defs) .. 1 LOOP
		EXECUTE format('DROP %s VIEW im.%I', CASE WHEN defs[i] LIKE 'CREATE MAT%' THEN 'MATERIALIZED' ELSE '' END, names[i]);
	END LOOP;
	EXECUTE 'ALTER TABLE im.t ' || change;
	FOR i IN 1 .. cardinality(defs) LOOP
		EXECUTE defs[i];
	END LOOP;
	SELECT jsonb_object_agg(relname || '.' || attname, format_type(atttypid, atttypmod)) INTO after
	FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 WHERE relnamespace = 'im'::regnamespace AND relkind IN ('v', 'm');
	RETURN QUERY
	WITH cols AS (
		SELECT split_part(b.key, '.', 1) AS v, split_part(b.key, '.', 2) AS c, b.value AS old, after ->> b.key AS new
		FROM jsonb_each_text(before) b
	), said AS (
		SELECT cols.*, l ->> 'effect' AS effect,
			coalesce((regexp_match(l ->> 'effect', 'its columns? ([^;]*?) becomes? '))[1], '') ~ ('\m' || c || '\M') AS certain,
			coalesce((regexp_match(l ->> 'effect', '(?:^|; )([^;]*), computed from it'))[1], '') ~ ('\m' || c || '\M') AS perhaps
		FROM cols LEFT JOIN jsonb_array_elements(lines) l ON l ->> 'kind' IN ('view', 'materialized view') AND l ->> 'object' = 'im.' || v
	)
	SELECT format('%s.%s %s -> %s: %s', v, c, old, new, CASE WHEN effect IS NULL THEN 'not said' ELSE effect END) FROM said
	WHERE (old <> new AND NOT (certain OR perhaps) AND new NOT LIKE '%record%') OR (certain AND old = new);
	RETURN QUERY
	SELECT format('%s: %s changed, %s of them certain; %s said in vain', change,
		count(*) FILTER (WHERE old <> new), count(*) FILTER (WHERE certain), count(*) FILTER (WHERE old = new AND perhaps))
	FROM (SELECT b.value AS old, after ->> b.key AS new,
			EXISTS (SELECT FROM jsonb_array_elements(lines) l WHERE l ->> 'object' = 'im.' || split_part(b.key, '.', 1)
				AND (regexp_match(l ->> 'effect', 'its columns? ([^;]*?) becomes? '))[1] ~ ('\m' || split_part(b.key, '.', 2) || '\M')) AS certain,
			EXISTS (SELECT FROM jsonb_array_elements(lines) l WHERE l ->> 'object' = 'im.' || split_part(b.key, '.', 1)
				AND (regexp_match(l ->> 'effect', '(?:^|; )([^;]*), computed from it'))[1] ~ ('\m' || split_part(b.key, '.', 2) || '\M')) AS perhaps
		FROM jsonb_each_text(before) b) s;
END
$$;
SELECT told('ALTER note TYPE varchar(32)');
SELECT told('ALTER note TYPE text');
SELECT told('ALTER amount TYPE numeric(12,4)');
SELECT told('ALTER amount TYPE numeric');
SELECT told('ALTER small TYPE integer');
SELECT told('ALTER small TYPE bigint');
SELECT told('ALTER small TYPE numeric');
SELECT told('ALTER at TYPE timestamp(6)');
DROP SCHEMA im CASCADE;
CREATE SCHEMA im;

--
-- What names a column in the catalog, and what does not
--
CREATE TABLE u (id int PRIMARY KEY, a varchar(8) NOT NULL, b varchar(8) NOT NULL, c varchar(8) NOT NULL,
	g text GENERATED ALWAYS AS (b || '!') STORED, CHECK (a <> 'never'), CHECK (id > 0));
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER of_b BEFORE UPDATE OF b ON u FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER when_b BEFORE INSERT ON u FOR EACH ROW WHEN (NEW.b <> '') EXECUTE FUNCTION touch();
CREATE TRIGGER any_row BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON u USING (b = current_user);
CREATE RULE loud AS ON DELETE TO u DO ALSO NOTIFY gone;
CREATE RULE quiet AS ON UPDATE TO u WHERE OLD.b = 'x' DO NOTHING;
CREATE INDEX lower_a ON u (lower(a));
CREATE INDEX some_a ON u (id) WHERE a > '';
CREATE INDEX plain_a ON u (a);
CREATE STATISTICS both_ac ON a, c FROM u;
CREATE FUNCTION parsed() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM u WHERE b = 'x'; END;
SELECT * FROM felt('u', 'ALTER a TYPE varchar(16)');
SELECT * FROM felt('u', 'ALTER b TYPE varchar(16)');
SELECT * FROM felt('u', 'ALTER c TYPE varchar(16)');
SELECT * FROM felt('u', 'ALTER a DROP NOT NULL');
SELECT * FROM felt('u', 'ALTER b DROP NOT NULL');
SELECT * FROM felt('u', 'ADD d int');
DROP TABLE u CASCADE;

-- foreign keys, both ways; the other side keeps its type
CREATE TABLE parent (code varchar(8) PRIMARY KEY, note varchar(8));
CREATE TABLE child (id int PRIMARY KEY, code varchar(8) NOT NULL REFERENCES parent, up int REFERENCES child, note varchar(8));
SELECT * FROM felt('parent', 'ALTER code TYPE varchar(16)');
SELECT * FROM felt('child', 'ALTER code TYPE varchar(16), ALTER code DROP NOT NULL');
SELECT * FROM felt('child', 'ALTER id TYPE bigint');
SELECT * FROM felt('child', 'ALTER note TYPE varchar(16), ADD x int');
SELECT verdict, forecast ->> 'foreign_keys' FROM selfheal.vet('child', 'ALTER TABLE child ALTER code TYPE varchar(16)');

-- the table's row type: columns, functions, domains
CREATE TABLE r (id int, v varchar(8) NOT NULL);
CREATE TABLE holds (one r, many r[]);
CREATE FUNCTION gives() RETURNS SETOF r LANGUAGE sql AS 'SELECT NULL::im.r';
CREATE FUNCTION takes(r) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION neither(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT * FROM felt('r', 'ADD x int');
SELECT * FROM felt('r', 'ALTER v DROP NOT NULL');
SELECT * FROM felt('r', 'ALTER v TYPE text');
DROP TABLE holds;
SELECT verdict, line FROM selfheal.vet('r', 'ALTER TABLE r ALTER v TYPE text'), felt('r', 'ALTER v TYPE text');

-- partitions and children: what they have from the table is said once
CREATE TABLE p (k int NOT NULL, v varchar(8) NOT NULL CHECK (v <> '')) PARTITION BY RANGE (k);
CREATE INDEX p_v ON p (lower(v));
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (1) TO (2);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (2) TO (3) PARTITION BY RANGE (k);
CREATE TABLE p21 PARTITION OF p2 FOR VALUES FROM (2) TO (3);
CREATE TRIGGER rows BEFORE INSERT ON p FOR EACH ROW WHEN (NEW.v <> 'x') EXECUTE FUNCTION touch();
CREATE TRIGGER of_v BEFORE UPDATE OF v ON p FOR EACH ROW EXECUTE FUNCTION touch();
CREATE VIEW p1_only AS SELECT v FROM p1;
CREATE VIEW p1_all AS SELECT * FROM p1;
CREATE INDEX own_p1 ON p1 (upper(v));
SELECT * FROM felt('p', 'ALTER v TYPE varchar(16)');
SELECT * FROM felt('p', 'ALTER v DROP NOT NULL, ADD x int');
SELECT verdict, reason, impact FROM selfheal.vet('p', 'ALTER TABLE p ALTER k TYPE bigint');
CREATE TABLE mother (v varchar(8));
CREATE TABLE "Daughter; 1" (w int) INHERITS (mother);
CREATE VIEW of_daughter AS SELECT w, v AS "Of; her" FROM "Daughter; 1";
SELECT * FROM felt('mother', 'ADD x int');
SELECT * FROM felt('mother', 'ALTER v TYPE varchar(16)');

-- a new label: the type is elsewhere as well
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE moods (id int, m mood CHECK (m <> 'bad'), other mood);
CREATE TABLE more_moods (all_of mood[], note text);
CREATE FUNCTION cheer(mood) RETURNS mood LANGUAGE sql AS 'SELECT $1';
CREATE PUBLICATION moods FOR TABLE moods;
SELECT l ->> 'level', l ->> 'kind', l ->> 'object', l ->> 'effect' FROM selfheal.vet('moods', $$ALTER TYPE im.mood ADD VALUE 'ugly'$$) v,
	jsonb_array_elements(v.impact) l WHERE l ->> 'kind' <> 'slot';
DROP PUBLICATION moods;

-- functions by their words: best effort, and said so
CREATE TABLE orders (id int, amount numeric(8,2), status varchar(8));
CREATE TABLE other (amount int);
CREATE FUNCTION f_yes() RETURNS numeric LANGUAGE plpgsql AS 'DECLARE r numeric(8,2); BEGIN SELECT sum(Amount) INTO r FROM Orders; RETURN r; END';
CREATE FUNCTION f_sql() RETURNS numeric LANGUAGE sql AS 'SELECT sum(o."amount") FROM im.orders o';
CREATE PROCEDURE f_proc() LANGUAGE plpgsql AS 'BEGIN UPDATE orders SET amount = 1; END';
CREATE FUNCTION f_other_table() RETURNS int LANGUAGE sql AS 'SELECT amount FROM im.other';
CREATE FUNCTION f_longer_word() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM total_amount, amount2 FROM orders; RETURN 1; END';
CREATE FUNCTION f_longer_table() RETURNS int LANGUAGE plpgsql AS 'BEGIN PERFORM amount FROM orders_old; RETURN 1; END';
CREATE FUNCTION f_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.amount := 1; RETURN NEW; END';
CREATE FUNCTION f_no_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.amount := 1; RETURN NEW; END';
CREATE TRIGGER f BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION f_trigger();
SELECT * FROM felt('orders', 'ALTER amount TYPE numeric(12,2)');
SELECT * FROM felt('orders', 'ADD r text, ADD total_amount int');
-- and it is so: the variable's name is ambiguous once the column is there
SELECT f_yes();
CREATE FUNCTION f_ambiguous() RETURNS numeric LANGUAGE plpgsql AS 'DECLARE r numeric := 1; BEGIN RETURN (SELECT sum(r) FROM im.orders); END';
SELECT * FROM felt('orders', 'ADD r text');
SELECT f_ambiguous();
ALTER TABLE orders ADD r text;
\set VERBOSITY sqlstate
SELECT f_ambiguous();
\set VERBOSITY default
-- names that need quotes are looked for as they are quoted
CREATE TABLE "Odd ""t" (id int, "Co""l; x" varchar(4), "select" int, plain int);
CREATE FUNCTION f_odd() RETURNS int LANGUAGE sql AS 'SELECT "select" FROM im."Odd ""t" WHERE "Co""l; x" = ''a''';
CREATE FUNCTION f_odd_dot() RETURNS int LANGUAGE sql AS 'SELECT o.select FROM im."Odd ""t" o';
CREATE FUNCTION f_odd_not() RETURNS int LANGUAGE sql AS 'SELECT id FROM im."Odd ""t"';
CREATE VIEW "V; drop" AS SELECT "Co""l; x" AS "Out""put", "select" FROM "Odd ""t";
SELECT line FROM felt('"Odd ""t"', 'ALTER "Co""l; x" TYPE varchar(8), ALTER "select" TYPE bigint');
SELECT line FROM felt('"Odd ""t"', 'ADD "co""l; x" int, ADD id2 int');
SELECT l ->> 'column' FROM selfheal.vet('"Odd ""t"', 'ALTER TABLE "Odd ""t" ALTER "Co""l; x" TYPE varchar(8)'), jsonb_array_elements(impact) l
WHERE l ->> 'kind' = 'view';
-- bounded: so many lines, so many functions
CREATE TABLE busy (id int, v varchar(8) NOT NULL);
DO $$ BEGIN
	FOR i IN 1 .. 60 LOOP
		EXECUTE format('CREATE VIEW busy_%s AS SELECT v FROM busy', lpad(i::text, 3, '0'));
		EXECUTE format('CREATE FUNCTION busy_%s() RETURNS int LANGUAGE sql AS ''SELECT id FROM im.busy WHERE v = 1::text''', lpad(i::text, 3, '0'));
	END LOOP;
END $$;
SELECT split_part(line, ' ', 1) AS kind, count(*), max(line) FROM felt('busy', 'ALTER v DROP NOT NULL') GROUP BY 1 ORDER BY max(line) COLLATE "C";
SELECT line FROM felt('busy', 'ALTER v TYPE text') WHERE line ~ 'and \d+ more';
DO $$ BEGIN
	FOR i IN 1 .. 2001 LOOP
		EXECUTE format('CREATE FUNCTION many_%s() RETURNS int LANGUAGE sql AS ''SELECT 1''', i);
	END LOOP;
END $$;
SELECT line FROM felt('busy', 'ALTER v DROP NOT NULL') WHERE line ~ 'function and maybe';
DO $$ DECLARE f text; BEGIN
	FOR f IN SELECT format('DROP FUNCTION im.%I()', proname) FROM pg_proc WHERE proname ~ '^(many|busy)_\d+$' LOOP EXECUTE f; END LOOP;
END $$;
DROP TABLE busy CASCADE;

--
-- Publications: what stops a subscriber waits for a person, and nothing else
--
CREATE FUNCTION asked(name regclass, change text, OUT verdict text, OUT reason text, OUT lines text)
	LANGUAGE sql AS $$
	SELECT v.verdict, CASE WHEN v.verdict <> 'refuse' THEN regexp_replace(v.reason, ' \(set by [^)]*\)', '') END, (SELECT string_agg(level || ' ' || line, E'\n\t' ORDER BY n) FROM felt(name, change) WITH ORDINALITY x(level, line, n)
		WHERE line ~ '^(publication|replica)')
	FROM selfheal.vet(name, format('ALTER TABLE %s %s', name, change)) v
$$;
CREATE TABLE s (id int PRIMARY KEY, a varchar(8) NOT NULL, b varchar(8) NOT NULL);
SELECT * FROM asked('s', 'ADD x int');
CREATE PUBLICATION "By table" FOR TABLE s;
SELECT * FROM asked('s', 'ADD x int, ADD y int');
SELECT * FROM asked('s', 'ALTER a TYPE varchar(16)');
SELECT * FROM asked('s', 'ALTER a DROP NOT NULL');
SELECT * FROM asked('s', 'ALTER id TYPE bigint');
SELECT * FROM asked('parent', 'ADD x int');
-- who says that its subscribers heal as well is told, and not asked; of a kind
-- of step alone likewise
SELECT selfheal.watch('im.s');
SELECT selfheal.set_policy('im.s', subscribers_heal => true);
SELECT * FROM asked('s', 'ADD x int');
SELECT * FROM asked('s', 'ALTER a DROP NOT NULL');
SELECT selfheal.set_policy('im.s', step => 'widen_type', cost => 'published', verdict => 'review');
SELECT * FROM asked('s', 'ADD x int');
SELECT * FROM asked('s', 'ALTER a TYPE varchar(16)');
SELECT selfheal.set_policy('im.s', subscribers_heal => false);
SELECT * FROM asked('s', 'ADD x int');
SELECT selfheal.unwatch('im.s');
-- a column list leaves the rest out: nobody stops, nobody is asked
ALTER PUBLICATION "By table" SET TABLE s (id, a);
SELECT * FROM asked('s', 'ADD x int');
SELECT * FROM asked('s', 'ALTER b TYPE varchar(16)');
SELECT * FROM asked('s', 'ALTER a TYPE varchar(16)');
SELECT * FROM asked('s', 'ALTER a DROP NOT NULL');
-- a row filter
ALTER PUBLICATION "By table" SET (publish = 'insert');
ALTER PUBLICATION "By table" SET TABLE s WHERE (b <> '');
SELECT * FROM asked('s', 'ALTER b TYPE varchar(16)');
SELECT * FROM asked('s', 'ALTER b DROP NOT NULL');
ALTER PUBLICATION "By table" SET TABLE s WHERE (id > 0);
SELECT * FROM asked('s', 'ALTER a TYPE varchar(16)');
SELECT * FROM asked('s', 'ALTER id TYPE bigint');
SELECT * FROM asked('s', 'ADD x int');
-- two publications: one that carries it is enough
ALTER PUBLICATION "By table" SET TABLE s (id);
CREATE PUBLICATION by_schema FOR TABLES IN SCHEMA im;
SELECT * FROM asked('s', 'ADD x int');
DROP PUBLICATION by_schema;
SELECT * FROM asked('s', 'ADD x int');
CREATE PUBLICATION of_all FOR ALL TABLES;
SELECT * FROM asked('s', 'ADD x int');
SELECT * FROM asked('other', 'ADD x int');
DROP PUBLICATION of_all;
-- an unlogged table is published by nobody
CREATE UNLOGGED TABLE not_logged (id int);
CREATE PUBLICATION by_schema FOR TABLES IN SCHEMA im;
SELECT * FROM asked('not_logged', 'ADD x int');
-- partitions: as the root, or one by one
DROP PUBLICATION by_schema;
CREATE PUBLICATION by_root FOR TABLE p (k) WITH (publish_via_partition_root);
SELECT * FROM asked('p', 'ADD x int');
ALTER PUBLICATION by_root SET TABLE p;
SELECT * FROM asked('p', 'ADD x int');
ALTER PUBLICATION by_root SET (publish_via_partition_root = false);
SELECT * FROM asked('p', 'ADD x int');
ALTER PUBLICATION by_root SET TABLE p21 (k, v);
SELECT * FROM asked('p', 'ADD x int');
SELECT * FROM asked('p', 'ALTER v DROP NOT NULL');
DROP PUBLICATION by_root;
-- what identifies a row to subscribers
ALTER TABLE s REPLICA IDENTITY FULL;
SELECT * FROM asked('s', 'ALTER b TYPE varchar(16)');
SELECT * FROM asked('s', 'ADD x int');
CREATE UNIQUE INDEX s_a ON s (a);
ALTER TABLE s REPLICA IDENTITY USING INDEX s_a;
DROP PUBLICATION "By table";
SELECT * FROM asked('s', 'ALTER a TYPE varchar(16)');
SELECT * FROM asked('s', 'ALTER b TYPE varchar(16)');
SELECT * FROM asked('s', 'ADD x int');

--
-- The lines go with the plan: stored, pending, in the audit and in the story
--
CREATE TABLE shop (id int PRIMARY KEY, name varchar(4), at date NOT NULL);
CREATE VIEW shops AS SELECT * FROM shop;
CREATE PUBLICATION shops FOR TABLE shop;
CREATE VIEW "two
lines" AS SELECT * FROM shop;
CREATE PUBLICATION "two
lines" FOR TABLE shop;
SELECT selfheal.watch('im.shop');
INSERT INTO shop_intake VALUES ('{"id": 1, "name": "ada", "at": "2026-01-01", "colour": "red"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT policy, reason, array_to_string(impact, E'\n') FROM (
	SELECT policy, reason, ARRAY(SELECT i FROM unnest(impact) i WHERE i !~ '^(slot|prepared)') AS impact
	FROM selfheal.pending WHERE table_name = 'im.shop') p;
SELECT p.impact @> '[{"kind": "publication", "object": "shops", "column": "colour", "level": "review"}]' AS plan,
	(SELECT bool_and(a.forecast -> 'impact' = p.impact) FROM selfheal.audit a WHERE a.plan = p.id AND a.event = 'planned') AS audit,
	(SELECT count(*) FROM selfheal.audit a WHERE a.plan = p.id AND a.forecast ? 'impact') AS times,
	p.forecast ? 'impact' AS twice
FROM selfheal.plan p WHERE p.schema_name = 'im' AND p.table_name = 'shop';
-- a name cannot make a line of its own
SELECT count(*), sum(array_length(string_to_array(array_to_string(impact, E'\n'), E'\n'), 1) - array_length(impact, 1))
FROM selfheal.pending WHERE table_name = 'im.shop';
SELECT (regexp_match(selfheal.explain(id), 'felt by [^\n]*'))[1] FROM selfheal.incidents WHERE table_name = 'im.shop';
DROP VIEW "two
lines";
DROP PUBLICATION "two
lines";
-- what is noted since is noted in the plan that waits
CREATE VIEW more_shops AS SELECT id, name, at FROM shop;
INSERT INTO shop_intake VALUES ('{"id": 2, "name": "bo", "at": "2026-01-01", "colour": "blue"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT count(*), max(array_length(array_remove(ARRAY(SELECT i FROM unnest(impact) i WHERE i ~ '^view'), NULL), 1)) FROM selfheal.pending WHERE table_name = 'im.shop';
-- without a publication what is noted makes nothing wait
DROP PUBLICATION shops;
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'im.shop';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, colour FROM shop ORDER BY id;
SELECT verdict, policy, state, impact @> '[{"kind": "view", "object": "im.shops", "level": "note"}]' AS noted
FROM selfheal.plan WHERE schema_name = 'im' AND table_name = 'shop' ORDER BY id DESC LIMIT 1;
-- a proposal has them too
SELECT verdict FROM selfheal.propose('shop', 'ALTER TABLE shop ALTER name TYPE varchar(9)', 'wider');
DROP VIEW shops, more_shops;
SELECT verdict FROM selfheal.propose('shop', 'ALTER TABLE shop ALTER name TYPE varchar(9)', 'wider');
SELECT array_to_string(impact, ', ') ~ 'prepared statements of other sessions' FROM selfheal.pending WHERE table_name = 'im.shop';
SELECT selfheal.propose('shop', 'ALTER TABLE shop ALTER at DROP NOT NULL', 'later') IS NOT NULL;
SELECT policy, impact = '{}' AS nobody FROM selfheal.pending WHERE table_name = 'im.shop' AND why = 'later';

-- who may not read the table sees no line of its plans; who may, sees all
CREATE ROLE im_reader;
CREATE ROLE im_stranger;
SELECT selfheal.grant_to(r, 'viewer') FROM unnest(ARRAY['im_reader', 'im_stranger']) r;
GRANT USAGE ON SCHEMA im TO im_reader, im_stranger;
GRANT SELECT ON shop TO im_reader;
SET ROLE im_stranger;
SELECT count(*) FROM selfheal.pending;
\set VERBOSITY sqlstate
SELECT * FROM selfheal.vet('im.shop', 'ALTER TABLE im.shop ADD x int');
SELECT impact FROM selfheal.plan;
\set VERBOSITY default
SET ROLE im_reader;
SELECT count(*), count(impact) FROM selfheal.pending;
SELECT verdict, impact IS NOT NULL FROM selfheal.vet('im.shop', 'ALTER TABLE im.shop ADD x int');
RESET ROLE;

-- nothing was locked or left locked by all this, and nothing ran
BEGIN;
CREATE FUNCTION boom() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''ran''; END';
CREATE TABLE mine (id int, v varchar(8));
CREATE VIEW booms AS SELECT boom() AS b, v FROM mine;
COMMIT;
BEGIN;
SELECT line FROM felt('mine', 'ALTER v TYPE text');
SELECT count(*) FROM pg_locks l WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.relation >= 16384
	AND l.relation NOT IN (SELECT oid FROM pg_class WHERE relnamespace = 'selfheal'::regnamespace);
ROLLBACK;

SELECT selfheal.unwatch_all() > 0;
DROP SCHEMA im CASCADE;
DROP FUNCTION public.felt(regclass, text);
SELECT count(*) >= 0 FROM (SELECT selfheal.discard(id, 'end', 100) FROM selfheal.incidents WHERE table_name LIKE 'im.%' AND state NOT IN ('healed', 'dismissed')) d;
DROP OWNED BY im_reader, im_stranger;
DROP ROLE im_reader, im_stranger;
