--
-- Kinds of columns and of names: for each a row that fits, one that drifts and
-- one that the column refuses; what is held and why; the cure; each row stored
-- exactly once with the values that an INSERT would have given it.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA kinds_columns;
SET search_path = kinds_columns, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all

-- names: mixed case, spaces, quotes, dots, keywords, other alphabets
CREATE SCHEMA "Odd ""schema""; --";
CREATE TABLE "Odd ""schema""; --"."Select * from" (
	"Id" int, id varchar(3), "select" varchar(3), "user" int, "a b" varchar(3), "a.b" int, "a""b" varchar(3), "a'b" int,
	"größe" varchar(3), "日本" int, "payload" varchar(3), " " int, "$1" int, "%s" varchar(3), "a\b" int, "C:\new" varchar(3));
SELECT selfheal.watch('"Odd ""schema""; --"."Select * from"');
-- keys that look like columns in another spelling, and are none
SELECT selfheal.hint('"Odd ""schema""; --"."Select * from"', key, type => type)
FROM (VALUES ('ID', 'text'), ('Select', 'bigint')) AS k(key, type);
SET search_path = "Odd ""schema""; --", kinds_columns, public;
INSERT INTO "Select * from_intake" VALUES
	('{"Id": 1, "id": "x", "select": "s", "user": 2, "a b": "c", "a.b": 3, "a\"b": "q", "a''b": 4, "größe": "ä", "日本": 5, "payload": "p", " ": 6, "$1": 7, "%s": "%s", "a\\b": 8, "C:\\new": "c"}'),
	('{"Id": 2, "id": "four", "select": "drop", "a b": "four", "a\"b": "''\"\\", "größe": "größe", "payload": "four", "%s": "%s%s", "C:\\new": "C:\\new"}'),
	('{"Id": 3, "ID": "another", "Select": 1, "from": 2, "new key; --": 3, "q\"k": 4, "q''k": 5, "k\\u": 6, "%d": 7, "Ключ": 8, "ctıd": 9}'),
	('{"Id": 4, "user": "word"}'), ('{"Id": 5, "ctid": 1}'), ('{"Id": 6, "tableoid": 1}'), ('{"Id": 7, "": 1}');
:idle
SELECT columns('"Select * from"');
SELECT * FROM tell('"Select * from"');
SELECT amend('"Select * from"', 'word', '{"Id": 4, "user": 8}');
:idle
SELECT selfheal.discard(id, 'no column can have this name', 1) FROM selfheal.incident
WHERE relid = '"Select * from"'::regclass AND state = 'needs_human' ORDER BY id;
SELECT * FROM tell('"Select * from"') WHERE what <> 'stored' OR "row" LIKE '(4%';
-- what we say about it can be pasted into psql
SELECT table_name, table_name::regclass = '"Select * from"'::regclass AS same FROM selfheal.quarantined
WHERE state = 'discarded' AND table_name LIKE '%Select * from%' LIMIT 1;
SET search_path = kinds_columns, public;

-- 63 bytes: of tables that begin alike, of schemas, columns and keys
CREATE TABLE t23456789_123456789_123456789_123456789_123456789_123456789_123 (
	c23456789_123456789_123456789_123456789_123456789_123456789_123 varchar(3));
CREATE TABLE t23456789_123456789_123456789_123456789_123456789_123456789_124 (id int);
CREATE TABLE "ääääääääääääääääääääääääääääää_" (id int);
SELECT selfheal.watch('t23456789_123456789_123456789_123456789_123456789_123456789_123') AS intake \gset
SELECT selfheal.hint('t23456789_123456789_123456789_123456789_123456789_123456789_123',
	'k23456789_123456789_123456789_123456789_123456789_123456789_123', type => 'bigint');
SELECT :'intake' AS intake, octet_length((parse_ident(:'intake'))[2]) AS bytes;
INSERT INTO :intake VALUES
	('{"c23456789_123456789_123456789_123456789_123456789_123456789_123": "abc"}'),
	('{"c23456789_123456789_123456789_123456789_123456789_123456789_123": "abcd"}'),
	('{"k23456789_123456789_123456789_123456789_123456789_123456789_123": 1}'),
	('{"ßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßß1": 2}'),
	('{"ßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßßß": 3}'),
	('{"k23456789_123456789_123456789_123456789_123456789_123456789_1234": 4}');
