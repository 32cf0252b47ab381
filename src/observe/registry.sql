-- The schema registry: every shape that a watched table has had.

CREATE SEQUENCE selfheal.schema_snapshot_id_seq;
CREATE TABLE selfheal.schema_snapshot (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.schema_snapshot_id_seq'),
	relid regclass,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	version integer NOT NULL CHECK (version > 0),
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	role text,
	healer boolean,
	plan bigint,
	command bigint,
	hash text,
	snapshot jsonb,
	changes jsonb NOT NULL,
	breaks boolean NOT NULL,
	UNIQUE (relid, version)
);
COMMENT ON TABLE selfheal.schema_snapshot IS 'every shape that a watched table has had; read selfheal.schema_version';
COMMENT ON COLUMN selfheal.schema_snapshot.id IS 'number of the row';
COMMENT ON COLUMN selfheal.schema_snapshot.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.schema_snapshot.schema_name IS 'its schema then';
COMMENT ON COLUMN selfheal.schema_snapshot.table_name IS 'its name then';
COMMENT ON COLUMN selfheal.schema_snapshot.version IS 'of the table, from 1: the shape when it was watched first';
COMMENT ON COLUMN selfheal.schema_snapshot.at IS 'since when it is so';
COMMENT ON COLUMN selfheal.schema_snapshot.role IS 'who made it so; null: not seen while it was done';
COMMENT ON COLUMN selfheal.schema_snapshot.healer IS 'true: a heal; false: a person; null: not seen while it was done';
COMMENT ON COLUMN selfheal.schema_snapshot.plan IS 'of a heal its plan';
COMMENT ON COLUMN selfheal.schema_snapshot.command IS 'selfheal.ddl.id of the command';
COMMENT ON COLUMN selfheal.schema_snapshot.hash IS 'sha256 of the shape; null: the table was dropped';
COMMENT ON COLUMN selfheal.schema_snapshot.snapshot IS 'the shape, as selfheal.snapshot() gives it; null: the table was dropped';
COMMENT ON COLUMN selfheal.schema_snapshot.changes IS 'against the version before: [{"kind", "name", "was", "now", "breaks"}]';
COMMENT ON COLUMN selfheal.schema_snapshot.breaks IS 'one of the changes may refuse rows that fitted before';
COMMENT ON SEQUENCE selfheal.schema_snapshot_id_seq IS 'ids of shapes';
SELECT pg_catalog.pg_extension_config_dump('selfheal.schema_snapshot', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.schema_snapshot_id_seq', '');

-- The parameters are "from" and "to" by position; both are words of SQL.
CREATE FUNCTION selfheal.schema_diff("table" regclass, "from" integer DEFAULT NULL, "to" integer DEFAULT NULL)
RETURNS TABLE (kind text, name text, was text, now text, breaks boolean)
AS 'MODULE_PATHNAME', 'selfheal_schema_diff' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.schema_diff(regclass, integer, integer) IS
'what changed from one version of a table to another, as selfheal.schema_version numbers them; not given: to the newest, from the one before it; breaks: may rows that fitted before be refused';
REVOKE ALL ON FUNCTION selfheal.schema_diff(regclass, integer, integer) FROM PUBLIC;
