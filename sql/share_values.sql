--
-- share_values: what is told of values to a model, in the log, in notifications.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA sv;
SET search_path = sv;
SHOW selfheal.share_values;
CREATE TABLE orders (id integer PRIMARY KEY, email varchar(20), amount numeric(8,2) CHECK (amount >= 0), status text, placed timestamptz);
SELECT selfheal.watch('orders');
-- the table's own word, and back to the setting
SELECT share_values FROM selfheal.watched WHERE relid = 'orders'::regclass;
SELECT selfheal.watch('orders', share_values => 'full');
SELECT share_values FROM selfheal.watched WHERE relid = 'orders'::regclass;
SELECT selfheal.shared('orders', '{"id": 1, "email": "ada@example.com"}');
SELECT selfheal.watch('orders', share_values => 'none');
SELECT selfheal.shared('orders', '{"id": 1, "email": "ada@example.com"}');
SELECT selfheal.watch('orders', share_values => 'default');
SELECT share_values FROM selfheal.watched WHERE relid = 'orders'::regclass;
SELECT result FROM selfheal.audit WHERE table_name = 'orders' AND schema_name = 'sv' AND event = 'policy_changed' AND result LIKE 'share%' ORDER BY id;
SELECT selfheal.shared('orders', '{"id": 1, "email": "ada@example.com"}');
SET selfheal.share_values = 'none';
SELECT selfheal.shared('orders', '{"id": 1}');
RESET selfheal.share_values;
CREATE TABLE more (id integer);
SELECT selfheal.watch('more', reject_limit => 5, share_values => 'none');
SELECT share_values, reject_limit FROM selfheal.watched WHERE relid = 'more'::regclass;
\set VERBOSITY terse
SELECT selfheal.watch('orders', share_values => 'some');
SET selfheal.share_values = 'some';
SELECT selfheal.shared(NULL, '{}');
SELECT selfheal.shared('pg_class', '{}');
SELECT selfheal.shared('orders', '{}', 'all');
SELECT selfheal.shared('orders', NULL) IS NULL AS nothing, selfheal.shared_message('orders', NULL) IS NULL AS nothing;
\set VERBOSITY default

-- masked: lengths, signs, blanks and structure stay; a value does not
SELECT n, selfheal.shared('orders', p, 'masked') AS masked, selfheal.shared('orders', p, 'none') AS none,
	selfheal.shared('orders', p, 'full') = p AS full
FROM (VALUES
	(1, '{"id": 17, "email": "Ada.Lovelace@example.com", "amount": -1234.50, "status": null}'),
	(2, '{"id":1e5,"amount":"1.234,50 €","placed":"2026-11-21T23:59:01Z","x":[true,false,{"y":"ÄÖ ñ Ж ж 漢字 ٣"}]}'),
	(3, '  {"a" : "tab\there", "b": "quote\"s \u00e9\u00C9\u0033 \ud83d\ude00 \\ \/"}'),
	(4, '[1, "two", null]'),
	(5, '"only a string"'),
	(6, '12,5 Hans Müller'),
	(7, '{"id": 1, "email": "x"'),
	(8, '{"id": 1, "secret word": abc, "email": Ada}'),
	(9, '{"name": "O''Brien; DROP TABLE x; --", "k": ""}'),
	(10, ''),
	(11, '{}'),
	(12, '{"id": 1,}'),
	(13, '{"a": {"b": {"c": [[], {}, [{"d": 5}]]}}}'),
	(14, '{"id" "email" Ada 5}'),
	(15, 'null'),
	(19, '{"id": "\D\a\v\u00zz \u004 \n"}'),
	(17, '{"id": 1, }'),
	(18, '{"id": }'),
	(16, '{"a": nullify, "b": truth}')) v(n, p)
