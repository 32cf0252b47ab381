--
-- A column that selfheal itself added, by how few values: what contradicts them
-- is offered at once, and from twenty on the column counts like anybody's. And
-- one round for many problems.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA evid;
SET search_path = evid, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
-- n rows of one load
CREATE FUNCTION send(t regclass, col text, value text, n int DEFAULT 1) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('INSERT INTO %s_intake SELECT format(''{"id": %%s, %%s: %%s}'', i, to_json(%L::text), %L) FROM generate_series(1, %s) i', t, col, value, n);
END $$;
CREATE VIEW waiting AS SELECT w.table_name, w.sql, w.policy, w.explanation FROM selfheal.pending w WHERE w.table_name LIKE 'evid.%' ORDER BY w.table_name COLLATE "C";
CREATE VIEW added AS SELECT p.table_name, s ->> 'column' AS "column", s ->> 'type' AS type, (s -> 'evidence')::int AS evidence, p.state
FROM selfheal.plan p, jsonb_array_elements(p.steps -> 'steps') s WHERE p.schema_name = 'evid' AND s ->> 'kind' = 'add_column' ORDER BY p.table_name COLLATE "C", p.id, s ->> 'column' COLLATE "C";
CREATE VIEW inc AS SELECT i.table_name, i.class, i.column_name, i.state FROM selfheal.incident i WHERE i.schema_name = 'evid' ORDER BY i.table_name COLLATE "C", i.id;

-- both sides of twenty
CREATE TABLE few (id int);
CREATE TABLE many (id int);
CREATE TABLE one (id int);
SELECT selfheal.watch('few'), selfheal.watch('many'), selfheal.watch('one');
SELECT send('few', 'qty', '7', 19), send('many', 'qty', '7', 20), send('one', 'qty', '7');
:idle
SELECT * FROM added;
SELECT table_name, explanation FROM selfheal.plan WHERE schema_name = 'evid' ORDER BY table_name COLLATE "C";
-- what a payload would need: the same answer
SELECT class, playbook, sql, verdict FROM selfheal.preview('few', '{"qty": "a lot"}');
SELECT class, playbook, sql, verdict FROM selfheal.preview('many', '{"qty": "a lot"}');
SELECT send('few', 'qty', '"a lot"'), send('many', 'qty', '"a lot"'), send('one', 'qty', '"a lot"');
:idle
SELECT * FROM inc WHERE class = 'wrong_type';
SELECT * FROM waiting;
SELECT o ->> 'option' AS option, o ->> 'taken' AS taken, o ->> 'why' AS why FROM selfheal.pending, jsonb_array_elements(options) o WHERE table_name = 'evid.one';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'evid.few';
SELECT selfheal.reject(plan_id, 'a number it is') FROM selfheal.pending WHERE table_name = 'evid.one';
:idle
SELECT columns('few'), columns('many'), columns('one');
SELECT count(*), count(*) FILTER (WHERE qty = 'a lot') AS words FROM few;
-- what was rejected is not offered for the next word
SELECT send('one', 'qty', '"some"');
:idle
SELECT * FROM inc WHERE table_name = 'one' AND class = 'wrong_type';
SELECT count(*) FROM waiting;

-- a wider number widens by itself, and says by what the old type was taught; then a word
CREATE TABLE wide (id int);
SELECT selfheal.watch('wide');
SELECT send('wide', 'qty', '7', 2);
:idle
SELECT send('wide', 'qty', '7.5');
:idle
SELECT columns('wide'), explanation FROM selfheal.plan WHERE table_name = 'wide' ORDER BY id DESC LIMIT 1;
SELECT send('wide', 'qty', '"a lot"');
:idle
SELECT explanation FROM waiting WHERE table_name = 'evid.wide';

-- other types: all become text
CREATE TABLE types (id int);
SELECT selfheal.watch('types');
INSERT INTO types_intake VALUES ('{"id": 1, "d": "2024-02-29", "b": true, "u": "00000000-0000-0000-0000-000000000001", "odd \"Name": 1}');
:idle
SELECT columns('types');
INSERT INTO types_intake VALUES ('{"id": 2, "d": "soon", "b": "perhaps", "u": "the first", "odd \"Name": "a few"}');
:idle
SELECT sql FROM waiting WHERE table_name = 'evid.types';
-- a word for nothing is read as nothing first, if a person says so
SELECT class, playbook, verdict FROM selfheal.preview('types', '{"b": "n/a"}');

-- what a person says in between ends it; what he says of other columns does not
CREATE TABLE p (id int, other int);
DO $$ BEGIN
	FOR i IN 1..10 LOOP EXECUTE format('CREATE TABLE p%s (LIKE p)', i); PERFORM selfheal.watch(format('p%s', i)::regclass); END LOOP;
	FOR i IN 1..10 LOOP PERFORM send(format('p%s', i)::regclass, 'Qty', '7', 2); END LOOP;
