--
-- What mappings make of values, and what a list of values proves: pure
-- functions, table by table. Each table says what must come out; only what
-- comes out otherwise is shown.
--
SET client_min_messages = warning;
SET timezone = 'America/New_York';
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA transform_cases;
SET search_path = transform_cases, public;

-- the outcome in one word: the text that is made, <left>, <nulled>, <torn>, or the SQLSTATE
CREATE FUNCTION made(kind text, args jsonb, value jsonb, type regtype) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r jsonb;
BEGIN
	r := selfheal.transform(kind, args, value, type);
	RETURN CASE r ->> 'outcome' WHEN 'made' THEN r ->> 'text' ELSE '<' || (r ->> 'outcome') || '>' END;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END
$$;
-- what is said of arguments that are no good
CREATE FUNCTION said(kind text, args jsonb, type regtype) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM selfheal.transform_args(kind, args, type);
	RETURN NULL;
EXCEPTION WHEN invalid_parameter_value THEN
	RETURN SQLERRM;
END
$$;
-- made() of a value that is a string
CREATE FUNCTION made_of(kind text, args jsonb, value text, type regtype) RETURNS text LANGUAGE sql AS
$$ SELECT made(kind, args, to_jsonb(value), type) $$;

--
-- trim
--
CREATE TABLE trim_case (value text, expected text);
INSERT INTO trim_case VALUES
	(' a', 'a'), ('a ', 'a'), (E'\t\r\n\f\u000B a b \n', 'a b'), ('a', '<left>'), ('', '<left>'), ('  ', ''), ('a b', '<left>'), ('a  b', '<left>'),
	(E'\u00A0a\u00A0', 'a'), (E'\u1680a', 'a'), (E'\u2000a\u200A', 'a'), (E'\u200Ba', 'a'), (E'a\u200B', 'a'),
	(E'\u2028a\u2029', 'a'), (E'\u202Fa', 'a'), (E'\u205Fa', 'a'), (E'\u3000a\u3000', 'a'), (E'\uFEFFa', 'a'),
	(E' \u00A0\t\uFEFF', ''), (E'a\u00A0b', '<left>'),
	-- seen, or of a meaning in some script: not stripped
	(E'\u200Ca', '<left>'), (E'\u200Da', '<left>'), (E'\u200Ea', '<left>'), (E'\u2060a', '<left>'), (E'\uF02Ca', '<left>'),
	(E'\u0001a', '<left>'), (E'\u001Fa', '<left>'), (E'\u0085a', '<left>'), (E'\u00ADa', '<left>'), (E'\u2007a', 'a'),
	-- what starts as one does
	(E'\u2010', '<left>'), (E'\u3001', '<left>'), (E'\uFEFC', '<left>'), (E'\u00E0', '<left>'), (E'\u00C2', '<left>'), (E'\u00A1', '<left>'),
	(E'\u1681', '<left>'), (E'\u2030', '<left>'), (E'\u2060', '<left>'), ('à', '<left>'), ('漢 ', '漢'), (' 漢', '漢'), ('𝄞 ', '𝄞'),
	(repeat(' ', 100000) || 'x' || repeat(' ', 100000), 'x');
SELECT left(value, 20) AS value, expected, got FROM trim_case, made_of('trim', '{}', value, 'text') AS got WHERE got IS DISTINCT FROM expected;
SELECT value, made('trim', '{}', value, 'int4') FROM jsonb_array_elements('[1, 1.50, true, null, [" a "], {"a": " b "}]') AS value;

--
-- null_if
--
CREATE TABLE null_case (args jsonb, value text, expected text);
INSERT INTO null_case VALUES
	('{"values": ["", "N/A"]}', '', '<nulled>'), ('{"values": ["", "N/A"]}', 'N/A', '<nulled>'), ('{"values": ["", "N/A"]}', 'n/a', '<left>'),
	('{"values": ["", "N/A"]}', ' ', '<left>'), ('{"values": ["", "N/A"]}', 'N/A ', '<left>'), ('{"values": ["", "N/A"]}', 'N', '<left>'),
	('{"values": ["", "N/A"]}', 'N/AB', '<left>'), ('{"values": "N/A"}', 'N/A', '<nulled>'), ('{"values": ["N/A"]}', '', '<left>'),
	('{"values": ["n/a"], "ignore_case": true}', 'N/A', '<nulled>'), ('{"values": ["N/a"], "ignore_case": true}', 'n/A', '<nulled>'),
	('{"values": ["ä"], "ignore_case": true}', 'Ä', '<left>'), ('{"values": ["ä"], "ignore_case": true}', 'ä', '<nulled>'),
	('{"values": ["0000-00-00"]}', '0000-00-00', '<nulled>'), ('{"values": ["0000-00-00"]}', '0000-00-00 00:00:00', '<left>'),
	('{"values": ["@"], "ignore_case": true}', '`', '<left>'), ('{"values": ["["], "ignore_case": true}', '{', '<left>'),
	('{"values": ["a"], "ignore_case": null}', 'A', '<left>'),
	('{"values": []}', 'a', '22023'), ('{}', 'a', '22023'), ('{"values": null}', 'a', '22023'), ('{"values": [1]}', 'a', '22023'),
	('{"values": [null]}', 'a', '22023'), ('{"values": ["a"], "ignore_case": "yes"}', 'a', '22023'), ('{"value": ["a"]}', 'a', '22023'),
	('{"values": {"a": 1}}', 'a', '22023'), ('{"values": [["a"]]}', 'a', '22023'), ('["a"]', 'a', '22023'), ('"a"', 'a', '22023'),
	(jsonb_build_object('values', ARRAY[repeat('a', 200)]), repeat('a', 200), '<nulled>'),
	(jsonb_build_object('values', ARRAY[repeat('a', 201)]), 'a', '22023'),
	(jsonb_build_object('values', (SELECT array_agg(n::text) FROM generate_series(1, 100) n)), '100', '<nulled>'),
	(jsonb_build_object('values', (SELECT array_agg(n::text) FROM generate_series(1, 101) n)), '100', '22023'),
	(jsonb_build_object('values', (SELECT array_agg('a'::text) FROM generate_series(1, 101) n)), 'a', '<nulled>');
SELECT left(args::text, 60) AS args, left(value, 20) AS value, expected, got
FROM null_case, made_of('null_if', args, value, 'int4') AS got WHERE got IS DISTINCT FROM expected;
SELECT said, count(*) FROM (SELECT said('null_if', args, 'int4') FROM null_case WHERE expected = '22023') AS s GROUP BY said ORDER BY said COLLATE "C";
SELECT value, made('null_if', '{"values": ["", "0", "null", "false"]}', value, 'int4')
FROM jsonb_array_elements('[0, null, false, "0", "null", [], {}]') AS value;

