--
-- Rows that are held in bulk: when most rows of a batch have the same reason
-- they are found by the range of ids that the reason keeps, not by an entry
-- each in the index of reasons. Whatever happens to picked of them, each row is
-- found under its reason, once.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA bulk;
SET search_path = bulk, public;
CREATE TABLE t (id int PRIMARY KEY, a varchar(5), b varchar(5));
SELECT selfheal.watch('t', 'observe');
-- the rows of each reason, as its incident sees them and as they stand there
CREATE VIEW reasons AS
	SELECT e.door, e.class, e.column_name, e.need, e.rows, e.first_bulk IS NOT NULL AS bulk,
		(SELECT count(*) FROM selfheal.held h WHERE h.error = e.id) AS found,
		(SELECT count(*) FROM selfheal.quarantine q WHERE q.error = e.id AND q.state = 'held') AS there,
		(SELECT count(*) FROM selfheal.quarantine q WHERE q.error = e.id AND q.state = 'held' AND q.bulk) AS in_bulk, e.id
	FROM selfheal.error e WHERE e.relid = 't'::regclass;
CREATE VIEW agree AS
	SELECT bool_and(found = there) AS by_reason,
		(SELECT array_agg(id ORDER BY id) FROM selfheal.held WHERE relid = 't'::regclass)
		IS NOT DISTINCT FROM (SELECT array_agg(id ORDER BY id) FROM selfheal.quarantine WHERE relid = 't'::regclass) AS same_rows
	FROM reasons;

-- 3,000 of 4,000 rows too long, 300 with a new key, 400 too long elsewhere,
-- 300 that fit, all mixed; the needs are those of the widest
CREATE FUNCTION payload(i int) RETURNS text LANGUAGE sql AS $$
	SELECT CASE WHEN i % 40 < 30 THEN jsonb_build_object('id', i, 'a', repeat('x', 6 + i % 7), 'b', CASE WHEN i % 80 = 3 THEN 'too long too' END)
		WHEN i % 40 < 33 THEN jsonb_build_object('id', i, 'a', 'fits')
		WHEN i % 40 < 36 THEN jsonb_build_object('id', i, 'fresh', i)
		ELSE jsonb_build_object('id', i, 'b', repeat('y', 40 - i % 40 + 5)) END::text $$;
INSERT INTO t_intake SELECT payload(i) FROM generate_series(1, 4000) i;
SELECT class, column_name, need, rows, bulk, found, there, in_bulk FROM reasons ORDER BY id;
SELECT * FROM agree;
SELECT min(q.id) = e.first_bulk AND max(q.id) = e.last_bulk AS range FROM selfheal.error e JOIN selfheal.quarantine q ON q.error = e.id
WHERE e.relid = 't'::regclass AND e.first_bulk IS NOT NULL GROUP BY e.id;
-- in order of the load, byte for byte
SELECT count(*), bool_and(payload = payload(position::int)) AS bytes, array_agg(id ORDER BY position) = array_agg(id ORDER BY id) AS in_order,
	max(id) - min(id) = count(*) - 1 AS one_after_the_other
FROM selfheal.quarantine WHERE relid = 't'::regclass;
-- a few rows of a reason, and rows of as many reasons, stand in the index
INSERT INTO t_intake SELECT jsonb_build_object('id', i, 'a', 'too long') FROM generate_series(5001, 5999) i;
INSERT INTO t_intake SELECT jsonb_build_object('id', i, 'key' || i % 2, 1) FROM generate_series(6001, 9000) i;
SELECT class, column_name, rows, bulk, found, in_bulk FROM reasons ORDER BY id OFFSET 3;
-- one reason of a load: the first that most rows of a batch have
INSERT INTO t_intake SELECT CASE WHEN i < 50000 THEN jsonb_build_object('id', i, 'a', 'too long') ELSE jsonb_build_object('id', i, 'b', 'too long') END
FROM generate_series(10001, 90000) i;
SELECT class, column_name, rows, bulk, found, in_bulk FROM reasons ORDER BY id OFFSET 6;
SELECT * FROM agree;
SELECT selfheal.wait_idle('180s') -> 'held' = to_jsonb(count(*)) AS held FROM selfheal.quarantine WHERE state = 'held';
CREATE VIEW seen AS
	SELECT class, column_name, rows_seen, rows_held, (SELECT count(*) FROM selfheal.quarantined q WHERE q.incident = i.id AND q.state = 'held') AS there
	FROM selfheal.incidents i WHERE table_name = 'bulk.t';
