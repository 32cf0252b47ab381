--
-- The door for everyone else's failures: report_failure(), and INSERT INTO
-- selfheal.error by a role that was granted it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA reports;
SET search_path = reports, public;
CREATE VIEW reported AS
	SELECT e.table_name, e.door, e.class, e.column_name, e.need, e.sqlstate, e.message, e.rows, e.role, e.payload, e.id FROM selfheal.error e
	WHERE e.schema_name = 'reports';
CREATE VIEW held AS
	SELECT table_name, position, class, column_name, need, sqlstate, role, payload, id FROM selfheal.quarantined;

-- with a payload: class and column are what its own check finds; the incident
-- is healed and the payload stored, once
CREATE TABLE t (id int PRIMARY KEY, v varchar(3), d date);
SELECT selfheal.watch('t');
SELECT selfheal.report_failure('t', '{"id": 1, "v": "longer"}', '22001', 'value too long for type character varying(3)', '{"job": "nightly", "try": 3}') > 0 AS id;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM t;
SELECT door, class, column_name, need, sqlstate, message, rows, role = current_user AS role, payload FROM reported WHERE table_name = 't';
SELECT context FROM selfheal.error WHERE relid = 't'::regclass;
SELECT class, column_name, state, rows_seen, rows_held, sql FROM selfheal.incidents WHERE table_name = 'reports.t';
SELECT source, stored, held, skipped FROM selfheal.load WHERE relid = 't'::regclass;
SELECT count(*) AS held FROM selfheal.quarantine WHERE relid = 't'::regclass;

-- named arguments; only a payload: SQLSTATE and message are found as well
SELECT selfheal.report_failure(relation => 't', payload => '{"id": 2, "new": [1, 2]}') > 0 AS id;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT to_jsonb(t) FROM t ORDER BY id;
SELECT class, column_name, need, sqlstate, message FROM reported WHERE table_name = 't' ORDER BY id DESC LIMIT 1;

-- a payload that fits: what failed was something else, or is gone; it is stored
SELECT selfheal.report_failure('t', '{"id": 3}', '40001', 'could not serialize access') > 0 AS id;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id FROM t ORDER BY id;
SELECT class, column_name, state, rows_held FROM selfheal.incidents WHERE table_name = 'reports.t' ORDER BY id DESC LIMIT 1;

-- a bad value stays held, and changes nothing
SELECT selfheal.report_failure('t', '{"id": 4, "d": "2026-02-30"}', '22008', 'date/time field value out of range: "2026-02-30"') > 0 AS id;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, rows_held FROM selfheal.incidents WHERE table_name = 'reports.t' ORDER BY id DESC LIMIT 1;
SELECT position, class, column_name, sqlstate, role = current_user AS role, payload FROM held WHERE table_name = 'reports.t';

-- a payload that is stored already: unique, held once
SELECT selfheal.report_failure('t', '{"id": 1}', '23505', 'duplicate key', '{"constraint": "t_pkey"}') > 0 AS id;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, state, rows_held FROM selfheal.incidents WHERE table_name = 'reports.t' ORDER BY id DESC LIMIT 1;
SELECT count(*) FROM t WHERE id = 1;

-- without a payload there is an incident, for a person
SELECT selfheal.report_failure('t', NULL, '23503', 'no such customer', '{"column": "customer"}') > 0 AS id;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, rows_seen, rows_held FROM selfheal.incidents WHERE table_name = 'reports.t' ORDER BY id DESC LIMIT 1;
-- nor does a message alone lose anything
SELECT selfheal.report_failure('t', message => 'the disk of the file server is full') > 0 AS id;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, rows_held FROM selfheal.incidents WHERE table_name = 'reports.t' ORDER BY id DESC LIMIT 1;

-- a plpgsql EXCEPTION block
CREATE TABLE job (id int, amount numeric(4,2));
SELECT selfheal.watch('job');
DO $$
DECLARE
	payload jsonb;
	state text;
	said text;
BEGIN
	FOR payload IN VALUES ('{"id": 1, "amount": 10.00}'::jsonb), ('{"id": 2, "amount": 1234.50}'), ('{"id": 3, "amount": 3.25}') LOOP
		BEGIN
			INSERT INTO job SELECT * FROM jsonb_populate_record(NULL::job, payload);
		EXCEPTION WHEN others THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, said = MESSAGE_TEXT;
			PERFORM selfheal.report_failure('reports.job', payload::text, state, said);
		END;
	END LOOP;
END $$;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM job ORDER BY id;
SELECT class, column_name, need, sqlstate, message FROM reported WHERE table_name = 'job';

-- the same failure from the intake and from a report is one incident
CREATE TABLE both_doors (id int, v varchar(3));
SELECT selfheal.watch('both_doors', 'observe');
INSERT INTO both_doors_intake VALUES ('{"id": 1, "v": "longer"}');
SELECT selfheal.report_failure('both_doors', '{"id": 2, "v": "longer"}', '22001', 'too long') > 0 AS id;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, rows_seen, rows_held FROM selfheal.incidents WHERE table_name = 'reports.both_doors';
SELECT selfheal.watch('both_doors', 'auto');
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM both_doors ORDER BY id;

