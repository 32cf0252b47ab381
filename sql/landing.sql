--
-- Rows of a table that does not exist: held by name, a table in the landing
-- schema waits for approval, and they are stored in it exactly once.
--
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA lands;
SET search_path = lands, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
CREATE ROLE regress_land_owner;
CREATE ROLE regress_land_producer;
CREATE ROLE regress_land_other;
CREATE SCHEMA "Landing place" AUTHORIZATION regress_land_owner;
GRANT USAGE ON SCHEMA "Landing place", lands TO regress_land_producer, regress_land_other;
GRANT ALL ON SCHEMA lands TO regress_land_owner;
ALTER DEFAULT PRIVILEGES FOR ROLE regress_land_owner IN SCHEMA "Landing place" GRANT INSERT ON TABLES TO regress_land_producer;
SELECT selfheal.grant_to('regress_land_producer', 'producer'), selfheal.grant_to('regress_land_other', 'producer'), selfheal.grant_to('regress_land_owner', 'admin');
CREATE VIEW waiting AS SELECT w.table_name, w.sql, w.verdict, w.policy, w.reason FROM selfheal.pending w WHERE w.table_name LIKE '%Landing%';
SELECT coalesce((SELECT max(id) FROM selfheal.audit), 0) AS audit, coalesce((SELECT max(id) FROM selfheal.incident), 0) AS incident, coalesce((SELECT max(id) FROM selfheal.plan), 0) AS plans \gset
-- none is named yet; what cannot be one
SELECT * FROM selfheal.land('orders', '{}');
SELECT selfheal.set_landing('nowhere');
SELECT selfheal.set_landing('pg_catalog');
SELECT selfheal.set_landing('selfheal');
SET ROLE regress_land_owner;
SELECT selfheal.set_landing('public');
SELECT selfheal.set_landing('Landing place');
RESET ROLE;
SELECT event, actor_role, result FROM selfheal.audit WHERE result LIKE '%landing%' AND id > :audit ORDER BY id;
SELECT schema_name, set_by FROM selfheal.landing;
-- what is no name
SELECT selfheal.land(n, '{}') FROM (VALUES ('')) v(n);
SELECT selfheal.land(repeat('x', 64), '{}');
SELECT selfheal.land(E'a\u200bb', '{}');
SELECT selfheal.land(NULL, '{}');
SELECT selfheal.land('a', NULL);

BEGIN;
SET LOCAL ROLE regress_land_producer;
SET LOCAL TimeZone = 'Asia/Tokyo';
SELECT * FROM selfheal.land('Or"ders; DROP', ARRAY['{"id": 1, "amount": 1.5, "at": "2024-05-01T10:00:00+02:00", "day": "2024-05-01", "who": {"name": "a"}, "ok": true, "u": "00000000-0000-0000-0000-000000000001", "nothing": null}',
	'{"id": 2, "note": "x\"y", "ctid": 7}', NULL, '[1]', '{"id": 3']);
SET LOCAL TimeZone = 'UTC';
SET LOCAL ROLE regress_land_other;
SELECT * FROM selfheal.land('Or"ders; DROP', ARRAY['{"id": 4}']);
COMMIT;
:idle
SELECT * FROM waiting;
SELECT class, state, rows, reason FROM selfheal.incident WHERE class = 'unknown_table' AND id > :incident ORDER BY id;
SELECT table_name, rows, roles, state FROM selfheal.arrivals;
SELECT explanation, steps FROM selfheal.plan WHERE playbook = 'create_table' AND id > :plans;
-- who may decide: who could make it himself
SELECT max(id) AS plan FROM selfheal.plan \gset
GRANT EXECUTE ON FUNCTION selfheal.approve(bigint) TO regress_land_other;
SET ROLE regress_land_other;
SELECT selfheal.approve(:plan);
SELECT count(*) FROM selfheal.arrivals;
RESET ROLE;
REVOKE EXECUTE ON FUNCTION selfheal.approve(bigint) FROM regress_land_other;
SET ROLE regress_land_owner;
SELECT table_name, state, plan_id = :plan AS plan, left(sql, 30) AS sql FROM selfheal.arrivals;
SELECT selfheal.approve(:plan);
RESET ROLE;
:idle
\d "Landing place"."Or""ders; DROP"
SELECT relowner::regrole FROM pg_class WHERE relname = 'Or"ders; DROP';
SET TimeZone = 'UTC';
SELECT id, amount, at, day, who, ok, u, note FROM "Landing place"."Or""ders; DROP" ORDER BY id;
RESET TimeZone;
SELECT * FROM tell('"Landing place"."Or""ders; DROP"');
-- a role without the right waits until it has it
SELECT table_name, rows, roles, state, reason FROM selfheal.arrivals;
GRANT INSERT ON "Landing place"."Or""ders; DROP" TO regress_land_other;
SELECT selfheal.wake();
:idle
SELECT count(*) FROM selfheal.arrivals;
SELECT id FROM "Landing place"."Or""ders; DROP" ORDER BY id;
SELECT class, state FROM selfheal.incident WHERE class = 'unknown_table' AND id > :incident;
SELECT event, result, rows_held, rows_replayed FROM selfheal.audit WHERE table_name = 'Or"ders; DROP' AND event IN ('captured', 'planned', 'approved', 'applied', 'watched', 'replayed') ORDER BY id;
-- now it is a table like any other
SET ROLE regress_land_producer;
SELECT * FROM selfheal.land('Or"ders; DROP', ARRAY['{"id": 5}', '{"id": "five"}']);
RESET ROLE;

