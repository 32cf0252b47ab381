-- Event triggers that follow watched tables.

CREATE SEQUENCE selfheal.ddl_id_seq;
CREATE TABLE selfheal.ddl (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.ddl_id_seq'),
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	relid regclass,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	role text NOT NULL,
	statement text,
	answered boolean
);
CREATE INDEX ddl_recent ON selfheal.ddl (relid, at);
CREATE INDEX ddl_unanswered ON selfheal.ddl (id) WHERE NOT answered;
COMMENT ON TABLE selfheal.ddl IS 'DDL on watched tables, by the healer and by people: part of an incident''s packet';
COMMENT ON COLUMN selfheal.ddl.id IS 'number of the command';
COMMENT ON COLUMN selfheal.ddl.at IS 'when it ran';
COMMENT ON COLUMN selfheal.ddl.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.ddl.schema_name IS 'its schema then';
COMMENT ON COLUMN selfheal.ddl.table_name IS 'its name then';
COMMENT ON COLUMN selfheal.ddl.role IS 'who ran it';
COMMENT ON COLUMN selfheal.ddl.statement IS 'the command as the server saw it, clipped to 2,000 bytes';
COMMENT ON COLUMN selfheal.ddl.answered IS 'a person''s change that may let waiting rows in: false until the healer has looked at them again; null: no such change';
COMMENT ON SEQUENCE selfheal.ddl_id_seq IS 'ids of DDL rows';
SELECT pg_catalog.pg_extension_config_dump('selfheal.ddl', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.ddl_id_seq', '');

CREATE FUNCTION selfheal.ddl_end() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'selfheal_ddl_end' LANGUAGE C;
COMMENT ON FUNCTION selfheal.ddl_end() IS 'follows what is done to watched tables';
REVOKE ALL ON FUNCTION selfheal.ddl_end() FROM PUBLIC;

CREATE FUNCTION selfheal.ddl_drop() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'selfheal_ddl_drop' LANGUAGE C;
COMMENT ON FUNCTION selfheal.ddl_drop() IS 'forgets watched tables that were dropped';
REVOKE ALL ON FUNCTION selfheal.ddl_drop() FROM PUBLIC;

CREATE FUNCTION selfheal.table_rewrite() RETURNS event_trigger
AS 'MODULE_PATHNAME', 'selfheal_table_rewrite' LANGUAGE C;
COMMENT ON FUNCTION selfheal.table_rewrite() IS 'refuses a rewrite by the healer that its plan did not announce';
REVOKE ALL ON FUNCTION selfheal.table_rewrite() FROM PUBLIC;

CREATE EVENT TRIGGER selfheal_ddl_end ON ddl_command_end
	WHEN TAG IN ('ALTER TABLE', 'ALTER SCHEMA', 'ALTER VIEW', 'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO',
		'ALTER FOREIGN TABLE', 'CREATE FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA', 'ALTER TYPE', 'ALTER DOMAIN', 'ALTER SEQUENCE',
		'CREATE INDEX', 'ALTER INDEX', 'CREATE TRIGGER', 'ALTER TRIGGER', 'CREATE POLICY', 'ALTER POLICY', 'GRANT')
	EXECUTE FUNCTION selfheal.ddl_end();
COMMENT ON EVENT TRIGGER selfheal_ddl_end IS 'selfheal: follows what is done to watched tables';

CREATE EVENT TRIGGER selfheal_ddl_drop ON sql_drop
	EXECUTE FUNCTION selfheal.ddl_drop();
COMMENT ON EVENT TRIGGER selfheal_ddl_drop IS 'selfheal: forgets watched tables that were dropped, keeps the shape of those that lost something';

CREATE EVENT TRIGGER selfheal_table_rewrite ON table_rewrite
	EXECUTE FUNCTION selfheal.table_rewrite();
COMMENT ON EVENT TRIGGER selfheal_table_rewrite IS 'selfheal: a heal rewrites no table unannounced';
