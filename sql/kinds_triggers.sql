--
-- Triggers and rules: what a load and a replay set off is what an INSERT of
-- the rows that are stored sets off, and nothing for those that are held.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA kinds_triggers;
SET search_path = kinds_triggers, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all

-- what triggers saw
CREATE TABLE seen (tab text, what text, id int, rows bigint);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO kinds_triggers.seen VALUES (TG_TABLE_NAME, TG_WHEN || ' ' || TG_LEVEL, CASE WHEN TG_LEVEL = 'ROW' THEN NEW.id END);
	RETURN NEW;
END $$;
CREATE FUNCTION see_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO kinds_triggers.seen SELECT TG_TABLE_NAME, 'batch', min(id), count(*) FROM batch;
	RETURN NULL;
END $$;

-- row triggers: before and after once for each row that is stored, however
-- often it was tried, and never for one that is held
CREATE FUNCTION before_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v = 'no' THEN
		RAISE EXCEPTION 'not this one';
	END IF;
	NEW.v := upper(NEW.v);
	NEW.note := coalesce(NEW.note, '') || 'b';
	RETURN NEW;
END $$;
CREATE FUNCTION after_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v = 'NEVER' THEN
		RAISE EXCEPTION 'not this one either' USING ERRCODE = 'ZZ001';
	END IF;
	RETURN NULL;
END $$;
CREATE TABLE row_trig_parent (id int PRIMARY KEY);
INSERT INTO row_trig_parent VALUES (1);
CREATE TABLE row_trig (id int, v varchar(5), note text, c int CHECK (c > 0), p int REFERENCES row_trig_parent);
CREATE TRIGGER a_change BEFORE INSERT ON row_trig FOR EACH ROW EXECUTE FUNCTION before_row();
CREATE TRIGGER b_see BEFORE INSERT ON row_trig FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER c_after AFTER INSERT ON row_trig FOR EACH ROW EXECUTE FUNCTION after_row();
CREATE TRIGGER d_see AFTER INSERT ON row_trig FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER e_batch AFTER INSERT ON row_trig REFERENCING NEW TABLE AS batch FOR EACH STATEMENT EXECUTE FUNCTION see_batch();
SELECT selfheal.watch('row_trig');
-- 300 rows: every 50th refused before, every 70th after, some by a check, some
-- without a parent; four that drift
INSERT INTO row_trig_intake SELECT CASE WHEN i IN (10, 110, 111, 290) THEN format('{"id": %s, "v": "longer"}', i)
	WHEN i % 50 = 0 THEN format('{"id": %s, "v": "no"}', i) WHEN i % 70 = 0 THEN format('{"id": %s, "v": "never"}', i)
	WHEN i % 60 = 0 THEN format('{"id": %s, "c": 0}', i) WHEN i % 90 = 1 THEN format('{"id": %s, "p": 2}', i)
	ELSE format('{"id": %s, "v": "x", "p": 1}', i) END
FROM generate_series(1, 300) i;
:idle
SELECT count(*), count(DISTINCT id), string_agg(DISTINCT v, ' ' ORDER BY v) AS v, string_agg(DISTINCT note, ' ') AS note FROM row_trig;
SELECT what, "row" FROM tell('row_trig') WHERE what <> 'stored';
-- each as often as there are rows, and of the same ids
SELECT what, count(*) = count(DISTINCT id) AS once, count(*) = (SELECT count(*) FROM row_trig) AS all,
	bool_and(id IN (SELECT id FROM row_trig)) AS stored FROM seen WHERE what <> 'batch' GROUP BY 1 ORDER BY 1;
