--
-- Tables whose rows somebody else routes are written by an INSERT statement,
-- never past the planner: Citus' and TimescaleDB's by what their catalogs
-- list, other access methods by what PostgreSQL's says. (sql/foreign.sql has
-- the foreign tables.) The two extensions are played: a row in pg_extension
-- and a list of the shape they have.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA route;
SET search_path = route;
-- how a row came: the statement that stores it is its trigger's context
CREATE FUNCTION how() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
	context text;
BEGIN
	GET DIAGNOSTICS context = PG_CONTEXT;
	NEW.how := CASE WHEN context !~* 'statement "insert into (?!\S*_intake)' THEN 'tuples'
		WHEN context ~ 'unnest\(\$1\)' THEN 'parameter' ELSE 'statement' END;
	RETURN NEW;
END $$;
CREATE TABLE t (id int, how text);
CREATE TRIGGER how BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION how();
CREATE TABLE other (id int, how text);
CREATE TRIGGER how BEFORE INSERT ON other FOR EACH ROW EXECUTE FUNCTION how();
SELECT selfheal.watch('t'), selfheal.watch('other');
CREATE FUNCTION load(id int) RETURNS TABLE (t text, other text) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO t_intake VALUES (format('{"id": %s}', load.id));
	INSERT INTO other_intake VALUES (format('{"id": %s}', load.id));
	RETURN QUERY SELECT t.how, o.how FROM t JOIN other o USING (id) WHERE t.id = load.id;
END $$;
SELECT * FROM load(1);

-- an extension, as far as the catalog knows
CREATE PROCEDURE pretend(name text) LANGUAGE sql AS $$
	INSERT INTO pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
	SELECT max(oid::bigint) + 100000, name, (SELECT oid FROM pg_roles WHERE rolname = current_user),
		'route'::regnamespace, false, '1' FROM pg_extension;
$$;

-- Citus lists tables by OID; its rows come as a parameter, since it runs the
-- SELECT of an INSERT by itself
BEGIN;
SET LOCAL allow_system_table_mods = on;
CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass NOT NULL, partmethod "char");
INSERT INTO pg_dist_partition VALUES ('t', 'h');
-- a table of that name alone is nobody's word, whether or not Citus is here
SELECT * FROM load(2);
CALL pretend('citus');
ALTER TABLE t SET (fillfactor = 95);
SELECT * FROM load(20);
ALTER EXTENSION citus ADD TABLE pg_catalog.pg_dist_partition;
ALTER TABLE t SET (fillfactor = 90);
SELECT * FROM load(3);
-- rows that do not fit are held as ever, and nothing is stored twice
INSERT INTO t_intake VALUES ('{"id": 4}'), ('{"id": "x"}'), ('{"id": 5}');
SELECT id, how FROM t WHERE id >= 4 ORDER BY id;
SELECT class, payload FROM selfheal.quarantined WHERE table_name = 'route.t';
-- values of every form come as they are, whatever the table's row looks like
CREATE TYPE route.pair AS (a int, b text);
CREATE TABLE wide (gone int, id int, "Odd ""name" text[], d date DEFAULT '2026-01-01', twice int GENERATED ALWAYS AS (id * 2) STORED,
	p pair, j jsonb, how text);
ALTER TABLE wide DROP gone;
CREATE TRIGGER how BEFORE INSERT ON wide FOR EACH ROW EXECUTE FUNCTION how();
INSERT INTO pg_dist_partition VALUES ('wide', 'h');
SELECT selfheal.watch('wide');
INSERT INTO wide_intake VALUES ('{"id": 1, "Odd \"name": ["a", null, "{,}"], "p": "(1,\"x, y\")", "j": {"k": [1.50]}}'),
	('{"id": 2, "d": null}'), ('{"id": 3, "d": "2026-02-30"}'), ('{}'),
	(format('{"id": 4, "j": "%s"}', repeat('x', 100000)));
SELECT id, "Odd ""name", d, twice, p, left(j::text, 20) AS j, how FROM wide ORDER BY id;
-- undistributed
DELETE FROM pg_dist_partition;
ALTER TABLE t SET (fillfactor = 80);
SELECT * FROM load(6);
-- a list that looks otherwise than we know it: the statement is right for all
ALTER TABLE pg_dist_partition RENAME logicalrelid TO relation;
SELECT * FROM load(7);
DROP EXTENSION citus;
SELECT * FROM load(8);
ROLLBACK;
-- all of that is gone again, also from memory
SELECT * FROM load(9);

-- TimescaleDB lists hypertables by name
BEGIN;
SET LOCAL allow_system_table_mods = on;
CREATE SCHEMA _timescaledb_catalog;
CREATE TABLE _timescaledb_catalog.hypertable (id int, schema_name name, table_name name);
INSERT INTO _timescaledb_catalog.hypertable VALUES (1, 'public', 't'), (2, 'route', 'other');
SELECT * FROM load(10);
CALL pretend('timescaledb');
ALTER EXTENSION timescaledb ADD TABLE _timescaledb_catalog.hypertable;
ALTER TABLE other SET (fillfactor = 90);
SELECT * FROM load(11);
-- who loads needs no right on the list
CREATE ROLE regress_route_loader;
GRANT USAGE ON SCHEMA route TO regress_route_loader;
GRANT INSERT ON ALL TABLES IN SCHEMA route TO regress_route_loader;
SET LOCAL ROLE regress_route_loader;
INSERT INTO other_intake VALUES ('{"id": 12}');
RESET ROLE;
SELECT id, how FROM other WHERE id = 12;
-- renamed: the list and the table are about the same again
UPDATE _timescaledb_catalog.hypertable SET table_name = 'moved' WHERE id = 2;
ALTER TABLE other RENAME TO moved;
INSERT INTO moved_intake VALUES ('{"id": 13}');
SELECT id, how FROM moved WHERE id = 13;
ROLLBACK;
SELECT * FROM load(14);

-- another access method than heap, of the table or of one partition
CREATE ACCESS METHOD regress_route_heap TYPE TABLE HANDLER heap_tableam_handler;
CREATE TABLE am (id int, how text) USING regress_route_heap;
CREATE TRIGGER how BEFORE INSERT ON am FOR EACH ROW EXECUTE FUNCTION how();
CREATE TABLE p (id int, how text) PARTITION BY RANGE (id);
CREATE TRIGGER how BEFORE INSERT ON p FOR EACH ROW EXECUTE FUNCTION how();
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (100) PARTITION BY RANGE (id);
CREATE TABLE p21 PARTITION OF p2 FOR VALUES FROM (10) TO (20);
SELECT selfheal.watch('am'), selfheal.watch('p');
INSERT INTO am_intake VALUES ('{"id": 1}');
INSERT INTO p_intake VALUES ('{"id": 1}'), ('{"id": 11}');
CREATE TABLE p22 PARTITION OF p2 FOR VALUES FROM (20) TO (30) USING regress_route_heap;
INSERT INTO p_intake VALUES ('{"id": 2}'), ('{"id": 12}'), ('{"id": 21}');
DROP TABLE p22;
INSERT INTO p_intake VALUES ('{"id": 3}');
SELECT tableoid::regclass, * FROM am;
SELECT tableoid::regclass, * FROM p ORDER BY id;

-- what merely inherits takes no part in an INSERT
CREATE TABLE kid () INHERITS (t) USING regress_route_heap;
SELECT * FROM load(15);

SELECT count(*) AS held FROM selfheal.quarantined WHERE table_name LIKE 'route.%';
DROP SCHEMA route CASCADE;
DROP ACCESS METHOD regress_route_heap;
