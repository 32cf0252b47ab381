--
-- Every object says what it is: relations, columns, functions, event triggers
-- and the schema have a COMMENT; every member belongs to the extension and
-- goes with it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
SELECT obj_description('selfheal'::regnamespace, 'pg_namespace') IS NOT NULL AS schema;
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'selfheal'::regnamespace AND c.relkind IN ('r', 'v', 'S') AND obj_description(c.oid, 'pg_class') IS NULL;
SELECT a.attrelid::regclass, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'selfheal'::regnamespace AND c.relkind = 'r' AND a.attnum > 0
	AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL;
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'selfheal'::regnamespace AND obj_description(p.oid, 'pg_proc') IS NULL;
SELECT e.evtname FROM pg_event_trigger e
WHERE e.evtname LIKE 'selfheal%' AND obj_description(e.oid, 'pg_event_trigger') IS NULL;
SELECT t.typname FROM pg_type t
WHERE t.typnamespace = 'selfheal'::regnamespace AND t.typtype IN ('d', 'e', 'r') AND obj_description(t.oid, 'pg_type') IS NULL;
-- what a dump must carry: every table with data of users, and its sequence; but
-- not the one whose absence tells that a table was restored
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'selfheal'::regnamespace AND c.relkind IN ('r', 'S')
	AND NOT c.oid = ANY ((SELECT extconfig FROM pg_extension WHERE extname = 'selfheal')::oid[]);
-- functions that run as their owner pin their path
SELECT p.oid::regprocedure FROM pg_proc p
WHERE p.pronamespace = 'selfheal'::regnamespace AND p.prosecdef
	AND NOT coalesce(p.proconfig::text ~ 'search_path=pg_catalog, pg_temp', false);
-- names are what people would look for
SELECT string_agg(c.relname, ' ' ORDER BY c.relname COLLATE "C") AS tables FROM pg_class c
WHERE c.relnamespace = 'selfheal'::regnamespace AND c.relkind = 'r';
SELECT string_agg(c.relname, ' ' ORDER BY c.relname COLLATE "C") AS views FROM pg_class c
WHERE c.relnamespace = 'selfheal'::regnamespace AND c.relkind = 'v';
