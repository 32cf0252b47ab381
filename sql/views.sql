--
-- The views for people ask for no more than they show: what has to be counted
-- is counted for the rows of the page alone, and who may not read a table sees
-- nothing of it, by whatever function of his own.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA views;
CREATE ROLE regress_views_reader;
SELECT selfheal.grant_to('regress_views_reader', 'viewer');
GRANT USAGE ON SCHEMA views TO regress_views_reader;
DO $$ BEGIN
	FOR i IN 1..8 LOOP
		EXECUTE format('CREATE TABLE views.%s (id int, %s varchar(4))', CASE WHEN i = 1 THEN 'hidden' ELSE 'seen' || i END, CASE WHEN i = 1 THEN 'hidden' ELSE 'name' END);
		IF i > 1 THEN EXECUTE format('GRANT SELECT ON views.seen%s TO regress_views_reader', i); END IF;
		PERFORM selfheal.watch(format('views.%s', CASE WHEN i = 1 THEN 'hidden' ELSE 'seen' || i END)::regclass, 'propose');
		EXECUTE format('INSERT INTO views.%s_intake VALUES (%L)', CASE WHEN i = 1 THEN 'hidden' ELSE 'seen' || i END, CASE WHEN i = 1 THEN '{"id": 1, "hidden": "too long"}' ELSE '{"id": 1, "name": "too long"}' END);
	END LOOP;
END $$;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT table_name, class, state, rows_seen, rows_held, witnesses, plan_id IS NOT NULL AS planned
FROM selfheal.incidents WHERE table_name IN ('views.hidden', 'views.seen8') ORDER BY id;
SELECT table_name, sql, rows_waiting, witnesses FROM selfheal.pending WHERE table_name IN ('views.hidden', 'views.seen8') ORDER BY plan_id;

-- a plain SELECT is in order, as it stands
SELECT array_agg(id) = array_agg(id ORDER BY id) AS in_order FROM (SELECT id FROM selfheal.incidents) i;
SELECT array_agg(plan_id) = array_agg(plan_id ORDER BY plan_id) AS in_order FROM (SELECT plan_id FROM selfheal.pending) p;
SELECT array_agg(id) = array_agg(id ORDER BY id) AS in_order FROM (SELECT id FROM selfheal.history) h;

-- counted is what stands on the page: reasons are looked up twice for a row
BEGIN;
SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0) AS before FROM pg_stat_xact_all_tables WHERE relid = 'selfheal.error'::regclass \gset
SELECT rows_held, witnesses FROM selfheal.incidents ORDER BY id DESC LIMIT 1;
SELECT sum(seq_scan + coalesce(idx_scan, 0)) - :before <= 2 AS of_one_row FROM pg_stat_xact_all_tables WHERE relid = 'selfheal.error'::regclass;
COMMIT;
BEGIN;
SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0) AS before FROM pg_stat_xact_all_tables WHERE relid = 'selfheal.error'::regclass \gset
SELECT rows_waiting, witnesses FROM selfheal.pending ORDER BY plan_id DESC LIMIT 1;
SELECT sum(seq_scan + coalesce(idx_scan, 0)) - :before <= 2 AS of_one_row FROM pg_stat_xact_all_tables WHERE relid = 'selfheal.error'::regclass;
COMMIT;

-- the story of an incident is found by indexes
SELECT id AS incident FROM selfheal.incidents WHERE table_name = 'views.seen8' \gset
SET enable_seqscan = off;
BEGIN;
SELECT coalesce(sum(seq_scan), 0) AS before FROM pg_stat_xact_all_tables
WHERE relid IN ('selfheal.audit'::regclass, 'selfheal.plan'::regclass) \gset
SELECT selfheal.explain(:incident) LIKE '%views.seen8%planned%' AS explained;
SELECT sum(seq_scan) - :before AS whole_tables_read FROM pg_stat_xact_all_tables
WHERE relid IN ('selfheal.audit'::regclass, 'selfheal.plan'::regclass);
COMMIT;
RESET enable_seqscan;

