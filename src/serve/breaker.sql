-- The healer stops when the server is in trouble.

CREATE TABLE selfheal.stopped (
	one boolean PRIMARY KEY DEFAULT true CHECK (one),
	since timestamptz NOT NULL DEFAULT clock_timestamp(),
	sqlstate text NOT NULL,
	reason text NOT NULL,
	relid regclass,
	trial_at timestamptz,
	trials integer NOT NULL DEFAULT 0
);
COMMENT ON TABLE selfheal.stopped IS
'a row, while the healer is stopped in this database: disk, memory or connections were used up, data was corrupt, or an internal error came again';
COMMENT ON COLUMN selfheal.stopped.one IS 'there is one row at most';
COMMENT ON COLUMN selfheal.stopped.since IS 'since when it is stopped';
COMMENT ON COLUMN selfheal.stopped.sqlstate IS 'what PostgreSQL raised, last';
COMMENT ON COLUMN selfheal.stopped.reason IS 'its message';
COMMENT ON COLUMN selfheal.stopped.relid IS 'the table that was looked after then; null: none, or it is gone';
COMMENT ON COLUMN selfheal.stopped.trial_at IS 'when one heal is tried by itself (selfheal.trial_interval); null: only resume() ends it';
COMMENT ON COLUMN selfheal.stopped.trials IS 'trials that failed';
SELECT pg_catalog.pg_extension_config_dump('selfheal.stopped', '');

CREATE FUNCTION selfheal.resume() RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_resume_healer' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.resume() IS
'let the healer of this database go on after trouble of the server has stopped it; see selfheal.status for why it had';
REVOKE ALL ON FUNCTION selfheal.resume() FROM PUBLIC;
