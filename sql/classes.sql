--
-- Forty-two classes, one example each: what becomes of the row by default, and
-- after a person's yes. Classes that need two servers, a crash or a full disk
-- have their example elsewhere; the last list says where.
--
SET client_min_messages = warning;
SET TimeZone = 'UTC';
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA classes;
SET search_path = classes, public;
CREATE ROLE regress_poor;

-- tables are named by the number of their class; what stands elsewhere
CREATE TABLE elsewhere (number int PRIMARY KEY, test text);
CREATE PROCEDURE send(name text, VARIADIC payloads text[]) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM selfheal.ingest(format('classes.%I', name)::regclass, payloads);
END $$;
CREATE FUNCTION ended(pattern text, OUT name text, OUT class text, OUT column_name text, OUT state text, OUT held bigint, OUT done text)
	RETURNS SETOF record LANGUAGE sql SECURITY DEFINER AS $$
	SELECT split_part(i.table_name, '.', 2), i.class, i.column_name, i.state, i.rows_held,
		(SELECT p.playbook FROM selfheal.plan p WHERE p.id = i.plan_id)
	FROM selfheal.incidents i WHERE i.table_name ~ ('^classes\.' || pattern) ORDER BY i.id
$$;
CREATE FUNCTION idle() RETURNS text LANGUAGE sql AS $$ SELECT selfheal.wait_idle('180s') ->> 'idle' $$;
CREATE FUNCTION say_yes() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(selfheal.approve(plan_id)) FROM selfheal.pending WHERE table_name ~ '^classes\.'
$$;
-- one table for each: its number first
CREATE TABLE c01 (id int, v varchar(32));
CREATE TABLE c02 (id int, v char(3));
CREATE TABLE c03 (id int, v int);
CREATE TABLE c04 (id int, v numeric(6,2));
CREATE TABLE c05 (id int, v int);
CREATE TABLE c05_nothing (id int, v int);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE c06 (id int, v mood);
CREATE TABLE c06_blank (id int, v mood);
CREATE TABLE c07 (id int, v timestamptz);
CREATE TABLE c07_asked (id int, v timestamptz);
CREATE TABLE c07_unclear (id int, v date);
CREATE TABLE c08 (id int, v date);
CREATE TABLE c08_never (id int, v date);
CREATE TABLE c09 (id int, v timestamptz);
CREATE TABLE c10 (id int, v int NOT NULL);
CREATE TABLE c11 (id int PRIMARY KEY, v text);
CREATE TABLE c12_parent (id int PRIMARY KEY);
CREATE TABLE c12 (id int, parent int REFERENCES c12_parent);
CREATE TABLE c13 (id int, v text CHECK (v IN ('new', 'paid')));
CREATE TABLE c13_rule (id int, v int CHECK (v > 0));
CREATE TABLE c14 (id int, day date NOT NULL) PARTITION BY RANGE (day);
CREATE TABLE c14_2026_10 PARTITION OF c14 FOR VALUES FROM ('2026-10-01') TO ('2026-11-01');
CREATE TABLE c14_2026_11 PARTITION OF c14 FOR VALUES FROM ('2026-11-01') TO ('2026-12-01');
CREATE TABLE c15 (id int, day date NOT NULL) PARTITION BY RANGE (day);
-- (a partition is watched only when it was a table of its own before)
CREATE TABLE c15_2025 (id int, day date NOT NULL);
CREATE TABLE c15_2026 PARTITION OF c15 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TABLE c17 (id int, v positive);
CREATE TABLE c18_base (id int, v int);
CREATE VIEW c18_view AS SELECT * FROM c18_base WHERE v > 0 WITH CHECK OPTION;
CREATE TABLE c18 (id int, v int);
CREATE FUNCTION c18_through() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO classes.c18_view VALUES (NEW.id, NEW.v); RETURN NEW; END $$;
CREATE TRIGGER c18_through AFTER INSERT ON c18 FOR EACH ROW EXECUTE FUNCTION c18_through();
CREATE TABLE c19 (id int, during int4range, EXCLUDE USING gist (during WITH &&));
CREATE TABLE c20 (id int);
CREATE TABLE c22 (id int, v point);
CREATE TABLE c23 (id int, v text);
CREATE TABLE c24 (id int, v text);
CREATE TABLE c25 (id int, v text);
CREATE TABLE c26 (id smallserial, v text);
CREATE TABLE c27 (id int GENERATED ALWAYS AS IDENTITY, v text);
CREATE TABLE c28 (id int, twice int GENERATED ALWAYS AS (id * 2) STORED);
CREATE TABLE c33 (id int, v text);
CREATE TABLE c38 (id int, v text, w text);
CREATE TABLE c41 (id int, v text);
CREATE SCHEMA classes_landing;
SELECT selfheal.set_landing('classes_landing');
SELECT count(selfheal.watch(c.oid::regclass)) AS watched FROM pg_class c
WHERE relnamespace = 'classes'::regnamespace AND relkind IN ('r', 'p') AND relname ~ '^c\d\d' AND relname !~ '_2026|base$|parent$|^c15$';
-- what is there already
ALTER TABLE c15 ATTACH PARTITION c15_2025 FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO c11 VALUES (1, 'one');
INSERT INTO c19 VALUES (1, '[1,5)');
SELECT setval('c26_id_seq', 32767);
GRANT USAGE ON SCHEMA classes TO regress_poor;
GRANT INSERT ON c33_intake TO regress_poor;
GRANT INSERT (id) ON c33 TO regress_poor;
CREATE UNIQUE INDEX ON c38 (w);
CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not on a Sunday'; END $$;
CREATE TRIGGER no BEFORE INSERT ON c41 FOR EACH ROW EXECUTE FUNCTION no();

