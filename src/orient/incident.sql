-- Incidents: one per (table, class, column or key), however many rows.

CREATE SEQUENCE selfheal.incident_id_seq;
CREATE TABLE selfheal.incident (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.incident_id_seq'),
	relid regclass,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	class text NOT NULL,
	column_name text,
	state text NOT NULL DEFAULT 'open' CHECK (state IN
		('open', 'planning', 'awaiting_approval', 'applying', 'waiting_lock',
		 'healed', 'needs_human', 'failed', 'dismissed', 'awaiting_order')),
	reason text,
	rows bigint NOT NULL DEFAULT 0,
	first_seen timestamptz NOT NULL,
	last_seen timestamptz NOT NULL,
	attempts integer NOT NULL DEFAULT 0,
	next_try timestamptz,
	waiting jsonb,
	packet jsonb,
	plan bigint,
	closed_at timestamptz,
	seconds double precision,
	closed_by text,
	why text
);
CREATE UNIQUE INDEX incident_live ON selfheal.incident (relid, class, coalesce(column_name, ''))
	WHERE state NOT IN ('healed', 'dismissed');
COMMENT ON TABLE selfheal.incident IS 'what broke: one row per table, class and column until it is healed or dismissed';
COMMENT ON COLUMN selfheal.incident.id IS 'number of the incident';
COMMENT ON COLUMN selfheal.incident.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.incident.schema_name IS 'its schema then';
COMMENT ON COLUMN selfheal.incident.table_name IS 'its name then';
COMMENT ON COLUMN selfheal.incident.first_seen IS 'when the first row showed it';
COMMENT ON COLUMN selfheal.incident.last_seen IS 'when the newest row showed it';
COMMENT ON COLUMN selfheal.incident.attempts IS 'rounds that were charged; a missed lock is none';
COMMENT ON COLUMN selfheal.incident.next_try IS 'when it is tried again, in states failed and waiting_lock';
COMMENT ON COLUMN selfheal.incident.plan IS 'the plan that was made for it last';
COMMENT ON COLUMN selfheal.incident.closed_at IS 'when it was healed or dismissed';
COMMENT ON COLUMN selfheal.incident.closed_by IS 'who dismissed it';
COMMENT ON COLUMN selfheal.incident.class IS 'class of misfit; the README lists them';
COMMENT ON COLUMN selfheal.incident.column_name IS 'column or key; null: the row as a whole';
COMMENT ON COLUMN selfheal.incident.state IS 'see the diagram in src/orient/incident.h';
COMMENT ON COLUMN selfheal.incident.reason IS 'why it is in this state';
COMMENT ON COLUMN selfheal.incident.rows IS 'rows that showed it, in all loads';
COMMENT ON COLUMN selfheal.incident.waiting IS 'who holds the lock we wait for: pid, query, age';
COMMENT ON COLUMN selfheal.incident.packet IS 'what a person, or a model, needs to decide: see incident_packet in src/orient/incident.c';
COMMENT ON COLUMN selfheal.incident.seconds IS 'from the first capture to healed or dismissed';
COMMENT ON COLUMN selfheal.incident.why IS 'why a person dismissed it';
COMMENT ON SEQUENCE selfheal.incident_id_seq IS 'ids of incidents';
SELECT pg_catalog.pg_extension_config_dump('selfheal.incident', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.incident_id_seq', '');
