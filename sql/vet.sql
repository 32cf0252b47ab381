--
-- vet: what may change a table and what may not, and what it would cost
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA vt;
CREATE SCHEMA "We;ird";
SET search_path = vt, public;
SET client_min_messages = notice;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

CREATE TABLE vt.t (
	id integer PRIMARY KEY,
	note varchar(32) NOT NULL,
	free varchar,
	txt text,
	fixed char(4),
	small smallint,
	big bigint,
	amount numeric(8,2),
	num numeric,
	r real,
	at timestamp(3),
	atz timestamptz(3),
	clock time(0),
	span interval(2),
	spanym interval year to month,
	day date,
	doc json,
	name_c name,
	sorted varchar(10) COLLATE "C"
);
CREATE TABLE vt.other (id integer, note varchar(32));
CREATE TABLE "We;ird"."Ta""ble" ("Co""l; DROP TABLE vt.t" varchar(5));

-- what is accepted, in full
SELECT verdict, reason, steps, sql FROM selfheal.vet('vt.t', $$ALTER TABLE vt.t ADD COLUMN extra text$$);
SELECT verdict, reason, steps, sql FROM selfheal.vet('vt.t',
	$$alter table if exists t alter note type varchar(256), add column if not exists "Odd ""name" numeric(12,3) null, alter column note drop not null;$$);
-- hostile names are quoted, and what runs is ours
SELECT verdict, sql FROM selfheal.vet('"We;ird"."Ta""ble"',
	$$ALTER TABLE "We;ird"."Ta""ble" ADD "x int); DROP TABLE vt.t; --" text, ALTER "Co""l; DROP TABLE vt.t" TYPE text$$);
-- a column's own collation is kept
SELECT verdict, sql FROM selfheal.vet('vt.t', $$ALTER TABLE vt.t ALTER sorted TYPE varchar(20)$$);
-- what is true already is left out
SELECT verdict, reason, steps, sql FROM selfheal.vet('vt.t',
	$$ALTER TABLE vt.t ADD COLUMN IF NOT EXISTS txt text, ALTER note TYPE varchar(32), ALTER free DROP NOT NULL$$);

