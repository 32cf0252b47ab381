--
-- What must pass the vetter, with the SQL that would run. Of each statement:
-- what would run vets to itself, it runs, it does to the table what the
-- statement itself does, and then there is nothing left to do.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA vs;
CREATE SCHEMA "Größe; DROP";
SET search_path = vs, public;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

CREATE TYPE vs.feeling AS ENUM ('fine', 'it''s \ ok');
CREATE TYPE vs."Größe; --" AS ENUM ();
CREATE TABLE vs.t (
	id integer PRIMARY KEY, note varchar(32) NOT NULL, free varchar, txt text, small smallint, big bigint, amount numeric(8,2), neg numeric(4,-2), num numeric,
	r real, at timestamp(3), atz timestamptz(0), clock time(0), clockz time(1) with time zone, span interval(2), days interval day to second(1),
	sorted varchar(10) COLLATE "C", posix text COLLATE "POSIX", must text NOT NULL, "Must" integer NOT NULL, "select" varchar(5), "été" varchar(5), "a""b" varchar(5), "a.b" varchar(5),
	"日本" smallint, u_ser varchar(5), "x y" integer NOT NULL, "$a" varchar(5), "a''b" varchar(5), "-- a" varchar(5), "/* a" varchar(5), uniq varchar(8) UNIQUE, feel vs.feeling, feel2 vs.feeling NOT NULL, size vs."Größe; --"
);
CREATE INDEX ON vs.t (lower(note));
CREATE TABLE "Größe; DROP"."Täble ""1""" (id integer, "Spalte; --" varchar(5) NOT NULL);
CREATE TABLE vs."select" (a varchar(5));
CREATE TABLE vs.parted (id integer, k text NOT NULL, v varchar(5) NOT NULL) PARTITION BY LIST (k);
CREATE TABLE vs.part PARTITION OF vs.parted FOR VALUES IN ('a');
CREATE TABLE vs.parent (id integer, v varchar(5));
CREATE TABLE vs.child () INHERITS (vs.parent);
CREATE UNLOGGED TABLE vs.fast (v varchar(5));
CREATE TABLE vs.empty ();
SELECT format('CREATE TABLE vs.%I (v varchar(5))', repeat('n', 63)) \gexec
SELECT format('ALTER TABLE vs.t ADD %I varchar(5), ADD %I varchar(5)', repeat('c', 63), repeat('ü', 31)) \gexec

CREATE FUNCTION vs.columns(rel regclass) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(concat_ws(' ', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.atthasdef, a.attcollation, a.attidentity, a.attgenerated,
		(SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = a.atttypid)), ', ' ORDER BY a.attrelid, a.attnum), '')
	FROM pg_attribute a WHERE a.attnum > 0 AND NOT a.attisdropped AND (a.attrelid = rel OR a.attrelid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = rel))
$$;
-- itself: vets to itself; runs: and does what was said; done: nothing is left
CREATE FUNCTION vs.check(rel regclass, q text, OUT verdict text, OUT itself boolean, OUT runs boolean, OUT done boolean, OUT shown text) LANGUAGE plpgsql AS $$
DECLARE
	v record;
	w record;
	said text;
	before text := vs.columns(rel);
BEGIN
	SELECT * INTO v FROM selfheal.vet(rel, q);
	verdict := v.verdict;
	shown := coalesce(v.sql, v.reason, 'nothing');
	SELECT * INTO w FROM selfheal.vet(rel, coalesce(v.sql, q));
	itself := w.verdict = v.verdict AND w.steps = v.steps AND w.sql IS NOT DISTINCT FROM v.sql;
	BEGIN
		EXECUTE q;
		said := vs.columns(rel);
		RAISE EXCEPTION USING ERRCODE = 'SH001';
	EXCEPTION WHEN SQLSTATE 'SH001' THEN
	END;
	runs := v.sql IS NULL AND said = before;
	done := runs;
	IF v.sql IS NOT NULL THEN
		BEGIN
			EXECUTE v.sql;
			runs := vs.columns(rel) = said AND said <> before;
			SELECT bool_and(x.verdict = 'auto' AND x.sql IS NULL AND x.steps -> 'steps' = '[]') INTO done
				FROM unnest(ARRAY[q, v.sql]) s, LATERAL selfheal.vet(rel, s) x;
			RAISE EXCEPTION USING ERRCODE = 'SH001';
		EXCEPTION WHEN SQLSTATE 'SH001' THEN
		END;
	END IF;
