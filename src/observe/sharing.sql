-- What a model, the server log and notifications are told of values.

CREATE FUNCTION selfheal.shared("table" regclass, payload text, share_values text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_shared' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.shared(regclass, text, text) IS
'what would be told of a payload: by the table''s share_values, or as it would be with none, masked or full';
REVOKE ALL ON FUNCTION selfheal.shared(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION selfheal.shared_message("table" regclass, message text, share_values text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_shared_message' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.shared_message(regclass, text, text) IS
'the same of a message about its rows: words of messages and names of the table stay, all else is a value';
REVOKE ALL ON FUNCTION selfheal.shared_message(regclass, text, text) FROM PUBLIC;
