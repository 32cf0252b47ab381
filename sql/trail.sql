--
-- The trail: each column of the audit is filled by one walk through a heal,
-- each event that exists so far leaves its row, and what stands there is true.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA trail;
CREATE ROLE regress_clerk;
SELECT selfheal.grant_to('regress_clerk', 'operator');
GRANT USAGE ON SCHEMA trail TO regress_clerk;

--
-- one heal, from the row that does not fit over a person's approval to its end
--
CREATE TABLE trail.walk (id int PRIMARY KEY, v varchar(4), must text NOT NULL);
GRANT SELECT ON trail.walk TO regress_clerk;
INSERT INTO trail.walk SELECT i, 'v', 'm' FROM generate_series(1, 100) i;
ANALYZE trail.walk;
SELECT selfheal.watch('trail.walk');
INSERT INTO trail.walk_intake VALUES ('{"id": 101, "v": "longer"}'), ('{"id": 102, "v": "\"quoted\" \\ ü"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SET ROLE regress_clerk;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'trail.walk';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
RESET ROLE;
SELECT * FROM trail.walk WHERE id > 100 ORDER BY id;

-- each column, and the events that fill it; null for playbooks: confidence, as
-- they do not guess, and tools, as they call none (playbook has their names)
CREATE TEMP VIEW walk AS
SELECT * FROM selfheal.audit WHERE schema_name = 'trail' AND table_name = 'walk' AND event <> 'watched';
CREATE TEMP TABLE filled AS
SELECT c.ordinal_position AS n, c.column_name::text,
	string_agg(DISTINCT w.event, ' ') FILTER (WHERE f.value IS NOT NULL) AS events
FROM information_schema.columns c
JOIN walk w ON true
JOIN jsonb_each_text(to_jsonb(w)) f ON f.key = c.column_name
WHERE c.table_schema = 'selfheal' AND c.table_name = 'audit' GROUP BY 1, 2;
SELECT column_name, events FROM filled ORDER BY n;
SELECT column_name AS never FROM filled WHERE events IS NULL ORDER BY n;
-- none of it is an empty text or an empty object
SELECT w.event, f.key FROM walk w, jsonb_each_text(to_jsonb(w)) f WHERE f.value IN ('', '{}', '[]', 'null');

-- what it says: who, on what, from where
SELECT event, actor_role = (SELECT rolname FROM pg_roles WHERE oid = 10) AS by_worker, actor_role = 'regress_clerk' AS by_clerk,
	CASE WHEN actor_client LIKE 'pg_regress/trail %' THEN 'pg_regress' ELSE actor_client END AS client,
	incident IS NOT NULL AS incident, plan IS NOT NULL AS plan, playbook, verdict, policy, result
FROM walk ORDER BY id;
SELECT event, rows_held, rows_replayed, rows_left, estimate_before, estimate_after FROM walk ORDER BY id;
-- the failure's error
SELECT sqlstate, error - 'context' - 'load' AS error FROM walk WHERE event = 'captured' ORDER BY id;
-- SQL as it ran, its inverse, the options, the forecast, the trial
SELECT sql_run, inverse FROM walk WHERE event = 'applied';
SELECT jsonb_pretty(options) AS options FROM walk WHERE event = 'planned';
SELECT forecast ->> 'lock' AS lock, forecast ->> 'rewrite' AS rewrite, dry_run ->> 'ok' AS ok,
	dry_run ->> 'held_stored' AS held_stored, dry_run ->> 'history_tried' AS history
FROM walk WHERE event = 'applied';
-- the approval: who, when, and of which plan exactly
SELECT event, approval ->> 'by' AS by, (approval ->> 'at')::timestamptz <= at AS at,
	approval ->> 'hash' = (SELECT hash FROM selfheal.plan p WHERE p.id = w.plan) AS hash
FROM walk w WHERE approval IS NOT NULL ORDER BY id;
-- the table's definition before and after
SELECT count(DISTINCT schema_hash_before) AS before, count(DISTINCT schema_hash_after) AS after,
	bool_and(schema_hash_after <> schema_hash_before) AS another
FROM walk WHERE schema_hash_after IS NOT NULL;
-- the packet is the incident's
SELECT event, packet ->> 'class' AS class, packet ->> 'column' AS "column", packet -> 'table' ->> 'name' AS "table"
FROM walk WHERE packet IS NOT NULL ORDER BY id;
-- times and places
SELECT bool_and(ms_since_capture >= 0) AS ms, bool_and(ms_since_capture < 60000) AS soon,
	count(*) FILTER (WHERE ms_since_capture IS NOT NULL) > 3 AS filled,
	bool_and(at BETWEEN clock_timestamp() - interval '5 min' AND clock_timestamp()) AS at,
	bool_and(lsn > '0/0' AND lsn <= pg_current_wal_insert_lsn()) AS lsn FROM walk;
-- order: what is decided stands before what is done
SELECT string_agg(event, ' ' ORDER BY id) AS story FROM walk;
-- sealed, in one chain
SELECT count(*) FILTER (WHERE seq IS NULL) AS unsealed, bool_and(length(hash) = 64 AND length(prev_hash) = 64) AS hashes FROM walk;
SELECT ok FROM selfheal.verify_audit();

--
-- payloads: the reference names the rows and has the hash of their bytes
--
CREATE FUNCTION trail.hash(payloads text[]) RETURNS text LANGUAGE sql AS $$
	SELECT encode(sha256(string_agg(convert_to(p, getdatabaseencoding()) || '\x0a', '' ORDER BY n)), 'hex')
	FROM unnest(payloads) WITH ORDINALITY u(p, n)
$$;
SELECT payload_ref ->> 'rows' AS rows, payload_ref ->> 'sha256' =
	trail.hash(ARRAY['{"id": 101, "v": "longer"}', '{"id": 102, "v": "\"quoted\" \\ ü"}']) AS sha256
FROM walk WHERE event IN ('applied', 'replayed') ORDER BY id;
SELECT rows, sha256 = trail.hash(ARRAY['{"id": 101, "v": "longer"}', '{"id": 102, "v": "\"quoted\" \\ ü"}']) AS sha256
FROM selfheal.replayed WHERE table_name = 'walk';

--
-- every event
--
CREATE TABLE trail.story (id int, v varchar(4), must text NOT NULL, d date);
GRANT SELECT, INSERT ON trail.story TO regress_clerk;
SELECT selfheal.watch('trail.story', 'propose', 'team story');
INSERT INTO trail.story_intake VALUES ('{"id": 1, "v": "longer", "must": "x"}'), ('{"id": 2, "must": "x", "d": "2026-02-30"}'),
	('{"id": 3, "must": "x", "d": "2026-02-31"}'), ('{"id": 4, "must": "x", "d": "2026-02-32"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state, rows_held FROM selfheal.incidents WHERE table_name = 'trail.story' ORDER BY id;
-- what is captured is hashed while it is held
SELECT a.payload_ref ->> 'rows' AS rows, a.payload_ref ->> 'sha256' = trail.hash(array_agg(q.payload ORDER BY q.id)) AS sha256,
	a.payload_ref -> 'ids' -> 0 ->> 0 = min(q.id)::text AS first
FROM selfheal.audit a JOIN selfheal.quarantined q USING (incident)
WHERE a.event = 'captured' AND a.table_name = 'story' GROUP BY a.id, a.payload_ref ORDER BY a.id;
SELECT min(incident) AS incident, min(id) AS row, min(id) + 1 AS next FROM selfheal.quarantined
WHERE table_name = 'trail.story' AND class = 'bad_value' \gset
SET ROLE regress_clerk;
SELECT selfheal.pause('trail.story');
SELECT selfheal.resume('trail.story');
SELECT plan_id IS NULL AS refused FROM selfheal.propose('trail.story', 'DROP TABLE trail.story', 'a test');
SELECT plan_id IS NULL AS refused FROM selfheal.propose('trail.story', 'ALTER TABLE trail.story ADD more int', 'a test');
SELECT plan_id FROM selfheal.pending WHERE table_name = 'trail.story' AND proposed_by = 'selfheal' \gset
SELECT selfheal.dry_run(:plan_id) ->> 'ok' AS ok;
SELECT selfheal.reject(:plan_id, 'a test');
SELECT selfheal.amend(:row, '{"id": 2, "must": "x", "d": "2026-02-28"}', 'a test');
SELECT selfheal.discard(:next, 'a test');
SELECT selfheal.retry(:incident);
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SET ROLE regress_clerk;
SELECT selfheal.discard(:incident, 'a test', 10);
SELECT * FROM selfheal.replay('trail.story');
RESET ROLE;
SELECT payload_ref ->> 'sha256' = trail.hash(ARRAY['{"id": 2, "must": "x", "d": "2026-02-28"}']) AS sha256
FROM selfheal.audit WHERE table_name = 'story' AND event = 'amended';
SELECT payload_ref ->> 'sha256' = trail.hash(ARRAY['{"id": 3, "must": "x", "d": "2026-02-31"}']) AS one,
	payload_ref ->> 'sha256' = trail.hash(ARRAY['{"id": 4, "must": "x", "d": "2026-02-32"}']) AS other
FROM selfheal.audit WHERE table_name = 'story' AND event = 'discarded' ORDER BY id;
-- an ALTER that the server refuses after all: only for the table itself
CREATE TABLE trail.refuses (id int, v varchar(4));
GRANT SELECT ON trail.refuses TO regress_clerk;
CREATE FUNCTION trail.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'trail.refuses') THEN
		RAISE EXCEPTION 'not on my watch';
	END IF;
END
$$;
SELECT selfheal.watch('trail.refuses');
CREATE EVENT TRIGGER regress_refuse ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION trail.refuse();
INSERT INTO trail.refuses_intake VALUES ('{"id": 1, "v": "longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) AS stored FROM trail.refuses;
SELECT state, reason, rows_held, attempts > 0 AS attempts, next_try IS NOT NULL AS later
FROM selfheal.incidents WHERE table_name = 'trail.refuses';
SELECT event, sqlstate, result, incident IS NOT NULL AS incident, plan IS NOT NULL AS plan
FROM selfheal.audit WHERE table_name = 'refuses' AND event = 'apply_failed' ORDER BY id LIMIT 1;
DROP EVENT TRIGGER regress_refuse;
SET ROLE regress_clerk;
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'trail.refuses';
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM trail.refuses;
SELECT state FROM selfheal.incidents WHERE table_name = 'trail.refuses';
SELECT selfheal.unwatch('trail.refuses');
SELECT 1 AS done FROM selfheal.wait_idle('180s');

SELECT selfheal.remove_mapping(selfheal.add_mapping('trail.walk', 'ignore_field', 'nobody has it'), 'said by mistake');

-- the closed list, and who has left a row of each. Nobody can yet change a
-- policy by SQL, a setting is the server's, and no tool is there to be called.
SELECT e.event, count(a.id) > 0 AS left_a_row, bool_or(a.actor_client = 'selfheal worker') AS worker,
	bool_or(a.actor_role = 'regress_clerk') AS clerk
FROM (SELECT m[1] AS event FROM pg_constraint k, regexp_matches(pg_get_constraintdef(k.oid), '''(\w+)''::text', 'g') m
	WHERE k.contypid = 'selfheal.audit_event'::regtype AND k.contype = 'c') e
LEFT JOIN selfheal.audit a ON a.event = e.event AND a.schema_name = 'trail'
GROUP BY e.event ORDER BY e.event COLLATE "C";
-- whoever discards, amends, proposes or rejects has said why
SELECT event, CASE event WHEN 'rejected' THEN result ELSE explanation END AS why FROM selfheal.audit
WHERE table_name = 'story' AND event IN ('discarded', 'amended', 'proposed', 'rejected', 'dismissed') ORDER BY id;
-- the numbers add up: held = stored + left
SELECT count(*) > 3 AS events, count(*) FILTER (WHERE (rows_held = rows_replayed + rows_left) IS NOT TRUE) AS wrong FROM selfheal.audit
WHERE schema_name = 'trail' AND event IN ('applied', 'replayed');
-- every incident's story begins with its capture
SELECT count(*) AS without FROM selfheal.incident i WHERE schema_name = 'trail' AND
	(SELECT a.event FROM selfheal.audit a WHERE a.incident = i.id ORDER BY a.id LIMIT 1) <> 'captured';
SELECT selfheal.explain(id) ~ 'captured.*diagnosed.*planned.*vetted.*dry_run.*approved.*applied.*replayed' AS told
FROM selfheal.incidents WHERE table_name = 'trail.walk' AND plan_id IS NOT NULL;
SELECT ok FROM selfheal.verify_audit();

SELECT selfheal.unwatch('trail.walk');
SELECT selfheal.unwatch('trail.story');
DROP VIEW walk;
DROP TABLE filled;
DROP SCHEMA trail CASCADE;
DROP OWNED BY regress_clerk;
DROP ROLE regress_clerk;
