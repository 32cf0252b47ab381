--
-- DDL as a stranger does it: what it costs where nobody watches, and that each
-- change of a watched table is told once, rightly, and never stopped.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA da;
SET search_path = da;

-- what is looked at when a table goes that nobody watches: whether it is
-- watched, and that by its key; of a temporary table not even that
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
DROP INDEX unwatched_v;
DROP TABLE unwatched;
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
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SET session_replication_role = replica;
ALTER TABLE unseen DROP gone, ALTER narrow TYPE varchar(10);
ALTER TABLE unseen RENAME old TO new;
ALTER TABLE unseen ADD fine int;
DROP TABLE lost CASCADE;
RESET session_replication_role;
-- a producer sends the column that is gone: it is not made anew for him
INSERT INTO unseen_intake VALUES ('{"id": 1, "gone": "x"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
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
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
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
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT column_name, state FROM drifts('unseen');
SELECT id, gone FROM unseen;

-- what people do: each is one version, told once, and nothing fails by it
CREATE TYPE pair AS (x int, "Y y" text);
CREATE DOMAIN dom AS text;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE t (id int NOT NULL, v varchar(10), p pair, d dom, g int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE parts (id int, day int) PARTITION BY RANGE (day);
SELECT selfheal.watch('t'), selfheal.watch('parts');
ALTER TYPE pair ADD ATTRIBUTE z int;
ALTER TYPE pair DROP ATTRIBUTE x;
ALTER TABLE t ALTER g DROP EXPRESSION;
ALTER TABLE t ADD CONSTRAINT fk FOREIGN KEY (id) REFERENCES parent NOT VALID;
DROP TABLE parent CASCADE;
ALTER DOMAIN dom ADD CHECK (VALUE <> '') NOT VALID;
CREATE UNIQUE INDEX CONCURRENTLY t_id ON t (id);
REINDEX INDEX CONCURRENTLY t_id;
ALTER TABLE t ADD CONSTRAINT t_key UNIQUE USING INDEX t_id;
ALTER TABLE t REPLICA IDENTITY FULL, ALTER v SET STORAGE EXTERNAL;
CREATE POLICY p ON t USING (true);
DROP POLICY p ON t;
DROP DOMAIN dom CASCADE;
SELECT * FROM versions('t');
SELECT column_name, message FROM selfheal.error WHERE relid = 't'::regclass AND class = 'drift' ORDER BY id;
CREATE TABLE p1 PARTITION OF parts FOR VALUES FROM (1) TO (2);
CREATE TABLE pd PARTITION OF parts DEFAULT;
DROP TABLE pd;
ALTER TABLE parts DETACH PARTITION p1 CONCURRENTLY;
CREATE UNIQUE INDEX parts_day ON parts (day);
DROP INDEX parts_day;
SELECT * FROM versions('parts');
-- who has no right on schema selfheal, with names of ours in his way
CREATE ROLE regress_stranger;
GRANT ALL ON SCHEMA da TO regress_stranger;
CREATE TABLE his (id int, x text, y text);
SELECT selfheal.watch('his');
ALTER TABLE his OWNER TO regress_stranger;
SET ROLE regress_stranger;
SET search_path = pg_temp, da;
CREATE TEMP TABLE watched (relid oid, intake oid, schema_name text, table_name text);
CREATE TEMP TABLE pg_class (oid oid, relname name, relnamespace oid);
CREATE TEMP TABLE his (id int);
ALTER TABLE his ADD q int;
ALTER TABLE da.his DROP x;
DROP TABLE his;
SET search_path = da;
BEGIN;
ALTER TABLE his ADD s1 int;
SAVEPOINT a;
ALTER TABLE his DROP y;
ROLLBACK TO a;
COMMIT;
DO $$ BEGIN BEGIN ALTER TABLE his DROP y; RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END; ALTER TABLE his ADD s2 int; END $$;
RESET ROLE;
-- another event trigger, which runs DDL of its own in the middle of a drop
CREATE TABLE victim (id int);
SELECT selfheal.watch('victim');
CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN
	IF current_setting('da.meddle', true) = '1' THEN
		PERFORM set_config('da.meddle', '0', true);
		DROP TABLE da.victim;
	END IF;
END $f$;
CREATE EVENT TRIGGER aa_regress_meddle ON sql_drop EXECUTE FUNCTION meddle();
BEGIN;
SET LOCAL da.meddle = '1';
ALTER TABLE his DROP s1;
COMMIT;
DROP EVENT TRIGGER aa_regress_meddle;
SELECT version, by, role, statement, changes FROM versions('his');
SELECT version, statement, changes FROM versions('victim');
DROP OWNED BY regress_stranger CASCADE;
SELECT version, statement, changes FROM versions('his') ORDER BY 1 DESC LIMIT 1;
DROP ROLE regress_stranger;

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
DO $$ BEGIN FOR i IN 1..510 LOOP ALTER TABLE da.many_versions ADD b int; ALTER TABLE da.many_versions DROP b; END LOOP; END $$;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
UPDATE selfheal.schema_snapshot SET at = at - interval '400 days' WHERE schema_name = 'da' AND table_name <> 'many_versions';
UPDATE selfheal.ddl SET at = at - interval '400 days' WHERE schema_name = 'da' AND table_name <> 'many_versions';
-- of an incident that is open the version is as young as itself, and stays
ALTER TABLE broken DROP b;
ALTER TABLE broken ADD e int;
UPDATE selfheal.schema_snapshot SET at = at - interval '100 days' WHERE schema_name = 'da' AND table_name = 'broken';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
UPDATE selfheal.incident SET first_seen = first_seen - interval '100 days' WHERE relid = 'broken'::regclass;
ALTER SYSTEM SET selfheal.schema_retention = '90d';
SELECT pg_reload_conf();
\c -
SET client_min_messages = warning;
SET search_path = da;
SHOW selfheal.schema_retention;
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
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
