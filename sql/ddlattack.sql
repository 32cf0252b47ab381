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

DROP SCHEMA da CASCADE;
