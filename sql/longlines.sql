--
-- Lines that are too long to be in memory as a whole, and quotes that never
-- end: what is held, in how many parts, with which line of the file; the rest
-- of the file is stored.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA longlines;
SET search_path = longlines, public;
SELECT setting || '/regress_longlines.data' AS file, 'rm "' || setting || '/regress_longlines.data"' AS rm
	FROM pg_settings WHERE name = 'data_directory' \gset
CREATE FUNCTION put(file text, bytes bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	o oid := lo_from_bytea(0, bytes);
BEGIN
	PERFORM lo_export(o, file);
	PERFORM lo_unlink(o);
END $$;
CREATE TABLE t (id int, v text);
SELECT selfheal.watch('t', 'observe');
-- what was stored, what was held, and is every byte of the file there?
CREATE FUNCTION try(file text, content text, options jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	mine bigint;
BEGIN
	PERFORM put(file, convert_to(content, 'UTF8'));
	TRUNCATE t;
	IF options IS NULL THEN
		EXECUTE format('COPY t_intake FROM %L (FORMAT ndjson)', file);
	ELSE
		PERFORM selfheal.copy_from('t', file, options => options);
	END IF;
	mine := (SELECT max(id) FROM selfheal.load WHERE relid = 't'::regclass);
	RETURN QUERY SELECT 'stored ' || string_agg(id::text, ', ' ORDER BY id) FROM t;
	RETURN QUERY SELECT format('line %s: %s %s, %s bytes: %s', position, class, sqlstate, octet_length(line), message)
		FROM selfheal.quarantined WHERE load = mine ORDER BY id;
	RETURN QUERY SELECT format('line %s is not as it was', h.at) FROM
		(SELECT q.position AS at, string_agg(encode(q.line, 'escape'), '' ORDER BY q.id) AS line FROM selfheal.quarantined q WHERE load = mine GROUP BY 1) h
		WHERE position(translate(h.line, E'\r', '') IN translate(encode(convert_to(content, 'UTF8'), 'escape'), E'\r', '')) = 0;
END $$;
SET selfheal.max_line = '2kB';
-- in each format: a line that fits to the byte, one with a byte more, and one of several parts
SELECT try(:'file', E'1,a\n' || repeat('x', 2048) || E'\n2,b\n', '{"format": "csv"}');
SELECT try(:'file', E'1,a\n' || repeat('x', 2049) || E'\n2,b\n', '{"format": "csv"}');
SELECT try(:'file', E'1,a\n' || repeat('x', 5000) || E'\r\n2,b\n', '{"format": "csv"}');
SELECT try(:'file', E'1\ta\n' || repeat('x', 5000) || E'\n2\tb\n', '{}');
SELECT try(:'file', E'1\ta\n2\tb\n' || repeat('x', 4096), '{}');
SELECT try(:'file', E'1\ta\r' || repeat('x', 5000) || E'\r2\tb\r', '{}');
SELECT try(:'file', E'{"id": 1}\n\n' || repeat('x', 5000) || E'\r\n{"id": 2}\n' || repeat('y', 4096), NULL);
-- two of them, and a header before them
SELECT try(:'file', E'v,id\na,1\n' || repeat('x', 3000) || E'\n' || repeat('y', 3000) || E'\nb,2\n', '{"format": "csv", "header": true}');
-- characters of many bytes may be cut: the parts are bytes
SELECT try(:'file', E'1,a\n2,' || repeat('é', 2000) || E'\n3,b\n', '{"format": "csv"}');
-- behind a long line that opens a quote nobody knows what lines are
SELECT try(:'file', E'1,a\n2,"' || repeat('x', 3000) || E'\n3,b\n4,"c\n5,d\n', '{"format": "csv"}');
SELECT try(:'file', E'1,a\n2,"' || repeat('x', 3000) || E'\n3,b\n4,c\n', '{"format": "csv", "multiline": false}');
SELECT try(:'file', E'1,a\n2,"x\n' || repeat('x', 3000) || E'\n4,"\n5,b\n', '{"format": "csv"}');
SELECT try(:'file', E'1,a\n2,"x\n' || repeat('x', 3000) || E'"\n4,b\n', '{"format": "csv"}');
SELECT try(:'file', E'1,a\n2,x\\\n' || repeat('x', 3000) || E'\n4,b\n', '{"delimiter": ","}');
RESET selfheal.max_line;
-- which quote it is: not one that stands twice within the field
SELECT try(:'file', E'1,a\n2,"b\n3,""c\n4,""\n5,d\n', '{"format": "csv"}');
SELECT try(:'file', E'1,a\n2,"b\nc","d\n4,e\n', '{"format": "csv"}');
SELECT try(:'file', E'1,a\n2,"b\\"\n3,c\n', '{"format": "csv", "escape": "\\"}');
-- parts of a line are known by the name of their load
SET selfheal.max_line = '1kB';
SET selfheal.load_id = 'long lines';
SELECT put(:'file', convert_to(E'1,a\n' || repeat('x', 1500) || E'\n2,b\n', 'UTF8'));
SELECT * FROM selfheal.copy_from('t', :'file', options => '{"format": "csv"}');
SET selfheal.load_id = 'long lines';
SELECT * FROM selfheal.copy_from('t', :'file', options => '{"format": "csv"}');
SELECT stored, held, already FROM selfheal.last_load();
RESET selfheal.load_id;
RESET selfheal.max_line;

COPY t TO PROGRAM :'rm';
DROP SCHEMA longlines CASCADE;