-- more rows make another plan at each doubling; the one that is approved counts
SELECT * FROM selfheal.land('grows', ARRAY['{"a": 1}']);
:idle
SELECT * FROM selfheal.land('grows', ARRAY['{"a": 1.5, "b": "x"}']);
:idle
SELECT state, sql, reason FROM selfheal.plan WHERE id > :plans AND table_name = 'grows' ORDER BY id;
SELECT * FROM selfheal.land('grows', ARRAY['{"a": 2, "c": true}']);
:idle
SELECT state, sql FROM selfheal.plan WHERE id > :plans AND table_name = 'grows' ORDER BY id;
\set VERBOSITY sqlstate
SELECT selfheal.approve(max(id)) FROM selfheal.plan WHERE id > :plans AND table_name = 'grows';
\set VERBOSITY terse
\set VERBOSITY sqlstate
SELECT selfheal.approve(max(id)) FROM selfheal.plan WHERE id > :plans AND table_name = 'grows';
\set VERBOSITY terse
:idle
SELECT * FROM "Landing place".grows ORDER BY a;
SELECT rows, state, reason FROM selfheal.arrivals;
-- rejected: no other plan until somebody asks
SELECT * FROM selfheal.land('unwanted', ARRAY['{"a": 1}']);
:idle
SELECT selfheal.reject(max(id), 'not ours') FROM selfheal.plan WHERE id > :plans AND table_name = 'unwanted';
SELECT * FROM selfheal.land('unwanted', ARRAY['{"a": 1}', '{"a": 2}', '{"a": 3}']);
:idle
SELECT state, regexp_replace(reason, '\d+', 'n') AS reason, rows FROM selfheal.incident WHERE table_name = 'unwanted';
SELECT count(*) FROM waiting;
SELECT selfheal.retry(max(id)) FROM selfheal.incident WHERE table_name = 'unwanted';
:idle
SELECT sql FROM waiting;
SELECT selfheal.discard_arrivals('unwanted', NULL);
SELECT selfheal.discard_arrivals('unwanted', 'test rows');
SELECT selfheal.discard_arrivals('unwanted', 'once more');
:idle
SELECT state, why FROM selfheal.incident WHERE table_name = 'unwanted';
SELECT state FROM selfheal.plan WHERE id > :plans AND table_name = 'unwanted' ORDER BY id;
-- nothing to learn from
SELECT * FROM selfheal.land('empty', ARRAY['[]', '{"a": null}', 'x', '{"xmin": 1}', '{"": 1}']);
:idle
SELECT state, reason FROM selfheal.incident WHERE table_name = 'empty';
SELECT selfheal.discard_arrivals('empty', 'no rows');
-- a table that a person has made meanwhile
SELECT * FROM selfheal.land('by_hand', ARRAY['{"a": 1}', '{"a": 2, "extra": "x"}']);
:idle
CREATE TABLE "Landing place".by_hand (a int PRIMARY KEY);
\set VERBOSITY sqlstate
SELECT selfheal.approve(max(id)) FROM selfheal.plan WHERE id > :plans AND table_name = 'by_hand';
\set VERBOSITY terse
SELECT selfheal.wake();
:idle
SELECT state, reason FROM selfheal.incident WHERE table_name = 'by_hand';
SELECT selfheal.watch('"Landing place".by_hand');
SELECT selfheal.wake();
:idle
SELECT * FROM "Landing place".by_hand ORDER BY a;
SELECT class, state FROM selfheal.incident WHERE table_name = 'by_hand' ORDER BY id;
SELECT state FROM selfheal.plan WHERE id > :plans AND table_name = 'by_hand' ORDER BY id;
-- a schema that is not to be changed; one that is taken away
SELECT * FROM selfheal.land('later', ARRAY['{"a": 1}']);
:idle
SELECT selfheal.set_landing('lands');
\set VERBOSITY sqlstate
SELECT selfheal.approve(max(id)) FROM selfheal.plan WHERE id > :plans AND table_name = 'later';
\set VERBOSITY terse
SELECT selfheal.set_landing(NULL);
SELECT * FROM selfheal.land('later', ARRAY['{"a": 1}']);
\set VERBOSITY sqlstate
SELECT selfheal.approve(max(id)) FROM selfheal.plan WHERE id > :plans AND table_name = 'later';
\set VERBOSITY terse
SELECT selfheal.set_landing('lands');
SELECT selfheal.discard_arrivals('later', 'done');
SELECT selfheal.set_landing(NULL);
-- by a plan of another's own it cannot be made
SELECT verdict, reason FROM selfheal.vet('"Landing place".grows', 'CREATE TABLE "Landing place".x (a int)');
SELECT count(selfheal.discard(q.id, 'end of the test')) > 0 AS discarded FROM selfheal.quarantine q JOIN pg_class c ON c.oid = q.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE q.state = 'held' AND n.nspname IN ('lands', 'Landing place');
DROP SCHEMA lands, "Landing place" CASCADE;
:idle
DROP OWNED BY regress_land_owner, regress_land_producer, regress_land_other;
DROP ROLE regress_land_owner, regress_land_producer, regress_land_other;
