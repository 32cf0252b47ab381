--
-- SET DEFAULT of a constant, and nothing else: what must not pass the vetter
-- and what must, with the SQL that would run.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA vd;
SET search_path = vd, public;
SET TimeZone = 'UTC';
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '
-- whatever of it runs moves this sequence: an abort does not set it back
CREATE SEQUENCE vd.canary;
CREATE FUNCTION vd.bang(what text DEFAULT 'x') RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM nextval('vd.canary');
	RETURN what;
END $$;
CREATE FUNCTION vd.bang_is(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM nextval('vd.canary');
	RETURN true;
END $$;
CREATE DOMAIN vd.evil AS text CHECK (vd.bang_is(value));
CREATE TYPE vd.mood AS ENUM ('fine', 'it''s \ ok');
CREATE TYPE vd.comp AS (a integer);
CREATE FUNCTION vd.text(integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT vd.bang() $$;
CREATE TABLE vd.t (id integer GENERATED ALWAYS AS IDENTITY, gen integer GENERATED ALWAYS AS (1) STORED, v varchar(5), x text, "O'dd ""x""" text, c char(3), i integer, s smallint, b bigint, n numeric(4,2), r real, f double precision,
	yes boolean, d date, at timestamp(3), atz timestamptz, clock time(0), clockz timetz, span interval, u uuid, j json, jb jsonb, ip inet, net cidr, mac macaddr, m vd.mood,
	e vd.evil, co vd.comp, arr integer[], by bytea, o oid, reg regclass, bits bit(3), cash money, pt point, xm xml, ts tsvector, na name);
CREATE FUNCTION vd.ask(q text, OUT verdict text, OUT shown text) LANGUAGE sql AS $$
	SELECT v.verdict, coalesce(v.sql, v.reason, 'nothing') FROM selfheal.vet('vd.t', 'ALTER TABLE vd.t ' || q) v
$$;
CREATE TABLE vd.asked (n integer GENERATED ALWAYS AS IDENTITY, q text);
INSERT INTO vd.asked (q) VALUES
	-- functions, operators, queries, whatever computes
	('ALTER x SET DEFAULT vd.bang()'), ('ALTER x SET DEFAULT (vd.bang())'), ('ALTER x SET DEFAULT ''a'' || vd.bang()'), ('ALTER x SET DEFAULT ''a'' || ''b'''), ('ALTER i SET DEFAULT 1 + 1'), ('ALTER i SET DEFAULT +5'),
	('ALTER x SET DEFAULT now()::text'), ('ALTER d SET DEFAULT CURRENT_DATE'), ('ALTER at SET DEFAULT LOCALTIMESTAMP'), ('ALTER x SET DEFAULT CURRENT_USER'), ('ALTER x SET DEFAULT current_setting(''a'')'), ('ALTER i SET DEFAULT nextval(''vd.canary'')'),
	('ALTER i SET DEFAULT (SELECT 1)'), ('ALTER x SET DEFAULT (SELECT vd.bang())'), ('ALTER x SET DEFAULT v'), ('ALTER x SET DEFAULT t.v'), ('ALTER x SET DEFAULT $1'), ('ALTER yes SET DEFAULT NOT true'), ('ALTER yes SET DEFAULT 1 = 1'), ('ALTER yes SET DEFAULT true AND true'), ('ALTER yes SET DEFAULT NULL IS NULL'),
	('ALTER x SET DEFAULT CASE WHEN true THEN ''a'' END'), ('ALTER x SET DEFAULT COALESCE(''a'')'), ('ALTER arr SET DEFAULT ARRAY[1]'), ('ALTER co SET DEFAULT ROW(1)'), ('ALTER x SET DEFAULT ''a'' COLLATE "C"'), ('ALTER x SET DEFAULT ''a'' COLLATE "default"'), ('ALTER at SET DEFAULT ''2024-01-01'' AT TIME ZONE ''UTC'''),
	('ALTER x SET DEFAULT xmlparse(content '''')::text'), ('ALTER x SET DEFAULT (ARRAY[''a''])[1]'), ('ALTER x SET DEFAULT DEFAULT'), ('ALTER x SET DEFAULT GREATEST(''a'')'),
	-- no value, or none any more
	('ALTER x SET DEFAULT NULL'), ('ALTER x SET DEFAULT NULL::text'), ('ALTER x DROP DEFAULT'), ('ALTER x SET DEFAULT'),
	-- casts to something else, or through something else
	('ALTER x SET DEFAULT ''a''::vd.evil'), ('ALTER x SET DEFAULT CAST(''a'' AS vd.evil)'), ('ALTER x SET DEFAULT ''a''::varchar'), ('ALTER x SET DEFAULT ''a''::text::text'), ('ALTER x SET DEFAULT vd.mood ''fine'''), ('ALTER v SET DEFAULT ''a''::varchar(3)'), ('ALTER v SET DEFAULT ''a''::text'), ('ALTER x SET DEFAULT 1::text'), ('ALTER i SET DEFAULT ''1''::bigint'),
	('ALTER i SET DEFAULT true::int'), ('ALTER arr SET DEFAULT ''{1}''::int[]'), ('ALTER x SET DEFAULT ''a''::vd.t.x%TYPE'), ('ALTER x SET DEFAULT ''a''::nowhere'), ('ALTER d SET DEFAULT DATE ''now'''), ('ALTER m SET DEFAULT ''fine''::vd.comp'),
	-- constants of another kind
	('ALTER x SET DEFAULT 5'), ('ALTER x SET DEFAULT true'), ('ALTER i SET DEFAULT true'), ('ALTER yes SET DEFAULT 1'), ('ALTER d SET DEFAULT 20240101'), ('ALTER bits SET DEFAULT B''101'''), ('ALTER x SET DEFAULT X''1F'''), ('ALTER m SET DEFAULT 1'), ('ALTER jb SET DEFAULT 1'),
	-- that the type refuses, or would change
	('ALTER i SET DEFAULT ''x'''), ('ALTER i SET DEFAULT 1.5'), ('ALTER i SET DEFAULT 2147483648'), ('ALTER s SET DEFAULT -32769'), ('ALTER n SET DEFAULT 1.005'), ('ALTER n SET DEFAULT 100'), ('ALTER n SET DEFAULT ''NaN'''), ('ALTER r SET DEFAULT 16777217'), ('ALTER f SET DEFAULT 0.10000000000000000001'), ('ALTER f SET DEFAULT ''Infinity'''),
	('ALTER v SET DEFAULT ''abcdef'''), ('ALTER v SET DEFAULT ''abcde   '''), ('ALTER c SET DEFAULT ''abcd'''), ('ALTER yes SET DEFAULT ''maybe'''), ('ALTER u SET DEFAULT ''x'''), ('ALTER jb SET DEFAULT ''{'''), ('ALTER ip SET DEFAULT ''300.1.1.1'''), ('ALTER net SET DEFAULT ''10.0.0.1/8'''), ('ALTER m SET DEFAULT ''Fine'''), ('ALTER m SET DEFAULT '''''),
	-- that another session reads otherwise
	('ALTER d SET DEFAULT ''now'''), ('ALTER d SET DEFAULT ''today'''), ('ALTER d SET DEFAULT ''01/02/2024'''), ('ALTER d SET DEFAULT ''2024-02-30'''), ('ALTER d SET DEFAULT ''2024-01-01 10:00'''), ('ALTER at SET DEFAULT ''now'''), ('ALTER at SET DEFAULT ''tomorrow 10:00'''), ('ALTER at SET DEFAULT ''2024-01-01 00:00:00.1234'''), ('ALTER at SET DEFAULT ''2024-01-01 00:00:00+02'''),
	('ALTER atz SET DEFAULT ''2024-01-01 00:00:00'''), ('ALTER atz SET DEFAULT ''2024-01-01 00:00 Europe/Berlin'''), ('ALTER atz SET DEFAULT ''epoch'''), ('ALTER clock SET DEFAULT ''allballs'''), ('ALTER clock SET DEFAULT ''10:00:00.5'''), ('ALTER clock SET DEFAULT ''10:00 PST'''),
	-- columns and types that get none
	('ALTER id SET DEFAULT 1'), ('ALTER gen SET DEFAULT 1'), ('ALTER e SET DEFAULT ''a'''), ('ALTER co SET DEFAULT ''(1)'''), ('ALTER arr SET DEFAULT ''{1}'''), ('ALTER by SET DEFAULT ''\x01'''), ('ALTER o SET DEFAULT 1'), ('ALTER reg SET DEFAULT ''pg_class'''), ('ALTER cash SET DEFAULT ''1'''), ('ALTER pt SET DEFAULT ''(1,1)'''), ('ALTER xm SET DEFAULT ''<a/>'''),
	('ALTER ts SET DEFAULT ''a'''), ('ALTER na SET DEFAULT ''a'''), ('ALTER span SET DEFAULT ''1 day'''), ('ALTER clockz SET DEFAULT ''10:00+02'''), ('ALTER nowhere SET DEFAULT 1'), ('ALTER ctid SET DEFAULT ''(0,1)'''), ('ALTER xmin SET DEFAULT 1'),
	-- beside others
	('ALTER x SET DEFAULT ''a'', ALTER x SET DEFAULT ''b'''), ('ALTER x SET DEFAULT ''a'', DROP x'), ('ALTER x SET DEFAULT ''a'', ALTER x SET NOT NULL'), ('ALTER i SET DEFAULT 1, ALTER i TYPE bigint USING vd.bang()::int'), ('ADD a int DEFAULT 1'), ('ADD a text, ALTER a SET DEFAULT ''x'''),
	('ALTER x SET DEFAULT E''a\u200b'''), ('ALTER x SET DEFAULT E''a\u202eb'''),
	-- identities
	('ALTER id SET GENERATED ALWAYS'), ('ALTER id SET GENERATED BY DEFAULT SET START 5'), ('ALTER id SET MAXVALUE 5'), ('ALTER id RESTART'), ('ALTER id SET CYCLE'), ('ALTER i SET GENERATED BY DEFAULT'), ('ALTER gen SET GENERATED BY DEFAULT'), ('ALTER id SET SEQUENCE NAME vd.canary');
SELECT verdict, regexp_replace(replace(shown, 'column ', ''), '(PostgreSQL does not accept [^:]*: ).*', '\1...'), q FROM vd.asked, vd.ask(q) ORDER BY n;
SELECT count(*) FILTER (WHERE (vd.ask(q)).verdict = 'refuse') AS refused, count(*) AS asked FROM vd.asked;
SELECT count(*) FROM (SELECT selfheal.vet('vd.t', format('ALTER TABLE vd.t ALTER x SET DEFAULT %L', repeat('x', n))) AS v FROM unnest(ARRAY[1000, 1001]) n) a WHERE (v).verdict = 'refuse';
-- what was not to run has not run
SELECT is_called FROM vd.canary;
ALTER TABLE vd.t DROP e;

-- what passes: it vets to itself, runs, and then there is nothing left to do
CREATE FUNCTION vd.check(q text, OUT verdict text, OUT itself boolean, OUT runs boolean, OUT done boolean, OUT shown text) LANGUAGE plpgsql AS $$
DECLARE
	v record;
	said text;
	ran text;
BEGIN
	SELECT * INTO v FROM selfheal.vet('vd.t', 'ALTER TABLE vd.t ' || q);
	verdict := v.verdict;
	shown := coalesce(v.sql, v.reason, 'nothing');
	SELECT w.steps = v.steps AND w.sql = v.sql INTO itself FROM selfheal.vet('vd.t', v.sql) w;
	BEGIN
		EXECUTE 'ALTER TABLE vd.t ' || q;
		INSERT INTO vd.t DEFAULT VALUES RETURNING t::text INTO said;
		RAISE EXCEPTION USING ERRCODE = 'SH001';
	EXCEPTION WHEN SQLSTATE 'SH001' THEN
	END;
	BEGIN
		EXECUTE v.sql;
		INSERT INTO vd.t DEFAULT VALUES RETURNING t::text INTO ran;
		SELECT bool_and(w.sql IS NULL AND w.verdict = 'auto') INTO done FROM unnest(ARRAY['ALTER TABLE vd.t ' || q, v.sql]) s, selfheal.vet('vd.t', s) w;
		RAISE EXCEPTION USING ERRCODE = 'SH001';
	EXCEPTION WHEN SQLSTATE 'SH001' THEN
	END;
	-- but for the identity's number
	runs := regexp_replace(said, '^\(\d+', '') = regexp_replace(ran, '^\(\d+', '');
END $$;
TRUNCATE vd.asked;
INSERT INTO vd.asked (q) VALUES
	('ALTER x SET DEFAULT ''a'''), ('ALTER COLUMN "x" SET DEFAULT ''a'''), ('alter x set default ''a''::text'), ('ALTER x SET DEFAULT CAST(''a'' AS pg_catalog.text)'), ('ALTER x SET DEFAULT text ''a'''), ('ALTER x SET DEFAULT ((''a''))'), ('ALTER x SET DEFAULT '''''), ('ALTER x SET DEFAULT E''it\''s \\ ok'''),
	('ALTER x SET DEFAULT $$; DROP TABLE vd.t; --$$'), ('ALTER x SET DEFAULT ''vd.bang()'''), ('ALTER x SET DEFAULT ''now'''), ('ALTER x SET DEFAULT U&''\00e9'''), ('ALTER "O''dd ""x""" SET DEFAULT ''a'''), ('ALTER v SET DEFAULT ''abcde'''), ('ALTER v SET DEFAULT ''abc''::varchar'), ('ALTER v SET DEFAULT ''abc''::varchar(5)'), ('ALTER c SET DEFAULT ''a'''), ('ALTER c SET DEFAULT ''a''::char(3)'),
	('ALTER i SET DEFAULT 5'), ('ALTER i SET DEFAULT -5'), ('ALTER i SET DEFAULT -(-5)'), ('ALTER i SET DEFAULT ''5'''), ('ALTER i SET DEFAULT 5::integer'), ('ALTER i SET DEFAULT ''5''::int4'), ('ALTER s SET DEFAULT -32768'), ('ALTER b SET DEFAULT 9223372036854775807'), ('ALTER b SET DEFAULT -9223372036854775808'), ('ALTER n SET DEFAULT 1.5'), ('ALTER n SET DEFAULT 99.99'), ('ALTER n SET DEFAULT 0'), ('ALTER n SET DEFAULT 1::numeric(4,2)'),
	('ALTER r SET DEFAULT 0.1'), ('ALTER f SET DEFAULT 0.1'), ('ALTER f SET DEFAULT 1e10'), ('ALTER yes SET DEFAULT true'), ('ALTER yes SET DEFAULT false'), ('ALTER yes SET DEFAULT ''yes'''), ('ALTER yes SET DEFAULT ''t''::bool'), ('ALTER d SET DEFAULT ''2024-02-29'''), ('ALTER d SET DEFAULT date ''2024-01-01'''), ('ALTER d SET DEFAULT ''infinity'''), ('ALTER at SET DEFAULT ''2024-01-01T10:00:00.123'''), ('ALTER at SET DEFAULT timestamp ''2024-01-01 10:00'''),
	('ALTER atz SET DEFAULT ''2024-01-01T10:00:00Z'''), ('ALTER atz SET DEFAULT ''2024-01-01 10:00:00.123456+02:30'''), ('ALTER clock SET DEFAULT ''10:00'''), ('ALTER clock SET DEFAULT ''23:59:59'''), ('ALTER u SET DEFAULT ''00000000-0000-0000-0000-000000000000'''), ('ALTER j SET DEFAULT ''{"a": [1]}'''), ('ALTER jb SET DEFAULT ''{}'''), ('ALTER jb SET DEFAULT ''[]''::jsonb'), ('ALTER ip SET DEFAULT ''10.0.0.1'''), ('ALTER net SET DEFAULT ''10.0.0.0/8'''), ('ALTER mac SET DEFAULT ''08:00:2b:01:02:03'''),
	('ALTER m SET DEFAULT ''fine'''), ('ALTER m SET DEFAULT ''it''''s \ ok''::vd.mood'), ('ALTER m SET DEFAULT ''fine''::mood'), ('ALTER x SET DEFAULT ''a'', ALTER i SET DEFAULT 1'), ('ALTER v SET DEFAULT ''a'', ALTER v TYPE varchar(9)'), ('ALTER s SET DEFAULT 1, ALTER s TYPE bigint'), ('ALTER id SET GENERATED BY DEFAULT');
SELECT verdict, itself, runs, done, shown FROM vd.asked, vd.check(q) ORDER BY n;
SELECT count(*) FROM vd.asked;
SELECT is_called FROM vd.canary;
