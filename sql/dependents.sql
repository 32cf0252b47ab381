--
-- A change of a column's type that PostgreSQL refuses because of views, rules,
-- triggers, policies, publications and functions: all of them are taken away
-- and made again around it, exactly, or nothing is changed.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set stack :abs_srcdir '/test/lib/dependents.sql'
\set ECHO none
\i :stack
\i :tell
\set ECHO all
SET TimeZone = 'UTC';

-- All that the catalog says of what lies in the schemas, but for oids, files
-- and what ANALYZE found: whole rows, so that nothing is forgotten, and no line
-- of it from selfheal. Types of columns are told by themselves.
CREATE FUNCTION name_of(class regclass, object oid, sub int DEFAULT 0) RETURNS text LANGUAGE sql AS $$
	SELECT type || ' ' || identity FROM pg_identify_object(class, object, sub)
$$;
CREATE FUNCTION relations() RETURNS SETOF oid LANGUAGE sql AS $$
	SELECT oid FROM pg_class WHERE relnamespace IN ('dep'::regnamespace, '"dep; x"'::regnamespace)
$$;
-- A view's text may get and lose casts that follow from a type; privileges that
-- nobody has changed may be written down.
CREATE FUNCTION bare(def text) RETURNS text LANGUAGE sql AS $$
	SELECT translate(regexp_replace(def, '::(character varying|text|bigint|integer|numeric|double precision|real)(\[\])?', '', 'g'), '()', '')
