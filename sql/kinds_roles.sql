--
-- Row security and privileges: a load is its role's, and so is the replay of
-- what was held for it, at the time of the replay.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA kinds_roles;
SET search_path = kinds_roles, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all

CREATE ROLE regress_ada;
CREATE ROLE regress_bob;
CREATE ROLE regress_owner;
CREATE ROLE regress_team;
GRANT USAGE ON SCHEMA kinds_roles TO regress_ada, regress_bob, regress_owner;
GRANT CREATE ON SCHEMA kinds_roles TO regress_owner;

-- row security: of the role, of a group, restrictive; in load and replay
CREATE TABLE rls (id int, who text DEFAULT current_user, v varchar(3), level int);
ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON rls FOR INSERT WITH CHECK (who = current_user);
CREATE POLICY team ON rls FOR INSERT TO regress_team WITH CHECK (who = 'team');
CREATE POLICY low ON rls AS RESTRICTIVE FOR INSERT WITH CHECK (level IS NULL OR level < 10);
CREATE POLICY readable ON rls FOR SELECT USING (false);
SELECT selfheal.watch('rls');
GRANT INSERT ON rls, rls_intake TO regress_ada, regress_bob;
GRANT regress_team TO regress_bob;
SET ROLE regress_ada;
INSERT INTO rls_intake VALUES ('{"id": 1}'), ('{"id": 2, "who": "regress_ada", "level": 1}'), ('{"id": 3, "who": "regress_bob"}'), ('{"id": 4, "who": "team"}'), ('{"id": 5, "level": 10}'),
	('{"id": 6, "v": "abcd"}'), ('{"id": 7, "who": "regress_bob", "v": "abcd"}'), ('{"id": 8, "k": 1, "level": 3000000000}'), ('{"id": "x"}');
SET ROLE regress_bob;
INSERT INTO rls_intake VALUES ('{"id": 11}'), ('{"id": 12, "who": "regress_ada"}'), ('{"id": 13, "who": "team"}'), ('{"id": 14, "who": "team", "v": "abcd"}'), ('{"id": 15, "who": "team", "level": 3000000000}');
RESET ROLE;
:idle
SELECT * FROM tell('rls');
-- the policy as it is when the row goes in: bob leaves the team, ada may do more
REVOKE regress_team FROM regress_bob;
SET ROLE regress_bob;
INSERT INTO rls_intake VALUES ('{"id": 16, "who": "team"}');
RESET ROLE;
DROP POLICY low ON rls;
CREATE POLICY more ON rls FOR INSERT TO regress_ada WITH CHECK (who = 'regress_bob');
SELECT retry('rls');
:idle
SELECT * FROM tell('rls');
-- a row that was held for its width under one policy is tried under the next
CREATE TABLE rls2 (id int, v varchar(3));
ALTER TABLE rls2 ENABLE ROW LEVEL SECURITY;
CREATE POLICY all_in ON rls2 FOR INSERT WITH CHECK (true);
SELECT selfheal.watch('rls2', 'observe');
GRANT INSERT ON rls2, rls2_intake TO regress_ada;
SET ROLE regress_ada;
INSERT INTO rls2_intake VALUES ('{"id": 1, "v": "abcd"}'), ('{"id": 2, "v": "abcd"}'), ('{"id": 3}');
RESET ROLE;
DROP POLICY all_in ON rls2;
CREATE POLICY odd ON rls2 FOR INSERT WITH CHECK (id % 2 = 1);
SELECT selfheal.watch('rls2', 'auto'), selfheal.wake();
:idle
SELECT * FROM tell('rls2');
-- forced on the owner; by a policy that reads another table as the role
SET ROLE regress_owner;
CREATE TABLE allowed (who text, id int);
CREATE TABLE rls3 (id int, v varchar(3));
ALTER TABLE rls3 ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY listed ON rls3 FOR INSERT WITH CHECK (EXISTS (SELECT FROM kinds_roles.allowed a WHERE a.who = current_user AND a.id = rls3.id));
RESET ROLE;
SELECT selfheal.watch('rls3');
INSERT INTO allowed VALUES ('regress_owner', 1), ('regress_owner', 2), ('regress_ada', 11), ('regress_ada', 12);
GRANT INSERT ON rls3, rls3_intake TO regress_ada, regress_owner;
GRANT SELECT ON allowed TO regress_ada;
SET ROLE regress_owner;
INSERT INTO rls3_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "abcd"}'), ('{"id": 3}'), ('{"id": 4, "v": "abcd"}');
SET ROLE regress_ada;
INSERT INTO rls3_intake VALUES ('{"id": 11}'), ('{"id": 12, "v": "abcd"}'), ('{"id": 13}'), ('{"id": 14, "v": "abcd"}');
RESET ROLE;
:idle
SELECT * FROM tell('rls3');
INSERT INTO allowed VALUES ('regress_owner', 4), ('regress_ada', 14);
SELECT retry('rls3');
:idle
SELECT * FROM tell('rls3');

