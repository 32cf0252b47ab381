--
-- Mappings: what becomes of payloads on their way into their table, by every
-- door, and of rows that are held already. What was sent is kept.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mapping;
SET search_path = mapping, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, MDY';
CREATE FUNCTION kept(name text, OUT line bigint, OUT replayed boolean, OUT payload text, OUT kinds text[], OUT versions int[])
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT k.position, k.held IS NOT NULL, k.payload,
		ARRAY(SELECT m.kind FROM unnest(k.mappings) WITH ORDINALITY u(id, n) LEFT JOIN selfheal.mapping m USING (id) ORDER BY n), k.versions
	FROM selfheal.originals k WHERE table_name = 'mapping.' || name ORDER BY k.load, k.position, k.held
$$;
CREATE FUNCTION held(name text, OUT class text, OUT column_name text, OUT message text, OUT payload text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT class, column_name, message, payload FROM selfheal.quarantined WHERE table_name = 'mapping.' || name ORDER BY id
$$;
-- what waits is stored, or is not
CREATE FUNCTION idle(name text, OUT held bigint) LANGUAGE plpgsql AS $$BEGIN
	PERFORM selfheal.wait_idle('180s');
	held := (SELECT count(*) FROM selfheal.quarantined WHERE table_name = 'mapping.' || name);
END$$;
\set VERBOSITY terse
\pset null '-'

--
-- values: trim, null_if, parse_*; before the type reads them
--
CREATE TABLE v (id int PRIMARY KEY, code varchar(5), n int, amount numeric(12,2), d date, at timestamptz, spot point);
SELECT selfheal.watch('v', mode => 'propose');
COPY v_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "code": "  abcde "}
{"id": 2, "n": "N/A"}
{"id": 3, "amount": "1.234.567,80"}
{"id": 4, "d": "31.12.2025"}
{"id": 5, "at": 1735689600}
{"id": 6, "spot": [13.4, 52.5]}
{"id": 7, "n": "none", "d": "soon"}
\.
SELECT class, column_name FROM held('v');
SET client_min_messages = notice;
SELECT selfheal.add_mapping('v', 'trim', 'code') > 0 AS added;
SELECT selfheal.add_mapping('v', 'null_if', 'n', '{"values": ["N/A", ""]}', why => 'the till sends words') > 0 AS added;
SELECT selfheal.add_mapping('v', 'parse_number', 'amount', '{"decimal": ",", "group": "."}') > 0 AS added;
SELECT selfheal.add_mapping('v', 'parse_timestamp', 'd', '{"formats": ["DD.MM.YYYY"]}') > 0 AS added;
SELECT selfheal.add_mapping('v', 'parse_timestamp', 'at', '{"formats": ["unix"]}') > 0 AS added;
SELECT selfheal.add_mapping('v', 'parse_point', 'spot', '{"form": "array", "order": "xy"}') > 0 AS added;
SET client_min_messages = warning;
SELECT idle('v');
SELECT class, column_name, payload FROM held('v');
-- the other doors; what the transforms leave goes on as sent, and what their notation does not settle is held
INSERT INTO v_intake VALUES ('{"id": 11, "code": "abc ", "n": "", "amount": "12,5", "d": "01.02.2026", "at": 1735689600.5, "spot": [1, 2]}');
SELECT * FROM selfheal.ingest('v', ARRAY['{"id": 12, "code": "abc", "n": 7, "amount": 12.5, "d": "2026-02-01", "at": "2025-01-01 00:00Z", "spot": "(1,2)"}',
	'{"id": 13, "code": null, "n": null, "amount": null, "d": null, "at": null, "spot": null}',
	'{"id": 14, "code": " too long ", "n": "n/a"}', '{"id": 15, "amount": "1.23", "d": "2.2.2026"}']);
TABLE v ORDER BY id;
SELECT class, column_name, message FROM held('v') OFFSET 1;
SELECT * FROM kept('v');
SELECT version, kind, field, column_name, args, state, proven_rows, why FROM selfheal.mappings WHERE table_name = 'mapping.v';
-- a transformed value that does not fit yet is judged as it was made: one digit
-- more, and not a word where a number is
INSERT INTO v_intake VALUES ('{"id": 16, "amount": "12.345.678.901,25"}');
SELECT idle('v');
SELECT sql FROM selfheal.pending WHERE table_name = 'mapping.v';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'mapping.v';
SELECT idle('v');
SELECT amount FROM v WHERE id = 16;

