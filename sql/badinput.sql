--
-- Bad input: every SQL function given null, a missing or dropped table, a
-- system table, a view, a table without privilege, a bad mode, an unknown id.
-- A clear error with its errcode and a hint; nothing is changed by any.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
RESET client_min_messages;
CREATE SCHEMA bad;
CREATE TABLE bad.good (a int);
CREATE TABLE bad.unwatched (a int);
CREATE VIEW bad.a_view AS SELECT 1 AS a;
CREATE TABLE bad.parted (a int) PARTITION BY LIST (a);
CREATE TABLE bad.part PARTITION OF bad.parted FOR VALUES IN (1);
CREATE SEQUENCE bad.seq;
CREATE TEMP TABLE temporary (a int);
CREATE ROLE regress_stranger;
GRANT USAGE ON SCHEMA bad TO regress_stranger;
SELECT selfheal.watch('bad.good');

-- sqlstate, message and hint of a statement; "fine" when it does not fail
CREATE FUNCTION bad.try(stmt text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	message text;
	hint text;
BEGIN
	EXECUTE stmt;
	RETURN 'fine';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN concat(sqlstate, ' ', message, ' / ', hint);
END
$$;
-- every state that a failed call could have touched
CREATE FUNCTION bad.fingerprint() RETURNS text LANGUAGE sql AS $$
	SELECT md5(concat((SELECT array_agg(w ORDER BY relid) FROM selfheal.watched w),
		(SELECT count(*) FROM selfheal.audit), (SELECT array_agg(p) FROM selfheal.plan p),
		(SELECT array_agg(i) FROM selfheal.incident i), (SELECT array_agg(q) FROM selfheal.quarantine q),
		(SELECT array_agg(l) FROM selfheal.load l), (SELECT array_agg(e) FROM selfheal.error e)))
$$;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT bad.fingerprint() AS before \gset

-- functions of a table, each with every wrong table
CREATE TABLE bad.calls (n serial, call text);
INSERT INTO bad.calls (call) VALUES
	('selfheal.watch(%s)'), ('selfheal.unwatch(%s)'), ('selfheal.vet(%s, ''ALTER TABLE x ADD y text'')'),
	('selfheal.preview(%s, ''{}'')'), ('selfheal.propose(%s, ''ALTER TABLE x ADD y text'', ''why'')'),
	('selfheal.replay(%s)'), ('selfheal.pause(%s)'), ('selfheal.resume(%s)'),
	('selfheal.ingest(%s, ARRAY[''{}''])'), ('selfheal.report_failure(%s, ''{}'', ''22001'', ''m'', NULL)');
CREATE TABLE bad.wrong (n serial, arg text);
INSERT INTO bad.wrong (arg) VALUES ('NULL'), ('4000000000'), ('''pg_class'''), ('''selfheal.audit'''),
	('''bad.a_view'''), ('''bad.seq'''), ('''bad.part'''), ('''temporary''');
\pset format unaligned
\pset tuples_only on
SELECT format(call, arg) || E'\n    ' || bad.try('SELECT ' || format(call, arg))
FROM bad.calls c, bad.wrong w ORDER BY c.n, w.n;
-- a name that is not there
SELECT bad.try('SELECT selfheal.watch(''bad.missing'')');
-- a table that is not watched
SELECT format(call, '''bad.unwatched''') || E'\n    ' || bad.try('SELECT ' || format(call, '''bad.unwatched'''))
FROM bad.calls c WHERE call !~ 'watch\(|vet|preview' OR call ~ 'unwatch' ORDER BY c.n;

-- the other arguments
CREATE TABLE bad.others (n serial, call text);
INSERT INTO bad.others (call) VALUES
	('selfheal.watch(''bad.good'', NULL)'), ('selfheal.watch(''bad.good'', ''sometimes'')'),
	('selfheal.watch(''bad.good'', ''AUTO'')'),
	('selfheal.vet(''bad.good'', NULL)'),
	('selfheal.preview(''bad.good'', NULL)'),
	('selfheal.propose(''bad.good'', NULL, ''why'')'), ('selfheal.propose(''bad.good'', ''ALTER TABLE bad.good ADD b text'', NULL)'),
	('selfheal.dry_run(NULL)'), ('selfheal.dry_run(-1)'), ('selfheal.dry_run(4611686018427387904)'),
	('selfheal.approve(NULL)'), ('selfheal.approve(0)'),
	('selfheal.reject(NULL, ''why'')'), ('selfheal.reject(0, ''why'')'),
	('selfheal.retry(NULL)'), ('selfheal.retry(0)'),
	('selfheal.explain(NULL)'), ('selfheal.explain(0)'),
	('selfheal.discard(NULL, ''why'')'), ('selfheal.discard(0, NULL)'), ('selfheal.discard(0, ''why'')'),
	('selfheal.discard(NULL, ''why'', 1)'), ('selfheal.discard(0, ''why'', 1)'),
	('selfheal.amend(NULL, ''{}'', ''why'')'), ('selfheal.amend(0, NULL, ''why'')'), ('selfheal.amend(0, ''{}'', NULL)'),
	('selfheal.amend(0, ''{}'', ''why'')'),
	('selfheal.ingest(''bad.good'', NULL)'),
	('selfheal.report_failure(''bad.good'', ''{}'', ''oops'', ''m'', NULL)'),
	('selfheal.wait_idle(NULL)'), ('selfheal.wait_idle(''-1s'')'),
	('selfheal.verify_audit(NULL, NULL)'), ('selfheal.verify_audit(1, NULL)'),
	('selfheal.grant_to(NULL, ''viewer'')'), ('selfheal.grant_to(''regress_nobody'', ''viewer'')'),
	('selfheal.grant_to(''regress_stranger'', NULL)'), ('selfheal.grant_to(''regress_stranger'', ''king'')');
SELECT call || E'\n    ' || bad.try('SELECT ' || call) FROM bad.others ORDER BY n;

-- without a privilege on the table: an operator who may not read it
SELECT selfheal.grant_to('regress_stranger', 'admin');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA bad TO regress_stranger;
GRANT SELECT ON bad.calls TO regress_stranger;
SET ROLE regress_stranger;
SELECT format(call, '''bad.good''') || E'\n    ' || bad.try('SELECT ' || format(call, '''bad.good'''))
FROM bad.calls c ORDER BY c.n;
RESET ROLE;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA selfheal FROM regress_stranger;

-- without EXECUTE: nothing of ours is for PUBLIC
SELECT count(*) AS functions_for_public FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'selfheal'::regnamespace AND a.grantee = 0;
SELECT count(*) AS relations_for_public FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relnamespace = 'selfheal'::regnamespace AND a.grantee = 0;

-- trigger functions are not for anything but an intake view
CREATE TABLE bad.plain (payload text);
CREATE TRIGGER t AFTER INSERT ON bad.plain FOR EACH STATEMENT EXECUTE FUNCTION selfheal.intake_flush();
SELECT bad.try('INSERT INTO bad.plain VALUES (''x'')');
CREATE VIEW bad.fake AS SELECT payload FROM bad.plain;
CREATE TRIGGER t INSTEAD OF INSERT ON bad.fake FOR EACH ROW EXECUTE FUNCTION selfheal.intake_row();
SELECT bad.try('INSERT INTO bad.fake VALUES (''{}'')');
DROP VIEW bad.fake;
DROP TABLE bad.plain;

-- nothing was changed by any of it
SELECT bad.fingerprint() = :'before' AS unchanged;
\pset format aligned
\pset tuples_only off
SELECT selfheal.unwatch('bad.good');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SET client_min_messages = warning;
DROP SCHEMA bad CASCADE;
DROP OWNED BY regress_stranger;
DROP ROLE regress_stranger;