:idle
SELECT columns('t23456789_123456789_123456789_123456789_123456789_123456789_123');
SELECT * FROM tell('t23456789_123456789_123456789_123456789_123456789_123456789_123');
-- its neighbour's intake would have the same name
\set VERBOSITY sqlstate
SELECT selfheal.watch('t23456789_123456789_123456789_123456789_123456789_123456789_124');
\set VERBOSITY default
SELECT selfheal.watch('"ääääääääääääääääääääääääääääää_"');
INSERT INTO "ääääääääääääääääääääääääääää_intake" VALUES ('{"id": 1}'), ('{"id": 2147483648}');
:idle
SELECT * FROM tell('"ääääääääääääääääääääääääääääää_"');

-- generated columns: a value that is not what they compute is held; what they are
-- computed from cannot be changed in type, and a person does it
CREATE TABLE gen (id int, v varchar(3), n smallint, up text GENERATED ALWAYS AS (upper(v)) STORED,
	twice int GENERATED ALWAYS AS (n * 2) STORED CHECK (twice < 100), tail varchar(4) GENERATED ALWAYS AS (v || 'xx') STORED);
SELECT selfheal.watch('gen');
COPY gen_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "v": "ab", "n": 1}
{"id": 2, "up": "AB"}
{"id": 3, "up": null}
{"id": 4, "v": "abcd"}
{"id": 5, "n": 50}
{"id": 6, "v": "abc"}
{"id": 7, "n": 40000}
{"id": 8, "k": 1}
{"id": 9}
\.
:idle
SELECT * FROM tell('gen');
-- the text of an expression is no reason to widen what it is stored in
BEGIN;
ALTER TABLE gen DROP up, DROP tail;
SELECT amend('gen', 'AB', '{"id": 2}');
COMMIT;
:idle
SELECT retry('gen');
:idle
SELECT columns('gen');
SELECT * FROM tell('gen');

-- identity columns and serials: what INSERT says without OVERRIDING
CREATE TABLE ident (a int GENERATED ALWAYS AS IDENTITY (START 10), d smallint GENERATED BY DEFAULT AS IDENTITY (START 20),
	s smallserial, id int PRIMARY KEY, v varchar(3));
SELECT selfheal.watch('ident');
INSERT INTO ident_intake VALUES
	('{"id": 1}'), ('{"id": 2, "d": 5, "s": 6}'), ('{"id": 3, "a": 7}'), ('{"id": 4, "a": null}'), ('{"id": 5, "d": null}'),
	('{"id": 6, "d": 40000}'), ('{"id": 7, "s": 40000}'), ('{"id": 8, "v": "long"}'), ('{"id": 9, "s": null}');
:idle
SELECT columns('ident');
SELECT id, v, a >= 10 AS a, CASE WHEN id IN (2, 6) THEN d::text ELSE (d >= 20)::text END AS d,
	CASE WHEN id IN (2, 7) THEN s::text ELSE (s BETWEEN 1 AND 100)::text END AS s FROM ident ORDER BY id;
SELECT * FROM tell('ident') WHERE what <> 'stored';
SELECT count(*) = count(DISTINCT a) AS a, count(*) - count(DISTINCT d) AS d, count(*) - count(DISTINCT s) AS s FROM ident;
-- a sequence at its end: each row that asks for a number is held, until a
-- person lets it go on
CREATE TABLE ended (n int GENERATED BY DEFAULT AS IDENTITY (MAXVALUE 2), id int);
SELECT selfheal.watch('ended');
INSERT INTO ended_intake VALUES ('{"id": 1}'), ('{"id": 2}'), ('{"id": 3}'), ('{"id": 4, "n": 40}'), ('{"id": 5}');
:idle
SELECT * FROM tell('ended');
BEGIN;
ALTER TABLE ended ALTER n SET MAXVALUE 100;
SELECT retry('ended');
COMMIT;
:idle
SELECT * FROM tell('ended');

