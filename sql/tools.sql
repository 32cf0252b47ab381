--
-- Tools: what a model may ask for, and how its arguments are checked.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA tl;
SET search_path = tl;
-- the list: names sorted, every tool described, the same text each time
SELECT string_agg(t ->> 'name', ' ') AS tools,
	string_agg(t ->> 'name', ' ') = string_agg(t ->> 'name', ' ' ORDER BY t ->> 'name' COLLATE "C") AS sorted,
	bool_and(length(t ->> 'description') > 300 AND t ->> 'title' <> '') AS described,
	bool_and(t ->> 'name' ~ '^[a-z_]{1,64}$') AS named,
	bool_and(t -> 'inputSchema' ->> 'type' = 'object' AND t -> 'outputSchema' ->> 'type' = 'object') AS schemas
FROM jsonb_array_elements(selfheal.tools()) t WHERE t ->> 'name' IN ('inspect_schema', 'read_error_log', 'sample_payloads');
-- within what strict tools of the Messages API take: its keywords alone, additionalProperties false on every object
WITH RECURSIVE s AS (
	SELECT t ->> 'name' AS tool, t -> 'inputSchema' AS schema FROM jsonb_array_elements(selfheal.tools()) t
	UNION ALL
	SELECT s.tool, c.value FROM s, LATERAL (
		SELECT value FROM jsonb_each(CASE WHEN jsonb_typeof(s.schema -> 'properties') = 'object' THEN s.schema -> 'properties' ELSE '{}' END)
		UNION ALL SELECT s.schema -> 'items' WHERE s.schema ? 'items'
		UNION ALL SELECT value FROM jsonb_array_elements(CASE WHEN s.schema ? 'anyOf' THEN s.schema -> 'anyOf' ELSE '[]' END)) c)
SELECT s.tool, k.key FROM s, jsonb_object_keys(s.schema) k(key)
WHERE k.key NOT IN ('type', 'properties', 'required', 'additionalProperties', 'items', 'enum', 'anyOf', 'description', 'title')
	OR (s.schema ->> 'type' = 'object' AND s.schema -> 'additionalProperties' IS DISTINCT FROM 'false');
-- of those that the agent has as well, few enough arguments are optional
SELECT sum((SELECT count(*) FROM jsonb_object_keys(t -> 'inputSchema' -> 'properties')) - jsonb_array_length(t -> 'inputSchema' -> 'required')) <= 24 AS few_optional
FROM jsonb_array_elements(selfheal.tools()) t WHERE t ->> 'name' IN ('inspect_schema', 'read_error_log', 'sample_payloads');

-- a table with all that can be said of one
CREATE TYPE mood AS ENUM ('ok', 'bad');
CREATE TABLE customers (id integer PRIMARY KEY, name text);
CREATE TABLE orders (
	id integer PRIMARY KEY, customer_id integer REFERENCES customers, email varchar(20) NOT NULL,
	amount numeric(8,2) DEFAULT 0 CHECK (amount >= 0), cents bigint GENERATED ALWAYS AS (amount * 100) STORED, m mood, placed date);
