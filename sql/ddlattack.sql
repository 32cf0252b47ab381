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

DROP SCHEMA da CASCADE;
