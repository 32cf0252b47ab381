-- Rows that wait, and rows in order, where both meet; what was found broken
-- once, each by a test that the old code fails.
SET client_min_messages = error;
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA attack3;
SET search_path = attack3;
CREATE FUNCTION kept(want regclass) RETURNS TABLE (class text, key text, payload text) LANGUAGE sql AS
$$ SELECT e.class, q.ordering_key, q.payload FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
   WHERE q.relid = want AND q.state = 'held' ORDER BY q.id $$;
CREATE FUNCTION states(want regclass) RETURNS TABLE (class text, state text, reason_kind text, held bigint) LANGUAGE sql AS
$$ SELECT i.class, i.state, i.reason_kind, (SELECT count(*) FROM selfheal.held h WHERE h.incident = i.id)
   FROM selfheal.incident i WHERE i.relid = want AND i.state NOT IN ('healed', 'dismissed') ORDER BY i.class, i.id $$;
\set idle 'SELECT selfheal.wait_idle(''30s'') ->> ''idle'' AS idle;'

-- two rows of one key wait for their parents: the later one's comes first, and
-- it does not pass the other; rows of other keys lie between them and pass
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (n serial, k int, step int, p int REFERENCES parent);
SELECT selfheal.watch('child', ordering_key => 'k');
INSERT INTO child_intake VALUES ('{"k": 3, "step": 1, "p": 7}'), ('{"k": 4, "step": 1, "p": 7}'), ('{"k": 1, "step": 1, "p": 1}'),
	('{"k": 2, "step": 1, "p": 2}'), ('{"k": 1, "step": 2, "p": 2}'), ('{"k": 2, "step": 2, "p": 1}'), ('{"k": 1, "step": 3}');
:idle
SELECT class, payload FROM kept('child');
INSERT INTO parent VALUES (2);
:idle
SELECT k, step FROM child ORDER BY n;
SELECT class, payload FROM kept('child');
SELECT * FROM states('child');
INSERT INTO parent VALUES (1), (7);
:idle
SELECT k, step FROM child WHERE k < 3 ORDER BY k, n;
SELECT * FROM states('child');
-- the same with a key that has a default, and by a person
CREATE TABLE defaulted (n serial, k int DEFAULT 1, step int, p int REFERENCES parent);
SELECT selfheal.watch('defaulted', ordering_key => 'k');
INSERT INTO defaulted_intake VALUES ('{"k": 3, "step": 1, "p": 17}'), ('{"k": 1, "step": 1, "p": 11}'), ('{"k": 1, "step": 2, "p": 12}'), ('{"step": 0, "p": 12}');
:idle
INSERT INTO parent VALUES (12);
:idle
SELECT k, step FROM defaulted ORDER BY n;
SELECT replayed, held FROM selfheal.replay('defaulted') AS r (replayed, held);
INSERT INTO parent VALUES (11);
:idle
SELECT k, step FROM defaulted ORDER BY n;

SELECT selfheal.unwatch(relid) FROM selfheal.watched WHERE relid::text ~ '^attack3|^(child|defaulted)$';
SET search_path = public;
DROP SCHEMA attack3 CASCADE;