-- a policy and a default that read a setting of the application's own: it is not
-- kept with the load; the row is held until somebody sets it and replays
CREATE TABLE tenants (id int, tenant text DEFAULT current_setting('kinds.tenant'), v varchar(3));
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON tenants FOR INSERT WITH CHECK (tenant = current_setting('kinds.tenant'));
SELECT selfheal.watch('tenants');
GRANT INSERT ON tenants, tenants_intake TO regress_ada;
SET ROLE regress_ada;
SET kinds.tenant = 'blue';
INSERT INTO tenants_intake VALUES ('{"id": 1}'), ('{"id": 2, "tenant": "red"}'), ('{"id": 3, "v": "abcd"}'), ('{"id": 4, "v": "abcd", "tenant": "blue"}');
RESET ROLE;
RESET kinds.tenant;
:idle
SELECT * FROM tenants ORDER BY id;
SELECT count(*) AS held FROM selfheal.quarantine WHERE relid = 'tenants'::regclass AND state = 'held';
ALTER TABLE tenants ALTER v TYPE varchar(10);
:idle
SET kinds.tenant = 'blue';
CREATE ROLE regress_replay;
GRANT INSERT, SELECT ON tenants TO regress_replay;
GRANT USAGE ON SCHEMA kinds_roles TO regress_replay;
SELECT selfheal.grant_to('regress_replay', 'operator');
SET ROLE regress_replay;
SELECT replayed, held FROM selfheal.replay('tenants');
RESET ROLE;
SELECT * FROM tenants ORDER BY id;

-- names that must be quoted
CREATE TABLE "Odd ""Rls" ("I d" int, "select" text DEFAULT current_user, "v""v" varchar(3), "Default" int DEFAULT 7, "Always" int GENERATED ALWAYS AS IDENTITY);
ALTER TABLE "Odd ""Rls" ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own;" ON "Odd ""Rls" FOR INSERT WITH CHECK ("select" = current_user AND "I d" < 10);
SELECT selfheal.watch('"Odd ""Rls"');
GRANT INSERT ON "Odd ""Rls", "Odd ""Rls_intake" TO regress_ada;
SET ROLE regress_ada;
INSERT INTO "Odd ""Rls_intake" VALUES ('{"I d": 1}'), ('{"I d": 2, "v\"v": "long"}'), ('{"I d": 3, "new key": 1, "Default": null}'), ('{"I d": 10}'), ('{"I d": 4, "select": "bob"}');
RESET ROLE;
:idle
SELECT "I d", "select", "v""v", "Default", "Always" > 0 AS "Always", "new key" FROM "Odd ""Rls" ORDER BY 1;
SELECT * FROM tell('"Odd ""Rls"') WHERE what <> 'stored';

