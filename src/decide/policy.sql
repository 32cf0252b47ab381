-- decide/policy: what people have said of steps and their costs

CREATE TABLE selfheal.policy (
	relid regclass REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	step text CHECK (step IN ('add_column', 'widen_type', 'drop_not_null', 'add_enum_label', 'set_default',
		'set_generated_by_default', 'convert_type', 'extend_check_list', 'attach_partition', 'extend_sequence',
		'create_table', 'map_field', 'ignore_field', 'strip_nul', 'trim', 'null_if', 'map_value',
		'parse_timestamp', 'parse_number', 'parse_point', 'decode_text', 'overflow_to_jsonb')),
	cost text CHECK (cost IN ('metadata', 'scan', 'index', 'rewrite', 'dependents', 'published')),
	verdict text NOT NULL CHECK (verdict IN ('auto', 'review', 'deny')),
	set_by text NOT NULL,
	set_login text NOT NULL,
	set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	UNIQUE NULLS NOT DISTINCT (relid, step, cost)
);
COMMENT ON TABLE selfheal.policy IS
'rules of set_policy(): the most specific one counts, before what is built in; a rule of one table goes where its watch goes, and with it';
COMMENT ON COLUMN selfheal.policy.relid IS 'the watched table; null: all tables';
COMMENT ON COLUMN selfheal.policy.step IS 'kind of step; null: any';
COMMENT ON COLUMN selfheal.policy.cost IS
'what the step comes with; null: anything. metadata: nothing but the catalog; scan, index, rewrite: rows read, indexes built anew, rows written anew; dependents: objects that are made anew with the column; published: its table is in a publication';
COMMENT ON COLUMN selfheal.policy.verdict IS
'auto: runs by itself, within selfheal.auto_rewrite_limit and the mode of the table; review: waits for approve(); deny: is not planned';
COMMENT ON COLUMN selfheal.policy.set_by IS 'role that said so';
COMMENT ON COLUMN selfheal.policy.set_login IS 'role that it had logged in as: what that proposes over MCP does not run by this rule';
COMMENT ON COLUMN selfheal.policy.set_at IS 'when';
SELECT pg_catalog.pg_extension_config_dump('selfheal.policy', '');

CREATE FUNCTION selfheal.policy_changed() RETURNS trigger
AS 'MODULE_PATHNAME', 'selfheal_policy_changed' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.policy_changed() IS
'records a rule that is changed or goes, by whatever way: by set_policy(), with its table, or by hand';
REVOKE ALL ON FUNCTION selfheal.policy_changed() FROM PUBLIC;

-- Not for INSERT: a restore brings rules, and the audit that tells of them.
CREATE TRIGGER policy_changed AFTER UPDATE OR DELETE ON selfheal.policy
	FOR EACH ROW EXECUTE FUNCTION selfheal.policy_changed();
ALTER TABLE selfheal.policy ENABLE ALWAYS TRIGGER policy_changed;
COMMENT ON TRIGGER policy_changed ON selfheal.policy IS 'records what is changed or goes';
