-- One row per load: who sent it, when, under which settings.

CREATE SEQUENCE selfheal.load_id_seq;
COMMENT ON SEQUENCE selfheal.load_id_seq IS 'ids of loads';

CREATE TABLE selfheal.load (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.load_id_seq'),
	relid regclass,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	source text NOT NULL CHECK (source IN ('insert', 'copy', 'ingest', 'report')),
	role text NOT NULL,
	application text,
	client text,
	timezone text NOT NULL,
	datestyle text NOT NULL,
	intervalstyle text NOT NULL,
	search_path text NOT NULL,
	stored bigint NOT NULL,
	held bigint NOT NULL,
	skipped bigint NOT NULL
);
ALTER SEQUENCE selfheal.load_id_seq OWNED BY selfheal.load.id;
COMMENT ON TABLE selfheal.load IS 'one row per load through an intake, ingest() or report; replay sets its role and settings again';
COMMENT ON COLUMN selfheal.load.id IS 'number of the load';
COMMENT ON COLUMN selfheal.load.schema_name IS 'schema of its table then';
COMMENT ON COLUMN selfheal.load.table_name IS 'name of its table then';
COMMENT ON COLUMN selfheal.load.application IS 'application_name of the session';
COMMENT ON COLUMN selfheal.load.datestyle IS 'DateStyle of the session';
COMMENT ON COLUMN selfheal.load.intervalstyle IS 'IntervalStyle of the session';
COMMENT ON COLUMN selfheal.load.search_path IS 'search_path of the session';
COMMENT ON COLUMN selfheal.load.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.load.at IS 'when the load ended';
COMMENT ON COLUMN selfheal.load.source IS 'insert, copy, ingest or report';
COMMENT ON COLUMN selfheal.load.role IS 'the role that loaded: its rows are replayed as this role';
COMMENT ON COLUMN selfheal.load.client IS 'client address; null over a local socket';
COMMENT ON COLUMN selfheal.load.timezone IS 'TimeZone of the load: a timestamp without zone means an instant only with it';
COMMENT ON COLUMN selfheal.load.stored IS 'rows stored';
COMMENT ON COLUMN selfheal.load.held IS 'rows held in selfheal.quarantine';
COMMENT ON COLUMN selfheal.load.skipped IS 'empty lines and null payloads, skipped';
SELECT pg_catalog.pg_extension_config_dump('selfheal.load', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.load_id_seq', '');
