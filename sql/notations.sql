--
-- Values that are only written in another notation: read by a mapping that all
-- held values prove, asked about where they leave something open, and held
-- where they are not certain.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA notations;
SET search_path = notations, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, MDY';
\set idle 'SELECT selfheal.wait_idle(''180s'') ->> ''idle'' AS idle'
CREATE FUNCTION cases(what regclass) RETURNS TABLE (class text, col text, state text, reason text)
LANGUAGE sql AS $$
	SELECT i.class, left(i.column_name, 20), i.state, i.reason FROM selfheal.incident i WHERE i.relid = what ORDER BY i.id
$$;
CREATE FUNCTION readings(what regclass) RETURNS TABLE (kind text, key text, col text, args jsonb, state text, by text)
LANGUAGE sql AS $$
	SELECT m.kind, m.field, m.column_name, (SELECT jsonb_object_agg(k, v) FROM jsonb_each(m.args) a (k, v)
		WHERE k IN ('formats', 'zone', 'decimal', 'group', 'order', 'form', 'values', 'encodings')), m.state, m.added_by
	FROM selfheal.mapping m WHERE m.relid = what ORDER BY m.id
$$;

-- 22007, 22008: dates with the day first, which the 25th proves
CREATE TABLE dated (id int, at timestamptz, day date);
SELECT selfheal.watch('notations.dated');
INSERT INTO dated_intake VALUES ('{"id": 1, "at": "25.04.2026 10:30", "day": "31/12/2025"}'), ('{"id": 2, "at": "13.04.2026 23:59", "day": "13/01/2026"}');
:idle;
SELECT * FROM dated ORDER BY id;
SELECT * FROM cases('dated');
SELECT * FROM readings('dated');
-- one plan, and the next ones come in as they are sent
SELECT sql, inverse, verdict, policy, state, playbook, forecast -> 'lock' AS lock, dry_run -> 'held_stored' AS proven FROM selfheal.plan WHERE relid = 'dated'::regclass;
INSERT INTO dated_intake VALUES ('{"id": 3, "at": "03.04.2026 00:00", "day": "02/01/2026"}'), ('{"id": 4, "at": "2026-04-03T00:00:00Z", "day": "2026-01-02"}');
SELECT stored, held FROM selfheal.last_load();
SELECT * FROM dated WHERE id > 2 ORDER BY id;
-- what was sent is kept
SELECT payload FROM selfheal.originals WHERE table_name = 'notations.dated' ORDER BY payload::jsonb -> 'id';

-- day and month are not certain: held, and said why
CREATE TABLE unsure (id int, day date);
SELECT selfheal.watch('notations.unsure');
SET DateStyle = 'ISO, YMD';
INSERT INTO unsure_intake VALUES ('{"id": 1, "day": "03/04/2026"}'), ('{"id": 2, "day": "11/12/2026"}');
SET DateStyle = 'ISO, MDY';
:idle;
SELECT * FROM cases('unsure');
SELECT count(*) FROM selfheal.plan WHERE relid = 'unsure'::regclass;
-- one more proves it
SET DateStyle = 'ISO, YMD';
INSERT INTO unsure_intake VALUES ('{"id": 3, "day": "30/04/2026"}');
SET DateStyle = 'ISO, MDY';
:idle;
SELECT * FROM unsure ORDER BY id;
-- two notations that contradict each other
CREATE TABLE torn (id int, day date);
SELECT selfheal.watch('notations.torn');
SET DateStyle = 'ISO, YMD';
INSERT INTO torn_intake VALUES ('{"id": 1, "day": "25/04/2026"}'), ('{"id": 2, "day": "04/25/2026"}');
SET DateStyle = 'ISO, MDY';
:idle;
SELECT * FROM cases('torn');

-- rows of the same load were stored, month first: a person is to know
CREATE TABLE mixed (id int, day date);
SELECT selfheal.watch('notations.mixed');
INSERT INTO mixed_intake VALUES ('{"id": 1, "day": "03.04.2026"}'), ('{"id": 2, "day": "25.04.2026"}');
:idle;
SELECT * FROM cases('mixed');
SELECT policy, verdict, samples -> 0 -> 'payload' AS sample, rows_waiting FROM selfheal.pending WHERE table_name = 'notations.mixed';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.mixed';
:idle;
SELECT * FROM mixed ORDER BY id;
SELECT kind, by FROM readings('mixed');

