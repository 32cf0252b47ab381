--
-- extend_check_list: a CHECK (column IN (...)) gets more literals, after
-- approval. No other CHECK is touched, and nobody's DROP CONSTRAINT is run.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA lists;
SET search_path = lists, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
CREATE VIEW waiting AS SELECT w.table_name, w.sql, w.verdict, w.policy, w.rows_waiting, w.dry_run ->> 'held_stored' AS tried_well,
	w.dry_run ->> 'history_broken' AS broken, w.forecast ->> 'scan' AS scan, w.forecast ->> 'rewrite' AS rewrite
FROM selfheal.pending w WHERE w.table_name LIKE 'lists.%';
CREATE FUNCTION checks(t regclass) RETURNS TABLE (name name, valid boolean, local boolean, inherits boolean, def text, comment text) LANGUAGE sql AS $$
	SELECT conname, convalidated, conislocal, NOT connoinherit, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')
	FROM pg_constraint WHERE conrelid = t AND contype = 'c' ORDER BY conname
$$;
CREATE FUNCTION approve(t text) RETURNS void LANGUAGE sql AS $$
	SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'lists.' || t
$$;

-- a setting of the database, and a worker that has it
CREATE FUNCTION set_db(name text, value text) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER DATABASE %I ' || CASE WHEN value IS NULL THEN 'RESET %s' ELSE 'SET %s = %L' END, current_database(), name, value);
	RETURN (SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
		WHERE backend_type = 'selfheal worker' AND datname = current_database());
END $$;

CREATE TABLE wares (id int PRIMARY KEY, state varchar(20) CONSTRAINT states CHECK (state IN ('new', 'paid', 'it''s')), n int CONSTRAINT ns CHECK (n > 0));
COMMENT ON CONSTRAINT states ON wares IS 'what a state''s name may be';
CREATE INDEX ON wares (lower(state));
SELECT selfheal.watch('wares');
INSERT INTO wares_intake VALUES ('{"id": 1, "state": "new", "n": 1}'), ('{"id": 2, "state": "paid", "n": 2}'), ('{"id": 3}');
INSERT INTO wares_intake VALUES ('{"id": 4, "state": "shipped"}'), ('{"id": 5, "state": "back\\slash"}'), ('{"id": 6, "state": "Paid"}'), ('{"id": 7, "n": -1}'),
	('{"id": 8, "state": "shipped", "n": 5}'), ('{"id": 9, "state": "lost", "n": -5}');
:idle
SELECT * FROM waiting;
SELECT explanation, options FROM selfheal.plan WHERE relid = 'wares'::regclass;
SELECT steps -> 'steps' AS steps FROM selfheal.plan WHERE relid = 'wares'::regclass;
SELECT line FROM selfheal.pending, unnest(impact) line WHERE table_name = 'lists.wares' ORDER BY 1;
SELECT * FROM checks('wares');
SELECT approve('wares');
:idle
SELECT * FROM tell('wares');
SELECT * FROM checks('wares');
SELECT sql_run FROM selfheal.audit WHERE table_name = 'wares' AND schema_name = 'lists' AND event = 'applied';
SELECT inverse FROM selfheal.plan WHERE relid = 'wares'::regclass AND state = 'applied';
-- a spelling is asked about next; what only another CHECK refuses stays held
SELECT class, state, reason FROM selfheal.incident WHERE relid = 'wares'::regclass AND state <> 'healed' ORDER BY id;
-- new rows, up to the next doubling, are looked at again
INSERT INTO wares_intake VALUES ('{"id": 10, "state": "returned"}'), ('{"id": 11, "state": "PAID"}'), ('{"id": 12, "state": "paid "}'), ('{"id": 13, "state": "new"}');
:idle
SELECT sql, rows_waiting FROM waiting;
SELECT selfheal.reject(plan_id, 'no such state') FROM selfheal.pending WHERE table_name = 'lists.wares';
:idle
SELECT state FROM selfheal.incident WHERE relid = 'wares'::regclass AND state <> 'healed';

