--
-- What a database feels of us where nothing is watched: commands on tables of
-- others leave no lock on ours, and our functions obey the rules that
-- PostgreSQL's own suite (opr_sanity) makes for all that are installed.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA neighbour;
SET search_path = neighbour;
CREATE VIEW ours AS
SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.locktype = 'relation' AND l.pid = pg_backend_pid() AND c.relnamespace = 'selfheal'::regnamespace;
-- there is a watched table to be told from the others
CREATE TABLE watched (id int PRIMARY KEY);
SELECT selfheal.watch('watched');
BEGIN;
CREATE TABLE plain (id int PRIMARY KEY, v varchar(4), s serial);
CREATE TABLE part (id int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (1) TO (2);
CREATE TYPE two AS (a int, b int);
CREATE DOMAIN short AS varchar(4);
ALTER TABLE plain ADD w int, ALTER v TYPE varchar(8), ADD d short;
ALTER TABLE plain RENAME w TO x;
ALTER TYPE two ADD ATTRIBUTE c int;
ALTER DOMAIN short SET NOT NULL;
ALTER SEQUENCE plain_s_seq RESTART;
CREATE INDEX ON plain (v);
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER pass BEFORE INSERT ON plain FOR EACH ROW EXECUTE FUNCTION pass();
CREATE POLICY p ON plain;
ALTER TABLE part DETACH PARTITION part_1;
CREATE TABLE made AS SELECT 1 AS id;
DROP TABLE made, part, part_1;
ALTER TABLE plain DROP v;
SELECT * FROM ours;
ROLLBACK;
-- and of a load, the tables that it has written
BEGIN;
INSERT INTO watched_intake VALUES ('{"id": 1}');
SELECT * FROM ours;
ROLLBACK;

-- the rules
SELECT p.oid::regprocedure AS immutable_but_not_parallel_safe FROM pg_proc p
WHERE p.pronamespace = 'selfheal'::regnamespace AND p.provolatile = 'i' AND p.proparallel = 'u';
SELECT p.oid::regprocedure AS definer FROM pg_proc p
WHERE p.pronamespace = 'selfheal'::regnamespace AND p.prosecdef ORDER BY p.proname;
SELECT p.oid::regprocedure AS definer_without_path FROM pg_proc p
WHERE p.pronamespace = 'selfheal'::regnamespace AND p.prosecdef
	AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%');
-- an immutable function, and the view that calls it, keep no query from being parallel
SELECT p.proparallel FROM pg_proc p WHERE p.oid = 'selfheal.waits_for(text, boolean)'::regprocedure;
DROP TABLE watched;
DROP SCHEMA neighbour CASCADE;
