--
-- Plain statements that fail beside a watched table, or by somebody who may
-- not write it: they change nothing of it. And statements whose row is not
-- theirs alone: the table heals, and nothing is stored in the client's place.
--
SET client_min_messages = warning;
\pset null '-'
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA st;
SET search_path = st;
CREATE ROLE regress_stray;
GRANT USAGE, CREATE ON SCHEMA st TO regress_stray;

-- columns of a table, what is known of it, how many rows it has
CREATE FUNCTION told(name text, OUT shape text, OUT errors text, OUT incidents text) LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM selfheal.wait_idle('60s');
	SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) INTO shape
	FROM pg_attribute WHERE attrelid = ('st.' || name)::regclass AND attnum > 0 AND NOT attisdropped;
	SELECT string_agg(concat_ws(' ', class, column_name, CASE WHEN noted THEN 'noted' END, opaque), '; ' ORDER BY class, column_name) INTO errors
	FROM (SELECT *, context ->> 'opaque' AS opaque FROM selfheal.error) e WHERE schema_name = 'st' AND table_name = name;
	SELECT string_agg(concat_ws(' ', class, column_name, state), '; ' ORDER BY class, column_name) INTO incidents
	FROM selfheal.incident WHERE schema_name = 'st' AND table_name = name;
END $$;

-- who may write nothing of a table: his own view of it, his own error with its
-- name, a view that writes in his name
CREATE TABLE victim (id int PRIMARY KEY, v varchar(5));
CREATE TABLE victim_parts (id int, day date) PARTITION BY RANGE (day);
CREATE TABLE victim_parts_1 PARTITION OF victim_parts FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE victim_parts_2 PARTITION OF victim_parts FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
CREATE VIEW victim_invoker WITH (security_invoker) AS SELECT * FROM victim;
GRANT INSERT ON victim_invoker TO regress_stray;
SELECT selfheal.watch('victim'), selfheal.watch('victim_parts');
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;
SET ROLE regress_stray;
CREATE VIEW his_view AS SELECT id, v FROM victim;
CREATE TABLE his (a int);
CREATE FUNCTION lie(code text, relation text, details text) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'value too long for type character varying(5)' USING
		ERRCODE = code, SCHEMA = 'st', TABLE = relation, COLUMN = 'v', DETAIL = details;
END $$;
\set VERBOSITY sqlstate
INSERT INTO his_view VALUES (1, 'longer than five');
INSERT INTO his_view (id, news) VALUES (1, 2);
INSERT INTO his SELECT lie('22001', 'victim', '');
INSERT INTO his SELECT lie('23514', 'victim_parts', 'Partition key of the failing row contains (day) = (2026-01-03).');
INSERT INTO victim_invoker VALUES (1, 'longer than five');
INSERT INTO victim VALUES (1, 'longer than five');
RESET ROLE;
SELECT * FROM told('victim');
SELECT * FROM told('victim_parts');
-- whose view it is counts, and what he may write
ALTER VIEW his_view OWNER TO CURRENT_USER;
SET ROLE regress_stray;
INSERT INTO his_view VALUES (1, 'longer than five');
RESET ROLE;
SELECT * FROM told('victim');
GRANT INSERT ON his_view TO regress_stray;
SET ROLE regress_stray;
INSERT INTO his_view VALUES (1, 'longer than five');
RESET ROLE;
SELECT * FROM told('victim');

-- a temporary table of the same name
CREATE TABLE shadowed (id int PRIMARY KEY, v varchar(5), n smallint);
SELECT selfheal.watch('shadowed');
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;
CREATE TEMP TABLE shadowed (id int, v varchar(5), n smallint);
INSERT INTO shadowed VALUES (1, 'longer than five');
INSERT INTO shadowed (id, n) VALUES (1, '70000');
INSERT INTO shadowed (id, news) VALUES (1, 2);
COPY shadowed (id, v) FROM STDIN;
1	longer than five
\.
SELECT * FROM told('shadowed');
DROP TABLE pg_temp.shadowed;
-- which its transaction takes with it, by another name first
BEGIN;
CREATE TEMP TABLE other AS TABLE st.shadowed;
ALTER TABLE other RENAME TO shadowed;
INSERT INTO shadowed (id, n) VALUES (1, '70000');
ROLLBACK;
BEGIN;
CREATE TEMP TABLE shadowed AS TABLE st.shadowed;
INSERT INTO shadowed VALUES (1, 'longer than five');
ROLLBACK;
SELECT * FROM told('shadowed');
-- a name with its schema is no other table's, and what is discarded is gone
INSERT INTO st.shadowed (id, n) VALUES (1, '70000');
DISCARD TEMP;
INSERT INTO shadowed (id, v) VALUES (1, 'longer than five');
SELECT * FROM told('shadowed');

