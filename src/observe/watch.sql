-- Which tables are looked after, and their intake views.

CREATE TABLE selfheal.watched (
	relid regclass PRIMARY KEY,
	schema_name text NOT NULL,
	table_name text NOT NULL,
	intake regclass,
	mode text NOT NULL DEFAULT 'auto' CHECK (mode IN ('observe', 'propose', 'auto')),
	owner text,
	paused boolean NOT NULL DEFAULT false,
	watched_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	watched_by text NOT NULL DEFAULT current_user
);
COMMENT ON TABLE selfheal.watched IS 'tables that selfheal looks after, one row each';
COMMENT ON COLUMN selfheal.watched.watched_at IS 'since when';
COMMENT ON COLUMN selfheal.watched.watched_by IS 'who said so';
COMMENT ON COLUMN selfheal.watched.relid IS 'the table';
COMMENT ON COLUMN selfheal.watched.schema_name IS 'its schema, followed through SET SCHEMA';
COMMENT ON COLUMN selfheal.watched.table_name IS 'its name, followed through RENAME';
COMMENT ON COLUMN selfheal.watched.intake IS 'the view that producers load into';
COMMENT ON COLUMN selfheal.watched.mode IS 'observe: hold and record; propose: plans wait for a person; auto: policy decides';
COMMENT ON COLUMN selfheal.watched.owner IS 'the team to ask';
COMMENT ON COLUMN selfheal.watched.paused IS 'true: rows are held, nothing is planned or changed';
SELECT pg_catalog.pg_extension_config_dump('selfheal.watched', '');

CREATE FUNCTION selfheal.watch("table" regclass, mode text DEFAULT 'auto', owner text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_watch' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.watch(regclass, text, text) IS
'look after a table: makes <table>_intake(payload text) beside it and returns its name; called again it changes mode (observe, propose, auto) and owner (team)';
REVOKE ALL ON FUNCTION selfheal.watch(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION selfheal.unwatch("table" regclass)
RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_unwatch' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.unwatch(regclass) IS
'stop looking after a table: drops its intake view; held rows stay in selfheal.quarantine';
REVOKE ALL ON FUNCTION selfheal.unwatch(regclass) FROM PUBLIC;

CREATE FUNCTION selfheal.unwatch_all()
RETURNS bigint
AS 'MODULE_PATHNAME', 'selfheal_unwatch_all' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.unwatch_all() IS
'unwatch every table that the caller may unwatch; returns how many';
REVOKE ALL ON FUNCTION selfheal.unwatch_all() FROM PUBLIC;

-- A FOR ALL TABLES publication would carry our tables too: say so at once.
DO $$
DECLARE
	names text := (SELECT string_agg(quote_ident(pubname), ', ') FROM pg_catalog.pg_publication WHERE puballtables);
BEGIN
	IF names IS NOT NULL THEN
		RAISE WARNING USING MESSAGE = format('publication %s is FOR ALL TABLES and publishes the tables of selfheal too', names),
			HINT = 'Publish named tables or schemas instead: a subscriber that lacks these tables stops at their first row.';
	END IF;
END
$$;
