--
-- Real payloads that drift (test/data): tables made for the first object of
-- each file, some columns too tight; every line is stored, value by value.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA github;
SET search_path = github, public;
SET TimeZone = 'Europe/Paris';

-- as a team writes them with the first object before its eyes
CREATE TABLE issues (
	id integer NOT NULL, node_id varchar(24) NOT NULL, number smallint NOT NULL,
	title varchar(33) NOT NULL, body varchar(60) NOT NULL, state varchar(4) NOT NULL, locked boolean NOT NULL,
	url varchar(60) NOT NULL, html_url varchar(50) NOT NULL, repository_url varchar(51), labels_url varchar(74), comments_url varchar(69), events_url varchar(67),
	"user" jsonb NOT NULL, labels jsonb NOT NULL, assignee jsonb NOT NULL, assignees jsonb NOT NULL, milestone jsonb NOT NULL, reactions jsonb,
	comments smallint NOT NULL, draft boolean, author_association varchar(5), active_lock_reason varchar(8),
	created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, closed_at timestamptz
);
CREATE TABLE pull_requests (
	id integer NOT NULL, node_id varchar(32) NOT NULL, number smallint NOT NULL,
	title varchar(39) NOT NULL, body varchar(64) NOT NULL, state varchar(4) NOT NULL, locked boolean NOT NULL,
	url text, html_url text, diff_url text, patch_url text, issue_url text, commits_url text, comments_url text, review_comments_url text, review_comment_url text, statuses_url text,
	"user" jsonb NOT NULL, assignee jsonb, assignees jsonb, requested_reviewers jsonb, requested_teams jsonb, labels jsonb, milestone jsonb,
	head jsonb NOT NULL, base jsonb NOT NULL, _links jsonb, auto_merge jsonb, merged_by jsonb,
	author_association varchar(5), active_lock_reason varchar(8), draft boolean, merged boolean NOT NULL,
	mergeable boolean NOT NULL, rebaseable boolean NOT NULL, mergeable_state varchar(5) NOT NULL, merge_commit_sha char(40) NOT NULL,
	comments smallint, review_comments smallint, commits smallint, additions smallint, deletions smallint, changed_files smallint, maintainer_can_modify boolean,
	created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL, closed_at timestamptz, merged_at timestamptz
);

