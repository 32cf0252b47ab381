--
-- What people do by SQL: preview, propose, dry_run, approve, reject, retry,
-- replay, discard, amend, explain, pause, resume, wake, wait_idle. After each:
-- the states, and the row that the audit has of it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA people;
SET search_path = people, public;
CREATE ROLE regress_operator;
SELECT selfheal.grant_to('regress_operator', 'operator');
GRANT USAGE, CREATE ON SCHEMA people TO regress_operator;
ALTER DEFAULT PRIVILEGES IN SCHEMA people GRANT SELECT, INSERT ON TABLES TO regress_operator;
-- what is stored by selfheal: rows of each table, where each sequence stands
CREATE FUNCTION stored() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	r record;
	n bigint;
	result text := '';
BEGIN
	FOR r IN SELECT oid, relname, relkind FROM pg_class
		WHERE relnamespace = 'selfheal'::regnamespace AND relkind IN ('r', 'S') ORDER BY relname LOOP
		IF r.relkind = 'r' THEN
			EXECUTE format('SELECT count(*) FROM selfheal.%I', r.relname) INTO n;
		ELSE
			n := pg_sequence_last_value(r.oid);
		END IF;
		result := concat(result, ' ', r.relname, '=', n);
	END LOOP;
	RETURN result;
END
$$;
-- the newest audit row of a table that a person left
CREATE FUNCTION last_act(name text, OUT event text, OUT role text, OUT client boolean, OUT incident boolean,
	OUT plan boolean, OUT result text, OUT explanation text) LANGUAGE sql SECURITY DEFINER AS $$
	SELECT event, actor_role, actor_client LIKE 'pg_regress/people %', incident IS NOT NULL,
		plan IS NOT NULL, result, explanation
	FROM selfheal.audit WHERE schema_name = 'people' AND table_name = name
		AND actor_client <> 'selfheal worker' ORDER BY id DESC LIMIT 1
$$;
CREATE FUNCTION states(name text, OUT class text, OUT column_name text, OUT state text, OUT held bigint,
	OUT closed_by text, OUT why text) RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT class, column_name, state, rows_held, closed_by, why
	FROM selfheal.incidents WHERE table_name = 'people.' || name ORDER BY id
