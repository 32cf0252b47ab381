--
-- \u0000 in a payload: held, unless a policy of the table names strip_nul; then
-- left out of texts and JSON by a mapping that the held rows prove.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA nulchars;
SET search_path = nulchars, public;
\getenv abs_srcdir PG_ABS_SRCDIR
\set tell :abs_srcdir '/test/lib/tell.sql'
\set ECHO none
\i :tell
\set ECHO all
CREATE FUNCTION cases(what regclass) RETURNS TABLE (class text, col text, state text, reason text) LANGUAGE sql AS $$
	SELECT i.class, i.column_name, i.state, i.reason FROM selfheal.incident i WHERE i.relid = what ORDER BY i.id
$$;
CREATE FUNCTION readings(what regclass) RETURNS TABLE (kind text, key text, col text, args jsonb, state text, proven bigint) LANGUAGE sql AS $$
	SELECT m.kind, m.field, m.column_name, m.args, m.state, m.proven_rows FROM selfheal.mapping m WHERE m.relid = what ORDER BY m.id
$$;

-- by default it is held, whatever else runs by itself
CREATE TABLE notes (id int, note text, doc jsonb, raw json, tags text[], short varchar(3), n int);
SELECT selfheal.watch('notes'), selfheal.set_policy('notes', NULL, 'metadata', 'auto');
INSERT INTO notes_intake VALUES ('{"id": 1, "note": "a\u0000b"}'), ('{"id": 2, "note": "\\u0000 stays"}');
:idle
SELECT * FROM cases('notes');
SELECT * FROM tell('notes');
-- the policy: ask
SELECT selfheal.set_policy('notes', 'strip_nul', NULL, 'review');
:idle
SELECT sql, verdict, policy, rows_waiting FROM selfheal.pending WHERE table_name = 'nulchars.notes';
SELECT explanation, options, inverse, dry_run -> 'held_stored' AS proven FROM selfheal.plan WHERE relid = 'notes'::regclass AND state = 'awaiting_approval';
SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'nulchars.notes';
:idle
SELECT * FROM tell('notes');
SELECT * FROM readings('notes');
-- what was sent is kept; the next ones come in at once
INSERT INTO notes_intake VALUES ('{"id": 3, "note": "\u0000"}'), ('{"id": 4, "note": "\u0000\u0000x\\\u0000\"y\u00e9\ud83d\ude00\u0000"}');
SELECT stored, held FROM selfheal.last_load();
SELECT id, note FROM notes ORDER BY id;
SELECT payload, mappings <> '{}' AS by_mapping FROM selfheal.originals WHERE table_name = 'nulchars.notes' ORDER BY payload COLLATE "C";
-- the policy: by itself. Nested values, JSON, lists of texts
SELECT selfheal.set_policy('notes', 'strip_nul', NULL, 'auto');
INSERT INTO notes_intake VALUES ('{"id": 5, "doc": {"a": ["x\u0000y", {"b\u0000c": "\\u0000"}], "n": 1.50}}'), ('{"id": 6, "raw": {"a":  "x\u0000y"}}'), ('{"id": 7, "tags": ["p\u0000q", "r"], "short": "\u0000abc"}'), ('{"id": 8, "short": "abcd\u0000", "note": "z\u0000"}');
:idle
SELECT * FROM tell('notes');
SELECT kind, col, state FROM readings('notes');
SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'notes'::regclass AND attname = 'short';
-- never: a number, a key, the half of a pair that would find another half
INSERT INTO notes_intake VALUES ('{"id": 9, "n": "1\u00002"}'), ('{"id": 10, "no\u0000te": "x"}'), ('{"id": 11, "note": "\u0000\ud83d\u0000\ude00"}'), ('{"id": 12, "note": "ok\u0000", "n": "\u00003"}'), ('{"id": 13, "note": "a\u0000", "note": "a"}');
:idle
SELECT * FROM cases('notes') WHERE state <> 'healed';
SELECT what, "row" FROM tell('notes') WHERE what LIKE 'held%';
SELECT * FROM notes WHERE id > 8;
-- a new key beside it is added; one that brings the character itself is held: it has no column that could do without
INSERT INTO notes_intake VALUES ('{"id": 14, "note": "k\u0000", "extra": "e"}'), ('{"id": 15, "note": "k\u0000", "more": "e\u0000f"}');
:idle
SELECT id, note, extra FROM notes WHERE id > 13 ORDER BY id;
SELECT what, "row" FROM tell('notes') WHERE what LIKE 'held% more';
-- undone by one call: the next one is held, and nobody asks again
SELECT selfheal.remove_mapping(id) FROM selfheal.mapping WHERE relid = 'notes'::regclass AND column_name = 'note' AND state = 'active';
INSERT INTO notes_intake VALUES ('{"id": 16, "note": "h\u0000"}');
:idle
SELECT class, col, state, regexp_replace(reason, 'mapping [0-9]+', 'mapping N') AS reason FROM cases('notes') WHERE col = 'note' AND state <> 'healed';
-- the policy: no
CREATE TABLE denied (id int, note text);
SELECT selfheal.watch('denied'), selfheal.set_policy('denied', 'strip_nul', NULL, 'deny');
INSERT INTO denied_intake VALUES ('{"id": 1, "note": "a\u0000b"}');
:idle
SELECT * FROM cases('denied');
-- a person says it himself, without a policy
\set VERBOSITY terse
SELECT selfheal.add_mapping('denied', 'strip_nul', 'id');
SELECT selfheal.add_mapping('denied', 'strip_nul', 'note', '{"all": true}');
SELECT selfheal.add_mapping('denied', 'strip_nul', 'nope');
\set VERBOSITY default
SELECT selfheal.add_mapping('denied', 'strip_nul', 'note') > 0 AS added;
:idle
SELECT * FROM tell('denied');
SELECT proven FROM readings('denied');
-- other notations of the column read what is left; keys and rest that go elsewhere count by their column
CREATE TABLE elsewhere (id int, at text, word text, rest jsonb);
SELECT selfheal.watch('elsewhere');
SELECT selfheal.add_mapping('elsewhere', 'map_field', 'old', column_name => 'word') > 0, selfheal.add_mapping('elsewhere', 'trim', 'word') > 0, selfheal.add_mapping('elsewhere', 'overflow_to_jsonb', NULL, column_name => 'rest') > 0;
INSERT INTO elsewhere_intake VALUES ('{"id": 1, "old": " \u0000x "}'), ('{"id": 2, "what": "y\u0000"}');
:idle
SELECT what FROM tell('elsewhere');
SELECT selfheal.add_mapping('elsewhere', 'strip_nul', 'old', column_name => 'word') > 0 AS added;
:idle
SELECT * FROM elsewhere ORDER BY id;
SELECT selfheal.add_mapping('elsewhere', 'strip_nul', 'rest') > 0 AS added;
:idle
SELECT * FROM elsewhere ORDER BY id;
SELECT count(selfheal.discard(q.id, 'end of the test')) > 0 AS discarded FROM selfheal.quarantine q JOIN pg_class c ON c.oid = q.relid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE q.state = 'held' AND n.nspname = 'nulchars';
DROP SCHEMA nulchars CASCADE;
:idle
