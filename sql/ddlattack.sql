--
-- DDL as a stranger does it: what it costs where nobody watches, and that each
-- change of a watched table is told once, rightly, and never stopped.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA da;
SET search_path = da;

-- what is looked at for a command on a table that nobody watches: whether it
-- is watched, and that by its key; of a temporary table not even that
CREATE FUNCTION looked(OUT relation name, OUT whole boolean) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT relname, seq_scan > 0 FROM pg_stat_xact_all_tables
	WHERE schemaname = 'selfheal' AND seq_scan + coalesce(idx_scan, 0) > 0 ORDER BY 1
$$;
CREATE TABLE many (day int) PARTITION BY RANGE (day);
SELECT selfheal.watch('many');
CREATE TABLE unwatched (id int PRIMARY KEY, v text DEFAULT 'x' CHECK (v <> ''));
CREATE UNIQUE INDEX unwatched_v ON unwatched (v);
SELECT pg_stat_force_next_flush();
BEGIN;
CREATE TEMP TABLE t (a int PRIMARY KEY, b text DEFAULT 'x');
CREATE TEMP TABLE u AS SELECT 1 AS a;
SELECT 2 AS a INTO TEMP v;
DROP TABLE t, u, v;
SELECT * FROM looked();
ROLLBACK;
SELECT pg_stat_force_next_flush();
BEGIN;
CREATE TABLE other (a int);
ALTER TABLE unwatched ADD w int;
ALTER TABLE unwatched DROP w;
DROP INDEX unwatched_v;
COMMENT ON TABLE unwatched IS 'x';
DROP TABLE unwatched, other;
SELECT * FROM looked();
ROLLBACK;
DROP TABLE unwatched;


