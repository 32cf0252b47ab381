-- What becomes of payloads on their way into their table.

CREATE SEQUENCE selfheal.mapping_id_seq;
COMMENT ON SEQUENCE selfheal.mapping_id_seq IS 'ids of mappings';

CREATE TABLE selfheal.mapping (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.mapping_id_seq'),
	relid regclass NOT NULL REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	version integer NOT NULL,
	kind text NOT NULL CHECK (kind IN ('decode_text', 'map_field', 'ignore_field', 'overflow_to_jsonb', 'strip_nul', 'trim',
		'null_if', 'map_value', 'parse_timestamp', 'parse_number', 'parse_point')),
	field text,
	column_name text,
	args jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(args) = 'object'),
	state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'removed')),
	incident bigint,
	plan bigint,
	proven_rows bigint NOT NULL DEFAULT 0,
	added_by text NOT NULL,
	added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	why text,
	removed_by text,
	removed_at timestamptz,
	why_removed text,
	UNIQUE (relid, kind, field, version),
	CHECK ((state = 'removed') = (removed_at IS NOT NULL)),
	CHECK ((field IS NULL) = (kind IN ('decode_text', 'overflow_to_jsonb'))),
	CHECK ((column_name IS NULL) = (kind IN ('decode_text', 'ignore_field')))
);
ALTER SEQUENCE selfheal.mapping_id_seq OWNED BY selfheal.mapping.id;
CREATE INDEX mapping_table ON selfheal.mapping (relid);
-- One at a time for each key or part of one, and for each column's reading.
CREATE UNIQUE INDEX mapping_once ON selfheal.mapping (relid, kind,
	(CASE WHEN kind IN ('map_field', 'ignore_field') THEN md5(coalesce(args ->> 'path', field)) ELSE coalesce(column_name, '') END))
	WHERE state = 'active';
COMMENT ON TABLE selfheal.mapping IS 'what becomes of payloads of a watched table; never changed: another one takes its place. Goes where its watch goes, and with it';
COMMENT ON COLUMN selfheal.mapping.id IS 'number of the mapping';
COMMENT ON COLUMN selfheal.mapping.relid IS 'the watched table';
COMMENT ON COLUMN selfheal.mapping.schema_name IS 'its schema, followed through SET SCHEMA';
COMMENT ON COLUMN selfheal.mapping.table_name IS 'its name, followed through RENAME';
COMMENT ON COLUMN selfheal.mapping.version IS 'of the table''s mappings of this kind and key, from 1';
COMMENT ON COLUMN selfheal.mapping.kind IS 'what it does';
COMMENT ON COLUMN selfheal.mapping.field IS 'top-level key of a payload, byte for byte; null: it is about all of the payload';
COMMENT ON COLUMN selfheal.mapping.column_name IS 'the column that takes the value, followed through RENAME';
COMMENT ON COLUMN selfheal.mapping.args IS 'how: formats, signs, words; a path and what becomes of the rest';
COMMENT ON COLUMN selfheal.mapping.state IS 'active, or removed';
COMMENT ON COLUMN selfheal.mapping.incident IS 'the incident that it was made for';
COMMENT ON COLUMN selfheal.mapping.plan IS 'the plan that made it; null: a person';
COMMENT ON COLUMN selfheal.mapping.proven_rows IS 'held rows that it was found to make fit before it was used';
COMMENT ON COLUMN selfheal.mapping.added_by IS 'role that added it';
COMMENT ON COLUMN selfheal.mapping.added_at IS 'since when';
COMMENT ON COLUMN selfheal.mapping.why IS 'why it was added';
COMMENT ON COLUMN selfheal.mapping.removed_by IS 'role that removed it';
COMMENT ON COLUMN selfheal.mapping.removed_at IS 'until when';
COMMENT ON COLUMN selfheal.mapping.why_removed IS 'why it was removed';
SELECT pg_catalog.pg_extension_config_dump('selfheal.mapping', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.mapping_id_seq', '');

CREATE FUNCTION selfheal.mapping_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'selfheal_mapping_changed' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.mapping_changed() IS 'trigger of selfheal.mapping: whoever knows that a table has none is to look again';
REVOKE ALL ON FUNCTION selfheal.mapping_changed() FROM PUBLIC;
CREATE TRIGGER mapping_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON selfheal.mapping
	FOR EACH STATEMENT EXECUTE FUNCTION selfheal.mapping_changed();
ALTER TABLE selfheal.mapping ENABLE ALWAYS TRIGGER mapping_changed;
COMMENT ON TRIGGER mapping_changed ON selfheal.mapping IS 'loads follow a change at its commit, however it was made';
