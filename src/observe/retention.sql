-- What retention has put aside, mostly nothing. Apart from
-- selfheal.load, whose rows are written once and have one index.

CREATE TABLE selfheal.load_kept (
	load bigint PRIMARY KEY,
	at timestamptz NOT NULL
);
CREATE INDEX load_kept_at ON selfheal.load_kept (at);
COMMENT ON TABLE selfheal.load_kept IS 'loads that are older than selfheal.load_retention and held or discarded rows: they go when none of those is in selfheal.quarantine any more';
COMMENT ON COLUMN selfheal.load_kept.load IS 'the load (selfheal.load)';
COMMENT ON COLUMN selfheal.load_kept.at IS 'when that was looked at; it is again after a day or two';
SELECT pg_catalog.pg_extension_config_dump('selfheal.load_kept', '');
