-- Loads through mappings remember what the row before was like: which offset a
-- zone had, which key stood where, by which mappings it came. What they
-- remember must not be seen.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mapped;
SET search_path = mapped;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, MDY';
\set VERBOSITY terse
\pset null '-'

-- ---- zones ----

-- Wall clocks around changes, of several kinds of zones, in the order of years
-- and in none; beside them what the database itself says: an instant that the
-- clock shows this time at, when there is exactly one.
CREATE TABLE walls AS
	SELECT z, t AS wall FROM unnest(ARRAY['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca',
		'Pacific/Apia', 'Asia/Kolkata', 'Etc/GMT+12', 'UTC']) z,
		unnest(ARRAY['2026-03-29', '2026-10-25', '2026-03-08', '2026-11-01', '2026-04-05', '2011-12-30', '2026-02-15', '1945-08-15',
			'1883-11-18', '0001-01-03', '2500-03-28', '9990-10-30', '2026-07-01', '1972-01-07']::timestamp[]) d,
		generate_series(d - interval '30 hours', d + interval '54 hours', interval '45 minutes') t;
CREATE FUNCTION shown(wall timestamp, z text) RETURNS timestamptz LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN count(*) = 1 THEN min(i) END FROM (
		SELECT DISTINCT (wall - ((h AT TIME ZONE z) - (h AT TIME ZONE 'UTC'))) AT TIME ZONE 'UTC' AS i
		FROM generate_series(wall AT TIME ZONE 'UTC' - interval '36 hours', wall AT TIME ZONE 'UTC' + interval '36 hours', interval '1 hour') h) c
	WHERE i AT TIME ZONE z = wall
$$;
ALTER TABLE walls ADD at timestamptz;
UPDATE walls SET at = shown(wall, z);
SELECT count(*) FILTER (WHERE at IS NULL) > 10 AS some_not_once, count(*) FILTER (WHERE at IS NOT NULL) > 5000 AS most_once FROM walls;

-- What a load makes of them is what the database says, and no more. (The
-- notation is one that only the mapping reads.)
CREATE TABLE instants (z text, wall timestamp, at timestamptz);
CREATE FUNCTION check_zone(zone text, sorted boolean, OUT wrong bigint, OUT held bigint) LANGUAGE plpgsql AS $$
DECLARE
	added bigint;
BEGIN
	TRUNCATE instants;
	PERFORM selfheal.watch('instants', 'observe', keep_payload => 'none');
	added := selfheal.add_mapping('instants', 'parse_timestamp', 'at',
		jsonb_build_object('formats', ARRAY['DD_MM_YYYY HH24_MI_SS'], 'zone', zone));
	INSERT INTO instants_intake SELECT json_build_object('z', z, 'wall', wall, 'at', to_char(wall, 'DD_MM_YYYY HH24_MI_SS'))::text
		FROM walls WHERE z = zone ORDER BY CASE WHEN sorted THEN extract(epoch FROM wall) ELSE hashtext(wall::text) END, wall;
	SELECT count(*) FILTER (WHERE w.at IS DISTINCT FROM i.at) INTO wrong
	FROM (SELECT DISTINCT wall, at FROM walls WHERE z = zone) w LEFT JOIN (SELECT DISTINCT wall, at FROM instants) i USING (wall);
	SELECT count(DISTINCT payload) - (SELECT count(DISTINCT wall) FROM walls WHERE z = zone AND at IS NULL) INTO held
	FROM selfheal.quarantine WHERE relid = 'instants'::regclass;
	DELETE FROM selfheal.quarantine WHERE relid = 'instants'::regclass;
	PERFORM selfheal.remove_mapping(added);
END $$;
SELECT z, sorted, c.* FROM (SELECT DISTINCT z FROM walls) w, unnest('{t,f}'::boolean[]) sorted, check_zone(z, sorted) c ORDER BY z, sorted;

-- The other way: instants by the clock of a zone.
CREATE TABLE clocks (at timestamp, said timestamptz);
SELECT selfheal.watch('clocks', 'observe', keep_payload => 'none');
SELECT selfheal.add_mapping('clocks', 'parse_timestamp', 'at', '{"formats": ["DD_MM_YYYY HH24_MI_SSTZ"], "zone": "America/New_York"}') > 0 AS added;
INSERT INTO clocks_intake SELECT json_build_object('said', at, 'at', to_char(at AT TIME ZONE 'UTC', 'DD_MM_YYYY HH24_MI_SS"Z"'))::text
	FROM walls WHERE at >= '0001-01-05' AND at < '9999-01-01' ORDER BY hashtext(at::text);
