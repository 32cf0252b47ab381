--
-- convert_type: a column whose values are of another type by now. A few are bad
-- values and change nothing; from a share on text is proposed, and a person
-- approves it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA conv;
SET search_path = conv, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
CREATE VIEW waiting AS SELECT w.table_name, w.sql, w.verdict, w.policy, w.rows_waiting, w.dry_run ->> 'held_stored' AS tried_well,
	w.dry_run ->> 'history_tried' AS history, w.dry_run ->> 'history_broken' AS broken, w.forecast ->> 'rewrite' AS rewrite
FROM selfheal.pending w WHERE w.table_name LIKE 'conv.%';
-- a setting of the database, and a worker that has it
CREATE FUNCTION set_db(name text, value text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER DATABASE %I ' || CASE WHEN value IS NULL THEN 'RESET %s' ELSE 'SET %s = %L' END, current_database(), name, value);
	RETURN (SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
		WHERE backend_type = 'selfheal worker' AND datname = current_database());
END $$;
-- rows of one load: n of them, the first bad ones words
CREATE FUNCTION load(t regclass, col text, n int, bad int, word text DEFAULT 'n/k') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %s_intake SELECT format(''{"id": %%s, %%s: %%s}'', i, to_json(%L::text), CASE WHEN i <= %s THEN to_json(%L::text)::text ELSE i::text END) FROM generate_series(1, %s) i',
		t, col, bad, word, n);