-- and its trail is, however many events of others came since, by the plan that the tool keeps
CREATE FUNCTION views.trail(incident bigint) RETURNS integer LANGUAGE sql AS $$
	SELECT jsonb_array_length(selfheal.mcp(jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', 'tools/call', 'params',
		jsonb_build_object('name', 'get_audit_trail', 'arguments', jsonb_build_object('incident', incident)))) #> '{result,structuredContent,events}')
$$;
BEGIN;
INSERT INTO selfheal.audit (event, incident, schema_name, table_name, actor_role, actor_client, lsn)
SELECT 'captured', -i, 'views', 'seen' || i, 'regress', 'regress', '0/0' FROM generate_series(2, 8) i, generate_series(1, 600);
ANALYZE selfheal.audit;
SELECT count(views.trail(:incident)) AS calls FROM generate_series(1, 7);
SELECT coalesce(sum(idx_tup_fetch + seq_tup_read), 0) AS before FROM pg_stat_xact_all_tables WHERE relid IN ('selfheal.audit'::regclass, 'pg_class'::regclass) \gset
SELECT views.trail(:incident) BETWEEN 3 AND 20 AS has_events;
SELECT sum(idx_tup_fetch + seq_tup_read) - :before < 100 AS read_for_it FROM pg_stat_xact_all_tables WHERE relid IN ('selfheal.audit'::regclass, 'pg_class'::regclass);
ROLLBACK;

-- a cheap function of the reader's own sees no row of a table that he may not read
CREATE FUNCTION views.leak(t text) RETURNS boolean LANGUAGE plpgsql STABLE COST 0.000001 AS $$
BEGIN
	IF t LIKE '%hidden%' THEN RAISE WARNING 'leaked'; END IF;
	RETURN true;
END $$;
SELECT count(*) > 0 AS it_tells FROM selfheal.pending WHERE views.leak(sql) AND table_name = 'views.hidden';
SET ROLE regress_views_reader;
SELECT count(*) AS incidents FROM selfheal.incidents WHERE views.leak(table_name) AND views.leak(sql) AND views.leak(column_name) AND table_name LIKE 'views.%';
SELECT count(*) AS pending FROM selfheal.pending WHERE views.leak(table_name) AND views.leak(sql) AND table_name LIKE 'views.%';
SELECT count(*) > 0 AS history FROM selfheal.history WHERE views.leak(table_name) AND views.leak(sql_run) AND views.leak(explanation) AND table_name LIKE 'views.%';
SELECT count(*) AS of_hidden FROM selfheal.history WHERE table_name = 'views.hidden';
SELECT selfheal.may_see('views', 'hidden') AS hidden, selfheal.may_see('views', 'seen2') AS seen, selfheal.may_see('views', 'gone') AS gone,
	selfheal.may_see('nowhere', 'gone') AS nowhere, selfheal.may_see(NULL, NULL) AS nothing, selfheal.may_see(NULL) AS null, selfheal.may_see(4294967295::oid::regclass) AS no_table;
RESET ROLE;
SELECT selfheal.may_see('views', 'gone') AS gone, selfheal.may_see(NULL) AS null;
-- what stands beneath is for nobody else
SET ROLE regress_views_reader;
SELECT count(*) FROM selfheal.incident_seen;
SELECT count(*) FROM selfheal.plan_seen;
SELECT count(*) FROM selfheal.audit_seen;
SELECT count(*) FROM selfheal.held_count;
RESET ROLE;
SELECT count(selfheal.unwatch(relid)) FROM selfheal.watched WHERE schema_name = 'views';
SET client_min_messages = error;
DROP SCHEMA views CASCADE;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
DROP OWNED BY regress_views_reader;
DROP ROLE regress_views_reader;
