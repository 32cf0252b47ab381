--
-- Checks of the team: check() and uncheck(), what a check may be and do, who
-- asks it, and how it refuses a plan.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE ROLE regress_team;
CREATE ROLE regress_other;
CREATE ROLE regress_shop;
SELECT selfheal.grant_to('regress_team', 'operator'), selfheal.grant_to('regress_other', 'operator'), selfheal.grant_to('regress_shop', 'operator');
CREATE SCHEMA asserts;
GRANT USAGE, CREATE ON SCHEMA asserts TO regress_team, regress_other, regress_shop;
SET search_path = asserts, public;

-- what the dry runs and refusals of a table say of its checks
CREATE FUNCTION told(t regclass) RETURNS TABLE (event text, policy text, result text, name text,
	"before" text, after_step text, after_rows text, refuses text, message text) LANGUAGE sql AS $$
	SELECT a.event, a.policy, a.result, c ->> 'name', c ->> 'before', c ->> 'after_step', c ->> 'after_rows', c ->> 'refuses', c ->> 'message'
	FROM selfheal.audit a LEFT JOIN LATERAL jsonb_array_elements(a.dry_run -> 'checks') c ON true
	WHERE a.table_name = (SELECT relname FROM pg_class WHERE oid = t) AND a.schema_name = 'asserts'
		AND a.event IN ('dry_run', 'refused', 'policy_changed')
	ORDER BY a.id, c ->> 'name'
$$;
-- a proposal's dry run, in this session
CREATE FUNCTION tried(t regclass, ddl text, OUT ok text, OUT reason text, OUT checks jsonb) LANGUAGE plpgsql AS $$
DECLARE
	d jsonb := selfheal.dry_run((selfheal.propose(t, ddl, 'a test')).plan_id);
BEGIN
	ok := d ->> 'ok';
	reason := d ->> 'reason';
	checks := d -> 'checks';
END
$$;

