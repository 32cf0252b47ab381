--
-- What the topics about kinds of tables and sessions ask of a table. Functions
-- are made in the topic's own schema.
--
-- a table as one reads it: its rows, the rows held for it, its incidents, and
-- whether loads and replays account for all of them
CREATE FUNCTION tell(t regclass) RETURNS TABLE (what text, "row" text) LANGUAGE plpgsql AS $$
DECLARE
	rows bigint;
BEGIN
	RETURN QUERY EXECUTE format('SELECT ''stored'', "the row"::text FROM %s %s "the row" ORDER BY "the row"::text COLLATE "C"',
		CASE WHEN (SELECT relkind FROM pg_class WHERE oid = t) <> 'p' THEN 'ONLY' END, t);
	GET DIAGNOSTICS rows = ROW_COUNT;
	RETURN QUERY SELECT rtrim(format('held %s %s', e.class, e.column_name)), q.payload
		FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
		WHERE q.relid = t AND q.state = 'held' ORDER BY q.id;
	RETURN QUERY SELECT CASE WHEN i.state = 'failed' THEN 'tried again' ELSE i.state END, string_agg(DISTINCT rtrim(format('%s %s', i.class, i.column_name)) COLLATE "C", ', ')
		FROM selfheal.incident i WHERE i.relid = t GROUP BY 1 ORDER BY 1 DESC;
	IF rows IS DISTINCT FROM (SELECT coalesce(sum(stored), 0) FROM selfheal.load WHERE relid = t)
			+ (SELECT coalesce(sum(r.rows), 0) FROM selfheal.replayed r WHERE r.relid = t) THEN
		RETURN QUERY SELECT 'rows are missing, or stored twice', rows::text;
	END IF;
END $$;
-- how a table's columns are declared
CREATE FUNCTION columns(t regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = t AND attnum > 0 AND NOT attisdropped
$$;
-- a person says: look again
CREATE FUNCTION retry(t regclass) RETURNS void LANGUAGE sql AS $$
	SELECT selfheal.retry(id) FROM selfheal.incident WHERE relid = t AND state IN ('needs_human', 'awaiting_approval')
$$;
-- a person corrects the held row whose payload has this in it
CREATE FUNCTION amend(t regclass, which text, payload text) RETURNS void LANGUAGE sql AS $$
	SELECT selfheal.amend(id, amend.payload, 'corrected') FROM selfheal.quarantine q
	WHERE relid = t AND state = 'held' AND strpos(q.payload, which) > 0
$$;
\set idle 'SELECT selfheal.wait_idle(\'180s\') ->> \'idle\' AS idle;'