--
-- keys: another name, a long one, parts of an object, left out
--
CREATE TABLE k (id int PRIMARY KEY, name text, city text, zip varchar(5), lat float8, note text);
SELECT selfheal.watch('k', mode => 'propose');
SELECT selfheal.add_mapping('k', 'map_field', 'customer name', column_name => 'name') > 0 AS added;
SELECT selfheal.add_mapping('k', 'map_field', repeat('long ', 20), column_name => 'note') > 0 AS added;
SELECT selfheal.add_mapping('k', 'map_field', 'address', '{"path": ["address", "city"]}', 'city') > 0 AS added;
SELECT selfheal.add_mapping('k', 'map_field', NULL, '{"path": ["address", "geo", "lat"], "rest": "hold"}', 'lat') > 0 AS added;
SELECT selfheal.add_mapping('k', 'ignore_field', 'address', '{"path": ["address", "geo", "lng"]}') > 0 AS added;
SELECT selfheal.add_mapping('k', 'ignore_field', 'debug') > 0 AS added;
INSERT INTO k_intake VALUES
	('{"id": 1, "customer name": "Ada", "debug": {"x": 1}}'),
	('{"id": 2, "' || repeat('long ', 20) || '": "x"}'),
	('{"id": 3, "address": {"city": "Ulm", "geo": {"lat": 48.4, "lng": 9.9}}}'),
	('{"id": 4, "address": {"city": "Ulm", "zip": null, "geo": null}}'),
	('{"id": 5, "address": {}, "debug": null}'),
	('{"id": 6, "address": null}'),
	('{"id": 7, "address": {"c\u0069ty": "K\u00f6ln"}}');
COPY k_intake FROM STDIN (FORMAT ndjson);
{"id": 8, "customer name": "Bob", "debug": 1, "address": {"geo": {"lng": 9.9, "lat": 1}, "city": "Bonn"}}
\.
SELECT * FROM selfheal.ingest('k', ARRAY['{"id": 9, "customer name": "Eve", "debug": 1, "address": {"geo": {"lng": 9.9, "lat": 2}, "city": "Rom"}}']);
-- nothing is lost: what nobody takes holds the row, and two words for one thing
INSERT INTO k_intake VALUES
	('{"id": 21, "address": {"city": "Ulm", "zip": "89073", "geo": {"lat": 1, "alt": 5}}}'),
	('{"id": 22, "address": {"zip": "89073"}}'),
	('{"id": 23, "address": "Ulm"}'),
	('{"id": 24, "address": {"city": "Ulm", "city": "Bonn"}}'),
	('{"id": 25, "address": {"city": "Ulm"}, "city": "Bonn"}'),
	('{"id": 26, "address": {"city": "Ulm"}, "city": "Ulm"}'),
	('{"id": 27, "customer name": "Ada", "name": "Bob"}'),
	('{"id": 28, "address": {"geo": {"lat": 1}, "geo": {"lng": 1}}}');