ORDER BY n;
-- keys that look like data are masked; names of the table are not
SELECT k, selfheal.shared('orders', format('{%s: 5}', to_json(k)), 'masked')
FROM (VALUES ('customer_id'), ('revenue_2024'), ('ada@example.com'), ('4711'), ('c0ffee00-1234-5678-9abc-def012345678'),
	('key with blanks'), (repeat('long', 20)), ('email'), ('Größe'), (E'line\nfeed')) v(k);
ALTER TABLE orders ADD "k_4711471147" text;
SELECT selfheal.shared('orders', '{"k_4711471147": "v", "k_0811081108": "v"}', 'masked');
-- hundreds of different keys are data as well, known names aside
SELECT selfheal.shared('orders', '{' || (SELECT string_agg(format('"key%s": %s', translate(i::text, '0123456789', 'abcdefghij'), i), ', ') FROM generate_series(1, 100) i) || '}', 'masked') LIKE '%"keybcd"%' AS no,
	selfheal.shared('orders', '{"email": "x", ' || (SELECT string_agg(format('"key%s": %s', translate(i::text, '0123456789', 'abcdefghij'), i), ', ') FROM generate_series(1, 100) i) || '}', 'masked') LIKE '{"email": "a", "keyb": 9,%' AS hundred,
	selfheal.shared('orders', '{"email": "x", ' || (SELECT string_agg(format('"key%s": %s', translate(i::text, '0123456789', 'abcdefghij'), i), ', ') FROM generate_series(1, 300) i) || '}', 'masked') LIKE '{"email": "a", "aaaa": 9,%' AS hundreds;
-- bounded
SELECT selfheal.shared('orders', format('{"email": "%s"}', repeat('x', 5000)), 'masked');
SELECT length(p), right(p, 40) FROM selfheal.shared('orders', '[' || repeat('"word", ', 5000) || '1]', 'full') p;
SELECT length(p) < 4000 AS bounded FROM selfheal.shared('orders', repeat('[', 100000), 'masked') p;

-- messages: words stay, names of the table stay, all else is a value
SELECT selfheal.shared_message('orders', m, 'masked') AS masked, selfheal.shared_message('orders', m, 'none') AS none
FROM (VALUES
	('invalid input syntax for type integer: "12,5"'),
	('value too long for type character varying(20)'),
	('null value in column "status" of relation "orders" violates not-null constraint'),
	('Failing row contains (5, ada@example.com, null, new (or old), 2026-01-01).'),
	('duplicate key value violates unique constraint "orders_pkey"'),
	('Key (id)=(4711) already exists.'),
	('Key (email, status)=(ada, new) is not present in table "orders".'),
	('new row for relation "orders" violates check constraint "orders_amount_check"'),
	('customer Ada Lovelace has no credit 4711: Will pay later'),
	('value "May" is no date: of 20 rows 12 have numeric(8,2), and Mark'),
	('COPY orders, line 1, column email: "ada@example.com"'),
	('ungültige Eingabesyntax für Typ integer: »12,5«'),
	('a quote " is left open by ada'),
	(E'first line\n  ada\tlovelace\x01')) v(m);
SELECT selfheal.shared_message('orders', 'as it is: "12,5"', 'full');
SELECT length(selfheal.shared_message('orders', repeat('secret ', 10000), 'masked')) <= 1000 AS bounded;

-- who may not read the table may not ask
CREATE ROLE sv_viewer;
SELECT selfheal.grant_to('sv_viewer', 'viewer');
GRANT USAGE ON SCHEMA sv TO sv_viewer;
SET ROLE sv_viewer;
\set VERBOSITY terse
SELECT selfheal.shared('orders', '{}');
SELECT selfheal.shared_message('orders', 'x');
SET selfheal.share_values = 'full';
\set VERBOSITY default
RESET ROLE;
GRANT SELECT ON orders TO sv_viewer;
SET ROLE sv_viewer;
SELECT selfheal.shared('orders', '{"id": 5}');
RESET ROLE;
SELECT selfheal.unwatch('orders');
SELECT selfheal.unwatch('more');
DROP OWNED BY sv_viewer;
DROP ROLE sv_viewer;
DROP SCHEMA sv CASCADE;