-- domains: over varchar, with checks, NOT NULL, a default, over a domain
CREATE DOMAIN short AS varchar(3);
CREATE DOMAIN even AS int CHECK (VALUE % 2 = 0);
CREATE DOMAIN small_even AS even CONSTRAINT small CHECK (VALUE < 10);
CREATE DOMAIN needed AS text NOT NULL;
CREATE DOMAIN filled AS text DEFAULT 'domain' CHECK (VALUE <> '');
CREATE DOMAIN evens AS int[] CHECK (array_length(VALUE, 1) < 3);
CREATE DOMAIN cents AS numeric(5,2);
CREATE TABLE dom (id int, s short, e even, se small_even, n needed DEFAULT 'n', f filled, f2 filled DEFAULT 'column', a evens, c cents, ea even[]);
SELECT selfheal.watch('dom');
INSERT INTO dom_intake VALUES
	('{"id": 1, "s": "abc", "e": 2, "se": 4, "n": "x", "f": "y", "f2": "z", "a": [1, 2], "c": 1.25, "ea": [2, 4]}'),
	('{"id": 2, "s": null, "e": null, "f": null, "f2": null, "c": 999.9, "ea": [null]}'),
	('{"id": 3, "s": "abcd"}'), ('{"id": 4, "e": 3}'), ('{"id": 5, "se": 12}'), ('{"id": 6, "se": 3}'), ('{"id": 7, "n": null}'),
	('{"id": 8, "f": ""}'), ('{"id": 9, "a": [1, 2, 3]}'), ('{"id": 10, "c": 1.255}'), ('{"id": 11, "c": 1000}'), ('{"id": 12, "ea": [2, 3]}'),
	('{"id": 13, "e": 3000000000}'), ('{"id": 14, "k": 1}');
:idle
SELECT * FROM tell('dom');
-- a domain is not ours to change: the column's type is a person's choice, and
-- its rows go in after his ALTER
BEGIN;
ALTER DOMAIN even DROP CONSTRAINT even_check;
ALTER TABLE dom ALTER s TYPE varchar(10), ALTER c TYPE numeric(6,3);
SELECT retry('dom');
COMMIT;
:idle
SELECT * FROM tell('dom');

-- arrays: of varchar(n), of numbers, of enums, of several dimensions
CREATE TYPE mood AS ENUM ('sad', 'ok', 'it''s "fine", \ {really}');
CREATE TABLE arr (id int, i int[], v varchar(3)[], n numeric(4,2)[], m mood[], b bytea[], j jsonb[], t text[] NOT NULL DEFAULT '{}', d date[]);
SELECT selfheal.watch('arr');
COPY arr_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "i": [1, null, -3], "v": ["a", "NULL", "\"\\,"], "n": [1.5, 2.25], "m": ["ok", "it's \"fine\", \\ {really}"], "b": ["\\x00ff"], "j": [{"a": [1]}, "s", null], "t": ["", "NULL", "{}", null], "d": ["2026-01-31"]}
{"id": 2, "i": [[1, 2], [3, 4]], "v": [], "t": ["x"]}
{"id": 3, "i": "{5,6}", "v": "[2:3]={a,b}"}
{"id": 4, "i": [3000000000]}
{"id": 5, "i": [1.5]}
{"id": 6, "i": ["x"]}
{"id": 7, "i": 7}
{"id": 8, "i": {"a": 1}}
{"id": 9, "i": [[1], [2, 3]]}
{"id": 10, "v": ["long"]}
{"id": 11, "n": [1.239]}
{"id": 12, "n": [123.4]}
{"id": 13, "m": ["glad"]}
{"id": 14, "t": null}
{"id": 15, "d": ["2026-02-30"]}
{"id": 16, "new": [1, 2]}
\.
:idle
SELECT columns('arr');
SELECT * FROM tell('arr');
SELECT id, array_dims(i) AS i, array_dims(v) AS v, t[2] IS NULL AS t, j[2] #>> '{}' AS j FROM arr WHERE id <= 3 ORDER BY id;
BEGIN;
ALTER TABLE arr ALTER i TYPE bigint[], ALTER v TYPE text[], ALTER n TYPE numeric[], ALTER t DROP NOT NULL;
ALTER TYPE mood ADD VALUE 'glad';
SELECT retry('arr');
COMMIT;
:idle
SELECT * FROM tell('arr');

-- enums: a new label is a person's to give
CREATE TABLE en (id int, m mood, k mood DEFAULT 'ok');
SELECT selfheal.watch('en');
INSERT INTO en_intake VALUES
	('{"id": 1, "m": "sad"}'), ('{"id": 2, "m": "it''s \"fine\", \\ {really}", "k": null}'), ('{"id": 3, "m": "furious"}'),
	('{"id": 4, "m": "Sad"}'), ('{"id": 5, "m": ""}'), ('{"id": 6, "m": 1}'), ('{"id": 7, "m": "furious", "k": "bored"}'), ('{"id": 8, "m": ["sad"]}');
