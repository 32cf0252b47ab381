--
-- A hundred statements as ORMs, drivers, loaders and people write them, put
-- down before they were tried: how many are located? Each is run, fails, and
-- locate() is given what its error says. What it misses here is dynamic: the
-- planner's hook knows the table, and who asks by hand gives it (target).
--
SET client_min_messages = warning;
\pset null '-'
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA lo;
SET search_path = lo, public;
SET DateStyle = 'ISO, MDY';
SET TimeZone = 'UTC';

CREATE TYPE status AS ENUM ('new', 'paid');
CREATE DOMAIN email AS varchar(12) CHECK (VALUE LIKE '%@%');
CREATE TABLE users (id bigserial PRIMARY KEY, login varchar(8) NOT NULL UNIQUE, mail email, age smallint, points int DEFAULT 0,
	balance numeric(7,2), born date, created_at timestamptz DEFAULT now(), active boolean, uid uuid, settings jsonb, ip inet, tags text[]);
CREATE TABLE orders (id int PRIMARY KEY, user_id bigint REFERENCES users, status status, ref char(4), qty smallint CHECK (qty >= 0),
	price numeric(6,2), note varchar(20), placed timestamp(0), weight real, "Group" varchar(3));
CREATE TABLE events (id bigint, at timestamptz NOT NULL, kind varchar(6), body jsonb) PARTITION BY RANGE (at);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
CREATE TABLE tenants (tenant text, k varchar(4), n int) PARTITION BY LIST (tenant);
CREATE TABLE tenants_a PARTITION OF tenants FOR VALUES IN ('a');
CREATE TABLE staging (raw text, num bigint, amount numeric, at text);
INSERT INTO staging VALUES ('a value of staging', 3000000000, 123456.789, 'someday');
CREATE TABLE audit_log (id int GENERATED ALWAYS AS IDENTITY, who varchar(6), what text, size int GENERATED ALWAYS AS (length(what)) STORED);
CREATE TABLE keyed (a int, b int, v varchar(5), PRIMARY KEY (a, b));
CREATE VIEW active_users AS SELECT id, login AS user_name, age FROM users WHERE active;
CREATE TABLE "Camel" ("userId" int NOT NULL, "firstName" varchar(5), "lastName" varchar(7), "createdAt" timestamptz NOT NULL DEFAULT now());
INSERT INTO users (login, points) VALUES ('ada', 5);
INSERT INTO orders (id, user_id, qty, note) VALUES (1, 1, 3, 'first');
CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO audit_log (who, what) VALUES (NEW.note, 'x'); RETURN NEW; END $$;
CREATE TABLE noted (id int, note text);
CREATE TRIGGER note_it AFTER INSERT ON noted FOR EACH ROW EXECUTE FUNCTION note_it();
CREATE FUNCTION add_user(l text, a int) RETURNS bigint LANGUAGE sql AS $$ INSERT INTO users (login, age) VALUES (l, a) RETURNING id $$;
CREATE FUNCTION add_order(n text) RETURNS void LANGUAGE plpgsql AS $$ DECLARE v text := n; BEGIN INSERT INTO orders (id, note) VALUES (9, v); END $$;
CREATE PROCEDURE place(i int, p numeric) LANGUAGE plpgsql AS $$ BEGIN UPDATE orders SET price = p WHERE id = i; END $$;