END $$;
CREATE FUNCTION verdict(t regclass, q text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s | %s', verdict, CASE WHEN verdict <> 'refuse' THEN coalesce(sql, reason) ELSE reason END) FROM selfheal.vet(t, q)
$$;
CREATE FUNCTION to_type(t regclass, col text, type text) RETURNS text LANGUAGE sql AS $$
	SELECT verdict(t, format('ALTER TABLE %s ALTER %I TYPE %s', t, col, type))
$$;

-- both sides of the share: 19 of 40 and 20 of 40
CREATE TABLE below (id int, qty int);
CREATE TABLE above (id int, qty int);
SELECT selfheal.watch('below'), selfheal.watch('above');
SELECT load('below', 'qty', 41, 20);
SELECT load('above', 'qty', 40, 20);
:idle
SELECT class, column_name, state, reason FROM selfheal.incident WHERE relid IN ('below'::regclass, 'above'::regclass) ORDER BY id;
SELECT * FROM waiting;
SELECT columns('below'), columns('above');
-- the share is settable, and so is the number of rows
SELECT set_db('selfheal.convert_share', '0.45');
SELECT retry('below');
:idle
SELECT table_name, sql FROM waiting ORDER BY 1;
SELECT set_db('selfheal.convert_share', NULL);
CREATE TABLE few (id int, qty int);
SELECT selfheal.watch('few');
SELECT load('few', 'qty', 19, 19);
:idle
SELECT state, reason FROM selfheal.incident WHERE relid = 'few'::regclass;
SELECT load('few', 'qty', 1, 1);
:idle
SELECT state FROM selfheal.incident WHERE relid = 'few'::regclass;
SELECT explanation FROM selfheal.plan WHERE relid = 'few'::regclass;

-- good loads before the first bad one do not count, those between do
CREATE TABLE late (id int, qty int);
SELECT selfheal.watch('late');
SELECT load('late', 'qty', 5000, 0);
SELECT load('late', 'qty', 20, 20);
:idle
SELECT state FROM selfheal.incident WHERE relid = 'late'::regclass;
CREATE TABLE mixed (id int, qty int);
SELECT selfheal.watch('mixed');
SELECT load('mixed', 'qty', 20, 20) FROM selfheal.pause('mixed');
SELECT load('mixed', 'qty', 900, 0);
SELECT load('mixed', 'qty', 20, 20);
SELECT selfheal.resume('mixed');
:idle
SELECT state, reason FROM selfheal.incident WHERE relid = 'mixed'::regclass;

-- no further back than a thousand rows: what came long ago says nothing of today
CREATE TABLE again (id int, qty int);
SELECT selfheal.watch('again');
SELECT load('again', 'qty', 1, 1);
SELECT load('again', 'qty', 2000, 0);
SELECT load('again', 'qty', 1000, 1000);
:idle
SELECT state FROM selfheal.incident WHERE relid = 'again'::regclass;
-- approved: stored values as they were written, held rows as they were sent
CREATE TABLE many (id int, b bool, i int, n numeric(8,3), f float4, d date DEFAULT NULL, ts timestamp(3), tz timestamptz, u uuid, c char(4));
ALTER TABLE many ALTER d DROP DEFAULT;
INSERT INTO many VALUES (1, true, -7, 1.500, 0.1234567, '2024-02-29', '2024-02-29 12:34:56.789', '2024-02-29 12:00+02', '00000000-0000-0000-0000-000000000001', 'ab'),
	(2, NULL, NULL, 'NaN', '-Infinity', '0044-03-15 BC', 'infinity', '-infinity', NULL, NULL);
SELECT selfheal.watch('many');
INSERT INTO many_intake SELECT format('{"id": %s, "b": "x%1$s", "i": "x%1$s", "n": "x%1$s", "f": "x%1$s", "d": "x%1$s", "ts": "x%1$s", "tz": "x%1$s", "u": "x%1$s"}', g) FROM generate_series(11, 30) g
	UNION ALL SELECT '{"id": 31, "i": 99999999999, "c": "abcdef"}';
:idle
SELECT class, column_name, state FROM selfheal.incident WHERE relid = 'many'::regclass ORDER BY 1, 2;
SELECT * FROM waiting WHERE table_name = 'conv.many';
SELECT line FROM selfheal.pending, unnest(impact) line WHERE table_name = 'conv.many' AND line LIKE 'readers%';
-- whatever the server's settings
SELECT set_db('DateStyle', 'German'), set_db('TimeZone', 'Asia/Tokyo'), set_db('extra_float_digits', '-3');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'conv.many';
:idle
SELECT set_db('DateStyle', NULL), set_db('TimeZone', NULL), set_db('extra_float_digits', NULL);
SELECT columns('many');
SELECT * FROM many WHERE id < 12 OR id = 31 ORDER BY id;
SELECT DISTINCT state FROM selfheal.incident WHERE relid = 'many'::regclass;
SELECT inverse FROM selfheal.plan WHERE relid = 'many'::regclass AND state = 'applied';
-- text takes the next word by itself
INSERT INTO many_intake VALUES ('{"id": 40, "i": "any", "d": "tomorrow"}');
:idle
SELECT id, i, d FROM many WHERE id = 40;

-- no policy lets it run by itself
CREATE TABLE free (id int, qty int);
SELECT selfheal.watch('free');
SELECT selfheal.set_policy('free', 'convert_type', NULL, 'auto');
SELECT load('free', 'qty', 20, 20);
:idle
SELECT state FROM selfheal.incident WHERE relid = 'free'::regclass;
SELECT selfheal.set_policy('free', 'convert_type', NULL, 'deny');
SELECT retry('free');
:idle
SELECT state FROM selfheal.incident WHERE relid = 'free'::regclass;

-- what would not survive
CREATE TABLE par (id int PRIMARY KEY);
CREATE TABLE bad (pk int PRIMARY KEY, uq int UNIQUE, ui int, fk int REFERENCES par, ck int CHECK (ck > 0), ex int, pr int, cov int, br int, idn int GENERATED ALWAYS AS IDENTITY, gen int GENERATED ALWAYS AS (cov + 1) STORED,
	src int, day date DEFAULT CURRENT_DATE, num int DEFAULT 7, doc json, arr int[], t text, plain int, h int, opc int);
CREATE UNIQUE INDEX ON bad (ui);
CREATE INDEX ON bad ((ex + 1));
CREATE INDEX ON bad (plain) WHERE pr > 5;
CREATE INDEX bad_cov ON bad (plain) INCLUDE (h);
CREATE INDEX bad_hash ON bad USING hash (h);
CREATE INDEX ON bad USING brin (br int4_minmax_multi_ops);
CREATE INDEX ON bad USING gist (int4range(opc, opc));
SELECT c, to_type('bad', c, 'text') FROM unnest('{pk,uq,ui,fk,ck,ex,pr,br,idn,gen,cov,src,day,num,doc,arr,t,plain,h,opc,nope}'::text[]) c;
SELECT c, to_type('bad', 'num', c) FROM unnest('{text,bigint,numeric,varchar,varchar(20),jsonb,boolean,date}'::text[]) c;
CREATE TABLE parts (k int, v int) PARTITION BY LIST (k);
CREATE TABLE part PARTITION OF parts FOR VALUES IN (1);
CREATE INDEX ON part ((v + 1));
SELECT to_type('parts', 'k', 'text'), to_type('parts', 'v', 'text');
CREATE DOMAIN small AS int;
CREATE TABLE dom (s small);
SELECT to_type('dom', 's', 'text');
-- by SQL, with the cast that PostgreSQL makes anyhow and with no other
SELECT q, verdict('bad', 'ALTER TABLE bad ALTER num TYPE ' || q) FROM unnest(ARRAY['text', 'text USING num::text', 'text USING num::varchar', 'text USING CAST(num AS text)', 'text USING (num)::text', 'text USING plain::text',
	'text USING num', 'text USING num::text || ''x''', 'text USING bad.num::text', 'text COLLATE "C"', 'varchar(30)', 'bigint USING num::bigint']) q;
SELECT verdict('bad', 'ALTER TABLE bad ALTER num TYPE text, ALTER num TYPE bigint');
SELECT verdict('bad', 'ALTER TABLE bad ALTER num TYPE text, ADD x text');
-- a change too small and one too wide for one column end in one plan
CREATE TABLE twice (id int, qty int);
SELECT selfheal.watch('twice');
INSERT INTO twice_intake VALUES ('{"id": 1, "qty": 99999999999}');
:idle
SELECT columns('twice');
INSERT INTO twice_intake SELECT format('{"id": %s, "qty": %s}', i, CASE WHEN i % 2 = 0 THEN '"word"' ELSE '1e30' END) FROM generate_series(1, 40) i;
:idle
SELECT sql FROM waiting WHERE table_name = 'conv.twice';
SELECT class, state FROM selfheal.incident WHERE relid = 'twice'::regclass ORDER BY id;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'conv.twice';
:idle
SELECT columns('twice'), count(*) FROM twice;
-- views on the column are made again
CREATE TABLE seen (id int, qty int);
CREATE VIEW seen_v AS SELECT id, qty FROM seen;
SELECT selfheal.watch('seen');
SELECT load('seen', 'qty', 20, 20);
:idle
SELECT sql, policy FROM waiting WHERE table_name = 'conv.seen';
SELECT line FROM selfheal.pending, unnest(impact) line WHERE table_name = 'conv.seen' AND line LIKE 'view%';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'conv.seen';
:idle
SELECT columns('seen_v'), count(*) FROM seen_v;
-- a view that calculates with it cannot be: nothing is changed
CREATE TABLE sums (id int, qty int);
CREATE VIEW sums_v AS SELECT sum(qty) FROM sums WHERE qty > 5;
SELECT selfheal.watch('sums');
SELECT load('sums', 'qty', 20, 20);
:idle
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'conv.sums';
:idle
SELECT columns('sums'), state, reason FROM selfheal.incident WHERE relid = 'sums'::regclass;
-- two constraints are two reasons of one load
CREATE TABLE rules (a int CONSTRAINT small CHECK (a < 5), b int CONSTRAINT even CHECK (b % 2 = 0), c int CONSTRAINT once UNIQUE);
SELECT selfheal.watch('rules');
INSERT INTO rules_intake VALUES ('{"a": 1, "b": 2, "c": 1}'), ('{"a": 7}'), ('{"b": 3}'), ('{"a": 8}'), ('{"c": 1}'), ('{"b": 5}'), ('{"a": 9}');
SELECT class, context ->> 'constraint' AS "constraint", rows, position FROM selfheal.error WHERE relid = 'rules'::regclass ORDER BY id;
:idle
SELECT class, rows FROM selfheal.incident WHERE relid = 'rules'::regclass ORDER BY id;
-- a row that another constraint refuses by now has another reason
ALTER TABLE rules DROP CONSTRAINT small, DROP CONSTRAINT even, ADD CONSTRAINT negative CHECK (a < 0) NOT VALID;

:idle
SELECT e.context ->> 'constraint' AS "constraint", count(*) FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error WHERE q.relid = 'rules'::regclass GROUP BY 1 ORDER BY 1;
SELECT count(selfheal.discard(q.id, 'end of the test')) > 0 AS discarded FROM selfheal.quarantine q JOIN pg_class c ON c.oid = q.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE q.state = 'held' AND n.nspname = 'conv';
DROP SCHEMA conv CASCADE;
:idle
