-- Rows that wait, and rows in order, where both meet; what was found broken
-- once, each by a test that the old code fails.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA attack3;
SET search_path = attack3;
CREATE FUNCTION kept(want regclass) RETURNS TABLE (class text, key text, payload text) LANGUAGE sql AS
$$ SELECT e.class, q.ordering_key, q.payload FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
   WHERE q.relid = want AND q.state = 'held' ORDER BY q.id $$;
CREATE FUNCTION states(want regclass) RETURNS TABLE (class text, state text, reason_kind text, held bigint) LANGUAGE sql AS
$$ SELECT i.class, i.state, i.reason_kind, (SELECT count(*) FROM selfheal.held h WHERE h.incident = i.id)
   FROM selfheal.incident i WHERE i.relid = want AND i.state NOT IN ('healed', 'dismissed') ORDER BY i.class, i.id $$;
\set idle 'SELECT selfheal.wait_idle(''180s'') ->> ''idle'' AS idle;'

-- two rows of one key wait for their parents: the later one's comes first, and
-- it does not pass the other; rows of other keys lie between them and pass
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (n serial, k int, step int, p int REFERENCES parent);
SELECT selfheal.watch('child', ordering_key => 'k');
INSERT INTO child_intake VALUES ('{"k": 3, "step": 1, "p": 7}'), ('{"k": 4, "step": 1, "p": 7}'), ('{"k": 1, "step": 1, "p": 1}'),
	('{"k": 2, "step": 1, "p": 2}'), ('{"k": 1, "step": 2, "p": 2}'), ('{"k": 2, "step": 2, "p": 1}'), ('{"k": 1, "step": 3}');
:idle
SELECT class, payload FROM kept('child');
INSERT INTO parent VALUES (2);
:idle
SELECT k, step FROM child ORDER BY n;
SELECT class, payload FROM kept('child');
SELECT * FROM states('child');
INSERT INTO parent VALUES (1), (7);
:idle
SELECT k, step FROM child WHERE k < 3 ORDER BY k, n;
SELECT * FROM states('child');
-- the same with a key that has a default, and by a person
CREATE TABLE defaulted (n serial, k int DEFAULT 1, step int, p int REFERENCES parent);
SELECT selfheal.watch('defaulted', ordering_key => 'k');
INSERT INTO defaulted_intake VALUES ('{"k": 3, "step": 1, "p": 17}'), ('{"k": 1, "step": 1, "p": 11}'), ('{"k": 1, "step": 2, "p": 12}'), ('{"step": 0, "p": 12}');
:idle
INSERT INTO parent VALUES (12);
:idle
SELECT k, step FROM defaulted ORDER BY n;
SELECT replayed, held FROM selfheal.replay('defaulted') AS r (replayed, held);
INSERT INTO parent VALUES (11);
:idle
SELECT k, step FROM defaulted ORDER BY n;

-- a key that is null in part waits for nobody's parent
CREATE TABLE pair (a int, b int, PRIMARY KEY (a, b));
CREATE TABLE of_pair (id int, a int, b int, FOREIGN KEY (a, b) REFERENCES pair MATCH FULL);
SELECT selfheal.watch('of_pair');
INSERT INTO of_pair_intake VALUES ('{"id": 1, "a": 1, "b": 1}'), ('{"id": 2, "a": 1}'), ('{"id": 3}'), ('{"id": 4, "a": 2, "b": 2}');
:idle
SELECT * FROM states('of_pair');
INSERT INTO pair VALUES (1, 1), (2, 2);
:idle
SELECT id FROM of_pair ORDER BY id;
SELECT class, payload FROM kept('of_pair');
SELECT * FROM states('of_pair');

