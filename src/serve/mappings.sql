-- What becomes of payloads, by SQL.

CREATE FUNCTION selfheal.add_mapping("table" regclass, kind text, field text, args jsonb DEFAULT '{}',
	column_name name DEFAULT NULL, why text DEFAULT NULL, force boolean DEFAULT false) RETURNS bigint
AS 'MODULE_PATHNAME', 'selfheal_add_mapping' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.add_mapping(regclass, text, text, jsonb, name, text, boolean) IS
'say how payloads of a table are to be read (map_field, ignore_field, strip_nul, trim, null_if, map_value, parse_timestamp, parse_number, parse_point, decode_text, overflow_to_jsonb); proven on its held rows first; force => true: also when it makes none of them fit. Returns its number';
REVOKE ALL ON FUNCTION selfheal.add_mapping(regclass, text, text, jsonb, name, text, boolean) FROM PUBLIC;

CREATE FUNCTION selfheal.remove_mapping(id bigint, why text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_remove_mapping' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.remove_mapping(bigint, text) IS
'take a mapping back; what was stored through it stays as it is';
REVOKE ALL ON FUNCTION selfheal.remove_mapping(bigint, text) FROM PUBLIC;

CREATE VIEW selfheal.mappings WITH (security_barrier) AS
SELECT m.id, format('%I.%I', m.schema_name, m.table_name) AS table_name, m.version, m.kind, m.field, m.column_name,
	m.args, m.state, m.proven_rows, m.incident, m.plan, m.added_by, m.added_at, m.why,
	m.removed_by, m.removed_at, m.why_removed
FROM selfheal.mapping m
WHERE selfheal.may_see(m.relid)
ORDER BY m.schema_name, m.table_name, m.id;
COMMENT ON VIEW selfheal.mappings IS 'how payloads of each table are read, and were: mappings that are active and removed';

CREATE VIEW selfheal.originals WITH (security_barrier) AS
SELECT k.at, format('%I.%I', k.schema_name, k.table_name) AS table_name, k.load,
	CASE WHEN NOT k.replayed THEN p.number END AS position, CASE WHEN k.replayed THEN p.number END AS held,
	CASE WHEN NOT k.raw THEN convert_from(p.payload, getdatabaseencoding()) END AS payload,
	CASE WHEN k.raw THEN p.payload END AS payload_raw,
	k.mappings, k.versions
FROM selfheal.kept k, LATERAL selfheal.kept_rows(k.first_number, k.payloads) p
WHERE selfheal.may_see(k.schema_name, k.table_name)
	AND NOT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = k.schema_name AND c.relname = k.table_name AND row_security_active(c.oid));
COMMENT ON VIEW selfheal.originals IS 'what was sent, of rows that were stored through a mapping: payload, line in the load or number that it had while it was held, mappings';
