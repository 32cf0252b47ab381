--
-- What is stored is what was sent: parts of arrays, composites and ranges,
-- nested keys, notations of dates, types whose input changes a value. The many
-- generated values are in test/t/070_property.pl.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA vals;
SET search_path = vals, public;
SET TimeZone = 'UTC';
-- one line per row of a load: the column that it fills, or why it is held
CREATE FUNCTION tell(tab regclass) RETURNS TABLE (n bigint, stored text, class text, need text, sqlstate text)
LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE format($q$
		SELECT (to_jsonb(whole) ->> 'n')::bigint, (SELECT string_agg(value, '') FROM jsonb_each_text(to_jsonb(whole) - 'n') WHERE value IS NOT NULL), NULL, NULL, NULL FROM %1$s AS whole
		UNION ALL
		SELECT substring(q.payload, '\{"n": (\d+)')::bigint, NULL, e.class, e.need, e.sqlstate
		FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error WHERE q.relid = %1$L::regclass
		ORDER BY 1$q$, tab);
END $$;

-- composites: an object by its keys, PostgreSQL's text, nothing rounded or cut
CREATE DOMAIN code AS varchar(3) CHECK (VALUE <> 'bad');
CREATE TYPE place AS (street text, "Zip" varchar(5), price numeric(4, 2), code code);
CREATE TYPE person AS (name text, home place, seen timestamp(0), notes jsonb, homes place[]);
ALTER TYPE person DROP ATTRIBUTE seen;
CREATE TABLE rec (n int, p person, a place[]);
SELECT selfheal.watch('rec', 'observe');
INSERT INTO rec_intake VALUES
	('{"n": 1, "p": {"name": "a \"b\" \\c, (d)", "home": {"street": "NULL", "Zip": "12345", "price": 1.5}, "notes": {"k": [1, null]}}}'),
	('{"n": 2, "p": {"homes": [{"street": ""}, null, {"code": "ok"}], "home": null}}'),
	('{"n": 3, "p": "(x,\"(s,12345,1.25,)\",,)"}'),
	('{"n": 4, "p": {}}'),
	('{"n": 5, "p": {"home": {"price": 1.239}}}'),
	('{"n": 6, "p": {"home": {"Zip": "123456"}}}'),
	('{"n": 7, "p": {"home": {"zip": "12345"}}}'),
	('{"n": 8, "p": {"home": {"zip": null}}}'),
	('{"n": 9, "p": {"home": {"code": "bad"}}}'),
	('{"n": 10, "p": {"name": "a", "name": "b"}}'),
	('{"n": 11, "p": {"name": "a", "name": "\u0061"}}'),
	('{"n": 12, "p": "(x,\"(s,12345,1.255,)\",,)"}'),
	('{"n": 13, "p": "(x,y)"}'),
	('{"n": 14, "p": ["x"]}'),
	('{"n": 15, "p": "(x,\"(s,12345 ,,)\",,)"}'),
	('{"n": 16, "p": "(x,,\"{\"\"a\"\":1,\"\"a\"\":2}\",)"}'),
	('{"n": 17, "a": [{"price": 99.99}, {"price": 100}]}'),
	('{"n": 18, "a": "{\"(a,,1.25,)\",\"(b,,1.255,)\"}"}'),
	('{"n": 19, "p": "(x,\"(s,\"\"123\"\"\"\" \"\",,)\",,)"}'),
	('{"n": 20, "p": "(x,\"(s,\"\"1234\"\"\"\" \"\",,)\",,)"}');
SELECT * FROM tell('rec');
SELECT message FROM selfheal.error WHERE relid = 'rec'::regclass AND class IN ('scale', 'too_long') ORDER BY id;