-- seconds and milliseconds since 1970; whose clock a column without a zone
-- keeps is asked
CREATE TABLE clocks (id int, at timestamptz, ms timestamptz, local timestamp);
SELECT selfheal.watch('notations.clocks');
INSERT INTO clocks_intake VALUES ('{"id": 1, "at": 1712059200}'), ('{"id": 2, "at": 1712059201}'), ('{"id": 3, "ms": 1712059200123}');
:idle;
SELECT * FROM clocks ORDER BY id;
INSERT INTO clocks_intake VALUES ('{"id": 4, "local": 1712059200}'), ('{"id": 5, "local": 1712059260}');
:idle;
SELECT class, col, state FROM cases('clocks');
SELECT policy, jsonb_array_length(samples) AS samples FROM selfheal.pending WHERE table_name = 'notations.clocks';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.clocks';
:idle;
SELECT id, local FROM clocks WHERE id > 3 ORDER BY id;
SELECT key, args FROM readings('clocks');

-- 22008: zero dates become null when a person says so, impossible ones never
CREATE TABLE zero (id int, day date);
SELECT selfheal.watch('notations.zero');
INSERT INTO zero_intake VALUES ('{"id": 1, "day": "0000-00-00"}'), ('{"id": 2, "day": "2024-02-31"}');
:idle;
SELECT class, state FROM cases('zero');
SELECT sql, policy FROM selfheal.pending WHERE table_name = 'notations.zero';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.zero';
:idle;
SELECT * FROM zero;
SELECT * FROM cases('zero');
SELECT payload FROM selfheal.quarantined WHERE table_name = 'notations.zero';

-- 22P02: numbers in another notation run by themselves; the words for nothing
-- beside them wait for a person
CREATE TABLE priced (id int, amount numeric(12,2), n int, code uuid);
SELECT selfheal.watch('notations.priced');
INSERT INTO priced_intake VALUES ('{"id": 1, "amount": "1.234,50"}'), ('{"id": 2, "amount": "12,5"}'), ('{"id": 3, "amount": "N/A"}'),
	('{"id": 4, "n": "1,234,567"}'), ('{"id": 5, "code": " 6ecd8c99-4036-403d-bf84-cf8400f67836 "}'), ('{"id": 6, "amount": ""}');
:idle;
SELECT * FROM priced ORDER BY id;
SELECT class, col, state FROM cases('priced');
SELECT sql, policy FROM selfheal.pending WHERE table_name = 'notations.priced';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.priced';
:idle;
SELECT * FROM priced WHERE id IN (3, 6) ORDER BY id;
SELECT * FROM readings('priced');
SELECT column_name, jsonb_path_query_array(mappings, '$[*].kind') AS mappings FROM selfheal.incidents WHERE table_name = 'notations.priced' ORDER BY id;
SELECT selfheal.explain(id) LIKE '%mapping_added%parse_number%mapping_added%null_if%' AS told FROM selfheal.incidents WHERE table_name = 'notations.priced' AND column_name = 'amount';
-- a number alone that has two readings, and a word
CREATE TABLE worded (id int, amount numeric(12,2));
SELECT selfheal.watch('notations.worded');
INSERT INTO worded_intake VALUES ('{"id": 1, "amount": "1,234"}'), ('{"id": 2, "amount": "about ten"}');
:idle;
SELECT * FROM cases('worded');
-- a fraction beside it is one of the same notation: nothing is widened for it
CREATE TABLE german (id int, amount numeric(12,2));
SELECT selfheal.watch('notations.german');
INSERT INTO german_intake VALUES ('{"id": 1, "amount": "1.234"}'), ('{"id": 2, "amount": "1.234.567,89"}');
:idle;
SELECT * FROM german ORDER BY id;
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'german'::regclass AND attname = 'amount';

-- 22P02: a label with blanks around it; of another spelling a person is asked
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE moods (id int, mood mood);
SELECT selfheal.watch('notations.moods');
INSERT INTO moods_intake VALUES ('{"id": 1, "mood": " ok "}'), ('{"id": 2, "mood": "sad\t"}');
:idle;
SELECT * FROM moods ORDER BY id;
SELECT kind, key FROM readings('moods');
INSERT INTO moods_intake VALUES ('{"id": 3, "mood": "OK"}');
:idle;
SELECT state, left(reason, 40) AS reason FROM cases('moods');
SELECT sql, policy, verdict FROM selfheal.pending WHERE table_name = 'notations.moods';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.moods';
:idle;
-- one more word joins those that are read already
INSERT INTO moods_intake VALUES ('{"id": 4, "mood": "Sad"}'), ('{"id": 5, "mood": "OK"}');
:idle;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.moods';
:idle;
SELECT * FROM moods ORDER BY id;
SELECT kind, args -> 'words' AS words, state FROM selfheal.mapping WHERE relid = 'moods'::regclass ORDER BY id;
-- the type gets the label after all: values are read as they are sent
ALTER TYPE mood ADD VALUE 'OK';
INSERT INTO moods_intake VALUES ('{"id": 6, "mood": "OK"}'), ('{"id": 7, "mood": "Sad"}');
SELECT * FROM moods WHERE id > 5 ORDER BY id;
SELECT selfheal.add_mapping('moods', 'map_value', 'mood', '{"words": {"fine": "great"}}');
SELECT selfheal.add_mapping('moods', 'map_value', 'id', '{"words": {"one": "1"}}');
SELECT selfheal.add_mapping('moods', 'map_value', 'mood', '{"words": []}');

