-- Who has set a rule is kept with the login, and told by name where its words
-- are masked; no rule of a login's own lets run what that proposes.
\pset format unaligned
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
SELECT current_user AS me \gset
CREATE ROLE mcppolicy_owner;
CREATE ROLE mcppolicy_agent LOGIN;
CREATE ROLE mcppolicy_person LOGIN;
GRANT mcppolicy_owner TO mcppolicy_agent, mcppolicy_person;
SELECT selfheal.grant_to(r, 'admin') FROM unnest('{mcppolicy_owner,mcppolicy_agent,mcppolicy_person}'::name[]) r;
CREATE SCHEMA mcppolicy AUTHORIZATION mcppolicy_owner;
GRANT USAGE ON SCHEMA mcppolicy TO mcppolicy_agent, mcppolicy_person;
CREATE TABLE mcppolicy.orders (id integer PRIMARY KEY, email varchar(8));
ALTER TABLE mcppolicy.orders OWNER TO mcppolicy_owner;
SELECT selfheal.watch('mcppolicy.orders');
SELECT selfheal.pause('mcppolicy.orders');
CREATE FUNCTION mcppolicy.call(name text, arguments jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT coalesce(r -> 'structured', r -> 'text') FROM selfheal.tool(name, arguments || '{"table": "mcppolicy.orders"}') r $$;
CREATE FUNCTION mcppolicy.apply(ddl text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT mcppolicy.call('apply_safe_ddl', jsonb_build_object('ddl', ddl, 'why', 'a test')) $$;
CREATE FUNCTION mcppolicy.rules(answer jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_agg(r - 'set_at' ORDER BY n) FROM jsonb_array_elements(answer -> 'rules') WITH ORDINALITY x(r, n) WHERE r ->> 'set_at' ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$' $$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA mcppolicy TO PUBLIC;

-- the login sets a rule under another role, and asks under its own name
\c - mcppolicy_agent
\pset format unaligned
SET ROLE mcppolicy_owner;
SELECT e ->> 'source' AS source, e ->> 'set_by' AS set_by, e ->> 'set_login' AS set_login, length(e ->> 'set_at') AS set_at
FROM jsonb_array_elements(mcppolicy.call('set_policy', '{"step": "drop_not_null", "cost": "metadata", "verdict": "auto"}') -> 'effective') e;
RESET ROLE;
SELECT set_by, set_login FROM selfheal.policy_effective('mcppolicy.orders') WHERE step = 'drop_not_null' AND cost = 'metadata';
SELECT a ->> 'state' AS state, a ->> 'policy' AS policy, mcppolicy.rules(a) AS rules FROM mcppolicy.apply('ALTER TABLE mcppolicy.orders ALTER email TYPE varchar(12)') a;

-- another's lets it
\c - mcppolicy_person
\pset format unaligned
SELECT selfheal.drop_policy('mcppolicy.orders', 'drop_not_null', 'metadata');
SELECT selfheal.set_policy('mcppolicy.orders', 'widen_type', 'metadata', 'auto');
\c - mcppolicy_agent
\pset format unaligned
SELECT a ->> 'state' AS state, a ->> 'policy' AS policy, mcppolicy.rules(a) AS rules FROM mcppolicy.apply('ALTER TABLE mcppolicy.orders ALTER email TYPE varchar(16)') a;

-- what is refused or waits says who wants it so, and no value
\c - mcppolicy_person
\pset format unaligned
SELECT selfheal.drop_policy('mcppolicy.orders', 'widen_type', 'metadata');
SET ROLE mcppolicy_owner;
SELECT selfheal.set_policy('mcppolicy.orders', 'add_column', 'metadata', 'deny');
SELECT selfheal.set_policy('mcppolicy.orders', 'widen_type', NULL, 'review');
\c - mcppolicy_agent
\pset format unaligned
SELECT mcppolicy.apply('ALTER TABLE mcppolicy.orders ADD COLUMN c integer') ->> 0 AS refused;
SELECT mcppolicy.rules(mcppolicy.call('execute_dry_run_migration', '{"ddl": "ALTER TABLE mcppolicy.orders ALTER email TYPE varchar(20)"}')) AS rules;
SELECT a ->> 'state' AS state, a ->> 'reason' ~ 'mcppolicy_owner' AS in_words, mcppolicy.rules(a) AS rules
FROM mcppolicy.apply('ALTER TABLE mcppolicy.orders ALTER email TYPE varchar(20)') a \gset
SELECT :'state' AS state, :'in_words' AS in_words, :'rules' AS rules;
SELECT mcppolicy.rules(mcppolicy.call('list_pending_plans', '{}') #> '{plans,0}') AS rules;
-- a rule that came later is none of those
RESET ROLE;
\c - mcppolicy_person
\pset format unaligned
SELECT selfheal.set_policy('mcppolicy.orders', 'widen_type', 'metadata', 'review');
SELECT mcppolicy.rules(mcppolicy.call('list_pending_plans', '{}') #> '{plans,0}') AS rules;
-- to say what is said already changes nothing, nor whose it is
SELECT selfheal.set_policy('mcppolicy.orders', 'widen_type', NULL, 'review');
\c - :me
SELECT step, cost, verdict, set_by, set_login FROM selfheal.policy WHERE relid = 'mcppolicy.orders'::regclass ORDER BY step, cost;
SET client_min_messages = warning;
SELECT selfheal.unwatch('mcppolicy.orders');
DROP SCHEMA mcppolicy CASCADE;
DROP OWNED BY mcppolicy_owner, mcppolicy_agent, mcppolicy_person;
DROP ROLE mcppolicy_owner, mcppolicy_agent, mcppolicy_person;
