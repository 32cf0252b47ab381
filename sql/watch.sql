--
-- watch and unwatch; the intake follows its table through RENAME, SET SCHEMA,
-- swap loads and DROP.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA w;
CREATE SCHEMA w2;
CREATE TABLE w.t (id int, v varchar(3));
SELECT selfheal.watch('w.t');
SELECT pg_get_viewdef('w.t_intake'::regclass);
SELECT tgname, tgenabled, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'w.t_intake'::regclass ORDER BY tgname;
SELECT obj_description('w.t_intake'::regclass);
-- again: what is given changes, the rest stays; each change is in the record
SELECT selfheal.watch('w.t', mode => 'propose', owner => 'orders team');
SELECT relid, intake, mode, owner, paused, on_conflict, reject_limit FROM selfheal.watched WHERE schema_name = 'w';
SELECT selfheal.watch('w.t');
SELECT selfheal.watch('w.t', on_conflict => 'skip_identical', reject_limit => ' 2.50% ');
SELECT mode, owner, on_conflict, reject_limit FROM selfheal.watched WHERE schema_name = 'w';
SELECT selfheal.watch('w.t', 'auto', '', 'hold', 'none');
SELECT selfheal.watch('w.t', 'auto', '', 'hold', 'none');
SELECT mode, owner, on_conflict, reject_limit FROM selfheal.watched WHERE schema_name = 'w';
SELECT event, result FROM selfheal.audit WHERE schema_name = 'w' AND table_name = 't' ORDER BY id;
-- limits that are none; update needs a key that is checked at once
\set VERBOSITY terse
SELECT selfheal.watch('w.t', reject_limit => limits) FROM unnest(ARRAY['0', '100 %', '1234567', '0.000001 %']) limits;
SELECT reject_limit FROM selfheal.watched WHERE schema_name = 'w';
SELECT selfheal.watch('w.t', reject_limit => 1000);
SELECT selfheal.watch('w.t', reject_limit => NULL);
SELECT reject_limit FROM selfheal.watched WHERE schema_name = 'w';
SELECT selfheal.watch('w.t', reject_limit => -1);
SELECT selfheal.watch('w.t', reject_limit => '');
SELECT selfheal.watch('w.t', reject_limit => '-1');
SELECT selfheal.watch('w.t', reject_limit => '1.5');
SELECT selfheal.watch('w.t', reject_limit => '100.1 %');
SELECT selfheal.watch('w.t', reject_limit => '1e3');
SELECT selfheal.watch('w.t', reject_limit => '0x10 %');
SELECT selfheal.watch('w.t', reject_limit => '10 % %');
SELECT selfheal.watch('w.t', reject_limit => '1234567890123456');
SELECT selfheal.watch('w.t', on_conflict => 'replace');
SELECT selfheal.watch('w.t', on_conflict => 'update');
ALTER TABLE w.t ADD CONSTRAINT t_pkey PRIMARY KEY (id) DEFERRABLE;
SELECT selfheal.watch('w.t', on_conflict => 'update');
ALTER TABLE w.t DROP CONSTRAINT t_pkey, ADD CONSTRAINT t_pkey PRIMARY KEY (id);
SELECT selfheal.watch('w.t', on_conflict => 'update');
SELECT selfheal.watch('w.t', on_conflict => 'hold', reject_limit => 'none');
ALTER TABLE w.t DROP CONSTRAINT t_pkey, ALTER id DROP NOT NULL;
\set VERBOSITY default