-- a row that comes from somewhere, or depends on something; a statement that
-- does more, or nothing
CREATE TABLE once (id int PRIMARY KEY, v varchar(5));
CREATE TABLE gate (x int);
SELECT selfheal.watch('once', replay_statements => true);
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;
INSERT INTO once SELECT 1, 'longer' FROM once FOR UPDATE;
INSERT INTO once SELECT 2, 'longer' WHERE NOT EXISTS (SELECT FROM gate WHERE x = 2);
INSERT INTO once SELECT 3, 'longer' FROM gate LIMIT 1;
INSERT INTO once SELECT 4, 'longer' HAVING (SELECT count(*) FROM gate) > 0;
WITH taken AS (DELETE FROM gate RETURNING x) INSERT INTO once VALUES (5, 'longer');
INSERT INTO once VALUES (6, 'longer') ON CONFLICT DO NOTHING;
EXPLAIN INSERT INTO once VALUES (7, 'longer');
COPY (INSERT INTO once VALUES (8, 'longer') RETURNING id) TO STDOUT;
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;
TABLE once;
PREPARE later AS INSERT INTO once VALUES ('x9', 'y');
-- and what is a row and nothing else (from what widened the column on)
INSERT INTO once SELECT 10, repeat('x', 3) || 'no literal, and longer than the ladder goes for one like it';
INSERT INTO once SELECT 11, 'a literal without a source, which is as long as it takes to fail here';
INSERT INTO once VALUES (12, 'a literal without a source, which is as long as it takes to fail here');
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;
SELECT id FROM once ORDER BY id;

-- a default that asks the session which sent the row
CREATE TABLE tenants (id int PRIMARY KEY, v varchar(5), tenant text DEFAULT current_setting('app.tenant', true));
CREATE TABLE logins (id int PRIMARY KEY, v varchar(5), who text DEFAULT session_user);
CREATE TABLE times (id int PRIMARY KEY, v varchar(5), at timestamptz DEFAULT now(), who text DEFAULT current_user, n bigserial);
SELECT selfheal.watch('tenants', replay_statements => true), selfheal.watch('logins', replay_statements => true),
	selfheal.watch('times', replay_statements => true);
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;
SET app.tenant = 'ours';
INSERT INTO tenants (id, v) VALUES (1, 'longer than five');
INSERT INTO tenants (id, v, tenant) VALUES (2, 'longer than five', 'said');
INSERT INTO logins (id, v) VALUES (1, 'longer than five');
INSERT INTO times (id, v) VALUES (1, 'longer than five');
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;
INSERT INTO tenants (id, v) VALUES (1, 'longer than five');
SELECT id, tenant FROM tenants ORDER BY id;
SELECT count(*) FROM logins;
SELECT id, n FROM times;

-- which of its values a statement failed for
CREATE TYPE pair AS (x varchar(5), y int);
CREATE TABLE misnamed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v varchar(5), p pair);
CREATE TABLE conflicting (id int PRIMARY KEY, v varchar(5), n smallint);
INSERT INTO conflicting VALUES (1, 'a', 1);
SELECT selfheal.watch('misnamed'), selfheal.watch('conflicting');
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;
INSERT INTO conflicting VALUES (1, 'b') ON CONFLICT (id) DO UPDATE SET v = 'longer than five';
INSERT INTO conflicting VALUES (1, 'b') ON CONFLICT (id) DO UPDATE SET n = 70000;
SELECT * FROM told('conflicting');
INSERT INTO conflicting VALUES (1, 'b') ON CONFLICT (id) DO UPDATE SET v = 'longer than five', n = 70000;
TABLE conflicting;
INSERT INTO misnamed (id, v) OVERRIDING SYSTEM VALUE VALUES (7, 'longer than five');
INSERT INTO misnamed (p) VALUES (ROW('longer than five', 1));
SELECT * FROM told('misnamed');
INSERT INTO misnamed (id, v) OVERRIDING SYSTEM VALUE VALUES (7, 'longer than five');
SELECT id, v FROM misnamed;

\set VERBOSITY default
SET client_min_messages = error;
DROP SCHEMA st CASCADE;
DROP OWNED BY regress_stray;
DROP ROLE regress_stray;