END $$;

CREATE TABLE vs.asked (n integer GENERATED ALWAYS AS IDENTITY, part text, rel regclass, q text);
-- the name of the table
INSERT INTO vs.asked (part, rel, q) SELECT 'table', rel::regclass, q FROM (VALUES
	(1, 'vs.t', 'ALTER TABLE vs.t ADD COLUMN a int'), (2, 'vs.t', 'ALTER TABLE t ADD COLUMN a int'), (3, 'vs.t', 'alter table VS.T add column A INT'), (4, 'vs.t', 'ALTER TABLE "vs"."t" ADD COLUMN "a" "int4"'),
	(5, 'vs.t', 'ALTER TABLE "t" ADD a int'), (6, 'vs.t', 'ALTER TABLE vs . t ADD a int'), (7, 'vs.t', 'ALTER TABLE IF EXISTS vs.t ADD a int'), (8, 'vs.t', 'ALTER TABLE ONLY vs.t ADD a int'), (9, 'vs.t', 'ALTER TABLE ONLY (vs.t) ADD a int'),
	(10, 'vs.t', 'ALTER TABLE vs.t * ADD a int'), (11, 'vs.t', 'ALTER TABLE U&"vs".U&"\0074" ADD a int'), (12, 'vs.t', 'ALTER TABLE U&"v!0073" UESCAPE ''!''.t ADD a int'), (13, 'vs.t', format('ALTER TABLE %I.vs.t ADD a int', current_database())),
	(14, 'vs."select"', 'ALTER TABLE vs."select" ADD a2 int'), (15, '"Größe; DROP"."Täble ""1"""', 'ALTER TABLE "Größe; DROP"."Täble ""1""" ADD a int'), (16, '"Größe; DROP"."Täble ""1"""', 'ALTER TABLE U&"Gr\00f6\00dfe; DROP"."Täble ""1""" ALTER "Spalte; --" TYPE text, ALTER "Spalte; --" DROP NOT NULL'),
	(17, 'vs.empty', 'ALTER TABLE vs.empty ADD a int'), (18, 'vs.fast', 'ALTER TABLE fast ALTER v TYPE text, ADD a int'), (19, 'vs.parted', 'ALTER TABLE parted ADD a int, ALTER v TYPE varchar(6), ALTER v DROP NOT NULL'), (20, 'vs.parent', 'ALTER TABLE parent * ADD a int, ALTER v TYPE varchar(6)'),
	(21, 'vs.' || repeat('n', 63), 'ALTER TABLE vs.' || repeat('n', 63) || ' ADD a int'), (22, 'vs.' || repeat('n', 63), 'ALTER TABLE "' || repeat('n', 63) || '" ALTER v TYPE text')
) s(n, rel, q) ORDER BY n;
-- blanks, comments, ends
INSERT INTO vs.asked (part, rel, q) SELECT 'text', 'vs.t', q FROM (VALUES
	(1, E'\n\t ALTER\r\n TABLE\fvs.t\n\nADD\tCOLUMN\na\nint\n'), (2, 'ALTER TABLE vs.t ADD a int;'), (3, ';; ALTER TABLE vs.t ADD a int ;;;'), (4, 'ALTER TABLE vs.t ADD a int -- ; DROP TABLE vs.t'), (5, E'-- first\nALTER TABLE vs.t ADD a int'),
	(6, '/* a */ALTER/* b */TABLE/**/vs.t/* ; */ADD/* /* nested; */ DROP */a/**/int/* end'' "; */'), (7, E'ALTER TABLE vs.t -- it''s "one"\nADD a int'), (8, 'ALTER TABLE vs.t /* $$ */ ADD a int /* $$ */'), (9, 'ALTER TABLE vs./* . */t ADD a int'),
	(10, E'ALTER TABLE vs.t ADD a int; -- \n -- \n/* */;'), (11, 'aLtEr TaBlE vs.t AdD cOlUmN a InT'), (12, 'ALTER TABLE vs.t ADD IF NOT EXISTS a int'), (13, 'ALTER TABLE vs.t ADD COLUMN IF NOT EXISTS a int'), (14, '/*' || repeat('-', 250) || '*/ ALTER TABLE vs.t ADD a int'),
	(15, 'ALTER TABLE vs.t ADD a int /*' || repeat('/* ', 200) || repeat('*/ ', 200) || '*/'), (16, repeat(E'\n', 100000) || 'ALTER TABLE vs.t ADD a int')
) s(n, q) ORDER BY n;
-- names of new columns
INSERT INTO vs.asked (part, rel, q) SELECT 'name', 'vs.t', 'ALTER TABLE vs.t ADD ' || c || ' int' FROM (VALUES
	(1, 'b'), (2, '_b'), (3, 'B'), (4, '"B"'), (5, '"Note"'), (6, '"note "'), (7, '" "'), (8, '"1"'), (9, '"a b"'), (10, '"a;b"'), (11, '"a""""b"'), (12, '"''"'), (13, '"\"'), (14, '"DROP TABLE vs.t"'), (15, '"x int); DROP TABLE vs.t; --"'), (16, '"$$"'), (17, '"/*"'), (18, '"--"'),
	(19, 'b$c'), (20, 'ä'), (21, 'Ä'), (22, 'größe'), (23, '日本語'), (24, 'столбец'), (25, 'שם'), (26, 'اسم'), (27, 'नाम'), (28, '"😀"'), (29, E'"\u0646\u200c\u0647"'), (30, E'"\U0001F468\u200d\U0001F469"'), (31, 'U&"\00e4"'), (32, 'U&"d\0061t\+000061"'), (33, 'U&"d!0061" UESCAPE ''!'''), (34, 'U&"\00e9t\00e9 2"'),
	(35, 'name'), (36, 'type'), (37, 'value'), (38, 'text'), (39, '"user"'), (40, '"table"'), (41, '"null"'), (42, 'position'), (43, 'oid'), (44, 'system'), (45, 'abort'), (46, '"add"'), (47, 'year'), (48, '"column"'),
	(49, repeat('m', 63)), (50, '"' || repeat('M', 63) || '"'), (51, '"' || repeat('ä', 31) || '"'), (52, '"' || repeat('日', 21) || '"'), (53, '"' || repeat('""', 63) || '"'), (54, 'U&"' || repeat('u', 63) || '"'), (55, 'U&"' || repeat('\00e4', 12) || '"'), (56, '"' || repeat('a', 59) || '😀"'), (57, '"selfheal"'), (58, 'payload')
) s(n, c) ORDER BY n;
-- types of new columns
INSERT INTO vs.asked (part, rel, q) SELECT 'type', 'vs.t', 'ALTER TABLE vs.t ADD a ' || c FROM (VALUES
	(1, 'boolean'), (2, 'bool'), (3, 'pg_catalog.bool'), (4, 'smallint'), (5, 'int2'), (6, 'integer'), (7, 'int4'), (8, '"int4"'), (9, 'pg_catalog."int4"'), (10, 'bigint'), (11, 'int8'), (12, 'numeric'), (13, 'numeric(10)'), (14, 'numeric(10,0)'), (15, 'numeric(1000,1000)'), (16, 'numeric(1,1)'), (17, 'decimal'), (18, 'dec(5,2)'),
	(19, 'pg_catalog.numeric(7,3)'), (20, 'float8'), (21, 'double precision'), (22, 'float'), (23, 'float(53)'), (24, 'float(25)'), (25, 'text'), (26, 'pg_catalog.text'), (27, '"text"'), (28, 'TEXT'), (29, 'varchar'), (30, 'varchar(1)'), (31, 'varchar(10485760)'), (32, 'character varying'), (33, 'character varying(9)'), (34, 'char varying(9)'),
	(35, 'national character varying(9)'), (36, 'nchar varying(9)'), (37, 'pg_catalog.varchar(9)'), (38, '"varchar"(9)'), (39, 'date'), (40, 'time'), (41, 'time(0)'), (42, 'time without time zone'), (43, 'time(6) without time zone'), (44, 'timestamp'), (45, 'timestamp(0)'), (46, 'timestamp(3) without time zone'), (47, 'timestamptz'), (48, 'timestamptz(6)'),
	(49, 'timestamp with time zone'), (50, 'timestamp(1) with time zone'), (51, 'pg_catalog.timestamptz(2)'), (52, 'uuid'), (53, 'jsonb'), (54, 'inet'), (55, 'bytea'), (56, 'text NULL'), (57, 'text NULL NULL'), (58, 'text CONSTRAINT c NULL'), (59, 'text COLLATE "default"'), (60, 'varchar(5) COLLATE pg_catalog."default"'), (61, 'varchar COLLATE "default" NULL')
) s(n, c) ORDER BY n;
-- more room
INSERT INTO vs.asked (part, rel, q) SELECT 'widening', 'vs.t', 'ALTER TABLE vs.t ALTER ' || c FROM (VALUES
	(1, 'note TYPE varchar(33)'), (2, 'COLUMN note TYPE varchar(10485760)'), (3, 'note SET DATA TYPE varchar(64)'), (4, 'COLUMN "note" SET DATA TYPE text'), (5, 'note TYPE varchar'), (6, 'note TYPE pg_catalog.text'), (7, 'note TYPE text COLLATE "default"'), (8, 'note TYPE varchar(64) COLLATE pg_catalog."default"'), (9, 'NOTE TYPE text'),
	(10, 'free TYPE text'), (11, 'small TYPE int'), (12, 'small TYPE bigint'), (13, 'small TYPE numeric'), (14, 'small TYPE numeric(5)'), (15, 'small TYPE numeric(9,4)'), (16, 'big TYPE numeric(19)'), (17, 'big TYPE numeric'), (18, 'big TYPE decimal(30,5)'), (19, 'id TYPE int8'), (20, 'id TYPE numeric(10,0)'),
	(21, 'amount TYPE numeric(9,2)'), (22, 'amount TYPE numeric(9,3)'), (23, 'amount TYPE numeric(1000,2)'), (24, 'amount TYPE numeric'), (25, 'neg TYPE numeric(5,-2)'), (26, 'neg TYPE numeric(6,0)'), (27, 'neg TYPE numeric'), (28, 'r TYPE float8'), (29, 'r TYPE double precision'), (30, 'at TYPE timestamp'), (31, 'at TYPE timestamp(4)'),
	(32, 'at TYPE timestamp(6) without time zone'), (33, 'atz TYPE timestamptz'), (34, 'atz TYPE timestamp(1) with time zone'), (35, 'clock TYPE time'), (36, 'clock TYPE time(2) without time zone'), (37, 'clockz TYPE timetz'), (38, 'clockz TYPE time(3) with time zone'), (39, 'span TYPE interval'), (40, 'span TYPE interval(3)'), (41, 'days TYPE interval day to second'),
	(42, 'days TYPE interval day to second(4)'), (43, 'sorted TYPE varchar(11)'), (44, 'sorted TYPE text'), (45, 'sorted TYPE text COLLATE "C"'), (46, 'sorted TYPE varchar(99) COLLATE pg_catalog."C"'), (47, 'uniq TYPE text'), (48, '"select" TYPE text'), (49, '"été" TYPE text'), (50, 'U&"\00e9t\00e9" TYPE varchar(6)'), (51, '"a""b" TYPE text'), (52, '"a.b" TYPE text'),
	(53, '"日本" TYPE int'), (54, '"$a" TYPE text'), (55, '"a''''b" TYPE text'), (56, '"-- a" TYPE text'), (57, '"/* a" TYPE text'), (58, 'u_ser TYPE text'), (59, repeat('c', 63) || ' TYPE text'), (60, '"' || repeat('c', 63) || '" TYPE varchar(6)'), (61, repeat('ü', 31) || ' TYPE text'), (62, 'must DROP NOT NULL'), (63, 'COLUMN must DROP NOT NULL'), (64, '"Must" DROP NOT NULL'),
	(65, '"x y" DROP NOT NULL'), (66, 'note DROP NOT NULL')
) s(n, c)
-- without USING, numeric of another scale and the collation of "sorted" are said in full by the statement itself
WHERE NOT (c ~ '^sorted' AND c !~ 'COLLATE') ORDER BY n;
-- several at once
INSERT INTO vs.asked (part, rel, q) SELECT 'several', 'vs.t', 'ALTER TABLE vs.t ' || c FROM (VALUES
	(1, 'ADD a int, ADD b text'), (2, 'ADD a int, ADD "A" int'), (3, 'ADD a int, ALTER note TYPE text'), (4, 'ALTER note TYPE text, ALTER note DROP NOT NULL'), (5, 'ALTER note DROP NOT NULL, ALTER COLUMN note TYPE text, ADD COLUMN note2 text'), (6, 'ALTER small TYPE int, ALTER id TYPE bigint, ALTER r TYPE float8'),
	(7, 'ADD a int, ADD note varchar(32)'), (8, 'ALTER note TYPE varchar(32), ADD a int, ALTER txt DROP NOT NULL'), (9, 'ADD a int /* , DROP note */, ADD b int -- , DROP note'), (10, 'ADD IF NOT EXISTS txt text, ADD IF NOT EXISTS a text'), (11, 'ALTER must DROP NOT NULL, ALTER "Must" DROP NOT NULL, ALTER "x y" DROP NOT NULL'),
	(12, (SELECT string_agg(format('ADD c%s %s', i, (ARRAY['int', 'text', 'numeric(9,2)'])[i % 3 + 1]), ', ') FROM generate_series(1, 300) i))
) s(n, c) WHERE c !~ '^ADD a int, ADD note v' ORDER BY n;
-- labels, at the end of a type that the table has
INSERT INTO vs.asked (part, rel, q) SELECT 'label', 'vs.t', 'ALTER TYPE ' || c FROM (VALUES
	(1, $$vs.feeling ADD VALUE 'new'$$), (2, $$feeling ADD VALUE 'new'$$), (3, $$"vs".FEELING ADD VALUE IF NOT EXISTS 'new'$$), (4, $$vs/**/./* ; */feeling ADD VALUE 'new' -- end$$), (5, $$vs.feeling ADD VALUE 'it''s'$$), (6, $$vs.feeling ADD VALUE E'a\\b\'c'$$), (7, $q$vs.feeling ADD VALUE $a$$$; DROP$a$$q$),
	(8, $$vs.feeling ADD VALUE U&'\00fc'$$), (9, $$vs.feeling ADD VALUE '日本 😀'$$), (10, $$vs.feeling ADD VALUE '; DROP TABLE vs.t; --'$$), (11, format('vs.feeling ADD VALUE %L', repeat('x', 63))), (12, $$vs."Größe; --" ADD VALUE 'XL'$$), (13, $$U&"feel\0069ng" ADD VALUE 'new';$$)
) s(n, c) ORDER BY n;
-- what is true already
INSERT INTO vs.asked (part, rel, q) VALUES ('already', 'vs.t', $$ALTER TYPE vs.feeling ADD VALUE IF NOT EXISTS 'fine'$$), ('already', 'vs.t', $$ALTER TYPE vs.feeling ADD VALUE IF NOT EXISTS E'it\'s \\ ok'$$);
INSERT INTO vs.asked (part, rel, q) SELECT 'already', 'vs.t', 'ALTER TABLE vs.t ' || c FROM (VALUES
	(1, 'ADD IF NOT EXISTS txt text'), (2, 'ADD COLUMN IF NOT EXISTS note varchar(32)'), (3, 'ALTER note TYPE varchar(32)'), (4, 'ALTER note SET DATA TYPE character varying(32)'), (5, 'ALTER amount TYPE decimal(8,2)'), (6, 'ALTER txt DROP NOT NULL'), (7, 'ALTER txt TYPE text, ALTER free DROP NOT NULL, ADD IF NOT EXISTS "日本" int2'), (8, 'ALTER sorted TYPE varchar(10) COLLATE "C"')
) s(n, c) ORDER BY n;

CREATE TEMP TABLE answer AS SELECT a.*, c.verdict, c.itself, c.runs, c.done, c.shown FROM vs.asked a, LATERAL vs.check(a.rel, a.q) c;
SELECT part, verdict, CASE WHEN itself AND runs AND done THEN 'good' ELSE format('ITSELF %s RUNS %s DONE %s', itself, runs, done) END,
	CASE WHEN length(q) > 150 THEN left(replace(q, E'\n', '\n'), 60) || '... (' || length(q) || ')' ELSE replace(replace(replace(replace(replace(q, current_database() || '.', 'here.'), E'\n', '\n'), E'\r', '\r'), E'\t', '\t'), E'\f', '\f') END,
	CASE WHEN length(shown) > 300 THEN left(shown, 60) || '... (' || length(shown) || ')' ELSE shown END FROM answer ORDER BY n;
SELECT count(*) = count(DISTINCT (rel, q)) AS different, count(*), count(*) FILTER (WHERE verdict <> 'refuse' AND itself AND runs AND done) AS good FROM answer;
SELECT part, count(*) FROM answer GROUP BY part ORDER BY min(n);

-- ALTER COLUMN TYPE alone would change the collation; what runs keeps it
SELECT verdict, v.sql, (SELECT (w.verdict, w.reason, w.steps, w.sql) = (v.verdict, v.reason, v.steps, v.sql) FROM selfheal.vet('vs.t', v.sql) w) AS itself FROM (VALUES
	(1, 'ALTER TABLE vs.t ALTER sorted TYPE varchar(11)'), (2, 'ALTER TABLE vs.t ALTER sorted TYPE text')
) s(n, q), LATERAL selfheal.vet('vs.t', q) v ORDER BY n;

-- the same under other settings, and what runs does not depend on them
CREATE FUNCTION vs.again(what text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s: %s asked, %s as before', what, count(*), count(*) FILTER (WHERE coalesce(v.sql, v.reason, 'nothing') = a.shown AND v.verdict = a.verdict))
	FROM answer a, LATERAL selfheal.vet(a.rel, a.q) v WHERE current_setting('standard_conforming_strings') = 'on' OR a.q !~ 'U&'
$$;
SET standard_conforming_strings = off;
SELECT vs.again('standard_conforming_strings off');
RESET standard_conforming_strings;
SET datestyle = 'SQL, DMY';
SET timezone = 'Asia/Kolkata';
SET intervalstyle = 'sql_standard';
SET extra_float_digits = -10;
SELECT vs.again('other styles');
-- the SQL that would run, asked for by a stranger's path
CREATE FUNCTION vs.bare(what text) RETURNS text LANGUAGE sql SET search_path = '' AS $$
	SELECT pg_catalog.format('%s: %s asked, %s as before', what, pg_catalog.count(*), pg_catalog.count(*) FILTER (WHERE v.sql OPERATOR(pg_catalog.=) a.shown AND v.verdict OPERATOR(pg_catalog.=) a.verdict))
	FROM pg_temp.answer a, LATERAL selfheal.vet(a.rel, a.shown) v WHERE a.shown OPERATOR(pg_catalog.~) '^ALTER'
$$;
SELECT vs.bare('no path');
SET quote_all_identifiers = on;
SELECT verdict, sql FROM selfheal.vet('vs.t', 'ALTER TABLE vs.t ADD a int, ALTER note TYPE text, ALTER must DROP NOT NULL');
RESET quote_all_identifiers;

-- nothing of it was done
SELECT count(*) FROM pg_attribute WHERE attrelid = 'vs.t'::regclass AND attnum > 0;
DROP SCHEMA vs, "Größe; DROP" CASCADE;