-- rolled back: nothing was reported
BEGIN;
SELECT selfheal.report_failure('job', '{"id": 9, "amount": "x"}', '22P02', 'no number') > 0 AS id;
ROLLBACK;
SELECT count(*) FROM reported WHERE table_name = 'job';

-- a role that was granted INSERT may report, for tables that it may write to;
-- what it may not choose is filled in
CREATE ROLE regress_reporter;
GRANT USAGE ON SCHEMA reports TO regress_reporter;
CREATE TABLE mine (id int, v varchar(3));
CREATE TABLE secret (id int);
SELECT selfheal.watch('mine');
SELECT selfheal.watch('secret');
SET ROLE regress_reporter;
INSERT INTO selfheal.error (relid, payload) VALUES ('mine', '{"id": 1}');
RESET ROLE;
GRANT USAGE ON SCHEMA selfheal TO regress_reporter;
SET ROLE regress_reporter;
INSERT INTO selfheal.error (relid, payload) VALUES ('mine', '{"id": 1}');
SELECT selfheal.report_failure('mine', '{"id": 1}');
RESET ROLE;
GRANT INSERT ON selfheal.error TO regress_reporter;
GRANT INSERT ON mine TO regress_reporter;
SET ROLE regress_reporter;
BEGIN;
INSERT INTO selfheal.error (relid, payload, sqlstate, message, detail, hint, context)
	VALUES ('mine', '{"id": 1, "v": "longer"}', '22001', 'too long', 'a detail', 'a hint', '{"dag": "orders"}');
-- by name; several in one statement; what is not his to say is overwritten
INSERT INTO selfheal.error (schema_name, table_name, payload) VALUES ('reports', 'mine', '{"id": 2, "k": 1}'), ('reports', 'mine', '{"id": 3, "k": 2}');
INSERT INTO selfheal.error (id, at, relid, door, load, class, need, rows, position, role, application, incident, payload)
	VALUES (-1, '1999-01-01', 'mine', 'intake', -1, 'check', 'DROP TABLE', 1000000, -1, 'postgres', 'forged', 1, '{"id": 4, "v": "long too"}');
COMMIT;
INSERT INTO selfheal.error (relid, payload) VALUES ('secret', '{"id": "x"}');
INSERT INTO selfheal.error (payload) VALUES ('{"id": 1}');
INSERT INTO selfheal.error (relid) VALUES ('mine');
INSERT INTO selfheal.error (relid, sqlstate) VALUES ('mine', '2200');
SELECT count(*) FROM selfheal.error;
UPDATE selfheal.error SET class = 'check';
DELETE FROM selfheal.error;
RESET ROLE;
SELECT door, class, column_name, need, sqlstate, message, rows, role, payload FROM reported WHERE table_name = 'mine' ORDER BY id;
SELECT count(*) FROM selfheal.error WHERE relid = 'mine'::regclass AND (id < 0 OR at < '2000-01-01' OR application = 'forged' OR incident = 1 AND load = -1);
SELECT detail, hint, context FROM selfheal.error WHERE relid = 'mine'::regclass ORDER BY id LIMIT 1;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT to_jsonb(mine) FROM mine ORDER BY id;
SELECT class, column_name, state, sum(rows_seen) AS rows_seen FROM selfheal.incidents WHERE table_name = 'reports.mine' GROUP BY 1, 2, 3 ORDER BY class COLLATE "C", column_name COLLATE "C";
SELECT DISTINCT role FROM selfheal.replayed WHERE relid = 'mine'::regclass;

-- a reporter who may not write to the table: refused; one who may no longer
-- when it is healed: his row stays held and says so
CREATE TABLE readonly (id int, v varchar(3));
SELECT selfheal.watch('readonly', 'observe');
GRANT SELECT ON readonly TO regress_reporter;
SET ROLE regress_reporter;
INSERT INTO selfheal.error (relid, payload) VALUES ('readonly', '{"id": 1, "v": "longer"}');
RESET ROLE;
GRANT INSERT ON readonly TO regress_reporter;
SET ROLE regress_reporter;
INSERT INTO selfheal.error (relid, payload) VALUES ('readonly', '{"id": 2, "v": "longer"}');
RESET ROLE;
REVOKE INSERT ON readonly FROM regress_reporter;
SELECT selfheal.watch('readonly', 'auto');
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM readonly;
SELECT role, payload FROM held WHERE table_name = 'reports.readonly';
SELECT state, reason, rows_held FROM selfheal.incidents WHERE table_name = 'reports.readonly' AND rows_held > 0;

-- what a report may not be
\set VERBOSITY terse
CREATE TABLE unwatched (id int);
SELECT selfheal.report_failure('unwatched', '{"id": 1}');
SELECT selfheal.report_failure(NULL, '{"id": 1}');
SELECT selfheal.report_failure('pg_class', '{"id": 1}');
SELECT selfheal.report_failure('t');
SELECT selfheal.report_failure('t', sqlstate => 'abc');
SELECT selfheal.report_failure('t', sqlstate => '2200a');
\set VERBOSITY default
SELECT ok FROM selfheal.verify_audit();
SELECT selfheal.unwatch_all() > 5 AS unwatched;
REVOKE ALL ON SCHEMA selfheal FROM regress_reporter;
REVOKE ALL ON selfheal.error FROM regress_reporter;
DROP SCHEMA reports CASCADE;
DROP ROLE regress_reporter;