SELECT sum(rows) = (SELECT count(*) FROM row_trig) AS batches FROM seen WHERE what = 'batch';
-- the cures: another trigger, a parent, a corrected row
CREATE OR REPLACE FUNCTION after_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
DROP TRIGGER a_change ON row_trig;
INSERT INTO row_trig_parent VALUES (2);
:idle
SELECT amend('row_trig', '"id": 60,', '{"id": 60, "c": 1}');
:idle
SELECT retry('row_trig');
:idle
SELECT count(*), count(DISTINCT id), string_agg(DISTINCT v, ' ' ORDER BY v) AS v, count(*) FILTER (WHERE note IS NULL) AS unchanged FROM row_trig;
SELECT what, "row" FROM tell('row_trig') WHERE what <> 'stored';
SELECT what, count(*) = count(DISTINCT id) AS once, count(*) = (SELECT count(*) FROM row_trig) AS all,
	bool_and(id IN (SELECT id FROM row_trig)) AS stored FROM seen WHERE what <> 'batch' GROUP BY 1 ORDER BY 1;
SELECT sum(rows) = (SELECT count(*) FROM row_trig) AS batches FROM seen WHERE what = 'batch';
TRUNCATE seen;

-- a row that a trigger leaves out, or puts elsewhere: the table has had it; it
-- counts as stored and is not held
CREATE TABLE elsewhere (id int, v varchar(3));
CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.v = 'out' THEN
		RETURN NULL;
	ELSIF NEW.v = 'there' THEN
		INSERT INTO kinds_triggers.elsewhere VALUES (NEW.id, 'abc');
		RETURN NULL;
	END IF;
	RETURN NEW;
END $$;
CREATE TABLE routed (id int, v varchar(5));
CREATE TRIGGER a_route BEFORE INSERT ON routed FOR EACH ROW EXECUTE FUNCTION route();
CREATE TRIGGER b_see AFTER INSERT ON routed FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER c_batch AFTER INSERT ON routed REFERENCING NEW TABLE AS batch FOR EACH STATEMENT EXECUTE FUNCTION see_batch();
SELECT selfheal.watch('routed');
SELECT * FROM selfheal.ingest('routed', ARRAY['{"id": 1, "v": "out"}', '{"id": 2, "v": "there"}', '{"id": 3, "v": "here"}', '{"id": "x", "v": "out"}']);
SELECT * FROM selfheal.ingest('routed', ARRAY['{"id": 4, "v": "out", "k": 1}', '{"id": 5, "v": "there", "k": 2}', '{"id": 6, "v": "here", "k": 3}']);
:idle
SELECT * FROM tell('routed') WHERE what !~ '^rows';
SELECT * FROM elsewhere;
SELECT stored, held FROM selfheal.load WHERE relid = 'routed'::regclass ORDER BY id;
SELECT rows FROM selfheal.replayed WHERE relid = 'routed'::regclass;
SELECT what, id, rows FROM seen ORDER BY what, id;
TRUNCATE seen;

-- triggers that are disabled, for replicas, with a condition; in order of name
CREATE TABLE modes (id int, v varchar(3), trace text DEFAULT '');
CREATE FUNCTION trace() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.trace := NEW.trace || TG_ARGV[0]; RETURN NEW; END $$;
CREATE TRIGGER d BEFORE INSERT ON modes FOR EACH ROW EXECUTE FUNCTION trace('d');
CREATE TRIGGER a BEFORE INSERT ON modes FOR EACH ROW EXECUTE FUNCTION trace('a');
CREATE TRIGGER off BEFORE INSERT ON modes FOR EACH ROW EXECUTE FUNCTION trace('off');
CREATE TRIGGER replica BEFORE INSERT ON modes FOR EACH ROW EXECUTE FUNCTION trace('replica');
CREATE TRIGGER always BEFORE INSERT ON modes FOR EACH ROW EXECUTE FUNCTION trace('always');
CREATE TRIGGER "when" BEFORE INSERT ON modes FOR EACH ROW WHEN (NEW.id > 1) EXECUTE FUNCTION trace('when');
CREATE TRIGGER upd BEFORE UPDATE OR DELETE ON modes FOR EACH ROW EXECUTE FUNCTION trace('upd');
ALTER TABLE modes DISABLE TRIGGER off, ENABLE REPLICA TRIGGER replica, ENABLE ALWAYS TRIGGER always;
SELECT selfheal.watch('modes');
COPY modes_intake FROM STDIN (FORMAT ndjson);
{"id": 1}
{"id": 2, "v": "x"}
{"id": 3, "v": "abcd"}
{"id": 4, "trace": "t"}
{"id": 5, "k": 1}
\.
:idle
SELECT * FROM tell('modes');

