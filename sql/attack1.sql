--
-- What nobody can read with certainty is held, and changes no table: the
-- readings that a type would make up by itself where the team, or other values
-- of the column, have said something else.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA attack1;
SET search_path = attack1, public;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, MDY';
\set idle 'SELECT selfheal.wait_idle(''180s'') ->> ''idle'' AS idle'
CREATE FUNCTION cases(what regclass) RETURNS TABLE (class text, col text, state text, reason text)
LANGUAGE sql AS $$
	SELECT i.class, i.column_name, i.state, i.reason FROM selfheal.incident i WHERE i.relid = what ORDER BY i.class, i.column_name
$$;
CREATE FUNCTION held(what regclass) RETURNS TABLE (class text, col text, need text, message text, payload text)
LANGUAGE sql AS $$
	SELECT q.class, q.column_name, q.need, q.message, q.payload FROM selfheal.quarantined q
	WHERE q.table_name = format('attack1.%s', what) AND q.state = 'held' ORDER BY q.id
$$;
CREATE FUNCTION column_type(what regclass, col name) RETURNS text LANGUAGE sql AS $$
	SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = what AND attname = col
$$;

-- two notations were declared, and one value is of both: DateStyle does not
-- decide what the team left open
CREATE TABLE both_orders (id int, day date);
SELECT selfheal.watch('both_orders');
SELECT selfheal.add_mapping('both_orders', 'parse_timestamp', 'day', '{"formats": ["DD.MM.YYYY", "MM.DD.YYYY"]}') > 0 AS added;
INSERT INTO both_orders_intake VALUES ('{"id": 1, "day": "03.04.2026"}'), ('{"id": 2, "day": "25.04.2026"}'), ('{"id": 3, "day": "04.25.2026"}'),
	('{"id": 4, "day": "04.04.2026"}'), ('{"id": 5, "day": "2026-04-03"}');
:idle;
SELECT * FROM both_orders ORDER BY id;
SELECT * FROM held('both_orders');
SELECT state FROM cases('both_orders');
SELECT selfheal.transform('parse_timestamp', '{"formats": ["DD.MM.YYYY", "MM.DD.YYYY"]}', '"03.04.2026"', 'date');
-- until somebody says which
SELECT selfheal.add_mapping('both_orders', 'parse_timestamp', 'day', '{"formats": ["DD.MM.YYYY"]}') > 0 AS added;
:idle;
SELECT * FROM both_orders WHERE id = 1;

-- nor does it where the day was declared to come first, and this value is
-- written a little otherwise
CREATE TABLE day_first (id int, day date, at timestamp);
SELECT selfheal.watch('day_first');
SELECT selfheal.add_mapping('day_first', 'parse_timestamp', 'day', '{"formats": ["DD/MM/YYYY"]}') > 0 AS added;
SELECT selfheal.add_mapping('day_first', 'parse_timestamp', 'at', '{"formats": ["DD/MM/YYYY HH24:MI"]}') > 0 AS added;
INSERT INTO day_first_intake VALUES ('{"id": 1, "day": "03/04/2026"}'), ('{"id": 2, "day": "3/4/2026"}'), ('{"id": 3, "day": "03.04.2026"}'),
	('{"id": 4, "day": "2026-04-03"}'), ('{"id": 5, "day": "3 Apr 2026"}'), ('{"id": 6, "at": "03/04/2026 10:00:30"}'), ('{"id": 7, "at": "20260403T100000"}');
:idle;
SELECT * FROM day_first ORDER BY id;
SELECT class, col, payload FROM held('day_first');

-- an hour that the declared zone has twice, or never, is none of the session's
CREATE TABLE hours (id int, at timestamptz);
SELECT selfheal.watch('hours');
SELECT selfheal.add_mapping('hours', 'parse_timestamp', 'at', '{"formats": ["YYYY-MM-DD HH24:MI"], "zone": "Europe/Berlin"}') > 0 AS added;
INSERT INTO hours_intake VALUES ('{"id": 1, "at": "2026-10-25 02:30"}'), ('{"id": 2, "at": "2026-03-29 02:30"}'), ('{"id": 3, "at": "2026-10-25 03:30"}'),
	('{"id": 4, "at": "2026-10-25T02:30:00+01:00"}');
