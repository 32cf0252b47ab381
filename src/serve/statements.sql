-- The door of plain statements, for people.

CREATE FUNCTION selfheal.statements_seen(OUT known boolean, OUT wanted boolean, OUT full_ring bigint, OUT repeated bigint)
AS 'MODULE_PATHNAME', 'selfheal_statements_seen' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.statements_seen() IS
'is the library preloaded; would a failure of this session be looked at; how many of this database were dropped since the server''s start, because there were too many, and because the same session had just reported the same; see the view selfheal.status';
REVOKE ALL ON FUNCTION selfheal.statements_seen() FROM PUBLIC;