$$;
CREATE FUNCTION plans(name text, OUT sql text, OUT state text, OUT reason text, OUT decided_by text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT sql, state, reason, decided_by
	FROM selfheal.plan WHERE schema_name = 'people' AND table_name = name ORDER BY id
$$;

--
-- preview: what would this payload need? stores nothing
--
CREATE TABLE seen (id int, v varchar(4), must text NOT NULL, n smallint, price numeric(6,2), d date);
SELECT selfheal.watch('people.seen');
INSERT INTO seen VALUES (0, 'a', 'b', 1, 1, '2026-01-01');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT stored() AS before \gset
SET ROLE regress_operator;
-- it fits
SELECT * FROM selfheal.preview('people.seen', '{"id": 1, "must": "x", "d": "2026-01-31", "unknown": null}');
-- it does not, in many ways
SELECT * FROM selfheal.preview('people.seen',
	'{"id": 1.5, "v": "too long", "n": 40000, "price": 12345.678, "d": "2026-02-30", "tags": ["a"], "at": "2026-01-01T00:00:00Z"}');
SELECT class, message FROM selfheal.preview('people.seen', '{"id": 1, "must": "x"');
SELECT class, message FROM selfheal.preview('people.seen', '[{"id": 1}]');
SELECT class, message FROM selfheal.preview('people.seen', '');
RESET ROLE;
SELECT stored() = :'before' AS stored_nothing;
SELECT * FROM seen;
-- a table that is not watched may be asked about too
CREATE TABLE stranger (id int);
SELECT class, sql, verdict FROM selfheal.preview('people.stranger', '{"id": 3000000000}');
-- under the table's mode
SELECT selfheal.watch('people.seen', 'propose');
SELECT sql, verdict FROM selfheal.preview('people.seen', '{"must": "x", "v": "too long"}');

--
-- propose: vetted as any other, waits for approval; a refusal is recorded
--
CREATE TABLE mine (id int, v varchar(4));
INSERT INTO mine VALUES (1, 'abcd');
SELECT selfheal.watch('people.mine');
SET ROLE regress_operator;
SELECT plan_id IS NULL AS no_plan, verdict, reason
FROM selfheal.propose('people.mine', 'ALTER TABLE people.mine DROP COLUMN v', 'nobody needs it');
RESET ROLE;
SELECT * FROM last_act('mine');
SELECT verdict, options, sql_run FROM selfheal.audit WHERE table_name = 'mine' ORDER BY id DESC LIMIT 1;
SELECT * FROM plans('mine');
-- what is so already is no plan
SELECT plan_id IS NULL AS no_plan, verdict, reason
FROM selfheal.propose('people.mine', 'ALTER TABLE people.mine ALTER v TYPE varchar(4)', 'as it is');
-- one that may pass waits, also in mode auto
SET ROLE regress_operator;
SELECT plan_id, verdict, reason
FROM selfheal.propose('people.mine', 'alter table mine add extra text, alter v type varchar(10)', 'asked for by accounts') \gset
\echo :verdict / :reason
RESET ROLE;
SELECT * FROM last_act('mine');
SELECT table_name, sql, verdict, reason, rows_waiting, state, proposed_by, why FROM selfheal.pending WHERE plan_id = :plan_id;

--
-- dry_run: in the caller's session, leaves nothing
--
CREATE SEQUENCE numbers START 100;
CREATE TABLE dry (id serial, code int DEFAULT nextval('numbers'), v varchar(4), must text NOT NULL);
INSERT INTO dry (v, must) SELECT 'v', 'm' FROM generate_series(1, 1500);
ANALYZE dry;
SELECT selfheal.watch('people.dry', 'propose');
INSERT INTO dry_intake VALUES ('{"v": "longer", "must": "x"}'), ('{"v": "longest", "must": "x"}'), ('{"v": "longish"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT sql, rows_waiting FROM selfheal.pending WHERE table_name = 'people.dry';
SELECT plan_id FROM selfheal.pending WHERE table_name = 'people.dry' \gset
GRANT USAGE ON ALL SEQUENCES IN SCHEMA people TO regress_operator;
SELECT string_agg(sequencename || '=' || last_value, ' ' ORDER BY sequencename) AS sequences
FROM pg_sequences WHERE schemaname = 'people' \gset
SELECT count(*) AS objects FROM pg_class \gset
SELECT (SELECT nspacl::text FROM pg_namespace WHERE nspname = 'selfheal_sandbox') AS acl \gset
SET ROLE regress_operator;
SELECT selfheal.dry_run(:plan_id) - 'ms' - 'history_tried' - 'traced' AS dry_run;
-- at least 1,000 rows of history
SELECT n BETWEEN 1000 AND 1500 AS history FROM (SELECT (selfheal.dry_run(:plan_id) ->> 'history_tried')::int OFFSET 0) h(n);
RESET ROLE;
SELECT string_agg(sequencename || '=' || last_value, ' ' ORDER BY sequencename) = :'sequences' AS no_sequence_moved
FROM pg_sequences WHERE schemaname = 'people';
SELECT count(*) = :objects AS no_object_left FROM pg_class;
SELECT count(*) AS in_sandbox FROM pg_class WHERE relnamespace = 'selfheal_sandbox'::regnamespace;
SELECT (SELECT nspacl::text FROM pg_namespace WHERE nspname = 'selfheal_sandbox') IS NOT DISTINCT FROM :'acl' AS no_grant_left;
SELECT array_agg(DISTINCT a.grantee = n.nspowner) AS only_its_owner
FROM pg_namespace n, aclexplode(n.nspacl) a WHERE n.nspname = 'selfheal_sandbox';
SELECT count(*) AS rows, max(length(v)) AS longest FROM dry;
SELECT * FROM last_act('dry');
SELECT rows_held, rows_replayed, dry_run ->> 'ok' AS ok FROM selfheal.audit WHERE table_name = 'dry' ORDER BY id DESC LIMIT 1;
-- a proposal need not help any held row; the counts say that it does not
SELECT plan_id AS useless FROM selfheal.propose('people.dry', 'ALTER TABLE dry ADD useless text', 'a test') \gset
SELECT r ->> 'ok' AS ok, r ->> 'held_tried' AS tried, r ->> 'held_stored' AS stored FROM selfheal.dry_run(:useless) r;

--
-- approve
--
SET ROLE regress_operator;
SELECT selfheal.approve(:plan_id);
RESET ROLE;
SELECT * FROM last_act('dry');
SELECT approval ->> 'by' AS by, approval ->> 'hash' = (SELECT hash FROM selfheal.plan WHERE id = :plan_id) AS hash
FROM selfheal.audit WHERE plan = :plan_id AND event = 'approved';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT v, must FROM dry WHERE length(v) > 4 ORDER BY v;
SELECT * FROM states('dry');
SELECT state, decided_by, decided_at < applied_at AS in_order FROM selfheal.plan WHERE id = :plan_id;
-- after it has run
\set VERBOSITY sqlstate
SELECT selfheal.approve(:plan_id);
SELECT selfheal.reject(:plan_id, 'too late');
\set VERBOSITY default
SELECT state FROM selfheal.plan WHERE id = :plan_id;
-- a proposal: approved, it runs; no row was waiting for it
SELECT plan_id FROM selfheal.pending WHERE table_name = 'people.mine' \gset
SELECT selfheal.approve(:plan_id);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
WHERE attrelid = 'people.mine'::regclass AND attnum > 0 ORDER BY attnum;
SELECT state FROM selfheal.plan WHERE id = :plan_id;
-- a proposal that helps held rows settles their incidents, and the plan of
-- ours that waited for them
CREATE TABLE helped (id int, must text NOT NULL);
SELECT selfheal.watch('people.helped');
INSERT INTO helped_intake VALUES ('{"id": 1}'), ('{"id": 2}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('helped');
SELECT selfheal.approve(plan_id)
FROM selfheal.propose('people.helped', 'ALTER TABLE helped ALTER must DROP NOT NULL, ADD more int', 'both at once');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM helped ORDER BY id;
SELECT * FROM states('helped');
SELECT sql, state, reason FROM plans('helped');
SELECT count(*) AS pending FROM selfheal.pending WHERE table_name = 'people.helped';
-- rolled back: nobody approved
CREATE TABLE undone (id int, must text NOT NULL);
SELECT selfheal.watch('people.undone');
INSERT INTO undone_intake VALUES ('{"id": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
BEGIN;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'people.undone';
SELECT state FROM selfheal.pending WHERE table_name = 'people.undone';
ROLLBACK;
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state FROM selfheal.pending WHERE table_name = 'people.undone';
SELECT count(*) AS approved FROM selfheal.audit WHERE table_name = 'undone' AND event = 'approved';
SELECT * FROM undone;
-- a person changed the table first: the approval was for another table
BEGIN;
ALTER TABLE undone ADD other int;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'people.undone';
COMMIT;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM undone;
SELECT sql, state, reason FROM plans('undone');
SELECT event, result FROM selfheal.audit WHERE table_name = 'undone' AND event = 'refused';
SELECT * FROM states('undone');
-- a person did himself what was asked for: the rows are put in
BEGIN;
ALTER TABLE undone ALTER must DROP NOT NULL;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'people.undone';
COMMIT;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM undone;
SELECT sql, state, reason FROM plans('undone');
SELECT * FROM states('undone');
-- the table is looked after no more: an approval would never run
CREATE TABLE left_alone (id int, must text NOT NULL);
SELECT selfheal.watch('people.left_alone');
INSERT INTO left_alone_intake VALUES ('{"id": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.unwatch('people.left_alone');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'people.left_alone';
SELECT count(*) AS held FROM selfheal.quarantined WHERE table_name = 'people.left_alone';

--
-- reject
--
CREATE TABLE refused (id int, must text NOT NULL);
SELECT selfheal.watch('people.refused');
INSERT INTO refused_intake VALUES ('{"id": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT plan_id FROM selfheal.pending WHERE table_name = 'people.refused' \gset
SET ROLE regress_operator;
SELECT selfheal.reject(:plan_id, 'the column is there for a reason');
RESET ROLE;
SELECT * FROM last_act('refused');
SELECT state, reason, decided_by, decided_at IS NOT NULL AS decided_at FROM selfheal.plan WHERE id = :plan_id;
SELECT state, reason ~ 'was rejected: the column is there for a reason$' AS reason, rows_held
FROM selfheal.incidents WHERE table_name = 'people.refused';
SELECT count(*) AS pending FROM selfheal.pending WHERE table_name = 'people.refused';
-- it stays rejected, more such rows are held with the others
INSERT INTO refused_intake VALUES ('{"id": 2}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('refused');
\set VERBOSITY sqlstate
SELECT selfheal.approve(:plan_id);
SELECT selfheal.reject(:plan_id, 'again');
\set VERBOSITY default
SELECT state FROM selfheal.plan WHERE id = :plan_id;
-- somebody thinks again
SET ROLE regress_operator;
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'people.refused';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT sql, rows_waiting FROM selfheal.pending WHERE table_name = 'people.refused';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'people.refused';
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM refused ORDER BY id;
SELECT * FROM states('refused');

--
-- retry: a missing parent that came later, in one transaction with the word
--
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int, parent int REFERENCES parent);
SELECT selfheal.watch('people.child');
INSERT INTO child_intake VALUES ('{"id": 1, "parent": 7}'), ('{"id": 2, "parent": 8}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('child');
SELECT id FROM selfheal.incidents WHERE table_name = 'people.child' \gset
BEGIN;
INSERT INTO parent VALUES (7);
SET ROLE regress_operator;
SELECT selfheal.retry(:id);
RESET ROLE;
COMMIT;
SELECT * FROM last_act('child');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM child;
SELECT class, state, reason, rows_held FROM selfheal.incidents WHERE id = :id;
BEGIN;
INSERT INTO parent VALUES (8);
SET ROLE regress_operator;
SELECT selfheal.retry(:id);
RESET ROLE;
COMMIT;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM child ORDER BY id;
SELECT * FROM states('child');
\set VERBOSITY sqlstate
SELECT selfheal.retry(:id);
\set VERBOSITY default
-- no rows came with a report: there is nothing to plan from, and a person closes it
SELECT count(*) AS reported FROM selfheal.report_failure('people.child', NULL, '22001', 'value too long', '{"column": "id"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, reason FROM selfheal.incidents WHERE table_name = 'people.child' AND id <> :id;
SET ROLE regress_operator;
SELECT selfheal.discard(id, 'the script was wrong', 1) AS discarded
FROM selfheal.incidents WHERE table_name = 'people.child' AND id <> :id;
RESET ROLE;
SELECT * FROM states('child');

--
-- replay: now, in one's own session and name
--
CREATE TABLE again (id int PRIMARY KEY, v text, stored_by text DEFAULT current_user);
SELECT selfheal.watch('people.again');
INSERT INTO again VALUES (1, 'was there', 'somebody'), (2, 'was there', 'somebody');
INSERT INTO again_intake VALUES ('{"id": 1, "v": "came"}'), ('{"id": 2, "v": "came"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('again');
DELETE FROM again WHERE id = 1;
SET ROLE regress_operator;
SELECT * FROM selfheal.replay('people.again');
RESET ROLE;
SELECT * FROM last_act('again');
SELECT rows_replayed, rows_left, payload_ref ->> 'rows' AS rows FROM selfheal.audit
WHERE table_name = 'again' AND event = 'replayed';
SELECT id, v, stored_by FROM again ORDER BY id;
SELECT rows, role, plan FROM selfheal.replayed WHERE table_name = 'again';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('again');
DELETE FROM again WHERE id = 2;
SELECT * FROM selfheal.replay('people.again');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('again');
SELECT * FROM selfheal.replay('people.again');
-- what waited for an approval was put in: nothing waits
CREATE TABLE filled (id int, must text NOT NULL);
SELECT selfheal.watch('people.filled');
INSERT INTO filled_intake VALUES ('{"id": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
BEGIN;
ALTER TABLE filled ALTER must SET DEFAULT 'filled';
SELECT * FROM selfheal.replay('people.filled');
COMMIT;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM filled;
SELECT * FROM states('filled');
SELECT sql, state, reason FROM plans('filled');

--
-- discard: by row, and by incident with a limit; the payload stays
--
CREATE TABLE thrown (id int, d date);
SELECT selfheal.watch('people.thrown');
INSERT INTO thrown_intake SELECT format('{"id": %s, "d": "never"}', i) FROM generate_series(1, 6) i;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('thrown');
SELECT min(id) AS row, min(incident) AS incident FROM selfheal.quarantined WHERE table_name = 'people.thrown' \gset
SET ROLE regress_operator;
SELECT selfheal.discard(:row, 'a test row');
RESET ROLE;
SELECT * FROM last_act('thrown');
SELECT payload_ref -> 'ids' = jsonb_build_array(jsonb_build_array(:row, :row)) AS ids, payload_ref ->> 'rows' AS rows, rows_left
FROM selfheal.audit WHERE table_name = 'thrown' AND event = 'discarded';
SELECT position, state, payload, changed_by, changed_at IS NOT NULL AS changed_at, why
FROM selfheal.quarantined WHERE table_name = 'people.thrown' ORDER BY id;
\set VERBOSITY sqlstate
SELECT selfheal.discard(:row, 'again');
\set VERBOSITY default
SET ROLE regress_operator;
SELECT selfheal.discard(:incident, 'some of them', 2);
RESET ROLE;
SELECT state, why, count(*) FROM selfheal.quarantined WHERE table_name = 'people.thrown' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('thrown');
SELECT selfheal.discard(:incident, 'none', 0);
SET ROLE regress_operator;
SELECT selfheal.discard(:incident, 'all of them', 100);
RESET ROLE;
-- nothing of it is held any more: it is dismissed
SELECT * FROM last_act('thrown');
SELECT state, closed_by, why FROM selfheal.incidents WHERE id = :incident;
SELECT selfheal.discard(:incident, 'none is left', 100);
SELECT * FROM thrown;
-- the last row of an incident takes it along, and the plan that waits
CREATE TABLE single (id int, must text NOT NULL);
SELECT selfheal.watch('people.single');
INSERT INTO single_intake VALUES ('{"id": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) AS pending FROM selfheal.pending WHERE table_name = 'people.single';
SET ROLE regress_operator;
SELECT selfheal.discard(id, 'not ours') FROM selfheal.quarantined WHERE table_name = 'people.single';
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('single');
SELECT sql, state, reason FROM plans('single');
-- discarded rows are not replayed
ALTER TABLE single ALTER must DROP NOT NULL;
SELECT * FROM selfheal.replay('people.single');
SELECT * FROM single;

--
-- amend: a person's correction; the first text is kept
--
CREATE TABLE corrected (id int, d date, must text NOT NULL);
SELECT selfheal.watch('people.corrected');
INSERT INTO corrected_intake VALUES ('{"id": 1, "d": "2026-02-30", "must": "x"}'), ('{"id": 2}'), ('{"id": 3}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('corrected');
SELECT id AS row FROM selfheal.quarantined WHERE table_name = 'people.corrected' AND class = 'bad_value' \gset
SET ROLE regress_operator;
SELECT selfheal.amend(:row, '{"id": 1, "d": "2026-02-31", "must": "x"}', 'a guess');
RESET ROLE;
SELECT * FROM last_act('corrected');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, payload, original, changed_by, changed_at IS NOT NULL AS changed_at, why
FROM selfheal.quarantined WHERE id = :row;
-- again: the first text is the one that is kept
SET ROLE regress_operator;
BEGIN;
SELECT selfheal.amend(:row, '{"id": 1, "d": "2026-02-28", "must": "x", "new": 1}', 'asked the customer');
SELECT payload, original, why FROM selfheal.quarantined WHERE id = :row;
COMMIT;
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM corrected;
SELECT count(*) AS held FROM selfheal.quarantined WHERE id = :row;
\set VERBOSITY sqlstate
SELECT selfheal.amend(:row, '{}', 'it is stored already');
\set VERBOSITY default
-- a row that waits with others for an approval: amended, it waits no more
SELECT min(id) AS row FROM selfheal.quarantined WHERE table_name = 'people.corrected' \gset
SELECT selfheal.amend(:row, '{"id": 2, "must": "found it"}', 'asked');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT id, must FROM corrected ORDER BY id;
SELECT sql, rows_waiting FROM selfheal.pending WHERE table_name = 'people.corrected';
SELECT id AS row FROM selfheal.quarantined WHERE table_name = 'people.corrected' \gset
SELECT selfheal.amend(:row, '{"id": 3, "must": "as well"}', 'asked');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT id, must FROM corrected ORDER BY id;
SELECT count(*) AS pending FROM selfheal.pending WHERE table_name = 'people.corrected';
SELECT class, column_name, state, held FROM states('corrected');
-- what was stored is what the audit has the hash of
SELECT count(*) AS events, bool_and(length(payload_ref ->> 'sha256') = 64) AS hashed, bool_and(explanation IS NOT NULL) AS why
FROM selfheal.audit WHERE table_name = 'corrected' AND event = 'amended';

--
-- explain: the story of one incident
--
SET ROLE regress_operator;
SELECT regexp_replace(regexp_replace(selfheal.explain(:id), '\m\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d [^,. ]+', 'TIME', 'g'),
	'\m(\d\d:\d\d:\d\d\.\d+|(?<=Incident )\d+|(?<=retry\()\d+)', '--', 'g') AS explain;
SELECT regexp_replace(regexp_replace(selfheal.explain(incident), '\m\d\d\d\d-\d\d-\d\d \d\d:\d\d:\d\d [^,. ]+', 'TIME', 'g'),
	'\m(\d\d:\d\d:\d\d\.\d+|(?<=Incident )\d+|(?<=plan )\d+)', '--', 'g') AS explain
FROM (SELECT min(id) AS incident FROM selfheal.incidents WHERE table_name = 'people.refused') i;
RESET ROLE;

--
-- pause and resume
--
CREATE TABLE rest (id int, v varchar(4));
SELECT selfheal.watch('people.rest');
SET ROLE regress_operator;
SELECT selfheal.pause('people.rest');
RESET ROLE;
SELECT * FROM last_act('rest');
SELECT paused FROM selfheal.watched WHERE relid = 'people.rest'::regclass;
INSERT INTO rest_intake VALUES ('{"id": 1, "v": "too long"}'), ('{"id": 2, "v": "fits"}');
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM rest;
SELECT class, column_name, state, held FROM states('rest');
SELECT count(*) AS plans FROM plans('rest');
-- what is approved meanwhile waits for the end of the pause
SELECT selfheal.approve(plan_id) FROM selfheal.propose('people.rest', 'ALTER TABLE rest ADD k int', 'a test');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT sql, state FROM plans('rest');
-- approving twice is an error
\set VERBOSITY sqlstate
SELECT selfheal.approve(id) FROM selfheal.plan WHERE schema_name = 'people' AND state = 'approved';
\set VERBOSITY default
SELECT sql, state FROM plans('rest');
-- pausing what is paused is no event
SELECT selfheal.pause('people.rest');
SELECT count(*) AS pauses FROM selfheal.audit WHERE table_name = 'rest' AND event = 'paused';
SET ROLE regress_operator;
SELECT selfheal.resume('people.rest');
RESET ROLE;
SELECT * FROM last_act('rest');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM rest ORDER BY id;
SELECT class, column_name, state, held FROM states('rest');
SELECT sql, state FROM plans('rest') ORDER BY sql;
SELECT selfheal.resume('people.rest');

--
-- wake and wait_idle
--
SET ROLE regress_operator;
SELECT selfheal.wake();
SELECT k, jsonb_typeof(v) FROM jsonb_each(selfheal.wait_idle('180s')) w(k, v) ORDER BY k;
RESET ROLE;
SELECT selfheal.wait_idle('180s') -> 'held' = to_jsonb(count(*)) AS held FROM selfheal.quarantine WHERE state = 'held';
BEGIN;
\set VERBOSITY sqlstate
SELECT selfheal.wait_idle('1s');
ROLLBACK;
DO $$ BEGIN PERFORM selfheal.wait_idle('1s'); CREATE TABLE x (); PERFORM selfheal.wait_idle('1s'); END $$;
\set VERBOSITY default

-- no event without somebody who did it, none that is not sealed
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT ok, unsealed FROM selfheal.verify_audit();
SELECT event, count(*) FROM selfheal.audit WHERE schema_name = 'people' AND actor_role = 'regress_operator'
GROUP BY event ORDER BY event;

SELECT selfheal.unwatch_all() > 5 AS unwatched;
DROP SCHEMA people CASCADE;
DROP OWNED BY regress_operator;
DROP ROLE regress_operator;
