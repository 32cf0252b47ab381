-- Who waits for whom: keys with rows behind a held one.

-- At most 100,000 held rows of a table are looked at, in order of the index.
CREATE VIEW selfheal.blocked AS
SELECT w.relid, h.ordering_key AS key, k.rows - 1 AS rows_waiting, l.at AS since, h.id, h.error, e.class, e.column_name, e.incident
FROM selfheal.watched w
CROSS JOIN LATERAL (SELECT o.ordering_hash, count(*) AS rows
	FROM (SELECT q.ordering_hash FROM selfheal.quarantine q
		WHERE q.relid = w.relid AND q.ordering_hash IS NOT NULL ORDER BY q.ordering_hash, q.id LIMIT 100000) o
	GROUP BY o.ordering_hash HAVING count(*) > 1) k
CROSS JOIN LATERAL (SELECT q.id, q.error, q.load, q.ordering_key FROM selfheal.quarantine q
	WHERE q.relid = w.relid AND q.ordering_hash = k.ordering_hash ORDER BY q.id LIMIT 1) h
LEFT JOIN selfheal.load l ON l.id = h.load
LEFT JOIN selfheal.error e ON e.id = h.error
WHERE w.ordering_key IS NOT NULL;
COMMENT ON VIEW selfheal.blocked IS 'ordering keys with rows that wait, of all tables: what selfheal.waiting and selfheal.incidents show of them';
