--
-- A table near PostgreSQL's limit of columns: new keys beyond the room share one jsonb column.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA overflow;
SET search_path = overflow, public;
CREATE FUNCTION wide(name text, columns int, extra text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE %I (id int%s, %s)', name, ', ' || extra,
		(SELECT string_agg(format('c%s int', i), ', ') FROM generate_series(1, columns - 1 - (extra IS NOT NULL)::int) i));
	PERFORM selfheal.watch(name::regclass);
END
$$;
CREATE FUNCTION payload(id int, first int, last int) RETURNS text LANGUAGE sql AS $$
	SELECT format('{"id": %s%s}', id, string_agg(format(', "new%s": %s', i, i), '' ORDER BY i)) FROM generate_series(first, last) i
$$;
CREATE FUNCTION idle() RETURNS text LANGUAGE sql AS $$
	SELECT selfheal.wait_idle('180s') ->> 'idle'
$$;
-- its newest columns, and how many it has
CREATE FUNCTION newest(name regclass, n int DEFAULT 3) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s: %s', max(attnum), string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
		FILTER (WHERE attnum > top - n AND NOT attisdropped))
	FROM pg_attribute, (SELECT max(attnum) AS top FROM pg_attribute WHERE attrelid = name) t WHERE attrelid = name AND attnum > 0
