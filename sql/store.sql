--
-- How rows get into a table, or are held: constraints of every kind, triggers,
-- defaults, privileges, row security, nested and interleaved loads.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA door;
SET search_path = door, public;
-- why rows of a table are held
CREATE FUNCTION why(tab regclass) RETURNS TABLE (class text, col text, rows numeric, sqlstate text)
LANGUAGE sql AS $$
	SELECT class, column_name, sum(rows), sqlstate FROM selfheal.error
	WHERE relid = tab GROUP BY 1, 2, 4 ORDER BY 1, 2
$$;
CREATE FUNCTION held(tab regclass) RETURNS bigint
LANGUAGE sql AS $$ SELECT count(*) FROM selfheal.quarantine WHERE relid = tab $$;

-- one load: stored, held, skipped; a NOTICE says so
CREATE TABLE t (id int, name varchar(5), amount numeric(6, 2), at timestamptz, note text DEFAULT 'none');
SELECT selfheal.watch('door.t', 'observe');
SET client_min_messages = notice;
INSERT INTO t_intake VALUES
	('{"id": 1, "name": "abc", "amount": 1.25, "at": "2024-01-01T00:00:00Z"}'),
	('{"id": 2, "name": "toolong", "amount": 99999.1, "x": 1}'),
	('{"id": "word"}'),
	('{"id": 3, "at": "2024-13-01"}'),
	(NULL), ('  '), ('[1]'),
	('{"name": null, "note": null}');
INSERT INTO t_intake VALUES ('{"id": 9}');
SET client_min_messages = warning;
SELECT * FROM t ORDER BY id;
SELECT q.position, q.payload, q.state, e.class, e.column_name, e.need, e.message
FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
WHERE q.relid = 'door.t'::regclass ORDER BY q.id;
SELECT class, column_name, need, rows, position, sqlstate, sample, door, role = current_user AS own
FROM selfheal.error WHERE relid = 'door.t'::regclass ORDER BY id;
SELECT source, stored, held, skipped, role = current_user AS own, timezone = current_setting('TimeZone') AS zone
FROM selfheal.load WHERE relid = 'door.t'::regclass ORDER BY id;
SELECT * FROM selfheal.ingest('door.t', ARRAY['{"id": 4}', '{"id": 4.5}', NULL, '']);
SELECT source, stored, held, skipped FROM selfheal.load WHERE relid = 'door.t'::regclass ORDER BY id DESC LIMIT 1;

-- 35 rows, one statement: check, unique, foreign key, a trigger that raises
CREATE TABLE parent (id int PRIMARY KEY);
INSERT INTO parent SELECT generate_series(1, 10);
CREATE TABLE child (id int PRIMARY KEY, q int CHECK (q > 0), pid int REFERENCES parent, s text);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.s = 'boom' THEN RAISE EXCEPTION 'no to %', NEW.id; END IF; RETURN NEW; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON child FOR EACH ROW EXECUTE FUNCTION refuse();
SELECT selfheal.watch('door.child', 'observe');
INSERT INTO child_intake
SELECT format('{"id": %s, "q": %s, "pid": %s, "s": "%s"}',
	CASE i WHEN 20 THEN 19 ELSE i END, CASE i WHEN 5 THEN -1 ELSE i END,
	CASE WHEN i IN (7, 33) THEN 99 ELSE 1 + i % 10 END, CASE i WHEN 12 THEN 'boom' ELSE 'x' END)
FROM generate_series(1, 35) i;
SELECT count(*) FROM child;
SELECT q.position, e.class, e.sqlstate FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
WHERE q.relid = 'door.child'::regclass ORDER BY 1;