-- 42804: pairs. What says its order runs by itself, a bare pair is asked about
CREATE TABLE places (id int, pos point, named point, dms point);
SELECT selfheal.watch('notations.places');
INSERT INTO places_intake VALUES ('{"id": 1, "named": {"lon": 13.4, "lat": 52.5}}'), ('{"id": 2, "dms": "52°31''12\"N 13°24''18\"E"}');
:idle;
SELECT id, named, dms FROM places ORDER BY id;
INSERT INTO places_intake VALUES ('{"id": 3, "pos": [13.4, 52.5]}'), ('{"id": 4, "pos": [14.4, 51.5]}'), ('{"id": 5, "pos": [15, 50]}'), ('{"id": 6, "pos": [16, 49]}');
:idle;
SELECT class, col, state FROM cases('places');
SELECT policy, rows_waiting, jsonb_path_query_array(samples, '$[*].payload') AS samples FROM selfheal.pending WHERE table_name = 'notations.places';
-- the other way round: no, and said which
SELECT selfheal.reject(plan_id, 'latitude first') FROM selfheal.pending WHERE table_name = 'notations.places';
:idle;
SELECT class, col, state, regexp_replace(reason, 'plan [0-9]+', 'plan N') AS reason FROM cases('places') WHERE state <> 'healed';
SELECT selfheal.add_mapping('places', 'parse_point', 'pos', '{"form": "array", "order": "yx"}') > 0 AS added;
:idle;
SELECT id, pos FROM places WHERE id > 2 ORDER BY id;

-- 22021: bytes that are text in a declared encoding
CREATE TABLE bytes (id int, v text);
SELECT selfheal.watch('notations.bytes');
COPY bytes_intake FROM PROGRAM 'printf ''{"id": 1, "v": "caf\351"}\n{"id": 2, "v": "\200 12"}\n{"id": 3, "v": "\303\251"}\n''' (FORMAT ndjson);
:idle;
SELECT class, state FROM cases('bytes');
SELECT sql, policy FROM selfheal.pending WHERE table_name = 'notations.bytes';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.bytes';
:idle;
SELECT * FROM bytes ORDER BY id;
-- in none of them, when the operator declares none that fits
CREATE TABLE opaque (id int, v text);
SELECT selfheal.watch('notations.opaque');
COPY opaque_intake FROM PROGRAM 'printf ''{"id": 1, "v": "\001\351"}\n''' (FORMAT ndjson);
:idle;
SELECT * FROM cases('opaque');
SET selfheal.encodings = 'KLINGON';

-- 22030: bad JSON is never repaired
CREATE TABLE broken (id int);
SELECT selfheal.watch('notations.broken');
INSERT INTO broken_intake VALUES ('{"id": 1'), ('{"id": 2, "v": "\u0000"}');
:idle;
SELECT * FROM cases('broken');

-- a key over 63 bytes: a column of a shorter name, and a mapping to it
CREATE TABLE long (id int);
SELECT selfheal.watch('notations.long');
INSERT INTO long_intake VALUES ('{"id": 1, "the_total_amount_of_the_order_including_all_taxes_and_fees_in_euro": 7}'), ('{"id": 2, "the_total_amount_of_the_order_including_all_taxes_and_fees_in_euro": 8}');
:idle;
SELECT class, state FROM cases('long');
SELECT sql, verdict FROM selfheal.pending WHERE table_name = 'notations.long';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.long';
:idle;
SELECT * FROM long ORDER BY id;
SELECT mappings -> 0 ->> 'kind' AS kind, mappings -> 0 ->> 'column' AS col, mappings -> 0 ->> 'state' AS state FROM selfheal.incidents WHERE table_name = 'notations.long';
SELECT length(key), length(col) FROM readings('long');

-- several problems in one row take one round: one plan where policy lets all
-- of it run
CREATE TABLE several (id int, at timestamptz, v varchar(3), q int NOT NULL);
SELECT selfheal.watch('notations.several');
INSERT INTO several_intake VALUES ('{"id": 1, "at": "25.04.2026 10:30", "v": "four", "fresh": 1, "q": 1}');
:idle;
SELECT * FROM several;
SELECT count(*) AS plans, min(jsonb_array_length(steps -> 'steps')) AS steps FROM selfheal.plan WHERE relid = 'several'::regclass;
SELECT event, count(*) FROM selfheal.audit WHERE table_name = 'several' AND event IN ('planned', 'applied', 'mapping_added') GROUP BY event ORDER BY event;
-- two where a person is asked about a part of it: the mapping comes first, and
-- the row is stored when he has said yes
CREATE TABLE pair (id int, at timestamptz, q int NOT NULL);
SELECT selfheal.watch('notations.pair');
INSERT INTO pair_intake VALUES ('{"id": 1, "at": "25.04.2026 10:30"}'), ('{"id": 2, "at": "26.04.2026 10:30", "q": 2}');
:idle;
SELECT * FROM pair;
SELECT class, col, state FROM cases('pair');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.pair';
:idle;
SELECT * FROM pair ORDER BY id;
SELECT class, col, state FROM cases('pair');