$$;
CREATE FUNCTION states(name text, OUT class text, OUT state text, OUT n bigint, OUT reason text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT class, state, count(*), regexp_replace(reason, '\mmapping \d+', 'mapping --') FROM selfheal.incidents
	WHERE table_name = 'overflow.' || name GROUP BY 1, 2, 4 ORDER BY 1, 2, 4
$$;
CREATE FUNCTION pending(name text, OUT sql text, OUT policy text, OUT playbook text, OUT rows bigint)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT v.sql, v.policy, p.playbook, v.rows_waiting FROM selfheal.pending v JOIN selfheal.plan p ON p.id = v.plan_id
	WHERE v.table_name = 'overflow.' || name ORDER BY plan_id
$$;
CREATE FUNCTION plan_of(name text) RETURNS bigint LANGUAGE sql AS $$
	SELECT plan_id FROM selfheal.pending WHERE table_name = 'overflow.' || name
$$;
CREATE FUNCTION held(name text, OUT class text, OUT column_name text, OUT n bigint)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT class, column_name, count(*) FROM selfheal.quarantined
	WHERE table_name = 'overflow.' || name AND state = 'held' GROUP BY 1, 2 ORDER BY 1, 2
$$;

--
-- no room: one plan for all of them, that waits
--
SELECT wide('brim', 1500);
SELECT * FROM selfheal.preview('brim', '{"id": 1, "b": 1, "a": 2}');
INSERT INTO brim_intake VALUES (payload(1, 1, 20)), (payload(2, 1, 20)), ('{"id": 3, "c1": 7}'),
	('{"id": 4, "new1": 12345678901234567890.1234567890, "new2": null, "new21": {"q\"": [1.50, "é"]}}');
SELECT idle();
SELECT newest('brim');
SELECT id, c1 FROM brim;
SELECT * FROM states('brim');
SELECT * FROM pending('brim');
SELECT explanation FROM selfheal.pending WHERE plan_id = plan_of('brim');
SELECT o ->> 'option' AS option, o -> 'taken' AS taken FROM selfheal.plan, jsonb_array_elements(options) o WHERE id = plan_of('brim');
SELECT dry_run -> 'held_tried' AS tried, dry_run -> 'held_stored' AS stored FROM selfheal.plan WHERE id = plan_of('brim');
SELECT inverse FROM selfheal.plan WHERE id = plan_of('brim');
SELECT explanation FROM selfheal.audit WHERE table_name = 'brim' AND event = 'diagnosed' AND explanation LIKE '%the new key new7,%' LIMIT 1;
-- one more key awaits the same plan
SELECT plan_of('brim') AS before \gset
INSERT INTO brim_intake VALUES ('{"id": 5, "late": true}');
SELECT idle();
SELECT plan_of('brim') = :before AS the_same, rows FROM pending('brim');
SELECT selfheal.approve(plan_of('brim'));
SELECT idle();
SELECT newest('brim', 1);
SELECT id, overflow FROM brim ORDER BY id;
SELECT * FROM states('brim');
SELECT * FROM held('brim');
-- from then on they go there at intake, and a key that is a column to its column
INSERT INTO brim_intake VALUES ('{"id": 6, "new1": 1, "c2": 2, "another": "x"}'), ('{"id": 7, "c3": 3}');
SELECT id, c2, c3, overflow FROM brim WHERE id > 5 ORDER BY id;
SELECT * FROM selfheal.preview('brim', '{"id": 1, "b": 1, "a": 2}');
-- a key that the team wants a column for stays one
SELECT selfheal.hint('brim', 'wanted', type => 'int');
INSERT INTO brim_intake VALUES ('{"id": 8, "wanted": 1, "more": 1}');
SELECT idle();
SELECT * FROM held('brim');
SELECT class, state, reason FROM states('brim') WHERE state <> 'healed';
-- taken back: the column stays, and nobody is asked again
SELECT count(selfheal.remove_mapping(id)) FROM selfheal.mappings WHERE table_name = 'overflow.brim' AND state = 'active';
INSERT INTO brim_intake VALUES ('{"id": 9, "again": 1}'), ('{"id": 10, "overflow": {"own": 1}}');
SELECT idle();
SELECT id, overflow FROM brim WHERE id > 8;
SELECT class, state, reason ~ 'removed mapping --, .*not proposed again' AS told FROM states('brim') WHERE state <> 'healed' AND reason ~ 'removed';

--
-- some room: what it holds gets columns by itself, dropped ones counted
--
SELECT wide('near', 1500);
ALTER TABLE near DROP COLUMN c1498, DROP COLUMN c1499;
INSERT INTO near_intake VALUES ('{"id": 1, "new1": 1}');
SELECT idle();
SELECT newest('near', 1), sql FROM pending('near');
SELECT wide('partly', 1497);
INSERT INTO partly_intake SELECT format('{"id": %s, "new%s": %s}', i, i, i) FROM generate_series(1, 20) i;
SELECT idle();
SELECT newest('partly');
SELECT id, new1, new2, new3 FROM partly ORDER BY id;
SELECT * FROM pending('partly');
SELECT selfheal.approve(plan_of('partly'));
SELECT idle();
SELECT newest('partly', 1);
SELECT id, new3, overflow FROM partly WHERE id > 2 ORDER BY id;
-- rows that bring both wait for both
SELECT wide('mixed', 1498);
INSERT INTO mixed_intake VALUES (payload(1, 1, 20));
SELECT idle();
SELECT newest('mixed', 1);
SELECT * FROM pending('mixed');
SELECT selfheal.approve(plan_of('mixed'));
SELECT idle();
SELECT id, new1, new2, overflow -> 'new3' AS new3, (SELECT count(*) FROM jsonb_object_keys(overflow)) AS keys FROM mixed;

--
-- the column's name
--
-- of another type, or a new key's: another name
SELECT wide('taken', 1500, 'overflow text');
INSERT INTO taken_intake VALUES ('{"id": 1, "overflow": "word", "new1": 1, "overflow_2": 2}');
SELECT idle();
SELECT sql FROM pending('taken');
-- of type jsonb: it takes them, and no column is added
SELECT wide('there', 1510, 'overflow jsonb');
INSERT INTO there_intake VALUES (payload(1, 1, 3));
SELECT idle();
SELECT * FROM pending('there');
SELECT selfheal.approve(plan_of('there'));
SELECT idle();
SELECT newest('there', 1);
SELECT id, overflow FROM there;
-- as the setting says
\set VERBOSITY sqlstate
SET selfheal.overflow_column = '';
SET selfheal.overflow_column = 'xmin';
SET selfheal.overflow_column = 'x123456789x123456789x123456789x123456789x123456789x123456789xyzz';
\set VERBOSITY default
SET selfheal.overflow_column = 'Other keys';
SELECT wide('named', 1500);
SELECT sql FROM selfheal.preview('named', '{"id": 1, "b": 1}');
RESET selfheal.overflow_column;

--
-- as far as PostgreSQL goes
--
SELECT wide('last', 1599);
INSERT INTO last_intake VALUES (payload(1, 1, 2));
SELECT wide('beyond', 1600);
INSERT INTO beyond_intake VALUES (payload(1, 1, 2));
SELECT idle();
SELECT sql FROM pending('last');
SELECT count(*) FROM pending('beyond');
SELECT * FROM states('beyond');
-- the tables below count
SELECT wide('parent', 10);
CREATE TABLE child () INHERITS (parent);
DO $$BEGIN
	EXECUTE 'ALTER TABLE child ' || (SELECT string_agg(format('ADD d%s int', i), ', ') FROM generate_series(1, 1495) i);
END$$;
INSERT INTO parent_intake VALUES (payload(1, 1, 2));
SELECT idle();
SELECT sql FROM pending('parent');

--
-- suspected renames, keys that no column can have, keys too long for a name
--
SELECT wide('odd', 1500, 'customer text');
INSERT INTO odd_intake VALUES ('{"id": 1, "customr": "x"}'), (format('{"id": 2, "%s": 1}', repeat('k', 80)));
SELECT idle();
SELECT sql, policy FROM pending('odd');
SELECT explanation FROM selfheal.pending WHERE plan_id = plan_of('odd');
SELECT selfheal.approve(plan_of('odd'));
SELECT idle();
SELECT id, customer, overflow FROM odd ORDER BY id;

--
-- no: it stays so
--
SELECT wide('unwanted', 1500);
INSERT INTO unwanted_intake VALUES (payload(1, 1, 5));
SELECT idle();
SELECT selfheal.reject(plan_of('unwanted'), 'no such column');
SELECT idle();
SELECT newest('unwanted', 1);
SELECT count(*) FROM pending('unwanted');
SELECT * FROM held('unwanted');
-- of the same keys nobody is asked again; another key is another question, and its answer his own
INSERT INTO unwanted_intake VALUES ('{"id": 2, "new1": 1}');
SELECT idle();
SELECT count(*) FROM pending('unwanted');
INSERT INTO unwanted_intake VALUES ('{"id": 3, "new99": 1}');
SELECT idle();
SELECT playbook, rows FROM pending('unwanted');
SELECT class, state, n FROM states('unwanted');
SELECT * FROM held('unwanted');

--
-- a row, or an index entry, that is too large: held, no step
--
CREATE TABLE large (id int, note text);
CREATE INDEX ON large (note);
SELECT selfheal.watch('large');
INSERT INTO large_intake SELECT format('{"id": 1, "note": "%s"}', string_agg(md5(i::text), '')) FROM generate_series(1, 500) i;
SELECT idle();
SELECT class, state FROM states('large');
SELECT count(*) FROM pending('large');

SELECT ok FROM selfheal.verify_audit();
SELECT selfheal.unwatch_all() > 5 AS unwatched;
DROP SCHEMA overflow CASCADE;