-- a parent that comes with a partition, and into one that nobody knew of when
-- its children began to wait: by name, two levels down, by COPY
CREATE TABLE ranges (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE of_ranges (id int, p int REFERENCES ranges);
SELECT selfheal.watch('of_ranges');
INSERT INTO of_ranges_intake SELECT format('{"id": %s, "p": %s}', g, g * 10) FROM generate_series(1, 4) g;
:idle
CREATE TABLE ten (id int PRIMARY KEY);
INSERT INTO ten VALUES (10);
ALTER TABLE ranges ATTACH PARTITION ten FOR VALUES FROM (10) TO (20);
:idle
SELECT id FROM of_ranges ORDER BY id;
CREATE TABLE twenty PARTITION OF ranges FOR VALUES FROM (20) TO (30);
CREATE TABLE thirty PARTITION OF ranges FOR VALUES FROM (30) TO (50) PARTITION BY RANGE (id);
CREATE TABLE thirty1 PARTITION OF thirty FOR VALUES FROM (30) TO (50);
:idle
INSERT INTO twenty VALUES (20);
:idle
SELECT id FROM of_ranges ORDER BY id;
INSERT INTO thirty1 VALUES (30);
:idle
SELECT id FROM of_ranges ORDER BY id;
COPY thirty1 FROM STDIN;
40
\.
:idle
SELECT id FROM of_ranges ORDER BY id;
SELECT * FROM states('of_ranges');

-- a row that fits nowhere, in more ways than one: what the check finds is
-- mended first, then what only the insert finds
CREATE TABLE months (id int, v varchar(3), d date) PARTITION BY RANGE (d);
CREATE TABLE months_2026_01 PARTITION OF months FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE months_2026_02 PARTITION OF months FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT selfheal.watch('months');
INSERT INTO months_intake VALUES ('{"id": 1, "v": "too long", "d": "2026-03-05", "new": 1}');
:idle
SELECT tableoid::regclass, * FROM months;
-- with a parent that is missing, and a label that a person must allow
CREATE TYPE mood AS ENUM ('fine', 'sad');
CREATE TABLE moods (id int, m mood, d date, p int REFERENCES parent) PARTITION BY RANGE (d);
CREATE TABLE moods_2026_01 PARTITION OF moods FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE moods_2026_02 PARTITION OF moods FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT selfheal.watch('moods');
INSERT INTO moods_intake VALUES ('{"id": 1, "m": "happy", "d": "2026-03-05", "p": 77}');
:idle
SELECT * FROM states('moods');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'attack3.moods';
:idle
SELECT * FROM states('moods');
INSERT INTO parent VALUES (77);
:idle
SELECT tableoid::regclass, * FROM moods;
SELECT * FROM states('moods');
-- a CHECK that it breaks besides: that is a person's, and nothing is changed
ALTER TABLE months ADD CHECK (id > 0);
INSERT INTO months_intake VALUES ('{"id": -1, "d": "2026-01-05", "other": 1}');
:idle
SELECT class, state, reason_kind, held FROM states('months');
SELECT count(*) FROM pg_attribute WHERE attrelid = 'months'::regclass AND attname = 'other';

-- a key whose type tells no equality any more: who does that is told, and what
-- waited is tried
CREATE FUNCTION said(want text) RETURNS SETOF text LANGUAGE sql AS
$$ SELECT result FROM selfheal.audit WHERE schema_name = 'attack3' AND table_name = want AND event = 'policy_changed' ORDER BY id $$;
CREATE TABLE untold (n serial, k text, l int, step int);
SELECT selfheal.watch('untold', ordering_key => 'l, k');
INSERT INTO untold_intake VALUES ('{"k": "[1]", "l": 1, "step": "x"}'), ('{"k": "[1]", "l": 1, "step": 2}');
:idle
SET client_min_messages = warning;
\set VERBOSITY terse
ALTER TABLE untold ALTER k TYPE json USING k::json;
SET client_min_messages = error;
:idle
SELECT ordering_key FROM selfheal.watched WHERE relid = 'untold'::regclass;
SELECT * FROM said('untold');
SELECT step FROM untold;
SELECT class FROM kept('untold');
-- the same for a type of one's own, from which its hash is taken
CREATE TYPE own AS (a int, b text);
CREATE TABLE of_own (n serial, k own, step int);
SELECT selfheal.watch('of_own', 'observe', ordering_key => 'k');
INSERT INTO of_own_intake VALUES ('{"k": {"a": 1, "b": "x"}, "step": "x"}'), ('{"k": {"a": 1, "b": "x"}, "step": 2}');
SELECT class FROM kept('of_own');
CREATE TABLE heir (n serial, k text, step int);
SELECT selfheal.watch('heir', ordering_key => 'k');
SET client_min_messages = warning;
ALTER TYPE own ADD ATTRIBUTE c json;
SET client_min_messages = error;
SELECT * FROM said('of_own');
SELECT * FROM said('heir');

-- a key that is told in another way from now on: said, while rows are held by
-- the old one; not for types that are written alike
CREATE TABLE retyped (n serial, k int, u uuid, step int);
SELECT selfheal.watch('retyped', 'observe', ordering_key => 'k');
INSERT INTO retyped_intake VALUES ('{"k": 1, "step": "x"}'), ('{"k": 1, "step": 2}');
SET client_min_messages = warning;
ALTER TABLE retyped ALTER k TYPE bigint, ALTER step TYPE bigint;
ALTER TABLE retyped ALTER k TYPE text;
ALTER TABLE retyped ALTER k TYPE float8 USING k::float8;
SELECT held FROM selfheal.replay('retyped') AS r (replayed, held);
SET client_min_messages = error;
INSERT INTO retyped_intake VALUES ('{"k": 1, "step": 3}');
SELECT class, key, payload FROM kept('retyped');
SELECT selfheal.watch('retyped', ordering_key => 'u');
INSERT INTO retyped_intake VALUES ('{"u": "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "step": "x"}');
SET client_min_messages = warning;
ALTER TABLE retyped ALTER u TYPE text;
SET client_min_messages = error;
INSERT INTO retyped_intake VALUES ('{"u": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "step": 2}');
SELECT class, key FROM kept('retyped') WHERE key ~ '-';
SELECT * FROM said('retyped');
\set VERBOSITY default

-- selfheal.quarantine_max counts what a table holds, however little that is
-- beside what others do
CREATE TABLE big (id int);
CREATE TABLE little (id int);
SELECT selfheal.watch('big', 'observe'), selfheal.watch('little', 'observe');
CREATE FUNCTION words(i int) RETURNS text LANGUAGE sql AS
$$ SELECT format('{"id": "%s"}', (SELECT string_agg(md5(i::text || '/' || j), '') FROM generate_series(1, 32) j)) $$;
INSERT INTO big_intake SELECT format('{"id": "%s"}', repeat(md5(g::text), 32)) FROM generate_series(1, 20000) g;
INSERT INTO little_intake SELECT words(g) FROM generate_series(1, 40) g;
CREATE FUNCTION refused(times int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint := 0;
BEGIN
	FOR i IN 1 .. times LOOP
		BEGIN
			INSERT INTO attack3.little_intake SELECT attack3.words(g) FROM generate_series(1, 40) g;
			RAISE SQLSTATE 'P9999';
		EXCEPTION
			WHEN configuration_limit_exceeded THEN n := n + 1;
			WHEN SQLSTATE 'P9999' THEN NULL;
		END;
	END LOOP;
	RETURN n;
END $$;
SET selfheal.quarantine_max = '70kB';
SELECT refused(20);
SET selfheal.quarantine_max = '120kB';
SELECT refused(20);
RESET selfheal.quarantine_max;

-- nothing of it stays in the way of others
DELETE FROM selfheal.quarantine WHERE relid IN ('big'::regclass, 'little'::regclass);
SELECT selfheal.unwatch(relid) FROM selfheal.watched WHERE relid::text ~ '^attack3|^(child|months|moods|of_ranges|defaulted|of_pair|untold|of_own|heir|retyped|big|little)$';
SET search_path = public;
DROP SCHEMA attack3 CASCADE;