TABLE k ORDER BY id;
SELECT class, column_name, message FROM held('k');
-- a part more, and the rest dropped: a change is a new mapping
SELECT selfheal.add_mapping('k', 'map_field', 'address', '{"path": ["address", "zip"]}', 'zip') > 0 AS added;
SELECT idle('k');
SELECT id, city, zip FROM k WHERE id IN (21, 22);
SELECT class, column_name, message FROM held('k') LIMIT 1;
SELECT count(selfheal.remove_mapping(id, 'a test')) FROM selfheal.mappings WHERE table_name = 'mapping.k' AND field = 'address' AND column_name IS DISTINCT FROM 'city';
SELECT selfheal.add_mapping('k', 'map_field', 'address', '{"path": ["address", "city"], "rest": "drop"}', 'city') > 0 AS added;
SELECT idle('k');
INSERT INTO k_intake VALUES ('{"id": 31, "address": {"zip": "1"}}');
SELECT id, city, zip FROM k WHERE id IN (21, 31) ORDER BY id;
SELECT version, kind, args, state, why_removed ~ '^mapping [0-9]+ takes its place$' AS replaced FROM selfheal.mappings
WHERE table_name = 'mapping.k' AND field = 'address' ORDER BY id;
-- or the rest as the key's value: a column of its own
SELECT selfheal.add_mapping('k', 'map_field', 'address', '{"path": ["address", "city"], "rest": "column"}', 'city') > 0 AS added;
INSERT INTO k_intake VALUES ('{"id": 32, "address": {"zip" : 1.50, "city": "Ulm", "geo": {"x": [1, 2]}}}'), ('{"id": 33, "address": {"city": "Ulm"}}');
SELECT idle('k');
SELECT sql FROM selfheal.pending WHERE table_name = 'mapping.k';
SELECT count(selfheal.approve(plan_id)) FROM selfheal.pending WHERE table_name = 'mapping.k';
SELECT idle('k');
INSERT INTO k_intake VALUES ('{"id": 34, "address": {"zip": "2", "city": "Bonn"}}'), ('{"id": 35, "address": {"zip": "2", "zip": "3", "city": "Bonn"}}');
SELECT id, city, address FROM k WHERE id > 31 ORDER BY id;
SELECT class, message FROM held('k') WHERE payload ~ '"id": 35';
SELECT * FROM kept('k') WHERE payload ~ '"id": (1|6|21|31|34)\M';

--
-- keys that nobody knows, in one column
--
CREATE TABLE o (id int PRIMARY KEY, a int, more jsonb);
SELECT selfheal.watch('o', mode => 'propose');
INSERT INTO o_intake VALUES ('{"id": 1, "x": 1, "y": null, "z": 12345678901234567890.1234567890, "": "", "q\"": {"a": [1]}}'),
	('{"id": 2, "xmin": 1}');
SET client_min_messages = notice;
SELECT selfheal.add_mapping('o', 'overflow_to_jsonb', NULL, column_name => 'more') > 0 AS added;
SET client_min_messages = warning;
SELECT idle('o');
INSERT INTO o_intake VALUES ('{"id": 3, "a": 1}'), ('{"id": 4, "more": {"own": 1}}'), ('{"id": 5, "more": {"own": 1}, "x": 1}'),
	('{"id": 6, "more": null, "x": "\u00e9"}'), ('{"id": 7, "x": {"a": 1, "a": 2}}'), ('{"id": 8, "x": 1, "a": "word"}');
COPY o_intake FROM STDIN (FORMAT ndjson);
{"id": 10, "x": "a\tb", "deep": {"y" : [ 1.0, 2e3 ]}}
\.
SELECT * FROM selfheal.ingest('o', ARRAY['{"id": 11, "x": false}']);
TABLE o ORDER BY id;
SELECT class, column_name, message FROM held('o');
-- a hint is a word, too: its key is to have a column
SELECT selfheal.hint('o', 'b', type => 'int');
INSERT INTO o_intake VALUES ('{"id": 9, "b": 1, "c": 1}');
SELECT class, column_name FROM held('o') WHERE column_name = 'b';
-- and a mapping comes before the contract, which takes what it leaves
SELECT selfheal.set_contract('o', columns => 'discard_value', types => 'discard_value');
SELECT selfheal.add_mapping('o', 'parse_number', 'a', '{"decimal": ","}', force => true) > 0 AS added;
SELECT idle('o');
INSERT INTO o_intake VALUES ('{"id": 20, "x": 1, "a": "7"}'), ('{"id": 21, "a": "7,5"}'), ('{"id": 23, "a": "8,0"}'), ('{"id": 22, "more": {"own": 1}, "x": 1}');
SELECT * FROM o WHERE id >= 20 ORDER BY id;
SELECT class, column_name, rows FROM selfheal.discarded WHERE table_name = 'mapping.o' ORDER BY id;