-- foreign keys: many misses by one query; of several columns; self; MATCH FULL
CREATE TABLE fk (id int, pid int REFERENCES parent);
SELECT selfheal.watch('door.fk', 'observe');
INSERT INTO fk_intake SELECT format('{"id": %s, "pid": %s}', i, CASE WHEN i % 100 = 0 THEN 1000 + i ELSE 1 + i % 10 END)
FROM generate_series(1, 2000) i;
SELECT count(*) FROM fk;
SELECT class, rows, position, message, detail FROM selfheal.error WHERE relid = 'door.fk'::regclass;
CREATE TABLE parent2 (a int, b text, PRIMARY KEY (a, b));
INSERT INTO parent2 VALUES (1, 'x'), (2, E'back\\slash\ttab');
CREATE TABLE fk2 (id int, a int, b text, FOREIGN KEY (a, b) REFERENCES parent2);
CREATE TABLE fkfull (id int, a int, b text, FOREIGN KEY (a, b) REFERENCES parent2 MATCH FULL);
CREATE TABLE self (id int PRIMARY KEY, up int REFERENCES self);
SELECT selfheal.watch('door.fk2', 'observe'), selfheal.watch('door.fkfull', 'observe'), selfheal.watch('door.self', 'observe');
INSERT INTO fk2_intake VALUES ('{"id": 1, "a": 1, "b": "x"}'), ('{"id": 2, "a": 1}'), ('{"id": 3, "a": 2, "b": "back\\slash\ttab"}'), ('{"id": 4, "a": 2, "b": "x"}');
INSERT INTO fkfull_intake VALUES ('{"id": 1, "a": 1, "b": "x"}'), ('{"id": 2, "a": 1}'), ('{"id": 3}'), ('{"id": 4, "a": 2, "b": "x"}');
INSERT INTO self_intake VALUES ('{"id": 2, "up": 1}'), ('{"id": 1}'), ('{"id": 3, "up": 7}'), ('{"id": 4, "up": 2}');
SELECT id FROM fk2 ORDER BY id;
SELECT id FROM fkfull ORDER BY id;
SELECT id FROM self ORDER BY id;
SELECT relid::regclass, class, rows, detail FROM selfheal.error
WHERE relid IN ('door.fk2'::regclass, 'door.fkfull'::regclass, 'door.self'::regclass) ORDER BY id;

-- deferred constraints fire in the load: a miss is held, COMMIT goes through
CREATE TABLE late (id int UNIQUE DEFERRABLE INITIALLY DEFERRED, pid int REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
SELECT selfheal.watch('door.late', 'observe');
BEGIN;
INSERT INTO late_intake SELECT format('{"id": %s, "pid": %s}', i, CASE i WHEN 7 THEN 77 ELSE 1 END) FROM generate_series(1, 150) i;
INSERT INTO late_intake VALUES ('{"id": 150, "pid": 1}');
COMMIT;
SELECT count(*) FROM late;
SELECT * FROM why('late');
-- they are deferred again afterwards
BEGIN;
INSERT INTO late_intake VALUES ('{"id": 151, "pid": 1}');
INSERT INTO late VALUES (152, 555);
INSERT INTO parent VALUES (555);
COMMIT;
-- the session's own open violation is not blamed on the load, and stays its own
BEGIN;
INSERT INTO late VALUES (153, 556);
INSERT INTO late_intake VALUES ('{"id": 154, "pid": 1}');
SELECT held('late');
INSERT INTO parent VALUES (556);
COMMIT;
-- deferred by the session: the same
CREATE TABLE later (id int, pid int REFERENCES parent DEFERRABLE);
SELECT selfheal.watch('door.later', 'observe');
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO later_intake VALUES ('{"id": 1, "pid": 1}'), ('{"id": 2, "pid": 8888}');
INSERT INTO later VALUES (3, 9999);
INSERT INTO parent VALUES (9999);
COMMIT;
SELECT id FROM later ORDER BY id;
SELECT * FROM why('later');

-- a statement trigger's error is nobody's: held in bulk; a row trigger's is its row's
CREATE TABLE never (id int);
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never today'; END $$;
CREATE TRIGGER never AFTER INSERT ON never FOR EACH STATEMENT EXECUTE FUNCTION never();
CREATE TABLE odd (id int);
CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF NEW.id % 100 = 7 THEN RAISE EXCEPTION 'seven'; END IF; RETURN NULL; END $$;
CREATE TRIGGER odd AFTER INSERT ON odd FOR EACH ROW EXECUTE FUNCTION odd();
SELECT selfheal.watch('door.never', 'observe'), selfheal.watch('door.odd', 'observe');
INSERT INTO never_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 1000) i;
INSERT INTO odd_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 1000) i;
SELECT (SELECT count(*) FROM never) AS never, held('never'), (SELECT count(*) FROM odd) AS odd, held('odd');
SELECT class, rows, message, position FROM selfheal.error WHERE relid IN ('door.never'::regclass, 'door.odd'::regclass) ORDER BY id;