:idle
SELECT * FROM tell('en');
ALTER TYPE mood ADD VALUE 'furious';
ALTER TYPE mood ADD VALUE 'bored';
SELECT retry('en');
:idle
SELECT * FROM tell('en');

-- ranges and multiranges, of our own too
CREATE TYPE floatrange AS RANGE (subtype = float8);
CREATE TABLE ran (id int, r int4range, n numrange, t tstzrange, m int4multirange, f floatrange CHECK (NOT isempty(f)));
SELECT selfheal.watch('ran');
INSERT INTO ran_intake VALUES
	('{"id": 1, "r": "[1,5]", "n": "(1.5,)", "t": "[2026-01-01 00:00+00,2026-02-01 00:00+00)", "m": "{[1,2),[3,4)}", "f": "[0.1,0.2]"}'),
	('{"id": 2, "r": "empty", "m": "{}"}'), ('{"id": 3, "r": "[5,1]"}'), ('{"id": 4, "r": "[1,3000000000)"}'), ('{"id": 5, "r": "1-5"}'),
	('{"id": 6, "r": [1, 5]}'), ('{"id": 7, "r": {"lower": 1, "upper": 5}}'), ('{"id": 8, "f": "empty"}'), ('{"id": 9, "f": "[0.10000000000000000000001,1]"}'),
	('{"id": 10, "t": "[2026-02-30,)"}');
:idle
SELECT * FROM tell('ran');
BEGIN;
ALTER TABLE ran ALTER r TYPE int8range USING r::text::int8range;
SELECT amend('ran', '[5,1]', '{"id": 3, "r": "[1,5]"}');
COMMIT;
:idle
SELECT retry('ran');
:idle
SELECT * FROM tell('ran');

-- composites, and arrays of them
CREATE TYPE pair AS (a int, b varchar(3), c numeric(4,2));
CREATE DOMAIN pair_up AS pair CHECK ((VALUE).a > 0);
CREATE TABLE comp (id int, p pair, ps pair[], u pair_up);
SELECT selfheal.watch('comp');
COPY comp_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "p": "(1,abc,2.5)", "ps": "{\"(1,a,)\",\"(,,)\"}", "u": "(1,,)"}
{"id": 2, "p": null, "ps": ["(2,b,1)"]}
{"id": 3, "p": "(1,long,)"}
{"id": 4, "p": "(3000000000,,)"}
{"id": 5, "p": "(1)"}
{"id": 6, "p": "(1,a,1,1)"}
{"id": 7, "u": "(0,,)"}
{"id": 8, "p": "(1,a,1.239)"}
{"id": 9, "p": "(1,a,123)"}
\.
:idle
SELECT * FROM tell('comp');
ALTER TYPE pair ADD ATTRIBUTE d int;
SELECT amend('comp', 'long', '{"id": 3, "p": "(1,abc,,4)"}');
:idle
SELECT retry('comp');
:idle
SELECT * FROM tell('comp') WHERE "row" !~ '^\([12],';

-- a base type of our own, with a type modifier's limit and without
CREATE TYPE word;
CREATE FUNCTION word_in(cstring) RETURNS word LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION word_out(word) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE word (INPUT = word_in, OUTPUT = word_out, LIKE = text);
CREATE TYPE count;
CREATE FUNCTION count_in(cstring) RETURNS count LANGUAGE internal IMMUTABLE STRICT AS 'int4in';
CREATE FUNCTION count_out(count) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE count (INPUT = count_in, OUTPUT = count_out, LIKE = int4);
CREATE TABLE base (id int, w word, c count, ws word[]);
SELECT selfheal.watch('base');
INSERT INTO base_intake VALUES
	('{"id": 1, "w": "a \"word\" \\ ", "c": 7, "ws": ["a", "{b,c}"]}'), ('{"id": 2, "c": "8"}'),
	('{"id": 3, "c": "many"}'), ('{"id": 4, "c": 3000000000}'), ('{"id": 5, "c": 1.5}'), ('{"id": 6, "new": "x"}');
:idle
SELECT * FROM tell('base');
SELECT amend('base', 'many', '{"id": 3, "c": 9}');
:idle
SELECT * FROM tell('base') WHERE "row" LIKE '(3,%' OR what <> 'stored';

SELECT ok FROM selfheal.verify_audit();
SET client_min_messages = error;
DROP SCHEMA kinds_columns CASCADE;
DROP SCHEMA "Odd ""schema""; --" CASCADE;
