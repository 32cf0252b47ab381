--
-- Files that are not JSON: selfheal.copy_from(), and COPY into an intake with a
-- column list or a header. What is stored is what core's COPY stores; what
-- makes COPY give up is held with its line.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA copyfrom;
SET search_path = copyfrom, public;
-- files that the server can write, and read: in its own directory
SELECT setting || '/regress_copyfrom.data' AS file, 'rm "' || setting || '/regress_copyfrom.data"' AS rm
	FROM pg_settings WHERE name = 'data_directory' \gset

-- ---- the same as COPY: every type, every option ----
CREATE TYPE colour AS ENUM ('red', 'dark red', E'it''s, "\\', '');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN code AS text CHECK (value <> 'no');
CREATE TABLE source (
	n int, i2 int2, i8 int8, num numeric, num2 numeric(12, 3), f4 real, f8 float8, b boolean,
	t text, v varchar(60), c char(8), nm name, ch "char", by bytea, d date, tm time, tz timetz, ts timestamp,
	tstz timestamptz, iv interval, u uuid, js json, jb jsonb, ip inet, net cidr, mac macaddr, bits bit(5),
	vbits varbit, pt point, bx box, pg polygon, ci circle, rng int4range, mrng nummultirange, tsv tsvector,
	ia int[], ta text[], ja jsonb[], pa pair, paa pair[], en colour, co code, mo money, o oid, rc regclass,
	lsn pg_lsn, "Odd ""name" text, "line" text);
INSERT INTO source
SELECT i, (i * 37) % 30000, i * 7919::bigint * 1000000007, (i * 12345.678901) ^ 2, round(i / 7.0, 3),
	(i / 3.0)::real, i / 7.0::float8, i % 2 = 0, w, left(w, 60), translate(left(w, 4), E'\n\r', ''), left(w, 20), chr(65 + i % 26)::"char",
	decode(md5(i::text), 'hex'), date '2000-01-01' + i * 37, time '00:00' + i * interval '61.5 s',
	timetz '00:00+02' + i * interval '61 s', timestamp '1999-12-31 23:59:59.999999' + i * interval '13 h',
	timestamptz '2020-02-29 12:00+00' + i * interval '7 days 1 s', i * interval '1 month -3 days 4.5 s',
	md5(i::text)::uuid, ('  ' || to_json(w) || E' \n')::json, CASE i % 4 WHEN 0 THEN 'null' WHEN 1 THEN to_jsonb(w)
		WHEN 2 THEN jsonb_build_object('k', w, 'n', i) ELSE jsonb_build_array(i, w, null) END,
	('10.0.' || i % 256 || '.1')::inet, ('10.' || i % 256 || '.0.0/16')::cidr, '08:00:2b:01:02:03',
	(i % 32)::bit(5), (i % 32)::bit(7)::varbit, point(i, -i / 4.0), box(point(0, 0), point(i, i)),
	polygon '((0,0),(1,1),(2,0))', circle(point(i, 0), 1.5), int4range(i, i + 5),
	nummultirange(numrange(i, i + 0.5), numrange(i + 2, null)), to_tsvector('simple', w),
	ARRAY[i, null, -i], ARRAY[w, null, ''], ARRAY[to_jsonb(w), 'null'], ROW(i, w)::pair,
	ARRAY[ROW(i, w)::pair, null], (ARRAY['red', 'dark red', E'it''s, "\\', '']::colour[])[1 + i % 4],
	w, i::text::money, i, 'pg_class', '0/16B3748', w, w
