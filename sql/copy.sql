--
-- COPY into an intake: FORMAT ndjson takes each line byte for byte; text, csv
-- and binary are PostgreSQL's own; without a FORMAT there is an error.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA copy;
SET search_path = copy, public;
-- a file that the server can write, and read: in its own directory
SELECT setting || '/regress_copy.data' AS file, 'cat "' || setting || '/regress_copy.data"' AS cat,
	'rm "' || setting || '/regress_copy.data"' AS rm FROM pg_settings WHERE name = 'data_directory' \gset
-- each load as source stored+held+skipped; do table and quarantine agree?
CREATE FUNCTION account(t regclass, OUT loads text, OUT in_table bigint, OUT in_quarantine bigint, OUT adds_up boolean)
LANGUAGE plpgsql AS $$
DECLARE
	s bigint;
	h bigint;
BEGIN
	SELECT string_agg(format('%s %s+%s+%s', source, stored, held, skipped), ', ' ORDER BY id),
		coalesce(sum(stored), 0), coalesce(sum(held), 0)
		INTO loads, s, h FROM selfheal.load WHERE relid = t;
	EXECUTE format('SELECT count(*) FROM %s', t) INTO in_table;
	SELECT count(*) INTO in_quarantine FROM selfheal.quarantine WHERE relid = t AND state = 'held';
	adds_up := in_table = s AND in_quarantine = h;
END $$;
CREATE TABLE t (id int, v text, w varchar(5));
SELECT selfheal.watch('t', 'observe');

-- without a FORMAT, or with one that does not exist: an error with the choices
-- (what psql does with the lines after a COPY FROM STDIN that fails depends on
-- its version: hence files)
COPY t_intake FROM '/dev/null';
\echo :LAST_ERROR_SQLSTATE
COPY t_intake FROM '/dev/null' WITH (DELIMITER ',');
COPY t_intake (payload) FROM '/nonexistent';
COPY t_intake FROM '/dev/null' (FORMAT xml);
COPY t_intake FROM '/dev/null' CSV;
\set VERBOSITY terse
COPY t_intake FROM '/dev/null' (FORMAT ndjson, FORMAT csv);
COPY t_intake FROM '/dev/null' (FORMAT ndjson, DELIMITER ',');
COPY t_intake FROM '/dev/null' (FORMAT ndjson, HEADER);
COPY t_intake FROM '/dev/null' (FORMAT ndjson, NULL 'x');
COPY t_intake FROM '/dev/null' (FORMAT ndjson, FREEZE);
COPY t_intake FROM '/dev/null' (FORMAT ndjson, ENCODING 'none');
COPY t_intake FROM '/dev/null' (FORMAT ndjson) WHERE payload <> '';
COPY t_intake (nothing) FROM '/dev/null' (FORMAT ndjson);
COPY t_intake FROM '/nonexistent/file' (FORMAT ndjson);
COPY t_intake FROM '/tmp' (FORMAT ndjson);
COPY t_intake FROM PROGRAM 'false' (FORMAT ndjson);
COPY t_intake FROM PROGRAM 'echo {}; exit 3' (FORMAT ndjson);
-- not ours: other tables, and COPY TO
COPY t FROM '/dev/null' (FORMAT ndjson);
COPY t TO STDOUT (FORMAT ndjson);
COPY t_intake TO STDOUT (FORMAT ndjson);
COPY t_intake TO STDOUT;
COPY nosuch_intake FROM '/dev/null' (FORMAT ndjson);
\set VERBOSITY default
SELECT * FROM account('t');

-- from STDIN: nothing is un-escaped
SET client_min_messages = notice;
COPY t_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "v": "say \"hello\""}
{"id": 2, "v": "C:\\new\\table"}
{"id": 3, "v": "two\nlines and a \t tab"}
{"id": 4, "v": "\u00e4\ud83d\ude00\u0041\/"}
{"id": 5, "v": "\\n \\\\ \\\" \\u0000"}
{"id": 6, "v": "\u0000"}
{"id": 7, "v": "\N"}
\N
{"id":	8,	"v":	"tabs outside"}
{"id": 9, "v": "a	tab inside"}
{"id": 10, "v": ",;|'$$%s{}"}

   
{"id": 11, "w": "longer"}
null
{"id": 12, "v": "ä€😀"}
\.
SET client_min_messages = warning;
SELECT id, v FROM t ORDER BY id;
SELECT t.id, to_jsonb(v) = value AS same FROM t JOIN (VALUES
	(1, '"say \"hello\""'::jsonb), (2, '"C:\\new\\table"'), (3, '"two\nlines and a \t tab"'), (4, '"\u00e4\ud83d\ude00\u0041\/"'),
	(5, '"\\n \\\\ \\\" \\u0000"'), (12, '"ä€😀"')) e (id, value) USING (id) ORDER BY id;
