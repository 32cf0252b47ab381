-- Objects of the catalog by their number: the input functions of the reg types
-- read a number as that of oid does, 010 as eight from 16 on. What is not all
-- digits is a name.
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA regs;
SET search_path = regs, public;

CREATE TABLE "010" ();
CREATE TABLE "0b1" ();
CREATE TABLE t (n int, class regclass, type regtype, proc regproc, procedure regprocedure, oper regoper, operator regoperator,
	namespace regnamespace, role regrole, coll regcollation, config regconfig, dict regdictionary, list regclass[]);
SELECT selfheal.watch('t', 'observe');
INSERT INTO t_intake VALUES
	('{"n": 1, "class": "1259", "type": "23", "proc": 1242, "procedure": "1242", "oper": "96", "operator": "96", "namespace": 11, "list": [1259, "1247"]}'),
	('{"n": 2, "role": "10", "coll": "950", "config": "3748", "dict": "3765"}'),
	('{"n": 3, "class": 0, "type": "0", "proc": "0", "namespace": "-"}'),
	('{"n": 4, "class": "\"010\"", "list": "{\"\\\"010\\\"\",\"0b1\"}"}'), ('{"n": 5, "class": "0b1"}'),
	('{"n": 6, "class": "02353"}'), ('{"n": 7, "type": "027"}'), ('{"n": 8, "proc": "02332"}'), ('{"n": 9, "procedure": "02332"}'),
	('{"n": 10, "oper": "0140"}'), ('{"n": 11, "operator": "0140"}'), ('{"n": 12, "namespace": "013"}'), ('{"n": 13, "role": "012"}'),
	('{"n": 14, "coll": "01666"}'), ('{"n": 15, "config": "07244"}'), ('{"n": 16, "dict": "07265"}'), ('{"n": 17, "list": [1, "010"]}'),
	('{"n": 18, "list": "{1259,010}"}'), ('{"n": 19, "class": "00"}'), ('{"n": 20, "type": "varchar(5)"}');
SELECT n, class, type, proc, procedure, oper, operator, namespace, list FROM t ORDER BY n;
SELECT n, role = 10 AS role, coll, config, dict FROM t WHERE n = 2;
SELECT q.payload::json ->> 'n' AS n, e.class, e.column_name, e.sqlstate FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
WHERE q.relid = 't'::regclass ORDER BY q.position, q.id;

-- A name that would be cut might be that of another object.
SELECT format('CREATE TABLE %I ()', repeat('b', 63)), format('CREATE TABLE %I ()', 'B."' || repeat('b', 60)) \gexec
DELETE FROM t;
INSERT INTO t_intake SELECT json_build_object('n', n, 'class', class)::text FROM (VALUES
	(21, repeat('b', 63)), (22, 'regs.' || repeat('b', 63)), (23, repeat('b', 64)), (24, 'regs . ' || repeat('b', 64)),
	(25, format('regs."B.""%s"', repeat('b', 60))), (26, format('"B.""%s"', repeat('b', 61)))) AS v (n, class);
INSERT INTO t_intake SELECT json_build_object('n', 27, 'class', format('"B.""%s"', repeat('b', 59)));
SELECT n, length(class::text) FROM t ORDER BY n;
SELECT q.payload::json ->> 'n' AS n, e.class, e.sqlstate FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
WHERE q.relid = 't'::regclass AND (q.payload::json ->> 'n')::int > 20 ORDER BY q.position, q.id;

SET client_min_messages = error;
DROP SCHEMA regs CASCADE;
