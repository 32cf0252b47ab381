-- What a command on a table that nobody watches costs does not grow with the
-- tables that are watched: it reads none of them but by an index, runs nothing
-- of ours, and leaves no lock.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA ddlcost;
SET search_path = ddlcost;
CREATE TABLE watched (id int PRIMARY KEY, v varchar(4));
SELECT selfheal.watch('watched');
CREATE TABLE plain (id int NOT NULL, v varchar(4), w int);
CREATE VIEW other AS SELECT 1 AS a;
-- in this transaction alone
CREATE FUNCTION cost(run text) RETURNS TABLE (command text, scans bigint, locks bigint) LANGUAGE plpgsql AS $$
DECLARE
	before bigint := (SELECT sum(x.seq_scan) FROM pg_stat_xact_all_tables x WHERE x.schemaname = 'selfheal');
BEGIN
	EXECUTE run;
	RETURN QUERY SELECT run, (SELECT sum(x.seq_scan) FROM pg_stat_xact_all_tables x WHERE x.schemaname = 'selfheal')::bigint - before,
		(SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() AND c.relnamespace = 'selfheal'::regnamespace);
END
$$;
BEGIN;
SELECT * FROM cost('CREATE TEMP TABLE t (id int PRIMARY KEY)');
SELECT * FROM cost('CREATE TEMP TABLE u AS SELECT 1 AS a');
SELECT * FROM cost('CREATE INDEX ON t (id)');
SELECT * FROM cost('ALTER TABLE t ADD v text');
SELECT * FROM cost('DROP TABLE t, u');
SELECT * FROM cost('CREATE TABLE t (id serial PRIMARY KEY, v text)');
SELECT * FROM cost('CREATE TABLE u AS SELECT 1 AS a');
SELECT * FROM cost('CREATE INDEX ON t (v)');
SELECT * FROM cost('ALTER TABLE t ADD w int');
SELECT * FROM cost('ALTER TABLE t ALTER w TYPE bigint');
SELECT * FROM cost('ALTER TABLE t RENAME w TO x');
SELECT * FROM cost('ALTER TABLE t DROP x');
SELECT * FROM cost('DROP TABLE t, u');
SELECT * FROM cost('ALTER VIEW other RENAME TO another');
SELECT * FROM cost('DROP VIEW another');
SELECT * FROM cost('CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ''BEGIN RETURN NEW; END''');
SELECT * FROM cost('CREATE TRIGGER f BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION f()');
ROLLBACK;
-- while those of the watched one are kept, also where it is hidden behind others
ALTER TABLE watched ADD w int;
CREATE INDEX ON watched (v);
CREATE TABLE child () INHERITS (watched);
ALTER TABLE child ADD own int;
ALTER TABLE plain INHERIT watched;
SELECT statement FROM selfheal.ddl WHERE relid = 'watched'::regclass ORDER BY id;
-- a name that is left and taken in one transaction takes the watch along
BEGIN;
ALTER TABLE watched RENAME TO old;
CREATE TABLE watched (id int PRIMARY KEY, v varchar(4));
COMMIT;
SELECT w.relid::regclass FROM selfheal.watched w WHERE w.schema_name = 'ddlcost';
BEGIN;
ALTER TABLE watched RENAME TO older;
CREATE TABLE watched AS SELECT * FROM older;
COMMIT;
SELECT w.relid::regclass FROM selfheal.watched w WHERE w.schema_name = 'ddlcost';
-- an intake ends its watch, also without the triggers that made it one
DROP TRIGGER selfheal_row ON watched_intake;
DROP TRIGGER selfheal_flush ON watched_intake;
DROP VIEW watched_intake;
SELECT count(*) AS watched FROM selfheal.watched w WHERE w.schema_name = 'ddlcost';
DROP SCHEMA ddlcost CASCADE;
