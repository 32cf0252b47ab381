-- Who may do what: three levels for people, one for producers, nothing for PUBLIC.

CREATE FUNCTION selfheal.grant_to(role name, level text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
	producer constant text[] := ARRAY['ingest(regclass,text[])', 'copy_from(regclass,text,text,jsonb)', 'land(text,text[])', 'last_load()'];
	viewer constant text[] := ARRAY['may_see(regclass)', 'may_see(text,text)', 'named_table(text,text)', 'told_all(regclass)', 'told(regclass,text,oid)', 'told_name(regclass,text,oid)', 'told_sql(regclass,text,oid)', 'told_json(regclass,jsonb)', 'schema_diff(regclass,integer,integer)', 'snapshot(regclass)', 'waits_for(text,boolean)', 'shared(regclass,text,text)', 'shared_message(regclass,text,text)', 'runbook(regclass)', 'tool(text,jsonb,bigint)', 'tools()', 'mcp(jsonb)', 'packet(bigint,text)', 'worker_state()', 'claude_state()', 'vet(regclass,text)', 'verdicts()', 'classes()', 'preview(regclass,text)', 'drift(regclass)', 'locate(text,jsonb,text[],regclass)',
		'explain(bigint)', 'verify_audit()', 'verify_audit(bigint,text)', 'wait_idle(interval)', 'policy_effective(regclass)',
		'transform(text,jsonb,jsonb,regtype)', 'transform_infer(text,jsonb,regtype)', 'transform_args(text,jsonb,regtype)', 'kept_rows(bigint,bytea)', 'statements_seen()'];
	operator constant text[] := ARRAY['report_failure(regclass,text,text,text,jsonb)', 'propose(regclass,text,text)', 'propose_partition(regclass,text,text)', 'dry_run(bigint)',
		'approve(bigint)', 'reject(bigint,text)', 'retry(bigint)', 'dismiss(bigint,text)', 'replay(regclass)', 'discard(bigint,text)',
		'discard(bigint,text,bigint)', 'amend(bigint,text,text)', 'pause(regclass)', 'resume(regclass)', 'wake()',
		'hint(regclass,text,text,boolean,text,text)', 'unhint(regclass,text)', 'check(regclass,text,text)', 'uncheck(regclass,text)', 'discard_arrivals(text,text)',
		'add_mapping(regclass,text,text,jsonb,name,text,boolean)', 'remove_mapping(bigint,text)'];
	admin constant text[] := ARRAY['watch(regclass,text,text,text,text,text,text,text,boolean)', 'watch(regclass,bigint,text,text,text,text,text,text,boolean)',
		'unwatch(regclass)', 'unwatch_all()', 'restored(regclass)', 'resume()', 'audit_double(double precision)',
		'set_policy(regclass,text,text,text,boolean)', 'drop_policy(regclass,text,text)', 'set_self_approval(regclass,boolean)',
		'set_contract(regclass,text,text,text)', 'expect(regclass,integer)', 'expect(regclass,jsonb)', 'expect(regclass,text)', 'set_tolerance(regclass,integer,numeric,boolean,text)', 'drop_tolerance(regclass)', 'set_landing(text)', 'stalls()', 'set_runbook(regclass,text)', 'promote(bigint)', 'demote(bigint,text)'];
	views constant text[] := ARRAY['status', 'incidents', 'pending', 'quarantined', 'history', 'activity', 'hints', 'checks',
		'contracts', 'tolerances', 'discarded', 'mappings', 'originals', 'waiting', 'arrivals', 'conversations', 'turns', 'stat', 'playbooks', 'schema_version'];
	auditor constant text[] := ARRAY['audit', 'audit_export', 'stalled'];
	functions text[];
	f text;
BEGIN
	IF role IS NULL OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
		RAISE EXCEPTION USING ERRCODE = CASE WHEN role IS NULL THEN '22023' ELSE '42704' END,
			MESSAGE = CASE WHEN role IS NULL THEN 'role must not be null' ELSE format('role "%s" does not exist', role) END,
			HINT = 'Name a role of this server.';
	END IF;
	functions := CASE level
		WHEN 'producer' THEN producer
		WHEN 'viewer' THEN viewer
		WHEN 'operator' THEN producer || viewer || operator
		WHEN 'admin' THEN producer || viewer || operator || admin END;
	IF functions IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = '22023',
			MESSAGE = CASE WHEN level IS NULL THEN 'level must not be null' ELSE format('unknown level "%s"', level) END,
			HINT = 'Levels are producer, viewer, operator and admin.';
	END IF;
	EXECUTE format('GRANT USAGE ON SCHEMA selfheal TO %I', role);
	FOREACH f IN ARRAY CASE level WHEN 'producer' THEN '{}' WHEN 'admin' THEN views || auditor ELSE views END LOOP
		EXECUTE format('GRANT SELECT ON selfheal.%I TO %I', f, role);
	END LOOP;
	FOREACH f IN ARRAY functions LOOP
		EXECUTE format('GRANT EXECUTE ON FUNCTION selfheal.%s TO %I', f, role);
	END LOOP;
END
$$;
COMMENT ON FUNCTION selfheal.grant_to(name, text) IS
'grant a role the level producer (ingest, last_load), viewer (read), operator (decide about incidents and rows; producer and viewer too) or admin (operator, and watch tables)';
REVOKE ALL ON FUNCTION selfheal.grant_to(name, text) FROM PUBLIC;
