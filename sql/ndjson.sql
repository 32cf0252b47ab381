--
-- COPY ... (FORMAT ndjson): one line is one payload, byte for byte.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA nd;
SET search_path = nd, public;
CREATE TABLE t (id int, s text);
SELECT selfheal.watch('nd.t', 'observe');

-- STDIN: escapes, a raw tab, CRLF, empty lines, lines that mean something to
-- COPY's own formats
COPY t_intake FROM STDIN (FORMAT ndjson);
{"id": 1, "s": "q\"q"}
{"id": 2, "s": "C:\\new\\table"}
{"id": 3, "s": "line\nline"}
{"id": 4, "s": "nul \u0000"}
{"id": 5,	"s": "tab between"}
{"id": 6, "s": "tab	inside"}
{"id": 7, "s": "\u00e9 \ud83d\ude00 \/"}

\N
{"id": 9, "s": "a\\tb"}
\.
SELECT id, s FROM t ORDER BY id;
SELECT q.position, q.payload, e.class FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
WHERE q.relid = 'nd.t'::regclass ORDER BY q.id;
SELECT source, stored, held, skipped FROM selfheal.load WHERE relid = 'nd.t'::regclass;

-- PROGRAM: CRLF, "\." in the middle, a byte 0x01, bytes that are not UTF-8, no
-- newline at the end
TRUNCATE t;
COPY t_intake FROM PROGRAM
	$p$printf '{"id": 1, "s": "crlf"}\r\n\\.\n{"id": 3, "s": "bad \377"}\n{"id": 4, "s": "\001"}\n\000\n\r\n{"id": 7, "s": "last"}'$p$
	(FORMAT ndjson, ENCODING 'UTF8');
SELECT id, s FROM t ORDER BY id;
SELECT q.position, q.payload, q.payload_raw, e.class, e.sqlstate FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
WHERE q.relid = 'nd.t'::regclass ORDER BY q.id DESC LIMIT 4;
SELECT class, sample FROM selfheal.error WHERE relid = 'nd.t'::regclass AND class = 'bad_encoding' ORDER BY id;

-- another encoding, per line
TRUNCATE t;
COPY t_intake FROM PROGRAM $p$printf '{"id": 1, "s": "\351"}\n{"id": 2, "s": "x"}\n'$p$ (FORMAT ndjson, ENCODING 'LATIN1');
SELECT id, s, length(s) FROM t ORDER BY id;
-- nothing, and a long line beside short ones
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson);
TRUNCATE t;
COPY t_intake (payload) FROM PROGRAM
	$p$perl -e 'print "{\"id\":1,\"s\":\"", "a\\n" x 1000000, "\"}\n{\"id\":2}\n{\"id\":3,\"s\":\"", "\\\\" x 300000, "\"}"'$p$
	(FORMAT ndjson);
SELECT id, length(s), left(s, 2) FROM t ORDER BY id;

-- the command tag counts stored and held lines, not skipped ones
\set QUIET off
COPY t_intake FROM PROGRAM $p$printf '{"id": 11}\n\n{"id": "x"}\n'$p$ (FORMAT ndjson);
\set QUIET on

-- core's formats act as PostgreSQL documents, for clients that escape
TRUNCATE t;
COPY t_intake FROM STDIN (FORMAT csv);
"{""id"": 1, ""s"": ""a\\b""}"
\.
COPY t_intake FROM STDIN (FORMAT text);
{"id": 2, "s": "a\\\\b"}
\.
SELECT id, s FROM t ORDER BY id;

-- refused
COPY t_intake FROM PROGRAM 'true';
COPY t_intake FROM PROGRAM 'true' WITH DELIMITER ',';
COPY t_intake FROM PROGRAM 'true' (FORMAT avro);
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson, HEADER);
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson, ENCODING 'nope');
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson, FORMAT ndjson);
COPY t_intake (id) FROM PROGRAM 'true' (FORMAT ndjson);
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson) WHERE payload IS NULL;
COPY t FROM PROGRAM 'true' (FORMAT ndjson);
COPY t_intake TO STDOUT;
COPY t_intake FROM '/nonexistent/file' (FORMAT ndjson);
COPY t_intake FROM '/' (FORMAT ndjson);
\set VERBOSITY terse
COPY t_intake FROM PROGRAM $p$printf '{"id": 12}\n'; exit 3$p$ (FORMAT ndjson);
\set VERBOSITY default
BEGIN READ ONLY;
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson);
ROLLBACK;
SELECT count(*) FROM t;

-- privileges are core's
CREATE ROLE regress_nd;
GRANT USAGE ON SCHEMA nd TO regress_nd;
SET ROLE regress_nd;
COPY t_intake FROM '/tmp/x' (FORMAT ndjson);
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson);
DO $$ BEGIN EXECUTE 'COPY nd.t_intake FROM STDIN (FORMAT ndjson)'; END $$;
RESET ROLE;
GRANT pg_execute_server_program TO regress_nd;
SET ROLE regress_nd;
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson);
RESET ROLE;
GRANT INSERT ON t_intake TO regress_nd;
SET ROLE regress_nd;
COPY t_intake FROM PROGRAM 'true' (FORMAT ndjson);
RESET ROLE;
GRANT INSERT ON t TO regress_nd;
SET ROLE regress_nd;
COPY t_intake FROM PROGRAM $p$printf '{"id": 13}\n'$p$ (FORMAT ndjson);
RESET ROLE;
SELECT id FROM t WHERE id = 13;

-- what is rolled back is neither stored nor held
BEGIN;
SAVEPOINT a;
COPY t_intake FROM PROGRAM $p$printf '{"id": 14}\n{"id": "x"}\n'$p$ (FORMAT ndjson);
ROLLBACK TO a;
COMMIT;
SELECT count(*) FROM t WHERE id = 14;

DROP OWNED BY regress_nd;
DROP ROLE regress_nd;
SET client_min_messages = error;
DROP SCHEMA nd CASCADE;