-- defaults, identity, generated columns; a value for an identity is held, and
-- for a generated column what it would not compute
CREATE SEQUENCE serial;
CREATE TABLE dflt (id int DEFAULT nextval('serial'), always int GENERATED ALWAYS AS IDENTITY,
	by_default int GENERATED BY DEFAULT AS IDENTITY, twice int GENERATED ALWAYS AS (id * 2) STORED,
	at timestamptz DEFAULT '2020-01-01 00:00+00', span interval DEFAULT '-1 day +2 hours',
	f float8 DEFAULT 0.1::float8 + 0.2::float8, t text DEFAULT E'a\t\\b\n', u text);
SELECT selfheal.watch('door.dflt', 'observe');
SET datestyle = 'German'; SET timezone = 'Asia/Kolkata'; SET intervalstyle = 'sql_standard'; SET extra_float_digits = 0;
INSERT INTO dflt_intake VALUES ('{"u": "1"}'), ('{"id": 50, "by_default": 70, "t": null}'), ('{"always": 4}'), ('{"twice": 4}');
RESET datestyle; RESET timezone; RESET intervalstyle; RESET extra_float_digits;
SELECT id, always, by_default, twice, at = '2020-01-01 00:00+00' AS at, span = '-1 day +2 hours' AS span,
	f = 0.1::float8 + 0.2::float8 AS f, t = E'a\t\\b\n' AS t, u FROM dflt ORDER BY id;
SELECT * FROM why('dflt');
CREATE TABLE nothing ();
CREATE TABLE onlyid (a int GENERATED ALWAYS AS IDENTITY);
CREATE TABLE one (a text);
SELECT selfheal.watch('door.nothing', 'observe'), selfheal.watch('door.onlyid', 'observe'), selfheal.watch('door.one', 'observe');
INSERT INTO nothing_intake VALUES ('{}'), ('{}');
INSERT INTO onlyid_intake VALUES ('{}'), ('{}');
INSERT INTO one_intake VALUES ('{"a": ""}'), ('{"a": "\\."}'), ('{"a": "\\N"}'), ('{}');
SELECT count(*) FROM nothing;
SELECT * FROM onlyid;
SELECT a, a IS NULL AS is_null FROM one;

-- privileges: of the table, of columns, of what defaults need
CREATE ROLE regress_door;
GRANT USAGE ON SCHEMA door TO regress_door;
GRANT INSERT ON dflt_intake TO regress_door;
SET ROLE regress_door;
INSERT INTO dflt_intake VALUES ('{"u": "2"}');
RESET ROLE;
GRANT INSERT (u) ON dflt TO regress_door;
SET ROLE regress_door;
INSERT INTO dflt_intake VALUES ('{"u": "3"}'), ('{"u": "4", "t": "x"}');
RESET ROLE;
GRANT USAGE ON SEQUENCE serial TO regress_door;
SET ROLE regress_door;
INSERT INTO dflt_intake VALUES ('{"u": "5"}');
RESET ROLE;
SELECT u FROM dflt WHERE u IS NOT NULL ORDER BY u;
SELECT class, column_name, message, role FROM selfheal.error WHERE relid = 'door.dflt'::regclass AND class = 'permission' ORDER BY id;
-- the producer needs no right on the parent
GRANT INSERT ON fk2, fk2_intake TO regress_door;
SET ROLE regress_door;
INSERT INTO fk2_intake VALUES ('{"id": 5, "a": 1, "b": "x"}'), ('{"id": 6, "a": 3, "b": "x"}');
RESET ROLE;
SELECT id FROM fk2 ORDER BY id;

-- row security and rules: the SQL way
CREATE TABLE rls (id int, who text, v varchar(4), c char(3), ok bool DEFAULT true);
ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON rls FOR INSERT WITH CHECK (who = current_user);
SELECT selfheal.watch('door.rls', 'observe');
GRANT INSERT ON rls, rls_intake TO regress_door;
SET ROLE regress_door;
INSERT INTO rls_intake SELECT format('{"id": %s, "who": "%s", "v": "a\tb", "c": "q"}', i,
	CASE WHEN i % 50 = 0 THEN 'other' ELSE 'regress_door' END) FROM generate_series(1, 300) i;
