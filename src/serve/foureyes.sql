-- May who has proposed a plan over MCP approve it as well?

CREATE TABLE selfheal.self_approval (
	relid regclass REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	allowed boolean NOT NULL,
	set_by text NOT NULL,
	set_login text NOT NULL,
	set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	UNIQUE NULLS NOT DISTINCT (relid)
);
COMMENT ON TABLE selfheal.self_approval IS
'what set_self_approval() said: may the login that proposed a plan over MCP approve it? A table''s own word comes before that of all tables; without one it may not';
COMMENT ON COLUMN selfheal.self_approval.relid IS 'the watched table; null: all tables';
COMMENT ON COLUMN selfheal.self_approval.allowed IS 'may it?';
COMMENT ON COLUMN selfheal.self_approval.set_by IS 'role that said so';
COMMENT ON COLUMN selfheal.self_approval.set_login IS 'role that it had logged in as: of its own plans it has not said it';
COMMENT ON COLUMN selfheal.self_approval.set_at IS 'when';
SELECT pg_catalog.pg_extension_config_dump('selfheal.self_approval', '');

CREATE FUNCTION selfheal.set_self_approval(relation regclass DEFAULT NULL, allowed boolean DEFAULT NULL) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_set_self_approval' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.set_self_approval(regclass, boolean) IS
'may an agent approve what it has proposed over MCP itself, on this watched table (null: on all)? Without a word it may not; what a login says here counts for the plans of others, never for its own. allowed null: takes the word back';
REVOKE ALL ON FUNCTION selfheal.set_self_approval(regclass, boolean) FROM PUBLIC;
