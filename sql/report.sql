--
-- The door for everyone else's failures: report_failure, and INSERT into
-- selfheal.error by whoever was granted it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA rep;
SET search_path = rep, public;
CREATE TABLE t (id int, v varchar(3));
SELECT selfheal.watch('rep.t', 'observe');

SELECT selfheal.report_failure('rep.t', '{"id": 1, "v": "abcdef"}', '22001', 'value too long', '{"job": "x"}') > 0 AS reported;
SELECT selfheal.report_failure('rep.t', '{"id": 1, "v": "abc"}', '40001', 'serialize', NULL) > 0 AS reported;
SELECT selfheal.report_failure('rep.t', NULL, '23503', 'no parent', '{"column": "id", "constraint": "k"}') > 0 AS reported;
SELECT selfheal.report_failure('rep.t', 'no json') > 0 AS reported;

-- by INSERT: what a reporter may not choose is overwritten
CREATE ROLE regress_rep;
GRANT USAGE ON SCHEMA rep, selfheal TO regress_rep;
GRANT SELECT ON t TO regress_rep;
SET ROLE regress_rep;
INSERT INTO selfheal.error (relid, payload) VALUES ('rep.t', '{}');
RESET ROLE;
GRANT INSERT ON selfheal.error TO regress_rep;
SET ROLE regress_rep;
INSERT INTO selfheal.error (relid, payload, sqlstate, message, id, at, load, incident, class, role, door, rows)
VALUES ('rep.t', '{"zz": 1}', '42703', 'no column', -5, '2000-01-01', 3, 400000000, 'check', 'postgres', 'intake', 500);
INSERT INTO selfheal.error (schema_name, table_name, message) VALUES ('rep', 't', 'broken');
INSERT INTO selfheal.error (schema_name, table_name, message) VALUES ('rep', 'nope', 'broken');
INSERT INTO selfheal.error (message) VALUES ('broken');
INSERT INTO selfheal.error (relid, sqlstate) VALUES ('rep.t', 'short');
RESET ROLE;
SELECT id > 0 AS id, at > now() - interval '1 minute' AS at, door, load > 0 AS load, class, column_name, need, rows, position,
	sample, sqlstate, message, context, payload, role = 'regress_rep' AS reporter, incident IS NOT DISTINCT FROM 400000000 AS forged
FROM selfheal.error WHERE relid = 'rep.t'::regclass ORDER BY error.id;
SELECT payload, state, position FROM selfheal.quarantine WHERE relid = 'rep.t'::regclass ORDER BY id;
SELECT source, role = 'regress_rep' AS reporter, held, stored FROM selfheal.load WHERE relid = 'rep.t'::regclass ORDER BY id;

-- from an EXCEPTION block
DO $$
DECLARE
	r jsonb := '{"id": 5, "v": "longer"}';
BEGIN
	BEGIN
		INSERT INTO rep.t SELECT * FROM jsonb_populate_record(NULL::rep.t, r);
	EXCEPTION WHEN string_data_right_truncation THEN
		PERFORM selfheal.report_failure('rep.t', r::text, SQLSTATE, SQLERRM);
	END;
END $$;
SELECT class, column_name, message FROM selfheal.error WHERE relid = 'rep.t'::regclass ORDER BY id DESC LIMIT 1;

-- a row of a restore passes unchanged
BEGIN;
INSERT INTO selfheal.error (id, relid, schema_name, table_name, class, role, at, message, rows, payload)
VALUES (-1, 'rep.t', 'rep', 't', 'check', 'somebody', '2000-01-01 00:00+00', 'old', 7, '{}')
RETURNING id, class, role, at = '2000-01-01 00:00+00' AS at, rows, load;
ROLLBACK;

-- bad input
SELECT selfheal.report_failure(NULL, '{}', '22001', 'm', NULL);
SELECT selfheal.report_failure('rep.t', NULL, NULL, NULL, NULL);
SELECT selfheal.report_failure('rep.t', NULL, '2200', NULL, NULL);
SELECT selfheal.report_failure('rep.t', NULL, 'abcde', NULL, NULL);
SELECT selfheal.report_failure('pg_class', NULL, '22001', NULL, NULL);
SELECT selfheal.report_failure('rep.t_intake', NULL, '22001', NULL, NULL);
CREATE TABLE unwatched (a int);
SELECT selfheal.report_failure('rep.unwatched', NULL, '22001', NULL, NULL);
REVOKE SELECT ON t FROM regress_rep;
GRANT EXECUTE ON FUNCTION selfheal.report_failure(regclass, text, text, text, jsonb) TO regress_rep;
SET ROLE regress_rep;
SELECT selfheal.report_failure('rep.t', NULL, '22001', NULL, NULL);
RESET ROLE;
SELECT selfheal.error_fill();
CREATE TRIGGER a BEFORE INSERT ON unwatched FOR EACH ROW EXECUTE FUNCTION selfheal.error_fill();
INSERT INTO unwatched VALUES (1);

DROP OWNED BY regress_rep;
DROP ROLE regress_rep;
SET client_min_messages = error;
DROP SCHEMA rep CASCADE;
