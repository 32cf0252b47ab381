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
		 'awaiting_parent', 'healed', 'needs_human', 'failed', 'dismissed', 'awaiting_order', 'asking')),
	reason text,
	reason_kind text CHECK (reason_kind IN
		('no_safe_plan', 'no_playbook', 'refused', 'budget', 'contradictory_evidence',
		 'waited_too_long', 'restricted', 'no_payload', 'deadly')),
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
	why text,
	passing_since timestamptz,
	CHECK ((state = 'needs_human') = (reason_kind IS NOT NULL))
);
CREATE UNIQUE INDEX incident_live ON selfheal.incident (relid, class, coalesce(column_name, ''))
	WHERE state NOT IN ('healed', 'dismissed');
CREATE INDEX incident_awaiting ON selfheal.incident (id)
	WHERE class = 'foreign_key' AND (state = 'awaiting_parent' OR reason_kind = 'waited_too_long');
COMMENT ON INDEX selfheal.incident_awaiting IS 'What waits for rows that it refers to.';
COMMENT ON TABLE selfheal.incident IS 'what broke: one row per table, class and column until it is healed or dismissed';
COMMENT ON COLUMN selfheal.incident.id IS 'number of the incident';
COMMENT ON COLUMN selfheal.incident.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.incident.schema_name IS 'its schema then';
COMMENT ON COLUMN selfheal.incident.table_name IS 'its name then';
COMMENT ON COLUMN selfheal.incident.first_seen IS 'when the first row showed it';
COMMENT ON COLUMN selfheal.incident.last_seen IS 'when the newest row showed it';
COMMENT ON COLUMN selfheal.incident.attempts IS 'rounds that were charged; a missed lock is none, nor is a look for parents that came to its end';
COMMENT ON COLUMN selfheal.incident.next_try IS 'when it is tried again, in states failed, waiting_lock and awaiting_parent';
COMMENT ON COLUMN selfheal.incident.plan IS 'the plan that was made for it last';
COMMENT ON COLUMN selfheal.incident.closed_at IS 'when it was healed or dismissed';
COMMENT ON COLUMN selfheal.incident.closed_by IS 'who dismissed it';
COMMENT ON COLUMN selfheal.incident.class IS 'class of misfit: selfheal.classes() lists them';
COMMENT ON COLUMN selfheal.incident.column_name IS 'column or key; null: the row as a whole';
COMMENT ON COLUMN selfheal.incident.state IS 'see the diagram in src/orient/incident.h';
COMMENT ON COLUMN selfheal.incident.reason IS 'why it is in this state';
COMMENT ON COLUMN selfheal.incident.reason_kind IS
'why it needs a person, from a closed list; no_safe_plan: nothing that was planned makes the rows fit; no_playbook: no step changes a table for this class; refused: by policy, contract, vetter or a person; budget: all attempts are used up; contradictory_evidence: the values do not agree; waited_too_long: selfheal.max_wait; restricted: code of the table needs what a replay in the background refuses; no_payload: a report that brought none; deadly: its process died at it each time, and the server with it';
COMMENT ON COLUMN selfheal.incident.rows IS 'rows that showed it, in all loads';
COMMENT ON COLUMN selfheal.incident.waiting IS
'in state waiting_lock who holds the lock: [{"pid", "query", "age_s", ...}]; in awaiting_parent what is missing: {"rows", "parents": [{"table", "constraint", "rows", "keys"}], "came"}, keys: different ones, null when not counted; came: only told while they are to be looked at again';
COMMENT ON COLUMN selfheal.incident.packet IS 'what a person, or a model, needs to decide: see incident_packet in src/orient/incident.c';
COMMENT ON COLUMN selfheal.incident.seconds IS 'from the first capture to healed or dismissed';
COMMENT ON COLUMN selfheal.incident.why IS 'why a person dismissed it; what of its rows is held stays held, counted, and is not tried until retry() takes it back';
COMMENT ON COLUMN selfheal.incident.passing_since IS 'since when failures that pass by themselves (lock, deadlock, cancel) have kept it; null: none does';
COMMENT ON SEQUENCE selfheal.incident_id_seq IS 'ids of incidents';
SELECT pg_catalog.pg_extension_config_dump('selfheal.incident', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.incident_id_seq', '');

-- What a held row waits for, by the state of its incident: the one list of
-- these words. A row that waits behind another one of its key has its own.
CREATE FUNCTION selfheal.waits_for(incident_state text, in_order boolean DEFAULT false) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT CASE WHEN in_order THEN 'awaiting_order'
		WHEN incident_state IN ('awaiting_parent', 'awaiting_approval') THEN incident_state
		WHEN incident_state = 'waiting_lock' THEN 'awaiting_lock'
		WHEN incident_state = 'needs_human' THEN 'awaiting_person'
		WHEN incident_state = 'asking' THEN 'awaiting_claude'
		WHEN incident_state = 'dismissed' THEN 'dismissed'
		ELSE 'awaiting_healer' END
$$;
COMMENT ON FUNCTION selfheal.waits_for(text, boolean) IS
'what a held row waits for: awaiting_parent (the row it refers to), awaiting_order (an earlier row of its key), awaiting_approval, awaiting_lock, awaiting_person, awaiting_claude (it is asked), awaiting_healer (it is the healer''s turn), or dismissed: for nothing';
REVOKE ALL ON FUNCTION selfheal.waits_for(text, boolean) FROM PUBLIC;

CREATE VIEW selfheal.awaited AS
SELECT i.id AS incident, k.confrelid::regclass AS parent
FROM selfheal.incident i JOIN pg_catalog.pg_constraint k ON k.contype = 'f'
	AND (k.conrelid = i.relid OR k.conrelid IN (SELECT t.relid FROM pg_catalog.pg_partition_tree(i.relid) t))
WHERE i.class = 'foreign_key' AND (i.state = 'awaiting_parent' OR i.reason_kind = 'waited_too_long')
	AND (i.waiting -> 'parents' IS NULL OR EXISTS (SELECT FROM jsonb_array_elements(i.waiting -> 'parents') p
		WHERE p ->> 'constraint' = k.conname))
UNION
SELECT i.id, to_regclass(p ->> 'table')
FROM selfheal.incident i, jsonb_array_elements(i.waiting -> 'parents') p
WHERE i.class = 'foreign_key' AND (i.state = 'awaiting_parent' OR i.reason_kind = 'waited_too_long') AND to_regclass(p ->> 'table') IS NOT NULL;
COMMENT ON VIEW selfheal.awaited IS
'which tables the held rows of an incident wait for; until that is known, all that their table refers to';
