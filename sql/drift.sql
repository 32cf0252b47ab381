--
-- What is expected of a table: expect(), drift(), and what a person's change
-- breaks of it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA dr;
SET search_path = dr;
CREATE FUNCTION drift(name regclass, OUT source text, OUT kind text, OUT name text, OUT expected text, OUT actual text, OUT breaks boolean,
	OUT since boolean, OUT statement text, OUT role boolean) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT source, kind, name, expected, actual, breaks, since IS NOT NULL, left(statement, 60), role = current_user
	FROM selfheal.drift($1)
$$;
CREATE FUNCTION incidents(name text, OUT column_name text, OUT state text, OUT reason text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT column_name, state, replace(reason, 'by ' || current_user || ':', 'by me:') FROM selfheal.incident
	WHERE schema_name = 'dr' AND table_name = name AND class = 'drift' ORDER BY id
$$;

-- a baseline in words, and what is none
CREATE TABLE t (id bigint PRIMARY KEY, name varchar(32), qty numeric(8,2), at timestamptz DEFAULT now());
SELECT selfheal.expect('t', NULL);
SELECT selfheal.watch('t');
SELECT selfheal.expect('t', NULL);
SELECT selfheal.expect('t', '[]');
SELECT selfheal.expect('t', '3');
SELECT selfheal.expect('t', '{}');
SELECT selfheal.expect('t', '{"columns": []}');
SELECT selfheal.expect('t', '{"columns": {}}');
SELECT selfheal.expect('t', '{"columns": {"id": "bigint"}, "stric": true}');
SELECT selfheal.expect('t', '{"columns": {"id": "bigint"}, "strict": "yes"}');
SELECT selfheal.expect('t', '{"columns": {"id": 8}}');
SELECT selfheal.expect('t', '{"columns": {"id": null}}');
SELECT selfheal.expect('t', '{"columns": {"id": {"type": 8}}}');
SELECT selfheal.expect('t', '{"columns": {"id": {"not_null": true}}}');
SELECT selfheal.expect('t', '{"columns": {"id": {"type": "bigint", "default": "1"}}}');
SELECT selfheal.expect('t', '{"columns": {"id": {"type": "bigint", "not_null": 1}}}');
SELECT selfheal.expect('t', '{"columns": {"id": ["bigint"]}}');
\set VERBOSITY sqlstate
SELECT selfheal.expect('t', 'no json');
SELECT selfheal.expect('t', '{"columns": {"id": "bigint; drop table t"}}');
SELECT selfheal.expect('t', '{"columns": {"id": "nosuchtype"}}');
SELECT selfheal.expect('t', '{"columns": {"id": "varchar(0)"}}');
SELECT selfheal.expect('t', '{"columns": {"id": "record"}}');
SELECT selfheal.expect('t', '{"columns": {"id": ""}}');
\set VERBOSITY default
SELECT selfheal.expect('t', '{"columns": {"": "bigint"}}');
SELECT selfheal.expect('t', format('{"columns": {"%s": "bigint"}}', repeat('x', 64))::jsonb);
SELECT selfheal.expect('t', 99);
SELECT selfheal.expect('t_intake', '{"columns": {"id": "bigint"}}');
SELECT count(*) FROM selfheal.expectation WHERE relid = 't'::regclass;
-- what fits, also by other names of the types
SELECT selfheal.expect('t', '{"columns": {"id": "int8", "name": {"type": "varchar(32)", "not_null": false}, "qty": "decimal(8, 2)"}}');
SELECT baseline FROM selfheal.expectation WHERE relid = 't'::regclass;
SELECT * FROM drift('t');
-- strict: nothing else may be there
SELECT selfheal.expect('t', '{"columns": {"id": "int8", "name": "varchar(32)", "qty": "numeric(8, 2)"}, "strict": true}');
SELECT * FROM drift('t');
-- what does not: wider is no break, narrower and missing is
SELECT selfheal.expect('t', '{"columns": {"id": "integer", "name": {"type": "varchar(64)", "not_null": true}, "qty": "text", "gone": {"type": "date", "not_null": true}}}'::jsonb);
SELECT * FROM drift('t');
-- what is there already is told, and is no incident: nobody has changed it
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents('t');
SELECT selfheal.expect('t', NULL::int);
SELECT * FROM drift('t');

-- what breaks the producers: dropped, renamed, narrowed, made NOT NULL
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE p (id bigint, gone text, old text, wide varchar(64), maybe int, num int, feels mood, fine varchar(8));
SELECT selfheal.watch('p');
ALTER TABLE p DROP gone;
ALTER TABLE p RENAME old TO new;
ALTER TABLE p ALTER wide TYPE varchar(32), ALTER num TYPE date USING NULL;
ALTER TABLE p ALTER maybe SET NOT NULL;
ALTER TABLE p ADD must int NOT NULL;
ALTER TYPE mood RENAME VALUE 'ok' TO 'well';
-- and what does not: it only takes more, or is a rule and no shape
ALTER TABLE p ALTER fine TYPE text, ADD extra int, ADD filled int NOT NULL DEFAULT 1, ADD CHECK (id > 0), ADD UNIQUE (id);
CREATE INDEX ON p (wide);
-- nor what nobody sends: what the table computes, an attribute besides
CREATE TYPE pair AS (a int, b text);
CREATE TABLE computed (v text, c text GENERATED ALWAYS AS (upper(v)) STORED, d text GENERATED ALWAYS AS (lower(v)) STORED, p pair);
SELECT selfheal.watch('computed');
ALTER TABLE computed DROP c;
ALTER TABLE computed RENAME d TO e;
ALTER TYPE pair ADD ATTRIBUTE c int;
SELECT column_name, message FROM selfheal.error WHERE relid = 'computed'::regclass;
ALTER TYPE pair DROP ATTRIBUTE a;
SELECT column_name, message FROM selfheal.error WHERE relid = 'computed'::regclass;
-- it is captured by the commit of the change: no load has failed yet
SELECT column_name, door, rows, message, context ->> 'kind' AS kind, context ->> 'statement' AS statement, role = current_user AS me, incident IS NULL OR incident > 0 AS ok
FROM selfheal.error WHERE relid = 'p'::regclass ORDER BY id;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents('p');
SELECT * FROM drift('p');
SELECT replace(regexp_replace(split_part(selfheal.explain(id), E'\n', 1), '^Incident \d+', 'Incident n'), 'by ' || current_user || ':', 'by me:')
FROM selfheal.incidents WHERE table_name = 'dr.p' AND column_name = 'gone';
SELECT DISTINCT reason_kind FROM selfheal.incidents WHERE table_name = 'dr.p' AND class = 'drift';
-- it closes when the table fits again, however that comes
ALTER TABLE p ADD gone text;
ALTER TABLE p RENAME new TO old;
ALTER TABLE p ALTER wide TYPE varchar(80);
ALTER TABLE p ALTER maybe DROP NOT NULL, ALTER must SET DEFAULT 0;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents('p');
ALTER TYPE mood RENAME VALUE 'well' TO 'ok';
ALTER TABLE p ALTER num TYPE int USING 1;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT column_name FROM incidents('p') WHERE state <> 'healed';
SELECT * FROM drift('p');
-- a change that is rolled back is none
BEGIN;
ALTER TABLE p DROP gone;
ROLLBACK;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) FROM incidents('p') WHERE state <> 'healed';
-- nor one that is undone in its transaction
BEGIN;
ALTER TABLE p RENAME old TO new;
ALTER TABLE p RENAME new TO old;
COMMIT;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) FROM incidents('p') WHERE state <> 'healed';

