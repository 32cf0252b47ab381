--
-- What must not pass the vetter, each with the class of its reason; and that
-- nothing of it has run. vet.sql has the reasons in full.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA vh;
CREATE SCHEMA "vh.t";
CREATE ROLE regress_vet_owner;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

-- Whatever of the attacker's runs moves this sequence: an abort does not set it
-- back.
CREATE SEQUENCE vh.canary;
CREATE TABLE vh.canary_row (what text);
CREATE FUNCTION vh.bang(what text DEFAULT 'bang') RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM nextval('vh.canary');
	RETURN what;
END $$;
CREATE FUNCTION vh.bang(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT vh.bang(a) || b $$;
CREATE FUNCTION vh.bang_is(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM nextval('vh.canary');
	RETURN true;
END $$;
CREATE FUNCTION vh.bang_is(a text, b text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT vh.bang_is(a) $$;
CREATE FUNCTION vh.bang_writes() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO vh.canary_row VALUES ('written');
	PERFORM nextval('vh.canary');
	RETURN 'written';
END $$;
CREATE FUNCTION vh.bang_int(what integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM nextval('vh.canary');
	RETURN what;
END $$;
CREATE FUNCTION vh.bang_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM nextval('vh.canary');
	RETURN new;
END $$;
CREATE AGGREGATE vh.bang_all (text) (SFUNC = vh.bang, STYPE = text);
CREATE OPERATOR vh.## (LEFTARG = text, RIGHTARG = text, FUNCTION = vh.bang);
CREATE OPERATOR vh.= (LEFTARG = text, RIGHTARG = text, FUNCTION = vh.bang_is);
CREATE DOMAIN vh.evil AS pg_catalog.text CHECK (vh.bang_is(value));
CREATE DOMAIN vh.evil_int AS integer CHECK (vh.bang_int(value) > 0);
CREATE DOMAIN vh.evil_array AS pg_catalog.text[] CHECK (vh.bang_is(value[1]));
CREATE TYPE vh.comp AS (a integer, b vh.evil);
CREATE TYPE vh.mood AS ENUM ('ok');
CREATE TYPE vh.feeling AS ENUM ('fine', 'not so good');
CREATE TYPE vh."Feeling" AS ENUM ('fine');
CREATE DOMAIN vh.felt AS vh.feeling CHECK (vh.bang_is(value::pg_catalog.text));
CREATE TYPE vh.span AS RANGE (SUBTYPE = float8);
CREATE COLLATION vh.coll FROM "C";
CREATE COLLATION vh."default" FROM "C";
-- a type with functions of its own; of its modifiers numeric's says what is wrong
CREATE TYPE vh.base;
CREATE FUNCTION vh.base_in(cstring, oid, integer) RETURNS vh.base LANGUAGE internal IMMUTABLE STRICT AS 'varcharin';
CREATE FUNCTION vh.base_out(vh.base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varcharout';
CREATE FUNCTION vh.base_typmod(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'numerictypmodin';
CREATE TYPE vh.base (INPUT = vh.base_in, OUTPUT = vh.base_out, TYPMOD_IN = vh.base_typmod, LIKE = varchar);
CREATE FUNCTION vh.to_evil(varchar) RETURNS vh.mood LANGUAGE sql IMMUTABLE AS $$ SELECT vh.bang()::vh.mood $$;
CREATE CAST (varchar AS vh.mood) WITH FUNCTION vh.to_evil(varchar) AS IMPLICIT;
-- types that are called like built-in ones
CREATE DOMAIN vh.text AS pg_catalog.text CHECK (vh.bang_is(value));
CREATE DOMAIN vh.int4 AS pg_catalog.int4 CHECK (vh.bang_int(value) > 0);
CREATE DOMAIN vh.jsonb AS pg_catalog.jsonb;
CREATE DOMAIN vh."integer" AS pg_catalog.int4;
CREATE DOMAIN vh."character varying" AS pg_catalog.varchar;
CREATE TYPE vh.uuid AS ENUM ('x');
CREATE TYPE vh.numeric AS (a integer);
CREATE TYPE vh.serial AS (a integer);
CREATE DOMAIN vh."pg_catalog.text" AS pg_catalog.text;

-- the table that all is about, with code of its owner on every corner
CREATE TABLE vh.t (
	id integer PRIMARY KEY,
	note varchar(32) NOT NULL DEFAULT vh.bang('default'),
	free varchar,
	txt pg_catalog.text CHECK (vh.bang_is(txt)),
	amount pg_catalog.numeric(8,2),
	small smallint,
	big bigint,
	r real,
	at timestamp(3),
	atz timestamptz(3),
	doc json,
	fixed char(4),
	sorted varchar(10) COLLATE "C",
	gen pg_catalog.text GENERATED ALWAYS AS (vh.bang('gen')) STORED,
	gone integer,
	"note " varchar(8),
	"Note" varchar(8),
	feel vh.feeling,
	felt vh.felt
);
-- what is left of longer names
SELECT format('ALTER TABLE vh.t ADD %I integer NOT NULL', n) FROM unnest(ARRAY[repeat('x', 63), repeat('y', 63), repeat('ä', 31), repeat('日', 21),
	repeat('"', 63), repeat('z', 63), repeat('a', 60)]) n \gexec
SELECT format('CREATE TABLE vh.%I (id integer)', repeat('x', 63)) \gexec
CREATE INDEX ON vh.t (vh.bang(free)) WHERE vh.bang_is(free);
CREATE TRIGGER fires BEFORE INSERT ON vh.t FOR EACH ROW EXECUTE FUNCTION vh.bang_trigger();
ALTER TABLE vh.t ENABLE ROW LEVEL SECURITY;
CREATE POLICY p ON vh.t USING (vh.bang_is(txt));
CREATE RULE r AS ON DELETE TO vh.t DO ALSO SELECT vh.bang();
CREATE VIEW vh.v AS SELECT id, vh.bang(big::pg_catalog.text) FROM vh.t;
CREATE MATERIALIZED VIEW vh.mv AS SELECT 1 AS id;
ALTER TABLE vh.t DROP COLUMN gone;
CREATE TABLE vh.other (id integer, note varchar(32));
CREATE TABLE vh."T" (id integer);
CREATE TABLE vh."t " (id integer);
CREATE TABLE vh.ț (id integer);
CREATE TABLE "vh.t".t (id integer);
CREATE SEQUENCE vh.s;
CREATE TABLE public.t (id integer, note varchar(32));
CREATE TABLE vh.parted (id integer, k varchar(8) NOT NULL, v varchar(8)) PARTITION BY LIST (vh.bang(k));
CREATE TABLE vh.part PARTITION OF vh.parted FOR VALUES IN ('a');
ALTER TABLE vh.t OWNER TO regress_vet_owner;
ALTER TYPE vh.feeling OWNER TO regress_vet_owner;
GRANT USAGE ON SCHEMA vh, selfheal TO regress_vet_owner;
GRANT USAGE ON SEQUENCE vh.canary TO regress_vet_owner;
SELECT selfheal.grant_to('regress_vet_owner', 'viewer');

-- the reason's class
CREATE FUNCTION vh.class(reason pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE
		WHEN reason ~ '^exactly one statement' THEN 'one statement'
		WHEN reason ~ '^only ALTER TABLE' THEN 'statement'
		WHEN reason ~ '^the statement is about' THEN 'relation'
		WHEN reason ~ '^the statement is longer|signs of operators|more than 1600 steps' THEN 'size'
		WHEN reason ~ '^the name .* would be cut$' THEN 'cut name'
		WHEN reason ~ 'no column of type|BEFORE and AFTER|RENAME VALUE|another spelling|a label has|is no enum' THEN 'label'
		WHEN reason ~ 'a default is a constant|is no default|DROP DEFAULT|the constant is not|one step, SET GENERATED' THEN 'default'
		WHEN reason ~ 'is not one of the steps' THEN 'subcommand'
		WHEN reason ~ 'is not part of the step' THEN 'constraint'
		WHEN reason ~ 'USING computes' THEN 'using'
		WHEN reason ~ 'storage and other options' THEN 'storage'
		WHEN reason ~ 'collation$' THEN 'collation'
		WHEN reason ~ 'not a built-in base type|on the list of types|cannot have the type|is an array|makes a sequence|real keeps|pads with|json keeps|scale between' THEN 'type'
		WHEN reason ~ 'is not a widening' THEN 'widening'
		WHEN reason ~ 'is not seen|was dropped' THEN 'odd name'
		WHEN reason ~ 'there is no column|exists with type|changed twice|system columns|needs a name|identity|primary key|computed|partition key' THEN 'column'
		WHEN reason ~ 'PostgreSQL would refuse|dependents|depend' THEN 'dependents'
		WHEN reason ~ '^PostgreSQL does not accept it' THEN 'parser'
		ELSE 'other' END
$$;

-- What there is, without what reading moves.
CREATE FUNCTION vh.digest() RETURNS pg_catalog.text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	c regclass;
	columns pg_catalog.text;
	one pg_catalog.text;
	result pg_catalog.text := '';
BEGIN
	FOREACH c IN ARRAY '{pg_class,pg_attribute,pg_attrdef,pg_constraint,pg_index,pg_trigger,pg_policy,pg_rewrite,pg_type,pg_enum,
		pg_proc,pg_operator,pg_cast,pg_collation,pg_namespace,pg_inherits,pg_partitioned_table,pg_depend,pg_shdepend,pg_authid,
		pg_auth_members,pg_description,pg_event_trigger,pg_extension,pg_publication,pg_sequence,pg_db_role_setting,
		selfheal.plan,selfheal.watched,selfheal.incident,selfheal.error,selfheal.quarantine}'::regclass[] LOOP
		SELECT string_agg(CASE WHEN attname IN ('relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid',
				'relhasindex', 'datfrozenxid') THEN 'NULL' ELSE quote_ident(attname) || '::text' END, ', ' ORDER BY attnum)
			INTO columns FROM pg_attribute WHERE attrelid = c AND attnum > 0 AND NOT attisdropped;
		-- what the session itself made for its temporary tables is not looked at
		EXECUTE format('SELECT md5(coalesce(string_agg(x, chr(10) ORDER BY x), '''')) FROM (SELECT concat_ws(''|'', %s) FROM %s) t (x)', columns, c)
			INTO one;
		result := result || one;
	END LOOP;
	RETURN md5(result);
END $$;

CREATE TABLE vh.asked (n integer GENERATED ALWAYS AS IDENTITY, part pg_catalog.text, q pg_catalog.text);
GRANT SELECT ON vh.asked TO regress_vet_owner;
-- the session's temporary schema stays once it is there
CREATE TEMP TABLE first ();
CREATE FUNCTION vh.shown(q pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN length(q) > 200 THEN left(regexp_replace(q, '\n', '\\n', 'g'), 60) || '... (' || length(q) || ')'
		ELSE replace(replace(replace(q, chr(10), '\n'), chr(13), '\r'), chr(9), '\t') END
$$;

SET search_path = vh, pg_catalog;
INSERT INTO vh.asked (part, q) SELECT 'stacked', q FROM (VALUES
	(1, $$ALTER TABLE vh.t ADD a int; DROP TABLE vh.other$$),
	(2, $$ALTER TABLE vh.t ADD a int;DROP TABLE vh.other;$$),
	(3, $$DROP TABLE vh.other; ALTER TABLE vh.t ADD a int$$),
	(4, $$;;;ALTER TABLE vh.t ADD a int;; SELECT vh.bang()$$),
	(5, $$ALTER TABLE vh.t ADD a int; ALTER TABLE vh.t ADD a int$$),
	(6, $$BEGIN; ALTER TABLE vh.t ADD a int; COMMIT$$),
	(7, $$COMMIT; ALTER TABLE vh.t ADD a int$$),
	(8, $$SET search_path = public; ALTER TABLE t ADD a int$$),
	(9, $$SET ROLE regress_vet_owner; ALTER TABLE vh.t ADD a int$$),
	(10, $$ALTER TABLE vh.t ADD a int; -- nothing here
SELECT vh.bang()$$),
	(11, $$ALTER TABLE vh.t ADD a int; /* nothing here */ SELECT vh.bang()$$),
	(12, $$ALTER TABLE vh.t ADD a int /* a /* nested */; */; SELECT vh.bang()$$),
	(13, $$ALTER TABLE vh.t ADD a int -- ; one comment
, DROP COLUMN note$$),
	(14, E'ALTER TABLE vh.t ADD a int --\r, DROP COLUMN note'),
	(15, E'ALTER TABLE vh.t ADD a int --\n, DROP COLUMN note'),
	(16, E'ALTER TABLE vh.t ADD a int --\f\n, DROP COLUMN note'),
	(17, $$ALTER TABLE vh.t ADD a int /* , */ , DROP COLUMN note$$),
	(18, $$ALTER TABLE vh.t /*/ ADD a int */ DROP COLUMN note$$),
	(19, $$ALTER TABLE vh.t /**/DROP/**/COLUMN/**/note$$),
	(20, $$ALTER TABLE vh.t ADD a int /* not closed$$),
	(21, $$ALTER TABLE vh.t ADD a int /* /* closed once */$$),
	(22, $$ALTER TABLE vh.t ADD a int */$$),
	(23, $$/* ALTER TABLE vh.t ADD a int */ DROP TABLE vh.t$$),
	(24, $$-- ALTER TABLE vh.t ADD a int
DROP TABLE vh.t$$),
	(25, $q$ALTER TABLE vh.t ADD a text DEFAULT $$; DROP TABLE vh.other; $$$q$),
	(26, $q$ALTER TABLE vh.t ADD a text DEFAULT $tag$; DROP TABLE vh.other; $tag$$q$),
	(27, $q$ALTER TABLE vh.t ADD a text DEFAULT $a$ $b$ $a$; DROP TABLE vh.other; --$b$$q$),
	(28, $q$ALTER TABLE vh.t ADD a text $$ ; $$ $q$),
	(29, $q$ALTER TABLE vh.t ADD a text; DO $$BEGIN PERFORM vh.bang(); END$$$q$),
	(30, $q$ALTER TABLE $$vh.t$$ ADD a text$q$),
	(31, $q$ALTER TABLE vh.t ADD $$a$$ text$q$),
	(32, $q$ALTER TABLE vh.t ADD a $$text$$ $q$),
	(33, $$ALTER TABLE vh.t ADD a text DEFAULT 'it''s; DROP TABLE vh.other'$$),
	(34, $$ALTER TABLE vh.t ADD a text DEFAULT '\'; DROP TABLE vh.other; --'$$),
	(35, $$ALTER TABLE vh.t ADD a text DEFAULT E'\'; DROP TABLE vh.other; --'$$),
	(36, $$ALTER TABLE vh.t ADD a text DEFAULT E'\047; DROP TABLE vh.other; --'$$),
	(37, $$ALTER TABLE vh.t ADD a text DEFAULT U&'\0027; DROP TABLE vh.other; --'$$),
	(38, $$ALTER TABLE vh.t ADD a text DEFAULT U&'!0027; DROP TABLE vh.other' UESCAPE '!'$$),
	(39, $$ALTER TABLE vh.t ADD a text DEFAULT 'one'
'two; DROP TABLE vh.other'$$),
	(40, $$ALTER TABLE vh.t ADD a text' ; DROP TABLE vh.other; --$$),
	(41, $$ALTER TABLE vh.t ADD "a" text"; DROP TABLE vh.other; --"$$),
	(42, $$ALTER TABLE vh.t ADD a text \; DROP TABLE vh.other$$),
	(43, $$ALTER TABLE vh.t ADD a text \gexec$$),
	(44, $$ALTER TABLE vh.t ADD a text \! id$$),
	(45, $$ALTER TABLE vh.t ADD a text UNION SELECT 1$$),
	(46, $$ALTER TABLE vh.t ADD a text RETURNING vh.bang()$$),
	(47, $$ALTER TABLE vh.t ADD a text, (SELECT vh.bang())$$),
	(48, $$ALTER TABLE vh.t ADD $1 text$$),
	(49, $$ALTER TABLE $1 ADD a text$$),
	(50, $$ALTER TABLE vh.t ADD a text = vh.bang()$$),
	(51, $$ALTER TABLE vh.t ADD :a text$$),
	(52, $$EXPLAIN ALTER TABLE vh.t ADD a text$$),
	(53, $$PREPARE p AS ALTER TABLE vh.t ADD a text$$),
	(54, $$EXECUTE 'ALTER TABLE vh.t ADD a text'$$),
	(55, $$WITH x AS (ALTER TABLE vh.t ADD a text) SELECT 1$$),
	(56, $$CREATE SCHEMA x CREATE TABLE t () ALTER TABLE vh.t ADD a text$$),
	(57, $$ALTER TABLE vh.t ADD a text AS SELECT vh.bang()$$),
	(58, $$ALTER TABLE vh.t$$), (59, $$ALTER TABLE vh.t ,$$), (60, $$ALTER TABLE vh.t ADD a text,$$),
	(61, $$ALTER TABLE vh.t ADD (a text)$$), (62, $$ALTER TABLE vh.t ADD a text, b text$$),
	(63, $$ALTER TABLE vh.t, vh.other ADD a text$$), (64, $$ALTER vh.t ADD a text$$), (65, $$TABLE vh.t$$)
) s(n, q) ORDER BY n;

INSERT INTO vh.asked (part, q) SELECT 'statement', q FROM (VALUES
	(1, $do$DO $q$BEGIN PERFORM vh.bang(); END$q$$do$), (2, $$DO LANGUAGE plpgsql 'BEGIN PERFORM vh.bang(); END'$$),
	(3, $$CALL vh.bang()$$), (4, $$SELECT vh.bang()$$), (5, $$SELECT vh.bang() INTO x$$), (6, $$VALUES (vh.bang())$$),
	(7, $$TABLE vh.v$$), (8, $$WITH x AS (SELECT vh.bang()) SELECT * FROM x$$), (9, $$WITH x AS (DELETE FROM vh.t RETURNING 1) SELECT 1$$),
	(10, $$INSERT INTO vh.t (id, note) VALUES (1, vh.bang())$$), (11, $$INSERT INTO vh.canary_row SELECT vh.bang_writes()$$),
	(12, $$UPDATE vh.t SET note = vh.bang()$$), (13, $$DELETE FROM vh.t WHERE vh.bang_is(note)$$), (14, $$TRUNCATE vh.t RESTART IDENTITY CASCADE$$),
	(15, $$MERGE INTO vh.t USING vh.other o ON t.id = o.id WHEN MATCHED THEN UPDATE SET note = vh.bang()$$),
	(16, $$COPY vh.t FROM PROGRAM 'id'$$), (17, $$COPY vh.t FROM STDIN$$), (18, $$COPY (SELECT vh.bang()) TO STDOUT$$),
	(19, $$COPY (SELECT vh.bang()) TO PROGRAM 'sh'$$), (20, $$COPY vh.t (note) TO '/tmp/x'$$),
	(21, $$BEGIN ISOLATION LEVEL SERIALIZABLE$$), (22, $$START TRANSACTION READ ONLY$$), (23, $$COMMIT AND CHAIN$$), (24, $$ROLLBACK AND NO CHAIN$$),
	(25, $$ABORT$$), (26, $$END$$), (27, $$SAVEPOINT s$$), (28, $$RELEASE s$$), (29, $$ROLLBACK TO s$$), (30, $$PREPARE TRANSACTION 'vh'$$),
	(31, $$COMMIT PREPARED 'vh'$$), (32, $$ROLLBACK PREPARED 'vh'$$), (33, $$SET TRANSACTION READ ONLY$$), (34, $$SET CONSTRAINTS ALL DEFERRED$$),
	(35, $$SET SESSION AUTHORIZATION postgres$$), (36, $$SET LOCAL ROLE NONE$$), (37, $$RESET ROLE$$), (38, $$SET row_security = off$$),
	(39, $$SET LOCAL search_path = vh$$), (40, $$SHOW search_path$$), (41, $$SET session_replication_role = replica$$),
	(42, $$GRANT ALL ON vh.t TO PUBLIC$$), (43, $$GRANT SELECT (note) ON vh.t TO regress_vet_owner WITH GRANT OPTION$$),
	(44, $$GRANT pg_read_server_files TO regress_vet_owner$$), (45, $$REVOKE ALL ON SCHEMA vh FROM PUBLIC$$),
	(46, $$ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC$$), (47, $$REASSIGN OWNED BY regress_vet_owner TO CURRENT_USER$$),
	(48, $$DROP OWNED BY regress_vet_owner$$), (49, $$CREATE ROLE vh SUPERUSER$$), (50, $$ALTER ROLE regress_vet_owner SUPERUSER$$),
	(51, $$ALTER ROLE ALL SET search_path = vh$$), (52, $$ALTER DATABASE postgres SET search_path = vh$$), (53, $$ALTER SYSTEM RESET ALL$$),
	(54, $$CREATE TABLE vh.t2 (LIKE vh.t INCLUDING ALL)$$), (55, $$CREATE TABLE vh.part2 PARTITION OF vh.parted DEFAULT$$),
	(56, $$CREATE TABLE vh.kid () INHERITS (vh.t)$$), (57, $$CREATE TABLE vh.ofs OF vh.comp$$), (58, $$CREATE TEMP TABLE t AS SELECT vh.bang()$$),
	(59, $$SELECT * INTO vh.copy FROM vh.t$$), (60, $$CREATE VIEW vh.w AS SELECT 1$$), (61, $$CREATE OR REPLACE VIEW vh.v AS SELECT 1 AS id$$),
	(62, $$CREATE MATERIALIZED VIEW vh.w AS SELECT vh.bang()$$), (63, $$REFRESH MATERIALIZED VIEW vh.mv$$),
	(64, $$CREATE UNIQUE INDEX CONCURRENTLY ON vh.t (vh.bang(note))$$), (65, $$DROP INDEX vh.t_pkey$$), (66, $$REINDEX INDEX vh.t_pkey$$),
	(67, $$CREATE FUNCTION vh.f() RETURNS int LANGUAGE sql AS 'SELECT 1'$$), (68, $$CREATE OR REPLACE FUNCTION vh.bang() RETURNS int LANGUAGE sql AS 'SELECT 1'$$),
	(69, $$ALTER FUNCTION vh.bang(text) SECURITY DEFINER$$), (70, $$CREATE PROCEDURE vh.p() LANGUAGE sql AS ''$$), (71, $$CREATE AGGREGATE vh.a (int) (SFUNC = int4pl, STYPE = int)$$),
	(72, $$CREATE OPERATOR vh.@@@ (LEFTARG = int, RIGHTARG = int, FUNCTION = int4pl)$$), (73, $$CREATE CAST (int AS vh.mood) WITH INOUT$$),
	(74, $$CREATE TYPE vh.x AS ENUM ('a')$$), (75, $$ALTER TYPE vh.mood ADD VALUE 'bad'$$), (76, $$ALTER TYPE vh.comp ADD ATTRIBUTE c int$$),
	(77, $$CREATE DOMAIN vh.d AS int DEFAULT vh.bang_int(1)$$), (78, $$ALTER DOMAIN vh.evil DROP NOT NULL$$), (79, $$CREATE COLLATION vh.c2 FROM "C"$$),
	(80, $$CREATE TRIGGER x AFTER INSERT ON vh.t EXECUTE FUNCTION vh.bang_trigger()$$), (81, $$DROP TRIGGER fires ON vh.t$$),
	(82, $$ALTER TRIGGER fires ON vh.t RENAME TO x$$), (83, $$CREATE CONSTRAINT TRIGGER x AFTER INSERT ON vh.t FOR EACH ROW EXECUTE FUNCTION vh.bang_trigger()$$),
	(84, $$CREATE EVENT TRIGGER x ON sql_drop EXECUTE FUNCTION vh.bang_trigger()$$), (85, $$ALTER EVENT TRIGGER selfheal_ddl DISABLE$$),
	(86, $$CREATE RULE x AS ON SELECT TO vh.t DO INSTEAD SELECT 1$$), (87, $$DROP RULE r ON vh.t$$), (88, $$CREATE POLICY x ON vh.t USING (true)$$),
	(89, $$ALTER POLICY p ON vh.t USING (true)$$), (90, $$DROP POLICY p ON vh.t$$), (91, $$CREATE STATISTICS vh.st ON id, note FROM vh.t$$),
	(92, $$CREATE PUBLICATION x FOR ALL TABLES$$), (93, $$CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION y$$), (94, $$DROP PUBLICATION x$$),
	(95, $$CREATE EXTENSION file_fdw$$), (96, $$ALTER EXTENSION selfheal DROP TABLE selfheal.plan$$), (97, $$DROP EXTENSION selfheal CASCADE$$),
	(98, $$ALTER EXTENSION selfheal ADD TABLE vh.t$$), (99, $$CREATE LANGUAGE plpython3u$$), (100, $$CREATE FOREIGN TABLE vh.ft (a int) SERVER s$$),
	(101, $$CREATE SERVER s FOREIGN DATA WRAPPER w$$), (102, $$CREATE USER MAPPING FOR PUBLIC SERVER s$$), (103, $$IMPORT FOREIGN SCHEMA a FROM SERVER b INTO vh$$),
	(104, $$CREATE TABLESPACE x LOCATION '/tmp'$$), (105, $$CREATE DATABASE x$$), (106, $$DROP DATABASE postgres$$), (107, $$DROP SCHEMA vh CASCADE$$),
	(108, $$LOAD 'selfheal'$$), (109, $$LISTEN x$$), (110, $$NOTIFY x, 'y'$$), (111, $$UNLISTEN *$$), (112, $$VACUUM (FULL) vh.t$$), (113, $$ANALYZE vh.t$$),
	(114, $$CLUSTER vh.t USING t_pkey$$), (115, $$CHECKPOINT$$), (116, $$LOCK TABLE vh.t IN ACCESS EXCLUSIVE MODE$$), (117, $$DISCARD TEMP$$), (118, $$DEALLOCATE ALL$$),
	(119, $$DECLARE c CURSOR WITH HOLD FOR SELECT vh.bang()$$), (120, $$FETCH ALL FROM c$$), (121, $$CLOSE ALL$$), (122, $$COMMENT ON COLUMN vh.t.note IS 'x'$$),
	(123, $$SECURITY LABEL ON COLUMN vh.t.note IS 'x'$$), (124, $$EXPLAIN ANALYZE SELECT vh.bang()$$), (125, $$CREATE ACCESS METHOD x TYPE TABLE HANDLER heap_tableam_handler$$)
) s(n, q) ORDER BY n;

-- ALTER of other kinds of object, of other names of the same
INSERT INTO vh.asked (part, q) SELECT 'alter', q FROM (VALUES
	(1, $$ALTER FOREIGN TABLE vh.t ADD a text$$), (2, $$ALTER VIEW vh.t ALTER note SET DEFAULT 'x'$$), (3, $$ALTER MATERIALIZED VIEW vh.t SET (fillfactor = 50)$$),
	(4, $$ALTER INDEX vh.t ALTER 1 SET STATISTICS 5$$), (5, $$ALTER SEQUENCE vh.t AS bigint$$), (6, $$ALTER TYPE vh.t ADD ATTRIBUTE a text$$),
	(7, $$ALTER TYPE vh.t ALTER ATTRIBUTE note TYPE text$$), (8, $$ALTER TYPE vh.t ALTER ATTRIBUTE note TYPE text CASCADE$$), (9, $$ALTER VIEW vh.v SET (security_barrier)$$),
	(10, $$ALTER SEQUENCE vh.s OWNED BY vh.t.id$$), (11, $$ALTER INDEX vh.t_pkey ATTACH PARTITION vh.x$$), (12, $$ALTER INDEX vh.t_pkey RENAME TO x$$),
	(13, $$ALTER TABLE vh.t RENAME TO t3$$), (14, $$ALTER TABLE vh.t RENAME COLUMN note TO n$$), (15, $$ALTER TABLE IF EXISTS vh.t RENAME note TO n$$),
	(16, $$ALTER TABLE vh.t RENAME CONSTRAINT t_pkey TO k$$), (17, $$ALTER TABLE vh.t SET SCHEMA public$$), (18, $$ALTER TABLE IF EXISTS vh.t SET SCHEMA pg_catalog$$),
	(19, $$ALTER TABLE ALL IN TABLESPACE pg_default SET TABLESPACE pg_default$$), (20, $$ALTER TABLE ALL IN TABLESPACE pg_default OWNED BY regress_vet_owner SET TABLESPACE x NOWAIT$$),
	(21, $$ALTER TABLE vh.t DEPENDS ON EXTENSION selfheal$$), (22, $$ALTER TABLE vh.t NO DEPENDS ON EXTENSION selfheal$$),
	(23, $$ALTER TRIGGER fires ON vh.t DEPENDS ON EXTENSION selfheal$$), (24, $$ALTER SCHEMA vh RENAME TO x$$), (25, $$ALTER TABLE vh.t OWNER TO SESSION_USER$$),
	(26, $$ALTER TABLE vh.t OWNER TO CURRENT_ROLE, ADD a int$$), (27, $$ALTER TABLE vh.t ADD a int, OWNER TO regress_vet_owner$$)
) s(n, q) ORDER BY n;

-- subcommands that are no step, alone and beside a step that would pass
INSERT INTO vh.asked (part, q) SELECT 'subcommand', 'ALTER TABLE vh.t ' || before || c FROM (VALUES
	(1, 'DROP note'), (2, 'DROP COLUMN IF EXISTS note RESTRICT'), (3, 'DROP COLUMN "note"'), (4, 'DROP note, ADD note varchar(64)'), (5, 'DROP note, ADD note int'),
	(6, 'ALTER note SET DEFAULT NULL'), (7, 'ALTER COLUMN note DROP DEFAULT'), (8, 'ALTER free SET NOT NULL'), (9, 'ALTER gen DROP EXPRESSION IF EXISTS'),
	(10, 'ALTER note SET STATISTICS -1'), (11, 'ALTER 1 SET STATISTICS 10'), (12, 'ALTER note SET (n_distinct_inherited = -1)'), (13, 'ALTER note SET STORAGE EXTERNAL'),
	(14, 'ALTER note SET COMPRESSION default'), (15, 'ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (START 5)'), (16, 'ALTER id SET GENERATED BY DEFAULT SET START 7'),
	(17, 'ALTER id RESTART'), (18, 'ALTER id DROP IDENTITY IF EXISTS'), (19, 'ADD CHECK (true)'), (20, 'ADD CONSTRAINT c CHECK (note <> '''') NO INHERIT NOT VALID'),
	(21, 'ADD UNIQUE USING INDEX t_pkey'), (22, 'ADD PRIMARY KEY (note) INCLUDE (id)'), (23, 'ADD UNIQUE (note) DEFERRABLE INITIALLY DEFERRED'),
	(24, 'ADD FOREIGN KEY (id) REFERENCES vh.other (id) ON DELETE CASCADE NOT VALID'), (25, 'ADD EXCLUDE USING gist (note WITH =) WHERE (vh.bang_is(note))'),
	(26, 'ALTER CONSTRAINT t_pkey DEFERRABLE'), (27, 'VALIDATE CONSTRAINT t_txt_check'), (28, 'DROP CONSTRAINT t_txt_check'), (29, 'DROP CONSTRAINT t_pkey CASCADE'),
	(30, 'DISABLE TRIGGER fires'), (31, 'ENABLE ALWAYS TRIGGER fires'), (32, 'DISABLE TRIGGER ALL'), (33, 'DISABLE RULE r'), (34, 'ENABLE ALWAYS RULE r'),
	(35, 'ENABLE REPLICA RULE r'), (36, 'DISABLE ROW LEVEL SECURITY'), (37, 'NO FORCE ROW LEVEL SECURITY'), (38, 'CLUSTER ON t_pkey'), (39, 'SET TABLESPACE pg_default'),
	(40, 'SET UNLOGGED'), (41, 'SET LOGGED'), (42, 'SET ACCESS METHOD heap'), (43, 'SET (autovacuum_enabled = off)'), (44, 'SET (toast.autovacuum_enabled = off, fillfactor = 10)'),
	(45, 'RESET (user_catalog_table)'), (46, 'INHERIT vh.other'), (47, 'NO INHERIT vh.other'), (48, 'OF vh.comp'), (49, 'NOT OF'), (50, 'REPLICA IDENTITY NOTHING'),
	(51, 'REPLICA IDENTITY USING INDEX t_pkey'), (52, 'OPTIONS (ADD x ''y'')'), (53, 'ALTER note OPTIONS (SET x ''y'')')
) s(n, c), (VALUES (1, ''), (2, 'ADD a int, ')) b(m, before) ORDER BY n, m;
INSERT INTO vh.asked (part, q) SELECT 'subcommand', 'ALTER TABLE vh.t ' || c FROM (VALUES
	(1, 'ATTACH PARTITION vh.other DEFAULT'), (2, 'ATTACH PARTITION vh.other FOR VALUES IN (''a'')'), (3, 'ATTACH PARTITION vh.part FOR VALUES FROM (vh.bang()) TO (MAXVALUE)'),
	(4, 'DETACH PARTITION vh.part'), (5, 'DETACH PARTITION vh.part CONCURRENTLY'), (6, 'DETACH PARTITION vh.part FINALIZE'),
	(7, 'ADD a int, ATTACH PARTITION vh.part DEFAULT'), (8, 'ALTER note DROP NOT NULL, ALTER note SET NOT NULL'), (9, 'ADD a int, DROP a'), (10, 'DROP a, ADD a int'),
	(11, 'ALTER note TYPE varchar, ALTER note SET DEFAULT vh.bang()'), (12, 'ALTER note DROP NOT NULL, DROP CONSTRAINT t_pkey'),
	(13, 'ADD CONSTRAINT x UNIQUE (note), DROP CONSTRAINT x'), (14, 'SET WITHOUT OIDS, ADD a int'), (15, 'SET WITHOUT CLUSTER')
) s(n, c) ORDER BY n;

-- an expression of the attacker's in every place that takes one
CREATE TABLE vh.expression (n integer, e pg_catalog.text);
INSERT INTO vh.expression VALUES
	(1, $$vh.bang()$$), (2, $$vh.bang('x') || 'y'$$), (3, $$(SELECT vh.bang())$$), (4, $$(SELECT vh.bang_writes() FROM vh.other)$$),
	(5, $$(WITH x AS (DELETE FROM vh.t RETURNING note) SELECT note FROM x)$$), (6, $$'x'::vh.evil$$), (7, $$CAST('x' AS vh.base)$$), (8, $$vh.base 'x'$$),
	(9, $$'x'::vh.base(1,2,3)$$), (10, $$ROW(1, 'x')::vh.comp$$), (11, $$ARRAY['x']::vh.evil_array$$), (12, $$'ok'::varchar::vh.mood$$), (13, $$'x' OPERATOR(vh.##) 'y'$$),
	(14, $$'x' ## 'y'$$), (15, $$'a' = 'b'$$), (16, $$'x' COLLATE vh.coll$$), (17, $$'x' COLLATE "default"$$), (18, $$vh.bang_all('x') OVER ()$$),
	(19, $$(SELECT vh.bang_all(note) FROM vh.t)$$), (20, $$CASE WHEN vh.bang_is('x') THEN 'a' END$$), (21, $$COALESCE(NULL, vh.bang())$$), (22, $$nextval('vh.canary')::text$$),
	(23, $$pg_read_file('/etc/passwd')$$), (24, $$set_config('search_path', 'vh', false)$$), (25, $$current_setting('x')$$), (26, $$query_to_xml('SELECT vh.bang()', true, true, '')::text$$),
	(27, $$lo_export(1, '/tmp/x')::text$$), (28, $$dblink('', 'SELECT vh.bang()')::text$$), (29, $$pg_terminate_backend(1)::text$$), (30, $$xmlparse(document '<x/>')::text$$),
	(31, $$(note).id$$), (32, $$t.*::text$$), (33, $$now()::text$$), (34, $$1$$), (35, $$NULL$$), (36, $$CURRENT_USER$$), (37, $$ARRAY(SELECT vh.bang())::text$$),
	(38, $$EXISTS (SELECT vh.bang())$$), (39, $$vh.bang(VARIADIC ARRAY['a'])$$), (40, $$(SELECT x FROM LATERAL vh.bang() x)$$);
INSERT INTO vh.asked (part, q) SELECT 'expression', format(place, e) FROM vh.expression, (VALUES
	(1, 'ALTER TABLE vh.t ADD a pg_catalog.text DEFAULT (%s)'), (2, 'ALTER TABLE vh.t ALTER note SET DEFAULT (%s)'), (3, 'ALTER TABLE vh.t ALTER note TYPE pg_catalog.text USING (%s)'),
	(4, 'ALTER TABLE vh.t ADD a pg_catalog.text CHECK ((%s) IS NULL)'), (5, 'ALTER TABLE vh.t ADD CHECK ((%s) IS NULL)'), (6, 'ALTER TABLE vh.t ADD a pg_catalog.text GENERATED ALWAYS AS ((%s)) STORED'),
	(7, 'ALTER TABLE vh.t ADD a varchar((%s))'), (8, 'ALTER TABLE vh.t ADD EXCLUDE USING btree (((%s)) WITH =) WHERE (vh.bang_is(note))')
) p(m, place) ORDER BY n, m;

INSERT INTO vh.asked (part, q) SELECT 'relation', q FROM (VALUES
	(1, $$ALTER TABLE vh.other ADD a int$$), (2, $$ALTER TABLE public.t ADD a int$$), (3, $$ALTER TABLE vh."T" ADD a int$$), (4, $$ALTER TABLE vh."t " ADD a int$$),
	(5, $$ALTER TABLE vh.ț ADD a int$$), (6, $$ALTER TABLE vh.т ADD a int$$), (7, $$ALTER TABLE vh.t̲ ADD a int$$), (8, $$ALTER TABLE "vh.t" ADD a int$$), (9, $$ALTER TABLE "vh.t".t ADD a int$$),
	(10, $$ALTER TABLE "vh" . "t " ADD a int$$), (11, $$ALTER TABLE U&"vh".U&"\0422" ADD a int$$), (12, $$ALTER TABLE U&"vh\0000".t ADD a int$$), (13, E'ALTER TABLE vh."t\u200b" ADD a int'),
	(14, E'ALTER TABLE vh."\u202et" ADD a int'), (15, E'ALTER TABLE vh."t\t" ADD a int'), (16, E'ALTER TABLE vh.t\u00a0 ADD a int'), (17, $$ALTER TABLE "VH".t ADD a int$$),
	(18, $$ALTER TABLE pg_temp.t ADD a int$$), (19, $$ALTER TABLE pg_class ADD a int$$), (20, $$ALTER TABLE pg_catalog.pg_authid ADD a int$$), (21, $$ALTER TABLE information_schema.sql_features ADD a int$$),
	(22, $$ALTER TABLE pg_toast.pg_toast_1255 ADD a int$$), (23, $$ALTER TABLE selfheal.plan ADD a int$$), (24, $$ALTER TABLE selfheal.audit ADD a int$$), (25, $$ALTER TABLE selfheal.watched ALTER mode DROP NOT NULL$$),
	(26, $$ALTER TABLE vh.v ADD a int$$), (27, $$ALTER TABLE vh.mv ADD a int$$), (28, $$ALTER TABLE vh.s ADD a int$$), (29, $$ALTER TABLE vh.t_pkey ADD a int$$), (30, $$ALTER TABLE vh.part ADD a int$$),
	(31, $$ALTER TABLE vh.comp ADD a int$$), (32, $$ALTER TABLE vh.nope ADD a int$$), (33, $$ALTER TABLE IF EXISTS vh.nope ADD a int$$), (34, $$ALTER TABLE nope.t ADD a int$$), (35, $$ALTER TABLE template1.vh.t ADD a int$$),
	(36, $$ALTER TABLE "".vh.t ADD a int$$), (37, $$ALTER TABLE ""."t" ADD a int$$), (38, $$ALTER TABLE a.b.c.d ADD a int$$), (39, $$ALTER TABLE vh.t.note ADD a int$$), (40, $$ALTER TABLE vh..t ADD a int$$),
	(41, $$ALTER TABLE vh.* ADD a int$$), (42, $$ALTER TABLE vh.t[1] ADD a int$$), (43, $$ALTER TABLE (vh.t) ADD a int$$), (44, $$ALTER TABLE 'vh.t' ADD a int$$), (45, $$ALTER TABLE vh.t@x ADD a int$$),
	(46, $$ALTER TABLE vh.t AS x ADD a int$$), (47, $$ALTER TABLE ONLY (vh.other) ADD a int$$), (48, $$ALTER TABLE ONLY vh.other ADD a int$$), (49, $$ALTER TABLE vh.other * ADD a int$$), (50, $$ALTER TABLE 16384 ADD a int$$)
) s(n, q) ORDER BY n;

INSERT INTO vh.asked (part, q) SELECT 'type', 'ALTER TABLE vh.t ' || c FROM (VALUES
	(1, 'ADD a vh.evil'), (2, 'ADD a vh.evil_int'), (3, 'ADD a vh.evil_array'), (4, 'ADD a vh.comp'), (5, 'ADD a vh.mood'), (6, 'ADD a vh.span'), (7, 'ADD a vh.base'), (8, 'ADD a vh.base(1,2,3)'),
	(9, 'ADD a vh.base(99999,-1)'), (10, 'ADD a vh.text'), (11, 'ADD a vh.int4'), (12, 'ADD a vh.jsonb'), (13, 'ADD a vh."integer"'), (14, 'ADD a vh."character varying"'), (15, 'ADD a vh.uuid'),
	(16, 'ADD a vh.numeric'), (17, 'ADD a vh.serial'), (18, 'ADD a vh."pg_catalog.text"'), (25, 'ADD a "Text"'), (26, 'ADD a "TEXT"'), (27, 'ADD a pg_catalog."integer"'), (28, 'ADD a pg_catalog.nope'), (29, 'ADD a postgres.pg_catalog.int4'), (30, 'ADD a vh.t'), (31, 'ADD a vh.other'),
	(32, 'ADD a vh._evil'), (33, 'ADD a pg_catalog._text'), (34, 'ADD a int[]'), (35, 'ADD a int[3]'), (36, 'ADD a int ARRAY[3]'), (37, 'ADD a pg_catalog.text[][]'), (38, 'ADD a SETOF int'), (39, 'ADD a SETOF int[]'),
	(40, 'ADD a vh.t.note%TYPE'), (41, 'ADD a vh.t.id%TYPE[]'), (42, 'ADD a SETOF vh.t.id%TYPE'), (43, 'ADD a serial'), (44, 'ADD a "serial"'), (45, 'ADD a serial8'), (46, 'ADD a smallserial NOT NULL'), (47, 'ADD a pg_catalog.serial'),
	(48, 'ADD a real'), (49, 'ADD a float4'), (50, 'ADD a float(24)'), (51, 'ADD a float(0)'), (52, 'ADD a float(54)'), (53, 'ADD a char(10)'), (54, 'ADD a bpchar'), (55, 'ADD a pg_catalog."char"'), (56, 'ADD a json'), (57, 'ADD a money'),
	(58, 'ADD a xml'), (59, 'ADD a bit varying(5)'), (60, 'ADD a cidr'), (61, 'ADD a macaddr'), (62, 'ADD a tsquery'), (63, 'ADD a box'), (64, 'ADD a regproc'), (65, 'ADD a regrole'), (66, 'ADD a oid'), (67, 'ADD a xid8'), (68, 'ADD a tid'),
	(69, 'ADD a pg_lsn'), (70, 'ADD a name'), (71, 'ADD a timetz'), (72, 'ADD a interval day to second(3)'), (73, 'ADD a jsonpath'), (74, 'ADD a refcursor'), (75, 'ADD a pg_node_tree'), (76, 'ADD a aclitem'), (77, 'ADD a int4multirange'),
	(78, 'ADD a trigger'), (79, 'ADD a event_trigger'), (80, 'ADD a internal'), (81, 'ADD a anyarray'), (82, 'ADD a unknown'), (83, 'ADD a pg_catalog.pg_class'), (84, 'ADD a information_schema.yes_or_no'), (85, 'ADD a any'),
	(86, 'ADD a numeric(0)'), (87, 'ADD a numeric(5,6)'), (88, 'ADD a numeric(5,-1)'), (89, 'ADD a numeric(1,2,3)'), (90, 'ADD a numeric(*)'), (91, 'ADD a varchar(-1)'), (92, 'ADD a varchar(1.5)'), (93, 'ADD a varchar(a)'), (94, 'ADD a varchar(note)'),
	(95, 'ADD a varchar(NULL)'), (96, 'ADD a varchar(99999999999999999999)'), (97, 'ADD a varchar(1, 2)'), (98, 'ADD a int(4)'), (99, 'ADD a timestamp(-1)'), (100, 'ADD a timestamp(x)'), (101, 'ADD a pg_catalog.text(5)'),
	(102, 'ALTER note TYPE vh.evil'), (103, 'ALTER note TYPE vh.text'), (105, 'ALTER id TYPE vh.int4'), (106, 'ALTER note TYPE vh.base(1,2,3)'), (107, 'ALTER note TYPE vh.mood'), (108, 'ALTER note TYPE pg_catalog.text[]'),
	(109, 'ALTER id TYPE serial'), (110, 'ALTER id TYPE bigserial'), (111, 'ALTER note TYPE vh.t.txt%TYPE'), (112, 'ADD a'), (113, 'ADD a ()'), (114, 'ADD a varchar()')
) s(n, c) ORDER BY n;

-- refused where the lookalike comes first: the path is vh, pg_catalog
INSERT INTO vh.asked (part, q) SELECT 'type by path', 'ALTER TABLE vh.t ' || c FROM (VALUES
	(1, 'ADD a "integer"'), (2, 'ADD a "character varying"'), (3, 'ADD a text'), (4, 'ADD a int4'), (5, 'ADD a jsonb'), (6, 'ADD a uuid'), (7, 'ADD a "numeric"'), (8, 'ADD a "numeric"(5,2)'),
	(9, 'ALTER note TYPE text'), (10, 'ALTER id TYPE int4'), (12, 'ADD a base(1,2,3)'), (13, 'ADD a t'), (14, 'ADD a mood'), (15, 'ADD a varchar COLLATE coll'), (16, 'ADD a varchar COLLATE "default"')
) s(n, c) ORDER BY n;
INSERT INTO vh.asked (part, q) SELECT 'constraint', 'ALTER TABLE vh.t ADD a int ' || c FROM (VALUES
	(1, 'NOT NULL'), (2, 'NULL NOT NULL'), (3, 'CONSTRAINT c NOT NULL'), (4, 'DEFAULT NULL'), (5, 'DEFAULT 0 NOT NULL'), (6, 'UNIQUE'), (7, 'CONSTRAINT c UNIQUE USING INDEX TABLESPACE x'), (8, 'PRIMARY KEY'),
	(9, 'PRIMARY KEY WITH (fillfactor = 5)'), (10, 'REFERENCES vh.other'), (11, 'REFERENCES vh.other (id) MATCH FULL ON UPDATE CASCADE'), (12, 'CONSTRAINT c REFERENCES vh.other DEFERRABLE'), (13, 'CHECK (a > 0)'), (14, 'CHECK (true) NO INHERIT'),
	(15, 'CONSTRAINT c CHECK (vh.bang_is(note)) NOT VALID'), (16, 'GENERATED ALWAYS AS IDENTITY'), (17, 'GENERATED BY DEFAULT AS IDENTITY (INCREMENT -1)'), (18, 'GENERATED ALWAYS AS (id) STORED'), (19, 'NULL DEFERRABLE'), (20, 'NULL NOT DEFERRABLE'),
	(21, 'NULL INITIALLY DEFERRED'), (22, 'NULL INITIALLY IMMEDIATE'), (23, 'NULL UNIQUE'), (24, 'NULL DEFAULT vh.bang_int(1)'), (25, 'COLLATE "C"'), (26, 'COLLATE "default"'), (27, 'COMPRESSION pglz'), (28, 'COMPRESSION lz4 DEFAULT 1'), (29, 'OPTIONS (a ''b'')'),
	(30, 'NULL, ADD UNIQUE (a)'), (31, 'NULL, ALTER a SET DEFAULT 1'), (32, 'NULL, ALTER a SET NOT NULL'), (33, 'NULL, ADD a int'), (34, 'NULL, ADD A bigint'), (35, 'NULL, ALTER a TYPE bigint'), (36, 'NULL, ALTER a DROP NOT NULL'), (37, 'CASCADE'), (38, 'FIRST'),
	(39, 'AFTER note'), (40, 'NULL, ADD b varchar COLLATE vh.coll'), (41, 'NULL, ADD b varchar COLLATE vh."default"'), (43, 'NULL, ADD b varchar COLLATE nope'), (44, 'NULL, ADD b varchar COLLATE a.b.c')
) s(n, c) ORDER BY n;

INSERT INTO vh.asked (part, q) SELECT 'narrowing', 'ALTER TABLE vh.t ALTER ' || c FROM (VALUES
	(1, 'note TYPE varchar(31)'), (2, 'note TYPE varchar(1)'), (3, 'note TYPE char(32)'), (4, 'note TYPE char(99)'), (5, 'note TYPE name'), (6, 'note TYPE int'), (7, 'note TYPE bytea'), (8, 'note TYPE json'), (9, 'note TYPE date'), (10, 'free TYPE varchar(1000000)'),
	(11, 'txt TYPE varchar'), (12, 'txt TYPE varchar(10485760)'), (13, 'txt TYPE bytea'), (14, 'txt TYPE pg_catalog.jsonb'), (15, 'amount TYPE numeric(7,2)'), (16, 'amount TYPE numeric(8,3)'), (17, 'amount TYPE numeric(8,1)'), (18, 'amount TYPE numeric(6,0)'),
	(19, 'amount TYPE numeric(20,1)'), (20, 'amount TYPE int'), (21, 'amount TYPE bigint'), (22, 'amount TYPE float8'), (23, 'amount TYPE real'), (24, 'amount TYPE money'), (25, 'amount TYPE pg_catalog.text USING note::pg_catalog.text'), (26, 'small TYPE boolean'), (27, 'small TYPE real'),
	(28, 'small TYPE numeric(4)'), (29, 'small TYPE numeric(5,1)'), (30, 'small TYPE oid'), (31, 'small TYPE pg_catalog.text USING vh.bang(small::pg_catalog.text)'), (32, 'id TYPE smallint'), (33, 'id TYPE numeric(9,0)'), (34, 'id TYPE float8'), (35, 'big TYPE int'), (36, 'big TYPE smallint'),
	(37, 'big TYPE numeric(18)'), (38, 'big TYPE numeric(20,2)'), (39, 'big TYPE timestamp'), (40, 'r TYPE numeric'), (41, 'r TYPE int'), (42, 'r TYPE pg_catalog.text USING r::varchar'), (43, 'at TYPE timestamp(2)'), (44, 'at TYPE timestamp(0)'), (45, 'at TYPE timestamptz'),
	(46, 'at TYPE timestamptz(6)'), (47, 'at TYPE date'), (48, 'at TYPE time'), (49, 'at TYPE pg_catalog.text USING t.at::pg_catalog.text'), (50, 'atz TYPE timestamp'), (51, 'atz TYPE timestamptz(1)'), (52, 'atz TYPE date'), (53, 'doc TYPE pg_catalog.jsonb'), (54, 'doc TYPE pg_catalog.text'),
	(55, 'fixed TYPE char(5)'), (56, 'fixed TYPE char(3)'), (57, 'fixed TYPE varchar(4) USING fixed::varchar(3)'), (58, 'fixed TYPE pg_catalog.text USING (SELECT fixed::pg_catalog.text)'), (59, 'sorted TYPE varchar(9)'), (60, 'gen TYPE varchar'), (61, 'note TYPE varchar(64) USING note'), (62, 'note TYPE varchar(64) USING NULL'),
	(63, 'note SET DATA TYPE varchar(64) USING vh.bang(note)'), (64, 'note TYPE varchar(64) COLLATE "C"'), (65, 'note TYPE varchar(64) COLLATE vh.coll'), (67, 'sorted TYPE varchar(64) COLLATE "default"'),
	(68, 'sorted TYPE varchar(64) COLLATE "POSIX"'), (69, 'sorted TYPE varchar(64) COLLATE pg_catalog."default"'), (70, 'id TYPE bigint COLLATE "C"'), (71, 'note TYPE varchar(64) CASCADE'), (72, 'note TYPE varchar(64), ALTER note TYPE varchar(65)'),
	(73, 'note TYPE varchar(64), DROP note'), (74, 'note TYPE varchar(64), ALTER amount TYPE int'), (75, 'note TYPE varchar(64), ADD note varchar(64)'), (76, 'id DROP NOT NULL'), (77, 'note DROP NOT NULL, ALTER note DROP NOT NULL'), (78, 'note DROP NOT NULL CASCADE'),
	(79, 'ctid TYPE pg_catalog.text'), (80, 'tableoid DROP NOT NULL'), (81, 'xmin TYPE bigint'), (82, 'nope TYPE bigint'), (83, '"NOTE" TYPE varchar(64)'), (84, 'nоte TYPE varchar(64)'), (85, '"note" TYPE varchar(31)'), (86, 'gone TYPE bigint'),
	(87, '"........pg.dropped.15........" TYPE bigint'), (88, '0 TYPE bigint'), (89, '* TYPE bigint'), (90, 'note TYPE'), (91, 't.note TYPE varchar(64)'), (92, 'note.x TYPE varchar(64)'), (93, 'note[1] TYPE varchar(64)')
) s(n, c) ORDER BY n;

-- labels of types that are not the table's, and anywhere but at the end
INSERT INTO vh.asked (part, q) SELECT 'label', 'ALTER TYPE ' || c FROM (VALUES
	(1, $$vh.mood ADD VALUE 'new'$$), (2, $$vh."Feeling" ADD VALUE 'new'$$), (3, $$vh.felt ADD VALUE 'new'$$), (4, $$vh.comp ADD VALUE 'new'$$), (5, $$vh.t ADD VALUE 'new'$$), (6, $$vh.base ADD VALUE 'new'$$), (7, $$vh._feeling ADD VALUE 'new'$$), (8, $$vh.nope ADD VALUE 'new'$$),
	(9, $$pg_catalog.text ADD VALUE 'new'$$), (10, $$vh.feeling ADD VALUE 'new' BEFORE 'fine'$$), (11, $$vh.feeling ADD VALUE IF NOT EXISTS 'new' AFTER 'fine'$$), (12, $$vh.feeling RENAME VALUE 'fine' TO 'new'$$), (13, $$vh.feeling ADD VALUE ''$$), (14, $$vh.feeling ADD VALUE 'Fine'$$),
	(15, $$vh.feeling ADD VALUE 'fine '$$), (16, $$vh.feeling ADD VALUE 'not_so_good'$$), (17, format('vh.feeling ADD VALUE %L', repeat('x', 64))), (18, format('vh.feeling ADD VALUE %L', repeat('ä', 32))), (19, $$vh.feeling ADD VALUE vh.bang()$$), (20, $$vh.feeling ADD VALUE 'a', 'b'$$),
	(21, $$vh.feeling ADD VALUE 'a'; DROP TABLE vh.t$$), (22, $$vh.feeling ADD VALUE 'a' || vh.bang()$$), (23, $$vh.feeling DROP VALUE 'fine'$$), (24, $$vh.feeling RENAME TO x$$), (25, $$vh.feeling OWNER TO CURRENT_USER$$), (26, $$vh.feeling SET SCHEMA public$$), (27, $$vh.feeling ADD VALUE "new"$$),
	(28, $$vh.feeling ADD ATTRIBUTE a int$$), (29, $$a.b.c.feeling ADD VALUE 'new'$$), (30, 'vh.' || repeat('f', 64) || $$ ADD VALUE 'new'$$), (31, $$vh.feeling[] ADD VALUE 'new'$$), (32, $$vh.t.feel%TYPE ADD VALUE 'new'$$),
	(33, E'vh.feeling ADD VALUE \'new\u200b\''), (34, E'vh.feeling ADD VALUE \'\u202ewen\''), (35, E'vh.feeling ADD VALUE E\'a\\nb\''), (36, E'vh.feeling ADD VALUE \'a\u00adb\''), (37, E'vh.feeling ADD VALUE \'\ufeff\'')
) s(n, c) ORDER BY n;

-- names that are cut, that are not seen, that PostgreSQL keeps for itself
INSERT INTO vh.asked (part, q) SELECT 'name', format(c, name) FROM (VALUES
	(1, repeat('x', 64)), (2, repeat('x', 1000)), (3, '"' || repeat('y', 64) || '"'), (4, '"' || repeat('ä', 32) || '"'), (5, repeat('ä', 32)), (6, '"' || repeat('日', 21) || 'x"'), (7, '"' || repeat('""', 64) || '"'),
	(8, 'U&"' || repeat('\00e4', 32) || '"'), (9, 'U&"' || repeat('z', 64) || '"'), (10, '"' || repeat('a', 60) || '😀"')
) s(n, name), (VALUES (1, 'ALTER TABLE vh.t ADD %s int'), (2, 'ALTER TABLE vh.t ALTER %s TYPE bigint'), (3, 'ALTER TABLE vh.t ALTER %s DROP NOT NULL'), (4, 'ALTER TABLE vh.%s ADD a int'), (5, 'ALTER TABLE vh.t ADD a vh.%s')) x(m, c) ORDER BY n, m;
INSERT INTO vh.asked (part, q) SELECT 'name', 'ALTER TABLE vh.t ADD ' || c || ' int' FROM (VALUES
	(1, '""'), (2, 'ctid'), (3, 'xmin'), (4, '"tableoid"'), (5, 'CMAX'), (6, '"........pg.dropped.15........"'), (7, 'note'), (8, '"Note"'), (9, '"note "'), (10, 'U&"not\0065"'), (11, 'U&"not!0065" UESCAPE ''!'''), (12, 'U&"\0000"'), (13, 'U&"\D800"'),
	(14, 'U&"\+110000"'), (15, 'U&"a\000a"'), (16, E'"a\u200bb"'), (17, E'"\u202eeton"'), (18, E'"a\u2066b\u2069"'), (19, E'"a\nb"'), (20, E'"\x01"'), (21, E'"a\x7f"'), (22, E'"\ufeffa"'), (23, E'"a\u061c"'), (24, E'"a\u0085"'), (41, E'"a\u00adb"'), (42, E'"a\ufff9"'), (43, E'"a\u180e"'), (44, E'"a\u2064"'), (45, E'"a\u2029b"'), (25, E'"a\u2028"'),
	(26, E'"\u200fa"'), (27, E'\u200b'), (28, 'U&"a\+0e0041"'), (29, '1a'), (30, '''a'''), (31, 'a.b'), (32, 'select'), (33, 'user'), (34, '$a'), (35, '@a'), (36, 'a-b'), (37, '"a'), (38, 'a"'), (39, E'\\a'), (40, '#a')
) s(n, c) ORDER BY n;

-- what some version's grammar takes and another's does not: refused by all
INSERT INTO vh.asked (part, q) SELECT 'by version', q FROM (VALUES
	(1, $$ALTER TABLE vh.t ALTER gen SET EXPRESSION AS (vh.bang())$$), (2, $$ALTER TABLE vh.t ADD a pg_catalog.text STORAGE plain$$), (3, $$ALTER TABLE vh.t ADD a pg_catalog.text STORAGE DEFAULT$$), (4, $$ALTER TABLE vh.t ALTER note SET STORAGE DEFAULT$$),
	(5, $$ALTER TABLE vh.t ADD a int GENERATED ALWAYS AS (vh.bang_int(1)) VIRTUAL$$), (6, $$ALTER TABLE vh.t ADD a int GENERATED ALWAYS AS (vh.bang_int(1))$$), (7, $$ALTER TABLE vh.t ADD a int CHECK (vh.bang_int(a) > 0) NOT ENFORCED$$),
	(8, $$ALTER TABLE vh.t ADD a int REFERENCES vh.other ENFORCED$$), (9, $$ALTER TABLE vh.t ADD a int NOT NULL NO INHERIT$$), (10, $$ALTER TABLE vh.t ADD CONSTRAINT c NOT NULL note$$), (11, $$ALTER TABLE vh.t ADD NOT NULL note NOT VALID$$),
	(12, $$ALTER TABLE vh.t ALTER CONSTRAINT c INHERIT$$), (13, $$ALTER TABLE vh.t ALTER CONSTRAINT c NOT ENFORCED$$), (14, $$ALTER TABLE vh.t SET ACCESS METHOD DEFAULT$$), (15, $$ALTER TABLE vh.t ALTER note SET STATISTICS DEFAULT$$),
	(16, $$ALTER TABLE vh.t SPLIT PARTITION vh.part INTO (PARTITION a DEFAULT)$$), (17, $$ALTER TABLE vh.t MERGE PARTITIONS (a, b) INTO c$$), (18, $$ALTER TABLE vh.t ADD FOREIGN KEY (id, PERIOD at) REFERENCES vh.other (id, PERIOD at)$$),
	(19, $$ALTER TABLE vh.t ADD UNIQUE (id, at WITHOUT OVERLAPS)$$), (20, $$ALTER TABLE vh.t ADD a int UNIQUE NULLS NOT DISTINCT$$), (21, $$ALTER TABLE vh.t ADD a pg_catalog.text DEFAULT JSON_VALUE('1', '$')$$), (22, $$ALTER TABLE vh.t ADD a varchar(0x10) NOT NULL$$),
	(23, $$ALTER TABLE vh.t ADD a varchar(1_0) NOT NULL$$), (24, $$ALTER TABLE vh.t ALTER note TYPE pg_catalog.text USING JSON_SCALAR(note)$$), (25, $$ALTER TABLE vh.t ALTER note TYPE pg_catalog.text USING MERGE_ACTION()$$)
) s(n, q) ORDER BY n;

-- too big: a parser's stack and a walker's
INSERT INTO vh.asked (part, q) SELECT 'big', q FROM (VALUES
	(1, 'ALTER TABLE vh.t ADD a varchar(' || repeat('(', 20000) || '1' || repeat(')', 20000) || ')'), (2, 'ALTER TABLE vh.t ADD a varchar(' || repeat('1+', 200000) || '1)'), (3, 'ALTER TABLE vh.t ADD a int DEFAULT ' || repeat('- ', 200000) || '1'),
	(4, 'ALTER TABLE vh.t ADD a int DEFAULT ' || repeat('(SELECT ', 20000) || '1' || repeat(')', 20000)), (5, 'ALTER TABLE vh.t ADD a int' || repeat('[]', 200000)), (6, repeat('/*', 200000) || 'ALTER TABLE vh.t ADD a int'),
	(7, 'ALTER TABLE vh.t ADD a int ' || repeat('NULL ', 150000) || 'NOT NULL'), (8, 'ALTER TABLE vh.t ' || repeat('ADD a int, ', 90000) || 'ADD a int'), (9, 'ALTER TABLE ' || repeat('a.', 200000) || 't ADD a int'), (10, 'ALTER TABLE vh.t ADD "' || repeat('x', 1000000) || '" int'),
	(17, 'ALTER TABLE vh.t ADD a int /*' || repeat('*', 1000) || '*/'), (18, 'ALTER TABLE vh.t ADD a int DEFAULT ' || repeat('+', 1000000) || '1'), (19, 'ALTER TABLE vh.t ADD a int, ADD ' || repeat('!', 1000000)),
	(11, 'ALTER TABLE vh.t ADD a int' || repeat(' ', 1100000)), (12, repeat(';', 1000000)), (20, 'ALTER TABLE vh.t ADD a ' || repeat('a.', 400000) || 'b[]'), (21, 'ALTER TABLE vh.t ADD a int DEFAULT ' || repeat('ä', 400000) || ' ' || repeat('ß', 90000)), (13, 'ALTER TABLE vh.t ADD a int DEFAULT $' || repeat('x', 500000) || '$ $x$'), (14, 'ALTER TABLE vh.t ADD a numeric(' || repeat('9', 500000) || ')'),
	(15, 'ALTER TABLE vh.t ADD a varchar(' || repeat('1,', 200000) || '1)'), (16, 'ALTER TABLE vh.t ' || (SELECT string_agg('ADD c' || i || ' int', ', ') FROM generate_series(1, 1700) i))
) s(n, q) ORDER BY n;

-- everything of it is refused, and by what
SET client_min_messages = error;
SELECT vh.digest() AS digest, (SELECT last_value || is_called::pg_catalog.text FROM vh.canary) AS canary \gset
CREATE TEMP TABLE answer AS SELECT a.*, v.verdict, vh.class(v.reason) AS class, length(v.reason) AS length, v.sql FROM vh.asked a, LATERAL selfheal.vet('vh.t', a.q) v;
SELECT (SELECT last_value || is_called::pg_catalog.text FROM vh.canary) OPERATOR(pg_catalog.=) :'canary' AS no_canary_sang;
SET search_path = pg_catalog;
SELECT part, verdict, class, vh.shown(q) FROM answer WHERE part NOT IN ('expression', 'by version', 'big') ORDER BY n;
SELECT e, string_agg(verdict || ' ' || class, ', ' ORDER BY a.n) FROM vh.expression x
	JOIN (SELECT *, (row_number() OVER (ORDER BY n) + 7) / 8 AS x FROM answer WHERE part = 'expression') a ON a.x = x.n GROUP BY x.n, e ORDER BY x.n;
SELECT part, verdict, vh.shown(q) FROM answer WHERE part = 'by version' ORDER BY n;
SELECT part, verdict, CASE class WHEN 'size' THEN 'size' END, vh.shown(q) FROM answer WHERE part = 'big' ORDER BY n;
SELECT count(*) >= 600 AND count(*) = count(DISTINCT q) AS enough, count(*), count(*) FILTER (WHERE verdict = 'refuse' AND sql IS NULL) AS refused FROM answer;
SELECT max(length) < 600 AS reasons_are_short FROM answer;
SELECT part, count(DISTINCT q) FROM answer GROUP BY part ORDER BY min(n);

-- and under whatever settings, paths and roles
CREATE FUNCTION vh.again(what pg_catalog.text) RETURNS pg_catalog.text LANGUAGE sql AS $$
	SELECT pg_catalog.format('%s: %s asked, %s not refused', what, pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE v.verdict OPERATOR(pg_catalog.<>) 'refuse'))
	FROM vh.asked a, LATERAL selfheal.vet('vh.t', a.q) v
	WHERE a.part OPERATOR(pg_catalog.<>) 'big' AND (a.part OPERATOR(pg_catalog.<>) 'type by path' OR pg_catalog.current_setting('search_path') OPERATOR(pg_catalog.=) 'vh, pg_catalog')
$$;
SET standard_conforming_strings = off;
SELECT vh.again('standard_conforming_strings off');
SET backslash_quote = on;
SELECT vh.again('backslash_quote on');
RESET standard_conforming_strings;
RESET backslash_quote;
SET quote_all_identifiers = on;
SELECT vh.again('quote_all_identifiers on');
RESET quote_all_identifiers;
SET search_path = vh;
SELECT vh.again('path vh');
SET search_path = "vh.t", public, vh, pg_catalog;
SELECT vh.again('path of others first');
SET search_path = '';
SELECT vh.again('no path');
CREATE TEMP TABLE t (id integer);
CREATE DOMAIN pg_temp.int4 AS pg_catalog.int4;
CREATE DOMAIN pg_temp.text AS pg_catalog.text;
CREATE DOMAIN pg_temp.jsonb AS pg_catalog.jsonb;
SET search_path = pg_temp, vh, pg_catalog;
SELECT vh.again('a temporary table of the name');
SET search_path = vh, pg_catalog;
SET ROLE regress_vet_owner;
SELECT vh.again('as the owner');
SET row_security = off;
SELECT vh.again('row_security off');
RESET ROLE;
RESET row_security;

-- a name without its schema means what it means to the caller, a type too
CREATE FUNCTION vh.ask(path pg_catalog.text, q pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$
DECLARE
	result pg_catalog.text;
BEGIN
	PERFORM pg_catalog.set_config('search_path', path, true);
	SELECT v.verdict OPERATOR(pg_catalog.||) coalesce(': ' OPERATOR(pg_catalog.||) v.sql, ', ' OPERATOR(pg_catalog.||) vh.class(v.reason))
		INTO result FROM selfheal.vet('vh.t', q) v;
	RETURN result;
END $$;
RESET client_min_messages;
SET client_min_messages = warning;
SELECT path, q, vh.ask(path, q) FROM (VALUES
	(1, 'pg_catalog, vh', 'ALTER TABLE t ADD a int'), (2, 'pg_temp, vh', 'ALTER TABLE t ADD a int'), (3, 'vh, pg_temp', 'ALTER TABLE t ADD a int'), (4, 'public, vh, pg_temp', 'ALTER TABLE t ADD a int'),
	(5, '"vh.t", vh, pg_temp', 'ALTER TABLE t ADD a int'), (6, '', 'ALTER TABLE t ADD a int'), (7, '', 'ALTER TABLE vh.t ADD a int'), (8, 'nope, vh, pg_temp', 'ALTER TABLE t ADD a int'), (9, '"$user", vh, pg_temp', 'ALTER TABLE t ADD a int'),
	(10, 'vh, pg_catalog', 'ALTER TABLE vh.t ADD a text'), (11, 'pg_catalog, vh', 'ALTER TABLE vh.t ADD a text'), (12, 'pg_catalog, vh, pg_temp', 'ALTER TABLE vh.t ADD a text'), (13, 'vh, pg_catalog', 'ALTER TABLE vh.t ADD a pg_catalog.text'),
	(14, 'vh, pg_catalog', 'ALTER TABLE vh.t ADD a int'), (15, 'vh, pg_catalog', 'ALTER TABLE vh.t ADD a numeric(5,2)'), (16, 'vh, pg_catalog', 'ALTER TABLE vh.t ADD a varchar(5)')
) s(n, path, q) ORDER BY n;
SELECT v.verdict, vh.class(v.reason) FROM selfheal.vet(format('vh.%I', repeat('x', 63))::regclass, format('ALTER TABLE vh.%I ADD a int', repeat('x', 64))) v;
DROP TABLE pg_temp.t;
DROP DOMAIN pg_temp.int4, pg_temp.text, pg_temp.jsonb;
SET search_path = pg_catalog;

-- catalogs, our own tables, and what else no plan may be about: not one
CREATE FUNCTION vh.about(c oid) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (selfheal.vet(c, 'ALTER TABLE ' || c::regclass || ' ADD a pg_catalog.int4')).verdict;
EXCEPTION WHEN OTHERS THEN
	RETURN 'error ' || SQLSTATE;
END $$;
SELECT n.nspname, string_agg(DISTINCT vh.about(c.oid), ', '), count(*) > 1 AS several FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
	WHERE n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast', 'selfheal', 'selfheal_sandbox') GROUP BY 1 ORDER BY 1;
SELECT c, vh.about(c::regclass) FROM unnest('{vh.v,vh.mv,vh.s,vh.t_pkey,vh.part,vh.comp}'::text[]) WITH ORDINALITY x(c, n) ORDER BY n;

-- tables that something else depends on being as they are, or that another owns
CREATE FUNCTION vh.why(c regclass) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT coalesce(v.verdict || ', ' || regexp_replace(v.reason, 'pg_temp_\d+', 'pg_temp'), 'null') FROM selfheal.vet(c, format('ALTER TABLE %s ADD a pg_catalog.int4', c)) v);
EXCEPTION WHEN OTHERS THEN
	RETURN 'error ' || SQLSTATE;
END $$;
BEGIN;
CREATE TABLE vh.member (id integer);
ALTER EXTENSION selfheal ADD TABLE vh.member;
CREATE TEMP TABLE temporary (id integer);
CREATE TABLE vh.mother (id integer);
CREATE TABLE vh.adopted () INHERITS (vh.mother);
ALTER TABLE vh.adopted OWNER TO regress_vet_owner;
ALTER TABLE vh.mother OWNER TO regress_vet_owner;
CREATE ROLE regress_vet_other;
ALTER TABLE vh.adopted OWNER TO regress_vet_other;
CREATE TABLE vh.father (id integer);
CREATE TEMP TABLE brief () INHERITS (vh.father);
CREATE FOREIGN DATA WRAPPER regress_vet_wrapper;
CREATE SERVER regress_vet_server FOREIGN DATA WRAPPER regress_vet_wrapper;
CREATE FOREIGN TABLE vh.far (id integer) SERVER regress_vet_server;
CREATE TABLE vh.both (id integer, k integer) PARTITION BY LIST (k);
CREATE FOREIGN TABLE vh.far_part PARTITION OF vh.both FOR VALUES IN (1) SERVER regress_vet_server;
CREATE TABLE vh.typed OF vh.comp;
SELECT c, vh.why(c::regclass) FROM unnest('{vh.member,pg_temp.temporary,vh.mother,vh.adopted,vh.father,vh.far,vh.both,vh.far_part,vh.typed,vh.part}'::text[]) WITH ORDINALITY x(c, n) ORDER BY n;
ALTER EXTENSION selfheal DROP TABLE vh.member;
SELECT vh.why('vh.member');
ROLLBACK;

-- nothing has run, nothing has changed
DROP TABLE answer;
DROP FUNCTION vh.again, vh.ask, vh.about, vh.why;
SELECT vh.digest() = :'digest' AS same_catalog, (SELECT last_value || is_called::text FROM vh.canary) = :'canary' AS no_canary_sang,
	(SELECT count(*) FROM vh.canary_row) AS canary_rows;
-- and the canary does sing
SELECT vh.bang() IS NOT NULL, (SELECT last_value || is_called::text FROM vh.canary) <> :'canary' AS it_sings;

DROP SCHEMA vh, "vh.t" CASCADE;
DROP TABLE public.t;
DROP OWNED BY regress_vet_owner;
DROP ROLE regress_vet_owner;