-- a person's no: what he has removed is not proposed again until he adds one
SELECT selfheal.remove_mapping(id, 'the producer was told') FROM selfheal.mapping WHERE relid = 'pair'::regclass;
INSERT INTO pair_intake VALUES ('{"id": 3, "at": "27.04.2026 10:30", "q": 3}');
:idle;
SELECT class, state, regexp_replace(reason, '(mapping |by )[0-9]+', '\1N') AS reason FROM cases('pair') WHERE state <> 'healed';
SELECT selfheal.add_mapping('pair', 'parse_timestamp', 'at', '{"formats": ["DD.MM.YYYY HH24:MI"]}') > 0 AS added;
:idle;
SELECT * FROM pair ORDER BY id;

-- one reading at a time: another would take its place, so a person says both
INSERT INTO pair_intake VALUES ('{"id": 4, "at": 1712059200, "q": 4}');
:idle;
SELECT class, state, left(regexp_replace(reason, 'mapping [0-9]+', 'mapping N'), 75) AS reason FROM cases('pair') WHERE state <> 'healed';
SELECT selfheal.add_mapping('pair', 'parse_timestamp', 'at', '{"formats": ["DD.MM.YYYY HH24:MI", "unix"]}') > 0 AS added;
:idle;
SELECT * FROM pair WHERE id = 4;

-- what was approved is for the table as it was
CREATE TABLE moved (id int, n int);
SELECT selfheal.watch('notations.moved', mode => 'propose');
INSERT INTO moved_intake VALUES ('{"id": 1, "n": "1,234,567"}');
:idle;
CREATE TEMP TABLE seen AS SELECT plan_id FROM selfheal.pending WHERE table_name = 'notations.moved';
BEGIN;
SELECT selfheal.approve(plan_id) FROM seen;
ALTER TABLE moved ADD COLUMN more int;
COMMIT;
:idle;
SELECT state FROM selfheal.plan WHERE id = (SELECT plan_id FROM seen);
SELECT count(*) FROM readings('moved');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'notations.moved';
:idle;
SELECT * FROM moved;

-- modes and policy count as for any step
CREATE TABLE asked (id int, n int);
SELECT selfheal.watch('notations.asked', mode => 'propose');
INSERT INTO asked_intake VALUES ('{"id": 1, "n": "1,234,567"}'), ('{"id": 2, "n": "1,234,568"}');
:idle;
SELECT sql, verdict, policy FROM selfheal.pending WHERE table_name = 'notations.asked';
SELECT count(*) FROM asked;
SELECT count(*) FROM readings('asked');
CREATE TABLE denied (id int, n int);
SELECT selfheal.watch('notations.denied');
SELECT selfheal.set_policy('denied', 'parse_number', NULL, 'deny');
INSERT INTO denied_intake VALUES ('{"id": 1, "n": "1,234,567"}');
:idle;
SELECT class, state, left(reason, 30) AS reason FROM cases('denied');

-- the whole of a large load, in more chunks than one, each row once
CREATE TABLE many (id int, n int);
SELECT selfheal.watch('notations.many');
INSERT INTO many_intake SELECT format('{"id": %s, "n": "%s,%s,000"}', i, 1 + i / 1000, lpad((i % 1000)::text, 3, '0')) FROM generate_series(1, 25000) i;
:idle;
SELECT count(*), count(DISTINCT id), sum(n)::bigint FROM many;
SELECT class, state FROM cases('many');
SELECT count(*) FROM readings('many');

-- preview says what would be done; nothing is written
SELECT class, playbook, sql, verdict FROM selfheal.preview('asked', '{"id": 1, "n": "2,234,567"}');
SELECT count(*) FROM readings('asked');
-- the permanent fix: the mapping is not needed any more
SELECT i.mappings -> 0 ->> 'kind' AS kind, i.mappings -> 0 ->> 'permanent' AS permanent FROM selfheal.incidents i WHERE table_name = 'notations.many';
ALTER TABLE many ALTER COLUMN n TYPE text;
SELECT i.mappings -> 0 ->> 'kind' AS kind, i.mappings -> 0 ->> 'permanent' AS permanent FROM selfheal.incidents i WHERE table_name = 'notations.many';

SELECT selfheal.unwatch_all() \g /dev/null
DROP SCHEMA notations CASCADE;
