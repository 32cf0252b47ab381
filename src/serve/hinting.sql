-- The team's word about keys, by SQL.

CREATE FUNCTION selfheal.hint("table" regclass, key text, type text DEFAULT NULL,
	ignore boolean DEFAULT false, rename_to text DEFAULT NULL, default_value text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_hint' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.hint(regclass, text, text, boolean, text, text) IS
'say what a key of the payloads means, before or after rows with it are held: type => its column gets this type; ignore => true: rows are stored without it; rename_to => its value goes to this column; default_value => rows that lack it get this constant';
REVOKE ALL ON FUNCTION selfheal.hint(regclass, text, text, boolean, text, text) FROM PUBLIC;

CREATE FUNCTION selfheal.unhint("table" regclass, key text) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_unhint' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.unhint(regclass, text) IS
'take a hint() back; what was stored under it stays as it is';
REVOKE ALL ON FUNCTION selfheal.unhint(regclass, text) FROM PUBLIC;
