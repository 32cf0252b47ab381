--
-- What a producer can cause, and what the team's word changes: new columns a
-- day, suspected renames, hint() and unhint() before and after rows are held.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA limits;
SET search_path = limits, public;
CREATE FUNCTION columns(name regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = name AND attnum > 0 AND NOT attisdropped
$$;
CREATE FUNCTION states(name text, OUT class text, OUT column_name text, OUT state text, OUT held bigint, OUT reason text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT class, column_name, state, rows_held, regexp_replace(reason, '\mretry\(\d+\)', 'retry(--)')
	FROM selfheal.incidents WHERE table_name = 'limits.' || name ORDER BY id
$$;
CREATE FUNCTION pending(name text, OUT sql text, OUT policy text, OUT reason text, OUT rows bigint)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT sql, policy, reason, rows_waiting FROM selfheal.pending WHERE table_name = 'limits.' || name ORDER BY plan_id
$$;
CREATE FUNCTION held(name text, OUT class text, OUT column_name text, OUT payload text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT class, column_name, payload FROM selfheal.quarantined
	WHERE table_name = 'limits.' || name AND state = 'held' ORDER BY id
$$;

--
-- A suspected rename waits; what else the load brought does not
--
CREATE TABLE orders (id int, customer text, "Net Total" numeric, status text,
	twice int GENERATED ALWAYS AS (id * 2) STORED);
SELECT selfheal.watch('limits.orders');
INSERT INTO orders_intake VALUES
	('{"id": 1, "Customer": "case"}'), ('{"id": 2, "customr": "left out"}'), ('{"id": 3, "custommer": "added"}'),
	('{"id": 4, "cuztomer": "changed"}'), ('{"id": 5, "cutsomer": "swapped"}'), ('{"id": 6, "net_total": 1.5}'),
	('{"id": 7, "NET-TOTAL": 1.5}'), ('{"id": 8, "sta tus": "blank"}'),
	('{"id": 9, "costumers": "two edits"}'), ('{"id": 10, "coupon": "another word"}'), ('{"id": 11, "Twice": "computed"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id FROM orders ORDER BY id;
SELECT columns('orders');
SELECT class, column_name, state, reason FROM states('orders');
SELECT policy, reason, rows FROM pending('orders');
SELECT sql FROM pending('orders');
SELECT explanation LIKE '%customr%may be another spelling of customer%' AS explained FROM selfheal.pending
WHERE table_name = 'limits.orders';
SELECT selfheal.explain(id) LIKE '%suspected rename of column "customer"%' AS told FROM selfheal.incidents
WHERE table_name = 'limits.orders' AND column_name = 'customr';
-- preview knows it too
SELECT column_name, verdict FROM selfheal.preview('limits.orders', '{"id": 1, "Status": "x", "remark": "y"}') ORDER BY 1;
-- both in one payload: the producer means two things, and nobody is asked
CREATE TABLE pair (id int, customer text);
SELECT selfheal.watch('limits.pair');
INSERT INTO pair_intake VALUES ('{"id": 1, "customr": "left out"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state FROM states('pair');
INSERT INTO pair_intake VALUES ('{"id": 2, "customr": "x", "customer": null}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state FROM states('pair');
SELECT * FROM pair ORDER BY id;
-- approved: a column of its own
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'limits.orders';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT count(*) FROM orders;
SELECT "Customer" FROM orders WHERE id = 1;
SELECT count(*) FROM pending('orders');

-- numbers make a series, short names differ by a letter, and what stands side
-- by side is no rename; two new keys can be one thing as well
CREATE TABLE series (id int, col1 int, addr_1 text, q1 int, key text, price int);
SELECT selfheal.watch('limits.series');
INSERT INTO series_intake VALUES
	('{"id": 1, "col2": 1}'), ('{"id": 2, "col10": 1}'), ('{"id": 3, "addr_2": "x"}'), ('{"id": 4, "q2": 1}'),
	('{"id": 5, "keys": "x"}'), ('{"id": 6, "price": 1, "price2": 2}'), ('{"id": 7, "price2": 2}'),
	('{"id": 8, "discount": 1}'), ('{"id": 9, "Discount": 2}'),
	('{"id": 10, "height": 1, "weight": 2, "heights": [1], "weights": [2]}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('series');
SELECT policy, reason, rows FROM pending('series');
SELECT id FROM series ORDER BY id;
-- a name beyond ASCII is compared by letters
CREATE TABLE letters (id int, "größe" int, "straße" text);
SELECT selfheal.watch('limits.letters');
INSERT INTO letters_intake VALUES ('{"id": 1, "GrößE": 1}'), ('{"id": 2, "straẞe": "one letter"}'), ('{"id": 3, "strasse": "two"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT reason FROM pending('letters');
SELECT id, strasse FROM letters;

--
-- New columns a day
--
SHOW selfheal.max_new_columns;
CREATE TABLE daily (id int);
SELECT selfheal.watch('limits.daily');
-- as if it had got 997 columns a moment ago
CREATE FUNCTION earlier(name text, columns int, by_itself boolean) RETURNS void LANGUAGE sql AS $$
	INSERT INTO selfheal.plan (relid, schema_name, table_name, steps, state, verdict, hash, schema_hash, proposed_by, applied_at)
	SELECT format('limits.%I', name)::regclass, 'limits', name, jsonb_build_object('relation', format('limits.%I', name), 'steps',
		jsonb_agg(jsonb_build_object('kind', 'add_column', 'column', format('c%s', i), 'type', 'bigint'))),
		'applied', CASE WHEN by_itself THEN 'auto' ELSE 'review' END, 'none', 'none', 'selfheal', clock_timestamp()
	FROM generate_series(1, columns) i
$$;
SELECT earlier('daily', 997, true), earlier('daily', 500, false);
INSERT INTO daily_intake VALUES ('{"id": 1, "alpha": 1, "beta": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
INSERT INTO daily_intake VALUES ('{"id": 2, "gamma": 1}'), ('{"id": 3, "delta": 1}'), ('{"id": 4, "epsilon": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('daily');
SELECT sql, policy, reason, rows FROM pending('daily');
SELECT class, column_name, state, reason FROM states('daily') WHERE state <> 'healed';
-- what the team has asked for is not a producer's doing
SELECT selfheal.hint('limits.daily', 'epsilon', type => 'smallint');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('daily');
-- approved; it does not count, and what is older than a day does not either
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'limits.daily';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('daily');
UPDATE selfheal.plan SET applied_at = applied_at - interval '25 hours' WHERE relid = 'limits.daily'::regclass AND verdict = 'auto';
SELECT earlier('daily', 997, true);
INSERT INTO daily_intake VALUES ('{"id": 5, "lambda": 1, "iota": 1, "omikron": 1}'), ('{"id": 6, "kappa": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('daily');
SELECT sql, reason FROM pending('daily');
-- another table has its own
CREATE TABLE other (id int);
SELECT selfheal.watch('limits.other');
INSERT INTO other_intake VALUES ('{"id": 1, "alpha": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('other');

-- never within 100 of PostgreSQL's limit, dropped columns and children counted
DO $$ BEGIN
	EXECUTE (SELECT format('CREATE TABLE many (id int, %s)', string_agg(format('c%s int', i), ', ')) FROM generate_series(1, 1497) i);
	ALTER TABLE many DROP COLUMN c1, DROP COLUMN c2;
	CREATE TABLE parent (id int);
	EXECUTE (SELECT format('CREATE TABLE child (%s) INHERITS (parent)', string_agg(format('c%s int', i), ', ')) FROM generate_series(1, 1498) i);
END $$;
SELECT selfheal.watch('limits.many');
SELECT selfheal.watch('limits.parent');
INSERT INTO many_intake VALUES ('{"id": 1, "one": 1, "two": 2}'), ('{"id": 2, "three": 3}');
INSERT INTO parent_intake VALUES ('{"id": 1, "one": 1}'), ('{"id": 2, "two": 2}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT max(attnum) FROM pg_attribute WHERE attrelid = 'limits.many'::regclass;
SELECT max(attnum) FROM pg_attribute WHERE attrelid = 'limits.child'::regclass;
SELECT class, column_name, state, reason FROM states('many') WHERE state <> 'healed';
SELECT class, column_name, state FROM states('parent');
SELECT count(*) FROM selfheal.pending WHERE table_name IN ('limits.many', 'limits.parent');
-- a person's own word goes further
SELECT verdict FROM selfheal.propose('limits.many', 'ALTER TABLE limits.many ADD three int', 'we want it');

--
-- max_width: a wider value is a bad one
--
CREATE TABLE width (id int, v varchar(10));
SELECT selfheal.watch('limits.width');
INSERT INTO width_intake VALUES (format('{"id": 1, "v": "%s"}', repeat('x', 10001))), (format('{"id": 2, "v": "%s"}', repeat('x', 10000)));
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, length(v) FROM width;
SELECT class, column_name, state FROM states('width');

--
-- hint(): the type, before the first row
--
CREATE TABLE typed (id int, note varchar(10), code varchar(4), tight numeric(6,2));
SELECT selfheal.watch('limits.typed');
SELECT selfheal.hint('limits.typed', 'Amount', type => 'numeric(12,2)');
SELECT selfheal.hint('limits.typed', 'day', 'text');
INSERT INTO typed_intake VALUES ('{"id": 1, "Amount": 5, "day": "2026-01-31"}'), ('{"id": 2, "Amount": "12.50"}'),
	('{"id": 3, "Amount": "a word"}'), ('{"id": 4, "Amount": 1.239}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('typed');
SELECT id, "Amount", day FROM typed ORDER BY id;
-- what does not fit is a bad value, and no inference widens it
SELECT * FROM held('typed');
SELECT class, column_name, state, reason FROM states('typed') WHERE state <> 'healed';
-- a first value that does not fit does not stand in the way of the next one
SELECT selfheal.hint('limits.typed', 'since', type => 'date');
INSERT INTO typed_intake VALUES ('{"id": 5, "since": "soon"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, payload FROM held('typed') WHERE payload LIKE '%since%';
INSERT INTO typed_intake VALUES ('{"id": 6, "since": "2026-02-01"}');
SELECT id, since FROM typed WHERE since IS NOT NULL;
-- of a column that is there: how far it is widened
SELECT selfheal.hint('limits.typed', 'note', type => 'text');
SELECT selfheal.hint('limits.typed', 'code', type => 'varchar(4)');
SELECT selfheal.hint('limits.typed', 'tight', type => 'numeric(7,2)');
INSERT INTO typed_intake VALUES ('{"id": 7, "note": "longer than ten"}'), ('{"id": 8, "code": "longer"}'),
	('{"id": 9, "tight": 12345.67}'), ('{"id": 10, "tight": 123456.78}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('typed');
SELECT id FROM typed WHERE id > 6 ORDER BY id;
SELECT class, column_name, payload FROM held('typed') WHERE payload ~ 'note|code|tight' ORDER BY 3;
-- another word, and what is held fits; taken back, and inference has the say
SELECT selfheal.hint('limits.typed', 'code', type => 'varchar(20)');
SELECT selfheal.unhint('limits.typed', 'tight');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, code, tight FROM typed WHERE id > 7 ORDER BY id;
SELECT columns('typed');

--
-- the type, after rows wait: no rename, a column of its own
--
CREATE TABLE late (id int, total int);
SELECT selfheal.watch('limits.late');
INSERT INTO late_intake VALUES ('{"id": 1, "Total": 1}'), ('{"id": 2, "tags": ["a"]}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT sql FROM pending('late');
SELECT selfheal.hint('limits.late', 'Total', type => 'text');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('late');
SELECT * FROM late ORDER BY id;
SELECT count(*) FROM pending('late');
SELECT state, reason FROM selfheal.plan WHERE relid = 'limits.late'::regclass ORDER BY id;
-- a mode that asks asks about this as well
SELECT selfheal.watch('limits.late', 'propose');
SELECT selfheal.hint('limits.late', 'soon', type => 'timestamptz');
INSERT INTO late_intake VALUES ('{"id": 3, "soon": "2026-01-01T00:00:00Z"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT sql, policy FROM pending('late');

--
-- ignore: rows are stored without the key
--
CREATE TABLE quiet (id int, level int);
SELECT selfheal.watch('limits.quiet');
INSERT INTO quiet_intake VALUES ('{"id": 1, "Level": {"a": 1}}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT state, held FROM states('quiet');
SELECT selfheal.hint('limits.quiet', 'Level', ignore => true);
SELECT selfheal.hint('limits.quiet', 'debug', ignore => true);
SELECT selfheal.hint('limits.quiet', '', ignore => true);
SELECT selfheal.hint('limits.quiet', 'ctid', ignore => true);
SELECT selfheal.hint('limits.quiet', repeat('k', 100), ignore => true);
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM quiet;
-- at once from then on, also names that no column can have; other keys are drift as ever
SELECT * FROM selfheal.ingest('limits.quiet', ARRAY['{"id": 2, "debug": 1}', '{"debug": "x", "id": 3}', '{"id": 4, "": 1, "ctid": 2}',
	format('{"id": 5, "%s": 1}', repeat('k', 100)), '{"id": 6, "debug": [], "more": 1}', '{"id": 7, "debug": 1, "debug": 2}']);
SELECT * FROM selfheal.preview('limits.quiet', '{"id": 1, "debug": {"x": [1]}}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM quiet ORDER BY id;
SELECT class, column_name, payload FROM held('quiet');
-- a failure that was reported with its payload is judged alike
SELECT selfheal.report_failure('limits.quiet', '{"id": 8, "debug": 1}', '40001', 'could not serialize access', NULL) > 0 AS reported;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id FROM quiet WHERE id = 8;
SELECT class, state FROM states('quiet') WHERE class IN ('retry', 'unknown_key') AND column_name IS DISTINCT FROM 'more';
-- taken back: a key like any other
SELECT selfheal.unhint('limits.quiet', 'debug');
INSERT INTO quiet_intake VALUES ('{"id": 9, "debug": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, debug FROM quiet WHERE debug IS NOT NULL;

--
-- rename_to: the value goes to that column
--
CREATE TABLE aliased (id int NOT NULL, customer varchar(8), tags jsonb DEFAULT '[]');
SELECT selfheal.watch('limits.aliased');
INSERT INTO aliased_intake VALUES ('{"id": 1, "Customer": "Ada"}'), ('{"id": 2, "Customer": "Grace Hopper"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT reason, rows FROM pending('aliased');
SELECT selfheal.hint('limits.aliased', 'Customer', rename_to => 'customer');
SELECT selfheal.hint('limits.aliased', 'custName', rename_to => 'customer');
SELECT selfheal.hint('limits.aliased', 'number', rename_to => 'id');
SELECT selfheal.hint('limits.aliased', repeat('l', 80), rename_to => 'tags');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
-- stored, and drift of the column that it goes to is healed there
SELECT * FROM aliased ORDER BY id;
SELECT columns('aliased');
-- side by side with the same value it is one; with another it is held
INSERT INTO aliased_intake VALUES
	('{"number": 3, "custName": "Edsger"}'),
	('{"id": 4, "customer": "same", "custName": "same"}'), ('{"id": 5, "custName": "same", "Customer": "same"}'),
	('{"id": 6, "customer": "one", "custName": "two"}'), ('{"custName": "two", "id": 7, "customer": "one"}'),
	('{"id": 8, "custName": "one", "Customer": "two"}'), ('{"id": 9, "customer": "one", "custName": null}'),
	('{"id": 10, "number": 10, "custName": null}'), ('{"number": null}'), ('{"number": 3000000000}'),
	(format('{"id": 11, "%s": {"a": [1]}}', repeat('l', 80)));
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM aliased WHERE id > 2 ORDER BY id;
SELECT * FROM held('aliased');
SELECT message FROM selfheal.quarantined WHERE table_name = 'limits.aliased' AND class = 'duplicate_key' ORDER BY id LIMIT 1;
-- by COPY, and under a privilege on some columns only
CREATE ROLE regress_loader;
GRANT USAGE ON SCHEMA limits TO regress_loader;
GRANT INSERT ON aliased_intake TO regress_loader;
GRANT INSERT (id) ON aliased TO regress_loader;
SET ROLE regress_loader;
COPY aliased_intake FROM STDIN (FORMAT ndjson);
{"number": 12}
{"id": 13, "custName": "x"}
\.
RESET ROLE;
SELECT id FROM aliased WHERE id BETWEEN 12 AND 99;
SELECT class, column_name, payload FROM held('aliased') WHERE class = 'permission';
-- the column is gone: no new one is made in its stead
ALTER TABLE aliased DROP COLUMN customer;
INSERT INTO aliased_intake VALUES ('{"id": 14, "custName": "where to"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('aliased');
SELECT class, column_name, state, reason FROM states('aliased') WHERE column_name = 'custName';
ALTER TABLE aliased ADD COLUMN client text;
SELECT selfheal.hint('limits.aliased', 'custName', rename_to => 'client');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, client FROM aliased WHERE id = 14;
-- a column of the key's own name comes first
ALTER TABLE aliased ADD COLUMN "custName" text;
INSERT INTO aliased_intake VALUES ('{"id": 15, "custName": "its own"}');
SELECT id, client, "custName" FROM aliased WHERE id = 15;

--
-- in the same transaction, and back again
--
CREATE TABLE undone (id int);
SELECT selfheal.watch('limits.undone');
BEGIN;
SELECT selfheal.hint('limits.undone', 'x', ignore => true);
SELECT * FROM selfheal.ingest('limits.undone', ARRAY['{"id": 1, "x": 1}']);
ROLLBACK;
SELECT * FROM selfheal.ingest('limits.undone', ARRAY['{"id": 2, "x": 1}']);
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
TABLE undone;

--
-- every argument, and who may
--
\set VERBOSITY sqlstate
SELECT selfheal.hint(NULL, 'k', ignore => true);
SELECT selfheal.hint('limits.undone', NULL, ignore => true);
SELECT selfheal.hint('limits.undone', 'k');
SELECT selfheal.hint('limits.undone', 'k', ignore => false);
SELECT selfheal.hint('limits.undone', 'k', 'text', true);
SELECT selfheal.hint('limits.undone', 'k', 'text', rename_to => 'id');
SELECT selfheal.hint('limits.undone', repeat('k', 1025), ignore => true);
SELECT selfheal.hint('limits.undone', 'k', type => 'no_such_type');
SELECT selfheal.hint('limits.undone', 'k', type => 'int; DROP TABLE limits.undone');
SELECT selfheal.hint('limits.undone', 'k', type => 'int[]');
SELECT selfheal.hint('limits.undone', 'k', type => 'serial');
SELECT selfheal.hint('limits.undone', 'k', type => 'numeric(2000,1)');
SELECT selfheal.hint('limits.undone', 'k', type => 'real');
SELECT selfheal.hint('limits.undone', 'k', type => 'char(3)');
SELECT selfheal.hint('limits.undone', 'k', type => 'regclass');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
SELECT selfheal.hint('limits.undone', 'k', type => 'limits.positive');
SELECT selfheal.hint('limits.undone', 'k', type => 'positive');
SELECT selfheal.hint('limits.undone', 'id', type => 'text');
SELECT selfheal.hint('limits.undone', '', type => 'text');
SELECT selfheal.hint('limits.undone', 'xmin', type => 'text');
SELECT selfheal.hint('limits.undone', repeat('k', 64), type => 'text');
SELECT selfheal.hint('limits.undone', 'id', ignore => true);
SELECT selfheal.hint('limits.undone', 'id', rename_to => 'x');
SELECT selfheal.hint('limits.undone', 'k', rename_to => 'nothing');
SELECT selfheal.hint('limits.undone', 'k', rename_to => 'ctid');
SELECT selfheal.hint('limits.undone', 'k', rename_to => repeat('k', 80));
SELECT selfheal.hint('limits.orders', 'k', rename_to => 'twice');
CREATE TABLE unwatched (id int);
SELECT selfheal.hint('limits.unwatched', 'k', ignore => true);
SELECT selfheal.hint('limits.undone_intake', 'k', ignore => true);
SELECT selfheal.hint('pg_class', 'k', ignore => true);
SELECT selfheal.unhint('limits.undone', 'k');
SELECT selfheal.unhint('limits.undone', NULL);
CREATE ROLE regress_operator;
GRANT USAGE ON SCHEMA limits TO regress_operator;
GRANT SELECT, INSERT ON undone TO regress_operator;
SET ROLE regress_operator;
SELECT selfheal.hint('limits.undone', 'k', ignore => true);
RESET ROLE;
SELECT selfheal.grant_to('regress_operator', 'operator');
SET ROLE regress_operator;
SELECT selfheal.hint('limits.undone', 'k', ignore => true);
SELECT selfheal.unhint('limits.undone', 'k');
INSERT INTO selfheal.hint VALUES ('limits.undone', 'k', 'text');
TABLE selfheal.hint;
RESET ROLE;
\set VERBOSITY default
ALTER TABLE undone OWNER TO regress_operator;
SET ROLE regress_operator;
SELECT selfheal.hint('limits.undone', 'k', ignore => true);
SELECT table_name, key, type, ignored, rename_to, hinted_by FROM selfheal.hints;
RESET ROLE;
SELECT event, actor_role, result FROM selfheal.audit WHERE table_name = 'undone' AND event = 'policy_changed' ORDER BY id;
SELECT event, result FROM selfheal.audit WHERE table_name = 'typed' AND event = 'policy_changed' ORDER BY id;
-- an operator of another table's owner sees nothing of it
SELECT count(*) > 5 AS all_of_them FROM selfheal.hints;

--
-- hints go where their table goes
--
ALTER TABLE undone RENAME TO moved;
SELECT * FROM selfheal.ingest('limits.moved', ARRAY['{"id": 3, "k": 1}']);
-- a swap load: the name is the table
BEGIN;
CREATE TABLE fresh (id int, x bigint);
ALTER TABLE moved RENAME TO moved_old;
ALTER TABLE fresh RENAME TO moved;
DROP TABLE moved_old CASCADE;
COMMIT;
SELECT relid, key, ignored FROM selfheal.hint WHERE key = 'k';
SELECT * FROM selfheal.ingest('limits.moved', ARRAY['{"id": 4, "k": 1}']);
TABLE moved;
-- and with its watch
DROP TABLE moved;
SELECT count(*) FROM selfheal.hint WHERE key = 'k';
SELECT selfheal.unwatch('limits.typed');
SELECT count(*) FROM selfheal.hint WHERE key = 'Amount';

-- the rule itself, pair by pair: every way to be alike, and to be not
CREATE TABLE pairs (a text, b text);
INSERT INTO pairs VALUES ('customer_id', 'CustomerID'), ('customer id', 'customer-id'), ('a.b', 'a_b'), ('amount', 'amuont'),
	('amount', 'amont'), ('amount', 'amounts'), ('amount', 'xamount'), ('amount', 'amoumt'), ('amount', 'amount2'),
	('a_1', 'a1'), ('name', 'nam'), ('cat', 'bat'), ('cat', 'cats'), ('line1', 'line2'), ('line1', 'line12'), ('line12', 'line21'),
	('2024_total', '2025 total'), ('line1', 'lineA'), ('abcd', 'abdce'), ('abcd', 'badc'), ('abcd', 'abcdef'), ('first', 'last');
CREATE FUNCTION suspected(a text, b text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
	result boolean;
BEGIN
	EXECUTE format('CREATE TABLE two (%I int)', a);
	SELECT bool_or(verdict = 'review') INTO result FROM selfheal.preview('limits.two', json_build_object(b, 1)::text);
	DROP TABLE two;
	RETURN result;
END
$$;
SELECT a, b, suspected(a, b) AS alike, suspected(b, a) = suspected(a, b) AS both_ways FROM pairs;

SELECT ok FROM selfheal.verify_audit();
SELECT selfheal.unwatch_all() > 5 AS unwatched;
SELECT count(*) FROM selfheal.hint;
DROP SCHEMA limits CASCADE;
DROP OWNED BY regress_loader, regress_operator;
DROP ROLE regress_loader, regress_operator;
