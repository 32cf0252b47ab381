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
	watched_by text NOT NULL DEFAULT current_user,
	on_conflict text NOT NULL DEFAULT 'hold' CHECK (on_conflict IN ('hold', 'skip_identical', 'update')),
	reject_limit text,
	rethink boolean NOT NULL DEFAULT false,
	keep_payload text NOT NULL DEFAULT 'transformed' CHECK (keep_payload IN ('transformed', 'all', 'none')),
	ordering_key text[],
	share_values text CHECK (share_values IN ('none', 'masked', 'full')),
	restraint text CHECK (restraint IN ('pause', 'propose')),
	replay_statements boolean NOT NULL DEFAULT false
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
COMMENT ON COLUMN selfheal.watched.on_conflict IS
'what becomes of a row whose key is stored already; hold: it is held; skip_identical: one that equals the stored row counts as present, another is held; update: it takes the stored row''s place';
COMMENT ON COLUMN selfheal.watched.reject_limit IS
'a load that would hold more rows fails as a whole: a number of rows, or a share as in 10 %; null: it never does';
COMMENT ON COLUMN selfheal.watched.rethink IS 'true: the worker is to look again at all that waits or had given up, since the team has said something of it';
COMMENT ON COLUMN selfheal.watched.keep_payload IS 'what was sent is kept in selfheal.kept: transformed: of rows that came by a mapping; all; none';
COMMENT ON COLUMN selfheal.watched.ordering_key IS
'columns whose rows are stored in the order in which they came: a row waits behind a held one that is equal in all of them; follows RENAME COLUMN; null: none';
COMMENT ON COLUMN selfheal.watched.replay_statements IS
'true: the row of a plain INSERT that failed is stored once, after the heal, if all its values and a key among them are known; false: it only tells what the table lacks, and the client sends it again';
COMMENT ON COLUMN selfheal.watched.share_values IS
'what a model, the server log and notifications are told of the values of its rows: none (class, length and type), masked (letters and digits replaced), full; null: what the setting selfheal.share_values says';
COMMENT ON COLUMN selfheal.watched.restraint IS
'what its tolerance (set_tolerance) does to the healer while the table is past it; pause: it has set paused, and takes it back; propose: every plan waits for a person; null: nothing';
-- Not unique: a restore brings numbers of views that are gone.
CREATE INDEX watched_intake ON selfheal.watched (intake);
SELECT pg_catalog.pg_extension_config_dump('selfheal.watched', '');

-- What is not given is null and keeps what was said before; a table that is
-- new gets mode auto, no team, on_conflict hold, no limit, keep_payload
-- transformed, no order, share_values as the setting says, and no
-- replay_statements.
CREATE FUNCTION selfheal.watch("table" regclass, mode text DEFAULT NULL, owner text DEFAULT NULL,
	on_conflict text DEFAULT NULL, reject_limit text DEFAULT NULL, keep_payload text DEFAULT NULL,
	ordering_key text DEFAULT NULL, share_values text DEFAULT NULL, replay_statements boolean DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_watch' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.watch(regclass, text, text, text, text, text, text, text, boolean) IS
'look after a table: makes <table>_intake(payload text) beside it and returns its name; called again it changes the options that are given: mode (observe, propose, auto), owner (team; empty: none), on_conflict (hold, skip_identical, update), reject_limit (1000, 10 %, none), keep_payload (transformed, all, none), ordering_key (a column, or several with commas between; empty: none), share_values (none, masked, full, default: what a model and the log are told of values), replay_statements (true: rows of plain INSERTs that failed are stored after the heal; needs a primary key or unique constraint)';
REVOKE ALL ON FUNCTION selfheal.watch(regclass, text, text, text, text, text, text, text, boolean) FROM PUBLIC;

-- reject_limit => 1000 without quotes.
CREATE FUNCTION selfheal.watch("table" regclass, reject_limit bigint, mode text DEFAULT NULL, owner text DEFAULT NULL,
	on_conflict text DEFAULT NULL, keep_payload text DEFAULT NULL, ordering_key text DEFAULT NULL,
	share_values text DEFAULT NULL, replay_statements boolean DEFAULT NULL)
RETURNS text
LANGUAGE sql VOLATILE
AS $$
	SELECT selfheal.watch("table", mode, owner, on_conflict, reject_limit::pg_catalog.text, keep_payload, ordering_key, share_values, replay_statements)
$$;
COMMENT ON FUNCTION selfheal.watch(regclass, bigint, text, text, text, text, text, text, boolean) IS 'the same, with a number of rows as reject_limit';
REVOKE ALL ON FUNCTION selfheal.watch(regclass, bigint, text, text, text, text, text, text, boolean) FROM PUBLIC;

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
