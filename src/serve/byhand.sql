-- What people do with held rows.

CREATE FUNCTION selfheal.replay("table" regclass, OUT replayed bigint, OUT held bigint)
AS 'MODULE_PATHNAME', 'selfheal_replay' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.replay(regclass) IS
'put the held rows of a table in now, in your own session and name, unrestricted';
REVOKE ALL ON FUNCTION selfheal.replay(regclass) FROM PUBLIC;

CREATE FUNCTION selfheal.discard(quarantine_id bigint, why text) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_discard' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.discard(bigint, text) IS 'give one held row up; its payload is kept, it is not replayed';
REVOKE ALL ON FUNCTION selfheal.discard(bigint, text) FROM PUBLIC;

CREATE FUNCTION selfheal.discard(incident_id bigint, why text, max_rows bigint) RETURNS bigint
AS 'MODULE_PATHNAME', 'selfheal_discard_incident' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.discard(bigint, text, bigint) IS
'give the held rows of an incident up, at most max_rows; returns how many';
REVOKE ALL ON FUNCTION selfheal.discard(bigint, text, bigint) FROM PUBLIC;

CREATE FUNCTION selfheal.amend(quarantine_id bigint, payload text, why text) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_amend' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.amend(bigint, text, text) IS
'correct the payload of a held row; the first text is kept beside it, and the row is tried again';
REVOKE ALL ON FUNCTION selfheal.amend(bigint, text, text) FROM PUBLIC;