-- changes that no event trigger sees: the healer finds them when it looks next,
-- before it plans anything
CREATE FUNCTION versions(name text, OUT version int, OUT by text, OUT role boolean, OUT statement text, OUT changes text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT v.version, v.by, v.role = session_user, v.statement,
		(SELECT string_agg(concat_ws(' ', c ->> 'kind', c ->> 'name', c ->> 'was' || ' ->', c ->> 'now', CASE WHEN (c ->> 'breaks')::bool THEN '!' END), '; ' ORDER BY n)
			FROM jsonb_array_elements(v.changes) WITH ORDINALITY x(c, n))
	FROM selfheal.schema_version v WHERE v.table_name = 'da.' || name ORDER BY v.version
$$;
CREATE FUNCTION drifts(name text, OUT column_name text, OUT state text, OUT reason text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT column_name, state, replace(reason, 'by ' || session_user || ':', 'by me:') FROM selfheal.incident
	WHERE schema_name = 'da' AND table_name = name AND class = 'drift' ORDER BY id
$$;
CREATE TYPE feeling AS ENUM ('sad', 'ok');
CREATE TABLE unseen (id int, gone text, narrow varchar(30), old text, feels feeling);
CREATE TABLE lost (id int);
CREATE TABLE called (id int);
SELECT selfheal.watch('unseen'), selfheal.watch('lost'), selfheal.watch('called');
SELECT selfheal.wait_idle('30s') ->> 'idle' AS idle;
SET session_replication_role = replica;
ALTER TABLE unseen DROP gone, ALTER narrow TYPE varchar(10);
ALTER TABLE unseen RENAME old TO new;
ALTER TABLE unseen ADD fine int;
DROP TABLE lost CASCADE;
RESET session_replication_role;
-- a producer sends the column that is gone: it is not made anew for him
INSERT INTO unseen_intake VALUES ('{"id": 1, "gone": "x"}');
SELECT selfheal.wait_idle('30s') ->> 'idle' AS idle;
SELECT * FROM versions('unseen');
SELECT * FROM drifts('unseen');
SELECT * FROM versions('lost');
SELECT count(*) FROM information_schema.columns WHERE table_schema = 'da' AND table_name = 'unseen' AND column_name = 'gone';
-- the event trigger is off; a type changes, which is no change of the table
ALTER EVENT TRIGGER selfheal_ddl_end DISABLE;
ALTER TYPE feeling RENAME VALUE 'ok' TO 'fine';
ALTER TABLE unseen ALTER id SET NOT NULL;
ALTER TABLE called RENAME TO named;
ALTER EVENT TRIGGER selfheal_ddl_end ENABLE;
SELECT selfheal.wake();
SELECT selfheal.wait_idle('30s') ->> 'idle' AS idle;
SELECT * FROM versions('unseen') WHERE version > 2;
SELECT * FROM drifts('unseen') WHERE state <> 'healed' OFFSET 3;
SELECT version, changes FROM versions('named') UNION ALL SELECT version, changes FROM versions('called') ORDER BY 1;
SELECT table_name, intake FROM selfheal.watched WHERE relid = 'named'::regclass;
-- and is as it was again
SET session_replication_role = replica;
ALTER TABLE unseen ADD gone text, ALTER narrow TYPE varchar(30), ALTER id DROP NOT NULL;
ALTER TABLE unseen RENAME new TO old;
ALTER TYPE feeling RENAME VALUE 'fine' TO 'ok';
RESET session_replication_role;
SELECT selfheal.wake();
SELECT selfheal.wait_idle('30s') ->> 'idle' AS idle;
SELECT column_name, state FROM drifts('unseen');
SELECT id, gone FROM unseen;

-- what is old goes, but for what is needed: the newest, what is expected and
-- what came after it, what an open incident may be about
CREATE FUNCTION kept(name text, OUT versions text, OUT commands text) LANGUAGE sql SECURITY DEFINER AS $$
	SELECT (SELECT string_agg(version::text, ' ' ORDER BY version) FROM selfheal.schema_snapshot WHERE schema_name = 'da' AND table_name = name),
		(SELECT string_agg(statement, ' ' ORDER BY id) FROM selfheal.ddl WHERE schema_name = 'da' AND table_name = name)
$$;
CREATE TABLE aged (a int);
CREATE TABLE expected (a int);
CREATE TABLE broken (a int, b int, c int);
CREATE TABLE many_versions (a int);
CREATE TABLE dropped_long_ago (a int);
SELECT selfheal.watch('aged'), selfheal.watch('expected'), selfheal.watch('broken'), selfheal.watch('many_versions'), selfheal.watch('dropped_long_ago');
ALTER TABLE aged ADD b int;
ALTER TABLE aged SET (fillfactor = 90);
ALTER TABLE aged ADD c int;
ALTER TABLE expected ADD b int;
ALTER TABLE expected RENAME b TO bb;
ALTER TABLE expected ADD c int;
SELECT selfheal.expect('expected', 2);
ALTER TABLE broken ADD d int;
DROP TABLE dropped_long_ago CASCADE;
DO $$ BEGIN FOR i IN 1..600 LOOP ALTER TABLE da.many_versions ADD b int; ALTER TABLE da.many_versions DROP b; END LOOP; END $$;
SELECT selfheal.wait_idle('30s') ->> 'idle' AS idle;
UPDATE selfheal.schema_snapshot SET at = at - interval '400 days' WHERE schema_name = 'da' AND table_name <> 'many_versions';
UPDATE selfheal.ddl SET at = at - interval '400 days' WHERE schema_name = 'da' AND table_name <> 'many_versions';
-- of an incident that is open the version is as young as itself, and stays
ALTER TABLE broken DROP b;
ALTER TABLE broken ADD e int;
UPDATE selfheal.schema_snapshot SET at = at - interval '100 days' WHERE schema_name = 'da' AND table_name = 'broken';
SELECT selfheal.wait_idle('30s') ->> 'idle' AS idle;
UPDATE selfheal.incident SET first_seen = first_seen - interval '100 days' WHERE relid = 'broken'::regclass;
ALTER SYSTEM SET selfheal.schema_retention = '90d';
SELECT pg_reload_conf();
\c -
SET client_min_messages = warning;
SET search_path = da;
SHOW selfheal.schema_retention;
SELECT selfheal.wake();
SELECT selfheal.wait_idle('30s') ->> 'idle' AS idle;
SELECT * FROM kept('aged');
SELECT * FROM kept('expected');
SELECT kind, name FROM selfheal.drift('expected');
SELECT * FROM kept('broken');
SELECT count(*), min(version) FROM selfheal.schema_snapshot WHERE relid = 'many_versions'::regclass;
SELECT count(*) BETWEEN 1000 AND 1001 AS commands FROM selfheal.ddl WHERE relid = 'many_versions'::regclass;
SELECT * FROM kept('dropped_long_ago');
\set VERBOSITY sqlstate
SELECT * FROM selfheal.schema_diff('aged', 1, 3);
\set VERBOSITY default
ALTER SYSTEM RESET selfheal.schema_retention;
SELECT pg_reload_conf();

DROP SCHEMA da CASCADE;