-- a trigger fills what the row leaves out, before NOT NULL is asked: keys too
CREATE SEQUENCE filled_id;
CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.id := coalesce(NEW.id, nextval('kinds_triggers.filled_id'));
	NEW.at := coalesce(NEW.at, 'now');
	RETURN NEW;
END $$;
CREATE TABLE filled (id int PRIMARY KEY, at text NOT NULL, must varchar(3) NOT NULL, v varchar(3));
CREATE TRIGGER a BEFORE INSERT ON filled FOR EACH ROW EXECUTE FUNCTION fill();
SELECT selfheal.watch('filled');
COPY filled_intake FROM STDIN (FORMAT ndjson);
{"must": "a"}
{"id": null, "at": null, "must": "b"}
{"must": "abcd"}
{"must": "c", "v": "abcd"}
{"must": "d", "k": 1}
{"v": "x"}
{"must": null, "v": "y"}
{"v": "abcd", "at": "then"}
\.
:idle
SELECT columns('filled');
SELECT must, v, at, id > 0 AS id, to_jsonb(f) -> 'k' AS k FROM filled f ORDER BY must;
SELECT * FROM tell('filled') WHERE what <> 'stored';
SELECT sql FROM selfheal.pending WHERE table_name = 'kinds_triggers.filled';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'kinds_triggers.filled';
:idle
SELECT must, v, at, id > 0 AS id FROM filled ORDER BY must, v;
SELECT * FROM tell('filled') WHERE what <> 'stored';
-- without the trigger it is the row's own fault, and seen before it is tried
DROP TRIGGER a ON filled;
INSERT INTO filled_intake VALUES ('{"id": 1001, "at": "then"}'), ('{"id": 1002}'), ('{}');
:idle
SELECT * FROM tell('filled') WHERE what ~ 'held';
-- on a partition; by a rule; a domain that takes no null has its say before
CREATE TABLE pfilled (k int, at text NOT NULL, v varchar(3)) PARTITION BY LIST (k);
CREATE TABLE pfilled_1 PARTITION OF pfilled FOR VALUES IN (1);
CREATE TABLE pfilled_2 PARTITION OF pfilled FOR VALUES IN (2);
CREATE FUNCTION fill_at() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := coalesce(NEW.at, 'now'); RETURN NEW; END $$;
CREATE TRIGGER a BEFORE INSERT ON pfilled_2 FOR EACH ROW EXECUTE FUNCTION fill_at();
CREATE DOMAIN needed AS text NOT NULL;
CREATE TABLE rfilled (id int, at text NOT NULL, n needed);
CREATE TABLE rfilled_log (id int, at text NOT NULL, n needed);
CREATE RULE a AS ON INSERT TO rfilled DO INSTEAD INSERT INTO rfilled_log VALUES (NEW.id, coalesce(NEW.at, 'now'), NEW.n);
SELECT selfheal.watch('pfilled'), selfheal.watch('rfilled');
INSERT INTO pfilled_intake VALUES ('{"k": 1}'), ('{"k": 2}'), ('{"k": 2, "v": "abcd"}'), ('{"k": 1, "at": "then", "v": "abcd"}');
INSERT INTO rfilled_intake VALUES ('{"id": 1, "n": "x"}'), ('{"id": 2, "at": null, "n": "y"}'), ('{"id": 3}'), ('{"id": 4, "n": null}');
:idle
SELECT * FROM tell('pfilled');
SELECT * FROM rfilled_log ORDER BY id;
SELECT * FROM tell('rfilled') WHERE what ~ 'held';