END $$;
:idle
SELECT count(*), min(evidence), max(evidence) FROM added WHERE table_name ~ '^p\d';
ALTER TABLE p1 ALTER other TYPE bigint;
ALTER TABLE p2 ALTER "Qty" SET STATISTICS 50;
ALTER TABLE p3 ALTER "Qty" TYPE numeric;
ALTER TABLE p4 RENAME "Qty" TO n;
ALTER TABLE p5 DROP "Qty";
ALTER TABLE p5 ADD "Qty" bigint;
DO $$ BEGIN EXECUTE 'ALTER TABLE p6 ALTER other SET DEFAULT 1'; END $$;
SELECT selfheal.hint('p7', 'Qty', 'bigint');
ALTER TABLE p8 ALTER "Qty" SET DEFAULT 1;
ALTER TABLE p8 ALTER "Qty" DROP DEFAULT;
ALTER TABLE p9 RENAME TO p9b;
ALTER EVENT TRIGGER selfheal_ddl_end DISABLE;
ALTER TABLE p10 ALTER "Qty" SET DEFAULT 5;
ALTER EVENT TRIGGER selfheal_ddl_end ENABLE;
SELECT t::regclass, p.class, p.sql FROM unnest('{p1,p2,p3,p5,p6,p7,p8,p9b,p10}'::text[]) WITH ORDINALITY u(t, n), selfheal.preview(t::regclass, '{"Qty": "a lot"}') p ORDER BY n;
SELECT class, sql FROM selfheal.preview('p4', '{"n": "a lot"}');
SELECT selfheal.unhint('p7', 'Qty');
SELECT class, sql FROM selfheal.preview('p7', '{"Qty": "a lot"}');

-- a plan that was rejected has added nothing: the column is the person's who did
CREATE TABLE rej (id int);
SELECT selfheal.watch('rej', mode => 'propose');
SELECT send('rej', 'qty', '7');
:idle
SELECT evidence, state FROM added WHERE table_name = 'rej';
-- while it waits, more values teach it: the same plan, and what it knows
SELECT send('rej', 'qty', '7', 2), retry('rej');
:idle
SELECT evidence, state FROM added WHERE table_name = 'rej';
SELECT selfheal.reject(plan_id, 'mine') FROM selfheal.pending WHERE table_name = 'evid.rej';
ALTER TABLE rej ADD qty bigint;
:idle
SELECT class, sql FROM selfheal.preview('rej', '{"qty": "a lot"}');
-- nor is one that a person has proposed a column of ours
CREATE TABLE prop (id int);
SELECT selfheal.watch('prop');
SELECT selfheal.approve(plan_id) FROM selfheal.propose('prop', 'ALTER TABLE prop ADD qty bigint', 'mine');
:idle
SELECT columns('prop');
SELECT class, sql FROM selfheal.preview('prop', '{"qty": "a lot"}');

-- many problems of one row are one round: one plan for what runs by itself, one for what waits
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE all5 (id int, code varchar(3), m mood, day date, parent int REFERENCES parent);
SELECT selfheal.watch('all5');
INSERT INTO all5_intake VALUES ('{"id": 1, "code": "abcdef", "fresh": 5, "m": "glad", "day": "29.02.2024", "parent": 7}');
:idle
SELECT class, column_name, state FROM inc WHERE table_name = 'all5';
SELECT state, playbook, sql FROM selfheal.plan WHERE table_name = 'all5' ORDER BY id;
SELECT event, count(*) FROM selfheal.audit WHERE table_name = 'all5' AND schema_name = 'evid' AND event IN ('diagnosed', 'planned', 'applied') GROUP BY 1 ORDER BY 1;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'evid.all5';
:idle
SELECT class, column_name, state FROM inc WHERE table_name = 'all5';
INSERT INTO parent VALUES (7);
:idle
SELECT * FROM all5;
SELECT class, column_name, state FROM inc WHERE table_name = 'all5';
-- what runs by itself does so though its row waits for a parent
INSERT INTO all5_intake VALUES ('{"id": 2, "more": true, "parent": 8}');
:idle
SELECT class, column_name, state FROM inc WHERE table_name = 'all5' AND state <> 'healed';
SELECT columns('all5');
INSERT INTO parent VALUES (8);
:idle
SELECT id, more FROM all5 ORDER BY id;
-- one plan of each kind, where some rows need no person
CREATE TABLE two (id int, code varchar(3), m mood, need int NOT NULL, size smallint);
SELECT selfheal.watch('two');
INSERT INTO two_intake VALUES ('{"id": 1, "code": "abcdef", "fresh": 5, "need": 1, "size": 70000}'), ('{"id": 2, "m": "angry", "new": true, "need": null}');
:idle
SELECT state, playbook, sql FROM selfheal.plan WHERE table_name = 'two' ORDER BY id;
SELECT i.class, i.column_name, i.state, i.attempts FROM selfheal.incident i WHERE i.relid = 'two'::regclass ORDER BY i.id;
SELECT event, count(*) FROM selfheal.audit WHERE table_name = 'two' AND schema_name = 'evid' AND event IN ('diagnosed', 'planned', 'applied') GROUP BY 1 ORDER BY 1;
SELECT id, fresh FROM two;
-- and hundreds of new keys of one payload are one plan
CREATE TABLE keys (id int);
SELECT selfheal.watch('keys');
INSERT INTO keys_intake SELECT jsonb_object_agg('k' || i, i) || '{"id": 1}' FROM generate_series(1, 300) i;
:idle
SELECT state, count(*), sum(jsonb_array_length(steps -> 'steps')) AS steps FROM selfheal.plan WHERE table_name = 'keys' GROUP BY 1 ORDER BY 1;
SELECT state, count(*), max(attempts) AS attempts FROM selfheal.incident WHERE relid = 'keys'::regclass GROUP BY 1 ORDER BY 1;
SELECT event, count(*) FROM selfheal.audit WHERE table_name = 'keys' AND schema_name = 'evid' AND event IN ('diagnosed', 'planned', 'applied') GROUP BY 1 ORDER BY 1;
SELECT id, k1, k300 FROM keys;
SELECT class, sql FROM selfheal.preview('keys', '{"k299": "a lot"}');

SELECT count(selfheal.discard(q.id, 'end of the test')) > 0 AS discarded FROM selfheal.quarantine q JOIN pg_class c ON c.oid = q.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE q.state = 'held' AND n.nspname = 'evid';
DROP SCHEMA evid CASCADE;
:idle