RESET ROLE;
SELECT count(*), held('rls') FROM rls;
SELECT * FROM why('rls');
SELECT v = E'a\tb' AS v, c, ok FROM rls LIMIT 1;
CREATE TABLE ruled (a int);
CREATE TABLE rule_log (a int);
CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO rule_log VALUES (NEW.a + 100);
SELECT selfheal.watch('door.ruled', 'observe');
INSERT INTO ruled_intake VALUES ('{"a": 1}'), ('{"a": 2}');
SELECT * FROM rule_log ORDER BY a;

-- partitions, exclusion, an index entry too big
CREATE TABLE part (k int, v text) PARTITION BY RANGE (k);
CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (100);
CREATE TABLE excl (id int, r int4range, EXCLUDE USING gist (r WITH &&));
CREATE TABLE big (id int, a text);
ALTER TABLE big ALTER a SET STORAGE external;
CREATE INDEX ON big (a);
SELECT selfheal.watch('door.part', 'observe'), selfheal.watch('door.excl', 'observe'), selfheal.watch('door.big', 'observe');
INSERT INTO part_intake SELECT format('{"k": %s}', i) FROM generate_series(90, 109) i;
INSERT INTO excl_intake VALUES ('{"id": 1, "r": "[1,5)"}'), ('{"id": 2, "r": "[4,6)"}'), ('{"id": 3, "r": "[5,6)"}');
INSERT INTO big_intake SELECT format('{"id": %s, "a": "%s"}', i, CASE i WHEN 150 THEN repeat('x', 9000) ELSE 'x' END) FROM generate_series(1, 300) i;
SELECT (SELECT count(*) FROM part) AS part, held('part'), (SELECT count(*) FROM excl) AS excl, held('excl'), (SELECT count(*) FROM big) AS big, held('big');
SELECT class, rows, position, sqlstate FROM selfheal.error WHERE relid IN ('door.part'::regclass, 'door.excl'::regclass, 'door.big'::regclass) ORDER BY id;

-- savepoints, errors in the middle, an EXCEPTION block
CREATE TABLE sp (id int);
SELECT selfheal.watch('door.sp', 'observe');
BEGIN;
INSERT INTO sp_intake VALUES ('{"id": 1}'), ('{"id": "a"}');
SAVEPOINT a;
INSERT INTO sp_intake VALUES ('{"id": 2}'), ('{"id": "b"}');
ROLLBACK TO a;
INSERT INTO sp_intake VALUES ('{"id": 3}'), ('{"id": "c"}');
SAVEPOINT b;
INSERT INTO sp_intake SELECT CASE i WHEN 5 THEN (1 / (i - 5))::text ELSE format('{"id": %s}', i) END FROM generate_series(4, 6) i;
ROLLBACK TO b;
INSERT INTO sp_intake VALUES ('{"id": 9}');
COMMIT;
DO $$
BEGIN
	BEGIN
		INSERT INTO door.sp_intake SELECT CASE i WHEN 5 THEN (1 / (i - 5))::text ELSE '{"id": 77}' END FROM generate_series(4, 6) i;
	EXCEPTION WHEN division_by_zero THEN
		NULL;
	END;
	INSERT INTO door.sp_intake VALUES ('{"id": 10}');
END $$;
SELECT id FROM sp ORDER BY id;
SELECT payload FROM selfheal.quarantine WHERE relid = 'door.sp'::regclass ORDER BY id;
SELECT stored, held FROM selfheal.load WHERE relid = 'door.sp'::regclass ORDER BY id;

-- two intakes in one statement; the same twice; a prepared statement
CREATE TABLE other (id int);
SELECT selfheal.watch('door.other', 'observe');
GRANT SELECT ON sp_intake TO regress_door;
WITH a AS (INSERT INTO sp_intake SELECT format('{"id": %s}', i) FROM generate_series(101, 103) i RETURNING payload),
	b AS (INSERT INTO other_intake SELECT payload FROM a)
INSERT INTO other_intake SELECT payload FROM a;
SELECT (SELECT count(*) FROM sp) AS sp, (SELECT count(*) FROM other) AS other;
PREPARE p(text) AS INSERT INTO other_intake VALUES ($1), ($1);
EXECUTE p('{"id": 7}');
EXECUTE p('{"id": "x"}');
SELECT count(*), held('other') FROM other;