-- arrays, also those that PostgreSQL up to 16 reads as empty
CREATE TABLE arr (n int, i int[], m numeric(4, 2)[], v varchar(3)[], ts timestamp(0)[], r real[], j jsonb[], iv int2vector, ov oidvector, d code[]);
SELECT selfheal.watch('arr', 'observe');
INSERT INTO arr_intake VALUES
	('{"n": 1, "i": [[1, 2.0], [3e0, null]]}'), ('{"n": 2, "i": "[0:1]={1,2}"}'), ('{"n": 3, "i": []}'),
	('{"n": 4, "i": [1, 2.5]}'), ('{"n": 5, "i": [[]]}'), ('{"n": 6, "i": [[1], [[2]], [3]]}'), ('{"n": 7, "i": "{{1},{{2}},{3}}"}'),
	('{"n": 8, "i": [[1, 2], [3]]}'), ('{"n": 9, "i": {}}'), ('{"n": 10, "m": [1.25, "99.9"]}'), ('{"n": 11, "m": [1.255]}'), ('{"n": 12, "m": "{1.255}"}'),
	('{"n": 13, "v": ["abc", "NULL"]}'), ('{"n": 14, "v": ["ab ", "NUL", null, "\"", "\\"]}'), ('{"n": 15, "v": "{\"abc \"}"}'),
	('{"n": 16, "ts": ["2024-01-01T00:00:00"]}'), ('{"n": 17, "ts": ["2024-01-01T00:00:00.5"]}'), ('{"n": 18, "ts": ["2024-01-01T00:00:00+02"]}'),
	('{"n": 19, "r": [1.5, 0.1]}'), ('{"n": 20, "r": [0.123456789]}'), ('{"n": 21, "j": [{"a": 1, "a": 2}]}'), ('{"n": 22, "j": [{"a": 1, "a": 1}, "x"]}'),
	('{"n": 23, "j": "{\"{\\\"a\\\": 1, \\\"a\\\": 2}\"}"}'), ('{"n": 24, "iv": [1, 2]}'), ('{"n": 25, "iv": "1 2"}'), ('{"n": 26, "iv": [40000]}'), ('{"n": 27, "ov": [1, -1]}'),
	('{"n": 28, "d": ["ok", null]}'), ('{"n": 29, "d": ["ok", "long"]}'), ('{"n": 30, "d": ["bad"]}');
SELECT * FROM tell('arr');

-- ranges: PostgreSQL's text, or [lower, upper]
CREATE TYPE frange AS RANGE (subtype = float8);
CREATE TYPE trange AS RANGE (subtype = text, collation = "C");
CREATE TABLE rng (n int, i int4range, d daterange, ts tsrange, f frange, t trange, m tsmultirange);
SELECT selfheal.watch('rng', 'observe');
INSERT INTO rng_intake VALUES
	('{"n": 1, "i": "[1,5)"}'), ('{"n": 2, "i": [1, 5]}'), ('{"n": 3, "i": "(,5]"}'), ('{"n": 4, "i": "empty"}'), ('{"n": 5, "i": [1, null]}'), ('{"n": 6, "i": [1, 5.5]}'), ('{"n": 7, "i": [1]}'),
	('{"n": 8, "d": "[2024-01-01,2024-01-05]"}'), ('{"n": 9, "d": "[2024-01-01 10:00,2024-01-05]"}'), ('{"n": 10, "ts": "[2024-01-01 00:00:00.1234567,)"}'), ('{"n": 11, "ts": "[2024-01-01 00:00+02,)"}'),
	('{"n": 12, "f": [0.1, 2]}'), ('{"n": 13, "f": "[0.12345678901234567890,)"}'), ('{"n": 14, "t": ["a\"b", "b\\c"]}'), ('{"n": 15, "m": "{[2024-01-01,2024-01-02),[2025-01-01,)}"}'), ('{"n": 16, "m": "{[2024-01-01 00:00:00.1234567,)}"}'), ('{"n": 17, "i": "[5,1]"}');
SELECT * FROM tell('rng');

-- one key twice in a document: jsonb would keep the last, json keeps both
CREATE TABLE doc (n int, j jsonb, t json, x text);
SELECT selfheal.watch('doc', 'observe');
INSERT INTO doc_intake VALUES
	('{"n": 1, "j": {"a": 1, "a": 2}}'), ('{"n": 2, "j": {"a": 1, "a": 1}}'), ('{"n": 3, "j": {"a": "\u0061", "\u0061": "a"}}'), ('{"n": 4, "j": {"a": 1, "a": 1.0}}'),
	('{"n": 5, "j": [0, {"b": {"c": [], "d": {}, "c": [1]}}]}'), ('{"n": 6, "t": {"a": 1, "a": 2}}'), ('{"n": 7, "x": {"a": 1, "a": 2}}'),
	('{"n": 8, "j": {"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}}');