--
-- parse_timestamp
--
CREATE TABLE time_case (type regtype, args jsonb, value text, expected text);
-- one format, no zone
INSERT INTO time_case SELECT type::regtype, jsonb_build_object('formats', format), value, expected FROM (VALUES
	('date', 'DD.MM.YYYY', '31.12.2024', '2024-12-31'), ('date', 'DD.MM.YYYY', '01.02.2024', '2024-02-01'),
	('date', 'DD.MM.YYYY', '29.02.2024', '2024-02-29'), ('date', 'DD.MM.YYYY', '29.02.2023', '<torn>'),
	('date', 'DD.MM.YYYY', '29.02.1900', '<torn>'), ('date', 'DD.MM.YYYY', '29.02.2000', '2000-02-29'),
	('date', 'DD.MM.YYYY', '31.04.2024', '<torn>'), ('date', 'DD.MM.YYYY', '00.01.2024', '<torn>'), ('date', 'DD.MM.YYYY', '32.01.2024', '<torn>'),
	('date', 'DD.MM.YYYY', '01.00.2024', '<torn>'), ('date', 'DD.MM.YYYY', '01.13.2024', '<torn>'), ('date', 'DD.MM.YYYY', '01.01.0000', '<torn>'),
	('date', 'DD.MM.YYYY', '01.01.0001', '0001-01-01'), ('date', 'DD.MM.YYYY', '31.12.9999', '9999-12-31'),
	('date', 'DD.MM.YYYY', '1.2.2024', '<torn>'), ('date', 'DD.MM.YYYY', '01.02.24', '<torn>'), ('date', 'DD.MM.YYYY', '01.02.20241', '<torn>'),
	('date', 'DD.MM.YYYY', '01.02.2024 ', '<torn>'), ('date', 'DD.MM.YYYY', ' 01.02.2024', '<torn>'), ('date', 'DD.MM.YYYY', '01-02-2024', '<torn>'),
	('date', 'DD.MM.YYYY', '+1.02.2024', '<left>'), ('date', 'DD.MM.YYYY', '-1.02.2024', '<left>'), ('date', 'DD.MM.YYYY', '', '<left>'),
	('date', 'DD.MM.YYYY', '01.02.2024 10:00', '<torn>'), ('date', 'DD.MM.YYYY', '01.02', '<left>'), ('date', 'DD.MM.YYYY', '０１.02.2024', '<left>'),
	('date', 'MM/DD/YYYY', '12/31/2024', '2024-12-31'), ('date', 'MM/DD/YYYY', '31/12/2024', '<torn>'),
	('date', 'FMDD.FMMM.YYYY', '1.2.2024', '2024-02-01'), ('date', 'FMDD.FMMM.YYYY', '01.02.2024', '2024-02-01'),
	('date', 'FMDD.FMMM.YYYY', '001.2.2024', '<left>'), ('date', 'FMDD.FMMM.YYYY', '.2.2024', '<left>'),
	('date', 'YYYYMMDD', '20241231', '2024-12-31'), ('date', 'YYYYMMDD', '2024123', '<left>'), ('date', 'YYYY-MM-DD', '2024-12-31', '<left>'),
	('date', 'YYYY/MM/DD', '2024/12/31', '2024-12-31'), ('date', 'DD Mon YYYY', '31 Dec 2024', '2024-12-31'),
	('date', 'DD Mon YYYY', '31 DEC 2024', '2024-12-31'), ('date', 'DD Mon YYYY', '31 dez 2024', '<left>'), ('date', 'DD Mon YYYY', '31 December 2024', '<left>'),
	('date', 'DD Month YYYY', '31 December 2024', '2024-12-31'), ('date', 'DD Month YYYY', '31 Dec 2024', '<left>'),
	('date', 'DD Month YYYY', '01 May 2024', '2024-05-01'), ('date', 'DD Month YYYY', '01 Mayo 2024', '<left>'),
	('date', 'Mon FMDD, YYYY', 'Feb 3, 2024', '2024-02-03'), ('date', 'DDMonYYYY', '03FEB2024', '2024-02-03'),
	('date', 'Dy, DD Mon YYYY', 'Tue, 31 Dec 2024', '2024-12-31'), ('date', 'Dy, DD Mon YYYY', 'Wed, 31 Dec 2024', '<left>'),
	('date', 'Day FMDD Month YYYY', 'Tuesday 31 December 2024', '2024-12-31'), ('date', 'Day FMDD Month YYYY', 'Tues 31 December 2024', '<left>'),
	('date', 'YYYY年FMMM月FMDD日', '2024年2月3日', '2024-02-03'), ('date', '"am" DD.MM.YYYY', 'am 31.12.2024', '2024-12-31'),
	('date', '"am" DD.MM.YYYY', 'pm 31.12.2024', '<left>'), ('date', 'YYYY-MM-DDTHH24:MI', '2024-12-31T00:00', '2024-12-31'),
	-- a date keeps no time of day
	('date', 'YYYY/MM/DD HH24:MI:SS', '2024/12/31 00:00:00', '2024-12-31'), ('date', 'YYYY/MM/DD HH24:MI:SS', '2024/12/31 00:00:01', '<left>'),
	('date', 'YYYY/MM/DD HH24:MI:SS.FF', '2024/12/31 00:00:00.000001', '<left>'), ('date', 'YYYY/MM/DD HH12:MI AM', '2024/12/31 12:00 AM', '2024-12-31'),
	('date', 'YYYY/MM/DD HH12:MI AM', '2024/12/31 12:00 PM', '<left>'),
	-- times of day
	('timestamp', 'DD.MM.YYYY', '31.12.2024', '2024-12-31'), ('timestamp', 'DD.MM.YYYY HH24:MI', '31.12.2024 23:59', '2024-12-31T23:59:00'),
	('timestamp', 'DD.MM.YYYY HH24:MI', '31.12.2024 24:00', '<torn>'), ('timestamp', 'DD.MM.YYYY HH24:MI', '31.12.2024 23:60', '<torn>'),
	('timestamp', 'DD.MM.YYYY HH24:MI', '31.12.2024 2:30', '<torn>'), ('timestamp', 'DD.MM.YYYY FMHH24:MI', '31.12.2024 2:30', '2024-12-31T02:30:00'),
	('timestamp', 'DD.MM.YYYY HH24:MI', '31.12.2024', '<torn>'), ('timestamp', 'DD.MM.YYYY HH24:MI:SS', '31.12.2024 23:59:60', '<torn>'),
	('timestamp', 'DD.MM.YYYY HH24', '31.12.2024 07', '2024-12-31T07:00:00'),
	('timestamp', 'YYYYMMDDHH24MISS', '20241231235958', '2024-12-31T23:59:58'), ('timestamp', 'YYYYMMDDHH24MISSMS', '20241231235958123', '2024-12-31T23:59:58.123'),
	('timestamp', 'MM/DD/YYYY HH12:MI AM', '12/31/2024 12:05 AM', '2024-12-31T00:05:00'), ('timestamp', 'MM/DD/YYYY HH12:MI AM', '12/31/2024 12:05 pm', '2024-12-31T12:05:00'),
	('timestamp', 'MM/DD/YYYY HH12:MI PM', '12/31/2024 11:05 PM', '2024-12-31T23:05:00'), ('timestamp', 'MM/DD/YYYY HH12:MI AM', '12/31/2024 13:05 PM', '<torn>'),
	('timestamp', 'MM/DD/YYYY HH12:MI AM', '12/31/2024 00:05 AM', '<torn>'), ('timestamp', 'MM/DD/YYYY HH12:MI AM', '12/31/2024 12:05 XM', '<torn>'),
	('timestamp', 'MM/DD/YYYY HH12:MI AM', '12/31/2024 12:05 A', '<torn>'), ('timestamp', 'MM/DD/YYYY HHMIAM', '12/31/2024 0105PM', '2024-12-31T13:05:00'),
	('timestamp', 'DD.MM.YYYY HH24:MI:SS.FF', '31.12.2024 01:02:03.5', '2024-12-31T01:02:03.5'),
	('timestamp', 'DD.MM.YYYY HH24:MI:SS,FF', '31.12.2024 01:02:03,123456', '2024-12-31T01:02:03.123456'),
	('timestamp', 'DD.MM.YYYY HH24:MI:SS.FF', '31.12.2024 01:02:03.123456000', '2024-12-31T01:02:03.123456'),
	('timestamp', 'DD.MM.YYYY HH24:MI:SS.FF', '31.12.2024 01:02:03.1234567', '<torn>'), ('timestamp', 'DD.MM.YYYY HH24:MI:SS.FF', '31.12.2024 01:02:03.', '<torn>'),
	('timestamp', 'DD.MM.YYYY HH24:MI:SS.FF', '31.12.2024 01:02:03.0000000000', '<torn>'), ('timestamp', 'DD.MM.YYYY HH24:MI:SS.MS', '31.12.2024 01:02:03.5', '<torn>'),
	('timestamp', 'DD.MM.YYYY HH24:MI:SS.MS', '31.12.2024 01:02:03.050', '2024-12-31T01:02:03.05'), ('timestamp', 'DD.MM.YYYY HH24:MI:SS.US', '31.12.2024 01:02:03.000001', '2024-12-31T01:02:03.000001'),
	('timestamp', 'YYYY-MM-DD HH24:MI:SS', '2024-12-31 01:02:03', '2024-12-31T01:02:03'), ('timestamp', 'YYYY-MM-DD"T"HH24:MI:SS', '2024-12-31T01:02:03', '<left>'),
	('time', 'HH24.MI', '07.05', '07:05:00'), ('time', 'HH24:MI "Uhr"', '07:05 Uhr', '07:05:00'), ('time', 'FMHH12:MI AM', '7:05 PM', '19:05:00'),
	('time', 'HH24MISS', '235959', '23:59:59'), ('time', 'HH24MISS', '240000', '<left>'), ('time', 'HH24:MI:SS', '23:59:59', '<left>'),
	-- zones in the value
	('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 +02:00', '2024-12-31T10:00:00+02:00'),
	('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 -0530', '2024-12-31T10:00:00-05:30'),
	('timestamptz', 'DD.MM.YYYY HH24:MITZ', '31.12.2024 10:00Z', '2024-12-31T10:00:00+00:00'), ('timestamptz', 'DD.MM.YYYY HH24:MITZ', '31.12.2024 10:00+15', '2024-12-31T10:00:00+15:00'),
	('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 UTC', '2024-12-31T10:00:00+00:00'), ('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 gmt', '2024-12-31T10:00:00+00:00'),
	('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 CET', '<torn>'), ('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 +16', '<torn>'),
	('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 +02:60', '<torn>'), ('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 +2', '<torn>'),
	('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00 +02:', '<torn>'), ('timestamptz', 'DD.MM.YYYY HH24:MI TZ', '31.12.2024 10:00', '<torn>'),
	('timestamptz', 'DD.MM.YYYY HH24:MI', '31.12.2024 10:00', '2024-12-31T10:00:00'), ('timestamptz', 'DD.MM.YYYY', '31.12.2024', '2024-12-31'),
	('timestamptz', 'DD/Mon/YYYY:HH24:MI:SS TZ', '10/Oct/2000:13:55:36 -0700', '2000-10-10T13:55:36-07:00'),
	('timestamptz', 'Dy, DD Mon YYYY HH24:MI:SS TZ', 'Sun, 06 Nov 1994 08:49:37 GMT', '1994-11-06T08:49:37+00:00'),
	-- seconds and milliseconds, never one for the other
	('timestamptz', 'unix', '1718000000', '2024-06-10T06:13:20+00:00'), ('timestamptz', 'unix', '1718000000.25', '2024-06-10T06:13:20.25+00:00'),
	('timestamptz', 'unix', '1718000000.1234567', '<left>'), ('timestamptz', 'unix', '1718000000.', '<left>'), ('timestamptz', 'unix', '1718000000.123456000', '2024-06-10T06:13:20.123456+00:00'),
	('timestamptz', 'unix', '315532799', '<left>'), ('timestamptz', 'unix', '315532800', '1980-01-01T00:00:00+00:00'),
	('timestamptz', 'unix', '4102444799', '2099-12-31T23:59:59+00:00'), ('timestamptz', 'unix', '4102444800', '<left>'),
	('timestamptz', 'unix', '1718000000000', '<left>'), ('timestamptz', 'unix_ms', '1718000000', '<left>'), ('timestamptz', 'unix', '0', '<left>'),
	('timestamptz', 'unix', '-1718000000', '<left>'), ('timestamptz', 'unix', '01718000000', '<left>'), ('timestamptz', 'unix', '1.718e9', '<left>'),
	('timestamptz', 'unix', '99999999999999999999999', '<left>'), ('timestamptz', 'unix', '18446744075427551616', '<left>'), ('timestamptz', 'unix', '', '<left>'),
	('timestamptz', 'unix_ms', '1718000000123', '2024-06-10T06:13:20.123+00:00'), ('timestamptz', 'unix_ms', '1718000000123.5', '2024-06-10T06:13:20.1235+00:00'),
	('timestamptz', 'unix_ms', '1718000000123.4567', '<left>'), ('timestamptz', 'unix_ms', '315532799999', '<left>'), ('timestamptz', 'unix_ms', '4102444799999', '2099-12-31T23:59:59.999+00:00'),
	('timestamptz', 'unix_ms', '4102444800000', '<left>')
) AS c (type, format, value, expected);
-- several formats, zones, centuries
INSERT INTO time_case VALUES
	('date', '{"formats": ["DD.MM.YYYY", "YYYY/MM/DD"]}', '31.12.2024', '2024-12-31'), ('date', '{"formats": ["DD.MM.YYYY", "YYYY/MM/DD"]}', '2024/12/31', '2024-12-31'),
	-- two readings of one value are none, in whatever order
	('date', '{"formats": ["DD/MM/YYYY", "MM/DD/YYYY"]}', '03/04/2024', '<torn>'), ('date', '{"formats": ["MM/DD/YYYY", "DD/MM/YYYY"]}', '03/04/2024', '<torn>'),
	('date', '{"formats": ["DD/MM/YYYY", "MM/DD/YYYY"]}', '13/04/2024', '2024-04-13'), ('date', '{"formats": ["DD/MM/YYYY", "MM/DD/YYYY"]}', '04/13/2024', '2024-04-13'),
	('date', '{"formats": ["DD/MM/YYYY", "MM/DD/YYYY"]}', '04/04/2024', '2024-04-04'), ('date', '{"formats": ["DD/MM/YYYY", "FMDD/FMMM/YYYY"]}', '03/04/2024', '2024-04-03'),
	('date', '{"formats": ["YYYYMMDD", "DDMMYYYY"]}', '20101112', '<torn>'), ('date', '{"formats": "DD.MM.YYYY"}', '31.12.2024', '2024-12-31'),
	('timestamptz', '{"formats": ["unix", "unix_ms"]}', '1718000000', '2024-06-10T06:13:20+00:00'), ('timestamptz', '{"formats": ["unix", "unix_ms"]}', '1718000000123', '2024-06-10T06:13:20.123+00:00'),
	-- values without a zone: an hour that the zone has once
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '31.12.2024 10:00', '2024-12-31T10:00:00+01:00'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '01.07.2024 10:00', '2024-07-01T10:00:00+02:00'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '31.03.2024 01:59', '2024-03-31T01:59:00+01:00'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '31.03.2024 02:00', '<torn>'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '31.03.2024 02:59', '<torn>'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '31.03.2024 03:00', '2024-03-31T03:00:00+02:00'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '27.10.2024 01:59', '2024-10-27T01:59:00+02:00'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '27.10.2024 02:00', '<torn>'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '27.10.2024 02:59', '<torn>'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Europe/Berlin"}', '27.10.2024 03:00', '2024-10-27T03:00:00+01:00'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "America/New_York"}', '10.03.2024 02:30', '<torn>'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "America/New_York"}', '03.11.2024 01:30', '<torn>'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Pacific/Apia"}', '30.12.2011 12:00', '<torn>'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Asia/Kolkata"}', '31.12.2024 10:00', '2024-12-31T10:00:00+05:30'),
	('timestamptz', '{"formats": ["DD.MM.YYYY"], "zone": "UTC"}', '31.12.2024', '2024-12-31T00:00:00+00:00'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": "Etc/GMT+3"}', '31.12.2024 10:00', '2024-12-31T10:00:00-03:00'),
	('timestamptz', '{"formats": ["DD.MM.YYYY HH24:MI", "DD.MM.YYYY HH24:MI TZ"], "zone": "UTC"}', '31.12.2024 10:00 +02', '2024-12-31T10:00:00+02:00'),
	-- instants by a clock that was named
	('timestamp', '{"formats": "unix", "zone": "UTC"}', '1718000000', '2024-06-10T06:13:20'), ('timestamp', '{"formats": "unix", "zone": "Europe/Berlin"}', '1718000000', '2024-06-10T08:13:20'),
	('timestamp', '{"formats": "DD.MM.YYYY HH24:MI TZ", "zone": "Europe/Berlin"}', '31.12.2024 23:30 +00', '2025-01-01T00:30:00'),
	('date', '{"formats": "unix_ms", "zone": "UTC"}', '1717977600000', '2024-06-10'), ('date', '{"formats": "unix_ms", "zone": "UTC"}', '1717977600001', '<left>'),
	('date', '{"formats": "unix_ms", "zone": "Europe/Berlin"}', '1717977600000', '<left>'), ('date', '{"formats": "unix_ms", "zone": "Europe/Berlin"}', '1717970400000', '2024-06-10'),
	('timestamp', '{"formats": "YYYY-MM-DD HH24:MI TZ", "zone": "Etc/GMT-14"}', '9999-12-31 23:00 +00', '<left>'),
	-- years of two digits only with their century
	('date', '{"formats": "DD.MM.YY", "century": 2000}', '31.12.24', '2024-12-31'), ('date', '{"formats": "DD.MM.YY", "century": 1900}', '31.12.24', '1924-12-31'),
	('date', '{"formats": "DD.MM.YY", "century": 1900}', '29.02.00', '<torn>'), ('date', '{"formats": "DD.MM.YY", "century": 2000}', '29.02.00', '2000-02-29'),
	('date', '{"formats": "YYMMDD", "century": 2000}', '241231', '2024-12-31'),
	('date', '{"formats": "DD.MM.YY"}', '31.12.24', '22023'), ('date', '{"formats": "DD.MM.YYYY", "century": 2000}', '31.12.2024', '22023'),
	('date', '{"formats": "DD.MM.YY", "century": 20}', '31.12.24', '22023'), ('date', '{"formats": "DD.MM.YY", "century": 1950}', '31.12.24', '22023'),
	('date', '{"formats": "DD.MM.YY", "century": "2000"}', '31.12.24', '22023'), ('date', '{"formats": "DD.MM.YY", "century": 20000}', '31.12.24', '22023'),
	('date', '{"formats": "DD.MM.YY", "century": 2e30}', '31.12.24', '22023'), ('date', '{"formats": "DD.MM.YY", "century": -900}', '31.12.24', '22023');
-- what a type cannot keep, and what is no format
INSERT INTO time_case SELECT type::regtype, jsonb_build_object('formats', format), '31.12.2024', '22023' FROM (VALUES
	('text', 'DD.MM.YYYY'), ('int4', 'unix'), ('timetz', 'HH24:MI'), ('interval', 'HH24:MI'), ('date[]', 'DD.MM.YYYY'),
	('date', 'HH24:MI'), ('timestamp', 'HH24:MI'), ('time', 'DD.MM.YYYY'), ('time', 'DD.MM.YYYY HH24:MI'), ('time', 'HH24:MI TZ'), ('time', 'unix'),
	('date', 'unix'), ('timestamp', 'unix_ms'), ('timestamp', 'DD.MM.YYYY HH24:MI TZ'), ('date', 'DD.MM.YYYY HH24:MI TZ'),
	('date', ''), ('date', ' '), ('date', '--'), ('date', 'YYYY'), ('date', 'MM.YYYY'), ('date', 'DD.MM'), ('date', 'Mon YYYY'), ('date', 'Dy YYYY'),
	('date', 'DD.MM.YYYY DD'), ('date', 'DD.MM.YYYY YYYY'), ('date', 'DD.MM.Mon.YYYY'), ('date', 'DD.MM.YYYY.YY'), ('date', 'Dy Day DD.MM.YYYY'),
	('timestamp', 'DD.MM.YYYY MI'), ('timestamp', 'DD.MM.YYYY HH24:SS'), ('timestamp', 'DD.MM.YYYY HH24:MI.FF'), ('timestamp', 'DD.MM.YYYY HH24:MI:SS.MSUS'),
	('timestamp', 'DD.MM.YYYY HH12:MI'), ('timestamp', 'DD.MM.YYYY HH24:MI AM'), ('timestamp', 'DD.MM.YYYY HH24 HH12 AM'), ('timestamptz', 'DD.MM.YYYY TZ'),
	('date', 'dd.mm.yyyy'), ('date', 'D.M.YYYY'), ('date', 'DD.MM.YYYYx'), ('date', 'DD.MM.YYYYZ'), ('date', 'DD.MM.YYYY 5'), ('date', '"20"YY.MM.DD'),
	('date', '"DD.MM.YYYY'), ('date', 'DD.MM.YYYY"'), ('date', 'FMYYYY.MM.DD'), ('date', 'FM.MM.DD'), ('date', 'YYYYFMMMFMDD'), ('date', 'FMDDMMYYYY'),
	('timestamp', 'YYYYMMDD HH24:MI:SS.FFTZ5'), ('timestamptz', 'DD.MM.YYYY HH24:MI:TZ:'), ('timestamp', 'FMDDHH24.MM.YYYY'),
	('date', 'unix,unix'), ('date', 'Unix'), ('date', E'DD\tMM\tYYYY'), ('date', E'DD.MM.YYYY\u007F'),
	('date', repeat('-', 40) || 'DD.MM.YYYY' || repeat('-', 4)), ('date', repeat('-', 101)), ('date', repeat('DD', 50)), ('date', repeat('YYYY', 60))
) AS c (type, format);
INSERT INTO time_case SELECT 'timestamptz'::regtype, args::jsonb, '31.12.2024', '22023' FROM unnest(ARRAY[
	'{}', '{"formats": []}', '{"formats": null}', '{"formats": [1]}', '{"formats": {"a": 1}}', '{"formats": ["DD.MM.YYYY"], "zone": "Europe/Berlim"}',
	'{"formats": ["DD.MM.YYYY"], "zone": ""}', '{"formats": ["DD.MM.YYYY"], "zone": "UTC+3"}', '{"formats": ["DD.MM.YYYY"], "zone": "+03"}',
	'{"formats": ["DD.MM.YYYY"], "zone": "<a>3"}', '{"formats": ["DD.MM.YYYY"], "zone": 3}', '{"formats": ["DD.MM.YYYY"], "zone": "../../etc/passwd"}',
	'{"formats": ["unix"], "zone": "UTC"}', '{"formats": ["DD.MM.YYYY"], "locale": "de"}', '{"formats": ["DD.MM.YYYY"], "Zone": "UTC"}']) AS args;
INSERT INTO time_case SELECT 'timestamptz', jsonb_build_object('formats', (SELECT array_agg(to_char(n, 'FM00') || '.MM.YYYY') FROM generate_series(1, 17) n)), 'x', '22023';
INSERT INTO time_case VALUES ('time', '{"formats": ["HH24.MI"], "zone": "UTC"}', '10.00', '22023'), ('timestamp', '{"formats": ["DD.MM.YYYY"], "zone": "UTC"}', '31.12.2024', '22023');
SELECT type, args, left(value, 30) AS value, expected, got
FROM time_case, made_of('parse_timestamp', args, value, type) AS got WHERE got IS DISTINCT FROM expected;
SELECT said, count(*) FROM (SELECT said('parse_timestamp', args, type) FROM time_case WHERE expected = '22023') AS s GROUP BY said ORDER BY said COLLATE "C";
-- numbers and other kinds of JSON
SELECT value, made('parse_timestamp', '{"formats": ["unix", "unix_ms", "YYYYMMDD", "DD.MM.YYYY"]}', value, 'timestamptz'),
	made('parse_timestamp', '{"formats": ["HH24.MI"]}', value, 'time') AS point_is_no_sign
FROM jsonb_array_elements('[1718000000, 1718000000123, 1718000000.5, 20241231, 20241331, 12.30, -1, 0, 1e9, true, null, ["31.12.2024"], {"a": 1}]') AS value;
-- what PostgreSQL makes of it, is it what was meant?
SELECT expected FROM time_case WHERE expected !~ '^(<|22023)' AND type <> 'time'::regtype AND
	(expected::timestamptz IS NULL OR (expected ~ '[+-]\d\d:\d\d$') <> (type = 'timestamptz'::regtype AND (args ? 'zone' OR args::text ~ 'TZ|unix')));
-- nobody's session is asked
SELECT count(*) FROM time_case, made_of('parse_timestamp', args, value, type) AS here,
	LATERAL (SELECT set_config('timezone', 'Asia/Tokyo', true), set_config('datestyle', 'SQL, DMY', true)) s,
	made_of('parse_timestamp', args, value, type) AS there WHERE here IS DISTINCT FROM there;
RESET timezone; RESET datestyle;

--
-- parse_number
--
CREATE TABLE number_case (type regtype, args jsonb, value text, expected text);
INSERT INTO number_case SELECT 'numeric'::regtype, args::jsonb, value, expected FROM (VALUES
	('{"decimal": ",", "group": "."}', '1.234,56', '1234.56'), ('{"decimal": ",", "group": "."}', '1.234.567,00', '1234567.00'),
	('{"decimal": ",", "group": "."}', '1.234', '1234'), ('{"decimal": ",", "group": "."}', '12,5', '12.5'), ('{"decimal": ",", "group": "."}', '1234,5', '1234.5'),
	('{"decimal": ",", "group": "."}', '-1.234,5', '-1234.5'), ('{"decimal": ",", "group": "."}', '+1.234,5', '1234.5'), ('{"decimal": ",", "group": "."}', E'\u22121.234,5', '-1234.5'),
	('{"decimal": ",", "group": "."}', '12', '<left>'), ('{"decimal": ",", "group": "."}', '12.5', '<torn>'), ('{"decimal": ",", "group": "."}', '0.123', '<torn>'),
	('{"decimal": ",", "group": "."}', '1.23', '<torn>'), ('{"decimal": ",", "group": "."}', '1.2345', '<torn>'), ('{"decimal": ",", "group": "."}', '1234.567', '<torn>'),
	('{"decimal": ",", "group": "."}', '1.234.56', '<left>'), ('{"decimal": ",", "group": "."}', '1.234,56,7', '<left>'), ('{"decimal": ",", "group": "."}', '1,234.56', '<left>'),
	('{"decimal": ",", "group": "."}', '.234', '<torn>'), ('{"decimal": ",", "group": "."}', '1.', '<torn>'), ('{"decimal": ",", "group": "."}', '1,', '<left>'),
	('{"decimal": ",", "group": "."}', ',5', '0.5'), ('{"decimal": ",", "group": "."}', '-,5', '-0.5'), ('{"decimal": ",", "group": "."}', ',', '<left>'),
	('{"decimal": ",", "group": "."}', '1..234', '<left>'), ('{"decimal": ",", "group": "."}', '1.234.', '<left>'), ('{"decimal": ",", "group": "."}', '', '<left>'),
	('{"decimal": ",", "group": "."}', '-', '<left>'), ('{"decimal": ",", "group": "."}', '--1,5', '<left>'), ('{"decimal": ",", "group": "."}', '+-1,5', '<left>'),
	('{"decimal": ",", "group": "."}', '- 1,5', '<left>'), ('{"decimal": ",", "group": "."}', ' 1,5', '<left>'), ('{"decimal": ",", "group": "."}', '1,5 ', '<left>'),
	('{"decimal": ",", "group": "."}', '1,5e3', '<left>'), ('{"decimal": ",", "group": "."}', '1,5-', '<left>'), ('{"decimal": ",", "group": "."}', '(1,5)', '<left>'),
	('{"decimal": ",", "group": "."}', '1,5x', '<left>'), ('{"decimal": ",", "group": "."}', 'NaN', '<left>'), ('{"decimal": ",", "group": "."}', '१,५', '<left>'),
	('{"decimal": ",", "group": "."}', '007,50', '007.50'), ('{"decimal": ",", "group": "."}', '€ 1,5', '<left>'), ('{"decimal": ",", "group": "."}', '1,5 %', '<left>'),
	('{"decimal": ","}', '12,5', '12.5'), ('{"decimal": ","}', '1.234,5', '<left>'), ('{"group": ","}', '1,234.5', '1234.5'), ('{"group": ","}', '1,234,567', '1234567'),
	('{"group": ","}', '12,34,567', '<left>'), ('{"group": ",", "grouping": "indian"}', '12,34,567.5', '1234567.5'), ('{"group": ",", "grouping": "indian"}', '1,234', '1234'),
	('{"group": ",", "grouping": "indian"}', '1,23,45,678', '12345678'), ('{"group": ",", "grouping": "indian"}', '123,456', '<left>'),
	('{"group": ",", "grouping": "indian"}', '1,234,567', '<left>'), ('{"group": ",", "grouping": "indian"}', '12,34', '<left>'), ('{"group": ",", "grouping": "thousands"}', '1,234', '1234'),
	('{"group": "''"}', '1''234''567.5', '1234567.5'), ('{"group": "’"}', '1’234.5', '1234.5'), ('{"group": " ", "decimal": ","}', '1 234 567,5', '1234567.5'),
	('{"group": " ", "decimal": ","}', '1  234', '<left>'), (E'{"group": "\\u00a0", "decimal": ","}', E'1\u00A0234,5', '1234.5'), (E'{"group": "\\u202f"}', E'12\u202F345', '12345'),
	(E'{"group": "\\u2009"}', E'12\u2009345', '12345'), (E'{"group": [" ", "\\u00a0"], "decimal": ","}', E'1\u00A0234 567,5', '<left>'), (E'{"group": [" ", "\\u00a0"]}', '1 234 567', '1234567'),
	('{"group": ".", "decimal": null}', '1.234.567', '1234567'), ('{"group": ".", "decimal": null}', '1.234,5', '<left>'), ('{"group": ".", "decimal": null}', '1,5', '<left>'),
	('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '€ 12,50', '12.50'), ('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '12,50 €', '12.50'),
	('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '12,50EUR', '12.50'), ('{"decimal": ",", "strip": ["€", "EUR", "%"]}', E'12,50\u00A0%', '12.50'),
	('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '-€12,50', '-12.50'), ('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '€-12,50', '-12.50'),
	('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '-€-12,50', '<left>'), ('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '€ 12,50 €', '<left>'),
	('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '€  12,50', '<left>'), ('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '$12,50', '<left>'),
	('{"decimal": ",", "strip": ["€", "EUR", "%"]}', '€', '<left>'), ('{"decimal": ",", "strip": ["€", "EUR", "%"]}', 'eur 12', '<left>'),
	('{"strip": ["Rs."]}', 'Rs. 500', '500'), ('{"strip": ["Rs."]}', 'Rs.500.25', '500.25'), ('{"strip": "%"}', '5%', '5'),
	('{"parentheses": true}', '(5)', '-5'), ('{"parentheses": true}', '(1.5)', '-1.5'), ('{"parentheses": true}', '-(5)', '<left>'), ('{"parentheses": true}', '(-5)', '<left>'),
	('{"parentheses": true}', '(5', '<left>'), ('{"parentheses": true}', '5)', '<left>'), ('{"parentheses": true}', '()', '<left>'), ('{"parentheses": true}', '((5))', '<left>'),
	('{"parentheses": true, "strip": "$"}', '($5)', '-5'), ('{"parentheses": true, "strip": "$"}', '$(5)', '-5'), ('{"parentheses": true, "strip": "$"}', '(5 $)', '-5'),
	('{"trailing_minus": true}', '5-', '-5'), ('{"trailing_minus": true}', '-5-', '<left>'), ('{"trailing_minus": true}', '-', '<left>'), ('{"trailing_minus": true}', '5--', '<left>'),
	('{"trailing_minus": true, "strip": "EUR"}', '5- EUR', '-5'), ('{"trailing_minus": true, "strip": "EUR"}', '5 EUR-', '-5'),
	('{}', '5', '<left>'), ('{}', '+5', '5'), ('{}', '5.0', '<left>'), ('{}', 'x', '<left>'),
	-- every digit is kept, and a number has an end
	('{"decimal": ","}', '0,' || repeat('1234567890', 100), '0.' || repeat('1234567890', 100)), ('{"decimal": ","}', '99999999999999999999999999999999999999,1', '99999999999999999999999999999999999999.1'),
	('{"decimal": ","}', repeat('9', 1998) || ',1', repeat('9', 1998) || '.1'), ('{"decimal": ","}', repeat('9', 1999) || ',1', '<left>'),
	('{"decimal": ","}', repeat('9', 1000000) || ',1', '<left>'), ('{"decimal": ","}', repeat(',', 2000), '<left>'), ('{"group": ","}', '1' || repeat(',000', 499), '1' || repeat('000', 499)),
	('{"decimal": ","}', repeat('-', 2000), '<left>'), ('{"decimal": ",", "strip": "x"}', repeat('x', 2000), '<left>'),
	-- impossible and contradictory
	('{"decimal": ".", "group": "."}', '1', '22023'), ('{"group": "."}', '1', '22023'), ('{"decimal": ",", "group": [".", ","]}', '1', '22023'), ('{"decimal": ";"}', '1', '22023'),
	('{"decimal": ""}', '1', '22023'), ('{"decimal": "1"}', '1', '22023'), ('{"decimal": 1}', '1', '22023'), ('{"group": ""}', '1', '22023'), ('{"group": "1"}', '1', '22023'),
	('{"group": "-"}', '1', '22023'), ('{"group": "  "}', '1', '22023'), ('{"group": [[","]]}', '1', '22023'), ('{"grouping": "indian"}', '1', '22023'), ('{"grouping": "chinese"}', '1', '22023'),
	('{"strip": [""]}', '1', '22023'), ('{"strip": ["5"]}', '1', '22023'), ('{"strip": ["-"]}', '1', '22023'), ('{"strip": ["."]}', '1', '22023'), ('{"strip": [" €"]}', '1', '22023'),
	('{"strip": ["€ "]}', '1', '22023'), ('{"strip": ["("]}', '1', '22023'), (E'{"strip": ["\\u2212"]}', '1', '22023'), ('{"parentheses": "yes"}', '1', '22023'), ('{"trailing_minus": 1}', '1', '22023'),
	('{"comma": true}', '1', '22023'), ('[]', '1', '22023')
) AS c (args, value, expected);
INSERT INTO number_case VALUES
	('int4', '{"decimal": ",", "group": "."}', '1.234,00', '1234'), ('int8', '{"decimal": ",", "group": "."}', '1.234,50', '1234.50'), ('int2', '{"decimal": ","}', '12,0', '12'),
	('int4', '{"decimal": ","}', ',0', '0'), ('float8', '{"decimal": ","}', '1,10', '1.10'), ('float4', '{"decimal": ","}', '1,10', '1.10'), ('int4', '{}', '12.00', '12'),
	('text', '{"decimal": ","}', '1,5', '22023'), ('money', '{"decimal": ","}', '1,5', '22023'), ('date', '{"decimal": ","}', '1,5', '22023'), ('numeric[]', '{"decimal": ","}', '1,5', '22023');
SELECT type, args, left(value, 30) AS value, left(expected, 30) AS expected, left(got, 30) AS got
FROM number_case, made_of('parse_number', args, value, type) AS got WHERE got IS DISTINCT FROM expected;
SELECT said, count(*) FROM (SELECT said('parse_number', args, type) FROM number_case WHERE expected = '22023') AS s GROUP BY said ORDER BY said COLLATE "C";
SELECT value, made('parse_number', '{"decimal": ",", "group": "."}', value, 'numeric') FROM jsonb_array_elements('[1.234, 12, true, null, ["1,5"], {"a": "1,5"}]') AS value;

--
-- parse_point
--
CREATE TABLE point_case (args jsonb, value jsonb, expected text);
INSERT INTO point_case VALUES
	('{"form": "array", "order": "xy"}', '[13.4, 52.5]', '(13.4,52.5)'), ('{"form": "array", "order": "yx"}', '[52.5, 13.4]', '(13.4,52.5)'),
	('{"form": "array", "order": "xy"}', '["13.4", "-52.50"]', '(13.4,-52.50)'), ('{"form": "array", "order": "xy"}', '[1e-7, 1]', '(0.0000001,1)'),
	('{"form": "array", "order": "xy"}', '[13.4]', '<left>'), ('{"form": "array", "order": "xy"}', '[13.4, 52.5, 30]', '<left>'), ('{"form": "array", "order": "xy"}', '[]', '<left>'),
	('{"form": "array", "order": "xy"}', '[13.4, null]', '<left>'), ('{"form": "array", "order": "xy"}', '[13.4, "x"]', '<left>'), ('{"form": "array", "order": "xy"}', '[[13.4, 52.5]]', '<left>'),
	('{"form": "array", "order": "xy"}', '["", ""]', '<left>'), ('{"form": "array", "order": "xy"}', '["NaN", "1"]', '<left>'), ('{"form": "array", "order": "xy"}', '["Infinity", "1"]', '<left>'),
	('{"form": "array", "order": "xy"}', '[0.12345678901234567890123, 1]', '<left>'), ('{"form": "array", "order": "xy"}', '[52.52000659999999, 13.404953999999975]', '(52.52000659999999,13.404953999999975)'),
	('{"form": "array", "order": "xy"}', '[1e400, 1]', '<left>'), ('{"form": "array", "order": "xy"}', '{"lon": 1, "lat": 2}', '<left>'), ('{"form": "array", "order": "xy"}', '"1,2"', '<left>'),
	('{"form": "array", "order": "xy"}', '[200, 100]', '(200,100)'), ('{"form": "array", "order": "xy", "geographic": true}', '[200, 10]', '<left>'),
	('{"form": "array", "order": "xy", "geographic": true}', '[10, 91]', '<left>'), ('{"form": "array", "order": "xy", "geographic": true}', '[180, -90]', '(180,-90)'),
	('{"form": "array", "order": "yx", "geographic": true}', '[91, 10]', '<left>'), ('{"form": "array", "order": "xy"}', '13.4', '<left>'), ('{"form": "array", "order": "xy"}', 'null', '<left>'),
	('{"form": "object", "x": "lon", "y": "lat"}', '{"lat": 52.5, "lon": 13.4}', '(13.4,52.5)'), ('{"form": "object", "x": "lat", "y": "lon"}', '{"lat": 52.5, "lon": 13.4}', '(52.5,13.4)'),
	('{"form": "object", "x": "longitude", "y": "latitude"}', '{"latitude": "52.5", "longitude": "13.4"}', '(13.4,52.5)'),
	('{"form": "object", "x": "lon", "y": "lat"}', '{"lat": 52.5, "lon": 13.4, "alt": 30}', '<left>'), ('{"form": "object", "x": "lon", "y": "lat"}', '{"lat": 52.5}', '<left>'),
	('{"form": "object", "x": "lon", "y": "lat"}', '{"lat": 52.5, "lng": 13.4}', '<left>'), ('{"form": "object", "x": "lon", "y": "lat"}', '{"Lat": 52.5, "lon": 13.4}', '<left>'),
	('{"form": "object", "x": "lon", "y": "lat"}', '{"lat": null, "lon": 13.4}', '<left>'), ('{"form": "object", "x": "lon", "y": "lat"}', '{"lat": [1], "lon": 13.4}', '<left>'),
	('{"form": "object", "x": "lon", "y": "lat"}', '{}', '<left>'), ('{"form": "object", "x": "lon", "y": "lat"}', '{"la\"t": 1, "lon": 2}', '<left>'),
	('{"form": "object", "x": "lon", "y": "lat", "geographic": true}', '{"lat": 152.5, "lon": 13.4}', '<left>'), ('{"form": "object", "x": "lon", "y": "lat"}', '[1, 2]', '<left>'),
	('{"form": "text", "order": "yx"}', '"52.5, 13.4"', '(13.4,52.5)'), ('{"form": "text", "order": "xy"}', '"13.4,52.5"', '(13.4,52.5)'), ('{"form": "text", "order": "xy"}', '"(13.4,52.5)"', '<left>'),
	('{"form": "text", "order": "xy"}', '"13.4 52.5"', '(13.4,52.5)'), ('{"form": "text", "order": "xy"}', '"13.4;52.5"', '(13.4,52.5)'), ('{"form": "text", "order": "xy"}', '"13.4 / 52.5"', '(13.4,52.5)'),
	('{"form": "text", "order": "xy"}', '"[13.4, 52.5]"', '(13.4,52.5)'), ('{"form": "text", "order": "xy"}', '"(13.4, 52.5"', '<left>'), ('{"form": "text", "order": "xy"}', '"13.4, 52.5)"', '<left>'),
	('{"form": "text", "order": "xy"}', '"[13.4, 52.5)"', '<left>'), ('{"form": "text", "order": "xy"}', '"13.4"', '<left>'), ('{"form": "text", "order": "xy"}', '"13.4,"', '<left>'),
	('{"form": "text", "order": "xy"}', '"13,4, 52,5"', '<left>'), ('{"form": "text", "order": "xy"}', '"13,4"', '(13,4)'), ('{"form": "text", "order": "xy"}', '"13.4,,52.5"', '<left>'),
	('{"form": "text", "order": "xy"}', '"13.4-52.5"', '<left>'), ('{"form": "text", "order": "xy"}', '"+13.4 -52.5"', '(13.4,-52.5)'), ('{"form": "text", "order": "xy"}', '"1e2 .5"', '<left>'),
	('{"form": "text", "order": "xy"}', '"1. 5"', '<left>'), ('{"form": "text", "order": "xy"}', '"1,2,3"', '<left>'), ('{"form": "text", "order": "xy"}', '""', '<left>'),
	('{"form": "text", "order": "xy"}', '"13.4, 52.5 "', '(13.4,52.5)'), ('{"form": "text", "order": "xy"}', E'"13.4\u00A052.5"', '(13.4,52.5)'), ('{"form": "text", "order": "xy"}', '"0x10, 1"', '<left>'),
	('{"form": "dms"}', '"52°31''12\"N 13°24''18\"E"', '(13.405,52.52)'), ('{"form": "dms"}', '"13°24''18\"E, 52°31''12\"N"', '(13.405,52.52)'), ('{"form": "dms"}', '"52°31′12″N 13°24′18″E"', '(13.405,52.52)'),
	('{"form": "dms"}', '"N 52° 31'' 12\" E 13° 24'' 18\""', '(13.405,52.52)'), ('{"form": "dms"}', '"33°51''30.5\"S 151°12''30\"E"', '(151.20833333333334,-33.858472222222225)'),
	('{"form": "dms"}', '"40°26''46''''n 79°58''56''''w"', '(-79.98222222222222,40.44611111111111)'), ('{"form": "dms"}', '"52.52°N 13.405°E"', '(13.405,52.52)'), ('{"form": "dms"}', '"52.52N, 13.405W"', '(-13.405,52.52)'),
	('{"form": "dms"}', '"52°31.2''N 13°24.3''E"', '(13.405,52.52)'), ('{"form": "dms"}', '"0°30''S 0°00''01\"W"', '(-0.0002777777777777778,-0.5)'), ('{"form": "dms"}', '"52°N 13°E"', '(13,52)'),
	('{"form": "dms"}', '"52°60''N 13°E"', '<left>'), ('{"form": "dms"}', '"52°31''60\"N 13°E"', '<left>'), ('{"form": "dms"}', '"90°00''01\"N 13°E"', '<left>'), ('{"form": "dms"}', '"90°N 180°W"', '(-180,90)'),
	('{"form": "dms"}', '"52°N 181°E"', '<left>'), ('{"form": "dms"}', '"52°N 13°N"', '<left>'), ('{"form": "dms"}', '"52°N 13°"', '<left>'), ('{"form": "dms"}', '"52° 13°"', '<left>'),
	('{"form": "dms", "order": "yx"}', '"52° 13°"', '(13,52)'), ('{"form": "dms", "order": "xy"}', '"13° 52°"', '(13,52)'), ('{"form": "dms", "order": "yx"}', '"52°N 13°E"', '(13,52)'),
	('{"form": "dms", "order": "xy"}', '"52°N 13°E"', '<left>'), ('{"form": "dms", "order": "yx"}', '"-52°30'' +13°"', '(13,-52.5)'), ('{"form": "dms"}', '"-52°N 13°E"', '<left>'),
	('{"form": "dms"}', '"-52°S 13°E"', '<left>'), ('{"form": "dms"}', '"S -52° E 13°"', '<left>'), ('{"form": "dms"}', '"52°31''12.1234567\"N 13°E"', '<left>'), ('{"form": "dms"}', '"52.5°31''N 13°E"', '<left>'),
	('{"form": "dms"}', '"52°31.5''12\"N 13°E"', '<left>'), ('{"form": "dms"}', '"52 13"', '<left>'), ('{"form": "dms"}', '"N E"', '<left>'), ('{"form": "dms"}', '"°N °E"', '<left>'), ('{"form": "dms"}', '""', '<left>'),
	('{"form": "dms"}', '"52°N 13°E 5"', '<left>'), ('{"form": "dms"}', '"5252°N 13°E"', '<left>'), ('{"form": "dms"}', '[52, 13]', '<left>'), ('{"form": "dms"}', '"52°31 13°24"', '<left>'),
	-- never assumed, never contradictory
	('{"form": "array"}', '[1, 2]', '22023'), ('{"form": "text"}', '"1 2"', '22023'), ('{"form": "array", "order": null}', '[1, 2]', '22023'), ('{"form": "array", "order": "letters"}', '[1, 2]', '22023'),
	('{"form": "array", "order": "latlon"}', '[1, 2]', '22023'), ('{"form": "object"}', '{}', '22023'), ('{"form": "object", "x": "a"}', '{}', '22023'), ('{"form": "object", "x": "a", "y": "a"}', '{}', '22023'),
	('{"form": "object", "x": "a", "y": "b", "order": "xy"}', '{}', '22023'), ('{"form": "array", "order": "xy", "x": "a", "y": "b"}', '[]', '22023'), ('{"form": "wkt", "order": "xy"}', '""', '22023'),
	('{"order": "xy"}', '[]', '22023'), ('{}', '[]', '22023'), ('{"form": "array", "order": "xy", "srid": 4326}', '[]', '22023'), ('{"form": "array", "order": "xy", "geographic": 1}', '[]', '22023');
SELECT args, left(value::text, 60) AS value, expected, got FROM point_case, made('parse_point', args, value, 'point') AS got WHERE got IS DISTINCT FROM expected;
SELECT said, count(*) FROM (SELECT said('parse_point', args, 'point') FROM point_case WHERE expected = '22023') AS s GROUP BY said ORDER BY said COLLATE "C";
SELECT type, made('parse_point', '{"form": "array", "order": "xy"}', '[1, 2]', type) FROM unnest('{text,circle,point,float8}'::regtype[]) AS type;
SELECT expected FROM point_case WHERE expected ~ '^\(' AND expected::point IS NULL;
-- coordinates by whole seconds come back to the second
SELECT count(*) AS lost FROM generate_series(0, 324000, 37) AS n,
	LATERAL (SELECT made('parse_point', '{"form": "dms"}', to_jsonb(format('%s°%s''%s"N 0°E', n / 3600, n / 60 % 60, n % 60)), 'point')) AS p (made)
WHERE made IS NULL OR round((made::point)[1]::numeric * 3600, 6) <> n OR (made::point)[1] <> n / 3600::float8;

--
-- decode_text: bytes as hexadecimal digits
--
SELECT what, selfheal.transform('decode_text', args, to_jsonb(encode(bytes, 'hex')), 'text') FROM (VALUES
	('windows', '{"encodings": ["WIN1252", "LATIN1"]}'::jsonb, '\x7b2261223a224dfc6c6c657220808299227d'::bytea),
	('a hole of windows', '{"encodings": ["WIN1252"]}', '\x4d81'), ('and C1 of latin1', '{"encodings": ["WIN1252", "LATIN1"]}', '\x4d81'),
	('latin1', '{"encodings": ["LATIN1"]}', '\x4dfc'), ('the first that reads', '{"encodings": ["UTF8", "LATIN1"]}', '\x4dfc'), ('utf8', '{"encodings": "UTF8"}', '\x4dc3bc'),
	('cyrillic', '{"encodings": ["KOI8R"]}', '\xf0d2c9d7c5d4'), ('japanese', '{"encodings": ["SJIS"]}', '\x93fa967b'), ('half a character', '{"encodings": ["SJIS"]}', '\x93'),
	('a NUL', '{"encodings": ["LATIN1"]}', '\x4d00'), ('a control', '{"encodings": ["LATIN1"]}', '\x4d01'), ('blanks', '{"encodings": ["LATIN1"]}', '\x4d090a0d4d'),
	('lost before', '{"encodings": ["UTF8"]}', '\x4defbfbd'), ('C1 in utf8', '{"encodings": ["UTF8"]}', '\x4dc285'), ('delete', '{"encodings": ["LATIN1"]}', '\x4d7f'), ('nothing', '{"encodings": ["LATIN1"]}', '\x')
) AS c (what, args, bytes);
SELECT made('decode_text', args::jsonb, value::jsonb, 'text'), args, value FROM (VALUES
	('{}', '"4d"'), ('{"encodings": []}', '"4d"'), ('{"encodings": ["WIN1253x"]}', '"4d"'), ('{"encodings": ["SQL_ASCII"]}', '"4d"'), ('{"encodings": [1]}', '"4d"'),
	('{"encodings": ["LATIN1"]}', '"4"'), ('{"encodings": ["LATIN1"]}', '"zz"'), ('{"encodings": ["LATIN1"]}', '4'), ('{"encodings": ["LATIN1"], "strict": true}', '"4d"')) AS c (args, value);
-- every byte that is a letter in windows' own page comes out as the server's conversion says, every other is refused
SELECT count(*) FILTER (WHERE made ->> 'outcome' = 'made') AS made, count(*) FILTER (WHERE made ->> 'outcome' = 'left') AS holes,
	count(*) FILTER (WHERE made ->> 'outcome' = 'made' AND made ->> 'text' <> convert_from(set_byte('\x00', 0, n), 'WIN1252')) AS wrong
FROM generate_series(128, 255) AS n, selfheal.transform('decode_text', '{"encodings": ["WIN1252"]}', to_jsonb(to_hex(n)), 'text') AS made;

--
-- what values prove
--
-- args must hold what is expected; where there are none, the reason must match
CREATE FUNCTION proven(kind text, vals jsonb, type regtype, expected jsonb, reason text) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN (r -> 'args' @> expected OR (expected = 'null' AND r -> 'args' = 'null')) AND coalesce(r ->> 'why_not', '') ~ reason
		AND (reason <> '' OR r ->> 'why_not' IS NULL) THEN 'yes' ELSE r::text END
	FROM selfheal.transform_infer(kind, vals, type) AS r
$$;
CREATE TABLE proof_case (kind text, type regtype, vals jsonb, expected jsonb, reason text);
INSERT INTO proof_case VALUES
	('trim', 'int4', '[" 1", "2"]', '{}', ''), ('trim', 'int4', '["1", 2, null]', 'null', 'blanks'), ('trim', 'int4', '[]', 'null', 'blanks'),
	('null_if', 'date', '["N/A", "", "x", "N/A", null, 5]', '{"values": ["", "N/A"], "ignore_case": false}', ''), ('null_if', 'date', '["x", "nothing"]', 'null', 'no value'),
	('null_if', 'text', '["N/A"]', 'null', 'takes any text'), ('null_if', 'int4', '["0000-00-00"]', '{"values": ["0000-00-00"]}', ''), ('null_if', 'int4', '[null, 0]', 'null', 'no value'),
	('null_if', 'date', '["NULL", "null", "Null"]', '{"values": ["NULL", "Null", "null"]}', ''),
	-- day and month
	('parse_timestamp', 'date', '["31.12.2024", "01.02.2024"]', '{"formats": ["DD.MM.YYYY"]}', ''), ('parse_timestamp', 'date', '["01.02.2024", "31.12.2024"]', '{"formats": ["DD.MM.YYYY"]}', ''),
	('parse_timestamp', 'date', '["12/31/2024", "01/02/2024"]', '{"formats": ["MM/DD/YYYY"]}', ''), ('parse_timestamp', 'date', '["01.02.2024"]', 'null', '"01.02.2024" can be read with day or month first'),
	('parse_timestamp', 'date', '["01/02/2024", "03/04/2024", "05/05/2024"]', 'null', 'day or month first'), ('parse_timestamp', 'date', '["13/02/2024", "02/13/2024"]', 'null', 'cannot all be read with one order'),
	('parse_timestamp', 'date', '["05/05/2024", "07/07/2024"]', '{"formats": ["DD/MM/YYYY", "MM/DD/YYYY"]}', ''), ('parse_timestamp', 'date', '["1/2/2024", "13/02/2024"]', '{"formats": ["FMDD/FMMM/YYYY"]}', ''),
	('parse_timestamp', 'date', '["31.12.2024", "03/04/2024"]', 'null', '"03/04/2024" can be read'), ('parse_timestamp', 'date', '["31.12.2024", "2024/03/04"]', '{"formats": ["YYYY/MM/DD", "DD.MM.YYYY"]}', ''),
	('parse_timestamp', 'date', '["31.12.2024", "x"]', 'null', '"x" is in no notation'), ('parse_timestamp', 'date', '["31.12.2024", null]', '{"formats": ["DD.MM.YYYY"]}', ''),
	('parse_timestamp', 'date', '["31.12.2024", true]', 'null', 'true" is no date'), ('parse_timestamp', 'date', '[]', 'null', 'no value'), ('parse_timestamp', 'date', '[null]', 'null', 'no value'),
	('parse_timestamp', 'date', '["31.02.2024"]', 'null', 'no notation'), ('parse_timestamp', 'date', '["31.12.2024", "31.02.2024"]', 'null', 'no notation'),
	-- years of two digits
	('parse_timestamp', 'date', '["31.12.24"]', 'null', 'two digits'), ('parse_timestamp', 'timestamp', '["12/31/24 10:00"]', 'null', 'two digits'), ('parse_timestamp', 'date', '["241231"]', 'null', 'two digits'),
	('parse_timestamp', 'date', '["31-Dec-24"]', 'null', 'two digits'),
	-- digits alone
	('parse_timestamp', 'date', '["20241231", "20250101"]', '{"formats": ["YYYYMMDD"]}', ''), ('parse_timestamp', 'date', '[20241231]', '{"formats": ["YYYYMMDD"]}', ''),
	('parse_timestamp', 'date', '["31122024"]', '{"formats": ["DDMMYYYY"]}', ''), ('parse_timestamp', 'date', '["01022024"]', 'null', 'day or month first'), ('parse_timestamp', 'date', '["20101112"]', '{"formats": ["YYYYMMDD"]}', ''),
	('parse_timestamp', 'timestamp', '["20241231235958"]', '{"formats": ["YYYYMMDDHH24MISS"]}', ''), ('parse_timestamp', 'timestamptz', '["20241231235958Z"]', '{"formats": ["YYYYMMDDHH24MISSTZ"]}', ''),
	('parse_timestamp', 'timestamp', '["20241231235958 10:00"]', 'null', 'no notation'),
	-- names
	('parse_timestamp', 'date', '["03 Feb 2024"]', '{"formats": ["DD Mon YYYY"]}', ''), ('parse_timestamp', 'date', '["3 Feb 2024", "13 Feb 2024"]', '{"formats": ["FMDD Mon YYYY"]}', ''),
	('parse_timestamp', 'date', '["February 3, 2024"]', '{"formats": ["Month FMDD, YYYY"]}', ''), ('parse_timestamp', 'date', '["2024年2月3日"]', '{"formats": ["YYYY年FMMM月FMDD日"]}', ''),
	('parse_timestamp', 'timestamptz', '["Sun, 06 Nov 1994 08:49:37 GMT"]', '{"formats": ["Dy, DD Mon YYYY HH24:MI:SS TZ"]}', ''), ('parse_timestamp', 'timestamptz', '["Mon, 06 Nov 1994 08:49:37 GMT"]', 'null', 'no notation'),
	('parse_timestamp', 'timestamptz', '["10/Oct/2000:13:55:36 -0700"]', '{"formats": ["DD/Mon/YYYY:HH24:MI:SS TZ"]}', ''),
	-- times and types
	('parse_timestamp', 'timestamp', '["31.12.2024 10:00", "31.12.2024 10:00:05", "30.12.2024"]', '{"formats": ["DD.MM.YYYY", "DD.MM.YYYY HH24:MI:SS", "DD.MM.YYYY HH24:MI"]}', ''),
	('parse_timestamp', 'timestamp', '["12/31/2024 1:05 PM"]', '{"formats": ["MM/DD/YYYY FMHH12:MI AM"]}', ''), ('parse_timestamp', 'timestamp', '["12/31/2024 01:05 PM"]', '{"formats": ["MM/DD/YYYY HH12:MI AM"]}', ''),
	('parse_timestamp', 'timestamp', '["31.12.2024, 10:00:00,5"]', '{"formats": ["DD.MM.YYYY, HH24:MI:SS,FF"]}', ''), ('parse_timestamp', 'date', '["31.12.2024 10:00"]', 'null', 'says more than a column of type date keeps'),
	('parse_timestamp', 'date', '["31.12.2024 00:00"]', '{"formats": ["DD.MM.YYYY HH24:MI"]}', ''), ('parse_timestamp', 'time', '["10.30", "7:05 AM"]', '{"formats": ["HH24.MI", "FMHH12:MI AM"]}', ''),
	('parse_timestamp', 'time', '["10:30Z"]', 'null', 'more than a time column keeps'), ('parse_timestamp', 'time', '["31.12.2024"]', 'null', 'no notation'), ('parse_timestamp', 'time', '[1030]', 'null', 'no notation'),
	('parse_timestamp', 'date', '["31.12.2024 10:00 +02"]', 'null', 'would drop'), ('parse_timestamp', 'timestamptz', '["31.12.2024 10:00 +02"]', '{"formats": ["DD.MM.YYYY HH24:MI TZ"], "zone": null}', ''),
	('parse_timestamp', 'timestamptz', '["31.12.2024 10:00"]', '{"formats": ["DD.MM.YYYY HH24:MI"], "zone": null}', ''), ('parse_timestamp', 'text', '["31.12.2024"]', 'null', 'type text'),
	-- instants
	('parse_timestamp', 'timestamptz', '[1718000000, "1718000001"]', '{"formats": ["unix"]}', ''), ('parse_timestamp', 'timestamptz', '[1718000000123]', '{"formats": ["unix_ms"]}', ''),
	('parse_timestamp', 'timestamptz', '[1718000000, 1718000000123]', '{"formats": ["unix", "unix_ms"]}', ''), ('parse_timestamp', 'timestamptz', '[1000]', 'null', 'no notation'),
	('parse_timestamp', 'timestamp', '[1718000000]', '{"formats": ["unix"], "zone": null}', 'whose clock'), ('parse_timestamp', 'timestamp', '["31.12.2024 10:00 +02"]', '{"zone": null}', 'whose clock'),
	('parse_timestamp', 'date', '[1718000000]', 'null', 'would drop'),
	-- numbers
	('parse_number', 'numeric', '["1.234,56"]', '{"decimal": ",", "group": ["."]}', ''), ('parse_number', 'numeric', '["1,234.56"]', '{"decimal": ".", "group": [","]}', ''),
	('parse_number', 'numeric', '["1.234"]', 'null', '"1.234" can be read in two ways'), ('parse_number', 'numeric', '["1,234", "5,678"]', 'null', 'two ways'), ('parse_number', 'int4', '["1.234"]', 'null', 'two ways'),
	('parse_number', 'numeric', '["1.234", "12,5"]', '{"decimal": ",", "group": ["."]}', ''), ('parse_number', 'numeric', '["1,234", "12.5"]', '{"decimal": ".", "group": [","]}', ''),
	('parse_number', 'numeric', '["1.234.567"]', '{"decimal": null, "group": ["."]}', ''), ('parse_number', 'numeric', '["12,5"]', '{"decimal": ",", "group": []}', ''),
	('parse_number', 'numeric', '["0,123"]', '{"decimal": ",", "group": []}', ''), ('parse_number', 'numeric', '["1234,567"]', '{"decimal": ",", "group": []}', ''),
	('parse_number', 'numeric', '["12,5", "1,234.5"]', 'null', 'two notations'), ('parse_number', 'numeric', '["1 234"]', '{"decimal": null, "group": [" "]}', ''),
	('parse_number', 'numeric', E'["1\u00A0234,5", "1 234"]', E'{"decimal": ",", "group": [" ", "\u00A0"]}', ''), ('parse_number', 'numeric', '["1''234.50"]', '{"decimal": ".", "group": ["''"]}', ''),
	('parse_number', 'numeric', '["€ 12,50"]', 'null', 'strip'), ('parse_number', 'numeric', '["12 %"]', 'null', 'strip'), ('parse_number', 'numeric', '["abc"]', 'null', 'is no number'), ('parse_number', 'numeric', '["(5)"]', 'null', 'strip'),
	('parse_number', 'numeric', '["12", "13.5", 5, null]', 'null', 'reads all values'), ('parse_number', 'numeric', '[]', 'null', 'reads all values'), ('parse_number', 'numeric', '["12,5", true]', 'null', 'is no string'),
	('parse_number', 'numeric', '["12,34,567"]', 'null', 'no number in one notation'), ('parse_number', 'text', '["12,5"]', 'null', 'type text'), ('parse_number', 'int4', '["1.234,00"]', '{"decimal": ",", "group": ["."]}', ''),
	('parse_number', 'numeric', '["12,5", 1.234]', '{"decimal": ",", "group": []}', ''),
	-- positions
	('parse_point', 'point', '[{"lat": 52.5, "lon": 13.4}]', '{"form": "object", "x": "lon", "y": "lat", "geographic": true}', ''), ('parse_point', 'point', '[{"Lng": 13.4, "Lat": 52.5}, null]', '{"x": "Lng", "y": "Lat"}', ''),
	('parse_point', 'point', '[{"x": 1300, "y": 5200}]', '{"x": "x", "y": "y", "geographic": false}', ''), ('parse_point', 'point', '[{"a": 1, "b": 2}]', 'null', 'whose keys name them'),
	('parse_point', 'point', '[{"lat": 152.5, "lon": 13.4}]', 'null', 'may be swapped'), ('parse_point', 'point', '[{"lat": 52.5, "lon": 13.4}, {"lat": 52.5, "lng": 13.4}]', 'null', 'notation of the others'),
	('parse_point', 'point', '[{"lat": 52.5, "lon": 13.4, "alt": 3}]', 'null', 'two numbers'),
	('parse_point', 'point', '[[13.405, 52.52]]', '{"form": "array", "order": null}', 'somebody must say'), ('parse_point', 'point', '[[113.405, 52.52], [13.4, 52.5]]', '{"form": "array", "order": "xy", "geographic": true}', ''),
	('parse_point', 'point', '[[52.52, 113.405]]', '{"form": "array", "order": "yx", "geographic": true}', ''), ('parse_point', 'point', '[[52.52, 113.405], [113.405, 52.52]]', '{"order": null}', 'one order'),
	('parse_point', 'point', '[[113.405, 252.52]]', '{"order": null}', 'somebody must say'), ('parse_point', 'point', '[[113, 52]]', '{"order": null}', 'somebody must say'), ('parse_point', 'point', '[[113.405, 152.52]]', '{"order": null}', 'somebody must say'),
	('parse_point', 'point', '["52.52, 13.405"]', '{"form": "text", "order": null}', 'somebody must say'), ('parse_point', 'point', '["52.52, 113.405"]', '{"form": "text", "order": "yx"}', ''),
	('parse_point', 'point', '["52°31''12\"N 13°24''18\"E"]', '{"form": "dms", "order": "letters", "geographic": true}', ''), ('parse_point', 'point', '["52°31'' 13°24''"]', '{"form": "dms", "order": null}', 'somebody must say'),
	('parse_point', 'point', '["52°31'' 113°24''"]', '{"form": "dms", "order": "yx"}', ''), ('parse_point', 'point', '["52°N 13°E", "52° 13°"]', 'null', 'letters'), ('parse_point', 'point', '["x"]', 'null', 'notation'),
	('parse_point', 'point', '[[1, 2], "1, 2"]', 'null', 'notation of the others'), ('parse_point', 'point', '[5]', 'null', 'no position'), ('parse_point', 'point', '[null]', 'null', 'no value'), ('parse_point', 'text', '[[1, 2]]', 'null', 'type text'),
	('decode_text', 'text', '["4d"]', 'null', 'declared');
SELECT kind, type, vals, got FROM proof_case, proven(kind, vals, type, expected, reason) AS got WHERE got IS DISTINCT FROM 'yes';
-- what was proven reads every value that proved it, in whatever order they came
SELECT p.kind, p.vals, v FROM proof_case p, LATERAL (SELECT selfheal.transform_infer(kind, vals, type) AS r) i, jsonb_array_elements(vals) v
WHERE kind ~ 'parse' AND reason = '' AND jsonb_typeof(v) <> 'null' AND NOT (kind = 'parse_number' AND jsonb_typeof(v) = 'number')
	AND made(kind, r -> 'args', v, type) = '<left>' AND v #>> '{}' !~ '^\d+(\.\d+)?$';
SELECT p.vals FROM proof_case p, LATERAL (SELECT jsonb_agg(v ORDER BY n DESC) FROM jsonb_array_elements(vals) WITH ORDINALITY e (v, n)) b (backwards)
WHERE kind IN ('null_if', 'parse_timestamp', 'parse_number') AND backwards IS NOT NULL
	AND selfheal.transform_infer(kind, vals, type) -> 'args' IS DISTINCT FROM selfheal.transform_infer(kind, backwards, type) -> 'args';
-- proven arguments are canonical ones, and canonical ones stay what they are
SELECT kind, args FROM proof_case, LATERAL (SELECT selfheal.transform_infer(kind, vals, type) AS r) i, LATERAL (SELECT r -> 'args') a (args)
WHERE args <> 'null' AND r ->> 'why_not' IS NULL AND selfheal.transform_args(kind, args, type) IS DISTINCT FROM args;
SELECT kind, selfheal.transform_args(kind, args::jsonb, type::regtype) AS args FROM (VALUES
	('trim', '{}', 'text'), ('null_if', '{"values": "b"}', 'int4'), ('null_if', '{"values": ["b", "a", "b"], "ignore_case": true}', 'int4'),
	('parse_timestamp', '{"formats": ["YYYY-MM-DDTHH:MI PM", "YYYY-MM-DD\"T\"HH12:MI am"]}', 'timestamp'),
	('parse_timestamp', '{"formats": ["unix"], "zone": "europe/berlin"}', 'timestamp'), ('parse_number', '{}', 'numeric'),
	('parse_number', '{"group": ["''", ","], "strip": "€"}', 'numeric'), ('parse_number', '{"decimal": null, "group": "."}', 'numeric'),
	('parse_point', '{"form": "dms"}', 'point'), ('parse_point', '{"form": "object", "x": "lng", "y": "lat"}', 'point'), ('decode_text', '{"encodings": ["windows1252", "latin-1", "win1252"]}', 'text')
) AS c (kind, args, type);
-- the question that is left to a person, answered
SELECT made('parse_point', args || '{"order": "yx"}', '[52.52, 13.405]', 'point') AS yx, made('parse_point', args || '{"order": "xy"}', '[52.52, 13.405]', 'point') AS xy,
	made('parse_point', args, '[52.52, 13.405]', 'point') AS unanswered
FROM (SELECT selfheal.transform_infer('parse_point', '[[52.52, 13.405]]', 'point') -> 'args') AS i (args);
SELECT made('parse_timestamp', args || '{"zone": "Europe/Berlin"}', '1718000000', 'timestamp') AS berlin, made('parse_timestamp', args, '1718000000', 'timestamp') AS unanswered
FROM (SELECT selfheal.transform_infer('parse_timestamp', '[1718000000]', 'timestamp') -> 'args') AS i (args);

--
-- what to_char writes is read back, exactly
--
CREATE TABLE instant AS SELECT timestamp '0001-01-01 00:00:00' + n * interval '13 days 7 hours 11 minutes 13.123457 seconds' AS t FROM generate_series(0, 270000, 97) AS n;
INSERT INTO instant SELECT timestamp '2023-12-25 00:00:00' + n * interval '1 hour 1 second' FROM generate_series(0, 1600) AS n;
SELECT format, count(*) FILTER (WHERE (made::timestamp = t) IS NOT TRUE) AS lost FROM (VALUES
	('DD.MM.YYYY HH24:MI:SS.US', 'DD.MM.YYYY HH24:MI:SS.US'), ('YYYYMMDDHH24MISSUS', 'YYYYMMDDHH24MISSUS'), ('FMMM/FMDD/YYYY HH12:MI:SS.US AM', 'FMMM/FMDD/FMYYYY HH12:MI:SS.US AM'),
	('Dy, DD Mon YYYY HH24:MI:SS.FF', 'Dy, DD Mon YYYY HH24:MI:SS.FF6'), ('Day, Month FMDD, YYYY "at" HH24-MI-SS,US', 'FMDay, FMMonth DD, YYYY "at" HH24-MI-SS,US')) AS f (format, written),
	instant, LATERAL (SELECT replace(to_char(t, written), '/' || extract(year FROM t) || ' ', '/' || to_char(t, 'YYYY') || ' ')) AS w (value),
	made_of('parse_timestamp', jsonb_build_object('formats', format), value, 'timestamp') AS made
GROUP BY format ORDER BY format COLLATE "C";
-- every hour of a year in zones of all kinds: one instant, or torn because the clock showed it twice or never
SELECT zone, count(*) AS hours, count(*) FILTER (WHERE made = '<torn>') AS torn,
	count(*) FILTER (WHERE made <> '<torn>' AND made::timestamptz <> wall AT TIME ZONE zone) AS wrong,
	count(*) FILTER (WHERE made <> '<torn>' AND made::timestamptz AT TIME ZONE zone <> wall) AS not_there,
	count(*) FILTER (WHERE made = '<torn>' AND wall AT TIME ZONE zone AT TIME ZONE zone = wall
		AND (wall AT TIME ZONE zone - interval '1 hour') AT TIME ZONE zone <> wall AND (wall AT TIME ZONE zone + interval '1 hour') AT TIME ZONE zone <> wall
		AND (wall AT TIME ZONE zone - interval '30 minutes') AT TIME ZONE zone <> wall AND (wall AT TIME ZONE zone + interval '30 minutes') AT TIME ZONE zone <> wall) AS torn_for_nothing
FROM unnest('{UTC,Europe/Berlin,America/New_York,Australia/Lord_Howe,Asia/Kolkata,America/Sao_Paulo}'::text[]) AS zone,
	generate_series(timestamp '2018-01-01', timestamp '2018-12-31', '37 minutes') AS wall,
	made_of('parse_timestamp', jsonb_build_object('formats', 'YYYY.MM.DD HH24:MI', 'zone', zone), to_char(wall, 'YYYY.MM.DD HH24:MI'), 'timestamptz') AS made
GROUP BY zone ORDER BY zone COLLATE "C";
-- numbers by thousands, in three notations
SELECT args, count(*) FILTER (WHERE (CASE made WHEN '<left>' THEN value ELSE made END)::numeric IS DISTINCT FROM n) AS lost FROM (VALUES
	('{"group": ","}'::jsonb, ',', '.'), ('{"group": ".", "decimal": ","}', '.', ','), ('{"group": " ", "decimal": ","}', ' ', ',')) AS f (args, grp, dec),
	LATERAL (SELECT round((k::numeric ^ 5) / 1000, k % 5) * (CASE WHEN k % 3 = 0 THEN -1 ELSE 1 END) FROM generate_series(0, 3000, 7) AS k
		UNION ALL SELECT repeat('9', k)::numeric + 0.10 FROM generate_series(1, 40) AS k) AS s (n),
	LATERAL (SELECT translate(trim(to_char(n, 'FM' || repeat('999,', 20) || '990' || CASE WHEN scale(n) > 0 THEN '.' || repeat('0', scale(n)) ELSE '' END)), ',.', grp || dec)) AS w (value),
	made_of('parse_number', args, value, 'numeric') AS made
GROUP BY args ORDER BY args;

--
-- bad arguments of the functions themselves
--
SELECT made('parse_date', '{}', '1', 'date'), made(NULL, '{}', '1', 'date'), made('trim', '{}', NULL, 'date'), made('trim', '{}', '1', NULL), made('trim', NULL, '" 1"', 'int4'), made('trim', '{"both": true}', '1', 'int4');
\set VERBOSITY sqlstate
-- blanks are taken away only where no value of the type could mean them: what
-- fits already is read through the same mapping
CREATE TYPE transform_bare AS ENUM ('sad', 'so happy');
CREATE TYPE transform_blank AS ENUM ('sad', ' sad');
SELECT t AS type, selfheal.transform_infer('trim', '[" x", "y"]', t) -> 'args' AS args
FROM unnest('{int,numeric,date,interval,boolean,uuid,inet,point,int4range,transform_bare,transform_blank,bytea,text,name,xml,"int[]"}'::regtype[]) t;
DROP TYPE transform_bare, transform_blank;
SELECT selfheal.transform_infer('parse_number', '{"a": 1}', 'numeric');
SELECT selfheal.transform_infer('parse_number', '"1,5"', 'numeric');
SELECT selfheal.transform_infer('parse_number', NULL, 'numeric');
SELECT selfheal.transform_infer('parse_number', '["1,5"]', NULL);
SELECT selfheal.transform_args('parse_point', '{"form": "array"}', 'point');
\set VERBOSITY default
SELECT selfheal.transform('parse_number', '{"decimal": ",", "group": "."}', '"1.234,5"', 'text');
SELECT selfheal.transform('parse_number', '{"group": "."}', '"1.234,5"', 'numeric');
SELECT selfheal.transform('parse_timestamp', '{"formats": "tt.mm.jjjj"}', '"31.12.2024"', 'date');
SELECT selfheal.transform('parse_timestamp', '{"formats": "unix"}', '1718000000', 'timestamp');
-- a domain is what is below it
CREATE DOMAIN percent AS numeric(5,2) CHECK (VALUE <= 100);
SELECT selfheal.transform('parse_number', '{"decimal": ",", "strip": "%"}', '"12,5 %"', 'percent');
RESET search_path;
DROP SCHEMA transform_cases CASCADE;
