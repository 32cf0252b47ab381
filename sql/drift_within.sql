--
-- Drift of what nobody has seen: what a transaction makes and changes again
-- before it is committed. And of a type that is renamed: it is the same type.
--
SET client_min_messages = warning;
\pset null '-'
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA dw;
SET search_path = dw;

CREATE FUNCTION drifts(OUT name text, OUT state text, OUT reason text) RETURNS SETOF record LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	PERFORM selfheal.wait_idle('60s');
	RETURN QUERY SELECT i.column_name::text, i.state::text, replace(i.reason, 'by ' || session_user || ':', 'by me:') FROM selfheal.incident i
	WHERE i.schema_name = 'dw' AND i.class = 'drift' ORDER BY i.id;
END $$;
CREATE TYPE status AS ENUM ('new', 'paid', 'lost');
CREATE TYPE state AS ENUM ('new', 'paid', 'lost');
CREATE TABLE t (id int, v varchar(10), s status DEFAULT 'new', o state);
SELECT selfheal.watch('t');
SELECT selfheal.wait_idle('60s') ->> 'idle' AS idle;

-- a column that comes and goes, or comes in two steps
BEGIN;
ALTER TABLE t ADD a int;
ALTER TABLE t RENAME a TO b;
ALTER TABLE t ALTER b TYPE smallint;
ALTER TABLE t ADD c int;
ALTER TABLE t DROP c;
COMMIT;
-- an enum that is made anew, with more in it
BEGIN;
ALTER TYPE status RENAME TO status_old;
CREATE TYPE status AS ENUM ('new', 'open', 'paid', 'lost');
ALTER TABLE t ALTER s DROP DEFAULT, ALTER s TYPE status USING s::text::status, ALTER s SET DEFAULT 'new';
DROP TYPE status_old;
COMMIT;
SELECT * FROM drifts();

-- what others have seen is told as it was to them
BEGIN;
ALTER TYPE status RENAME TO status_old;
CREATE TYPE status AS ENUM ('new', 'open', 'paid');
ALTER TABLE t ALTER s DROP DEFAULT, ALTER s TYPE status USING s::text::status, ALTER s SET DEFAULT 'new';
DROP TYPE status_old;
ALTER TABLE t RENAME v TO w;
ALTER TABLE t RENAME w TO x;
SAVEPOINT one;
ALTER TABLE t ADD must int;
ALTER TABLE t ALTER must SET NOT NULL;
RELEASE one;
COMMIT;
SELECT * FROM drifts();
-- and is settled when it is so again
ALTER TYPE status ADD VALUE 'lost';
ALTER TABLE t RENAME x TO v;
ALTER TABLE t ALTER must DROP NOT NULL;
SELECT name, state FROM drifts();

-- a type that is renamed, or goes to another schema, is as broken as before
CREATE SCHEMA dw_types;
SELECT selfheal.set_tolerance('t', structural_changes => false, past => 'pause') <> '' AS said;
ALTER TYPE state RENAME VALUE 'lost' TO 'gone';
SELECT name, state, reason FROM drifts() WHERE state <> 'healed';
ALTER TYPE state RENAME TO condition;
ALTER TYPE condition SET SCHEMA dw_types;
SELECT name, state FROM drifts() WHERE state <> 'healed';
SELECT source, kind, name, expected, actual FROM selfheal.drift('t');
SELECT restraint FROM selfheal.watched WHERE relid = 't'::regclass;
-- the pause ends with its cause
ALTER TYPE dw_types.condition RENAME VALUE 'gone' TO 'lost';
SELECT name, state FROM drifts();
SELECT restraint FROM selfheal.watched WHERE relid = 't'::regclass;

SET client_min_messages = error;
DROP SCHEMA dw, dw_types CASCADE;
