--
-- A person's own fix: DDL on a watched table, or on a partition of it, has the
-- healer look again at what waits for a person there, and at nothing else.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA own;
SET search_path = own;
CREATE VIEW incidents AS SELECT table_name, class, column_name, state, attempts FROM selfheal.incident WHERE schema_name = 'own';

-- what waits for approval, what no playbook knows, and a bad value
CREATE TABLE t (id int CONSTRAINT few CHECK (id < 10), v varchar(5) NOT NULL);
CREATE TABLE other (id int CHECK (id < 10));
SELECT selfheal.watch('t', 'propose'), selfheal.watch('other');
INSERT INTO t_intake VALUES ('{"id": 1, "v": "longer"}'), ('{"id": 11, "v": "a"}'), ('{"id": "x", "v": "b"}'), ('{"id": 2, "v": null}');
INSERT INTO other_intake VALUES ('{"id": 11}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM incidents ORDER BY table_name, class;
-- a change that is rolled back is none
BEGIN;
ALTER TABLE t ALTER v TYPE text, DROP CONSTRAINT few;
ROLLBACK;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT sum(attempts) FROM incidents WHERE table_name = 't';
-- nor is one that only asks for more
ALTER TABLE t ADD CHECK (id > -5) NOT VALID, ADD UNIQUE (v);
ALTER TABLE t ADD CHECK (id > -6) NOT VALID, ALTER v SET NOT NULL;
SELECT statement, answered FROM selfheal.ddl WHERE schema_name = 'own' AND table_name = 't' ORDER BY id;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT sum(attempts) FROM incidents WHERE table_name = 't';
ALTER TABLE t ALTER v TYPE text, DROP CONSTRAINT few;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM t ORDER BY id;
SELECT table_name, class, column_name, state FROM incidents ORDER BY table_name, class;
SELECT DISTINCT state FROM selfheal.plan WHERE schema_name = 'own' AND sql ~ 'TYPE';
-- the plan that is left asks for what is left
SELECT sql FROM selfheal.pending WHERE table_name = 'own.t';
SELECT count(*) FROM selfheal.ddl WHERE schema_name = 'own' AND NOT answered;

-- the healer's own ALTER is no person's: what waits there is not tried again
SELECT attempts FROM incidents WHERE table_name = 'other';
INSERT INTO other_intake VALUES ('{"id": 1, "colour": "red"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM other;
SELECT class, state, attempts FROM incidents WHERE table_name = 'other' ORDER BY class;
SELECT statement, answered FROM selfheal.ddl WHERE schema_name = 'own' AND table_name = 'other';

-- a column that a person takes away is not made anew for rows that wait
CREATE TABLE thin (id int NOT NULL, v text, w text);
SELECT selfheal.watch('thin');
INSERT INTO thin_intake VALUES ('{"v": "a", "w": "b"}'), ('{"id": "x", "w": "b"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
ALTER TABLE thin DROP w, DROP COLUMN v;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT attname FROM pg_attribute WHERE attrelid = 'thin'::regclass AND attnum > 0 AND NOT attisdropped;

-- nobody waits: nobody is woken
CREATE TABLE calm (id int);
SELECT selfheal.watch('calm');
ALTER TABLE calm ADD v text;
SELECT answered FROM selfheal.ddl WHERE schema_name = 'own' AND table_name = 'calm';

-- a partition stands for its root; a paused table waits until it is resumed
CREATE TABLE p (y int, id int) PARTITION BY LIST (y);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1, 100);
SELECT selfheal.watch('p');
INSERT INTO p_intake VALUES ('{"y": 1, "id": 1}'), ('{"y": 2, "id": 2}'), ('{"y": 3, "id": 3}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state FROM incidents WHERE table_name = 'p';
CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT tableoid::regclass, * FROM p ORDER BY id;
SELECT selfheal.pause('p');
CREATE TABLE p3 (LIKE p);
ALTER TABLE p ATTACH PARTITION p3 FOR VALUES IN (3);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) FROM p;
SELECT selfheal.resume('p');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT tableoid::regclass, * FROM p ORDER BY id;
SELECT class, state FROM incidents WHERE table_name = 'p';

-- the healer has an incident in hand, and may have read the table as it was
CREATE TABLE inhand (id int, v varchar(3));
SELECT selfheal.watch('inhand');
SELECT selfheal.pause('inhand');
INSERT INTO inhand_intake VALUES ('{"id": 1, "v": "long"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
BEGIN;
UPDATE selfheal.incident SET state = 'planning' WHERE relid = 'inhand'::regclass;
ALTER TABLE inhand ADD w text;
SELECT answered FROM selfheal.ddl WHERE relid = 'inhand'::regclass;
ROLLBACK;
SELECT selfheal.unwatch('inhand');

-- a table that is gone before the healer has looked is not looked at
INSERT INTO calm_intake VALUES ('{"id": "x"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
BEGIN;
ALTER TABLE calm ADD w text;
SELECT selfheal.unwatch('calm');
DROP TABLE calm;
COMMIT;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) FROM selfheal.audit WHERE event = 'retried' AND table_name IS NULL;
-- and a record without a table is shown as one
BEGIN;
INSERT INTO selfheal.audit (event, actor_role, actor_client, lsn) VALUES ('setting_changed', 'somebody', 'a test', '0/0');
SELECT event, table_name FROM selfheal.history ORDER BY id DESC LIMIT 1;
ROLLBACK;
SELECT ok FROM selfheal.verify_audit();
DROP SCHEMA own CASCADE;
