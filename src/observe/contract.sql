-- What payloads may do to a table: its contract.

CREATE TABLE selfheal.contract (
	relid regclass REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	kind text NOT NULL CHECK (kind IN ('columns', 'types')),
	mode text NOT NULL CHECK (mode IN ('evolve', 'freeze', 'discard_value', 'discard_row')),
	set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	set_by text NOT NULL,
	CONSTRAINT contract_once UNIQUE NULLS NOT DISTINCT (relid, kind)
);
COMMENT ON TABLE selfheal.contract IS 'what payloads may do to watched tables; goes where the watch goes, and with it';
COMMENT ON COLUMN selfheal.contract.relid IS 'the watched table; null: all that say nothing themselves';
COMMENT ON COLUMN selfheal.contract.kind IS 'columns: keys that are no column; types: values that do not fit their column''s type';
COMMENT ON COLUMN selfheal.contract.mode IS
'evolve: the row is held and the table may change for it; freeze: held, the table does not; discard_value: the row is stored as if the key were absent; discard_row: the row is not stored';
COMMENT ON COLUMN selfheal.contract.set_at IS 'when it was said';
COMMENT ON COLUMN selfheal.contract.set_by IS 'role that said so';
SELECT pg_catalog.pg_extension_config_dump('selfheal.contract', '');

CREATE FUNCTION selfheal.contract_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'selfheal_contract_changed' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.contract_changed() IS 'trigger of selfheal.contract: whoever knows a contract is to read it anew';
REVOKE ALL ON FUNCTION selfheal.contract_changed() FROM PUBLIC;

CREATE TRIGGER contract_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON selfheal.contract
	FOR EACH STATEMENT EXECUTE FUNCTION selfheal.contract_changed();
ALTER TABLE selfheal.contract ENABLE ALWAYS TRIGGER contract_changed;
COMMENT ON TRIGGER contract_changed ON selfheal.contract IS 'loads follow a change at its commit, however it was made';

-- A parameter that is null says nothing of its kind.
CREATE FUNCTION selfheal.set_contract(relation regclass DEFAULT NULL, columns text DEFAULT NULL, types text DEFAULT NULL,
	tables text DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_set_contract' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.set_contract(regclass, text, text, text) IS
'say what payloads may do to a watched table, or (null) to all that say nothing themselves: columns (keys that are no column) and types (values that do not fit their column''s type) are evolve, freeze, discard_value, discard_row or default; tables are always frozen; returns what counts now';
REVOKE ALL ON FUNCTION selfheal.set_contract(regclass, text, text, text) FROM PUBLIC;