CALL send('c01', json_build_object('id', 1, 'v', repeat('x', 200))::text);
CALL send('c02', '{"id": 1, "v": "four"}');
CALL send('c03', '{"id": 1, "v": 3000000000}');
CALL send('c04', '{"id": 1, "v": 12345.67}');
CALL send('c05', '{"id": 1, "v": "1,234,567"}', '{"id": 2, "v": "1,234"}');
CALL send('c05_nothing', '{"id": 1, "v": "N/A"}');
CALL send('c06', '{"id": 1, "v": "glad"}');
CALL send('c06_blank', '{"id": 1, "v": " ok "}', '{"id": 2, "v": "Sad"}');
CALL send('c07', '{"id": 1, "v": "31.12.2026 10:00"}', '{"id": 2, "v": "30.11.2026 11:30"}');
CALL send('c07_asked', '{"id": 1, "v": "31.12.2026 10:00"}', '{"id": 2, "v": "01.02.2026 11:30"}');
CALL send('c07_unclear', '{"id": 1, "v": "01.02.2026"}');
CALL send('c08', '{"id": 1, "v": "0000-00-00"}');
CALL send('c08_never', '{"id": 1, "v": "2024-02-31"}');
CALL send('c09', '{"id": 1, "v": "2024-01-01 00:00:00+99"}');
CALL send('c10', '{"id": 1}');
CALL send('c11', '{"id": 1, "v": "one"}', '{"id": 1, "v": "another"}');
CALL send('c12', '{"id": 1, "parent": 7}');
CALL send('c13', '{"id": 1, "v": "refunded"}');
CALL send('c13_rule', '{"id": 1, "v": -1}');
CALL send('c14', '{"id": 1, "day": "2026-12-24"}');
CALL send('c15_2025', '{"id": 1, "day": "2026-12-24"}');
CALL send('c17', '{"id": 1, "v": -1}');
CALL send('c18', '{"id": 1, "v": -1}');
CALL send('c19', '{"id": 2, "during": "[3,7)"}');
CALL send('c20', '{"id": 1, "v": 12.5}');
SELECT selfheal.land('c21', ARRAY['{"id": 1, "v": "new"}']);
CALL send('c22', '{"id": 1, "v": {"lat": 52.5, "lon": 13.4}}');
CALL send('c23', '[1, "two"]');
COPY c24_intake FROM PROGRAM 'printf "{\"id\": 1, \"v\": \"caf\\351\"}\n"' (FORMAT ndjson);
CALL send('c25', '{"id": 1, "v": ');
CALL send('c26', '{"v": "one more"}');
CALL send('c27', '{"id": 7, "v": "seven"}');
CALL send('c28', '{"id": 4, "twice": 8}', '{"id": 5, "twice": 11}');
SET ROLE regress_poor;
INSERT INTO c33_intake VALUES ('{"id": 1, "v": "mine"}');
RESET ROLE;
SELECT json_build_object('id', 1, 'w', string_agg(md5(g::text), '')) AS too_wide FROM generate_series(1, 1000) g \gset
CALL send('c38', :'too_wide');
CALL send('c41', '{"id": 1}');
SELECT idle();
-- what became of them by themselves (the sequence may have been seen to before its row came)
SELECT * FROM ended('') WHERE name <> 'c26';
SELECT table_name, rows, state FROM selfheal.arrivals WHERE table_name ~ 'c21';
-- and after a yes to all that waits, and when the parent comes
SELECT table_name, sql FROM selfheal.pending WHERE table_name ~ '^classes\.' ORDER BY 1;
SELECT say_yes();
SELECT count(selfheal.approve(plan_id)) FROM selfheal.arrivals WHERE table_name ~ 'c21';
INSERT INTO c12_parent VALUES (7);
SELECT idle();
SELECT * FROM ended('') WHERE state <> 'healed';
SELECT format('SELECT %L AS name, t::text AS stored FROM classes.%I t', relname, relname) FROM pg_class
WHERE relnamespace = 'classes'::regnamespace AND relkind IN ('r', 'p') AND relname ~ '^c\d\d' AND relname !~ '_2026|parent$|^c15_|base$|^c01$|^c38'
ORDER BY relname COLLATE "C" \gexec
SELECT * FROM classes_landing.c21;

