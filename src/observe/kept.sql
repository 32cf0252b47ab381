-- What was sent, of rows that were stored otherwise.

-- Payloads that fill a page stand in one row, each as what it has not in
-- common with the one before: one by one, or in TOAST's small pieces, they
-- would cost as much as the storing of the rows. Names and no relid: nothing
-- here is changed when the table is.
CREATE TABLE selfheal.kept (
	at timestamptz NOT NULL,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	load bigint NOT NULL,
	replayed boolean NOT NULL,
	first_number bigint NOT NULL,
	rows integer NOT NULL,
	raw boolean NOT NULL,
	payloads bytea NOT NULL,
	mappings bigint[],
	versions integer[]
);
ALTER TABLE selfheal.kept ALTER payloads SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);
CREATE INDEX kept_at ON selfheal.kept USING brin (at, load) WITH (autosummarize = on);
COMMENT ON TABLE selfheal.kept IS 'payloads, byte for byte, of rows that were stored through a mapping, or of all (watch, keep_payload), many in each row: the view selfheal.originals shows them one by one; removed after selfheal.load_retention, and the oldest when they are more than selfheal.kept_max';
COMMENT ON COLUMN selfheal.kept.at IS 'when the rows were stored';
COMMENT ON COLUMN selfheal.kept.schema_name IS 'schema of their table then';
COMMENT ON COLUMN selfheal.kept.table_name IS 'name of their table then';
COMMENT ON COLUMN selfheal.kept.load IS 'the load that brought them (selfheal.load)';
COMMENT ON COLUMN selfheal.kept.replayed IS 'were they held before?';
COMMENT ON COLUMN selfheal.kept.first_number IS 'line of the first in the load, from 1; of rows that were held, its number in selfheal.quarantine';
COMMENT ON COLUMN selfheal.kept.rows IS 'how many they are';
COMMENT ON COLUMN selfheal.kept.raw IS 'are they not valid text in this database''s encoding?';
COMMENT ON COLUMN selfheal.kept.payloads IS 'their numbers and bytes, as kept_rows() reads them';
COMMENT ON COLUMN selfheal.kept.mappings IS 'the mappings that did something to each of them (selfheal.mapping); null: they were stored as they were sent';
COMMENT ON COLUMN selfheal.kept.versions IS 'their versions';
SELECT pg_catalog.pg_extension_config_dump('selfheal.kept', '');

CREATE FUNCTION selfheal.kept_rows(first_number bigint, payloads bytea, OUT number bigint, OUT payload bytea) RETURNS SETOF record
AS 'MODULE_PATHNAME', 'selfheal_kept_rows' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION selfheal.kept_rows(bigint, bytea) IS
'the payloads of one row of selfheal.kept, each with its number there (first_number); reads nothing but its arguments';
REVOKE ALL ON FUNCTION selfheal.kept_rows(bigint, bytea) FROM PUBLIC;