CREATE INDEX orders_lower ON orders (lower(email));
COMMENT ON TABLE orders IS 'what was ordered';
COMMENT ON COLUMN orders.email IS 'as the customer wrote it';
SELECT selfheal.watch('orders', 'propose');
INSERT INTO customers VALUES (1, 'x');
INSERT INTO orders_intake VALUES
	('{"id": 1, "customer_id": 1, "email": "ada@example.com", "placed": "Ada 21/11"}'),
	('{"id": 2, "customer_id": 1, "email": "eve@example.com", "placed": "Eve 05/12"}'),
	('{"id": 3, "customer_id": 1, "email": "eve@example.com", "placed": "05.12.2026 Eve"}'),
	('{"id": 4, "customer_id": 1, "email": "a.very.long.address@example.com"}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT id AS dates FROM selfheal.incident WHERE table_name = 'orders' AND schema_name = 'tl' AND column_name = 'placed' \gset
SELECT id AS emails FROM selfheal.incident WHERE table_name = 'orders' AND schema_name = 'tl' AND column_name = 'email' \gset

SELECT jsonb_pretty(jsonb_set(selfheal.tool('inspect_schema', '{"table": "tl.orders"}') #- '{structured,bytes}', '{structured,constraints}',
	(SELECT jsonb_agg(c) FROM jsonb_array_elements(selfheal.tool('inspect_schema', '{"table": "orders"}') #> '{structured,constraints}') c
	WHERE c ->> 'definition' NOT LIKE 'NOT NULL%')));
SELECT selfheal.tool('inspect_schema', NULL, :dates) #- '{structured,bytes}' = selfheal.tool('inspect_schema', '{"table": "tl.orders"}') #- '{structured,bytes}' AS same;
-- errors and samples by share_values
SELECT e - 'id' - 'at' AS error FROM jsonb_array_elements(selfheal.tool('read_error_log', '{}', :dates) #> '{structured,errors}') e;
SELECT selfheal.tool('sample_payloads', '{}', :dates) #- '{structured,incident}' #>> '{structured,payloads}' ~ '[0-8]{2}/|Ada|Eve' AS leaks;
SELECT p - 'row' AS payload FROM jsonb_array_elements(selfheal.tool('sample_payloads', NULL, :dates) #> '{structured,payloads}') p;
SELECT p - 'row' AS value FROM jsonb_array_elements(selfheal.tool('sample_payloads', format('{"incident": %s, "key": "placed"}', :dates)::jsonb) #> '{structured,payloads}') p;
SELECT selfheal.watch('orders', share_values => 'none');
SELECT p - 'row' AS payload FROM jsonb_array_elements(selfheal.tool('sample_payloads', '{"limit": 1}', :dates) #> '{structured,payloads}') p;
SELECT e ->> 'message' AS message FROM jsonb_array_elements(selfheal.tool('read_error_log', NULL, :dates) #> '{structured,errors}') e;
SELECT selfheal.watch('orders', share_values => 'full');
SELECT p - 'row' AS payload FROM jsonb_array_elements(selfheal.tool('sample_payloads', '{"limit": 1}', :dates) #> '{structured,payloads}') p;
SELECT e ->> 'message' AS message FROM jsonb_array_elements(selfheal.tool('read_error_log', NULL, :dates) #> '{structured,errors}') e;
-- by pages
SELECT r ->> 'has_more' AS more, jsonb_array_length(r -> 'payloads') AS n, r ->> 'next_cursor' = 'payloads:' || (r #>> '{payloads,0,row}') AS cursor
FROM (SELECT selfheal.tool('sample_payloads', '{"limit": 1}', :dates) -> 'structured' AS r) x;
SELECT selfheal.tool('sample_payloads', jsonb_build_object('cursor', selfheal.tool('sample_payloads', '{"limit": 1}', :dates) #>> '{structured,next_cursor}'), :dates) #>> '{structured,has_more}' AS more;
SELECT jsonb_array_length(r -> 'errors') AS n, r ->> 'has_more' AS more FROM (SELECT selfheal.tool('read_error_log', '{"table": "tl.orders", "limit": 1}') -> 'structured' AS r) x;
SELECT jsonb_array_length(r -> 'errors') AS n, r ->> 'has_more' AS more FROM (SELECT selfheal.tool('read_error_log', '{"table": "tl.orders"}') -> 'structured' AS r) x;

-- arguments: what is wrong, and what to do next
SELECT a, selfheal.tool(t, a::jsonb, i) ->> 'text' AS text FROM (VALUES
	('inspect_schema', '{"tabel": "x"}', NULL), ('inspect_schema', '{"table": 5}', NULL), ('inspect_schema', '{"table": null}', NULL),
	('inspect_schema', '[]', NULL), ('inspect_schema', '"x"', NULL), ('inspect_schema', '{"table": {"a": 1}}', NULL),
	('inspect_schema', '{"table": "no.such"}', NULL), ('inspect_schema', '{"table": "pg_class"}', NULL), ('inspect_schema', '{"table": "a.b.c.d"}', NULL),
	('inspect_schema', '{}', NULL),
	('read_error_log', '{"limit": "5"}', NULL), ('read_error_log', '{"limit": 1.5}', NULL), ('read_error_log', '{"limit": 1e30}', NULL),
	('sample_payloads', '{}', NULL), ('sample_payloads', '{"cursor": "x"}', :dates), ('sample_payloads', '{"incident": 0, "key": true}', :dates),
	('sample_payloads', '{"incident": 999999999}', NULL),
	('drop_table', '{}', NULL)) v(t, a, i);
SELECT selfheal.tool('inspect_schema', jsonb_build_object('table', repeat('x', 40000))) ->> 'text' AS text;
SELECT selfheal.tool('inspect_schema', jsonb_build_object('table', repeat('x', 80000))) ->> 'text' ~ '^inspect_schema: the input has [0-9]+ bytes' AS text;
\set VERBOSITY terse
SELECT selfheal.tool(NULL);
SELECT selfheal.tool('inspect_schema', '{}', 999999999);
\set VERBOSITY default

-- the agent: its incident, its table, and the tables that this refers to
CREATE TABLE secrets (id integer PRIMARY KEY, parent integer REFERENCES orders);
SELECT t, regexp_replace(a, '[0-9]+', 'N') AS a, r ->> 'is_error' AS is_error, coalesce(regexp_replace(r ->> 'text', '[0-9]+', 'N'), r #>> '{structured,table}') AS answer
FROM (VALUES ('inspect_schema', '{}'), ('inspect_schema', '{"table": "tl.orders"}'), ('inspect_schema', '{"table": "tl.customers"}'),
	('inspect_schema', '{"table": "tl.secrets"}'), ('inspect_schema', '{"table": "tl.nothing"}'), ('inspect_schema', '{"table": "pg_authid"}'),
	('read_error_log', '{}'), ('read_error_log', '{"table": "tl.orders"}'), ('read_error_log', '{"table": "tl.customers"}'),
	('read_error_log', format('{"incident": %s}', :emails)), ('read_error_log', format('{"incident": %s}', :dates)),
	('sample_payloads', format('{"incident": %s}', :emails)), ('sample_payloads', '{}')) v(t, a),
	LATERAL selfheal.agent_tool(t, a::jsonb, :dates) r;
\set VERBOSITY terse
SELECT selfheal.agent_tool('inspect_schema', '{}', NULL);
\set VERBOSITY default
DROP TABLE secrets;
-- nested arguments, enums in any letters, null for what is left out
SELECT a, selfheal.tool_arguments('{"type": "object", "additionalProperties": false, "required": ["steps", "intent", "confidence"], "properties": {
	"intent": {"type": "string", "description": "one sentence"},
	"confidence": {"type": "number"},
	"mode": {"type": ["string", "null"], "enum": ["auto", "Review", null]},
	"note": {"anyOf": [{"type": "string"}, {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": false}]},
	"steps": {"type": "array", "items": {"type": "object", "additionalProperties": false, "required": ["kind"], "properties": {
		"kind": {"type": "string", "enum": ["add_column", "widen_type"]}, "column": {"type": "string"}, "n": {"type": "integer"}, "sure": {"type": "boolean"}}}}}}', a::jsonb) AS result
FROM (VALUES
	('{"intent": "x", "confidence": 0.5, "steps": []}'),
	('{"intent": "x", "confidence": 1, "mode": "REVIEW", "steps": [{"kind": "Add_Column", "column": "a", "n": 5.0, "sure": true}]}'),
	('{"intent": "x", "confidence": 1, "mode": null, "steps": [{"kind": "widen_type", "column": null}]}'),
	('{"intent": "x", "confidence": 1, "note": "y", "steps": []}'),
	('{"intent": "x", "confidence": 1, "note": {"text": "y"}, "steps": []}'),
	('{"intent": "x", "confidence": 1, "note": {"texts": "y"}, "steps": []}'),
	('{"intent": "x", "confidence": 1, "note": 5, "steps": []}'),
	('{"intent": "x", "confidence": 1, "mode": "fast", "steps": []}'),
	('{"intent": "x", "steps": []}'),
	('{"confidence": 1, "steps": []}'),
	('{"intent": null, "confidence": 1, "steps": []}'),
	('{"intent": "x", "confidence": "high", "steps": []}'),
	('{"intent": "x", "confidence": 1, "steps": {}}'),
	('{"intent": "x", "confidence": 1, "steps": [5]}'),
	('{"intent": "x", "confidence": 1, "steps": [{"kind": "drop_column"}]}'),
	('{"intent": "x", "confidence": 1, "steps": [{"kind": "add_column"}, {"column": "a"}]}'),
	('{"intent": "x", "confidence": 1, "steps": [{"kind": "add_column", "approve": true}]}'),
	('{"intent": "x", "confidence": 1, "steps": [{"kind": "add_column", "n": 1.5}]}'),
	('{"intent": "x", "confidence": 1, "steps": [{"kind": ["add_column"]}]}')) v(a);
SELECT selfheal.tool_arguments(s::jsonb, '{}') ->> 'schema_fault' AS schema_fault FROM (VALUES
	('{"type": "object"}'), ('{"type": "array", "items": {"type": "string"}}'),
	('{"type": "object", "properties": {}}'),
	('{"type": "object", "properties": {"a": {"type": "string", "maxLength": 5}}, "additionalProperties": false}'),
	('{"type": "object", "properties": {"a": {"type": "object", "properties": {}}}, "additionalProperties": false}'),
	('{"type": "object", "properties": {"a": {"type": "array", "items": {"enum": ["x"]}}}, "additionalProperties": false}'),
	('{"type": "object", "properties": {"a": 5}, "additionalProperties": false}'),
	('{"type": "object", "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 0}]}}, "additionalProperties": false}'),
	('{"type": "object", "properties": {"a": {"type": "string"}}, "required": [], "additionalProperties": false}')) v(s);

-- privileges are the caller's own
CREATE ROLE tl_viewer;
CREATE ROLE tl_part;
SELECT selfheal.grant_to('tl_viewer', 'viewer'), selfheal.grant_to('tl_part', 'viewer');
GRANT USAGE ON SCHEMA tl TO tl_viewer, tl_part;
SET ROLE tl_viewer;
SELECT selfheal.tool('inspect_schema', '{"table": "tl.orders"}') ->> 'text' AS text;
SELECT selfheal.tool('read_error_log', '{"table": "tl.orders"}') ->> 'text' AS text;
SELECT regexp_replace(selfheal.tool('sample_payloads', format('{"incident": %s}', :dates)::jsonb) ->> 'text', '[0-9]+', 'N') AS text;
\set VERBOSITY terse
SELECT selfheal.tool('sample_payloads', NULL, :dates);
\set VERBOSITY default
RESET ROLE;
-- full needs SELECT on the whole table
GRANT SELECT ON orders TO tl_viewer;
GRANT SELECT (id) ON orders TO tl_part;
SET ROLE tl_viewer;
SELECT selfheal.tool('sample_payloads', '{"limit": 1}', :dates) #>> '{structured,share_values}' AS shared;
SET ROLE tl_part;
SELECT selfheal.tool('sample_payloads', '{"limit": 1}', :dates) #>> '{structured,share_values}' AS shared;
RESET ROLE;
-- each call is an event: who, which tool, the hash of what was asked and not the words, how it ended, how long it took
SELECT a.actor_role, c ->> 'name' AS name, a.result, c ->> 'outcome' AS outcome, (c ->> 'ms')::numeric >= 0 AS ms, a.incident IS NOT NULL AS incident,
	c ->> 'arguments_sha256' = encode(sha256(convert_to(CASE WHEN a.incident IS NOT NULL THEN '{"limit": 1}'::jsonb
		WHEN c ->> 'name' = 'sample_payloads' THEN format('{"incident": %s}', :dates)::jsonb ELSE '{"table": "tl.orders"}' END::text, 'UTF8')), 'hex') AS hash,
	ARRAY(SELECT jsonb_object_keys(c)) AS keys
FROM selfheal.audit a, jsonb_array_elements(a.tools) c WHERE event = 'tool_called' AND actor_role LIKE 'tl_%' ORDER BY a.id;
SELECT selfheal.unwatch('orders');
DROP OWNED BY tl_viewer, tl_part;
DROP ROLE tl_viewer, tl_part;
DROP SCHEMA tl CASCADE;