INSERT INTO elsewhere VALUES
	(16, 'sql/partition.sql'),
	(29, 'test/t/028_subscription.pl'), (30, 'test/t/028_subscription.pl'), (31, 'test/t/028_subscription.pl'), (32, 'test/t/028_subscription.pl'),
	(34, 'test/t/044_transient.pl'), (35, 'test/t/044_transient.pl'), (36, 'test/t/023_elsewhere.pl'), (37, 'test/t/043_breaker.pl'),
	(39, 'test/isolation/specs/partition.spec'), (40, 'test/t/044_transient.pl'), (42, 'test/t/043_breaker.pl');
-- every class has an example
SELECT count(*), count(DISTINCT number), min(number), max(number) FROM selfheal.classes();
SELECT number, title FROM selfheal.classes() c
WHERE NOT EXISTS (SELECT FROM elsewhere e WHERE e.number = c.number)
	AND NOT EXISTS (SELECT FROM pg_class WHERE relnamespace IN ('classes'::regnamespace, 'classes_landing'::regnamespace) AND relname ~ ('^c' || lpad(c.number::text, 2, '0')));
-- every word that an incident can have is in one of them; a row that waits in
-- order has no failure of its own, and what a person has changed is no row
SELECT DISTINCT e.class FROM selfheal.error e WHERE e.class NOT IN ('awaiting_order', 'drift', 'tolerance') AND NOT EXISTS (SELECT FROM selfheal.classes() c WHERE e.class = ANY (c.classes)) ORDER BY 1;

SELECT selfheal.set_landing(NULL);
SELECT ok FROM selfheal.verify_audit();
SELECT count(selfheal.unwatch(relid)) > 30 AS unwatched FROM selfheal.watched WHERE relid::regclass::text ~ 'c\d\d';
DROP SCHEMA classes CASCADE;
DROP SCHEMA classes_landing CASCADE;
DROP ROLE regress_poor;