CREATE TABLE cases (n int GENERATED ALWAYS AS IDENTITY, stmt text, relation text, columns text, class text, params text[]);
INSERT INTO cases (stmt, relation, columns, class, params) VALUES
-- SQLAlchemy, Django, ActiveRecord, Hibernate, Sequelize, Prisma, TypeORM, Ecto, GORM
($q$INSERT INTO users (login, age) VALUES ($1::VARCHAR, $2::INTEGER) RETURNING users.id$q$, 'users', 'login', 'too_long', '{ada lovelace,3}'),
($q$INSERT INTO users (login, age) VALUES ($1::VARCHAR, $2::INTEGER) RETURNING users.id$q$, 'users', 'age', 'out_of_range', '{ada,40000}'),
($q$INSERT INTO users (login, age) SELECT p0::VARCHAR, p1::INTEGER FROM (VALUES ('bob', 1, 0), ('ada lovelace', 2, 1)) AS imp_sen(p0, p1, sen_counter) ORDER BY sen_counter RETURNING users.id, users.id AS id__1$q$, 'users', 'login', 'too_long', NULL),
($q$INSERT INTO "users" ("login", "age") VALUES ('bob', 1), ('eve', 40000) RETURNING "users"."id"$q$, 'users', 'age', 'out_of_range', NULL),
($q$INSERT INTO "users" ("login", "mail", "age", "points") VALUES ('bob', 'bob@example.com', NULL, 0) RETURNING "users"."id"$q$, 'users', 'mail', 'too_long', NULL),
($q$INSERT INTO "orders" ("id", "status", "note") VALUES ($1::int, $2::status, $3) RETURNING "id"$q$, 'orders', 'status', 'enum_label', '{2,shipped,x}'),
($q$INSERT INTO "Camel" ("userId", "firstName", "lastName") VALUES (1, 'Augusta', 'King') ON CONFLICT DO NOTHING RETURNING *$q$, '"Camel"', 'firstName', 'too_long', NULL),
($q$INSERT INTO "lo"."Camel" ("userId","firstName","lastName") VALUES (1,'Ada','Lovelace') RETURNING "lo"."Camel"."userId"$q$, '"Camel"', 'lastName', 'too_long', NULL),
($q$insert into orders (note, price, qty, user_id, id) values ($1, $2::numeric, 1, 1, 5)$q$, 'orders', 'price', 'precision', '{n,12345.678}'),
($q$UPDATE "users" SET "login" = $1, "age" = $2::int WHERE "users"."id" = $3::bigint$q$, 'users', 'login', 'too_long', '{ada lovelace,3,1}'),
($q$UPDATE "users" SET "points" = ("users"."points" + 2147483647) WHERE "users"."id" = 1$q$, 'users', 'points', 'out_of_range', NULL),
($q$update orders set note=$1, qty=$2::int where id=$3::int and qty=3$q$, 'orders', 'qty', 'out_of_range', '{n,70000,1}'),
($q$UPDATE "orders" SET "status" = 'shipped' WHERE ("orders"."id") IN ((1), (2))$q$, 'orders', 'status', 'enum_label', NULL),
($q$UPDATE orders AS o SET note = v.note FROM (VALUES (1, 'a note that is longer than twenty'), (2, 'b')) AS v (id, note) WHERE v.id = o.id$q$, 'orders', 'note', 'too_long', NULL),
($q$UPDATE users SET login = CASE WHEN id = 1 THEN 'ada lovelace' WHEN id = 2 THEN 'bob' ELSE login END WHERE id IN (1, 2)$q$, 'users', 'login', 'too_long', NULL),
($q$INSERT INTO users (login, points) VALUES ('ada', 1) ON CONFLICT (login) DO UPDATE SET points = users.points + excluded.points + 2147483647$q$, 'users', 'points', 'out_of_range', NULL),
($q$INSERT INTO users (login, age) VALUES ('ada', 1) ON CONFLICT (login) DO UPDATE SET (age, points) = (70000, 1) WHERE users.id = 1$q$, 'users', 'age', 'out_of_range', NULL),
($q$INSERT INTO users AS u (login) VALUES ('ada') ON CONFLICT ON CONSTRAINT users_login_key DO UPDATE SET login = u.login || ' lovelace'$q$, 'users', 'login', 'too_long', NULL),
($q$INSERT INTO users (login, nick_name) VALUES ('bob', 'b')$q$, 'users', 'nick_name', 'unknown_key', NULL),
($q$INSERT INTO users (login, "nickName") VALUES ($1, $2) RETURNING id$q$, 'users', 'nickName', 'unknown_key', '{bob,b}'),
($q$INSERT INTO "Camel" (userid, "firstName") VALUES (1, 'Ada')$q$, '"Camel"', 'userid', 'unknown_key', NULL),
($q$UPDATE users SET nick_name = 'b' WHERE id = 1$q$, 'users', 'nick_name', 'unknown_key', NULL),
($q$INSERT INTO "Camel" ("userId", "createdAt") VALUES (1, '0000-00-00 00:00:00')$q$, '"Camel"', 'createdAt', 'bad_value', NULL),
($q$INSERT INTO users (login, created_at) VALUES ('bob', '2026-01-02T03:04:05.678Z[UTC]')$q$, 'users', 'created_at', 'wrong_type', NULL),
($q$INSERT INTO users (login, active) VALUES ('bob', 2)$q$, 'users', 'active', 'wrong_type', NULL),
($q$INSERT INTO users (login, active) VALUES ('bob', 'Y/N')$q$, 'users', 'active', 'wrong_type', NULL),
($q$INSERT INTO users (login, uid) VALUES ('bob', '{not-a-uuid}')$q$, 'users', 'uid', 'wrong_type', NULL),
($q$INSERT INTO users (login, uid) VALUES ('bob', $1::uuid)$q$, 'users', 'uid', 'wrong_type', '{1234}'),
($q$INSERT INTO users (login, settings) VALUES ('bob', $1::jsonb)$q$, 'users', 'settings', 'wrong_type', ARRAY[$p${'single': 1}$p$]),
($q$INSERT INTO users (login, tags) VALUES ('bob', 'a,b,c')$q$, 'users', 'tags', 'wrong_type', NULL),
($q$INSERT INTO users (login, ip) VALUES ('bob', 'localhost')$q$, 'users', 'ip', 'wrong_type', NULL),
($q$INSERT INTO users (login, born) VALUES ('bob', '31/12/2000')$q$, 'users', 'born', 'bad_value', NULL),
($q$INSERT INTO users (login, born) VALUES ('bob', '12-31-20OO')$q$, 'users', 'born', 'wrong_type', NULL),
-- what breaks a rule or misses its place
($q$INSERT INTO users (login) VALUES ('ada')$q$, 'users', '', 'unique', NULL),
($q$INSERT INTO users (points) VALUES (1)$q$, 'users', 'login', 'missing_key', NULL),
($q$UPDATE users SET login = NULL$q$, 'users', 'login', 'null_value', NULL),
($q$INSERT INTO users (login, mail) VALUES ('bob', 'nobody')$q$, 'users', 'mail', 'check', NULL),
($q$INSERT INTO orders (id, user_id) VALUES (2, 99)$q$, 'orders', '', 'foreign_key', NULL),
($q$INSERT INTO orders (id, qty) VALUES (2, -1)$q$, 'orders', '', 'check', NULL),
($q$INSERT INTO events VALUES (1, '2026-02-01 00:00:00', 'a', NULL)$q$, 'events', '', 'no_partition', NULL),
($q$INSERT INTO events SELECT g, timestamptz '2026-01-30 00:00Z' + g * interval '1 day', 'a' FROM generate_series(1, 3) g$q$, 'events', '', 'no_partition', NULL),
($q$INSERT INTO tenants VALUES ('b', 'x', 1)$q$, 'tenants', '', 'no_partition', NULL),
($q$INSERT INTO tenants SELECT 'a', left(md5('x'), 5), 1$q$, 'tenants', 'k', 'too_long', NULL),
($q$INSERT INTO tenants VALUES ('a', 'too long', 1)$q$, 'tenants', 'k', 'too_long', NULL),
($q$INSERT INTO tenants_a (tenant, k) VALUES ('a', 'too long')$q$, 'tenants', 'k', 'too_long', NULL),
($q$INSERT INTO audit_log (id, who) VALUES (7, 'me')$q$, 'audit_log', 'id', 'generated', NULL),
($q$INSERT INTO audit_log (who, size) VALUES ('me', 3)$q$, 'audit_log', 'size', 'generated', NULL),
($q$INSERT INTO keyed VALUES (1, 1, 'a'), (1, 1, 'b')$q$, 'keyed', '', 'unique', NULL),
($q$INSERT INTO keyed (a, v) VALUES (1, 'a')$q$, 'keyed', 'b', 'missing_key', NULL),
-- bulk: arrays, JSON, queries
($q$INSERT INTO keyed (a, b, v) SELECT * FROM unnest($1::int[], $2::int[], $3::text[])$q$, 'keyed', 'v', 'too_long', ARRAY['{1,2}', '{1,2}', '{ok,longer}']),
($q$INSERT INTO keyed (a, b, v) SELECT unnest($1::bigint[]), 1, 'v'$q$, 'keyed', 'a', 'out_of_range', ARRAY['{1,3000000000}']),
($q$INSERT INTO keyed SELECT * FROM json_to_recordset($1::json) AS x (a int, b int, v text)$q$, 'keyed', 'v', 'too_long', ARRAY['[{"a": 1, "b": 2, "v": "longer"}]']),
($q$INSERT INTO keyed SELECT (j ->> 'a')::int, (j ->> 'b')::int, j ->> 'v' FROM jsonb_array_elements($1::jsonb) j$q$, 'keyed', 'v', 'too_long', ARRAY['[{"a": 1, "b": 2, "v": "longer"}]']),
($q$INSERT INTO keyed SELECT * FROM jsonb_populate_recordset(NULL::keyed, $1::jsonb)$q$, 'keyed', 'v', 'too_long', ARRAY['[{"a": 1, "b": 2, "v": "longer"}]']),
($q$INSERT INTO orders (id, note) SELECT 2, raw || raw FROM staging$q$, 'orders', 'note', 'too_long', NULL),
($q$INSERT INTO orders (id, price) SELECT 2, amount FROM staging$q$, 'orders', 'price', 'precision', NULL),
($q$INSERT INTO orders (id, qty) SELECT 2, num FROM staging$q$, 'orders', 'qty', 'out_of_range', NULL),
($q$INSERT INTO orders (id, placed) SELECT 2, at::timestamp FROM staging$q$, 'orders', 'placed', 'wrong_type', NULL),
($q$INSERT INTO orders (id, placed) SELECT 2, at FROM staging$q$, 'orders', 'placed', 'wrong_type', NULL),
($q$INSERT INTO orders SELECT 2, 1, 'paid', 'ABCDE' FROM staging$q$, 'orders', 'ref', 'too_long', NULL),
($q$INSERT INTO orders (id, note, "Group") SELECT s.num::text::int8 % 7, 'n', s.raw FROM staging s LIMIT 1$q$, 'orders', 'Group', 'too_long', NULL),
($q$INSERT INTO users (login, age) SELECT 'u' || g, 32760 + g FROM generate_series(1, 10) g$q$, 'users', 'age', 'out_of_range', NULL),
($q$INSERT INTO users (login) SELECT string_agg(raw, '-') FROM staging GROUP BY num HAVING count(*) > 0$q$, 'users', 'login', 'too_long', NULL),
($q$INSERT INTO users (login) SELECT 'bob' UNION ALL SELECT 'ada lovelace'$q$, 'users', 'login', 'too_long', NULL),
($q$INSERT INTO users (login, balance) VALUES ('bob', 1e5), ('eve', 99999.99)$q$, 'users', 'balance', 'precision', NULL),
($q$INSERT INTO users (login, balance) VALUES ('bob', '1,234.50')$q$, 'users', 'balance', 'wrong_type', NULL),
($q$INSERT INTO users (login, balance) VALUES ('bob', '12.345.678')$q$, 'users', 'balance', 'wrong_type', NULL),
($q$INSERT INTO orders (id, weight) VALUES (2, 1e39)$q$, 'orders', 'weight', 'out_of_range', NULL),
($q$INSERT INTO orders (id, weight) VALUES (2, '3,5')$q$, 'orders', 'weight', 'wrong_type', NULL),
($q$INSERT INTO orders (id, placed) VALUES (2, 1767225600)$q$, 'orders', 'placed', 'wrong_type', NULL),
($q$INSERT INTO orders (id, placed) VALUES (2, '2026-02-30T00:00:00')$q$, 'orders', 'placed', 'bad_value', NULL),
-- WITH, MERGE, views, functions, triggers
($q$WITH u AS (INSERT INTO users (login) VALUES ('bob') RETURNING id) INSERT INTO orders (id, user_id, note) SELECT 2, id, 'a note that is longer than twenty' FROM u$q$, 'orders', 'note', 'too_long', NULL),
($q$WITH u AS (INSERT INTO users (login) VALUES ('ada lovelace') RETURNING id) INSERT INTO orders (id, user_id) SELECT 2, id FROM u$q$, 'users', 'login', 'too_long', NULL),
($q$WITH gone AS (DELETE FROM orders WHERE id = 1 RETURNING *) INSERT INTO noted SELECT id, note || note || note FROM gone$q$, 'audit_log', 'who', 'too_long', NULL),
($q$WITH v (i, n) AS (VALUES (2, 'a note that is longer than twenty')) INSERT INTO orders (id, note) TABLE v$q$, 'orders', 'note', 'too_long', NULL),
($q$MERGE INTO orders o USING (VALUES (1, 70000)) AS v (id, qty) ON o.id = v.id WHEN MATCHED THEN UPDATE SET qty = v.qty WHEN NOT MATCHED THEN INSERT (id, qty) VALUES (v.id, v.qty)$q$, 'orders', 'qty', 'out_of_range', NULL),
($q$MERGE INTO orders o USING staging s ON o.id = s.num WHEN NOT MATCHED THEN INSERT (id, note) VALUES (7, s.raw || ' that is longer')$q$, 'orders', 'note', 'too_long', NULL),
($q$MERGE INTO users u USING (SELECT 'ada' AS l) s ON u.login = s.l WHEN MATCHED AND u.points > 3 THEN UPDATE SET age = 99999 WHEN MATCHED THEN DO NOTHING$q$, 'users', 'age', 'out_of_range', NULL),
($q$INSERT INTO active_users (user_name, age) VALUES ('ada lovelace', 1)$q$, 'users', 'login', 'too_long', NULL),
($q$UPDATE active_users SET age = '99999' WHERE user_name = 'ada'$q$, 'users', 'age', 'out_of_range', NULL),
($q$INSERT INTO noted VALUES (1, 'longer than six')$q$, 'audit_log', 'who', 'too_long', NULL),
($q$SELECT add_user('ada lovelace', 1)$q$, 'users', 'login', 'too_long', NULL),
($q$SELECT add_user('bob', 40000)$q$, 'users', 'age', 'out_of_range', NULL),
($q$SELECT add_order('a note that is longer than twenty')$q$, 'orders', 'note', 'too_long', NULL),
($q$CALL place(1, 99999)$q$, 'orders', 'price', 'precision', NULL),
($q$DO $d$ BEGIN FOR i IN 2 .. 4 LOOP INSERT INTO orders (id, note) VALUES (i, repeat('note ', i * 2)); END LOOP; END $d$$q$, 'orders', 'note', 'too_long', NULL),
($q$DO $d$ BEGIN EXECUTE format('INSERT INTO %I (id, note) VALUES ($1, $2)', 'orders') USING 2, 'a note that is longer than twenty'; END $d$$q$, 'orders', 'note', 'too_long', NULL),
-- loaders, and what people type
($q$COPY keyed FROM PROGRAM 'printf "1\t2\tok\n3\t4\tlonger\n"'$q$, 'keyed', 'v', 'too_long', NULL),
($q$COPY keyed (v, b, a) FROM PROGRAM 'printf "v;1;3000000000\n"' WITH (FORMAT csv, DELIMITER ';')$q$, 'keyed', 'a', 'out_of_range', NULL),
($q$COPY lo.orders (id, status) FROM PROGRAM 'printf "2\tlost\n"'$q$, 'orders', 'status', 'enum_label', NULL),
($q$COPY events (id, at, kind) FROM PROGRAM 'printf "1,2027-01-01,a\n"' CSV$q$, 'events', '', 'no_partition', NULL),
($q$COPY keyed FROM PROGRAM 'printf "1\t2\n"'$q$, 'keyed', 'v', 'other', NULL),
($q$/* app:shop,controller:users */ INSERT INTO users (login) VALUES ('ada lovelace') -- trace=1$q$, 'users', 'login', 'too_long', NULL),
($q$insert into lo . users ( "login" , "age" ) values ( E'ada\tlovelace' , - 40000 )$q$, 'users', 'login', 'too_long', NULL),
($q$INSERT INTO users VALUES (DEFAULT, 'bob', NULL, 1, DEFAULT, 123456)$q$, 'users', 'balance', 'precision', NULL),
($q$INSERT INTO users (login, age) VALUES ('bob', NULL), ('eve', DEFAULT), ('joe', 1 + 40000)$q$, 'users', 'age', 'out_of_range', NULL),
($q$INSERT INTO users (login, age) VALUES (('b' || 'ob'), (SELECT max(num) FROM staging))$q$, 'users', 'age', 'out_of_range', NULL),
($q$INSERT INTO users (login, created_at) VALUES ('bob', now() || '')$q$, 'users', 'created_at', 'wrong_type', NULL),
($q$INSERT INTO orders VALUES (2, 1, 'new', 'R', 1, 9.99, 'a note', now(), 1.5, 'ABCD')$q$, 'orders', 'Group', 'too_long', NULL),
($q$UPDATE orders SET (note, "Group") = (SELECT 'x', raw FROM staging) WHERE id = 1$q$, 'orders', 'Group', 'too_long', NULL);

