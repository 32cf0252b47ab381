-- One row per load: who sent it, when, under which settings.

CREATE SEQUENCE selfheal.load_id_seq;
COMMENT ON SEQUENCE selfheal.load_id_seq IS 'ids of loads';

CREATE TABLE selfheal.load (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.load_id_seq'),
	relid regclass,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	source text NOT NULL CHECK (source IN ('insert', 'copy', 'ingest', 'report', 'statement')),
	role text NOT NULL,
	application text,
	client text,
	timezone text NOT NULL,
	datestyle text NOT NULL,
	intervalstyle text NOT NULL,
	search_path text NOT NULL,
	stored bigint NOT NULL,
	held bigint NOT NULL,
	skipped bigint NOT NULL,
	already bigint NOT NULL DEFAULT 0,
	load_id text,
	discarded_rows bigint NOT NULL DEFAULT 0,
	discarded_values bigint NOT NULL DEFAULT 0,
	client_encoding text,
	bytea_output text,
	xmloption text,
	excluded bigint NOT NULL DEFAULT 0,
	condition text
);
ALTER SEQUENCE selfheal.load_id_seq OWNED BY selfheal.load.id;
CREATE INDEX load_recent ON selfheal.load (relid, at);
COMMENT ON INDEX selfheal.load_recent IS 'what a table was sent lately';
COMMENT ON TABLE selfheal.load IS 'one row per load through an intake, ingest() or report, and per statement whose row is held; replay sets its role and settings again';
COMMENT ON COLUMN selfheal.load.id IS 'number of the load';
COMMENT ON COLUMN selfheal.load.schema_name IS 'schema of its table then';
COMMENT ON COLUMN selfheal.load.table_name IS 'name of its table then';
COMMENT ON COLUMN selfheal.load.application IS 'application_name of the session';
COMMENT ON COLUMN selfheal.load.datestyle IS 'DateStyle of the session';
COMMENT ON COLUMN selfheal.load.intervalstyle IS 'IntervalStyle of the session';
COMMENT ON COLUMN selfheal.load.search_path IS 'search_path of the session';
COMMENT ON COLUMN selfheal.load.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.load.at IS 'when the load ended, or the statement failed';
COMMENT ON COLUMN selfheal.load.source IS 'insert, copy, ingest, report, or statement: a plain one that failed';
COMMENT ON COLUMN selfheal.load.role IS 'the role that loaded: its rows are replayed as this role';
COMMENT ON COLUMN selfheal.load.client IS 'client address; null over a local socket';
COMMENT ON COLUMN selfheal.load.timezone IS 'TimeZone of the load: a timestamp without zone means an instant only with it';
COMMENT ON COLUMN selfheal.load.stored IS 'rows stored';
COMMENT ON COLUMN selfheal.load.held IS 'rows held in selfheal.quarantine';
COMMENT ON COLUMN selfheal.load.skipped IS 'empty lines and null payloads, skipped';
COMMENT ON COLUMN selfheal.load.already IS 'rows that were there before: brought by an earlier load of this load_id, or equal to a stored row of their key (on_conflict skip_identical)';
COMMENT ON COLUMN selfheal.load.load_id IS 'selfheal.load_id of the load';
COMMENT ON COLUMN selfheal.load.client_encoding IS 'client_encoding of the session, of a statement; else null';
COMMENT ON COLUMN selfheal.load.bytea_output IS 'bytea_output of the session, of a statement; else null';
COMMENT ON COLUMN selfheal.load.xmloption IS 'xmloption of the session, of a statement; else null';
COMMENT ON COLUMN selfheal.load.discarded_rows IS 'rows that the table''s contract has discarded (selfheal.discard)';
COMMENT ON COLUMN selfheal.load.discarded_values IS 'values that rows were stored without, by the table''s contract';
COMMENT ON COLUMN selfheal.load.excluded IS 'rows that the WHERE of the load left out';
COMMENT ON COLUMN selfheal.load.condition IS 'its WHERE, every name qualified: it is asked of held rows, too, when they are replayed; null without one';
SELECT pg_catalog.pg_extension_config_dump('selfheal.load', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.load_id_seq', '');

CREATE FUNCTION selfheal.last_load_ids(OUT load bigint, OUT first_error bigint, OUT last_error bigint)
AS 'MODULE_PATHNAME', 'selfheal_last_load_ids' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.last_load_ids() IS
'number of the last load through an intake in this session and role that was not rolled back, and between which ids of selfheal.error its reasons are; for last_load()';
REVOKE ALL ON FUNCTION selfheal.last_load_ids() FROM PUBLIC;

CREATE FUNCTION selfheal.last_load(OUT load bigint, OUT table_name text, OUT at timestamptz, OUT load_id text,
	OUT stored bigint, OUT held bigint, OUT already bigint, OUT skipped bigint,
	OUT reasons jsonb, OUT incidents bigint[], OUT discarded_rows bigint, OUT discarded_values bigint)
RETURNS SETOF record
LANGUAGE sql VOLATILE SECURITY DEFINER ROWS 1
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT l.id, format('%I.%I', l.schema_name, l.table_name), l.at, l.load_id, l.stored, l.held, l.already, l.skipped,
		(SELECT coalesce(jsonb_agg(jsonb_build_object('class', e.class, 'column', e.column_name, 'rows', e.rows,
				'first', e.position, 'message', e.message, 'incident', e.incident) ORDER BY e.id), '[]')
			FROM selfheal.error e WHERE e.load = l.id AND e.id BETWEEN i.first_error AND i.last_error),
		(SELECT coalesce(array_agg(DISTINCT e.incident ORDER BY e.incident), '{}')
			FROM selfheal.error e WHERE e.load = l.id AND e.id BETWEEN i.first_error AND i.last_error AND e.incident IS NOT NULL),
		l.discarded_rows, l.discarded_values
	FROM selfheal.last_load_ids() i JOIN selfheal.load l ON l.id = i.load
$$;
COMMENT ON FUNCTION selfheal.last_load() IS
'the last load through an intake in this session and role that was not rolled back: what was stored, held, there already and skipped, why rows were held, their incidents once the worker has made them, and what the table''s contract discarded; no row without a load';
REVOKE ALL ON FUNCTION selfheal.last_load() FROM PUBLIC;