-- a trigger of the target loads into another intake and into its own
CREATE TABLE nest (id int, depth int DEFAULT 0);
CREATE FUNCTION nest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO door.other_intake VALUES (format('{"id": %s}', NEW.id));
	IF NEW.depth < 3 THEN
		INSERT INTO door.nest_intake VALUES (format('{"id": %s, "depth": %s}', NEW.id, NEW.depth + 1)), ('{"id": "bad"}');
	END IF;
	RETURN NEW;
END $$;
CREATE TRIGGER nest BEFORE INSERT ON nest FOR EACH ROW EXECUTE FUNCTION nest();
SELECT selfheal.watch('door.nest', 'observe');
INSERT INTO nest_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 5) i;
SELECT depth, count(*) FROM nest GROUP BY 1 ORDER BY 1;
DROP TRIGGER nest ON nest;
CREATE TRIGGER nest AFTER INSERT ON nest FOR EACH ROW EXECUTE FUNCTION nest();
INSERT INTO nest_intake SELECT format('{"id": %s}', i) FROM generate_series(11, 15) i;
SELECT depth, count(*) FROM nest GROUP BY 1 ORDER BY 1;
SELECT count(*), held('nest') FROM other;

-- many rows: several flushes
CREATE TABLE many (id int, v text);
SELECT selfheal.watch('door.many', 'observe');
BEGIN;
INSERT INTO many_intake SELECT format('{"id": %s, "v": "%s"}', i, repeat('x', i % 50)) FROM generate_series(1, 200000) i;
INSERT INTO many_intake SELECT format('{"id": "n%s"}', i) FROM generate_series(1, 100000) i;
SELECT count(*), count(DISTINCT id), sum(length(v)), held('many') FROM many;
SELECT class, column_name, rows, position FROM selfheal.error WHERE relid = 'door.many'::regclass;
ROLLBACK;
-- a key per row: reasons stay a table of reasons
CREATE TABLE keys (id int);
SELECT selfheal.watch('door.keys', 'observe');
BEGIN;
INSERT INTO keys_intake SELECT format('{"id": 1, "k%s": 2}', i) FROM generate_series(1, 1500) i;
SELECT class, column_name IS NULL AS no_column, count(*), sum(rows) FROM selfheal.error WHERE relid = 'door.keys'::regclass GROUP BY 1, 2 ORDER BY 2;
ROLLBACK;
SELECT held('keys');

-- session_replication_role = replica would lose the rows: refused
SET session_replication_role = replica;
INSERT INTO sp_intake VALUES ('{"id": 1}');
WITH a AS (INSERT INTO sp_intake VALUES ('{"id": 1}')) SELECT 1;
COPY sp_intake FROM PROGRAM 'true' (FORMAT ndjson);
COPY sp_intake FROM PROGRAM 'true' (FORMAT text);
EXPLAIN (COSTS OFF) INSERT INTO sp_intake VALUES ('{"id": 1}');
RESET session_replication_role;

-- read-only transactions, other callers, bad input
BEGIN READ ONLY;
INSERT INTO sp_intake VALUES ('{"id": 1}');
ROLLBACK;
BEGIN READ ONLY;
SELECT selfheal.ingest('door.sp', ARRAY['{"id": 1}']);
ROLLBACK;
CREATE TABLE caller (payload text);
CREATE TRIGGER a BEFORE INSERT ON caller FOR EACH ROW EXECUTE FUNCTION selfheal.intake_row();
INSERT INTO caller VALUES ('a');
DROP TRIGGER a ON caller;
CREATE TRIGGER a AFTER INSERT ON caller FOR EACH STATEMENT EXECUTE FUNCTION selfheal.intake_flush();
INSERT INTO caller VALUES ('a');
CREATE VIEW caller_view AS SELECT NULL::text AS payload WHERE false;
CREATE TRIGGER a INSTEAD OF INSERT ON caller_view FOR EACH ROW EXECUTE FUNCTION selfheal.intake_row();
INSERT INTO caller_view VALUES ('a');
SELECT selfheal.ingest(NULL, ARRAY['a']);
SELECT selfheal.ingest('door.sp', NULL);
SELECT selfheal.ingest('door.parent', ARRAY['a']);
SELECT selfheal.ingest('pg_class', ARRAY['a']);
SELECT selfheal.ingest('door.sp_intake', ARRAY['a']);
SELECT count(*) FROM sp;

DROP OWNED BY regress_door;
DROP ROLE regress_door;
SET client_min_messages = error;
DROP SCHEMA door CASCADE;
