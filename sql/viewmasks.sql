-- Whom row security of a table binds is told by the views and by explain() what
-- broke and what is planned, and of no value of a row: whose it is nobody knows.
\set VERBOSITY terse
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA viewmasks;
SET search_path = viewmasks, public;
CREATE ROLE viewmasks_owner;
CREATE ROLE viewmasks_tenant;
CREATE ROLE viewmasks_auditor;
GRANT pg_read_all_data TO viewmasks_auditor;
SELECT selfheal.grant_to(r, 'viewer') FROM unnest('{viewmasks_owner,viewmasks_tenant,viewmasks_auditor}'::name[]) r;
GRANT USAGE ON SCHEMA viewmasks TO viewmasks_owner, viewmasks_tenant, viewmasks_auditor;

-- a value of rows that are held, in reasons, statements, keys of an order, what a contract took away and DDL
CREATE TYPE colour AS ENUM ('red', 'green');
ALTER TYPE colour OWNER TO viewmasks_owner;
CREATE TABLE orders (id integer PRIMARY KEY, tenant text, day date, colour colour, gone integer);
CREATE TABLE sorted (id integer PRIMARY KEY, customer text, n integer);
CREATE TABLE frozen (id integer PRIMARY KEY, n integer);
ALTER TABLE orders OWNER TO viewmasks_owner;
ALTER TABLE sorted OWNER TO viewmasks_owner;
ALTER TABLE frozen OWNER TO viewmasks_owner;
GRANT SELECT ON orders, sorted, frozen TO viewmasks_tenant;
SELECT selfheal.watch('orders', share_values => 'full'), selfheal.watch('sorted', ordering_key => 'customer', share_values => 'full'), selfheal.watch('frozen', share_values => 'full');
SELECT selfheal.set_contract('frozen', types => 'discard_value') \g /dev/null
INSERT INTO orders_intake VALUES ('{"id": 1, "tenant": "b", "day": "zulukumquat"}'), ('{"id": 2, "tenant": "b", "colour": "zulukumquat"}') \g /dev/null
INSERT INTO sorted_intake VALUES ('{"id": 1, "customer": "zulukumquat", "n": "zulukumquat"}'), ('{"id": 2, "customer": "zulukumquat", "n": 2}') \g /dev/null
INSERT INTO frozen_intake VALUES ('{"id": 1, "n": "zulukumquat"}') \g /dev/null
SELECT selfheal.wait_idle() ->> 'idle' AS idle;
ALTER TABLE orders ALTER tenant SET DEFAULT 'zulukumquat';
SELECT selfheal.wait_idle() ->> 'idle' AS idle;
SELECT plan_id AS by_hand FROM selfheal.propose('orders', 'ALTER TABLE orders ALTER gone SET DEFAULT 4711', 'zulukumquat came') \gset
SELECT id AS incident FROM selfheal.incidents WHERE table_name = 'viewmasks.orders' AND column_name = 'colour' \gset
-- what Claude would have thought of it, with rows to look at
UPDATE selfheal.plan SET options = jsonb_build_array(jsonb_build_object('option', 'zulukumquat is a colour', 'rows',
	(SELECT jsonb_agg(q.id) FROM selfheal.quarantine q WHERE q.relid = 'orders'::regclass))), explanation = 'zulukumquat came'
WHERE relid = 'orders'::regclass AND state = 'awaiting_approval';
-- where it is told, and whether there is anything at all
CREATE FUNCTION tells() RETURNS TABLE (place text, shown boolean, tells boolean) LANGUAGE sql AS $$
	SELECT 'incidents', count(*) > 0, count(*) FILTER (WHERE v::text LIKE '%zulukumquat%') > 0 FROM selfheal.incidents v WHERE table_name LIKE 'viewmasks.%'
	UNION ALL SELECT 'pending', count(*) > 0, count(*) FILTER (WHERE v::text LIKE '%zulukumquat%') > 0 FROM selfheal.pending v WHERE table_name LIKE 'viewmasks.%'
	UNION ALL SELECT 'pending: samples', count(*) > 0, count(samples) > 0 FROM selfheal.pending v WHERE table_name LIKE 'viewmasks.%'
	UNION ALL SELECT 'pending: numbers of a statement', count(*) > 0, count(*) FILTER (WHERE sql LIKE '%4711%') > 0 FROM selfheal.pending v WHERE table_name LIKE 'viewmasks.%'
	UNION ALL SELECT 'history', count(*) > 0, count(*) FILTER (WHERE v::text LIKE '%zulukumquat%') > 0 FROM selfheal.history v WHERE table_name LIKE 'viewmasks.%'
	UNION ALL SELECT 'waiting', count(*) > 0, count(*) FILTER (WHERE v::text LIKE '%zulukumquat%') > 0 FROM selfheal.waiting v WHERE table_name LIKE 'viewmasks.%'
	UNION ALL SELECT 'discarded', count(*) > 0, count(*) FILTER (WHERE v::text LIKE '%zulukumquat%') > 0 FROM selfheal.discarded v WHERE table_name LIKE 'viewmasks.%'
	UNION ALL SELECT 'schema_version: statement', count(*) > 0, count(*) FILTER (WHERE statement LIKE '%zulukumquat%') > 0 FROM selfheal.schema_version v WHERE table_name LIKE 'viewmasks.%'
	UNION ALL SELECT 'explain', count(*) > 0, count(*) FILTER (WHERE t LIKE '%zulukumquat%') > 0 FROM selfheal.incidents i, selfheal.explain(i.id) t
		WHERE i.table_name = 'viewmasks.orders' AND t LIKE 'Incident %'