--
-- bytes that are no text
--
CREATE TABLE b (id int PRIMARY KEY, v text);
SELECT selfheal.watch('b', mode => 'propose');
\copy b_intake FROM PROGRAM 'printf ''{"id": 1, "v": "caf\351"}\n{"id": 2, "v": "\200uro"}\n{"id": 3, "v": "\001\351"}\n''' (FORMAT ndjson)
SELECT class, column_name FROM held('b');
SET client_min_messages = notice;
SELECT selfheal.add_mapping('b', 'decode_text', NULL, '{"encodings": ["WIN1252"]}') > 0 AS added;
SET client_min_messages = warning;
SELECT idle('b');
\copy b_intake FROM PROGRAM 'printf ''{"id": 11, "v": "\351"}\n{"id": 12, "v": "\303\251"}\n''' (FORMAT ndjson)
SELECT * FROM selfheal.ingest('b', ARRAY['{"id": 13, "v": "é"}']);
TABLE b ORDER BY id;
SELECT position, held IS NOT NULL AS replayed, payload, payload_raw, versions FROM selfheal.originals WHERE table_name = 'mapping.b' ORDER BY at, held, position;

--
-- what is kept
--
CREATE TABLE p (id int PRIMARY KEY, v text);
SELECT selfheal.watch('p', keep_payload => 'some');
SELECT selfheal.watch('p', keep_payload => 'all');
SELECT selfheal.add_mapping('p', 'trim', 'v') > 0 AS added;
SELECT selfheal.hint('p', 'w', rename_to => 'v');
INSERT INTO p_intake VALUES ('{"id": 1, "v": "a"}'), ('{"id": 2, "v": "a "}'), ('{"id": 2, "v": "b "}'), ('{"id": 3, "w": "c "}');
SELECT selfheal.watch('p', keep_payload => 'none');
INSERT INTO p_intake VALUES ('{"id": 4, "v": "a "}');
SELECT selfheal.watch('p', keep_payload => 'transformed');
INSERT INTO p_intake VALUES ('{"id": 5, "v": "a"}'), ('{"id": 6, "v": " a"}'), ('{"id": 7, "w": "c"}');
SELECT * FROM kept('p');
-- a change by hand counts at once, too
UPDATE selfheal.mapping SET state = 'removed', removed_at = now() WHERE table_name = 'p' AND schema_name = 'mapping';
INSERT INTO p_intake VALUES ('{"id": 8, "v": " a"}');
UPDATE selfheal.mapping SET state = 'active', removed_at = NULL WHERE table_name = 'p' AND schema_name = 'mapping';
INSERT INTO p_intake VALUES ('{"id": 9, "v": " a"}');
SELECT id, v FROM p WHERE id > 7;
-- it goes with what is known of the load
UPDATE selfheal.kept SET at = at - interval '31 days' WHERE schema_name = 'mapping' AND (table_name = 'k' OR table_name = 'p' AND mappings IS NOT NULL);
SELECT selfheal.wake();
SELECT idle('p');
SELECT * FROM kept('p');

--
-- undone by one call; tables and columns keep their mappings under other names
--
CREATE TABLE r (id int PRIMARY KEY, d date);
SELECT selfheal.watch('r', mode => 'propose');
SELECT selfheal.add_mapping('r', 'parse_timestamp', 'd', '{"formats": ["DD.MM.YYYY"]}') AS m \gset
SELECT selfheal.add_mapping('r', 'map_field', 'day', column_name => 'd') AS n \gset
ALTER TABLE r RENAME TO s;
ALTER TABLE s RENAME d TO date;
INSERT INTO s_intake VALUES ('{"id": 1, "day": "13.02.2026"}');
TABLE s;
SELECT table_name, kind, field, column_name FROM selfheal.mappings WHERE id IN (:m, :n) ORDER BY id;
SELECT selfheal.remove_mapping(:m, 'the till was mended');
\set VERBOSITY sqlstate
SELECT selfheal.remove_mapping(:m);
\set VERBOSITY terse
SELECT selfheal.remove_mapping(NULL);
SELECT selfheal.remove_mapping(0);
INSERT INTO s_intake VALUES ('{"id": 2, "day": "13.02.2026"}');
TABLE s;
SELECT class, column_name FROM held('s');
SELECT event, split_part(result, ', ', 2) AS result, explanation FROM selfheal.audit
WHERE schema_name = 'mapping' AND table_name IN ('r', 's') AND event LIKE 'mapping%' ORDER BY id;
SELECT selfheal.unwatch('s');
SELECT count(*) FROM selfheal.mapping WHERE table_name IN ('r', 's') AND schema_name = 'mapping';

DROP SCHEMA mapping CASCADE;
SELECT count(*) FROM selfheal.mapping;
DELETE FROM selfheal.discard WHERE schema_name = 'mapping';