-- what is a list, and what is not
CREATE DOMAIN word AS text;
CREATE TABLE kinds (id int,
	l1 text CHECK (l1 IN ('a')), l2 text CHECK (l2 = ANY (ARRAY['aa', 'bb'])), l3 text CHECK (l3 = ANY ('{aa,bb}'::text[])), l4 varchar CHECK (l4 = ANY (ARRAY['aa'::text, 'bb'])),
	l5 int CHECK (l5 IN (1, 2)), l6 bigint CHECK (l6 IN (1, 9999999999)), l7 smallint CHECK (l7 = ANY ('{1,2}')), l8 int CHECK (l8 = 7), l9 varchar(3) CHECK (l9 = 'aa'),
	n1 text CHECK (n1 IN ('aa', 'bb') OR n1 IS NULL), n2 text CHECK (n2 NOT IN ('xx', 'yy')), n3 text CHECK (lower(n3) IN ('aa', 'bb')), n4 int CHECK (n4 BETWEEN 1 AND 3), n5 text CHECK ((n5 IN ('aa', 'bb')) IS NOT FALSE),
	n6 text CHECK (n6 = ALL (ARRAY['aa', 'bb'])), n7 text CHECK (n7 < ANY (ARRAY['aa', 'bb'])), n8 word CHECK (n8 IN ('aa', 'bb')), n9 char(4) CHECK (n9 IN ('aa', 'bb')), n10 numeric CHECK (n10 IN (1, 2)),
	n11 text CHECK (n11 COLLATE "C" IN ('aa', 'bb')), n12 text CHECK (n12 IN ('aa', 'b' || 'b')), n13 text CHECK (('aa' = n13)), n14 text CHECK (n14 IN (n13, 'aa')), n15 text CHECK (NOT n15 = 'xx'), n16 text, n17 text,
	CONSTRAINT pair CHECK (n16 IN ('aa', 'bb') AND n17 IN ('aa', 'bb')), CONSTRAINT eq CHECK (n16 = n17));
SELECT selfheal.watch('kinds', 'propose');
-- each in a round of its own
SELECT format($$INSERT INTO kinds_intake VALUES ('{"id": 1, "%s": %s}')$$, c, CASE WHEN c IN ('l5', 'l6', 'l7', 'l8', 'n4', 'n10') THEN '33' WHEN c = 'l9' THEN '"zz"' WHEN c = 'n2' THEN '"xx"' WHEN c = 'n15' THEN '"xx"' ELSE '"zz"' END)
FROM unnest('{l1,l2,l3,l4,l5,l6,l7,l8,l9,n1,n2,n3,n4,n5,n6,n7,n8,n9,n10,n11,n12,n13,n14,n15,n16}'::text[]) c \gexec
:idle
SELECT regexp_replace(sql, ', DROP', E',\n\tDROP', 'g') AS sql, rows_waiting, tried_well FROM waiting WHERE table_name = 'lists.kinds';
SELECT approve('kinds');
:idle
SELECT count(*) FROM kinds;
SELECT name, def FROM checks('kinds') WHERE name LIKE 'kinds_l%';
SELECT e.context ->> 'constraint' AS held_by FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error WHERE q.relid = 'kinds'::regclass ORDER BY q.id;