-- one incident a column, which the first change opened; dismiss() and retry()
CREATE TABLE twice (v varchar(64));
SELECT selfheal.watch('twice');
ALTER TABLE twice ALTER v TYPE varchar(32);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
ALTER TABLE twice ALTER v TYPE varchar(16);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents('twice');
SELECT * FROM drift('twice');
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'dr.twice';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT column_name, state FROM incidents('twice');
ALTER TABLE twice ALTER v TYPE varchar(48);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT column_name, state FROM incidents('twice');
SELECT selfheal.dismiss(id, 'we meant it') FROM selfheal.incidents WHERE table_name = 'dr.twice';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM drift('twice');
-- what is expected from now on
ALTER TABLE twice ALTER v TYPE varchar(20);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT column_name, state FROM incidents('twice');
SELECT selfheal.expect('twice', '{"columns": {"v": "varchar(20)"}}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT column_name, state FROM incidents('twice');

-- nothing is altered by itself: what a person meant is not undone without one
CREATE TABLE meant (id int, v varchar(64), w text);
SELECT selfheal.watch('meant');
ALTER TABLE meant ALTER v TYPE varchar(8);
ALTER TABLE meant DROP w;
INSERT INTO meant_intake VALUES ('{"id": 1, "v": "much too long"}'), ('{"id": 2, "w": "w"}'), ('{"id": 3, "x": "new"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM meant ORDER BY id;
SELECT sql, verdict, reason, policy FROM selfheal.pending WHERE table_name = 'dr.meant';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'dr.meant';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM meant ORDER BY id;
SELECT column_name, state FROM incidents('meant');

-- the healer's own changes are none, whatever is expected
CREATE TABLE own (id int);
SELECT selfheal.watch('own');
SELECT selfheal.expect('own', '{"columns": {"id": "int"}, "strict": true}');
INSERT INTO own_intake VALUES ('{"id": 1, "x": "new"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM own;
SELECT source, kind, name, breaks FROM drift('own');
SELECT * FROM incidents('own');
-- nor does a person's change make them so; his own column is
ALTER TABLE own ALTER id TYPE bigint, ADD y int;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents('own');
SELECT source, kind, name, expected, actual, breaks FROM drift('own');

-- a version as baseline
CREATE TABLE v (a int, b varchar(20), c text);
SELECT selfheal.watch('v');
SELECT selfheal.expect('v', (SELECT max(version) FROM selfheal.schema_version WHERE relid = 'v'::regclass));
ALTER TABLE v ADD d int, ALTER b TYPE varchar(10);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents('v');
SELECT * FROM drift('v');
SELECT selfheal.expect('v', (SELECT max(version) FROM selfheal.schema_version WHERE relid = 'v'::regclass));
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT column_name, state FROM incidents('v');
SELECT * FROM drift('v');

-- the team's word: a key that goes elsewhere, or nowhere, is missed by nobody
CREATE TABLE hinted (id int, old text, junk text);
SELECT selfheal.watch('hinted');
ALTER TABLE hinted ADD new text;
ALTER TABLE hinted DROP old, DROP junk;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT column_name, state FROM incidents('hinted');
SELECT selfheal.hint('hinted', 'old', rename_to => 'new'), selfheal.hint('hinted', 'junk', ignore => true);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT column_name, state FROM incidents('hinted');

-- paused and observed tables are told of too; partitions come and go
CREATE TABLE part (id int, day date, v text) PARTITION BY RANGE (day);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
SELECT selfheal.watch('part', 'observe');
CREATE TABLE part_2 PARTITION OF part FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
DROP TABLE part_1;
ALTER TABLE part DROP v;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents('part');

-- tolerance: structural changes
CREATE TABLE strict (id int, v text, w varchar(5));
SELECT selfheal.watch('strict');
SELECT selfheal.set_tolerance('strict', structural_changes => false, past => 'pause');
ALTER TABLE strict ADD x int;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT paused, restraint FROM selfheal.watched WHERE relid = 'strict'::regclass;
ALTER TABLE strict RENAME v TO vv;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT paused, restraint FROM selfheal.watched WHERE relid = 'strict'::regclass;
SELECT exceeded FROM selfheal.tolerances WHERE table_name = 'dr.strict';
INSERT INTO strict_intake VALUES ('{"id": 1, "w": "much longer"}'), ('{"id": 2}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM strict;
ALTER TABLE strict RENAME vv TO v;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT paused, restraint FROM selfheal.watched WHERE relid = 'strict'::regclass;
SELECT * FROM strict ORDER BY id;
SELECT class, state FROM selfheal.incidents WHERE table_name = 'dr.strict' ORDER BY class;

-- who may say what is expected, and see what is not
CREATE ROLE regress_dr_admin;
CREATE ROLE regress_dr_viewer;
SELECT selfheal.grant_to('regress_dr_admin', 'admin'), selfheal.grant_to('regress_dr_viewer', 'viewer');
GRANT USAGE, CREATE ON SCHEMA dr TO regress_dr_admin, regress_dr_viewer;
SET ROLE regress_dr_admin;
CREATE TABLE mine (id int, v text);
SELECT selfheal.watch('mine');
SELECT selfheal.expect('mine', '{"columns": {"v": "text"}}');
SELECT selfheal.expect('t', '{"columns": {"v": "text"}}');
SELECT * FROM selfheal.drift('t');
ALTER TABLE mine DROP v;
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SET ROLE regress_dr_viewer;
SELECT selfheal.expect('mine', '{"columns": {"id": "int"}}');
SELECT * FROM selfheal.drift('mine');
RESET ROLE;
GRANT SELECT ON mine TO regress_dr_viewer;
SET ROLE regress_dr_viewer;
SELECT source, kind, name, expected, actual, breaks, statement, role FROM selfheal.drift('mine');
SELECT class, reason FROM selfheal.incidents WHERE table_name LIKE 'dr.%';
RESET ROLE;

-- tables that are not watched, or go
CREATE TABLE calm (id int, v text);
SELECT * FROM selfheal.drift('calm');
SELECT * FROM selfheal.drift(NULL);
ALTER TABLE mine RENAME TO yours;
SELECT source, kind, name FROM drift('yours');
SELECT selfheal.unwatch('yours');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, closed_by FROM selfheal.incident WHERE schema_name = 'dr' AND table_name = 'mine' AND class = 'drift';
DROP TABLE v, meant;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) FROM selfheal.expectation e WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = e.relid);

SET client_min_messages = error;
DROP SCHEMA dr CASCADE;
DROP OWNED BY regress_dr_admin, regress_dr_viewer;
DROP ROLE regress_dr_admin, regress_dr_viewer;