-- one statement, ALTER TABLE, of the closed set
SELECT q, verdict, reason FROM (VALUES
	(1, $$$$), (2, $$  ;;  $$), (3, $$-- only a comment$$),
	(4, $$ALTER TABLE vt.t ADD COLUMN a text; DROP TABLE vt.t$$),
	(5, $$ALTER TABLE vt.t ADD COLUMN a text; ALTER TABLE vt.t ADD COLUMN b text$$),
	(6, $$ALTER TABLE vt.t ADD COLUMN a text /* ; */ ; -- DROP TABLE vt.t$$),
	(7, $$ALTER TABLE vt.t /* ADD COLUMN a text; */ DROP COLUMN note$$),
	(8, $$ALTER TABLE vt.t ADD COLUMN a tex t$$),
	(9, $$ALTER TABLE vt.t ADD COLUMN$$),
	(10, $$'; DROP TABLE vt.t; --$$),
	(11, $q$ALTER TABLE vt.t ADD COLUMN a text DEFAULT $x$; DROP TABLE vt.t; $x$$q$),
	(12, $$SELECT 1$$), (13, $$SELECT pg_terminate_backend(1)$$),
	(14, $$INSERT INTO vt.t VALUES (1)$$), (15, $$UPDATE vt.t SET note = ''$$),
	(16, $$DELETE FROM vt.t$$), (17, $$TRUNCATE vt.t$$), (18, $$DROP TABLE vt.t$$),
	(19, $$CREATE TABLE vt.u ()$$), (20, $$CREATE TABLE vt.u AS SELECT 1$$),
	(21, $$DO 'BEGIN DROP TABLE vt.t; END'$$),
	(22, $$COPY vt.t TO PROGRAM 'id'$$), (23, $$COPY vt.t FROM '/etc/passwd'$$),
	(24, $$GRANT ALL ON vt.t TO public$$), (25, $$REVOKE ALL ON vt.t FROM public$$),
	(26, $$BEGIN$$), (27, $$COMMIT$$), (28, $$ROLLBACK$$), (29, $$SAVEPOINT a$$),
	(30, $$PREPARE TRANSACTION 'x'$$), (31, $$SET search_path = pg_catalog$$),
	(32, $$SET ROLE postgres$$), (33, $$RESET ALL$$), (34, $$LOCK TABLE vt.t$$),
	(35, $$VACUUM FULL vt.t$$), (36, $$CLUSTER vt.t$$), (37, $$REINDEX TABLE vt.t$$),
	(38, $$CREATE INDEX ON vt.t (note)$$), (39, $$CREATE RULE r AS ON INSERT TO vt.t DO INSTEAD NOTHING$$),
	(40, $$CREATE TRIGGER x BEFORE INSERT ON vt.t EXECUTE FUNCTION f()$$),
	(41, $$CREATE POLICY p ON vt.t$$), (42, $$COMMENT ON TABLE vt.t IS 'x'$$),
	(43, $$EXPLAIN ANALYZE DELETE FROM vt.t$$), (44, $$CALL f()$$),
	(45, $$LOAD '/tmp/x.so'$$), (46, $$CREATE EXTENSION plpython3u$$),
	(47, $$ALTER SYSTEM SET fsync = off$$), (48, $$ALTER ROLE postgres NOSUPERUSER$$),
	(49, $$ALTER TYPE vt.t ADD ATTRIBUTE a text$$), (50, $$ALTER VIEW vt.t ALTER a SET DEFAULT 1$$),
	(51, $$ALTER INDEX vt.t_pkey SET (fillfactor = 50)$$), (52, $$ALTER SEQUENCE vt.s AS bigint$$),
	(53, $$ALTER FOREIGN TABLE vt.t ADD COLUMN a text$$), (54, $$ALTER MATERIALIZED VIEW vt.t SET (fillfactor = 50)$$),
	(55, $$ALTER TABLE vt.t RENAME TO t2$$), (56, $$ALTER TABLE vt.t RENAME note TO n$$),
	(57, $$ALTER TABLE vt.t RENAME CONSTRAINT t_pkey TO k$$), (58, $$ALTER TABLE vt.t SET SCHEMA public$$),
	(59, $$ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE x$$),
	(60, $$ALTER TABLE vt.t DEPENDS ON EXTENSION x$$),
	(61, $$NOTIFY x$$), (62, $$LISTEN x$$), (63, $$DISCARD ALL$$), (64, $$CHECKPOINT$$),
	(65, $$EXECUTE p$$), (66, $$PREPARE p AS SELECT 1$$), (67, $$DECLARE c CURSOR FOR SELECT 1$$),
	(68, $$MERGE INTO vt.t USING vt.other o ON t.id = o.id WHEN MATCHED THEN DELETE$$),
	(69, $$IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z$$), (70, $$SECURITY LABEL ON TABLE vt.t IS 'x'$$)
) s(n, q), LATERAL selfheal.vet('vt.t', q) ORDER BY n;

-- every other form of ALTER TABLE
SELECT q, verdict, reason FROM (VALUES
	(1, 'DROP COLUMN note'), (2, 'DROP COLUMN IF EXISTS nope'), (3, 'DROP COLUMN note CASCADE'),
	(4, 'DROP COLUMN note, ADD COLUMN note text'), (5, 'ADD COLUMN a text, DROP COLUMN note'),
	(6, 'ALTER note SET DEFAULT ''x'''), (7, 'ALTER note SET DEFAULT pg_sleep(1)::text'),
	(8, 'ALTER note DROP DEFAULT'), (9, 'ALTER note SET NOT NULL'),
	(10, 'ALTER note SET STATISTICS 1000'), (11, 'ALTER note SET (n_distinct = 5)'),
	(12, 'ALTER note RESET (n_distinct)'), (13, 'ALTER note SET STORAGE PLAIN'),
	(14, 'ALTER note SET COMPRESSION pglz'), (15, 'ALTER note DROP EXPRESSION'),
	(16, 'ALTER id ADD GENERATED ALWAYS AS IDENTITY'), (17, 'ALTER id SET GENERATED ALWAYS'),
	(18, 'ALTER id DROP IDENTITY'), (19, 'ADD CONSTRAINT c CHECK (note <> '''')'),
	(20, 'ADD CONSTRAINT c CHECK (note <> '''') NOT VALID'), (21, 'ADD UNIQUE (note)'),
	(22, 'ADD PRIMARY KEY (note)'), (23, 'ADD CONSTRAINT c PRIMARY KEY USING INDEX i'),
	(24, 'ADD FOREIGN KEY (id) REFERENCES vt.other'), (25, 'ADD EXCLUDE (note WITH =)'),
	(26, 'ALTER CONSTRAINT c DEFERRABLE'), (27, 'VALIDATE CONSTRAINT c'),
	(28, 'DROP CONSTRAINT t_pkey'), (29, 'DROP CONSTRAINT IF EXISTS t_pkey CASCADE'),
	(30, 'DISABLE TRIGGER ALL'), (31, 'DISABLE TRIGGER USER'), (32, 'DISABLE TRIGGER x'),
	(33, 'ENABLE TRIGGER x'), (34, 'ENABLE REPLICA TRIGGER x'), (35, 'ENABLE ALWAYS TRIGGER x'),
	(36, 'DISABLE RULE x'), (37, 'ENABLE RULE x'), (38, 'ENABLE ROW LEVEL SECURITY'),
	(39, 'DISABLE ROW LEVEL SECURITY'), (40, 'FORCE ROW LEVEL SECURITY'), (41, 'NO FORCE ROW LEVEL SECURITY'),
	(42, 'CLUSTER ON t_pkey'), (43, 'SET WITHOUT CLUSTER'), (44, 'SET WITHOUT OIDS'),
	(45, 'SET TABLESPACE pg_global'), (46, 'SET LOGGED'), (47, 'SET UNLOGGED'),
	(48, 'SET ACCESS METHOD heap'), (49, 'SET (fillfactor = 10)'), (50, 'RESET (fillfactor)'),
	(51, 'INHERIT vt.other'), (52, 'NO INHERIT vt.other'), (53, 'OF vt.other'), (54, 'NOT OF'),
	(55, 'OWNER TO postgres'), (56, 'OWNER TO CURRENT_USER'), (57, 'REPLICA IDENTITY FULL'),
	(58, 'ATTACH PARTITION vt.other DEFAULT'), (59, 'DETACH PARTITION vt.other'),
	(60, 'DETACH PARTITION vt.other CONCURRENTLY'), (61, 'OPTIONS (a ''b'')')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.t ' || c) x(q), LATERAL selfheal.vet('vt.t', q) ORDER BY n;

-- another relation, and names that look alike
CREATE TABLE public.t (id integer);
CREATE VIEW vt.v AS SELECT 1 AS id;
SELECT q, verdict, reason FROM (VALUES
	(1, $$ALTER TABLE vt.other ADD COLUMN a text$$), (2, $$ALTER TABLE public.t ADD COLUMN a text$$),
	(3, $$ALTER TABLE vt."T" ADD COLUMN a text$$), (4, $$ALTER TABLE vt."t " ADD COLUMN a text$$),
	(5, $$ALTER TABLE VT.T ADD COLUMN a text$$), (6, $$ALTER TABLE "vt.t" ADD COLUMN a text$$),
	(7, $$ALTER TABLE nope.t ADD COLUMN a text$$), (8, $$ALTER TABLE otherdb.vt.t ADD COLUMN a text$$),
	(9, $$ALTER TABLE a.b.c.t ADD COLUMN a text$$), (10, $$ALTER TABLE pg_class ADD COLUMN a text$$),
	(11, $$ALTER TABLE selfheal.plan ADD COLUMN a text$$), (12, $$ALTER TABLE vt.v ADD COLUMN a text$$),
	(13, $$ALTER TABLE ONLY vt.t ADD COLUMN a text$$), (14, $$ALTER TABLE vt.t * ADD COLUMN a text$$)
) s(n, q), LATERAL selfheal.vet('vt.t', q) ORDER BY n;
-- an unqualified name means what it means to the caller
SET search_path = public, vt;
SELECT verdict, reason FROM selfheal.vet('vt.t', 'ALTER TABLE t ADD COLUMN a text');
SET search_path = vt, public;
SELECT verdict, reason FROM selfheal.vet('vt.t', 'ALTER TABLE t ADD COLUMN a text');
CREATE TEMP TABLE t (id integer);
SELECT verdict, reason FROM selfheal.vet('vt.t', 'ALTER TABLE t ADD COLUMN a text');
DROP TABLE pg_temp.t;

-- a new column is a name and a type
CREATE DOMAIN vt.posint AS integer CHECK (value > 0);
CREATE TYPE vt.mood AS ENUM ('ok');
SELECT q, verdict, coalesce(sql, reason) FROM (VALUES
	(1, 'a boolean'), (2, 'a smallint'), (3, 'a int'), (4, 'a int8'), (5, 'a numeric'), (6, 'a decimal(12,4)'),
	(7, 'a double precision'), (8, 'a text'), (9, 'a varchar'), (10, 'a varchar(77)'), (11, 'a date'),
	(12, 'a timestamp'), (13, 'a timestamp(3)'), (14, 'a timestamptz'), (15, 'a time'), (16, 'a uuid'),
	(17, 'a jsonb'), (18, 'a inet'), (19, 'a bytea'), (20, 'a text NULL'), (21, 'a text COLLATE "default"'),
	(22, 'a pg_catalog.int4'), (23, 'a "int4"'),
	(30, 'a real'), (31, 'a float(3)'), (32, 'a char'), (33, 'a char(3)'), (34, 'a json'), (35, 'a money'),
	(36, 'a xml'), (37, 'a oid'), (38, 'a regclass'), (39, 'a "char"'), (40, 'a name'), (41, 'a point'),
	(42, 'a timetz'), (43, 'a interval'), (44, 'a bit(8)'), (45, 'a tsvector'), (46, 'a int4range'),
	(47, 'a text[]'), (48, 'a int[3][3]'), (49, 'a int ARRAY'), (50, 'a _int4'), (51, 'a SETOF int'),
	(52, 'a serial'), (53, 'a bigserial'), (54, 'a vt.posint'), (55, 'a vt.mood'), (56, 'a vt.other'),
	(57, 'a nope'), (58, 'a information_schema.sql_identifier'), (59, 'a cstring'), (60, 'a anyelement'),
	(61, 'a record'), (62, 'a void'), (63, 'a numeric(3,-2)'), (64, 'a numeric(2,5)'), (65, 'a numeric(1001)'),
	(66, 'a varchar(0)'), (67, 'a varchar(99999999)'), (68, 'a varchar(now())'), (69, 'a varchar((SELECT 1))'),
	(70, 'a text NOT NULL'), (71, 'a int DEFAULT 1'), (72, 'a timestamptz DEFAULT now()'),
	(73, 'a text DEFAULT pg_read_file(''/etc/passwd'')'), (74, 'a int NOT NULL DEFAULT 0'),
	(75, 'a int CHECK (a > 0)'), (76, 'a int UNIQUE'), (77, 'a int PRIMARY KEY'),
	(78, 'a int REFERENCES vt.other'), (79, 'a int GENERATED ALWAYS AS IDENTITY'),
	(80, 'a int GENERATED ALWAYS AS (id + 1) STORED'), (81, 'a text COLLATE "C"'),
	(82, 'a text COMPRESSION pglz'), (83, 'a text OPTIONS (x ''y'')'),
	(84, 'a int CONSTRAINT x NOT NULL'), (85, 'a int NULL NOT NULL'), (86, 'a int UNIQUE DEFERRABLE'),
	(87, 'note text'), (88, 'IF NOT EXISTS note text'), (89, 'txt text'), (90, 'ctid text'), (91, 'xmin text'),
	(92, 'TableOID text'), (93, '"" text'),
	(94, repeat('x', 63) || ' text'),
	(99, 'U&"' || repeat('x', 10) || '" text'), (100, 'U&"' || repeat('x', 62) || '" text'),
	(101, 'a text, ADD a text'), (102, 'a text, ADD a int'), (103, 'a text, ALTER a DROP NOT NULL'),
	(104, 'a text, ALTER a TYPE varchar(10)'), (105, '"A" text, ADD a text')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.t ADD ' || c) x(q), LATERAL selfheal.vet('vt.t', q) ORDER BY n;
-- a name that PostgreSQL would cut is refused, not cut (the NOTICE is its parser's)
SET client_min_messages = warning;
SELECT length(q), verdict, reason FROM (VALUES
	(1, repeat('x', 64)), (2, repeat('x', 100)), (3, '"' || repeat('x', 64) || '"'),
	(4, '"' || repeat('""', 64) || '"'), (5, '"' || repeat('""', 63) || '"')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.t ADD ' || c || ' text') x(q), LATERAL selfheal.vet('vt.t', q) ORDER BY n;
SET client_min_messages = notice;
-- a type that only has a built-in type's name
CREATE DOMAIN vt.text AS pg_catalog.text CHECK (value <> 'boom');
SET search_path = vt, pg_catalog, public;
SELECT verdict, reason FROM selfheal.vet('vt.t', 'ALTER TABLE vt.t ADD a text');
SELECT verdict, sql FROM selfheal.vet('vt.t', 'ALTER TABLE vt.t ADD a pg_catalog.text');
SET search_path = vt, public;
DROP DOMAIN vt.text;

-- a widening loses nothing; anything else is none
SELECT q, verdict, coalesce(sql, reason) FROM (VALUES
	(1, 'note TYPE varchar(33)'), (2, 'note TYPE text'), (3, 'note TYPE varchar'), (4, 'note SET DATA TYPE varchar(64)'),
	(5, 'free TYPE text'), (6, 'id TYPE bigint'), (7, 'id TYPE numeric'), (8, 'id TYPE numeric(10)'), (9, 'small TYPE int'),
	(10, 'small TYPE bigint'), (11, 'small TYPE numeric(7,2)'), (12, 'big TYPE numeric'), (13, 'amount TYPE numeric(10,2)'),
	(14, 'amount TYPE numeric(12,4)'), (15, 'amount TYPE numeric'), (16, 'r TYPE float8'), (17, 'at TYPE timestamp'),
	(18, 'at TYPE timestamp(6)'), (19, 'atz TYPE timestamptz(5)'), (20, 'clock TYPE time(3)'), (21, 'span TYPE interval'),
	(22, 'span TYPE interval(5)'),
	(30, 'note TYPE varchar(31)'), (31, 'note TYPE varchar(1)'), (32, 'note TYPE char(64)'), (33, 'note TYPE int'),
	(34, 'note TYPE jsonb'), (35, 'note TYPE bytea'), (36, 'note TYPE name'), (37, 'free TYPE varchar(10000)'),
	(38, 'txt TYPE varchar'), (39, 'txt TYPE varchar(9999)'), (40, 'txt TYPE jsonb'), (41, 'fixed TYPE char(8)'),
	(42, 'fixed TYPE text'), (43, 'fixed TYPE varchar(8)'), (44, 'id TYPE smallint'), (45, 'id TYPE text'),
	(46, 'id TYPE numeric(9)'), (47, 'id TYPE numeric(11,2)'), (48, 'id TYPE real'), (49, 'id TYPE float8'),
	(50, 'id TYPE boolean'), (51, 'id TYPE oid'), (52, 'big TYPE int'), (53, 'big TYPE numeric(18)'), (54, 'amount TYPE numeric(9,3)'),
	(55, 'amount TYPE numeric(10,1)'), (56, 'amount TYPE numeric(7,2)'), (57, 'amount TYPE float8'), (58, 'amount TYPE money'),
	(59, 'amount TYPE int'), (60, 'num TYPE numeric(1000,500)'), (61, 'r TYPE numeric'), (62, 'at TYPE timestamptz'),
	(63, 'atz TYPE timestamp'), (64, 'at TYPE timestamp(2)'), (65, 'at TYPE date'), (66, 'day TYPE timestamp'),
	(67, 'span TYPE interval year to month'), (68, 'spanym TYPE interval'), (69, 'doc TYPE jsonb'), (70, 'doc TYPE text'),
	(71, 'name_c TYPE text'), (72, 'clock TYPE timetz'), (73, 'note TYPE vt.posint'), (74, 'note TYPE text[]'),
	(80, 'note TYPE varchar(64) USING note'), (81, 'note TYPE varchar(64) USING upper(note)'),
	(82, 'note TYPE text USING pg_read_file(note)'), (83, 'note TYPE text COLLATE "C"'),
	(84, 'note TYPE text COLLATE "default"'), (85, 'nope TYPE text'), (86, 'ctid TYPE text'),
	(87, 'note TYPE text, ALTER note TYPE varchar(64)'), (88, 'note TYPE varchar(32)'),
	(89, 'note TYPE varchar(64), ALTER note DROP NOT NULL')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.t ALTER ' || c) x(q), LATERAL selfheal.vet('vt.t', q) ORDER BY n;

-- DROP NOT NULL
CREATE TABLE vt.nn (
	id integer PRIMARY KEY, a integer NOT NULL, b integer NOT NULL UNIQUE,
	c integer GENERATED ALWAYS AS IDENTITY, d integer NOT NULL DEFAULT 1, e integer
);
ALTER TABLE vt.nn REPLICA IDENTITY USING INDEX nn_b_key;
SELECT q, verdict, reason FROM (VALUES
	(1, 'a'), (2, 'd'), (3, 'id'), (4, 'b'), (5, 'c'), (6, 'e'), (7, 'nope'), (8, 'xmax'), (9, 'a DROP NOT NULL, ALTER a')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.nn ALTER ' || c || ' DROP NOT NULL') x(q), LATERAL selfheal.vet('vt.nn', q) ORDER BY n;

-- tables that no plan may change
CREATE TABLE vt.parted (id integer, note varchar(8) NOT NULL, k varchar(8) NOT NULL) PARTITION BY LIST (k);
CREATE TABLE vt.part1 PARTITION OF vt.parted FOR VALUES IN ('a');
CREATE TABLE vt.part2 PARTITION OF vt.parted FOR VALUES IN ('b') PARTITION BY RANGE (id);
CREATE TABLE vt.part21 PARTITION OF vt.part2 FOR VALUES FROM (1) TO (9);
CREATE TABLE vt.parent (id integer, note varchar(8));
CREATE TABLE vt.child (own text) INHERITS (vt.parent);
CREATE TABLE vt.parent2 (id integer);
SET client_min_messages = warning;
CREATE TABLE vt.child2 () INHERITS (vt.parent, vt.parent2);
SET client_min_messages = notice;
CREATE TYPE vt.pair AS (a integer, b varchar(8));
CREATE TABLE vt.typed OF vt.pair;
CREATE UNLOGGED TABLE vt.unlogged (a varchar(8));
CREATE TABLE vt.dom (a vt.posint, g integer GENERATED ALWAYS AS (1) STORED, i integer GENERATED ALWAYS AS IDENTITY);
SELECT q, verdict, coalesce(sql, reason) FROM (VALUES
	(1, 'vt.parted', 'ADD a text'), (2, 'vt.parted', 'ALTER note TYPE text'), (3, 'vt.parted', 'ALTER k TYPE text'),
	(4, 'vt.parted', 'ALTER k DROP NOT NULL'), (5, 'vt.parted', 'ALTER id TYPE bigint'), (6, 'vt.parted', 'ALTER note DROP NOT NULL'),
	(9, 'vt.parent', 'ADD a text'),
	(10, 'vt.child', 'ADD a text'), (11, 'vt.child', 'ALTER note TYPE text'), (12, 'vt.typed', 'ADD a text'),
	(13, 'vt.unlogged', 'ALTER a TYPE text'), (14, 'vt.dom', 'ALTER a TYPE bigint'), (15, 'vt.dom', 'ALTER g TYPE bigint'),
	(16, 'vt.dom', 'ALTER i TYPE bigint'), (17, 'vt.dom', 'ALTER i TYPE numeric')
) s(n, r, c), LATERAL (SELECT 'ALTER TABLE ' || r || ' ' || c) x(q), LATERAL selfheal.vet(r::regclass, q) ORDER BY n;
ALTER TABLE vt.child2 NO INHERIT vt.parent2;
SELECT q, verdict, coalesce(sql, reason) FROM (VALUES
	(1, 'ALTER TABLE vt.parent ADD a text'), (2, 'ALTER TABLE vt.parent ADD own text'),
	(3, 'ALTER TABLE ONLY vt.parent ADD a text'), (4, 'ALTER TABLE ONLY vt.parent ALTER note TYPE text'),
	(5, 'ALTER TABLE vt.parent ALTER note TYPE text')
) s(n, q), LATERAL selfheal.vet('vt.parent', q) ORDER BY n;
SELECT selfheal.vet('vt.v', 'ALTER TABLE vt.v ADD a text');
SELECT selfheal.vet('pg_catalog.pg_class', 'ALTER TABLE pg_class ADD a text');
SELECT selfheal.vet('selfheal.plan', 'ALTER TABLE selfheal.plan ADD a text');
SELECT selfheal.vet('vt.part1', 'ALTER TABLE vt.part1 ADD a text');

-- dependents: PostgreSQL would refuse; a person is asked where they can be made
-- again exactly (sql/dependents.sql), else we refuse too, and say why
CREATE TABLE vt.dep (
	id integer PRIMARY KEY, v varchar(8), g text GENERATED ALWAYS AS (v || 'x') STORED,
	w varchar(8), tr varchar(8), p varchar(8), f varchar(8), whole varchar(8), ok varchar(8)
);
CREATE VIEW vt.view_w AS SELECT w FROM vt.dep;
CREATE MATERIALIZED VIEW vt.mat_w AS SELECT w FROM vt.dep;
CREATE FUNCTION vt.trg() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
CREATE TRIGGER of_tr BEFORE UPDATE OF tr ON vt.dep FOR EACH ROW EXECUTE FUNCTION vt.trg();
CREATE TRIGGER when_tr BEFORE INSERT ON vt.dep FOR EACH ROW WHEN (new.tr <> '') EXECUTE FUNCTION vt.trg();
CREATE POLICY pol ON vt.dep USING (p = current_user);
CREATE FUNCTION vt.fn() RETURNS bigint BEGIN ATOMIC SELECT count(f) FROM vt.dep; END;
CREATE VIEW vt.view_all AS SELECT dep FROM vt.dep;
SELECT q, verdict, reason FROM (VALUES (1, 'v'), (2, 'w'), (3, 'tr'), (4, 'p'), (5, 'f'), (6, 'ok')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.dep ALTER ' || c || ' TYPE text') x(q), LATERAL selfheal.vet('vt.dep', q) ORDER BY n;
SELECT verdict, reason FROM selfheal.vet('vt.dep', 'ALTER TABLE vt.dep ADD a text');
CREATE TABLE vt.uses_row (r vt.dep[]);
SELECT verdict, reason FROM selfheal.vet('vt.dep', 'ALTER TABLE vt.dep ALTER ok TYPE text');
DROP TABLE vt.uses_row;

-- foreign keys lock the other table too, and a numeric cannot refer to an integer
CREATE TABLE vt.ref (id integer PRIMARY KEY, note varchar(8) UNIQUE);
CREATE TABLE vt.refd (id integer PRIMARY KEY, ref integer REFERENCES vt.ref, note varchar(8) REFERENCES vt.ref (note));
SELECT q, verdict, reason, forecast -> 'also_locks' FROM (VALUES
	(1, 'vt.refd', 'ALTER note TYPE text'), (2, 'vt.ref', 'ALTER note TYPE text'), (3, 'vt.refd', 'ALTER ref TYPE bigint'),
	(4, 'vt.refd', 'ALTER ref TYPE numeric'), (5, 'vt.ref', 'ALTER id TYPE numeric'), (6, 'vt.refd', 'ADD a text')
) s(n, r, c), LATERAL (SELECT 'ALTER TABLE ' || r || ' ' || c) x(q), LATERAL selfheal.vet(r::regclass, q) ORDER BY n;

-- publications
SET client_min_messages = error;
CREATE PUBLICATION vt_pub FOR TABLE vt.other;
CREATE PUBLICATION vt_schema FOR TABLES IN SCHEMA "We;ird";
SET client_min_messages = notice;
SELECT verdict, reason FROM selfheal.vet('vt.other', 'ALTER TABLE vt.other ADD a text');
SELECT verdict, reason FROM selfheal.vet('"We;ird"."Ta""ble"', 'ALTER TABLE "We;ird"."Ta""ble" ADD a text');
DROP PUBLICATION vt_pub, vt_schema;

-- the forecast against what PostgreSQL does: heap rewritten, indexes built
-- anew, heap read. The change is made and rolled back.
CREATE FUNCTION vt.measure(rel regclass, change text, OUT as_forecast text, OUT forecast text, OUT measured text)
LANGUAGE plpgsql AS $f$
DECLARE
	v record;
	heap_before oid[];
	heap_after oid[];
	index_before text[];
	index_after text[];
	scans bigint;
	built text;
BEGIN
	SELECT * INTO v FROM selfheal.vet(rel, 'ALTER TABLE ' || rel || ' ' || change);
	IF v.sql IS NULL THEN
		as_forecast := v.verdict;
		forecast := v.reason;
		RETURN;
	END IF;
	CREATE TEMP TABLE members AS
		SELECT relid::oid AS oid FROM pg_partition_tree(rel) UNION SELECT rel::oid
		UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = rel;
	SELECT array_agg(c.relfilenode ORDER BY c.oid) INTO heap_before
		FROM pg_class c JOIN members m USING (oid) WHERE relkind = 'r';
	SELECT array_agg(c.oid::regclass || '=' || c.relfilenode) INTO index_before
		FROM pg_class c JOIN pg_index i ON c.oid = i.indexrelid JOIN members m ON m.oid = i.indrelid WHERE relkind = 'i';
	SELECT sum(pg_stat_get_xact_numscans(oid)) INTO scans FROM members;
	BEGIN
		EXECUTE v.sql;
		SELECT array_agg(c.relfilenode ORDER BY c.oid) INTO heap_after
			FROM pg_class c JOIN members m USING (oid) WHERE relkind = 'r';
		SELECT array_agg(c.oid::regclass || '=' || c.relfilenode) INTO index_after
			FROM pg_class c JOIN pg_index i ON c.oid = i.indexrelid JOIN members m ON m.oid = i.indrelid WHERE relkind = 'i';
		SELECT sum(pg_stat_get_xact_numscans(oid)) - scans INTO scans FROM members;
		RAISE EXCEPTION USING ERRCODE = 'SH001';
	EXCEPTION
		WHEN SQLSTATE 'SH001' THEN NULL;
	END;
	DROP TABLE members;
	SELECT string_agg(split_part(i, '=', 1), ', ' ORDER BY i COLLATE "C") INTO built
		FROM unnest(index_after) i WHERE i <> ALL (index_before);
	measured := format('rewrite=%s read=%s indexes=%s', heap_before <> heap_after, scans > 0, coalesce(built, ''));
	SELECT string_agg(i, ', ' ORDER BY i COLLATE "C") INTO built FROM jsonb_array_elements_text(v.forecast -> 'indexes') i;
	forecast := format('rewrite=%s read=%s indexes=%s', CASE WHEN v.forecast -> 'rewrite' = 'true' THEN 't' ELSE 'f' END,
		CASE WHEN v.forecast -> 'rewrite' = 'true' OR v.forecast -> 'scan' = 'true' OR built IS NOT NULL THEN 't' ELSE 'f' END,
		replace(coalesce(built, ''), 'vt.', ''));
	as_forecast := CASE WHEN measured = forecast THEN 'as forecast' ELSE 'OTHERWISE' END;
END $f$;

CREATE TABLE vt.m (
	id integer PRIMARY KEY, plain varchar(8), keyed varchar(8) UNIQUE, lowered varchar(8), part varchar(8), pred varchar(8),
	checked varchar(8), unchecked varchar(8), inc varchar(8), pat varchar(8), gin varchar(8), excl varchar(8),
	small smallint, n numeric(8,2), nc numeric(8,2) CHECK (nc > 0), r real, ts timestamp(3), tz timestamptz(3),
	tm time(0), iv interval(2), coll varchar(8) COLLATE "C", nn varchar(8) NOT NULL DEFAULT '', st varchar(8),
	EXCLUDE (excl WITH =) WHERE (id > 5)
);
CREATE INDEX m_lowered ON vt.m (lower(lowered));
CREATE INDEX m_part ON vt.m (part) WHERE id > 5;
CREATE INDEX m_pred ON vt.m (id) WHERE pred <> 'x';
CREATE INDEX m_inc ON vt.m (id) INCLUDE (inc);
CREATE INDEX m_pat ON vt.m (pat varchar_pattern_ops);
CREATE INDEX m_gin ON vt.m USING gin (to_tsvector('simple', gin));
CREATE INDEX m_coll ON vt.m (coll);
CREATE STATISTICS vt.m_st ON st, id FROM vt.m;
ALTER TABLE vt.m ADD CONSTRAINT checked CHECK (length(checked) < 9), ADD CONSTRAINT unchecked CHECK (length(unchecked) < 9) NOT VALID;
INSERT INTO vt.m (id, plain, keyed, lowered, part, pred, checked, excl, small, n, nc, r)
	SELECT i, i, i, i, i, i, i, i, i, i, i, i FROM generate_series(1, 100) i;
SELECT c, as_forecast, measured, CASE WHEN as_forecast <> 'as forecast' THEN forecast END FROM (VALUES
	(1, 'ADD a text'), (2, 'ADD a varchar(9), ADD b numeric(9,2), ADD c jsonb'), (3, 'ALTER nn DROP NOT NULL'),
	(4, 'ALTER plain TYPE varchar(9)'), (5, 'ALTER plain TYPE text'), (6, 'ALTER plain TYPE varchar'),
	(7, 'ALTER keyed TYPE varchar(9)'), (8, 'ALTER keyed TYPE text'), (9, 'ALTER lowered TYPE varchar(9)'),
	(10, 'ALTER lowered TYPE text'), (11, 'ALTER part TYPE varchar(9)'), (12, 'ALTER pred TYPE varchar(9)'),
	(13, 'ALTER checked TYPE varchar(9)'), (14, 'ALTER checked TYPE text'), (15, 'ALTER unchecked TYPE varchar(9)'),
	(16, 'ALTER inc TYPE text'), (17, 'ALTER pat TYPE varchar(9)'), (18, 'ALTER pat TYPE text'), (19, 'ALTER gin TYPE varchar(9)'),
	(20, 'ALTER excl TYPE varchar(9)'), (21, 'ALTER coll TYPE varchar(9)'), (22, 'ALTER coll TYPE text'),
	(23, 'ALTER st TYPE text'), (24, 'ALTER n TYPE numeric(9,2)'), (25, 'ALTER n TYPE numeric'), (26, 'ALTER n TYPE numeric(9,3)'),
	(27, 'ALTER nc TYPE numeric(9,2)'), (28, 'ALTER ts TYPE timestamp'), (29, 'ALTER ts TYPE timestamp(5)'),
	(30, 'ALTER tz TYPE timestamptz'), (31, 'ALTER tm TYPE time'), (32, 'ALTER iv TYPE interval'), (33, 'ALTER iv TYPE interval(4)'),
	(34, 'ALTER small TYPE integer'), (35, 'ALTER id TYPE bigint'), (36, 'ALTER small TYPE numeric'), (37, 'ALTER r TYPE float8'),
	(38, 'ADD a text, ALTER plain TYPE varchar(9), ALTER lowered TYPE text, ALTER checked TYPE text, ALTER nn DROP NOT NULL'),
	(39, 'ADD a text, ALTER lowered TYPE text, ALTER id TYPE bigint')
) s(n, c), LATERAL vt.measure('vt.m', c) ORDER BY n;
-- partitions and children: the sum of all
CREATE INDEX ON vt.parted (lower(note));
CREATE INDEX part1_own ON vt.part1 (upper(note));
ALTER TABLE vt.child ADD CHECK (length(note) < 99);
SELECT r, c, as_forecast, measured, CASE WHEN as_forecast <> 'as forecast' THEN forecast END FROM (VALUES
	(1, 'vt.parted', 'ADD a text'), (2, 'vt.parted', 'ALTER note TYPE text'), (3, 'vt.parent', 'ALTER note TYPE text'),
	(4, 'vt.parent', 'ALTER id TYPE bigint'), (5, 'vt.refd', 'ALTER note TYPE text'), (6, 'vt.ref', 'ALTER note TYPE text'),
	(7, 'vt.refd', 'ALTER ref TYPE bigint'), (8, 'vt.refd', 'ALTER id TYPE bigint')
) s(n, r, c), LATERAL vt.measure(r::regclass, c) ORDER BY n;

-- size decides between auto and review
INSERT INTO vt.m (id, plain) SELECT i, i FROM generate_series(101, 2000) i;
SET selfheal.auto_rewrite_limit = '8kB';
SELECT c, verdict, regexp_replace(reason, '\d+ kB', 'N kB') FROM (VALUES
	(1, 'ALTER plain TYPE text'), (2, 'ALTER id TYPE bigint'), (3, 'ALTER checked TYPE text'), (4, 'ALTER lowered TYPE text')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.m ' || c) x(q), LATERAL selfheal.vet('vt.m', q) ORDER BY n;
RESET selfheal.auto_rewrite_limit;
SELECT c, verdict, regexp_replace(reason, '\d+ kB', 'N kB') FROM (VALUES
	(2, 'ALTER id TYPE bigint'), (3, 'ALTER checked TYPE text'), (4, 'ALTER lowered TYPE text'), (5, 'ALTER r TYPE float8')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.m ' || c) x(q), LATERAL selfheal.vet('vt.m', q) ORDER BY n;

-- the table's mode, and the rule's place before all others but a refusal
CREATE TABLE vt.w (id integer, v varchar(8), g text GENERATED ALWAYS AS (v) STORED, n integer NOT NULL);
SELECT selfheal.watch('vt.w', 'propose');
SELECT c, verdict, reason FROM (VALUES
	(1, 'ADD a text'), (2, 'ALTER n TYPE bigint'), (3, 'ALTER n DROP NOT NULL'), (4, 'ALTER v TYPE text'), (5, 'ADD id integer')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.w ' || c) x(q), LATERAL selfheal.vet('vt.w', q) ORDER BY n;
SELECT selfheal.watch('vt.w', 'observe');
SELECT c, verdict, reason FROM (VALUES
	(1, 'ADD a text'), (2, 'ALTER n TYPE bigint'), (3, 'ADD id integer')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.w ' || c) x(q), LATERAL selfheal.vet('vt.w', q) ORDER BY n;
SELECT selfheal.watch('vt.w', 'auto');
SELECT c, verdict, reason FROM (VALUES
	(1, 'ADD a text'), (2, 'ALTER n TYPE bigint'), (3, 'ALTER n DROP NOT NULL')
) s(n, c), LATERAL (SELECT 'ALTER TABLE vt.w ' || c) x(q), LATERAL selfheal.vet('vt.w', q) ORDER BY n;
SELECT selfheal.unwatch('vt.w');

-- nothing above has changed anything
SELECT count(*), string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'vt.t'::regclass AND attnum > 0;

SET client_min_messages = warning;
DROP SCHEMA vt, "We;ird" CASCADE;
DROP TABLE public.t;
