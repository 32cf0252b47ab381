-- What contracts have taken away.

-- Ids are of selfheal.error's sequence: a row of selfheal.quarantine points at
-- the one or at the other.
CREATE TABLE selfheal.discard (
	id bigint PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	relid regclass,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	door text NOT NULL CHECK (door IN ('intake', 'replay')),
	load bigint NOT NULL,
	what text NOT NULL CHECK (what IN ('value', 'row')),
	class text NOT NULL,
	column_name text,
	message text,
	rows bigint NOT NULL,
	first_position bigint,
	last_position bigint,
	role text
);
CREATE INDEX discard_load ON selfheal.discard (load);
COMMENT ON TABLE selfheal.discard IS 'what contracts have taken away: one row per load, class and key; goes with its load (selfheal.load_retention)';
COMMENT ON COLUMN selfheal.discard.id IS 'its number; no row of selfheal.error has the same';
COMMENT ON COLUMN selfheal.discard.at IS 'when it was written, at the end of the load';
COMMENT ON COLUMN selfheal.discard.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.discard.schema_name IS 'its schema then';
COMMENT ON COLUMN selfheal.discard.table_name IS 'its name then';
COMMENT ON COLUMN selfheal.discard.door IS 'intake: on loading; replay: when held rows were put in';
COMMENT ON COLUMN selfheal.discard.load IS 'the load that brought it; of a replay of several, the last of them';
COMMENT ON COLUMN selfheal.discard.what IS 'value: rows were stored without it; row: rows were not stored';
COMMENT ON COLUMN selfheal.discard.class IS 'why it did not fit: unknown_key, too_long, ...';
COMMENT ON COLUMN selfheal.discard.column_name IS 'column or key; null: of more keys than are told apart in one load';
COMMENT ON COLUMN selfheal.discard.message IS 'of the first of them, in words';
COMMENT ON COLUMN selfheal.discard.rows IS 'how many rows';
COMMENT ON COLUMN selfheal.discard.first_position IS 'line of the first of them in the load, from 1; null for a replay';
COMMENT ON COLUMN selfheal.discard.last_position IS 'line of the last of them';
COMMENT ON COLUMN selfheal.discard.role IS 'who loaded; of a replay, who had it done';
SELECT pg_catalog.pg_extension_config_dump('selfheal.discard', '');
