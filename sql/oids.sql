-- Oids: their input function reads 010 as eight and 0x1F as thirty-one from 16
-- on, and -1 as 4294967295. None of these is what was sent.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA oids;
SET search_path = oids, public;

CREATE TABLE t (n int, o oid, a oid[], v oidvector);
SELECT selfheal.watch('t', 'observe');
INSERT INTO t_intake VALUES
	('{"n": 1, "o": 10}'), ('{"n": 2, "o": "10"}'), ('{"n": 3, "o": " 0 "}'), ('{"n": 4, "o": 4294967295}'),
	('{"n": 5, "o": "010"}'), ('{"n": 6, "o": " +010"}'), ('{"n": 7, "o": "0x1F"}'), ('{"n": 8, "o": "00"}'), ('{"n": 9, "o": -1}'),
	('{"n": 10, "a": [10, "010"]}'), ('{"n": 11, "a": "{1,0x1F}"}'), ('{"n": 12, "a": [1, "2"]}'),
	('{"n": 13, "v": [1, "010"]}'), ('{"n": 14, "v": "1 2"}');
SELECT n, o, a, v FROM t ORDER BY n;
SELECT q.payload, e.class, e.sqlstate FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
WHERE q.relid = 't'::regclass ORDER BY q.position, q.id;

SET client_min_messages = error;
DROP SCHEMA oids CASCADE;