$$;
GRANT EXECUTE ON FUNCTION tells TO PUBLIC;
SELECT * FROM tells();
SET ROLE viewmasks_tenant;
SELECT * FROM tells();
RESET ROLE;

ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
ALTER TABLE sorted ENABLE ROW LEVEL SECURITY;
ALTER TABLE frozen ENABLE ROW LEVEL SECURITY;
SET ROLE viewmasks_tenant;
SELECT * FROM tells();
-- what is left of them
SELECT class, column_name, reason, sql FROM selfheal.incidents WHERE table_name = 'viewmasks.orders' ORDER BY class;
SELECT sql, reason, explanation, options #>> '{0,option}' AS option, forecast ->> 'lock' AS lock, why FROM selfheal.pending WHERE table_name = 'viewmasks.orders' ORDER BY plan_id;
SELECT key, rows_waiting, column_name FROM selfheal.waiting WHERE table_name = 'viewmasks.sorted';
-- who cannot have the rows does not find out by asking for one of his own, either
SELECT count(*) AS found FROM selfheal.incidents WHERE reason LIKE '%zulukumquat%' AND table_name LIKE 'viewmasks.%';
SET row_security = off;
SELECT count(*) FILTER (WHERE shown) AS shown, count(*) FILTER (WHERE tells) AS tell FROM tells();
RESET row_security;
-- reading all data is not to be above row security
SET ROLE viewmasks_auditor;
SELECT count(*) FILTER (WHERE shown) AS shown, count(*) FILTER (WHERE tells) AS tell FROM tells();
-- its owner is told all, unless it binds him as well
SET ROLE viewmasks_owner;
SELECT count(*) FILTER (WHERE shown) AS shown, count(*) FILTER (WHERE tells) AS tell FROM tells();
RESET ROLE;
ALTER TABLE orders FORCE ROW LEVEL SECURITY;
ALTER TABLE sorted FORCE ROW LEVEL SECURITY;
ALTER TABLE frozen FORCE ROW LEVEL SECURITY;
SET ROLE viewmasks_owner;
SELECT count(*) FILTER (WHERE shown) AS shown, count(*) FILTER (WHERE tells) AS tell FROM tells();
RESET ROLE;
SELECT count(*) FILTER (WHERE shown) AS shown, count(*) FILTER (WHERE tells) AS tell FROM tells();

-- a story of a table that is gone is for who may read all, as the views have it
DROP TABLE orders CASCADE;
SET ROLE viewmasks_tenant;
\set VERBOSITY sqlstate
SELECT selfheal.explain(:incident);
\set VERBOSITY terse
SET ROLE viewmasks_auditor;
SELECT selfheal.explain(:incident) LIKE 'Incident %' AS told;
RESET ROLE;
-- the words themselves
SELECT selfheal.told('sorted', 'Key (id)=(5) is red', r) AS told, selfheal.told_name('sorted', 'a@b', r) AS name, selfheal.told_sql('sorted', 'ALTER TABLE sorted ALTER n SET DEFAULT 7', r) AS sql
FROM unnest(ARRAY['viewmasks_tenant', 'viewmasks_auditor', current_user]::regrole[]::oid[]) r;
SELECT selfheal.told(NULL, 'red') AS gone, selfheal.told('sorted', NULL) AS nothing, selfheal.named_table('viewmasks', 'sorted') AS named, selfheal.named_table('viewmasks', 'no') AS none, selfheal.named_table(NULL, 'x') AS null;

SELECT selfheal.unwatch('sorted'), selfheal.unwatch('frozen') \g /dev/null
DROP SCHEMA viewmasks CASCADE;
DROP OWNED BY viewmasks_owner, viewmasks_tenant, viewmasks_auditor;
DROP ROLE viewmasks_owner, viewmasks_tenant, viewmasks_auditor;
