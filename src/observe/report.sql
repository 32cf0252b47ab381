-- The door for everyone else's failures: scripts, orchestrators, EXCEPTION blocks.

CREATE FUNCTION selfheal.error_fill()
RETURNS trigger
AS 'MODULE_PATHNAME', 'selfheal_error_fill' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.error_fill() IS
'BEFORE INSERT trigger of selfheal.error: fills id, time, role and class of a report, holds its payload, wakes the worker';
REVOKE ALL ON FUNCTION selfheal.error_fill() FROM PUBLIC;

CREATE TRIGGER error_fill BEFORE INSERT ON selfheal.error
	FOR EACH ROW EXECUTE FUNCTION selfheal.error_fill();
COMMENT ON TRIGGER error_fill ON selfheal.error IS
'fills in what a reporter may not choose; rows of a restore pass unchanged';

CREATE FUNCTION selfheal.report_failure(relation regclass, payload text DEFAULT NULL,
	sqlstate text DEFAULT NULL, message text DEFAULT NULL, context jsonb DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'selfheal_report_failure' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.report_failure(regclass, text, text, text, jsonb) IS
'report a failure of your own for a watched table: opens an incident, holds the payload for replay; returns the id in selfheal.error';
REVOKE ALL ON FUNCTION selfheal.report_failure(regclass, text, text, text, jsonb) FROM PUBLIC;
