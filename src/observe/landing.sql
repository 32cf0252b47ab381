-- Rows of tables that do not exist yet, by name.

CREATE TABLE selfheal.landing (
	schema_name text NOT NULL,
	set_by text NOT NULL,
	set_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX landing_one ON selfheal.landing ((true));
COMMENT ON TABLE selfheal.landing IS 'the schema in which tables may be made for rows of unknown ones; at most one row, by set_landing()';
COMMENT ON COLUMN selfheal.landing.schema_name IS 'the schema';
COMMENT ON COLUMN selfheal.landing.set_by IS 'who said so';
COMMENT ON COLUMN selfheal.landing.set_at IS 'when';
SELECT pg_catalog.pg_extension_config_dump('selfheal.landing', '');

CREATE SEQUENCE selfheal.arrival_id_seq;
COMMENT ON SEQUENCE selfheal.arrival_id_seq IS 'ids of arrivals';
CREATE TABLE selfheal.arrival (
	id bigint NOT NULL DEFAULT nextval('selfheal.arrival_id_seq'),
	table_name text NOT NULL,
	payload text NOT NULL,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	role text NOT NULL,
	timezone text NOT NULL DEFAULT current_setting('TimeZone'),
	datestyle text NOT NULL DEFAULT current_setting('DateStyle'),
	intervalstyle text NOT NULL DEFAULT current_setting('IntervalStyle'),
	search_path text NOT NULL,
	PRIMARY KEY (table_name, id)
);
ALTER SEQUENCE selfheal.arrival_id_seq OWNED BY selfheal.arrival.id;
COMMENT ON TABLE selfheal.arrival IS 'rows that came by land() for a table that does not exist, byte for byte; a row leaves it in the transaction that loads it';
COMMENT ON COLUMN selfheal.arrival.id IS 'number of the row';
COMMENT ON COLUMN selfheal.arrival.table_name IS 'the table in the landing schema that it is for';
COMMENT ON COLUMN selfheal.arrival.payload IS 'the payload as it was sent';
COMMENT ON COLUMN selfheal.arrival.at IS 'when it came';
COMMENT ON COLUMN selfheal.arrival.role IS 'who sent it: it is loaded as this role';
COMMENT ON COLUMN selfheal.arrival.timezone IS 'TimeZone of the session';
COMMENT ON COLUMN selfheal.arrival.datestyle IS 'DateStyle of the session';
COMMENT ON COLUMN selfheal.arrival.intervalstyle IS 'IntervalStyle of the session';
COMMENT ON COLUMN selfheal.arrival.search_path IS 'search_path of the session';
SELECT pg_catalog.pg_extension_config_dump('selfheal.arrival', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.arrival_id_seq', '');

CREATE FUNCTION selfheal.set_landing(schema text) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_set_landing' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.set_landing(text) IS
'name the schema in which tables may be made, after approval, for rows that land() brings of unknown ones; null: none is made any more. Needs ownership of the schema';
REVOKE ALL ON FUNCTION selfheal.set_landing(text) FROM PUBLIC;

CREATE FUNCTION selfheal.land(table_name text, payloads text[], OUT stored bigint, OUT held bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'selfheal_land' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.land(text, text[]) IS
'load JSON payloads into a table of the landing schema, by its bare name; while there is none of the name they are held, and a table for them waits for approval. Needs USAGE on the schema';
REVOKE ALL ON FUNCTION selfheal.land(text, text[]) FROM PUBLIC;