-- what was sent, by core's own COPY: one column, no quoting
CREATE TABLE sent (file text, line bigint GENERATED ALWAYS AS IDENTITY, payload jsonb);
ALTER TABLE sent ALTER file SET DEFAULT 'issues';
\copy sent (payload) FROM PROGRAM 'cat "$PG_ABS_SRCDIR/test/data/github_issues.ndjson"' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
ALTER TABLE sent ALTER file SET DEFAULT 'pull_requests';
\copy sent (payload) FROM PROGRAM 'cat "$PG_ABS_SRCDIR/test/data/github_pull_requests.ndjson"' (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')
CREATE VIEW lines AS SELECT file, row_number() OVER (PARTITION BY file ORDER BY line) AS line, payload FROM sent;
SELECT file, count(*), count(DISTINCT payload) AS different FROM lines GROUP BY file ORDER BY file;

-- how each line differs from the first: the drifts, with what they are
CREATE VIEW drift AS
	SELECT l.file, l.line, k.key,
		CASE WHEN NOT f.payload ? k.key AND l.payload -> k.key = 'null' THEN 'new, null'
			WHEN NOT f.payload ? k.key THEN 'new ' || jsonb_typeof(l.payload -> k.key)
			WHEN NOT l.payload ? k.key THEN 'absent'
			WHEN l.payload -> k.key = 'null' THEN jsonb_typeof(f.payload -> k.key) || ' is null'
			WHEN jsonb_typeof(f.payload -> k.key) <> jsonb_typeof(l.payload -> k.key)
				THEN jsonb_typeof(f.payload -> k.key) || ' is ' || jsonb_typeof(l.payload -> k.key)
			ELSE 'longer' END AS what
	FROM lines l JOIN lines f ON f.file = l.file AND f.line = 1,
		LATERAL (SELECT jsonb_object_keys(l.payload) UNION SELECT jsonb_object_keys(f.payload)) k (key)
	WHERE l.payload ? k.key <> (f.payload ? k.key)
		OR jsonb_typeof(f.payload -> k.key) <> jsonb_typeof(l.payload -> k.key)
		OR jsonb_typeof(f.payload -> k.key) = 'string' AND length(l.payload ->> k.key) > length(f.payload ->> k.key);
SELECT file, key, what, count(*) AS lines, min(line) AS first, max(length(l.payload ->> key)) FILTER (WHERE what = 'longer') AS length
FROM drift JOIN lines l USING (file, line) GROUP BY 1, 2, 3 ORDER BY file COLLATE "C", key COLLATE "C", what COLLATE "C";

-- A value as it can be compared: a point in time is one in any notation; no
-- key, a null and no column are all null.
CREATE FUNCTION plain(t regclass, key text, value jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN coalesce(value, 'null') = 'null' THEN 'null'
		WHEN EXISTS (SELECT FROM pg_attribute WHERE attrelid = t AND attname = key AND atttypid = 'timestamptz'::regtype)
			THEN to_jsonb(extract(epoch FROM (value #>> '{}')::timestamptz))
		ELSE value END
$$;
-- Each key that was ever sent: its values in all lines, against the column's
-- in all rows.
CREATE FUNCTION compare(t regclass, times int) RETURNS TABLE (key text, "values" bigint, "not null" bigint, same boolean)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		WITH k AS (SELECT DISTINCT jsonb_object_keys(payload) AS key FROM github.lines WHERE file = %2$L),
		s AS (SELECT k.key, github.plain(%1$L, k.key, l.payload -> k.key) AS v
			FROM k, github.lines l, generate_series(1, %3$s) WHERE l.file = %2$L),
		r AS (SELECT k.key, github.plain(%1$L, k.key, to_jsonb(t) -> k.key) AS v FROM k, %1$s t)
		SELECT s.key, s.n, s.m, s.all_of_them = r.all_of_them
		FROM (SELECT key, count(*) AS n, count(*) FILTER (WHERE v <> 'null') AS m, jsonb_agg(v ORDER BY v) AS all_of_them FROM s GROUP BY key) s
		LEFT JOIN (SELECT key, jsonb_agg(v ORDER BY v) AS all_of_them FROM r GROUP BY key) r USING (key)
		ORDER BY s.key COLLATE "C"$q$, t, (SELECT relname FROM pg_class WHERE oid = t), times);
END $$;
-- Whole rows against whole lines, in both directions.
CREATE FUNCTION rows_differ(t regclass, times int, OUT sent bigint, OUT stored bigint, OUT missing bigint, OUT extra bigint)
LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format($q$
		WITH s AS MATERIALIZED (SELECT (SELECT jsonb_object_agg(key, v) FROM (SELECT key, github.plain(%1$L, key, value) AS v FROM jsonb_each(l.payload)) x WHERE v <> 'null') AS o
			FROM github.lines l, generate_series(1, %3$s) WHERE file = %2$L),
		r AS MATERIALIZED (SELECT (SELECT jsonb_object_agg(key, v) FROM (SELECT key, github.plain(%1$L, key, value) AS v FROM jsonb_each(to_jsonb(t))) x WHERE v <> 'null') AS o
			FROM %1$s t)
		SELECT (SELECT count(*) FROM s), (SELECT count(*) FROM r),
			(SELECT count(*) FROM (SELECT o FROM s EXCEPT ALL SELECT o FROM r) x), (SELECT count(*) FROM (SELECT o FROM r EXCEPT ALL SELECT o FROM s) x)$q$,
		t, (SELECT relname FROM pg_class WHERE oid = t), times) INTO sent, stored, missing, extra;
END $$;
CREATE VIEW columns AS
	SELECT attrelid::regclass AS t, attname AS name, attnum AS n, format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END AS type
	FROM pg_attribute WHERE attrelid IN ('issues'::regclass, 'pull_requests'::regclass) AND attnum > 0 AND NOT attisdropped;
CREATE TABLE before AS SELECT * FROM columns;

-- issues
SELECT selfheal.watch('issues');
SET client_min_messages = notice;
\copy issues_intake FROM PROGRAM 'cat "$PG_ABS_SRCDIR/test/data/github_issues.ndjson"' (FORMAT ndjson)
SET client_min_messages = warning;
SELECT source, stored, held, skipped, stored + held + skipped AS lines FROM selfheal.load WHERE relid = 'issues'::regclass;
SELECT class, column_name, need, rows, position FROM selfheal.error WHERE relid = 'issues'::regclass AND door = 'intake' ORDER BY class COLLATE "C", column_name COLLATE "C";
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, rows_held FROM selfheal.incidents WHERE table_name = 'github.issues' ORDER BY class COLLATE "C", column_name COLLATE "C";
SELECT count(*) AS stored, (SELECT count(*) FROM selfheal.quarantine WHERE relid = 'issues'::regclass AND state = 'held') AS held FROM issues;
SELECT name, b.type AS before, c.type AS now FROM columns c LEFT JOIN before b USING (t, name, n)
WHERE t = 'issues'::regclass AND b.type IS DISTINCT FROM c.type ORDER BY c.n, name;
-- a row is counted once, however often it was tried
SELECT class, column_name, rows_seen, e.rows FROM selfheal.incidents i, LATERAL (SELECT sum(rows) AS rows FROM selfheal.error WHERE incident = i.id AND door = 'intake') e
WHERE i.table_name = 'github.issues' AND rows_seen <> e.rows ORDER BY i.id;
-- what a person decides
SELECT verdict, policy, rows_waiting, state, replace(sql, ', ', E',\n') AS sql FROM selfheal.pending WHERE table_name = 'github.issues';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'github.issues';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT name, b.type AS before, c.type AS now FROM columns c LEFT JOIN before b USING (t, name, n)
WHERE t = 'issues'::regclass AND b.type IS DISTINCT FROM c.type ORDER BY c.n, name;
SELECT state, count(*) FROM selfheal.incidents WHERE table_name = 'github.issues' GROUP BY 1;
SELECT count(*) AS left FROM selfheal.quarantine WHERE relid = 'issues'::regclass;
SELECT (SELECT sum(rows) FROM selfheal.replayed WHERE relid = 'issues'::regclass) + stored AS stored FROM selfheal.load WHERE relid = 'issues'::regclass;
SELECT * FROM rows_differ('issues', 1);
SELECT * FROM compare('issues', 1);

-- the drifts themselves, as they stand in the table now
SELECT title FROM issues WHERE length(title) > 39;
SELECT title = 'He wrote "C:\new\table.txt" and then a lone \ and "\" in one title, on purpose' AS same FROM issues WHERE node_id = 'SELFHEAL-ADDED-1';
SELECT body = E'first line\nsecond\tcolumn, \\n is no newline, a path C:\\new\\temp\\, "quoted", / and \u00e9 \U0001F642' AS same FROM issues WHERE node_id = 'SELFHEAL-ADDED-2';
SELECT source_path FROM issues WHERE source_path IS NOT NULL;
SELECT node_id, pull_request FROM issues WHERE pull_request IS NOT NULL GROUP BY 1, 2 ORDER BY 1;
SELECT timeline_url, state, closed_at AT TIME ZONE 'UTC' AS closed_at FROM issues WHERE closed_at IS NOT NULL ORDER BY state;
SELECT count(*) FILTER (WHERE body IS NULL) AS body, count(*) FILTER (WHERE labels IS NULL) AS labels, count(*) FILTER (WHERE state IS NULL) AS state,
	count(*) FILTER (WHERE locked IS NULL) AS locked, count(*) FILTER (WHERE assignee IS NULL) AS assignee, count(*) FILTER (WHERE milestone IS NULL) AS milestone,
	count(*) FILTER (WHERE assignee = 'null' OR milestone = 'null') AS json_null, count(active_lock_reason) AS lock_reason FROM issues;

-- pull requests
SELECT selfheal.watch('pull_requests');
\copy pull_requests_intake FROM PROGRAM 'cat "$PG_ABS_SRCDIR/test/data/github_pull_requests.ndjson"' (FORMAT ndjson)
SELECT source, stored, held, skipped, stored + held + skipped AS lines FROM selfheal.load WHERE relid = 'pull_requests'::regclass;
SELECT class, column_name, need, rows, position FROM selfheal.error WHERE relid = 'pull_requests'::regclass AND door = 'intake' ORDER BY class COLLATE "C", column_name COLLATE "C";
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, rows_held FROM selfheal.incidents WHERE table_name = 'github.pull_requests' ORDER BY class COLLATE "C", column_name COLLATE "C";
SELECT verdict, policy, rows_waiting, state, replace(sql, ', ', E',\n') AS sql FROM selfheal.pending WHERE table_name = 'github.pull_requests';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'github.pull_requests';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT name, b.type AS before, c.type AS now FROM columns c LEFT JOIN before b USING (t, name, n)
WHERE t = 'pull_requests'::regclass AND b.type IS DISTINCT FROM c.type ORDER BY c.n, name;
SELECT state, count(*) FROM selfheal.incidents WHERE table_name = 'github.pull_requests' GROUP BY 1;
SELECT count(*) AS left FROM selfheal.quarantine WHERE relid = 'pull_requests'::regclass;
SELECT (SELECT sum(rows) FROM selfheal.replayed WHERE relid = 'pull_requests'::regclass) + stored AS stored FROM selfheal.load WHERE relid = 'pull_requests'::regclass;
SELECT * FROM rows_differ('pull_requests', 1);
SELECT * FROM compare('pull_requests', 1);
SELECT title FROM pull_requests WHERE node_id = 'SELFHEAL-ADDED-1';
SELECT review_path = E'C:\\reviews\\new\\"draft" A/\u00fc' AS same FROM pull_requests WHERE review_path IS NOT NULL;
SELECT mergeable_state, mergeable IS NULL AS mergeable_is_null, merge_commit_sha IS NULL AS sha_is_null, active_lock_reason, state, count(*)
FROM pull_requests GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5;

-- a few steps, not one per row: what runs by itself, and what was approved
SELECT table_name, state, verdict, decided_by IS NOT NULL AS decided, jsonb_array_length(steps -> 'steps') AS steps FROM selfheal.plan
WHERE schema_name = 'github' ORDER BY table_name, id;
-- the tables fit now: again, all of it is stored at once
\copy issues_intake FROM PROGRAM 'cat "$PG_ABS_SRCDIR/test/data/github_issues.ndjson"' (FORMAT ndjson)
\copy pull_requests_intake FROM PROGRAM 'cat "$PG_ABS_SRCDIR/test/data/github_pull_requests.ndjson"' (FORMAT ndjson)
SELECT table_name, stored, held, skipped FROM selfheal.load WHERE schema_name = 'github' ORDER BY id DESC LIMIT 2;
SELECT * FROM rows_differ('issues', 2);
SELECT * FROM rows_differ('pull_requests', 2);
SELECT bool_and(same) AS same FROM (SELECT * FROM compare('issues', 2) UNION ALL SELECT * FROM compare('pull_requests', 2)) c;
-- a value that is another one would be seen
BEGIN;
UPDATE issues SET title = replace(title, '\', '/') WHERE node_id = 'SELFHEAL-ADDED-1';
UPDATE issues SET closed_at = closed_at + interval '1 s';
SELECT * FROM rows_differ('issues', 2);
SELECT key FROM compare('issues', 2) WHERE NOT same;
ROLLBACK;
SELECT ok, reason FROM selfheal.verify_audit();

SELECT selfheal.unwatch('issues');
SELECT selfheal.unwatch('pull_requests');
DROP SCHEMA github CASCADE;
