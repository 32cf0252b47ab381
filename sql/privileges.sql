--
-- Who may do what: every function and relation by level, what the views show
-- to whom, a producer without a right on schema selfheal, nothing for PUBLIC,
-- and that names of a user's own change nothing in what our functions do.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE ROLE regress_viewer;
CREATE ROLE regress_operator;
CREATE ROLE regress_admin;
CREATE ROLE regress_loader;
CREATE ROLE regress_stranger;
SELECT selfheal.grant_to('regress_viewer', 'viewer');
SELECT selfheal.grant_to('regress_operator', 'operator');
SELECT selfheal.grant_to('regress_admin', 'admin');
CREATE SCHEMA privs;
CREATE TABLE privs.levels (n serial, role name, level text);
INSERT INTO privs.levels (role, level) VALUES ('regress_viewer', 'viewer'), ('regress_operator', 'operator'),
	('regress_admin', 'admin'), ('regress_loader', 'producer'), ('regress_stranger', 'stranger');

--
-- functions: what the catalog says, and what a call says
--
-- A call with nulls (1 for a double: the function is STRICT, and with a null it
-- would not be called), undone whatever it did: "x" unless the privilege is missing.
CREATE FUNCTION privs.call(f regprocedure, caller name) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	arguments text := (SELECT string_agg(format('%s::%s', CASE WHEN t = 'float8'::regtype THEN '1' ELSE 'NULL' END, t::regtype), ', ' ORDER BY n)
		FROM pg_proc, unnest(proargtypes) WITH ORDINALITY a(t, n) WHERE oid = f);
BEGIN
	EXECUTE format('SET LOCAL ROLE %I', caller);
	EXECUTE format('SELECT %s(%s)', f::regproc, arguments);
	RAISE EXCEPTION USING ERRCODE = '2F000';
EXCEPTION WHEN insufficient_privilege THEN
	RETURN CASE WHEN sqlerrm ~ '^permission denied for (function|schema)' THEN '' ELSE sqlerrm END;
WHEN OTHERS THEN
	RETURN 'x';
END
$$;
CREATE TEMP TABLE matrix AS
SELECT p.oid::regprocedure AS function, l.n, l.level,
	CASE WHEN has_function_privilege(l.role, p.oid, 'EXECUTE') THEN 'x' ELSE '' END AS may,
	'' AS did
FROM pg_proc p, privs.levels l WHERE p.pronamespace = 'selfheal'::regnamespace;
UPDATE matrix m SET did = privs.call(function, l.role) FROM privs.levels l WHERE l.level = m.level;
SELECT function::text COLLATE "C" AS function, max(did) FILTER (WHERE level = 'viewer') AS viewer,
	max(did) FILTER (WHERE level = 'operator') AS operator, max(did) FILTER (WHERE level = 'admin') AS admin,
	max(did) FILTER (WHERE level = 'producer') AS producer, max(did) FILTER (WHERE level = 'stranger') AS stranger
FROM matrix GROUP BY 1 ORDER BY 1;
SELECT count(*) AS contradictions FROM matrix WHERE may <> did;

--
-- relations and schemas
--
SELECT c.relname COLLATE "C" AS relation, c.relkind AS kind,
	max(CASE WHEN has_table_privilege(l.role, c.oid, 'SELECT') THEN 'x' ELSE '' END) FILTER (WHERE level = 'viewer') AS viewer,
	max(CASE WHEN has_table_privilege(l.role, c.oid, 'SELECT') THEN 'x' ELSE '' END) FILTER (WHERE level = 'operator') AS operator,
	max(CASE WHEN has_table_privilege(l.role, c.oid, 'SELECT') THEN 'x' ELSE '' END) FILTER (WHERE level = 'admin') AS admin,
	max(CASE WHEN has_table_privilege(l.role, c.oid, 'SELECT') THEN 'x' ELSE '' END) FILTER (WHERE level = 'producer') AS producer,
	max(CASE WHEN has_table_privilege(l.role, c.oid, 'SELECT') THEN 'x' ELSE '' END) FILTER (WHERE level = 'stranger') AS stranger
