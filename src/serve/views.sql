-- Views for people. Each shows a role what concerns tables that it may read;
-- security_barrier, else a cheap function of the reader's own in WHERE would
-- see the rows that may_see() is about to hide. Whom row security of the table
-- binds is told its texts as the tools tell them (told, views.h).

CREATE FUNCTION selfheal.may_see(relid regclass) RETURNS boolean
AS 'MODULE_PATHNAME', 'selfheal_may_see' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.may_see(regclass) IS 'may the current role read this table? decides which rows the views show';
REVOKE ALL ON FUNCTION selfheal.may_see(regclass) FROM PUBLIC;

CREATE FUNCTION selfheal.may_see(schema_name text, table_name text) RETURNS boolean
AS 'MODULE_PATHNAME', 'selfheal_may_see_named' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.may_see(text, text) IS 'the same of the table that has these names now';
REVOKE ALL ON FUNCTION selfheal.may_see(text, text) FROM PUBLIC;

CREATE FUNCTION selfheal.named_table(schema_name text, table_name text) RETURNS regclass
AS 'MODULE_PATHNAME', 'selfheal_named_table' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.named_table(text, text) IS 'the table that has these names now; null: none';
REVOKE ALL ON FUNCTION selfheal.named_table(text, text) FROM PUBLIC;

-- What these cost says that they are for after a LIMIT.
CREATE FUNCTION selfheal.told_all(relid regclass) RETURNS boolean
AS 'MODULE_PATHNAME', 'selfheal_told_all' LANGUAGE C STABLE COST 100;
COMMENT ON FUNCTION selfheal.told_all(regclass) IS 'are values in texts about this table told to the current role? Not where its row security binds him';
REVOKE ALL ON FUNCTION selfheal.told_all(regclass) FROM PUBLIC;