CREATE FUNCTION failed(stmt text, params text[], OUT sqlst text, OUT e jsonb)
LANGUAGE plpgsql AS $$
DECLARE msg text; det text; ctx text; sch text; tab text; col text; typ text; con text;
BEGIN
	CASE coalesce(cardinality(params), 0)
		WHEN 0 THEN EXECUTE stmt;
		WHEN 1 THEN EXECUTE stmt USING params[1];
		WHEN 2 THEN EXECUTE stmt USING params[1], params[2];
		ELSE EXECUTE stmt USING params[1], params[2], params[3];
	END CASE;
	RAISE EXCEPTION USING ERRCODE = '00SUC';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS sqlst = RETURNED_SQLSTATE, msg = MESSAGE_TEXT, det = PG_EXCEPTION_DETAIL, ctx = PG_EXCEPTION_CONTEXT,
		sch = SCHEMA_NAME, tab = TABLE_NAME, col = COLUMN_NAME, typ = PG_DATATYPE_NAME, con = CONSTRAINT_NAME;
	-- what a client of the statement itself would see
	ctx := left(ctx, position(E'\nPL/pgSQL function failed(' IN E'\n' || ctx) - 1);
	ctx := regexp_replace(ctx, '\n?SQL statement "' || regexp_replace(stmt, '([][\\.*+?{}|()^$])', '\\\1', 'g') || '"\n?$', '');
	e := jsonb_strip_nulls(jsonb_build_object('sqlstate', sqlst, 'message', msg, 'detail', nullif(det, ''), 'context', nullif(rtrim(ctx, E'\n'), ''),
		'schema', nullif(sch, ''), 'table', nullif(tab, ''), 'column', nullif(col, ''), 'datatype', nullif(typ, ''), 'constraint', nullif(con, '')));