SELECT position, class, column_name, need, sqlstate, payload FROM selfheal.quarantined WHERE table_name = 'copy.t' ORDER BY id;
SELECT source, stored, held, skipped, role = current_user AS role FROM selfheal.load WHERE relid = 't'::regclass ORDER BY id DESC LIMIT 1;
-- the command's tag counts what was taken
\set QUIET off
COPY t_intake (payload) FROM STDIN (FORMAT 'ndjson', ENCODING 'UTF8');
{"id": 13}

{"id": 14, "w": "longer"}
\.
\set QUIET on

-- a file: CRLF, no newline at the end, bytes that are no text, a line "\."
CREATE TABLE f (id int, v text, w varchar(5));
SELECT selfheal.watch('f', 'observe');
CREATE FUNCTION write(content bytea) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM lo_unlink(4711) FROM pg_largeobject_metadata WHERE oid = 4711;
	PERFORM lo_from_bytea(4711, content);
	PERFORM lo_export(4711, current_setting('copy.file'));
END $$;
SELECT set_config('copy.file', :'file', false) <> '' AS file;
SELECT write(convert_to(
	E'{"id": 1, "v": "crlf"}\r\n'
	|| E'{"id": 2, "v": "lf"}\n'
	|| E'\r\n'
	|| E'\n'
	|| E'{"id": 3, "v": "a \\\\ b \\" c \\n d \\u0041"}\r\n'
	|| E'{"id": 4, "v": "raw\ttab"}\r\n'
	|| E'{"id": 5, "v": "raw\x01"}\n'
	|| E'{"id": 6, "v": "\\u0000"}\n'
	|| E'\\.\n'
	|| E'\\.\r\n'
	|| E'\\N\n'
	|| E'{"id": 7, "w": "longer"}\r\n'
	|| E'{"id": 8, "v": "cr\\r inside"}\n'
	|| E'{"id": 9, "v": "a raw \r inside"}\n', 'UTF8')
	|| '{"id": 10, "v": "'::bytea || '\xff'::bytea || E'"}\n'::bytea
	|| '{"id": 11, "v": "'::bytea || '\xc3'::bytea || E'"}\r\n'::bytea
	|| '{"id": 12, "v": "'::bytea || '\xe282ac'::bytea || E'"}\n'::bytea
	|| '{"id": 13, "v": "'::bytea || '\x00'::bytea || E'"}\n'::bytea
	|| '\x0d0d0a'::bytea
	|| '{"id": 14, "v": "no newline at the end"}'::bytea);
SET client_min_messages = notice;
COPY f_intake FROM :'file' (FORMAT ndjson);
SET client_min_messages = warning;
SELECT id, v, w, encode(convert_to(v, 'UTF8'), 'escape') AS bytes FROM f ORDER BY id;
SELECT position, class, column_name, sqlstate, encode(convert_to(payload, 'UTF8'), 'escape') AS payload, encode(payload_raw, 'escape') AS raw
FROM selfheal.quarantined WHERE table_name = 'copy.f' ORDER BY id;
SELECT class, column_name, rows, position, sample FROM selfheal.error WHERE relid = 'f'::regclass ORDER BY id;
SELECT stored, held, skipped FROM selfheal.load WHERE relid = 'f'::regclass;
SELECT stored + held + skipped AS accounted, (SELECT count(*) FILTER (WHERE get_byte(b, i) = 10) + 1 FROM lo_get(4711) b, generate_series(0, length(b) - 1) i) AS lines
FROM selfheal.load WHERE relid = 'f'::regclass;
SELECT * FROM account('f');
-- held bytes are what was sent
SELECT payload_raw = '{"id": 10, "v": "'::bytea || '\xff'::bytea || '"}'::bytea AS same FROM selfheal.quarantine WHERE relid = 'f'::regclass AND position = 15;
-- an empty file, and one of empty lines
SELECT write('');
COPY f_intake FROM :'file' (FORMAT ndjson);
SELECT write(E'\n\r\n\n');
COPY f_intake FROM :'file' (FORMAT ndjson);
SELECT loads FROM account('f');

