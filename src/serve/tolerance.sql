-- How much a table may change and hold before somebody is told, or the healer
-- holds back.

CREATE TABLE selfheal.tolerance (
	relid regclass PRIMARY KEY REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	new_columns_per_day integer CHECK (new_columns_per_day >= 0),
	held_percent numeric CHECK (held_percent >= 0 AND held_percent <= 100),
	structural_changes boolean NOT NULL DEFAULT true,
	past text NOT NULL DEFAULT 'report' CHECK (past IN ('report', 'pause', 'propose')),
	set_by text NOT NULL,
	set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	counted_from timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON TABLE selfheal.tolerance IS 'what set_tolerance() says of watched tables; goes where the watch goes, and with it';
COMMENT ON COLUMN selfheal.tolerance.relid IS 'the watched table';
COMMENT ON COLUMN selfheal.tolerance.new_columns_per_day IS 'columns that the healer may add by itself in 24 hours; null: any number';
COMMENT ON COLUMN selfheal.tolerance.held_percent IS 'share of the rows of the last hour that may be held; null: all';
COMMENT ON COLUMN selfheal.tolerance.structural_changes IS 'may a person drop, rename or narrow a column, or make it NOT NULL?';
COMMENT ON COLUMN selfheal.tolerance.past IS
'what happens past it; report: an incident tells; pause: the healer rests on the table too, rows that do not fit are held; propose: its plans wait for approval too';
COMMENT ON COLUMN selfheal.tolerance.set_by IS 'role that said so';
COMMENT ON COLUMN selfheal.tolerance.set_at IS 'when';
COMMENT ON COLUMN selfheal.tolerance.counted_from IS 'what was before does not count: a person has answered it then (resume, dismiss)';
SELECT pg_catalog.pg_extension_config_dump('selfheal.tolerance', '');

-- The one place where the measures are taken: what the worker goes by, and what
-- people see. An incident of a key that is no column is a column that the
-- healer will add, until a person is asked about it.
CREATE VIEW selfheal.measured AS
SELECT t.relid, t.new_columns_per_day, t.held_percent, t.structural_changes, t.past, t.set_by, t.set_at,
	c.columns + k.columns AS new_columns, least(h.rows_held, l.rows) AS rows_held, l.rows AS rows_seen,
	round(100.0 * least(h.rows_held, l.rows) / nullif(l.rows, 0), 1) AS share_held, s.changes,
	nullif(concat_ws('; ',
		CASE WHEN c.columns + k.columns > t.new_columns_per_day
			THEN format('%s new columns in 24 hours, made or wanted, where %s are tolerated', c.columns + k.columns, t.new_columns_per_day) END,
		CASE WHEN 100 * least(h.rows_held, l.rows) > t.held_percent * l.rows
			THEN format('%s of %s rows of the last hour are held, where %s %% are tolerated', least(h.rows_held, l.rows), l.rows, t.held_percent) END,
		CASE WHEN s.changes > 0 AND NOT t.structural_changes
			THEN format('columns that a person has dropped, renamed, narrowed or made NOT NULL: %s, where none is tolerated', s.changes) END), '') AS exceeded,
	least(CASE WHEN 100 * least(h.rows_held, l.rows) > t.held_percent * l.rows THEN h.oldest + interval '1 hour' END,
		CASE WHEN c.columns + k.columns > t.new_columns_per_day THEN c.oldest + interval '24 hours' END) AS until
FROM selfheal.tolerance t
CROSS JOIN LATERAL (SELECT greatest(now() - interval '1 hour', t.counted_from,
	(SELECT max(d.at) FROM selfheal.ddl d WHERE d.relid = t.relid AND d.answered IS NOT NULL)) AS hour) f
CROSS JOIN LATERAL (SELECT count(*) AS columns, min(p.applied_at) AS oldest
	FROM selfheal.plan p, jsonb_array_elements(p.steps -> 'steps') x
	WHERE p.relid = t.relid AND p.state = 'applied' AND p.applied_at > now() - interval '24 hours'
		AND p.verdict = 'auto' AND x ->> 'kind' = 'add_column'
		AND EXISTS (SELECT FROM selfheal.incident i WHERE i.id = ANY (p.incidents) AND i.first_seen > t.counted_from)) c
CROSS JOIN LATERAL (SELECT count(*) AS columns FROM selfheal.incident i
	WHERE i.relid = t.relid AND i.class = 'unknown_key' AND i.state NOT IN ('healed', 'dismissed', 'needs_human')
		AND i.first_seen > t.counted_from) k
CROSS JOIN LATERAL (SELECT coalesce(sum(e.rows), 0)::bigint AS rows_held, min(e.at) AS oldest
	FROM selfheal.incident i JOIN selfheal.error e ON e.incident = i.id
	WHERE i.relid = t.relid AND i.state NOT IN ('healed', 'dismissed') AND e.at > f.hour AND e.load IS NOT NULL
		AND e.door <> 'replay') h
CROSS JOIN LATERAL (SELECT coalesce(sum(l.stored + l.held), 0)::bigint AS rows FROM selfheal.load l
	WHERE l.relid = t.relid AND l.at > f.hour) l
CROSS JOIN LATERAL (SELECT count(*) AS changes FROM selfheal.incident i
	WHERE i.relid = t.relid AND i.class = 'drift' AND i.state NOT IN ('healed', 'dismissed')) s;
COMMENT ON VIEW selfheal.measured IS
'tolerances with what they measure now: new columns of 24 hours (made by the healer, or wanted by held rows), rows of the last hour and those of them that are held still, changes by people; counted from a person''s last answer, rows also from his last change of the table that may let them in';

CREATE FUNCTION selfheal.set_tolerance(relation regclass, new_columns_per_day integer DEFAULT NULL, held_percent numeric DEFAULT NULL,
	structural_changes boolean DEFAULT NULL, past text DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_set_tolerance' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.set_tolerance(regclass, integer, numeric, boolean, text) IS
'say how much a watched table may change and hold: new_columns_per_day (that the healer adds; -1: any number), held_percent (of the rows of the last hour; 100: all), structural_changes (false: no column may be dropped, renamed, narrowed or made NOT NULL), and what happens past any of it: report (an incident tells), pause (the healer rests on the table until the cause is gone; rows that do not fit are held, loads go on), propose (every plan for it waits for approval); what is not given stays as it was; returns what counts now';
REVOKE ALL ON FUNCTION selfheal.set_tolerance(regclass, integer, numeric, boolean, text) FROM PUBLIC;

CREATE FUNCTION selfheal.drop_tolerance(relation regclass) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_drop_tolerance' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.drop_tolerance(regclass) IS 'take back what set_tolerance() has said of a table';
REVOKE ALL ON FUNCTION selfheal.drop_tolerance(regclass) FROM PUBLIC;