-- a trigger's own duplicate, in another table, is no proof that the row is there
CREATE TABLE once (id int PRIMARY KEY);
CREATE TABLE often (id int, v varchar(3));
CREATE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO kinds_triggers.once VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER a AFTER INSERT ON often FOR EACH ROW EXECUTE FUNCTION once();
SELECT selfheal.watch('often');
INSERT INTO often_intake VALUES ('{"id": 1, "v": "x"}'), ('{"id": 2, "v": "x"}'), ('{"id": 1, "v": "x"}');
:idle
SELECT retry('often');
:idle
SELECT * FROM tell('often');
DELETE FROM once WHERE id = 1;
SELECT retry('often');
:idle
SELECT * FROM tell('often');

-- what a trigger or a default looks at in the table is there: the rows before
CREATE TABLE looks (id int, k int, seen bigint) PARTITION BY LIST (k);
CREATE TABLE looks_1 PARTITION OF looks FOR VALUES IN (1);
CREATE TABLE looks_2 PARTITION OF looks FOR VALUES IN (2);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := (SELECT count(*) FROM kinds_triggers.looks); RETURN NEW; END $$;
CREATE TRIGGER a BEFORE INSERT ON looks_2 FOR EACH ROW EXECUTE FUNCTION look();
CREATE TABLE numbered (id int, n int UNIQUE);
CREATE FUNCTION next_n() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT coalesce(max(n), 0) + 1 FROM kinds_triggers.numbered); END $$;
ALTER TABLE numbered ALTER n SET DEFAULT next_n();
SELECT selfheal.watch('looks'), selfheal.watch('numbered');
INSERT INTO looks_intake VALUES ('{"id": 1, "k": 1}'), ('{"id": 2, "k": 2}'), ('{"id": 3, "k": 1}'), ('{"id": 4, "k": 1}'), ('{"id": 5, "k": 2}');
INSERT INTO numbered_intake VALUES ('{"id": 1}'), ('{"id": 2}'), ('{"id": 3, "n": 3}'), ('{"id": 4, "n": 3}'), ('{"id": 5}'), ('{"id": "x"}'), ('{"id": 6, "k": 1}'), ('{"id": 7}'), ('{"id": 8, "k": 1}');
:idle
SELECT * FROM looks ORDER BY id;
SELECT * FROM tell('numbered');

-- statement triggers: before and after, with what they are told of the rows
CREATE TABLE stmt (id int, v varchar(3));
CREATE TRIGGER a BEFORE INSERT ON stmt FOR EACH STATEMENT EXECUTE FUNCTION see();
CREATE TRIGGER b AFTER INSERT ON stmt FOR EACH STATEMENT EXECUTE FUNCTION see();
CREATE TRIGGER c AFTER INSERT ON stmt REFERENCING NEW TABLE AS batch FOR EACH STATEMENT EXECUTE FUNCTION see_batch();
SELECT selfheal.watch('stmt');
INSERT INTO stmt_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 1000) i;
SELECT what, count(*), min(id), sum(rows) FROM seen GROUP BY 1 ORDER BY 1;
INSERT INTO stmt_intake VALUES ('{"id": "x"}'), ('{"id": "y"}');
:idle
SELECT what, count(*), min(id), sum(rows) FROM seen GROUP BY 1 ORDER BY 1;
INSERT INTO stmt_intake VALUES ('{"id": 1001, "v": "abcd"}'), ('{"id": 1002, "v": "abcd"}');
:idle
SELECT what, count(*), min(id), sum(rows) FROM seen GROUP BY 1 ORDER BY 1;
-- one that refuses by what it sees of the batch
CREATE FUNCTION full_batch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM batch WHERE id = 13) THEN
		RAISE EXCEPTION 'thirteen';
	END IF;
	RETURN NULL;
