-- A table's shape.

CREATE FUNCTION selfheal.snapshot("table" regclass)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_snapshot' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.snapshot(regclass) IS
'a table''s shape as JSON, by names: columns, constraints, unique indexes, triggers, types, partitions; what selfheal.schema_version keeps of it';
REVOKE ALL ON FUNCTION selfheal.snapshot(regclass) FROM PUBLIC;