SELECT count(*) = (SELECT count(*) FROM walls WHERE at >= '0001-01-05' AND at < '9999-01-01') AS "all", count(*) FILTER (WHERE at <> said AT TIME ZONE 'America/New_York') AS wrong FROM clocks;

-- ---- keys and their places ----

CREATE TABLE k (id int, name text, city text, zip text, more text);
SELECT selfheal.watch('k', 'observe');
SELECT selfheal.add_mapping('k', 'map_field', f, '{}', c) > 0 AS added FROM (VALUES ('label', 'name'), ('title', 'name'), ('town', 'city')) v(f, c);
SELECT selfheal.add_mapping('k', 'ignore_field', 'debug') > 0 AS added;
SELECT selfheal.add_mapping('k', 'map_field', 'address', '{"path": ["address", "zip"], "rest": "drop"}', 'zip') > 0 AS added;
SELECT selfheal.add_mapping('k', 'map_field', 'post', '{"path": ["post", "more"], "rest": "drop"}', 'more') > 0 AS added;
-- Keys in one place, then in another, then gone, then others there; two keys
-- of one column that say the same, and that do not; a key of a column in the
-- place of one that is none.
SELECT stored, held FROM selfheal.ingest('k', ARRAY[
	'{"id": 1, "label": "a", "town": "x"}', '{"id": 2, "label": "b", "town": "y"}', '{"town": "z", "label": "c", "id": 3}',
	'{"id": 4, "name": "d", "city": "u"}', '{"id": 5, "label": "e", "debug": 1, "town": "v"}', '{"id": 6, "debug": 2, "label": "f"}',
	'{"id": 7, "label": "g", "name": "g"}', '{"id": 8, "label": "h", "name": "not h"}', '{"id": 9, "label": "i", "title": "i"}',
	'{"id": 10, "label": "j", "title": "not j"}', '{"id": 11, "title": "k", "town": "w"}', '{"id": 12, "label": "l", "zip": "7", "address": {"zip": "7"}}',
	'{"id": 13, "label": "m", "address": {"zip": "8", "floor": 2}, "post": {"more": "p"}, "town": "s"}',
	'{"id": 14, "post": {"more": "q"}, "address": {"zip": "9"}, "label": "n"}', '{"address": {"zip": "1"}, "id": 15, "zip": "not 1"}',
	'{"id": 16, "labe1": "o"}', '{"id": 17, "label": "p"}', '{"id": 18, "post": 5}', '{"id": 19, "post": {"more": "r"}, "more": "r"}']);
SELECT * FROM k ORDER BY id;
SELECT q.payload, e.class, e.message FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error WHERE q.relid = 'k'::regclass ORDER BY q.id;
-- What came as it was sent is not kept; by which mappings the others came is
-- each row's own.
SELECT o.payload::json ->> 'id' AS id, array_agg(m.field ORDER BY m.field) AS by
	FROM selfheal.originals o, unnest(o.mappings) i JOIN selfheal.mappings m ON m.id = i
	WHERE o.table_name = 'mapped.k' GROUP BY 1 ORDER BY (o.payload::json ->> 'id')::int;

-- Many keys, most of them none of ours: places far behind are remembered too,
-- or not, and nothing changes.
CREATE TABLE many (id int, v text);
SELECT selfheal.watch('many', 'observe', keep_payload => 'none');
SELECT count(selfheal.add_mapping('many', 'ignore_field', 'k' || i)) FROM generate_series(1, 100) i;
SELECT selfheal.add_mapping('many', 'map_field', 'value', '{}', 'v') > 0 AS added;
INSERT INTO many_intake SELECT format('{"id": %s, %s"value": "v%s"}', n,
		(SELECT string_agg(format('"k%s": %s, ', i, i), '' ORDER BY (i * (n % 3 + 1)) % 101) FROM generate_series(1, 100 - n) i), n)
	FROM generate_series(1, 60) n;
SELECT count(*), count(*) FILTER (WHERE v = 'v' || id) AS right FROM many;

DROP TABLE instants, clocks, k, many CASCADE;
DROP SCHEMA mapped CASCADE;
