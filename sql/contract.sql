--
-- Contracts: what payloads may do to a table, per kind (columns, types), and
-- that nothing is taken away in silence.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA contract;
SET search_path = contract, public;
\set VERBOSITY terse
CREATE FUNCTION columns(name regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = name AND attnum > 0 AND NOT attisdropped
$$;
CREATE FUNCTION states(name text, OUT class text, OUT column_name text, OUT state text, OUT held bigint, OUT reason text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT class, column_name, state, rows_held, coalesce(reason, why) FROM selfheal.incidents
	WHERE table_name = 'contract.' || name ORDER BY id
$$;
-- rows in quarantine, with what is told of them
CREATE FUNCTION kept(name text, OUT state text, OUT class text, OUT column_name text, OUT payload text, OUT changed_by text)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT state, class, column_name, payload, changed_by FROM selfheal.quarantined
	WHERE table_name = 'contract.' || name ORDER BY id
$$;
CREATE FUNCTION gone(name text, OUT door text, OUT what text, OUT class text, OUT column_name text, OUT rows bigint, OUT first bigint, OUT last bigint)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT door, what, class, column_name, rows, first_position, last_position FROM selfheal.discarded
	WHERE table_name = 'contract.' || name ORDER BY id
$$;
CREATE FUNCTION told(name text, OUT event text, OUT policy text, OUT result text, OUT rows text, OUT entries int)
	RETURNS SETOF record LANGUAGE sql AS $$
	SELECT event, policy, result, payload_ref ->> 'rows', jsonb_array_length(packet -> 'discarded') FROM selfheal.audit
	WHERE schema_name = 'contract' AND table_name = name AND event IN ('discarded', 'policy_changed') ORDER BY id
$$;
CREATE VIEW load AS SELECT stored, held, already, discarded_rows AS rows, discarded_values AS values FROM selfheal.last_load();

--
-- words
--
CREATE TABLE t (id int, v varchar(4), n numeric(4,2));
SELECT selfheal.set_contract('t', columns => 'freeze');
SELECT selfheal.watch('t');
SELECT selfheal.set_contract('t');
SELECT selfheal.set_contract(columns => NULL);
SELECT selfheal.set_contract('t', columns => 'Freeze');
SELECT selfheal.set_contract('t', types => '');
SELECT selfheal.set_contract('t', columns => 'freeze', types => 'drop');
SELECT selfheal.set_contract('t', tables => 'evolve');
SELECT selfheal.set_contract('t', tables => 'freeze');
SELECT selfheal.set_contract('t', tables => 'nonsense');
SELECT selfheal.set_contract('pg_class', columns => 'freeze');
SELECT selfheal.set_contract('t_intake', columns => 'freeze');
SELECT selfheal.set_contract(0, columns => 'freeze');
SELECT selfheal.set_contract(4000000000::oid, columns => 'freeze');
SELECT count(*) FROM selfheal.contract;
-- what counts comes back; the same once more changes nothing
SELECT selfheal.set_contract('t', columns => 'freeze');
SELECT selfheal.set_contract('t', columns => 'freeze');
SELECT selfheal.set_contract('t', types => 'discard_row');
SELECT selfheal.set_contract('t', 'discard_value', 'evolve');
SELECT table_name, kind, mode, source, set_by = current_user AS mine FROM selfheal.contracts WHERE table_name LIKE 'contract.%';
-- for all that say nothing themselves
CREATE TABLE silent (id int);
SELECT selfheal.watch('silent');
SELECT selfheal.set_contract(types => 'freeze', columns => 'discard_row');
SELECT table_name, kind, mode, source FROM selfheal.contracts WHERE table_name LIKE 'contract.%';
SELECT selfheal.set_contract('t', columns => 'default', types => 'default');
SELECT selfheal.set_contract(types => 'evolve');
SELECT selfheal.set_contract('silent', columns => 'evolve');
SELECT selfheal.set_contract(columns => 'default');
SELECT selfheal.set_contract(columns => 'default');
SELECT table_name, kind, mode, source FROM selfheal.contracts WHERE table_name LIKE 'contract.%';
SELECT selfheal.set_contract('silent', columns => 'default');
SELECT count(*) FROM selfheal.contract;
SELECT event, result FROM told('t');
SELECT event, result FROM selfheal.audit WHERE event = 'policy_changed' AND result LIKE 'contract of all%' ORDER BY id;

--
-- each mode of columns, by each door
--
RESET client_min_messages;
CREATE FUNCTION payloads(OUT p text) RETURNS SETOF text LANGUAGE sql AS $$
	VALUES ('{"id": 1}'), ('{"id": 2, "x": 1}'), ('{"x": {"a": [1]}, "id": 3, "y": true}'), ('{"id": 4, "x": null}'), (''),
		('{"id": 5, "": 1, "ctid": 2, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk": 3}')
$$;
CREATE TABLE evolves (id int);
SELECT selfheal.watch('evolves');
INSERT INTO evolves_intake SELECT p FROM payloads() p;
SELECT * FROM load;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('evolves');

CREATE TABLE frozen (id int);
SELECT selfheal.watch('frozen');
SELECT selfheal.set_contract('frozen', columns => 'freeze');
INSERT INTO frozen_intake SELECT p FROM payloads() p;
SELECT * FROM load;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('frozen');
SELECT * FROM frozen ORDER BY id;
SELECT * FROM states('frozen');
SELECT count(*) FROM selfheal.plan WHERE relid = 'frozen'::regclass;
-- more rows do not make it try
INSERT INTO frozen_intake VALUES ('{"id": 6, "x": 2}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, held FROM states('frozen') WHERE column_name = 'x';
-- the word taken back, and it does what it would have done
SELECT selfheal.set_contract('frozen', columns => 'default');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('frozen');
SELECT * FROM frozen ORDER BY id;
SELECT class, column_name, state, held FROM states('frozen');

CREATE TABLE keyless (id int);
SELECT selfheal.watch('keyless');
SELECT selfheal.set_contract('keyless', columns => 'discard_value');
INSERT INTO keyless_intake SELECT p FROM payloads() p;
SELECT * FROM load;
COPY keyless_intake FROM STDIN (FORMAT ndjson);
{"id": 11}
{"x": 1, "id": 12, "x": 1}
{"id": 13, "y": 1, "x": 2, "z": "\u00e9"}
\.
SELECT * FROM load;
SELECT * FROM selfheal.ingest('keyless', ARRAY['{"id": 21, "x": 1}', NULL, '{"id": 22, "x": 2}']);
SELECT * FROM load;
SELECT array_agg(id ORDER BY id) FROM keyless;
SELECT door, what, class, left(column_name, 10) AS column_name, rows, first, last FROM gone('keyless');
SELECT * FROM told('keyless');
SELECT jsonb_pretty(packet #- '{load}') FROM selfheal.audit WHERE table_name = 'keyless' AND event = 'discarded' ORDER BY id LIMIT 1 OFFSET 1;
SELECT count(*) FROM states('keyless');

CREATE TABLE strict (id int);
SELECT selfheal.watch('strict');
SELECT selfheal.set_contract('strict', columns => 'discard_row');
INSERT INTO strict_intake SELECT p FROM payloads() p;
SELECT * FROM load;
COPY strict_intake FROM STDIN (FORMAT ndjson);
{"id": 11}
{"x": 1, "id": 12}
\.
SELECT * FROM load;
SELECT * FROM selfheal.ingest('strict', ARRAY['{"id": 21, "x": 1}', NULL, '{"id": 22}']);
SELECT array_agg(id ORDER BY id) FROM strict;
SELECT state, class, column_name, left(payload, 40) AS payload, changed_by FROM kept('strict');
SELECT DISTINCT why FROM selfheal.quarantined WHERE table_name = 'contract.strict';
SELECT * FROM gone('strict');
SELECT * FROM told('strict');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT count(*) FROM states('strict');
SELECT selfheal.set_contract('strict', columns => 'evolve');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
-- discarded is discarded: what is wanted after all is sent again
SELECT columns('strict');
\set VERBOSITY sqlstate
SELECT selfheal.amend(id, '{"id": 1}', 'a try') FROM selfheal.quarantined WHERE table_name = 'contract.strict' ORDER BY id LIMIT 1;
\set VERBOSITY terse
SELECT * FROM selfheal.ingest('strict', ARRAY(SELECT payload FROM selfheal.quarantined
	WHERE table_name = 'contract.strict' AND state = 'discarded' AND column_name = 'x' ORDER BY id));
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM strict ORDER BY id, x::text;

--
-- each mode of types; nulls, keys that are missing, what is no value are no matter of types
--
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE DOMAIN needed AS int NOT NULL;
CREATE FUNCTION misfits(OUT p text) RETURNS SETOF text LANGUAGE sql AS $$
	VALUES ('{"id": 1, "v": "fits"}'), ('{"id": 2, "v": "too long"}'), ('{"id": 3000000000}'), ('{"id": 4.5, "n": 1000}'),
		('{"id": 5, "n": 1.239, "m": "glad"}'), ('{"id": 6, "a": "no address", "d": "2026-02-30"}'), ('{"id": 7, "r": 1.23456789012}'),
		('{"id": 8, "g": 1, "i": 2}'), ('{"id": 9, "k": null}'), ('{"id": 10, "p": -1}'), ('{"id": 11, "p": "x"}'), ('{"id": 12, "c": "x"}'),
		('{"id": 13, "j": {"a": 1, "a": 2}}'), ('{"id": 14, "v": "\u0000"}'), ('[1]'), ('{"id": 1, "id": 2}'), ('{"id": 17, "c": 11}')
$$;
CREATE FUNCTION make(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('CREATE TABLE %I (id int, v varchar(4) DEFAULT ''dflt'', n numeric(4,2), m mood, a inet, d date, r real,
		g int GENERATED ALWAYS AS (1) STORED, i int GENERATED ALWAYS AS IDENTITY, k int NOT NULL DEFAULT 5, p positive,
		c int NOT NULL DEFAULT 3 CHECK (c < 10), j jsonb)', name);
	PERFORM selfheal.watch(name::regclass);
END $$;
SET client_min_messages = warning;
SELECT make('types_frozen'), make('types_left'), make('types_strict');
RESET client_min_messages;
SELECT selfheal.set_contract('types_frozen', types => 'freeze');
SELECT selfheal.set_contract('types_left', types => 'discard_value');
SELECT selfheal.set_contract('types_strict', types => 'discard_row');
INSERT INTO types_frozen_intake SELECT p FROM misfits() p;
SELECT * FROM load;
INSERT INTO types_left_intake SELECT p FROM misfits() p;
SELECT * FROM load;
COPY types_strict_intake FROM PROGRAM 'printf ''{"id": 0}\n{"id": "zero"}\n''' (FORMAT ndjson);
SELECT * FROM load;
INSERT INTO types_strict_intake SELECT p FROM misfits() p;
SELECT * FROM load;
SELECT * FROM types_left ORDER BY i;
SELECT * FROM gone('types_left');
SELECT id FROM types_strict ORDER BY i;
SELECT class, column_name, rows, first FROM gone('types_strict') ORDER BY 1, 2;
-- what is left is the same in all
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, payload FROM kept('types_left');
SELECT class, column_name, payload FROM kept('types_strict') WHERE state = 'held';
SELECT class, column_name, payload FROM kept('types_frozen');
SELECT class, column_name, state FROM states('types_left');
SELECT class, column_name, state, reason ~* 'frozen by contract' AS frozen FROM states('types_frozen');
SELECT selfheal.set_contract('types_frozen', types => 'default');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('types_frozen');
SELECT class, column_name, state FROM states('types_frozen') WHERE state <> 'needs_human';

--
-- a row with two problems
--
CREATE TABLE two (id int NOT NULL, v varchar(4), must int NOT NULL);
SELECT selfheal.watch('two', 'observe');
CREATE FUNCTION twice(OUT p text) RETURNS SETOF text LANGUAGE sql AS $$
	VALUES ('{"id": 1, "v": "longer", "must": 1, "x": 1}'), ('{"id": 2, "x": 1}'), ('{"id": 3, "v": "longer"}'), ('{"id": "x", "must": 1}'), ('{"id": 5, "must": 1}')
$$;
-- held for the one, nothing is taken for the other; what is left out must not be null
SELECT selfheal.set_contract('two', columns => 'discard_value', types => 'discard_value');
INSERT INTO two_intake SELECT p FROM twice() p;
SELECT * FROM load;
SELECT * FROM two;
SELECT state, class, column_name, payload FROM kept('two');
SELECT message FROM selfheal.quarantined WHERE table_name = 'contract.two' AND column_name = 'id';
SELECT * FROM gone('two');
-- a row is given up whatever else it has
TRUNCATE two;
SELECT selfheal.set_contract('two', columns => 'discard_row', types => 'discard_value');
INSERT INTO two_intake SELECT p FROM twice() p;
SELECT * FROM load;
SELECT selfheal.set_contract('two', columns => 'discard_value', types => 'discard_row');
INSERT INTO two_intake SELECT p FROM twice() p;
SELECT * FROM load;
SELECT selfheal.set_contract('two', columns => 'freeze', types => 'discard_value');
INSERT INTO two_intake SELECT p FROM twice() p;
SELECT * FROM load;
SELECT selfheal.set_contract('two', columns => 'discard_row', types => 'freeze');
INSERT INTO two_intake SELECT p FROM twice() p;
SELECT * FROM load;

--
-- values that only their input function refuses, several in a row, and domains
--
CREATE TABLE throws (id int, a inet NOT NULL DEFAULT '::1', b inet, c positive, d needed DEFAULT 4, e tsquery NOT NULL);
SELECT selfheal.watch('throws', 'observe');
SELECT selfheal.set_contract('throws', columns => 'discard_value', types => 'discard_value');
INSERT INTO throws_intake VALUES ('{"id": 1, "a": "x", "b": "y", "d": "z", "e": "a", "u": 1}'), ('{"id": 2, "e": "a &"}'),
	('{"id": 3, "e": "a", "c": -1, "a": "x"}'), ('{"id": 4, "e": "a", "d": null}'), ('{"id": 5, "a": "1.2.3.4", "e": "a & b"}');
SELECT * FROM load;
SELECT * FROM throws;
SELECT class, column_name, payload FROM kept('throws');
-- the reason is that of what is left
SELECT class, sqlstate FROM selfheal.quarantined WHERE table_name = 'contract.throws' ORDER BY id;
SELECT * FROM gone('throws');
SELECT selfheal.set_contract('throws', types => 'discard_row');
INSERT INTO throws_intake VALUES ('{"id": 1, "a": "x", "b": "y", "d": "z", "e": "a", "u": 1}'), ('{"id": 2, "e": "a &"}'),
	('{"id": 3, "e": "a", "c": -1, "a": "x"}'), ('{"id": 4, "e": "a", "d": null}'), ('{"id": 5, "a": "1.2.3.4", "e": "a & b"}');
SELECT * FROM load;
-- a domain that forbids null, without a default
CREATE TABLE no_null (id int, d needed);
SELECT selfheal.watch('no_null', 'observe');
SELECT selfheal.set_contract('no_null', types => 'discard_value');
INSERT INTO no_null_intake VALUES ('{"id": 1, "d": "x"}'), ('{"id": 2, "d": 1}'), ('{"id": "x", "d": 1}');
SELECT * FROM load;
SELECT class, column_name, payload FROM kept('no_null');
-- a domain's check that fails for a key which is absent is no matter of types
CREATE DOMAIN divides AS int CHECK (6 / coalesce(value, 0) > 1);
CREATE TABLE absent (id int, d divides);
SELECT selfheal.watch('absent', 'observe');
SELECT selfheal.set_contract('absent', types => 'discard_value');
INSERT INTO absent_intake VALUES ('{"id": 1}'), ('{"id": 2, "d": 2}'), ('{"id": 3, "d": "x"}');
SELECT selfheal.set_contract('absent', types => 'discard_row');
INSERT INTO absent_intake VALUES ('{"id": 1}'), ('{"id": 2, "d": 2}'), ('{"id": 3, "d": "x"}');
SELECT state, class, column_name, payload FROM kept('absent');

--
-- documents are taken as they are
--
CREATE TYPE pair AS (a int, b text);
CREATE TABLE nested (id int, j jsonb, p pair);
SELECT selfheal.watch('nested', 'observe');
SELECT selfheal.set_contract('nested', columns => 'discard_value', types => 'discard_value');
INSERT INTO nested_intake VALUES ('{"id": 1, "j": {"x": {"y": 1}}, "x": {"j": 1}}'), ('{"id": 2, "p": {"a": 1, "b": "b"}}'), ('{"id": 3, "p": {"a": 1, "x": "b"}}');
SELECT * FROM nested;
SELECT * FROM gone('nested');

--
-- the table's own code: an error of a trigger is none of types, nor is what a
-- BEFORE trigger fills in
--
CREATE TABLE coded (id int, v varchar(4) NOT NULL);
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF new.id = 2 THEN RAISE EXCEPTION 'not two'; END IF;
	IF new.id = 3 THEN new.v := 'longer'; END IF;
	new.v := coalesce(new.v, 'none');
	RETURN new;
END $$;
CREATE TRIGGER fill BEFORE INSERT ON coded FOR EACH ROW EXECUTE FUNCTION fill();
SELECT selfheal.watch('coded', 'observe');
SELECT selfheal.set_contract('coded', columns => 'discard_row', types => 'discard_value');
INSERT INTO coded_intake VALUES ('{"id": 1, "v": "longer"}'), ('{"id": 2, "v": "longer"}'), ('{"id": 3}');
SELECT * FROM load;
SELECT * FROM coded;
SELECT class, column_name FROM kept('coded');
SELECT * FROM gone('coded');

--
-- what evolves does so beside what is frozen
--
CREATE TABLE beside (id int, v varchar(4));
SELECT selfheal.watch('beside');
SELECT selfheal.set_contract('beside', columns => 'freeze');
INSERT INTO beside_intake VALUES ('{"id": 1, "v": "longer", "x": 1}'), ('{"id": 2, "v": "longer"}'), ('{"id": 3, "x": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM beside ORDER BY id;
SELECT columns('beside');
SELECT class, column_name, state, held FROM states('beside');
SELECT selfheal.set_contract('beside', columns => 'evolve', types => 'freeze');
INSERT INTO beside_intake VALUES ('{"id": "four", "y": 1}'), ('{"id": 5, "y": 1}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM beside ORDER BY id;
SELECT class, column_name, state, held FROM states('beside');

-- frozen for plans, not for people: rows follow what a person has changed
SELECT selfheal.set_contract('beside', columns => 'freeze', types => 'freeze');
INSERT INTO beside_intake VALUES ('{"id": 6, "z": 1}'), ('{"id": 7, "v": "rather longer than thirty-two characters"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
ALTER TABLE beside ADD COLUMN z int, ALTER COLUMN v TYPE text;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, v, z FROM beside WHERE id > 5 ORDER BY id;
-- what waits for approval does not any more
CREATE TABLE waits (id int, customer text);
SELECT selfheal.watch('waits');
INSERT INTO waits_intake VALUES ('{"id": 1, "custommer": "x"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state FROM states('waits');
SELECT selfheal.set_contract('waits', columns => 'freeze');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, reason FROM states('waits');
SELECT count(*) AS pending FROM selfheal.pending WHERE table_name = 'contract.waits';
SELECT state FROM selfheal.plan WHERE relid = 'waits'::regclass;
-- nor what was approved a moment before
SELECT selfheal.set_contract('waits', columns => 'evolve');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
BEGIN;
SELECT count(selfheal.approve(plan_id)) AS approved FROM selfheal.pending WHERE table_name = 'contract.waits';
SELECT selfheal.set_contract('waits', columns => 'freeze');
COMMIT;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('waits');
SELECT state, reason FROM selfheal.plan WHERE relid = 'waits'::regclass ORDER BY id;
SELECT class, column_name, state, reason FROM states('waits');
-- a person's own proposal is his word
SELECT verdict FROM selfheal.propose('waits', 'ALTER TABLE contract.waits ADD COLUMN custommer text', 'we want it');
SELECT count(selfheal.approve(plan_id)) AS approved FROM selfheal.pending WHERE table_name = 'contract.waits';
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT columns('waits');

--
-- a contract that is said later counts for what is held
--
CREATE TABLE later (id int, v varchar(4));
SELECT selfheal.watch('later');
SELECT selfheal.set_contract('later', columns => 'freeze', types => 'freeze');
INSERT INTO later_intake VALUES ('{"id": 1, "x": 1}'), ('{"id": 2, "v": "longer"}'), ('{"id": "x"}'), ('{"id": 4, "x": 1, "v": "longer"}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT class, column_name, state, held FROM states('later');
SELECT selfheal.set_contract('later', columns => 'discard_value');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM later ORDER BY id;
SELECT class, column_name, state, held FROM states('later');
SELECT * FROM gone('later');
SELECT selfheal.set_contract('later', types => 'discard_row');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM later ORDER BY id;
SELECT class, column_name, state, held, reason FROM states('later');
SELECT * FROM gone('later');
SELECT * FROM kept('later');
SELECT * FROM told('later');
SELECT actor_role = current_user AS of_the_worker, actor_client FROM selfheal.audit WHERE table_name = 'later' AND event = 'discarded';
-- by hand; whoever does it is told
CREATE TABLE byhand (id int, v varchar(4));
SELECT selfheal.watch('byhand', 'observe');
INSERT INTO byhand_intake VALUES ('{"id": 1, "x": 1}'), ('{"id": 2, "v": "longer", "x": 1}'), ('{"id": 3, "v": "longer"}'), ('{"id": "x"}');
SELECT selfheal.set_contract('byhand', columns => 'discard_row', types => 'discard_value');
SELECT * FROM selfheal.replay('byhand');
SELECT * FROM byhand ORDER BY id;
SELECT * FROM kept('byhand');
SELECT * FROM gone('byhand');
-- an amended row is judged alike
INSERT INTO byhand_intake VALUES ('{"id": 5');
SELECT selfheal.amend(id, '{"id": 5, "v": "longer"}', 'half of it') FROM selfheal.quarantined WHERE table_name = 'contract.byhand' AND state = 'held';
SELECT selfheal.watch('byhand', 'auto');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT count(selfheal.retry(id)) >= 0 AS retried FROM selfheal.incidents WHERE table_name = 'contract.byhand' AND state NOT IN ('healed', 'dismissed');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, v FROM byhand WHERE id = 5;
-- and a failure that somebody reports
SELECT selfheal.report_failure('byhand', '{"id": 6, "v": "longer"}', '22001', 'value too long', NULL) > 0 AS reported;
SELECT selfheal.report_failure('byhand', '{"id": 7, "x": 1}', '42703', 'no such column', NULL) > 0 AS reported;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, v FROM byhand WHERE id > 5;
SELECT state, class, column_name, payload FROM kept('byhand') WHERE payload ~ ' 7';

--
-- what the team has said of a key comes first
--
CREATE TABLE hinted (id int, v varchar(4), w varchar(4));
SELECT selfheal.watch('hinted');
SELECT selfheal.set_contract('hinted', columns => 'discard_row', types => 'discard_value');
SELECT selfheal.hint('hinted', 'debug', ignore => true);
SELECT selfheal.hint('hinted', 'vee', rename_to => 'v');
SELECT selfheal.hint('hinted', 'Amount', type => 'numeric(12,2)');
SELECT selfheal.hint('hinted', 'w', type => 'varchar(8)');
INSERT INTO hinted_intake VALUES ('{"id": 1, "debug": 1}'), ('{"id": 2, "vee": "abcd"}'), ('{"id": 3, "Amount": 1.5}'), ('{"id": 4, "w": "longer"}'),
	('{"id": 5, "v": "longer"}'), ('{"id": 6, "other": 1}');
SELECT * FROM load;
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT * FROM hinted ORDER BY id;
SELECT columns('hinted');

--
-- preview
--
SELECT selfheal.set_contract('hinted', columns => 'discard_value', types => 'freeze');
SELECT class, column_name, playbook, sql, verdict FROM selfheal.preview('hinted', '{"id": "x", "more": 1, "debug": 2, "w": "longer than eight"}');
SELECT selfheal.set_contract('hinted', columns => 'evolve', types => 'discard_row');
SELECT class, column_name, playbook, sql, verdict FROM selfheal.preview('hinted', '{"id": "x", "more": 1}');
SELECT class, column_name, playbook, sql, verdict FROM selfheal.preview('throws', '{"a": "x", "u": 1, "e": "a"}') ORDER BY column_name;

--
-- other options of a load
--
CREATE TABLE opts (id int PRIMARY KEY, v varchar(4) DEFAULT 'd', w int);
SELECT selfheal.watch('opts', 'observe', on_conflict => 'update');
SELECT selfheal.set_contract('opts', columns => 'discard_value', types => 'discard_value');
INSERT INTO opts_intake VALUES ('{"id": 1, "v": "a", "w": 1}'), ('{"id": 1, "v": "longer", "w": 2, "x": 1}'), ('{"id": "x"}');
SELECT * FROM load;
-- the stored one keeps what the newer has not
TABLE opts;
SELECT selfheal.watch('opts', on_conflict => 'skip_identical');
INSERT INTO opts_intake VALUES ('{"id": 1, "v": "a", "w": 2, "x": 5}'), ('{"id": 2, "x": 5}');
SELECT * FROM load;
SELECT selfheal.set_contract('opts', columns => 'discard_row');
SET selfheal.load_id = 'twice';
INSERT INTO opts_intake VALUES ('{"id": 3}'), ('{"id": 4, "x": 5}');
SELECT * FROM load;
SET selfheal.load_id = 'twice';
INSERT INTO opts_intake VALUES ('{"id": 3}'), ('{"id": 4, "x": 5}'), ('{"id": 5, "x": 5}');
SELECT * FROM load;
RESET selfheal.load_id;
-- a discarded row is not stored: that counts
SELECT selfheal.watch('opts', reject_limit => 1);
INSERT INTO opts_intake VALUES ('{"id": 6, "x": 5}'), ('{"id": 7}');
\set VERBOSITY default
INSERT INTO opts_intake VALUES ('{"id": 8, "x": 5}'), ('{"id": 9, "x": 5, "y": 6}');
INSERT INTO opts_intake VALUES ('{"id": 8, "x": 5}'), ('{}');
\set VERBOSITY terse
SELECT count(*) FROM opts WHERE id > 6;
SELECT selfheal.watch('opts', reject_limit => '10 %');
INSERT INTO opts_intake SELECT format('{"id": %s%s}', i, CASE WHEN i % 9 = 0 THEN ', "x": 1' END) FROM generate_series(100, 199) i;
INSERT INTO opts_intake SELECT format('{"id": %s%s}', i, CASE WHEN i % 11 = 0 THEN ', "x": 1' END) FROM generate_series(100, 199) i;
SELECT * FROM load;
SELECT selfheal.watch('opts', reject_limit => 'none');
-- what is discarded may not fill the disk
SET selfheal.quarantine_max = '1MB';
\set VERBOSITY sqlstate
INSERT INTO opts_intake SELECT format('{"x": "%s%s"}', i, (SELECT string_agg(md5(i::text || '/' || j), '') FROM generate_series(1, 32) j)) FROM generate_series(1, 2000) i;
\set VERBOSITY terse
INSERT INTO opts_intake VALUES ('{"id": 1000}');
SELECT * FROM load;
RESET selfheal.quarantine_max;
-- rolled back, and nothing is told
SELECT count(*) AS discarded FROM gone('opts') \gset
BEGIN;
INSERT INTO opts_intake VALUES ('{"id": 1001, "x": 1}');
ROLLBACK;
SELECT count(*) - :discarded AS more FROM gone('opts');
-- loads within loads: each says its own
CREATE TABLE outer_t (id int);
CREATE TABLE inner_t (id int);
SELECT selfheal.watch('outer_t'), selfheal.watch('inner_t');
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO contract.inner_t_intake VALUES (format('{"id": %s, "y": 1}', new.id));
	RETURN new;
END $$;
CREATE TRIGGER pass AFTER INSERT ON outer_t FOR EACH ROW EXECUTE FUNCTION pass();
SELECT selfheal.set_contract('outer_t', columns => 'discard_value'), selfheal.set_contract('inner_t', columns => 'discard_row');
INSERT INTO outer_t_intake VALUES ('{"id": 1, "x": 1}');
SELECT * FROM gone('outer_t');
SELECT * FROM gone('inner_t');
-- a statement instead of the executor's parts
CREATE TABLE secured (id int, v varchar(4), by text DEFAULT current_user);
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
ALTER TABLE secured FORCE ROW LEVEL SECURITY;
CREATE POLICY any_row ON secured USING (true) WITH CHECK (id < 10);
CREATE ROLE regress_contract_loader;
GRANT USAGE ON SCHEMA contract TO regress_contract_loader;
SELECT selfheal.watch('secured', 'observe');
GRANT INSERT ON secured, secured_intake TO regress_contract_loader;
SELECT selfheal.set_contract('secured', columns => 'discard_row', types => 'discard_value');
SET ROLE regress_contract_loader;
INSERT INTO secured_intake VALUES ('{"id": 1, "v": "longer"}'), ('{"id": 2, "x": 1}'), ('{"id": 11, "v": "longer"}');
RESET ROLE;
SELECT id, v, by FROM secured;
SELECT * FROM gone('secured');
SELECT state, class FROM kept('secured');
SELECT role FROM selfheal.discarded WHERE table_name = 'contract.secured';
SELECT actor_role FROM selfheal.audit WHERE table_name = 'secured' AND event = 'discarded';

--
-- many keys: told apart up to a limit
--
CREATE TABLE manykeys (id int);
SELECT selfheal.watch('manykeys');
SELECT selfheal.set_contract('manykeys', columns => 'discard_value');
INSERT INTO manykeys_intake SELECT format('{"id": %s, "k%s": 1, "same": 1}', i, i) FROM generate_series(1, 1500) i;
SELECT * FROM load;
SELECT count(*), sum(rows), max(rows) FILTER (WHERE column_name IS NULL) AS others, max(rows) FILTER (WHERE column_name = 'same') AS same FROM gone('manykeys');
SELECT result, entries FROM told('manykeys') WHERE event = 'discarded';

--
-- who may
--
CREATE ROLE regress_contract_admin;
SELECT selfheal.grant_to('regress_contract_admin', 'admin');
GRANT USAGE, CREATE ON SCHEMA contract TO regress_contract_admin;
SET ROLE regress_contract_admin;
SELECT selfheal.set_contract('t', columns => 'freeze');
SELECT selfheal.set_contract(columns => 'freeze');
CREATE TABLE own (id int);
SELECT selfheal.watch('own');
SELECT selfheal.set_contract('own', columns => 'discard_value');
INSERT INTO own_intake VALUES ('{"id": 1, "x": 1}');
-- he sees his own, not those of others
SELECT DISTINCT table_name FROM selfheal.contracts WHERE table_name LIKE 'contract.%';
SELECT DISTINCT table_name FROM selfheal.discarded WHERE table_name LIKE 'contract.%';
SELECT count(*) FROM selfheal.contract;
SELECT count(*) FROM selfheal.discard;
RESET ROLE;
SET ROLE regress_contract_loader;
SELECT selfheal.set_contract('t', columns => 'freeze');
RESET ROLE;

--
-- it goes where the watch goes, and with it
--
SET client_min_messages = warning;
SELECT selfheal.set_contract('t', columns => 'discard_value');
ALTER TABLE t RENAME TO moved;
SELECT table_name, kind, mode FROM selfheal.contracts WHERE table_name LIKE 'contract.moved';
INSERT INTO moved_intake VALUES ('{"id": 1, "x": 1}');
SELECT * FROM gone('t');
SELECT * FROM gone('moved');
BEGIN;
CREATE TABLE fresh (LIKE moved);
ALTER TABLE moved RENAME TO backup;
ALTER TABLE fresh RENAME TO moved;
DROP TABLE backup;
COMMIT;
SELECT table_name, kind, mode FROM selfheal.contracts WHERE table_name LIKE 'contract.moved';
INSERT INTO moved_intake VALUES ('{"id": 2, "x": 1}');
SELECT * FROM load;
SELECT count(*) FROM selfheal.discard WHERE relid = 'moved'::regclass;
SELECT selfheal.unwatch('moved');
SELECT selfheal.watch('moved');
SELECT count(*) FROM selfheal.contract WHERE relid = 'moved'::regclass;
SELECT selfheal.set_contract('moved', types => 'freeze');
SELECT count(*) FROM selfheal.discard WHERE relid IS NULL;
DROP TABLE moved;
SELECT count(*) FROM selfheal.contract c WHERE relid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_class WHERE oid = c.relid);
SELECT count(*) FROM selfheal.discard WHERE relid IS NULL;

-- that of all tables, also in a session that looks at no index of ours
SELECT selfheal.set_contract(types => 'discard_value');
\c -reuse-previous=on "options='-c ignore_system_indexes=on'"
-- the planner reads long statistics by their index all the same, and warns of it
SET client_min_messages = error;
SET search_path = contract, public;
SELECT selfheal.set_contract('opts', types => 'default');
INSERT INTO silent_intake VALUES ('{"id": "x"}'), ('{"id": 1}');
SELECT * FROM load;
INSERT INTO opts_intake VALUES ('{"id": 2001, "x": 1}'), ('{"id": 2002, "v": "longer"}');
SELECT * FROM load;
SELECT selfheal.set_contract(types => 'default');
INSERT INTO silent_intake VALUES ('{"id": "x"}');
SELECT * FROM load;
\c -reuse-previous=on "options=''"
SET client_min_messages = warning;
SET search_path = contract, public;

--
-- what is old goes with its load
--
CREATE TABLE aged (id int);
SELECT selfheal.watch('aged');
SELECT selfheal.set_contract('aged', columns => 'discard_value');
INSERT INTO aged_intake VALUES ('{"id": 1, "x": 1}');
SELECT selfheal.set_contract('aged', columns => 'discard_row');
INSERT INTO aged_intake VALUES ('{"id": 2, "x": 1}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
UPDATE selfheal.load SET at = at - interval '31 days';
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT what FROM gone('aged');
SELECT state, class FROM kept('aged');
DELETE FROM selfheal.quarantine WHERE state = 'discarded';
UPDATE selfheal.load_kept SET at = at - interval '49 hours';
SELECT selfheal.wake();
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT what FROM gone('aged');

--
-- every line is stored, held, discarded or blank, whatever the terms are; what
-- is discarded is counted where people look, and what is stored is what was sent
--
CREATE FUNCTION line(i int, seed int) RETURNS text LANGUAGE sql AS $$
	SELECT CASE h % 20 WHEN 0 THEN '{"id": ' WHEN 1 THEN '[]' WHEN 2 THEN ' ' ELSE
		format('{"id": %s', CASE (h / 20) % 7 WHEN 0 THEN '"x"' WHEN 1 THEN '4.5' ELSE i::text END)
		|| CASE (h / 140) % 5 WHEN 0 THEN ', "v": "longer"' WHEN 1 THEN ', "v": null' WHEN 2 THEN ', "v": "abc"' ELSE '' END
		|| CASE (h / 700) % 6 WHEN 0 THEN ', "x": 1' WHEN 1 THEN ', "x": null' WHEN 2 THEN ', "y": [1]' ELSE '' END
		|| CASE (h / 4200) % 6 WHEN 0 THEN ', "a": "no address"' WHEN 1 THEN ', "a": "1.2.3.4"' ELSE '' END
		|| CASE (h / 25200) % 6 WHEN 0 THEN ', "c": 11' WHEN 1 THEN ', "c": "x"' ELSE '' END || '}' END
	FROM (SELECT (i * 48271::bigint + seed * 16807) % 2147483647 * 69621 % 2147483647 AS h) s
$$;
-- what of a line is no column, and what does not fit its type
CREATE FUNCTION extra(line text) RETURNS int LANGUAGE sql AS $$
	SELECT CASE WHEN line !~ '}$' THEN 0 ELSE (line ~ '"x": 1')::int + (line ~ '"y": ')::int END
$$;
CREATE FUNCTION unfit(line text) RETURNS int LANGUAGE sql AS $$
	SELECT CASE WHEN line !~ '}$' THEN 0 ELSE (line ~ '"id": ("x"|4[.]5)')::int + (line ~ 'longer')::int + (line ~ 'no address')::int + (line ~ '"c": "x"')::int END
$$;
CREATE TABLE outcome (c text, y text, stored bigint, held bigint, rows bigint, vals bigint, lines bigint, in_table bigint, held_kept bigint, rows_kept bigint,
	counted_values bigint, counted_rows bigint, audit text, unsent bigint, due bigint, wrong bigint, later text);
CREATE PROCEDURE try(c text, y text, seed int) LANGUAGE plpgsql AS $$
DECLARE
	l record;
BEGIN
	DROP TABLE IF EXISTS contract.mix;
	CREATE TABLE contract.mix (id int, v varchar(4), a inet, c int NOT NULL DEFAULT 3 CHECK (c < 10), line serial);
	PERFORM selfheal.watch('contract.mix', 'observe');
	PERFORM selfheal.set_contract('contract.mix', c, y);
	INSERT INTO contract.mix_intake SELECT contract.line(i, seed) FROM generate_series(1, 2000) i;
	SELECT * INTO l FROM selfheal.last_load();
	DROP TABLE IF EXISTS fate;
	CREATE TEMP TABLE fate AS SELECT i, contract.line(i, seed) AS line, q.state FROM generate_series(1, 2000) i
	LEFT JOIN (SELECT position, state FROM selfheal.quarantine WHERE load = l.load) q ON q.position = i;
	INSERT INTO contract.outcome SELECT c, y, l.stored, l.held, l.discarded_rows, l.discarded_values, l.stored + l.held + l.discarded_rows + l.skipped,
		(SELECT count(*) FROM contract.mix),
		(SELECT count(*) FROM selfheal.quarantine q WHERE q.load = l.load AND q.state = 'held'),
		(SELECT count(*) FROM selfheal.quarantine q WHERE q.load = l.load AND q.state = 'discarded'),
		coalesce((SELECT sum(d.rows) FROM selfheal.discard d WHERE d.load = l.load AND d.what = 'value'), 0),
		coalesce((SELECT sum(d.rows) FROM selfheal.discard d WHERE d.load = l.load AND d.what = 'row'), 0),
		(SELECT max(a.result) FROM selfheal.audit a WHERE a.event = 'discarded' AND a.packet ->> 'load' = l.load::text),
		-- a stored value that no line has
		(SELECT count(*) FROM contract.mix m WHERE m.id IS NOT NULL AND NOT EXISTS (
			SELECT FROM pg_catalog.generate_series(m.id, m.id) i, LATERAL (SELECT contract.line(i, seed)::jsonb AS j) s
			WHERE (m.v IS NULL OR j ->> 'v' = m.v) AND (m.a IS NULL OR (j ->> 'a')::inet = m.a))),
		-- values that stored lines must have lost
		(SELECT sum(CASE WHEN c = 'discard_value' THEN contract.extra(line) ELSE 0 END + CASE WHEN y = 'discard_value' THEN contract.unfit(line) ELSE 0 END)
			FROM fate WHERE state IS NULL),
		-- lines that have met another fate than theirs
		(SELECT count(*) FROM fate, LATERAL (SELECT c = 'discard_row' AND contract.extra(line) > 0 OR y = 'discard_row' AND contract.unfit(line) > 0 AS to_go,
				c <> 'discard_value' AND contract.extra(line) > 0 OR y <> 'discard_value' AND contract.unfit(line) > 0 OR line ~ '"c": 11' OR line !~ '}$' AS misfit) f
			WHERE coalesce(state, 'stored') <> CASE WHEN to_go THEN 'discarded' WHEN misfit AND line <> ' ' THEN 'held' ELSE 'stored' END);
	-- the same lines, held first and judged by the contract later
	DROP TABLE IF EXISTS contract.mix;
	CREATE TABLE contract.mix (id int, v varchar(4), a inet, c int NOT NULL DEFAULT 3 CHECK (c < 10), line serial);
	PERFORM selfheal.watch('contract.mix', 'observe');
	INSERT INTO contract.mix_intake SELECT contract.line(i, seed) FROM generate_series(1, 2000) i;
	SELECT load INTO l FROM selfheal.last_load();
	PERFORM selfheal.set_contract('contract.mix', c, y);
	PERFORM selfheal.replay('contract.mix');
	UPDATE contract.outcome o SET later = concat_ws(' ', (SELECT count(*) FROM contract.mix),
		(SELECT count(*) FROM selfheal.quarantine q WHERE q.load = l.load AND q.state = 'held'),
		(SELECT count(*) FROM selfheal.quarantine q WHERE q.load = l.load AND q.state = 'discarded'),
		coalesce((SELECT sum(d.rows) FROM selfheal.discard d WHERE d.load = l.load AND d.what = 'value'), 0))
	WHERE o.c = try.c AND o.y = try.y;
	COMMIT;
END $$;
DO $$
DECLARE
	words constant text[] := ARRAY['evolve', 'freeze', 'discard_value', 'discard_row'];
BEGIN
	FOR i IN 1..4 LOOP
		FOR j IN 1..4 LOOP
			CALL contract.try(words[i], words[j], i * 10 + j);
		END LOOP;
	END LOOP;
END $$;
SELECT c AS columns, y AS types, stored, held, rows, vals FROM outcome ORDER BY 1, 2;
SELECT c, y FROM outcome WHERE lines <> 2000 OR in_table <> stored OR held_kept <> held OR rows_kept <> rows OR counted_values <> vals OR counted_rows <> rows
	OR unsent > 0 OR due <> vals OR wrong > 0 OR later IS DISTINCT FROM concat_ws(' ', stored, held, rows, vals) OR (audit IS NULL) <> (rows + vals = 0);

SELECT selfheal.unwatch_all() > 10 AS unwatched;
DROP SCHEMA contract CASCADE;
DROP OWNED BY regress_contract_admin, regress_contract_loader;
DROP ROLE regress_contract_admin, regress_contract_loader;