FROM pg_class c, privs.levels l WHERE c.relnamespace = 'selfheal'::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f')
GROUP BY 1, 2 ORDER BY 2, 1;
-- nobody may write, and nobody has a sequence
SELECT c.relname, l.level FROM pg_class c, privs.levels l
WHERE c.relnamespace = 'selfheal'::regnamespace AND c.relkind IN ('r', 'v')
	AND (has_table_privilege(l.role, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
		OR has_any_column_privilege(l.role, c.oid, 'INSERT, UPDATE, REFERENCES'));
SELECT c.relname, l.level FROM pg_class c, privs.levels l
WHERE c.relnamespace = 'selfheal'::regnamespace AND CASE WHEN c.relkind = 'S'
	THEN has_sequence_privilege(l.role, c.oid, 'USAGE, SELECT, UPDATE') END;
SELECT l.level, has_schema_privilege(l.role, 'selfheal', 'USAGE') AS usage,
	has_schema_privilege(l.role, 'selfheal', 'CREATE') AS "create",
	has_schema_privilege(l.role, 'selfheal_sandbox', 'USAGE') OR
	has_schema_privilege(l.role, 'selfheal_sandbox', 'CREATE') AS sandbox
FROM privs.levels l ORDER BY l.n;
-- nothing for PUBLIC: functions, relations, columns, schemas, by default neither
SELECT 'function' AS kind, p.oid::regprocedure::text AS name FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'selfheal'::regnamespace AND a.grantee = 0
UNION ALL SELECT 'relation', c.relname FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace IN ('selfheal'::regnamespace, 'selfheal_sandbox'::regnamespace) AND a.grantee = 0
UNION ALL SELECT 'column', t.attname FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
WHERE c.relnamespace IN ('selfheal'::regnamespace, 'selfheal_sandbox'::regnamespace) AND a.grantee = 0
UNION ALL SELECT 'schema', n.nspname FROM pg_namespace n, aclexplode(n.nspacl) a
WHERE n.nspname LIKE 'selfheal%' AND a.grantee = 0
UNION ALL SELECT 'default', d.defaclnamespace::regnamespace::text FROM pg_default_acl d, aclexplode(d.defaclacl) a
WHERE d.defaclnamespace IN ('selfheal'::regnamespace, 'selfheal_sandbox'::regnamespace);
-- a role whose name needs quotes, and a group: the level is its members' too
CREATE ROLE "regress odd ""role""";
SELECT selfheal.grant_to('regress odd "role"', 'viewer');
SELECT has_table_privilege('regress odd "role"', 'selfheal.status', 'SELECT') AS granted;
GRANT "regress odd ""role""" TO regress_stranger;
SET ROLE regress_stranger;
SELECT count(*) > 5 AS status FROM selfheal.status;
RESET ROLE;
REVOKE "regress odd ""role""" FROM regress_stranger;

--
-- a producer: INSERT on the intake and on the table, nothing else
--
CREATE ROLE regress_owner;
GRANT USAGE, CREATE ON SCHEMA privs TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE privs.open (id int, v varchar(4), by text DEFAULT current_user);
CREATE TABLE privs.hidden (id int, v varchar(4), by text DEFAULT current_user);
CREATE TABLE privs.own (id int, v varchar(4));
RESET ROLE;
SELECT selfheal.watch('privs.open');
SELECT selfheal.watch('privs.hidden', 'propose', 'team hidden');
SELECT relname, relowner::regrole, relacl FROM pg_class WHERE relnamespace = 'privs'::regnamespace AND relkind = 'v' ORDER BY 1;
GRANT USAGE ON SCHEMA privs TO regress_loader, regress_operator;
GRANT INSERT ON privs.open_intake, privs.hidden_intake, privs.open, privs.hidden TO regress_loader;
RESET client_min_messages;
SET ROLE regress_loader;
INSERT INTO privs.open_intake VALUES ('{"id": 1, "v": "fits"}'), ('{"id": 2, "v": "longer"}');
COPY privs.open_intake FROM STDIN (FORMAT ndjson);
{"id": 3, "v": "\"\\q"}
{"id": 4, "v": "four"}

{"id": "four"}
\.
INSERT INTO privs.hidden_intake VALUES ('{"id": 1, "v": "secret word"}'), ('{"id": "another secret"}');
-- and no more than that
SELECT * FROM privs.open;
SELECT * FROM privs.open_intake;
SELECT * FROM selfheal.quarantined;
SELECT selfheal.ingest('privs.open', ARRAY['{}']);
UPDATE privs.open_intake SET payload = '{}';
DELETE FROM privs.open_intake;
RESET ROLE;
SET client_min_messages = warning;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
-- what was held is stored as the one who loaded it
SELECT * FROM privs.open ORDER BY id;
SELECT table_name, class, state, rows_held FROM selfheal.incidents WHERE table_name LIKE 'privs.%' ORDER BY id;
SELECT DISTINCT role FROM selfheal.quarantined WHERE table_name LIKE 'privs.%';
-- without INSERT on the table, or with no right on the intake
REVOKE INSERT ON privs.open FROM regress_loader;
SET ROLE regress_loader;
INSERT INTO privs.open_intake VALUES ('{"id": 9, "v": "x"}');
RESET ROLE;
SET ROLE regress_stranger;
INSERT INTO privs.open_intake VALUES ('{"id": 9, "v": "x"}');
RESET ROLE;
GRANT USAGE ON SCHEMA privs TO regress_stranger;
SET ROLE regress_stranger;
INSERT INTO privs.open_intake VALUES ('{"id": 9, "v": "x"}');
RESET ROLE;
REVOKE USAGE ON SCHEMA privs FROM regress_stranger;
SELECT count(*) AS stored FROM privs.open WHERE id = 9;
GRANT INSERT ON privs.open TO regress_loader;
-- the owner of a watched table needs no right of ours for DDL on it
SET ROLE regress_owner;
BEGIN;
ALTER TABLE privs.open RENAME TO opened;
ALTER TABLE privs.opened ADD COLUMN note text;
ALTER TABLE privs.opened RENAME TO open;
COMMIT;
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT relid, intake FROM selfheal.watched WHERE table_name = 'open';

--
-- views: rows of tables that the role may read
--
CREATE FUNCTION privs.seen() RETURNS TABLE (relation text, tables text) LANGUAGE plpgsql AS $$
DECLARE
	v text;
BEGIN
	FOREACH v IN ARRAY ARRAY['incidents', 'pending', 'quarantined', 'history', 'activity'] LOOP
		relation := v;
		EXECUTE format('SELECT string_agg(DISTINCT table_name, '', '') FROM selfheal.%I WHERE table_name LIKE ''privs.%%''', v)
		INTO tables;
		RETURN NEXT;
	END LOOP;
END
$$;
GRANT USAGE ON SCHEMA privs TO regress_admin;
GRANT EXECUTE ON FUNCTION privs.seen() TO PUBLIC;
-- all there is
SELECT * FROM privs.seen();
GRANT SELECT ON privs.open TO regress_operator, regress_admin;
GRANT SELECT (id) ON privs.hidden TO regress_operator;
SET ROLE regress_operator;
SELECT * FROM privs.seen();
SELECT payload FROM selfheal.quarantined;
RESET ROLE;
-- a viewer with a right on neither, not even on their schema
SELECT has_schema_privilege('regress_viewer', 'privs', 'USAGE') AS schema_usage;
SET ROLE regress_viewer;
SELECT count(*) AS incidents FROM selfheal.incidents;
SELECT count(*) AS pending FROM selfheal.pending;
SELECT count(*) AS quarantined FROM selfheal.quarantined;
SELECT count(*) AS activity FROM selfheal.activity;
SELECT DISTINCT table_name FROM selfheal.history WHERE table_name IS NOT NULL;
SELECT item, value IS NOT NULL AS value FROM selfheal.status;
-- nor by a function that looks at rows before the view's own condition does
CREATE FUNCTION pg_temp.look(t text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	IF t IS NOT NULL THEN
		RAISE WARNING 'saw %', t;
	END IF;
	RETURN true;
END
$$;
SELECT count(*) FROM selfheal.quarantined WHERE pg_temp.look(payload);
SELECT count(*) FROM selfheal.incidents WHERE pg_temp.look(reason);
SELECT count(*) FROM selfheal.pending WHERE pg_temp.look(sql);
SELECT count(*) FROM selfheal.history WHERE pg_temp.look(table_name) AND table_name IS NOT NULL;
SELECT count(*) FROM selfheal.activity WHERE pg_temp.look(table_name);
DROP FUNCTION pg_temp.look(text);
RESET ROLE;
-- who may read everything sees everything
GRANT pg_read_all_data TO regress_viewer;
GRANT USAGE ON SCHEMA privs TO regress_viewer;
SET ROLE regress_viewer;
SELECT * FROM privs.seen();
RESET ROLE;
REVOKE pg_read_all_data FROM regress_viewer;
-- the worker is seen by whoever may see the views
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT value AS worker FROM selfheal.status WHERE item = 'worker' \gset
SET ROLE regress_viewer;
SELECT value = :'worker' AS worker FROM selfheal.status WHERE item = 'worker';
SELECT value AS library FROM selfheal.status WHERE item = 'library';
RESET ROLE;

--
-- verbs: on tables that the role may read; watch: on tables that it owns
--
SELECT id AS row, incident FROM selfheal.quarantined WHERE table_name = 'privs.hidden' ORDER BY id DESC LIMIT 1 \gset
SELECT plan_id FROM selfheal.pending WHERE table_name = 'privs.hidden' \gset
REVOKE SELECT (id) ON privs.hidden FROM regress_operator;
SET ROLE regress_operator;
SELECT * FROM selfheal.preview('privs.hidden', '{}');
SELECT * FROM selfheal.vet('privs.hidden', 'ALTER TABLE privs.hidden ADD x int');
SELECT selfheal.explain(:incident);
\set VERBOSITY terse
SELECT selfheal.propose('privs.hidden', 'ALTER TABLE privs.hidden ADD x int', 'why');
SELECT selfheal.dry_run(:plan_id);
SELECT selfheal.approve(:plan_id);
SELECT selfheal.reject(:plan_id, 'why');
SELECT selfheal.retry(:incident);
SELECT selfheal.replay('privs.hidden');
SELECT selfheal.discard(:row, 'why');
SELECT selfheal.discard(:incident, 'why', 1);
SELECT selfheal.amend(:row, '{}', 'why');
SELECT selfheal.pause('privs.hidden');
SELECT selfheal.resume('privs.hidden');
SELECT selfheal.report_failure('privs.hidden', '{"id": 5}', '22001', 'm', NULL);
SELECT selfheal.ingest('privs.hidden', ARRAY['{"id": 5}']);
-- as himself: a replay stores with the rights of who asked for it
SELECT * FROM selfheal.replay('privs.open');
RESET ROLE;
SELECT count(*) AS held FROM selfheal.quarantined WHERE id = :row AND state = 'held';
SET ROLE regress_admin;
SELECT selfheal.watch('privs.own');
SELECT selfheal.unwatch('privs.open');
SELECT selfheal.unwatch_all();
SELECT selfheal.grant_to('regress_admin', 'admin');
RESET ROLE;
GRANT regress_owner TO regress_admin;
SET ROLE regress_admin;
SELECT selfheal.watch('privs.own');
SELECT relowner::regrole FROM pg_class WHERE oid = 'privs.own_intake'::regclass;
SELECT selfheal.unwatch('privs.own');
SELECT count(*) > 0 AS audit, bool_or(actor_role = 'regress_admin') AS his FROM selfheal.audit;
RESET ROLE;
REVOKE regress_owner FROM regress_admin;
\set VERBOSITY default
-- a failure reported by INSERT: what the reporter may not choose is filled in
CREATE ROLE regress_reporter;
GRANT USAGE ON SCHEMA selfheal TO regress_reporter;
GRANT INSERT (relid, payload, sqlstate, message, context) ON selfheal.error TO regress_reporter;
GRANT USAGE ON SCHEMA privs TO regress_reporter;
GRANT SELECT, INSERT ON privs.open TO regress_reporter;
SET ROLE regress_reporter;
INSERT INTO selfheal.error (relid, payload, sqlstate, message) VALUES ('privs.open', '{"id": 20, "k": 1}', '42703', 'no such column');
INSERT INTO selfheal.error (relid, role) VALUES ('privs.open', 'somebody');
SELECT * FROM selfheal.error;
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT id, k, by FROM privs.open WHERE id = 20;
SELECT role, door, class FROM selfheal.error WHERE role = 'regress_reporter';

--
-- names of a user's own: they say whether they were called, and as whom
--
CREATE SCHEMA evil AUTHORIZATION regress_operator;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SET ROLE regress_operator;
CREATE FUNCTION evil.trap(what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION '% was called as %', what, current_user;
END
$$;
DO $$
DECLARE
	f record;
	o record;
	name text;
BEGIN
	-- functions that our SQL names, with the very types it gives them
	FOR f IN SELECT p.proname, p.proargtypes, p.prorettype FROM pg_proc p
		WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND NOT p.proretset AND p.provariadic = 0
			AND p.prorettype::regtype::text NOT IN ('internal', 'anyelement', 'anyarray', 'cstring', 'trigger', 'anycompatiblearray', 'anycompatible', 'record')
			AND p.proname IN ('clock_timestamp', 'now', 'to_char', 'to_jsonb', 'round', 'encode', 'convert_to', 'sha256',
				'coalesce', 'nextval', 'format_type', 'pg_get_expr', 'col_description', 'to_regclass', 'format', 'rpad',
				'pg_current_wal_insert_lsn', 'pg_relation_size', 'quote_ident', 'date_part', 'extract', 'lower', 'upper',
				'current_setting', 'has_table_privilege', 'pg_has_role', 'current_database', 'jsonb_strip_nulls',
				'getdatabaseencoding', 'trunc', 'timezone', 'length', 'num_nulls', 'isfinite', 'text', 'bpchar', 'int8', 'numeric')
			AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) t WHERE t::regtype::text ~ '^(any|internal|cstring|"any")')
	LOOP
		EXECUTE format('CREATE FUNCTION evil.%I(%s) RETURNS %s LANGUAGE sql AS $f$ SELECT evil.trap(%L); SELECT NULL::%3$s $f$', f.proname,
			(SELECT string_agg(t::regtype::text, ', ' ORDER BY n) FROM unnest(f.proargtypes) WITH ORDINALITY a(t, n)),
			f.prorettype::regtype, f.proname);
	END LOOP;
	CREATE FUNCTION evil.jsonb_build_object(text, text, text, timestamptz, text, text) RETURNS jsonb LANGUAGE sql AS
		$f$ SELECT evil.trap('jsonb_build_object'); SELECT NULL::jsonb $f$;
	CREATE FUNCTION evil.unnest(bigint[]) RETURNS SETOF bigint LANGUAGE sql AS
		$f$ SELECT evil.trap('unnest'); SELECT NULL::bigint $f$;
	-- operators of the types that our SQL compares
	FOR o IN SELECT DISTINCT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS res FROM pg_operator
		WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprname IN ('=', '<>', '<', '>', '<=', '>=', '||', '-', '+', '->', '->>', '~')
			AND oprleft IN ('bigint'::regtype, 'integer'::regtype, 'text'::regtype, 'oid'::regtype, 'timestamptz'::regtype,
				'jsonb'::regtype, 'bytea'::regtype, 'boolean'::regtype, 'name'::regtype, '"char"'::regtype, 'pg_lsn'::regtype)
			AND oprright IN ('bigint'::regtype, 'integer'::regtype, 'text'::regtype, 'oid'::regtype, 'timestamptz'::regtype,
				'jsonb'::regtype, 'bytea'::regtype, 'boolean'::regtype, 'name'::regtype, '"char"'::regtype, 'pg_lsn'::regtype)
	LOOP
		name := format('op_%s', md5(concat(o.oprname, o.l, o.r)));
		EXECUTE format('CREATE FUNCTION evil.%I(%s, %s) RETURNS %s LANGUAGE sql AS $f$ SELECT evil.trap(%L); SELECT NULL::%4$s $f$',
			name, o.l, o.r, o.res, concat('operator ', o.oprname));
		EXECUTE format('CREATE OPERATOR evil.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = evil.%I)', o.oprname, o.l, o.r, name);
	END LOOP;
	-- relations and types named like ours, and like those that our SQL reads
	FOREACH name IN ARRAY ARRAY['audit', 'quarantine', 'incident', 'plan', 'error', 'load', 'load_line', 'load_kept', 'watched', 'replayed', 'ddl', 'status',
		'pg_class', 'pg_namespace', 'pg_attribute', 'pg_stat_activity', 'pg_constraint', 'pg_publication', 'jsonb', 'text', 'int8'] LOOP
		EXECUTE format('CREATE TABLE evil.%I (trap int)', name);
		EXECUTE format('CREATE TEMP TABLE %I (trap int)', name);
	END LOOP;
END
$$;
RESET ROLE;
SELECT count(*) > 100 AS traps FROM pg_proc WHERE pronamespace = 'evil'::regnamespace;
GRANT ALL ON ALL FUNCTIONS IN SCHEMA evil TO PUBLIC;
GRANT INSERT, SELECT ON privs.open, privs.hidden TO regress_operator;
GRANT INSERT ON privs.open_intake TO regress_operator;
SELECT selfheal.watch('privs.hidden', 'propose');
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SET ROLE regress_operator;
SET search_path = evil, pg_temp, pg_catalog, selfheal, privs;
-- the traps do work
SELECT now();
SELECT 'a'::pg_catalog.text = 'b'::pg_catalog.text;
INSERT INTO privs.open_intake VALUES ('{"id": 30, "v": "under an evil path"}'), ('{"id": "thirty"}'), ('{"id": 31, "m": {"a": 1}}');
COPY privs.open_intake FROM STDIN (FORMAT ndjson);
{"id": 32, "v": "copied under an evil path, which is much longer"}
\.
SELECT stored, held FROM selfheal.ingest('privs.open', ARRAY['{"id": 33}', '{"id": 34, "n": 1.5}']);
SELECT class, verdict FROM selfheal.preview('privs.open', '{"id": 3.5}');
SELECT verdict FROM selfheal.vet('privs.open', 'ALTER TABLE privs.open ADD z int');
SELECT verdict FROM selfheal.propose('privs.hidden', 'ALTER TABLE privs.hidden ADD z int', 'a test');
SELECT selfheal.dry_run(:plan_id) IS NOT NULL AS dry_run;
SELECT selfheal.explain(:incident) IS NOT NULL AS explain;
SELECT selfheal.pause('privs.open');
SELECT selfheal.resume('privs.open');
-- (at once: a row that is amended is put in by the worker, and its incident healed)
BEGIN;
SELECT selfheal.amend(:row, '{"id": 2, "v": "amended"}', 'a test');
SELECT selfheal.report_failure('privs.open', '{"id": 35}', '22001', 'm', NULL) IS NOT NULL AS reported;
SELECT selfheal.wake();
SELECT selfheal.retry(:incident);
SELECT selfheal.reject(:plan_id, 'a test');
COMMIT;
SELECT held IS NOT NULL AS replay FROM selfheal.replay('privs.hidden');
SELECT ok FROM selfheal.verify_audit();
SELECT pg_catalog.count(*) IS NOT NULL AS n FROM selfheal.status;
SELECT pg_catalog.count(*) IS NOT NULL AS n FROM selfheal.incidents;
SELECT pg_catalog.count(*) IS NOT NULL AS n FROM selfheal.pending;
SELECT pg_catalog.count(*) IS NOT NULL AS n FROM selfheal.quarantined;
SELECT pg_catalog.count(*) IS NOT NULL AS n FROM selfheal.history;
SELECT pg_catalog.count(*) IS NOT NULL AS n FROM selfheal.activity;
SELECT selfheal.wait_idle('180s') IS NOT NULL AS done;
RESET ROLE;
-- and for whoever else has it in his path
SELECT selfheal.discard(:incident, 'a test', 100) IS NOT NULL AS discarded;
SELECT selfheal.watch('privs.own', 'auto', 'team');
SELECT selfheal.unwatch('privs.own');
SELECT selfheal.grant_to('regress_viewer', 'viewer');
SELECT pg_catalog.count(*) IS NOT NULL AS n FROM selfheal.audit_export;
RESET search_path;
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
-- the worker went by its own path as well, also where it set the load's
SELECT id, v, m, n, by FROM privs.open WHERE id BETWEEN 30 AND 39 ORDER BY id;
SELECT count(*) AS hijacked FROM selfheal.audit WHERE result ~ 'was called as' OR explanation ~ 'was called as';
SELECT count(*) AS hijacked FROM selfheal.incident WHERE reason ~ 'was called as';
SELECT count(*) AS hijacked FROM selfheal.error WHERE message ~ 'was called as';
SELECT ok FROM selfheal.verify_audit();

SELECT selfheal.unwatch('privs.open');
SELECT selfheal.unwatch('privs.hidden');
DROP TABLE matrix;
DROP SCHEMA evil CASCADE;
DROP SCHEMA privs CASCADE;
DROP OWNED BY regress_viewer, regress_operator, regress_admin, regress_loader, regress_stranger,
	regress_owner, regress_reporter, "regress odd ""role""";
DROP ROLE regress_viewer, regress_operator, regress_admin, regress_loader, regress_stranger,
	regress_owner, regress_reporter, "regress odd ""role""";