-- columns: who may fill which; a new column is nobody's until it is granted
CREATE TABLE cols (id int, v varchar(3), secret int, note text DEFAULT 'default', s serial);
SELECT selfheal.watch('cols');
GRANT INSERT ON cols_intake TO regress_ada;
GRANT INSERT (id, v) ON cols TO regress_ada;
SET ROLE regress_ada;
COPY cols_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "v": "abc"}
\.
RESET ROLE;
:idle
GRANT USAGE ON SEQUENCE cols_s_seq TO regress_ada;
SET ROLE regress_ada;
INSERT INTO cols_intake VALUES ('{"id": 2, "v": "abc"}'), ('{"id": 3, "v": "abcd"}'), ('{"id": 4, "secret": 1}'), ('{"id": 5, "secret": null}'), ('{"id": 6, "note": "x"}'),
	('{"id": 7, "v": "abcd", "secret": 1}'), ('{"id": 8, "fresh": 1}');
RESET ROLE;
:idle
SELECT columns('cols');
SELECT id, v, secret, note, s > 0 AS s, to_jsonb(c) -> 'fresh' AS fresh FROM cols c ORDER BY id;
SELECT * FROM tell('cols') WHERE what <> 'stored';
GRANT INSERT (fresh, note) ON cols TO regress_ada;
SELECT retry('cols');
:idle
SELECT id, v, secret, note, s > 0 AS s, to_jsonb(c) -> 'fresh' AS fresh FROM cols c ORDER BY id;
SELECT * FROM tell('cols') WHERE what <> 'stored';

-- a right that is gone when the row could go in; a role that is gone
CREATE TABLE gone (id int, v varchar(3));
SELECT selfheal.watch('gone', 'observe');
GRANT INSERT ON gone, gone_intake TO regress_ada, regress_bob;
SET ROLE regress_ada;
INSERT INTO gone_intake VALUES ('{"id": 1, "v": "abcd"}');
SET ROLE regress_bob;
INSERT INTO gone_intake VALUES ('{"id": 2, "v": "abcd"}');
RESET ROLE;
REVOKE INSERT ON gone FROM regress_ada;
DROP OWNED BY regress_bob;
DROP ROLE regress_bob;
SELECT selfheal.watch('gone', 'auto'), selfheal.wake();
:idle
SELECT * FROM tell('gone');
GRANT INSERT ON gone TO regress_ada;
SELECT retry('gone');
:idle
SELECT * FROM tell('gone');
SELECT replayed, held FROM selfheal.replay('gone');
:idle
SELECT * FROM tell('gone');

-- triggers, defaults and domain checks run as who loads, in replay as well
CREATE TABLE who (id int, v varchar(3), dflt text DEFAULT current_user, trig text, def text);
CREATE FUNCTION who_am_i() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.trig := current_user; RETURN NEW; END $$;
CREATE FUNCTION who_definer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN NEW.def := current_user || ' ' || session_user; RETURN NEW; END $$;
ALTER FUNCTION who_definer() OWNER TO regress_owner;
CREATE TRIGGER a BEFORE INSERT ON who FOR EACH ROW EXECUTE FUNCTION who_am_i();
CREATE TRIGGER b BEFORE INSERT ON who FOR EACH ROW EXECUTE FUNCTION who_definer();
SELECT selfheal.watch('who');
GRANT INSERT ON who, who_intake TO regress_ada;
SET ROLE regress_ada;
INSERT INTO who_intake VALUES ('{"id": 1}'), ('{"id": 2, "v": "abcd"}');
RESET ROLE;
:idle
SELECT id, v, dflt, trig, split_part(def, ' ', 1) AS def FROM who ORDER BY id;
SELECT role, count(*) FROM selfheal.replayed WHERE relid = 'who'::regclass GROUP BY 1;

SELECT ok FROM selfheal.verify_audit();
SET client_min_messages = error;
DROP SCHEMA kinds_roles CASCADE;
DROP OWNED BY regress_replay;
DROP ROLE regress_ada, regress_owner, regress_team, regress_replay;
