-- decide/replication: subscriptions that stall

CREATE FUNCTION selfheal.stalls()
RETURNS TABLE (subscription oid, sqlstate text, message text, context text, times bigint, since timestamptz, last timestamptz)
AS 'MODULE_PATHNAME', 'selfheal_stalled' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.stalls() IS
'last errors of this database''s apply workers since the server started, one per subscription; see the view selfheal.stalled';
REVOKE ALL ON FUNCTION selfheal.stalls() FROM PUBLIC;

CREATE VIEW selfheal.stalled AS
SELECT u.subname::text AS subscription, s.sqlstate, s.message, s.context, s.times, s.since, s.last,
	CASE WHEN s.sqlstate = '23505' THEN 'a row is there already: change it here, or ALTER SUBSCRIPTION ... SKIP, which leaves out the whole transaction'
		WHEN s.sqlstate = '55000' THEN 'watched tables get the column by themselves; a table that is missing waits for approve() in selfheal.pending, then for ALTER SUBSCRIPTION ... REFRESH PUBLICATION'
		ELSE 'watched tables get the publisher''s type, where that is wider; else see the message' END AS hint
FROM selfheal.stalls() s JOIN pg_catalog.pg_stat_subscription u ON u.subid = s.subscription
WHERE s.last > pg_catalog.clock_timestamp() - interval '1 minute';
COMMENT ON VIEW selfheal.stalled IS 'subscriptions whose apply worker has failed within the last minute, again and again';
COMMENT ON COLUMN selfheal.stalled.subscription IS 'its name';
COMMENT ON COLUMN selfheal.stalled.sqlstate IS 'what PostgreSQL raises';
COMMENT ON COLUMN selfheal.stalled.message IS 'its message, up to 500 bytes';
COMMENT ON COLUMN selfheal.stalled.context IS 'where: table, column and position';
COMMENT ON COLUMN selfheal.stalled.times IS 'how often in a row';
COMMENT ON COLUMN selfheal.stalled.since IS 'the first of them';
COMMENT ON COLUMN selfheal.stalled.last IS 'the last';
COMMENT ON COLUMN selfheal.stalled.hint IS 'what becomes of it';
