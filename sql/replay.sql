-- replay(): held rows into their table in a session of one's own
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA replay;
SET search_path = replay;

-- what is recorded of a replay
CREATE TABLE ref (id int, v varchar(4));
SELECT selfheal.watch('ref', 'observe');
INSERT INTO ref_intake SELECT format('{"id": %s, "v": "longer"}', i) FROM generate_series(1, 9) i;
SELECT min(id) AS first FROM selfheal.quarantine WHERE relid = 'ref'::regclass \gset
SELECT selfheal.discard(:first + 3, 'not needed');
SELECT selfheal.amend(:first + 8, '{"id": 9, "v": "no"', 'worse than before');
ALTER TABLE ref ALTER v TYPE varchar(8);
SELECT encode(sha256(string_agg(convert_to(payload, 'UTF8') || '\x0a'::bytea, ''::bytea ORDER BY id)), 'hex') AS hash
FROM selfheal.quarantine WHERE relid = 'ref'::regclass AND state = 'held' AND payload LIKE '%}' \gset
SELECT * FROM selfheal.replay('ref');
SELECT string_agg(id || ' ' || v, ', ' ORDER BY ctid) FROM ref;
SELECT rows, (SELECT array_agg(lower(r) - :first || '..' || upper(r) - 1 - :first ORDER BY r) FROM unnest(ids) r) AS ids,
	sha256 = :'hash' AS hash, plan IS NULL AS by_a_person, role = current_user AS as_himself
FROM selfheal.replayed WHERE relid = 'ref'::regclass;
SELECT rows_held, rows_replayed, rows_left, payload_ref ->> 'rows' AS rows, payload_ref ->> 'sha256' = :'hash' AS hash,
	(SELECT jsonb_agg(jsonb_build_array((r ->> 0)::bigint - :first, (r ->> 1)::bigint - :first)) FROM jsonb_array_elements(payload_ref -> 'ids') r) AS ids
FROM selfheal.audit WHERE table_name = 'ref' AND event = 'replayed';
SELECT q.id - :first AS row, q.state, e.class, e.door FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
WHERE e.relid = 'ref'::regclass ORDER BY q.id;
-- once more: nothing is stored a second time
SELECT * FROM selfheal.replay('ref');
SELECT count(*) FROM ref;

-- nothing leaves the quarantine in a transaction that may not write
CREATE TABLE twice (id int, v varchar(4));
SELECT selfheal.watch('twice', 'observe');
INSERT INTO twice_intake SELECT format('{"id": %s, "v": "longer"}', i) FROM generate_series(1, 3) i;
ALTER TABLE twice ALTER v TYPE varchar(8);
BEGIN READ ONLY;
SELECT * FROM selfheal.replay('twice');
ROLLBACK;
-- rolled back in part
BEGIN;
SAVEPOINT s;
SELECT * FROM selfheal.replay('twice');
SELECT count(*) FROM twice;
ROLLBACK TO s;
SELECT count(*) FROM twice;
SELECT * FROM selfheal.replay('twice');
-- and rows that came in this very transaction
INSERT INTO twice_intake SELECT format('{"id": %s, "v": "longer than that"}', i) FROM generate_series(4, 6) i;
ALTER TABLE twice ALTER v TYPE text;
SELECT * FROM selfheal.replay('twice');
COMMIT;
SELECT string_agg(id || ' ' || v, ', ' ORDER BY id) FROM twice;
-- rows that this transaction has locked itself
ALTER TABLE twice ALTER v TYPE varchar(20);
INSERT INTO twice_intake SELECT format('{"id": %s, "v": "this is longer than twenty"}', i) FROM generate_series(7, 9) i;
ALTER TABLE twice ALTER v TYPE text;
BEGIN;
SELECT count(*) FROM (SELECT FROM selfheal.quarantine WHERE relid = 'twice'::regclass FOR UPDATE) l;
SELECT * FROM selfheal.replay('twice');
COMMIT;
SELECT count(*), count(DISTINCT id) FROM twice;

-- a trigger that replays the table that is just replayed
CREATE TABLE nested (id int, v varchar(4));
CREATE TABLE seen (id int, replayed bigint, held bigint);
CREATE FUNCTION nest() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO replay.seen SELECT NEW.id, r.* FROM selfheal.replay('replay.nested') r;
	RETURN NEW;
END $$;
SELECT selfheal.watch('nested', 'observe');
INSERT INTO nested_intake SELECT format('{"id": %s, "v": "longer"}', i) FROM generate_series(1, 3) i;
ALTER TABLE nested ALTER v TYPE varchar(8);
CREATE TRIGGER nest BEFORE INSERT ON nested FOR EACH ROW EXECUTE FUNCTION nest();
SELECT * FROM selfheal.replay('nested');
SELECT * FROM seen ORDER BY id;
SELECT count(*), count(DISTINCT id) FROM nested;

-- chunks end by bytes, too; large payloads come back as they were
CREATE TABLE large (id int, v varchar(4), doc text);
SELECT selfheal.watch('large', 'observe');
INSERT INTO large_intake SELECT format('{"id": %s, "v": "longer", "doc": "%s"}', i,
	repeat((SELECT string_agg(md5(i::text || g), '') FROM generate_series(1, 8000) g), CASE WHEN i = 1 THEN 12 ELSE 4 END)) FROM generate_series(1, 12) i;
INSERT INTO large_intake SELECT format('{"id": %s, "v": "longer", "doc": "%s"}', i, repeat('x', 1000000)) FROM generate_series(13, 14) i;
ALTER TABLE large ALTER v TYPE varchar(8);
SELECT * FROM selfheal.replay('large');
SELECT count(*), count(*) FILTER (WHERE doc = CASE WHEN id > 12 THEN repeat('x', 1000000)
	ELSE repeat((SELECT string_agg(md5(id::text || g), '') FROM generate_series(1, 8000) g), CASE WHEN id = 1 THEN 12 ELSE 4 END) END) AS same FROM large;
SELECT rows FROM selfheal.replayed WHERE relid = 'large'::regclass ORDER BY id;

-- a payload that is no text is tried as well, and stays
CREATE TABLE raw (id int, v varchar(4));
SELECT selfheal.watch('raw', 'observe');
COPY raw_intake FROM PROGRAM 'printf ''{"id": 1, "v": "\377"}\n{"id": 2, "v": "longer"}\n''' (FORMAT ndjson);
ALTER TABLE raw ALTER v TYPE varchar(8);
SELECT * FROM selfheal.replay('raw');
SELECT * FROM raw;
SELECT payload, payload_raw FROM selfheal.quarantine WHERE relid = 'raw'::regclass AND state = 'held';

SELECT selfheal.unwatch(t) FROM unnest(ARRAY['ref', 'twice', 'nested', 'large', 'raw']::regclass[]) t;
DROP SCHEMA replay CASCADE;
