--
-- Mappings that are refused: each with what to do instead. Nothing that is
-- stored would have been stored otherwise under one that is taken.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA maprefused;
SET search_path = maprefused, public;
\pset null '-'
CREATE TABLE t (id int PRIMARY KEY, v text, w varchar(9), must text NOT NULL DEFAULT 'x', n int, d date, j jsonb, doc jsonb, p point, c char(4),
	g int GENERATED ALWAYS AS (id + 1) STORED, i bigint GENERATED ALWAYS AS IDENTITY);
CREATE TABLE unwatched (id int);
SELECT selfheal.watch('t', mode => 'propose');
INSERT INTO t (id, v, w, n, doc, c) VALUES (1, 'N/A', 'a', 0, '{"a": 1}', 'ab'), (2, ' blank', 'b', 5, NULL, NULL);
-- what is asked, in one call: its number, or the message with its hint
CREATE FUNCTION ask(kind text, field text, args jsonb DEFAULT '{}', column_name name DEFAULT NULL, tab regclass DEFAULT 't', force boolean DEFAULT false)
	RETURNS TABLE (sqlstate text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM selfheal.add_mapping(tab, kind, field, args, column_name, force => force);
	RETURN QUERY SELECT '-', 'added', '-';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
	RETURN QUERY SELECT SQLSTATE, regexp_replace(message, 'mapping \d+', 'mapping #'), coalesce(hint, 'NONE');
END$$;

-- the table, the kind, the arguments
SELECT * FROM ask('trim', 'v', tab => NULL);
SELECT * FROM ask('trim', 'v', tab => 'unwatched');
SELECT * FROM ask('trim', 'v', tab => 't_intake');
SELECT * FROM ask('trim', 'v', tab => 'pg_class');
SELECT * FROM ask(NULL, 'v');
SELECT * FROM ask('rename', 'v');
SELECT * FROM ask('trim', NULL);
SELECT * FROM ask('trim', repeat('x', 2000), column_name => 'v');
SELECT * FROM ask('trim', 'w', '[]');
SELECT * FROM ask('trim', 'w', '{"both": true}');
SELECT * FROM ask('map_field', 'k', '{"paths": []}', 'v');
SELECT * FROM ask('overflow_to_jsonb', NULL, '{"columns": "j"}');
-- columns that are not there, or that loads cannot fill
SELECT * FROM ask('trim', 'missing');
SELECT * FROM ask('trim', 'w', column_name => 'missing');
SELECT * FROM ask('trim', 'other', column_name => 'v');
SELECT * FROM ask('map_field', 'k', column_name => 'missing');
SELECT * FROM ask('map_field', 'k');
SELECT * FROM ask('map_field', 'k', column_name => 'g');
SELECT * FROM ask('map_field', 'k', column_name => 'i');
SELECT * FROM ask('map_field', 'k', column_name => 'ctid');
SELECT * FROM ask('map_field', NULL, column_name => 'v');
SELECT * FROM ask('ignore_field', 'k', column_name => 'v');
SELECT * FROM ask('overflow_to_jsonb', NULL);
SELECT * FROM ask('overflow_to_jsonb', NULL, column_name => 'v');
SELECT * FROM ask('overflow_to_jsonb', 'k', column_name => 'j');
SELECT * FROM ask('overflow_to_jsonb', NULL, '{"column": "j"}', 'doc');
SELECT * FROM ask('decode_text', 'v', '{"encodings": ["LATIN1"]}');
-- types that the kind cannot feed, and formats that cannot be
SELECT * FROM ask('parse_timestamp', 'n', '{"formats": ["DD.MM.YYYY"]}');
SELECT * FROM ask('parse_timestamp', 'v', '{"formats": ["DD.MM.YYYY"]}');
SELECT * FROM ask('parse_number', 'v', '{"decimal": ","}');
SELECT * FROM ask('parse_point', 'n', '{"form": "array", "order": "xy"}');
SELECT * FROM ask('trim', 'j');
SELECT * FROM ask('parse_timestamp', 'd', '{}');
SELECT * FROM ask('parse_timestamp', 'd', '{"formats": []}');
SELECT * FROM ask('parse_timestamp', 'd', '{"formats": ["DD.MM.YYYY DD"]}');
SELECT * FROM ask('parse_timestamp', 'd', '{"formats": ["nonsense"]}');
SELECT * FROM ask('parse_number', 'n', '{"decimal": ",", "group": ","}');
SELECT * FROM ask('parse_point', 'p', '{"form": "array"}');
SELECT * FROM ask('null_if', 'n', '{"values": []}');
SELECT * FROM ask('decode_text', NULL, '{"encodings": ["KLINGON"]}');
-- keys: columns of their own, cycles, two ways, hints
SELECT * FROM ask('map_field', 'v', column_name => 'w');
SELECT * FROM ask('map_field', 'v', column_name => 'v');
SELECT * FROM ask('ignore_field', 'v');
SELECT * FROM ask('map_field', 'k', '{"path": []}', 'v');
SELECT * FROM ask('map_field', 'k', '{"path": ["other", "x"]}', 'v');
SELECT * FROM ask('map_field', 'k', '{"path": ["k", "a", "b", "c", "d", "e", "f", "g", "h"]}', 'v');
SELECT * FROM ask('map_field', 'k', '{"path": ["k", 1]}', 'v');
SELECT * FROM ask('map_field', 'k', '{"path": ["k", "x"], "rest": "lose"}', 'v');
SELECT * FROM ask('map_field', 'k', '{"rest": "drop"}', 'v');
SELECT * FROM ask('map_field', 'k', jsonb_build_object('path', ARRAY['k', repeat('x', 1200)]), 'v');
SELECT * FROM ask('map_field', 'k', '{"path": ["k", "x"]}', 'v');
SELECT * FROM ask('map_field', 'k', '{"path": ["k", "x"]}', 'v');
SELECT * FROM ask('map_field', 'k', column_name => 'w');
SELECT * FROM ask('map_field', 'k', '{"path": ["k", "x", "y"]}', 'w');
SELECT * FROM ask('map_field', 'k', '{"path": ["k", "y"], "rest": "drop"}', 'w');
SELECT * FROM ask('map_field', 'k', '{"path": ["k", "x"], "rest": "drop"}', 'v');
SELECT * FROM ask('map_field', 'doc', '{"path": ["doc", "a"]}', 'v');
SELECT * FROM ask('map_field', 'j', '{"path": ["j", "a"], "rest": "column"}', 'j');
SELECT * FROM ask('map_field', 'j', '{"path": ["j", "a"], "rest": "column"}', 'v');
SELECT selfheal.hint('t', 'hinted', type => 'int');
SELECT * FROM ask('map_field', 'hinted', column_name => 'v');
SELECT selfheal.hint('t', 'named', rename_to => 'n');
SELECT * FROM ask('null_if', 'named', '{"values": ["-"]}');
\set VERBOSITY terse
SELECT selfheal.hint('t', 'k', ignore => true);
\set VERBOSITY default
ALTER TABLE t ADD COLUMN a int;
SELECT * FROM ask('map_field', 'b', column_name => 'a');
ALTER TABLE t RENAME COLUMN a TO a2;
ALTER TABLE t ADD COLUMN b int;
SELECT * FROM ask('map_field', 'a2b', column_name => 'b');
ALTER TABLE t DROP COLUMN a2;
SELECT * FROM ask('map_field', 'a2', column_name => 'b');
-- what is stored as it was sent
SELECT * FROM ask('null_if', 'v', '{"values": ["N/A"]}');
SELECT * FROM ask('null_if', 'v', '{"values": ["n/a"], "ignore_case": true}');
SELECT * FROM ask('null_if', 'v', '{"values": ["none"]}');
SELECT * FROM ask('null_if', 'must', '{"values": ["none"]}');
SELECT * FROM ask('null_if', 'n', '{"values": ["0"]}');
SELECT * FROM ask('trim', 'v');
SELECT * FROM ask('trim', 'w');
SELECT * FROM ask('trim', 'c');
-- what makes no held row fit, unless somebody insists
INSERT INTO t_intake VALUES ('{"id": 3, "d": "31.12.2025"}'), ('{"id": 4, "n": "1,5"}');
SELECT * FROM ask('parse_timestamp', 'd', '{"formats": ["MM/DD/YYYY"]}');
SELECT * FROM ask('parse_timestamp', 'd', '{"formats": ["MM/DD/YYYY"]}', force => true);
SELECT * FROM ask('parse_timestamp', 'd', '{"formats": ["MM/DD/YYYY"]}', force => true);
SELECT * FROM ask('parse_number', 'n', '{"decimal": ","}');
SELECT kind, field, column_name, version, proven_rows FROM selfheal.mappings WHERE table_name = 'maprefused.t' ORDER BY id;

-- stored values are read as the table's owner; whoever asks must be he
CREATE ROLE regress_maprefused;
CREATE ROLE regress_maprefused_owner;
CREATE ROLE regress_maprefused_loader;
GRANT USAGE, CREATE ON SCHEMA maprefused TO regress_maprefused_owner, regress_maprefused, regress_maprefused_loader;
SELECT selfheal.grant_to('regress_maprefused', 'operator');
SELECT selfheal.grant_to('regress_maprefused_owner', 'admin');
SET ROLE regress_maprefused;
SELECT * FROM ask('trim', 'w');
SELECT selfheal.remove_mapping(id) FROM selfheal.mappings;
\set VERBOSITY sqlstate
TABLE selfheal.mapping;
TABLE selfheal.kept;
TABLE selfheal.originals;
\set VERBOSITY default
RESET ROLE;
SELECT id AS mapping FROM selfheal.mapping WHERE kind = 'map_field' AND state = 'active' ORDER BY id LIMIT 1 \gset
SET ROLE regress_maprefused;
\set VERBOSITY terse
SELECT selfheal.remove_mapping(:mapping);
SET ROLE regress_maprefused_owner;
-- a domain's own code never runs as a superuser
CREATE FUNCTION is_short(text) RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
	IF current_user NOT IN ('regress_maprefused_owner', 'regress_maprefused_loader') THEN
		RAISE EXCEPTION 'run as %', current_user;
	END IF;
	RETURN length($1) < 4;
END$$;
CREATE DOMAIN short AS text CHECK (maprefused.is_short(VALUE));
CREATE TABLE own (id int, s short);
SELECT selfheal.watch('own', mode => 'propose');
GRANT INSERT ON own, own_intake TO regress_maprefused_loader;
SET ROLE regress_maprefused_loader;
INSERT INTO own_intake VALUES ('{"id": 1, "s": " abc "}'), ('{"id": 2, "s": "abcd"}');
RESET ROLE;
SELECT (selfheal.wait_idle('180s') ->> 'idle')::bool AS idle;
SELECT message FROM selfheal.quarantined WHERE table_name = 'maprefused.own' ORDER BY id;
SET client_min_messages = notice;
SELECT selfheal.add_mapping('own', 'trim', 's') > 0 AS added;
SET client_min_messages = warning;
SELECT (selfheal.wait_idle('180s') ->> 'idle')::bool AS idle;
TABLE own;

-- what the owner of a table may not see is not looked at
CREATE TABLE hidden (id int, s text);
ALTER TABLE hidden OWNER TO regress_maprefused_owner;
SELECT selfheal.watch('hidden');
INSERT INTO hidden VALUES (1, ' blank');
SELECT sqlstate FROM ask('trim', 's', tab => 'hidden');
ALTER TABLE hidden ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SELECT sqlstate FROM ask('trim', 's', tab => 'hidden');

SELECT selfheal.unwatch_all() > 1 AS unwatched;
DROP SCHEMA maprefused CASCADE;
DROP OWNED BY regress_maprefused, regress_maprefused_owner, regress_maprefused_loader;
DROP ROLE regress_maprefused, regress_maprefused_owner, regress_maprefused_loader;
