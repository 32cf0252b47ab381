-- Rows that wait for their table.

CREATE VIEW selfheal.arrivals WITH (security_barrier) AS
SELECT a.table_name, count(*) AS rows, min(a.at) AS first_seen, max(a.at) AS last_seen,
	array_agg(DISTINCT a.role ORDER BY a.role) AS roles,
	i.state, i.reason, p.id AS plan_id, p.sql
FROM selfheal.arrival a
LEFT JOIN selfheal.incident i ON i.class = 'unknown_table' AND i.table_name = a.table_name AND i.state NOT IN ('healed', 'dismissed')
LEFT JOIN selfheal.plan p ON p.id = i.plan AND p.state = 'awaiting_approval'
WHERE pg_catalog.pg_has_role(current_user, 'pg_read_all_data', 'USAGE')
	OR EXISTS (SELECT FROM selfheal.landing l JOIN pg_catalog.pg_namespace n ON n.nspname = l.schema_name
		WHERE pg_catalog.has_schema_privilege(n.oid, 'CREATE'))
GROUP BY a.table_name, i.state, i.reason, p.id, p.sql
ORDER BY a.table_name COLLATE "C";
COMMENT ON VIEW selfheal.arrivals IS 'rows that came by land() and wait for their table, by its name, with the plan that approve() takes; shown to those who may make tables in the landing schema';

CREATE FUNCTION selfheal.discard_arrivals(table_name text, why text) RETURNS bigint
AS 'MODULE_PATHNAME', 'selfheal_discard_arrivals' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.discard_arrivals(text, text) IS
'give up the rows that wait for a table of this name, with the reason that the audit keeps; returns how many there were';
REVOKE ALL ON FUNCTION selfheal.discard_arrivals(text, text) FROM PUBLIC;
