-- Checks of the team: what must stay true of a table while a plan is tried.

CREATE TABLE selfheal.assertion (
	relid regclass NOT NULL REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	name text NOT NULL,
	sql text NOT NULL,
	known_as text NOT NULL,
	role text NOT NULL,
	timezone text NOT NULL,
	datestyle text NOT NULL,
	intervalstyle text NOT NULL,
	search_path text NOT NULL,
	asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	PRIMARY KEY (relid, name)
);
COMMENT ON TABLE selfheal.assertion IS 'checks of the team on watched tables; each goes where its watch goes, and with it';
COMMENT ON COLUMN selfheal.assertion.relid IS 'the watched table';
COMMENT ON COLUMN selfheal.assertion.name IS 'the check''s name, one of its table''s';
COMMENT ON COLUMN selfheal.assertion.sql IS 'one SELECT of one boolean, as it was given; never run but in a dry run, read-only';
COMMENT ON COLUMN selfheal.assertion.known_as IS 'the table''s name when the check was asked for: in sql it means the rows of the trial, whatever the table is called by now';
COMMENT ON COLUMN selfheal.assertion.role IS 'who asked for it, and as whom it runs';
COMMENT ON COLUMN selfheal.assertion.timezone IS 'TimeZone it was written under, and runs under';
COMMENT ON COLUMN selfheal.assertion.datestyle IS 'DateStyle it was written under, and runs under';
COMMENT ON COLUMN selfheal.assertion.intervalstyle IS 'IntervalStyle it was written under, and runs under';
COMMENT ON COLUMN selfheal.assertion.search_path IS 'search_path it was written under, and runs under';
COMMENT ON COLUMN selfheal.assertion.asked_at IS 'when it was asked for';
SELECT pg_catalog.pg_extension_config_dump('selfheal.assertion', '');
