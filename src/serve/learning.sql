-- Playbooks that were learnt of Claude's plans, by SQL.

CREATE FUNCTION selfheal.promote(id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_promote' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.promote(bigint) IS
'put a learnt playbook (selfheal.playbooks) to use: from now on it is asked after the built-in ones, for all watched tables, and what it gives runs as far as policy lets it';
REVOKE ALL ON FUNCTION selfheal.promote(bigint) FROM PUBLIC;

CREATE FUNCTION selfheal.demote(id bigint, why text DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_demote' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.demote(bigint, text) IS
'do without a learnt playbook, until promote() or until its plan has been applied selfheal.promote_after times more';
REVOKE ALL ON FUNCTION selfheal.demote(bigint, text) FROM PUBLIC;

-- Words of a table may stand in the steps (null_if, map_value): who may not
-- read all the tables that it was learnt of does not see it.
CREATE VIEW selfheal.playbooks WITH (security_barrier) AS
SELECT l.id, l.state, l.sqlstate, l.class, l.subject, l.catalog, l.steps,
	(SELECT count(*) FROM selfheal.lesson s WHERE s.learnt = l.id) AS applied,
	(SELECT array_agg(s.plan ORDER BY s.plan) FROM selfheal.lesson s WHERE s.learnt = l.id) AS plans,
	(SELECT count(*) FROM selfheal.plan p WHERE p.state = 'applied'
		AND 'learnt:' || l.id = ANY (string_to_array(p.playbook, ', '))) AS healed,
	l.rehearsal, l.noticed_at, l.offered_at, l.decided_at, l.decided_by, l.reason
FROM selfheal.learnt l
WHERE NOT EXISTS (SELECT FROM selfheal.lesson s LEFT JOIN selfheal.plan p ON p.id = s.plan
	WHERE s.learnt = l.id AND NOT selfheal.may_see(p.relid))
ORDER BY l.id;
COMMENT ON VIEW selfheal.playbooks IS 'playbooks that were learnt of plans of Claude''s: what they are for, what they do, how often that was applied before and since, and how the rehearsal went';
