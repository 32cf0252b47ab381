--
-- runbook: the team's own words about a table.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA rb;
SET search_path = rb;
CREATE TABLE orders (id integer PRIMARY KEY);
\set VERBOSITY terse
SELECT selfheal.set_runbook('orders', 'words');
SELECT selfheal.runbook('orders');
SELECT selfheal.watch('orders');
SELECT selfheal.runbook('orders') IS NULL AS none;
SELECT selfheal.set_runbook('orders', 'Amounts are in cents; ask the shop''s team.');
SELECT selfheal.runbook('orders');
-- the same again changes nothing; other words take their place
SELECT selfheal.set_runbook('orders', 'Amounts are in cents; ask the shop''s team.');
SELECT selfheal.set_runbook('orders', E'Two lines:\nit''s "quoted" and ÄÖ.');
SELECT selfheal.runbook('orders'), written_by = current_user AS mine FROM selfheal.runbook WHERE relid = 'orders'::regclass;
-- bounded
SELECT selfheal.set_runbook('orders', repeat('x', 8193));
SELECT selfheal.set_runbook('orders', repeat('ä', 4097));
SELECT selfheal.set_runbook('orders', repeat('ä', 4096));
SELECT octet_length(selfheal.runbook('orders'));
SELECT selfheal.set_runbook(NULL, 'x');
SELECT selfheal.set_runbook('pg_class', 'x');
-- follows a rename, goes with the watch
ALTER TABLE orders RENAME TO sales;
SELECT octet_length(selfheal.runbook('sales'));
SELECT selfheal.set_runbook('sales', '');
SELECT selfheal.runbook('sales') IS NULL AS none;
SELECT selfheal.set_runbook('sales', NULL);
SELECT result, left(explanation, 20) AS words, actor_role = current_user AS mine FROM selfheal.audit
WHERE schema_name = 'rb' AND result LIKE 'runbook%' ORDER BY id;
SELECT selfheal.set_runbook('sales', 'once more');
-- who may write and who may read
CREATE ROLE rb_owner;
CREATE ROLE rb_reader;
CREATE ROLE rb_stranger;
SELECT selfheal.grant_to('rb_owner', 'admin'), selfheal.grant_to('rb_reader', 'viewer'), selfheal.grant_to('rb_stranger', 'operator');
GRANT USAGE ON SCHEMA rb TO rb_owner, rb_reader, rb_stranger;
GRANT SELECT ON sales TO rb_reader;
SET ROLE rb_reader;
SELECT selfheal.runbook('sales');
SELECT selfheal.set_runbook('sales', 'mine');
SET ROLE rb_stranger;
SELECT selfheal.runbook('sales');
SELECT selfheal.set_runbook('sales', 'mine');
SELECT * FROM selfheal.runbook;
SET ROLE rb_owner;
SELECT selfheal.set_runbook('sales', 'mine');
RESET ROLE;
ALTER TABLE sales OWNER TO rb_owner;
SET ROLE rb_owner;
SELECT selfheal.set_runbook('sales', 'mine');
SELECT selfheal.runbook('sales');
RESET ROLE;
SELECT selfheal.unwatch('sales');
SELECT count(*) FROM selfheal.runbook WHERE text = 'mine';
DROP TABLE sales;
DROP OWNED BY rb_owner, rb_reader, rb_stranger;
DROP ROLE rb_owner, rb_reader, rb_stranger;
DROP SCHEMA rb CASCADE;