FROM generate_series(1, 48) AS i, LATERAL (SELECT (ARRAY[
	'word', '', ' ', ' both ', 'NULL', '\N', '\.', 'a,b', 'a;b|c', 'tab	tab', E'two\nlines', E'cr\rlf\r\n', '"', '""', 'say "x"',
	'''', '\', '\\', 'back\slash', '\x41', '\101', '\n', 'ünï çødé', '日本', '😀', '{', '{"a": 1}', '-', '\D', E'\x01\x7f', E'\b\f\v',
	'end\'])[1 + i % 32]) AS s(w);
INSERT INTO source (n) VALUES (100);
INSERT INTO source (n, t, v, "line") VALUES (101, null, '', '\.'), (102, '', null, ''), (103, repeat('x"', 40000), 'x', null);
CREATE TABLE core (LIKE source);
CREATE TABLE ours (LIKE source);
SELECT selfheal.watch('ours', 'observe');

-- write the source with these options, read it by COPY and by copy_from
CREATE FUNCTION same(file text, options jsonb, columns text DEFAULT NULL, via text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	written text;
	read text;
	list text := coalesce('(' || columns || ')', '');
	said record;
	a bigint;
	b bigint;
BEGIN
	SELECT string_agg(format(CASE WHEN key LIKE 'force%' AND value <> '*' THEN '%s (%s)' WHEN key = 'format' OR value = '*' THEN '%s %s' ELSE '%s %L' END,
			key, value), ', ') FILTER (WHERE key NOT IN ('force_null', 'force_not_null', 'default')),
		string_agg(format(CASE WHEN key LIKE 'force%' AND value <> '*' THEN '%s (%s)' WHEN key = 'format' OR value = '*' THEN '%s %s' ELSE '%s %L' END,
			key, value), ', ') FILTER (WHERE key <> 'force_quote')
		INTO written, read
		FROM (SELECT key, CASE jsonb_typeof(value) WHEN 'array' THEN (SELECT string_agg(quote_ident(e), ', ') FROM jsonb_array_elements_text(value) e) ELSE value #>> '{}' END AS value
			FROM jsonb_each(options)) o;
	EXECUTE format('COPY source %s TO %s %L (%s)', list, CASE WHEN via IS NOT NULL THEN 'PROGRAM' END,
		coalesce(via || ' > ' || quote_ident(file), file), replace(coalesce(written, 'format text'), '''match''', 'true'));
	TRUNCATE core, ours;
	EXECUTE format('COPY core %s FROM %L (%s)', list, file, coalesce(read, 'format text'));
	IF columns IS NOT NULL THEN
		options := options || jsonb_build_object('columns', (SELECT jsonb_agg(trim(both '" ' from c) ORDER BY n) FROM unnest(string_to_array(columns, ',')) WITH ORDINALITY u(c, n)));
	END IF;
	SELECT * INTO said FROM selfheal.copy_from('ours', file, options => options - 'force_quote');
	SELECT count(*) INTO a FROM (SELECT core::text FROM core EXCEPT ALL SELECT ours::text FROM ours) x;
	SELECT count(*) INTO b FROM (SELECT ours::text FROM ours EXCEPT ALL SELECT core::text FROM core) x;
	RETURN CASE WHEN a = 0 AND b = 0 AND said.held = 0 AND said.stored = (SELECT count(*) FROM core) THEN 'same'
		ELSE format('%s missing, %s other, %s held of %s', a, b, said.held, (SELECT count(*) FROM core)) END;
END $$;
CREATE TABLE trial (options jsonb, columns text);
INSERT INTO trial VALUES
	('{}', NULL), ('{"format": "text"}', NULL), ('{"format": "csv"}', NULL), ('{"format": "binary"}', NULL),
	('{"format": "text", "delimiter": ","}', NULL), ('{"format": "text", "delimiter": "|", "null": ""}', NULL),
	('{"format": "text", "null": "NULL"}', NULL), ('{"format": "text", "header": true}', NULL),
	('{"format": "text", "header": "match"}', NULL), ('{"format": "csv", "header": true}', NULL),
	('{"format": "csv", "header": "match"}', NULL), ('{"format": "csv", "delimiter": ";"}', NULL),
	('{"format": "csv", "delimiter": "\t"}', NULL), ('{"format": "csv", "quote": "''"}', NULL),
	('{"format": "csv", "escape": "\\"}', NULL), ('{"format": "csv", "quote": "''", "escape": "\\"}', NULL),
	('{"format": "csv", "quote": "|", "escape": "x"}', NULL), ('{"format": "csv", "null": "NULL"}', NULL),
	('{"format": "csv", "null": "\\N"}', NULL),
	('{"format": "csv", "force_quote": "*"}', NULL),
	('{"format": "csv", "force_quote": ["t", "v"], "force_null": ["t", "v", "line"]}', NULL),
	('{"format": "csv", "force_not_null": ["t", "v"]}', NULL),
	('{"format": "csv", "force_not_null": ["t"], "force_null": ["t", "v"], "null": "NULL"}', NULL),
	('{"format": "csv"}', 't, n, "line"'), ('{"format": "text"}', 'jb, n'), ('{"format": "binary"}', 'ts, n, jb, num2'),
	('{"format": "csv", "header": true}', 'num2, f4, n'), ('{"format": "csv", "header": "match"}', 'v, t'),
	('{"format": "csv"}', 't'), ('{"format": "text"}', 't'), ('{"format": "csv", "encoding": "UTF8"}', NULL);
SELECT options, columns, same(:'file', options, columns) FROM trial;
-- lines that end otherwise
SELECT format, via, same(:'file', jsonb_build_object('format', format), null, via)
	FROM unnest(ARRAY['text', 'csv']) format, unnest(ARRAY['sed "s/$/\r/"', 'tr "\n" "\r"', 'head -c -1']) via;
-- whatever the session reads and writes dates, intervals, numbers and bytes like
SET datestyle = 'SQL, DMY';
SET intervalstyle = 'sql_standard';
SET timezone = 'Asia/Kolkata';
SET extra_float_digits = 0;
SET bytea_output = 'escape';
SELECT same(:'file', '{"format": "binary"}');
SET extra_float_digits = 1;
SELECT same(:'file', '{"format": "csv"}'), same(:'file', '{"format": "binary"}');
RESET datestyle;
RESET intervalstyle;
RESET timezone;
RESET extra_float_digits;
RESET bytea_output;

-- ---- what COPY would give up for is held with its line ----
CREATE FUNCTION put(file text, bytes bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	o oid := lo_from_bytea(0, bytes);
BEGIN
	PERFORM lo_export(o, file);
	PERFORM lo_unlink(o);
END $$;
CREATE TABLE t (id int, v varchar(6), n numeric(6, 2) DEFAULT 7, doc jsonb);
SELECT selfheal.watch('t', 'observe');
-- load these bytes; what was stored, and what was held
CREATE FUNCTION try(file text, lines text, options jsonb, t regclass DEFAULT 't') RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	said record;
	r text;
	before bigint := (SELECT coalesce(max(id), 0) FROM selfheal.load);
BEGIN
	PERFORM put(file, decode(replace(lines, E'\n', '\012'), 'escape'));
	EXECUTE format('TRUNCATE %s', t);
	SELECT * INTO said FROM selfheal.copy_from(t, file, options => options);
	FOR r IN EXECUTE format('SELECT x::text FROM %s x ORDER BY 1', t) LOOP
		RETURN NEXT r;
	END LOOP;
	RETURN QUERY SELECT format('line %s: %s %s %s: %s [%s]', q.position, q.class, q.column_name, q.sqlstate, q.message, encode(q.line, 'escape'))
		FROM selfheal.quarantined q WHERE q.load IN (SELECT l.id FROM selfheal.load l WHERE l.id > before AND l.relid = t) ORDER BY q.id;
	IF said.held <> (SELECT count(*) FROM selfheal.quarantined q WHERE q.load IN (SELECT l.id FROM selfheal.load l WHERE l.id > before AND l.relid = t)) THEN
		RETURN NEXT 'counts differ';
	END IF;
END $$;
-- fields too many and too few; an empty line is nothing, but in a file of one column
SELECT * FROM try(:'file', E'1,a\n2\n\n3,b,c\n,\n4,d', '{"format": "csv", "columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'a\n\n"b"\n""\n', '{"format": "csv", "columns": ["v"]}');
SELECT * FROM try(:'file', E'a\n\nb\n', '{"columns": ["v"]}');
-- values that do not fit, a whole line each
SELECT * FROM try(:'file', E'x\ta\n1.5\tb\n99999999999\tc\n1\ttoo long\n2\tfine\n', '{"columns": ["id", "v"]}');
-- quotes: those that go over lines, and those that never end
SELECT * FROM try(:'file', E'1,"a\nb"\n2,"c\r\nd"\n3,a"b c"d\n4,"e""f"\n5,g\n', '{"format": "csv", "columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'1,a\n2,"b\n3,c\n4,d', '{"format": "csv", "columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'1,a\n2,"b\n3,c\n4,"d"\n', '{"format": "csv", "columns": ["id", "v"], "multiline": false}');
-- a record that goes over more than selfheal.max_payload: its lines, and the first behind it
SET selfheal.max_payload = '1kB';
SELECT left(line, 60) FROM try(:'file', E'1,a\n2,"' || repeat(E'b\n', 600) || E'"\n3,c\n', '{"format": "csv", "columns": ["id", "v"]}') AS line
	WHERE line !~ '\[b\]$';
SELECT left(line, 100) FROM try(:'file', E'1,a\n2,' || repeat('b', 2000) || E'\n3,c\n', '{"format": "csv", "columns": ["id", "v"]}') AS line;
RESET selfheal.max_payload;
-- ends of lines of another kind
SELECT * FROM try(:'file', E'1,a\n2,b\r\n3,c\rd\n4,"e\r"\n', '{"format": "csv", "columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'1,a\r\n2,b\n3,c\r\n4,d\re\r\n', '{"format": "csv", "columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'1\ta\r2\tb\n3\tc\r', '{"columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'1\ta\n2\tb\rc\n3\td\\\\\ne\n', '{"columns": ["id", "v"]}');
-- escapes, and the end mark
SELECT * FROM try(:'file', E'1\t\\\\x41\\\\102\\\\t\\\\\\\\\n2\t\\\\N\n3\t\\\\xff\n4\t\\\\0\n5\ta\\\\.\n6\t\\\\q\n', '{"columns": ["id", "v"]}');
SET client_min_messages = notice;
SELECT * FROM try(:'file', E'1\ta\n\\\\.\n2\tb\n', '{"columns": ["id", "v"]}');
SET client_min_messages = warning;
SELECT * FROM try(:'file', E'1\ta\n\\\\.\n', '{"columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'a\n\\\\.\nb\n', '{"format": "csv", "columns": ["v"]}');
SELECT * FROM try(:'file', E'1\ta\n2\tb\\\\', '{"columns": ["id", "v"]}');
-- bytes that are no text; those of another encoding
SELECT * FROM try(:'file', E'1,a\n2,\\303(\n3,b\\000c\n4,\\303\\251\n', '{"format": "csv", "columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'1,\\351t\\351\n2,"\\344\n\\366"\n', '{"format": "csv", "columns": ["id", "v"], "encoding": "LATIN1"}');
SELECT * FROM try(:'file', E'1,\\201|\n2,\\203\\134\n3,\\201\n', '{"format": "csv", "columns": ["id", "v"], "encoding": "SJIS"}');
-- the fields of a json column are JSON texts, as COPY has it
SELECT * FROM try(:'file', E'1,{"a":1}\n2,"""x"""\n3,x\n4,null\n5,\n6,"{""a"":1,""a"":2}"\n', '{"format": "csv", "columns": ["id", "doc"], "quote": "|"}');
-- defaults of columns that the file does not have
SELECT * FROM try(:'file', E'1\n', '{"columns": ["id"]}');

-- ---- by header ----
SELECT * FROM try(:'file', E'v,id,more,""\na,1,,\nb,2,x,\nc,3,,y\n', '{"format": "csv", "header": true}');
SELECT * FROM try(:'file', E'\\357\\273\\277"id",v\n1,a\n', '{"format": "csv", "header": true}');
SELECT * FROM try(:'file', E'x,y\n1,a\n', '{"format": "csv", "header": true, "columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'id,id\n1,1\n1,2\n', '{"format": "csv", "header": true}');
SELECT * FROM try(:'file', '', '{"format": "csv", "header": true}');
\set VERBOSITY terse
SELECT * FROM try(:'file', E'v,id\na,1\n', '{"format": "csv", "header": "match"}');
SELECT * FROM try(:'file', E'v,id\na,1\n', '{"format": "csv", "header": "match", "columns": ["id", "v"]}');
SELECT * FROM try(:'file', E'"v,id\na,1\n', '{"format": "csv", "header": true}');

-- ---- options that are not ----
SELECT selfheal.copy_from('t', :'file', options => '[]');
SELECT selfheal.copy_from('t', :'file', options => '{"format": "xml"}');
SELECT selfheal.copy_from('t', :'file', options => '{"nonsense": 1}');
SELECT selfheal.copy_from('t', :'file', options => '{"null": null}');
SELECT selfheal.copy_from('t', :'file', options => '{"columns": "id"}');
SELECT selfheal.copy_from('t', :'file', options => '{"columns": [1]}');
SELECT selfheal.copy_from('t', :'file', options => '{"columns": ["id", "id"]}');
SELECT selfheal.copy_from('t', :'file', options => '{"format": "csv", "columns": ["id"], "force_null": ["v"]}');
SELECT selfheal.copy_from('t', :'file', options => '{"delimiter": "ab"}');
SELECT selfheal.copy_from('t', :'file', options => '{"multiline": "perhaps"}');
SELECT selfheal.copy_from('t');
SELECT selfheal.copy_from('t', :'file', 'cat');
SELECT selfheal.copy_from('t', 'relative.csv');
SELECT selfheal.copy_from('t', '/nonexistent/file');
SELECT selfheal.copy_from('core', :'file');
SELECT selfheal.copy_from(null, :'file');
SELECT selfheal.copy_from('t', program => 'false');
SELECT selfheal.copy_from('t', program => 'echo 1; exit 3', options => '{"columns": ["id"]}');
SELECT selfheal.copy_from('t', :'file', options => '{"format": "binary"}');
\set VERBOSITY default
SELECT * FROM selfheal.copy_from('t', program => 'printf "1,x\n2,y\n"', options => '{"format": "csv", "columns": ["id", "v"]}');

-- ---- COPY into the intake: a column list, or a header ----
TRUNCATE t;
COPY t_intake (id, v) FROM STDIN (FORMAT csv);
1,a
2,"b
c"
3
\.
COPY t_intake (id, v) FROM STDIN (FORMAT text, NULL '-');
4	-
5	too long
\.
COPY t_intake FROM STDIN (FORMAT csv, HEADER);
n,id
1.25,6
\.
COPY t_intake FROM STDIN CSV HEADER;
payload
"{""id"": 7}"

x
\.
COPY t_intake (payload) FROM STDIN (FORMAT csv);
"{""id"": 8}"
\.
COPY t_intake FROM STDIN (FORMAT text);
{"id": 9}
\.
COPY t TO PROGRAM 'cat > /dev/null' (FORMAT binary);
SELECT * FROM t ORDER BY id;
SELECT q.position, q.class, q.column_name, q.payload, encode(q.line, 'escape') AS line FROM selfheal.quarantined q
	WHERE q.load IN (SELECT id FROM selfheal.load WHERE relid = 't'::regclass ORDER BY id DESC LIMIT 6) ORDER BY q.id;
\set VERBOSITY terse
COPY t_intake (id, v) FROM '/dev/null';
COPY t_intake (id, v) FROM '/dev/null' (FORMAT ndjson);
COPY t_intake (id, id) FROM '/dev/null' (FORMAT csv);
COPY t_intake (id, nothing) FROM '/dev/null' (FORMAT binary);
\set VERBOSITY default
\echo :LAST_ERROR_SQLSTATE

-- ---- held rows heal and are replayed ----
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE healed (id int PRIMARY KEY, v varchar(3), p int REFERENCES parent, at date NOT NULL, doc jsonb CHECK (doc <> '5')) PARTITION BY RANGE (id);
CREATE TABLE healed_1 PARTITION OF healed FOR VALUES FROM (0) TO (100);
CREATE TABLE healed_2 PARTITION OF healed FOR VALUES FROM (100) TO (200);
SELECT selfheal.watch('healed', 'auto');
SELECT * FROM try(:'file', E'id,v,p,at,doc,more\n1,ab,,2020-01-01,null,\n2,longer,,2020-01-01,"""x""",\n3,c,1,2020-01-01,,\n4,d,,,,\n'
	|| E'5,e,,2020-01-01,,new\n150,f,,2020-01-01,,\n250,g,,2020-01-01,,\n1,h,,2020-01-01,,\n6,i,,2020-01-01,5,\n7,j\n',
	'{"format": "csv", "header": true}', 'healed');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
INSERT INTO parent VALUES (1);
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, v, p, at, doc, doc IS NULL AS no_doc, more FROM healed ORDER BY id;
SELECT q.position, q.class, q.column_name, encode(q.line, 'escape') AS line FROM selfheal.quarantined q WHERE q.table_name = 'copyfrom.healed' ORDER BY q.id;
-- a new column's type is said by what its texts are: 007 is no number
SELECT * FROM try(:'file', E'id,v,at,i,num,b,day,zip,mixed,none\n10,a,2020-01-01,1,1.50,true,2020-01-01,007,1,\n11,b,2020-01-01,-20,3,false,2020-12-31,1,x,\n',
	'{"format": "csv", "header": true}', 'healed') AS said WHERE said LIKE 'line%';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = 'healed'::regclass AND a.attnum > 6 ORDER BY 1;
SELECT id, i, num, b, day, zip, mixed FROM healed WHERE id > 9 ORDER BY id;
-- a person takes a line apart; of what he has written a string is a string
SELECT selfheal.amend(id, '{"id": 7, "v": "j", "at": "2020-01-01", "doc": "null"}', 'the rest was cut off') FROM selfheal.quarantined
	WHERE table_name = 'copyfrom.healed' AND class = 'bad_line';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, v, doc FROM healed WHERE id = 7;

-- by name of a load, a file is taken once
SET selfheal.load_id = 'file 1';
SELECT * FROM try(:'file', E'1,a\n2,b\n3,too long\n', '{"format": "csv", "columns": ["id", "v"]}');
SET selfheal.load_id = 'file 1';
SELECT * FROM selfheal.copy_from('t', :'file', options => '{"format": "csv", "columns": ["id", "v"]}');
RESET selfheal.load_id;
-- and a limit of held rows is one of copy_from too
SELECT selfheal.watch('t', reject_limit => '1');
\set VERBOSITY terse
SELECT * FROM selfheal.copy_from('t', :'file', options => '{"format": "csv"}');
\set VERBOSITY default

-- ---- any bytes: what COPY takes as a whole is stored alike, and nothing is held ----
CREATE TABLE fuzz (a text, b text);
CREATE TABLE fuzz_core (a text, b text);
SELECT selfheal.watch('fuzz', 'observe');
CREATE FUNCTION fuzz(file text, n int, OUT taken bigint, OUT differ bigint, OUT example text) LANGUAGE plpgsql AS $$
DECLARE
	pieces constant text[] := ARRAY[',', ',', E'\n', E'\n', E'\n', '"', '"', '""', '\', 'a', 'b1', ' ', E'\t', E'\t', '\N', '\x41', E'\r\n', E'\r', '\.', '''', 'é', '|'];
	options constant jsonb[] := ARRAY['{}', '{"format": "csv"}', '{"delimiter": ","}', '{"format": "csv", "escape": "\\"}',
		'{"format": "csv", "quote": "''", "null": "a"}', '{"delimiter": "|", "null": ""}'];
	content text;
	o jsonb;
	said record;
	equal boolean;
BEGIN
	taken := 0;
	differ := 0;
	FOR i IN 1 .. n LOOP
		SELECT string_agg(CASE WHEN k % 4 = 0 THEN E'x,y\n' WHEN k % 4 = 1 THEN E'x\ty\n' ELSE pieces[1 + floor(random() * cardinality(pieces))::int] END, '')
			INTO content FROM (SELECT floor(random() * 12)::int AS k FROM generate_series(1, 1 + i % 9)) g;
		o := options[1 + i % cardinality(options)];
		PERFORM put(file, convert_to(content, 'UTF8'));
		TRUNCATE fuzz, fuzz_core;
		BEGIN
			EXECUTE format('COPY fuzz_core FROM %L (%s)', file, coalesce((SELECT string_agg(format('%s %L', key, value), ', ') FROM jsonb_each_text(o)), 'format text'));
		EXCEPTION WHEN OTHERS THEN
			CONTINUE;
		END;
		-- behind an end mark COPY reads nothing; in csv it is a line for us, as it is for COPY since 18
		CONTINUE WHEN content LIKE '%\\.%' OR content ~ '\\$';
		taken := taken + 1;
		SELECT * INTO said FROM selfheal.copy_from('fuzz', file, options => o || '{"columns": ["a", "b"]}');
		SELECT count(*) = 0 INTO equal FROM ((TABLE fuzz EXCEPT ALL TABLE fuzz_core) UNION ALL (TABLE fuzz_core EXCEPT ALL TABLE fuzz)) x;
		IF said.held > 0 OR NOT equal THEN
			differ := differ + 1;
			example := coalesce(example, o::text || ' ' || quote_literal(content));
		END IF;
	END LOOP;
END $$;
SELECT setseed(0.5);
SELECT taken > 20 AS enough, differ, example FROM fuzz(:'file', 800);

COPY t TO PROGRAM :'rm';
DROP SCHEMA copyfrom CASCADE;