-- another encoding: recoded before it is looked at
SELECT write('{"id": 20, "v": "'::bytea || '\xe4'::bytea || E' latin"}\n'::bytea);
COPY f_intake FROM :'file' (FORMAT ndjson, ENCODING 'LATIN1');
COPY f_intake FROM :'file' (FORMAT ndjson);
SELECT id, v FROM f WHERE id = 20;
SELECT class, encode(payload_raw, 'escape') FROM selfheal.quarantined WHERE table_name = 'copy.f' ORDER BY id DESC LIMIT 1;

-- a program; psql's \copy
SELECT write(convert_to(E'{"id": 30, "v": "from a \\\\ program"}\n{"id": 31, "w": "longer"}\n', 'UTF8'));
COPY f_intake FROM PROGRAM :'cat' (FORMAT ndjson);
\copy f_intake FROM PROGRAM 'printf "{\042id\042: 40, \042v\042: \042psql \134\134 copy\042}\r\n{\042id\042: 41, \042w\042: \042longer\042}"' (FORMAT ndjson)
SELECT id, v FROM f WHERE id >= 30 ORDER BY id;
SELECT * FROM account('f');

-- long lines, and more lines than one buffer or batch takes
CREATE TABLE long (id int, v text);
SELECT selfheal.watch('long', 'observe');
SELECT write(convert_to(string_agg(format(E'{"id": %s, "v": "%s"%s}\n', i, repeat('x', CASE WHEN i % 1000 = 0 THEN 300000 ELSE i % 10 END),
	CASE WHEN i % 777 = 0 THEN ', "k": 1' ELSE '' END), '' ORDER BY i), 'UTF8')) FROM generate_series(1, 70000) i;
COPY long_intake FROM :'file' (FORMAT ndjson);
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE length(v) <> CASE WHEN id % 1000 = 0 THEN 300000 ELSE id % 10 END) AS wrong FROM long;
SELECT count(*), count(*) FILTER (WHERE position % 777 = 0 AND (payload::jsonb ->> 'id')::int = position) AS right, min(position), max(position)
FROM selfheal.quarantine WHERE relid = 'long'::regclass;
SELECT * FROM account('long');