END
$$;
CREATE TABLE found AS
SELECT c.n, f.sqlst, l.*
FROM cases c, failed(c.stmt, c.params) f LEFT JOIN LATERAL
	(SELECT coalesce(string_agg(DISTINCT l.relation::text, ','), '') AS relation,
		coalesce(string_agg(l."column", ',' ORDER BY l."column" COLLATE "C"), '') AS columns,
		coalesce(string_agg(DISTINCT l.class, ','), '') AS class, bool_and(l.certain) AS certain
	FROM selfheal.locate(c.stmt, f.e, c.params) l) l ON true;
-- one is located when its table, its columns and its class are what was put
-- down, and it is certain
CREATE VIEW verdicts AS
SELECT c.*, f.sqlst, f.relation AS found_relation, f.columns AS found_columns, f.class AS found_class, f.certain,
	f.relation = c.relation AND f.columns = c.columns AND f.class = c.class AND f.certain = (c.columns NOT LIKE '%,%') AS located
FROM cases c JOIN found f USING (n);
SELECT count(*) AS statements, count(*) FILTER (WHERE located) AS located, count(*) FILTER (WHERE located) >= 0.9 * count(*) AS enough
FROM verdicts;
SELECT stmt, sqlst, found_relation, found_columns, found_class, certain, relation, columns, class FROM verdicts
WHERE located IS NOT TRUE ORDER BY n;
-- each has failed
SELECT n, stmt FROM verdicts WHERE sqlst = '00SUC' ORDER BY n;
DROP SCHEMA lo CASCADE;
