-- What a table is to look like: the baseline that its actual shape is held
-- against.

CREATE TABLE selfheal.expectation (
	relid regclass PRIMARY KEY REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	version integer,
	baseline jsonb NOT NULL,
	set_by text NOT NULL,
	set_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE selfheal.expectation IS 'what expect() says of watched tables; goes where the watch goes, and with it';
COMMENT ON COLUMN selfheal.expectation.relid IS 'the watched table';
COMMENT ON COLUMN selfheal.expectation.version IS 'the version that it is to look like (selfheal.schema_version); null: as somebody wrote it down';
COMMENT ON COLUMN selfheal.expectation.baseline IS
'of a version, its snapshot; else {"columns": {name: {"type", "not_null"}}, "strict"}: see expect()';
COMMENT ON COLUMN selfheal.expectation.set_by IS 'role that said so';
COMMENT ON COLUMN selfheal.expectation.set_at IS 'when';
SELECT pg_catalog.pg_extension_config_dump('selfheal.expectation', '');

CREATE FUNCTION selfheal.expect("table" regclass, version integer) RETURNS bigint
AS 'MODULE_PATHNAME', 'selfheal_expect_version' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.expect(regclass, integer) IS
'a watched table is to look like this version of it (selfheal.schema_version); null takes back what was said; returns how many differences break that now (selfheal.drift)';
REVOKE ALL ON FUNCTION selfheal.expect(regclass, integer) FROM PUBLIC;

CREATE FUNCTION selfheal.expect("table" regclass, baseline jsonb) RETURNS bigint
AS 'MODULE_PATHNAME', 'selfheal_expect_baseline' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.expect(regclass, jsonb) IS
'a watched table is to look like this: {"columns": {"id": "bigint", "name": {"type": "varchar(32)", "not_null": true}}, "strict": false}; a column that is a text has that type, and nothing is said of NOT NULL; strict: it has no other columns; null takes back what was said; returns how many differences break that now (selfheal.drift)';
REVOKE ALL ON FUNCTION selfheal.expect(regclass, jsonb) FROM PUBLIC;

-- A literal without a type: expect('orders', '{...}'), expect('orders', NULL).
CREATE FUNCTION selfheal.expect("table" regclass, baseline text) RETURNS bigint
LANGUAGE sql VOLATILE
AS $$ SELECT selfheal.expect("table", baseline::pg_catalog.jsonb) $$;
COMMENT ON FUNCTION selfheal.expect(regclass, text) IS 'the same, for a baseline written without its type';
REVOKE ALL ON FUNCTION selfheal.expect(regclass, text) FROM PUBLIC;
