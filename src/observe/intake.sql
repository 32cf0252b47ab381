-- The front door: the triggers of <table>_intake, and ingest().

CREATE FUNCTION selfheal.intake_row()
RETURNS trigger
AS 'MODULE_PATHNAME', 'selfheal_intake_row' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.intake_row() IS
'INSTEAD OF INSERT trigger of an intake view: takes one payload';
REVOKE ALL ON FUNCTION selfheal.intake_row() FROM PUBLIC;

CREATE FUNCTION selfheal.intake_flush()
RETURNS trigger
AS 'MODULE_PATHNAME', 'selfheal_intake_flush' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.intake_flush() IS
'AFTER INSERT statement trigger of an intake view: stores what fits, holds what does not';
REVOKE ALL ON FUNCTION selfheal.intake_flush() FROM PUBLIC;

CREATE FUNCTION selfheal.ingest("table" regclass, payloads text[], OUT stored bigint, OUT held bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'selfheal_ingest' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.ingest(regclass, text[]) IS
'load JSON payloads into a watched table: what fits is stored, what does not is held; returns both counts';
REVOKE ALL ON FUNCTION selfheal.ingest(regclass, text[]) FROM PUBLIC;