$$;
CREATE FUNCTION snapshot() RETURNS TABLE (what text, is text) LANGUAGE sql AS $$
	SELECT name_of('pg_class', c.oid), (to_jsonb(c) - '{oid,reltype,relfilenode,reltoastrelid,relfrozenxid,relminmxid,relpages,reltuples,relallvisible,relallfrozen,relacl}'::text[])::text
		|| coalesce(relacl, acldefault('r', relowner))::text
	FROM pg_class c WHERE oid IN (SELECT relations())
	UNION ALL SELECT name_of('pg_class', attrelid, attnum), (to_jsonb(a) - '{attrelid,atttypid,atttypmod,attlen,attbyval,attalign,attndims,attoptions,attmissingval,attcacheoff}'::text[]
		- CASE WHEN attstorage IN ('x', 'p', 'm') THEN 'attstorage' ELSE '' END)::text
		|| ARRAY(SELECT o FROM unnest(attoptions) o WHERE o NOT LIKE 'pg\_attver%')::text
	FROM pg_attribute a WHERE attrelid IN (SELECT relations()) AND attnum > 0 AND NOT attisdropped
	UNION ALL SELECT name_of('pg_attrdef', oid), pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid IN (SELECT relations())
	UNION ALL SELECT name_of('pg_class', oid), bare(pg_get_viewdef(oid)) FROM pg_class WHERE oid IN (SELECT relations()) AND relkind IN ('v', 'm')
	UNION ALL SELECT name_of('pg_rewrite', oid), (to_jsonb(r) - '{oid,ev_class,ev_qual,ev_action}'::text[])::text || bare(pg_get_ruledef(oid))
	FROM pg_rewrite r WHERE ev_class IN (SELECT relations())
	UNION ALL SELECT name_of('pg_trigger', oid), (to_jsonb(t) - '{oid,tgrelid,tgparentid,tgconstraint,tgqual}'::text[])::text || pg_get_triggerdef(oid)
	FROM pg_trigger t WHERE tgrelid IN (SELECT relations()) AND NOT tgisinternal
	UNION ALL SELECT name_of('pg_policy', oid), (to_jsonb(p) - '{oid,polrelid,polqual,polwithcheck}'::text[])::text || concat_ws('|', pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
	FROM pg_policy p WHERE polrelid IN (SELECT relations())
	UNION ALL SELECT name_of('pg_publication_rel', oid), (to_jsonb(p) - '{oid,prqual}'::text[])::text || coalesce(pg_get_expr(prqual, prrelid), '')
	FROM pg_publication_rel p WHERE prrelid IN (SELECT relations())
	UNION ALL SELECT name_of('pg_class', indexrelid), (to_jsonb(x) - '{indexrelid,indrelid,indexprs,indpred,indcheckxmin}'::text[])::text || pg_get_indexdef(indexrelid)
	FROM pg_index x WHERE indrelid IN (SELECT relations())
	UNION ALL SELECT name_of('pg_statistic_ext', oid), (to_jsonb(s) - '{oid,stxrelid,stxexprs}'::text[])::text || pg_get_statisticsobjdef(oid)
	FROM pg_statistic_ext s WHERE stxrelid IN (SELECT relations())
	UNION ALL SELECT name_of('pg_proc', oid), (to_jsonb(f) - '{prosqlbody,proargdefaults}'::text[])::text || bare(pg_get_functiondef(oid))
	FROM pg_proc f WHERE pronamespace IN ('dep'::regnamespace, '"dep; x"'::regnamespace)
	UNION ALL SELECT 'comment on ' || o.n, description FROM pg_description, LATERAL name_of(classoid, objoid, objsubid) o(n)
	WHERE (o.n LIKE '%dep%') AND classoid <> 'pg_extension'::regclass
	UNION ALL SELECT 'dependency of ' || a.n, format('%s %s', deptype, b.n) FROM pg_depend, LATERAL name_of(classid, objid, objsubid) a(n), LATERAL name_of(refclassid, refobjid, refobjsubid) b(n)
	WHERE (a.n LIKE '%dep.%' OR a.n LIKE '%dep;%') AND a.n NOT LIKE '%pg_toast%' AND b.n NOT LIKE '%pg_toast%'
	UNION ALL SELECT 'role of ' || a.n, format('%s %s', deptype, refobjid::regrole) FROM pg_shdepend, LATERAL name_of(classid, objid, objsubid) a(n)
	WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND refclassid = 'pg_authid'::regclass AND (a.n LIKE '%dep.%' OR a.n LIKE '%dep;%')
$$;
CREATE FUNCTION types() RETURNS TABLE (col text, type text) LANGUAGE sql AS $$
	SELECT format('%s.%s', attrelid::regclass, attname), format_type(atttypid, atttypmod) FROM pg_attribute
	WHERE attrelid IN (SELECT relations()) AND attnum > 0 AND NOT attisdropped
$$;

SELECT selfheal.watch('sale');
INSERT INTO sale_intake VALUES ('{"id": 3, "code": "a-code-that-is-long", "amount": 12345678.90, "qty": 5000000000}');
:idle
CREATE TEMP TABLE before AS SELECT * FROM snapshot();
CREATE TEMP TABLE types_before AS SELECT * FROM types();
SELECT count(*) > 600 AS much FROM before;
SELECT verdict, policy, forecast -> 'cannot_rebuild' AS cannot,
	reason LIKE 'what depends on the column''s type is taken away and made again in the same transaction: policy "p; select" on dep.sale, %' AS said
FROM selfheal.pending;
SELECT jsonb_array_elements_text(forecast -> 'rebuilt') AS made_again FROM selfheal.pending;
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT id, code, amount, qty FROM sale ORDER BY id;
SELECT state FROM selfheal.plan WHERE relid = 'sale'::regclass ORDER BY id;
-- nothing is other than it was, but for the columns' types
CREATE FUNCTION public.dep_changes() RETURNS TABLE (how text, what text, is text) LANGUAGE sql AS $$
	SELECT 'lost', x.* FROM (TABLE before EXCEPT ALL SELECT * FROM snapshot()) x
	UNION ALL SELECT 'new', x.* FROM (SELECT * FROM snapshot() EXCEPT ALL TABLE before) x ORDER BY 2, 1, 3
$$;
SELECT * FROM dep_changes();
SELECT col, b.type, a.type AS now FROM types_before b FULL JOIN types() a USING (col)
WHERE a.type IS DISTINCT FROM b.type ORDER BY col COLLATE "C";
-- a filled one has the rows of now, the other has still none; the grantees' rights hold
SELECT id, low FROM v08 ORDER BY id;
SELECT relispopulated FROM pg_class WHERE oid = 'v18'::regclass;
SET ROLE dep_ca;
SELECT code FROM v20 ORDER BY code;
RESET ROLE;
INSERT INTO v21 VALUES (9, 'a-code-that-is-long');
SELECT * FROM log;
INSERT INTO v05 (id) VALUES (4);
SELECT id, code, qty FROM sale WHERE id = 4;
SELECT * FROM f_view('one');
-- the record
SELECT count(*) FILTER (WHERE line ~ '^-- made again: .*, sha256 [0-9a-f]{64}$') AS alike,
	count(*) FILTER (WHERE line ~ '^-- made again: .*, sha256 [0-9a-f]{64} -> [0-9a-f]{64}: other casts$') AS casts,
	count(*) FILTER (WHERE line LIKE '-- type: %') AS types,
	count(*) FILTER (WHERE line NOT LIKE '-- %') AS statements
FROM selfheal.audit a, regexp_split_to_table(a.sql_run, E'\n') line WHERE a.event = 'applied' AND a.table_name = 'sale' AND a.schema_name = 'dep';
SELECT schema_hash_before ~ '^[0-9a-f]{64}$' AS before, schema_hash_after ~ '^[0-9a-f]{64}$' AS after, schema_hash_after <> schema_hash_before AS other
FROM selfheal.audit WHERE event = 'applied' AND table_name = 'sale' AND schema_name = 'dep';

-- what cannot be made again exactly is said beforehand, and refuses the plan
CREATE TABLE no (id int PRIMARY KEY, code varchar(8), code2 varchar(8), n int);
CREATE VIEW no_v AS SELECT code FROM no;
CREATE FUNCTION no(OUT verdict text, OUT reason text) LANGUAGE sql AS $$
	SELECT v.verdict, regexp_replace(v.reason, '^PostgreSQL would refuse.*exactly: ', '') FROM selfheal.vet('dep.no', 'ALTER TABLE dep.no ALTER code TYPE varchar(80)') v
$$;
SELECT * FROM no();
BEGIN; ALTER TABLE no ADD g text GENERATED ALWAYS AS (code || 'x') STORED; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE TEMP VIEW no_t AS SELECT * FROM no_v; SELECT regexp_replace(reason, 'pg_temp_\d+', 'pg_temp') FROM no(); ROLLBACK;
BEGIN; ALTER EXTENSION plpgsql ADD VIEW no_v; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE SEQUENCE no_s OWNED BY no_v.code; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE FUNCTION no_f(no_v) RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE TABLE no_r (r no_v); SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE TABLE no_r (r no[]); SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE DOMAIN no_d AS no_v; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE TYPE no_c AS (a no_v); SELECT * FROM no(); ROLLBACK;
BEGIN; REVOKE CREATE ON SCHEMA dep FROM dep_di; ALTER VIEW no_v OWNER TO dep_di; SELECT * FROM no(); ROLLBACK;
BEGIN; COMMENT ON TYPE no_v IS 'x'; SELECT * FROM no(); ROLLBACK;
BEGIN; REVOKE USAGE ON TYPE no_v FROM PUBLIC; SELECT * FROM no(); ROLLBACK;
BEGIN; INSERT INTO pg_seclabel VALUES ('no_v'::regclass, 'pg_class'::regclass, 1, 'x', 'y'); SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE TRIGGER t INSTEAD OF DELETE ON no_v FOR EACH ROW EXECUTE FUNCTION touch(); UPDATE pg_trigger SET tgenabled = 'D' WHERE tgrelid = 'no_v'::regclass; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE RULE r AS ON DELETE TO no_v DO INSTEAD NOTHING; UPDATE pg_rewrite SET ev_enabled = 'A' WHERE ev_class = 'no_v'::regclass AND rulename = 'r'; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE MATERIALIZED VIEW no_m AS SELECT * FROM no_v; CREATE INDEX ON no_m (code); UPDATE pg_index SET indisvalid = false WHERE indrelid = 'no_m'::regclass; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE MATERIALIZED VIEW no_m AS SELECT * FROM no_v; ALTER MATERIALIZED VIEW no_m DEPENDS ON EXTENSION plpgsql; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE MATERIALIZED VIEW no_m AS SELECT * FROM no_v; CREATE INDEX no_i ON no_m (code); ALTER INDEX no_i DEPENDS ON EXTENSION plpgsql; SELECT * FROM no(); ROLLBACK;
BEGIN; ALTER VIEW no_v OWNER TO dep_di; GRANT SELECT ON no TO dep_di; CREATE MATERIALIZED VIEW no_m AS SELECT * FROM no_v; SELECT * FROM no(); ROLLBACK;
BEGIN; ALTER VIEW no_v OWNER TO dep_di; CREATE MATERIALIZED VIEW no_m AS SELECT * FROM no_v WITH NO DATA; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE FUNCTION no_f(text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT $1'; ALTER FUNCTION no_f(text) OWNER TO dep_di; CREATE MATERIALIZED VIEW no_m AS SELECT * FROM no_v; CREATE INDEX ON no_m (no_f(code)); SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE CONSTRAINT TRIGGER c AFTER UPDATE OF code ON no FOR EACH ROW EXECUTE FUNCTION touch(); COMMENT ON CONSTRAINT c ON no IS 'x'; SELECT * FROM no(); ROLLBACK;
BEGIN; SET LOCAL client_min_messages = error; CREATE PUBLICATION no_p FOR TABLE no (id, code); UPDATE pg_publication SET pubowner = 'dep_bo'::regrole WHERE pubname = 'no_p'; SELECT * FROM no(); ROLLBACK;
BEGIN; CREATE FUNCTION no_f() RETURNS text RETURN (SELECT max(code) FROM no); ALTER FUNCTION no_f() DEPENDS ON EXTENSION plpgsql; SELECT * FROM no(); ROLLBACK;
-- and of another column nothing is said
BEGIN; ALTER TABLE no ADD g text GENERATED ALWAYS AS (code2 || 'x') STORED; SELECT * FROM no(); ROLLBACK;

-- what would not be the same when it is made again brings everything back
DROP VIEW no_v;
CREATE FUNCTION pick(int) RETURNS text LANGUAGE sql AS 'SELECT ''of int''';
CREATE FUNCTION pick(bigint) RETURNS text LANGUAGE sql AS 'SELECT ''of bigint''';
CREATE VIEW no_v AS SELECT id, n / 2 AS half, pick(n) FROM no;
CREATE MATERIALIZED VIEW no_m AS SELECT * FROM no_v;
CREATE TRIGGER no_t BEFORE UPDATE OF code2 ON no FOR EACH ROW EXECUTE FUNCTION touch();
SELECT selfheal.watch('no');
TRUNCATE before;
INSERT INTO before SELECT * FROM snapshot();
SELECT 1 FROM selfheal.propose('no', 'ALTER TABLE dep.no ALTER n TYPE bigint', 'larger numbers');
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT state, reason FROM selfheal.plan WHERE relid = 'no'::regclass ORDER BY id DESC LIMIT 1;
SELECT * FROM dep_changes();
DROP VIEW no_v CASCADE;
CREATE VIEW no_v AS SELECT id, to_hex(n) FROM no;
SELECT 1 FROM selfheal.propose('no', 'ALTER TABLE dep.no ALTER n TYPE bigint', 'larger numbers');
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT state, reason FROM selfheal.plan WHERE relid = 'no'::regclass ORDER BY id DESC LIMIT 1;
DROP VIEW no_v;
CREATE TRIGGER no_d BEFORE UPDATE ON no FOR EACH ROW WHEN (new.n / 2 = 1) EXECUTE FUNCTION touch();
SELECT 1 FROM selfheal.propose('no', 'ALTER TABLE dep.no ALTER n TYPE numeric', 'larger numbers');
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT state, reason FROM selfheal.plan WHERE relid = 'no'::regclass ORDER BY id DESC LIMIT 1;
DROP TRIGGER no_d ON no;
CREATE VIEW no_v AS SELECT id, n / 2 AS half FROM no;
TRUNCATE before;
INSERT INTO before SELECT * FROM snapshot();
SELECT 1 FROM selfheal.propose('no', 'ALTER TABLE dep.no ALTER n TYPE numeric', 'larger numbers');
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT state, reason FROM selfheal.plan WHERE relid = 'no'::regclass ORDER BY id DESC LIMIT 1;
SELECT * FROM dep_changes();
-- a trigger whose function its table's owner may not call any more
ALTER TABLE no OWNER TO dep_own;
REVOKE EXECUTE ON FUNCTION touch() FROM PUBLIC;
TRUNCATE before;
INSERT INTO before SELECT * FROM snapshot();
SELECT 1 FROM selfheal.propose('no', 'ALTER TABLE dep.no ALTER code2 TYPE varchar(80)', 'longer');
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT state, reason FROM selfheal.plan WHERE relid = 'no'::regclass ORDER BY id DESC LIMIT 1;
SELECT * FROM dep_changes();
-- a view that is another when the plan is approved: what was rehearsed is void
SELECT 1 FROM selfheal.propose('no', 'ALTER TABLE dep.no ALTER n TYPE bigint', 'larger numbers');
CREATE OR REPLACE VIEW no_v AS SELECT id, n / 3 AS half FROM no;
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT state, reason FROM selfheal.plan WHERE relid = 'no'::regclass ORDER BY id DESC LIMIT 1;

-- somebody's event trigger that meddles with what is made again
CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN COMMENT ON VIEW dep.no_v IS 'meddled'; END $$;
CREATE EVENT TRIGGER dep_meddle ON ddl_command_end WHEN TAG IN ('CREATE VIEW') EXECUTE FUNCTION meddle();
TRUNCATE before;
INSERT INTO before SELECT * FROM snapshot();
SELECT 1 FROM selfheal.propose('no', 'ALTER TABLE dep.no ALTER n TYPE bigint', 'larger numbers');
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT state, reason FROM selfheal.plan WHERE relid = 'no'::regclass ORDER BY id DESC LIMIT 1;
SELECT * FROM dep_changes();
DROP EVENT TRIGGER dep_meddle;

-- another type of the family: casts follow it, and nothing else does
DROP VIEW no_v;
GRANT EXECUTE ON FUNCTION touch() TO PUBLIC;
ALTER TABLE no ADD r real;
CREATE VIEW no_v AS SELECT coalesce(code2, 'none') AS c, CASE WHEN code2 IN ('a', 'b''') THEN code2 ELSE code END AS w, code2 || id AS x, code2 = 'x' AS y,
	nullif(code2, code) AS z, n + 1 AS n, n > 5 AS big, abs(n) AS abs, n::text AS words, r * 2 AS r, r > 0.1 AS some, sum(n) OVER () AS s
FROM no WHERE code2 LIKE 'a%' OR code2 ~ '::text' OR n IN (1, 2, 3) OR r BETWEEN 1 AND n;
TRUNCATE before;
INSERT INTO before SELECT * FROM snapshot();
TRUNCATE types_before;
INSERT INTO types_before SELECT * FROM types();
SELECT 1 FROM selfheal.propose('no', 'ALTER TABLE dep.no ALTER code2 TYPE text, ALTER n TYPE numeric, ALTER r TYPE double precision', 'another family');
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT state FROM selfheal.plan WHERE relid = 'no'::regclass ORDER BY id DESC LIMIT 1;
SELECT * FROM dep_changes();
SELECT col, b.type, a.type AS now FROM types_before b FULL JOIN types() a USING (col)
WHERE a.type IS DISTINCT FROM b.type ORDER BY col COLLATE "C";

-- partitions: a trigger's copies have states of their own, a view stands on one of them
CREATE TABLE parted (id int, k int, code varchar(8)) PARTITION BY LIST (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE TABLE parted_2 PARTITION OF parted FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE parted_21 PARTITION OF parted_2 DEFAULT;
CREATE TRIGGER row_t AFTER UPDATE OF code ON parted FOR EACH ROW EXECUTE FUNCTION touch();
CREATE TRIGGER own_t BEFORE UPDATE ON parted_1 FOR EACH ROW WHEN (new.code <> '') EXECUTE FUNCTION touch();
ALTER TABLE ONLY parted DISABLE TRIGGER row_t;
ALTER TABLE parted_21 ENABLE ALWAYS TRIGGER row_t;
COMMENT ON TRIGGER row_t ON parted_2 IS 'of a copy';
ALTER TRIGGER own_t ON parted_1 DEPENDS ON EXTENSION plpgsql;
CREATE VIEW parted_v AS SELECT a.code, b.code AS code_1 FROM parted a, parted_1 b;
CREATE VIEW parted_w AS SELECT code FROM parted_21;
SELECT selfheal.watch('parted');
INSERT INTO parted_intake VALUES ('{"id": 1, "k": 2, "code": "a-code-that-is-long"}');
:idle
TRUNCATE before;
INSERT INTO before SELECT * FROM snapshot();
SELECT jsonb_array_elements_text(forecast -> 'rebuilt') AS made_again FROM selfheal.pending;
SELECT dry_run -> 'not_covered' AS not_covered FROM selfheal.pending;
SELECT selfheal.approve(plan_id) FROM selfheal.pending;
:idle
SELECT * FROM dep_changes();
TABLE parted;
SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname IN ('row_t', 'own_t') AND tgrelid::regclass::text LIKE 'parted%' ORDER BY 1, 2;

SET client_min_messages = error;
SELECT selfheal.unwatch('parted'), selfheal.unwatch('sale'), selfheal.unwatch('no');
DROP PUBLICATION dep_pub, dep_pub_all;
DROP FUNCTION dep_changes();
DROP SCHEMA dep, "dep; x" CASCADE;
ALTER DEFAULT PRIVILEGES FOR ROLE dep_ca REVOKE ALL ON TABLES FROM dep_load;
ALTER DEFAULT PRIVILEGES FOR ROLE dep_di GRANT ALL ON TABLES TO dep_di;
DROP ROLE dep_own, dep_bo, dep_ca, dep_di, dep_load;