:idle;
SELECT * FROM hours ORDER BY id;
SELECT class, payload FROM held('hours');

-- a point that stands between groups is no decimal sign for the type either
CREATE TABLE points (id int, n numeric(12,3), whole int);
SELECT selfheal.watch('points');
SELECT selfheal.add_mapping('points', 'parse_number', 'n', '{"decimal": ",", "group": "."}') > 0 AS added;
SELECT selfheal.add_mapping('points', 'parse_number', 'whole', '{"decimal": null, "group": "."}') > 0 AS added;
INSERT INTO points_intake VALUES ('{"id": 1, "n": "1.5"}'), ('{"id": 2, "n": "1.500"}'), ('{"id": 3, "n": 1.5}'), ('{"id": 4, "n": "1.234,5"}'), ('{"id": 5, "n": "15"}'),
	('{"id": 6, "whole": "1.500"}'), ('{"id": 7, "whole": "1.5"}'), ('{"id": 8, "whole": "1e3"}'), ('{"id": 9, "n": "1.5e3"}');
:idle;
SELECT * FROM points ORDER BY id;
SELECT class, col, payload FROM held('points');
SELECT column_type('points', 'whole');
CREATE TABLE commas (id int, n numeric(12,3));
SELECT selfheal.watch('commas');
SELECT selfheal.add_mapping('commas', 'parse_number', 'n', '{"decimal": ","}') > 0 AS added;
INSERT INTO commas_intake VALUES ('{"id": 1, "n": "12,5"}'), ('{"id": 2, "n": "1.234"}');
:idle;
SELECT * FROM commas;
SELECT class, payload FROM held('commas');

-- numbers of the same load were stored with a point for a decimal sign: a
-- person is to know before the rest is read the other way
CREATE TABLE mixed (id int, n numeric(10,2));
SELECT selfheal.watch('mixed');
INSERT INTO mixed_intake VALUES ('{"id": 1, "n": "1.500"}'), ('{"id": 2, "n": "1.234,50"}'), ('{"id": 3, "n": "12,5"}');
:idle;
SELECT * FROM mixed;
SELECT * FROM cases('mixed');
SELECT policy, verdict, rows_waiting FROM selfheal.pending WHERE table_name = 'attack1.mixed';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'attack1.mixed';
:idle;
SELECT * FROM mixed ORDER BY id;
-- grouping by commas is nothing that the type would read
CREATE TABLE english (id int, n numeric(10,2));
SELECT selfheal.watch('english');
INSERT INTO english_intake VALUES ('{"id": 1, "n": "1.5"}'), ('{"id": 2, "n": "1,234.50"}');
:idle;
SELECT * FROM english ORDER BY id;

-- nothing is widened for what may be no fraction at all
CREATE TABLE contested (id int, n int);
SELECT selfheal.watch('contested');
INSERT INTO contested_intake VALUES ('{"id": 1, "n": "1.500"}'), ('{"id": 2, "n": "1.234.567"}'), ('{"id": 3, "n": "2,5e3"}');
:idle;
SELECT * FROM cases('contested');
SELECT column_type('contested', 'n');
SELECT selfheal.discard(q.id, 'no number') FROM selfheal.quarantined q WHERE table_name = 'attack1.contested' AND payload LIKE '%e3%';
:idle;
SELECT * FROM contested ORDER BY id;
SELECT column_type('contested', 'n');
-- a word beside fractions says nothing of points
CREATE TABLE worded (id int, n int);
SELECT selfheal.watch('worded');
INSERT INTO worded_intake VALUES ('{"id": 1, "n": "1.5"}'), ('{"id": 2, "n": "about ten"}');
:idle;
SELECT * FROM worded;
SELECT column_type('worded', 'n');

-- one infinite value takes no column's limit away
CREATE TABLE limited (id int, n numeric(6,2), free numeric, f real);
SELECT selfheal.watch('limited');
INSERT INTO limited_intake VALUES ('{"id": 1, "n": "Infinity"}'), ('{"id": 2, "n": "-inf"}'), ('{"id": 3, "free": "Infinity", "f": "-Infinity"}'), ('{"id": 4, "n": "NaN"}'), ('{"id": 5, "n": 12345.67}');
:idle;
SELECT * FROM limited ORDER BY id;
SELECT class, need, message, payload FROM held('limited');
SELECT column_type('limited', 'n');

