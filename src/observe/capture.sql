-- The capture table: every failure that was seen, by whichever door.

CREATE SEQUENCE selfheal.error_id_seq;
COMMENT ON SEQUENCE selfheal.error_id_seq IS 'ids of captured failures';

CREATE TABLE selfheal.error (
	id bigint PRIMARY KEY,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	relid regclass,
	schema_name text,
	table_name text,
	door text NOT NULL DEFAULT 'report' CHECK (door IN ('intake', 'replay', 'report', 'apply', 'watch', 'ddl', 'statement')),
	load bigint,
	class text,
	column_name text,
	need text,
	rows bigint NOT NULL DEFAULT 1,
	position bigint,
	sample text,
	sqlstate text,
	message text,
	detail text,
	hint text,
	context jsonb,
	payload text,
	role text,
	application text,
	incident bigint,
	first_bulk bigint,
	last_bulk bigint,
	tried boolean,
	noted boolean
);
ALTER SEQUENCE selfheal.error_id_seq OWNED BY selfheal.error.id;
CREATE INDEX error_unassigned ON selfheal.error (id) WHERE incident IS NULL AND noted IS NOT TRUE;
CREATE INDEX error_incident ON selfheal.error (incident, at);
-- Small: failures by plain statements alone.
CREATE INDEX error_statement ON selfheal.error (incident) WHERE door = 'statement' AND noted IS NOT TRUE;
CREATE INDEX error_noted ON selfheal.error (relid, class, at) WHERE noted;
COMMENT ON TABLE selfheal.error IS
'captured failures: one row per load, class, column and constraint; whoever was granted INSERT may report one of his own (relid, payload, sqlstate, message, context)';
COMMENT ON COLUMN selfheal.error.at IS 'when it was captured';
COMMENT ON COLUMN selfheal.error.schema_name IS 'schema of the table then';
COMMENT ON COLUMN selfheal.error.table_name IS 'name of the table then';
COMMENT ON COLUMN selfheal.error.sqlstate IS 'what PostgreSQL raises for it';
COMMENT ON COLUMN selfheal.error.message IS 'its primary message';
COMMENT ON COLUMN selfheal.error.detail IS 'its detail';
COMMENT ON COLUMN selfheal.error.hint IS 'its hint';
COMMENT ON COLUMN selfheal.error.application IS 'application_name of the session';
COMMENT ON COLUMN selfheal.error.id IS 'filled by a trigger, so that a reporter needs no privilege on the sequence';
COMMENT ON COLUMN selfheal.error.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.error.door IS 'how it came: intake, replay, report, apply (a subscription that stalls), watch (foreseen: no row has met it yet), ddl (a person''s change), or statement (a plain INSERT, UPDATE, MERGE or COPY that failed)';
COMMENT ON COLUMN selfheal.error.noted IS 'true: it is only noted and opens no incident: of a plain statement, and its client''s own affair (a broken rule, a bad value); rows counts what was like it within the hour';
COMMENT ON COLUMN selfheal.error.load IS 'the load in which it was seen';
COMMENT ON COLUMN selfheal.error.class IS 'why the rows do not fit: too_long, unknown_key, foreign_key, ...';
COMMENT ON COLUMN selfheal.error.column_name IS 'column or key; null when it is the whole row';
COMMENT ON COLUMN selfheal.error.need IS 'what the widest of the values would need';
COMMENT ON COLUMN selfheal.error.rows IS 'rows of the load that showed it';
COMMENT ON COLUMN selfheal.error.position IS 'line of the first of them, from 1';
COMMENT ON COLUMN selfheal.error.sample IS 'the first of them, up to 1,000 bytes';
COMMENT ON COLUMN selfheal.error.context IS 'further error fields: pg_context, schema, table, column, datatype, constraint, and what a reporter gave; of a plain statement: statement, cursor, inner (the statement of a function), candidates (what it may have been, where that is not certain: class, table, column, need), opaque (why its row is not all known)';
COMMENT ON COLUMN selfheal.error.payload IS 'of a report: the row that is to be stored after the heal';
COMMENT ON COLUMN selfheal.error.role IS 'who loaded or reported';
COMMENT ON COLUMN selfheal.error.incident IS 'set by the worker';
COMMENT ON COLUMN selfheal.error.first_bulk IS 'of its held rows that no index finds by their reason (selfheal.quarantine.bulk): the first id; other rows may stand between';
COMMENT ON COLUMN selfheal.error.tried IS 'true: its rows were tried in vain, and are not tried again for each that comes';
COMMENT ON COLUMN selfheal.error.last_bulk IS 'the last id of them';
SELECT pg_catalog.pg_extension_config_dump('selfheal.error', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.error_id_seq', '');
