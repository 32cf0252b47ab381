-- Checks of the team, by SQL.

CREATE FUNCTION selfheal.check(relation regclass, name text, sql text) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_check' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.check(regclass, text, text) IS
'what must stay true of a table: one SELECT of one boolean that names the table without its schema; asked of a clone in every dry run, before the change, after it and after the held rows, as the role that calls this, read-only; a plan that makes it false or null, or under which it fails, is refused. The clone has a sample of the rows: say what holds for any part of them. Functions that read the table read the real one';
REVOKE ALL ON FUNCTION selfheal.check(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION selfheal.uncheck(relation regclass, name text) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_uncheck' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.uncheck(regclass, text) IS
'take a check() back; plans that it refused are tried anew';
REVOKE ALL ON FUNCTION selfheal.uncheck(regclass, text) FROM PUBLIC;