-- names that need quotes, names of 63 bytes, a name that is taken
CREATE TABLE w."Quoted ""Name""" ("a column" int);
SELECT selfheal.watch('w."Quoted ""Name"""');
INSERT INTO w."Quoted ""Name""_intake" VALUES ('{"a column": 1, "new \"key\"": "x"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM w."Quoted ""Name""";
CREATE TABLE w.a23456789_123456789_123456789_123456789_123456789_123456789_123 (a int);
SELECT selfheal.watch('w.a23456789_123456789_123456789_123456789_123456789_123456789_123');
SELECT length(relname), relname FROM pg_class WHERE relname LIKE 'a23456789%intake';
CREATE TABLE w.taken (a int);
CREATE TABLE w.taken_intake (a int);
SELECT selfheal.watch('w.taken');

-- owner of the view is the table's owner
CREATE ROLE regress_owner;
GRANT USAGE, CREATE ON SCHEMA w TO regress_owner;
CREATE TABLE w.owned (a int);
ALTER TABLE w.owned OWNER TO regress_owner;
SELECT selfheal.watch('w.owned');
SELECT relowner::regrole FROM pg_class WHERE oid = 'w.owned_intake'::regclass;

-- rename, another schema, renamed schema: rows go on, held rows are healed
ALTER TABLE w.t RENAME TO renamed;
SELECT relid, intake, schema_name, table_name FROM selfheal.watched WHERE relid = 'w.renamed'::regclass;
INSERT INTO w.renamed_intake VALUES ('{"id": 1, "v": "four"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
ALTER TABLE w.renamed SET SCHEMA w2;
SELECT relid, intake, schema_name, table_name FROM selfheal.watched WHERE relid = 'w2.renamed'::regclass;
ALTER SCHEMA w2 RENAME TO w3;
SELECT relid, intake, schema_name, table_name FROM selfheal.watched WHERE relid = 'w3.renamed'::regclass;
INSERT INTO w3.renamed_intake VALUES ('{"id": 2, "k": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM w3.renamed ORDER BY id;
-- rolled back: nothing moved
BEGIN;
ALTER TABLE w3.renamed RENAME TO other;
ROLLBACK;
SELECT relid, intake FROM selfheal.watched WHERE relid = 'w3.renamed'::regclass;

-- a swap load: the name is the table; rows that were held go to the new one
CREATE TABLE w.swap (id int, v varchar(3));
SELECT selfheal.watch('w.swap', 'observe');
CREATE ROLE regress_producer;
GRANT USAGE ON SCHEMA w TO regress_producer;
GRANT INSERT ON w.swap_intake TO regress_producer;
INSERT INTO w.swap_intake VALUES ('{"id": 1, "v": "held"}');
BEGIN;
CREATE TABLE w.swap_new (id int, v varchar(3), extra text);
ALTER TABLE w.swap RENAME TO swap_backup;
ALTER TABLE w.swap_new RENAME TO swap;
DROP TABLE w.swap_backup CASCADE;
COMMIT;
SELECT relid, intake, mode FROM selfheal.watched WHERE table_name LIKE 'swap%';
SELECT pg_get_viewdef('w.swap_intake'::regclass);
SELECT has_table_privilege('regress_producer', 'w.swap_intake', 'INSERT');
SELECT selfheal.watch('w.swap', 'auto');
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM w.swap;
-- the new table may be dropped without CASCADE
BEGIN;
DROP TABLE w.swap;
SELECT count(*) AS watched FROM selfheal.watched WHERE table_name LIKE 'swap%';
ROLLBACK;

-- DROP TABLE takes the intake along, without CASCADE; what was held stays
INSERT INTO w3.renamed_intake VALUES ('{"id": "no number"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
DROP TABLE w3.renamed;
SELECT to_regclass('w3.renamed_intake') AS intake;
SELECT count(*) AS watched FROM selfheal.watched WHERE schema_name = 'w3';
SELECT table_name, state, payload FROM selfheal.quarantined WHERE table_name = 'w3.renamed';
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state, closed_by, why FROM selfheal.incidents WHERE table_name = 'w3.renamed' AND state <> 'healed';
SELECT event, result FROM selfheal.audit WHERE table_name = 'renamed' AND event = 'unwatched';

-- given up after that: the record has no table to name, and stays readable
SELECT selfheal.discard(id, 'the table is gone') FROM selfheal.quarantined WHERE table_name = 'w3.renamed';
SELECT event, table_name, explanation FROM selfheal.history WHERE explanation = 'the table is gone';

-- DROP VIEW ends the watch
DROP VIEW w.owned_intake;
SELECT count(*) AS watched FROM selfheal.watched WHERE relid = 'w.owned'::regclass;

-- unwatch: the view goes, held rows stay
CREATE TABLE w.leave (id int);
SELECT selfheal.watch('w.leave', 'observe');
INSERT INTO w.leave_intake VALUES ('{"id": 1, "more": 2}');
SELECT selfheal.unwatch('w.leave');
SELECT to_regclass('w.leave_intake') AS intake;
SELECT count(*) AS held FROM selfheal.quarantine WHERE relid = 'w.leave'::regclass;
-- watched again: they are healed
SELECT selfheal.watch('w.leave');
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM w.leave;

-- a publication FOR ALL TABLES is warned of
SET client_min_messages = error;	-- wal_level is none of our business
CREATE PUBLICATION regress_everything FOR ALL TABLES;
SET client_min_messages = warning;
CREATE TABLE w.published (a int);
SELECT selfheal.watch('w.published');
DROP PUBLICATION regress_everything;

-- partitioned and inherited tables
CREATE TABLE w.parent (id int, v varchar(3)) PARTITION BY RANGE (id);
CREATE TABLE w.child PARTITION OF w.parent FOR VALUES FROM (0) TO (10);
SELECT selfheal.watch('w.parent');
INSERT INTO w.parent_intake VALUES ('{"id": 1, "v": "longer"}'), ('{"id": 2, "v": "abc", "n": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT tableoid::regclass, * FROM w.parent ORDER BY id;

SELECT selfheal.unwatch_all() > 0 AS unwatched;
DROP SCHEMA w CASCADE;
DROP SCHEMA w3 CASCADE;
DROP ROLE regress_owner;
DROP ROLE regress_producer;
