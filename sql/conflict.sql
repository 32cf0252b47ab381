-- A row whose key is stored already: held, counted as present, or written over
-- the stored one.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA conflict;
SET search_path = conflict;
CREATE FUNCTION told(want regclass) RETURNS TABLE (stored bigint, held bigint, already bigint) LANGUAGE sql AS
$$ SELECT l.stored, l.held, l.already FROM selfheal.load l WHERE l.relid = want ORDER BY l.id $$;
CREATE FUNCTION kept(want regclass) RETURNS TABLE (class text, payload text) LANGUAGE sql AS
$$ SELECT e.class, q.payload FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
   WHERE q.relid = want AND q.state = 'held' ORDER BY q.id $$;

-- hold, the default: the load holds every duplicate; the healer finds that one
-- of them equals the stored row and lets it go, the other needs a person
CREATE TABLE held (id int PRIMARY KEY, name text, at timestamptz DEFAULT now());
SELECT selfheal.watch('held');
INSERT INTO held_intake VALUES ('{"id": 1, "name": "a"}'), ('{"id": 1, "name": "a"}'), ('{"id": 1, "name": "b"}');
SELECT * FROM told('held');
SELECT selfheal.wait_idle('180s') ->> 'needs_human' AS needs_human;
SELECT id, name FROM held;
SELECT * FROM kept('held');
SELECT rows FROM selfheal.replayed WHERE relid = 'held'::regclass;
SELECT class, state FROM selfheal.incident WHERE relid = 'held'::regclass;

-- skip_identical: what equals the stored row is there already; the columns that
-- a payload does not name are not asked about
CREATE TABLE skip (id int PRIMARY KEY, name text, n numeric, at timestamptz DEFAULT clock_timestamp());
SELECT selfheal.watch('skip', 'observe', on_conflict => 'skip_identical');
INSERT INTO skip_intake VALUES ('{"id": 1, "name": "a", "n": 1.0}'), ('{"id": 2, "name": null}'), ('{"id": 3}');
INSERT INTO skip_intake VALUES
	('{"id": 1, "name": "a", "n": 1.0}'),	-- the same
	('{"id": 1, "name": "a", "n": 1.00}'),	-- another notation is another value
	('{"id": 1, "name": "a"}'),				-- what it says is there
	('{"id": 1, "name": "A"}'),
	('{"id": 2, "name": null}'),
	('{"id": 2, "name": ""}'),
	('{"id": 3}'),
	('{"id": 4, "name": "new"}'),
	('{"id": 4, "name": "new"}'),			-- twice in one load
	('{"id": 4, "name": "newer"}');
SELECT * FROM told('skip');
SELECT id, name, n FROM skip ORDER BY id;
SELECT * FROM kept('skip');
-- a batch that is sent again
INSERT INTO skip_intake SELECT format('{"id": %s, "name": "n%s", "n": 1e-%s}', g, g, g % 10) FROM generate_series(100, 3000) g;
INSERT INTO skip_intake SELECT format('{"id": %s, "name": "n%s", "n": 1e-%s}', g, g, g % 10) FROM generate_series(50, 3100) g;
INSERT INTO skip_intake SELECT format('{"id": %s, "name": "%s"}', g, CASE WHEN g % 1000 = 0 THEN 'other' ELSE 'n' || g END) FROM generate_series(100, 3000) g;
SELECT * FROM told('skip') OFFSET 2;
SELECT count(*) FROM skip;
SELECT * FROM kept('skip') OFFSET 4;

-- partitions, whose unique indexes have names of their own; quoted names
CREATE TABLE "Parts" ("Day" date, id int, "a b" text, PRIMARY KEY (id, "Day")) PARTITION BY RANGE ("Day");
CREATE TABLE p1 (id int NOT NULL, "a b" text, "Day" date NOT NULL);
ALTER TABLE "Parts" ATTACH PARTITION p1 FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE p2 PARTITION OF "Parts" FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
SELECT selfheal.watch('"Parts"', 'observe', on_conflict => 'skip_identical');
INSERT INTO "Parts_intake" SELECT format('{"id": %s, "Day": "2026-0%s-01", "a b": "x"}', g / 2, g % 2 + 1) FROM generate_series(1, 100) g;
INSERT INTO "Parts_intake" SELECT format('{"id": %s, "Day": "2026-0%s-01", "a b": "%s"}', g / 2, g % 2 + 1, CASE g WHEN 50 THEN 'y' ELSE 'x' END) FROM generate_series(1, 100) g;
SELECT * FROM told('"Parts"');
SELECT * FROM kept('"Parts"');

