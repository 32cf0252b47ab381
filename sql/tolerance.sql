--
-- How much a table may change and hold: set_tolerance(), what happens past it
-- (report, pause, propose), and how that ends.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA tol;
SET search_path = tol;
CREATE FUNCTION incidents(name text, OUT class text, OUT column_name text, OUT state text, OUT reason text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT class, column_name, state, reason FROM selfheal.incident
	WHERE schema_name = 'tol' AND table_name = name AND state <> 'dismissed' ORDER BY id
$$;
CREATE FUNCTION watched(name regclass, OUT mode text, OUT paused boolean, OUT restraint text)
	LANGUAGE sql SECURITY DEFINER AS $$ SELECT mode, paused, restraint FROM selfheal.watched WHERE relid = name $$;
CREATE FUNCTION measured(name text, OUT new_columns bigint, OUT rows_held bigint, OUT rows_seen bigint, OUT share_held numeric, OUT past text, OUT exceeded text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT new_columns, rows_held, rows_seen, share_held, past, exceeded FROM selfheal.tolerances WHERE table_name = 'tol.' || name
$$;
CREATE FUNCTION columns(name regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute
	WHERE attrelid = name AND attnum > 0 AND NOT attisdropped
$$;
CREATE FUNCTION said(name text, OUT event text, OUT result text) RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT event, result FROM selfheal.audit WHERE schema_name = 'tol' AND table_name = name
	AND event IN ('paused', 'resumed', 'policy_changed', 'dismissed') ORDER BY id
$$;

-- what is said stays until something else is; wrong arguments
CREATE TABLE said_of (id int);
SELECT selfheal.set_tolerance('said_of', held_percent => 10);
SELECT selfheal.watch('said_of');
SELECT selfheal.set_tolerance('said_of');
SELECT selfheal.set_tolerance(NULL, held_percent => 10);
SELECT selfheal.set_tolerance('said_of', new_columns_per_day => -2);
SELECT selfheal.set_tolerance('said_of', held_percent => 100.5);
SELECT selfheal.set_tolerance('said_of', held_percent => 'NaN');
SELECT selfheal.set_tolerance('said_of', held_percent => -1);
SELECT selfheal.set_tolerance('said_of', past => 'stop');
SELECT count(*) FROM selfheal.tolerances WHERE table_name = 'tol.said_of';
SELECT selfheal.set_tolerance('said_of', held_percent => 2.5, past => 'pause');
SELECT selfheal.set_tolerance('said_of', 3);
SELECT selfheal.set_tolerance('said_of', structural_changes => false, past => 'propose');
SELECT selfheal.set_tolerance('said_of', 3);
SELECT selfheal.set_tolerance('said_of', -1, 100, true, 'report');
SELECT selfheal.drop_tolerance('said_of');
SELECT selfheal.drop_tolerance('said_of');
SELECT * FROM said('said_of');

-- held rows: nothing happens within the tolerance
CREATE TABLE shares (id int, v varchar(5));
SELECT selfheal.watch('shares');
SELECT selfheal.set_tolerance('shares', held_percent => 50, past => 'pause');
INSERT INTO shares_intake SELECT format('{"id": %s, "v": "ok"}', n) FROM generate_series(1, 6) n;
INSERT INTO shares_intake VALUES ('{"id": "x"}'), ('{"id": "y"}'), ('{"id": "z"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM measured('shares');
SELECT * FROM watched('shares');
SELECT class, state FROM incidents('shares');
-- half of them is half of them, and no more
INSERT INTO shares_intake VALUES ('{"id": "x"}'), ('{"id": "y"}'), ('{"id": "z"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM measured('shares');
SELECT * FROM watched('shares');
-- past it the healer rests on the table: what it would heal at once is held, and loads go on
INSERT INTO shares_intake VALUES ('{"id": 7, "v": "much longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM measured('shares');
SELECT * FROM watched('shares');
SELECT * FROM incidents('shares');
SELECT columns('shares');
INSERT INTO shares_intake VALUES ('{"id": 8, "v": "ok"}'), ('{"id": 9, "v": "too long again"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(*) FROM shares;
SELECT columns('shares');
SELECT note ~ 'past their tolerance' AS told FROM selfheal.status WHERE item = 'watched tables';
-- the cause is gone: so is the pause, and what waited is healed
SELECT selfheal.discard(id, 'no numbers', 100) FROM selfheal.incidents WHERE table_name = 'tol.shares' AND class = 'wrong_type';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('shares');
SELECT * FROM incidents('shares');
SELECT columns('shares');
SELECT count(*) FROM shares;
SELECT * FROM said('shares');

-- a person's own change is an answer: what was held before it counts no more
CREATE TABLE fixed (id int, v int);
SELECT selfheal.watch('fixed');
SELECT selfheal.set_tolerance('fixed', held_percent => 10, past => 'pause');
INSERT INTO fixed_intake VALUES ('{"id": 1, "v": "a"}'), ('{"id": 2, "v": "b"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('fixed');
ALTER TABLE fixed ALTER v TYPE text;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('fixed');
SELECT * FROM fixed ORDER BY id;
SELECT * FROM incidents('fixed');

-- so is resume(): it is not paused again for what was before
CREATE TABLE answered (id int, v varchar(5));
SELECT selfheal.watch('answered');
SELECT selfheal.set_tolerance('answered', held_percent => 10, past => 'pause');
INSERT INTO answered_intake VALUES ('{"id": "x"}'), ('{"id": 2, "v": "longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('answered');
SELECT selfheal.resume('answered');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('answered');
SELECT * FROM answered;
SELECT state, why FROM selfheal.incident WHERE schema_name = 'tol' AND table_name = 'answered' AND class = 'tolerance';
INSERT INTO answered_intake VALUES ('{"id": "y"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('answered');
-- dismiss() of its incident too
SELECT selfheal.dismiss(id, 'known') FROM selfheal.incidents WHERE table_name = 'tol.answered' AND class = 'tolerance' AND state = 'needs_human';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('answered');
SELECT * FROM measured('answered');
-- a pause of a person's is his: neither taken over nor ended
SELECT selfheal.pause('answered');
INSERT INTO answered_intake VALUES ('{"id": "y"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('answered');
SELECT selfheal.drop_tolerance('answered');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('answered');
SELECT * FROM incidents('answered');
-- pause() of a table that its tolerance has paused: it stays so
SELECT selfheal.resume('answered');
SELECT selfheal.set_tolerance('answered', held_percent => 10, past => 'pause');
INSERT INTO answered_intake VALUES ('{"id": "y"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('answered');
SELECT selfheal.pause('answered');
SELECT selfheal.drop_tolerance('answered');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('answered');

-- report: it is told, and everything goes on
CREATE TABLE reported (id int);
SELECT selfheal.watch('reported');
SELECT selfheal.set_tolerance('reported', new_columns_per_day => 2);
INSERT INTO reported_intake VALUES ('{"id": 1, "a": 1, "b": 2}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state FROM incidents('reported');
SELECT * FROM measured('reported');
INSERT INTO reported_intake VALUES ('{"id": 2, "c": 3}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT columns('reported');
SELECT * FROM incidents('reported') WHERE class = 'tolerance';
SELECT * FROM watched('reported');
-- from pause on the healer rests; the columns that are there are not wanted any more
SELECT selfheal.set_tolerance('reported', past => 'pause');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('reported');
INSERT INTO reported_intake VALUES ('{"id": 3, "d": 4}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT columns('reported');
SELECT selfheal.set_tolerance('reported', new_columns_per_day => 4);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT columns('reported');
SELECT * FROM watched('reported');
SELECT class, state, reason FROM incidents('reported') WHERE class = 'tolerance';

-- propose: more columns than tolerated wait for a person, before one is made
CREATE TABLE proposed (id int);
SELECT selfheal.watch('proposed');
SELECT selfheal.set_tolerance('proposed', new_columns_per_day => 2, past => 'propose');
INSERT INTO proposed_intake VALUES ('{"id": 1, "a": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT columns('proposed');
INSERT INTO proposed_intake VALUES ('{"id": 2, "b": 2, "c": 3}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT columns('proposed');
SELECT * FROM watched('proposed');
SELECT sql, verdict, reason FROM selfheal.pending WHERE table_name = 'tol.proposed';
SELECT DISTINCT verdict FROM selfheal.policy_effective('proposed');
-- watch() says what it did: the mode that was said is not lost in between
SELECT selfheal.watch('proposed', owner => 'team');
SELECT * FROM watched('proposed');
-- a replay changes nothing, and waits for nobody
INSERT INTO proposed_intake VALUES ('{"id": 3}');
SELECT count(*) FROM proposed;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'tol.proposed';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT columns('proposed');
SELECT * FROM watched('proposed');
SELECT class, state FROM incidents('proposed');
-- when it ends by itself, what waited for its sake alone is healed
INSERT INTO proposed_intake VALUES ('{"id": 4, "d": 2, "e": 3}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('proposed');
SELECT selfheal.set_tolerance('proposed', new_columns_per_day => 10);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT columns('proposed');
SELECT count(*) FROM proposed;

-- an hour that passes ends it: rows of before do not count
CREATE TABLE hourly (id int);
SELECT selfheal.watch('hourly');
SELECT selfheal.set_tolerance('hourly', held_percent => 10, past => 'pause');
INSERT INTO hourly_intake VALUES ('{"id": "x"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('hourly');
SELECT until BETWEEN now() + interval '50 minutes' AND now() + interval '1 hour' AS in_an_hour FROM selfheal.tolerances WHERE table_name = 'tol.hourly';
UPDATE selfheal.error SET at = at - interval '1 hour' WHERE relid = 'hourly'::regclass AND load IS NOT NULL;
UPDATE selfheal.load SET at = at - interval '1 hour' WHERE relid = 'hourly'::regclass;
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('hourly');

-- who may say it: the table's owner, of the level admin; who may read it sees it
CREATE ROLE regress_tol_admin;
CREATE ROLE regress_tol_operator;
SELECT selfheal.grant_to('regress_tol_admin', 'admin'), selfheal.grant_to('regress_tol_operator', 'operator');
GRANT USAGE, CREATE ON SCHEMA tol TO regress_tol_admin, regress_tol_operator;
SET ROLE regress_tol_admin;
CREATE TABLE mine (id int);
SELECT selfheal.watch('mine');
SELECT selfheal.set_tolerance('mine', held_percent => 10, past => 'pause');
SELECT selfheal.set_tolerance('shares', held_percent => 10);
SELECT selfheal.drop_tolerance('shares');
SELECT table_name FROM selfheal.tolerances WHERE table_name LIKE 'tol.%' ORDER BY 1;
INSERT INTO mine_intake VALUES ('{"id": "x"}');
SET ROLE regress_tol_operator;
SELECT selfheal.set_tolerance('mine', held_percent => 10);
SELECT count(*) FROM selfheal.tolerances WHERE table_name LIKE 'tol.%';
RESET ROLE;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SET ROLE regress_tol_operator;
SELECT selfheal.resume('tol.mine');
RESET ROLE;
SELECT * FROM watched('mine');
GRANT SELECT ON mine TO regress_tol_operator;
SET ROLE regress_tol_operator;
SELECT selfheal.resume('tol.mine');
RESET ROLE;
SELECT * FROM watched('mine');
SELECT closed_by FROM selfheal.incident WHERE schema_name = 'tol' AND table_name = 'mine' AND class = 'tolerance';

-- it goes where the table goes: its name, a swap of tables, and with it
ALTER TABLE hourly RENAME TO daily;
BEGIN;
ALTER TABLE daily RENAME TO old;
CREATE TABLE daily (id bigint);
COMMIT;
SELECT table_name FROM selfheal.tolerances WHERE table_name LIKE 'tol.%ly' ORDER BY 1;
INSERT INTO daily_intake VALUES ('{"id": "x"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM watched('daily');
SELECT selfheal.unwatch('daily');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state, closed_by FROM selfheal.incident WHERE schema_name = 'tol' AND table_name = 'daily' AND class = 'tolerance' AND state <> 'healed';
SELECT count(*) FROM selfheal.tolerance WHERE relid = 'daily'::regclass;
DROP TABLE shares;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT table_name FROM selfheal.tolerances WHERE table_name LIKE 'tol.s%';

SET client_min_messages = error;
DROP SCHEMA tol CASCADE;
DROP OWNED BY regress_tol_admin, regress_tol_operator;
DROP ROLE regress_tol_admin, regress_tol_operator;