END $$;
CREATE TABLE superstitious (id int, v varchar(3));
CREATE TRIGGER a AFTER INSERT ON superstitious REFERENCING NEW TABLE AS batch FOR EACH STATEMENT EXECUTE FUNCTION full_batch();
SELECT selfheal.watch('superstitious');
INSERT INTO superstitious_intake SELECT format('{"id": %s}', i) FROM generate_series(1, 30) i;
INSERT INTO superstitious_intake VALUES ('{"id": 31, "v": "abcd"}'), ('{"id": 13, "v": "abcd"}'), ('{"id": 32, "v": "abcd"}');
:idle
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE id = 13) AS thirteen FROM superstitious;
SELECT what, "row" FROM tell('superstitious') WHERE what <> 'stored';
DROP TRIGGER a ON superstitious;
SELECT retry('superstitious');
:idle
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE id = 13) AS thirteen FROM superstitious;
SELECT what, "row" FROM tell('superstitious') WHERE what <> 'stored';

-- on partitions: the root's row triggers are the partitions', a partition has
-- its own; a BEFORE trigger may change the row, and not its partition
TRUNCATE seen;
CREATE TABLE ptrig (id int, k int, v varchar(3)) PARTITION BY LIST (k);
CREATE TABLE ptrig_1 PARTITION OF ptrig FOR VALUES IN (1);
CREATE TABLE ptrig_2 PARTITION OF ptrig FOR VALUES IN (2);
CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 5 THEN NEW.k := 1; END IF; NEW.v := coalesce(NEW.v, 'p2'); RETURN NEW; END $$;
CREATE TRIGGER own BEFORE INSERT ON ptrig_2 FOR EACH ROW EXECUTE FUNCTION move();
CREATE TRIGGER root AFTER INSERT ON ptrig FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER rootbatch AFTER INSERT ON ptrig REFERENCING NEW TABLE AS batch FOR EACH STATEMENT EXECUTE FUNCTION see_batch();
SELECT selfheal.watch('ptrig');
INSERT INTO ptrig_intake VALUES ('{"id": 1, "k": 1}'), ('{"id": 2, "k": 2}'), ('{"id": 3, "k": 3}'), ('{"id": 4, "k": 2, "v": "abcd"}'), ('{"id": 5, "k": 2}');
:idle
SELECT * FROM tell('ptrig');
SELECT what, tab, id FROM seen WHERE what <> 'batch' ORDER BY id;
SELECT tab, sum(rows) FROM seen WHERE what = 'batch' GROUP BY 1;

-- rules: also, instead, nothing, with a condition
CREATE TABLE ruled (id int, v varchar(3));
CREATE TABLE ruled_log (id int, v text);
CREATE RULE also AS ON INSERT TO ruled WHERE NEW.id < 100 DO ALSO INSERT INTO ruled_log VALUES (NEW.id, NEW.v);
CREATE RULE nothing AS ON INSERT TO ruled WHERE NEW.v = 'out' DO INSTEAD NOTHING;
CREATE RULE instead AS ON INSERT TO ruled WHERE NEW.v = 'log' DO INSTEAD INSERT INTO ruled_log VALUES (-NEW.id, NEW.v);
SELECT selfheal.watch('ruled');
INSERT INTO ruled_intake VALUES ('{"id": 1, "v": "abc"}'), ('{"id": 2, "v": "out"}'), ('{"id": 3, "v": "log"}'), ('{"id": 101, "v": "x"}'), ('{"id": "x"}'), ('{"id": 4, "v": "abcd"}');
:idle
SELECT * FROM ruled ORDER BY id;
SELECT * FROM ruled_log ORDER BY id;
SELECT * FROM tell('ruled') WHERE what !~ '^(stored|rows)';
-- a change of the type of a column that a rule names waits for a person
DROP RULE also ON ruled;
DROP RULE nothing ON ruled;
DROP RULE instead ON ruled;
CREATE RULE also AS ON INSERT TO ruled DO ALSO INSERT INTO ruled_log VALUES (NEW.id);
SELECT retry('ruled');
:idle
SELECT * FROM ruled ORDER BY id;
SELECT * FROM ruled_log ORDER BY id;
SELECT * FROM tell('ruled') WHERE what !~ '^(stored|rows)';

SELECT ok FROM selfheal.verify_audit();
SET client_min_messages = error;
DROP SCHEMA kinds_triggers CASCADE;