-- state and heirs: NOT VALID stays so, NO INHERIT too, partitions follow
CREATE TABLE old (k text, s text CONSTRAINT listed CHECK (s IN ('aa', 'bb')) NO INHERIT);
INSERT INTO old VALUES ('k', 'aa');
ALTER TABLE old ADD CONSTRAINT weird CHECK (k IN ('k', 'l')) NOT VALID;
CREATE TABLE parted (id int, s text CONSTRAINT listed CHECK (s IN ('aa', 'bb'))) PARTITION BY LIST (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
COMMENT ON CONSTRAINT listed ON parted_1 IS 'of the partition';
SELECT selfheal.watch('old'), selfheal.watch('parted');
INSERT INTO old_intake VALUES ('{"k": "k", "s": "cc"}'), ('{"k": "mm"}');
INSERT INTO parted_intake VALUES ('{"id": 1, "s": "cc"}');
:idle
SELECT table_name, sql, scan FROM waiting WHERE table_name IN ('lists.old', 'lists.parted') ORDER BY 1;
SELECT approve('old'), approve('parted');
:idle
SELECT 'old', * FROM checks('old') UNION ALL SELECT 'parted', * FROM checks('parted') UNION ALL SELECT 'part', * FROM checks('parted_1');
SELECT (SELECT count(*) FROM old) AS old, (SELECT count(*) FROM parted) AS parted;
-- a child that has the constraint by itself
CREATE TABLE mixed (id int, s text CONSTRAINT listed CHECK (s IN ('aa', 'bb')));
CREATE TABLE other (id int, s text CONSTRAINT listed CHECK (s IN ('aa', 'bb')));
ALTER TABLE other INHERIT mixed;
SELECT selfheal.watch('mixed');
INSERT INTO mixed_intake VALUES ('{"id": 1, "s": "cc"}');
:idle
SELECT state, reason FROM selfheal.incident WHERE relid = 'mixed'::regclass;

-- no list: many values, few rows, and what is not seen
CREATE TABLE wide (s text CHECK (s IN ('aa', 'bb')));
SELECT selfheal.watch('wide');
INSERT INTO wide_intake SELECT format('{"s": "w%s"}', repeat(chr(97 + i % 26), 4 + i / 26)) FROM generate_series(1, 33) i;
:idle
SELECT state, regexp_replace(reason, '\d+(?=\))', 'n') AS reason FROM selfheal.incident WHERE relid = 'wide'::regclass;
CREATE TABLE rare (s text CHECK (s IN ('aa', 'bb')));
SELECT selfheal.watch('rare');
SELECT set_db('selfheal.list_rows', '3');
INSERT INTO rare_intake VALUES ('{"s": "cc"}'), ('{"s": "cc"}'), ('{"s": "dd\u200b"}'), ('{"s": "dd\u200b"}'), ('{"s": "dd\u200b"}'), ('{"s": ""}'), ('{"s": ""}'), ('{"s": ""}');
:idle
SELECT state, regexp_replace(reason, '\d+(?=\))', 'n') AS reason FROM selfheal.incident WHERE relid = 'rare'::regclass;
SELECT count(*) FROM waiting WHERE table_name = 'lists.rare';
INSERT INTO rare_intake VALUES ('{"s": "cc"}');
SELECT retry('rare');
:idle
SELECT sql FROM waiting WHERE table_name = 'lists.rare';
SELECT set_db('selfheal.list_rows', NULL);
-- an approval is for the constraint that was seen
ALTER TABLE rare DROP CONSTRAINT rare_s_check, ADD CONSTRAINT rare_s_check CHECK (s IN ('aa', 'bb', 'ee'));
:idle
SELECT sql FROM waiting WHERE table_name = 'lists.rare';
-- no policy lets it run by itself, and no SQL says it
SELECT selfheal.set_policy('rare', 'extend_check_list', NULL, 'auto');
SELECT verdict, reason FROM (VALUES ('ALTER TABLE lists.rare DROP CONSTRAINT rare_s_check, ADD CONSTRAINT rare_s_check CHECK (s IN (''aa'', ''bb'', ''cc''))'),
	('ALTER TABLE lists.rare ADD CONSTRAINT more CHECK (s IN (''aa''))'), ('ALTER TABLE lists.rare DROP CONSTRAINT rare_s_check'), ('COMMENT ON CONSTRAINT rare_s_check ON lists.rare IS ''x''')) q(q), selfheal.vet('rare', q);
SELECT count(selfheal.discard(q.id, 'end of the test')) > 0 AS discarded FROM selfheal.quarantine q JOIN pg_class c ON c.oid = q.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE q.state = 'held' AND n.nspname = 'lists';
DROP SCHEMA lists CASCADE;
:idle
