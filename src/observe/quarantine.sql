-- Rows that did not fit, kept until they are stored or a person discards them.

CREATE SEQUENCE selfheal.quarantine_id_seq;
COMMENT ON SEQUENCE selfheal.quarantine_id_seq IS 'ids of held rows';

CREATE TABLE selfheal.quarantine (
	id bigint NOT NULL,
	relid regclass NOT NULL,
	payload text,
	payload_raw bytea,
	state text NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'discarded')),
	load bigint NOT NULL,
	error bigint NOT NULL,
	position bigint NOT NULL,
	original text,
	changed_by text,
	changed_at timestamptz,
	why text,
	bulk boolean NOT NULL DEFAULT false,
	ordering_hash bigint,
	ordering_key text,
	line bytea,
	witness text CHECK (witness IN ('whole', 'part')),
	CONSTRAINT quarantine_held PRIMARY KEY (relid, id)
);
ALTER SEQUENCE selfheal.quarantine_id_seq OWNED BY selfheal.quarantine.id;
-- A load in which every row drifts writes here what it would have written
-- there, so one index must do for it, and there is no foreign key. The key
-- begins with the table: its held rows stand together, in order of id, and
-- nobody else's are between them (a discarded row belongs to no table). By
-- its reason a row is found in the second index, or, when most rows of a batch
-- share theirs, between the ids that selfheal.error keeps. selfheal.held joins
-- both.
CREATE INDEX quarantine_reason ON selfheal.quarantine (error) WHERE NOT bulk AND state = 'held';
-- Empty but for tables whose rows have an order.
CREATE INDEX quarantine_order ON selfheal.quarantine (relid, ordering_hash, id) WHERE ordering_hash IS NOT NULL;
-- Few: witnesses are bounded.
CREATE INDEX quarantine_witness ON selfheal.quarantine (error) WHERE witness IS NOT NULL;
COMMENT ON TABLE selfheal.quarantine IS
'rows that did not fit, byte for byte; a row that is stored leaves the table in the transaction that stores it';
COMMENT ON COLUMN selfheal.quarantine.id IS 'number of the held row';
COMMENT ON COLUMN selfheal.quarantine.changed_at IS 'when it was amended or discarded';
COMMENT ON COLUMN selfheal.quarantine.relid IS 'the table it waits for; 0 when that is gone, or it was discarded';
COMMENT ON COLUMN selfheal.quarantine.bulk IS 'is it found by the range of ids of its reason (selfheal.error), instead of by the index of reasons?';
COMMENT ON COLUMN selfheal.quarantine.payload IS 'the payload as it was sent';
COMMENT ON COLUMN selfheal.quarantine.payload_raw IS 'the bytes of a payload that is not valid text in this database''s encoding';
COMMENT ON COLUMN selfheal.quarantine.state IS 'held, or discarded by a person or by the table''s contract';
COMMENT ON COLUMN selfheal.quarantine.load IS 'the load that brought it (selfheal.load)';
COMMENT ON COLUMN selfheal.quarantine.error IS 'the first reason why it does not fit (selfheal.error; selfheal.discard where a contract discarded it)';
COMMENT ON COLUMN selfheal.quarantine.position IS 'its line in the load, from 1';
COMMENT ON COLUMN selfheal.quarantine.original IS 'the first text of a payload that was amended';
COMMENT ON COLUMN selfheal.quarantine.changed_by IS 'who amended or discarded it; "contract": the table''s contract';
COMMENT ON COLUMN selfheal.quarantine.why IS 'what he gave as reason';
COMMENT ON COLUMN selfheal.quarantine.ordering_hash IS
'hash of its ordering key (watch), where the table has one and the payload says it: later rows of the key wait behind this one; 1 is one key as an integer and as a numeric';
COMMENT ON COLUMN selfheal.quarantine.line IS
'of a row that came by copy_from or COPY of typed lines: the bytes of its line (of its tuple, in a binary file) as they stood in the file; payload is made of its fields, or null where it has none that could be told apart';
COMMENT ON COLUMN selfheal.quarantine.witness IS
'null: a row that is to be stored; else the row of a plain statement that failed (door statement): plans are made from it and tried with it, and when the table would take it, it goes: its client has had the error and sends it again; whole: all that the statement gave; part: what is known of it';
COMMENT ON COLUMN selfheal.quarantine.ordering_key IS 'that key for people: its values in the order of the columns, the first 200 bytes';
SELECT pg_catalog.pg_extension_config_dump('selfheal.quarantine', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.quarantine_id_seq', '');

CREATE VIEW selfheal.held AS
SELECT e.incident, q.error, q.relid, q.id, q.load, q.payload, q.payload_raw, q.line, q.original, q.witness
FROM selfheal.error e JOIN selfheal.quarantine q ON q.error = e.id
WHERE NOT q.bulk AND q.state = 'held'
UNION ALL
SELECT e.incident, q.error, q.relid, q.id, q.load, q.payload, q.payload_raw, q.line, q.original, q.witness
FROM selfheal.error e JOIN selfheal.quarantine q ON q.relid = coalesce(e.relid, 0::regclass)
	AND q.id BETWEEN e.first_bulk AND e.last_bulk AND q.error = e.id
WHERE q.bulk AND q.state = 'held';
COMMENT ON VIEW selfheal.held IS 'held rows by their reason and incident, witnesses among them: cheap for one incident, however many rows others hold';

-- The same rows, counted: each index is asked once for a reason, in whatever
-- plan this stands.
CREATE VIEW selfheal.held_count AS
SELECT e.id AS error, e.incident,
	(SELECT count(*) FROM selfheal.quarantine q
		WHERE q.error = e.id AND NOT q.bulk AND q.state = 'held' AND q.witness IS NULL)
	+ CASE WHEN e.first_bulk IS NULL THEN 0 ELSE (SELECT count(*) FROM selfheal.quarantine q
		WHERE q.relid = coalesce(e.relid, 0::regclass) AND q.id BETWEEN e.first_bulk AND e.last_bulk
			AND q.error = e.id AND q.bulk AND q.state = 'held' AND q.witness IS NULL) END AS rows,
	(SELECT count(*) FROM selfheal.quarantine q
		WHERE q.error = e.id AND q.state = 'held' AND q.witness IS NOT NULL
			AND (NOT q.bulk OR q.relid = coalesce(e.relid, 0::regclass) AND q.id BETWEEN e.first_bulk AND e.last_bulk)) AS witnesses
FROM selfheal.error e;
COMMENT ON VIEW selfheal.held_count IS 'how many rows are held for each reason: that wait to be stored, and witnesses';

CREATE SEQUENCE selfheal.replayed_id_seq;
COMMENT ON SEQUENCE selfheal.replayed_id_seq IS 'ids of replays';

CREATE TABLE selfheal.replayed (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.replayed_id_seq'),
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	relid regclass,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	plan bigint,
	role text NOT NULL,
	rows bigint NOT NULL,
	ids int8multirange NOT NULL,
	sha256 text NOT NULL
);
ALTER SEQUENCE selfheal.replayed_id_seq OWNED BY selfheal.replayed.id;
COMMENT ON TABLE selfheal.replayed IS 'held rows that were stored: which, when, as whom, with the hash of their bytes';
COMMENT ON COLUMN selfheal.replayed.id IS 'number of the entry';
COMMENT ON COLUMN selfheal.replayed.at IS 'when they went in';
COMMENT ON COLUMN selfheal.replayed.schema_name IS 'schema of the table then';
COMMENT ON COLUMN selfheal.replayed.table_name IS 'name of the table then';
COMMENT ON COLUMN selfheal.replayed.rows IS 'how many rows';
COMMENT ON COLUMN selfheal.replayed.relid IS 'the table; null once it is gone';
COMMENT ON COLUMN selfheal.replayed.plan IS 'the plan that made them fit; null for a replay by a person';
COMMENT ON COLUMN selfheal.replayed.role IS 'the role that stored them: the one that loaded them';
COMMENT ON COLUMN selfheal.replayed.ids IS 'ids they had in selfheal.quarantine';
COMMENT ON COLUMN selfheal.replayed.sha256 IS 'over their payloads in order of id, each followed by a line feed';
SELECT pg_catalog.pg_extension_config_dump('selfheal.replayed', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.replayed_id_seq', '');
