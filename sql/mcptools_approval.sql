--
-- Who approves what an agent has proposed over MCP: not the login that
-- proposed it, unless somebody else has said so; and what policy lets run.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
SELECT current_user AS me \gset
CREATE ROLE ma_owner;
CREATE ROLE ma_agent LOGIN;
CREATE ROLE ma_person LOGIN;
CREATE ROLE ma_team;
GRANT ma_team TO ma_agent, ma_person;
GRANT ma_owner TO ma_person;
SELECT selfheal.grant_to('ma_agent', 'operator'), selfheal.grant_to('ma_person', 'admin'), selfheal.grant_to('ma_team', 'operator');
CREATE SCHEMA ma AUTHORIZATION ma_owner;
GRANT USAGE ON SCHEMA ma TO ma_agent, ma_team, ma_person;
CREATE TABLE ma.orders (id integer PRIMARY KEY, email varchar(8));
ALTER TABLE ma.orders OWNER TO ma_owner;
GRANT SELECT, INSERT ON ma.orders TO ma_agent, ma_team;
SELECT selfheal.watch('ma.orders', 'propose');
CREATE FUNCTION ma.apply(ddl text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT r -> 'structured' FROM selfheal.tool('apply_safe_ddl', jsonb_build_object('table', 'ma.orders', 'ddl', ddl, 'why', 'a test')) r $$;
CREATE FUNCTION ma.approve(p bigint) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(r ->> 'text', r #>> '{structured,state}') FROM (SELECT selfheal.tool('approve_plan', jsonb_build_object('plan', p,
		'plan_hash', (SELECT x ->> 'plan_hash' FROM jsonb_array_elements(selfheal.tool('list_pending_plans', jsonb_build_object('plan', p)) #> '{structured,plans}') x))) r) y $$;
CREATE FUNCTION ma.state(p bigint) RETURNS text LANGUAGE sql AS $$
	SELECT x ->> 'state' FROM jsonb_array_elements(selfheal.tool('list_pending_plans', jsonb_build_object('plan', p)) #> '{structured,plans}') x $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ma TO PUBLIC;

-- what an agent proposes waits for another login, by MCP and by SQL, whatever role it takes
\c - ma_agent
\set VERBOSITY sqlstate
SELECT (ma.apply('ALTER TABLE ma.orders ADD COLUMN a integer') ->> 'plan')::bigint AS a \gset
SELECT ma.state(:a) AS state;
SELECT regexp_replace(ma.approve(:a), '[0-9]+', 'N') AS its_own;
SELECT selfheal.approve(:a);
SET ROLE ma_team;
SELECT selfheal.approve(:a);
SELECT regexp_replace(ma.approve(:a), '[0-9]+', 'N') AS as_its_team;
RESET ROLE;
-- proposed by the login under another role
SET ROLE ma_team;
SELECT (ma.apply('ALTER TABLE ma.orders ADD COLUMN b integer') ->> 'plan')::bigint AS b \gset
RESET ROLE;
SELECT selfheal.approve(:b);
-- by SQL, as a person does, nothing has changed
SELECT plan_id AS by_sql FROM selfheal.propose('ma.orders', 'ALTER TABLE ma.orders ADD COLUMN c integer', 'a test') \gset
SELECT selfheal.approve(:by_sql);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
-- it may turn its own down
SELECT (ma.apply('ALTER TABLE ma.orders ADD COLUMN d integer') ->> 'plan')::bigint AS d \gset
SELECT selfheal.tool('reject_plan', jsonb_build_object('plan', :d, 'why', 'a mistake')) #>> '{structured,state}' AS state;
-- it has no tool and no right by which it could let itself
SELECT count(*) FROM jsonb_array_elements(selfheal.tools()) t WHERE t::text ~ 'self_approval';
SELECT selfheal.set_self_approval('ma.orders', true);
\c - ma_person
SELECT ma.approve(:a) AS another;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT ma.state(:a) AS state, ma.state(:by_sql) AS by_sql;

-- the team says so: the table's owner, another login; a table's own word comes before that of all tables
SELECT selfheal.set_self_approval('ma.orders', true);
\c - ma_agent
SELECT ma.approve(:b) AS its_own;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT (ma.apply('ALTER TABLE ma.orders ADD COLUMN e integer') ->> 'plan')::bigint AS e \gset
\c - ma_person
SELECT selfheal.set_self_approval('ma.orders', false);
\set VERBOSITY terse
SELECT selfheal.set_self_approval(NULL, true);
SELECT selfheal.set_self_approval('ma.nothing', true);
\c - :me
SELECT selfheal.set_self_approval(NULL, true);
\c - ma_agent
\set VERBOSITY sqlstate
SELECT selfheal.approve(:e);
\c - ma_person
SELECT selfheal.set_self_approval('ma.orders', NULL);
SELECT selfheal.set_self_approval('ma.orders', NULL);
\c - ma_agent
SELECT ma.approve(:e) AS its_own;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
\c - :me
SELECT selfheal.set_self_approval(NULL, NULL);
SELECT a.actor_role = session_user AS by_me, a.table_name, a.result FROM selfheal.audit a
WHERE a.event = 'policy_changed' AND a.result LIKE 'approval by the agent%' AND (a.schema_name = 'ma' OR a.table_name IS NULL) ORDER BY a.id;
SELECT count(*) FROM selfheal.self_approval WHERE relid IS NULL OR relid = 'ma.orders'::regclass;
-- an agent that has the right to say it, and owns the table, says it in vain for itself, by whatever role
SELECT selfheal.grant_to('ma_agent', 'admin');
GRANT ma_owner TO ma_agent;
\c - ma_agent
\set VERBOSITY sqlstate
SELECT selfheal.set_self_approval('ma.orders', true);
SELECT (ma.apply('ALTER TABLE ma.orders ADD COLUMN f integer') ->> 'plan')::bigint AS f \gset
SELECT selfheal.approve(:f);
\c - ma_person
SELECT ma.approve(:f) AS another;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.set_self_approval('ma.orders', NULL);

-- policy: what it lets run is applied by the healer, with the rows that wait for it
SELECT selfheal.watch('ma.orders', 'auto');
INSERT INTO ma.orders VALUES (1, 'x');
\c - ma_agent
SET client_min_messages = warning;
INSERT INTO ma.orders_intake VALUES ('{"id": 2, "email": "x", "nick": "y"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT a ->> 'state' AS state, a ->> 'waits_for' AS waits_for, a ->> 'verdict' AS verdict, a ->> 'policy' AS policy, (a ->> 'plan')::bigint AS wider
FROM ma.apply('ALTER TABLE ma.orders ALTER email TYPE varchar(100)') a \gset
SELECT :'state' AS state, :'waits_for' AS waits_for, :'verdict' AS verdict, :'policy' AS policy;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT ma.state(:wider) AS how_it_ended, atttypmod - 4 AS width FROM pg_attribute WHERE attrelid = 'ma.orders'::regclass AND attname = 'email';
-- what waits by policy waits
SELECT a ->> 'state' AS state, a ->> 'policy' AS policy FROM ma.apply('ALTER TABLE ma.orders ADD COLUMN g integer') a;
-- a rule of its own does not let it run what it asks for; another's does
SELECT selfheal.tool('set_policy', '{"table": "ma.orders", "step": "widen_type", "cost": "metadata", "verdict": "auto"}') ->> 'is_error' AS is_error;
SELECT a ->> 'state' AS state, a ->> 'policy' AS policy, a ->> 'reason' AS reason FROM ma.apply('ALTER TABLE ma.orders ALTER email TYPE varchar(200)') a;
\c - ma_person
SELECT selfheal.set_policy('ma.orders', 'widen_type', 'metadata', 'review');
SELECT selfheal.set_policy('ma.orders', 'widen_type', 'metadata', 'auto');
SELECT set_by FROM selfheal.policy_effective('ma.orders') WHERE step = 'widen_type' AND cost = 'metadata';
\c - ma_agent
SELECT a ->> 'state' AS state, a ->> 'policy' AS policy, (a ->> 'plan')::bigint AS wider FROM ma.apply('ALTER TABLE ma.orders ALTER email TYPE varchar(300)') a \gset
SELECT :'state' AS state, :'policy' AS policy;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT ma.state(:wider) AS how_it_ended;
-- under four_eyes a person sees all of it
\c - :me
SELECT count(*) FROM selfheal.plan WHERE schema_name = 'ma' AND state = 'approved';
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET selfheal.four_eyes = on', current_database()); END $$;
\c - ma_agent
SELECT a ->> 'state' AS state, a ->> 'reason' AS reason FROM ma.apply('ALTER TABLE ma.orders ALTER email TYPE varchar(400)') a;
\c - :me
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET selfheal.four_eyes', current_database()); END $$;
-- as it stands with the plans, and in the audit
SELECT sql, state, agent, proposed_by, proposed_login, decided_by, decided_login FROM selfheal.plan WHERE schema_name = 'ma' ORDER BY id;
SELECT event, actor_role, regexp_replace(result, ' at [-0-9: UTC]+', '') AS result FROM selfheal.audit WHERE schema_name = 'ma' AND plan = :wider AND actor_client <> 'selfheal worker' ORDER BY id;
SET client_min_messages = warning;
SELECT selfheal.set_self_approval('ma.orders', true);
SELECT selfheal.unwatch('ma.orders');
-- it goes with the watch
SELECT count(*) FROM selfheal.self_approval WHERE relid = 'ma.orders'::regclass;
DROP SCHEMA ma CASCADE;
DROP OWNED BY ma_owner, ma_agent, ma_person, ma_team;
DROP ROLE ma_owner, ma_agent, ma_person, ma_team;