-- an equal row is there already, also where nulls are equal by key
CREATE TABLE nulls_meet (a int, b int, v text, UNIQUE NULLS NOT DISTINCT (a, b));
SELECT selfheal.watch('nulls_meet');
INSERT INTO nulls_meet VALUES (1, NULL, 'one'), (NULL, NULL, 'none');
INSERT INTO nulls_meet_intake VALUES ('{"a": 1, "v": "one"}'), ('{"a": 1, "b": null, "v": "one"}'), ('{"v": "none"}'), ('{"a": 1, "v": "two"}'), ('{"a": 2, "v": "one"}'), ('{"a": 2, "v": "one"}');
:idle;
SELECT * FROM nulls_meet ORDER BY a, b;
SELECT payload FROM held('nulls_meet');
-- and of the others it is said what a person can do
SELECT state, reason FROM cases('nulls_meet');

-- a word that nobody can see keeps no other one from being a label
CREATE TYPE state AS ENUM ('new', 'paid');
CREATE TABLE states (id int, s state);
SELECT selfheal.watch('states');
INSERT INTO states_intake VALUES ('{"id": 1, "s": "refunded"}'), ('{"id": 2, "s": "lo\u200bst"}'), ('{"id": 3, "s": "it''s \"x\""}');
:idle;
SELECT sql FROM selfheal.pending WHERE table_name = 'attack1.states';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'attack1.states';
:idle;
SELECT * FROM states ORDER BY id;
SELECT state, reason FROM cases('states');

-- a row that cannot be stored anyhow changes no table, whichever of its values
-- comes first
CREATE TABLE lost (id int, day date, n int, v varchar(3));
SELECT selfheal.watch('lost');
INSERT INTO lost_intake VALUES ('{"id": 1, "day": "no day", "n": 99999999999999999999, "v": "longer", "fresh": 1}'), ('{"id": 2, "n": 3000000000, "day": "2026-02-31"}'),
	('{"id": 3, "v": "long", "day": "2026-02-31"}'), ('{"id": 4, "v": "long"}');
:idle;
SELECT * FROM lost;
SELECT class, col, state, reason FROM cases('lost');
SELECT column_type('lost', 'n');
-- until it can be
SELECT selfheal.amend(id, '{"id": 2, "n": 3000000000, "day": "2026-02-28"}', 'a slip') FROM selfheal.quarantined WHERE table_name = 'attack1.lost' AND payload LIKE '%"id": 2%';
:idle;
SELECT * FROM lost ORDER BY id;

-- so it is of types that no playbook widens, and of what the table refuses
CREATE TYPE pair AS (a varchar(3), b int);
CREATE TABLE others (id int, words varchar(3)[], bits bit varying(3), both_parts pair);
SELECT selfheal.watch('others');
INSERT INTO others_intake VALUES ('{"id": 1, "words": ["one", "three"]}'), ('{"id": 2, "bits": "10101"}'), ('{"id": 3, "both_parts": {"a": "three", "b": 3}}');
:idle;
SELECT * FROM cases('others');
-- which is right: the rows follow
ALTER TABLE others ALTER COLUMN words TYPE varchar(8)[];
:idle;
SELECT id, words FROM others;
CREATE TABLE longer (id int, v varchar(8));
CREATE FUNCTION longer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.v := NEW.v || ' and more'; RETURN NEW; END $$;
CREATE TRIGGER longer BEFORE INSERT ON longer FOR EACH ROW EXECUTE FUNCTION longer();
SELECT selfheal.watch('longer');
INSERT INTO longer_intake VALUES ('{"id": 1, "v": "a"}');
:idle;
SELECT * FROM cases('longer');

SELECT count(selfheal.unwatch(relid)) > 5 AS unwatched FROM selfheal.watched WHERE schema_name = 'attack1';
DROP SCHEMA attack1 CASCADE;