SELECT * FROM seen ORDER BY class, column_name;

-- amended, discarded by number and by incident: the rest is found as before
CREATE TEMP TABLE picked AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM selfheal.quarantine WHERE relid = 't'::regclass AND bulk;
SELECT selfheal.amend(id, jsonb_build_object('id', -n, 'a', 'amended')::text, 'a test') FROM picked WHERE n IN (1, 2, 1500);
SELECT selfheal.discard(id, 'a test') FROM picked WHERE n IN (3, 3000);
SELECT selfheal.discard(i.id, 'a test', 100) FROM selfheal.incident i WHERE i.relid = 't'::regclass AND i.class = 'too_long' AND i.column_name = 'a';
SELECT * FROM agree;
SELECT state, bulk, count(*), bool_and(q.relid = 0::regclass) AS of_no_table, array_agg(s.n ORDER BY s.n) FILTER (WHERE NOT q.bulk OR s.n > 110) AS rows
FROM selfheal.quarantine q JOIN picked s USING (id) WHERE state = 'discarded' OR NOT bulk GROUP BY 1, 2 ORDER BY 1;
\set VERBOSITY sqlstate
SELECT selfheal.discard(id, 'a test') FROM picked WHERE n = 3;
\set VERBOSITY default
-- what was discarded is shown, with its table's name
SELECT table_name, state, count(*) FROM selfheal.quarantined WHERE table_name = 'bulk.t' AND state = 'discarded' GROUP BY 1, 2;
SELECT selfheal.wait_idle('180s') -> 'held' = to_jsonb(count(*)) AS held FROM selfheal.quarantine WHERE state = 'held';
SELECT * FROM seen ORDER BY class, column_name;

-- healed by a person: rows that need more are held again, out of the bulk
ALTER TABLE t ALTER a TYPE varchar(12);
SELECT * FROM selfheal.replay('t');
SELECT * FROM agree;
SELECT door, class, column_name, rows, bulk, found, in_bulk FROM reasons WHERE found > 0 ORDER BY id;
ALTER TABLE t ALTER b TYPE text, ADD fresh int, ADD key0 int, ADD key1 int;
SELECT * FROM selfheal.replay('t');
SELECT * FROM agree;
SELECT count(*) AS held FROM selfheal.quarantine WHERE relid = 't'::regclass;
-- all that were sent and not discarded, once, as they were sent
SELECT count(*), count(*) FILTER (WHERE a LIKE 'xxx%'), sum(fresh), count(key0), count(key1), count(*) FILTER (WHERE b = 'too long'),
	count(*) FILTER (WHERE a = 'amended') AS amended FROM t;
SELECT count(*) AS changed FROM t WHERE id BETWEEN 1 AND 4000
	AND (jsonb_strip_nulls(to_jsonb(t)) <> jsonb_strip_nulls(payload(id)::jsonb));

-- the rows of a table that is dropped stay with its reasons
INSERT INTO t_intake SELECT jsonb_build_object('id', -i, 'z', 1) FROM generate_series(100, 1500) i;
SELECT selfheal.wait_idle('180s') -> 'held' = to_jsonb(count(*)) AS held FROM selfheal.quarantine WHERE state = 'held';
DROP VIEW agree, reasons;
DROP TABLE t CASCADE;
SELECT e.relid, q.relid, q.bulk, count(*), (SELECT count(*) FROM selfheal.held h WHERE h.error = e.id) AS found
FROM selfheal.error e JOIN selfheal.quarantine q ON q.error = e.id WHERE e.column_name = 'z' AND e.schema_name = 'bulk' GROUP BY e.id, q.relid, q.bulk;
SELECT selfheal.discard(min(id), 'its table was dropped') FROM selfheal.quarantined WHERE table_name = 'bulk.t' AND state = 'held';
SELECT state, count(*) FROM selfheal.quarantined WHERE table_name = 'bulk.t' AND column_name = 'z' GROUP BY 1 ORDER BY 1;
