--
-- A heal rewrites no table unannounced; a person's own fix of a type, and a
-- privilege that was missing, wake the rows that wait for it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA rewriting;
SET search_path = rewriting;
CREATE TABLE unwatched (id int);

-- a rewrite that the plan did not announce: somebody's trigger does it beside the healer's ALTER
CREATE TABLE rw (id int, other int, v varchar(3));
INSERT INTO rw VALUES (0, 0, 'a');
SELECT selfheal.watch('rw');
CREATE FUNCTION beside() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'rewriting.rw')
		AND (SELECT atttypid FROM pg_attribute WHERE attrelid = 'rewriting.rw'::regclass AND attname = 'other') = 'int4'::regtype THEN
		ALTER TABLE rewriting.rw ALTER other TYPE bigint;
	END IF;
END $$;
CREATE EVENT TRIGGER regress_beside ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION beside();
INSERT INTO rw_intake VALUES ('{"id": 1, "v": "longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'rw'::regclass AND attname IN ('other', 'v');
SELECT state, regexp_replace(reason, 'plan [0-9]+', 'plan N') AS reason FROM selfheal.incident WHERE relid = 'rw'::regclass;
-- a person's is his own
ALTER TABLE rw ALTER v TYPE varchar(8);
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'rw'::regclass AND attname IN ('other', 'v');
DROP EVENT TRIGGER regress_beside;

-- a person's own fix of a type, and a privilege that was missing, wake what waits for them
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE TABLE waits (id small);
CREATE TABLE elsewhere (id int);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO rewriting.elsewhere VALUES (new.id); RETURN new; END';
CREATE TABLE denied (id int);
CREATE TRIGGER tell BEFORE INSERT ON denied FOR EACH ROW EXECUTE FUNCTION tell();
SELECT selfheal.watch('waits', 'propose'), selfheal.watch('denied', 'propose');
INSERT INTO waits_intake VALUES ('{"id": 11}');
CREATE ROLE regress_denied;
GRANT USAGE ON SCHEMA rewriting TO regress_denied;
GRANT INSERT ON denied, denied_intake TO regress_denied;
SET ROLE regress_denied;
INSERT INTO rewriting.denied_intake VALUES ('{"id": 1}');
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT table_name, class, state FROM selfheal.incident WHERE schema_name = 'rewriting' AND table_name IN ('waits', 'denied') ORDER BY 1;
GRANT SELECT ON unwatched TO regress_denied;
SELECT count(*) FROM selfheal.ddl WHERE statement ~ '^GRANT' AND schema_name = 'rewriting' AND answered IS NOT NULL;
GRANT INSERT ON elsewhere TO regress_denied;
ALTER DOMAIN small DROP CONSTRAINT small_check;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM denied, waits, elsewhere;
SELECT table_name, class, state FROM selfheal.incident WHERE schema_name = 'rewriting' AND table_name IN ('waits', 'denied') ORDER BY 1;
DROP OWNED BY regress_denied;
DROP ROLE regress_denied;
DROP SCHEMA rewriting CASCADE;