-- a key that is an expression is not looked through; nor do we guess where a
-- row meets the stored one at another key than the one it equals
CREATE TABLE expr (id int, name text);
CREATE UNIQUE INDEX ON expr (lower(name));
SELECT selfheal.watch('expr', 'observe', on_conflict => 'skip_identical');
INSERT INTO expr_intake VALUES ('{"id": 1, "name": "a"}');
INSERT INTO expr_intake VALUES ('{"id": 1, "name": "a"}'), ('{"id": 1, "name": "A"}');
SELECT * FROM kept('expr');

-- a producer who may not read the table learns nothing but what he has sent
CREATE ROLE regress_conflict;
GRANT USAGE ON SCHEMA conflict TO regress_conflict;
GRANT INSERT ON skip, skip_intake TO regress_conflict;
SET ROLE regress_conflict;
INSERT INTO skip_intake VALUES ('{"id": 1, "name": "a"}'), ('{"id": 1, "name": "?"}');
RESET ROLE;
SELECT * FROM told('skip') OFFSET 5;

-- update: what a payload says takes the place of what is stored, the rest stays
CREATE TABLE upd (k1 int, k2 text, name text DEFAULT 'nobody', n int, seen timestamptz DEFAULT now(), PRIMARY KEY (k1, k2));
CREATE TABLE log (line text);
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO log VALUES (lower(TG_OP) || ' ' || NEW.k1 || ' ' || coalesce(NEW.name, 'null')); RETURN NULL; END $$;
CREATE TRIGGER log AFTER INSERT OR UPDATE ON upd FOR EACH ROW EXECUTE FUNCTION log();
SELECT selfheal.watch('upd', on_conflict => 'update');
INSERT INTO upd_intake VALUES
	('{"k1": 1, "k2": "a", "name": "one", "n": 1}'),
	('{"k1": 1, "k2": "a", "name": "two"}'),
	('{"k1": 1, "k2": "b", "n": 5}'),
	('{"k1": 1, "k2": "a", "n": null}'),
	('{"k1": 1, "k2": "a"}'),
	('{"k1": 2, "k2": "a", "name": null}'),
	('{"k1": null, "k2": "a"}'),
	('{"k1": 3, "k2": "a", "n": "many"}');
SELECT k1, k2, name, n FROM upd ORDER BY 1, 2;
SELECT line FROM log;
SELECT * FROM told('upd');
SELECT * FROM kept('upd');
-- a held row is written over the stored one as well, once it fits
INSERT INTO upd_intake VALUES ('{"k1": 1, "k2": "a", "name": "healed", "extra": true}');
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT k1, k2, name, n, extra FROM upd ORDER BY 1, 2;

-- one bad row among many costs itself alone
ALTER TABLE upd ADD CHECK (n < 1000);
INSERT INTO upd_intake SELECT format('{"k1": %s, "k2": "many", "n": %s}', g, CASE g % 100 WHEN 7 THEN 5000 ELSE g END)
	FROM generate_series(1, 500) g;
SELECT count(*), sum(n) FROM upd WHERE k2 = 'many';
SELECT stored, held FROM told('upd') OFFSET 2;
INSERT INTO upd_intake SELECT format('{"k1": %s, "k2": "many", "n": 1}', g) FROM generate_series(1, 500) g;
SELECT count(*), sum(n) FROM upd WHERE k2 = 'many';

-- it needs the right to update, and a primary key whenever a load comes
SET ROLE regress_conflict;
INSERT INTO upd_intake VALUES ('{"k1": 1, "k2": "a"}');
RESET ROLE;
GRANT INSERT ON upd, upd_intake, log TO regress_conflict;
SET ROLE regress_conflict;
INSERT INTO upd_intake VALUES ('{"k1": 1, "k2": "a", "name": "mine"}');
RESET ROLE;
SELECT class FROM kept('upd') WHERE payload LIKE '%mine%';
GRANT SELECT, UPDATE ON upd TO regress_conflict;
SET ROLE regress_conflict;
INSERT INTO upd_intake VALUES ('{"k1": 1, "k2": "a", "name": "mine too"}');
RESET ROLE;
SELECT name FROM upd WHERE k1 = 1 AND k2 = 'a';
ALTER TABLE upd DROP CONSTRAINT upd_pkey;
\set VERBOSITY sqlstate
INSERT INTO upd_intake VALUES ('{"k1": 1, "k2": "a"}');
\set VERBOSITY default

-- partitions
CREATE TABLE updp (id int PRIMARY KEY, name text) PARTITION BY HASH (id);
CREATE TABLE updp0 PARTITION OF updp FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE updp1 PARTITION OF updp FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT selfheal.watch('updp', 'observe', on_conflict => 'update');
INSERT INTO updp_intake SELECT format('{"id": %s, "name": "%s"}', g % 10, g) FROM generate_series(1, 35) g;
SELECT * FROM updp ORDER BY id;

SET search_path = public;
DROP SCHEMA conflict CASCADE;
DROP ROLE regress_conflict;