-- core's formats, for clients that escape by COPY's rules
CREATE TABLE core (id int, v text, w varchar(5));
SELECT selfheal.watch('core', 'observe');
COPY core_intake FROM STDIN (FORMAT text);
{"id": 1, "v": "C:\\\\new"}
\N
{"id": 2, "w": "longer"}
\.
COPY core_intake FROM STDIN (FORMAT csv);
"{""id"": 3, ""v"": ""C:\\new, \n""}"
"{""id"": 4, ""w"": ""longer""}"
\.
COPY core_intake FROM STDIN (FORMAT csv, HEADER, DELIMITER E'\x01', QUOTE E'\x02');
payload
{"id": 5, "v": "C:\\new"}
\.
COPY (SELECT '{"id": 6, "v": "binary \\"}'::text AS payload) TO :'file' (FORMAT binary);
COPY core_intake FROM :'file' (FORMAT binary);
-- text format and what DESIGN warns of: the backslash is gone before we see it
COPY core_intake FROM STDIN (FORMAT text);
{"id": 7, "v": "C:\\new"}
\.
SELECT id, v FROM core ORDER BY id;
SELECT payload FROM selfheal.quarantined WHERE table_name = 'copy.core' ORDER BY id;
SELECT * FROM account('core');
-- COPY ... WHERE is core's
COPY core_intake FROM STDIN (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02') WHERE payload LIKE '%8%';
{"id": 8}
{"id": 9}
\.
SELECT id FROM core WHERE id >= 8;

-- transactions: rolled back is rolled back; a broken COPY leaves nothing
CREATE TABLE tx (id int, v varchar(2));
SELECT selfheal.watch('tx', 'observe');
BEGIN;
COPY tx_intake FROM STDIN (FORMAT ndjson);
{"id": 1}
{"id": 2, "v": "long"}
\.
SAVEPOINT s;
COPY tx_intake FROM STDIN (FORMAT ndjson);
{"id": 3}
{"id": 4, "v": "long"}
\.
ROLLBACK TO s;
COPY tx_intake FROM STDIN (FORMAT ndjson);
{"id": 5}
\.
SAVEPOINT s;
COPY tx_intake FROM PROGRAM 'echo "{}"; exit 1' (FORMAT ndjson);
ROLLBACK TO s;
COMMIT;
BEGIN;
COPY tx_intake FROM STDIN (FORMAT ndjson);
{"id": 6}
{"id": 7, "v": "long"}
\.
ROLLBACK;
SELECT * FROM tx ORDER BY id;
SELECT payload FROM selfheal.quarantined WHERE table_name = 'copy.tx';
SELECT * FROM account('tx');

-- in a function, a file
CREATE FUNCTION load_file() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	EXECUTE format('COPY copy.f_intake FROM %L (FORMAT ndjson)', current_setting('copy.file'));
	GET DIAGNOSTICS n = ROW_COUNT;
	RETURN n;
END $$;
SELECT write(E'{"id": 50}\n{"id": 51, "w": "longer"}\n\n');
SELECT load_file();
SELECT id FROM f WHERE id >= 50;

-- settings and privileges
SET session_replication_role = replica;
COPY tx_intake FROM '/dev/null' (FORMAT ndjson);
COPY tx_intake FROM '/dev/null' (FORMAT text);
RESET session_replication_role;
BEGIN READ ONLY;
COPY tx_intake FROM '/dev/null' (FORMAT ndjson);
ROLLBACK;
CREATE ROLE regress_copy;
GRANT USAGE ON SCHEMA copy TO regress_copy;
GRANT pg_read_server_files, pg_execute_server_program TO regress_copy;
SET ROLE regress_copy;
COPY tx_intake FROM '/dev/null' (FORMAT ndjson);
RESET ROLE;
GRANT INSERT ON tx_intake TO regress_copy;
SET ROLE regress_copy;
COPY tx_intake FROM '/dev/null' (FORMAT ndjson);
RESET ROLE;
GRANT INSERT ON tx TO regress_copy;
SET ROLE regress_copy;
COPY tx_intake FROM '/dev/null' (FORMAT ndjson);
COPY tx_intake FROM PROGRAM 'echo' (FORMAT ndjson);
RESET ROLE;
REVOKE pg_read_server_files, pg_execute_server_program FROM regress_copy;
SET ROLE regress_copy;
COPY tx_intake FROM '/dev/null' (FORMAT ndjson);
COPY tx_intake FROM PROGRAM 'echo' (FORMAT ndjson);
COPY tx_intake FROM STDIN (FORMAT ndjson);
{"id": 8}
{"id": 9, "v": "long"}
\.
RESET ROLE;
SELECT role, stored, held, skipped FROM selfheal.load WHERE relid = 'tx'::regclass AND role = 'regress_copy' ORDER BY id;
SELECT id FROM tx WHERE id >= 8;
-- row security, as for INSERT
CREATE TABLE rls (id int, who text DEFAULT current_user);
ALTER TABLE rls ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON rls FOR INSERT WITH CHECK (who = current_user);
SELECT selfheal.watch('rls', 'observe');
GRANT INSERT ON rls, rls_intake TO regress_copy;
SET ROLE regress_copy;
COPY rls_intake FROM STDIN (FORMAT ndjson);
{"id": 1}
{"id": 2, "who": "somebody"}
{"id": 3, "who": "regress_copy"}
\.
RESET ROLE;
SELECT * FROM rls ORDER BY id;
SELECT class, sqlstate, payload FROM selfheal.quarantined WHERE table_name = 'copy.rls';

-- healed: what was held goes in, byte for byte; raw bytes stay
SELECT selfheal.watch('f', 'auto');
SELECT selfheal.wake();
SELECT selfheal.wait_idle('180s') ->> 'idle' AS idle;
SELECT id, w FROM f WHERE w IS NOT NULL ORDER BY id;
SELECT class, column_name, count(*) FROM selfheal.quarantined WHERE table_name = 'copy.f' GROUP BY 1, 2 ORDER BY class COLLATE "C", column_name COLLATE "C";
SELECT class, column_name, state FROM selfheal.incidents WHERE table_name = 'copy.f' ORDER BY class COLLATE "C", column_name COLLATE "C";
SELECT count(*), count(DISTINCT id) FROM f;

SELECT lo_unlink(4711);
COPY f_intake FROM PROGRAM :'rm' (FORMAT ndjson);
SELECT selfheal.unwatch_all() > 5 AS unwatched;
DROP SCHEMA copy CASCADE;
DROP ROLE regress_copy;
