--
-- Learnt playbooks by SQL: promote(), demote(), what they refuse, who sees them,
-- and for which incident a promoted one is asked. (How they are learnt:
-- test/t/066_learning.pl.)
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
\set VERBOSITY terse
CREATE SCHEMA learnt;
SET search_path = learnt, public;

-- a playbook of its own words, as three plans would have left it
CREATE FUNCTION made(steps jsonb, col jsonb DEFAULT '{"type": "date", "nullable": true}', class text DEFAULT 'bad_value',
	sqlstate text DEFAULT '22008', kind text DEFAULT 'table', subject text DEFAULT NULL, others jsonb DEFAULT '{}') RETURNS bigint
LANGUAGE sql AS $$
	INSERT INTO selfheal.learnt (signature, sqlstate, class, subject, catalog, steps, state)
	VALUES (gen_random_uuid()::text, sqlstate, class, subject, jsonb_build_object('table', kind, 'column', col, 'others', others), steps, 'offered')
	RETURNING id
$$;
CREATE FUNCTION state(t text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', i.class, i.column_name, i.state, 'learnt' || CASE WHEN p.playbook ~ '^learnt:' THEN '' END), ', ' ORDER BY i.id)
	FROM selfheal.incidents i LEFT JOIN selfheal.plan p ON p.id = i.plan_id WHERE i.table_name = 'learnt.' || t
$$;

-- ---- refusals ----
SELECT selfheal.promote(NULL);
SELECT selfheal.promote(-1);
SELECT selfheal.demote(NULL);
SELECT selfheal.demote(-1, 'why');
\set VERBOSITY sqlstate
SELECT made('[{"kind": "map_value", "column": {"hole": "column"}, "args": {"values": {"five": "5", "six": "6"}}}]') AS id \gset
SELECT count(*) FROM selfheal.playbooks WHERE id = :id AND state = 'offered' AND applied = 0 AND plans IS NULL;
UPDATE selfheal.learnt SET state = 'noticed' WHERE id = :id;
SELECT selfheal.promote(:id);
SELECT selfheal.demote(:id);
UPDATE selfheal.learnt SET state = 'demoted', rehearsal = '{"failed": "1 of 2 rows"}' WHERE id = :id;
SELECT selfheal.promote(:id);
SELECT selfheal.demote(:id);
UPDATE selfheal.learnt SET state = 'offered', rehearsal = NULL WHERE id = :id;
SELECT selfheal.demote(:id, 'not now');
SELECT state, reason, decided_by = current_user AS by_me FROM selfheal.playbooks WHERE id = :id;
SELECT selfheal.promote(:id);
SELECT selfheal.promote(:id);
SELECT state, reason, decided_by = current_user AS by_me FROM selfheal.playbooks WHERE id = :id;
SELECT event, result FROM selfheal.audit WHERE playbook = 'learnt:' || :id AND event LIKE 'playbook%' ORDER BY id;
SELECT selfheal.demote(:id, 'done with');

-- ---- who may ----
CREATE ROLE regress_learnt_viewer;
CREATE ROLE regress_learnt_operator;
CREATE ROLE regress_learnt_admin;
SELECT selfheal.grant_to('regress_learnt_viewer', 'viewer');
SELECT selfheal.grant_to('regress_learnt_operator', 'operator');
SELECT selfheal.grant_to('regress_learnt_admin', 'admin');
SET ROLE regress_learnt_operator;
SELECT selfheal.promote(:id);
SELECT selfheal.demote(:id);
RESET ROLE;
SET ROLE regress_learnt_admin;
SELECT selfheal.promote(:id);
SELECT selfheal.demote(:id);
RESET ROLE;
-- one that was learnt of a table that a viewer may not read is not for him to see
CREATE TABLE secret (id int);
INSERT INTO selfheal.plan (id, relid, schema_name, table_name, steps, state, verdict, hash, schema_hash, proposed_by)
	VALUES (-77, 'secret', 'learnt', 'secret', '{"steps": []}', 'rejected', 'review', '', '', 'nobody');
INSERT INTO selfheal.lesson (plan, learnt, incident) VALUES (-77, :id, -77);
SET ROLE regress_learnt_viewer;
SELECT count(*) FROM selfheal.playbooks WHERE id = :id;
SELECT count(*) FROM selfheal.learnt;
RESET ROLE;
GRANT SELECT ON secret TO regress_learnt_viewer;
SET ROLE regress_learnt_viewer;
SELECT applied, plans FROM selfheal.playbooks WHERE id = :id;
RESET ROLE;
DELETE FROM selfheal.lesson WHERE plan = -77;
DELETE FROM selfheal.plan WHERE id = -77;
DROP OWNED BY regress_learnt_viewer, regress_learnt_operator, regress_learnt_admin;
DROP ROLE regress_learnt_viewer, regress_learnt_operator, regress_learnt_admin;

-- ---- for which incident it is asked ----
SELECT made('[{"kind": "parse_timestamp", "column": {"hole": "column"}, "args": {"zone": null, "century": null, "formats": ["YYYY|DD|MM"]}}]') AS reading \gset
SELECT selfheal.promote(:reading);
CREATE FUNCTION send(t text, VARIADIC payloads text[]) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM selfheal.ingest(t::regclass, payloads);
	RETURN count(*) || ' held' FROM selfheal.quarantined WHERE table_name = 'learnt.' || t;
END $$;
CREATE TABLE fits (id int, day date);
CREATE TABLE not_null (id int, day date NOT NULL);
CREATE TABLE stamp (id int, day timestamp);
CREATE TABLE parts (id int, day date) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE frozen (id int, day date);
CREATE TABLE observed (id int, day date);
CREATE TABLE denied (id int, day date);
CREATE TABLE partly (id int, day date);
CREATE TABLE taken_back (id int, day date);
SELECT count(selfheal.watch(t::regclass, CASE t WHEN 'observed' THEN 'observe' END))
	FROM unnest('{fits,not_null,stamp,parts,frozen,observed,denied,partly,taken_back}'::text[]) t;
SELECT selfheal.set_contract('frozen', 'evolve', 'freeze');
SELECT selfheal.set_policy('denied', 'parse_timestamp', NULL, 'deny');
SELECT selfheal.remove_mapping(selfheal.add_mapping('taken_back', 'parse_timestamp', 'day', '{"formats": ["YYYY|DD|MM"]}'));
SELECT t, send(t, '{"id": 1, "day": "2026|21|11"}') FROM unnest('{fits,not_null,stamp,parts,frozen,observed,denied,taken_back}'::text[]) t;
-- what it does not read is left, and the rest is stored
SELECT send('partly', '{"id": 1, "day": "2026|21|11"}', '{"id": 2, "day": "2026|31|02"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT t, state(t) FROM unnest('{fits,not_null,stamp,parts,frozen,observed,denied,partly,taken_back}'::text[]) t;
SELECT * FROM fits;
SELECT * FROM partly;
SELECT playbook = 'learnt:' || :reading AS named, event FROM selfheal.audit WHERE table_name = 'fits' AND playbook IS NOT NULL ORDER BY id;
SELECT state, healed FROM selfheal.playbooks WHERE id = :reading;

-- ---- a row that nobody can have learnt is as if it were not there ----
SELECT selfheal.demote(:reading);
SELECT selfheal.promote(made(steps::jsonb)) FROM (VALUES
	('[{"kind": "drop_table", "column": {"hole": "column"}}]'),
	('[{"kind": "widen_type", "column": {"hole": "column"}, "type": "no_such_type"}]'),
	('[{"kind": "convert_type", "column": {"hole": "column"}, "type": "integer"}]'),
	('[{"kind": "parse_timestamp", "column": {"hole": "column"}, "args": {"formats": "DROP TABLE"}}]'),
	('[{"kind": "parse_timestamp", "column": "{\"hole\": \"column\"}", "args": {"zone": null, "century": null, "formats": ["YYYY|DD|MM"]}}]'),
	('[{"kind": "parse_timestamp", "column": {"hole": "table"}, "args": {"zone": null, "century": null, "formats": ["YYYY|DD|MM"]}}]'),
	('[]'), ('[1, null]')) x(steps);
SELECT made('{}');
CREATE TABLE hostile (id int, day date);
SELECT selfheal.watch('hostile');
SELECT send('hostile', '{"id": 1, "day": "2026|21|11"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state('hostile');
SELECT count(*) FROM selfheal.audit WHERE table_name = 'hostile' AND event IN ('apply_failed', 'planned');

DELETE FROM selfheal.learnt WHERE id >= :id;
SELECT selfheal.unwatch(t::regclass) FROM unnest('{fits,not_null,stamp,parts,frozen,observed,denied,partly,taken_back,hostile}'::text[]) t;
SET client_min_messages = error;
DROP SCHEMA learnt CASCADE;
