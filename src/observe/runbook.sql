-- The team's own words about a watched table.

CREATE TABLE selfheal.runbook (
	relid regclass PRIMARY KEY REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	text text NOT NULL CHECK (octet_length(text) BETWEEN 1 AND 8192),
	written_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	written_by text NOT NULL
);
COMMENT ON TABLE selfheal.runbook IS 'the team''s words about its tables; goes where its watch goes, and with it';
COMMENT ON COLUMN selfheal.runbook.relid IS 'the watched table';
COMMENT ON COLUMN selfheal.runbook.text IS 'what its payloads mean, what may be changed, whom to ask';
COMMENT ON COLUMN selfheal.runbook.written_at IS 'when it was written';
COMMENT ON COLUMN selfheal.runbook.written_by IS 'role that wrote it';
SELECT pg_catalog.pg_extension_config_dump('selfheal.runbook', '');

CREATE FUNCTION selfheal.set_runbook("table" regclass, text text) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_set_runbook' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.set_runbook(regclass, text) IS
'say in your own words what the payloads of a table mean and what may be changed, up to 8 kB; a model reads it as documentation with each incident; null: take it away';
REVOKE ALL ON FUNCTION selfheal.set_runbook(regclass, text) FROM PUBLIC;

CREATE FUNCTION selfheal.runbook("table" regclass) RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_runbook' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.runbook(regclass) IS 'the team''s words about a table; null: there are none';
REVOKE ALL ON FUNCTION selfheal.runbook(regclass) FROM PUBLIC;
