-- What was sent, of rows that were stored otherwise.

-- Names and no relid: nothing here is changed when the table is.
CREATE TABLE selfheal.kept (
	at timestamptz NOT NULL,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	load bigint NOT NULL,
	position bigint,
	held bigint,
	payload text,
	payload_raw bytea,
	mappings bigint[],
	versions integer[]
);
CREATE INDEX kept_at ON selfheal.kept USING brin (at, load) WITH (autosummarize = on);
COMMENT ON TABLE selfheal.kept IS 'payloads, byte for byte, of rows that were stored through a mapping, or of all (watch, keep_payload); removed after selfheal.load_retention';
COMMENT ON COLUMN selfheal.kept.at IS 'when the row was stored';
COMMENT ON COLUMN selfheal.kept.schema_name IS 'schema of its table then';
COMMENT ON COLUMN selfheal.kept.table_name IS 'name of its table then';
COMMENT ON COLUMN selfheal.kept.load IS 'the load that brought it (selfheal.load)';
COMMENT ON COLUMN selfheal.kept.position IS 'its line in the load, from 1; null: it was held before';
COMMENT ON COLUMN selfheal.kept.held IS 'the number that it had in selfheal.quarantine; null: it was not held';
COMMENT ON COLUMN selfheal.kept.payload IS 'what was sent';
COMMENT ON COLUMN selfheal.kept.payload_raw IS 'what was sent, when it is not valid text in this database''s encoding';
COMMENT ON COLUMN selfheal.kept.mappings IS 'the mappings that did something to it (selfheal.mapping); null: it was stored as it was sent';
COMMENT ON COLUMN selfheal.kept.versions IS 'their versions';
SELECT pg_catalog.pg_extension_config_dump('selfheal.kept', '');
