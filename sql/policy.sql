--
-- What may run by itself: set_policy(), drop_policy(), policy_effective();
-- what an approval binds; who may approve (selfheal.four_eyes); and where
-- tables may be changed at all (selfheal.allowed_schemas).
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA ruled;
SET search_path = ruled, public;
-- who and when stand in reasons and in the audit: without the time
CREATE FUNCTION timeless(t text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(t, ' at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC', ' at --', 'g'), 'set by \w+ at', 'set by -- at', 'g')
$$;
CREATE FUNCTION effective(name regclass, OUT step text, OUT cost text, OUT verdict text, OUT source text, OUT size_limit text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT step, cost, verdict, source, pg_size_pretty(size_limit) FROM selfheal.policy_effective(name)
	WHERE step IN ('add_column', 'widen_type', 'drop_not_null', 'add_enum_label')
$$;
CREATE FUNCTION states(name text, OUT class text, OUT column_name text, OUT state text, OUT held bigint, OUT reason text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT class, column_name, state, rows_held, ruled.timeless(reason)
	FROM selfheal.incidents WHERE table_name = 'ruled.' || name ORDER BY id
$$;
CREATE FUNCTION plans(name text, OUT sql text, OUT state text, OUT policy text, OUT reason text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT sql, state, policy, ruled.timeless(reason)
	FROM selfheal.plan WHERE schema_name = 'ruled' AND table_name = name ORDER BY id
$$;
CREATE FUNCTION changes(after bigint, OUT table_name text, OUT role text, OUT result text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT table_name, CASE WHEN actor_role LIKE 'regress%' THEN actor_role ELSE 'superuser' END, result
	FROM selfheal.audit WHERE event = 'policy_changed' AND id > after ORDER BY id
$$;
CREATE FUNCTION verdicts(name regclass, VARIADIC ddl text[]) RETURNS TABLE (ddl text, verdict text, reason text)
	LANGUAGE sql AS $$
	SELECT d, v.verdict, ruled.timeless(v.reason) FROM unnest(ddl) WITH ORDINALITY AS u(d, n),
		selfheal.vet(name, format('ALTER TABLE %s %s', name, d)) v ORDER BY n
$$;
SELECT coalesce(max(id), 0) AS start FROM selfheal.audit \gset

--
-- what is built in, and what a rule says instead: the most specific counts
--
CREATE TABLE costs (id int, plain varchar(4), indexed varchar(4), checked varchar(4) CHECK (checked <> 'no'), must int NOT NULL);
CREATE INDEX ON costs (lower(indexed));
CREATE VIEW costs_view AS SELECT must FROM costs;
SELECT selfheal.watch('ruled.costs');
\set ddl '''ADD x int'', ''ALTER plain TYPE varchar(8)'', ''ALTER indexed TYPE varchar(8)'', ''ALTER checked TYPE varchar(8)'', ''ALTER id TYPE bigint'', ''ALTER must DROP NOT NULL'', ''ALTER must TYPE bigint'''
SELECT * FROM effective('costs');
SELECT ddl, verdict, left(reason, 60) FROM verdicts('costs', :ddl);
-- default for all tables and anything
SELECT selfheal.set_policy(verdict => 'deny');
SELECT DISTINCT verdict, source FROM effective('costs') ORDER BY 1;
SELECT * FROM verdicts('costs', :ddl);
-- a cost is more specific than anything, a step than a cost, both than one
SELECT selfheal.set_policy(cost => 'metadata', verdict => 'review');
SELECT selfheal.set_policy(step => 'widen_type', verdict => 'auto');
SELECT selfheal.set_policy(NULL, 'widen_type', 'rewrite', 'review');
SELECT * FROM effective('costs');
SELECT * FROM verdicts('costs', :ddl);
-- the table comes first, and its most general word before all of the default's
SELECT selfheal.set_policy('costs', verdict => 'review');
SELECT DISTINCT verdict, source FROM effective('costs');
SELECT selfheal.set_policy('costs', 'drop_not_null', 'metadata', 'auto');
SELECT selfheal.set_policy('costs', NULL, 'index', 'deny');
SELECT * FROM effective('costs') WHERE verdict <> 'review';
SELECT * FROM verdicts('costs', :ddl);
-- two steps of one plan: the gravest
SELECT * FROM verdicts('costs', 'ALTER must DROP NOT NULL, ALTER indexed TYPE text', 'ALTER must DROP NOT NULL, ADD x int', 'ALTER must DROP NOT NULL');
-- each step by what it costs itself, not by what the plan does
SELECT selfheal.set_policy('costs', 'widen_type', 'metadata', 'deny');
SELECT selfheal.set_policy('costs', 'widen_type', 'index', 'auto');
SELECT ddl, verdict FROM verdicts('costs', 'ALTER plain TYPE text, ALTER indexed TYPE text', 'ALTER indexed TYPE text', 'ALTER plain TYPE text');
SELECT selfheal.drop_policy('costs', 'widen_type', 'metadata');
SELECT selfheal.drop_policy('costs', 'widen_type', 'index');
-- another table has the default's alone; so has whoever asks of none
CREATE TABLE other (id int);
SELECT DISTINCT source FROM effective('other');
SELECT DISTINCT source FROM effective(NULL);
SELECT (SELECT array_agg(e) FROM effective('other') e) = (SELECT array_agg(e) FROM effective(NULL) e) AS same;
-- said once more it changes nothing, said otherwise it takes the place
SELECT set_at AS before FROM selfheal.policy WHERE relid = 'costs'::regclass AND cost = 'index' \gset
SELECT selfheal.set_policy('costs', NULL, 'index', 'deny');
SELECT set_at = :'before' AS untouched FROM selfheal.policy WHERE relid = 'costs'::regclass AND cost = 'index';
SELECT selfheal.set_policy('costs', NULL, 'index', 'auto');
SELECT verdict, set_at > :'before' AS later, set_by = current_user AS by_me FROM selfheal.policy
WHERE relid = 'costs'::regclass AND cost = 'index';
SELECT verdict, source, set_at > :'before' AS later, set_by = current_user AS by_me, timeless(reason)
FROM selfheal.policy_effective('costs') WHERE cost = 'index';
-- taken back one by one
SELECT selfheal.drop_policy('costs', NULL, 'index');
SELECT selfheal.drop_policy('costs', 'drop_not_null', 'metadata');
SELECT selfheal.drop_policy('costs');
SELECT DISTINCT source FROM effective('costs');
SELECT selfheal.drop_policy();
SELECT selfheal.drop_policy(step => 'widen_type');
SELECT selfheal.drop_policy(cost => 'metadata');
SELECT selfheal.drop_policy(NULL, 'widen_type', 'rewrite');
SELECT count(*) AS rules FROM selfheal.policy;
SELECT DISTINCT source FROM effective('costs');
-- subscribers_heal is short for a rule
SELECT selfheal.set_policy('costs', subscribers_heal => true);
SELECT * FROM effective('costs') WHERE source <> 'built-in';
SELECT selfheal.set_policy('costs', subscribers_heal => false);
SELECT selfheal.set_policy('costs', subscribers_heal => false);
SELECT count(*) AS rules FROM selfheal.policy;
-- every change is in the record, with what was and what is
SELECT * FROM changes(:start);
SELECT count(*) = 1 AS shown FROM selfheal.history WHERE event = 'policy_changed' AND result LIKE 'policy of ruled.costs: any step, cost index: auto, was deny';
-- the mode stands above the rules, and is itself recorded
SELECT coalesce(max(id), 0) AS start FROM selfheal.audit \gset
SELECT selfheal.set_policy('costs', verdict => 'auto');
SELECT selfheal.watch('ruled.costs', 'propose');
SELECT DISTINCT verdict, source FROM effective('costs');
SELECT timeless(reason) FROM selfheal.policy_effective('costs') WHERE step = 'add_column' AND cost = 'metadata';
SELECT verdict FROM verdicts('costs', 'ADD x int', 'ALTER must DROP NOT NULL');
SELECT selfheal.watch('ruled.costs', 'auto');
SELECT result FROM changes(:start);

--
-- bad arguments: the words are looked at, and whether the rule could count
--
SELECT selfheal.set_policy('costs');
SELECT selfheal.set_policy('costs', verdict => 'refuse');
SELECT selfheal.set_policy('costs', 'drop_column', verdict => 'auto');
SELECT selfheal.set_policy('costs', cost => 'lock', verdict => 'auto');
SELECT selfheal.set_policy('costs', '', verdict => 'auto');
SELECT selfheal.set_policy('costs', 'Add_Column', verdict => 'auto');
SELECT selfheal.set_policy('costs', 'add_column', 'rewrite', 'deny');
SELECT selfheal.set_policy('costs', 'convert_type', verdict => 'auto');
SELECT selfheal.set_policy('costs', 'drop_not_null', 'dependents', 'auto');
SELECT selfheal.set_policy('costs', cost => 'published', verdict => 'auto', subscribers_heal => true);
SELECT selfheal.set_policy('costs', 'add_column', subscribers_heal => true);
SELECT selfheal.set_policy('other', verdict => 'deny');
SELECT selfheal.set_policy('costs_view', verdict => 'deny');
SELECT selfheal.set_policy('pg_class', verdict => 'deny');
CREATE FOREIGN DATA WRAPPER regress_policy;
CREATE SERVER regress_policy FOREIGN DATA WRAPPER regress_policy;
CREATE FOREIGN TABLE far (id int) SERVER regress_policy;
SELECT selfheal.set_policy('far', verdict => 'auto');
DROP FOREIGN DATA WRAPPER regress_policy CASCADE;
SELECT selfheal.set_policy(4294967295, verdict => 'deny');
SELECT selfheal.drop_policy('costs', 'add_column');
SELECT selfheal.drop_policy('costs', 'nothing');
SELECT selfheal.drop_policy();
SELECT selfheal.policy_effective('costs_view');
SELECT selfheal.policy_effective('selfheal.policy');
SELECT verdict, step, cost FROM selfheal.policy;
SELECT selfheal.drop_policy('costs');

--
-- who may: a table's rules are its owner's, those of all tables the extension owner's
--
CREATE ROLE regress_admin;
CREATE ROLE regress_owner;
CREATE ROLE regress_viewer;
CREATE ROLE regress_operator;
SELECT selfheal.grant_to('regress_admin', 'admin');
SELECT selfheal.grant_to('regress_owner', 'admin');
SELECT selfheal.grant_to('regress_viewer', 'viewer');
SELECT selfheal.grant_to('regress_operator', 'operator');
GRANT USAGE ON SCHEMA ruled TO PUBLIC;
GRANT CREATE ON SCHEMA ruled TO regress_owner;
SET ROLE regress_owner;
CREATE TABLE owned (id int, v varchar(4));
SELECT selfheal.watch('ruled.owned');
SELECT coalesce(max(id), 0) AS start FROM selfheal.audit \gset
SELECT selfheal.set_policy('owned', verdict => 'review');
SELECT selfheal.set_policy(verdict => 'auto');
SELECT selfheal.set_policy(subscribers_heal => true);
SET ROLE regress_admin;
SELECT selfheal.set_policy('owned', verdict => 'auto');
SELECT selfheal.drop_policy('owned');
SELECT * FROM selfheal.policy_effective('owned');
SET ROLE regress_operator;
SELECT selfheal.set_policy('owned', verdict => 'auto');
SELECT selfheal.drop_policy('owned');
SET ROLE regress_viewer;
SELECT count(*) AS cells FROM selfheal.policy_effective(NULL);
SELECT verdict FROM selfheal.policy;
RESET ROLE;
GRANT SELECT ON owned TO regress_viewer;
SET ROLE regress_viewer;
SELECT DISTINCT verdict, source, set_by FROM selfheal.policy_effective('ruled.owned');
RESET ROLE;
-- rows that the function alone writes: nobody else calls the trigger's
SELECT selfheal.policy_changed();
SELECT selfheal.set_policy(verdict => 'deny');
SET ROLE regress_owner;
SELECT selfheal.drop_policy();
SELECT selfheal.drop_policy('owned');
RESET ROLE;
SELECT selfheal.drop_policy();
SELECT * FROM changes(:start);

--
-- a rule goes with its table's names, with its watch, with its table
--
SELECT coalesce(max(id), 0) AS start FROM selfheal.audit \gset
CREATE TABLE moving (id int, v varchar(4));
SELECT selfheal.watch('ruled.moving');
SELECT selfheal.set_policy('moving', verdict => 'deny');
ALTER TABLE moving RENAME TO moved;
SELECT DISTINCT source, verdict FROM effective('moved');
-- another table takes its name
ALTER TABLE moved RENAME TO moving;
BEGIN;
ALTER TABLE moving RENAME TO moving_backup;
CREATE TABLE moving (id int, v varchar(4));
COMMIT;
SELECT DISTINCT source, verdict FROM effective('moving');
SELECT DISTINCT source, verdict FROM effective('moving_backup') ORDER BY 1, 2;
-- changed by hand, it is in the record too
UPDATE selfheal.policy SET verdict = 'auto' WHERE relid = 'moving'::regclass;
UPDATE selfheal.policy SET cost = 'scan' WHERE relid = 'moving'::regclass;
UPDATE selfheal.policy SET set_at = now() WHERE relid = 'moving'::regclass;
SELECT selfheal.unwatch('ruled.moving');
SELECT count(*) AS rules FROM selfheal.policy;
SELECT selfheal.watch('ruled.moving');
SELECT DISTINCT source FROM effective('moving');
SELECT selfheal.set_policy('moving', 'widen_type', 'scan', 'deny');
DROP TABLE moving;
SELECT count(*) AS rules FROM selfheal.policy;
SELECT * FROM changes(:start);

--
-- the whole way: denied, asked for, allowed; a change of policy is looked at
-- for the rows that are held already
--
CREATE TABLE healed (id int, v varchar(4), must int NOT NULL);
SELECT selfheal.watch('ruled.healed');
SELECT selfheal.set_policy('healed', 'widen_type', verdict => 'deny');
INSERT INTO healed_intake VALUES ('{"id": 1, "v": "longer", "must": 1}'), ('{"id": 2, "must": 2, "key": true}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('healed');
SELECT * FROM plans('healed');
SELECT id, key FROM healed;
-- a person's proposal is denied like a playbook's
SELECT plan_id, verdict, timeless(reason) FROM selfheal.propose('ruled.healed', 'ALTER TABLE ruled.healed ALTER v TYPE text', 'a test');
-- asked for instead
SELECT selfheal.set_policy('healed', 'widen_type', verdict => 'review');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM states('healed');
SELECT * FROM plans('healed') WHERE state <> 'applied';
-- and not at all any more
SELECT selfheal.drop_policy('healed', 'widen_type');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state, held FROM states('healed');
SELECT * FROM plans('healed');
SELECT id, v FROM healed ORDER BY id;
-- drop_not_null by itself
SELECT selfheal.set_policy('healed', 'drop_not_null', verdict => 'auto');
INSERT INTO healed_intake VALUES ('{"id": 3, "must": null}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state, held FROM states('healed') WHERE column_name = 'must';
SELECT sql, state, policy, reason FROM plans('healed') WHERE sql LIKE '%NOT NULL';
-- a new label of an enum: denied, then by itself
CREATE TYPE mood AS ENUM ('bright', 'calm');
CREATE TABLE felt (id int, m mood);
SELECT selfheal.watch('ruled.felt');
SELECT selfheal.set_policy('felt', 'add_enum_label', verdict => 'deny');
INSERT INTO felt_intake VALUES ('{"id": 1, "m": "grumpy"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state, reason FROM states('felt');
SELECT selfheal.set_policy('felt', 'add_enum_label', verdict => 'auto');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, policy, reason FROM plans('felt');
SELECT * FROM felt;
-- what waits under one mode is looked at under the next
SELECT selfheal.watch('ruled.healed', 'propose');
INSERT INTO healed_intake VALUES ('{"id": 4, "later": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state, reason FROM states('healed') WHERE column_name = 'later';
SELECT selfheal.watch('ruled.healed', 'auto');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT class, state FROM states('healed') WHERE column_name = 'later';
-- published
CREATE TABLE sent (id int, v varchar(4));
SET client_min_messages = error;
CREATE PUBLICATION regress_policy FOR TABLE sent;
SET client_min_messages = warning;
SELECT selfheal.watch('ruled.sent');
INSERT INTO sent_intake VALUES ('{"id": 1, "key": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, policy, reason FROM plans('sent');
SELECT selfheal.set_policy('sent', subscribers_heal => true);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, policy, reason FROM plans('sent');
SELECT * FROM sent;
-- the word is about being published: what else asks for approval still does
SELECT verdict FROM verdicts('sent', 'ADD x int', 'ALTER id TYPE bigint');
SELECT selfheal.set_policy('sent', cost => 'rewrite', verdict => 'review');
SELECT verdict FROM verdicts('sent', 'ADD x int', 'ALTER id TYPE bigint');
DROP PUBLICATION regress_policy;
-- the limit of size holds for what is allowed too
SELECT selfheal.set_policy('sent', cost => 'rewrite', verdict => 'auto');
INSERT INTO sent SELECT g FROM generate_series(1, 1000) g;
SET selfheal.auto_rewrite_limit = '8kB';
SELECT verdict, reason LIKE '%selfheal.auto_rewrite_limit%' AS limited FROM verdicts('sent', 'ALTER id TYPE bigint');
SELECT * FROM effective('sent') WHERE cost = 'rewrite';
RESET selfheal.auto_rewrite_limit;
SELECT verdict FROM verdicts('sent', 'ALTER id TYPE bigint');
-- what no setting can allow
SELECT selfheal.set_policy('costs', verdict => 'auto');
CREATE TEMP VIEW not_made_again AS SELECT must FROM costs;
SELECT verdict FROM verdicts('costs', 'DROP must', 'ALTER id TYPE smallint', 'ALTER must TYPE bigint');
DROP VIEW not_made_again;
SELECT selfheal.drop_policy('costs');

--
-- an approval binds the policy: another one, planned again
--
CREATE TABLE bound (id int, v varchar(4));
SELECT selfheal.watch('ruled.bound', 'propose');
INSERT INTO bound_intake VALUES ('{"id": 1, "v": "longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT plan_id AS plan FROM selfheal.pending WHERE table_name = 'ruled.bound' \gset
-- (while the table is paused nothing runs, and the worker is done before it may)
SELECT selfheal.pause('ruled.bound');
SELECT selfheal.approve(:plan);
-- a rule that would change nothing for this plan is another policy all the same
SELECT selfheal.set_policy('bound', 'drop_not_null', 'metadata', 'deny');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.resume('ruled.bound');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT sql, state, reason FROM plans('bound');
SELECT state, held FROM states('bound');
SELECT event, result FROM selfheal.audit WHERE plan = :plan AND event IN ('approved', 'applied', 'refused') ORDER BY id;
-- the same rule with another word
SELECT selfheal.pause('ruled.bound');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'ruled.bound';
SELECT selfheal.set_policy('bound', 'drop_not_null', 'metadata', 'review');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.resume('ruled.bound');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state FROM plans('bound');
-- who approved was not asked about a subscriber that came since
SELECT selfheal.pause('ruled.bound');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'ruled.bound';
SET client_min_messages = error;
CREATE PUBLICATION regress_bound FOR TABLE bound;
SET client_min_messages = warning;
SELECT selfheal.resume('ruled.bound');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, reason FROM plans('bound');
DROP PUBLICATION regress_bound;
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'ruled.bound';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state FROM plans('bound');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'ruled.bound';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state FROM plans('bound');
SELECT * FROM bound;
SELECT approval ->> 'by' = current_user AS by, approval ->> 'login' = session_user AS login FROM selfheal.audit
WHERE table_name = 'bound' AND event = 'applied';
-- the mode: the approval is void, and not needed any more
CREATE TABLE moded (id int, v varchar(4));
SELECT selfheal.watch('ruled.moded', 'propose');
INSERT INTO moded_intake VALUES ('{"id": 1, "v": "longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.pause('ruled.moded');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'ruled.moded';
SELECT selfheal.watch('ruled.moded', 'auto');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.resume('ruled.moded');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, policy, reason FROM plans('moded');
SELECT * FROM moded;
-- what was said and taken back is the policy that was approved
CREATE TABLE kept (id int, v varchar(4));
SELECT selfheal.watch('ruled.kept', 'propose');
INSERT INTO kept_intake VALUES ('{"id": 1, "v": "longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.pause('ruled.kept');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'ruled.kept';
SELECT selfheal.set_policy(NULL, 'drop_not_null', 'metadata', 'auto');
SELECT selfheal.drop_policy(NULL, 'drop_not_null', 'metadata');
SELECT selfheal.set_policy('kept', 'widen_type', verdict => 'auto');
SELECT selfheal.drop_policy('kept', 'widen_type');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.resume('ruled.kept');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, policy FROM plans('kept');
SELECT * FROM kept;
-- a proposal, for which no row waits
CREATE TABLE wished (id int);
SELECT selfheal.watch('ruled.wished');
SELECT plan_id AS plan FROM selfheal.propose('ruled.wished', 'ALTER TABLE ruled.wished ADD x int', 'a test') \gset
SELECT selfheal.pause('ruled.wished');
SELECT selfheal.approve(:plan);
SELECT selfheal.set_policy(cost => 'metadata', verdict => 'review');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.resume('ruled.wished');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT sql, state, reason FROM plans('wished');
SELECT count(*) AS columns FROM pg_attribute WHERE attrelid = 'wished'::regclass AND attnum > 0;
SELECT selfheal.drop_policy(cost => 'metadata');

--
-- four eyes: who has proposed cannot approve, whatever role he takes
--
CREATE TABLE eyes (id int);
GRANT SELECT, INSERT ON eyes TO PUBLIC;
SELECT selfheal.watch('ruled.eyes', 'propose');
INSERT INTO eyes_intake VALUES ('{"id": 1, "f": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
-- nothing runs for a while, so that the table stays what the plans are for
SELECT selfheal.pause('ruled.eyes');
CREATE ROLE regress_ann LOGIN;
CREATE ROLE regress_bob LOGIN;
CREATE ROLE regress_team ROLE regress_ann, regress_bob;
SELECT selfheal.grant_to('regress_team', 'operator');
CREATE FUNCTION try(plan bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM selfheal.approve(plan);
	RETURN 'approved';
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s: %s', sqlstate, regexp_replace(sqlerrm, 'plan \d+', 'plan --'));
END
$$;
SELECT current_user AS me \gset
-- off: he can
\c - regress_ann
SET client_min_messages = warning;
SET search_path = ruled, public;
SELECT plan_id AS plan FROM selfheal.propose('ruled.eyes', 'ALTER TABLE ruled.eyes ADD a int', 'a test') \gset
SELECT try(:plan);
SELECT plan_id AS plan FROM selfheal.propose('ruled.eyes', 'ALTER TABLE ruled.eyes ADD b int', 'a test') \gset
SET ROLE regress_team;
SELECT plan_id AS team_plan FROM selfheal.propose('ruled.eyes', 'ALTER TABLE ruled.eyes ADD c int', 'a test') \gset
RESET ROLE;
\c - :me
SET client_min_messages = warning;
SET search_path = ruled, public;
SELECT proposed_by, proposed_login, decided_by, decided_login FROM selfheal.plan WHERE table_name = 'eyes' ORDER BY id;
SELECT event, actor_role, approval ->> 'by' AS by, approval ->> 'login' AS login FROM selfheal.audit
WHERE table_name = 'eyes' AND event IN ('proposed', 'approved') ORDER BY id;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET selfheal.four_eyes = on', current_database()); END $$;
-- functions of ann's that run as ann, and as whoever calls
CREATE FUNCTION as_ann(plan bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT ruled.try(plan)';
ALTER FUNCTION as_ann(bigint) OWNER TO regress_ann;
CREATE FUNCTION as_bob(plan bigint) RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT ruled.try(plan)';
ALTER FUNCTION as_bob(bigint) OWNER TO regress_bob;
CREATE FUNCTION propose_as_bob(ddl text) RETURNS bigint LANGUAGE sql SECURITY DEFINER
	AS $$ SELECT plan_id FROM selfheal.propose('ruled.eyes', ddl, 'a test') $$;
ALTER FUNCTION propose_as_bob(text) OWNER TO regress_bob;
\c - regress_ann
SET client_min_messages = warning;
SET search_path = ruled, public;
SELECT try(:plan) AS herself;
SET ROLE regress_team;
SELECT try(:plan) AS as_her_team;
RESET ROLE;
SELECT as_bob(:plan) AS by_a_function_of_bobs;
SELECT try(:team_plan) AS her_teams;
SET selfheal.four_eyes = off;
-- what she has proposed as bob is hers too, and not his to approve either
SELECT propose_as_bob('ALTER TABLE ruled.eyes ADD d int') AS bobs_plan \gset
SELECT try(:bobs_plan) AS proposed_as_bob;
\c - regress_bob
SET client_min_messages = warning;
SET search_path = ruled, public;
SELECT try(:bobs_plan) AS proposed_as_him;
SELECT as_ann(:plan) AS by_a_function_of_anns;
SET ROLE regress_team;
SELECT try(:team_plan) AS as_the_role_that_proposed;
RESET ROLE;
SELECT try(:team_plan) AS as_himself;
-- the same proposed again is still ann's plan: two have seen it
SELECT plan_id = :plan AS same FROM selfheal.propose('ruled.eyes', 'ALTER TABLE ruled.eyes ADD b int', 'a test');
SELECT try(:plan) AS himself;
\c - :me
SET client_min_messages = warning;
SET search_path = ruled, public;
SHOW selfheal.four_eyes;
-- a superuser is no exception, and has no other name to hide behind
SELECT try(:bobs_plan) AS superuser;
SELECT plan_id AS plan FROM selfheal.propose('ruled.eyes', 'ALTER TABLE ruled.eyes ADD e int', 'a test') \gset
SELECT left(try(:plan), 6) AS superuser;
SET SESSION AUTHORIZATION regress_bob;
SELECT left(try(:plan), 6) AS as_bob;
RESET SESSION AUTHORIZATION;
-- to reject one's own is allowed
SELECT selfheal.reject(:plan, 'a test');
-- what selfheal has planned itself may be approved by anybody, also if he asked for the same
SELECT plan_id AS plan FROM selfheal.pending WHERE table_name = 'ruled.eyes' AND proposed_by = 'selfheal' \gset
SELECT plan_id = :plan AS same FROM selfheal.propose('ruled.eyes', 'ALTER TABLE ruled.eyes ADD f bigint', 'a test');
SELECT try(:plan) AS selfheals;
-- he can turn it off, which is his
SET selfheal.four_eyes = off;
SELECT plan_id AS plan FROM selfheal.propose('ruled.eyes', 'ALTER TABLE ruled.eyes ADD g int', 'a test') \gset
SELECT try(:plan);
SELECT sql, state, proposed_login IS NULL AS selfheals FROM selfheal.plan WHERE table_name = 'eyes' ORDER BY id;
SELECT selfheal.unwatch('ruled.eyes');
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET selfheal.four_eyes', current_database()); END $$;
RESET selfheal.four_eyes;

--
-- allowed schemas: elsewhere rows are held, and no table is changed
--
SET selfheal.allowed_schemas = 'a b';
SET selfheal.allowed_schemas = 'a,, b';
SET selfheal.allowed_schemas = 'ruled, *';
SET selfheal.allowed_schemas = '"unfinished';
SET selfheal.allowed_schemas = ' * ';
SELECT count(*) AS outside FROM effective('costs') WHERE source = 'setting';
SET selfheal.allowed_schemas = '';
SELECT count(*) AS outside FROM effective('costs') WHERE source = 'setting';
SET selfheal.allowed_schemas = 'Public , "Ruled", "*,"';
SELECT DISTINCT verdict, source, reason FROM selfheal.policy_effective('costs');
SELECT verdict, reason FROM selfheal.vet('ruled.costs', 'ALTER TABLE ruled.costs ADD x int');
SELECT plan_id, verdict FROM selfheal.propose('ruled.costs', 'ALTER TABLE ruled.costs ADD x int', 'a test');
CREATE SCHEMA "Ruled";
CREATE TABLE "Ruled".costs (id int);
SELECT verdict, reason FROM selfheal.vet('"Ruled".costs', 'ALTER TABLE "Ruled".costs ADD x int');
SET ROLE regress_owner;
SET selfheal.allowed_schemas = '*';
RESET ROLE;
CREATE TABLE outside (id int, v varchar(4));
SELECT selfheal.watch('ruled.outside');
RESET selfheal.allowed_schemas;
-- the worker's word counts: it has the database's setting
CREATE FUNCTION allow(schemas text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('ALTER DATABASE %I SET selfheal.allowed_schemas = %L', current_database(), schemas);
END
$$;
CREATE FUNCTION new_worker() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FILTER (WHERE NOT pg_terminate_backend(pid, 20000)) FROM pg_stat_activity
	WHERE backend_type = 'selfheal worker' AND datname = current_database()
$$;
-- approved here, forbidden meanwhile
CREATE TABLE allowed (id int, v varchar(4));
SELECT selfheal.watch('ruled.allowed', 'propose');
INSERT INTO allowed_intake VALUES ('{"id": 1, "v": "longer"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT selfheal.pause('ruled.allowed');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'ruled.allowed';
SELECT allow('"Ruled", public');
SELECT new_worker() AS still_there;
SELECT selfheal.resume('ruled.allowed');
INSERT INTO outside_intake VALUES ('{"id": 1, "v": "longer"}'), ('{"id": 2, "v": "fits"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, reason FROM plans('allowed');
SELECT state, held, reason FROM states('allowed');
SELECT state, held, reason FROM states('outside');
SELECT * FROM plans('outside');
SELECT * FROM outside;
-- a person's change there is not forbidden, and its rows are stored then
ALTER TABLE outside ALTER v TYPE varchar(8);
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, held FROM states('outside');
SELECT * FROM outside ORDER BY id;
-- allowed again
SELECT allow('"Ruled", ruled');
SELECT new_worker() AS still_there;
SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'ruled.allowed';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state FROM plans('allowed');
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'ruled.allowed';
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT * FROM allowed;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET selfheal.allowed_schemas', current_database()); END $$;
SELECT new_worker() AS still_there;

SELECT ok FROM selfheal.verify_audit();
SELECT selfheal.unwatch_all() > 5 AS unwatched;
DROP SCHEMA ruled CASCADE;
DROP SCHEMA "Ruled" CASCADE;
DROP OWNED BY regress_admin, regress_owner, regress_viewer, regress_operator, regress_ann, regress_bob, regress_team;
DROP ROLE regress_admin, regress_owner, regress_viewer, regress_operator, regress_ann, regress_bob, regress_team;
