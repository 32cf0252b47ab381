-- What a table is against what is expected of it.

CREATE FUNCTION selfheal.drift("table" regclass)
RETURNS TABLE (source text, kind text, name text, expected text, actual text, breaks boolean,
	since timestamptz, statement text, role text)
AS 'MODULE_PATHNAME', 'selfheal_drift' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.drift(regclass) IS
'how a watched table differs from what is expected: source baseline (expect()), producers (changes by people that break what was sent until then) or server (of a foreign table of postgres_fdw, and of foreign partitions: expected as declared here, actual as there; asked as the caller, within selfheal.publisher_timeout; kind unreachable: actual says why it could not be asked); since when, by which statement and by whom, where that is known';
REVOKE ALL ON FUNCTION selfheal.drift(regclass) FROM PUBLIC;