-- and again, now that keys in that order are known
INSERT INTO doc_intake VALUES ('{"n": 9, "j": {"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}}'), ('{"n": 10, "j": {"a": 1, "b": {"a": 2}, "b": [{"a": 3}, {"a": 4}]}}'), ('{"n": 11, "j": {"a": 1, "a": 2}}');
INSERT INTO doc_intake SELECT format('{"n": %s, "j": {%s}}', 11 + s, string_agg(format('"k%s": %s', CASE WHEN s = 2 AND i = 700 THEN 3 ELSE i END, i), ', ')) FROM generate_series(1, 2) s, generate_series(1, 1000) i GROUP BY s;
SELECT n, left(stored, 40) AS stored, class, need, sqlstate FROM tell('doc');
SELECT n, t FROM doc WHERE t IS NOT NULL;

-- notations: what a type would leave out, or round
CREATE TABLE tim (n int, d date, ts timestamp, tz timestamptz, t time, tt timetz, i interval, ym interval year to month, i0 interval(0));
SELECT selfheal.watch('tim', 'observe');
INSERT INTO tim_intake VALUES
	('{"n": 1, "d": "Jan 5 2024"}'), ('{"n": 2, "d": "20240105T101112"}'), ('{"n": 3, "d": "Jan 5 2024 10:00 PST"}'), ('{"n": 4, "d": "2024-01-05 24:00"}'),
	('{"n": 5, "ts": "Jan 5 2024 10:00"}'), ('{"n": 6, "ts": "Jan 5 2024 10:00 PST"}'), ('{"n": 7, "ts": "Jan 5 2024 10:00 UTC"}'), ('{"n": 8, "tz": "Jan 5 2024 10:00 PST"}'),
	('{"n": 9, "t": "10:00"}'), ('{"n": 10, "t": "10:00 PST"}'), ('{"n": 11, "t": "2024-01-05 10:00"}'), ('{"n": 12, "t": "040506.5"}'), ('{"n": 13, "tt": "10:00 PST"}'), ('{"n": 14, "tt": "2024-01-05 10:00 PST"}'),
	('{"n": 15, "i": "1.5 years"}'), ('{"n": 16, "i": "1.51 years"}'), ('{"n": 17, "i": "P1.51Y"}'), ('{"n": 18, "i": "1.5 ms"}'), ('{"n": 19, "i": "1.5 us"}'),
	('{"n": 20, "ym": "14 mons"}'), ('{"n": 21, "ym": "1 mon -30 days"}'), ('{"n": 22, "i0": "1.5 seconds"}');
SELECT * FROM tell('tim');

-- types that read more than there is, or less; a type's own errors are the value's
CREATE TABLE odd (n int, x xid, x8 xid8, t tid, o oid, m money, rt regtype, c "char", nm name, b bytea, tq tsquery, rc regclass, tv tsvector);
SELECT selfheal.watch('odd', 'observe');
INSERT INTO odd_intake VALUES
	('{"n": 1, "x": "abc"}'), ('{"n": 2, "x": "010"}'), ('{"n": 3, "x": 4294967296}'), ('{"n": 4, "x": 7}'), ('{"n": 5, "x8": 18446744073709551615}'), ('{"n": 6, "x8": 18446744073709551616}'),
	('{"n": 7, "t": "x(1,2)y"}'), ('{"n": 8, "t": "(1,2)"}'), ('{"n": 9, "t": "(-1,2)"}'), ('{"n": 10, "o": -1}'), ('{"n": 11, "m": 12.34}'), ('{"n": 12, "m": 12.345}'), ('{"n": 13, "rt": "varchar(5)"}'), ('{"n": 14, "rt": "integer"}'),
	('{"n": 15, "c": "ab"}'), ('{"n": 16, "b": {"a": "\\101"}}'), ('{"n": 17, "tq": "a &&& b"}'), ('{"n": 18, "rc": "nosuch"}'), ('{"n": 19, "tv": ["a\\b"]}'), ('{"n": 20, "rt": "a b c"}');
SELECT * FROM tell('odd');

SET client_min_messages = error;
DROP SCHEMA vals CASCADE;