--
-- one that stays true, one that the step breaks, one that the rows break
--
CREATE TABLE orders (id int PRIMARY KEY, amount numeric(6,2), note varchar(4), qty int);
INSERT INTO orders SELECT g, g, 'n', g FROM generate_series(1, 100) g;
SELECT selfheal.watch('orders');
SELECT selfheal.check('orders', 'no negative amount', 'SELECT count(*) = 0 FROM orders WHERE amount < 0');
SELECT selfheal.check('orders', 'qty is an integer', $$SELECT bool_and(pg_typeof(qty) = 'integer'::regtype) FROM orders$$);
INSERT INTO orders_intake VALUES ('{"id": 101, "amount": 123456.5, "note": "longer"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, reason FROM selfheal.incidents WHERE table_name = 'asserts.orders' ORDER BY id;
SELECT * FROM told('orders');
INSERT INTO orders_intake VALUES ('{"id": 102, "qty": 3000000000}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, reason FROM selfheal.incidents WHERE table_name = 'asserts.orders' AND state <> 'healed';
SELECT format_type(atttypid, atttypmod) AS qty FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'qty';
-- taken back: what it refused is tried anew
SELECT selfheal.uncheck('orders', 'qty is an integer');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT qty FROM orders WHERE id = 102;
-- a row that breaks one costs the plan, and it says by which
INSERT INTO orders_intake VALUES ('{"id": 103, "amount": -5, "note": "a note that is longer than it was before"}'), ('{"id": 104, "note": "another that is longer than it was"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, reason FROM selfheal.incidents WHERE table_name = 'asserts.orders' AND state <> 'healed';
SELECT max(id) FROM orders;
SELECT * FROM told('orders') OFFSET 4;
-- replaced by another of its name, which lets it pass
SELECT selfheal.check('orders', 'no negative amount', 'SELECT bool_and(amount IS NULL OR amount > -10) FROM orders');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, amount FROM orders WHERE id > 102 ORDER BY id;
SELECT table_name, name, sql, role, search_path FROM selfheal.checks;
SELECT count(*) AS left_in_sandbox FROM pg_class WHERE relnamespace = 'selfheal_sandbox'::regnamespace;

--
-- two of three are false; null; false before; no row, many rows, an error
--
CREATE TABLE answers (id int, v varchar(4), n int);
SELECT selfheal.watch('answers', 'propose');
SELECT selfheal.check('answers', 'a: true', 'SELECT count(*) >= 0 FROM answers');
SELECT selfheal.check('answers', 'b: type', $$SELECT count(*) FILTER (WHERE pg_typeof(v) <> 'varchar'::regtype) = 0 AND 0 = (SELECT count(*) FROM answers WHERE to_jsonb(answers) ? 'x') FROM answers$$);
SELECT selfheal.check('answers', 'c: min', 'SELECT min(n) > 0 FROM answers');
SELECT selfheal.check('answers', 'd: last', 'SELECT (SELECT n > 0 FROM answers ORDER BY id DESC LIMIT 1)');
-- an empty table: null is not known yet
SELECT ok, reason, jsonb_array_elements(checks) FROM tried('answers', 'ALTER TABLE answers ALTER v TYPE varchar(8)');
INSERT INTO answers VALUES (1, 'a', 1);
SELECT ok, reason, jsonb_array_elements(checks) FROM tried('answers', 'ALTER TABLE answers ADD x text');
INSERT INTO answers VALUES (2, 'b', -1);
INSERT INTO answers_intake VALUES ('{"id": 3, "v": "longer", "n": null}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state, reason FROM selfheal.incidents WHERE table_name = 'asserts.answers';
SELECT name, "before", after_step, after_rows, refuses FROM told('answers') WHERE event = 'dry_run' OFFSET 8;
DELETE FROM answers WHERE id = 2;
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'asserts.answers';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state, reason FROM selfheal.incidents WHERE table_name = 'asserts.answers';
SELECT count(*) AS pending FROM selfheal.pending WHERE table_name = 'asserts.answers' AND rows_waiting > 0;
SELECT selfheal.check('answers', 'e: no row', 'SELECT true FROM answers WHERE id > 100');
SELECT selfheal.check('answers', 'f: rows', 'SELECT n > 0 FROM answers, generate_series(1, 3)');
SELECT selfheal.check('answers', 'g: error', 'SELECT bool_and(1 / (n - 1) > 0) FROM answers');
SELECT ok, reason FROM tried('answers', 'ALTER TABLE answers ADD y text');
SELECT c ->> 'name' AS name, c ->> 'before' AS "before", c ->> 'after_step' AS after_step, c ->> 'message' AS message
FROM tried('answers', 'ALTER TABLE answers ADD y text'), jsonb_array_elements(checks) c WHERE c ->> 'refuses' = 'true';

-- a proposal that comes a second time is the plan that waits already
SELECT count(*) AS plans FROM selfheal.plan WHERE relid = 'answers'::regclass AND sql ~ ' y ';

-- a plan that was approved before the check was asked for
CREATE TABLE approved (id int, v varchar(4));
SELECT selfheal.watch('approved', 'propose');
INSERT INTO approved VALUES (1, 'x');
SELECT verdict FROM selfheal.propose('approved', 'ALTER TABLE approved ALTER v TYPE text', 'a test');
BEGIN;
SELECT selfheal.check('approved', 'v is short', $$SELECT bool_and(pg_typeof(v) = 'varchar'::regtype) FROM approved$$);
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'asserts.approved';
COMMIT;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT p.state, p.reason FROM selfheal.plan p WHERE relid = 'approved'::regclass;
SELECT event, policy, result, name FROM told('approved') WHERE event <> 'policy_changed';
SELECT format_type(atttypid, atttypmod) AS v FROM pg_attribute WHERE attrelid = 'approved'::regclass AND attname = 'v';

-- a column that the team has asked for itself, and that no held row fits
CREATE TABLE hinted (id int);
INSERT INTO hinted VALUES (1);
SELECT selfheal.watch('hinted');
SELECT selfheal.hint('hinted', 'x', type => 'integer');
SELECT selfheal.check('hinted', 'no x', $$SELECT bool_and(NOT to_jsonb(h) ? 'x') FROM hinted h$$);
INSERT INTO hinted_intake VALUES ('{"id": 2, "x": "a word"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state, reason FROM selfheal.incidents WHERE table_name = 'asserts.hinted';

-- no step: the table was changed by hand, and the rows alone are tried
CREATE TABLE byhand (id int, n int);
SELECT selfheal.watch('byhand', 'observe');
INSERT INTO byhand_intake VALUES ('{"id": 1, "n": -1, "x": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT selfheal.check('byhand', 'n is positive', 'SELECT count(*) = 0 FROM byhand WHERE n < 0');
ALTER TABLE byhand ADD x int;
SELECT selfheal.watch('byhand', 'auto');
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state, reason FROM selfheal.incidents WHERE table_name = 'asserts.byhand';
-- once or twice: the table and its mode were changed
SELECT DISTINCT event, policy, name, "before", after_step, after_rows FROM told('byhand') WHERE event = 'refused';

--
-- what a check may be
--
CREATE TABLE may (id int, v varchar(4), at timestamptz);
CREATE TABLE lookup (v varchar(4) PRIMARY KEY);
CREATE VIEW may_view AS SELECT * FROM may;
CREATE TABLE parts (id int, v varchar(4)) PARTITION BY LIST (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
INSERT INTO may VALUES (1, 'a', '2026-01-01 00:00+00');
INSERT INTO parts VALUES (1, 'a');
INSERT INTO lookup VALUES ('a');
SELECT selfheal.watch('may', 'propose'), selfheal.watch('parts', 'propose');
\set VERBOSITY default
SELECT selfheal.check('may', 'x', 'SELECT true FROM may; SELECT true FROM may');
SELECT selfheal.check('may', 'x', '');
SELECT selfheal.check('may', 'x', '-- nothing');
SELECT selfheal.check('may', 'x', 'SELECT bool_and(id > 0) FROM may HAVING');
SELECT selfheal.check('may', 'x', 'DELETE FROM may RETURNING true');
SELECT selfheal.check('may', 'x', 'DO $x$ BEGIN END $x$');
SELECT selfheal.check('may', 'x', 'WITH w AS (DELETE FROM lookup RETURNING 1) SELECT count(*) = 0 FROM w, may');
SELECT selfheal.check('may', 'x', 'WITH w AS (INSERT INTO lookup VALUES (''z'') RETURNING 1) SELECT count(*) = 0 FROM w, may');
SELECT selfheal.check('may', 'x', 'WITH w AS (UPDATE lookup SET v = v RETURNING 1) SELECT count(*) = 0 FROM w, may');
SELECT selfheal.check('may', 'x', 'SELECT count(*) = 0 AS x INTO stored FROM may');
SELECT selfheal.check('may', 'x', 'SELECT count(*) = 0 FROM may, lookup FOR UPDATE OF lookup');
SELECT selfheal.check('may', 'x', 'SELECT count(*) = 0 FROM may, (SELECT * FROM lookup FOR KEY SHARE) l');
SELECT selfheal.check('may', 'x', 'SELECT count(*) FROM may');
SELECT selfheal.check('may', 'x', 'SELECT true, true FROM may');
SELECT selfheal.check('may', 'x', 'SELECT FROM may');
SELECT selfheal.check('may', 'x', 'SELECT count(*) = 0 FROM lookup');
SELECT selfheal.check('may', 'x', 'WITH may AS (SELECT 1 AS id) SELECT count(*) = 0 FROM may');
SELECT selfheal.check('may', 'x', 'SELECT count(*) = 0 FROM asserts.may');
SELECT selfheal.check('may', 'x', 'SELECT (SELECT count(*) FROM may) = (SELECT count(*) FROM asserts.may)');
SELECT selfheal.check('may', 'x', 'SELECT count(*) = 0 FROM may, may_view');
SELECT selfheal.check('parts', 'x', 'SELECT count(*) = 0 FROM parts, parts_1');
SELECT selfheal.check('may', 'x', 'SELECT bool_and(none) FROM may');
SELECT selfheal.check('may', 'x', 'SELECT bool_and(random() < 2) FROM may');
SELECT selfheal.check('may', 'x', 'SELECT count(*) = 0 FROM may WHERE id = $1');
SELECT selfheal.check('may', 'x', 'SELECT count(*) = 0 FROM may -- ' || repeat('x', 20000));
SELECT selfheal.check(NULL, 'x', 'SELECT true FROM may');
SELECT selfheal.check('may', NULL, 'SELECT true FROM may');
SELECT selfheal.check('may', '', 'SELECT true FROM may');
SELECT selfheal.check('may', repeat('x', 129), 'SELECT true FROM may');
SELECT selfheal.check('may', 'x', NULL);
SET selfheal.check_timeout = '200ms';
SELECT selfheal.check('may', 'x', 'SELECT (SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 100000) b) > (SELECT count(*) FROM may)');
RESET selfheal.check_timeout;
SELECT selfheal.check('lookup', 'x', 'SELECT true FROM lookup');
SELECT selfheal.check('may_view', 'x', 'SELECT true FROM may_view');
SELECT selfheal.uncheck('may', 'x');
SELECT selfheal.uncheck('may', NULL);
\set VERBOSITY terse
SELECT count(*) AS none FROM selfheal.assertion WHERE relid IN ('may'::regclass, 'parts'::regclass);
-- another table, a CTE, a set operation, a window, a self-join, a partitioned table
SELECT selfheal.check('may', 'lookup', 'SELECT NOT EXISTS (SELECT FROM may m WHERE NOT EXISTS (SELECT FROM lookup l WHERE l.v = m.v))');
SELECT selfheal.check('may', 'cte', 'WITH m AS (SELECT * FROM may) SELECT count(*) = (SELECT count(*) FROM may) FROM m');
SELECT selfheal.check('may', 'union', '(SELECT id > 0 FROM may UNION SELECT true FROM may LIMIT 1)');
SELECT selfheal.check('may', 'unique', 'SELECT count(*) = 0 FROM (SELECT count(*) OVER (PARTITION BY id) AS n FROM may) s WHERE n > 1');
SELECT selfheal.check('may', 'join', 'SELECT count(*) = 0 FROM may a JOIN may b USING (id) WHERE a.v <> b.v');
SELECT selfheal.check('parts', 'parts', 'SELECT count(*) = 1 FROM parts');
-- what it was written under it runs under
SET TimeZone = 'America/New_York';
SET DateStyle = 'SQL, DMY';
SELECT selfheal.check('may', 'zone', $$SELECT bool_and(at = '31/12/2025 19:00:00') FROM may$$);
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, MDY';
SET search_path = pg_catalog;
SELECT ok, reason, jsonb_array_length(checks) AS checks FROM asserts.tried('asserts.may', 'ALTER TABLE asserts.may ADD x text');
SELECT ok, reason, jsonb_array_length(checks) AS checks FROM asserts.tried('asserts.parts', 'ALTER TABLE asserts.parts ADD x text');
SET search_path = asserts, public;
-- rows that do not fit into memory
CREATE TABLE many (id int, v varchar(100));
INSERT INTO many SELECT g, repeat('x', 100) FROM generate_series(1, 3000) g;
SELECT selfheal.watch('many', 'propose');
SELECT selfheal.check('many', 'join', 'SELECT count(*) = count(DISTINCT a.id) FROM many a JOIN many b ON a.id = b.id AND a.v = b.v');
SET work_mem = '64kB';
SET selfheal.dry_run_history = 3000;
SELECT ok, reason FROM tried('many', 'ALTER TABLE many ALTER v TYPE text');
RESET work_mem;
RESET selfheal.dry_run_history;

--
-- names: quoted, a renamed table, one swapped for another, dropped
--
CREATE SCHEMA "Odd ""schema""";
CREATE TABLE "Odd ""schema"""."Select * from" ("a b" int, "Id" int);
INSERT INTO "Odd ""schema"""."Select * from" VALUES (1, 1);
SELECT selfheal.watch('"Odd ""schema"""."Select * from"', 'propose');
SELECT selfheal.check('"Odd ""schema"""."Select * from"', 'it''s "odd"', 'SELECT bool_and("a b" = "Id") FROM "Select * from"');
SELECT checks FROM tried('"Odd ""schema"""."Select * from"', 'ALTER TABLE "Odd ""schema"""."Select * from" ADD x text');
ALTER TABLE "Odd ""schema"""."Select * from" RENAME TO plain;
SELECT checks FROM tried('"Odd ""schema"""."plain"', 'ALTER TABLE "Odd ""schema""".plain ADD x text');
-- another table of the name that it had is not meant
CREATE TABLE "Odd ""schema"""."Select * from" ("a b" int, "Id" int);
INSERT INTO "Odd ""schema"""."Select * from" VALUES (1, 2);
SELECT checks FROM tried('"Odd ""schema"""."plain"', 'ALTER TABLE "Odd ""schema""".plain ADD x text');
SELECT table_name, name FROM selfheal.checks WHERE table_name LIKE '%Odd%';
CREATE TABLE swapped (id int, v varchar(4));
SELECT selfheal.watch('swapped', 'propose');
SELECT selfheal.check('swapped', 'rows', 'SELECT count(*) = 1 FROM swapped');
BEGIN;
CREATE TABLE swapped_new (id int, v varchar(4));
INSERT INTO swapped_new VALUES (1, 'x');
ALTER TABLE swapped RENAME TO swapped_old;
ALTER TABLE swapped_new RENAME TO swapped;
DROP TABLE swapped_old CASCADE;
COMMIT;
SELECT checks FROM tried('swapped', 'ALTER TABLE swapped ADD x text');
DROP TABLE swapped;
SELECT count(*) AS gone FROM selfheal.checks WHERE table_name = 'asserts.swapped';
SELECT selfheal.unwatch('may');
SELECT count(*) AS gone FROM selfheal.checks WHERE table_name = 'asserts.may';
SELECT selfheal.watch('may', 'propose');
SELECT count(*) AS gone FROM selfheal.checks WHERE table_name = 'asserts.may';

--
-- who asks, and as whom
--
SET ROLE regress_shop;
CREATE TABLE asserts.shop (id int, v varchar(4), secret text);
RESET ROLE;
INSERT INTO shop VALUES (1, 'a', 's');
SELECT selfheal.watch('shop', 'propose');
SET ROLE regress_team;
SELECT selfheal.check('shop', 'whoami', $$SELECT bool_and(current_user = 'regress_team' AND id > 0) FROM shop$$);
RESET ROLE;
GRANT SELECT (id) ON shop TO regress_team;
SET ROLE regress_team;
SELECT selfheal.check('shop', 'whoami', $$SELECT bool_and(current_user = 'regress_team' AND id > 0) FROM shop$$);
RESET ROLE;
GRANT SELECT ON shop TO regress_team, regress_other;
SET ROLE regress_team;
SELECT selfheal.check('shop', 'whoami', $$SELECT bool_and(current_user = 'regress_team' AND id > 0) FROM shop$$);
-- what he may not read he may not read here
SELECT selfheal.check('shop', 'other', 'SELECT (SELECT count(*) FROM lookup) > 0 FROM shop');
RESET ROLE;
GRANT SELECT ON lookup TO regress_team;
SET ROLE regress_team;
SELECT selfheal.check('shop', 'other', 'SELECT (SELECT count(*) FROM lookup) > 0 FROM shop');
RESET ROLE;
REVOKE SELECT ON lookup FROM regress_team;
SELECT ok, checks FROM tried('shop', 'ALTER TABLE shop ADD x text');
-- his to change, and the table's owner's
SET ROLE regress_other;
SELECT name, role FROM selfheal.checks WHERE table_name = 'asserts.shop';
SELECT selfheal.check('shop', 'whoami', 'SELECT true FROM shop');
SELECT selfheal.uncheck('shop', 'whoami');
SET ROLE regress_team;
SELECT selfheal.check('shop', 'whoami', $$SELECT bool_and(current_user = 'regress_team' AND id < 10) FROM shop$$);
SELECT selfheal.uncheck('shop', 'whoami');
SELECT selfheal.check('shop', 'whoami', $$SELECT bool_and(current_user = 'regress_team' AND id < 10) FROM shop$$);
SET ROLE regress_shop;
SELECT selfheal.uncheck('shop', 'whoami');
SET ROLE regress_team;
SELECT selfheal.check('shop', 'whoami', $$SELECT bool_and(current_user = 'regress_team' AND id < 10) FROM shop$$);
RESET ROLE;
-- a right that is lost later; row security
REVOKE SELECT ON shop FROM regress_team;
SELECT ok, reason FROM tried('shop', 'ALTER TABLE shop ADD x text');
GRANT SELECT ON shop TO regress_team;
ALTER TABLE shop ENABLE ROW LEVEL SECURITY;
SELECT ok, reason FROM tried('shop', 'ALTER TABLE shop ADD x text');
SET ROLE regress_team;
SELECT selfheal.check('shop', 'rls', 'SELECT count(*) > 0 FROM shop');
RESET ROLE;
ALTER TABLE shop DISABLE ROW LEVEL SECURITY;
SELECT ok FROM tried('shop', 'ALTER TABLE shop ADD x text');
-- the role is gone
CREATE ROLE regress_gone;
SELECT selfheal.grant_to('regress_gone', 'operator');
GRANT SELECT ON shop TO regress_gone;
GRANT USAGE ON SCHEMA asserts TO regress_gone;
SET ROLE regress_gone;
SELECT selfheal.check('shop', 'left behind', 'SELECT count(*) > 0 FROM shop');
RESET ROLE;
DROP OWNED BY regress_gone;
DROP ROLE regress_gone;
SELECT ok, reason FROM tried('shop', 'ALTER TABLE shop ADD x text');
SELECT selfheal.uncheck('shop', 'left behind');

--
-- what a check may not do: writes and sequences of real tables, through
-- functions that say that they are stable
--
CREATE TABLE canary (what text);
CREATE SEQUENCE real_sequence;
SELECT nextval('real_sequence');
CREATE FUNCTION writes() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN INSERT INTO asserts.canary VALUES ('writes'); RETURN true; END $$;
CREATE FUNCTION volatile_writes() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN INSERT INTO asserts.canary VALUES ('volatile_writes'); RETURN true; END $$;
CREATE FUNCTION calls_writes() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN asserts.volatile_writes(); END';
CREATE FUNCTION draws() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RETURN nextval('asserts.real_sequence') > 0; END $$;
CREATE FUNCTION writable() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN SET LOCAL transaction_read_only = off; INSERT INTO asserts.canary VALUES ('writable'); RETURN true; END $$;
CREATE FUNCTION calls_writable() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN asserts.writable(); END';
CREATE FUNCTION becomes() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN RESET ROLE; RETURN true; END $$;
CREATE FUNCTION calls_becomes() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN asserts.becomes(); END';
CREATE FUNCTION holds() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN EXECUTE 'DECLARE held CURSOR WITH HOLD FOR SELECT 1'; RETURN true; END $$;
CREATE FUNCTION calls_holds() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN asserts.holds(); END';
CREATE FUNCTION sleeps() RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM pg_catalog.pg_sleep(100); RETURN true; END';
CREATE FUNCTION stubborn() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
	PERFORM pg_catalog.pg_sleep(100);
	RETURN true;
EXCEPTION WHEN query_canceled THEN
	RETURN true;
END $$;
CREATE TABLE harm (id int, v varchar(4));
INSERT INTO harm VALUES (1, 'a');
SELECT selfheal.watch('harm', 'propose');
SELECT selfheal.check('harm', 'volatile', 'SELECT bool_and(volatile_writes()) FROM harm');
SELECT selfheal.check('harm', f, format('SELECT bool_and(%s()) FROM harm', f))
FROM unnest(ARRAY['writes', 'calls_writes', 'draws', 'calls_writable', 'calls_becomes', 'calls_holds', 'sleeps', 'stubborn']) f;
SET selfheal.check_timeout = '2s';
SELECT c ->> 'name' AS name, c ->> 'before' AS "before", c ->> 'refuses' AS refuses,
	CASE WHEN c ->> 'name' IN ('sleeps', 'stubborn') THEN c ->> 'message' END AS message
FROM tried('harm', 'ALTER TABLE harm ADD x text'), jsonb_array_elements(checks) c;
RESET selfheal.check_timeout;
SELECT * FROM canary;
SELECT last_value FROM real_sequence;
SHOW transaction_read_only;
INSERT INTO canary VALUES ('the session can write') RETURNING what;
-- and end to end, by the worker
SELECT selfheal.uncheck('harm', f) FROM unnest(ARRAY['writes', 'calls_writable', 'calls_becomes', 'calls_holds', 'sleeps', 'stubborn']) f;
SELECT selfheal.watch('harm', 'auto');
INSERT INTO harm_intake VALUES ('{"id": 2, "v": "longer"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state FROM selfheal.incidents WHERE table_name = 'asserts.harm';
SELECT what FROM canary;
SELECT last_value FROM real_sequence;
-- one that is made volatile afterwards
SELECT selfheal.uncheck('harm', 'calls_writes'), selfheal.uncheck('harm', 'draws');
CREATE FUNCTION fine() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT true';
SELECT selfheal.check('harm', 'fine', 'SELECT bool_and(fine()) FROM harm');
ALTER FUNCTION fine() VOLATILE;
SELECT ok, reason FROM tried('harm', 'ALTER TABLE harm ADD x text');

--
-- what others put into the path of a check, to run in the name of who asks
--
CREATE SCHEMA trap;
GRANT ALL ON SCHEMA trap TO regress_shop;
GRANT USAGE ON SCHEMA trap TO regress_team;
CREATE TABLE prey (id int, amount numeric);
ALTER TABLE prey OWNER TO regress_shop;
INSERT INTO prey VALUES (1, 1);
SELECT selfheal.watch('prey', 'propose');
SET search_path = trap, asserts, public;
SELECT selfheal.check('prey', 'amount', 'SELECT count(*) = 0 FROM prey WHERE amount < 0');
SELECT ok, reason FROM tried('prey', 'ALTER TABLE asserts.prey ADD x text');
SET ROLE regress_shop;
CREATE FUNCTION trap.less(numeric, int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN RAISE EXCEPTION 'ran as %', current_user; END $$;
CREATE OPERATOR trap.< (LEFTARG = numeric, RIGHTARG = int, FUNCTION = trap.less);
RESET ROLE;
SELECT ok, reason FROM tried('prey', 'ALTER TABLE asserts.prey ADD x text');
SET ROLE regress_shop;
DROP OPERATOR trap.< (numeric, int);
CREATE DOMAIN trap.positive AS numeric CHECK (trap.less(VALUE, 0));
CREATE FUNCTION trap.told() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
CREATE VIEW trap.view AS SELECT trap.told() AS n;
CREATE TABLE trap.policed (n int);
ALTER TABLE trap.policed ENABLE ROW LEVEL SECURITY;
CREATE POLICY trap ON trap.policed USING (trap.less(0, 0));
GRANT SELECT ON trap.view, trap.policed TO regress_team;
RESET ROLE;
SELECT selfheal.uncheck('prey', 'amount');
SELECT selfheal.check('prey', 'domain', 'SELECT bool_and(amount::trap.positive > 0) FROM prey');
SELECT selfheal.check('prey', 'function', 'SELECT bool_and(told() = 1) FROM prey');
SELECT selfheal.check('prey', 'view', 'SELECT count(*) = 0 FROM prey, view WHERE n = 2');
GRANT SELECT ON prey TO regress_team;
SET ROLE regress_team;
SELECT selfheal.check('prey', 'policy', 'SELECT count(*) = 0 FROM prey, policed');
RESET ROLE;
-- casts that builtin functions look for by themselves
SET ROLE regress_shop;
CREATE TYPE trap.mood AS ENUM ('fine');
CREATE TYPE trap.pair AS (n int, moods trap.mood[]);
CREATE FUNCTION trap.spoil(trap.mood) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN RAISE EXCEPTION 'ran as %', current_user; END $$;
CREATE CAST (trap.mood AS json) WITH FUNCTION trap.spoil(trap.mood);
CREATE TABLE asserts.moods (id int, m trap.mood);
CREATE TABLE asserts.pairs (id int, p trap.pair);
INSERT INTO asserts.moods VALUES (1, 'fine');
INSERT INTO asserts.pairs VALUES (1, (1, '{fine}'));
RESET ROLE;
SELECT selfheal.watch('moods', 'propose'), selfheal.watch('pairs', 'propose');
SELECT selfheal.check('moods', 'value', 'SELECT bool_and(to_jsonb(m) IS NOT NULL) FROM moods');
SELECT selfheal.check('moods', 'row', 'SELECT bool_and(row_to_json(moods) IS NOT NULL) FROM moods');
SELECT selfheal.check('may', 'constant', $$SELECT bool_and(to_json('fine'::trap.mood) IS NOT NULL) FROM may$$);
SELECT selfheal.check('pairs', 'composite', 'SELECT bool_and(to_json(p) IS NOT NULL) FROM pairs');
-- a superuser's check reads tables of superusers: planning may run what their indexes call
CREATE TABLE asserts.foreigner (n int);
ALTER TABLE asserts.foreigner OWNER TO regress_shop;
SELECT selfheal.check('prey', 'foreigner', 'SELECT count(*) >= 0 FROM prey, foreigner');
SET ROLE regress_shop;
SELECT selfheal.check('moods', 'row', 'SELECT bool_and(row_to_json(moods) IS NOT NULL) FROM moods');
SELECT selfheal.check('prey', 'foreigner', 'SELECT count(*) >= 0 FROM prey, foreigner');
SELECT selfheal.uncheck('prey', 'foreigner');
RESET ROLE;
SELECT ok, reason FROM tried('moods', 'ALTER TABLE asserts.moods ADD x text');
-- the owner's own functions are his
SET ROLE regress_shop;
SELECT selfheal.check('prey', 'function', 'SELECT bool_and(told() = 1) FROM prey');
RESET ROLE;
SELECT ok, reason FROM tried('prey', 'ALTER TABLE asserts.prey ADD x text');
SELECT selfheal.uncheck('prey', 'function');
-- what stands in a session's own schema comes before all others: there it is not asked
SELECT selfheal.check('prey', 'lookup', 'SELECT count(*) > 0 FROM prey, lookup');
SELECT ok FROM tried('prey', 'ALTER TABLE asserts.prey ADD x text');
CREATE TEMP TABLE lookup (v text);
SELECT ok, reason FROM tried('prey', 'ALTER TABLE asserts.prey ADD x text');
SELECT selfheal.check('prey', 'temporary', 'SELECT count(*) > 0 FROM prey, lookup');
\c -
SET client_min_messages = warning;
SET search_path = asserts, public;
SELECT ok, reason FROM tried('prey', 'ALTER TABLE asserts.prey ADD x text');

--
-- limits, rollback, the record
--
CREATE TABLE lots (id int);
SELECT selfheal.watch('lots', 'propose');
SELECT selfheal.check('lots', 'check ' || g, 'SELECT count(*) >= 0 FROM lots') FROM generate_series(1, 100) g \g /dev/null
SELECT selfheal.check('lots', 'check 101', 'SELECT count(*) >= 0 FROM lots');
SELECT selfheal.check('lots', 'check 100', 'SELECT count(*) < 0 FROM lots');
SELECT selfheal.check('lots', 'check 99', 'SELECT sum(1) < 0 FROM lots');
SELECT ok, reason, jsonb_array_length(checks) FROM tried('lots', 'ALTER TABLE lots ADD x text');
BEGIN;
SELECT selfheal.uncheck('lots', 'check 1');
ROLLBACK;
SELECT count(*) FROM selfheal.checks WHERE table_name = 'asserts.lots';
SELECT event, result FROM selfheal.history WHERE table_name = 'asserts.byhand' AND event = 'policy_changed';
SELECT ok FROM selfheal.verify_audit();
SELECT count(*) AS left_in_sandbox FROM pg_class WHERE relnamespace = 'selfheal_sandbox'::regnamespace;
SELECT selfheal.unwatch_all() > 5 AS unwatched;
SELECT count(*) AS checks FROM selfheal.assertion;
DROP SCHEMA asserts, trap, "Odd ""schema""" CASCADE;
DROP OWNED BY regress_team, regress_other, regress_shop;
DROP ROLE regress_team, regress_other, regress_shop;