CREATE FUNCTION selfheal.told(relid regclass, message text, role oid DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_told' LANGUAGE C STABLE COST 100;
COMMENT ON FUNCTION selfheal.told(regclass, text, oid) IS 'a message about a table, its values masked where row security binds the role (null: the current one)';
REVOKE ALL ON FUNCTION selfheal.told(regclass, text, oid) FROM PUBLIC;

CREATE FUNCTION selfheal.told_name(relid regclass, name text, role oid DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_told_name' LANGUAGE C STABLE COST 100;
COMMENT ON FUNCTION selfheal.told_name(regclass, text, oid) IS 'the same of a column or key: masked where it looks like data';
REVOKE ALL ON FUNCTION selfheal.told_name(regclass, text, oid) FROM PUBLIC;

CREATE FUNCTION selfheal.told_sql(relid regclass, sql text, role oid DEFAULT NULL) RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_told_sql' LANGUAGE C STABLE COST 100;
COMMENT ON FUNCTION selfheal.told_sql(regclass, text, oid) IS 'the same of a statement';
REVOKE ALL ON FUNCTION selfheal.told_sql(regclass, text, oid) FROM PUBLIC;

CREATE FUNCTION selfheal.told_json(relid regclass, document jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_told_json' LANGUAGE C STABLE COST 100;
COMMENT ON FUNCTION selfheal.told_json(regclass, jsonb) IS 'the same of each string in it';
REVOKE ALL ON FUNCTION selfheal.told_json(regclass, jsonb) FROM PUBLIC;

CREATE FUNCTION selfheal.worker_state(OUT preloaded boolean, OUT pid integer,
	OUT wait_event text, OUT xact_start timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
	SELECT 'selfheal' = ANY (regexp_split_to_array(current_setting('shared_preload_libraries'), '[[:space:]]*,[[:space:]]*')),
		a.pid, a.wait_event, a.xact_start
	FROM (SELECT) one LEFT JOIN pg_stat_activity a
		ON a.backend_type = 'selfheal worker' AND a.datname = current_database()
	LIMIT 1
$$;
COMMENT ON FUNCTION selfheal.worker_state() IS
'is the library preloaded, and what does this database''s worker do? for views whose readers may see neither';
REVOKE ALL ON FUNCTION selfheal.worker_state() FROM PUBLIC;

-- What is cheap of an incident, of those that may be seen, stands below, behind
-- the barrier and in order; what has to be counted or put together stands above,
-- so that it is done for the rows alone that a query asks for, after its LIMIT.
CREATE VIEW selfheal.incident_seen WITH (security_barrier) AS
SELECT i.id, i.relid, i.schema_name, i.table_name, i.class, i.column_name, i.state, i.reason, i.reason_kind, i.rows,
	i.first_seen, i.last_seen, i.seconds, i.attempts, i.next_try, i.waiting, i.closed_by, i.why,
	p.id AS plan, p.sql, p.conversation, w.owner
FROM selfheal.incident i LEFT JOIN selfheal.plan p ON p.id = i.plan LEFT JOIN selfheal.watched w ON w.relid = i.relid
WHERE selfheal.may_see(i.relid)
ORDER BY i.id;
COMMENT ON VIEW selfheal.incident_seen IS 'incidents that the current role may see: what selfheal.incidents is made of';

CREATE VIEW selfheal.incidents AS
SELECT i.id, format('%I.%I', i.schema_name, i.table_name) AS table_name, i.class, selfheal.told_name(i.relid, i.column_name) AS column_name,
	i.state, selfheal.told(i.relid, i.reason) AS reason, i.rows AS rows_seen,
	(SELECT coalesce(sum(h.rows), 0)::bigint FROM selfheal.held_count h WHERE h.incident = i.id) AS rows_held,
	i.plan AS plan_id, selfheal.told_sql(i.relid, i.sql) AS sql, i.first_seen, i.last_seen, round(i.seconds::numeric, 3) AS seconds,
	i.attempts, i.next_try, selfheal.told_json(i.relid, i.waiting) AS waiting, i.owner,
	i.closed_by, selfheal.told(i.relid, i.why) AS why,
	CASE WHEN i.class = 'awaiting_order' AND i.state NOT IN ('healed', 'dismissed')
		THEN (SELECT count(*) FROM selfheal.blocked b WHERE b.relid = i.relid) END AS keys_blocked,
	CASE WHEN i.class = 'awaiting_order' AND i.state NOT IN ('healed', 'dismissed')
		THEN (SELECT min(b.since) FROM selfheal.blocked b WHERE b.relid = i.relid) END AS blocked_since,
	(SELECT jsonb_agg(jsonb_build_object('id', m.id, 'kind', m.kind, 'key', selfheal.told_name(m.relid, m.field), 'column', m.column_name, 'state', m.state,
			'permanent', CASE WHEN a.attname IS NULL THEN NULL WHEN a.idle THEN
				coalesce((SELECT selfheal.told_sql(m.relid, d.statement) FROM selfheal.ddl d WHERE d.relid = m.relid AND d.at > m.added_at
					AND strpos(d.statement, a.attname) > 0 ORDER BY d.id DESC LIMIT 1), 'the table was changed') END)
			ORDER BY m.id)
		FROM selfheal.mapping m
		LEFT JOIN LATERAL (SELECT c.attname, m.kind = 'map_field' OR t.typcategory = 'S' OR t.typname IN ('json', 'jsonb') AS idle
			FROM pg_catalog.pg_attribute c JOIN pg_catalog.pg_type t ON t.oid = c.atttypid
			WHERE c.attrelid = m.relid AND c.attnum > 0 AND NOT c.attisdropped
			AND c.attname = CASE WHEN m.kind IN ('parse_timestamp', 'parse_number', 'parse_point') THEN m.column_name
				WHEN m.kind = 'map_field' AND m.args ->> 'path' IS NULL THEN m.field END) a ON true
		WHERE m.relid = i.relid AND EXISTS (SELECT FROM selfheal.plan o WHERE o.id = m.plan AND i.id = ANY (o.incidents))
			AND (m.field = i.column_name OR m.column_name = i.column_name
			OR (i.class = 'key_too_long' AND starts_with(m.field, i.column_name)) OR (m.field IS NULL AND i.column_name IS NULL))) AS mappings,
	i.reason_kind,
	(SELECT jsonb_strip_nulls(jsonb_build_object('conversation', v.id, 'state', v.state, 'outcome', v.outcome, 'plan', v.plan,
			'confidence', v.confidence, 'explanation', selfheal.told(i.relid, v.explanation), 'options', selfheal.told_json(i.relid, v.options), 'requests', v.calls, 'next_try', v.next_try))
		FROM selfheal.conversation v WHERE v.incident = i.id OR v.id = i.conversation ORDER BY v.id DESC LIMIT 1) AS claude,
	(SELECT coalesce(sum(h.witnesses), 0)::bigint FROM selfheal.held_count h WHERE h.incident = i.id) AS witnesses
FROM selfheal.incident_seen i;
COMMENT ON VIEW selfheal.incidents IS 'what broke, what was done about it, how long it took; mappings: how its payloads are read since, and the change of the table by which that is not needed any more; claude: the last conversation about it; rows_held: rows that wait to be stored; witnesses: rows of plain statements that failed, which are looked at and not stored';

CREATE VIEW selfheal.plan_seen WITH (security_barrier) AS
SELECT p.*
FROM selfheal.plan p
WHERE p.state IN ('awaiting_approval', 'approved') AND selfheal.may_see(p.relid)
ORDER BY p.id;
COMMENT ON VIEW selfheal.plan_seen IS 'plans that wait, and that the current role may see: what selfheal.pending is made of';

CREATE VIEW selfheal.pending AS
SELECT p.id AS plan_id, format('%I.%I', p.schema_name, p.table_name) AS table_name, selfheal.told_sql(p.relid, p.sql) AS sql,
	p.verdict, selfheal.told(p.relid, p.reason) AS reason,
	(SELECT coalesce(sum(h.rows), 0)::bigint FROM selfheal.held_count h WHERE h.incident = ANY (p.incidents)) AS rows_waiting,
	p.state, p.policy, selfheal.told(p.relid, p.explanation) AS explanation, selfheal.told_json(p.relid, p.options) AS options,
	CASE WHEN selfheal.told_all(p.relid) THEN p.forecast
		ELSE selfheal.told_json(p.relid, p.forecast) || jsonb_strip_nulls(jsonb_build_object('lock', p.forecast -> 'lock')) END AS forecast,
	selfheal.told_json(p.relid, p.dry_run) AS dry_run, p.proposed_by, selfheal.told(p.relid, p.why) AS why, p.at,
	ARRAY(SELECT translate(concat(l ->> 'kind', ' ', l ->> 'object', ' (level ' || (l ->> 'depth') || ')', ': ', l ->> 'effect'), E'\n\r', '  ')
		FROM jsonb_array_elements(p.impact) WITH ORDINALITY x(l, n) ORDER BY n) AS impact,
	(SELECT jsonb_agg(jsonb_build_object('id', q.id, 'payload', left(coalesce(q.payload, encode(coalesce(q.payload_raw, q.line), 'escape')), 1000)) ORDER BY q.id)
		FROM selfheal.quarantine q WHERE selfheal.told_all(p.relid) AND q.relid = p.relid AND q.state = 'held' AND q.id IN
			(SELECT r::bigint FROM jsonb_array_elements(p.options) o, jsonb_array_elements_text(o -> 'rows') r)) AS samples,
	(SELECT coalesce(sum(h.witnesses), 0)::bigint FROM selfheal.held_count h WHERE h.incident = ANY (p.incidents)) AS witnesses
FROM selfheal.plan_seen p;
COMMENT ON VIEW selfheal.pending IS 'plans that wait for approve() or reject(), with what they would do and how many rows wait; samples: rows to look at, where a question is open; witnesses: rows of plain statements that failed, beside those that wait';

-- Whose a row that is held would be nobody knows: whom row security binds sees
-- none of them. (That of a table that is gone went with it.)
CREATE VIEW selfheal.quarantined WITH (security_barrier) AS
SELECT q.id, format('%I.%I', l.schema_name, l.table_name) AS table_name, q.state,
	coalesce(e.class, d.class) AS class, coalesce(e.column_name, d.column_name) AS column_name, e.need,
	coalesce(e.message, d.message) AS message, e.sqlstate, q.position, q.load,
	l.role, l.at AS loaded_at, e.incident, q.payload, q.payload_raw, q.original,
	q.changed_by, q.changed_at, q.why,
	CASE WHEN q.state = 'held' THEN selfheal.waits_for(i.state) END AS waits_for, q.line,
	q.witness IS NOT NULL AS witness
FROM selfheal.quarantine q
JOIN selfheal.load l ON l.id = q.load
LEFT JOIN selfheal.error e ON e.id = q.error
LEFT JOIN selfheal.incident i ON i.id = e.incident
LEFT JOIN selfheal.discard d ON d.id = q.error AND q.state = 'discarded'
WHERE selfheal.may_see(l.relid) AND row_security_active(l.relid) IS NOT TRUE;
COMMENT ON VIEW selfheal.quarantined IS 'rows that did not fit, with their reason, what they need, who loaded them and when; witness: of a plain statement that failed: looked at, never stored';
COMMENT ON COLUMN selfheal.quarantined.message IS 'the first reason, in words: those of the first row of the load that was held for the same class, column and constraint, so that a value in them may be that row''s';
COMMENT ON COLUMN selfheal.quarantined.need IS 'what would hold all rows of the load that were held for the same class and column';

CREATE VIEW selfheal.waiting WITH (security_barrier) AS
SELECT format('%I.%I', w.schema_name, w.table_name) AS table_name, array_to_string(w.ordering_key, ', ') AS ordering_key,
	CASE WHEN selfheal.told_all(w.relid) THEN b.key END AS key, b.rows_waiting, b.since, b.id AS behind, b.class, selfheal.told_name(w.relid, b.column_name) AS column_name, b.incident,
	b.rows_waiting > current_setting('selfheal.max_waiting', true)::bigint AS over_limit
FROM selfheal.watched w JOIN selfheal.blocked b USING (relid)
WHERE selfheal.may_see(w.relid)
ORDER BY w.schema_name, w.table_name, b.since, b.id;
COMMENT ON VIEW selfheal.waiting IS
'ordering keys with rows that wait: how many, since when, and behind which held row (selfheal.quarantined.id) of which incident; of a table''s first 100,000 held rows that have a key';

CREATE VIEW selfheal.hints WITH (security_barrier) AS
SELECT format('%I.%I', w.schema_name, w.table_name) AS table_name, h.key, h.type, h.ignored, h.rename_to,
	h.hinted_at, h.hinted_by, h.default_value
FROM selfheal.hint h JOIN selfheal.watched w USING (relid)
WHERE selfheal.may_see(h.relid)
ORDER BY w.schema_name, w.table_name, h.key;
COMMENT ON VIEW selfheal.hints IS 'what the team has said of keys with hint(): it comes before what is inferred';

CREATE VIEW selfheal.checks WITH (security_barrier) AS
SELECT format('%I.%I', w.schema_name, w.table_name) AS table_name, a.name, a.sql, a.role, a.asked_at, a.search_path
FROM selfheal.assertion a JOIN selfheal.watched w USING (relid)
WHERE selfheal.may_see(a.relid)
ORDER BY w.schema_name, w.table_name, a.name;
COMMENT ON VIEW selfheal.checks IS 'what the team has said with check(): what must stay true of a table when a plan is tried';

CREATE VIEW selfheal.contracts WITH (security_barrier) AS
SELECT format('%I.%I', w.schema_name, w.table_name) AS table_name, k.kind,
	coalesce(c.mode, d.mode, k.built_in) AS mode,
	CASE WHEN c.mode IS NOT NULL THEN 'table' WHEN d.mode IS NOT NULL THEN 'default' ELSE 'built in' END AS source,
	coalesce(c.set_at, d.set_at) AS set_at, coalesce(c.set_by, d.set_by) AS set_by
FROM selfheal.watched w CROSS JOIN (VALUES ('columns', 'evolve'), ('types', 'evolve'), ('tables', 'freeze')) k (kind, built_in)
LEFT JOIN selfheal.contract c ON c.relid = w.relid AND c.kind = k.kind
LEFT JOIN selfheal.contract d ON d.relid IS NULL AND d.kind = k.kind
WHERE selfheal.may_see(w.relid)
ORDER BY w.schema_name, w.table_name, k.kind;
COMMENT ON VIEW selfheal.contracts IS 'what payloads may do to each watched table, by set_contract() for it, by that for all tables, or built in';

CREATE VIEW selfheal.tolerances WITH (security_barrier) AS
SELECT format('%I.%I', w.schema_name, w.table_name) AS table_name, m.new_columns_per_day, m.held_percent, m.structural_changes,
	m.past, m.new_columns, m.rows_held, m.rows_seen, m.share_held, m.changes, m.exceeded, w.restraint, m.until,
	m.set_by, m.set_at
FROM selfheal.measured m JOIN selfheal.watched w USING (relid)
WHERE selfheal.may_see(m.relid)
ORDER BY w.schema_name, w.table_name;
COMMENT ON VIEW selfheal.tolerances IS
'what set_tolerance() says of each table, what is measured now, by what it is past that (exceeded), and what that does to the healer (restraint); until: when it may be within it again by itself';

CREATE VIEW selfheal.discarded WITH (security_barrier) AS
SELECT d.at, format('%I.%I', d.schema_name, d.table_name) AS table_name, d.what, d.class, selfheal.told_name(d.relid, d.column_name) AS column_name,
	selfheal.told(d.relid, d.message) AS message,
	d.rows, d.first_position, d.last_position, d.door, d.load, d.role, d.id
FROM selfheal.discard d
WHERE selfheal.may_see(d.relid)
ORDER BY d.id;
COMMENT ON VIEW selfheal.discarded IS 'what contracts have taken away: values that rows were stored without, and rows that were not stored';

CREATE VIEW selfheal.audit_seen WITH (security_barrier) AS
SELECT a.*, selfheal.named_table(a.schema_name, a.table_name) AS relid
FROM selfheal.audit a
WHERE a.table_name IS NULL OR selfheal.may_see(a.schema_name, a.table_name)
ORDER BY a.id;
COMMENT ON VIEW selfheal.audit_seen IS 'decisions that the current role may see: what selfheal.history is made of';

CREATE VIEW selfheal.history AS
SELECT a.at, a.event, CASE WHEN a.schema_name IS NOT NULL THEN format('%I.%I', a.schema_name, a.table_name) END AS table_name, a.incident, a.plan,
	a.actor_role, a.actor_client, selfheal.told(a.relid, a.explanation) AS explanation, a.verdict, a.policy,
	selfheal.told_sql(a.relid, a.sql_run) AS sql_run, selfheal.told_sql(a.relid, a.inverse) AS inverse, selfheal.told(a.relid, a.result) AS result,
	a.rows_held, a.rows_replayed, a.rows_left, round(a.ms_since_capture::numeric, 1) AS ms_since_capture,
	a.seq, a.id
FROM selfheal.audit_seen a;
COMMENT ON VIEW selfheal.history IS 'every decision in order, from selfheal.audit';

CREATE VIEW selfheal.activity WITH (security_barrier) AS
SELECT format('%I.%I', i.schema_name, i.table_name) AS table_name, i.id AS incident, i.class, selfheal.told_name(i.relid, i.column_name) AS column_name,
	i.state, i.plan AS plan_id,
	(SELECT count(*) FROM selfheal.held h WHERE h.incident = i.id AND h.witness IS NULL) AS rows_held,
	(SELECT coalesce(sum(r.rows), 0)::bigint FROM selfheal.replayed r WHERE r.plan = i.plan) AS rows_replayed,
	s.pid AS worker_pid, s.wait_event, clock_timestamp() - s.xact_start AS step_age, selfheal.told_json(i.relid, i.waiting) AS waiting, i.next_try
FROM selfheal.incident i, selfheal.worker_state() s
WHERE i.state IN ('planning', 'asking', 'applying', 'waiting_lock', 'awaiting_parent', 'failed') AND selfheal.may_see(i.relid)
ORDER BY i.id;
COMMENT ON VIEW selfheal.activity IS 'heals at work or waiting for a lock or a pause: how far they are';

CREATE VIEW selfheal.status AS
SELECT s.item, s.value, s.note FROM (
	SELECT 1 AS n, 'library' AS item,
		CASE WHEN w.preloaded THEN 'preloaded' ELSE 'not preloaded' END AS value,
		CASE WHEN NOT w.preloaded
			THEN 'set shared_preload_libraries = ''selfheal'' and restart: nothing heals before' END AS note
		FROM selfheal.worker_state() w
	UNION ALL SELECT 2, 'enabled', coalesce(current_setting('selfheal.enabled', true), 'unknown'),
		CASE WHEN current_setting('selfheal.enabled', true) = 'off' THEN 'rows are held, nothing is healed' END
	UNION ALL SELECT 3, 'worker',
		CASE WHEN w.pid IS NOT NULL THEN 'running' ELSE 'not running' END, 'starts by itself when there is work'
		FROM selfheal.worker_state() w
	UNION ALL SELECT 3, 'healer', CASE WHEN s.one THEN 'stopped' ELSE 'not stopped' END,
		CASE WHEN s.one THEN format('since %s: %s (%s); %s', date_trunc('seconds', s.since), s.reason, s.sqlstate,
			CASE WHEN s.sqlstate LIKE '53%' THEN 'free disk, memory or connections; '
					|| coalesce('one heal is tried at ' || date_trunc('seconds', s.trial_at) || ', or ', 'then ') || 'SELECT selfheal.resume()'
				ELSE 'look at the server log and check disks and data, then SELECT selfheal.resume()' END) END
		FROM (SELECT) one LEFT JOIN selfheal.stopped s ON true
	UNION ALL SELECT 3, 'claude', CASE WHEN c.state = 'ready' AND d.one THEN 'unavailable' ELSE c.state END,
		CASE c.state WHEN 'no key' THEN 'what no playbook knows waits for a person; selfheal.api_key_file names a file with a key'
			WHEN 'off' THEN 'selfheal.claude is off: what no playbook knows waits for a person'
			WHEN 'unavailable' THEN c.why
			ELSE CASE WHEN d.one THEN format('since %s: %s; tried again at %s, or after a reload of the configuration',
				date_trunc('seconds', d.since), d.reason, date_trunc('seconds', d.try_at)) END END
		FROM selfheal.claude_state() c LEFT JOIN selfheal.claude_down d ON true
	UNION ALL SELECT 4, 'watched tables', count(*)::text,
		nullif(concat_ws('; ', nullif(count(*) FILTER (WHERE paused), 0)::text || ' paused',
			nullif(count(*) FILTER (WHERE restraint IS NOT NULL), 0)::text || ' past their tolerance: SELECT * FROM selfheal.tolerances'), '') FROM selfheal.watched
	UNION ALL SELECT 4, 'restore', 'under way', format('by the session of process %s: nothing is healed before it has ended', string_agg(l.pid::text, ', '))
		FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.objsubid = 21318 AND l.classid = 0 AND l.mode = 'ShareLock' AND l.granted
			AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
		HAVING count(*) > 0
	UNION ALL SELECT 4, 'restored tables', count(*)::text,
		format('their rows are held and nothing is healed until they are what they were and who restored them has left: %s%s; '
			|| 'is the restore complete, and they are as they are meant to be? SELECT selfheal.restored()',
			string_agg(format('%I.%I', r.schema_name, r.table_name), ', ' ORDER BY r.schema_name, r.table_name) FILTER (WHERE r.n <= 5 AND selfheal.may_see(r.relid)),
			CASE WHEN count(*) > 5 THEN ', ...' ELSE '' END)
		FROM (SELECT *, row_number() OVER (ORDER BY schema_name, table_name) AS n FROM selfheal.resting) r HAVING count(*) > 0
	UNION ALL SELECT 5, 'open incidents', count(*)::text, NULL FROM selfheal.incident
		WHERE state NOT IN ('healed', 'dismissed')
	UNION ALL SELECT 6, 'awaiting approval', count(*)::text,
		CASE WHEN count(*) > 0 THEN 'SELECT * FROM selfheal.pending' END FROM selfheal.plan WHERE state = 'awaiting_approval'
	UNION ALL SELECT 7, 'needs a person', count(*)::text,
		CASE WHEN count(*) > 0 THEN 'SELECT * FROM selfheal.incidents WHERE state = ''needs_human''' END
		FROM selfheal.incident WHERE state = 'needs_human'
	UNION ALL SELECT 8, 'held rows', count(*) FILTER (WHERE witness IS NULL)::text,
		nullif(count(*) FILTER (WHERE witness IS NOT NULL), 0)::text || ' witnesses besides: rows of plain statements that failed'
		FROM selfheal.quarantine WHERE state = 'held'
	UNION ALL SELECT 8, 'originals', pg_size_pretty(pg_total_relation_size('selfheal.kept')),
		CASE WHEN current_setting('selfheal.kept_max', true) <> '0' AND pg_total_relation_size('selfheal.kept') > pg_size_bytes(current_setting('selfheal.kept_max', true))
			THEN format('more than %s (selfheal.kept_max): the oldest are removed', current_setting('selfheal.kept_max')) END
	UNION ALL SELECT 9, 'audit', count(*)::text || ' rows',
		CASE WHEN count(*) FILTER (WHERE seq IS NULL) > 0
			THEN count(*) FILTER (WHERE seq IS NULL) || ' not sealed yet' END FROM selfheal.audit
	UNION ALL SELECT 10, 'statements', CASE WHEN f.wanted THEN 'seen' ELSE 'not seen' END,
		nullif(concat_ws('; ',
			CASE WHEN NOT f.wanted THEN 'no table is watched, or the worker has not looked yet' END,
			CASE WHEN current_setting('log_min_messages') IN ('log', 'fatal', 'panic')
				THEN format('log_min_messages = %s: errors are not logged, and what fails in plain statements is never seen; set it to error or below', current_setting('log_min_messages')) END,
			CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s, unnest(s.setconfig) c WHERE c ~ '^log_min_messages=(log|fatal|panic)$')
				THEN 'log_min_messages of some role or database hides its errors: see pg_db_role_setting' END,
			CASE WHEN current_setting('log_parameter_max_length_on_error') = '0'
				THEN 'log_parameter_max_length_on_error = 0: of a parameter that Bind refuses only what the message quotes is known, and of an array or a json value that is a part or nothing; set it to 1kB or -1' END,
			CASE WHEN f.full_ring > 0 THEN format('%s failures since the start were not looked at, since there were too many: selfheal.capture_slots, selfheal.capture_rate', f.full_ring) END,
			CASE WHEN f.repeated > 0 THEN format('%s came again within a moment and were only counted', f.repeated) END), '')
		FROM selfheal.statements_seen() f WHERE f.known
	UNION ALL SELECT 11, 'publication for all tables', string_agg(pubname, ', '),
		'publish named tables or schemas: a subscriber that lacks our tables stops'
		FROM pg_catalog.pg_publication WHERE puballtables HAVING count(*) > 0
) s ORDER BY s.n, s.item DESC;
COMMENT ON VIEW selfheal.status IS 'how selfheal does in this database, one line an item';

CREATE VIEW selfheal.schema_version WITH (security_barrier) AS
SELECT s.relid, format('%I.%I', s.schema_name, s.table_name) AS table_name, s.version, s.at, s.role,
	CASE WHEN s.healer THEN 'healer' WHEN NOT s.healer THEN 'person' END AS by, s.plan, selfheal.told_sql(s.relid, d.statement) AS statement,
	s.hash, s.snapshot, s.changes, s.breaks
FROM selfheal.schema_snapshot s LEFT JOIN selfheal.ddl d ON d.id = s.command
WHERE selfheal.may_see(s.relid)
ORDER BY s.schema_name, s.table_name, s.id;
COMMENT ON VIEW selfheal.schema_version IS
'every shape that a watched table has had, from when it was watched first: since when, by whom (healer or person) and by which statement, what changed and whether that may refuse rows that fitted before; by and role are null where nobody saw it done';
COMMENT ON COLUMN selfheal.schema_version.hash IS 'sha256 of the shape: the same after dump and restore; null: the table was dropped';
