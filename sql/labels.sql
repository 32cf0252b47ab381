--
-- A new label of an enum: held, planned for approval, proven with a label that
-- is there in its place, added in a transaction of its own, stored.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA labels;
SET search_path = labels, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
CREATE FUNCTION labels_of(t regtype) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t
$$;
CREATE VIEW waiting AS SELECT w.sql, w.verdict, w.policy, w.rows_waiting, w.dry_run ->> 'held_stored' AS tried_well,
	w.dry_run -> 'not_covered' AS not_covered, p.steps
FROM selfheal.pending w JOIN selfheal.plan p ON p.id = w.plan_id WHERE w.table_name LIKE 'labels.%';

CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE people (id int PRIMARY KEY, mood mood NOT NULL DEFAULT 'ok' CHECK (mood > 'sad'::mood OR id > 0), name varchar(4));
CREATE INDEX ON people (id) WHERE mood = 'sad';
SELECT selfheal.watch('people');
INSERT INTO people_intake VALUES
	('{"id": 1, "mood": "sad"}'),
	('{"id": 2, "mood": "it''s \"fine\" \\ really"}'),
	('{"id": 3, "mood": "elated"}'),
	('{"id": 4, "mood": "elated", "name": "too long"}'),
	('{"id": 5, "mood": "Sad"}'),
	('{"id": 6, "mood": ""}'),
	('{"id": 7, "mood": 7}'),
	('{"id": 10, "mood": "proud"}'), ('{"id": 11, "mood": "prroud"}');
:idle
SELECT * FROM tell('people');
SELECT * FROM waiting;
SELECT labels_of('mood');
SELECT state, left(reason, 60) AS reason FROM selfheal.incident WHERE relid = 'people'::regclass ORDER BY id;
-- nothing is left of the trial, approval adds the labels and stores the rows
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'labels.people';
:idle
SELECT * FROM tell('people');
SELECT labels_of('mood');
-- the label that may be another spelling stays a person's
SELECT class, state, left(reason, 50) AS reason FROM selfheal.incident WHERE relid = 'people'::regclass AND state <> 'healed' ORDER BY id;
SELECT event, sql_run, result FROM selfheal.audit WHERE table_name = 'people' AND schema_name = 'labels' AND event = 'applied' ORDER BY id;
SELECT inverse FROM selfheal.plan WHERE relid = 'people'::regclass AND sql LIKE '%elated%' AND state = 'applied';
-- a person adds one: what waits for it follows by itself
INSERT INTO people_intake VALUES ('{"id": 8, "mood": "meh"}');
:idle
ALTER TYPE mood ADD VALUE 'meh' BEFORE 'ok';
:idle
SELECT id, mood FROM people WHERE id = 8;
SELECT count(*) FROM selfheal.pending WHERE table_name = 'labels.people';
-- rejected: nothing is added
INSERT INTO people_intake VALUES ('{"id": 9, "mood": "furious"}');
:idle
SELECT selfheal.reject(plan_id, 'not a mood of ours') FROM selfheal.pending WHERE table_name = 'labels.people';
:idle
SELECT labels_of('mood');

-- many words are no labels; an array's and a domain's enum are left to people
CREATE TYPE kind AS ENUM ('a');
CREATE DOMAIN kind_d AS kind;
CREATE TABLE things (id int, kind kind, kinds kind[], d kind_d);
SELECT selfheal.watch('things');
INSERT INTO things_intake SELECT format('{"id": %s, "kind": "%s"}', i, repeat(chr(97 + i % 26), 5 + i / 26)) FROM generate_series(1, 33) i;
:idle
SELECT class, column_name, state, left(reason, 70) AS reason FROM selfheal.incident WHERE relid = 'things'::regclass ORDER BY id;
SELECT count(selfheal.discard(id, 'words')) FROM selfheal.quarantine WHERE relid = 'things'::regclass;
INSERT INTO things_intake VALUES ('{"id": 1, "d": "bbbbb"}'), ('{"id": 2, "kinds": ["a", "bbbbb"]}');
:idle
SELECT class, column_name, state, left(reason, 70) AS reason FROM selfheal.incident WHERE relid = 'things'::regclass AND state <> 'healed' ORDER BY id;
SELECT labels_of('kind');
-- two columns of one type in one row; none of its labels is there yet
CREATE TYPE empty AS ENUM ();
CREATE TABLE voids (a empty, b kind);
SELECT selfheal.watch('voids');
INSERT INTO voids_intake VALUES ('{"a": "first"}'), ('{"b": "second"}');
:idle
SELECT class, column_name, state, left(reason, 90) AS reason FROM selfheal.incident WHERE relid = 'voids'::regclass ORDER BY id;
SELECT sql FROM waiting WHERE sql LIKE '%kind%';

-- what may be proposed
SELECT verdict, reason, steps, sql FROM selfheal.vet('people', $$ALTER TYPE mood ADD VALUE 'glad'$$);
SELECT verdict, reason, sql FROM selfheal.vet('people', $$alter type labels.mood add value if not exists 'it''s'; $$);
SELECT n, verdict, reason FROM (VALUES
	(1, $$ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'$$),
	(2, $$ALTER TYPE mood ADD VALUE 'glad' BEFORE 'ok'$$),
	(3, $$ALTER TYPE kind ADD VALUE 'glad'$$),
	(4, $$ALTER TYPE mood ADD VALUE 'OK'$$),
	(5, $$ALTER TYPE mood ADD VALUE ''$$),
	(6, $$ALTER TYPE mood ADD VALUE 'ok'$$),
	(7, $$ALTER TYPE mood ADD VALUE 'aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg'$$),
	(8, $$ALTER TYPE mood ADD VALUE 'glad'; ALTER TYPE mood ADD VALUE 'mad'$$),
	(9, $$ALTER TYPE mood OWNER TO current_user$$),
	(10, $$ALTER TYPE mood RENAME TO other$$),
	(11, $$ALTER TYPE nosuch ADD VALUE 'glad'$$)) AS v(n, ddl), selfheal.vet('people', ddl) ORDER BY n;
SELECT verdict, reason FROM selfheal.propose('people', $$ALTER TYPE mood ADD VALUE 'glad'$$, 'ours');
SELECT sql, steps FROM waiting WHERE sql LIKE '%glad%';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE sql LIKE '%glad%';
:idle
SELECT labels_of('mood');

-- a type of another owner than the table's
CREATE ROLE regress_label_owner;
GRANT CREATE, USAGE ON SCHEMA labels TO regress_label_owner;
CREATE TABLE theirs (id int, mood mood);
ALTER TABLE theirs OWNER TO regress_label_owner;
SELECT verdict, reason FROM selfheal.vet('theirs', $$ALTER TYPE mood ADD VALUE 'calm'$$);

SELECT selfheal.unwatch_all() IS NOT NULL;
DROP SCHEMA labels CASCADE;
DROP ROLE regress_label_owner;
